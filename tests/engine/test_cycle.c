/*
 * test_cycle.c - references that forbid cycles, against looking at all rows: random units of inserts, loads, moves, changed keys and
 * deletes, whose commit must be refused exactly when a row can be met again; existing rows; refused memory.
 */
#include "harness.h"

#include "cycle.h"

#include <string.h>

static hostile h;

enum { ID, PARENT, COLUMNS };
#define IDS 14
#define MAX_LOAD 5

typedef struct tree {
    sn_db *db;
    sn_table *t;
    sn_index *ids;
    sn_reference *parent;
    uint64_t seed;
} tree;

static sn_cell
cell(int64_t value)
{
    return value < 0 ? SN_NULL_CELL : (sn_cell){(sn_word)value, false};
}

static void
tree_new(tree *x, uint64_t seed, bool acyclic)
{
    static const sn_column_def defs[] = {{.type = SN_INT}, {.type = SN_INT, .nullable = true}};
    static const sn_col id = ID, parent = PARENT;
    sn_config config = harness_config(&h);
    sn_index *from;
    *x = (tree){.seed = seed};
    CHECK_OK(sn_db_new(&x->db, &config));
    CHECK_OK(sn_table_new(&x->t, x->db, NULL));
    for (sn_col c = 0; c < COLUMNS; c++) {
        sn_col at;
        CHECK_OK(sn_table_add_column(&at, x->t, &defs[c], NULL));
    }
    CHECK_OK(sn_index_new(&x->ids, x->t, SN_INDEX_UNIQUE, &id, 1, false, NULL));
    CHECK_OK(sn_index_new(&from, x->t, SN_INDEX_MANY, &parent, 1, false, NULL));
    CHECK_OK(sn_reference_new(&x->parent, from, x->ids, SN_KEEP, false, NULL));
    if (acyclic) {
        CHECK_OK(sn_reference_forbid_cycles(x->parent));
    }
}

static void
tree_free(tree *x)
{
    while (sn_depth(x->db) > 0) {
        sn_rollback(x->db);
    }
    void *handles[4];
    CHECK(sn_db_dismantle(x->db, handles, 4) == 0);
    sn_db_free(x->db);
}

static sn_row
naive_parent(const tree *x, sn_row row)
{
    sn_cell key = sn_table_get(x->t, row, PARENT);
    for (sn_row other = 0; other < sn_table_positions(x->t) && !key.null; other++) {
        if (sn_table_alive(x->t, other) && sn_table_get(x->t, other, ID).word == key.word) {
            return other;
        }
    }
    return SN_NO_ROW;
}

static bool
naive_cycle(const tree *x)
{
    for (sn_row row = 0; row < sn_table_positions(x->t); row++) {
        sn_row at = sn_table_alive(x->t, row) ? naive_parent(x, row) : SN_NO_ROW;
        for (size_t n = 0; n <= IDS && at != SN_NO_ROW; n++) {
            if (at == row) {
                return true;
            }
            at = naive_parent(x, at);
        }
    }
    return false;
}

static int64_t
pick(tree *x, uint32_t below)
{
    return harness_random(&x->seed, below);
}

static int64_t
pick_parent(tree *x)
{
    return pick(x, 5) == 0 ? -1 : pick(x, IDS);
}

static sn_status
load(tree *x)
{
    sn_cell cells[MAX_LOAD * COLUMNS];
    size_t n = 1 + (size_t)pick(x, MAX_LOAD);
    int64_t start = pick(x, IDS);
    for (size_t i = 0; i < n; i++) {
        cells[i * COLUMNS + ID] = cell((start + 3 * (int64_t)i) % IDS);
        cells[i * COLUMNS + PARENT] = cell(pick_parent(x));
    }
    sn_row first;
    return n == 1 ? sn_table_insert(&first, x->t, cells) : sn_table_insert_many(&first, x->t, cells, n);
}

/* One statement; what is refused for another reason has changed nothing. */
static sn_status
change(tree *x)
{
    sn_row positions = sn_table_positions(x->t), row = positions ? (sn_row)pick(x, positions) : 0;
    uint32_t what = (uint32_t)pick(x, 8);
    if (what < 3 || positions == 0 || !sn_table_alive(x->t, row)) {
        return load(x);
    }
    if (what == 3) {
        size_t deleted;
        return sn_table_delete(&deleted, x->t, &row, 1);
    }
    sn_col col = what == 4 ? ID : PARENT;
    sn_cell to = col == ID ? cell(pick(x, IDS)) : cell(pick_parent(x));
    return sn_table_update(x->t, &row, 1, &col, 1, &to);
}

static size_t refused, accepted;

static void
one_unit(tree *x)
{
    CHECK_OK(sn_begin(x->db));
    for (size_t n = 1 + (size_t)pick(x, 3); n > 0; n--) {
        sn_status status = change(x);
        CHECK(status == SN_OK || status == SN_UNIQUE);
    }
    bool cycle = naive_cycle(x);
    sn_status status = sn_commit(x->db);
    CHECK(status == (cycle ? SN_CYCLE : SN_OK));
    refused += cycle;
    accepted += !cycle;
    if (cycle) {
        sn_error e = *sn_db_error(x->db);
        sn_row at = e.row;
        CHECK(naive_parent(x, at) == e.other && e.reference == x->parent);
        for (size_t i = 0; i < e.count; i++) {
            CHECK(i == 0 || at != e.row);
            at = naive_parent(x, at);
        }
        CHECK(at == e.row);
        sn_rollback(x->db);
    }
    CHECK_SOUND(sn_check(x->db));
}

static void
test_random(uint64_t seed)
{
    tree x;
    tree_new(&x, seed, true);
    for (size_t i = 0; i < 120; i++) {
        one_unit(&x);
    }
    tree_free(&x);
}

/* The rows that are there are looked at when cycles come to be forbidden. */
static void
test_existing(uint64_t seed)
{
    tree x;
    tree_new(&x, seed, false);
    for (size_t i = 0; i < 6; i++) {
        CHECK_OK(sn_begin(x.db));
        change(&x);
        CHECK_OK(sn_commit(x.db));
    }
    bool cycle = naive_cycle(&x);
    CHECK_STATUS(sn_reference_forbid_cycles(x.parent), cycle ? SN_CYCLE : SN_OK);
    if (cycle) {
        sn_error e = *sn_db_error(x.db);
        sn_row at = e.row;
        for (size_t i = 0; i < e.count; i++) {
            at = naive_parent(&x, at);
        }
        CHECK(e.count > 0 && at == e.row);
    }
    refused += cycle;
    tree_free(&x);
}

static void
test_misuse(void)
{
    tree x;
    static const sn_column_def def = {.type = SN_INT};
    static const sn_col zero = 0;
    tree_new(&x, 1, true);
    CHECK_OK(sn_begin(x.db));
    CHECK_STATUS(sn_reference_forbid_cycles(x.parent), SN_BUSY);
    sn_rollback(x.db);
    sn_table *other;
    sn_index *from;
    sn_reference *ref;
    sn_col at;
    CHECK_OK(sn_table_new(&other, x.db, NULL));
    CHECK_OK(sn_table_add_column(&at, other, &def, NULL));
    CHECK_OK(sn_index_new(&from, other, SN_INDEX_MANY, &zero, 1, false, NULL));
    CHECK_OK(sn_reference_new(&ref, from, x.ids, SN_RESTRICT, true, NULL));
    CHECK_STATUS(sn_reference_forbid_cycles(ref), SN_MISUSE);
    tree_free(&x);
}

/* Trees that are turned around, and chains that are loaded backwards, are no cycles at the end. */
static void
test_turned_around(void)
{
    tree x;
    tree_new(&x, 1, true);
    sn_cell cells[] = {cell(1), cell(2), cell(2), cell(3), cell(3), SN_NULL_CELL};
    sn_row first;
    static const sn_col parent = PARENT;
    CHECK_OK(sn_begin(x.db));
    CHECK_OK(sn_table_insert_many(&first, x.t, cells, 3));
    CHECK_OK(sn_commit(x.db));
    static const sn_row rows[] = {0, 1, 2};
    sn_cell turned[] = {SN_NULL_CELL, cell(1), cell(2)};
    CHECK_OK(sn_begin(x.db));
    CHECK_OK(sn_table_update(x.t, rows, 3, &parent, 1, turned));
    CHECK_OK(sn_commit(x.db));
    tree_free(&x);
}

/* The member of a reference to several tables that leads back to its own: rows refer to it by what it is and by its key. A row that
 * closes a cycle with one that waits for it; and one whose key is only another member's. */
static void
test_member(bool same_member)
{
    enum { KIND, KEY, OWN, NUMBER };
    static const sn_column_def defs[] = {
        {.type = SN_CHOICE, .nullable = true}, {.type = SN_INT, .nullable = true}, {.type = SN_INT}};
    static const sn_col own = OWN, subject[] = {KIND, KEY};
    sn_config config = harness_config(&h);
    sn_db *db;
    sn_table *t;
    sn_index *ids, *from;
    sn_reference *refs[2];
    CHECK_OK(sn_db_new(&db, &config));
    CHECK_OK(sn_table_new(&t, db, NULL));
    for (sn_col c = 0; c < NUMBER; c++) {
        sn_col at;
        CHECK_OK(sn_table_add_column(&at, t, &defs[c], NULL));
    }
    CHECK_OK(sn_index_new(&ids, t, SN_INDEX_UNIQUE, &own, 1, false, NULL));
    CHECK_OK(sn_index_new(&from, t, SN_INDEX_MANY, subject, 2, false, NULL));
    for (sn_word kind = 0; kind < 2; kind++) {
        CHECK_OK(sn_reference_new_member(&refs[kind], from, ids, kind, SN_KEEP, false, NULL));
    }
    CHECK_OK(sn_reference_forbid_cycles(refs[1]));
    sn_cell first[] = {cell(1), cell(8), cell(7)}, second[] = {cell(same_member), cell(7), cell(8)};
    sn_row row;
    CHECK_OK(sn_begin(db));
    CHECK_OK(sn_table_insert(&row, t, first));
    CHECK_OK(sn_table_insert(&row, t, second));
    CHECK_STATUS(sn_commit(db), same_member ? SN_CYCLE : SN_OK);
    if (same_member) {
        sn_error e = *sn_db_error(db);
        CHECK(e.reference == refs[1] && e.row == 1 && e.other == 0 && e.count == 2);
        sn_rollback(db);
    }
    CHECK(sn_check(db) == NULL);
    void *handles[4];
    CHECK(sn_db_dismantle(db, handles, 4) == 0);
    sn_db_free(db);
}

/* ---------------------------------------------------------------- refused memory */

static void *
sweep_setup(hostile *host)
{
    static tree x;
    (void)host;
    tree_new(&x, 7, true);
    CHECK_OK(sn_begin(x.db));
    return &x;
}

static sn_status
sweep_run(void *state)
{
    tree *x = state;
    sn_cell cells[] = {cell(1), cell(2), cell(2), cell(3), cell(3), SN_NULL_CELL}, itself[] = {cell(5), cell(5)};
    sn_row row = 2;
    static const sn_col parent = PARENT;
    sn_cell to = cell(1);
    sn_row first;
    sn_status status = sn_table_insert_many(&first, x->t, cells, 3);
    status = status ? status : sn_table_insert(&first, x->t, itself);
    return status ? status : sn_table_update(x->t, &row, 1, &parent, 1, &to);
}

static const char *
sweep_check(void *state, bool succeeded)
{
    tree *x = state;
    if (succeeded) {
        CHECK_STATUS(sn_commit(x->db), SN_CYCLE);
        sn_error e;
        CHECK(sn_problem(&e, x->db, 0) && e.status == SN_CYCLE);
        sn_rollback(x->db);
    }
    return sn_check(x->db);
}

static void *
existing_setup(hostile *host)
{
    static tree x;
    (void)host;
    tree_new(&x, 7, false);
    for (size_t i = 0; i < 20; i++) {
        sn_cell cells[] = {cell((int64_t)i), cell((int64_t)i - 1)};
        sn_row row;
        CHECK_OK(sn_begin(x.db));
        CHECK_OK(sn_table_insert(&row, x.t, cells));
        CHECK_OK(sn_commit(x.db));
    }
    return &x;
}

static sn_status
existing_run(void *state)
{
    return sn_reference_forbid_cycles(((tree *)state)->parent);
}

static const char *
existing_check(void *state, bool succeeded)
{
    tree *x = state;
    CHECK(x->parent->acyclic == succeeded);
    return sn_check(x->db);
}

static void
sweep_teardown(void *state)
{
    tree_free(state);
}

int
main(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        test_random(seed);
        test_existing(seed);
    }
    CHECK(refused > 300 && accepted > 500);
    test_misuse();
    test_turned_around();
    test_member(true);
    test_member(false);
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown},
                                   existing = {existing_setup, existing_run, existing_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 3);
    CHECK(harness_sweep(&h, &existing) > 0);
    return harness_done("cycle", &h);
}
