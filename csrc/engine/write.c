/*
 * write.c - inserting rows.
 *
 * A row is inserted in three steps, the last of which cannot fail:
 *   check    nulls, NaN in indexed columns, the automatic number; for each index the key words, uniqueness
 *   reserve  room in each index, the table, the journal, the drop list, the pending list
 *   apply    a new position, its cells, life, entries in all indexes, one journal record that stands for all of it
 * Nothing is stored before everything is known, so a single insert that fails has nothing to undo but pending items.
 *
 * Rows inserted one by one in one call share a BORN record, and a refused row takes those before it back: out of the
 * indexes, positions and numbers given back too, as the call has told nobody of them. The cells remain the caller's.
 * Loads come here when a row of theirs is refused, to learn which and why (load.c).
 *
 * What looks at the end of the unit adds a pending item when the row does not pass now: a reference without target (a
 * row that refers to itself, or a load whose parents come later, finds it at the commit), a second row with a deferred
 * unique key.
 *
 * Cost: one probe per unique index and enforced reference, one insertion per index, no allocation but growth.
 */
#include "write.h"

#include "cycle.h"
#include "journal.h"
#include "pending.h"
#include "reference.h"

/* Keys of the first indexes that are kept from the checks to the end. */
#define KEPT_KEYS 8

/* A row on its way in. */
typedef struct draft {
    sn_table *table;
    const sn_cell *cells;
    sn_row row;     /* the position that it will get */
    int64_t number; /* of the automatic column when its cell is null */
    unsigned kept;  /* bit i: keys[i] is the key in the i-th index */
    sn_word keys[KEPT_KEYS];
} draft;

static inline void
draft_start(draft *d, sn_table *t, const sn_cell *cells)
{
    d->table = t;
    d->cells = cells;
    d->row = t->positions;
    d->number = t->next_number;
    d->kept = 0;
}

static inline sn_cell
draft_cell(const draft *d, sn_col col)
{
    sn_cell cell = d->cells[col];
    if (cell.null && col == d->table->automatic)
        return (sn_cell){sn_word_from_int(d->number), false};
    return cell;
}

/* ---------------------------------------------------------------- checks */

void
sn__number_used(sn_table *t, int64_t number)
{
    if (number >= t->next_number)
        t->next_number = number < INT64_MAX ? number + 1 : INT64_MAX;
}

static sn_status
refuse_cell(const sn_table *t, sn_status status, sn_col col)
{
    sn_error e = SN_ERROR(status);
    e.table = t;
    e.column = col;
    return sn__fail(t->db, e);
}

/* A gap has no rules: its null passes for not being used, anything else for not being indexed. */
static inline sn_status
check_cells(const draft *d)
{
    const sn_table *t = d->table;
    for (size_t c = 0, n = t->column_count; c < n; c++) {
        const sn_column *column = &t->columns[c];
        if (SN_LIKELY(d->cells[c].null ? column->def.nullable : !column->indexed))
            continue;
        sn_status st = sn__cell_refused(column, d->cells[c]);
        if (st != SN_OK && column->used && !(st == SN_NULL && c == t->automatic))
            return refuse_cell(t, st, (sn_col)c);
    }
    bool counted = t->automatic != SN_NO_COL && d->cells[t->automatic].null;
    return SN_UNLIKELY(counted && d->number == INT64_MAX) ? refuse_cell(t, SN_LIMIT, t->automatic) : SN_OK;
}

/* False if one of the key's cells is null. */
static inline bool
draft_key(sn_word *key, const draft *d, const sn_index *ix)
{
    bool whole = true;
    assert(ix->column_count > 0);
    for (size_t i = 0; i < ix->column_count; i++) {
        sn_cell cell = draft_cell(d, ix->columns[i]);
        key[i] = cell.word;
        if (!cell.null && !(ix->plain >> i & 1))
            key[i] = sn_types[d->table->columns[ix->columns[i]].def.type].key(cell.word);
        whole &= !cell.null;
    }
    return whole;
}

/* One of the key's cells is null and another is not. */
static bool
draft_is_half(const draft *d, const sn_index *ix)
{
    size_t nulls = 0;
    for (size_t i = 0; i < ix->column_count; i++)
        nulls += draft_cell(d, ix->columns[i]).null;
    return nulls > 0 && nulls < ix->column_count;
}

static sn_status
refuse_key(const sn_index *ix, sn_status status, sn_row other)
{
    sn_error e = SN_ERROR(status);
    e.table = ix->table;
    e.index = ix;
    e.other = other;
    return sn__fail(ix->table->db, e);
}

/* Unique and many indexes over one column are entered by a kept key, for which nothing is read again. */
static inline void
keep_key(draft *d, size_t i, sn_word key)
{
    if (i < KEPT_KEYS && d->table->indexes[i]->column_count == 1 && d->table->indexes[i]->kind != SN_INDEX_ORDERED) {
        d->keys[i] = key;
        d->kept |= 1u << i;
    }
}

static sn_status
prepare_index(draft *d, size_t i)
{
    sn_index *ix = d->table->indexes[i];
    sn_word key[SN_MAX_KEY];
    bool whole = draft_key(key, d, ix);
    if (whole)
        keep_key(d, i, key[0]);
    else if (ix->members > 0 && draft_is_half(d, ix))
        return refuse_key(ix, SN_HALF, SN_NO_ROW);
    if (whole && ix->kind == SN_INDEX_UNIQUE) {
        sn_row other = sn__index_find(ix, key);
        if (other != SN_NO_ROW && !ix->deferred)
            return refuse_key(ix, SN_UNIQUE, other);
        sn_status st = other == SN_NO_ROW ? SN_OK : sn__pending_add(d->table->db, SN_PENDING_UNIQUE, NULL, ix, d->row);
        if (st != SN_OK)
            return st;
    }
    sn_status st = sn__index_reserve(ix, key, !whole);
    return st == SN_OK ? SN_OK : sn__fail_status(d->table->db, st);
}

static sn_status
prepare_reference(const draft *d, const sn_reference *ref)
{
    sn_word words[SN_MAX_KEY], key[SN_MAX_KEY], own[SN_MAX_KEY];
    if (!(ref->enforce || ref->acyclic) || !draft_key(words, d, ref->from) || !sn__reference_leads(key, ref, words))
        return SN_OK;
    sn_status st = ref->acyclic && draft_key(own, d, ref->to) ? sn__cycle_made(ref, d->row, key, own) : SN_OK;
    if (st != SN_OK || !ref->enforce || sn__index_find(ref->to, key) != SN_NO_ROW)
        return st;
    return sn__pending_add(d->table->db, SN_PENDING_REFERENCE, ref, NULL, d->row);
}

/* Everything but the table, the journal and the drop list, which the callers reserve. */
static sn_status
prepare(draft *d)
{
    const sn_table *t = d->table;
    sn_status st = check_cells(d);
    for (size_t i = 0; st == SN_OK && i < t->index_count; i++)
        st = prepare_index(d, i);
    for (size_t i = 0; st == SN_OK && i < t->outgoing_count; i++)
        st = prepare_reference(d, t->outgoing[i]);
    return st;
}

sn_status
sn__insert_reserve(sn_table *t, sn_row n)
{
    sn_status st = sn__table_reserve(t, n);
    if (st != SN_OK)
        return sn__fail_status(t->db, st);
    return sn__journal_reserve(t->db, 1, (size_t)n * t->owning_count);
}

/* ---------------------------------------------------------------- applying */

/* Writes a cell of a fresh position, which is null or zero already. */
static inline void
store_fresh(const sn_column *column, sn_row row, sn_word word)
{
    size_t block = row >> SN_BLOCK_SHIFT, at = row & SN_BLOCK_MASK;
    column->blocks[block][at] = word;
    if (column->nulls)
        column->nulls[block][at >> 6] &= ~((uint64_t)1 << (at & 63));
}

static inline void
store_cells(const draft *d)
{
    const sn_column *column = d->table->columns;
    const sn_cell *cell = d->cells;
    for (size_t left = d->table->column_count; left > 0; left--, column++, cell++) {
        if (!cell->null && SN_LIKELY(column->used))
            store_fresh(column, d->row, cell->word);
    }
}

/* The automatic column: the number given, or the next one. */
static inline void
store_number(const draft *d)
{
    sn_table *t = d->table;
    sn_cell given = d->cells[t->automatic];
    if (given.null)
        store_fresh(&t->columns[t->automatic], d->row, sn_word_from_int(d->number));
    sn__number_used(t, given.null ? d->number : sn_word_int(given.word));
}

static inline void
apply(const draft *d, size_t mark)
{
    sn_table *t = d->table;
    sn_row row = sn__table_extend(t);
    assert(row == d->row);
    store_cells(d);
    if (t->automatic != SN_NO_COL)
        store_number(d);
    sn__table_set_live(t, row, true);
    for (size_t i = 0; i < t->index_count; i++) {
        if (i < KEPT_KEYS && (d->kept >> i & 1))
            sn__index_add_key(t->indexes[i], &d->keys[i], row);
        else
            sn__index_add(t->indexes[i], row);
    }
    sn__journal_born(t, row, 1, mark);
}

sn_status
sn_table_insert(sn_row *out, sn_table *t, const sn_cell *cells)
{
    sn_db *db = t->db;
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    size_t pending = db->pending_len;
    draft d;
    draft_start(&d, t, cells);
    sn_status st = sn__insert_reserve(t, 1);
    if (st == SN_OK)
        st = prepare(&d);
    if (st != SN_OK) {
        db->pending_len = pending;
        return st;
    }
    apply(&d, 0);
    sn__revise(db);
    *out = d.row;
    return SN_OK;
}

/* ---------------------------------------------------------------- many */

/* The state to which a refused load returns. */
typedef struct load_mark {
    size_t journal, pending;
    int64_t next_number;
    sn_row first;
} load_mark;

static void
undo_load(sn_table *t, const load_mark *mark)
{
    sn_db *db = t->db;
    if (db->error.other != SN_NO_ROW && db->error.other >= mark->first)
        db->error.other = SN_NO_ROW;
    sn__journal_undo(db, mark->journal, true);
    db->pending_len = mark->pending;
    t->next_number = mark->next_number;
}

sn_status
sn__insert_each(sn_table *t, const sn_cell *cells, size_t n)
{
    sn_db *db = t->db;
    load_mark mark = {db->journal_len, db->pending_len, t->next_number, t->positions};
    sn_status st = sn__insert_reserve(t, (sn_row)n);
    if (st != SN_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        draft d;
        draft_start(&d, t, cells + i * t->column_count);
        st = prepare(&d);
        if (st != SN_OK) {
            db->error.count = i;
            undo_load(t, &mark);
            return st;
        }
        apply(&d, mark.journal);
    }
    return SN_OK;
}

int64_t
sn_table_next_number(const sn_table *t)
{
    return t->next_number;
}
