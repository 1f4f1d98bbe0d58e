/*
 * sweep.c - all targets of a path of plain steps, level by level.
 *
 * A walk (walk.c) goes deep first and waits for the memory at each row, as the rows of a relation lie anywhere: three steps are three
 * misses of the cache, one after the other. Where all targets are wanted, and every hop goes along a reference without order, offset and
 * limit, the rows of one level give those of the next in the same order as the walk would meet them; and then a few rows are asked of the
 * memory together: their keys as soon as they have been met, then where the index has these keys, then the rows of lists that lie
 * elsewhere. Each is asked for one batch before it is needed.
 *
 * Measured on three steps to 200 targets, for 1,000 rows on a busy machine: 60 us each by walking, 22 us by asking for keys and
 * indexes alone, 10 us so.
 *
 * Invariant: `rows` of a level are live, in order of encounter, each once if the path is asked for distinct targets.
 * Cost: the rows of all levels, and memory for those of two. SN_NOMEM.
 */
#include "path.h"

#include "reference.h"
#include "rows.h"

#define TOGETHER 64 /* rows that are asked for at once */

bool
sn__path_sweeps(const sn_path *p)
{
    bool all = p->n > 1;
    for (size_t i = 0; i < p->n; i++) {
        const sn__hop *h = &p->hops[i];
        all &= h->kind == SN_HOP_REFERENCE && !sn__hop_is_cut(h) && (h->order_len == 0 || !h->backward);
    }
    return all;
}

/* ---------------------------------------------------------------- a few rows together */

/* Rows of a level on their way along a hop, as far as they have come. */
typedef struct batch {
    size_t n;
    bool leads[TOGETHER]; /* whether the row has a key */
    sn_word keys[TOGETHER][SN_MAX_KEY];
    sn_posting_view views[TOGETHER];
    sn_row ones[TOGETHER]; /* where the views of single rows look */
} batch;

static void
ask_for_keys(const sn__hop *h, const sn_row *rows, size_t n)
{
    const sn_index *here = h->backward ? h->reference->to : h->reference->from;
    sn_word *const *blocks = here->table->columns[here->columns[here->column_count - 1]].blocks;
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(&blocks[rows[i] >> SN_BLOCK_SHIFT][rows[i] & SN_BLOCK_MASK]);
    }
}

/* A key of one column that is never null and stands there as it is. */
static bool
has_plain_key(const sn__hop *h)
{
    const sn_index *here = h->backward ? h->reference->to : h->reference->from;
    return here->column_count == 1 && here->plain == 1 && !h->reference->member
           && !here->table->columns[here->columns[0]].nulls;
}

static bool
read_key(sn_word *key, const sn__hop *h, sn_row row)
{
    return h->backward ? sn__reference_referring(key, h->reference, row) : sn__reference_target(key, h->reference, row);
}

/* Takes the keys of the next rows, and asks for where the index has them. */
static void
read_keys(batch *b, const sn__hop *h, const sn_row *rows, size_t n)
{
    const sn_index *here = h->backward ? h->reference->to : h->reference->from;
    const sn_index *there = h->backward ? h->reference->from : h->reference->to;
    bool plain = has_plain_key(h);
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        if (plain) {
            b->keys[i][0] = sn__word(here->table, rows[i], here->columns[0]);
        }
        b->leads[i] = plain || read_key(b->keys[i], h, rows[i]);
        if (b->leads[i]) {
            sn__index_ask(there, b->keys[i]);
        }
    }
}

/* Finds what the keys lead to, and asks for the rows of lists that lie elsewhere. Returns how many there are. */
static size_t
find_views(batch *b, const sn__hop *h)
{
    const sn_index *there = h->backward ? h->reference->from : h->reference->to;
    size_t count = 0;
    for (size_t i = 0; i < b->n; i++) {
        b->views[i] = (sn_posting_view){0};
        if (b->leads[i]) {
            b->views[i] = sn__index_view(there, b->keys[i], &b->ones[i]);
            __builtin_prefetch(b->views[i].rows);
            count += b->views[i].count;
        }
    }
    return count;
}

/* ---------------------------------------------------------------- one level */

/* One level on its way to the next. */
typedef struct level {
    sn_db *db;
    const sn__hop *hop;
    sn__seen *met;        /* of the hop's joint, or NULL: rows may come several times */
    sn_rows *next;        /* NULL: they are only counted */
    const sn__hop *after; /* to what their keys are asked for as they come, or NULL */
    size_t count;         /* of those that are counted */
} level;

/* Whether a row, or hole, is passed on; it has been met then. */
static sn_status
is_wanted(bool *out, const level *l, sn_row row)
{
    sn_status status = SN_OK;
    *out = row != SN_NO_ROW;
    if (*out && l->hop->where != SN_NO_NODE) {
        status = sn__hop_holds(out, l->hop, row);
    }
    return status == SN_OK && *out && l->met ? sn__seen_add(out, l->db, l->met, row, l->hop->to->positions) : status;
}

/* To the next level, which has room for what is no hole (a list does not end with one). Their keys are asked for at once. */
static void
pass(const level *l, const sn_row *rows, size_t n)
{
    sn_row *end = l->next->rows + l->next->n;
    size_t passed = 0;
    for (size_t i = 0; i < n; i++) {
        end[passed] = rows[i];
        passed += rows[i] != SN_NO_ROW;
    }
    l->next->n += passed;
    if (l->after) {
        ask_for_keys(l->after, end, passed);
    }
}

/* Passes on, or counts, those of the rows that are wanted. */
static sn_status
sift(level *l, sn_posting_view view)
{
    sn_status status = SN_OK;
    for (size_t i = 0; i < view.len && status == SN_OK; i++) {
        bool wanted;
        status = is_wanted(&wanted, l, view.rows[i]);
        if (status == SN_OK && wanted && l->next) {
            pass(l, &view.rows[i], 1);
        }
        l->count += status == SN_OK && wanted;
    }
    return status;
}

/* Passes on, or counts, what a batch leads to: so many rows. */
static sn_status
pass_batch(level *l, const batch *b, size_t count)
{
    bool all = !l->met && l->hop->where == SN_NO_NODE;
    if (all && !l->next) {
        l->count += count;
        return SN_OK;
    }
    sn_status status = l->next ? sn_rows_reserve(l->db, l->next, count) : SN_OK;
    for (size_t i = 0; i < b->n && status == SN_OK; i++) {
        if (!all) {
            status = sift(l, b->views[i]);
        } else if (b->views[i].len > 0) {
            pass(l, b->views[i].rows, b->views[i].len);
        }
    }
    return status;
}

/* How many of n rows are taken together from `start` on. */
static size_t
few(size_t n, size_t start)
{
    return n - start < TOGETHER ? n - start : TOGETHER;
}

/* The keys of the rows from `start` on; those after them are asked for. */
static void
take(batch *b, const sn__hop *h, const sn_row *rows, size_t n, size_t start)
{
    size_t after = start + TOGETHER;
    if (after < n) {
        ask_for_keys(h, rows + after, few(n, after));
    }
    if (start < n) {
        read_keys(b, h, rows + start, few(n, start));
    }
}

/* While a batch is passed on, the keys of the next have been read, and those of the one after it are on their way. */
static sn_status
sweep_level(level *l, const sn_row *rows, size_t n)
{
    batch batches[2];
    sn_status status = SN_OK;
    take(&batches[0], l->hop, rows, n, 0);
    for (size_t start = 0; start < n && status == SN_OK; start += TOGETHER) {
        batch *here = &batches[start / TOGETHER % 2], *next = &batches[(start / TOGETHER + 1) % 2];
        take(next, l->hop, rows, n, start + TOGETHER);
        size_t count = find_views(here, l->hop);
        status = pass_batch(l, here, count);
    }
    return status;
}

/* Replaces the rows of a level by those of the next, or counts them. */
static sn_status
sweep_hop(sn_rows *rows, size_t *count, const sn_path *p, size_t at, bool distinct)
{
    sn__seen met = {0};
    sn_rows next = {0};
    const sn__hop *h = &p->hops[at];
    bool last = at + 1u == p->n;
    level l = {
        p->db, h, distinct && h->joint != SN__NO_JOINT ? &met : NULL, count && last ? NULL : &next, last ? NULL : h + 1,
        0};
    sn_status status = sweep_level(&l, rows->rows, rows->n);
    sn__seen_free(p->db, &met);
    sn_rows_free(p->db, rows);
    *rows = next;
    if (count && last) {
        *count = l.count;
    }
    return status;
}

static sn_status
sweep(sn_rows *rows, size_t *count, const sn_path *p, sn_row from, bool distinct)
{
    sn_status status = sn_rows_push(p->db, rows, from);
    for (size_t i = 0; i < p->n && status == SN_OK; i++) {
        status = sweep_hop(rows, count, p, i, distinct);
    }
    return status;
}

sn_status
sn__path_sweep(sn_rows *out, const sn_path *p, sn_row from, bool distinct)
{
    sn_rows rows = {0};
    sn_status status = sweep(&rows, NULL, p, from, distinct);
    status = status ? status : sn__rows_append(p->db, out, (sn_posting_view){rows.rows, rows.n, rows.n});
    sn_rows_free(p->db, &rows);
    return status;
}

sn_status
sn__path_sweep_count(size_t *out, const sn_path *p, sn_row from, bool distinct)
{
    sn_rows rows = {0};
    *out = 0;
    sn_status status = sweep(&rows, out, p, from, distinct);
    sn_rows_free(p->db, &rows);
    return status;
}
