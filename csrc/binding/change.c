/*
 * change.c - writing to a record that exists: one field, or several attributes by update().
 *
 * A change is gathered first and applied in one statement: owned cells and their fields, foreign keys of belongs_to,
 * key fields, and the touch fields (updated_at) that go with every write. All Python code (conversion, check=,
 * validators, key=, factories) runs while it is gathered, when nothing is open.
 *
 *   cells      owned by the change until the engine has taken them; change_fini gives back what is left
 *   fields     kept alive by the model's tuple of fields as it was; if the schema has changed since, the change is
 *              refused
 *   the row    is looked up in the statement, by the record: whatever ran before may have deleted it or moved it
 *
 * update() takes fields first and references second, so that author= and author_id= which contradict each other are
 * seen.
 */
#include "model.h"

/* ---------------------------------------------------------------- a change */

/* Changes to one row: owned cells and their fields, which `fields` keeps alive. */
typedef struct change {
    PyObject *fields_alive;
    snpy_model *model; // borrowed: the record holds the class
    uint64_t schema;
    size_t n, cap;
    snpy_field **fields;
    sn_cell *cells;
    snpy_field *few_fields[SNPY_FEW];
    sn_cell few_cells[SNPY_FEW];
} change;

static int
change_init(change *c, snpy_model *model)
{
    c->model = model;
    c->schema = model->store->schema;
    c->fields_alive = Py_NewRef(model->fields);
    c->n = 0;
    c->cap = (size_t)PyTuple_GET_SIZE(model->fields);
    c->fields = c->few_fields;
    c->cells = c->few_cells;
    if (c->cap <= SNPY_FEW)
        return 0;
    c->fields = PyMem_New(snpy_field *, c->cap);
    c->cells = PyMem_New(sn_cell, c->cap);
    return c->fields && c->cells ? 0 : (PyErr_NoMemory(), -1);
}

/* Gives back what was not moved. */
static void
change_fini(change *c)
{
    snpy_store *store = (snpy_store *)Py_NewRef((PyObject *)c->model->store);
    for (size_t i = 0; i < c->n; i++)
        snpy_cell_release(store, c->fields[i], c->cells[i]);
    if (c->fields != c->few_fields)
        PyMem_Free(c->fields);
    if (c->cells != c->few_cells)
        PyMem_Free(c->cells);
    Py_DECREF(c->fields_alive);
    snpy_drain(store);
    Py_DECREF(store);
}

static Py_ssize_t
position_in(const change *c, const snpy_field *field)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->fields[i] == field)
            return (Py_ssize_t)i;
    return -1;
}

/* Whether columns still mean what they meant when the change began. 0 or -1. */
static int
change_current(const change *c)
{
    if (c->schema == c->model->store->schema)
        return 0;
    return snpy_raise_text(
        c->model->store->state, "TransactionError",
        "%.100s was changed by code that ran while a record of it was written; change models beforehand",
        c->model->cls->tp_name);
}

/* Takes a cell over, also on failure; a field that is there already gets the new one. */
static int
change_put(change *c, snpy_field *field, sn_cell cell)
{
    Py_ssize_t at = position_in(c, field);
    sn_cell old = cell;
    int r = at < 0 ? change_current(c) : 0;
    if (at < 0 && r == 0) {
        assert(c->n < c->cap);
        c->fields[c->n] = field;
        c->cells[c->n++] = cell;
        return 0;
    }
    if (at >= 0) {
        old = c->cells[at];
        c->cells[at] = cell;
    }
    snpy_cell_release(c->model->store, field, old);
    return r;
}

int
snpy_touch(snpy_model *model, snpy_field **fields, sn_cell *cells, size_t *n)
{
    PyObject *all = Py_NewRef(model->fields);
    size_t given = *n;
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < PyTuple_GET_SIZE(all); i++) {
        snpy_field *field = snpy_field_at(all, i);
        bool wanted = field->touch && field->default_factory;
        for (size_t k = 0; k < given; k++)
            wanted = wanted && fields[k] != field;
        if (!wanted)
            continue;
        PyObject *value = PyObject_CallNoArgs(field->default_factory);
        r = value ? snpy_cell_in(&cells[*n], model->store, field, value) : -1;
        Py_XDECREF(value);
        if (r == 0)
            fields[(*n)++] = field;
    }
    Py_DECREF(all);
    return r;
}

/* Appends the touch fields. */
static int
change_touch(change *c)
{
    if (c->n == 0 || !c->model->touches)
        return 0;
    return change_current(c) < 0 ? -1 : snpy_touch(c->model, c->fields, c->cells, &c->n);
}

static int
write_row(change *c, sn_row row)
{
    sn_col few[SNPY_FEW], *cols = few;
    if (c->n > SNPY_FEW && (cols = PyMem_New(sn_col, c->n)) == NULL)
        return PyErr_NoMemory(), -1;
    for (size_t i = 0; i < c->n; i++)
        cols[i] = c->fields[i]->col;
    sn_status status = sn_table_update(c->model->table, &row, 1, cols, c->n, c->cells);
    if (status == SN_OK)
        c->n = 0; /* moved */
    if (cols != few)
        PyMem_Free(cols);
    return (int)status;
}

/* One statement for all of it, after all Python code has run. */
static int
change_apply(change *c, PyObject *record)
{
    snpy_store *store = c->model->store;
    sn_row row;
    if (c->n == 0)
        return 0;
    if (snpy_statement_begin(store) < 0)
        return -1;
    int status = SNPY_RAISED;
    if (change_current(c) == 0 && snpy_record_row(&row, c->model, record, "the record") == 0)
        status = write_row(c, row);
    return snpy_statement_end(store, status);
}

int
snpy_record_write(PyObject *record, uint64_t schema, snpy_field *const *fields, sn_cell *cells, size_t n)
{
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    change c;
    int r = change_init(&c, model);
    c.schema = schema;
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            r = change_put(&c, fields[i], cells[i]);
        else
            snpy_cell_release(model->store, fields[i], cells[i]);
    }
    if (r == 0)
        r = change_touch(&c);
    if (r == 0)
        r = change_apply(&c, record);
    change_fini(&c);
    return r;
}

/* ---------------------------------------------------------------- update */

/* Names to values, explicit fields apart from references so that their contradictions show. */
typedef struct updating {
    change change;
    PyObject *record;
    PyObject *invalid; /* dict, or NULL */
} updating;

/* Keeps what a validator said and goes on; other exceptions stand. */
int
snpy_collect_invalid(snpy_state *st, PyObject **invalid)
{
    PyObject *type, *error, *traceback, *errors = NULL;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *cls = st->errors ? snpy_attribute(st->errors, "Invalid") : NULL;
    if (cls && PyErr_GivenExceptionMatches(error, cls))
        errors = snpy_attribute(error, "errors");
    if (errors && *invalid == NULL)
        *invalid = PyDict_New();
    int r = errors && *invalid ? PyDict_Update(*invalid, errors) : -1;
    if (!errors && !PyErr_Occurred()) {
        PyErr_Restore(type, error, traceback);
        type = error = traceback = NULL;
    }
    Py_XDECREF(cls);
    Py_XDECREF(errors);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return r;
}

/* The cell of a field's key goes with the cell of its value: with what is stored, not with what was given. */
static int
update_key(updating *u, snpy_field *field, sn_cell cell)
{
    sn_cell key;
    PyObject *stored = snpy_cell_out(field, cell);
    int r = stored ? snpy_key_cell_in(&key, u->change.model->store, field, stored) : -1;
    Py_XDECREF(stored);
    return r == 0 ? change_put(&u->change, field->key_field, key) : -1;
}

static int
update_field(updating *u, snpy_field *field, PyObject *value)
{
    snpy_model *model = u->change.model;
    snpy_state *st = model->store->state;
    sn_cell cell;
    if (field->read_only)
        return snpy_raise(st, "read_only", "OO", field, value);
    if (snpy_cell_validated(&cell, model, field, u->record, value) < 0)
        return snpy_collect_invalid(st, &u->invalid);
    if (change_put(&u->change, field, cell) < 0)
        return -1;
    return field->key_field ? update_key(u, field, cell) : 0;
}

/* Takes a foreign key cell over, unless the field was given another value. */
static int
put_foreign(updating *u, snpy_reference *ref, PyObject *target, snpy_field *field, sn_cell cell)
{
    Py_ssize_t at = position_in(&u->change, field);
    int same = at < 0 ? 1 : snpy_same_cell(field, u->change.cells[at], cell);
    if (same == 1)
        return change_put(&u->change, field, cell);
    snpy_cell_release(u->change.model->store, field, cell);
    return same < 0 ? -1 : snpy_raise_contradiction(ref, target, field, u->change.cells[at]);
}

static int
update_reference(updating *u, snpy_reference *ref, PyObject *value)
{
    sn_cell cells[SN_MAX_KEY];
    int r = 0;
    if (snpy_reference_prepare(cells, ref, u->record, value) < 0)
        return snpy_collect_invalid(ref->state, &u->invalid);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(ref->fields); i++) {
        snpy_field *field = snpy_field_at(ref->fields, i);
        if (r < 0)
            snpy_cell_release(u->change.model->store, field, cells[i]);
        else
            r = put_foreign(u, ref, value, field, cells[i]);
    }
    return r;
}

/* The Field or Reference that a name sets, borrowed; NULL with UnknownName, or FieldError for a getter. */
static PyObject *
settable(snpy_model *model, PyObject *name)
{
    PyObject *found = PyUnicode_Check(name) ? _PyType_Lookup(model->cls, name) : NULL;
    snpy_state *st = model->store->state;
    if (found && Py_IS_TYPE(found, st->Field) && ((snpy_field *)found)->model == model)
        return found;
    if (found && Py_IS_TYPE(found, st->Reference) && snpy_reference_model((snpy_reference *)found) == model)
        return found;
    snpy_raise(st, "unknown_argument", "OO", model->cls, name);
    return NULL;
}

/* One pass over the items: fields first, then references. */
static int
update_pass(updating *u, PyObject *items, bool references)
{
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);
        PyObject *value = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1);
        PyObject *what = Py_XNewRef(settable(u->change.model, name));
        bool is_field = what && Py_TYPE(what)->tp_descr_get == snpy_field_get;
        if (what == NULL)
            r = -1;
        else if (is_field && !references)
            r = update_field(u, (snpy_field *)what, value);
        else if (!is_field && references)
            r = update_reference(u, (snpy_reference *)what, value);
        Py_XDECREF(what);
    }
    return r;
}

static int
update_all(updating *u, PyObject *items)
{
    snpy_model *model = u->change.model;
    if (update_pass(u, items, false) < 0 || update_pass(u, items, true) < 0)
        return -1;
    if (u->invalid)
        return snpy_raise(model->store->state, "invalid", "OO", model->cls, u->invalid);
    if (change_touch(&u->change) < 0)
        return -1;
    return change_apply(&u->change, u->record);
}

/* The pairs of a mapping, as a list of our own. */
static PyObject *
items_of(PyObject *values)
{
    if (PyDict_CheckExact(values))
        return PyDict_Items(values);
    PyObject *dict = PyDict_New();
    PyObject *items = dict && PyDict_Update(dict, values) == 0 ? PyDict_Items(dict) : NULL;
    Py_XDECREF(dict);
    return items;
}

PyObject *
snpy_record_update(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    updating u = {0};
    PyObject *values;
    if (!PyArg_ParseTuple(args, "OO:update", &u.record, &values) || snpy_check_record(st, u.record) < 0)
        return NULL;
    PyObject *items = items_of(values);
    if (items == NULL)
        return NULL;
    int r = change_init(&u.change, snpy_model_peek(Py_TYPE(u.record)));
    if (r == 0)
        r = update_all(&u, items);
    change_fini(&u.change);
    Py_XDECREF(u.invalid);
    Py_DECREF(items);
    return r == 0 ? Py_NewRef(Py_None) : NULL;
}
