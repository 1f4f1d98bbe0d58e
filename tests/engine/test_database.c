/*
 * test_database.c - making and freeing, errors, pins, the drop list, dismantling.
 */
#include "fixture.h"

static void
test_new_refused(hostile *h)
{
    sn_db *db = NULL;
    sn_config config = harness_config(h);
    hostile_arm(h, 1, false);
    CHECK_STATUS(sn_db_new(&db, &config), SN_NOMEM);
    hostile_disarm(h);
    CHECK(db == NULL && h->blocks == 0);
    sn_db_free(NULL);
}

static void
test_figures(hostile *h)
{
    shop s;
    make_shop(&s, h);
    CHECK(sn_db_blocks(s.db) == h->blocks && sn_db_bytes(s.db) == h->bytes);
    uint64_t revision = sn_db_revision(s.db);
    fill_shop(&s);
    CHECK(sn_db_blocks(s.db) == h->blocks && sn_db_bytes(s.db) == h->bytes);
    CHECK(sn_db_revision(s.db) > revision);
    CHECK(sn_db_handle_count(s.db) == handle_count());
    CHECK(sn_table_db(s.person) == s.db);
    free_shop(&s);
}

static void
test_revision(hostile *h)
{
    shop s;
    sn_row row = 0;
    sn_col col = PERSON_BOSS;
    sn_cell cell = SN_NULL_CELL;
    make_shop(&s, h);
    fill_shop(&s);
    uint64_t revision = sn_db_revision(s.db);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_update(s.person, &row, 1, &col, 1, &cell)); /* null already: no change */
    CHECK_OK(sn_commit(s.db));
    CHECK(sn_db_revision(s.db) == revision);
    CHECK_OK(sn_begin(s.db));
    add_person(&s, NULL, 0);
    uint64_t inserted = sn_db_revision(s.db);
    CHECK(inserted > revision);
    sn_rollback(s.db);
    CHECK(sn_db_revision(s.db) > inserted);
    free_shop(&s);
}

static void
test_pins(hostile *h)
{
    shop s;
    sn_row map[4];
    make_shop(&s, h);
    fill_shop(&s);
    sn_db_pin(s.db);
    sn_db_pin(s.db);
    CHECK(sn_db_pins(s.db) == 2);
    CHECK_STATUS(sn_table_compact(s.person, map), SN_BUSY);
    CHECK(sn_db_error(s.db)->status == SN_BUSY);
    sn_db_unpin(s.db);
    CHECK_STATUS(sn_table_compact(s.person, map), SN_BUSY);
    sn_db_unpin(s.db);
    CHECK_OK(sn_table_compact(s.person, map));
    free_shop(&s);
}

/* Handles come out once each, whether bare or of entries, and in whatever portions. */
static void
test_drop_list(hostile *h)
{
    shop s;
    void *handle;
    sn_row rows[] = {0, 1, 2};
    size_t deleted, n = 0;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.task, rows, 3));
    CHECK_OK(sn_table_delete(&deleted, s.team, rows, 2));
    CHECK(sn_db_drop_count(s.db) == 0);
    CHECK_OK(sn_commit(s.db));
    CHECK(sn_db_drop_count(s.db) == 5); /* three titles, two names */
    CHECK(sn_db_handle_count(s.db) == handle_count());
    for (; sn_db_drop(s.db, &handle, 1) == 1; n++)
        handle_free(handle);
    CHECK(n == 5 && sn_db_drop_count(s.db) == 0 && sn_db_handle_count(s.db) == handle_count());
    CHECK(s.db->drop_promised == 0);
    free_shop(&s);
}

/* The vectors of a large unit are given back. */
static void
test_large_unit(hostile *h)
{
    shop s;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_begin(s.db));
    for (int i = 0; i < 3000; i++)
        add_task(&s, "x", 1000 + i, 0, NULL, i);
    CHECK(s.db->pending_len == 3000);
    CHECK_STATUS(sn_commit(s.db), SN_DANGLING);
    CHECK(sn_db_error(s.db)->count == 3000 && sn_db_error(s.db)->reference == s.owner);
    for (sn_row row = 20; row < 3020; row++) {
        sn_col col = TASK_OWNER;
        sn_cell one = number(1);
        CHECK_OK(sn_table_update(s.task, &row, 1, &col, 1, &one));
    }
    CHECK_OK(sn_commit(s.db));
    CHECK(s.db->journal_cap == 0 && s.db->pending_cap == 0 && s.db->drop_cap <= 1024);
    sn_row boss = 0;
    size_t deleted;
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.person, &boss, 1));
    CHECK_STATUS(sn_commit(s.db), SN_RESTRICTED);
    for (sn_row row = 1; row < 4; row++)
        CHECK_OK(sn_table_delete(&deleted, s.person, &row, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK(sn_table_count(s.task) == 0 && s.db->drop_cap > 1024);
    drain(s.db);
    CHECK(s.db->drop_cap <= 1024);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

static void
test_dismantle(hostile *h)
{
    shop s;
    void *handles[TASK_COLUMNS];
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK(sn_db_dismantle(s.db, handles, TASK_COLUMNS) == 0 && sn_table_count(s.task) == 20);
    sn_rollback(s.db);
    size_t n, total = 0;
    while ((n = sn_db_dismantle(s.db, handles, TASK_COLUMNS)) > 0) {
        for (size_t i = 0; i < n; i++)
            handle_free(handles[i]);
        total += n;
    }
    CHECK(total == 25 && handle_count() == 0); /* twenty titles, three emails, two names */
    CHECK(sn_table_positions(s.task) == 0 && sn_table_positions(s.person) == 0 && sn_table_next_number(s.task) == 1);
    CHECK_SOUND(sn_check(s.db));
    fill_shop(&s); /* still of use */
    free_shop(&s);
}

/* With room for one handle at a time no row is taken in one go. */
static void
test_dismantle_one_by_one(hostile *h)
{
    shop s;
    void *handle;
    size_t total = 0;
    make_shop(&s, h);
    fill_shop(&s);
    while (sn_db_dismantle(s.db, &handle, 1) > 0) {
        handle_free(handle);
        total++;
    }
    CHECK(total == 25 && sn_table_positions(s.task) == 0);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* The drop list keeps its room when the allocator will not make it smaller. */
static void
test_shrink_refused(hostile *h)
{
    shop s;
    make_shop(&s, h);
    CHECK_OK(sn_begin(s.db));
    for (int i = 0; i < 6000; i++)
        add_task(&s, "task", 0, 0, NULL, 1);
    sn_rollback(s.db);
    size_t cap = s.db->drop_cap;
    hostile_arm(h, 1, true);
    drain(s.db);
    CHECK(hostile_disarm(h) > 0 && s.db->drop_cap == cap && sn_db_drop_count(s.db) == 0);
    void *none;
    CHECK(sn_db_drop(s.db, &none, 1) == 0 && s.db->drop_cap < cap);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* Many problems and few records: a load is one record, each of its rows refers to nothing. */
static void
test_many_problems(hostile *h)
{
    enum { ROWS = 1500 };
    static sn_cell cells[ROWS * TASK_COLUMNS];
    shop s;
    sn_row first;
    make_shop(&s, h);
    for (size_t i = 0; i < ROWS * TASK_COLUMNS; i++)
        cells[i] = i % TASK_COLUMNS == TASK_OWNER ? number(9) : SN_NULL_CELL;
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_insert_many(&first, s.task, cells, ROWS));
    CHECK_STATUS(sn_commit(s.db), SN_DANGLING);
    CHECK(sn_db_error(s.db)->count == ROWS && sn_db_error(s.db)->row == 0);
    sn_rollback(s.db);
    CHECK(s.db->pending_cap <= 1024 && s.db->journal_cap <= 1024);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

int
main(void)
{
    hostile h = {0};
    test_new_refused(&h);
    test_figures(&h);
    test_revision(&h);
    test_pins(&h);
    test_drop_list(&h);
    test_large_unit(&h);
    test_dismantle(&h);
    test_dismantle_one_by_one(&h);
    test_shrink_refused(&h);
    test_many_problems(&h);
    return harness_done("database", &h);
}
