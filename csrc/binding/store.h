/*
 * store.h - what store.c (the life of a store), unit.c (statements and transactions), schema.c and index.c (changes of what it
 * holds) share.
 */
#ifndef SNPY_STORE_H
#define SNPY_STORE_H

#include "snpy.h"

#define CHUNK 256 /* handles released between two calls of the engine */

/* The model of the i-th class with a table here; NULL for a class that the collector has cleared. */
snpy_model *snpy_model_at(const snpy_store *store, Py_ssize_t i);
/* Compacts a table that is worth it; false if not, or without the memory for it. */
bool snpy_compact_model(snpy_store *store, snpy_model *model);
/* Gives up handles that the engine has given up. Run Python code. */
void snpy_release_handles(void **handles, size_t n);
void snpy_drain_engine(sn_db *db);
/* Open, and not in the rest of a block whose transaction was rolled back by hand; else false with an exception. */
bool snpy_may_write(snpy_store *store);
/* What follows the end of every unit. May run Python code, as the last thing. */
void snpy_after_unit(snpy_store *store);

/* schema.c: the model of a class that is laid out in this store; borrowed, NULL with an exception. */
snpy_model *snpy_store_model(snpy_store *store, PyObject *cls);
/* schema.c: 0 when the store is open and neither a statement nor a transaction is, else -1 with an exception. */
int snpy_between_transactions(snpy_store *store, const char *what);
/* schema.c: 0 for SN_OK, else -1 with its exception. */
int snpy_check_status(snpy_store *store, sn_status status);

/* Methods of Store. */
PyObject *snpy_store_begin(PyObject *store, PyObject *args, PyObject *kwargs);
PyObject *snpy_store_commit(PyObject *store, PyObject *ignored);
PyObject *snpy_store_rollback(PyObject *store, PyObject *ignored);
PyObject *snpy_store_refuse(PyObject *store, PyObject *refuse);
/* What refuse() holds, for a store that ends. */
void snpy_store_forget_refusals(snpy_store *store);

#endif
