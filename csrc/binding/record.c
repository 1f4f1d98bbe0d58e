/*
 * record.c - Record: the object for a row.
 *
 * One row is one object while somebody holds it: the row has a borrowed handle to its record, and the record's
 * dealloc clears it before anything else, so that a handle never points at a record without references. A record
 * that nobody holds does not exist; ten million rows cost no Python objects.
 *
 * A record names its row by position and epoch. Positions move only when a table is compacted, which steps the
 * model's epoch and takes the held records of live rows along; a record that was not taken along has no row any
 * more, and an older epoch says so without its position being looked at.
 *
 *   attribute   one lookup in the type; a Field is read at once, other descriptors as usual. There is no instance
 *               dict, so a name that the type does not know is unknown: the Python layer's exception tells what was
 *               meant.
 *   making one  runs no Python code: the collector is held off, because callers have row numbers in hand
 *
 * Cost: making a record 30 to 50 ns; reading an attribute 15 to 25.
 */
#include "model.h"
#include "track.h"

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
    assert(sn_table_alive(model->table, row) || sn_table_parked(model->table, row));
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
    bool dunder =
        PyUnicode_GET_LENGTH(name) > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
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
    bool ours = !Py_IS_TYPE(found, &PyGetSetDescr_Type); /* __class__: the row is one of this model's table */
    if (set == NULL || !ours)
        return PyErr_Format(PyExc_AttributeError, "'%.100s' attribute '%U' is read-only", type->tp_name, name), -1;
    Py_INCREF(found);
    int r = set == snpy_field_set ? snpy_field_set(found, self, value) : set(found, self, value);
    Py_DECREF(found);
    return r;
}

/* ---------------------------------------------------------------- functions of the module */

int
snpy_check_record(snpy_state *st, PyObject *object)
{
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object), -1;
    return snpy_record_alive((snpy_record *)object) ? 0 : snpy_raise_deleted(object);
}

int
snpy_check_stored(snpy_state *st, PyObject *object)
{
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object), -1;
    return snpy_record_stored((snpy_record *)object) ? 0 : snpy_raise_deleted(object);
}

static PyObject *
record_alive(PyObject *module, PyObject *object)
{
    snpy_state *st = PyModule_GetState(module);
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object);
    snpy_note_life(object);
    return PyBool_FromLong(snpy_record_alive((snpy_record *)object));
}

static PyObject *
record_is_parked(PyObject *module, PyObject *object)
{
    snpy_state *st = PyModule_GetState(module);
    if (!PyObject_TypeCheck(object, st->Record))
        return PyErr_Format(PyExc_TypeError, "expected a record, got %R", object);
    const snpy_record *record = (snpy_record *)object;
    snpy_note_life(object);
    return PyBool_FromLong(snpy_record_stored(record) && !snpy_record_alive(record));
}

static PyObject *
record_position(PyObject *module, PyObject *object)
{
    if (snpy_check_stored(PyModule_GetState(module), object) < 0)
        return NULL;
    return PyLong_FromUnsignedLong(((snpy_record *)object)->row);
}

/* The values of a row; no Python code runs but in the collector, so the record is asked again for each. */
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
    if (!PyArg_ParseTuple(args, "OO:values", &record, &given) || snpy_check_stored(st, record) < 0)
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
    for (Py_ssize_t i = 0; i < n; i++)
        snpy_note_cell(snpy_field_at(fields, i), row, sn_table_get(model->table, row, snpy_field_at(fields, i)->col));
    if (n == 1)
        return snpy_cell_out(snpy_field_at(fields, 0), sn_table_get(model->table, row, snpy_field_at(fields, 0)->col));
    PyObject *values[SN_MAX_KEY], *key = NULL;
    Py_ssize_t i;
    for (i = 0; i < n; i++) { /* values first: making a tuple may collect garbage, and the row may go */
        values[i] =
            snpy_cell_out(snpy_field_at(fields, i), sn_table_get(model->table, row, snpy_field_at(fields, i)->col));
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
    if (snpy_check_stored(PyModule_GetState(module), object) < 0)
        return NULL;
    return snpy_row_key(snpy_model_peek(Py_TYPE(object)), ((snpy_record *)object)->row);
}

PyMethodDef snpy_record_functions[] = {
    {"alive", record_alive, METH_O, PyDoc_STR("Whether the record's row is alive.")},
    {"row", record_position, METH_O, PyDoc_STR("The position of the record's row.")},
    {"update", snpy_record_update, METH_VARARGS, PyDoc_STR("Sets several attributes as one statement.")},
    {"parked", record_is_parked, METH_O, PyDoc_STR("Whether the record is soft-deleted.")},
    {"delete", snpy_record_delete, METH_VARARGS, PyDoc_STR("Deletes the record's row and what follows from it.")},
    {"restore", snpy_record_restore, METH_O, PyDoc_STR("Brings a parked row back; false if it is alive.")},
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
    PyObject *getitem = operators ? snpy_attribute(operators, "getitem") : NULL;
    PyObject *reduced = getitem ? Py_BuildValue("O(OO)", getitem, Py_TYPE(self), key) : NULL;
    Py_XDECREF(key);
    Py_XDECREF(operators);
    Py_XDECREF(getitem);
    return reduced;
}

/* The slow road to the constructor: Model.__new__(Model, **values). The base of Record, and what derives from it past the
 * metaclass, are no models. */
static PyObject *
record_tp_new(PyTypeObject *cls, PyObject *args, PyObject *keywords)
{
    if (!snpy_is_model(snpy_state_of(cls), (PyObject *)cls))
        return PyErr_Format(PyExc_TypeError, "%.100s is not a model and has no records", cls->tp_name);
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

static PyObject *
record_class(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(Py_TYPE(self));
}

/* A row is one of its model's table, and the row knows its record: no other class will do. */
static int
record_set_class(PyObject *self, PyObject *Py_UNUSED(value), void *Py_UNUSED(closure))
{
    PyErr_Format(PyExc_TypeError, "the __class__ of a %.100s record is read-only", Py_TYPE(self)->tp_name);
    return -1;
}

static PyGetSetDef record_getset[] = {
    {"__class__", record_class, record_set_class, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef record_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(snpy_record, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot record_slots[] = {
    {Py_tp_new, record_tp_new},        {Py_tp_dealloc, snpy_record_dealloc}, {Py_tp_traverse, record_traverse},
    {Py_tp_getattro, record_getattro}, {Py_tp_setattro, record_setattro},    {Py_tp_methods, record_methods},
    {Py_tp_members, record_members},   {Py_tp_getset, record_getset},        {0, NULL},
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
    PyObject *base = (PyObject *)snpy_new_type(module, &record_spec, NULL);
    st->Record = base ? (PyTypeObject *)make_record(st, base) : NULL;
    Py_XDECREF(base);
    if (st->Record == NULL)
        return -1;
    st->Record->tp_vectorcall = snpy_construct;
    return PyModule_AddObjectRef(module, "Record", (PyObject *)st->Record);
}
