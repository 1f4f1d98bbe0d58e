/*
 * index.h - unique, many and ordered indexes over one to SN_MAX_KEY columns, one interface.
 *
 * Indexes hold row numbers only; keys are read from the columns (a many index keeps each list's key words). Protocol
 * of a change: reserve while it can still be refused; then `remove` while the columns have the old words, store,
 * `add`. `remove` gives a place, with which `restore` (undo) puts the row back exactly where it was. Within a unit
 * nothing shrinks: lists keep their holes and chunks stay, even empty, so undoing needs no memory: the state after
 * each undo step has been the state before. sn__index_settle, at the end of the outermost unit, squeezes and frees;
 * it needs no memory either.
 *
 * unique    open addressing, linear probing, backward-shift deletion; a slot is (32 bits of hash, row). Dense integer
 *           keys (one inline column, key range at most about twice the rows) are looked up by position instead. A
 *           deferred one may hold several rows of one key within a unit; `find` then gives any.
 * many      a hash from key to list; a list is an array of rows with holes (SN_NO_ROW), and each row's position in
 *           its list stands in a per-row array. Adding is appending: order of arrival. Dense integer keys by position
 *           as above.
 * ordered   a directory of sorted chunks of rows (a two-level B-tree: a directory of 10 M rows has 40,000 chunks, and a
 *           split's memmove is paid once per half chunk). Order: key columns, nulls last, then row number.
 */
#ifndef SN_INDEX_H
#define SN_INDEX_H

#include "mem.h"

#define SN_NO_PLACE UINT32_MAX /* the row was not in the index (null key) */

/* A place is what undo needs: the position in the list for many indexes, 0 otherwise. */
typedef uint32_t sn_place;

typedef struct sn_unique sn_unique;   /* unique.c */
typedef struct sn_many sn_many;       /* many.c */
typedef struct sn_ordered sn_ordered; /* ordered.c */

struct sn_index {
    sn_table *table;
    sn_index_kind kind;
    bool deferred;
    uint8_t column_count;
    uint8_t plain; /* bit i: the words of key column i are their own keys (SN_T_PLAIN) */
    sn_col columns[SN_MAX_KEY];
    void *tag;
    size_t references;        /* sn_reference that use it */
    size_t members;           /* those that are members over it: no key of a row is null in part */
    sn_index *next_unsettled; /* chained from sn_db.unsettled while rows left it in this unit (journal.c) */
    bool unsettled;
    sn_index *wanted; /* parked rows that may return, by the same key: within a call of restore.c, else NULL */
    union {
        sn_unique *unique;
        sn_many *many;
        sn_ordered *ordered;
    } as;
};

/* Room to add one row with these key words (already through key(); `null`: one is null). Repeated calls before the
 * adds do not accumulate: reserve, add, reserve, add. SN_NOMEM / SN_LIMIT. */
sn_status sn__index_reserve(sn_index *ix, const sn_word *key, bool null);
/* The live row that holds this key in a unique index, or SN_NO_ROW. */
sn_row sn__index_find(const sn_index *ix, const sn_word *key);
/* The rows of a unique or many index with this key; `one` is where a single row is put. */
sn_posting_view sn__index_view(const sn_index *ix, const sn_word *key, sn_row *one);
/* Asks the memory for where a unique or many index has this key, if it is found by position. */
void sn__index_ask(const sn_index *ix, const sn_word *key);
/* Another row than this one with this key in a (deferred) unique index, or SN_NO_ROW. */
sn_row sn__index_find_other(const sn_index *ix, const sn_word *key, sn_row row);
void sn__index_add(sn_index *ix, sn_row row);
/* The same for a unique or many index, by whoever has the row's key words at hand. */
void sn__index_add_key(sn_index *ix, const sn_word *key, sn_row row);
/* Reserves for and adds n rows that are stored, from `first` on. Stops at the first that cannot enter, SN_UNIQUE, SN_NOMEM or
 * SN_LIMIT; those before it (*entered, the ones with a null in the key among them) are in. Not for deferred indexes. */
sn_status sn__index_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n);
sn_place sn__index_remove(sn_index *ix, sn_row row);
void sn__index_restore(sn_index *ix, sn_row row, sn_place place);
/* Many: rows of a key (through key()). */
sn_posting_view sn__index_list(const sn_index *ix, const sn_word *key);
/* Many: the place that the live member number `position` (clamped to the last) of the row's list has now. */
sn_place sn__many_place_at(const sn_index *ix, sn_row row, size_t position);
/* Many: moves a row to a place of its list by rotating the slots between, holes included; returns the place where it
 * stood. Rotating back to that is the exact inverse (holes at the end are dropped and come back). `to` is the place
 * of a live member, or one to rotate back to. Needs no memory. */
sn_place sn__many_rotate(sn_index *ix, sn_row row, sn_place to);

/* Ordered: rows with low <= key <= high in order (only the first `prefix` columns are compared against the bounds;
 * NULL: no bound; a bound's cells may be null only on the high side, meaning "nulls included"). Walks with a cursor. */
typedef struct sn_range {
    const sn_cell *low, *high;
    size_t low_len, high_len; /* columns in each bound */
    bool low_open, high_open; /* excluded */
    bool high_prefix;         /* text: as high counts what begins with its last column */
} sn_range;
typedef struct sn_cursor {
    const sn_index *ix;
    size_t chunk, at;         /* next */
    size_t end_chunk, end_at; /* one past */
} sn_cursor;
void sn__ordered_seek(sn_cursor *out, const sn_index *ix, const sn_range *range);
sn_row sn__ordered_next(sn_cursor *c); /* SN_NO_ROW at the end */
sn_row sn__ordered_prev(sn_cursor *c); /* from the end backwards */
size_t sn__ordered_count(const sn_cursor *c);

void sn__index_settle(sn_index *ix);
/* After a compaction: map as sn_table_compact gives it (monotone). Needs no memory. */
void sn__index_remap(sn_index *ix, const sn_row *map, sn_row old_positions);
void sn__index_clear(sn_index *ix); /* all rows out, no memory needed */

sn_status sn__index_new(sn_index **out, sn_mem *m, sn_table *t, sn_index_kind kind, const sn_col *cols, size_t n,
                        bool deferred, void *tag); /* empty */
void sn__index_free(sn_mem *m, sn_index *ix);
const char *sn__index_check(const sn_index *ix); /* against the table: exactly its live rows, order, positions */

#endif
