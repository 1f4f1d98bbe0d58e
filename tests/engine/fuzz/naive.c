/*
 * naive.c - evaluates naive trees: by the words of sn.h, one row at a time, without an index and without passing over
 * anything (tree.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

static const answer nothing = {.null = true};

/* Counts one step; false when there have been too many. */
static bool
step(ask *a)
{
    a->abandoned |= ++a->steps > MAX_STEPS;
    return !a->abandoned;
}

static sn_row
row_at(const scope *s, unsigned depth)
{
    while (depth-- > 0)
        s = s->outer;
    return s->row;
}

/* ---------------------------------------------------------------- comparing */

#define MOMENT 8 /* bytes of the canonical form */

/* space: for those of a moment. */
static sn_bytes
bytes_of(answer x, unsigned char *space)
{
    if (!x.moment)
        return value_bytes(x.type, x.bare, (value){x.null, x.v});
    for (unsigned i = 0; i < MOMENT; i++)
        space[i] = (unsigned char)((uint64_t)x.v >> (56 - 8 * i));
    space[0] ^= 0x80;
    return (sn_bytes){space, MOMENT};
}

static bool
is_text(sn_type type)
{
    return type == SN_TEXT || type == SN_ENTRY;
}

static bool
is_nan(answer x)
{
    return x.type == SN_FLOAT && isnan(model_float(x.v));
}

/* A long double has at least the 64 bits of an int. */
static long double
number_of(answer x)
{
    return x.type == SN_FLOAT ? (long double)model_float(x.v) : (long double)x.v;
}

/* Of two values, neither null nor NaN. */
static int
order_of(answer x, answer y)
{
    unsigned char space[2][MOMENT];
    if (is_text(x.type))
        return model_compare_bytes(bytes_of(x, space[0]), bytes_of(y, space[1]));
    if (x.type == SN_FLOAT || y.type == SN_FLOAT)
        return (number_of(x) > number_of(y)) - (number_of(x) < number_of(y));
    int64_t p = x.v, q = y.v;
    if (x.type == SN_DATETIME) {
        p -= p & 1;
        q -= q & 1;
    }
    return (p > q) - (p < q);
}

bool
naive_same_group(answer x, answer y)
{
    if (x.null || y.null)
        return x.null && y.null;
    if (is_nan(x) || is_nan(y))
        return is_nan(x) && is_nan(y);
    return order_of(x, y) == 0;
}

static bool
holds(int op, answer x, answer y, bool with_constant)
{
    bool comparable = !x.null && !y.null && !is_nan(x) && !is_nan(y);
    int order = comparable ? order_of(x, y) : 0;
    switch (op) {
    case SN_EQ:
    case SN_NE:
        return ((x.null && y.null && with_constant) || (comparable && order == 0)) == (op == SN_EQ);
    case SN_LT:
        return comparable && order < 0;
    case SN_LE:
        return comparable && order <= 0;
    case SN_GT:
        return comparable && order > 0;
    default:
        return comparable && order >= 0;
    }
}

/* Nulls apart, NaN behind all numbers. */
static int
sort_order(answer x, answer y, const order_spec *o)
{
    if (x.null || y.null)
        return x.null == y.null ? 0 : x.null == o->nulls_first ? -1 : 1;
    int order = is_nan(x) || is_nan(y) ? is_nan(x) - is_nan(y) : order_of(x, y);
    return o->descending ? -order : order;
}

void
naive_sort(ask *a, const order_spec *orders, size_t order_n, sn_row *rows, unsigned char *way_of, size_t n)
{
    answer *keys = calloc(n * order_n + 1, sizeof(*keys));
    REQUIRE(keys != NULL);
    for (size_t i = 0; i < n; i++) {
        answer key[MAX_ORDERS];
        sn_row row = rows[i];
        unsigned char way = way_of ? way_of[i] : 0;
        size_t at = i;
        for (size_t k = 0; k < order_n; k++)
            key[k] = naive_value(a, orders[way * MAX_ORDERS + k].tree, &(scope){NULL, row});
        for (; at > 0; at--) {
            int order = 0;
            for (size_t k = 0; k < order_n && order == 0; k++)
                order = sort_order(keys[(at - 1) * order_n + k], key[k], &orders[k]);
            if (order <= 0)
                break;
            rows[at] = rows[at - 1];
            if (way_of)
                way_of[at] = way_of[at - 1];
            memcpy(keys + at * order_n, keys + (at - 1) * order_n, order_n * sizeof(*keys));
        }
        rows[at] = row;
        if (way_of)
            way_of[at] = way;
        memcpy(keys + at * order_n, key, order_n * sizeof(*keys));
    }
    free(keys);
}

/* ---------------------------------------------------------------- paths */

static void
arrive(ask *a, targets *out, sn_row row, bool distinct)
{
    for (size_t i = 0; i < out->n && distinct; i++) {
        if (out->rows[i] == row)
            return;
    }
    if (out->n == MAX_TARGETS)
        a->abandoned = true;
    else
        out->rows[out->n++] = row;
}

static bool
holds_at(ask *a, int where, sn_row row)
{
    return where == NONE || naive_test(a, where, &(scope){NULL, row});
}

static bool
has_row(const targets *t, sn_row row)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->rows[i] == row)
            return true;
    }
    return false;
}

/* What the route leads to from each row of the list, once, and again from those. */
static void
closure(ask *a, targets *out, const route *p, sn_row from)
{
    targets next;
    naive_targets(a, out, p, from, true);
    for (size_t i = 0; i < out->n && !a->abandoned; i++) {
        naive_targets(a, &next, p, out->rows[i], true);
        for (size_t k = 0; k < next.n; k++)
            arrive(a, out, next.rows[k], true);
    }
}

static void
combine(ask *a, targets *out, const hop *h, sn_row from)
{
    targets other;
    naive_targets(a, out, &a->routes[h->parts[0]], from, true);
    for (size_t i = 1; i < h->part_n; i++) {
        naive_targets(a, &other, &a->routes[h->parts[i]], from, true);
        size_t kept = 0;
        for (size_t k = 0; k < out->n && h->kind != SN_HOP_UNION; k++) {
            if (has_row(&other, out->rows[k]) == (h->kind == SN_HOP_INTERSECTION))
                out->rows[kept++] = out->rows[k];
        }
        out->n = h->kind == SN_HOP_UNION ? out->n : kept;
        for (size_t k = 0; k < other.n && h->kind == SN_HOP_UNION; k++)
            arrive(a, out, other.rows[k], true);
    }
}

/* The rows of a step by ways, each by the first of those whose condition holds. */
static void
rows_by_ways(ask *a, targets *out, unsigned char *way_of, const hop *h, sn_row from)
{
    targets some;
    out->n = 0;
    for (size_t k = 0; k < h->part_n; k++) {
        naive_targets(a, &some, &a->routes[h->parts[k]], from, true);
        for (size_t i = 0; i < some.n; i++) {
            size_t already = out->n;
            if (holds_at(a, h->way_where[k], some.rows[i]))
                arrive(a, out, some.rows[i], true);
            if (out->n > already)
                way_of[already] = (unsigned char)k;
        }
    }
}

/* The rows of a step along routes. */
static void
rows_along(ask *a, targets *out, const hop *h, sn_row from)
{
    const route *first = &a->routes[h->parts[0]];
    if (h->kind == SN_HOP_THROUGH)
        naive_targets(a, out, first, from, first->distinct);
    else if (h->kind == SN_HOP_RECURSIVE)
        closure(a, out, first, from);
    else
        combine(a, out, h, from);
}

/* The rows of a step along a reference. */
static void
rows_related(ask *a, targets *out, const hop *h, sn_row from)
{
    const model *m = &a->r->m;
    value key[MAX_KEY];
    bool any = h->backward ? model_referring_key(m, key, h->ref, from) : model_target_key(m, key, h->ref, from);
    int there = h->backward ? references[h->ref].from : references[h->ref].to;
    out->n = any ? model_list(m, out->rows, there, key) : 0;
}

/* Those for which the step's condition holds, in its order. */
static void
furnish(ask *a, targets *out, unsigned char *way_of, const hop *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (!holds_at(a, h->where, out->rows[i]))
            continue;
        way_of[kept] = way_of[i];
        out->rows[kept++] = out->rows[i];
    }
    out->n = kept;
    if (h->order_n > 0)
        naive_sort(a, &h->orders[0][0], h->order_n, out->rows, h->by_ways ? way_of : NULL, kept);
}

/* What the rows from `start` on lead on to by their ways. */
static void
lead_on(ask *a, targets *rows, const unsigned char *way_of, const hop *h, size_t start)
{
    targets far = {.n = 0}, some;
    for (size_t i = start; i < rows->n; i++) {
        const route *on = &a->routes[h->onward[way_of[i]]];
        naive_targets(a, &some, on, rows->rows[i], on->distinct);
        for (size_t k = 0; k < some.n; k++)
            arrive(a, &far, some.rows[k], false);
    }
    *rows = far;
}

/* The rows of a step, cut to its offset and limit; returns where they begin. */
static size_t
hop_rows(ask *a, targets *out, const hop *h, sn_row from)
{
    unsigned char way_of[MAX_TARGETS] = {0};
    if (h->by_ways)
        rows_by_ways(a, out, way_of, h, from);
    else if (h->ref == NONE)
        rows_along(a, out, h, from);
    else
        rows_related(a, out, h, from);
    furnish(a, out, way_of, h);
    size_t limit = h->single && h->limit > 1 ? 1 : h->limit, start = h->offset < out->n ? h->offset : out->n;
    out->n = out->n - start < limit ? out->n : start + limit;
    if (!leads_on(h))
        return start;
    lead_on(a, out, way_of, h, start);
    return 0;
}

static void
walk(ask *a, targets *out, const route *p, size_t at, sn_row row, bool distinct)
{
    targets rows;
    if (!step(a))
        return;
    if (at == p->n) {
        arrive(a, out, row, distinct);
        return;
    }
    for (size_t i = hop_rows(a, &rows, &p->hops[at], row); i < rows.n; i++)
        walk(a, out, p, at + 1, rows.rows[i], distinct);
}

void
naive_targets(ask *a, targets *out, const route *p, sn_row from, bool distinct)
{
    out->n = 0;
    walk(a, out, p, 0, from, distinct);
}

/* ---------------------------------------------------------------- aggregates */

static bool
is_better(const tally *t, answer x)
{
    if (t->n == 0)
        return true;
    if (is_nan(x) || is_nan(t->best))
        return !is_nan(x);
    return t->op == SN_MIN ? order_of(x, t->best) < 0 : order_of(x, t->best) > 0;
}

void
naive_add(tally *t, answer x)
{
    if (x.null)
        return;
    if (t->op >= SN_MIN && is_better(t, x))
        t->best = x;
    if (x.type == SN_FLOAT) { /* Neumaier's sum, so that the last bit is the same */
        double number = model_float(x.v), sum = t->real + number;
        t->error += fabs(t->real) >= fabs(number) ? (t->real - sum) + number : (number - sum) + t->real;
        t->real = sum;
    } else {
        t->sum += x.v;
    }
    t->n++;
}

static answer
float_answer(double number)
{
    answer x = {.type = SN_FLOAT};
    memcpy(&x.v, &number, sizeof(x.v));
    return x;
}

static answer
int_answer(ask *a, sn_type type, __int128 number)
{
    a->overflow |= number < INT64_MIN || number > INT64_MAX;
    return (answer){.type = type, .v = (int64_t)number};
}

static answer
average(ask *a, const tally *t, double sum)
{
    answer x = {.type = SN_TIMEDELTA};
    if (t->type == SN_FLOAT)
        return float_answer(sum / (double)t->n);
    if (t->type == SN_INT)
        return float_answer(naive_ratio(t->sum, (__int128)t->n));
    a->overflow |= !naive_round(&x.v, t->sum, (__int128)t->n);
    return x;
}

answer
naive_result(ask *a, const tally *t)
{
    double sum = isfinite(t->error) ? t->real + t->error : t->real;
    switch (t->op) {
    case SN_COUNT:
        return int_answer(a, SN_INT, (__int128)t->n);
    case SN_SUM:
        return t->type == SN_FLOAT ? float_answer(sum) : int_answer(a, t->type, t->sum);
    case SN_AVG:
        return t->n == 0 ? nothing : average(a, t, sum);
    default:
        return t->n == 0 ? nothing : t->best;
    }
}

static answer
aggregate(ask *a, const tree *t, const scope *s)
{
    targets found;
    tally sum = {.op = t->op, .type = t->a == NONE ? SN_INT : a->trees[t->a].type};
    naive_targets(a, &found, &a->routes[t->route], row_at(s, t->depth), t->distinct);
    for (size_t i = 0; i < found.n && step(a); i++) {
        scope inner = {s, found.rows[i]};
        if (t->b == NONE || naive_test(a, t->b, &inner))
            naive_add(&sum, t->a == NONE ? (answer){.type = SN_INT} : naive_value(a, t->a, &inner));
    }
    return naive_result(a, &sum);
}

/* ---------------------------------------------------------------- values */

static answer
cell_answer(const ask *a, int table, sn_col col, sn_row row)
{
    const column_spec *column = &a->r->m.schema.columns[table][col];
    value v = a->r->m.now.rows[table][row].cells[col];
    return (answer){v.null, column->bare, column->def.type, v.v, false};
}

static answer
moment(const ask *a, const tree *t)
{
    const model *m = &a->r->m;
    if (t->type == SN_DATETIME)
        return (answer){.v = 2 * (m->local + t->offset)};
    return (answer){.moment = true, .v = m->utc + t->offset};
}

static answer
follow(ask *a, const tree *t, const scope *s)
{
    targets found;
    naive_targets(a, &found, &a->routes[t->route], row_at(s, t->depth), false);
    return found.n == 0 ? nothing : naive_value(a, t->a, &(scope){s, found.rows[0]});
}

static answer
arithmetic(ask *a, const tree *t, const scope *s)
{
    answer x = naive_value(a, t->a, s), y = naive_value(a, t->b, s), out = nothing;
    if (!x.null && !y.null && !naive_arith(&out, t->op, x, y)) {
        a->overflow = true;
        return nothing;
    }
    return out;
}

static answer
host_value(const ask *a, const tree *t, sn_row row)
{
    value v = row < a->host_n[t->slot] ? a->hosts[t->slot][row] : (value){true, 0};
    return (answer){v.null, false, t->type, v.v, false};
}

answer
naive_value(ask *a, int tree_number, const scope *s)
{
    const tree *t = &a->trees[tree_number];
    answer x = nothing;
    if (!step(a))
        return x;
    switch (t->kind) {
    case T_CONST:
        x = (answer){t->constant.null, t->bare, t->type, t->constant.v, false};
        break;
    case T_MOMENT:
        x = moment(a, t);
        break;
    case T_COLUMN:
        x = cell_answer(a, t->table, t->col, row_at(s, t->depth));
        break;
    case T_FOLLOW:
        x = follow(a, t, s);
        break;
    case T_HOST:
        x = host_value(a, t, row_at(s, t->depth));
        break;
    case T_ARITH:
        x = arithmetic(a, t, s);
        break;
    default:
        x = aggregate(a, t, s);
        break;
    }
    x.type = t->type;
    return x;
}

/* ---------------------------------------------------------------- predicates */

static bool
is_constant(const ask *a, int t)
{
    return a->trees[t].kind == T_CONST;
}

static bool
among(const tree *t, answer x)
{
    bool found = false;
    for (size_t i = 0; i < t->n; i++) {
        answer member = {t->members[i].null, t->member_bare, x.type, t->members[i].v, false};
        found |= holds(SN_EQ, x, member, true);
    }
    return found;
}

static bool
exists(ask *a, const tree *t, const scope *s)
{
    targets found;
    bool any = false;
    naive_targets(a, &found, &a->routes[t->route], row_at(s, t->depth), false);
    for (size_t i = 0; i < found.n && step(a); i++)
        any |= t->b == NONE || naive_test(a, t->b, &(scope){s, found.rows[i]});
    return any;
}

static bool
junction(ask *a, const tree *t, const scope *s)
{
    bool all = true, any = false;
    for (size_t i = 0; i < t->n; i++) {
        bool one = naive_test(a, t->child[i], s);
        all &= one;
        any |= one;
    }
    return t->kind == T_AND ? all : any;
}

bool
naive_test(ask *a, int tree_number, const scope *s)
{
    const tree *t = &a->trees[tree_number];
    answer x = nothing, y = nothing;
    if (!step(a))
        return false;
    if (t->a != NONE && t->kind != T_NOT && t->kind != T_EXISTS)
        x = naive_value(a, t->a, s);
    if (t->b != NONE && t->kind != T_EXISTS)
        y = naive_value(a, t->b, s);
    switch (t->kind) {
    case T_COMPARE:
        return holds(t->op, x, y, is_constant(a, t->a) || is_constant(a, t->b));
    case T_IN:
        return among(t, x);
    case T_TEXT:
        return !x.null && !y.null && naive_match(t->op, bytes_of(x, NULL), bytes_of(y, NULL));
    case T_IS_NULL:
        return x.null;
    case T_TRUTH:
        return !x.null && x.v != 0;
    case T_NOT:
        return !naive_test(a, t->a, s);
    case T_EXISTS:
        return exists(a, t, s);
    default:
        return junction(a, t, s);
    }
}
