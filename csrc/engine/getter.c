/*
 * getter.c - getters, and the values of their rows.
 *
 * A getter has a directory of blocks of pointers by row, as handles have: rows without a value cost nothing. A value that nobody needs
 * goes to the chain db->dead_values with all that its reads own, from where the host takes the handles one at a time; so a value can
 * die wherever a row does, without memory.
 *
 * Cost: a hit is two loads and a comparison; a row's death one look for each getter of its table; a compaction looks at every read of
 * every value, as each may be about a row that moves.
 */
#include "getter.h"

#include <string.h>

/* ---------------------------------------------------------------- making and dropping */

sn_status
sn_getter_new(sn_getter **out, sn_table *t, void *tag)
{
    sn_db *db = t->db;
    sn_getter *g = sn_mem_zero(&db->mem, sizeof *g);
    if (!g)
        return sn__fail_status(db, SN_NOMEM);
    g->table = t;
    g->tag = tag;
    g->next = t->getters;
    t->getters = g;
    *out = g;
    return SN_OK;
}

static void
free_getter(sn_getter *g)
{
    sn_mem *mem = &g->table->db->mem;
    for (size_t b = 0; b < g->block_cap; b++)
        sn_mem_free(mem, g->blocks[b], SN__VALUE_ROWS * sizeof *g->blocks[b]);
    sn_mem_free(mem, g->blocks, g->block_cap * sizeof *g->blocks);
    sn_mem_free(mem, g, sizeof *g);
}

void
sn__getters_free(sn_table *t)
{
    while (t->getters) {
        sn_getter *g = t->getters;
        t->getters = g->next;
        free_getter(g);
    }
}

void
sn_getter_drop(sn_getter *g)
{
    sn_getter **link = &g->table->getters;
    sn__schema_changes(g->table->db);
    while (*link != g)
        link = &(*link)->next;
    *link = g->next;
    free_getter(g);
}

void *
sn_getter_tag(const sn_getter *g)
{
    return g->tag;
}

sn_table *
sn_getter_table(const sn_getter *g)
{
    return g->table;
}

sn_getter_counts
sn_getter_counts_of(const sn_getter *g)
{
    return g->counts;
}

/* ---------------------------------------------------------------- places of values */

bool
sn__value_reserve(sn_getter *g, sn_row row)
{
    sn_mem *mem = &g->table->db->mem;
    size_t block = row >> SN__VALUE_SHIFT, before = g->block_cap;
    if (sn_mem_grow(mem, &g->blocks, &g->block_cap, block + 1, sizeof *g->blocks) != SN_OK)
        return false;
    memset(g->blocks + before, 0, (g->block_cap - before) * sizeof *g->blocks);
    if (!g->blocks[block])
        g->blocks[block] = sn_mem_zero(mem, SN__VALUE_ROWS * sizeof *g->blocks[block]);
    return g->blocks[block] != NULL;
}

/* Memory of a value, for the counts. */
static size_t
size_of(const sn__value *v)
{
    return sn__value_size(v->cap);
}

static void
count_value(sn_getter *g, const sn__value *v, bool there)
{
    g->counts.values = there ? g->counts.values + 1 : g->counts.values - 1;
    g->counts.bytes = there ? g->counts.bytes + size_of(v) : g->counts.bytes - size_of(v);
    g->containers = there ? g->containers + v->containers : g->containers - v->containers;
    g->table->db->values = there ? g->table->db->values + 1 : g->table->db->values - 1;
    if (v->flags & SN__VALUE_TIMED)
        g->table->db->timed = there ? g->table->db->timed + 1 : g->table->db->timed - 1;
}

/* Where the value of the row is; there is a place for one. */
static sn__value **
place_of(const sn_getter *g, sn_row row)
{
    return &g->blocks[row >> SN__VALUE_SHIFT][row & (SN__VALUE_ROWS - 1)];
}

void
sn__value_put(sn_getter *g, sn_row row, sn__value *v)
{
    sn__value **place = place_of(g, row), *previous = *place;
    if (previous)
        count_value(g, previous, false);
    if (v) {
        v->number = ++g->table->db->value_numbers;
        count_value(g, v, true);
    }
    *place = v;
    if (previous)
        sn__value_die(g->table->db, previous);
}

/* ---------------------------------------------------------------- death */

void
sn__value_die(sn_db *db, sn__value *v)
{
    v->next = db->dead_values;
    db->dead_values = v;
}

/* The next handle that the dead value owns, or NULL when it owns nothing any more. */
static void *
take_handle(sn__value *v, sn_db *db)
{
    void *handle = v->handle;
    v->handle = NULL;
    while (!handle && v->n > 0)
        handle = sn__read_take(&v->reads[--v->n], db);
    return handle;
}

void *
sn__dead_value_pop(sn_db *db)
{
    while (db->dead_values) {
        sn__value *v = db->dead_values;
        void *handle = take_handle(v, db);
        if (handle)
            return handle;
        db->dead_values = v->next;
        sn_mem_free(&db->mem, v, size_of(v));
    }
    return NULL;
}

void
sn__values_of_row_die_now(sn_table *t, sn_row row)
{
    for (sn_getter *g = t->getters; g; g = g->next) {
        if (sn__value_at(g, row))
            sn__value_put(g, row, NULL);
    }
}

void
sn__value_set_time(sn__value *v, sn_db *db, int64_t low, int64_t high)
{
    bool timed = low != INT64_MIN || high != INT64_MAX;
    db->timed -= v->flags & SN__VALUE_TIMED ? 1 : 0;
    db->timed += timed;
    v->flags = (uint8_t)(timed ? v->flags | SN__VALUE_TIMED : v->flags & ~SN__VALUE_TIMED);
    v->low = low;
    v->high = high;
}

typedef void (*value_fn)(sn_getter *g, sn_row row, void *arg);

/* Calls for each value that there is. */
static void
each_value(sn_getter *g, value_fn fn, void *arg)
{
    for (size_t b = 0; b < g->block_cap; b++) {
        for (sn_row i = 0; g->blocks[b] && i < SN__VALUE_ROWS; i++) {
            if (g->blocks[b][i])
                fn(g, (sn_row)(b << SN__VALUE_SHIFT) + i, arg);
        }
    }
}

static void
each_value_of_all(const sn_db *db, value_fn fn, void *arg)
{
    for (sn_table *t = db->tables; t; t = t->next) {
        for (sn_getter *g = t->getters; g; g = g->next)
            each_value(g, fn, arg);
    }
}

static void
value_dies(sn_getter *g, sn_row row, void *arg)
{
    (void)arg;
    sn__value_put(g, row, NULL);
}

void
sn__values_forget(sn_db *db)
{
    if (db->values > 0)
        each_value_of_all(db, value_dies, NULL);
}

void
sn__schema_changes(sn_db *db)
{
    db->schema++;
    sn__values_forget(db);
    sn__revise_all(db);
}

void
sn_db_forget(sn_db *db)
{
    sn__schema_changes(db);
}

/* ---------------------------------------------------------------- compaction */

typedef struct follow {
    const sn_table *table;
    const sn_row *map;
    sn_row positions;
} follow;

static void
reads_follow(sn_getter *g, sn_row row, void *arg)
{
    const follow *f = arg;
    sn__value *v = sn__value_at(g, row);
    assert(v != NULL);
    for (size_t i = 0; i < v->n; i++) {
        sn__read_follow(&v->reads[i], f->table, f->map, f->positions);
        v->signature.cells |= sn__read_signature(&v->reads[i]).cells;
    }
}

/* Rows move down, in ascending order, so the place is free. */
static void
value_follows(sn_getter *g, sn_row row, void *arg)
{
    const follow *f = arg;
    sn_row to = f->map[row];
    if (to == row)
        return;
    if (to == SN_NO_ROW || !sn__value_reserve(g, to)) {
        sn__value_put(g, row, NULL);
        return;
    }
    *place_of(g, to) = *place_of(g, row);
    *place_of(g, row) = NULL;
}

void
sn__values_follow(sn_table *t, const sn_row *map, sn_row old_positions)
{
    follow f = {t, map, old_positions};
    for (sn_getter *g = t->getters; g; g = g->next)
        each_value(g, value_follows, &f);
    each_value_of_all(t->db, reads_follow, &f);
}

/* ---------------------------------------------------------------- values, as the host asks for them */

bool
sn_db_timed(const sn_db *db)
{
    return db->timed > 0;
}

void
sn_db_set_now(sn_db *db, int64_t now)
{
    db->now = now;
}

void *
sn_getter_hit(sn_getter *g, sn_row row)
{
    sn__value *v = sn__value_at(g, row);
    if (!v || (v->flags & SN__VALUE_TIMED) || !sn__value_holds(v, g->table->db))
        return NULL;
    g->counts.hits++;
    return v->handle;
}

void *
sn_getter_value(const sn_getter *g, sn_row row)
{
    const sn__value *v = sn__value_at(g, row);
    return v ? v->handle : NULL;
}

void *
sn_getter_found(sn_getter *g, sn_row row)
{
    g->counts.hits++;
    return sn_getter_value(g, row);
}

bool
sn_getter_expire(sn_getter *g, sn_row row)
{
    sn_db *db = g->table->db;
    sn__value *v = sn__value_at(g, row);
    if (!v)
        return false;
    sn__revise_all(db);
    v->flags |= SN__VALUE_EXPIRED;
    v->expired = db->revision;
    return true;
}

/* The walk's next value, from its row on; NULL when the getter has no more. */
static const sn__value *
next_value(sn_container_walk *w)
{
    const sn_getter *g = w->getter;
    size_t end = g->containers > 0 ? g->block_cap << SN__VALUE_SHIFT : 0;
    for (; w->row < end; w->row++) {
        if (!g->blocks[w->row >> SN__VALUE_SHIFT]) {
            w->row |= SN__VALUE_ROWS - 1;
            continue;
        }
        const sn__value *v = sn__value_at(g, w->row);
        if (v && v->containers)
            return v;
    }
    return NULL;
}

/* The next handle of a value, from w->next on. */
static void *
next_of_value(const sn__value *v, sn_container_walk *w)
{
    if (w->next == 0) {
        w->next = 1;
        if (v->handle && v->container)
            return v->handle;
    }
    while (w->next <= v->n) {
        const sn__read *r = &v->reads[w->next++ - 1];
        if (r->owns == SN__OWNS_CONTAINER)
            return sn__read_handle(r);
    }
    return NULL;
}

static void *
next_of_getter(sn_container_walk *w)
{
    const sn__value *v;
    while ((v = next_value(w)) != NULL) {
        void *handle = next_of_value(v, w);
        if (handle)
            return handle;
        w->row++;
        w->next = 0;
    }
    return NULL;
}

/* Goes on to the next getter there is. False: there is none. */
static bool
next_getter(const sn_db *db, sn_container_walk *w)
{
    w->row = 0;
    w->next = 0;
    w->getter = w->getter ? w->getter->next : NULL;
    while (!w->getter) {
        w->table = w->table ? w->table->next : db->tables;
        if (!w->table)
            return false;
        w->getter = w->table->getters;
    }
    return true;
}

void *
sn_db_next_container(const sn_db *db, sn_container_walk *walk)
{
    if (!walk->table && !next_getter(db, walk))
        return NULL;
    for (;;) {
        void *handle = next_of_getter(walk);
        if (handle)
            return handle;
        if (!next_getter(db, walk))
            return NULL;
    }
}

/* ---------------------------------------------------------------- reports */

sn_value_report
sn_getter_report(const sn_getter *g, sn_row row)
{
    sn__value *v = sn__value_at(g, row);
    if (!v)
        return (sn_value_report){0};
    sn_value_report report = {.kept = v->handle != NULL,
                              .once = v->flags & SN__VALUE_ONCE,
                              .expired = v->flags & SN__VALUE_EXPIRED,
                              .computed = v->computed,
                              .verified = v->verified,
                              .timed = v->flags & SN__VALUE_TIMED,
                              .low = v->low,
                              .high = v->high,
                              .reads = v->n};
    report.right = sn__value_holds(v, g->table->db);
    return report;
}

static void
report_place(sn_read_report *out, const sn__read *r)
{
    out->table = r->on.table;
    out->col = r->kind == SN_READ_CELL || r->kind == SN_READ_COLUMN ? r->col : SN_NO_COL;
    if (r->kind != SN_READ_CELL)
        return;
    out->was = r->was.cell;
    out->is = sn__stored(out->table, r->row) ? sn_table_get(out->table, r->row, r->col) : SN_NULL_CELL;
}

static void
report_path(sn_read_report *out, const sn__read *r)
{
    out->tag = r->on.path->freed ? NULL : r->on.path->tag;
    out->table = sn_path_from(r->on.path);
    if (r->kind == SN_READ_FIRST)
        out->target = r->was.target;
    else if (r->kind == SN_READ_CONTAINS)
        out->target = r->was.member.target;
    else
        out->count = r->kind == SN_READ_EACH ? r->was.rows->n : r->was.number.count;
}

static void
report_rest(sn_read_report *out, const sn__read *r)
{
    if (r->kind == SN_READ_TARGET) {
        out->reference = r->on.reference;
        out->table = r->on.reference->from->table;
        out->target = r->was.target;
    } else if (r->kind == SN_READ_PROBE) {
        out->index = r->on.index;
        out->table = r->on.index->table;
        out->target = r->was.probe->found;
    } else if (r->kind == SN_READ_GETTER) {
        out->getter = r->on.getter;
        out->table = r->on.getter->table;
    } else if (r->kind == SN_READ_VALUE) {
        out->watch = r->on.worth->handle;
        out->table = r->on.worth->table;
    } else if (r->kind == SN_READ_TIME) {
        out->low = r->was.time.low;
        out->high = r->was.time.high;
    } else {
        out->watch = r->on.watch->handle;
        out->table = r->on.watch->query.table;
        out->count = r->kind == SN_READ_ROWS ? r->on.watch->rows.n : r->on.watch->count;
    }
}

bool
sn_getter_read_at(sn_read_report *out, const sn_getter *g, sn_row row, size_t i)
{
    sn__value *v = sn__value_at(g, row);
    sn_db *db = g->table->db;
    if (!v || i >= v->n)
        return false;
    const sn__read *r = &v->reads[i];
    *out = (sn_read_report){.kind = (sn_read_kind)r->kind, .row = r->row, .col = SN_NO_COL, .target = SN_NO_ROW};
    if (r->kind == SN_READ_GETTER) {
        sn__value *read = sn__value_at(r->on.getter, r->row);
        out->same = read && read->handle == r->was.value && read->expired <= v->verified && sn__value_holds(read, db);
    } else {
        out->same = sn__read_same(r, db, v->verified);
    }
    if (r->kind == SN_READ_CELL || r->kind == SN_READ_LIFE || r->kind == SN_READ_COLUMN || r->kind == SN_READ_TABLE)
        report_place(out, r);
    else if (r->kind >= SN_READ_FIRST && r->kind <= SN_READ_CONTAINS)
        report_path(out, r);
    else
        report_rest(out, r);
    return true;
}

/* ---------------------------------------------------------------- what the values own */

static size_t
handles_of(const sn__read *reads, size_t n)
{
    size_t handles = 0;
    for (size_t i = 0; i < n; i++)
        handles += sn__read_handle(&reads[i]) != NULL;
    return handles;
}

static void
count_handles(sn_getter *g, sn_row row, void *arg)
{
    const sn__value *v = sn__value_at(g, row);
    assert(v != NULL);
    *(size_t *)arg += (v->handle != NULL) + handles_of(v->reads, v->n);
}

size_t
sn__values_handles(const sn_db *db)
{
    size_t handles = 0;
    each_value_of_all(db, count_handles, &handles);
    for (const sn__value *v = db->dead_values; v; v = v->next)
        handles += (v->handle != NULL) + handles_of(v->reads, v->n);
    for (const sn_frame *f = db->frames; f; f = f->next)
        handles += handles_of(f->value->reads, f->value->n);
    return handles;
}

/* ---------------------------------------------------------------- invariants */

typedef struct sums {
    const sn_db *db;
    sn_getter_counts counts;
    size_t containers, timed;
    const char *broken;
} sums;

static const char *
check_value(const sn_db *db, const sn_getter *g, sn_row row, const sn__value *v)
{
    if (!sn__stored(g->table, row) && db->depth == 0)
        return "getter: a row that is gone has a value";
    if (v->verified > db->revision || v->computed > v->verified || v->expired > db->revision)
        return "getter: a value is of a revision that has not come";
    if (v->n > v->cap || (v->handle && (v->flags & SN__VALUE_ONCE)))
        return "getter: a value keeps what it should not";
    sn_signature s = {0, 0};
    for (size_t i = 0; i < v->n; i++) {
        sn_signature of_read = sn__read_signature(&v->reads[i]);
        s.places |= of_read.places;
        s.cells |= of_read.cells;
    }
    bool covered = !(s.places & ~v->signature.places) && !(s.cells & ~v->signature.cells);
    return covered ? NULL : "getter: a value has read what its signature does not cover";
}

static void
add_value(sn_getter *g, sn_row row, void *arg)
{
    sums *s = arg;
    const sn__value *v = sn__value_at(g, row);
    assert(v != NULL);
    s->counts.values++;
    s->counts.bytes += size_of(v);
    s->containers += v->containers;
    s->timed += v->flags & SN__VALUE_TIMED ? 1 : 0;
    s->broken = s->broken ? s->broken : check_value(s->db, g, row, v);
}

const char *
sn__getters_check(const sn_db *db)
{
    size_t timed = 0, values = 0;
    for (const sn_table *t = db->tables; t; t = t->next) {
        for (sn_getter *g = t->getters; g; g = g->next) {
            sums s = {.db = db};
            each_value(g, add_value, &s);
            timed += s.timed;
            values += s.counts.values;
            if (s.broken)
                return s.broken;
            if (s.counts.values != g->counts.values || s.counts.bytes != g->counts.bytes
                || s.containers != g->containers)
                return "getter: values are miscounted";
        }
    }
    return timed == db->timed && values == db->values ? NULL : "getter: values of all getters are miscounted";
}
