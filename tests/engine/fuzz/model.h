/*
 * model.h - the naive model beside the engine: arrays and linear search, no index, no journal (savepoints are copies).
 *
 * The schema is fixed but for the actions, `enforce` and two nullable flags, which a run chooses:
 *
 *   A  id auto unique | name text unique | self -> A.id | note bare text | x -> B.o
 *   B  id auto unique | a -> A.id | (c1, c2) -> C | f float, ordered | obj object | o -> A.id, one to one, itself a key
 *   C  (k1 int, k2 text) unique | d int, deferred unique | v entry with coarser key, many
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "sn.h"

enum { A, B, C, TABLES };
enum { A_ID, A_NAME, A_SELF, A_NOTE, A_X };
enum { B_ID, B_A, B_C1, B_C2, B_F, B_OBJ, B_O };
enum { C_K1, C_K2, C_D, C_V };
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
    INDEXES
};
enum { REF_SELF, REF_B_A, REF_B_C, REF_B_O, REF_A_X, REFERENCES };

#define MAX_COLUMNS 7
#define MAX_ROWS 64
#define MAX_DEATHS 1024

/* What a value is told by: the number, the digit of a text, the exact form of an entry (two have one key), a place in
 * the list of floats, the address of a handle. */
typedef struct value {
    bool null;
    int64_t v;
} value;

typedef struct index_spec {
    int table;
    sn_index_kind kind;
    bool deferred;
    size_t n;
    sn_col cols[2];
} index_spec;

typedef struct reference_spec {
    int from, to; /* indexes */
} reference_spec;

extern const size_t column_counts[TABLES];
extern const sn_column_def column_defs[TABLES][MAX_COLUMNS];
extern const index_spec indexes[INDEXES];
extern const reference_spec references[REFERENCES];
#define FLOATS 7
extern const double floats[FLOATS]; /* the last is NaN */

typedef struct schema {
    sn_column_def columns[TABLES][MAX_COLUMNS];
    sn_on_delete action[REFERENCES];
    bool enforce[REFERENCES];
} schema;

typedef struct record {
    bool alive;
    value cells[MAX_COLUMNS];
    uint64_t arrival[INDEXES];
} record;

/* A target that was deleted while rows referred to it by a restricting reference. */
typedef struct death {
    int ref;
    value key[2];
} death;

/* What savepoints copy. */
typedef struct state {
    record rows[TABLES][MAX_ROWS];
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
} model;

/* Each changes the model and returns SN_OK, or changes nothing and returns the status that the engine must return. */
sn_status model_insert(model *m, int table, const value *cells, size_t n);
sn_status model_update(model *m, int table, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols,
                       const value *cells);
sn_status model_delete(model *m, int table, const sn_row *rows, size_t n, size_t *deleted);
void model_move(model *m, int index, sn_row row, size_t position);
void model_compact(model *m, int table, sn_row *map);

/* Back to a savepoint; positions taken since are dead. */
void model_restore(model *m, const state *saved);

/* Problems that stand now. */
bool model_dangles(const model *m, int ref, sn_row row);
bool model_shares_key(const model *m, int index, sn_row row);
bool model_death_stands(const model *m, const death *d);
bool model_commits(const model *m);

bool model_key(const model *m, value *key, int index, sn_row row); /* false: one is null */
bool model_same_key(int index, const value *a, const value *b);
/* Live rows with this key in a many index in order of arrival, or all rows in the order of an ordered one. */
size_t model_list(const model *m, sn_row *out, int index, const value *key);
size_t model_ordered(const model *m, sn_row *out, int index);

#endif
