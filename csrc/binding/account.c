/*
 * account.c - what is known of getters' values: whether one is right, what it was computed from, how often; and dropping one by hand.
 *
 * Nothing here runs a getter's function. A read of a getter whose value would have to be computed to know counts as changed.
 */
#include "getter.h"

/* The getter, bound and its values kept, and a stored record of its model. 0 or -1. */
static int
parse(PyObject *module, PyObject *args, const char *format, snpy_getter **out, PyObject **record)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *op;
    if (!PyArg_ParseTuple(args, format, record, st->Getter, &op)) {
        return -1;
    }
    *out = (snpy_getter *)op;
    if ((PyObject *)Py_TYPE(*record) != (*out)->cls) {
        PyErr_Format(PyExc_TypeError, "getter %R is not one of %R", (*out)->name, Py_TYPE(*record));
        return -1;
    }
    if (!snpy_record_stored((snpy_record *)*record)) {
        return snpy_raise_deleted(*record);
    }
    return 0;
}

/* ---------------------------------------------------------------- dropping by hand */

/* expire(record, getter): whether there was a value. */
static PyObject *
expire(PyObject *module, PyObject *args)
{
    snpy_getter *self;
    PyObject *record;
    if (parse(module, args, "OO!:expire", &self, &record) < 0) {
        return NULL;
    }
    snpy_note_once(self->state);
    return PyBool_FromLong(self->engine && sn_getter_expire(self->engine, ((snpy_record *)record)->row));
}

/* ---------------------------------------------------------------- counts */

static PyObject *
getter_counts(PyObject *module, PyObject *op)
{
    const snpy_state *st = PyModule_GetState(module);
    if (!Py_IS_TYPE(op, st->Getter)) {
        PyErr_Format(PyExc_TypeError, "expected a Getter, got %R", op);
        return NULL;
    }
    snpy_note_once(st);
    const sn_getter *engine = ((snpy_getter *)op)->engine;
    sn_getter_counts c = engine ? sn_getter_counts_of(engine) : (sn_getter_counts){0};
    return Py_BuildValue("KKKnn", c.hits, c.verified, c.computed, (Py_ssize_t)c.values, (Py_ssize_t)c.bytes);
}

/* ---------------------------------------------------------------- reads */

static PyObject *
record_at(const sn_table *table, sn_row row)
{
    if (!table || row == SN_NO_ROW || !(sn_table_alive(table, row) || sn_table_parked(table, row))) {
        Py_RETURN_NONE;
    }
    return snpy_record_for(snpy_model_peek((PyTypeObject *)sn_table_tag(table)), row);
}

/* The field of a column. Borrowed, or NULL. */
static snpy_field *
field_of(const sn_table *table, sn_col col)
{
    PyObject *fields = snpy_model_peek((PyTypeObject *)sn_table_tag(table))->fields;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++) {
        if (snpy_field_at(fields, i)->col == col) {
            return snpy_field_at(fields, i);
        }
    }
    return NULL;
}

/* What a read was about: a Field, Path, Index, Reference, Getter or Plan, or None. New reference. */
static PyObject *
subject(const sn_read_report *r)
{
    void *found = NULL;
    switch (r->kind) {
    case SN_READ_CELL:
    case SN_READ_COLUMN:
        found = field_of(r->table, r->col);
        break;
    case SN_READ_TARGET:
        found = sn_reference_tag(r->reference);
        break;
    case SN_READ_FIRST:
    case SN_READ_EACH:
    case SN_READ_COUNT:
    case SN_READ_CONTAINS:
        found = r->tag;
        break;
    case SN_READ_PROBE:
        found = sn_index_tag(r->index);
        break;
    case SN_READ_ROWS:
    case SN_READ_NUMBER:
    case SN_READ_VALUE:
        found = r->watch;
        break;
    case SN_READ_GETTER:
        found = sn_getter_tag(r->getter);
        break;
    case SN_READ_LIFE:
    case SN_READ_TABLE:
    case SN_READ_TIME:
        break;
    }
    return Py_NewRef(found ? (PyObject *)found : Py_None);
}

/* (was, is) of a cell, the number or target of what has one, the bounds of a time. New reference. */
static PyObject *
answer(const sn_read_report *r)
{
    if (r->kind == SN_READ_CELL) {
        snpy_field *field = field_of(r->table, r->col);
        PyObject *was = field ? snpy_cell_out(field, r->was) : NULL;
        PyObject *is = was ? snpy_cell_out(field, r->is) : NULL;
        PyObject *pair = is ? PyTuple_Pack(2, was, is) : NULL;
        Py_XDECREF(was);
        Py_XDECREF(is);
        return pair;
    }
    if (r->kind == SN_READ_TIME) {
        return Py_BuildValue("LL", (long long)r->low, (long long)r->high);
    }
    bool counted =
        r->kind == SN_READ_EACH || r->kind == SN_READ_COUNT || r->kind == SN_READ_ROWS || r->kind == SN_READ_NUMBER;
    if (counted) {
        return PyLong_FromSize_t(r->count);
    }
    const sn_table *to = r->kind == SN_READ_TARGET  ? sn_reference_to(r->reference)
                         : r->kind == SN_READ_PROBE ? r->table
                                                    : NULL;
    return record_at(to, r->target);
}

static PyObject *
read_tuple(const sn_read_report *r)
{
    static const char *const kinds[] = {
        [SN_READ_CELL] = "field",    [SN_READ_LIFE] = "record",   [SN_READ_TARGET] = "target",
        [SN_READ_FIRST] = "first",   [SN_READ_EACH] = "members",  [SN_READ_COUNT] = "count",
        [SN_READ_CONTAINS] = "in",   [SN_READ_PROBE] = "find",    [SN_READ_ROWS] = "query",
        [SN_READ_NUMBER] = "count",  [SN_READ_VALUE] = "value",   [SN_READ_COLUMN] = "column",
        [SN_READ_TABLE] = "records", [SN_READ_GETTER] = "getter", [SN_READ_TIME] = "time",
    };
    PyObject *about = subject(r), *cls = Py_NewRef(r->table ? (PyObject *)sn_table_tag(r->table) : Py_None);
    PyObject *record = record_at(r->table, r->row), *said = record ? answer(r) : NULL; /* which may run code */
    PyObject *result =
        said ? Py_BuildValue("sOOOOO", kinds[r->kind], r->same ? Py_True : Py_False, cls, record, about, said) : NULL;
    Py_DECREF(about);
    Py_DECREF(cls);
    Py_XDECREF(said);
    Py_XDECREF(record);
    return result;
}

static PyObject *
list_reads(const snpy_getter *self, PyObject *record, snpy_store *store)
{
    PyObject *list = PyList_New(0);
    sn_read_report r;
    uint64_t schema = store->schema;
    for (size_t i = 0; list && self->engine && store->schema == schema && snpy_record_stored((snpy_record *)record)
                       && sn_getter_read_at(&r, self->engine, ((snpy_record *)record)->row, i);
         i++) {
        PyObject *read = read_tuple(&r);
        if (!read || PyList_Append(list, read) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(read);
    }
    return list;
}

/* getter_report(record, getter): a dict of what is known of the value, or None. */
static PyObject *
getter_report(PyObject *module, PyObject *args)
{
    snpy_getter *self;
    PyObject *record;
    if (parse(module, args, "OO!:getter_report", &self, &record) < 0) {
        return NULL;
    }
    snpy_store *store = snpy_model_peek(Py_TYPE(record))->store;
    snpy_note_once(self->state);
    if (!self->engine) {
        Py_RETURN_NONE;
    }
    sn_row row = ((snpy_record *)record)->row;
    bool right = snpy_getter_is_right(self, row, store);
    sn_value_report r = sn_getter_report(self->engine, row);
    if (!r.kept && !r.once) {
        Py_RETURN_NONE;
    }
    sn_db_pin(store->engine); /* making objects may run code */
    PyObject *reads = list_reads(self, record, store);
    sn_db_unpin(store->engine);
    if (!reads) {
        return NULL;
    }
    return Py_BuildValue("{sOsOsOsKsKsN}", "right", right ? Py_True : Py_False, "once", r.once ? Py_True : Py_False,
                         "expired", r.expired ? Py_True : Py_False, "computed", r.computed, "verified", r.verified,
                         "reads", reads);
}

PyMethodDef snpy_account_functions[] = {
    {"expire", expire, METH_VARARGS, PyDoc_STR("Drops the value of a getter; whether there was one.")},
    {"getter_counts", getter_counts, METH_O, PyDoc_STR("Hits, verified, computed; values, and their bytes.")},
    {"getter_report", getter_report, METH_VARARGS, PyDoc_STR("What is known of the value of a getter, or None.")},
    {NULL, NULL, 0, NULL},
};
