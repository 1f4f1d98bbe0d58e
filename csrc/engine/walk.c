/*
 * walk.c - walking along a path from one row.
 *
 * Walking is depth first, so the targets come in the order in which nested loops would meet them, and a visitor can end the walk
 * at any point. Postings are borrowed: nothing is changed during a walk. A hop along other paths walks these (hops.c), and a relay
 * takes what they lead to further along this path: nothing is collected in between, unless the hop has an order.
 *
 * Each target once: each joint (path.c) has a set of the rows met; passing over a row met before loses nothing, since the same row
 * leads to the same targets. Paths without joints need no set and no memory.
 *
 * Costs: first O(hops) without conditions; tally O(1) for one hop along a reference without conditions, and
 * for the entries of a many-to-many without any; else the rows walked, except those of a last hop of that kind.
 * Memory (SN_NOMEM): joints, ordered hops, hops along recursive or several paths.
 */
#include "path.h"

#include "query.h"
#include "reference.h"
#include "rows.h"

#include <assert.h>

/* ---------------------------------------------------------------- one hop */

sn_posting_view
sn__hop_rows(const sn__hop *h, sn_row row, sn_row *one)
{
    const sn_reference *r = h->reference;
    const sn_index *there = h->backward ? r->from : r->to;
    sn_word key[SN_MAX_KEY];
    if (!(h->backward ? sn__reference_referring(key, r, row) : sn__reference_target(key, r, row))) {
        return (sn_posting_view){0};
    }
    return sn__index_view(there, key, one);
}

sn_status
sn__hop_test(bool *out, const sn__hop *h, sn_node where, sn_row row)
{
    *out = true;
    return where == SN_NO_NODE ? SN_OK : sn__test(out, h->expr, where, &(sn__scope){NULL, row});
}

sn_status
sn__hop_holds(bool *out, const sn__hop *h, sn_row row)
{
    return sn__hop_test(out, h, h->where, row);
}

bool
sn__hop_is_plain(const sn__hop *h)
{
    return h->kind == SN_HOP_REFERENCE && h->where == SN_NO_NODE && !sn__hop_is_cut(h) && h->joint == SN__NO_JOINT;
}

/* ---------------------------------------------------------------- walking */

typedef struct walk {
    const sn_path *path;
    sn__visit *visit;
    sn__seen *met;   /* one for each joint, or NULL: targets may come several times */
    size_t *counted; /* not NULL: the rows of a last plain hop are added here instead of being visited */
    size_t stop_at;  /* of counted */
} walk;

/* Takes the rows of hop `at` that its conditions leave further along the path. */
typedef struct relay {
    sn__visit visit;
    walk *walk;
    const sn__hop *hop;
    size_t at;
    size_t skip; /* of the offset */
    size_t left; /* of the limit */
} relay;

static sn_status step(walk *w, size_t at, sn_row row);

/* Goes on from a row at which hop `at` has arrived. */
static sn_status
arrive(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    if (w->met && h->joint != SN__NO_JOINT) {
        bool fresh;
        sn_status status = sn__seen_add(&fresh, w->path->db, &w->met[h->joint], row, h->to->positions);
        if (status || !fresh) {
            return status;
        }
    }
    return at + 1 < w->path->n ? step(w, at + 1, row) : w->visit->at(w->visit, row);
}

/* Takes what a way of hop `at` leads on to further along the path. */
typedef struct onward {
    sn__visit visit;
    walk *walk;
    size_t at;
} onward;

static sn_status
visit_onward(sn__visit *visit, sn_row row)
{
    onward *o = (onward *)visit;
    sn_status status = arrive(o->walk, o->at, row);
    visit->stop = o->walk->visit->stop;
    return status;
}

/* Leaves a row of hop `at` that its conditions have left. */
static sn_status
leave(walk *w, size_t at, size_t way, sn_row row)
{
    const sn_path *on = sn__hop_onward(&w->path->hops[at], way);
    onward o = {{.at = visit_onward}, w, at};
    return on ? sn__path_walk(on, row, on->distinct, &o.visit) : arrive(w, at, row);
}

static sn_status
visit_relay(sn__visit *visit, sn_row row)
{
    relay *r = (relay *)visit;
    bool holds;
    sn_status status = sn__hop_holds(&holds, r->hop, row);
    if (status || !holds) {
        return status;
    }
    if (r->skip > 0) {
        r->skip--;
        return SN_OK;
    }
    status = leave(r->walk, r->at, visit->way, row);
    visit->stop = --r->left == 0 || r->walk->visit->stop;
    return status;
}

#define AHEAD 12 /* rows: what they need is asked of the memory that much before */

/* The key by which a walk goes on from the i-th row: the rows of a list lie anywhere. */
static inline void
ask_for(const sn__hop *next, sn_posting_view view, size_t i)
{
    if (i < view.len && view.rows[i] != SN_NO_ROW) {
        const sn_index *ix = next->backward ? next->reference->to : next->reference->from;
        sn_col col = ix->columns[ix->column_count - 1];
        __builtin_prefetch(
            &ix->table->columns[col].blocks[view.rows[i] >> SN_BLOCK_SHIFT][view.rows[i] & SN_BLOCK_MASK]);
    }
}

/* Every row of hop `at`, before its conditions. */
static sn_status
each_row(const walk *w, size_t at, sn_row from, sn__visit *v)
{
    const sn__hop *h = &w->path->hops[at], *next = at + 1 < w->path->n ? h + 1 : NULL;
    if (h->kind != SN_HOP_REFERENCE) {
        return sn__hop_along(h, w->path->db, from, v);
    }
    sn_row one;
    sn_posting_view view = sn__hop_rows(h, from, &one);
    sn_status status = SN_OK;
    bool ask = next && next->kind == SN_HOP_REFERENCE;
    for (size_t i = 0; ask && i < AHEAD; i++) {
        ask_for(next, view, i);
    }
    for (size_t i = 0; i < view.len && status == SN_OK && !v->stop; i++) {
        if (ask) {
            ask_for(next, view, i + AHEAD);
        }
        status = view.rows[i] == SN_NO_ROW ? SN_OK : v->at(v, view.rows[i]);
    }
    return status;
}

static sn_status
step_in_turn(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    relay r = {{.at = visit_relay, .stop = h->limit == 0 || w->visit->stop}, w, h, at, h->offset, h->limit};
    return r.visit.stop ? SN_OK : each_row(w, at, row, &r.visit);
}

/* ---------------------------------------------------------------- hops with an order */

typedef struct gather {
    sn__visit visit;
    const walk *walk;
    const sn__hop *hop;
    sn_rows rows;
    sn_rows ways; /* of each row; of a hop without ways: none */
} gather;

static sn_status
visit_gather(sn__visit *visit, sn_row row)
{
    gather *g = (gather *)visit;
    bool holds;
    sn_status status = sn__hop_holds(&holds, g->hop, row);
    status = status || !holds ? status : sn_rows_push(g->walk->path->db, &g->rows, row);
    bool way = g->hop->ways && status == SN_OK && holds;
    return way ? sn_rows_push(g->walk->path->db, &g->ways, (sn_row)visit->way) : status;
}

/* How many of n rows, in order, are wanted: the offset and what follows it. */
static size_t
rows_wanted(const sn__hop *h, size_t n)
{
    return h->offset >= n || h->limit >= n - h->offset ? n : h->offset + h->limit;
}

/* The rows of the hop, of which the first `wanted` stand in order. */
static sn_status
gather_rows(gather *g, size_t at, sn_row row, size_t *wanted)
{
    const sn__hop *h = g->hop;
    sn_db *db = g->walk->path->db;
    sn_status status = each_row(g->walk, at, row, &g->visit);
    *wanted = rows_wanted(h, g->rows.n);
    if (status || g->rows.n < 2) {
        return status;
    }
    if (h->ways) {
        return sn__order_ways(db, h, g->rows.rows, g->ways.rows, g->rows.n, *wanted);
    }
    return sn__order_rows(db, h->expr, h->to, h->order, h->order_len, g->rows.rows, g->rows.n, *wanted);
}

static sn_status
step_ordered(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    sn_db *db = w->path->db;
    gather g = {.visit = {.at = visit_gather}, .walk = w, .hop = h};
    size_t wanted = 0;
    sn_status status = gather_rows(&g, at, row, &wanted);
    for (size_t i = h->offset; i < wanted && status == SN_OK && !w->visit->stop; i++) {
        status = leave(w, at, h->ways ? g.ways.rows[i] : 0, g.rows.rows[i]);
    }
    sn_rows_free(db, &g.rows);
    sn_rows_free(db, &g.ways);
    return status;
}

/* ---------------------------------------------------------------- whole walks */

/* To the one target of a foreign key: an order has nothing to do. */
static bool
is_forward(const sn__hop *h)
{
    return h->kind == SN_HOP_REFERENCE && !h->backward && !sn__hop_is_cut(h);
}

static sn_status
step_forward(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    sn_row target;
    bool holds = sn__hop_rows(h, row, &target).count > 0;
    sn_status status = holds ? sn__hop_holds(&holds, h, target) : SN_OK;
    return status == SN_OK && holds ? arrive(w, at, target) : status;
}

static sn_status
step(walk *w, size_t at, sn_row row)
{
    const sn__hop *h = &w->path->hops[at];
    if (w->counted && at + 1u == w->path->n && sn__hop_is_plain(h)) {
        sn_row one;
        *w->counted += sn__hop_rows(h, row, &one).count;
        w->visit->stop = *w->counted >= w->stop_at;
        return SN_OK;
    }
    if (is_forward(h)) {
        return step_forward(w, at, row);
    }
    return h->order_len > 0 ? step_ordered(w, at, row) : step_in_turn(w, at, row);
}

static void
free_met(walk *w)
{
    sn_db *db = w->path->db;
    for (size_t i = 0; w->met && i < w->path->joints; i++) {
        sn__seen_free(db, &w->met[i]);
    }
    sn_mem_free(&db->mem, w->met, w->met ? w->path->joints * sizeof *w->met : 0);
    w->met = NULL;
}

static sn_status
run_walk(walk *w, sn_row from, bool distinct)
{
    if (distinct && w->path->joints > 0) {
        w->met = sn_mem_zero(&w->path->db->mem, w->path->joints * sizeof *w->met);
        if (!w->met) {
            return SN_NOMEM;
        }
    }
    sn_status status = step(w, 0, from);
    free_met(w);
    return status;
}

sn_status
sn__path_walk(const sn_path *p, sn_row from, bool distinct, sn__visit *v)
{
    walk w = {.path = p, .visit = v};
    return run_walk(&w, from, distinct);
}

/* ---------------------------------------------------------------- looking for one */

typedef struct find_visit {
    sn__visit visit;
    sn_row target; /* SN_NO_ROW: any */
    sn_row found;
} find_visit;

static sn_status
visit_find(sn__visit *visit, sn_row row)
{
    find_visit *v = (find_visit *)visit;
    if (v->target == SN_NO_ROW || v->target == row) {
        v->found = row;
        visit->stop = true;
    }
    return SN_OK;
}

/* Almost every to-one path is one forward hop without conditions. */
sn_status
sn__path_first(sn_row *out, const sn_path *p, sn_row from)
{
    const sn__hop *h = &p->hops[0];
    *out = SN_NO_ROW;
    if (p->n == 1 && !h->backward && h->kind == SN_HOP_REFERENCE && h->where == SN_NO_NODE && !sn__hop_is_cut(h)) {
        sn__hop_rows(h, from, out);
        return SN_OK;
    }
    find_visit v = {.visit = {.at = visit_find}, .target = SN_NO_ROW, .found = SN_NO_ROW};
    sn_status status = sn__path_walk(p, from, false, &v.visit);
    *out = v.found;
    return status;
}

/* A row that was met is not gone on from again where that could multiply: at more than one joint. */
sn_status
sn__path_find(bool *out, const sn_path *p, sn_row from, sn_row target)
{
    find_visit v = {.visit = {.at = visit_find}, .target = target, .found = SN_NO_ROW};
    sn_status status = sn__path_walk(p, from, p->joints > 1, &v.visit);
    *out = v.found == target;
    return status;
}

/* ---------------------------------------------------------------- counting */

typedef struct count_visit {
    sn__visit visit;
    size_t n;
    size_t stop_at;
} count_visit;

static sn_status
visit_count(sn__visit *visit, sn_row row)
{
    (void)row;
    count_visit *v = (count_visit *)visit;
    visit->stop = ++v->n >= v->stop_at;
    return SN_OK;
}

/* Whether the hop leads from each row to exactly one: along a foreign key that is never null, and whose targets are all there. That
 * is so unless the open unit has an item of one that may not be (pending.c). */
static bool
is_total(const sn__hop *h)
{
    const sn_reference *r = h->reference;
    if (!is_forward(h) || h->where != SN_NO_NODE || r->member || !r->enforce || r->to->table->db->pending_len > 0) {
        return false;
    }
    bool nullable = false;
    for (size_t i = 0; i < r->from->column_count; i++) {
        nullable |= r->from->table->columns[r->from->columns[i]].def.nullable;
    }
    return !nullable;
}

/* The rows of a single hop without conditions are not walked: their list knows its count. Nor are those of one from which each leads to
 * exactly one target: entries of links are as many as the links. */
static bool
is_counted(const sn_path *p, bool distinct)
{
    bool counted = sn__hop_is_plain(&p->hops[0]) && (p->n == 1 || !distinct);
    for (size_t i = 1; i < p->n && counted; i++) {
        counted = is_total(&p->hops[i]);
    }
    return counted;
}

static size_t
plain_count(const sn__hop *h, sn_row from)
{
    sn_row one;
    return sn__hop_rows(h, from, &one).count;
}

sn_status
sn__path_tally(size_t *out, const sn_path *p, sn_row from, bool distinct, size_t stop_at)
{
    count_visit v = {.visit = {.at = visit_count, .stop = stop_at == 0}, .stop_at = stop_at};
    walk w = {.path = p, .visit = &v.visit, .counted = &v.n, .stop_at = stop_at};
    bool counted = is_counted(p, distinct);
    if (counted) {
        v.n = plain_count(&p->hops[0], from);
    } else if (p->sweeps && stop_at == SIZE_MAX) {
        return sn__path_sweep_count(out, p, from, distinct);
    }
    sn_status status = counted ? SN_OK : run_walk(&w, from, distinct);
    *out = v.n < stop_at ? v.n : stop_at;
    return status;
}
