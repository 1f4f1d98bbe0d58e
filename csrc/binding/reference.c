/*
 * reference.c - Reference: the descriptor of a belongs_to.
 *
 * On a class it gives its `path`, what the Python layer put there. On a record it reads the foreign key's words and finds the
 * target by the unique index they refer to: two column reads and a probe, no Python code but the making of the target's
 * object. Setting writes the target's key into the foreign key as one statement; the columns are the only truth, so
 * nothing else is to be kept in step. Validators of the relation's name see the record, those of its fields the key.
 *
 * A polymorphic belongs_to has a member for each model that it may lead to: a Reference of its own, with the same fields,
 * the first of which holds the member's tag. It stores nothing itself; it finds the member that a row's tag, or the model of
 * a record, asks for, and that one does the rest. Paths go along members.
 *
 * It is bound once the models on both sides have tables; the engine's reference carries the Reference as its tag, so the store
 * keeps it until unbind.
 */
#include "model.h"
#include "relation.h"
#include "track.h"

/* ---------------------------------------------------------------- reading */

static inline Py_ssize_t
member_count(const snpy_reference *self)
{
    return self->members ? PyTuple_GET_SIZE(self->members) : 0;
}

static inline snpy_reference *
member_at(const snpy_reference *self, Py_ssize_t i)
{
    return (snpy_reference *)PyTuple_GET_ITEM(self->members, i);
}

static bool
is_bound(const snpy_reference *self)
{
    if (!self->members) {
        return self->ref;
    }
    bool bound = true;
    for (Py_ssize_t i = 0; i < member_count(self); i++) {
        bound = bound && member_at(self, i)->ref;
    }
    return bound;
}

/* The member by which a row of this word leads somewhere, or NULL. */
static snpy_reference *
member_with(const snpy_reference *self, sn_word constant)
{
    for (Py_ssize_t i = 0; i < member_count(self); i++) {
        if (member_at(self, i)->constant == constant) {
            return member_at(self, i);
        }
    }
    return NULL;
}

/* The member to records of this class, or NULL. */
static snpy_reference *
member_to(const snpy_reference *self, const PyTypeObject *cls)
{
    for (Py_ssize_t i = 0; i < member_count(self); i++) {
        if (member_at(self, i)->target == cls) {
            return member_at(self, i);
        }
    }
    return NULL;
}

/* Where a belongs_to of a row leads: itself, or the member whose tag the row has; NULL for none. */
static snpy_reference *
way_of(snpy_reference *self, sn_row row)
{
    if (!self->members) {
        return self;
    }
    const snpy_field *field = snpy_field_at(self->fields, 0);
    sn_cell cell = sn_table_get(snpy_reference_model(self)->table, row, field->col);
    return cell.null ? NULL : member_with(self, cell.word);
}

/* The record's row if it is one of the model that has this reference. 0 or -1. */
static int
own_row(snpy_reference *self, PyObject *record, sn_row *row)
{
    snpy_model *model = snpy_reference_model(self);
    if (!model || Py_TYPE(record) != model->cls) {
        snpy_raise_wrong_owner(self->name, record);
        return -1;
    }
    if (!snpy_record_stored((snpy_record *)record)) {
        snpy_raise_deleted(record);
        return -1;
    }
    if (!is_bound(self)) {
        snpy_raise_unbound(self->state, self->name);
        return -1;
    }
    *row = ((snpy_record *)record)->row;
    return 0;
}

/* The key of the target that a row holds. False if a part of it is null. */
static bool
foreign_key(const snpy_reference *self, sn_row row, sn_word *words)
{
    for (Py_ssize_t i = snpy_reference_lead(self); i < PyTuple_GET_SIZE(self->fields); i++) {
        sn_cell cell = sn_table_get(self->model->table, row, snpy_field_at(self->fields, i)->col);
        if (cell.null) {
            return false;
        }
        *words++ = cell.word;
    }
    return true;
}

static PyObject *
raise_dangling_read(snpy_reference *self, sn_row row)
{
    Py_ssize_t lead = snpy_reference_lead(self), n = PyTuple_GET_SIZE(self->fields) - lead;
    sn_cell cells[SN_MAX_KEY];
    for (Py_ssize_t i = 0; i < n; i++) { /* owners of their own: making the key may run Python code */
        snpy_field *field = snpy_field_at(self->fields, i + lead);
        snpy_cell_copy(&cells[i], self->model->store, field, sn_table_get(self->model->table, row, field->col));
    }
    PyObject *key = PyTuple_New(n);
    for (Py_ssize_t i = 0; i < n; i++) {
        snpy_field *field = snpy_field_at(self->fields, i + lead);
        PyObject *value = key ? snpy_cell_out(field, cells[i]) : NULL;
        snpy_cell_release(self->model->store, field, cells[i]);
        if (value) {
            PyTuple_SET_ITEM(key, i, value);
        } else {
            Py_CLEAR(key);
        }
    }
    if (key) {
        snpy_raise(self->state, "dangling_read", "OO", self, n == 1 ? PyTuple_GET_ITEM(key, 0) : key);
        Py_DECREF(key);
    }
    snpy_drain(self->model->store);
    return NULL;
}

/* Which of several ways a row leads is what the first column says. */
static void
note_target(snpy_reference *self, const snpy_reference *way, sn_row row, sn_row target)
{
    snpy_model *model = snpy_reference_model(self);
    sn_frame *frame = snpy_frame_here(model->store);
    if (frame && self->members) {
        const snpy_field *field = snpy_field_at(self->fields, 0);
        snpy_note_cell_now(field, row, sn_table_get(model->table, row, field->col));
    }
    if (frame && way) {
        sn_read_target(frame, way->ref, row, target);
    }
    if (frame && way && way->required && target == SN_NO_ROW) {
        sn_read_life(frame, model->table, row); /* a parked row may lead nowhere, another may not */
    }
}

static PyObject *
reference_get(PyObject *op, PyObject *record, PyObject *Py_UNUSED(cls))
{
    snpy_reference *self = (snpy_reference *)op;
    sn_word words[SN_MAX_KEY];
    sn_row row;
    if (!record) {
        return snpy_class_attribute(op, self->path);
    }
    if (own_row(self, record, &row) < 0) {
        return NULL;
    }
    snpy_reference *way = way_of(self, row);
    bool refers = way && foreign_key(way, row, words);
    sn_row target = refers ? sn_index_find(sn_reference_to_index(way->ref), words) : SN_NO_ROW;
    if (snpy_tracking(self->state)) {
        note_target(self, way, row, target);
    }
    if (!refers) {
        Py_RETURN_NONE;
    }
    if (target != SN_NO_ROW) {
        return snpy_record_for(snpy_model_peek(way->target), target);
    }
    /* what a parked row refers to may be parked too, or gone */
    bool dangles = way->required && sn_table_alive(snpy_reference_model(self)->table, row);
    return dangles ? raise_dangling_read(way, row) : Py_NewRef(Py_None);
}

/* ---------------------------------------------------------------- setting */

/* "an Author". New reference. */
static PyObject *
with_article(PyTypeObject *cls)
{
    const char *name = cls->tp_name, *dot = strrchr(name, '.');
    name = dot ? dot + 1 : name;
    return PyUnicode_FromFormat("%s %s", strchr("AEIOU", name[0]) ? "an" : "a", name);
}

/* FieldError: what the reference takes instead of this value. Always -1. */
static int
raise_bad_reference(snpy_reference *self, PyObject *value, const char *which)
{
    PyObject *expected = NULL;
    for (Py_ssize_t i = 0; i < (self->members ? member_count(self) : 1); i++) {
        PyTypeObject *target = self->members ? member_at(self, i)->target : self->target;
        if (i == 0) {
            expected = with_article(target);
            continue;
        }
        PyObject *more = expected ? with_article(target) : NULL;
        Py_XSETREF(expected, more ? PyUnicode_FromFormat("%U or %U", expected, more) : NULL);
        Py_XDECREF(more);
    }
    PyObject *whole = expected ? PyUnicode_FromFormat("%U record%s", expected, which) : NULL;
    if (whole) {
        snpy_raise(self->state, "bad_reference", "OOO", self, value, whole);
        Py_DECREF(whole);
    }
    Py_XDECREF(expected);
    return -1;
}

/* The key of a live record, of the model that a plain reference or a member leads to, behind the member's tag. */
static int
cells_of_record(sn_cell *out, snpy_reference *self, PyObject *target)
{
    Py_ssize_t lead = snpy_reference_lead(self), n = PyTuple_GET_SIZE(self->fields) - lead;
    snpy_model *model = snpy_model_peek(self->target);
    snpy_record *record = (snpy_record *)target;
    if (!snpy_record_alive(record)) {
        return snpy_store_open(model->store) ? snpy_raise_deleted(target) : -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (sn_table_get(model->table, record->row, snpy_field_at(self->target_fields, i)->col).null) {
            return raise_bad_reference(self, target, " whose key is not None");
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        snpy_field *field = snpy_field_at(self->target_fields, i);
        snpy_cell_copy(&out[i + lead], model->store, field, sn_table_get(model->table, record->row, field->col));
    }
    if (lead) {
        out[0] = (sn_cell){self->constant, false};
    }
    return 0;
}

int
snpy_reference_cells(sn_cell *out, snpy_reference *self, PyObject *target)
{
    if (!is_bound(self)) {
        return snpy_raise_unbound(self->state, self->name);
    }
    if (target == Py_None && !self->required) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->fields); i++) {
            out[i] = SN_NULL_CELL;
        }
        return 0;
    }
    snpy_reference *way = self->members ? member_to(self, Py_TYPE(target)) : self;
    if (!way || Py_TYPE(target) != way->target) {
        return raise_bad_reference(self, target, "");
    }
    return cells_of_record(out, way, target);
}

static void
release_cells(snpy_reference *self, sn_cell *cells)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->fields); i++) {
        snpy_cell_release(snpy_reference_model(self)->store, snpy_field_at(self->fields, i), cells[i]);
    }
}

/* Runs check= and the validators of a foreign key's field, as assigning to the field itself would. 0 or -1; *cell stays owned. */
static int
validate_key(snpy_reference *self, snpy_field *field, PyObject *record, sn_cell *cell)
{
    snpy_model *model = snpy_reference_model(self);
    sn_cell checked;
    if (cell->null || (!field->check && !snpy_model_validates(model))) {
        return 0;
    }
    PyObject *value = snpy_cell_out(field, *cell);
    int result = value ? snpy_cell_validated(&checked, model, field, record, value) : -1;
    Py_XDECREF(value);
    if (result == 0) {
        snpy_cell_release(model->store, field, *cell);
        *cell = checked;
    }
    return result;
}

static int
check_writable(snpy_reference *self, PyObject *target)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->fields); i++) {
        if (snpy_field_at(self->fields, i)->read_only) {
            return snpy_raise(self->state, "read_only", "OO", PyTuple_GET_ITEM(self->fields, i), target);
        }
    }
    return 0;
}

int
snpy_reference_prepare(sn_cell *cells, snpy_reference *self, PyObject *record, PyObject *target)
{
    PyObject *value = Py_NewRef(target);
    int result = record ? check_writable(self, target) : 0;
    if (result == 0 && target != Py_None) {
        result = snpy_validate_named(snpy_reference_model(self), self->name, record, &value);
    }
    if (result == 0) {
        result = snpy_reference_cells(cells, self, value);
    }
    Py_DECREF(value);
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(self->fields); i++) {
        result = validate_key(self, snpy_field_at(self->fields, i), record, &cells[i]);
        if (result < 0) {
            release_cells(self, cells);
        }
    }
    return result;
}

static int
reference_set(PyObject *op, PyObject *record, PyObject *target)
{
    snpy_reference *self = (snpy_reference *)op;
    sn_cell cells[SN_MAX_KEY];
    sn_row row;
    if (!target) {
        PyErr_Format(PyExc_AttributeError, "relation %R cannot be deleted; set it to None or another record",
                     self->name);
        return -1;
    }
    if (own_row(self, record, &row) < 0) {
        return -1;
    }
    if (!snpy_record_alive((snpy_record *)record)) {
        return snpy_raise_deleted(record);
    }
    snpy_store *store = snpy_reference_model(self)->store;
    uint64_t schema = store->schema;
    if (snpy_reference_prepare(cells, self, record, target) < 0) {
        snpy_drain(store);
        return -1;
    }
    snpy_field *const *fields = (snpy_field *const *)PySequence_Fast_ITEMS(self->fields);
    return snpy_record_write(record, schema, fields, cells, (size_t)PyTuple_GET_SIZE(self->fields));
}

/* ---------------------------------------------------------------- binding */

static int
parse_action(const char *name, sn_on_delete *out)
{
    static const char *const names[] = {
        [SN_RESTRICT] = "restrict", [SN_CASCADE] = "cascade", [SN_NULLIFY] = "nullify", [SN_KEEP] = "keep"};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (sn_on_delete)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "no such on_delete: %s", name);
    return -1;
}

/* The two indexes belong together and nothing is bound yet. */
static int
check_binding(snpy_reference *self, snpy_index *from, snpy_index *to, PyTypeObject *target, PyObject *target_fields)
{
    if (self->ref) {
        PyErr_Format(PyExc_ValueError, "relation %R is bound already", self->name);
        return -1;
    }
    if (!from->index || !to->index || from->model->store != to->model->store || to->model->cls != target) {
        PyErr_Format(PyExc_ValueError, "relation %R is bound to indexes that do not belong together", self->name);
        return -1;
    }
    if (self->members
        || PyTuple_GET_SIZE(target_fields) != PyTuple_GET_SIZE(self->fields) - snpy_reference_lead(self)) {
        PyErr_Format(PyExc_ValueError, "relation %R has another number of columns than the key it refers to",
                     self->name);
        return -1;
    }
    return snpy_store_open(from->model->store) ? 0 : -1;
}

/* The word of a member's tag: an ordinal of its first field. 0 or -1. */
static int
read_tag(snpy_reference *self, snpy_store *store)
{
    sn_cell cell;
    snpy_field *field = snpy_field_at(self->fields, 0);
    if (!self->tag) {
        return 0;
    }
    if (field->kind != SNPY_LITERAL) {
        PyErr_Format(PyExc_ValueError, "the first field of a member, %R, is no Literal", field->name);
        return -1;
    }
    if (snpy_cell_in(&cell, store, field, self->tag) < 0) {
        return -1;
    }
    self->constant = cell.word;
    return 0;
}

/* Makes the engine's reference, which the store keeps. 0 or -1. */
static int
make_reference(snpy_reference *self, snpy_index *from, snpy_index *to, sn_on_delete action, bool enforce)
{
    snpy_store *store = from->model->store;
    if (PyList_Append(store->kept, (PyObject *)self) < 0) {
        return -1;
    }
    sn_status status =
        self->tag ? sn_reference_new_member(&self->ref, from->index, to->index, self->constant, action, enforce, self)
                  : sn_reference_new(&self->ref, from->index, to->index, action, enforce, self);
    if (status == SN_OK) {
        return 0;
    }
    self->ref = NULL;
    return snpy_unkeep(store, (PyObject *)self) < 0 ? -1 : snpy_raise_unbindable(self, from->model);
}

static PyObject *
reference_bind(PyObject *op, PyObject *args)
{
    snpy_reference *self = (snpy_reference *)op;
    snpy_state *st = self->state;
    PyObject *target, *given, *from_object, *to_object;
    const char *action_name;
    int enforce;
    sn_on_delete action;
    if (!PyArg_ParseTuple(args, "O!OO!O!sp:bind", st->ModelMeta, &target, &given, st->Index, &from_object, st->Index,
                          &to_object, &action_name, &enforce)
        || parse_action(action_name, &action) < 0) {
        return NULL;
    }
    snpy_index *from = (snpy_index *)from_object, *to = (snpy_index *)to_object;
    PyObject *target_fields = PySequence_Tuple(given);
    if (!target_fields || check_binding(self, from, to, (PyTypeObject *)target, target_fields) < 0
        || read_tag(self, from->model->store) < 0
        || check_binding(self, from, to, (PyTypeObject *)target, target_fields) < 0 /* reading it may run code */
        || make_reference(self, from, to, action, enforce) < 0) {
        Py_XDECREF(target_fields);
        return NULL;
    }
    self->model = from->model;
    Py_XSETREF(self->target, (PyTypeObject *)Py_NewRef(target));
    Py_XSETREF(self->target_fields, target_fields);
    Py_XSETREF(self->from_index, Py_NewRef(from_object));
    Py_XSETREF(self->to_index, Py_NewRef(to_object));
    Py_RETURN_NONE;
}

static PyObject *
reference_forbid_cycles(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_reference *self = (snpy_reference *)op;
    if (!self->ref) {
        snpy_raise_unbound(self->state, self->name);
        return NULL;
    }
    if (!snpy_store_open(self->model->store)) {
        return NULL;
    }
    sn_status status = sn_reference_forbid_cycles(self->ref);
    return status == SN_OK || snpy_raise_status(self->model->store, status) == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *
reference_unbind(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    snpy_reference *self = (snpy_reference *)op;
    if (self->ref) {
        snpy_store *store = self->model->store;
        if (!snpy_store_open(store)) {
            return NULL;
        }
        sn_status status = sn_reference_drop(self->ref);
        if (status != SN_OK) {
            snpy_raise_status(store, status);
            return NULL;
        }
        self->ref = NULL;
        store->schema++;
        return snpy_unkeep(store, op) < 0 ? NULL : Py_NewRef(Py_None);
    }
    Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the type */

/* What was given as members: a tuple of References, NULL for None, with or without an exception. */
static PyObject *
own_members(snpy_state *st, PyObject *given)
{
    PyObject *members = given == Py_None ? NULL : PySequence_Tuple(given);
    bool right = members && PyTuple_GET_SIZE(members) > 0;
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(members); i++) {
        right = Py_IS_TYPE(PyTuple_GET_ITEM(members, i), st->Reference)
                && ((snpy_reference *)PyTuple_GET_ITEM(members, i))->tag;
    }
    if (members && !right) {
        PyErr_SetString(PyExc_TypeError, "members= takes References with a tag");
        Py_CLEAR(members);
    }
    return members;
}

/* A tuple of 1 to SN_MAX_KEY Fields. New reference. */
static PyObject *
own_fields(snpy_state *st, PyObject *given)
{
    PyObject *fields = PySequence_Tuple(given);
    bool right = fields && PyTuple_GET_SIZE(fields) > 0 && PyTuple_GET_SIZE(fields) <= SN_MAX_KEY;
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(fields); i++) {
        right = Py_IS_TYPE(PyTuple_GET_ITEM(fields, i), st->Field);
    }
    if (fields && !right) {
        PyErr_Format(PyExc_TypeError, "a Reference takes 1 to %d Fields", SN_MAX_KEY);
        Py_CLEAR(fields);
    }
    return fields;
}

static PyObject *
reference_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "", "required", "path", "default", "doc", "tag", "members", NULL};
    PyObject *name, *given, *path = Py_None, *default_value = NULL, *doc = Py_None, *tag = Py_None, *ways = Py_None;
    int required = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO|$pOOOOO:Reference", names, &name, &given, &required, &path,
                                     &default_value, &doc, &tag, &ways)) {
        return NULL;
    }
    if (required < 0) {
        PyErr_SetString(PyExc_TypeError, "Reference() misses required=");
        return NULL;
    }
    snpy_state *st = snpy_state_of(type);
    PyObject *fields = own_fields(st, given);
    PyObject *members = fields ? own_members(st, ways) : NULL;
    snpy_reference *self = fields && !PyErr_Occurred() ? (snpy_reference *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        Py_XDECREF(fields);
        Py_XDECREF(members);
        return NULL;
    }
    self->members = members;
    self->tag = tag == Py_None ? NULL : Py_NewRef(tag);
    self->state = st;
    self->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&self->name);
    self->fields = fields;
    self->path = Py_NewRef(path);
    self->doc = Py_NewRef(doc);
    self->default_value = default_value == st->missing ? NULL : Py_XNewRef(default_value);
    self->required = required;
    return (PyObject *)self;
}

static int
reference_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_reference *self = (snpy_reference *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->fields);
    Py_VISIT(self->path);
    Py_VISIT(self->doc);
    Py_VISIT(self->default_value);
    Py_VISIT(self->target);
    Py_VISIT(self->target_fields);
    Py_VISIT(self->members);
    Py_VISIT(self->tag);
    Py_VISIT(self->from_index);
    Py_VISIT(self->to_index);
    return 0;
}

static int
reference_clear(PyObject *op)
{
    snpy_reference *self = (snpy_reference *)op;
    self->ref = NULL;
    self->model = NULL;
    Py_CLEAR(self->path);
    Py_CLEAR(self->default_value);
    Py_CLEAR(self->target);
    Py_CLEAR(self->target_fields);
    Py_CLEAR(self->from_index);
    Py_CLEAR(self->to_index);
    return 0;
}

static void
reference_dealloc(PyObject *op)
{
    snpy_reference *self = (snpy_reference *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    reference_clear(op);
    Py_XDECREF(self->fields);
    Py_XDECREF(self->members);
    Py_XDECREF(self->tag);
    Py_XDECREF(self->name);
    Py_XDECREF(self->doc);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
reference_model(PyObject *op, void *Py_UNUSED(closure))
{
    snpy_model *model = snpy_reference_model((snpy_reference *)op);
    return Py_NewRef(model ? (PyObject *)model->cls : Py_None);
}

static PyGetSetDef reference_getset[] = {
    {"model", reference_model, NULL, "The class that has this reference.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef reference_methods[] = {
    {"bind", reference_bind, METH_VARARGS, "Makes the engine's reference."},
    {"forbid_cycles", reference_forbid_cycles, METH_NOARGS, "No record may be met again by going on along it."},
    {"unbind", reference_unbind, METH_NOARGS, "Drops the engine's reference."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef reference_members[] = {
    {"name", T_OBJECT, offsetof(snpy_reference, name), READONLY, NULL},
    {"fields", T_OBJECT, offsetof(snpy_reference, fields), READONLY, NULL},
    {"path", T_OBJECT, offsetof(snpy_reference, path), 0, NULL},
    {"target", T_OBJECT, offsetof(snpy_reference, target), READONLY, NULL},
    {"members", T_OBJECT, offsetof(snpy_reference, members), READONLY, NULL},
    {"tag", T_OBJECT, offsetof(snpy_reference, tag), READONLY, NULL},
    {"required", T_BOOL, offsetof(snpy_reference, required), READONLY, NULL},
    {"__doc__", T_OBJECT, offsetof(snpy_reference, doc), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot reference_slots[] = {
    {Py_tp_new, reference_new},         {Py_tp_traverse, reference_traverse},
    {Py_tp_clear, reference_clear},     {Py_tp_dealloc, reference_dealloc},
    {Py_tp_descr_get, reference_get},   {Py_tp_descr_set, reference_set},
    {Py_tp_methods, reference_methods}, {Py_tp_members, reference_members},
    {Py_tp_getset, reference_getset},   {0, NULL},
};

static PyType_Spec reference_spec = {
    .name = "sinew._engine.Reference",
    .basicsize = sizeof(snpy_reference),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = reference_slots,
};

int
snpy_init_reference(PyObject *module, snpy_state *st)
{
    st->Reference = snpy_add_type(module, &reference_spec);
    return st->Reference ? snpy_init_many(module, st) : -1;
}
