/*
 * test_write.c - units, inserts, loads, updates, deletes, moves: what they do, refuse, undo, and survive.
 *
 * The random comparison with a naive model is the fuzz target's (fuzz/); here are the cases that a reader wants to see.
 */
#include "fixture.h"

static sn_status
set(sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    return sn_table_update(t, &row, 1, &col, 1, &cell);
}

static size_t
tasks_of(const shop *s, sn_word owner)
{
    return sn_index_rows(s->task_owner, &owner).count;
}

/* ---------------------------------------------------------------- units */

static void
test_outside_a_unit(shop *s)
{
    sn_row row = 0;
    size_t deleted;
    sn_cell cells[PERSON_COLUMNS] = {SN_NULL_CELL, SN_NULL_CELL, SN_NULL_CELL};
    CHECK_STATUS(sn_table_insert(&row, s->person, cells), SN_MISUSE);
    CHECK_STATUS(sn_table_insert_many(&row, s->person, cells, 1), SN_MISUSE);
    CHECK_STATUS(set(s->person, 0, PERSON_BOSS, number(2)), SN_MISUSE);
    CHECK_STATUS(sn_table_delete(&deleted, s->person, &row, 1), SN_MISUSE);
    CHECK_STATUS(sn_index_move(s->task_owner, 0, 0), SN_MISUSE);
    CHECK_STATUS(sn_commit(s->db), SN_MISUSE);
    sn_rollback(s->db);
    CHECK(sn_depth(s->db) == 0);
}

static void
test_savepoints(shop *s)
{
    char *before[4];
    for (int depth = 0; depth < 4; depth++) {
        before[depth] = dump_shop(s);
        CHECK_OK(sn_begin(s->db));
        CHECK_OK(set(s->task, (sn_row)depth, TASK_OWNER, number(4 - depth)));
        CHECK_OK(set(s->task, (sn_row)depth, TASK_TITLE, bare("new")));
        CHECK_OK(set(s->task, 9, TASK_COST, real(depth)));
    }
    CHECK(sn_depth(s->db) == 4);
    for (int depth = 3; depth >= 0; depth--) {
        sn_rollback(s->db);
        drain(s->db);
        CHECK_SOUND(sn_check(s->db));
        CHECK(unchanged(s, before[depth]));
        free(before[depth]);
    }
}

/* An inner commit keeps what it did until the outer one is undone. */
static void
test_inner_commit(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_begin(s->db));
    sn_row row = add_person(s, "eve", 1);
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_table_alive(s->person, row) && sn_depth(s->db) == 1);
    sn_rollback(s->db);
    CHECK(!sn_table_alive(s->person, row) && sn_table_positions(s->person) == row + 1);
    drain(s->db);
    CHECK(sn_db_handle_count(s->db) == handle_count());
}

/* ---------------------------------------------------------------- inserting */

static void
test_insert(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    sn_row row = add_person(s, "eve", 2);
    sn_word id = 5, boss = 2;
    CHECK(row == 4 && sn_index_find(s->person_id, &id) == row && sn_index_rows(s->person_boss, &boss).count == 1);
    sn_cell given[PERSON_COLUMNS] = {number(100), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, s->person, given));
    CHECK(sn_table_next_number(s->person) == 101);
    given[0] = number(50);
    CHECK_OK(sn_table_insert(&row, s->person, given));
    CHECK(sn_table_next_number(s->person) == 101);
    sn_rollback(s->db);
    CHECK(sn_table_next_number(s->person) == 101); /* counters do not go back */
}

static void
test_insert_refused(shop *s)
{
    sn_row row;
    CHECK_OK(sn_begin(s->db));
    char *before = dump_shop(s);
    sn_cell person[PERSON_COLUMNS] = {number(2), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_STATUS(sn_table_insert(&row, s->person, person), SN_UNIQUE);
    const sn_error *e = sn_db_error(s->db);
    CHECK(e->table == s->person && e->index == s->person_id && e->other == 1 && e->row == SN_NO_ROW);
    sn_cell team[TEAM_COLUMNS] = {number(3), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_STATUS(sn_table_insert(&row, s->team, team), SN_NULL);
    CHECK(e->table == s->team && e->column == TEAM_NAME);
    sn_cell task[TASK_COLUMNS] = {SN_NULL_CELL, SN_NULL_CELL, SN_NULL_CELL, SN_NULL_CELL, SN_NULL_CELL, real(0.0)};
    task[TASK_COST].word = UINT64_C(0x7ff8000000000000);
    CHECK_STATUS(sn_table_insert(&row, s->task, task), SN_NAN);
    CHECK(e->column == TASK_COST);
    sn_cell text = bare("not interned");
    person[0] = SN_NULL_CELL;
    person[1] = text;
    CHECK_STATUS(sn_table_insert(&row, s->person, person), SN_MISUSE);
    take_back(s->db, text);
    CHECK(unchanged(s, before));
    free(before);
    sn_rollback(s->db);
}

static void
test_numbers_end(shop *s)
{
    sn_row row;
    sn_cell person[PERSON_COLUMNS] = {number(INT64_MAX), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_insert(&row, s->person, person));
    CHECK(sn_table_next_number(s->person) == INT64_MAX);
    person[0] = SN_NULL_CELL;
    CHECK_STATUS(sn_table_insert(&row, s->person, person), SN_LIMIT);
    CHECK(sn_db_error(s->db)->column == PERSON_ID);
    CHECK_OK(sn_commit(s->db));
}

static void
test_load(shop *s)
{
    enum { N = 200 };
    sn_cell cells[N * PERSON_COLUMNS];
    sn_row first;
    for (int i = 0; i < N; i++) {
        cells[i * PERSON_COLUMNS] = SN_NULL_CELL;
        cells[i * PERSON_COLUMNS + 1] = i % 2 ? SN_NULL_CELL : interned(s->db, (char[]){(char)(i + 1), 'x', 0});
        cells[i * PERSON_COLUMNS + 2] = number(5 + (i + 1) % N); /* mostly people who come later */
    }
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_insert_many(&first, s->person, cells, N));
    CHECK(first == 4 && s->db->journal_len == 1 && sn_table_count(s->person) == 4 + N);
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_insert_many(&first, s->person, cells, 0));
    CHECK(s->db->journal_len == 0);
    sn_rollback(s->db);
}

static void
test_load_refused(shop *s)
{
    sn_row first;
    CHECK_OK(sn_begin(s->db));
    add_person(s, "eve", 0);
    char *before = dump_shop(s);
    sn_cell cells[4 * PERSON_COLUMNS];
    for (int i = 0; i < 4; i++) {
        cells[i * PERSON_COLUMNS] = SN_NULL_CELL;
        cells[i * PERSON_COLUMNS + 1] = interned(s->db, (char[]){(char)('p' + i % 3), 0});
        cells[i * PERSON_COLUMNS + 2] = number(1000);
    }
    CHECK_STATUS(sn_table_insert_many(&first, s->person, cells, 4), SN_UNIQUE);
    CHECK(sn_db_error(s->db)->count == 3 && sn_db_error(s->db)->other == SN_NO_ROW); /* the first has the key */
    sn_cell id = cells[6];
    cells[6] = number(1);
    CHECK_STATUS(sn_table_insert_many(&first, s->person, cells, 4), SN_UNIQUE);
    CHECK(sn_db_error(s->db)->count == 2 && sn_db_error(s->db)->other == 0);
    cells[6] = id;
    for (int i = 0; i < 4; i++)
        take_back(s->db, cells[i * PERSON_COLUMNS + 1]);
    drain(s->db);
    CHECK(unchanged(s, before) && s->db->pending_len == 0);
    free(before);
    CHECK_OK(sn_commit(s->db));
}

/* Rows are loaded in pieces; the one that is refused stands in a later piece, behind rows without a fault. */
static void
test_load_refused_late(shop *s)
{
    enum { N = 700, AT = 650 };
    static sn_cell cells[N * TASK_COLUMNS];
    sn_row first;
    for (int i = 0; i < N; i++) {
        sn_cell *c = cells + i * TASK_COLUMNS;
        c[TASK_ID] = number(1000 + i);
        c[TASK_TITLE] = c[TASK_CITY] = c[TASK_NAME] = SN_NULL_CELL;
        c[TASK_OWNER] = i % 7 ? number(1 + i % 3) : SN_NULL_CELL;
        c[TASK_COST] = real(i % 11);
    }
    CHECK_OK(sn_begin(s->db));
    char *before = dump_shop(s);
    cells[AT * TASK_COLUMNS + TASK_ID] = number(1000);
    CHECK_STATUS(sn_table_insert_many(&first, s->task, cells, N), SN_UNIQUE);
    CHECK(sn_db_error(s->db)->count == AT && sn_db_error(s->db)->other == SN_NO_ROW);
    cells[AT * TASK_COLUMNS + TASK_ID] = number(1000 + AT);
    cells[AT * TASK_COLUMNS + TASK_COST].word = UINT64_C(0x7ff8000000000000);
    CHECK_STATUS(sn_table_insert_many(&first, s->task, cells, N), SN_NAN);
    CHECK(sn_db_error(s->db)->count == AT && sn_db_error(s->db)->column == TASK_COST);
    CHECK(unchanged(s, before) && s->db->pending_len == 0);
    free(before);
    cells[AT * TASK_COLUMNS + TASK_COST] = real(1.0);
    CHECK_OK(sn_table_insert_many(&first, s->task, cells, N));
    CHECK(s->db->journal_len == 1 && sn_table_get(s->task, first + AT, TASK_ID).word == 1000 + AT);
    CHECK_OK(sn_commit(s->db));
}

/* ---------------------------------------------------------------- updating */

static void
test_update_moves(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->task, 0, TASK_OWNER, number(2)));
    sn_word owner = 2;
    sn_posting_view view = sn_index_rows(s->task_owner, &owner);
    CHECK(tasks_of(s, 1) == 4 && view.count == 6 && view.rows[view.len - 1] == 0);
    CHECK_OK(set(s->task, 0, TASK_OWNER, number(1)));
    owner = 1;
    view = sn_index_rows(s->task_owner, &owner);
    CHECK(view.count == 5 && view.rows[view.len - 1] == 0); /* away and back: last */
    sn_rollback(s->db);
    view = sn_index_rows(s->task_owner, &owner);
    CHECK(view.count == 5 && view.rows[0] == 0); /* positions are restored */
}

static void
test_swap(shop *s)
{
    sn_row rows[] = {0, 1};
    sn_col col = PERSON_EMAIL;
    sn_cell emails[] = {interned(s->db, "bob"), interned(s->db, "ann")};
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_update(s->person, rows, 2, &col, 1, emails));
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_index_find(s->person_email, &emails[0].word) == 0 && sn_index_find(s->person_email, &emails[1].word) == 1);
}

static void
test_update_refused(shop *s)
{
    sn_row stale = 77, rows[20];
    sn_col email = PERSON_EMAIL, cols[] = {TASK_COST, TASK_COST};
    sn_cell ann = interned(s->db, "ann"), costs[20 * 2];
    CHECK_OK(sn_begin(s->db));
    char *before = dump_shop(s);
    CHECK_STATUS(sn_table_update(s->person, (sn_row[]){1}, 1, &email, 1, &ann), SN_UNIQUE);
    const sn_error *e = sn_db_error(s->db);
    CHECK(e->row == 1 && e->other == 0 && e->index == s->person_email);
    CHECK_STATUS(sn_table_update(s->person, &stale, 1, &email, 1, &ann), SN_STALE);
    CHECK(e->row == 77);
    CHECK_STATUS(set(s->team, 0, TEAM_NAME, SN_NULL_CELL), SN_NULL);
    CHECK(e->row == 0 && e->column == TEAM_NAME);
    CHECK_STATUS(set(s->person, 0, PERSON_ID, number(9)), SN_KEY_IN_USE);
    CHECK(e->row == 0 && e->reference == s->boss && e->count == 3);
    CHECK_STATUS(set(s->person, 0, PERSON_COLUMNS, number(9)), SN_MISUSE);
    for (int i = 0; i < 20; i++) {
        rows[i] = (sn_row)((i * 7) % 20);
        costs[i] = real(i);
    }
    CHECK_STATUS(sn_table_update(s->task, rows, 20, cols, 2, costs), SN_MISUSE); /* one column twice */
    rows[19] = rows[3];
    CHECK_STATUS(sn_table_update(s->task, rows, 20, cols, 1, costs), SN_MISUSE); /* one row twice, among many */
    CHECK_STATUS(sn_table_update(s->task, (sn_row[]){2, 1, 2}, 3, cols, 1, costs), SN_MISUSE);
    take_back(s->db, ann);
    CHECK(unchanged(s, before));
    free(before);
    rows[19] = (19 * 7) % 20;
    CHECK_OK(sn_table_update(s->task, rows, 20, cols, 1, costs));
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
}

/* What equals the stored cell is moved in too, and comes out of the drop list. */
static void
test_unchanged_cells(shop *s)
{
    sn_row rows[] = {0, 1};
    sn_col cols[] = {TASK_NAME, TASK_TITLE};
    sn_cell stored = sn_table_get(s->task, 1, TASK_NAME);
    sn_entry_retain(stored.word);
    sn_cell cells[] = {SN_NULL_CELL, bare("changed"), stored, bare("changed too")};
    size_t handles = handle_count();
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_update(s->task, rows, 2, cols, 2, cells));
    CHECK(s->db->journal_len == 2 && sn_db_drop_count(s->db) == 0);
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_db_drop_count(s->db) == 2); /* the old titles */
    drain(s->db);
    CHECK(handle_count() == handles - 2);
    CHECK_SOUND(sn_check(s->db));
}

/* One unindexed cell outside any unit; everything else goes the long way and is left alone. */
static void
test_exchange(shop *s)
{
    sn_cell old, title = bare("new"), dead = number(1);
    uint64_t revision = sn_db_revision(s->db);
    CHECK(!sn_table_exchange(&old, s->task, 1, TASK_COST, real(1)));       /* in an index */
    CHECK(!sn_table_exchange(&old, s->task, 1, TASK_ID, number(99)));      /* the automatic column */
    CHECK(!sn_table_exchange(&old, s->task, SN_NO_ROW, TASK_TITLE, dead)); /* no such row */
    CHECK(!sn_table_exchange(&old, s->task, 1, TASK_COLUMNS, dead));       /* no such column */
    CHECK_OK(sn_begin(s->db));
    CHECK(!sn_table_exchange(&old, s->task, 1, TASK_TITLE, title)); /* a unit may be undone: it needs the journal */
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_db_revision(s->db) == revision);
    hostile_arm(s->h, 1, true);
    CHECK(sn_table_exchange(&old, s->task, 1, TASK_TITLE, title)); /* needs no memory */
    CHECK(hostile_disarm(s->h) == 0);
    CHECK(sn_db_revision(s->db) > revision);
    CHECK(sn_table_get(s->task, 1, TASK_TITLE).word == title.word && old.word != title.word);
    take_back(s->db, old);
}

static void
test_update_number(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->task, 0, TASK_ID, number(500)));
    CHECK(sn_table_next_number(s->task) == 501);
    CHECK_STATUS(set(s->task, 0, TASK_ID, SN_NULL_CELL), SN_NULL);
    CHECK_OK(sn_commit(s->db));
}

/* ---------------------------------------------------------------- rules at the end */

static void
test_dangling(shop *s)
{
    sn_error e;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->task, 3, TASK_OWNER, number(70)));
    CHECK_OK(set(s->task, 3, TASK_OWNER, number(71)));
    CHECK_OK(set(s->task, 1, TASK_OWNER, number(72)));
    CHECK_OK(set(s->task, 2, TASK_OWNER, number(5)));
    CHECK(!sn_problem(&e, s->db, 0));
    add_person(s, NULL, 0); /* the target of task 2 */
    CHECK_STATUS(sn_commit(s->db), SN_DANGLING);
    CHECK(sn_db_error(s->db)->row == 3 && sn_db_error(s->db)->count == 2 && sn_depth(s->db) == 1);
    CHECK(sn_problem(&e, s->db, 0) && e.row == 3 && e.reference == s->owner && e.status == SN_DANGLING);
    CHECK(sn_problem(&e, s->db, 1) && e.row == 1 && !sn_problem(&e, s->db, 2));
    CHECK_OK(set(s->task, 3, TASK_OWNER, SN_NULL_CELL));
    CHECK_STATUS(sn_commit(s->db), SN_DANGLING);
    CHECK(sn_problem(&e, s->db, 0) && e.row == 1 && !sn_problem(&e, s->db, 1));
    CHECK_OK(set(s->task, 1, TASK_OWNER, number(1)));
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
}

/* A key of two columns refers to nothing while one of them is null. */
static void
test_half_a_key(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->task, 1, TASK_NAME, SN_NULL_CELL));
    CHECK_OK(set(s->task, 2, TASK_CITY, SN_NULL_CELL));
    CHECK_OK(sn_commit(s->db));
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->task, 2, TASK_CITY, number(1)));
    CHECK_STATUS(sn_commit(s->db), SN_DANGLING); /* city 1 has no team blue */
    CHECK(sn_db_error(s->db)->reference == s->membership);
    sn_rollback(s->db);
}

static void
test_self_reference(shop *s)
{
    sn_row row;
    sn_cell own[PERSON_COLUMNS] = {number(9), SN_NULL_CELL, number(9)};
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_insert(&row, s->person, own));
    CHECK_OK(sn_commit(s->db));
    CHECK_OK(sn_begin(s->db));
    size_t deleted;
    CHECK_OK(sn_table_delete(&deleted, s->person, &row, 1)); /* only rows that remain restrict */
    CHECK_OK(sn_commit(s->db));
}

static void
test_deferred(shop *s)
{
    sn_error e;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(set(s->team, 1, TEAM_RANK, number(1)));
    sn_row third = add_team(s, 3, "green", 1);
    CHECK_STATUS(sn_commit(s->db), SN_UNIQUE);
    CHECK(sn_problem(&e, s->db, 0) && e.status == SN_UNIQUE && e.index == s->team_rank && e.row == 1 && e.other != 1);
    CHECK(sn_problem(&e, s->db, 1) && e.row == third && !sn_problem(&e, s->db, 2));
    CHECK_OK(set(s->team, 0, TEAM_RANK, number(3)));
    CHECK_OK(set(s->team, third, TEAM_RANK, number(2)));
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
}

/* ---------------------------------------------------------------- deleting */

static void
test_restrict(shop *s)
{
    sn_row ann = 0;
    size_t deleted;
    sn_error e;
    char *before = dump_shop(s);
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->person, &ann, 1));
    CHECK(deleted == 1 && tasks_of(s, 1) == 0); /* her tasks went with her, her people did not */
    CHECK_STATUS(sn_commit(s->db), SN_RESTRICTED);
    CHECK(sn_problem(&e, s->db, 0) && e.reference == s->boss && e.row == 1 && e.other == ann && e.count == 3);
    sn_rollback(s->db);
    CHECK(unchanged(s, before));
    free(before);
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->person, (sn_row[]){0, 1, 2, 3, 1, 99}, 6));
    CHECK(deleted == 4);
    CHECK_OK(sn_commit(s->db));
    CHECK(sn_table_count(s->person) == 0 && sn_table_count(s->task) == 0);
    CHECK_SOUND(sn_check(s->db));
}

/* The key may come back on another row. */
static void
test_replaced_target(shop *s)
{
    sn_row ann = 0, row;
    size_t deleted;
    sn_cell again[PERSON_COLUMNS] = {number(1), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->person, &ann, 1));
    CHECK_OK(sn_table_insert(&row, s->person, again));
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
}

static void
test_nullify(shop *s)
{
    sn_row red = 0;
    size_t deleted;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->team, &red, 1));
    CHECK(sn_table_get(s->task, 1, TASK_CITY).null && sn_table_get(s->task, 1, TASK_NAME).null);
    CHECK(!sn_table_get(s->task, 2, TASK_CITY).null);
    sn_rollback(s->db);
    CHECK(!sn_table_get(s->task, 1, TASK_CITY).null);
    sn_word key[] = {1, sn_table_get(s->task, 1, TASK_NAME).word};
    CHECK(sn_index_rows(s->task_team, key).count == 7);
}

/* A row that dies keeps its handle, so that undoing finds the same object. */
static void
test_handles_of_the_dead(shop *s)
{
    int mark;
    sn_row row = 5;
    size_t deleted;
    CHECK_OK(sn_table_set_handle(s->task, row, &mark));
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_table_delete(&deleted, s->task, &row, 1));
    sn_rollback(s->db);
    CHECK(sn_table_alive(s->task, row) && sn_table_handle(s->task, row) == &mark);
    CHECK_OK(sn_table_set_handle(s->task, row, NULL));
}

static void
test_delete_in_every_order(shop *s)
{
    uint64_t seed = 7;
    size_t deleted;
    for (int round = 0; round < 50; round++) {
        char *before = dump_shop(s);
        CHECK_OK(sn_begin(s->db));
        for (int i = 0; i < 8; i++) {
            sn_row row = harness_random(&seed, 20);
            if (sn_table_alive(s->task, row))
                CHECK_OK(set(s->task, row, TASK_OWNER, number(1 + harness_random(&seed, 4))));
            row = harness_random(&seed, 20);
            CHECK_OK(sn_table_delete(&deleted, s->task, &row, 1));
        }
        CHECK_SOUND(sn_check(s->db));
        sn_rollback(s->db);
        drain(s->db);
        CHECK_SOUND(sn_check(s->db));
        CHECK(unchanged(s, before));
        free(before);
    }
}

/* ---------------------------------------------------------------- order of arrival */

static void
test_move(shop *s)
{
    sn_word owner = 1; /* tasks 0 4 8 12 16 */
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(sn_index_move(s->task_owner, 0, SIZE_MAX));
    CHECK_OK(sn_index_move(s->task_owner, 16, 0));
    sn_posting_view view = sn_index_rows(s->task_owner, &owner);
    CHECK(view.rows[0] == 16 && view.rows[1] == 4 && view.rows[4] == 0);
    CHECK_OK(sn_index_move(s->task_owner, 8, 2)); /* where it is */
    CHECK(s->db->journal_len == 2);
    CHECK_STATUS(sn_index_move(s->task_id, 0, 0), SN_MISUSE);
    CHECK_STATUS(sn_index_move(s->task_owner, 99, 0), SN_STALE);
    CHECK_STATUS(sn_index_move(s->person_boss, 0, 0), SN_MISUSE); /* a null key stands in no list */
    sn_rollback(s->db);
    view = sn_index_rows(s->task_owner, &owner);
    CHECK(view.rows[0] == 0 && view.rows[4] == 16);
}

/* ---------------------------------------------------------------- sweeps */

static void
prepare_task(shop *s)
{
    for (s->cell_count = 0; s->cell_count < 5 * TASK_COLUMNS; s->cell_count += TASK_COLUMNS) {
        sn_cell *c = &s->cells[s->cell_count];
        c[TASK_ID] = SN_NULL_CELL;
        c[TASK_TITLE] = bare("swept");
        c[TASK_OWNER] = number(1 + (int64_t)s->cell_count % 3);
        c[TASK_CITY] = number(2);
        c[TASK_NAME] = interned(s->db, "blue");
        c[TASK_COST] = real((double)s->cell_count);
    }
}

static sn_status
run_insert(shop *s)
{
    sn_row row;
    sn_status st = sn_table_insert(&row, s->task, s->cells);
    if (st == SN_OK)
        take_tasks_back(s, TASK_COLUMNS);
    return st;
}

static sn_status
run_load(shop *s)
{
    sn_row first;
    return sn_table_insert_many(&first, s->task, s->cells, 5);
}

static sn_status
run_update(shop *s)
{
    static const sn_col cols[] = {TASK_ID, TASK_TITLE, TASK_OWNER, TASK_CITY, TASK_NAME, TASK_COST};
    for (size_t i = 0; i < 5; i++)
        s->cells[i * TASK_COLUMNS + TASK_ID] = number(90 - (int64_t)i);
    return sn_table_update(s->task, (sn_row[]){7, 3, 11, 0, 19}, 5, cols, TASK_COLUMNS, s->cells);
}

static sn_status
run_update_many(shop *s)
{
    sn_row rows[20];
    sn_col col = TASK_OWNER;
    for (sn_row i = 0; i < 20; i++) {
        rows[i] = 19 - i;
        s->cells[i] = number(4);
    }
    return sn_table_update(s->task, rows, 20, &col, 1, s->cells);
}

static sn_status
run_cascade(shop *s)
{
    size_t deleted;
    return sn_table_delete(&deleted, s->person, (sn_row[]){0, 1, 2, 3}, 4);
}

static sn_status
run_nullify(shop *s)
{
    size_t deleted;
    return sn_table_delete(&deleted, s->team, (sn_row[]){0, 1}, 2);
}

/* So that the next record needs memory. */
static void
prepare_no_journal(shop *s)
{
    CHECK(s->db->journal_len == 0);
    sn_mem_free(&s->db->mem, s->db->journal, s->db->journal_cap * sizeof(sn_undo));
    s->db->journal = NULL;
    s->db->journal_cap = 0;
}

static sn_status
run_move(shop *s)
{
    return sn_index_move(s->task_owner, 0, 3);
}

static sn_status
run_handle(shop *s)
{
    static int mark;
    return sn_table_set_handle(s->task, 12, &mark);
}

static sn_status
run_pending(shop *s)
{
    sn_row row = 0;
    size_t deleted;
    return sn_table_delete(&deleted, s->person, &row, 1);
}

/* Fails to commit, so the check that follows would not be content: only the refusals count, then it is mended. */
static sn_status
run_restrict(shop *s)
{
    sn_row row;
    sn_cell again[PERSON_COLUMNS] = {number(1), SN_NULL_CELL, SN_NULL_CELL};
    sn_status st = run_pending(s);
    if (st != SN_OK)
        return st;
    st = sn_table_insert(&row, s->person, again);
    if (st != SN_OK) { /* half of a unit: undone as a whole */
        sn_rollback(s->db);
        hostile_disarm(s->h);
        CHECK_OK(sn_begin(s->db));
    }
    return st;
}

static sn_status
run_begin(shop *s)
{
    for (size_t depth = sn_depth(s->db); depth < 20; depth++) {
        sn_status st = sn_begin(s->db);
        if (st != SN_OK) {
            while (sn_depth(s->db) > 0)
                sn_rollback(s->db);
            return st;
        }
    }
    while (sn_depth(s->db) > 0)
        CHECK_OK(sn_commit(s->db));
    return SN_OK;
}

static void
test_sweeps(hostile *h)
{
    sweep(h, (shop_sweep){prepare_task, run_insert, true});
    sweep(h, (shop_sweep){prepare_task, run_load, true});
    sweep(h, (shop_sweep){prepare_task, run_update, true});
    sweep(h, (shop_sweep){NULL, run_update_many, true});
    sweep(h, (shop_sweep){NULL, run_cascade, true});
    sweep(h, (shop_sweep){NULL, run_nullify, true});
    sweep(h, (shop_sweep){NULL, run_restrict, true});
    sweep(h, (shop_sweep){prepare_no_journal, run_move, true});
    sweep(h, (shop_sweep){NULL, run_handle, true});
    sweep(h, (shop_sweep){NULL, run_begin, false});
}

int
main(void)
{
    static void (*const tests[])(shop *) = {
        test_outside_a_unit,
        test_savepoints,
        test_inner_commit,
        test_insert,
        test_insert_refused,
        test_numbers_end,
        test_load,
        test_load_refused,
        test_load_refused_late,
        test_update_moves,
        test_swap,
        test_update_refused,
        test_unchanged_cells,
        test_exchange,
        test_update_number,
        test_dangling,
        test_half_a_key,
        test_self_reference,
        test_deferred,
        test_restrict,
        test_replaced_target,
        test_nullify,
        test_handles_of_the_dead,
        test_delete_in_every_order,
        test_move,
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
    test_sweeps(&h);
    return harness_done("write", &h);
}
