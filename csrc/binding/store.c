/*
 * store.c - the store: one engine database, its life, and what the collector sees of it.
 *
 * Closing. `db` becomes NULL, which every entry point looks at; then held records are marked, and the rows are dismantled in chunks
 * of handles that are released between engine calls. The emptied engine itself is freed with the store object, so that row
 * sets, compiled paths and tables that are still pointed to stay valid and merely empty.
 *
 * Garbage. Values of kind object can refer back to the store (a record in an Any field), so traversal visits every handle in such
 * columns, once per cell that owns it; and so can getters' values and what was read for them. Other values cannot. Dead rows of an open
 * unit and the drop list are not visited, which only delays their collection.
 *
 * Who may write, statements and transactions are in unit.c; changes of the schema in schema.c and index.c.
 */
#include "store.h"
#include "track.h"

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
    snpy_note_once(self->state);
    unsigned long long rows = 0, parked = 0, positions = 0;
    if (!snpy_store_open(self)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->models); i++) {
        snpy_model *model = snpy_model_at(self, i);
        rows += model ? sn_table_count(model->table) : 0;
        parked += model ? sn_table_parked_count(model->table) : 0;
        positions += model ? sn_table_positions(model->table) : 0;
    }
    sn_db *db = self->db;
    return Py_BuildValue("{sKsKsKsKsKsKsKsK}", "rows", rows, "parked", parked, "positions", positions, "handles",
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
        compacted += snpy_compact_model(self, snpy_model_at(self, i));
    }
    return PyLong_FromLong(compacted);
}

/* Held records lose their rows. */
static void
forget_records(snpy_store *store)
{
    for (Py_ssize_t i = 0; store->models && i < PyList_GET_SIZE(store->models); i++) {
        snpy_model *model = snpy_model_at(store, i);
        if (model) {
            snpy_records_remap(model, NULL);
        }
    }
}

/* 0 when neither a statement nor a transaction of the open store is. */
static int
refuse_while_busy(snpy_store *store, const char *what)
{
    assert(store->db);
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
    if (!snpy_may_write(self) || refuse_while_busy(self, "clear()") < 0) {
        return NULL;
    }
    size_t cap = sn_db_handle_count(self->db) + CHUNK, n = 0, more;
    void **handles = PyMem_New(void *, cap);
    if (!handles) {
        return PyErr_NoMemory();
    }
    forget_records(self);
    while ((more = sn_db_dismantle(self->db, handles + n, cap - n)) > 0) {
        n += more;
    }
    snpy_after_unit(self);
    snpy_release_handles(handles, n);
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
        snpy_release_handles(handles, n);
    }
    snpy_drain_engine(db);
    Py_CLEAR(store->owner_task);
}

static PyObject *
store_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    if (self->db) {
        if (snpy_refuse_getter(self) < 0 || refuse_while_busy(self, "close()") < 0) {
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
            if (sn_table_alive(model->table, row) || sn_table_parked(model->table, row)) {
                sn_cell cell = sn_table_get(model->table, row, field->col);
                Py_VISIT(cell.null ? NULL : (PyObject *)sn_word_handle(cell.word));
            }
        }
    }
    return 0;
}

/* Visits what getters' values, and what was read for them, own and may refer back. */
static int
visit_values(snpy_store *self, visitproc visit, void *arg)
{
    sn_container_walk walk = {0};
    PyObject *each;
    while (self->engine && (each = sn_db_next_container(self->engine, &walk)) != NULL) {
        Py_VISIT(each);
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
    for (size_t i = 0; i < self->refusing; i++) {
        Py_VISIT(self->refused[i].task);
    }
    int visited = visit_values(self, visit, arg);
    if (visited) {
        return visited;
    }
    for (Py_ssize_t i = 0; self->db && self->models && i < PyList_GET_SIZE(self->models); i++) {
        snpy_model *model = snpy_model_at(self, i);
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
    snpy_store_forget_refusals(self);
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
        snpy_drain_engine(self->engine);
        sn_db_free(self->engine);
    }
    PyMem_Free(self->floors);
    PyMem_Free(self->refused);
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
store_schema(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(((snpy_store *)op)->schema);
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
    return weak && weak != Py_None ? PyObject_CallNoArgs(weak) : Py_NewRef(Py_None);
}

/* set_clock(frozen, moment): the time that moments and getters see. */
static PyObject *
store_set_clock(PyObject *op, PyObject *args)
{
    snpy_store *self = (snpy_store *)op;
    int frozen;
    long long clock;
    if (!PyArg_ParseTuple(args, "pL:set_clock", &frozen, &clock)) {
        return NULL;
    }
    self->frozen = frozen;
    self->clock = clock;
    Py_RETURN_NONE;
}

static PyObject *
store_time(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(snpy_time((snpy_store *)op));
}

static PyObject *
store_forget(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_store *self = (snpy_store *)op;
    sn_db_forget(self->engine);
    snpy_drain(self);
    Py_RETURN_NONE;
}

static PyGetSetDef store_getset[] = {
    {"depth", store_depth, NULL, "How many transactions and statements are open, nested.", NULL},
    {"revision", store_revision, NULL, "Grows with every change.", NULL},
    {"schema", store_schema, NULL, "Grows when columns, indexes or references change.", NULL},
    {"closed", store_closed, NULL, "Whether close() has been called.", NULL},
    {"database", store_database, NULL, "The Python layer's database, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef store_methods[] = {
    {"begin", (PyCFunction)(void (*)(void))snpy_store_begin, METH_VARARGS | METH_KEYWORDS, "Opens a transaction."},
    {"commit", snpy_store_commit, METH_NOARGS, "Closes the innermost transaction."},
    {"rollback", snpy_store_rollback, METH_NOARGS, "Undoes and closes the innermost transaction."},
    {"refuse", snpy_store_refuse, METH_O, "Whether statements of this thread are refused."},
    {"check", store_check, METH_NOARGS, "Walks every structure; AssertionError if an invariant does not hold."},
    {"clear", store_clear_rows, METH_NOARGS, "Removes all rows."},
    {"close", store_close, METH_NOARGS, "Releases every value."},
    {"stats", store_stats, METH_NOARGS, "Numbers about the store."},
    {"forget", store_forget, METH_NOARGS, "Drops all values of getters."},
    {"set_clock", store_set_clock, METH_VARARGS, "The time that moments and getters see."},
    {"time", store_time, METH_NOARGS, "That time, in microseconds since 1970."},
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
    {"audits", T_BOOL, offsetof(snpy_store, audits), 0, "Whether kept values of getters are compared with new ones."},
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
snpy_new_type(PyObject *module, PyType_Spec *spec, PyObject *bases)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, bases);
    if (!type && !PyErr_Occurred()) {
        PyErr_NoMemory(); /* CPython forgets to say so when the name has no room */
    }
    return type;
}

PyTypeObject *
snpy_add_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = snpy_new_type(module, spec, NULL);
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
