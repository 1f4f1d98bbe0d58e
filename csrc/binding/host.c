/*
 * host.c - host values of a Plan or Path: what Python computed beforehand for the rows of a table, a cell for each position.
 *
 * They are good as long as positions are, so whoever has some pins the database; after clear() they mean nothing and read as
 * null. The engine borrows the cells; they are given to it anew before each run.
 */
#include "snpy.h"

static void
host_fini(snpy_host *h, snpy_store *store)
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
host_values(snpy_store *store, snpy_field *like, PyObject *values, sn_cell **out)
{
    size_t n = (size_t)PyTuple_GET_SIZE(values), done = 0;
    sn_cell *cells = PyMem_New(sn_cell, n + 1);
    if (!cells) {
        PyErr_NoMemory();
        return -1;
    }
    while (done < n && snpy_cell_probe(&cells[done], store, like, PyTuple_GET_ITEM(values, done)) == 0) {
        done++;
    }
    if (done == n) {
        *out = cells;
        return 0;
    }
    while (done-- > 0) {
        snpy_cell_release(store, like, cells[done]);
    }
    PyMem_Free(cells);
    return -1;
}

/* Puts the host in place of one with its slot, or appends it. It is taken over on success. */
static int
install_host(snpy_hosts *hosts, snpy_store *store, const snpy_host *h)
{
    for (size_t i = 0; i < hosts->n; i++) {
        if (hosts->items[i].slot == h->slot) {
            snpy_host old = hosts->items[i];
            hosts->items[i] = *h;
            host_fini(&old, store);
            return 0;
        }
    }
    snpy_host *items = PyMem_Realloc(hosts->items, (hosts->n + 1) * sizeof *items);
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    if (hosts->n == 0) {
        sn_db_pin(store->engine);
    }
    hosts->items = items;
    hosts->items[hosts->n++] = *h;
    return 0;
}

/* Rows that were cleared while their values were computed have none: nothing is left to give them to. */
static int
make_host(snpy_store *store, snpy_host *h, snpy_model *model, snpy_rows *rows, PyObject *values)
{
    sn_cell *cells;
    size_t n = (size_t)PyTuple_GET_SIZE(values);
    if (host_values(store, h->like, values, &cells) < 0) {
        return -1;
    }
    h->epoch = rows ? rows->epoch : model->epoch;
    bool gone = h->epoch != model->epoch;
    h->n = gone ? 0 : sn_table_positions(model->table);
    h->cells = PyMem_New(sn_cell, h->n + 1);
    bool spread = h->cells && !gone && spread_host(h, store, cells, n, model, rows);
    for (size_t i = 0; !spread && i < n; i++) {
        snpy_cell_release(store, h->like, cells[i]);
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
slot_like(const snpy_ir *ir, unsigned slot)
{
    PyObject *number = PyLong_FromUnsignedLong(slot);
    PyObject *like = number ? PyDict_GetItemWithError(ir->hosts, number) : NULL;
    Py_XDECREF(number);
    if (!like && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "there is no host slot %u", slot);
    }
    return (snpy_field *)Py_XNewRef(like);
}

PyObject *
snpy_hosts_set(snpy_hosts *hosts, snpy_store *store, const snpy_ir *ir, PyObject *args)
{
    snpy_state *st = store->state;
    PyObject *cls, *object, *given;
    snpy_host h = {0};
    if (!PyArg_ParseTuple(args, "IOOO:set_host", &h.slot, &cls, &object, &given)) {
        return NULL;
    }
    snpy_model *model = snpy_is_model(st, cls) ? snpy_model_peek((PyTypeObject *)cls) : NULL;
    bool right = model && model->store == store
                 && (object == Py_None || (Py_IS_TYPE(object, st->Rows) && ((snpy_rows *)object)->cls == cls));
    if (!right) {
        PyErr_SetString(PyExc_TypeError,
                        "set_host() takes a slot, a model of this store, its Rows or None, and values");
        return NULL;
    }
    PyObject *values = PySequence_Tuple(given);
    if (!values || !(h.like = slot_like(ir, h.slot))
        || make_host(store, &h, model, object == Py_None ? NULL : (snpy_rows *)object, values) < 0) {
        Py_XDECREF(values);
        Py_XDECREF(h.like);
        return NULL;
    }
    Py_DECREF(values);
    h.cls = Py_NewRef(cls);
    if (install_host(hosts, store, &h) < 0) {
        host_fini(&h, store);
        return NULL;
    }
    snpy_drain(store);
    Py_RETURN_NONE;
}

int
snpy_hosts_give(const snpy_hosts *hosts, snpy_store *store, sn_expr *expr)
{
    for (size_t i = 0; i < hosts->n; i++) {
        const snpy_host *h = &hosts->items[i];
        bool current = h->epoch == snpy_model_peek((PyTypeObject *)h->cls)->epoch;
        sn_status status = sn_expr_set_host(expr, h->slot, h->cells, current ? h->n : 0);
        if (status != SN_OK) {
            return snpy_raise_status(store, status);
        }
    }
    return 0;
}

int
snpy_hosts_traverse(const snpy_hosts *hosts, visitproc visit, void *arg)
{
    for (size_t i = 0; i < hosts->n; i++) {
        Py_VISIT(hosts->items[i].like);
        Py_VISIT(hosts->items[i].cls);
    }
    return 0;
}

void
snpy_hosts_fini(snpy_hosts *hosts, snpy_store *store)
{
    if (hosts->n > 0) {
        sn_db_unpin(store->engine);
    }
    for (size_t i = 0; i < hosts->n; i++) {
        host_fini(&hosts->items[i], store);
    }
    PyMem_Free(hosts->items);
    *hosts = (snpy_hosts){0};
}
