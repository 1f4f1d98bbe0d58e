/*
 * place.c - the places that a path, an expression or a query looks at: columns of tables, and the rows that are there.
 *
 * What a hop along a reference leads to depends on the columns of the foreign key, on those of the key, and on which rows of both
 * tables are there; on the columns in its condition and order besides. Nested paths and expressions count in. A host slot is no
 * place: whoever fills it has read what it was made from.
 *
 * Cost: linear in hops and nodes, with no look at any row. It recurses as deep as evaluation does.
 */
#include "getter.h"

#include "reference.h"

static void
visit_index(const sn_index *ix, sn__place_visit *v)
{
    for (size_t i = 0; i < ix->column_count; i++)
        v->at(v, ix->table, ix->columns[i]);
    v->at(v, ix->table, SN__LIFE);
}

static void
visit_order(const sn_expr *e, const sn_order *order, size_t n, sn__place_visit *v)
{
    for (size_t i = 0; i < n; i++)
        sn__node_visit(e, order[i].value, v);
}

/* What is said of the rows of a hop, and what leads on from them. */
static void
visit_said(const sn__hop *h, sn__place_visit *v)
{
    sn__node_visit(h->expr, h->where, v);
    visit_order(h->expr, h->order, h->ways ? 0 : h->order_len, v);
    for (size_t k = 0; h->ways && k < h->path_count; k++) {
        sn__node_visit(h->expr, h->ways[k].where, v);
        visit_order(h->expr, h->ways[k].order, h->order_len, v);
        if (h->ways[k].onward)
            sn__path_visit(h->ways[k].onward, v);
    }
}

void
sn__path_visit(const sn_path *p, sn__place_visit *v)
{
    for (size_t i = 0; i < p->n; i++) {
        const sn__hop *h = &p->hops[i];
        if (h->reference) {
            visit_index(h->reference->from, v);
            visit_index(h->reference->to, v);
        }
        for (size_t k = 0; k < h->path_count; k++)
            sn__path_visit(h->paths[k], v);
        visit_said(h, v);
    }
}

void
sn__node_visit(const sn_expr *e, sn_node node, sn__place_visit *v)
{
    if (node == SN_NO_NODE)
        return;
    const sn__term *t = sn__term_at(e, node);
    if (t->kind == SN__COLUMN)
        v->at(v, (sn_table *)(uintptr_t)t->rows[t->depth], t->col);
    if (t->path)
        sn__path_visit(t->path, v);
    sn__node_visit(e, t->a, v);
    sn__node_visit(e, t->b, v);
    for (size_t i = 0; i < t->n; i++)
        sn__node_visit(e, e->children[t->first + i], v);
}

void
sn__query_visit(const sn_query *q, sn__place_visit *v)
{
    v->at(v, (sn_table *)(uintptr_t)q->table, SN__LIFE);
    if (q->source == SN_FROM_PATH)
        sn__path_visit(q->path, v);
    sn__node_visit(q->expr, q->where, v);
    visit_order(q->expr, q->order, q->order_len, v);
}

/* ---------------------------------------------------------------- all of it */

typedef struct reach_visit {
    sn__place_visit visit;
    sn__reach reach;
} reach_visit;

static void
visit_place(sn__place_visit *visit, sn_table *t, sn_col col)
{
    sn__reach *reach = &((reach_visit *)visit)->reach;
    uint64_t changed = col == SN__LIFE ? t->changed : t->columns[col].changed;
    reach->places |= sn__place_bit(t, col);
    reach->changed = changed > reach->changed ? changed : reach->changed;
}

sn__reach
sn__path_reach(const sn_path *p)
{
    reach_visit v = {.visit = {visit_place}};
    sn__path_visit(p, &v.visit);
    return v.reach;
}

sn__reach
sn__query_reach(const sn_query *q)
{
    reach_visit v = {.visit = {visit_place}};
    sn__query_visit(q, &v.visit);
    return v.reach;
}

sn__reach
sn__node_reach(const sn_expr *e, sn_node node)
{
    reach_visit v = {.visit = {visit_place}};
    sn__node_visit(e, node, &v.visit);
    return v.reach;
}
