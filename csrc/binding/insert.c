/*
 * insert.c - loading rows in bulk.
 *
 * Every row goes through the same build as the constructor's (construct.c), so defaults, conversion, check= and
 * validators are the same. All rows are made into cells first, while nothing is open, and then put in by one engine
 * call in one statement: Python code never runs in the middle of a load, and a refused row leaves nothing.
 *
 * Values are held for the time of their row or chunk, because conversion may run code that changes their container.
 *
 * Columns are converted one after the other, some rows at a time, where nothing but conversion is asked of them: the
 * loop over one column's values costs half of what going through the shape for each row does.
 *
 * Cost: 16 bytes per cell until the load is done; no record objects.
 */
#include "model.h"

#define PROGRESS_EVERY 4096
#define BELIEVED 65536 /* rows that room is made for at once because an iterable says that it has so many */

typedef struct load {
    snpy_build build;
    sn_cell *cells; /* n rows, owned until moved */
    size_t n, cap;
    PyObject *progress; // borrowed: the caller's argument; NULL for none
} load;

/* ---------------------------------------------------------------- rows made so far */

static int
load_init(load *l, PyObject *cls, PyObject *progress)
{
    snpy_model *model = snpy_model_of(cls);
    l->cells = NULL;
    l->n = l->cap = 0;
    l->progress = progress == Py_None ? NULL : progress;
    return model ? snpy_build_init(&l->build, model) : -1;
}

static void
load_fini(load *l)
{
    snpy_store *store = (snpy_store *)Py_NewRef((PyObject *)l->build.model->store);
    for (size_t i = 0; i < l->n; i++)
        snpy_build_release(&l->build, l->cells + i * l->build.columns);
    PyMem_Free(l->cells);
    snpy_build_fini(&l->build);
    snpy_drain(store);
    Py_DECREF(store);
}

static int
load_reserve(load *l, size_t rows)
{
    size_t width = l->build.columns ? l->build.columns : 1;
    if (rows <= l->cap)
        return 0;
    size_t cap = rows > l->cap + l->cap / 2 ? rows : l->cap + l->cap / 2;
    if (cap > (size_t)PY_SSIZE_T_MAX / (width * sizeof *l->cells))
        return PyErr_NoMemory(), -1;
    sn_cell *cells = PyMem_Realloc(l->cells, cap * width * sizeof *cells);
    if (cells == NULL)
        return PyErr_NoMemory(), -1;
    l->cells = cells;
    l->cap = cap;
    return 0;
}

/* Whether the exception that is set may be a row's fault. */
static bool
is_about_a_value(void)
{
    return PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError);
}

/* Puts "row 17: " in front of the exception that is set. */
static void
name_the_row(load *l, size_t row)
{
    PyObject *type, *error, *traceback;
    if (!is_about_a_value())
        return;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback)
        PyException_SetTraceback(error, traceback);
    snpy_raise(l->build.model->store->state, "at_row", "On", error, (Py_ssize_t)row);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

static int
report(load *l)
{
    if (l->progress == NULL)
        return 0;
    PyObject *done = PyObject_CallFunction(l->progress, "n", (Py_ssize_t)l->n);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* The row of which build.given holds the values. */
static int
load_row(load *l)
{
    if (load_reserve(l, l->n + 1) < 0)
        return -1;
    if (snpy_build_row(&l->build, l->cells + l->n * l->build.columns) < 0) {
        name_the_row(l, l->n);
        return -1;
    }
    l->n++;
    return l->n % PROGRESS_EVERY == 0 ? report(l) : 0;
}

/* ---------------------------------------------------------------- into the table */

/* Describes a failed insertion while its cells are here. Returns the status for the end of the statement. */
static int
describe(load *l, int status, size_t *failed)
{
    sn_error e = *sn_db_error(l->build.model->store->db);
    *failed = e.count;
    if (status != SN_UNIQUE || e.other != SN_NO_ROW || e.count >= l->n)
        return status;
    snpy_raise_unique_in_load(&e, l->cells + e.count * l->build.columns);
    return SNPY_RAISED;
}

static bool
is_about_a_row(int status)
{
    return status == SN_UNIQUE || status == SN_NULL || status == SN_NAN || status == SN_HALF;
}

static int
load_insert(load *l)
{
    snpy_model *model = l->build.model;
    size_t failed = 0;
    sn_row first;
    if (snpy_statement_begin(model->store) < 0)
        return -1;
    int status = SNPY_RAISED, inserted = SNPY_RAISED;
    if (snpy_build_current(&l->build) == 0)
        status = inserted = (int)sn_table_insert_many(&first, model->table, l->cells, l->n);
    size_t n = l->n;
    if (inserted == SN_OK)
        l->n = 0; /* moved */
    else if (is_about_a_row(inserted))
        status = describe(l, inserted, &failed);
    int r = snpy_statement_end(model->store, status);
    if (r < 0 && is_about_a_row(inserted) && failed < n)
        name_the_row(l, failed);
    return r;
}

/* The end of every load: the number of rows, or NULL. The number is made first, for nothing may fail after the rows are in. */
static PyObject *
finish(load *l, int r)
{
    size_t n = l->n;
    if (r == 0 && n % PROGRESS_EVERY != 0)
        r = report(l);
    PyObject *count = r == 0 ? PyLong_FromSize_t(n) : NULL;
    if (count && n > 0 && load_insert(l) < 0)
        Py_CLEAR(count);
    load_fini(l);
    return count;
}

/* ---------------------------------------------------------------- parameters of a load */

static Py_ssize_t
parameter_for(load *l, PyObject *name, Py_ssize_t guess)
{
    Py_ssize_t p = snpy_build_parameter(&l->build, name, guess);
    if (p == -1)
        snpy_build_unknown(&l->build, name);
    return p;
}

/* The parameters that a tuple of names stands for, a PyMem array; NULL with an exception. */
static Py_ssize_t *
parameters_for(load *l, PyObject *names)
{
    Py_ssize_t n = PyTuple_GET_SIZE(names);
    Py_ssize_t *parameters = PyMem_New(Py_ssize_t, (size_t)n + 1);
    if (parameters == NULL)
        return PyErr_NoMemory(), NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        parameters[i] = parameter_for(l, PyTuple_GET_ITEM(names, i), i);
        bool twice = false;
        for (Py_ssize_t k = 0; k < i; k++)
            twice = twice || parameters[k] == parameters[i];
        if (twice)
            PyErr_Format(PyExc_ValueError, "column %R is given twice", PyTuple_GET_ITEM(names, i));
        if (parameters[i] < 0 || twice) {
            PyMem_Free(parameters);
            return NULL;
        }
    }
    return parameters;
}

/* ---------------------------------------------------------------- rows */

static int
bad_shape(load *l, const char *expected, Py_ssize_t count, PyObject *got)
{
    PyObject *text = count < 0 ? PyUnicode_FromString(expected) : PyUnicode_FromFormat(expected, count);
    if (text)
        snpy_raise(l->build.model->store->state, "row_shape", "OOO", l->build.model->cls, text, got);
    Py_XDECREF(text);
    return -1;
}

static void
drop_given(load *l)
{
    for (Py_ssize_t p = 0; p < l->build.shape->parameter_count; p++)
        Py_CLEAR(l->build.given[p]);
}

static int
give(load *l, PyObject *name, PyObject *value, Py_ssize_t guess)
{
    Py_ssize_t p = parameter_for(l, name, guess);
    if (p < 0)
        return -1;
    Py_XSETREF(l->build.given[p], Py_NewRef(value));
    return 0;
}

static int
give_dict(load *l, PyObject *row)
{
    PyObject *name, *value;
    Py_ssize_t at = 0, i = 0;
    while (PyDict_Next(row, &at, &name, &value))
        if (give(l, name, value, i++) < 0)
            return -1;
    return 0;
}

/* What tells a mapping from a sequence, whoever has written its class: keys(), and items() (sqlite3.Row, which may
 * be read as either, has keys alone). The type is asked, for a record with a field of that name is neither. 1, 0, or -1
 * with an exception. */
static int
has_method(PyObject *row, const char *name)
{
    PyObject *found = snpy_attribute((PyObject *)Py_TYPE(row), name);
    int has = found ? PyCallable_Check(found) : PyErr_ExceptionMatches(PyExc_AttributeError) ? 0 : -1;
    if (has >= 0)
        PyErr_Clear();
    Py_XDECREF(found);
    return has;
}

static int
give_mapping(load *l, PyObject *row)
{
    if (PyDict_CheckExact(row))
        return give_dict(l, row);
    int has_keys = has_method(row, "keys");
    if (has_keys <= 0)
        return has_keys < 0 ? -1 : bad_shape(l, "a mapping of names to values", -1, row);
    PyObject *copy = PyDict_New();
    int r = copy ? PyDict_Update(copy, row) : -1;
    if (r == 0)
        r = give_dict(l, copy);
    Py_XDECREF(copy);
    return r;
}

static int
give_sequence(load *l, PyObject *row, const Py_ssize_t *parameters, Py_ssize_t n)
{
    bool usual = PyTuple_CheckExact(row) || PyList_CheckExact(row);
    bool text = PyUnicode_Check(row) || PyBytes_Check(row);
    int unfit = usual ? 0 : text || !PySequence_Check(row) ? 1 : has_method(row, "items");
    if (unfit)
        return unfit < 0 ? -1 : bad_shape(l, "a sequence of %zd values", n, row);
    PyObject *values = PySequence_Fast(row, "a row is a sequence");
    if (values == NULL)
        return -1;
    int r = PySequence_Fast_GET_SIZE(values) == n ? 0 : bad_shape(l, "%zd values", n, row);
    for (Py_ssize_t i = 0; r == 0 && i < n; i++)
        Py_XSETREF(l->build.given[parameters[i]], Py_NewRef(PySequence_Fast_GET_ITEM(values, i)));
    Py_DECREF(values);
    return r;
}

static int
load_rows(load *l, PyObject *iterator, const Py_ssize_t *parameters, Py_ssize_t n)
{
    PyObject *row;
    while ((row = PyIter_Next(iterator)) != NULL) {
        int r = parameters ? give_sequence(l, row, parameters, n) : give_mapping(l, row);
        if (r < 0)
            name_the_row(l, l->n);
        else
            r = load_row(l);
        drop_given(l);
        Py_DECREF(row);
        if (r < 0)
            return -1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* parameters: for each of the n values of a row, or NULL: the rows are mappings. */
static int
load_iterable(load *l, PyObject *rows, const Py_ssize_t *parameters, Py_ssize_t n)
{
    Py_ssize_t hint = PyObject_LengthHint(rows, 0);
    size_t expected = hint > BELIEVED ? BELIEVED : (size_t)hint;
    PyObject *iterator = hint < 0 || load_reserve(l, expected) < 0 ? NULL : PyObject_GetIter(rows);
    int r = iterator ? load_rows(l, iterator, parameters, n) : -1;
    Py_XDECREF(iterator);
    return r;
}

static int
load_sequences(load *l, PyObject *rows, PyObject *columns)
{
    PyObject *names = PySequence_Tuple(columns);
    Py_ssize_t *parameters = names ? parameters_for(l, names) : NULL;
    int r = parameters ? load_iterable(l, rows, parameters, PyTuple_GET_SIZE(names)) : -1;
    PyMem_Free(parameters);
    Py_XDECREF(names);
    return r;
}

static PyObject *
insert_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *cls, *rows, *columns, *progress = Py_None;
    load l;
    if (!PyArg_ParseTuple(args, "OOO|O:insert_rows", &cls, &rows, &columns, &progress))
        return NULL;
    if (load_init(&l, cls, progress) < 0)
        return NULL;
    return finish(&l, columns == Py_None ? load_iterable(&l, rows, NULL, 0) : load_sequences(&l, rows, columns));
}

/* ---------------------------------------------------------------- columns */

/* Rows of columns that are read at a time. */
#define CHUNK 256
#define AHEAD 8 /* values that are asked of the memory before their turn */
_Static_assert(PROGRESS_EVERY % CHUNK == 0, "progress is told between chunks");

/* What insert_columns was given: `n` lists or tuples of `rows` values. Conversion may run code that changes a list, so each
 * value is looked for when its turn comes, and held for its time. */
typedef struct columns {
    PyObject *names;        /* tuple */
    PyObject *sequences;    /* tuple of lists and tuples beside it */
    Py_ssize_t *parameters; /* beside it */
    Py_ssize_t n, rows;
} columns;

static int
uneven(load *l, const columns *c, Py_ssize_t i)
{
    PyObject *expected = PyUnicode_FromFormat("%zd values in column `%U`, as many as in `%U`", c->rows,
                                              PyTuple_GET_ITEM(c->names, i), PyTuple_GET_ITEM(c->names, 0));
    Py_ssize_t length = PySequence_Fast_GET_SIZE(PyTuple_GET_ITEM(c->sequences, i));
    if (expected)
        snpy_raise(l->build.model->store->state, "row_shape", "OOn", l->build.model->cls, expected, length);
    Py_XDECREF(expected);
    return -1;
}

/* A column as it is when it is a list or a tuple (copying it would touch each value once more), else as a tuple. */
static PyObject *
column_of(PyObject *mapping, PyObject *name)
{
    PyObject *column = PyObject_GetItem(mapping, name);
    if (column == NULL || PyList_CheckExact(column) || PyTuple_CheckExact(column))
        return column;
    Py_SETREF(column, PySequence_Tuple(column));
    return column;
}

static int
columns_read(load *l, columns *c, PyObject *mapping)
{
    c->sequences = PyTuple_New(c->n);
    for (Py_ssize_t i = 0; c->sequences && i < c->n; i++) {
        PyObject *column = column_of(mapping, PyTuple_GET_ITEM(c->names, i));
        if (column == NULL)
            return -1;
        PyTuple_SET_ITEM(c->sequences, i, column);
        c->rows = i == 0 ? PySequence_Fast_GET_SIZE(column) : c->rows;
        if (PySequence_Fast_GET_SIZE(column) != c->rows)
            return uneven(l, c, i);
    }
    return c->sequences ? 0 : -1;
}

static int
columns_init(load *l, columns *c, PyObject *mapping)
{
    *c = (columns){0};
    PyObject *keys = PyMapping_Keys(mapping);
    c->names = keys ? PySequence_Tuple(keys) : NULL;
    Py_XDECREF(keys);
    c->parameters = c->names ? parameters_for(l, c->names) : NULL;
    if (c->parameters == NULL)
        return -1;
    c->n = PyTuple_GET_SIZE(c->names);
    return columns_read(l, c, mapping);
}

static void
columns_fini(columns *c)
{
    Py_XDECREF(c->names);
    Py_XDECREF(c->sequences);
    PyMem_Free(c->parameters);
}

/* Value number k of column i, new reference; NULL with an exception if the list has another length by now. */
static inline PyObject *
column_value(load *l, const columns *c, Py_ssize_t i, Py_ssize_t k)
{
    PyObject *sequence = PyTuple_GET_ITEM(c->sequences, i), **items = PySequence_Fast_ITEMS(sequence);
    if (PySequence_Fast_GET_SIZE(sequence) != c->rows)
        return uneven(l, c, i), NULL;
    if (k + AHEAD < c->rows)
        __builtin_prefetch(items[k + AHEAD], 1); /* the values are objects anywhere in memory */
    return Py_NewRef(items[k]);
}

/* The column that gives a slot, or -1. */
static Py_ssize_t
column_for(const columns *c, const snpy_slot *slot)
{
    for (Py_ssize_t i = 0; i < c->n; i++)
        if (slot->parameter >= 0 && c->parameters[i] == slot->parameter)
            return i;
    return -1;
}

/* Whether each slot is a conversion, a constant or a number to come, so that columns can be made one after the other. */
static bool
is_direct(const load *l, const columns *c)
{
    const snpy_shape *shape = l->build.shape;
    for (Py_ssize_t i = 0; i < c->n; i++)
        if (snpy_is_reference(PyTuple_GET_ITEM(shape->parameters, c->parameters[i])))
            return false;
    for (Py_ssize_t i = 0; i < shape->field_count; i++) {
        const snpy_slot *slot = &shape->slots[i];
        bool given = column_for(c, slot) >= 0, counted = slot->field->automatic && !slot->field->default_factory;
        if (given ? !slot->plain : !slot->constant && !counted)
            return false;
    }
    return true;
}

/* Values start .. start + n of column i into the next n rows of cells. */
static int
convert_column(load *l, const columns *c, Py_ssize_t i, const snpy_slot *slot, Py_ssize_t start, Py_ssize_t n)
{
    sn_cell *at = l->cells + l->n * l->build.columns + slot->col;
    int r = 0;
    for (Py_ssize_t k = start; r == 0 && k < start + n; k++, at += l->build.columns) {
        PyObject *value = column_value(l, c, i, k);
        r = value ? snpy_slot_in(at, l->build.model->store, slot, value) : -1;
        Py_XDECREF(value);
    }
    return r;
}

static void
fill_column(load *l, const snpy_slot *slot, Py_ssize_t n)
{
    sn_cell *at = l->cells + l->n * l->build.columns + slot->col;
    for (Py_ssize_t k = 0; slot->constant && k < n; k++, at += l->build.columns)
        *at = slot->cell;
}

/* A chunk, a column at a time. -1: none of its rows. */
static int
load_directly(load *l, const columns *c, Py_ssize_t start, Py_ssize_t n)
{
    const snpy_shape *shape = l->build.shape;
    size_t width = l->build.columns;
    sn_cell *cells = l->cells + l->n * width;
    int r = 0;
    for (size_t k = 0; k < (size_t)n * width; k++)
        cells[k] = SN_NULL_CELL;
    for (Py_ssize_t i = 0; r == 0 && i < shape->field_count; i++) {
        Py_ssize_t column = column_for(c, &shape->slots[i]);
        if (column >= 0)
            r = convert_column(l, c, column, &shape->slots[i], start, n);
        else
            fill_column(l, &shape->slots[i], n);
    }
    r = r == 0 ? snpy_build_current(&l->build) : r;
    for (Py_ssize_t k = 0; r < 0 && k < n; k++)
        snpy_build_release(&l->build, cells + (size_t)k * width);
    l->n += r == 0 ? (size_t)n : 0;
    return r;
}

static int
load_by_row(load *l, const columns *c, Py_ssize_t start, Py_ssize_t n)
{
    int r = 0;
    for (Py_ssize_t k = start; r == 0 && k < start + n; k++) {
        for (Py_ssize_t i = 0; r == 0 && i < c->n; i++) {
            l->build.given[c->parameters[i]] = column_value(l, c, i, k);
            r = l->build.given[c->parameters[i]] ? 0 : -1;
        }
        r = r == 0 ? load_row(l) : r;
        drop_given(l);
    }
    return r;
}

/* What is refused in a chunk is looked for row by row, as other columns of rows before it may be refused as well. */
static int
load_chunk(load *l, const columns *c, bool direct, Py_ssize_t start, Py_ssize_t n)
{
    if (!direct)
        return load_by_row(l, c, start, n);
    if (load_directly(l, c, start, n) == 0)
        return l->n % PROGRESS_EVERY == 0 ? report(l) : 0;
    if (!is_about_a_value())
        return -1;
    PyErr_Clear();
    return load_by_row(l, c, start, n);
}

static int
load_columns(load *l, PyObject *mapping)
{
    columns c;
    int r = columns_init(l, &c, mapping);
    bool direct = r == 0 && is_direct(l, &c);
    r = r == 0 ? load_reserve(l, (size_t)c.rows) : r;
    for (Py_ssize_t start = 0; r == 0 && start < c.rows; start += CHUNK)
        r = load_chunk(l, &c, direct, start, c.rows - start < CHUNK ? c.rows - start : CHUNK);
    columns_fini(&c);
    return r;
}

static PyObject *
insert_columns(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *cls, *mapping, *progress = Py_None;
    load l;
    if (!PyArg_ParseTuple(args, "OO|O:insert_columns", &cls, &mapping, &progress))
        return NULL;
    if (load_init(&l, cls, progress) < 0)
        return NULL;
    return finish(&l, load_columns(&l, mapping));
}

PyMethodDef snpy_insert_functions[] = {
    {"insert_rows", insert_rows, METH_VARARGS, PyDoc_STR("Inserts mappings or sequences. All or nothing.")},
    {"insert_columns", insert_columns, METH_VARARGS,
     PyDoc_STR("Inserts from columns of equal length. All or nothing.")},
    {NULL, NULL, 0, NULL},
};
