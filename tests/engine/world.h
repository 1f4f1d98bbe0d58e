/*
 * world.h - a small world of rows for the query tests: authors, categories (a tree), posts and comments, with
 * references between them, filled and changed at random. Beside it a stamp for each foreign key cell says when its row
 * arrived there, which is all that a naive walk needs.
 *
 * Everything that looks things up here does it by looking at all rows.
 */
#ifndef SN_WORLD_H
#define SN_WORLD_H

#include "harness.h"

#include <string.h>

#define WORLD_ROWS 4096

enum { AUTHOR, CATEGORY, POST, COMMENT, TABLES };
enum { AUTHOR_ID, AUTHOR_NAME, AUTHOR_AGE, AUTHOR_SCORE, AUTHOR_COLUMNS };
enum { CATEGORY_ID, CATEGORY_PARENT, CATEGORY_TITLE, CATEGORY_COLUMNS };
enum {
    POST_ID,
    POST_AUTHOR,
    POST_CATEGORY,
    POST_VIEWS,
    POST_RATING,
    POST_TITLE,
    POST_SLUG,
    POST_AT,
    POST_FLAG,
    POST_COLUMNS
};
enum { COMMENT_ID, COMMENT_POST, COMMENT_STARS, COMMENT_COLUMNS };

/* The references; from their table's column to the id (column 0) of another. */
enum { POST_TO_AUTHOR, POST_TO_CATEGORY, COMMENT_TO_POST, CATEGORY_TO_PARENT, LINKS };
typedef struct world_link {
    int from;
    sn_col col;
    int to;
} world_link;
static const world_link world_links[LINKS] = {{POST, POST_AUTHOR, AUTHOR},
                                              {POST, POST_CATEGORY, CATEGORY},
                                              {COMMENT, COMMENT_POST, POST},
                                              {CATEGORY, CATEGORY_PARENT, CATEGORY}};

static const sn_column_def world_columns[TABLES][POST_COLUMNS] = {
    [AUTHOR] = {{.type = SN_INT},
                {.type = SN_TEXT},
                {.type = SN_INT, .nullable = true},
                {.type = SN_FLOAT, .nullable = true}},
    [CATEGORY] = {{.type = SN_INT}, {.type = SN_INT, .nullable = true}, {.type = SN_TEXT}},
    [POST] = {{.type = SN_INT},
              {.type = SN_INT, .nullable = true},
              {.type = SN_INT, .nullable = true},
              {.type = SN_INT},
              {.type = SN_FLOAT},
              {.type = SN_TEXT},
              {.type = SN_TEXT, .nullable = true},
              {.type = SN_DATETIME},
              {.type = SN_BOOL, .nullable = true}},
    [COMMENT] = {{.type = SN_INT}, {.type = SN_INT, .nullable = true}, {.type = SN_INT, .nullable = true}},
};
static const sn_col world_widths[TABLES] = {AUTHOR_COLUMNS, CATEGORY_COLUMNS, POST_COLUMNS, COMMENT_COLUMNS};

typedef struct world {
    sn_db *db;
    sn_table *t[TABLES];
    sn_reference *link[LINKS];
    uint64_t seed;
    int64_t ids[TABLES]; /* the last given out */
    uint32_t stamp;
    uint32_t arrived[LINKS][WORLD_ROWS];
} world;

static inline uint32_t
world_pick(world *w, uint32_t below)
{
    return harness_random(&w->seed, below);
}

static inline sn_cell
int_cell(int64_t value)
{
    return (sn_cell){sn_word_from_int(value), false};
}

static inline sn_cell
float_cell(double value)
{
    return (sn_cell){sn_word_from_float(value), false};
}

/* A text that the caller owns: bare, or interned. */
static inline sn_cell
text_cell(world *w, const char *text, bool intern)
{
    void *handle = handle_new(text);
    if (!intern) {
        return (sn_cell){(sn_word)(uintptr_t)handle, false};
    }
    sn_cell cell = {0, false};
    bool taken;
    sn_bytes bytes = handle_text(handle);
    sn_entry_def def = {.tag = 1, .exact = bytes, .borrow = true, .handle = handle};
    CHECK_OK(sn_entry_intern(&cell.word, &taken, w->db, &def));
    if (!taken) {
        handle_free(handle);
    }
    return cell;
}

/* Texts that share beginnings, are long and short, and go beyond ASCII. */
static inline const char *
world_text(world *w)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "ab",
                                        "abc",
                                        "abcdefg",
                                        "abcdefgh",
                                        "abcdefghi",
                                        "B%",
                                        "Straße",
                                        "STRASSE",
                                        "\xc3\x84pfel",
                                        "\xc3\xa4pfel",
                                        "a_b",
                                        "post 17",
                                        "post 18",
                                        "post 171",
                                        "the same long beginning, one",
                                        "the same long beginning, two"};
    return texts[world_pick(w, sizeof texts / sizeof texts[0])];
}

static inline double
world_float(world *w)
{
    static const double values[] = {0.0, -0.0, 1.0, 2.5, -3.25, 1e300, 3.0, 7.0};
    return values[world_pick(w, 8)];
}

/* A value for a column; small ranges, so that things meet. */
static inline sn_cell
world_cell(world *w, int table, sn_col col, bool intern)
{
    const sn_column_def *def = &world_columns[table][col];
    if (def->nullable && world_pick(w, 5) == 0) {
        return SN_NULL_CELL;
    }
    switch (def->type) {
    case SN_FLOAT:
        return float_cell(world_float(w));
    case SN_TEXT:
        return text_cell(w, world_text(w), intern);
    case SN_BOOL:
        return int_cell(world_pick(w, 2));
    case SN_DATETIME:
        return int_cell(world_pick(w, 40));
    default:
        return int_cell((int64_t)world_pick(w, 24) - 4);
    }
}

static inline bool
world_interns(int table, sn_col col)
{
    return table == POST && col == POST_SLUG;
}

static inline sn_cell
world_key(world *w, int link)
{
    uint32_t ids = (uint32_t)w->ids[world_links[link].to];
    return world_pick(w, 6) == 0 ? SN_NULL_CELL : int_cell(1 + world_pick(w, ids + 2));
}

static inline int
world_link_at(int table, sn_col col)
{
    for (int i = 0; i < LINKS; i++) {
        if (world_links[i].from == table && world_links[i].col == col) {
            return i;
        }
    }
    return -1;
}

static inline void
world_insert(world *w, int table)
{
    sn_cell cells[POST_COLUMNS];
    for (sn_col col = 0; col < world_widths[table]; col++) {
        int link = world_link_at(table, col);
        cells[col] = col == 0    ? int_cell(++w->ids[table])
                     : link >= 0 ? world_key(w, link)
                                 : world_cell(w, table, col, world_interns(table, col));
    }
    sn_row row;
    CHECK_OK(sn_begin(w->db));
    CHECK_OK(sn_table_insert(&row, w->t[table], cells));
    CHECK_OK(sn_commit(w->db));
    CHECK(row < WORLD_ROWS);
    for (int i = 0; i < LINKS; i++) {
        if (world_links[i].from == table) {
            w->arrived[i][row] = ++w->stamp;
        }
    }
}

static inline void
world_drain(world *w)
{
    void *handles[16];
    for (size_t n; (n = sn_db_drop(w->db, handles, 16)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            handle_free(handles[i]);
        }
    }
}

static inline void
world_delete(world *w, int table, sn_row row)
{
    size_t deleted;
    CHECK_OK(sn_begin(w->db));
    CHECK_OK(sn_table_delete(&deleted, w->t[table], &row, 1));
    CHECK_OK(sn_commit(w->db));
    world_drain(w);
}

/* Moves a row to another parent, or sets another column. */
static inline void
world_update(world *w, int table, sn_row row)
{
    sn_col col = (sn_col)(1 + world_pick(w, world_widths[table] - 1u));
    int link = world_link_at(table, col);
    sn_cell cell = link >= 0 ? world_key(w, link) : world_cell(w, table, col, world_interns(table, col));
    sn_cell before = sn_table_get(w->t[table], row, col);
    CHECK_OK(sn_begin(w->db));
    CHECK_OK(sn_table_update(w->t[table], &row, 1, &col, 1, &cell));
    CHECK_OK(sn_commit(w->db));
    if (link >= 0 && (before.null != cell.null || before.word != cell.word)) {
        w->arrived[link][row] = ++w->stamp;
    }
    world_drain(w);
}

static inline bool
world_alive(const world *w, int table, sn_row row)
{
    return sn_table_alive(w->t[table], row);
}

static inline void
world_change(world *w)
{
    int table = (int)world_pick(w, TABLES);
    sn_row positions = sn_table_positions(w->t[table]);
    sn_row row = positions ? world_pick(w, positions) : 0;
    uint32_t what = world_pick(w, 10);
    if (what < 5 || positions < 4) {
        world_insert(w, table);
    } else if (world_alive(w, table, row)) {
        if (what < 8) {
            world_update(w, table, row);
        } else {
            world_delete(w, table, row);
        }
    }
}

static inline void
world_table(world *w, int table)
{
    CHECK_OK(sn_table_new(&w->t[table], w->db, NULL));
    for (sn_col col = 0; col < world_widths[table]; col++) {
        sn_col at;
        CHECK_OK(sn_table_add_column(&at, w->t[table], &world_columns[table][col], NULL));
        CHECK(at == col);
    }
}

static inline sn_index *
world_index(world *w, int table, sn_index_kind kind, const sn_col *cols, size_t n)
{
    sn_index *ix;
    CHECK_OK(sn_index_new(&ix, w->t[table], kind, cols, n, false, NULL));
    return ix;
}

static inline void
world_new(world *w, hostile *h, uint64_t seed)
{
    *w = (world){.seed = seed};
    sn_config config = harness_config(h);
    CHECK_OK(sn_db_new(&w->db, &config));
    sn_index *keys[TABLES];
    for (int table = 0; table < TABLES; table++) {
        sn_col id = 0;
        world_table(w, table);
        keys[table] = world_index(w, table, SN_INDEX_UNIQUE, &id, 1);
    }
    for (int i = 0; i < LINKS; i++) {
        sn_index *from = world_index(w, world_links[i].from, SN_INDEX_MANY, &world_links[i].col, 1);
        CHECK_OK(sn_reference_new(&w->link[i], from, keys[world_links[i].to], SN_KEEP, false, NULL));
    }
}

/* Indexes that the planner may use beyond those of the references. */
static inline void
world_more_indexes(world *w)
{
    static const sn_col views[] = {POST_VIEWS}, author_at[] = {POST_AUTHOR, POST_AT}, slug[] = {POST_SLUG},
                        rating[] = {POST_RATING}, age[] = {AUTHOR_AGE}, flag_views[] = {POST_FLAG, POST_VIEWS},
                        stars[] = {COMMENT_STARS}, at[] = {POST_AT};
    world_index(w, POST, SN_INDEX_ORDERED, views, 1);
    world_index(w, POST, SN_INDEX_ORDERED, author_at, 2);
    world_index(w, POST, SN_INDEX_ORDERED, slug, 1);
    world_index(w, POST, SN_INDEX_MANY, slug, 1);
    world_index(w, POST, SN_INDEX_MANY, rating, 1);
    world_index(w, POST, SN_INDEX_MANY, flag_views, 2);
    world_index(w, POST, SN_INDEX_ORDERED, at, 1);
    world_index(w, AUTHOR, SN_INDEX_MANY, age, 1);
    world_index(w, COMMENT, SN_INDEX_ORDERED, stars, 1);
}

static inline void
world_fill(world *w, size_t changes)
{
    for (size_t i = 0; i < changes; i++) {
        world_change(w);
    }
}

static inline void
world_free(world *w)
{
    void *handles[16];
    world_drain(w);
    for (size_t n; (n = sn_db_dismantle(w->db, handles, 16)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            handle_free(handles[i]);
        }
    }
    world_drain(w);
    sn_db_free(w->db);
}

/* ---------------------------------------------------------------- naive walking */

/* A step along a link, in words that a naive walk understands. */
typedef struct world_step {
    int link;
    bool backward;
    bool single;
    size_t limit;
} world_step;

static inline int
step_from(world_step s)
{
    return s.backward ? world_links[s.link].to : world_links[s.link].from;
}

static inline int
step_to(world_step s)
{
    return s.backward ? world_links[s.link].from : world_links[s.link].to;
}

/* The rows of one step, by looking at all rows: backward ones by the time of their arrival. */
static inline size_t
naive_step(const world *w, world_step s, sn_row from, sn_row *out)
{
    const world_link *l = &world_links[s.link];
    const sn_table *here = w->t[step_from(s)], *there = w->t[step_to(s)];
    sn_cell key = sn_table_get(here, from, s.backward ? 0 : l->col);
    size_t n = 0;
    for (sn_row row = 0; row < sn_table_positions(there) && !key.null; row++) {
        sn_cell other = sn_table_alive(there, row) ? sn_table_get(there, row, s.backward ? l->col : 0) : SN_NULL_CELL;
        if (other.null || other.word != key.word) {
            continue;
        }
        size_t at = n++;
        for (; s.backward && at > 0 && w->arrived[s.link][out[at - 1]] > w->arrived[s.link][row]; at--) {
            out[at] = out[at - 1];
        }
        out[at] = row;
    }
    size_t limit = s.single && s.limit > 1 ? 1 : s.limit;
    return n < limit ? n : limit;
}

/* The targets of steps from a row, as nested loops meet them. `out` has room for WORLD_ROWS; returns how many. */
static inline size_t
naive_walk(const world *w, const world_step *steps, size_t n, sn_row from, bool distinct, sn_row *out, size_t found)
{
    sn_row rows[WORLD_ROWS];
    if (n == 0) {
        for (size_t i = 0; i < found && distinct; i++) {
            if (out[i] == from) {
                return found;
            }
        }
        CHECK(found < WORLD_ROWS);
        out[found] = from;
        return found + 1;
    }
    size_t some = naive_step(w, steps[0], from, rows);
    for (size_t i = 0; i < some; i++) {
        found = naive_walk(w, steps + 1, n - 1, rows[i], distinct, out, found);
    }
    return found;
}

static inline sn_path *
world_path(world *w, const world_step *steps, size_t n, bool distinct)
{
    sn_hop_def hops[8];
    sn_path *p;
    for (size_t i = 0; i < n; i++) {
        hops[i] = (sn_hop_def){.reference = w->link[steps[i].link],
                               .backward = steps[i].backward,
                               .single = steps[i].single,
                               .where = SN_NO_NODE,
                               .limit = steps[i].limit};
    }
    CHECK_OK(sn_path_new(&p, w->db, hops, n, distinct));
    return p;
}

#endif
