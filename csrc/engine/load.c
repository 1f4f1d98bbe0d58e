/*
 * load.c - inserting many rows as one call.
 *
 * Rows go in a piece at a time, and a piece a column at a time, then an index at a time: each is one loop over words that lie
 * side by side, where inserting row by row would go through all columns and all indexes for each row. A piece is a run of
 * rows of one block, short enough to stay in the cache until its last index is done.
 *
 * A load is a bet that nothing is refused. A piece that meets a null where none may be, a key that is taken or a lack of memory is
 * withdrawn, the pieces before it are undone by the journal, where they share one BORN record, and all is as it was: out of
 * the indexes, positions and numbers given back, the cells still the caller's. Unless memory was the cause the rows are
 * then inserted one by one (write.c), which finds the first row that is refused, and says why, or, for what only looks at the
 * end of the unit can decide (deferred indexes), lets it pass. So there is one set of rules for what is refused.
 *
 * Rows whose target is missing wait for the end of the unit, as with single inserts; a row's own piece is in already when
 * its references are looked at.
 *
 * Invariant while a piece is under way: of its rows the first `entered` are in indexes[at], all in those before it, none
 * in those behind; nothing of it is in the journal.
 *
 * Cost: for each cell a handful of instructions, for each index a probe and an insertion.
 */
#include "cycle.h"
#include "journal.h"
#include "pending.h"
#include "reference.h"
#include "write.h"

/* Rows of a piece: a divisor of the rows of a block. */
#ifdef SN_TINY
#define PIECE_ROWS 2
#else
#define PIECE_ROWS 256
#endif

_Static_assert(SN_BLOCK_ROWS % PIECE_ROWS == 0, "a piece lies in one block");

typedef struct piece {
    sn_table *table;
    const sn_cell *cells; /* n * columns */
    sn_row first;
    sn_row n;
    size_t at;      /* the index that is being entered */
    sn_row entered; /* rows in it */
} piece;

/* ---------------------------------------------------------------- columns */

/* Whether sn__cell_refused may refuse a cell of this column that is not null. */
static bool
is_choosy(const sn_column *column)
{
    return column->indexed && (column->def.type == SN_FLOAT || column->def.type == SN_TEXT);
}

/* The cells of a column, into positions which are null or zero so far. */
static sn_status
store_column(const piece *p, sn_col col)
{
    const sn_column *column = &p->table->columns[col];
    size_t width = p->table->column_count, block = p->first >> SN_BLOCK_SHIFT, at = p->first & SN_BLOCK_MASK;
    sn_word *words = column->blocks[block] + at;
    uint64_t *nulls = column->nulls ? column->nulls[block] : NULL;
    bool choosy = is_choosy(column);
    const sn_cell *cell = p->cells + col;
    for (size_t i = 0; i < p->n; i++, cell += width) {
        if (SN_UNLIKELY(choosy || (cell->null && !nulls)) && sn__cell_refused(column, *cell) != SN_OK)
            return SN_NULL;
        if (cell->null)
            continue;
        words[i] = cell->word;
        if (nulls)
            nulls[(at + i) >> 6] &= ~(UINT64_C(1) << ((at + i) & 63));
    }
    return SN_OK;
}

/* The automatic column, which is never null: the numbers given, or the next ones. */
static sn_status
store_numbers(const piece *p)
{
    sn_table *t = p->table;
    for (sn_row i = 0; i < p->n; i++) {
        sn_cell given = p->cells[(size_t)i * t->column_count + t->automatic];
        if (given.null && t->next_number == INT64_MAX)
            return SN_LIMIT;
        int64_t number = given.null ? t->next_number : sn_word_int(given.word);
        sn__table_store(t, p->first + i, t->automatic, (sn_cell){sn_word_from_int(number), false});
        sn__number_used(t, number);
    }
    return SN_OK;
}

static sn_status
store_columns(const piece *p)
{
    sn_status st = SN_OK;
    for (sn_col col = 0; st == SN_OK && col < p->table->column_count; col++) {
        if (p->table->columns[col].used)
            st = col == p->table->automatic ? store_numbers(p) : store_column(p, col);
    }
    return st;
}

/* ---------------------------------------------------------------- indexes and references */

/* Keys that are null in part where they must not be. */
static sn_status
look_for_halves(const piece *p)
{
    for (size_t i = 0; i < p->table->index_count; i++) {
        const sn_index *ix = p->table->indexes[i];
        for (sn_row row = p->first; ix->members > 0 && row < p->first + p->n; row++) {
            if (sn__key_is_half(ix, row))
                return SN_HALF;
        }
    }
    return SN_OK;
}

static sn_status
enter_indexes(piece *p)
{
    sn_status st = SN_OK;
    for (; st == SN_OK && p->at < p->table->index_count; p->at += st == SN_OK)
        st = sn__index_load(&p->entered, p->table->indexes[p->at], p->first, p->n);
    return st;
}

static sn_status
await_targets(const piece *p, const sn_reference *ref)
{
    sn_status st = SN_OK;
    for (sn_row row = p->first; st == SN_OK && row < p->first + p->n; row++) {
        if (sn__reference_dangles(ref, row))
            st = sn__pending_add(p->table->db, SN_PENDING_REFERENCE, ref, NULL, row);
    }
    return st;
}

static sn_status
look_at_references(const piece *p)
{
    sn_status st = SN_OK;
    for (size_t i = 0; st == SN_OK && i < p->table->outgoing_count; i++) {
        const sn_reference *ref = p->table->outgoing[i];
        if (ref->enforce)
            st = await_targets(p, ref);
        if (st == SN_OK && ref->acyclic)
            st = sn__cycle_loaded(ref, p->first, p->n);
    }
    return st;
}

/* ---------------------------------------------------------------- pieces */

static void
leave_index(sn_index *ix, sn_row first, sn_row n)
{
    if (n > 0)
        sn__journal_unsettle(ix);
    while (n > 0)
        sn__index_remove(ix, first + --n);
}

/* Takes a piece back that is alive and in some indexes: as if it had never been there. */
static void
withdraw(const piece *p)
{
    sn_table *t = p->table;
    if (p->at < t->index_count)
        leave_index(t->indexes[p->at], p->first, p->entered);
    for (size_t i = p->at; i-- > 0;)
        leave_index(t->indexes[i], p->first, p->n);
    for (sn_row row = p->first + p->n; row-- > p->first;) {
        sn__table_set_live(t, row, false);
        for (sn_col col = 0; col < t->column_count; col++) {
            if (t->columns[col].used)
                sn__table_store(t, row, col, (sn_cell){0, t->columns[col].nulls != NULL});
        }
    }
    t->positions = p->first;
}

static sn_status
load_piece(piece *p, size_t mark)
{
    sn__table_extend_live(p->table, p->n);
    sn_status st = store_columns(p);
    if (st == SN_OK)
        st = look_for_halves(p);
    if (st == SN_OK)
        st = enter_indexes(p);
    if (st == SN_OK)
        st = look_at_references(p);
    if (st == SN_OK)
        sn__journal_born(p->table, p->first, p->n, mark);
    else
        withdraw(p);
    return st;
}

/* Rows from `first` on that make the next piece of n that are left. */
static sn_row
piece_rows(sn_row first, size_t n)
{
    sn_row room = PIECE_ROWS - first % PIECE_ROWS;
    return n < room ? (sn_row)n : room;
}

/* ---------------------------------------------------------------- loads */

static bool
has_deferred_index(const sn_table *t)
{
    for (size_t i = 0; i < t->index_count; i++) {
        if (t->indexes[i]->deferred)
            return true;
    }
    return false;
}

/* All pieces, or nothing and why. */
static sn_status
load_all(sn_table *t, const sn_cell *cells, size_t n)
{
    sn_db *db = t->db;
    size_t journal = db->journal_len, pending = db->pending_len;
    int64_t next_number = t->next_number;
    sn_status st = sn__insert_reserve(t, (sn_row)n);
    for (size_t done = 0; st == SN_OK && done < n;) {
        piece p = {t, cells + done * t->column_count, t->positions, piece_rows(t->positions, n - done), 0, 0};
        st = load_piece(&p, journal);
        done += p.n;
    }
    if (st != SN_OK) {
        sn__journal_undo(db, journal, true);
        db->pending_len = pending;
        t->next_number = next_number;
    }
    return st;
}

sn_status
sn_table_insert_many(sn_row *first, sn_table *t, const sn_cell *cells, size_t n)
{
    sn_db *db = t->db;
    if (db->depth == 0)
        return sn__fail_status(db, SN_MISUSE);
    if (n >= SN_NO_ROW - t->positions)
        return sn__fail_status(db, SN_LIMIT);
    *first = t->positions;
    sn_status st = has_deferred_index(t) ? SN_UNIQUE : load_all(t, cells, n);
    if (st == SN_NOMEM)
        return sn__fail_status(db, st);
    if (st != SN_OK)
        st = sn__insert_each(t, cells, n);
    if (st == SN_OK && n > 0)
        sn__revise(db);
    return st;
}
