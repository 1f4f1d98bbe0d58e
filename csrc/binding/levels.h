/*
 * levels.h - what the files of trees share: levels.c (finding the rows), view.c (View, Branch), nest.c (plain data).
 */
#ifndef SNPY_LEVELS_H
#define SNPY_LEVELS_H

#include "hops.h"

/* What one node of a tree found. An entry is a row at its place below one row of the parent: a row below two parents is two entries. */
typedef struct snpy_level {
    PyObject *name;   /* of the relation; of the root "" */
    PyObject *node;   /* the Python layer's description */
    PyObject *known;  /* dict: name -> Field that is shown | number of the level below of that name | None: not shown */
    snpy_rows *rows;  /* each row once, in the order of first encounter */
    snpy_rows *links; /* for each entry the row of the pivot that leads to it; or NULL */
    size_t parent;    /* number of a level before this one; the root is its own */
    size_t *
        starts; /* where the entries of each row of the parent begin, and where the last ones end; of the root: of all */
    sn_row *places; /* of each entry the place of its row; NULL: the same number */
    size_t entries;
    bool single; /* at most one entry for each row of the parent */
} snpy_level;

typedef struct snpy_levels {
    PyObject_HEAD
    snpy_state *state;
    snpy_store *store;           /* owned */
    PyTypeObject *view, *branch; /* owned: of what is given out */
    snpy_level *levels;
    size_t n;
    uint64_t revision; /* of the database at the moment at which the rows were found */
} snpy_levels;

static inline size_t
snpy_level_place(const snpy_level *level, size_t entry)
{
    return level->places ? level->places[entry] : entry;
}

/* The view of an entry, and the sequence of some (view.c). New references. */
PyObject *snpy_view_new(snpy_levels *levels, size_t level, size_t entry);
PyObject *snpy_branch_new(snpy_levels *levels, size_t level, size_t start, size_t stop);
/* What stands at level `level` below row `place` of its parent: a Branch, or of a single one a View or None. New reference. */
PyObject *snpy_levels_below(snpy_levels *levels, size_t level, size_t place);
/* Levels.dicts (nest.c) */
PyObject *snpy_levels_dicts(PyObject *levels, PyObject *sheets);

#endif
