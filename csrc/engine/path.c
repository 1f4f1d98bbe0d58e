/*
 * path.c - relations as hops in sequence: compiling them, and the operations on them.
 *
 * A hop along a reference goes forward (from a referring row, through its foreign key and the unique index of the other table, to at
 * most one row) or backward (from a row, through its key and the index over the foreign key, to the rows that refer to it, in order of
 * arrival). A hop along paths takes the targets of one, of one again and again, or of several as a set (hops.c). The where, order,
 * offset and limit of either apply to the rows of that step from one row; a union may have a where and an order for each of its paths.
 * A single step takes the first.
 *
 * Each target once. A row has one parent by a given reference, so going backward from distinct rows gives distinct rows: such a hop
 * *spreads*, and so does a hop along a path of such hops. Any other hop after a to-many step, and a hop along a path that does not give each
 * target once by itself, can arrive somewhere twice: it is a joint, which has a set of the rows met while a walk wants them distinct.
 *
 * Costs: contains O(1) for one hop along a reference without offset and limit; the rest is in walk.c and back.c.
 */
#include "path.h"

#include "getter.h"
#include "reference.h"
#include "rows.h"

#include <assert.h>
#include <string.h>

/* ---------------------------------------------------------------- compiling */

static bool
where_fits(const sn_hop_def *def, sn_node where, const sn_table *to)
{
    return where == SN_NO_NODE || sn__expr_fits(def->expr, where, true, to);
}

static bool
order_fits(const sn_hop_def *def, const sn_order *order, const sn_table *to)
{
    for (size_t i = 0; i < def->order_len; i++) {
        if (!sn__order_fits(def->expr, &order[i], to)) {
            return false;
        }
    }
    return true;
}

/* Whether rows sorted by the one can be sorted among rows sorted by the other. */
static bool
orders_agree(const sn_hop_def *def, const sn_order *a, const sn_order *b)
{
    for (size_t i = 0; i < def->order_len; i++) {
        if (sn__term_at(def->expr, a[i].value)->type != sn__term_at(def->expr, b[i].value)->type
            || a[i].descending != b[i].descending || a[i].nulls_first != b[i].nulls_first) {
            return false;
        }
    }
    return true;
}

static bool
ways_fit(const sn_hop_def *def, const sn_table *to)
{
    for (size_t k = 0; k < def->path_count; k++) {
        const sn_way *way = &def->ways[k];
        if (!where_fits(def, way->where, to) || !order_fits(def, way->order, to)
            || !orders_agree(def, def->ways[0].order, way->order)) {
            return false;
        }
    }
    return true;
}

static bool
hop_fits(const sn_hop_def *def, const sn_table *to)
{
    return where_fits(def, def->where, to) && (def->ways ? ways_fit(def, to) : order_fits(def, def->order, to));
}

static void
note_node(sn_path *p, const sn_expr *e, sn_node node)
{
    const sn__term *t = sn__term_at(e, node);
    p->timed |= e->timed;
    p->height = t->height + 1u > p->height ? (uint16_t)(t->height + 1u) : p->height;
    p->nesting = t->nesting > p->nesting ? t->nesting : p->nesting;
}

static void
note_path(sn_path *p, const sn_path *inner)
{
    p->timed |= inner->timed;
    p->height = inner->height + 1u > p->height ? (uint16_t)(inner->height + 1u) : p->height;
    p->nesting = inner->nesting > p->nesting ? inner->nesting : p->nesting;
}

/* Where ways that lead on end. False if they do not go together. */
static bool
find_onward(sn__hop *h, const sn_hop_def *def)
{
    bool on = def->ways && def->ways[0].onward;
    h->to = on ? sn_path_to(def->ways[0].onward) : h->to;
    for (size_t k = 0; def->ways && k < def->path_count; k++) {
        const sn_path *onward = def->ways[k].onward;
        if ((onward != NULL) != on || (on && (sn_path_from(onward) != h->via || sn_path_to(onward) != h->to))) {
            return false;
        }
    }
    return !on || def->where == SN_NO_NODE;
}

/* Where the hop starts and ends. False if its paths do not go together. */
static bool
find_ends(sn__hop *h, const sn_hop_def *def)
{
    if (def->kind == SN_HOP_REFERENCE) {
        const sn_table *from = def->reference->from->table, *to = def->reference->to->table;
        h->from = def->backward ? to : from;
        h->to = h->via = def->backward ? from : to;
        return true;
    }
    bool one = def->kind == SN_HOP_THROUGH || def->kind == SN_HOP_RECURSIVE;
    if (def->path_count == 0 || (one && def->path_count > 1) || (def->ways && def->kind != SN_HOP_UNION)) {
        return false;
    }
    h->from = sn_path_from(def->paths[0]);
    h->to = h->via = sn_path_to(def->paths[0]);
    for (size_t i = 1; i < def->path_count; i++) {
        if (sn_path_from(def->paths[i]) != h->from || sn_path_to(def->paths[i]) != h->to) {
            return false;
        }
    }
    return find_onward(h, def) && (def->kind != SN_HOP_RECURSIVE || h->from == h->to);
}

/* What the kind of a hop says of its rows, before offset and limit. */
typedef struct nature {
    bool to_one;
    bool one_each; /* its ways, if it has any, lead on to one from each of its rows */
    bool spreads;
    bool distinct; /* each row once, from one row */
    bool invertible;
} nature;

static nature
nature_of(const sn_hop_def *def)
{
    if (def->kind == SN_HOP_REFERENCE) {
        bool one_to_one = !def->backward || def->reference->from->kind == SN_INDEX_UNIQUE;
        return (nature){one_to_one, true, def->backward, true, true};
    }
    nature all = {false, true, false, true, def->kind != SN_HOP_INTERSECTION && def->kind != SN_HOP_DIFFERENCE};
    for (size_t i = 0; i < def->path_count; i++) {
        const sn_path *onward = def->ways ? def->ways[i].onward : NULL;
        all.invertible &= def->paths[i]->invertible && (!onward || onward->invertible);
        all.one_each &= !onward || onward->single;
        all.distinct &= !onward;
    }
    if (def->kind == SN_HOP_THROUGH) {
        all.to_one = def->paths[0]->single;
        all.spreads = def->paths[0]->spreads;
        all.distinct = def->paths[0]->distinct || def->paths[0]->joints == 0;
    }
    return all;
}

/* The parts of the path's block behind its hops. */
typedef struct tail {
    const sn_path **paths;
    sn_way *ways;
    sn_order *order;
} tail;

static void
take_where(sn_path *p, const sn_hop_def *def, sn_node where)
{
    if (where != SN_NO_NODE) {
        note_node(p, def->expr, where);
    }
}

static const sn_order *
take_order(sn_path *p, const sn_hop_def *def, const sn_order *order, tail *t)
{
    const sn_order *taken = t->order;
    for (size_t i = 0; i < def->order_len; i++) {
        note_node(p, def->expr, order[i].value);
        *t->order++ = order[i];
    }
    return taken;
}

static const sn_way *
take_ways(sn_path *p, const sn_hop_def *def, tail *t)
{
    const sn_way *taken = t->ways;
    for (size_t k = 0; k < def->path_count; k++) {
        const sn_way *way = &def->ways[k];
        take_where(p, def, way->where);
        *t->ways++ = (sn_way){way->where, take_order(p, def, way->order, t), way->onward};
        if (way->onward) {
            note_path(p, way->onward);
        }
    }
    return taken;
}

static void
take_parts(sn_path *p, sn__hop *h, const sn_hop_def *def, tail *t)
{
    h->paths = t->paths;
    h->path_count = def->kind == SN_HOP_REFERENCE ? 0 : def->path_count;
    for (size_t i = 0; i < h->path_count; i++) {
        note_path(p, def->paths[i]);
        *t->paths++ = def->paths[i];
    }
    take_where(p, def, def->where);
    h->ways = def->ways ? take_ways(p, def, t) : NULL;
    h->order = def->ways ? NULL : take_order(p, def, def->order, t);
}

static bool
hop_belongs(const sn_path *p, const sn_hop_def *def, const sn__hop *h)
{
    for (size_t i = 0; i < h->path_count; i++) {
        if (h->paths[i]->db != p->db) {
            return false;
        }
    }
    return h->from->db == p->db && (p->n == 0 || h->from == (h - 1)->to) && hop_fits(def, h->via);
}

/* Compiles one hop behind those that are there. */
static sn_status
add_hop(sn_path *p, const sn_hop_def *def, tail *t)
{
    sn__hop *h = &p->hops[p->n];
    *h = (sn__hop){.reference = def->kind == SN_HOP_REFERENCE ? def->reference : NULL,
                   .expr = def->expr,
                   .where = def->where,
                   .order_len = def->order_len,
                   .offset = def->offset,
                   .limit = def->single && def->limit > 1 ? 1 : def->limit,
                   .kind = (uint8_t)def->kind,
                   .backward = def->backward};
    if (!find_ends(h, def)) {
        return SN_MISUSE;
    }
    take_parts(p, h, def, t);
    if (!hop_belongs(p, def, h)) {
        return SN_MISUSE;
    }
    nature n = nature_of(def);
    bool twice = !n.distinct || (!n.spreads && !p->single);
    h->to_one = n.to_one || (h->limit <= 1 && n.one_each);
    h->joint = twice ? p->joints++ : SN__NO_JOINT;
    p->single &= h->to_one;
    p->spreads &= n.spreads && n.distinct;
    p->invertible &= n.invertible && h->offset == 0 && (h->limit == SIZE_MAX || (h->limit == 1 && n.to_one));
    p->n++;
    return p->height > SN_MAX_HEIGHT || p->nesting >= SN_MAX_NESTING ? SN_LIMIT : SN_OK;
}

static size_t
block_size(const sn_hop_def *hops, size_t n, size_t *paths, size_t *ways)
{
    size_t size = sizeof(sn_path) + n * sizeof(sn__hop);
    *paths = *ways = 0;
    for (size_t i = 0; i < n; i++) {
        size_t several = hops[i].ways ? hops[i].path_count : 0;
        size += (several ? several : 1) * hops[i].order_len * sizeof(sn_order);
        *paths += hops[i].kind == SN_HOP_REFERENCE ? 0 : hops[i].path_count;
        *ways += several;
    }
    return size + *paths * sizeof(sn_path *) + *ways * sizeof(sn_way);
}

sn_status
sn_path_new(sn_path **out, sn_db *db, const sn_hop_def *hops, size_t n, bool distinct)
{
    if (n == 0 || n > SN_MAX_HOPS) {
        return sn__failed(db, n == 0 ? SN_MISUSE : SN_LIMIT);
    }
    size_t paths, ways, size = block_size(hops, n, &paths, &ways);
    sn_path *p = sn_mem_zero(&db->mem, size);
    if (!p) {
        return sn__failed(db, SN_NOMEM);
    }
    *p = (sn_path){.db = db, .size = size, .distinct = distinct, .single = true, .spreads = true, .invertible = true};
    tail t = {.paths = (const sn_path **)(void *)(p->hops + n)};
    t.ways = (sn_way *)(void *)(t.paths + paths);
    t.order = (sn_order *)(void *)(t.ways + ways);
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = add_hop(p, &hops[i], &t);
    }
    if (status) {
        sn_path_free(p);
        return sn__failed(db, status);
    }
    p->sweeps = sn__path_sweeps(p);
    p->places = sn__path_reach(p).places;
    *out = p;
    return SN_OK;
}

void
sn_path_free(sn_path *p)
{
    p->freed = true;
    sn__path_unused(p);
}

void
sn__path_unused(sn_path *p)
{
    if (p->freed && p->uses == 0)
        sn_mem_free(&p->db->mem, p, p->size);
}

void
sn_path_set_tag(sn_path *p, void *tag)
{
    p->tag = tag;
}

const sn_table *
sn_path_from(const sn_path *p)
{
    return p->hops[0].from;
}

const sn_table *
sn_path_to(const sn_path *p)
{
    return p->hops[p->n - 1].to;
}

bool
sn_path_single(const sn_path *p)
{
    return p->single;
}

bool
sn_path_timed(const sn_path *p)
{
    return p->timed;
}

/* ---------------------------------------------------------------- from one row */

static sn_status
stale(const sn_path *p, const sn_table *t, sn_row row)
{
    return sn__fail(p->db, (sn_error){.status = SN_STALE, .table = t, .row = row, .other = SN_NO_ROW});
}

static sn_status
check_from(const sn_path *p, sn_row row)
{
    const sn_table *t = sn_path_from(p);
    return sn__stored(t, row) ? SN_OK : stale(p, t, row);
}

static sn_status
check_target(const sn_path *p, sn_row row)
{
    const sn_table *t = sn_path_to(p);
    return sn__alive(t, row) ? SN_OK : stale(p, t, row);
}

sn_status
sn_path_first(sn_row *out, const sn_path *p, sn_row from)
{
    sn_status status = check_from(p, from);
    return status ? status : sn__failed(p->db, sn__path_first(out, p, from));
}

typedef struct collect_visit {
    sn__visit visit;
    sn_db *db;
    sn_rows *rows;
} collect_visit;

static sn_status
visit_collect(sn__visit *visit, sn_row row)
{
    collect_visit *v = (collect_visit *)visit;
    return sn_rows_push(v->db, v->rows, row);
}

static sn_status
append_targets(sn_rows *out, const sn_path *p, sn_row from)
{
    if (p->n == 1 && sn__hop_is_plain(&p->hops[0]) && p->hops[0].order_len == 0) {
        sn_row one;
        return sn__rows_append(p->db, out, sn__hop_rows(&p->hops[0], from, &one));
    }
    size_t before = out->n;
    if (p->sweeps) {
        return sn__path_sweep(out, p, from, p->distinct);
    }
    collect_visit v = {.visit = {.at = visit_collect}, .db = p->db, .rows = out};
    sn_status status = sn__path_walk(p, from, p->distinct, &v.visit);
    out->n = status ? before : out->n;
    return status;
}

sn_status
sn_path_each(sn_rows *out, const sn_path *p, sn_row from)
{
    sn_status status = check_from(p, from);
    return status ? status : sn__failed(p->db, append_targets(out, p, from));
}

sn_status
sn_path_count(size_t *out, const sn_path *p, sn_row from, size_t stop_at)
{
    sn_status status = check_from(p, from);
    return status ? status : sn__failed(p->db, sn__path_tally(out, p, from, p->distinct, stop_at));
}

/* One hop without a limit leads to the target exactly when the foreign key on one side is the key on the other. */
static sn_status
hop_contains(bool *out, const sn__hop *h, sn_row from, sn_row target)
{
    const sn_reference *r = h->reference;
    sn_word foreign[SN_MAX_KEY], key[SN_MAX_KEY];
    bool keys = sn__reference_target(foreign, r, h->backward ? target : from)
                && sn__row_key(key, r->to, h->backward ? from : target);
    if (!keys || memcmp(foreign, key, r->to->column_count * sizeof *key) != 0) {
        *out = false;
        return SN_OK;
    }
    return sn__hop_holds(out, h, target);
}

sn_status
sn_path_contains(bool *out, const sn_path *p, sn_row from, sn_row target)
{
    sn_status status = check_from(p, from);
    status = status ? status : check_target(p, target);
    if (status) {
        return status;
    }
    if (p->n == 1 && p->hops[0].kind == SN_HOP_REFERENCE && !sn__hop_is_cut(&p->hops[0])) {
        return sn__failed(p->db, hop_contains(out, &p->hops[0], from, target));
    }
    return sn__failed(p->db, sn__path_find(out, p, from, target));
}

/* ---------------------------------------------------------------- how far away */

/* Appends the level of each of the rows, which are among those reached. */
static sn_status
append_levels(sn_rows *levels, sn_db *db, const sn_rows *reached, const sn_rows *level, const sn_rows *rows)
{
    sn__places p;
    sn_status status = sn__places_init(&p, db, reached, reached->n);
    status = status ? status : sn_rows_reserve(db, levels, rows->n);
    for (size_t i = 0; i < rows->n && status == SN_OK; i++) {
        levels->rows[levels->n++] = level->rows[*sn__place_of(&p, rows->rows[i]) - 1];
    }
    sn__places_free(db, &p);
    return status;
}

sn_status
sn_path_levels(sn_rows *out, sn_rows *levels, const sn_path *p, sn_row from)
{
    sn_rows reached = {0}, level = {0};
    size_t before = out->n;
    if (p->n != 1 || p->hops[0].kind != SN_HOP_RECURSIVE) {
        return sn__failed(p->db, SN_MISUSE);
    }
    sn_status status = check_from(p, from);
    status = status ? status : sn__hop_levels(&reached, &level, &p->hops[0], p->db, from);
    status = status ? status : append_targets(out, p, from);
    if (status == SN_OK) {
        size_t found = out->n - before;
        sn_rows rows = {found > 0 ? out->rows + before : NULL, found, 0};
        status = append_levels(levels, p->db, &reached, &level, &rows);
    }
    out->n = status ? before : out->n;
    sn_rows_free(p->db, &reached);
    sn_rows_free(p->db, &level);
    return sn__failed(p->db, status);
}

/* ---------------------------------------------------------------- from many rows */

sn_status
sn_path_expand(sn_rows *out, size_t *offsets, const sn_path *p, const sn_row *from, size_t n)
{
    size_t before = out->n;
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        offsets[i] = out->n;
        status = check_from(p, from[i]);
        status = status ? status : sn__failed(p->db, append_targets(out, p, from[i]));
    }
    offsets[n] = out->n;
    out->n = status ? before : out->n;
    return status;
}

sn_status
sn_path_semijoin(sn_rows *out, const sn_path *p, const sn_row *targets, size_t n)
{
    if (!p->invertible) {
        return sn__failed(p->db, SN_MISUSE);
    }
    sn_rows rows = {0};
    sn_status status = sn_rows_reserve(p->db, &rows, n);
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        status = check_target(p, targets[i]);
        rows.rows[rows.n++] = targets[i];
    }
    status = status ? status : sn__path_back(&rows, p);
    status = status ? status : sn_rows_reserve(p->db, out, rows.n);
    if (status == SN_OK && rows.n > 0) {
        memcpy(out->rows + out->n, rows.rows, rows.n * sizeof *rows.rows);
        out->n += rows.n;
    }
    sn_rows_free(p->db, &rows);
    return sn__failed(p->db, status);
}
