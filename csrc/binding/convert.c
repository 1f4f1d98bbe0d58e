/*
 * convert.c - values to cells and back: one row per kind of field.
 *
 * A value that enters comes out as the same value: the exact type is demanded wherever a subclass would be mangled, and
 * what is refused is refused with the spelling that would be accepted. Three ways to be stored:
 *
 *   inline   bool, int, float, date, naive datetime, timedelta, and members of enums and literals by their ordinal
 *   bare     text, and objects: the cell owns one reference to the Python object
 *   entry    bytes, aware datetime, time, Decimal, UUID, IP addresses, key values, and text that is interned or indexed: the cell
 *            owns one use of an entry shared by all cells with the same exact representation
 *
 * Invariants
 *   - a bare text has its UTF-8 cached before it enters, so the engine's accessor can neither fail nor allocate; a
 *     text that has none (lone surrogates) is always an entry over its surrogatepass bytes
 *   - conversion never changes the store but for entries; an owned cell that is not moved is given back by
 *     snpy_cell_release, also after the store was closed in between
 *
 * Cost: int, float, bool, bare text a few ns; entries 40 to 150 ns. Conversions of object, Decimal, aware times and of
 * numpy and pandas scalars may run Python code.
 */
#include "convert.h"

/* ---------------------------------------------------------------- buffers */

void
snpy_buffer_init(snpy_buffer *b)
{
    b->data = b->small;
    b->len = 0;
    b->cap = sizeof b->small;
}

void
snpy_buffer_fini(snpy_buffer *b)
{
    if (b->data != b->small)
        PyMem_Free(b->data);
}

static int
buffer_grow(snpy_buffer *b, size_t need)
{
    size_t cap = need > 2 * b->cap ? need : 2 * b->cap;
    unsigned char *data = PyMem_Malloc(cap);
    if (data == NULL)
        return PyErr_NoMemory(), -1;
    memcpy(data, b->data, b->len);
    snpy_buffer_fini(b);
    b->data = data;
    b->cap = cap;
    return 0;
}

int
snpy_buffer_put(snpy_buffer *b, const void *data, size_t len)
{
    if (b->cap - b->len < len && buffer_grow(b, b->len + len) < 0)
        return -1;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

int
snpy_buffer_byte(snpy_buffer *b, unsigned char byte)
{
    return snpy_buffer_put(b, &byte, 1);
}

void
snpy_order_bytes(unsigned char out[8], int64_t number)
{
    uint64_t biased = (uint64_t)number ^ (UINT64_C(1) << 63);
    for (int i = 7; i >= 0; i--, biased >>= 8)
        out[i] = (unsigned char)biased;
}

/* ---------------------------------------------------------------- entries */

static void
own_handle(sn_cell *out, PyObject *handle)
{
    assert(((uintptr_t)handle & 1) == 0);
    *out = (sn_cell){(sn_word)(uintptr_t)Py_NewRef(handle), false};
}

int
snpy_intern(sn_cell *out, snpy_store *store, snpy_kind kind, sn_bytes exact, sn_bytes key, bool borrow,
            PyObject *handle)
{
    sn_entry_def def = {.tag = kind, .exact = exact, .key = key, .borrow = borrow, .handle = handle};
    bool taken = false;
    if (store == NULL) {
        own_handle(out, handle);
        return 0;
    }
    if (store->db == NULL)
        return snpy_raise(store->state, "store_closed", "");
    out->null = false;
    sn_status status = sn_entry_intern(&out->word, &taken, store->db, &def);
    if (status != SN_OK)
        return snpy_raise_status(store, status);
    if (taken)
        Py_INCREF(handle);
    return 0;
}

PyObject *
snpy_handle_out(snpy_field *Py_UNUSED(field), sn_word word)
{
    return Py_NewRef((PyObject *)sn_word_handle(word));
}

PyObject *
snpy_attribute(PyObject *object, const char *name)
{
    PyObject *interned = PyUnicode_InternFromString(name);
    PyObject *value = interned ? PyObject_GetAttr(object, interned) : NULL;
    Py_XDECREF(interned);
    return value;
}

PyObject *
snpy_call(PyObject *object, const char *method)
{
    PyObject *interned = PyUnicode_InternFromString(method);
    PyObject *value = interned ? PyObject_CallMethodNoArgs(object, interned) : NULL;
    Py_XDECREF(interned);
    return value;
}

bool
snpy_is_from(PyObject *value, const char *package)
{
    PyObject *module = snpy_attribute((PyObject *)Py_TYPE(value), "__module__");
    const char *name = module && PyUnicode_Check(module) ? PyUnicode_AsUTF8(module) : NULL;
    size_t len = strlen(package);
    bool is = name && strncmp(name, package, len) == 0 && (name[len] == '\0' || name[len] == '.');
    Py_XDECREF(module);
    PyErr_Clear();
    return is;
}

/* ---------------------------------------------------------------- numbers */

static int
bool_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    if (!PyBool_Check(value))
        return snpy_bad_value(field, value, "True or False", "bool(value)");
    *out = (sn_cell){value == Py_True, false};
    return 0;
}

static PyObject *
bool_out(snpy_field *Py_UNUSED(field), sn_word word)
{
    return Py_NewRef(word ? Py_True : Py_False);
}

static int
int_from_exact(sn_cell *out, snpy_field *field, PyObject *number, PyObject *value)
{
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow)
        return snpy_bad_value(field, value, "an int of 64 bits", "str, bytes or Decimal hold larger numbers");
    if (n == -1 && PyErr_Occurred())
        return -1;
    *out = (sn_cell){(sn_word)n, false};
    return 0;
}

/* The number behind __index__, or NULL: with FieldError when there is none. Runs Python code. */
static PyObject *
index_of(snpy_field *field, PyObject *value, const char *expected, const char *remedy)
{
    PyObject *number = PyIndex_Check(value) && !PyBool_Check(value) ? PyNumber_Index(value) : NULL;
    if (number)
        return number;
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError))
        return NULL;
    PyErr_Clear();
    snpy_bad_value(field, value, expected, remedy);
    return NULL;
}

static const char *
int_remedy(PyObject *value)
{
    if (!PyFloat_Check(value))
        return "int(value)";
    return isnan(PyFloat_AS_DOUBLE(value)) ? "None in a nullable field" : "round(value)";
}

/* The value of an int of one digit, without a call. */
static inline bool
is_small(PyObject *number, int64_t *value)
{
#if PY_VERSION_HEX >= 0x030C0000
    const PyLongObject *n = (const PyLongObject *)number;
    return PyUnstable_Long_IsCompact(n) ? (*value = PyUnstable_Long_CompactValue(n), true) : false;
#else
    Py_ssize_t digits = Py_SIZE(number); /* negative for a negative number */
    if (digits < -1 || digits > 1)
        return false;
    *value = digits == 0 ? 0 : digits * (int64_t)((PyLongObject *)number)->ob_digit[0];
    return true;
#endif
}

static int
int_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    int64_t n;
    if (PyLong_CheckExact(value) && is_small(value, &n)) {
        *out = (sn_cell){(sn_word)n, false};
        return 0;
    }
    if (PyLong_CheckExact(value))
        return int_from_exact(out, field, value, value);
    PyObject *number = index_of(field, value, "an int", int_remedy(value));
    int r = number ? int_from_exact(out, field, number, value) : -1;
    Py_XDECREF(number);
    return r;
}

static PyObject *
int_out(snpy_field *Py_UNUSED(field), sn_word word)
{
    return PyLong_FromLongLong((long long)word);
}

static void
float_cell(sn_cell *out, double number)
{
    static_assert(sizeof number == sizeof out->word, "a float is one word");
    memcpy(&out->word, &number, sizeof number);
    out->null = false;
}

static int
float_from_int(sn_cell *out, snpy_field *field, PyObject *number, PyObject *value)
{
    double d = PyLong_AsDouble(number);
    if (d == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return snpy_bad_value(field, value, "a number in the range of float", NULL);
    }
    float_cell(out, d);
    return 0;
}

/* numpy's floats that are not Python floats; its float64 is one. */
static bool
is_numpy_float(PyObject *value)
{
    const char *name = Py_TYPE(value)->tp_name;
    return strncmp(name, "numpy.float", 11) == 0 || strcmp(name, "numpy.longdouble") == 0;
}

static int
float_from_other(sn_cell *out, snpy_field *field, PyObject *value)
{
    bool plain = is_numpy_float(value);
    PyObject *number = plain ? PyNumber_Float(value) : index_of(field, value, "a float or an int", "float(value)");
    int r = -1;
    if (number && plain)
        r = (float_cell(out, PyFloat_AS_DOUBLE(number)), 0);
    else if (number)
        r = float_from_int(out, field, number, value);
    Py_XDECREF(number);
    return r;
}

static int
float_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    if (!PyFloat_Check(value))
        return float_from_other(out, field, value);
    float_cell(out, PyFloat_AS_DOUBLE(value));
    return 0;
}

static PyObject *
float_out(snpy_field *Py_UNUSED(field), sn_word word)
{
    double number;
    memcpy(&number, &word, sizeof number);
    return PyFloat_FromDouble(number);
}

/* ---------------------------------------------------------------- text and bytes */

static int
text_with_surrogates(sn_cell *out, snpy_store *store, PyObject *value)
{
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    if (bytes == NULL)
        return -1;
    sn_bytes exact = snpy_bytes(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    int r = snpy_intern(out, store, SNPY_STR, exact, SNPY_NO_BYTES, false, value);
    Py_DECREF(bytes);
    return r;
}

static int
text_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    Py_ssize_t len;
    if (!PyUnicode_CheckExact(value))
        return snpy_bad_value(field, value, "a str", PyUnicode_Check(value) ? "str.__str__(value)" : "str(value)");
    bool interned = field->intern || field->indexed;
    if (PyUnicode_IS_COMPACT_ASCII(value) && !interned) {
        own_handle(out, value);
        return 0;
    }
    if (PyUnicode_IS_COMPACT_ASCII(value)) { /* is its own UTF-8 */
        sn_bytes bytes = snpy_bytes(PyUnicode_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
        return snpy_intern(out, store, SNPY_STR, bytes, SNPY_NO_BYTES, true, value);
    }
    const char *utf8 = PyUnicode_AsUTF8AndSize(value, &len);
    if (utf8 == NULL && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return -1;
    if (utf8 == NULL) {
        PyErr_Clear();
        return text_with_surrogates(out, store, value);
    }
    if (interned)
        return snpy_intern(out, store, SNPY_STR, snpy_bytes(utf8, (size_t)len), SNPY_NO_BYTES, true, value);
    own_handle(out, value);
    return 0;
}

bool
snpy_text_peek(sn_word *word, const snpy_store *store, const snpy_field *field, PyObject *value)
{
    if (field->kind != SNPY_STR || !PyUnicode_CheckExact(value) || !PyUnicode_IS_COMPACT_ASCII(value))
        return false;
    sn_bytes bytes = snpy_bytes(PyUnicode_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
    *word = sn_entry_peek(store->engine, SNPY_STR, bytes);
    return true;
}

static int
bytes_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    if (!PyBytes_CheckExact(value))
        return snpy_bad_value(field, value, "bytes", PyUnicode_Check(value) ? "value.encode()" : "bytes(value)");
    sn_bytes exact = snpy_bytes(PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    return snpy_intern(out, store, SNPY_BYTES, exact, SNPY_NO_BYTES, true, value);
}

/* ---------------------------------------------------------------- members of closed lists */

static int
choice_cell(sn_cell *out, Py_ssize_t ordinal)
{
    *out = (sn_cell){(sn_word)(int64_t)ordinal, false};
    return 0;
}

static int
not_a_member(snpy_field *field, PyObject *value)
{
    PyObject *name = PyType_GetName((PyTypeObject *)field->arg);
    PyObject *expected = name ? PyUnicode_FromFormat("a member of %U", name) : NULL;
    PyObject *remedy = expected ? PyUnicode_FromFormat("%U(value)", name) : NULL;
    if (remedy)
        snpy_raise(field->state, "bad_value", "OOOO", field, value, expected, remedy);
    Py_XDECREF(name);
    Py_XDECREF(expected);
    Py_XDECREF(remedy);
    return -1;
}

static int
enum_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(field->members); i++)
        if (PyTuple_GET_ITEM(field->members, i) == value)
            return choice_cell(out, i);
    return not_a_member(field, value);
}

static int
literal_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(field->members); i++) {
        PyObject *member = PyTuple_GET_ITEM(field->members, i);
        if (Py_TYPE(member) != Py_TYPE(value))
            continue;
        int equal = PyObject_RichCompareBool(member, value, Py_EQ);
        if (equal < 0)
            return -1;
        if (equal)
            return choice_cell(out, i);
    }
    PyObject *expected = PyUnicode_FromFormat("one of %R", field->members);
    if (expected)
        snpy_raise(field->state, "bad_value", "OOOO", field, value, expected, Py_None);
    Py_XDECREF(expected);
    return -1;
}

static PyObject *
choice_out(snpy_field *field, sn_word word)
{
    assert((Py_ssize_t)word < PyTuple_GET_SIZE(field->members));
    return Py_NewRef(PyTuple_GET_ITEM(field->members, (Py_ssize_t)word));
}

/* ---------------------------------------------------------------- objects */

static int
not_an_instance(snpy_field *field, PyObject *value)
{
    snpy_raise(field->state, "bad_instance", "OOO", field, value, field->arg);
    return -1;
}

static int
object_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    int is = field->arg ? PyObject_IsInstance(value, field->arg) : 1;
    if (is < 0)
        return -1;
    if (!is)
        return not_an_instance(field, value);
    own_handle(out, value);
    return 0;
}

int
snpy_key_cell_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    assert(field->key_field);
    *out = SN_NULL_CELL;
    if (value == Py_None)
        return 0;
    PyObject *function = Py_XNewRef(field->key), *key = function ? PyObject_CallOneArg(function, value) : NULL;
    Py_XDECREF(function);
    if (function == NULL)
        return snpy_raise(field->state, "internal", "s", "a key field without its function");
    int r = key ? snpy_cell_probe(out, store, field->key_field, key) : -1;
    Py_XDECREF(key);
    return r;
}

/* ---------------------------------------------------------------- the table */

const snpy_conversion snpy_conversions[SNPY_KIND_COUNT] = {
    [SNPY_BOOL] = {"bool", SN_BOOL, bool_in, bool_out, NULL},
    [SNPY_INT] = {"int", SN_INT, int_in, int_out, NULL},
    [SNPY_FLOAT] = {"float", SN_FLOAT, float_in, float_out, NULL},
    [SNPY_STR] = {"str", SN_TEXT, text_in, snpy_handle_out, NULL},
    [SNPY_BYTES] = {"bytes", SN_ENTRY, bytes_in, snpy_handle_out, NULL},
    [SNPY_DATE] = {"date", SN_DATE, snpy_date_in, snpy_date_out, NULL},
    [SNPY_DATETIME] = {"datetime", SN_DATETIME, snpy_datetime_in, snpy_datetime_out, NULL},
    [SNPY_DATETIME_AWARE] = {"datetime_aware", SN_ENTRY, snpy_aware_in, snpy_handle_out, NULL},
    [SNPY_TIME] = {"time", SN_ENTRY, snpy_time_in, snpy_handle_out, NULL},
    [SNPY_TIMEDELTA] = {"timedelta", SN_TIMEDELTA, snpy_timedelta_in, snpy_timedelta_out, NULL},
    [SNPY_DECIMAL] = {"Decimal", SN_ENTRY, snpy_decimal_in, snpy_handle_out, "decimal"},
    [SNPY_UUID] = {"UUID", SN_ENTRY, snpy_instance_in, snpy_handle_out, "uuid"},
    [SNPY_IPV4_ADDRESS] = {"IPv4Address", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_IPV6_ADDRESS] = {"IPv6Address", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_IPV4_NETWORK] = {"IPv4Network", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_IPV6_NETWORK] = {"IPv6Network", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_IPV4_INTERFACE] = {"IPv4Interface", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_IPV6_INTERFACE] = {"IPv6Interface", SN_ENTRY, snpy_instance_in, snpy_handle_out, "ipaddress"},
    [SNPY_ENUM] = {"Enum", SN_CHOICE, enum_in, choice_out, NULL},
    [SNPY_LITERAL] = {"Literal", SN_CHOICE, literal_in, choice_out, NULL},
    [SNPY_OBJECT] = {"object", SN_OBJECT, object_in, snpy_handle_out, NULL},
    [SNPY_KEY] = {"key", SN_ENTRY, snpy_key_in, snpy_handle_out, NULL},
};

int
snpy_kind_by_name(snpy_kind *out, PyObject *name)
{
    for (int kind = 0; PyUnicode_Check(name) && kind < SNPY_KIND_COUNT; kind++)
        if (PyUnicode_CompareWithASCIIString(name, snpy_conversions[kind].name) == 0) {
            *out = (snpy_kind)kind;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "unknown kind of field: %R", name);
    return -1;
}

/* ---------------------------------------------------------------- cells */

int
snpy_cell_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    if (value != Py_None)
        return snpy_conversions[field->kind].in(out, store, field, value);
    if (!field->nullable)
        return snpy_bad_value(field, value, "a value", NULL);
    *out = SN_NULL_CELL;
    return 0;
}

int
snpy_cell_probe(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    if (value != Py_None)
        return snpy_conversions[field->kind].in(out, store, field, value);
    *out = SN_NULL_CELL;
    return 0;
}

PyObject *
snpy_cell_out(snpy_field *field, sn_cell cell)
{
    if (cell.null)
        Py_RETURN_NONE;
    return snpy_conversions[field->kind].out(field, cell.word);
}

static bool
owns(snpy_field *field, sn_cell cell)
{
    sn_type type = snpy_conversions[field->kind].type;
    return !cell.null && (type == SN_TEXT || type == SN_ENTRY || type == SN_OBJECT);
}

void
snpy_cell_release(snpy_store *store, snpy_field *field, sn_cell cell)
{
    if (!owns(field, cell))
        return;
    if (!sn_word_is_entry(cell.word))
        Py_DECREF((PyObject *)(uintptr_t)cell.word);
    else if (store)
        sn_entry_release(store->engine, cell.word); /* also of a store that has been closed meanwhile */
}

int
snpy_cell_copy(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, sn_cell cell)
{
    *out = cell;
    if (!owns(field, cell))
        return 0;
    if (sn_word_is_entry(cell.word))
        sn_entry_retain(cell.word);
    else
        Py_INCREF((PyObject *)(uintptr_t)cell.word);
    return 0;
}

/* ---------------------------------------------------------------- classes of the standard library */

/* The class of a row whose module is imported by now; NULL with or without an exception. */
static PyObject *
class_of(const snpy_conversion *row)
{
    PyObject *name = PyUnicode_FromString(row->module);
    PyObject *module = name ? PyImport_GetModule(name) : NULL;
    PyObject *cls = module ? snpy_attribute(module, row->name) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(module);
    return cls;
}

int
snpy_is_of_kind(snpy_state *st, snpy_kind kind, PyObject *value)
{
    assert(snpy_conversions[kind].module);
    if (st->classes[kind] == NULL)
        st->classes[kind] = class_of(&snpy_conversions[kind]);
    if (st->classes[kind] == NULL)
        return PyErr_Occurred() ? -1 : 0;
    return Py_IS_TYPE(value, (PyTypeObject *)st->classes[kind]);
}

/* ---------------------------------------------------------------- module */

int
snpy_init_convert(PyObject *Py_UNUSED(module), snpy_state *st)
{
    if (snpy_temporal_init(st) < 0)
        return -1;
    PyObject *module = PyImport_ImportModule("enum");
    st->Enum = module ? snpy_attribute(module, "Enum") : NULL;
    Py_XDECREF(module);
    return st->Enum ? 0 : -1;
}
