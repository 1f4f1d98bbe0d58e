/*
 * tree.c - bytes become expressions and paths, of the engine and naive, side by side (tree.h).
 *
 * Types always meet: what the engine says to types that do not is tested by test_expr.c.
 */
#include "tree.h"

#define MAX_LEVEL 4

static bool
is_full(const ask *a, int level)
{
    return level >= MAX_LEVEL || a->n > MAX_TREES / 2;
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

static sn_node
node_of(const ask *a, int t)
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
constant(ask *a, sn_type type)
{
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
    return keep(a, t, sn_expr_follow(a->e, t.depth, a->routes[t.route].path, node_of(a, t.a)));
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
    return t.b == NONE ? NONE : keep(a, t, sn_expr_arith(a->e, (sn_arith_op)t.op, node_of(a, t.a), node_of(a, t.b)));
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
                sn_expr_aggregate(a->e, t.depth, (sn_agg_op)t.op, a->routes[t.route].path, node_of(a, t.b),
                                  node_of(a, t.a), t.distinct));
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
    t.b = tree_value_of(a, s, level + 1, right);
    if (t.b == NONE)
        return NONE;
    if (b & 0x20) {
        int swap = t.a;
        t.a = t.b;
        t.b = swap;
    }
    return keep(a, t, sn_expr_compare(a->e, (sn_compare_op)t.op, node_of(a, t.a), node_of(a, t.b)));
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
    sn_node node = sn_expr_in(a->e, node_of(a, t.a), cells, t.n);
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
    return t.b == NONE ? NONE : keep(a, t, sn_expr_text(a->e, (sn_text_op)t.op, node_of(a, t.a), node_of(a, t.b)));
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
        nodes[t.n] = node_of(a, t.child[t.n]);
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

/* What some row has in the column, or any constant. */
static int
constant_near(ask *a, int table, sn_col col)
{
    const column_spec *column = &a->r->m.schema.columns[table][col];
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
    return t.b == NONE ? NONE : keep(a, t, sn_expr_compare(a->e, op, node_of(a, t.a), node_of(a, t.b)));
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
            nodes[t.n] = node_of(a, t.child[t.n]);
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
    return keep(a, t, sn_expr_exists(a->e, t.depth, a->routes[t.route].path, node_of(a, t.b)));
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
    sn_node inner = node_of(a, t.a);
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
    default:
        return compare(a, s, level);
    }
}

/* ---------------------------------------------------------------- orders and paths */

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

void
tree_engine_orders(const ask *a, sn_order *out, const order_spec *orders, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (sn_order){node_of(a, orders[i].tree), orders[i].descending, orders[i].nulls_first};
}

static int
table_of(const run *r, int ref, bool from)
{
    return r->m.schema.indexes[from ? references[ref].from : references[ref].to].table;
}

/* The i-th route, counted round, that leads from one table to another (NONE: to any). */
static int
route_between(const ask *a, unsigned i, int from, int to)
{
    for (size_t k = 0; k < a->route_n; k++) {
        size_t at = (i + k) % a->route_n;
        if (a->routes[at].from == from && (to == NONE || a->routes[at].to == to))
            return (int)at;
    }
    return NONE;
}

/* Makes it a step along routes, if there are any from the table. */
static void
choose_parts(ask *a, hop *h, int from)
{
    unsigned b = run_byte(a->r);
    sn_hop_kind kind = (sn_hop_kind)(SN_HOP_THROUGH + b % 5);
    int to = kind == SN_HOP_RECURSIVE ? from : NONE;
    size_t wanted = kind < SN_HOP_UNION ? 1 : 1 + (b >> 3) % MAX_PARTS;
    for (; h->part_n < wanted; h->part_n++) {
        int part = route_between(a, (b >> 5) + (unsigned)h->part_n, from, to);
        if (part == NONE)
            break;
        h->parts[h->part_n] = part;
        to = a->routes[part].to;
    }
    if (h->part_n > 0) {
        h->kind = kind;
        h->ref = NONE;
        h->to = to;
        h->offset = b >= 0xe0 ? b & 3 : 0;
    }
}

/* A step from the table; its `to` is NONE when nothing is related to it. */
static hop
choose_hop(ask *a, int from)
{
    unsigned b = run_byte(a->r), flags = run_byte(a->r);
    hop h = {.ref = NONE, .from = from, .to = NONE, .where = NONE, .limit = SIZE_MAX};
    unsigned ways = 2 * (unsigned)run_references(a->r);
    for (unsigned i = 0; i < ways && h.ref == NONE; i++) {
        unsigned at = (b + i) % ways;
        h.backward = at & 1;
        if (a->r->m.schema.made[at / 2] && table_of(a->r, (int)(at / 2), !h.backward) == from)
            h.ref = (int)(at / 2);
    }
    h.single = flags >= 0xe0;
    h.limit = (flags & 0x18) == 0x18 ? (flags & 3) : SIZE_MAX;
    h.offset = (flags & 0x1c) == 0x1c;
    h.to = h.ref == NONE ? NONE : table_of(a->r, h.ref, h.backward);
    if ((flags & 0x60) == 0x40)
        choose_parts(a, &h, from);
    return h;
}

/* Its conditions; false when refused. */
static bool
furnish(ask *a, hop *h, int to)
{
    unsigned b = run_byte(a->r);
    around s = {{to}, 1};
    if ((b & 3) == 3 && (h->where = tree_predicate(a, &s, 2)) == NONE)
        return false;
    return (b & 0x0c) != 0x0c || tree_orders(a, h->orders, &h->order_n, to);
}

static bool
make_path(ask *a, route *p)
{
    sn_hop_def defs[MAX_HOPS];
    sn_order orders[MAX_HOPS][MAX_ORDERS];
    const sn_path *parts[MAX_HOPS][MAX_PARTS];
    for (size_t i = 0; i < p->n; i++) {
        const hop *h = &p->hops[i];
        tree_engine_orders(a, orders[i], h->orders, h->order_n);
        for (size_t k = 0; k < h->part_n; k++)
            parts[i][k] = a->routes[h->parts[k]].path;
        defs[i] = (sn_hop_def){.reference = h->ref == NONE ? NULL : a->r->references[h->ref],
                               .kind = h->kind,
                               .paths = parts[i],
                               .path_count = h->part_n,
                               .offset = h->offset,
                               .backward = h->backward,
                               .single = h->single,
                               .expr = a->e,
                               .where = node_of(a, h->where),
                               .order = orders[i],
                               .order_len = h->order_n,
                               .limit = h->limit};
    }
    sn_status st = sn_path_new(&p->path, a->r->db, defs, p->n, p->distinct);
    REQUIRE(st == SN_OK || (st == SN_NOMEM && a->r->memory.refused));
    if (st != SN_OK)
        return false;
    REQUIRE(sn_path_from(p->path) == a->r->tables[p->from] && sn_path_to(p->path) == a->r->tables[p->to]);
    return true;
}

bool
tree_route(ask *a, int from)
{
    route *p = &a->routes[a->route_n];
    unsigned b = run_byte(a->r);
    size_t wanted = 1 + b % MAX_HOPS;
    *p = (route){.from = from, .to = from, .distinct = b & 0x80};
    for (p->n = 0; p->n < wanted; p->n++) {
        hop h = choose_hop(a, p->to);
        if (h.to == NONE)
            break;
        p->to = h.to;
        if (!furnish(a, &h, p->to))
            return false;
        p->hops[p->n] = h;
    }
    if (p->n == 0)
        return true;
    if (!make_path(a, p))
        return false;
    a->route_n++;
    return true;
}
