/*
 * verify.c - whether a value is still right, after Salsa's red-green algorithm (salsa-rs.github.io/salsa, "The red-green algorithm").
 *
 * A value is right if each of its reads, in order, gives what it gave. A read of a getter is asked by bringing that getter's value up to
 * date first, its function being run only when all reads before it are the same; if its value comes out the same, it has not changed.
 * What is being looked at is a list of levels instead of a recursion, so a chain of any length costs heap and no stack. Whatever has to
 * run code of the host's, or to compare objects of its, is handed out as a step, and the next call goes on from there.
 *
 * Between two steps anything may happen: levels hold getters and rows, and the number of the value that was looked at; one that is no
 * longer there is looked at from the beginning. Rows keep their numbers meanwhile. A getter is taken for up to date when it has been
 * verified since the level that reads it began.
 */
#include "getter.h"

#include <string.h>

static sn_verify_level *
top(const sn_verify *v)
{
    return &v->levels[v->n - 1];
}

/* False: no memory, or the getters read each other in a circle, which only functions that have met another thread's writes can: more
 * levels than values. The function that closes it is then run, and meets it. */
static bool
push(sn_verify *v, sn_getter *g, sn_row row)
{
    if (v->n > v->db->values)
        return false;
    if (v->n == v->cap && v->levels == v->few) {
        sn_verify_level *levels = sn_mem_new(&v->db->mem, 2 * v->cap * sizeof *levels);
        if (!levels)
            return false;
        memcpy(levels, v->few, sizeof v->few);
        v->levels = levels;
        v->cap *= 2;
    } else if (sn_mem_grow(&v->db->mem, &v->levels, &v->cap, v->n + 1, sizeof *v->levels) != SN_OK) {
        return false;
    }
    v->levels[v->n++] = (sn_verify_level){.getter = g, .row = row, .start = v->db->revision};
    return true;
}

/* ---------------------------------------------------------------- one level */

typedef enum look {
    LOOK_SAME,    /* the read gives the same */
    LOOK_CHANGED, /* it does not */
    LOOK_DEEPER,  /* the getter that it is of has to be looked at first */
    LOOK_COMPARE, /* the host has to compare the values */
} look;

static look
look_at_getter(sn_verify *v, const sn__read *r, const sn__value *reader)
{
    sn_verify_level *level = top(v);
    sn__value *read = sn__value_at(r->on.getter, r->row);
    bool told = v->compared && read && v->was == r->was.value && v->is == read->handle;
    v->compared = false;
    bool right = read && (sn__value_holds(read, v->db) || (read->verified >= level->start && !read->flags));
    if (!sn__stored(r->on.getter->table, r->row) || (!right && level->ran))
        return LOOK_CHANGED;
    if (!right)
        return LOOK_DEEPER;
    level->ran = false;
    if (read->expired > reader->verified)
        return LOOK_CHANGED;
    if (read->handle == r->was.value)
        return LOOK_SAME;
    if (told)
        return v->same ? LOOK_SAME : LOOK_CHANGED;
    v->was = r->was.value;
    v->is = read->handle;
    return LOOK_COMPARE;
}

/* The signature and the time of what has been found right, those of the getters read as they are now: of a derived value. */
static void
take_over(sn__value *value, sn_db *db)
{
    int64_t low = INT64_MIN, high = INT64_MAX;
    for (size_t i = 0; i < value->n; i++) {
        const sn__read *r = &value->reads[i];
        const sn__value *read = r->kind == SN_READ_GETTER ? sn__value_at(r->on.getter, r->row) : NULL;
        if (r->kind == SN_READ_TIME || read) {
            int64_t from = read ? read->low : r->was.time.low, until = read ? read->high : r->was.time.high;
            low = from > low ? from : low;
            high = until < high ? until : high;
        }
        if (read) {
            value->signature.places |= read->signature.places;
            value->signature.cells |= read->signature.cells;
        }
    }
    sn__value_set_time(value, db, low, high);
}

/* Nobody has written the cell that was read: known without looking at the cell, which may lie anywhere. */
static inline bool
is_untouched(const sn__read *r, sn_trace since)
{
    return r->kind == SN_READ_CELL && !(sn__cell_bit(r->on.table, r->row, r->col) & since.cells);
}

/* Looks at the value's reads from the level's next on. SAME: all of them are. */
static look
look_at_reads(sn_verify *v, const sn__value *value)
{
    sn_verify_level *level = top(v);
    const sn_trace since = sn__traces_since(v->db, value->verified);
    for (; level->next < value->n; level->next++) {
        const sn__read *r = &value->reads[level->next];
        look found = LOOK_SAME;
        if (r->kind == SN_READ_GETTER)
            found = look_at_getter(v, r, value);
        else if (!is_untouched(r, since) && !sn__read_same(r, v->db, value->verified))
            found = LOOK_CHANGED;
        if (found != LOOK_SAME)
            return found;
    }
    return LOOK_SAME;
}

/* The level's value, its reads being looked at from the first if it is another one than before; NULL if it has to be computed anyway. */
static sn__value *
value_of(const sn_verify *v)
{
    sn_verify_level *level = top(v);
    sn__value *value = sn__value_at(level->getter, level->row);
    if (!value || (value->flags & (SN__VALUE_ONCE | SN__VALUE_EXPIRED)))
        return NULL;
    if (value->number != level->number) {
        level->number = value->number;
        level->next = 0;
        level->ran = false;
        level->start = v->db->revision;
    }
    return value;
}

/* ---------------------------------------------------------------- the list of work */

/* The topmost value is right. */
static void
settle(sn_verify *v, sn__value *value)
{
    if (value->derived)
        take_over(value, v->db);
    value->verified = top(v)->start;
    top(v)->getter->counts.verified++;
    v->n--;
}

/* Goes back to the value that reads the topmost one, of which nothing can be found out any more by looking. False: there is none. */
static bool
leave(sn_verify *v)
{
    if (v->n == 1)
        return false;
    v->n--;
    top(v)->ran = true;
    return true;
}

/* The topmost value has to be computed: by the host at once, or, the last of all, by whoever wants it. */
static sn_step
want(sn_verify *v)
{
    v->run = top(v)->getter;
    v->run_row = top(v)->row;
    return leave(v) ? SN_STEP_RUN : SN_STEP_WRONG;
}

static void
begin(sn_verify *v)
{
    v->db = v->getter->table->db;
    v->schema = v->db->schema;
    v->levels = v->few;
    v->cap = SN_VERIFY_FEW;
    v->few[v->n++] = (sn_verify_level){.getter = v->getter, .row = v->row, .start = v->db->revision};
    sn_db_pin(v->db);
}

sn_step
sn_verify_next(sn_verify *v)
{
    if (!v->db)
        begin(v);
    while (v->n > 0) {
        if (v->schema != v->db->schema)
            return SN_STEP_WRONG;
        if (!sn__stored(top(v)->getter->table, top(v)->row)) { /* by now: there is nothing to run a function for */
            if (leave(v))
                continue;
            return SN_STEP_WRONG;
        }
        sn__value *value = value_of(v);
        if (value && sn__value_holds(value, v->db)) {
            v->n--;
            continue;
        }
        look found = value ? look_at_reads(v, value) : LOOK_CHANGED;
        const sn__read *r = found == LOOK_DEEPER ? &value->reads[top(v)->next] : NULL;
        if (found == LOOK_SAME)
            settle(v, value);
        else if (found == LOOK_COMPARE)
            v->compared = true;
        else if (!r || !push(v, r->on.getter, r->row))
            return want(v);
        if (found == LOOK_COMPARE)
            return SN_STEP_COMPARE;
    }
    return SN_STEP_RIGHT;
}

void
sn_verify_end(sn_verify *v)
{
    if (!v->db)
        return;
    sn_db_unpin(v->db);
    if (v->levels != v->few)
        sn_mem_free(&v->db->mem, v->levels, v->cap * sizeof *v->levels);
}
