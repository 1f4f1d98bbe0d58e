/*
 * test_refusals.c - what public functions refuse, argument by argument: nodes that are not there, rows of other tables,
 * things of other databases, sizes beyond all bounds. And that a builder which has failed builds nothing any more.
 */
#include "world.h"

#include "expr.h"
#include "path.h"
#include "table.h"

static hostile h;
static world w, other; /* two databases */
static sn_path *to_author, *posts_of, *foreign;
static sn_node text, number,
    truth; /* of the expression at hand: a text column, an int column, a predicate on authors */

static sn_path *
path(world *of, bool backward)
{
    world_step step = {POST_TO_AUTHOR, backward, false, SIZE_MAX};
    return world_path(of, &step, 1, true);
}

static void
setup(void)
{
    world_new(&w, &h, 1);
    world_new(&other, &h, 2);
    world_fill(&w, 60);
    to_author = path(&w, false);
    posts_of = path(&w, true);
    foreign = path(&other, false);
}

static void
teardown(void)
{
    sn_path_free(to_author);
    sn_path_free(posts_of);
    sn_path_free(foreign);
    world_free(&w);
    world_free(&other);
}

static sn_expr *
fresh(void)
{
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    text = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME);
    number = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_AGE);
    truth = sn_expr_is_null(e, number);
    return e;
}

/* ---------------------------------------------------------------- builders */

typedef sn_node (*builder)(sn_expr *e);

#define BUILDER(name, node)                                                                                            \
    static sn_node name(sn_expr *e)                                                                                    \
    {                                                                                                                  \
        return node;                                                                                                   \
    }
BUILDER(column_of_another_database, sn_expr_column(e, 0, other.t[AUTHOR], 0))
BUILDER(column_that_is_a_gap, sn_expr_column(e, 0, w.t[COMMENT], COMMENT_STARS))
BUILDER(arith_without_left, sn_expr_arith(e, SN_ADD, SN_NO_NODE, number))
BUILDER(arith_without_right, sn_expr_arith(e, SN_ADD, number, 99))
BUILDER(arith_of_two_tables, sn_expr_arith(e, SN_ADD, number, sn_expr_column(e, 0, w.t[POST], POST_VIEWS)))
BUILDER(arith_of_a_predicate, sn_expr_arith(e, SN_ADD, truth, number))
BUILDER(compare_without_left, sn_expr_compare(e, SN_EQ, 99, number))
BUILDER(compare_without_right, sn_expr_compare(e, SN_EQ, number, SN_NO_NODE))
BUILDER(compare_float_with_text, sn_expr_compare(e, SN_EQ, sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_SCORE), text))
BUILDER(text_without_left, sn_expr_text(e, SN_LIKE, SN_NO_NODE, text))
BUILDER(text_without_pattern, sn_expr_text(e, SN_LIKE, text, SN_NO_NODE))
BUILDER(text_with_a_number, sn_expr_text(e, SN_LIKE, text, number))
BUILDER(text_of_two_tables, sn_expr_text(e, SN_LIKE, text, sn_expr_column(e, 0, w.t[POST], POST_TITLE)))
BUILDER(follow_nothing, sn_expr_follow(e, 0, to_author, SN_NO_NODE))
BUILDER(follow_too_deep, sn_expr_follow(e, SN_MAX_NESTING, to_author, number))
BUILDER(host_too_deep, sn_expr_host(e, SN_MAX_NESTING, 0, SN_INT))
BUILDER(exists_elsewhere, sn_expr_exists(e, 0, foreign, SN_NO_NODE))
BUILDER(exists_of_a_value, sn_expr_exists(e, 0, to_author, number))
BUILDER(exists_too_deep, sn_expr_exists(e, SN_MAX_NESTING, to_author, truth))
BUILDER(aggregate_elsewhere, sn_expr_aggregate(e, 0, SN_COUNT, foreign, SN_NO_NODE, SN_NO_NODE, false))
BUILDER(aggregate_where_value, sn_expr_aggregate(e, 0, SN_COUNT, to_author, number, SN_NO_NODE, false))
BUILDER(aggregate_of_predicate, sn_expr_aggregate(e, 0, SN_COUNT, to_author, SN_NO_NODE, truth, false))
BUILDER(aggregate_of_another, sn_expr_aggregate(e, 0, SN_COUNT, posts_of, SN_NO_NODE, number, false))
BUILDER(and_of_a_value, sn_expr_and(e, &number, 1))
BUILDER(or_of_two_tables,
        sn_expr_or(e, (sn_node[]){truth, sn_expr_is_null(e, sn_expr_column(e, 0, w.t[POST], POST_SLUG))}, 2))
BUILDER(in_of_nothing, sn_expr_in(e, SN_NO_NODE, NULL, 0))
BUILDER(truth_of_nothing, sn_expr_truth(e, 99))
BUILDER(in_of_too_many, sn_expr_in(e, number, NULL, INT32_MAX))

typedef struct refusal {
    builder build;
    sn_status status;
} refusal;

static const refusal refusals[] = {
    {column_of_another_database, SN_MISUSE},
    {column_that_is_a_gap, SN_MISUSE},
    {arith_without_left, SN_MISUSE},
    {arith_without_right, SN_MISUSE},
    {arith_of_two_tables, SN_MISUSE},
    {arith_of_a_predicate, SN_MISUSE},
    {compare_without_left, SN_MISUSE},
    {compare_without_right, SN_MISUSE},
    {compare_float_with_text, SN_MISUSE},
    {text_without_left, SN_MISUSE},
    {text_without_pattern, SN_MISUSE},
    {text_with_a_number, SN_MISUSE},
    {text_of_two_tables, SN_MISUSE},
    {follow_nothing, SN_MISUSE},
    {follow_too_deep, SN_LIMIT},
    {host_too_deep, SN_LIMIT},
    {exists_elsewhere, SN_MISUSE},
    {exists_of_a_value, SN_MISUSE},
    {exists_too_deep, SN_LIMIT},
    {aggregate_elsewhere, SN_MISUSE},
    {aggregate_where_value, SN_MISUSE},
    {aggregate_of_predicate, SN_MISUSE},
    {aggregate_of_another, SN_MISUSE},
    {and_of_a_value, SN_MISUSE},
    {or_of_two_tables, SN_MISUSE},
    {in_of_nothing, SN_MISUSE},
    {truth_of_nothing, SN_MISUSE},
    {in_of_too_many, SN_LIMIT},
};

/* Every builder, with arguments that would do otherwise. */
static void
builds_nothing(sn_expr *e, sn_status status)
{
    sn_cell cell = int_cell(1);
    CHECK(sn_expr_const(e, SN_INT, cell) == SN_NO_NODE);
    CHECK(sn_expr_column(e, 0, w.t[AUTHOR], 0) == SN_NO_NODE);
    CHECK(sn_expr_follow(e, 0, to_author, number) == SN_NO_NODE);
    CHECK(sn_expr_host(e, 0, 0, SN_INT) == SN_NO_NODE);
    CHECK(sn_expr_arith(e, SN_ADD, number, number) == SN_NO_NODE);
    CHECK(sn_expr_aggregate(e, 0, SN_COUNT, to_author, SN_NO_NODE, SN_NO_NODE, false) == SN_NO_NODE);
    CHECK(sn_expr_compare(e, SN_EQ, number, number) == SN_NO_NODE);
    CHECK(sn_expr_in(e, number, &cell, 1) == SN_NO_NODE);
    CHECK(sn_expr_text(e, SN_LIKE, text, text) == SN_NO_NODE);
    CHECK(sn_expr_is_null(e, number) == SN_NO_NODE);
    CHECK(sn_expr_and(e, &truth, 1) == SN_NO_NODE);
    CHECK(sn_expr_or(e, NULL, 0) == SN_NO_NODE);
    CHECK(sn_expr_exists(e, 0, to_author, SN_NO_NODE) == SN_NO_NODE);
    CHECK_STATUS(sn_expr_status(e), status);
}

static void
test_builders(void)
{
    CHECK_OK(sn_table_drop_column(w.t[COMMENT], COMMENT_STARS));
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        sn_expr *e = fresh();
        CHECK(refusals[i].build(e) == SN_NO_NODE);
        CHECK_STATUS(sn_expr_status(e), refusals[i].status);
        CHECK(sn_db_error(w.db)->status == refusals[i].status);
        builds_nothing(e, refusals[i].status);
        sn_expr_free(e);
    }
}

/* A text that comes in too late is dropped, a second one as well. */
static void
test_constants_too_late(void)
{
    size_t handles = handle_count();
    sn_expr *e = fresh();
    CHECK(sn_expr_not(e, number) == SN_NO_NODE);
    for (int i = 0; i < 3; i++) {
        CHECK(sn_expr_const(e, SN_TEXT, text_cell(&w, "late", i == 1)) == SN_NO_NODE);
    }
    sn_expr_free(e);
    world_drain(&w);
    CHECK(handle_count() == handles);
}

/* ---------------------------------------------------------------- evaluation, queries, groups */

static void
test_evaluation(void)
{
    sn_expr *e = fresh();
    const sn_table *a = w.t[AUTHOR], *to;
    sn_cell out;
    sn_rows rows = {0};
    sn_row row = 0;
    size_t offsets[2];
    sn_node count = sn_expr_aggregate(e, 0, SN_COUNT, posts_of, SN_NO_NODE, SN_NO_NODE, true);
    CHECK(sn_expr_type(e, SN_NO_NODE) == SN_TYPE_COUNT && sn_expr_type(e, 99) == SN_TYPE_COUNT);
    CHECK(sn_expr_type(e, truth) == SN_TYPE_COUNT && sn_expr_type(e, number) == SN_INT);
    CHECK_STATUS(sn_expr_eval(&out, e, SN_NO_NODE, a, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_expr_eval(&out, e, 99, a, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_expr_eval(&out, e, truth, a, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_expr_targets(&rows, offsets, &to, e, number, a, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_expr_targets(&rows, offsets, &to, e, count, w.t[POST], &row, 1), SN_MISUSE);
    CHECK_OK(sn_expr_targets(&rows, offsets, &to, e, count, a, &row, 1));
    sn_rows_free(w.db, &rows);
    sn_expr_free(e);
}

static void
test_queries(void)
{
    sn_expr *e = fresh(), *failed = fresh();
    sn_rows rows = {0};
    size_t n;
    sn_query good = {.table = w.t[AUTHOR], .expr = e, .where = truth, .limit = SIZE_MAX}, q = good;
    CHECK_OK(sn_query_run(&rows, w.db, &q, NULL));
    CHECK_STATUS(sn_query_run(&rows, other.db, &q, NULL), SN_MISUSE);
    CHECK_STATUS(sn_query_count(&n, other.db, &q, SIZE_MAX, NULL), SN_MISUSE);
    q.expr = NULL;
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_MISUSE);
    CHECK(sn_expr_not(failed, number) == SN_NO_NODE);
    q.expr = failed;
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_MISUSE);
    q = good;
    q.where = number;
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_MISUSE);
    q = (sn_query){.table = w.t[AUTHOR], .source = SN_FROM_PATH, .path = posts_of, .where = SN_NO_NODE};
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_MISUSE); /* it leads to posts */
    q = (sn_query){.table = w.t[POST], .source = SN_FROM_PATH, .path = posts_of, .from = 4000, .where = SN_NO_NODE};
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_STALE);
    sn_order order = {.value = truth};
    q = (sn_query){.table = w.t[AUTHOR], .expr = e, .where = SN_NO_NODE, .order = &order, .order_len = 1};
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_MISUSE);
    sn_rows_free(w.db, &rows);
    sn_expr_free(e);
    sn_expr_free(failed);
}

#define TOO_MANY_KEYS (UINT16_MAX + 1)

static void
test_groups(void)
{
    static sn_node keys[TOO_MANY_KEYS];
    sn_expr *e = fresh();
    sn_cell out = int_cell(0);
    sn_type type;
    sn_row row = 0;
    uint32_t group = 0;
    sn_rows firsts = {0};
    const sn_table *a = w.t[AUTHOR];
    for (size_t i = 0; i < TOO_MANY_KEYS; i++) {
        keys[i] = number;
    }
    CHECK_STATUS(sn_query_group(&group, &firsts, e, keys, TOO_MANY_KEYS, a, &row, 1), SN_LIMIT);
    CHECK_STATUS(sn_query_group_aggregate(&out, &type, SN_SUM, e, text, a, &row, &group, 1, 1), SN_MISUSE);
    CHECK_STATUS(sn_query_group_aggregate(&out, &type, SN_SUM, e, SN_NO_NODE, a, &row, &group, 1, 1), SN_MISUSE);
    CHECK_STATUS(sn_query_group_aggregate(&out, &type, SN_MAX, e, number, a, &(sn_row){4000}, &group, 1, 1), SN_STALE);
    CHECK_STATUS(sn_query_group_aggregate(&out, &type, SN_MAX, e, number, a, NULL, NULL, 0, SIZE_MAX), SN_NOMEM);
    CHECK_OK(sn_query_group_aggregate(&out, &type, SN_MAX, e, number, a, NULL, NULL, 0, 0));
    sn_expr_free(e);
}

/* ---------------------------------------------------------------- paths */

static void
test_paths(void)
{
    sn_expr *e = fresh();
    sn_path *p;
    sn_hop_def hop = {.reference = w.link[POST_TO_AUTHOR], .expr = e, .where = SN_NO_NODE, .limit = SIZE_MAX};
    sn_order order = {.value = truth};
    CHECK_STATUS(sn_path_new(&p, other.db, &hop, 1, true), SN_MISUSE);
    hop.order = &order;
    hop.order_len = 1;
    CHECK_STATUS(sn_path_new(&p, w.db, &hop, 1, true), SN_MISUSE);
    order.value = sn_expr_const(e, SN_OBJECT, SN_NULL_CELL);
    CHECK_STATUS(sn_path_new(&p, w.db, &hop, 1, true), SN_MISUSE);
    hop.order_len = 0;
    hop.where = truth;
    while (e->terms[hop.where].height < SN_MAX_HEIGHT) {
        hop.where = sn_expr_not(e, hop.where);
    }
    CHECK_STATUS(sn_path_new(&p, w.db, &hop, 1, true), SN_LIMIT); /* an expression along it would be too high */
    sn_expr_free(e);
}

static void
test_stale_rows(void)
{
    sn_row gone = 4000, live = 0;
    sn_rows rows = {0};
    size_t n, offsets[3];
    bool there;
    sn_row from[2];
    while (!sn_table_alive(w.t[AUTHOR], live)) {
        live++;
    }
    from[0] = live;
    from[1] = gone;
    CHECK_STATUS(sn_path_first(&live, posts_of, gone), SN_STALE);
    CHECK_STATUS(sn_path_each(&rows, posts_of, gone), SN_STALE);
    CHECK_STATUS(sn_path_count(&n, posts_of, gone, SIZE_MAX), SN_STALE);
    CHECK_STATUS(sn_path_contains(&there, posts_of, gone, 0), SN_STALE);
    CHECK_STATUS(sn_path_contains(&there, posts_of, from[0], gone), SN_STALE);
    CHECK_STATUS(sn_path_expand(&rows, offsets, posts_of, from, 2), SN_STALE);
    CHECK(rows.n == 0);
    CHECK_STATUS(sn_path_semijoin(&rows, to_author, from, 2), SN_STALE);
    CHECK(rows.n == 0);
    sn_rows_free(w.db, &rows);
}

/* ---------------------------------------------------------------- writing and the schema */

static void
test_writes(void)
{
    sn_table *t = w.t[AUTHOR];
    sn_row row = 0;
    sn_col col = AUTHOR_COLUMNS;
    sn_cell cell = int_cell(1), old;
    while (!sn_table_alive(t, row)) {
        row++;
    }
    CHECK(!sn_table_exchange(&old, t, row, AUTHOR_COLUMNS, cell));
    CHECK(!sn_table_exchange(&old, t, row, AUTHOR_NAME, SN_NULL_CELL));
    CHECK_OK(sn_begin(w.db));
    CHECK_STATUS(sn_table_update(t, &row, 1, &col, 1, &cell), SN_MISUSE);
    CHECK_STATUS(sn_table_insert_many(&row, t, &cell, SN_NO_ROW), SN_LIMIT);
    sn_rollback(w.db);
}

static void
test_schema(void)
{
    sn_index *ix;
    sn_table *t = w.t[AUTHOR];
    static const sn_col cols[SN_MAX_KEY + 1] = {0, 1, 2, 3};
    uint16_t indexed = t->columns[AUTHOR_AGE].indexed;
    CHECK_STATUS(sn_index_new(&ix, t, SN_INDEX_MANY, cols, SN_MAX_KEY + 1, false, NULL), SN_MISUSE);
    CHECK_STATUS(sn_index_new(&ix, t, SN_INDEX_MANY, cols, 0, false, NULL), SN_MISUSE);
    t->columns[AUTHOR_AGE].indexed = UINT16_MAX; /* as if it were in so many */
    CHECK_STATUS(sn_index_new(&ix, t, SN_INDEX_MANY, &cols[AUTHOR_AGE], 1, false, NULL), SN_MISUSE);
    t->columns[AUTHOR_AGE].indexed = indexed;
    CHECK_STATUS(sn_table_drop_column(t, AUTHOR_COLUMNS), SN_MISUSE);
}

/* A table to which others refer, or which refers to others, stays. */
static void
test_table_drop(void)
{
    sn_table *tables[] = {other.t[AUTHOR], other.t[COMMENT]};
    for (size_t i = 0; i < 2; i++) {
        sn_table_drop(tables[i]);
        CHECK(sn_db_error(other.db)->status == SN_MISUSE);
        CHECK(sn_table_columns(tables[i]) > 0);
        other.db->error.status = SN_OK;
    }
}

int
main(void)
{
    setup();
    test_evaluation();
    test_queries();
    test_groups();
    test_paths();
    test_stale_rows();
    test_writes();
    test_schema();
    test_table_drop();
    test_constants_too_late();
    test_builders();
    CHECK_SOUND(sn_check(w.db));
    CHECK_SOUND(sn_check(other.db));
    teardown();
    return harness_done("refusals", &h);
}
