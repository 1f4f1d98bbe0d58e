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
sn_status sn__seen_add(bool *fresh, sn_db *db, sn__seen *s, sn_row row, sn_row positions);
bool sn__seen_has(const sn__seen *s, sn_row row);
void sn__seen_free(sn_db *db, sn__seen *s);

#endif
