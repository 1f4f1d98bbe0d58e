/*
 * park.c - rows that are put aside, brought back, and asked for; columns that take the moment (run.h).
 */
#include "run.h"

/* A column for it: an int in the tables with an even number, an entry in the others. */
static sn_status
add_stamp_column(run *r, int table, sn_col *col)
{
    const sn_column_def def = {table % 2 ? SN_ENTRY : SN_INT, true, false};
    sn_status st = run_disarm(r, sn_table_add_column(col, r->tables[table], &def, NULL));
    sn_col expected;
    if (st == SN_OK) {
        REQUIRE(model_add_column(&r->m, &expected, table, &def, false, NULL) == SN_OK);
        REQUIRE(*col == expected);
    }
    return st;
}

/* Room for one more column. */
static bool
has_room(const run *r, int table)
{
    bool room = r->m.schema.column_count[table] < MAX_COLUMNS;
    for (sn_col c = 0; c < r->m.schema.column_count[table]; c++)
        room |= !r->m.schema.columns[table][c].used;
    return room;
}

/* Gives a table a stamp column, or takes it away if no row is parked. */
static void
change_stamp(run *r, int table)
{
    sn_col col = SN_NO_COL;
    if (r->depth > 0) {
        REQUIRE(sn_table_set_stamp(r->tables[table], col) == SN_BUSY);
        return;
    }
    if (r->m.schema.stamp[table] == SN_NO_COL) {
        run_arm(r, 16);
        if (!has_room(r, table) || add_stamp_column(r, table, &col) != SN_OK)
            return;
    }
    REQUIRE(sn_table_set_stamp(r->tables[table], col) == model_set_stamp(&r->m, table, col));
}

/* A position, often of a parked row. */
static sn_row
parked_row(run *r, int table)
{
    unsigned b = run_byte(r);
    sn_row n = r->m.positions[table], row = (sn_row)(b % (n + 1));
    for (sn_row i = 0; i < n && b < 0xd0 && !(row < n && r->m.now.rows[table][row].parked); i++)
        row = (row + 1) % n;
    return row;
}

static void
park(run *r, int table)
{
    sn_row rows[3];
    size_t n = 1 + run_byte(r) % 3, parked = 0, expected = 0;
    for (size_t i = 0; i < n; i++)
        rows[i] = run_row(r, table);
    bool opened = run_begin(r);
    const sn_stamp stamps[] = {{SN_INT, make_cell(r, SN_INT, false, model_stamp(SN_INT))},
                               {SN_ENTRY, make_cell(r, SN_ENTRY, false, model_stamp(SN_ENTRY))}};
    run_arm(r, 16);
    sn_status st = sn_table_park(&parked, r->tables[table], rows, n, stamps, 2);
    if (run_disarm(r, st) != SN_NOMEM) {
        REQUIRE(model_park(&r->m, table, rows, n, &expected) == st);
        REQUIRE(st != SN_OK || parked == expected);
    }
    release_cell(r, SN_ENTRY, stamps[1].cell);
    run_compare(r);
    run_end(r, opened);
}

static void
restore(run *r, int table)
{
    sn_row rows[3];
    size_t n = 1 + run_byte(r) % 3;
    for (size_t i = 0; i < n; i++)
        rows[i] = parked_row(r, table);
    run_rows(r, table, rows, n, sn_table_restore, model_return);
}

static void
delete_parked(run *r, int table)
{
    sn_row rows[2];
    size_t n = 1 + run_byte(r) % 2;
    for (size_t i = 0; i < n; i++)
        rows[i] = parked_row(r, table);
    run_rows(r, table, rows, n, sn_table_delete, model_delete);
}

static void
ask(run *r, int table)
{
    const sn_query q = {.table = r->tables[table],
                        .life = (sn_life)(run_byte(r) % 3),
                        .where = SN_NO_NODE,
                        .limit = run_byte(r) & 1 ? 1 + run_byte(r) % 8 : SIZE_MAX};
    sn_rows rows = {0};
    size_t at = 0;
    run_arm(r, 16);
    if (run_disarm(r, sn_query_run(&rows, r->db, &q, NULL)) == SN_OK) {
        for (sn_row row = 0; row < r->m.positions[table] && at < q.limit; row++) {
            if (model_counts(&r->m, table, row, q.life))
                REQUIRE(at < rows.n && rows.rows[at++] == row);
        }
        REQUIRE(at == rows.n);
    }
    sn_rows_free(r->db, &rows);
}

void
change_parking(run *r, int table, unsigned what)
{
    switch (what) {
    case 0:
        change_stamp(r, table);
        break;
    case 1:
    case 2:
        park(r, table);
        break;
    case 3:
    case 4:
    case 5:
        restore(r, table);
        break;
    case 6:
        delete_parked(r, table);
        break;
    default:
        ask(r, table);
        break;
    }
    run_compare(r);
}
