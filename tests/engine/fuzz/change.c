/*
 * change.c - columns, indexes and references come and go while rows exist (run.h). In a unit each is refused.
 */
#include "run.h"

/* What the engine must return: the model's word, unless memory was refused or a unit is open. */
static bool
changed(run *r, sn_status st, sn_status expected)
{
    REQUIRE(run_disarm(r, st) == SN_NOMEM || st == (r->depth > 0 ? SN_BUSY : expected));
    return st == SN_OK;
}

/* ---------------------------------------------------------------- indexes */

static index_spec
choose_index(run *r)
{
    unsigned b = run_byte(r);
    index_spec spec = {.table = run_table(r, b), .kind = (sn_index_kind)(run_byte(r) % 3), .n = 1 + run_byte(r) % 3};
    spec.deferred = (b & 0xc0) == 0xc0;
    for (size_t i = 0; i < spec.n; i++)
        spec.cols[i] = run_column(r, spec.table);
    return spec;
}

/* A stamp in the key of live rows is not what a host makes. */
static bool
has_stamp(const run *r, const index_spec *spec)
{
    bool stamp = false;
    for (size_t i = 0; i < spec->n; i++)
        stamp |= r->m.schema.stamp[spec->table] == spec->cols[i];
    return stamp;
}

/* Text in an index holds entries only: that is the host's care. */
static bool
has_bare_text(const run *r, const index_spec *spec)
{
    bool bare = false;
    for (size_t i = 0; i < spec->n; i++) {
        const column_spec *column = &r->m.schema.columns[spec->table][spec->cols[i]];
        bare |= column->bare && column->def.type == SN_TEXT;
    }
    return bare;
}

static void
add_index(run *r, int index)
{
    static model tried;
    index_spec spec = choose_index(r);
    if (has_bare_text(r, &spec) || has_stamp(r, &spec))
        return;
    tried = r->m;
    sn_status expected = model_add_index(&tried, index, &spec);
    run_arm(r, 16);
    sn_status st = sn_index_new(&r->indexes[index], r->tables[spec.table], spec.kind, spec.cols, spec.n, spec.deferred,
                                &r->indexes[index]);
    if (!changed(r, st, expected)) {
        r->indexes[index] = NULL;
        return;
    }
    r->m = tried;
    const sn_col *cols;
    REQUIRE(sn_index_columns(r->indexes[index], &cols) == spec.n && cols[0] == spec.cols[0]);
    REQUIRE(sn_index_tag(r->indexes[index]) == &r->indexes[index]);
    REQUIRE(sn_index_table(r->indexes[index]) == r->tables[spec.table]);
}

static void
drop_index(run *r, int index)
{
    bool used = index < IX_MORE;
    for (int ref = 0; index < IX_MORE && ref < REFERENCES; ref++)
        used &= !r->m.schema.made[ref] || (references[ref].from != index && references[ref].to != index);
    if (index < IX_MORE && used)
        return; /* others would have to be made without it */
    run_arm(r, 16);
    if (!changed(r, sn_index_drop(r->indexes[index]), index < IX_MORE ? SN_MISUSE : SN_OK))
        return;
    r->m.schema.indexes[index].table = NO_TABLE;
    r->indexes[index] = NULL;
}

static void
change_index(run *r)
{
    int index = run_index(r, run_byte(r));
    if (r->m.schema.indexes[index].table == NO_TABLE)
        add_index(r, index);
    else
        drop_index(r, index);
}

/* ---------------------------------------------------------------- columns */

typedef struct filling {
    value values[MAX_ROWS];
    sn_cell cells[MAX_ROWS];
} filling;

static void
fill(run *r, int table, const column_spec *column, filling *f)
{
    for (sn_row row = 0; row < r->m.positions[table]; row++) {
        f->values[row] =
            model_stored(&r->m, table, row) ? choose_value(r, column->def.type, column->bare, NULL) : (value){true, 0};
        f->cells[row] = make_cell(r, column->def.type, column->bare, f->values[row]);
    }
}

static void
add_column(run *r, int table)
{
    static model tried;
    static filling f;
    unsigned b = run_byte(r);
    column_spec column = {{(sn_type)(b % SN_TYPE_COUNT), (b & 0x80) != 0, false}, true, false};
    column.bare = column.def.type == SN_OBJECT || (column.def.type == SN_TEXT && (b & 0x40));
    bool filled = run_byte(r) & 1;
    sn_col expected_col, col;
    if (filled)
        fill(r, table, &column, &f);
    tried = r->m;
    sn_status expected =
        model_add_column(&tried, &expected_col, table, &column.def, column.bare, filled ? f.values : NULL);
    run_arm(r, 16);
    sn_status st = sn_table_add_column(&col, r->tables[table], &column.def, filled ? f.cells : NULL);
    if (changed(r, st, expected)) {
        REQUIRE(col == expected_col);
        r->m = tried;
        return;
    }
    for (sn_row row = 0; filled && row < r->m.positions[table]; row++)
        release_cell(r, column.def.type, f.cells[row]);
}

static bool
has_gap(const run *r, int table)
{
    bool gap = r->m.schema.column_count[table] < MAX_COLUMNS;
    for (sn_col c = 0; c < r->m.schema.column_count[table]; c++)
        gap |= !r->m.schema.columns[table][c].used;
    return gap;
}

/* The first column of each table is its key. */
static void
drop_column(run *r, int table)
{
    static model tried;
    sn_col col = (sn_col)(1 + run_byte(r) % (r->m.schema.column_count[table] - 1u));
    tried = r->m;
    sn_status expected = model_drop_column(&tried, table, col);
    run_arm(r, 16);
    if (changed(r, sn_table_drop_column(r->tables[table], col), expected))
        r->m = tried;
}

static void
set_nullable(run *r, int table)
{
    static model tried;
    sn_col col = (sn_col)(1 + run_byte(r) % (r->m.schema.column_count[table] - 1u));
    bool nullable = run_byte(r) & 1;
    tried = r->m;
    sn_status expected = model_set_nullable(&tried, table, col, nullable);
    run_arm(r, 16);
    if (changed(r, sn_table_set_nullable(r->tables[table], col, nullable), expected))
        r->m = tried;
}

/* ---------------------------------------------------------------- references */

static void
forbid_cycles(run *r, int ref)
{
    bool already = r->m.schema.acyclic[ref];
    sn_status expected = model_forbid_cycles(&r->m, ref);
    run_arm(r, 16);
    sn_status st = sn_reference_forbid_cycles(r->references[ref]);
    if (!changed(r, st, expected))
        r->m.schema.acyclic[ref] = already;
    if (st == SN_CYCLE)
        run_check_cycle(r, ref, sn_db_error(r->db));
}

static void
change_reference(run *r)
{
    static model tried;
    unsigned b = run_byte(r);
    int ref = (int)(b % (unsigned)run_references(r));
    if (r->m.schema.made[ref] && r->m.schema.more && (b & 0x40)) {
        forbid_cycles(r, ref);
        return;
    }
    if (r->m.schema.made[ref]) {
        run_arm(r, 16);
        if (changed(r, sn_reference_drop(r->references[ref]), SN_OK))
            model_drop_reference(&r->m, ref);
        return;
    }
    sn_on_delete action = (sn_on_delete)(run_byte(r) & 3);
    bool enforce = (b & 0x80) != 0;
    tried = r->m;
    sn_status expected = model_add_reference(&tried, ref, action, enforce);
    run_arm(r, 16);
    if (changed(r, run_refer(r, ref, action, enforce), expected))
        r->m = tried;
}

void
change_schema(run *r)
{
    unsigned b = run_byte(r);
    int table = run_table(r, b >> 4);
    switch (b & 7) {
    case 0:
    case 1:
    case 2:
        change_index(r);
        break;
    case 3:
        if (has_gap(r, table))
            add_column(r, table);
        break;
    case 4:
        drop_column(r, table);
        break;
    case 5:
    case 6:
        set_nullable(r, table);
        break;
    default:
        change_reference(r);
        break;
    }
    run_compare(r);
}
