/*
 * arith.c - what + - * / mean for which types, and how aggregates add up.
 *
 * One table says everything: (operator, type, type) -> (type, function). A pair that is not in it has no meaning.
 * Adding an operator is adding a row.
 *
 * Rules
 *   int        through 128 bits; a result that needs more than 64 is SN_OVERFLOW
 *   /          is true division and gives a float, correctly rounded also for ints beyond 2^53; by zero gives null
 *   times      as Python's datetime: date +- timedelta counts whole days (floor), years are 1 to 9999, products and
 *              quotients round half to even, a float factor is taken as the exact ratio that it is
 *   sums       of int and timedelta are exact; of float they are compensated (Neumaier), so that the order of rows
 *              matters little
 *   NaN        is passed over by min and max unless there is nothing else
 *
 * Nothing here allocates.
 */
#include "arith.h"

#include <assert.h>
#include <math.h>

#define MICROSECONDS_PER_DAY INT64_C(86400000000)
#define LAST_DAY 3652059 /* 9999-12-31 */

static sn_status
give_int(sn_cell *out, sn_int128 value)
{
    if (value < INT64_MIN || value > INT64_MAX) {
        return SN_OVERFLOW;
    }
    *out = (sn_cell){sn_word_from_int((int64_t)value), false};
    return SN_OK;
}

static sn_status
give_float(sn_cell *out, double value)
{
    *out = (sn_cell){sn_word_from_float(value), false};
    return SN_OK;
}

static sn_status
give_null(sn_cell *out)
{
    *out = SN_NULL_CELL;
    return SN_OK;
}

static sn_status
give_date(sn_cell *out, sn_int128 day)
{
    return day < 1 || day > LAST_DAY ? SN_OVERFLOW : give_int(out, day);
}

static sn_status
give_datetime(sn_cell *out, sn_int128 microseconds)
{
    return microseconds < 0 || microseconds >= LAST_DAY * (sn_int128)MICROSECONDS_PER_DAY
               ? SN_OVERFLOW
               : give_int(out, microseconds * 2);
}

static sn_int128
wide(sn_word word)
{
    return sn_word_int(word);
}

/* Microseconds since the year 1, without the fold. */
static sn_int128
moment(sn_word word)
{
    return sn_word_int(word & ~(sn_word)1) / 2;
}

/* ---------------------------------------------------------------- exact division */

static int
bit_length(unsigned __int128 value)
{
    uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

static sn_int128
magnitude(sn_int128 value)
{
    return value < 0 ? -value : value;
}

/* a / b as the nearest double. |a| < 2^126, 0 < |b| < 2^64. The quotient is made with at least 62 bits, and the lowest kept bit
 * tells whether anything was cut off, so that the one rounding is the conversion. */
static double
divide_exactly(sn_int128 a, sn_int128 b)
{
    unsigned __int128 n = (unsigned __int128)magnitude(a), d = (unsigned __int128)magnitude(b);
    if (n == 0) {
        return 0.0;
    }
    int shift = 126 - bit_length(n);
    assert(shift >= 0 && d != 0 && d >> 64 == 0);
    n <<= shift;
    unsigned __int128 q = n / d;
    bool cut = n % d != 0;
    int excess = bit_length(q) - 62;
    if (excess > 0) {
        cut |= (q & (((unsigned __int128)1 << excess) - 1)) != 0;
        q >>= excess;
        shift -= excess;
    }
    double result = ldexp((double)((uint64_t)q | cut), -shift);
    return (a < 0) != (b < 0) ? -result : result;
}

/* a / b to the nearest integer, half to even. b != 0; |b| < 2^126. */
static sn_int128
divide_half_even(sn_int128 a, sn_int128 b)
{
    sn_int128 q = a / b, twice = 2 * magnitude(a % b), size = magnitude(b);
    if (twice > size || (twice == size && q % 2 != 0)) {
        q += (a < 0) != (b < 0) ? -1 : 1;
    }
    return q;
}

/* A finite double as mantissa * 2^exponent with an odd mantissa below 2^53 (or 0). */
static int64_t
take_apart(int *exponent, double value)
{
    int64_t mantissa = (int64_t)ldexp(frexp(value, exponent), 53);
    *exponent -= 53;
    while (mantissa != 0 && mantissa % 2 == 0) {
        mantissa /= 2;
        ++*exponent;
    }
    return mantissa;
}

/* ---------------------------------------------------------------- int and float */

static sn_status
int_add(sn_cell *out, sn_word a, sn_word b)
{
    return give_int(out, wide(a) + wide(b));
}

static sn_status
int_sub(sn_cell *out, sn_word a, sn_word b)
{
    return give_int(out, wide(a) - wide(b));
}

static sn_status
int_mul(sn_cell *out, sn_word a, sn_word b)
{
    return give_int(out, wide(a) * wide(b));
}

/* int / int, and timedelta / timedelta. */
static sn_status
int_div(sn_cell *out, sn_word a, sn_word b)
{
    return b == 0 ? give_null(out) : give_float(out, divide_exactly(wide(a), wide(b)));
}

static sn_status
float_add(sn_cell *out, sn_word a, sn_word b)
{
    return give_float(out, sn_word_float(a) + sn_word_float(b));
}

static sn_status
float_sub(sn_cell *out, sn_word a, sn_word b)
{
    return give_float(out, sn_word_float(a) - sn_word_float(b));
}

static sn_status
float_mul(sn_cell *out, sn_word a, sn_word b)
{
    return give_float(out, sn_word_float(a) * sn_word_float(b));
}

static sn_status
float_div(sn_cell *out, sn_word a, sn_word b)
{
    double divisor = sn_word_float(b);
    return divisor == 0 ? give_null(out) : give_float(out, sn_word_float(a) / divisor);
}

static sn_word
as_float(sn_word integer)
{
    return sn_word_from_float((double)sn_word_int(integer));
}

/* The same operators with an int on one side: it becomes a float, as in Python. */
#define MIXED(op)                                                                                                      \
    static sn_status int_float_##op(sn_cell *out, sn_word a, sn_word b)                                                \
    {                                                                                                                  \
        return float_##op(out, as_float(a), b);                                                                        \
    }                                                                                                                  \
    static sn_status float_int_##op(sn_cell *out, sn_word a, sn_word b)                                                \
    {                                                                                                                  \
        return float_##op(out, a, as_float(b));                                                                        \
    }
MIXED(add)
MIXED(sub)
MIXED(mul)
MIXED(div)
#undef MIXED

/* ---------------------------------------------------------------- times */

static sn_int128
whole_days(sn_word timedelta)
{
    int64_t value = sn_word_int(timedelta), days = value / MICROSECONDS_PER_DAY;
    return value % MICROSECONDS_PER_DAY < 0 ? days - 1 : days;
}

static sn_status
date_add(sn_cell *out, sn_word a, sn_word b)
{
    return give_date(out, wide(a) + whole_days(b));
}

static sn_status
add_date(sn_cell *out, sn_word a, sn_word b)
{
    return date_add(out, b, a);
}

static sn_status
date_sub(sn_cell *out, sn_word a, sn_word b)
{
    return give_date(out, wide(a) - whole_days(b));
}

static sn_status
date_diff(sn_cell *out, sn_word a, sn_word b)
{
    return give_int(out, (wide(a) - wide(b)) * MICROSECONDS_PER_DAY);
}

static sn_status
datetime_add(sn_cell *out, sn_word a, sn_word b)
{
    return give_datetime(out, moment(a) + wide(b));
}

static sn_status
add_datetime(sn_cell *out, sn_word a, sn_word b)
{
    return datetime_add(out, b, a);
}

static sn_status
datetime_sub(sn_cell *out, sn_word a, sn_word b)
{
    return give_datetime(out, moment(a) - wide(b));
}

static sn_status
datetime_diff(sn_cell *out, sn_word a, sn_word b)
{
    return give_int(out, moment(a) - moment(b));
}

static sn_status
timedelta_div_int(sn_cell *out, sn_word a, sn_word b)
{
    return b == 0 ? give_null(out) : give_int(out, divide_half_even(wide(a), wide(b)));
}

/* a * numerator / 2^shift, rounded; the product has at most 117 bits, so a shift by 120 leaves nothing. */
static sn_status
timedelta_mul_float(sn_cell *out, sn_word a, sn_word b)
{
    double factor = sn_word_float(b);
    if (!isfinite(factor)) {
        return SN_OVERFLOW;
    }
    int exponent;
    sn_int128 product = take_apart(&exponent, factor) * wide(a);
    if (product == 0 || exponent <= -120) {
        return give_int(out, 0);
    }
    if (exponent <= 0) {
        return give_int(out, divide_half_even(product, (sn_int128)1 << -exponent));
    }
    return exponent + bit_length((unsigned __int128)magnitude(product)) > 65
               ? SN_OVERFLOW
               : give_int(out, product * ((sn_int128)1 << exponent));
}

static sn_status
float_mul_timedelta(sn_cell *out, sn_word a, sn_word b)
{
    return timedelta_mul_float(out, b, a);
}

/* a / (mantissa * 2^exponent). A dividend that would pass 126 bits gives a quotient beyond 2^72; a divisor beyond 2^66 gives 0. */
static sn_status
timedelta_div_float(sn_cell *out, sn_word a, sn_word b)
{
    double divisor = sn_word_float(b);
    if (divisor == 0) {
        return give_null(out);
    }
    if (!isfinite(divisor)) {
        return SN_OVERFLOW;
    }
    int exponent;
    sn_int128 mantissa = take_apart(&exponent, divisor), dividend = wide(a);
    assert(mantissa != 0);
    if (dividend == 0 || exponent > 66) {
        return give_int(out, 0);
    }
    if (exponent >= 0) {
        return give_int(out, divide_half_even(dividend, mantissa * ((sn_int128)1 << exponent)));
    }
    return bit_length((unsigned __int128)magnitude(dividend)) - exponent > 126
               ? SN_OVERFLOW
               : give_int(out, divide_half_even(dividend * ((sn_int128)1 << -exponent), mantissa));
}

/* ---------------------------------------------------------------- the table */

static const sn__arith table[] = {
    {SN_ADD, SN_INT, SN_INT, SN_INT, int_add},
    {SN_ADD, SN_INT, SN_FLOAT, SN_FLOAT, int_float_add},
    {SN_ADD, SN_FLOAT, SN_INT, SN_FLOAT, float_int_add},
    {SN_ADD, SN_FLOAT, SN_FLOAT, SN_FLOAT, float_add},
    {SN_ADD, SN_DATE, SN_TIMEDELTA, SN_DATE, date_add},
    {SN_ADD, SN_TIMEDELTA, SN_DATE, SN_DATE, add_date},
    {SN_ADD, SN_DATETIME, SN_TIMEDELTA, SN_DATETIME, datetime_add},
    {SN_ADD, SN_TIMEDELTA, SN_DATETIME, SN_DATETIME, add_datetime},
    {SN_ADD, SN_TIMEDELTA, SN_TIMEDELTA, SN_TIMEDELTA, int_add},
    {SN_SUB, SN_INT, SN_INT, SN_INT, int_sub},
    {SN_SUB, SN_INT, SN_FLOAT, SN_FLOAT, int_float_sub},
    {SN_SUB, SN_FLOAT, SN_INT, SN_FLOAT, float_int_sub},
    {SN_SUB, SN_FLOAT, SN_FLOAT, SN_FLOAT, float_sub},
    {SN_SUB, SN_DATE, SN_DATE, SN_TIMEDELTA, date_diff},
    {SN_SUB, SN_DATE, SN_TIMEDELTA, SN_DATE, date_sub},
    {SN_SUB, SN_DATETIME, SN_DATETIME, SN_TIMEDELTA, datetime_diff},
    {SN_SUB, SN_DATETIME, SN_TIMEDELTA, SN_DATETIME, datetime_sub},
    {SN_SUB, SN_TIMEDELTA, SN_TIMEDELTA, SN_TIMEDELTA, int_sub},
    {SN_MUL, SN_INT, SN_INT, SN_INT, int_mul},
    {SN_MUL, SN_INT, SN_FLOAT, SN_FLOAT, int_float_mul},
    {SN_MUL, SN_FLOAT, SN_INT, SN_FLOAT, float_int_mul},
    {SN_MUL, SN_FLOAT, SN_FLOAT, SN_FLOAT, float_mul},
    {SN_MUL, SN_TIMEDELTA, SN_INT, SN_TIMEDELTA, int_mul},
    {SN_MUL, SN_INT, SN_TIMEDELTA, SN_TIMEDELTA, int_mul},
    {SN_MUL, SN_TIMEDELTA, SN_FLOAT, SN_TIMEDELTA, timedelta_mul_float},
    {SN_MUL, SN_FLOAT, SN_TIMEDELTA, SN_TIMEDELTA, float_mul_timedelta},
    {SN_DIV, SN_INT, SN_INT, SN_FLOAT, int_div},
    {SN_DIV, SN_INT, SN_FLOAT, SN_FLOAT, int_float_div},
    {SN_DIV, SN_FLOAT, SN_INT, SN_FLOAT, float_int_div},
    {SN_DIV, SN_FLOAT, SN_FLOAT, SN_FLOAT, float_div},
    {SN_DIV, SN_TIMEDELTA, SN_TIMEDELTA, SN_FLOAT, int_div},
    {SN_DIV, SN_TIMEDELTA, SN_INT, SN_TIMEDELTA, timedelta_div_int},
    {SN_DIV, SN_TIMEDELTA, SN_FLOAT, SN_TIMEDELTA, timedelta_div_float},
};

const sn__arith *
sn__arith_find(sn_arith_op op, sn_type left, sn_type right)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op && table[i].left == left && table[i].right == right) {
            return &table[i];
        }
    }
    return NULL;
}

uint64_t
sn__float_key(sn_word word)
{
    double value = sn_word_float(word);
    if (isnan(value)) {
        return UINT64_MAX;
    }
    uint64_t bits = sn_word_from_float(value == 0 ? 0.0 : value), sign = (uint64_t)1 << 63;
    return bits & sign ? ~bits : bits | sign;
}

/* ---------------------------------------------------------------- aggregates */

bool
sn__tally_type(sn_type *out, sn_agg_op op, sn_type value)
{
    unsigned flags = sn_types[value].flags;
    switch (op) {
    case SN_COUNT:
        *out = SN_INT;
        return true;
    case SN_SUM:
        *out = value;
        return flags & SN_T_NUMBER;
    case SN_AVG:
        *out = value == SN_INT ? SN_FLOAT : value;
        return flags & SN_T_NUMBER;
    case SN_MIN:
    case SN_MAX:
        *out = value;
        return flags & SN_T_ORDERED;
    }
    return false;
}

static void
add_float(sn__tally *t, double value)
{
    double sum = t->sum + value;
    t->error += fabs(t->sum) >= fabs(value) ? (t->sum - sum) + value : (value - sum) + t->sum;
    t->sum = sum;
}

static double
float_sum(const sn__tally *t)
{
    return isfinite(t->error) ? t->sum + t->error : t->sum; /* after an infinity the error means nothing */
}

static bool
is_nan(sn_type type, sn_word word)
{
    return type == SN_FLOAT && isnan(sn_word_float(word));
}

/* Whether the word takes the place of the best so far: the first of equals stays. */
static bool
is_better(const sn_db *db, sn_agg_op op, sn_type type, sn_word word, sn_word best)
{
    if (is_nan(type, word) || is_nan(type, best)) {
        return !is_nan(type, word);
    }
    int order;
    if (sn_types[type].flags & SN_T_INLINE) {
        uint64_t a = sn__inline_key(type, word), b = sn__inline_key(type, best);
        order = (a > b) - (a < b);
    } else {
        order = sn_compare(db, type, word, best);
    }
    return op == SN_MIN ? order < 0 : order > 0;
}

void
sn__tally_add(sn__tally *t, const sn_db *db, sn_agg_op op, sn_type type, sn_word word)
{
    if (op == SN_SUM || op == SN_AVG) {
        if (type == SN_FLOAT) {
            add_float(t, sn_word_float(word));
        } else {
            t->integers += wide(word);
        }
    } else if (op != SN_COUNT && (t->n == 0 || is_better(db, op, type, word, t->best))) {
        t->best = word;
    }
    t->n++;
}

static sn_status
average(sn_cell *out, const sn__tally *t, sn_type type)
{
    if (t->n == 0) {
        return give_null(out);
    }
    switch (type) {
    case SN_FLOAT:
        return give_float(out, float_sum(t) / (double)t->n);
    case SN_INT:
        return give_float(out, divide_exactly(t->integers, (sn_int128)t->n));
    default:
        return give_int(out, divide_half_even(t->integers, (sn_int128)t->n));
    }
}

sn_status
sn__tally_result(sn_cell *out, const sn__tally *t, sn_agg_op op, sn_type type)
{
    switch (op) {
    case SN_COUNT:
        return give_int(out, (sn_int128)t->n);
    case SN_SUM:
        return type == SN_FLOAT ? give_float(out, float_sum(t)) : give_int(out, t->integers);
    case SN_AVG:
        return average(out, t, type);
    case SN_MIN:
    case SN_MAX:
        *out = (sn_cell){t->best, t->n == 0};
        return SN_OK;
    }
    return SN_MISUSE;
}
