/*
 * park.c - rows that are put aside: what goes and comes with them.
 *
 * A parked row has left the bitmap of life and every index exactly as a row that is deleted, and keeps its words. So
 * nothing that reads the store can forget to leave it out, no reader pays for it, and a table's count stays its count.
 * Parking itself is a deletion of another kind (delete.c); here is what is peculiar to parked rows.
 *
 * A mark on each parked row says whether a cascade has taken it or it was parked by itself: what was taken comes back with
 * what took it (restore.c).
 *
 * Being in no index, parked rows are found by walking the bitmap of their table. When rows are deleted for good, parked
 * rows that refer to them by a reference that cascades or nullifies must not survive them: the keys of what is gone become
 * an index of this call's own, in which each parked row of such a table is looked up, once for each depth of the cascade.
 * Nothing is looked at while the tables in question have no parked rows.
 */
#include "park.h"

#include "journal.h"
#include "pending.h"
#include "reference.h"
#include "write.h"

sn_status
sn__park_row(sn_table *t, sn_row row, bool taken)
{
    if (t->stamp == SN_NO_COL) {
        sn_error e = SN_ERROR(SN_MISUSE);
        e.table = t;
        e.row = row;
        return sn__fail(t->db, e);
    }
    sn_status st = sn__table_reserve_parking(t);
    if (st != SN_OK)
        return sn__fail_status(t->db, st);
    st = sn__journal_reserve(t->db, t->index_count + 1, 0);
    if (st != SN_OK)
        return st;
    for (size_t i = 0; i < t->index_count; i++)
        sn__journal_leave(t->indexes[i], row);
    sn__journal_park(t, row, taken);
    return SN_OK;
}

sn_status
sn__free_row(sn_table *t, sn_row row)
{
    sn_status st = sn__journal_reserve(t->db, 1, t->owning_count);
    if (st == SN_OK)
        sn__journal_free(t, row);
    return st;
}

/* ---------------------------------------------------------------- stamps */

static const sn_stamp *
stamp_for(const sn_table *t, const sn_stamp *stamps, size_t n)
{
    sn_type type = t->columns[t->stamp].def.type;
    for (size_t i = 0; i < n; i++) {
        bool shared = !sn_type_owns(type) || stamps[i].cell.null || sn_word_is_entry(stamps[i].cell.word);
        if (stamps[i].type == type && shared)
            return &stamps[i];
    }
    return NULL;
}

/* How many rows have been parked since the mark, and handles in their stamps. SN_MISUSE without a stamp for one. */
static sn_status
count_stamps(size_t *rows, size_t *owning, sn_db *db, size_t mark, const sn_stamp *stamps, size_t n)
{
    *rows = *owning = 0;
    for (size_t k = mark; k < db->journal_len; k++) {
        if (db->journal[k].kind != SN_UNDO_PARKED)
            continue;
        const sn_table *t = db->journal[k].on.table;
        if (!stamp_for(t, stamps, n))
            return sn__fail_status(db, SN_MISUSE);
        ++*rows;
        *owning += sn_type_owns(t->columns[t->stamp].def.type);
    }
    return SN_OK;
}

sn_status
sn__park_stamp(sn_db *db, size_t mark, const sn_stamp *stamps, size_t n)
{
    size_t rows, owning, end = db->journal_len;
    sn_status st = count_stamps(&rows, &owning, db, mark, stamps, n);
    if (st == SN_OK)
        st = sn__journal_reserve(db, rows, owning);
    for (size_t k = mark; st == SN_OK && k < end; k++) {
        sn_undo u = db->journal[k];
        if (u.kind != SN_UNDO_PARKED)
            continue;
        sn_cell cell = stamp_for(u.on.table, stamps, n)->cell;
        if (sn_type_owns(u.on.table->columns[u.on.table->stamp].def.type) && !cell.null)
            sn_entry_retain(cell.word);
        sn__journal_write(u.on.table, u.row, u.on.table->stamp, cell);
    }
    return st;
}

/* ---------------------------------------------------------------- parked rows that lose what they refer to */

/* Rows of this table that the records from..to took for good. */
static bool
is_gone(const sn_undo *u, const sn_table *t)
{
    return (u->kind == SN_UNDO_KILLED || u->kind == SN_UNDO_FREED) && u->on.table == t;
}

/* The keys of what those records took, as an index that nobody else knows; NULL if there are none. */
static sn_status
index_gone(sn_index **out, const sn_reference *ref, size_t from, size_t to)
{
    const sn_index *key_index = ref->to;
    sn_table *t = key_index->table;
    sn_db *db = t->db;
    sn_word key[SN_MAX_KEY];
    sn_status st = SN_OK;
    for (size_t k = from; st == SN_OK && k < to; k++) {
        sn_row row = db->journal[k].row;
        if (!is_gone(&db->journal[k], t) || !sn__row_key(key, key_index, row))
            continue;
        if (!*out)
            st = sn__index_new(out, &db->mem, t, SN_INDEX_UNIQUE, key_index->columns, key_index->column_count, true,
                               NULL);
        if (st == SN_OK)
            st = sn__index_reserve(*out, key, false);
        if (st == SN_OK)
            sn__index_add_key(*out, key, row);
    }
    return st == SN_OK ? SN_OK : sn__fail_status(db, st);
}

/* A column in a key of this table that others may refer to stays: they would lose it. */
static bool
is_referred_to(const sn_table *t, sn_col col)
{
    for (size_t r = 0; r < t->incoming_count; r++) {
        const sn_index *to = t->incoming[r]->to;
        for (size_t i = 0; i < to->column_count; i++) {
            if (to->columns[i] == col)
                return true;
        }
    }
    return false;
}

/* The key of a member is null as a whole or not at all. */
static bool
may_be_null(const sn_reference *ref)
{
    bool may = true;
    for (size_t i = 0; i < ref->from->column_count; i++)
        may &= !is_referred_to(ref->from->table, ref->from->columns[i]);
    return may || !ref->member;
}

static sn_status
nullify_parked(const sn_reference *ref, sn_row row)
{
    sn_table *t = ref->from->table;
    sn_status st = SN_OK;
    if (!may_be_null(ref))
        return SN_OK;
    for (size_t i = 0; st == SN_OK && i < ref->from->column_count; i++) {
        sn_col col = ref->from->columns[i];
        if (!t->columns[col].def.nullable || is_referred_to(t, col))
            continue;
        st = sn__journal_reserve(t->db, 1, sn_type_owns(t->columns[col].def.type));
        if (st == SN_OK)
            sn__journal_write(t, row, col, SN_NULL_CELL);
    }
    return st;
}

/* The parked rows that refer by `ref` to what the records from..to took. */
static sn_status
follow_parked(sn_reference *ref, size_t from, size_t to)
{
    sn_table *t = ref->from->table;
    sn_index *gone = NULL;
    sn_word key[SN_MAX_KEY];
    sn_status st = index_gone(&gone, ref, from, to);
    for (sn_row row = 0; gone && st == SN_OK && (row = sn__table_next_parked(t, row)) != SN_NO_ROW; row++) {
        if (sn__reference_target(key, ref, row) && sn__index_find(gone, key) != SN_NO_ROW)
            st = ref->action == SN_CASCADE ? sn__free_row(t, row) : nullify_parked(ref, row);
    }
    if (gone)
        sn__index_free(&t->db->mem, gone);
    return st;
}

static sn_status
follow_action(sn_db *db, sn_on_delete action, size_t from, size_t to)
{
    sn_status st = SN_OK;
    for (sn_table *t = db->tables; t; t = t->next) {
        for (size_t r = 0; st == SN_OK && t->parked_count > 0 && r < t->outgoing_count; r++) {
            if (t->outgoing[r]->action == action)
                st = follow_parked(t->outgoing[r], from, to);
        }
    }
    return st;
}

sn_status
sn__parked_follow(sn_db *db, size_t mark)
{
    sn_status st = SN_OK;
    for (size_t from = mark; st == SN_OK && db->parked > 0 && from < db->journal_len;) {
        size_t to = db->journal_len;
        st = follow_action(db, SN_CASCADE, from, to);
        from = to;
    }
    return st == SN_OK && db->parked > 0 ? follow_action(db, SN_NULLIFY, mark, db->journal_len) : st;
}
