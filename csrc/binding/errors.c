/*
 * errors.c - from statuses to exceptions, in one place.
 *
 * The engine reports what it met by ids only (sn_error). Here the ids become models, fields, values and keys, read from
 * rows that are still in place, and one function of sinew.errors builds the exception. Its text, hints and suggestions
 * are Python's business.
 *
 *   tags      a table's tag is its class, an index's tag its snpy_index, a reference's tag its snpy_reference; all
 *             borrowed, and they live as long as what they tag
 *   caution   building a tuple or calling Python may run any code: the error record is copied first, and every id is
 *             looked at again through calls that check it
 *
 * Cost: errors are slow and may be. A failed commit names at most SHOWN of its problems, and how many there are.
 */
#include "model.h"
#include "track.h"

#define SHOWN 20

/* ---------------------------------------------------------------- calling sinew.errors */

/* The arguments as a tuple, also when the format names only one. */
static PyObject *
arguments_of(const char *format, va_list values)
{
    char tuple_format[64];
    int n = PyOS_snprintf(tuple_format, sizeof tuple_format, "(%s)", format);
    assert(n > 0 && (size_t)n < sizeof tuple_format);
    (void)n;
    return Py_VaBuildValue(tuple_format, values);
}

static void
raise_built(snpy_state *st, const char *function, PyObject *args)
{
    if (st->errors == NULL) {
        PyErr_Format(PyExc_RuntimeError, "sinew._engine: install() comes first (while raising %s)", function);
        return;
    }
    PyObject *callable = snpy_attribute(st->errors, function);
    PyObject *error = callable ? PyObject_Call(callable, args, NULL) : NULL;
    if (error && PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else if (error)
        PyErr_Format(PyExc_TypeError, "errors.%s() returned %R, not an exception", function, error);
    Py_XDECREF(error);
    Py_XDECREF(callable);
}

int
snpy_raise(snpy_state *st, const char *function, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    PyObject *args = arguments_of(format, values);
    va_end(values);
    if (args)
        raise_built(st, function, args);
    Py_XDECREF(args);
    assert(PyErr_Occurred());
    return -1;
}

int
snpy_raise_text(snpy_state *st, const char *name, const char *format, ...)
{
    PyObject *cls = st->errors ? snpy_attribute(st->errors, name) : NULL;
    va_list values;
    va_start(values, format);
    if (cls || !PyErr_Occurred())
        PyErr_FormatV(cls ? cls : PyExc_RuntimeError, format, values);
    va_end(values);
    Py_XDECREF(cls);
    return -1;
}

int
snpy_bad_value(snpy_field *field, PyObject *value, const char *expected, const char *remedy)
{
    return snpy_raise(field->state, "bad_value", "OOsz", field, value, expected, remedy);
}

int
snpy_raise_deleted(PyObject *record)
{
    PyTypeObject *cls = Py_TYPE(record);
    snpy_model *model = snpy_model_peek(cls);
    snpy_note_life(record); /* a getter may go on without it, and the deletion may be undone */
    if (model && !snpy_store_open(model->store)) {
        return -1;
    }
    bool parked = snpy_record_stored((snpy_record *)record);
    return parked ? snpy_raise(snpy_state_of(cls), "soft_deleted", "O", record)
                  : snpy_raise(snpy_state_of(cls), "deleted", "Os", cls, "the record");
}

/* ---------------------------------------------------------------- reading rows for a message */

static snpy_model *
model_of_table(const sn_table *table)
{
    return snpy_model_peek((PyTypeObject *)sn_table_tag(table));
}

static bool
is_stored(const snpy_model *model, sn_row row)
{
    return row != SN_NO_ROW && (sn_table_alive(model->table, row) || sn_table_parked(model->table, row));
}

/* One value of a row, for a message; None when the row is gone. */
static PyObject *
value_at(snpy_model *model, sn_row row, snpy_field *field)
{
    if (!is_stored(model, row))
        Py_RETURN_NONE;
    return snpy_cell_out(field, sn_table_get(model->table, row, field->col));
}

static PyObject *
values_at(snpy_model *model, sn_row row, PyObject *fields)
{
    Py_ssize_t n = PyTuple_GET_SIZE(fields);
    PyObject *values = PyTuple_New(n);
    for (Py_ssize_t i = 0; values && i < n; i++) {
        PyObject *value = value_at(model, row, snpy_field_at(fields, i));
        if (value == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, i, value);
    }
    return values;
}

/* Values as a message shows them: the value itself, or a tuple when there are several. */
static PyObject *
key_at(snpy_model *model, sn_row row, PyObject *fields)
{
    if (PyTuple_GET_SIZE(fields) == 1)
        return value_at(model, row, snpy_field_at(fields, 0));
    return values_at(model, row, fields);
}

/* The key of its target that a row of a reference's model holds. */
static PyObject *
foreign_key_at(snpy_reference *ref, sn_row row)
{
    PyObject *fields = PyTuple_GetSlice(ref->fields, snpy_reference_lead(ref), PyTuple_GET_SIZE(ref->fields));
    PyObject *key = fields ? key_at(ref->model, row, fields) : NULL;
    Py_XDECREF(fields);
    return key;
}

static PyObject *
record_or_none(snpy_model *model, sn_row row)
{
    if (!is_stored(model, row))
        Py_RETURN_NONE;
    return snpy_record_for(model, row);
}

static PyObject *
names_of(PyObject *fields)
{
    Py_ssize_t n = PyTuple_GET_SIZE(fields);
    PyObject *names = PyTuple_New(n);
    for (Py_ssize_t i = 0; names && i < n; i++)
        PyTuple_SET_ITEM(names, i, Py_NewRef(snpy_field_at(fields, i)->name));
    return names;
}

/* ---------------------------------------------------------------- one function per status that names rows */

static int
raise_unique(snpy_state *st, const sn_error *e)
{
    snpy_index *ix = sn_index_tag(e->index);
    snpy_model *model = ix->model;
    PyObject *values = values_at(model, e->other, ix->fields);
    PyObject *existing = values ? record_or_none(model, e->other) : NULL;
    bool restoring = e->row != SN_NO_ROW && sn_table_parked(model->table, e->row); /* who has no record may get one */
    PyObject *parked = existing && restoring ? record_or_none(model, e->row) : NULL;
    int r = -1;
    if (parked)
        r = snpy_raise(st, "unique_restored", "OOOOO", model->cls, ix->fields, values, existing, parked);
    else if (existing && !restoring)
        r = snpy_raise(st, "unique", "OOOO", model->cls, ix->fields, values, existing);
    Py_XDECREF(values);
    Py_XDECREF(existing);
    Py_XDECREF(parked);
    return r;
}

int
snpy_raise_unique_in_load(const sn_error *e, const sn_cell *cells)
{
    snpy_index *ix = sn_index_tag(e->index);
    Py_ssize_t n = PyTuple_GET_SIZE(ix->fields);
    PyObject *values = PyTuple_New(n);
    for (Py_ssize_t i = 0; values && i < n; i++) {
        snpy_field *field = snpy_field_at(ix->fields, i);
        PyObject *value = snpy_cell_out(field, cells[field->col]);
        if (value == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, i, value);
    }
    int r = values ? snpy_raise(ix->state, "unique", "OOOO", ix->model->cls, ix->fields, values, Py_None) : -1;
    Py_XDECREF(values);
    return r;
}

int
snpy_raise_contradiction(snpy_reference *ref, PyObject *target, snpy_field *field, sn_cell cell)
{
    PyObject *value = snpy_cell_out(field, cell);
    if (value)
        snpy_raise(ref->state, "reference_contradiction", "OOOO", ref, target, field, value);
    Py_XDECREF(value);
    return -1;
}

static snpy_field *
field_of_column(snpy_model *model, sn_col col)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(model->fields); i++)
        if (snpy_field_at(model->fields, i)->col == col)
            return snpy_field_at(model->fields, i);
    return NULL;
}

static int
raise_column(snpy_state *st, const sn_error *e)
{
    snpy_field *field = field_of_column(model_of_table(e->table), e->column);
    if (field == NULL)
        return snpy_raise(st, "internal", "s", "a column without a field");
    if (e->status == SN_NULL)
        return snpy_bad_value(field, Py_None, "a value", NULL);
    return snpy_raise(st, "nan_in_index", "Od", field, Py_NAN);
}

/* Appends (class, key, reference name, value) for one dangling reference, unless its row is gone by now. */
static int
append_dangling(PyObject *list, snpy_reference *ref, snpy_model *model, sn_row row)
{
    if (!sn_table_alive(model->table, row))
        return 0;
    PyObject *key = snpy_row_key(model, row);
    PyObject *value = key ? key_at(model, row, ref->fields) : NULL;
    PyObject *item = value ? PyTuple_Pack(4, model->cls, key, ref->name, value) : NULL;
    int r = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(key);
    Py_XDECREF(value);
    Py_XDECREF(item);
    return r;
}

static int
raise_dangling(snpy_store *store, const sn_error *e)
{
    PyObject *problems = PyList_New(0);
    sn_error p;
    int r = problems ? 0 : -1;
    for (size_t i = 0; r == 0 && PyList_GET_SIZE(problems) < SHOWN && sn_problem(&p, store->db, i); i++)
        if (p.status == SN_DANGLING) {
            snpy_reference *ref = sn_reference_tag(p.reference);
            r = append_dangling(problems, ref, ref->model, p.row);
        }
    bool in_transaction = store->statements == 0;
    if (r == 0)
        r = snpy_raise(store->state, "dangling", "OnO", problems, (Py_ssize_t)e->count,
                       in_transaction ? Py_True : Py_False);
    Py_XDECREF(problems);
    return r;
}

static int
raise_cycle(snpy_state *st, const sn_error *e)
{
    snpy_reference *ref = sn_reference_tag(e->reference);
    PyObject *record = record_or_none(ref->model, e->row);
    int r = record ? snpy_raise(st, "cycle", "OOn", ref, record, (Py_ssize_t)e->count) : -1;
    Py_XDECREF(record);
    return r;
}

int
snpy_raise_unbindable(snpy_reference *ref, snpy_model *from)
{
    const sn_error e = *sn_db_error(from->store->db);
    if (e.status != SN_DANGLING)
        return snpy_raise_status(from->store, e.status);
    PyObject *problems = PyList_New(0);
    if (problems && append_dangling(problems, ref, from, e.row) == 0)
        snpy_raise(from->store->state, "dangling", "OnO", problems, (Py_ssize_t)e.count, Py_False);
    Py_XDECREF(problems);
    return -1;
}

/* Appends (referring class, reference name, count) if the problem is about the same deleted row. */
static int
append_referring(PyObject *list, const sn_error *first, const sn_error *p)
{
    if (p->status != SN_RESTRICTED || p->other != first->other
        || sn_reference_to(p->reference) != sn_reference_to(first->reference))
        return 0;
    snpy_reference *ref = sn_reference_tag(p->reference);
    PyObject *item = Py_BuildValue("(OOn)", ref->model->cls, ref->name, (Py_ssize_t)p->count);
    int r = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return r;
}

static int
raise_restricted(snpy_store *store, const sn_error *e)
{
    snpy_model *model = model_of_table(sn_reference_to(e->reference));
    snpy_reference *ref = sn_reference_tag(e->reference);
    PyObject *referring = PyList_New(0);
    PyObject *key = referring ? foreign_key_at(ref, e->row) : NULL; /* the deleted row's, seen from here */
    sn_error p;
    int r = key ? 0 : -1;
    for (size_t i = 0; r == 0 && PyList_GET_SIZE(referring) < SHOWN && sn_problem(&p, store->db, i); i++)
        r = append_referring(referring, e, &p);
    if (r == 0)
        r = snpy_raise(store->state, "restricted", "OOO", model->cls, key, referring);
    Py_XDECREF(referring);
    Py_XDECREF(key);
    return r;
}

static int
raise_key_in_use(snpy_state *st, const sn_error *e)
{
    snpy_reference *ref = sn_reference_tag(e->reference);
    snpy_model *model = model_of_table(sn_reference_to(e->reference));
    PyObject *key = snpy_row_key(model, e->row);
    PyObject *names = key ? names_of(ref->target_fields) : NULL;
    int r = names ? snpy_raise(st, "key_in_use", "OOOOOn", model->cls, key, names, ref->model->cls, ref->name,
                               (Py_ssize_t)e->count)
                  : -1;
    Py_XDECREF(key);
    Py_XDECREF(names);
    return r;
}

/* A key that would be null in part: which fields go together. */
static int
raise_half(snpy_state *st, const sn_error *e)
{
    snpy_index *ix = sn_index_tag(e->index);
    return snpy_raise(st, "half_key", "OO", ix->model->cls, ix->fields);
}

static int
raise_limit(snpy_state *st, const sn_error *e)
{
    if (!e->table || e->column == SN_NO_COL) {
        return snpy_raise(st, "limit", "s", "more rows, columns or nested conditions than the engine can hold");
    }
    const char *name = model_of_table(e->table)->cls->tp_name;
    PyObject *words = PyUnicode_FromFormat(
        "%s counts no further: its largest key is the largest int of 64 bits; give the key explicitly", name);
    if (words) {
        snpy_raise(st, "limit", "O", words);
        Py_DECREF(words);
    }
    return -1;
}

int
snpy_raise_status(snpy_store *store, sn_status status)
{
    snpy_state *st = store->state;
    if (status == SN_NOMEM)
        return PyErr_NoMemory(), -1;
    if (store->db == NULL)
        return snpy_raise(st, "store_closed", "");
    sn_error e = *sn_db_error(store->db);
    e.status = status;
    switch (status) {
    case SN_UNIQUE:
        return raise_unique(st, &e);
    case SN_NULL:
    case SN_NAN:
        return raise_column(st, &e);
    case SN_DANGLING:
        return raise_dangling(store, &e);
    case SN_CYCLE:
        return raise_cycle(st, &e);
    case SN_RESTRICTED:
        return raise_restricted(store, &e);
    case SN_KEY_IN_USE:
        return raise_key_in_use(st, &e);
    case SN_HALF:
        return raise_half(st, &e);
    case SN_STALE:
        return snpy_raise(st, "deleted", "Os", sn_table_tag(e.table), "the record");
    case SN_OVERFLOW:
        return snpy_raise(st, "overflow", "s", "the result");
    case SN_LIMIT:
        return raise_limit(st, &e);
    case SN_BUSY:
        return snpy_raise(st, "store_busy", "s", "the models cannot change");
    case SN_MISUSE:
        return snpy_raise(st, "internal", "s", "the arguments contradict the schema");
    case SN_OK:
    case SN_NOMEM:
        break;
    }
    return snpy_raise(st, "internal", "s", "an unknown status");
}
