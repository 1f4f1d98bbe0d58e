/*
 * test_member.c - references to rows of several tables: notes on posts and on photos, whose numbers are the same.
 *
 *   post   id unique
 *   photo  id unique
 *   note   id auto unique | (kind choice, key int) -> post where kind is POST, -> photo where it is PHOTO
 *
 * Posts and photos 0, 1, 2 stand in rows 0, 1, 2 of their tables, so whatever takes one for the other finds something.
 */
#include "fixture.h"

enum { NOTE_ID, NOTE_KIND, NOTE_KEY, NOTE_COLUMNS };
enum { POST, PHOTO, VIDEO };

typedef struct album {
    sn_db *db;
    sn_table *target[2], *note;
    sn_index *target_id[2], *note_id, *subject;
    sn_reference *ref[2];
    sn_path *forth[2], *back[2];
    char *before;
} album;

static sn_status
make_member(album *a, int kind, sn_on_delete action, bool enforce)
{
    return sn_reference_new_member(&a->ref[kind], a->subject, a->target_id[kind], (sn_word)kind, action, enforce, NULL);
}

static void
make_paths(album *a)
{
    for (int kind = POST; kind <= PHOTO; kind++) {
        sn_hop_def hop = {.reference = a->ref[kind], .where = SN_NO_NODE, .limit = SIZE_MAX};
        CHECK_OK(sn_path_new(&a->forth[kind], a->db, &hop, 1, true));
        hop.backward = true;
        CHECK_OK(sn_path_new(&a->back[kind], a->db, &hop, 1, true));
    }
}

static void
make_tables_of(album *a, hostile *h, bool nullable)
{
    sn_config config = harness_config(h);
    sn_column_def target[] = {{SN_INT, false, false}};
    sn_column_def note[] = {{SN_INT, false, true}, {SN_CHOICE, nullable, false}, {SN_INT, nullable, false}};
    *a = (album){0};
    CHECK_OK(sn_db_new(&a->db, &config));
    for (int kind = POST; kind <= PHOTO; kind++) {
        a->target[kind] = make_table(a->db, target, 1);
        a->target_id[kind] = make_index(a->target[kind], SN_INDEX_UNIQUE, false, 0, SN_NO_COL);
    }
    a->note = make_table(a->db, note, NOTE_COLUMNS);
    a->note_id = make_index(a->note, SN_INDEX_UNIQUE, false, NOTE_ID, SN_NO_COL);
    a->subject = make_index(a->note, SN_INDEX_MANY, false, NOTE_KIND, NOTE_KEY);
}

/* kind negative: a null. */
static sn_row
add_note(album *a, int kind, int64_t key)
{
    sn_row row;
    sn_cell cells[] = {SN_NULL_CELL, kind < 0 ? SN_NULL_CELL : number(kind), kind < 0 ? SN_NULL_CELL : number(key)};
    CHECK_OK(sn_table_insert(&row, a->note, cells));
    return row;
}

static void
fill(album *a)
{
    CHECK_OK(sn_begin(a->db));
    for (int kind = POST; kind <= PHOTO; kind++) {
        for (int64_t id = 0; id < 3; id++) {
            sn_row row;
            sn_cell cell = number(id);
            CHECK_OK(sn_table_insert(&row, a->target[kind], &cell));
            CHECK(row == (sn_row)id);
        }
    }
    CHECK_OK(sn_commit(a->db));
}

/* Notes 0 to 6: post 0, photo 0, post 1, photo 1, post 0, none, photo 0. */
static void
add_notes(album *a)
{
    static const int kinds[] = {POST, PHOTO, POST, PHOTO, POST, -1, PHOTO};
    static const int64_t keys[] = {0, 0, 1, 1, 0, 0, 0};
    CHECK_OK(sn_begin(a->db));
    for (size_t i = 0; i < 7; i++)
        CHECK(add_note(a, kinds[i], keys[i]) == i);
    CHECK_OK(sn_commit(a->db));
    CHECK_SOUND(sn_check(a->db));
}

static void
make_album(album *a, hostile *h, sn_on_delete action)
{
    make_tables_of(a, h, true);
    CHECK_OK(make_member(a, POST, action, true));
    CHECK_OK(make_member(a, PHOTO, action, true));
    make_paths(a);
    fill(a);
    add_notes(a);
}

static void
free_album(album *a)
{
    void *handle;
    while (sn_depth(a->db) > 0)
        sn_rollback(a->db);
    for (int kind = POST; kind <= PHOTO; kind++) {
        if (a->forth[kind]) {
            sn_path_free(a->forth[kind]);
            sn_path_free(a->back[kind]);
        }
    }
    CHECK(sn_db_dismantle(a->db, &handle, 1) == 0);
    CHECK_SOUND(sn_check(a->db));
    sn_db_free(a->db);
    free(a->before);
}

static bool
leads(const album *a, sn_row note, sn_row post, sn_row photo)
{
    sn_row found[2];
    CHECK_OK(sn_path_first(&found[POST], a->forth[POST], note));
    CHECK_OK(sn_path_first(&found[PHOTO], a->forth[PHOTO], note));
    return found[POST] == post && found[PHOTO] == photo;
}

/* The notes on a row are exactly these, in this order. */
static bool
noted(const album *a, int kind, sn_row row, const sn_row *expected, size_t n)
{
    sn_rows rows = {0};
    size_t count;
    bool contains = true;
    CHECK_OK(sn_path_each(&rows, a->back[kind], row));
    CHECK_OK(sn_path_count(&count, a->back[kind], row, SIZE_MAX));
    bool same = rows.n == n && count == n && (n == 0 || memcmp(rows.rows, expected, n * sizeof *expected) == 0);
    for (sn_row note = 0; note < a->note->positions; note++) {
        bool is = false, listed = false;
        if (!sn_table_alive(a->note, note))
            continue;
        for (size_t i = 0; i < n; i++)
            listed |= expected[i] == note;
        CHECK_OK(sn_path_contains(&is, a->back[kind], row, note));
        contains &= is == listed;
        CHECK_OK(sn_path_contains(&is, a->forth[kind], note, row));
        contains &= is == listed;
    }
    sn_rows_free(a->db, &rows);
    return same && contains;
}

#define NOTED(a, kind, row, ...)                                                                                       \
    noted(a, kind, row, (sn_row[]){__VA_ARGS__}, sizeof((sn_row[]){__VA_ARGS__}) / sizeof(sn_row))

static sn_status
set_note(album *a, sn_row row, int kind, int64_t key)
{
    static const sn_col cols[] = {NOTE_KIND, NOTE_KEY};
    sn_cell cells[] = {kind < 0 ? SN_NULL_CELL : number(kind), key < 0 ? SN_NULL_CELL : number(key)};
    return sn_table_update(a->note, &row, 1, cols, 2, cells);
}

static sn_status
set_kind(album *a, sn_row row, int kind)
{
    sn_col col = NOTE_KIND;
    sn_cell cell = kind < 0 ? SN_NULL_CELL : number(kind);
    return sn_table_update(a->note, &row, 1, &col, 1, &cell);
}

/* ---------------------------------------------------------------- which member */

static void
test_each_finds_its_own(hostile *h)
{
    album a;
    make_album(&a, h, SN_RESTRICT);
    CHECK(leads(&a, 0, 0, SN_NO_ROW) && leads(&a, 1, SN_NO_ROW, 0) && leads(&a, 3, SN_NO_ROW, 1));
    CHECK(leads(&a, 5, SN_NO_ROW, SN_NO_ROW));
    CHECK(NOTED(&a, POST, 0, 0, 4) && NOTED(&a, POST, 1, 2) && noted(&a, POST, 2, NULL, 0));
    CHECK(NOTED(&a, PHOTO, 0, 1, 6) && NOTED(&a, PHOTO, 1, 3) && noted(&a, PHOTO, 2, NULL, 0));
    free_album(&a);
}

static void
test_semijoin(hostile *h)
{
    album a;
    sn_rows rows = {0};
    sn_row targets[] = {1, 0};
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_path_semijoin(&rows, a.forth[PHOTO], targets, 2));
    CHECK(rows.n == 3 && rows.rows[0] == 1 && rows.rows[1] == 3 && rows.rows[2] == 6);
    rows.n = 0;
    CHECK_OK(sn_path_semijoin(&rows, a.back[PHOTO], (sn_row[]){0, 1, 2, 5, 6}, 5));
    CHECK(rows.n == 1 && rows.rows[0] == 0);
    sn_rows_free(a.db, &rows);
    free_album(&a);
}

/* Changing the kind alone leads to the row of the other table with the same number, and arrives there last. */
static void
test_kind_alone(hostile *h)
{
    album a;
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(set_kind(&a, 0, PHOTO));
    CHECK(leads(&a, 0, SN_NO_ROW, 0) && NOTED(&a, PHOTO, 0, 1, 6, 0) && NOTED(&a, POST, 0, 4));
    sn_rollback(a.db);
    CHECK(leads(&a, 0, 0, SN_NO_ROW) && NOTED(&a, PHOTO, 0, 1, 6) && NOTED(&a, POST, 0, 0, 4));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(set_note(&a, 6, -1, -1));
    CHECK_OK(set_note(&a, 1, POST, 1));
    CHECK_OK(sn_commit(a.db));
    CHECK(noted(&a, PHOTO, 0, NULL, 0) && NOTED(&a, POST, 1, 2, 1));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- half a key */

static void
test_half_keys(hostile *h)
{
    static const sn_cell halves[][3] = {{{0, true}, {POST, false}, {0, true}}, {{0, true}, {0, true}, {1, false}}};
    album a;
    sn_row row;
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_begin(a.db));
    CHECK_STATUS(set_kind(&a, 0, -1), SN_HALF);
    CHECK(sn_db_error(a.db)->index == a.subject && sn_db_error(a.db)->row == 0);
    CHECK_STATUS(set_note(&a, 5, PHOTO, -1), SN_HALF);
    CHECK_STATUS(set_kind(&a, 5, POST), SN_HALF);
    for (size_t i = 0; i < 2; i++) {
        sn_cell two[] = {SN_NULL_CELL, SN_NULL_CELL, SN_NULL_CELL, halves[i][0], halves[i][1], halves[i][2]};
        CHECK_STATUS(sn_table_insert(&row, a.note, halves[i]), SN_HALF);
        CHECK(sn_db_error(a.db)->index == a.subject && sn_db_error(a.db)->row == SN_NO_ROW);
        CHECK_STATUS(sn_table_insert_many(&row, a.note, two, 2), SN_HALF);
        CHECK(sn_db_error(a.db)->count == 1);
    }
    CHECK_OK(set_note(&a, 5, PHOTO, 2)); /* both in one */
    CHECK_OK(sn_commit(a.db));
    CHECK(sn_table_count(a.note) == 7 && leads(&a, 0, 0, SN_NO_ROW) && leads(&a, 5, SN_NO_ROW, 2));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- what dangles */

static void
test_dangling(hostile *h)
{
    album a;
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_begin(a.db));
    sn_row third;
    sn_cell id = number(7);
    CHECK_OK(sn_table_insert(&third, a.target[POST], &id)); /* there is a post 7 and no photo 7 */
    CHECK_OK(set_note(&a, 0, PHOTO, 7));
    CHECK_STATUS(sn_commit(a.db), SN_DANGLING);
    CHECK(sn_db_error(a.db)->reference == a.ref[PHOTO] && sn_db_error(a.db)->row == 0 && sn_db_error(a.db)->count == 1);
    CHECK_OK(set_kind(&a, 0, POST));
    CHECK_OK(sn_commit(a.db));
    CHECK(leads(&a, 0, third, SN_NO_ROW));
    CHECK_OK(sn_begin(a.db));
    add_note(&a, PHOTO, 7);
    CHECK_STATUS(sn_commit(a.db), SN_DANGLING);
    sn_rollback(a.db);
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* A load waits for its targets, too. */
static void
test_load(hostile *h)
{
    album a;
    sn_row first;
    sn_cell cells[3 * 600];
    make_album(&a, h, SN_RESTRICT);
    for (int64_t i = 0; i < 600; i++) {
        cells[3 * i] = SN_NULL_CELL;
        cells[3 * i + 1] = i % 3 ? number(i % 2) : SN_NULL_CELL;
        cells[3 * i + 2] = i % 3 ? number(i == 599 ? 9 : i % 3) : SN_NULL_CELL;
    }
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(sn_table_insert_many(&first, a.note, cells, 600));
    CHECK_STATUS(sn_commit(a.db), SN_DANGLING);
    CHECK(sn_db_error(a.db)->reference == a.ref[PHOTO] && sn_db_error(a.db)->row == first + 599);
    CHECK_OK(set_note(&a, first + 599, POST, 1));
    CHECK_OK(sn_commit(a.db));
    CHECK(leads(&a, first + 1, SN_NO_ROW, 1) && leads(&a, first + 2, 2, SN_NO_ROW));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

static void
test_key_in_use(hostile *h)
{
    album a;
    sn_col id = 0;
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_begin(a.db));
    CHECK_STATUS(sn_table_update(a.target[PHOTO], (sn_row[]){0}, 1, &id, 1, (sn_cell[]){number(5)}), SN_KEY_IN_USE);
    CHECK(sn_db_error(a.db)->reference == a.ref[PHOTO] && sn_db_error(a.db)->count == 2);
    CHECK_OK(sn_table_update(a.target[PHOTO], (sn_row[]){2}, 1, &id, 1, (sn_cell[]){number(5)}));
    CHECK_OK(sn_commit(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- deleting targets */

static sn_status
delete_photo(album *a)
{
    size_t deleted;
    sn_row row = 0;
    return sn_table_delete(&deleted, a->target[PHOTO], &row, 1);
}

static void
test_restrict(hostile *h)
{
    album a;
    size_t deleted;
    make_album(&a, h, SN_RESTRICT);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_STATUS(sn_commit(a.db), SN_RESTRICTED);
    CHECK(sn_db_error(a.db)->reference == a.ref[PHOTO] && sn_db_error(a.db)->row == 1 && sn_db_error(a.db)->count == 2);
    CHECK_OK(set_note(&a, 1, POST, 0)); /* they go to the post with the same number */
    CHECK_OK(set_note(&a, 6, POST, 0));
    CHECK_OK(sn_commit(a.db));
    CHECK(NOTED(&a, POST, 0, 0, 4, 1, 6));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(sn_table_delete(&deleted, a.target[POST], (sn_row[]){2}, 1)); /* nobody refers to it */
    CHECK_OK(sn_commit(a.db));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

static void
test_cascade(hostile *h)
{
    album a;
    sn_index *about;
    sn_reference *reply;
    make_album(&a, h, SN_CASCADE);
    sn_col col;
    sn_column_def def = {SN_INT, true, false};
    CHECK_OK(sn_table_add_column(&col, a.note, &def, NULL)); /* a note on a note */
    about = make_index(a.note, SN_INDEX_MANY, false, col, SN_NO_COL);
    CHECK_OK(sn_reference_new(&reply, about, a.note_id, SN_CASCADE, true, NULL));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(sn_table_update(a.note, (sn_row[]){4}, 1, &col, 1, (sn_cell[]){number(2)})); /* a reply to note 1 */
    CHECK_OK(sn_commit(a.db));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK(sn_table_count(a.note) == 4 && !sn_table_alive(a.note, 1) && !sn_table_alive(a.note, 4));
    CHECK(NOTED(&a, POST, 0, 0) && NOTED(&a, PHOTO, 1, 3));
    sn_rollback(a.db);
    CHECK(sn_table_count(a.note) == 7 && NOTED(&a, POST, 0, 0, 4) && NOTED(&a, PHOTO, 0, 1, 6));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

static void
test_nullify(hostile *h)
{
    album a;
    make_album(&a, h, SN_NULLIFY);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK(sn_table_get(a.note, 1, NOTE_KIND).null && sn_table_get(a.note, 1, NOTE_KEY).null);
    CHECK(sn_table_get(a.note, 6, NOTE_KIND).null && !sn_table_get(a.note, 0, NOTE_KIND).null);
    sn_rollback(a.db);
    CHECK(NOTED(&a, PHOTO, 0, 1, 6) && NOTED(&a, POST, 0, 0, 4));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK(sn_table_count(a.note) == 7);
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

static void
test_keep(hostile *h)
{
    album a;
    make_tables_of(&a, h, true);
    CHECK_OK(make_member(&a, POST, SN_RESTRICT, true));
    CHECK_OK(make_member(&a, PHOTO, SN_KEEP, false)); /* each member has rules of its own */
    make_paths(&a);
    fill(&a);
    add_notes(&a);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK(leads(&a, 1, SN_NO_ROW, SN_NO_ROW) && leads(&a, 0, 0, SN_NO_ROW));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- making and dropping */

static void
test_misuse(hostile *h)
{
    album a;
    sn_reference *ref;
    make_tables_of(&a, h, true);
    sn_index *ordered = make_index(a.note, SN_INDEX_ORDERED, false, NOTE_KIND, NOTE_KEY);
    sn_index *wide = make_index(a.target[POST], SN_INDEX_UNIQUE, false, 0, SN_NO_COL);
    sn_index *narrow = make_index(a.note, SN_INDEX_MANY, false, NOTE_KEY, SN_NO_COL);
    CHECK_STATUS(sn_reference_new_member(&ref, ordered, wide, 0, SN_RESTRICT, true, NULL), SN_MISUSE);
    CHECK_STATUS(sn_reference_new_member(&ref, narrow, wide, 0, SN_RESTRICT, true, NULL), SN_MISUSE);
    CHECK_STATUS(sn_reference_new(&ref, a.subject, wide, SN_RESTRICT, true, NULL), SN_MISUSE);
    CHECK_STATUS(make_member(&a, POST, SN_KEEP, true), SN_MISUSE);
    CHECK_OK(make_member(&a, POST, SN_NULLIFY, true));
    CHECK_STATUS(make_member(&a, POST, SN_RESTRICT, true), SN_MISUSE); /* the constant is taken */
    CHECK_STATUS(sn_table_set_nullable(a.note, NOTE_KIND, false), SN_MISUSE);
    CHECK_STATUS(sn_table_set_nullable(a.note, NOTE_KEY, false), SN_MISUSE);
    CHECK(a.subject->references == 1 && a.subject->members == 1);
    CHECK_OK(sn_reference_drop(a.ref[POST]));
    CHECK(a.subject->references == 0 && a.subject->members == 0);
    CHECK_OK(sn_table_set_nullable(a.note, NOTE_KIND, false));
    CHECK_STATUS(make_member(&a, POST, SN_NULLIFY, true), SN_MISUSE); /* one is not nullable */
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* Text owns something, and a float is not its own key: neither can say which member. */
static void
test_kinds_of_constants(hostile *h)
{
    static const sn_type types[] = {SN_TEXT, SN_FLOAT, SN_DATETIME, SN_ENTRY, SN_INT, SN_BOOL, SN_CHOICE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        album a;
        sn_reference *ref;
        sn_col col;
        make_tables_of(&a, h, true);
        sn_column_def def = {types[i], true, false};
        CHECK_OK(sn_table_add_column(&col, a.note, &def, NULL));
        sn_index *from = make_index(a.note, SN_INDEX_MANY, false, col, NOTE_KEY);
        CHECK_STATUS(sn_reference_new_member(&ref, from, a.target_id[POST], 0, SN_RESTRICT, true, NULL),
                     i < 4 ? SN_MISUSE : SN_OK);
        free_album(&a);
    }
}

/* Rows that are there refuse a member only if they are its own. */
static void
test_rows_that_are_there(hostile *h)
{
    album a;
    make_tables_of(&a, h, true);
    fill(&a);
    add_notes(&a);
    CHECK_OK(sn_begin(a.db));
    add_note(&a, PHOTO, 40);
    CHECK_OK(sn_commit(a.db));
    CHECK_OK(make_member(&a, POST, SN_RESTRICT, true));
    CHECK_STATUS(make_member(&a, PHOTO, SN_RESTRICT, true), SN_DANGLING);
    CHECK(sn_db_error(a.db)->row == 7 && sn_db_error(a.db)->count == 1);
    CHECK_OK(make_member(&a, PHOTO, SN_RESTRICT, false));
    CHECK_OK(sn_reference_drop(a.ref[POST]));
    CHECK_OK(sn_reference_drop(a.ref[PHOTO]));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(set_kind(&a, 3, -1)); /* no member is left to forbid it */
    CHECK_OK(sn_commit(a.db));
    CHECK_STATUS(make_member(&a, POST, SN_RESTRICT, true), SN_HALF);
    CHECK(sn_db_error(a.db)->row == 3 && sn_db_error(a.db)->index == a.subject);
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* At most one note on each: over a unique index. */
static void
test_one_to_one(hostile *h)
{
    album a;
    sn_row row;
    make_tables_of(&a, h, true);
    a.subject = make_index(a.note, SN_INDEX_UNIQUE, false, NOTE_KIND, NOTE_KEY);
    CHECK_OK(make_member(&a, POST, SN_CASCADE, true));
    CHECK_OK(make_member(&a, PHOTO, SN_CASCADE, true));
    make_paths(&a);
    fill(&a);
    CHECK_OK(sn_begin(a.db));
    add_note(&a, POST, 0);
    add_note(&a, PHOTO, 0);
    add_note(&a, -1, 0);
    add_note(&a, -1, 0);
    sn_cell again[] = {SN_NULL_CELL, number(PHOTO), number(0)};
    CHECK_STATUS(sn_table_insert(&row, a.note, again), SN_UNIQUE);
    CHECK_OK(sn_commit(a.db));
    CHECK(NOTED(&a, POST, 0, 0) && NOTED(&a, PHOTO, 0, 1));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK(sn_table_count(a.note) == 3 && NOTED(&a, POST, 0, 0));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- parked notes */

static void
park_note(album *a, sn_row row)
{
    size_t parked;
    sn_stamp stamp = {SN_INT, number(1)};
    CHECK_OK(sn_begin(a->db));
    CHECK_OK(sn_table_park(&parked, a->note, &row, 1, &stamp, 1));
    CHECK(parked == 1);
    CHECK_OK(sn_commit(a->db));
}

static void
add_stamp(album *a)
{
    sn_col col;
    sn_column_def def = {SN_INT, true, false};
    CHECK_OK(sn_table_add_column(&col, a->note, &def, NULL));
    CHECK_OK(sn_table_set_stamp(a->note, col));
}

/* A parked note loses its whole key when its photo goes for good, and the one on the post with the same number does not. */
static void
test_parked(hostile *h, sn_on_delete action)
{
    album a;
    size_t restored;
    make_album(&a, h, action);
    add_stamp(&a);
    park_note(&a, 0);
    park_note(&a, 1);
    CHECK(NOTED(&a, POST, 0, 4) && NOTED(&a, PHOTO, 0, 6));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK(sn_table_parked(a.note, 0) && sn_table_parked(a.note, 1) == (action == SN_NULLIFY));
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(sn_table_restore(&restored, a.note, (sn_row[]){0, 1}, 2));
    CHECK_OK(sn_commit(a.db));
    CHECK(leads(&a, 0, 0, SN_NO_ROW) && NOTED(&a, POST, 0, 4, 0));
    CHECK(action != SN_NULLIFY || (sn_table_get(a.note, 1, NOTE_KIND).null && sn_table_get(a.note, 1, NOTE_KEY).null));
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* A column of the key that is itself a key keeps all of it: half of it would be none. */
static void
test_parked_key_that_stays(hostile *h)
{
    album a;
    sn_col col;
    size_t restored;
    sn_reference *ref;
    sn_column_def def = {SN_INT, true, false};
    make_album(&a, h, SN_NULLIFY);
    add_stamp(&a);
    CHECK_OK(sn_begin(a.db));
    for (sn_row row = 2; row < 7; row++)
        CHECK_OK(set_note(&a, row, -1, -1));
    CHECK_OK(set_note(&a, 0, POST, 1));
    CHECK_OK(sn_commit(a.db));
    sn_index *key = make_index(a.note, SN_INDEX_UNIQUE, false, NOTE_KEY, SN_NO_COL);
    CHECK_OK(sn_table_add_column(&col, a.target[POST], &def, NULL));
    sn_index *from = make_index(a.target[POST], SN_INDEX_MANY, false, col, SN_NO_COL);
    CHECK_OK(sn_reference_new(&ref, from, key, SN_RESTRICT, true, NULL));
    park_note(&a, 1);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(delete_photo(&a));
    CHECK_OK(sn_commit(a.db));
    CHECK(!sn_table_get(a.note, 1, NOTE_KIND).null && !sn_table_get(a.note, 1, NOTE_KEY).null);
    CHECK_OK(sn_begin(a.db));
    CHECK_OK(sn_table_restore(&restored, a.note, (sn_row[]){1}, 1));
    CHECK_STATUS(sn_commit(a.db), SN_DANGLING);
    sn_rollback(a.db);
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* What sn_check has to see, written past the engine. */
static void
test_check_sees(hostile *h)
{
    album a;
    make_album(&a, h, SN_RESTRICT);
    a.subject->members = 1;
    CHECK(strstr(sn_check(a.db), "miscounts its members"));
    a.subject->members = 2;
    a.note->columns[NOTE_KEY].nulls[0][0] |= 1;
    CHECK(sn_check(a.db) != NULL);
    a.note->columns[NOTE_KEY].nulls[0][0] &= ~UINT64_C(1);
    CHECK_SOUND(sn_check(a.db));
    free_album(&a);
}

/* ---------------------------------------------------------------- without memory */

static sn_status
run_new(album *a)
{
    return make_member(a, POST, SN_RESTRICT, true);
}

static sn_status
run_nullify(album *a)
{
    return delete_photo(a);
}

static sn_status
run_insert(album *a)
{
    sn_row row;
    sn_cell cells[] = {SN_NULL_CELL, number(PHOTO), number(7)}; /* dangles: a pending item */
    return sn_table_insert(&row, a->note, cells);
}

static struct {
    sn_status (*run)(album *a);
    bool members;
} swept_here;

static void *
sweep_album(hostile *h)
{
    album *a = malloc(sizeof *a);
    CHECK(a != NULL);
    if (swept_here.members) {
        make_album(a, h, SN_NULLIFY);
        CHECK_OK(sn_begin(a->db));
    } else {
        make_tables_of(a, h, true);
        fill(a);
        add_notes(a);
    }
    a->before = dump_shop(&(shop){.db = a->db});
    return a;
}

static sn_status
sweep_album_run(void *state)
{
    return swept_here.run(state);
}

static const char *
sweep_album_check(void *state, bool succeeded)
{
    album *a = state;
    bool same = unchanged(&(shop){.db = a->db}, a->before);
    return !succeeded && !same ? "a refused operation has changed something" : sn_check(a->db);
}

static void
sweep_album_teardown(void *state)
{
    free_album(state);
    free(state);
}

static void
sweep_one(hostile *h, sn_status (*run)(album *a), bool members)
{
    harness_sweep_def def = {sweep_album, sweep_album_run, sweep_album_check, sweep_album_teardown};
    swept_here.run = run;
    swept_here.members = members;
    CHECK(harness_sweep(h, &def) > 0);
}

int
main(void)
{
    hostile h = {0};
    test_each_finds_its_own(&h);
    test_semijoin(&h);
    test_kind_alone(&h);
    test_half_keys(&h);
    test_dangling(&h);
    test_load(&h);
    test_key_in_use(&h);
    test_restrict(&h);
    test_cascade(&h);
    test_nullify(&h);
    test_keep(&h);
    test_misuse(&h);
    test_kinds_of_constants(&h);
    test_rows_that_are_there(&h);
    test_one_to_one(&h);
    test_parked(&h, SN_CASCADE);
    test_parked(&h, SN_NULLIFY);
    test_parked_key_that_stays(&h);
    test_check_sees(&h);
    sweep_one(&h, run_new, false);
    sweep_one(&h, run_nullify, true);
    sweep_one(&h, run_insert, true);
    return harness_done("member", &h);
}
