/*
 * store.c - the store: one engine database, who may write to it, and when Python code may run around it.
 *
 * Statements. Every write happens between snpy_statement_begin and snpy_statement_end, each of which is a unit of the engine
 * (sn_begin ... sn_commit). Statements nest, when a callback of one writes; `floors` remembers the depth of each one's
 * unit, so that a transaction that a callback leaves open cannot be taken for the statement's own, nor the
 * statement's unit be closed by a callback.
 *
 * Ownership. While a unit is open it belongs to a thread and, for transactions, to an asyncio task. A lone statement runs from
 * end to end without giving the thread to another task, so only its thread counts. Another thread's statement is waited
 * for (STATEMENT_WAIT seconds), another's transaction only as long as begin(wait=) says. The thread polls with the GIL released:
 * transactions last long compared to a millisecond, and polling needs no lock that a dying thread could keep.
 *
 * The end of a statement, in this order: commit or describe the failure and roll back; check every invariant (SN_DEBUG);
 * compact one table if it is worth it and no unit or pin is open (the models take turns, so this costs one call); drain the drop list.
 * Draining releases handles, which runs arbitrary code, so it comes last, when nothing is half done.
 *
 * Closing. `db` becomes NULL, which every entry point looks at; then held records are marked, and the rows are dismantled in chunks
 * of handles that are released between engine calls. The emptied engine itself is freed with the store object, so that row
 * sets, compiled paths and tables that are still pointed to stay valid and merely empty.
 *
 * Garbage. Values of kind object can refer back to the store (a record in an Any field), so traversal visits every handle in such
 * columns, once per cell that owns it; other values cannot. Dead rows of an open unit and the drop list are not visited,
 * which only delays their collection.
 */
#include "snpy.h"

#include <time.h>

#define STATEMENT_WAIT 5.0 /* seconds that a write waits for another thread's statement */
#define CHUNK 256          /* handles released between two calls of the engine */

/* ---------------------------------------------------------------- what the engine is given */

/* The raw allocator, so that tests which make Python's allocators fail reach the engine too. */
static void *
door(void *Py_UNUSED(ud), void *ptr, size_t Py_UNUSED(old_size), size_t new_size)
{
    if (new_size == 0) {
        PyMem_RawFree(ptr);
        return NULL;
    }
    return PyMem_RawRealloc(ptr, new_size);
}

/* Conversion has made the UTF-8 of every str that enters bare. */
static sn_bytes
text_of(const void *handle)
{
    PyObject *text = (PyObject *)(uintptr_t)handle;
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        return (sn_bytes){PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text)};
    }
    const PyCompactUnicodeObject *compact = (const PyCompactUnicodeObject *)text;
    assert(compact->utf8);
    return (sn_bytes){(const unsigned char *)compact->utf8, (size_t)compact->utf8_length};
}

/* ---------------------------------------------------------------- draining */

static void
release_handles(void **handles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Py_DECREF((PyObject *)handles[i]);
    }
}

static void
drain(sn_db *db)
{
    void *handles[CHUNK];
    size_t n;
    while ((n = sn_db_drop(db, handles, CHUNK)) > 0) {
        release_handles(handles, n);
    }
}

void
snpy_drain(snpy_store *store)
{
    if (store->statements || store->draining || sn_db_drop_count(store->engine) == 0) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_INCREF(store);
    store->draining = true;
    drain(store->engine);
    store->draining = false;
    Py_DECREF(store);
    PyErr_Restore(type, value, traceback);
}

/* ---------------------------------------------------------------- compaction */

static snpy_model *
model_at(const snpy_store *store, Py_ssize_t i)
{
    return snpy_model_peek((PyTypeObject *)PyList_GET_ITEM(store->models, i));
}

/* Compacts a table that is worth it. Without the memory for the map it simply stays sparse. */
static bool
compact_model(snpy_store *store, snpy_model *model)
{
    if (!model || !sn_table_sparse(model->table) || sn_db_pins(store->db)) {
        return false;
    }
    sn_row *map = PyMem_RawMalloc(((size_t)sn_table_positions(model->table) + 1) * sizeof *map);
    if (!map) {
        return false;
    }
    bool done = sn_table_compact(model->table, map) == SN_OK;
    if (done) {
        snpy_records_remap(model, map);
    }
    PyMem_RawFree(map);
    return done;
}

static void
compact_next(snpy_store *store)
{
    Py_ssize_t n = PyList_GET_SIZE(store->models);
    if (n > 0) {
        store->sweep = (store->sweep + 1) % n;
        compact_model(store, model_at(store, store->sweep));
    }
}

/* ---------------------------------------------------------------- who may write */

/* The running asyncio task: new reference or NULL. 0 or -1. */
static int
current_task(snpy_state *st, PyObject **out)
{
    *out = NULL;
    if (!st->current_task || st->current_task == Py_None) {
        return 0;
    }
    PyObject *task = PyObject_CallNoArgs(st->current_task);
    if (!task) {
        return -1;
    }
    if (task == Py_None) {
        Py_DECREF(task);
    } else {
        *out = task;
    }
    return 0;
}

/* The outermost unit is a statement's, not a transaction's. */
static bool
lone_statement(const snpy_store *store)
{
    return store->statements > 0 && store->floors[0] == 1;
}

/* 1: nobody has a unit open, or we do; 0: somebody else does; -1 with an exception. */
static int
our_turn(snpy_store *store)
{
    if (sn_depth(store->db) == 0) {
        return 1;
    }
    if (store->owner_thread != PyThread_get_thread_ident()) {
        return 0;
    }
    PyObject *task;
    if (lone_statement(store)) {
        return 1;
    }
    if (current_task(store->state, &task) < 0) {
        return -1;
    }
    int same = task == store->owner_task;
    Py_XDECREF(task);
    return same;
}

/* "'MainThread'" for a thread's number, or the number. */
static PyObject *
thread_name(unsigned long ident)
{
    PyObject *threading = PyImport_ImportModule("threading");
    PyObject *threads = threading ? PyObject_CallMethod(threading, "enumerate", NULL) : NULL;
    PyObject *name = NULL;
    for (Py_ssize_t i = 0; threads && PyList_Check(threads) && !name && i < PyList_GET_SIZE(threads); i++) {
        PyObject *thread = Py_NewRef(PyList_GET_ITEM(threads, i));
        PyObject *number = PyObject_GetAttrString(thread, "ident");
        if (number && PyLong_Check(number) && PyLong_AsUnsignedLong(number) == ident) {
            name = PyObject_GetAttrString(thread, "name");
        }
        Py_XDECREF(number);
        Py_DECREF(thread);
    }
    PyErr_Clear();
    Py_XDECREF(threads);
    Py_XDECREF(threading);
    PyObject *shown = name ? PyUnicode_FromFormat("%R", name) : PyUnicode_FromFormat("%lu", ident);
    Py_XDECREF(name);
    return shown;
}

/* What has the unit open, in words. */
static PyObject *
opener(snpy_store *store)
{
    bool statement = lone_statement(store);
    PyObject *task = Py_XNewRef(store->owner_task);
    PyObject *name = thread_name(store->owner_thread), *words = NULL;
    PyObject *task_name = task ? PyObject_CallMethod(task, "get_name", NULL) : NULL;
    PyErr_Clear();
    if (name && task) {
        words = task_name ? PyUnicode_FromFormat("task %R of thread %U", task_name, name)
                          : PyUnicode_FromFormat("a task of thread %U", name);
    } else if (name) {
        words = PyUnicode_FromFormat(statement ? "a statement of thread %U" : "thread %U", name);
    }
    Py_XDECREF(task_name);
    Py_XDECREF(task);
    Py_XDECREF(name);
    return words;
}

static int
raise_busy(snpy_store *store, double waited)
{
    PyObject *words = opener(store);
    if (words) {
        snpy_raise(store->state, "transaction_busy", "Od", words, waited);
        Py_DECREF(words);
    }
    return -1;
}

static double
seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int
sleep_a_little(void)
{
    const struct timespec millisecond = {0, 1000000};
    Py_BEGIN_ALLOW_THREADS
    nanosleep(&millisecond, NULL);
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals();
}

/* Waits until this thread and task may write; no Python code runs between that and the return. 0, or -1 with TransactionError. */
static int
take_turn(snpy_store *store, double wait)
{
    double start = 0, waited = 0;
    for (;;) {
        if (!snpy_store_open(store)) {
            return -1;
        }
        int ours = our_turn(store);
        if (ours != 0) {
            return ours < 0 ? -1 : 0;
        }
        if (!store->db) {
            continue;
        }
        double patience = lone_statement(store) && wait < STATEMENT_WAIT ? STATEMENT_WAIT : wait;
        if (store->owner_thread == PyThread_get_thread_ident() || waited >= patience) {
            return raise_busy(store, waited);
        }
        start = start > 0 ? start : seconds_now();
        if (sleep_a_little() < 0) {
            return -1;
        }
        waited = seconds_now() - start;
    }
}

bool
snpy_store_open(snpy_store *store)
{
    if (!store->db) {
        snpy_raise(store->state, "store_closed", "");
        return false;
    }
    return true;
}

/* Open, and not in the rest of a block whose transaction was rolled back by hand. */
static bool
may_write(snpy_store *store)
{
    if (store->refusing && store->refused_thread == PyThread_get_thread_ident()) {
        snpy_raise(store->state, "transaction_closed", "");
        return false;
    }
    return snpy_store_open(store);
}

/* ---------------------------------------------------------------- units */

static int
reserve_floor(snpy_store *store)
{
    if (store->statements < store->floors_cap) {
        return 0;
    }
    unsigned cap = store->floors_cap ? store->floors_cap * 2 : 8;
    size_t *floors = PyMem_Realloc(store->floors, cap * sizeof *floors);
    if (!floors) {
        PyErr_NoMemory();
        return -1;
    }
    store->floors = floors;
    store->floors_cap = cap;
    return 0;
}

/* Opens a unit. The first one is this thread's, and the task's if there is one (stolen, also on failure). */
static int
open_unit(snpy_store *store, PyObject *task)
{
    bool outermost = sn_depth(store->db) == 0;
    sn_status status = sn_begin(store->db);
    if (status != SN_OK) {
        Py_XDECREF(task);
        return snpy_raise_status(store, status);
    }
    if (!outermost) {
        Py_XDECREF(task);
        return 0;
    }
    assert(!store->owner_task);
    store->owner_thread = PyThread_get_thread_ident();
    store->owner_task = task;
    return 0;
}

/* What follows the end of every unit. May run Python code, as the last thing. */
static void
after_unit(snpy_store *store)
{
#ifdef SN_DEBUG
    const char *broken = sn_check(store->db);
    if (broken) {
        Py_FatalError(broken);
    }
#endif
    PyObject *task = NULL;
    if (sn_depth(store->db) == 0 && store->statements == 0) {
        task = store->owner_task;
        store->owner_task = NULL;
        compact_next(store);
    }
    snpy_drain(store);
    if (task) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        Py_DECREF(task);
        PyErr_Restore(type, value, traceback);
    }
}

int
snpy_statement_begin(snpy_store *store)
{
    if (!may_write(store) || (sn_depth(store->db) > 0 && take_turn(store, 0.0) < 0) || reserve_floor(store) < 0
        || open_unit(store, NULL) < 0) {
        return -1;
    }
    store->floors[store->statements++] = sn_depth(store->db);
    return 0;
}

/* Commits the statement's unit, or describes what went wrong and undoes it. */
static int
end_unit(snpy_store *store, size_t floor, int status)
{
    sn_db *db = store->db;
    assert(sn_depth(db) >= floor);
    if (status == SN_OK && sn_depth(db) > floor) {
        snpy_raise(store->state, "internal", "s", "a transaction begun inside a statement was left open");
        status = SNPY_RAISED;
    }
    if (status == SN_OK) {
        status = (int)sn_commit(db);
    }
    if (status == SN_OK) {
        return 0;
    }
    if (status != SNPY_RAISED) {
        snpy_raise_status(store, (sn_status)status);
    }
    assert(PyErr_Occurred());
    while (sn_depth(db) >= floor) {
        sn_rollback(db);
    }
    return -1;
}

int
snpy_statement_end(snpy_store *store, int status)
{
    assert(store->statements > 0 && store->db);
    int result = end_unit(store, store->floors[store->statements - 1], status);
    store->statements--;
    after_unit(store);
    return result;
}

/* ---------------------------------------------------------------- transactions */

static PyObject *
store_begin(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"wait", NULL};
    snpy_store *self = (snpy_store *)op;
    PyObject *wait = Py_None, *task;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:begin", names, &wait)) {
        return NULL;
    }
    double seconds = wait == Py_None ? 0.0 : PyFloat_AsDouble(wait);
    if (PyErr_Occurred() || !may_write(self) || current_task(self->state, &task) < 0) {
        return NULL;
    }
    if (take_turn(self, seconds) < 0) {
        Py_XDECREF(task);
        return NULL;
    }
    return open_unit(self, task) < 0 ? NULL : Py_NewRef(Py_None);
}

/* Open, ours, and not the unit of a statement further out. */
static int
transaction_is_ours(snpy_store *store)
{
    if (!snpy_store_open(store)) {
        return -1;
    }
    int ours = our_turn(store);
    if (ours <= 0) {
        return ours < 0 ? -1 : raise_busy(store, 0.0);
    }
    size_t floor = store->statements ? store->floors[store->statements - 1] : 0;
    if (!store->db || sn_depth(store->db) <= floor) {
        return snpy_raise(store->state, "transaction_closed", "");
    }
    return 0;
}

static PyObject *
store_commit(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (transaction_is_ours(self) < 0) {
        return NULL;
    }
    sn_status status = sn_commit(self->db);
    if (status != SN_OK) {
        snpy_raise_status(self, status);
        return NULL;
    }
    after_unit(self);
    Py_RETURN_NONE;
}

static PyObject *
store_rollback(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (transaction_is_ours(self) < 0) {
        return NULL;
    }
    sn_rollback(self->db);
    after_unit(self);
    Py_RETURN_NONE;
}

static PyObject *
store_refuse(PyObject *op, PyObject *refuse)
{
    snpy_store *self = (snpy_store *)op;
    int truth = PyObject_IsTrue(refuse);
    if (truth < 0) {
        return NULL;
    }
    self->refusing = truth;
    self->refused_thread = PyThread_get_thread_ident();
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- looking and emptying */

static PyObject *
store_check(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (!snpy_store_open(self)) {
        return NULL;
    }
    const char *broken = sn_check(self->db);
    if (broken) {
        PyErr_SetString(PyExc_AssertionError, broken);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
store_stats(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    unsigned long long rows = 0, positions = 0;
    if (!snpy_store_open(self)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->models); i++) {
        snpy_model *model = model_at(self, i);
        rows += model ? sn_table_count(model->table) : 0;
        positions += model ? sn_table_positions(model->table) : 0;
    }
    sn_db *db = self->db;
    return Py_BuildValue("{sKsKsKsKsKsKsK}", "rows", rows, "positions", positions, "handles",
                         (unsigned long long)sn_db_handle_count(db), "blocks", (unsigned long long)sn_db_blocks(db),
                         "bytes", (unsigned long long)sn_db_bytes(db), "revision",
                         (unsigned long long)sn_db_revision(db), "pins", (unsigned long long)sn_db_pins(db));
}

static PyObject *
store_compact(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    long compacted = 0;
    if (!snpy_store_open(self)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; sn_depth(self->db) == 0 && i < PyList_GET_SIZE(self->models); i++) {
        compacted += compact_model(self, model_at(self, i));
    }
    return PyLong_FromLong(compacted);
}

/* Held records lose their rows. */
static void
forget_records(snpy_store *store)
{
    for (Py_ssize_t i = 0; store->models && i < PyList_GET_SIZE(store->models); i++) {
        snpy_model *model = model_at(store, i);
        if (model) {
            snpy_records_remap(model, NULL);
        }
    }
}

/* 0 when neither a statement nor a transaction is open. */
static int
refuse_while_busy(snpy_store *store, const char *what)
{
    if (!snpy_store_open(store)) {
        return -1;
    }
    if (sn_depth(store->db) > 0) {
        return snpy_raise(store->state, "store_busy", "s", what);
    }
    return 0;
}

/* All rows go in one step: their handles are gathered first and released when the store is whole again. */
static PyObject *
store_clear_rows(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (refuse_while_busy(self, "clear()") < 0) {
        return NULL;
    }
    size_t cap = sn_db_handle_count(self->db) + CHUNK, n = 0, more;
    void **handles = PyMem_New(void *, cap);
    if (!handles) {
        return PyErr_NoMemory();
    }
    forget_records(self);
    while (n < cap && (more = sn_db_dismantle(self->db, handles + n, cap - n)) > 0) {
        n += more;
    }
    after_unit(self);
    release_handles(handles, n);
    PyMem_Free(handles);
    Py_RETURN_NONE;
}

/* Everything goes; the engine stays, empty. Runs Python code when nothing can reach the rows any more. */
static void
dismantle(snpy_store *store)
{
    sn_db *db = store->db;
    if (!db) {
        return;
    }
    store->db = NULL;
    while (sn_depth(db) > 0) {
        sn_rollback(db);
    }
    forget_records(store);
    void *handles[CHUNK];
    size_t n;
    while ((n = sn_db_dismantle(db, handles, CHUNK)) > 0) {
        release_handles(handles, n);
    }
    drain(db);
    Py_CLEAR(store->owner_task);
}

static PyObject *
store_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (self->db) {
        if (refuse_while_busy(self, "close()") < 0) {
            return NULL;
        }
        dismantle(self);
    }
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the type */

static int
store_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", NULL};
    snpy_store *self = (snpy_store *)op;
    PyObject *database = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Store", names, &database)) {
        return -1;
    }
    PyObject *weak = database == Py_None ? Py_NewRef(Py_None) : PyWeakref_NewRef(database, NULL);
    if (!weak) {
        return -1;
    }
    Py_XSETREF(self->database, weak);
    return 0;
}

static PyObject *
store_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    snpy_store *self = (snpy_store *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    self->state = snpy_state_of(type);
    self->models = PyList_New(0);
    self->kept = PyList_New(0);
    self->database = Py_NewRef(Py_None);
    const sn_config config = {door, NULL, text_of};
    if (!self->models || !self->kept) {
        Py_CLEAR(self);
    } else if (sn_db_new(&self->engine, &config) != SN_OK) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    } else {
        self->db = self->engine;
    }
    return (PyObject *)self;
}

/* Visits what a model's columns of kind object own. */
static int
visit_objects(snpy_model *model, visitproc visit, void *arg)
{
    for (Py_ssize_t i = 0; model->fields && i < PyTuple_GET_SIZE(model->fields); i++) {
        snpy_field *field = snpy_field_at(model->fields, i);
        if (snpy_conversions[field->kind].type != SN_OBJECT || field->col >= sn_table_columns(model->table)) {
            continue;
        }
        for (sn_row row = 0, n = sn_table_positions(model->table); row < n; row++) {
            if (sn_table_alive(model->table, row)) {
                sn_cell cell = sn_table_get(model->table, row, field->col);
                Py_VISIT(cell.null ? NULL : (PyObject *)sn_word_handle(cell.word));
            }
        }
    }
    return 0;
}

static int
store_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_store *self = (snpy_store *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->models);
    Py_VISIT(self->kept);
    Py_VISIT(self->database);
    Py_VISIT(self->owner_task);
    for (Py_ssize_t i = 0; self->db && self->models && i < PyList_GET_SIZE(self->models); i++) {
        snpy_model *model = model_at(self, i);
        int result = model && model->table ? visit_objects(model, visit, arg) : 0;
        if (result) {
            return result;
        }
    }
    return 0;
}

static int
store_clear(PyObject *op)
{
    snpy_store *self = (snpy_store *)op;
    dismantle(self);
    Py_CLEAR(self->models);
    Py_CLEAR(self->kept);
    Py_CLEAR(self->database);
    return 0;
}

static void
store_dealloc(PyObject *op)
{
    snpy_store *self = (snpy_store *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (self->weakrefs) {
        PyObject_ClearWeakRefs(op);
    }
    store_clear(op);
    if (self->engine) {
        drain(self->engine);
        sn_db_free(self->engine);
    }
    PyMem_Free(self->floors);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
store_depth(PyObject *op, void *Py_UNUSED(closure))
{
    snpy_store *self = (snpy_store *)op;
    return PyLong_FromSize_t(self->db ? sn_depth(self->db) : 0);
}

static PyObject *
store_revision(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(sn_db_revision(((snpy_store *)op)->engine));
}

static PyObject *
store_closed(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(!((snpy_store *)op)->db);
}

static PyObject *
store_database(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *weak = ((snpy_store *)op)->database;
    return Py_NewRef(weak && weak != Py_None ? PyWeakref_GET_OBJECT(weak) : Py_None);
}

static PyGetSetDef store_getset[] = {
    {"depth", store_depth, NULL, "How many transactions and statements are open, nested.", NULL},
    {"revision", store_revision, NULL, "Grows with every change.", NULL},
    {"closed", store_closed, NULL, "Whether close() has been called.", NULL},
    {"database", store_database, NULL, "The Python layer's database, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef store_methods[] = {
    {"begin", (PyCFunction)(void (*)(void))store_begin, METH_VARARGS | METH_KEYWORDS, "Opens a transaction."},
    {"commit", store_commit, METH_NOARGS, "Closes the innermost transaction."},
    {"rollback", store_rollback, METH_NOARGS, "Undoes and closes the innermost transaction."},
    {"refuse", store_refuse, METH_O, "Whether statements of this thread are refused."},
    {"check", store_check, METH_NOARGS, "Walks every structure; AssertionError if an invariant does not hold."},
    {"clear", store_clear_rows, METH_NOARGS, "Removes all rows."},
    {"close", store_close, METH_NOARGS, "Releases every value."},
    {"stats", store_stats, METH_NOARGS, "Numbers about the store."},
    {"compact", store_compact, METH_NOARGS, "Compacts what is worth it."},
    {"add_field", (PyCFunction)(void (*)(void))snpy_store_add_field, METH_VARARGS, "Adds a column."},
    {"drop_field", snpy_store_drop_field, METH_O, "Drops a column."},
    {"add_index", (PyCFunction)(void (*)(void))snpy_store_add_index, METH_VARARGS | METH_KEYWORDS, "Adds an index."},
    {"drop_index", snpy_store_drop_index, METH_O, "Drops an index."},
    {"set_parameters", snpy_store_set_parameters, METH_VARARGS, "Sets a constructor's keywords and validators."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef store_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(snpy_store, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_doc, "The rows of one database."},
    {Py_tp_new, store_new},
    {Py_tp_init, store_init},
    {Py_tp_traverse, store_traverse},
    {Py_tp_clear, store_clear},
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_methods, store_methods},
    {Py_tp_members, store_members},
    {Py_tp_getset, store_getset},
    {0, NULL},
};

static PyType_Spec store_spec = {
    .name = "sinew._engine.Store",
    .basicsize = sizeof(snpy_store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = store_slots,
};

PyTypeObject *
snpy_add_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type && PyModule_AddType(module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int
snpy_init_store(PyObject *module, snpy_state *st)
{
    st->Store = snpy_add_type(module, &store_spec);
    return st->Store ? snpy_init_index(module, st) : -1;
}
