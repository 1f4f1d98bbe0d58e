/*
 * unique.c - the unique index: key -> row.
 *
 * Two forms, one at a time:
 *   dense   rows[key - base], for one column of integers that lie close together (ids that count up). Finding is a
 *           subtraction, a comparison and a load; 4 bytes per key.
 *   slots   a table of (hash, row); a match of the hash is confirmed in the columns. About 1.5 probes; 11 to 21 bytes
 *           per key.
 * An index that may be dense starts dense, and goes over to slots when a key comes that would make the window too wide.
 * It comes back when it has become empty (settle) or is cleared, and when the slots would have to grow and all keys
 * have come to lie close together, as ids do that arrive in random order.
 *
 * Invariants
 *   n == rows held == live rows whose key has no null; n <= peak
 *   dense: rows[i] is SN_NO_ROW or a row with key base + i;   slots: one slot per row
 *   not deferred: no two rows have one key. Deferred: rows of one key stand in one run of slots (never dense), in any
 *   order.
 *
 * Undo. Every state that undo can come back to had at most `peak` rows, and all its keys had a place in the window when
 * dense. Windows and slot tables do not shrink before settle, and going over to slots makes room for `peak` rows; the
 * window that is made on coming back holds the keys of the present rows, and nothing else can come back while no row has
 * left since the last settle. So adding in the course of undo finds room. That is the whole proof.
 *
 * Costs: everything O(1), but among d rows of one deferred key O(d). Only reserve may fail.
 */
#include "unique.h"

#include "database.h"

#include <assert.h>
#include <string.h>

static sn_mem *
mem(const sn_index *ix)
{
    return &ix->table->db->mem;
}

void
sn__unique_init(sn_index *ix)
{
    *ix->as.unique = (sn_unique){.dense = sn__index_may_be_dense(ix)};
}

void
sn__unique_clear(sn_index *ix)
{
    sn_unique *u = ix->as.unique;
    sn_mem_free(mem(ix), u->rows, u->window.room * sizeof *u->rows);
    sn__slots_free(mem(ix), &u->slots);
    sn__unique_init(ix);
}

/* ---------------------------------------------------------------- room */

/* Makes the window wider: `w` has the old one's base or its end. */
static sn_status
widen(sn_index *ix, sn_window w)
{
    sn_unique *u = ix->as.unique;
    size_t old = u->window.room, shift = w.base == u->window.base ? 0 : w.room - old;
    if (w.room > SIZE_MAX / sizeof *u->rows)
        return SN_NOMEM;
    sn_row *rows = sn_mem_resize(mem(ix), u->rows, old * sizeof *rows, w.room * sizeof *rows);
    if (!rows)
        return SN_NOMEM;
    if (shift)
        memmove(rows + shift, rows, old * sizeof *rows);
    memset(shift ? rows : rows + old, 0xFF, (w.room - old) * sizeof *rows);
    u->rows = rows;
    u->window = w;
    return SN_OK;
}

/* From dense to slots, with room for one row more than there have ever been. */
static sn_status
go_over_to_slots(sn_index *ix)
{
    sn_unique *u = ix->as.unique;
    if (sn__slots_reserve(mem(ix), &u->slots, u->peak + 1) != SN_OK)
        return SN_NOMEM;
    for (size_t i = 0; i < u->window.room; i++) {
        sn_word key = u->window.base + i;
        if (u->rows[i] != SN_NO_ROW)
            sn__slots_add(&u->slots, (uint32_t)sn_hash_word(key), u->rows[i]);
    }
    sn_mem_free(mem(ix), u->rows, u->window.room * sizeof *u->rows);
    u->rows = NULL;
    u->window = (sn_window){0};
    u->dense = false;
    return SN_OK;
}

static sn_status
reserve_dense(sn_index *ix, sn_word key)
{
    sn_unique *u = ix->as.unique;
    sn_window w = sn__window_widen(&u->window, key, u->n + 1);
    return w.room > 0 ? widen(ix, w) : go_over_to_slots(ix);
}

/* The window for the keys of all rows and this one; room 0: they are not close enough. */
static sn_window
window_of_all(const sn_index *ix, sn_word key)
{
    const sn_slots *s = &ix->as.unique->slots;
    int64_t least = sn_word_int(key), most = least;
    for (size_t i = 0; i < s->cap; i++) {
        if (s->at[i].id == SN_NO_ROW)
            continue;
        int64_t own = sn_word_int(sn__key_word(ix, s->at[i].id, 0));
        least = own < least ? own : least;
        most = own > most ? own : most;
    }
    return sn__window_over(least, most, s->n + 1);
}

/* From slots to dense, when the keys of all rows and this one have come to lie close together. False: they do not, or
 * there is no memory for it, and nothing has changed. */
static bool
go_back_to_dense(sn_index *ix, sn_word key)
{
    sn_unique *u = ix->as.unique;
    sn_window w = window_of_all(ix, key);
    sn_row *rows = w.room > 0 && w.room <= SIZE_MAX / sizeof *rows ? sn_mem_new(mem(ix), w.room * sizeof *rows) : NULL;
    if (!rows)
        return false;
    memset(rows, 0xFF, w.room * sizeof *rows);
    for (size_t i = 0; i < u->slots.cap; i++) {
        sn_row row = u->slots.at[i].id;
        if (row != SN_NO_ROW)
            rows[sn__window_at(&w, sn__key_word(ix, row, 0))] = row;
    }
    sn__slots_free(mem(ix), &u->slots);
    u->rows = rows;
    u->window = w;
    u->dense = true;
    return true;
}

static sn_status
reserve_slot(sn_index *ix, sn_word key)
{
    sn_unique *u = ix->as.unique;
    bool full = sn__slots_full(&u->slots, u->n + 1);
    if (SN_UNLIKELY(full) && !u->left && sn__index_may_be_dense(ix) && go_back_to_dense(ix, key))
        return SN_OK;
    return sn__slots_reserve(mem(ix), &u->slots, u->n + 1);
}

sn_status
sn__unique_reserve(sn_index *ix, const sn_word *key)
{
    sn_unique *u = ix->as.unique;
    if (SN_LIKELY(u->dense)) {
        if (SN_LIKELY(sn__window_at(&u->window, key[0]) < u->window.room))
            return SN_OK;
        return reserve_dense(ix, key[0]);
    }
    return reserve_slot(ix, key[0]);
}

/* ---------------------------------------------------------------- rows */

/* A row with this key other than `except`, by slots or by window. */
sn_row
sn__unique_probe(const sn_index *ix, const sn_word *key, sn_row except)
{
    const sn_unique *u = ix->as.unique;
    if (u->dense) {
        sn_row row = sn__unique_find(ix, key);
        return row == except ? SN_NO_ROW : row;
    }
    if (SN_UNLIKELY(u->n == 0))
        return SN_NO_ROW;
    uint32_t hash = sn__key_hash(ix, key);
    size_t mask = u->slots.cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        sn_slot slot = u->slots.at[i];
        if (slot.id == SN_NO_ROW)
            return SN_NO_ROW;
        if (slot.hash == hash && slot.id != except && sn__row_has_key(ix, slot.id, key))
            return slot.id;
    }
}

void
sn__unique_add(sn_index *ix, const sn_word *key, sn_row row)
{
    sn_unique *u = ix->as.unique;
    if (SN_LIKELY(u->dense)) {
        size_t at = sn__window_at(&u->window, key[0]);
        assert(at < u->window.room && u->rows[at] == SN_NO_ROW);
        u->rows[at] = row;
    } else {
        sn__slots_add(&u->slots, sn__key_hash(ix, key), row);
    }
    u->n++;
    u->peak = u->n > u->peak ? u->n : u->peak;
}

sn_status
sn__unique_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n)
{
    sn_word key[SN_MAX_KEY];
    for (*entered = 0; *entered < n; ++*entered) {
        sn_row row = first + *entered;
        if (!sn__row_key(key, ix, row))
            continue;
        if (sn__unique_find(ix, key) != SN_NO_ROW)
            return SN_UNIQUE;
        sn_status status = sn__unique_reserve(ix, key);
        if (status != SN_OK)
            return status;
        sn__unique_add(ix, key, row);
    }
    return SN_OK;
}

void
sn__unique_remove(sn_index *ix, const sn_word *key, sn_row row)
{
    sn_unique *u = ix->as.unique;
    if (SN_LIKELY(u->dense)) {
        size_t at = sn__window_at(&u->window, key[0]);
        assert(at < u->window.room && u->rows[at] == row);
        u->rows[at] = SN_NO_ROW;
    } else {
        sn__slots_remove(&u->slots, sn__key_hash(ix, key), row);
    }
    u->n--;
    u->left = true;
}

void
sn__unique_settle(sn_index *ix)
{
    sn_unique *u = ix->as.unique;
    u->peak = u->n;
    u->left = false;
    if (u->n == 0)
        sn__unique_clear(ix);
}

void
sn__unique_remap(sn_index *ix, const sn_row *map)
{
    sn_unique *u = ix->as.unique;
    for (size_t i = 0; i < u->window.room; i++)
        u->rows[i] = u->rows[i] == SN_NO_ROW ? SN_NO_ROW : map[u->rows[i]];
    for (size_t i = 0; i < u->slots.cap; i++) {
        if (u->slots.at[i].id != SN_NO_ROW)
            u->slots.at[i].id = map[u->slots.at[i].id];
    }
}

/* ---------------------------------------------------------------- check */

/* How many rows the structure holds. */
static size_t
held(const sn_unique *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->window.room; i++)
        n += u->rows[i] != SN_NO_ROW;
    for (size_t i = 0; i < u->slots.cap; i++)
        n += u->slots.at[i].id != SN_NO_ROW;
    return n;
}

static const char *
check_row(const sn_index *ix, sn_row row, const sn_word *key)
{
    const sn_unique *u = ix->as.unique;
    if (u->dense)
        return sn__unique_find(ix, key) == row ? NULL : "unique: a row is not at its key's position";
    if (!sn__slots_has(&u->slots, sn__key_hash(ix, key), row))
        return "unique: a row cannot be reached by its key";
    if (!ix->deferred && sn__unique_find(ix, key) != row)
        return "unique: two rows have one key";
    return NULL;
}

const char *
sn__unique_check(const sn_index *ix)
{
    const sn_unique *u = ix->as.unique;
    size_t n = 0;
    sn_word key[SN_MAX_KEY];
    for (sn_row row = 0; row < ix->table->positions; row++) {
        if (!sn__alive(ix->table, row) || !sn__row_key(key, ix, row))
            continue;
        const char *problem = check_row(ix, row, key);
        if (problem)
            return problem;
        n++;
    }
    if (n != u->n || u->n > u->peak || held(u) != n)
        return "unique: holds other rows than the live ones with a key";
    if (u->dense ? u->slots.cap > 0 : u->window.room > 0 || u->slots.n != n)
        return "unique: has both forms";
    return NULL;
}
