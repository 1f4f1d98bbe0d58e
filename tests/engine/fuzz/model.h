/*
 * model.h - the naive model beside the engine: arrays and linear search, no index, no journal (savepoints are copies).
 *
 * A run starts with this schema; it chooses the actions and `enforce` of the references and some nullable flags, and
 * changes columns, indexes and references as it goes on:
 *
 *   A  id auto unique | name text unique | self -> A.id | note bare text | x -> B.o
 *   B  id auto unique | a -> A.id | (c1, c2) -> C | f float, ordered | obj object | o -> A.id, one to one, itself a key
 *   C  (k1 int, k2 text) unique | d int, deferred unique | v entry with coarser key, many
 *   D  id auto unique | a -> A.id | a column of each type | int, ordered | (text, int) ordered
 *
 * A run may have more: references to several tables by their members, one of them one to one, itself a key and with a
 * column that is another reference; and references within a table that may forbid cycles (up, A.self, the member to E).
 *
 *   E  id auto unique | (kind, at) -> A.id, B.id or E.id | (kind2, c1, c2) unique -> C, two members | c1 -> A.id | up -> E.id
 *   D  (choice, int, text) -> E.(kind2, c1, c2)
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "sn.h"

enum { NO_TABLE = -1, A, B, C, D, E, TABLES };
enum { A_ID, A_NAME, A_SELF, A_NOTE, A_X };
enum { B_ID, B_A, B_C1, B_C2, B_F, B_OBJ, B_O };
enum { C_K1, C_K2, C_D, C_V };
enum { D_ID, D_A, D_BOOL, D_INT, D_FLOAT, D_DATE, D_DATETIME, D_TIMEDELTA, D_CHOICE, D_TEXT, D_ENTRY, D_NOTE };
enum { E_ID, E_KIND, E_AT, E_KIND2, E_C1, E_C2, E_UP };
enum {
    IX_A_ID,
    IX_A_NAME,
    IX_A_SELF,
    IX_A_X,
    IX_B_ID,
    IX_B_A,
    IX_B_C,
    IX_B_F,
    IX_B_AF,
    IX_B_O,
    IX_C_KEY,
    IX_C_D,
    IX_C_V,
    IX_D_ID,
    IX_D_A,
    IX_D_INT,
    IX_D_TEXT,
    IX_E_ID, /* from here on: what not every run has */
    IX_E_AT,
    IX_E_C,
    IX_E_C1,
    IX_E_UP,
    IX_D_E,
    IX_MORE, /* from here on: indexes that a run makes and drops */
    INDEXES = IX_MORE + 4
};
enum {
    REF_SELF,
    REF_B_A,
    REF_B_C,
    REF_B_O,
    REF_A_X,
    REF_D_A,
    REF_E_A, /* from here on: what not every run has */
    REF_E_B,
    REF_E_E,
    REF_E_C,
    REF_E_C_TOO,
    REF_E_C1,
    REF_UP,
    REF_D_E,
    REFERENCES
};

#define MAX_COLUMNS 14
#define MAX_ROWS 64
#define MAX_KEY 3
#define MAX_DEATHS 1024

/* What a value is told by: the word of an inline type, the number of a text or of the exact form of an entry in the
 * palette (two forms have one key), the address of a bare handle. */
typedef struct value {
    bool null;
    int64_t v;
} value;

typedef struct column_spec {
    sn_column_def def;
    bool used; /* false: a gap */
    bool bare; /* holds handles, not entries */
} column_spec;

typedef struct index_spec {
    int table; /* NO_TABLE: not made */
    sn_index_kind kind;
    bool deferred;
    size_t n;
    sn_col cols[MAX_KEY];
} index_spec;

typedef struct reference_spec {
    int from, to; /* indexes */
    bool member;
    int64_t constant; /* of a member */
} reference_spec;

extern const reference_spec references[REFERENCES];

typedef struct schema {
    bool more;                   /* it has E and what belongs to it */
    sn_col column_count[TABLES]; /* gaps included */
    column_spec columns[TABLES][MAX_COLUMNS];
    index_spec indexes[INDEXES];
    sn_on_delete action[REFERENCES];
    bool enforce[REFERENCES];
    bool acyclic[REFERENCES];
    bool made[REFERENCES];
    int in_order[REFERENCES]; /* those that are made, as they were */
    size_t made_count;
    sn_col stamp[TABLES]; /* or SN_NO_COL */
} schema;

typedef struct record {
    bool alive;
    bool parked; /* put aside */
    bool along;  /* by a cascade */
    value cells[MAX_COLUMNS];
    uint64_t arrival[INDEXES];
} record;

/* A target that was deleted while rows referred to it by a restricting reference; the key is its own. */
typedef struct death {
    int ref;
    value key[MAX_KEY];
} death;

/* What savepoints copy. */
typedef struct state {
    record rows[TABLES][MAX_ROWS];
    sn_row taken[TABLES]; /* how many of them, when saved */
    uint64_t arrivals;
    death deaths[MAX_DEATHS];
    size_t death_count;
} state;

typedef struct model {
    schema schema;
    state now;
    sn_row positions[TABLES]; /* never go back but by compaction */
    int64_t next_number[TABLES];
    void *handles[TABLES][MAX_ROWS];
    int64_t utc, local; /* the time told last */
} model;

/* A call that is refused has changed nothing: its positions and numbers come back too. */
typedef struct before {
    state rows;
    int64_t next_number[TABLES];
} before;

void model_start(model *m, bool more); /* no rows, no references */

/* Each changes the model and returns SN_OK, or changes nothing and returns the status that the engine must return. */
sn_status model_insert(model *m, int table, const value *cells, size_t n);
sn_status model_update(model *m, int table, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols,
                       const value *cells);
sn_status model_delete(model *m, int table, const sn_row *rows, size_t n, size_t *deleted);
sn_status model_park(model *m, int table, const sn_row *rows, size_t n, size_t *parked);
sn_status model_return(model *m, int table, const sn_row *rows, size_t n, size_t *returned);
bool model_exchange(model *m, int table, sn_row row, sn_col col, value cell, size_t depth);
void model_move(model *m, int index, sn_row row, size_t position);
void model_compact(model *m, int table, sn_row *map);
void model_clear(model *m);

/* The same for the schema, outside units. */
sn_status model_add_index(model *m, int index, const index_spec *spec);
sn_status model_add_column(model *m, sn_col *out, int table, const sn_column_def *def, bool bare, const value *fill);
sn_status model_drop_column(model *m, int table, sn_col col);
sn_status model_set_nullable(model *m, int table, sn_col col, bool nullable);
sn_status model_set_stamp(model *m, int table, sn_col col);
sn_status model_add_reference(model *m, int ref, sn_on_delete action, bool enforce);
void model_drop_reference(model *m, int ref);
sn_status model_forbid_cycles(model *m, int ref);

/* A savepoint, and back to it; positions taken since are dead. */
void model_save(const model *m, state *to);
void model_restore(model *m, const state *saved);
void model_save_all(const model *m, before *b);
void model_restore_all(model *m, const before *b);

/* What a stamp column holds in parked rows. */
value model_stamp(sn_type type);

/* Problems that stand now. */
bool model_dangles(const model *m, int ref, sn_row row);
bool model_shares_key(const model *m, int index, sn_row row);
bool model_death_stands(const model *m, const death *d);
/* After how many steps along the reference the row is met again, or 0. */
size_t model_steps_around(const model *m, int ref, sn_row row);
bool model_commits(const model *m);

const sn_column_def *model_column(const model *m, int table, sn_col col);
bool model_indexed(const model *m, int table, sn_col col);
sn_status model_check_cell(const model *m, int table, sn_col col, value cell);
bool model_alive(const model *m, int table, sn_row row);
bool model_stored(const model *m, int table, sn_row row);
bool model_counts(const model *m, int table, sn_row row, sn_life life);
/* Makes columns of a live row null, as an update does. */
sn_status model_nullify(model *m, int table, sn_row row, const sn_col *cols, size_t n);
bool model_key(const model *m, value *key, int index, sn_row row); /* false: one is null */
bool model_half_key(const model *m, int index, sn_row row);        /* some are null, not all, and members need more */
/* The key of what a row refers to; the key, in the referring table, of what refers to a row. False: there is none. */
bool model_target_key(const model *m, value *key, int ref, sn_row row);
bool model_referring_key(const model *m, value *key, int ref, sn_row row);
bool model_same_key(const model *m, int index, const value *a, const value *b);
int model_compare_keys(const model *m, int index, const value *a, const value *b, size_t n); /* nulls last */
int model_compare_bytes(sn_bytes a, sn_bytes b);
double model_float(int64_t bits);
/* The first live row with this key other than `except`, or SN_NO_ROW. */
sn_row model_find(const model *m, int index, const value *key, sn_row except);
/* Live rows with this key in order of arrival, or all rows in the order of an ordered index. */
size_t model_list(const model *m, sn_row *out, int index, const value *key);
size_t model_ordered(const model *m, sn_row *out, int index);

#endif
