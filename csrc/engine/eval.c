/*
 * eval.c - evaluating expressions, one row at a time.
 *
 * A direct interpreter over the terms: one function per kind, chosen by table. Rows that surround the one looked at
 * form a chain on the C stack (sn__scope), which is as deep as rows nest (<= SN_MAX_NESTING); the recursion over terms
 * is bounded by SN_MAX_HEIGHT. Nothing is changed by an evaluation, so postings and cells may be borrowed throughout.
 *
 * Equality of floats is that of numbers: NaN equals nothing, not even itself. An int and a float are compared exactly,
 * without rounding the int.
 *
 * What can fail: arithmetic and sums (SN_OVERFLOW), and the sets and sorted lists that some paths need (SN_NOMEM).
 */
#include "expr.h"
#include "match.h"
#include "path.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef sn_status (*eval_fn)(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s);
typedef sn_status (*test_fn)(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s);

bool
sn__expr_fits(const sn_expr *e, sn_node node, bool predicate, const sn_table *t)
{
    if (!e || node < 0 || (size_t)node >= e->n) {
        return false;
    }
    const sn__term *term = &e->terms[node];
    return (term->type == SN__NO_TYPE) == predicate && term->reach <= 1 && (!term->rows[0] || term->rows[0] == t);
}

static const sn__scope *
scope_at(const sn__scope *s, unsigned depth)
{
    while (depth-- > 0) {
        s = s->outer;
    }
    return s;
}

/* ---------------------------------------------------------------- values */

static sn_status
eval_const(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    (void)s;
    *out = sn__constant(e, t);
    return SN_OK;
}

static sn_cell
cell_at(const sn_table *t, sn_row row, sn_col col)
{
    return sn__is_null(t, row, col) ? SN_NULL_CELL : (sn_cell){sn__word(t, row, col), false};
}

static sn_status
eval_column(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    (void)e;
    *out = cell_at(t->rows[t->depth], scope_at(s, t->depth)->row, t->col);
    return SN_OK;
}

static sn_status
eval_follow(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn__scope inner = {s, SN_NO_ROW};
    sn_status status = sn__path_first(&inner.row, t->path, scope_at(s, t->depth)->row);
    if (status || inner.row == SN_NO_ROW) {
        *out = SN_NULL_CELL;
        return status;
    }
    return sn__eval(out, e, t->a, &inner);
}

static sn_cell
host_at(const sn_expr *e, const sn__term *t, sn_row row)
{
    const sn__host *host = &e->hosts[t->slot];
    return row < host->n ? host->cells[row] : SN_NULL_CELL;
}

static sn_status
eval_host(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    *out = host_at(e, t, scope_at(s, t->depth)->row);
    return SN_OK;
}

static sn_status
eval_arith(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a, b;
    sn_status status = sn__eval(&a, e, t->a, s);
    status = status ? status : sn__eval(&b, e, t->b, s);
    if (status) {
        return status;
    }
    if (a.null || b.null) {
        *out = SN_NULL_CELL;
        return SN_OK;
    }
    return t->arith->apply(out, a.word, b.word);
}

static sn_status
eval_else(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_status status = sn__eval(out, e, t->a, s);
    return status || !out->null ? status : sn__eval(out, e, t->b, s);
}

/* ---------------------------------------------------------------- looking at the targets of a path */

typedef struct target_visit {
    sn__visit visit;
    const sn_expr *expr;
    const sn__term *term;
    const sn__scope *outer;
    sn__tally tally;
    size_t stop_at; /* of tally.n, where targets are only counted */
    bool found;
} target_visit;

static sn_status
target_holds(bool *out, const target_visit *v, sn_row row)
{
    *out = true;
    return v->term->b == SN_NO_NODE ? SN_OK : sn__test(out, v->expr, v->term->b, &(sn__scope){v->outer, row});
}

static sn_status
visit_exists(sn__visit *visit, sn_row row)
{
    target_visit *v = (target_visit *)visit;
    sn_status status = target_holds(&v->found, v, row);
    visit->stop = v->found;
    return status;
}

static sn_status
visit_aggregate(sn__visit *visit, sn_row row)
{
    target_visit *v = (target_visit *)visit;
    bool holds;
    sn_status status = target_holds(&holds, v, row);
    if (status || !holds) {
        return status;
    }
    if (v->term->a == SN_NO_NODE) {
        visit->stop = ++v->tally.n >= v->stop_at;
        return SN_OK;
    }
    sn_cell cell;
    status = sn__eval(&cell, v->expr, v->term->a, &(sn__scope){v->outer, row});
    if (status == SN_OK && !cell.null) {
        sn__tally_add(&v->tally, v->expr->db, v->term->op, v->expr->terms[v->term->a].type, cell.word);
    }
    return status;
}

/* How many targets there are, counted no further than stop_at (> 0). */
static sn_status
eval_count(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s, size_t stop_at)
{
    sn_row from = scope_at(s, t->depth)->row;
    target_visit v = {.visit = {.at = visit_aggregate}, .expr = e, .term = t, .outer = s, .stop_at = stop_at};
    size_t n = 0;
    sn_status status = t->b == SN_NO_NODE ? sn__path_tally(&n, t->path, from, t->distinct, stop_at)
                                          : sn__path_walk(t->path, from, t->distinct, &v.visit);
    *out = (sn_cell){sn_word_from_int((int64_t)(t->b == SN_NO_NODE ? n : v.tally.n)), false};
    return status;
}

static sn_status
eval_aggregate(sn_cell *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    if (t->a == SN_NO_NODE) {
        return eval_count(out, e, t, s, SIZE_MAX);
    }
    target_visit v = {.visit = {.at = visit_aggregate}, .expr = e, .term = t, .outer = s};
    sn_status status = sn__path_walk(t->path, scope_at(s, t->depth)->row, t->distinct, &v.visit);
    return status ? status : sn__tally_result(out, &v.tally, t->op, (sn_type)e->terms[t->a].type);
}

/* ---------------------------------------------------------------- predicates */

static int
order_of(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* An int and a float, exactly. */
static int
compare_int_float(int64_t a, double b)
{
    if (isnan(b)) {
        return 2;
    }
    if (b >= 0x1p63) {
        return -1;
    }
    if (b < -0x1p63) {
        return 1;
    }
    int64_t whole = (int64_t)b;
    double rest = b - (double)whole;
    return a != whole ? (a > whole) - (a < whole) : (rest < 0) - (rest > 0);
}

static int
compare_floats(double a, double b)
{
    return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
}

/* -1, 0, 1; 2 when neither is less and they are not equal (a NaN). The types are equal, or INT with FLOAT. */
static int
compare_values(const sn_db *db, sn_type ta, sn_word a, sn_type tb, sn_word b)
{
    if (ta == SN_FLOAT) {
        if (tb == SN_FLOAT) {
            return compare_floats(sn_word_float(a), sn_word_float(b));
        }
        int order = compare_int_float(sn_word_int(b), sn_word_float(a));
        return order == 2 ? 2 : -order;
    }
    if (tb == SN_FLOAT) {
        return compare_int_float(sn_word_int(a), sn_word_float(b));
    }
    if (sn_types[ta].flags & SN_T_INLINE) {
        return order_of(sn__inline_key(ta, a), sn__inline_key(ta, b));
    }
    int order = sn_compare(db, ta, a, b);
    return (order > 0) - (order < 0);
}

/* Equality of what has no order, and of text without looking further than the lengths when they differ. A null equals
 * the constant null and nothing else. */
static bool
equal_cells(const sn_expr *e, const sn__term *t, sn_cell a, sn_cell b)
{
    const sn__term *left = &e->terms[t->a], *right = &e->terms[t->b];
    if (a.null || b.null) {
        return a.null && b.null && (left->kind == SN__CONST || right->kind == SN__CONST);
    }
    return sn_type_owns(left->type) ? sn_equal(e->db, left->type, a.word, b.word)
                                    : compare_values(e->db, left->type, a.word, right->type, b.word) == 0;
}

static bool
holds(sn_compare_op op, int order)
{
    static const bool table[][4] = {
        [SN_LT] = {true, false, false, false},
        [SN_LE] = {true, true, false, false},
        [SN_GT] = {false, false, true, false},
        [SN_GE] = {false, true, true, false},
    };
    return table[op][order + 1];
}

/* A side of a comparison. Targets are counted one further than the constant beside them, which tells as much as all of them. */
static sn_status
eval_side(sn_cell *out, const sn_expr *e, sn_node node, sn_node beside, const sn__scope *s)
{
    const sn__term *t = &e->terms[node], *other = &e->terms[beside];
    bool counts = t->kind == SN__AGGREGATE && t->op == SN_COUNT && t->a == SN_NO_NODE;
    if (!counts || other->kind != SN__CONST || other->type != SN_INT || other->cell.null) {
        return sn__eval(out, e, node, s);
    }
    int64_t constant = sn_word_int(other->cell.word);
    return eval_count(out, e, t, s, constant < 0 ? 1 : constant >= UINT32_MAX ? SIZE_MAX : (size_t)constant + 1);
}

static sn_status
test_compare(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a, b;
    sn_status status = eval_side(&a, e, t->a, t->b, s);
    status = status ? status : eval_side(&b, e, t->b, t->a, s);
    if (status) {
        return status;
    }
    if (t->op <= SN_NE) {
        *out = equal_cells(e, t, a, b) == (t->op == SN_EQ);
    } else {
        sn_type ta = e->terms[t->a].type, tb = e->terms[t->b].type;
        *out = !a.null && !b.null && holds(t->op, compare_values(e->db, ta, a.word, tb, b.word));
    }
    return SN_OK;
}

static sn_status
test_in(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a;
    sn_status status = sn__eval(&a, e, t->a, s);
    if (status) {
        return status;
    }
    const sn__members *m = &e->members[t->members];
    *out = a.null ? m->null : sn__members_find(e, m, e->terms[t->a].type, a.word) != 0;
    return SN_OK;
}

static sn_status
test_text(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a, b;
    sn_status status = sn__eval(&a, e, t->a, s);
    status = status ? status : sn__eval(&b, e, t->b, s);
    if (status) {
        return status;
    }
    *out = !a.null && !b.null
           && sn__match(t->op, sn_word_bytes(e->db, SN_TEXT, a.word), sn_word_bytes(e->db, SN_TEXT, b.word));
    return SN_OK;
}

static sn_status
test_is_null(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a;
    sn_status status = sn__eval(&a, e, t->a, s);
    *out = status == SN_OK && a.null;
    return status;
}

static sn_status
test_truth(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    sn_cell a;
    sn_status status = sn__eval(&a, e, t->a, s);
    *out = status == SN_OK && !a.null && a.word != 0;
    return status;
}

static sn_status
test_junction(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    bool all = t->kind == SN__AND;
    sn_status status = SN_OK;
    *out = all;
    for (uint32_t i = 0; i < t->n && *out == all && status == SN_OK; i++) {
        status = sn__test(out, e, e->children[t->first + i], s);
    }
    return status;
}

static sn_status
test_not(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    bool inner = false;
    sn_status status = sn__test(&inner, e, t->a, s);
    *out = !inner;
    return status;
}

static sn_status
test_exists(bool *out, const sn_expr *e, const sn__term *t, const sn__scope *s)
{
    target_visit v = {.visit = {.at = visit_exists}, .expr = e, .term = t, .outer = s};
    sn_status status = sn__path_walk(t->path, scope_at(s, t->depth)->row, t->path->joints > 1, &v.visit);
    *out = v.found;
    return status;
}

/* ---------------------------------------------------------------- dispatch */

static const eval_fn eval_table[] = {
    [SN__CONST] = eval_const, [SN__COLUMN] = eval_column, [SN__FOLLOW] = eval_follow,       [SN__HOST] = eval_host,
    [SN__ARITH] = eval_arith, [SN__ELSE] = eval_else,     [SN__AGGREGATE] = eval_aggregate,
};
_Static_assert(sizeof eval_table / sizeof eval_table[0] == SN__COMPARE, "a function for each kind of value");

static const test_fn test_table[] = {
    [SN__COMPARE] = test_compare, [SN__IN] = test_in,       [SN__TEXT] = test_text,
    [SN__IS_NULL] = test_is_null, [SN__TRUTH] = test_truth, [SN__AND] = test_junction,
    [SN__OR] = test_junction,     [SN__NOT] = test_not,     [SN__EXISTS] = test_exists,
};
_Static_assert(sizeof test_table / sizeof test_table[0] == SN__KIND_COUNT, "a function for each kind of predicate");

sn_status
sn__eval(sn_cell *out, const sn_expr *e, sn_node node, const sn__scope *s)
{
    const sn__term *t = &e->terms[node];
    assert(t->kind < SN__COMPARE);
    return eval_table[t->kind](out, e, t, s);
}

sn_status
sn__test(bool *out, const sn_expr *e, sn_node node, const sn__scope *s)
{
    const sn__term *t = &e->terms[node];
    assert(t->kind >= SN__COMPARE);
    return test_table[t->kind](out, e, t, s);
}

sn_status
sn__test_all(bool *out, const sn_expr *e, const sn_node *nodes, size_t n, sn_row row)
{
    sn__scope s = {NULL, row};
    sn_status status = SN_OK;
    *out = true;
    for (size_t i = 0; i < n && *out && status == SN_OK; i++) {
        status = sn__test(out, e, nodes[i], &s);
    }
    return status;
}

/* ---------------------------------------------------------------- many rows */

static void
gather_column(sn_cell *out, const sn_table *t, sn_col col, const sn_row *rows, size_t n)
{
    sn_word **blocks = t->columns[col].blocks;
    if (t->columns[col].nulls) {
        for (size_t i = 0; i < n; i++) {
            out[i] = cell_at(t, rows[i], col);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (sn_cell){blocks[rows[i] >> SN_BLOCK_SHIFT][rows[i] & SN_BLOCK_MASK], false};
    }
}

sn_status
sn__eval_rows(sn_cell *out, const sn_expr *e, sn_node node, const sn_table *t, const sn_row *rows, size_t n)
{
    const sn__term *term = &e->terms[node];
    if (term->kind == SN__COLUMN) {
        assert(term->depth == 0 && term->rows[0] == t);
        gather_column(out, t, term->col, rows, n);
        return SN_OK;
    }
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = sn__eval(&out[i], e, node, &(sn__scope){NULL, rows[i]});
    }
    return status;
}

sn_status
sn_expr_eval(sn_cell *out, sn_expr *e, sn_node node, const sn_table *t, const sn_row *rows, size_t n)
{
    if (!sn__expr_fits(e, node, false, t)) {
        return sn__failed(e->db, SN_MISUSE);
    }
    for (size_t i = 0; i < n; i++) {
        if (!sn__stored(t, rows[i])) {
            return sn__fail(e->db, (sn_error){.status = SN_STALE, .table = t, .row = rows[i], .other = SN_NO_ROW});
        }
    }
    return sn__failed(e->db, sn__eval_rows(out, e, node, t, rows, n));
}

/* ---------------------------------------------------------------- what an aggregate looks at */

typedef struct list_visit {
    target_visit v;
    sn_rows *out;
} list_visit;

static sn_status
visit_list(sn__visit *visit, sn_row row)
{
    list_visit *list = (list_visit *)visit;
    bool holds;
    sn_status status = target_holds(&holds, &list->v, row);
    return status || !holds ? status : sn_rows_push(list->v.expr->db, list->out, row);
}

sn_status
sn_expr_targets(sn_rows *out, size_t *offsets, const sn_table **to, sn_expr *e, sn_node node, const sn_table *t,
                const sn_row *rows, size_t n)
{
    if (!sn__expr_fits(e, node, false, t) || e->terms[node].kind != SN__AGGREGATE) {
        return sn__failed(e->db, SN_MISUSE);
    }
    const sn__term *term = &e->terms[node];
    size_t before = out->n;
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        offsets[i] = out->n;
        sn__scope scope = {NULL, rows[i]};
        list_visit list = {{.visit = {.at = visit_list}, .expr = e, .term = term, .outer = &scope}, out};
        if (sn__stored(t, rows[i])) {
            status = sn__path_walk(term->path, rows[i], term->distinct, &list.v.visit);
        }
    }
    offsets[n] = out->n;
    out->n = status ? before : out->n;
    *to = sn_path_to(term->path);
    return sn__failed(e->db, status);
}
