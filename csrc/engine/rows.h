/*
 * rows.h - lists of rows, and the set that remembers which rows were met.
 */
#ifndef SN_ROWS_H
#define SN_ROWS_H

#include "database.h"

/* Appends the rows of a list, holes left out. */
sn_status sn__rows_append(sn_db *db, sn_rows *r, sn_posting_view view);

/* Sorts the rows from `start` on into insertion order and drops repeated ones. Cannot fail. */
void sn__rows_settle(sn_db *db, sn_rows *r, size_t start);

/* Rows met so far: a hash of rows while they are few, a bitmap over the table once that is smaller. {0} is empty. */
typedef struct sn__seen {
    sn_row *slots; /* row + 1, 0: free */
    size_t cap;    /* a power of two, or 0 */
    size_t n;
    uint64_t *bits; /* instead of slots */
    size_t words;
} sn__seen;

/* *fresh: the row was not met before; now it is. `positions`: of its table. */
sn_status sn__seen_add_slow(bool *fresh, sn_db *db, sn__seen *s, sn_row row, sn_row positions);

static inline sn_status
sn__seen_add(bool *fresh, sn_db *db, sn__seen *s, sn_row row, sn_row positions)
{
    if (!s->bits) {
        return sn__seen_add_slow(fresh, db, s, row, positions);
    }
    uint64_t bit = (uint64_t)1 << (row & 63), *word = &s->bits[row >> 6];
    *fresh = !(*word & bit);
    *word |= bit;
    return SN_OK;
}

bool sn__seen_has(const sn__seen *s, sn_row row);
void sn__seen_free(sn_db *db, sn__seen *s);

/* Where each row of a list of different rows stands in it: a hash of places + 1. */
typedef struct sn__places {
    const sn_rows *rows; /* read at each look-up */
    sn_row *slots;
    size_t cap; /* a power of two */
} sn__places;

/* Of the rows that are in the list; there is room for `most`. */
sn_status sn__places_init(sn__places *p, sn_db *db, const sn_rows *rows, size_t most);
/* The place + 1 of a row, or the free slot (0) where it belongs. */
sn_row *sn__place_of(const sn__places *p, sn_row row);
void sn__places_free(sn_db *db, sn__places *p);

#endif
