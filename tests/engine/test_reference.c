/*
 * test_reference.c - making and dropping references: what they accept, what they count, what holds them.
 */
#include "fixture.h"

#include "path.h"

static void
test_accessors(hostile *h)
{
    shop s;
    int tag;
    sn_reference *ref;
    make_shop(&s, h);
    CHECK(sn_reference_from(s.owner) == s.task && sn_reference_to(s.owner) == s.person);
    CHECK(sn_reference_from_index(s.owner) == s.task_owner && sn_reference_to_index(s.owner) == s.person_id);
    CHECK_OK(
        sn_reference_new(&ref, s.task_id, s.person_id, SN_KEEP, false, &tag)); /* one to one, over a unique index */
    CHECK(sn_reference_tag(ref) == &tag);
    CHECK(s.task->outgoing_count == 3 && s.person->incoming_count == 3 && s.person_id->references == 3);
    CHECK_OK(sn_reference_drop(s.owner)); /* from the middle of both lists */
    CHECK(s.task->outgoing_count == 2 && s.task->outgoing[1] == ref && s.person->incoming[1] == ref);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

static void
test_misuse(hostile *h)
{
    shop s;
    sn_reference *ref;
    make_shop(&s, h);
    size_t revision = sn_db_revision(s.db);
    CHECK_STATUS(sn_reference_new(&ref, s.task_cost, s.person_id, SN_RESTRICT, true, NULL), SN_MISUSE);    /* ordered */
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.person_boss, SN_RESTRICT, true, NULL), SN_MISUSE); /* to many */
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.team_rank, SN_RESTRICT, true, NULL),
                 SN_MISUSE); /* to deferred */
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.person_email, SN_RESTRICT, true, NULL), SN_MISUSE); /* types */
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.team_key, SN_RESTRICT, true, NULL), SN_MISUSE); /* columns */
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.person_id, SN_KEEP, true, NULL), SN_MISUSE);
    CHECK_STATUS(sn_reference_new(&ref, s.task_id, s.person_id, SN_NULLIFY, true, NULL), SN_MISUSE); /* not nullable */
    CHECK_STATUS(sn_index_drop(s.task_owner), SN_MISUSE);
    CHECK(sn_db_error(s.db)->index == s.task_owner);
    CHECK_STATUS(sn_index_drop(s.person_id), SN_MISUSE);
    CHECK_STATUS(sn_table_set_nullable(s.task, TASK_OWNER, false), SN_OK); /* cascades: needs no null */
    CHECK_OK(sn_table_set_nullable(s.task, TASK_CITY, false));             /* name is left to nullify */
    CHECK_STATUS(sn_table_set_nullable(s.task, TASK_NAME, false), SN_MISUSE);
    CHECK(sn_db_revision(s.db) == revision + 2);
    CHECK_OK(sn_begin(s.db));
    CHECK_STATUS(sn_reference_new(&ref, s.task_owner, s.person_id, SN_RESTRICT, true, NULL), SN_BUSY);
    CHECK_STATUS(sn_reference_drop(s.owner), SN_BUSY);
    sn_rollback(s.db);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* Two databases do not meet. */
static void
test_other_database(hostile *h)
{
    shop a, b;
    sn_reference *ref;
    make_shop(&a, h);
    make_shop(&b, h);
    CHECK_STATUS(sn_reference_new(&ref, a.task_owner, b.person_id, SN_RESTRICT, true, NULL), SN_MISUSE);
    free_shop(&a);
    free_shop(&b);
}

static void
test_rows_that_dangle(hostile *h)
{
    shop s;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_reference_drop(s.owner));
    CHECK_OK(sn_begin(s.db));
    add_task(&s, "lost", 40, 0, NULL, 1);
    add_task(&s, "lost", 41, 0, NULL, 1);
    CHECK_OK(sn_commit(s.db));
    CHECK_STATUS(sn_reference_new(&s.owner, s.task_owner, s.person_id, SN_CASCADE, true, NULL), SN_DANGLING);
    CHECK(sn_db_error(s.db)->row == 20 && sn_db_error(s.db)->count == 2 && sn_db_error(s.db)->table == s.task);
    CHECK(s.person_id->references == 1 && s.task_owner->references == 0);
    CHECK_OK(sn_reference_new(&s.owner, s.task_owner, s.person_id, SN_KEEP, false, NULL));
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* Without enforce nothing is checked at the end, keys may change, and on_delete works all the same. */
static void
test_not_enforced(hostile *h)
{
    static const sn_on_delete actions[] = {SN_RESTRICT, SN_CASCADE, SN_NULLIFY, SN_KEEP};
    static const sn_row left[] = {0, 15, 20, 20};
    for (size_t i = 0; i < 4; i++) {
        shop s;
        size_t deleted;
        sn_row row = 0, gone = 1;
        sn_col id = PERSON_ID;
        sn_cell other = {50, false};
        make_shop(&s, h);
        fill_shop(&s);
        CHECK_OK(sn_reference_drop(s.owner));
        CHECK_OK(sn_reference_drop(s.boss));
        CHECK_OK(sn_reference_new(&s.owner, s.task_owner, s.person_id, actions[i], false, NULL));
        CHECK_OK(sn_begin(s.db));
        CHECK_OK(sn_table_update(s.person, &row, 1, &id, 1, &other));
        CHECK_OK(sn_commit(s.db));
        CHECK_OK(sn_begin(s.db));
        CHECK_OK(sn_table_delete(&deleted, s.person, &gone, 1));
        CHECK_STATUS(sn_commit(s.db), left[i] ? SN_OK : SN_RESTRICTED);
        CHECK(!left[i] || sn_table_count(s.task) == left[i]);
        CHECK(actions[i] != SN_NULLIFY || sn_table_get(s.task, 1, TASK_OWNER).null);
        CHECK_SOUND(sn_check(s.db));
        drain(s.db);
        free_shop(&s);
    }
}

/* A chain of thousands needs no stack, and a ring ends. */
static void
test_long_cascade(hostile *h)
{
    shop s;
    size_t deleted;
    sn_row row = 0;
    make_shop(&s, h);
    CHECK_OK(sn_reference_drop(s.boss));
    CHECK_OK(sn_reference_new(&s.boss, s.person_boss, s.person_id, SN_CASCADE, true, NULL));
    CHECK_OK(sn_begin(s.db));
    for (int64_t i = 0; i < 5000; i++)
        add_person(&s, NULL, i == 0 ? 5000 : i);
    CHECK_OK(sn_commit(s.db));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.person, &row, 1));
    CHECK(deleted == 1 && sn_table_count(s.person) == 0);
    sn_rollback(s.db);
    CHECK(sn_table_count(s.person) == 5000);
    CHECK_SOUND(sn_check(s.db));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.person, &row, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* Deleting a team would null a key that others use: refused, all of it undone. */
static void
test_nullify_key_in_use(hostile *h)
{
    shop s;
    size_t deleted;
    sn_index *key, *from;
    sn_reference *ref;
    sn_row red = 0;
    make_shop(&s, h);
    fill_shop(&s);
    key = make_index(s.team, SN_INDEX_UNIQUE, false, TEAM_RANK, SN_NO_COL);
    from = make_index(s.team, SN_INDEX_UNIQUE, false, TEAM_CITY, SN_NO_COL);
    CHECK_OK(sn_reference_new(&ref, key, s.person_id, SN_NULLIFY, true, NULL));
    CHECK_OK(sn_reference_new(&ref, from, key, SN_RESTRICT, false, NULL));
    CHECK_OK(sn_reference_drop(ref));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.team, (sn_row[]){1}, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK_OK(sn_reference_new(&ref, from, key, SN_RESTRICT, true, NULL)); /* city 1 -> rank 1, the same row */
    char *before = dump_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_STATUS(sn_table_delete(&deleted, s.person, &red, 1), SN_KEY_IN_USE);
    CHECK(sn_db_error(s.db)->reference == ref && sn_db_error(s.db)->row == 0 && sn_db_error(s.db)->table == s.team);
    CHECK_OK(sn_commit(s.db));
    drain(s.db);
    free(before);
    CHECK(sn_table_count(s.person) == 4 && sn_table_count(s.task) == 20);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* ---------------------------------------------------------------- counting what all lead somewhere */

/* The owners of a team's tasks, as many as there are; whether the list of tasks has said so: going along them takes memory. */
static size_t
owners(bool *listed, const shop *s, const sn_path *p)
{
    size_t n, again;
    sn_rows rows = {0};
    hostile_arm(s->h, 0, false);
    CHECK_OK(sn_path_count(&n, p, 0, SIZE_MAX));
    *listed = s->h->calls == 0;
    hostile_disarm(s->h);
    CHECK_OK(sn_path_each(&rows, p, 0));
    CHECK_OK(sn_path_count(&again, p, 0, 3));
    CHECK(rows.n == n && again == (n < 3 ? n : 3));
    sn_rows_free(s->db, &rows);
    return n;
}

/* The list counts while every task must have an owner, and no unit is open in which one might have none. */
static void
test_counted_by_the_list(hostile *h)
{
    shop s;
    sn_path *p, *each;
    bool listed;
    make_shop(&s, h);
    fill_shop(&s);
    sn_hop_def hops[2] = {{.reference = s.membership, .backward = true, .where = SN_NO_NODE, .limit = SIZE_MAX},
                          {.reference = s.owner, .where = SN_NO_NODE, .limit = SIZE_MAX}};
    CHECK_OK(sn_path_new(&p, s.db, hops, 2, false));
    CHECK_OK(sn_path_new(&each, s.db, hops, 2, true));
    CHECK(owners(&listed, &s, p) == 7 && !listed);
    CHECK_OK(sn_table_set_nullable(s.task, TASK_OWNER, false));
    CHECK(owners(&listed, &s, p) == 7 && listed);
    CHECK(owners(&listed, &s, each) == 4 && !listed); /* each owner once */
    CHECK_OK(sn_begin(s.db));
    add_task(&s, "lost", 9, 1, "red", 1);
    CHECK(owners(&listed, &s, p) == 7 && !listed);
    sn_rollback(s.db);
    CHECK(owners(&listed, &s, p) == 7 && listed);
    CHECK_OK(sn_begin(s.db));
    sn_row found = add_task(&s, "found", 2, 1, "red", 1);
    CHECK(owners(&listed, &s, p) == 8 && listed);
    size_t deleted;
    CHECK_OK(sn_table_delete(&deleted, s.task, &found, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK(owners(&listed, &s, p) == 7 && listed);
    drain(s.db);
    sn_path_free(p);
    sn_path_free(each);
    free_shop(&s);
}

static void
test_not_counted_by_the_list(hostile *h)
{
    shop s;
    sn_path *p;
    bool listed;
    make_shop(&s, h);
    fill_shop(&s);
    CHECK_OK(sn_table_set_nullable(s.task, TASK_OWNER, false));
    CHECK_OK(sn_reference_drop(s.owner));
    CHECK_OK(sn_reference_new(&s.owner, s.task_owner, s.person_id, SN_KEEP, false, NULL)); /* its targets may be gone */
    sn_hop_def hops[2] = {{.reference = s.membership, .backward = true, .where = SN_NO_NODE, .limit = SIZE_MAX},
                          {.reference = s.owner, .where = SN_NO_NODE, .limit = SIZE_MAX}};
    CHECK_OK(sn_path_new(&p, s.db, hops, 2, false));
    CHECK(owners(&listed, &s, p) == 7 && !listed);
    size_t deleted;
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&deleted, s.person, (sn_row[]){1}, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK(owners(&listed, &s, p) == 5 && !listed);
    drain(s.db);
    sn_path_free(p);
    free_shop(&s);
}

static sn_status
run_new(shop *s)
{
    sn_reference *ref;
    return sn_reference_new(&ref, s->task_owner, s->person_id, SN_RESTRICT, true, NULL);
}

int
main(void)
{
    hostile h = {0};
    test_accessors(&h);
    test_misuse(&h);
    test_other_database(&h);
    test_rows_that_dangle(&h);
    test_not_enforced(&h);
    test_long_cascade(&h);
    test_nullify_key_in_use(&h);
    test_counted_by_the_list(&h);
    test_not_counted_by_the_list(&h);
    sweep(&h, (shop_sweep){NULL, run_new, false});
    return harness_done("reference", &h);
}
