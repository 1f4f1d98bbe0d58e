/*
 * update.c - changing cells of rows, and moving a row within its list.
 *
 * Uniqueness is judged on the outcome of the whole call, so that values can be swapped: first every row leaves every
 * index in which its key changes, then all cells are written, then the rows enter again, where a key that is taken now
 * is a conflict. Until then the call may fail, for memory too, and returns to its mark in the journal. The LEFT records
 * written by the first step are the list of what the third has to do.
 *
 * A key that rows refer to through an enforced reference does not change while they do (SN_KEY_IN_USE, judged before
 * anything is applied). A new foreign key without target becomes pending.
 *
 * All given cells are moved in. A cell that equals what is stored, word for word, writes nothing, so after success it
 * is released: the WROTE records, which come in the order of the cells, tell which these are.
 *
 * Cost: per cell a comparison, a record and a store; per index whose columns are set and row whose key changes, one
 * removal and one insertion. Updating columns in no index touches no index.
 */
#include "write.h"

#include "cycle.h"
#include "journal.h"
#include "pending.h"
#include "reference.h"

/* Up to so many rows, doubles are found by comparing all pairs. */
#define FEW_ROWS 16

static sn_status
refuse(sn_table *t, sn_status status, sn_row row, sn_col col)
{
    sn_error e = SN_ERROR(status);
    e.table = t;
    e.row = row;
    e.column = col;
    return sn__fail(t->db, e);
}

/* ---------------------------------------------------------------- arguments */

static sn_status
check_columns(const sn_change *c)
{
    for (size_t j = 0; j < c->ncols; j++) {
        sn_col col = c->cols[j];
        bool wrong = col >= c->table->column_count || !c->table->columns[col].used;
        for (size_t k = 0; k < j; k++)
            wrong |= c->cols[k] == col;
        if (wrong)
            return refuse(c->table, SN_MISUSE, SN_NO_ROW, col);
    }
    return SN_OK;
}

static bool
ascending(const sn_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (rows[i - 1] >= rows[i])
            return false;
    }
    return true;
}

static bool
few_distinct(const sn_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (rows[i] == rows[k])
                return false;
        }
    }
    return true;
}

/* All rows are positions of the table. */
static sn_status
many_distinct(const sn_change *c)
{
    sn_db *db = c->table->db;
    size_t size = ((size_t)c->table->positions / 64 + 1) * sizeof(uint64_t);
    uint64_t *seen = sn_mem_zero(&db->mem, size);
    if (!seen)
        return sn__fail_status(db, SN_NOMEM);
    bool distinct = true;
    for (size_t i = 0; i < c->n && distinct; i++) {
        uint64_t bit = (uint64_t)1 << (c->rows[i] & 63);
        distinct = !(seen[c->rows[i] >> 6] & bit);
        seen[c->rows[i] >> 6] |= bit;
    }
    sn_mem_free(&db->mem, seen, size);
    return distinct ? SN_OK : sn__fail_status(db, SN_MISUSE);
}

static sn_status
check_rows(const sn_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!sn__alive(c->table, c->rows[i]))
            return refuse(c->table, SN_STALE, c->rows[i], SN_NO_COL);
    }
    if (ascending(c->rows, c->n))
        return SN_OK;
    if (c->n > FEW_ROWS)
        return many_distinct(c);
    return few_distinct(c->rows, c->n) ? SN_OK : sn__fail_status(c->table->db, SN_MISUSE);
}

static sn_status
check_cells(const sn_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < c->ncols; j++) {
            sn_status st = sn__cell_refused(&c->table->columns[c->cols[j]], c->cells[i * c->ncols + j]);
            if (st != SN_OK)
                return refuse(c->table, st, c->rows[i], c->cols[j]);
        }
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- which keys change */

static bool
same_cell(sn_cell a, sn_cell b)
{
    return a.null == b.null && (a.null || a.word == b.word);
}

static sn_cell
stored(const sn_table *t, sn_row row, sn_col col)
{
    return (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)};
}

static bool
touches(const sn_change *c, const sn_index *ix)
{
    for (size_t k = 0; k < ix->column_count; k++) {
        for (size_t j = 0; j < c->ncols; j++) {
            if (c->cols[j] == ix->columns[k])
                return true;
        }
    }
    return false;
}

static bool
in_key(const sn_index *ix, sn_col col)
{
    for (size_t k = 0; k < ix->column_count; k++) {
        if (ix->columns[k] == col)
            return true;
    }
    return false;
}

/* Row i gets another key in this index. */
static bool
key_changes(const sn_change *c, size_t i, const sn_index *ix)
{
    for (size_t j = 0; j < c->ncols; j++) {
        if (!in_key(ix, c->cols[j]))
            continue;
        sn_cell old = stored(c->table, c->rows[i], c->cols[j]);
        sn_cell new = c->cells[i * c->ncols + j];
        if (same_cell(old, new))
            continue;
        sn_word (*key)(sn_word) = sn_types[c->table->columns[c->cols[j]].def.type].key;
        if (old.null || new.null || key(old.word) != key(new.word))
            return true;
    }
    return false;
}

static sn_status
check_key_unused(const sn_reference *ref, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    size_t count = sn__reference_referring(key, ref, row) ? sn__reference_count(ref, key) : 0;
    if (count == 0)
        return SN_OK;
    sn_error e = SN_ERROR(SN_KEY_IN_USE);
    e.table = ref->to->table;
    e.reference = ref;
    e.row = row;
    e.count = count;
    return sn__fail(ref->to->table->db, e);
}

static sn_status
check_keys_unused(const sn_change *c)
{
    for (size_t r = 0; r < c->table->incoming_count; r++) {
        const sn_reference *ref = c->table->incoming[r];
        if (!sn__reference_guards(ref) || !touches(c, ref->to))
            continue;
        for (size_t i = 0; i < c->n; i++) {
            sn_status st = key_changes(c, i, ref->to) ? check_key_unused(ref, c->rows[i]) : SN_OK;
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- leave, store, enter */

static void
leave_indexes(const sn_change *c)
{
    for (size_t x = 0; x < c->table->index_count; x++) {
        sn_index *ix = c->table->indexes[x];
        if (!touches(c, ix))
            continue;
        for (size_t i = 0; i < c->n; i++) {
            if (key_changes(c, i, ix))
                sn__journal_leave(ix, c->rows[i]);
        }
    }
}

static void
store_cells(const sn_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < c->ncols; j++) {
            sn_cell cell = c->cells[i * c->ncols + j];
            if (!same_cell(stored(c->table, c->rows[i], c->cols[j]), cell))
                sn__journal_write(c->table, c->rows[i], c->cols[j], cell);
        }
    }
}

static sn_status
enter_unique(sn_index *ix, sn_row row, const sn_word *key)
{
    sn_row other = sn__index_find(ix, key);
    if (other == SN_NO_ROW)
        return SN_OK;
    if (ix->deferred)
        return sn__pending_add(ix->table->db, SN_PENDING_UNIQUE, NULL, ix, row);
    sn_error e = SN_ERROR(SN_UNIQUE);
    e.table = ix->table;
    e.index = ix;
    e.row = row;
    e.other = other;
    return sn__fail(ix->table->db, e);
}

static sn_status
refuse_half(const sn_index *ix, sn_row row)
{
    sn_error e = SN_ERROR(SN_HALF);
    e.table = ix->table;
    e.index = ix;
    e.row = row;
    return sn__fail(ix->table->db, e);
}

sn_status
sn__index_enter(sn_index *ix, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    bool whole = sn__row_key(key, ix, row);
    if (!whole && ix->members > 0 && sn__key_is_half(ix, row))
        return refuse_half(ix, row);
    sn_status st = whole && ix->kind == SN_INDEX_UNIQUE ? enter_unique(ix, row, key) : SN_OK;
    if (st != SN_OK)
        return st;
    st = sn__index_reserve(ix, key, !whole);
    if (st != SN_OK)
        return sn__fail_status(ix->table->db, st);
    sn__journal_enter(ix, row);
    return SN_OK;
}

/* References over this index whose row finds no target now become pending. */
static sn_status
watch_references(const sn_index *ix, sn_row row)
{
    const sn_table *t = ix->table;
    for (size_t r = 0; r < t->outgoing_count; r++) {
        const sn_reference *ref = t->outgoing[r];
        if (ref->from != ix || !ref->enforce || !sn__reference_dangles(ref, row))
            continue;
        sn_status st = sn__pending_add(t->db, SN_PENDING_REFERENCE, ref, NULL, row);
        if (st != SN_OK)
            return st;
    }
    return SN_OK;
}

/* What left the indexes between two marks in the journal enters them again. */
static sn_status
enter_indexes(sn_db *db, size_t from, size_t to)
{
    sn_status st = SN_OK;
    for (size_t k = from; k < to && st == SN_OK; k++) {
        sn_undo left = db->journal[k];
        st = sn__index_enter(left.on.index, left.row);
    }
    for (size_t k = from; k < to && st == SN_OK; k++) {
        sn_undo left = db->journal[k];
        if (left.on.index->references > 0)
            st = watch_references(left.on.index, left.row);
        if (st == SN_OK && left.on.index->references > 0)
            st = sn__cycle_changed(left.on.index->table, left.on.index, left.row);
    }
    return st;
}

/* ---------------------------------------------------------------- the change */

static bool
any_indexed(const sn_change *c)
{
    for (size_t j = 0; j < c->ncols; j++) {
        if (c->table->columns[c->cols[j]].indexed)
            return true;
    }
    return false;
}

static size_t
owning_cells(const sn_change *c)
{
    size_t owning = 0;
    for (size_t j = 0; j < c->ncols; j++)
        owning += sn_type_owns(c->table->columns[c->cols[j]].def.type);
    return owning * c->n;
}

sn_status
sn__change_apply(const sn_change *c)
{
    sn_db *db = c->table->db;
    bool indexed = any_indexed(c);
    size_t touched = 0;
    for (size_t x = 0; indexed && x < c->table->index_count; x++)
        touched += touches(c, c->table->indexes[x]);
    sn_status st = indexed ? check_keys_unused(c) : SN_OK;
    if (st == SN_OK)
        st = sn__journal_reserve(db, c->n * (c->ncols + 2 * touched), owning_cells(c));
    if (st != SN_OK)
        return st;
    size_t mark = db->journal_len;
    if (indexed)
        leave_indexes(c);
    size_t left = db->journal_len;
    store_cells(c);
    return enter_indexes(db, mark, left);
}

/* The cells that changed nothing: those without a WROTE record. Room on the drop list has been reserved for all. */
static void
release_unchanged(const sn_change *c, size_t mark)
{
    sn_db *db = c->table->db;
    const sn_undo *u = db->journal + mark, *end = db->journal + db->journal_len;
    while (u < end && u->kind != SN_UNDO_WROTE)
        u++;
    for (size_t i = 0; i < c->n; i++) {
        for (size_t j = 0; j < c->ncols; j++) {
            if (u < end && u->kind == SN_UNDO_WROTE && u->row == c->rows[i] && u->col == c->cols[j]) {
                u++;
                continue;
            }
            sn_type type = c->table->columns[c->cols[j]].def.type;
            db->drop_promised += sn_type_owns(type);
            sn__drop_cell(db, type, c->cells[i * c->ncols + j]);
        }
    }
}

static void
count_numbers(const sn_change *c)
{
    for (size_t j = 0; j < c->ncols; j++) {
        if (c->cols[j] != c->table->automatic)
            continue;
        for (size_t i = 0; i < c->n; i++)
            sn__number_used(c->table, sn_word_int(c->cells[i * c->ncols + j].word));
    }
}

static sn_status
check_change(const sn_change *c)
{
    if (c->table->db->depth == 0)
        return sn__fail_status(c->table->db, SN_MISUSE);
    sn_status st = check_columns(c);
    if (st == SN_OK)
        st = check_rows(c);
    return st == SN_OK ? check_cells(c) : st;
}

sn_status
sn_table_update(sn_table *t, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols, const sn_cell *cells)
{
    sn_db *db = t->db;
    sn_change c = {t, rows, n, cols, ncols, cells};
    sn_status st = check_change(&c);
    if (st != SN_OK)
        return st;
    size_t mark = db->journal_len, pending = db->pending_len;
    st = sn__change_apply(&c);
    if (st != SN_OK) {
        sn__journal_undo(db, mark, true);
        db->pending_len = pending;
        return st;
    }
    if (db->journal_len > mark)
        sn__revise(db);
    if (owning_cells(&c) > 0)
        release_unchanged(&c, mark);
    if (t->automatic != SN_NO_COL)
        count_numbers(&c);
    return SN_OK;
}

static inline bool
exchange(sn_cell *old, sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    if (t->db->depth > 0 || col >= t->column_count || !t->columns[col].used)
        return false;
    const sn_column *column = &t->columns[col];
    if (column->indexed || col == t->automatic || sn__cell_refused(column, cell) != SN_OK)
        return false;
    *old = (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)};
    if (same_cell(*old, cell))
        return true;
    sn__table_store(t, row, col, cell);
    sn__revise_cell(t, row, col);
    return true;
}

bool
sn_table_exchange(sn_cell *old, sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    return sn__alive(t, row) && exchange(old, t, row, col, cell);
}

bool
sn_table_exchange_parked(sn_cell *old, sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    return sn__parked(t, row) && exchange(old, t, row, col, cell);
}

/* ---------------------------------------------------------------- order of arrival */

sn_status
sn_index_move(sn_index *ix, sn_row row, size_t position)
{
    sn_db *db = ix->table->db;
    sn_word key[SN_MAX_KEY];
    if (db->depth == 0 || ix->kind != SN_INDEX_MANY)
        return sn__fail_status(db, SN_MISUSE);
    if (!sn__alive(ix->table, row))
        return refuse(ix->table, SN_STALE, row, SN_NO_COL);
    if (!sn__row_key(key, ix, row))
        return refuse(ix->table, SN_MISUSE, row, SN_NO_COL);
    sn_status st = sn__journal_reserve(db, 1, 0);
    if (st != SN_OK)
        return st;
    sn_place to = sn__many_place_at(ix, row, position);
    sn_place from = sn__many_rotate(ix, row, to);
    if (from != to) {
        sn_undo *u = sn__journal_push(db, SN_UNDO_MOVED, row);
        u->on.index = ix;
        u->was.move.from = from;
        u->was.move.to = to;
        sn__note_cell(ix->table, row, ix->columns[0]);
        sn__revise(db);
    }
    return SN_OK;
}
