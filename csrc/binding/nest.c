/*
 * nest.c - Levels.dicts: a tree as nested dicts and lists.
 *
 * For each entry a copy of its level's pattern, a dict that has all names already, is given the values of its row, and what is
 * below. A row at two places is two dicts, so that what is given out is a tree that may be changed anywhere. The depth is that of
 * the nodes, whatever the data leads back to.
 *
 * Nothing of it may run Python code: names are exact strings, values leave by the table of conversions, and the collector is held off
 * (which, besides, would go through all that is new again and again, as nothing of it is garbage). So rows and columns are looked at
 * directly. When the store has been changed since the rows were found, there is no answer, and the caller begins again.
 *
 * Rows below one parent lie anywhere in their table, and each of their values is a miss of the cache. So the cells of some entries are
 * taken ahead, in loops that do nothing else, and their objects are asked of the memory while the dicts before them are made.
 * Measured, 100 thousand rows of six fields: 105 instead of 145 ms of a busy processor, of which copying the dicts takes 60.
 *
 * Cost: as much as copying a dict and setting its items, for each entry.
 */
#include "levels.h"
#include "track.h"

#define AHEAD ((size_t)32)

/* What the dicts of a level are made of. */
typedef struct sheet {
    PyObject *names;       /* tuple, owned: beside fields */
    PyObject *fields;      /* tuple, owned: a Field, or a tuple with the value of each row */
    PyObject *pattern;     /* dict, owned: all names, with None */
    const snpy_rows *rows; // borrowed: the levels hold them
    sn_cell *cells;        /* AHEAD for each field: those of the entries that are being written */
    size_t first, next;    /* the first level below, the next one below the same parent; 0: none */
} sheet;

typedef struct writer {
    snpy_levels *levels;
    sheet *sheets; /* one for each level, then one for each level's links */
} writer;

static void
sheet_fini(sheet *s)
{
    Py_CLEAR(s->names);
    Py_CLEAR(s->fields);
    Py_CLEAR(s->pattern);
    PyMem_Free(s->cells);
}

/* ---------------------------------------------------------------- dicts */

/* Makes the dict of the entry whose cells stand at `at` of those taken. */
static PyObject *value_at(const writer *w, size_t level, size_t entry, size_t at);

/* Takes the cells of n entries, at most AHEAD. places: of the entries, from the first on; NULL: their own numbers. */
static void
take(const sheet *s, const sn_row *places, size_t entry, size_t n)
{
    for (Py_ssize_t f = 0; f < PyTuple_GET_SIZE(s->fields); f++) {
        if (PyTuple_CheckExact(PyTuple_GET_ITEM(s->fields, f))) {
            continue;
        }
        const snpy_field *field = snpy_field_at(s->fields, f);
        const sn_table *table = field->model->table;
        sn_frame *frame = snpy_frame(field->model->store);
        if (frame) {
            sn_read_column(frame, table, field->col);
        }
        sn_cell *cells = s->cells + (size_t)f * AHEAD;
        for (size_t i = 0; i < n; i++) {
            sn_row row = s->rows->rows.rows[places ? places[entry + i] : entry + i];
            int stored = sn_table_read(&cells[i].word, table, row, field->col);
            cells[i].null = stored == 0;
            if (stored < 0) { /* a root that is parked */
                cells[i] = sn_table_get(table, row, field->col);
            }
        }
        bool bare = snpy_conversions[field->kind].type == SN_TEXT;
        for (size_t i = 0; i < n && bare; i++) {
            __builtin_prefetch(cells[i].null ? NULL : (const void *)(uintptr_t)cells[i].word, 1);
        }
    }
}

static void
take_entries(const writer *w, size_t number, size_t entry, size_t n)
{
    const snpy_level *level = &w->levels->levels[number];
    take(&w->sheets[number], level->places, entry, n);
    if (level->links) {
        take(&w->sheets[w->levels->n + number], NULL, entry, n);
    }
}

static int
put_field(PyObject *dict, PyObject *name, snpy_field *field, sn_cell cell)
{
    if (cell.null) {
        return 0; /* as the pattern says */
    }
    PyObject *value = snpy_conversions[field->kind].out(field, cell.word);
    int result = value ? PyDict_SetItem(dict, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* The pattern with the values of an entry, whose row stands at `place`. */
static PyObject *
filled(const sheet *s, size_t at, size_t place)
{
    PyObject *dict = PyDict_Copy(s->pattern);
    for (Py_ssize_t i = 0; dict && i < PyTuple_GET_SIZE(s->names); i++) {
        PyObject *name = PyTuple_GET_ITEM(s->names, i), *values = PyTuple_GET_ITEM(s->fields, i);
        int result = PyTuple_CheckExact(values)
                         ? PyDict_SetItem(dict, name, PyTuple_GET_ITEM(values, (Py_ssize_t)place))
                         : put_field(dict, name, (snpy_field *)values, s->cells[(size_t)i * AHEAD + at]);
        if (result < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static PyObject *
list_of(const writer *w, size_t level, size_t start, size_t stop)
{
    PyObject *list = PyList_New((Py_ssize_t)(stop - start));
    for (size_t i = start; list && i < stop; i++) {
        size_t at = (i - start) % AHEAD;
        if (at == 0) {
            take_entries(w, level, i, stop - i < AHEAD ? stop - i : AHEAD);
        }
        PyObject *value = value_at(w, level, i, at);
        if (!value) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)(i - start), value);
    }
    return list;
}

static PyObject *
single_of(const writer *w, size_t level, size_t entry)
{
    take_entries(w, level, entry, 1);
    return value_at(w, level, entry, 0);
}

/* Puts what stands at a level below a row of its parent into the parent's dict. One of several levels of a name leaves alone what
 * another has put there. */
static int
put_below(const writer *w, size_t number, size_t place, PyObject *dict)
{
    const snpy_level *level = &w->levels->levels[number];
    size_t start = level->starts[place], stop = level->starts[place + 1];
    if (level->single && start == stop) {
        return 0; /* None, as the pattern says */
    }
    PyObject *value = level->single ? single_of(w, number, start) : list_of(w, number, start, stop);
    int result = value ? PyDict_SetItem(dict, level->name, value) : -1;
    Py_XDECREF(value);
    return result;
}

static int
put_link(const writer *w, size_t number, size_t entry, size_t at, PyObject *dict)
{
    PyObject *link = filled(&w->sheets[w->levels->n + number], at, entry);
    int result = link ? PyDict_SetItemString(dict, "pivot", link) : -1;
    Py_XDECREF(link);
    return result;
}

static PyObject *
value_at(const writer *w, size_t number, size_t entry, size_t at)
{
    const snpy_level *level = &w->levels->levels[number];
    size_t place = snpy_level_place(level, entry);
    if (Py_EnterRecursiveCall(" in a tree")) {
        return NULL;
    }
    PyObject *dict = filled(&w->sheets[number], at, place);
    for (size_t i = w->sheets[number].first; dict && i > 0; i = w->sheets[i].next) {
        if (put_below(w, i, place, dict) < 0) {
            Py_CLEAR(dict);
        }
    }
    if (dict && level->links && put_link(w, number, entry, at, dict) < 0) {
        Py_CLEAR(dict);
    }
    Py_LeaveRecursiveCall();
    return dict;
}

/* ---------------------------------------------------------------- sheets */

/* A dict of the names with None. */
static PyObject *
pattern_of(PyObject *names)
{
    PyObject *dict = PyDict_New();
    for (Py_ssize_t i = 0; dict && i < PyTuple_GET_SIZE(names); i++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(names, i), Py_None) < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

/* Whether it is a field of the rows' model, or a value for each of them. */
static bool
is_shown(PyObject *object, const sheet *s, snpy_state *st)
{
    const snpy_model *model = snpy_model_peek((PyTypeObject *)s->rows->cls);
    if (PyTuple_CheckExact(object)) {
        return (size_t)PyTuple_GET_SIZE(object) == s->rows->rows.n;
    }
    return Py_IS_TYPE(object, st->Field) && ((snpy_field *)object)->model == model
           && ((snpy_field *)object)->col != SN_NO_COL;
}

/* Each name is a string, and stands beside what shows it. */
static int
check_sheet(const sheet *s, snpy_state *st)
{
    bool right = PyTuple_GET_SIZE(s->names) == PyTuple_GET_SIZE(s->fields);
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(s->names); i++) {
        right = PyUnicode_CheckExact(PyTuple_GET_ITEM(s->names, i)) && is_shown(PyTuple_GET_ITEM(s->fields, i), s, st);
    }
    if (!right) {
        PyErr_SetString(PyExc_ValueError,
                        "dicts() takes a name for each of some fields of a level's model, or its values");
        return -1;
    }
    return 0;
}

static int
sheet_init(sheet *s, snpy_state *st, PyObject *given, const snpy_rows *rows)
{
    PyObject *names, *fields;
    if (!PyTuple_Check(given)
        || !PyArg_ParseTuple(given, "O!O!:dicts", &PyTuple_Type, &names, &PyTuple_Type, &fields)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "dicts() takes names and fields for each level");
        }
        return -1;
    }
    s->names = Py_NewRef(names);
    s->fields = Py_NewRef(fields);
    s->rows = rows;
    if (check_sheet(s, st) < 0) {
        return -1;
    }
    s->pattern = pattern_of(names);
    s->cells = s->pattern ? PyMem_New(sn_cell, ((size_t)PyTuple_GET_SIZE(names) + 1) * AHEAD) : NULL;
    if (!s->cells && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return s->cells ? 0 : -1;
}

/* Levels are chained below their parents, and their names go into the patterns of these. */
static int
chain_levels(const writer *w)
{
    const snpy_levels *levels = w->levels;
    for (size_t i = levels->n - 1; i > 0; i--) {
        sheet *parent = &w->sheets[levels->levels[i].parent];
        w->sheets[i].next = parent->first;
        parent->first = i;
    }
    for (size_t i = 1; i < levels->n; i++) {
        if (PyDict_SetItem(w->sheets[levels->levels[i].parent].pattern, levels->levels[i].name, Py_None) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
init_sheets(const writer *w, PyObject *given)
{
    snpy_levels *levels = w->levels;
    for (size_t i = 0; i < levels->n; i++) {
        PyObject *own, *links, *pair = PyTuple_GET_ITEM(given, (Py_ssize_t)i);
        const snpy_level *level = &levels->levels[i];
        if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "OO:dicts", &own, &links)) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_TypeError, "dicts() takes a pair for each level");
            }
            return -1;
        }
        if (sheet_init(&w->sheets[i], levels->state, own, level->rows) < 0
            || (level->links && sheet_init(&w->sheets[levels->n + i], levels->state, links, level->links) < 0)) {
            return -1;
        }
    }
    return chain_levels(w);
}

/* The whole tree, or None if its rows are no longer what was found. */
static PyObject *
written(const writer *w)
{
    const snpy_levels *levels = w->levels;
    if (!snpy_store_open(levels->store)) {
        return NULL;
    }
    if (sn_db_revision(levels->store->engine) != levels->revision) {
        Py_RETURN_NONE;
    }
    return list_of(w, 0, 0, levels->levels[0].entries);
}

PyObject *
snpy_levels_dicts(PyObject *op, PyObject *given)
{
    snpy_levels *levels = (snpy_levels *)op;
    if (!PyTuple_Check(given) || (size_t)PyTuple_GET_SIZE(given) != levels->n) {
        PyErr_SetString(PyExc_TypeError, "dicts() takes a tuple with an item for each level");
        return NULL;
    }
    writer w = {levels, PyMem_Calloc(2 * levels->n, sizeof(sheet))};
    if (!w.sheets) {
        return PyErr_NoMemory();
    }
    int collecting = PyGC_Disable();
    PyObject *result = init_sheets(&w, given) < 0 ? NULL : written(&w);
    if (collecting) {
        PyGC_Enable();
    }
    for (size_t i = 0; i < 2 * levels->n; i++) {
        sheet_fini(&w.sheets[i]);
    }
    PyMem_Free(w.sheets);
    return result;
}
