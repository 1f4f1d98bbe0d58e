/*
 * test_table.c - storage of rows: growth over block borders, nulls, life, columns that come and go, handles, moving
 * rows together, refusals. A mirror in plain arrays says what must be there.
 */
#include "harness.h"

#include <string.h>

#define ROWS 9000
#define COLS 3

static hostile h;

typedef struct mirror {
    sn_cell cells[ROWS][COLS];
    bool alive[ROWS];
    void *handles[ROWS];
} mirror;

static mirror m; /* large; one test at a time */
static const sn_column_def defs[COLS] = {
    {.type = SN_INT},
    {.type = SN_TEXT, .nullable = true},
    {.type = SN_FLOAT, .nullable = true},
};

static sn_cell
random_cell(uint64_t *seed, size_t col)
{
    if (defs[col].nullable && harness_random(seed, 3) == 0)
        return SN_NULL_CELL;
    return (sn_cell){(sn_word)harness_random(seed, 1000000) * 2 + 2, false};
}

static void
append(sn_table *t, uint64_t *seed)
{
    CHECK_OK(sn__table_reserve(t, 1));
    sn_row row = sn__table_extend(t);
    CHECK(!sn_table_alive(t, row) && sn_table_handle(t, row) == NULL);
    for (sn_col col = 0; col < COLS; col++) {
        CHECK(sn__word(t, row, col) == 0 && sn__is_null(t, row, col) == defs[col].nullable);
        m.cells[row][col] = random_cell(seed, col);
        sn__table_store(t, row, col, m.cells[row][col]);
    }
    sn__table_set_live(t, row, true);
    m.alive[row] = true;
}

static void
kill_row(sn_table *t, sn_row row)
{
    if (!m.alive[row])
        return;
    CHECK_OK(sn_table_set_handle(t, row, NULL));
    sn__table_set_live(t, row, false);
    for (sn_col col = 0; col < COLS; col++)
        sn__table_store(t, row, col, (sn_cell){0, row % 2});
    m.alive[row] = false;
    m.handles[row] = NULL;
}

static void
compare(const sn_table *t)
{
    sn_row count = 0;
    for (sn_row row = 0; row < t->positions; row++) {
        CHECK(sn_table_alive(t, row) == m.alive[row] && sn_table_handle(t, row) == m.handles[row]);
        count += m.alive[row];
        for (sn_col col = 0; m.alive[row] && col < COLS; col++) {
            sn_cell cell = sn_table_get(t, row, col);
            CHECK(cell.null == m.cells[row][col].null && cell.word == m.cells[row][col].word);
        }
    }
    CHECK(sn_table_count(t) == count && !sn_table_alive(t, t->positions) && !sn_table_alive(t, SN_NO_ROW));
    CHECK_SOUND(sn__table_check(t));
}

static void
test_growth(sn_db *db, sn_row rows)
{
    uint64_t seed = 1;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    CHECK(sn_table_columns(t) == COLS && sn_table_column_def(t, 1)->type == SN_TEXT && !sn_table_column_def(t, COLS));
    CHECK_SOUND(sn__table_check(t));
    for (sn_row row = 0; row < rows; row++) {
        append(t, &seed);
        if ((row & (row - 1)) == 0)
            compare(t);
    }
    for (sn_row n = 0; n < rows / 3; n++)
        kill_row(t, harness_random(&seed, rows));
    compare(t);
    CHECK_STATUS(sn__table_reserve(t, SN_NO_ROW - 10), SN_LIMIT);
    sn__table_free(t);
}

/* A block that is full never moves. */
static void
test_blocks_stay(sn_db *db)
{
    uint64_t seed = 2;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    for (sn_row row = 0; row < SN_BLOCK_ROWS; row++)
        append(t, &seed);
    const sn_word *block = t->columns[0].blocks[0];
    for (sn_row row = 0; row < SN_BLOCK_ROWS; row++)
        append(t, &seed);
    CHECK(t->columns[0].blocks[0] == block && t->block_count == 2);
    sn__table_free(t);
}

static void
test_columns(sn_db *db, sn_row rows)
{
    uint64_t seed = 3;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    for (sn_row row = 0; row < rows; row++)
        append(t, &seed);
    sn_col a, b;
    CHECK_OK(sn__table_add_slot(&a, t, &(sn_column_def){.type = SN_INT}));
    CHECK_OK(sn__table_add_slot(&b, t, &(sn_column_def){.type = SN_ENTRY, .nullable = true}));
    CHECK(a == COLS && b == COLS + 1 && sn_table_columns(t) == COLS + 2);
    for (sn_row row = 0; row < rows; row++)
        CHECK(sn__word(t, row, a) == 0 && !sn__is_null(t, row, a) && sn__is_null(t, row, b));
    sn__table_free_slot(t, a);
    CHECK(sn_table_column_def(t, a) == NULL && sn_table_columns(t) == COLS + 2);
    compare(t);
    CHECK_OK(sn__table_reserve(t, SN_BLOCK_ROWS + 1));
    CHECK_OK(sn__table_add_slot(&a, t, &(sn_column_def){.type = SN_BOOL, .nullable = true}));
    CHECK(a == COLS && sn__is_null(t, 0, a));
    compare(t);
    sn__table_free(t);
}

static void
test_nullable(sn_db *db, sn_row rows)
{
    uint64_t seed = 4;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    CHECK_OK(sn__table_add_nulls(t, 0));
    sn__table_free_nulls(t, 0);
    for (sn_row row = 0; row < rows; row++)
        append(t, &seed);
    CHECK_OK(sn__table_add_nulls(t, 0));
    CHECK_OK(sn__table_add_nulls(t, 0)); /* there already */
    CHECK(t->columns[0].def.nullable);
    compare(t);
    sn__table_store(t, rows - 1, 0, SN_NULL_CELL);
    m.cells[rows - 1][0] = SN_NULL_CELL;
    compare(t);
    sn__table_store(t, rows - 1, 0, (sn_cell){4, false});
    m.cells[rows - 1][0] = (sn_cell){4, false};
    sn__table_free_nulls(t, 0);
    compare(t);
    sn__table_free(t);
}

/* ---------------------------------------------------------------- handles */

static void
compare_handles(const sn_table *t)
{
    sn_row expected = 0;
    for (sn_row row = sn_table_next_handle(t, 0); row != SN_NO_ROW; row = sn_table_next_handle(t, row + 1)) {
        while (!m.handles[expected])
            expected++;
        CHECK(row == expected && sn_table_handle(t, row) == m.handles[row]);
        expected++;
    }
    while (expected < t->positions)
        CHECK(!m.handles[expected++]);
}

static void
test_handles(sn_db *db, sn_row rows)
{
    uint64_t seed = 5;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    for (sn_row row = 0; row < rows; row++)
        append(t, &seed);
    CHECK(sn_table_next_handle(t, 0) == SN_NO_ROW);
    CHECK_OK(sn_table_set_handle(t, rows - 1, NULL));
    CHECK(t->handle_cap == 0);
    for (sn_row n = 0; n < 3 * rows; n++) {
        sn_row row = harness_random(&seed, n % 2 ? rows : rows / 8 + 1);
        m.handles[row] = harness_random(&seed, 5) ? NULL : &m.handles[harness_random(&seed, rows)];
        CHECK_OK(sn_table_set_handle(t, row, m.handles[row]));
        if (n % 256 == 0)
            compare_handles(t);
    }
    compare(t);
    sn__table_free(t);
}

/* A record made and dropped for each row: after the first, no call to the allocator, and one block is kept. */
static void
test_passing_handles(sn_db *db, sn_row rows)
{
    uint64_t seed = 6;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    for (sn_row row = 0; row < rows; row++)
        append(t, &seed);
    CHECK_OK(sn_table_set_handle(t, rows - 1, &m));
    CHECK_OK(sn_table_set_handle(t, rows - 1, NULL));
    hostile_arm(&h, 1, true);
    for (sn_row row = 0; row < rows; row++) {
        CHECK_OK(sn_table_set_handle(t, row, &m));
        CHECK_OK(sn_table_set_handle(t, row, NULL));
    }
    CHECK(hostile_disarm(&h) == 0);
    size_t blocks = 0;
    for (size_t b = 0; b < t->handle_cap; b++)
        blocks += t->handles[b] != NULL;
    CHECK(blocks == 1);
    sn__table_free(t);
}

/* ---------------------------------------------------------------- compaction */

static void
move_mirror(sn_row from, sn_row to)
{
    memcpy(m.cells[to], m.cells[from], sizeof m.cells[to]);
    m.alive[to] = true;
    m.handles[to] = m.handles[from];
    m.alive[from] = false;
    m.handles[from] = NULL;
}

/* Moves all live rows down, as compact.c does. */
static void
compact(sn_table *t)
{
    sn_row to = 0;
    for (sn_row row = 0; row < t->positions; row++) {
        if (m.handles[row])
            CHECK_OK(sn__table_reserve_handle(t, to));
        to += m.alive[row];
    }
    to = 0;
    hostile_arm(&h, 1, true);
    for (sn_row row = 0; row < t->positions; row++) {
        if (!m.alive[row])
            continue;
        if (to != row) {
            sn__table_move(t, row, to);
            move_mirror(row, to);
        }
        to++;
    }
    sn__table_truncate(t, to);
    CHECK(hostile_disarm(&h) == 0);
    CHECK(sn_table_positions(t) == to && sn_table_count(t) == to);
}

static void
test_compaction(sn_db *db, sn_row rows, uint32_t keep)
{
    uint64_t seed = 7;
    m = (mirror){0};
    sn_table *t = harness_bare_table(db, defs, COLS);
    for (int round = 0; round < 3; round++) {
        while (t->positions < rows)
            append(t, &seed);
        for (sn_row row = 0; row < rows; row++) {
            if (harness_random(&seed, 100) >= keep)
                kill_row(t, row);
            else if (harness_random(&seed, 8) == 0)
                CHECK_OK(sn_table_set_handle(t, row, m.handles[row] = &m.cells[row]));
        }
        compact(t);
        compare(t);
        compare_handles(t);
        CHECK(t->block_count <= t->positions / SN_BLOCK_ROWS + 1);
    }
    sn__table_free(t);
}

/* ---------------------------------------------------------------- keys */

static void
test_row_key(sn_db *db)
{
    sn_table *t = harness_bare_table(db, defs, COLS);
    sn_index *ix;
    sn_col cols[] = {2, 0};
    sn_word key[SN_MAX_KEY];
    CHECK_OK(sn__index_new(&ix, &db->mem, t, SN_INDEX_MANY, cols, 2, false, t));
    CHECK_OK(sn__table_reserve(t, 1));
    sn_row row = sn__table_extend(t);
    sn__table_store(t, row, 0, (sn_cell){77, false});
    CHECK(!sn__row_key(key, ix, row));
    sn__table_store(t, row, 2, (sn_cell){sn_word_from_float(-0.0), false});
    CHECK(sn__row_key(key, ix, row) && key[0] == 0 && key[1] == 77);
    const sn_col *columns;
    CHECK(sn_index_columns(ix, &columns) == 2 && columns[0] == 2 && columns[1] == 0);
    CHECK(sn_index_table(ix) == t && sn_index_tag(ix) == t && sn_index_kind_of(ix) == SN_INDEX_MANY);
    sn__index_free(&db->mem, ix);
    sn__table_free(t);
}

/* ---------------------------------------------------------------- refusals */

typedef struct swept {
    sn_db db;
    sn_table *t;
    sn_row positions;
    sn_col columns;
} swept;

static void *
sweep_setup(hostile *host, sn_row rows)
{
    static swept s;
    uint64_t seed = 8;
    s = (swept){0};
    m = (mirror){0};
    harness_bare_db(&s.db, host);
    s.t = harness_bare_table(&s.db, defs, COLS);
    while (s.t->positions < rows)
        append(s.t, &seed);
    s.columns = COLS;
    s.positions = rows;
    return &s;
}

static void *
sweep_setup_empty(hostile *host)
{
    return sweep_setup(host, 0);
}

static void *
sweep_setup_full(hostile *host)
{
    return sweep_setup(host, 2 * SN_BLOCK_ROWS);
}

static sn_status
sweep_run(void *state)
{
    swept *s = state;
    sn_col col;
    sn_column_def def = {.type = SN_DATE, .nullable = true};
    sn_status status = sn__table_reserve(s->t, SN_BLOCK_ROWS + 1);
    if (status != SN_OK)
        return status;
    while (s->t->positions < s->t->cap)
        s->positions = sn__table_extend(s->t) + 1;
    status = sn_table_set_handle(s->t, s->positions - 1, s);
    if (status == SN_OK)
        status = sn__table_add_nulls(s->t, 0);
    if (status == SN_OK)
        status = sn__table_add_slot(&col, s->t, &def);
    if (status == SN_OK)
        s->columns++;
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    swept *s = state;
    CHECK(s->t->positions == s->positions && sn_table_columns(s->t) == s->columns);
    CHECK(succeeded == (s->columns == COLS + 1));
    CHECK(!succeeded || sn_table_handle(s->t, s->positions - 1) == s);
    if (s->t->positions > 0 && sn_table_handle(s->t, s->positions - 1))
        CHECK_OK(sn_table_set_handle(s->t, s->positions - 1, NULL));
    return sn__table_check(s->t);
}

static void
sweep_teardown(void *state)
{
    sn__table_free(((swept *)state)->t);
}

int
main(void)
{
    sn_db db;
    harness_bare_db(&db, &h);
#ifdef SN_TINY
    const sn_row rows = 300;
#else
    const sn_row rows = ROWS;
#endif
    test_growth(&db, rows);
    test_blocks_stay(&db);
    test_columns(&db, rows / 2);
    test_columns(&db, 3);
    test_nullable(&db, rows / 2);
    test_handles(&db, rows);
    test_passing_handles(&db, rows);
    test_compaction(&db, rows, 40);
    test_compaction(&db, rows, 95);
    test_compaction(&db, rows, 0);
    test_row_key(&db);
    harness_sweep_def empty = {sweep_setup_empty, sweep_run, sweep_check, sweep_teardown};
    harness_sweep_def full = {sweep_setup_full, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &empty) > 10);
    CHECK(harness_sweep(&h, &full) > 10);
    return harness_done("table", &h);
}
