/*
 * clock.c - the time by a database's clock, and telling it to the engine's moments.
 *
 * The Python layer tells the store how its clock stands (Store.set_clock); reading it runs no Python code. Whoever asks the engine along
 * something timed tells the time right before, when no Python code runs any more until the engine has answered: so all moments of one
 * answer are one time. What asks several times for one run of a query reads the clock once, and tells that time each time (`at`).
 *
 * Local time is what the C library says of that instant, as datetime.astimezone() does.
 */
#include "snpy.h"

#include <time.h>

#define MICROS INT64_C(1000000)
#define EPOCH (INT64_C(719162) * 86400 * MICROS)    /* 1970-01-01, from 0001-01-01 */
#define END (INT64_C(3652059) * 86400 * MICROS - 1) /* of datetime's range */

int64_t
snpy_time(const snpy_store *store)
{
    struct timespec now;
    if (store->frozen) {
        return store->clock;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MICROS + now.tv_nsec / 1000 + store->clock;
}

/* How far local time is ahead of UTC at an instant, which is told from 0001-01-01. 0 or -1. */
static int
local_offset(int64_t *out, int64_t utc)
{
    struct tm local;
    time_t seconds = (time_t)(utc / MICROS - EPOCH / MICROS);
    if (!localtime_r(&seconds, &local)) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    *out = (int64_t)local.tm_gmtoff * MICROS;
    return 0;
}

int
snpy_tell_moments(snpy_store *store, int64_t at)
{
    int64_t offset, utc = at == SNPY_NOW ? snpy_time(store) : at;
    if (utc < -EPOCH || utc > END - EPOCH) {
        PyErr_SetString(PyExc_OverflowError, "the database's clock stands beyond the years 1 to 9999");
        return -1;
    }
    utc += EPOCH;
    if (local_offset(&offset, utc) < 0) {
        return -1;
    }
    sn_status status = sn_db_set_time(store->engine, utc, utc + offset);
    return status == SN_OK ? 0 : snpy_raise_status(store, status);
}

int
snpy_time_argument(int64_t *out, PyObject *object)
{
    *out = object && object != Py_None ? PyLong_AsLongLong(object) : SNPY_NOW;
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}
