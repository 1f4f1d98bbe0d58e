/*
 * test_schema.c - tables, columns and indexes: making, changing and dropping them, with rows there.
 */
#include "fixture.h"

static sn_status
delete_all(shop *s, sn_table *t)
{
    size_t deleted;
    CHECK_OK(sn_begin(s->db));
    for (sn_row row = 0; row < sn_table_positions(t); row++)
        CHECK_OK(sn_table_delete(&deleted, t, &row, 1));
    sn_status st = sn_commit(s->db);
    drain(s->db);
    return st;
}

/* ---------------------------------------------------------------- tables */

static void
test_tables(shop *s)
{
    int tag;
    sn_table *t, *u;
    CHECK_OK(sn_table_new(&t, s->db, &tag));
    CHECK_OK(sn_table_new(&u, s->db, NULL));
    CHECK(sn_table_tag(t) == &tag && sn_table_db(t) == s->db && sn_table_columns(t) == 0);
    sn_table_drop(t);
    sn_table_drop(s->person); /* has rows and references: refused */
    CHECK(sn_db_error(s->db)->status == SN_MISUSE && sn_table_count(s->person) == 4);
    CHECK_OK(sn_begin(s->db));
    CHECK_STATUS(sn_table_new(&t, s->db, NULL), SN_BUSY);
    sn_table_drop(u);
    CHECK(sn_db_error(s->db)->status == SN_MISUSE);
    sn_rollback(s->db);
    sn_table_drop(u);
    CHECK_OK(sn_reference_drop(s->owner));
    CHECK_OK(sn_reference_drop(s->membership));
    CHECK_OK(delete_all(s, s->task));
    sn_table_drop(s->task); /* with its indexes */
    CHECK(s->db->tables == s->person && s->person->next == s->team && !s->team->next);
}

/* ---------------------------------------------------------------- columns */

static void
test_add_column(shop *s)
{
    sn_col col;
    sn_cell fill[20];
    size_t deleted;
    sn_row dead = 3;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->task, &dead, 1));
    CHECK_OK(sn_commit(s->db));
    for (sn_row row = 0; row < 20; row++)
        fill[row] = row == dead ? SN_NULL_CELL : bare("note");
    CHECK_OK(sn_table_add_column(&col, s->task, &(sn_column_def){SN_TEXT, false, false}, fill));
    CHECK(col == TASK_COLUMNS && sn_table_get(s->task, 4, col).word == fill[4].word && s->task->owning_count == 3);
    CHECK_SOUND(sn_check(s->db));
    CHECK_OK(sn_table_drop_column(s->task, col));
    CHECK(sn_db_drop_count(s->db) == 20); /* the dead row's title is among them */
    CHECK(!sn_table_column_def(s->task, col) && s->task->owning_count == 2);
    CHECK_OK(sn_table_add_column(&col, s->task, &(sn_column_def){SN_INT, true, false}, NULL));
    CHECK(col == TASK_COLUMNS && sn_table_get(s->task, 4, col).null); /* the gap is taken */
    CHECK_SOUND(sn_check(s->db));
}

static void
test_add_column_refused(shop *s)
{
    sn_col col = 77;
    sn_cell fill[4] = {number(1), number(2), SN_NULL_CELL, number(4)};
    char *before = dump_shop(s);
    CHECK_STATUS(sn_table_add_column(&col, s->person, &(sn_column_def){SN_INT, false, false}, NULL), SN_NULL);
    CHECK(sn_db_error(s->db)->row == 0);
    CHECK_STATUS(sn_table_add_column(&col, s->person, &(sn_column_def){SN_INT, false, false}, fill), SN_NULL);
    CHECK(sn_db_error(s->db)->row == 2);
    CHECK_STATUS(sn_table_add_column(&col, s->person, &(sn_column_def){SN_INT, false, true}, NULL),
                 SN_MISUSE); /* second */
    CHECK_STATUS(sn_table_add_column(&col, s->team, &(sn_column_def){SN_FLOAT, false, true}, NULL), SN_MISUSE);
    CHECK_STATUS(sn_table_add_column(&col, s->team, &(sn_column_def){SN_TYPE_COUNT, true, false}, NULL), SN_MISUSE);
    CHECK_STATUS(sn_table_drop_column(s->person, PERSON_EMAIL), SN_MISUSE); /* indexed */
    CHECK_STATUS(sn_table_drop_column(s->person, 9), SN_MISUSE);
    CHECK_STATUS(sn_table_set_nullable(s->person, 9, true), SN_MISUSE);
    CHECK_OK(sn_begin(s->db));
    CHECK_STATUS(sn_table_add_column(&col, s->person, &(sn_column_def){SN_INT, true, false}, NULL), SN_BUSY);
    CHECK_STATUS(sn_table_drop_column(s->task, TASK_TITLE), SN_BUSY);
    CHECK_STATUS(sn_table_set_nullable(s->task, TASK_TITLE, false), SN_BUSY);
    sn_rollback(s->db);
    CHECK(col == 77 && unchanged(s, before));
    free(before);
}

/* Rows without a number get one, above those that are given. */
static void
test_automatic(shop *s)
{
    sn_col col;
    sn_cell fill[2] = {SN_NULL_CELL, number(10)};
    CHECK_OK(sn_table_add_column(&col, s->team, &(sn_column_def){SN_INT, false, true}, fill));
    CHECK(sn_table_get(s->team, 0, col).word == 11 && sn_table_get(s->team, 1, col).word == 10);
    CHECK(sn_table_next_number(s->team) == 12);
    CHECK_SOUND(sn_check(s->db));
    CHECK_OK(sn_table_drop_column(s->team, col));
    fill[1] = number(INT64_MAX - 1);
    CHECK_STATUS(sn_table_add_column(&col, s->team, &(sn_column_def){SN_INT, false, true}, fill), SN_LIMIT);
    CHECK_OK(sn_table_add_column(&col, s->team, &(sn_column_def){SN_INT, false, true}, NULL));
    CHECK(sn_table_get(s->team, 1, col).word == 2 && sn_table_next_number(s->team) == 3);
    CHECK_OK(sn_begin(s->db));
    sn_row row;
    sn_cell cells[] = {number(7), interned(s->db, "grey"), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, s->team, cells));
    CHECK(sn_table_get(s->team, row, col).word == 3);
    CHECK_OK(sn_commit(s->db));
}

/* Dead rows get no number and take none away; an automatic column may hold nulls that were set. */
static void
test_automatic_and_dead(shop *s)
{
    sn_col col;
    sn_row row = 1;
    size_t deleted;
    sn_cell fill[2] = {number(4), SN_NULL_CELL}, null = SN_NULL_CELL;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->team, &row, 1));
    CHECK_OK(sn_commit(s->db));
    drain(s->db);
    CHECK_OK(sn_table_add_column(&col, s->team, &(sn_column_def){SN_INT, true, true}, fill));
    CHECK(sn_table_get(s->team, 0, col).word == 4 && sn_table_next_number(s->team) == 5);
    CHECK_OK(sn_begin(s->db));
    row = 0;
    CHECK_OK(sn_table_update(s->team, &row, 1, &col, 1, &null));
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_table_get(s->team, 0, col).null && sn_table_next_number(s->team) == 5);
    CHECK_SOUND(sn_check(s->db));
    CHECK_OK(sn_table_drop_column(s->team, col));
    CHECK_OK(sn_table_add_column(&col, s->team, &(sn_column_def){SN_INT, false, true}, NULL));
    CHECK(sn_table_get(s->team, 0, col).word == 1 && sn_table_next_number(s->team) == 2);
    CHECK_SOUND(sn_check(s->db));
}

static void
test_nullable(shop *s)
{
    sn_row row = 1;
    size_t deleted;
    CHECK_OK(sn_table_set_nullable(s->team, TEAM_CITY, false)); /* already */
    CHECK_OK(sn_table_set_nullable(s->team, TEAM_CITY, true));
    CHECK_SOUND(sn_check(s->db));
    CHECK_STATUS(sn_table_set_nullable(s->team, TEAM_RANK, false), SN_NULL);
    CHECK(sn_db_error(s->db)->row == 1 && sn_db_error(s->db)->column == TEAM_RANK);
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->team, &row, 1));
    CHECK_OK(sn_commit(s->db));
    CHECK_OK(sn_table_set_nullable(s->team, TEAM_RANK, false)); /* the dead have no say */
    CHECK(!sn_table_column_def(s->team, TEAM_RANK)->nullable);
    CHECK_SOUND(sn_check(s->db));
}

/* ---------------------------------------------------------------- indexes */

static void
test_indexes(shop *s)
{
    int tag;
    sn_index *ix;
    const sn_col *cols;
    sn_col two[] = {TASK_COST, TASK_OWNER};
    CHECK_OK(sn_index_new(&ix, s->task, SN_INDEX_ORDERED, two, 2, false, &tag));
    CHECK(sn_index_tag(ix) == &tag && sn_index_kind_of(ix) == SN_INDEX_ORDERED && sn_index_table(ix) == s->task);
    CHECK(sn_index_columns(ix, &cols) == 2 && cols[0] == TASK_COST && cols[1] == TASK_OWNER);
    CHECK_SOUND(sn_check(s->db));
    CHECK_OK(sn_index_drop(s->task_cost));                             /* from the middle */
    CHECK_STATUS(sn_table_drop_column(s->task, TASK_COST), SN_MISUSE); /* the other one is left */
    CHECK_OK(sn_index_drop(ix));
    CHECK_OK(sn_table_drop_column(s->task, TASK_COST));
    CHECK_SOUND(sn_check(s->db));
}

static sn_status
new_index(sn_table *t, sn_index_kind kind, sn_col col, bool deferred)
{
    sn_index *ix;
    return sn_index_new(&ix, t, kind, &col, 1, deferred, NULL);
}

static void
test_indexes_refused(shop *s)
{
    sn_index *ix;
    sn_col twice[] = {TASK_COST, TASK_COST}, object, row_col = TASK_COST;
    sn_row row = 2;
    sn_cell nan = {UINT64_C(0xfff8000000000001), false};
    CHECK_OK(sn_table_add_column(&object, s->task, &(sn_column_def){SN_OBJECT, true, false}, NULL));
    char *before = dump_shop(s);
    CHECK_STATUS(new_index(s->task, SN_INDEX_UNIQUE, TASK_OWNER, false), SN_UNIQUE);
    CHECK(sn_db_error(s->db)->row == 4 && sn_db_error(s->db)->other == 0);
    CHECK_STATUS(new_index(s->task, SN_INDEX_UNIQUE, TASK_OWNER, true), SN_UNIQUE);
    CHECK_STATUS(new_index(s->task, SN_INDEX_MANY, TASK_TITLE, false), SN_MISUSE); /* bare text */
    CHECK_STATUS(new_index(s->task, SN_INDEX_MANY, object, false), SN_MISUSE);
    CHECK_STATUS(new_index(s->task, SN_INDEX_MANY, 55, false), SN_MISUSE);
    CHECK_STATUS(new_index(s->task, SN_INDEX_MANY, TASK_COST, true), SN_MISUSE);
    CHECK_STATUS(sn_index_new(&ix, s->task, SN_INDEX_MANY, twice, 2, false, NULL), SN_MISUSE);
    CHECK_STATUS(sn_index_new(&ix, s->task, SN_INDEX_MANY, twice, 0, false, NULL), SN_MISUSE);
    CHECK(unchanged(s, before));
    free(before);
    CHECK_OK(sn_index_drop(s->task_cost));
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_update(s->task, &row, 1, &row_col, 1, &nan)); /* allowed while there is no index */
    CHECK_STATUS(new_index(s->task, SN_INDEX_ORDERED, TASK_COST, false), SN_BUSY);
    CHECK_STATUS(sn_index_drop(s->task_id), SN_BUSY);
    CHECK_OK(sn_commit(s->db));
    CHECK_STATUS(new_index(s->task, SN_INDEX_ORDERED, TASK_COST, false), SN_NAN);
    CHECK(sn_db_error(s->db)->row == 2 && sn_db_error(s->db)->column == TASK_COST);
    CHECK(s->task->columns[TASK_COST].indexed == 0);
}

/* ---------------------------------------------------------------- sweeps */

static sn_status
run_table(shop *s)
{
    sn_table *t;
    return sn_table_new(&t, s->db, NULL);
}

static sn_status
run_column(shop *s)
{
    sn_col col;
    return sn_table_add_column(&col, s->task, &(sn_column_def){SN_FLOAT, true, false}, NULL);
}

/* So that the promises of a whole column need memory. */
static void
prepare_no_drops(shop *s)
{
    CHECK(s->db->drop_len == 0 && s->db->drop_promised == 0);
    sn_mem_free(&s->db->mem, s->db->drops, s->db->drop_cap * sizeof(void *));
    s->db->drops = NULL;
    s->db->drop_cap = 0;
}

static sn_status
run_drop_column(shop *s)
{
    return sn_table_drop_column(s->task, TASK_TITLE);
}

static sn_status
run_nullable(shop *s)
{
    return sn_table_set_nullable(s->team, TEAM_CITY, true);
}

static sn_status
run_unique(shop *s)
{
    sn_index *ix;
    return sn_index_new(&ix, s->task, SN_INDEX_UNIQUE, (sn_col[]){TASK_COST, TASK_ID}, 2, false, NULL);
}

static sn_status
run_many(shop *s)
{
    return new_index(s->task, SN_INDEX_MANY, TASK_NAME, false);
}

static sn_status
run_ordered(shop *s)
{
    return new_index(s->task, SN_INDEX_ORDERED, TASK_NAME, false);
}

int
main(void)
{
    static void (*const tests[])(shop *) = {
        test_tables,   test_add_column, test_add_column_refused, test_automatic, test_automatic_and_dead,
        test_nullable, test_indexes,    test_indexes_refused,
    };
    static sn_status (*const runs[])(shop *) = {
        run_table, run_column, run_nullable, run_unique, run_many, run_ordered,
    };
    hostile h = {0};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        shop s;
        make_shop(&s, &h);
        fill_shop(&s);
        tests[i](&s);
        drain(s.db);
        CHECK_SOUND(sn_check(s.db));
        CHECK(sn_db_handle_count(s.db) == handle_count());
        free_shop(&s);
        CHECK(h.blocks == 0);
    }
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        sweep(&h, (shop_sweep){NULL, runs[i], false});
    sweep(&h, (shop_sweep){prepare_no_drops, run_drop_column, false});
    return harness_done("schema", &h);
}
