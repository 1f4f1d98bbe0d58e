/*
 * ordered.h - rows by key order (ordered.c), behind index.h.
 */
#ifndef SN_ORDERED_H
#define SN_ORDERED_H

#include "key.h"

#ifdef SN_TINY
#define SN_CHUNK_ROWS 4
#else
#define SN_CHUNK_ROWS 512
#endif

typedef struct sn_chunk sn_chunk;
struct sn_chunk {
    sn_chunk *next; /* in the pool */
    uint32_t n;
    sn_row rows[SN_CHUNK_ROWS];
};

struct sn_ordered {
    size_t n;          /* rows */
    sn_chunk **chunks; /* in order, none empty */
    size_t len, cap;
    sn_chunk *pool; /* empty ones */
    size_t pool_len;
};

void sn__ordered_clear(sn_index *ix); /* frees everything but the struct */
sn_status sn__ordered_reserve(sn_index *ix);
void sn__ordered_add(sn_index *ix, sn_row row);
void sn__ordered_remove(sn_index *ix, sn_row row);
void sn__ordered_settle(sn_index *ix);
void sn__ordered_remap(sn_index *ix, const sn_row *map);
const char *sn__ordered_check(const sn_index *ix);

#endif
