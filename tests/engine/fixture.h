/*
 * fixture.h - a small store for the tests of writes: people, teams and tasks, with every kind of index and on_delete; a
 * dump of all that can be seen of it; a sweep that refuses each allocation of one operation in turn.
 *
 *   person  id auto unique | email text unique | boss -> person (restrict)
 *   team    (city int, name text) unique | rank int unique deferred
 *   task    id auto unique | title bare text | owner -> person (cascade) | (city, name) -> team (nullify) | cost float
 *           ordered
 */
#ifndef SN_FIXTURE_H
#define SN_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "harness.h"

enum { PERSON_ID, PERSON_EMAIL, PERSON_BOSS, PERSON_COLUMNS };
enum { TEAM_CITY, TEAM_NAME, TEAM_RANK, TEAM_COLUMNS };
enum { TASK_ID, TASK_TITLE, TASK_OWNER, TASK_CITY, TASK_NAME, TASK_COST, TASK_COLUMNS };

typedef struct shop {
    hostile *h;
    sn_db *db;
    sn_table *person, *team, *task;
    sn_index *person_id, *person_email, *person_boss, *team_key, *team_rank, *task_id, *task_owner, *task_team,
        *task_cost;
    sn_reference *boss, *owner, *membership;
    sn_cell cells[96]; /* of the operation being swept */
    size_t cell_count;
    char *before;
} shop;

/* ---------------------------------------------------------------- cells */

static inline sn_cell
number(int64_t v)
{
    return (sn_cell){(sn_word)v, false};
}

static inline sn_cell
real(double v)
{
    sn_cell cell = {0, false};
    memcpy(&cell.word, &v, sizeof v);
    return cell;
}

static inline sn_cell
bare(const char *text)
{
    return (sn_cell){(sn_word)(uintptr_t)handle_new(text), false};
}

static inline sn_cell
interned(sn_db *db, const char *text)
{
    sn_cell cell = {0, false};
    bool taken;
    void *handle = handle_new(text);
    sn_entry_def def = {.tag = 1, .exact = {(const unsigned char *)text, strlen(text)}, .handle = handle};
    CHECK_OK(sn_entry_intern(&cell.word, &taken, db, &def));
    if (!taken)
        handle_free(handle);
    return cell;
}

/* Gives back a cell that a call has refused. */
static inline void
take_back(sn_db *db, sn_cell cell)
{
    if (cell.null)
        return;
    if (sn_word_is_entry(cell.word))
        sn_entry_release(db, cell.word);
    else
        handle_free(sn_word_handle(cell.word));
}

static inline void
drain(sn_db *db)
{
    void *handles[3];
    size_t n;
    while ((n = sn_db_drop(db, handles, 3)) > 0) {
        for (size_t i = 0; i < n; i++)
            handle_free(handles[i]);
    }
}

/* ---------------------------------------------------------------- the schema */

static inline sn_table *
make_table(sn_db *db, const sn_column_def *defs, size_t n)
{
    sn_table *t;
    CHECK_OK(sn_table_new(&t, db, NULL));
    for (size_t i = 0; i < n; i++) {
        sn_col col;
        CHECK_OK(sn_table_add_column(&col, t, &defs[i], NULL));
        CHECK(col == i);
    }
    return t;
}

static inline sn_index *
make_index(sn_table *t, sn_index_kind kind, bool deferred, sn_col first, sn_col second)
{
    sn_index *ix;
    sn_col cols[2] = {first, second};
    CHECK_OK(sn_index_new(&ix, t, kind, cols, second == SN_NO_COL ? 1 : 2, deferred, NULL));
    return ix;
}

static inline void
make_tables(shop *s)
{
    static const sn_column_def person[] = {{SN_INT, false, true}, {SN_TEXT, true, false}, {SN_INT, true, false}};
    static const sn_column_def team[] = {{SN_INT, false, false}, {SN_TEXT, false, false}, {SN_INT, true, false}};
    static const sn_column_def task[] = {{SN_INT, false, true}, {SN_TEXT, true, false}, {SN_INT, true, false},
                                         {SN_INT, true, false}, {SN_TEXT, true, false}, {SN_FLOAT, true, false}};
    s->person = make_table(s->db, person, PERSON_COLUMNS);
    s->team = make_table(s->db, team, TEAM_COLUMNS);
    s->task = make_table(s->db, task, TASK_COLUMNS);
}

static inline void
make_indexes(shop *s)
{
    s->person_id = make_index(s->person, SN_INDEX_UNIQUE, false, PERSON_ID, SN_NO_COL);
    s->person_email = make_index(s->person, SN_INDEX_UNIQUE, false, PERSON_EMAIL, SN_NO_COL);
    s->person_boss = make_index(s->person, SN_INDEX_MANY, false, PERSON_BOSS, SN_NO_COL);
    s->team_key = make_index(s->team, SN_INDEX_UNIQUE, false, TEAM_CITY, TEAM_NAME);
    s->team_rank = make_index(s->team, SN_INDEX_UNIQUE, true, TEAM_RANK, SN_NO_COL);
    s->task_id = make_index(s->task, SN_INDEX_UNIQUE, false, TASK_ID, SN_NO_COL);
    s->task_owner = make_index(s->task, SN_INDEX_MANY, false, TASK_OWNER, SN_NO_COL);
    s->task_team = make_index(s->task, SN_INDEX_MANY, false, TASK_CITY, TASK_NAME);
    s->task_cost = make_index(s->task, SN_INDEX_ORDERED, false, TASK_COST, SN_NO_COL);
}

static inline void
make_shop(shop *s, hostile *h)
{
    sn_config config = harness_config(h);
    *s = (shop){.h = h};
    CHECK_OK(sn_db_new(&s->db, &config));
    make_tables(s);
    make_indexes(s);
    CHECK_OK(sn_reference_new(&s->boss, s->person_boss, s->person_id, SN_RESTRICT, true, NULL));
    CHECK_OK(sn_reference_new(&s->owner, s->task_owner, s->person_id, SN_CASCADE, true, NULL));
    CHECK_OK(sn_reference_new(&s->membership, s->task_team, s->team_key, SN_NULLIFY, true, NULL));
}

/* ---------------------------------------------------------------- rows */

/* Each inserts within the open unit; boss, owner, city 0: null. */
static inline sn_row
add_person(shop *s, const char *email, int64_t boss)
{
    sn_row row;
    sn_cell cells[] = {SN_NULL_CELL, email ? interned(s->db, email) : SN_NULL_CELL, boss ? number(boss) : SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, s->person, cells));
    return row;
}

static inline sn_row
add_team(shop *s, int64_t city, const char *name, int64_t rank)
{
    sn_row row;
    sn_cell cells[] = {number(city), interned(s->db, name), rank ? number(rank) : SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, s->team, cells));
    return row;
}

static inline sn_row
add_task(shop *s, const char *title, int64_t owner, int64_t city, const char *name, double cost)
{
    sn_row row;
    sn_cell cells[] = {SN_NULL_CELL,
                       bare(title),
                       owner ? number(owner) : SN_NULL_CELL,
                       city ? number(city) : SN_NULL_CELL,
                       name ? interned(s->db, name) : SN_NULL_CELL,
                       real(cost)};
    CHECK_OK(sn_table_insert(&row, s->task, cells));
    return row;
}

/* Four people (1 is everybody's boss), two teams, twenty tasks. */
static inline void
fill_shop(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    add_person(s, "ann", 0);
    add_person(s, "bob", 1);
    add_person(s, NULL, 1);
    add_person(s, "dan", 1);
    add_team(s, 1, "red", 1);
    add_team(s, 2, "blue", 0);
    for (int i = 0; i < 20; i++)
        add_task(s, "task", 1 + i % 4, i % 3, i % 3 == 1 ? "red" : i % 3 == 2 ? "blue" : NULL, (i * 7) % 10);
    CHECK_OK(sn_commit(s->db));
    CHECK_SOUND(sn_check(s->db));
}

static inline void
free_shop(shop *s)
{
    void *handles[TASK_COLUMNS];
    size_t n;
    while (sn_depth(s->db) > 0)
        sn_rollback(s->db);
    while ((n = sn_db_dismantle(s->db, handles, TASK_COLUMNS)) > 0) {
        for (size_t i = 0; i < n; i++)
            handle_free(handles[i]);
    }
    CHECK(sn_db_handle_count(s->db) == 0);
    CHECK_SOUND(sn_check(s->db));
    sn_db_free(s->db);
    free(s->before);
}

/* ---------------------------------------------------------------- dump */

typedef struct dump_text {
    char *text;
    size_t len, cap;
} dump_text;

static inline void
dump_add(dump_text *d, const char *word, long long a, long long b)
{
    if (d->len + 64 > d->cap)
        d->text = realloc(d->text, d->cap = 2 * d->cap + 64);
    CHECK(d->text != NULL);
    d->len += (size_t)snprintf(d->text + d->len, 64, "%s %lld %lld\n", word, a, b);
}

static inline void
dump_table(dump_text *d, const sn_table *t)
{
    dump_add(d, "table", sn_table_positions(t), sn_table_next_number(t));
    for (sn_row row = 0; row < sn_table_positions(t); row++) {
        int life = sn_table_alive(t, row) + 2 * sn_table_parked(t, row) + 4 * sn__taken(t, row);
        dump_add(d, "row", life, (long long)(uintptr_t)sn_table_handle(t, row));
        for (sn_col c = 0; c < sn_table_columns(t); c++) {
            const sn_column_def *def = sn_table_column_def(t, c);
            dump_add(d, "column", def ? (long long)def->type : -1, def && def->nullable);
            if (def && life > 0)
                dump_add(d, "cell", (long long)sn_table_get(t, row, c).word, sn_table_get(t, row, c).null);
        }
    }
}

static inline void
dump_index(dump_text *d, const sn_index *ix)
{
    sn_word key[SN_MAX_KEY];
    dump_add(d, "index", (long long)ix->kind, (long long)ix->references);
    for (sn_row row = 0; ix->kind == SN_INDEX_MANY && row < ix->table->positions; row++) {
        if (!sn__alive(ix->table, row) || !sn__row_key(key, ix, row))
            continue;
        sn_posting_view view = sn__index_list(ix, key);
        for (size_t i = 0; i < view.len; i++) {
            if (view.rows[i] != SN_NO_ROW)
                dump_add(d, "member", row, view.rows[i]);
        }
    }
}

/* Everything that can be seen of the store, as text that the caller frees. */
static inline char *
dump_shop(const shop *s)
{
    dump_text d = {NULL, 0, 0};
    for (const sn_table *t = s->db->tables; t; t = t->next) {
        dump_table(&d, t);
        for (size_t i = 0; i < t->index_count; i++)
            dump_index(&d, t->indexes[i]);
        dump_add(&d, "references", (long long)t->outgoing_count, (long long)t->incoming_count);
    }
    dump_add(&d, "handles", (long long)sn_db_handle_count(s->db), (long long)sn_depth(s->db));
    return d.text;
}

static inline bool
unchanged(const shop *s, const char *before)
{
    char *now = dump_shop(s);
    bool same = strcmp(now, before) == 0;
    free(now);
    return same;
}

/* ---------------------------------------------------------------- sweeps */

/* `prepare` makes the cells of tasks that an operation will give, in s->cells; they go back when it was refused. */
typedef struct shop_sweep {
    void (*prepare)(shop *s); /* or NULL */
    sn_status (*run)(shop *s);
    bool in_unit; /* opens one for it, and commits afterwards */
} shop_sweep;

static shop_sweep swept;

static inline void *
sweep_setup(hostile *h)
{
    shop *s = malloc(sizeof *s);
    CHECK(s != NULL);
    make_shop(s, h);
    fill_shop(s);
    if (swept.in_unit)
        CHECK_OK(sn_begin(s->db));
    s->before = dump_shop(s);
    if (swept.prepare)
        swept.prepare(s);
    return s;
}

/* Of cells that make tasks: those that own something. */
static inline void
take_tasks_back(shop *s, size_t from)
{
    for (size_t i = from; i < s->cell_count; i++) {
        if (i % TASK_COLUMNS == TASK_TITLE || i % TASK_COLUMNS == TASK_NAME)
            take_back(s->db, s->cells[i]);
    }
}

static inline sn_status
sweep_run(void *state)
{
    shop *s = state;
    sn_status st = swept.run(s);
    if (st != SN_OK)
        take_tasks_back(s, 0);
    return st;
}

static inline const char *
sweep_check(void *state, bool succeeded)
{
    shop *s = state;
    drain(s->db);
    const char *wrong = sn_check(s->db);
    if (!wrong && !succeeded && !unchanged(s, s->before))
        wrong = "a refused operation has changed something";
    if (!wrong && swept.in_unit && succeeded && sn_commit(s->db) != SN_OK)
        wrong = "the unit does not commit";
    drain(s->db);
    return wrong ? wrong : sn_check(s->db);
}

static inline void
sweep_teardown(void *state)
{
    shop *s = state;
    free_shop(s);
    free(s);
}

/* At least one allocation must have been refused, else the sweep proves nothing. */
static inline void
sweep(hostile *h, shop_sweep operation)
{
    harness_sweep_def def = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    swept = operation;
    CHECK(harness_sweep(h, &def) > 0);
}

#endif
