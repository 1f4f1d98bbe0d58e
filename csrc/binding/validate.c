/*
 * validate.c - what a value has to pass beyond its conversion: the field's check=, and validators.
 *
 * They see what would be read back, in this order: conversion, check=, validators, each of which may replace the value; what comes
 * out is converted again if it is another. None is shown to none of them. An Invalid that a validator raises comes to name its
 * field; other exceptions stand as they are.
 *
 * All of it runs Python code, so nothing of the engine is held across it but owned cells.
 */
#include "model.h"

static int
run_check(snpy_field *field, PyObject *value)
{
    if (field->check == NULL)
        return 0;
    PyObject *check = Py_NewRef(field->check);
    PyObject *answer = PyObject_CallOneArg(check, value);
    int good = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    if (good == 0)
        snpy_raise(field->state, "bad_check", "OOO", field, value, check);
    Py_DECREF(check);
    return good > 0 ? 0 : -1;
}

/* An Invalid that a validator raised becomes one that names the field. Other exceptions stay as they are. */
static void
name_the_field(snpy_model *model, PyObject *name)
{
    snpy_state *st = model->store->state;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *invalid = st->errors ? snpy_attribute(st->errors, "Invalid") : NULL;
    if (!PyErr_Occurred() && (invalid == NULL || !PyErr_GivenExceptionMatches(error, invalid))) {
        PyErr_Restore(type, error, traceback);
        Py_XDECREF(invalid);
        return;
    }
    PyObject *errors = invalid ? Py_BuildValue("{O[O]}", name, error) : NULL;
    if (errors)
        snpy_raise(st, "invalid", "OO", model->cls, errors);
    Py_XDECREF(errors);
    Py_XDECREF(invalid);
    Py_DECREF(type);
    Py_DECREF(error);
    Py_XDECREF(traceback);
}

static int
run_validators(PyObject *validators, PyObject *record, PyObject **value)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(validators); i++) {
        PyObject *args[2] = {record ? record : Py_None, *value};
        PyObject *result = PyObject_Vectorcall(PyTuple_GET_ITEM(validators, i), args, 2, NULL);
        if (result == NULL)
            return -1;
        Py_SETREF(*value, result);
    }
    return 0;
}

int
snpy_validate_named(snpy_model *model, PyObject *name, PyObject *record, PyObject **value)
{
    PyObject *validators = model->validators ? PyDict_GetItemWithError(model->validators, name) : NULL;
    if (validators == NULL)
        return PyErr_Occurred() ? -1 : 0;
    Py_INCREF(validators);
    int r = run_validators(validators, record, value);
    Py_DECREF(validators);
    if (r < 0)
        name_the_field(model, name);
    return r;
}

/* check= and validators, in this order, on what would be read back: *value may be replaced (new reference). record: NULL
 * during construction. 0 or -1. */
static int
validate(snpy_model *model, snpy_field *field, PyObject *record, PyObject **value)
{
    if (run_check(field, *value) < 0)
        return -1;
    return snpy_validate_named(model, field->name, record, value);
}

static bool
has_validators(snpy_model *model, snpy_field *field)
{
    return field->check || snpy_model_validates(model);
}

int
snpy_cell_validated(sn_cell *out, snpy_model *model, snpy_field *field, PyObject *record, PyObject *value)
{
    snpy_store *store = model->store;
    if (snpy_cell_in(out, store, field, value) < 0)
        return -1;
    if (out->null || !has_validators(model, field))
        return 0;
    PyObject *before = snpy_cell_out(field, *out);
    if (before == NULL)
        return snpy_cell_release(store, field, *out), -1;
    PyObject *after = Py_NewRef(before);
    int r = validate(model, field, record, &after);
    if (r < 0 || after != before)
        snpy_cell_release(store, field, *out);
    if (r == 0 && after != before)
        r = snpy_cell_in(out, store, field, after);
    Py_DECREF(before);
    Py_DECREF(after);
    return r;
}
