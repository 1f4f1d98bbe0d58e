/*
 * host.c - host values of a Plan: what Python computed beforehand for the rows of a table, a cell for each position.
 *
 * They are good as long as positions are, so a plan that has some pins the database; after clear() they mean nothing and read as
 * null. The engine borrows the cells; each run of the plan gives them to it anew.
 */
#include "plan.h"

void
snpy_host_fini(snpy_host *h, snpy_store *store)
{
    for (size_t i = 0; i < h->n; i++) {
        snpy_cell_release(store, h->like, h->cells[i]);
    }
    PyMem_Free(h->cells);
    Py_CLEAR(h->like);
    Py_CLEAR(h->cls);
}

/* Spreads n cells over `positions` cells by row, the rest null; a row that comes again takes the last. False, and nothing done, when
 * the rows are not n. */
static bool
spread_host(snpy_host *h, snpy_store *store, const sn_cell *cells, size_t n, snpy_model *model, snpy_rows *rows)
{
    if (n != (rows ? rows->rows.n : sn_table_count(model->table))) {
        return false;
    }
    for (size_t i = 0; i < h->n; i++) {
        h->cells[i] = SN_NULL_CELL;
    }
    sn_row row = 0;
    for (size_t i = 0; i < n; i++) {
        while (!rows && !sn_table_alive(model->table, row)) {
            row++;
        }
        sn_cell *at = &h->cells[rows ? rows->rows.rows[i] : row++];
        sn_cell before = *at;
        *at = cells[i];
        snpy_cell_release(store, h->like, before);
    }
    return true;
}

/* Converts the values of a host. On success *out is a PyMem array of as many owned cells. */
static int
host_values(snpy_plan *self, snpy_field *like, PyObject *values, sn_cell **out)
{
    size_t n = (size_t)PyTuple_GET_SIZE(values), done = 0;
    sn_cell *cells = PyMem_New(sn_cell, n + 1);
    if (!cells) {
        PyErr_NoMemory();
        return -1;
    }
    while (done < n && snpy_cell_probe(&cells[done], self->store, like, PyTuple_GET_ITEM(values, done)) == 0) {
        done++;
    }
    if (done == n) {
        *out = cells;
        return 0;
    }
    while (done-- > 0) {
        snpy_cell_release(self->store, like, cells[done]);
    }
    PyMem_Free(cells);
    return -1;
}

/* Puts the host in place of one with its slot, or appends it. It is taken over on success. */
static int
install_host(snpy_plan *self, const snpy_host *h)
{
    for (size_t i = 0; i < self->hosts_len; i++) {
        if (self->hosts[i].slot == h->slot) {
            snpy_host old = self->hosts[i];
            self->hosts[i] = *h;
            snpy_host_fini(&old, self->store);
            return 0;
        }
    }
    snpy_host *hosts = PyMem_Realloc(self->hosts, (self->hosts_len + 1) * sizeof *hosts);
    if (!hosts) {
        PyErr_NoMemory();
        return -1;
    }
    if (self->hosts_len == 0) {
        sn_db_pin(self->store->engine);
    }
    self->hosts = hosts;
    self->hosts[self->hosts_len++] = *h;
    return 0;
}

/* Rows that were cleared while their values were computed have none: nothing is left to give them to. */
static int
make_host(snpy_plan *self, snpy_host *h, snpy_model *model, snpy_rows *rows, PyObject *values)
{
    sn_cell *cells;
    size_t n = (size_t)PyTuple_GET_SIZE(values);
    if (host_values(self, h->like, values, &cells) < 0) {
        return -1;
    }
    h->epoch = rows ? rows->epoch : model->epoch;
    bool gone = h->epoch != model->epoch;
    h->n = gone ? 0 : sn_table_positions(model->table);
    h->cells = PyMem_New(sn_cell, h->n + 1);
    bool spread = h->cells && !gone && spread_host(h, self->store, cells, n, model, rows);
    for (size_t i = 0; !spread && i < n; i++) {
        snpy_cell_release(self->store, h->like, cells[i]);
    }
    PyMem_Free(cells);
    if (spread || (h->cells && gone)) {
        return 0;
    }
    if (h->cells) {
        PyErr_SetString(PyExc_ValueError, "set_host() takes one value for each row");
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(h->cells);
    return -1;
}

/* The plain field of a host slot: a new reference, NULL with an exception. */
static snpy_field *
slot_like(snpy_plan *self, unsigned slot)
{
    PyObject *number = PyLong_FromUnsignedLong(slot);
    PyObject *like = number ? PyDict_GetItemWithError(self->program.ir.hosts, number) : NULL;
    Py_XDECREF(number);
    if (!like && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "the plan has no host slot %u", slot);
    }
    return (snpy_field *)Py_XNewRef(like);
}

PyObject *
snpy_plan_set_host(PyObject *op, PyObject *args)
{
    snpy_plan *self = (snpy_plan *)op;
    PyObject *cls, *object, *given;
    snpy_host h = {0};
    if (!PyArg_ParseTuple(args, "IOOO:set_host", &h.slot, &cls, &object, &given)) {
        return NULL;
    }
    snpy_model *model = snpy_is_model(self->state, cls) ? snpy_model_peek((PyTypeObject *)cls) : NULL;
    bool right = model && model->store == self->store
                 && (object == Py_None || (Py_IS_TYPE(object, self->state->Rows) && ((snpy_rows *)object)->cls == cls));
    if (!right) {
        PyErr_SetString(PyExc_TypeError,
                        "set_host() takes a slot, a model of this store, its Rows or None, and values");
        return NULL;
    }
    PyObject *values = PySequence_Tuple(given);
    if (!values || snpy_plan_ready(self) < 0 || !(h.like = slot_like(self, h.slot))
        || make_host(self, &h, model, object == Py_None ? NULL : (snpy_rows *)object, values) < 0) {
        Py_XDECREF(values);
        Py_XDECREF(h.like);
        return NULL;
    }
    Py_DECREF(values);
    h.cls = Py_NewRef(cls);
    if (install_host(self, &h) < 0) {
        snpy_host_fini(&h, self->store);
        return NULL;
    }
    snpy_drain(self->store);
    Py_RETURN_NONE;
}

/* Gives the engine the cells of all hosts. */
int
snpy_plan_set_hosts(snpy_plan *self)
{
    for (size_t i = 0; i < self->hosts_len; i++) {
        const snpy_host *h = &self->hosts[i];
        bool current = h->epoch == snpy_model_peek((PyTypeObject *)h->cls)->epoch;
        sn_status status = sn_expr_set_host(self->program.ir.expr, h->slot, h->cells, current ? h->n : 0);
        if (snpy_plan_status(self, status) < 0) {
            return -1;
        }
    }
    return 0;
}
