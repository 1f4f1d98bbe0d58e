/*
 * run.h - one input on its way: the bytes that are left, the engine and the model beside each other, and what every
 * kind of operation uses.
 */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include "database.h"
#include "host.h"
#include "model.h"

#define MAX_DEPTH 5
#define KEPT 2

typedef struct run {
    const uint8_t *data;
    size_t size, at;
    uint64_t random; /* not 0: bytes come from here instead */
    bool extras;     /* its questions have ways and moments; older inputs say nothing of them */
    host_memory memory;
    sn_db *db;
    sn_table *tables[TABLES];
    sn_index *indexes[INDEXES];
    sn_reference *references[REFERENCES];
    model m;
    state saved[MAX_DEPTH];
    size_t depth;
    sn_expr *kept[KEPT]; /* hold moments, or NULL */
} run;

/* The next byte of the input, 0 when it is used up; or a random one. */
unsigned run_byte(run *r);

/* Some calls meet an allocator that refuses: one of the next `reach` (at most 256) calls, alone or with all later ones. */
void run_arm(run *r, unsigned reach);
/* Ends that, checks the status against it, and returns it. */
sn_status run_disarm(run *r, sn_status st);

void run_drain(run *r);
/* Without a unit a write opens one; returns whether it did. Closes it again, or leaves it open for what follows. */
bool run_begin(run *r);
void run_end(run *r, bool opened);
/* Everything that can be seen of the engine against the model; sn_check. */
void run_compare(run *r);
/* A statement on rows, by the engine and by the model, which must agree. */
typedef sn_status (*engine_rows_fn)(size_t *done, sn_table *t, const sn_row *rows, size_t n);
typedef sn_status (*model_rows_fn)(model *m, int table, const sn_row *rows, size_t n, size_t *done);
void run_rows(run *r, int table, const sn_row *rows, size_t n, engine_rows_fn ours, model_rows_fn theirs);

/* What a byte chooses: a table, an index, a reference of those that the run has. */
int run_table(const run *r, unsigned b);
int run_index(const run *r, unsigned b);
int run_references(const run *r); /* how many */

/* Makes it on the engine's side: a member as one. */
sn_status run_refer(run *r, int ref, sn_on_delete action, bool enforce);

/* Whether an error tells rightly of a row that is met again. */
void run_check_cycle(run *r, int ref, const sn_error *e);

/* A position, often of a live row; sometimes past the end. */
sn_row run_row(run *r, int table);
/* A column that is used. */
sn_col run_column(run *r, int table);

/* ---------------------------------------------------------------- cells.c */

/* A value of the type, often null or one that others have; `now` (or NULL): what stands where it is to go. A bare handle
 * is owned by whoever gets it. */
value choose_value(run *r, sn_type type, bool bare, const value *now);
/* The engine's cell: with a use of the entry, or the handle itself. */
sn_cell make_cell(run *r, sn_type type, bool bare, value v);
void release_cell(run *r, sn_type type, sn_cell cell);
bool same_cell(sn_type type, bool bare, sn_cell cell, value v);
/* The bytes by which a text or an entry orders. */
sn_bytes value_bytes(sn_type type, bool bare, value v);

/* ---------------------------------------------------------------- time.c */

/* How far a moment is from the time. */
int64_t choose_offset(run *r);
/* Tells another time, unless the memory for it is refused. */
void run_tell_time(run *r);
/* Makes an expression that holds moments beside whatever questions make, or frees it. */
void run_keep_moments(run *r);
void run_drop_moments(run *r);

/* ---------------------------------------------------------------- kinds of operations */

void populate(run *r);                                 /* populate.c; in a unit */
void change_schema(run *r);                            /* change.c */
void change_parking(run *r, int table, unsigned what); /* park.c */
void probe_index(run *r);                              /* probe.c */
void ask_question(run *r);                             /* ask.c */

#endif
