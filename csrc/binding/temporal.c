/*
 * temporal.c - dates, times and durations as numbers of days and microseconds.
 *
 *   date       its proleptic ordinal (0001-01-01 is 1)
 *   datetime   naive: (microseconds since 0001-01-01T00:00) * 2 + fold, inline. Aware: an entry whose exact bytes
 *              are local microseconds, fold and the tzinfo object, and whose key is the instant in UTC: two zones of
 *              one instant are different values that compare equal
 *   time       an entry: microseconds since midnight (aware: of UTC, as key), fold, tzinfo
 *   timedelta  microseconds, inline; Python's range is larger than 64 bits, so the outermost are refused
 *
 * Only the exact types of the standard library are stored, so that what is read is what was written. pandas' scalars
 * derive from them and are converted when they have no nanoseconds. The tzinfo's address in the exact bytes is
 * unambiguous because the entry's handle keeps the tzinfo alive.
 *
 * Cost: inline ones are arithmetic and one call of the datetime C API; an aware one with a zone other than
 * timezone.utc calls its utcoffset (Python code).
 */
#include "convert.h"
#include <datetime.h>

#define MICROS_A_SECOND INT64_C(1000000)
#define MICROS_A_DAY (INT64_C(86400) * MICROS_A_SECOND)
#define MOST_DAYS INT64_C(106751990) /* of a timedelta in 64 bits */

static PyDateTime_CAPI *
api_of(snpy_field *field)
{
    return field->state->datetime;
}

bool
snpy_is_date_or_delta(const snpy_state *st, const PyTypeObject *type)
{
    const PyDateTime_CAPI *api = st->datetime;
    return type == api->DateType || type == api->DeltaType;
}

/* ---------------------------------------------------------------- calendar */

static int64_t
ordinal_of(int year, int month, int day)
{
    /* March-based years: the leap day is the last day of its year, and months are 153 days in five */
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 306;
}

typedef struct civil {
    int year, month, day;
} civil;

/* Divisions become multiplications as in Neri and Schneider, "Euclidean affine functions and their application to calendar
 * algorithms" (2021), figure 12: right for every ordinal of a datetime. */
static inline civil
civil_of(uint32_t ordinal)
{
    uint32_t days = 4 * (ordinal + 305) + 3; /* quarters of a day since 0000-03-01 */
    uint32_t century = days / 146097, in_century = days % 146097 / 4;
    uint64_t years = UINT64_C(2939745) * (4 * in_century + 3);
    uint32_t in_year = (uint32_t)years / 2939745 / 4;
    uint32_t months = 2141 * in_year + 197913, month = months >> 16;
    bool next = in_year >= 306; /* January and February end the year that began in March */
    return (civil){(int)(100 * century + (uint32_t)(years >> 32) + next), (int)(next ? month - 12 : month),
                   (int)((months & 0xFFFF) / 2141 + 1)};
}

static int64_t
day_micros(int hour, int minute, int second, int micro)
{
    return ((hour * INT64_C(60) + minute) * 60 + second) * MICROS_A_SECOND + micro;
}

static int64_t
datetime_micros(PyObject *value)
{
    int64_t days = ordinal_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value), PyDateTime_GET_DAY(value)) - 1;
    return days * MICROS_A_DAY
           + day_micros(PyDateTime_DATE_GET_HOUR(value), PyDateTime_DATE_GET_MINUTE(value),
                        PyDateTime_DATE_GET_SECOND(value), PyDateTime_DATE_GET_MICROSECOND(value));
}

static int64_t
time_micros(PyObject *value)
{
    return day_micros(PyDateTime_TIME_GET_HOUR(value), PyDateTime_TIME_GET_MINUTE(value),
                      PyDateTime_TIME_GET_SECOND(value), PyDateTime_TIME_GET_MICROSECOND(value));
}

static bool
delta_fits(PyObject *delta)
{
    int64_t days = PyDateTime_DELTA_GET_DAYS(delta);
    return days < MOST_DAYS && days > -MOST_DAYS;
}

static int64_t
delta_micros(PyObject *delta)
{
    assert(delta_fits(delta));
    return PyDateTime_DELTA_GET_DAYS(delta) * MICROS_A_DAY + PyDateTime_DELTA_GET_SECONDS(delta) * MICROS_A_SECOND
           + PyDateTime_DELTA_GET_MICROSECONDS(delta);
}

/* ---------------------------------------------------------------- exact types only */

/* Whether a pandas scalar has digits below the microsecond. -1 with an exception. */
static int
has_nanoseconds(PyObject *value, const char *attribute)
{
    PyObject *nanos = snpy_attribute(value, attribute);
    int has = nanos ? PyObject_IsTrue(nanos) : -1;
    Py_XDECREF(nanos);
    return has;
}

static bool
is_nat(PyObject *value)
{
    const char *name = Py_TYPE(value)->tp_name, *dot = strrchr(name, '.');
    return strcmp(dot ? dot + 1 : name, "NaTType") == 0;
}

/* What a refused value of a temporal field had better be; NULL when there is nothing to say. item() of a numpy scalar in
 * nanoseconds would give an int, and so the unit is named. */
static const char *
remedy_for(PyObject *value, const char *otherwise)
{
    const char *name = Py_TYPE(value)->tp_name;
    if (strcmp(name, "numpy.datetime64") == 0)
        return "value.astype(\"datetime64[us]\").item()";
    if (strcmp(name, "numpy.timedelta64") == 0)
        return "value.astype(\"timedelta64[us]\").item()";
    return otherwise;
}

static const char *
date_remedy(PyObject *value, const char *otherwise)
{
    bool numpy = strcmp(Py_TYPE(value)->tp_name, "numpy.datetime64") == 0;
    return numpy ? "value.astype(\"datetime64[D]\").item()" : otherwise;
}

/* The standard library's value that a pandas scalar of a derived type stands for. New reference or NULL. */
static PyObject *
from_pandas(snpy_field *field, PyObject *value, const char *nanoseconds, const char *method)
{
    int has = has_nanoseconds(value, nanoseconds);
    if (has > 0)
        snpy_bad_value(field, value, "microseconds at most", "value.round(\"us\")");
    return has == 0 ? snpy_call(value, method) : NULL;
}

/* A moment of the Python layer (anything whose type has `__datetime__`) as a datetime, by the clock of the store's
 * database. NULL without an exception for other values. */
static PyObject *
from_moment(snpy_store *store, PyObject *value, bool aware)
{
    PyObject *method = snpy_attribute((PyObject *)Py_TYPE(value), "__datetime__");
    if (method == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError))
            PyErr_Clear();
        return NULL;
    }
    PyObject *database = store && store->database ? store->database : Py_None;
    PyObject *exact = PyObject_CallFunctionObjArgs(method, value, database, aware ? Py_True : Py_False, NULL);
    Py_DECREF(method);
    return exact;
}

/* The value as exactly `type`, new reference; NULL with FieldError. */
static PyObject *
exact_datetime(snpy_store *store, snpy_field *field, PyObject *value, bool aware)
{
    PyTypeObject *type = api_of(field)->DateTimeType;
    PyObject *exact = NULL;
    if (Py_IS_TYPE(value, type))
        return Py_NewRef(value);
    if (PyObject_TypeCheck(value, type) && !is_nat(value) && snpy_is_from(value, "pandas"))
        exact = from_pandas(field, value, "nanosecond", "to_pydatetime");
    else if (!PyObject_TypeCheck(value, type))
        exact = from_moment(store, value, aware);
    if (exact && Py_IS_TYPE(exact, type))
        return exact;
    Py_XDECREF(exact);
    if (!PyErr_Occurred())
        snpy_bad_value(field, value, "a datetime", remedy_for(value, NULL));
    return NULL;
}

static PyObject *
exact_timedelta(snpy_field *field, PyObject *value)
{
    PyTypeObject *type = api_of(field)->DeltaType;
    PyObject *exact = NULL;
    if (Py_IS_TYPE(value, type))
        return Py_NewRef(value);
    if (PyObject_TypeCheck(value, type) && snpy_is_from(value, "pandas"))
        exact = from_pandas(field, value, "nanoseconds", "to_pytimedelta");
    if (exact && Py_IS_TYPE(exact, type))
        return exact;
    Py_XDECREF(exact);
    if (!PyErr_Occurred())
        snpy_bad_value(field, value, "a timedelta", remedy_for(value, "timedelta(seconds=value)"));
    return NULL;
}

/* ---------------------------------------------------------------- inline ones */

int
snpy_date_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    PyDateTime_CAPI *api = api_of(field);
    if (!Py_IS_TYPE(value, api->DateType)) {
        bool has_time = PyObject_TypeCheck(value, api->DateTimeType);
        return snpy_bad_value(field, value, "a date", date_remedy(value, has_time ? "value.date()" : NULL));
    }
    int64_t ordinal = ordinal_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value), PyDateTime_GET_DAY(value));
    *out = (sn_cell){(sn_word)ordinal, false};
    return 0;
}

PyObject *
snpy_date_out(snpy_field *field, sn_word word)
{
    PyDateTime_CAPI *api = api_of(field);
    civil c = civil_of((uint32_t)word);
    return api->Date_FromDate(c.year, c.month, c.day, api->DateType);
}

int
snpy_datetime_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    PyObject *exact = exact_datetime(store, field, value, false);
    if (exact == NULL)
        return -1;
    int r = 0;
    if (PyDateTime_DATE_GET_TZINFO(exact) != Py_None)
        r = snpy_bad_value(field, value, "a naive datetime", "value.replace(tzinfo=None), or field(tz=\"aware\")");
    else
        *out = (sn_cell){(sn_word)(datetime_micros(exact) * 2 + PyDateTime_DATE_GET_FOLD(exact)), false};
    Py_DECREF(exact);
    return r;
}

PyObject *
snpy_datetime_out(snpy_field *field, sn_word word)
{
    PyDateTime_CAPI *api = api_of(field);
    uint64_t in_day = (word >> 1) % MICROS_A_DAY;
    uint32_t seconds = (uint32_t)(in_day / MICROS_A_SECOND), minutes = seconds / 60;
    civil c = civil_of((uint32_t)((word >> 1) / MICROS_A_DAY) + 1);
    return api->DateTime_FromDateAndTimeAndFold(c.year, c.month, c.day, (int)(minutes / 60), (int)(minutes % 60),
                                                (int)(seconds % 60), (int)(in_day % MICROS_A_SECOND), Py_None,
                                                (int)(word & 1), api->DateTimeType);
}

int
snpy_timedelta_in(sn_cell *out, snpy_store *Py_UNUSED(store), snpy_field *field, PyObject *value)
{
    PyObject *exact = exact_timedelta(field, value);
    if (exact == NULL)
        return -1;
    int r = 0;
    if (!delta_fits(exact))
        r = snpy_bad_value(field, value, "a timedelta of less than 292,000 years", NULL);
    else
        *out = (sn_cell){(sn_word)delta_micros(exact), false};
    Py_DECREF(exact);
    return r;
}

PyObject *
snpy_timedelta_out(snpy_field *field, sn_word word)
{
    PyDateTime_CAPI *api = api_of(field);
    int64_t micros = (int64_t)word;
    int64_t days = micros / MICROS_A_DAY, rest = micros % MICROS_A_DAY;
    if (rest < 0) {
        days--;
        rest += MICROS_A_DAY;
    }
    return api->Delta_FromDelta((int)days, (int)(rest / MICROS_A_SECOND), (int)(rest % MICROS_A_SECOND), 0,
                                api->DeltaType);
}

/* ---------------------------------------------------------------- aware ones */

/* The offset from UTC of a datetime or time. 1: it has one; 0: it is naive after all; -1 with an exception. */
static int
utc_offset(snpy_state *st, PyObject *value, PyObject *tzinfo, int64_t *offset)
{
    PyDateTime_CAPI *api = st->datetime;
    *offset = 0;
    if (tzinfo == api->TimeZone_UTC)
        return 1;
    if (tzinfo == Py_None)
        return 0;
    PyObject *delta = snpy_call(value, "utcoffset");
    if (delta == NULL)
        return -1;
    int has = PyObject_TypeCheck(delta, api->DeltaType);
    if (has)
        *offset = delta_micros(delta); /* datetime itself made sure that it is less than a day */
    Py_DECREF(delta);
    return has;
}

/* An entry for local microseconds, fold and tzinfo, by the number that orders it. */
static int
intern_clock(sn_cell *out, snpy_store *store, snpy_kind kind, PyObject *value, PyObject *tzinfo, int64_t local,
             int fold, int64_t order)
{
    unsigned char exact[17 + sizeof tzinfo], key[8];
    memcpy(exact, &local, 8);
    exact[8] = (unsigned char)fold;
    memset(exact + 9, 0, 8);
    memcpy(exact + 9, &tzinfo, sizeof tzinfo);
    snpy_order_bytes(key, order);
    return snpy_intern(out, store, kind, snpy_bytes(exact, 17), snpy_bytes(key, 8), false, value);
}

static int
intern_aware(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *exact)
{
    PyObject *tzinfo = PyDateTime_DATE_GET_TZINFO(exact);
    int64_t offset, local = datetime_micros(exact);
    int has = utc_offset(field->state, exact, tzinfo, &offset);
    if (has < 0)
        return -1;
    if (!has)
        return snpy_bad_value(field, exact, "an aware datetime",
                              "value.replace(tzinfo=timezone.utc), or field(tz=\"naive\")");
    return intern_clock(out, store, SNPY_DATETIME_AWARE, exact, tzinfo, local, PyDateTime_DATE_GET_FOLD(exact),
                        local - offset);
}

int
snpy_aware_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    PyObject *exact = exact_datetime(store, field, value, true);
    int r = exact ? intern_aware(out, store, field, exact) : -1;
    Py_XDECREF(exact);
    return r;
}

static bool
wants_aware(snpy_field *field)
{
    return field->arg && PyUnicode_Check(field->arg) && PyUnicode_CompareWithASCIIString(field->arg, "aware") == 0;
}

int
snpy_time_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value)
{
    int64_t offset;
    if (!Py_IS_TYPE(value, api_of(field)->TimeType))
        return snpy_bad_value(field, value, "a time",
                              remedy_for(value, PyObject_HasAttrString(value, "timetz") ? "value.timetz()" : NULL));
    PyObject *tzinfo = PyDateTime_TIME_GET_TZINFO(value);
    int has = utc_offset(field->state, value, tzinfo, &offset);
    if (has < 0)
        return -1;
    if (!has && tzinfo != Py_None)
        return snpy_bad_value(field, value, "a time whose zone has an offset without a date", NULL);
    if (!has && wants_aware(field))
        return snpy_bad_value(field, value, "an aware time", "value.replace(tzinfo=timezone.utc)");
    if (has && !wants_aware(field))
        return snpy_bad_value(field, value, "a naive time", "value.replace(tzinfo=None), or field(tz=\"aware\")");
    int64_t local = time_micros(value);
    return intern_clock(out, store, SNPY_TIME, value, tzinfo, local, PyDateTime_TIME_GET_FOLD(value), local - offset);
}

/* ---------------------------------------------------------------- for key values */

int
snpy_temporal_number(snpy_state *st, PyObject *value, char *family, int64_t *number)
{
    PyDateTime_CAPI *api = st->datetime;
    int64_t offset = 0;
    int has = 0;
    if (Py_IS_TYPE(value, api->DateType)) {
        *number = ordinal_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value), PyDateTime_GET_DAY(value));
        *family = 'd';
    } else if (Py_IS_TYPE(value, api->DeltaType) && delta_fits(value)) {
        *number = delta_micros(value);
        *family = 'e';
    } else if (Py_IS_TYPE(value, api->DateTimeType)) {
        has = utc_offset(st, value, PyDateTime_DATE_GET_TZINFO(value), &offset);
        *number = datetime_micros(value) - offset;
        *family = has ? 'g' : 'f';
    } else if (Py_IS_TYPE(value, api->TimeType)) {
        has = utc_offset(st, value, PyDateTime_TIME_GET_TZINFO(value), &offset);
        *number = time_micros(value) - offset;
        *family = has ? 'i' : 'h';
    } else
        return 0;
    return has < 0 ? -1 : 1;
}

int
snpy_temporal_init(snpy_state *st)
{
    (void)PyDateTimeAPI; /* the header's own variable is one for all interpreters; each state keeps what its own has */
    st->datetime = PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    return st->datetime ? 0 : -1;
}
