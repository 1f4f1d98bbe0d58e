/*
 * ir.c - queries as plain data become expressions of the engine.
 *
 * The Python layer hands over nested tuples (the grammar stands at the top of _engine.pyi). Each kind of node is one row of a
 * table below: its name, how many items its tuple has, and the function that builds it. Compiling walks the tuples once,
 * depth first, and leaves an arena of engine nodes.
 *
 *   - A value has a *like*: the Field by which it leaves for Python. A column's is its own field, arithmetic's the plain field
 *     of the engine's result type, an aggregate's that of its value or the plain one. A constant is converted by its like, so
 *     that both sides of a comparison hold words of one representation (the words of indexed text are entries).
 *   - Fields and Paths that nodes point to are kept alive by `keep`; borrowed likes stay valid as long as the ir.
 *   - Converting a constant may run Python code, which may change the schema or close the store. The engine's arena survives both
 *     (it is freed with the store object); owners compare store->schema afterwards and compile again.
 *
 * Tuples come from our own Python layer only, so what is malformed is a defect: errors.internal. Cost: linear in the tuples.
 */
#include "snpy.h"

#define ITEM(tuple, i) PyTuple_GET_ITEM(tuple, i)

static sn_node
malformed(snpy_ir *ir, const char *what)
{
    snpy_raise(ir->store->state, "internal", "s", what);
    return SN_NO_NODE;
}

/* A builder's result: raises what made it fail. */
static sn_node
built(snpy_ir *ir, sn_node node)
{
    if (node == SN_NO_NODE) {
        snpy_raise_status(ir->store, sn_expr_status(ir->expr));
    }
    return node;
}

static sn_type
like_type(const snpy_field *like)
{
    return snpy_conversions[like->kind].type;
}

/* ---------------------------------------------------------------- life */

int
snpy_ir_init(snpy_ir *ir, snpy_store *store)
{
    assert(store->db);
    *ir = (snpy_ir){.store = store};
    ir->keep = PyList_New(0);
    ir->hosts = PyDict_New();
    if (!ir->keep || !ir->hosts) {
        snpy_ir_fini(ir);
        return -1;
    }
    sn_status status = sn_expr_new(&ir->expr, store->engine);
    if (status != SN_OK) {
        snpy_raise_status(store, status);
        snpy_ir_fini(ir);
        return -1;
    }
    return 0;
}

void
snpy_ir_fini(snpy_ir *ir)
{
    if (ir->expr) {
        sn_expr_free(ir->expr);
        ir->expr = NULL;
        snpy_drain(ir->store);
    }
    Py_CLEAR(ir->keep);
    Py_CLEAR(ir->hosts);
}

/* ---------------------------------------------------------------- parts of a node */

typedef struct name_code {
    const char *name;
    int code;
} name_code;

static const name_code compare_ops[] = {
    {"==", SN_EQ}, {"!=", SN_NE}, {"<", SN_LT}, {"<=", SN_LE}, {">", SN_GT}, {">=", SN_GE}, {NULL, 0},
};
static const name_code text_ops[] = {
    {"like", SN_LIKE},         {"ilike", SN_ILIKE}, {"contains", SN_CONTAINS}, {"startswith", SN_STARTSWITH},
    {"endswith", SN_ENDSWITH}, {NULL, 0},
};
static const name_code arith_ops[] = {{"+", SN_ADD}, {"-", SN_SUB}, {"*", SN_MUL}, {"/", SN_DIV}, {NULL, 0}};
static const name_code aggregate_ops[] = {
    {"count", SN_COUNT}, {"sum", SN_SUM}, {"avg", SN_AVG}, {"min", SN_MIN}, {"max", SN_MAX}, {NULL, 0},
};

/* The code of a name, or -1. */
static int
code_of(const name_code *table, PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        return -1;
    }
    for (; table->name; table++) {
        if (PyUnicode_CompareWithASCIIString(name, table->name) == 0) {
            return table->code;
        }
    }
    return -1;
}

int
snpy_ir_aggregate_op(sn_agg_op *out, PyObject *name)
{
    int code = code_of(aggregate_ops, name);
    if (code < 0) {
        PyErr_Format(PyExc_ValueError, "no such aggregate: %R", name);
        return -1;
    }
    *out = (sn_agg_op)code;
    return 0;
}

static int
parse_unsigned(snpy_ir *ir, PyObject *object, unsigned *out)
{
    long value = PyLong_Check(object) ? PyLong_AsLong(object) : -1;
    if (value < 0 || value > 0xFFFF) {
        PyErr_Clear(); /* of a number beyond all words */
        malformed(ir, "a depth or slot of a query is not a small number");
        return -1;
    }
    *out = (unsigned)value;
    return 0;
}

/* The field that a Field or the name of a plain kind stands for; kept. Borrowed, NULL with an exception. */
static snpy_field *
parse_like(snpy_ir *ir, PyObject *object)
{
    snpy_state *st = ir->store->state;
    if (Py_IS_TYPE(object, st->Field)) {
        return PyList_Append(ir->keep, object) < 0 ? NULL : (snpy_field *)object;
    }
    snpy_kind kind;
    if (!PyUnicode_Check(object) || snpy_kind_by_name(&kind, object) < 0) {
        PyErr_Clear();
        malformed(ir, "a constant of a query has neither a field nor a kind");
        return NULL;
    }
    return snpy_plain_field(st, kind);
}

/* The compiled path of a Path, kept. NULL with an exception. */
static snpy_path *
parse_path(snpy_ir *ir, PyObject *object)
{
    snpy_path *path = (snpy_path *)object;
    if (!Py_IS_TYPE(object, ir->store->state->Path) || path->store != ir->store) {
        malformed(ir, "a query goes through something that is not a path of its database");
        return NULL;
    }
    if (snpy_path_ready(path) < 0 || PyList_Append(ir->keep, object) < 0) {
        return NULL;
    }
    return path;
}

snpy_field *
snpy_ir_like(snpy_state *st, snpy_field *like, sn_type type)
{
    static const snpy_kind plain[SN_TYPE_COUNT] = {
        [SN_BOOL] = SNPY_BOOL,     [SN_INT] = SNPY_INT,           [SN_FLOAT] = SNPY_FLOAT,
        [SN_DATE] = SNPY_DATE,     [SN_DATETIME] = SNPY_DATETIME, [SN_TIMEDELTA] = SNPY_TIMEDELTA,
        [SN_CHOICE] = SNPY_INT,    [SN_TEXT] = SNPY_STR,          [SN_ENTRY] = SNPY_BYTES,
        [SN_OBJECT] = SNPY_OBJECT,
    };
    return like && like_type(like) == type ? like : snpy_plain_field(st, plain[type]);
}

/* ---------------------------------------------------------------- values */

static sn_node
value_column(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    unsigned depth;
    snpy_field *field = (snpy_field *)ITEM(node, 2);
    if (parse_unsigned(ir, ITEM(node, 1), &depth) < 0) {
        return SN_NO_NODE;
    }
    if (!Py_IS_TYPE(field, ir->store->state->Field) || !field->model || field->col == SN_NO_COL
        || field->model->store != ir->store) {
        return malformed(ir, "a query names a field that is not stored in its database");
    }
    if (PyList_Append(ir->keep, (PyObject *)field) < 0) {
        return SN_NO_NODE;
    }
    *like = field;
    return built(ir, sn_expr_column(ir->expr, depth, field->model->table, field->col));
}

static sn_node
value_const(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    snpy_field *field = parse_like(ir, ITEM(node, 1));
    sn_cell cell;
    if (!field || snpy_cell_probe(&cell, ir->store, field, ITEM(node, 2)) < 0) {
        return SN_NO_NODE;
    }
    *like = field;
    return built(ir, sn_expr_const(ir->expr, like_type(field), cell));
}

static sn_node
value_moment(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    *like = parse_like(ir, ITEM(node, 1));
    if (!*like) {
        return SN_NO_NODE;
    }
    int64_t offset = PyLong_AsLongLong(ITEM(node, 2));
    if (offset == -1 && PyErr_Occurred()) {
        return SN_NO_NODE;
    }
    if ((*like)->kind != SNPY_DATETIME && (*like)->kind != SNPY_DATETIME_AWARE) {
        return malformed(ir, "a moment of a query stands for something that is no datetime");
    }
    return built(ir, sn_expr_moment(ir->expr, like_type(*like), offset));
}

static sn_node
value_follow(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    unsigned depth;
    if (parse_unsigned(ir, ITEM(node, 1), &depth) < 0) {
        return SN_NO_NODE;
    }
    snpy_path *path = parse_path(ir, ITEM(node, 2));
    sn_node inner = path ? snpy_ir_value(ir, ITEM(node, 3), like) : SN_NO_NODE;
    return inner == SN_NO_NODE ? SN_NO_NODE : built(ir, sn_expr_follow(ir->expr, depth, path->path, inner));
}

static sn_node
value_host(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    unsigned depth, slot;
    if (parse_unsigned(ir, ITEM(node, 1), &depth) < 0 || parse_unsigned(ir, ITEM(node, 2), &slot) < 0) {
        return SN_NO_NODE;
    }
    *like = parse_like(ir, ITEM(node, 3));
    if (!*like || PyDict_SetItem(ir->hosts, ITEM(node, 2), (PyObject *)*like) < 0) {
        return SN_NO_NODE;
    }
    return built(ir, sn_expr_host(ir->expr, depth, slot, like_type(*like)));
}

static sn_node
value_else(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    snpy_field *other;
    sn_node a = snpy_ir_value(ir, ITEM(node, 1), like);
    sn_node b = a == SN_NO_NODE ? a : snpy_ir_value(ir, ITEM(node, 2), &other);
    return b == SN_NO_NODE ? SN_NO_NODE : built(ir, sn_expr_else(ir->expr, a, b));
}

static sn_node
value_arith(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    snpy_field *left, *right;
    int op = code_of(arith_ops, ITEM(node, 1));
    if (op < 0) {
        return malformed(ir, "an operator of arithmetic is unknown");
    }
    sn_node a = snpy_ir_value(ir, ITEM(node, 2), &left);
    sn_node b = a == SN_NO_NODE ? a : snpy_ir_value(ir, ITEM(node, 3), &right);
    if (b == SN_NO_NODE) {
        return SN_NO_NODE;
    }
    sn_node result = built(ir, sn_expr_arith(ir->expr, (sn_arith_op)op, a, b));
    if (result != SN_NO_NODE) {
        *like = snpy_ir_like(ir->store->state, NULL, sn_expr_type(ir->expr, result));
    }
    return result;
}

static sn_node
value_aggregate(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    unsigned depth;
    sn_agg_op op;
    snpy_field *of = NULL;
    int distinct = PyObject_IsTrue(ITEM(node, 6));
    if (distinct < 0 || parse_unsigned(ir, ITEM(node, 1), &depth) < 0 || snpy_ir_aggregate_op(&op, ITEM(node, 2)) < 0) {
        return SN_NO_NODE;
    }
    snpy_path *path = parse_path(ir, ITEM(node, 3));
    sn_node where = path ? snpy_ir_predicate(ir, ITEM(node, 4)) : SN_NO_NODE;
    if (PyErr_Occurred()) {
        return SN_NO_NODE;
    }
    sn_node value = ITEM(node, 5) == Py_None ? SN_NO_NODE : snpy_ir_value(ir, ITEM(node, 5), &of);
    if (PyErr_Occurred()) {
        return SN_NO_NODE;
    }
    sn_node result = built(ir, sn_expr_aggregate(ir->expr, depth, op, path->path, where, value, distinct));
    if (result != SN_NO_NODE) {
        snpy_field *wanted = op == SN_SUM || op == SN_MIN || op == SN_MAX ? of : NULL;
        *like = snpy_ir_like(ir->store->state, wanted, sn_expr_type(ir->expr, result));
    }
    return result;
}

/* ---------------------------------------------------------------- predicates */

/* Words of equal type may still mean different things: members of two enums, a naive and an aware time. */
static bool
comparable(const snpy_field *a, const snpy_field *b)
{
    bool numbers = (a->kind == SNPY_INT || a->kind == SNPY_FLOAT) && (b->kind == SNPY_INT || b->kind == SNPY_FLOAT);
    if (a == b || numbers) {
        return true;
    }
    if (a->kind != b->kind) {
        return a->kind == SNPY_KEY && b->key_field == a;
    }
    return like_type(a) != SN_CHOICE || a->arg == b->arg;
}

static sn_node
predicate_compare(snpy_ir *ir, PyObject *node)
{
    snpy_field *left, *right;
    int op = code_of(compare_ops, ITEM(node, 1));
    if (op < 0) {
        return malformed(ir, "an operator of a comparison is unknown");
    }
    sn_node a = snpy_ir_value(ir, ITEM(node, 2), &left);
    sn_node b = a == SN_NO_NODE ? a : snpy_ir_value(ir, ITEM(node, 3), &right);
    if (b == SN_NO_NODE) {
        return SN_NO_NODE;
    }
    if (!comparable(left, right)) {
        return malformed(ir, "a comparison of values of different kinds");
    }
    return built(ir, sn_expr_compare(ir->expr, (sn_compare_op)op, a, b));
}

/* The cells of a membership test. 0, or -1 with an exception and nothing owned. */
static int
member_cells(snpy_ir *ir, snpy_field *like, PyObject *values, sn_cell **out, size_t *n)
{
    PyObject *fast = PySequence_Tuple(values);
    if (!fast) {
        return -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(fast), done = 0;
    sn_cell *cells = PyMem_New(sn_cell, (size_t)count + 1);
    if (!cells) {
        PyErr_NoMemory();
    }
    while (cells && done < count && snpy_cell_probe(&cells[done], ir->store, like, ITEM(fast, done)) == 0) {
        done++;
    }
    Py_DECREF(fast);
    if (!cells || done < count) {
        while (done-- > 0) {
            snpy_cell_release(ir->store, like, cells[done]);
        }
        PyMem_Free(cells);
        return -1;
    }
    *out = cells;
    *n = (size_t)count;
    return 0;
}

static sn_node
predicate_in(snpy_ir *ir, PyObject *node)
{
    snpy_field *of, *like = parse_like(ir, ITEM(node, 2));
    sn_cell *cells;
    size_t n;
    sn_node a = like ? snpy_ir_value(ir, ITEM(node, 1), &of) : SN_NO_NODE;
    if (a != SN_NO_NODE && (like_type(of) != like_type(like) || !comparable(of, like))) {
        return malformed(ir, "a value is looked for among values of a different kind");
    }
    if (a == SN_NO_NODE || member_cells(ir, like, ITEM(node, 3), &cells, &n) < 0) {
        return SN_NO_NODE;
    }
    sn_node result = built(ir, sn_expr_in(ir->expr, a, cells, n));
    for (size_t i = 0; i < n && result == SN_NO_NODE; i++) {
        snpy_cell_release(ir->store, like, cells[i]);
    }
    PyMem_Free(cells);
    return result;
}

static sn_node
predicate_text(snpy_ir *ir, PyObject *node)
{
    snpy_field *like;
    int op = code_of(text_ops, ITEM(node, 1));
    if (op < 0) {
        return malformed(ir, "an operator on text is unknown");
    }
    sn_node a = snpy_ir_value(ir, ITEM(node, 2), &like);
    sn_node pattern = a == SN_NO_NODE ? a : snpy_ir_value(ir, ITEM(node, 3), &like);
    return pattern == SN_NO_NODE ? pattern : built(ir, sn_expr_text(ir->expr, (sn_text_op)op, a, pattern));
}

static sn_node
predicate_null(snpy_ir *ir, PyObject *node)
{
    snpy_field *like;
    sn_node a = snpy_ir_value(ir, ITEM(node, 1), &like);
    return a == SN_NO_NODE ? a : built(ir, sn_expr_is_null(ir->expr, a));
}

static sn_node
predicate_truth(snpy_ir *ir, PyObject *node)
{
    snpy_field *like;
    sn_node a = snpy_ir_value(ir, ITEM(node, 1), &like);
    return a == SN_NO_NODE ? a : built(ir, sn_expr_truth(ir->expr, a));
}

/* A predicate that must be there. */
static sn_node
some_predicate(snpy_ir *ir, PyObject *node)
{
    return node == Py_None ? malformed(ir, "a condition of a query is missing") : snpy_ir_predicate(ir, node);
}

static sn_node
predicate_not(snpy_ir *ir, PyObject *node)
{
    sn_node a = some_predicate(ir, ITEM(node, 1));
    return a == SN_NO_NODE ? a : built(ir, sn_expr_not(ir->expr, a));
}

static sn_node
predicate_connective(snpy_ir *ir, PyObject *node, sn_node (*build)(sn_expr *, const sn_node *, size_t))
{
    Py_ssize_t n = PyTuple_GET_SIZE(node) - 1;
    sn_node *parts = PyMem_New(sn_node, (size_t)n + 1);
    sn_node result = SN_NO_NODE;
    if (!parts) {
        PyErr_NoMemory();
        return SN_NO_NODE;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        parts[i] = some_predicate(ir, ITEM(node, i + 1));
        if (parts[i] == SN_NO_NODE) {
            goto done;
        }
    }
    result = built(ir, build(ir->expr, parts, (size_t)n));
done:
    PyMem_Free(parts);
    return result;
}

static sn_node
predicate_and(snpy_ir *ir, PyObject *node)
{
    return predicate_connective(ir, node, sn_expr_and);
}

static sn_node
predicate_or(snpy_ir *ir, PyObject *node)
{
    return predicate_connective(ir, node, sn_expr_or);
}

static sn_node
predicate_exists(snpy_ir *ir, PyObject *node)
{
    unsigned depth;
    if (parse_unsigned(ir, ITEM(node, 1), &depth) < 0) {
        return SN_NO_NODE;
    }
    snpy_path *path = parse_path(ir, ITEM(node, 2));
    sn_node where = path ? snpy_ir_predicate(ir, ITEM(node, 3)) : SN_NO_NODE;
    return PyErr_Occurred() ? SN_NO_NODE : built(ir, sn_expr_exists(ir->expr, depth, path->path, where));
}

/* ---------------------------------------------------------------- the tables */

typedef struct value_row {
    const char *name;
    Py_ssize_t size; /* of the tuple */
    sn_node (*build)(snpy_ir *ir, PyObject *node, snpy_field **like);
} value_row;

static const value_row value_table[] = {
    {"column", 3, value_column},       {"const", 3, value_const},   {"follow", 4, value_follow},
    {"host", 4, value_host},           {"arith", 4, value_arith},   {"else", 3, value_else},
    {"aggregate", 7, value_aggregate}, {"moment", 3, value_moment},
};

typedef struct predicate_row {
    const char *name;
    Py_ssize_t size; /* of the tuple; 0: any */
    sn_node (*build)(snpy_ir *ir, PyObject *node);
} predicate_row;

static const predicate_row predicate_table[] = {
    {"compare", 4, predicate_compare}, {"in", 4, predicate_in},       {"text", 4, predicate_text},
    {"null", 2, predicate_null},       {"truth", 2, predicate_truth}, {"not", 2, predicate_not},
    {"and", 0, predicate_and},         {"or", 0, predicate_or},       {"exists", 4, predicate_exists},
};

static bool
node_is(PyObject *node, const char *name, Py_ssize_t size)
{
    return PyUnicode_Check(ITEM(node, 0)) && (!size || PyTuple_GET_SIZE(node) == size)
           && PyUnicode_CompareWithASCIIString(ITEM(node, 0), name) == 0;
}

sn_node
snpy_ir_value(snpy_ir *ir, PyObject *node, snpy_field **like)
{
    *like = NULL;
    if (!PyTuple_Check(node) || !PyTuple_GET_SIZE(node)) {
        return malformed(ir, "a value of a query is not a tuple");
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(value_table); i++) {
        if (node_is(node, value_table[i].name, value_table[i].size)) {
            if (Py_EnterRecursiveCall(" in a query")) {
                return SN_NO_NODE;
            }
            sn_node result = value_table[i].build(ir, node, like);
            Py_LeaveRecursiveCall();
            return result;
        }
    }
    return malformed(ir, "a value of a query has an unknown form");
}

sn_node
snpy_ir_predicate(snpy_ir *ir, PyObject *node)
{
    if (node == Py_None) {
        return SN_NO_NODE;
    }
    if (!PyTuple_Check(node) || !PyTuple_GET_SIZE(node)) {
        return malformed(ir, "a condition of a query is not a tuple");
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(predicate_table); i++) {
        if (node_is(node, predicate_table[i].name, predicate_table[i].size)) {
            if (Py_EnterRecursiveCall(" in a query")) {
                return SN_NO_NODE;
            }
            sn_node result = predicate_table[i].build(ir, node);
            Py_LeaveRecursiveCall();
            return result;
        }
    }
    return malformed(ir, "a condition of a query has an unknown form");
}

static int
parse_order(snpy_ir *ir, PyObject *term, sn_order *out)
{
    snpy_field *like;
    if (!PyTuple_Check(term) || PyTuple_GET_SIZE(term) != 3 || !PyBool_Check(ITEM(term, 1))
        || !PyBool_Check(ITEM(term, 2))) {
        malformed(ir, "an ordering of a query is not a triple of a value and two bools");
        return -1;
    }
    *out = (sn_order){snpy_ir_value(ir, ITEM(term, 0), &like), ITEM(term, 1) == Py_True, ITEM(term, 2) == Py_True};
    return out->value == SN_NO_NODE ? -1 : 0;
}

int
snpy_ir_order(snpy_ir *ir, PyObject *orders, sn_order **out, size_t *n)
{
    PyObject *terms = PySequence_Tuple(orders);
    if (!terms) {
        return -1;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(terms), done = 0;
    sn_order *parsed = PyMem_New(sn_order, (size_t)count + 1);
    if (!parsed) {
        PyErr_NoMemory();
    }
    while (parsed && done < count && parse_order(ir, ITEM(terms, done), &parsed[done]) == 0) {
        done++;
    }
    Py_DECREF(terms);
    if (!parsed || done < count) {
        PyMem_Free(parsed);
        return -1;
    }
    *out = parsed;
    *n = (size_t)count;
    return 0;
}
