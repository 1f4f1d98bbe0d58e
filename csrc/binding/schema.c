/*
 * schema.c - changing what a store holds: columns and constructor parameters. Indexes are in index.c.
 *
 * A laid-out class gets its table from bind_model; everything here adds to it or takes away, between transactions only.
 * The rules:
 *
 *   - The engine's tags point to Index and Reference objects, so the store keeps those (`kept`) until they are dropped.
 *   - Whatever compiled paths and plans rely on changes `schema`, so that they compile themselves again.
 *   - Values are converted before anything is touched; conversion may run Python code, so the rows are counted again after it.
 *
 * All or nothing.
 */
#include "model.h"
#include "store.h"

snpy_model *
snpy_store_model(snpy_store *store, PyObject *cls)
{
    snpy_model *model = snpy_is_model(store->state, cls) ? snpy_model_peek((PyTypeObject *)cls) : NULL;
    if (!model || model->store != store) {
        PyErr_Format(PyExc_TypeError, "%R has no table in this store", cls);
        return NULL;
    }
    return model;
}

int
snpy_between_transactions(snpy_store *store, const char *what)
{
    if (!snpy_store_open(store)) {
        return -1;
    }
    return sn_depth(store->db) > 0 ? snpy_raise(store->state, "store_busy", "s", what) : 0;
}

int
snpy_check_status(snpy_store *store, sn_status status)
{
    return status == SN_OK ? 0 : snpy_raise_status(store, status);
}

int
snpy_unkeep(snpy_store *store, PyObject *object)
{
    for (Py_ssize_t i = PyList_GET_SIZE(store->kept) - 1; i >= 0; i--) {
        if (PyList_GET_ITEM(store->kept, i) == object) {
            return PyList_SetSlice(store->kept, i, i + 1, NULL);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- columns */

/* The value of an added field in rows that exist when none are given: its default, or null. New reference. */
static PyObject *
filler(snpy_field *field)
{
    if (field->default_value) {
        return Py_NewRef(field->default_value);
    }
    return field->default_factory ? PyObject_CallNoArgs(field->default_factory) : Py_NewRef(Py_None);
}

/* Converts one value for each row. 0, or -1 with nothing owned. */
static int
convert_column(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *values, size_t n)
{
    size_t done = 0;
    for (; done < n; done++) {
        PyObject *value = values ? Py_NewRef(PyTuple_GET_ITEM(values, done)) : filler(field);
        int result = value ? snpy_cell_in(&out[done], store, field, value) : -1;
        Py_XDECREF(value);
        if (result < 0) {
            break;
        }
    }
    if (done == n) {
        return 0;
    }
    while (done-- > 0) {
        snpy_cell_release(store, field, out[done]);
    }
    return -1;
}

/* Live rows and parked ones. */
static bool
is_stored(const sn_table *table, sn_row row)
{
    return sn_table_alive(table, row) || sn_table_parked(table, row);
}

static size_t
count_stored(const sn_table *table)
{
    return (size_t)sn_table_count(table) + sn_table_parked_count(table);
}

/* Spreads n cells over the positions of a table's rows, from the back; dead positions get nulls. */
static void
spread(sn_cell *cells, const sn_table *table, size_t n)
{
    for (sn_row row = sn_table_positions(table); row-- > 0;) {
        cells[row] = is_stored(table, row) ? cells[--n] : SN_NULL_CELL;
    }
    assert(n == 0);
}

/* The engine's column, made of one owned cell for each row, which it takes over; on failure they are the caller's. */
static int
make_column(snpy_store *store, snpy_model *model, snpy_field *field, sn_cell *cells, size_t n)
{
    const sn_column_def def = {snpy_conversions[field->kind].type, field->nullable, field->automatic};
    sn_col col;
    spread(cells, model->table, n);
    if (snpy_check_status(store, sn_table_add_column(&col, model->table, &def, cells)) < 0) {
        return -1;
    }
    field->col = col;
    return 0;
}

/* Adds the engine's column. values: NULL, or a tuple as long as there are rows. */
static int
add_column(snpy_store *store, snpy_model *model, snpy_field *field, PyObject *values)
{
    sn_row positions = sn_table_positions(model->table);
    size_t n = count_stored(model->table);
    uint64_t revision = sn_db_revision(store->db);
    if (values && (size_t)PyTuple_GET_SIZE(values) != n) {
        PyErr_SetString(PyExc_ValueError, "add_field() takes one value for each row, soft-deleted ones too");
        return -1;
    }
    sn_cell *cells = PyMem_New(sn_cell, (size_t)positions + 1);
    if (!cells) {
        PyErr_NoMemory();
        return -1;
    }
    int result = convert_column(cells, store, field, values, n);
    size_t owned = result == 0 ? n : 0;
    if (result == 0) {
        result = snpy_between_transactions(store, "adding a field");
    }
    if (result == 0 && sn_db_revision(store->db) != revision) {
        result = snpy_raise(store->state, "store_busy", "s", "adding a field while rows change");
    }
    if (result == 0) {
        owned = positions; /* spread by now */
        result = make_column(store, model, field, cells, n);
    }
    while (result < 0 && owned-- > 0) {
        snpy_cell_release(store, field, cells[owned]);
    }
    PyMem_Free(cells);
    return result;
}

/* A value for each of n rows: those given, or as many fillers. New reference. */
static PyObject *
every_value(snpy_field *field, PyObject *values, size_t n)
{
    PyObject *list = values ? NULL : PyList_New(0), *all = values ? Py_NewRef(values) : NULL;
    int result = list ? 0 : -1;
    for (size_t i = 0; result == 0 && i < n; i++) {
        PyObject *value = filler(field);
        result = value ? PyList_Append(list, value) : -1;
        Py_XDECREF(value);
    }
    if (result == 0) {
        all = PyList_AsTuple(list);
    }
    Py_XDECREF(list);
    return all;
}

/* What key= says of each of the values, as a tuple. New reference. */
static PyObject *
keys_of(snpy_field *field, PyObject *values)
{
    Py_ssize_t n = PyTuple_GET_SIZE(values);
    PyObject *keys = PyTuple_New(n);
    for (Py_ssize_t i = 0; keys && i < n; i++) {
        PyObject *value = PyTuple_GET_ITEM(values, i);
        PyObject *key = value == Py_None ? Py_NewRef(value) : PyObject_CallOneArg(field->key, value);
        if (key) {
            PyTuple_SET_ITEM(keys, i, key);
        } else {
            Py_CLEAR(keys);
        }
    }
    return keys;
}

/* Takes a column out of the table again because another was refused. (Should even that want memory, it stays, unused.) */
static void
withdraw_column(snpy_model *model, snpy_field *field)
{
    sn_table_drop_column(model->table, field->col);
    field->col = SN_NO_COL;
}

/* The column of a field, and that of its keys. */
static int
add_columns(snpy_store *store, snpy_model *model, snpy_field *field, PyObject *values)
{
    if (!field->key_field) {
        return add_column(store, model, field, values);
    }
    PyObject *all = every_value(field, values, count_stored(model->table));
    PyObject *keys = all ? keys_of(field, all) : NULL;
    int result = keys ? add_column(store, model, field->key_field, keys) : -1;
    if (result == 0 && (result = add_column(store, model, field, all)) < 0) {
        withdraw_column(model, field->key_field);
    }
    Py_XDECREF(all);
    Py_XDECREF(keys);
    return result;
}

/* A tuple with one more item. New reference. */
static PyObject *
tuple_with(PyObject *tuple, PyObject *item)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    PyObject *longer = PyTuple_New(n + 1);
    for (Py_ssize_t i = 0; longer && i < n; i++) {
        PyTuple_SET_ITEM(longer, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    }
    if (longer) {
        PyTuple_SET_ITEM(longer, n, Py_NewRef(item));
    }
    return longer;
}

/* The fields with one more, and the field of its keys. New reference. */
static PyObject *
fields_with(PyObject *fields, snpy_field *field)
{
    PyObject *longer = tuple_with(fields, (PyObject *)field);
    if (longer && field->key_field) {
        Py_SETREF(longer, tuple_with(longer, (PyObject *)field->key_field));
    }
    return longer;
}

/* Adds a field that no model has yet, its values in rows that exist in `values` (NULL: its default). */
static int
append_field(snpy_store *store, snpy_model *model, snpy_field *field, PyObject *values)
{
    PyObject *before = Py_NewRef(model->fields), *after = fields_with(before, field);
    int result = after ? 0 : -1;
    if (after && (model->fields != before || field->model)) { /* making the tuple may have run code */
        result = snpy_raise(store->state, "store_busy", "s", "adding a field");
    }
    if (result == 0 && (result = add_columns(store, model, field, values)) == 0) {
        field->model = model;
        if (field->key_field) {
            field->key_field->model = model;
        }
        store->schema++;
        Py_SETREF(model->fields, Py_NewRef(after));
        snpy_model_review(model);
        if (field->stamp) {
            sn_status status = sn_table_set_stamp(model->table, field->col);
            assert(status == SN_OK); /* a nullable column of this table, between transactions */
            (void)status;
        }
    }
    Py_DECREF(before);
    Py_XDECREF(after);
    return result;
}

PyObject *
snpy_store_add_field(PyObject *op, PyObject *args)
{
    snpy_store *self = (snpy_store *)op;
    PyObject *cls, *object, *given = Py_None;
    if (!PyArg_ParseTuple(args, "OO!|O:add_field", &cls, self->state->Field, &object, &given)
        || snpy_between_transactions(self, "adding a field") < 0) {
        return NULL;
    }
    snpy_field *field = (snpy_field *)object;
    snpy_model *model = snpy_store_model(self, cls);
    if (!model) {
        return NULL;
    }
    if (field->model) {
        PyErr_Format(PyExc_ValueError, "field %R belongs to a model already", field->name);
        return NULL;
    }
    PyObject *values = given == Py_None ? NULL : PySequence_Tuple(given);
    int result = values || given == Py_None ? append_field(self, model, field, values) : -1;
    Py_XDECREF(values);
    snpy_drain(self);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* A tuple without one of its items (compared by identity). */
static PyObject *
tuple_without(PyObject *tuple, PyObject *item)
{
    PyObject *list = PyList_New(0), *result = NULL;
    int status = list ? 0 : -1;
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(tuple); i++) {
        if (PyTuple_GET_ITEM(tuple, i) != item) {
            status = PyList_Append(list, PyTuple_GET_ITEM(tuple, i));
        }
    }
    if (status == 0) {
        result = PyList_AsTuple(list);
    }
    Py_XDECREF(list);
    return result;
}

/* The fields without one, and without the field of its keys. New reference. */
static PyObject *
fields_without(PyObject *fields, snpy_field *field)
{
    PyObject *rest = tuple_without(fields, (PyObject *)field);
    if (rest && field->key_field) {
        Py_SETREF(rest, tuple_without(rest, (PyObject *)field->key_field));
    }
    return rest;
}

/* A column that holds the stamps of parked rows gives that up first: to another one, or, if there are no parked rows, to
 * none. */
static int
give_stamp_up(snpy_store *store, snpy_model *model, const snpy_field *field, PyObject *rest)
{
    if (!field->stamp) {
        return 0;
    }
    const snpy_field *other = snpy_stamp_among(rest);
    size_t parked = sn_table_parked_count(model->table);
    if (!other && parked > 0) {
        return snpy_raise(store->state, "has_soft_deleted", "On", model->cls, (Py_ssize_t)parked);
    }
    return snpy_check_status(store, sn_table_set_stamp(model->table, other ? other->col : SN_NO_COL));
}

static int
drop_column(snpy_store *store, snpy_model *model, snpy_field *field)
{
    if (snpy_check_status(store, sn_table_drop_column(model->table, field->col)) < 0) {
        return -1;
    }
    field->col = SN_NO_COL;
    field->model = NULL;
    return 0;
}

PyObject *
snpy_store_drop_field(PyObject *op, PyObject *object)
{
    snpy_store *self = (snpy_store *)op;
    snpy_field *field = (snpy_field *)object;
    if (!Py_IS_TYPE(object, self->state->Field) || !field->model || field->model->store != self) {
        PyErr_Format(PyExc_TypeError, "%R is not a field stored here", object);
        return NULL;
    }
    snpy_model *model = field->model;
    PyObject *rest = fields_without(model->fields, field);
    /* The keys go first: an index over them refuses that, and the room that they ask for on the drop list serves the
     * values, which then cannot be refused. */
    if (!rest || snpy_between_transactions(self, "dropping a field") < 0
        || (field->model != model && snpy_raise(self->state, "store_busy", "s", "dropping a field") < 0)
        || give_stamp_up(self, model, field, rest) < 0
        || (field->key_field && drop_column(self, model, field->key_field) < 0)
        || drop_column(self, model, field) < 0) {
        Py_XDECREF(rest);
        if (field->stamp && field->col != SN_NO_COL) {
            (void)sn_table_set_stamp(model->table, field->col); /* refused if this was asked for in a transaction */
        }
        return NULL;
    }
    self->schema++;
    Py_SETREF(model->fields, rest);
    snpy_model_review(model);
    snpy_drain(self);
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- constructor parameters */

PyObject *
snpy_store_set_parameters(PyObject *op, PyObject *args)
{
    PyObject *cls, *parameters, *validators;
    if (!PyArg_ParseTuple(args, "OOO:set_parameters", &cls, &parameters, &validators)) {
        return NULL;
    }
    snpy_model *model = snpy_store_model((snpy_store *)op, cls);
    if (!model || snpy_model_set_parameters(model, parameters, validators) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
