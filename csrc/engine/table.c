/*
 * table.c - blocks of columns, life bits, host handles.
 *
 * Only storage is here: nothing in this file knows a rule, an index or the journal.
 *
 *   one block:    t->cap <= SN_BLOCK_ROWS, and every column's first block has at least so many words
 *   more blocks:  t->cap == block_count * SN_BLOCK_ROWS
 *   every position in [positions, cap): dead, words 0, null bits 1             so extending is counting
 *   a gap has no directory
 *
 * Growing. While there is one block it grows by half, in place of each column; afterwards blocks are added, and no
 * word moves again. A refusal half way leaves some columns with more room than t->cap says: each column therefore
 * knows the size of its own directory and first block, and a block that is there already is taken by the next growth.
 * What callers see is unchanged.
 *
 * Handles (the host's objects) are in small blocks of their own, present only where some row has one. A host that
 * walks a table makes and drops one object per row: the block that was emptied last stays where it is, so that this
 * costs nothing per row, and moves to where the next block is wanted: being empty it needs no clearing.
 *
 * Costs: reading two loads; extending nothing; reserving amortised O(columns) per row. Only sn__table_reserve,
 * add_slot, add_nulls, reserve_handle and sn_table_set_handle may fail.
 */
#include "table.h"

#include "database.h"

#include <assert.h>
#include <string.h>

#define BITMAP_BYTES (SN_BITMAP_WORDS * sizeof(uint64_t))

static sn_mem *
mem(const sn_table *t)
{
    return &t->db->mem;
}

/* ---------------------------------------------------------------- directories and blocks */

/* Room for `blocks` entries in a directory, new entries NULL. */
static sn_status
directory_grow(sn_table *t, void *directory, size_t *cap, size_t blocks, size_t item)
{
    size_t before = *cap;
    sn_status status = sn_mem_grow(mem(t), directory, cap, blocks, item);
    if (status != SN_OK || *cap == before)
        return status;
    char *entries;
    memcpy(&entries, directory, sizeof entries);
    memset(entries + before * item, 0, (*cap - before) * item);
    return SN_OK;
}

static sn_status
column_directories(sn_table *t, sn_column *c, size_t blocks)
{
    sn_status status = directory_grow(t, &c->blocks, &c->block_cap, blocks, sizeof *c->blocks);
    if (status == SN_OK && c->def.nullable)
        status = directory_grow(t, &c->nulls, &c->null_cap, blocks, sizeof *c->nulls);
    return status;
}

static uint64_t *
nulls_new(sn_table *t)
{
    uint64_t *bitmap = sn_mem_new(mem(t), BITMAP_BYTES);
    if (bitmap)
        memset(bitmap, 0xFF, BITMAP_BYTES);
    return bitmap;
}

/* The first block with room for `rows` words; the new ones are 0. */
static sn_status
column_first_block(sn_table *t, sn_column *c, size_t rows)
{
    if (c->first_cap >= rows)
        return SN_OK;
    sn_word *words = sn_mem_resize(mem(t), c->blocks[0], c->first_cap * sizeof *words, rows * sizeof *words);
    if (!words)
        return SN_NOMEM;
    memset(words + c->first_cap, 0, (rows - c->first_cap) * sizeof *words);
    c->blocks[0] = words;
    c->first_cap = rows;
    return SN_OK;
}

/* Block b of a column, `rows` words of room (SN_BLOCK_ROWS unless b == 0). */
static sn_status
column_block(sn_table *t, sn_column *c, size_t b, size_t rows)
{
    if (column_directories(t, c, b + 1) != SN_OK)
        return SN_NOMEM;
    if (b == 0 && column_first_block(t, c, rows) != SN_OK)
        return SN_NOMEM;
    if (!c->blocks[b])
        c->blocks[b] = sn_mem_zero(mem(t), SN_BLOCK_ROWS * sizeof(sn_word));
    if (c->def.nullable && !c->nulls[b])
        c->nulls[b] = nulls_new(t);
    return c->blocks[b] && (!c->def.nullable || c->nulls[b]) ? SN_OK : SN_NOMEM;
}

static void
column_free_block(sn_table *t, sn_column *c, size_t b)
{
    if (b < c->block_cap) {
        size_t rows = b == 0 ? c->first_cap : SN_BLOCK_ROWS;
        sn_mem_free(mem(t), c->blocks[b], rows * sizeof(sn_word));
        c->blocks[b] = NULL;
    }
    if (b < c->null_cap) {
        sn_mem_free(mem(t), c->nulls[b], BITMAP_BYTES);
        c->nulls[b] = NULL;
    }
    c->first_cap = b == 0 ? 0 : c->first_cap;
}

static void
column_free(sn_table *t, sn_column *c)
{
    size_t blocks = c->block_cap > c->null_cap ? c->block_cap : c->null_cap;
    for (size_t b = 0; b < blocks; b++)
        column_free_block(t, c, b);
    sn_mem_free(mem(t), c->blocks, c->block_cap * sizeof *c->blocks);
    sn_mem_free(mem(t), c->nulls, c->null_cap * sizeof *c->nulls);
    *c = (sn_column){0};
}

/* Gives block b of everything back but its bits of life, which are 0. */
static void
free_block(sn_table *t, size_t b)
{
    for (sn_col col = 0; col < t->column_count; col++)
        column_free_block(t, &t->columns[col], b);
}

/* Block b of everything, with room for `rows` rows. */
static sn_status
make_block(sn_table *t, size_t b, size_t rows)
{
    sn_status status = directory_grow(t, &t->live, &t->live_cap, (b + 1) * SN_BITMAP_WORDS, sizeof *t->live);
    for (sn_col col = 0; status == SN_OK && col < t->column_count; col++) {
        if (t->columns[col].used)
            status = column_block(t, &t->columns[col], b, rows);
    }
    return status;
}

/* Rows of the first block when it must hold `need`. */
static size_t
first_rows(size_t cap, size_t need)
{
#ifdef SN_TINY
    size_t rows = need;
    (void)cap;
#else
    size_t rows = cap + cap / 2;
    rows = rows > SN_FIRST_CAPACITY ? rows : SN_FIRST_CAPACITY;
    rows = rows > need ? rows : need;
#endif
    return rows < SN_BLOCK_ROWS ? rows : SN_BLOCK_ROWS;
}

/* One step towards `need` positions: a bigger first block, or another block. */
static sn_status
grow_step(sn_table *t, size_t need)
{
    bool first = t->block_count == 0 || t->cap < SN_BLOCK_ROWS;
    size_t b = first ? 0 : t->block_count;
    size_t rows = first ? first_rows(t->cap, need) : SN_BLOCK_ROWS;
    if (make_block(t, b, rows) != SN_OK)
        return SN_NOMEM;
    t->block_count = b + 1;
    t->cap = (sn_row)(b * SN_BLOCK_ROWS + rows);
    return SN_OK;
}

sn_status
sn__table_reserve(sn_table *t, sn_row more)
{
    size_t need = (size_t)t->positions + more;
    if (need > SN_NO_ROW - SN_BLOCK_ROWS)
        return SN_LIMIT;
    while (SN_UNLIKELY(t->cap < need)) {
        if (grow_step(t, need) != SN_OK)
            return SN_NOMEM;
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- rows */

sn_row
sn__table_extend(sn_table *t)
{
    assert(t->positions < t->cap);
    return t->positions++;
}

static void
put_bit(uint64_t **bitmaps, sn_row row, bool bit)
{
    uint64_t *word = &bitmaps[row >> SN_BLOCK_SHIFT][(row & SN_BLOCK_MASK) >> 6];
    uint64_t mask = UINT64_C(1) << (row & SN_BLOCK_MASK & 63);
    *word = bit ? *word | mask : *word & ~mask;
}

void
sn__table_set_live(sn_table *t, sn_row row, bool live)
{
    assert(row < t->positions && sn__alive(t, row) != live);
    t->live[sn__live_at(row)] ^= UINT64_C(1) << (row & SN_BLOCK_MASK & 63);
    t->count = live ? t->count + 1 : t->count - 1;
}

sn_status
sn__table_reserve_parking(sn_table *t)
{
    return directory_grow(t, &t->parking, &t->parking_cap, t->live_cap, sizeof *t->parking);
}

sn_row
sn__table_next_parked(const sn_table *t, sn_row row)
{
    const sn_row mask = (SN_BLOCK_SHIFT < 6 ? SN_BLOCK_ROWS : 64) - 1;
    while (row < t->positions && sn__live_at(row) < t->parking_cap) {
        uint64_t left = t->parking[sn__live_at(row)].parked >> (row & mask);
        if (left)
            return row + (sn_row)__builtin_ctzll(left);
        row = (row | mask) + 1;
    }
    return SN_NO_ROW;
}

void
sn__table_set_parked(sn_table *t, sn_row row, bool parked, bool taken)
{
    assert(row < t->positions && sn__live_at(row) < t->parking_cap && (parked || !taken));
    sn_row before = sn__parked(t, row);
    uint64_t bit = UINT64_C(1) << (row & SN_BLOCK_MASK & 63);
    sn_parking *at = &t->parking[sn__live_at(row)];
    at->parked = parked ? at->parked | bit : at->parked & ~bit;
    at->taken = taken ? at->taken | bit : at->taken & ~bit;
    t->parked_count = t->parked_count - before + parked;
    t->db->parked = t->db->parked - before + parked;
}

void
sn__table_extend_live(sn_table *t, sn_row n)
{
    assert(n > 0 && n <= t->cap - t->positions);
    assert(t->positions >> SN_BLOCK_SHIFT == (t->positions + n - 1) >> SN_BLOCK_SHIFT);
    for (sn_row row = t->positions, end = row + n; row < end;) {
        sn_row bit = row & SN_BLOCK_MASK & 63, bits = end - row < 64 - bit ? end - row : 64 - bit;
        t->live[sn__live_at(row)] |= (~UINT64_C(0) >> (64 - bits)) << bit;
        row += bits;
    }
    t->positions += n;
    t->count += n;
}

void
sn__table_store(sn_table *t, sn_row row, sn_col col, sn_cell c)
{
    sn_column *column = &t->columns[col];
    assert(row < t->positions && column->used);
    assert(!c.null || column->nulls || !sn__alive(t, row));
    column->blocks[row >> SN_BLOCK_SHIFT][row & SN_BLOCK_MASK] = c.null ? 0 : c.word;
    if (column->nulls)
        put_bit(column->nulls, row, c.null);
}

/* ---------------------------------------------------------------- columns */

/* The first gap, or a new slot at the end. */
static sn_status
free_slot(sn_col *out, sn_table *t)
{
    sn_col col = 0;
    while (col < t->column_count && t->columns[col].used)
        col++;
    *out = col;
    if (col < t->column_count)
        return SN_OK;
    if (col == SN_NO_COL - 1)
        return SN_LIMIT;
    sn_status status = sn_mem_grow(mem(t), &t->columns, &t->column_cap, (size_t)col + 1, sizeof *t->columns);
    if (status == SN_OK)
        t->columns[t->column_count++] = (sn_column){0};
    return status;
}

sn_status
sn__table_add_slot(sn_col *out, sn_table *t, const sn_column_def *def)
{
    sn_column column = {.def = *def, .used = true};
    sn_status status = SN_OK;
    for (size_t b = 0; status == SN_OK && b < t->block_count; b++)
        status = column_block(t, &column, b, t->cap < SN_BLOCK_ROWS ? t->cap : SN_BLOCK_ROWS);
    if (status == SN_OK)
        status = free_slot(out, t);
    if (status == SN_OK)
        t->columns[*out] = column;
    else
        column_free(t, &column);
    return status;
}

void
sn__table_free_slot(sn_table *t, sn_col col)
{
    assert(t->columns[col].used && t->columns[col].indexed == 0);
    column_free(t, &t->columns[col]);
}

sn_status
sn__table_add_nulls(sn_table *t, sn_col col)
{
    sn_column *c = &t->columns[col];
    if (c->nulls)
        return SN_OK;
    sn_column wanted = {.def = {.nullable = true}};
    sn_status status = directory_grow(t, &wanted.nulls, &wanted.null_cap, t->block_count, sizeof *c->nulls);
    for (size_t b = 0; status == SN_OK && b < t->block_count; b++) {
        wanted.nulls[b] = nulls_new(t);
        status = wanted.nulls[b] ? SN_OK : SN_NOMEM;
    }
    if (status != SN_OK) {
        column_free(t, &wanted);
        return status;
    }
    c->nulls = wanted.nulls;
    c->null_cap = wanted.null_cap;
    c->def.nullable = true;
    for (sn_row row = 0; row < t->positions; row++)
        put_bit(c->nulls, row, false);
    return SN_OK;
}

void
sn__table_free_nulls(sn_table *t, sn_col col)
{
    sn_column *c = &t->columns[col];
    for (size_t b = 0; b < c->null_cap; b++)
        sn_mem_free(mem(t), c->nulls[b], BITMAP_BYTES);
    sn_mem_free(mem(t), c->nulls, c->null_cap * sizeof *c->nulls);
    c->nulls = NULL;
    c->null_cap = 0;
    c->def.nullable = false;
}

/* ---------------------------------------------------------------- handles */

static sn_handles *
handle_block(const sn_table *t, sn_row row)
{
    size_t b = row >> SN_HANDLE_SHIFT;
    return b < t->handle_cap ? t->handles[b] : NULL;
}

/* Takes the block that was emptied last out of the directory. NULL if there is none or it is not empty any more. */
static sn_handles *
take_kept_handles(sn_table *t)
{
    size_t b = t->kept_handles;
    sn_handles *block = b < t->handle_cap ? t->handles[b] : NULL;
    if (!block || block->count > 0)
        return NULL;
    t->handles[b] = NULL;
    return block;
}

sn_status
sn__table_reserve_handle(sn_table *t, sn_row row)
{
    size_t b = row >> SN_HANDLE_SHIFT;
    if (directory_grow(t, &t->handles, &t->handle_cap, b + 1, sizeof *t->handles) != SN_OK)
        return SN_NOMEM;
    if (t->kept_handles == b)
        t->kept_handles = SIZE_MAX; /* what is reserved here is not taken for another block */
    if (t->handles[b])
        return SN_OK;
    sn_handles *block = take_kept_handles(t);
    t->handles[b] = block ? block : sn_mem_zero(mem(t), sizeof *block);
    return t->handles[b] ? SN_OK : SN_NOMEM;
}

/* Block b has become empty: it stays, and the one that was kept goes if it still is empty. */
static void
handle_block_keep(sn_table *t, size_t b)
{
    assert(t->handles[b]->count == 0);
    if (t->kept_handles != b)
        sn_mem_free(mem(t), take_kept_handles(t), sizeof **t->handles);
    t->kept_handles = b;
}

static void
handle_put(sn_handles *block, sn_row row, void *handle)
{
    assert(block);
    void **at = &block->at[row & (SN_HANDLE_ROWS - 1)];
    block->count += (sn_row)(handle != NULL) - (sn_row)(*at != NULL);
    *at = handle;
}

void *
sn_table_handle(const sn_table *t, sn_row row)
{
    const sn_handles *block = handle_block(t, row);
    return block ? block->at[row & (SN_HANDLE_ROWS - 1)] : NULL;
}

sn_status
sn_table_set_handle(sn_table *t, sn_row row, void *handle)
{
    assert(row < t->positions);
    sn_handles *block = handle_block(t, row);
    if (SN_UNLIKELY(!block)) {
        if (!handle)
            return SN_OK;
        if (sn__table_reserve_handle(t, row) != SN_OK)
            return sn__fail_status(t->db, SN_NOMEM);
        block = handle_block(t, row);
    }
    handle_put(block, row, handle);
    if (block->count == 0)
        handle_block_keep(t, row >> SN_HANDLE_SHIFT);
    return SN_OK;
}

sn_row
sn_table_next_handle(const sn_table *t, sn_row row)
{
    while (row < t->positions) {
        const sn_handles *block = handle_block(t, row);
        if (block && block->at[row & (SN_HANDLE_ROWS - 1)])
            return row;
        row = block && block->count ? row + 1 : (row | (SN_HANDLE_ROWS - 1)) + 1;
    }
    return SN_NO_ROW;
}

/* ---------------------------------------------------------------- compaction */

void
sn__table_move(sn_table *t, sn_row from, sn_row to)
{
    assert(to < from && sn__stored(t, from) && !sn__stored(t, to));
    bool live = sn__alive(t, from), taken = sn__taken(t, from);
    if (live)
        sn__table_set_live(t, from, false);
    else
        sn__table_set_parked(t, from, false, false);
    for (sn_col col = 0; col < t->column_count; col++) {
        if (!t->columns[col].used)
            continue;
        sn__table_store(t, to, col, (sn_cell){sn__word(t, from, col), sn__is_null(t, from, col)});
        sn__table_store(t, from, col, SN_NULL_CELL);
    }
    void *handle = sn_table_handle(t, from);
    if (handle)
        handle_put(handle_block(t, from), from, NULL);
    if (handle_block(t, to))
        handle_put(handle_block(t, to), to, handle);
    if (live)
        sn__table_set_live(t, to, true);
    else
        sn__table_set_parked(t, to, true, taken);
}

/* Positions from `positions` to the end of its block become as if they had never been used. */
static void
reset_tail(sn_table *t, sn_row positions)
{
    size_t b = positions >> SN_BLOCK_SHIFT;
    if (b >= t->block_count)
        return;
    size_t room = t->cap < SN_BLOCK_ROWS ? t->cap : SN_BLOCK_ROWS, at = positions & SN_BLOCK_MASK;
    sn_row end = (sn_row)(b * SN_BLOCK_ROWS + room);
    for (sn_col col = 0; col < t->column_count; col++) {
        sn_column *c = &t->columns[col];
        if (!c->used)
            continue;
        memset(c->blocks[b] + at, 0, (room - at) * sizeof(sn_word));
        for (sn_row row = positions; c->nulls && row < end; row++)
            put_bit(c->nulls, row, true);
    }
}

void
sn__table_truncate(sn_table *t, sn_row positions)
{
    size_t keep = ((size_t)positions + SN_BLOCK_ROWS - 1) >> SN_BLOCK_SHIFT;
    keep = keep > 0 ? keep : 1;
    assert(positions <= t->positions);
    for (; t->block_count > keep; t->block_count--) {
        free_block(t, t->block_count - 1);
        t->cap = (sn_row)((t->block_count - 1) * SN_BLOCK_ROWS);
    }
    for (sn_row row = sn_table_next_handle(t, positions); row != SN_NO_ROW; row = sn_table_next_handle(t, row + 1))
        handle_put(handle_block(t, row), row, NULL);
    t->positions = positions;
    reset_tail(t, positions);
    for (size_t b = 0; b < t->handle_cap; b++) {
        if (t->handles[b] && t->handles[b]->count == 0)
            handle_block_keep(t, b);
    }
}

void
sn__table_free(sn_table *t)
{
    sn_mem *m = mem(t);
    for (sn_col col = 0; col < t->column_count; col++)
        column_free(t, &t->columns[col]);
    for (size_t b = 0; b < t->handle_cap; b++)
        sn_mem_free(m, t->handles[b], sizeof **t->handles);
    sn_mem_free(m, t->columns, t->column_cap * sizeof *t->columns);
    sn_mem_free(m, t->live, t->live_cap * sizeof *t->live);
    sn_mem_free(m, t->parking, t->parking_cap * sizeof *t->parking);
    sn_mem_free(m, t->handles, t->handle_cap * sizeof *t->handles);
    sn_mem_free(m, t->indexes, t->index_cap * sizeof *t->indexes);
    sn_mem_free(m, t->outgoing, t->outgoing_cap * sizeof *t->outgoing);
    sn_mem_free(m, t->incoming, t->incoming_cap * sizeof *t->incoming);
    sn_mem_free(m, t, sizeof *t);
}

/* ---------------------------------------------------------------- readers */

sn_row
sn_table_positions(const sn_table *t)
{
    return t->positions;
}

sn_row
sn_table_count(const sn_table *t)
{
    return t->count;
}

sn_row
sn_table_parked_count(const sn_table *t)
{
    return t->parked_count;
}

bool
sn_table_alive(const sn_table *t, sn_row row)
{
    return sn__alive(t, row);
}

bool
sn_table_parked(const sn_table *t, sn_row row)
{
    return sn__parked(t, row);
}

sn_cell
sn_table_get(const sn_table *t, sn_row row, sn_col col)
{
    assert(sn__stored(t, row) && col < t->column_count && t->columns[col].used);
    return (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)};
}

int
sn_table_read(sn_word *out, const sn_table *t, sn_row row, sn_col col)
{
    assert(col < t->column_count && t->columns[col].used);
    if (!sn__alive(t, row))
        return -1;
    *out = sn__word(t, row, col);
    return sn__is_null(t, row, col) ? 0 : 1;
}

sn_col
sn_table_columns(const sn_table *t)
{
    return t->column_count;
}

const sn_column_def *
sn_table_column_def(const sn_table *t, sn_col col)
{
    return col < t->column_count && t->columns[col].used ? &t->columns[col].def : NULL;
}

/* ---------------------------------------------------------------- check */

static const char *
check_cell(const sn_table *t, sn_row row, sn_col col)
{
    const sn_column *c = &t->columns[col];
    bool unused = row >= t->positions, dead = !sn__stored(t, row);
    if (sn__is_null(t, row, col) && sn__word(t, row, col) != 0)
        return "table: the word of a null is not 0";
    if ((unused || (dead && t->db->depth == 0)) && sn__word(t, row, col) != 0)
        return "table: a dead position owns a word";
    if (unused && c->nulls && !sn__is_null(t, row, col))
        return "table: a position never used is not null";
    if (!dead && sn_type_owns(c->def.type) && !sn__is_null(t, row, col) && sn__word(t, row, col) == 0)
        return "table: a handle is missing";
    return NULL;
}

static const char *
check_column(const sn_table *t, sn_col col)
{
    const sn_column *c = &t->columns[col];
    if (!c->used)
        return c->blocks || c->nulls ? "table: a gap has blocks" : NULL;
    if (c->def.nullable != (c->nulls != NULL) && t->block_count > 0)
        return "table: null bitmaps do not agree with the definition";
    for (size_t b = 0; b < t->block_count; b++) {
        if (!c->blocks[b] || (c->nulls && !c->nulls[b]))
            return "table: a block is missing";
    }
    for (sn_row row = 0; row < t->cap; row++) {
        const char *problem = check_cell(t, row, col);
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *
check_rows(const sn_table *t)
{
    sn_row live = 0;
    for (sn_row row = 0; row < t->positions; row++)
        live += sn__alive(t, row);
    if (live != t->count)
        return "table: live count is wrong";
    for (size_t i = 0; i < t->live_cap; i++)
        live -= (sn_row)__builtin_popcountll(t->live[i]);
    return live == 0 ? NULL : "table: a position never used is alive";
}

static const char *
check_parking(const sn_table *t)
{
    sn_row parked = 0;
    for (sn_row row = 0; row < t->positions; row++) {
        parked += sn__parked(t, row);
        if (sn__parked(t, row) && sn__alive(t, row))
            return "table: a parked row is alive";
    }
    if (parked != t->parked_count || t->returning > 0)
        return "table: parked count is wrong";
    for (size_t i = 0; i < t->parking_cap; i++) {
        parked -= (sn_row)__builtin_popcountll(t->parking[i].parked);
        if (t->parking[i].taken & ~t->parking[i].parked)
            return "table: a row was taken along and is not parked";
    }
    return parked == 0 ? NULL : "table: a position never used is parked";
}

static const char *
check_handles(const sn_table *t)
{
    for (size_t b = 0; b < t->handle_cap; b++) {
        sn_row n = 0;
        for (sn_row i = 0; t->handles[b] && i < SN_HANDLE_ROWS; i++)
            n += t->handles[b]->at[i] != NULL;
        if (t->handles[b] && n != t->handles[b]->count)
            return "table: handle count of a block is wrong";
    }
    return NULL;
}

const char *
sn__table_check(const sn_table *t)
{
    const char *problem = NULL;
    if (t->positions > t->cap || t->count > t->positions)
        return "table: more positions than room";
    if (t->cap > t->block_count * SN_BLOCK_ROWS || (t->block_count > 1 && t->cap != t->block_count * SN_BLOCK_ROWS))
        return "table: room does not agree with the blocks";
    for (sn_col col = 0; !problem && col < t->column_count; col++)
        problem = check_column(t, col);
    if (!problem)
        problem = check_rows(t);
    if (!problem)
        problem = check_parking(t);
    return problem ? problem : check_handles(t);
}
