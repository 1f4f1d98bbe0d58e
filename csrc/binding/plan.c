/*
 * plan.c - Plan: a compiled query, and what is computed over its rows.
 *
 * A Plan keeps what it was made from (model, conditions, orders and values as plain data, and the source) beside what that
 * compiles to. Like a Path it compiles itself again when the store's schema has changed since. The source is looked at
 * anew by each run: a record that has been deleted raises, rows deleted since are passed over.
 *
 *   run         one call of the engine; its rows become a Rows
 *   columns     values in blocks of BLOCK rows. The engine's cells are borrowed, and making Python objects may run any code;
 *               so before each object the database's revision is compared, and when it has changed the rest of the block is
 *               looked at again.
 *   aggregates  one call of the engine over the live rows; groups travel as a memoryview of numbers
 *   hosts       values that Python computed beforehand, a cell for each position of a table. They are good as long as
 *               positions are, so a plan that has some pins the database; after clear() they mean nothing and read as null.
 *
 * No pointer into a row is kept while Python code may run, and every run starts with snpy_plan_ready's checks.
 */
#include "snpy.h"

#define BLOCK 256

typedef struct host {
    unsigned slot;
    snpy_field *like; // borrowed: a plain field of the state
    PyObject *cls;    /* owned: of the table whose positions count */
    uint32_t epoch;
    sn_cell *cells;
    size_t n;
} host;

/* What compiling makes. */
typedef struct program {
    snpy_ir ir;
    sn_node where;
    sn_order *order;
    size_t order_len;
    sn_node *values;
    snpy_field **likes; // borrowed: kept by ir, or plain
    size_t values_len;
} program;

typedef struct plan {
    PyObject_HEAD
    snpy_state *state;
    snpy_store *store;                         /* owned */
    PyObject *cls;                             /* owned */
    PyObject *where, *order, *values, *source; /* owned; plain data */
    size_t offset, limit;
    program program;
    bool compiled;
    uint64_t schema; /* of the store when compiled */
    host *hosts;
    size_t hosts_len;
} plan;

static inline snpy_model *
model_of(const plan *self)
{
    return snpy_model_peek((PyTypeObject *)self->cls);
}

static int
check_status(plan *self, sn_status status)
{
    return status == SN_OK ? 0 : snpy_raise_status(self->store, status);
}

/* ---------------------------------------------------------------- compiling */

static void
program_fini(program *p)
{
    PyMem_Free(p->order);
    PyMem_Free(p->values);
    PyMem_Free(p->likes);
    snpy_ir_fini(&p->ir);
}

static int
compile_values(program *p, PyObject *values)
{
    size_t n = (size_t)PyTuple_GET_SIZE(values);
    p->values = PyMem_New(sn_node, n + 1);
    p->likes = PyMem_New(snpy_field *, n + 1);
    if (!p->values || !p->likes) {
        PyErr_NoMemory();
        return -1;
    }
    for (; p->values_len < n; p->values_len++) {
        size_t i = p->values_len;
        p->values[i] = snpy_ir_value(&p->ir, PyTuple_GET_ITEM(values, i), &p->likes[i]);
        if (p->values[i] == SN_NO_NODE) {
            return -1;
        }
    }
    return 0;
}

static int
compile_program(program *p, const plan *self)
{
    if (snpy_ir_init(&p->ir, self->store) < 0) {
        return -1;
    }
    p->where = snpy_ir_predicate(&p->ir, self->where);
    if (PyErr_Occurred() || snpy_ir_order(&p->ir, self->order, &p->order, &p->order_len) < 0) {
        return -1;
    }
    return compile_values(p, self->values);
}

/* Gives the engine the cells of all hosts. */
static int
set_hosts(plan *self)
{
    for (size_t i = 0; i < self->hosts_len; i++) {
        const host *h = &self->hosts[i];
        bool current = h->epoch == snpy_model_peek((PyTypeObject *)h->cls)->epoch;
        sn_status status = sn_expr_set_host(self->program.ir.expr, h->slot, h->cells, current ? h->n : 0);
        if (check_status(self, status) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
plan_compile(plan *self)
{
    program fresh = {0};
    uint64_t schema = self->store->schema;
    if (compile_program(&fresh, self) < 0) {
        program_fini(&fresh);
        return -1;
    }
    program old = self->program;
    bool had_one = self->compiled;
    self->program = fresh;
    self->compiled = true;
    self->schema = schema;
    if (had_one) {
        program_fini(&old);
    }
    return 0;
}

/* Makes the program and its hosts current. Afterwards no Python code has run since the last check. 0 or -1. */
static int
plan_ready(plan *self)
{
    while (self->store->db && (!self->compiled || self->schema != self->store->schema)) {
        if (plan_compile(self) < 0) {
            return -1;
        }
    }
    if (!snpy_store_open(self->store)) {
        return -1;
    }
    return self->hosts_len ? set_hosts(self) : 0;
}

/* ---------------------------------------------------------------- running */

/* The query of this moment. `live` is to be released afterwards. 0 or -1. */
static int
make_query(plan *self, sn_query *q, snpy_live *live)
{
    *live = (snpy_live){NULL, 0, {0}};
    *q = (sn_query){.table = model_of(self)->table,
                    .source = SN_FROM_TABLE,
                    .expr = self->program.ir.expr,
                    .where = self->program.where,
                    .order = self->program.order,
                    .order_len = self->program.order_len,
                    .offset = self->offset,
                    .limit = self->limit};
    if (self->source == Py_None) {
        return 0;
    }
    if (Py_IS_TYPE(self->source, self->state->Rows)) {
        q->source = SN_FROM_ROWS;
        int result = snpy_rows_live(live, (snpy_rows *)self->source);
        q->rows = live->rows;
        q->rows_len = live->n;
        return result;
    }
    snpy_path *path = (snpy_path *)PyTuple_GET_ITEM(self->source, 0);
    q->source = SN_FROM_PATH;
    q->path = path->path;
    return snpy_path_row(&q->from, path, PyTuple_GET_ITEM(self->source, 1));
}

static void
release_live(plan *self, snpy_live *live)
{
    sn_rows_free(self->store->engine, &live->copy);
}

/* Whatever a run needs that may execute Python code. */
static int
prepare(plan *self)
{
    if (!PyTuple_Check(self->source)) {
        return plan_ready(self);
    }
    snpy_path *path = (snpy_path *)PyTuple_GET_ITEM(self->source, 0);
    do {
        if (snpy_path_ready(path) < 0 || plan_ready(self) < 0) {
            return -1;
        }
    } while (path->schema != self->store->schema);
    return 0;
}

/* Runs with at most `limit` rows. The rows are the caller's. 0 or -1. */
static int
run(plan *self, size_t limit, sn_rows *out, sn_plan *report)
{
    sn_query q;
    snpy_live live;
    *out = (sn_rows){0};
    if (prepare(self) < 0) {
        return -1;
    }
    int result = make_query(self, &q, &live);
    if (result == 0) {
        q.limit = limit < q.limit ? limit : q.limit;
        result = check_status(self, sn_query_run(out, self->store->db, &q, report));
    }
    release_live(self, &live);
    if (result < 0) {
        sn_rows_free(self->store->engine, out);
    }
    return result;
}

static PyObject *
plan_rows(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    plan *self = (plan *)op;
    sn_rows rows;
    return run(self, SIZE_MAX, &rows, NULL) < 0 ? NULL : snpy_rows_take(model_of(self), &rows);
}

static PyObject *
plan_first(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    plan *self = (plan *)op;
    sn_rows rows;
    if (run(self, 1, &rows, NULL) < 0) {
        return NULL;
    }
    sn_row row = rows.n > 0 ? rows.rows[0] : SN_NO_ROW;
    sn_rows_free(self->store->engine, &rows);
    return row == SN_NO_ROW ? Py_NewRef(Py_None) : snpy_record_for(model_of(self), row);
}

static int
count_rows(plan *self, size_t stop_at, size_t *count)
{
    sn_query q;
    snpy_live live;
    if (prepare(self) < 0) {
        return -1;
    }
    int result = make_query(self, &q, &live);
    if (result == 0) {
        result = check_status(self, sn_query_count(count, self->store->db, &q, stop_at, NULL));
    }
    release_live(self, &live);
    return result;
}

static PyObject *
plan_count(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    size_t count;
    return count_rows((plan *)op, SIZE_MAX, &count) < 0 ? NULL : PyLong_FromSize_t(count);
}

static PyObject *
plan_exists(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    size_t count;
    return count_rows((plan *)op, 1, &count) < 0 ? NULL : PyBool_FromLong(count > 0);
}

/* The names of an index's fields, or None. New reference. */
static PyObject *
index_names(const sn_index *index)
{
    if (!index) {
        Py_RETURN_NONE;
    }
    PyObject *fields = ((snpy_index *)sn_index_tag(index))->fields;
    PyObject *names = PyTuple_New(PyTuple_GET_SIZE(fields));
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(fields); i++) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(snpy_field_at(fields, i)->name));
    }
    return names;
}

static PyObject *
plan_explain(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    static const char *const access[] = {
        [SN_ACCESS_SCAN] = "scan",         [SN_ACCESS_PROBE] = "probe",       [SN_ACCESS_POSTINGS] = "postings",
        [SN_ACCESS_RANGE] = "range",       [SN_ACCESS_SEMIJOIN] = "semijoin", [SN_ACCESS_PATH] = "path",
        [SN_ACCESS_ROWS] = "rows",         [SN_ACCESS_EMPTY] = "empty",
    };
    plan *self = (plan *)op;
    sn_rows rows;
    sn_plan report = {0};
    if (run(self, SIZE_MAX, &rows, &report) < 0) {
        return NULL;
    }
    sn_rows_free(self->store->engine, &rows);
    PyObject *names = index_names(report.index);
    if (!names) {
        return NULL;
    }
    return Py_BuildValue("{sssNsNsNsnsn}", "access", access[report.access], "index", names, "ordered_by_index",
                         PyBool_FromLong(report.ordered_by_index), "sorted", PyBool_FromLong(report.sorted), "examined",
                         (Py_ssize_t)report.examined, "found", (Py_ssize_t)report.found);
}

/* ---------------------------------------------------------------- columns */

/* The Rows of this plan's model that a caller gives. Borrowed, NULL with an exception. */
static snpy_rows *
rows_argument(plan *self, PyObject *object)
{
    if (!Py_IS_TYPE(object, self->state->Rows) || ((snpy_rows *)object)->cls != self->cls) {
        PyErr_Format(PyExc_TypeError, "expected Rows of %s", ((PyTypeObject *)self->cls)->tp_name);
        return NULL;
    }
    return (snpy_rows *)object;
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

/* Evaluates a value for the next live rows from place `start` on. */
static int
block_load(block *b, plan *self, snpy_rows *rows, size_t value, size_t start)
{
    if (plan_ready(self) < 0) {
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
    program *p = &self->program;
    return check_status(self,
                        sn_expr_eval(b->cells, p->ir.expr, p->values[value], model_of(self)->table, b->rows, b->n));
}

/* Whether the cells of the block are what the engine still has. */
static inline bool
block_holds(const block *b, const plan *self)
{
    return self->store->db && sn_db_revision(self->store->engine) == b->revision && self->schema == self->store->schema;
}

/* Makes the objects of the block; stops early when something has changed. Returns the place to go on from, or SIZE_MAX. */
static size_t
block_unload(const block *b, plan *self, size_t value, PyObject *list)
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
value_list(plan *self, size_t value, snpy_rows *rows)
{
    block b;
    size_t place = 0, n = rows->rows.n;
    PyObject *list = PyList_New((Py_ssize_t)n);
    if (!list) {
        return NULL;
    }
    PyObject_GC_UnTrack(list); /* half made, it is nobody's business */
    while (place < n) {
        if (block_load(&b, self, rows, value, place) < 0 || (place = block_unload(&b, self, value, list)) == SIZE_MAX) {
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

static PyObject *
plan_columns(PyObject *op, PyObject *object)
{
    plan *self = (plan *)op;
    snpy_rows *rows = rows_argument(self, object);
    PyObject *columns = rows ? PyList_New(0) : NULL;
    for (Py_ssize_t i = 0; columns && i < PyTuple_GET_SIZE(self->values); i++) {
        PyObject *list = value_list(self, (size_t)i, rows);
        if (!list || PyList_Append(columns, list) < 0) {
            Py_CLEAR(columns);
        }
        Py_XDECREF(list);
    }
    return columns;
}

/* ---------------------------------------------------------------- aggregates and groups */

/* The number of one of `values`; None is SN_NO_NODE and *like NULL. Call when ready. 0 or -1. */
static int
value_argument(plan *self, PyObject *object, sn_node *node, snpy_field **like)
{
    *node = SN_NO_NODE;
    *like = NULL;
    if (object == Py_None) {
        return 0;
    }
    Py_ssize_t i = PyLong_AsSsize_t(object); /* of an int: runs no Python code */
    if (i == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (i < 0 || (size_t)i >= self->program.values_len) {
        PyErr_Format(PyExc_IndexError, "the plan has no value number %zd", i);
        return -1;
    }
    *node = self->program.values[i];
    *like = self->program.likes[i];
    return 0;
}

static PyObject *
plan_aggregate(PyObject *op, PyObject *args)
{
    plan *self = (plan *)op;
    PyObject *name, *which, *object, *result = NULL;
    sn_agg_op operation;
    sn_node node;
    snpy_field *like;
    snpy_live live;
    sn_cell cell;
    sn_type type;
    if (!PyArg_ParseTuple(args, "UOO:aggregate", &name, &which, &object) || snpy_ir_aggregate_op(&operation, name) < 0) {
        return NULL;
    }
    snpy_rows *rows = rows_argument(self, object);
    if (!rows || plan_ready(self) < 0 || value_argument(self, which, &node, &like) < 0) {
        return NULL;
    }
    int status = snpy_rows_live(&live, rows);
    if (status == 0) {
        status = check_status(self, sn_query_aggregate(&cell, &type, operation, self->program.ir.expr, node,
                                                       model_of(self)->table, live.rows, live.n));
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
key_nodes(plan *self, PyObject *keys)
{
    snpy_field *like;
    Py_ssize_t n = PyTuple_GET_SIZE(keys);
    sn_node *nodes = PyMem_New(sn_node, (size_t)n + 1);
    if (!nodes) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (value_argument(self, PyTuple_GET_ITEM(keys, i), &nodes[i], &like) < 0 || nodes[i] == SN_NO_NODE) {
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
    for (size_t i = rows->rows.n; live < rows->rows.n && i-- > 0;) {
        groups[i] = snpy_rows_alive(rows, rows->rows.rows[i]) ? groups[--live] : UINT32_MAX;
        if (live == i) {
            break; /* all before are alive */
        }
    }
}

/* Group numbers of all rows, in `groups`; the groups' first rows. 0 or -1. */
static int
group_rows(plan *self, snpy_rows *rows, PyObject *keys, uint32_t *groups, sn_rows *firsts)
{
    snpy_live live;
    if (plan_ready(self) < 0) {
        return -1;
    }
    sn_node *nodes = key_nodes(self, keys);
    if (!nodes) {
        return -1;
    }
    int result = snpy_rows_live(&live, rows);
    if (result == 0) {
        result = check_status(self, sn_query_group(groups, firsts, self->program.ir.expr, nodes,
                                                   (size_t)PyTuple_GET_SIZE(keys), model_of(self)->table, live.rows,
                                                   live.n));
    }
    if (result == 0) {
        spread_groups(groups, rows, live.n);
    }
    snpy_rows_release(&live, rows);
    PyMem_Free(nodes);
    return result;
}

static PyObject *
plan_group(PyObject *op, PyObject *args)
{
    plan *self = (plan *)op;
    PyObject *given, *object, *first_rows = NULL, *view = NULL, *typed = NULL;
    sn_rows firsts = {0};
    if (!PyArg_ParseTuple(args, "OO:group", &given, &object)) {
        return NULL;
    }
    snpy_rows *rows = rows_argument(self, object);
    PyObject *keys = rows ? PySequence_Tuple(given) : NULL;
    PyObject *bytes = keys ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(rows->rows.n * sizeof(uint32_t))) : NULL;
    if (!bytes) {
        Py_XDECREF(keys);
        return NULL;
    }
    if (group_rows(self, rows, keys, (uint32_t *)PyBytes_AS_STRING(bytes), &firsts) < 0) {
        sn_rows_free(self->store->engine, &firsts);
    } else {
        first_rows = snpy_rows_take(model_of(self), &firsts);
        view = first_rows ? PyMemoryView_FromObject(bytes) : NULL;
        typed = view ? PyObject_CallMethod(view, "cast", "s", "I") : NULL;
    }
    PyObject *result = typed ? PyTuple_Pack(2, first_rows, typed) : NULL;
    Py_XDECREF(typed);
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
cells_out(plan *self, snpy_field *like, sn_cell *cells, size_t n)
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
aggregate_groups(plan *self, sn_agg_op operation, PyObject *which, snpy_rows *rows, const uint32_t *groups, size_t count)
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
    if (plan_ready(self) == 0 && value_argument(self, which, &node, &like) == 0
        && members_init(&m, rows, groups, count) == 0
        && check_status(self, sn_query_group_aggregate(cells, &type, operation, self->program.ir.expr, node,
                                                       model_of(self)->table, m.rows, m.groups, m.n, count))
               == 0) {
        result = cells_out(self, snpy_ir_like(self->state, operation == SN_COUNT ? NULL : like, type), cells, count);
    }
    members_fini(&m);
    PyMem_Free(cells);
    return result;
}

static PyObject *
plan_group_aggregate(PyObject *op, PyObject *args)
{
    plan *self = (plan *)op;
    PyObject *name, *which, *object, *groups, *result = NULL;
    Py_ssize_t count;
    sn_agg_op operation;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "UOOOn:group_aggregate", &name, &which, &object, &groups, &count)
        || snpy_ir_aggregate_op(&operation, name) < 0) {
        return NULL;
    }
    snpy_rows *rows = rows_argument(self, object);
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

/* ---------------------------------------------------------------- hosts */

static void
host_fini(host *h, snpy_store *store)
{
    for (size_t i = 0; i < h->n; i++) {
        snpy_cell_release(store, h->like, h->cells[i]);
    }
    PyMem_Free(h->cells);
    Py_CLEAR(h->cls);
}

/* Spreads n cells over `positions` cells by row, the rest null. False, and nothing done, when the rows are not n. */
static bool
spread_host(host *h, const sn_cell *cells, size_t n, snpy_model *model, snpy_rows *rows)
{
    if (n != (rows ? rows->rows.n : sn_table_count(model->table))) {
        return false;
    }
    for (size_t i = 0; i < h->n; i++) {
        h->cells[i] = SN_NULL_CELL;
    }
    sn_row row = 0;
    for (size_t i = 0; i < n; i++) {
        while (!rows && !sn_table_alive(model->table, row)) {
            row++;
        }
        h->cells[rows ? rows->rows.rows[i] : row++] = cells[i];
    }
    return true;
}

/* Converts the values of a host. On success *out is a PyMem array of as many owned cells. */
static int
host_values(plan *self, snpy_field *like, PyObject *values, sn_cell **out)
{
    size_t n = (size_t)PyTuple_GET_SIZE(values), done = 0;
    sn_cell *cells = PyMem_New(sn_cell, n + 1);
    if (!cells) {
        PyErr_NoMemory();
        return -1;
    }
    while (done < n && snpy_cell_probe(&cells[done], self->store, like, PyTuple_GET_ITEM(values, done)) == 0) {
        done++;
    }
    if (done == n) {
        *out = cells;
        return 0;
    }
    while (done-- > 0) {
        snpy_cell_release(self->store, like, cells[done]);
    }
    PyMem_Free(cells);
    return -1;
}

/* Puts the host in place of one with its slot, or appends it. It is taken over on success. */
static int
install_host(plan *self, const host *h)
{
    for (size_t i = 0; i < self->hosts_len; i++) {
        if (self->hosts[i].slot == h->slot) {
            host old = self->hosts[i];
            self->hosts[i] = *h;
            host_fini(&old, self->store);
            return 0;
        }
    }
    host *hosts = PyMem_Realloc(self->hosts, (self->hosts_len + 1) * sizeof *hosts);
    if (!hosts) {
        PyErr_NoMemory();
        return -1;
    }
    if (self->hosts_len == 0) {
        sn_db_pin(self->store->engine);
    }
    self->hosts = hosts;
    self->hosts[self->hosts_len++] = *h;
    return 0;
}

static int
make_host(plan *self, host *h, snpy_model *model, snpy_rows *rows, PyObject *values)
{
    sn_cell *cells;
    size_t n = (size_t)PyTuple_GET_SIZE(values);
    if (host_values(self, h->like, values, &cells) < 0) {
        return -1;
    }
    h->n = sn_table_positions(model->table);
    h->cells = PyMem_New(sn_cell, h->n + 1);
    h->epoch = model->epoch;
    bool current = !rows || rows->epoch == model->epoch;
    if (!h->cells || !current || !spread_host(h, cells, n, model, rows)) {
        for (size_t i = 0; i < n; i++) {
            snpy_cell_release(self->store, h->like, cells[i]);
        }
        if (h->cells) {
            PyErr_SetString(PyExc_ValueError, "set_host() takes one value for each row");
        } else {
            PyErr_NoMemory();
        }
        PyMem_Free(h->cells);
        PyMem_Free(cells);
        return -1;
    }
    PyMem_Free(cells);
    return 0;
}

/* The plain field of a host slot. Borrowed, NULL with an exception. */
static snpy_field *
slot_like(plan *self, unsigned slot)
{
    PyObject *number = PyLong_FromUnsignedLong(slot);
    PyObject *like = number ? PyDict_GetItemWithError(self->program.ir.hosts, number) : NULL;
    Py_XDECREF(number);
    if (!like && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "the plan has no host slot %u", slot);
    }
    return (snpy_field *)like;
}

static PyObject *
plan_set_host(PyObject *op, PyObject *args)
{
    plan *self = (plan *)op;
    PyObject *cls, *object, *given;
    host h = {0};
    if (!PyArg_ParseTuple(args, "IOOO:set_host", &h.slot, &cls, &object, &given)) {
        return NULL;
    }
    snpy_model *model = snpy_is_model(self->state, cls) ? snpy_model_peek((PyTypeObject *)cls) : NULL;
    bool right = model && model->store == self->store
                 && (object == Py_None
                     || (Py_IS_TYPE(object, self->state->Rows) && ((snpy_rows *)object)->cls == cls));
    if (!right) {
        PyErr_SetString(PyExc_TypeError, "set_host() takes a slot, a model of this store, its Rows or None, and values");
        return NULL;
    }
    PyObject *values = PySequence_Tuple(given);
    if (!values || plan_ready(self) < 0 || !(h.like = slot_like(self, h.slot))
        || make_host(self, &h, model, object == Py_None ? NULL : (snpy_rows *)object, values) < 0) {
        Py_XDECREF(values);
        return NULL;
    }
    Py_DECREF(values);
    h.cls = Py_NewRef(cls);
    if (install_host(self, &h) < 0) {
        host_fini(&h, self->store);
        return NULL;
    }
    snpy_drain(self->store);
    Py_RETURN_NONE;
}

static PyObject *
plan_kind(PyObject *op, PyObject *which)
{
    plan *self = (plan *)op;
    sn_node node;
    snpy_field *like;
    if (plan_ready(self) < 0 || value_argument(self, which, &node, &like) < 0) {
        return NULL;
    }
    return like ? PyUnicode_FromString(snpy_conversions[like->kind].name) : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- the type */

/* None, Rows of the model, or (Path to the model, record). 0 or -1. */
static int
check_source(plan *self, PyObject *source)
{
    snpy_state *st = self->state;
    if (source == Py_None || (Py_IS_TYPE(source, st->Rows) && ((snpy_rows *)source)->cls == self->cls)) {
        return 0;
    }
    if (PyTuple_Check(source) && PyTuple_GET_SIZE(source) == 2
        && Py_IS_TYPE(PyTuple_GET_ITEM(source, 0), st->Path)) {
        snpy_path *path = (snpy_path *)PyTuple_GET_ITEM(source, 0);
        if (path->target == self->cls && path->store == self->store) {
            return 0;
        }
    }
    PyErr_SetString(PyExc_TypeError, "a plan's source is None, Rows of its model or a (Path, record) that leads to it");
    return -1;
}

static int
parse_bounds(plan *self, PyObject *offset, PyObject *limit)
{
    self->offset = 0;
    self->limit = SIZE_MAX;
    if (offset) {
        self->offset = PyLong_AsSize_t(offset);
    }
    if (!PyErr_Occurred() && limit != Py_None) {
        self->limit = PyLong_AsSize_t(limit);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *
plan_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "where", "order", "offset", "limit", "values", "source", NULL};
    PyObject *cls, *where = Py_None, *order = NULL, *offset = NULL, *limit = Py_None, *values = NULL, *source = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOOOO:Plan", names, &cls, &where, &order, &offset, &limit,
                                     &values, &source)) {
        return NULL;
    }
    snpy_model *model = snpy_model_of(cls);
    plan *self = model ? (plan *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        return NULL;
    }
    self->state = snpy_state_of(type);
    self->store = (snpy_store *)Py_NewRef(model->store);
    self->cls = Py_NewRef(cls);
    self->where = Py_NewRef(where);
    self->source = Py_NewRef(source);
    self->order = order ? PySequence_Tuple(order) : PyTuple_New(0);
    self->values = self->order ? (values ? PySequence_Tuple(values) : PyTuple_New(0)) : NULL;
    if (!self->values || parse_bounds(self, offset, limit) < 0 || check_source(self, source) < 0
        || plan_ready(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
plan_traverse(PyObject *op, visitproc visit, void *arg)
{
    plan *self = (plan *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->store);
    Py_VISIT(self->cls);
    Py_VISIT(self->where);
    Py_VISIT(self->order);
    Py_VISIT(self->values);
    Py_VISIT(self->source);
    Py_VISIT(self->program.ir.keep);
    Py_VISIT(self->program.ir.hosts);
    for (size_t i = 0; i < self->hosts_len; i++) {
        Py_VISIT(self->hosts[i].cls);
    }
    return 0;
}

static void
plan_dealloc(PyObject *op)
{
    plan *self = (plan *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (self->compiled) {
        program_fini(&self->program);
    }
    if (self->hosts_len > 0) {
        sn_db_unpin(self->store->engine);
    }
    for (size_t i = 0; i < self->hosts_len; i++) {
        host_fini(&self->hosts[i], self->store);
    }
    PyMem_Free(self->hosts);
    Py_XDECREF(self->where);
    Py_XDECREF(self->order);
    Py_XDECREF(self->values);
    Py_XDECREF(self->source);
    Py_XDECREF(self->cls);
    Py_XDECREF(self->store);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef plan_methods[] = {
    {"rows", plan_rows, METH_NOARGS, "Runs the query."},
    {"first", plan_first, METH_NOARGS, "The first record, or None."},
    {"count", plan_count, METH_NOARGS, "How many rows there are."},
    {"exists", plan_exists, METH_NOARGS, "Whether there are rows."},
    {"columns", plan_columns, METH_O, "The values over rows, a list for each."},
    {"aggregate", plan_aggregate, METH_VARARGS, "One aggregate of a value over rows."},
    {"group", plan_group, METH_VARARGS, "Groups rows by values."},
    {"group_aggregate", plan_group_aggregate, METH_VARARGS, "One aggregate for each group."},
    {"set_host", plan_set_host, METH_VARARGS, "Gives the values of a host slot."},
    {"explain", plan_explain, METH_NOARGS, "Runs the query and tells how."},
    {"kind", plan_kind, METH_O, "The kind of a value."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef plan_members[] = {
    {"model", T_OBJECT, offsetof(plan, cls), READONLY, "The class of the records."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "A compiled query."},
    {Py_tp_new, plan_new},
    {Py_tp_traverse, plan_traverse},
    {Py_tp_dealloc, plan_dealloc},
    {Py_tp_methods, plan_methods},
    {Py_tp_members, plan_members},
    {0, NULL},
};

static PyType_Spec plan_spec = {
    .name = "sinew._engine.Plan",
    .basicsize = sizeof(plan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plan_slots,
};

int
snpy_init_plan(PyObject *module, snpy_state *st)
{
    st->Plan = snpy_add_type(module, &plan_spec);
    return st->Plan ? 0 : -1;
}
