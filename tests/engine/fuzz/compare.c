/*
 * compare.c - all that can be seen of the engine against the model: rows, cells, handles, every index by every key that
 * a row has (run.h).
 */
#include "run.h"

static void
compare_row(run *r, int t, sn_row row)
{
    const record *now = &r->m.now.rows[t][row];
    REQUIRE(sn_table_alive(r->tables[t], row) == now->alive);
    REQUIRE(sn_table_parked(r->tables[t], row) == now->parked);
    REQUIRE(sn__taken(r->tables[t], row) == (now->parked && now->along));
    REQUIRE(sn_table_handle(r->tables[t], row) == r->m.handles[t][row]);
    for (sn_col c = 0; c < r->m.schema.column_count[t]; c++) {
        const column_spec *column = &r->m.schema.columns[t][c];
        sn_word word;
        if (!column->used)
            continue;
        int read = sn_table_read(&word, r->tables[t], row, c);
        REQUIRE(read == (!now->alive ? -1 : !now->cells[c].null));
        if (now->alive || now->parked) {
            sn_cell cell = sn_table_get(r->tables[t], row, c);
            REQUIRE(same_cell(column->def.type, column->bare, cell, now->cells[c]) && (read != 1 || cell.word == word));
        }
    }
}

static void
compare_columns(run *r, int t)
{
    REQUIRE(sn_table_columns(r->tables[t]) == r->m.schema.column_count[t]);
    for (sn_col c = 0; c < r->m.schema.column_count[t]; c++) {
        const column_spec *column = &r->m.schema.columns[t][c];
        const sn_column_def *def = sn_table_column_def(r->tables[t], c);
        REQUIRE((def != NULL) == column->used);
        REQUIRE(!def || (def->type == column->def.type && def->nullable == column->def.nullable));
    }
}

static void
compare_table(run *r, int t)
{
    sn_row live = 0, parked = 0, handle = 0;
    REQUIRE(sn_table_positions(r->tables[t]) == r->m.positions[t]);
    REQUIRE(!model_column(&r->m, t, 0)->automatic || sn_table_next_number(r->tables[t]) == r->m.next_number[t]);
    compare_columns(r, t);
    for (sn_row row = 0; row < r->m.positions[t]; row++) {
        compare_row(r, t, row);
        live += r->m.now.rows[t][row].alive;
        parked += r->m.now.rows[t][row].parked;
        if (r->m.handles[t][row]) {
            REQUIRE(sn_table_next_handle(r->tables[t], handle) == row);
            handle = row + 1;
        }
    }
    REQUIRE(sn_table_next_handle(r->tables[t], handle) == SN_NO_ROW);
    REQUIRE(sn_table_count(r->tables[t]) == live && sn_table_parked_count(r->tables[t]) == parked);
}

static void
compare_many(run *r, int index, sn_row row)
{
    value key[MAX_KEY];
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
    REQUIRE(found == row || (r->m.schema.indexes[index].deferred && model_shares_key(&r->m, index, row)));
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
    const index_spec *ix = &r->m.schema.indexes[index];
    if (ix->table == NO_TABLE)
        return;
    if (ix->kind == SN_INDEX_ORDERED)
        compare_ordered(r, index);
    for (sn_row row = 0; row < r->m.positions[ix->table]; row++) {
        if (!model_alive(&r->m, ix->table, row))
            continue;
        if (ix->kind == SN_INDEX_MANY)
            compare_many(r, index, row);
        else if (ix->kind == SN_INDEX_UNIQUE)
            compare_unique(r, index, row);
    }
}

void
run_compare(run *r)
{
    for (int t = 0; t < TABLES && r->tables[t]; t++)
        compare_table(r, t);
    for (int i = 0; i < INDEXES; i++)
        compare_index(r, i);
    run_drain(r);
    REQUIRE(r->db->time_utc == r->m.utc && r->db->time_local == r->m.local);
    REQUIRE(host_references() == sn_db_handle_count(r->db));
    const char *wrong = sn_check(r->db);
    host_require(wrong == NULL, wrong ? wrong : "", __FILE__, __LINE__);
}
