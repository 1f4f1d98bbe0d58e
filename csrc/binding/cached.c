/*
 * cached.c - a getter's value: the one that is kept if it is right, else a new one.
 *
 * The engine decides whether a value is right, and hands out what it cannot do: comparing two Python objects, and running the function
 * of a getter that was read. Such a function's exception only means that its value is not what it was. The function of the
 * getter that is asked for runs last, and its exceptions are the caller's.
 *
 * Any of these functions may do anything but write. Rows keep their numbers meanwhile, as the database is pinned; the engine's getter may
 * go with a change of the schema, and is looked at again.
 */
#include "getter.h"

/* Of tuples that are compared: how deep they stand in each other; how many, a tuple that stands in another twice and all in it being
 * compared twice. */
#define SAME_DEPTH 64
#define SAME_TUPLES (1 << 20)

/* ---------------------------------------------------------------- the same value */

/* A comparison under way. */
typedef struct same {
    const snpy_state *st;
    int depth, tuples; /* that the values stand in; that have been compared */
} same_state;

static bool same_value(PyObject *a, PyObject *b, same_state *s);

static bool
same_tuple(PyObject *a, PyObject *b, same_state *s)
{
    bool same = PyTuple_GET_SIZE(a) == PyTuple_GET_SIZE(b) && s->depth < SAME_DEPTH && s->tuples++ < SAME_TUPLES;
    s->depth++;
    for (Py_ssize_t i = 0; same && i < PyTuple_GET_SIZE(a); i++) {
        same = same_value(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i), s);
    }
    s->depth--;
    return same;
}

/* Types of which two equal values cannot be told apart, whose comparison runs no code of anybody's. */
static bool
is_plain(const PyTypeObject *type, const snpy_state *st)
{
    return type == &PyBool_Type || type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBytes_Type
           || snpy_is_date_or_delta(st, type);
}

/* Of a float: 0.0 and -0.0 differ, and a NaN is like itself. */
static uint64_t
bits_of(PyObject *number)
{
    double value = PyFloat_AS_DOUBLE(number);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool
same_value(PyObject *a, PyObject *b, same_state *s)
{
    if (a == b) {
        return true;
    }
    if (Py_TYPE(a) != Py_TYPE(b)) {
        return false;
    }
    if (PyFloat_CheckExact(a)) {
        return bits_of(a) == bits_of(b);
    }
    if (PyTuple_CheckExact(a)) {
        return same_tuple(a, b, s);
    }
    if (!is_plain(Py_TYPE(a), s->st)) {
        return false;
    }
    int same = PyObject_RichCompareBool(a, b, Py_EQ);
    if (same < 0) {
        PyErr_Clear(); /* no memory: another value is always right */
    }
    return same > 0;
}

static bool
is_same(const snpy_getter *self, const void *a, const void *b)
{
    same_state s = {self->state, 0, 0};
    return same_value((PyObject *)(uintptr_t)a, (PyObject *)(uintptr_t)b, &s);
}

/* ---------------------------------------------------------------- running a function */

/* Tells the functions that run within this one, in its thread, that they are part of a circle. */
static void
note_circle(const snpy_state *st, const snpy_run *run)
{
    for (const snpy_run *each = st->runs; each != run; each = each->outer) {
        if (each->thread == run->thread && each->frame) {
            sn_read_circle(each->frame);
        }
    }
}

/* RecursionError if this function runs for this record already, in this thread. 0 or -1. */
static int
refuse_cycle(snpy_getter *self, PyObject *record)
{
    uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    const snpy_run *run = self->state->runs;
    while (run && !(run->thread == thread && run->getter == self && run->record == record)) {
        run = run->outer;
    }
    if (!run) {
        return 0;
    }
    note_circle(self->state, run);
    PyObject *names = PyList_New(0);
    int result = names ? 0 : -1;
    for (const snpy_run *each = self->state->runs; result == 0 && each; each = each->outer) {
        if (each->thread == thread) {
            PyObject *pair = PyTuple_Pack(2, each->getter, each->record);
            result = pair ? PyList_Append(names, pair) : -1;
            Py_XDECREF(pair);
        }
        if (each == run) {
            break;
        }
    }
    if (result == 0) {
        snpy_raise(self->state, "getter_cycle", "O", names);
    }
    Py_XDECREF(names);
    return -1;
}

/* Not on the stack: code that swaps stacks (greenlets) may leave this function for one of the others in the list. */
static PyObject *
run_in(snpy_getter *self, PyObject *record, snpy_store *store, sn_frame *frame)
{
    snpy_state *st = self->state;
    snpy_run *run = PyMem_New(snpy_run, 1);
    if (!run) {
        return PyErr_NoMemory();
    }
    const uint64_t thread = PyThreadState_GetID(PyThreadState_Get());
    *run = (snpy_run){st->runs, ++st->run_numbers, thread, frame, self, record, store};
    st->runs = run;
    PyObject *value = snpy_getter_call(self, record);
    snpy_run **link = &st->runs; /* other threads may have begun, and not ended, some since */
    while (*link != run) {
        link = &(*link)->outer;
    }
    *link = run->outer;
    PyMem_Free(run);
    return value;
}

/* Keeps the value that a frame has come to; returns the one that counts, a new reference for that given. */
static PyObject *
keep(const snpy_getter *self, sn_frame *frame, PyObject *value)
{
    PyObject *found = sn_frame_overtaken(frame);
    if (found) {
        Py_INCREF(found);
        Py_DECREF(value);
        sn_frame_abandon(frame, NULL);
        return found;
    }
    PyObject *previous = sn_frame_previous(frame);
    bool same = previous && is_same(self, previous, value);
    if (same) {
        Py_INCREF(previous);
        Py_SETREF(value, previous);
    }
    Py_INCREF(value);
    if (!sn_frame_finish(frame, value, same, PyObject_IS_GC(value))) {
        Py_DECREF(value);
    }
    return value;
}

/* Computes the value of a getter whose values are kept. asked: by the function that runs here, which takes over what is read up to an
 * exception. */
static PyObject *
compute(snpy_getter *self, PyObject *record, bool asked)
{
    snpy_store *store = snpy_model_peek(Py_TYPE(record))->store;
    sn_frame *frame;
    if (refuse_cycle(self, record) < 0) {
        return NULL;
    }
    if (sn_frame_begin(&frame, self->engine, ((snpy_record *)record)->row) != SN_OK) {
        return PyErr_NoMemory();
    }
    PyObject *value = run_in(self, record, store, frame);
    if (value) {
        value = keep(self, frame, value);
    } else {
        sn_frame_abandon(frame, asked ? snpy_frame(store) : NULL);
    }
    snpy_drain(store);
    return value;
}

/* A getter whose values are not kept makes those that read it good for one read. */
static PyObject *
compute_apart(snpy_getter *self, PyObject *record)
{
    snpy_note_once(self->state);
    return refuse_cycle(self, record) < 0 ? NULL : run_in(self, record, snpy_model_peek(Py_TYPE(record))->store, NULL);
}

/* ---------------------------------------------------------------- whether what is kept is right */

void
snpy_tell_time(const snpy_store *store)
{
    if (sn_db_timed(store->engine)) {
        sn_db_set_now(store->engine, snpy_time(store));
    }
}

bool
snpy_getter_is_right(snpy_getter *self, sn_row row, const snpy_store *store)
{
    sn_verify v = {.getter = self->engine, .row = row};
    sn_step step;
    snpy_tell_time(store);
    while ((step = sn_verify_next(&v)) == SN_STEP_COMPARE) {
        v.same = is_same(self, v.was, v.is);
    }
    sn_verify_end(&v);
    return step == SN_STEP_RIGHT;
}

/* Runs the function of a getter that was read, whatever comes of it. -1 for what ends the program, such as KeyboardInterrupt. */
static int
bring_up(snpy_getter *read, sn_row row)
{
    Py_INCREF(read);
    PyObject *record = snpy_record_for(snpy_model_peek((PyTypeObject *)read->cls), row);
    PyObject *value = record ? compute(read, record, false) : NULL;
    Py_XDECREF(value);
    Py_XDECREF(record);
    Py_DECREF(read);
    if (!value && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* 1: what is kept is right; 0: it is not; -1 with an exception. */
static int
verify(snpy_getter *self, sn_row row, snpy_store *store)
{
    sn_verify v = {.getter = self->engine, .row = row};
    sn_step step;
    int result = -1;
    snpy_tell_time(store);
    while (result < 0) {
        step = sn_verify_next(&v);
        if (step == SN_STEP_COMPARE) {
            v.same = is_same(self, v.was, v.is);
        } else if (step == SN_STEP_RUN) {
            if (bring_up(sn_getter_tag(v.run), v.run_row) < 0) {
                break;
            }
        } else {
            result = step == SN_STEP_RIGHT;
        }
    }
    sn_verify_end(&v);
    return result;
}

/* What is kept, if it is right; else NULL, with or without an exception. New reference. */
static PyObject *
kept(snpy_getter *self, PyObject *record, snpy_store *store)
{
    sn_row row = ((snpy_record *)record)->row;
    PyObject *value = sn_getter_hit(self->engine, row);
    if (!value && !sn_getter_value(self->engine, row)) {
        return NULL; /* none is kept */
    }
    if (!value && verify(self, row, store) > 0 && self->engine && snpy_record_stored((snpy_record *)record)) {
        value = sn_getter_found(self->engine, ((snpy_record *)record)->row);
    }
    return Py_XNewRef(value);
}

/* 1: equal, or of a type whose objects equal but themselves, which says nothing; 0: not; -1 with an exception. */
static int
is_equal(const snpy_getter *self, PyObject *kept, PyObject *fresh)
{
    bool mute = Py_TYPE(kept) == Py_TYPE(fresh) && Py_TYPE(kept)->tp_richcompare == PyBaseObject_Type.tp_richcompare;
    return mute || is_same(self, kept, fresh) ? 1 : PyObject_RichCompareBool(fresh, kept, Py_EQ);
}

/* Compares what is kept with what the function gives now. -1 with an exception if these differ. */
static int
audit(snpy_getter *self, PyObject *record, snpy_store *store, PyObject *value)
{
    sn_frame *frame;
    if (refuse_cycle(self, record) < 0) {
        return -1;
    }
    if (sn_frame_begin(&frame, self->engine, ((snpy_record *)record)->row) != SN_OK) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *fresh = run_in(self, record, store, frame);
    sn_frame_abandon(frame, NULL);
    snpy_drain(store);
    int same = fresh ? is_equal(self, value, fresh) : -1;
    if (same == 0) {
        snpy_raise(self->state, "getter_differs", "OOOO", self, record, value, fresh);
    }
    Py_XDECREF(fresh);
    return same > 0 ? 0 : -1;
}

/* Notes that a value was read by the function that runs here. */
static void
note_value(snpy_getter *self, PyObject *record, PyObject *value)
{
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    sn_frame *frame = snpy_frame(model->store);
    const snpy_record *r = (snpy_record *)record;
    if (!frame) {
        return;
    }
    if (!self->engine || !snpy_record_stored(r) || sn_getter_value(self->engine, r->row) != value) {
        sn_read_once(frame);
        return;
    }
    snpy_note_handle(sn_read_getter(frame, self->engine, r->row), value);
}

/* A verification may have run anything: the record and the getter are looked at again. */
static PyObject *
recompute(snpy_getter *self, PyObject *record)
{
    if (!snpy_record_stored((snpy_record *)record)) {
        snpy_raise_deleted(record);
        return NULL;
    }
    return self->engine ? compute(self, record, true) : compute_apart(self, record);
}

/* The long way: what is kept may be wrong, or another getter's function reads it. */
static PyObject *
ask(snpy_getter *self, PyObject *record)
{
    snpy_store *store = snpy_model_peek(Py_TYPE(record))->store;
    if (!self->engine) {
        return compute_apart(self, record);
    }
    PyObject *value = kept(self, record, store);
    if (value && store->audits && audit(self, record, store, value) < 0) {
        Py_CLEAR(value);
    } else if (!value && !PyErr_Occurred()) {
        value = recompute(self, record);
    }
    if (value) {
        note_value(self, record, value);
    }
    return value;
}

PyObject *
snpy_getter_value(snpy_getter *self, PyObject *record)
{
    if (self->engine && !snpy_tracking(self->state)) {
        const snpy_store *store = snpy_model_peek(Py_TYPE(record))->store;
        PyObject *value = store->audits ? NULL : sn_getter_hit(self->engine, ((snpy_record *)record)->row);
        if (value) {
            return Py_NewRef(value);
        }
    }
    Py_INCREF(self);
    PyObject *value = ask(self, record);
    Py_DECREF(self);
    return value;
}
