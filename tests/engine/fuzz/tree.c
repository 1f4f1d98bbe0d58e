/*
 * tree.c - bytes become expressions and orders, of the engine and naive, side by side (tree.h).
 *
 * Types always meet: what the engine says to types that do not is tested by test_expr.c.
 */
#include "tree.h"

#define MAX_LEVEL 4

static bool
is_full(const ask *a, int level)
{
    return level >= MAX_LEVEL || a->n > FULL_TREES;
}

static int
table_at(const around *s, unsigned depth)
{
    return s->tables[s->n - 1 - depth];
}

static around
inside(const around *s, int table)
{
    around inner = *s;
    inner.tables[inner.n++] = table;
    return inner;
}

/* Keeps the tree if the engine has made its node. */
static int
keep(ask *a, tree t, sn_node node)
{
    if (node == SN_NO_NODE) {
        REQUIRE(sn_expr_status(a->e) == SN_NOMEM && a->r->memory.refused);
        return NONE;
    }
    REQUIRE(sn_expr_status(a->e) == SN_OK && a->n < MAX_TREES);
    REQUIRE(t.kind >= T_COMPARE || sn_expr_type(a->e, node) == t.type);
    t.node = node;
    a->trees[a->n] = t;
    return (int)a->n++;
}

sn_node
tree_node(const ask *a, int t)
{
    return t == NONE ? SN_NO_NODE : a->trees[t].node;
}

static bool
is_ordered(sn_type type)
{
    return type != SN_OBJECT;
}

/* ---------------------------------------------------------------- leaves */

static int
moment(ask *a, sn_type type)
{
    tree t = {.kind = T_MOMENT, .type = type, .offset = choose_offset(a->r), .a = NONE, .b = NONE};
    a->moments++;
    return keep(a, t, sn_expr_moment(a->e, type, t.offset));
}

static bool
is_time(sn_type type)
{
    return type == SN_DATETIME || type == SN_ENTRY;
}

/* Whether there is to be a moment where a constant of this type could be. */
static bool
chooses_moment(ask *a, sn_type type)
{
    return a->r->extras && is_time(type) && (run_byte(a->r) & 1);
}

/* A moment that is an entry is no value to be handed out: it only stands beside another value (operand, bound). */
static int
constant(ask *a, sn_type type)
{
    if (type == SN_DATETIME && chooses_moment(a, type))
        return moment(a, type);
    tree t = {.kind = T_CONST, .type = type, .a = NONE, .b = NONE};
    t.bare = type == SN_TEXT && (run_byte(a->r) & 1);
    t.constant = type == SN_OBJECT ? (value){true, 0} : choose_value(a->r, type, t.bare, NULL);
    return keep(a, t, sn_expr_const(a->e, type, make_cell(a->r, type, t.bare, t.constant)));
}

static int
column(ask *a, const around *s, unsigned depth, sn_col col)
{
    int table = table_at(s, depth);
    sn_type type = model_column(&a->r->m, table, col)->type;
    tree t = {.kind = T_COLUMN, .type = type, .depth = depth, .table = table, .col = col, .a = NONE, .b = NONE};
    return keep(a, t, sn_expr_column(a->e, depth, a->r->tables[table], col));
}

static unsigned
choose_depth(ask *a, const around *s)
{
    unsigned b = run_byte(a->r);
    return b < 0xa0 ? 0 : b % (unsigned)s->n;
}

static int
any_column(ask *a, const around *s)
{
    unsigned depth = choose_depth(a, s);
    return column(a, s, depth, run_column(a->r, table_at(s, depth)));
}

static int
host(ask *a, const around *s)
{
    static const sn_type types[HOSTS] = {SN_INT, SN_FLOAT};
    tree t = {.kind = T_HOST, .depth = choose_depth(a, s), .slot = run_byte(a->r) % HOSTS, .a = NONE, .b = NONE};
    t.type = types[t.slot];
    return keep(a, t, sn_expr_host(a->e, t.depth, t.slot, t.type));
}

/* A column of the type at some row around, or a constant. */
static int
leaf_of(ask *a, const around *s, sn_type type)
{
    unsigned b = run_byte(a->r), depth = choose_depth(a, s);
    int table = table_at(s, depth);
    sn_col count = a->r->m.schema.column_count[table];
    for (sn_col i = 0; b < 0x60 && i < count; i++) {
        sn_col col = (sn_col)((b + i) % count);
        if (a->r->m.schema.columns[table][col].used && model_column(&a->r->m, table, col)->type == type)
            return column(a, s, depth, col);
    }
    return constant(a, type);
}

/* ---------------------------------------------------------------- values */

/* A route that starts at the table: its number, or NONE. */
static int
choose_route(ask *a, int table, bool single)
{
    unsigned b = run_byte(a->r);
    for (size_t i = 0; i < a->route_n; i++) {
        size_t at = (b + i) % a->route_n;
        if (a->routes[at].from == table && (!single || sn_path_single(a->routes[at].path)))
            return (int)at;
    }
    return NONE;
}

static int
follow(ask *a, const around *s, int level)
{
    tree t = {.kind = T_FOLLOW, .depth = choose_depth(a, s), .b = NONE};
    t.route = s->n < MAX_SCOPE ? choose_route(a, table_at(s, t.depth), true) : NONE;
    if (t.route == NONE)
        return any_column(a, s);
    around inner = inside(s, a->routes[t.route].to);
    t.a = tree_value(a, &inner, level + 1);
    if (t.a == NONE)
        return NONE;
    t.type = a->trees[t.a].type;
    return keep(a, t, sn_expr_follow(a->e, t.depth, a->routes[t.route].path, tree_node(a, t.a)));
}

static int
arith(ask *a, const around *s, int level)
{
    static const sn_type types[] = {SN_INT,       SN_FLOAT, SN_DATE,  SN_DATETIME,
                                    SN_TIMEDELTA, SN_INT,   SN_FLOAT, SN_TIMEDELTA};
    unsigned b = run_byte(a->r);
    tree t = {.kind = T_ARITH, .op = (int)(b & 3)};
    sn_type left = types[b >> 2 & 7], right = types[b >> 5];
    t.type = naive_arith_type(t.op, left, right);
    if (t.type == SN_TYPE_COUNT)
        return leaf_of(a, s, left);
    t.a = tree_value_of(a, s, level + 1, left);
    t.b = t.a == NONE ? NONE : tree_value_of(a, s, level + 1, right);
    return t.b == NONE ? NONE
                       : keep(a, t, sn_expr_arith(a->e, (sn_arith_op)t.op, tree_node(a, t.a), tree_node(a, t.b)));
}

static sn_type
aggregate_type(int op, sn_type of)
{
    bool number = of == SN_INT || of == SN_FLOAT || of == SN_TIMEDELTA;
    switch (op) {
    case SN_COUNT:
        return SN_INT;
    case SN_SUM:
        return number ? of : SN_TYPE_COUNT;
    case SN_AVG:
        return of == SN_INT ? SN_FLOAT : number ? of : SN_TYPE_COUNT;
    default:
        return is_ordered(of) ? of : SN_TYPE_COUNT;
    }
}

int
tree_aggregate(ask *a, const around *s, int level)
{
    unsigned b = run_byte(a->r);
    tree t = {.kind = T_AGGREGATE,
              .op = (int)(b % 5),
              .depth = choose_depth(a, s),
              .distinct = b & 0x80,
              .a = NONE,
              .b = NONE};
    t.route = s->n < MAX_SCOPE ? choose_route(a, table_at(s, t.depth), false) : NONE;
    if (t.route == NONE)
        return NONE;
    around inner = inside(s, a->routes[t.route].to);
    if (b & 0x40 && (t.b = tree_predicate(a, &inner, level + 1)) == NONE)
        return NONE;
    if ((t.op != SN_COUNT || (b & 0x20)) && (t.a = tree_value(a, &inner, level + 1)) == NONE)
        return NONE;
    if (t.a != NONE && aggregate_type(t.op, a->trees[t.a].type) == SN_TYPE_COUNT)
        t.op = SN_COUNT;
    t.type = t.a == NONE ? SN_INT : aggregate_type(t.op, a->trees[t.a].type);
    return keep(a, t,
                sn_expr_aggregate(a->e, t.depth, (sn_agg_op)t.op, a->routes[t.route].path, tree_node(a, t.b),
                                  tree_node(a, t.a), t.distinct));
}

static int
aggregate_or_column(ask *a, const around *s, int level)
{
    int t = tree_aggregate(a, s, level);
    return t == NONE && sn_expr_status(a->e) == SN_OK ? any_column(a, s) : t;
}

int
tree_value(ask *a, const around *s, int level)
{
    unsigned b = run_byte(a->r);
    if (is_full(a, level))
        return any_column(a, s);
    switch (b & 15) {
    case 0:
    case 1:
    case 2:
        return follow(a, s, level);
    case 3:
    case 4:
        return arith(a, s, level);
    case 5:
    case 6:
        return aggregate_or_column(a, s, level);
    case 7:
        return host(a, s);
    case 8:
        return constant(a, (sn_type)(b >> 4) % SN_OBJECT);
    default:
        return any_column(a, s);
    }
}

int
tree_value_of(ask *a, const around *s, int level, sn_type type)
{
    unsigned b = run_byte(a->r);
    if (is_full(a, level) || b < 0xc0)
        return leaf_of(a, s, type);
    int t = tree_value(a, s, level);
    return t == NONE || a->trees[t].type == type ? t : leaf_of(a, s, type);
}

int
tree_ordered(ask *a, const around *s, int level)
{
    int t = tree_value(a, s, level);
    return t == NONE || is_ordered(a->trees[t].type) ? t : leaf_of(a, s, SN_INT);
}

/* ---------------------------------------------------------------- predicates */

/* What a value of the type is compared with. */
static int
operand(ask *a, const around *s, int level, sn_type type)
{
    return chooses_moment(a, type) ? moment(a, type) : tree_value_of(a, s, level, type);
}

static int
compare(ask *a, const around *s, int level)
{
    unsigned b = run_byte(a->r);
    tree t = {.kind = T_COMPARE, .op = (int)(b % 6)};
    t.a = tree_value(a, s, level + 1);
    if (t.a == NONE)
        return NONE;
    sn_type left = a->trees[t.a].type, right = left;
    if (b >= 0xc0 && (left == SN_INT || left == SN_FLOAT))
        right = left == SN_INT ? SN_FLOAT : SN_INT;
    if (!is_ordered(left))
        t.op &= 1;
    t.b = operand(a, s, level + 1, right);
    if (t.b == NONE)
        return NONE;
    if (b & 0x20) {
        int swap = t.a;
        t.a = t.b;
        t.b = swap;
    }
    return keep(a, t, sn_expr_compare(a->e, (sn_compare_op)t.op, tree_node(a, t.a), tree_node(a, t.b)));
}

static int
among(ask *a, const around *s, int level)
{
    tree t = {.kind = T_IN, .b = NONE};
    t.a = tree_ordered(a, s, level + 1);
    if (t.a == NONE)
        return NONE;
    sn_type type = a->trees[t.a].type;
    sn_cell cells[MAX_MEMBERS];
    t.n = run_byte(a->r) % (MAX_MEMBERS + 1);
    t.member_bare = type == SN_TEXT && (run_byte(a->r) & 1);
    for (size_t i = 0; i < t.n; i++) {
        t.members[i] = choose_value(a->r, type, t.member_bare, NULL);
        cells[i] = make_cell(a->r, type, t.member_bare, t.members[i]);
    }
    sn_node node = sn_expr_in(a->e, tree_node(a, t.a), cells, t.n);
    for (size_t i = 0; node == SN_NO_NODE && i < t.n; i++)
        release_cell(a->r, type, cells[i]);
    return keep(a, t, node);
}

static int
text(ask *a, const around *s, int level)
{
    tree t = {.kind = T_TEXT, .op = (int)(run_byte(a->r) % 5)};
    t.a = tree_value_of(a, s, level + 1, SN_TEXT);
    t.b = t.a == NONE ? NONE : tree_value_of(a, s, level + 1, SN_TEXT);
    return t.b == NONE ? NONE : keep(a, t, sn_expr_text(a->e, (sn_text_op)t.op, tree_node(a, t.a), tree_node(a, t.b)));
}

static int
junction(ask *a, const around *s, int level, tree_kind kind)
{
    tree t = {.kind = kind, .a = NONE, .b = NONE};
    sn_node nodes[MAX_CHILDREN];
    size_t n = run_byte(a->r) % 7;
    for (t.n = 0; t.n < (n + 1) / 2; t.n++) {
        t.child[t.n] = tree_predicate(a, s, level + 1);
        if (t.child[t.n] == NONE)
            return NONE;
        nodes[t.n] = tree_node(a, t.child[t.n]);
    }
    return keep(a, t, kind == T_AND ? sn_expr_and(a->e, nodes, t.n) : sn_expr_or(a->e, nodes, t.n));
}

/* ---------------------------------------------------------------- what an index can serve */

/* An index of the table, or NULL. */
static const index_spec *
choose_index(ask *a, int table, bool ordered)
{
    unsigned b = run_byte(a->r);
    for (unsigned i = 0; i < INDEXES; i++) {
        const index_spec *ix = &a->r->m.schema.indexes[run_index(a->r, b + i)];
        if (ix->table == table && (!ordered || ix->kind == SN_INDEX_ORDERED))
            return ix;
    }
    return NULL;
}

/* What some row has in the column, or any constant, or a moment. */
static int
constant_near(ask *a, int table, sn_col col)
{
    const column_spec *column = &a->r->m.schema.columns[table][col];
    if (chooses_moment(a, column->def.type))
        return moment(a, column->def.type);
    tree t = {.kind = T_CONST, .type = column->def.type, .a = NONE, .b = NONE};
    sn_row row = run_row(a->r, table);
    if (column->bare || !model_alive(&a->r->m, table, row))
        return constant(a, t.type);
    t.constant = a->r->m.now.rows[table][row].cells[col];
    return keep(a, t, sn_expr_const(a->e, t.type, make_cell(a->r, t.type, false, t.constant)));
}

static int
bound(ask *a, const around *s, sn_col col, sn_compare_op op)
{
    tree t = {.kind = T_COMPARE, .op = (int)op, .a = column(a, s, 0, col)};
    t.b = t.a == NONE ? NONE : constant_near(a, table_at(s, 0), col);
    return t.b == NONE ? NONE : keep(a, t, sn_expr_compare(a->e, op, tree_node(a, t.a), tree_node(a, t.b)));
}

/* Comparisons of the index's columns with constants: equal ones first, then bounds. */
static int
compare_columns(ask *a, const around *s, const index_spec *ix)
{
    tree t = {.kind = T_AND, .a = NONE, .b = NONE};
    sn_node nodes[MAX_CHILDREN];
    unsigned b = run_byte(a->r), equal = (b & 3) == 3 ? 2 : (b & 3) == 2;
    for (size_t i = 0; ix && i < ix->n && i <= equal && t.n + 2 <= MAX_CHILDREN; i++) {
        sn_compare_op ops[] = {i < equal ? SN_EQ : b & 4 ? SN_GE : SN_GT, b & 8 ? SN_LE : SN_LT};
        for (unsigned k = 0; k < 2; k++) {
            if (i < equal ? k == 1 : !(b & 0x10u << k))
                continue;
            t.child[t.n] = bound(a, s, ix->cols[i], ops[k]);
            if (t.child[t.n] == NONE)
                return NONE;
            nodes[t.n] = tree_node(a, t.child[t.n]);
            t.n++;
        }
    }
    return keep(a, t, sn_expr_and(a->e, nodes, t.n));
}

static int
aimed(ask *a, const around *s)
{
    return compare_columns(a, s, choose_index(a, table_at(s, 0), false));
}

/* The first column of an index is equal to one of several. */
static int
either(ask *a, const around *s)
{
    const index_spec *ix = choose_index(a, table_at(s, 0), false);
    tree t = {.kind = T_OR, .a = NONE, .b = NONE};
    sn_node nodes[MAX_CHILDREN];
    size_t n = ix ? 1 + run_byte(a->r) % 3 : 0;
    for (t.n = 0; t.n < n; t.n++) {
        t.child[t.n] = bound(a, s, ix->cols[0], SN_EQ);
        if (t.child[t.n] == NONE)
            return NONE;
        nodes[t.n] = tree_node(a, t.child[t.n]);
    }
    return keep(a, t, sn_expr_or(a->e, nodes, t.n));
}

static int
exists(ask *a, const around *s, int level)
{
    tree t = {.kind = T_EXISTS, .depth = choose_depth(a, s), .a = NONE, .b = NONE};
    t.route = s->n < MAX_SCOPE ? choose_route(a, table_at(s, t.depth), false) : NONE;
    if (t.route == NONE)
        return compare(a, s, level);
    around inner = inside(s, a->routes[t.route].to);
    if (run_byte(a->r) < 0xc0 && (t.b = tree_predicate(a, &inner, level + 1)) == NONE)
        return NONE;
    return keep(a, t, sn_expr_exists(a->e, t.depth, a->routes[t.route].path, tree_node(a, t.b)));
}

/* Of one operand. */
static int
unary(ask *a, const around *s, int level, tree_kind kind)
{
    tree t = {.kind = kind, .b = NONE};
    t.a = kind == T_NOT     ? tree_predicate(a, s, level + 1)
          : kind == T_TRUTH ? tree_value_of(a, s, level + 1, SN_BOOL)
                            : tree_value(a, s, level + 1);
    if (t.a == NONE)
        return NONE;
    sn_node inner = tree_node(a, t.a);
    return keep(a, t,
                kind == T_NOT     ? sn_expr_not(a->e, inner)
                : kind == T_TRUTH ? sn_expr_truth(a->e, inner)
                                  : sn_expr_is_null(a->e, inner));
}

int
tree_predicate(ask *a, const around *s, int level)
{
    unsigned b = run_byte(a->r) & 15;
    if (is_full(a, level))
        b = 5 + b % 4;
    switch (b) {
    case 0:
    case 1:
        return junction(a, s, level, T_AND);
    case 2:
        return junction(a, s, level, T_OR);
    case 3:
    case 4:
        return exists(a, s, level);
    case 5:
        return unary(a, s, level, T_IS_NULL);
    case 6:
        return unary(a, s, level, T_TRUTH);
    case 7:
        return text(a, s, level);
    case 8:
        return among(a, s, level);
    case 9:
    case 10:
    case 11:
        return aimed(a, s);
    case 13:
        return unary(a, s, level, T_NOT);
    case 15:
        return a->r->extras ? either(a, s) : compare(a, s, level);
    default:
        return compare(a, s, level);
    }
}

/* ---------------------------------------------------------------- orders */

/* The order of an index, without the first columns or with all. */
static bool
index_orders(ask *a, order_spec *out, size_t *n, const index_spec *ix, unsigned b)
{
    around s = {{ix->table}, 1};
    *n = 0;
    for (size_t i = ix->n > 1 && (b & 4) ? 1 : 0; i < ix->n; i++) {
        out[*n] = (order_spec){column(a, &s, 0, ix->cols[i]), b & 1, (b & 0x18) == 0x18};
        if (out[(*n)++].tree == NONE)
            return false;
    }
    return true;
}

bool
tree_aimed(ask *a, int index, int *where, order_spec *orders, size_t *order_n)
{
    const index_spec *ix = &a->r->m.schema.indexes[index];
    around s = {{ix->table}, 1};
    unsigned b = run_byte(a->r);
    *where = b & 0x80 ? NONE : compare_columns(a, &s, ix);
    if (*where == NONE && !(b & 0x80))
        return false;
    *order_n = 0;
    return (b & 0x60) == 0 || index_orders(a, orders, order_n, ix, b);
}

bool
tree_orders(ask *a, order_spec *out, size_t *n, int table)
{
    around s = {{table}, 1};
    unsigned b = run_byte(a->r);
    size_t wanted = b < 0x60 ? 0 : 1 + b % MAX_ORDERS;
    const index_spec *ix = b >= 0xa0 ? choose_index(a, table, true) : NULL;
    if (ix)
        return index_orders(a, out, n, ix, b);
    for (*n = 0; *n < wanted; ++*n) {
        unsigned flags = run_byte(a->r);
        out[*n] = (order_spec){tree_ordered(a, &s, 2), flags & 1, flags & 2};
        if (out[*n].tree == NONE)
            return false;
    }
    return true;
}

bool
tree_orders_like(ask *a, order_spec *out, const order_spec *first, size_t n, int table)
{
    around s = {{table}, 1};
    for (size_t i = 0; i < n; i++) {
        unsigned flags = run_byte(a->r);
        sn_type type = a->trees[first[i].tree].type;
        out[i] = first[i];
        out[i].descending ^= flags >= 0xf8;
        out[i].nulls_first ^= (flags & 0xfc) == 0xf4;
        if (!(flags & 1))
            continue;
        out[i].tree = (flags & 0xfc) == 0xf0 ? tree_ordered(a, &s, 2) : tree_value_of(a, &s, 2, type);
        if (out[i].tree == NONE)
            return false;
    }
    return true;
}

void
tree_engine_orders(const ask *a, sn_order *out, const order_spec *orders, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (sn_order){tree_node(a, orders[i].tree), orders[i].descending, orders[i].nulls_first};
}
