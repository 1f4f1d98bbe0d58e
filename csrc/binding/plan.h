/*
 * plan.h - what the files of Plan share: plan.c (compiling, running), compute.c (columns, aggregates, groups).
 */
#ifndef SNPY_PLAN_H
#define SNPY_PLAN_H

#include "snpy.h"

/* What compiling makes. */
typedef struct snpy_program {
    snpy_ir ir;
    sn_node where;
    sn_order *order;
    size_t order_len;
    sn_node *values;
    snpy_field **likes; // borrowed: kept by ir, or plain
    size_t values_len;
} snpy_program;

typedef struct snpy_plan {
    PyObject_HEAD
    snpy_state *state;
    snpy_store *store;                         /* owned */
    PyObject *cls;                             /* owned */
    PyObject *where, *order, *values, *source; /* owned; plain data */
    size_t offset, limit;
    sn_life life;
    snpy_program program;
    bool compiled;
    bool timed;      /* what the program, or the path that the rows come along, says depends on the time */
    int64_t at;      /* the time that moments see in all runs, or SNPY_NOW */
    uint64_t schema; /* of the store when compiled */
    snpy_hosts hosts;
} snpy_plan;

static inline snpy_model *
snpy_plan_model(const snpy_plan *self)
{
    return snpy_model_peek((PyTypeObject *)self->cls);
}

static inline int
snpy_plan_status(snpy_plan *self, sn_status status)
{
    return status == SN_OK ? 0 : snpy_raise_status(self->store, status);
}

/* Makes the program and its hosts current, and tells the time to what is timed. Afterwards no Python code has run since the last check. 0
 * or -1. */
int snpy_plan_ready(snpy_plan *self);
/* The same at another time than the plan's own. */
int snpy_plan_ready_at(snpy_plan *self, int64_t at);
/* The node and like of one of `values`, by number; None is SN_NO_NODE and *like NULL. Call when ready; runs no Python code. 0 or -1. */
int snpy_plan_value(snpy_plan *self, PyObject *number, sn_node *node, snpy_field **like);

/* Methods of Plan. */
PyObject *snpy_plan_columns(PyObject *plan, PyObject *rows);
PyObject *snpy_plan_at(PyObject *plan, PyObject *record);
PyObject *snpy_plan_targets(PyObject *plan, PyObject *args);
PyObject *snpy_plan_aggregate(PyObject *plan, PyObject *args);
PyObject *snpy_plan_group(PyObject *plan, PyObject *args);
PyObject *snpy_plan_group_aggregate(PyObject *plan, PyObject *args);

#endif
