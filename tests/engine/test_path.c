/*
 * test_path.c - paths against nested loops over all rows: every operation, paths of one to four steps, after moves and
 * deletes; conditions, order and limits of steps; what is refused; refused memory.
 */
#include "world.h"

#include "path.h"

static hostile h;

#define ALL SIZE_MAX
#define STEPS 4

typedef struct shape {
    size_t n;
    world_step steps[STEPS];
} shape;

static const shape shapes[] = {
    {1, {{POST_TO_AUTHOR, false, false, ALL}}},
    {1, {{POST_TO_AUTHOR, true, false, ALL}}},
    {1, {{POST_TO_AUTHOR, true, true, ALL}}},
    {1, {{POST_TO_AUTHOR, true, false, 2}}},
    {1, {{POST_TO_AUTHOR, false, false, 0}}},
    {1, {{CATEGORY_TO_PARENT, true, false, ALL}}},
    {2, {{CATEGORY_TO_PARENT, false, false, ALL}, {CATEGORY_TO_PARENT, false, false, ALL}}},
    {2, {{CATEGORY_TO_PARENT, true, false, ALL}, {CATEGORY_TO_PARENT, true, false, ALL}}},
    {2, {{POST_TO_AUTHOR, true, false, ALL}, {COMMENT_TO_POST, true, false, ALL}}},
    {2, {{POST_TO_AUTHOR, true, false, ALL}, {COMMENT_TO_POST, true, true, ALL}}},
    {2, {{POST_TO_AUTHOR, true, false, ALL}, {POST_TO_CATEGORY, false, false, ALL}}},
    {2, {{COMMENT_TO_POST, false, false, ALL}, {POST_TO_AUTHOR, false, false, ALL}}},
    {2, {{POST_TO_AUTHOR, false, false, ALL}, {POST_TO_AUTHOR, true, false, ALL}}},
    {3,
     {{POST_TO_AUTHOR, true, false, ALL},
      {POST_TO_CATEGORY, false, false, ALL},
      {CATEGORY_TO_PARENT, false, false, ALL}}},
    {3,
     {{POST_TO_AUTHOR, true, false, ALL}, {POST_TO_CATEGORY, false, false, ALL}, {POST_TO_CATEGORY, true, false, 3}}},
    {4,
     {{POST_TO_AUTHOR, true, false, ALL},
      {POST_TO_CATEGORY, false, false, ALL},
      {POST_TO_CATEGORY, true, false, ALL},
      {POST_TO_AUTHOR, false, false, ALL}}},
};

static bool
is_invertible(const shape *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->steps[i].limit != ALL || (s->steps[i].backward && s->steps[i].single)) {
            return false;
        }
    }
    return true;
}

static void
check_one(world *w, const shape *s, const sn_path *p, bool distinct, sn_row from)
{
    sn_row expected[WORLD_ROWS];
    size_t n = naive_walk(w, s->steps, s->n, from, distinct, expected, 0), count;
    sn_rows rows = {0};
    CHECK_OK(sn_path_each(&rows, p, from));
    CHECK(rows.n == n && (n == 0 || memcmp(rows.rows, expected, n * sizeof *expected) == 0));
    CHECK_OK(sn_path_count(&count, p, from, ALL));
    CHECK(count == n);
    CHECK_OK(sn_path_count(&count, p, from, 2));
    CHECK(count == (n < 2 ? n : 2));
    sn_row first;
    CHECK_OK(sn_path_first(&first, p, from));
    CHECK(first == (n ? expected[0] : SN_NO_ROW));
    CHECK(!sn_path_single(p) || n <= 1);
    sn_rows_free(w->db, &rows);
}

static void
check_contains(world *w, const shape *s, const sn_path *p, sn_row from)
{
    sn_row expected[WORLD_ROWS];
    size_t n = naive_walk(w, s->steps, s->n, from, true, expected, 0);
    int to = step_to(s->steps[s->n - 1]);
    for (sn_row row = 0; row < sn_table_positions(w->t[to]); row++) {
        bool contains, there = false;
        for (size_t i = 0; i < n && !there; i++) {
            there = expected[i] == row;
        }
        if (world_alive(w, to, row)) {
            CHECK_OK(sn_path_contains(&contains, p, from, row));
            CHECK(contains == there);
        } else {
            CHECK_STATUS(sn_path_contains(&contains, p, from, row), SN_STALE);
        }
    }
}

static size_t
live_rows(const world *w, int table, sn_row *out)
{
    size_t n = 0;
    for (sn_row row = 0; row < sn_table_positions(w->t[table]); row++) {
        if (world_alive(w, table, row)) {
            out[n++] = row;
        }
    }
    return n;
}

static void
check_expand(world *w, const shape *s, const sn_path *p, bool distinct)
{
    sn_row from[WORLD_ROWS], expected[WORLD_ROWS];
    size_t offsets[WORLD_ROWS + 1], n = live_rows(w, step_from(s->steps[0]), from);
    sn_rows rows = {0};
    CHECK_OK(sn_rows_push(w->db, &rows, 7)); /* what is there stays */
    CHECK_OK(sn_path_expand(&rows, offsets, p, from, n));
    CHECK(offsets[0] == 1 && offsets[n] == rows.n && rows.rows[0] == 7);
    for (size_t i = 0; i < n; i++) {
        size_t some = naive_walk(w, s->steps, s->n, from[i], distinct, expected, 0);
        CHECK(offsets[i + 1] - offsets[i] == some);
        CHECK(some == 0 || memcmp(rows.rows + offsets[i], expected, some * sizeof *expected) == 0);
    }
    sn_rows_free(w->db, &rows);
}

static void
check_semijoin(world *w, const shape *s, const sn_path *p)
{
    sn_row from[WORLD_ROWS], live[WORLD_ROWS], found[WORLD_ROWS];
    bool wanted[WORLD_ROWS] = {false};
    size_t n = live_rows(w, step_from(s->steps[0]), from), targets = live_rows(w, step_to(s->steps[s->n - 1]), live),
           kept = 0;
    for (size_t i = 0; i < targets; i++) {
        wanted[live[i]] = world_pick(w, 3) == 0;
        live[kept] = live[i];
        kept += wanted[live[i]];
    }
    sn_rows rows = {0};
    if (!is_invertible(s)) {
        CHECK_STATUS(sn_path_semijoin(&rows, p, live, kept), SN_MISUSE);
        return;
    }
    CHECK_OK(sn_path_semijoin(&rows, p, live, kept));
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t some = naive_walk(w, s->steps, s->n, from[i], false, found, 0);
        bool leads = false;
        for (size_t j = 0; j < some; j++) {
            leads |= wanted[found[j]];
        }
        CHECK(!leads || (at < rows.n && rows.rows[at] == from[i]));
        at += leads;
    }
    CHECK(at == rows.n);
    sn_rows_free(w->db, &rows);
}

static void
test_shapes(world *w, sn_path *const paths[][2])
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const shape *s = &shapes[i];
        int table = step_from(s->steps[0]);
        for (int distinct = 0; distinct < 2; distinct++) {
            for (sn_row row = 0; row < sn_table_positions(w->t[table]); row++) {
                if (world_alive(w, table, row)) {
                    check_one(w, s, paths[i][distinct], distinct, row);
                }
            }
            check_expand(w, s, paths[i][distinct], distinct);
        }
        sn_row positions = sn_table_positions(w->t[table]), row = positions ? world_pick(w, positions) : 0;
        if (positions && world_alive(w, table, row)) {
            check_contains(w, s, paths[i][1], row);
        }
        check_semijoin(w, s, paths[i][0]);
    }
}

/* Paths are compiled before there are rows, and must be right through all that happens afterwards. */
static void
test_against_loops(uint64_t seed, size_t rounds)
{
    world w;
    world_new(&w, &h, seed);
    sn_path *paths[sizeof shapes / sizeof shapes[0]][2];
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int distinct = 0; distinct < 2; distinct++) {
            paths[i][distinct] = world_path(&w, shapes[i].steps, shapes[i].n, distinct);
        }
    }
    for (size_t round = 0; round < rounds; round++) {
        test_shapes(&w, paths);
        world_fill(&w, 40);
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        sn_path_free(paths[i][0]);
        sn_path_free(paths[i][1]);
    }
    world_free(&w);
}

/* ---------------------------------------------------------------- conditions, order, limit of a step */

typedef struct popular {
    world w;
    sn_expr *e;
    sn_order order[2];
    sn_path *p; /* of an author: the best posts with more than 3 views; of each, its comments */
    sn_rows out;
} popular;

static sn_hop_def
popular_hop(popular *x, size_t limit)
{
    sn_node views = sn_expr_column(x->e, 0, x->w.t[POST], POST_VIEWS);
    sn_node more = sn_expr_compare(x->e, SN_GT, views, sn_expr_const(x->e, SN_INT, int_cell(3)));
    x->order[0] = (sn_order){.value = sn_expr_column(x->e, 0, x->w.t[POST], POST_SLUG), .descending = true};
    x->order[1] = (sn_order){.value = views};
    return (sn_hop_def){.reference = x->w.link[POST_TO_AUTHOR],
                        .backward = true,
                        .expr = x->e,
                        .where = more,
                        .order = x->order,
                        .order_len = 2,
                        .limit = limit};
}

static void
popular_init(popular *x, uint64_t seed, size_t limit)
{
    world_new(&x->w, &h, seed);
    world_fill(&x->w, 300);
    CHECK_OK(sn_expr_new(&x->e, x->w.db));
    sn_hop_def hops[2] = {
        popular_hop(x, limit),
        {.reference = x->w.link[COMMENT_TO_POST], .backward = true, .where = SN_NO_NODE, .limit = SIZE_MAX}};
    CHECK_OK(sn_expr_status(x->e));
    CHECK_OK(sn_path_new(&x->p, x->w.db, hops, 2, true));
    x->out = (sn_rows){0};
}

static void
popular_fini(popular *x)
{
    sn_rows_free(x->w.db, &x->out);
    sn_path_free(x->p);
    sn_expr_free(x->e);
    world_free(&x->w);
}

/* slug descending with nulls last, then views, then arrival */
static bool
stands_before(const world *w, sn_row a, sn_row b)
{
    sn_cell x = sn_table_get(w->t[POST], a, POST_SLUG), y = sn_table_get(w->t[POST], b, POST_SLUG);
    if (x.null != y.null) {
        return y.null;
    }
    int order = x.null ? 0 : sn_compare(w->db, SN_TEXT, x.word, y.word);
    int64_t views = sn_word_int(sn_table_get(w->t[POST], a, POST_VIEWS).word)
                    - sn_word_int(sn_table_get(w->t[POST], b, POST_VIEWS).word);
    return order ? order > 0 : views < 0;
}

static size_t
naive_popular(const world *w, sn_row author, size_t limit, sn_row *out)
{
    sn_row posts[WORLD_ROWS];
    size_t n = naive_step(w, shapes[1].steps[0], author, posts), kept = 0, found = 0;
    for (size_t i = 0; i < n; i++) {
        if (sn_word_int(sn_table_get(w->t[POST], posts[i], POST_VIEWS).word) <= 3) {
            continue;
        }
        sn_row row = posts[i];
        size_t at = kept++;
        for (; at > 0 && stands_before(w, row, posts[at - 1]); at--) {
            posts[at] = posts[at - 1];
        }
        posts[at] = row;
    }
    static const world_step comments = {COMMENT_TO_POST, true, false, ALL};
    for (size_t i = 0; i < kept && i < limit; i++) {
        found = naive_walk(w, &comments, 1, posts[i], false, out, found);
    }
    return found;
}

static void
test_conditions(uint64_t seed, size_t limit)
{
    popular x;
    popular_init(&x, seed, limit);
    sn_row expected[WORLD_ROWS];
    for (sn_row row = 0; row < sn_table_positions(x.w.t[AUTHOR]); row++) {
        if (!world_alive(&x.w, AUTHOR, row)) {
            CHECK_STATUS(sn_path_each(&x.out, x.p, row), SN_STALE);
            continue;
        }
        size_t n = naive_popular(&x.w, row, limit, expected), count;
        x.out.n = 0;
        CHECK_OK(sn_path_each(&x.out, x.p, row));
        CHECK(x.out.n == n && (n == 0 || memcmp(x.out.rows, expected, n * sizeof *expected) == 0));
        CHECK_OK(sn_path_count(&count, x.p, row, SIZE_MAX));
        CHECK(count == n);
    }
    popular_fini(&x);
}

/* ---------------------------------------------------------------- refusals */

static void
test_misuse(void)
{
    world w;
    world_new(&w, &h, 5);
    sn_path *p;
    sn_hop_def forward = {.reference = w.link[POST_TO_AUTHOR], .where = SN_NO_NODE, .limit = SIZE_MAX};
    sn_hop_def twice[2] = {forward, forward};
    CHECK_STATUS(sn_path_new(&p, w.db, &forward, 0, true), SN_MISUSE);
    CHECK_STATUS(sn_path_new(&p, w.db, twice, 2, true), SN_MISUSE);
    sn_hop_def many[SN_MAX_HOPS + 1];
    for (size_t i = 0; i <= SN_MAX_HOPS; i++) {
        many[i] = (sn_hop_def){.reference = w.link[CATEGORY_TO_PARENT], .where = SN_NO_NODE, .limit = SIZE_MAX};
    }
    CHECK_STATUS(sn_path_new(&p, w.db, many, SN_MAX_HOPS + 1, true), SN_LIMIT);
    CHECK_OK(sn_path_new(&p, w.db, many, SN_MAX_HOPS, true));
    sn_path_free(p);
    sn_expr *e;
    CHECK_OK(sn_expr_new(&e, w.db));
    forward.expr = e; /* a condition on the wrong table */
    forward.where = sn_expr_is_null(e, sn_expr_column(e, 0, w.t[POST], POST_SLUG));
    CHECK_STATUS(sn_path_new(&p, w.db, &forward, 1, true), SN_MISUSE);
    forward.where = sn_expr_is_null(e, sn_expr_column(e, 1, w.t[AUTHOR], AUTHOR_AGE)); /* nothing is around a hop */
    CHECK_STATUS(sn_path_new(&p, w.db, &forward, 1, true), SN_MISUSE);
    sn_expr_free(e);
    world_free(&w);
}

static void *
sweep_setup(hostile *host)
{
    static popular x;
    (void)host;
    popular_init(&x, 11, 3);
    x.out.n = 0;
    return &x;
}

static sn_status
sweep_run(void *state)
{
    popular *x = state;
    sn_path *p = NULL;
    sn_hop_def hops[2] = {{.reference = x->w.link[POST_TO_AUTHOR], .backward = true, .where = SN_NO_NODE, .limit = ALL},
                          {.reference = x->w.link[POST_TO_CATEGORY], .where = SN_NO_NODE, .limit = ALL}};
    sn_status status = sn_path_new(&p, x->w.db, hops, 2, true);
    size_t count;
    for (sn_row row = 0; row < sn_table_positions(x->w.t[AUTHOR]) && status == SN_OK; row++) {
        if (world_alive(&x->w, AUTHOR, row)) {
            status = sn_path_count(&count, p, row, SIZE_MAX);
            status = status ? status : sn_path_each(&x->out, x->p, row);
        }
    }
    sn_row some[] = {0};
    if (status == SN_OK && world_alive(&x->w, CATEGORY, 0)) {
        status = sn_path_semijoin(&x->out, p, some, 1);
    }
    if (p) {
        sn_path_free(p);
    }
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    popular *x = state;
    if (succeeded && x->out.n == 0) {
        return "nothing was found";
    }
    return sn_check(x->w.db);
}

static void
sweep_teardown(void *state)
{
    popular_fini(state);
}

int
main(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        test_against_loops(seed, 8);
    }
    for (size_t limit = 0; limit < 4; limit++) {
        test_conditions(limit + 20, limit);
    }
    test_conditions(7, SIZE_MAX);
    test_misuse();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 5);
    return harness_done("path", &h);
}
