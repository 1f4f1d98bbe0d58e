/*
 * collection.c - Collection: the live other side of a to-many relation of one record.
 *
 * A collection holds its owner and its descriptor: every question goes to the engine at the moment it is asked, so a collection can be
 * neither stale nor expensive to make. What it remembers is how many records it had when it was last counted, for as long as nothing
 * at all has changed: list() asks for the length twice. The Python layer derives its class from this one, with
 * `__slots__ = ()`, and Many.__get__ makes instances of that class by tp_alloc alone.
 *
 * Invariant: while the store's revision and schema are those beside `count`, the path leads to so many records; of one that depends
 * on the time nothing is remembered.
 *
 *   len, bool, in   one call of the engine, O(1) on a direct relation without conditions
 *   iter        the rows as they are at its start, pinned; those deleted since are passed over (see rows.c)
 *   at(i)       the first by a call of its own, any other from the list of rows
 */
#include "track.h"

typedef struct collection {
    PyObject_HEAD
    PyObject *owner; /* a record */
    snpy_many *many;
    Py_ssize_t count;          /* -1: not counted yet */
    uint64_t revision, schema; /* of the store when it was */
} collection;

/* The relation's path. Owned: compiling it may run code that binds the relation to another one. */
static inline snpy_path *
path_of(PyObject *op)
{
    return (snpy_path *)Py_NewRef(((collection *)op)->many->compiled);
}

PyObject *
snpy_collection_new(snpy_many *many, PyObject *owner)
{
    PyTypeObject *type = many->collection;
    collection *self = (collection *)type->tp_alloc(type, 0);
    if (self) {
        self->owner = Py_NewRef(owner);
        self->many = (snpy_many *)Py_NewRef(many);
        self->count = -1;
    }
    return (PyObject *)self;
}

static PyObject *
collection_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError, "%.200s is what a relation of a record gives; it is not made by hand", type->tp_name);
    return NULL;
}

/* Remembers a count that has just been made along a path that is compiled, unless time alone may change it. */
static void
remember(collection *self, const snpy_path *path, Py_ssize_t count)
{
    self->count = path->timed ? -1 : count;
    self->revision = sn_db_revision(path->store->engine);
    self->schema = path->store->schema;
}

static bool
remembers(const collection *self, const snpy_path *path)
{
    return self->count >= 0 && path->store->db && self->revision == sn_db_revision(path->store->engine)
           && self->schema == path->store->schema && self->schema == path->schema;
}

static Py_ssize_t
collection_len(PyObject *op)
{
    collection *self = (collection *)op;
    snpy_path *path = path_of(op);
    Py_ssize_t n = self->count;
    if (!remembers(self, path) || snpy_tracking(path->state)) {
        n = snpy_path_count(path, self->owner);
        remember(self, path, n);
    }
    Py_DECREF(path);
    return n;
}

static int
collection_bool(PyObject *op)
{
    collection *self = (collection *)op;
    snpy_path *path = path_of(op);
    bool known = remembers(self, path) && !snpy_tracking(path->state);
    int exists = known ? self->count > 0 : snpy_path_exists(path, self->owner);
    Py_DECREF(path);
    return exists;
}

static int
collection_contains(PyObject *op, PyObject *target)
{
    snpy_path *path = path_of(op);
    int found = snpy_path_contains(path, ((collection *)op)->owner, target);
    Py_DECREF(path);
    return found;
}

static PyObject *
all_rows(PyObject *op)
{
    snpy_path *path = path_of(op);
    PyObject *rows = snpy_path_rows(path, ((collection *)op)->owner);
    if (rows && ((snpy_rows *)rows)->revision == sn_db_revision(path->store->engine)) {
        remember((collection *)op, path, (Py_ssize_t)((snpy_rows *)rows)->rows.n);
    }
    Py_DECREF(path);
    return rows;
}

static PyObject *
collection_iter(PyObject *op)
{
    PyObject *rows = all_rows(op);
    PyObject *iterator = rows ? snpy_rows_iter(rows) : NULL;
    Py_XDECREF(rows);
    return iterator;
}

static PyObject *
first_record(PyObject *op)
{
    snpy_path *path = path_of(op);
    PyObject *first = snpy_path_first(path, ((collection *)op)->owner);
    Py_DECREF(path);
    if (first == Py_None) {
        Py_DECREF(first);
        PyErr_SetString(PyExc_IndexError, "the collection is empty");
        return NULL;
    }
    return first;
}

static PyObject *
collection_at(PyObject *op, PyObject *index)
{
    Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (i == 0) {
        return first_record(op);
    }
    PyObject *rows = all_rows(op);
    PyObject *record = rows ? snpy_rows_at((snpy_rows *)rows, i) : NULL;
    Py_XDECREF(rows);
    return record;
}

static PyObject *
collection_relation(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *relation = ((collection *)op)->many->relation;
    return Py_NewRef(relation ? relation : Py_None);
}

static PyObject *
collection_path(PyObject *op, void *Py_UNUSED(closure))
{
    return (PyObject *)path_of(op);
}

static int
collection_traverse(PyObject *op, visitproc visit, void *arg)
{
    collection *self = (collection *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->owner);
    Py_VISIT(self->many);
    return 0;
}

static void
collection_dealloc(PyObject *op)
{
    collection *self = (collection *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->many);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef collection_methods[] = {
    {"at", collection_at, METH_O, "The record at an index (negative from the end)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef collection_members[] = {
    {"owner", T_OBJECT, offsetof(collection, owner), READONLY, "The record whose relation this is."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef collection_getset[] = {
    {"relation", collection_relation, NULL, "The Python layer's description of the relation.", NULL},
    {"path", collection_path, NULL, "The compiled relation.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot collection_slots[] = {
    {Py_tp_doc, "The live other side of a to-many relation of one record."},
    {Py_tp_new, collection_new},
    {Py_tp_traverse, collection_traverse},
    {Py_tp_dealloc, collection_dealloc},
    {Py_tp_methods, collection_methods},
    {Py_tp_members, collection_members},
    {Py_tp_getset, collection_getset},
    {Py_tp_iter, collection_iter},
    {Py_nb_bool, collection_bool},
    {Py_sq_length, collection_len},
    {Py_sq_contains, collection_contains},
    {0, NULL},
};

static PyType_Spec collection_spec = {
    .name = "sinew._engine.Collection",
    .basicsize = sizeof(collection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = collection_slots,
};

int
snpy_init_collection(PyObject *module, snpy_state *st)
{
    st->Collection = snpy_add_type(module, &collection_spec);
    return st->Collection ? 0 : -1;
}
