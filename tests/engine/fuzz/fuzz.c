/*
 * fuzz.c - bytes become operations on the engine and on the naive model; after each, all that can be seen is compared.
 *
 * The first bytes choose the schema (actions, enforce, nullable columns, whether there is more of it, which references
 * forbid cycles) and whether there are extras, the rest are operations: units and savepoints, inserts, loads, updates,
 * deletes, moves, cells exchanged, compaction with and without pins, row handles, clearing (here); changes of the schema
 * (change.c), keys and ranges looked up in indexes (probe.c), questions (ask.c), the time (time.c). Any call may meet a refusing
 * allocator; then nothing may have changed. At the end every unit is rolled back, everything is taken apart, and no handle and no block
 * may be left.
 *
 * Built with -fsanitize=fuzzer this is a libFuzzer target; replay.c runs files through it with any compiler.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define MAX_GIVEN 6
#define MAX_GIVEN_COLUMNS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

unsigned
run_byte(run *r)
{
    if (r->random) {
        r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(r->random >> 56);
    }
    return r->at < r->size ? r->data[r->at++] : 0;
}

void
run_drain(run *r)
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

int
run_table(const run *r, unsigned b)
{
    return (int)(b % (r->m.schema.more ? TABLES : E));
}

/* Those that not every run has stand among the others. */
int
run_index(const run *r, unsigned b)
{
    int less = r->m.schema.more ? 0 : IX_MORE - IX_E_ID, index = (int)(b % (unsigned)(INDEXES - less));
    return index < IX_E_ID ? index : index + less;
}

int
run_references(const run *r)
{
    return r->m.schema.more ? REFERENCES : REF_E_A;
}

sn_status
run_refer(run *r, int ref, sn_on_delete action, bool enforce)
{
    const reference_spec *spec = &references[ref];
    sn_reference **out = &r->references[ref];
    sn_index *from = r->indexes[spec->from], *to = r->indexes[spec->to];
    return spec->member ? sn_reference_new_member(out, from, to, (sn_word)spec->constant, action, enforce, NULL)
                        : sn_reference_new(out, from, to, action, enforce, NULL);
}

/* What the first bytes say. */
typedef struct choices {
    sn_on_delete action[REFERENCES];
    bool enforce[REFERENCES];
    bool acyclic[REFERENCES];
    bool plain_a, plain_c1, plain_kind; /* columns that are never null */
} choices;

static void
choose_reference(choices *c, int ref, unsigned b)
{
    c->action[ref] = (sn_on_delete)(b & 3);
    c->enforce[ref] = (b & 4) != 0 && (b & 3) != SN_KEEP;
}

/* Returns whether there is more. */
static bool
choose_schema(run *r, choices *c)
{
    *c = (choices){0};
    for (int i = 0; i < REF_E_A; i++)
        choose_reference(c, i, run_byte(r));
    unsigned b = run_byte(r);
    c->plain_a = (b & 1) && c->action[REF_B_A] != SN_NULLIFY;
    c->plain_c1 = b & 2;
    r->extras = (b & 0x60) == 0x40;
    if (!(b & 0x80))
        return false;
    c->acyclic[REF_SELF] = b & 4;
    for (int i = REF_E_A; i < REFERENCES; i++) {
        unsigned more = run_byte(r);
        choose_reference(c, i, more);
        c->acyclic[i] = (more & 8) && (i == REF_E_E || i == REF_UP);
    }
    bool nullified = false;
    for (int i = REF_E_A; i <= REF_E_E; i++)
        nullified |= c->action[i] == SN_NULLIFY;
    c->plain_kind = (b & 8) && !nullified;
    return true;
}

static void
make_columns(run *r)
{
    for (int t = 0; t < TABLES && (t != E || r->m.schema.more); t++) {
        REQUIRE(sn_table_new(&r->tables[t], r->db, NULL) == SN_OK);
        for (sn_col c = 0; c < r->m.schema.column_count[t]; c++) {
            sn_col made;
            REQUIRE(sn_table_add_column(&made, r->tables[t], model_column(&r->m, t, c), NULL) == SN_OK && made == c);
        }
    }
}

static void
make_indexes(run *r)
{
    for (int i = 0; i < IX_MORE; i++) {
        const index_spec *ix = &r->m.schema.indexes[i];
        if (ix->table == NO_TABLE)
            continue;
        REQUIRE(sn_index_new(&r->indexes[i], r->tables[ix->table], ix->kind, ix->cols, ix->n, ix->deferred, NULL)
                == SN_OK);
    }
}

static void
make_schema(run *r)
{
    choices c;
    model_start(&r->m, choose_schema(r, &c));
    r->m.schema.columns[B][B_A].def.nullable = !c.plain_a;
    r->m.schema.columns[B][B_C1].def.nullable = !c.plain_c1;
    r->m.schema.columns[E][E_KIND].def.nullable = !c.plain_kind;
    make_columns(r);
    make_indexes(r);
    for (int i = 0; i < run_references(r); i++) {
        REQUIRE(model_add_reference(&r->m, i, c.action[i], c.enforce[i]) == SN_OK);
        REQUIRE(run_refer(r, i, c.action[i], c.enforce[i]) == SN_OK);
        if (c.acyclic[i])
            REQUIRE(sn_reference_forbid_cycles(r->references[i]) == SN_OK && model_forbid_cycles(&r->m, i) == SN_OK);
    }
}

/* ---------------------------------------------------------------- units */

static void
begin(run *r)
{
    if (r->depth == MAX_DEPTH)
        return;
    REQUIRE(sn_begin(r->db) == SN_OK);
    model_save(&r->m, &r->saved[r->depth++]);
}

static void
rollback(run *r)
{
    if (r->depth == 0)
        return;
    sn_rollback(r->db);
    model_restore(&r->m, &r->saved[--r->depth]);
}

void
run_check_cycle(run *r, int ref, const sn_error *e)
{
    value key[MAX_KEY];
    int table = r->m.schema.indexes[references[ref].from].table;
    REQUIRE(e->table == r->tables[table] && e->reference == r->references[ref] && model_alive(&r->m, table, e->row));
    REQUIRE(e->count > 0 && e->count == model_steps_around(&r->m, ref, e->row));
    REQUIRE(model_target_key(&r->m, key, ref, e->row));
    REQUIRE(model_find(&r->m, references[ref].to, key, SN_NO_ROW) == e->other);
}

/* Each row that is met again is on a cycle of which some row is a problem. */
static void
check_reported(run *r, int ref, sn_row row)
{
    sn_error e;
    bool reported = false;
    for (size_t n = 0; sn_problem(&e, r->db, n); n++) {
        value key[MAX_KEY];
        bool around = e.status == SN_CYCLE && e.reference == r->references[ref];
        sn_row at = row;
        for (size_t steps = around ? model_steps_around(&r->m, ref, row) : 0; steps > 0; steps--) {
            reported |= at == e.row;
            REQUIRE(model_target_key(&r->m, key, ref, at));
            at = model_find(&r->m, references[ref].to, key, SN_NO_ROW);
        }
    }
    REQUIRE(reported);
}

static void
check_cycles(run *r)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        int table = r->m.schema.indexes[references[ref].from].table;
        bool forbidden = r->m.schema.made[ref] && r->m.schema.acyclic[ref];
        for (sn_row row = 0; forbidden && row < r->m.positions[table]; row++) {
            if (model_alive(&r->m, table, row) && model_steps_around(&r->m, ref, row) > 0)
                check_reported(r, ref, row);
        }
    }
}

static void
check_problem(run *r, const sn_error *e)
{
    if (e->status == SN_UNIQUE) {
        int i = 0;
        while (r->indexes[i] != e->index)
            i++;
        REQUIRE(r->m.schema.indexes[i].deferred && e->other != e->row && model_shares_key(&r->m, i, e->row));
        return;
    }
    int ref = 0;
    while (r->references[ref] != e->reference)
        ref++;
    if (e->status == SN_DANGLING)
        REQUIRE(model_dangles(&r->m, ref, e->row));
    else if (e->status == SN_CYCLE)
        run_check_cycle(r, ref, e);
    else
        REQUIRE(e->status == SN_RESTRICTED && model_dangles(&r->m, ref, e->row) && e->count > 0
                && !r->m.now.rows[r->m.schema.indexes[references[ref].to].table][e->other].alive);
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
    check_cycles(r);
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

/* One call in three meets an allocator that refuses. */
void
run_arm(run *r, unsigned reach)
{
    unsigned b = run_byte(r);
    r->memory.refused = false;
    r->memory.persistent = (b & 0x10) != 0;
    r->memory.countdown = b < 0xa0 ? 0 : reach <= 16 ? (b & 0x0f) + 1 : run_byte(r) % reach + 1;
}

sn_status
run_disarm(run *r, sn_status st)
{
    r->memory.countdown = 0;
    r->memory.persistent = false;
    REQUIRE(st != SN_NOMEM || r->memory.refused);
    REQUIRE(st == SN_OK || sn_db_error(r->db)->status == st);
    return st;
}

bool
run_begin(run *r)
{
    if (r->depth > 0)
        return false;
    begin(r);
    return true;
}

void
run_end(run *r, bool opened)
{
    if (!opened || run_byte(r) & 1)
        return;
    commit(r);
    if (r->depth > 0)
        rollback(r);
}

sn_row
run_row(run *r, int table)
{
    unsigned b = run_byte(r);
    sn_row n = r->m.positions[table], row = (sn_row)(b % (n + 1));
    for (sn_row i = 0; i < n && b < 0xd0 && !model_alive(&r->m, table, row); i++)
        row = (row + 1) % n;
    return row;
}

sn_col
run_column(run *r, int table)
{
    sn_col col = (sn_col)(run_byte(r) % r->m.schema.column_count[table]);
    while (!r->m.schema.columns[table][col].used)
        col = (sn_col)((col + 1) % r->m.schema.column_count[table]);
    return col;
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
        sn_row row = g->rows[k / g->ncols];
        sn_col col = g->cols[k % g->ncols];
        const column_spec *column = &r->m.schema.columns[table][col];
        const value *now = row < r->m.positions[table] && model_alive(&r->m, table, row)
                               ? &r->m.now.rows[table][row].cells[col]
                               : NULL;
        g->values[k] = column->used ? choose_value(r, column->def.type, column->bare, now) : (value){true, 0};
        g->cells[k] = make_cell(r, column->def.type, column->bare, g->values[k]);
    }
}

static void
take_back(run *r, int table, const given *g)
{
    for (size_t k = 0; k < g->n * g->ncols; k++)
        release_cell(r, model_column(&r->m, table, g->cols[k % g->ncols])->type, g->cells[k]);
}

static void
insert(run *r, int table, bool load)
{
    given g = {.n = load ? run_byte(r) % MAX_GIVEN : 1, .ncols = r->m.schema.column_count[table]};
    sn_row first = 0;
    if (r->m.positions[table] + g.n > MAX_ROWS)
        return;
    for (sn_col c = 0; c < g.ncols; c++)
        g.cols[c] = c;
    for (size_t i = 0; i < g.n; i++)
        g.rows[i] = SN_NO_ROW;
    bool opened = run_begin(r);
    give(r, table, &g);
    run_arm(r, 16);
    sn_status st = load ? sn_table_insert_many(&first, r->tables[table], g.cells, g.n)
                        : sn_table_insert(&first, r->tables[table], g.cells);
    if (run_disarm(r, st) != SN_NOMEM) {
        sn_row expected = r->m.positions[table];
        REQUIRE(model_insert(&r->m, table, g.values, g.n) == st);
        REQUIRE(st != SN_OK || first == expected);
    }
    if (st != SN_OK)
        take_back(r, table, &g);
    run_compare(r);
    run_end(r, opened);
}

static void
update(run *r, int table, bool several)
{
    given g = {.n = several ? run_byte(r) % MAX_GIVEN : 1,
               .ncols = several ? 1 + run_byte(r) % 2 : 1 + run_byte(r) % MAX_GIVEN_COLUMNS};
    for (size_t i = 0; i < g.n; i++)
        g.rows[i] = run_row(r, table);
    for (size_t j = 0; j < g.ncols; j++)
        g.cols[j] = run_column(r, table);
    bool opened = run_begin(r);
    give(r, table, &g);
    run_arm(r, 16);
    sn_status st = sn_table_update(r->tables[table], g.rows, g.n, g.cols, g.ncols, g.cells);
    if (run_disarm(r, st) != SN_NOMEM)
        REQUIRE(model_update(&r->m, table, g.rows, g.n, g.cols, g.ncols, g.values) == st);
    if (st != SN_OK)
        take_back(r, table, &g);
    run_compare(r);
    run_end(r, opened);
}

void
run_rows(run *r, int table, const sn_row *rows, size_t n, engine_rows_fn ours, model_rows_fn theirs)
{
    size_t done = 0, expected = 0;
    bool opened = run_begin(r);
    run_arm(r, 16);
    sn_status st = ours(&done, r->tables[table], rows, n);
    if (run_disarm(r, st) != SN_NOMEM) {
        REQUIRE(theirs(&r->m, table, rows, n, &expected) == st);
        REQUIRE(st != SN_OK || done == expected);
    }
    run_compare(r);
    run_end(r, opened);
}

static void delete (run *r, int table)
{
    sn_row rows[3];
    size_t n = 1 + run_byte(r) % 3;
    for (size_t i = 0; i < n; i++)
        rows[i] = run_row(r, table);
    run_rows(r, table, rows, n, sn_table_delete, model_delete);
}

static void
move(run *r, int index)
{
    int table = r->m.schema.indexes[index].table;
    value key[MAX_KEY];
    sn_row row = table == NO_TABLE ? 0 : run_row(r, table);
    size_t position = run_byte(r) & 0x80 ? SIZE_MAX : run_byte(r) & 7;
    if (table == NO_TABLE || !model_alive(&r->m, table, row) || !model_key(&r->m, key, index, row))
        return;
    bool opened = run_begin(r), many = r->m.schema.indexes[index].kind == SN_INDEX_MANY;
    run_arm(r, 16);
    sn_status st = run_disarm(r, sn_index_move(r->indexes[index], row, position));
    REQUIRE((st == SN_MISUSE) == !many);
    if (st == SN_OK)
        model_move(&r->m, index, row, position);
    run_compare(r);
    run_end(r, opened);
}

static void
set_handle(run *r, int table)
{
    sn_row row = run_row(r, table);
    if (row >= r->m.positions[table])
        return;
    void *handle = run_byte(r) & 1 ? &r->m.handles[table][row] : NULL;
    run_arm(r, 16);
    sn_status st = run_disarm(r, sn_table_set_handle(r->tables[table], row, handle));
    if (st == SN_OK)
        r->m.handles[table][row] = handle;
    REQUIRE(st == SN_OK || handle);
}

static void
add_rows(run *r)
{
    bool opened = run_begin(r);
    populate(r);
    run_compare(r);
    run_end(r, opened);
}

/* A cell for good, without a unit. */
static void
exchange(run *r, int table)
{
    sn_row row = run_row(r, table);
    sn_col col = run_column(r, table);
    const column_spec *column = &r->m.schema.columns[table][col];
    bool alive = model_alive(&r->m, table, row);
    value v = choose_value(r, column->def.type, column->bare, alive ? &r->m.now.rows[table][row].cells[col] : NULL);
    sn_cell cell = make_cell(r, column->def.type, column->bare, v), old = cell;
    bool done = sn_table_exchange(&old, r->tables[table], row, col, cell);
    REQUIRE(done == (!column->def.automatic && model_exchange(&r->m, table, row, col, v, r->depth)));
    release_cell(r, column->def.type, old);
    run_compare(r);
}

static void
compact(run *r, int table)
{
    sn_row map[MAX_ROWS], expected[MAX_ROWS];
    sn_row positions = r->m.positions[table];
    run_arm(r, 16);
    sn_status st = run_disarm(r, sn_table_compact(r->tables[table], map));
    if (st == SN_OK) {
        model_compact(&r->m, table, expected);
        REQUIRE(memcmp(map, expected, positions * sizeof(*map)) == 0);
    }
    REQUIRE((st == SN_BUSY) == (r->depth > 0 || sn_db_pins(r->db) > 0));
    run_compare(r);
}

static void
pin(run *r, bool more)
{
    if (more)
        sn_db_pin(r->db);
    else if (sn_db_pins(r->db) > 0)
        sn_db_unpin(r->db);
}

/* All rows of all tables, without a journal. */
static void
clear(run *r)
{
    void *handles[MAX_COLUMNS];
    size_t n;
    for (int t = 0; t < TABLES; t++) {
        for (sn_row row = 0; row < r->m.positions[t]; row++)
            REQUIRE(sn_table_set_handle(r->tables[t], row, NULL) == SN_OK);
    }
    while ((n = sn_db_dismantle(r->db, handles, MAX_COLUMNS)) > 0) {
        for (size_t i = 0; i < n; i++)
            host_release(handles[i]);
    }
    model_clear(&r->m);
    run_compare(r);
    REQUIRE(sn_db_handle_count(r->db) == 0 && host_references() == 0);
}

/* Of a run with extras. */
static void
operate_on_time(run *r, unsigned op)
{
    run_arm(r, 16);
    if (op & 1)
        run_keep_moments(r);
    else
        run_tell_time(r);
    run_disarm(r, SN_OK);
    run_compare(r);
}

/* What is rarer than writing. */
static void
operate_rarely(run *r, unsigned op)
{
    int table = run_table(r, op);
    if (op >> 5 == 7) {
        change_parking(r, r->m.schema.more ? run_table(r, run_byte(r)) : table, op >> 2 & 7);
        return;
    }
    switch (op >> 2 & 7) {
    case 0:
        pin(r, op & 1);
        break;
    case 1:
        if (r->depth == 0)
            clear(r);
        break;
    case 2:
        set_handle(r, table);
        break;
    case 3:
        exchange(r, table);
        break;
    case 4:
        probe_index(r);
        break;
    case 7:
        if (r->extras) {
            operate_on_time(r, op);
            break;
        } /* fall through */
    default:
        change_schema(r);
        break;
    }
}

static void
operate(run *r)
{
    unsigned op = run_byte(r);
    int table = run_table(r, op >> 4);
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
        delete (r, table);
        break;
    case 11:
        move(r, run_index(r, run_byte(r)));
        break;
    case 12:
        compact(r, table);
        break;
    case 13:
        operate_rarely(r, run_byte(r));
        break;
    case 14:
        ask_question(r);
        break;
    default:
        add_rows(r);
        break;
    }
}

/* ---------------------------------------------------------------- one input */

static void
play(run *r)
{
    r->memory = (host_memory){0};
    REQUIRE(sn_db_new(&r->db, &(sn_config){host_alloc, &r->memory, host_text}) == SN_OK);
    make_schema(r);
    while (r->at < r->size)
        operate(r);
    while (r->depth > 0)
        rollback(r);
    run_compare(r);
    run_drop_moments(r);
    clear(r);
    REQUIRE(r->db->entries.n == 0 && r->db->moment_n == 0);
    sn_db_free(r->db);
    REQUIRE(r->memory.blocks == 0 && r->memory.bytes == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static run one; /* large; what is left in it by the input before is not looked at */
    one.data = data;
    one.size = size;
    one.at = one.depth = 0;
    one.random = 0;
    memset(one.tables, 0, sizeof(one.tables));
    memset(one.indexes, 0, sizeof(one.indexes));
    memset(one.references, 0, sizeof(one.references));
    memset(one.kept, 0, sizeof(one.kept));
    play(&one);
    return 0;
}
