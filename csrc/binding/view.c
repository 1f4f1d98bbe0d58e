/*
 * view.c - View: a record at its place in a tree. Branch: the views below one record, as a sequence.
 *
 * Both are numbers beside the Levels that they belong to, made when they are asked for: a View is a level and an entry, a Branch a level
 * and a span of entries. The Python layer derives its classes from these, with `__slots__ = ()`.
 *
 * An attribute of a view is looked for
 *   1. in what its level knows: an included relation, which gives what is below; a field, which is read from its column without a record
 *      being made; a field that is not shown, which is refused
 *   2. in the class of the view: `record`, `pivot`, what is special
 *   3. on the record: everything else, but for names that begin with two underscores
 * The Python layer leaves the names of 2 out of 1.
 *
 * Equal views show one row at one node, whichever of its places they stand at. Their rows are pinned by both, so numbers tell.
 * Costs: making a view 40 ns; a field of it as much as one of a record.
 */
#include "levels.h"
#include "track.h"

typedef struct view {
    PyObject_HEAD
    snpy_levels *levels; /* owned */
    size_t level, entry;
} view;

typedef struct branch {
    PyObject_HEAD
    snpy_levels *levels; /* owned */
    size_t level, start, stop;
} branch;

/* ---------------------------------------------------------------- making */

PyObject *
snpy_view_new(snpy_levels *levels, size_t level, size_t entry)
{
    view *self = (view *)levels->view->tp_alloc(levels->view, 0);
    if (self) {
        self->levels = (snpy_levels *)Py_NewRef(levels);
        self->level = level;
        self->entry = entry;
    }
    return (PyObject *)self;
}

PyObject *
snpy_branch_new(snpy_levels *levels, size_t level, size_t start, size_t stop)
{
    branch *self = (branch *)levels->branch->tp_alloc(levels->branch, 0);
    if (self) {
        self->levels = (snpy_levels *)Py_NewRef(levels);
        self->level = level;
        self->start = start;
        self->stop = stop;
    }
    return (PyObject *)self;
}

static PyObject *
not_by_hand(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError, "%.200s is what a tree gives; it is not made by hand", type->tp_name);
    return NULL;
}

/* ---------------------------------------------------------------- rows */

static inline const snpy_level *
level_of(PyObject *op)
{
    const view *self = (const view *)op;
    return &self->levels->levels[self->level];
}

static inline size_t
place_of(PyObject *op)
{
    return snpy_level_place(level_of(op), ((view *)op)->entry);
}

static inline sn_row
row_of(PyObject *op)
{
    return level_of(op)->rows->rows.rows[place_of(op)];
}

/* The table has the values of the row, parked or not. */
static bool
is_stored(const snpy_rows *rows, sn_row row)
{
    const snpy_model *model = snpy_model_peek((PyTypeObject *)rows->cls);
    return rows->epoch == model->epoch && (sn_table_alive(model->table, row) || sn_table_parked(model->table, row));
}

/* The record of one of the rows. */
static PyObject *
record_at(const snpy_rows *rows, size_t place)
{
    sn_row row = rows->rows.rows[place];
    snpy_note_row(rows, row);
    if (!is_stored(rows, row)) {
        snpy_raise(rows->state, "deleted", "Os", rows->cls, "the record");
        return NULL;
    }
    return snpy_record_for(snpy_model_peek((PyTypeObject *)rows->cls), row);
}

static PyObject *
view_record(PyObject *op, void *Py_UNUSED(closure))
{
    return record_at(level_of(op)->rows, place_of(op));
}

/* What the pivot is in a view below a many-to-many; of the record in any other. */
static PyObject *
view_pivot(PyObject *op, void *Py_UNUSED(closure))
{
    const snpy_level *level = level_of(op);
    if (level->links) {
        return record_at(level->links, ((view *)op)->entry);
    }
    PyObject *record = view_record(op, NULL);
    PyObject *value = record ? PyObject_GetAttrString(record, "pivot") : NULL;
    Py_XDECREF(record);
    return value;
}

static PyObject *
view_node(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(level_of(op)->node);
}

static PyObject *
view_known(PyObject *op, void *Py_UNUSED(closure))
{
    return PyDictProxy_New(level_of(op)->known);
}

/* ---------------------------------------------------------------- attributes */

/* A field as a record reads it, without a record. */
static PyObject *
read_field(PyObject *op, const snpy_field *field)
{
    const snpy_rows *rows = level_of(op)->rows;
    snpy_model *model = snpy_model_peek((PyTypeObject *)rows->cls);
    sn_word word = 0;
    bool same = rows->epoch == model->epoch && field->model == model;
    int stored = same ? sn_table_read(&word, model->table, row_of(op), field->col) : -1;
    if (stored >= 0) {
        snpy_note_cell(field, row_of(op), (sn_cell){word, stored == 0});
    }
    if (stored > 0) {
        return snpy_conversions[field->kind].out((snpy_field *)field, word);
    }
    if (stored == 0) {
        Py_RETURN_NONE;
    }
    if (same && is_stored(rows, row_of(op))) {
        sn_cell cell = sn_table_get(model->table, row_of(op), field->col);
        snpy_note_cell(field, row_of(op), cell);
        return snpy_cell_out((snpy_field *)field, cell);
    }
    snpy_note_row(rows, row_of(op));
    snpy_raise(rows->state, "deleted", "Os", rows->cls, "the record");
    return NULL;
}

/* One of several levels of a name: the first that has something here. */
static PyObject *
below_any(PyObject *op, PyObject *numbers)
{
    PyObject *found = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(numbers) && (!found || found == Py_None); i++) {
        Py_XDECREF(found);
        found = snpy_levels_below(((view *)op)->levels, PyLong_AsSize_t(PyTuple_GET_ITEM(numbers, i)), place_of(op));
        if (!found) {
            return NULL;
        }
    }
    return found;
}

static PyObject *
hidden(PyObject *op, PyObject *name)
{
    return PyObject_CallMethod(op, "_sinew_hidden", "O", name);
}

static PyObject *
known_attribute(PyObject *op, PyObject *name, PyObject *known)
{
    view *self = (view *)op;
    if (Py_IS_TYPE(known, self->levels->state->Field)) {
        return read_field(op, (snpy_field *)known);
    }
    if (PyLong_CheckExact(known)) {
        return snpy_levels_below(self->levels, PyLong_AsSize_t(known), place_of(op));
    }
    return PyTuple_CheckExact(known) ? below_any(op, known) : hidden(op, name);
}

/* What Python asks of any object (__copy__, __len__) is not asked of the record. */
static bool
is_special(PyObject *name)
{
    return PyUnicode_Check(name) && PyUnicode_GET_LENGTH(name) > 2 && PyUnicode_READ_CHAR(name, 0) == '_'
           && PyUnicode_READ_CHAR(name, 1) == '_';
}

static PyObject *
view_getattro(PyObject *op, PyObject *name)
{
    PyObject *known = PyDict_GetItemWithError(level_of(op)->known, name); // borrowed: the level keeps what it knows
    if (known) {
        return known_attribute(op, name, known);
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (is_special(name) || _PyType_Lookup(Py_TYPE(op), name)) {
        return PyObject_GenericGetAttr(op, name);
    }
    PyObject *record = view_record(op, NULL);
    PyObject *value = record ? PyObject_GetAttr(record, name) : NULL;
    Py_XDECREF(record);
    return value;
}

/* ---------------------------------------------------------------- equality */

/* The row that a view shows or a record is, and what it has in common with those of the same table: 0 or 1 if it is neither. */
static bool
row_shown(snpy_state *st, PyObject *object, PyObject **cls, sn_row *row, uint32_t *epoch)
{
    if (PyObject_TypeCheck(object, st->View)) {
        const snpy_rows *rows = level_of(object)->rows;
        *cls = rows->cls;
        *row = row_of(object);
        *epoch = rows->epoch;
        return true;
    }
    if (PyObject_TypeCheck(object, st->Record)) {
        *cls = (PyObject *)Py_TYPE(object);
        *row = ((snpy_record *)object)->row;
        *epoch = ((snpy_record *)object)->epoch;
        return true;
    }
    return false;
}

static PyObject *
view_richcompare(PyObject *a, PyObject *b, int op)
{
    snpy_state *st = ((view *)a)->levels->state;
    if ((op != Py_EQ && op != Py_NE) || !PyObject_TypeCheck(b, st->View)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    const snpy_level *left = level_of(a), *right = level_of(b);
    bool equal = left->node == right->node && left->rows->cls == right->rows->cls
                 && left->rows->epoch == right->rows->epoch && row_of(a) == row_of(b);
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t
view_hash(PyObject *op)
{
    uint64_t node = (uintptr_t)level_of(op)->node >> 4; /* blocks begin at multiples of 16 */
    Py_hash_t hash = (Py_hash_t)(node ^ (uint64_t)row_of(op) * 0x9E3779B97F4A7C15u >> 1);
    return hash == -1 ? -2 : hash;
}

/* ---------------------------------------------------------------- View */

static int
shared_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((view *)op)->levels);
    return 0;
}

static void
shared_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(((view *)op)->levels);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyGetSetDef view_getset[] = {
    {"record", view_record, NULL, "The record that the view shows. RecordDeleted if it is gone.", NULL},
    {"pivot", view_pivot, NULL, "Below a many-to-many: the row of the pivot that links it to the record above.", NULL},
    {"_sinew_node", view_node, NULL, "The Python layer's description of the node.", NULL},
    {"_sinew_known", view_known, NULL, "What is known at its level, by name.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot view_slots[] = {
    {Py_tp_doc, "A record at its place in a tree."},
    {Py_tp_new, not_by_hand},
    {Py_tp_traverse, shared_traverse},
    {Py_tp_dealloc, shared_dealloc},
    {Py_tp_getattro, view_getattro},
    {Py_tp_richcompare, view_richcompare},
    {Py_tp_hash, view_hash},
    {Py_tp_getset, view_getset},
    {0, NULL},
};

static PyType_Spec view_spec = {
    .name = "sinew._engine.View",
    .basicsize = sizeof(view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = view_slots,
};

/* ---------------------------------------------------------------- Branch */

static Py_ssize_t
branch_len(PyObject *op)
{
    return (Py_ssize_t)(((branch *)op)->stop - ((branch *)op)->start);
}

static PyObject *
branch_at(PyObject *op, PyObject *index)
{
    branch *self = (branch *)op;
    Py_ssize_t n = branch_len(op), given = PyNumber_AsSsize_t(index, PyExc_IndexError);
    if (given == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t i = given < 0 ? given + n : given;
    if (i < 0 || i >= n) {
        PyErr_Format(PyExc_IndexError, "index %zd is out of range: there are %zd", given, n);
        return NULL;
    }
    return snpy_view_new(self->levels, self->level, self->start + (size_t)i);
}

/* The number of the first entry that shows what a view or a record is, or -1. */
static Py_ssize_t
find_entry(PyObject *op, PyObject *object)
{
    const branch *self = (const branch *)op;
    const snpy_level *level = level_of(op);
    PyObject *cls;
    sn_row row;
    uint32_t epoch;
    if (!row_shown(self->levels->state, object, &cls, &row, &epoch) || cls != level->rows->cls
        || epoch != level->rows->epoch) {
        return -1;
    }
    for (size_t i = self->start; i < self->stop; i++) {
        if (level->rows->rows.rows[snpy_level_place(level, i)] == row) {
            return (Py_ssize_t)(i - self->start);
        }
    }
    return -1;
}

static int
branch_contains(PyObject *op, PyObject *object)
{
    return find_entry(op, object) >= 0;
}

static PyObject *
branch_find(PyObject *op, PyObject *object)
{
    return PyLong_FromSsize_t(find_entry(op, object));
}

static PyObject *
branch_rows(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    const branch *self = (const branch *)op;
    const snpy_level *level = level_of(op);
    sn_db *db = self->levels->store->engine;
    size_t n = self->stop - self->start;
    sn_rows rows = {0};
    sn_status status = sn_rows_reserve(db, &rows, n);
    if (status != SN_OK) {
        snpy_raise_status(self->levels->store, status);
        return NULL;
    }
    for (size_t i = self->start; i < self->stop; i++) {
        rows.rows[rows.n++] = level->rows->rows.rows[snpy_level_place(level, i)];
    }
    return snpy_rows_derive(level->rows, &rows);
}

static PyObject *
branch_node(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(level_of(op)->node);
}

static PyObject *
branch_levels(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(((branch *)op)->levels);
}

static PyObject *
branch_iter(PyObject *op)
{
    branch *self = (branch *)op;
    PyTypeObject *type = self->levels->state->BranchIter;
    branch *iterator = (branch *)type->tp_alloc(type, 0);
    if (iterator) {
        iterator->levels = (snpy_levels *)Py_NewRef(self->levels);
        iterator->level = self->level;
        iterator->start = self->start;
        iterator->stop = self->stop;
    }
    return (PyObject *)iterator;
}

static PyMethodDef branch_methods[] = {
    {"at", branch_at, METH_O, "The view at an index (negative from the end)."},
    {"place", branch_find, METH_O, "Where a record, or that of a view, stands first; -1 if it is not there."},
    {"rows", branch_rows, METH_NOARGS, "The rows of the branch, in its order."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef branch_getset[] = {
    {"node", branch_node, NULL, "The Python layer's description of the node.", NULL},
    {"levels", branch_levels, NULL, "What it is a part of.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot branch_slots[] = {
    {Py_tp_doc, "Views below one record of a tree, as a sequence."},
    {Py_tp_new, not_by_hand},
    {Py_tp_traverse, shared_traverse},
    {Py_tp_dealloc, shared_dealloc},
    {Py_tp_methods, branch_methods},
    {Py_tp_getset, branch_getset},
    {Py_tp_iter, branch_iter},
    {Py_sq_length, branch_len},
    {Py_sq_contains, branch_contains},
    {0, NULL},
};

static PyType_Spec branch_spec = {
    .name = "sinew._engine.Branch",
    .basicsize = sizeof(branch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = branch_slots,
};

/* ---------------------------------------------------------------- the iterator: a branch that gets shorter */

static PyObject *
iter_next(PyObject *op)
{
    branch *self = (branch *)op;
    return self->start < self->stop ? snpy_view_new(self->levels, self->level, self->start++) : NULL;
}

static PyObject *
iter_hint(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSsize_t(branch_len(op));
}

static PyMethodDef iter_methods[] = {
    {"__length_hint__", iter_hint, METH_NOARGS, "How many views are to come."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iter_slots[] = {
    {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, iter_next},   {Py_tp_traverse, shared_traverse},
    {Py_tp_dealloc, shared_dealloc}, {Py_tp_methods, iter_methods}, {0, NULL},
};

static PyType_Spec iter_spec = {
    .name = "sinew._engine.BranchIter",
    .basicsize = sizeof(branch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iter_slots,
};

int
snpy_init_view(PyObject *module, snpy_state *st)
{
    st->View = snpy_add_type(module, &view_spec);
    st->Branch = st->View ? snpy_add_type(module, &branch_spec) : NULL;
    st->BranchIter = st->Branch ? snpy_add_type(module, &iter_spec) : NULL;
    return st->BranchIter ? 0 : -1;
}
