/*
 * convert.h - what the files of conversion share: convert.c (numbers, text, choices, objects and the table of kinds),
 * temporal.c (dates and times), canonical.c (Decimal, UUID and the key bytes of key=).
 */
#ifndef SNPY_CONVERT_H
#define SNPY_CONVERT_H

#include "snpy.h"

/* Bytes under construction; most fit into the struct itself. */
typedef struct snpy_buffer {
    unsigned char *data;
    size_t len, cap;
    unsigned char small[120];
} snpy_buffer;

void snpy_buffer_init(snpy_buffer *b);
void snpy_buffer_fini(snpy_buffer *b);
int snpy_buffer_put(snpy_buffer *b, const void *data, size_t len); /* 0, or -1 with MemoryError */
int snpy_buffer_byte(snpy_buffer *b, unsigned char byte);

/* 8 bytes that order as the numbers do. */
void snpy_order_bytes(unsigned char out[8], int64_t number);

/*
 * One use of the entry for these bytes, of values of a kind (key.data NULL: the exact bytes are the key). `handle` is
 * borrowed; a new entry takes a reference of its own. Without a store (a Field that no model has yet) the word is the
 * bare handle. 0 or -1.
 */
int snpy_intern(sn_cell *out, snpy_store *store, snpy_kind kind, sn_bytes exact, sn_bytes key, bool borrow,
                PyObject *handle);
PyObject *snpy_handle_out(snpy_field *field, sn_word word);

static inline sn_bytes
snpy_bytes(const void *data, size_t len)
{
    return (sn_bytes){data, len};
}
#define SNPY_NO_BYTES ((sn_bytes){NULL, 0})

/* Whether the value is exactly of the class that the kind's row names. 1, 0, or -1 with MemoryError. The class is looked up
 * when the first value is, and not imported: before somebody else has imported it there are no instances. */
int snpy_is_of_kind(snpy_state *st, snpy_kind kind, PyObject *value);

/* Whether the type of value comes from a package, by its name: the remedy depends on it. */
bool snpy_is_from(PyObject *value, const char *package);

/* temporal.c */
int snpy_date_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
int snpy_datetime_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
int snpy_aware_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
int snpy_time_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
int snpy_timedelta_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
PyObject *snpy_date_out(snpy_field *field, sn_word word);
PyObject *snpy_datetime_out(snpy_field *field, sn_word word);
PyObject *snpy_timedelta_out(snpy_field *field, sn_word word);
/* The orderable number of a date, datetime, time or timedelta, and whether it is aware. 1: done; 0: another type;
 * -1. */
int snpy_temporal_number(snpy_state *st, PyObject *value, char *family, int64_t *number);
int snpy_temporal_init(snpy_state *st);

/* canonical.c */
int snpy_decimal_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
/* Of every kind that is one class with one representation for each value: its row is in canonical.c. */
int snpy_instance_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
int snpy_key_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);

#endif
