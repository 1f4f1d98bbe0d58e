/*
 * delete.c - deleting rows for good or parking them, and what follows from the references to them.
 *
 * The journal is the work list: killing a row appends a KILLED record, parking one a PARKED record, and the records from
 * the call's mark on are visited in order, so cascades of any depth and shape need no recursion and no memory of their
 * own, and cycles end: a row that is not alive is in no index, so nothing finds it twice. For each such row and each
 * reference to its table:
 *
 *   SN_CASCADE   the rows that refer to it go the same way
 *   SN_RESTRICT  if rows refer to it, an item for the end of the unit, when only rows that remain count
 *   SN_NULLIFY   the nullable columns of their foreign key become null, by the same code as an update
 *   SN_KEEP      nothing
 *
 * The list is visited twice: once for what dies, then for what is nullified, so that only rows that stay are changed and
 * only rows that stay may object to it. Nothing dies in the second visit. Deleting for good then looks at the parked rows
 * (park.c), if there are any.
 *
 * The words of a dead row stay until the unit ends, so its key can be read. All or nothing: a failure (memory, or
 * SN_KEY_IN_USE where a foreign key to be nullified is itself a key in use) undoes the call.
 *
 * Cost: per row one removal per index, and one probe per reference to its table.
 */
#include "write.h"

#include "journal.h"
#include "park.h"
#include "pending.h"
#include "reference.h"

static sn_status
kill_row(sn_table *t, sn_row row)
{
    sn_status st = sn__journal_reserve(t->db, t->index_count + 1, t->owning_count);
    if (st != SN_OK)
        return st;
    for (size_t i = 0; i < t->index_count; i++)
        sn__journal_leave(t->indexes[i], row);
    sn__journal_kill(t, row);
    return SN_OK;
}

static sn_status
nullify_row(const sn_reference *ref, sn_row row)
{
    const sn_index *from = ref->from;
    sn_col cols[SN_MAX_KEY];
    sn_cell cells[SN_MAX_KEY];
    size_t n = 0;
    for (size_t i = 0; i < from->column_count; i++) {
        if (!from->table->columns[from->columns[i]].def.nullable)
            continue;
        cols[n] = from->columns[i];
        cells[n++] = SN_NULL_CELL;
    }
    sn_change change = {from->table, &row, 1, cols, n, cells};
    return sn__change_apply(&change);
}

static sn_status
detach_row(const sn_reference *ref, sn_row row, bool aside)
{
    if (ref->action != SN_CASCADE)
        return nullify_row(ref, row);
    return aside ? sn__park_row(ref->from->table, row, true) : kill_row(ref->from->table, row);
}

/* Lists keep their places within a unit, so each place is visited once, whatever leaves; they end at the last row that
 * is left. */
static sn_status
detach_list(const sn_reference *ref, const sn_word *key, bool aside)
{
    sn_status st = SN_OK;
    for (size_t place = 0; st == SN_OK; place++) {
        sn_posting_view view = sn__index_list(ref->from, key);
        if (place >= view.len)
            break;
        if (view.rows[place] != SN_NO_ROW)
            st = detach_row(ref, view.rows[place], aside);
    }
    return st;
}

/* Usually one row; several when the index is deferred. */
static sn_status
detach_unique(const sn_reference *ref, const sn_word *key, bool aside)
{
    sn_status st = SN_OK;
    sn_row row = sn__index_find(ref->from, key);
    while (row != SN_NO_ROW && st == SN_OK) {
        st = detach_row(ref, row, aside);
        row = sn__index_find(ref->from, key);
    }
    return st;
}

static sn_status
detach_rows(const sn_reference *ref, const sn_word *key, bool aside)
{
    return ref->from->kind == SN_INDEX_MANY ? detach_list(ref, key, aside) : detach_unique(ref, key, aside);
}

/* What goes with a row that goes, and what may forbid it. */
static sn_status
spread_death(const sn_reference *ref, sn_row dead, bool aside)
{
    sn_word key[SN_MAX_KEY];
    if ((ref->action != SN_CASCADE && ref->action != SN_RESTRICT) || !sn__reference_referring(key, ref, dead))
        return SN_OK;
    if (ref->action == SN_CASCADE)
        return detach_rows(ref, key, aside);
    bool referred = sn__reference_count(ref, key) > 0;
    return referred ? sn__pending_add(ref->to->table->db, SN_PENDING_TARGET, ref, NULL, dead) : SN_OK;
}

static sn_status
nullify_references(const sn_reference *ref, sn_row dead, bool aside)
{
    sn_word key[SN_MAX_KEY];
    if (ref->action != SN_NULLIFY || !sn__reference_referring(key, ref, dead))
        return SN_OK;
    return detach_rows(ref, key, aside);
}

typedef sn_status (*follow_fn)(const sn_reference *ref, sn_row dead, bool aside);

/* Follows every reference to every row that is gone or parked since the mark, those that go meanwhile included. */
static sn_status
follow_references(sn_db *db, size_t mark, follow_fn follow)
{
    for (size_t k = mark; k < db->journal_len; k++) {
        sn_undo u = db->journal[k];
        if (u.kind != SN_UNDO_KILLED && u.kind != SN_UNDO_PARKED)
            continue;
        for (size_t r = 0; r < u.on.table->incoming_count; r++) {
            sn_status st = follow(u.on.table->incoming[r], u.row, u.kind == SN_UNDO_PARKED);
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

/* *gone: how many of the rows there was something to do for. */
static sn_status
take_rows(size_t *gone, sn_table *t, const sn_row *rows, size_t n, bool aside)
{
    sn_status st = SN_OK;
    *gone = 0;
    for (size_t i = 0; i < n && st == SN_OK; i++) {
        bool alive = sn__alive(t, rows[i]);
        if (!alive && (aside || !sn__parked(t, rows[i])))
            continue;
        if (alive)
            st = aside ? sn__park_row(t, rows[i], false) : kill_row(t, rows[i]);
        else
            st = sn__free_row(t, rows[i]);
        ++*gone;
    }
    return st;
}

static sn_status
follow_all(sn_db *db, size_t mark)
{
    sn_status st = follow_references(db, mark, spread_death);
    return st == SN_OK ? follow_references(db, mark, nullify_references) : st;
}

static void
give_up(sn_db *db, size_t mark, size_t pending)
{
    sn__journal_undo(db, mark, true);
    db->pending_len = pending;
}

sn_status
sn_table_delete(size_t *deleted, sn_table *t, const sn_row *rows, size_t n)
{
    sn_db *db = t->db;
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    size_t mark = db->journal_len, pending = db->pending_len, gone;
    sn_status st = take_rows(&gone, t, rows, n, false);
    if (st == SN_OK)
        st = follow_all(db, mark);
    if (st == SN_OK && db->parked > 0)
        st = sn__parked_follow(db, mark);
    if (st != SN_OK) {
        give_up(db, mark, pending);
        return st;
    }
    if (gone > 0)
        sn__revise(db);
    *deleted = gone;
    return SN_OK;
}

sn_status
sn_table_park(size_t *parked, sn_table *t, const sn_row *rows, size_t n, const sn_stamp *stamps, size_t stamps_len)
{
    sn_db *db = t->db;
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    size_t mark = db->journal_len, pending = db->pending_len, gone;
    sn_status st = take_rows(&gone, t, rows, n, true);
    if (st == SN_OK)
        st = follow_all(db, mark);
    if (st == SN_OK)
        st = sn__park_stamp(db, mark, stamps, stamps_len);
    if (st != SN_OK) {
        give_up(db, mark, pending);
        return st;
    }
    if (gone > 0)
        sn__revise(db);
    *parked = gone;
    return SN_OK;
}
