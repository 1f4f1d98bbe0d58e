/*
 * path.c - Path: a relation compiled for the engine.
 *
 * A Path keeps the hops it was made from (References, conditions and orders as plain data) beside what they compile to: the
 * engine's path and one arena of expressions that all its hops share. When the store's schema has changed since, it compiles
 * itself again before it is next used; so a column number of long ago never reaches the engine, and whoever holds a pointer
 * to the engine's path (plans, conditions of other paths) compiles again for the same reason before following it.
 *
 * Invariant: path->path was compiled from path->hops at path->schema, or is NULL. While path->schema is the store's it is never
 * replaced.
 * Cost: ready is two comparisons; first, count and contains are one call of the engine, with nothing allocated.
 */
#include "snpy.h"

/* ---------------------------------------------------------------- compiling */

/* What compiling makes, until it replaces what was there. */
typedef struct draft {
    snpy_ir ir;
    sn_hop_def *defs;
    sn_order **orders; /* one array per hop */
    size_t n;
    sn_path *path;
} draft;

static void
draft_fini(draft *d)
{
    if (d->path) {
        sn_path_free(d->path);
    }
    for (size_t i = 0; d->orders && i < d->n; i++) {
        PyMem_Free(d->orders[i]);
    }
    PyMem_Free(d->orders);
    PyMem_Free(d->defs);
    snpy_ir_fini(&d->ir);
}

static int
malformed(snpy_store *store)
{
    return snpy_raise(store->state, "internal", "s", "a hop of a path is malformed");
}

/* Borrowed, or NULL with an exception: the reference of a hop, bound in this store. */
static snpy_reference *
hop_reference(snpy_store *store, PyObject *hop)
{
    if (!PyTuple_Check(hop) || PyTuple_GET_SIZE(hop) != 6
        || !Py_IS_TYPE(PyTuple_GET_ITEM(hop, 0), store->state->Reference) || !PyBool_Check(PyTuple_GET_ITEM(hop, 1))
        || !PyBool_Check(PyTuple_GET_ITEM(hop, 2))) {
        malformed(store);
        return NULL;
    }
    snpy_reference *ref = (snpy_reference *)PyTuple_GET_ITEM(hop, 0);
    if (!ref->ref || ref->model->store != store) {
        snpy_raise_text(store->state, "RelationError",
                        "this leads over the relation %R, which has been defined anew since; ask for it again",
                        ref->name);
        return NULL;
    }
    return ref;
}

static int
parse_limit(PyObject *object, size_t *out)
{
    *out = SIZE_MAX;
    if (object != Py_None) {
        *out = PyLong_AsSize_t(object);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
compile_hop(draft *d, snpy_store *store, PyObject *hop, size_t i)
{
    snpy_reference *ref = hop_reference(store, hop);
    sn_hop_def *def = &d->defs[i];
    if (!ref) {
        return -1;
    }
    if (parse_limit(PyTuple_GET_ITEM(hop, 5), &def->limit) < 0) {
        return -1;
    }
    def->backward = PyTuple_GET_ITEM(hop, 1) == Py_True;
    def->single = PyTuple_GET_ITEM(hop, 2) == Py_True;
    def->expr = d->ir.expr;
    def->where = snpy_ir_predicate(&d->ir, PyTuple_GET_ITEM(hop, 3));
    if (PyErr_Occurred() || snpy_ir_order(&d->ir, PyTuple_GET_ITEM(hop, 4), &d->orders[i], &def->order_len) < 0) {
        return -1;
    }
    def->order = d->orders[i];
    return 0;
}

/* The engine's references last, when no Python code runs any more. */
static int
take_references(draft *d, snpy_store *store, PyObject *hops)
{
    for (size_t i = 0; i < d->n; i++) {
        snpy_reference *ref = hop_reference(store, PyTuple_GET_ITEM(hops, i));
        if (!ref) {
            return -1;
        }
        d->defs[i].reference = ref->ref;
    }
    return snpy_store_open(store) ? 0 : -1;
}

static int
compile_draft(draft *d, snpy_path *self)
{
    d->n = (size_t)PyTuple_GET_SIZE(self->hops);
    d->defs = PyMem_Calloc(d->n + 1, sizeof *d->defs);
    d->orders = PyMem_Calloc(d->n + 1, sizeof *d->orders);
    if (!d->defs || !d->orders) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < d->n; i++) {
        if (compile_hop(d, self->store, PyTuple_GET_ITEM(self->hops, i), i) < 0) {
            return -1;
        }
    }
    if (take_references(d, self->store, self->hops) < 0) {
        return -1;
    }
    sn_status status = sn_path_new(&d->path, self->store->db, d->defs, d->n, self->distinct);
    return status == SN_OK ? 0 : snpy_raise_status(self->store, status);
}

static inline bool
is_current(const snpy_path *self)
{
    return self->path && self->schema == self->store->schema;
}

static int
path_compile(snpy_path *self)
{
    draft d = {0};
    uint64_t schema = self->store->schema;
    if (Py_EnterRecursiveCall(" in a path")) {
        return -1;
    }
    int result = snpy_ir_init(&d.ir, self->store) < 0 ? -1 : compile_draft(&d, self);
    Py_LeaveRecursiveCall();
    /* Code that ran may have compiled it as well, and plans may follow that: then it stays, and the draft goes. */
    if (result == 0 && !is_current(self)) { /* what was there goes with the draft */
        sn_path *path = self->path;
        snpy_ir ir = self->ir;
        self->path = d.path;
        self->ir = d.ir;
        self->schema = schema;
        d.path = path;
        d.ir = ir;
    }
    draft_fini(&d);
    return result;
}

int
snpy_path_ready(snpy_path *self)
{
    while (self->store->db && !is_current(self)) {
        if (path_compile(self) < 0) { /* runs Python code, which may change the schema again */
            return -1;
        }
    }
    return snpy_store_open(self->store) ? 0 : -1;
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
    if (!snpy_record_alive((snpy_record *)record)) {
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

PyObject *
snpy_path_first(snpy_path *self, PyObject *record)
{
    sn_row from, to;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0
        || check_status(self, sn_path_first(&to, self->path, from)) < 0) {
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
    if (check_status(self, sn_path_each(&rows, self->path, from)) < 0) {
        sn_rows_free(self->store->engine, &rows);
        return NULL;
    }
    return snpy_rows_take(target_model(self), &rows);
}

Py_ssize_t
snpy_path_count(snpy_path *self, PyObject *record)
{
    sn_row from;
    size_t count;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0
        || check_status(self, sn_path_count(&count, self->path, from, SIZE_MAX)) < 0) {
        return -1;
    }
    return (Py_ssize_t)count;
}

int
snpy_path_contains(snpy_path *self, PyObject *record, PyObject *target)
{
    sn_row from;
    bool found;
    if (snpy_path_ready(self) < 0 || snpy_path_row(&from, self, record) < 0) {
        return -1;
    }
    if ((PyObject *)Py_TYPE(target) != self->target || !snpy_record_alive((snpy_record *)target)) {
        return 0;
    }
    return check_status(self, sn_path_contains(&found, self->path, from, ((snpy_record *)target)->row)) < 0 ? -1
                                                                                                            : found;
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
    if (check_status(self, sn_path_expand(&targets, offsets, self->path, live->rows, live->n)) < 0) {
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
path_expand(PyObject *op, PyObject *given)
{
    snpy_path *self = (snpy_path *)op;
    if (!Py_IS_TYPE(given, self->state->Rows) || ((snpy_rows *)given)->cls != self->source) {
        PyErr_Format(PyExc_TypeError, "expand() takes Rows of %S", self->source);
        return NULL;
    }
    snpy_live live;
    if (snpy_path_ready(self) < 0 || snpy_rows_live(&live, (snpy_rows *)given) < 0) {
        return NULL;
    }
    PyObject *result = expand_live(self, &live);
    snpy_rows_release(&live, (snpy_rows *)given);
    return result;
}

static PyObject *
path_single(PyObject *op, void *Py_UNUSED(closure))
{
    snpy_path *self = (snpy_path *)op;
    return snpy_path_ready(self) < 0 ? NULL : PyBool_FromLong(sn_path_single(self->path));
}

/* The class that a hop starts from or leads to. Borrowed. */
static PyObject *
hop_class(PyObject *hop, bool far)
{
    snpy_reference *ref = (snpy_reference *)PyTuple_GET_ITEM(hop, 0);
    bool backward = PyTuple_GET_ITEM(hop, 1) == Py_True;
    return backward == far ? (PyObject *)ref->model->cls : (PyObject *)ref->target;
}

/* A tuple of hops, each one that hop_reference takes. */
static PyObject *
own_hops(snpy_store *store, PyObject *given)
{
    PyObject *hops = PySequence_Tuple(given);
    bool right = hops && PyTuple_GET_SIZE(hops) > 0;
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(hops); i++) {
        right = hop_reference(store, PyTuple_GET_ITEM(hops, i)) != NULL;
    }
    if (hops && !right) {
        Py_CLEAR(hops);
        if (!PyErr_Occurred()) {
            malformed(store);
        }
    }
    return hops;
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
    PyObject *hops = own_hops((snpy_store *)store, given);
    snpy_path *self = hops ? (snpy_path *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        Py_XDECREF(hops);
        return NULL;
    }
    self->state = st;
    self->store = (snpy_store *)Py_NewRef(store);
    self->hops = hops;
    self->distinct = distinct;
    self->source = Py_NewRef(hop_class(PyTuple_GET_ITEM(hops, 0), false));
    self->target = Py_NewRef(hop_class(PyTuple_GET_ITEM(hops, PyTuple_GET_SIZE(hops) - 1), true));
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
    return 0;
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
    {"expand", path_expand, METH_O, "The targets of rows, one after another, and where each one's begin."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef path_members[] = {
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
