/*
 * route.c - bytes become paths, of the engine and naive, side by side (tree.h). A union may have ways: a condition, terms to
 * sort by and a path that leads on for each of its paths. Some do not agree, which the engine must refuse.
 */
#include "tree.h"

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

/* What the ways lead on to, if there is something for all of them; one of them may get something else, or nothing. */
static void
choose_onward(ask *a, hop *h, int via, unsigned b)
{
    int to = NONE;
    for (size_t k = 0; k < h->part_n; k++) {
        h->onward[k] = route_between(a, (b >> 2) + (unsigned)k, via, to);
        if (h->onward[k] == NONE) {
            h->onward[0] = NONE;
            break;
        }
        to = a->routes[h->onward[k]].to;
    }
    for (size_t k = 1; h->onward[0] == NONE && k < h->part_n; k++)
        h->onward[k] = NONE;
    if (b >= 0xf0)
        h->onward[b % h->part_n] = b < 0xf8 ? NONE : (int)(b % a->route_n);
    h->to = h->onward[0] == NONE ? via : a->routes[h->onward[0]].to;
}

/* A union may have ways; of others they are refused. */
static void
choose_ways(ask *a, hop *h, int via)
{
    unsigned b = a->r->extras && a->n < FULL_TREES ? run_byte(a->r) : 0;
    h->by_ways = (b & 3) && (h->kind == SN_HOP_UNION || b >= 0xf0);
    for (size_t k = 0; k < h->part_n; k++)
        h->way_where[k] = h->onward[k] = NONE;
    if (h->by_ways && (b & 3) == 3)
        choose_onward(a, h, via, b);
}

/* Makes it a step along routes, if there are any from the table. */
static void
choose_parts(ask *a, hop *h, int from)
{
    unsigned b = run_byte(a->r);
    bool often = a->r->extras && (b & 4);
    sn_hop_kind kind = often ? SN_HOP_UNION : (sn_hop_kind)(SN_HOP_THROUGH + b % 5);
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
        choose_ways(a, h, to);
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
    h.single = flags >= 0xe0 || (a->r->extras && (flags & 0xe0) == 0xa0);
    h.limit = (flags & 0x18) == 0x18 ? (flags & 3) : SIZE_MAX;
    h.offset = (flags & 0x1c) == 0x1c;
    h.to = h.ref == NONE ? NONE : table_of(a->r, h.ref, h.backward);
    if ((flags & 0x60) == 0x40 || (a->r->extras && (flags & 0x60) == 0x20))
        choose_parts(a, &h, from);
    h.via = h.ref == NONE && h.part_n > 0 ? a->routes[h.parts[0]].to : h.to;
    return h;
}

/* The conditions and orders of its ways; false when refused. */
static bool
furnish_ways(ask *a, hop *h)
{
    around s = {{h->via}, 1};
    for (size_t k = 0; k < h->part_n; k++) {
        if ((run_byte(a->r) & 3) == 3 && (h->way_where[k] = tree_predicate(a, &s, 2)) == NONE)
            return false;
        if (k > 0 && !tree_orders_like(a, h->orders[k], h->orders[0], h->order_n, h->via))
            return false;
    }
    return true;
}

/* Its conditions; false when refused. */
static bool
furnish(ask *a, hop *h)
{
    unsigned b = run_byte(a->r);
    around s = {{h->via}, 1};
    bool where = (b & 3) == 3 && (!leads_on(h) || b >= 0xe0);
    if (where && (h->where = tree_predicate(a, &s, 2)) == NONE)
        return false;
    if ((b & 0x0c) == 0x0c && !tree_orders(a, h->orders[0], &h->order_n, h->via))
        return false;
    return !h->by_ways || furnish_ways(a, h);
}

/* ---------------------------------------------------------------- what the engine must say */

static bool
orders_agree(const ask *a, const hop *h, size_t way)
{
    bool agree = true;
    for (size_t i = 0; i < h->order_n; i++) {
        order_spec x = h->orders[0][i], y = h->orders[way][i];
        agree &= a->trees[x.tree].type == a->trees[y.tree].type && x.descending == y.descending
                 && x.nulls_first == y.nulls_first;
    }
    return agree;
}

static bool
onward_agrees(const ask *a, const hop *h, size_t way)
{
    if (h->onward[0] == NONE || h->onward[way] == NONE)
        return h->onward[0] == h->onward[way];
    const route *on = &a->routes[h->onward[way]];
    return h->where == NONE && on->from == h->via && on->to == h->to;
}

static bool
hop_fits(const ask *a, const hop *h)
{
    bool fits = !h->by_ways || h->kind == SN_HOP_UNION;
    for (size_t k = 0; h->by_ways && k < h->part_n; k++)
        fits &= orders_agree(a, h, k) && onward_agrees(a, h, k);
    return fits;
}

static bool
route_fits(const ask *a, const route *p)
{
    bool fits = true;
    for (size_t i = 0; i < p->n; i++)
        fits &= hop_fits(a, &p->hops[i]);
    return fits;
}

static bool
tree_timed(const ask *a, int number)
{
    const tree *t = number == NONE ? NULL : &a->trees[number];
    if (!t || t->kind == T_CONST || t->kind == T_COLUMN || t->kind == T_HOST || t->kind == T_MOMENT)
        return t && t->kind == T_MOMENT;
    bool follows = t->kind == T_FOLLOW || t->kind == T_AGGREGATE || t->kind == T_EXISTS;
    bool timed = (follows && a->routes[t->route].timed) || tree_timed(a, t->a) || tree_timed(a, t->b);
    for (size_t i = 0; (t->kind == T_AND || t->kind == T_OR) && i < t->n; i++)
        timed |= tree_timed(a, t->child[i]);
    return timed;
}

static bool
hop_timed(const ask *a, const hop *h)
{
    bool timed = tree_timed(a, h->where);
    for (size_t i = 0; i < h->order_n; i++)
        timed |= tree_timed(a, h->orders[0][i].tree);
    for (size_t k = 0; k < h->part_n; k++)
        timed |= a->routes[h->parts[k]].timed;
    for (size_t k = 0; h->by_ways && k < h->part_n; k++) {
        timed |= tree_timed(a, h->way_where[k]) || (h->onward[k] != NONE && a->routes[h->onward[k]].timed);
        for (size_t i = 0; i < h->order_n; i++)
            timed |= tree_timed(a, h->orders[k][i].tree);
    }
    return timed;
}

/* One expression is behind all: the engine may take what does not look at the time for something that does. */
static void
check_timed(ask *a, route *p)
{
    p->timed = false;
    for (size_t i = 0; i < p->n; i++)
        p->timed |= hop_timed(a, &p->hops[i]);
    REQUIRE(p->timed ? sn_path_timed(p->path) : !sn_path_timed(p->path) || a->moments > 0);
}

/* ---------------------------------------------------------------- making it */

/* The engine's form of a route, while it is made. */
typedef struct parts {
    sn_order orders[MAX_PARTS][MAX_ORDERS];
    const sn_path *paths[MAX_PARTS];
    sn_way ways[MAX_PARTS];
} parts;

static void
make_parts(const ask *a, const hop *h, parts *out)
{
    tree_engine_orders(a, out->orders[0], h->orders[0], h->order_n);
    for (size_t k = 0; k < h->part_n; k++)
        out->paths[k] = a->routes[h->parts[k]].path;
    for (size_t k = 0; h->by_ways && k < h->part_n; k++) {
        const sn_path *onward = h->onward[k] == NONE ? NULL : a->routes[h->onward[k]].path;
        tree_engine_orders(a, out->orders[k], h->orders[k], h->order_n);
        out->ways[k] = (sn_way){tree_node(a, h->way_where[k]), out->orders[k], onward};
    }
}

/* False when it is refused: *fits says whether for want of memory only. */
static bool
make_path(ask *a, route *p, bool *fits)
{
    sn_hop_def defs[MAX_HOPS];
    parts made[MAX_HOPS];
    for (size_t i = 0; i < p->n; i++) {
        const hop *h = &p->hops[i];
        make_parts(a, h, &made[i]);
        defs[i] = (sn_hop_def){.reference = h->ref == NONE ? NULL : a->r->references[h->ref],
                               .kind = h->kind,
                               .paths = made[i].paths,
                               .path_count = h->part_n,
                               .ways = h->by_ways ? made[i].ways : NULL,
                               .offset = h->offset,
                               .backward = h->backward,
                               .single = h->single,
                               .expr = a->e,
                               .where = tree_node(a, h->where),
                               .order = made[i].orders[0],
                               .order_len = h->order_n,
                               .limit = h->limit};
    }
    *fits = route_fits(a, p);
    sn_status st = sn_path_new(&p->path, a->r->db, defs, p->n, p->distinct);
    REQUIRE(st == (*fits ? SN_OK : SN_MISUSE) || (st == SN_NOMEM && a->r->memory.refused));
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
        if (!furnish(a, &h))
            return false;
        p->hops[p->n] = h;
    }
    bool fits;
    if (p->n == 0)
        return true;
    if (!make_path(a, p, &fits))
        return !fits;
    check_timed(a, p);
    a->route_n++;
    return true;
}
