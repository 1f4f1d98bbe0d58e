/*
 * track.h - telling the engine what a getter's function reads, as it reads it (track.c).
 *
 * Each place of the binding that reads for Python code notes what it read, right after, with what came out: one branch while no getter's
 * function runs. A note goes to the innermost function that runs in this thread, if its values are kept; the reads of other threads are
 * not its reads. Reading another store makes its value good for one read: nobody would tell when that one changes.
 */
#ifndef SNPY_TRACK_H
#define SNPY_TRACK_H

#include "snpy.h"

typedef struct snpy_run snpy_run;

/* Whether any getter's function runs, in any thread. */
static inline bool
snpy_tracking(const snpy_state *st)
{
    return __builtin_expect(st->runs != NULL, 0);
}

/* The innermost function that runs in this thread, or NULL. */
snpy_run *snpy_run_here(const snpy_state *st);
/* Where reads of the store are noted now, or NULL. */
sn_frame *snpy_frame_here(snpy_store *store);
static inline sn_frame *
snpy_frame(snpy_store *store)
{
    return snpy_tracking(store->state) ? snpy_frame_here(store) : NULL;
}
/* A write: refused (-1) when it comes from a getter's function. */
int snpy_refuse_getter(snpy_store *store);

void snpy_note_cell_now(const snpy_field *field, sn_row row, sn_cell cell);
static inline void
snpy_note_cell(const snpy_field *field, sn_row row, sn_cell cell)
{
    if (snpy_tracking(field->state))
        snpy_note_cell_now(field, row, cell);
}
/* Whether the row of a record is alive, parked or gone. */
void snpy_note_life(PyObject *record);
/* The same of one of the rows that somebody holds. */
void snpy_note_row(const snpy_rows *rows, sn_row row);
/* What a unique index has under a key, of words that are interned. */
static inline void
snpy_note_probe(snpy_index *ix, const sn_word *words, sn_row found)
{
    sn_frame *frame = snpy_frame(ix->model->store);
    if (frame)
        sn_read_probe(frame, ix->index, words, found);
}
/* That nobody can tell when what was read changes. */
void snpy_note_once(const snpy_state *st);
/* One use of the handle for a read that has taken it. */
static inline void
snpy_note_handle(bool taken, PyObject *handle)
{
    if (taken)
        Py_INCREF(handle);
}

#endif
