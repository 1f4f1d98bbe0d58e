/*
 * field.c - Field: the descriptor of a stored column, and the converter of its values.
 *
 * Reading goes from the descriptor to the column by the row's number: a check of the class, of life, and one
 * conversion. Writing runs whatever the field asks for (conversion, check=, validators, key=) first and then one
 * statement.
 *
 * Invariants
 *   - a field belongs to one model at most; `model` is NULL before the layout and after the class is gone
 *   - a record whose class is field->model->cls has a column field->col
 *   - Python code that runs while a value is prepared may delete the record, change the schema or close the store:
 *     everything is looked at again before the statement
 *
 * Cost: read 10 to 20 ns beyond the attribute lookup for text and small ints; write one statement.
 */
#include "model.h"
#include "track.h"

/* ---------------------------------------------------------------- reading and writing */

static int
not_our_record(snpy_field *field, PyObject *object)
{
    PyErr_Format(PyExc_TypeError, "field %R is read on records of %S, not on %R", field->name,
                 field->model ? (PyObject *)field->model->cls : Py_None, object);
    return -1;
}

/* Of a record whose row is not alive. Apart from what reads all others, which it would slow down. */
static __attribute__((noinline)) PyObject *
read_parked(snpy_field *field, PyObject *record)
{
    const snpy_record *r = (snpy_record *)record;
    snpy_note_life(record);
    if (snpy_record_stored(r)) {
        sn_cell cell = sn_table_get(field->model->table, r->row, field->col);
        snpy_note_cell(field, r->row, cell);
        return snpy_cell_out(field, cell);
    }
    return snpy_raise_deleted(record), NULL;
}

PyObject *
snpy_field_read(snpy_field *field, PyObject *record)
{
    snpy_model *model = field->model;
    if (model == NULL || Py_TYPE(record) != model->cls)
        return not_our_record(field, record), NULL;
    sn_word word = 0;
    snpy_record *r = (snpy_record *)record;
    int stored = r->epoch == model->epoch ? sn_table_read(&word, model->table, r->row, field->col) : -1;
    if (stored < 0)
        return read_parked(field, record);
    snpy_note_cell(field, r->row, (sn_cell){word, stored == 0});
    if (stored > 0)
        return snpy_conversions[field->kind].out(field, word);
    Py_RETURN_NONE;
}

PyObject *
snpy_field_get(PyObject *self, PyObject *record, PyObject *Py_UNUSED(cls))
{
    snpy_field *field = (snpy_field *)self;
    if (record)
        return snpy_field_read(field, record);
    bool shown = field->column && field->column != Py_None;
    return Py_NewRef(shown ? field->column : self);
}

/* Prepares the cells of a value: its own, and that of its key. Returns how many, or -1. */
static int
cells_of(sn_cell cells[2], snpy_field *field, PyObject *record, PyObject *value)
{
    snpy_store *store = field->model->store;
    if (snpy_cell_validated(&cells[0], field->model, field, record, value) < 0)
        return -1;
    if (field->key_field == NULL)
        return 1;
    PyObject *stored = snpy_cell_out(field, cells[0]);
    int r = stored ? snpy_key_cell_in(&cells[1], store, field, stored) : -1;
    Py_XDECREF(stored);
    if (r == 0)
        return 2;
    snpy_cell_release(store, field, cells[0]);
    return -1;
}

/* A statement that cannot fail and need not be undone: one cell, in no index, nobody else writing, nothing to do
 * beside it. In a store that was closed meanwhile no row is alive. */
static inline bool
write_at_once(snpy_field *field, snpy_model *model, PyObject *record, uint64_t schema, sn_cell cell)
{
    snpy_store *store = model->store;
    const snpy_record *r = (snpy_record *)record;
    sn_cell old;
    if (store->schema != schema || store->refusing || snpy_tracking(store->state) || r->epoch != model->epoch
        || !model->plain || !sn_table_exchange(&old, model->table, r->row, field->col, cell))
        return false;
    snpy_verify(store);
    snpy_cell_release(store, field, old); /* may run code, which may close the store */
    snpy_drain(store);
    return true;
}

/* A value of a plain field of a plain model. */
static inline int
write_plain(snpy_field *field, snpy_model *model, PyObject *record, PyObject *value)
{
    snpy_store *store = model->store;
    uint64_t schema = store->schema;
    sn_cell cell;
    if (snpy_conversions[field->kind].in(&cell, store, field, value) < 0) {
        snpy_drain(store);
        return -1;
    }
    return write_at_once(field, model, record, schema, cell) ? 0 : snpy_record_write(record, schema, &field, &cell, 1);
}

static int
write_with_care(snpy_field *field, PyObject *record, PyObject *value)
{
    sn_cell cells[2];
    snpy_store *store = field->model->store;
    uint64_t schema = store->schema;
    if (value == NULL)
        return PyErr_Format(PyExc_AttributeError, "field %R cannot be deleted: set it to None", field->name), -1;
    if (field->read_only)
        return snpy_raise(field->state, "read_only", "OO", field, value);
    int n = cells_of(cells, field, record, value);
    if (n < 0) {
        snpy_drain(store);
        return -1;
    }
    snpy_field *fields[2] = {field, field->key_field};
    return snpy_record_write(record, schema, fields, cells, (size_t)n);
}

int
snpy_field_set(PyObject *self, PyObject *record, PyObject *value)
{
    snpy_field *field = (snpy_field *)self;
    snpy_model *model = field->model;
    if (model == NULL || Py_TYPE(record) != model->cls)
        return not_our_record(field, record);
    if (!snpy_record_alive((snpy_record *)record))
        return snpy_raise_deleted(record);
    if (value && value != Py_None && field->plain && model->plain)
        return write_plain(field, model, record, value);
    return write_with_care(field, record, value);
}

/* ---------------------------------------------------------------- converting */

static PyObject *
field_convert(PyObject *self, PyObject *value)
{
    snpy_field *field = (snpy_field *)self;
    PyObject *store = field->model ? Py_NewRef((PyObject *)field->model->store) : NULL;
    PyObject *result = NULL;
    sn_cell cell;
    if (snpy_cell_in(&cell, (snpy_store *)store, field, value) == 0) {
        result = snpy_cell_out(field, cell);
        snpy_cell_release((snpy_store *)store, field, cell);
    }
    if (store)
        snpy_drain((snpy_store *)store);
    Py_XDECREF(store);
    return result;
}

/* ---------------------------------------------------------------- construction */

static PyObject *
optional(PyObject *object)
{
    return object == NULL || object == Py_None ? NULL : Py_NewRef(object);
}

static snpy_field *
field_alloc(snpy_state *st, snpy_kind kind, PyObject *name)
{
    snpy_field *field = (snpy_field *)st->Field->tp_alloc(st->Field, 0);
    if (field == NULL)
        return NULL;
    field->state = st;
    field->kind = kind;
    field->col = SN_NO_COL;
    field->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&field->name);
    return field;
}

static bool
spells(PyObject *object, const char *text)
{
    return object && PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, text) == 0;
}

/* Makes sense of arg for the kinds that need one. 0 or -1. */
static int
set_arg(snpy_field *field)
{
    if (field->kind == SNPY_DATETIME && spells(field->arg, "aware"))
        field->kind = SNPY_DATETIME_AWARE;
    if (field->kind == SNPY_ENUM) {
        if (!field->arg || !PyType_Check(field->arg)
            || !PyType_IsSubtype((PyTypeObject *)field->arg, (PyTypeObject *)field->state->Enum))
            return PyErr_Format(PyExc_TypeError, "field %R of kind Enum needs an Enum class as arg", field->name), -1;
        field->members = PySequence_Tuple(field->arg);
        return field->members ? 0 : -1;
    }
    if (field->kind != SNPY_LITERAL)
        return 0;
    if (!field->arg || !PyTuple_CheckExact(field->arg))
        return PyErr_Format(PyExc_TypeError, "field %R of kind Literal needs a tuple as arg", field->name), -1;
    field->members = Py_NewRef(field->arg);
    return 0;
}

static int
set_key(snpy_field *field)
{
    if (field->key == NULL)
        return 0;
    if (field->kind != SNPY_OBJECT)
        return PyErr_Format(PyExc_TypeError, "field %R: key= is for kind object", field->name), -1;
    field->key_field = field_alloc(field->state, SNPY_KEY, field->name);
    if (field->key_field == NULL)
        return -1;
    field->key_field->nullable = true;
    field->key_field->hidden = true;
    return 0;
}

/* What new parses, borrowed. */
typedef struct field_args {
    PyObject *name, *kind, *arg, *default_value, *default_factory, *check, *key, *stamp, *column, *doc;
    int nullable, intern, automatic, read_only, hidden, touch;
} field_args;

static int
parse_args(field_args *a, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"",      "",      "arg",    "nullable",  "default",   "default_factory",
                            "check", "key",   "intern", "automatic", "read_only", "hidden",
                            "touch", "stamp", "column", "doc",       NULL};
    return PyArg_ParseTupleAndKeywords(args, keywords, "UU|$OpOOOOpppppOOO:Field", names, &a->name, &a->kind, &a->arg,
                                       &a->nullable, &a->default_value, &a->default_factory, &a->check, &a->key,
                                       &a->intern, &a->automatic, &a->read_only, &a->hidden, &a->touch, &a->stamp,
                                       &a->column, &a->doc)
               ? 0
               : -1;
}

static void
fill(snpy_field *field, const field_args *a)
{
    field->nullable = a->nullable;
    field->intern = a->intern;
    field->automatic = a->automatic;
    field->read_only = a->read_only;
    field->hidden = a->hidden;
    field->touch = a->touch;
    field->arg = optional(a->arg);
    field->default_value = a->default_value == field->state->missing ? NULL : Py_XNewRef(a->default_value);
    field->default_factory = optional(a->default_factory);
    field->check = optional(a->check);
    field->key = optional(a->key);
    field->stamp = optional(a->stamp);
    field->column = optional(a->column);
    field->doc = optional(a->doc);
    field->plain = !field->check && !field->key && !field->read_only;
}

static PyObject *
field_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    field_args a = {0};
    snpy_kind kind;
    if (parse_args(&a, args, keywords) < 0 || snpy_kind_by_name(&kind, a.kind) < 0)
        return NULL;
    snpy_field *field = field_alloc(snpy_state_of(type), kind, a.name);
    if (field == NULL)
        return NULL;
    fill(field, &a);
    if (field->automatic && kind != SNPY_INT)
        PyErr_Format(PyExc_TypeError, "field %R: only an int counts up by itself", field->name);
    else if (set_arg(field) == 0 && set_key(field) == 0)
        return (PyObject *)field;
    Py_DECREF(field);
    return NULL;
}

/* ---------------------------------------------------------------- plain fields */

static PyObject *
new_plain(snpy_state *st, snpy_kind kind)
{
    if (kind == SNPY_ENUM || kind == SNPY_LITERAL)
        return Py_NewRef(Py_None);
    PyObject *name = PyUnicode_FromString(snpy_conversions[kind].name);
    snpy_field *field = name ? field_alloc(st, kind, name) : NULL;
    Py_XDECREF(name);
    if (field)
        field->nullable = true;
    return (PyObject *)field;
}

static PyObject *
new_plain_fields(snpy_state *st)
{
    PyObject *fields = PyTuple_New(SNPY_KIND_COUNT);
    for (int kind = 0; fields && kind < SNPY_KIND_COUNT; kind++) {
        PyObject *field = new_plain(st, (snpy_kind)kind);
        if (field == NULL)
            Py_CLEAR(fields);
        else
            PyTuple_SET_ITEM(fields, kind, field);
    }
    return fields;
}

snpy_field *
snpy_plain_field(snpy_state *st, snpy_kind kind)
{
    assert(kind != SNPY_ENUM && kind != SNPY_LITERAL);
    return snpy_field_at(st->plain_fields, kind);
}

/* ---------------------------------------------------------------- the type */

static int
field_traverse(PyObject *self, visitproc visit, void *arg)
{
    snpy_field *f = (snpy_field *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(f->name);
    Py_VISIT(f->arg);
    Py_VISIT(f->default_value);
    Py_VISIT(f->default_factory);
    Py_VISIT(f->check);
    Py_VISIT(f->key);
    Py_VISIT(f->stamp);
    Py_VISIT(f->doc);
    Py_VISIT(f->column);
    Py_VISIT(f->key_field);
    Py_VISIT(f->members);
    Py_VISIT(f->unique);
    return 0;
}

/* arg and members stay: cells of the store may still be read by them. */
static int
field_clear(PyObject *self)
{
    snpy_field *f = (snpy_field *)self;
    Py_CLEAR(f->default_value);
    Py_CLEAR(f->default_factory);
    Py_CLEAR(f->check);
    Py_CLEAR(f->key);
    Py_CLEAR(f->stamp);
    Py_CLEAR(f->doc);
    Py_CLEAR(f->column);
    Py_CLEAR(f->unique);
    return 0;
}

static void
field_dealloc(PyObject *self)
{
    snpy_field *f = (snpy_field *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    field_clear(self);
    Py_CLEAR(f->name);
    Py_CLEAR(f->arg);
    Py_CLEAR(f->key_field);
    Py_CLEAR(f->members);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
field_repr(PyObject *self)
{
    snpy_field *f = (snpy_field *)self;
    PyObject *cls = f->model ? PyType_GetName(f->model->cls) : PyUnicode_FromString("?");
    PyObject *text =
        cls ? PyUnicode_FromFormat("<Field %U.%U %s>", cls, f->name, snpy_conversions[f->kind].name) : NULL;
    Py_XDECREF(cls);
    return text;
}

static PyObject *
get_kind(PyObject *self, void *Py_UNUSED(closure))
{
    snpy_kind kind = ((snpy_field *)self)->kind;
    return PyUnicode_FromString(snpy_conversions[kind == SNPY_DATETIME_AWARE ? SNPY_DATETIME : kind].name);
}

static PyObject *
get_default(PyObject *self, void *Py_UNUSED(closure))
{
    snpy_field *f = (snpy_field *)self;
    return Py_NewRef(f->default_value ? f->default_value : f->state->missing);
}

static PyObject *
get_model(PyObject *self, void *Py_UNUSED(closure))
{
    snpy_model *model = ((snpy_field *)self)->model;
    return Py_NewRef(model ? (PyObject *)model->cls : Py_None);
}

static PyGetSetDef field_getset[] = {
    {"kind", get_kind, NULL, PyDoc_STR("The kind of value."), NULL},
    {"default", get_default, NULL, PyDoc_STR("The default, or MISSING."), NULL},
    {"model", get_model, NULL, PyDoc_STR("The class whose table has the column, or None."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef field_members[] = {
    {"name", T_OBJECT, offsetof(snpy_field, name), READONLY, NULL},
    {"arg", T_OBJECT, offsetof(snpy_field, arg), READONLY, NULL},
    {"nullable", T_BOOL, offsetof(snpy_field, nullable), READONLY, NULL},
    {"automatic", T_BOOL, offsetof(snpy_field, automatic), READONLY, NULL},
    {"read_only", T_BOOL, offsetof(snpy_field, read_only), READONLY, NULL},
    {"default_factory", T_OBJECT, offsetof(snpy_field, default_factory), READONLY, NULL},
    {"column", T_OBJECT, offsetof(snpy_field, column), 0, NULL},
    {"key_field", T_OBJECT, offsetof(snpy_field, key_field), READONLY, NULL},
    {"__doc__", T_OBJECT, offsetof(snpy_field, doc), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef field_methods[] = {
    {"convert", field_convert, METH_O, PyDoc_STR("The value as it would be read back after being stored.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot field_slots[] = {
    {Py_tp_new, field_new},
    {Py_tp_dealloc, field_dealloc},
    {Py_tp_traverse, field_traverse},
    {Py_tp_clear, field_clear},
    {Py_tp_repr, field_repr},
    {Py_tp_descr_get, snpy_field_get},
    {Py_tp_descr_set, snpy_field_set},
    {Py_tp_methods, field_methods},
    {Py_tp_members, field_members},
    {Py_tp_getset, field_getset},
    {0, NULL},
};

static PyType_Spec field_spec = {
    .name = "sinew._engine.Field",
    .basicsize = sizeof(snpy_field),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = field_slots,
};

int
snpy_init_field(PyObject *module, snpy_state *st)
{
    st->Field = snpy_new_type(module, &field_spec, NULL);
    if (st->Field == NULL || PyModule_AddType(module, st->Field) < 0)
        return -1;
    st->plain_fields = new_plain_fields(st);
    return st->plain_fields ? 0 : -1;
}
