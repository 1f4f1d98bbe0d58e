/*
 * arith.c - naive arithmetic of the types, by the rules of Python's numbers and times (tree.h): whatever is exact is
 * computed in 128 bits, ratios by long division.
 */
#include <math.h>
#include <string.h>

#include "tree.h"

#define DAY INT64_C(86400000000)
#define LAST_DAY 3652059

typedef __int128 wide;

sn_type
naive_arith_type(int op, sn_type x, sn_type y)
{
    bool numbers = (x == SN_INT || x == SN_FLOAT) && (y == SN_INT || y == SN_FLOAT);
    if (numbers)
        return x == SN_INT && y == SN_INT && op != SN_DIV ? SN_INT : SN_FLOAT;
    if (x == SN_TIMEDELTA && y == SN_TIMEDELTA)
        return op == SN_MUL ? SN_TYPE_COUNT : op == SN_DIV ? SN_FLOAT : SN_TIMEDELTA;
    if (x == SN_TIMEDELTA && (y == SN_INT || y == SN_FLOAT))
        return op == SN_MUL || op == SN_DIV ? SN_TIMEDELTA : SN_TYPE_COUNT;
    if (y == SN_TIMEDELTA && (x == SN_INT || x == SN_FLOAT))
        return op == SN_MUL ? SN_TIMEDELTA : SN_TYPE_COUNT;
    if ((x == SN_DATE || x == SN_DATETIME) && y == SN_TIMEDELTA)
        return op == SN_ADD || op == SN_SUB ? x : SN_TYPE_COUNT;
    if (x == SN_TIMEDELTA && (y == SN_DATE || y == SN_DATETIME))
        return op == SN_ADD ? y : SN_TYPE_COUNT;
    return x == y && (x == SN_DATE || x == SN_DATETIME) && op == SN_SUB ? SN_TIMEDELTA : SN_TYPE_COUNT;
}

static bool
fits(int64_t *out, wide number)
{
    *out = (int64_t)number;
    return number >= INT64_MIN && number <= INT64_MAX;
}

/* The nearest double to x / y: 54 bits by long division, and whether anything is left. |x| < 2^120, 0 < |y| < 2^64. */
double
naive_ratio(wide x, wide y)
{
    bool negative = (x < 0) != (y < 0);
    unsigned __int128 n = (unsigned __int128)(x < 0 ? -x : x), d = (unsigned __int128)(y < 0 ? -y : y);
    int exponent = 0;
    uint64_t bits = 0;
    if (n == 0)
        return 0.0;
    for (; n >= 2 * d; exponent++)
        d *= 2;
    for (; n < d; exponent--)
        n *= 2;
    for (int i = 0; i < 54; i++) {
        bits = 2 * bits + (n >= d);
        n = 2 * (n >= d ? n - d : n);
    }
    bool up = (bits & 1) && (n != 0 || (bits & 2));
    double ratio = ldexp((double)((bits >> 1) + up), exponent - 52);
    return negative ? -ratio : ratio;
}

/* The nearest integer to x / y, ties to even. */
bool
naive_round(int64_t *out, wide x, wide y)
{
    wide n = y < 0 ? -x : x, d = y < 0 ? -y : y;
    wide below = n / d - (n % d < 0), rest = n - below * d;
    bool up = rest > d - rest || (rest == d - rest && (below & 1));
    return fits(out, below + up);
}

/* A float is an odd number times a power of two. */
static wide
odd_part(double number, int *exponent)
{
    wide odd = (wide)ldexp(frexp(number, exponent), 53);
    *exponent -= 53;
    for (; odd != 0 && odd % 2 == 0; ++*exponent)
        odd /= 2;
    return odd;
}

/* x * odd * 2^exponent, rounded. |x * odd| < 2^117. */
static bool
times_float(int64_t *out, int64_t x, double number)
{
    int exponent;
    if (!isfinite(number))
        return false;
    wide product = odd_part(number, &exponent) * x;
    *out = 0;
    for (; exponent > 0 && product != 0; exponent--) {
        if (product > INT64_MAX || product < INT64_MIN)
            return false;
        product *= 2;
    }
    if (product == 0 || exponent < -119)
        return true;
    return naive_round(out, product, exponent < 0 ? (wide)1 << -exponent : 1);
}

/* x / (odd * 2^exponent), rounded. */
static bool
by_float(int64_t *out, int64_t x, double number)
{
    int exponent;
    wide n = x;
    if (!isfinite(number))
        return false;
    wide d = odd_part(number, &exponent);
    *out = 0;
    if (x == 0 || exponent > 66)
        return true;
    for (; exponent < 0; exponent++) {
        n *= 2;
        if (n > (wide)1 << 124 || n < -((wide)1 << 124))
            return false; /* the divisor is below 2^53 */
    }
    return naive_round(out, n, d * ((wide)1 << exponent));
}

static answer
of_float(double number)
{
    answer x = {.type = SN_FLOAT};
    memcpy(&x.v, &number, sizeof(x.v));
    return x;
}

static bool
float_arith(answer *out, int op, double x, double y)
{
    switch (op) {
    case SN_ADD:
        *out = of_float(x + y);
        break;
    case SN_SUB:
        *out = of_float(x - y);
        break;
    case SN_MUL:
        *out = of_float(x * y);
        break;
    default:
        *out = y == 0 ? (answer){.null = true} : of_float(x / y);
        break;
    }
    return true;
}

static bool
int_arith(answer *out, int op, int64_t x, int64_t y)
{
    if (op == SN_DIV) {
        *out = y == 0 ? (answer){.null = true} : of_float(naive_ratio(x, y));
        return true;
    }
    return fits(&out->v, op == SN_ADD ? (wide)x + y : op == SN_SUB ? (wide)x - y : (wide)x * y);
}

static bool
time_arith(answer *out, int op, answer x, answer y)
{
    wide sign = op == SN_SUB ? -1 : 1;
    if (x.type == SN_DATE && y.type == SN_DATE)
        return fits(&out->v, ((wide)x.v - y.v) * DAY);
    if (x.type == SN_DATETIME && y.type == SN_DATETIME)
        return fits(&out->v, (wide)(x.v / 2) - y.v / 2);
    if (x.type == SN_TIMEDELTA)
        return time_arith(out, op, y, x);
    if (x.type == SN_DATE) {
        int64_t days = y.v / DAY - (y.v % DAY < 0);
        return fits(&out->v, x.v + sign * days) && out->v >= 1 && out->v <= LAST_DAY;
    }
    wide moment = x.v / 2 + sign * y.v;
    return fits(&out->v, 2 * moment) && moment >= 0 && moment < (wide)LAST_DAY * DAY;
}

static bool
span_arith(answer *out, int op, answer x, answer y)
{
    if (y.type == SN_TIMEDELTA && x.type != SN_TIMEDELTA)
        return span_arith(out, op, y, x);
    if (y.type == SN_FLOAT && op == SN_DIV && model_float(y.v) == 0) {
        *out = (answer){.null = true};
        return true;
    }
    if (y.type == SN_FLOAT)
        return op == SN_MUL ? times_float(&out->v, x.v, model_float(y.v)) : by_float(&out->v, x.v, model_float(y.v));
    if (y.type == SN_INT && op == SN_DIV) {
        *out = (answer){.null = y.v == 0};
        return y.v == 0 || naive_round(&out->v, x.v, y.v);
    }
    return int_arith(out, op, x.v, y.v);
}

bool
naive_arith(answer *out, int op, answer x, answer y)
{
    *out = (answer){.null = false};
    if (x.type == SN_DATE || x.type == SN_DATETIME || y.type == SN_DATE || y.type == SN_DATETIME)
        return time_arith(out, op, x, y);
    if (x.type == SN_TIMEDELTA || y.type == SN_TIMEDELTA)
        return span_arith(out, op, x, y);
    if (x.type == SN_INT && y.type == SN_INT)
        return int_arith(out, op, x.v, y.v);
    return float_arith(out, op, x.type == SN_INT ? (double)x.v : model_float(x.v),
                       y.type == SN_INT ? (double)y.v : model_float(y.v));
}
