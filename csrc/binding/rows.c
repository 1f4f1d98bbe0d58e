/*
 * rows.c - Rows: an ordered list of row numbers of one model, as queries and paths yield it; and its iterator.
 *
 * A Rows is of live rows, of parked ones, or of both: `life`, by which the query was asked. What has become something else
 * since is passed over as what is gone.
 *
 * While it lives a Rows pins the database, so no compaction moves what its numbers mean. Rows may be deleted meanwhile: a dead
 * position never comes to mean another row, so asking whether it is alive is enough, and iterating passes over the dead.
 * Clearing or closing the store starts a new epoch of the model, in which none of the numbers means anything.
 *
 * The numbers never change after the making, so they may be borrowed while Python code runs. Records are made one at a time, and only
 * when asked for: a million rows that are counted, sliced or deleted cost four bytes each.
 */
#include "track.h"

static inline snpy_model *
model_of(const snpy_rows *rows)
{
    return snpy_model_peek((PyTypeObject *)rows->cls);
}

/* Nothing has been written since the rows were found: all of them count. Asking each would be a miss of the cache for each
 * of millions of them. */
static inline bool
unwritten(const snpy_rows *rows)
{
    return rows->revision == sn_db_revision(rows->store->engine);
}

static inline bool
counts(sn_life life, const sn_table *table, sn_row row)
{
    return (life != SN_PARKED && sn_table_alive(table, row)) || (life != SN_LIVE && sn_table_parked(table, row));
}

bool
snpy_rows_alive(const snpy_rows *rows, sn_row row)
{
    snpy_model *model = model_of(rows);
    bool alive = rows->epoch == model->epoch && counts(rows->life, model->table, row);
    if (!alive)
        snpy_note_row(rows, row);
    return alive;
}

/* ---------------------------------------------------------------- making */

PyObject *
snpy_rows_take(snpy_model *model, sn_rows *rows)
{
    return snpy_rows_take_life(model, rows, SN_LIVE);
}

PyObject *
snpy_rows_take_life(snpy_model *model, sn_rows *rows, sn_life life)
{
    snpy_store *store = model->store;
    uint64_t revision = sn_db_revision(store->engine);
    uint32_t epoch = model->epoch;
    sn_db_pin(store->engine); /* before allocating, which may run the collector and then any code */
    snpy_rows *self = PyObject_GC_New(snpy_rows, store->state->Rows);
    if (!self) {
        sn_db_unpin(store->engine);
        sn_rows_free(store->engine, rows);
        return NULL;
    }
    self->state = store->state;
    self->cls = Py_NewRef((PyObject *)model->cls);
    self->store = (snpy_store *)Py_NewRef((PyObject *)store);
    self->rows = *rows;
    self->life = life;
    self->revision = revision;
    self->epoch = epoch;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

PyObject *
snpy_rows_derive(snpy_rows *self, sn_rows *rows)
{
    PyObject *derived = snpy_rows_take_life(model_of(self), rows, self->life);
    if (derived) {
        ((snpy_rows *)derived)->revision = self->revision;
        ((snpy_rows *)derived)->epoch = self->epoch;
    }
    return derived;
}

static int
reserve(snpy_rows *self, sn_rows *rows, size_t n)
{
    sn_status status = sn_rows_reserve(self->store->engine, rows, n);
    return status == SN_OK ? 0 : snpy_raise_status(self->store, status);
}

int
snpy_rows_live(snpy_live *live, snpy_rows *self)
{
    *live = (snpy_live){self->rows.rows, self->rows.n, {0}};
    if (self->revision == sn_db_revision(self->store->engine) && self->epoch == model_of(self)->epoch) {
        return 0;
    }
    size_t alive = 0;
    while (alive < self->rows.n && snpy_rows_alive(self, self->rows.rows[alive])) {
        alive++;
    }
    if (alive == self->rows.n) {
        return 0;
    }
    if (reserve(self, &live->copy, self->rows.n) < 0) {
        return -1;
    }
    for (size_t i = 0; i < self->rows.n; i++) {
        if (snpy_rows_alive(self, self->rows.rows[i])) {
            live->copy.rows[live->copy.n++] = self->rows.rows[i];
        }
    }
    live->rows = live->copy.rows;
    live->n = live->copy.n;
    return 0;
}

void
snpy_rows_release(snpy_live *live, snpy_rows *self)
{
    sn_rows_free(self->store->engine, &live->copy);
}

/* ---------------------------------------------------------------- records */

/* Brings start and stop into 0 <= start <= stop <= n. */
static void
clamp(const snpy_rows *self, Py_ssize_t *start, Py_ssize_t *stop)
{
    Py_ssize_t n = (Py_ssize_t)self->rows.n;
    *stop = *stop < 0 ? 0 : *stop > n ? n : *stop;
    *start = *start < 0 ? 0 : *start > *stop ? *stop : *start;
}

static PyObject *
rows_records(PyObject *op, PyObject *args)
{
    snpy_rows *self = (snpy_rows *)op;
    Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, made = 0;
    PyObject *end = Py_None;
    if (!PyArg_ParseTuple(args, "|nO:records", &start, &end)
        || (end != Py_None && (stop = PyNumber_AsSsize_t(end, NULL)) == -1 && PyErr_Occurred())) {
        return NULL;
    }
    clamp(self, &start, &stop);
    PyObject *list = PyList_New(stop - start);
    if (!list) {
        return NULL;
    }
    PyObject_GC_UnTrack(list); /* half made, it is nobody's business */
    for (Py_ssize_t i = start; i < stop; i++) {
        sn_row row = self->rows.rows[i];
        if (!snpy_rows_alive(self, row)) {
            continue;
        }
        PyObject *record = snpy_record_for(model_of(self), row);
        if (!record) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, made++, record);
    }
    PyObject_GC_Track(list);
    if (made < stop - start && PyList_SetSlice(list, made, stop - start, NULL) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

PyObject *
snpy_rows_at(snpy_rows *self, Py_ssize_t index)
{
    Py_ssize_t n = (Py_ssize_t)self->rows.n;
    Py_ssize_t i = index < 0 ? index + n : index;
    if (i < 0 || i >= n) {
        PyErr_Format(PyExc_IndexError, "index %zd is out of range: there are %zd", index, n);
        return NULL;
    }
    if (!snpy_rows_alive(self, self->rows.rows[i])) {
        snpy_raise(self->state, "deleted", "Os", self->cls, "the record");
        return NULL;
    }
    return snpy_record_for(model_of(self), self->rows.rows[i]);
}

static PyObject *
rows_at(PyObject *op, PyObject *index)
{
    Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
    return i == -1 && PyErr_Occurred() ? NULL : snpy_rows_at((snpy_rows *)op, i);
}

/* ---------------------------------------------------------------- parts */

static PyObject *
rows_slice(PyObject *op, PyObject *args)
{
    snpy_rows *self = (snpy_rows *)op;
    Py_ssize_t start, stop;
    sn_rows part = {0};
    if (!PyArg_ParseTuple(args, "nn:slice", &start, &stop)) {
        return NULL;
    }
    clamp(self, &start, &stop);
    size_t n = (size_t)(stop - start);
    if (reserve(self, &part, n) < 0) {
        return NULL;
    }
    if (n > 0) {
        memcpy(part.rows, self->rows.rows + start, n * sizeof *part.rows);
    }
    part.n = n;
    return snpy_rows_derive(self, &part);
}

/* Appends those of the rows for which the function says yes. It may delete rows: the dead are neither shown to it nor
 * kept. */
static int
keep_if(snpy_rows *self, PyObject *test, sn_rows *kept)
{
    for (size_t i = 0; i < self->rows.n; i++) {
        sn_row row = self->rows.rows[i];
        if (!snpy_rows_alive(self, row)) {
            continue;
        }
        PyObject *record = snpy_record_for(model_of(self), row);
        PyObject *answer = record ? PyObject_CallOneArg(test, record) : NULL;
        int truth = answer ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(record);
        Py_XDECREF(answer);
        if (truth < 0) {
            return -1;
        }
        if (truth && snpy_rows_alive(self, row)) {
            kept->rows[kept->n++] = row;
        }
    }
    return 0;
}

static PyObject *
rows_filter(PyObject *op, PyObject *test)
{
    snpy_rows *self = (snpy_rows *)op;
    sn_rows kept = {0};
    if (reserve(self, &kept, self->rows.n) < 0 || keep_if(self, test, &kept) < 0) {
        sn_rows_free(self->store->engine, &kept);
        return NULL;
    }
    return snpy_rows_derive(self, &kept);
}

static PyObject *
all_rows(PyObject *cls, sn_life life)
{
    snpy_model *model = snpy_model_of(cls);
    sn_rows rows = {0};
    if (!model || !snpy_store_open(model->store)) {
        return NULL;
    }
    const sn_query all = {
        .table = model->table, .source = SN_FROM_TABLE, .life = life, .where = SN_NO_NODE, .limit = SIZE_MAX};
    sn_status status = sn_query_run(&rows, model->store->db, &all, NULL);
    if (status != SN_OK) {
        sn_rows_free(model->store->engine, &rows);
        snpy_raise_status(model->store, status);
        return NULL;
    }
    sn_frame *frame = snpy_frame(model->store);
    if (frame) {
        sn_read_table(frame, model->table);
    }
    return snpy_rows_take_life(model, &rows, life);
}

static PyObject *
live_rows(PyObject *Py_UNUSED(module), PyObject *cls)
{
    return all_rows(cls, SN_LIVE);
}

static PyObject *
stored_rows(PyObject *Py_UNUSED(module), PyObject *cls)
{
    return all_rows(cls, SN_STORED);
}

/* ---------------------------------------------------------------- the iterator */

typedef struct rows_iter {
    PyObject_HEAD
    snpy_rows *rows;   /* owned */
    snpy_model *model; // borrowed: lives as long as the class that rows holds
    size_t next;
} rows_iter;

PyObject *
snpy_rows_iter(PyObject *op)
{
    snpy_rows *rows = (snpy_rows *)op;
    rows_iter *self = PyObject_GC_New(rows_iter, rows->state->RowsIter);
    if (self) {
        self->rows = (snpy_rows *)Py_NewRef(op);
        self->model = model_of(rows);
        self->next = 0;
        PyObject_GC_Track(self);
    }
    return (PyObject *)self;
}

/* Children stand at random places of their table: their records are asked of the memory some at a time, while those before
 * them are worked on. */
#define BATCH ((size_t)16)

static void
prefetch(const rows_iter *self)
{
    const sn_rows *rows = &self->rows->rows;
    size_t end = self->next + 2 * BATCH < rows->n ? self->next + 2 * BATCH : rows->n;
    for (size_t i = self->next ? self->next + BATCH : 0; i < end; i++) {
        __builtin_prefetch(sn_table_handle(self->model->table, rows->rows[i]), 1);
    }
}

static PyObject *
iter_next(PyObject *op)
{
    rows_iter *self = (rows_iter *)op;
    const snpy_rows *rows = self->rows;
    snpy_model *model = self->model;
    if (self->next % BATCH == 0) {
        prefetch(self);
    }
    while (self->next < rows->rows.n && rows->epoch == model->epoch) {
        sn_row row = rows->rows.rows[self->next++];
        if (unwritten(rows) || counts(rows->life, model->table, row)) {
            return snpy_record_for(model, row);
        }
        snpy_note_row(rows, row);
    }
    if (rows->epoch != model->epoch) {
        snpy_note_once(rows->state);
    }
    return NULL;
}

static PyObject *
iter_hint(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    rows_iter *self = (rows_iter *)op;
    return PyLong_FromSize_t(self->rows->rows.n - self->next);
}

static int
iter_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((rows_iter *)op)->rows);
    return 0;
}

static void
iter_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(((rows_iter *)op)->rows);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef iter_methods[] = {
    {"__length_hint__", iter_hint, METH_NOARGS, "How many rows are to come."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iter_slots[] = {
    {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, iter_next},   {Py_tp_traverse, iter_traverse},
    {Py_tp_dealloc, iter_dealloc},   {Py_tp_methods, iter_methods}, {0, NULL},
};

static PyType_Spec iter_spec = {
    .name = "sinew._engine.RowsIter",
    .basicsize = sizeof(rows_iter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iter_slots,
};

/* ---------------------------------------------------------------- the type */

static Py_ssize_t
rows_len(PyObject *op)
{
    return (Py_ssize_t)((snpy_rows *)op)->rows.n;
}

static int
rows_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_rows *self = (snpy_rows *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->cls);
    Py_VISIT(self->store);
    return 0;
}

static void
rows_dealloc(PyObject *op)
{
    snpy_rows *self = (snpy_rows *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    sn_db_unpin(self->store->engine);
    sn_rows_free(self->store->engine, &self->rows);
    Py_DECREF(self->cls);
    Py_DECREF(self->store);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef rows_methods[] = {
    {"records", rows_records, METH_VARARGS, "The records from start to stop, without those deleted since."},
    {"at", rows_at, METH_O, "The record at an index (negative from the end)."},
    {"slice", rows_slice, METH_VARARGS, "The rows from start to stop."},
    {"filter", rows_filter, METH_O, "The rows for whose records a function says yes."},
    {"delete", snpy_rows_delete, METH_VARARGS, "Deletes the rows as one statement."},
    {"restore", snpy_rows_restore, METH_NOARGS, "Brings parked rows back as one statement."},
    {"update", snpy_rows_update, METH_VARARGS, "Sets fields of all rows as one statement."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef rows_members[] = {
    {"model", T_OBJECT, offsetof(snpy_rows, cls), READONLY, "The class of the records."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, "Row numbers of one model, in order."},
    {Py_tp_traverse, rows_traverse},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_iter, snpy_rows_iter},
    {Py_tp_methods, rows_methods},
    {Py_tp_members, rows_members},
    {Py_sq_length, rows_len},
    {0, NULL},
};

static PyType_Spec rows_spec = {
    .name = "sinew._engine.Rows",
    .basicsize = sizeof(snpy_rows),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = rows_slots,
};

PyMethodDef snpy_rows_functions[] = {
    {"live_rows", live_rows, METH_O, "All live rows of a model in insertion order."},
    {"stored_rows", stored_rows, METH_O, "All rows of a model, parked ones too, in insertion order."},
    {"move", snpy_move, METH_VARARGS, "Puts a record at a place among those with the same foreign key."},
    {NULL, NULL, 0, NULL},
};

int
snpy_init_rows(PyObject *module, snpy_state *st)
{
    st->Rows = snpy_add_type(module, &rows_spec);
    st->RowsIter = st->Rows ? snpy_add_type(module, &iter_spec) : NULL;
    return st->RowsIter ? 0 : -1;
}
