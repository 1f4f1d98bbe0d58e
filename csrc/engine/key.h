/*
 * key.h - what unique and many indexes share: the keys of rows, their hash, slots, and windows of dense integers.
 *
 * slot     (32 bits of hash, id); id SN_NO_ROW: empty. The id is a row (unique) or a list (many). The hash kept in
 *          the slot spares a probe the columns of most rows that do not match, and lets a table grow without reading
 *          any column. Slots form an open-addressing table: linear probing, a power of two, at most 3/4 full (tiny
 *          build: one slot free), removal by shifting the run back.
 * window   the keys base .. base + room - 1 of a dense index, by position. Differences are taken modulo 2^64, so that
 *          no sum overflows; a window never shrinks before its index is cleared.
 */
#ifndef SN_KEY_H
#define SN_KEY_H

#include "mem.h"
#include "table.h"

typedef struct sn_slot {
    uint32_t hash;
    uint32_t id;
} sn_slot;

typedef struct sn_slots {
    sn_slot *at;
    size_t cap; /* power of two or 0 */
    size_t n;
} sn_slots;

/* Room for `n` slots taken in all. */
sn_status sn__slots_reserve(sn_mem *m, sn_slots *s, size_t n);
bool sn__slots_full(const sn_slots *s, size_t n); /* reserving `n` would have to grow */
void sn__slots_free(sn_mem *m, sn_slots *s);
void sn__slots_add(sn_slots *s, uint32_t hash, uint32_t id);    /* room is there */
void sn__slots_remove(sn_slots *s, uint32_t hash, uint32_t id); /* it is there */
bool sn__slots_has(const sn_slots *s, uint32_t hash, uint32_t id);

typedef struct sn_window {
    sn_word base;
    size_t room;
} sn_window;

/* Position of a key in the window: < room iff it is inside. */
static inline size_t
sn__window_at(const sn_window *w, sn_word key)
{
    return (size_t)(key - w->base);
}

/* The window that holds `key` too, for an index of n keys with it; room 0: it would be too wide. A wider window has
 * either the same base or the same end. */
sn_window sn__window_widen(const sn_window *w, sn_word key, size_t n);
/* The same for all keys between two; base <= last. */
sn_window sn__window_over(int64_t base, int64_t last, size_t n);

/* May this index be dense at all: one column of close integers? */
bool sn__index_may_be_dense(const sn_index *ix);

static inline uint32_t
sn__key_hash(const sn_index *ix, const sn_word *key)
{
    uint64_t hash = sn_hash_word(key[0]);
    for (size_t i = 1; i < ix->column_count; i++)
        hash = sn_hash_word(hash + key[i]);
    return (uint32_t)hash;
}

/* Key word i of a row whose cell there is not null. */
static inline sn_word
sn__key_word(const sn_index *ix, sn_row row, size_t i)
{
    const sn_table *t = ix->table;
    sn_word word = sn__word(t, row, ix->columns[i]);
    return SN_LIKELY(ix->plain >> i & 1) ? word : sn_types[t->columns[ix->columns[i]].def.type].key(word);
}

/* Has this row, without nulls in its key, this key? */
static inline bool
sn__row_has_key(const sn_index *ix, sn_row row, const sn_word *key)
{
    for (size_t i = 0; i < ix->column_count; i++) {
        if (sn__key_word(ix, row, i) != key[i])
            return false;
    }
    return true;
}

#endif
