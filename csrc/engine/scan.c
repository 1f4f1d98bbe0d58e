/*
 * scan.c - looking at all rows of a table, a block at a time.
 *
 * Tests of the form <inline column> op <constant>, membership in few constants, null tests and boolean columns, and
 * what and, or, not make of them, are "fast": each gives a bitmap over a block, by loops without branches. They are
 * combined with the bitmap of live rows (or parked ones, or both), and only survivors meet the other tests, row by row.
 * A count without other tests never looks at a row number.
 *
 * Every fast comparison is an interval of integers, low <= x <= high, of the column's words; a float's word is first
 * turned into an integer of the same order (its lower bits inverted when it is negative). One value can be two words: a
 * datetime with and without fold, 0.0 and -0.0; bounds take both in. x > c is x >= the next word; an empty interval is
 * (1, 0), and intervals of floats end at the infinities, beyond which the NaN lie. Neighbouring intervals on one column
 * in a conjunction are one interval, so that between costs one pass. A null is in no interval; != is the complement of
 * ==, nulls included, as everywhere.
 *
 * The loop compares as unsigned, x - low > high - low, and shifts each outcome into one of four words, which keeps four
 * chains of additions busy: 0.6 ns per row where single shifts or bytes took 0.9. It asks for its words ahead, or each of
 * millions of rows, which no cache holds, would take twice as long. Memory: only the rows found.
 */
#include "query.h"
#include "rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FAST_HEIGHT 32 /* each level of a fast test has a bitmap on the stack */
#define FAST_MEMBERS 8
#define AHEAD 256 /* words */
#define LINE 8    /* words that come from memory at a time */

typedef struct block {
    const sn_expr *e;
    const sn_table *t;
    size_t at;    /* which block */
    size_t n;     /* rows in it */
    size_t words; /* bitmap words for them */
} block;

typedef struct interval {
    sn_col col;
    bool real; /* of floats, in integers of the same order */
    int64_t low, high;
} interval;

/* ---------------------------------------------------------------- what is fast */

static bool
is_own_column(const sn_expr *e, sn_node value)
{
    const sn__term *t = sn__term_at(e, value);
    return t->kind == SN__COLUMN && t->depth == 0;
}

static bool
is_inline_column(const sn_expr *e, sn_node value)
{
    return is_own_column(e, value) && sn_types[sn__term_at(e, value)->type].flags & SN_T_INLINE;
}

/* A comparison of an inline column with a constant of its type. */
static bool
fast_compare(const sn_expr *e, const sn__term *t)
{
    return is_inline_column(e, t->a) && sn__term_at(e, t->b)->kind == SN__CONST
           && sn__term_at(e, t->a)->type == sn__term_at(e, t->b)->type;
}

static bool
fast_junction(const sn_expr *e, const sn__term *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (!sn__scan_fast(e, e->children[t->first + i])) {
            return false;
        }
    }
    return true;
}

bool
sn__scan_fast(const sn_expr *e, sn_node test)
{
    const sn__term *t = sn__term_at(e, test);
    if (t->height > FAST_HEIGHT) {
        return false;
    }
    switch (t->kind) {
    case SN__COMPARE:
        return fast_compare(e, t);
    case SN__IN:
        return is_inline_column(e, t->a) && e->members[t->members].n <= FAST_MEMBERS;
    case SN__TRUTH:
        return is_inline_column(e, t->a);
    case SN__IS_NULL:
        return is_own_column(e, t->a);
    case SN__NOT:
        return sn__scan_fast(e, t->a);
    case SN__AND:
    case SN__OR:
        return fast_junction(e, t);
    default:
        return false;
    }
}

/* ---------------------------------------------------------------- intervals */

/* The integer of the same order as the double in the word. */
static inline uint64_t
real_key(sn_word word)
{
    return word ^ (word >> 63 ? UINT64_MAX >> 1 : 0);
}

static int64_t
real_bound(double value)
{
    return (int64_t)real_key(sn_word_from_float(value));
}

/* The words, as integers, of the values equal to a constant: first to last. False for a NaN. */
static bool
equal_words(int64_t *first, int64_t *last, sn_type type, sn_word c)
{
    if (type == SN_FLOAT) {
        double value = sn_word_float(c);
        *first = value == 0 ? real_bound(-0.0) : real_bound(value);
        *last = value == 0 ? real_bound(0.0) : real_bound(value);
        return !isnan(value);
    }
    *first = sn_word_int(sn_types[type].key(c));
    *last = type == SN_DATETIME ? *first + 1 : *first;
    return true;
}

static interval
make_interval(const sn__term *column, sn_compare_op op, sn_word c)
{
    bool real = column->type == SN_FLOAT;
    interval v = {column->col, real, real ? real_bound(-INFINITY) : INT64_MIN, real ? real_bound(INFINITY) : INT64_MAX};
    int64_t first, last;
    bool empty = !equal_words(&first, &last, column->type, c);
    if (op == SN_EQ || op == SN_GE) {
        v.low = first;
    } else if (op == SN_GT) {
        empty |= last == INT64_MAX;
        v.low = empty ? 0 : last + 1;
    }
    if (op == SN_EQ || op == SN_LE) {
        v.high = last;
    } else if (op == SN_LT) {
        empty |= first == INT64_MIN;
        v.high = empty ? 0 : first - 1;
    }
    return empty ? (interval){column->col, real, 1, 0} : v;
}

/* Whether the test is one interval: a comparison other than != with a constant that is not null, or a boolean column. */
static bool
as_interval(interval *out, const sn_expr *e, sn_node test)
{
    const sn__term *t = sn__term_at(e, test);
    if (t->kind == SN__TRUTH) {
        *out = make_interval(sn__term_at(e, t->a), SN_EQ, 1);
        return true;
    }
    if (t->kind != SN__COMPARE || t->op == SN_NE || sn__term_at(e, t->b)->cell.null) {
        return false;
    }
    *out = make_interval(sn__term_at(e, t->a), t->op, sn__constant(e, sn__term_at(e, t->b)).word);
    return true;
}

static void
intersect(interval *v, const interval *w)
{
    assert(v->col == w->col && v->real == w->real);
    v->low = w->low > v->low ? w->low : v->low;
    v->high = w->high < v->high ? w->high : v->high;
}

/* ---------------------------------------------------------------- loops over words */

/* Called with a literal `real`, so that each kind gets a loop of its own. */
static inline uint64_t
is_outside(sn_word word, bool real, uint64_t low, uint64_t span)
{
    return (real ? real_key(word) : word) - low > span;
}

static inline uint64_t
outside_64(const sn_word *v, bool real, uint64_t low, uint64_t span)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 16; i-- > 0;) {
        a = a + a + is_outside(v[i], real, low, span);
        b = b + b + is_outside(v[16 + i], real, low, span);
        c = c + c + is_outside(v[32 + i], real, low, span);
        d = d + d + is_outside(v[48 + i], real, low, span);
    }
    return a | b << 16 | c << 32 | d << 48;
}

/* Asks for the words AHEAD of these 64: a column of millions is not in the cache, and the processor by itself stops asking
 * at each page. */
static inline void
prefetch_64(const sn_word *v, size_t i, size_t n)
{
    for (size_t k = i + AHEAD; k < i + AHEAD + 64 && k < n; k += LINE) {
        __builtin_prefetch(v + k);
    }
}

static inline void
inside_bits(uint64_t *out, const sn_word *v, size_t n, bool real, uint64_t low, uint64_t span)
{
    size_t w = 0;
    for (; 64 * (w + 1) <= n; w++) {
        prefetch_64(v, 64 * w, n);
        out[w] = ~outside_64(v + 64 * w, real, low, span);
    }
    for (size_t i = 64 * w; i < n; i++) {
        out[w] = (i == 64 * w ? 0 : out[w]) | (is_outside(v[i], real, low, span) ^ 1) << (i - 64 * w);
    }
}

static void
interval_bits(uint64_t *out, const block *b, const interval *v)
{
    const sn_column *column = &b->t->columns[v->col];
    uint64_t low = (uint64_t)v->low, span = (uint64_t)v->high - low;
    if (v->low > v->high) {
        memset(out, 0, b->words * sizeof *out);
    } else if (v->real) {
        inside_bits(out, column->blocks[b->at], b->n, true, low, span);
    } else {
        inside_bits(out, column->blocks[b->at], b->n, false, low, span);
    }
    for (size_t w = 0; column->nulls && w < b->words; w++) {
        out[w] &= ~column->nulls[b->at][w];
    }
}

/* ---------------------------------------------------------------- tests over a block */

static void fast_bits(uint64_t *out, const block *b, sn_node test);

/* Of a junction; an empty one may have nothing to point into. */
static const sn_node *
children(const sn_expr *e, const sn__term *t)
{
    return t->n > 0 ? e->children + t->first : NULL;
}

static void
null_bits(uint64_t *out, const block *b, sn_col col)
{
    uint64_t **nulls = b->t->columns[col].nulls;
    for (size_t w = 0; w < b->words; w++) {
        out[w] = nulls ? nulls[b->at][w] : 0;
    }
}

static void
invert(uint64_t *bits, size_t words)
{
    for (size_t w = 0; w < words; w++) {
        bits[w] = ~bits[w];
    }
}

static void
combine(uint64_t *out, const uint64_t *bits, size_t words, bool all)
{
    for (size_t w = 0; w < words; w++) {
        out[w] = all ? out[w] & bits[w] : out[w] | bits[w];
    }
}

/* And-combines the tests into out, merging neighbouring intervals. */
static void
all_bits(uint64_t *out, const block *b, const sn_node *tests, size_t n)
{
    uint64_t bits[SN_BITMAP_WORDS];
    for (size_t i = 0; i < n;) {
        interval v, next;
        if (as_interval(&v, b->e, tests[i])) {
            for (i++; i < n && as_interval(&next, b->e, tests[i]) && next.col == v.col; i++) {
                intersect(&v, &next);
            }
            interval_bits(bits, b, &v);
        } else {
            fast_bits(bits, b, tests[i++]);
        }
        combine(out, bits, b->words, true);
    }
}

static void
any_bits(uint64_t *out, const block *b, const sn_node *tests, size_t n)
{
    uint64_t bits[SN_BITMAP_WORDS];
    for (size_t i = 0; i < n; i++) {
        fast_bits(bits, b, tests[i]);
        combine(out, bits, b->words, false);
    }
}

static void
member_bits(uint64_t *out, const block *b, const sn__term *t)
{
    uint64_t bits[SN_BITMAP_WORDS];
    const sn__members *m = &b->e->members[t->members];
    const sn__term *column = sn__term_at(b->e, t->a);
    for (size_t i = 0; i < m->n; i++) {
        sn_cell cell = b->e->cells[m->first + i];
        if (cell.null) {
            null_bits(bits, b, column->col);
        } else {
            interval v = make_interval(column, SN_EQ, cell.word);
            interval_bits(bits, b, &v);
        }
        combine(out, bits, b->words, false);
    }
}

/* A comparison that is not an interval: with null, or !=. */
static void
compare_bits(uint64_t *out, const block *b, const sn__term *t)
{
    const sn__term *column = sn__term_at(b->e, t->a);
    sn_cell constant = sn__constant(b->e, sn__term_at(b->e, t->b));
    if (constant.null && t->op > SN_NE) {
        memset(out, 0, b->words * sizeof *out);
        return;
    }
    if (constant.null) {
        null_bits(out, b, column->col);
    } else {
        interval v = make_interval(column, SN_EQ, constant.word);
        interval_bits(out, b, &v);
    }
    if (t->op == SN_NE) {
        invert(out, b->words);
    }
}

static void
fast_bits(uint64_t *out, const block *b, sn_node test)
{
    const sn__term *t = sn__term_at(b->e, test);
    interval v;
    if (as_interval(&v, b->e, test)) {
        interval_bits(out, b, &v);
        return;
    }
    memset(out, t->kind == SN__AND ? 0xff : 0, b->words * sizeof *out);
    switch (t->kind) {
    case SN__AND:
        all_bits(out, b, children(b->e, t), t->n);
        break;
    case SN__OR:
        any_bits(out, b, children(b->e, t), t->n);
        break;
    case SN__NOT:
        fast_bits(out, b, t->a);
        invert(out, b->words);
        break;
    case SN__IN:
        member_bits(out, b, t);
        break;
    case SN__IS_NULL:
        null_bits(out, b, sn__term_at(b->e, t->a)->col);
        break;
    default:
        compare_bits(out, b, t);
    }
}

/* ---------------------------------------------------------------- the scan */

static size_t
count_bits(const uint64_t *bits, size_t words)
{
    size_t n = 0;
    for (size_t w = 0; w < words; w++) {
        n += (size_t)__builtin_popcountll(bits[w]);
    }
    return n;
}

/* Puts fast tests first, in their order; returns how many they are. */
static size_t
fast_first(sn__find *f)
{
    size_t fast = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (sn__scan_fast(f->expr, f->tests[i])) {
            sn_node test = f->tests[i];
            memmove(f->tests + fast + 1, f->tests + fast, (i - fast) * sizeof *f->tests);
            f->tests[fast++] = test;
        }
    }
    return fast;
}

/* Survivors of the fast tests, one by one through the others. */
static sn_status
take_rows(sn__found *out, const sn__find *f, size_t fast, const block *b, const uint64_t *bits)
{
    sn_status status = SN_OK;
    for (size_t w = 0; w < b->words; w++) {
        for (uint64_t rest = bits[w]; rest && out->n < out->need && status == SN_OK; rest &= rest - 1) {
            sn_row row = (sn_row)((b->at << SN_BLOCK_SHIFT) + 64 * w) + (sn_row)__builtin_ctzll(rest);
            bool holds;
            status = sn__test_all(&holds, f->expr, f->tests + fast, f->n - fast, row);
            if (status || !holds) {
                continue;
            }
            out->n++;
            status = out->rows ? sn_rows_push(f->db, out->rows, row) : SN_OK;
        }
    }
    return status;
}

/* Survivors of fast tests alone: only to be counted, or to be listed. */
static sn_status
take_all(sn__found *out, const sn__find *f, const block *b, const uint64_t *bits)
{
    size_t n = count_bits(bits, b->words), left = out->need - out->n, taken = n < left ? n : left;
    out->n += taken;
    out->examined += f->n == 0 && out->rows ? taken : 0;
    if (n == 0 || !out->rows) {
        return SN_OK;
    }
    sn_status status = sn_rows_reserve(f->db, out->rows, n);
    if (status) {
        return status;
    }
    sn_row *to = out->rows->rows + out->rows->n;
    for (size_t w = 0; w < b->words; w++) {
        sn_row first = (sn_row)((b->at << SN_BLOCK_SHIFT) + 64 * w);
        for (uint64_t rest = bits[w]; rest; rest &= rest - 1) {
            *to++ = first + (sn_row)__builtin_ctzll(rest);
        }
    }
    out->rows->n += taken;
    return SN_OK;
}

/* The rows of a block that are asked for. */
static void
life_bits(uint64_t *out, const block *b, sn_life life)
{
    size_t first = b->at * SN_BITMAP_WORDS;
    memcpy(out, b->t->live + first, b->words * sizeof *out);
    if (life == SN_LIVE) {
        return;
    }
    for (size_t w = 0; w < b->words; w++) {
        uint64_t parked = first + w < b->t->parking_cap ? b->t->parking[first + w].parked : 0;
        out[w] = life == SN_PARKED ? parked : out[w] | parked;
    }
}

static sn_status
scan_block(sn__found *out, sn__find *f, size_t fast, const block *b)
{
    uint64_t bits[SN_BITMAP_WORDS];
    life_bits(bits, b, f->life);
    out->examined += f->n > 0 ? count_bits(bits, b->words) : 0;
    all_bits(bits, b, f->tests, fast);
    return f->n > fast ? take_rows(out, f, fast, b, bits) : take_all(out, f, b, bits);
}

sn_status
sn__scan(sn__found *out, sn__find *f)
{
    size_t fast = fast_first(f), positions = f->table->positions;
    sn_status status = SN_OK;
    for (size_t at = 0; at << SN_BLOCK_SHIFT < positions && out->n < out->need && status == SN_OK; at++) {
        size_t left = positions - (at << SN_BLOCK_SHIFT), n = left < SN_BLOCK_ROWS ? left : SN_BLOCK_ROWS;
        block b = {f->expr, f->table, at, n, (n + 63) / 64};
        status = scan_block(out, f, fast, &b);
    }
    return status;
}
