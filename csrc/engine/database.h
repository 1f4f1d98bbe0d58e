/*
 * database.h - what a database consists of: tables, entries, the journal, the drop list.
 *
 * journal   undo records, oldest first; empty when no unit is open. Each primitive has an inverse:
 *             BORN   row was given life            -> take it out of life, its words go to the drop list
 *             KILLED row was taken out of life     -> give life again (its words are still in place)
 *             LEFT   row left an index from place  -> sn__index_restore
 *             ENTERED row entered an index         -> sn__index_remove
 *             WROTE  a cell had `old`              -> store it again; the new word goes to the drop list
 *             MOVED  row changed its position      -> it goes back
 *             PARKED row was put aside             -> give life again
 *             RETURNED row was given life again    -> put it aside
 *             FREED  a parked row is gone          -> it is parked again (its words are still in place)
 *           Counters are not journaled: they do not go back.
 *           The outermost commit discards it: old words of WROTE and those of KILLED and FREED rows go to the drop list. It
 *           is also the unit's change set.
 * drops     handles that nobody needs, for the host to release. Whoever journals a change promises the handles that its
 *           end may drop (sn__drop_promise), so that neither commit nor rollback needs memory.
 * pending   what must be looked at again when the outermost unit commits: references that found no target, deleted
 *           targets that are still referred to, rows that share a deferred unique key. Normal rows add nothing here.
 */
#ifndef SN_DATABASE_H
#define SN_DATABASE_H

#include "intern.h"
#include "table.h"

typedef struct sn__value sn__value; /* getter.h */

typedef enum sn_undo_kind {
    SN_UNDO_BORN,
    SN_UNDO_KILLED,
    SN_UNDO_LEFT,
    SN_UNDO_ENTERED,
    SN_UNDO_WROTE,
    SN_UNDO_MOVED,
    SN_UNDO_PARKED,
    SN_UNDO_RETURNED,
    SN_UNDO_FREED
} sn_undo_kind;

typedef struct sn_undo {
    uint8_t kind;
    bool old_null;
    sn_col col;
    sn_row row;
    union {
        sn_table *table; /* BORN KILLED WROTE PARKED RETURNED FREED */
        sn_index *index; /* LEFT ENTERED MOVED */
    } on;
    union {
        sn_word old;
        sn_place place;
        sn_row count; /* BORN: rows row .. row + count - 1 */
        bool taken;   /* RETURNED, FREED: as the row was parked */
        struct {
            sn_place from, to;
        } move;
    } was;
} sn_undo;

typedef enum sn_pending_kind {
    SN_PENDING_REFERENCE,
    SN_PENDING_TARGET,
    SN_PENDING_UNIQUE,
    SN_PENDING_CYCLE
} sn_pending_kind;

typedef struct sn_pending {
    sn_pending_kind kind;
    const sn_reference *reference; /* REFERENCE, TARGET */
    const sn_index *index;         /* UNIQUE */
    sn_row row;   /* REFERENCE: the referring row; TARGET: the dead target row; UNIQUE: the second row */
    sn_row other; /* filled by a commit that fails: what sn_problem reports beside it */
    uint32_t at;  /* likewise: its place among the pending, for sorting */
    size_t count; /* likewise */
} sn_pending;

typedef struct sn_savepoint {
    size_t journal;
    size_t pending;
} sn_savepoint;

/* Which places the changes of one revision were in: see revision.h. */
typedef struct sn_trace {
    uint64_t places;
    uint64_t cells;
} sn_trace;

#define SN_TRACES 64 /* a power of two */

struct sn_db {
    sn_mem mem;
    sn_text_fn text;
    sn_table *tables;
    sn_intern_set entries;
    sn_entry *dead_entries; /* without uses, their handles still owned: chained by `key` until sn_db_drop pops them */
    sn_undo *journal;
    size_t journal_len, journal_cap;
    sn_savepoint *savepoints;
    size_t depth, savepoint_cap;
    sn_pending *pending;
    size_t pending_len, pending_cap;
    void **drops;
    size_t drop_len, drop_cap;
    size_t drop_promised; /* drop_len + drop_promised <= drop_cap */
    uint64_t revision;
    sn_trace traces[SN_TRACES]; /* of the last revisions, and of the one that is being made */
    uint32_t table_numbers;
    struct sn__moment *moments; /* see moment.h */
    size_t moment_n, moment_cap;
    int64_t time_utc, time_local; /* what the host has told */
    int64_t now;                  /* of the host's clock, for what is right within a time only */
    size_t timed;                 /* values that are */
    size_t values;                /* of all getters */
    sn__value *dead_values;       /* getters' values that nobody needs any more, until sn_db_drop pops what they own */
    sn_frame *frames;             /* computations under way */
    sn_frame *spare_frame;        /* one that has ended, or NULL */
    uint64_t schema;              /* grows with each change of the schema: values from before are worth nothing */
    uint64_t value_numbers;
    size_t pins;
    size_t parked; /* rows of all tables */
    sn_error error;
    sn_index *unsettled;  /* chain of indexes to settle when the unit ends */
    size_t problem_count; /* pending[0 .. problem_count) stood when the last sn_commit failed */
};

/* Room for so many handles on the drop list beyond what is promised already; sn__drop_promise promises them as well. */
sn_status sn__drop_reserve(sn_db *db, size_t handles);
sn_status sn__drop_promise(sn_db *db, size_t handles);
/* Puts a handle on the drop list out of a promise. NULL is ignored but uses the promise up. */
void sn__drop_push(sn_db *db, void *handle);
/* Releases what a cell of this type owns into the drop list (entry use or bare handle). If the type owns anything
 * (sn_type_owns), this uses up a promise of one, whatever the cell; else it does nothing. */
void sn__drop_cell(sn_db *db, sn_type type, sn_cell cell);
/* Gives back the room that a large unit has left. */
void sn__drop_shrink(sn_db *db);

/* An error about nothing in particular yet: ids that say "none". */
#define SN_ERROR(st) ((sn_error){.status = (st), .column = SN_NO_COL, .row = SN_NO_ROW, .other = SN_NO_ROW})
/* Fills db->error and returns the status. */
sn_status sn__fail(sn_db *db, sn_error error);
sn_status sn__fail_status(sn_db *db, sn_status status);

#endif
