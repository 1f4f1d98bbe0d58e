/*
 * canonical.c - the bytes of classes of the standard library, and of what key= functions return.
 *
 * An entry has two byte strings. The exact one tells representations apart (Decimal("1.0") and Decimal("1.00") are read
 * back as they were written); the key one is equal for equal values and orders, byte by byte, as the values do.
 *
 *   Decimal   exact: its str, which is one to one. key:
 *               00 -Infinity | 01 ~body | 02 zero | 03 body | 04 Infinity
 *             body: 8 bytes of biased exponent e, the digits d1 d2 ... each plus one, then 00; the value is
 *             0.d1d2... * 10^e without leading or trailing zeros. Negative numbers complement it, so that they order
 *             the other way.
 *   UUID      its 16 bytes, big-endian, are both
 *   IP        both: an address is its 4 or 16 bytes, a network its address and the prefix's length, an interface its
 *             network and its address. Of version 6 the scope follows as text, empty for none: the standard library
 *             leaves the order of two scopes of one address open.
 *   key       a family byte, then the value: None bool int float str bytes dates times timedelta Decimal UUID IP tuple.
 *             Families order by their byte. Text and bytes end in 00 00 with 00 inside as 00 FF, a tuple in 00, so
 *             prefixes come first.
 *
 * Cost: a Decimal is its str and one pass over it; a UUID two shifts of its int; of IP addresses, networks and interfaces
 * one, three and five attributes, which are properties written in Python.
 */
#include "convert.h"

/* ---------------------------------------------------------------- text and bytes */

/* 1 for a putter that can only succeed or fail. */
static int
done(int status)
{
    return status < 0 ? -1 : 1;
}

static int
put_escaped(snpy_buffer *b, const char *data, Py_ssize_t len)
{
    static const unsigned char zero[2] = {0x00, 0xFF};
    for (Py_ssize_t i = 0; i < len; i++) {
        int r = data[i] ? snpy_buffer_byte(b, (unsigned char)data[i]) : snpy_buffer_put(b, zero, 2);
        if (r < 0)
            return -1;
    }
    return snpy_buffer_put(b, "\0\0", 2);
}

static int
put_text(snpy_buffer *b, PyObject *value)
{
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    int r = bytes ? put_escaped(b, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)) : -1;
    Py_XDECREF(bytes);
    return r;
}

/* ---------------------------------------------------------------- Decimal */

typedef struct decimal_parts {
    const char *digits; /* first significant digit, may be followed by one point */
    size_t len;         /* characters up to and with the last significant digit */
    int64_t exponent;
    bool negative;
} decimal_parts;

/* Reads "[-]ddd.ddd[E[+-]ddd]"; no digits: len 0 for a zero. */
static decimal_parts
parse_decimal(const char *s)
{
    decimal_parts p = {.negative = *s == '-'};
    s += p.negative;
    const char *end = s + strcspn(s, "Ee");
    const char *point = memchr(s, '.', (size_t)(end - s));
    const char *first = s + strspn(s, "0.");
    while (end > first && (end[-1] == '0' || end[-1] == '.'))
        end--;
    const char *mark = s + strcspn(s, "Ee");
    int64_t whole = (point ? point : mark) - first;
    p.digits = first;
    p.len = first < end ? (size_t)(end - first) : 0;
    p.exponent = (whole < 0 ? whole + 1 : whole) + (*mark ? strtoll(mark + 1, NULL, 10) : 0);
    return p;
}

static int
put_digits(snpy_buffer *b, const decimal_parts *p)
{
    unsigned char flip = p->negative ? 0xFF : 0;
    unsigned char exponent[8];
    snpy_order_bytes(exponent, p->exponent);
    for (int i = 0; i < 8; i++)
        exponent[i] ^= flip;
    if (snpy_buffer_put(b, exponent, 8) < 0)
        return -1;
    for (size_t i = 0; i < p->len; i++)
        if (p->digits[i] != '.' && snpy_buffer_byte(b, (unsigned char)(p->digits[i] - '0' + 1) ^ flip) < 0)
            return -1;
    return snpy_buffer_byte(b, flip);
}

/* The key of a Decimal from its str. 1: done; 0: it is not a number; -1 with MemoryError. */
static int
put_decimal(snpy_buffer *b, const char *s)
{
    const char *bare = s + (*s == '-');
    if (*bare == 'I')
        return snpy_buffer_byte(b, *s == '-' ? 0 : 4) < 0 ? -1 : 1;
    if (*bare < '0' || *bare > '9')
        return 0;
    decimal_parts p = parse_decimal(s);
    if (p.len == 0)
        return snpy_buffer_byte(b, 2) < 0 ? -1 : 1;
    if (snpy_buffer_byte(b, p.negative ? 1 : 3) < 0 || put_digits(b, &p) < 0)
        return -1;
    return 1;
}

static int
intern_decimal(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value, snpy_buffer *key)
{
    PyObject *text = PyObject_Str(value);
    Py_ssize_t len;
    const char *s = text ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    int r = s ? put_decimal(key, s) : -1;
    if (r == 0)
        r = snpy_bad_value(field, value, "a Decimal that is a number", "None in a nullable field");
    else if (r > 0)
        r = snpy_intern(out, store, SNPY_DECIMAL, snpy_bytes(s, (size_t)len), snpy_bytes(key->data, key->len), false,
                        value);
    Py_XDECREF(text);
    return r;
}

int
snpy_decimal_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    int is = snpy_is_of_kind(field->state, SNPY_DECIMAL, value);
    if (is == 0)
        return snpy_bad_value(field, value, "a Decimal",
                              PyFloat_Check(value) ? "Decimal(str(value))" : "Decimal(value)");
    if (is < 0)
        return -1;
    snpy_buffer key;
    snpy_buffer_init(&key);
    int r = intern_decimal(out, store, field, value, &key);
    snpy_buffer_fini(&key);
    return r;
}

static int
put_decimal_value(snpy_buffer *b, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    const char *s = text ? PyUnicode_AsUTF8(text) : NULL;
    int r = s ? put_decimal(b, s) : -1;
    Py_XDECREF(text);
    return r;
}

/* ---------------------------------------------------------------- UUID */

static void
put_big_endian(unsigned char *out, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        out[i] = (unsigned char)number;
}

static int
put_uuid(snpy_buffer *b, PyObject *value)
{
    unsigned char bytes[16];
    PyObject *number = snpy_attribute(value, "int");
    PyObject *shift = number ? PyLong_FromLong(64) : NULL;
    PyObject *high = shift ? PyNumber_Rshift(number, shift) : NULL;
    if (high) {
        put_big_endian(bytes, PyLong_AsUnsignedLongLongMask(high));
        put_big_endian(bytes + 8, PyLong_AsUnsignedLongLongMask(number));
    }
    Py_XDECREF(number);
    Py_XDECREF(shift);
    Py_XDECREF(high);
    return PyErr_Occurred() || snpy_buffer_put(b, bytes, 16) < 0 ? -1 : 1;
}

/* ---------------------------------------------------------------- IP addresses */

/* The 4 or 16 bytes of an address, and with version 6 its scope. 1, or -1 with an exception. */
static int
put_address(snpy_buffer *b, PyObject *address)
{
    char *data;
    Py_ssize_t len;
    PyObject *packed = snpy_attribute(address, "packed"), *scope = NULL;
    int r = packed ? PyBytes_AsStringAndSize(packed, &data, &len) : -1;
    if (r == 0)
        r = snpy_buffer_put(b, data, (size_t)len);
    if (r == 0 && len == 16) {
        scope = snpy_attribute(address, "scope_id");
        r = !scope ? -1 : scope == Py_None ? put_escaped(b, "", 0) : put_text(b, scope);
    }
    Py_XDECREF(packed);
    Py_XDECREF(scope);
    return done(r);
}

static int
put_network(snpy_buffer *b, PyObject *network)
{
    PyObject *address = snpy_attribute(network, "network_address");
    PyObject *prefix = address ? snpy_attribute(network, "prefixlen") : NULL;
    long bits = prefix ? PyLong_AsLong(prefix) : -1;
    int r = bits < 0 && PyErr_Occurred() ? -1 : put_address(b, address);
    if (r > 0)
        r = done(snpy_buffer_byte(b, (unsigned char)bits));
    Py_XDECREF(address);
    Py_XDECREF(prefix);
    return r;
}

static int
put_interface(snpy_buffer *b, PyObject *interface)
{
    PyObject *network = snpy_attribute(interface, "network");
    int r = network ? put_network(b, network) : -1;
    Py_XDECREF(network);
    return r > 0 ? put_address(b, interface) : r;
}

/* ---------------------------------------------------------------- kinds that are one class */

/* What is said of each: its family among keys, the bytes of a value, and how it is asked for. */
typedef struct class_row {
    snpy_kind kind;
    unsigned char family;
    /* Appends bytes that order as the values do, and none of which is the beginning of another's. 1: done; 0: the value
     * has no place in an order; -1 with an exception. */
    int (*put)(snpy_buffer *b, PyObject *value);
    const char *expected, *from_text; /* what snpy_instance_in says of other values, and to a str */
} class_row;

static const class_row class_table[] = {
    {SNPY_DECIMAL, '6', put_decimal_value, NULL, NULL},
    {SNPY_UUID, '7', put_uuid, "a UUID", "UUID(value)"},
    {SNPY_IPV4_ADDRESS, 'j', put_address, "an IPv4Address", "IPv4Address(value)"},
    {SNPY_IPV6_ADDRESS, 'k', put_address, "an IPv6Address", "IPv6Address(value)"},
    {SNPY_IPV4_NETWORK, 'l', put_network, "an IPv4Network", "IPv4Network(value)"},
    {SNPY_IPV6_NETWORK, 'm', put_network, "an IPv6Network", "IPv6Network(value)"},
    {SNPY_IPV4_INTERFACE, 'n', put_interface, "an IPv4Interface", "IPv4Interface(value)"},
    {SNPY_IPV6_INTERFACE, 'o', put_interface, "an IPv6Interface", "IPv6Interface(value)"},
};

static const class_row *
row_of(snpy_kind kind)
{
    const class_row *row = class_table;
    while (row->kind != kind) {
        row++;
        assert(row < class_table + Py_ARRAY_LENGTH(class_table));
    }
    return row;
}

int
snpy_instance_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    const class_row *row = row_of(field->kind);
    int is = snpy_is_of_kind(field->state, field->kind, value);
    if (is == 0)
        return snpy_bad_value(field, value, row->expected, PyUnicode_Check(value) ? row->from_text : NULL);
    snpy_buffer bytes;
    snpy_buffer_init(&bytes);
    int r = is > 0 ? row->put(&bytes, value) : -1;
    assert(r != 0);
    if (r > 0)
        r = snpy_intern(out, store, field->kind, snpy_bytes(bytes.data, bytes.len), SNPY_NO_BYTES, false, value);
    snpy_buffer_fini(&bytes);
    return r;
}

/* ---------------------------------------------------------------- what key= returns */

static int put_key(snpy_buffer *b, snpy_state *st, PyObject *value);

/* Sign, then the length of the magnitude, then the magnitude: negative ones complemented. */
static int
put_int(snpy_buffer *b, PyObject *number)
{
    PyObject *magnitude = PyNumber_Absolute(number);
    PyObject *bits = magnitude ? snpy_call(magnitude, "bit_length") : NULL;
    Py_ssize_t len = bits ? (PyLong_AsSsize_t(bits) + 7) / 8 : -1;
    PyObject *bytes = bits ? PyObject_CallMethod(magnitude, "to_bytes", "ns", len, "big") : NULL;
    bool negative = bytes && len > 0 && PyObject_RichCompareBool(magnitude, number, Py_EQ) == 0;
    unsigned char flip = negative ? 0xFF : 0, size[8];
    put_big_endian(size, (uint64_t)len);
    int r = bytes ? snpy_buffer_byte(b, len == 0 ? 1 : negative ? 0 : 2) : -1;
    for (int i = 0; r == 0 && i < 8; i++)
        r = snpy_buffer_byte(b, size[i] ^ flip);
    for (Py_ssize_t i = 0; r == 0 && i < len; i++)
        r = snpy_buffer_byte(b, (unsigned char)PyBytes_AS_STRING(bytes)[i] ^ flip);
    Py_XDECREF(magnitude);
    Py_XDECREF(bits);
    Py_XDECREF(bytes);
    return r;
}

/* 1: done; 0: NaN; -1. */
static int
put_float(snpy_buffer *b, double number)
{
    uint64_t bits;
    unsigned char bytes[8];
    if (isnan(number))
        return 0;
    number += 0.0; /* -0.0 is equal to 0.0 */
    memcpy(&bits, &number, sizeof bits);
    bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
    put_big_endian(bytes, bits);
    return snpy_buffer_put(b, bytes, 8) < 0 ? -1 : 1;
}

static int
put_tuple(snpy_buffer *b, snpy_state *st, PyObject *value)
{
    if (Py_EnterRecursiveCall(" while storing a key"))
        return -1;
    int r = 1;
    for (Py_ssize_t i = 0; r > 0 && i < PyTuple_GET_SIZE(value); i++)
        r = put_key(b, st, PyTuple_GET_ITEM(value, i));
    Py_LeaveRecursiveCall();
    if (r > 0 && snpy_buffer_byte(b, 0) < 0)
        return -1;
    return r;
}

static int
put_number(snpy_buffer *b, int64_t number)
{
    unsigned char bytes[8];
    snpy_order_bytes(bytes, number);
    return snpy_buffer_put(b, bytes, 8);
}

static int
put_temporal(snpy_buffer *b, snpy_state *st, PyObject *value)
{
    char family;
    int64_t number;
    int r = snpy_temporal_number(st, value, &family, &number);
    if (r <= 0)
        return r;
    return snpy_buffer_byte(b, (unsigned char)family) < 0 ? -1 : done(put_number(b, number));
}

/* A value of a kind that is one class, or of time. 1: done; 0: neither; -1 with an exception. */
static int
put_instance(snpy_buffer *b, snpy_state *st, PyObject *value)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(class_table); i++) {
        const class_row *row = &class_table[i];
        int is = snpy_is_of_kind(st, row->kind, value);
        if (is < 0 || (is > 0 && snpy_buffer_byte(b, row->family) < 0))
            return -1;
        if (is > 0)
            return row->put(b, value);
    }
    return put_temporal(b, st, value);
}

/* The family byte and the value. 1: done; 0: not a value that can be a key; -1 with an exception. */
static int
put_key(snpy_buffer *b, snpy_state *st, PyObject *value)
{
    char family = value == Py_None              ? '0'
                  : PyBool_Check(value)         ? '1'
                  : PyLong_CheckExact(value)    ? '2'
                  : PyFloat_CheckExact(value)   ? '3'
                  : PyUnicode_CheckExact(value) ? '4'
                  : PyBytes_CheckExact(value)   ? '5'
                  : PyTuple_CheckExact(value)   ? '8'
                                                : '\0';
    if (family == '\0')
        return put_instance(b, st, value);
    if (snpy_buffer_byte(b, (unsigned char)family) < 0)
        return -1;
    switch (family) {
    case '0':
        return 1;
    case '1':
        return done(snpy_buffer_byte(b, value == Py_True));
    case '2':
        return done(put_int(b, value));
    case '3':
        return put_float(b, PyFloat_AS_DOUBLE(value));
    case '4':
        return done(put_text(b, value));
    case '5':
        return done(put_escaped(b, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)));
    default:
        return put_tuple(b, st, value);
    }
}

int
snpy_key_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    snpy_buffer key;
    snpy_buffer_init(&key);
    int r = put_key(&key, field->state, value);
    if (r == 0)
        r = snpy_bad_value(field, value,
                           "a key= that returns None, bool, int, float, str, bytes, a date or time, "
                           "Decimal, UUID, an IP address, network or interface, or a tuple of these",
                           NULL);
    else if (r > 0)
        r = snpy_intern(out, store, SNPY_KEY, snpy_bytes(key.data, key.len), SNPY_NO_BYTES, false, value);
    snpy_buffer_fini(&key);
    return r;
}
