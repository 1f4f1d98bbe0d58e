/*
 * test_getter_random.c - random getters over a shop that changes at random. After each step each value that is found right is what its
 * function gives now, and no function has been run again that had the same to tell as the last time (lab.h).
 *
 * A getter is a short program: steps that read at the current row and go on from it, some of them only if the sum so far is odd.
 * It reads getters with smaller numbers only, so there is no circle.
 */
#include "lab.h"

enum {
    STEP_CELL,
    STEP_LIFE,
    STEP_TARGET,
    STEP_FIRST,
    STEP_EACH,
    STEP_COUNT,
    STEP_CONTAINS,
    STEP_PROBE,
    STEP_NUMBER,
    STEP_ROWS,
    STEP_GETTER,
    STEP_TRY,
    STEP_TIME,
    STEP_RAISE,
    STEP_WHOLE,
    STEP_ONCE,
    STEP_KINDS
};

typedef struct step {
    int kind;
    uint32_t with;
    bool odd; /* only if the sum is */
} step;

#define STEPS 6
#define GETTERS 10

typedef struct program {
    size_t n;
    step steps[STEPS];
} program;

typedef struct state {
    lab l;
    uint64_t seed;
    program programs[GETTERS];
    sn_row map[4096];
} state;

static uint32_t
pick(state *s, uint32_t below)
{
    return harness_random(&s->seed, below);
}

/* ---------------------------------------------------------------- running one */

/* Where a program is. */
typedef struct place {
    call *c;
    sn_table *t;
    sn_row row;
    int64_t sum;
} place;

static void
add(place *p, int64_t number)
{
    p->sum = (p->sum * 31 + number) % 10007;
}

static void
go_to(place *p, const sn_table *t, sn_row row)
{
    add(p, row == SN_NO_ROW ? 3 : 4);
    if (row != SN_NO_ROW) {
        p->t = (sn_table *)(uintptr_t)t;
        p->row = row;
    }
}

/* A path from here. */
static const sn_path *
path_of(const place *p, uint32_t with)
{
    const lab *l = p->c->l;
    const sn_path *of_task[] = {l->owner, l->team}, *of_person[] = {l->tasks, l->boss, l->reports, l->teams};
    return p->t == l->s.task ? of_task[with % 2] : of_person[with % 4];
}

static void
step_first(place *p, uint32_t with)
{
    const sn_path *path = path_of(p, with);
    sn_row target = read_first(p->c, path, p->row);
    if (sn_path_to(path) != p->c->l->s.team)
        go_to(p, sn_path_to(path), target);
    else
        add(p, target == SN_NO_ROW);
}

static void
step_each(place *p, uint32_t with)
{
    const sn_path *path = path_of(p, with);
    sn_rows rows = read_each(p->c, path, p->row);
    for (size_t i = 0; i < rows.n && i < with % 5; i++)
        add(p, read_cell(p->c, (sn_table *)(uintptr_t)sn_path_to(path), rows.rows[i], (sn_col)(with % 3)));
    add(p, (int64_t)rows.n);
    sn_rows_free(p->c->l->s.db, &rows);
}

static sn_row
probe_person(place *p, uint32_t with)
{
    sn_word id = 1 + with % 8;
    return read_probe(p->c, p->c->l->s.person_id, &id);
}

static void
step_contains(place *p, uint32_t with)
{
    const lab *l = p->c->l;
    sn_row person = probe_person(p, with);
    if (person == SN_NO_ROW)
        return;
    if (p->t == l->s.task)
        add(p, read_contains(p->c, l->owner, p->row, person));
    else
        add(p, read_contains(p->c, l->reports, p->row, person));
}

static void
step_query(place *p, int kind, uint32_t with)
{
    const lab *l = p->c->l;
    sn_query q = with % 3 == 0 ? l->dear : with % 3 == 1 ? l->late : l->mine;
    if (q.source == SN_FROM_PATH && p->t != l->s.person)
        q = l->dear;
    q.from = q.source == SN_FROM_PATH ? p->row : 0;
    if (kind == STEP_NUMBER)
        add(p, read_number(p->c, &q, with % 2 ? 1 + with % 4 : SIZE_MAX));
    else
        add(p, kind == STEP_ROWS ? read_rows(p->c, &q) : read_query_whole(p->c, &q));
}

static void
step_getter(place *p, int kind, uint32_t with)
{
    const lab_getter *getters = p->c->l->getters;
    size_t self = (size_t)(p->c->g - getters), which = self > 0 ? with % self : 0;
    int64_t number = 0;
    while (which < self && getters[which].getter->table != p->t)
        which++;
    if (which >= self)
        return;
    if (kind == STEP_GETTER)
        number = read_getter(p->c, which, p->row);
    else if (!try_getter(&number, p->c, which, p->row))
        number = 99;
    add(p, number);
}

static void
step_life(place *p, uint32_t with)
{
    sn_row row = probe_person(p, with);
    add(p, row == SN_NO_ROW ? 0 : read_life(p->c, p->c->l->s.person, row));
}

static void
step_end(place *p, int kind, uint32_t with)
{
    if (kind == STEP_TIME) {
        add(p, read_time(p->c, with % 20));
    } else if (kind == STEP_RAISE) {
        p->c->raised |= p->sum % 3 == 1;
    } else if (kind == STEP_ONCE && with % 8 == 0) {
        if (p->c->frame)
            sn_read_once(p->c->frame);
        p->c->whole = true;
    }
}

static void
run_step(place *p, const step *s)
{
    switch (s->kind) {
    case STEP_CELL:
        add(p, read_cell(p->c, p->t, p->row, (sn_col)(s->with % (p->t == p->c->l->s.task ? TASK_COLUMNS : 3))));
        break;
    case STEP_LIFE:
        step_life(p, s->with);
        break;
    case STEP_TARGET:
        if (p->t == p->c->l->s.task)
            go_to(p, p->c->l->s.person, read_target(p->c, p->c->l->s.owner, p->row));
        break;
    case STEP_FIRST:
        step_first(p, s->with);
        break;
    case STEP_EACH:
        step_each(p, s->with);
        break;
    case STEP_COUNT:
        add(p, read_count(p->c, path_of(p, s->with), p->row, s->with % 5 ? s->with % 5 : SIZE_MAX));
        break;
    case STEP_CONTAINS:
        step_contains(p, s->with);
        break;
    case STEP_PROBE:
        go_to(p, p->c->l->s.person, probe_person(p, s->with));
        break;
    case STEP_NUMBER:
    case STEP_ROWS:
    case STEP_WHOLE:
        step_query(p, s->kind, s->with);
        break;
    case STEP_GETTER:
    case STEP_TRY:
        step_getter(p, s->kind, s->with);
        break;
    default:
        step_end(p, s->kind, s->with);
    }
}

static int64_t
run_program(call *c)
{
    const program *p = c->g->arg;
    place at = {c, c->g->getter->table, c->row, 0};
    for (size_t i = 0; i < p->n && !c->raised; i++) {
        if (!p->steps[i].odd || at.sum % 2)
            run_step(&at, &p->steps[i]);
    }
    return at.sum % (int64_t)(2 + p->steps[0].with % 5);
}

/* ---------------------------------------------------------------- making them */

static step
random_step(state *s)
{
    uint32_t kind = pick(s, STEP_KINDS);
    if (kind >= STEP_RAISE && pick(s, 3))
        kind = pick(s, 2) ? STEP_GETTER + pick(s, 3) : STEP_CELL + pick(s, 8);
    return (step){.kind = (int)kind, .with = pick(s, 1000), .odd = pick(s, 3) == 0};
}

static void
make_getters(state *s)
{
    for (size_t g = 0; g < GETTERS; g++) {
        program *p = &s->programs[g];
        p->n = 1 + pick(s, STEPS);
        for (size_t i = 0; i < p->n; i++)
            p->steps[i] = random_step(s);
        if (g > 1 && pick(s, 3))
            p->steps[pick(s, 2) % p->n].kind = STEP_GETTER + (int)pick(s, 2);
        lab_add(&s->l, pick(s, 2) ? s->l.s.task : s->l.s.person, run_program, p);
        s->l.getters[g].container = pick(s, 2);
    }
}

/* ---------------------------------------------------------------- changes */

static sn_row
pick_row(state *s, const sn_table *t)
{
    return pick(s, sn_table_positions(t) + 1);
}

static int64_t
pick_id(state *s)
{
    return pick(s, 8); /* 0: null; some of no one */
}

static void
insert(state *s)
{
    static const char *const emails[] = {"ann", "bob", "cid", "dan", "eve", "fay"};
    lab *l = &s->l;
    if (pick(s, 3)) {
        lab_task(l, pick(s, 2) ? "task" : NULL, pick_id(s), pick(s, 3), pick(s, 8));
        return;
    }
    sn_row row;
    const char *email = emails[pick(s, 6)];
    int64_t boss = pick_id(s);
    sn_cell cells[] = {SN_NULL_CELL, pick(s, 3) ? interned(l->s.db, email) : SN_NULL_CELL,
                       boss ? number(boss) : SN_NULL_CELL, SN_NULL_CELL};
    if (sn_table_insert(&row, l->s.person, cells) != SN_OK)
        take_back(l->s.db, cells[PERSON_EMAIL]);
}

static sn_cell
random_cell(state *s, bool task, sn_col col)
{
    static const char *const texts[] = {"task", "other", "bob", "ann", "third"};
    if (pick(s, 6) == 0)
        return SN_NULL_CELL;
    if (task && col == TASK_TITLE)
        return bare(texts[pick(s, 5)]);
    if (!task && col == PERSON_EMAIL)
        return interned(s->l.s.db, texts[pick(s, 5)]);
    if (task && col == TASK_COST)
        return real(pick(s, 8));
    return number(1 + pick(s, 6));
}

static void
update(state *s)
{
    static const sn_col task_cols[] = {TASK_TITLE, TASK_OWNER, TASK_COST, TASK_OWNER},
                        person_cols[] = {PERSON_EMAIL, PERSON_BOSS};
    bool task = pick(s, 3);
    sn_table *t = task ? s->l.s.task : s->l.s.person;
    sn_col col = task ? task_cols[pick(s, 4)] : person_cols[pick(s, 2)];
    sn_row row = pick_row(s, t);
    sn_cell cell = random_cell(s, task, col);
    if (sn_table_update(t, &row, 1, &col, 1, &cell) != SN_OK && sn_type_owns(t->columns[col].def.type))
        take_back(s->l.s.db, cell);
}

static void
go_away(state *s)
{
    size_t n;
    sn_table *t = pick(s, 3) ? s->l.s.task : s->l.s.person;
    sn_row row = pick_row(s, t);
    sn_stamp stamp = {SN_DATETIME, number(1 + pick(s, 3))};
    switch (pick(s, 4)) {
    case 0:
        sn_table_delete(&n, t, &row, 1);
        break;
    case 1:
        sn_table_park(&n, t, &row, 1, &stamp, 1);
        break;
    default:
        sn_table_restore(&n, t, &row, 1);
    }
}

/* Outside of units. */
static void
exchange(state *s)
{
    sn_cell old, cell = bare(pick(s, 2) ? "task" : "swap");
    sn_row row = pick_row(s, s->l.s.task);
    bool done = sn_table_exchange(&old, s->l.s.task, row, TASK_TITLE, cell);
    take_back(s->l.s.db, done ? old : cell);
}

static void
write(state *s)
{
    lab *l = &s->l;
    switch (pick(s, 8)) {
    case 0:
        insert(s);
        break;
    case 1:
    case 2:
        go_away(s);
        break;
    case 3:
        sn_index_move(l->s.task_owner, pick_row(s, l->s.task), pick(s, 4));
        break;
    default:
        update(s);
    }
}

static void
end_unit(state *s)
{
    if (pick(s, 2) || sn_commit(s->l.s.db) != SN_OK)
        sn_rollback(s->l.s.db);
}

static void
expire(state *s)
{
    sn_getter *g = s->l.getters[pick(s, GETTERS)].getter;
    sn_row row = pick_row(s, g->table);
    const sn__value *v = sn__value_at(g, row);
    CHECK(sn_getter_expire(g, row) == (v != NULL));
}

static void
change_one(state *s)
{
    sn_db *db = s->l.s.db;
    size_t depth = sn_depth(db);
    if (depth == 0 && pick(s, 8) == 0) {
        exchange(s);
    } else if (depth == 0 && pick(s, 6) == 0) {
        CHECK_OK(sn_table_compact(pick(s, 2) ? s->l.s.task : s->l.s.person, s->map));
    } else if (pick(s, 8) == 0) {
        sn_db_set_now(db, pick(s, 20));
    } else if (pick(s, 20) == 0) {
        expire(s);
    } else if (depth > 0 && pick(s, 3) == 0) {
        end_unit(s);
    } else if (depth < 3 && (depth == 0 || pick(s, 4) == 0)) {
        CHECK_OK(sn_begin(db));
    } else {
        write(s);
    }
}

/* ---------------------------------------------------------------- looking */

/* A value that is found right without a look at what it read is what comes out fresh. */
static void
look_at_one(state *s, size_t which, sn_row row)
{
    sn_getter *g = s->l.getters[which].getter;
    int64_t fresh;
    if (!sn__stored(g->table, row) || !sn_getter_report(g, row).right)
        return;
    CHECK(lab_fresh(&fresh, &s->l, g, row));
    CHECK(value_of(sn_getter_value(g, row)).number == fresh);
}

static void
look(state *s, bool at_all)
{
    for (size_t which = 0; which < GETTERS; which++) {
        const sn_table *t = s->l.getters[which].getter->table;
        for (sn_row row = 0; row < sn_table_positions(t); row++) {
            look_at_one(s, which, row);
            if (at_all || pick(s, 20) == 0)
                lab_value_at(&s->l, which, row);
            CHECK(!s->l.in_vain);
        }
    }
}

static void
run(hostile *h, uint64_t seed, int steps)
{
    state *s = malloc(sizeof *s);
    CHECK(s != NULL);
    *s = (state){.seed = seed};
    lab_new(&s->l, h);
    lab_fill(&s->l, 8);
    make_getters(s);
    look(s, true);
    for (int i = 0; i < steps; i++) {
        for (uint32_t n = 1 + pick(s, 4); n > 0; n--)
            change_one(s);
        lab_sound(&s->l);
        look(s, pick(s, 6) == 0);
    }
    lab_free(&s->l);
    free(s);
}

/* How many stores: SEEDS=n and the first, FIRST=n. */
int
main(void)
{
    hostile h = {0};
    const char *seeds = getenv("SEEDS"), *first = getenv("FIRST");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1, n = seeds ? strtoull(seeds, NULL, 10) : 40;
    for (uint64_t seed = from; seed < from + n; seed++)
        run(&h, seed, 60);
    return harness_done("getter_random", &h);
}
