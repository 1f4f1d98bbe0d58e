/*
 * unit.c - who may write to a store, statements and transactions, and when Python code may run around them.
 *
 * Statements. Every write happens between snpy_statement_begin and snpy_statement_end, each of which is a unit of the engine
 * (sn_begin ... sn_commit). Statements nest, when a callback of one writes; `floors` remembers the depth of each one's
 * unit, so that a transaction that a callback leaves open cannot be taken for the statement's own, nor the
 * statement's unit be closed by a callback.
 *
 * Ownership. While a unit is open it belongs to a thread and, for transactions, to an asyncio task. A lone statement
 * runs from end to end without giving the thread to another task, so only its thread counts. Another thread's statement
 * is waited for (STATEMENT_WAIT seconds), another's transaction only as long as begin(wait=) says. The thread polls with
 * the GIL released: transactions last long compared to a millisecond, and polling needs no lock that a dying thread
 * could keep. A transaction whose thread has ended, or whose task is done, can be ended by nobody: the next who wants to
 * write rolls it back, with a ResourceWarning.
 *
 * The end of a statement, in this order: commit or describe the failure and roll back; check every invariant (SN_DEBUG);
 * compact one table if it is worth it and no unit or pin is open (the models take turns, so this costs one call); drain the drop list.
 * Draining releases handles, which runs arbitrary code, so it comes last, when nothing is half done.
 *
 * Cost of a statement: two engine calls, one thread number, one look at a table; in a transaction also one call of the
 * current_task hook.
 */
#include "store.h"
#include "track.h"

#include <time.h>

#define STATEMENT_WAIT 5.0 /* seconds that a write waits for another thread's statement */

/* ---------------------------------------------------------------- draining */

void
snpy_release_handles(void **handles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Py_DECREF((PyObject *)handles[i]);
    }
}

void
snpy_drain_engine(sn_db *db)
{
    void *handles[CHUNK];
    size_t n;
    while ((n = sn_db_drop(db, handles, CHUNK)) > 0) {
        snpy_release_handles(handles, n);
    }
}

void
snpy_drain_now(snpy_store *store)
{
    if (store->statements || store->draining) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_INCREF(store);
    store->draining = true;
    snpy_drain_engine(store->engine);
    store->draining = false;
    Py_DECREF(store);
    PyErr_Restore(type, value, traceback);
}

/* ---------------------------------------------------------------- compaction */

snpy_model *
snpy_model_at(const snpy_store *store, Py_ssize_t i)
{
    return snpy_model_peek((PyTypeObject *)PyList_GET_ITEM(store->models, i));
}

/* Compacts a table that is worth it. Without the memory for the map it simply stays sparse. */
bool
snpy_compact_model(snpy_store *store, snpy_model *model)
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
        snpy_compact_model(store, snpy_model_at(store, store->sweep));
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

/* A number for this thread that no other ever has (those of the system are used again). */
static uint64_t
this_thread(void)
{
    return PyThreadState_GetID(PyThreadState_Get());
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
    if (store->owner_thread != this_thread()) {
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
    PyObject *name = thread_name(store->owner_ident), *words = NULL, *task_name = NULL;
    if (name && task) {
        task_name = PyObject_CallMethod(task, "get_name", NULL);
        PyErr_Clear();
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

/* Whether there is a thread with this number of snpy's. */
static bool
thread_lives(uint64_t thread)
{
    PyThreadState *each = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    while (each && PyThreadState_GetID(each) != thread) {
        each = PyThreadState_Next(each);
    }
    return each != NULL;
}

static int
task_done(PyObject *task)
{
    PyObject *answer = PyObject_CallMethod(task, "done", NULL);
    if (!answer && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear(); /* no asyncio task, but whatever the hook takes for one */
        return 0;
    }
    int done = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return done;
}

/* Rolls back the transaction of `thread` and `task` if it is still the open one. */
static int
end_abandoned(snpy_store *store, uint64_t thread, PyObject *task)
{
    PyObject *words = opener(store); /* runs Python code: look again */
    bool same = store->db && sn_depth(store->db) > 0 && store->owner_thread == thread && store->owner_task == task;
    if (!words || !same || store->statements > 0) {
        Py_XDECREF(words);
        return words ? 0 : -1;
    }
    while (sn_depth(store->db) > 0) {
        sn_rollback(store->db);
    }
    snpy_after_unit(store);
    int result = PyErr_WarnFormat(PyExc_ResourceWarning, 1, "a transaction of %U was never ended: rolled back", words);
    Py_DECREF(words);
    return result;
}

/* 1: the open transaction could be ended by nobody any more and has been; 0: it may yet be; -1 with an exception. */
static int
clear_abandoned(snpy_store *store)
{
    if (store->statements > 0) {
        return 0;
    }
    uint64_t thread = store->owner_thread;
    PyObject *task = Py_XNewRef(store->owner_task);
    int gone = !thread_lives(thread) ? 1 : task ? task_done(task) : 0;
    if (gone > 0 && end_abandoned(store, thread, task) < 0) {
        gone = -1;
    }
    Py_XDECREF(task);
    return gone;
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
        if (!store->db || sn_depth(store->db) == 0) {
            continue; /* asking for the task has ended it */
        }
        int gone = clear_abandoned(store);
        if (gone < 0) {
            return -1;
        }
        if (gone > 0) {
            continue;
        }
        double patience = lone_statement(store) && wait < STATEMENT_WAIT ? STATEMENT_WAIT : wait;
        if (store->owner_thread == this_thread() || waited >= patience) {
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

/* The latest refusal of this thread and task, or NULL. */
static snpy_refusal *
refusal_of(snpy_store *store, const PyObject *task)
{
    for (size_t i = store->refusing; i > 0; i--) {
        if (store->refused[i - 1].thread == this_thread() && store->refused[i - 1].task == task) {
            return &store->refused[i - 1];
        }
    }
    return NULL;
}

bool
snpy_may_write(snpy_store *store)
{
    if (snpy_refuse_getter(store) < 0) {
        return false;
    }
    if (store->refusing) {
        PyObject *task;
        if (current_task(store->state, &task) < 0) {
            return false;
        }
        bool refused = refusal_of(store, task) != NULL;
        Py_XDECREF(task);
        if (refused) {
            snpy_raise(store->state, "transaction_closed", "");
            return false;
        }
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

/* Makes room for so many more, so that a block that has rolled back never lacks the memory to refuse the rest of it. */
static int
reserve_refusals(snpy_store *store, size_t more)
{
    size_t cap = store->refusing + more;
    if (cap <= store->refused_cap) {
        return 0;
    }
    snpy_refusal *refused = PyMem_Realloc(store->refused, cap * 2 * sizeof *refused);
    if (!refused) {
        PyErr_NoMemory();
        return -1;
    }
    store->refused = refused;
    store->refused_cap = cap * 2;
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
    store->owner_thread = this_thread();
    store->owner_ident = PyThread_get_thread_ident();
    store->owner_task = task;
    return 0;
}

void
snpy_verify(const snpy_store *store)
{
#ifdef SN_DEBUG
    const char *broken = sn_check(store->db);
    if (broken) {
        Py_FatalError(broken);
    }
#else
    (void)store;
#endif
}

/* What follows the end of every unit. May run Python code, as the last thing. */
void
snpy_after_unit(snpy_store *store)
{
    snpy_verify(store);
    PyObject *task = NULL;
    if (sn_depth(store->db) == 0) {
        assert(store->statements == 0);
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
    if (!snpy_may_write(store) || (sn_depth(store->db) > 0 && take_turn(store, 0.0) < 0) || reserve_floor(store) < 0
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
    snpy_after_unit(store);
    return result;
}

/* ---------------------------------------------------------------- transactions */

PyObject *
snpy_store_begin(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"wait", NULL};
    snpy_store *self = (snpy_store *)op;
    PyObject *wait = Py_None, *task;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:begin", names, &wait)) {
        return NULL;
    }
    double seconds = wait == Py_None ? 0.0 : PyFloat_AsDouble(wait);
    if (PyErr_Occurred() || !snpy_may_write(self) || current_task(self->state, &task) < 0) {
        return NULL;
    }
    if (take_turn(self, seconds) < 0 || reserve_refusals(self, sn_depth(self->db) + 1) < 0) {
        Py_XDECREF(task);
        return NULL;
    }
    return open_unit(self, task) < 0 ? NULL : Py_NewRef(Py_None);
}

/* Open, ours, and not the unit of a statement further out. */
static int
transaction_is_ours(snpy_store *store)
{
    if (snpy_refuse_getter(store) < 0 || !snpy_store_open(store)) {
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

PyObject *
snpy_store_commit(PyObject *op, PyObject *Py_UNUSED(ignored))
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
    snpy_after_unit(self);
    Py_RETURN_NONE;
}

PyObject *
snpy_store_rollback(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (transaction_is_ours(self) < 0) {
        return NULL;
    }
    sn_rollback(self->db);
    snpy_after_unit(self);
    Py_RETURN_NONE;
}

/* The task is stolen, also on failure. */
static int
add_refusal(snpy_store *store, PyObject *task)
{
    if (reserve_refusals(store, 1) < 0) {
        Py_XDECREF(task);
        return -1;
    }
    store->refused[store->refusing++] = (snpy_refusal){this_thread(), task};
    return 0;
}

/* The task is stolen. */
static void
end_refusal(snpy_store *store, PyObject *task)
{
    snpy_refusal *found = refusal_of(store, task);
    PyObject *held = found ? found->task : NULL;
    if (found) {
        *found = store->refused[--store->refusing];
    }
    Py_XDECREF(held);
    Py_XDECREF(task);
}

PyObject *
snpy_store_refuse(PyObject *op, PyObject *refuse)
{
    snpy_store *self = (snpy_store *)op;
    int truth = PyObject_IsTrue(refuse);
    PyObject *task;
    if (truth < 0 || current_task(self->state, &task) < 0) {
        return NULL;
    }
    if (truth) {
        return add_refusal(self, task) < 0 ? NULL : Py_NewRef(Py_None);
    }
    end_refusal(self, task);
    Py_RETURN_NONE;
}

void
snpy_store_forget_refusals(snpy_store *store)
{
    while (store->refusing > 0) {
        PyObject *task = store->refused[--store->refusing].task;
        Py_XDECREF(task);
    }
}
