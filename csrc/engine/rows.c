/*
 * rows.c - lists of rows that a caller owns, and sets of rows.
 *
 * sn__rows_settle puts a list into insertion order, each row once. What indexes give is often in order already, which
 * one look tells. Otherwise, when the rows lie densely enough (a bitmap over their span has no more than eight words
 * for each of them), they are marked in a bitmap and read back, O(n + span / 64); else, or when that memory is refused,
 * they are sorted in place by a heap sort, O(n log n). So it needs no memory and cannot fail.
 *
 * sn__seen answers "met before?" for the targets of one walk along a path. Most walks meet few rows, so it begins as
 * open addressing at load one half, and becomes a bitmap over the table when the hash would take more memory than that.
 * Invariants: at most one of slots and bits is there; 2 n <= cap; every row in it is below the positions given.
 *
 * sn__places answers "where in the list?" and is what makes each row of several lists, one after another, one of a single list
 * (sn_rows_distinct): open addressing at load one half at most, sized once.
 */
#include "rows.h"

#include <assert.h>
#include <string.h>

sn_status
sn_rows_reserve(sn_db *db, sn_rows *r, size_t more)
{
    if (r->cap - r->n >= more) {
        return SN_OK;
    }
    if (more > SIZE_MAX / sizeof(sn_row) - r->n) {
        return SN_LIMIT;
    }
    return sn_mem_grow(&db->mem, &r->rows, &r->cap, r->n + more, sizeof(sn_row));
}

sn_status
sn_rows_push(sn_db *db, sn_rows *r, sn_row row)
{
    if (r->n == r->cap) {
        sn_status status = sn_rows_reserve(db, r, 1);
        if (status) {
            return status;
        }
    }
    r->rows[r->n++] = row;
    return SN_OK;
}

sn_status
sn__rows_append(sn_db *db, sn_rows *r, sn_posting_view view)
{
    sn_status status = sn_rows_reserve(db, r, view.count);
    if (status || view.len == 0) {
        return status;
    }
    if (view.len == view.count) {
        memcpy(r->rows + r->n, view.rows, view.len * sizeof(sn_row));
        r->n += view.len;
        return SN_OK;
    }
    for (size_t i = 0; i < view.len; i++) {
        if (view.rows[i] != SN_NO_ROW) {
            r->rows[r->n++] = view.rows[i];
        }
    }
    return SN_OK;
}

void
sn_rows_free(sn_db *db, sn_rows *r)
{
    sn_mem_free(&db->mem, r->rows, r->cap * sizeof(sn_row));
    *r = (sn_rows){0};
}

/* ---------------------------------------------------------------- order */

static void
sift_down(sn_row *rows, size_t at, size_t n)
{
    sn_row row = rows[at];
    for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && rows[child + 1] > rows[child]) {
            child++;
        }
        if (rows[child] <= row) {
            break;
        }
        rows[at] = rows[child];
        at = child;
    }
    rows[at] = row;
}

static void
heap_sort(sn_row *rows, size_t n)
{
    for (size_t i = n / 2; i > 0; i--) {
        sift_down(rows, i - 1, n);
    }
    for (size_t end = n; end > 1; end--) {
        sn_row last = rows[end - 1];
        rows[end - 1] = rows[0];
        rows[0] = last;
        sift_down(rows, 0, end - 1);
    }
}

static size_t
drop_repeated(sn_row *rows, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || rows[kept - 1] != rows[i]) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static bool
in_order(const sn_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (rows[i - 1] >= rows[i]) {
            return false;
        }
    }
    return true;
}

/* Through a bitmap over [low, low + 64 * words); returns how many rows remain. */
static size_t
bitmap_sort(sn_row *rows, size_t n, sn_row low, uint64_t *bits, size_t words)
{
    for (size_t i = 0; i < n; i++) {
        sn_row at = rows[i] - low;
        bits[at >> 6] |= (uint64_t)1 << (at & 63);
    }
    size_t kept = 0;
    for (size_t w = 0; w < words; w++) {
        for (uint64_t rest = bits[w]; rest; rest &= rest - 1) {
            rows[kept++] = low + (sn_row)(w * 64) + (sn_row)__builtin_ctzll(rest);
        }
    }
    return kept;
}

void
sn__rows_settle(sn_db *db, sn_rows *r, size_t start)
{
    size_t n = r->n - start;
    if (n < 2) {
        return; /* there may be no list to point into */
    }
    sn_row *rows = r->rows + start;
    if (in_order(rows, n)) {
        return;
    }
    sn_row low = rows[0], high = rows[0];
    for (size_t i = 1; i < n; i++) {
        low = rows[i] < low ? rows[i] : low;
        high = rows[i] > high ? rows[i] : high;
    }
    size_t words = (size_t)(high - low) / 64 + 1;
    uint64_t *bits = words / 8 <= n ? sn_mem_zero(&db->mem, words * sizeof *bits) : NULL;
    if (bits) {
        n = bitmap_sort(rows, n, low, bits, words);
        sn_mem_free(&db->mem, bits, words * sizeof *bits);
    } else {
        heap_sort(rows, n);
        n = drop_repeated(rows, n);
    }
    r->n = start + n;
}

/* ---------------------------------------------------------------- rows met */

/* Where the row is, or the free slot where it belongs. */
static sn_row *
slot_of(sn_row *slots, size_t cap, sn_row row)
{
    size_t at = (size_t)sn_hash_word(row) & (cap - 1);
    while (slots[at] && slots[at] != row + 1) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

static sn_status
to_bitmap(sn_db *db, sn__seen *s, size_t words)
{
    uint64_t *bits = sn_mem_zero(&db->mem, words * sizeof *bits);
    if (!bits) {
        return SN_NOMEM;
    }
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slots[i]) {
            bits[(s->slots[i] - 1) >> 6] |= (uint64_t)1 << ((s->slots[i] - 1) & 63);
        }
    }
    sn__seen_free(db, s);
    s->bits = bits;
    s->words = words;
    return SN_OK;
}

static sn_status
grow_hash(sn_db *db, sn__seen *s, sn_row positions)
{
    size_t cap = s->cap ? s->cap * 2 : SN_FIRST_CAPACITY * 2, words = (size_t)positions / 64 + 1;
    if (cap * sizeof(sn_row) > words * sizeof(uint64_t)) {
        return to_bitmap(db, s, words);
    }
    sn_row *slots = sn_mem_zero(&db->mem, cap * sizeof *slots);
    if (!slots) {
        return SN_NOMEM;
    }
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slots[i]) {
            *slot_of(slots, cap, s->slots[i] - 1) = s->slots[i];
        }
    }
    sn_mem_free(&db->mem, s->slots, s->cap * sizeof *s->slots);
    s->slots = slots;
    s->cap = cap;
    return SN_OK;
}

sn_status
sn__seen_add_slow(bool *fresh, sn_db *db, sn__seen *s, sn_row row, sn_row positions)
{
    assert(row < positions);
    if (!s->bits && 2 * (s->n + 1) > s->cap) {
        sn_status status = grow_hash(db, s, positions);
        if (status) {
            return status;
        }
    }
    if (s->bits) {
        return sn__seen_add(fresh, db, s, row, positions);
    }
    sn_row *slot = slot_of(s->slots, s->cap, row);
    *fresh = *slot == 0;
    s->n += *fresh;
    *slot = row + 1;
    return SN_OK;
}

bool
sn__seen_has(const sn__seen *s, sn_row row)
{
    if (s->bits) {
        return row >> 6 < s->words && (s->bits[row >> 6] >> (row & 63) & 1);
    }
    return s->cap > 0 && *slot_of(s->slots, s->cap, row) != 0;
}

void
sn__seen_free(sn_db *db, sn__seen *s)
{
    sn_mem_free(&db->mem, s->slots, s->cap * sizeof *s->slots);
    sn_mem_free(&db->mem, s->bits, s->words * sizeof *s->bits);
    *s = (sn__seen){0};
}

/* ---------------------------------------------------------------- places in a list */

sn_row *
sn__place_of(const sn__places *p, sn_row row)
{
    size_t at = (size_t)sn_hash_word(row) & (p->cap - 1);
    while (p->slots[at] && p->rows->rows[p->slots[at] - 1] != row) {
        at = (at + 1) & (p->cap - 1);
    }
    return &p->slots[at];
}

sn_status
sn__places_init(sn__places *p, sn_db *db, const sn_rows *rows, size_t most)
{
    *p = (sn__places){.rows = rows, .cap = 2};
    while (p->cap < 2 * most) {
        p->cap *= 2;
    }
    p->slots = sn_mem_zero(&db->mem, p->cap * sizeof *p->slots);
    for (size_t i = 0; p->slots && i < rows->n; i++) {
        *sn__place_of(p, rows->rows[i]) = (sn_row)i + 1;
    }
    return p->slots ? SN_OK : SN_NOMEM;
}

void
sn__places_free(sn_db *db, sn__places *p)
{
    sn_mem_free(&db->mem, p->slots, p->slots ? p->cap * sizeof *p->slots : 0);
    p->slots = NULL;
}

sn_status
sn_rows_distinct(sn_rows *out, sn_row *places, sn_db *db, const sn_row *rows, size_t n)
{
    assert(out->n == 0);
    sn__places p;
    sn_status status = n < UINT32_MAX ? sn_rows_reserve(db, out, n) : SN_LIMIT;
    status = status ? status : sn__places_init(&p, db, out, n);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        sn_row *place = sn__place_of(&p, rows[i]);
        if (*place == 0) {
            out->rows[out->n++] = rows[i];
            *place = (sn_row)out->n;
        }
        places[i] = *place - 1;
    }
    sn__places_free(db, &p);
    return SN_OK;
}
