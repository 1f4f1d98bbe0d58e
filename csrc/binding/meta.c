/*
 * meta.c - ModelMeta: the type of every model, by which records are found and unknown names get suggestions.
 *
 * Model[key], find and find_by over one unique field are a probe of its index each; what is more general is the Python layer's
 * (the find_by hook). An attribute that neither a class nor its metaclass has is asked of a hook, which may lay the class
 * out and give it after all. A class owns its snpy_model (model.c) and frees it as the first thing of its end.
 *
 * Cost: Model[key] for an int key is one probe.
 */
#include "model.h"
#include "track.h"

/* ---------------------------------------------------------------- finding records */

static int
probe_composite(sn_row *row, snpy_model *model, PyObject *key)
{
    snpy_index *ix = (snpy_index *)model->primary_index;
    Py_ssize_t n = PyTuple_GET_SIZE(ix->fields);
    if (!PyTuple_Check(key) || PyTuple_GET_SIZE(key) != n) {
        char expected[48];
        PyOS_snprintf(expected, sizeof expected, "a tuple of %d values", (int)n);
        return snpy_raise(model->store->state, "bad_key", "OOs", model->cls, key, expected);
    }
    return snpy_index_probe(row, ix, &PyTuple_GET_ITEM(key, 0), n);
}

/* The primary key probe behind Model[key]: 0 with *row (SN_NO_ROW for a miss), or -1. */
static int
probe_key(sn_row *row, snpy_model *model, PyObject *key)
{
    snpy_index *ix = (snpy_index *)model->primary_index;
    *row = SN_NO_ROW;
    if (!snpy_store_open(model->store))
        return -1;
    if (key == Py_None)
        return 0;
    if (ix == NULL || ix->index == NULL)
        return snpy_raise(model->store->state, "internal", "s", "a model without a primary index");
    if (PyTuple_GET_SIZE(ix->fields) > 1)
        return probe_composite(row, model, key);
    if (snpy_field_at(ix->fields, 0)->kind == SNPY_INT && PyLong_CheckExact(key)) {
        int overflow;
        sn_word word = (sn_word)PyLong_AsLongLongAndOverflow(key, &overflow);
        *row = overflow ? SN_NO_ROW : sn_index_find(ix->index, &word);
        if (!overflow)
            snpy_note_probe(ix, &word, *row);
        return 0;
    }
    return snpy_index_probe(row, ix, &key, 1);
}

/* Of what ModelMeta's own methods get: that it is a model has been seen to. */
static inline snpy_model *
model_of_instance(PyObject *cls)
{
    snpy_model *model = snpy_model_peek((PyTypeObject *)cls);
    return model ? model : snpy_model_of(cls);
}

/* The record, NULL without an exception for a miss, NULL with one. */
static PyObject *
find_record(PyObject *cls, PyObject *key)
{
    sn_row row;
    snpy_model *model = model_of_instance(cls);
    if (model == NULL || probe_key(&row, model, key) < 0 || row == SN_NO_ROW)
        return NULL;
    return snpy_record_for(model, row);
}

static PyObject *
meta_find(PyObject *cls, PyObject *key)
{
    PyObject *record = find_record(cls, key);
    if (record || PyErr_Occurred())
        return record;
    Py_RETURN_NONE;
}

static PyObject *
meta_get(PyObject *cls, PyObject *key)
{
    PyObject *record = find_record(cls, key);
    if (record == NULL && !PyErr_Occurred())
        snpy_raise(snpy_state_of(Py_TYPE(cls)), "not_found", "OO", cls, key);
    return record;
}

static snpy_field *
field_named(snpy_model *model, PyObject *name)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(model->fields); i++) {
        snpy_field *field = snpy_field_at(model->fields, i);
        if (field->name == name) /* the hidden field of its keys, of the same name, comes after it */
            return field;
    }
    return NULL;
}

/* The unique index over the one field with this name, borrowed, or NULL. */
static snpy_index *
unique_index(snpy_model *model, PyObject *name)
{
    snpy_field *field = field_named(model, name);
    snpy_index *primary = (snpy_index *)model->primary_index;
    if (field == NULL)
        return NULL;
    if (field->unique)
        return (snpy_index *)field->unique;
    bool is_key = primary && PyTuple_GET_SIZE(primary->fields) == 1 && snpy_field_at(primary->fields, 0) == field;
    return is_key ? primary : NULL;
}

static PyObject *
find_by_general(snpy_state *st, PyObject *cls, PyObject *const *values, PyObject *names)
{
    PyObject *dict = PyDict_New(), *record = NULL;
    int r = dict ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && names && i < PyTuple_GET_SIZE(names); i++)
        r = PyDict_SetItem(dict, PyTuple_GET_ITEM(names, i), values[i]);
    if (r == 0 && st->find_by == NULL)
        r = snpy_missing_hook("find_by");
    if (r == 0)
        record = PyObject_CallFunctionObjArgs(st->find_by, cls, dict, NULL);
    Py_XDECREF(dict);
    return record;
}

static PyObject *
meta_find_by(PyObject *cls, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    snpy_model *model = model_of_instance(cls);
    if (model == NULL)
        return NULL;
    if (nargs)
        return PyErr_Format(PyExc_TypeError, "%.100s.find_by() takes fields by keyword only",
                            ((PyTypeObject *)cls)->tp_name);
    bool one = names && PyTuple_GET_SIZE(names) == 1 && args[0] != Py_None;
    snpy_index *ix = one ? unique_index(model, PyTuple_GET_ITEM(names, 0)) : NULL;
    if (ix == NULL || ix->index == NULL || !model->store->db)
        return find_by_general(model->store->state, cls, args, names);
    sn_row row;
    if (snpy_index_probe(&row, ix, args, 1) < 0)
        return NULL;
    if (row == SN_NO_ROW)
        Py_RETURN_NONE;
    return snpy_record_for(model, row);
}

/* ---------------------------------------------------------------- the metaclass */

static PyObject *
meta_new(PyTypeObject *meta, PyObject *args, PyObject *keywords)
{
    PyObject *name, *bases, *namespace;
    snpy_state *st = snpy_state_of(meta);
    if (!PyArg_ParseTuple(args, "UO!O!:ModelMeta", &name, &PyTuple_Type, &bases, &PyDict_Type, &namespace))
        return NULL;
    if (st->declare == NULL)
        return snpy_missing_hook("declare"), NULL;
    PyObject *given = keywords ? Py_NewRef(keywords) : PyDict_New();
    PyObject *cls = given ? PyObject_CallFunctionObjArgs(st->declare, meta, name, bases, namespace, given, NULL) : NULL;
    Py_XDECREF(given);
    return cls;
}

/* What `type` does; a type with tp_vectorcall must name it, which asserts of CPython look at. */
static PyObject *
meta_call(PyObject *cls, PyObject *args, PyObject *keywords)
{
    return PyType_Type.tp_call(cls, args, keywords);
}

static bool
is_dunder(PyObject *name)
{
    return PyUnicode_GET_LENGTH(name) > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
}

/* What the hook answers about a missing attribute, in the place of the AttributeError that is set: its value after
 * all (in a 1-tuple, when the layout has added it), or an exception, which is raised. */
static PyObject *
ask_missing(PyObject *hook, PyObject *owner, PyObject *name)
{
    PyErr_Clear();
    PyObject *answer = PyObject_CallFunctionObjArgs(hook, owner, name, NULL), *value = NULL;
    if (answer && PyTuple_CheckExact(answer) && PyTuple_GET_SIZE(answer) == 1)
        value = Py_NewRef(PyTuple_GET_ITEM(answer, 0));
    else if (answer)
        PyErr_SetObject((PyObject *)Py_TYPE(answer), answer);
    Py_XDECREF(answer);
    return value;
}

/* Whether neither a class nor its metaclass has this name; a descriptor that raises AttributeError is there. The error
 * that is set is put aside: a lookup gives up, and forgets it, where it finds one. */
static bool
is_missing(PyObject *cls, PyObject *name)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    bool missing = !_PyType_Lookup((PyTypeObject *)cls, name) && !_PyType_Lookup(Py_TYPE(cls), name);
    PyErr_Restore(type, error, traceback);
    return missing;
}

static PyObject *
meta_getattro(PyObject *cls, PyObject *name)
{
    PyObject *value = PyType_Type.tp_getattro(cls, name);
    if (value || !PyErr_ExceptionMatches(PyExc_AttributeError) || is_dunder(name))
        return value;
    snpy_state *st = snpy_state_of(Py_TYPE(cls));
    PyObject *hook = st->missing_class_attribute;
    return hook && is_missing(cls, name) ? ask_missing(hook, cls, name) : NULL;
}

static int
meta_traverse(PyObject *self, visitproc visit, void *arg)
{
    snpy_model *model = ((snpy_class *)self)->model;
    Py_VISIT(Py_TYPE(self));
    if (model) {
        int r = snpy_model_traverse(model, visit, arg);
        if (r)
            return r;
    }
    return PyType_Type.tp_traverse(self, visit, arg);
}

static int
meta_clear(PyObject *self)
{
    snpy_model *model = ((snpy_class *)self)->model;
    if (model) {
        Py_CLEAR(model->validators);
        Py_CLEAR(model->primary_index);
    }
    return PyType_Type.tp_clear(self);
}

static void
meta_dealloc(PyObject *self)
{
    snpy_class *cls = (snpy_class *)self;
    PyTypeObject *meta = Py_TYPE(self);
    snpy_model *model = cls->model;
    PyObject_GC_UnTrack(self);
    cls->model = NULL;
    if (model)
        snpy_model_free(model);
    PyObject_GC_Track(self); /* type's own dealloc takes it out again */
    PyType_Type.tp_dealloc(self);
    Py_DECREF(meta);
}

static PyMethodDef meta_methods[] = {
    {"get", meta_get, METH_O, PyDoc_STR("The record with this primary key; NotFound.")},
    {"find", meta_find, METH_O, PyDoc_STR("The record with this primary key, or None.")},
    {"find_by", (PyCFunction)(void (*)(void))meta_find_by, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("The first record with these values, or None.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef meta_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyTypeObject, tp_vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot meta_slots[] = {
    {Py_tp_new, meta_new},         {Py_tp_call, meta_call},
    {Py_tp_dealloc, meta_dealloc}, {Py_tp_traverse, meta_traverse},
    {Py_tp_clear, meta_clear},     {Py_tp_getattro, meta_getattro},
    {Py_mp_subscript, meta_get},   {Py_tp_methods, meta_methods},
    {Py_tp_members, meta_members}, {0, NULL},
};

/* Not immutable: the Python layer attaches the query verbs. */
static PyType_Spec meta_spec = {
    .name = "sinew._engine.ModelMeta",
    .basicsize = sizeof(snpy_class),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = meta_slots,
};

int
snpy_init_model(PyObject *module, snpy_state *st)
{
    PyObject *bases = PyTuple_Pack(1, &PyType_Type);
    st->ModelMeta = bases ? snpy_new_type(module, &meta_spec, bases) : NULL;
    Py_XDECREF(bases);
    if (st->ModelMeta == NULL || PyModule_AddType(module, st->ModelMeta) < 0)
        return -1;
    return snpy_init_record(module, st);
}
