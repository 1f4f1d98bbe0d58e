/*
 * test_expr.c - expressions: the table of operators, two-valued logic, comparisons of odd numbers, text against
 * patterns, what builders refuse, who owns constants, refused memory. Expected values of divisions and times are
 * CPython's.
 */
#include "world.h"

#include "expr.h"
#include "match.h"
#include "path.h"

#include <math.h>

static hostile h;
static world w;
static sn_row row; /* the only author: age null, score 2.5 */

static void
setup(void)
{
    world_new(&w, &h, 1);
    sn_cell author[] = {int_cell(1), text_cell(&w, "Ann", false), SN_NULL_CELL, float_cell(2.5)};
    CHECK_OK(sn_begin(w.db));
    CHECK_OK(sn_table_insert(&row, w.t[AUTHOR], author));
    CHECK_OK(sn_commit(w.db));
}

static sn_status
eval(sn_cell *out, sn_expr *e, sn_node node)
{
    CHECK_OK(sn_expr_status(e));
    return sn_expr_eval(out, e, node, w.t[AUTHOR], &row, 1);
}

static bool
test(sn_expr *e, sn_node node)
{
    CHECK_OK(sn_expr_status(e));
    CHECK(sn__expr_fits(e, node, true, w.t[AUTHOR]));
    bool out;
    CHECK_OK(sn__test_all(&out, e, &node, 1, row));
    return out;
}

/* ---------------------------------------------------------------- operators */

typedef struct calculation {
    sn_arith_op op;
    sn_type left, right;
    int64_t a, b;
    sn_type type;
    int64_t result;
    sn_status status;
    bool null;
} calculation;

#define DAY INT64_C(86400000000)
#define LAST INT64_C(3652059)

static const calculation integers[] = {
    {SN_ADD, SN_INT, SN_INT, 2, -5, SN_INT, -3, SN_OK, false},
    {SN_ADD, SN_INT, SN_INT, INT64_MAX, 1, SN_INT, 0, SN_OVERFLOW, false},
    {SN_SUB, SN_INT, SN_INT, INT64_MIN, 1, SN_INT, 0, SN_OVERFLOW, false},
    {SN_SUB, SN_INT, SN_INT, 0, INT64_MIN, SN_INT, 0, SN_OVERFLOW, false},
    {SN_MUL, SN_INT, SN_INT, INT64_MIN, -1, SN_INT, 0, SN_OVERFLOW, false},
    {SN_MUL, SN_INT, SN_INT, -3, 4, SN_INT, -12, SN_OK, false},
    {SN_DIV, SN_INT, SN_INT, 1, 0, SN_FLOAT, 0, SN_OK, true},
    {SN_DIV, SN_TIMEDELTA, SN_INT, 1, 0, SN_TIMEDELTA, 0, SN_OK, true},
    {SN_DIV, SN_TIMEDELTA, SN_TIMEDELTA, 1, 0, SN_FLOAT, 0, SN_OK, true},
    {SN_DIV, SN_TIMEDELTA, SN_INT, 7, 2, SN_TIMEDELTA, 4, SN_OK, false},
    {SN_DIV, SN_TIMEDELTA, SN_INT, 5, -2, SN_TIMEDELTA, -2, SN_OK, false},
    {SN_DIV, SN_TIMEDELTA, SN_INT, INT64_MIN, -1, SN_TIMEDELTA, 0, SN_OVERFLOW, false},
    {SN_MUL, SN_TIMEDELTA, SN_INT, 5, -2, SN_TIMEDELTA, -10, SN_OK, false},
    {SN_MUL, SN_INT, SN_TIMEDELTA, 5, DAY, SN_TIMEDELTA, 5 * DAY, SN_OK, false},
    {SN_ADD, SN_TIMEDELTA, SN_TIMEDELTA, DAY, -1, SN_TIMEDELTA, DAY - 1, SN_OK, false},
    {SN_SUB, SN_TIMEDELTA, SN_TIMEDELTA, 1, DAY, SN_TIMEDELTA, 1 - DAY, SN_OK, false},
    {SN_SUB, SN_DATE, SN_DATE, 10, 12, SN_TIMEDELTA, -2 * DAY, SN_OK, false},
    {SN_ADD, SN_DATE, SN_TIMEDELTA, 10, 30 * 3600 * INT64_C(1000000), SN_DATE, 11, SN_OK, false},
    {SN_ADD, SN_DATE, SN_TIMEDELTA, 10, -1, SN_DATE, 9, SN_OK, false},
    {SN_ADD, SN_TIMEDELTA, SN_DATE, DAY, 10, SN_DATE, 11, SN_OK, false},
    {SN_SUB, SN_DATE, SN_TIMEDELTA, 10, 1, SN_DATE, 10, SN_OK, false},
    {SN_SUB, SN_DATE, SN_TIMEDELTA, 10, -1, SN_DATE, 11, SN_OK, false},
    {SN_SUB, SN_DATE, SN_TIMEDELTA, 1, DAY, SN_DATE, 0, SN_OVERFLOW, false},
    {SN_ADD, SN_DATE, SN_TIMEDELTA, LAST, DAY, SN_DATE, 0, SN_OVERFLOW, false},
    {SN_ADD, SN_DATETIME, SN_TIMEDELTA, 2 * 5 + 1, 7, SN_DATETIME, 2 * 12, SN_OK, false},
    {SN_ADD, SN_TIMEDELTA, SN_DATETIME, 7, 2 * 5, SN_DATETIME, 2 * 12, SN_OK, false},
    {SN_SUB, SN_DATETIME, SN_TIMEDELTA, 2 * 5, 6, SN_DATETIME, 0, SN_OVERFLOW, false},
    {SN_SUB, SN_DATETIME, SN_TIMEDELTA, 2 * 5, 5, SN_DATETIME, 0, SN_OK, false},
    {SN_ADD, SN_DATETIME, SN_TIMEDELTA, 2 * (LAST * DAY - 1), 1, SN_DATETIME, 0, SN_OVERFLOW, false},
    {SN_SUB, SN_DATETIME, SN_DATETIME, 2 * 5 + 1, 2 * 9, SN_TIMEDELTA, -4, SN_OK, false},
};

static void
test_integers(void)
{
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        const calculation *c = &integers[i];
        sn_expr *e;
        sn_cell out;
        CHECK_OK(sn_expr_new(&e, w.db));
        sn_node node = sn_expr_arith(e, c->op, sn_expr_const(e, c->left, int_cell(c->a)),
                                     sn_expr_const(e, c->right, int_cell(c->b)));
        CHECK_STATUS(eval(&out, e, node), c->status);
        CHECK(sn_expr_type(e, node) == c->type);
        CHECK(c->status || (out.null == c->null && (c->null || sn_word_int(out.word) == c->result)));
        sn_node null = sn_expr_arith(e, c->op, sn_expr_const(e, c->left, SN_NULL_CELL),
                                     sn_expr_const(e, c->right, int_cell(c->b)));
        CHECK_OK(eval(&out, e, null));
        CHECK(out.null);
        sn_expr_free(e);
    }
}

static const struct {
    sn_arith_op op;
    int64_t timedelta;
    double factor;
    int64_t result;
} scaled[] = {
    {SN_MUL, 1, 0.5, 0},
    {SN_MUL, 3, 0.5, 2},
    {SN_MUL, 5, 0.5, 2},
    {SN_MUL, -3, 0.5, -2},
    {SN_MUL, 1000000000000000, 0.1, 100000000000000},
    {SN_MUL, 7, 1e-20, 0},
    {SN_MUL, 86400000000, 0.3333333333333333, 28800000000},
    {SN_MUL, -86400000000, 2.675, -231120000000},
    {SN_MUL, 123456789, 1000000000.0, 123456789000000000},
    {SN_MUL, 1, -2.5, -2},
    {SN_MUL, 9007199254740993, 1.0, 9007199254740993},
    {SN_MUL, 9007199254740993, 0.5, 4503599627370496},
    {SN_MUL, 4611686018427387904, 1.5, 6917529027641081856},
    {SN_MUL, 0, 1e+300, 0},
    {SN_DIV, 1, 2.0, 0},
    {SN_DIV, 3, 2.0, 2},
    {SN_DIV, 5, 2.0, 2},
    {SN_DIV, -3, 2.0, -2},
    {SN_DIV, 1000000000000000, 0.1, 9999999999999999},
    {SN_DIV, 7, 1e+20, 0},
    {SN_DIV, 86400000000, 3.0, 28800000000},
    {SN_DIV, -86400000000, 2.675, -32299065421},
    {SN_DIV, 9007199254740993, 0.5, 18014398509481986},
    {SN_DIV, 4611686018427387904, 1e+300, 0},
    {SN_DIV, 5, 1e-05, 500000},
    {SN_DIV, 1, 0.3, 3},
};

static const struct {
    int64_t a, b;
    double result;
} divided[] = {
    {1, 3, 0x1.5555555555555p-2},
    {INT64_MAX, 3, 0x1.5555555555555p+61},
    {INT64_MAX, 4611686018427387905, 0x1.0000000000000p+1},
    {9007199254740993, 1, 0x1.0000000000000p+53},
    {INT64_MIN, 7, -0x1.2492492492492p+60},
    {INT64_MAX, INT64_MIN, -0x1.0000000000000p+0},
    {1000000000000000001, 999999999999999999, 0x1.0000000000000p+0},
    {123456789012345678, 1000003, 0x1.cbe93735316fap+36},
    {0, 5, 0.0},
};

static sn_status
apply(sn_cell *out, sn_arith_op op, sn_type left, sn_word a, sn_type right, sn_word b)
{
    return sn__arith_find(op, left, right)->apply(out, a, b);
}

static void
test_floats(void)
{
    sn_cell out;
    for (size_t i = 0; i < sizeof scaled / sizeof scaled[0]; i++) {
        sn_word factor = sn_word_from_float(scaled[i].factor);
        CHECK_OK(apply(&out, scaled[i].op, SN_TIMEDELTA, sn_word_from_int(scaled[i].timedelta), SN_FLOAT, factor));
        CHECK(!out.null && sn_word_int(out.word) == scaled[i].result);
    }
    for (size_t i = 0; i < sizeof divided / sizeof divided[0]; i++) {
        CHECK_OK(apply(&out, SN_DIV, SN_INT, sn_word_from_int(divided[i].a), SN_INT, sn_word_from_int(divided[i].b)));
        CHECK(!out.null && sn_word_float(out.word) == divided[i].result);
    }
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e300, -1e18};
    for (size_t i = 0; i < 5; i++) {
        CHECK_STATUS(apply(&out, SN_MUL, SN_TIMEDELTA, DAY, SN_FLOAT, sn_word_from_float(bad[i])), SN_OVERFLOW);
        double divisor = i < 3 ? bad[i] : 1 / bad[i];
        CHECK_STATUS(apply(&out, SN_DIV, SN_TIMEDELTA, DAY, SN_FLOAT, sn_word_from_float(divisor)), SN_OVERFLOW);
    }
    CHECK_OK(apply(&out, SN_DIV, SN_TIMEDELTA, DAY, SN_FLOAT, sn_word_from_float(-0.0)));
    CHECK(out.null);
    CHECK_OK(apply(&out, SN_DIV, SN_FLOAT, sn_word_from_float(1), SN_FLOAT, sn_word_from_float(0)));
    CHECK(out.null);
    CHECK_OK(apply(&out, SN_SUB, SN_INT, sn_word_from_int(3), SN_FLOAT, sn_word_from_float(0.5)));
    CHECK(sn_word_float(out.word) == 2.5);
    CHECK_OK(apply(&out, SN_DIV, SN_FLOAT, sn_word_from_float(3), SN_INT, sn_word_from_int(2)));
    CHECK(sn_word_float(out.word) == 1.5);
    CHECK(!sn__arith_find(SN_ADD, SN_DATE, SN_DATE) && !sn__arith_find(SN_ADD, SN_TEXT, SN_TEXT));
}

/* ---------------------------------------------------------------- comparisons */

static void
check_order(sn_type ta, sn_cell a, sn_type tb, sn_cell b, const char *true_ops)
{
    static const char *const names[] = {"==", "!=", "< ", "<=", "> ", ">="};
    for (int op = SN_EQ; op <= SN_GE; op++) {
        sn_expr *e;
        CHECK_OK(sn_expr_new(&e, w.db));
        sn_node node = sn_expr_compare(e, (sn_compare_op)op, sn_expr_const(e, ta, a), sn_expr_const(e, tb, b));
        CHECK(test(e, node) == (strstr(true_ops, names[op]) != NULL));
        CHECK(test(e, sn_expr_not(e, node)) == (strstr(true_ops, names[op]) == NULL));
        sn_expr_free(e);
    }
}

static void
test_comparisons(void)
{
    check_order(SN_INT, int_cell(1), SN_INT, int_cell(2), "!= <  <=");
    check_order(SN_INT, int_cell(INT64_MAX), SN_INT, int_cell(INT64_MIN), "!= >  >=");
    check_order(SN_INT, SN_NULL_CELL, SN_INT, int_cell(2), "!=");
    check_order(SN_INT, SN_NULL_CELL, SN_INT, SN_NULL_CELL, "==");
    check_order(SN_FLOAT, float_cell(NAN), SN_FLOAT, float_cell(NAN), "!=");
    check_order(SN_FLOAT, float_cell(NAN), SN_INT, int_cell(0), "!=");
    check_order(SN_FLOAT, float_cell(-0.0), SN_FLOAT, float_cell(0.0), "== <= >=");
    check_order(SN_INT, int_cell(9007199254740993), SN_FLOAT, float_cell(9007199254740992.0), "!= >  >=");
    check_order(SN_FLOAT, float_cell(9007199254740992.0), SN_INT, int_cell(9007199254740993), "!= <  <=");
    check_order(SN_INT, int_cell(INT64_MAX), SN_FLOAT, float_cell(0x1p63), "!= <  <=");
    check_order(SN_INT, int_cell(INT64_MIN), SN_FLOAT, float_cell(-0x1p63), "== <= >=");
    check_order(SN_INT, int_cell(INT64_MIN), SN_FLOAT, float_cell(-INFINITY), "!= >  >=");
    check_order(SN_INT, int_cell(-2), SN_FLOAT, float_cell(-2.5), "!= >  >=");
    check_order(SN_INT, int_cell(2), SN_FLOAT, float_cell(2.5), "!= <  <=");
    check_order(SN_DATETIME, int_cell(11), SN_DATETIME, int_cell(10), "== <= >=");
    check_order(SN_DATETIME, int_cell(11), SN_DATETIME, int_cell(12), "!= <  <=");
}

static void
test_texts_equal(void)
{
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    sn_node bare = sn_expr_const(e, SN_TEXT, text_cell(&w, "Ann", false)),
            entry = sn_expr_const(e, SN_TEXT, text_cell(&w, "Ann", true));
    sn_node later = sn_expr_const(e, SN_TEXT, text_cell(&w, "Anna", false)),
            name = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME);
    CHECK(test(e, sn_expr_compare(e, SN_EQ, bare, entry)));
    CHECK(test(e, sn_expr_compare(e, SN_EQ, name, entry)));
    CHECK(test(e, sn_expr_compare(e, SN_GT, later, name)));
    CHECK(test(e, sn_expr_compare(e, SN_NE, later, entry)));
    sn_expr_free(e);
    world_drain(&w);
}

/* ---------------------------------------------------------------- logic */

static void
test_logic(void)
{
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    sn_node yes = sn_expr_and(e, NULL, 0), no = sn_expr_or(e, NULL, 0), both[2];
    CHECK(test(e, yes) && !test(e, no) && test(e, sn_expr_not(e, no)));
    both[0] = yes;
    both[1] = no;
    CHECK(!test(e, sn_expr_and(e, both, 2)) && test(e, sn_expr_or(e, both, 2)));
    sn_node age = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_AGE),
            score = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_SCORE);
    CHECK(test(e, sn_expr_is_null(e, age)) && !test(e, sn_expr_is_null(e, score)));
    CHECK(!test(e, sn_expr_truth(e, sn_expr_const(e, SN_BOOL, SN_NULL_CELL))));
    CHECK(test(e, sn_expr_truth(e, sn_expr_const(e, SN_BOOL, int_cell(1)))));
    sn_cell ages[] = {int_cell(3), SN_NULL_CELL}, scores[] = {float_cell(2.5), float_cell(NAN), float_cell(2.5)};
    CHECK(test(e, sn_expr_in(e, age, ages, 2)) && !test(e, sn_expr_in(e, age, ages, 1))
          && !test(e, sn_expr_in(e, age, NULL, 0)));
    CHECK(test(e, sn_expr_in(e, score, scores, 3)) && !test(e, sn_expr_in(e, score, scores + 1, 1)));
    sn_node nan = sn_expr_const(e, SN_FLOAT, float_cell(NAN));
    CHECK(!test(e, sn_expr_in(e, nan, scores, 3)));
    sn_expr_free(e);
}

/* ---------------------------------------------------------------- patterns */

typedef struct matching {
    sn_text_op op;
    const char *text, *pattern;
    bool matches;
} matching;

static const matching matchings[] = {
    {SN_LIKE, "", "", true},
    {SN_LIKE, "", "%", true},
    {SN_LIKE, "", "_", false},
    {SN_LIKE, "abc", "abc", true},
    {SN_LIKE, "abc", "ABC", false},
    {SN_LIKE, "abc", "a%", true},
    {SN_LIKE, "abc", "%c", true},
    {SN_LIKE, "abc", "%b%", true},
    {SN_LIKE, "abc", "a_c", true},
    {SN_LIKE, "abc", "a_", false},
    {SN_LIKE, "aXbXc", "a%X%c", true},
    {SN_LIKE, "aaab", "%aab", true},
    {SN_LIKE, "abab", "%ab", true},
    {SN_LIKE, "mississippi", "m%iss%ip%i", true},
    {SN_LIKE, "mississippi", "m%iss%ipx%i", false},
    {SN_LIKE, "50%", "50\\%", true},
    {SN_LIKE, "500", "50\\%", false},
    {SN_LIKE, "a_b", "a\\_b", true},
    {SN_LIKE, "axb", "a\\_b", false},
    {SN_LIKE, "a\\b", "a\\\\b", true},
    {SN_LIKE, "a\\", "a\\", true},
    {SN_LIKE, "\xc3\xa4", "_", true},
    {SN_LIKE, "\xf0\x9f\x98\x80!", "_!", true},
    {SN_LIKE, "\xed\xa0\x80", "_", true},
    {SN_LIKE, "\xc3\xa4", "__", false},
    {SN_ILIKE, "STRASSE", "str%e", true},
    {SN_ILIKE, "\xc3\x84pfel", "\xc3\xa4P%", true},
    {SN_ILIKE, "\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83", true},
    {SN_ILIKE, "\xe2\x84\xaa", "k", true},
    {SN_ILIKE, "\xe1\xba\x9e", "\xc3\x9f", true},
    {SN_ILIKE, "\xc3\x9f", "ss", false},
    {SN_ILIKE, "[", "{", false},
    {SN_CONTAINS, "a%b", "%", true},
    {SN_CONTAINS, "ab", "%", false},
    {SN_CONTAINS, "abababc", "ababc", true},
    {SN_CONTAINS, "abababd", "ababc", false},
    {SN_CONTAINS, "", "", true},
    {SN_CONTAINS, "a", "ab", false},
    {SN_STARTSWITH, "a_b", "a_", true},
    {SN_STARTSWITH, "axb", "a_", false},
    {SN_ENDSWITH, "abc", "bc", true},
    {SN_ENDSWITH, "bc", "abc", false},
    {SN_ENDSWITH, "abc", "", true},
};

static sn_bytes
bytes_of(const char *text)
{
    return (sn_bytes){(const unsigned char *)text, strlen(text)};
}

static void
test_patterns(void)
{
    for (size_t i = 0; i < sizeof matchings / sizeof matchings[0]; i++) {
        const matching *m = &matchings[i];
        CHECK(sn__match(m->op, bytes_of(m->text), bytes_of(m->pattern)) == m->matches);
    }
    for (uint32_t c = 0; c < 0x110000; c++) { /* folding twice changes nothing */
        CHECK(sn__casefold(sn__casefold(c)) == sn__casefold(c));
    }
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    sn_node null = sn_expr_const(e, SN_TEXT, SN_NULL_CELL), name = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME);
    CHECK(!test(e, sn_expr_text(e, SN_LIKE, name, null)) && !test(e, sn_expr_text(e, SN_LIKE, null, name)));
    CHECK(test(e, sn_expr_text(e, SN_LIKE, name, name)));
    sn_expr_free(e);
}

/* Naive: every way to split at a `%`. */
static bool
naive_like(const char *text, const char *pattern)
{
    if (*pattern == '%') {
        return naive_like(text, pattern + 1) || (*text && naive_like(text + 1, pattern));
    }
    if (*pattern == '\0' || *text == '\0') {
        return *pattern == *text;
    }
    return (*pattern == '_' || *pattern == *text) && naive_like(text + 1, pattern + 1);
}

static void
test_random_patterns(void)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < 20000; i++) {
        char text[10] = {0}, pattern[8] = {0};
        for (size_t j = harness_random(&seed, 10); j-- > 0;) {
            text[j] = "ab"[harness_random(&seed, 2)];
        }
        for (size_t j = harness_random(&seed, 8); j-- > 0;) {
            pattern[j] = "ab%%_"[harness_random(&seed, 5)];
        }
        CHECK(sn__match(SN_LIKE, bytes_of(text), bytes_of(pattern)) == naive_like(text, pattern));
    }
}

/* ---------------------------------------------------------------- refusals */

static void
refused(sn_expr *e, sn_node node, sn_status status)
{
    CHECK(node == SN_NO_NODE);
    CHECK_STATUS(sn_expr_status(e), status);
    CHECK(sn_db_error(w.db)->status == status);
    CHECK(sn_expr_not(e, 0) == SN_NO_NODE); /* and nothing is built any more */
    CHECK_STATUS(sn_expr_status(e), status);
    sn_expr_free(e);
    world_drain(&w);
}

static sn_expr *
fresh(void)
{
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    return e;
}

static void
test_misuse(void)
{
    static const world_step to_author = {POST_TO_AUTHOR, false, false, SIZE_MAX},
                            posts = {POST_TO_AUTHOR, true, false, SIZE_MAX};
    sn_path *author = world_path(&w, &to_author, 1, true), *of = world_path(&w, &posts, 1, true);
    const sn_table *a = w.t[AUTHOR], *p = w.t[POST];
    sn_expr *e = fresh();
    refused(e, sn_expr_compare(e, SN_EQ, sn_expr_column(e, 0, a, AUTHOR_AGE), sn_expr_column(e, 0, a, AUTHOR_NAME)),
            SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_compare(e, SN_EQ, sn_expr_column(e, 0, a, AUTHOR_AGE), sn_expr_column(e, 0, p, POST_VIEWS)),
            SN_MISUSE);
    e = fresh();
    refused(
        e,
        sn_expr_compare(e, SN_LT, sn_expr_const(e, SN_OBJECT, SN_NULL_CELL), sn_expr_const(e, SN_OBJECT, SN_NULL_CELL)),
        SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_arith(e, SN_ADD, sn_expr_column(e, 0, a, AUTHOR_NAME), sn_expr_column(e, 0, a, AUTHOR_NAME)),
            SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_else(e, sn_expr_column(e, 0, a, AUTHOR_AGE), sn_expr_column(e, 0, a, AUTHOR_NAME)), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_else(e, sn_expr_column(e, 0, a, AUTHOR_AGE), sn_expr_column(e, 0, p, POST_VIEWS)), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_else(e, sn_expr_column(e, 0, a, AUTHOR_AGE), SN_NO_NODE), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_not(e, sn_expr_column(e, 0, a, AUTHOR_AGE)), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_truth(e, sn_expr_column(e, 0, a, AUTHOR_AGE)), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_column(e, 0, a, AUTHOR_COLUMNS), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_column(e, SN_MAX_NESTING, a, 0), SN_LIMIT);
    e = fresh();
    refused(e, sn_expr_follow(e, 0, of, sn_expr_column(e, 0, p, POST_VIEWS)), SN_MISUSE); /* to-many */
    e = fresh();
    refused(e, sn_expr_follow(e, 0, author, sn_expr_column(e, 0, p, POST_VIEWS)),
            SN_MISUSE); /* another table's column */
    e = fresh();
    refused(e, sn_expr_exists(e, 0, of, sn_expr_is_null(e, sn_expr_column(e, 1, p, POST_SLUG))),
            SN_MISUSE); /* around is an author */
    e = fresh();
    refused(e, sn_expr_aggregate(e, 0, SN_SUM, of, SN_NO_NODE, SN_NO_NODE, true), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_aggregate(e, 0, SN_SUM, of, SN_NO_NODE, sn_expr_column(e, 0, p, POST_TITLE), true), SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_text(e, SN_LIKE, sn_expr_column(e, 0, a, AUTHOR_AGE), sn_expr_column(e, 0, a, AUTHOR_NAME)),
            SN_MISUSE);
    e = fresh();
    refused(e, sn_expr_host(e, 0, UINT16_MAX + 1, SN_INT), SN_LIMIT);
    e = fresh();
    sn_cell out;
    CHECK_STATUS(sn_expr_eval(&out, e, sn_expr_column(e, 0, p, POST_VIEWS), a, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_expr_eval(&out, e, sn_expr_column(e, 1, a, AUTHOR_AGE), a, &row, 1), SN_MISUSE);
    sn_row dead = 77;
    CHECK_STATUS(sn_expr_eval(&out, e, sn_expr_column(e, 0, a, AUTHOR_AGE), a, &dead, 1), SN_STALE);
    sn_expr_free(e);
    sn_path_free(author);
    sn_path_free(of);
}

static void
test_limits(void)
{
    sn_expr *e = fresh();
    sn_node node = sn_expr_or(e, NULL, 0);
    size_t height = 0;
    for (sn_node next = node; next != SN_NO_NODE; height++) {
        node = next;
        next = sn_expr_not(e, node);
    }
    CHECK(height == SN_MAX_HEIGHT + 1);
    e->status = SN_OK; /* the highest that was built can be evaluated */
    CHECK(test(e, node) == (height % 2 == 0));
    sn_expr_free(e);
    static const world_step parent = {CATEGORY_TO_PARENT, false, false, SIZE_MAX};
    sn_path *up = world_path(&w, &parent, 1, true);
    e = fresh();
    node = sn_expr_and(e, NULL, 0);
    for (size_t i = 0; i < SN_MAX_NESTING; i++) {
        node = sn_expr_exists(e, 0, up, node);
        CHECK(node != SN_NO_NODE);
    }
    refused(e, sn_expr_exists(e, 0, up, node), SN_LIMIT);
    sn_path_free(up);
}

/* A path whose condition looks along a path whose condition looks along a path ... */
static void
test_nested_paths(void)
{
    sn_path *paths[SN_MAX_NESTING + 1];
    sn_expr *e = fresh();
    sn_hop_def hop = {.reference = w.link[CATEGORY_TO_PARENT], .expr = e, .where = SN_NO_NODE, .limit = SIZE_MAX};
    size_t n = 0;
    sn_status status = SN_OK;
    while (status == SN_OK && n <= SN_MAX_NESTING) {
        status = sn_path_new(&paths[n], w.db, &hop, 1, true);
        if (status == SN_OK) {
            hop.where = sn_expr_exists(e, 0, paths[n], SN_NO_NODE);
            n++;
        }
    }
    CHECK_STATUS(status, SN_LIMIT);
    while (n > 0) {
        sn_path_free(paths[--n]);
    }
    sn_expr_free(e);
}

/* ---------------------------------------------------------------- constants and host values */

static void
test_ownership(void)
{
    size_t handles = handle_count();
    sn_expr *e = fresh();
    sn_node bare = sn_expr_const(e, SN_TEXT, text_cell(&w, "Ann", false));
    CHECK(sn_expr_const(e, SN_TEXT, text_cell(&w, "entry", true)) != SN_NO_NODE);
    CHECK(handle_count() == handles + 2);
    CHECK(test(e, sn_expr_compare(e, SN_EQ, sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME), bare)));
    sn_cell members[] = {text_cell(&w, "Ann", false), SN_NULL_CELL, text_cell(&w, "Ann", true),
                         text_cell(&w, "Bob", false)};
    CHECK(test(e, sn_expr_in(e, bare, members, 4)));
    world_drain(&w);
    CHECK(handle_count() == handles + 5);
    CHECK(sn_expr_arith(e, SN_ADD, bare, bare) == SN_NO_NODE);
    CHECK(sn_expr_const(e, SN_TEXT, text_cell(&w, "too late", false)) == SN_NO_NODE); /* taken in all the same */
    world_drain(&w);
    CHECK(handle_count() == handles + 5);
    hostile_arm(&h, 1, true);
    sn_expr_free(e); /* needs no memory */
    CHECK(hostile_disarm(&h) == 0);
    world_drain(&w);
    CHECK(handle_count() == handles);
}

static void
test_host(void)
{
    sn_expr *e = fresh();
    sn_node host = sn_expr_host(e, 0, 3, SN_INT);
    sn_cell out, cells[] = {int_cell(41)};
    CHECK_OK(eval(&out, e, host));
    CHECK(out.null);
    CHECK_OK(sn_expr_set_host(e, 3, cells, 1));
    CHECK_OK(eval(&out, e, host));
    CHECK(!out.null && out.word == 41);
    CHECK_OK(sn_expr_set_host(e, 3, cells, 0));
    CHECK_OK(eval(&out, e, host));
    CHECK(out.null);
    CHECK_STATUS(sn_expr_set_host(e, UINT16_MAX + 1, cells, 1), SN_LIMIT);
    sn_expr_free(e);
}

/* ---------------------------------------------------------------- refused memory */

/* How many nodes and texts an expression has already, so that it grows at another one each time. */
static size_t nodes_before, texts_before;

typedef struct sweep_state {
    world w;
    sn_path *author;
    sn_expr *e;
} sweep_state;

static void *
sweep_setup(hostile *host)
{
    static sweep_state s;
    static const world_step to_author = {POST_TO_AUTHOR, false, false, SIZE_MAX};
    world_new(&s.w, host, 2);
    s.author = world_path(&s.w, &to_author, 1, true);
    s.e = NULL;
    return &s;
}

/* A handle comes in or stays here; either way it is freed once. */
static sn_status
sweep_run(void *state)
{
    sweep_state *s = state;
    sn_status status = sn_expr_new(&s->e, s->w.db);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < nodes_before; i++) {
        sn_expr_const(s->e, SN_INT, int_cell(0));
    }
    for (size_t i = 0; i < texts_before && sn_expr_status(s->e) == SN_OK; i++) {
        sn_expr_const(s->e, SN_TEXT, (sn_cell){(sn_word)(uintptr_t)handle_new("before"), false});
    }
    if (sn_expr_status(s->e)) {
        return sn_expr_status(s->e);
    }
    void *handle = handle_new("x");
    sn_node text = sn_expr_const(s->e, SN_TEXT, (sn_cell){(sn_word)(uintptr_t)handle, false});
    if (text == SN_NO_NODE) {
        return sn_expr_status(s->e);
    }
    sn_node name = sn_expr_follow(s->e, 0, s->author, sn_expr_column(s->e, 0, s->w.t[AUTHOR], AUTHOR_NAME));
    sn_node both[2] = {sn_expr_compare(s->e, SN_EQ, name, text), sn_expr_text(s->e, SN_LIKE, name, text)};
    sn_cell members[20];
    for (size_t i = 0; i < 20; i++) {
        members[i] = (sn_cell){(sn_word)(uintptr_t)handle_new("member"), false};
    }
    sn_node in = sn_expr_in(s->e, name, members, 20);
    for (size_t i = 0; i < 20 && in == SN_NO_NODE; i++) {
        handle_free((void *)(uintptr_t)members[i].word);
    }
    sn_expr_host(s->e, 0, 40, SN_INT);
    sn_expr_and(s->e, both, 2);
    if (in != SN_NO_NODE) {
        sn_node own = sn_expr_column(s->e, 0, s->w.t[AUTHOR], AUTHOR_NAME);
        sn_node either[3] = {sn_expr_compare(s->e, SN_EQ, own, text), sn_expr_compare(s->e, SN_EQ, own, text),
                             sn_expr_in(s->e, own, NULL, 0)};
        sn_expr_or(s->e, either, 3);
    }
    return sn_expr_status(s->e);
}

static const char *
sweep_check(void *state, bool succeeded)
{
    sweep_state *s = state;
    return succeeded == (s->e && sn_expr_status(s->e) == SN_OK) ? NULL : "the expression does not say how it went";
}

static void
sweep_teardown(void *state)
{
    sweep_state *s = state;
    if (s->e) {
        sn_expr_free(s->e);
    }
    sn_path_free(s->author);
    world_free(&s->w);
}

int
main(void)
{
    setup();
    test_integers();
    test_floats();
    test_comparisons();
    test_texts_equal();
    test_logic();
    test_patterns();
    test_random_patterns();
    test_misuse();
    test_limits();
    test_nested_paths();
    test_ownership();
    test_host();
    world_free(&w);
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    for (nodes_before = 0; nodes_before < 12; nodes_before++) {
        texts_before = nodes_before % 3 * 4;
        CHECK(harness_sweep(&h, &sweep) > 8);
    }
    return harness_done("expr", &h);
}
