/*
 * relation.h - what the descriptors of relations share: reference.c (belongs_to), many.c (has_one, has_many).
 */
#ifndef SNPY_RELATION_H
#define SNPY_RELATION_H

#include "snpy.h"

/* What a class gives: the path, or the descriptor itself while there is none. New reference. */
PyObject *snpy_class_attribute(PyObject *self, PyObject *path);
/* TypeError: the relation is none of this object's. Always -1. */
int snpy_raise_wrong_owner(PyObject *name, PyObject *object);
/* The relation is used before its models are laid out. Always -1. */
int snpy_raise_unbound(snpy_state *st, PyObject *name);
/* Creates One and Many; called by snpy_init_reference. */
int snpy_init_many(PyObject *module, snpy_state *st);

#endif
