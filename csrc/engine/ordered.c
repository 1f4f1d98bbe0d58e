/*
 * ordered.c - the ordered index: all live rows of the table by key columns, nulls last, ties in row order.
 *
 * A directory of chunks of up to SN_CHUNK_ROWS sorted row numbers. Two levels are enough: ten million rows make a
 * directory of some 40,000 pointers, and the memmove that a new chunk costs there is paid once per half chunk of
 * insertions. Against a tree of nodes: no parents to keep, cursors are two integers, and the rows of a range lie
 * together.
 *
 * Invariants
 *   chunks are never empty; the rows, chunk after chunk, ascend strictly in (key, row)
 *   n == sum of chunk lengths; len + pool_len <= cap
 *   rows are compared through the columns, so a row stands here only while its words are in place
 *
 * Room. reserve sees to one empty chunk in the pool, with directory room for it, which a full chunk's split takes. A
 * chunk that becomes empty goes back to the pool. New rows past the end open a new chunk instead of splitting, so
 * that ascending loads fill chunks.
 *
 * Undo. Within a unit chunks only move between directory and pool: their number never falls. So each state that undo
 * comes back to has at most len + pool_len chunks' worth of rows, and adding finds either a chunk in the pool, or, when
 * there is none, some chunk with a gap: `spill` then passes one row from chunk to chunk up to the nearest gap. No
 * memory.
 *
 * Settling frees the pool but for one chunk; if all chunks together are less than an eighth full, rows are first
 * moved together.
 *
 * Costs: add and remove O(log n) comparisons and a memmove within a chunk; next and prev O(1). Only reserve may fail.
 */
#include "ordered.h"

#include "database.h"

#include <assert.h>
#include <string.h>

#define SPARSE 8 /* fuller than one in so many: nothing is moved together */

static sn_mem *
mem(const sn_index *ix)
{
    return &ix->table->db->mem;
}

/* ---------------------------------------------------------------- order */

/* What is looked for: cells of the first `len` key columns, and among rows equal there a row number (SN_NO_ROW: none,
 * they are all equal to it). */
typedef struct sn_probe {
    const sn_index *ix;
    sn_cell cells[SN_MAX_KEY];
    size_t len;
    sn_row row;
    bool prefix; /* the last column is text, and equal if it begins with the cell */
} sn_probe;

typedef struct sn_spot {
    size_t chunk, at;
} sn_spot;

static sn_probe
probe_row(const sn_index *ix, sn_row row)
{
    sn_probe p = {.ix = ix, .len = ix->column_count, .row = row};
    for (size_t i = 0; i < p.len; i++)
        p.cells[i] = (sn_cell){sn__word(ix->table, row, ix->columns[i]), sn__is_null(ix->table, row, ix->columns[i])};
    return p;
}

static sn_probe
probe_bound(const sn_index *ix, const sn_cell *cells, size_t len, bool prefix)
{
    assert(len <= ix->column_count);
    sn_probe p = {.ix = ix, .len = len, .row = SN_NO_ROW, .prefix = prefix};
    memcpy(p.cells, cells, len * sizeof *cells);
    return p;
}

static int
compare_start(const sn_db *db, sn_word word, sn_word prefix)
{
    sn_bytes text = sn_word_bytes(db, SN_TEXT, word), start = sn_word_bytes(db, SN_TEXT, prefix);
    size_t common = text.len < start.len ? text.len : start.len;
    int order = common ? memcmp(text.data, start.data, common) : 0;
    return order ? order : -(text.len < start.len);
}

/* Of two words that are not null. */
static int
compare_words(const sn_probe *p, size_t i, sn_word word)
{
    const sn_table *t = p->ix->table;
    if (word == p->cells[i].word)
        return 0;
    if (p->prefix && i + 1 == p->len)
        return compare_start(t->db, word, p->cells[i].word);
    return sn_types[t->columns[p->ix->columns[i]].def.type].compare(t->db, word, p->cells[i].word);
}

/* <0, 0, >0 as the row comes before, at or after what is looked for. */
static int
compare(const sn_probe *p, sn_row row)
{
    const sn_table *t = p->ix->table;
    for (size_t i = 0; i < p->len; i++) {
        sn_col col = p->ix->columns[i];
        bool null = sn__is_null(t, row, col);
        if (null != p->cells[i].null)
            return null ? 1 : -1;
        int order = null ? 0 : compare_words(p, i, sn__word(t, row, col));
        if (order)
            return order;
    }
    return p->row == SN_NO_ROW ? 0 : (row > p->row) - (row < p->row);
}

/* Does the row belong before the spot? after: rows equal to what is looked for do. */
static bool
before(const sn_probe *p, sn_row row, bool after)
{
    int order = compare(p, row);
    return order < 0 || (after && order == 0);
}

/* The first spot whose row is not `before`: within the last chunk whose first row is, or at the very start. Its `at`
 * may be the chunk's length. */
static sn_spot
seek(const sn_ordered *o, const sn_probe *p, bool after)
{
    size_t low = 0, high = o->len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (before(p, o->chunks[mid]->rows[0], after))
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return (sn_spot){0, 0};
    const sn_chunk *c = o->chunks[low - 1];
    size_t from = 1, to = c->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (before(p, c->rows[mid], after))
            from = mid + 1;
        else
            to = mid;
    }
    return (sn_spot){low - 1, from};
}

/* ---------------------------------------------------------------- chunks */

static void
chunk_insert(sn_chunk *c, size_t at, sn_row row)
{
    assert(c->n < SN_CHUNK_ROWS && at <= c->n);
    memmove(c->rows + at + 1, c->rows + at, (c->n - at) * sizeof row);
    c->rows[at] = row;
    c->n++;
}

static sn_row
chunk_take(sn_chunk *c, size_t at)
{
    sn_row row = c->rows[at];
    assert(at < c->n);
    c->n--;
    memmove(c->rows + at, c->rows + at + 1, (c->n - at) * sizeof row);
    return row;
}

/* An empty chunk from the pool into the directory at `at`. */
static sn_chunk *
chunk_open(sn_ordered *o, size_t at)
{
    sn_chunk *c = o->pool;
    assert(c && o->len < o->cap);
    o->pool = c->next;
    o->pool_len--;
    c->n = 0;
    memmove(o->chunks + at + 1, o->chunks + at, (o->len - at) * sizeof *o->chunks);
    o->chunks[at] = c;
    o->len++;
    return c;
}

static void
chunk_to_pool(sn_ordered *o, sn_chunk *c)
{
    c->next = o->pool;
    o->pool = c;
    o->pool_len++;
}

/* A chunk without rows out of the directory into the pool. */
static void
chunk_close(sn_ordered *o, size_t at)
{
    assert(o->chunks[at]->n == 0);
    chunk_to_pool(o, o->chunks[at]);
    o->len--;
    memmove(o->chunks + at, o->chunks + at + 1, (o->len - at) * sizeof *o->chunks);
}

/* ---------------------------------------------------------------- adding */

/* Makes room in a full chunk with one from the pool; returns where the spot is now. At the end of all rows nothing is
 * split. */
static sn_spot
split(sn_ordered *o, sn_spot spot)
{
    sn_chunk *c = o->chunks[spot.chunk];
    sn_chunk *next = chunk_open(o, spot.chunk + 1);
    if (spot.chunk + 2 == o->len && spot.at == c->n)
        return (sn_spot){spot.chunk + 1, 0};
    uint32_t half = c->n / 2;
    next->n = c->n - half;
    memcpy(next->rows, c->rows + half, next->n * sizeof *c->rows);
    c->n = half;
    return spot.at <= half ? spot : (sn_spot){spot.chunk + 1, spot.at - half};
}

/* Puts `row` in front of all rows from chunk i on; while chunks are full each passes its last row to the next. */
static void
pass_up(sn_ordered *o, size_t i, sn_row row)
{
    for (; o->chunks[i]->n == SN_CHUNK_ROWS; i++) {
        sn_row last = chunk_take(o->chunks[i], SN_CHUNK_ROWS - 1);
        chunk_insert(o->chunks[i], 0, row);
        row = last;
    }
    chunk_insert(o->chunks[i], 0, row);
}

/* Puts `row` behind all rows up to chunk i; while chunks are full each passes its first row to the one before. */
static void
pass_down(sn_ordered *o, size_t i, sn_row row)
{
    for (; o->chunks[i]->n == SN_CHUNK_ROWS; i--) {
        sn_row first = chunk_take(o->chunks[i], 0);
        chunk_insert(o->chunks[i], SN_CHUNK_ROWS - 1, row);
        row = first;
    }
    chunk_insert(o->chunks[i], o->chunks[i]->n, row);
}

/* How far up (or, past the end, down) from a full chunk the nearest gap is. */
static bool
gap_is_above(const sn_ordered *o, size_t i)
{
    for (size_t d = 1; d < o->len; d++) {
        if (i + d < o->len && o->chunks[i + d]->n < SN_CHUNK_ROWS)
            return true;
        if (d <= i && o->chunks[i - d]->n < SN_CHUNK_ROWS)
            return false;
    }
    assert(0 && "an ordered index has room for what undo brings back");
    return false;
}

/* Inserts into a full chunk when the pool is empty. */
static void
spill(sn_ordered *o, sn_spot spot, sn_row row)
{
    sn_chunk *c = o->chunks[spot.chunk];
    sn_row pass = row;
    if (gap_is_above(o, spot.chunk)) {
        if (spot.at < c->n) {
            pass = chunk_take(c, c->n - 1);
            chunk_insert(c, spot.at, row);
        }
        pass_up(o, spot.chunk + 1, pass);
    } else {
        assert(spot.chunk > 0 && spot.at > 0); /* seek goes to the chunk before */
        pass = chunk_take(c, 0);
        chunk_insert(c, spot.at - 1, row);
        pass_down(o, spot.chunk - 1, pass);
    }
}

void
sn__ordered_add(sn_index *ix, sn_row row)
{
    sn_ordered *o = ix->as.ordered;
    sn_probe p = probe_row(ix, row);
    o->n++;
    if (SN_UNLIKELY(o->len == 0))
        chunk_open(o, 0);
    sn_spot spot = {0, 0};
    if (o->n > 1)
        spot = seek(o, &p, true);
    if (SN_UNLIKELY(o->chunks[spot.chunk]->n == SN_CHUNK_ROWS)) {
        if (!o->pool) {
            spill(o, spot, row);
            return;
        }
        spot = split(o, spot);
    }
    chunk_insert(o->chunks[spot.chunk], spot.at, row);
}

void
sn__ordered_remove(sn_index *ix, sn_row row)
{
    sn_ordered *o = ix->as.ordered;
    sn_probe p = probe_row(ix, row);
    sn_spot spot = seek(o, &p, true);
    assert(o->len > 0 && spot.at > 0 && o->chunks[spot.chunk]->rows[spot.at - 1] == row);
    chunk_take(o->chunks[spot.chunk], spot.at - 1);
    if (o->chunks[spot.chunk]->n == 0)
        chunk_close(o, spot.chunk);
    o->n--;
}

/* ---------------------------------------------------------------- room */

sn_status
sn__ordered_reserve(sn_index *ix)
{
    sn_ordered *o = ix->as.ordered;
    if (SN_LIKELY(o->pool != NULL))
        return SN_OK;
    if (sn_mem_grow(mem(ix), &o->chunks, &o->cap, o->len + 1, sizeof *o->chunks) != SN_OK)
        return SN_NOMEM;
    sn_chunk *c = sn_mem_new(mem(ix), sizeof *c);
    if (!c)
        return SN_NOMEM;
    chunk_to_pool(o, c);
    return SN_OK;
}

static void
free_pool(sn_index *ix, size_t keep)
{
    sn_ordered *o = ix->as.ordered;
    while (o->pool_len > keep) {
        sn_chunk *c = o->pool;
        o->pool = c->next;
        o->pool_len--;
        sn_mem_free(mem(ix), c, sizeof *c);
    }
}

/* Moves all rows into as few chunks as hold them. What is written never overtakes what is read, since no chunk that is
 * read holds more than one that is written. */
static void
move_together(sn_ordered *o)
{
    size_t to = 0;
    uint32_t at = 0;
    for (size_t from = 0; from < o->len; from++) {
        uint32_t n = o->chunks[from]->n;
        for (uint32_t i = 0; i < n; i++) {
            o->chunks[to]->rows[at++] = o->chunks[from]->rows[i];
            if (at == SN_CHUNK_ROWS) {
                o->chunks[to++]->n = SN_CHUNK_ROWS;
                at = 0;
            }
        }
    }
    if (at > 0)
        o->chunks[to++]->n = at;
    while (o->len > to)
        chunk_to_pool(o, o->chunks[--o->len]);
}

void
sn__ordered_settle(sn_index *ix)
{
    sn_ordered *o = ix->as.ordered;
    if (o->len > 1 && o->n < o->len * (SN_CHUNK_ROWS / SPARSE))
        move_together(o);
    free_pool(ix, 1);
}

void
sn__ordered_clear(sn_index *ix)
{
    sn_ordered *o = ix->as.ordered;
    while (o->len > 0)
        chunk_to_pool(o, o->chunks[--o->len]);
    free_pool(ix, 0);
    sn_mem_free(mem(ix), o->chunks, o->cap * sizeof *o->chunks);
    *o = (sn_ordered){0};
}

void
sn__ordered_remap(sn_index *ix, const sn_row *map)
{
    sn_ordered *o = ix->as.ordered;
    for (size_t i = 0; i < o->len; i++) {
        for (uint32_t at = 0; at < o->chunks[i]->n; at++)
            o->chunks[i]->rows[at] = map[o->chunks[i]->rows[at]];
    }
}

/* ---------------------------------------------------------------- ranges */

/* A spot has one form: past the last row of a chunk is the start of the next. */
static sn_spot
canonical(const sn_ordered *o, sn_spot spot)
{
    bool past = spot.chunk < o->len && spot.at == o->chunks[spot.chunk]->n;
    return past ? (sn_spot){spot.chunk + 1, 0} : spot;
}

void
sn__ordered_seek(sn_cursor *out, const sn_index *ix, const sn_range *range)
{
    const sn_ordered *o = ix->as.ordered;
    sn_spot start = {0, 0}, end = {o->len, 0};
    if (range->low) {
        sn_probe p = probe_bound(ix, range->low, range->low_len, false);
        start = canonical(o, seek(o, &p, range->low_open));
    }
    if (range->high) {
        sn_probe p = probe_bound(ix, range->high, range->high_len, range->high_prefix);
        end = canonical(o, seek(o, &p, !range->high_open));
    }
    if (end.chunk < start.chunk || (end.chunk == start.chunk && end.at < start.at))
        end = start;
    *out = (sn_cursor){ix, start.chunk, start.at, end.chunk, end.at};
}

static bool
at_end(const sn_cursor *c)
{
    return c->chunk == c->end_chunk && c->at == c->end_at;
}

sn_row
sn__ordered_next(sn_cursor *c)
{
    if (at_end(c))
        return SN_NO_ROW;
    const sn_chunk *chunk = c->ix->as.ordered->chunks[c->chunk];
    sn_row row = chunk->rows[c->at++];
    if (c->at == chunk->n) {
        c->chunk++;
        c->at = 0;
    }
    return row;
}

sn_row
sn__ordered_prev(sn_cursor *c)
{
    if (at_end(c))
        return SN_NO_ROW;
    const sn_ordered *o = c->ix->as.ordered;
    if (c->end_at == 0)
        c->end_at = o->chunks[--c->end_chunk]->n;
    return o->chunks[c->end_chunk]->rows[--c->end_at];
}

size_t
sn__ordered_count(const sn_cursor *c)
{
    size_t n = c->end_at;
    for (size_t i = c->chunk; i < c->end_chunk; i++)
        n += c->ix->as.ordered->chunks[i]->n;
    return n - c->at;
}

/* ---------------------------------------------------------------- check */

static const char *
check_chunk(const sn_index *ix, const sn_chunk *c, sn_row *previous)
{
    if (c->n == 0 || c->n > SN_CHUNK_ROWS)
        return "ordered: a chunk is empty or too full";
    for (uint32_t at = 0; at < c->n; at++) {
        if (!sn__alive(ix->table, c->rows[at]))
            return "ordered: a dead row";
        sn_probe p = probe_row(ix, c->rows[at]);
        if (*previous != SN_NO_ROW && compare(&p, *previous) >= 0)
            return "ordered: rows out of order";
        *previous = c->rows[at];
    }
    return NULL;
}

const char *
sn__ordered_check(const sn_index *ix)
{
    const sn_ordered *o = ix->as.ordered;
    size_t n = 0, pool = 0;
    sn_row previous = SN_NO_ROW;
    for (size_t i = 0; i < o->len; i++) {
        const char *problem = check_chunk(ix, o->chunks[i], &previous);
        if (problem)
            return problem;
        n += o->chunks[i]->n;
    }
    for (const sn_chunk *c = o->pool; c; c = c->next)
        pool++;
    if (pool != o->pool_len || o->len + pool > o->cap)
        return "ordered: the pool is wrong";
    return n == o->n && n == ix->table->count ? NULL : "ordered: holds other rows than the live ones";
}
