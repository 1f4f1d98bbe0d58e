/*
 * table.h - records in columns.
 *
 *   blocks     a column is a directory of blocks of SN_BLOCK_ROWS words; only the first block is smaller while the
 *              table is small. Growing never moves a full block and reading is two loads.
 *   nulls      a nullable column has a bitmap beside each block, 1 = null; the word of a null is 0.
 *   live       a bitmap of the rows that exist, in one piece: every access to a row asks it, and in as many pieces as
 *              there are blocks it would be a miss of the cache for each random one of millions of rows. Positions are
 *              handed out in order and not used again before a compaction, so the order of positions is the order of
 *              insertion, and a dead position never comes to mean another row. A row killed in a unit keeps its words
 *              until the unit ends: undoing it sets its bit again.
 *   parking    a bitmap of the rows that are put aside (park.c): out of life and out of every index, but with their
 *              words; and one of those of them that a cascade has taken along. It exists only in tables in which some
 *              row has ever been parked.
 *   handles    the host's objects, in blocks that exist only where some row has one.
 *
 * A row that is alive or parked is *stored*: its words are its own.
 *
 * Invariants
 *   live count == number of set bits, none of them beyond the positions; positions <= cap; the same of parked rows, of
 *   which none is alive; what a cascade took is parked; a row that is not alive is in no index; once no unit is open
 *   the cells of a row that is not stored own nothing (words 0). Its handle stays until the host clears it or the table
 *   is compacted: positions are not used again before that
 */
#ifndef SN_TABLE_H
#define SN_TABLE_H

#include <assert.h>

#include "index.h"
#include "mem.h"
#include "type.h"

#ifdef SN_TINY
#define SN_BLOCK_SHIFT 2
#else
#define SN_BLOCK_SHIFT 12
#endif
#define SN_BLOCK_ROWS ((sn_row)1 << SN_BLOCK_SHIFT)
#define SN_BLOCK_MASK (SN_BLOCK_ROWS - 1)
#define SN_BITMAP_WORDS ((SN_BLOCK_ROWS + 63) / 64)

typedef struct sn_column {
    sn_column_def def;
    uint64_t changed; /* the revision of its last change, in any row (revision.h) */
    bool used;        /* false: a gap */
    uint16_t indexed; /* indexes that it is part of */
    sn_word **blocks;
    uint64_t **nulls; /* NULL unless nullable */
    size_t block_cap; /* entries of each directory */
    size_t null_cap;
    size_t first_cap; /* words in the first block */
} sn_column;

#ifdef SN_TINY
#define SN_HANDLE_SHIFT 1
#else
#define SN_HANDLE_SHIFT 9
#endif
#define SN_HANDLE_ROWS ((sn_row)1 << SN_HANDLE_SHIFT)

typedef struct sn_handles {
    sn_row count; /* that are not NULL */
    void *at[SN_HANDLE_ROWS];
} sn_handles;

/* For as many rows as a word of `live`. */
typedef struct sn_parking {
    uint64_t parked; /* put aside */
    uint64_t taken;  /* of these: by a cascade */
    uint64_t wanted; /* meaningful within a call of restore.c only */
} sn_parking;

struct sn_table {
    sn_db *db;
    void *tag;
    sn_table *next;     /* in the database's list */
    sn_getter *getters; /* those of its rows, a list (getter.h) */
    uint64_t changed;   /* the revision at which a row last came, went, was parked or came back (revision.h) */
    uint32_t number;    /* no other table of the database has it */
    sn_row positions;
    sn_row count;
    sn_row cap;         /* positions that all columns have room for */
    size_t block_count; /* blocks present in each column */
    size_t live_cap;    /* words of `live` */
    sn_column *columns;
    sn_col column_count; /* slots, gaps included */
    sn_col owning_count; /* columns whose type owns something: the promises that a row needs (schema.c) */
    size_t column_cap;
    sn_col automatic; /* or SN_NO_COL */
    int64_t next_number;
    uint64_t *live;
    sn_parking *parking;
    size_t parking_cap;
    sn_row parked_count;
    sn_row returning;     /* rows that the call under way brings back: alive, and parked until its end (restore.c) */
    sn_col stamp;         /* takes the moment of parking; or SN_NO_COL: rows of this table are not parked */
    sn_handles **handles; /* per SN_HANDLE_ROWS rows, NULL where no row has one; read through sn_table_handle */
    size_t handle_cap;    /* entries of that directory, which follows the highest row that ever had one */
    size_t kept_handles;  /* directory entry of the block that was emptied last, which stays, or none (table.c) */
    sn_index **indexes;
    size_t index_count, index_cap;
    sn_reference **outgoing; /* belongs_to from here */
    size_t outgoing_count, outgoing_cap;
    sn_reference **incoming; /* belongs_to to here */
    size_t incoming_count, incoming_cap;
};

struct sn_reference {
    sn_index *from;
    sn_index *to;
    sn_on_delete action;
    bool enforce;
    bool acyclic; /* no row is met again along it */
    bool member;  /* rows refer by it that hold `constant` in the first column of `from` */
    sn_word constant;
    void *tag;
};

/* Where the bit of a row's life is; each block has whole words. */
static inline size_t
sn__live_at(sn_row row)
{
    return row >> (SN_BLOCK_SHIFT < 6 ? SN_BLOCK_SHIFT : 6);
}

static inline bool
sn__alive(const sn_table *t, sn_row row)
{
    return row < t->positions && (t->live[sn__live_at(row)] >> (row & SN_BLOCK_MASK & 63) & 1);
}

static inline bool
sn__parked(const sn_table *t, sn_row row)
{
    return row < t->positions && sn__live_at(row) < t->parking_cap
           && (t->parking[sn__live_at(row)].parked >> (row & SN_BLOCK_MASK & 63) & 1);
}

/* Parked, and not by its own doing. */
static inline bool
sn__taken(const sn_table *t, sn_row row)
{
    return sn__parked(t, row) && (t->parking[sn__live_at(row)].taken >> (row & SN_BLOCK_MASK & 63) & 1);
}

static inline bool
sn__stored(const sn_table *t, sn_row row)
{
    return sn__alive(t, row) || sn__parked(t, row);
}

static inline sn_word
sn__word(const sn_table *t, sn_row row, sn_col col)
{
    return t->columns[col].blocks[row >> SN_BLOCK_SHIFT][row & SN_BLOCK_MASK];
}

static inline bool
sn__is_null(const sn_table *t, sn_row row, sn_col col)
{
    uint64_t **nulls = t->columns[col].nulls;
    return nulls && (nulls[row >> SN_BLOCK_SHIFT][(row & SN_BLOCK_MASK) >> 6] >> (row & SN_BLOCK_MASK & 63) & 1);
}

/* The key words of a row for an index (through sn_types[].key). False if one of them is null. */
static inline bool
sn__row_key(sn_word *out, const sn_index *ix, sn_row row)
{
    const sn_table *t = ix->table;
    assert(ix->column_count > 0);
    for (size_t i = 0; i < ix->column_count; i++) {
        sn_col col = ix->columns[i];
        if (sn__is_null(t, row, col))
            return false;
        sn_word word = sn__word(t, row, col);
        out[i] = SN_LIKELY(ix->plain >> i & 1) ? word : sn_types[t->columns[col].def.type].key(word);
    }
    return true;
}

/* Whether some, and not all, of a row's key cells are null. */
static inline bool
sn__key_is_half(const sn_index *ix, sn_row row)
{
    size_t nulls = 0;
    for (size_t i = 0; i < ix->column_count; i++)
        nulls += sn__is_null(ix->table, row, ix->columns[i]);
    return nulls > 0 && nulls < ix->column_count;
}

/* Storage (table.c); rules and the journal are above it (write.c). None of these touches an index. */
sn_status sn__table_reserve(sn_table *t, sn_row more);       /* room for more positions */
sn_row sn__table_extend(sn_table *t);                        /* a new dead position with null / zero words */
void sn__table_set_live(sn_table *t, sn_row row, bool live); /* keeps count */
sn_status sn__table_reserve_parking(sn_table *t);            /* room to park any row */
sn_row sn__table_next_parked(const sn_table *t, sn_row row); /* the first from here on, or SN_NO_ROW */
void sn__table_set_parked(sn_table *t, sn_row row, bool parked, bool taken); /* keeps the counts */
void sn__table_extend_live(sn_table *t, sn_row n);                           /* n new positions of one block, alive */
void sn__table_store(sn_table *t, sn_row row, sn_col col, sn_cell c);        /* overwrites; owns nothing */

/* Columns: takes a gap or a new slot and gives it blocks for all positions, all null (nullable) or zero. t->automatic
 * is the caller's business. All or nothing; SN_NOMEM, SN_LIMIT. */
sn_status sn__table_add_slot(sn_col *out, sn_table *t, const sn_column_def *def);
void sn__table_free_slot(sn_table *t, sn_col col); /* leaves a gap; its cells own nothing any more */
/* Gives the column a null bitmap (no row null), or takes it away (no row may be null). */
sn_status sn__table_add_nulls(sn_table *t, sn_col col);
void sn__table_free_nulls(sn_table *t, sn_col col);

/* Compaction: room for a handle at this row (a status, before anything moves); then, in ascending order, each stored
 * row down to a dead one (words, nulls, life or parking, handle: `from` is left dead, null / zero, without handle); then the end
 * (all rows from `positions` on are dead and own nothing), which gives whole blocks back. The latter two need no
 * memory. */
sn_status sn__table_reserve_handle(sn_table *t, sn_row row);
void sn__table_move(sn_table *t, sn_row from, sn_row to);
void sn__table_truncate(sn_table *t, sn_row positions);

/* Frees the table itself with all that it points to, indexes and references excepted (freed before by the caller). */
void sn__table_free(sn_table *t);
const char *sn__table_check(const sn_table *t);

#endif
