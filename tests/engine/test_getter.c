/*
 * test_getter.c - values of getters: for each kind of read the changes that must and that must not make them wrong, rollback,
 * death, compaction, time, verifying without recursion, what a value owns, and all of it without memory.
 */
#include "lab.h"

/* ---------------------------------------------------------------- changes */

static void
title_0(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_TITLE, bare("other"));
}

static void
title_0_again(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_TITLE, bare("task"));
}

static void
title_0_null(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_TITLE, SN_NULL_CELL);
}

static void
title_1(lab *l)
{
    lab_set(l, l->s.task, 1, TASK_TITLE, bare("other"));
}

static void
email_bob(lab *l)
{
    lab_set(l, l->s.person, 1, PERSON_EMAIL, interned(l->s.db, "bea"));
}

static void
email_bob_null(lab *l)
{
    lab_set(l, l->s.person, 1, PERSON_EMAIL, SN_NULL_CELL);
}

static void
email_bob_again(lab *l)
{
    lab_set(l, l->s.person, 1, PERSON_EMAIL, interned(l->s.db, "bob"));
}

static void
email_ann(lab *l)
{
    lab_set(l, l->s.person, 0, PERSON_EMAIL, interned(l->s.db, "anne"));
}

static void
owner_0(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_OWNER, number(2));
}

static void
owner_0_null(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_OWNER, SN_NULL_CELL);
}

static void
owner_1(lab *l)
{
    lab_set(l, l->s.task, 1, TASK_OWNER, number(3));
}

static void
owners_0_and_1(lab *l)
{
    lab_set(l, l->s.task, 1, TASK_OWNER, number(1));
    owner_0(l);
}

static void
cost_0(lab *l)
{
    lab_set(l, l->s.task, 0, TASK_COST, real(9));
}

/* Dear before and after. */
static void
cost_4(lab *l)
{
    lab_set(l, l->s.task, 4, TASK_COST, real(8.5));
}

static void
team_0(lab *l)
{
    sn_row row = 0;
    sn_col cols[] = {TASK_CITY, TASK_NAME};
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    sn_cell cells[] = {number(1), interned(l->s.db, "red")};
    CHECK_OK(sn_table_update(l->s.task, &row, 1, cols, 2, cells));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

static void
add(lab *l, bool person, const char *email, int64_t owner)
{
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    person ? lab_person(l, email, 0) : lab_task(l, "more", owner, 0, 1);
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

static void
add_eve(lab *l)
{
    add(l, true, "eve", 0);
}

static void
add_zoe(lab *l)
{
    add(l, true, "zoe", 0);
}

static void
add_to_ann(lab *l)
{
    add(l, false, NULL, 1);
}

static void
add_to_bob(lab *l)
{
    add(l, false, NULL, 2);
}

static void
delete_0(lab *l)
{
    lab_delete(l, l->s.task, 0);
}

static void
delete_1(lab *l)
{
    lab_delete(l, l->s.task, 1);
}

static void
delete_dan(lab *l)
{
    lab_delete(l, l->s.person, 3);
}

static void
delete_anns(lab *l)
{
    for (sn_row row = 0; row < 12; row += 4)
        lab_delete(l, l->s.task, row);
}

static void
park(lab *l, sn_row row)
{
    size_t parked;
    sn_stamp stamp = {SN_DATETIME, number(5)};
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    CHECK_OK(sn_table_park(&parked, l->s.task, &row, 1, &stamp, 1));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

static void
park_0(lab *l)
{
    park(l, 0);
}

static void
park_1(lab *l)
{
    park(l, 1);
}

static void
restore(lab *l, sn_row row)
{
    size_t restored;
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    CHECK_OK(sn_table_restore(&restored, l->s.task, &row, 1));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

/* Last among its siblings. */
static void
park_and_restore_0(lab *l)
{
    park(l, 0);
    restore(l, 0);
}

static void
free_parked_11(lab *l)
{
    lab_delete(l, l->s.task, 11);
}

static void
move_0(lab *l)
{
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    CHECK_OK(sn_index_move(l->s.task_owner, 0, SIZE_MAX));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

/* ---------------------------------------------------------------- functions */

static int64_t
email(call *c)
{
    return read_cell(c, c->l->s.person, c->row, PERSON_EMAIL);
}

static int64_t
title(call *c)
{
    return read_cell(c, c->l->s.task, c->row, TASK_TITLE);
}

static int64_t
owner_and_cost(call *c)
{
    return read_cell(c, c->l->s.task, c->row, TASK_OWNER) * 100 + read_cell(c, c->l->s.task, c->row, TASK_COST);
}

static int64_t
life_of_0(call *c)
{
    return read_life(c, c->l->s.task, 0);
}

static int64_t
target(call *c)
{
    return (int64_t)name_of(c->l->s.person, read_target(c, c->l->s.owner, c->row));
}

static int64_t
first_boss(call *c)
{
    return (int64_t)name_of(c->l->s.person, read_first(c, c->l->owner, c->row));
}

static int64_t
first_task(call *c)
{
    return (int64_t)name_of(c->l->s.task, read_first(c, c->l->tasks, c->row));
}

static int64_t
all_tasks(call *c)
{
    sn_rows rows = read_each(c, c->l->tasks, c->row);
    int64_t sum = (int64_t)rows.n;
    for (size_t i = 0; i < rows.n; i++)
        sum = sum * 7 + (int64_t)name_of(c->l->s.task, rows.rows[i]);
    sn_rows_free(c->l->s.db, &rows);
    return sum;
}

static int64_t
all_teams(call *c)
{
    sn_rows rows = read_each(c, c->l->teams, c->row);
    int64_t sum = (int64_t)rows.n;
    sn_rows_free(c->l->s.db, &rows);
    return sum;
}

static int64_t
how_many(call *c)
{
    return read_count(c, c->l->tasks, c->row, SIZE_MAX);
}

static int64_t
whether_any(call *c)
{
    return read_count(c, c->l->tasks, c->row, 1);
}

static int64_t
has_task_0(call *c)
{
    return read_life(c, c->l->s.task, 0) == 1 && read_contains(c, c->l->tasks, c->row, 0);
}

/* By its email; a word of 0 if nobody has interned it and `intern` is not wanted. */
static int64_t
find(call *c, const char *name, bool intern)
{
    sn_db *db = c->l->s.db;
    sn_word word = sn_entry_peek(db, 1, (sn_bytes){(const unsigned char *)name, strlen(name)});
    sn_cell cell = SN_NULL_CELL;
    if (intern && !c->frame && word == 0)
        return 0;
    if (intern && c->frame) {
        void *handle = handle_new(name);
        bool taken = false;
        sn_entry_def def = {.tag = 1, .exact = {(const unsigned char *)name, strlen(name)}, .handle = handle};
        raises(c, sn_entry_intern(&cell.word, &taken, db, &def));
        cell.null = c->raised;
        word = cell.word;
        if (!taken)
            handle_free(handle);
    }
    sn_row found = c->raised ? SN_NO_ROW : read_probe(c, c->l->s.person_email, &word);
    take_back(db, cell);
    return (int64_t)name_of(c->l->s.person, found);
}

static int64_t
find_bob(call *c)
{
    return find(c, "bob", true);
}

static int64_t
find_zoe(call *c)
{
    return find(c, "zoe", true);
}

static int64_t
find_zoe_unasked(call *c)
{
    c->whole = true;
    return find(c, "zoe", false);
}

static int64_t
find_red(call *c)
{
    sn_word words[2] = {1, sn_entry_peek(c->l->s.db, 1, (sn_bytes){(const unsigned char *)"red", 3})};
    return (int64_t)name_of(c->l->s.team, read_probe(c, c->l->s.team_key, words));
}

static int64_t
dear(call *c)
{
    return read_number(c, &c->l->dear, SIZE_MAX);
}

static int64_t
any_dear(call *c)
{
    return read_number(c, &c->l->dear, 1);
}

static int64_t
dear_rows(call *c)
{
    return read_rows(c, &c->l->dear);
}

static int64_t
late_rows(call *c)
{
    return read_rows(c, &c->l->late);
}

static int64_t
my_dear(call *c)
{
    sn_query q = c->l->mine;
    q.from = c->row;
    return read_rows(c, &q);
}

static int64_t
my_dear_number(call *c)
{
    sn_query q = c->l->mine;
    q.from = c->row;
    return read_number(c, &q, SIZE_MAX);
}

static int64_t
dear_whole(call *c)
{
    return read_query_whole(c, &c->l->dear);
}

static int64_t
path_whole(call *c)
{
    if (c->frame)
        sn_read_path(c->frame, c->l->tasks);
    call alone = {.l = c->l, .row = c->row};
    c->whole = true;
    return all_tasks(&alone);
}

static int64_t
cost_whole(call *c)
{
    if (c->frame)
        sn_read_node(c->frame, c->l->expr, c->l->dear.where);
    call alone = {.l = c->l, .row = c->row};
    c->whole = true;
    return read_cell(&alone, c->l->s.task, c->row, TASK_COST);
}

static int64_t
table_whole(call *c)
{
    if (c->frame)
        sn_read_table(c->frame, c->l->s.task);
    c->whole = true;
    return sn_table_count(c->l->s.task);
}

/* Of the getter that was added before it. */
static int64_t
through(call *c)
{
    return read_getter(c, (size_t)(c->g - c->l->getters) - 1, c->row);
}

static int64_t
nothing(call *c)
{
    (void)c;
    return 5;
}

/* ---------------------------------------------------------------- what makes a value wrong */

typedef void (*change)(lab *l);

#define MOST 10

typedef struct reading {
    const char *name;
    bool task; /* of the first task; else of a person */
    sn_row row;
    lab_function function;
    change wrong[MOST]; /* each makes it wrong */
    change right[MOST]; /* none does */
    bool whole;         /* known by what it looks at: coming back does not make it right again */
} reading;

static const reading readings[] = {
    {"interned cell",
     false,
     1,
     email,
     {email_bob, email_bob_null},
     {email_ann, email_bob_again, add_eve, delete_1, delete_dan, park_1, owner_0, move_0},
     false},
    {"bare cell", true, 0, title, {title_0, title_0_null}, {title_0_again, title_1, cost_0, delete_1, park_0}, false},
    {"inline cells", true, 0, owner_and_cost, {owner_0, owner_0_null, cost_0}, {owner_1, title_0, move_0}, false},
    {"life", false, 0, life_of_0, {park_0, delete_0}, {park_1, delete_1, add_to_ann, park_and_restore_0}, false},
    {"target", true, 0, target, {owner_0, owner_0_null}, {owner_1, email_ann, add_eve, delete_dan, park_0}, false},
    {"first of one", true, 0, first_boss, {owner_0, owner_0_null}, {email_ann, title_0, delete_dan, park_0}, false},
    {"first of many",
     false,
     0,
     first_task,
     {delete_0, park_0, owner_0, move_0, park_and_restore_0},
     {add_to_ann, title_0, delete_1, cost_0, owner_1},
     false},
    {"each",
     false,
     0,
     all_tasks,
     {delete_0, park_0, owner_0, move_0, add_to_ann, park_and_restore_0},
     {add_to_bob, title_0, delete_1, cost_0, owner_1, delete_dan},
     false},
    {"each of two steps", false, 0, all_teams, {team_0}, {add_to_bob, owner_1, title_0, email_ann}, false},
    {"count",
     false,
     0,
     how_many,
     {delete_0, park_0, owner_0, add_to_ann},
     {move_0, owners_0_and_1, park_and_restore_0, add_to_bob, title_0},
     false},
    {"count to one", false, 0, whether_any, {delete_anns}, {delete_0, add_to_ann, owner_0, park_0, move_0}, false},
    {"contains", false, 0, has_task_0, {owner_0, delete_0, park_0}, {move_0, add_to_ann, delete_1, title_0}, false},
    {"probe", false, 0, find_bob, {email_bob}, {email_ann, add_zoe, add_eve, delete_dan, title_0}, false},
    {"probe of nothing", false, 0, find_zoe, {add_zoe}, {email_ann, email_bob, add_eve, delete_dan}, false},
    {"probe of no entry", false, 0, find_zoe_unasked, {add_zoe, email_ann}, {title_0, add_to_ann}, true},
    {"probe of two columns", false, 0, find_red, {NULL}, {team_0, title_0, email_ann}, false},
    {"number", false, 0, dear, {cost_0}, {cost_4, title_0, owner_0, add_to_ann}, false},
    {"number to one", false, 0, any_dear, {NULL}, {cost_0, cost_4, title_0, delete_1}, false},
    {"rows", false, 0, dear_rows, {cost_0}, {cost_4, title_0, owner_0, add_to_ann, park_0}, false},
    {"parked rows", false, 0, late_rows, {park_0, free_parked_11}, {title_0, delete_1, add_to_ann, email_ann}, false},
    {"rows along a path", false, 0, my_dear, {cost_0}, {cost_4, title_0, owner_1, owner_0, move_0}, false},
    {"number along a path", false, 0, my_dear_number, {NULL}, {cost_0, cost_4, title_0, owner_1}, false},
    {"query as a whole", false, 0, dear_whole, {cost_0, cost_4, add_to_bob}, {title_0, owner_0, move_0}, true},
    {"path as a whole", false, 0, path_whole, {owner_1, move_0, add_to_bob, add_eve}, {title_0, cost_0}, true},
    {"columns as a whole", true, 0, cost_whole, {cost_0, cost_4}, {title_0, add_to_bob, owner_0}, true},
    {"table as a whole", false, 0, table_whole, {add_to_bob, delete_1, park_1}, {title_0, owner_0, move_0}, true},
    {"nothing", false, 0, nothing, {NULL}, {title_0, add_eve, delete_dan, move_0}, false},
};

/* depth: how many getters read one another above the one that reads. */
static size_t
lab_reading(lab *l, hostile *h, const reading *r, int depth)
{
    lab_new(l, h);
    lab_fill(l, 12);
    park(l, 11);
    size_t which = lab_add(l, r->task ? l->s.task : l->s.person, r->function, NULL);
    for (int i = 0; i < depth; i++)
        which = lab_add(l, l->getters[which].getter->table, through, NULL);
    CHECK(lab_runs(l, which, r->row) && !lab_runs(l, which, r->row));
    return which;
}

static void
done_reading(lab *l)
{
    CHECK(!l->in_vain);
    lab_free(l);
}

/* Whether each read of a value would give the same. */
static bool
all_same(lab *l, size_t which, sn_row row)
{
    sn_read_report r;
    bool same = true;
    size_t n = sn_getter_report(l->getters[which].getter, row).reads;
    for (size_t i = 0; i < n; i++) {
        CHECK(sn_getter_read_at(&r, l->getters[which].getter, row, i));
        same &= r.same;
    }
    CHECK(!sn_getter_read_at(&r, l->getters[which].getter, row, n));
    return same;
}

static void
test_right(hostile *h, const reading *r, change made, int depth)
{
    lab l;
    size_t which = lab_reading(&l, h, r, depth);
    made(&l);
    CHECK(depth > 0 || all_same(&l, which, r->row));
    CHECK(!lab_runs(&l, which, r->row));
    CHECK_OK(sn_begin(l.s.db));
    sn_rollback(l.s.db);
    CHECK(!lab_runs(&l, which, r->row));
    done_reading(&l);
}

static void
test_wrong(hostile *h, const reading *r, change made, int depth)
{
    lab l;
    size_t which = lab_reading(&l, h, r, depth);
    made(&l);
    CHECK(l.getters[0].runs == 1 && !sn_getter_hit(l.getters[which].getter, r->row));
    CHECK(depth > 0 || !all_same(&l, which, r->row));
    lab_value_at(&l, which, r->row);
    CHECK(l.getters[0].runs == 2 && !lab_runs(&l, which, r->row));
    done_reading(&l);
}

/* What was known before is right again; what was found within is not. */
static void
test_rolled_back(hostile *h, const reading *r, change made, int depth)
{
    lab l;
    size_t which = lab_reading(&l, h, r, depth);
    CHECK_OK(sn_begin(l.s.db));
    made(&l);
    sn_rollback(l.s.db);
    lab_sound(&l);
    CHECK(lab_runs(&l, which, r->row) == r->whole);
    CHECK_OK(sn_begin(l.s.db));
    CHECK_OK(sn_begin(l.s.db));
    made(&l);
    size_t before = l.getters[0].runs;
    lab_value_at(&l, which, r->row);
    CHECK(l.getters[0].runs == before + 1);
    sn_rollback(l.s.db);
    lab_value_at(&l, which, r->row);
    CHECK(l.getters[0].runs == before + 2 && !lab_runs(&l, which, r->row));
    sn_rollback(l.s.db);
    CHECK(!lab_runs(&l, which, r->row));
    done_reading(&l);
}

static void
test_readings(hostile *h)
{
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        const reading *r = &readings[i];
        for (int depth = 0; depth <= 2; depth += 2) {
            for (size_t k = 0; k < MOST && r->right[k]; k++)
                test_right(h, r, r->right[k], depth);
            for (size_t k = 0; k < MOST && r->wrong[k]; k++) {
                test_wrong(h, r, r->wrong[k], depth);
                test_rolled_back(h, r, r->wrong[k], depth);
            }
        }
    }
}

/* ---------------------------------------------------------------- getters that read getters */

/* A lab with twelve tasks and no getter yet. */
static void
lab_start(lab *l, hostile *h)
{
    lab_new(l, h);
    lab_fill(l, 12);
}

static int64_t
parity_of_email(call *c)
{
    return email(c) * 0 + 4;
}

/* Early cut-off: the value stays, the same object, though its function was run. */
static void
test_cut_off(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, parity_of_email, NULL), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 1);
    void *before = sn_getter_value(l.getters[base].getter, 1);
    email_bob(&l);
    CHECK(lab_runs(&l, top, 1) && l.getters[base].runs == 2 && l.getters[top].runs == 1);
    CHECK(sn_getter_value(l.getters[base].getter, 1) == before);
    CHECK(sn_getter_counts_of(l.getters[top].getter).verified == 1);
    done_reading(&l);
}

/* What it reads has become another and the old one again: another object that is the same. */
static void
test_there_and_back(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, email, NULL), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 1);
    email_bob(&l);
    lab_value_at(&l, base, 1);
    lab_set(&l, l.s.person, 1, PERSON_EMAIL, interned(l.s.db, "bob"));
    lab_value_at(&l, base, 1);
    sn_read_report r;
    CHECK(sn_getter_read_at(&r, l.getters[top].getter, 1, 0) && r.kind == SN_READ_GETTER && !r.same);
    CHECK(r.getter == l.getters[base].getter && r.table == l.s.person && r.row == 1);
    CHECK(!lab_runs(&l, top, 1) && l.getters[base].runs == 3 && l.getters[top].runs == 1);
    email_bob(&l);
    lab_value_at(&l, base, 1);
    CHECK(lab_runs(&l, top, 1) && l.getters[top].runs == 2);
    done_reading(&l);
}

static int64_t
email_then_cost(call *c)
{
    lab *l = c->l;
    bool ann = read_cell(c, l->s.person, 0, PERSON_EMAIL) == (int64_t)(uintptr_t)c->g->arg;
    return read_cell(c, l->s.task, ann ? 0 : 10, TASK_COST);
}

/* A getter comes to read something else, and its value stays: who reads it has to know. */
static void
test_other_reads(hostile *h)
{
    lab l;
    lab_start(&l, h);
    call plain = {.l = &l};
    const void *ann = (void *)(uintptr_t)read_cell(&plain, l.s.person, 0, PERSON_EMAIL);
    size_t base = lab_add(&l, l.s.person, email_then_cost, ann), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 0); /* the costs of 0 and 10 are the same */
    email_ann(&l);
    CHECK(lab_runs(&l, top, 0) && l.getters[base].runs == 2 && l.getters[top].runs == 1);
    cost_0(&l);
    CHECK(!lab_runs(&l, top, 0));
    lab_set(&l, l.s.task, 10, TASK_COST, real(4));
    CHECK(lab_runs(&l, top, 0) && l.getters[base].runs == 3 && l.getters[top].runs == 2);
    done_reading(&l);
}

static int64_t
left(call *c)
{
    return read_getter(c, 0, c->row) + read_cell(c, c->l->s.person, 0, PERSON_EMAIL);
}

static int64_t
both_sides(call *c)
{
    return read_getter(c, 1, c->row) * 3 + read_getter(c, 2, c->row);
}

static void
test_diamond(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_add(&l, l.s.person, email, NULL);
    lab_add(&l, l.s.person, left, NULL);
    lab_add(&l, l.s.person, left, NULL);
    size_t top = lab_add(&l, l.s.person, both_sides, NULL);
    lab_value_at(&l, top, 1);
    email_bob(&l);
    lab_value_at(&l, top, 1);
    for (size_t i = 0; i <= top; i++)
        CHECK(l.getters[i].runs == 2);
    email_ann(&l);
    lab_value_at(&l, top, 1);
    CHECK(l.getters[0].runs == 2 && l.getters[1].runs == 3 && l.getters[2].runs == 3 && l.getters[top].runs == 3);
    done_reading(&l);
}

/* One more than at the boss's. */
static int64_t
height(call *c)
{
    sn_row boss = read_target(c, c->l->s.boss, c->row);
    return boss == SN_NO_ROW ? read_cell(c, c->l->s.person, c->row, PERSON_EMAIL) : 1 + read_getter(c, 0, boss);
}

#ifdef SN_TINY
#define CHAIN 500
#else
#define CHAIN 100000
#endif

/* No recursion: what the engine looks at is a list, and whoever runs a function finds all that it reads up to date. */
static void
test_chain(hostile *h)
{
    lab l;
    int64_t value = 0, before = 0;
    lab_new(&l, h);
    sn_getter *g = l.getters[lab_add(&l, l.s.person, height, NULL)].getter;
    CHECK_OK(sn_begin(l.s.db));
    for (sn_row row = 0; row < CHAIN; row++)
        lab_person(&l, NULL, row);
    CHECK_OK(sn_commit(l.s.db));
    for (sn_row row = 0; row < CHAIN; row++)
        CHECK(lab_read(&before, &l, g, row, NULL));
    drain(l.s.db);
    CHECK(l.runs == CHAIN && lab_read(&value, &l, g, CHAIN - 1, NULL) && l.runs == CHAIN);
    lab_set(&l, l.s.person, 1, PERSON_EMAIL, interned(l.s.db, "nobody asks"));
    CHECK(lab_read(&value, &l, g, CHAIN - 1, NULL) && l.runs == CHAIN && value == before);
    lab_set(&l, l.s.person, 0, PERSON_EMAIL, interned(l.s.db, "ann"));
    CHECK(lab_read(&value, &l, g, CHAIN - 1, NULL) && value != before && l.runs == 2 * CHAIN);
    CHECK(sn_getter_counts_of(g).values == CHAIN && sn_getter_counts_of(g).computed == 2 * CHAIN);
    lab_sound(&l);
    done_reading(&l);
}

static int64_t
email_or_none(call *c)
{
    int64_t value = 0;
    return try_getter(&value, c, 0, 3) ? value : -7;
}

/* The value of a row that is gone, in a unit that may yet be undone, answers nothing; nor does it when it read nothing. */
static void
test_getter_of_a_dead_row(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_add(&l, l.s.person, nothing, NULL);
    size_t top = lab_add(&l, l.s.person, email_or_none, NULL);
    CHECK(lab_value_at(&l, top, 0) == 5);
    CHECK_OK(sn_begin(l.s.db));
    delete_dan(&l);
    CHECK(!sn_getter_hit(l.getters[top].getter, 0));
    sn_rollback(l.s.db);
    CHECK(!lab_runs(&l, top, 0));
    CHECK_OK(sn_begin(l.s.db));
    delete_dan(&l);
    CHECK(lab_value_at(&l, top, 0) == -7 && !lab_runs(&l, top, 0));
    CHECK_OK(sn_commit(l.s.db));
    CHECK(!lab_runs(&l, top, 0));
    done_reading(&l);
}

/* A frame that goes on while its row, or that of what it reads, is gone. */
static void
test_frame_of_a_dead_row(hostile *h)
{
    lab l;
    sn_frame *f;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, nothing, NULL), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, base, 3);
    CHECK_OK(sn_begin(l.s.db));
    CHECK_OK(sn_frame_begin(&f, l.getters[top].getter, 0));
    delete_dan(&l);
    CHECK(!sn_read_getter(f, l.getters[base].getter, 3)); /* a value is there, for undoing to find */
    CHECK(!sn_frame_finish(f, NULL, false, false) && !sn_getter_hit(l.getters[top].getter, 0));
    CHECK(sn_getter_report(l.getters[top].getter, 0).once);
    CHECK_OK(sn_frame_begin(&f, l.getters[base].getter, 3));
    CHECK(!sn_frame_previous(f) && !sn_frame_overtaken(f));
    void *handle = handle_new("too late");
    CHECK(!sn_frame_finish(f, handle, false, false));
    handle_free(handle);
    CHECK_OK(sn_commit(l.s.db));
    lab_sound(&l);
    done_reading(&l);
}

/* ---------------------------------------------------------------- dropped by hand, once, in time */

static void
test_expire(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, nothing, NULL), top = lab_add(&l, l.s.person, through, NULL),
           above = lab_add(&l, l.s.person, through, NULL);
    sn_getter *g = l.getters[base].getter;
    CHECK(!sn_getter_expire(g, 0));
    lab_value_at(&l, above, 0);
    CHECK(sn_getter_expire(g, 0) && sn_getter_report(g, 0).expired && !sn_getter_hit(g, 0));
    sn_frame *f;
    CHECK_OK(sn_frame_begin(&f, g, 0));
    CHECK(!sn_frame_previous(f));
    sn_frame_abandon(f, NULL);
    CHECK_OK(sn_frame_begin(&f, l.getters[top].getter, 0));
    CHECK(!sn_read_getter(f, g, 0));
    sn_frame_abandon(f, NULL);
    CHECK(lab_runs(&l, above, 0));
    CHECK(l.getters[base].runs == 2 && l.getters[top].runs == 2 && l.getters[above].runs == 1);
    CHECK(!lab_runs(&l, above, 0) && !sn_getter_report(g, 0).expired);
    CHECK(sn_getter_expire(g, 0));
    lab_value_at(&l, base, 0);
    CHECK(lab_runs(&l, top, 0) && l.getters[top].runs == 3); /* though the value is right and the same */
    done_reading(&l);
}

static int64_t
once(call *c)
{
    if (c->frame)
        sn_read_once(c->frame);
    c->whole = true;
    return 3 + email(c);
}

static void
test_once(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, once, NULL), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 0);
    sn_value_report r = sn_getter_report(l.getters[base].getter, 0);
    CHECK(r.once && !r.kept && !r.right && r.reads == 0 && !sn_getter_value(l.getters[base].getter, 0));
    CHECK(sn_getter_report(l.getters[top].getter, 0).once);
    CHECK(lab_runs(&l, base, 0) && lab_runs(&l, top, 0) && l.getters[top].runs == 2);
    CHECK(!sn_getter_report(l.getters[base].getter, 1).kept && !sn_getter_report(l.getters[base].getter, 1).once);
    done_reading(&l);
}

/* Within a circle a value is good for one read; what an exception leaves to the function around is kept with that one's. */
static void
test_inside_circle(hostile *h)
{
    lab l;
    sn_frame *outer, *f;
    lab_value made = {.number = 1};
    lab_start(&l, h);
    sn_getter *g = l.getters[lab_add(&l, l.s.person, nothing, NULL)].getter;
    CHECK_OK(sn_frame_begin(&outer, g, 0));
    CHECK_OK(sn_frame_begin(&f, g, 1));
    sn_read_circle(f);
    CHECK(!sn_frame_finish(f, NULL, false, false) && sn_getter_report(g, 1).once);
    CHECK_OK(sn_frame_begin(&f, g, 1));
    sn_read_circle(f);
    sn_read_life(f, l.s.person, 1);
    sn_frame_abandon(f, outer);
    CHECK(sn_frame_finish(outer, handle_new_bytes(&made, sizeof made), false, false));
    CHECK(sn_getter_report(g, 0).kept && sn_getter_report(g, 0).reads == 1);
    done_reading(&l);
}

static int64_t
between_10_and_20(call *c)
{
    return read_time(c, 10) + 2 * read_time(c, 20);
}

static int64_t
always_six(call *c)
{
    return read_time(c, 30) * 0 + 6;
}

static void
test_time(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, between_10_and_20, NULL), top = lab_add(&l, l.s.person, through, NULL);
    CHECK(!sn_db_timed(l.s.db));
    sn_db_set_now(l.s.db, 15);
    CHECK(lab_value_at(&l, top, 0) == 1 && sn_db_timed(l.s.db));
    sn_value_report r = sn_getter_report(l.getters[top].getter, 0);
    CHECK(r.timed && r.low == 10 && r.high == 20 && r.right && !sn_getter_hit(l.getters[top].getter, 0));
    sn_db_set_now(l.s.db, 10);
    CHECK(!lab_runs(&l, top, 0));
    sn_db_set_now(l.s.db, 20);
    CHECK(!sn_getter_report(l.getters[top].getter, 0).right);
    CHECK(lab_value_at(&l, top, 0) == 3 && l.getters[top].runs == 2);
    sn_db_set_now(l.s.db, 9);
    CHECK(lab_value_at(&l, top, 0) == 0 && l.getters[top].runs == 3);
    sn_read_report read;
    CHECK(sn_getter_read_at(&read, l.getters[base].getter, 0, 0) && read.kind == SN_READ_TIME && read.same);
    CHECK(read.low == INT64_MIN && read.high == 10);
    title_0(&l);
    CHECK(!lab_runs(&l, top, 0));
    lab_delete(&l, l.s.person, 3);
    CHECK(sn_db_timed(l.s.db));
    sn_getter_drop(l.getters[top].getter);
    CHECK(!sn_db_timed(l.s.db)); /* all values have died */
    done_reading(&l);
}

/* A value stays beyond the time of what it read, when that comes out the same. */
static void
test_time_goes_on(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, always_six, NULL), top = lab_add(&l, l.s.person, through, NULL);
    CHECK(lab_value_at(&l, top, 0) == 6 && sn_getter_report(l.getters[top].getter, 0).high == 30);
    sn_db_set_now(l.s.db, 35);
    CHECK(lab_runs(&l, top, 0) && l.getters[base].runs == 2 && l.getters[top].runs == 1);
    CHECK(sn_getter_report(l.getters[top].getter, 0).low == 30);
    sn_db_set_now(l.s.db, 40);
    CHECK(!lab_runs(&l, top, 0) && sn_getter_report(l.getters[top].getter, 0).right);
    done_reading(&l);
}

/* The clock goes on in the middle of a function: it has read two values of one getter, and is right at no time. */
static int64_t
before_and_after(call *c)
{
    int64_t first = read_getter(c, 0, c->row);
    if (c->frame)
        sn_db_set_now(c->l->s.db, 12);
    return first * 10 + read_getter(c, 0, c->row);
}

static void
test_time_passes_within(hostile *h)
{
    lab l;
    int64_t value;
    lab_start(&l, h);
    lab_add(&l, l.s.person, between_10_and_20, NULL);
    sn_getter *g = l.getters[lab_add(&l, l.s.person, before_and_after, NULL)].getter;
    sn_db_set_now(l.s.db, 5);
    CHECK(lab_read(&value, &l, g, 0, NULL) && value == 1);
    sn_db_set_now(l.s.db, 5);
    CHECK(sn_getter_report(g, 0).reads == 2 && !lab_right(&l, g, 0));
    lab_sound(&l);
    done_reading(&l);
}

/* ---------------------------------------------------------------- rows that go and move */

static size_t
values_of(const lab *l, size_t which)
{
    return sn_getter_counts_of(l->getters[which].getter).values;
}

static void
test_death(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t which = lab_add(&l, l.s.task, title, NULL), other = lab_add(&l, l.s.task, owner_and_cost, NULL);
    for (sn_row row = 0; row < 3; row++)
        lab_value_at(&l, which, row);
    lab_value_at(&l, other, 0);
    CHECK_OK(sn_begin(l.s.db));
    delete_0(&l);
    CHECK(values_of(&l, which) == 3);
    sn_rollback(l.s.db);
    CHECK(!lab_runs(&l, which, 0) && !lab_runs(&l, other, 0));
    delete_0(&l);
    CHECK(values_of(&l, which) == 2 && values_of(&l, other) == 0);
    park_1(&l);
    CHECK(values_of(&l, which) == 2 && !lab_runs(&l, which, 1));
    lab_delete(&l, l.s.task, 1);
    CHECK(values_of(&l, which) == 1 && sn_getter_counts_of(l.getters[which].getter).bytes > 0);
    CHECK_OK(sn_begin(l.s.db));
    sn_row born = lab_task(&l, "born", 1, 0, 1);
    lab_value_at(&l, which, born);
    CHECK(values_of(&l, which) == 2);
    sn_rollback(l.s.db);
    CHECK(values_of(&l, which) == 1);
    lab_sound(&l);
    done_reading(&l);
}

static void
compact(lab *l, sn_table *t)
{
    sn_row *map = malloc(sn_table_positions(t) * sizeof *map);
    CHECK(map != NULL);
    CHECK_OK(sn_table_compact(t, map));
    free(map);
    lab_sound(l);
}

/* Values and what they have read go along with the rows. */
static void
test_compaction(hostile *h)
{
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        const reading *r = &readings[i];
        lab l;
        if (r->function == life_of_0 || r->function == has_task_0)
            continue; /* these ask about a position */
        lab_new(&l, h);
        CHECK_OK(sn_begin(l.s.db));
        sn_row task = lab_task(&l, "dead", 0, 0, 1), person = lab_person(&l, "dead", 0);
        CHECK_OK(sn_commit(l.s.db));
        lab_delete(&l, l.s.task, task);
        lab_delete(&l, l.s.person, person);
        CHECK_OK(sn_begin(l.s.db));
        lab_person(&l, "ann", 0);
        lab_person(&l, "bob", 2);
        lab_person(&l, NULL, 2);
        lab_person(&l, "dan", 2);
        add_team(&l.s, 1, "red", 1);
        add_team(&l.s, 2, "blue", 0);
        for (int k = 0; k < 12; k++)
            lab_task(&l, "task", 2 + k % 4, k % 3, k);
        CHECK_OK(sn_commit(l.s.db));
        lab_add(&l, r->task ? l.s.task : l.s.person, r->function, NULL);
        size_t top = lab_add(&l, l.getters[0].getter->table, through, NULL);
        lab_value_at(&l, top, r->row + 1);
        lab_value_at(&l, top, r->row + 2);
        compact(&l, l.s.task);
        compact(&l, l.s.person);
        CHECK(!lab_runs(&l, top, r->row) && !lab_runs(&l, top, r->row + 1));
        done_reading(&l);
    }
}

/* Values of rows far out, where the rows that they move to never had any; what died is not met again. */
static void
far_out(hostile *h, bool refused)
{
    lab l;
    lab_start(&l, h);
    size_t which = lab_add(&l, l.s.person, all_tasks, NULL), near = lab_add(&l, l.s.task, title, NULL);
    CHECK_OK(sn_begin(l.s.db));
    for (int i = 0; i < 1500; i++)
        lab_person(&l, NULL, 0);
    for (int i = 0; i < 3; i++)
        lab_task(&l, "far", 1500, 0, 1);
    CHECK_OK(sn_commit(l.s.db));
    lab_value_at(&l, which, 1499);
    lab_value_at(&l, near, 14);
    sn_container_walk walk = {0};
    CHECK(!sn_db_next_container(l.s.db, &walk));
    CHECK_OK(sn_begin(l.s.db));
    for (sn_row row = 3; row < 1400; row++) {
        size_t deleted;
        CHECK_OK(sn_table_delete(&deleted, l.s.person, &row, 1));
    }
    CHECK_OK(sn_commit(l.s.db));
    lab_sound(&l);
    sn_row *map = malloc(2000 * sizeof *map);
    CHECK(map != NULL);
    if (refused)
        hostile_arm(h, 1, true);
    CHECK_OK(sn_table_compact(l.s.person, map));
    hostile_disarm(h);
    CHECK(map[1499] < 512 && values_of(&l, which) == !refused);
    CHECK(lab_runs(&l, which, map[1499]) == refused);
    free(map);
    done_reading(&l);
}

/* A row that a value has read is gone when the rows move: it is not taken for another. */
static void
test_dead_reads(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_function functions[] = {first_task, all_tasks, has_task_0, life_of_0, email_or_none, find_bob};
    lab_add(&l, l.s.person, email, NULL);
    for (size_t i = 0; i < 6; i++) {
        size_t which = lab_add(&l, l.s.person, functions[i], NULL);
        lab_value_at(&l, which, 0);
    }
    delete_0(&l);
    delete_dan(&l);
    lab_delete(&l, l.s.person, 1);
    compact(&l, l.s.task);
    compact(&l, l.s.person);
    for (size_t which = 1; which < 7; which++) {
        CHECK(!all_same(&l, which, 0));
        CHECK(!sn_getter_report(l.getters[which].getter, 0).right);
        lab_value_at(&l, which, 0);
    }
    lab_free(&l); /* some of these ask about a position, which is another row's now */
}

/* ---------------------------------------------------------------- schema */

static void
test_schema(hostile *h)
{
    lab l;
    sn_col col;
    sn_frame *outer, *f;
    static const sn_column_def def = {SN_INT, true, false};
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, email, NULL), top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 0);
    sn_verify v = {.getter = l.getters[top].getter, .row = 0};
    email_ann(&l);
    CHECK(sn_verify_next(&v) == SN_STEP_RUN && v.run == l.getters[base].getter && v.run_row == 0);
    CHECK_STATUS(sn_table_compact(l.s.person, (sn_row[8]){0}), SN_BUSY);
    CHECK_OK(sn_frame_begin(&outer, l.getters[top].getter, 0));
    CHECK_OK(sn_frame_begin(&f, l.getters[base].getter, 0));
    CHECK_STATUS(sn_table_compact(l.s.person, (sn_row[8]){0}), SN_BUSY);
    sn_read_life(f, l.s.person, 0);
    CHECK_OK(sn_table_add_column(&col, l.s.person, &def, NULL));
    CHECK(values_of(&l, base) == 0 && values_of(&l, top) == 0 && sn_verify_next(&v) == SN_STEP_WRONG);
    sn_verify_end(&v);
    sn_frame_abandon(f, outer);
    void *handle = handle_new("of another schema");
    CHECK(!sn_frame_previous(outer) && !sn_frame_overtaken(outer) && !sn_frame_finish(outer, handle, false, false));
    handle_free(handle);
    CHECK(values_of(&l, top) == 0 && sn_db_pins(l.s.db) == 0);
    lab_sound(&l);
    CHECK(lab_runs(&l, top, 0));
    done_reading(&l);
}

/* A table, an index and a getter go while a frame that has read them is open. */
static void
test_schema_goes(hostile *h)
{
    lab l;
    sn_frame *f, *outer;
    sn_table *t;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, email, NULL), top = lab_add(&l, l.s.person, through, NULL);
    CHECK_OK(sn_table_new(&t, l.s.db, NULL));
    lab_add(&l, t, nothing, NULL);
    CHECK(sn_getter_table(l.getters[2].getter) == t);
    lab_value_at(&l, base, 0);
    CHECK_OK(sn_frame_begin(&outer, l.getters[top].getter, 0));
    CHECK_OK(sn_frame_begin(&f, l.getters[top].getter, 0));
    sn_read_table(f, t);
    CHECK(sn_read_getter(f, l.getters[base].getter, 0));
    handle_retain(sn_getter_value(l.getters[base].getter, 0));
    sn_table_drop(t);
    sn_getter_drop(l.getters[base].getter);
    CHECK(sn_db_handle_count(l.s.db) + 1 == handle_count());
    sn_frame_abandon(f, outer);
    sn_frame_abandon(outer, NULL);
    lab_sound(&l);
    done_reading(&l);
}

/* A path that its owner has freed stays for the reads along it, and answers nothing. */
static void
test_path_freed(hostile *h)
{
    lab l;
    sn_read_report r;
    int mark;
    lab_start(&l, h);
    size_t which = lab_add(&l, l.s.person, all_tasks, NULL), query = lab_add(&l, l.s.person, my_dear, NULL);
    sn_path_set_tag(l.tasks, &mark);
    lab_value_at(&l, which, 0);
    lab_value_at(&l, query, 0);
    CHECK(sn_getter_read_at(&r, l.getters[which].getter, 0, 0) && r.same && r.tag == &mark && r.count == 3);
    sn_path_free(l.tasks);
    CHECK(sn_getter_read_at(&r, l.getters[which].getter, 0, 0) && !r.same && !r.tag && r.table == l.s.person);
    CHECK(sn_getter_read_at(&r, l.getters[query].getter, 0, 0) && !r.same && r.watch == l.watch && r.count == 2);
    l.tasks = lab_path(&l, l.s.owner, true, NULL);
    l.mine.path = l.tasks;
    title_0(&l);
    add_to_ann(&l);
    CHECK(lab_runs(&l, which, 0) && lab_runs(&l, query, 0) && !lab_runs(&l, which, 0));
    lab_free(&l);
}

/* ---------------------------------------------------------------- recording */

static int64_t
reads_twice(call *c)
{
    const lab *l = c->l;
    int64_t sum = 0;
    for (int twice = 0; twice < 2; twice++) {
        for (sn_row row = 0; row < 12; row++) {
            for (sn_col col = 0; col < 3; col++)
                sum += read_cell(c, l->s.task, row, col);
            sum += read_life(c, l->s.task, row) + read_contains(c, l->tasks, 0, row) + read_target(c, l->s.owner, row);
        }
        for (size_t stop_at = 1; stop_at < 4; stop_at++)
            sum += read_count(c, l->tasks, 0, stop_at);
        for (sn_word id = 1; id < 7; id++)
            sum += read_probe(c, l->s.person_id, &id);
        sum += read_getter(c, 0, 0) + read_getter(c, 0, 1);
        if (c->g->arg && twice == 0 && c->frame)
            email_ann(c->l); /* as another thread would */
    }
    return sum;
}

/* What is asked twice is kept once, unless something was written in between. */
static void
test_dedupe(hostile *h)
{
    lab l;
    int64_t value;
    lab_start(&l, h);
    lab_add(&l, l.s.person, email, NULL);
    size_t which = lab_add(&l, l.s.person, reads_twice, NULL), disturbed = lab_add(&l, l.s.person, reads_twice, &l);
    lab_value_at(&l, which, 0);
    CHECK(sn_getter_report(l.getters[which].getter, 0).reads == 12 * 6 + 3 + 6 + 2);
    sn_frame *f;
    CHECK_OK(sn_frame_begin(&f, l.getters[disturbed].getter, 0));
    call c = {.l = &l, .g = &l.getters[disturbed], .frame = f};
    lab_value made = {.number = l.getters[disturbed].function(&c)};
    CHECK(sn_frame_finish(f, handle_new_bytes(&made, sizeof made), false, false));
    lab_sound(&l);
    CHECK(sn_getter_report(l.getters[disturbed].getter, 0).reads == 2 * (12 * 6 + 3 + 6 + 2));
    l.getters[disturbed].arg = NULL;
    CHECK(!lab_right(&l, l.getters[disturbed].getter, 0) && lab_read(&value, &l, l.getters[disturbed].getter, 0, NULL));
    lab_sound(&l);
    lab_free(&l);
}

/* Frames of two databases: nothing of one is the other's. */
static void
test_two_databases(hostile *h)
{
    lab a, b;
    sn_frame *outer, *f;
    lab_start(&a, h);
    lab_start(&b, h);
    sn_getter *g = a.getters[lab_add(&a, a.s.task, title, NULL)].getter;
    sn_getter *other = b.getters[lab_add(&b, b.s.task, title, NULL)].getter;
    CHECK_OK(sn_frame_begin(&outer, g, 0));
    CHECK_OK(sn_frame_begin(&f, other, 0));
    call c = {.l = &b, .g = &b.getters[0], .frame = f};
    title(&c);
    sn_frame_abandon(f, outer);
    drain(b.s.db);
    CHECK(!sn_frame_finish(outer, NULL, false, false) && sn_getter_report(g, 0).once);
    CHECK(sn_getter_report(g, 0).reads == 0);
    lab_sound(&b);
    lab_free(&b);
    lab_sound(&a);
    lab_free(&a);
}

static int64_t
raises_by_email(call *c)
{
    c->raised |= email(c) != (int64_t)(uintptr_t)c->g->arg;
    return 1;
}

static int64_t
catches(call *c)
{
    int64_t value;
    return try_getter(&value, c, 0, c->row) ? value : -1;
}

/* What a function read before it raised is read by the one that caught it. */
static void
test_caught(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, raises_by_email, &l), top = lab_add(&l, l.s.person, catches, NULL);
    CHECK(lab_value_at(&l, top, 1) == -1 && sn_getter_report(l.getters[top].getter, 1).reads == 1);
    CHECK(!lab_runs(&l, top, 1) && values_of(&l, base) == 0);
    email_bob(&l);
    call c = {.l = &l, .row = 1};
    l.getters[base].arg = (void *)(uintptr_t)email(&c);
    CHECK(lab_value_at(&l, top, 1) == 1 && !lab_runs(&l, top, 1));
    email_bob_again(&l);
    CHECK(lab_value_at(&l, top, 1) == -1 && !lab_runs(&l, top, 1));
    done_reading(&l);
}

/* Two at once: the second finds what the first has kept. */
static void
test_overtaken(hostile *h)
{
    lab l;
    sn_frame *f;
    lab_start(&l, h);
    sn_getter *g = l.getters[lab_add(&l, l.s.person, email, NULL)].getter;
    CHECK_OK(sn_frame_begin(&f, g, 1));
    CHECK(!sn_frame_overtaken(f) && !sn_frame_previous(f));
    lab_value_at(&l, 0, 1);
    CHECK(sn_frame_overtaken(f) && sn_frame_overtaken(f) == sn_getter_value(g, 1));
    email_bob(&l);
    CHECK(!sn_frame_overtaken(f) && sn_frame_previous(f) == sn_getter_value(g, 1));
    call c = {.l = &l, .g = &l.getters[0], .frame = f, .row = 1};
    lab_value value = {.number = email(&c)};
    CHECK(sn_frame_finish(f, handle_new_bytes(&value, sizeof value), false, false));
    lab_sound(&l);
    CHECK(!lab_runs(&l, 0, 1)); /* what it read is as it is, though it was written after it began */
    done_reading(&l);
}

/* ---------------------------------------------------------------- verifying */

/* Many writes elsewhere, more than there are traces: a look at what was read, no more. */
static void
test_many_revisions(hostile *h)
{
    lab l;
    lab_start(&l, h);
    sn_getter *g = l.getters[lab_add(&l, l.s.person, email, NULL)].getter;
    lab_value_at(&l, 0, 1);
    uint64_t verified = sn_getter_counts_of(g).verified;
    for (int i = 0; i < 3; i++)
        title_1(&l);
    CHECK(sn_getter_hit(g, 1)); /* nobody wrote where it looked */
    for (int i = 0; i < 2 * SN_TRACES; i++)
        title_1(&l);
    CHECK(!sn_getter_hit(g, 1) && !lab_runs(&l, 0, 1) && sn_getter_counts_of(g).verified == verified + 1);
    for (int i = 0; i < SN_TRACES; i++)
        title_1(&l);
    email_bob(&l);
    CHECK(lab_runs(&l, 0, 1));
    done_reading(&l);
}

/* Between two steps a value goes, comes anew, or there is no memory to look further. */
static void
test_steps(hostile *h)
{
    lab l;
    lab_start(&l, h);
    size_t base = lab_add(&l, l.s.person, email, NULL), top = lab_add(&l, l.s.person, through, NULL);
    sn_getter *g = l.getters[top].getter;
    lab_value_at(&l, top, 1);
    email_bob(&l);
    sn_verify v = {.getter = g, .row = 1};
    CHECK(sn_verify_next(&v) == SN_STEP_RUN);
    CHECK(sn_verify_next(&v) == SN_STEP_WRONG); /* it was not run, as when it raises */
    sn_verify_end(&v);
    v = (sn_verify){.getter = g, .row = 1};
    CHECK(sn_verify_next(&v) == SN_STEP_RUN);
    lab_value_at(&l, top, 1); /* another thread has done it all */
    CHECK(sn_verify_next(&v) == SN_STEP_RIGHT);
    sn_verify_end(&v);
    email_bob_again(&l);
    lab_value_at(&l, base, 1);
    v = (sn_verify){.getter = g, .row = 1};
    CHECK(sn_verify_next(&v) == SN_STEP_COMPARE && v.was != v.is);
    email_bob(&l);
    lab_value_at(&l, base, 1); /* the answer is about another value by now */
    v.same = true;
    CHECK(sn_verify_next(&v) == SN_STEP_COMPARE);
    v.same = false;
    CHECK(sn_verify_next(&v) == SN_STEP_WRONG);
    sn_verify_end(&v);
    sn_verify unused = {.getter = g, .row = 1};
    sn_verify_end(&unused);
    lab_value_at(&l, top, 1);
    done_reading(&l);
}

/* A value is replaced while what it read is run: it is looked at from the beginning. */
static void
test_replaced(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_add(&l, l.s.person, email, NULL);
    size_t top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 1);
    email_bob(&l);
    sn_verify v = {.getter = l.getters[top].getter, .row = 1};
    CHECK(sn_verify_next(&v) == SN_STEP_RUN);
    lab_value_at(&l, top, 1);
    email_bob_again(&l);
    CHECK(sn_verify_next(&v) == SN_STEP_RUN);
    sn_verify_end(&v);
    lab_value_at(&l, top, 1);
    done_reading(&l);
}

/* More levels than fit without memory, which is refused: the last getter that could be looked at is run. */
static void
test_refused_levels(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_add(&l, l.s.person, email, NULL);
    size_t top = 0;
    for (int i = 0; i < 2 * SN_VERIFY_FEW; i++)
        top = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, top, 1);
    email_bob(&l);
    sn_verify v = {.getter = l.getters[top].getter, .row = 1};
    hostile_arm(h, 1, true);
    CHECK(sn_verify_next(&v) == SN_STEP_RUN && v.run == l.getters[top - SN_VERIFY_FEW + 1].getter);
    hostile_disarm(h);
    sn_verify_end(&v);
    CHECK(lab_runs(&l, top, 1));
    v = (sn_verify){.getter = l.getters[top].getter, .row = 1};
    email_bob_again(&l);
    CHECK(sn_verify_next(&v) == SN_STEP_RUN && v.run == l.getters[0].getter);
    hostile_arm(h, 1, true);
    sn_verify_end(&v);
    hostile_disarm(h);
    lab_sound(&l);
    done_reading(&l);
}

static int64_t
reads_next(call *c)
{
    return read_cell(c, c->l->s.person, 0, PERSON_EMAIL) + 0 * (c->frame != NULL);
}

/* Each has read the other, as two threads can bring about: verifying ends all the same. */
static void
test_circle(hostile *h)
{
    lab l;
    sn_frame *f;
    lab_start(&l, h);
    size_t a = lab_add(&l, l.s.person, reads_next, NULL), b = lab_add(&l, l.s.person, through, NULL);
    lab_value_at(&l, b, 1);
    CHECK_OK(sn_frame_begin(&f, l.getters[a].getter, 1));
    CHECK(sn_read_getter(f, l.getters[b].getter, 1));
    handle_retain(sn_getter_value(l.getters[b].getter, 1));
    lab_value value = {.number = 1};
    CHECK(sn_frame_finish(f, handle_new_bytes(&value, sizeof value), false, false));
    lab_sound(&l);
    email_ann(&l);
    sn_verify v = {.getter = l.getters[b].getter, .row = 1};
    sn_step step = sn_verify_next(&v);
    CHECK(step == SN_STEP_RUN && v.n <= 2);
    sn_verify_end(&v);
    lab_value_at(&l, a, 1);
    lab_value_at(&l, b, 1);
    lab_free(&l);
}

/* ---------------------------------------------------------------- what values own */

/* All handles of containers, one by one as they are owned; a second walk finds the same. */
static size_t
walk_containers(const lab *l, const void *wanted)
{
    size_t n = 0, again = 0;
    for (sn_container_walk w = {0}; sn_db_next_container(l->s.db, &w);)
        again++;
    void *handle;
    for (sn_container_walk w = {0}; (handle = sn_db_next_container(l->s.db, &w)) != NULL; again--)
        n += !wanted || handle == wanted;
    CHECK(again == 0);
    return n;
}

static int64_t
object(call *c)
{
    return read_cell(c, c->l->s.person, c->row, PERSON_COLUMNS + 1) * 0 + my_dear_number(c);
}

static void
test_containers(hostile *h)
{
    lab l;
    sn_col col;
    static const sn_column_def def = {SN_OBJECT, true, false};
    lab_start(&l, h);
    CHECK_OK(sn_table_add_column(&col, l.s.person, &def, NULL));
    CHECK(col == PERSON_COLUMNS + 1 && walk_containers(&l, NULL) == 0);
    lab_set(&l, l.s.person, 1, col, bare("an object"));
    void *thing = sn_word_handle(sn_table_get(l.s.person, 1, col).word);
    size_t plain = lab_add(&l, l.s.person, email, NULL), one = lab_add(&l, l.s.person, object, NULL),
           kept = lab_add(&l, l.s.person, through, NULL), last = lab_add(&l, l.s.task, title, NULL);
    l.getters[one].container = l.getters[last].container = true;
    lab_value_at(&l, plain, 1);
    lab_value_at(&l, last, 7);
    CHECK(walk_containers(&l, NULL) == 1);
    lab_value_at(&l, one, 1);
    lab_value_at(&l, kept, 1);
    CHECK(walk_containers(&l, NULL) == 1 + 3 + 1 && walk_containers(&l, thing) == 1);
    CHECK(walk_containers(&l, sn_getter_value(l.getters[one].getter, 1)) == 2 && walk_containers(&l, l.watch) == 1);
    lab_set(&l, l.s.person, 1, col, SN_NULL_CELL);
    CHECK(walk_containers(&l, thing) == 1); /* the read has it still */
    lab_value_at(&l, kept, 1);
    CHECK(walk_containers(&l, thing) == 0 && walk_containers(&l, NULL) == 1 + 2 + 1);
    done_reading(&l);
}

/* A store goes with all its values, in pieces. */
static void
test_all_goes(hostile *h)
{
    lab l;
    lab_start(&l, h);
    for (size_t i = 0; i < 8; i++)
        lab_add(&l, readings[i].task ? l.s.task : l.s.person, readings[i].function, NULL);
    size_t top = lab_add(&l, l.s.person, through, NULL);
    for (size_t i = 0; i <= top; i++)
        for (sn_row row = 0; row < 4; row++)
            lab_value_at(&l, i, row);
    CHECK(sn_db_drop_count(l.s.db) == 0);
    lab_free(&l);
}

/* Freed as it is: the handles are the host's loss, all else goes. */
static void
test_freed_with_values(hostile *h)
{
    lab l;
    sn_path *paths[] = {NULL, NULL, NULL, NULL, NULL, NULL};
    lab_new(&l, h);
    lab_fill(&l, 0);
    lab_add(&l, l.s.person, how_many, NULL);
    lab_add(&l, l.s.person, nothing, NULL);
    lab_value_at(&l, 0, 0);
    void *lost = sn_getter_value(l.getters[0].getter, 0);
    paths[0] = l.owner, paths[1] = l.tasks, paths[2] = l.boss, paths[3] = l.reports, paths[4] = l.team;
    paths[5] = l.teams;
    for (size_t i = 0; i < 6; i++)
        sn_path_free(paths[i]);
    sn_expr_free(l.expr);
    void *emails[5];
    size_t n = 0;
    for (sn_row row = 0; row < 4; row++) {
        sn_cell cell = sn_table_get(l.s.person, row, PERSON_EMAIL);
        if (!cell.null)
            emails[n++] = sn_word_handle(cell.word);
    }
    for (sn_row row = 0; row < 2; row++)
        emails[n++] = sn_word_handle(sn_table_get(l.s.team, row, TEAM_NAME).word);
    sn_db_free(l.s.db);
    while (n > 0)
        handle_free(emails[--n]);
    handle_free(lost);
    handle_free(l.watch);
}

/* ---------------------------------------------------------------- without memory */

#define SWEPT_GETTERS 20
static bool swept_again; /* the values are there, and something has changed */

static int64_t
many_reads(call *c)
{
    return reads_twice(c) + dear_rows(c) + my_dear(c);
}

static void *
getter_setup(hostile *h)
{
    lab *l = malloc(sizeof *l);
    CHECK(l != NULL);
    lab_start(l, h);
    park(l, 11);
    for (size_t i = 0; i < SWEPT_GETTERS; i++)
        lab_add(l, readings[i].task ? l->s.task : l->s.person, readings[i].function, NULL);
    lab_add(l, l->s.person, many_reads, NULL);
    lab_add(l, l->s.person, through, NULL);
    for (size_t i = 0; swept_again && i < l->n; i++)
        lab_value_at(l, i, 1);
    if (swept_again) {
        owners_0_and_1(l);
        email_bob(l);
        cost_0(l);
    }
    return l;
}

static sn_status
getter_run(void *state)
{
    lab *l = state;
    int64_t value;
    for (size_t i = 0; i < l->n; i++) {
        if (!lab_read(&value, l, l->getters[i].getter, 1, NULL) && l->refused)
            return SN_NOMEM;
    }
    return SN_OK;
}

static const char *
getter_check(void *state, bool succeeded)
{
    lab *l = state;
    (void)succeeded;
    l->refused = false;
    lab_sound(l);
    for (size_t i = 0; i < l->n; i++)
        lab_value_at(l, i, 1);
    return sn_check(l->s.db);
}

static void
getter_teardown(void *state)
{
    lab_free(state);
    free(state);
}

static void
test_without_memory(hostile *h)
{
    harness_sweep_def def = {getter_setup, getter_run, getter_check, getter_teardown};
    for (int again = 0; again <= 1; again++) {
        swept_again = again;
        CHECK(harness_sweep(h, &def) > 100);
    }
}

static sn_status
new_getter(shop *s)
{
    sn_getter *g;
    return sn_getter_new(&g, s->person, NULL);
}

/* ---------------------------------------------------------------- what the check sees */

static void
finds(const lab *l, const char *wrong)
{
    const char *found = sn_check(l->s.db);
    CHECK(found != NULL && strcmp(found, wrong) == 0);
}

static void
test_check(hostile *h)
{
    lab l;
    lab_start(&l, h);
    lab_add(&l, l.s.person, email, NULL);
    lab_value_at(&l, 0, 1);
    sn_getter *g = l.getters[0].getter;
    sn__value *v = sn__value_at(g, 1), as_it_was = *v;
    v->verified = l.s.db->revision + 1;
    finds(&l, "getter: a value is of a revision that has not come");
    *v = as_it_was;
    v->computed = v->verified + 1;
    finds(&l, "getter: a value is of a revision that has not come");
    *v = as_it_was;
    v->expired = l.s.db->revision + 1;
    finds(&l, "getter: a value is of a revision that has not come");
    *v = as_it_was;
    v->flags |= SN__VALUE_ONCE;
    finds(&l, "getter: a value keeps what it should not");
    *v = as_it_was;
    v->signature.cells = 0;
    finds(&l, "getter: a value has read what its signature does not cover");
    *v = as_it_was;
    v->flags |= SN__VALUE_TIMED;
    finds(&l, "getter: values of all getters are miscounted");
    *v = as_it_was;
    g->counts.values++;
    finds(&l, "getter: values are miscounted");
    g->counts.values--;
    g->blocks[0][0] = v;
    g->blocks[0][1] = NULL;
    CHECK(!sn_check(l.s.db));
    sn__table_set_live(l.s.person, 0, false);
    finds(&l, "getter: a row that is gone has a value");
    sn__table_set_live(l.s.person, 0, true);
    g->blocks[0][1] = v;
    g->blocks[0][0] = NULL;
    lab_sound(&l);
    done_reading(&l);
}

int
main(void)
{
    hostile h = {0};
    test_readings(&h);
    test_cut_off(&h);
    test_there_and_back(&h);
    test_other_reads(&h);
    test_diamond(&h);
    test_chain(&h);
    test_getter_of_a_dead_row(&h);
    test_frame_of_a_dead_row(&h);
    test_expire(&h);
    test_inside_circle(&h);
    test_once(&h);
    test_time(&h);
    test_time_goes_on(&h);
    test_time_passes_within(&h);
    test_death(&h);
    test_compaction(&h);
    far_out(&h, false);
    far_out(&h, true);
    test_dead_reads(&h);
    test_schema(&h);
    test_schema_goes(&h);
    test_path_freed(&h);
    test_dedupe(&h);
    test_two_databases(&h);
    test_caught(&h);
    test_overtaken(&h);
    test_many_revisions(&h);
    test_steps(&h);
    test_replaced(&h);
    test_refused_levels(&h);
    test_circle(&h);
    test_containers(&h);
    test_all_goes(&h);
    test_freed_with_values(&h);
    test_without_memory(&h);
    sweep(&h, (shop_sweep){.run = new_getter});
    test_check(&h);
    return harness_done("getter", &h);
}
