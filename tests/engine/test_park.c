/*
 * test_park.c - rows that are put aside and come back: what goes and comes with them, what forbids it, undoing, schema
 * changes, queries that ask for them; each under the failing allocator.
 */
#include "fixture.h"

enum { PERSON_GONE = PERSON_COLUMNS, TASK_GONE = TASK_COLUMNS };

/* A shop in which people and tasks can be parked: one stamp is a number, the other an entry. */
static void
make_parkable(shop *s, hostile *h)
{
    const sn_column_def moment = {SN_DATETIME, true, false}, aware = {SN_ENTRY, true, false};
    sn_col col;
    make_shop(s, h);
    fill_shop(s);
    CHECK_OK(sn_table_add_column(&col, s->person, &moment, NULL));
    CHECK(col == PERSON_GONE);
    CHECK_OK(sn_table_add_column(&col, s->task, &aware, NULL));
    CHECK(col == TASK_GONE);
    CHECK_OK(sn_table_set_stamp(s->person, PERSON_GONE));
    CHECK_OK(sn_table_set_stamp(s->task, TASK_GONE));
}

/* Within the open unit. */
static sn_status
park(shop *s, sn_table *t, const sn_row *rows, size_t n, size_t *parked)
{
    sn_stamp stamps[] = {{SN_DATETIME, number(2000)}, {SN_ENTRY, interned(s->db, "now")}};
    sn_status st = sn_table_park(parked, t, rows, n, stamps, 2);
    sn_entry_release(s->db, stamps[1].cell.word);
    return st;
}

static void
park_one(shop *s, sn_table *t, sn_row row)
{
    size_t parked;
    CHECK_OK(sn_begin(s->db));
    CHECK_OK(park(s, t, &row, 1, &parked));
    CHECK(parked == 1);
    CHECK_OK(sn_commit(s->db));
    drain(s->db);
    CHECK_SOUND(sn_check(s->db));
}

static sn_status
restore_one(shop *s, sn_table *t, sn_row row)
{
    size_t restored;
    CHECK_OK(sn_begin(s->db));
    sn_status st = sn_table_restore(&restored, t, &row, 1);
    if (st == SN_OK) {
        CHECK(restored == 1);
        CHECK_SOUND(sn_check(s->db));
        st = sn_commit(s->db);
    }
    if (st != SN_OK)
        sn_rollback(s->db);
    drain(s->db);
    CHECK_SOUND(sn_check(s->db));
    return st;
}

static size_t
count_of(sn_index *ix, sn_word key)
{
    return sn_index_rows(ix, &key).count;
}

/* ---------------------------------------------------------------- one row */

static void
test_one(hostile *h)
{
    shop s;
    sn_word id = 4, owner = 4, word;
    int mark;
    make_parkable(&s, h);
    CHECK_OK(sn_table_set_handle(s.task, 3, &mark));
    park_one(&s, s.task, 3);
    CHECK(!sn_table_alive(s.task, 3) && sn_table_parked(s.task, 3) && sn_table_count(s.task) == 19);
    CHECK(sn_table_parked_count(s.task) == 1 && sn_table_handle(s.task, 3) == &mark);
    CHECK(sn_index_find(s.task_id, &id) == SN_NO_ROW && count_of(s.task_owner, owner) == 4);
    CHECK(sn_table_read(&word, s.task, 3, TASK_ID) == -1 && sn_table_get(s.task, 3, TASK_ID).word == id);
    CHECK(!sn_table_get(s.task, 3, TASK_GONE).null && !sn_table_parked(s.task, 2) && !sn_table_parked(s.task, 999));
    CHECK_OK(restore_one(&s, s.task, 3));
    CHECK(sn_table_alive(s.task, 3) && !sn_table_parked(s.task, 3) && sn_table_get(s.task, 3, TASK_GONE).null);
    sn_posting_view tasks = sn_index_rows(s.task_owner, &owner);
    CHECK(tasks.count == 5 && tasks.rows[tasks.len - 1] == 3); /* last, as whoever arrives */
    CHECK(sn_index_find(s.task_id, &id) == 3);
    free_shop(&s);
}

/* Parking what is parked, restoring what is alive, rows given twice: nothing to do. */
static void
test_nothing_to_do(hostile *h)
{
    shop s;
    size_t n;
    sn_row twice[] = {5, 5, 6}, none = 77;
    make_parkable(&s, h);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(park(&s, s.task, twice, 3, &n));
    CHECK(n == 2);
    CHECK_OK(park(&s, s.task, twice, 3, &n));
    CHECK(n == 0);
    CHECK_OK(park(&s, s.task, &none, 1, &n));
    CHECK(n == 0);
    CHECK_OK(sn_table_restore(&n, s.task, twice, 3));
    CHECK(n == 2);
    CHECK_OK(sn_table_restore(&n, s.task, twice, 3));
    CHECK(n == 0);
    CHECK_OK(sn_table_restore(&n, s.task, &none, 1));
    CHECK(n == 0);
    CHECK_OK(sn_commit(s.db));
    CHECK(sn_table_park(&n, s.task, twice, 1, NULL, 0) == SN_MISUSE); /* in no unit */
    CHECK(sn_table_restore(&n, s.task, twice, 1) == SN_MISUSE);
    drain(s.db);
    free_shop(&s);
}

static void
test_misuse(hostile *h)
{
    shop s;
    size_t n;
    sn_row row = 0;
    sn_stamp number_only = {SN_DATETIME, number(1)};
    make_parkable(&s, h);
    CHECK_OK(sn_begin(s.db));
    CHECK(park(&s, s.team, &row, 1, &n) == SN_MISUSE); /* no stamp column */
    CHECK(sn_db_error(s.db)->table == s.team);
    CHECK(sn_table_park(&n, s.task, &row, 1, &number_only, 1) == SN_MISUSE); /* none of its type */
    sn_stamp bare_text = {SN_ENTRY, number(0)};
    CHECK(sn_table_park(&n, s.task, &row, 1, &bare_text, 1) == SN_MISUSE); /* that nobody could share */
    CHECK(sn_table_set_stamp(s.task, TASK_GONE) == SN_BUSY);
    sn_rollback(s.db);
    CHECK(sn_table_set_stamp(s.task, TASK_ID) == SN_MISUSE && sn_table_set_stamp(s.task, 40) == SN_MISUSE);
    CHECK(sn_table_drop_column(s.task, TASK_GONE) == SN_MISUSE);
    CHECK(sn_table_set_nullable(s.task, TASK_GONE, false) == SN_MISUSE);
    CHECK(sn_table_count(s.task) == 20 && sn_table_parked_count(s.task) == 0);
    CHECK_OK(sn_table_set_stamp(s.task, SN_NO_COL));
    CHECK_OK(sn_table_drop_column(s.task, TASK_GONE));
    drain(s.db);
    free_shop(&s);
}

/* ---------------------------------------------------------------- what goes along */

/* Tasks follow their owner; bosses may not go; teams let tasks go. */
static void
test_on_delete(hostile *h)
{
    shop s;
    size_t n;
    sn_row ann = 0, bob = 1;
    make_parkable(&s, h);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(park(&s, s.person, &ann, 1, &n));
    CHECK(sn_commit(s.db) == SN_RESTRICTED && sn_db_error(s.db)->count == 3 && sn_db_error(s.db)->reference == s.boss);
    sn_rollback(s.db);
    drain(s.db);
    park_one(&s, s.person, bob);
    CHECK(sn_table_count(s.person) == 3 && sn_table_count(s.task) == 15 && sn_table_parked_count(s.task) == 5);
    CHECK(!sn__taken(s.person, bob) && sn__taken(s.task, 1) && count_of(s.task_owner, 2) == 0);
    CHECK(sn_table_get(s.task, 1, TASK_GONE).word == sn_table_get(s.task, 5, TASK_GONE).word);
    CHECK(sn_table_get(s.task, 1, TASK_OWNER).word == 2);
    CHECK_OK(restore_one(&s, s.person, bob));
    CHECK(sn_table_count(s.task) == 20 && sn_table_parked_count(s.task) == 0 && count_of(s.task_owner, 2) == 5);
    free_shop(&s);
}

/* What was parked by itself stays when its parent returns; what a parent took cannot return without it. */
static void
test_who_returns(hostile *h)
{
    shop s;
    make_parkable(&s, h);
    park_one(&s, s.task, 1);
    park_one(&s, s.person, 1);
    CHECK(restore_one(&s, s.task, 5) == SN_DANGLING && sn_table_parked(s.task, 5) && sn__taken(s.task, 5));
    CHECK(restore_one(&s, s.task, 1) == SN_DANGLING);
    CHECK_OK(restore_one(&s, s.person, 1));
    CHECK(sn_table_parked(s.task, 1) && sn_table_alive(s.task, 5) && sn_table_parked_count(s.task) == 1);
    CHECK_OK(restore_one(&s, s.task, 1));
    free_shop(&s);
}

/* Both at once, in whatever order, is no dangling reference; nor is the parent coming later in the unit. */
static void
test_together(hostile *h)
{
    shop s;
    size_t n;
    sn_row task = 1, bob = 1;
    make_parkable(&s, h);
    park_one(&s, s.task, 1);
    park_one(&s, s.person, 1);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_restore(&n, s.task, &task, 1));
    CHECK_OK(sn_table_restore(&n, s.person, &bob, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK(sn_table_parked_count(s.task) == 0);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* ---------------------------------------------------------------- a graph: chains, cycles, two parents */

enum { NODE_ID, NODE_A, NODE_B, NODE_GONE };

typedef struct graph {
    sn_db *db;
    sn_table *node;
    sn_index *id, *a, *b;
    sn_reference *by_a, *by_b;
} graph;

static void
make_graph(graph *g, hostile *h)
{
    static const sn_column_def node[] = {
        {SN_INT, false, true}, {SN_INT, true, false}, {SN_INT, true, false}, {SN_DATETIME, true, false}};
    sn_config config = harness_config(h);
    CHECK_OK(sn_db_new(&g->db, &config));
    g->node = make_table(g->db, node, 4);
    g->id = make_index(g->node, SN_INDEX_UNIQUE, false, NODE_ID, SN_NO_COL);
    g->a = make_index(g->node, SN_INDEX_MANY, false, NODE_A, SN_NO_COL);
    g->b = make_index(g->node, SN_INDEX_MANY, false, NODE_B, SN_NO_COL);
    CHECK_OK(sn_reference_new(&g->by_a, g->a, g->id, SN_CASCADE, true, NULL));
    CHECK_OK(sn_reference_new(&g->by_b, g->b, g->id, SN_CASCADE, true, NULL));
    CHECK_OK(sn_table_set_stamp(g->node, NODE_GONE));
}

/* -1: null. Ids are given: 0 is one. */
static void
add_node(graph *g, int64_t id, int64_t a, int64_t b)
{
    sn_row row;
    sn_cell cells[] = {number(id), a < 0 ? SN_NULL_CELL : number(a), b < 0 ? SN_NULL_CELL : number(b), SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, g->node, cells));
}

static void
park_node(graph *g, sn_row row)
{
    size_t n;
    const sn_stamp stamp = {SN_DATETIME, number(7)};
    CHECK_OK(sn_begin(g->db));
    CHECK_OK(sn_table_park(&n, g->node, &row, 1, &stamp, 1));
    CHECK_OK(sn_commit(g->db));
    CHECK_SOUND(sn_check(g->db));
}

static sn_status
restore_node(graph *g, sn_row row)
{
    size_t n;
    CHECK_OK(sn_begin(g->db));
    sn_status st = sn_table_restore(&n, g->node, &row, 1);
    st = st == SN_OK ? sn_commit(g->db) : st;
    if (st != SN_OK)
        sn_rollback(g->db);
    CHECK_SOUND(sn_check(g->db));
    return st;
}

static void
delete_node(graph *g, sn_row row)
{
    size_t n;
    CHECK_OK(sn_begin(g->db));
    CHECK_OK(sn_table_delete(&n, g->node, &row, 1));
    CHECK(n == 1);
    CHECK_OK(sn_commit(g->db));
    CHECK_SOUND(sn_check(g->db));
}

static void
test_chain(hostile *h)
{
    graph g;
    make_graph(&g, h);
    CHECK_OK(sn_begin(g.db));
    add_node(&g, 3, 2, -1); /* children before their parents: a round each */
    add_node(&g, 2, 1, -1);
    add_node(&g, 1, 0, -1);
    add_node(&g, 0, -1, -1);
    for (int64_t id = 4; id < 20; id++)
        add_node(&g, id, id == 4 ? 0 : id - 1, -1);
    CHECK_OK(sn_commit(g.db));
    park_node(&g, 3);
    CHECK(sn_table_count(g.node) == 0 && sn_table_parked_count(g.node) == 20 && !sn__taken(g.node, 3));
    CHECK_OK(restore_node(&g, 3));
    CHECK(sn_table_count(g.node) == 20 && sn_table_parked_count(g.node) == 0);
    sn_db_free(g.db);
}

/* A cycle, a self-reference, and a node that hangs from two. */
static void
test_cycle_and_two_parents(hostile *h)
{
    graph g;
    make_graph(&g, h);
    CHECK_OK(sn_begin(g.db));
    add_node(&g, 0, 1, -1);
    add_node(&g, 1, 0, 1);
    add_node(&g, 2, -1, -1);
    add_node(&g, 3, 1, 2);
    CHECK_OK(sn_commit(g.db));
    park_node(&g, 0);
    CHECK(sn_table_count(g.node) == 1 && sn_table_alive(g.node, 2));
    park_node(&g, 2); /* node 3 now misses both */
    CHECK_OK(restore_node(&g, 0));
    CHECK(sn_table_alive(g.node, 1) && sn_table_parked(g.node, 3) && sn_table_count(g.node) == 2);
    CHECK(restore_node(&g, 3) == SN_DANGLING);
    CHECK_OK(restore_node(&g, 2));
    CHECK(sn_table_count(g.node) == 4);
    sn_db_free(g.db);
}

/* Two below the root that miss each other, one below them that misses a third, which was parked by itself. */
static void
fill_tie(graph *g)
{
    CHECK_OK(sn_begin(g->db));
    add_node(g, 0, -1, -1);
    add_node(g, 1, -1, 2);
    add_node(g, 2, 1, -1);
    add_node(g, 3, 1, 4);
    add_node(g, 4, -1, -1);
    add_node(g, 5, 3, 2);
    CHECK_OK(sn_commit(g->db));
    sn_row row = 1;
    sn_col col = NODE_A;
    sn_cell root = number(0);
    CHECK_OK(sn_begin(g->db));
    CHECK_OK(sn_table_update(g->node, &row, 1, &col, 1, &root));
    CHECK_OK(sn_commit(g->db));
    park_node(g, 4); /* with 3 and 5 */
    park_node(g, 0); /* with 1 and 2 */
}

static void
test_tie(hostile *h)
{
    graph g;
    make_graph(&g, h);
    fill_tie(&g);
    CHECK(sn_table_count(g.node) == 0);
    CHECK_OK(restore_node(&g, 0));
    CHECK(sn_table_alive(g.node, 1) && sn_table_alive(g.node, 2) && sn_table_count(g.node) == 3);
    CHECK(sn_table_parked(g.node, 3) && sn_table_parked(g.node, 5));
    CHECK_OK(restore_node(&g, 4));
    CHECK(sn_table_count(g.node) == 6);
    sn_db_free(g.db);
}

static void *
tie_setup(hostile *h)
{
    graph *g = malloc(sizeof *g);
    CHECK(g != NULL);
    make_graph(g, h);
    fill_tie(g);
    CHECK_OK(sn_begin(g->db));
    return g;
}

static sn_status
tie_run(void *state)
{
    graph *g = state;
    size_t n;
    sn_row root = 0;
    return sn_table_restore(&n, g->node, &root, 1);
}

static const char *
tie_check(void *state, bool succeeded)
{
    graph *g = state;
    if (sn_table_count(g->node) != (succeeded ? 3 : 0))
        return "a refused restore has changed something";
    return sn_check(g->db);
}

static void
tie_teardown(void *state)
{
    graph *g = state;
    sn_rollback(g->db);
    CHECK(sn_table_count(g->node) == 0);
    CHECK_SOUND(sn_check(g->db));
    sn_db_free(g->db);
    free(g);
}

static void
test_tie_without_memory(hostile *h)
{
    harness_sweep_def def = {tie_setup, tie_run, tie_check, tie_teardown};
    CHECK(harness_sweep(h, &def) > 0);
}

/* Deleting for good: the parked ones that hang from it go with it, however deep, and are not asked. */
static void
test_delete_for_good(hostile *h)
{
    graph g;
    make_graph(&g, h);
    CHECK_OK(sn_begin(g.db));
    add_node(&g, 0, -1, -1);
    add_node(&g, 1, 0, -1);
    add_node(&g, 2, 1, -1);
    add_node(&g, 3, -1, -1);
    add_node(&g, 4, 3, -1);
    CHECK_OK(sn_commit(g.db));
    park_node(&g, 1);
    park_node(&g, 3);
    delete_node(&g, 0);
    CHECK(!sn_table_parked(g.node, 1) && !sn_table_parked(g.node, 2) && sn_table_parked_count(g.node) == 2);
    delete_node(&g, 3); /* a parked one */
    CHECK(sn_table_parked_count(g.node) == 0 && sn_table_count(g.node) == 0);
    sn_db_free(g.db);
}

/* Deleting a team for good makes the keys of parked tasks null. */
static void
test_nullify_parked(hostile *h)
{
    shop s;
    size_t n;
    sn_row red = 0;
    make_parkable(&s, h);
    park_one(&s, s.task, 1);
    park_one(&s, s.task, 2);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&n, s.team, &red, 1));
    CHECK(sn_table_get(s.task, 1, TASK_CITY).null && sn_table_get(s.task, 1, TASK_NAME).null);
    CHECK(!sn_table_get(s.task, 2, TASK_CITY).null);
    CHECK_SOUND(sn_check(s.db));
    sn_rollback(s.db);
    CHECK(!sn_table_get(s.task, 1, TASK_CITY).null);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&n, s.team, &red, 1));
    CHECK_OK(sn_commit(s.db));
    CHECK_OK(restore_one(&s, s.task, 1));
    free_shop(&s);
}

/* A restricting reference of a parked row forbids nothing; it dangles then. */
static void
test_restricting_parked(hostile *h)
{
    shop s;
    size_t n;
    sn_row ann = 0, others[] = {1, 2, 3};
    make_parkable(&s, h);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(park(&s, s.person, others, 3, &n));
    CHECK_OK(sn_table_delete(&n, s.person, &ann, 1));
    CHECK_OK(sn_commit(s.db));
    drain(s.db);
    CHECK(restore_one(&s, s.person, 2) == SN_DANGLING);
    free_shop(&s);
}

/* ---------------------------------------------------------------- what has happened meanwhile */

static void
test_key_taken(hostile *h)
{
    shop s;
    make_parkable(&s, h);
    park_one(&s, s.person, 1);
    CHECK_OK(sn_begin(s.db));
    sn_row row;
    sn_cell bob[] = {SN_NULL_CELL, interned(s.db, "bob"), SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, s.person, bob));
    CHECK_OK(sn_commit(s.db));
    CHECK(restore_one(&s, s.person, 1) == SN_UNIQUE);
    const sn_error *e = sn_db_error(s.db);
    CHECK(e->index == s.person_email && e->row == 1 && e->other == row);
    CHECK(sn_table_parked_count(s.task) == 5 && sn_table_count(s.task) == 15);
    free_shop(&s);
}

/* Deferred uniqueness is judged at the end. */
static void
test_deferred(hostile *h)
{
    shop s;
    sn_col col;
    size_t n;
    sn_row first = 0, second;
    const sn_column_def moment = {SN_DATETIME, true, false};
    make_parkable(&s, h);
    CHECK_OK(sn_table_add_column(&col, s.team, &moment, NULL));
    CHECK_OK(sn_table_set_stamp(s.team, col));
    park_one(&s, s.team, first);
    CHECK_OK(sn_begin(s.db));
    sn_cell rank_one[] = {number(5), interned(s.db, "five"), number(1), SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&second, s.team, rank_one));
    CHECK_OK(sn_commit(s.db));
    CHECK(restore_one(&s, s.team, first) == SN_UNIQUE && sn_table_parked(s.team, first));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_restore(&n, s.team, &first, 1));
    CHECK_OK(sn_table_delete(&n, s.team, &second, 1));
    CHECK_OK(sn_commit(s.db));
    drain(s.db);
    CHECK_SOUND(sn_check(s.db));
    free_shop(&s);
}

/* An index that was made meanwhile refuses a NaN, and two of one key. */
static void
test_new_rules(hostile *h)
{
    shop s;
    sn_index *ix;
    sn_col cost = TASK_COST, col;
    sn_cell nan = real(0.0 / 0.0), one = number(1);
    sn_row row = 4;
    make_parkable(&s, h);
    CHECK_OK(sn_index_drop(s.task_cost));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_update(s.task, &row, 1, &cost, 1, &nan));
    CHECK_OK(sn_commit(s.db));
    park_one(&s, s.task, 4);
    CHECK_OK(sn_index_new(&ix, s.task, SN_INDEX_ORDERED, &cost, 1, false, NULL));
    CHECK(restore_one(&s, s.task, 4) == SN_NAN && sn_db_error(s.db)->row == 4 && sn_db_error(s.db)->column == cost);
    CHECK_OK(sn_index_drop(ix));
    col = TASK_CITY;
    CHECK(sn_table_set_nullable(s.task, TASK_OWNER, false) == SN_OK
          && sn_table_set_nullable(s.task, col, false) == SN_NULL);
    row = 0;
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_update(s.task, &row, 1, &col, 1, &one));
    CHECK_OK(sn_commit(s.db));
    CHECK_OK(restore_one(&s, s.task, 4));
    free_shop(&s);
}

/* ---------------------------------------------------------------- undoing */

static void
test_undo(hostile *h)
{
    shop s;
    size_t n;
    sn_row bob = 1, task = 1;
    make_parkable(&s, h);
    char *before = dump_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(park(&s, s.person, &bob, 1, &n));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_restore(&n, s.person, &bob, 1));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(park(&s, s.task, &task, 1, &n));
    CHECK_OK(sn_table_delete(&n, s.task, &task, 1));
    CHECK(n == 1 && !sn_table_parked(s.task, 1));
    CHECK_SOUND(sn_check(s.db));
    sn_rollback(s.db);
    CHECK(sn_table_alive(s.task, 1) && sn_table_parked_count(s.task) == 0);
    sn_rollback(s.db);
    CHECK(sn_table_parked(s.person, bob) && sn__taken(s.task, 1) && !sn__taken(s.person, bob));
    CHECK_SOUND(sn_check(s.db));
    sn_rollback(s.db);
    drain(s.db);
    CHECK(unchanged(&s, before));
    CHECK_SOUND(sn_check(s.db));
    free(before);
    free_shop(&s);
}

/* A freed row comes back as it was parked. */
static void
test_undo_free(hostile *h)
{
    shop s;
    size_t n;
    sn_row bob = 1;
    make_parkable(&s, h);
    park_one(&s, s.person, bob);
    char *before = dump_shop(&s);
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&n, s.person, &bob, 1));
    CHECK(n == 1 && sn_table_parked_count(s.task) == 0);
    CHECK_SOUND(sn_check(s.db));
    sn_rollback(s.db);
    CHECK(unchanged(&s, before));
    CHECK_OK(sn_begin(s.db));
    CHECK_OK(sn_table_delete(&n, s.person, &bob, 1));
    CHECK_OK(sn_commit(s.db));
    drain(s.db);
    CHECK(s.db->parked == 0);
    CHECK_SOUND(sn_check(s.db));
    free(before);
    free_shop(&s);
}

/* ---------------------------------------------------------------- moving and taking apart */

static void
test_compact(hostile *h)
{
    shop s;
    sn_row map[20];
    size_t n;
    int mark;
    make_parkable(&s, h);
    CHECK_OK(sn_table_set_handle(s.task, 9, &mark));
    park_one(&s, s.person, 1); /* with tasks 1, 5, 9, 13, 17 */
    CHECK_OK(sn_begin(s.db));
    for (sn_row row = 0; row < 20; row += 2)
        CHECK_OK(sn_table_delete(&n, s.task, &row, 1));
    CHECK_OK(sn_commit(s.db));
    drain(s.db);
    CHECK(!sn_table_sparse(s.task));
    CHECK_OK(sn_table_compact(s.task, map));
    CHECK(map[1] == 0 && map[9] == 4 && map[0] == SN_NO_ROW && sn_table_positions(s.task) == 10);
    CHECK(sn_table_parked(s.task, 4) && sn__taken(s.task, 4) && sn_table_handle(s.task, 4) == &mark);
    CHECK(sn_table_get(s.task, 4, TASK_ID).word == 10);
    CHECK_SOUND(sn_check(s.db));
    CHECK_OK(restore_one(&s, s.person, 1));
    CHECK(sn_table_alive(s.task, 4) && sn_table_count(s.task) == 10);
    free_shop(&s);
}

/* Columns come and go; a table with parked rows is not dropped, nor loses its stamp. */
static void
test_schema(hostile *h)
{
    shop s;
    sn_col col, other;
    sn_cell fill[20];
    const sn_column_def text = {SN_TEXT, false, false}, counter = {SN_INT, false, false};
    make_parkable(&s, h);
    park_one(&s, s.task, 1);
    CHECK(sn_table_set_stamp(s.task, SN_NO_COL) == SN_MISUSE);
    for (sn_row row = 0; row < 20; row++)
        fill[row] = row == 1 ? SN_NULL_CELL : bare("new");
    CHECK(sn_table_add_column(&col, s.task, &text, fill) == SN_NULL && sn_db_error(s.db)->row == 1);
    fill[1] = bare("new");
    CHECK_OK(sn_table_add_column(&col, s.task, &text, fill));
    CHECK_SOUND(sn_check(s.db));
    CHECK_OK(sn_table_drop_column(s.task, col));
    CHECK(sn_db_drop_count(s.db) == 20);
    drain(s.db);
    for (sn_row row = 0; row < 20; row++)
        fill[row] = number(row);
    CHECK_OK(sn_table_add_column(&other, s.task, &counter, fill));
    CHECK(sn_table_get(s.task, 1, other).word == 1);
    CHECK_SOUND(sn_check(s.db));
    CHECK_OK(sn_table_drop_column(s.task, other)); /* a gap has no words to look at */
    CHECK_OK(restore_one(&s, s.task, 1));
    free_shop(&s);
}

/* ---------------------------------------------------------------- asking for them */

static size_t
ask(shop *s, sn_query *q, sn_row *out, size_t *counted)
{
    sn_rows rows = {0};
    CHECK_OK(sn_query_run(&rows, s->db, q, NULL));
    for (size_t i = 0; i < rows.n; i++)
        out[i] = rows.rows[i];
    size_t n = rows.n;
    sn_rows_free(s->db, &rows);
    CHECK_OK(sn_query_count(counted, s->db, q, SIZE_MAX, NULL));
    return n;
}

static void
test_queries(hostile *h)
{
    shop s;
    sn_expr *e;
    size_t n, counted;
    sn_row rows[20], some[] = {1, 2, 5};
    make_parkable(&s, h);
    park_one(&s, s.task, 5);
    park_one(&s, s.task, 8);
    CHECK_OK(sn_expr_new(&e, s.db));
    sn_query q = {.table = s.task, .where = SN_NO_NODE, .limit = SIZE_MAX, .expr = e};
    CHECK(ask(&s, &q, rows, &counted) == 18 && counted == 18);
    q.life = SN_PARKED;
    CHECK(ask(&s, &q, rows, &counted) == 2 && counted == 2 && rows[0] == 5 && rows[1] == 8);
    q.life = SN_STORED;
    CHECK(ask(&s, &q, rows, &counted) == 20 && counted == 20 && rows[5] == 5);
    /* by an index, with the parked one between the others */
    q.where = sn_expr_compare(e, SN_EQ, sn_expr_column(e, 0, s.task, TASK_OWNER), sn_expr_const(e, SN_INT, number(2)));
    CHECK(ask(&s, &q, rows, &counted) == 5 && counted == 5 && rows[0] == 1 && rows[1] == 5 && rows[4] == 17);
    q.limit = 2;
    CHECK(ask(&s, &q, rows, &counted) == 2 && counted == 2 && rows[1] == 5);
    q.offset = 1;
    CHECK(ask(&s, &q, rows, &counted) == 2 && counted == 2 && rows[0] == 5 && rows[1] == 9);
    sn_order order = {sn_expr_column(e, 0, s.task, TASK_ID), true, false};
    q.order = &order;
    q.order_len = 1;
    CHECK(ask(&s, &q, rows, &counted) == 2 && rows[0] == 13 && rows[1] == 9);
    q.life = SN_PARKED;
    q.offset = 0;
    CHECK(ask(&s, &q, rows, &counted) == 1 && rows[0] == 5);
    /* rows given */
    sn_query given = {
        .table = s.task, .source = SN_FROM_ROWS, .rows = some, .rows_len = 3, .where = SN_NO_NODE, .limit = SIZE_MAX};
    for (sn_life life = SN_LIVE; life <= SN_STORED; life++) {
        static const size_t expected[] = {2, 1, 3};
        given.life = life;
        n = ask(&s, &given, rows, &counted);
        CHECK(n == expected[life] && counted == n);
    }
    sn_expr_free(e);
    free_shop(&s);
}

/* From a parked row paths lead to live rows, and to it none leads. */
static void
test_paths(hostile *h)
{
    shop s;
    sn_path *to_owner, *to_tasks;
    sn_rows found = {0};
    sn_row row, bob = 1;
    bool has;
    make_parkable(&s, h);
    sn_hop_def forward = {.reference = s.owner, .where = SN_NO_NODE, .limit = SIZE_MAX};
    sn_hop_def backward = {.reference = s.owner, .backward = true, .where = SN_NO_NODE, .limit = SIZE_MAX};
    CHECK_OK(sn_path_new(&to_owner, s.db, &forward, 1, true));
    CHECK_OK(sn_path_new(&to_tasks, s.db, &backward, 1, true));
    park_one(&s, s.task, 5);
    CHECK_OK(sn_path_first(&row, to_owner, 5));
    CHECK(row == 1);
    CHECK_OK(sn_path_each(&found, to_tasks, 1));
    CHECK(found.n == 4);
    CHECK(sn_path_contains(&has, to_tasks, 1, 5) == SN_STALE
          && sn_path_semijoin(&found, to_tasks, &(sn_row){5}, 1) == SN_STALE);
    CHECK_OK(sn_path_contains(&has, to_owner, 5, 1));
    CHECK(has);
    park_one(&s, s.person, bob);
    CHECK_OK(sn_path_first(&row, to_owner, 5));
    CHECK(row == SN_NO_ROW);
    sn_query q = {.table = s.person,
                  .source = SN_FROM_PATH,
                  .path = to_owner,
                  .from = 5,
                  .where = SN_NO_NODE,
                  .limit = SIZE_MAX,
                  .life = SN_STORED};
    CHECK(sn_query_run(&found, s.db, &q, NULL) == SN_MISUSE);
    sn_rows_free(s.db, &found);
    sn_path_free(to_owner);
    sn_path_free(to_tasks);
    free_shop(&s);
}

/* ---------------------------------------------------------------- without memory */

static sn_status
run_park(shop *s)
{
    size_t n;
    sn_row bob = 1;
    const sn_stamp stamps[] = {{SN_DATETIME, number(3)}, {SN_ENTRY, s->cells[0]}};
    return sn_table_park(&n, s->person, &bob, 1, stamps, 2);
}

static sn_status
run_restore(shop *s)
{
    size_t n;
    sn_row bob = 1;
    return sn_table_restore(&n, s->person, &bob, 1);
}

static sn_status
run_delete(shop *s)
{
    size_t n;
    sn_row bob = 1;
    return sn_table_delete(&n, s->person, &bob, 1);
}

static sn_status
run_ask(shop *s)
{
    sn_rows rows = {0};
    const sn_query q = {.table = s->task, .where = SN_NO_NODE, .limit = SIZE_MAX, .life = SN_STORED};
    sn_status st = sn_query_run(&rows, s->db, &q, NULL);
    sn_rows_free(s->db, &rows);
    return st;
}

static bool parked_before;

static void *
setup(hostile *h)
{
    shop *s = malloc(sizeof *s);
    CHECK(s != NULL);
    make_parkable(s, h);
    s->cells[0] = interned(s->db, "now");
    if (parked_before)
        park_one(s, s->person, 1);
    CHECK_OK(sn_begin(s->db));
    s->before = dump_shop(s);
    return s;
}

static void
teardown(void *state)
{
    shop *s = state;
    sn_entry_release(s->db, s->cells[0].word);
    drain(s->db);
    sweep_teardown(state);
}

static sn_status
run_any(void *state)
{
    return swept.run(state);
}

static void
sweep_parking(hostile *h, sn_status (*run)(shop *s), bool parked)
{
    harness_sweep_def def = {setup, run_any, sweep_check, teardown};
    swept = (shop_sweep){.run = run, .in_unit = true};
    parked_before = parked;
    CHECK(harness_sweep(h, &def) > 0);
}

static void
test_sweeps(hostile *h)
{
    sweep_parking(h, run_park, false);
    sweep_parking(h, run_restore, true);
    sweep_parking(h, run_delete, true);
    sweep_parking(h, run_ask, true);
}

int
main(void)
{
    hostile h = {0};
    test_one(&h);
    test_nothing_to_do(&h);
    test_misuse(&h);
    test_on_delete(&h);
    test_who_returns(&h);
    test_together(&h);
    test_chain(&h);
    test_cycle_and_two_parents(&h);
    test_tie(&h);
    test_tie_without_memory(&h);
    test_delete_for_good(&h);
    test_nullify_parked(&h);
    test_restricting_parked(&h);
    test_key_taken(&h);
    test_deferred(&h);
    test_new_rules(&h);
    test_undo(&h);
    test_undo_free(&h);
    test_compact(&h);
    test_schema(&h);
    test_queries(&h);
    test_paths(&h);
    test_sweeps(&h);
    return harness_done("park", &h);
}
