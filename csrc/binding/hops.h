/*
 * hops.h - the steps of a Path as the engine takes them (hops.c), for path.c.
 */
#ifndef SNPY_HOPS_H
#define SNPY_HOPS_H

#include "snpy.h"

/* The definitions of the hops, with what they point to; ir is initialised by the caller. */
typedef struct snpy_hops {
    snpy_ir ir;
    sn_hop_def *defs;
    sn_order **orders;      /* one array for each hop */
    sn_way **ways;          /* the same: NULL for a hop without ways; their orders are owned */
    const sn_path ***paths; /* the same: NULL for a hop along a reference */
    size_t n;
} snpy_hops;

/* What the engine has of the path is as the schema is now. */
static inline bool
snpy_path_is_current(const snpy_path *path)
{
    return path->path && path->schema == path->store->schema;
}

/* A tuple of hops, each one that can be compiled in this store. New reference, or NULL with an exception. */
PyObject *snpy_hops_own(snpy_store *store, PyObject *given);
/* The class that a hop starts from or leads to. Borrowed. */
PyObject *snpy_hop_class(snpy_store *store, PyObject *hop, bool far);
/* Fills {.ir} from what snpy_hops_own gave; afterwards no Python code has run since the references and paths were looked at. 0, or -1
 * with an exception; snpy_hops_fini either way. */
int snpy_hops_compile(snpy_hops *h, snpy_store *store, PyObject *hops);
void snpy_hops_fini(snpy_hops *h);

#endif
