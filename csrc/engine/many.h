/*
 * many.h - key -> rows in order of arrival (many.c), behind index.h.
 */
#ifndef SN_MANY_H
#define SN_MANY_H

#include "key.h"

#ifdef SN_TINY
#define SN_LIST_FEW 1
#else
#define SN_LIST_FEW 2 /* rows that fit where the pointer would be */
#endif

typedef struct sn_list {
    union {
        sn_row *rows; /* cap > SN_LIST_FEW */
        sn_row few[2];
    } at;
    uint32_t cap; /* 0: not in use */
    uint32_t len; /* slots, holes (SN_NO_ROW) included; the last one is no hole */
    uint32_t count;
    uint32_t link; /* 0: in no chain; 1: the last of one; else the next list's id + 2 */
} sn_list;

struct sn_many {
    bool dense;
    size_t n;         /* rows */
    size_t used;      /* lists with cap > 0 */
    sn_window window; /* dense: list i is of key window.base + i, and room is lists_cap */
    sn_list *lists;
    size_t lists_cap;
    size_t lists_len;   /* ids handed out (not dense) */
    uint32_t unused;    /* chain of ids to hand out again, as `link` */
    uint32_t unsettled; /* chain of lists that lost rows in this unit, as `link` */
    sn_word *keys;      /* of each list, column_count words (not dense) */
    size_t keys_cap;
    sn_slots slots;   /* hash -> list id (not dense) */
    sn_place *places; /* by row: its slot in its list; only good for rows in the index */
    size_t places_cap;
};

void sn__many_init(sn_index *ix);
void sn__many_clear(sn_index *ix); /* frees everything but the struct */
sn_status sn__many_reserve(sn_index *ix, const sn_word *key);
void sn__many_add(sn_index *ix, const sn_word *key, sn_row row);
sn_status sn__many_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n);
sn_place sn__many_remove(sn_index *ix, const sn_word *key, sn_row row);
void sn__many_restore(sn_index *ix, const sn_word *key, sn_row row, sn_place place);
void sn__many_settle(sn_index *ix);
void sn__many_remap(sn_index *ix, const sn_row *map, sn_row old_positions);
const char *sn__many_check(const sn_index *ix);

/* The list of a key when lists are not found by position, or NULL. */
sn_list *sn__many_probe(const sn_index *ix, const sn_word *key);

static inline sn_row *
sn__list_rows(sn_list *list)
{
    return list->cap > SN_LIST_FEW ? list->at.rows : list->at.few;
}

/* The list of a key, or NULL. */
static inline sn_list *
sn__many_find(const sn_index *ix, const sn_word *key)
{
    const sn_many *m = ix->as.many;
    if (SN_UNLIKELY(!m->dense))
        return sn__many_probe(ix, key);
    size_t at = sn__window_at(&m->window, key[0]);
    return SN_LIKELY(at < m->window.room) && m->lists[at].cap ? &m->lists[at] : NULL;
}

#endif
