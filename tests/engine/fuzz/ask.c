/*
 * ask.c - questions: queries, paths, semijoins, aggregates, groups, evaluation, each against the naive answer (run.h).
 *
 * A question is built from bytes as nodes of the engine and naive trees beside them (tree.c), then the naive answer is
 * worked out (naive.c), then the engine is asked. Memory may be refused at any point; then what the caller has is as it
 * was. A question that takes the naive side too long is given up. When a result somewhere is out of range, the engine
 * may have met it or passed over it: then only the status is judged.
 */
#include <stdlib.h>
#include <string.h>

#include "tree.h"

#define MAX_ASKED 24   /* rows asked about one by one */
#define MAX_TELLINGS 3 /* of the time */
#define MAX_FROM 8     /* rows that a path is asked from */

/* ---------------------------------------------------------------- judging */

/* Whether there is an answer to be compared. */
static bool
answered(ask *a, sn_status st)
{
    REQUIRE(st == SN_OK || (st == SN_NOMEM && a->r->memory.refused) || (st == SN_OVERFLOW && a->overflow));
    REQUIRE(st == SN_OK || sn_db_error(a->r->db)->status == st);
    return st == SN_OK && !a->overflow;
}

static bool
same_answer(const ask *a, sn_type type, sn_cell cell, answer x)
{
    (void)a;
    if (!x.null && !cell.null && type == SN_FLOAT && model_float(x.v) != model_float(x.v))
        return sn_word_float(cell.word) != sn_word_float(cell.word); /* any NaN */
    return same_cell(type, x.bare, cell, (value){x.null, x.v});
}

static void
same_rows(const sn_rows *found, size_t from, const sn_row *expected, size_t n)
{
    REQUIRE(found->n == from + n);
    REQUIRE(n == 0 || memcmp(found->rows + from, expected, n * sizeof(*expected)) == 0);
}

/* Live rows of a table, in an order of their own, sometimes with repetitions. */
static size_t
some_rows(ask *a, int table, sn_row *out, size_t cap, bool live)
{
    unsigned b = run_byte(a->r);
    size_t n = 0, wanted = b & 0x40 ? cap : b % (cap + 1);
    for (size_t i = 0; i < wanted; i++) {
        sn_row row = b & 0x80 ? (sn_row)i : run_row(a->r, table);
        if (!live || model_alive(&a->r->m, table, row))
            out[n++] = row;
    }
    return n;
}

/* A route that exists, or NULL; with extras often the last, which may be along all others. */
static const route *
some_route(ask *a)
{
    unsigned b = run_byte(a->r);
    if (a->route_n == 0)
        return NULL;
    return &a->routes[a->r->extras && b < 0xa0 ? a->route_n - 1 : b % a->route_n];
}

/* Whether the same is asked at another time. */
static bool
time_goes_on(ask *a)
{
    if (a->moments == 0 || a->abandoned || a->tellings == MAX_TELLINGS || run_byte(a->r) < 0x80)
        return false;
    a->tellings++;
    a->overflow = false;
    run_tell_time(a->r);
    return true;
}

/* ---------------------------------------------------------------- queries */

typedef struct question {
    sn_query q;
    int table;
    int where;
    order_spec orders[MAX_ORDERS];
    sn_order engine_orders[MAX_ORDERS];
    sn_row given[MAX_ASKED];
    const route *route;
    targets expected;
} question;

static bool
choose_source(ask *a, question *q)
{
    unsigned b = run_byte(a->r);
    q->q.source = b < 0xa0 ? SN_FROM_TABLE : b < 0xd0 ? SN_FROM_PATH : SN_FROM_ROWS;
    q->route = q->q.source == SN_FROM_PATH ? some_route(a) : NULL;
    if (q->q.source == SN_FROM_PATH && !q->route)
        return false;
    q->table = q->route ? q->route->to : run_table(a->r, b);
    q->q.table = a->r->tables[q->table];
    if (q->route) {
        q->q.path = q->route->path;
        q->q.from = run_row(a->r, q->route->from);
    }
    if (q->q.source == SN_FROM_ROWS) {
        q->q.rows = q->given;
        q->q.rows_len = some_rows(a, q->table, q->given, MAX_ASKED, false);
    }
    return true;
}

static size_t
choose_limit(ask *a)
{
    unsigned b = run_byte(a->r);
    return b < 0x80 ? SIZE_MAX : b % 12;
}

static void
finish_query(ask *a, question *q)
{
    tree_engine_orders(a, q->engine_orders, q->orders, q->q.order_len);
    q->q.expr = a->e;
    q->q.where = q->where == NONE ? SN_NO_NODE : a->trees[q->where].node;
    q->q.order = q->engine_orders;
    q->q.offset = run_byte(a->r) < 0x80 ? 0 : run_byte(a->r) % 8;
    q->q.limit = choose_limit(a);
}

/* False when there is nothing to ask. */
static bool
choose_query(ask *a, question *q)
{
    *q = (question){.where = NONE};
    if (!choose_source(a, q))
        return false;
    around s = {{q->table}, 1};
    if (run_byte(a->r) < 0xd0 && (q->where = tree_predicate(a, &s, 0)) == NONE)
        return false;
    if (!tree_orders(a, q->orders, &q->q.order_len, q->table))
        return false;
    finish_query(a, q);
    return true;
}

/* One that an index can serve. */
static bool
choose_aimed(ask *a, question *q)
{
    int index = run_index(a->r, run_byte(a->r));
    *q = (question){.where = NONE, .table = a->r->m.schema.indexes[index].table};
    if (q->table == NO_TABLE || !tree_aimed(a, index, &q->where, q->orders, &q->q.order_len))
        return false;
    q->q.table = a->r->tables[q->table];
    finish_query(a, q);
    return true;
}

static void
source_rows(ask *a, const question *q, targets *out)
{
    const model *m = &a->r->m;
    out->n = 0;
    if (q->q.source == SN_FROM_PATH) {
        naive_targets(a, out, q->route, q->q.from, q->route->distinct);
        return;
    }
    size_t n = q->q.source == SN_FROM_TABLE ? m->positions[q->table] : q->q.rows_len;
    for (size_t i = 0; i < n; i++) {
        sn_row row = q->q.source == SN_FROM_TABLE ? (sn_row)i : q->given[i];
        if (model_counts(m, q->table, row, q->q.life))
            out->rows[out->n++] = row;
    }
}

/* The rows of the source for which the condition holds, in order, between offset and limit. */
static void
naive_query(ask *a, question *q)
{
    targets *t = &q->expected;
    size_t kept = 0;
    source_rows(a, q, t);
    for (size_t i = 0; i < t->n; i++) {
        if (q->where == NONE || naive_test(a, q->where, &(scope){NULL, t->rows[i]}))
            t->rows[kept++] = t->rows[i];
    }
    t->n = kept;
    naive_sort(a, q->orders, q->q.order_len, t->rows, NULL, t->n);
    size_t offset = q->q.offset < t->n ? q->q.offset : t->n;
    t->n -= offset;
    memmove(t->rows, t->rows + offset, t->n * sizeof(*t->rows));
    t->n = t->n < q->q.limit ? t->n : q->q.limit;
}

static void
compare_query(ask *a, const question *q)
{
    sn_rows out = {0};
    sn_plan plan;
    if (answered(a, sn_query_run(&out, a->r->db, &q->q, &plan))) {
        same_rows(&out, 0, q->expected.rows, q->expected.n);
        REQUIRE(plan.found == out.n);
    } else {
        REQUIRE(a->overflow || out.n == 0);
    }
    sn_rows_free(a->r->db, &out);
}

static void
compare_count(ask *a, const question *q)
{
    size_t stop_at = choose_limit(a), n = SIZE_MAX;
    if (answered(a, sn_query_count(&n, a->r->db, &q->q, stop_at, NULL)))
        REQUIRE(n == (q->expected.n < stop_at ? q->expected.n : stop_at));
}

static void
compare_both(ask *a, question *q)
{
    do {
        naive_query(a, q);
        if (a->abandoned)
            return;
        compare_query(a, q);
        compare_count(a, q);
    } while (time_goes_on(a));
}

/* Live rows, parked ones or both; inputs without a stamp column say nothing of it. */
static void
choose_life(ask *a, question *q)
{
    bool stamps = false;
    for (int t = 0; t < TABLES; t++)
        stamps |= a->r->m.schema.stamp[t] != SN_NO_COL;
    if (stamps && q->q.source != SN_FROM_PATH)
        q->q.life = (sn_life)(run_byte(a->r) % 3);
}

static void
ask_query(ask *a)
{
    question q;
    if (!choose_query(a, &q))
        return;
    choose_life(a, &q);
    if (q.route && !model_stored(&a->r->m, q.route->from, q.q.from)) {
        sn_rows out = {0};
        REQUIRE(sn_query_run(&out, a->r->db, &q.q, NULL) == SN_STALE);
        return;
    }
    compare_both(a, &q);
}

static void
ask_aimed(ask *a)
{
    question q;
    if (!choose_aimed(a, &q))
        return;
    choose_life(a, &q);
    compare_both(a, &q);
}

/* ---------------------------------------------------------------- paths */

static void
compare_contains(ask *a, const route *p, sn_row from, const targets *t)
{
    sn_row target = run_row(a->r, p->to);
    bool there = false, contains;
    for (size_t i = 0; i < t->n; i++)
        there |= t->rows[i] == target;
    sn_status st = sn_path_contains(&contains, p->path, from, target);
    if (!model_alive(&a->r->m, p->to, target))
        REQUIRE(st == SN_STALE);
    else if (answered(a, st))
        REQUIRE(contains == there);
}

static void
compare_each(ask *a, const route *p, sn_row from, const targets *t)
{
    sn_rows out = {0};
    bool start = sn_rows_push(a->r->db, &out, 7) == SN_OK;
    if (answered(a, sn_path_each(&out, p->path, from)))
        same_rows(&out, start, t->rows, t->n);
    else
        REQUIRE(a->overflow || out.n == start);
    sn_rows_free(a->r->db, &out);
}

static void
compare_path(ask *a, const route *p, sn_row from, const targets *t)
{
    sn_row first;
    size_t n, stop_at = choose_limit(a);
    if (answered(a, sn_path_first(&first, p->path, from)))
        REQUIRE(first == (t->n > 0 ? t->rows[0] : SN_NO_ROW));
    if (answered(a, sn_path_count(&n, p->path, from, stop_at)))
        REQUIRE(n == (t->n < stop_at ? t->n : stop_at));
    REQUIRE(!sn_path_single(p->path) || t->n <= 1);
    compare_each(a, p, from, t);
    compare_contains(a, p, from, t);
}

static void
ask_from(ask *a, const route *p, sn_row from)
{
    static targets t;
    sn_row first;
    if (!model_stored(&a->r->m, p->from, from)) {
        REQUIRE(sn_path_first(&first, p->path, from) == SN_STALE);
        return;
    }
    naive_targets(a, &t, p, from, p->distinct);
    if (!a->abandoned)
        compare_path(a, p, from, &t);
}

/* From one row, or with extras from some more. */
static void
ask_path(ask *a)
{
    const route *p = some_route(a);
    if (!p)
        return;
    sn_row from = run_row(a->r, p->from), n = a->r->extras ? MAX_FROM : 1;
    for (sn_row i = 0; i < n && (i == 0 || from + i < a->r->m.positions[p->from]); i++)
        ask_from(a, p, from + i);
}

static void
ask_expand(ask *a)
{
    const route *p = some_route(a);
    sn_row from[MAX_ASKED];
    size_t offsets[MAX_ASKED + 1];
    static targets t[MAX_ASKED];
    sn_rows out = {0};
    if (!p)
        return;
    size_t n = some_rows(a, p->from, from, MAX_ASKED, true);
    for (size_t i = 0; i < n; i++)
        naive_targets(a, &t[i], p, from[i], p->distinct);
    if (!a->abandoned && answered(a, sn_path_expand(&out, offsets, p->path, from, n))) {
        for (size_t i = 0; i < n; i++) {
            sn_rows part = {out.rows, offsets[i + 1], 0};
            same_rows(&part, offsets[i], t[i].rows, t[i].n);
        }
        REQUIRE(offsets[0] == 0 && offsets[n] == out.n);
    }
    sn_rows_free(a->r->db, &out);
}

/* At most to one row, before its limit. */
static bool
leads_to_one(const ask *a, const hop *h)
{
    if (h->ref == NONE)
        return h->kind == SN_HOP_THROUGH && sn_path_single(a->routes[h->parts[0]].path);
    return !h->backward || a->r->m.schema.indexes[references[h->ref].from].kind == SN_INDEX_UNIQUE;
}

static bool
is_invertible(const ask *a, const route *p)
{
    bool all = true;
    for (size_t i = 0; i < p->n; i++) {
        const hop *h = &p->hops[i];
        size_t limit = h->single && h->limit > 1 ? 1 : h->limit;
        all &= h->offset == 0 && (limit == SIZE_MAX || (limit == 1 && leads_to_one(a, h)));
        all &= h->kind != SN_HOP_INTERSECTION && h->kind != SN_HOP_DIFFERENCE;
        for (size_t k = 0; k < h->part_n; k++)
            all &= is_invertible(a, &a->routes[h->parts[k]]);
        for (size_t k = 0; leads_on(h) && k < h->part_n; k++)
            all &= is_invertible(a, &a->routes[h->onward[k]]);
    }
    return all;
}

static bool
leads_to(ask *a, const route *p, sn_row from, const sn_row *to, size_t n)
{
    static targets t;
    bool any = false;
    naive_targets(a, &t, p, from, true);
    for (size_t i = 0; i < t.n; i++) {
        for (size_t k = 0; k < n; k++)
            any |= t.rows[i] == to[k];
    }
    return any;
}

static void
test_all(ask *a, int where, int table)
{
    for (sn_row row = 0; where != NONE && row < a->r->m.positions[table]; row++) {
        if (model_alive(&a->r->m, table, row))
            naive_test(a, where, &(scope){NULL, row});
    }
}

/* Going back looks at rows that nothing leads to. */
static void
test_everywhere(ask *a, const route *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const hop *h = &p->hops[i];
        test_all(a, h->where, h->via);
        for (size_t k = 0; k < h->part_n; k++)
            test_everywhere(a, &a->routes[h->parts[k]]);
        for (size_t k = 0; h->by_ways && k < h->part_n; k++)
            test_all(a, h->way_where[k], h->via);
        for (size_t k = 0; leads_on(h) && k < h->part_n; k++)
            test_everywhere(a, &a->routes[h->onward[k]]);
    }
}

static void
ask_semijoin(ask *a)
{
    const route *p = some_route(a);
    sn_row to[MAX_ASKED], expected[MAX_ROWS];
    size_t n_expected = 0;
    sn_rows out = {0};
    if (!p)
        return;
    size_t n = some_rows(a, p->to, to, MAX_ASKED, true);
    for (sn_row row = 0; row < a->r->m.positions[p->from]; row++) {
        if (model_alive(&a->r->m, p->from, row) && leads_to(a, p, row, to, n))
            expected[n_expected++] = row;
    }
    test_everywhere(a, p);
    if (a->abandoned)
        return;
    sn_status st = sn_path_semijoin(&out, p->path, to, n);
    if (!is_invertible(a, p))
        REQUIRE(st == SN_MISUSE);
    else if (answered(a, st))
        same_rows(&out, 0, expected, n_expected);
    sn_rows_free(a->r->db, &out);
}

/* ---------------------------------------------------------------- values of rows */

static void
ask_values(ask *a)
{
    int table = run_table(a->r, run_byte(a->r));
    around s = {{table}, 1};
    sn_row rows[MAX_ASKED];
    sn_cell cells[MAX_ASKED];
    answer expected[MAX_ASKED];
    int t = tree_value(a, &s, 0);
    if (t == NONE)
        return;
    size_t n = some_rows(a, table, rows, MAX_ASKED, true);
    for (size_t i = 0; i < n; i++)
        expected[i] = naive_value(a, t, &(scope){NULL, rows[i]});
    if (a->abandoned || !answered(a, sn_expr_eval(cells, a->e, a->trees[t].node, a->r->tables[table], rows, n)))
        return;
    for (size_t i = 0; i < n; i++)
        REQUIRE(same_answer(a, a->trees[t].type, cells[i], expected[i]));
}

/* The targets of an aggregate for which its condition holds; a dead row has none. */
static void
naive_seen(ask *a, const tree *t, int table, sn_row row, targets *out)
{
    size_t kept = 0;
    out->n = 0;
    if (!model_stored(&a->r->m, table, row))
        return;
    scope s = {NULL, row};
    naive_targets(a, out, &a->routes[t->route], row, t->distinct);
    for (size_t i = 0; i < out->n; i++) {
        if (t->b == NONE || naive_test(a, t->b, &(scope){&s, out->rows[i]}))
            out->rows[kept++] = out->rows[i];
    }
    out->n = kept;
}

static void
ask_targets(ask *a)
{
    int table = run_table(a->r, run_byte(a->r));
    around s = {{table}, 1};
    sn_row rows[MAX_ASKED];
    size_t offsets[MAX_ASKED + 1];
    static targets seen[MAX_ASKED];
    const sn_table *to;
    sn_rows out = {0};
    int t = tree_aggregate(a, &s, 0);
    if (t == NONE)
        return;
    size_t n = some_rows(a, table, rows, MAX_ASKED, false);
    for (size_t i = 0; i < n; i++)
        naive_seen(a, &a->trees[t], table, rows[i], &seen[i]);
    if (!a->abandoned
        && answered(a, sn_expr_targets(&out, offsets, &to, a->e, a->trees[t].node, a->r->tables[table], rows, n))) {
        REQUIRE(to == a->r->tables[a->routes[a->trees[t].route].to]);
        for (size_t i = 0; i < n; i++) {
            sn_rows part = {out.rows, offsets[i + 1], 0};
            same_rows(&part, offsets[i], seen[i].rows, seen[i].n);
        }
    }
    sn_rows_free(a->r->db, &out);
}

/* ---------------------------------------------------------------- groups */

typedef struct grouping {
    int table;
    int keys[MAX_ORDERS];
    size_t key_n;
    sn_row rows[MAX_ROWS];
    size_t n;
    answer values[MAX_ROWS][MAX_ORDERS]; /* of the keys, for each row */
    uint32_t group_of[MAX_ROWS];
    size_t firsts[MAX_ROWS]; /* in rows */
    size_t group_n;
} grouping;

static bool
same_group(const grouping *g, size_t i, size_t j)
{
    bool same = true;
    for (size_t k = 0; k < g->key_n; k++)
        same &= naive_same_group(g->values[i][k], g->values[j][k]);
    return same;
}

static void
naive_groups(ask *a, grouping *g)
{
    for (size_t i = 0; i < g->n; i++) {
        size_t group = 0;
        for (size_t k = 0; k < g->key_n; k++)
            g->values[i][k] = naive_value(a, g->keys[k], &(scope){NULL, g->rows[i]});
        while (group < g->group_n && !same_group(g, g->firsts[group], i))
            group++;
        if (group == g->group_n)
            g->firsts[g->group_n++] = i;
        g->group_of[i] = (uint32_t)group;
    }
}

/* An aggregate of a value over all rows (group_of NULL), or of each group; false when there is no such aggregate. */
static bool
naive_total(ask *a, const grouping *g, int op, int of, size_t group, bool all, answer *out)
{
    tally t = {.op = op, .type = of == NONE ? SN_INT : a->trees[of].type};
    for (size_t i = 0; i < g->n; i++) {
        if (all || g->group_of[i] == group)
            naive_add(&t, of == NONE ? (answer){.type = SN_INT} : naive_value(a, of, &(scope){NULL, g->rows[i]}));
    }
    *out = naive_result(a, &t);
    return !a->abandoned;
}

static bool
makes_sense(int op, int of, sn_type type)
{
    bool number = type == SN_INT || type == SN_FLOAT || type == SN_TIMEDELTA;
    if (of == NONE)
        return op == SN_COUNT;
    return op == SN_COUNT || (op == SN_SUM || op == SN_AVG ? number : type != SN_OBJECT);
}

static void
compare_totals(ask *a, const grouping *g, int op, int of)
{
    const sn_table *table = a->r->tables[g->table];
    sn_node node = of == NONE ? SN_NO_NODE : a->trees[of].node;
    sn_cell cells[MAX_ROWS], one;
    answer expected[MAX_ROWS + 1];
    sn_type type;
    for (size_t i = 0; i <= g->group_n; i++) {
        if (!naive_total(a, g, op, of, i, i == g->group_n, &expected[i]))
            return;
    }
    if (answered(a, sn_query_group_aggregate(cells, &type, (sn_agg_op)op, a->e, node, table, g->rows, g->group_of, g->n,
                                             g->group_n))) {
        for (size_t i = 0; i < g->group_n; i++)
            REQUIRE(same_answer(a, type, cells[i], expected[i]));
    }
    if (answered(a, sn_query_aggregate(&one, &type, (sn_agg_op)op, a->e, node, table, g->rows, g->n)))
        REQUIRE(same_answer(a, type, one, expected[g->group_n]));
}

static void
ask_totals(ask *a, const grouping *g)
{
    around s = {{g->table}, 1};
    for (unsigned left = 1 + run_byte(a->r) % 3; left > 0; left--) {
        unsigned b = run_byte(a->r);
        int op = (int)(b % 5), of = b >= 0xe0 ? NONE : tree_value(a, &s, 1);
        sn_type type = of == NONE ? SN_INT : a->trees[of].type;
        if (sn_expr_status(a->e) != SN_OK)
            return;
        compare_totals(a, g, makes_sense(op, of, type) ? op : SN_COUNT, of);
    }
}

static void
ask_groups(ask *a)
{
    static grouping g;
    g = (grouping){.table = run_table(a->r, run_byte(a->r))};
    around s = {{g.table}, 1};
    sn_node nodes[MAX_ORDERS];
    uint32_t group_of[MAX_ROWS];
    sn_rows firsts = {0};
    size_t wanted = run_byte(a->r) % (MAX_ORDERS + 1);
    for (; g.key_n < wanted; g.key_n++) {
        g.keys[g.key_n] = tree_ordered(a, &s, 1);
        if (g.keys[g.key_n] == NONE)
            return;
        nodes[g.key_n] = a->trees[g.keys[g.key_n]].node;
    }
    g.n = some_rows(a, g.table, g.rows, MAX_ROWS, true);
    naive_groups(a, &g);
    if (a->abandoned)
        return;
    if (answered(a, sn_query_group(group_of, &firsts, a->e, nodes, g.key_n, a->r->tables[g.table], g.rows, g.n))) {
        REQUIRE(firsts.n == g.group_n);
        for (size_t i = 0; i < g.group_n; i++)
            REQUIRE(firsts.rows[i] == g.rows[g.firsts[i]]);
        REQUIRE(memcmp(group_of, g.group_of, g.n * sizeof(*group_of)) == 0);
    } else {
        REQUIRE(firsts.n == 0 || a->overflow);
    }
    sn_rows_free(a->r->db, &firsts);
    ask_totals(a, &g);
}

/* ---------------------------------------------------------------- one question */

/* Values of the host for the positions of a table, maybe not for all. */
static bool
choose_hosts(ask *a)
{
    static const sn_type types[HOSTS] = {SN_INT, SN_FLOAT};
    for (unsigned slot = 0; slot < HOSTS; slot++) {
        a->host_n[slot] = run_byte(a->r) % 9;
        for (size_t i = 0; i < a->host_n[slot]; i++) {
            a->hosts[slot][i] = choose_value(a->r, types[slot], false, NULL);
            a->host_cells[slot][i] = make_cell(a->r, types[slot], false, a->hosts[slot][i]);
        }
        sn_status st = sn_expr_set_host(a->e, slot, a->host_cells[slot], a->host_n[slot]);
        if (st != SN_OK) {
            REQUIRE(st == SN_NOMEM && a->r->memory.refused);
            return false;
        }
    }
    return true;
}

/* Where a route is to start; with extras often where another starts or ends, so that they can be combined. */
static int
choose_start(ask *a)
{
    unsigned b = run_byte(a->r);
    const route *other = a->r->extras && b >= 0x40 && a->route_n > 0 ? &a->routes[b % a->route_n] : NULL;
    return !other ? run_table(a->r, b) : b < 0xa0 ? other->from : other->to;
}

static void
ask_one(ask *a, unsigned kind)
{
    static void (*const kinds[])(ask *) = {ask_query, ask_query,  ask_query,    ask_aimed,  ask_aimed,   ask_aimed,
                                           ask_path,  ask_expand, ask_semijoin, ask_values, ask_targets, ask_groups};
    size_t routes = run_byte(a->r) % ((a->r->extras ? MAX_ROUTES : FEW_ROUTES) + 1);
    if (!choose_hosts(a))
        return;
    for (size_t i = 0; i < routes; i++) {
        if (!tree_route(a, choose_start(a)))
            return;
    }
    do
        kinds[kind % (sizeof(kinds) / sizeof(kinds[0]))](a);
    while (time_goes_on(a));
    REQUIRE(sn_expr_timed(a->e) == (a->moments > 0) || a->r->memory.refused);
}

void
ask_question(run *r)
{
    ask *a = calloc(1, sizeof(*a));
    REQUIRE(a != NULL);
    a->r = r;
    unsigned kind = run_byte(r);
    run_arm(r, 128);
    sn_status st = sn_expr_new(&a->e, r->db);
    REQUIRE(st == SN_OK || (st == SN_NOMEM && r->memory.refused));
    if (st == SN_OK) {
        ask_one(a, kind);
        for (size_t i = 0; i < a->route_n; i++)
            sn_path_free(a->routes[i].path);
        sn_expr_free(a->e);
    }
    run_disarm(r, SN_OK);
    free(a);
    run_compare(r);
}
