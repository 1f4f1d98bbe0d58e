/*
 * plan.c - Plan: a compiled query.
 *
 * A Plan keeps what it was made from (model, conditions, orders and values as plain data, and the source) beside what that
 * compiles to. Like a Path it compiles itself again when the store's schema has changed since. The source is looked at
 * anew by each run: a record that has been deleted raises, rows deleted since are passed over.
 *
 * Running is one call of the engine; its rows become a Rows. No pointer into a row is kept while Python code may run, and every
 * run starts with snpy_plan_ready's checks. Cost: compiling is linear in the plain data; being ready is two comparisons.
 */
#include "plan.h"
#include "track.h"

/* ---------------------------------------------------------------- compiling */

static void
program_fini(snpy_program *p)
{
    PyMem_Free(p->order);
    PyMem_Free(p->values);
    PyMem_Free(p->likes);
    snpy_ir_fini(&p->ir);
}

static int
compile_values(snpy_program *p, PyObject *values)
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
compile_program(snpy_program *p, const snpy_plan *self)
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

/* Whether the rows come along a path that is timed. */
static bool
along_time(const snpy_plan *self)
{
    return PyTuple_Check(self->source) && ((snpy_path *)PyTuple_GET_ITEM(self->source, 0))->timed;
}

static int
plan_compile(snpy_plan *self)
{
    snpy_program fresh = {0};
    uint64_t schema = self->store->schema;
    if (compile_program(&fresh, self) < 0) {
        program_fini(&fresh);
        return -1;
    }
    snpy_program old = self->program;
    bool had_one = self->compiled;
    self->program = fresh;
    self->compiled = true;
    self->timed = sn_expr_timed(fresh.ir.expr) || along_time(self);
    self->schema = schema;
    if (had_one) {
        program_fini(&old);
    }
    return 0;
}

int
snpy_plan_ready_at(snpy_plan *self, int64_t at)
{
    while (self->store->db && (!self->compiled || self->schema != self->store->schema)) {
        if (plan_compile(self) < 0) {
            return -1;
        }
    }
    if (!snpy_store_open(self->store)) {
        return -1;
    }
    if (self->timed && snpy_tell_moments(self->store, at) < 0) {
        return -1;
    }
    return snpy_hosts_give(&self->hosts, self->store, self->program.ir.expr);
}

int
snpy_plan_ready(snpy_plan *self)
{
    return snpy_plan_ready_at(self, self->at);
}

/* ---------------------------------------------------------------- running */

/* The query of this moment. `live` is to be released afterwards. 0 or -1. */
static int
make_query(snpy_plan *self, sn_query *q, snpy_live *live)
{
    *live = (snpy_live){NULL, 0, {0}};
    *q = (sn_query){.table = snpy_plan_model(self)->table,
                    .source = SN_FROM_TABLE,
                    .life = self->life,
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
        q->life = ((snpy_rows *)self->source)->life;
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

/* Where a run of this query is noted, or NULL. One that has no answer, or is about rows given, or about what Python has computed, can
 * only be asked again as a whole. To be called before the status is raised, which may run code. */
static sn_frame *
frame_for(snpy_plan *self, const sn_query *q, sn_status status)
{
    sn_frame *frame = snpy_frame(self->store);
    if (!frame || (status == SN_OK && q->source != SN_FROM_ROWS && self->hosts.n == 0)) {
        return frame;
    }
    sn_read_query(frame, q);
    return NULL;
}

static void
release_live(snpy_plan *self, snpy_live *live)
{
    sn_rows_free(self->store->engine, &live->copy);
}

/* Whatever a run needs that may execute Python code. The plan is made ready last: so it has told the time. */
static int
prepare(snpy_plan *self, int64_t at)
{
    if (!PyTuple_Check(self->source)) {
        return snpy_plan_ready_at(self, at);
    }
    snpy_path *path = (snpy_path *)PyTuple_GET_ITEM(self->source, 0);
    do {
        if (snpy_path_ready(path) < 0 || snpy_plan_ready_at(self, at) < 0) {
            return -1;
        }
    } while (path->schema != self->store->schema);
    return 0;
}

/* Runs with at most `limit` rows, at a time or SNPY_NOW. The rows are the caller's. 0 or -1. */
static int
run(snpy_plan *self, int64_t at, size_t limit, sn_rows *out, sn_plan *report)
{
    sn_query q;
    snpy_live live;
    *out = (sn_rows){0};
    if (prepare(self, at) < 0) {
        return -1;
    }
    int result = make_query(self, &q, &live);
    if (result == 0) {
        q.limit = limit < q.limit ? limit : q.limit;
        sn_status status = sn_query_run(out, self->store->db, &q, report);
        sn_frame *frame = frame_for(self, &q, status);
        if (frame) {
            snpy_note_handle(sn_read_rows(frame, &q, self, out->rows, out->n), (PyObject *)self);
        }
        result = snpy_plan_status(self, status);
    }
    release_live(self, &live);
    if (result < 0) {
        sn_rows_free(self->store->engine, out);
    }
    return result;
}

static PyObject *
plan_rows(PyObject *op, PyObject *const *args, Py_ssize_t n)
{
    snpy_plan *self = (snpy_plan *)op;
    sn_rows rows;
    int64_t at = self->at;
    if (n > 1) {
        PyErr_SetString(PyExc_TypeError, "rows() takes at most the time that it is");
        return NULL;
    }
    if ((n == 1 && snpy_time_argument(&at, args[0]) < 0) || run(self, at, SIZE_MAX, &rows, NULL) < 0) {
        return NULL;
    }
    bool given = Py_IS_TYPE(self->source, self->state->Rows);
    sn_life life = given ? ((snpy_rows *)self->source)->life : self->life;
    return snpy_rows_take_life(snpy_plan_model(self), &rows, life);
}

static PyObject *
plan_first(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_plan *self = (snpy_plan *)op;
    sn_rows rows;
    if (run(self, self->at, 1, &rows, NULL) < 0) {
        return NULL;
    }
    sn_row row = rows.n > 0 ? rows.rows[0] : SN_NO_ROW;
    sn_rows_free(self->store->engine, &rows);
    return row == SN_NO_ROW ? Py_NewRef(Py_None) : snpy_record_for(snpy_plan_model(self), row);
}

static int
count_rows(snpy_plan *self, size_t stop_at, size_t *count)
{
    sn_query q;
    snpy_live live;
    *count = 0;
    if (prepare(self, self->at) < 0) {
        return -1;
    }
    int result = make_query(self, &q, &live);
    if (result == 0) {
        sn_status status = sn_query_count(count, self->store->db, &q, stop_at, NULL);
        sn_frame *frame = frame_for(self, &q, status);
        if (frame) {
            snpy_note_handle(sn_read_number(frame, &q, self, stop_at, *count), (PyObject *)self);
        }
        result = snpy_plan_status(self, status);
    }
    release_live(self, &live);
    return result;
}

static PyObject *
plan_count(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    size_t count;
    return count_rows((snpy_plan *)op, SIZE_MAX, &count) < 0 ? NULL : PyLong_FromSize_t(count);
}

static PyObject *
plan_exists(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    size_t count;
    return count_rows((snpy_plan *)op, 1, &count) < 0 ? NULL : PyBool_FromLong(count > 0);
}

/* The names of an index's fields, or None. New reference. */
static PyObject *
index_names(const sn_index *index)
{
    if (!index) {
        Py_RETURN_NONE;
    }
    PyObject *fields = Py_NewRef(((snpy_index *)sn_index_tag(index))->fields); /* the index may be dropped meanwhile */
    PyObject *names = PyTuple_New(PyTuple_GET_SIZE(fields));
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(fields); i++) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(snpy_field_at(fields, i)->name));
    }
    Py_DECREF(fields);
    return names;
}

static PyObject *
plan_explain(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    static const char *const access[] = {
        [SN_ACCESS_SCAN] = "scan",   [SN_ACCESS_PROBE] = "probe",       [SN_ACCESS_POSTINGS] = "postings",
        [SN_ACCESS_RANGE] = "range", [SN_ACCESS_SEMIJOIN] = "semijoin", [SN_ACCESS_PATH] = "path",
        [SN_ACCESS_ROWS] = "rows",   [SN_ACCESS_EMPTY] = "empty",
    };
    snpy_plan *self = (snpy_plan *)op;
    sn_rows rows;
    sn_plan report = {0};
    snpy_note_once(self->state); /* nobody can tell when the numbers change */
    if (run(self, self->at, SIZE_MAX, &rows, &report) < 0) {
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

/* ---------------------------------------------------------------- values, by number */

int
snpy_plan_value(snpy_plan *self, PyObject *object, sn_node *node, snpy_field **like)
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
plan_kind(PyObject *op, PyObject *which)
{
    snpy_plan *self = (snpy_plan *)op;
    sn_node node;
    snpy_field *like;
    if (snpy_plan_ready(self) < 0 || snpy_plan_value(self, which, &node, &like) < 0) {
        return NULL;
    }
    return like ? PyUnicode_FromString(snpy_conversions[like->kind].name) : Py_NewRef(Py_None);
}

static PyObject *
plan_set_host(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    return snpy_plan_ready(self) < 0 ? NULL : snpy_hosts_set(&self->hosts, self->store, &self->program.ir, args);
}

/* ---------------------------------------------------------------- the type */

/* None, Rows of the model, or (Path to the model, record). 0 or -1. */
static int
check_source(snpy_plan *self, PyObject *source)
{
    snpy_state *st = self->state;
    if (source == Py_None || (Py_IS_TYPE(source, st->Rows) && ((snpy_rows *)source)->cls == self->cls)) {
        return 0;
    }
    if (PyTuple_Check(source) && PyTuple_GET_SIZE(source) == 2 && Py_IS_TYPE(PyTuple_GET_ITEM(source, 0), st->Path)) {
        snpy_path *path = (snpy_path *)PyTuple_GET_ITEM(source, 0);
        if (path->target == self->cls && path->store == self->store && self->life == SN_LIVE) {
            return 0;
        }
    }
    PyErr_SetString(PyExc_TypeError,
                    "a plan's source is None, Rows of its model or a (Path, record) that leads to live "
                    "rows of it");
    return -1;
}

static int
parse_life(snpy_plan *self, const char *name)
{
    static const char *const lives[] = {[SN_LIVE] = "live", [SN_PARKED] = "parked", [SN_STORED] = "stored"};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(lives); i++) {
        if (strcmp(lives[i], name) == 0) {
            self->life = (sn_life)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "no such life: %s", name);
    return -1;
}

static int
parse_bounds(snpy_plan *self, PyObject *offset, PyObject *limit)
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
    static char *names[] = {"", "where", "order", "offset", "limit", "values", "source", "life", "at", NULL};
    const char *life = "live";
    PyObject *cls, *where = Py_None, *order = NULL, *offset = NULL, *limit = Py_None, *values = NULL, *source = Py_None;
    PyObject *time = NULL;
    int64_t at;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOOOOsO:Plan", names, &cls, &where, &order, &offset, &limit,
                                     &values, &source, &life, &time)
        || snpy_time_argument(&at, time) < 0) {
        return NULL;
    }
    snpy_model *model = snpy_model_of(cls);
    snpy_plan *self = model ? (snpy_plan *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        return NULL;
    }
    self->state = snpy_state_of(type);
    self->store = (snpy_store *)Py_NewRef(model->store);
    self->cls = Py_NewRef(cls);
    self->at = at;
    self->where = Py_NewRef(where);
    self->source = Py_NewRef(source);
    self->order = order ? PySequence_Tuple(order) : PyTuple_New(0);
    self->values = self->order ? (values ? PySequence_Tuple(values) : PyTuple_New(0)) : NULL;
    if (!self->values || parse_bounds(self, offset, limit) < 0 || parse_life(self, life) < 0
        || check_source(self, source) < 0 || snpy_plan_ready(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
plan_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_plan *self = (snpy_plan *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->store);
    Py_VISIT(self->cls);
    Py_VISIT(self->where);
    Py_VISIT(self->order);
    Py_VISIT(self->values);
    Py_VISIT(self->source);
    Py_VISIT(self->program.ir.keep);
    Py_VISIT(self->program.ir.hosts);
    return snpy_hosts_traverse(&self->hosts, visit, arg);
}

static void
plan_dealloc(PyObject *op)
{
    snpy_plan *self = (snpy_plan *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (self->compiled) {
        program_fini(&self->program);
    }
    snpy_hosts_fini(&self->hosts, self->store);
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
    {"rows", (PyCFunction)(void (*)(void))plan_rows, METH_FASTCALL, "Runs the query."},
    {"first", plan_first, METH_NOARGS, "The first record, or None."},
    {"count", plan_count, METH_NOARGS, "How many rows there are."},
    {"exists", plan_exists, METH_NOARGS, "Whether there are rows."},
    {"columns", snpy_plan_columns, METH_O, "The values over rows, a list for each."},
    {"at", snpy_plan_at, METH_O, "The first of the values for one record."},
    {"targets", snpy_plan_targets, METH_VARARGS, "What an aggregate looks at from each of some rows."},
    {"aggregate", snpy_plan_aggregate, METH_VARARGS, "One aggregate of a value over rows."},
    {"group", snpy_plan_group, METH_VARARGS, "Groups rows by values."},
    {"group_aggregate", snpy_plan_group_aggregate, METH_VARARGS, "One aggregate for each group."},
    {"set_host", plan_set_host, METH_VARARGS, "Gives the values of a host slot."},
    {"explain", plan_explain, METH_NOARGS, "Runs the query and tells how."},
    {"kind", plan_kind, METH_O, "The kind of a value."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef plan_members[] = {
    {"model", T_OBJECT, offsetof(snpy_plan, cls), READONLY, "The class of the records."},
    {"timed", T_BOOL, offsetof(snpy_plan, timed), READONLY, "Whether its rows or values depend on the time."},
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
    .basicsize = sizeof(snpy_plan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plan_slots,
};

int
snpy_init_plan(PyObject *module, snpy_state *st)
{
    st->Plan = snpy_add_type(module, &plan_spec);
    return st->Plan ? 0 : -1;
}
