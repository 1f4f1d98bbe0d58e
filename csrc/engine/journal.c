/*
 * journal.c - units: begin, commit, rollback, and the undo of every write.
 *
 * The journal is one vector of 24-byte records, a savepoint is a position in it (and in the list of pending checks).
 * Records hold what their inverse needs and nothing else:
 *
 *   BORN     rows [row, row + count)  remove from all indexes of the table, take out of life, drop their words
 *   KILLED   row                      give life again
 *   LEFT     row, index, place        sn__index_restore
 *   ENTERED  row, index               sn__index_remove
 *   WROTE    row, column, old cell    store the old cell, drop the new one
 *   MOVED    row, index, from, to     rotate it back
 *   PARKED   row                      give life again
 *   RETURNED row, how it was parked   put it aside again
 *   FREED    row, how it was parked   the same
 *
 * Undoing runs backwards, so that each inverse finds exactly the state in which its record was written; this is why it
 * needs no memory: whatever it builds has been there before, and within a unit no structure gives room back. When the
 * outermost unit ends, the indexes that rows have left are settled (while the journal still keeps the old words, and
 * thus their key entries, alive), then the records are discarded: old words and the words of killed rows go to the drop
 * list, out of promises made when they were written. The handle of a dead row stays until its owner clears it or the
 * table is compacted: positions are not used again before that, and the host must find the objects of rows that are
 * gone when it is.
 *
 * Cost: begin and commit of a unit with one record are a handful of instructions; commit is linear in the records, not
 * in the rows of a load (BORN stands for a range). Commit and rollback cannot fail for lack of memory.
 */
#include "journal.h"

#include "getter.h"
#include "pending.h"

/* Vectors larger than this are given back when a unit ends. */
#define KEEP_CAPACITY 1024

sn_status
sn__journal_grow(sn_db *db, size_t records, size_t handles)
{
    if (db->journal_len + records > db->journal_cap) {
        size_t need = db->journal_len + records;
        sn_status st = sn_mem_grow(&db->mem, &db->journal, &db->journal_cap, need, sizeof(sn_undo));
        if (st != SN_OK)
            return sn__fail_status(db, st);
    }
    return sn__drop_reserve(db, handles);
}

/* ---------------------------------------------------------------- undo */

static sn_cell
take_cell(sn_table *t, sn_row row, sn_col col)
{
    sn_cell cell = {sn__word(t, row, col), sn__is_null(t, row, col)};
    sn__table_store(t, row, col, (sn_cell){0, t->columns[col].nulls != NULL});
    return cell;
}

/* Empties a dead row. Its owning cells go to the drop list out of their promises, or, kept by the caller, free the
 * promises. */
static void
empty_row(sn_table *t, sn_row row, bool keep)
{
    for (sn_col c = 0; c < t->column_count; c++) {
        if (!t->columns[c].used)
            continue;
        sn_cell cell = take_cell(t, row, c);
        if (!keep)
            sn__drop_cell(t->db, t->columns[c].def.type, cell);
    }
    if (keep)
        t->db->drop_promised -= t->owning_count;
}

static void
undo_born(const sn_undo *u, bool keep)
{
    sn_table *t = u->on.table;
    sn__note_life(t);
    for (sn_row row = u->row + u->was.count; row-- > u->row;) {
        for (size_t i = t->index_count; i-- > 0;) {
            sn__journal_unsettle(t->indexes[i]);
            sn__index_remove(t->indexes[i], row);
        }
        sn__table_set_live(t, row, false);
        sn__values_of_row_die(t, row);
        empty_row(t, row, keep);
    }
    if (keep) {
        assert(t->positions == u->row + u->was.count);
        t->positions = u->row;
    }
}

static void
undo_wrote(const sn_undo *u, bool keep)
{
    sn_table *t = u->on.table;
    sn__note_cell(t, u->row, u->col);
    sn_type type = t->columns[u->col].def.type;
    sn_cell new = take_cell(t, u->row, u->col);
    sn__table_store(t, u->row, u->col, (sn_cell){u->was.old, u->old_null});
    if (!keep)
        sn__drop_cell(t->db, type, new);
    else if (sn_type_owns(type))
        t->db->drop_promised--;
}

static void
undo_parking(const sn_undo *u)
{
    sn_table *t = u->on.table;
    sn__note_life(t);
    if (u->kind == SN_UNDO_PARKED) {
        sn__table_set_parked(t, u->row, false, false);
        sn__table_set_live(t, u->row, true);
        return;
    }
    if (u->kind == SN_UNDO_RETURNED)
        sn__table_set_live(t, u->row, false);
    else
        t->db->drop_promised -= t->owning_count;
    sn__table_set_parked(t, u->row, true, u->was.taken);
}

static void
undo_one(const sn_undo *u, bool keep)
{
    switch ((sn_undo_kind)u->kind) {
    case SN_UNDO_BORN:
        undo_born(u, keep);
        break;
    case SN_UNDO_KILLED:
        sn__note_life(u->on.table);
        sn__table_set_live(u->on.table, u->row, true);
        u->on.table->db->drop_promised -= u->on.table->owning_count;
        break;
    case SN_UNDO_LEFT:
        sn__index_restore(u->on.index, u->row, u->was.place);
        break;
    case SN_UNDO_ENTERED:
        sn__journal_unsettle(u->on.index);
        sn__index_remove(u->on.index, u->row);
        break;
    case SN_UNDO_WROTE:
        undo_wrote(u, keep);
        break;
    case SN_UNDO_MOVED:
        sn__note_cell(u->on.index->table, u->row, u->on.index->columns[0]);
        sn__many_rotate(u->on.index, u->row, u->was.move.from);
        break;
    case SN_UNDO_PARKED:
    case SN_UNDO_RETURNED:
    case SN_UNDO_FREED:
        undo_parking(u);
        break;
    }
}

void
sn__journal_undo(sn_db *db, size_t mark, bool keep)
{
    assert(mark <= db->journal_len);
    bool seen = mark < db->journal_len && !keep; /* what a call that fails has done, nobody has seen */
    while (db->journal_len > mark) {
        sn_undo u = db->journal[--db->journal_len];
        undo_one(&u, keep);
    }
    if (seen)
        sn__revise(db);
}

/* ---------------------------------------------------------------- the end of a unit */

static void
discard_one(const sn_undo *u)
{
    sn_table *t = u->on.table;
    switch ((sn_undo_kind)u->kind) {
    case SN_UNDO_BORN:
        t->db->drop_promised -= (size_t)u->was.count * t->owning_count;
        break;
    case SN_UNDO_KILLED:
    case SN_UNDO_FREED:
        sn__values_of_row_die(t, u->row);
        empty_row(t, u->row, false);
        break;
    case SN_UNDO_WROTE:
        sn__drop_cell(t->db, t->columns[u->col].def.type, (sn_cell){u->was.old, u->old_null});
        break;
    case SN_UNDO_LEFT:
    case SN_UNDO_ENTERED:
    case SN_UNDO_MOVED:
    case SN_UNDO_PARKED:
    case SN_UNDO_RETURNED:
        break;
    }
}

static void
settle_indexes(sn_db *db)
{
    while (db->unsettled) {
        sn_index *ix = db->unsettled;
        db->unsettled = ix->next_unsettled;
        ix->next_unsettled = NULL;
        ix->unsettled = false;
        sn__index_settle(ix);
    }
}

/* Gives back the vectors that a large unit has left. */
static void
shrink(sn_db *db)
{
    if (db->journal_cap > KEEP_CAPACITY) {
        sn_mem_free(&db->mem, db->journal, db->journal_cap * sizeof(sn_undo));
        db->journal = NULL;
        db->journal_cap = 0;
    }
    if (db->pending_cap > KEEP_CAPACITY) {
        sn_mem_free(&db->mem, db->pending, db->pending_cap * sizeof(sn_pending));
        db->pending = NULL;
        db->pending_cap = 0;
    }
    sn__drop_shrink(db);
}

static void
end_unit(sn_db *db)
{
    if (db->unsettled)
        settle_indexes(db);
    for (size_t i = 0; i < db->journal_len; i++)
        discard_one(&db->journal[i]);
    db->journal_len = 0;
    db->pending_len = 0;
    db->problem_count = 0;
    if (SN_UNLIKELY(db->journal_cap > KEEP_CAPACITY || db->pending_cap > KEEP_CAPACITY || db->drop_cap > KEEP_CAPACITY))
        shrink(db);
}

/* ---------------------------------------------------------------- units */

sn_status
sn_begin(sn_db *db)
{
    if (SN_UNLIKELY(db->depth == db->savepoint_cap)) {
        sn_status st = sn_mem_grow(&db->mem, &db->savepoints, &db->savepoint_cap, db->depth + 1, sizeof(sn_savepoint));
        if (st != SN_OK)
            return sn__fail_status(db, st);
    }
    db->savepoints[db->depth++] = (sn_savepoint){db->journal_len, db->pending_len};
    return SN_OK;
}

sn_status
sn_commit(sn_db *db)
{
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    if (db->depth == 1) {
        if (db->pending_len > 0) {
            sn_status st = sn__pending_examine(db);
            if (st != SN_OK)
                return st;
        }
        end_unit(db);
    }
    db->depth--;
    return SN_OK;
}

void
sn_rollback(sn_db *db)
{
    if (db->depth == 0)
        return;
    sn_savepoint mark = db->savepoints[db->depth - 1];
    sn__journal_undo(db, mark.journal, false);
    assert(mark.pending <= db->pending_len);
    db->pending_len = mark.pending;
    if (db->problem_count > db->pending_len)
        db->problem_count = db->pending_len;
    if (db->depth == 1)
        end_unit(db);
    db->depth--;
}

size_t
sn_depth(const sn_db *db)
{
    return db->depth;
}
