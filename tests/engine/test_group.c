/*
 * test_group.c - grouping and aggregates against plain loops: keys of every kind of column, nulls, NaN and -0.0 as
 * keys, sums beyond 64 bits on the way, compensated sums, what has no meaning, refused memory.
 */
#include "world.h"

#include "expr.h"

#include <math.h>

static hostile h;

typedef struct fixture {
    world w;
    sn_expr *e;
    sn_row rows[WORLD_ROWS];
    size_t n;
} fixture;

static void
setup(fixture *f, uint64_t seed, size_t changes)
{
    world_new(&f->w, &h, seed);
    world_fill(&f->w, changes);
    CHECK_OK(sn_expr_new(&f->e, f->w.db));
    f->n = 0;
    for (sn_row row = 0; row < sn_table_positions(f->w.t[POST]); row++) {
        f->rows[f->n] = row;
        f->n += world_alive(&f->w, POST, row);
    }
}

static void
teardown(fixture *f)
{
    sn_expr_free(f->e);
    world_free(&f->w);
}

static sn_node
column(fixture *f, sn_col col)
{
    return sn_expr_column(f->e, 0, f->w.t[POST], col);
}

static bool
same_key(const fixture *f, sn_row a, sn_row b, sn_col col)
{
    sn_cell x = sn_table_get(f->w.t[POST], a, col), y = sn_table_get(f->w.t[POST], b, col);
    return x.null || y.null ? x.null && y.null : sn_equal(f->w.db, world_columns[POST][col].type, x.word, y.word);
}

static bool
same_keys(const fixture *f, sn_row a, sn_row b, const sn_col *cols, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!same_key(f, a, b, cols[k])) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- groups */

static void
check_aggregates(fixture *f, const uint32_t *group_of, size_t groups)
{
    static sn_cell out[WORLD_ROWS], one;
    static const sn_agg_op ops[] = {SN_COUNT, SN_SUM, SN_AVG, SN_MIN, SN_MAX};
    sn_node views = column(f, POST_VIEWS);
    sn_row members[WORLD_ROWS];
    for (size_t i = 0; i < 5; i++) {
        sn_type type, alone;
        CHECK_OK(
            sn_query_group_aggregate(out, &type, ops[i], f->e, views, f->w.t[POST], f->rows, group_of, f->n, groups));
        CHECK(type == (ops[i] == SN_AVG ? SN_FLOAT : SN_INT));
        for (size_t g = 0; g < groups; g++) {
            size_t n = 0;
            for (size_t r = 0; r < f->n; r++) {
                members[n] = f->rows[r];
                n += group_of[r] == g;
            }
            CHECK_OK(sn_query_aggregate(&one, &alone, ops[i], f->e, views, f->w.t[POST], members, n));
            CHECK(alone == type && !out[g].null && one.word == out[g].word);
        }
    }
}

static void
check_group(fixture *f, const sn_col *cols, size_t n)
{
    static uint32_t group_of[WORLD_ROWS];
    sn_node keys[4];
    sn_rows firsts = {0};
    for (size_t k = 0; k < n; k++) {
        keys[k] = column(f, cols[k]);
    }
    CHECK_OK(sn_rows_push(f->w.db, &firsts, 9)); /* what is there stays */
    CHECK_OK(sn_query_group(group_of, &firsts, f->e, keys, n, f->w.t[POST], f->rows, f->n));
    size_t groups = 0;
    for (size_t i = 0; i < f->n; i++) {
        size_t first = 0;
        while (!same_keys(f, f->rows[first], f->rows[i], cols, n)) {
            first++;
        }
        CHECK(group_of[i] == (first == i ? groups : group_of[first]));
        CHECK(first < i || firsts.rows[1 + groups] == f->rows[i]);
        groups += first == i;
    }
    CHECK(firsts.n == groups + 1 && firsts.rows[0] == 9);
    check_aggregates(f, group_of, groups);
    sn_rows_free(f->w.db, &firsts);
}

static void
test_groups(uint64_t seed)
{
    static fixture f;
    static const sn_col one[] = {POST_AUTHOR}, text[] = {POST_TITLE}, interned[] = {POST_SLUG}, real[] = {POST_RATING},
                        two[] = {POST_FLAG, POST_CATEGORY}, three[] = {POST_TITLE, POST_FLAG, POST_SLUG},
                        at[] = {POST_AT}, id[] = {POST_ID};
    setup(&f, seed, 1200);
    check_group(&f, one, 1);
    check_group(&f, text, 1);
    check_group(&f, interned, 1);
    check_group(&f, real, 1);
    check_group(&f, two, 2);
    check_group(&f, three, 3);
    check_group(&f, at, 1);
    check_group(&f, id, 1);
    check_group(&f, id, 0);
    teardown(&f);
}

/* Keys that are computed, and floats that are one key though their bits are not. */
static void
test_odd_keys(void)
{
    static fixture f;
    setup(&f, 3, 600);
    static sn_cell cells[WORLD_ROWS];
    static uint32_t group_of[WORLD_ROWS];
    static const double odd[] = {NAN, 0.0, -0.0, 1.0};
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        cells[i] = i % 5 == 4 ? SN_NULL_CELL : float_cell(i % 5 == 0 && i % 2 ? -odd[i % 5] : odd[i % 5]);
    }
    CHECK_OK(sn_expr_set_host(f.e, 0, cells, WORLD_ROWS));
    sn_node key = sn_expr_host(f.e, 0, 0, SN_FLOAT);
    sn_rows firsts = {0};
    CHECK_OK(sn_query_group(group_of, &firsts, f.e, &key, 1, f.w.t[POST], f.rows, f.n));
    CHECK(firsts.n == 4);
    for (size_t i = 0; i < f.n; i++) {
        size_t kind = f.rows[i] % 5, other = firsts.rows[group_of[i]] % 5;
        CHECK(kind == other || (kind + other == 3 && kind && other)); /* 0.0 and -0.0 */
    }
    sn_rows_free(f.w.db, &firsts);
    teardown(&f);
}

/* ---------------------------------------------------------------- aggregates */

static sn_cell
total(fixture *f, sn_agg_op op, sn_type of, const sn_cell *cells, size_t n, sn_status status)
{
    sn_cell out = {0};
    sn_type type;
    CHECK(n <= f->n);
    sn_cell by_row[WORLD_ROWS];
    for (size_t i = 0; i < n; i++) {
        by_row[f->rows[i]] = cells[i];
    }
    CHECK_OK(sn_expr_set_host(f->e, (unsigned)of, by_row, WORLD_ROWS));
    sn_node value = sn_expr_host(f->e, 0, (unsigned)of, of);
    CHECK_STATUS(sn_query_aggregate(&out, &type, op, f->e, value, f->w.t[POST], f->rows, n), status);
    CHECK(type == (op == SN_COUNT ? SN_INT : op == SN_AVG && of == SN_INT ? SN_FLOAT : of));
    return out;
}

static void
test_totals(void)
{
    static fixture f;
    setup(&f, 4, 100);
    sn_cell big[] = {int_cell(INT64_MAX), int_cell(INT64_MAX), SN_NULL_CELL, int_cell(-INT64_MAX)};
    CHECK(sn_word_int(total(&f, SN_SUM, SN_INT, big, 4, SN_OK).word) == INT64_MAX);
    total(&f, SN_SUM, SN_INT, big, 2, SN_OVERFLOW);
    CHECK(sn_word_float(total(&f, SN_AVG, SN_INT, big, 2, SN_OK).word) == 0x1p63);
    CHECK(total(&f, SN_COUNT, SN_INT, big, 4, SN_OK).word == 3);
    sn_cell fine[] = {float_cell(1.0), float_cell(1e100), float_cell(1.0), float_cell(-1e100)};
    CHECK(sn_word_float(total(&f, SN_SUM, SN_FLOAT, fine, 4, SN_OK).word) == 2.0);
    CHECK(sn_word_float(total(&f, SN_AVG, SN_FLOAT, fine, 4, SN_OK).word) == 0.5);
    sn_cell odd[] = {float_cell(NAN), float_cell(2.0), float_cell(INFINITY), float_cell(-3.0)};
    CHECK(sn_word_float(total(&f, SN_MIN, SN_FLOAT, odd, 4, SN_OK).word) == -3.0);
    CHECK(sn_word_float(total(&f, SN_MAX, SN_FLOAT, odd, 2, SN_OK).word) == 2.0);
    CHECK(isnan(sn_word_float(total(&f, SN_MAX, SN_FLOAT, odd, 1, SN_OK).word)));
    CHECK(isnan(sn_word_float(total(&f, SN_SUM, SN_FLOAT, odd, 4, SN_OK).word)));
    CHECK(sn_word_float(total(&f, SN_SUM, SN_FLOAT, odd + 1, 3, SN_OK).word) == INFINITY);
    sn_cell spans[] = {int_cell(1), int_cell(2), int_cell(2), int_cell(5)};
    CHECK(sn_word_int(total(&f, SN_AVG, SN_TIMEDELTA, spans, 4, SN_OK).word) == 2); /* half to even */
    CHECK(sn_word_int(total(&f, SN_AVG, SN_TIMEDELTA, spans, 2, SN_OK).word) == 2);
    CHECK(total(&f, SN_SUM, SN_INT, big, 0, SN_OK).word == 0);
    CHECK(total(&f, SN_SUM, SN_FLOAT, big, 0, SN_OK).word == 0 && !total(&f, SN_SUM, SN_FLOAT, big, 0, SN_OK).null);
    CHECK(total(&f, SN_AVG, SN_INT, big, 0, SN_OK).null && total(&f, SN_MIN, SN_INT, big + 2, 1, SN_OK).null);
    teardown(&f);
}

static void
test_misuse(void)
{
    static fixture f;
    setup(&f, 6, 60);
    sn_cell out;
    sn_type type;
    const sn_table *t = f.w.t[POST];
    sn_node title = column(&f, POST_TITLE), age = sn_expr_column(f.e, 0, f.w.t[AUTHOR], AUTHOR_AGE);
    CHECK_STATUS(sn_query_aggregate(&out, &type, SN_SUM, f.e, title, t, f.rows, f.n), SN_MISUSE);
    CHECK_STATUS(sn_query_aggregate(&out, &type, SN_SUM, f.e, SN_NO_NODE, t, f.rows, f.n), SN_MISUSE);
    CHECK_STATUS(sn_query_aggregate(&out, &type, SN_MAX, f.e, age, t, f.rows, f.n), SN_MISUSE);
    CHECK_OK(sn_query_aggregate(&out, &type, SN_COUNT, f.e, SN_NO_NODE, t, f.rows, f.n));
    CHECK(out.word == f.n && type == SN_INT);
    CHECK_OK(sn_query_aggregate(&out, &type, SN_MIN, f.e, title, t, f.rows, f.n));
    sn_row dead = WORLD_ROWS - 1;
    uint32_t group;
    sn_rows firsts = {0};
    CHECK_STATUS(sn_query_aggregate(&out, &type, SN_MIN, f.e, title, t, &dead, 1), SN_STALE);
    CHECK_STATUS(sn_query_group(&group, &firsts, f.e, &title, 1, t, &dead, 1), SN_STALE);
    CHECK_STATUS(sn_query_group(&group, &firsts, f.e, &age, 1, t, f.rows, 1), SN_MISUSE);
    CHECK(firsts.n == 0);
    teardown(&f);
}

/* ---------------------------------------------------------------- refused memory */

typedef struct sweep_state {
    fixture f;
    sn_node keys[2];
    sn_rows firsts;
    uint32_t group_of[WORLD_ROWS];
    sn_cell out[WORLD_ROWS];
} sweep_state;

static void *
sweep_setup(hostile *host)
{
    static sweep_state s;
    (void)host;
    setup(&s.f, 8, 500);
    s.keys[0] = column(&s.f, POST_TITLE);
    s.keys[1] = column(&s.f, POST_VIEWS);
    s.firsts = (sn_rows){0};
    return &s;
}

static sn_status
sweep_run(void *state)
{
    sweep_state *s = state;
    const sn_table *t = s->f.w.t[POST];
    sn_type type;
    sn_status status = sn_query_group(s->group_of, &s->firsts, s->f.e, s->keys, 2, t, s->f.rows, s->f.n);
    return status ? status
                  : sn_query_group_aggregate(s->out, &type, SN_MAX, s->f.e, s->keys[0], t, s->f.rows, s->group_of,
                                             s->f.n, s->firsts.n);
}

static const char *
sweep_check(void *state, bool succeeded)
{
    sweep_state *s = state;
    return succeeded && s->firsts.n == 0 ? "no groups were made" : sn_check(s->f.w.db);
}

static void
sweep_teardown(void *state)
{
    sweep_state *s = state;
    sn_rows_free(s->f.w.db, &s->firsts);
    teardown(&s->f);
}

int
main(void)
{
    test_groups(1);
    test_groups(2);
    test_odd_keys();
    test_totals();
    test_misuse();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 5);
    return harness_done("group", &h);
}
