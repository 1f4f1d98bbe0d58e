/*
 * populate.c - many rows from one byte of input: each table gets some, whose foreign keys find their targets or are
 * null (run.h). What the questions are about: rows that are related.
 */
#include "run.h"

#define MOST 12 /* rows of each table at a time */

/* A live row of the table, or SN_NO_ROW. */
static sn_row
target(run *r, int table)
{
    sn_row n = r->m.positions[table], from = n ? (sn_row)(run_byte(r) % n) : 0;
    for (sn_row i = 0; i < n; i++) {
        if (model_alive(&r->m, table, (from + i) % n))
            return (from + i) % n;
    }
    return SN_NO_ROW;
}

/* The values name this member, and no row that it leads to. */
static bool
leads_nowhere(const run *r, int ref, const value *values)
{
    const index_spec *from = &r->m.schema.indexes[references[ref].from];
    value key[MAX_KEY];
    for (size_t i = 1; i < from->n; i++)
        key[i - 1] = values[from->cols[i]];
    return values[from->cols[0]].v == references[ref].constant
           && model_find(&r->m, references[ref].to, key, SN_NO_ROW) == SN_NO_ROW;
}

/* Sometimes by this member; what then leads nowhere or is null in part becomes null. */
static void
refer_by_member(run *r, int ref, value *values)
{
    const index_spec *from = &r->m.schema.indexes[references[ref].from];
    const index_spec *to = &r->m.schema.indexes[references[ref].to];
    sn_row row = run_byte(r) < 0x80 ? target(r, to->table) : SN_NO_ROW;
    bool whole = true;
    for (size_t i = 0; i < to->n && row != SN_NO_ROW; i++) {
        values[from->cols[0]] = (value){false, references[ref].constant};
        values[from->cols[i + 1]] = r->m.now.rows[to->table][row].cells[to->cols[i]];
    }
    for (size_t i = 0; i < from->n; i++)
        whole &= !values[from->cols[i]].null;
    whole &= !leads_nowhere(r, ref, values);
    for (size_t i = 0; i < from->n && !whole; i++)
        values[from->cols[i]] = (value){true, 0};
}

static void
refer(run *r, int ref, value *values)
{
    const index_spec *from = &r->m.schema.indexes[references[ref].from];
    const index_spec *to = &r->m.schema.indexes[references[ref].to];
    sn_row row = run_byte(r) < 0xc0 ? target(r, to->table) : SN_NO_ROW;
    for (size_t i = 0; i < from->n; i++) {
        value null = {true, 0};
        values[from->cols[i]] = row == SN_NO_ROW ? null : r->m.now.rows[to->table][row].cells[to->cols[i]];
    }
}

static void
choose_row(run *r, int table, value *values, sn_cell *cells)
{
    const schema *s = &r->m.schema;
    for (sn_col c = 0; c < s->column_count[table]; c++) {
        const column_spec *column = &s->columns[table][c];
        bool automatic = column->def.automatic || !column->used;
        values[c] = automatic ? (value){true, 0} : choose_value(r, column->def.type, column->bare, NULL);
        if (values[c].null && column->def.type == SN_INT && !column->def.nullable)
            values[c] = (value){false, (int64_t)(run_byte(r) & 7)};
    }
    for (int ref = 0; ref < REFERENCES; ref++) {
        if (s->made[ref] && s->indexes[references[ref].from].table == table && !references[ref].member)
            refer(r, ref, values);
    }
    for (int ref = 0; ref < REFERENCES; ref++) {
        if (s->made[ref] && s->indexes[references[ref].from].table == table && references[ref].member)
            refer_by_member(r, ref, values);
    }
    for (sn_col c = 0; c < s->column_count[table]; c++)
        cells[c] = make_cell(r, s->columns[table][c].def.type, s->columns[table][c].bare, values[c]);
}

/* One that is refused, for its key or a null, is left out. */
static void
add_row(run *r, int table)
{
    value values[MAX_COLUMNS];
    sn_cell cells[MAX_COLUMNS];
    sn_row row;
    choose_row(r, table, values, cells);
    sn_status st = sn_table_insert(&row, r->tables[table], cells);
    REQUIRE(st == model_insert(&r->m, table, values, 1));
    for (sn_col c = 0; st != SN_OK && c < r->m.schema.column_count[table]; c++)
        release_cell(r, model_column(&r->m, table, c)->type, cells[c]);
}

void
populate(run *r)
{
    static const int order[] = {C, A, B, D, A, B, E, E, D};
    unsigned seed = run_byte(r), n = 1 + run_byte(r) % MOST;
    uint64_t start = r->random;
    r->random = (uint64_t)seed * 2 + 1;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) - (r->m.schema.more ? 0 : 3); i++) {
        for (unsigned k = 0; k < n && r->m.positions[order[i]] < MAX_ROWS; k++)
            add_row(r, order[i]);
    }
    r->random = start;
}
