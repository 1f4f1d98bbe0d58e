/*
 * model_delete.c - the naive model: rows that are deleted, parked, and brought back (model.h).
 *
 * What comes back with a row is found as the engine finds it, row by row in the order of tables, because the order of
 * arrival can be seen; how it finds targets is the model's own.
 */
#include <string.h>

#include "host.h"
#include "model.h"

typedef struct work {
    int table[TABLES * MAX_ROWS];
    sn_row row[TABLES * MAX_ROWS];
    size_t n;
} work;

static void
take(model *m, work *w, int table, sn_row row)
{
    m->now.rows[table][row].alive = false;
    w->table[w->n] = table;
    w->row[w->n++] = row;
}

static sn_status
take_aside(model *m, work *w, int table, sn_row row, bool along)
{
    if (m->schema.stamp[table] == SN_NO_COL)
        return SN_MISUSE;
    m->now.rows[table][row].parked = true;
    m->now.rows[table][row].along = along;
    take(m, w, table, row);
    return SN_OK;
}

static sn_status
nullify(model *m, int ref, sn_row row)
{
    const index_spec *from = &m->schema.indexes[references[ref].from];
    sn_col cols[MAX_KEY];
    size_t n = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (model_column(m, from->table, from->cols[i])->nullable)
            cols[n++] = from->cols[i];
    }
    return model_nullify(m, from->table, row, cols, n);
}

/* What follows from the end of a row of the reference's target. */
static sn_status
follow(model *m, work *w, int ref, sn_row row, bool aside)
{
    value key[MAX_KEY];
    sn_row list[MAX_ROWS];
    int from = references[ref].from, table = m->schema.indexes[from].table;
    if (!model_referring_key(m, key, ref, row))
        return SN_OK;
    size_t n = model_list(m, list, from, key);
    if (m->schema.action[ref] == SN_RESTRICT && n > 0) {
        REQUIRE(m->now.death_count < MAX_DEATHS);
        death *d = &m->now.deaths[m->now.death_count++];
        d->ref = ref;
        model_key(m, d->key, references[ref].to, row);
    }
    for (size_t i = 0; i < n; i++) {
        sn_status st = SN_OK;
        if (m->schema.action[ref] == SN_NULLIFY)
            st = nullify(m, ref, list[i]);
        else if (m->schema.action[ref] == SN_CASCADE && aside)
            st = take_aside(m, w, table, list[i], true);
        else if (m->schema.action[ref] == SN_CASCADE)
            take(m, w, table, list[i]);
        if (st != SN_OK)
            return st;
    }
    return SN_OK;
}

static sn_status
follow_all(model *m, work *w, bool nullifying, bool aside)
{
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < m->schema.made_count; k++) {
            int ref = m->schema.in_order[k], to = references[ref].to;
            bool now = (m->schema.action[ref] == SN_NULLIFY) == nullifying;
            if (!now || m->schema.indexes[to].table != w->table[i])
                continue;
            sn_status st = follow(m, w, ref, w->row[i], aside);
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- parked rows that lose what they refer to */

static bool
refers_to_gone(const model *m, const work *w, int ref, sn_row row)
{
    value key[MAX_KEY], gone[MAX_KEY];
    int to = references[ref].to;
    for (size_t i = 0; model_target_key(m, key, ref, row) && i < w->n; i++) {
        if (w->table[i] == m->schema.indexes[to].table && model_key(m, gone, to, w->row[i])
            && model_same_key(m, to, key, gone))
            return true;
    }
    return false;
}

static bool
in_referred_key(const model *m, int table, sn_col col)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        const index_spec *to = &m->schema.indexes[references[ref].to];
        for (size_t i = 0; m->schema.made[ref] && to->table == table && i < to->n; i++) {
            if (to->cols[i] == col)
                return true;
        }
    }
    return false;
}

/* Of the key of a member all or nothing. */
static void
cut_loose(model *m, int ref, sn_row row)
{
    const index_spec *from = &m->schema.indexes[references[ref].from];
    for (size_t i = 0; references[ref].member && i < from->n; i++) {
        if (in_referred_key(m, from->table, from->cols[i]))
            return;
    }
    for (size_t i = 0; i < from->n; i++) {
        sn_col col = from->cols[i];
        if (model_column(m, from->table, col)->nullable && !in_referred_key(m, from->table, col))
            m->now.rows[from->table][row].cells[col] = (value){true, 0};
    }
}

/* Whether there was any. */
static bool
follow_parked(model *m, work *w, sn_on_delete action)
{
    size_t had = w->n;
    for (size_t k = 0; k < m->schema.made_count; k++) {
        int ref = m->schema.in_order[k], table = m->schema.indexes[references[ref].from].table;
        for (sn_row row = 0; m->schema.action[ref] == action && row < m->positions[table]; row++) {
            record *r = &m->now.rows[table][row];
            if (!r->parked || !refers_to_gone(m, w, ref, row))
                continue;
            if (action == SN_NULLIFY) {
                cut_loose(m, ref, row);
                continue;
            }
            r->parked = false;
            take(m, w, table, row);
        }
    }
    return w->n > had;
}

/* ---------------------------------------------------------------- deleting and parking */

value
model_stamp(sn_type type)
{
    (void)type;
    return (value){false, 3};
}

static void
stamp_all(model *m, const work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        sn_col col = m->schema.stamp[w->table[i]];
        m->now.rows[w->table[i]][w->row[i]].cells[col] = model_stamp(model_column(m, w->table[i], col)->type);
    }
}

sn_status
model_park(model *m, int table, const sn_row *rows, size_t n, size_t *parked)
{
    static before saved;
    model_save_all(m, &saved);
    work w = {.n = 0};
    sn_status st = SN_OK;
    for (size_t i = 0; i < n && st == SN_OK; i++) {
        if (model_alive(m, table, rows[i]))
            st = take_aside(m, &w, table, rows[i], false);
    }
    *parked = w.n;
    if (st == SN_OK)
        st = follow_all(m, &w, false, true);
    if (st == SN_OK)
        st = follow_all(m, &w, true, true);
    if (st == SN_OK)
        stamp_all(m, &w);
    else
        model_restore_all(m, &saved);
    return st;
}

/* Live rows first: only these are followed to live ones. */
sn_status
model_delete(model *m, int table, const sn_row *rows, size_t n, size_t *deleted)
{
    static before saved;
    model_save_all(m, &saved);
    work w = {.n = 0}, freed = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        if (model_alive(m, table, rows[i])) {
            take(m, &w, table, rows[i]);
        } else if (model_stored(m, table, rows[i])) {
            m->now.rows[table][rows[i]].parked = false;
            take(m, &freed, table, rows[i]);
        }
    }
    *deleted = w.n + freed.n;
    sn_status st = follow_all(m, &w, false, false);
    if (st == SN_OK)
        st = follow_all(m, &w, true, false); /* only what has not died */
    if (st != SN_OK) {
        model_restore_all(m, &saved);
        return st;
    }
    for (size_t i = 0; i < freed.n; i++)
        take(m, &w, freed.table[i], freed.row[i]);
    while (follow_parked(m, &w, SN_CASCADE)) {
    }
    follow_parked(m, &w, SN_NULLIFY);
    return SN_OK;
}

/* ---------------------------------------------------------------- bringing rows back */

/* What a call of model_return knows beside the rows. */
typedef struct returning {
    model *m;
    bool rows[TABLES][MAX_ROWS];   /* they return */
    bool wanted[TABLES][MAX_ROWS]; /* may return, if all others of these do */
    bool tied;                     /* wanted means something */
    bool first[INDEXES][MAX_ROWS]; /* no taken row before it has its key: found by it */
    int order_table[TABLES * MAX_ROWS];
    sn_row order_row[TABLES * MAX_ROWS];
    size_t n;
} returning;

static sn_status
bring(returning *b, int table, sn_row row)
{
    model *m = b->m;
    record *r = &m->now.rows[table][row];
    for (sn_col c = 0; c < m->schema.column_count[table]; c++) {
        sn_status st = m->schema.columns[table][c].used ? model_check_cell(m, table, c, r->cells[c]) : SN_OK;
        if (st != SN_OK)
            return st;
    }
    r->alive = true;
    r->parked = false;
    r->cells[m->schema.stamp[table]] = (value){true, 0};
    b->rows[table][row] = true;
    b->order_table[b->n] = table;
    b->order_row[b->n++] = row;
    for (int x = 0; x < INDEXES; x++) {
        if (m->schema.indexes[x].table != table)
            continue;
        if (model_half_key(m, x, row))
            return SN_HALF;
        r->arrival[x] = m->now.arrivals++;
        if (m->schema.indexes[x].kind == SN_INDEX_UNIQUE && !m->schema.indexes[x].deferred
            && model_shares_key(m, x, row))
            return SN_UNIQUE;
    }
    return SN_OK;
}

static bool
is_taken(const returning *b, int table, sn_row row)
{
    return b->m->now.rows[table][row].parked && b->m->now.rows[table][row].along;
}

/* The wanted row with this key that stands first, or SN_NO_ROW. */
static sn_row
find_wanted(const returning *b, int to, const value *key)
{
    int table = b->m->schema.indexes[to].table;
    for (sn_row row = 0; b->tied && row < b->m->positions[table]; row++) {
        value other[MAX_KEY];
        if (b->wanted[table][row] && b->first[to][row] && model_key(b->m, other, to, row)
            && model_same_key(b->m, to, key, other))
            return row;
    }
    return SN_NO_ROW;
}

static void
look(const returning *b, int table, sn_row row, bool *called, bool *missing)
{
    const model *m = b->m;
    *called = *missing = false;
    for (int ref = 0; ref < REFERENCES; ref++) {
        value key[MAX_KEY], own[MAX_KEY];
        int from = references[ref].from, to = references[ref].to;
        if (!m->schema.made[ref] || m->schema.indexes[from].table != table || !model_target_key(m, key, ref, row))
            continue;
        sn_row target = model_find(m, to, key, SN_NO_ROW);
        *called |= target != SN_NO_ROW && b->rows[m->schema.indexes[to].table][target];
        bool itself =
            m->schema.indexes[to].table == table && model_key(m, own, to, row) && model_same_key(m, to, key, own);
        *missing |= m->schema.enforce[ref] && target == SN_NO_ROW && find_wanted(b, to, key) == SN_NO_ROW && !itself;
    }
}

/* Those that refer to what returns and miss nothing; *stuck: some miss something. */
static sn_status
bring_rounds(returning *b, bool *stuck)
{
    for (bool more = true; more;) {
        more = *stuck = false;
        for (int t = 0; t < TABLES; t++) {
            for (sn_row row = 0; row < b->m->positions[t]; row++) {
                bool called, missing;
                if (!is_taken(b, t, row))
                    continue;
                look(b, t, row, &called, &missing);
                *stuck |= called && missing;
                sn_status st = called && !missing ? bring(b, t, row) : SN_OK;
                if (st != SN_OK)
                    return st;
                more |= called && !missing;
            }
        }
    }
    return SN_OK;
}

/* Of several taken rows with one key in a unique index the first is found. */
static void
find_firsts(returning *b, int index)
{
    int t = b->m->schema.indexes[index].table;
    for (sn_row row = 0; row < b->m->positions[t]; row++) {
        value key[MAX_KEY], other[MAX_KEY];
        b->first[index][row] = is_taken(b, t, row) && model_key(b->m, key, index, row);
        for (sn_row prior = 0; prior < row && b->first[index][row]; prior++) {
            if (b->first[index][prior] && model_key(b->m, other, index, prior))
                b->first[index][row] = !model_same_key(b->m, index, key, other);
        }
    }
}

static void
want_all(returning *b)
{
    b->tied = true;
    for (int x = 0; x < INDEXES; x++) {
        if (b->m->schema.indexes[x].table != NO_TABLE && b->m->schema.indexes[x].kind == SN_INDEX_UNIQUE)
            find_firsts(b, x);
    }
    for (int t = 0; t < TABLES; t++) {
        for (sn_row row = 0; row < b->m->positions[t]; row++)
            b->wanted[t][row] = is_taken(b, t, row);
    }
    for (bool more = true; more;) {
        more = false;
        for (int t = 0; t < TABLES; t++) {
            for (sn_row row = 0; row < b->m->positions[t]; row++) {
                bool called, missing = false;
                if (b->wanted[t][row])
                    look(b, t, row, &called, &missing);
                more |= missing;
                b->wanted[t][row] &= !missing;
            }
        }
    }
}

/* What the rows from number `at` on miss, in the order in which the engine made the references. */
static sn_status
bring_missing(returning *b, size_t at)
{
    const model *m = b->m;
    for (; at < b->n; at++) {
        for (size_t k = 0; k < m->schema.made_count; k++) {
            value key[MAX_KEY];
            int ref = m->schema.in_order[k], from = references[ref].from, to = references[ref].to;
            if (!m->schema.enforce[ref] || m->schema.indexes[from].table != b->order_table[at]
                || !model_target_key(m, key, ref, b->order_row[at]) || model_find(m, to, key, SN_NO_ROW) != SN_NO_ROW)
                continue;
            sn_row target = find_wanted(b, to, key);
            sn_status st = target == SN_NO_ROW ? SN_OK : bring(b, m->schema.indexes[to].table, target);
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

static sn_status
bring_tied(returning *b)
{
    want_all(b);
    for (bool more = true; more;) {
        more = false;
        for (int t = 0; t < TABLES; t++) {
            for (sn_row row = 0; row < b->m->positions[t]; row++) {
                bool called, missing;
                size_t at = b->n;
                if (!b->wanted[t][row] || !is_taken(b, t, row))
                    continue;
                look(b, t, row, &called, &missing);
                sn_status st = called ? bring(b, t, row) : SN_OK;
                if (st == SN_OK)
                    st = bring_missing(b, at);
                if (st != SN_OK)
                    return st;
                more |= called;
            }
        }
    }
    return SN_OK;
}

sn_status
model_return(model *m, int table, const sn_row *rows, size_t n, size_t *returned)
{
    static before saved;
    static returning b;
    bool stuck = false;
    model_save_all(m, &saved);
    memset(&b, 0, sizeof(b));
    b.m = m;
    sn_status st = SN_OK;
    for (size_t i = 0; i < n && st == SN_OK; i++) {
        if (rows[i] < m->positions[table] && m->now.rows[table][rows[i]].parked)
            st = bring(&b, table, rows[i]);
    }
    *returned = b.n;
    if (st == SN_OK)
        st = bring_rounds(&b, &stuck);
    if (st == SN_OK && stuck)
        st = bring_tied(&b);
    if (st != SN_OK)
        model_restore_all(m, &saved);
    return st;
}
