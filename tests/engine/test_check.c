/*
 * test_check.c - sn_check finds what is wrong: each invariant is broken in turn, by hand, in a store that is sound
 * otherwise, and must be named; put right again, the store passes.
 */
#include "fixture.h"
#include "journal.h"
#include "many.h"
#include "moment.h"
#include "ordered.h"
#include "unique.h"

#define LINK_TO(id) ((uint32_t)(id) + 2u) /* as many.c chains its lists */

static hostile h;

/* sn_check must say this. */
static void
found(const shop *s, const char *message, int line)
{
    const char *wrong = sn_check(s->db);
    harness_check_sound(wrong && strcmp(wrong, message) == 0 ? NULL
                        : wrong                              ? wrong
                                                             : "nothing found",
                        message, __FILE__, line);
}
#define FINDS(s, message) found(s, message, __LINE__)

static void
planted(const shop *s, void *at, const void *wrong, size_t size, const char *message, int line)
{
    unsigned char right[16];
    CHECK(size <= sizeof right);
    memcpy(right, at, size);
    memcpy(at, wrong, size);
    found(s, message, line);
    memcpy(at, right, size);
    CHECK_SOUND(sn_check(s->db));
}

/* Gives `place` a wrong value for the time of one check. */
#define PLANT(s, place, value, message)                                                                                \
    planted(s, &(place), &(__typeof__(place)){value}, sizeof(place), message, __LINE__)

static sn_word *
word_at(const sn_table *t, sn_row row, sn_col col)
{
    return &t->columns[col].blocks[row >> SN_BLOCK_SHIFT][row & SN_BLOCK_MASK];
}

/* ---------------------------------------------------------------- the unit and the schema */

static void
test_units(shop *s)
{
    sn_db *db = s->db;
    PLANT(s, db->drop_promised, db->drop_cap + 1, "drop list: more promised than there is room for");
    PLANT(s, db->problem_count, db->pending_len + 1, "pending: more problems than items");
    PLANT(s, db->pending_len, 1, "journal: something is left of a unit");
    PLANT(s, db->unsettled, s->person_id, "journal: something is left of a unit");
    CHECK_OK(sn_begin(db));
    add_person(s, "eve", 0);
    PLANT(s, db->drop_promised, 0, "drop list: the journal was promised less than it may drop");
    PLANT(s, db->depth, 0, "journal: something is left of a unit");
    sn_rollback(db);
    drain(db);
}

static void
test_columns(shop *s)
{
    sn_table *t = s->task;
    PLANT(s, t->columns[TASK_OWNER].indexed, 7, "schema: a column miscounts its indexes");
    PLANT(s, t->owning_count, 9, "schema: owning columns are miscounted");
    PLANT(s, s->task_owner->references, 0, "schema: an index miscounts its references");
    PLANT(s, s->team_rank->table, s->task, "schema: an index miscounts its references");
    PLANT(s, s->person->next_number, 1, "table: a number is not below the counter");
}

/* Lists of references; where the counts of indexes would be found wrong first, they are made to fit. */
static void
test_lists(shop *s)
{
    PLANT(s, s->person->incoming[0], s->owner, "schema: a reference is not listed by its target");
    PLANT(s, s->task->outgoing[0], s->membership, "schema: a reference is not listed by its origin");
    s->person_boss->references = 0;
    s->boss->from = s->task_owner;
    FINDS(s, "schema: a reference is not listed by its target");
    s->boss->from = s->person_boss;
    s->person_boss->references = 1;
    s->person_id->references = 1;
    s->owner->to = s->team_key;
    FINDS(s, "schema: a reference is not listed by its origin");
    s->owner->to = s->person_id;
    s->person_id->references = 2;
    CHECK_SOUND(sn_check(s->db));
}

static void
test_references(shop *s)
{
    CHECK_OK(sn_reference_drop(s->membership));
    CHECK_OK(sn_begin(s->db));
    add_task(s, "task", 1, 9, "nowhere", 1);
    CHECK_OK(sn_commit(s->db));
    CHECK_OK(sn_reference_new(&s->membership, s->task_team, s->team_key, SN_KEEP, false, NULL));
    PLANT(s, s->membership->enforce, true, "reference: a row refers to nothing");
}

/* ---------------------------------------------------------------- tables */

static void
test_cells(shop *s)
{
    sn_table *t = s->person;
    sn_column *boss = &t->columns[PERSON_BOSS];
    sn_row unused = t->positions;
    PLANT(s, *word_at(t, 0, PERSON_BOSS), 5, "table: the word of a null is not 0");
    PLANT(s, *word_at(t, 0, PERSON_EMAIL), 0, "table: a handle is missing");
    CHECK_OK(sn__table_reserve(t, 1));
    PLANT(s, *word_at(t, unused, PERSON_ID), 5, "table: a dead position owns a word");
    uint64_t *nulls = &boss->nulls[unused >> SN_BLOCK_SHIFT][(unused & SN_BLOCK_MASK) >> 6];
    PLANT(s, *nulls, *nulls & ~((uint64_t)1 << (unused & SN_BLOCK_MASK & 63)),
          "table: a position never used is not null");
}

static void
test_blocks(shop *s)
{
    sn_table *t = s->person;
    sn_column *boss = &t->columns[PERSON_BOSS];
    sn_word **blocks = boss->blocks;
    PLANT(s, t->positions, t->cap + 1, "table: more positions than room");
    PLANT(s, t->count, t->positions + 1, "table: more positions than room");
    PLANT(s, t->count, t->count - 1, "table: live count is wrong");
    uint64_t *last = &t->live[t->live_cap - 1];
    PLANT(s, *last, *last | UINT64_C(1) << 63, "table: a position never used is alive");
    PLANT(s, t->cap, (sn_row)t->block_count * SN_BLOCK_ROWS + 1, "table: room does not agree with the blocks");
    PLANT(s, boss->def.nullable, false, "table: null bitmaps do not agree with the definition");
    PLANT(s, boss->blocks[0], NULL, "table: a block is missing");
    PLANT(s, boss->nulls[0], NULL, "table: a block is missing");
    PLANT(s, boss->used, false, "table: a gap has blocks");
    boss->used = false;
    boss->blocks = NULL;
    FINDS(s, "table: a gap has blocks");
    boss->blocks = blocks;
    boss->used = true;
}

static void
test_handles(shop *s)
{
    CHECK_OK(sn_table_set_handle(s->person, 1, s));
    PLANT(s, s->person->handles[1 / SN_HANDLE_ROWS]->count, 7, "table: handle count of a block is wrong");
    CHECK_OK(sn_table_set_handle(s->person, 1, NULL));
}

/* More rows than a block has: then all blocks are whole. */
static void
test_many_blocks(shop *s)
{
    static const sn_column_def def = {SN_INT, false, false};
    sn_table *t = make_table(s->db, &def, 1);
    CHECK_OK(sn_begin(s->db));
    for (sn_row i = 0; i <= SN_BLOCK_ROWS; i++) {
        sn_cell cell = number(1);
        sn_row row;
        CHECK_OK(sn_table_insert(&row, t, &cell));
    }
    CHECK_OK(sn_commit(s->db));
    CHECK(t->block_count > 1);
    PLANT(s, t->cap, t->cap - 1, "table: room does not agree with the blocks");
}

/* ---------------------------------------------------------------- unique indexes */

static sn_slot *
used_slot(sn_slots *slots)
{
    size_t i = 0;
    while (slots->at[i].id == SN_NO_ROW)
        i++;
    return &slots->at[i];
}

static void
test_unique(shop *s)
{
    static const char *const other = "unique: holds other rows than the live ones with a key";
    sn_unique *dense = s->person_id->as.unique, *hashed = s->person_email->as.unique;
    CHECK(dense->dense && !hashed->dense);
    sn_word first = 1;
    size_t at = sn__window_at(&dense->window, first);
    PLANT(s, dense->rows[at], 1, "unique: a row is not at its key's position");
    PLANT(s, used_slot(&hashed->slots)->hash, used_slot(&hashed->slots)->hash + 1,
          "unique: a row cannot be reached by its key");
    PLANT(s, hashed->n, hashed->n + 1, other);
    PLANT(s, hashed->peak, 0, other);
    if (at > 0)
        PLANT(s, dense->rows[0], 0, other);
    PLANT(s, hashed->slots.n, hashed->slots.n + 1, "unique: has both forms");
}

static void
test_both_forms(shop *s)
{
    sn_unique *dense = s->person_id->as.unique, *hashed = s->person_email->as.unique;
    sn_slot empty = {0, SN_NO_ROW};
    sn_row none = SN_NO_ROW;
    dense->slots = (sn_slots){&empty, 1, 0};
    FINDS(s, "unique: has both forms");
    dense->slots = (sn_slots){0};
    hashed->rows = &none;
    hashed->window.room = 1;
    FINDS(s, "unique: has both forms");
    hashed->rows = NULL;
    hashed->window.room = 0;
    CHECK_SOUND(sn_check(s->db));
}

/* Within a unit a deferred index may hold two rows of one key, another may not. */
static void
test_two_of_one_key(shop *s)
{
    CHECK_OK(sn_begin(s->db));
    add_team(s, 3, "green", 1);
    PLANT(s, s->team_rank->deferred, false, "unique: two rows have one key");
    sn_rollback(s->db);
    drain(s->db);
}

/* ---------------------------------------------------------------- many indexes */

/* The list of an owner in the dense index over task.owner, of a team in the hashed one over (city, name). */
static sn_list *
owner_list(const shop *s, int64_t owner)
{
    sn_word key = (sn_word)owner;
    sn_list *list = sn__many_find(s->task_owner, &key);
    CHECK(list != NULL);
    return list;
}

static sn_list *
team_list(const shop *s, sn_row task)
{
    sn_word key[2];
    CHECK(sn__row_key(key, s->task_team, task));
    return sn__many_find(s->task_team, key);
}

static void
test_lists_of_rows(shop *s)
{
    sn_many *m = s->task_owner->as.many;
    sn_list *list = owner_list(s, 1);
    sn_row *rows = sn__list_rows(list);
    PLANT(s, rows[0], s->task->positions, "many: a dead row in a list");
    PLANT(s, rows[0], sn__list_rows(owner_list(s, 2))[0], "many: a row in the list of another key");
    PLANT(s, m->places[rows[0]], 3, "many: a row's place is wrong");
    PLANT(s, list->len, list->cap + 1, "many: a list ends in a hole or beyond its room");
    PLANT(s, rows[list->len - 1], SN_NO_ROW, "many: a list ends in a hole or beyond its room");
    PLANT(s, list->count, list->count + 1, "many: a list's count is wrong");
    PLANT(s, m->n, m->n + 1, "many: holds other rows than the live ones with a key");
    PLANT(s, m->used, m->used + 1, "many: number of lists is wrong");
    sn_row without = 0; /* the first task of no team */
    while (!sn__is_null(s->task, without, TASK_CITY))
        without++;
    PLANT(s, sn__list_rows(team_list(s, 1))[0], without, "many: a row in the list of another key");
}

/* A row with a key that no list has: the counts of the lists are right among themselves. */
static void
test_row_left_out(shop *s)
{
    sn_list *list = owner_list(s, 1);
    sn_many *m = s->task_owner->as.many;
    list->len--;
    list->count--;
    m->n--;
    FINDS(s, "many: holds other rows than the live ones with a key");
    list->len++;
    list->count++;
    m->n++;
    CHECK_SOUND(sn_check(s->db));
}

static void
test_chains(shop *s)
{
    static const char *const broken = "many: the chain of unsettled lists is broken";
    sn_many *dense = s->task_owner->as.many, *hashed = s->task_team->as.many;
    sn_list *list = owner_list(s, 1);
    uint32_t used = (uint32_t)(list - dense->lists), unused = 0;
    while (unused < dense->lists_cap && dense->lists[unused].cap > 0)
        unused++;
    PLANT(s, dense->unsettled, 0, broken);
    PLANT(s, dense->unsettled, LINK_TO(dense->lists_cap), broken);
    PLANT(s, dense->unsettled, LINK_TO(used), broken);
    PLANT(s, list->link, LINK_TO(used), broken); /* in no chain that begins somewhere */
    if (unused < dense->lists_cap) {
        PLANT(s, dense->unsettled, LINK_TO(unused), broken);
        dense->lists[unused].link = 1;
        PLANT(s, dense->unused, LINK_TO(unused), "many: dense, but has slots");
        dense->lists[unused].link = 0;
    }
    PLANT(s, dense->slots.n, 1, "many: dense, but has slots");
    PLANT(s, dense->window.room, dense->window.room + 1, "many: dense, but has slots");
    PLANT(s, hashed->lists_len, hashed->lists_len + 1, "many: a list is lost");
    PLANT(s, hashed->slots.n, hashed->slots.n + 1, "many: a list is lost");
    uint32_t team = (uint32_t)(team_list(s, 1) - hashed->lists);
    PLANT(s, hashed->keys[2 * team], 77, "many: a list cannot be reached by its key");
}

/* A chain that bites its tail. */
static void
test_chain_without_end(shop *s)
{
    sn_many *m = s->task_owner->as.many;
    sn_list *list = owner_list(s, 1);
    list->link = m->unsettled = LINK_TO(list - m->lists);
    FINDS(s, "many: the chain of unsettled lists is broken");
    list->link = 0;
    m->unsettled = 1;
    CHECK_SOUND(sn_check(s->db));
}

static void
test_empty_list(shop *s)
{
    size_t deleted;
    CHECK_OK(sn_begin(s->db));
    sn_row row = add_task(s, "task", 4, 2, "red", 1);
    sn_list *list = team_list(s, row);
    CHECK(list && list->count == 1);
    CHECK_OK(sn_table_delete(&deleted, s->task, &row, 1));
    CHECK(list->count == 0 && list->link > 0);
    PLANT(s, list->link, 0, "many: an empty list will not be settled");
    sn_rollback(s->db);
    drain(s->db);
}

/* ---------------------------------------------------------------- ordered indexes, entries */

static void
test_ordered(shop *s)
{
    sn_ordered *o = s->task_cost->as.ordered;
    sn_chunk *c = o->chunks[0];
    PLANT(s, c->n, 0, "ordered: a chunk is empty or too full");
    PLANT(s, c->n, SN_CHUNK_ROWS + 1, "ordered: a chunk is empty or too full");
    PLANT(s, c->rows[0], s->task->positions, "ordered: a dead row");
    PLANT(s, c->rows[0], c->rows[1], "ordered: rows out of order");
    PLANT(s, o->pool_len, o->pool_len + 1, "ordered: the pool is wrong");
    PLANT(s, o->cap, 0, "ordered: the pool is wrong");
    PLANT(s, o->n, o->n + 1, "ordered: holds other rows than the live ones");
    c = o->chunks[o->len - 1];
    c->n--; /* the last row is in no chunk */
    o->n--;
    FINDS(s, "ordered: holds other rows than the live ones");
    c->n++;
    o->n++;
}

/* Two exact forms of one key, as two decimals are. */
static sn_entry *
intern_form(shop *s, const char *exact)
{
    sn_word word;
    bool taken;
    sn_entry_def def = {.tag = 2,
                        .exact = {(const unsigned char *)exact, strlen(exact)},
                        .key = {(const unsigned char *)"key", 3},
                        .handle = handle_new(exact)};
    CHECK_OK(sn_entry_intern(&word, &taken, s->db, &def));
    CHECK(taken);
    return sn_word_entry(word);
}

static void
test_keys_of_entries(shop *s)
{
    sn_entry *a = intern_form(s, "1.0"), *b = intern_form(s, "1.00");
    sn_entry *key = a->key, *red = sn_word_entry(*word_at(s->team, 0, TEAM_NAME));
    CHECK(b->key == key && key->key == key && red->key == red);
    PLANT(s, a->key, b, "entry: its key is not a key");
    PLANT(s, a->key, red, "entry: its key is a value");
    PLANT(s, key->tag, 5, "entry: its key is a value");
    PLANT(s, key->uses, 1, "entries: a key entry has too few uses");
    sn_entry_release(s->db, sn_entry_word(a));
    CHECK(s->db->dead_entries == a);
    PLANT(s, a->uses, 1, "entry: dead but in use or without a handle");
    PLANT(s, a->handle, NULL, "entry: dead but in use or without a handle");
    sn_entry_release(s->db, sn_entry_word(b));
    drain(s->db);
}

/* Puts an entry into a slot to which no probe leads. */
static void
test_lost_entry(shop *s)
{
    sn_intern_set *set = &s->db->entries;
    size_t mask = set->cap - 1, from = 0;
    while (!set->slots[from])
        from++;
    sn_entry *e = set->slots[from];
    size_t to = ((size_t)e->hash + mask) & mask; /* the last that a probe would come to */
    for (; set->slots[to]; to = (to + mask) & mask) {
    }
    set->slots[from] = NULL;
    set->slots[to] = e;
    FINDS(s, "entry: not reachable, or there are two of one value");
    set->slots[to] = NULL;
    set->slots[from] = e;
    CHECK_SOUND(sn_check(s->db));
}

static void
test_entries(shop *s)
{
    sn_intern_set *set = &s->db->entries;
    sn_entry *red = sn_word_entry(*word_at(s->team, 0, TEAM_NAME));
    PLANT(s, red->uses, 0, "entry: in the set without a use");
    PLANT(s, red->uses, 1, "entries: more cells than uses");
    PLANT(s, red->hash, red->hash + 1, "entry: its hash is not that of its bytes");
    PLANT(s, set->n, set->n + 1, "entries: count is wrong");
    PLANT(s, set->handles, set->handles + 1, "entries: handle count is wrong");
}

/* ---------------------------------------------------------------- moments */

static void
test_moments(shop *s)
{
    sn_db *db = s->db;
    uint32_t numbers[3];
    CHECK_OK(sn__moment_join(&numbers[0], db, SN_DATETIME, -5));
    CHECK_OK(sn__moment_join(&numbers[1], db, SN_DATETIME, 7));
    CHECK_OK(sn__moment_join(&numbers[2], db, SN_ENTRY, 7));
    CHECK_OK(sn_db_set_time(db, 1000, 1000));
    sn__moment *naive = &db->moments[numbers[0]], *aware = &db->moments[numbers[2]];
    PLANT(s, naive->type, SN_INT, "moment: of a type that is no time");
    PLANT(s, naive->word, naive->word + 2, "moment: not that of the time");
    PLANT(s, db->moments[numbers[1]].offset, -5, "moment: two of one distance");
    PLANT(s, aware->offset, 8, "moment: not the canonical form of the time");
    PLANT(s, aware->word, *word_at(s->team, 0, TEAM_NAME), "moment: not the canonical form of the time");
    for (size_t i = 0; i < 3; i++)
        sn__moment_leave(db, numbers[i]);
    db->moment_n = 1; /* as if the last had been left behind */
    db->moments[0].uses = 0;
    FINDS(s, "moment: the last has no uses");
    db->moment_n = 0;
}

/* ---------------------------------------------------------------- all of it */

static void
run(void (*test)(shop *s))
{
    shop s;
    make_shop(&s, &h);
    fill_shop(&s);
    test(&s);
    CHECK_SOUND(sn_check(s.db));
    drain(s.db);
    free_shop(&s);
}

int
main(void)
{
    static void (*const tests[])(shop *) = {
        test_units,          test_columns,       test_lists,           test_references, test_cells,
        test_blocks,         test_handles,       test_many_blocks,     test_unique,     test_both_forms,
        test_two_of_one_key, test_lists_of_rows, test_row_left_out,    test_chains,     test_chain_without_end,
        test_empty_list,     test_ordered,       test_keys_of_entries, test_lost_entry, test_entries,
        test_moments,
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        run(tests[i]);
    return harness_done("check", &h);
}
