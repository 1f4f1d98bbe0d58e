/*
 * model_schema.c - the naive model: columns, indexes and references that come and go (model.h). Between units only, and
 * checked against the rows that exist, from the first to the last.
 */
#include <string.h>

#include "model.h"

/* ---------------------------------------------------------------- indexes */

/* Later rows are refused by earlier ones, whether uniqueness is deferred or not. */
static sn_status
admit(model *m, int index, sn_row row)
{
    const index_spec *ix = &m->schema.indexes[index];
    value key[MAX_KEY];
    for (size_t i = 0; i < ix->n; i++) {
        if (model_check_cell(m, ix->table, ix->cols[i], m->now.rows[ix->table][row].cells[ix->cols[i]]) == SN_NAN)
            return SN_NAN;
    }
    bool unique = ix->kind == SN_INDEX_UNIQUE && model_key(m, key, index, row);
    return unique && model_find(m, index, key, row) < row ? SN_UNIQUE : SN_OK;
}

sn_status
model_add_index(model *m, int index, const index_spec *spec)
{
    for (size_t i = 0; i < spec->n; i++) {
        const column_spec *column = &m->schema.columns[spec->table][spec->cols[i]];
        bool twice = false;
        for (size_t k = 0; k < i; k++)
            twice |= spec->cols[k] == spec->cols[i];
        if (!column->used || twice || column->def.type == SN_OBJECT)
            return SN_MISUSE;
    }
    if (spec->n == 0 || (spec->deferred && spec->kind != SN_INDEX_UNIQUE))
        return SN_MISUSE;
    m->schema.indexes[index] = *spec;
    sn_status st = SN_OK;
    for (sn_row row = 0; row < m->positions[spec->table] && st == SN_OK; row++) {
        m->now.rows[spec->table][row].arrival[index] = m->now.arrivals++;
        st = model_alive(m, spec->table, row) ? admit(m, index, row) : SN_OK;
    }
    if (st != SN_OK)
        m->schema.indexes[index].table = NO_TABLE;
    return st;
}

/* ---------------------------------------------------------------- columns */

sn_status
model_add_column(model *m, sn_col *out, int table, const sn_column_def *def, bool bare, const value *fill)
{
    for (sn_row row = 0; row < m->positions[table]; row++) {
        if (!def->nullable && model_stored(m, table, row) && (!fill || fill[row].null))
            return SN_NULL;
    }
    sn_col col = 0;
    while (col < m->schema.column_count[table] && m->schema.columns[table][col].used)
        col++;
    m->schema.columns[table][col] = (column_spec){*def, true, bare};
    if (col == m->schema.column_count[table])
        m->schema.column_count[table]++;
    for (sn_row row = 0; row < m->positions[table]; row++)
        m->now.rows[table][row].cells[col] = fill ? fill[row] : (value){true, 0};
    *out = col;
    return SN_OK;
}

sn_status
model_drop_column(model *m, int table, sn_col col)
{
    if (!m->schema.columns[table][col].used || model_indexed(m, table, col) || m->schema.stamp[table] == col)
        return SN_MISUSE;
    m->schema.columns[table][col].used = false;
    return SN_OK;
}

/* A reference that nullifies must keep a nullable column, a member all. */
static bool
is_last_nullable(const model *m, int table, sn_col col)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        const index_spec *from = &m->schema.indexes[references[ref].from];
        size_t others = 0, here = 0;
        for (size_t i = 0; m->schema.made[ref] && from->table == table && i < from->n; i++) {
            here += from->cols[i] == col;
            others += from->cols[i] != col && model_column(m, from->table, from->cols[i])->nullable;
        }
        bool needed = here > 0 && (others == 0 || references[ref].member);
        if (needed && m->schema.action[ref] == SN_NULLIFY)
            return true;
    }
    return false;
}

sn_status
model_set_nullable(model *m, int table, sn_col col, bool nullable)
{
    column_spec *column = &m->schema.columns[table][col];
    if (!column->used)
        return SN_MISUSE;
    if (column->def.nullable && !nullable && (is_last_nullable(m, table, col) || m->schema.stamp[table] == col))
        return SN_MISUSE;
    for (sn_row row = 0; row < m->positions[table] && !nullable; row++) {
        if (model_stored(m, table, row) && m->now.rows[table][row].cells[col].null)
            return SN_NULL;
    }
    column->def.nullable = nullable;
    return SN_OK;
}

sn_status
model_set_stamp(model *m, int table, sn_col col)
{
    bool parked = false;
    for (sn_row row = 0; row < m->positions[table]; row++)
        parked |= m->now.rows[table][row].parked;
    if (col == SN_NO_COL ? parked : !m->schema.columns[table][col].def.nullable)
        return SN_MISUSE;
    m->schema.stamp[table] = col;
    return SN_OK;
}

/* ---------------------------------------------------------------- references */

static bool
makes_sense(const model *m, int ref, sn_on_delete action, bool enforce)
{
    const index_spec *from = &m->schema.indexes[references[ref].from];
    size_t nullable = 0;
    for (size_t i = 0; i < from->n; i++)
        nullable += model_column(m, from->table, from->cols[i])->nullable;
    bool enough = references[ref].member ? nullable == from->n : nullable > 0;
    return !(enforce && action == SN_KEEP) && (action != SN_NULLIFY || enough);
}

sn_status
model_add_reference(model *m, int ref, sn_on_delete action, bool enforce)
{
    int table = m->schema.indexes[references[ref].from].table;
    if (!makes_sense(m, ref, action, enforce))
        return SN_MISUSE;
    m->schema.made[ref] = true; /* so that its keys must be whole; a model that refuses is thrown away */
    for (sn_row row = 0; row < m->positions[table]; row++) {
        if (model_alive(m, table, row) && model_half_key(m, references[ref].from, row))
            return SN_HALF;
    }
    for (sn_row row = 0; enforce && row < m->positions[table]; row++) {
        if (model_dangles(m, ref, row))
            return SN_DANGLING;
    }
    m->schema.action[ref] = action;
    m->schema.enforce[ref] = enforce;
    m->schema.acyclic[ref] = false;
    m->schema.in_order[m->schema.made_count++] = ref;
    return SN_OK;
}

void
model_drop_reference(model *m, int ref)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->schema.made_count; i++) {
        if (m->schema.in_order[i] != ref)
            m->schema.in_order[kept++] = m->schema.in_order[i];
    }
    m->schema.made_count = kept;
    m->schema.made[ref] = false;
}

sn_status
model_forbid_cycles(model *m, int ref)
{
    int table = m->schema.indexes[references[ref].from].table;
    if (m->schema.indexes[references[ref].to].table != table)
        return SN_MISUSE;
    for (sn_row row = 0; row < m->positions[table]; row++) {
        if (model_alive(m, table, row) && model_steps_around(m, ref, row) > 0)
            return SN_CYCLE;
    }
    m->schema.acyclic[ref] = true;
    return SN_OK;
}

/* ---------------------------------------------------------------- rows without a unit */

bool
model_exchange(model *m, int table, sn_row row, sn_col col, value cell, size_t depth)
{
    if (depth > 0 || !model_alive(m, table, row) || !m->schema.columns[table][col].used)
        return false;
    if (model_indexed(m, table, col) || model_check_cell(m, table, col, cell) != SN_OK)
        return false;
    m->now.rows[table][row].cells[col] = cell;
    return true;
}

void
model_clear(model *m)
{
    for (int t = 0; t < TABLES; t++) {
        for (sn_row row = 0; row < m->positions[t]; row++) {
            m->now.rows[t][row].alive = m->now.rows[t][row].parked = false;
            m->handles[t][row] = NULL;
        }
        m->positions[t] = 0;
        m->next_number[t] = 1;
    }
}
