/*
 * test_query.c - queries against a naive evaluation of all rows.
 *
 * Random predicates are made as trees, built into expressions, and evaluated here by an interpreter of their own that
 * walks paths by nested loops and sorts by insertion. Every query, whatever plan it takes, must give the same rows in
 * the same order, with and without indexes, through all changes. What plans were taken is counted: each way must have
 * been.
 */
#include "world.h"

#include "expr.h"
#include "match.h"
#include "path.h"

#include <math.h>

static hostile h;

#define ALL SIZE_MAX
#define PATHS 13

typedef struct shape {
    size_t n;
    world_step steps[2];
} shape;

static const shape shapes[PATHS] = {
    {1, {{POST_TO_AUTHOR, false, false, ALL}}},
    {1, {{POST_TO_CATEGORY, false, false, ALL}}},
    {1, {{COMMENT_TO_POST, false, false, ALL}}},
    {1, {{CATEGORY_TO_PARENT, false, false, ALL}}},
    {2, {{COMMENT_TO_POST, false, false, ALL}, {POST_TO_AUTHOR, false, false, ALL}}},
    {1, {{POST_TO_AUTHOR, true, true, ALL}}},
    {1, {{POST_TO_AUTHOR, true, false, ALL}}},
    {1, {{COMMENT_TO_POST, true, false, ALL}}},
    {1, {{POST_TO_CATEGORY, true, false, ALL}}},
    {1, {{CATEGORY_TO_PARENT, true, false, ALL}}},
    {2, {{POST_TO_AUTHOR, true, false, ALL}, {COMMENT_TO_POST, true, false, ALL}}},
    {2, {{POST_TO_AUTHOR, true, false, ALL}, {POST_TO_CATEGORY, false, false, ALL}}},
    {1, {{POST_TO_AUTHOR, true, false, 2}}},
};
#define TO_ONE 6 /* the first so many lead to one row at most */

static int
shape_from(int path)
{
    return step_from(shapes[path].steps[0]);
}

static int
shape_to(int path)
{
    return step_to(shapes[path].steps[shapes[path].n - 1]);
}

/* ---------------------------------------------------------------- trees */

typedef struct tree tree;
struct tree {
    sn__kind kind;
    int op;
    sn_type type;
    unsigned depth;
    int table;
    sn_col col;
    int path;
    bool distinct;
    sn_cell cells[12]; /* constants; n of them */
    bool intern[12];
    const char *texts[12];
    size_t n;
    tree *a, *b;
    tree *kids[3];
};

typedef struct maker {
    world *w;
    tree pool[2000];
    size_t used;
    int around[4]; /* tables by depth, the innermost at [level] */
    int level;
} maker;

static tree *
grow(maker *m, sn__kind kind, sn_type type)
{
    CHECK(m->used < 2000);
    tree *t = &m->pool[m->used++];
    *t = (tree){.kind = kind, .type = type};
    return t;
}

static tree *make_predicate(maker *m, int size);

static void
make_cell(maker *m, tree *t, sn_type type)
{
    size_t i = t->n++;
    t->cells[i] = world_pick(m->w, 12) == 0 ? SN_NULL_CELL : int_cell((int64_t)world_pick(m->w, 24) - 4);
    if (type == SN_FLOAT && !t->cells[i].null) {
        t->cells[i] = float_cell(world_pick(m->w, 20) == 0 ? NAN : world_float(m->w));
    } else if (type == SN_BOOL && !t->cells[i].null) {
        t->cells[i] = int_cell(world_pick(m->w, 2));
    } else if (type == SN_DATETIME && !t->cells[i].null) {
        t->cells[i] = int_cell(world_pick(m->w, 40));
    } else if (type == SN_TEXT && !t->cells[i].null) {
        t->texts[i] = world_text(m->w);
        t->intern[i] = world_pick(m->w, 2);
    }
}

static tree *
make_const(maker *m, sn_type type)
{
    tree *t = grow(m, SN__CONST, type);
    make_cell(m, t, type);
    return t;
}

/* A column of this type of some row around, or a constant if there is none. */
static tree *
make_column(maker *m, sn_type type)
{
    unsigned depth = world_pick(m->w, 4) == 0 ? world_pick(m->w, (uint32_t)m->level + 1) : 0;
    int table = m->around[m->level - (int)depth];
    for (uint32_t tries = 0; tries < 12; tries++) {
        sn_col col = (sn_col)world_pick(m->w, world_widths[table]);
        if (world_columns[table][col].type == type) {
            tree *t = grow(m, SN__COLUMN, type);
            t->depth = depth;
            t->table = table;
            t->col = col;
            return t;
        }
    }
    return make_const(m, type);
}

/* A path from the row at depth 0, to one row if asked; -1 if there is none at hand. */
static int
pick_path(maker *m, bool to_one)
{
    for (uint32_t tries = 0; tries < 20; tries++) {
        int path = (int)world_pick(m->w, to_one ? TO_ONE : PATHS);
        if (shape_from(path) == m->around[m->level]) {
            return path;
        }
    }
    return -1;
}

static tree *
make_value(maker *m, sn_type type, int size)
{
    uint32_t what = world_pick(m->w, 12);
    int path = m->level < 2 ? pick_path(m, what < 5) : -1;
    if (size > 0 && path >= 0 && what < 7) {
        bool aggregate = what >= 5;
        if (aggregate && type != SN_INT) {
            return make_column(m, type);
        }
        tree *t = grow(m, aggregate ? SN__AGGREGATE : SN__FOLLOW, type);
        t->path = path;
        m->around[++m->level] = shape_to(path);
        static const int ops[] = {SN_COUNT, SN_SUM, SN_MIN, SN_MAX};
        t->op = aggregate ? ops[world_pick(m->w, 4)] : 0;
        t->distinct = aggregate && world_pick(m->w, 2);
        t->b = aggregate && world_pick(m->w, 2) ? make_predicate(m, size - 1) : NULL;
        t->a = t->op == SN_COUNT && aggregate && world_pick(m->w, 2) ? NULL : make_value(m, type, size - 1);
        m->level--;
        return t;
    }
    if (size > 0 && what == 7 && (type == SN_INT || type == SN_FLOAT)) {
        tree *t = grow(m, SN__ARITH, type);
        t->op = (int)world_pick(m->w, 2);
        t->a = make_value(m, type, size - 1);
        t->b = make_value(m, type, size - 1);
        return t;
    }
    if (size > 0 && what == 9) {
        tree *t = grow(m, SN__ELSE, type);
        t->a = make_value(m, type, size - 1);
        t->b = make_value(m, type, size - 1);
        return t;
    }
    return what == 8 ? make_const(m, type) : make_column(m, type);
}

static sn_type
pick_type(maker *m)
{
    static const sn_type types[] = {SN_INT, SN_INT, SN_INT, SN_FLOAT, SN_TEXT, SN_TEXT, SN_BOOL, SN_DATETIME};
    return types[world_pick(m->w, 8)];
}

/* column op constant: what indexes and block scans understand */
static tree *
make_simple(maker *m)
{
    sn_type type = pick_type(m);
    tree *t = grow(m, world_pick(m->w, 4) ? SN__COMPARE : SN__IN, SN__NO_TYPE);
    t->a = make_column(m, type);
    if (type == SN_TEXT && world_pick(m->w, 3) == 0) {
        t->kind = SN__TEXT;
        t->op = SN_STARTSWITH;
        t->b = make_const(m, type);
        return t;
    }
    if (t->kind == SN__IN) {
        for (size_t n = world_pick(m->w, 12); n > 0; n--) {
            make_cell(m, t, type);
        }
        return t;
    }
    t->op = world_pick(m->w, 2) ? SN_EQ : (int)world_pick(m->w, 6);
    t->b = make_const(m, type);
    return t;
}

static tree *
make_junction(maker *m, sn__kind kind, int size)
{
    tree *t = grow(m, kind, SN__NO_TYPE);
    t->n = world_pick(m->w, 4);
    for (size_t i = 0; i < t->n; i++) {
        t->kids[i] = make_predicate(m, size - 1);
    }
    return t;
}

/* Several values of one column, which is as good as IN; at times something else is among the parts. */
static tree *
make_either(maker *m)
{
    sn_type type = pick_type(m);
    tree *column = make_column(m, type), *t = grow(m, SN__OR, SN__NO_TYPE);
    t->n = 2 + world_pick(m->w, 2);
    for (size_t i = 0; i < t->n; i++) {
        t->kids[i] =
            world_pick(m->w, 8) ? grow(m, world_pick(m->w, 4) ? SN__COMPARE : SN__IN, SN__NO_TYPE) : make_simple(m);
        if (t->kids[i]->a) {
            continue;
        }
        t->kids[i]->a = column;
        if (t->kids[i]->kind == SN__COMPARE) {
            t->kids[i]->op = SN_EQ;
            t->kids[i]->b = make_const(m, type);
        } else {
            for (size_t n = world_pick(m->w, 4); n > 0; n--) {
                make_cell(m, t->kids[i], type);
            }
        }
    }
    return t;
}

static tree *
make_exists(maker *m, int size)
{
    int path = m->level < 2 ? pick_path(m, false) : -1;
    if (path < 0) {
        return make_simple(m);
    }
    tree *t = grow(m, SN__EXISTS, SN__NO_TYPE);
    t->path = path;
    m->around[++m->level] = shape_to(path);
    t->b = world_pick(m->w, 4) ? make_predicate(m, size - 1) : NULL;
    m->level--;
    return t;
}

static tree *
make_compare(maker *m, int size)
{
    sn_type type = pick_type(m), other = type == SN_INT && world_pick(m->w, 4) == 0 ? SN_FLOAT : type;
    tree *t = grow(m, SN__COMPARE, SN__NO_TYPE);
    t->op = (int)world_pick(m->w, 6);
    t->a = make_value(m, type, size - 1);
    t->b = world_pick(m->w, 2) ? make_const(m, other) : make_value(m, other, size - 1);
    return t;
}

static tree *
make_unary(maker *m, sn__kind kind, sn_type type, int size)
{
    tree *t = grow(m, kind, SN__NO_TYPE);
    t->a = kind == SN__NOT ? make_predicate(m, size - 1) : make_value(m, type, size - 1);
    return t;
}

static tree *
make_text(maker *m, int size)
{
    tree *t = grow(m, SN__TEXT, SN__NO_TYPE);
    t->op = (int)world_pick(m->w, 5);
    t->a = make_value(m, SN_TEXT, size - 1);
    t->b = make_const(m, SN_TEXT);
    return t;
}

static tree *
make_predicate(maker *m, int size)
{
    if (size <= 0) {
        return make_simple(m);
    }
    switch (world_pick(m->w, 12)) {
    case 0:
        return world_pick(m->w, 2) ? make_either(m) : make_junction(m, SN__OR, size);
    case 1:
    case 2:
        return make_junction(m, SN__AND, size);
    case 3:
        return make_unary(m, SN__NOT, SN_INT, size);
    case 4:
        return make_unary(m, SN__IS_NULL, pick_type(m), size);
    case 5:
        return make_unary(m, SN__TRUTH, SN_BOOL, size);
    case 6:
        return make_text(m, size);
    case 7:
        return make_exists(m, size);
    case 8:
    case 9:
        return make_compare(m, size);
    default:
        return make_simple(m);
    }
}

/* ---------------------------------------------------------------- building */

typedef struct builder {
    world *w;
    sn_expr *e;
    sn_path *const *paths;
} builder;

static sn_cell
owned_cell(builder *b, const tree *t, size_t i)
{
    return t->texts[i] ? text_cell(b->w, t->texts[i], t->intern[i]) : t->cells[i];
}

static sn_node
build(builder *b, const tree *t)
{
    sn_node kids[3];
    sn_cell cells[12];
    if (!t) {
        return SN_NO_NODE;
    }
    sn_node x = t->a ? build(b, t->a) : SN_NO_NODE, y = t->b ? build(b, t->b) : SN_NO_NODE;
    for (size_t i = 0; i < t->n && t->kind >= SN__AND; i++) {
        kids[i] = build(b, t->kids[i]);
    }
    for (size_t i = 0; i < t->n && t->kind == SN__IN; i++) {
        cells[i] = owned_cell(b, t, i);
    }
    switch (t->kind) {
    case SN__CONST:
        return sn_expr_const(b->e, t->type, owned_cell(b, t, 0));
    case SN__COLUMN:
        return sn_expr_column(b->e, t->depth, b->w->t[t->table], t->col);
    case SN__FOLLOW:
        return sn_expr_follow(b->e, 0, b->paths[t->path], x);
    case SN__ARITH:
        return sn_expr_arith(b->e, (sn_arith_op)t->op, x, y);
    case SN__ELSE:
        return sn_expr_else(b->e, x, y);
    case SN__AGGREGATE:
        return sn_expr_aggregate(b->e, 0, (sn_agg_op)t->op, b->paths[t->path], y, x, t->distinct);
    case SN__COMPARE:
        return sn_expr_compare(b->e, (sn_compare_op)t->op, x, y);
    case SN__IN:
        return sn_expr_in(b->e, x, cells, t->n);
    case SN__TEXT:
        return sn_expr_text(b->e, (sn_text_op)t->op, x, y);
    case SN__IS_NULL:
        return sn_expr_is_null(b->e, x);
    case SN__TRUTH:
        return sn_expr_truth(b->e, x);
    case SN__AND:
        return sn_expr_and(b->e, kids, t->n);
    case SN__OR:
        return sn_expr_or(b->e, kids, t->n);
    case SN__NOT:
        return sn_expr_not(b->e, x);
    default:
        return sn_expr_exists(b->e, 0, b->paths[t->path], y);
    }
}

/* ---------------------------------------------------------------- naive evaluation */

typedef struct value {
    bool null;
    double real;
    int64_t integer;
    sn_bytes text;
} value;

typedef struct view {
    const world *w;
    sn_row rows[4];
    int level;
} view;

static bool naive_test(view *v, const tree *t);

static value
value_of(const world *w, sn_type type, sn_cell cell, const char *text)
{
    value out = {.null = cell.null && !text};
    if (out.null) {
        return out;
    }
    if (text) {
        out.text = (sn_bytes){(const unsigned char *)text, strlen(text)};
    } else if (type == SN_TEXT) {
        out.text = sn_word_bytes(w->db, SN_TEXT, cell.word);
    } else if (type == SN_FLOAT) {
        out.real = sn_word_float(cell.word);
    } else {
        out.integer = type == SN_DATETIME ? sn_word_int(cell.word) / 2 : sn_word_int(cell.word);
    }
    return out;
}

/* <0, 0, >0; 2 for what has no order; -0.0 is 0.0 and NaN nothing */
static int
naive_order(sn_type ta, value a, sn_type tb, value b)
{
    if (ta == SN_TEXT) {
        size_t n = a.text.len < b.text.len ? a.text.len : b.text.len;
        int order = n ? memcmp(a.text.data, b.text.data, n) : 0;
        return order ? (order > 0 ? 1 : -1) : (a.text.len > b.text.len) - (a.text.len < b.text.len);
    }
    if (ta == SN_FLOAT || tb == SN_FLOAT) {
        double x = ta == SN_FLOAT ? a.real : (double)a.integer, y = tb == SN_FLOAT ? b.real : (double)b.integer;
        return isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
    }
    return (a.integer > b.integer) - (a.integer < b.integer);
}

static value naive_value(view *v, const tree *t);

static value
naive_aggregate(view *v, const tree *t)
{
    sn_row rows[WORLD_ROWS];
    const shape *s = &shapes[t->path];
    size_t n = naive_walk(v->w, s->steps, s->n, v->rows[v->level], t->distinct, rows, 0);
    value out = {.null = t->op > SN_SUM};
    v->level++;
    for (size_t i = 0; i < n; i++) {
        v->rows[v->level] = rows[i];
        value x = {0};
        if (t->b && !naive_test(v, t->b)) {
            continue;
        }
        if (t->a) {
            x = naive_value(v, t->a);
        }
        if (x.null) {
            continue;
        }
        if (t->op == SN_COUNT || t->op == SN_SUM) {
            out.integer += t->op == SN_COUNT ? 1 : x.integer;
        } else if (out.null || (t->op == SN_MIN ? x.integer < out.integer : x.integer > out.integer)) {
            out = x;
        }
    }
    v->level--;
    return out;
}

static value
naive_follow(view *v, const tree *t)
{
    sn_row rows[WORLD_ROWS];
    const shape *s = &shapes[t->path];
    if (naive_walk(v->w, s->steps, s->n, v->rows[v->level], false, rows, 0) == 0) {
        return (value){.null = true};
    }
    v->rows[++v->level] = rows[0];
    value out = naive_value(v, t->a);
    v->level--;
    return out;
}

static value
naive_value(view *v, const tree *t)
{
    if (t->kind == SN__CONST) {
        return value_of(v->w, t->type, t->cells[0], t->texts[0]);
    }
    if (t->kind == SN__COLUMN) {
        return value_of(v->w, t->type, sn_table_get(v->w->t[t->table], v->rows[v->level - (int)t->depth], t->col),
                        NULL);
    }
    if (t->kind == SN__FOLLOW) {
        return naive_follow(v, t);
    }
    if (t->kind == SN__AGGREGATE) {
        return naive_aggregate(v, t);
    }
    value a = naive_value(v, t->a), b = naive_value(v, t->b);
    if (t->kind == SN__ELSE) {
        return a.null ? b : a;
    }
    bool minus = t->op == SN_SUB;
    return (value){.null = a.null || b.null,
                   .integer = minus ? a.integer - b.integer : a.integer + b.integer,
                   .real = minus ? a.real - b.real : a.real + b.real};
}

static bool
naive_equal(sn_type ta, value a, sn_type tb, value b)
{
    return a.null || b.null ? a.null && b.null : naive_order(ta, a, tb, b) == 0;
}

static bool
naive_compare(view *v, const tree *t)
{
    value a = naive_value(v, t->a), b = naive_value(v, t->b);
    bool blind = a.null && b.null && t->a->kind != SN__CONST && t->b->kind != SN__CONST; /* only None equals a null */
    if (t->op <= SN_NE) {
        return (!blind && naive_equal(t->a->type, a, t->b->type, b)) == (t->op == SN_EQ);
    }
    int order = naive_order(t->a->type, a, t->b->type, b);
    if (a.null || b.null || order == 2) {
        return false;
    }
    return t->op == SN_LT ? order < 0 : t->op == SN_LE ? order <= 0 : t->op == SN_GT ? order > 0 : order >= 0;
}

static bool
naive_in(view *v, const tree *t)
{
    value a = naive_value(v, t->a);
    for (size_t i = 0; i < t->n; i++) {
        if (naive_equal(t->a->type, a, t->a->type, value_of(v->w, t->a->type, t->cells[i], t->texts[i]))) {
            return true;
        }
    }
    return false;
}

static bool
naive_exists(view *v, const tree *t)
{
    sn_row rows[WORLD_ROWS];
    const shape *s = &shapes[t->path];
    size_t n = naive_walk(v->w, s->steps, s->n, v->rows[v->level], false, rows, 0);
    bool found = false;
    v->level++;
    for (size_t i = 0; i < n && !found; i++) {
        v->rows[v->level] = rows[i];
        found = !t->b || naive_test(v, t->b);
    }
    v->level--;
    return found;
}

static bool
naive_junction(view *v, const tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (naive_test(v, t->kids[i]) != (t->kind == SN__AND)) {
            return t->kind == SN__OR;
        }
    }
    return t->kind == SN__AND;
}

static bool
naive_test(view *v, const tree *t)
{
    value a;
    switch (t->kind) {
    case SN__COMPARE:
        return naive_compare(v, t);
    case SN__IN:
        return naive_in(v, t);
    case SN__AND:
    case SN__OR:
        return naive_junction(v, t);
    case SN__NOT:
        return !naive_test(v, t->a);
    case SN__EXISTS:
        return naive_exists(v, t);
    case SN__TEXT: {
        value b = naive_value(v, t->b);
        a = naive_value(v, t->a);
        return !a.null && !b.null && sn__match((sn_text_op)t->op, a.text, b.text);
    }
    case SN__IS_NULL:
        return naive_value(v, t->a).null;
    default:
        a = naive_value(v, t->a);
        return !a.null && a.integer != 0;
    }
}

/* ---------------------------------------------------------------- one query, both ways */

typedef struct trial {
    builder b;
    maker *m;
    int table;
    tree *where;
    tree *terms[2];
    sn_order order[2];
    sn_query q;
    sn_row expected[WORLD_ROWS];
    size_t n;
} trial;

static size_t accesses[SN_ACCESS_EMPTY + 1], by_index, counted;

static bool
naive_before(const trial *x, sn_row a, sn_row b)
{
    for (size_t i = 0; i < x->q.order_len; i++) {
        view at_a = {.w = x->b.w, .rows = {a}}, at_b = {.w = x->b.w, .rows = {b}};
        value va = naive_value(&at_a, x->terms[i]), vb = naive_value(&at_b, x->terms[i]);
        if (va.null != vb.null) {
            return va.null == x->order[i].nulls_first;
        }
        int order = va.null ? 0 : naive_order(x->terms[i]->type, va, x->terms[i]->type, vb);
        order = order == 2 ? isnan(va.real) - isnan(vb.real) : order; /* NaN after all numbers */
        if (order) {
            return x->order[i].descending ? order > 0 : order < 0;
        }
    }
    return false;
}

static size_t
source_rows(const trial *x, sn_row *out)
{
    size_t n = 0;
    const world *w = x->b.w;
    if (x->q.source == SN_FROM_ROWS) {
        for (size_t i = 0; i < x->q.rows_len; i++) {
            out[n] = x->q.rows[i];
            n += world_alive(w, x->table, x->q.rows[i]);
        }
        return n;
    }
    if (x->q.source == SN_FROM_PATH) {
        const shape *s = &shapes[x->where ? x->m->around[3] : 0];
        return naive_walk(w, s->steps, s->n, x->q.from, true, out, 0);
    }
    for (sn_row row = 0; row < sn_table_positions(w->t[x->table]); row++) {
        out[n] = row;
        n += world_alive(w, x->table, row);
    }
    return n;
}

static void
expect(trial *x)
{
    sn_row rows[WORLD_ROWS];
    size_t n = source_rows(x, rows), kept = 0;
    for (size_t i = 0; i < n; i++) {
        view v = {.w = x->b.w, .rows = {rows[i]}};
        if (!naive_test(&v, x->where)) {
            continue;
        }
        size_t at = kept++;
        for (; at > 0 && naive_before(x, rows[i], x->expected[at - 1]); at--) {
            x->expected[at] = x->expected[at - 1];
        }
        x->expected[at] = rows[i];
    }
    size_t offset = x->q.offset < kept ? x->q.offset : kept;
    x->n = kept - offset < x->q.limit ? kept - offset : x->q.limit;
    memmove(x->expected, x->expected + offset, x->n * sizeof *rows);
}

static tree *
make_where(maker *m)
{
    tree *t = grow(m, SN__AND, SN__NO_TYPE);
    t->n = 1 + world_pick(m->w, 3);
    for (size_t i = 0; i < t->n; i++) {
        uint32_t what = world_pick(m->w, 3);
        t->kids[i] = what == 0 ? make_predicate(m, 3) : what == 1 ? make_exists(m, 2) : make_simple(m);
    }
    return t;
}

static void
make_order(trial *x)
{
    x->q.order = x->order;
    x->q.order_len = world_pick(x->b.w, 2) ? 0 : 1 + world_pick(x->b.w, 2);
    for (size_t i = 0; i < x->q.order_len; i++) {
        static const sn_type types[] = {SN_INT, SN_INT, SN_FLOAT, SN_TEXT, SN_BOOL, SN_DATETIME};
        sn_type type = types[world_pick(x->b.w, 6)];
        x->terms[i] = world_pick(x->b.w, 4) ? make_column(x->m, type) : make_value(x->m, type, 2);
        if (world_pick(x->b.w, 3) == 0 && x->table == POST && i == 0) { /* what an ordered index has */
            x->terms[i] = grow(x->m, SN__COLUMN, SN_INT);
            x->terms[i]->table = POST;
            x->terms[i]->col = world_pick(x->b.w, 2) ? POST_VIEWS : POST_AT;
            x->terms[i]->type = world_columns[POST][x->terms[i]->col].type;
        }
        x->order[i] = (sn_order){.value = build(&x->b, x->terms[i]),
                                 .descending = world_pick(x->b.w, 2),
                                 .nulls_first = world_pick(x->b.w, 2)};
    }
}

/* Sometimes along a path or over given rows instead of a table. */
static void
make_source(trial *x, sn_row *given)
{
    world *w = x->b.w;
    uint32_t what = world_pick(w, 8);
    if (what == 0) {
        sn_row positions = sn_table_positions(w->t[x->table]);
        x->q.source = SN_FROM_ROWS;
        x->q.rows = given;
        for (x->q.rows_len = 0; positions && x->q.rows_len < 50; x->q.rows_len++) {
            given[x->q.rows_len] = world_pick(w, positions);
        }
    } else if (what == 1) {
        int path = (int)world_pick(w, PATHS), from = shape_from(path);
        sn_row positions = sn_table_positions(w->t[from]), row = positions ? world_pick(w, positions) : 0;
        if (shape_to(path) == x->table && positions && world_alive(w, from, row)) {
            x->q.source = SN_FROM_PATH;
            x->q.path = x->b.paths[path];
            x->q.from = row;
            x->m->around[3] = path;
        }
    }
}

static void
check_trial(trial *x)
{
    sn_db *db = x->b.w->db;
    sn_rows rows = {0};
    sn_plan plan;
    expect(x);
    CHECK_OK(sn_query_run(&rows, db, &x->q, &plan));
    CHECK(rows.n == x->n && (x->n == 0 || memcmp(rows.rows, x->expected, x->n * sizeof *rows.rows) == 0));
    CHECK(plan.found == rows.n && !(plan.sorted && plan.ordered_by_index));
    accesses[plan.access]++;
    by_index += plan.ordered_by_index;
    size_t count, stop = world_pick(x->b.w, 4) ? ALL : world_pick(x->b.w, 5);
    CHECK_OK(sn_query_count(&count, db, &x->q, stop, &plan));
    CHECK(count == (x->n < stop ? x->n : stop) && plan.found == count);
    counted++;
    sn_rows_free(db, &rows);
}

static void
test_random(world *w, sn_path *const *paths, maker *m)
{
    trial x = {
        .b = {.w = w, .paths = paths}, .m = m, .table = (int)world_pick(w, 3) == 0 ? (int)world_pick(w, TABLES) : POST};
    sn_row given[50];
    m->used = 0;
    m->level = 0;
    m->around[0] = x.table;
    CHECK_OK(sn_expr_new(&x.b.e, w->db));
    x.where = make_where(m);
    x.q = (sn_query){.table = w->t[x.table], .expr = x.b.e, .where = build(&x.b, x.where), .limit = ALL};
    make_order(&x);
    make_source(&x, given);
    x.q.limit = world_pick(w, 2) ? ALL : world_pick(w, 12);
    x.q.offset = world_pick(w, 2) ? 0 : world_pick(w, 4);
    CHECK_OK(sn_expr_status(x.b.e));
    check_trial(&x);
    sn_expr_free(x.b.e);
    world_drain(w);
}

static void
test_against_naive(uint64_t seed, bool indexes, size_t rounds)
{
    static world w;
    static maker m;
    sn_path *paths[PATHS];
    world_new(&w, &h, seed);
    m.w = &w;
    for (size_t i = 0; i < PATHS; i++) {
        paths[i] = world_path(&w, shapes[i].steps, shapes[i].n, true);
    }
    if (indexes) {
        world_more_indexes(&w);
    }
    for (size_t round = 0; round < rounds; round++) {
        world_fill(&w, 25);
        for (size_t i = 0; i < 60; i++) {
            test_random(&w, paths, &m);
        }
    }
    for (size_t i = 0; i < PATHS; i++) {
        sn_path_free(paths[i]);
    }
    world_free(&w);
}

/* ---------------------------------------------------------------- plans on a larger table */

typedef struct plain {
    world w;
    sn_expr *e;
    sn_rows rows;
} plain;

static void
plain_init(plain *p, uint64_t seed, size_t changes)
{
    world_new(&p->w, &h, seed);
    world_more_indexes(&p->w);
    world_fill(&p->w, changes);
    CHECK_OK(sn_expr_new(&p->e, p->w.db));
    p->rows = (sn_rows){0};
}

static void
plain_fini(plain *p)
{
    sn_rows_free(p->w.db, &p->rows);
    sn_expr_free(p->e);
    world_free(&p->w);
}

static sn_node
compare_column(plain *p, sn_col col, sn_compare_op op, int64_t c)
{
    sn_node column = sn_expr_column(p->e, 0, p->w.t[POST], col);
    return sn_expr_compare(p->e, op, column, sn_expr_const(p->e, sn_expr_type(p->e, column), int_cell(c)));
}

static sn_plan
plan_of(plain *p, sn_node where, const sn_order *order, size_t limit)
{
    sn_query q = {.table = p->w.t[POST],
                  .expr = p->e,
                  .where = where,
                  .order = order,
                  .order_len = order ? 1 : 0,
                  .limit = limit};
    sn_plan plan;
    CHECK_OK(sn_expr_status(p->e));
    CHECK_OK(sn_query_run(&p->rows, p->w.db, &q, &plan));
    return plan;
}

static void
test_plans(void)
{
    static plain p;
    plain_init(&p, 77, 3000);
    const sn_table *posts = p.w.t[POST];
    sn_node views[2] = {compare_column(&p, POST_VIEWS, SN_GE, 3), compare_column(&p, POST_VIEWS, SN_LT, 5)};
    sn_node author = compare_column(&p, POST_AUTHOR, SN_EQ, 3), at = sn_expr_column(p.e, 0, posts, POST_AT);
    sn_order first = {.value = at}, last = {.value = at, .descending = true};
    sn_node only = compare_column(&p, POST_ID, SN_EQ, 7), both = sn_expr_and(p.e, views, 2), mine[2] = {author, only};
    CHECK(plan_of(&p, only, NULL, ALL).access == SN_ACCESS_PROBE);
    sn_plan plan = plan_of(&p, both, NULL, ALL);
    CHECK(plan.access == SN_ACCESS_RANGE && plan.examined == plan.found && plan.found > 0);
    plan = plan_of(&p, author, NULL, ALL);
    CHECK(plan.access == SN_ACCESS_POSTINGS && plan.examined == plan.found && plan.index != NULL);
    CHECK(plan_of(&p, sn_expr_and(p.e, mine, 2), NULL, ALL).access == SN_ACCESS_PROBE);
    plan = plan_of(&p, SN_NO_NODE, &first, 5);
    CHECK(plan.ordered_by_index && !plan.sorted && plan.examined == 5);
    plan = plan_of(&p, SN_NO_NODE, &last, 5);
    CHECK(plan.ordered_by_index && plan.found == 5);
    plan = plan_of(&p, author, &first, 1);
    CHECK(plan.ordered_by_index && plan.found == 1); /* (author, at) */
    sn_node slug = sn_expr_column(p.e, 0, posts, POST_SLUG);
    sn_node start = sn_expr_text(p.e, SN_STARTSWITH, slug, sn_expr_const(p.e, SN_TEXT, text_cell(&p.w, "a", false)));
    plan = plan_of(&p, start, NULL, ALL);
    CHECK(plan.access == SN_ACCESS_RANGE && plan.examined == plan.found && plan.found > 0);
    sn_cell few[3] = {int_cell(5), int_cell(17), int_cell(5)};
    plan = plan_of(&p, sn_expr_in(p.e, sn_expr_column(p.e, 0, posts, POST_VIEWS), few, 3), NULL, ALL);
    CHECK(plan.access == SN_ACCESS_POSTINGS && plan.index && plan.examined == plan.found && plan.found > 0);
    sn_node either[3] = {author, compare_column(&p, POST_AUTHOR, SN_EQ, 4), only};
    plan = plan_of(&p, sn_expr_or(p.e, either, 2), NULL, ALL);
    CHECK(plan.access == SN_ACCESS_POSTINGS && plan.examined == plan.found && plan.found > 0);
    CHECK(plan_of(&p, sn_expr_or(p.e, either, 3), NULL, ALL).access == SN_ACCESS_SCAN);
    sn_node low = compare_column(&p, POST_FLAG, SN_NE, 0);
    CHECK(plan_of(&p, low, NULL, ALL).access == SN_ACCESS_SCAN);
    CHECK(plan_of(&p, sn_expr_or(p.e, NULL, 0), NULL, ALL).access == SN_ACCESS_EMPTY);
    CHECK(plan_of(&p, SN_NO_NODE, NULL, 0).access == SN_ACCESS_EMPTY && p.rows.n == 0);
    plain_fini(&p);
}

/* Through a path to one row: an index on the other side serves it, whichever way it is written. */
static void
test_semijoin_plans(void)
{
    static plain p;
    static const world_step to_author = {POST_TO_AUTHOR, false, false, ALL};
    plain_init(&p, 78, 2000);
    sn_path *author = world_path(&p.w, &to_author, 1, true);
    sn_node id = sn_expr_column(p.e, 0, p.w.t[AUTHOR], AUTHOR_ID), three = sn_expr_const(p.e, SN_INT, int_cell(3));
    sn_node follow = sn_expr_compare(p.e, SN_EQ, sn_expr_follow(p.e, 0, author, id), three);
    sn_node exists = sn_expr_exists(p.e, 0, author, sn_expr_compare(p.e, SN_EQ, id, three));
    sn_plan plan = plan_of(&p, follow, NULL, ALL);
    size_t found = p.rows.n;
    CHECK(plan.access == SN_ACCESS_SEMIJOIN && plan.path == author && found > 0);
    plan = plan_of(&p, exists, NULL, ALL);
    CHECK(plan.access == SN_ACCESS_SEMIJOIN && p.rows.n == found);
    sn_node none = sn_expr_const(p.e, SN_INT, SN_NULL_CELL); /* posts without an author */
    plan = plan_of(&p, sn_expr_compare(p.e, SN_EQ, sn_expr_follow(p.e, 0, author, id), none), NULL, ALL);
    CHECK(plan.access == SN_ACCESS_SCAN && p.rows.n > 0);
    for (size_t i = 0; i < p.rows.n; i++) {
        sn_row target;
        CHECK_OK(sn_path_first(&target, author, p.rows.rows[i]));
        CHECK(target == SN_NO_ROW);
    }
    sn_path_free(author);
    plain_fini(&p);
}

/* Posts whose author's id, so many times, is a number that is not negative: all that have an author. */
static sn_node
author_times(plain *p, const sn_path *author, int64_t factor)
{
    sn_node id = sn_expr_column(p->e, 0, p->w.t[AUTHOR], AUTHOR_ID);
    sn_node product = sn_expr_arith(p->e, SN_MUL, id, sn_expr_const(p->e, SN_INT, int_cell(factor)));
    return sn_expr_compare(p->e, SN_GE, sn_expr_follow(p->e, 0, author, product),
                           sn_expr_const(p->e, SN_INT, int_cell(0)));
}

/* A semijoin looks at authors without posts too: what is out of range there is nobody's error. */
static void
test_overflow_elsewhere(void)
{
    static plain p;
    static const world_step to_author = {POST_TO_AUTHOR, false, false, ALL};
    plain_init(&p, 79, 2000);
    for (int i = 0; i < 5; i++) {
        world_insert(&p.w, AUTHOR); /* the last one's id is in no post */
    }
    int64_t last = p.w.ids[AUTHOR];
    sn_path *author = world_path(&p.w, &to_author, 1, true);
    sn_plan plan = plan_of(&p, author_times(&p, author, 1), NULL, ALL);
    size_t found = p.rows.n, count;
    CHECK(plan.access == SN_ACCESS_SEMIJOIN && found > 0);
    sn_node where = author_times(&p, author, INT64_MAX / (last - 1));
    plan = plan_of(&p, where, NULL, ALL);
    CHECK(plan.access == SN_ACCESS_SCAN && plan.found == found && p.rows.n == found);
    sn_query q = {.table = p.w.t[POST], .expr = p.e, .where = where, .limit = ALL};
    CHECK_OK(sn_query_count(&count, p.w.db, &q, ALL, NULL));
    CHECK(count == found);
    q.where = author_times(&p, author, INT64_MAX);
    CHECK_STATUS(sn_query_run(&p.rows, p.w.db, &q, NULL), SN_OVERFLOW);
    sn_path_free(author);
    plain_fini(&p);
}

/* Block borders: scans of every length up to a few blocks, in the tiny build and the other. */
static void
test_scan_lengths(void)
{
    static world w;
    world_new(&w, &h, 9);
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    sn_node views = sn_expr_column(e, 0, w.t[POST], POST_VIEWS), rating = sn_expr_column(e, 0, w.t[POST], POST_RATING);
    sn_node tests[3] = {sn_expr_compare(e, SN_GE, views, sn_expr_const(e, SN_INT, int_cell(2))),
                        sn_expr_compare(e, SN_LE, views, sn_expr_const(e, SN_INT, int_cell(15))),
                        sn_expr_compare(e, SN_NE, rating, sn_expr_const(e, SN_FLOAT, float_cell(2.5)))};
    sn_query q = {.table = w.t[POST], .expr = e, .where = sn_expr_and(e, tests, 3), .limit = ALL};
    size_t expected = 0, count;
    for (sn_row row = 0; row < 300; row++) {
        world_insert(&w, POST);
        int64_t v = sn_word_int(sn_table_get(w.t[POST], row, POST_VIEWS).word);
        expected += v >= 2 && v <= 15 && sn_word_float(sn_table_get(w.t[POST], row, POST_RATING).word) != 2.5;
        CHECK_OK(sn_query_count(&count, w.db, &q, ALL, NULL));
        CHECK(count == expected);
    }
    sn_expr_free(e);
    world_free(&w);
}

/* A test of more levels than a block has bitmaps for says the same row by row. */
static void
test_high_scan(void)
{
    static plain p;
    plain_init(&p, 80, 500);
    sn_node node = compare_column(&p, POST_FLAG, SN_NE, 0);
    plan_of(&p, node, NULL, ALL);
    size_t found = p.rows.n;
    for (int i = 0; i < 40; i++) {
        node = sn_expr_not(p.e, node);
    }
    sn_plan plan = plan_of(&p, node, NULL, ALL);
    CHECK(found > 0 && plan.access == SN_ACCESS_SCAN && p.rows.n == found);
    plain_fini(&p);
}

/* ---------------------------------------------------------------- refusals */

static void
test_misuse(void)
{
    static plain p;
    plain_init(&p, 79, 50);
    sn_node age = sn_expr_is_null(p.e, sn_expr_column(p.e, 0, p.w.t[AUTHOR], AUTHOR_AGE));
    sn_query q = {.table = p.w.t[POST], .expr = p.e, .where = age, .limit = ALL};
    CHECK_STATUS(sn_query_run(&p.rows, p.w.db, &q, NULL), SN_MISUSE);
    q.where = SN_NO_NODE;
    sn_order order[65] = {{.value = sn_expr_const(p.e, SN_OBJECT, SN_NULL_CELL)}};
    q.order = order;
    q.order_len = 1;
    CHECK_STATUS(sn_query_run(&p.rows, p.w.db, &q, NULL), SN_MISUSE);
    q.order_len = 65;
    CHECK_STATUS(sn_query_run(&p.rows, p.w.db, &q, NULL), SN_LIMIT);
    q.order_len = 0;
    sn_node huge = sn_expr_const(p.e, SN_INT, int_cell(INT64_MAX)),
            views = sn_expr_column(p.e, 0, p.w.t[POST], POST_VIEWS);
    sn_node sum = sn_expr_arith(p.e, SN_ADD, huge, sn_expr_arith(p.e, SN_MUL, views, views));
    q.where = sn_expr_compare(p.e, SN_GT, sum, sn_expr_const(p.e, SN_INT, int_cell(0)));
    CHECK_OK(sn_rows_push(p.w.db, &p.rows, 5));
    CHECK_STATUS(sn_query_run(&p.rows, p.w.db, &q, NULL), SN_OVERFLOW);
    CHECK(sn_db_error(p.w.db)->status == SN_OVERFLOW && p.rows.n == 1 && p.rows.rows[0] == 5);
    plain_fini(&p);
}

typedef struct sweep_state {
    plain p;
    sn_path *path;
    sn_node where[2];
    sn_order order[2];
} sweep_state;

static void *
sweep_setup(hostile *host)
{
    static sweep_state s;
    static const world_step comments = {COMMENT_TO_POST, true, false, ALL};
    (void)host;
    plain_init(&s.p, 80, 300);
    s.path = world_path(&s.p.w, &comments, 1, true);
    sn_node stars = sn_expr_column(s.p.e, 0, s.p.w.t[COMMENT], COMMENT_STARS);
    sn_node few = sn_expr_compare(s.p.e, SN_LT, stars, sn_expr_const(s.p.e, SN_INT, int_cell(3)));
    s.where[0] = sn_expr_exists(s.p.e, 0, s.path, few);
    s.where[1] = compare_column(&s.p, POST_VIEWS, SN_GT, 5);
    s.order[0] = (sn_order){.value = sn_expr_column(s.p.e, 0, s.p.w.t[POST], POST_SLUG)};
    s.order[1] = (sn_order){.value = sn_expr_column(s.p.e, 0, s.p.w.t[POST], POST_AT), .descending = true};
    CHECK_OK(sn_expr_status(s.p.e));
    return &s;
}

static sn_status
sweep_run(void *state)
{
    sweep_state *s = state;
    sn_status status = SN_OK;
    for (size_t i = 0; i < 8 && status == SN_OK; i++) {
        sn_query q = {.table = s->p.w.t[POST],
                      .expr = s->p.e,
                      .where = i & 1 ? s->where[0] : s->where[1],
                      .order = s->order + (i >> 2),
                      .order_len = i & 2 ? 1 : 0,
                      .limit = 4};
        status = sn_query_run(&s->p.rows, s->p.w.db, &q, NULL);
        size_t count;
        status = status ? status : sn_query_count(&count, s->p.w.db, &q, ALL, NULL);
    }
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    sweep_state *s = state;
    if (succeeded && s->p.rows.n != 4) {
        return "four rows should have been found";
    }
    return sn_check(s->p.w.db);
}

static void
sweep_teardown(void *state)
{
    sweep_state *s = state;
    sn_path_free(s->path);
    plain_fini(&s->p);
}

int
main(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        test_against_naive(seed, seed % 2, 10);
    }
    for (int access = 0; access <= SN_ACCESS_EMPTY; access++) {
        CHECK(accesses[access] > 0);
    }
    CHECK(by_index > 0 && counted > 0);
    test_plans();
    test_semijoin_plans();
    test_overflow_elsewhere();
    test_scan_lengths();
    test_high_scan();
    test_misuse();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 10);
    return harness_done("query", &h);
}
