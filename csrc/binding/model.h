/*
 * model.h - what the files of models share: model.c (classes), construct.c (a row from keywords), insert.c (rows in
 * bulk), record.c (the objects), change.c (writing to them).
 */
#ifndef SNPY_MODEL_H
#define SNPY_MODEL_H

#include "snpy.h"

/* One column as the constructor sees it. */
typedef struct snpy_slot {
    snpy_field *field; // borrowed: in shape->fields
    int (*in)(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
    sn_col col;           /* as it was then */
    Py_ssize_t parameter; /* by which it is given, or -1 */
    bool plain;           /* no check=, no validators, no key= */
    bool filled;          /* has a default, a factory or counts up: may be left out */
    bool in_reference;    /* part of a belongs_to that is a parameter */
    bool constant;        /* the default is inline and always `cell` */
    sn_cell cell;
} snpy_slot;

/* A value into the cell of a plain slot, in place: copying what has just been stored piecewise stalls. 0, or -1 with an
 * exception and a null there. */
static inline int
snpy_slot_in(sn_cell *at, snpy_store *store, const snpy_slot *slot, PyObject *value)
{
    int r = value == Py_None ? snpy_cell_in(at, store, slot->field, value) : slot->in(at, store, slot->field, value);
    if (r < 0)
        *at = SN_NULL_CELL;
    return r;
}

/* The constructor of a model, worked out once. Whoever uses it across Python code holds a use. */
typedef struct snpy_shape {
    Py_ssize_t uses;
    PyObject *fields, *parameters, *names, *validators; /* of the model when this was made */
    Py_ssize_t field_count, parameter_count;
    Py_ssize_t reference_count;
    Py_ssize_t *references; /* parameters that are a belongs_to; part of this block */
    snpy_slot slots[];
} snpy_shape;

static inline snpy_reference *
snpy_shape_reference(const snpy_shape *shape, Py_ssize_t i)
{
    return (snpy_reference *)PyTuple_GET_ITEM(shape->parameters, shape->references[i]);
}

snpy_shape *snpy_shape_use(snpy_model *model); /* NULL with an exception */
void snpy_model_review(snpy_model *model);     /* after a change of fields or validators: touches, plain, stamp */
void snpy_shape_done(snpy_shape *shape);

/* The constructor of a model from now on: a sequence of Field | Reference, a mapping of names to validators. 0 or -1. */
int snpy_model_set_parameters(snpy_model *model, PyObject *parameters, PyObject *validators);
/* The deleted_at among fields, the last if a redefinition is exchanging it; NULL if there is none. Borrowed. */
snpy_field *snpy_stamp_among(PyObject *fields);

/* model.c, for the metaclass: the end of a model, what it refers to, and RuntimeError for a hook that is not installed (always
 * -1). */
void snpy_model_free(snpy_model *model);
int snpy_model_traverse(snpy_model *model, visitproc visit, void *arg);
int snpy_missing_hook(const char *what);

#define SNPY_FEW 32 /* columns and parameters for which no memory is asked */

/* Rows being made from parameters. */
typedef struct snpy_build {
    snpy_model *model; // borrowed: the caller holds the class
    snpy_shape *shape;
    uint64_t schema; /* of the store when this began: columns mean what they meant */
    sn_col columns;
    PyObject **given;  /* by parameter: borrowed from the caller, or NULL */
    bool *set;         /* by slot: its cell is made */
    PyObject *invalid; /* dict of what validators had to say, or NULL */
    PyObject *few_given[SNPY_FEW];
    bool few_set[SNPY_FEW];
} snpy_build;

int snpy_build_init(snpy_build *b, snpy_model *model);
void snpy_build_fini(snpy_build *b);
/* The parameter with this name, or -1 without an exception; `guess` is looked at first. -2 with an exception. */
Py_ssize_t snpy_build_parameter(snpy_build *b, PyObject *name, Py_ssize_t guess);
int snpy_build_unknown(snpy_build *b, PyObject *name); /* raises UnknownName; always -1 */
/* Whether the parameter is a belongs_to. */
static inline bool
snpy_is_reference(PyObject *parameter)
{
    return Py_TYPE(parameter)->tp_descr_get != snpy_field_get;
}

/* Makes the cells (b->columns of them) of one row from b->given. 0: they are owned by the caller; -1: nothing is. */
int snpy_build_row(snpy_build *b, sn_cell *cells);
void snpy_build_release(snpy_build *b, sn_cell *cells); /* a row of them */
/* 0 if the schema is as it was at the beginning, else -1 with an exception. */
int snpy_build_current(snpy_build *b);
/* Whether two cells of one field are equal values: 1, 0, or -1 with an exception. */
int snpy_same_cell(snpy_field *field, sn_cell a, sn_cell b);
/* Moves what an Invalid that is set has to say into the dict *invalid and clears it: 0. Other exceptions stand: -1. */
int snpy_collect_invalid(snpy_state *st, PyObject **invalid);

/* tp_vectorcall of every model. */
PyObject *snpy_construct(PyObject *cls, PyObject *const *args, size_t nargsf, PyObject *keywords);

/* errors.c: a key that a load holds twice; values from the refused row's cells. Always -1. */
int snpy_raise_unique_in_load(const sn_error *e, const sn_cell *cells);

/* errors.c: the rows of `from` that are there refuse a reference, which the engine has not made. Always -1. */
int snpy_raise_unbindable(snpy_reference *ref, snpy_model *from);

/* errors.c: a belongs_to and its foreign key were given and say different things. Always -1. */
int snpy_raise_contradiction(snpy_reference *ref, PyObject *target, snpy_field *field, sn_cell cell);

/* change.c: the module's update(record, values) */
PyObject *snpy_record_update(PyObject *module, PyObject *args);

/* park.c: the module's delete(record, force) and restore(record) */
PyObject *snpy_record_delete(PyObject *module, PyObject *args);
PyObject *snpy_record_restore(PyObject *module, PyObject *record);

/* record.c */
int snpy_check_record(snpy_state *st, PyObject *object); /* 0: a record that is alive; -1 with an exception */
int snpy_check_stored(snpy_state *st, PyObject *object); /* 0: one that is alive or parked; -1 with an exception */
int snpy_init_record(PyObject *module, snpy_state *st);  /* the base of Record, then Record itself */
PyObject *snpy_record_new(snpy_model *model);            /* without a row; runs no Python code */
void snpy_record_dealloc(PyObject *self);
/* Gives a record that has none a row which has no record. */
sn_status snpy_record_attach(PyObject *record, snpy_model *model, sn_row row);

#endif
