/*
 * hops.c - the hops along other paths: through one, recursive, union, intersection, difference.
 *
 * Each gives rows of one table to a visitor, in its order, and lets the visitor end it. Through passes the visitor on to the walk along
 * the path: nothing is kept. A union keeps the set of the rows met, of those for which the condition of their path holds. An intersection
 * or a difference walks all paths but the first beforehand, into a set each; then the first one's rows are sifted.
 *
 * Recursive is a search in breadth: `queue` holds the rows met, in order of distance; the front is given to the visitor, then what it
 * leads to and was not met before is put at the end. So each row comes once, nearest first, cycles end, and what a visitor does not ask for
 * is not searched. The row from which it starts has not been met: a cycle leads to it, as the relation's definition says.
 *
 * Invariant: rows of queue == rows of met; queue[front..] have not been gone on from.
 * Costs: the rows walked, and a set entry for each row of what keeps a set. Memory (SN_NOMEM): the sets, the queue.
 */
#include "path.h"

#include "rows.h"

#include <assert.h>

/* ---------------------------------------------------------------- sets of targets */

/* Each row once, on to another visitor. */
typedef struct once {
    sn__visit visit;
    sn__visit *on;
    const sn__hop *hop;
    sn_db *db;
    sn__seen met;
} once;

static sn_status
visit_once(sn__visit *visit, sn_row row)
{
    once *o = (once *)visit;
    bool fresh = false, holds;
    sn_status status = sn__hop_test(&holds, o->hop, sn__hop_way_where(o->hop, o->on->way), row);
    if (status == SN_OK && holds) {
        status = sn__seen_add(&fresh, o->db, &o->met, row, o->hop->via->positions);
    }
    if (status == SN_OK && fresh) {
        status = o->on->at(o->on, row);
        visit->stop = o->on->stop;
    }
    return status;
}

static sn_status
each_of_any(const sn__hop *h, sn_db *db, sn_row from, sn__visit *v)
{
    once o = {{.at = visit_once, .stop = v->stop}, v, h, db, {0}};
    sn_status status = SN_OK;
    for (size_t i = 0; i < h->path_count && status == SN_OK && !o.visit.stop; i++) {
        v->way = i;
        status = sn__path_walk(h->paths[i], from, h->paths[i]->distinct, &o.visit);
    }
    sn__seen_free(db, &o.met);
    return status;
}

/* ---------------------------------------------------------------- sifting */

typedef struct sift {
    sn__visit visit;
    sn__visit *on;
    const sn__hop *hop;
    sn__seen *others; /* of the paths behind the first */
} sift;

static sn_status
visit_sift(sn__visit *visit, sn_row row)
{
    sift *s = (sift *)visit;
    bool wanted = s->hop->kind == SN_HOP_INTERSECTION;
    for (size_t i = 0; i + 1 < s->hop->path_count; i++) {
        if (sn__seen_has(&s->others[i], row) != wanted) {
            return SN_OK;
        }
    }
    sn_status status = s->on->at(s->on, row);
    visit->stop = s->on->stop;
    return status;
}

static sn_status
ignore(sn__visit *v, sn_row row)
{
    (void)v;
    (void)row;
    return SN_OK;
}

/* The targets of a path as a set. */
static sn_status
targets_of(sn__seen *out, const sn__hop *h, sn_db *db, const sn_path *p, sn_row from)
{
    sn__visit nothing = {.at = ignore};
    once o = {{.at = visit_once}, &nothing, h, db, {0}};
    sn_status status = sn__path_walk(p, from, false, &o.visit);
    *out = o.met;
    return status;
}

static sn_status
sift_first(sift *s, sn_db *db, sn_row from)
{
    const sn__hop *h = s->hop;
    sn_status status = SN_OK;
    for (size_t i = 1; i < h->path_count && status == SN_OK; i++) {
        status = targets_of(&s->others[i - 1], h, db, h->paths[i], from);
    }
    return status ? status : sn__path_walk(h->paths[0], from, true, &s->visit);
}

static sn_status
each_sifted(const sn__hop *h, sn_db *db, sn_row from, sn__visit *v)
{
    size_t n = h->path_count - 1;
    sn__seen *others = sn_mem_zero(&db->mem, n * sizeof *others);
    if (!others) {
        return SN_NOMEM;
    }
    sift s = {{.at = visit_sift, .stop = v->stop}, v, h, others};
    sn_status status = sift_first(&s, db, from);
    for (size_t i = 0; i < n; i++) {
        sn__seen_free(db, &others[i]);
    }
    sn_mem_free(&db->mem, others, n * sizeof *others);
    return status;
}

/* ---------------------------------------------------------------- recursion */

typedef struct search {
    sn__visit visit;
    sn_db *db;
    const sn__hop *hop;
    sn__seen met;
    sn_rows queue;
    size_t front;
} search;

static sn_status
visit_search(sn__visit *visit, sn_row row)
{
    search *s = (search *)visit;
    bool fresh;
    sn_status status = sn_rows_reserve(s->db, &s->queue, 1);
    status = status ? status : sn__seen_add(&fresh, s->db, &s->met, row, s->hop->to->positions);
    if (status == SN_OK && fresh) {
        s->queue.rows[s->queue.n++] = row;
    }
    return status;
}

/* What a row leads to and has not been met, to the end of the queue. */
static sn_status
search_on(search *s, sn_row row)
{
    return sn__path_walk(s->hop->paths[0], row, false, &s->visit);
}

static void
search_free(search *s)
{
    sn__seen_free(s->db, &s->met);
    sn_rows_free(s->db, &s->queue);
}

static sn_status
each_reached(const sn__hop *h, sn_db *db, sn_row from, sn__visit *v)
{
    search s = {.visit = {.at = visit_search}, .db = db, .hop = h};
    sn_status status = v->stop ? SN_OK : search_on(&s, from);
    while (status == SN_OK && s.front < s.queue.n) {
        sn_row row = s.queue.rows[s.front++];
        status = v->at(v, row);
        if (v->stop) {
            break;
        }
        status = status ? status : search_on(&s, row);
    }
    search_free(&s);
    return status;
}

/* The whole queue, and beside it how far away each row is: a level ends where the queue ended when its first row was gone on from. */
static sn_status
search_levels(search *s, sn_rows *levels, sn_row from)
{
    sn_status status = search_on(s, from);
    for (sn_row level = 1; status == SN_OK && s->front < s->queue.n; level++) {
        for (size_t end = s->queue.n; s->front < end && status == SN_OK; s->front++) {
            status = sn_rows_push(s->db, levels, level);
            status = status ? status : search_on(s, s->queue.rows[s->front]);
        }
    }
    return status;
}

sn_status
sn__hop_levels(sn_rows *out, sn_rows *levels, const sn__hop *h, sn_db *db, sn_row from)
{
    assert(h->kind == SN_HOP_RECURSIVE && out->n == 0 && levels->n == 0);
    search s = {.visit = {.at = visit_search}, .db = db, .hop = h};
    sn_status status = search_levels(&s, levels, from);
    if (status == SN_OK) {
        *out = s.queue;
        s.queue = (sn_rows){0};
    }
    search_free(&s);
    return status;
}

/* ---------------------------------------------------------------- all kinds */

sn_status
sn__hop_along(const sn__hop *h, sn_db *db, sn_row from, sn__visit *v)
{
    switch (h->kind) {
    case SN_HOP_THROUGH:
        return sn__path_walk(h->paths[0], from, h->paths[0]->distinct, v);
    case SN_HOP_RECURSIVE:
        return each_reached(h, db, from, v);
    case SN_HOP_UNION:
        return each_of_any(h, db, from, v);
    default:
        return h->path_count > 1 ? each_sifted(h, db, from, v) : each_of_any(h, db, from, v);
    }
}
