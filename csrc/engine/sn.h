/*
 * sn.h - the relationship engine's only public header.
 *
 * The engine keeps records in typed columns, keeps indexes and references right at every moment, and answers questions
 * by row numbers. It is pure C11: no I/O, no global state, no host code called (the text accessor below is the one,
 * pure, exception). The host (here: the CPython binding) converts its values to words, calls in, and turns statuses
 * into its own errors.
 *
 * Words. Every stored value is one 64-bit word and a null flag (`sn_cell`). What the word means is its column's type:
 *
 *   SN_BOOL SN_INT SN_FLOAT SN_DATE SN_DATETIME SN_TIMEDELTA SN_CHOICE   the value itself ("inline")
 *   SN_TEXT     a bare host handle, or an interned entry (the low bit tells: 1 = entry)
 *   SN_ENTRY    an interned entry: one exact representation of a value, with a canonical key
 *   SN_OBJECT   a bare host handle without order or equality
 *
 * Ownership. A cell given to a mutating call is *moved* when the call succeeds and remains the caller's when it fails.
 * A cell that a call returns is borrowed until the next mutating call. Handles that the engine no longer needs are put
 * on the drop list, which the host drains (sn_db_drop) as the last thing an entry point does.
 *
 * Units. Every write belongs to a unit: sn_begin ... sn_commit or sn_rollback, which nest (savepoints). A mutating call
 * is all or nothing by itself; a unit is all or nothing as a whole. Rules that look at the end (dangling references,
 * restricted deletes, deferred uniqueness) are checked when the outermost unit commits.
 *
 * Life. A row is alive, parked or gone. A parked row is kept aside: it is in no index, so nothing finds it that does not
 * ask for parked rows by name, but its words and its handle stay and it can be restored (sn_table_park).
 *
 * Rows. A row is a position in its table; positions follow the order of insertion and are not used again before a
 * compaction, which the host starts between units and which reports where each row went (sn_table_compact).
 *
 * Naming: sn_<module>_<verb> public, sn__<module>_<verb> shared inside the engine.
 */
#ifndef SN_H
#define SN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t sn_word;
typedef uint32_t sn_row;
typedef uint16_t sn_col;

#define SN_NO_ROW UINT32_MAX
#define SN_NO_COL UINT16_MAX
#define SN_MAX_KEY 8                     /* columns of one index, key or reference */
#define SN_MAX_OFFSET (INT64_C(1) << 61) /* microseconds between the time and a moment (sn_expr_moment) */

typedef struct sn_db sn_db;
typedef struct sn_table sn_table;
typedef struct sn_index sn_index;
typedef struct sn_reference sn_reference;
typedef struct sn_path sn_path;
typedef struct sn_expr sn_expr;
typedef struct sn_getter sn_getter;
typedef struct sn_frame sn_frame;

typedef struct sn_cell {
    sn_word word;
    bool null;
} sn_cell;

#define SN_NULL_CELL ((sn_cell){0, true})

typedef struct sn_bytes {
    const unsigned char *data;
    size_t len;
} sn_bytes;

/* ---------------------------------------------------------------- statuses */

/* What went wrong; the fields of sn_error that are set beside it are named. Nothing has changed unless
 * said otherwise. */
typedef enum sn_status {
    SN_OK = 0,
    SN_NOMEM,  /* the allocator refused */
    SN_UNIQUE, /* index; row: the refused row or SN_NO_ROW when it was being inserted; other: the row that has the key */
    SN_NULL,   /* column: null where it is required */
    SN_NAN,    /* column: NaN in an indexed column */
    SN_CYCLE, /* reference, row: it is met again along the reference, after `count` steps; other: the first of them (sn_commit) */
    SN_DANGLING,   /* reference, row: refers to what does not exist; count: how many rows do (sn_commit) */
    SN_RESTRICTED, /* reference, row: a referring row, other: the deleted row; count: how many refer to it (sn_commit) */
    SN_KEY_IN_USE, /* reference, row: the row whose key would change; count: how many refer to it */
    SN_HALF,       /* index, row (SN_NO_ROW: inserted): its key would be null in part, where it is that of a member */
    SN_STALE,      /* row: it is not alive */
    SN_OVERFLOW,   /* an integer or time result is out of range */
    SN_LIMIT,      /* more rows, columns, nodes or nesting than the engine can hold */
    SN_BUSY,       /* not while a unit or a pin is open */
    SN_MISUSE,     /* the arguments contradict the schema (types do not meet, a path that does not chain) */
} sn_status;

typedef struct sn_error {
    sn_status status;
    const sn_table *table;
    const sn_index *index;
    const sn_reference *reference;
    sn_col column;
    sn_row row;
    sn_row other;
    size_t count;
} sn_error;

/* ---------------------------------------------------------------- types */

typedef enum sn_type {
    SN_BOOL,      /* 0 or 1 */
    SN_INT,       /* int64_t */
    SN_FLOAT,     /* the bits of a double */
    SN_DATE,      /* proleptic ordinal, as int64_t */
    SN_DATETIME,  /* (microseconds since 0001-01-01T00:00) * 2 + fold, as int64_t; keys drop fold */
    SN_TIMEDELTA, /* microseconds, as int64_t */
    SN_CHOICE,    /* ordinal of a member of a closed list (enum, literal), as int64_t */
    SN_TEXT,
    SN_ENTRY,
    SN_OBJECT,
    SN_TYPE_COUNT
} sn_type;

/* ---------------------------------------------------------------- the database */

/* One door for memory: new (ptr NULL), resize, free (new_size 0). NULL means refused; freeing cannot fail. */
typedef void *(*sn_alloc_fn)(void *ud, void *ptr, size_t old_size, size_t new_size);

/* The UTF-8 of a bare text handle. Pure: may not fail, allocate or run host code. Valid while the handle lives. */
typedef sn_bytes (*sn_text_fn)(const void *handle);

typedef struct sn_config {
    sn_alloc_fn alloc;
    void *alloc_ud;
    sn_text_fn text;
} sn_config;

sn_status sn_db_new(sn_db **out, const sn_config *config);

/* Frees everything. The host has dismantled the rows before (sn_db_dismantle), else their handles leak. */
void sn_db_free(sn_db *db);

/* What the last failed call on this database met. */
const sn_error *sn_db_error(const sn_db *db);

/* Takes up to `cap` handles from the drop list; returns how many. Call until it returns 0. */
size_t sn_db_drop(sn_db *db, void **out, size_t cap);

/* Number of handles on the drop list; of those that getters' values owned only whether there may be some. */
size_t sn_db_drop_count(const sn_db *db);

/* How many host handles the database owns (rows, entries, the open unit, the drop list). Walks all rows: for tests. */
size_t sn_db_handle_count(const sn_db *db);

/* Removes all rows without a journal, up to `cap` handles at a time; returns how many handles it wrote, 0 when all
 * tables are empty. The schema stays, automatic numbers start again. Refused (returns 0 with rows left) while a unit is
 * open. Row handles (records) must have been cleared by the host. Between the calls the store is half taken apart:
 * nothing else may be called, so a host whose handles run code when released collects them all first. */
size_t sn_db_dismantle(sn_db *db, void **out, size_t cap);

/* Live blocks and bytes obtained through the door. */
size_t sn_db_blocks(const sn_db *db);
size_t sn_db_bytes(const sn_db *db);

/* Grows with every change, never goes back. */
uint64_t sn_db_revision(const sn_db *db);

/* Tells all expressions the time: microseconds since 0001-01-01, in UTC and local, both within what the host can write. Whatever is asked
 * of what is timed (sn_expr_timed, sn_path_timed) sees the time told last. SN_NOMEM: it is the one before. */
sn_status sn_db_set_time(sn_db *db, int64_t utc, int64_t local);

/* While pins are held no compaction happens, so row numbers stay good. */
void sn_db_pin(sn_db *db);
void sn_db_unpin(sn_db *db);
size_t sn_db_pins(const sn_db *db);

/* Walks every structure and every invariant. NULL when all hold, else a static string that says which does not. */
const char *sn_check(const sn_db *db);

/* ---------------------------------------------------------------- entries */

/*
 * An entry stands for one exact value: `tag` (the host's type of value) and `exact` bytes. `key` bytes are its
 * canonical form: values that are equal have equal keys, and keys order as values do (byte-wise). key.data == NULL: the
 * exact bytes are the key. `borrow`: the exact bytes live inside the handle, so they need not be copied.
 */
typedef struct sn_entry_def {
    uint32_t tag;
    sn_bytes exact;
    sn_bytes key;
    bool borrow;
    void *handle;
} sn_entry_def;

/* One use of the entry, made if it does not exist. *taken: the handle was moved in (a new entry); else it is still the
 * caller's. */
sn_status sn_entry_intern(sn_word *out, bool *taken, sn_db *db, const sn_entry_def *def);

/* The word of an existing entry without a use of its own (borrowed), or 0: for probing without creating. */
sn_word sn_entry_peek(const sn_db *db, uint32_t tag, sn_bytes exact);

/* One more use of the same word. Text that is bare is the host's business: only for entry words. */
void sn_entry_retain(sn_word word);

/* Gives one use back; the handle goes to the drop list with the last one. Needs no memory. */
void sn_entry_release(sn_db *db, sn_word word);

static inline bool
sn_word_is_entry(sn_word word)
{
    return word & 1;
}

/* The host handle of a text, entry or object word. */
void *sn_entry_handle(sn_word word);

static inline void *
sn_word_handle(sn_word word)
{
    return sn_word_is_entry(word) ? sn_entry_handle(word) : (void *)(uintptr_t)word;
}

/* ---------------------------------------------------------------- schema */

typedef struct sn_column_def {
    sn_type type;
    bool nullable;
    bool automatic; /* SN_INT only, one per table: a null on insert becomes the next number, counting up from 1 */
} sn_column_def;

typedef enum sn_index_kind {
    SN_INDEX_UNIQUE,  /* key -> row; rows with a null in the key are not in it */
    SN_INDEX_MANY,    /* key -> rows in order of arrival; rows with a null in the key are not in it */
    SN_INDEX_ORDERED, /* all rows by key, nulls last, ties in insertion order */
} sn_index_kind;

/* Schema changes are refused (SN_BUSY) while a unit is open. `tag` is the host's name for the thing, kept
 * for errors. */
sn_status sn_table_new(sn_table **out, sn_db *db, void *tag);
void sn_table_drop(sn_table *t); /* without rows, references or paths; in a unit or with rows it is the host's error */
/* The column that takes the moment of parking: nullable, it cannot be dropped, nor refuse nulls, while it is. SN_NO_COL
 * (the rule at first): rows of this table cannot be parked; refused (SN_MISUSE) while some are. */
sn_status sn_table_set_stamp(sn_table *t, sn_col col);
void *sn_table_tag(const sn_table *t);
sn_db *sn_table_db(const sn_table *t);

/* Adds a column; rows that exist, parked ones too, take the word that `fill` has for them: `fill` is one cell for each
 * position from 0 to sn_table_positions(t) (moved in; dead positions are ignored and must not own anything), or NULL for
 * all null. Column numbers are stable: dropping leaves a gap that the next column may take. */
sn_status sn_table_add_column(sn_col *out, sn_table *t, const sn_column_def *def, const sn_cell *fill);
sn_status sn_table_drop_column(sn_table *t, sn_col col); /* in no index or reference; its handles are dropped */
sn_status sn_table_set_nullable(sn_table *t, sn_col col,
                                bool nullable); /* SN_NULL if a row, or a parked one, has one */
sn_col sn_table_columns(const sn_table *t);     /* column slots, gaps included */
const sn_column_def *sn_table_column_def(const sn_table *t, sn_col col);

/* Builds the index from the live rows: SN_UNIQUE or SN_NAN if they refuse it. Text columns in it hold entries
 * only. deferred: uniqueness is checked at the end of the outermost unit. */
sn_status sn_index_new(sn_index **out, sn_table *t, sn_index_kind kind, const sn_col *cols, size_t n, bool deferred,
                       void *tag);
sn_status sn_index_drop(sn_index *ix);
void *sn_index_tag(const sn_index *ix);
sn_index_kind sn_index_kind_of(const sn_index *ix);
sn_table *sn_index_table(const sn_index *ix);
size_t sn_index_columns(const sn_index *ix, const sn_col **cols);

typedef enum sn_on_delete { SN_RESTRICT, SN_CASCADE, SN_NULLIFY, SN_KEEP } sn_on_delete;

/*
 * A reference is a belongs_to: columns here (`from`, an index over exactly those columns: many, or unique for
 * one-to-one) that hold the key of another table (`to`, a unique index, not deferred). It is the one truth behind both
 * directions. A null in any of its columns refers to nothing. enforce: at the end of the outermost unit every reference
 * has its target; it excludes SN_KEEP (SN_MISUSE), as SN_NULLIFY requires a nullable column among `from`. Live rows
 * may refuse it: SN_DANGLING.
 */
sn_status sn_reference_new(sn_reference **out, sn_index *from, sn_index *to, sn_on_delete action, bool enforce,
                           void *tag);
/*
 * One member of a reference to rows of several tables: they share `from`, whose first column says which of them a row
 * refers to. The rows that hold `constant` there (of a type whose words are the values) refer by this one, and the columns
 * after it hold the key in `to`. Such a key is null as a whole or not at all (SN_HALF); SN_NULLIFY sets all of it, so all of
 * its columns are nullable. A second member with the same constant is SN_MISUSE.
 */
sn_status sn_reference_new_member(sn_reference **out, sn_index *from, sn_index *to, sn_word constant,
                                  sn_on_delete action, bool enforce, void *tag);
/* From now on no row may be met again by going on from it along the reference, which is one within a table (else SN_MISUSE).
 * Rows that exist may refuse it: SN_CYCLE. */
sn_status sn_reference_forbid_cycles(sn_reference *ref);
sn_status sn_reference_drop(sn_reference *ref);
void *sn_reference_tag(const sn_reference *ref);
sn_table *sn_reference_from(const sn_reference *ref);
sn_table *sn_reference_to(const sn_reference *ref);
const sn_index *sn_reference_from_index(const sn_reference *ref);
const sn_index *sn_reference_to_index(const sn_reference *ref);

/* ---------------------------------------------------------------- reading rows */

sn_row sn_table_positions(const sn_table *t);    /* positions in use, dead ones included */
sn_row sn_table_count(const sn_table *t);        /* live rows */
sn_row sn_table_parked_count(const sn_table *t); /* parked rows */
bool sn_table_alive(const sn_table *t, sn_row row);
bool sn_table_parked(const sn_table *t, sn_row row);
sn_cell sn_table_get(const sn_table *t, sn_row row, sn_col col); /* of a live or parked row; borrowed */
/* The same for a row that may be gone, in the fewest steps: 1 with *out, 0 for a null, -1 when the row is not alive. */
int sn_table_read(sn_word *out, const sn_table *t, sn_row row, sn_col col);

/* The host's object for a row (borrowed by the engine). Setting may need memory, clearing (NULL) does not. Positions
 * without one cost nothing. A row that dies keeps its handle until the host clears it or the table is compacted. */
void *sn_table_handle(const sn_table *t, sn_row row);
sn_status sn_table_set_handle(sn_table *t, sn_row row, void *handle);
/* The first position >= row that has a handle, or SN_NO_ROW. */
sn_row sn_table_next_handle(const sn_table *t, sn_row row);

/* The row with this key in a unique index, or SN_NO_ROW. Words need not own anything. */
sn_row sn_index_find(const sn_index *ix, const sn_word *words);

/* The rows with this key in a many index in order of arrival. `rows` is borrowed and has holes (SN_NO_ROW) when
 * count < len. */
typedef struct sn_posting_view {
    const sn_row *rows;
    size_t len;
    size_t count;
} sn_posting_view;
sn_posting_view sn_index_rows(const sn_index *ix, const sn_word *words);

/* ---------------------------------------------------------------- writing */

/* Opens a unit, or a savepoint within one. */
sn_status sn_begin(sn_db *db);
/* Closes the innermost. The outermost checks first: SN_DANGLING, SN_RESTRICTED, SN_CYCLE or SN_UNIQUE (deferred) leave it open
 * with nothing undone, so that the host can describe the rows; it then rolls back (or mends and commits again). */
sn_status sn_commit(sn_db *db);
/* Undoes and closes the innermost. Cannot fail. */
void sn_rollback(sn_db *db);
size_t sn_depth(const sn_db *db);

/* After a failed sn_commit: the i-th problem that stood, in the order in which they were made. False past the end. */
bool sn_problem(sn_error *out, const sn_db *db, size_t i);

/* Inserts one row: a cell for each column slot (gaps are ignored). */
sn_status sn_table_insert(sn_row *out, sn_table *t, const sn_cell *cells);

/* Inserts n rows, given by row: n * columns cells. Positions are consecutive from *first. All or nothing: when a row is
 * refused (SN_UNIQUE, SN_NULL, SN_NAN...), error.count is its offset within the call, and error.other is SN_NO_ROW when
 * the row that has its key is one of the call's own. */
sn_status sn_table_insert_many(sn_row *first, sn_table *t, const sn_cell *cells, size_t n);

/* Sets columns of rows: for rows[i] the cells[i * ncols ...]. Rows and columns are given once each, else SN_MISUSE.
 * Uniqueness is judged on the outcome of the whole call, so swaps work. A cell that equals what is stored (same word)
 * is no change; it is moved in like the others, so what it owns goes to the drop list. */
sn_status sn_table_update(sn_table *t, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols,
                          const sn_cell *cells);

/* Sets one cell of one row at once and for good, where nothing can refuse it: outside any unit, a column in no index, a cell that
 * fits. True: cell has been moved in, and *old, what was stored, is the caller's. False: nothing has happened; the long way tells
 * why. Needs no memory. */
bool sn_table_exchange(sn_cell *old, sn_table *t, sn_row row, sn_col col, sn_cell cell);
/* The same for a parked row, whose values are no one's to change: for another form of the same value. */
bool sn_table_exchange_parked(sn_cell *old, sn_table *t, sn_row row, sn_col col, sn_cell cell);

/* Deletes rows, live and parked, and what follows from their references' on_delete: parked rows that refer to what is
 * gone go with it (SN_CASCADE) or have their key made null (SN_NULLIFY) as live ones do, and forbid nothing. *deleted:
 * how many of the rows given were there. */
sn_status sn_table_delete(size_t *deleted, sn_table *t, const sn_row *rows, size_t n);

/* The moment of a statement, as the stamp column of this type holds it. */
typedef struct sn_stamp {
    sn_type type;
    sn_cell cell;
} sn_stamp;

/* Puts live rows aside, and does what follows from their references' on_delete: SN_CASCADE parks the rows that refer to
 * them, too (SN_MISUSE if their table has no stamp column), the others do as deleting does. Their stamp column takes the
 * cell of its type among `stamps`, which are borrowed (SN_MISUSE if there is none). *parked: how many of the rows given
 * were alive. */
sn_status sn_table_park(size_t *parked, sn_table *t, const sn_row *rows, size_t n, const sn_stamp *stamps,
                        size_t stamps_len);
/* Gives parked rows their life back: last in the lists of their many indexes, stamp null. A row that a cascade has parked
 * comes with them when it refers to one of them and all that it refers to is alive then. Refused by what has happened
 * meanwhile: SN_UNIQUE (row: the parked one, other: the row that has its key), SN_NAN (row, column); SN_DANGLING at the
 * end of the unit. *restored: how many of the rows given were parked. */
sn_status sn_table_restore(size_t *restored, sn_table *t, const sn_row *rows, size_t n);

/* Next number of the automatic column (SN_LIMIT is met by inserting, not here: INT64_MAX is never given). */
int64_t sn_table_next_number(const sn_table *t);

/* Worth compacting: more than half of the positions are dead, and they are not few. */
bool sn_table_sparse(const sn_table *t);

/* Moves live and parked rows together, keeping their order. map: sn_table_positions(t) entries, filled with each row's
 * new position (SN_NO_ROW for dead ones). Handles of those rows move along, those of dead rows are forgotten: the host
 * visits them before (sn_table_next_handle finds both), for their numbers come to mean other rows. SN_BUSY in a unit or
 * while pinned. */
sn_status sn_table_compact(sn_table *t, sn_row *map);

/* Puts row last in its many index's list / at place `position` among the live members (0-based, clamped). Journaled. */
sn_status sn_index_move(sn_index *ix, sn_row row, size_t position);

/* ---------------------------------------------------------------- row sets */

/* A list of rows that the caller owns. Initialise to {0}; sn_rows_free when done. */
typedef struct sn_rows {
    sn_row *rows;
    size_t n;
    size_t cap;
} sn_rows;

sn_status sn_rows_push(sn_db *db, sn_rows *r, sn_row row);
sn_status sn_rows_reserve(sn_db *db, sn_rows *r, size_t more);
void sn_rows_free(sn_db *db, sn_rows *r);
/* Into an empty list each of n rows once, in order of first encounter; places[i]: where in it rows[i] stands. */
sn_status sn_rows_distinct(sn_rows *out, sn_row *places, sn_db *db, const sn_row *rows, size_t n);

/* ---------------------------------------------------------------- expressions */

/*
 * An arena of nodes that a query owns. A node is a value or a predicate over a row. Rows nest: depth 0 is the row that
 * the innermost enclosing exists, aggregate, follow or hop filter looks at (the query's own row outside any), depth 1
 * the one around it, and so on.
 *
 * Builders return SN_NO_NODE when they fail; sn_expr_status says why, and every later builder then does nothing.
 * Logic is two-valued: a comparison with a null is false, except that a null equals the constant null, and != is the
 * complement of ==: two columns that are both null are not equal. Types of both sides of a comparison are equal, or INT with FLOAT. Order
 * comparisons of SN_OBJECT, and arithmetic that the table of operators does not have, are SN_MISUSE.
 */
typedef int32_t sn_node;
#define SN_NO_NODE (-1)

typedef enum sn_compare_op { SN_EQ, SN_NE, SN_LT, SN_LE, SN_GT, SN_GE } sn_compare_op;
typedef enum sn_text_op { SN_LIKE, SN_ILIKE, SN_CONTAINS, SN_STARTSWITH, SN_ENDSWITH } sn_text_op;
typedef enum sn_arith_op { SN_ADD, SN_SUB, SN_MUL, SN_DIV } sn_arith_op;
typedef enum sn_agg_op { SN_COUNT, SN_SUM, SN_AVG, SN_MIN, SN_MAX } sn_agg_op;

sn_status sn_expr_new(sn_expr **out, sn_db *db);
void sn_expr_free(sn_expr *e); /* constants' handles go to the drop list */
sn_status sn_expr_status(const sn_expr *e);
sn_type sn_expr_type(const sn_expr *e, sn_node node); /* of a value node */
bool sn_expr_timed(const sn_expr *e);                 /* some node looks at the time, by itself or along a path */

/* values */
sn_node sn_expr_const(sn_expr *e, sn_type type,
                      sn_cell cell); /* moves the cell in, also when it fails (stop building then) */
/*
 * A moment: the time that the host has told last (sn_db_set_time) and so many microseconds more, at most SN_MAX_OFFSET, also when that
 * is a time that the host cannot write. SN_DATETIME: of the local time, as stored. SN_ENTRY: of UTC, as a canonical form of 8 bytes, the
 * first the most significant, of the microseconds with the top bit inverted. Beside a column it is what a constant would be, to indexes
 * too; it is no value to be handed out as it is. SN_MISUSE for other types.
 */
sn_node sn_expr_moment(sn_expr *e, sn_type type, int64_t offset);
sn_node sn_expr_column(sn_expr *e, unsigned depth, const sn_table *t, sn_col col);
/* `inner` at the row that the to-one path leads to from the row at `depth` (inside, that row is depth 0); null without
 * one */
sn_node sn_expr_follow(sn_expr *e, unsigned depth, const sn_path *path, sn_node inner);
/* A value that the host computes: slot k of the words given by sn_expr_set_host, read at the row at `depth`. */
sn_node sn_expr_host(sn_expr *e, unsigned depth, unsigned slot, sn_type type);
sn_node sn_expr_arith(sn_expr *e, sn_arith_op op, sn_node a, sn_node b);
/* a, or where it is null, b; of one type */
sn_node sn_expr_else(sn_expr *e, sn_node a, sn_node b);
/* Over the targets of `path` from the row at `depth`: those for which `where` holds (or SN_NO_NODE), of `value`
 * (SN_NO_NODE for SN_COUNT). distinct: each target once. Null values are passed over; sum of nothing is 0, min, max,
 * avg null. */
sn_node sn_expr_aggregate(sn_expr *e, unsigned depth, sn_agg_op op, const sn_path *path, sn_node where, sn_node value,
                          bool distinct);

/* predicates */
sn_node sn_expr_compare(sn_expr *e, sn_compare_op op, sn_node a, sn_node b);
/* a is one of n constants of a's type; null among them matches null. Cells are moved in when it succeeds, the caller's
 * when not. */
sn_node sn_expr_in(sn_expr *e, sn_node a, const sn_cell *cells, size_t n);
sn_node sn_expr_text(sn_expr *e, sn_text_op op, sn_node a, sn_node pattern);
sn_node sn_expr_is_null(sn_expr *e, sn_node a);
sn_node sn_expr_truth(sn_expr *e, sn_node a);                    /* a boolean value as a predicate: null is false */
sn_node sn_expr_and(sn_expr *e, const sn_node *nodes, size_t n); /* of nothing: true */
sn_node sn_expr_or(sn_expr *e, const sn_node *nodes, size_t n);  /* of nothing: false */
sn_node sn_expr_not(sn_expr *e, sn_node a);
sn_node sn_expr_exists(sn_expr *e, unsigned depth, const sn_path *path, sn_node where);

/* Gives the cells of host slot k for all positions of its table (borrowed until the query has run). */
sn_status sn_expr_set_host(sn_expr *e, unsigned slot, const sn_cell *cells, size_t n);

/* `node` for each of n rows, live or parked. From a parked row, as from any, paths lead to live rows only. Cells are
 * borrowed. */
sn_status sn_expr_eval(sn_cell *out, sn_expr *e, sn_node node, const sn_table *t, const sn_row *rows, size_t n);
/* What the aggregate `node` looks at from each of n rows: the targets for which its condition holds. They are
 * appended to *out; offsets has n + 1 entries into it. A row that is gone has none. *to: the table of the targets. */
sn_status sn_expr_targets(sn_rows *out, size_t *offsets, const sn_table **to, sn_expr *e, sn_node node,
                          const sn_table *t, const sn_row *rows, size_t n);

/* ---------------------------------------------------------------- paths */

typedef struct sn_order {
    sn_node value;
    bool descending;
    bool nulls_first;
} sn_order;

/*
 * One step of a relation: rows that a row leads to, of one table.
 *
 *   REFERENCE     forward: from the referring row to its target (belongs_to); backward: from the target to the rows that refer to
 *                 it, in order of arrival (has_many)
 *   THROUGH       the targets of paths[0]
 *   RECURSIVE     the targets of paths[0], which ends where it starts, those of these targets, and so on: nearest first, each once.
 *                 The row itself is among them only if it is met again, by a cycle
 *   UNION         the targets of any of the paths, in the order of the paths, each once
 *   INTERSECTION  the targets of paths[0] that are targets of all others; each once
 *   DIFFERENCE    the targets of paths[0] that are targets of none of the others; each once
 *
 * where, order, offset and limit apply to the rows of this step from one row; single: only the first (has_one). The nodes live in
 * `expr`, in which depth 0 is the row stepped to. expr and paths must outlive the path.
 *
 * A union may have ways, one for each path: then the rows of a path count for which its way's condition holds, and a row is sorted by
 * the terms of the first way by which it comes. Terms at the same place agree in type and direction, and in where nulls go. If the ways
 * lead on, the order, offset and limit are those of the rows before, each of which gives what its way leads on to; where is none then.
 */
typedef enum sn_hop_kind {
    SN_HOP_REFERENCE,
    SN_HOP_THROUGH,
    SN_HOP_RECURSIVE,
    SN_HOP_UNION,
    SN_HOP_INTERSECTION,
    SN_HOP_DIFFERENCE
} sn_hop_kind;

/* What is said of the rows that one path of a union gives: so that each path may say the same in its own words. */
typedef struct sn_way {
    sn_node where;         /* SN_NO_NODE: none */
    const sn_order *order; /* the hop's order_len terms */
    const sn_path
        *onward; /* from these rows to those of the step; or NULL, as of all ways: they are the rows of the step */
} sn_way;

typedef struct sn_hop_def {
    const sn_reference *reference;
    bool backward;
    bool single;
    sn_expr *expr;
    sn_node where; /* SN_NO_NODE: none */
    const sn_order *order;
    size_t order_len;
    size_t limit; /* SIZE_MAX: none */
    size_t offset;
    sn_hop_kind kind;
    const sn_path *const *paths; /* of all kinds but REFERENCE */
    size_t path_count;
    const sn_way *ways; /* of UNION: path_count, and `order` is not looked at; or NULL */
} sn_hop_def;

/* Hops in sequence, each starting where the one before ended. Immutable. distinct: each target once, in order of first
 * encounter. */
sn_status sn_path_new(sn_path **out, sn_db *db, const sn_hop_def *hops, size_t n, bool distinct);
void sn_path_free(sn_path *p);
void sn_path_set_tag(sn_path *p, void *tag); /* the host's name for it, NULL at first; see sn_read_report */
const sn_table *sn_path_from(const sn_path *p);
const sn_table *sn_path_to(const sn_path *p);
bool sn_path_single(const sn_path *p); /* at most one target, whatever the data */
bool sn_path_timed(const sn_path *p);  /* where it leads depends on the time */

/* From a live or parked row to live ones. */
sn_status sn_path_first(sn_row *out, const sn_path *p, sn_row from); /* SN_NO_ROW: none */
sn_status sn_path_each(sn_rows *out, const sn_path *p, sn_row from); /* appends */
sn_status sn_path_count(size_t *out, const sn_path *p, sn_row from,
                        size_t stop_at); /* counts no further than stop_at */
sn_status sn_path_contains(bool *out, const sn_path *p, sn_row from, sn_row target);
/* For each of n rows its targets: offsets has n + 1 entries into *out. */
sn_status sn_path_expand(sn_rows *out, size_t *offsets, const sn_path *p, const sn_row *from, size_t n);
/* For a path that is one recursive step: the targets with, in `levels`, how many steps each is away (appended alike). SN_MISUSE
 * for any other. */
sn_status sn_path_levels(sn_rows *out, sn_rows *levels, const sn_path *p, sn_row from);
/* The rows from which the path leads to one of `targets`, each once, in insertion order. SN_MISUSE for a path with an offset, a
 * limit, a single step, an intersection or a difference. */
sn_status sn_path_semijoin(sn_rows *out, const sn_path *p, const sn_row *targets, size_t n);

/* ---------------------------------------------------------------- queries */

/* Where the rows come from before the predicate: all of the table; a path from one row; or rows given. */
typedef enum sn_source { SN_FROM_TABLE, SN_FROM_PATH, SN_FROM_ROWS } sn_source;

/* Which rows count. A path leads to live rows whatever is asked for. */
typedef enum sn_life { SN_LIVE, SN_PARKED, SN_STORED /* both */ } sn_life;

typedef struct sn_query {
    const sn_table *table; /* of the result */
    sn_source source;
    sn_life life;
    const sn_path *path;
    sn_row from;
    const sn_row *rows;
    size_t rows_len;
    sn_expr *expr; /* of where and order; may be NULL when there are none */
    sn_node where;
    const sn_order *order;
    size_t order_len;
    size_t offset;
    size_t limit; /* SIZE_MAX: none */
} sn_query;

typedef enum sn_access {
    SN_ACCESS_SCAN,
    SN_ACCESS_PROBE,
    SN_ACCESS_POSTINGS,
    SN_ACCESS_RANGE,
    SN_ACCESS_SEMIJOIN,
    SN_ACCESS_PATH,
    SN_ACCESS_ROWS,
    SN_ACCESS_EMPTY
} sn_access;

/* What a query did. `examined`: rows for which the predicate was evaluated or that were taken from an index. */
typedef struct sn_plan {
    sn_access access;
    const sn_index *index; /* of a probe, postings or a range */
    const sn_path *path;   /* of a semijoin */
    bool ordered_by_index;
    bool sorted;
    size_t examined;
    size_t found;
} sn_plan;

/* All results come in the query's order; without one in insertion order (SN_FROM_PATH, SN_FROM_ROWS: in theirs),
 * whatever index served. plan may be NULL. */
sn_status sn_query_run(sn_rows *out, sn_db *db, const sn_query *q, sn_plan *plan);
sn_status sn_query_count(size_t *out, sn_db *db, const sn_query *q, size_t stop_at, sn_plan *plan);

/* One aggregate of `value` over n rows; count counts non-nulls, or all rows for SN_NO_NODE. *type: of the result. The
 * sum of ints uses 128 bits inside: SN_OVERFLOW when the result does not fit. */
sn_status sn_query_aggregate(sn_cell *out, sn_type *type, sn_agg_op op, sn_expr *e, sn_node value, const sn_table *t,
                             const sn_row *rows, size_t n);

/* Numbers rows by the equality of `keys`: group_of[i] for rows[i], groups in order of first encounter; the first row of
 * each is pushed to *firsts. */
sn_status sn_query_group(uint32_t *group_of, sn_rows *firsts, sn_expr *e, const sn_node *keys, size_t nkeys,
                         const sn_table *t, const sn_row *rows, size_t n);
/* One aggregate per group. out has ngroups cells. */
sn_status sn_query_group_aggregate(sn_cell *out, sn_type *type, sn_agg_op op, sn_expr *e, sn_node value,
                                   const sn_table *t, const sn_row *rows, const uint32_t *group_of, size_t n,
                                   size_t ngroups);

/* ---------------------------------------------------------------- getters */

/*
 * A getter is a function of the host's that computes a value for each row of a table. The engine keeps the values, with all that
 * was read to compute them, and tells when a value is no longer right. It calls nothing: the host runs a function between
 * sn_frame_begin and sn_frame_finish, and tells the frame what is read meanwhile, with what came out (sn_read_*).
 *
 * What was read is asked again, in the same order, when something has been written since: a value is right as long as each answer is
 * the same. A read of what cannot be asked again in detail is one of the columns and the rows that it looked at, as a whole. A read of
 * what is timed (sn_path_timed, sn_expr_timed) makes the value good for one read: nobody can tell when it changes.
 *
 * Values die with their rows and with each change of the schema. A call that refuses memory loses a value, not its correctness.
 */
typedef struct sn_getter_counts {
    uint64_t hits;     /* reads that found the value right */
    uint64_t verified; /* values found right, for a read or on the way to one, by asking what they had read */
    uint64_t computed; /* functions that ran to their end */
    size_t values;     /* that are kept */
    size_t bytes;      /* of the engine's memory for them, their reads included */
} sn_getter_counts;

sn_status sn_getter_new(sn_getter **out, sn_table *t, void *tag);
void sn_getter_drop(sn_getter *g);
void *sn_getter_tag(const sn_getter *g);
sn_table *sn_getter_table(const sn_getter *g);
sn_getter_counts sn_getter_counts_of(const sn_getter *g);

/* The time by the host's clock, any unit: for values that are right within a time only (sn_read_time). The host tells it before it
 * asks for values, if some are (sn_db_timed). */
bool sn_db_timed(const sn_db *db);
void sn_db_set_now(sn_db *db, int64_t now);

/* All values die, and none that is being computed is kept: what they were computed from does not mean the same any more. */
void sn_db_forget(sn_db *db);

/* The value of a row if it is right without a doubt and whatever the time: borrowed; else NULL, and verifying tells. */
void *sn_getter_hit(sn_getter *g, sn_row row);
/* The value that is kept, right or not: borrowed, or NULL. */
void *sn_getter_value(const sn_getter *g, sn_row row);
/* The same for one that verifying has found right: counts as a hit. */
void *sn_getter_found(sn_getter *g, sn_row row);
/* The value is not right any more, nor is any whose function read it, whatever comes out next. False: there is none. */
bool sn_getter_expire(sn_getter *g, sn_row row);
/* Where a walk over the handles of values is; {0} at first. */
typedef struct sn_container_walk {
    const sn_table *table;
    const sn_getter *getter;
    sn_row row;
    size_t next; /* 0: the value itself, else the read before this */
} sn_container_walk;

/* The next handle, of those that values and what they have read own, which may refer back to the host's store; NULL at the end. Once for
 * each that is owned, for the host's collector; those of dead values and open frames are not among them. */
void *sn_db_next_container(const sn_db *db, sn_container_walk *walk);

/* ---- whether a value is right */

typedef enum sn_step {
    SN_STEP_RIGHT,   /* it is; the end */
    SN_STEP_WRONG,   /* it is not, or there is none: run its function; the end */
    SN_STEP_RUN,     /* run the function of `run` for `run_row` first, whatever comes of it, and go on */
    SN_STEP_COMPARE, /* tell in `same` whether the values `was` and `is` are the same, and go on; runs no code */
} sn_step;

typedef struct sn_verify_level {
    sn_getter *getter;
    sn_row row;
    uint32_t next;   /* the read that is looked at next */
    uint64_t number; /* of the value whose reads these are */
    uint64_t start;  /* the revision at which this began */
    bool ran;        /* the function of the getter read next has been run */
} sn_verify_level;

#define SN_VERIFY_FEW 6

/* {0} but for getter and row. A list of work: getters that read getters, however many, need no recursion. From the first step to the
 * end rows keep their numbers. */
typedef struct sn_verify {
    sn_getter *getter;
    sn_row row;
    sn_getter *run; /* what a step is about */
    sn_row run_row;
    const void *was, *is;
    bool same; /* the host's answer */
    bool compared;
    sn_db *db; /* NULL before the first step */
    uint64_t schema;
    sn_verify_level *levels;
    size_t n, cap;
    sn_verify_level few[SN_VERIFY_FEW];
} sn_verify;

sn_step sn_verify_next(sn_verify *v);
void sn_verify_end(sn_verify *v);

/* ---- computing one */

/* Rows keep their numbers while a frame is open. */
sn_status sn_frame_begin(sn_frame **out, sn_getter *g, sn_row row);
/* The value that is there and may stay if the new one is the same: borrowed; NULL: none may. */
void *sn_frame_previous(const sn_frame *f);
/* A value that somebody else has computed meanwhile and that is right: borrowed, or NULL. */
void *sn_frame_overtaken(const sn_frame *f);
/* Keeps the value and the reads; a value that is good for one read is not kept. same: the previous value stays. container: the handle
 * may refer back to the host's store. True: the handle has been moved in. Ends the frame. */
bool sn_frame_finish(sn_frame *f, void *handle, bool same, bool container);
/* Ends the frame without a value. outer: takes the reads over, as its own; may be NULL. */
void sn_frame_abandon(sn_frame *f, sn_frame *outer);

/* What is read. Those that return a bool take a use of a handle when they say true, which the host counts. Whatever cannot be
 * recorded for want of memory makes the value good for one read. */
bool sn_read_cell(sn_frame *f, const sn_table *t, sn_row row, sn_col col, sn_cell cell);
void sn_read_life(sn_frame *f, const sn_table *t, sn_row row);
/* Where a reference leads from a row: SN_NO_ROW for nowhere. */
void sn_read_target(sn_frame *f, const sn_reference *ref, sn_row row, sn_row target);
void sn_read_first(sn_frame *f, const sn_path *p, sn_row from, sn_row target);
void sn_read_each(sn_frame *f, const sn_path *p, sn_row from, const sn_row *rows, size_t n);
void sn_read_count(sn_frame *f, const sn_path *p, sn_row from, size_t stop_at, size_t count);
void sn_read_contains(sn_frame *f, const sn_path *p, sn_row from, sn_row target, bool inside);
/* Entries among the words get a use. A word of 0 for what no entry stands for: any change of the index's columns is one. */
void sn_read_probe(sn_frame *f, const sn_index *ix, const sn_word *words, sn_row found);
/* A query, not from rows given, whose expression lives as long as `handle` does, and what it found: rows, or a number. */
bool sn_read_rows(sn_frame *f, const sn_query *q, void *handle, const sn_row *rows, size_t n);
bool sn_read_number(sn_frame *f, const sn_query *q, void *handle, size_t stop_at, size_t count);
/* What a value of an expression that lives as long as `handle` does came to at a row. */
bool sn_read_value(sn_frame *f, const sn_expr *e, sn_node node, void *handle, const sn_table *t, sn_row row,
                   sn_cell cell);
/* Everything that a query, an expression or a path looks at; a column; the rows of a table. */
void sn_read_query(sn_frame *f, const sn_query *q);
void sn_read_node(sn_frame *f, const sn_expr *e, sn_node node);
void sn_read_path(sn_frame *f, const sn_path *p);
void sn_read_column(sn_frame *f, const sn_table *t, sn_col col);
void sn_read_table(sn_frame *f, const sn_table *t);
/* The value of a getter, which has just been found right. A value that is good for one read makes this one so, too. */
bool sn_read_getter(sn_frame *f, sn_getter *g, sn_row row);
/* What was computed is right from low until high is reached. */
void sn_read_time(sn_frame *f, int64_t low, int64_t high);
/* Something that nobody can ask again. */
void sn_read_once(sn_frame *f);
/* The function was called by one that is being asked for again, which is refused. It may go on without, but what it comes to depends on
 * what the other has read so far: it is good for one read. If it gives up, its reads are taken over, in the end by the other one. */
void sn_read_circle(sn_frame *f);

/* ---- what was read */

typedef enum sn_read_kind {
    SN_READ_CELL,
    SN_READ_LIFE,
    SN_READ_TARGET,
    SN_READ_FIRST,
    SN_READ_EACH,
    SN_READ_COUNT,
    SN_READ_CONTAINS,
    SN_READ_PROBE,
    SN_READ_ROWS,
    SN_READ_NUMBER,
    SN_READ_VALUE,
    SN_READ_COLUMN,
    SN_READ_TABLE,
    SN_READ_GETTER,
    SN_READ_TIME,
} sn_read_kind;

/* One read of a value, as it was and as it would be now. Members that its kind has not are 0, SN_NO_ROW, SN_NO_COL, NULL. */
typedef struct sn_read_report {
    sn_read_kind kind;
    bool same; /* asking again would give the same; of a getter: its value is the same object and right now */
    const sn_table *table; /* of the row, or looked at */
    sn_row row;
    sn_col col;
    sn_cell was, is; /* CELL: borrowed */
    const sn_index *index;
    const sn_reference *reference;
    const sn_getter *getter;
    void *tag;   /* of the path */
    void *watch; /* the handle of a query */
    sn_row target;
    size_t count;
    int64_t low, high;
} sn_read_report;

typedef struct sn_value_report {
    bool kept;  /* there is a value */
    bool right; /* as far as can be told without running a function */
    bool once;  /* good for one read */
    bool expired;
    uint64_t computed; /* the revision at which its function began */
    uint64_t verified;
    bool timed;
    int64_t low, high;
    size_t reads;
} sn_value_report;

sn_value_report sn_getter_report(const sn_getter *g, sn_row row);
/* The i-th read. False past the end. */
bool sn_getter_read_at(sn_read_report *out, const sn_getter *g, sn_row row, size_t i);

#endif
