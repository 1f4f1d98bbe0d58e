/*
 * many.c - One and Many: the descriptors of has_one and has_many, and what all relations' descriptors share.
 *
 * On a class each gives its `path`, what the Python layer put there. On a record One gives the first row of its compiled path,
 * and Many a Collection over it: a view, made at each read, that holds the record and this descriptor. Setting either is a
 * rule of the Python layer (setter). Both are bound once the models on both sides have tables.
 */
#include "relation.h"

/* ---------------------------------------------------------------- shared by the three */

/* What a class gives: the path, or the descriptor itself while there is none. */
PyObject *
snpy_class_attribute(PyObject *self, PyObject *path)
{
    return Py_NewRef(path && path != Py_None ? path : self);
}

int
snpy_raise_wrong_owner(PyObject *name, PyObject *object)
{
    PyErr_Format(PyExc_TypeError, "relation %R is not one of a %.200s", name, Py_TYPE(object)->tp_name);
    return -1;
}

int
snpy_raise_unbound(snpy_state *st, PyObject *name)
{
    PyObject *words = PyUnicode_FromFormat("the relation %R is used before its models are laid out", name);
    if (words) {
        snpy_raise(st, "internal", "O", words);
        Py_DECREF(words);
    }
    return -1;
}

/* ---------------------------------------------------------------- reading and setting */

/* The descriptor is bound and the record one of its path's source. */
static int
check_owner(snpy_many *self, PyObject *record)
{
    if (!self->compiled) {
        return snpy_raise_unbound(self->state, self->name);
    }
    if ((PyObject *)Py_TYPE(record) != self->compiled->source) {
        return snpy_raise_wrong_owner(self->name, record);
    }
    return 0;
}

static PyObject *
one_get(PyObject *op, PyObject *record, PyObject *Py_UNUSED(cls))
{
    snpy_many *self = (snpy_many *)op;
    if (!record) {
        return snpy_class_attribute(op, self->path);
    }
    if (check_owner(self, record) < 0) {
        return NULL;
    }
    snpy_path *path = (snpy_path *)Py_NewRef(self->compiled); /* compiling it may run code that binds another */
    PyObject *first = snpy_path_first(path, record);
    Py_DECREF(path);
    return first;
}

static PyObject *
many_get(PyObject *op, PyObject *record, PyObject *Py_UNUSED(cls))
{
    snpy_many *self = (snpy_many *)op;
    if (!record) {
        return snpy_class_attribute(op, self->path);
    }
    return check_owner(self, record) < 0 ? NULL : snpy_collection_new(self, record);
}

static int
many_set(PyObject *op, PyObject *record, PyObject *value)
{
    snpy_many *self = (snpy_many *)op;
    if (!value || !self->setter || self->setter == Py_None) {
        PyErr_Format(PyExc_AttributeError, "relation %R cannot be %s", self->name, value ? "assigned" : "deleted");
        return -1;
    }
    PyObject *result = PyObject_CallFunctionObjArgs(self->setter, record, value, NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static PyObject *
bind_path(snpy_many *self, PyObject *path, PyObject *collection)
{
    if (!Py_IS_TYPE(path, self->state->Path)) {
        PyErr_SetString(PyExc_TypeError, "bind() takes a Path");
        return NULL;
    }
    Py_XSETREF(self->compiled, (snpy_path *)Py_NewRef(path));
    Py_XSETREF(self->collection, (PyTypeObject *)Py_XNewRef(collection));
    Py_RETURN_NONE;
}

static PyObject *
one_bind(PyObject *op, PyObject *path)
{
    return bind_path((snpy_many *)op, path, NULL);
}

static PyObject *
many_bind(PyObject *op, PyObject *args)
{
    snpy_many *self = (snpy_many *)op;
    PyObject *path, *collection;
    if (!PyArg_ParseTuple(args, "OO!:bind", &path, &PyType_Type, &collection)) {
        return NULL;
    }
    if (!PyType_IsSubtype((PyTypeObject *)collection, self->state->Collection)) {
        PyErr_SetString(PyExc_TypeError, "bind() takes a class derived from Collection");
        return NULL;
    }
    return bind_path(self, path, collection);
}

static int
many_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "path", "setter", "doc", NULL};
    snpy_many *self = (snpy_many *)op;
    PyObject *name, *path = Py_None, *set = Py_None, *doc = Py_None;
    if (self->name != Py_None) {
        PyErr_SetString(PyExc_TypeError, "a relation is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|$OOO", names, &name, &path, &set, &doc)) {
        return -1;
    }
    Py_INCREF(name);
    PyUnicode_InternInPlace(&name);
    Py_SETREF(self->name, name);
    self->path = Py_NewRef(path);
    self->setter = Py_NewRef(set);
    self->doc = Py_NewRef(doc);
    return 0;
}

static PyObject *
many_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    snpy_many *self = (snpy_many *)type->tp_alloc(type, 0);
    if (self) {
        self->state = snpy_state_of(type);
        self->name = Py_NewRef(Py_None); /* until __init__: messages show it */
        self->relation = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static int
many_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_many *self = (snpy_many *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->path);
    Py_VISIT(self->setter);
    Py_VISIT(self->doc);
    Py_VISIT(self->relation);
    Py_VISIT(self->compiled);
    Py_VISIT(self->collection);
    return 0;
}

static int
many_clear(PyObject *op)
{
    snpy_many *self = (snpy_many *)op;
    Py_CLEAR(self->path);
    Py_CLEAR(self->setter);
    Py_CLEAR(self->relation);
    Py_CLEAR(self->compiled);
    Py_CLEAR(self->collection);
    return 0;
}

static void
many_dealloc(PyObject *op)
{
    snpy_many *self = (snpy_many *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    many_clear(op);
    Py_XDECREF(self->name);
    Py_XDECREF(self->doc);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef one_methods[] = {
    {"bind", one_bind, METH_O, "Gives the relation its compiled path."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef many_methods[] = {
    {"bind", many_bind, METH_VARARGS, "Gives the relation its compiled path and the class of its collections."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef many_members[] = {
    {"name", T_OBJECT, offsetof(snpy_many, name), READONLY, NULL},
    {"path", T_OBJECT, offsetof(snpy_many, path), 0, NULL},
    {"relation", T_OBJECT, offsetof(snpy_many, relation), 0, NULL},
    {"__doc__", T_OBJECT, offsetof(snpy_many, doc), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot one_slots[] = {
    {Py_tp_new, many_new},           {Py_tp_init, many_init},
    {Py_tp_traverse, many_traverse}, {Py_tp_clear, many_clear},
    {Py_tp_dealloc, many_dealloc},   {Py_tp_descr_get, one_get},
    {Py_tp_descr_set, many_set},     {Py_tp_methods, one_methods},
    {Py_tp_members, many_members},   {0, NULL},
};

static PyType_Slot many_slots[] = {
    {Py_tp_new, many_new},           {Py_tp_init, many_init},
    {Py_tp_traverse, many_traverse}, {Py_tp_clear, many_clear},
    {Py_tp_dealloc, many_dealloc},   {Py_tp_descr_get, many_get},
    {Py_tp_descr_set, many_set},     {Py_tp_methods, many_methods},
    {Py_tp_members, many_members},   {0, NULL},
};

static PyType_Spec one_spec = {
    .name = "sinew._engine.One",
    .basicsize = sizeof(snpy_many),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = one_slots,
};

static PyType_Spec many_spec = {
    .name = "sinew._engine.Many",
    .basicsize = sizeof(snpy_many),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = many_slots,
};

int
snpy_init_many(PyObject *module, snpy_state *st)
{
    st->One = snpy_add_type(module, &one_spec);
    st->Many = st->One ? snpy_add_type(module, &many_spec) : NULL;
    return st->Many ? 0 : -1;
}
