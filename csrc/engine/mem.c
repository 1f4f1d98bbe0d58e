/*
 * mem.c - the one door for memory: counting, and growing vectors.
 *
 * The door is the host's allocator function; this file only counts what went through it and forms the few shapes in
 * which the engine asks (a cleared block, a vector that grows).
 *
 * Invariants: m->blocks == blocks handed out and not given back, m->bytes == the sum of their sizes. Hence both are 0
 * once a database has been freed, and every caller must know the exact size of what it frees: there is no hidden
 * header.
 *
 * Vectors grow by half, so that n appends copy O(n) items and waste at most a third; the tiny build (SN_TINY) grows to
 * exactly what is needed, so that every append reallocates and stale pointers show at once.
 *
 * What may fail: new, zero, resize and grow, leaving everything as it was. Freeing cannot.
 */
#include "mem.h"

#include <assert.h>
#include <string.h>

void *
sn_mem_new(sn_mem *m, size_t size)
{
    assert(size > 0);
    void *ptr = m->fn(m->ud, NULL, 0, size);
    if (!ptr)
        return NULL;
    m->blocks++;
    m->bytes += size;
    return ptr;
}

void *
sn_mem_zero(sn_mem *m, size_t size)
{
    void *ptr = sn_mem_new(m, size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *
sn_mem_resize(sn_mem *m, void *ptr, size_t old_size, size_t new_size)
{
    if (!ptr)
        return sn_mem_new(m, new_size);
    assert(old_size > 0 && new_size > 0);
    void *moved = m->fn(m->ud, ptr, old_size, new_size);
    if (!moved)
        return NULL;
    m->bytes = m->bytes - old_size + new_size;
    return moved;
}

void
sn_mem_free(sn_mem *m, void *ptr, size_t size)
{
    if (!ptr)
        return;
    assert(m->blocks > 0 && m->bytes >= size);
    m->blocks--;
    m->bytes -= size;
    m->fn(m->ud, ptr, size, 0);
}

/* The capacity that a vector takes when `need` items do not fit into `cap`. */
static size_t
grown(size_t cap, size_t need)
{
#ifdef SN_TINY
    (void)cap;
    return need;
#else
    size_t by_half = cap + cap / 2;
    size_t least = need > SN_FIRST_CAPACITY ? need : SN_FIRST_CAPACITY;
    return by_half > least ? by_half : least;
#endif
}

sn_status
sn_mem_grow(sn_mem *m, void *ptr_to_vector, size_t *cap, size_t need, size_t item)
{
    if (SN_LIKELY(need <= *cap))
        return SN_OK;
    size_t want = grown(*cap, need);
    if (want > SIZE_MAX / item)
        return SN_NOMEM;
    void *vector;
    memcpy(&vector, ptr_to_vector, sizeof vector);
    vector = sn_mem_resize(m, vector, *cap * item, want * item);
    if (!vector)
        return SN_NOMEM;
    memcpy(ptr_to_vector, &vector, sizeof vector);
    *cap = want;
    return SN_OK;
}
