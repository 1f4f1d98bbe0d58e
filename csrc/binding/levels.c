/*
 * levels.c - Levels: the rows of a tree, found at one moment.
 *
 * A tree is nodes below nodes, the root first. Each becomes a level: its rows, each once whatever number of parents it has, and
 * for each row of the level above where its entries begin. So a level costs one walk along its path from every row of the
 * level above, and four bytes for each row, four for each entry that is not the only one of its row, eight for each parent.
 * Nothing here is a Python object for a row: views are made when they are asked for (view.c).
 *
 * All levels are found in one go, during which no Python code runs, so they show one state of the store. Paths are brought up to date
 * before; the objects that hold the rows are made after. As row numbers mean something only while the database is pinned, it is
 * pinned meanwhile; afterwards each Rows pins it.
 *
 * Invariants, for each level: starts ascends from 0 to entries; places are below rows->rows.n; without places entries is that number;
 * parent < number, but for the root. Nothing changes after the making.
 */
#include "levels.h"
#include "track.h"

/* ---------------------------------------------------------------- what is asked for */

/* One node, as the Python layer describes it. */
typedef struct node {
    PyObject *name, *node, *known; /* owned */
    Py_ssize_t parent;
    snpy_path *path;   /* owned; NULL: the root */
    snpy_path *beyond; /* owned; from the targets of path, which are the links, to the rows of the level; or NULL */
    snpy_path *near; /* owned; from the rows of the parent to links whose other end is at `beyond`; or NULL: all are */
    snpy_path *turned; /* owned; from the links that near does not lead to, to the rows of the level; or NULL */
    int single;
    int fresh; /* no row has two parents */
} node;

/* What was found for it, before anything holds it. */
typedef struct find {
    snpy_model *model, *link_model;
    sn_rows rows, links;
    size_t *starts;
    sn_row *places;
    size_t entries;
    uint32_t epoch, link_epoch;
    sn_life life; /* only the root has others than live rows */
} find;

typedef struct search {
    snpy_store *store;
    node *nodes;
    find *finds;
    size_t n;
} search;

static void
node_fini(node *d)
{
    Py_CLEAR(d->name);
    Py_CLEAR(d->node);
    Py_CLEAR(d->known);
    Py_CLEAR(d->path);
    Py_CLEAR(d->beyond);
    Py_CLEAR(d->near);
    Py_CLEAR(d->turned);
}

static void
search_fini(search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        find *f = &s->finds[i];
        sn_rows_free(s->store->engine, &f->rows);
        sn_rows_free(s->store->engine, &f->links);
        PyMem_Free(f->starts);
        PyMem_Free(f->places);
        node_fini(&s->nodes[i]);
    }
    PyMem_Free(s->finds);
    PyMem_Free(s->nodes);
}

/* A Path, or NULL for None. A new reference. -1 with an exception. */
static int
path_argument(snpy_path **out, snpy_state *st, PyObject *object)
{
    if (object != Py_None && !Py_IS_TYPE(object, st->Path)) {
        PyErr_SetString(PyExc_TypeError, "a node's paths are Paths or None");
        return -1;
    }
    *out = object == Py_None ? NULL : (snpy_path *)Py_NewRef(object);
    return 0;
}

/* What leads on from links: a Path, None, or (near, beyond, turned). */
static int
beyond_argument(node *d, snpy_state *st, PyObject *object)
{
    if (!PyTuple_Check(object)) {
        return path_argument(&d->beyond, st, object);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
        if (!Py_IS_TYPE(PyTuple_GET_ITEM(object, i), st->Path)) {
            PyErr_SetString(PyExc_TypeError, "a node's paths are Paths or None");
            return -1;
        }
    }
    if (!PyArg_ParseTuple(object, "OOO:Levels", &d->near, &d->beyond, &d->turned)) {
        d->near = d->beyond = d->turned = NULL;
        return -1;
    }
    Py_INCREF(d->near);
    Py_INCREF(d->beyond);
    Py_INCREF(d->turned);
    return 0;
}

static int
node_init(node *d, snpy_state *st, PyObject *given)
{
    PyObject *name, *described, *known, *path, *beyond;
    if (!PyTuple_Check(given)
        || !PyArg_ParseTuple(given, "UOO!nOOpp:Levels", &name, &described, &PyDict_Type, &known, &d->parent, &path,
                             &beyond, &d->single, &d->fresh)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "Levels() takes a tuple for each node");
        }
        return -1;
    }
    d->name = Py_NewRef(name);
    d->node = Py_NewRef(described);
    d->known = Py_NewRef(known);
    if (path_argument(&d->path, st, path) < 0 || beyond_argument(d, st, beyond) < 0) {
        node_fini(d);
        return -1;
    }
    return 0;
}

static bool
leads(const search *s, const snpy_path *path, PyObject *from, PyObject *to)
{
    return path->source == from && path->target == to && path->store == s->store;
}

/* The paths on from the links go together. */
static bool
chains_on(const search *s, const node *d)
{
    PyObject *links = d->path->target;
    if (!d->beyond) {
        return true;
    }
    return leads(s, d->beyond, links, d->beyond->target)
           && (!d->near
               || (leads(s, d->near, d->path->source, links) && leads(s, d->turned, links, d->beyond->target)));
}

/* Each path starts where the level above has its rows. */
static int
check_chain(const search *s, PyObject *root)
{
    for (size_t i = 1; i < s->n; i++) {
        const node *d = &s->nodes[i];
        bool below = d->path && d->parent >= 0 && (size_t)d->parent < i;
        const node *above = below ? &s->nodes[d->parent] : NULL;
        PyObject *from = !above ? NULL : d->parent == 0 ? root : (above->beyond ? above->beyond : above->path)->target;
        if (!below || !leads(s, d->path, from, d->path->target) || !chains_on(s, d)) {
            PyErr_Format(PyExc_ValueError, "node %zu does not start where its parent ends", i);
            return -1;
        }
    }
    return 0;
}

static int
search_init(search *s, snpy_rows *rows, PyObject *given)
{
    Py_ssize_t n = PyTuple_GET_SIZE(given);
    s->store = rows->store;
    s->nodes = PyMem_Calloc((size_t)n + 1, sizeof *s->nodes);
    s->finds = PyMem_Calloc((size_t)n + 1, sizeof *s->finds);
    if (!s->nodes || !s->finds) {
        PyErr_NoMemory();
        return -1;
    }
    if (n == 0) {
        PyErr_SetString(PyExc_ValueError, "Levels() takes the root and what is below it");
        return -1;
    }
    for (; s->n < (size_t)n; s->n++) {
        if (node_init(&s->nodes[s->n], rows->state, PyTuple_GET_ITEM(given, (Py_ssize_t)s->n)) < 0) {
            return -1;
        }
    }
    return check_chain(s, rows->cls);
}

/* Brings the paths of a node up to date. *ran: some had to be, which ran Python code. *timed: some look at the time. */
static int
make_node_ready(const node *d, bool *ran, bool *timed)
{
    snpy_path *paths[] = {d->path, d->beyond, d->near, d->turned};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(paths); i++) {
        *ran |= paths[i] && !snpy_path_is_current(paths[i]);
        if (paths[i] && snpy_path_ready(paths[i]) < 0) {
            return -1;
        }
        *timed |= paths[i] && paths[i]->timed;
    }
    return 0;
}

/* Brings all paths up to date, until none had to be: that runs Python code which may make others old. Then tells them the time. */
static int
make_ready(const search *s, int64_t at)
{
    bool timed = false;
    for (bool ran = true; ran;) {
        ran = false;
        for (size_t i = 1; i < s->n; i++) {
            if (make_node_ready(&s->nodes[i], &ran, &timed) < 0) {
                return -1;
            }
        }
    }
    if (!snpy_store_open(s->store)) {
        return -1;
    }
    return timed ? snpy_tell_moments(s->store, at) : 0;
}

/* ---------------------------------------------------------------- finding: no Python code runs */

static int
check_status(const search *s, sn_status status)
{
    return status == SN_OK ? 0 : snpy_raise_status(s->store, status);
}

static void
note_path(const search *s, const snpy_path *path)
{
    sn_frame *frame = snpy_frame(s->store);
    if (frame) {
        sn_read_path(frame, path->path);
    }
}

/* The targets of each of the rows, and where those of each begin, in memory that is the caller's. */
static int
expand(const search *s, const snpy_path *path, const sn_rows *from, sn_rows *targets, size_t **starts)
{
    *starts = PyMem_New(size_t, from->n + 1);
    if (!*starts) {
        PyErr_NoMemory();
        return -1;
    }
    note_path(s, path);
    return check_status(s, sn_path_expand(targets, *starts, path->path, from->rows, from->n));
}

/* Makes entries, the first of which is all that is wanted where there is at most one, rows that come once. */
static int
settle(const search *s, find *f, sn_rows *entries, bool fresh)
{
    f->entries = entries->n;
    if (fresh) {
        f->rows = *entries;
        *entries = (sn_rows){0};
        return 0;
    }
    f->places = PyMem_New(sn_row, entries->n + 1);
    if (!f->places) {
        PyErr_NoMemory();
        return -1;
    }
    return check_status(s, sn_rows_distinct(&f->rows, f->places, s->store->db, entries->rows, entries->n));
}

/* Leaves out the links that lead nowhere. ends: where the targets of each link begin. */
static void
drop_loose(sn_rows *links, size_t *starts, size_t parents, const size_t *ends)
{
    size_t kept = 0, link = 0;
    for (size_t p = 0; p < parents; p++) {
        size_t stop = starts[p + 1];
        starts[p] = kept;
        for (; link < stop; link++) {
            if (ends[link + 1] > ends[link]) {
                links->rows[kept++] = links->rows[link];
            }
        }
    }
    starts[parents] = links->n = kept;
}

/* The row to which each link leads, without the links that lead nowhere. */
static int
follow_links(const search *s, const node *d, find *f, const sn_rows *from, sn_rows *targets)
{
    size_t *ends = NULL;
    int result = expand(s, d->beyond, &f->links, targets, &ends);
    if (result == 0) {
        drop_loose(&f->links, f->starts, from->n, ends);
    }
    PyMem_Free(ends);
    return result;
}

/* The row at the other end of a link, or SN_NO_ROW. */
static sn_status
other_end(sn_row *out, const node *d, sn_row parent, sn_row link)
{
    bool near;
    sn_status status = sn_path_contains(&near, d->near->path, parent, link);
    return status ? status : sn_path_first(out, (near ? d->beyond : d->turned)->path, link);
}

/* The same of links that may lead to their parent from either end. */
static int
follow_both_ways(const search *s, const node *d, find *f, const sn_rows *from, sn_rows *targets)
{
    sn_rows *links = &f->links;
    size_t kept = 0, link = 0;
    note_path(s, d->near);
    note_path(s, d->beyond);
    note_path(s, d->turned);
    sn_status status = sn_rows_reserve(s->store->engine, targets, links->n);
    for (size_t p = 0; p < from->n; p++) {
        size_t stop = f->starts[p + 1];
        f->starts[p] = kept;
        for (; link < stop && status == SN_OK; link++) {
            sn_row end;
            status = other_end(&end, d, from->rows[p], links->rows[link]);
            if (status == SN_OK && end != SN_NO_ROW) {
                links->rows[kept++] = links->rows[link];
                targets->rows[targets->n++] = end;
            }
        }
    }
    f->starts[from->n] = links->n = kept;
    return check_status(s, status);
}

/* A level over links: entries are the links that lead to a row. */
static int
find_linked(const search *s, const node *d, find *f, const sn_rows *from)
{
    sn_rows targets = {0};
    f->link_model = snpy_model_peek((PyTypeObject *)d->path->target);
    f->link_epoch = f->link_model->epoch;
    int result = expand(s, d->path, from, &f->links, &f->starts);
    if (result == 0) {
        result = (d->near ? follow_both_ways : follow_links)(s, d, f, from, &targets);
    }
    result = result < 0 ? -1 : settle(s, f, &targets, false);
    sn_rows_free(s->store->engine, &targets);
    return result;
}

static int
find_level(const search *s, size_t i)
{
    const node *d = &s->nodes[i];
    find *f = &s->finds[i];
    const sn_rows *from = &s->finds[d->parent].rows;
    sn_rows targets = {0};
    f->model = snpy_model_peek((PyTypeObject *)(d->beyond ? d->beyond : d->path)->target);
    f->epoch = f->model->epoch;
    if (d->beyond) {
        return find_linked(s, d, f, from);
    }
    int result = expand(s, d->path, from, &targets, &f->starts);
    result = result < 0 ? -1 : settle(s, f, &targets, d->fresh);
    sn_rows_free(s->store->engine, &targets);
    return result;
}

/* The root: the rows given, as far as they live, each once. */
static int
find_root(const search *s, snpy_rows *rows)
{
    find *f = &s->finds[0];
    snpy_live live;
    f->model = snpy_model_peek((PyTypeObject *)rows->cls);
    f->epoch = f->model->epoch;
    if (snpy_rows_live(&live, rows) < 0) {
        return -1;
    }
    f->life = rows->life;
    f->entries = live.n;
    f->starts = PyMem_New(size_t, 2);
    f->places = PyMem_New(sn_row, live.n + 1);
    int result = -1;
    if (f->starts && f->places) {
        f->starts[0] = 0;
        f->starts[1] = live.n;
        result = check_status(s, sn_rows_distinct(&f->rows, f->places, s->store->db, live.rows, live.n));
    } else {
        PyErr_NoMemory();
    }
    snpy_rows_release(&live, rows);
    return result;
}

static int
find_all(const search *s, snpy_rows *rows)
{
    int result = find_root(s, rows);
    for (size_t i = 1; i < s->n && result == 0; i++) {
        result = find_level(s, i);
    }
    return result;
}

/* ---------------------------------------------------------------- holding */

/* Rows that were found at a moment before this one, while the database was pinned. The row set is taken over, also on failure. */
static snpy_rows *
hold(snpy_model *model, sn_rows *found, sn_life life, uint64_t revision, uint32_t epoch)
{
    snpy_rows *rows = (snpy_rows *)snpy_rows_take_life(model, found, life);
    *found = (sn_rows){0};
    if (rows) {
        rows->revision = revision;
        rows->epoch = epoch;
    }
    return rows;
}

/* Moves what was found for a node into its level. */
static int
hold_level(snpy_levels *self, search *s, size_t i)
{
    snpy_level *level = &self->levels[i];
    node *d = &s->nodes[i];
    find *f = &s->finds[i];
    level->parent = i ? (size_t)d->parent : 0;
    level->single = d->single;
    level->starts = f->starts;
    level->places = f->places;
    level->entries = f->entries;
    level->name = d->name;
    level->node = d->node;
    level->known = d->known;
    f->starts = NULL;
    f->places = NULL;
    d->name = d->node = d->known = NULL;
    level->rows = hold(f->model, &f->rows, f->life, self->revision, f->epoch);
    if (level->rows && f->link_model) {
        level->links = hold(f->link_model, &f->links, SN_LIVE, self->revision, f->link_epoch);
    }
    return level->rows && (level->links || !f->link_model) ? 0 : -1;
}

static int
hold_all(snpy_levels *self, search *s)
{
    for (; self->n < s->n; self->n++) {
        if (hold_level(self, s, self->n) < 0) {
            self->n++; /* of which a part is there */
            return -1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- the type */

static snpy_levels *
levels_alloc(PyTypeObject *type, snpy_rows *rows, PyObject *view, PyObject *branch, size_t n)
{
    snpy_state *st = snpy_state_of(type);
    bool derived = PyType_Check(view) && PyType_IsSubtype((PyTypeObject *)view, st->View) && PyType_Check(branch)
                   && PyType_IsSubtype((PyTypeObject *)branch, st->Branch);
    if (!derived) {
        PyErr_SetString(PyExc_TypeError, "Levels() takes classes derived from View and Branch");
        return NULL;
    }
    snpy_levels *self = (snpy_levels *)type->tp_alloc(type, 0);
    if (self) {
        self->state = st;
        self->store = (snpy_store *)Py_NewRef(rows->store);
        self->view = (PyTypeObject *)Py_NewRef(view);
        self->branch = (PyTypeObject *)Py_NewRef(branch);
        self->levels = PyMem_Calloc(n + 1, sizeof *self->levels);
        if (!self->levels) {
            PyErr_NoMemory();
            Py_CLEAR(self);
        }
    }
    return self;
}

static PyObject *
levels_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"", "", "", "", "", NULL};
    snpy_state *st = snpy_state_of(type);
    PyObject *rows, *given, *view, *branch, *time = NULL;
    int64_t at;
    search s = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!OO|O:Levels", names, st->Rows, &rows, &PyTuple_Type, &given,
                                     &view, &branch, &time)
        || snpy_time_argument(&at, time) < 0) {
        return NULL;
    }
    sn_db *pinned = NULL;
    snpy_levels *self = levels_alloc(type, (snpy_rows *)rows, view, branch, (size_t)PyTuple_GET_SIZE(given));
    int result = self ? search_init(&s, (snpy_rows *)rows, given) : -1;
    result = result < 0 ? -1 : make_ready(&s, at);
    if (result == 0) {
        pinned = s.store->engine;
        sn_db_pin(pinned);
        self->revision = sn_db_revision(pinned);
        result = find_all(&s, (snpy_rows *)rows);
        result = result < 0 ? -1 : hold_all(self, &s);
        sn_db_unpin(pinned);
    }
    if (s.store) {
        search_fini(&s);
    }
    if (result < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

PyObject *
snpy_levels_below(snpy_levels *self, size_t number, size_t place)
{
    assert(number < self->n);
    const snpy_level *level = &self->levels[number];
    size_t start = level->starts[place], stop = level->starts[place + 1];
    if (level->single) {
        return start < stop ? snpy_view_new(self, number, start) : Py_NewRef(Py_None);
    }
    return snpy_branch_new(self, number, start, stop);
}

static snpy_level *
level_argument(snpy_levels *self, PyObject *number)
{
    Py_ssize_t i = PyNumber_AsSsize_t(number, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (i < 0 || (size_t)i >= self->n) {
        PyErr_Format(PyExc_IndexError, "there is no level %zd", i);
        return NULL;
    }
    return &self->levels[i];
}

static PyObject *
levels_root(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return snpy_levels_below((snpy_levels *)op, 0, 0);
}

static PyObject *
levels_rows(PyObject *op, PyObject *number)
{
    snpy_level *level = level_argument((snpy_levels *)op, number);
    return level ? Py_NewRef(level->rows) : NULL;
}

static PyObject *
levels_links(PyObject *op, PyObject *number)
{
    snpy_level *level = level_argument((snpy_levels *)op, number);
    return level ? Py_NewRef(level->links ? (PyObject *)level->links : Py_None) : NULL;
}

static PyObject *
levels_entries(PyObject *op, PyObject *number)
{
    snpy_level *level = level_argument((snpy_levels *)op, number);
    return level ? PyLong_FromSize_t(level->entries) : NULL;
}

static int
levels_traverse(PyObject *op, visitproc visit, void *arg)
{
    snpy_levels *self = (snpy_levels *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->store);
    Py_VISIT(self->view);
    Py_VISIT(self->branch);
    for (size_t i = 0; i < self->n; i++) {
        Py_VISIT(self->levels[i].node);
        Py_VISIT(self->levels[i].known);
        Py_VISIT(self->levels[i].rows);
        Py_VISIT(self->levels[i].links);
    }
    return 0;
}

static void
levels_dealloc(PyObject *op)
{
    snpy_levels *self = (snpy_levels *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    for (size_t i = 0; i < self->n; i++) {
        snpy_level *level = &self->levels[i];
        Py_XDECREF(level->name);
        Py_XDECREF(level->node);
        Py_XDECREF(level->known);
        Py_XDECREF(level->rows);
        Py_XDECREF(level->links);
        PyMem_Free(level->starts);
        PyMem_Free(level->places);
    }
    PyMem_Free(self->levels);
    Py_XDECREF(self->store);
    Py_XDECREF(self->view);
    Py_XDECREF(self->branch);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef levels_methods[] = {
    {"root", levels_root, METH_NOARGS, "The branch of the root's views."},
    {"rows", levels_rows, METH_O, "The rows of a level, each once."},
    {"links", levels_links, METH_O, "For each entry of a level the row of the pivot, or None."},
    {"entries", levels_entries, METH_O, "How many places there are in a level."},
    {"dicts", snpy_levels_dicts, METH_O, "The whole tree as nested dicts and lists."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef levels_members[] = {
    {"revision", T_ULONGLONG, offsetof(snpy_levels, revision), READONLY, "The store's when the rows were found."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot levels_slots[] = {
    {Py_tp_doc, "The rows of a tree, found at one moment."},
    {Py_tp_new, levels_new},
    {Py_tp_traverse, levels_traverse},
    {Py_tp_dealloc, levels_dealloc},
    {Py_tp_methods, levels_methods},
    {Py_tp_members, levels_members},
    {0, NULL},
};

static PyType_Spec levels_spec = {
    .name = "sinew._engine.Levels",
    .basicsize = sizeof(snpy_levels),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = levels_slots,
};

int
snpy_init_levels(PyObject *module, snpy_state *st)
{
    st->Levels = snpy_add_type(module, &levels_spec);
    return st->Levels ? 0 : -1;
}
