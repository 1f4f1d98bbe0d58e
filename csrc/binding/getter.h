/*
 * getter.h - what the files of getters share: getter.c (the descriptor), cached.c (values that are kept), track.c (what a running
 * function reads), account.c (what is known of a value).
 */
#ifndef SNPY_GETTER_H
#define SNPY_GETTER_H

#include "track.h"

typedef struct snpy_getter {
    PyObject_HEAD
    snpy_state *state;
    PyObject *name; /* interned str */
    PyObject *function;
    PyObject *doc;     /* or None */
    PyObject *column;  /* what the class gives, or None */
    PyObject *cls;     /* owned: the model, or NULL */
    sn_getter *engine; /* of the model's table, while it is bound; NULL also when its values are not kept */
    bool cache;        /* whether its values may be kept */
} snpy_getter;

/* The value for a stored record of the getter's class, computed only if what is kept is not right. New reference. */
PyObject *snpy_getter_value(snpy_getter *self, PyObject *record);
/* Whether what is kept is right, as far as can be told without running any function. */
bool snpy_getter_is_right(snpy_getter *self, sn_row row, const snpy_store *store);
/* Tells the engine what time it is, if values depend on it. */
void snpy_tell_time(const snpy_store *store);
/* Calls the function, and refuses what nobody may keep (getter.c). New reference. */
PyObject *snpy_getter_call(snpy_getter *self, PyObject *record);

/* A getter's function that is running. */
struct snpy_run {
    snpy_run *outer;     /* the one that began before, in any thread */
    uint64_t number;     /* no other one has it */
    uint64_t thread;     /* PyThreadState_GetID */
    sn_frame *frame;     /* NULL: its value is not kept, nor what it reads */
    snpy_getter *getter; // borrowed: whoever runs it holds these
    PyObject *record;    // borrowed
    snpy_store *store;   // borrowed
};

#endif
