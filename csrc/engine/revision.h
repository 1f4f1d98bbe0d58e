/*
 * revision.h - what has changed since when.
 *
 * The database's revision grows with each change and never goes back. A change that is being made belongs to the revision
 * after the current one, which begins when it is done (sn__revise):
 *
 *   changed  each column has the revision of its last change in any row, each table that of the last row that came or went
 *            (was born, died, was parked, came back). Undoing is a change, too: these only grow.
 *   traces   for each of the last SN_TRACES revisions, and for the one being made, two sets of 64 bits, each place of a change
 *            being hashed to one of them. `places`: columns, and lives of tables. `cells`: single cells. What has read only
 *            places whose bits are in no trace since has seen no change; the converse does not hold.
 *
 * A change that is refused leaves its marks behind, of a revision that has not come: they cost a second look, no more.
 */
#ifndef SN_REVISION_H
#define SN_REVISION_H

#include "database.h"

#define SN__LIFE SN_NO_COL /* in place of a column: the rows that are there */

/* Multiples of an odd number near 2^64 / 1.618 lie far apart (Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4): columns
 * beside each other get different bits. */
static inline uint64_t
sn__place_hash(const sn_table *t, sn_col col)
{
    return ((uint64_t)t->number << 16 | col) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint64_t
sn__hash_bit(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 58);
}

static inline uint64_t
sn__place_bit(const sn_table *t, sn_col col)
{
    return sn__hash_bit(sn__place_hash(t, col));
}

/* That of a cell of a place. */
static inline uint64_t
sn__row_hash(uint64_t place, sn_row row)
{
    return place + row * UINT64_C(0xBF58476D1CE4E5B9);
}

static inline uint64_t
sn__cell_bit(const sn_table *t, sn_row row, sn_col col)
{
    return sn__hash_bit(sn__row_hash(sn__place_hash(t, col), row));
}

static inline sn_trace *
sn__trace_at(sn_db *db, uint64_t revision)
{
    return &db->traces[revision & (SN_TRACES - 1)];
}

/* A cell gets another word, or what is told by the column's cells (the order of a list) becomes another. */
static inline void
sn__note_cell(sn_table *t, sn_row row, sn_col col)
{
    sn_trace *trace = sn__trace_at(t->db, t->db->revision + 1);
    t->columns[col].changed = t->db->revision + 1;
    trace->places |= sn__place_bit(t, col);
    trace->cells |= sn__cell_bit(t, row, col);
}

/* Rows are born, which nothing has read yet. */
static inline void
sn__note_birth(sn_table *t)
{
    t->changed = t->db->revision + 1;
    sn__trace_at(t->db, t->changed)->places |= sn__place_bit(t, SN__LIFE);
}

/* A row that may have been read comes or goes. */
static inline void
sn__note_life(sn_table *t)
{
    sn__note_birth(t);
    sn__trace_at(t->db, t->changed)->cells = UINT64_MAX;
}

/* The change is done. */
static inline void
sn__revise(sn_db *db)
{
    db->revision++;
    *sn__trace_at(db, db->revision + 1) = (sn_trace){0, 0};
}

/* A cell has got another word, and that is the whole change: sn__note_cell and sn__revise at once. */
static inline void
sn__revise_cell(sn_table *t, sn_row row, sn_col col)
{
    sn_db *db = t->db;
    uint64_t now = db->revision + 1, place = sn__place_hash(t, col);
    sn_trace *trace = sn__trace_at(db, now);
    t->columns[col].changed = now;
    trace->places |= sn__hash_bit(place);
    trace->cells |= sn__hash_bit(sn__row_hash(place, row));
    *sn__trace_at(db, now + 1) = (sn_trace){0, 0};
    db->revision = now;
}

/* Everything may have changed. */
static inline void
sn__revise_all(sn_db *db)
{
    *sn__trace_at(db, db->revision + 1) = (sn_trace){UINT64_MAX, UINT64_MAX};
    sn__revise(db);
}

/* What has been read, as the bits of its places: `places` of columns and lives as a whole, `cells` of single cells. */
typedef sn_trace sn_signature;

/* What has been changed after `revision`, and what is being changed. */
static inline sn_trace
sn__traces_since(const sn_db *db, uint64_t revision)
{
    sn_trace all = {0, 0};
    if (db->revision - revision >= SN_TRACES - 1)
        return (sn_trace){UINT64_MAX, UINT64_MAX};
    for (uint64_t r = revision + 1; r <= db->revision + 1; r++) {
        const sn_trace *trace = &db->traces[r & (SN_TRACES - 1)];
        all.places |= trace->places;
        all.cells |= trace->cells;
    }
    return all;
}

/* Whether something that has been read since `revision` may have changed. */
static inline bool
sn__touched(const sn_db *db, const sn_signature *s, uint64_t revision)
{
    if (db->revision - revision >= SN_TRACES - 1)
        return true;
    uint64_t touched = 0;
    for (uint64_t r = revision + 1; r <= db->revision; r++) {
        const sn_trace *trace = &db->traces[r & (SN_TRACES - 1)];
        touched |= (trace->places & s->places) | (trace->cells & s->cells);
    }
    return touched != 0;
}

#endif
