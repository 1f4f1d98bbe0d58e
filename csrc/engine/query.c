/*
 * query.c - running queries: source, tests, order, offset, limit.
 *
 * A query over a table is planned (plan.c) and comes out in insertion order, which every access keeps to; over a path
 * or given rows it keeps their order, and dead rows given are passed over. Tests that the access has not served run on
 * the candidates. Without an order nothing beyond offset + limit rows is looked for.
 *
 * An order is either sorted (order.c), or comes from an ordered index: its columns, behind those that are held equal,
 * must be the terms of the order, all in one direction. Ties then stand in insertion order; walking down, each run of
 * equal keys is turned around. Nulls last needs no care going up; going down, columns that can be null are left to the
 * sort. An index is walked when that saves sorting everything: for all rows if no test remains, or for a first few. As
 * nobody knows how many rows fail the remaining tests, such a walk has a budget of rows to look at, beyond which the
 * plan and a sort take over.
 *
 * Parked rows are in no index. A query for them alone scans; one for both kinds goes to the live ones as any does, unless
 * that is a scan, which then takes both, and puts the parked ones that a scan finds between them.
 *
 * Results are made aside and handed over at the end, so a refusal leaves the caller's list as it was.
 */
#include "query.h"
#include "rows.h"

#include <assert.h>
#include <string.h>

#define MAX_TERMS 64 /* of an order: sorting recurses */

/* ---------------------------------------------------------------- conjunctions */

static sn_status
flatten(sn__find *f, sn_node node)
{
    const sn__term *t = sn__term_at(f->expr, node);
    sn_status status = SN_OK;
    if (t->kind == SN__AND) {
        for (uint32_t i = 0; i < t->n && status == SN_OK; i++) {
            status = flatten(f, f->expr->children[t->first + i]);
        }
        return status;
    }
    if (f->n == f->cap) {
        status = sn_mem_grow(&f->db->mem, &f->tests, &f->cap, f->n + 1, sizeof *f->tests);
    }
    if (status == SN_OK) {
        f->tests[f->n++] = node;
    }
    return status;
}

sn_status
sn__find_init(sn__find *f, sn_db *db, const sn_table *t, const sn_expr *e, sn_node where)
{
    assert(e || where == SN_NO_NODE);
    *f = (sn__find){.db = db, .table = t, .expr = e};
    return where == SN_NO_NODE ? SN_OK : flatten(f, where);
}

void
sn__find_fini(sn__find *f)
{
    sn_mem_free(&f->db->mem, f->tests, f->cap * sizeof *f->tests);
    f->tests = NULL;
    f->n = f->cap = 0;
}

/* Keeps the rows for which all tests hold, up to `need`. */
static sn_status
keep_holding(sn_rows *rows, const sn__find *f, size_t need, size_t *examined)
{
    size_t kept = 0;
    sn_status status = SN_OK;
    for (size_t i = 0; i < rows->n && kept < need && status == SN_OK; i++) {
        bool holds;
        status = sn__test_all(&holds, f->expr, f->tests, f->n, rows->rows[i]);
        rows->rows[kept] = rows->rows[i];
        kept += status == SN_OK && holds;
        ++*examined;
    }
    rows->n = kept;
    return status;
}

/* Candidates by anything but a scan. */
static sn_status
run_access(sn__found *out, sn__access *a, sn__find *f)
{
    bool exact = f->n == 0 && a->kind != SN_ACCESS_SEMIJOIN;
    if (!out->rows && exact) {
        out->n = a->rows < out->need ? a->rows : out->need;
        out->examined += out->n;
        return SN_OK;
    }
    sn_rows aside = {0}, *rows = out->rows ? out->rows : &aside;
    size_t ignored = 0;
    sn_status status = sn__access_rows(rows, a, f, &out->examined);
    if (status == SN_OK && f->n > 0) {
        status = keep_holding(rows, f, out->need, &ignored);
    }
    out->n = status ? 0 : rows->n < out->need ? rows->n : out->need;
    rows->n = out->n;
    sn_rows_free(f->db, &aside);
    return status;
}

/* A semijoin looks at rows on its other side that no row here leads to: what is out of range there is no answer. */
static sn_status
scan_instead(sn__found *out, sn__access *used, sn__find *f)
{
    f->tests[f->n++] = used->served[0];
    *used = (sn__access){.kind = SN_ACCESS_SCAN, .in = SN_NO_NODE, .inner = SN_NO_NODE};
    return sn__scan(out, f);
}

sn_status
sn__find_run(sn__found *out, sn__access *used, sn__find *f)
{
    sn_status status = sn__plan(used, f);
    if (status) {
        return status;
    }
    sn__access_serve(used, f);
    if (used->kind == SN_ACCESS_SCAN) {
        return sn__scan(out, f);
    }
    status = run_access(out, used, f);
    return status == SN_OVERFLOW && used->kind == SN_ACCESS_SEMIJOIN ? scan_instead(out, used, f) : status;
}

/* ---------------------------------------------------------------- validation */

static bool
order_valid(const sn_query *q)
{
    for (size_t i = 0; i < q->order_len; i++) {
        if (!sn__order_fits(q->expr, &q->order[i], q->table)) {
            return false;
        }
    }
    return true;
}

static sn_status
check_query(const sn_db *db, const sn_query *q)
{
    if (q->order_len > MAX_TERMS) {
        return SN_LIMIT;
    }
    bool where = q->where == SN_NO_NODE || sn__expr_fits(q->expr, q->where, true, q->table);
    if (!where || !order_valid(q) || q->table->db != db || (q->expr && q->expr->status)) {
        return SN_MISUSE;
    }
    if (q->source != SN_FROM_PATH) {
        return SN_OK;
    }
    if (q->life != SN_LIVE || sn_path_to(q->path) != q->table) {
        return SN_MISUSE;
    }
    return sn__stored(sn_path_from(q->path), q->from) ? SN_OK : SN_STALE;
}

/* How many rows must be found, before the offset is taken off. */
static size_t
rows_needed(const sn_query *q, size_t stop_at)
{
    size_t wanted = q->limit < stop_at ? q->limit : stop_at;
    return wanted > SIZE_MAX - q->offset ? SIZE_MAX : wanted == 0 ? 0 : q->offset + wanted;
}

/* ---------------------------------------------------------------- other sources */

typedef struct filter_visit {
    sn__visit visit;
    const sn__find *f;
    sn__found *out;
} filter_visit;

static sn_status
visit_filter(sn__visit *visit, sn_row row)
{
    filter_visit *v = (filter_visit *)visit;
    bool holds;
    sn_status status = sn__test_all(&holds, v->f->expr, v->f->tests, v->f->n, row);
    v->out->examined++;
    if (status || !holds) {
        return status;
    }
    visit->stop = ++v->out->n >= v->out->need;
    return v->out->rows ? sn_rows_push(v->f->db, v->out->rows, row) : SN_OK;
}

static sn_status
from_path(sn__found *out, const sn_query *q, const sn__find *f)
{
    if (!out->rows && f->n == 0) {
        sn_status status = sn__path_tally(&out->n, q->path, q->from, q->path->distinct, out->need);
        return status;
    }
    filter_visit v = {.visit = {.at = visit_filter}, .f = f, .out = out};
    return sn__path_walk(q->path, q->from, q->path->distinct, &v.visit);
}

static bool
is_asked_for(const sn_query *q, sn_row row)
{
    return (q->life != SN_PARKED && sn__alive(q->table, row)) || (q->life != SN_LIVE && sn__parked(q->table, row));
}

static sn_status
from_rows(sn__found *out, const sn_query *q, const sn__find *f)
{
    filter_visit v = {.visit = {.at = visit_filter}, .f = f, .out = out};
    sn_status status = SN_OK;
    for (size_t i = 0; i < q->rows_len && !v.visit.stop && status == SN_OK; i++) {
        status = is_asked_for(q, q->rows[i]) ? visit_filter(&v.visit, q->rows[i]) : SN_OK;
    }
    return status;
}

/* ---------------------------------------------------------------- parked rows */

/* Brings the rows behind the first n into their places among these; both parts are ascending. */
static sn_status
merge(sn_db *db, sn_rows *rows, const sn_rows *more)
{
    size_t a = rows->n, b = more->n;
    sn_status status = sn_rows_reserve(db, rows, b);
    if (status || b == 0) {
        return status;
    }
    rows->n += b;
    for (size_t to = rows->n; b > 0;) {
        bool later = a > 0 && rows->rows[a - 1] > more->rows[b - 1];
        rows->rows[--to] = later ? rows->rows[--a] : more->rows[--b];
    }
    return SN_OK;
}

/* Adds the parked rows to the live ones that were found. */
static sn_status
add_parked(sn__found *out, const sn_query *q, sn_db *db)
{
    sn__find f = {0};
    sn_rows rows = {0};
    sn__found parked = {.rows = out->rows ? &rows : NULL, .need = out->need};
    sn_status status = sn__find_init(&f, db, q->table, q->expr, q->where);
    f.life = SN_PARKED;
    status = status ? status : sn__scan(&parked, &f);
    if (status == SN_OK && out->rows) {
        status = merge(db, out->rows, &rows);
    }
    out->n = parked.n < out->need - out->n ? out->n + parked.n : out->need;
    out->examined += parked.examined;
    if (out->rows && status == SN_OK) {
        out->rows->n = out->n;
    }
    sn_rows_free(db, &rows);
    sn__find_fini(&f);
    return status;
}

/* Rows of the source for which the tests hold, in its order; tells the plan how. */
static sn_status
run_source(sn__found *out, sn_plan *plan, const sn_query *q, sn__find *f)
{
    if (out->need == 0) {
        plan->access = SN_ACCESS_EMPTY;
        return SN_OK;
    }
    if (q->source != SN_FROM_TABLE) {
        plan->access = q->source == SN_FROM_PATH ? SN_ACCESS_PATH : SN_ACCESS_ROWS;
        return q->source == SN_FROM_PATH ? from_path(out, q, f) : from_rows(out, q, f);
    }
    f->life = q->life;
    if (q->life == SN_PARKED) {
        plan->access = SN_ACCESS_SCAN;
        return sn__scan(out, f);
    }
    sn__access used;
    sn_status status = sn__find_run(out, &used, f);
    if (status == SN_OK && q->life == SN_STORED && used.kind != SN_ACCESS_SCAN) {
        status = add_parked(out, q, f->db);
    }
    plan->access = used.kind;
    plan->index = used.index;
    plan->path = used.path;
    return status;
}

/* ---------------------------------------------------------------- order from an index */

/* Whether walking the index, within a range that holds its first `equal` columns equal, gives the query's order. */
static bool
index_orders(const sn_query *q, const sn_index *ix, size_t equal)
{
    if (ix->kind != SN_INDEX_ORDERED || equal + q->order_len != ix->column_count) {
        return false;
    }
    for (size_t i = 0; i < q->order_len; i++) {
        const sn__term *t = sn__term_at(q->expr, q->order[i].value);
        bool nullable = q->table->columns[ix->columns[equal + i]].def.nullable;
        if (t->kind != SN__COLUMN || t->depth != 0 || t->col != ix->columns[equal + i]
            || q->order[i].descending != q->order[0].descending
            || (nullable && (q->order[i].nulls_first || q->order[i].descending))) {
            return false;
        }
    }
    return true;
}

static bool
same_key(const sn_index *ix, sn_row a, sn_row b)
{
    for (size_t i = 0; i < ix->column_count; i++) {
        sn_col col = ix->columns[i];
        bool null = sn__is_null(ix->table, a, col);
        if (null != sn__is_null(ix->table, b, col)
            || (!null
                && !sn_equal(ix->table->db, ix->table->columns[col].def.type, sn__word(ix->table, a, col),
                             sn__word(ix->table, b, col)))) {
            return false;
        }
    }
    return true;
}

static void
reverse(sn_row *rows, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        sn_row row = rows[i];
        rows[i] = rows[n - 1 - i];
        rows[n - 1 - i] = row;
    }
}

typedef struct index_walk {
    sn_cursor cursor;
    const sn__find *f;
    sn_rows rows;
    size_t need;
    size_t budget;
    size_t examined;
    bool down;
    bool spent; /* the budget did not suffice */
} index_walk;

/* Appends rows that hold the tests. Down: whole runs of equal keys, each turned around, so maybe more than needed. */
static sn_status
walk_index(index_walk *w)
{
    const sn_index *ix = w->cursor.ix;
    size_t run = 0; /* where the rows with the key of `last` begin */
    sn_row last = SN_NO_ROW;
    for (;;) {
        sn_row row = w->down ? sn__ordered_prev(&w->cursor) : sn__ordered_next(&w->cursor);
        bool new_run = row == SN_NO_ROW || (w->down && last != SN_NO_ROW && !same_key(ix, last, row));
        if (new_run && w->down && w->rows.n > run) {
            reverse(w->rows.rows + run, w->rows.n - run);
            run = w->rows.n;
        }
        if (row == SN_NO_ROW || (w->rows.n >= w->need && (new_run || !w->down))) {
            return SN_OK;
        }
        if (w->examined++ == w->budget) {
            w->spent = true;
            return SN_OK;
        }
        bool holds;
        sn_status status = sn__test_all(&holds, w->f->expr, w->f->tests, w->f->n, row);
        status = status == SN_OK && holds ? sn_rows_push(w->f->db, &w->rows, row) : status;
        if (status) {
            return status;
        }
        last = row;
    }
}

/* How many rows may be looked at by walking this range instead of going the planned way and sorting; 0: do not. */
static size_t
walk_budget(const sn__access *way, size_t tests_left, const sn__access *best, size_t need)
{
    bool first_few = need <= best->rows / 16;
    if (tests_left == 0) {
        return first_few || way->rows <= best->rows ? SIZE_MAX : 0;
    }
    return first_few ? best->rows / 8 + 64 : 0;
}

static sn_status
try_index_order(sn__found *out, bool *done, sn_plan *plan, const sn_query *q, const sn__find *tests, const sn_index *ix,
                const sn__access *best)
{
    sn__access way;
    sn__find f = {0};
    sn__plan_range(&way, tests, ix);
    if (!index_orders(q, ix, way.equal)) {
        return SN_OK;
    }
    sn_status status = sn__find_init(&f, tests->db, tests->table, tests->expr, q->where);
    sn__access_serve(&way, &f);
    index_walk w = {.f = &f, .need = out->need, .down = q->order[0].descending};
    w.budget = walk_budget(&way, f.n, best, out->need);
    if (status == SN_OK && w.budget > 0) {
        sn__ordered_seek(&w.cursor, ix, sn__access_range(&way));
        status = walk_index(&w);
        out->examined += w.examined;
    }
    *done = status == SN_OK && w.budget > 0 && !w.spent;
    if (*done) {
        sn_rows_free(f.db, out->rows);
        *out->rows = w.rows;
        out->n = w.rows.n;
        *plan = (sn_plan){.access = SN_ACCESS_RANGE, .index = ix, .ordered_by_index = true};
    } else {
        sn_rows_free(f.db, &w.rows);
    }
    sn__find_fini(&f);
    return status;
}

static sn_status
run_index_order(sn__found *out, bool *done, sn_plan *plan, const sn_query *q, const sn__find *f)
{
    *done = false;
    if (q->source != SN_FROM_TABLE || q->life != SN_LIVE || q->order_len == 0 || out->need == 0) {
        return SN_OK;
    }
    sn__access best;
    sn_status status = SN_OK;
    bool planned = false;
    for (size_t i = 0; i < q->table->index_count && !*done && status == SN_OK; i++) {
        const sn_index *ix = q->table->indexes[i];
        if (ix->kind != SN_INDEX_ORDERED || ix->column_count < q->order_len) {
            continue;
        }
        status = planned ? SN_OK : sn__plan(&best, f);
        planned = true;
        if (status == SN_OK && best.kind != SN_ACCESS_EMPTY) {
            status = try_index_order(out, done, plan, q, f, ix, &best);
        }
    }
    return status;
}

/* ---------------------------------------------------------------- running */

static void
cut(sn_rows *rows, size_t offset, size_t limit)
{
    offset = offset < rows->n ? offset : rows->n;
    size_t left = rows->n - offset;
    left = left < limit ? left : limit;
    if (offset > 0 && left > 0) {
        memmove(rows->rows, rows->rows + offset, left * sizeof *rows->rows);
    }
    rows->n = left;
}

static sn_status
run_sorted(sn__found *out, sn_plan *plan, const sn_query *q, sn__find *f)
{
    bool done;
    size_t need = out->need;
    sn_status status = run_index_order(out, &done, plan, q, f);
    if (status || done) {
        return status;
    }
    out->need = q->order_len > 0 && need > 0 ? SIZE_MAX : need;
    status = run_source(out, plan, q, f);
    if (status || q->order_len == 0) {
        return status;
    }
    plan->sorted = true;
    return sn__order_rows(f->db, q->expr, q->table, q->order, q->order_len, out->rows->rows, out->rows->n, need);
}

sn_status
sn_query_run(sn_rows *out, sn_db *db, const sn_query *q, sn_plan *plan)
{
    sn_status status = check_query(db, q);
    if (status) {
        return sn__failed(db, status);
    }
    sn_rows rows = {0};
    sn__find f = {0};
    sn_plan made = {.access = SN_ACCESS_SCAN};
    sn__found found = {.rows = &rows, .need = rows_needed(q, SIZE_MAX)};
    status = sn__find_init(&f, db, q->table, q->expr, q->where);
    status = status ? status : run_sorted(&found, &made, q, &f);
    sn__find_fini(&f);
    if (status) {
        sn_rows_free(db, &rows);
        return sn__failed(db, status);
    }
    cut(&rows, q->offset, q->limit);
    made.examined = found.examined;
    made.found = rows.n;
    sn_rows_free(db, out);
    *out = rows;
    if (plan) {
        *plan = made;
    }
    return SN_OK;
}

sn_status
sn_query_count(size_t *out, sn_db *db, const sn_query *q, size_t stop_at, sn_plan *plan)
{
    sn_status status = check_query(db, q);
    if (status) {
        return sn__failed(db, status);
    }
    sn__find f = {0};
    sn_plan made = {.access = SN_ACCESS_SCAN};
    sn__found found = {.need = rows_needed(q, stop_at)};
    status = sn__find_init(&f, db, q->table, q->expr, q->where);
    status = status ? status : run_source(&found, &made, q, &f);
    sn__find_fini(&f);
    if (status) {
        return sn__failed(db, status);
    }
    *out = found.n > q->offset ? found.n - q->offset : 0;
    made.examined = found.examined;
    made.found = *out;
    if (plan) {
        *plan = made;
    }
    return SN_OK;
}
