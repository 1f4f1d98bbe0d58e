/*
 * key.c - slot tables and dense windows (key.h).
 *
 * A slot with hash h stands in the run that starts at h & (cap - 1): every slot between is taken. Removal keeps that
 * by moving later slots of the run into the gap, so there are no tombstones and a table that has seen a million
 * removals probes like a new one.
 *
 * A window may be about twice as wide as it has keys (2 n + 64): then it takes at most as much memory as slots would,
 * and finding is one load. What is added on growing beyond what is needed is slack on the side that grew, so that
 * ascending and descending keys both cost O(1) amortised.
 */
#include "key.h"

#include <assert.h>
#include <string.h>

#ifdef SN_TINY
#define DENSE_SLACK 2
#else
#define DENSE_SLACK 64
#endif

static size_t
slots_limit(size_t cap)
{
#ifdef SN_TINY
    return cap - (cap > 0);
#else
    return cap / 4 * 3;
#endif
}

static sn_status
slots_rehash(sn_mem *m, sn_slots *s, size_t cap)
{
    if (cap > SIZE_MAX / sizeof(sn_slot))
        return SN_NOMEM;
    sn_slots bigger = {.at = sn_mem_new(m, cap * sizeof(sn_slot)), .cap = cap};
    if (!bigger.at)
        return SN_NOMEM;
    memset(bigger.at, 0xFF, cap * sizeof(sn_slot));
    for (size_t i = 0; i < s->cap; i++) {
        if (s->at[i].id != SN_NO_ROW)
            sn__slots_add(&bigger, s->at[i].hash, s->at[i].id);
    }
    sn__slots_free(m, s);
    *s = bigger;
    return SN_OK;
}

bool
sn__slots_full(const sn_slots *s, size_t n)
{
    return n > slots_limit(s->cap);
}

sn_status
sn__slots_reserve(sn_mem *m, sn_slots *s, size_t n)
{
    if (SN_LIKELY(!sn__slots_full(s, n)))
        return SN_OK;
    size_t cap = s->cap ? s->cap : SN_FIRST_CAPACITY;
    while (slots_limit(cap) < n)
        cap *= 2;
    return slots_rehash(m, s, cap);
}

void
sn__slots_free(sn_mem *m, sn_slots *s)
{
    sn_mem_free(m, s->at, s->cap * sizeof *s->at);
    *s = (sn_slots){0};
}

void
sn__slots_add(sn_slots *s, uint32_t hash, uint32_t id)
{
    assert(s->n + 1 < s->cap && id != SN_NO_ROW);
    size_t mask = s->cap - 1, i = hash & mask;
    while (s->at[i].id != SN_NO_ROW)
        i = (i + 1) & mask;
    s->at[i] = (sn_slot){hash, id};
    s->n++;
}

/* Where the slot is, or SIZE_MAX. */
static size_t
slots_find(const sn_slots *s, uint32_t hash, uint32_t id)
{
    if (s->cap == 0)
        return SIZE_MAX;
    size_t mask = s->cap - 1, i = hash & mask;
    while (s->at[i].id != id) {
        if (s->at[i].id == SN_NO_ROW)
            return SIZE_MAX;
        i = (i + 1) & mask;
    }
    return i;
}

bool
sn__slots_has(const sn_slots *s, uint32_t hash, uint32_t id)
{
    size_t i = slots_find(s, hash, id);
    return i != SIZE_MAX && s->at[i].hash == hash;
}

void
sn__slots_remove(sn_slots *s, uint32_t hash, uint32_t id)
{
    size_t mask = s->cap - 1, hole = slots_find(s, hash, id);
    assert(hole != SIZE_MAX && s->at[hole].hash == hash);
    for (size_t i = (hole + 1) & mask; s->at[i].id != SN_NO_ROW; i = (i + 1) & mask) {
        size_t home = s->at[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            s->at[hole] = s->at[i];
            hole = i;
        }
    }
    s->at[hole].id = SN_NO_ROW;
    s->n--;
}

/* ---------------------------------------------------------------- windows */

/* Room to take for a window that must have `need`. */
static size_t
window_room(size_t room, size_t need)
{
#ifdef SN_TINY
    (void)room;
    return need;
#else
    size_t by_half = room + room / 2;
    size_t least = need > SN_FIRST_CAPACITY ? need : SN_FIRST_CAPACITY;
    return by_half > least ? by_half : least;
#endif
}

/* Whether a window of n keys may hold width + 1 of them. */
static bool
window_fits(sn_word width, size_t n)
{
    return width < 2 * (sn_word)n + DENSE_SLACK;
}

sn_window
sn__window_over(int64_t base, int64_t last, size_t n)
{
    sn_word width = sn_word_from_int(last) - sn_word_from_int(base);
    assert(base <= last);
    return (sn_window){sn_word_from_int(base), window_fits(width, n) ? (size_t)width + 1 : 0};
}

sn_window
sn__window_widen(const sn_window *w, sn_word key, size_t n)
{
    if (w->room == 0)
        return (sn_window){key, window_room(0, 1)};
    bool above = sn_word_int(key) > sn_word_int(w->base);
    sn_word last = above ? key - w->base : w->base + (w->room - 1) - key; /* width - 1, which cannot overflow */
    if (!window_fits(last, n))
        return (sn_window){0};
    size_t room = window_room(w->room, (size_t)last + 1);
    return (sn_window){above ? w->base : w->base - (room - w->room), room};
}

bool
sn__index_may_be_dense(const sn_index *ix)
{
    sn_type type = ix->table->columns[ix->columns[0]].def.type;
    return ix->column_count == 1 && !ix->deferred && (sn_types[type].flags & SN_T_DENSE);
}
