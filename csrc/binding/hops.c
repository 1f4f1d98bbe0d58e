/*
 * hops.c - the steps of a Path: from plain data to what the engine takes.
 *
 * A hop is a tuple (along, backward, single, P | None, sequence of O, cut). `along` is a Reference; a Path, for a hop through it; or
 * (kind, Path, ...) for a recursive one and for sets. A union may have ways in place of its paths, (Path, P | None, sequence of O, Path |
 * None), and has no order of its own then. `cut` is None, a limit, or (offset, limit | None).
 *
 * Conditions and orders run Python code while they are compiled (conversions). What points into the engine, references and the paths
 * along which hops go, is therefore taken last, when no such code runs any more.
 */
#include "hops.h"

enum { ALONG, BACKWARD, SINGLE, WHERE, ORDER, CUT, HOP_SIZE };
enum { WAY_PATH, WAY_WHERE, WAY_ORDER, WAY_ONWARD, WAY_SIZE };

static const struct {
    const char *name;
    sn_hop_kind kind;
    Py_ssize_t most; /* paths */
} kinds[] = {
    {"recursive", SN_HOP_RECURSIVE, 1},
    {"union", SN_HOP_UNION, PY_SSIZE_T_MAX},
    {"intersection", SN_HOP_INTERSECTION, PY_SSIZE_T_MAX},
    {"difference", SN_HOP_DIFFERENCE, PY_SSIZE_T_MAX},
};

static int
malformed(snpy_store *store)
{
    return snpy_raise(store->state, "internal", "s", "a hop of a path is malformed");
}

/* ---------------------------------------------------------------- what a hop goes along */

/* The paths of a hop, which has no reference: how many, and each. */
static Py_ssize_t
path_count(snpy_state *st, PyObject *along)
{
    return Py_IS_TYPE(along, st->Path) ? 1 : PyTuple_GET_SIZE(along) - 1;
}

static snpy_path *
path_at(snpy_state *st, PyObject *along, Py_ssize_t i)
{
    PyObject *at = Py_IS_TYPE(along, st->Path) ? along : PyTuple_GET_ITEM(along, i + 1);
    return (snpy_path *)(PyTuple_Check(at) ? PyTuple_GET_ITEM(at, WAY_PATH) : at);
}

static bool
is_path_of(snpy_store *store, PyObject *object)
{
    return Py_IS_TYPE(object, store->state->Path) && ((snpy_path *)object)->store == store;
}

static bool
has_ways(PyObject *along)
{
    return PyTuple_Check(along) && PyTuple_Check(PyTuple_GET_ITEM(along, 1));
}

/* A path of a set; of one with ways, a way. */
static bool
is_part(snpy_store *store, PyObject *part, bool ways)
{
    if (!ways) {
        return is_path_of(store, part);
    }
    PyObject *onward =
        PyTuple_Check(part) && PyTuple_GET_SIZE(part) == WAY_SIZE ? PyTuple_GET_ITEM(part, WAY_ONWARD) : NULL;
    return onward && is_path_of(store, PyTuple_GET_ITEM(part, WAY_PATH))
           && (onward == Py_None || is_path_of(store, onward));
}

/* What leads on from the rows of one of its paths, or NULL. */
static snpy_path *
onward_at(PyObject *along, Py_ssize_t i)
{
    PyObject *onward = has_ways(along) ? PyTuple_GET_ITEM(PyTuple_GET_ITEM(along, i + 1), WAY_ONWARD) : Py_None;
    return onward == Py_None ? NULL : (snpy_path *)onward;
}

/* The kind of a hop that has no reference; false if it is none. */
static bool
kind_of(sn_hop_kind *out, snpy_store *store, PyObject *along)
{
    if (Py_IS_TYPE(along, store->state->Path)) {
        *out = SN_HOP_THROUGH;
        return is_path_of(store, along);
    }
    if (!PyTuple_Check(along) || PyTuple_GET_SIZE(along) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(along, 0))) {
        return false;
    }
    for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(along); i++) {
        if (!is_part(store, PyTuple_GET_ITEM(along, i), has_ways(along))) {
            return false;
        }
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(kinds); i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(along, 0), kinds[i].name) == 0) {
            *out = kinds[i].kind;
            return PyTuple_GET_SIZE(along) - 1 <= kinds[i].most && (*out == SN_HOP_UNION || !has_ways(along));
        }
    }
    return false;
}

static bool
has_reference(snpy_store *store, PyObject *hop)
{
    return Py_IS_TYPE(PyTuple_GET_ITEM(hop, ALONG), store->state->Reference);
}

/* The reference of a hop that has one, bound in this store. 0 or -1. */
static int
check_reference(snpy_store *store, PyObject *hop)
{
    snpy_reference *ref = (snpy_reference *)PyTuple_GET_ITEM(hop, ALONG);
    if (ref->ref && ref->model->store == store) {
        return 0;
    }
    return snpy_raise_text(store->state, "RelationError",
                           "this leads over the relation %R, which has been defined anew since; ask for it again",
                           ref->name);
}

static int
check_hop(snpy_store *store, PyObject *hop)
{
    sn_hop_kind kind;
    if (!PyTuple_Check(hop) || PyTuple_GET_SIZE(hop) != HOP_SIZE || !PyBool_Check(PyTuple_GET_ITEM(hop, BACKWARD))
        || !PyBool_Check(PyTuple_GET_ITEM(hop, SINGLE))) {
        return malformed(store);
    }
    if (has_reference(store, hop)) {
        return check_reference(store, hop);
    }
    return kind_of(&kind, store, PyTuple_GET_ITEM(hop, ALONG)) ? 0 : malformed(store);
}

PyObject *
snpy_hops_own(snpy_store *store, PyObject *given)
{
    PyObject *hops = PySequence_Tuple(given);
    if (hops && PyTuple_GET_SIZE(hops) == 0) {
        malformed(store);
        Py_CLEAR(hops);
    }
    for (Py_ssize_t i = 0; hops && i < PyTuple_GET_SIZE(hops); i++) {
        if (check_hop(store, PyTuple_GET_ITEM(hops, i)) < 0) {
            Py_CLEAR(hops);
        }
    }
    return hops;
}

PyObject *
snpy_hop_class(snpy_store *store, PyObject *hop, bool far)
{
    PyObject *along = PyTuple_GET_ITEM(hop, ALONG);
    if (!has_reference(store, hop)) {
        snpy_path *path = path_at(store->state, along, 0), *onward = onward_at(along, 0);
        return !far ? path->source : onward ? onward->target : path->target;
    }
    snpy_reference *ref = (snpy_reference *)along;
    bool backward = PyTuple_GET_ITEM(hop, BACKWARD) == Py_True;
    return backward == far ? (PyObject *)ref->model->cls : (PyObject *)ref->target;
}

/* ---------------------------------------------------------------- compiling */

static int
parse_size(PyObject *object, size_t *out)
{
    *out = object == Py_None ? SIZE_MAX : PyLong_AsSize_t(object);
    return PyErr_Occurred() ? -1 : 0;
}

static int
parse_cut(snpy_store *store, PyObject *cut, sn_hop_def *def)
{
    if (!PyTuple_Check(cut)) {
        return parse_size(cut, &def->limit);
    }
    if (PyTuple_GET_SIZE(cut) != 2 || PyTuple_GET_ITEM(cut, 0) == Py_None) {
        return malformed(store);
    }
    int result = parse_size(PyTuple_GET_ITEM(cut, 0), &def->offset);
    return result < 0 ? -1 : parse_size(PyTuple_GET_ITEM(cut, 1), &def->limit);
}

/* All of a hop but what it goes along. */
static int
compile_conditions(snpy_hops *h, snpy_store *store, PyObject *hop, size_t i)
{
    sn_hop_def *def = &h->defs[i];
    if (parse_cut(store, PyTuple_GET_ITEM(hop, CUT), def) < 0) {
        return -1;
    }
    def->backward = PyTuple_GET_ITEM(hop, BACKWARD) == Py_True;
    def->single = PyTuple_GET_ITEM(hop, SINGLE) == Py_True;
    def->expr = h->ir.expr;
    def->where = snpy_ir_predicate(&h->ir, PyTuple_GET_ITEM(hop, WHERE));
    if (PyErr_Occurred() || snpy_ir_order(&h->ir, PyTuple_GET_ITEM(hop, ORDER), &h->orders[i], &def->order_len) < 0) {
        return -1;
    }
    def->order = h->orders[i];
    return 0;
}

/* What each way of a hop that has some says. */
static int
compile_ways(snpy_hops *h, snpy_store *store, PyObject *along, size_t i)
{
    sn_hop_def *def = &h->defs[i];
    if (def->order_len > 0) {
        return malformed(store);
    }
    h->ways[i] = PyMem_Calloc(def->path_count, sizeof *h->ways[i]);
    if (!h->ways[i]) {
        PyErr_NoMemory();
        return -1;
    }
    def->ways = h->ways[i];
    for (size_t k = 0; k < def->path_count; k++) {
        PyObject *way = PyTuple_GET_ITEM(along, (Py_ssize_t)k + 1);
        size_t order_len = 0;
        sn_order *order = NULL;
        h->ways[i][k].where = snpy_ir_predicate(&h->ir, PyTuple_GET_ITEM(way, WAY_WHERE));
        if (PyErr_Occurred() || snpy_ir_order(&h->ir, PyTuple_GET_ITEM(way, WAY_ORDER), &order, &order_len) < 0) {
            return -1;
        }
        h->ways[i][k].order = order;
        if (k > 0 && order_len != def->order_len) {
            return malformed(store);
        }
        def->order_len = order_len;
    }
    return 0;
}

/* Room for the paths of a hop that has some. */
static int
compile_kind(snpy_hops *h, snpy_store *store, PyObject *hop, size_t i)
{
    PyObject *along = PyTuple_GET_ITEM(hop, ALONG);
    if (has_reference(store, hop)) {
        return 0;
    }
    h->defs[i].path_count = (size_t)path_count(store->state, along);
    h->paths[i] = PyMem_New(const sn_path *, h->defs[i].path_count);
    if (!h->paths[i]) {
        PyErr_NoMemory();
        return -1;
    }
    h->defs[i].paths = h->paths[i];
    return kind_of(&h->defs[i].kind, store, along) ? 0 : malformed(store);
}

/* Compiles the paths along which a hop goes. *ran: some had to be, which ran Python code. */
static int
ready_paths(snpy_store *store, PyObject *along, bool *ran)
{
    for (Py_ssize_t i = 0; i < path_count(store->state, along); i++) {
        snpy_path *paths[] = {path_at(store->state, along, i), onward_at(along, i)};
        for (size_t k = 0; k < Py_ARRAY_LENGTH(paths) && paths[k]; k++) {
            *ran |= !snpy_path_is_current(paths[k]);
            if (snpy_path_ready(paths[k]) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Until a pass over all of them finds nothing to do: compiling one may change the schema, and with it others. */
static int
ready_all(snpy_store *store, PyObject *hops)
{
    for (bool ran = true; ran;) {
        ran = false;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(hops); i++) {
            PyObject *hop = PyTuple_GET_ITEM(hops, i);
            if (!has_reference(store, hop) && ready_paths(store, PyTuple_GET_ITEM(hop, ALONG), &ran) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* The engine's references and paths: no Python code runs any more. */
static int
take_engine_pointers(snpy_hops *h, snpy_store *store, PyObject *hops)
{
    for (size_t i = 0; i < h->n; i++) {
        PyObject *hop = PyTuple_GET_ITEM(hops, (Py_ssize_t)i), *along = PyTuple_GET_ITEM(hop, ALONG);
        if (has_reference(store, hop)) {
            if (check_reference(store, hop) < 0) {
                return -1;
            }
            h->defs[i].reference = ((snpy_reference *)along)->ref;
        }
        for (size_t k = 0; k < h->defs[i].path_count; k++) {
            snpy_path *onward = onward_at(along, (Py_ssize_t)k);
            h->paths[i][k] = path_at(store->state, along, (Py_ssize_t)k)->path;
            if (onward) {
                h->ways[i][k].onward = onward->path;
            }
        }
    }
    return snpy_store_open(store) ? 0 : -1;
}

int
snpy_hops_compile(snpy_hops *h, snpy_store *store, PyObject *hops)
{
    h->n = (size_t)PyTuple_GET_SIZE(hops);
    h->defs = PyMem_Calloc(h->n, sizeof *h->defs);
    h->orders = PyMem_Calloc(h->n, sizeof *h->orders);
    h->ways = PyMem_Calloc(h->n, sizeof *h->ways);
    h->paths = PyMem_Calloc(h->n, sizeof *h->paths);
    if (!h->defs || !h->orders || !h->ways || !h->paths) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < h->n; i++) {
        PyObject *hop = PyTuple_GET_ITEM(hops, (Py_ssize_t)i);
        PyObject *along = PyTuple_GET_ITEM(hop, ALONG);
        if (compile_kind(h, store, hop, i) < 0 || compile_conditions(h, store, hop, i) < 0
            || (has_ways(along) && compile_ways(h, store, along, i) < 0)) {
            return -1;
        }
    }
    return ready_all(store, hops) < 0 ? -1 : take_engine_pointers(h, store, hops);
}

void
snpy_hops_fini(snpy_hops *h)
{
    for (size_t i = 0; h->orders && h->ways && h->paths && i < h->n; i++) {
        for (size_t k = 0; h->ways[i] && k < h->defs[i].path_count; k++) {
            PyMem_Free((void *)(uintptr_t)h->ways[i][k].order);
        }
        PyMem_Free(h->orders[i]);
        PyMem_Free(h->ways[i]);
        PyMem_Free(h->paths[i]);
    }
    PyMem_Free(h->orders);
    PyMem_Free(h->ways);
    PyMem_Free(h->paths);
    PyMem_Free(h->defs);
    snpy_ir_fini(&h->ir);
}
