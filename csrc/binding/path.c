/*
 * path.c - Path: a relation compiled for the engine.
 *
 * A Path keeps the hops it was made from (References, other Paths, conditions and orders as plain data: hops.c) beside what they compile
 * to: the engine's path and one arena of expressions that all its hops share. When the store's schema has changed since, it compiles
 * itself again before it is next used; so a column number of long ago never reaches the engine, and whoever holds a pointer
 * to the engine's path (plans, other paths) compiles again for the same reason before following it.
 *
 * Invariant: path->path was compiled from path->hops at path->schema, or is NULL. While path->schema is the store's it is never
 * replaced.
 * A path that looks at the time is told it whenever it is made ready.
 * Cost: ready is two comparisons, and a reading of the clock if it is timed; first, count and contains are one call of the engine, with
 * nothing allocated.
 */
#include "hops.h"
#include "track.h"

/* ---------------------------------------------------------------- compiling */

/* Makes the engine's path from hops that have just been compiled. */
static sn_path *
make_path(snpy_path *self, const snpy_hops *h)
{
    sn_path *path = NULL;
    sn_status status = sn_path_new(&path, self->store->db, h->defs, h->n, self->distinct);
    if (status != SN_OK) {
        snpy_raise_status(self->store, status);
    } else {
        sn_path_set_tag(path, self);
    }
    return path;
}

/* Puts a path in place of what was there, which goes to *path and *ir. */
static void
exchange(snpy_path *self, sn_path **path, snpy_ir *ir, uint64_t schema)
{
    sn_path *old = self->path;
    snpy_ir old_ir = self->ir;
    self->path = *path;
    self->ir = *ir;
    self->timed = sn_path_timed(self->path);
    self->schema = schema;
    *path = old;
    *ir = old_ir;
}

static int
path_compile(snpy_path *self)
{
    snpy_hops h = {0};
    uint64_t schema = self->store->schema;
    if (Py_EnterRecursiveCall(" in a path")) {
        return -1;
    }
    int result = snpy_ir_init(&h.ir, self->store) < 0 ? -1 : snpy_hops_compile(&h, self->store, self->hops);
    Py_LeaveRecursiveCall();
    sn_path *path = result < 0 ? NULL : make_path(self, &h);
    result = path ? 0 : -1;
    /* Code that ran may have compiled it as well, and plans may follow that: then it stays, and the new one goes. */
    if (path && !snpy_path_is_current(self)) {
        exchange(self, &path, &h.ir, schema);
    }
    if (path) {
        sn_path_free(path);
    }
    snpy_hops_fini(&h);
    return result;
}

int
snpy_path_ready(snpy_path *self)
{
    while (self->store->db && !snpy_path_is_current(self)) {
        if (path_compile(self) < 0) { /* runs Python code, which may change the schema again */
            return -1;
        }
    }
    if (!snpy_store_open(self->store)) {
        return -1;
    }
    if (self->timed && snpy_tell_moments(self->store, SNPY_NOW) < 0) {
        return -1;
    }
    return self->hosts.n ? snpy_hosts_give(&self->hosts, self->store, self->ir.expr) : 0;
}

/* ---------------------------------------------------------------- asking */

int
snpy_path_row(sn_row *row, snpy_path *self, PyObject *record)
{
    if ((PyObject *)Py_TYPE(record) != self->source) {
        PyErr_Format(PyExc_TypeError, "this path starts at a %.200s, not at a %.200s",
                     ((PyTypeObject *)self->source)->tp_name, Py_TYPE(record)->tp_name);
        return -1;
    }
    if (!snpy_record_stored((snpy_record *)record)) {
        snpy_raise_deleted(record);
        return -1;
    }
    *row = ((snpy_record *)record)->row;
    return 0;
}

static inline snpy_model *
target_model(const snpy_path *self)
{
    return snpy_model_peek((PyTypeObject *)self->target);
}

static int
check_status(snpy_path *self, sn_status status)
{
    return status == SN_OK ? 0 : snpy_raise_status(self->store, status);
}

/* Notes all that the path looks at. */
static void
note_whole(snpy_path *self)
{
    sn_frame *frame = snpy_frame(self->store);
    if (frame) {
        sn_read_path(frame, self->path);
    }
}

/* Where a read along the path is noted, or NULL. What has no answer, and what Python has computed for it, can only be asked again as a
 * whole. To be called before the status is raised, which may run code. */
static sn_frame *
frame_for(snpy_path *self, sn_status status)
{
    sn_frame *frame = snpy_frame(self->store);
    if (!frame || (status == SN_OK && self->hosts.n == 0)) {
        return frame;
    }
    sn_read_path(frame, self->path);
    return NULL;
}

PyObject *
snpy_path_first(snpy_path *self, PyObject *record)
{
    sn_row from, to;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return NULL;
    }
    sn_status status = sn_path_first(&to, self->path, from);
    sn_frame *frame = frame_for(self, status);
    if (frame) {
        sn_read_first(frame, self->path, from, to);
    }
    if (check_status(self, status) < 0) {
        return NULL;
    }
    return to == SN_NO_ROW ? Py_NewRef(Py_None) : snpy_record_for(target_model(self), to);
}

PyObject *
snpy_path_rows(snpy_path *self, PyObject *record)
{
    sn_row from;
    sn_rows rows = {0};
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return NULL;
    }
    sn_status status = sn_path_each(&rows, self->path, from);
    sn_frame *frame = frame_for(self, status);
    if (frame) {
        sn_read_each(frame, self->path, from, rows.rows, rows.n);
    }
    if (check_status(self, status) < 0) {
        sn_rows_free(self->store->engine, &rows);
        return NULL;
    }
    return snpy_rows_take(target_model(self), &rows);
}

static Py_ssize_t
count_up_to(snpy_path *self, PyObject *record, size_t stop_at)
{
    sn_row from;
    size_t count;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return -1;
    }
    sn_status status = sn_path_count(&count, self->path, from, stop_at);
    sn_frame *frame = frame_for(self, status);
    if (frame) {
        sn_read_count(frame, self->path, from, stop_at, count);
    }
    return check_status(self, status) < 0 ? -1 : (Py_ssize_t)count;
}

Py_ssize_t
snpy_path_count(snpy_path *self, PyObject *record)
{
    return count_up_to(self, record, SIZE_MAX);
}

int
snpy_path_exists(snpy_path *self, PyObject *record)
{
    return (int)count_up_to(self, record, 1);
}

int
snpy_path_contains(snpy_path *self, PyObject *record, PyObject *target)
{
    sn_row from;
    bool found;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return -1;
    }
    if ((PyObject *)Py_TYPE(target) != self->target) {
        return 0;
    }
    snpy_note_life(target);
    if (!snpy_record_alive((snpy_record *)target)) {
        return 0;
    }
    sn_row to = ((snpy_record *)target)->row;
    sn_status status = sn_path_contains(&found, self->path, from, to);
    sn_frame *frame = frame_for(self, status);
    if (frame) {
        sn_read_contains(frame, self->path, from, to, found);
    }
    return check_status(self, status) < 0 ? -1 : found;
}

/* ---------------------------------------------------------------- the type */

static PyObject *
path_first(PyObject *op, PyObject *record)
{
    return snpy_path_first((snpy_path *)op, record);
}

static PyObject *
path_rows(PyObject *op, PyObject *record)
{
    return snpy_path_rows((snpy_path *)op, record);
}

static PyObject *
path_count(PyObject *op, PyObject *record)
{
    Py_ssize_t count = snpy_path_count((snpy_path *)op, record);
    return count < 0 ? NULL : PyLong_FromSsize_t(count);
}

static PyObject *
path_contains(PyObject *op, PyObject *const *args, Py_ssize_t n)
{
    if (n != 2) {
        PyErr_SetString(PyExc_TypeError, "contains() takes a record and a target");
        return NULL;
    }
    int found = snpy_path_contains((snpy_path *)op, args[0], args[1]);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

PyObject *
snpy_offset_list(const size_t *offsets, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; list && i < n; i++) {
        PyObject *offset = PyLong_FromSize_t(offsets[i]);
        if (!offset) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, offset);
    }
    return list;
}

#define NOTED_ROWS 4096 /* from which a path is followed; more are noted as all that it looks at */

/* Notes what the path leads to from each of the rows. */
static void
note_expansion(snpy_path *self, const snpy_live *live, const sn_rows *targets, const size_t *offsets)
{
    sn_frame *frame = live->n <= NOTED_ROWS ? frame_for(self, SN_OK) : NULL;
    if (!frame) {
        note_whole(self);
        return;
    }
    for (size_t i = 0; i < live->n; i++) {
        size_t n = offsets[i + 1] - offsets[i];
        sn_read_each(frame, self->path, live->rows[i], n ? targets->rows + offsets[i] : NULL, n);
    }
}

/* The targets of live rows and a list of offsets into them. */
static PyObject *
expand_live(snpy_path *self, const snpy_live *live)
{
    sn_rows targets = {0};
    PyObject *starts = NULL, *rows = NULL, *result = NULL;
    size_t *offsets = PyMem_New(size_t, live->n + 1);
    if (!offsets) {
        return PyErr_NoMemory();
    }
    sn_status status = sn_path_expand(&targets, offsets, self->path, live->rows, live->n);
    if (status == SN_OK) {
        note_expansion(self, live, &targets, offsets);
    } else {
        note_whole(self);
        check_status(self, status);
        sn_rows_free(self->store->engine, &targets);
        goto done;
    }
    rows = snpy_rows_take(snpy_model_peek((PyTypeObject *)self->target), &targets);
    starts = rows ? snpy_offset_list(offsets, live->n + 1) : NULL;
    result = starts ? PyTuple_Pack(2, rows, starts) : NULL;
done:
    PyMem_Free(offsets);
    Py_XDECREF(rows);
    Py_XDECREF(starts);
    return result;
}

static PyObject *
path_expand(PyObject *op, PyObject *const *args, Py_ssize_t n)
{
    snpy_path *self = (snpy_path *)op;
    int64_t at = SNPY_NOW;
    if (n < 1 || n > 2) {
        PyErr_SetString(PyExc_TypeError, "expand() takes Rows, and the time that it is");
        return NULL;
    }
    PyObject *given = args[0];
    if (n > 1 && snpy_time_argument(&at, args[1]) < 0) {
        return NULL;
    }
    if (!Py_IS_TYPE(given, self->state->Rows) || ((snpy_rows *)given)->cls != self->source) {
        PyErr_Format(PyExc_TypeError, "expand() takes Rows of %S", self->source);
        return NULL;
    }
    snpy_live live;
    if (snpy_path_ready(self) < 0 || (self->timed && at != SNPY_NOW && snpy_tell_moments(self->store, at) < 0)
        || snpy_rows_live(&live, (snpy_rows *)given) < 0) {
        return NULL;
    }
    PyObject *result = expand_live(self, &live);
    snpy_rows_release(&live, (snpy_rows *)given);
    return result;
}

/* A list of small numbers. */
static PyObject *
number_list(const sn_rows *numbers)
{
    PyObject *list = PyList_New((Py_ssize_t)numbers->n);
    for (size_t i = 0; list && i < numbers->n; i++) {
        PyObject *number = PyLong_FromUnsignedLong(numbers->rows[i]);
        if (!number) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, number);
    }
    return list;
}

static PyObject *
path_levels(PyObject *op, PyObject *record)
{
    snpy_path *self = (snpy_path *)op;
    sn_row from;
    sn_rows found = {0}, levels = {0};
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return NULL;
    }
    PyObject *rows = NULL, *numbers = NULL, *result = NULL;
    note_whole(self);
    if (check_status(self, sn_path_levels(&found, &levels, self->path, from)) == 0) {
        rows = snpy_rows_take(target_model(self), &found);
        found = (sn_rows){0};
        numbers = rows ? number_list(&levels) : NULL;
        result = numbers ? PyTuple_Pack(2, rows, numbers) : NULL;
    }
    sn_rows_free(self->store->engine, &found);
    sn_rows_free(self->store->engine, &levels);
    Py_XDECREF(rows);
    Py_XDECREF(numbers);
    return result;
}

static PyObject *
path_set_host(PyObject *op, PyObject *args)
{
    snpy_path *self = (snpy_path *)op;
    return snpy_path_ready(self) < 0 ? NULL : snpy_hosts_set(&self->hosts, self->store, &self->ir, args);
}

static PyObject *
path_single(PyObject *op, void *Py_UNUSED(closure))
{
    snpy_path *self = (snpy_path *)op;
    return snpy_path_ready(self) < 0 ? NULL : PyBool_FromLong(sn_path_single(self->path));
}

static PyObject *
path_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "", "distinct", NULL};
    snpy_state *st = snpy_state_of(type);
    PyObject *store, *given;
    int distinct = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O|$p:Path", names, st->Store, &store, &given, &distinct)) {
        return NULL;
    }
    PyObject *hops = snpy_hops_own((snpy_store *)store, given);
    snpy_path *self = hops ? (snpy_path *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        Py_XDECREF(hops);
        return NULL;
    }
    self->state = st;
    self->store = (snpy_store *)Py_NewRef(store);
    self->hops = hops;
    self->distinct = distinct;
    PyObject *first = PyTuple_GET_ITEM(hops, 0), *last = PyTuple_GET_ITEM(hops, PyTuple_GET_SIZE(hops) - 1);
    self->source = Py_NewRef(snpy_hop_class(self->store, first, false));
    self->target = Py_NewRef(snpy_hop_class(self->store, last, true));
    if (snpy_path_ready(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
path_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_path *self = (snpy_path *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->store);
    Py_VISIT(self->source);
    Py_VISIT(self->target);
    Py_VISIT(self->hops);
    Py_VISIT(self->ir.keep);
    Py_VISIT(self->ir.hosts);
    return snpy_hosts_traverse(&self->hosts, visit, arg);
}

static void
path_dealloc(PyObject *op)
{
    snpy_path *self = (snpy_path *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (self->path) {
        sn_path_free(self->path);
        snpy_ir_fini(&self->ir);
    }
    snpy_hosts_fini(&self->hosts, self->store);
    Py_XDECREF(self->source);
    Py_XDECREF(self->target);
    Py_XDECREF(self->hops);
    Py_XDECREF(self->store);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef path_methods[] = {
    {"first", path_first, METH_O, "The first target of a record, or None."},
    {"rows", path_rows, METH_O, "All targets of a record."},
    {"count", path_count, METH_O, "How many targets a record has."},
    {"contains", (PyCFunction)(void (*)(void))path_contains, METH_FASTCALL, "Whether the path leads to a target."},
    {"levels", path_levels, METH_O, "The targets of a recursive path, and how many steps each is away."},
    {"expand", (PyCFunction)(void (*)(void))path_expand, METH_FASTCALL,
     "The targets of rows, one after another, and where each one's begin."},
    {"set_host", path_set_host, METH_VARARGS, "Gives the values of a host slot."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef path_members[] = {
    {"timed", T_BOOL, offsetof(snpy_path, timed), READONLY, "Whether its targets depend on the time."},
    {"source", T_OBJECT, offsetof(snpy_path, source), READONLY, "The class it starts at."},
    {"target", T_OBJECT, offsetof(snpy_path, target), READONLY, "The class it leads to."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef path_getset[] = {
    {"single", path_single, NULL, "At most one target, whatever the data.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot path_slots[] = {
    {Py_tp_doc, "A compiled relation."}, {Py_tp_new, path_new},
    {Py_tp_traverse, path_traverse},     {Py_tp_dealloc, path_dealloc},
    {Py_tp_methods, path_methods},       {Py_tp_members, path_members},
    {Py_tp_getset, path_getset},         {0, NULL},
};

static PyType_Spec path_spec = {
    .name = "sinew._engine.Path",
    .basicsize = sizeof(snpy_path),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = path_slots,
};

int
snpy_init_path(PyObject *module, snpy_state *st)
{
    st->Path = snpy_add_type(module, &path_spec);
    return st->Path ? 0 : -1;
}
