/*
 * arith.h - the table of operators, and the accumulator of aggregates.
 */
#ifndef SN_ARITH_H
#define SN_ARITH_H

#include "type.h"

/* One row of the table: an operator on two types, the type of its result and how it is computed. Neither operand is null; *out may
 * become null (division by zero). SN_OVERFLOW. */
typedef struct sn__arith {
    uint8_t op;
    uint8_t left, right;
    uint8_t result;
    sn_status (*apply)(sn_cell *out, sn_word a, sn_word b);
} sn__arith;

/* NULL: the table does not have it. */
const sn__arith *sn__arith_find(sn_arith_op op, sn_type left, sn_type right);

__extension__ typedef __int128 sn_int128;

/* Values met so far of one aggregate. {0} is empty. */
typedef struct sn__tally {
    size_t n;           /* non-null values */
    sn_int128 integers; /* exact sum of int and timedelta */
    double sum, error;  /* compensated sum of float */
    sn_word best;       /* of min and max: borrowed */
} sn__tally;

/* False: this aggregate has no meaning for values of this type. */
bool sn__tally_type(sn_type *out, sn_agg_op op, sn_type value);
void sn__tally_add(sn__tally *t, const sn_db *db, sn_agg_op op, sn_type type, sn_word word);
/* SN_OVERFLOW. A text or entry result is borrowed from the cells that were added. */
sn_status sn__tally_result(sn_cell *out, const sn__tally *t, sn_agg_op op, sn_type type);

uint64_t sn__float_key(sn_word word);

/* The 64-bit key of an inline value: as unsigned numbers, keys order as the values do, NaN (one key) after all others. */
static inline uint64_t
sn__inline_key(sn_type type, sn_word word)
{
    if (type == SN_FLOAT) {
        return sn__float_key(word);
    }
    return (sn_types[type].flags & SN_T_PLAIN ? word : sn_types[type].key(word)) ^ (uint64_t)1 << 63;
}

#endif
