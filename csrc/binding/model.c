/*
 * model.c - what the binding knows of a laid-out class, and how a class is made and gets its table.
 *
 * A class statement runs the Python layer's `declare`, which makes the class itself by new_class(). The table comes
 * later, at first use: snpy_model_of() calls the layout hook, which ends in bind_model(). From then on the class has
 * a snpy_model. Their metaclass is in meta.c.
 *
 *   construction   every class made here has tp_vectorcall (it is not inherited, and what is assigned to __init__
 *                  later does not reset it); the slow road through tp_new leads to the same place
 *   tp_dealloc     is set on each class, past the interpreter's subtype_dealloc, whose trashcan could leave a row's
 *                  handle pointing at a record without references
 *   layout         records are a header, a weak list, a row: a base that adds a dict or slots is refused
 *   snpy_model     freed with the class only, never by tp_clear: records in a garbage cycle still look at it. Fields
 *                  and references that outlive the class are unbound then.
 */
#include "model.h"

/* ---------------------------------------------------------------- class and model */

snpy_state *
snpy_state_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &snpy_module);
    assert(module);
    return PyModule_GetState(module);
}

bool
snpy_is_model(snpy_state *st, PyObject *object)
{
    return PyType_Check(object) && PyType_IsSubtype(Py_TYPE(object), st->ModelMeta);
}

/* The state if the object is a class of ModelMeta, else NULL with TypeError. */
static snpy_state *
state_of_class(PyObject *cls)
{
    PyObject *module = PyType_Check(cls) ? PyType_GetModuleByDef(Py_TYPE(cls), &snpy_module) : NULL;
    if (module)
        return PyModule_GetState(module);
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "expected a model, got %R", cls);
    return NULL;
}

int
snpy_missing_hook(const char *what)
{
    PyErr_Format(PyExc_RuntimeError, "sinew._engine: install() gives %s", what);
    return -1;
}

static int
lay_out(snpy_state *st, PyObject *cls)
{
    if (st->layout == NULL)
        return snpy_missing_hook("layout");
    PyObject *done = PyObject_CallOneArg(st->layout, cls);
    Py_XDECREF(done);
    if (done && snpy_model_peek((PyTypeObject *)cls) == NULL)
        return PyErr_Format(PyExc_RuntimeError, "%R has no table after its layout", cls), -1;
    return done ? 0 : -1;
}

snpy_model *
snpy_model_of(PyObject *cls)
{
    snpy_state *st = state_of_class(cls);
    if (st == NULL)
        return NULL;
    snpy_model *model = snpy_model_peek((PyTypeObject *)cls);
    if ((model == NULL || model->partial) && lay_out(st, cls) < 0)
        return NULL;
    return snpy_model_peek((PyTypeObject *)cls);
}

/* ---------------------------------------------------------------- the end of a model */

static void
unbind_reference(snpy_model *model, snpy_reference *ref)
{
    if (ref->model == model)
        ref->model = NULL;
    for (Py_ssize_t i = 0; ref->members && i < PyTuple_GET_SIZE(ref->members); i++)
        unbind_reference(model, (snpy_reference *)PyTuple_GET_ITEM(ref->members, i));
}

/* At the end of the module its state may be gone before the classes are, so nothing here looks at it: a parameter
 * that is no Field is a Reference. */
static void
unbind(snpy_model *model)
{
    for (Py_ssize_t i = 0; model->fields && i < PyTuple_GET_SIZE(model->fields); i++) {
        snpy_field *field = snpy_field_at(model->fields, i);
        if (field->model == model) {
            field->model = NULL;
            field->col = SN_NO_COL;
        }
    }
    for (Py_ssize_t i = 0; model->parameters && i < PyTuple_GET_SIZE(model->parameters); i++) {
        PyObject *parameter = PyTuple_GET_ITEM(model->parameters, i);
        if (Py_TYPE(parameter)->tp_descr_get != snpy_field_get)
            unbind_reference(model, (snpy_reference *)parameter);
    }
}

void
snpy_model_free(snpy_model *model)
{
    unbind(model);
    if (model->shape)
        snpy_shape_done(model->shape);
    Py_XDECREF(model->fields);
    Py_XDECREF(model->parameters);
    Py_XDECREF(model->names);
    Py_XDECREF(model->primary_key);
    Py_XDECREF(model->validators);
    Py_XDECREF(model->primary_index);
    Py_DECREF(model->store);
    PyMem_Free(model);
}

static int
shape_traverse(snpy_shape *shape, visitproc visit, void *arg)
{
    Py_VISIT(shape->fields);
    Py_VISIT(shape->parameters);
    Py_VISIT(shape->names);
    Py_VISIT(shape->validators);
    return 0;
}

int
snpy_model_traverse(snpy_model *model, visitproc visit, void *arg)
{
    Py_VISIT(model->store);
    Py_VISIT(model->fields);
    Py_VISIT(model->parameters);
    Py_VISIT(model->names);
    Py_VISIT(model->primary_key);
    Py_VISIT(model->validators);
    Py_VISIT(model->primary_index);
    return model->shape && model->shape->uses == 1 ? shape_traverse(model->shape, visit, arg) : 0;
}

/* ---------------------------------------------------------------- binding a class to a table */

/* The fields with the hidden key field of each after it, as a new tuple. */
static PyObject *
with_key_fields(snpy_state *st, PyObject *fields)
{
    PyObject *list = PyList_New(0), *fast = list ? PySequence_Fast(fields, "fields is a sequence of Field") : NULL;
    int r = fast ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < PySequence_Fast_GET_SIZE(fast); i++) {
        snpy_field *field = (snpy_field *)PySequence_Fast_GET_ITEM(fast, i);
        if (!Py_IS_TYPE(field, st->Field) || field->model)
            r = (PyErr_Format(PyExc_TypeError, "expected a Field that no model has yet, got %R", field), -1);
        else if (field->kind != SNPY_KEY)
            r = PyList_Append(list, (PyObject *)field);
        if (r == 0 && field->key_field)
            r = PyList_Append(list, (PyObject *)field->key_field);
    }
    PyObject *tuple = r == 0 ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    Py_XDECREF(fast);
    return tuple;
}

static PyObject *
parameter_name(snpy_state *st, PyObject *parameter)
{
    if (Py_IS_TYPE(parameter, st->Field))
        return ((snpy_field *)parameter)->name;
    if (Py_IS_TYPE(parameter, st->Reference))
        return ((snpy_reference *)parameter)->name;
    PyErr_Format(PyExc_TypeError, "expected a Field or a Reference, got %R", parameter);
    return NULL;
}

static PyObject *
names_of_parameters(snpy_state *st, PyObject *parameters)
{
    Py_ssize_t n = PyTuple_GET_SIZE(parameters);
    PyObject *names = PyTuple_New(n);
    for (Py_ssize_t i = 0; names && i < n; i++) {
        PyObject *name = parameter_name(st, PyTuple_GET_ITEM(parameters, i));
        if (name == NULL)
            Py_CLEAR(names);
        else
            PyTuple_SET_ITEM(names, i, Py_NewRef(name));
    }
    return names;
}

/* dict: name -> tuple of callables, from any mapping */
static PyObject *
validators_of(PyObject *mapping)
{
    PyObject *dict = PyDict_New(), *items = dict ? PyMapping_Items(mapping) : NULL;
    int r = items ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i), *functions = NULL;
        if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2)
            functions = PySequence_Tuple(PyTuple_GET_ITEM(pair, 1));
        else
            PyErr_SetString(PyExc_TypeError, "validators map names to functions");
        r = functions ? PyDict_SetItem(dict, PyTuple_GET_ITEM(pair, 0), functions) : -1;
        Py_XDECREF(functions);
    }
    Py_XDECREF(items);
    if (r < 0)
        Py_CLEAR(dict);
    return dict;
}

snpy_field *
snpy_stamp_among(PyObject *fields)
{
    snpy_field *stamp = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++)
        if (snpy_field_at(fields, i)->stamp)
            stamp = snpy_field_at(fields, i);
    return stamp;
}

void
snpy_model_review(snpy_model *model)
{
    model->touches = false;
    model->stamp = snpy_stamp_among(model->fields);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(model->fields); i++)
        model->touches = model->touches || snpy_field_at(model->fields, i)->touch;
    model->plain = !model->touches && !snpy_model_validates(model);
}

static void
exchange(PyObject **a, PyObject **b)
{
    PyObject *old = *a;
    *a = *b;
    *b = old;
}

int
snpy_model_set_parameters(snpy_model *model, PyObject *parameters, PyObject *validators)
{
    snpy_state *st = model->store->state;
    PyObject *tuple = PySequence_Tuple(parameters);
    PyObject *names = tuple ? names_of_parameters(st, tuple) : NULL;
    PyObject *dict = names ? validators_of(validators) : NULL;
    int r = dict ? 0 : -1;
    if (r == 0) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++)
            if (Py_IS_TYPE(PyTuple_GET_ITEM(tuple, i), st->Reference))
                ((snpy_reference *)PyTuple_GET_ITEM(tuple, i))->model = model;
        exchange(&model->parameters, &tuple);
        exchange(&model->names, &names);
        exchange(&model->validators, &dict);
        snpy_model_review(model);
    }
    Py_XDECREF(tuple); /* what goes may run code: only when all three are new */
    Py_XDECREF(names);
    Py_XDECREF(dict);
    return r;
}

static int
add_columns(snpy_model *model)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(model->fields); i++) {
        snpy_field *field = snpy_field_at(model->fields, i);
        sn_column_def def = {snpy_conversions[field->kind].type, field->nullable, field->automatic};
        sn_status status = sn_table_add_column(&field->col, model->table, &def, NULL);
        if (status != SN_OK)
            return snpy_raise_status(model->store, status);
        field->model = model;
    }
    sn_status status = model->stamp ? sn_table_set_stamp(model->table, model->stamp->col) : SN_OK;
    return status == SN_OK ? 0 : snpy_raise_status(model->store, status);
}

static int
make_table(snpy_model *model)
{
    sn_status status = sn_table_new(&model->table, model->store->db, model->cls);
    if (status != SN_OK)
        return snpy_raise_status(model->store, status);
    if (add_columns(model) == 0 && PyList_Append(model->store->models, (PyObject *)model->cls) == 0)
        return 0;
    sn_table_drop(model->table);
    return -1;
}

typedef struct bind_args {
    PyObject *cls, *store, *fields, *parameters, *primary_key, *validators;
    int partial;
} bind_args;

/* At most SN_MAX_KEY of the model's own fields. */
static int
check_primary_key(const snpy_model *model)
{
    Py_ssize_t n = PyTuple_GET_SIZE(model->primary_key), fields = PyTuple_GET_SIZE(model->fields);
    bool right = n <= SN_MAX_KEY;
    for (Py_ssize_t i = 0; right && i < n; i++) {
        Py_ssize_t k = 0;
        while (k < fields && PyTuple_GET_ITEM(model->fields, k) != PyTuple_GET_ITEM(model->primary_key, i))
            k++;
        right = k < fields;
    }
    if (!right)
        PyErr_Format(PyExc_TypeError, "the primary key of %s is made of at most %d of its fields", model->cls->tp_name,
                     SN_MAX_KEY);
    return right ? 0 : -1;
}

static int
fill_model(snpy_model *model, const bind_args *a)
{
    snpy_state *st = model->store->state;
    model->fields = with_key_fields(st, a->fields);
    model->primary_key = model->fields ? PySequence_Tuple(a->primary_key) : NULL;
    if (model->primary_key == NULL || snpy_model_set_parameters(model, a->parameters, a->validators) < 0)
        return -1;
    if (check_primary_key(model) < 0 || !snpy_store_open(model->store))
        return -1;
    return make_table(model);
}

static PyObject *
bind_model(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"", "", "fields", "parameters", "primary_key", "validators", "partial", NULL};
    snpy_state *st = PyModule_GetState(module);
    bind_args a = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!|$OOOOp:bind_model", names, &a.cls, st->Store, &a.store,
                                     &a.fields, &a.parameters, &a.primary_key, &a.validators, &a.partial))
        return NULL;
    if (!a.fields || !a.parameters || !a.primary_key || !a.validators)
        return PyErr_Format(PyExc_TypeError, "bind_model() needs fields, parameters, primary_key and validators");
    if (state_of_class(a.cls) == NULL)
        return NULL;
    if (snpy_model_peek((PyTypeObject *)a.cls))
        return PyErr_Format(PyExc_RuntimeError, "%R has a table already", a.cls);
    snpy_model *model = PyMem_Calloc(1, sizeof *model);
    if (model == NULL)
        return PyErr_NoMemory();
    model->store = (snpy_store *)Py_NewRef(a.store);
    model->cls = (PyTypeObject *)a.cls;
    model->partial = a.partial;
    if (fill_model(model, &a) < 0)
        return snpy_model_free(model), NULL;
    ((snpy_class *)a.cls)->model = model;
    Py_RETURN_NONE;
}

static PyObject *
set_primary_index(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *cls, *index;
    if (!PyArg_ParseTuple(args, "OO!:set_primary_index", &cls, st->Index, &index) || state_of_class(cls) == NULL)
        return NULL;
    snpy_model *model = snpy_model_peek((PyTypeObject *)cls);
    if (model == NULL || ((snpy_index *)index)->model != model)
        return PyErr_Format(PyExc_TypeError, "expected an index of %R", cls);
    Py_XSETREF(model->primary_index, Py_NewRef(index));
    Py_RETURN_NONE;
}

static PyObject *
laid_out(PyObject *Py_UNUSED(module), PyObject *cls)
{
    if (state_of_class(cls) == NULL)
        return NULL;
    snpy_model *model = snpy_model_peek((PyTypeObject *)cls);
    if (model) {
        model->partial = false;
        sn_db_forget(model->store->engine); /* what getters of other threads have read meanwhile */
    }
    Py_RETURN_NONE;
}

/* Writes into the namespace of a class, also what a property of the metaclass stands before. */
static PyObject *
attach(PyObject *module, PyObject *args)
{
    PyObject *object, *name, *value = NULL;
    if (!PyArg_ParseTuple(args, "OU|O:attach", &object, &name, &value))
        return NULL;
    if (!snpy_is_model(PyModule_GetState(module), object))
        return PyErr_Format(PyExc_TypeError, "attach() takes a model, not %R", object);
    PyTypeObject *cls = (PyTypeObject *)object;
    PyObject *old = PyDict_GetItemWithError(cls->tp_dict, name);
    if (old == NULL && PyErr_Occurred())
        return NULL;
    Py_XINCREF(old); /* outlives what the type remembers of it */
    int r = value ? PyDict_SetItem(cls->tp_dict, name, value) : PyDict_DelItem(cls->tp_dict, name);
    PyType_Modified(cls);
    Py_XDECREF(old);
    return r < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- making a class */

/* Refuses a class whose instances are more than a record. */
static int
check_instances(PyTypeObject *cls)
{
    if (cls->tp_dictoffset == 0 && cls->tp_basicsize == (Py_ssize_t)sizeof(snpy_record) && cls->tp_itemsize == 0)
        return 0;
    PyErr_Format(PyExc_TypeError, "%.200s: its bases may not add attributes to records; give mixins `__slots__ = ()`",
                 cls->tp_name);
    return -1;
}

static PyObject *
type_with_slots(PyTypeObject *meta, PyObject *name, PyObject *bases, PyObject *namespace)
{
    PyObject *copy = PyDict_Copy(namespace), *empty = PyTuple_New(0), *cls = NULL, *args = NULL;
    if (copy && empty && PyDict_SetItemString(copy, "__slots__", empty) == 0)
        args = PyTuple_Pack(3, name, bases, copy);
    if (args)
        cls = PyType_Type.tp_new(meta, args, NULL);
    Py_XDECREF(copy);
    Py_XDECREF(empty);
    Py_XDECREF(args);
    return cls;
}

static PyObject *
new_class(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *meta, *name, *bases, *namespace;
    if (!PyArg_ParseTuple(args, "O!UO!O!:new_class", &PyType_Type, &meta, &name, &PyTuple_Type, &bases, &PyDict_Type,
                          &namespace))
        return NULL;
    if (!PyType_IsSubtype((PyTypeObject *)meta, st->ModelMeta))
        return PyErr_Format(PyExc_TypeError, "expected ModelMeta, got %R", meta);
    PyTypeObject *cls = (PyTypeObject *)type_with_slots((PyTypeObject *)meta, name, bases, namespace);
    if (cls == NULL)
        return NULL;
    if (!PyType_IsSubtype(cls, st->Record) || check_instances(cls) < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "%R does not derive from Record", cls);
        Py_DECREF(cls);
        return NULL;
    }
    cls->tp_vectorcall = snpy_construct;
    cls->tp_dealloc = snpy_record_dealloc;
    return (PyObject *)cls;
}

PyMethodDef snpy_model_functions[] = {
    {"new_class", new_class, METH_VARARGS, PyDoc_STR("The class itself: only for declare.")},
    {"bind_model", (PyCFunction)(void (*)(void))bind_model, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("Gives a class its table and its constructor.")},
    {"laid_out", laid_out, METH_O, PyDoc_STR("The layout of a class has come to its end.")},
    {"attach", attach, METH_VARARGS, PyDoc_STR("Sets an attribute of a class, or deletes it.")},
    {"set_primary_index", set_primary_index, METH_VARARGS, PyDoc_STR("The unique index over the primary key.")},
    {NULL, NULL, 0, NULL},
};
