/*
 * cycle.c - references along which no row may be met again.
 *
 * A reference within one table (a tree's parent) may forbid cycles: going on from a row to its target, to that one's target and so on
 * never comes back to the row. Like dangling references this is a rule for the end of the outermost unit, so that a statement may turn a
 * tree around: what might close a cycle becomes pending (pending.c), and is looked at again at the commit.
 *
 * What might: a row whose foreign key or whose own key has changed, or that has been restored; a new row that others refer to already, or
 * that refers to itself. A load has rows that refer to each other: going around a cycle, one of its rows refers to a row that stands
 * behind it (or to itself), or to one that was there before and was referred to by nothing new; so those that refer behind themselves are
 * looked at, and those to which rows of before the load refer.
 *
 * Invariant: outside a unit no row of a reference that forbids cycles is met again.
 * Cost: of a pending row, the rows from it to where its chain ends.
 */
#include "cycle.h"

#include "pending.h"
#include "reference.h"
#include "rows.h"

static sn_row
target_of(const sn_reference *ref, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    return sn__reference_target(key, ref, row) ? sn__index_find(ref->to, key) : SN_NO_ROW;
}

bool
sn__cycle_at(const sn_reference *ref, sn_row row, size_t *length)
{
    size_t n = 0, most = ref->from->table->count; /* a chain that is longer goes around elsewhere */
    for (sn_row at = target_of(ref, row); at != SN_NO_ROW && n < most; at = target_of(ref, at)) {
        n++;
        if (at == row) {
            *length = n;
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- what becomes pending */

sn_status
sn__cycle_watch(const sn_reference *ref, sn_row row)
{
    return sn__pending_add(ref->from->table->db, SN_PENDING_CYCLE, ref, NULL, row);
}

sn_status
sn__cycle_changed(const sn_table *t, const sn_index *ix, sn_row row)
{
    sn_status st = SN_OK;
    for (size_t r = 0; r < t->outgoing_count && st == SN_OK; r++) {
        const sn_reference *ref = t->outgoing[r];
        if (ref->acyclic && (ref->from == ix || ref->to == ix))
            st = sn__cycle_watch(ref, row);
    }
    return st;
}

sn_status
sn__cycle_made(const sn_reference *ref, sn_row row, const sn_word *key, const sn_word *own)
{
    sn_word words[SN_MAX_KEY];
    bool itself = memcmp(key, own, ref->to->column_count * sizeof *own) == 0;
    sn__reference_words(words, ref, own);
    return itself || sn__reference_count(ref, words) > 0 ? sn__cycle_watch(ref, row) : SN_OK;
}

sn_status
sn__cycle_loaded(const sn_reference *ref, sn_row first, sn_row n)
{
    sn_status st = SN_OK;
    for (sn_row row = first; row < first + n && st == SN_OK; row++) {
        sn_word own[SN_MAX_KEY];
        sn_row target = target_of(ref, row);
        if (target == SN_NO_ROW)
            continue;
        sn_row child = sn__reference_referring(own, ref, row) ? sn__reference_first(ref, own) : SN_NO_ROW;
        if (target >= row || (child != SN_NO_ROW && child < first))
            st = sn__cycle_watch(ref, row);
    }
    return st;
}

/* ---------------------------------------------------------------- all rows at once */

/* Goes on from a row until the end or a row that has been looked at, and marks the rows on the way; false if there is no end. */
static bool
look_from(sn_status *st, sn__seen *ended, const sn_reference *ref, sn_row row)
{
    const sn_table *t = ref->from->table;
    size_t n = 0;
    for (sn_row at = row; at != SN_NO_ROW && !sn__seen_has(ended, at); at = target_of(ref, at)) {
        if (n++ == t->count)
            return false;
    }
    bool fresh = true;
    for (sn_row at = row; at != SN_NO_ROW && fresh && *st == SN_OK; at = target_of(ref, at))
        *st = sn__seen_add(&fresh, t->db, ended, at, t->positions);
    return true;
}

static sn_status
refuse_cycle(const sn_reference *ref, sn_row row)
{
    sn_error e = SN_ERROR(SN_CYCLE);
    for (size_t i = 0; i < ref->from->table->count; i++)
        row = target_of(ref, row); /* into the cycle, wherever it was entered */
    e.table = ref->from->table;
    e.reference = ref;
    e.row = row;
    e.other = target_of(ref, row);
    sn__cycle_at(ref, row, &e.count);
    return sn__fail(e.table->db, e);
}

static sn_status
look_at_all(const sn_reference *ref)
{
    const sn_table *t = ref->from->table;
    sn__seen ended = {0};
    sn_status st = SN_OK;
    for (sn_row row = 0; row < t->positions && st == SN_OK; row++) {
        if (sn__alive(t, row) && !look_from(&st, &ended, ref, row))
            st = refuse_cycle(ref, row);
    }
    sn__seen_free(t->db, &ended);
    return st == SN_NOMEM ? sn__fail_status(t->db, st) : st;
}

sn_status
sn_reference_forbid_cycles(sn_reference *ref)
{
    sn_db *db = ref->from->table->db;
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    if (ref->from->table != ref->to->table)
        return sn__fail_status(db, SN_MISUSE);
    sn_status st = look_at_all(ref);
    ref->acyclic |= st == SN_OK;
    return st;
}
