/*
 * plan.c - choosing how to come by the rows for which a conjunction of tests holds.
 *
 * Ways to candidates, each serving some of the tests exactly, so that these need not be evaluated again:
 *
 *   probe      == on every column of a unique index: at most one row
 *   postings   == on every column of a many index, or membership (an OR of equalities as well) on the only column of any
 *              index, or the first of an ordered one: how many rows each key has is known
 *   range      an ordered index: == on leading columns and bounds (or startswith) on the next one: counted exactly by
 *              two seeks
 *   semijoin   exists(path, inner), also the twin of a comparison over a to-one path (expr.c): rows that hold `inner`
 *              on the other side, planned in turn, and the path backwards from them
 *   empty      a test that is never true
 *   scan       everything
 *
 * The cheapest is taken. Costs count rows looked at one after the other: a scan one for each row (eight when some test
 * cannot be evaluated by blocks), index candidates four each, as they lie anywhere - but fewer while they are few, so
 * that small tables use their indexes too. Nothing is guessed but the fan-out of semijoins (the average) and how many
 * rows a scan on their other side finds (a quarter).
 *
 * Nulls are in no probe or posting and are never served: == null is left to the tests. An ordered index has nulls
 * behind everything, so a range without an upper bound includes them, and then its lower bound is tested again. A NaN
 * equals nothing and bounds nothing: left to the tests. Bare text is in no unique or many index, so it cannot be probed
 * there; ordered ones compare bytes.
 */
#include "query.h"
#include "rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FEW 256

/* Cost of looking at this many rows in no order. */
static size_t
random_cost(size_t rows)
{
    return rows <= FEW ? rows / 2 : rows > SIZE_MAX / 4 ? SIZE_MAX : rows * 4;
}

/* ---------------------------------------------------------------- tests as bounds */

/* The constant that stands beside the column in a test of this kind and operator, as an indexed word. */
static bool
column_bound(sn_cell *out, const sn__find *f, sn_node test, sn__kind kind, uint8_t op, sn_col col)
{
    const sn__term *t = sn__term_at(f->expr, test);
    if (t->kind != kind || t->op != op) {
        return false;
    }
    const sn__term *column = sn__term_at(f->expr, t->a), *constant = sn__term_at(f->expr, t->b);
    if (column->kind != SN__COLUMN || column->depth != 0 || column->col != col || constant->kind != SN__CONST
        || constant->type != column->type || constant->cell.null) {
        return false;
    }
    if (constant->type == SN_FLOAT && isnan(sn_word_float(constant->cell.word))) {
        return false;
    }
    *out = (sn_cell){sn_types[constant->type].key(sn__constant(f->expr, constant).word), false};
    return true;
}

static sn_node
find_test(sn_cell *out, const sn__find *f, sn__kind kind, uint8_t op, sn_col col)
{
    for (size_t i = 0; i < f->n; i++) {
        if (column_bound(out, f, f->tests[i], kind, op, col)) {
            return f->tests[i];
        }
    }
    return SN_NO_NODE;
}

static sn_node
find_bound(sn_cell *out, const sn__find *f, sn_compare_op op, sn_col col)
{
    return find_test(out, f, SN__COMPARE, (uint8_t)op, col);
}

static bool
is_bare_text(sn_type type, sn_word word)
{
    return type == SN_TEXT && !sn_word_is_entry(word);
}

static void
serve(sn__access *a, sn_node test)
{
    assert(a->served_n < sizeof a->served / sizeof a->served[0]);
    a->served[a->served_n++] = test;
}

static sn_type
column_type(const sn_index *ix, size_t i)
{
    return ix->table->columns[ix->columns[i]].def.type;
}

/* ---------------------------------------------------------------- unique and many indexes */

static bool
plan_equal(sn__access *a, const sn__find *f, const sn_index *ix)
{
    for (size_t i = 0; i < ix->column_count; i++) {
        sn_cell cell;
        sn_node test = find_bound(&cell, f, SN_EQ, ix->columns[i]);
        if (test == SN_NO_NODE || is_bare_text(column_type(ix, i), cell.word)) {
            return false;
        }
        a->key[i] = cell.word;
        serve(a, test);
    }
    if (ix->kind == SN_INDEX_UNIQUE) {
        a->rows = sn__index_find(ix, a->key) != SN_NO_ROW;
        return true;
    }
    a->rows = sn__index_list(ix, a->key).count;
    return true;
}

/* ---------------------------------------------------------------- ordered indexes */

const sn_range *
sn__access_range(sn__access *a)
{
    a->range.low = a->range.low_len ? a->low : NULL;
    a->range.high = a->range.high_len ? a->high : NULL;
    return &a->range;
}

static sn_node
find_either(sn_cell *out, bool *open, const sn__find *f, sn_compare_op closed_op, sn_compare_op open_op, sn_col col)
{
    sn_node test = find_bound(out, f, closed_op, col);
    *open = test == SN_NO_NODE;
    return *open ? find_bound(out, f, open_op, col) : test;
}

static bool
plan_prefix(sn__access *a, const sn__find *f, sn_col col)
{
    size_t at = a->equal;
    sn_node test = find_test(&a->low[at], f, SN__TEXT, SN_STARTSWITH, col);
    if (test == SN_NO_NODE) {
        return false;
    }
    a->high[at] = a->low[at];
    a->range.low_len = a->range.high_len = at + 1;
    a->range.high_prefix = true;
    serve(a, test);
    return true;
}

static void
plan_bounds(sn__access *a, const sn__find *f, sn_col col)
{
    size_t at = a->equal;
    bool low_open, high_open;
    sn_node low = find_either(&a->low[at], &low_open, f, SN_GE, SN_GT, col);
    sn_node high = find_either(&a->high[at], &high_open, f, SN_LE, SN_LT, col);
    if (low != SN_NO_NODE) {
        a->range.low_len = at + 1;
        a->range.low_open = low_open;
    }
    if (high != SN_NO_NODE) {
        a->range.high_len = at + 1;
        a->range.high_open = high_open;
        serve(a, high);
    }
    if (low != SN_NO_NODE && (high != SN_NO_NODE || !f->table->columns[col].def.nullable)) {
        serve(a, low);
    }
}

void
sn__plan_range(sn__access *a, const sn__find *f, const sn_index *ix)
{
    *a = (sn__access){.kind = SN_ACCESS_RANGE, .index = ix, .in = SN_NO_NODE, .inner = SN_NO_NODE};
    for (; a->equal < ix->column_count; a->equal++) {
        sn_cell cell;
        sn_node test = find_bound(&cell, f, SN_EQ, ix->columns[a->equal]);
        if (test == SN_NO_NODE) {
            break;
        }
        a->low[a->equal] = a->high[a->equal] = cell;
        serve(a, test);
    }
    a->range.low_len = a->range.high_len = a->equal;
    if (a->equal < ix->column_count && !plan_prefix(a, f, ix->columns[a->equal])) {
        plan_bounds(a, f, ix->columns[a->equal]);
    }
    sn_cursor cursor;
    sn__ordered_seek(&cursor, ix, sn__access_range(a));
    a->rows = sn__ordered_count(&cursor);
    a->cost = random_cost(a->rows);
}

/* ---------------------------------------------------------------- membership */

/* The key of the member in slot i of the hash, in which each value is once. */
static bool
member_key(sn_word *out, const sn__find *f, const sn_index *ix, const sn__members *m, size_t i)
{
    if (m->slots[i]) {
        *out = sn_types[column_type(ix, 0)].key(f->expr->cells[m->first + m->slots[i] - 1].word);
    }
    return m->slots[i] != 0;
}

/* The rows of an ordered index that have this value in its first column. */
static sn_cursor
rows_of_value(const sn_index *ix, sn_word key)
{
    sn_cell cell = {key, false};
    sn_cursor cursor;
    sn__ordered_seek(&cursor, ix, &(sn_range){.low = &cell, .high = &cell, .low_len = 1, .high_len = 1});
    return cursor;
}

static size_t
count_value(const sn_index *ix, sn_word key)
{
    if (ix->kind == SN_INDEX_ORDERED) {
        sn_cursor cursor = rows_of_value(ix, key);
        return sn__ordered_count(&cursor);
    }
    return ix->kind == SN_INDEX_UNIQUE ? sn__index_find(ix, &key) != SN_NO_ROW : sn__index_list(ix, &key).count;
}

/* False if the index cannot be asked for all of the members. */
static bool
count_members(sn__access *a, const sn__find *f, const sn_index *ix, const sn__members *m)
{
    sn_word key;
    bool ordered = ix->kind == SN_INDEX_ORDERED;
    if (ordered && m->n > ix->table->count) {
        return false; /* a search for each costs more than looking at each row */
    }
    for (size_t i = 0; i < m->cap && !m->null; i++) {
        if (!member_key(&key, f, ix, m, i)) {
            continue;
        }
        if (!ordered && is_bare_text(column_type(ix, 0), key)) {
            return false;
        }
        a->rows += count_value(ix, key);
    }
    return !m->null;
}

/* The membership test that a test of the row is, or has as its twin. */
static sn_node
as_member(const sn__find *f, sn_node test)
{
    const sn__term *t = sn__term_at(f->expr, test);
    sn_node node = t->kind == SN__OR && t->inside != SN_NO_NODE ? t->inside : test;
    return sn__term_at(f->expr, node)->kind == SN__IN ? node : SN_NO_NODE;
}

/* Membership in the only column of the index, or the first of an ordered one. */
static bool
plan_members(sn__access *a, const sn__find *f, const sn_index *ix)
{
    bool has = ix->column_count == 1 || ix->kind == SN_INDEX_ORDERED;
    *a = (sn__access){.kind = SN_ACCESS_POSTINGS, .index = ix, .in = SN_NO_NODE, .inner = SN_NO_NODE};
    for (size_t i = 0; i < f->n && has; i++) {
        sn_node in = as_member(f, f->tests[i]);
        const sn__term *t = in == SN_NO_NODE ? NULL : sn__term_at(f->expr, in);
        const sn__term *column = t ? sn__term_at(f->expr, t->a) : NULL;
        if (!column || column->kind != SN__COLUMN || column->depth != 0 || column->col != ix->columns[0]) {
            continue;
        }
        a->rows = 0;
        if (count_members(a, f, ix, &f->expr->members[t->members])) {
            a->in = in;
            a->cost = random_cost(a->rows);
            serve(a, f->tests[i]);
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- semijoins */

#define GENERATIONS 4 /* how often a recursive hop is thought to be repeated */

static size_t fan_back(const sn_path *p, size_t rows);

static size_t
fan_back_hop(const sn__hop *h, size_t rows)
{
    size_t from = h->from->count, to = h->to->count;
    if (h->kind == SN_HOP_REFERENCE) {
        double many = h->backward || to == 0 ? (double)rows : (double)rows * (double)from / (double)to;
        return many < (double)from ? (size_t)many + 1 : from;
    }
    size_t sum = 0;
    for (size_t i = 0; i < h->path_count; i++) {
        const sn_path *onward = sn__hop_onward(h, i);
        size_t found = fan_back(h->paths[i], onward ? fan_back(onward, rows) : rows);
        sum = found < from - sum ? sum + found : from;
    }
    return h->kind == SN_HOP_RECURSIVE && sum < from / GENERATIONS ? sum * GENERATIONS : sum;
}

/* How many rows lead to `rows` of the path's targets, if all have as many as the average. */
static size_t
fan_back(const sn_path *p, size_t rows)
{
    for (size_t i = p->n; i > 0; i--) {
        rows = fan_back_hop(&p->hops[i - 1], rows);
    }
    return rows;
}

/* The exists that the test is, or is as good as. */
static const sn__term *
as_exists(const sn__find *f, sn_node test)
{
    const sn__term *t = sn__term_at(f->expr, test);
    bool compares_null = t->kind == SN__COMPARE && t->inside != SN_NO_NODE && sn__term_at(f->expr, t->b)->cell.null;
    if (t->inside != SN_NO_NODE && !compares_null) {
        t = sn__term_at(f->expr, t->inside);
    }
    bool usable = t->kind == SN__EXISTS && t->depth == 0 && t->b != SN_NO_NODE && t->path->invertible;
    return usable && sn__expr_fits(f->expr, t->b, true, sn_path_to(t->path)) ? t : NULL;
}

static size_t
add_cost(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static sn_status
plan_semijoin(sn__access *a, const sn__find *f, sn_node test)
{
    const sn__term *t = as_exists(f, test);
    *a = (sn__access){.kind = SN_ACCESS_SEMIJOIN, .in = SN_NO_NODE, .path = t->path, .inner = t->b};
    sn__find inner = {0};
    sn__access way;
    sn_status status = sn__find_init(&inner, f->db, sn_path_to(t->path), f->expr, t->b);
    status = status ? status : sn__plan(&way, &inner);
    sn__find_fini(&inner);
    if (status) {
        return status;
    }
    a->rows = fan_back(t->path, way.kind == SN_ACCESS_SCAN ? way.rows / 4 : way.rows);
    a->cost = add_cost(way.cost, random_cost(a->rows));
    serve(a, test);
    return SN_OK;
}

/* ---------------------------------------------------------------- the choice */

static void
keep_cheaper(sn__access *best, const sn__access *a)
{
    if (a->cost < best->cost) {
        *best = *a;
    }
}

static void
try_equal(sn__access *best, const sn__find *f, const sn_index *ix)
{
    sn__access a = {.index = ix, .in = SN_NO_NODE, .inner = SN_NO_NODE};
    if (plan_equal(&a, f, ix)) {
        a.kind = ix->kind == SN_INDEX_UNIQUE ? SN_ACCESS_PROBE : SN_ACCESS_POSTINGS;
        a.cost = random_cost(a.rows);
        keep_cheaper(best, &a);
    }
}

static void
try_range(sn__access *best, const sn__find *f, const sn_index *ix)
{
    sn__access a;
    sn__plan_range(&a, f, ix);
    if (a.range.low_len > 0 || a.range.high_len > 0) {
        keep_cheaper(best, &a);
    }
}

static void
try_index(sn__access *best, const sn__find *f, const sn_index *ix)
{
    sn__access a;
    if (ix->deferred && f->db->depth > 0) {
        return; /* it may hold several rows of one key until the unit ends */
    }
    if (ix->kind == SN_INDEX_ORDERED) {
        try_range(best, f, ix);
    } else {
        try_equal(best, f, ix);
    }
    if (plan_members(&a, f, ix)) {
        keep_cheaper(best, &a);
    }
}

static bool
never_holds(const sn__find *f, sn_node test)
{
    const sn__term *t = sn__term_at(f->expr, test);
    return (t->kind == SN__OR && t->n == 0) || (t->kind == SN__IN && f->expr->members[t->members].n == 0);
}

static size_t
scan_cost(const sn__find *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!sn__scan_fast(f->expr, f->tests[i])) {
            return (size_t)f->table->count * 8;
        }
    }
    return f->table->count;
}

sn_status
sn__plan(sn__access *out, const sn__find *f)
{
    *out = (sn__access){
        .kind = SN_ACCESS_SCAN, .in = SN_NO_NODE, .inner = SN_NO_NODE, .rows = f->table->count, .cost = scan_cost(f)};
    for (size_t i = 0; i < f->n; i++) {
        if (never_holds(f, f->tests[i])) {
            *out = (sn__access){.kind = SN_ACCESS_EMPTY, .in = SN_NO_NODE, .inner = SN_NO_NODE};
            return SN_OK;
        }
    }
    for (size_t i = 0; i < f->table->index_count && f->n > 0; i++) {
        try_index(out, f, f->table->indexes[i]);
    }
    sn_status status = SN_OK;
    for (size_t i = 0; i < f->n && status == SN_OK; i++) {
        sn__access a;
        if (as_exists(f, f->tests[i])) {
            status = plan_semijoin(&a, f, f->tests[i]);
            if (status == SN_OK) {
                keep_cheaper(out, &a);
            }
        }
    }
    return status;
}

void
sn__access_serve(const sn__access *a, sn__find *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        bool served = false;
        for (size_t j = 0; j < a->served_n; j++) {
            served |= a->served[j] == f->tests[i];
        }
        if (!served) {
            f->tests[kept++] = f->tests[i];
        }
    }
    f->n = kept;
}

/* ---------------------------------------------------------------- candidates */

static sn_status
append_walk(sn_rows *out, sn_db *db, sn_cursor cursor)
{
    sn_status status = sn_rows_reserve(db, out, sn__ordered_count(&cursor));
    if (status) {
        return status;
    }
    for (sn_row row; (row = sn__ordered_next(&cursor)) != SN_NO_ROW;) {
        out->rows[out->n++] = row;
    }
    return SN_OK;
}

static sn_status
append_key(sn_rows *out, sn_db *db, const sn_index *ix, const sn_word *key)
{
    if (ix->kind == SN_INDEX_ORDERED) {
        return append_walk(out, db, rows_of_value(ix, *key));
    }
    if (ix->kind == SN_INDEX_MANY) {
        return sn__rows_append(db, out, sn__index_list(ix, key));
    }
    sn_row row = sn__index_find(ix, key);
    return row == SN_NO_ROW ? SN_OK : sn_rows_push(db, out, row);
}

static sn_status
append_members(sn_rows *out, const sn__access *a, const sn__find *f)
{
    const sn__members *m = &f->expr->members[sn__term_at(f->expr, a->in)->members];
    sn_status status = SN_OK;
    sn_word key;
    for (size_t i = 0; i < m->cap && status == SN_OK; i++) {
        status = member_key(&key, f, a->index, m, i) ? append_key(out, f->db, a->index, &key) : SN_OK;
    }
    return status;
}

static sn_status
append_range(sn_rows *out, sn__access *a, const sn__find *f)
{
    sn_cursor cursor;
    sn__ordered_seek(&cursor, a->index, sn__access_range(a));
    return append_walk(out, f->db, cursor);
}

static sn_status
append_semijoin(sn_rows *out, const sn__access *a, const sn__find *f, size_t *examined)
{
    sn__find inner = {0};
    sn__access way;
    sn__found found = {.rows = out, .need = SIZE_MAX};
    sn_status status = sn__find_init(&inner, f->db, sn_path_to(a->path), f->expr, a->inner);
    status = status ? status : sn__find_run(&found, &way, &inner);
    sn__find_fini(&inner);
    *examined += found.examined;
    return status ? status : sn__path_back(out, a->path);
}

sn_status
sn__access_rows(sn_rows *out, sn__access *a, sn__find *f, size_t *examined)
{
    assert(a->kind != SN_ACCESS_SCAN && out->n == 0);
    sn_status status = SN_OK;
    if (a->kind == SN_ACCESS_RANGE) {
        status = append_range(out, a, f);
    } else if (a->kind == SN_ACCESS_SEMIJOIN) {
        status = append_semijoin(out, a, f, examined);
    } else if (a->kind != SN_ACCESS_EMPTY) {
        status = a->in == SN_NO_NODE ? append_key(out, f->db, a->index, a->key) : append_members(out, a, f);
    }
    sn__rows_settle(f->db, out, 0);
    *examined += out->n;
    return status;
}
