/*
 * model.c - see model.h. Everything is looked for from the first row to the last.
 */
#include "model.h"

#include <math.h>
#include <string.h>

#include "host.h"

const size_t column_counts[TABLES] = {5, 7, 4};

const sn_column_def column_defs[TABLES][MAX_COLUMNS] = {
    [A] = {{SN_INT, false, true},
           {SN_TEXT, true, false},
           {SN_INT, true, false},
           {SN_TEXT, true, false},
           {SN_INT, true, false}},
    [B] = {{SN_INT, false, true},
           {SN_INT, true, false},
           {SN_INT, true, false},
           {SN_TEXT, true, false},
           {SN_FLOAT, true, false},
           {SN_OBJECT, true, false},
           {SN_INT, true, false}},
    [C] = {{SN_INT, false, false}, {SN_TEXT, false, false}, {SN_INT, true, false}, {SN_ENTRY, true, false}},
};

const index_spec indexes[INDEXES] = {
    [IX_A_ID] = {A, SN_INDEX_UNIQUE, false, 1, {A_ID}},
    [IX_A_NAME] = {A, SN_INDEX_UNIQUE, false, 1, {A_NAME}},
    [IX_A_SELF] = {A, SN_INDEX_MANY, false, 1, {A_SELF}},
    [IX_A_X] = {A, SN_INDEX_MANY, false, 1, {A_X}},
    [IX_B_ID] = {B, SN_INDEX_UNIQUE, false, 1, {B_ID}},
    [IX_B_A] = {B, SN_INDEX_MANY, false, 1, {B_A}},
    [IX_B_C] = {B, SN_INDEX_MANY, false, 2, {B_C1, B_C2}},
    [IX_B_F] = {B, SN_INDEX_ORDERED, false, 1, {B_F}},
    [IX_B_AF] = {B, SN_INDEX_ORDERED, false, 2, {B_A, B_F}},
    [IX_B_O] = {B, SN_INDEX_UNIQUE, false, 1, {B_O}},
    [IX_C_KEY] = {C, SN_INDEX_UNIQUE, false, 2, {C_K1, C_K2}},
    [IX_C_D] = {C, SN_INDEX_UNIQUE, true, 1, {C_D}},
    [IX_C_V] = {C, SN_INDEX_MANY, false, 1, {C_V}},
};

const reference_spec references[REFERENCES] = {
    [REF_SELF] = {IX_A_SELF, IX_A_ID}, [REF_B_A] = {IX_B_A, IX_A_ID}, [REF_B_C] = {IX_B_C, IX_C_KEY},
    [REF_B_O] = {IX_B_O, IX_A_ID},     [REF_A_X] = {IX_A_X, IX_B_O},
};

const double floats[FLOATS] = {-2.5, -0.0, 0.0, 0.5, 1e300, INFINITY, NAN};

/* ---------------------------------------------------------------- keys */

static int64_t
key_of(sn_type type, int64_t v)
{
    if (type == SN_ENTRY)
        return v / 2;
    return type == SN_FLOAT && v == 1 ? 2 : v; /* -0.0 is 0.0 */
}

static bool
same_key_cell(sn_type type, value a, value b)
{
    return a.null == b.null && (a.null || key_of(type, a.v) == key_of(type, b.v));
}

bool
model_same_key(int index, const value *a, const value *b)
{
    const index_spec *ix = &indexes[index];
    for (size_t i = 0; i < ix->n; i++) {
        if (!same_key_cell(column_defs[ix->table][ix->cols[i]].type, a[i], b[i]))
            return false;
    }
    return true;
}

static bool
row_key(value *key, int index, const record *r)
{
    bool whole = true;
    for (size_t i = 0; i < indexes[index].n; i++) {
        key[i] = r->cells[indexes[index].cols[i]];
        whole &= !key[i].null;
    }
    return whole;
}

bool
model_key(const model *m, value *key, int index, sn_row row)
{
    return row_key(key, index, &m->now.rows[indexes[index].table][row]);
}

/* The first live row with this key other than `except`, or SN_NO_ROW. */
static sn_row
find_key(const model *m, int index, const value *key, sn_row except)
{
    int t = indexes[index].table;
    for (sn_row r = 0; r < m->positions[t]; r++) {
        value other[2];
        if (r != except && m->now.rows[t][r].alive && model_key(m, other, index, r)
            && model_same_key(index, key, other))
            return r;
    }
    return SN_NO_ROW;
}

bool
model_shares_key(const model *m, int index, sn_row row)
{
    value key[2];
    return m->now.rows[indexes[index].table][row].alive && model_key(m, key, index, row)
           && find_key(m, index, key, row) != SN_NO_ROW;
}

size_t
model_list(const model *m, sn_row *out, int index, const value *key)
{
    int t = indexes[index].table;
    size_t n = 0;
    for (sn_row r = 0; r < m->positions[t]; r++) {
        value other[2];
        if (!m->now.rows[t][r].alive || !model_key(m, other, index, r) || !model_same_key(index, key, other))
            continue;
        size_t at = n++;
        for (; at > 0 && m->now.rows[t][out[at - 1]].arrival[index] > m->now.rows[t][r].arrival[index]; at--)
            out[at] = out[at - 1];
        out[at] = r;
    }
    return n;
}

static int
compare_cells(sn_type type, value a, value b)
{
    if (a.null || b.null)
        return a.null - b.null;
    int64_t x = key_of(type, a.v), y = key_of(type, b.v);
    return (x > y) - (x < y);
}

size_t
model_ordered(const model *m, sn_row *out, int index)
{
    const index_spec *ix = &indexes[index];
    size_t n = 0;
    for (sn_row r = 0; r < m->positions[ix->table]; r++) {
        const record *rows = m->now.rows[ix->table];
        if (!rows[r].alive)
            continue;
        size_t at = n++;
        for (; at > 0; at--) {
            int order = 0;
            for (size_t i = 0; i < ix->n && order == 0; i++)
                order = compare_cells(column_defs[ix->table][ix->cols[i]].type, rows[out[at - 1]].cells[ix->cols[i]],
                                      rows[r].cells[ix->cols[i]]);
            if (order <= 0)
                break;
            out[at] = out[at - 1];
        }
        out[at] = r;
    }
    return n;
}

/* ---------------------------------------------------------------- inserting */

static bool
column_indexed(int table, sn_col col)
{
    for (int i = 0; i < INDEXES; i++) {
        for (size_t k = 0; indexes[i].table == table && k < indexes[i].n; k++) {
            if (indexes[i].cols[k] == col)
                return true;
        }
    }
    return false;
}

static sn_status
check_cell(const model *m, int table, sn_col col, value cell)
{
    const sn_column_def *def = &m->schema.columns[table][col];
    if (cell.null)
        return def->nullable ? SN_OK : SN_NULL;
    return def->type == SN_FLOAT && cell.v == FLOATS - 1 && column_indexed(table, col) ? SN_NAN : SN_OK;
}

static void
number_used(model *m, int table, int64_t number)
{
    if (number >= m->next_number[table])
        m->next_number[table] = number + 1;
}

static sn_status
insert_row(model *m, int table, const value *cells)
{
    record r = {.alive = true};
    for (sn_col c = 0; c < column_counts[table]; c++) {
        r.cells[c] = cells[c];
        if (cells[c].null && column_defs[table][c].automatic)
            r.cells[c] = (value){false, m->next_number[table]};
        sn_status st = check_cell(m, table, c, r.cells[c]);
        if (st != SN_OK)
            return st;
    }
    for (int i = 0; i < INDEXES; i++) {
        value key[2];
        if (indexes[i].table != table)
            continue;
        bool unique = indexes[i].kind == SN_INDEX_UNIQUE && !indexes[i].deferred;
        if (unique && row_key(key, i, &r) && find_key(m, i, key, SN_NO_ROW) != SN_NO_ROW)
            return SN_UNIQUE;
        r.arrival[i] = m->now.arrivals++;
    }
    m->now.rows[table][m->positions[table]++] = r;
    if (column_defs[table][0].automatic)
        number_used(m, table, r.cells[0].v);
    return SN_OK;
}

sn_status
model_insert(model *m, int table, const value *cells, size_t n)
{
    static model saved;
    saved = *m;
    for (size_t i = 0; i < n; i++) {
        sn_status st = insert_row(m, table, cells + i * column_counts[table]);
        if (st != SN_OK) {
            *m = saved;
            return st;
        }
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- updating */

typedef struct change {
    int table;
    const sn_row *rows;
    size_t n;
    const sn_col *cols;
    size_t ncols;
    const value *cells;
} change;

static record
changed_row(const model *m, const change *c, size_t i)
{
    record r = m->now.rows[c->table][c->rows[i]];
    for (size_t j = 0; j < c->ncols; j++)
        r.cells[c->cols[j]] = c->cells[i * c->ncols + j];
    return r;
}

static size_t
count_referring(const model *m, int ref, const value *key)
{
    sn_row rows[MAX_ROWS];
    return model_list(m, rows, references[ref].from, key);
}

static bool
key_in_use(const model *m, const change *c)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        int to = references[ref].to;
        if (indexes[to].table != c->table || !m->schema.enforce[ref] || m->schema.action[ref] == SN_KEEP)
            continue;
        for (size_t i = 0; i < c->n; i++) {
            value old[2], new[2];
            record r = changed_row(m, c, i);
            row_key(new, to, &r);
            if (model_key(m, old, to, c->rows[i]) && !model_same_key(to, old, new) && count_referring(m, ref, old) > 0)
                return true;
        }
    }
    return false;
}

static void
store_row(model *m, const change *c, size_t i, uint64_t arrivals)
{
    record *now = &m->now.rows[c->table][c->rows[i]];
    record r = changed_row(m, c, i);
    for (int x = 0; x < INDEXES; x++) {
        value old[2], new[2];
        if (indexes[x].table != c->table)
            continue;
        row_key(old, x, now);
        row_key(new, x, &r);
        if (!model_same_key(x, old, new))
            r.arrival[x] = arrivals + i;
    }
    *now = r;
}

static sn_status
apply_change(model *m, const change *c)
{
    if (key_in_use(m, c))
        return SN_KEY_IN_USE;
    for (size_t i = 0; i < c->n; i++)
        store_row(m, c, i, m->now.arrivals);
    m->now.arrivals += c->n;
    for (size_t i = 0; i < c->n; i++) {
        for (int x = 0; x < INDEXES; x++) {
            bool unique = indexes[x].kind == SN_INDEX_UNIQUE && !indexes[x].deferred;
            if (unique && indexes[x].table == c->table && model_shares_key(m, x, c->rows[i]))
                return SN_UNIQUE;
        }
    }
    return SN_OK;
}

static sn_status
check_change(const model *m, const change *c)
{
    for (size_t j = 0; j < c->ncols; j++) {
        for (size_t k = 0; k < j; k++) {
            if (c->cols[j] == c->cols[k])
                return SN_MISUSE;
        }
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->rows[i] >= m->positions[c->table] || !m->now.rows[c->table][c->rows[i]].alive)
            return SN_STALE;
    }
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (c->rows[i] == c->rows[k])
                return SN_MISUSE;
        }
    }
    for (size_t k = 0; k < c->n * c->ncols; k++) {
        sn_status st = check_cell(m, c->table, c->cols[k % c->ncols], c->cells[k]);
        if (st != SN_OK)
            return st;
    }
    return SN_OK;
}

sn_status
model_update(model *m, int table, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols, const value *cells)
{
    static model saved;
    saved = *m;
    change c = {table, rows, n, cols, ncols, cells};
    sn_status st = check_change(m, &c);
    if (st == SN_OK)
        st = apply_change(m, &c);
    if (st != SN_OK) {
        *m = saved;
        return st;
    }
    for (size_t k = 0; k < n * ncols; k++) {
        if (column_defs[table][cols[k % ncols]].automatic)
            number_used(m, table, cells[k].v);
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- deleting */

typedef struct work {
    int table[TABLES * MAX_ROWS];
    sn_row row[TABLES * MAX_ROWS];
    size_t n;
} work;

static void
kill(model *m, work *w, int table, sn_row row)
{
    m->now.rows[table][row].alive = false;
    w->table[w->n] = table;
    w->row[w->n++] = row;
}

static sn_status
nullify(model *m, int ref, sn_row row)
{
    const index_spec *from = &indexes[references[ref].from];
    sn_col cols[2];
    size_t n = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (m->schema.columns[from->table][from->cols[i]].nullable)
            cols[n++] = from->cols[i];
    }
    value nulls[2] = {{true, 0}, {true, 0}};
    change c = {from->table, &row, 1, cols, n, nulls};
    return apply_change(m, &c);
}

static sn_status
follow(model *m, work *w, int ref, const value *key)
{
    sn_row list[MAX_ROWS];
    int from = references[ref].from;
    size_t n = model_list(m, list, from, key);
    if (m->schema.action[ref] == SN_RESTRICT && n > 0) {
        REQUIRE(m->now.death_count < MAX_DEATHS);
        m->now.deaths[m->now.death_count++] = (death){ref, {key[0], key[1]}};
    }
    for (size_t i = 0; i < n; i++) {
        sn_status st = SN_OK;
        if (m->schema.action[ref] == SN_CASCADE)
            kill(m, w, indexes[from].table, list[i]);
        else if (m->schema.action[ref] == SN_NULLIFY)
            st = nullify(m, ref, list[i]);
        if (st != SN_OK)
            return st;
    }
    return SN_OK;
}

static sn_status
follow_all(model *m, work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        for (int ref = 0; ref < REFERENCES; ref++) {
            value key[2] = {{true, 0}, {true, 0}};
            if (indexes[references[ref].to].table != w->table[i] || !model_key(m, key, references[ref].to, w->row[i]))
                continue;
            sn_status st = follow(m, w, ref, key);
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

sn_status
model_delete(model *m, int table, const sn_row *rows, size_t n, size_t *deleted)
{
    static model saved;
    saved = *m;
    work w = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        if (rows[i] < m->positions[table] && m->now.rows[table][rows[i]].alive)
            kill(m, &w, table, rows[i]);
    }
    *deleted = w.n;
    sn_status st = follow_all(m, &w);
    if (st != SN_OK)
        *m = saved;
    return st;
}

/* ---------------------------------------------------------------- order, positions, units */

void
model_move(model *m, int index, sn_row row, size_t position)
{
    value key[2];
    sn_row list[MAX_ROWS];
    uint64_t arrivals[MAX_ROWS];
    int t = indexes[index].table;
    model_key(m, key, index, row);
    size_t n = model_list(m, list, index, key), from = 0;
    for (size_t i = 0; i < n; i++) {
        arrivals[i] = m->now.rows[t][list[i]].arrival[index];
        from = list[i] == row ? i : from;
    }
    position = position < n ? position : n - 1;
    memmove(list + from, list + from + 1, (n - from - 1) * sizeof(*list));
    memmove(list + position + 1, list + position, (n - 1 - position) * sizeof(*list));
    list[position] = row;
    for (size_t i = 0; i < n; i++)
        m->now.rows[t][list[i]].arrival[index] = arrivals[i];
}

void
model_compact(model *m, int table, sn_row *map)
{
    sn_row to = 0;
    for (sn_row r = 0; r < m->positions[table]; r++) {
        map[r] = SN_NO_ROW;
        if (!m->now.rows[table][r].alive)
            continue;
        map[r] = to;
        m->now.rows[table][to] = m->now.rows[table][r];
        m->handles[table][to++] = m->handles[table][r];
    }
    for (sn_row r = to; r < m->positions[table]; r++) {
        m->now.rows[table][r].alive = false;
        m->handles[table][r] = NULL;
    }
    m->positions[table] = to;
}

void
model_restore(model *m, const state *saved)
{
    m->now = *saved;
}

bool
model_dangles(const model *m, int ref, sn_row row)
{
    value key[2];
    int from = references[ref].from;
    return m->now.rows[indexes[from].table][row].alive && model_key(m, key, from, row)
           && find_key(m, references[ref].to, key, SN_NO_ROW) == SN_NO_ROW;
}

bool
model_death_stands(const model *m, const death *d)
{
    return find_key(m, references[d->ref].to, d->key, SN_NO_ROW) == SN_NO_ROW && count_referring(m, d->ref, d->key) > 0;
}

bool
model_commits(const model *m)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        for (sn_row r = 0; m->schema.enforce[ref] && r < m->positions[indexes[references[ref].from].table]; r++) {
            if (model_dangles(m, ref, r))
                return false;
        }
    }
    for (size_t i = 0; i < m->now.death_count; i++) {
        if (model_death_stands(m, &m->now.deaths[i]))
            return false;
    }
    for (sn_row r = 0; r < m->positions[C]; r++) {
        if (model_shares_key(m, IX_C_D, r))
            return false;
    }
    return true;
}
