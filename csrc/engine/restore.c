/*
 * restore.c - parked rows come back, and with them what a cascade had taken.
 *
 * A taken row returns when a row to which it refers does and everything that it refers to by an enforced reference is
 * there again, whichever came last; so one that hangs from two parents (a pivot row) waits for both. What was parked by
 * itself returns when it is named only. Parked rows are in no index, so those that may come along are found by walking
 * the bitmaps of the tables that refer to one in which rows return:
 *
 *   rounds   each taken row is probed; it returns when no target is missing. Rounds go on while rows return: a chain of
 *            parents stored before their children takes one.
 *   ties     only when that leaves rows which miss something, for these may miss each other (a cycle of references):
 *            all taken rows that are left are *wanted*, and the keys by which others refer to them go into indexes of this
 *            call's own; rows that miss a target even so are wanted no longer, until none does. Of what is left those
 *            return that refer to a row which returns, and what these miss.
 *
 * While a restore is under way the rows that it brings are alive and still marked as parked; `returning` counts them. So
 * asking "does this call bring the row?" needs no memory. The marks go when nothing can fail any more.
 *
 * Cost: for each round a probe of each reference of each taken row in such tables; nothing where none is parked.
 */
#include "park.h"

#include <string.h>

#include "cycle.h"
#include "journal.h"
#include "pending.h"
#include "reference.h"
#include "write.h"

static bool
is_returning(const sn_table *t, sn_row row)
{
    return t->returning > 0 && sn__alive(t, row) && sn__parked(t, row);
}

/* Rules may have become stricter while the row was away. */
static sn_status
check_cells(const sn_table *t, sn_row row)
{
    for (sn_col col = 0; col < t->column_count; col++) {
        if (!t->columns[col].used)
            continue;
        sn_cell cell = {sn__word(t, row, col), sn__is_null(t, row, col)};
        sn_status st = sn__cell_refused(&t->columns[col], cell);
        if (st != SN_OK) {
            sn_error e = SN_ERROR(st);
            e.table = t;
            e.row = row;
            e.column = col;
            return sn__fail(t->db, e);
        }
    }
    return SN_OK;
}

static sn_status
return_row(sn_table *t, sn_row row)
{
    sn_status st = check_cells(t, row);
    if (st == SN_OK)
        st = sn__journal_reserve(t->db, t->index_count + 2, sn_type_owns(t->columns[t->stamp].def.type));
    if (st != SN_OK)
        return st;
    sn__journal_return(t, row);
    t->returning++;
    sn__journal_write(t, row, t->stamp, SN_NULL_CELL);
    for (size_t i = 0; st == SN_OK && i < t->index_count; i++)
        st = sn__index_enter(t->indexes[i], row);
    return st;
}

/* The key is the row's own, by which it refers to itself. */
static bool
is_own_key(const sn_reference *ref, sn_row row, const sn_word *key)
{
    sn_word own[SN_MAX_KEY];
    return ref->from->table == ref->to->table && sn__row_key(own, ref->to, row)
           && memcmp(own, key, ref->to->column_count * sizeof *own) == 0;
}

/* ---------------------------------------------------------------- rounds */

/* What a taken row waits for. */
typedef struct outlook {
    bool called;  /* it refers to a row that returns */
    bool missing; /* an enforced reference has no target, live or wanted */
} outlook;

static outlook
look(const sn_table *t, sn_row row)
{
    outlook o = {false, false};
    sn_word key[SN_MAX_KEY];
    for (size_t r = 0; r < t->outgoing_count; r++) {
        const sn_reference *ref = t->outgoing[r];
        if (!sn__reference_target(key, ref, row))
            continue;
        sn_row target = sn__index_find(ref->to, key);
        bool wanted = ref->to->wanted && sn__index_find(ref->to->wanted, key) != SN_NO_ROW;
        o.called |= target != SN_NO_ROW && is_returning(ref->to->table, target);
        o.missing |= ref->enforce && target == SN_NO_ROW && !wanted && !is_own_key(ref, row, key);
    }
    return o;
}

static bool
refers_to_returning(const sn_table *t)
{
    for (size_t r = 0; r < t->outgoing_count; r++) {
        if (t->outgoing[r]->to->table->returning > 0)
            return true;
    }
    return false;
}

/* The first taken row from here on that does not return yet, or SN_NO_ROW. */
static sn_row
next_taken(const sn_table *t, sn_row row)
{
    while ((row = sn__table_next_parked(t, row)) != SN_NO_ROW && (sn__alive(t, row) || !sn__taken(t, row)))
        row++;
    return row;
}

static sn_status
return_taken(sn_table *t, bool *more, bool *stuck)
{
    sn_status st = SN_OK;
    for (sn_row row = 0; st == SN_OK && (row = next_taken(t, row)) != SN_NO_ROW; row++) {
        outlook o = look(t, row);
        *stuck |= o.called && o.missing;
        if (!o.called || o.missing)
            continue;
        st = return_row(t, row);
        *more = true;
    }
    return st;
}

/* *stuck: some row is called and misses a target. */
static sn_status
run_rounds(sn_db *db, bool *stuck)
{
    sn_status st = SN_OK;
    for (bool more = true; more && st == SN_OK;) {
        more = *stuck = false;
        for (sn_table *t = db->tables; t && st == SN_OK; t = t->next) {
            if (t->parked_count > t->returning && refers_to_returning(t))
                st = return_taken(t, &more, stuck);
        }
    }
    return st;
}

/* ---------------------------------------------------------------- ties */

/* Enters the taken rows into an index of their own beside ix, by which others refer to them; the first of several with one
 * key. */
static sn_status
want_by(sn_index *ix)
{
    sn_table *t = ix->table;
    sn_word key[SN_MAX_KEY];
    sn_status st =
        sn__index_new(&ix->wanted, &t->db->mem, t, SN_INDEX_UNIQUE, ix->columns, ix->column_count, true, NULL);
    for (sn_row row = 0; st == SN_OK && (row = next_taken(t, row)) != SN_NO_ROW; row++) {
        if (!sn__row_key(key, ix, row) || sn__index_find(ix->wanted, key) != SN_NO_ROW)
            continue;
        st = sn__index_reserve(ix->wanted, key, false);
        if (st == SN_OK)
            sn__index_add_key(ix->wanted, key, row);
    }
    return st == SN_OK ? SN_OK : sn__fail_status(t->db, st);
}

static bool
is_referred_by(const sn_index *ix)
{
    return ix->kind == SN_INDEX_UNIQUE && ix->references > 0;
}

static sn_status
want_all(sn_db *db)
{
    sn_status st = SN_OK;
    for (sn_table *t = db->tables; t; t = t->next) {
        for (size_t w = 0; w < t->parking_cap; w++)
            t->parking[w].wanted = t->parking[w].taken;
        for (size_t i = 0; st == SN_OK && t->parked_count > t->returning && i < t->index_count; i++) {
            if (is_referred_by(t->indexes[i]))
                st = want_by(t->indexes[i]);
        }
    }
    return st;
}

static void
forget_wanted(sn_db *db)
{
    for (sn_table *t = db->tables; t; t = t->next) {
        for (size_t i = 0; i < t->index_count; i++) {
            if (t->indexes[i]->wanted)
                sn__index_free(&db->mem, t->indexes[i]->wanted);
            t->indexes[i]->wanted = NULL;
        }
    }
}

static sn_row
next_wanted(const sn_table *t, sn_row row)
{
    while ((row = next_taken(t, row)) != SN_NO_ROW
           && !(t->parking[sn__live_at(row)].wanted >> (row & SN_BLOCK_MASK & 63) & 1))
        row++;
    return row;
}

static void
want_no_more(sn_table *t, sn_row row)
{
    t->parking[sn__live_at(row)].wanted &= ~(UINT64_C(1) << (row & SN_BLOCK_MASK & 63));
    for (size_t i = 0; i < t->index_count; i++) {
        sn_word key[SN_MAX_KEY];
        sn_index *ix = t->indexes[i]->wanted;
        if (ix && sn__row_key(key, ix, row) && sn__index_find(ix, key) == row)
            sn__index_remove(ix, row);
    }
}

/* Leaves those that miss nothing but each other. */
static void
drop_missing(sn_db *db)
{
    for (bool more = true; more;) {
        more = false;
        for (sn_table *t = db->tables; t; t = t->next) {
            for (sn_row row = 0; (row = next_wanted(t, row)) != SN_NO_ROW; row++) {
                if (look(t, row).missing) {
                    want_no_more(t, row);
                    more = true;
                }
            }
        }
    }
}

/* What the rows that returned since `*at` miss is wanted, and returns too. */
static sn_status
return_missing(sn_db *db, size_t *at)
{
    sn_word key[SN_MAX_KEY];
    sn_status st = SN_OK;
    for (; st == SN_OK && *at < db->journal_len; ++*at) {
        sn_undo u = db->journal[*at];
        for (size_t r = 0; u.kind == SN_UNDO_RETURNED && st == SN_OK && r < u.on.table->outgoing_count; r++) {
            const sn_reference *ref = u.on.table->outgoing[r];
            if (!ref->enforce || !ref->to->wanted || !sn__reference_target(key, ref, u.row))
                continue;
            sn_row target =
                sn__index_find(ref->to, key) == SN_NO_ROW ? sn__index_find(ref->to->wanted, key) : SN_NO_ROW;
            if (target != SN_NO_ROW)
                st = return_row(ref->to->table, target);
        }
    }
    return st;
}

static sn_status
return_wanted(sn_db *db)
{
    size_t at = db->journal_len;
    sn_status st = SN_OK;
    for (bool more = true; more && st == SN_OK;) {
        more = false;
        for (sn_table *t = db->tables; t; t = t->next) {
            for (sn_row row = 0; st == SN_OK && (row = next_wanted(t, row)) != SN_NO_ROW; row++) {
                if (!look(t, row).called)
                    continue;
                st = return_row(t, row);
                if (st == SN_OK)
                    st = return_missing(db, &at);
                more = true;
            }
        }
    }
    return st;
}

static sn_status
return_all_taken(sn_db *db)
{
    bool stuck = false;
    sn_status st = run_rounds(db, &stuck);
    if (st != SN_OK || !stuck)
        return st;
    st = want_all(db);
    if (st == SN_OK) {
        drop_missing(db);
        st = return_wanted(db);
    }
    forget_wanted(db);
    return st;
}

/* ---------------------------------------------------------------- the call */

static sn_status
await_targets(sn_table *t, sn_row row)
{
    sn_status st = SN_OK;
    for (size_t r = 0; st == SN_OK && r < t->outgoing_count; r++) {
        if (t->outgoing[r]->enforce && sn__reference_dangles(t->outgoing[r], row))
            st = sn__pending_add(t->db, SN_PENDING_REFERENCE, t->outgoing[r], NULL, row);
        if (st == SN_OK && t->outgoing[r]->acyclic)
            st = sn__cycle_watch(t->outgoing[r], row);
    }
    return st;
}

static sn_status
await_all_targets(sn_db *db, size_t mark)
{
    sn_status st = SN_OK;
    for (size_t k = mark; st == SN_OK && k < db->journal_len; k++) {
        if (db->journal[k].kind == SN_UNDO_RETURNED)
            st = await_targets(db->journal[k].on.table, db->journal[k].row);
    }
    return st;
}

/* The rows that returned are parked no more, or, after undoing, none returns. */
static void
settle_returned(sn_db *db, size_t mark)
{
    for (size_t k = mark; k < db->journal_len; k++) {
        const sn_undo *u = &db->journal[k];
        if (u->kind == SN_UNDO_RETURNED)
            sn__table_set_parked(u->on.table, u->row, false, false);
    }
    for (sn_table *t = db->tables; t; t = t->next)
        t->returning = 0;
}

sn_status
sn_table_restore(size_t *restored, sn_table *t, const sn_row *rows, size_t n)
{
    sn_db *db = t->db;
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    size_t mark = db->journal_len, pending = db->pending_len, count = 0;
    sn_status st = SN_OK;
    for (size_t i = 0; i < n && st == SN_OK; i++) {
        if (!sn__parked(t, rows[i]) || is_returning(t, rows[i]))
            continue;
        st = return_row(t, rows[i]);
        count++;
    }
    if (st == SN_OK)
        st = return_all_taken(db);
    if (st == SN_OK)
        st = await_all_targets(db, mark);
    if (st != SN_OK) {
        sn__journal_undo(db, mark, true);
        db->pending_len = pending;
    }
    settle_returned(db, mark);
    if (st != SN_OK)
        return st;
    if (count > 0)
        sn__revise(db);
    *restored = count;
    return SN_OK;
}
