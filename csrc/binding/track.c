/*
 * track.c - the getters' functions that run, and what they read.
 *
 * Functions that run are a list, the latest first, of all threads together: a getter's function cannot be left before those that it has
 * called, so each thread's part of the list is a stack.
 */
#include "getter.h"

snpy_run *
snpy_run_here(const snpy_state *st)
{
    uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    snpy_run *run = st->runs;
    while (run && run->thread != thread) {
        run = run->outer;
    }
    return run;
}

sn_frame *
snpy_frame_here(snpy_store *store)
{
    const snpy_run *run = snpy_run_here(store->state);
    if (!run || !run->frame) {
        return NULL;
    }
    if (run->store != store) {
        sn_read_once(run->frame);
        return NULL;
    }
    return run->frame;
}

int
snpy_refuse_getter(snpy_store *store)
{
    const snpy_run *run = snpy_tracking(store->state) ? snpy_run_here(store->state) : NULL;
    return run ? snpy_raise(store->state, "getter_writes", "OO", run->getter, run->record) : 0;
}

/* ---------------------------------------------------------------- notes */

void
snpy_note_cell_now(const snpy_field *field, sn_row row, sn_cell cell)
{
    sn_frame *frame = snpy_frame_here(field->model->store);
    if (frame && sn_read_cell(frame, field->model->table, row, field->col, cell)) {
        Py_INCREF((PyObject *)sn_word_handle(cell.word));
    }
}

void
snpy_note_life(PyObject *record)
{
    const snpy_record *r = (snpy_record *)record;
    const snpy_model *model = snpy_model_peek(Py_TYPE(record));
    sn_frame *frame = model ? snpy_frame(model->store) : NULL;
    if (!frame) {
        return;
    }
    if (r->row == SN_NO_ROW || r->epoch != model->epoch) {
        return; /* gone for good */
    }
    sn_read_life(frame, model->table, r->row);
}

void
snpy_note_row(const snpy_rows *rows, sn_row row)
{
    const snpy_model *model = snpy_model_peek((PyTypeObject *)rows->cls);
    sn_frame *frame = snpy_frame(model->store);
    if (frame && rows->epoch == model->epoch) {
        sn_read_life(frame, model->table, row);
    } else if (frame) {
        sn_read_once(frame); /* its number means nothing any more */
    }
}

void
snpy_note_once(const snpy_state *st)
{
    const snpy_run *run = snpy_tracking(st) ? snpy_run_here(st) : NULL;
    if (run && run->frame) {
        sn_read_once(run->frame);
    }
}

/* ---------------------------------------------------------------- functions of the module */

/* A number of microseconds, or for None the end of time. 0 or -1. */
static int
read_bound(int64_t *out, PyObject *object, int64_t end)
{
    *out = end;
    if (object != Py_None) {
        *out = PyLong_AsLongLong(object);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *
track_time(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *low, *high;
    int64_t from, until;
    if (!PyArg_ParseTuple(args, "OO:track_time", &low, &high) || read_bound(&from, low, INT64_MIN) < 0
        || read_bound(&until, high, INT64_MAX) < 0) {
        return NULL;
    }
    const snpy_run *run = snpy_tracking(st) ? snpy_run_here(st) : NULL;
    if (run && run->frame) {
        sn_read_time(run->frame, from, until);
    }
    Py_RETURN_NONE;
}

static PyObject *
track_once(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    snpy_note_once(PyModule_GetState(module));
    Py_RETURN_NONE;
}

static PyObject *
getter_store(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    const snpy_state *st = PyModule_GetState(module);
    const snpy_run *run = snpy_tracking(st) ? snpy_run_here(st) : NULL;
    return Py_NewRef(run ? (PyObject *)run->store : Py_None);
}

static PyObject *
getter_run(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    const snpy_state *st = PyModule_GetState(module);
    const snpy_run *run = snpy_tracking(st) ? snpy_run_here(st) : NULL;
    return PyLong_FromUnsignedLongLong(run ? run->number : 0);
}

PyMethodDef snpy_track_functions[] = {
    {"track_time", track_time, METH_VARARGS,
     PyDoc_STR("What the running getter computes is right from then until then.")},
    {"track_once", track_once, METH_NOARGS, PyDoc_STR("What the running getter computes is good for one read.")},
    {"getter_store", getter_store, METH_NOARGS,
     PyDoc_STR("The store of the getter that runs in this thread, or None.")},
    {"getter_run", getter_run, METH_NOARGS,
     PyDoc_STR("The number of the run of a getter that goes on in this thread, or 0.")},
    {NULL, NULL, 0, NULL},
};
