/*
 * test_compact.c - compaction: order, indexes, handles, what forbids it, what it gives back.
 */
#include "fixture.h"

static void
delete_rows(shop *s, sn_table *t, sn_row from, sn_row to, sn_row step)
{
    size_t deleted;
    CHECK_OK(sn_begin(s->db));
    for (sn_row row = from; row < to; row += step)
        CHECK_OK(sn_table_delete(&deleted, t, &row, 1));
    CHECK_OK(sn_commit(s->db));
    drain(s->db);
}

static void
test_rows_move(hostile *h)
{
    shop s;
    sn_row map[20];
    int mark;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_table_set_handle(s.task, 3, &mark));
    CHECK_OK(sn_table_set_handle(s.task, 4, &mark));
    CHECK_OK(sn_table_set_handle(s.task, 19, &mark));
    sn_word id = sn_table_get(s.task, 3, TASK_ID).word, owner = 4;
    delete_rows(&s, s.task, 0, 20, 2);
    CHECK(sn_table_handle(s.task, 4) == &mark && !sn_table_alive(s.task, 4)); /* for the host to see before */
    CHECK_OK(sn_table_compact(s.task, map));
    CHECK(map[0] == SN_NO_ROW && map[1] == 0 && map[3] == 1 && map[19] == 9);
    CHECK(sn_table_positions(s.task) == 10 && sn_table_count(s.task) == 10);
    CHECK(sn_table_get(s.task, 1, TASK_ID).word == id && sn_index_find(s.task_id, &id) == 1);
    CHECK(sn_table_handle(s.task, 1) == &mark && sn_table_handle(s.task, 9) == &mark && !sn_table_handle(s.task, 3));
    CHECK(sn_table_next_handle(s.task, 0) == 1 && sn_table_next_handle(s.task, 2) == 9);
    CHECK(sn_table_next_handle(s.task, 10) == SN_NO_ROW);
    sn_posting_view tasks = sn_index_rows(s.task_owner, &owner);
    CHECK(tasks.count == 5 && tasks.rows[0] == 1 && tasks.rows[4] == 9);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* Order of arrival is not order of insertion, and stays. */
static void
test_arrival_stays(hostile *h)
{
    shop s;
    sn_row map[20], row = 3;
    sn_col col = TASK_OWNER;
    sn_cell one = number(1);
    sn_word owner = 1;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_update(s.task, &row, 1, &col, 1, &one));
    CHECK_OK(sn_commit(s.db));
    delete_rows(&s, s.task, 0, 2, 1);
    CHECK_OK(sn_table_compact(s.task, map));
    sn_posting_view tasks = sn_index_rows(s.task_owner, &owner);
    CHECK(tasks.count == 5 && tasks.rows[tasks.len - 1] == map[3] && tasks.rows[tasks.len - 2] == map[16]);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* A column that was dropped has nothing to move. */
static void
test_gap(hostile *h)
{
    shop s;
    sn_row map[20];
    make_shop(&s, h);
    fill_shop(&s);
    delete_rows(&s, s.task, 0, 3, 1);
    CHECK_OK(sn_table_drop_column(s.task, TASK_TITLE));
    drain(s.db);
    CHECK_OK(sn_table_compact(s.task, map));
    CHECK(map[3] == 0 && sn_table_get(s.task, 0, TASK_ID).word == 4);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

static void
test_busy(hostile *h)
{
    shop s;
    sn_row map[20];
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_STATUS(sn_table_compact(s.task, map), SN_BUSY);
    sn_rollback(s.db);
    CHECK_OK(sn_table_compact(s.task, map));
    for (sn_row row = 0; row < 20; row++)
        CHECK(map[row] == row);
    free_shop(&s);
}

static void
test_sparse(hostile *h)
{
    shop s;
    make_shop(&s, h);
    CHECK_OK(sn_begin(s.db));
    for (int i = 0; i < 3000; i++)
        add_person(&s, NULL, 0);
    CHECK_OK(sn_commit(s.db));
    CHECK(!sn_table_sparse(s.person));
    delete_rows(&s, s.person, 0, 1500, 1);
    CHECK(!sn_table_sparse(s.person));
    delete_rows(&s, s.person, 1500, 1501, 1);
    CHECK(sn_table_sparse(s.person));
    sn_row *map = malloc(3000 * sizeof *map);
    size_t bytes = sn_db_bytes(s.db);
    delete_rows(&s, s.person, 1501, 2999, 1);
    CHECK_OK(sn_table_compact(s.person, map));
    CHECK(map[2999] == 0 && sn_table_positions(s.person) == 1 && !sn_table_sparse(s.person));
    CHECK(sn_db_bytes(s.db) <= bytes && sn_table_next_number(s.person) == 3001);
    CHECK_SOUND(sn_check(s.db));
    free(map);
    free_shop(&s);
}

static void
prepare_dead(shop *s)
{
    static int mark;
    delete_rows(s, s->task, 0, 10, 1);
    CHECK_OK(sn_table_set_handle(s->task, 19, &mark));
    free(s->before);
    s->before = dump_shop(s);
}

static sn_status
run_compact(shop *s)
{
    sn_row map[20];
    return sn_table_compact(s->task, map);
}

int
main(void)
{
    hostile h = {0};
    test_rows_move(&h);
    test_arrival_stays(&h);
    test_gap(&h);
    test_busy(&h);
    test_sparse(&h);
#ifdef SN_TINY /* elsewhere the handle's block is there already */
    sweep(&h, (shop_sweep){prepare_dead, run_compact, false});
#else
    (void)prepare_dead;
    (void)run_compact;
#endif
    return harness_done("compact", &h);
}
