/*
 * record.c - Record: the object for a row.
 *
 * One row is one object while somebody holds it: the row has a borrowed handle to its record, and the record's dealloc clears
 * it before anything else, so that a handle never points at a record without references. A record that nobody holds does not
 * exist; ten million rows cost no Python objects.
 *
 * A record names its row by position and epoch. Positions move only when a table is compacted, which steps the model's epoch
 * and takes the held records of live rows along; a record that was not taken along has no row any more, and an older epoch
 * says so without its position being looked at.
 *
 *   attribute   one lookup in the type; a Field is read at once, other descriptors as usual. There is no instance dict, so a
 *               name that the type does not know is unknown: the Python layer's exception tells what was meant.
 *   making one  runs no Python code: the collector is held off, because callers have row numbers in hand
 *
 * Cost: making a record 30 to 50 ns; reading an attribute 15 to 25.
 */
#include "model.h"

/* ---------------------------------------------------------------- life */

PyObject *
snpy_record_new(snpy_model *model)
{
#if PY_VERSION_HEX < 0x030C0000
    int collecting = PyGC_Disable(); /* since 3.12 allocation does not collect */
#endif
    snpy_record *record = PyObject_GC_New(snpy_record, model->cls);
#if PY_VERSION_HEX < 0x030C0000
    if (collecting)
        PyGC_Enable();
#endif
    if (record == NULL)
        return NULL;
    record->weakrefs = NULL;
    record->row = SN_NO_ROW;
    record->epoch = model->epoch;
    PyObject_GC_Track(record);
    return (PyObject *)record;
}

sn_status
snpy_record_attach(PyObject *object, snpy_model *model, sn_row row)
{
    snpy_record *record = (snpy_record *)object;
    assert(record->row == SN_NO_ROW && sn_table_handle(model->table, row) == NULL);
    sn_status status = sn_table_set_handle(model->table, row, object);
    if (status == SN_OK) {
        record->row = row;
        record->epoch = model->epoch;
    }
    return status;
}

PyObject *
snpy_record_for(snpy_model *model, sn_row row)
{
    assert(sn_table_alive(model->table, row));
    PyObject *record = sn_table_handle(model->table, row);
    if (record)
        return Py_NewRef(record);
    record = snpy_record_new(model);
    if (record && snpy_record_attach(record, model, row) != SN_OK) {
        PyErr_NoMemory();
        Py_CLEAR(record);
    }
    return record;
}

/* Takes the record's handle out of its row. */
static void
detach(snpy_record *record)
{
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    if (model && record->row != SN_NO_ROW && record->epoch == model->epoch
        && sn_table_handle(model->table, record->row) == record)
        (void)sn_table_set_handle(model->table, record->row, NULL); /* clearing needs no memory */
    record->row = SN_NO_ROW;
}

void
snpy_record_dealloc(PyObject *self)
{
    snpy_record *record = (snpy_record *)self;
    PyTypeObject *type = Py_TYPE(self);
    detach(record);
    PyObject_GC_UnTrack(self);
    if (record->weakrefs)
        PyObject_ClearWeakRefs(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static int
record_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
forget_all(snpy_model *model)
{
    for (sn_row row = 0; (row = sn_table_next_handle(model->table, row)) != SN_NO_ROW; row++) {
        snpy_record *record = sn_table_handle(model->table, row);
        record->row = SN_NO_ROW;
        (void)sn_table_set_handle(model->table, row, NULL);
    }
}

void
snpy_records_remap(snpy_model *model, const sn_row *map)
{
    model->epoch++;
    if (map == NULL)
        forget_all(model);
    for (sn_row row = 0; map && (row = sn_table_next_handle(model->table, row)) != SN_NO_ROW; row++) {
        snpy_record *record = sn_table_handle(model->table, row);
        assert(record->row == SN_NO_ROW || map[record->row] == row);
        record->row = row;
        record->epoch = model->epoch;
    }
}

int
snpy_record_row(sn_row *row, snpy_model *model, PyObject *object, const char *what)
{
    if (Py_TYPE(object) != model->cls)
        return snpy_raise_text(model->store->state, "FieldError", "%s: expected a record of %.100s, not %.200R", what,
                               model->cls->tp_name, object);
    if (!snpy_record_alive((snpy_record *)object))
        return snpy_raise_deleted(object);
    *row = ((snpy_record *)object)->row;
    return 0;
}

/* ---------------------------------------------------------------- attributes */

static int
raise_missing(PyObject *record, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(record);
    PyObject *hook = snpy_state_of(type)->missing_record_attribute;
    bool dunder = PyUnicode_GET_LENGTH(name) > 4 && PyUnicode_READ_CHAR(name, 0) == '_'
                  && PyUnicode_READ_CHAR(name, 1) == '_';
    if (hook == NULL || dunder) {
        PyErr_Format(PyExc_AttributeError, "'%.100s' record has no attribute '%U'", type->tp_name, name);
        return -1;
    }
    PyObject *error = PyObject_CallFunctionObjArgs(hook, record, name, NULL);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return -1;
}

static PyObject *
record_getattro(PyObject *self, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL)
        return raise_missing(self, name), NULL;
    descrgetfunc get = Py_TYPE(found)->tp_descr_get;
    if (get == snpy_field_get)
        return snpy_field_read((snpy_field *)found, self);
    Py_INCREF(found);
    if (get == NULL)
        return found;
    PyObject *value = get(found, self, (PyObject *)type);
    Py_DECREF(found);
    return value;
}

static int
record_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL)
        return raise_missing(self, name);
    descrsetfunc set = Py_TYPE(found)->tp_descr_set;
    if (set == NULL)
        return PyErr_Format(PyExc_AttributeError, "'%.100s' attribute '%U' is read-only", type->tp_name, name), -1;
    Py_INCREF(found);
    int r = set(found, self, value);
    Py_DECREF(found);
    return r;
}

/* ---------------------------------------------------------------- writing */

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
    return snpy_raise_text(c->model->store->state, "TransactionError",
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
    if (c->n == 0 || !snpy_model_touches(c->model))
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
snpy_record_write(PyObject *record, snpy_field *const *fields, sn_cell *cells, size_t n)
{
    snpy_model *model = snpy_model_peek(Py_TYPE(record));
    change c;
    int r = change_init(&c, model);
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
    PyObject *cls = st->errors ? PyObject_GetAttrString(st->errors, "Invalid") : NULL;
    if (cls && PyErr_GivenExceptionMatches(error, cls))
        errors = PyObject_GetAttrString(error, "errors");
    if (errors && *invalid == NULL)
        *invalid = PyDict_New();
    int r = errors && *invalid ? PyDict_Update(*invalid, errors) : -1;
    if (r < 0 && !errors) {
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

static int
update_field(updating *u, snpy_field *field, PyObject *value)
{
    snpy_model *model = u->change.model;
    snpy_state *st = model->store->state;
    sn_cell cell, key;
    if (field->read_only)
        return snpy_raise(st, "read_only", "OO", field, value);
    if (snpy_cell_validated(&cell, model, field, u->record, value) < 0)
        return snpy_collect_invalid(st, &u->invalid);
    if (change_put(&u->change, field, cell) < 0)
        return -1;
    if (field->key_field == NULL)
        return 0;
    if (snpy_key_cell_in(&key, model->store, field, value) < 0)
        return -1;
    return change_put(&u->change, field->key_field, key);
}

static int
contradiction(snpy_reference *ref, PyObject *target, snpy_field *field, sn_cell cell)
{
    PyObject *value = snpy_cell_out(field, cell);
    if (value)
        snpy_raise(ref->state, "reference_contradiction", "OOOO", ref, target, field, value);
    Py_XDECREF(value);
    return -1;
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
    return same < 0 ? -1 : contradiction(ref, target, field, u->change.cells[at]);
}

static int
update_reference(updating *u, snpy_reference *ref, PyObject *value)
{
    sn_cell cells[SN_MAX_KEY];
    PyObject *target = Py_NewRef(value), *fields = Py_NewRef(ref->fields);
    int r = 0;
    if (snpy_validate_named(u->change.model, ref->name, u->record, &target) < 0)
        r = snpy_collect_invalid(ref->state, &u->invalid);
    else if (snpy_reference_cells(cells, ref, target) < 0)
        r = -1;
    else
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++) {
            snpy_field *field = snpy_field_at(fields, i);
            if (r < 0)
                snpy_cell_release(u->change.model->store, field, cells[i]);
            else
                r = put_foreign(u, ref, target, field, cells[i]);
        }
    Py_DECREF(target);
    Py_DECREF(fields);
    return r;
}

/* The Field or Reference that a name sets, borrowed; NULL with UnknownName. */
static PyObject *
settable(snpy_model *model, PyObject *name)
{
    PyObject *found = PyUnicode_Check(name) ? _PyType_Lookup(model->cls, name) : NULL;
    snpy_state *st = model->store->state;
    if (found && Py_IS_TYPE(found, st->Field) && ((snpy_field *)found)->model == model)
        return found;
    if (found && Py_IS_TYPE(found, st->Reference))
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

/* A record of a laid-out model that is alive; 0, or -1 with an exception. */
static int
check_record(snpy_state *st, PyObject *object)
{
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object), -1;
    return snpy_record_alive((snpy_record *)object) ? 0 : snpy_raise_deleted(object);
}

static PyObject *
record_update(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    updating u = {0};
    PyObject *values;
    if (!PyArg_ParseTuple(args, "OO:update", &u.record, &values) || check_record(st, u.record) < 0)
        return NULL;
    PyObject *items = PyMapping_Items(values);
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

/* ---------------------------------------------------------------- the other functions */

static PyObject *
record_alive(PyObject *module, PyObject *object)
{
    snpy_state *st = PyModule_GetState(module);
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object);
    return PyBool_FromLong(snpy_record_alive((snpy_record *)object));
}

static PyObject *
record_position(PyObject *module, PyObject *object)
{
    if (check_record(PyModule_GetState(module), object) < 0)
        return NULL;
    return PyLong_FromUnsignedLong(((snpy_record *)object)->row);
}

static PyObject *
record_delete(PyObject *module, PyObject *object)
{
    if (check_record(PyModule_GetState(module), object) < 0)
        return NULL;
    snpy_model *model = snpy_model_peek(Py_TYPE(object));
    if (snpy_statement_begin(model->store) < 0)
        return NULL;
    sn_row row;
    size_t deleted;
    int status = SNPY_RAISED;
    if (snpy_record_row(&row, model, object, "the record") == 0)
        status = (int)sn_table_delete(&deleted, model->table, &row, 1);
    return snpy_statement_end(model->store, status) == 0 ? Py_NewRef(Py_None) : NULL;
}

/* The values of a live row; no Python code runs but in the collector, so the record is asked again for each. */
static PyObject *
values_of(PyObject *record, PyObject *fields)
{
    Py_ssize_t n = PyTuple_GET_SIZE(fields);
    PyObject *values = PyTuple_New(n);
    for (Py_ssize_t i = 0; values && i < n; i++) {
        PyObject *value = snpy_field_read(snpy_field_at(fields, i), record);
        if (value == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, i, value);
    }
    return values;
}

static PyObject *
record_values(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *record, *given;
    if (!PyArg_ParseTuple(args, "OO:values", &record, &given) || check_record(st, record) < 0)
        return NULL;
    PyObject *fields = PySequence_Tuple(given), *values = NULL;
    for (Py_ssize_t i = 0; fields && i < PyTuple_GET_SIZE(fields); i++)
        if (!Py_IS_TYPE(PyTuple_GET_ITEM(fields, i), st->Field)) {
            PyErr_Format(PyExc_TypeError, "expected a Field, got %R", PyTuple_GET_ITEM(fields, i));
            Py_CLEAR(fields);
        }
    if (fields)
        values = values_of(record, fields);
    Py_XDECREF(fields);
    return values;
}

PyObject *
snpy_row_key(snpy_model *model, sn_row row)
{
    PyObject *fields = model->primary_key;
    Py_ssize_t n = PyTuple_GET_SIZE(fields);
    if (n == 1)
        return snpy_cell_out(snpy_field_at(fields, 0), sn_table_get(model->table, row, snpy_field_at(fields, 0)->col));
    PyObject *values[SN_MAX_KEY], *key = NULL;
    Py_ssize_t i;
    for (i = 0; i < n; i++) { /* values first: making a tuple may collect garbage, and the row may go */
        values[i] = snpy_cell_out(snpy_field_at(fields, i), sn_table_get(model->table, row, snpy_field_at(fields, i)->col));
        if (values[i] == NULL)
            break;
    }
    key = i == n ? PyTuple_New(n) : NULL;
    while (i-- > 0) {
        if (key)
            PyTuple_SET_ITEM(key, i, values[i]);
        else
            Py_DECREF(values[i]);
    }
    return key;
}

static PyObject *
record_key(PyObject *module, PyObject *object)
{
    if (check_record(PyModule_GetState(module), object) < 0)
        return NULL;
    return snpy_row_key(snpy_model_peek(Py_TYPE(object)), ((snpy_record *)object)->row);
}

PyMethodDef snpy_record_functions[] = {
    {"alive", record_alive, METH_O, PyDoc_STR("Whether the record's row exists.")},
    {"row", record_position, METH_O, PyDoc_STR("The position of the record's row.")},
    {"update", record_update, METH_VARARGS, PyDoc_STR("Sets several attributes as one statement.")},
    {"delete", record_delete, METH_O, PyDoc_STR("Deletes the record's row and what follows from it.")},
    {"values", record_values, METH_VARARGS, PyDoc_STR("Stored values of some fields.")},
    {"key", record_key, METH_O, PyDoc_STR("The primary key: a value, or a tuple for a composite one.")},
    {NULL, NULL, 0, NULL},
};

/* ---------------------------------------------------------------- the type */

static PyObject *
no_copy(PyObject *self, PyObject *Py_UNUSED(memo))
{
    PyErr_Format(PyExc_TypeError,
                 "a record cannot be copied, one row is one object: %.100s(**record.to_dict()) makes another record",
                 Py_TYPE(self)->tp_name);
    return NULL;
}

static PyObject *
record_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    if (!snpy_record_alive((snpy_record *)self))
        return snpy_raise_deleted(self), NULL;
    PyObject *key = snpy_row_key(snpy_model_peek(Py_TYPE(self)), ((snpy_record *)self)->row);
    PyObject *operators = key ? PyImport_ImportModule("operator") : NULL;
    PyObject *getitem = operators ? PyObject_GetAttrString(operators, "getitem") : NULL;
    PyObject *reduced = getitem ? Py_BuildValue("O(OO)", getitem, Py_TYPE(self), key) : NULL;
    Py_XDECREF(key);
    Py_XDECREF(operators);
    Py_XDECREF(getitem);
    return reduced;
}

/* The slow road to the constructor: Model.__new__(Model, **values). */
static PyObject *
record_tp_new(PyTypeObject *cls, PyObject *args, PyObject *keywords)
{
    if (PyTuple_GET_SIZE(args) > 0)
        return snpy_raise(snpy_state_of(cls), "positional", "On", cls, PyTuple_GET_SIZE(args)), NULL;
    Py_ssize_t n = keywords ? PyDict_GET_SIZE(keywords) : 0, at = 0, i = 0;
    PyObject *names = PyTuple_New(n), *name, *value, *record = NULL;
    PyObject **values = PyMem_New(PyObject *, (size_t)n + 1);
    while (names && values && keywords && PyDict_Next(keywords, &at, &name, &value)) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(name));
        values[i++] = value; /* kept alive by the dict, which is the caller's alone */
    }
    if (names && values)
        record = snpy_construct((PyObject *)cls, values, 0, names);
    else
        PyErr_NoMemory();
    Py_XDECREF(names);
    PyMem_Free(values);
    return record;
}

static PyMethodDef record_methods[] = {
    {"__copy__", no_copy, METH_NOARGS, NULL},
    {"__deepcopy__", no_copy, METH_O, NULL},
    {"__reduce__", record_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef record_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(snpy_record, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot record_slots[] = {
    {Py_tp_new, record_tp_new},
    {Py_tp_dealloc, snpy_record_dealloc},
    {Py_tp_traverse, record_traverse},
    {Py_tp_getattro, record_getattro},
    {Py_tp_setattro, record_setattro},
    {Py_tp_methods, record_methods},
    {Py_tp_members, record_members},
    {0, NULL},
};

static PyType_Spec record_spec = {
    .name = "sinew._engine.RecordBase",
    .basicsize = sizeof(snpy_record),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = record_slots,
};

/* Record itself: PyType_FromSpec cannot make a type of a metatype that has tp_new, so it is made as a class is. */
static PyObject *
make_record(snpy_state *st, PyObject *base)
{
    PyObject *args = Py_BuildValue("s(O){s(),ss,ss}", "Record", base, "__slots__", "__module__", "sinew._engine",
                                   "__doc__", "A row of a table: one object for as long as somebody holds it.");
    PyObject *cls = args ? PyType_Type.tp_new(st->ModelMeta, args, NULL) : NULL;
    Py_XDECREF(args);
    return cls;
}

int
snpy_init_record(PyObject *module, snpy_state *st)
{
    PyObject *base = PyType_FromModuleAndSpec(module, &record_spec, NULL);
    st->Record = base ? (PyTypeObject *)make_record(st, base) : NULL;
    Py_XDECREF(base);
    if (st->Record == NULL)
        return -1;
    st->Record->tp_vectorcall = snpy_construct;
    return PyModule_AddObjectRef(module, "Record", (PyObject *)st->Record);
}
