/*
 * group.c - aggregates over rows, and grouping by the equality of keys.
 *
 * Rows are taken in batches: the values of a batch are evaluated into cells, then added up, so that a plain column
 * costs a copy and not an evaluation.
 *
 * Grouping is a hash of groups, open addressing at load one half, a slot being (32 bits of hash, group). Each group
 * keeps the cells of its first row's keys. Equality is that of keys: null equals null, all NaN are one, -0.0 is 0.0,
 * text is equal by its bytes. Groups are numbered in order of first encounter. Dense ints need no special case: the
 * multiplicative hash and one probe cost less than reading the row.
 *
 * Cost: O(rows * keys). Memory: O(groups), and a batch. When something is refused, *firsts is as it was.
 */
#include "query.h"

#include <assert.h>
#include <string.h>

#define BATCH 512

static sn_status
check_rows(const sn_expr *e, const sn_table *t, const sn_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!sn__stored(t, rows[i])) {
            return sn__fail(e->db, (sn_error){.status = SN_STALE, .table = t, .row = rows[i], .other = SN_NO_ROW});
        }
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- aggregates */

static void
add_batch(sn__tally *tallies, const sn_db *db, sn_agg_op op, sn_type type, const sn_cell *cells,
          const uint32_t *group_of, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!cells[i].null) {
            sn__tally_add(&tallies[group_of ? group_of[i] : 0], db, op, type, cells[i].word);
        }
    }
}

/* Adds all rows to the tally of their group (group_of NULL: to the only one). */
static sn_status
tally_rows(sn__tally *tallies, sn_agg_op op, const sn_expr *e, sn_node value, const sn_table *t, const sn_row *rows,
           const uint32_t *group_of, size_t n)
{
    sn_cell cells[BATCH];
    sn_status status = SN_OK;
    for (size_t at = 0; at < n && status == SN_OK; at += BATCH) {
        size_t some = n - at < BATCH ? n - at : BATCH;
        status = sn__eval_rows(cells, e, value, t, rows + at, some);
        if (status == SN_OK) {
            add_batch(tallies, e->db, op, sn__term_at(e, value)->type, cells, group_of ? group_of + at : NULL, some);
        }
    }
    return status;
}

/* The type of the result; SN_MISUSE when the aggregate has no meaning for the value. */
static sn_status
check_aggregate(sn_type *type, sn_agg_op op, const sn_expr *e, sn_node value, const sn_table *t)
{
    if (value == SN_NO_NODE) {
        *type = SN_INT;
        return op == SN_COUNT ? SN_OK : SN_MISUSE;
    }
    bool fits = sn__expr_fits(e, value, false, t);
    return fits && sn__tally_type(type, op, sn__term_at(e, value)->type) ? SN_OK : SN_MISUSE;
}

sn_status
sn_query_aggregate(sn_cell *out, sn_type *type, sn_agg_op op, sn_expr *e, sn_node value, const sn_table *t,
                   const sn_row *rows, size_t n)
{
    sn_status status = check_aggregate(type, op, e, value, t);
    if (status) {
        return sn__failed(t->db, status);
    }
    sn__tally tally = {.n = value == SN_NO_NODE ? n : 0};
    if (value == SN_NO_NODE) {
        return sn__tally_result(out, &tally, op, SN_INT);
    }
    status = check_rows(e, t, rows, n);
    if (status) {
        return status;
    }
    status = tally_rows(&tally, op, e, value, t, rows, NULL, n);
    status = status ? status : sn__tally_result(out, &tally, op, sn__term_at(e, value)->type);
    return sn__failed(t->db, status);
}

static sn_status
group_results(sn_cell *out, const sn__tally *tallies, sn_agg_op op, sn_type type, size_t ngroups)
{
    sn_status status = SN_OK;
    for (size_t g = 0; g < ngroups && status == SN_OK; g++) {
        status = sn__tally_result(&out[g], &tallies[g], op, type);
    }
    return status;
}

static void
count_rows(sn_cell *out, const uint32_t *group_of, size_t n, size_t ngroups)
{
    for (size_t g = 0; g < ngroups; g++) {
        out[g] = (sn_cell){0, false};
    }
    for (size_t i = 0; i < n; i++) {
        out[group_of[i]].word++;
    }
}

sn_status
sn_query_group_aggregate(sn_cell *out, sn_type *type, sn_agg_op op, sn_expr *e, sn_node value, const sn_table *t,
                         const sn_row *rows, const uint32_t *group_of, size_t n, size_t ngroups)
{
    sn_status status = check_aggregate(type, op, e, value, t);
    if (status) {
        return sn__failed(t->db, status);
    }
    if (value == SN_NO_NODE) {
        count_rows(out, group_of, n, ngroups);
        return SN_OK;
    }
    status = check_rows(e, t, rows, n);
    if (status || ngroups == 0) {
        return status;
    }
    sn_mem *m = &t->db->mem;
    sn__tally *tallies = ngroups < SIZE_MAX / sizeof *tallies ? sn_mem_zero(m, ngroups * sizeof *tallies) : NULL;
    if (!tallies) {
        return sn__failed(t->db, SN_NOMEM);
    }
    status = tally_rows(tallies, op, e, value, t, rows, group_of, n);
    status = status ? status : group_results(out, tallies, op, sn__term_at(e, value)->type, ngroups);
    sn_mem_free(m, tallies, ngroups * sizeof *tallies);
    return sn__failed(t->db, status);
}

/* ---------------------------------------------------------------- groups */

typedef struct slot {
    uint32_t hash;
    uint32_t group; /* + 1; 0: free */
} slot;

typedef struct grouping {
    sn_db *db;
    const sn_expr *expr;
    const sn_table *table;
    const sn_node *keys;
    size_t nkeys;
    slot *slots;
    size_t cap;      /* a power of two */
    sn_cell *firsts; /* nkeys cells of each group */
    size_t firsts_cap;
    size_t n;       /* groups */
    sn_cell *cells; /* of a batch: BATCH cells of each key */
    sn_rows *rows;  /* the first of each group */
    bool one_word;  /* a single inline key, the most common case: no types to look at */
} grouping;

static bool
is_one_word(sn_type type)
{
    return sn_types[type].flags & SN_T_INLINE;
}

/* Inline words become their keys, so that equality is that of words. */
static void
normalise(sn_cell *cells, size_t n, sn_type type)
{
    for (size_t i = 0; i < n; i++) {
        cells[i].word = cells[i].null ? 0 : sn__inline_key(type, cells[i].word);
    }
}

static uint64_t
cell_hash(const grouping *g, sn_type type, sn_cell cell)
{
    if (cell.null) {
        return 0x9e3779b9u;
    }
    return is_one_word(type) ? sn_hash_word(cell.word) : sn_hash_value(g->db, type, cell.word);
}

static uint32_t
row_hash(const grouping *g, size_t i)
{
    if (g->one_word) {
        return (uint32_t)(g->cells[i].word * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    }
    uint64_t hash = 0;
    for (size_t k = 0; k < g->nkeys; k++) {
        hash = hash * 31 + cell_hash(g, sn__term_at(g->expr, g->keys[k])->type, g->cells[k * BATCH + i]);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static bool
same_cell(const grouping *g, sn_type type, sn_cell a, sn_cell b)
{
    if (a.null || b.null) {
        return a.null && b.null;
    }
    return a.word == b.word || (!is_one_word(type) && sn_equal(g->db, type, a.word, b.word));
}

static bool
is_group(const grouping *g, size_t group, size_t i)
{
    if (g->one_word) {
        return g->firsts[group].word == g->cells[i].word && g->firsts[group].null == g->cells[i].null;
    }
    for (size_t k = 0; k < g->nkeys; k++) {
        sn_type type = sn__term_at(g->expr, g->keys[k])->type;
        if (!same_cell(g, type, g->firsts[group * g->nkeys + k], g->cells[k * BATCH + i])) {
            return false;
        }
    }
    return true;
}

/* The slot of row i of the batch, or the free one where it belongs. */
static slot *
find_slot(const grouping *g, uint32_t hash, size_t i)
{
    size_t at = hash & (g->cap - 1);
    while (g->slots[at].group && !(g->slots[at].hash == hash && is_group(g, g->slots[at].group - 1, i))) {
        at = (at + 1) & (g->cap - 1);
    }
    return &g->slots[at];
}

static sn_status
grow_slots(grouping *g)
{
    size_t cap = g->cap ? g->cap * 2 : SN_FIRST_CAPACITY * 2;
    slot *slots = sn_mem_zero(&g->db->mem, cap * sizeof *slots);
    if (!slots) {
        return SN_NOMEM;
    }
    for (size_t i = 0; i < g->cap; i++) {
        size_t at = g->slots[i].hash & (cap - 1);
        while (g->slots[i].group && slots[at].group) {
            at = (at + 1) & (cap - 1);
        }
        if (g->slots[i].group) {
            slots[at] = g->slots[i];
        }
    }
    sn_mem_free(&g->db->mem, g->slots, g->cap * sizeof *g->slots);
    g->slots = slots;
    g->cap = cap;
    return SN_OK;
}

static sn_status
add_group(grouping *g, slot *s, uint32_t hash, size_t i, sn_row row)
{
    sn_status status = sn_mem_grow(&g->db->mem, &g->firsts, &g->firsts_cap, (g->n + 1) * g->nkeys, sizeof *g->firsts);
    status = status ? status : sn_rows_push(g->db, g->rows, row);
    if (status) {
        return status;
    }
    for (size_t k = 0; k < g->nkeys; k++) {
        g->firsts[g->n * g->nkeys + k] = g->cells[k * BATCH + i];
    }
    g->n++;
    *s = (slot){hash, (uint32_t)g->n};
    return SN_OK;
}

static sn_status
group_row(uint32_t *out, grouping *g, size_t i, sn_row row)
{
    if (2 * (g->n + 1) > g->cap) {
        sn_status status = grow_slots(g);
        if (status) {
            return status;
        }
    }
    uint32_t hash = row_hash(g, i);
    slot *s = find_slot(g, hash, i);
    sn_status status = s->group ? SN_OK : add_group(g, s, hash, i, row);
    *out = s->group - 1;
    return status;
}

static sn_status
group_batch(uint32_t *out, grouping *g, const sn_row *rows, size_t n)
{
    sn_status status = SN_OK;
    for (size_t k = 0; k < g->nkeys && status == SN_OK; k++) {
        sn_type type = sn__term_at(g->expr, g->keys[k])->type;
        status = sn__eval_rows(g->cells + k * BATCH, g->expr, g->keys[k], g->table, rows, n);
        if (status == SN_OK && is_one_word(type)) {
            normalise(g->cells + k * BATCH, n, type);
        }
    }
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = group_row(&out[i], g, i, rows[i]);
    }
    return status;
}

static sn_status
check_group(const sn_expr *e, const sn_node *keys, size_t nkeys, const sn_table *t)
{
    for (size_t k = 0; k < nkeys; k++) {
        if (!sn__expr_fits(e, keys[k], false, t)) {
            return SN_MISUSE;
        }
    }
    return nkeys > UINT16_MAX ? SN_LIMIT : SN_OK;
}

sn_status
sn_query_group(uint32_t *group_of, sn_rows *firsts, sn_expr *e, const sn_node *keys, size_t nkeys, const sn_table *t,
               const sn_row *rows, size_t n)
{
    sn_status status = sn__failed(t->db, check_group(e, keys, nkeys, t));
    status = status ? status : check_rows(e, t, rows, n);
    if (status) {
        return status;
    }
    sn_mem *m = &t->db->mem;
    size_t before = firsts->n, batch = (nkeys + 1) * BATCH * sizeof(sn_cell);
    grouping g = {.db = t->db, .expr = e, .table = t, .keys = keys, .nkeys = nkeys, .rows = firsts};
    g.one_word = nkeys == 1 && is_one_word(sn__term_at(e, keys[0])->type);
    g.cells = sn_mem_new(m, batch);
    status = g.cells ? SN_OK : SN_NOMEM;
    for (size_t at = 0; at < n && status == SN_OK; at += BATCH) {
        status = group_batch(group_of + at, &g, rows + at, n - at < BATCH ? n - at : BATCH);
    }
    sn_mem_free(m, g.cells, g.cells ? batch : 0);
    sn_mem_free(m, g.firsts, g.firsts_cap * sizeof *g.firsts);
    sn_mem_free(m, g.slots, g.cap * sizeof *g.slots);
    firsts->n = status ? before : firsts->n;
    return sn__failed(t->db, status);
}
