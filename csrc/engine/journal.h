/*
 * journal.h - appending undo records, undoing back to a mark (journal.c).
 *
 * A writer reserves, then pushes what it does as it does it; pushing cannot fail. Each record carries a fixed number of
 * promised drops (see database.h), so that db->drop_promised is always the sum over the records of the journal, plus
 * what the expressions hold.
 */
#ifndef SN_JOURNAL_H
#define SN_JOURNAL_H

#include <assert.h>

#include "revision.h"

/* Room for `records` records whose ends drop at most `handles` handles. */
sn_status sn__journal_grow(sn_db *db, size_t records, size_t handles);
static inline sn_status
sn__journal_reserve(sn_db *db, size_t records, size_t handles)
{
    size_t drops = db->drop_len + db->drop_promised + handles;
    return SN_LIKELY(db->journal_len + records <= db->journal_cap && drops <= db->drop_cap)
               ? SN_OK
               : sn__journal_grow(db, records, handles);
}

/* Undoes and forgets the records from `mark` on, newest first. keep: the call that wrote them fails, so the cells it
 * was given remain the caller's, and the positions that it took are given back; else new words go to the drop list.
 * Cannot fail. */
void sn__journal_undo(sn_db *db, size_t mark, bool keep);

/* The index must be settled when the unit ends. */
static inline void
sn__journal_unsettle(sn_index *ix)
{
    if (!ix->unsettled) {
        ix->unsettled = true;
        ix->next_unsettled = ix->table->db->unsettled;
        ix->table->db->unsettled = ix;
    }
}

static inline sn_undo *
sn__journal_push(sn_db *db, sn_undo_kind kind, sn_row row)
{
    assert(db->depth > 0 && db->journal_len < db->journal_cap);
    sn_undo *u = &db->journal[db->journal_len++];
    u->kind = (uint8_t)kind;
    u->row = row;
    return u;
}

/* Rows `row` .. row + n - 1 were given life and entered all indexes of their table. Rows born one after the other share a
 * record, which never reaches back over `mark` (the start of a call that may still fail) or the innermost savepoint. */
static inline void
sn__journal_born(sn_table *t, sn_row row, sn_row n, size_t mark)
{
    sn_db *db = t->db;
    sn__note_birth(t);
    db->drop_promised += (size_t)n * t->owning_count;
    assert(db->drop_len + db->drop_promised <= db->drop_cap);
    if (db->journal_len > mark && db->journal_len > db->savepoints[db->depth - 1].journal) {
        sn_undo *last = &db->journal[db->journal_len - 1];
        if (last->kind == SN_UNDO_BORN && last->on.table == t && last->row + last->was.count == row) {
            last->was.count += n;
            return;
        }
    }
    sn_undo *u = sn__journal_push(db, SN_UNDO_BORN, row);
    u->on.table = t;
    u->was.count = n;
}

/* Takes a row out of life. Its words stay; it has left its indexes already. */
static inline void
sn__journal_kill(sn_table *t, sn_row row)
{
    t->db->drop_promised += t->owning_count;
    assert(t->db->drop_len + t->db->drop_promised <= t->db->drop_cap);
    sn__note_life(t);
    sn__table_set_live(t, row, false);
    sn__journal_push(t->db, SN_UNDO_KILLED, row)->on.table = t;
}

/* Takes a live row aside. Room has been reserved; it has left its indexes already. */
static inline void
sn__journal_park(sn_table *t, sn_row row, bool taken)
{
    sn__note_life(t);
    sn__table_set_live(t, row, false);
    sn__table_set_parked(t, row, true, taken);
    sn__journal_push(t->db, SN_UNDO_PARKED, row)->on.table = t;
}

/* Gives a parked row life; it stays marked as parked until the call ends (restore.c). */
static inline void
sn__journal_return(sn_table *t, sn_row row)
{
    sn_undo *u = sn__journal_push(t->db, SN_UNDO_RETURNED, row);
    u->on.table = t;
    u->was.taken = sn__taken(t, row);
    sn__note_life(t);
    sn__table_set_live(t, row, true);
}

/* Takes a parked row out of the store. Its words stay. */
static inline void
sn__journal_free(sn_table *t, sn_row row)
{
    t->db->drop_promised += t->owning_count;
    assert(t->db->drop_len + t->db->drop_promised <= t->db->drop_cap);
    sn_undo *u = sn__journal_push(t->db, SN_UNDO_FREED, row);
    u->on.table = t;
    u->was.taken = sn__taken(t, row);
    sn__note_life(t);
    sn__table_set_parked(t, row, false, false);
}

/* Stores a cell; the old one belongs to the journal from now on. */
static inline void
sn__journal_write(sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    t->db->drop_promised += sn_type_owns(t->columns[col].def.type);
    assert(t->db->drop_len + t->db->drop_promised <= t->db->drop_cap);
    sn_undo *u = sn__journal_push(t->db, SN_UNDO_WROTE, row);
    u->on.table = t;
    u->col = col;
    u->was.old = sn__word(t, row, col);
    u->old_null = sn__is_null(t, row, col);
    sn__note_cell(t, row, col);
    sn__table_store(t, row, col, cell);
}

/* Takes a row out of an index, while its columns still have the words that it was entered with. */
static inline void
sn__journal_leave(sn_index *ix, sn_row row)
{
    sn__journal_unsettle(ix);
    sn_undo *u = sn__journal_push(ix->table->db, SN_UNDO_LEFT, row);
    u->on.index = ix;
    u->was.place = sn__index_remove(ix, row);
}

/* Enters a row into an index, for which room has been reserved. */
static inline void
sn__journal_enter(sn_index *ix, sn_row row)
{
    sn__index_add(ix, row);
    sn__journal_push(ix->table->db, SN_UNDO_ENTERED, row)->on.index = ix;
}

#endif
