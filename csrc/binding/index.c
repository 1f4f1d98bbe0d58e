/*
 * index.c - the type Index: making one of fields of a model, looking a key up in it, dropping it.
 *
 *   - Text in an index is interned. A column that gets its first index is rewritten, in one statement, before the index is
 *     built; it stays interned afterwards, which is right for any use.
 *   - The engine's tag points to the Index, so the store keeps it until it is dropped (schema.c has the rules of changes).
 *   - A probe converts its values, which may run Python code, and looks at the index afterwards; it holds it meanwhile.
 *
 * All or nothing: a refused index (SN_UNIQUE, SN_NAN) leaves at most an interned column behind.
 */
#include "model.h"
#include "store.h"
#include "track.h"

/* ---------------------------------------------------------------- making and dropping */

/* Text of a column that is to be exchanged: rows, and cells that are owned. */
typedef struct texts {
    sn_row *rows;
    sn_cell *cells;
    size_t n;
} texts;

static void
texts_fini(texts *t, snpy_store *store, snpy_field *field)
{
    while (t->n > 0) {
        t->n--;
        snpy_cell_release(store, field, t->cells[t->n]);
    }
    PyMem_Free(t->rows);
    PyMem_Free(t->cells);
}

/* Entries for the bare text of the live rows, or of the parked ones. The field is marked already, so conversion interns.
 * 0 or -1; texts_fini in any case. */
static int
texts_make(texts *t, snpy_store *store, snpy_field *field, bool parked)
{
    sn_table *table = field->model->table;
    sn_row positions = sn_table_positions(table);
    t->rows = PyMem_New(sn_row, (size_t)positions + 1);
    t->cells = PyMem_New(sn_cell, (size_t)positions + 1);
    int result = t->rows && t->cells ? 0 : (PyErr_NoMemory(), -1);
    for (sn_row row = 0; result == 0 && row < positions; row++) {
        bool asked = parked ? sn_table_parked(table, row) : sn_table_alive(table, row);
        sn_cell cell = asked ? sn_table_get(table, row, field->col) : SN_NULL_CELL;
        if (!cell.null) {
            t->rows[t->n] = row;
            result = snpy_cell_in(&t->cells[t->n], store, field, sn_word_handle(cell.word));
            t->n += result == 0;
        }
    }
    return result;
}

/* Parked rows are written past the rules for records; what they had is `texts` afterwards. */
static void
intern_parked(snpy_field *field, texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        sn_cell old;
        bool done = sn_table_exchange_parked(&old, field->model->table, t->rows[i], field->col, t->cells[i]);
        assert(done); /* a parked row, a column in no index, no unit open */
        t->cells[i] = done ? old : t->cells[i];
    }
}

/* Exchanges the bare text of a column for entries. */
static int
intern_rows(snpy_store *store, snpy_field *field)
{
    texts live = {0}, parked = {0};
    int result = texts_make(&live, store, field, false);
    if (result == 0) {
        result = texts_make(&parked, store, field, true);
    }
    if (result == 0) {
        intern_parked(field, &parked);
        result = snpy_statement_begin(store);
    }
    if (result == 0) {
        sn_status status = sn_table_update(field->model->table, live.rows, live.n, &field->col, 1, live.cells);
        live.n = status == SN_OK ? 0 : live.n;
        result = snpy_statement_end(store, (int)status);
    }
    texts_fini(&live, store, field);
    texts_fini(&parked, store, field);
    return result;
}

static int
intern_column(snpy_store *store, snpy_field *field)
{
    if (snpy_conversions[field->kind].type != SN_TEXT || field->indexed) {
        return 0;
    }
    field->indexed = true;
    const sn_table *table = field->model->table;
    if (field->intern || (sn_table_count(table) == 0 && sn_table_parked_count(table) == 0)) {
        return 0;
    }
    if (intern_rows(store, field) < 0) {
        field->indexed = false;
        return -1;
    }
    return 0;
}

/* The fields of an index: a tuple of Fields of this model. New reference. */
static PyObject *
index_fields(snpy_model *model, PyObject *given)
{
    PyObject *fields = PySequence_Tuple(given);
    Py_ssize_t n = fields ? PyTuple_GET_SIZE(fields) : 0;
    bool right = n > 0 && n <= SN_MAX_KEY;
    for (Py_ssize_t i = 0; i < n && right; i++) {
        PyObject *field = PyTuple_GET_ITEM(fields, i);
        right = Py_IS_TYPE(field, model->store->state->Field) && ((snpy_field *)field)->model == model;
    }
    if (fields && !right) {
        PyErr_Format(PyExc_ValueError, "an index takes 1 to %d fields of %s", SN_MAX_KEY, model->cls->tp_name);
        Py_CLEAR(fields);
    }
    return fields;
}

static const char *const kinds[] = {
    [SN_INDEX_UNIQUE] = "unique", [SN_INDEX_MANY] = "many", [SN_INDEX_ORDERED] = "ordered"};

static int
parse_kind(const char *name, sn_index_kind *out)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(kinds); i++) {
        if (strcmp(kinds[i], name) == 0) {
            *out = (sn_index_kind)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "no such kind of index: %s", name);
    return -1;
}

/* The rows that are there refuse the index, which the engine has freed: its error must not be asked for it. Always -1. */
static int
raise_refused(snpy_store *store, snpy_index *ix, sn_status status)
{
    const sn_row other = sn_db_error(store->db)->other;
    sn_table *table = ix->model->table;
    Py_ssize_t n = PyTuple_GET_SIZE(ix->fields);
    if (status != SN_UNIQUE || other >= sn_table_positions(table)) {
        return snpy_raise_status(store, status);
    }
    PyObject *record = snpy_record_for(ix->model, other), *values = record ? PyTuple_New(n) : NULL;
    for (Py_ssize_t i = 0; values && i < n; i++) { /* the record knows whether its row is there still, and where */
        PyObject *value = snpy_field_read(snpy_field_at(ix->fields, i), record);
        if (value) {
            PyTuple_SET_ITEM(values, i, value);
        } else {
            Py_CLEAR(values);
        }
    }
    if (values) {
        snpy_raise(store->state, "unique", "OOOO", ix->model->cls, ix->fields, values, record);
    }
    Py_XDECREF(values);
    Py_XDECREF(record);
    return -1;
}

static int
build_index(snpy_store *store, snpy_index *ix, sn_index_kind kind, int deferred)
{
    sn_col cols[SN_MAX_KEY];
    Py_ssize_t n = PyTuple_GET_SIZE(ix->fields);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (intern_column(store, snpy_field_at(ix->fields, i)) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) { /* the statements above have drained, which runs Python code */
        if (snpy_field_at(ix->fields, i)->model != ix->model) {
            return snpy_raise(store->state, "store_busy", "s", "adding an index");
        }
        cols[i] = snpy_field_at(ix->fields, i)->col;
    }
    if (PyList_Append(store->kept, (PyObject *)ix) < 0) {
        return -1;
    }
    sn_status status = sn_index_new(&ix->index, ix->model->table, kind, cols, (size_t)n, deferred, ix);
    if (status != SN_OK) {
        ix->index = NULL;
        return snpy_unkeep(store, (PyObject *)ix) < 0 ? -1 : raise_refused(store, ix, status);
    }
    store->schema++;
    if (kind == SN_INDEX_UNIQUE && n == 1) {
        Py_XSETREF(snpy_field_at(ix->fields, 0)->unique, Py_NewRef(ix));
    }
    return 0;
}

PyObject *
snpy_store_add_index(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "", "", "deferred", NULL};
    snpy_store *self = (snpy_store *)op;
    PyObject *cls, *given;
    const char *kind_name;
    int deferred = 0;
    sn_index_kind kind;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OsO|$p:add_index", names, &cls, &kind_name, &given, &deferred)
        || parse_kind(kind_name, &kind) < 0) {
        return NULL;
    }
    snpy_model *model = snpy_store_model(self, cls);
    PyObject *fields = model ? index_fields(model, given) : NULL;
    snpy_index *ix = fields ? PyObject_GC_New(snpy_index, self->state->Index) : NULL;
    if (!ix) {
        Py_XDECREF(fields);
        return NULL;
    }
    ix->state = self->state;
    ix->model = model;
    ix->cls = Py_NewRef(cls);
    ix->fields = fields;
    ix->index = NULL;
    PyObject_GC_Track(ix);
    if (snpy_between_transactions(self, "adding an index") < 0 || build_index(self, ix, kind, deferred) < 0) {
        Py_CLEAR(ix);
    }
    return (PyObject *)ix;
}

PyObject *
snpy_store_drop_index(PyObject *op, PyObject *object)
{
    snpy_store *self = (snpy_store *)op;
    snpy_index *ix = (snpy_index *)object;
    if (!Py_IS_TYPE(object, self->state->Index) || ix->model->store != self || !ix->index) {
        PyErr_Format(PyExc_TypeError, "%R is not an index in use here", object);
        return NULL;
    }
    if (snpy_between_transactions(self, "dropping an index") < 0
        || snpy_check_status(self, sn_index_drop(ix->index)) < 0) {
        return NULL;
    }
    ix->index = NULL;
    self->schema++;
    snpy_field *field = snpy_field_at(ix->fields, 0);
    if (field->unique == object) {
        Py_CLEAR(field->unique);
    }
    return snpy_unkeep(self, object) < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- the type */

static inline bool
is_unique(const snpy_index *ix)
{
    return ix->index && sn_index_kind_of(ix->index) == SN_INDEX_UNIQUE;
}

int
snpy_index_probe(sn_row *row, snpy_index *ix, PyObject *const *values, Py_ssize_t n)
{
    snpy_store *store = ix->model->store;
    sn_cell cells[SN_MAX_KEY];
    sn_word words[SN_MAX_KEY];
    Py_ssize_t done = 0;
    bool null = false;
    *row = SN_NO_ROW;
    if (n != PyTuple_GET_SIZE(ix->fields)) {
        return snpy_raise(ix->state, "internal", "s", "a key has another length than its index");
    }
    if (n == 1 && is_unique(ix) && store->db && !snpy_tracking(ix->state)
        && snpy_text_peek(words, store, snpy_field_at(ix->fields, 0), values[0])) {
        *row = words[0] ? sn_index_find(ix->index, words) : SN_NO_ROW;
        return 0;
    }
    Py_INCREF(ix); /* conversion may run code that drops it */
    for (; done < n; done++) {
        if (snpy_cell_probe(&cells[done], store, snpy_field_at(ix->fields, done), values[done]) < 0) {
            break;
        }
        null = null || cells[done].null;
        words[done] = cells[done].word;
    }
    /* what conversion has changed is looked at now */
    int result = done == n && snpy_store_open(store) ? 0 : -1;
    if (result == 0 && !is_unique(ix)) {
        result =
            snpy_raise(ix->state, "internal", "s", "a key is looked up in an index that is not unique, or dropped");
    } else if (result == 0 && !null) {
        *row = sn_index_find(ix->index, words);
        snpy_note_probe(ix, words, *row);
    }
    while (done-- > 0) {
        snpy_cell_release(store, snpy_field_at(ix->fields, done), cells[done]);
    }
    Py_DECREF(ix);
    return result;
}

static PyObject *
index_find(PyObject *op, PyObject *given)
{
    snpy_index *self = (snpy_index *)op;
    PyObject *values = PySequence_Tuple(given), *result = NULL;
    sn_row row;
    if (!values) {
        return NULL;
    }
    if (snpy_index_probe(&row, self, PySequence_Fast_ITEMS(values), PyTuple_GET_SIZE(values)) == 0) {
        result = row == SN_NO_ROW ? Py_NewRef(Py_None) : snpy_record_for(self->model, row);
        snpy_drain(self->model->store);
    }
    Py_DECREF(values);
    return result;
}

static PyObject *
index_kind(PyObject *op, void *Py_UNUSED(closure))
{
    snpy_index *self = (snpy_index *)op;
    return self->index ? PyUnicode_FromString(kinds[sn_index_kind_of(self->index)]) : Py_NewRef(Py_None);
}

static int
index_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_index *self = (snpy_index *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->cls);
    Py_VISIT(self->fields);
    return 0;
}

static void
index_dealloc(PyObject *op)
{
    snpy_index *self = (snpy_index *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->cls);
    Py_XDECREF(self->fields);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef index_methods[] = {
    {"find", index_find, METH_O, "The record with this key, or None."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef index_members[] = {
    {"fields", T_OBJECT_EX, offsetof(snpy_index, fields), READONLY, "The fields of the key."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef index_getset[] = {
    {"kind", index_kind, NULL, "unique, many or ordered; None once dropped.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot index_slots[] = {
    {Py_tp_doc, "An index of one model."},
    {Py_tp_traverse, index_traverse},
    {Py_tp_dealloc, index_dealloc},
    {Py_tp_methods, index_methods},
    {Py_tp_members, index_members},
    {Py_tp_getset, index_getset},
    {0, NULL},
};

static PyType_Spec index_spec = {
    .name = "sinew._engine.Index",
    .basicsize = sizeof(snpy_index),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = index_slots,
};

int
snpy_init_index(PyObject *module, snpy_state *st)
{
    st->Index = snpy_add_type(module, &index_spec);
    return st->Index ? 0 : -1;
}
