/*
 * fuzz.c - bytes become operations on the engine and on the naive model; after each, all that can be seen is compared.
 *
 * The first bytes choose the schema (actions, enforce, nullable columns), the rest are operations: units and
 * savepoints, inserts, loads, updates, deletes, moves, compaction, row handles. Any write may meet a refusing
 * allocator; then nothing may have changed. At the end every unit is rolled back, everything is taken apart, and no
 * handle and no block may be left.
 *
 * Built with -fsanitize=fuzzer this is a libFuzzer target; replay.c runs files through it with any compiler.
 */
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "host.h"
#include "model.h"

#define MAX_DEPTH 5
#define MAX_GIVEN 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct run {
    const uint8_t *data;
    size_t size, at;
    host_memory memory;
    sn_db *db;
    sn_table *tables[TABLES];
    sn_index *indexes[INDEXES];
    sn_reference *references[REFERENCES];
    model m;
    state saved[MAX_DEPTH];
    size_t depth;
} run;

static unsigned
byte(run *r)
{
    return r->at < r->size ? r->data[r->at++] : 0;
}

static void
drain(run *r)
{
    void *handles[8];
    size_t n;
    while ((n = sn_db_drop(r->db, handles, 8)) > 0) {
        for (size_t i = 0; i < n; i++)
            host_release(handles[i]);
    }
    REQUIRE(sn_db_drop_count(r->db) == 0);
}

/* ---------------------------------------------------------------- schema */

static void
choose_schema(run *r)
{
    memcpy(r->m.schema.columns, column_defs, sizeof(column_defs));
    for (int i = 0; i < REFERENCES; i++) {
        unsigned b = byte(r);
        r->m.schema.action[i] = (sn_on_delete)(b & 3);
        r->m.schema.enforce[i] = (b & 4) != 0 && (b & 3) != SN_KEEP;
    }
    unsigned b = byte(r);
    if ((b & 1) && r->m.schema.action[REF_B_A] != SN_NULLIFY)
        r->m.schema.columns[B][B_A].nullable = false;
    if (b & 2)
        r->m.schema.columns[B][B_C1].nullable = false;
    for (int t = 0; t < TABLES; t++)
        r->m.next_number[t] = 1;
}

static void
make_schema(run *r)
{
    for (int t = 0; t < TABLES; t++) {
        REQUIRE(sn_table_new(&r->tables[t], r->db, NULL) == SN_OK);
        for (sn_col c = 0; c < column_counts[t]; c++) {
            sn_col made;
            REQUIRE(sn_table_add_column(&made, r->tables[t], &r->m.schema.columns[t][c], NULL) == SN_OK && made == c);
        }
    }
    for (int i = 0; i < INDEXES; i++) {
        const index_spec *ix = &indexes[i];
        REQUIRE(sn_index_new(&r->indexes[i], r->tables[ix->table], ix->kind, ix->cols, ix->n, ix->deferred, NULL)
                == SN_OK);
    }
    for (int i = 0; i < REFERENCES; i++) {
        const reference_spec *ref = &references[i];
        REQUIRE(sn_reference_new(&r->references[i], r->indexes[ref->from], r->indexes[ref->to], r->m.schema.action[i],
                                 r->m.schema.enforce[i], NULL)
                == SN_OK);
    }
}

/* ---------------------------------------------------------------- cells */

/* Text in an index is interned; the one other text column holds bare handles. */
static bool
is_bare(int table, sn_col col)
{
    return column_defs[table][col].type == SN_OBJECT || (table == A && col == A_NOTE);
}

static value
choose_value(run *r, int table, sn_col col, sn_row row)
{
    unsigned b = byte(r);
    if (b >= 0xe0)
        return (value){true, 0};
    if (is_bare(table, col)) {
        const record *now = row == SN_NO_ROW ? NULL : &r->m.now.rows[table][row];
        bool same = (b & 1) && now && now->alive && !now->cells[col].null;
        if (same)
            host_retain((host_object *)(uintptr_t)now->cells[col].v);
        return (value){false, same ? now->cells[col].v : (int64_t)(uintptr_t)host_new((int)(b & 7))};
    }
    if (column_defs[table][col].type == SN_FLOAT)
        return (value){false, b % FLOATS};
    return (value){false, (int64_t)(b & (column_defs[table][col].type == SN_INT && b & 0x80 ? 31 : 7))};
}

static sn_word
intern(run *r, sn_type type, int64_t v)
{
    sn_word word;
    bool taken;
    unsigned char key = (unsigned char)(v / 2);
    host_object *o = host_new((int)v);
    sn_entry_def def = {.tag = (uint32_t)type, .exact = host_text(o), .borrow = (v & 4) != 0, .handle = o};
    if (type == SN_ENTRY)
        def.key = (sn_bytes){&key, 1};
    REQUIRE(sn_entry_intern(&word, &taken, r->db, &def) == SN_OK);
    if (!taken)
        host_release(o);
    return word;
}

static sn_cell
make_cell(run *r, int table, sn_col col, value v)
{
    sn_type type = column_defs[table][col].type;
    sn_cell cell = {(sn_word)v.v, v.null};
    if (v.null)
        return SN_NULL_CELL;
    if (type == SN_FLOAT)
        memcpy(&cell.word, &floats[v.v], sizeof(cell.word));
    else if (sn_type_owns(type) && !is_bare(table, col))
        cell.word = intern(r, type, v.v);
    return cell;
}

static void
release_cell(run *r, int table, sn_col col, sn_cell cell)
{
    if (cell.null || !sn_type_owns(column_defs[table][col].type))
        return;
    if (sn_word_is_entry(cell.word))
        sn_entry_release(r->db, cell.word);
    else
        host_release(sn_word_handle(cell.word));
}

static bool
same_cell(int table, sn_col col, sn_cell cell, value v)
{
    sn_type type = column_defs[table][col].type;
    if (cell.null || v.null)
        return cell.null == v.null;
    if (type == SN_FLOAT)
        return memcmp(&cell.word, &floats[v.v], sizeof(cell.word)) == 0;
    if (!sn_type_owns(type) || is_bare(table, col))
        return cell.word == (sn_word)v.v;
    sn_bytes text = host_text(sn_word_handle(cell.word));
    return text.len == 2 && text.data[1] == '0' + v.v;
}

/* ---------------------------------------------------------------- comparing */

static void
compare_table(run *r, int t)
{
    REQUIRE(sn_table_positions(r->tables[t]) == r->m.positions[t]);
    REQUIRE(!column_defs[t][0].automatic || sn_table_next_number(r->tables[t]) == r->m.next_number[t]);
    sn_row live = 0;
    for (sn_row row = 0; row < r->m.positions[t]; row++) {
        const record *now = &r->m.now.rows[t][row];
        REQUIRE(sn_table_alive(r->tables[t], row) == now->alive);
        REQUIRE(sn_table_handle(r->tables[t], row) == r->m.handles[t][row]);
        live += now->alive;
        for (sn_col c = 0; now->alive && c < column_counts[t]; c++)
            REQUIRE(same_cell(t, c, sn_table_get(r->tables[t], row, c), now->cells[c]));
    }
    REQUIRE(sn_table_count(r->tables[t]) == live);
}

static void
compare_many(run *r, int index, sn_row row)
{
    value key[2];
    sn_word words[SN_MAX_KEY];
    sn_row expected[MAX_ROWS];
    bool whole = model_key(&r->m, key, index, row);
    REQUIRE(sn__row_key(words, r->indexes[index], row) == whole);
    if (!whole)
        return;
    size_t n = model_list(&r->m, expected, index, key), at = 0;
    sn_posting_view view = sn__index_list(r->indexes[index], words);
    REQUIRE(view.count == n);
    for (size_t i = 0; i < view.len; i++) {
        if (view.rows[i] != SN_NO_ROW)
            REQUIRE(at < n && view.rows[i] == expected[at++]);
    }
    REQUIRE(at == n);
}

static void
compare_unique(run *r, int index, sn_row row)
{
    sn_word words[SN_MAX_KEY];
    if (!sn__row_key(words, r->indexes[index], row))
        return;
    sn_row found = sn__index_find(r->indexes[index], words);
    REQUIRE(found == row || (indexes[index].deferred && model_shares_key(&r->m, index, row)));
}

static void
compare_ordered(run *r, int index)
{
    sn_row expected[MAX_ROWS];
    size_t n = model_ordered(&r->m, expected, index);
    sn_cursor cursor;
    sn__ordered_seek(&cursor, r->indexes[index], &(sn_range){0});
    for (size_t i = 0; i < n; i++)
        REQUIRE(sn__ordered_next(&cursor) == expected[i]);
    REQUIRE(sn__ordered_next(&cursor) == SN_NO_ROW);
}

static void
compare_index(run *r, int index)
{
    int t = indexes[index].table;
    if (indexes[index].kind == SN_INDEX_ORDERED)
        compare_ordered(r, index);
    for (sn_row row = 0; row < r->m.positions[t]; row++) {
        if (!r->m.now.rows[t][row].alive)
            continue;
        if (indexes[index].kind == SN_INDEX_MANY)
            compare_many(r, index, row);
        else if (indexes[index].kind == SN_INDEX_UNIQUE)
            compare_unique(r, index, row);
    }
}

static void
compare(run *r)
{
    for (int t = 0; t < TABLES; t++)
        compare_table(r, t);
    for (int i = 0; i < INDEXES; i++)
        compare_index(r, i);
    drain(r);
    REQUIRE(host_references() == sn_db_handle_count(r->db));
    const char *wrong = sn_check(r->db);
    host_require(wrong == NULL, wrong ? wrong : "", __FILE__, __LINE__);
}

/* ---------------------------------------------------------------- units */

static void
begin(run *r)
{
    if (r->depth == MAX_DEPTH)
        return;
    REQUIRE(sn_begin(r->db) == SN_OK);
    r->saved[r->depth++] = r->m.now;
}

static void
rollback(run *r)
{
    if (r->depth == 0)
        return;
    sn_rollback(r->db);
    model_restore(&r->m, &r->saved[--r->depth]);
}

static void
check_problem(run *r, const sn_error *e)
{
    if (e->status == SN_UNIQUE) {
        REQUIRE(e->index == r->indexes[IX_C_D] && e->other != e->row && model_shares_key(&r->m, IX_C_D, e->row));
        return;
    }
    int ref = 0;
    while (r->references[ref] != e->reference)
        ref++;
    if (e->status == SN_DANGLING)
        REQUIRE(model_dangles(&r->m, ref, e->row));
    else
        REQUIRE(e->status == SN_RESTRICTED && model_dangles(&r->m, ref, e->row) && e->count > 0
                && !r->m.now.rows[indexes[references[ref].to].table][e->other].alive);
}

static void
check_problems(run *r)
{
    sn_error e, first = *sn_db_error(r->db);
    size_t n = 0;
    while (sn_problem(&e, r->db, n)) {
        check_problem(r, &e);
        REQUIRE(n > 0 || (e.status == first.status && e.row == first.row && e.reference == first.reference));
        n++;
    }
    REQUIRE(n > 0);
}

static void
commit(run *r)
{
    if (r->depth == 0)
        return;
    bool passes = r->depth > 1 || model_commits(&r->m);
    sn_status st = sn_commit(r->db);
    REQUIRE((st == SN_OK) == passes && sn_depth(r->db) == r->depth - (st == SN_OK));
    if (st != SN_OK) {
        REQUIRE(st == sn_db_error(r->db)->status);
        check_problems(r);
        return;
    }
    if (--r->depth == 0)
        r->m.now.death_count = 0;
}

/* ---------------------------------------------------------------- writes */

/* Some calls meet an allocator that refuses. */
static void
arm(run *r)
{
    unsigned b = byte(r);
    r->memory.refused = false;
    r->memory.persistent = (b & 0x10) != 0;
    r->memory.countdown = b >= 0xa0 ? (b & 0x0f) + 1 : 0;
}

static sn_status
disarm(run *r, sn_status st)
{
    r->memory.countdown = 0;
    r->memory.persistent = false;
    REQUIRE(st != SN_NOMEM || r->memory.refused);
    REQUIRE(st == SN_OK || sn_db_error(r->db)->status == st);
    return st;
}

/* Without a unit a write opens one; returns whether it did. */
static bool
statement(run *r)
{
    if (r->depth > 0)
        return false;
    begin(r);
    return true;
}

/* Closes it again, or leaves it open for the next operations. */
static void
end_statement(run *r, bool opened)
{
    if (!opened || byte(r) & 1)
        return;
    commit(r);
    if (r->depth > 0)
        rollback(r);
}

static sn_row
choose_row(run *r, int table)
{
    unsigned b = byte(r);
    return r->m.positions[table] == 0 ? (sn_row)b : (sn_row)(b % (r->m.positions[table] + 1));
}

typedef struct given {
    value values[MAX_GIVEN * MAX_COLUMNS];
    sn_cell cells[MAX_GIVEN * MAX_COLUMNS];
    sn_row rows[MAX_GIVEN];
    sn_col cols[MAX_COLUMNS];
    size_t n, ncols;
} given;

static void
give(run *r, int table, given *g)
{
    for (size_t k = 0; k < g->n * g->ncols; k++) {
        sn_row row = g->rows[k / g->ncols] < r->m.positions[table] ? g->rows[k / g->ncols] : SN_NO_ROW;
        g->values[k] = choose_value(r, table, g->cols[k % g->ncols], row);
        g->cells[k] = make_cell(r, table, g->cols[k % g->ncols], g->values[k]);
    }
}

static void
take_back(run *r, int table, const given *g)
{
    for (size_t k = 0; k < g->n * g->ncols; k++)
        release_cell(r, table, g->cols[k % g->ncols], g->cells[k]);
}

static void
insert(run *r, int table, bool load)
{
    given g = {.n = load ? byte(r) % MAX_GIVEN : 1, .ncols = column_counts[table]};
    sn_row first = 0;
    if (r->m.positions[table] + g.n > MAX_ROWS)
        return;
    for (sn_col c = 0; c < g.ncols; c++)
        g.cols[c] = c;
    for (size_t i = 0; i < g.n; i++)
        g.rows[i] = SN_NO_ROW;
    bool opened = statement(r);
    give(r, table, &g);
    arm(r);
    sn_status st = load ? sn_table_insert_many(&first, r->tables[table], g.cells, g.n)
                        : sn_table_insert(&first, r->tables[table], g.cells);
    if (disarm(r, st) != SN_NOMEM) {
        sn_row expected = r->m.positions[table];
        REQUIRE(model_insert(&r->m, table, g.values, g.n) == st);
        REQUIRE(st != SN_OK || first == expected);
    }
    if (st != SN_OK)
        take_back(r, table, &g);
    compare(r);
    end_statement(r, opened);
}

static void
update(run *r, int table, bool several)
{
    given g = {.n = several ? byte(r) % MAX_GIVEN : 1, .ncols = several ? 1 + byte(r) % 2 : 1 + byte(r) % 3};
    for (size_t i = 0; i < g.n; i++)
        g.rows[i] = choose_row(r, table);
    for (size_t j = 0; j < g.ncols; j++)
        g.cols[j] = (sn_col)(byte(r) % column_counts[table]);
    bool opened = statement(r);
    give(r, table, &g);
    arm(r);
    sn_status st = sn_table_update(r->tables[table], g.rows, g.n, g.cols, g.ncols, g.cells);
    if (disarm(r, st) != SN_NOMEM)
        REQUIRE(model_update(&r->m, table, g.rows, g.n, g.cols, g.ncols, g.values) == st);
    if (st != SN_OK)
        take_back(r, table, &g);
    compare(r);
    end_statement(r, opened);
}

static void delete (run *r, int table)
{
    sn_row rows[3];
    size_t n = 1 + byte(r) % 3, deleted = 0, expected = 0;
    for (size_t i = 0; i < n; i++)
        rows[i] = choose_row(r, table);
    bool opened = statement(r);
    arm(r);
    sn_status st = sn_table_delete(&deleted, r->tables[table], rows, n);
    if (disarm(r, st) != SN_NOMEM) {
        REQUIRE(model_delete(&r->m, table, rows, n, &expected) == st);
        REQUIRE(st != SN_OK || deleted == expected);
    }
    compare(r);
    end_statement(r, opened);
}

static void
move(run *r, int index)
{
    int table = indexes[index].table;
    value key[2];
    sn_row row = choose_row(r, table);
    size_t position = byte(r) & 0x80 ? SIZE_MAX : byte(r) & 7;
    if (row >= r->m.positions[table] || !r->m.now.rows[table][row].alive || !model_key(&r->m, key, index, row))
        return;
    bool opened = statement(r);
    arm(r);
    if (disarm(r, sn_index_move(r->indexes[index], row, position)) == SN_OK)
        model_move(&r->m, index, row, position);
    compare(r);
    end_statement(r, opened);
}

static void
set_handle(run *r, int table)
{
    sn_row row = choose_row(r, table);
    if (row >= r->m.positions[table])
        return;
    void *handle = byte(r) & 1 ? &r->m.handles[table][row] : NULL;
    arm(r);
    sn_status st = disarm(r, sn_table_set_handle(r->tables[table], row, handle));
    if (st == SN_OK)
        r->m.handles[table][row] = handle;
    REQUIRE(st == SN_OK || handle);
}

static void
compact(run *r, int table)
{
    sn_row map[MAX_ROWS], expected[MAX_ROWS];
    sn_row positions = r->m.positions[table];
    arm(r);
    sn_status st = disarm(r, sn_table_compact(r->tables[table], map));
    if (st == SN_OK) {
        model_compact(&r->m, table, expected);
        REQUIRE(memcmp(map, expected, positions * sizeof(*map)) == 0);
    }
    REQUIRE(st == SN_OK || st == SN_NOMEM || (st == SN_BUSY && r->depth > 0));
    compare(r);
}

static void
operate(run *r)
{
    static const int many[] = {IX_A_SELF, IX_A_X, IX_B_A, IX_B_C, IX_C_V};
    unsigned op = byte(r);
    int table = (int)(op >> 4) % TABLES;
    switch (op & 15) {
    case 0:
        begin(r);
        break;
    case 1:
        commit(r);
        break;
    case 2:
        rollback(r);
        break;
    case 3:
    case 4:
    case 5:
        insert(r, table, false);
        break;
    case 6:
        insert(r, table, true);
        break;
    case 7:
    case 8:
        update(r, table, false);
        break;
    case 9:
        update(r, table, true);
        break;
    case 10:
    case 11:
        delete (r, table);
        break;
    case 12:
        move(r, many[(op >> 4) % 5]);
        break;
    case 13:
        compact(r, table);
        break;
    case 14:
        set_handle(r, table);
        break;
    default:
        drain(r);
        break;
    }
}

/* ---------------------------------------------------------------- one input */

static void
dismantle(run *r)
{
    void *handles[MAX_COLUMNS];
    size_t n;
    while ((n = sn_db_dismantle(r->db, handles, MAX_COLUMNS)) > 0) {
        for (size_t i = 0; i < n; i++)
            host_release(handles[i]);
    }
    const char *wrong = sn_check(r->db);
    host_require(wrong == NULL, wrong ? wrong : "", __FILE__, __LINE__);
    REQUIRE(sn_db_handle_count(r->db) == 0 && host_references() == 0);
    for (int t = 0; t < TABLES; t++)
        REQUIRE(sn_table_positions(r->tables[t]) == 0 && sn_table_count(r->tables[t]) == 0);
}

static void
play(run *r)
{
    r->memory = (host_memory){0};
    REQUIRE(sn_db_new(&r->db, &(sn_config){host_alloc, &r->memory, host_text}) == SN_OK);
    choose_schema(r);
    make_schema(r);
    while (r->at < r->size)
        operate(r);
    while (r->depth > 0)
        rollback(r);
    compare(r);
    dismantle(r);
    sn_db_free(r->db);
    REQUIRE(r->memory.blocks == 0 && r->memory.bytes == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run *r = calloc(1, sizeof(*r));
    REQUIRE(r != NULL);
    r->data = data;
    r->size = size;
    play(r);
    free(r);
    return 0;
}
