/*
 * schema.c - tables, columns and indexes: making, changing and dropping them.
 *
 * Between units only, so the journal never meets a schema other than the one in which it was written. Each call
 * validates against the rows that exist, asks for all memory, then changes; what is refused leaves no trace.
 *
 * Invariants kept here
 *   columns[c].indexed   number of indexes that c is part of; such a column cannot be dropped
 *   owning_count         number of used columns whose type owns something
 *   automatic            at most one column, SN_INT; next_number is above every number in it (below SN_LIMIT's)
 *   index->references    number of references that use it; such an index cannot be dropped
 */
#include <string.h>

#include "database.h"
#include "getter.h"
#include "write.h"

static sn_status
refuse(sn_table *t, sn_status status, sn_col col, sn_row row)
{
    sn_error e = SN_ERROR(status);
    e.table = t;
    e.column = col;
    e.row = row;
    return sn__fail(t->db, e);
}

/* ---------------------------------------------------------------- tables */

sn_status
sn_table_new(sn_table **out, sn_db *db, void *tag)
{
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    sn_table *t = sn_mem_zero(&db->mem, sizeof(*t));
    if (!t)
        return sn__fail_status(db, SN_NOMEM);
    t->db = db;
    t->tag = tag;
    t->automatic = t->stamp = SN_NO_COL;
    t->next_number = 1;
    t->number = db->table_numbers++;
    sn_table **end = &db->tables;
    while (*end)
        end = &(*end)->next;
    *end = t;
    sn__schema_changes(db);
    *out = t;
    return SN_OK;
}

void
sn_table_drop(sn_table *t)
{
    sn_db *db = t->db;
    if (db->depth > 0 || t->count > 0 || t->parked_count > 0 || t->incoming_count > 0 || t->outgoing_count > 0) {
        sn__fail_status(db, SN_MISUSE);
        return;
    }
    sn__schema_changes(db);
    sn_table **link = &db->tables;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    for (size_t i = 0; i < t->index_count; i++)
        sn__index_free(&db->mem, t->indexes[i]);
    sn__getters_free(t);
    sn__table_free(t);
}

void *
sn_table_tag(const sn_table *t)
{
    return t->tag;
}

sn_db *
sn_table_db(const sn_table *t)
{
    return t->db;
}

/* ---------------------------------------------------------------- columns */

/* Existing rows take `fill`: may they? Numbers are given to rows that have none in an automatic column. */
static sn_status
check_fill(sn_table *t, const sn_column_def *def, const sn_cell *fill)
{
    if (def->nullable || def->automatic)
        return SN_OK;
    for (sn_row row = 0; row < t->positions; row++) {
        if (sn__stored(t, row) && (!fill || fill[row].null))
            return refuse(t, SN_NULL, SN_NO_COL, row);
    }
    return SN_OK;
}

/* A new column starts with nulls, or zeros that numbers replace. */
static void
store_fill(sn_table *t, sn_col col, const sn_cell *fill)
{
    for (sn_row row = 0; fill && row < t->positions; row++) {
        if (sn__stored(t, row) && !fill[row].null)
            sn__table_store(t, row, col, fill[row]);
    }
}

/* The new automatic column: numbers above all given ones for the rows without one. */
static sn_status
start_numbers(sn_table *t, const sn_cell *fill)
{
    int64_t old = t->next_number;
    t->next_number = 1;
    for (sn_row row = 0; fill && row < t->positions; row++) {
        if (sn__stored(t, row) && !fill[row].null)
            sn__number_used(t, sn_word_int(fill[row].word));
    }
    if (t->next_number < INT64_MAX - (int64_t)t->positions)
        return SN_OK;
    t->next_number = old;
    return refuse(t, SN_LIMIT, SN_NO_COL, SN_NO_ROW);
}

static void
give_numbers(sn_table *t, sn_col col, const sn_cell *fill)
{
    t->automatic = col;
    for (sn_row row = 0; row < t->positions; row++) {
        if (sn__stored(t, row) && (!fill || fill[row].null))
            sn__table_store(t, row, col, (sn_cell){sn_word_from_int(t->next_number++), false});
    }
}

sn_status
sn_table_add_column(sn_col *out, sn_table *t, const sn_column_def *def, const sn_cell *fill)
{
    sn_db *db = t->db;
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    if ((unsigned)def->type >= SN_TYPE_COUNT || (def->automatic && (def->type != SN_INT || t->automatic != SN_NO_COL)))
        return sn__fail_status(db, SN_MISUSE);
    int64_t old_number = t->next_number;
    sn_status st = check_fill(t, def, fill);
    if (st == SN_OK && def->automatic)
        st = start_numbers(t, fill);
    if (st != SN_OK)
        return st;
    st = sn__table_add_slot(out, t, def);
    if (st != SN_OK) {
        t->next_number = old_number;
        return sn__fail_status(db, st);
    }
    store_fill(t, *out, fill);
    if (def->automatic)
        give_numbers(t, *out, fill);
    t->owning_count = (sn_col)(t->owning_count + sn_type_owns(def->type));
    sn__schema_changes(db);
    return SN_OK;
}

static sn_status
drop_cells(sn_table *t, sn_col col)
{
    sn_type type = t->columns[col].def.type;
    if (!sn_type_owns(type))
        return SN_OK;
    sn_status st = sn__drop_promise(t->db, (size_t)t->count + t->parked_count);
    if (st != SN_OK)
        return st;
    for (sn_row row = 0; row < t->positions; row++) {
        if (sn__stored(t, row))
            sn__drop_cell(t->db, type, (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)});
    }
    t->owning_count--;
    return SN_OK;
}

static bool
has_column(const sn_table *t, sn_col col)
{
    return col < t->column_count && t->columns[col].used;
}

sn_status
sn_table_drop_column(sn_table *t, sn_col col)
{
    if (t->db->depth > 0)
        return sn__fail_status(t->db, SN_BUSY);
    if (!has_column(t, col) || t->columns[col].indexed > 0 || t->stamp == col)
        return refuse(t, SN_MISUSE, col, SN_NO_ROW);
    sn_status st = drop_cells(t, col);
    if (st != SN_OK)
        return st;
    if (t->automatic == col)
        t->automatic = SN_NO_COL;
    sn__table_free_slot(t, col);
    sn__schema_changes(t->db);
    return SN_OK;
}

/* A reference that nullifies needs one nullable column, and this one may be the last; as a member it needs all. */
static bool
needed_nullable(const sn_table *t, sn_col col)
{
    for (size_t r = 0; r < t->outgoing_count; r++) {
        const sn_index *from = t->outgoing[r]->from;
        size_t others = 0, here = 0;
        for (size_t i = 0; i < from->column_count; i++) {
            here += from->columns[i] == col;
            others += from->columns[i] != col && t->columns[from->columns[i]].def.nullable;
        }
        if (t->outgoing[r]->action == SN_NULLIFY && here > 0 && (others == 0 || t->outgoing[r]->member))
            return true;
    }
    return false;
}

static sn_status
forbid_nulls(sn_table *t, sn_col col)
{
    if (needed_nullable(t, col) || t->stamp == col)
        return refuse(t, SN_MISUSE, col, SN_NO_ROW);
    for (sn_row row = 0; row < t->positions; row++) {
        if (sn__stored(t, row) && sn__is_null(t, row, col))
            return refuse(t, SN_NULL, col, row);
    }
    for (sn_row row = 0; row < t->positions; row++) {
        if (!sn__stored(t, row))
            sn__table_store(t, row, col, (sn_cell){0, false});
    }
    sn__table_free_nulls(t, col);
    return SN_OK;
}

sn_status
sn_table_set_nullable(sn_table *t, sn_col col, bool nullable)
{
    if (t->db->depth > 0)
        return sn__fail_status(t->db, SN_BUSY);
    if (!has_column(t, col))
        return refuse(t, SN_MISUSE, col, SN_NO_ROW);
    if (t->columns[col].def.nullable == nullable)
        return SN_OK;
    sn_status st = nullable ? sn__table_add_nulls(t, col) : forbid_nulls(t, col);
    if (st != SN_OK)
        return nullable ? sn__fail_status(t->db, st) : st;
    sn__schema_changes(t->db);
    return SN_OK;
}

sn_status
sn_table_set_stamp(sn_table *t, sn_col col)
{
    if (t->db->depth > 0)
        return sn__fail_status(t->db, SN_BUSY);
    bool fits = col == SN_NO_COL ? t->parked_count == 0 : has_column(t, col) && t->columns[col].def.nullable;
    if (!fits)
        return refuse(t, SN_MISUSE, col, SN_NO_ROW);
    t->stamp = col;
    sn__schema_changes(t->db);
    return SN_OK;
}

/* ---------------------------------------------------------------- indexes */

static bool
can_index(const sn_table *t, sn_index_kind kind, const sn_col *cols, size_t n, bool deferred)
{
    if (n == 0 || n > SN_MAX_KEY || (deferred && kind != SN_INDEX_UNIQUE))
        return false;
    for (size_t i = 0; i < n; i++) {
        const sn_column *column = has_column(t, cols[i]) ? &t->columns[cols[i]] : NULL;
        if (!column || column->def.type == SN_OBJECT || column->indexed == UINT16_MAX)
            return false;
        for (size_t k = 0; k < i; k++) {
            if (cols[k] == cols[i])
                return false;
        }
    }
    return true;
}

static void
count_columns(sn_index *ix, bool more)
{
    for (size_t i = 0; i < ix->column_count; i++) {
        uint16_t *indexed = &ix->table->columns[ix->columns[i]].indexed;
        *indexed = (uint16_t)(more ? *indexed + 1 : *indexed - 1);
    }
}

/* The columns count as indexed already, so the rule for new cells judges the old ones. */
static sn_status
check_row(const sn_index *ix, sn_row row)
{
    sn_table *t = ix->table;
    for (size_t i = 0; i < ix->column_count; i++) {
        sn_col col = ix->columns[i];
        sn_status st = sn__cell_refused(&t->columns[col], (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)});
        if (st != SN_OK)
            return refuse(t, st, col, row);
    }
    return SN_OK;
}

static sn_status
build_row(sn_index *ix, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    sn_status st = check_row(ix, row);
    if (st != SN_OK)
        return st;
    bool whole = sn__row_key(key, ix, row);
    sn_row other = whole && ix->kind == SN_INDEX_UNIQUE ? sn__index_find(ix, key) : SN_NO_ROW;
    if (other != SN_NO_ROW) {
        sn_error e = SN_ERROR(SN_UNIQUE);
        e.table = ix->table;
        e.row = row;
        e.other = other;
        return sn__fail(ix->table->db, e);
    }
    st = sn__index_reserve(ix, key, !whole);
    if (st != SN_OK)
        return sn__fail_status(ix->table->db, st);
    sn__index_add(ix, row);
    return SN_OK;
}

static sn_status
build(sn_index *ix)
{
    sn_status st = SN_OK;
    count_columns(ix, true);
    for (sn_row row = 0; row < ix->table->positions && st == SN_OK; row++) {
        if (sn__alive(ix->table, row))
            st = build_row(ix, row);
    }
    if (st != SN_OK)
        count_columns(ix, false);
    return st;
}

sn_status
sn_index_new(sn_index **out, sn_table *t, sn_index_kind kind, const sn_col *cols, size_t n, bool deferred, void *tag)
{
    sn_db *db = t->db;
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    if (!can_index(t, kind, cols, n, deferred))
        return sn__fail_status(db, SN_MISUSE);
    sn_index *ix = NULL;
    sn_status st = sn_mem_grow(&db->mem, &t->indexes, &t->index_cap, t->index_count + 1, sizeof(sn_index *));
    if (st == SN_OK)
        st = sn__index_new(&ix, &db->mem, t, kind, cols, n, deferred, tag);
    if (st != SN_OK)
        return sn__fail_status(db, st);
    st = build(ix);
    if (st != SN_OK) {
        sn__index_free(&db->mem, ix);
        return st;
    }
    t->indexes[t->index_count++] = ix;
    sn__schema_changes(db);
    *out = ix;
    return SN_OK;
}

sn_status
sn_index_drop(sn_index *ix)
{
    sn_table *t = ix->table;
    if (t->db->depth > 0)
        return sn__fail_status(t->db, SN_BUSY);
    if (ix->references > 0) {
        sn_error e = SN_ERROR(SN_MISUSE);
        e.index = ix;
        return sn__fail(t->db, e);
    }
    size_t i = 0;
    while (t->indexes[i] != ix)
        i++;
    memmove(&t->indexes[i], &t->indexes[i + 1], (--t->index_count - i) * sizeof(sn_index *));
    count_columns(ix, false);
    sn__index_free(&t->db->mem, ix);
    sn__schema_changes(t->db);
    return SN_OK;
}
