/*
 * bulk.c - writing many rows as one statement: Rows.update; and move. (Rows.delete is in park.c.)
 *
 * An update fills a matrix of cells, a line for each row and a column for each field, before its statement opens: converting,
 * checking and validating run Python code, which may delete rows. Lines of rows that have died by then are dropped, and
 * then one call of the engine applies the rest, all or nothing.
 *
 *   - A column is *shared* when one cell serves all rows: a constant that no validator has to see row by row, and the
 *     fields that are touched (updated_at). It is converted once and copied, one more owner for each row.
 *   - A field with key= brings the hidden column of its keys along, right behind it.
 *
 * Cost: for each cell a conversion, or the copy of a shared one.
 */
#include "snpy.h"

/* ---------------------------------------------------------------- update: columns */

typedef struct column {
    snpy_field *field;
    PyObject
        *values; // borrowed from update.values: the constant, or a tuple with one for each row; NULL for key and touch
    bool constant;
    bool shared; /* `cell` serves all rows */
    bool key;    /* of the column before */
    sn_cell cell;
} column;

typedef struct update {
    snpy_rows *rows;
    snpy_model *model;
    snpy_store *store;
    PyObject *fields, *values; /* tuples, owned */
    PyObject *all;             /* owned: the model's fields as they were, which holds those that are touched */
    column *columns;
    size_t width;
    sn_row *targets;
    sn_cell *cells; /* n lines of width */
    size_t n;
    uint64_t schema; /* what columns mean, when the update began */
} update;

static int
raise_changed(const update *u)
{
    return snpy_raise_text(
        u->store->state, "TransactionError",
        "%.100s was changed by code that ran while rows of it were updated; change models beforehand",
        u->model->cls->tp_name);
}

/* Cells made for other columns, or for a column that has an index by now, must not go in. SN_OK or SNPY_RAISED. */
static int
check_schema(const update *u)
{
    return u->schema == u->store->schema ? SN_OK : raise_changed(u);
}

/* Converts the value for row number i of the set; `before`: the cell of the column before. 0 or -1. */
static int
new_cell(sn_cell *out, const update *u, const column *col, PyObject *record, size_t i, const sn_cell *before)
{
    if (!col->key) {
        PyObject *value = col->constant ? col->values : PyTuple_GET_ITEM(col->values, i);
        return snpy_cell_validated(out, u->model, col->field, record, value);
    }
    PyObject *stored = snpy_cell_out((col - 1)->field, *before);
    int result = stored ? snpy_key_cell_in(out, u->store, (col - 1)->field, stored) : -1;
    Py_XDECREF(stored);
    return result;
}

static int
check_field(const update *u, snpy_field *field, PyObject *value)
{
    bool ours = Py_IS_TYPE(field, u->store->state->Field);
    if (ours && !field->model) {
        return raise_changed(u); /* it was a field when the update was written down */
    }
    if (!ours || field->model != u->model || field->col == SN_NO_COL) {
        PyErr_Format(PyExc_TypeError, "%R is not a field of %s", field, u->model->cls->tp_name);
        return -1;
    }
    return field->read_only ? snpy_raise(u->store->state, "read_only", "OO", field, value) : 0;
}

/* Adds the columns of the i-th field. values is kept by the update (stolen). */
static int
add_columns(update *u, Py_ssize_t i, PyObject *values, bool constant)
{
    snpy_field *field = snpy_field_at(u->fields, i);
    bool shared = constant && !snpy_model_validates(u->model);
    PyTuple_SET_ITEM(u->values, i, values);
    if (!constant && (size_t)PyTuple_GET_SIZE(values) != u->rows->rows.n) {
        PyErr_SetString(PyExc_ValueError, "update() takes one value for each row");
        return -1;
    }
    u->columns[u->width++] = (column){field, values, constant, shared, false, SN_NULL_CELL};
    if (field->key_field) {
        u->columns[u->width++] = (column){field->key_field, NULL, constant, shared, true, SN_NULL_CELL};
    }
    return 0;
}

static int
parse_columns(update *u, PyObject *given, PyObject *flags)
{
    Py_ssize_t n = PyTuple_GET_SIZE(u->fields);
    if (PyTuple_GET_SIZE(given) != n || PyTuple_GET_SIZE(flags) != n) {
        PyErr_SetString(PyExc_ValueError, "update() takes as many columns as fields");
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(given, i);
        int constant = PyObject_IsTrue(PyTuple_GET_ITEM(flags, i));
        if (constant < 0 || check_field(u, snpy_field_at(u->fields, i), item) < 0) {
            return -1;
        }
        PyObject *values = constant ? Py_NewRef(item) : PySequence_Tuple(item);
        if (!values || add_columns(u, i, values, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Converts what is shared among the columns given. A cell that is not made stays null, which owns nothing. */
static int
fill_shared(update *u)
{
    for (size_t j = 0; j < u->width; j++) {
        column *col = &u->columns[j];
        sn_cell cell;
        if (col->shared) {
            if (new_cell(&cell, u, col, NULL, 0, j > 0 ? &u->columns[j - 1].cell : NULL) < 0) {
                return -1;
            }
            col->cell = cell;
        }
    }
    return 0;
}

/* Adds the touch fields that are not set anyway, as shared columns. room: as many as the table has columns. What was made before
 * a failure is kept too, for update_fini to give back. */
static int
add_touched(update *u, size_t room)
{
    snpy_field **fields = PyMem_New(snpy_field *, room + 1);
    sn_cell *cells = PyMem_New(sn_cell, room + 1);
    size_t n = u->width;
    int result = fields && cells ? 0 : (PyErr_NoMemory(), -1);
    for (size_t j = 0; result == 0 && j < u->width; j++) {
        fields[j] = u->columns[j].field;
    }
    if (result == 0) {
        result = snpy_touch(u->model, fields, cells, &n);
    }
    for (; u->width < n; u->width++) {
        u->columns[u->width] = (column){fields[u->width], NULL, true, true, false, cells[u->width]};
    }
    PyMem_Free(fields);
    PyMem_Free(cells);
    return result;
}

/* ---------------------------------------------------------------- update: lines */

static void
release_line(const update *u, const sn_cell *line, size_t width)
{
    while (width-- > 0) {
        snpy_cell_release(u->store, u->columns[width].field, line[width]);
    }
}

/* Fills the next line for row number i of the set. 0, or -1 with nothing owned in it. */
static int
fill_line(update *u, size_t i, PyObject *record)
{
    sn_cell *line = u->cells + u->n * u->width;
    for (size_t j = 0; j < u->width; j++) {
        const column *col = &u->columns[j];
        int result = col->shared ? snpy_cell_copy(&line[j], u->store, col->field, col->cell)
                                 : new_cell(&line[j], u, col, record, i, j > 0 ? &line[j - 1] : NULL);
        if (result < 0) {
            release_line(u, line, j);
            return -1;
        }
    }
    u->targets[u->n++] = u->rows->rows.rows[i];
    return 0;
}

/* A line for each row that is alive when its turn comes. Validators get the record. */
static int
fill_lines(update *u)
{
    bool validated = snpy_model_validates(u->model);
    for (size_t i = 0; i < u->rows->rows.n; i++) {
        sn_row row = u->rows->rows.rows[i];
        if (!snpy_rows_alive(u->rows, row)) {
            continue;
        }
        PyObject *record = validated ? snpy_record_for(u->model, row) : NULL;
        int result = validated && !record ? -1 : fill_line(u, i, record);
        Py_XDECREF(record);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* Drops the lines of rows that have died since. (Should releasing them kill another one, the engine refuses the update.) */
static void
drop_dead_lines(update *u)
{
    size_t kept = 0;
    for (size_t k = 0; k < u->n; k++) {
        sn_cell *line = u->cells + k * u->width;
        if (snpy_rows_alive(u->rows, u->targets[k])) {
            u->targets[kept] = u->targets[k];
            memmove(u->cells + kept * u->width, line, u->width * sizeof *line);
            kept++;
        } else {
            release_line(u, line, u->width);
        }
    }
    u->n = kept;
}

/* The statement. On success the cells have been moved in, and *count is the number of rows. */
static int
apply(update *u, PyObject **count)
{
    sn_col *cols = PyMem_New(sn_col, u->width + 1);
    if (!cols) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t j = 0; j < u->width; j++) {
        cols[j] = u->columns[j].field->col;
    }
    int result = snpy_statement_begin(u->store);
    if (result == 0) {
        drop_dead_lines(u);
        *count = PyLong_FromSize_t(u->n); /* first, for nothing may fail after it */
        int status = *count ? check_schema(u) : SNPY_RAISED;
        if (status == SN_OK) {
            status = (int)sn_table_update(u->model->table, u->targets, u->n, cols, u->width, u->cells);
        }
        u->n = status == SN_OK ? 0 : u->n;
        result = snpy_statement_end(u->store, status);
    }
    PyMem_Free(cols);
    return result;
}

static int
update_run(update *u, PyObject *given, PyObject *flags, PyObject **count)
{
    size_t room = (size_t)PyTuple_GET_SIZE(u->model->fields) + 2 * (size_t)PyTuple_GET_SIZE(u->fields);
    u->columns = PyMem_Calloc(room + 1, sizeof *u->columns);
    if (!u->columns) {
        PyErr_NoMemory();
        return -1;
    }
    if (parse_columns(u, given, flags) < 0 || fill_shared(u) < 0 || check_schema(u) != SN_OK
        || add_touched(u, room) < 0) {
        return -1;
    }
    u->targets = PyMem_New(sn_row, u->rows->rows.n + 1);
    u->cells = PyMem_New(sn_cell, u->rows->rows.n * u->width + 1);
    if (!u->targets || !u->cells) {
        PyErr_NoMemory();
        return -1;
    }
    return fill_lines(u) < 0 ? -1 : apply(u, count);
}

static void
update_fini(update *u)
{
    while (u->n > 0) {
        u->n--;
        release_line(u, u->cells + u->n * u->width, u->width);
    }
    for (size_t j = 0; j < u->width; j++) {
        snpy_cell_release(u->store, u->columns[j].field, u->columns[j].cell);
    }
    PyMem_Free(u->columns);
    PyMem_Free(u->targets);
    PyMem_Free(u->cells);
    Py_XDECREF(u->fields);
    Py_XDECREF(u->values);
    Py_DECREF(u->all);
    snpy_drain(u->store);
}

PyObject *
snpy_rows_update(PyObject *op, PyObject *args)
{
    snpy_rows *rows = (snpy_rows *)op;
    update u = {.rows = rows,
                .model = snpy_model_peek((PyTypeObject *)rows->cls),
                .store = rows->store,
                .schema = rows->store->schema};
    PyObject *fields, *columns, *constant, *given = NULL, *flags = NULL, *count = NULL;
    if (!PyArg_ParseTuple(args, "OOO:update", &fields, &columns, &constant) || !snpy_store_open(u.store)) {
        return NULL;
    }
    u.all = Py_NewRef(u.model->fields);
    u.fields = PySequence_Tuple(fields);
    u.values = u.fields ? PyTuple_New(PyTuple_GET_SIZE(u.fields)) : NULL;
    given = u.values ? PySequence_Tuple(columns) : NULL;
    flags = given ? PySequence_Tuple(constant) : NULL;
    if (flags && update_run(&u, given, flags, &count) < 0) {
        Py_CLEAR(count);
    }
    update_fini(&u);
    Py_XDECREF(given);
    Py_XDECREF(flags);
    return count;
}

/* ---------------------------------------------------------------- move */

PyObject *
snpy_move(PyObject *module, PyObject *args)
{
    snpy_state *st = PyModule_GetState(module);
    PyObject *record, *object;
    Py_ssize_t position;
    if (!PyArg_ParseTuple(args, "OO!n:move", &record, st->Reference, &object, &position)) {
        return NULL;
    }
    snpy_reference *ref = (snpy_reference *)object;
    sn_row row;
    if (!ref->ref || position < 0) {
        PyErr_SetString(PyExc_ValueError, "move() takes a bound Reference and a position from 0");
        return NULL;
    }
    snpy_model *model = ref->model;
    if (snpy_record_row(&row, model, record, "record") < 0 || snpy_statement_begin(model->store) < 0) {
        return NULL;
    }
    /* beginning may have run Python code */
    int status = SNPY_RAISED;
    sn_index *index = ((snpy_index *)ref->from_index)->index;
    if (!snpy_record_alive((snpy_record *)record)) {
        snpy_raise_deleted(record);
    } else {
        status = (int)sn_index_move(index, ((snpy_record *)record)->row, (size_t)position);
    }
    return snpy_statement_end(model->store, status) < 0 ? NULL : Py_NewRef(Py_None);
}
