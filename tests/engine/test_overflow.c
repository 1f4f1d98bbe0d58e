/*
 * test_overflow.c - a number out of range ends whatever met it: in every place of every kind of node, on every way of a
 * query, along paths, in sums. The caller's lists are as they were. (test_query.c: what is out of range elsewhere.)
 */
#include "world.h"

#include "expr.h"
#include "path.h"

#define ALL SIZE_MAX

static hostile h;
static world w;
static sn_expr *e;
static sn_path *to_author, *posts_of, *bad_author, *bad_posts; /* plain ones; with a condition that overflows */
static sn_row post, author;                                    /* a post with an author, that author */

/* views + the greatest int: out of range for every post in this world. */
static sn_node
too_much(int table, sn_col col)
{
    return sn_expr_arith(e, SN_ADD, sn_expr_column(e, 0, w.t[table], col),
                         sn_expr_const(e, SN_INT, int_cell(INT64_MAX)));
}

static sn_node
at_least(sn_node value)
{
    return sn_expr_compare(e, SN_GE, value, sn_expr_const(e, SN_INT, int_cell(0)));
}

static sn_path *
path_where(bool backward, sn_node where, const sn_order *order)
{
    sn_path *p;
    sn_hop_def hop = {.reference = w.link[POST_TO_AUTHOR],
                      .backward = backward,
                      .expr = e,
                      .where = where,
                      .order = order,
                      .order_len = order ? 1 : 0,
                      .limit = ALL};
    CHECK_OK(sn_path_new(&p, w.db, &hop, 1, false));
    return p;
}

static void
insert_author(int64_t id)
{
    sn_cell cells[] = {int_cell(id), text_cell(&w, "Ann", false), int_cell(id), float_cell(1)};
    sn_row row;
    CHECK_OK(sn_table_insert(&row, w.t[AUTHOR], cells));
}

static void
insert_post(int64_t id, int64_t of)
{
    sn_cell cells[] = {int_cell(id),         int_cell(of),  SN_NULL_CELL,
                       int_cell(1 + id % 3), float_cell(1), text_cell(&w, "t", false),
                       SN_NULL_CELL,         int_cell(0),   int_cell(1)};
    sn_row row;
    CHECK_OK(sn_table_insert(&row, w.t[POST], cells));
}

static void
setup(void)
{
    world_new(&w, &h, 1);
    CHECK_OK(sn_begin(w.db));
    insert_author(1);
    insert_author(2);
    for (int64_t id = 1; id <= 1200; id++) {
        insert_post(id, 1 + id % 2);
    }
    CHECK_OK(sn_commit(w.db));
    post = 1; /* of author 1, as is every second one */
    author = 0;
    CHECK_OK(sn_expr_new(&e, w.db));
    to_author = path_where(false, SN_NO_NODE, NULL);
    posts_of = path_where(true, SN_NO_NODE, NULL);
    bad_author = path_where(false, at_least(too_much(AUTHOR, AUTHOR_AGE)), NULL);
    bad_posts = path_where(true, at_least(too_much(POST, POST_VIEWS)), NULL);
}

static void
teardown(void)
{
    sn_path_free(to_author);
    sn_path_free(posts_of);
    sn_path_free(bad_author);
    sn_path_free(bad_posts);
    sn_expr_free(e);
    world_free(&w);
}

/* ---------------------------------------------------------------- nodes */

/* As a query over posts, by every source. */
static void
test_overflows(sn_node test)
{
    sn_rows rows = {0};
    size_t n = 7;
    sn_row given[] = {post, post};
    sn_query q = {.table = w.t[POST], .expr = e, .where = test, .limit = ALL};
    CHECK_OK(sn_expr_status(e));
    CHECK_OK(sn_rows_push(w.db, &rows, 5));
    for (int source = SN_FROM_TABLE; source <= SN_FROM_ROWS; source++) {
        q.source = (sn_source)source;
        q.path = posts_of;
        q.from = author;
        q.rows = given;
        q.rows_len = 2;
        CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_OVERFLOW);
        CHECK(rows.n == 1 && rows.rows[0] == 5 && sn_db_error(w.db)->status == SN_OVERFLOW);
        CHECK_STATUS(sn_query_count(&n, w.db, &q, ALL, NULL), SN_OVERFLOW);
        CHECK(n == 7);
    }
    sn_rows_free(w.db, &rows);
}

static void
value_overflows(sn_node value)
{
    sn_cell out[2];
    sn_row rows[] = {post, post};
    CHECK_STATUS(sn_expr_eval(out, e, value, w.t[POST], rows, 2), SN_OVERFLOW);
    test_overflows(sn_expr_is_null(e, value));
}

static void
test_values(void)
{
    sn_node bad = too_much(POST, POST_VIEWS), one = sn_expr_const(e, SN_INT, int_cell(1));
    sn_node name = sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME), views = sn_expr_column(e, 0, w.t[POST], POST_VIEWS);
    value_overflows(bad);
    value_overflows(sn_expr_arith(e, SN_ADD, bad, one));
    value_overflows(sn_expr_arith(e, SN_ADD, one, bad));
    value_overflows(sn_expr_else(e, bad, one));
    value_overflows(sn_expr_else(e, sn_expr_const(e, SN_INT, SN_NULL_CELL), bad));
    value_overflows(sn_expr_follow(e, 0, bad_author, name));
    value_overflows(sn_expr_follow(e, 0, to_author, too_much(AUTHOR, AUTHOR_AGE)));
    sn_node where = at_least(sn_expr_arith(e, SN_ADD, views, sn_expr_const(e, SN_INT, int_cell(INT64_MAX))));
    sn_node sum = sn_expr_aggregate(e, 0, SN_SUM, posts_of, where, views, false);
    value_overflows(sn_expr_follow(e, 0, to_author, sum));
    value_overflows(
        sn_expr_follow(e, 0, to_author, sn_expr_aggregate(e, 0, SN_COUNT, bad_posts, SN_NO_NODE, views, false)));
    value_overflows(sn_expr_follow(e, 0, to_author, sn_expr_aggregate(e, 0, SN_MAX, posts_of, SN_NO_NODE, bad, false)));
}

static void
test_predicates(void)
{
    sn_node bad = too_much(POST, POST_VIEWS), one = sn_expr_const(e, SN_INT, int_cell(1));
    sn_node name = sn_expr_follow(e, 0, bad_author, sn_expr_column(e, 0, w.t[AUTHOR], AUTHOR_NAME));
    sn_node title = sn_expr_column(e, 0, w.t[POST], POST_TITLE);
    sn_node flag = sn_expr_follow(e, 0, bad_author, sn_expr_const(e, SN_BOOL, int_cell(1)));
    sn_node no = sn_expr_is_null(e, title), bads[3] = {at_least(bad), no, no}, late[3] = {no, at_least(bad), no};
    sn_cell cells[1] = {int_cell(1)};
    test_overflows(sn_expr_compare(e, SN_LT, bad, one));
    test_overflows(sn_expr_compare(e, SN_EQ, sn_expr_arith(e, SN_SUB, one, one), bad));
    test_overflows(sn_expr_in(e, bad, cells, 1));
    test_overflows(sn_expr_text(e, SN_LIKE, name, title));
    test_overflows(sn_expr_text(e, SN_LIKE, title, name));
    test_overflows(sn_expr_truth(e, flag));
    test_overflows(sn_expr_not(e, at_least(bad)));
    test_overflows(sn_expr_or(e, bads, 3));
    test_overflows(sn_expr_or(e, late, 3));
    sn_node slow = sn_expr_text(e, SN_LIKE, title, title), all[3] = {at_least(bad), slow, slow};
    test_overflows(sn_expr_and(e, all, 3));
    test_overflows(sn_expr_exists(e, 0, bad_author, SN_NO_NODE));
}

/* Behind an index: the rows that it gives meet the other test. */
static void
test_behind_an_index(void)
{
    sn_col cols[] = {POST_VIEWS};
    sn_index *ix;
    CHECK_OK(sn_index_new(&ix, w.t[POST], SN_INDEX_MANY, cols, 1, false, NULL));
    sn_node two = sn_expr_const(e, SN_INT, int_cell(2)), views = sn_expr_column(e, 0, w.t[POST], POST_VIEWS);
    sn_node both[2] = {sn_expr_compare(e, SN_EQ, views, two), at_least(too_much(POST, POST_VIEWS))};
    sn_query q = {.table = w.t[POST], .expr = e, .where = sn_expr_and(e, both, 2), .limit = ALL};
    sn_rows rows = {0};
    size_t n;
    CHECK_STATUS(sn_query_run(&rows, w.db, &q, NULL), SN_OVERFLOW);
    CHECK_STATUS(sn_query_count(&n, w.db, &q, ALL, NULL), SN_OVERFLOW);
    CHECK_OK(sn_index_drop(ix));
    sn_rows_free(w.db, &rows);
}

/* ---------------------------------------------------------------- paths and groups */

static void
test_paths(void)
{
    sn_order order = {.value = too_much(POST, POST_VIEWS)},
             plain = {.value = sn_expr_column(e, 0, w.t[POST], POST_VIEWS)};
    sn_path *ordered = path_where(true, SN_NO_NODE, &order);
    sn_path *filtered = path_where(true, at_least(too_much(POST, POST_VIEWS)), &plain);
    sn_path *bad[] = {bad_posts, ordered, filtered};
    sn_rows rows = {0};
    sn_row from[] = {0, 1}, first;
    size_t offsets[3], n;
    bool there;
    for (size_t i = 0; i < 3; i++) {
        CHECK_STATUS(sn_path_first(&first, bad[i], author), SN_OVERFLOW);
        CHECK_STATUS(sn_path_each(&rows, bad[i], author), SN_OVERFLOW);
        CHECK_STATUS(sn_path_expand(&rows, offsets, bad[i], from, 2), SN_OVERFLOW);
        CHECK(rows.n == 0);
        CHECK(bad[i] == ordered || sn_path_count(&n, bad[i], author, ALL) == SN_OVERFLOW);
    }
    CHECK_STATUS(sn_path_contains(&there, bad_posts, author, post), SN_OVERFLOW);
    CHECK_STATUS(sn_path_semijoin(&rows, bad_posts, &post, 1), SN_OVERFLOW);
    CHECK(rows.n == 0);
    sn_path_free(ordered);
    sn_path_free(filtered);
}

static void
test_targets(void)
{
    sn_node views = sn_expr_column(e, 0, w.t[POST], POST_VIEWS);
    sn_node count = sn_expr_aggregate(e, 0, SN_COUNT, posts_of, at_least(too_much(POST, POST_VIEWS)), views, true);
    sn_rows rows = {0};
    sn_row from[] = {0, 1};
    size_t offsets[3];
    const sn_table *to;
    CHECK_STATUS(sn_expr_targets(&rows, offsets, &to, e, count, w.t[AUTHOR], from, 2), SN_OVERFLOW);
    CHECK(rows.n == 0);
    sn_rows_free(w.db, &rows);
}

/* In the first of several batches, and in the first of several groups. */
static void
test_groups(void)
{
    static sn_row rows[1200];
    static uint32_t group_of[1200];
    sn_cell out[3];
    sn_type type;
    sn_rows firsts = {0};
    sn_node bad = too_much(POST, POST_VIEWS), huge = sn_expr_const(e, SN_INT, int_cell(INT64_MAX));
    sn_node views = sn_expr_column(e, 0, w.t[POST], POST_VIEWS);
    for (sn_row i = 0; i < 1200; i++) {
        rows[i] = i;
    }
    CHECK_STATUS(sn_query_group(group_of, &firsts, e, &bad, 1, w.t[POST], rows, 1200), SN_OVERFLOW);
    CHECK_OK(sn_query_group(group_of, &firsts, e, &views, 1, w.t[POST], rows, 1200));
    CHECK(firsts.n == 3);
    CHECK_STATUS(sn_query_group_aggregate(out, &type, SN_MAX, e, bad, w.t[POST], rows, group_of, 1200, 3), SN_OVERFLOW);
    CHECK_STATUS(sn_query_group_aggregate(out, &type, SN_SUM, e, huge, w.t[POST], rows, group_of, 1200, 3),
                 SN_OVERFLOW);
    CHECK_STATUS(sn_query_aggregate(out, &type, SN_SUM, e, huge, w.t[POST], rows, 1200), SN_OVERFLOW);
    CHECK_OK(sn_query_aggregate(out, &type, SN_SUM, e, huge, w.t[POST], rows, 1));
    sn_rows_free(w.db, &firsts);
}

int
main(void)
{
    setup();
    test_values();
    test_predicates();
    test_behind_an_index();
    test_paths();
    test_targets();
    test_groups();
    CHECK_SOUND(sn_check(w.db));
    teardown();
    return harness_done("overflow", &h);
}
