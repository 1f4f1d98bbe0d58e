/*
 * test_index.c - unique, many and ordered indexes against a model that knows no index.
 *
 * The world is one table with four columns and nine indexes. The model mirrors its cells, and keeps for each many index
 * one list of all rows in order of arrival. A random walk inserts, deletes, updates and moves rows in units that
 * commit or roll back; its little journal knows only what undo knows: row, index, place. Undo and settling run
 * under an allocator that refuses everything. After each step every index checks itself, and its answers are compared
 * with those of a scan of the model.
 */
#include "harness.h"
#include "many.h"
#include "ordered.h"
#include "unique.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLS 4
#define INDEXES 9
#define ROWS 160 /* positions before the world is compacted */
#define TEXTS 12
#define JOURNAL 4000

static hostile h;

static const sn_column_def defs[COLS] = {
    {.type = SN_INT},
    {.type = SN_INT, .nullable = true},
    {.type = SN_FLOAT, .nullable = true},
    {.type = SN_TEXT, .nullable = true},
};

static const struct {
    sn_index_kind kind;
    bool deferred;
    size_t n;
    sn_col cols[2];
} shapes[INDEXES] = {
    {SN_INDEX_UNIQUE, false, 1, {0}},  {SN_INDEX_UNIQUE, false, 2, {1, 2}},  {SN_INDEX_UNIQUE, true, 2, {3, 1}},
    {SN_INDEX_MANY, false, 1, {1}},    {SN_INDEX_MANY, false, 1, {3}},       {SN_INDEX_MANY, false, 2, {2, 1}},
    {SN_INDEX_ORDERED, false, 1, {1}}, {SN_INDEX_ORDERED, false, 2, {3, 2}}, {SN_INDEX_ORDERED, false, 1, {0}},
};

typedef struct model {
    sn_cell cells[ROWS][COLS];
    bool alive[ROWS];
    sn_row arrival[INDEXES][ROWS]; /* many: rows with a key */
    size_t arrived[INDEXES];
} model;

typedef enum undo_kind { BORN, KILLED, LEFT, ENTERED, WROTE, MOVED } undo_kind;

typedef struct undo {
    undo_kind kind;
    sn_row row;
    sn_index *ix;
    sn_place place;
    sn_col col;
    sn_cell old;
} undo;

typedef struct world {
    sn_db db;
    sn_table *t;
    sn_index *ix[INDEXES];
    sn_word texts[TEXTS];
    uint64_t seed;
    int64_t next;    /* keys that count up */
    uint32_t spread; /* of every so many int keys one is far off; 0: none */
    model m, saved;
    undo journal[JOURNAL];
    size_t journal_len;
} world;

static world w; /* large; one test at a time */

/* ---------------------------------------------------------------- the world */

static void
world_open(uint64_t seed, uint32_t spread)
{
    memset(&w, 0, sizeof w);
    harness_bare_db(&w.db, &h);
    w.seed = seed;
    w.spread = spread;
    w.t = harness_bare_table(&w.db, defs, COLS);
    for (size_t i = 0; i < INDEXES; i++)
        CHECK_OK(sn__index_new(&w.ix[i], &w.db.mem, w.t, shapes[i].kind, shapes[i].cols, shapes[i].n,
                               shapes[i].deferred, &w));
    for (size_t i = 0; i < TEXTS; i++) {
        char text[16];
        bool taken;
        snprintf(text, sizeof text, "t%u", (unsigned)(i * 7 % TEXTS));
        sn_entry_def def = {.tag = 1, .exact = {(unsigned char *)text, strlen(text)}};
        CHECK_OK(sn_entry_intern(&w.texts[i], &taken, &w.db, &def));
    }
}

static void
world_close(void)
{
    for (size_t i = 0; i < INDEXES; i++)
        sn__index_free(&w.db.mem, w.ix[i]);
    sn__table_free(w.t);
    sn__intern_free(&w.db);
    CHECK(w.db.mem.blocks == 0 && w.db.mem.bytes == 0);
}

static uint32_t
pick(uint32_t below)
{
    return harness_random(&w.seed, below);
}

static sn_cell
random_cell(sn_col col)
{
    if (defs[col].nullable && pick(6) == 0)
        return SN_NULL_CELL;
    if (w.spread && col < 2 && pick(w.spread) == 0)
        return (sn_cell){sn_word_from_int(((int64_t)pick(8) - 4) * INT64_C(1000000007) * pick(1000)), false};
    if (col == 0)
        return (sn_cell){sn_word_from_int(pick(3) ? w.next++ : (int64_t)pick(300) - 100), false};
    if (col == 1)
        return (sn_cell){sn_word_from_int((int64_t)pick(24) - 4), false};
    if (col == 2)
        return (sn_cell){sn_word_from_float((pick(2) ? -1.0 : 1.0) * pick(12) / 4), false};
    return (sn_cell){w.texts[pick(TEXTS)], false};
}

static sn_row
random_live(void)
{
    for (int tries = 0; tries < 20 && w.t->positions; tries++) {
        sn_row row = pick(w.t->positions);
        if (w.m.alive[row])
            return row;
    }
    return SN_NO_ROW;
}

/* ---------------------------------------------------------------- the model */

static bool
touches(size_t i, sn_col col)
{
    return shapes[i].cols[0] == col || (shapes[i].n == 2 && shapes[i].cols[1] == col);
}

/* The key words of cells; false: one is null. */
static bool
key_of(sn_word *out, size_t i, const sn_cell *cells)
{
    for (size_t k = 0; k < shapes[i].n; k++) {
        sn_col col = shapes[i].cols[k];
        if (cells[col].null)
            return false;
        out[k] = sn_types[defs[col].type].key(cells[col].word);
    }
    return true;
}

static bool
has_key(sn_row row, size_t i, const sn_word *key)
{
    sn_word own[SN_MAX_KEY];
    return w.m.alive[row] && key_of(own, i, w.m.cells[row]) && memcmp(own, key, shapes[i].n * sizeof *key) == 0;
}

/* A live row other than `except` with this key, by scanning. */
static sn_row
scan(size_t i, const sn_word *key, sn_row except)
{
    for (sn_row row = 0; row < w.t->positions; row++) {
        if (row != except && has_key(row, i, key))
            return row;
    }
    return SN_NO_ROW;
}

static void
arrive(size_t i, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    if (shapes[i].kind == SN_INDEX_MANY && key_of(key, i, w.m.cells[row]))
        w.m.arrival[i][w.m.arrived[i]++] = row;
}

static void
depart(size_t i, sn_row row)
{
    size_t to = 0;
    for (size_t k = 0; k < w.m.arrived[i]; k++) {
        if (w.m.arrival[i][k] != row)
            w.m.arrival[i][to++] = w.m.arrival[i][k];
    }
    w.m.arrived[i] = to;
}

/* The rows of a key in order of arrival. */
static size_t
members(sn_row *out, size_t i, const sn_word *key)
{
    size_t n = 0;
    for (size_t k = 0; k < w.m.arrived[i]; k++) {
        if (has_key(w.m.arrival[i][k], i, key))
            out[n++] = w.m.arrival[i][k];
    }
    return n;
}

/* Writes members back in another order, into the same places of the arrival list. */
static void
rearrange(size_t i, const sn_word *key, const sn_row *rows)
{
    for (size_t k = 0; k < w.m.arrived[i]; k++) {
        if (has_key(w.m.arrival[i][k], i, key))
            w.m.arrival[i][k] = *rows++;
    }
}

/* ---------------------------------------------------------------- comparing */

static void
compare_unique(size_t i, const sn_cell *cells)
{
    sn_word key[SN_MAX_KEY], words[SN_MAX_KEY];
    if (!key_of(key, i, cells))
        return;
    for (size_t k = 0; k < shapes[i].n; k++)
        words[k] = cells[shapes[i].cols[k]].word;
    sn_row found = sn_index_find(w.ix[i], words), other = sn__index_find_other(w.ix[i], key, found);
    CHECK((found == SN_NO_ROW) == (scan(i, key, SN_NO_ROW) == SN_NO_ROW));
    CHECK(found == SN_NO_ROW || has_key(found, i, key));
    CHECK((other == SN_NO_ROW) == (scan(i, key, found) == SN_NO_ROW));
    CHECK(other == SN_NO_ROW || (other != found && has_key(other, i, key)));
}

static void
compare_many(size_t i, const sn_cell *cells)
{
    sn_word key[SN_MAX_KEY], words[SN_MAX_KEY];
    sn_row expected[ROWS];
    if (!key_of(key, i, cells))
        return;
    for (size_t k = 0; k < shapes[i].n; k++)
        words[k] = cells[shapes[i].cols[k]].word;
    size_t n = members(expected, i, key), at = 0;
    sn_posting_view view = sn_index_rows(w.ix[i], words);
    CHECK(view.count == n);
    for (size_t p = 0; p < view.len; p++) {
        if (view.rows[p] == SN_NO_ROW)
            continue;
        CHECK(view.rows[p] == expected[at++]);
        CHECK(sn__many_place_at(w.ix[i], view.rows[p], at - 1) == p);
    }
    CHECK(at == n);
}

static int
compare_cells(sn_col col, sn_cell a, sn_cell b)
{
    if (a.null || b.null)
        return a.null - b.null;
    return sn_compare(&w.db, defs[col].type, a.word, b.word);
}

static size_t sorted_by; /* the index by which compare_rows sorts: qsort passes nothing on */

static int
compare_rows(const void *a, const void *b)
{
    sn_row x = *(const sn_row *)a, y = *(const sn_row *)b;
    int order = 0;
    for (size_t k = 0; order == 0 && k < shapes[sorted_by].n; k++) {
        sn_col col = shapes[sorted_by].cols[k];
        order = compare_cells(col, w.m.cells[x][col], w.m.cells[y][col]);
    }
    return order ? order : (x > y) - (x < y);
}

/* Is the row on the right side of a bound? `sign`: 1 for low, -1 for high. */
static bool
within(sn_row row, size_t i, const sn_cell *bound, size_t len, bool open, int sign)
{
    int order = 0;
    for (size_t k = 0; bound && order == 0 && k < len; k++)
        order = sign * compare_cells(shapes[i].cols[k], w.m.cells[row][shapes[i].cols[k]], bound[k]);
    return order > 0 || (order == 0 && !(bound && open));
}

static void
compare_range(size_t i, const sn_range *range)
{
    sn_row expected[ROWS];
    size_t n = 0;
    for (sn_row row = 0; row < w.t->positions; row++) {
        if (w.m.alive[row] && within(row, i, range->low, range->low_len, range->low_open, 1)
            && within(row, i, range->high, range->high_len, range->high_open, -1))
            expected[n++] = row;
    }
    sorted_by = i;
    qsort(expected, n, sizeof *expected, compare_rows);
    sn_cursor forth, back;
    sn__ordered_seek(&forth, w.ix[i], range);
    back = forth;
    CHECK(sn__ordered_count(&forth) == n);
    for (size_t k = 0; k < n; k++) {
        CHECK(sn__ordered_next(&forth) == expected[k]);
        CHECK(sn__ordered_prev(&back) == expected[n - 1 - k]);
        CHECK(sn__ordered_count(&forth) == n - 1 - k && sn__ordered_count(&back) == n - 1 - k);
    }
    CHECK(sn__ordered_next(&forth) == SN_NO_ROW && sn__ordered_prev(&back) == SN_NO_ROW);
}

static void
compare_ordered(size_t i)
{
    sn_cell low[2], high[2];
    for (size_t k = 0; k < shapes[i].n; k++) {
        low[k] = random_cell(shapes[i].cols[k]);
        high[k] = random_cell(shapes[i].cols[k]);
    }
    sn_range range = {.low = pick(4) ? low : NULL, .high = pick(4) ? high : NULL};
    range.low_len = 1 + pick((uint32_t)shapes[i].n);
    range.high_len = 1 + pick((uint32_t)shapes[i].n);
    range.low_open = pick(2);
    range.high_open = pick(2);
    compare_range(i, &range);
    compare_range(i, &(sn_range){0});
}

static void
compare_all(void)
{
    CHECK_SOUND(sn__table_check(w.t));
    for (size_t i = 0; i < INDEXES; i++) {
        CHECK_SOUND(sn__index_check(w.ix[i]));
        for (int probes = 0; probes < 3; probes++) {
            sn_cell cells[COLS];
            sn_row row = random_live();
            for (sn_col col = 0; col < COLS; col++)
                cells[col] = row != SN_NO_ROW && pick(3) ? w.m.cells[row][col] : random_cell(col);
            if (shapes[i].kind == SN_INDEX_UNIQUE)
                compare_unique(i, cells);
            else if (shapes[i].kind == SN_INDEX_MANY)
                compare_many(i, cells);
            else
                compare_ordered(i);
        }
    }
}

/* ---------------------------------------------------------------- changing */

static void
note(undo u)
{
    CHECK(w.journal_len < JOURNAL);
    w.journal[w.journal_len++] = u;
}

/* May a row have these cells? The indexes and the model must agree on that. */
static bool
allowed(const sn_cell *cells, sn_row self)
{
    sn_word key[SN_MAX_KEY];
    for (size_t i = 0; i < INDEXES; i++) {
        if (shapes[i].kind != SN_INDEX_UNIQUE || shapes[i].deferred || !key_of(key, i, cells))
            continue;
        sn_row holder = sn__index_find(w.ix[i], key);
        CHECK(holder == scan(i, key, SN_NO_ROW));
        if (holder != SN_NO_ROW && holder != self)
            return false;
    }
    return true;
}

static sn_status
reserve(size_t i, const sn_cell *cells)
{
    sn_word key[SN_MAX_KEY];
    bool whole = key_of(key, i, cells);
    return sn__index_reserve(w.ix[i], key, !whole);
}

static void
leave(size_t i, sn_row row)
{
    note((undo){.kind = LEFT, .row = row, .ix = w.ix[i], .place = sn__index_remove(w.ix[i], row)});
    depart(i, row);
}

static void
enter(size_t i, sn_row row)
{
    sn__index_add(w.ix[i], row);
    note((undo){.kind = ENTERED, .row = row, .ix = w.ix[i]});
    arrive(i, row);
}

/* All room first, then what cannot fail. */
static sn_status
insert(const sn_cell *cells)
{
    sn_status status = sn__table_reserve(w.t, 1);
    for (size_t i = 0; status == SN_OK && i < INDEXES; i++)
        status = reserve(i, cells);
    if (status != SN_OK)
        return status;
    sn_row row = sn__table_extend(w.t);
    for (sn_col col = 0; col < COLS; col++)
        sn__table_store(w.t, row, col, w.m.cells[row][col] = cells[col]);
    sn__table_set_live(w.t, row, true);
    w.m.alive[row] = true;
    note((undo){.kind = BORN, .row = row});
    for (size_t i = 0; i < INDEXES; i++)
        enter(i, row);
    return SN_OK;
}

static void
erase(sn_row row)
{
    for (size_t i = 0; i < INDEXES; i++)
        leave(i, row);
    sn__table_set_live(w.t, row, false);
    w.m.alive[row] = false;
    note((undo){.kind = KILLED, .row = row});
}

static void
update(sn_row row, sn_col col, sn_cell cell)
{
    sn_cell cells[COLS];
    memcpy(cells, w.m.cells[row], sizeof cells);
    cells[col] = cell;
    if (!allowed(cells, row))
        return;
    for (size_t i = 0; i < INDEXES; i++) {
        if (touches(i, col))
            CHECK_OK(reserve(i, cells));
    }
    for (size_t i = 0; i < INDEXES; i++) {
        if (touches(i, col))
            leave(i, row);
    }
    note((undo){.kind = WROTE, .row = row, .col = col, .old = w.m.cells[row][col]});
    sn__table_store(w.t, row, col, w.m.cells[row][col] = cell);
    for (size_t i = 0; i < INDEXES; i++) {
        if (touches(i, col))
            enter(i, row);
    }
}

static void
move(sn_row row, size_t i, size_t position)
{
    sn_word key[SN_MAX_KEY];
    sn_row rows[ROWS];
    if (!key_of(key, i, w.m.cells[row]))
        return;
    size_t n = members(rows, i, key), at = 0;
    size_t to = position < n ? position : n - 1;
    while (rows[at] != row)
        at++;
    if (at < to)
        memmove(rows + at, rows + at + 1, (to - at) * sizeof *rows);
    else
        memmove(rows + to + 1, rows + to, (at - to) * sizeof *rows);
    rows[to] = row;
    rearrange(i, key, rows);
    sn_place from = sn__many_rotate(w.ix[i], row, sn__many_place_at(w.ix[i], row, position));
    note((undo){.kind = MOVED, .row = row, .ix = w.ix[i], .place = from});
}

/* ---------------------------------------------------------------- units */

static void
undo_one(const undo *u)
{
    switch (u->kind) {
    case BORN:
        sn__table_set_live(w.t, u->row, false);
        break;
    case KILLED:
        sn__table_set_live(w.t, u->row, true);
        break;
    case LEFT:
        sn__index_restore(u->ix, u->row, u->place);
        break;
    case ENTERED:
        sn__index_remove(u->ix, u->row);
        break;
    case WROTE:
        sn__table_store(w.t, u->row, u->col, u->old);
        break;
    case MOVED:
        sn__many_rotate(u->ix, u->row, u->place);
        break;
    }
}

/* Without memory: words of dead rows go, indexes settle. Shrinking a list asks for memory, but takes no for an
 * answer. */
static void
finish(void)
{
    hostile_arm(&h, 1, pick(2));
    for (size_t i = 0; i < INDEXES; i++)
        sn__index_settle(w.ix[i]);
    hostile_disarm(&h);
    for (sn_row row = 0; row < w.t->positions; row++) {
        for (sn_col col = 0; !w.m.alive[row] && col < COLS; col++)
            sn__table_store(w.t, row, col, SN_NULL_CELL);
    }
    w.journal_len = 0;
    w.db.depth = 0;
}

static void
rollback(size_t to)
{
    hostile_arm(&h, 1, true);
    while (w.journal_len > to)
        undo_one(&w.journal[--w.journal_len]);
    CHECK(hostile_disarm(&h) == 0);
}

static bool
has_duplicates(void)
{
    sn_word key[SN_MAX_KEY];
    for (sn_row row = 0; row < w.t->positions; row++) {
        if (w.m.alive[row] && key_of(key, 2, w.m.cells[row]) && sn__index_find_other(w.ix[2], key, row) != SN_NO_ROW)
            return true;
    }
    return false;
}

static void
compact(void)
{
    sn_row map[ROWS], to = 0, positions = w.t->positions;
    hostile_arm(&h, 1, true);
    for (sn_row row = 0; row < positions; row++)
        map[row] = w.m.alive[row] ? to++ : SN_NO_ROW;
    for (sn_row row = 0; row < positions; row++) {
        if (map[row] == SN_NO_ROW || map[row] == row)
            continue;
        sn__table_move(w.t, row, map[row]);
        memcpy(w.m.cells[map[row]], w.m.cells[row], sizeof w.m.cells[row]);
    }
    for (sn_row row = 0; row < positions; row++)
        w.m.alive[row] = row < to;
    sn__table_truncate(w.t, to);
    for (size_t i = 0; i < INDEXES; i++) {
        sn__index_remap(w.ix[i], map, positions);
        for (size_t k = 0; k < w.m.arrived[i]; k++)
            w.m.arrival[i][k] = map[w.m.arrival[i][k]];
    }
    CHECK(hostile_disarm(&h) == 0);
}

static void
change(uint32_t grow)
{
    sn_row row = random_live();
    uint32_t what = pick(10);
    if (what < grow || row == SN_NO_ROW) {
        sn_cell cells[COLS];
        for (sn_col col = 0; col < COLS; col++)
            cells[col] = random_cell(col);
        if (w.t->positions < ROWS - 1 && allowed(cells, SN_NO_ROW))
            CHECK_OK(insert(cells));
    } else if (what < 6) {
        erase(row);
    } else if (what < 9) {
        sn_col col = (sn_col)pick(COLS);
        update(row, col, random_cell(col));
    } else {
        move(row, 3 + pick(3), pick(6));
    }
}

/* A unit, perhaps with a savepoint that is undone within it. */
static void
unit(uint32_t grow)
{
    w.saved = w.m;
    w.db.depth = 1;
    for (uint32_t n = pick(30); n > 0; n--)
        change(grow);
    compare_all();
    if (pick(3) == 0) {
        static model inner;
        size_t savepoint = w.journal_len;
        inner = w.m;
        for (uint32_t n = pick(10); n > 0; n--)
            change(grow);
        rollback(savepoint);
        w.m = inner;
        compare_all();
    }
    if (has_duplicates() || pick(3) == 0) {
        sn_row positions = w.t->positions;
        rollback(0);
        memcpy(w.m.arrival, w.saved.arrival, sizeof w.m.arrival);
        memcpy(w.m.arrived, w.saved.arrived, sizeof w.m.arrived);
        memcpy(w.m.alive, w.saved.alive, sizeof w.m.alive);
        memcpy(w.m.cells, w.saved.cells, sizeof w.m.cells);
        CHECK(w.t->positions == positions);
        compare_all();
    }
    finish();
    compare_all();
}

static void
test_walk(uint64_t seed, uint32_t spread, int units)
{
    world_open(seed, spread);
    for (int n = 0; n < units; n++) {
        uint32_t phase = (uint32_t)n / 12 % 3;
        unit(phase == 0 ? 5 : phase == 1 ? 3 : 1);
        if (w.t->positions > ROWS - 50 || pick(30) == 0) {
            compact();
            compare_all();
        }
        if (pick(80) == 0) {
            for (size_t i = 0; i < INDEXES; i++)
                sn__index_clear(w.ix[i]);
            for (sn_row row = 0; row < w.t->positions; row++) {
                if (w.m.alive[row])
                    sn__table_set_live(w.t, row, false);
                for (sn_col col = 0; col < COLS; col++)
                    sn__table_store(w.t, row, col, SN_NULL_CELL);
            }
            w.m = (model){0};
            sn__table_truncate(w.t, 0);
            compare_all();
        }
    }
    world_close();
}

/* ---------------------------------------------------------------- single structures */

typedef struct single {
    sn_db db;
    sn_table *t;
    sn_index *ix;
} single;

static void
single_open(single *s, sn_index_kind kind, sn_type type)
{
    sn_column_def def = {.type = type, .nullable = true};
    harness_bare_db(&s->db, &h);
    s->t = harness_bare_table(&s->db, &def, 1);
    CHECK_OK(sn__index_new(&s->ix, &s->db.mem, s->t, kind, &(sn_col){0}, 1, false, NULL));
}

static void
single_close(single *s)
{
    sn__index_free(&s->db.mem, s->ix);
    sn__table_free(s->t);
    CHECK(s->db.mem.blocks == 0);
}

static sn_row
single_add(single *s, sn_word word)
{
    sn_word key = sn_types[s->t->columns[0].def.type].key(word);
    CHECK_OK(sn__table_reserve(s->t, 1));
    CHECK_OK(sn__index_reserve(s->ix, &key, false));
    sn_row row = sn__table_extend(s->t);
    sn__table_store(s->t, row, 0, (sn_cell){word, false});
    sn__table_set_live(s->t, row, true);
    sn__index_add(s->ix, row);
    return row;
}

static void
single_remove(single *s, sn_row row)
{
    sn__index_remove(s->ix, row);
    sn__table_set_live(s->t, row, false);
    sn__table_store(s->t, row, 0, SN_NULL_CELL);
}

/* Keys at both ends of the range, in both forms, without overflow. */
static void
test_extremes(sn_index_kind kind)
{
    const int64_t keys[] = {INT64_MAX, INT64_MAX - 1, INT64_MIN, 0, INT64_MIN + 1, -1, INT64_MAX - 70, INT64_MIN + 70};
    for (size_t first = 0; first < 8; first++) {
        single s;
        single_open(&s, kind, SN_INT);
        for (size_t k = 0; k < 8; k++) {
            single_add(&s, sn_word_from_int(keys[(first + k) % 8]));
            CHECK_SOUND(sn__index_check(s.ix));
        }
        single_close(&s);
    }
}

/* Keys that count up, down, and outwards stay dense; a far one ends that; an emptied index starts anew. */
static void
test_dense(void)
{
    single s;
    single_open(&s, SN_INDEX_UNIQUE, SN_INT);
    CHECK(s.ix->as.unique->dense);
    for (int64_t k = 0; k < 3000; k++) {
        single_add(&s, sn_word_from_int(k % 2 ? k / 2 + 1 : -k / 2));
        CHECK(s.ix->as.unique->dense);
    }
    CHECK_SOUND(sn__index_check(s.ix));
    CHECK(s.ix->as.unique->window.room < 3 * 3000 + 100);
    single_add(&s, sn_word_from_int(1000000));
    CHECK(!s.ix->as.unique->dense);
    CHECK_SOUND(sn__index_check(s.ix));
    for (sn_row row = 0; row < s.t->positions; row++)
        single_remove(&s, row);
    CHECK_SOUND(sn__index_check(s.ix));
    sn__index_settle(s.ix);
    CHECK(s.ix->as.unique->dense);
    single_add(&s, sn_word_from_int(5000000));
    single_add(&s, sn_word_from_int(5000001));
    CHECK(s.ix->as.unique->dense);
    CHECK_SOUND(sn__index_check(s.ix));
    single_close(&s);
    single_open(&s, SN_INDEX_UNIQUE, SN_FLOAT);
    CHECK(!s.ix->as.unique->dense);
    single_close(&s);
}

static bool
is_dense(const single *s)
{
    return s->ix->kind == SN_INDEX_UNIQUE ? s->ix->as.unique->dense : s->ix->as.many->dense;
}

/* Close keys in random order: slots at first, positions once there are enough; with one far key slots for good. */
static void
test_dense_again(sn_index_kind kind, bool far)
{
    single s;
    single_open(&s, kind, SN_INT);
    if (far)
        single_add(&s, sn_word_from_int(INT64_MIN));
    for (int64_t k = 0; k < 3000; k++) {
        single_add(&s, sn_word_from_int(k * 1009 % 3000));
        if (k == 1)
            CHECK(!is_dense(&s));
        if (k % 100 == 0)
            CHECK_SOUND(sn__index_check(s.ix));
    }
    CHECK(is_dense(&s) == !far);
    CHECK_SOUND(sn__index_check(s.ix));
    single_close(&s);
}

/* Undo brings back rows that left before the form changed: a unique index waits for the end of the unit instead, a many
 * index takes the emptied lists along. */
static void
test_dense_again_keeps_room(sn_index_kind kind)
{
    single s;
    sn_place places[100];
    sn_row added[3000];
    single_open(&s, kind, SN_INT);
    for (int64_t k = 0; k < 100; k++)
        single_add(&s, sn_word_from_int(k * 30));
    CHECK(!is_dense(&s));
    for (sn_row row = 0; row < 100; row++) {
        places[row] = sn__index_remove(s.ix, row);
        sn__table_set_live(s.t, row, false);
    }
    for (size_t k = 0; k < 3000; k++)
        added[k] = single_add(&s, sn_word_from_int((int64_t)k * 1009 % 3000));
    CHECK(is_dense(&s) == (kind == SN_INDEX_MANY));
    CHECK_SOUND(sn__index_check(s.ix));
    hostile_arm(&h, 1, true);
    for (size_t k = 3000; k-- > 0;)
        single_remove(&s, added[k]);
    for (sn_row row = 100; row-- > 0;) {
        sn__table_set_live(s.t, row, true);
        sn__index_restore(s.ix, row, places[row]);
    }
    CHECK(hostile_disarm(&h) == 0);
    CHECK_SOUND(sn__index_check(s.ix));
    sn__index_settle(s.ix);
    CHECK_SOUND(sn__index_check(s.ix));
    single_close(&s);
}

/* Going over to slots within a unit that had removed rows before: undo must find room for all of them. */
static void
test_conversion_keeps_room(sn_index_kind kind)
{
    single s;
    sn_place places[500];
    single_open(&s, kind, SN_INT);
    for (int64_t k = 0; k < 500; k++)
        single_add(&s, sn_word_from_int(k));
    for (sn_row row = 0; row < 500; row++) {
        places[row] = sn__index_remove(s.ix, row);
        sn__table_set_live(s.t, row, false);
    }
    sn_row far = single_add(&s, sn_word_from_int(INT64_C(1) << 40));
    CHECK(kind == SN_INDEX_UNIQUE ? !s.ix->as.unique->dense : !s.ix->as.many->dense);
    hostile_arm(&h, 1, true);
    single_remove(&s, far);
    for (sn_row row = 500; row-- > 0;) {
        sn__table_set_live(s.t, row, true);
        sn__index_restore(s.ix, row, places[row]);
    }
    CHECK(hostile_disarm(&h) == 0);
    CHECK_SOUND(sn__index_check(s.ix));
    sn__index_settle(s.ix);
    CHECK_SOUND(sn__index_check(s.ix));
    single_close(&s);
}

/* One long list: holes are squeezed out now and then, room comes back, order stays. */
static void
test_long_list(void)
{
    single s;
    const sn_word key = 7;
    single_open(&s, SN_INDEX_MANY, SN_INT);
    for (int n = 0; n < 1000; n++)
        single_add(&s, key);
    for (sn_row row = 0; row < 999; row++) {
        single_remove(&s, row);
        sn__index_settle(s.ix);
        sn_posting_view view = sn_index_rows(s.ix, &key);
        CHECK(view.count == 999 - row && view.len <= view.count + view.count / 2 + 16);
        if (row % 37 == 0)
            CHECK_SOUND(sn__index_check(s.ix));
    }
    CHECK(sn_index_rows(s.ix, &key).rows[0] == 999);
    CHECK(s.ix->as.many->lists[0].cap == SN_LIST_FEW);
    single_remove(&s, 999);
    sn__index_settle(s.ix);
    CHECK(sn_index_rows(s.ix, &key).count == 0 && s.ix->as.many->lists == NULL);
    single_close(&s);
}

/* Live slots of a list of 6 rows of which those in `holes` are gone: each member to each place and back. */
static void
rotate_all(single *s, unsigned holes)
{
    const sn_word key = 7;
    sn_row before[6], live[6];
    size_t n = 0;
    for (sn_row row = 0; row < 6; row++) {
        if (!(holes >> row & 1))
            live[n++] = row;
    }
    sn_posting_view view = sn_index_rows(s->ix, &key);
    size_t len = view.len;
    memcpy(before, view.rows, len * sizeof *before);
    for (size_t i = 0; i < n * n; i++) {
        sn_row row = live[i / n];
        sn_place to = sn__many_place_at(s->ix, row, i % n);
        sn_place from = sn__many_rotate(s->ix, row, to);
        CHECK(sn__many_place_at(s->ix, row, i % n) == to);
        CHECK_SOUND(sn__index_check(s->ix));
        CHECK(sn__many_rotate(s->ix, row, from) == to);
        view = sn_index_rows(s->ix, &key);
        CHECK(view.len == len && view.count == n && memcmp(view.rows, before, len * sizeof *before) == 0);
        CHECK_SOUND(sn__index_check(s->ix));
    }
}

static void
test_rotation(void)
{
    for (unsigned holes = 0; holes < 63; holes++) {
        single s;
        single_open(&s, SN_INDEX_MANY, SN_INT);
        for (sn_row row = 0; row < 6; row++)
            single_add(&s, 7);
        for (sn_row row = 0; row < 6; row++) {
            if (holes >> row & 1)
                single_remove(&s, row);
        }
        CHECK_SOUND(sn__index_check(s.ix));
        rotate_all(&s, holes);
        single_close(&s);
    }
}

/* Takes some rows out and puts them back in another order, without memory. */
static void
take_out_and_put_back(single *s, uint64_t seed, sn_row rows)
{
    sn_row gone[40];
    uint32_t n = 2 + harness_random(&seed, 38), near = harness_random(&seed, rows), left = 0;
    while (left < n && left < rows / 2) {
        sn_row row = harness_random(&seed, 3) ? (near + harness_random(&seed, 60)) % rows : harness_random(&seed, rows);
        if (!sn_table_alive(s->t, row))
            continue;
        sn__index_remove(s->ix, row);
        sn__table_set_live(s->t, row, false);
        gone[left++] = row;
    }
    hostile_arm(&h, 1, true);
    while (left > 0) {
        uint32_t i = harness_random(&seed, left);
        sn__table_set_live(s->t, gone[i], true);
        sn__index_restore(s->ix, gone[i], 0);
        gone[i] = gone[--left];
        CHECK(s->ix->as.ordered->n == s->t->count);
    }
    CHECK(hostile_disarm(&h) == 0);
    CHECK_SOUND(sn__index_check(s->ix));
}

/* Full chunks, none in the pool: what undo brings back is passed on to the nearest gap. */
static void
test_spill(void)
{
    single s;
    const sn_row n = 6 * SN_CHUNK_ROWS + 1;
    single_open(&s, SN_INDEX_ORDERED, SN_INT);
    for (sn_row k = 0; k < n; k++)
        single_add(&s, k * 2);
    CHECK(s.ix->as.ordered->len == 7 && s.ix->as.ordered->pool_len == 0);
    for (uint64_t seed = 1; seed <= 300; seed++)
        take_out_and_put_back(&s, seed, n - 1);
    CHECK(s.ix->as.ordered->len == 7 && s.ix->as.ordered->pool_len == 0);
    single_close(&s);
}

/* A sparse index is moved together when it settles. */
static void
test_sparse(void)
{
    single s;
    single_open(&s, SN_INDEX_ORDERED, SN_INT);
    for (sn_row k = 0; k < 20 * SN_CHUNK_ROWS; k++)
        single_add(&s, k * 7919 % 10007);
    CHECK_SOUND(sn__index_check(s.ix));
    for (sn_row row = 0; row < s.t->positions; row++) {
        if (row % (4 * SN_CHUNK_ROWS))
            single_remove(&s, row);
    }
    sn__index_settle(s.ix);
    CHECK_SOUND(sn__index_check(s.ix));
    CHECK(s.ix->as.ordered->n == 5 && s.ix->as.ordered->len <= 5 && s.ix->as.ordered->pool_len <= 1);
    single_close(&s);
}

/* ---------------------------------------------------------------- refusals */

static bool swept_far;

static void *
sweep_setup(hostile *host)
{
    CHECK(host == &h);
    world_open(99, 0);
    for (int n = 0; n < 21; n++) {
        sn_cell cells[COLS] = {
            {sn_word_from_int(n), false}, {sn_word_from_int(n % 5), false}, SN_NULL_CELL, SN_NULL_CELL};
        CHECK_OK(insert(cells));
    }
    w.journal_len = 0;
    return &w;
}

static sn_status
sweep_run(void *state)
{
    CHECK(state == &w);
    sn_status status = SN_OK;
    for (int64_t n = 0; status == SN_OK && n < 3; n++) {
        sn_word word = sn_word_from_int((swept_far ? INT64_C(1) << 40 : 30) + n);
        sn_cell cells[COLS] = {
            {word, false}, {word, false}, {sn_word_from_float((double)n), false}, {w.texts[n], false}};
        status = insert(cells);
    }
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    CHECK(state == &w && succeeded == (w.t->count == 24));
    w.db.depth = 1;
    compare_all();
    rollback(0);
    for (size_t i = 0; i < INDEXES; i++)
        sn__index_settle(w.ix[i]);
    for (sn_row row = 21; row < ROWS; row++)
        w.m.alive[row] = false;
    for (size_t i = 0; i < INDEXES; i++) {
        for (sn_row row = 21; row < ROWS; row++)
            depart(i, row);
    }
    compare_all();
    CHECK(w.t->count == 21);
    return NULL;
}

static void
sweep_teardown(void *state)
{
    CHECK(state == &w);
    world_close();
}

static void
test_refusals(void)
{
    harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    swept_far = false;
    CHECK(harness_sweep(&h, &sweep) > 10);
    swept_far = true;
    CHECK(harness_sweep(&h, &sweep) > 10);
}

int
main(void)
{
    test_dense();
    for (int far = 0; far <= 1; far++) {
        test_dense_again(SN_INDEX_UNIQUE, far);
        test_dense_again(SN_INDEX_MANY, far);
    }
    test_dense_again_keeps_room(SN_INDEX_UNIQUE);
    test_dense_again_keeps_room(SN_INDEX_MANY);
    test_extremes(SN_INDEX_UNIQUE);
    test_extremes(SN_INDEX_MANY);
    test_extremes(SN_INDEX_ORDERED);
    test_conversion_keeps_room(SN_INDEX_UNIQUE);
    test_conversion_keeps_room(SN_INDEX_MANY);
    test_long_list();
    test_rotation();
    test_spill();
    test_sparse();
    test_refusals();
    for (uint64_t seed = 1; seed <= 3; seed++) {
        test_walk(seed, 0, 150);
        test_walk(seed, 40, 150);
        test_walk(seed, 4, 60);
    }
    return harness_done("index", &h);
}
