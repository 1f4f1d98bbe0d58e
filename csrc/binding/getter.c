/*
 * getter.c - Getter: the descriptor of an attribute that a Python function computes.
 *
 * On a class a Getter gives its `column`, what the Python layer put there; on a record what its function returns. A list of
 * values, for queries, is a loop over the same code.
 *
 * Invariants
 *   - a getter is bound to one class at most; `cls` is NULL before the layout and after a redefinition has taken it out
 *   - the function may do anything: delete the record, clear or close the store, take this getter out of its class. Whoever
 *     calls it holds getter and record, and looks at rows again afterwards
 *   - a value that can be gone through once only, or that is to be awaited, is nobody's: it is refused
 *
 * Cost: a call of the function.
 */
#include "getter.h"
#include "model.h"

/* ---------------------------------------------------------------- reading */

/* A value that would be another one, or nothing, when it is read again. */
static bool
is_passing(PyObject *value)
{
    const PyAsyncMethods *async = Py_TYPE(value)->tp_as_async;
    return PyIter_Check(value) || (async && async->am_await);
}

/* Refuses a value. A coroutine is closed: nobody will ever await it. */
static PyObject *
refuse(snpy_getter *self, PyObject *value)
{
    if (PyCoro_CheckExact(value)) {
        PyObject *closed = snpy_call(value, "close");
        if (!closed) {
            return NULL;
        }
        Py_DECREF(closed);
    }
    snpy_raise(self->state, "bad_result", "OO", self, value);
    return NULL;
}

PyObject *
snpy_getter_call(snpy_getter *self, PyObject *record)
{
    PyObject *function = self->function;
    if (!function) {
        PyErr_Format(PyExc_TypeError, "getter %R has lost its function", self->name);
        return NULL;
    }
    if (Py_EnterRecursiveCall(" in a getter")) {
        return NULL;
    }
    Py_INCREF(function);
    PyObject *value = PyObject_CallOneArg(function, record);
    Py_DECREF(function);
    Py_LeaveRecursiveCall();
    if (value && is_passing(value)) {
        refuse(self, value);
        Py_CLEAR(value);
    }
    return value;
}

static int
check_owner(const snpy_getter *self, PyObject *record)
{
    if ((PyObject *)Py_TYPE(record) == self->cls) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "getter %R is read on records of %S, not on %R", self->name,
                 self->cls ? self->cls : Py_None, record);
    return -1;
}

static PyObject *
getter_get(PyObject *op, PyObject *record, PyObject *Py_UNUSED(cls))
{
    snpy_getter *self = (snpy_getter *)op;
    if (!record) {
        return Py_NewRef(self->column != Py_None ? self->column : op);
    }
    if (check_owner(self, record) < 0) {
        return NULL;
    }
    if (!snpy_record_stored((snpy_record *)record)) {
        snpy_raise_deleted(record);
        return NULL;
    }
    return snpy_getter_value(self, record);
}

static int
getter_set(PyObject *op, PyObject *record, PyObject *value)
{
    snpy_getter *self = (snpy_getter *)op;
    if (check_owner(self, record) < 0) {
        return -1;
    }
    return value ? snpy_raise(self->state, "computed", "OO", self, value)
                 : snpy_raise(self->state, "computed", "O", self);
}

/* ---------------------------------------------------------------- many records */

/* Says which getter of which record it was, in a note of the exception that is set. */
static void
add_note(snpy_getter *self, PyObject *record)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *done = PyObject_CallMethod(self->state->errors, "note_getter", "OOO", error, self, record);
    if (!done) {
        PyErr_Clear(); /* what happened first counts */
    }
    Py_XDECREF(done);
    PyErr_Restore(type, error, traceback);
}

/* The value for one of the rows; None for one that does not count any more. */
static PyObject *
value_at(snpy_getter *self, const snpy_rows *rows, size_t i)
{
    sn_row row = rows->rows.rows[i];
    if (!snpy_rows_alive(rows, row)) {
        return Py_NewRef(Py_None);
    }
    PyObject *record = snpy_record_for(snpy_model_peek((PyTypeObject *)rows->cls), row);
    PyObject *value = record ? snpy_getter_value(self, record) : NULL;
    if (record && !value) {
        add_note(self, record);
    }
    Py_XDECREF(record);
    return value;
}

static PyObject *
values_of(snpy_getter *self, const snpy_rows *rows)
{
    Py_ssize_t n = (Py_ssize_t)rows->rows.n;
    PyObject *list = PyList_New(n);
    if (!list) {
        return NULL;
    }
    PyObject_GC_UnTrack(list); /* half made, it is nobody's business */
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *value = value_at(self, rows, (size_t)i);
        if (!value) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, value);
    }
    PyObject_GC_Track(list);
    return list;
}

static PyObject *
getter_values(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *op, *rows;
    if (!PyArg_ParseTuple(args, "O!O!:getter_values", st->Getter, &op, st->Rows, &rows)) {
        return NULL;
    }
    snpy_getter *self = (snpy_getter *)op;
    if (((snpy_rows *)rows)->cls != self->cls) {
        PyErr_Format(PyExc_TypeError, "getter %R is not one of the model of these rows", self->name);
        return NULL;
    }
    return values_of(self, (snpy_rows *)rows);
}

PyMethodDef snpy_getter_functions[] = {
    {"getter_values", getter_values, METH_VARARGS, PyDoc_STR("The values of a getter for rows of its model.")},
    {NULL, NULL, 0, NULL},
};

/* ---------------------------------------------------------------- binding */

/* Makes the engine's getter, whose tag the store keeps. 0 or -1. */
static int
make_engine(snpy_getter *self, const snpy_model *model)
{
    snpy_store *store = model->store;
    if (!snpy_store_open(store) || PyList_Append(store->kept, (PyObject *)self) < 0) {
        return -1;
    }
    sn_status status = sn_getter_new(&self->engine, model->table, self);
    if (status == SN_OK) {
        return 0;
    }
    self->engine = NULL;
    return snpy_unkeep(store, (PyObject *)self) < 0 ? -1 : snpy_raise_status(store, status);
}

static PyObject *
getter_bind(PyObject *op, PyObject *cls)
{
    snpy_getter *self = (snpy_getter *)op;
    if (!snpy_is_model(self->state, cls) || (self->cls && self->cls != cls)) {
        PyErr_Format(PyExc_TypeError, "getter %R cannot be bound to %R", self->name, cls);
        return NULL;
    }
    const snpy_model *model = snpy_model_peek((PyTypeObject *)cls);
    if (model && self->cache && !self->engine && make_engine(self, model) < 0) {
        return NULL;
    }
    Py_XSETREF(self->cls, Py_NewRef(cls));
    Py_RETURN_NONE;
}

static PyObject *
getter_unbind(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_getter *self = (snpy_getter *)op;
    if (self->engine) {
        snpy_store *store = snpy_model_peek((PyTypeObject *)self->cls)->store;
        sn_getter_drop(self->engine);
        self->engine = NULL;
        if (snpy_unkeep(store, op) < 0) {
            return NULL;
        }
        snpy_drain(store);
    }
    Py_CLEAR(self->cls);
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the type */

static PyObject *
getter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "", "cache", "doc", NULL};
    PyObject *name, *function, *doc = Py_None;
    int cache = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO|$pO:Getter", names, &name, &function, &cache, &doc)) {
        return NULL;
    }
    if (!PyCallable_Check(function)) {
        PyErr_Format(PyExc_TypeError, "getter %R needs a function, not %R", name, function);
        return NULL;
    }
    snpy_getter *self = (snpy_getter *)type->tp_alloc(type, 0);
    if (self) {
        self->state = snpy_state_of(type);
        self->name = Py_NewRef(name);
        PyUnicode_InternInPlace(&self->name);
        self->function = Py_NewRef(function);
        self->doc = Py_NewRef(doc);
        self->column = Py_NewRef(Py_None);
        self->cache = cache;
    }
    return (PyObject *)self;
}

static int
getter_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_getter *self = (snpy_getter *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->function);
    Py_VISIT(self->doc);
    Py_VISIT(self->column);
    Py_VISIT(self->cls);
    return 0;
}

static int
getter_clear(PyObject *op)
{
    snpy_getter *self = (snpy_getter *)op;
    self->engine = NULL; /* its table goes with the class */
    Py_CLEAR(self->function);
    Py_XSETREF(self->column, Py_NewRef(Py_None));
    Py_CLEAR(self->cls);
    return 0;
}

static void
getter_dealloc(PyObject *op)
{
    snpy_getter *self = (snpy_getter *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->function);
    Py_XDECREF(self->column);
    Py_XDECREF(self->cls);
    Py_XDECREF(self->doc);
    Py_XDECREF(self->name);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
getter_repr(PyObject *op)
{
    snpy_getter *self = (snpy_getter *)op;
    PyObject *cls = self->cls ? PyType_GetName((PyTypeObject *)self->cls) : PyUnicode_FromString("?");
    PyObject *text = cls ? PyUnicode_FromFormat("<Getter %U.%U>", cls, self->name) : NULL;
    Py_XDECREF(cls);
    return text;
}

static PyObject *
getter_model(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *cls = ((snpy_getter *)op)->cls;
    return Py_NewRef(cls ? cls : Py_None);
}

static PyGetSetDef getter_getset[] = {
    {"model", getter_model, NULL, PyDoc_STR("The class that it is bound to, or None."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef getter_methods[] = {
    {"bind", getter_bind, METH_O, PyDoc_STR("Makes it a getter of this model.")},
    {"unbind", getter_unbind, METH_NOARGS, PyDoc_STR("Makes it a getter of no model.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef getter_members[] = {
    {"name", T_OBJECT, offsetof(snpy_getter, name), READONLY, NULL},
    {"function", T_OBJECT_EX, offsetof(snpy_getter, function), 0, NULL},
    {"cache", T_BOOL, offsetof(snpy_getter, cache), READONLY, NULL},
    {"column", T_OBJECT, offsetof(snpy_getter, column), 0, NULL},
    {"__doc__", T_OBJECT, offsetof(snpy_getter, doc), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot getter_slots[] = {
    {Py_tp_new, getter_new},
    {Py_tp_dealloc, getter_dealloc},
    {Py_tp_traverse, getter_traverse},
    {Py_tp_clear, getter_clear},
    {Py_tp_repr, getter_repr},
    {Py_tp_descr_get, getter_get},
    {Py_tp_descr_set, getter_set},
    {Py_tp_methods, getter_methods},
    {Py_tp_members, getter_members},
    {Py_tp_getset, getter_getset},
    {0, NULL},
};

static PyType_Spec getter_spec = {
    .name = "sinew._engine.Getter",
    .basicsize = sizeof(snpy_getter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = getter_slots,
};

int
snpy_init_getter(PyObject *module, snpy_state *st)
{
    st->Getter = snpy_add_type(module, &getter_spec);
    return st->Getter ? 0 : -1;
}
