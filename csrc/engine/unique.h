/*
 * unique.h - key -> row (unique.c), behind index.h.
 */
#ifndef SN_UNIQUE_H
#define SN_UNIQUE_H

#include "key.h"

struct sn_unique {
    bool dense;
    bool left;        /* rows have been removed since the last settle: undo may bring them back */
    size_t n;         /* rows */
    size_t peak;      /* the most there have been since the last settle: undo may come back to it */
    sn_window window; /* dense: rows[i] has key window.base + i, or SN_NO_ROW */
    sn_row *rows;
    sn_slots slots; /* otherwise */
};

void sn__unique_init(sn_index *ix);
void sn__unique_clear(sn_index *ix); /* frees everything but the struct */
sn_status sn__unique_reserve(sn_index *ix, const sn_word *key);
sn_row sn__unique_probe(const sn_index *ix, const sn_word *key, sn_row except);
void sn__unique_add(sn_index *ix, const sn_word *key, sn_row row);
sn_status sn__unique_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n);
void sn__unique_remove(sn_index *ix, const sn_word *key, sn_row row);
void sn__unique_settle(sn_index *ix);
void sn__unique_remap(sn_index *ix, const sn_row *map);
const char *sn__unique_check(const sn_index *ix);

static inline sn_row
sn__unique_find(const sn_index *ix, const sn_word *key)
{
    const sn_unique *u = ix->as.unique;
    if (SN_LIKELY(u->dense)) {
        size_t at = sn__window_at(&u->window, key[0]);
        return SN_LIKELY(at < u->window.room) ? u->rows[at] : SN_NO_ROW;
    }
    return sn__unique_probe(ix, key, SN_NO_ROW);
}

#endif
