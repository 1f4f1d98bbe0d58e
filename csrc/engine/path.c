/*
 * path.c - relations as hops in sequence, and the operations on them.
 *
 * A hop goes forward (from a referring row, through its foreign key and the unique index of the other table, to at most
 * one row) or backward (from a row, through its key and the index over the foreign key, to the rows that refer to it,
 * in order of arrival). Its where, order and limit apply to the rows of that step from one row. A single step takes the
 * first.
 *
 * Walking is depth first, so the targets come in the order in which nested loops would meet them, and a visitor can end
 * the walk at any point. Postings are borrowed: nothing is changed during a walk.
 *
 * Each target once. A row has one parent by a given reference, so going backward from distinct rows gives distinct
 * rows: only a forward step after a to-many step (a joint) can arrive somewhere twice. Each joint has a set of rows
 * met; passing over a row met before loses nothing, since the same row leads to the same targets. Paths without joints
 * need no set and no memory.
 *
 * Costs: first O(hops) without conditions; count O(1) for one backward hop without conditions, else the rows walked,
 * except those of a last plain hop; contains O(1) for one hop without limit; semijoin the rows met on the way back.
 * Memory (SN_NOMEM): joints, ordered hops, results.
 */
#include "path.h"

#include "query.h"
#include "reference.h"
#include "rows.h"

#include <assert.h>
#include <string.h>

const sn_table *
sn__hop_from(const sn__hop *h)
{
    return h->backward ? h->reference->to->table : h->reference->from->table;
}

const sn_table *
sn__hop_to(const sn__hop *h)
{
    return h->backward ? h->reference->from->table : h->reference->to->table;
}

/* ---------------------------------------------------------------- compiling */

static bool
hop_fits(const sn_hop_def *def, const sn_table *to)
{
    if (def->where != SN_NO_NODE && !sn__expr_fits(def->expr, def->where, true, to)) {
        return false;
    }
    for (size_t i = 0; i < def->order_len; i++) {
        if (!sn__order_fits(def->expr, &def->order[i], to)) {
            return false;
        }
    }
    return true;
}

static void
note_node(sn_path *p, const sn_expr *e, sn_node node)
{
    const sn__term *t = sn__term_at(e, node);
    p->height = t->height + 1u > p->height ? (uint16_t)(t->height + 1u) : p->height;
    p->nesting = t->nesting > p->nesting ? t->nesting : p->nesting;
}

/* Compiles one hop behind those that are there; `many`: one of them may lead to several rows. */
static sn_status
add_hop(sn_path *p, const sn_hop_def *def, sn_order *order, bool many)
{
    sn__hop *h = &p->hops[p->n];
    *h = (sn__hop){.reference = def->reference,
                   .expr = def->expr,
                   .where = def->where,
                   .order = order,
                   .order_len = def->order_len,
                   .backward = def->backward,
                   .joint = SN__NO_JOINT};
    if (p->n > 0 && sn__hop_from(h) != sn__hop_to(h - 1)) {
        return SN_MISUSE;
    }
    if (sn__hop_from(h)->db != p->db || !hop_fits(def, sn__hop_to(h))) {
        return SN_MISUSE;
    }
    h->limit = def->single && def->limit > 1 ? 1 : def->limit;
    bool one_to_one = !def->backward || def->reference->from->kind == SN_INDEX_UNIQUE;
    h->to_one = one_to_one || h->limit <= 1;
    h->joint = !def->backward && many ? p->joints++ : SN__NO_JOINT;
    p->single &= h->to_one;
    p->invertible &= h->limit == SIZE_MAX || (h->limit == 1 && one_to_one);
    for (size_t i = 0; i < def->order_len; i++) {
        order[i] = def->order[i];
        note_node(p, def->expr, order[i].value);
    }
    if (def->where != SN_NO_NODE) {
        note_node(p, def->expr, def->where);
    }
    p->n++;
    return p->height > SN_MAX_HEIGHT || p->nesting >= SN_MAX_NESTING ? SN_LIMIT : SN_OK;
}

static size_t
block_size(const sn_hop_def *hops, size_t n)
{
    size_t size = sizeof(sn_path) + n * sizeof(sn__hop);
    for (size_t i = 0; i < n; i++) {
        size += hops[i].order_len * sizeof(sn_order);
    }
    return size;
}

sn_status
sn_path_new(sn_path **out, sn_db *db, const sn_hop_def *hops, size_t n, bool distinct)
{
    if (n == 0 || n > SN_MAX_HOPS) {
        return sn__failed(db, n == 0 ? SN_MISUSE : SN_LIMIT);
    }
    size_t size = block_size(hops, n);
    sn_path *p = sn_mem_zero(&db->mem, size);
    if (!p) {
        return sn__failed(db, SN_NOMEM);
    }
    *p = (sn_path){.db = db, .size = size, .distinct = distinct, .single = true, .invertible = true};
    sn_order *order = (sn_order *)(void *)(p->hops + n);
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = add_hop(p, &hops[i], order, !p->single);
        order += hops[i].order_len;
    }
    if (status) {
        sn_path_free(p);
        return sn__failed(db, status);
    }
    *out = p;
    return SN_OK;
}

void
sn_path_free(sn_path *p)
{
    sn_mem_free(&p->db->mem, p, p->size);
}

const sn_table *
sn_path_from(const sn_path *p)
{
    return sn__hop_from(&p->hops[0]);
}

const sn_table *
sn_path_to(const sn_path *p)
{
    return sn__hop_to(&p->hops[p->n - 1]);
}

bool
sn_path_single(const sn_path *p)
{
    return p->single;
}

/* ---------------------------------------------------------------- one hop */

/* The rows of a hop from a row, before its conditions. `one` is where a single row is put. */
static sn_posting_view
hop_rows(const sn__hop *h, sn_row row, sn_row *one)
{
    const sn_reference *r = h->reference;
    const sn_index *there = h->backward ? r->from : r->to;
    sn_word key[SN_MAX_KEY];
    if (!(h->backward ? sn__reference_referring(key, r, row) : sn__reference_target(key, r, row))) {
        return (sn_posting_view){0};
    }
    if (there->kind == SN_INDEX_MANY) {
        return sn__index_list(there, key);
    }
    *one = sn__index_find(there, key);
    size_t n = *one != SN_NO_ROW;
    return (sn_posting_view){one, n, n};
}

static sn_status
hop_holds(bool *out, const sn__hop *h, sn_row row)
{
    *out = true;
    return h->where == SN_NO_NODE ? SN_OK : sn__test(out, h->expr, h->where, &(sn__scope){NULL, row});
}

static bool
is_plain(const sn__hop *h)
{
    return h->where == SN_NO_NODE && h->limit == SIZE_MAX && h->joint == SN__NO_JOINT;
}

/* ---------------------------------------------------------------- walking */

typedef struct walk {
    const sn_path *path;
    sn__visit *visit;
    sn__seen *met;   /* one for each joint, or NULL: targets may come several times */
    size_t *counted; /* not NULL: the rows of a last plain hop are added here instead of being visited */
    size_t stop_at;  /* of counted */
} walk;

static sn_status step(walk *w, size_t at, sn_row row);

/* Goes on from a row at which hop `at` has arrived. */
static sn_status
arrive(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    if (w->met && h->joint != SN__NO_JOINT) {
        bool fresh;
        sn_status status = sn__seen_add(&fresh, w->path->db, &w->met[h->joint], row, sn__hop_to(h)->positions);
        if (status || !fresh) {
            return status;
        }
    }
    return at + 1 < w->path->n ? step(w, at + 1, row) : w->visit->at(w->visit, row);
}

/* The rows of a hop for which its condition holds, in its order, cut to its limit. */
static sn_status
ordered_rows(sn_rows *out, const walk *w, const sn__hop *h, sn_posting_view view)
{
    sn_db *db = w->path->db;
    sn_status status = sn_rows_reserve(db, out, view.count);
    for (size_t i = 0; i < view.len && status == SN_OK; i++) {
        bool holds = false;
        status = view.rows[i] == SN_NO_ROW ? SN_OK : hop_holds(&holds, h, view.rows[i]);
        if (status == SN_OK && holds) {
            out->rows[out->n++] = view.rows[i];
        }
    }
    size_t need = out->n < h->limit ? out->n : h->limit;
    status =
        status ? status : sn__order_rows(db, h->expr, sn__hop_to(h), h->order, h->order_len, out->rows, out->n, need);
    out->n = need;
    return status;
}

static sn_status
step_ordered(walk *w, size_t at, sn_posting_view view)
{
    sn_rows rows = {0};
    sn_status status = ordered_rows(&rows, w, &w->path->hops[at], view);
    for (size_t i = 0; i < rows.n && status == SN_OK && !w->visit->stop; i++) {
        status = arrive(w, at, rows.rows[i]);
    }
    sn_rows_free(w->path->db, &rows);
    return status;
}

static sn_status
step_in_arrival(walk *w, size_t at, sn_posting_view view)
{
    const sn__hop *h = &w->path->hops[at];
    sn_status status = SN_OK;
    size_t left = h->limit;
    for (size_t i = 0; i < view.len && left > 0 && status == SN_OK && !w->visit->stop; i++) {
        bool holds = false;
        status = view.rows[i] == SN_NO_ROW ? SN_OK : hop_holds(&holds, h, view.rows[i]);
        if (status == SN_OK && holds) {
            left--;
            status = arrive(w, at, view.rows[i]);
        }
    }
    return status;
}

static sn_status
step(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    sn_row one;
    sn_posting_view view = hop_rows(h, row, &one);
    if (w->counted && at + 1u == w->path->n && is_plain(h)) {
        *w->counted += view.count;
        w->visit->stop = *w->counted >= w->stop_at;
        return SN_OK;
    }
    return h->order_len > 0 && view.count > 1 ? step_ordered(w, at, view) : step_in_arrival(w, at, view);
}

static void
free_met(walk *w)
{
    sn_db *db = w->path->db;
    for (size_t i = 0; w->met && i < w->path->joints; i++) {
        sn__seen_free(db, &w->met[i]);
    }
    sn_mem_free(&db->mem, w->met, w->met ? w->path->joints * sizeof *w->met : 0);
    w->met = NULL;
}

static sn_status
run_walk(walk *w, sn_row from, bool distinct)
{
    if (distinct && w->path->joints > 0) {
        w->met = sn_mem_zero(&w->path->db->mem, w->path->joints * sizeof *w->met);
        if (!w->met) {
            return SN_NOMEM;
        }
    }
    sn_status status = step(w, 0, from);
    free_met(w);
    return status;
}

sn_status
sn__path_walk(const sn_path *p, sn_row from, bool distinct, sn__visit *v)
{
    walk w = {.path = p, .visit = v};
    return run_walk(&w, from, distinct);
}

/* ---------------------------------------------------------------- what walks are for */

typedef struct find_visit {
    sn__visit visit;
    sn_row target; /* SN_NO_ROW: any */
    sn_row found;
} find_visit;

static sn_status
visit_find(sn__visit *visit, sn_row row)
{
    find_visit *v = (find_visit *)visit;
    if (v->target == SN_NO_ROW || v->target == row) {
        v->found = row;
        visit->stop = true;
    }
    return SN_OK;
}

static sn_status
find_target(sn_row *out, const sn_path *p, sn_row from, sn_row target)
{
    find_visit v = {.visit = {.at = visit_find}, .target = target, .found = SN_NO_ROW};
    sn_status status = sn__path_walk(p, from, false, &v.visit);
    *out = v.found;
    return status;
}

/* Almost every to-one path is one forward hop without conditions. */
sn_status
sn__path_first(sn_row *out, const sn_path *p, sn_row from)
{
    const sn__hop *h = &p->hops[0];
    if (p->n > 1 || h->backward || h->where != SN_NO_NODE || h->limit == 0) {
        return find_target(out, p, from, SN_NO_ROW);
    }
    *out = SN_NO_ROW;
    hop_rows(h, from, out);
    return SN_OK;
}

typedef struct collect_visit {
    sn__visit visit;
    sn_db *db;
    sn_rows *rows;
} collect_visit;

static sn_status
visit_collect(sn__visit *visit, sn_row row)
{
    collect_visit *v = (collect_visit *)visit;
    return sn_rows_push(v->db, v->rows, row);
}

static sn_status
append_targets(sn_rows *out, const sn_path *p, sn_row from)
{
    if (p->n == 1 && is_plain(&p->hops[0]) && p->hops[0].order_len == 0) {
        sn_row one;
        return sn__rows_append(p->db, out, hop_rows(&p->hops[0], from, &one));
    }
    size_t before = out->n;
    collect_visit v = {.visit = {.at = visit_collect}, .db = p->db, .rows = out};
    sn_status status = sn__path_walk(p, from, p->distinct, &v.visit);
    out->n = status ? before : out->n;
    return status;
}

typedef struct count_visit {
    sn__visit visit;
    size_t n;
    size_t stop_at;
} count_visit;

static sn_status
visit_count(sn__visit *visit, sn_row row)
{
    (void)row;
    count_visit *v = (count_visit *)visit;
    visit->stop = ++v->n >= v->stop_at;
    return SN_OK;
}

/* The rows of a single hop without conditions are not walked: their list knows its count. */
static size_t
plain_count(const sn__hop *h, sn_row from)
{
    sn_row one;
    return hop_rows(h, from, &one).count;
}

sn_status
sn__path_tally(size_t *out, const sn_path *p, sn_row from, bool distinct, size_t stop_at)
{
    count_visit v = {.visit = {.at = visit_count, .stop = stop_at == 0}, .stop_at = stop_at};
    walk w = {.path = p, .visit = &v.visit, .counted = &v.n, .stop_at = stop_at};
    bool alone = p->n == 1 && is_plain(&p->hops[0]);
    if (alone)
        v.n = plain_count(&p->hops[0], from);
    sn_status status = alone ? SN_OK : run_walk(&w, from, distinct);
    *out = v.n < stop_at ? v.n : stop_at;
    return status;
}

/* ---------------------------------------------------------------- the public operations */

static sn_status
check_row(const sn_path *p, const sn_table *t, sn_row row)
{
    return sn__alive(t, row)
               ? SN_OK
               : sn__fail(p->db, (sn_error){.status = SN_STALE, .table = t, .row = row, .other = SN_NO_ROW});
}

sn_status
sn_path_first(sn_row *out, const sn_path *p, sn_row from)
{
    sn_status status = check_row(p, sn_path_from(p), from);
    return status ? status : sn__failed(p->db, sn__path_first(out, p, from));
}

sn_status
sn_path_each(sn_rows *out, const sn_path *p, sn_row from)
{
    sn_status status = check_row(p, sn_path_from(p), from);
    return status ? status : sn__failed(p->db, append_targets(out, p, from));
}

sn_status
sn_path_count(size_t *out, const sn_path *p, sn_row from, size_t stop_at)
{
    sn_status status = check_row(p, sn_path_from(p), from);
    return status ? status : sn__failed(p->db, sn__path_tally(out, p, from, p->distinct, stop_at));
}

/* One hop without a limit leads to the target exactly when the foreign key on one side is the key on the other. */
static sn_status
hop_contains(bool *out, const sn__hop *h, sn_row from, sn_row target)
{
    const sn_reference *r = h->reference;
    sn_word foreign[SN_MAX_KEY], key[SN_MAX_KEY];
    bool keys = sn__reference_target(foreign, r, h->backward ? target : from)
                && sn__row_key(key, r->to, h->backward ? from : target);
    if (!keys || memcmp(foreign, key, r->to->column_count * sizeof *key) != 0) {
        *out = false;
        return SN_OK;
    }
    return hop_holds(out, h, target);
}

sn_status
sn_path_contains(bool *out, const sn_path *p, sn_row from, sn_row target)
{
    sn_status status = check_row(p, sn_path_from(p), from);
    status = status ? status : check_row(p, sn_path_to(p), target);
    if (status) {
        return status;
    }
    if (p->n == 1 && p->hops[0].limit == SIZE_MAX) {
        return sn__failed(p->db, hop_contains(out, &p->hops[0], from, target));
    }
    sn_row found;
    status = find_target(&found, p, from, target);
    *out = found == target;
    return sn__failed(p->db, status);
}

sn_status
sn_path_expand(sn_rows *out, size_t *offsets, const sn_path *p, const sn_row *from, size_t n)
{
    size_t before = out->n;
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        offsets[i] = out->n;
        status = check_row(p, sn_path_from(p), from[i]);
        status = status ? status : sn__failed(p->db, append_targets(out, p, from[i]));
    }
    offsets[n] = out->n;
    out->n = status ? before : out->n;
    return status;
}

/* ---------------------------------------------------------------- backwards */

/* Appends the rows from which hop h leads to `row`. */
static sn_status
predecessors(sn_rows *out, sn_db *db, const sn__hop *h, sn_row row)
{
    sn__hop inverse = {.reference = h->reference, .backward = !h->backward};
    sn_row one;
    return sn__rows_append(db, out, hop_rows(&inverse, row, &one));
}

static sn_status
hop_back(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    sn_status status = SN_OK;
    for (size_t i = 0; i < rows->n && status == SN_OK; i++) {
        bool holds;
        status = hop_holds(&holds, h, rows->rows[i]);
        if (status == SN_OK && holds) {
            status = predecessors(out, db, h, rows->rows[i]);
        }
    }
    sn__rows_settle(db, out, 0);
    return status;
}

sn_status
sn__path_back(sn_rows *rows, const sn_path *p)
{
    assert(p->invertible);
    sn_status status = SN_OK;
    for (size_t i = p->n; i > 0 && status == SN_OK; i--) {
        sn_rows before = {0};
        status = hop_back(&before, p->db, &p->hops[i - 1], rows);
        sn_rows_free(p->db, rows);
        *rows = before;
    }
    return status;
}

sn_status
sn_path_semijoin(sn_rows *out, const sn_path *p, const sn_row *targets, size_t n)
{
    if (!p->invertible) {
        return sn__failed(p->db, SN_MISUSE);
    }
    sn_rows rows = {0};
    sn_status status = sn_rows_reserve(p->db, &rows, n);
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = check_row(p, sn_path_to(p), targets[i]);
        rows.rows[rows.n++] = targets[i];
    }
    status = status ? status : sn__path_back(&rows, p);
    status = status ? status : sn_rows_reserve(p->db, out, rows.n);
    if (status == SN_OK && rows.n > 0) {
        memcpy(out->rows + out->n, rows.rows, rows.n * sizeof *rows.rows);
        out->n += rows.n;
    }
    sn_rows_free(p->db, &rows);
    return sn__failed(p->db, status);
}
