/*
 * park.c - deleting and restoring: single records, and Rows.
 *
 * A model whose fields include a stamp (a deleted_at) keeps its deleted rows: the engine parks them. Their records stay
 * what they were; they are held by the row's handle, and read their columns as before. Only `force` deletes such a row for
 * good, a parked one too. Rows of other models have no parked rows, and `force` makes no difference to them.
 *
 * Parking may cascade to other models, so the engine is given the moment in both forms that a deleted_at has, if some model
 * of the store has a deleted_at of that form. Asking the clock and converting run Python code: before the statement opens.
 *
 * Cost beyond the engine's: one or two readings of a clock for each statement, and a look at each model of the store.
 */
#include "model.h"

/* The moment, as fields of each kind hold it; cells are owned. */
typedef struct stamps {
    snpy_store *store; // borrowed: the caller holds it
    sn_stamp made[2];
    snpy_field *fields[2]; /* owned: by whose rules each was made */
    size_t n;
} stamps;

static void
stamps_fini(stamps *s)
{
    while (s->n > 0) {
        s->n--;
        snpy_cell_release(s->store, s->fields[s->n], s->made[s->n].cell);
        Py_DECREF(s->fields[s->n]);
    }
}

static bool
stamps_have(const stamps *s, snpy_kind kind)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i]->kind == kind)
            return true;
    return false;
}

/* One more kind, from the clock of this field, which is held meanwhile. */
static int
stamps_add(stamps *s, snpy_field *field)
{
    assert(s->n < Py_ARRAY_LENGTH(s->made));
    Py_INCREF(field);
    sn_cell cell;
    PyObject *value = PyObject_CallNoArgs(field->stamp);
    int r = value ? snpy_cell_in(&cell, s->store, field, value) : -1;
    Py_XDECREF(value);
    if (r < 0 || stamps_have(s, field->kind)) { /* the latter: the clock has deleted something itself */
        if (r == 0)
            snpy_cell_release(s->store, field, cell);
        Py_DECREF(field);
        return r;
    }
    s->made[s->n] = (sn_stamp){snpy_conversions[field->kind].type, cell};
    s->fields[s->n++] = field;
    return 0;
}

/* Runs Python code. 0 or -1; stamps_fini in any case. */
static int
stamps_make(stamps *s, snpy_store *store)
{
    *s = (stamps){.store = store};
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(store->models); i++) {
        snpy_model *model = snpy_model_peek((PyTypeObject *)PyList_GET_ITEM(store->models, i));
        if (model && model->stamp && !stamps_have(s, model->stamp->kind))
            r = stamps_add(s, model->stamp);
    }
    return r;
}

/* ---------------------------------------------------------------- deleting */

/* Within a statement. *gone: how many of the rows it was done to. */
static sn_status
take_rows(size_t *gone, snpy_model *model, const sn_row *rows, size_t n, const stamps *s)
{
    return s ? sn_table_park(gone, model->table, rows, n, s->made, s->n) : sn_table_delete(gone, model->table, rows, n);
}

/* s NULL: for good. 0 or -1. */
static int
delete_record(PyObject *record, const stamps *s)
{
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    size_t gone;
    if (snpy_statement_begin(model->store) < 0)
        return -1;
    int status = SNPY_RAISED;
    if (s ? snpy_record_alive((snpy_record *)record) : snpy_record_stored((snpy_record *)record))
        status = (int)take_rows(&gone, model, &((snpy_record *)record)->row, 1, s);
    else
        snpy_raise_deleted(record);
    return snpy_statement_end(model->store, status);
}

PyObject *
snpy_record_delete(PyObject *module, PyObject *args)
{
    PyObject *record;
    int force = 0;
    if (!PyArg_ParseTuple(args, "O|p:delete", &record, &force)
        || snpy_check_stored(PyModule_GetState(module), record) < 0)
        return NULL;
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    if (force || !model->stamp)
        return delete_record(record, NULL) < 0 ? NULL : Py_NewRef(Py_None);
    stamps s;
    snpy_store *store = (snpy_store *)Py_NewRef((PyObject *)model->store);
    int r = stamps_make(&s, store);
    if (r == 0)
        r = delete_record(record, &s);
    stamps_fini(&s);
    snpy_drain(store);
    Py_DECREF(store);
    return r < 0 ? NULL : Py_NewRef(Py_None);
}

typedef sn_status (*rows_fn)(size_t *done, snpy_model *model, const sn_row *rows, size_t n, const stamps *s);

/* One statement over the rows that are still what they were. Their number, or NULL with an exception. */
static PyObject *
write_rows(snpy_rows *self, rows_fn write, const stamps *s)
{
    snpy_live live;
    size_t done = 0;
    PyObject *count = NULL;
    int status = SNPY_RAISED;
    if (snpy_statement_begin(self->store) < 0)
        return NULL;
    if (snpy_rows_live(&live, self) == 0) {
        status = (int)write(&done, snpy_model_peek((PyTypeObject *)self->cls), live.rows, live.n, s);
        snpy_rows_release(&live, self);
    }
    if (status == SN_OK && !(count = PyLong_FromSize_t(done)))
        status = SNPY_RAISED; /* it is undone */
    if (snpy_statement_end(self->store, status) < 0)
        Py_CLEAR(count);
    return count;
}

PyObject *
snpy_rows_delete(PyObject *op, PyObject *args)
{
    snpy_rows *self = (snpy_rows *)op;
    int force = 0;
    if (!PyArg_ParseTuple(args, "|p:delete", &force))
        return NULL;
    if (force || !snpy_model_peek((PyTypeObject *)self->cls)->stamp)
        return write_rows(self, take_rows, NULL);
    stamps s;
    PyObject *count = stamps_make(&s, self->store) == 0 ? write_rows(self, take_rows, &s) : NULL;
    stamps_fini(&s);
    snpy_drain(self->store);
    return count;
}

/* ---------------------------------------------------------------- restoring */

static sn_status
restore_rows(size_t *done, snpy_model *model, const sn_row *rows, size_t n, const stamps *Py_UNUSED(s))
{
    return sn_table_restore(done, model->table, rows, n);
}

PyObject *
snpy_rows_restore(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return write_rows((snpy_rows *)op, restore_rows, NULL);
}

PyObject *
snpy_record_restore(PyObject *module, PyObject *record)
{
    if (snpy_check_stored(PyModule_GetState(module), record) < 0)
        return NULL;
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    size_t restored = 0;
    if (snpy_statement_begin(model->store) < 0)
        return NULL;
    int status = SNPY_RAISED;
    if (snpy_record_stored((snpy_record *)record))
        status = (int)sn_table_restore(&restored, model->table, &((snpy_record *)record)->row, 1);
    else
        snpy_raise_deleted(record);
    return snpy_statement_end(model->store, status) < 0 ? NULL : PyBool_FromLong(restored > 0);
}
