/*
 * compute.c - what a Plan computes over rows: columns of values, aggregates, groups.
 *
 *   columns     values in blocks of BLOCK rows. The engine's cells are borrowed, and making Python objects may run any code;
 *               so before each object the database's revision is compared, and when it has changed the rest of the block is
 *               looked at again.
 *   targets     the rows that an aggregate over a path looks at, with where those of each row begin
 *   aggregates  one call of the engine over the live rows; groups travel as a memoryview of numbers
 *
 * Rows deleted since are None in a column, in no aggregate, and in group UINT32_MAX.
 */
#include "plan.h"
#include "track.h"

#define BLOCK 256

/* ---------------------------------------------------------------- columns */

/* The Rows of this plan's model that a caller gives. Borrowed, NULL with an exception. */
static snpy_rows *
snpy_plan_rows_argument(snpy_plan *self, PyObject *object)
{
    if (!Py_IS_TYPE(object, self->state->Rows) || ((snpy_rows *)object)->cls != self->cls) {
        PyErr_Format(PyExc_TypeError, "expected Rows of %s", ((PyTypeObject *)self->cls)->tp_name);
        return NULL;
    }
    return (snpy_rows *)object;
}

/* ---------------------------------------------------------------- what getters read */

#define NOTED_CELLS 4096 /* of a column; more are noted as all of it */

/* The field of a value that is a column of the plan's own rows, else NULL. Borrowed. */
static const snpy_field *
own_column(const snpy_plan *self, size_t value)
{
    PyObject *described = PyTuple_GET_ITEM(self->values, (Py_ssize_t)value);
    if (!PyTuple_Check(described) || PyTuple_GET_SIZE(described) != 3
        || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(described, 0), "column") != 0) {
        return NULL;
    }
    PyObject *depth = PyTuple_GET_ITEM(described, 1), *field = PyTuple_GET_ITEM(described, 2);
    bool own = PyLong_Check(depth) && PyLong_AsLong(depth) == 0 && Py_IS_TYPE(field, self->state->Field);
    return own ? (snpy_field *)field : NULL;
}

/* Notes that a value was read at rows: its cells, or all that it looks at. */
static void
note_value(snpy_plan *self, sn_node node, const sn_row *rows, size_t n)
{
    sn_frame *frame = snpy_frame(self->store);
    const snpy_field *field = NULL;
    if (!frame || node == SN_NO_NODE) {
        return;
    }
    for (size_t i = 0; i < self->program.values_len && n <= NOTED_CELLS && !field; i++) {
        field = self->program.values[i] == node ? own_column(self, i) : NULL;
    }
    if (!field) {
        sn_read_node(frame, self->program.ir.expr, node);
        return;
    }
    const sn_table *table = snpy_plan_model(self)->table;
    for (size_t i = 0; i < n; i++) {
        snpy_note_cell_now(field, rows[i], sn_table_get(table, rows[i], field->col));
    }
}

/* Notes what a value came to at one row, which can be asked again if the engine alone computes it. cell: NULL if there is none. */
static void
note_value_at(snpy_plan *self, sn_node node, sn_row row, const sn_cell *cell)
{
    sn_frame *frame = snpy_frame(self->store);
    const sn_table *table = snpy_plan_model(self)->table;
    if (!frame) {
        return;
    }
    if (self->hosts.n > 0 || !cell) {
        sn_read_node(frame, self->program.ir.expr, node);
    } else {
        bool taken = sn_read_value(frame, self->program.ir.expr, node, self, table, row, *cell);
        snpy_note_handle(taken, (PyObject *)self);
    }
}

/* A block of rows on their way to Python. */
typedef struct block {
    size_t at[BLOCK]; /* places in the result */
    sn_row rows[BLOCK];
    sn_cell cells[BLOCK];
    size_t n;
    size_t next; /* the place after the block */
    uint64_t revision;
} block;

/* Evaluates a value for the next live rows from place `start` on, at a time. */
static int
block_load(block *b, snpy_plan *self, int64_t at, snpy_rows *rows, size_t value, size_t start)
{
    if (snpy_plan_ready_at(self, at) < 0) {
        return -1;
    }
    b->n = 0;
    for (b->next = start; b->next < rows->rows.n && b->n < BLOCK; b->next++) {
        sn_row row = rows->rows.rows[b->next];
        if (snpy_rows_alive(rows, row)) {
            b->at[b->n] = b->next;
            b->rows[b->n++] = row;
        }
    }
    b->revision = sn_db_revision(self->store->db);
    snpy_program *p = &self->program;
    note_value(self, p->values[value], b->rows, b->n);
    return snpy_plan_status(
        self, sn_expr_eval(b->cells, p->ir.expr, p->values[value], snpy_plan_model(self)->table, b->rows, b->n));
}

/* Whether the cells of the block are what the engine still has. */
static inline bool
block_holds(const block *b, const snpy_plan *self)
{
    return self->store->db && sn_db_revision(self->store->engine) == b->revision && self->schema == self->store->schema;
}

/* Makes the objects of the block; stops early when something has changed. Returns the place to go on from, or SIZE_MAX. */
static size_t
block_unload(const block *b, snpy_plan *self, size_t value, PyObject *list)
{
    snpy_field *like = self->program.likes[value];
    for (size_t i = 0; i < b->n; i++) {
        if (i > 0 && !block_holds(b, self)) {
            return b->at[i];
        }
        PyObject *object = snpy_cell_out(like, b->cells[i]);
        if (!object) {
            return SIZE_MAX;
        }
        PyList_SET_ITEM(list, b->at[i], object);
    }
    return b->next;
}

/* One value over all rows; None for rows deleted since. New reference. */
static PyObject *
value_list(snpy_plan *self, int64_t at, size_t value, snpy_rows *rows)
{
    block b;
    size_t place = 0, n = rows->rows.n;
    PyObject *list = PyList_New((Py_ssize_t)n);
    if (!list) {
        return NULL;
    }
    PyObject_GC_UnTrack(list); /* half made, it is nobody's business */
    while (place < n) {
        if (block_load(&b, self, at, rows, value, place) < 0
            || (place = block_unload(&b, self, value, list)) == SIZE_MAX) {
            Py_DECREF(list);
            return NULL;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!PyList_GET_ITEM(list, i)) {
            PyList_SET_ITEM(list, i, Py_NewRef(Py_None));
        }
    }
    PyObject_GC_Track(list);
    return list;
}

PyObject *
snpy_plan_columns(PyObject *op, PyObject *object)
{
    snpy_plan *self = (snpy_plan *)op;
    snpy_rows *rows = snpy_plan_rows_argument(self, object);
    PyObject *columns = rows ? PyList_New(0) : NULL;
    int64_t at = self->timed && self->at == SNPY_NOW ? snpy_time(self->store) : self->at;
    for (Py_ssize_t i = 0; columns && i < PyTuple_GET_SIZE(self->values); i++) {
        PyObject *list = value_list(self, at, (size_t)i, rows);
        if (!list || PyList_Append(columns, list) < 0) {
            Py_CLEAR(columns);
        }
        Py_XDECREF(list);
    }
    return columns;
}

/* ---------------------------------------------------------------- one record */

PyObject *
snpy_plan_at(PyObject *op, PyObject *record)
{
    snpy_plan *self = (snpy_plan *)op;
    sn_cell cell;
    if ((PyObject *)Py_TYPE(record) != self->cls || PyTuple_GET_SIZE(self->values) == 0) {
        PyErr_Format(PyExc_TypeError, "expected a plan with a value, and a record of %s, not %R",
                     ((PyTypeObject *)self->cls)->tp_name, record);
        return NULL;
    }
    if (snpy_plan_ready(self) < 0) {
        return NULL;
    }
    if (!snpy_record_stored((snpy_record *)record)) {
        snpy_raise_deleted(record);
        return NULL;
    }
    const sn_table *table = snpy_plan_model(self)->table;
    const snpy_program *p = &self->program;
    sn_row row = ((snpy_record *)record)->row;
    sn_status status = sn_expr_eval(&cell, p->ir.expr, p->values[0], table, &row, 1);
    note_value_at(self, p->values[0], row, status == SN_OK ? &cell : NULL);
    if (snpy_plan_status(self, status) < 0) {
        return NULL;
    }
    return snpy_cell_out(p->likes[0], cell);
}

/* ---------------------------------------------------------------- targets */

static PyObject *
targets_of(snpy_plan *self, sn_node node, const snpy_rows *rows, size_t *offsets)
{
    sn_rows found = {0};
    const sn_table *to;
    snpy_model *model = snpy_plan_model(self);
    size_t n = rows->epoch == model->epoch ? rows->rows.n : 0; /* after a clear() the numbers mean nothing */
    sn_expr *expr = self->program.ir.expr;
    note_value(self, node, NULL, SIZE_MAX);
    sn_status status = sn_expr_targets(&found, offsets, &to, expr, node, model->table, rows->rows.rows, n);
    if (snpy_plan_status(self, status) < 0) {
        sn_rows_free(self->store->engine, &found);
        return NULL;
    }
    return snpy_rows_take(snpy_model_peek((PyTypeObject *)sn_table_tag(to)), &found);
}

PyObject *
snpy_plan_targets(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    PyObject *which, *object;
    sn_node node;
    snpy_field *like;
    if (!PyArg_ParseTuple(args, "OO:targets", &which, &object)) {
        return NULL;
    }
    snpy_rows *rows = snpy_plan_rows_argument(self, object);
    if (!rows || snpy_plan_ready(self) < 0 || snpy_plan_value(self, which, &node, &like) < 0) {
        return NULL;
    }
    size_t n = rows->rows.n, *offsets = PyMem_Calloc(n + 1, sizeof *offsets);
    if (!offsets) {
        return PyErr_NoMemory();
    }
    PyObject *found = targets_of(self, node, rows, offsets);
    PyObject *starts = found ? snpy_offset_list(offsets, n + 1) : NULL;
    PyObject *result = starts ? PyTuple_Pack(2, found, starts) : NULL;
    PyMem_Free(offsets);
    Py_XDECREF(found);
    Py_XDECREF(starts);
    return result;
}

/* ---------------------------------------------------------------- aggregates and groups */

PyObject *
snpy_plan_aggregate(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    PyObject *name, *which, *object, *result = NULL;
    sn_agg_op operation;
    sn_node node;
    snpy_field *like;
    snpy_live live;
    sn_cell cell;
    sn_type type;
    if (!PyArg_ParseTuple(args, "UOO:aggregate", &name, &which, &object)
        || snpy_ir_aggregate_op(&operation, name) < 0) {
        return NULL;
    }
    snpy_rows *rows = snpy_plan_rows_argument(self, object);
    if (!rows || snpy_plan_ready(self) < 0 || snpy_plan_value(self, which, &node, &like) < 0) {
        return NULL;
    }
    int status = snpy_rows_live(&live, rows);
    if (status == 0) {
        note_value(self, node, live.rows, live.n);
        status = snpy_plan_status(self, sn_query_aggregate(&cell, &type, operation, self->program.ir.expr, node,
                                                           snpy_plan_model(self)->table, live.rows, live.n));
    }
    if (status == 0) {
        like = snpy_ir_like(self->state, operation == SN_COUNT ? NULL : like, type);
        result = snpy_cell_out(like, cell);
    }
    snpy_rows_release(&live, rows);
    return result;
}

/* The nodes of the values that a sequence of numbers names, as a PyMem array. */
static sn_node *
key_nodes(snpy_plan *self, PyObject *keys)
{
    snpy_field *like;
    Py_ssize_t n = PyTuple_GET_SIZE(keys);
    sn_node *nodes = PyMem_New(sn_node, (size_t)n + 1);
    if (!nodes) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *key = PyTuple_GET_ITEM(keys, i);
        if (key == Py_None) {
            PyErr_SetString(PyExc_TypeError, "group() takes numbers of values");
        }
        if (key == Py_None || snpy_plan_value(self, key, &nodes[i], &like) < 0) {
            PyMem_Free(nodes);
            return NULL;
        }
    }
    return nodes;
}

/* Spreads group numbers of the live rows over all rows, from the back. */
static void
spread_groups(uint32_t *groups, snpy_rows *rows, size_t live)
{
    for (size_t i = rows->rows.n; live < i;) { /* when as many live as are left, all of them do */
        i--;
        groups[i] = snpy_rows_alive(rows, rows->rows.rows[i]) ? groups[--live] : UINT32_MAX;
    }
}

/* Group numbers of all rows, in `groups`; the groups' first rows. 0 or -1. */
static int
group_rows(snpy_plan *self, snpy_rows *rows, PyObject *keys, uint32_t *groups, sn_rows *firsts)
{
    snpy_live live;
    if (snpy_plan_ready(self) < 0) {
        return -1;
    }
    sn_node *nodes = key_nodes(self, keys);
    if (!nodes) {
        return -1;
    }
    int result = snpy_rows_live(&live, rows);
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(keys); i++) {
        note_value(self, nodes[i], live.rows, live.n);
    }
    if (result == 0) {
        result = snpy_plan_status(self, sn_query_group(groups, firsts, self->program.ir.expr, nodes,
                                                       (size_t)PyTuple_GET_SIZE(keys), snpy_plan_model(self)->table,
                                                       live.rows, live.n));
    }
    if (result == 0) {
        spread_groups(groups, rows, live.n);
    }
    snpy_rows_release(&live, rows);
    PyMem_Free(nodes);
    return result;
}

/* Bytes as a memoryview of unsigned ints. New reference. */
static PyObject *
view_of_numbers(PyObject *bytes)
{
    PyObject *view = PyMemoryView_FromObject(bytes);
    PyObject *cast = view ? PyUnicode_InternFromString("cast") : NULL;
    PyObject *format = cast ? PyUnicode_InternFromString("I") : NULL;
    PyObject *typed = format ? PyObject_CallMethodOneArg(view, cast, format) : NULL;
    Py_XDECREF(format);
    Py_XDECREF(cast);
    Py_XDECREF(view);
    return typed;
}

PyObject *
snpy_plan_group(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    PyObject *given, *object, *first_rows = NULL, *view = NULL;
    sn_rows firsts = {0};
    if (!PyArg_ParseTuple(args, "OO:group", &given, &object)) {
        return NULL;
    }
    snpy_rows *rows = snpy_plan_rows_argument(self, object);
    PyObject *keys = rows ? PySequence_Tuple(given) : NULL;
    PyObject *bytes = keys ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(rows->rows.n * sizeof(uint32_t))) : NULL;
    if (!bytes) {
        Py_XDECREF(keys);
        return NULL;
    }
    if (group_rows(self, rows, keys, (uint32_t *)PyBytes_AS_STRING(bytes), &firsts) < 0) {
        sn_rows_free(self->store->engine, &firsts);
    } else {
        first_rows = snpy_rows_take_life(snpy_plan_model(self), &firsts, rows->life);
        view = first_rows ? view_of_numbers(bytes) : NULL;
    }
    PyObject *result = view ? PyTuple_Pack(2, first_rows, view) : NULL;
    Py_XDECREF(view);
    Py_XDECREF(first_rows);
    Py_DECREF(bytes);
    Py_DECREF(keys);
    return result;
}

/* The rows that still live and their group numbers, side by side. */
typedef struct members {
    sn_row *rows;
    uint32_t *groups;
    size_t n;
} members;

static void
members_fini(members *m)
{
    PyMem_Free(m->rows);
    PyMem_Free(m->groups);
}

static int
members_init(members *m, snpy_rows *rows, const uint32_t *groups, size_t count)
{
    *m = (members){PyMem_New(sn_row, rows->rows.n + 1), PyMem_New(uint32_t, rows->rows.n + 1), 0};
    if (!m->rows || !m->groups) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < rows->rows.n; i++) {
        if (groups[i] < count && snpy_rows_alive(rows, rows->rows.rows[i])) {
            m->rows[m->n] = rows->rows.rows[i];
            m->groups[m->n++] = groups[i];
        }
    }
    return 0;
}

/* A list of what the cells mean. The cells are borrowed: each gets an owner before any object is made. */
static PyObject *
cells_out(snpy_plan *self, snpy_field *like, sn_cell *cells, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < n; i++) {
        snpy_cell_copy(&cells[i], self->store, like, cells[i]);
    }
    for (size_t i = 0; i < n; i++) {
        PyObject *object = list ? snpy_cell_out(like, cells[i]) : NULL;
        if (list && (!object || PyList_Append(list, object) < 0)) {
            Py_CLEAR(list);
        }
        Py_XDECREF(object);
        snpy_cell_release(self->store, like, cells[i]);
    }
    snpy_drain(self->store);
    return list;
}

static PyObject *
aggregate_groups(snpy_plan *self, sn_agg_op operation, PyObject *which, snpy_rows *rows, const uint32_t *groups,
                 size_t count)
{
    members m = {0};
    sn_node node;
    snpy_field *like;
    sn_type type;
    PyObject *result = NULL;
    sn_cell *cells = PyMem_New(sn_cell, count + 1);
    if (!cells) {
        return PyErr_NoMemory();
    }
    bool ready = snpy_plan_ready(self) == 0 && snpy_plan_value(self, which, &node, &like) == 0
                 && members_init(&m, rows, groups, count) == 0;
    if (ready) {
        note_value(self, node, m.rows, m.n);
    }
    if (ready
        && snpy_plan_status(self, sn_query_group_aggregate(cells, &type, operation, self->program.ir.expr, node,
                                                           snpy_plan_model(self)->table, m.rows, m.groups, m.n, count))
               == 0) {
        result = cells_out(self, snpy_ir_like(self->state, operation == SN_COUNT ? NULL : like, type), cells, count);
    }
    members_fini(&m);
    PyMem_Free(cells);
    return result;
}

PyObject *
snpy_plan_group_aggregate(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    PyObject *name, *which, *object, *groups, *result = NULL;
    Py_ssize_t count;
    sn_agg_op operation;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "UOOOn:group_aggregate", &name, &which, &object, &groups, &count)
        || snpy_ir_aggregate_op(&operation, name) < 0) {
        return NULL;
    }
    snpy_rows *rows = snpy_plan_rows_argument(self, object);
    if (!rows || PyObject_GetBuffer(groups, &view, PyBUF_CONTIG_RO | PyBUF_FORMAT) < 0) {
        return NULL;
    }
    if (count < 0 || view.itemsize != sizeof(uint32_t) || (size_t)view.len != rows->rows.n * sizeof(uint32_t)) {
        PyErr_SetString(PyExc_ValueError, "group_aggregate() takes what group() gave for the same rows");
    } else {
        result = aggregate_groups(self, operation, which, rows, view.buf, (size_t)count);
    }
    PyBuffer_Release(&view);
    return result;
}
