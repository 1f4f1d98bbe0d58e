/*
 * test_moment.c - moments: what a query and a path find as the time goes on, by every access; naive and aware; far beyond what can be
 * written; shared and given back; values of getters; refused memory.
 */
#include "world.h"

#include "expr.h"
#include "getter.h"
#include "moment.h"
#include "path.h"

static hostile h;

#define HOUR INT64_C(3600000000)
#define NOON (INT64_C(63000000000) * 1000000)

/* Authors with posts, and a table of things with a time that is aware. */
typedef struct almanac {
    world w;
    sn_table *things;
    sn_expr *e;
    sn_path *path;
} almanac;

static sn_cell
aware_cell(world *w, int64_t micros)
{
    unsigned char key[8];
    uint64_t biased = (uint64_t)micros ^ (UINT64_C(1) << 63);
    for (int i = 7; i >= 0; i--, biased >>= 8) {
        key[i] = (unsigned char)biased;
    }
    void *handle = handle_new_bytes(&micros, sizeof micros);
    sn_cell cell = {0, false};
    bool taken;
    sn_entry_def def = {.tag = 7, .exact = handle_text(handle), .key = {key, 8}, .borrow = true, .handle = handle};
    CHECK_OK(sn_entry_intern(&cell.word, &taken, w->db, &def));
    if (!taken) {
        handle_free(handle);
    }
    return cell;
}

static sn_cell
naive_cell(int64_t micros)
{
    return int_cell(micros * 2);
}

static void
add_post(almanac *a, int64_t author, int64_t at)
{
    world *w = &a->w;
    sn_row row;
    sn_cell cells[] = {int_cell(++w->ids[POST]),    int_cell(author), SN_NULL_CELL,   int_cell(0), float_cell(0),
                       text_cell(w, "post", false), SN_NULL_CELL,     naive_cell(at), SN_NULL_CELL};
    CHECK_OK(sn_begin(w->db));
    CHECK_OK(sn_table_insert(&row, w->t[POST], cells));
    CHECK_OK(sn_commit(w->db));
}

static void
add_thing(almanac *a, int64_t micros)
{
    sn_row row;
    sn_cell cell = aware_cell(&a->w, micros);
    CHECK_OK(sn_begin(a->w.db));
    CHECK_OK(sn_table_insert(&row, a->things, &cell));
    CHECK_OK(sn_commit(a->w.db));
}

/* Four posts of author 1 and four things: an hour before noon, at noon, one and two hours later. */
static void
almanac_new(almanac *a, hostile *door, int indexed)
{
    sn_col at = POST_AT, aware = 0;
    sn_index *ix;
    *a = (almanac){0};
    world_new(&a->w, door, 1);
    CHECK_OK(sn_table_new(&a->things, a->w.db, NULL));
    CHECK_OK(sn_table_add_column(&aware, a->things, &(sn_column_def){.type = SN_ENTRY}, NULL));
    if (indexed) {
        world_index(&a->w, POST, SN_INDEX_ORDERED, &at, 1);
        world_index(&a->w, POST, SN_INDEX_MANY, &at, 1);
        CHECK_OK(sn_index_new(&ix, a->things, SN_INDEX_ORDERED, &aware, 1, false, NULL));
        CHECK_OK(sn_index_new(&ix, a->things, SN_INDEX_MANY, &aware, 1, false, NULL));
    }
    sn_row row;
    sn_cell author[] = {int_cell(1), text_cell(&a->w, "Ann", false), SN_NULL_CELL, float_cell(0)};
    CHECK_OK(sn_begin(a->w.db));
    CHECK_OK(sn_table_insert(&row, a->w.t[AUTHOR], author));
    CHECK_OK(sn_commit(a->w.db));
    for (int i = -1; i < 3; i++) {
        add_post(a, 1, NOON + i * HOUR);
        add_thing(a, NOON + i * HOUR);
    }
    CHECK_OK(sn_expr_new(&a->e, a->w.db));
}

static void
almanac_free(almanac *a)
{
    if (a->path) {
        sn_path_free(a->path);
    }
    if (a->e) {
        sn_expr_free(a->e);
    }
    world_free(&a->w);
}

/* Author to posts that are due: at <= the moment. */
static void
make_path(almanac *a, int64_t offset)
{
    sn_node due = sn_expr_compare(a->e, SN_LE, sn_expr_column(a->e, 0, a->w.t[POST], POST_AT),
                                  sn_expr_moment(a->e, SN_DATETIME, offset));
    CHECK_OK(sn_expr_status(a->e));
    sn_hop_def hop = {
        .reference = a->w.link[POST_TO_AUTHOR], .backward = true, .expr = a->e, .where = due, .limit = SIZE_MAX};
    CHECK_OK(sn_path_new(&a->path, a->w.db, &hop, 1, true));
}

static size_t
count_where(almanac *a, const sn_table *t, sn_node where)
{
    size_t count;
    sn_query q = {.table = t, .expr = a->e, .where = where, .limit = SIZE_MAX};
    CHECK_OK(sn_expr_status(a->e));
    CHECK_OK(sn_query_count(&count, a->w.db, &q, SIZE_MAX, NULL));
    CHECK_SOUND(sn_check(a->w.db));
    return count;
}

/* ---------------------------------------------------------------- tests */

static void
test_compared(int indexed)
{
    static const size_t wanted[][6] = {
        /* hours after noon: ==, !=, <, <=, >, >= */
        {0, 4, 0, 0, 4, 4}, {1, 3, 0, 1, 3, 4}, {1, 3, 1, 2, 2, 3},
        {1, 3, 2, 3, 1, 2}, {1, 3, 3, 4, 0, 1}, {0, 4, 4, 4, 0, 0},
    };
    almanac a;
    almanac_new(&a, &h, indexed);
    sn_node naive[6], aware[6], either;
    for (int op = 0; op < 6; op++) {
        naive[op] = sn_expr_compare(a.e, (sn_compare_op)op, sn_expr_column(a.e, 0, a.w.t[POST], POST_AT),
                                    sn_expr_moment(a.e, SN_DATETIME, 0));
        aware[op] = sn_expr_compare(a.e, (sn_compare_op)op, sn_expr_column(a.e, 0, a.things, 0),
                                    sn_expr_moment(a.e, SN_ENTRY, 0));
    }
    sn_node later =
        sn_expr_compare(a.e, SN_EQ, sn_expr_moment(a.e, SN_ENTRY, HOUR), sn_expr_column(a.e, 0, a.things, 0));
    either = sn_expr_or(a.e, (sn_node[]){aware[SN_EQ], later}, 2);
    CHECK(sn_expr_timed(a.e) && a.w.db->moment_n == 3);
    for (int hour = 0; hour < 6; hour++) {
        int64_t time = NOON + (hour - 2) * HOUR;
        CHECK_OK(sn_db_set_time(a.w.db, time, time));
        for (int op = 0; op < 6; op++) {
            CHECK(count_where(&a, a.w.t[POST], naive[op]) == wanted[hour][op]);
            CHECK(count_where(&a, a.things, aware[op]) == wanted[hour][op]);
        }
        CHECK(count_where(&a, a.things, either) == (hour == 0 || hour == 4 ? 1u : hour == 5 ? 0u : 2u));
    }
    CHECK_OK(sn_db_set_time(a.w.db, NOON, NOON + HOUR)); /* east of Greenwich */
    CHECK(count_where(&a, a.w.t[POST], naive[SN_LE]) == 3 && count_where(&a, a.things, aware[SN_LE]) == 2);
    almanac_free(&a);
}

static void
test_far_away(void)
{
    almanac a;
    almanac_new(&a, &h, true);
    CHECK_OK(sn_db_set_time(a.w.db, NOON, NOON));
    for (int sign = -1; sign < 2; sign += 2) {
        sn_node naive = sn_expr_compare(a.e, SN_GT, sn_expr_column(a.e, 0, a.w.t[POST], POST_AT),
                                        sn_expr_moment(a.e, SN_DATETIME, sign * SN_MAX_OFFSET));
        sn_node aware = sn_expr_compare(a.e, SN_GT, sn_expr_column(a.e, 0, a.things, 0),
                                        sn_expr_moment(a.e, SN_ENTRY, sign * SN_MAX_OFFSET));
        CHECK(count_where(&a, a.w.t[POST], naive) == (sign < 0 ? 4u : 0u));
        CHECK(count_where(&a, a.things, aware) == (sign < 0 ? 4u : 0u));
    }
    CHECK(sn_expr_moment(a.e, SN_DATETIME, SN_MAX_OFFSET + 1) == SN_NO_NODE);
    CHECK_STATUS(sn_expr_status(a.e), SN_MISUSE);
    almanac_free(&a);
    almanac_new(&a, &h, false);
    CHECK(sn_expr_moment(a.e, SN_INT, 0) == SN_NO_NODE && !sn_expr_timed(a.e));
    almanac_free(&a);
}

static void
test_arithmetic(void)
{
    almanac a;
    almanac_new(&a, &h, false);
    sn_node age = sn_expr_arith(a.e, SN_SUB, sn_expr_moment(a.e, SN_DATETIME, HOUR),
                                sn_expr_column(a.e, 0, a.w.t[POST], POST_AT));
    sn_node old = sn_expr_compare(a.e, SN_GE, age, sn_expr_const(a.e, SN_TIMEDELTA, int_cell(2 * HOUR)));
    CHECK_OK(sn_db_set_time(a.w.db, NOON, NOON));
    CHECK(count_where(&a, a.w.t[POST], old) == 1);
    CHECK_OK(sn_db_set_time(a.w.db, NOON, NOON + HOUR));
    CHECK(count_where(&a, a.w.t[POST], old) == 2);
    almanac_free(&a);
}

static void
test_paths(void)
{
    almanac a;
    almanac_new(&a, &h, true);
    make_path(&a, -HOUR);
    sn_path *through;
    sn_hop_def along = {.kind = SN_HOP_THROUGH,
                        .paths = (const sn_path *const *)&a.path,
                        .path_count = 1,
                        .limit = SIZE_MAX,
                        .where = SN_NO_NODE};
    CHECK_OK(sn_path_new(&through, a.w.db, &along, 1, true));
    CHECK(sn_path_timed(a.path) && sn_path_timed(through));
    sn_expr *around;
    CHECK_OK(sn_expr_new(&around, a.w.db));
    sn_node has = sn_expr_exists(around, 0, through, SN_NO_NODE);
    CHECK(sn_expr_timed(around));
    for (int hour = -1; hour < 5; hour++) {
        size_t count, found, due = hour < 0 ? 0 : hour < 4 ? (size_t)hour + 1 : 4;
        bool inside;
        CHECK_OK(sn_db_set_time(a.w.db, 0, NOON + hour * HOUR));
        CHECK_OK(sn_path_count(&count, through, 0, SIZE_MAX));
        CHECK(count == due);
        CHECK_OK(sn_path_contains(&inside, a.path, 0, 3));
        CHECK(inside == (due == 4));
        sn_query q = {.table = a.w.t[AUTHOR], .expr = around, .where = has, .limit = SIZE_MAX};
        CHECK_OK(sn_query_count(&found, a.w.db, &q, SIZE_MAX, NULL));
        CHECK(found == (due > 0));
    }
    sn_expr_free(around);
    sn_path_free(through);
    almanac_free(&a);
}

static void
test_shared(void)
{
    almanac a;
    almanac_new(&a, &h, false);
    sn_expr *other;
    CHECK_OK(sn_expr_new(&other, a.w.db));
    CHECK(!sn_expr_timed(other));
    sn_expr_moment(a.e, SN_ENTRY, 0);
    sn_expr_moment(a.e, SN_ENTRY, 5);
    sn_expr_moment(other, SN_ENTRY, 0);
    sn_expr_moment(other, SN_DATETIME, 0);
    CHECK(a.w.db->moment_n == 3 && a.w.db->moments[0].uses == 2);
    sn_expr_free(a.e);
    CHECK_SOUND(sn_check(a.w.db));
    CHECK_OK(sn_expr_new(&a.e, a.w.db));
    sn_expr_moment(a.e, SN_ENTRY, 7); /* in the place that has become free */
    CHECK(a.w.db->moment_n == 3 && a.w.db->moments[1].offset == 7);
    CHECK_OK(sn_db_set_time(a.w.db, NOON, NOON));
    CHECK_SOUND(sn_check(a.w.db));
    sn_expr_free(other);
    sn_expr_free(a.e);
    a.e = NULL;
    CHECK(a.w.db->moment_n == 0);
    CHECK_SOUND(sn_check(a.w.db));
    almanac_free(&a);
}

/* ---------------------------------------------------------------- getters */

typedef void read_fn(sn_frame *f, const almanac *a);

static void
read_first(sn_frame *f, const almanac *a)
{
    sn_read_first(f, a->path, 0, SN_NO_ROW);
}

static void
read_each(sn_frame *f, const almanac *a)
{
    sn_read_each(f, a->path, 0, NULL, 0);
}

static void
read_count(sn_frame *f, const almanac *a)
{
    sn_read_count(f, a->path, 0, SIZE_MAX, 0);
}

static void
read_contains(sn_frame *f, const almanac *a)
{
    sn_read_contains(f, a->path, 0, 1, false);
}

static void
read_path(sn_frame *f, const almanac *a)
{
    sn_read_path(f, a->path);
}

static void
read_query(sn_frame *f, const almanac *a)
{
    sn_read_query(f, &(sn_query){.table = a->w.t[POST], .expr = a->e, .where = SN_NO_NODE, .limit = SIZE_MAX});
}

static void
read_number(sn_frame *f, const almanac *a)
{
    sn_query q = {
        .table = a->w.t[POST], .source = SN_FROM_PATH, .path = a->path, .where = SN_NO_NODE, .limit = SIZE_MAX};
    CHECK(!sn_read_number(f, &q, NULL, SIZE_MAX, 0));
}

static void
read_rows(sn_frame *f, const almanac *a)
{
    sn_query q = {.table = a->w.t[POST], .expr = a->e, .where = SN_NO_NODE, .limit = SIZE_MAX};
    CHECK(!sn_read_rows(f, &q, NULL, NULL, 0));
}

static void
read_value(sn_frame *f, const almanac *a)
{
    CHECK(!sn_read_value(f, a->e, 0, NULL, a->w.t[POST], 0, SN_NULL_CELL));
}

static void
read_node(sn_frame *f, const almanac *a)
{
    sn_read_node(f, a->e, 0);
}

static void
test_getters(void)
{
    static read_fn *const reads[] = {read_first, read_each,   read_count, read_contains, read_path,
                                     read_query, read_number, read_rows,  read_value,    read_node};
    almanac a;
    almanac_new(&a, &h, false);
    make_path(&a, 0);
    sn_getter *g;
    CHECK_OK(sn_getter_new(&g, a.w.t[AUTHOR], NULL));
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        sn_frame *f;
        CHECK_OK(sn_frame_begin(&f, g, 0));
        reads[i](f, &a);
        void *value = handle_new("value");
        CHECK(!sn_frame_finish(f, value, false, false)); /* good for one read: not kept */
        handle_free(value);
        CHECK(!sn_getter_hit(g, 0) && sn_getter_report(g, 0).once);
    }
    sn_getter_drop(g);
    almanac_free(&a);
}

/* ---------------------------------------------------------------- refused memory */

typedef struct sweep_state {
    almanac a;
    sn_expr *more;
    bool tells; /* the time, or makes expressions */
} sweep_state;

static bool sweep_tells;

static void *
sweep_setup(hostile *door)
{
    static sweep_state s;
    s = (sweep_state){.tells = sweep_tells};
    almanac_new(&s.a, door, true);
    make_path(&s.a, 0);
    for (int64_t i = 0; s.tells && i < 40; i++) {
        sn_expr_moment(s.a.e, SN_ENTRY, i * HOUR);
    }
    CHECK_OK(sn_expr_status(s.a.e));
    CHECK_OK(sn_db_set_time(s.a.w.db, HOUR, HOUR));
    return &s;
}

static sn_status
sweep_run(void *state)
{
    sweep_state *s = state;
    if (s->tells) {
        return sn_db_set_time(s->a.w.db, NOON, NOON);
    }
    sn_status status = sn_expr_new(&s->more, s->a.w.db);
    for (int64_t i = 0; i < 12 && status == SN_OK; i++) {
        sn_expr_moment(s->more, i % 2 ? SN_ENTRY : SN_DATETIME, i);
        status = sn_expr_status(s->more);
    }
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    sweep_state *s = state;
    int64_t time = s->tells && succeeded ? NOON : HOUR;
    return s->a.w.db->time_utc == time && s->a.w.db->time_local == time ? sn_check(s->a.w.db) : "another time";
}

static void
sweep_teardown(void *state)
{
    sweep_state *s = state;
    if (s->more) {
        sn_expr_free(s->more);
    }
    almanac_free(&s->a);
}

int
main(void)
{
    test_compared(false);
    test_compared(true);
    test_far_away();
    test_arithmetic();
    test_paths();
    test_shared();
    test_getters();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    for (int tells = 0; tells < 2; tells++) {
        sweep_tells = tells;
        CHECK(harness_sweep(&h, &sweep) > 8);
    }
    return harness_done("moment", &h);
}
