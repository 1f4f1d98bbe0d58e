/*
 * lab.h - a tiny host for the tests of getters: functions in C that read a shop (fixture.h), tell a frame what they read, and make up
 * a number of it.
 *
 * A value is a handle with the number and a `story`: a hash of all questions and answers, in the words of the rows' own numbers (the
 * ids of people and tasks), which no compaction changes. A function that is run again and has the same story to tell was run in vain.
 *
 * lab_get is what a host does for a read of a getter. lab_fresh runs the function, and those that it reads, with nothing kept.
 */
#ifndef SN_LAB_H
#define SN_LAB_H

#include "fixture.h"
#include "getter.h"

enum { PERSON_SEEN = PERSON_COLUMNS }; /* the moment of parking */
enum { TASK_SEEN = TASK_COLUMNS, LAB_TASK_COLUMNS };

#define LAB_GETTERS 24

typedef struct lab lab;
typedef struct call call;
typedef int64_t (*lab_function)(call *c);

typedef struct lab_getter {
    lab_function function;
    const void *arg;
    bool container; /* its values may refer back */
    sn_getter *getter;
    size_t runs;
} lab_getter;

struct lab {
    shop s;
    sn_path *owner, *tasks, *boss, *reports, *teams, *team;
    sn_expr *expr;
    sn_order by_cost;
    sn_query dear, late, mine; /* tasks that cost much; parked ones; a person's dear ones by cost */
    void *watch;               /* keeps the expression alive */
    lab_getter getters[LAB_GETTERS];
    size_t n;
    size_t runs;
    size_t elsewhere; /* handles that were there before */
    bool in_vain;     /* a function has been run again that had the same story to tell */
    bool refused;     /* a function raised for want of memory */
};

/* A function that runs: for a frame, or with none. */
struct call {
    lab *l;
    lab_getter *g;
    sn_frame *frame;
    sn_row row;
    bool raised;
    uint64_t story;
    bool whole; /* has read something as a whole, or what cannot be asked again */
};

typedef struct lab_value {
    int64_t number;
    uint64_t story;
    bool whole;
} lab_value;

static inline lab_value
value_of(const void *handle)
{
    lab_value v;
    memcpy(&v, handle_text(handle).data, sizeof v);
    return v;
}

/* ---------------------------------------------------------------- the story of a call */

static inline void
tell(call *c, uint64_t word)
{
    c->story = (c->story ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    c->story ^= c->story >> 29;
}

/* What the host calls a row. */
static inline uint64_t
name_of(const sn_table *t, sn_row row)
{
    return row != SN_NO_ROW && sn__stored(t, row) ? sn_table_get(t, row, 0).word : 0;
}

static inline void
tell_question(call *c, sn_read_kind kind, const void *on, const sn_table *t, sn_row row, uint64_t more)
{
    tell(c, (uint64_t)kind + 1);
    tell(c, (uint64_t)(uintptr_t)on);
    tell(c, name_of(t, row));
    tell(c, more);
}

/* A status that says no; a lack of memory is remembered. */
static inline bool
raises(call *c, sn_status status)
{
    c->raised |= status != SN_OK;
    c->l->refused |= status == SN_NOMEM;
    return c->raised;
}

/* ---------------------------------------------------------------- reads */

/* Each tells the frame, if there is one, and gives something of the answer. 0 once the call has raised. */
static inline int64_t
read_cell(call *c, sn_table *t, sn_row row, sn_col col)
{
    if (c->raised || !sn__stored(t, row)) {
        c->raised = true;
        return 0;
    }
    sn_cell cell = sn_table_get(t, row, col);
    sn_type type = t->columns[col].def.type;
    if (c->frame && sn_read_cell(c->frame, t, row, col, cell))
        handle_retain((void *)(uintptr_t)cell.word);
    uint64_t hash = cell.null ? 17 : type == SN_TEXT ? sn_hash_value(t->db, type, cell.word) : cell.word;
    tell_question(c, SN_READ_CELL, t, t, row, col);
    tell(c, hash);
    return (int64_t)(hash % 1000003);
}

static inline int64_t
read_life(call *c, sn_table *t, sn_row row)
{
    if (c->raised)
        return 0;
    if (c->frame)
        sn_read_life(c->frame, t, row);
    int life = sn_table_alive(t, row) ? 1 : sn_table_parked(t, row) ? 2 : 0;
    tell_question(c, SN_READ_LIFE, t, t, SN_NO_ROW, 0);
    tell(c, (uint64_t)life);
    return life;
}

static inline sn_row
read_target(call *c, sn_reference *ref, sn_row row)
{
    sn_word key[2];
    const sn_table *from = sn_reference_from(ref), *to = sn_reference_to(ref);
    if (c->raised || !sn__stored(from, row)) {
        c->raised = true;
        return SN_NO_ROW;
    }
    sn_row target = sn__row_key(key, ref->from, row) ? sn_index_find(ref->to, key) : SN_NO_ROW;
    if (c->frame)
        sn_read_target(c->frame, ref, row, target);
    tell_question(c, SN_READ_TARGET, ref, from, row, 0);
    tell(c, name_of(to, target));
    return target;
}

static inline sn_row
read_first(call *c, const sn_path *p, sn_row row)
{
    sn_row target = SN_NO_ROW;
    if (c->raised || raises(c, sn_path_first(&target, p, row)))
        return SN_NO_ROW;
    if (c->frame)
        sn_read_first(c->frame, p, row, target);
    tell_question(c, SN_READ_FIRST, p, sn_path_from(p), row, 0);
    tell(c, name_of(sn_path_to(p), target));
    return target;
}

static inline int64_t
tell_rows(call *c, const sn_table *t, const sn_rows *rows)
{
    int64_t sum = 0;
    for (size_t i = 0; i < rows->n; i++) {
        sum = sum * 31 + (int64_t)name_of(t, rows->rows[i]);
        tell(c, name_of(t, rows->rows[i]));
    }
    tell(c, rows->n);
    return sum % 1000003;
}

/* The rows are the caller's. */
static inline sn_rows
read_each(call *c, const sn_path *p, sn_row row)
{
    sn_rows rows = {0};
    if (c->raised || raises(c, sn_path_each(&rows, p, row)))
        return rows;
    if (c->frame)
        sn_read_each(c->frame, p, row, rows.rows, rows.n);
    tell_question(c, SN_READ_EACH, p, sn_path_from(p), row, 0);
    tell_rows(c, sn_path_to(p), &rows);
    return rows;
}

static inline int64_t
read_count(call *c, const sn_path *p, sn_row row, size_t stop_at)
{
    size_t count = 0;
    if (c->raised || raises(c, sn_path_count(&count, p, row, stop_at)))
        return 0;
    if (c->frame)
        sn_read_count(c->frame, p, row, stop_at, count);
    tell_question(c, SN_READ_COUNT, p, sn_path_from(p), row, stop_at);
    tell(c, count);
    return (int64_t)count;
}

static inline bool
read_contains(call *c, const sn_path *p, sn_row row, sn_row target)
{
    bool inside = false;
    if (c->raised || raises(c, sn_path_contains(&inside, p, row, target)))
        return false;
    if (c->frame)
        sn_read_contains(c->frame, p, row, target, inside);
    tell_question(c, SN_READ_CONTAINS, p, sn_path_from(p), row, name_of(sn_path_to(p), target));
    tell(c, inside);
    return inside;
}

static inline sn_row
read_probe(call *c, const sn_index *ix, const sn_word *words)
{
    if (c->raised)
        return SN_NO_ROW;
    sn_row found = sn_index_find(ix, words);
    if (c->frame)
        sn_read_probe(c->frame, ix, words, found);
    tell_question(c, SN_READ_PROBE, ix, NULL, SN_NO_ROW, words[0]);
    tell(c, name_of(ix->table, found));
    return found;
}

static inline int64_t
read_number(call *c, const sn_query *q, size_t stop_at)
{
    size_t count = 0;
    if (c->raised || raises(c, sn_query_count(&count, c->l->s.db, q, stop_at, NULL)))
        return 0;
    if (c->frame && sn_read_number(c->frame, q, c->l->watch, stop_at, count))
        handle_retain(c->l->watch);
    tell_question(c, SN_READ_NUMBER, q->where == SN_NO_NODE ? NULL : q->expr, q->table, q->from, stop_at);
    tell(c, count);
    return (int64_t)count;
}

static inline int64_t
read_rows(call *c, const sn_query *q)
{
    sn_rows rows = {0};
    if (c->raised || raises(c, sn_query_run(&rows, c->l->s.db, q, NULL)))
        return 0;
    if (c->frame && sn_read_rows(c->frame, q, c->l->watch, rows.rows, rows.n))
        handle_retain(c->l->watch);
    tell_question(c, SN_READ_ROWS, q->where == SN_NO_NODE ? NULL : q->expr, q->table, q->from, 0);
    int64_t sum = tell_rows(c, q->table, &rows);
    sn_rows_free(c->l->s.db, &rows);
    return sum;
}

/* The same, known only by what it looks at. */
static inline int64_t
read_query_whole(call *c, const sn_query *q)
{
    size_t count = 0;
    if (c->raised || raises(c, sn_query_count(&count, c->l->s.db, q, SIZE_MAX, NULL)))
        return 0;
    if (c->frame)
        sn_read_query(c->frame, q);
    c->whole = true;
    tell(c, count);
    return (int64_t)count;
}

/* Whether it is later than a moment. */
static inline bool
read_time(call *c, int64_t moment)
{
    if (c->raised)
        return false;
    bool later = c->l->s.db->now >= moment;
    if (c->frame)
        sn_read_time(c->frame, later ? moment : INT64_MIN, later ? INT64_MAX : moment);
    tell_question(c, SN_READ_TIME, NULL, NULL, SN_NO_ROW, (uint64_t)moment);
    tell(c, later);
    return later;
}

/* ---------------------------------------------------------------- getters */

static inline lab_getter *
lab_of(const sn_getter *g)
{
    return sn_getter_tag(g);
}

/* Whether all that a kept value has read is such that it need not have been wrong. */
static inline bool
may_be_wrong(const sn_getter *g, sn_row row)
{
    const sn__value *v = sn__value_at(g, row);
    if (!v || !v->handle || (v->flags & SN__VALUE_EXPIRED))
        return true;
    for (size_t i = 0; i < v->n; i++) {
        const sn__value *read =
            v->reads[i].kind == SN_READ_GETTER ? sn__value_at(v->reads[i].on.getter, v->reads[i].row) : NULL;
        if (read && read->expired > v->verified)
            return true;
    }
    return value_of(v->handle).whole;
}

static inline void
compare_stories(call *c)
{
    if (may_be_wrong(c->g->getter, c->row))
        return;
    c->l->in_vain |= value_of(sn_getter_value(c->g->getter, c->row)).story == c->story;
}

/* The value that is there gets the new story, as it stays. */
static inline void
retell(void *handle, const call *c)
{
    lab_value v = {value_of(handle).number, c->story, c->whole};
    memcpy((void *)(uintptr_t)handle_text(handle).data, &v, sizeof v);
}

static inline void
lab_finish(call *c, int64_t number)
{
    lab_value value = {number, c->story, c->whole};
    void *previous = sn_frame_previous(c->frame);
    bool same = previous && value_of(previous).number == number;
    void *handle = handle_new_bytes(&value, sizeof value);
    compare_stories(c);
    if (same)
        retell(previous, c);
    if (!sn_frame_finish(c->frame, handle, same, c->g->container))
        handle_free(handle);
}

/* Runs the function of a getter and keeps what comes out. outer: the call that reads it, or NULL. False: it raised. */
static inline bool
lab_run(int64_t *out, lab *l, sn_getter *g, sn_row row, call *outer)
{
    call c = {.l = l, .g = lab_of(g), .row = row};
    l->runs++;
    c.g->runs++;
    if (raises(&c, sn_frame_begin(&c.frame, g, row)))
        return false;
    *out = c.g->function(&c);
    if (c.raised)
        sn_frame_abandon(c.frame, outer ? outer->frame : NULL);
    else
        lab_finish(&c, *out);
    if (outer)
        outer->whole |= c.whole;
    if (outer && c.raised)
        tell(outer, c.story);
    return !c.raised;
}

/* As a host verifies: true if the value that is kept is right. */
static inline bool
lab_right(lab *l, sn_getter *g, sn_row row)
{
    int64_t ignored;
    sn_verify v = {.getter = g, .row = row};
    sn_step step;
    while ((step = sn_verify_next(&v)) > SN_STEP_WRONG) {
        if (step == SN_STEP_RUN)
            lab_run(&ignored, l, v.run, v.run_row, NULL);
        else
            v.same = value_of(v.was).number == value_of(v.is).number;
    }
    sn_verify_end(&v);
    return step == SN_STEP_RIGHT;
}

static inline bool
lab_read(int64_t *out, lab *l, sn_getter *g, sn_row row, call *outer)
{
    if (!sn__stored(g->table, row))
        return false;
    void *hit = sn_getter_hit(g, row);
    if (!hit && lab_right(l, g, row))
        hit = sn_getter_found(g, row);
    if (!hit)
        return lab_run(out, l, g, row, outer);
    *out = value_of(hit).number;
    if (outer)
        outer->whole |= value_of(hit).whole;
    return true;
}

/* What the function comes to with nothing kept. False: it raises. */
static inline bool
lab_fresh(int64_t *out, lab *l, const sn_getter *g, sn_row row)
{
    call c = {.l = l, .g = lab_of(g), .row = row, .raised = !sn__stored(g->table, row)};
    *out = c.raised ? 0 : c.g->function(&c);
    return !c.raised;
}

/* A function reads a getter; false if that raises, which the function may catch. */
static inline bool
try_getter(int64_t *out, call *c, size_t which, sn_row row)
{
    sn_getter *g = c->l->getters[which].getter;
    if (c->raised)
        return false;
    if (!sn__stored(g->table, row))
        read_life(c, g->table, row);
    bool got = c->frame ? lab_read(out, c->l, g, row, c) : lab_fresh(out, c->l, g, row);
    if (got && c->frame && sn_read_getter(c->frame, g, row))
        handle_retain(sn_getter_value(g, row));
    tell_question(c, SN_READ_GETTER, g, g->table, row, got);
    tell(c, got ? (uint64_t)*out : 0);
    return got;
}

static inline int64_t
read_getter(call *c, size_t which, sn_row row)
{
    int64_t number = 0;
    c->raised |= !try_getter(&number, c, which, row);
    return number;
}

/* ---------------------------------------------------------------- the lab itself */

static inline size_t
lab_add(lab *l, sn_table *t, lab_function function, const void *arg)
{
    lab_getter *g = &l->getters[l->n];
    CHECK(l->n < LAB_GETTERS);
    *g = (lab_getter){.function = function, .arg = arg};
    CHECK_OK(sn_getter_new(&g->getter, t, g));
    return l->n++;
}

static inline sn_path *
lab_path(lab *l, const sn_reference *first, bool backward, const sn_reference *second)
{
    sn_path *p;
    sn_hop_def hops[2] = {{.reference = first, .backward = backward, .where = SN_NO_NODE, .limit = SIZE_MAX},
                          {.reference = second, .where = SN_NO_NODE, .limit = SIZE_MAX}};
    CHECK_OK(sn_path_new(&p, l->s.db, hops, second ? 2 : 1, false));
    return p;
}

static inline void
lab_queries(lab *l)
{
    CHECK_OK(sn_expr_new(&l->expr, l->s.db));
    sn_node cost = sn_expr_column(l->expr, 0, l->s.task, TASK_COST);
    sn_node three = sn_expr_const(l->expr, SN_FLOAT, real(3));
    sn_node dear = sn_expr_compare(l->expr, SN_GE, cost, three);
    l->by_cost = (sn_order){.value = cost, .descending = true};
    l->dear = (sn_query){.table = l->s.task, .expr = l->expr, .where = dear, .limit = SIZE_MAX};
    l->late = (sn_query){.table = l->s.task, .life = SN_PARKED, .where = SN_NO_NODE, .limit = SIZE_MAX};
    l->mine = (sn_query){.table = l->s.task, .source = SN_FROM_PATH, .path = l->tasks, .expr = l->expr, .where = dear};
    l->mine.order = &l->by_cost;
    l->mine.order_len = 1;
    l->mine.limit = 2;
    CHECK_OK(sn_expr_status(l->expr));
}

/* Without rows. */
static inline void
lab_new(lab *l, hostile *h)
{
    static const sn_column_def seen = {SN_DATETIME, true, false};
    sn_col col;
    *l = (lab){.elsewhere = handle_count()};
    l->watch = handle_new("expression");
    make_shop(&l->s, h);
    CHECK_OK(sn_table_add_column(&col, l->s.person, &seen, NULL));
    CHECK_OK(sn_table_set_stamp(l->s.person, col));
    CHECK_OK(sn_table_add_column(&col, l->s.task, &seen, NULL));
    CHECK_OK(sn_table_set_stamp(l->s.task, col));
    l->owner = lab_path(l, l->s.owner, false, NULL);
    l->tasks = lab_path(l, l->s.owner, true, NULL);
    l->boss = lab_path(l, l->s.boss, false, NULL);
    l->reports = lab_path(l, l->s.boss, true, NULL);
    l->team = lab_path(l, l->s.membership, false, NULL);
    l->teams = lab_path(l, l->s.owner, true, l->s.membership);
    lab_queries(l);
}

static inline void
lab_sound(lab *l)
{
    drain(l->s.db);
    CHECK_SOUND(sn_check(l->s.db));
    CHECK(sn_db_handle_count(l->s.db) + 1 + l->elsewhere == handle_count()); /* one is the lab's */
}

static inline void
lab_free(lab *l)
{
    sn_path *paths[] = {l->owner, l->tasks, l->boss, l->reports, l->team, l->teams};
    drain(l->s.db);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        sn_path_free(paths[i]);
    sn_expr_free(l->expr);
    free_shop(&l->s);
    handle_free(l->watch);
}

/* ---------------------------------------------------------------- rows */

static inline sn_row
lab_person(lab *l, const char *email, int64_t boss)
{
    sn_row row;
    sn_cell cells[] = {SN_NULL_CELL, email ? interned(l->s.db, email) : SN_NULL_CELL,
                       boss ? number(boss) : SN_NULL_CELL, SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, l->s.person, cells));
    return row;
}

static inline sn_row
lab_task(lab *l, const char *title, int64_t owner, int64_t city, double cost)
{
    sn_row row;
    sn_db *db = l->s.db;
    sn_cell cells[] = {SN_NULL_CELL,
                       title ? bare(title) : SN_NULL_CELL,
                       owner ? number(owner) : SN_NULL_CELL,
                       city ? number(city) : SN_NULL_CELL,
                       city ? interned(db, city == 1 ? "red" : "blue") : SN_NULL_CELL,
                       real(cost),
                       SN_NULL_CELL};
    CHECK_OK(sn_table_insert(&row, l->s.task, cells));
    return row;
}

/* Four people (1 is everybody's boss), two teams, n tasks. */
static inline void
lab_fill(lab *l, int n)
{
    CHECK_OK(sn_begin(l->s.db));
    lab_person(l, "ann", 0);
    lab_person(l, "bob", 1);
    lab_person(l, NULL, 1);
    lab_person(l, "dan", 1);
    add_team(&l->s, 1, "red", 1);
    add_team(&l->s, 2, "blue", 0);
    for (int i = 0; i < n; i++)
        lab_task(l, "task", 1 + i % 4, i % 3, (i * 7) % 10);
    CHECK_OK(sn_commit(l->s.db));
    lab_sound(l);
}

/* One cell of one row, in a unit of its own unless one is open. */
static inline void
lab_set(lab *l, sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    CHECK_OK(sn_table_update(t, &row, 1, &col, 1, &cell));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

static inline void
lab_delete(lab *l, sn_table *t, sn_row row)
{
    size_t deleted;
    bool open = sn_depth(l->s.db) > 0;
    CHECK_OK(open ? SN_OK : sn_begin(l->s.db));
    CHECK_OK(sn_table_delete(&deleted, t, &row, 1));
    CHECK_OK(open ? SN_OK : sn_commit(l->s.db));
    lab_sound(l);
}

/* The value of a getter, as the host reads it; it must be what comes out fresh. */
static inline int64_t
lab_value_at(lab *l, size_t which, sn_row row)
{
    int64_t value = 0, fresh = 0;
    sn_getter *g = l->getters[which].getter;
    bool got = lab_read(&value, l, g, row, NULL);
    lab_sound(l);
    CHECK(lab_fresh(&fresh, l, g, row) == got && (!got || fresh == value));
    return got ? value : -1;
}

/* Reads it, and says whether a function was run. */
static inline bool
lab_runs(lab *l, size_t which, sn_row row)
{
    size_t before = l->runs;
    lab_value_at(l, which, row);
    return l->runs != before;
}

#endif
