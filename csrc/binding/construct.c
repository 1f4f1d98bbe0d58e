/*
 * construct.c - from keywords to a row and its record.
 *
 * A shape is the constructor of a model worked out once: for each column the parameter that gives it, whether it may be
 * left out, and whether anything has to be looked at beyond conversion. A build makes the cells of rows by it;
 * insert.c uses the same for many rows.
 *
 *   1  match the keywords                       no Python code
 *   2  all that is missing, in one error        no Python code
 *   3  what was given: convert, check, validate; what validators refuse is collected over all fields
 *   4  belongs_to: the target's key into the foreign key, which may be given too if it agrees
 *   5  defaults and factories
 *   6  the record object, then one statement: nothing fails after the row is in
 *
 * Python code runs in 3, 4 and 5 only. A build holds a use of its shape, and with it the fields and parameters as
 * they were; if the schema has changed by the time of 6, the construction is refused.
 *
 * Cost: per column a branch and a conversion; no memory for up to SNPY_FEW columns.
 */
#include "model.h"

/* ---------------------------------------------------------------- shapes */

static Py_ssize_t
parameter_of(PyObject *parameters, snpy_field *field)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(parameters); i++)
        if (PyTuple_GET_ITEM(parameters, i) == (PyObject *)field)
            return i;
    return -1;
}

static bool
in_some_reference(snpy_shape *shape, snpy_field *field)
{
    for (Py_ssize_t i = 0; i < shape->reference_count; i++)
        if (parameter_of(snpy_shape_reference(shape, i)->fields, field) >= 0)
            return true;
    return false;
}

/* Whether a kind is stored as a word that owns nothing. */
static bool
is_inline(snpy_kind kind)
{
    sn_type type = snpy_conversions[kind].type;
    return type != SN_TEXT && type != SN_ENTRY && type != SN_OBJECT;
}

static int
fill_slot(snpy_slot *slot, snpy_shape *shape, snpy_model *model, snpy_field *field)
{
    int validated = PyDict_Contains(shape->validators, field->name);
    if (validated < 0)
        return -1;
    slot->field = field;
    slot->col = field->col;
    slot->in = snpy_conversions[field->kind].in;
    slot->parameter = parameter_of(shape->parameters, field);
    slot->plain = !validated && field->check == NULL && field->key_field == NULL;
    slot->filled = field->default_value || field->default_factory || field->automatic;
    slot->in_reference = in_some_reference(shape, field);
    slot->constant =
        field->default_value && (is_inline(field->kind) || field->default_value == Py_None) && field->key_field == NULL;
    if (!slot->constant)
        return 0;
    return snpy_cell_in(&slot->cell, model->store, field, field->default_value);
}

static snpy_shape *
shape_new(snpy_model *model)
{
    Py_ssize_t n = PyTuple_GET_SIZE(model->fields), parameters = PyTuple_GET_SIZE(model->parameters);
    size_t slots = (size_t)n * sizeof(snpy_slot), references = (size_t)parameters * sizeof(Py_ssize_t);
    snpy_shape *shape = PyMem_Calloc(1, sizeof *shape + slots + references);
    if (shape == NULL)
        return PyErr_NoMemory(), NULL;
    shape->uses = 1;
    shape->fields = Py_NewRef(model->fields);
    shape->parameters = Py_NewRef(model->parameters);
    shape->names = Py_NewRef(model->names);
    shape->validators = model->validators ? Py_NewRef(model->validators) : PyDict_New();
    shape->field_count = n;
    shape->parameter_count = parameters;
    shape->references = (Py_ssize_t *)(shape->slots + n);
    for (Py_ssize_t i = 0; i < parameters; i++)
        if (snpy_is_reference(PyTuple_GET_ITEM(shape->parameters, i)))
            shape->references[shape->reference_count++] = i;
    int r = shape->validators ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < n; i++)
        r = fill_slot(&shape->slots[i], shape, model, snpy_field_at(shape->fields, i));
    if (r == 0)
        return shape;
    snpy_shape_done(shape);
    return NULL;
}

void
snpy_shape_done(snpy_shape *shape)
{
    if (--shape->uses > 0)
        return;
    Py_XDECREF(shape->fields);
    Py_XDECREF(shape->parameters);
    Py_XDECREF(shape->names);
    Py_XDECREF(shape->validators);
    PyMem_Free(shape);
}

static bool
shape_current(const snpy_shape *shape, const snpy_model *model)
{
    return shape && shape->fields == model->fields && shape->parameters == model->parameters
           && (shape->validators == model->validators || model->validators == NULL);
}

snpy_shape *
snpy_shape_use(snpy_model *model)
{
    while (!shape_current(model->shape, model)) { /* converting defaults may run code that changes the fields */
        snpy_shape *made = shape_new(model), *old = model->shape;
        if (made == NULL)
            return NULL;
        model->shape = made;
        if (old)
            snpy_shape_done(old);
    }
    model->shape->uses++;
    return model->shape;
}

/* ---------------------------------------------------------------- builds */

int
snpy_build_init(snpy_build *b, snpy_model *model)
{
    if (!snpy_store_open(model->store))
        return -1;
    b->model = model;
    b->shape = snpy_shape_use(model);
    if (b->shape == NULL)
        return -1;
    b->schema = model->store->schema;
    b->columns = sn_table_columns(model->table);
    b->invalid = NULL;
    b->given = b->few_given;
    b->set = b->few_set;
    if (b->shape->parameter_count > SNPY_FEW)
        b->given = PyMem_New(PyObject *, (size_t)b->shape->parameter_count);
    if (b->shape->field_count > SNPY_FEW)
        b->set = PyMem_New(bool, (size_t)b->shape->field_count);
    if (b->given == b->few_given)
        memset(b->few_given, 0, sizeof b->few_given); /* of a fixed size: a few stores instead of a call */
    else if (b->given)
        memset(b->given, 0, (size_t)b->shape->parameter_count * sizeof *b->given);
    if (b->given && b->set)
        return 0;
    PyErr_NoMemory();
    snpy_build_fini(b);
    return -1;
}

void
snpy_build_fini(snpy_build *b)
{
    if (b->given != b->few_given)
        PyMem_Free(b->given);
    if (b->set != b->few_set)
        PyMem_Free(b->set);
    Py_XDECREF(b->invalid);
    snpy_shape_done(b->shape);
}

int
snpy_build_current(snpy_build *b)
{
    if (b->schema == b->model->store->schema)
        return 0;
    return snpy_raise_text(
        b->model->store->state, "TransactionError",
        "%.100s was changed by code that ran while a record of it was made; change models beforehand",
        b->model->cls->tp_name);
}

Py_ssize_t
snpy_build_parameter(snpy_build *b, PyObject *name, Py_ssize_t guess)
{
    PyObject *names = b->shape->names;
    Py_ssize_t n = b->shape->parameter_count;
    if (guess < n && PyTuple_GET_ITEM(names, guess) == name)
        return guess;
    for (Py_ssize_t i = 0; i < n; i++)
        if (PyTuple_GET_ITEM(names, i) == name)
            return i;
    for (Py_ssize_t i = 0; PyUnicode_Check(name) && i < n; i++) {
        int same = PyUnicode_Compare(PyTuple_GET_ITEM(names, i), name) == 0;
        if (same)
            return i;
        if (PyErr_Occurred())
            return -2;
    }
    return -1;
}

int
snpy_build_unknown(snpy_build *b, PyObject *name)
{
    return snpy_raise(b->model->store->state, "unknown_argument", "OO", b->model->cls, name);
}

int
snpy_same_cell(snpy_field *field, sn_cell a, sn_cell b)
{
    if (a.null || b.null || a.word == b.word)
        return a.null == b.null;
    PyObject *x = snpy_cell_out(field, a), *y = x ? snpy_cell_out(field, b) : NULL;
    int same = y ? PyObject_RichCompareBool(x, y, Py_EQ) : -1;
    Py_XDECREF(x);
    Py_XDECREF(y);
    return same;
}

/* ---------------------------------------------------------------- what is missing */

static bool
slot_given(const snpy_build *b, Py_ssize_t slot)
{
    Py_ssize_t p = b->shape->slots[slot].parameter;
    return p >= 0 && b->given[p];
}

static bool
covered_by_reference(const snpy_build *b, snpy_field *field)
{
    for (Py_ssize_t i = 0; i < b->shape->reference_count; i++)
        if (b->given[b->shape->references[i]] && parameter_of(snpy_shape_reference(b->shape, i)->fields, field) >= 0)
            return true;
    return false;
}

static bool
field_available(const snpy_build *b, snpy_field *field)
{
    for (Py_ssize_t i = 0; i < b->shape->field_count; i++)
        if (b->shape->slots[i].field == field)
            return slot_given(b, i) || b->shape->slots[i].filled || covered_by_reference(b, field);
    return false;
}

/* A belongs_to may be left out if it has a default or its foreign key comes from elsewhere. */
static bool
reference_available(const snpy_build *b, Py_ssize_t p, snpy_reference *ref)
{
    bool available = true;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(ref->fields); i++)
        available = available && field_available(b, snpy_field_at(ref->fields, i));
    return available || b->given[p] || ref->default_value;
}

static int
append_missing_references(const snpy_build *b, PyObject *missing)
{
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < b->shape->reference_count; i++) {
        Py_ssize_t p = b->shape->references[i];
        if (!reference_available(b, p, snpy_shape_reference(b->shape, i)))
            r = PyList_Append(missing, PyTuple_GET_ITEM(b->shape->names, p));
    }
    return r;
}

static bool
slot_missing(const snpy_build *b, Py_ssize_t i)
{
    const snpy_slot *slot = &b->shape->slots[i];
    return slot->parameter >= 0 && !slot->filled && !slot->in_reference && !b->given[slot->parameter];
}

/* The usual case, seen in one pass: every column is given or filled, foreign keys included. */
static bool
all_columns_there(const snpy_build *b)
{
    const snpy_slot *slot = b->shape->slots, *end = slot + b->shape->field_count;
    for (; slot < end; slot++)
        if (!slot->filled && (slot->parameter < 0 ? slot->in_reference : b->given[slot->parameter] == NULL))
            return false;
    return true;
}

static bool
something_missing(const snpy_build *b)
{
    if (all_columns_there(b))
        return false;
    for (Py_ssize_t i = 0; i < b->shape->field_count; i++)
        if (slot_missing(b, i))
            return true;
    for (Py_ssize_t i = 0; i < b->shape->reference_count; i++)
        if (!reference_available(b, b->shape->references[i], snpy_shape_reference(b->shape, i)))
            return true;
    return false;
}

static int
raise_missing(const snpy_build *b)
{
    PyObject *missing = PyList_New(0);
    int r = missing ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < b->shape->field_count; i++)
        if (slot_missing(b, i))
            r = PyList_Append(missing, b->shape->slots[i].field->name);
    if (r == 0)
        r = append_missing_references(b, missing);
    if (r == 0)
        r = snpy_raise(b->model->store->state, "missing_arguments", "OO", b->model->cls, missing);
    Py_XDECREF(missing);
    return r;
}

/* ---------------------------------------------------------------- one column */

static Py_ssize_t
slot_of(const snpy_build *b, snpy_field *field)
{
    for (Py_ssize_t i = 0; i < b->shape->field_count; i++)
        if (b->shape->slots[i].field == field)
            return i;
    return -1;
}

/* Stores the key= of a value beside it. */
static int
set_key_cell(snpy_build *b, sn_cell *cells, snpy_field *field)
{
    Py_ssize_t i = slot_of(b, field), k = slot_of(b, field->key_field);
    assert(i >= 0 && k >= 0);
    PyObject *value = snpy_cell_out(field, cells[b->shape->slots[i].col]);
    sn_cell key = SN_NULL_CELL;
    int r = value ? snpy_key_cell_in(&key, b->model->store, field, value) : -1;
    Py_XDECREF(value);
    b->set[k] = r == 0;
    cells[b->shape->slots[k].col] = r == 0 ? key : SN_NULL_CELL;
    return r;
}

/* A value by way of check= and validators; what these refuse leaves the slot unset. */
static int
set_validated(snpy_build *b, sn_cell *cells, Py_ssize_t i, PyObject *value)
{
    snpy_field *field = b->shape->slots[i].field;
    sn_col col = b->shape->slots[i].col;
    sn_cell cell;
    if (snpy_cell_validated(&cell, b->model, field, NULL, value) < 0)
        return snpy_collect_invalid(b->model->store->state, &b->invalid);
    cells[col] = cell;
    b->set[i] = true;
    return field->key_field ? set_key_cell(b, cells, field) : 0;
}

static inline int
set_given(snpy_build *b, sn_cell *cells, const snpy_slot *slot, Py_ssize_t i, PyObject *value)
{
    if (!slot->plain)
        return set_validated(b, cells, i, value);
    int r = snpy_slot_in(&cells[slot->col], b->model->store, slot, value);
    b->set[i] = r == 0;
    return r;
}

static int
set_from_factory(snpy_build *b, sn_cell *cells, Py_ssize_t i)
{
    PyObject *factory = Py_NewRef(b->shape->slots[i].field->default_factory);
    PyObject *value = PyObject_CallNoArgs(factory);
    int r = value ? set_given(b, cells, &b->shape->slots[i], i, value) : -1;
    Py_XDECREF(value);
    Py_DECREF(factory);
    return r;
}

/* A column that was not given. */
static int
set_default(snpy_build *b, sn_cell *cells, Py_ssize_t i)
{
    const snpy_slot *slot = &b->shape->slots[i];
    snpy_field *field = slot->field;
    if (slot->constant) {
        cells[slot->col] = slot->cell;
        b->set[i] = true;
        return 0;
    }
    if (field->default_value) {
        sn_cell cell;
        if (snpy_cell_in(&cell, b->model->store, field, field->default_value) < 0)
            return -1;
        cells[slot->col] = cell;
        b->set[i] = true;
        return field->key_field ? set_key_cell(b, cells, field) : 0;
    }
    return field->default_factory ? set_from_factory(b, cells, i) : 0;
}

/* ---------------------------------------------------------------- belongs_to */

/* Takes a foreign key cell over, unless the field was given another value. */
static int
put_foreign(snpy_build *b, sn_cell *cells, snpy_reference *ref, PyObject *target, Py_ssize_t i, sn_cell cell)
{
    snpy_field *field = b->shape->slots[i].field;
    sn_cell *at = &cells[b->shape->slots[i].col];
    if (!b->set[i]) {
        *at = cell;
        b->set[i] = true;
        return 0;
    }
    int same = snpy_same_cell(field, *at, cell);
    snpy_cell_release(b->model->store, field, cell);
    if (same == 0)
        return snpy_raise_contradiction(ref, target, field, *at);
    return same < 0 ? -1 : 0;
}

static int
set_reference(snpy_build *b, sn_cell *cells, snpy_reference *ref, PyObject *target)
{
    sn_cell foreign[SN_MAX_KEY];
    PyObject *fields = ref->fields;
    if (snpy_reference_prepare(foreign, ref, NULL, target) < 0)
        return snpy_collect_invalid(ref->state, &b->invalid);
    int r = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++) {
        Py_ssize_t slot = slot_of(b, snpy_field_at(fields, i));
        if (r == 0 && slot < 0)
            r = snpy_raise(ref->state, "internal", "s", "a foreign key of another model");
        if (r == 0)
            r = put_foreign(b, cells, ref, target, slot, foreign[i]);
        else
            snpy_cell_release(b->model->store, snpy_field_at(fields, i), foreign[i]);
    }
    return r;
}

static int
set_references(snpy_build *b, sn_cell *cells)
{
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < b->shape->reference_count; i++) {
        Py_ssize_t p = b->shape->references[i];
        snpy_reference *ref = snpy_shape_reference(b->shape, i);
        if (b->given[p])
            r = set_reference(b, cells, ref, b->given[p]);
    }
    return r;
}

/* ---------------------------------------------------------------- a row */

void
snpy_build_release(snpy_build *b, sn_cell *cells)
{
    for (Py_ssize_t i = 0; i < b->shape->field_count; i++)
        snpy_cell_release(b->model->store, b->shape->slots[i].field, cells[b->shape->slots[i].col]);
}

static int
set_all_given(snpy_build *b, sn_cell *cells)
{
    const snpy_slot *slot = b->shape->slots;
    PyObject **given = b->given;
    for (Py_ssize_t i = 0, n = b->shape->field_count; i < n; i++, slot++) {
        PyObject *value = slot->parameter < 0 ? NULL : given[slot->parameter];
        if (value && set_given(b, cells, slot, i, value) < 0)
            return -1;
    }
    return set_references(b, cells);
}

static int
set_all_defaults(snpy_build *b, sn_cell *cells)
{
    int r = 0;
    for (Py_ssize_t i = 0; r == 0 && i < b->shape->field_count; i++)
        if (!b->set[i])
            r = set_default(b, cells, i);
    return r;
}

static int
make_cells(snpy_build *b, sn_cell *cells)
{
    if (something_missing(b))
        return raise_missing(b);
    if (set_all_given(b, cells) < 0)
        return -1;
    if (b->invalid == NULL && set_all_defaults(b, cells) < 0)
        return -1;
    if (b->invalid)
        return snpy_raise(b->model->store->state, "invalid", "OO", b->model->cls, b->invalid);
    return 0;
}

int
snpy_build_row(snpy_build *b, sn_cell *cells)
{
    for (sn_col c = 0; c < b->columns; c++)
        cells[c] = SN_NULL_CELL;
    if (b->set == b->few_set)
        memset(b->few_set, 0, sizeof b->few_set);
    else
        memset(b->set, 0, (size_t)b->shape->field_count * sizeof *b->set);
    int r = make_cells(b, cells);
    if (r == 0)
        r = snpy_build_current(b);
    if (r < 0)
        snpy_build_release(b, cells);
    return r;
}

/* ---------------------------------------------------------------- the constructor */

static int
match_keywords(snpy_build *b, PyObject *const *values, PyObject *keywords)
{
    Py_ssize_t n = keywords ? PyTuple_GET_SIZE(keywords) : 0, guess = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(keywords, i);
        bool expected = guess < b->shape->parameter_count && PyTuple_GET_ITEM(b->shape->names, guess) == name;
        Py_ssize_t p = expected ? guess : snpy_build_parameter(b, name, guess);
        if (p == -2)
            return -1;
        if (p < 0)
            return snpy_build_unknown(b, name);
        b->given[p] = values[i];
        guess = p + 1;
    }
    return 0;
}

/* Puts the row in and its record on it: one statement. The cells are moved on success. */
static int
insert_row(snpy_build *b, sn_cell *cells, PyObject *record, bool *moved)
{
    snpy_model *model = b->model;
    sn_row row;
    *moved = false;
    if (snpy_statement_begin(model->store) < 0)
        return -1;
    int status = SNPY_RAISED;
    if (snpy_build_current(b) == 0)
        status = (int)sn_table_insert(&row, model->table, cells);
    *moved = status == SN_OK;
    if (status == SN_OK)
        status = (int)snpy_record_attach(record, model, row);
    return snpy_statement_end(model->store, status);
}

static PyObject *
insert_record(snpy_build *b, sn_cell *cells)
{
    snpy_store *store = b->model->store;
    PyObject *record = snpy_record_new(b->model);
    bool moved = false;
    int r = record ? insert_row(b, cells, record, &moved) : -1;
    if (r == 0)
        return record;
    Py_XDECREF(record);
    if (!moved)
        snpy_build_release(b, cells);
    snpy_drain(store);
    return NULL;
}

static PyObject *
construct(snpy_build *b, PyObject *const *values, PyObject *keywords)
{
    sn_cell few[SNPY_FEW], *cells = few;
    PyObject *record = NULL;
    if (b->columns > SNPY_FEW && (cells = PyMem_New(sn_cell, b->columns)) == NULL)
        return PyErr_NoMemory();
    if (match_keywords(b, values, keywords) == 0) {
        if (snpy_build_row(b, cells) == 0)
            record = insert_record(b, cells);
        else
            snpy_drain(b->model->store);
    }
    if (cells != few)
        PyMem_Free(cells);
    return record;
}

PyObject *
snpy_construct(PyObject *cls, PyObject *const *args, size_t nargsf, PyObject *keywords)
{
    snpy_build b;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    snpy_model *model = snpy_model_peek((PyTypeObject *)cls); /* only classes of ModelMeta get here */
    if ((model == NULL || model->partial) && (model = snpy_model_of(cls)) == NULL)
        return NULL;
    if (nargs)
        return snpy_raise(model->store->state, "positional", "On", cls, nargs), NULL;
    if (snpy_build_init(&b, model) < 0)
        return NULL;
    PyObject *record = construct(&b, args, keywords);
    snpy_build_fini(&b);
    return record;
}
