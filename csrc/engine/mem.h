/*
 * mem.h - the engine's one door for memory.
 *
 * Every block comes and goes through the allocator given with the database, with its size, so that a test allocator can
 * check sizes, fill freed blocks and refuse the n-th call. Nothing else in the engine allocates.
 */
#ifndef SN_MEM_H
#define SN_MEM_H

#include "sn.h"

typedef struct sn_mem {
    sn_alloc_fn fn;
    void *ud;
    size_t blocks; /* live */
    size_t bytes;
} sn_mem;

void *sn_mem_new(sn_mem *m, size_t size);  /* NULL: refused; not cleared */
void *sn_mem_zero(sn_mem *m, size_t size); /* the same, cleared */
void *sn_mem_resize(sn_mem *m, void *ptr, size_t old_size, size_t new_size);
void sn_mem_free(sn_mem *m, void *ptr, size_t size); /* ptr may be NULL */

/* Makes room for `need` items of `item` bytes in the vector *ptr of capacity *cap (grows by half, at least to need; the
 * tiny build grows to need only). */
sn_status sn_mem_grow(sn_mem *m, void *ptr_to_vector, size_t *cap, size_t need, size_t item);

/* Hints for the hot paths: which way a branch goes nearly always. */
#if defined(__GNUC__) || defined(__clang__)
#define SN_LIKELY(x) __builtin_expect(!!(x), 1)
#define SN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define SN_LIKELY(x) (x)
#define SN_UNLIKELY(x) (x)
#endif

#ifdef SN_TINY
#define SN_FIRST_CAPACITY ((size_t)1)
#else
#define SN_FIRST_CAPACITY ((size_t)8)
#endif

#endif
