/*
 * model.c - see model.h. Everything is looked for from the first row to the last.
 */
#include "model.h"

#include <math.h>
#include <string.h>

#include "host.h"

/* What each schema starts with. Text in an index is interned; the columns of notes hold bare handles. */
static const schema start =
    {
        .column_count = {5, 7, 4, 12, 7},
        .columns =
            {
                [A] = {{{SN_INT, false, true}, true, false},
                       {{SN_TEXT, true, false}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_TEXT, true, false}, true, true},
                       {{SN_INT, true, false}, true, false}},
                [B] = {{{SN_INT, false, true}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_TEXT, true, false}, true, false},
                       {{SN_FLOAT, true, false}, true, false},
                       {{SN_OBJECT, true, false}, true, true},
                       {{SN_INT, true, false}, true, false}},
                [C] = {{{SN_INT, false, false}, true, false},
                       {{SN_TEXT, false, false}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_ENTRY, true, false}, true, false}},
                [D] = {{{SN_INT, false, true}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_BOOL, true, false}, true, false},
                       {{SN_INT, false, false}, true, false},
                       {{SN_FLOAT, true, false}, true, false},
                       {{SN_DATE, true, false}, true, false},
                       {{SN_DATETIME, true, false}, true, false},
                       {{SN_TIMEDELTA, true, false}, true, false},
                       {{SN_CHOICE, true, false}, true, false},
                       {{SN_TEXT, true, false}, true, false},
                       {{SN_ENTRY, true, false}, true, false},
                       {{SN_TEXT, true, false}, true, true}},
                [E] = {{{SN_INT, false, true}, true, false},
                       {{SN_CHOICE, true, false}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_CHOICE, true, false}, true, false},
                       {{SN_INT, true, false}, true, false},
                       {{SN_TEXT, true, false}, true, false},
                       {{SN_INT, true, false}, true, false}},
            },
        .indexes =
            {
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
                [IX_D_ID] = {D, SN_INDEX_UNIQUE, false, 1, {D_ID}},
                [IX_D_A] = {D, SN_INDEX_MANY, false, 1, {D_A}},
                [IX_D_INT] = {D, SN_INDEX_ORDERED, false, 1, {D_INT}},
                [IX_D_TEXT] = {D, SN_INDEX_ORDERED, false, 2, {D_TEXT, D_INT}},
                [IX_E_ID] = {E, SN_INDEX_UNIQUE, false, 1, {E_ID}},
                [IX_E_AT] = {E, SN_INDEX_MANY, false, 2, {E_KIND, E_AT}},
                [IX_E_C] = {E, SN_INDEX_UNIQUE, false, 3, {E_KIND2, E_C1, E_C2}},
                [IX_E_C1] = {E, SN_INDEX_MANY, false, 1, {E_C1}},
                [IX_E_UP] = {E, SN_INDEX_MANY, false, 1, {E_UP}},
                [IX_D_E] = {D, SN_INDEX_MANY, false, 3, {D_CHOICE, D_INT, D_TEXT}},
                {NO_TABLE},
                {NO_TABLE},
                {NO_TABLE},
                {NO_TABLE},
            },
};

const reference_spec references[REFERENCES] = {
    [REF_SELF] = {IX_A_SELF, IX_A_ID, false, 0}, [REF_B_A] = {IX_B_A, IX_A_ID, false, 0},
    [REF_B_C] = {IX_B_C, IX_C_KEY, false, 0},    [REF_B_O] = {IX_B_O, IX_A_ID, false, 0},
    [REF_A_X] = {IX_A_X, IX_B_O, false, 0},      [REF_D_A] = {IX_D_A, IX_A_ID, false, 0},
    [REF_E_A] = {IX_E_AT, IX_A_ID, true, 0},     [REF_E_B] = {IX_E_AT, IX_B_ID, true, 1},
    [REF_E_E] = {IX_E_AT, IX_E_ID, true, 2},     [REF_E_C] = {IX_E_C, IX_C_KEY, true, 1},
    [REF_E_C_TOO] = {IX_E_C, IX_C_KEY, true, 2}, [REF_E_C1] = {IX_E_C1, IX_A_ID, false, 0},
    [REF_UP] = {IX_E_UP, IX_E_ID, false, 0},     [REF_D_E] = {IX_D_E, IX_E_C, false, 0},
};

void
model_start(model *m, bool more)
{
    m->schema = start;
    m->schema.more = more;
    for (int i = IX_E_ID; i < IX_MORE && !more; i++)
        m->schema.indexes[i].table = NO_TABLE;
    for (int t = 0; t < TABLES; t++)
        m->schema.stamp[t] = SN_NO_COL;
    m->now.arrivals = 0;
    m->now.death_count = 0;
    m->utc = m->local = 0;
    model_clear(m);
}

const sn_column_def *
model_column(const model *m, int table, sn_col col)
{
    return &m->schema.columns[table][col].def;
}

bool
model_alive(const model *m, int table, sn_row row)
{
    return row < m->positions[table] && m->now.rows[table][row].alive;
}

bool
model_stored(const model *m, int table, sn_row row)
{
    return row < m->positions[table] && (m->now.rows[table][row].alive || m->now.rows[table][row].parked);
}

bool
model_counts(const model *m, int table, sn_row row, sn_life life)
{
    bool alive = model_alive(m, table, row), parked = !alive && model_stored(m, table, row);
    return (alive && life != SN_PARKED) || (parked && life != SN_LIVE);
}

bool
model_indexed(const model *m, int table, sn_col col)
{
    for (int i = 0; i < INDEXES; i++) {
        const index_spec *ix = &m->schema.indexes[i];
        for (size_t k = 0; ix->table == table && k < ix->n; k++) {
            if (ix->cols[k] == col)
                return true;
        }
    }
    return false;
}

static bool
is_automatic(const model *m, int table)
{
    return model_column(m, table, 0)->automatic;
}

/* ---------------------------------------------------------------- copies */

void
model_save(const model *m, state *to)
{
    for (int t = 0; t < TABLES; t++) {
        to->taken[t] = m->positions[t];
        memcpy(to->rows[t], m->now.rows[t], m->positions[t] * sizeof(record));
    }
    to->arrivals = m->now.arrivals;
    to->death_count = m->now.death_count;
    memcpy(to->deaths, m->now.deaths, m->now.death_count * sizeof(death));
}

void
model_restore(model *m, const state *saved)
{
    for (int t = 0; t < TABLES; t++) {
        memcpy(m->now.rows[t], saved->rows[t], saved->taken[t] * sizeof(record));
        for (sn_row r = saved->taken[t]; r < m->positions[t]; r++)
            m->now.rows[t][r].alive = m->now.rows[t][r].parked = false;
    }
    m->now.arrivals = saved->arrivals;
    m->now.death_count = saved->death_count;
    memcpy(m->now.deaths, saved->deaths, saved->death_count * sizeof(death));
}

void
model_save_all(const model *m, before *b)
{
    model_save(m, &b->rows);
    memcpy(b->next_number, m->next_number, sizeof(b->next_number));
}

void
model_restore_all(model *m, const before *b)
{
    model_restore(m, &b->rows);
    memcpy(m->positions, b->rows.taken, sizeof(m->positions));
    memcpy(m->next_number, b->next_number, sizeof(m->next_number));
}

/* ---------------------------------------------------------------- keys */

double
model_float(int64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static int64_t
key_of(sn_type type, int64_t v)
{
    if (type == SN_ENTRY)
        return v / 2;
    if (type == SN_DATETIME)
        return v - (v & 1);                                 /* without the fold */
    return type == SN_FLOAT && model_float(v) == 0 ? 0 : v; /* -0.0 is 0.0 */
}

static bool
same_key_cell(sn_type type, value a, value b)
{
    return a.null == b.null && (a.null || key_of(type, a.v) == key_of(type, b.v));
}

bool
model_same_key(const model *m, int index, const value *a, const value *b)
{
    const index_spec *ix = &m->schema.indexes[index];
    for (size_t i = 0; i < ix->n; i++) {
        if (!same_key_cell(model_column(m, ix->table, ix->cols[i])->type, a[i], b[i]))
            return false;
    }
    return true;
}

static bool
row_key(const model *m, value *key, int index, const record *r)
{
    const index_spec *ix = &m->schema.indexes[index];
    bool whole = true;
    for (size_t i = 0; i < ix->n; i++) {
        key[i] = r->cells[ix->cols[i]];
        whole &= !key[i].null;
    }
    return whole;
}

bool
model_key(const model *m, value *key, int index, sn_row row)
{
    return row_key(m, key, index, &m->now.rows[m->schema.indexes[index].table][row]);
}

static size_t
count_nulls(const model *m, int index, const record *r)
{
    const index_spec *ix = &m->schema.indexes[index];
    size_t nulls = 0;
    for (size_t i = 0; i < ix->n; i++)
        nulls += r->cells[ix->cols[i]].null;
    return nulls;
}

static bool
is_half(const model *m, int index, const record *r)
{
    bool members = false;
    for (int ref = 0; ref < REFERENCES; ref++)
        members |= m->schema.made[ref] && references[ref].member && references[ref].from == index;
    size_t nulls = count_nulls(m, index, r);
    return members && nulls > 0 && nulls < m->schema.indexes[index].n;
}

bool
model_half_key(const model *m, int index, sn_row row)
{
    return is_half(m, index, &m->now.rows[m->schema.indexes[index].table][row]);
}

bool
model_target_key(const model *m, value *key, int ref, sn_row row)
{
    value own[MAX_KEY];
    const reference_spec *spec = &references[ref];
    if (!spec->member)
        return model_key(m, key, spec->from, row);
    if (!model_key(m, own, spec->from, row) || own[0].v != spec->constant)
        return false;
    memcpy(key, own + 1, m->schema.indexes[spec->to].n * sizeof(*key));
    return true;
}

/* The key by which rows refer to one with this key. */
static void
referring_key(const model *m, value *key, int ref, const value *own)
{
    key[0] = (value){false, references[ref].constant};
    memcpy(key + references[ref].member, own, m->schema.indexes[references[ref].to].n * sizeof(*key));
}

bool
model_referring_key(const model *m, value *key, int ref, sn_row row)
{
    value own[MAX_KEY];
    if (!model_key(m, own, references[ref].to, row))
        return false;
    referring_key(m, key, ref, own);
    return true;
}

sn_row
model_find(const model *m, int index, const value *key, sn_row except)
{
    int t = m->schema.indexes[index].table;
    for (sn_row r = 0; r < m->positions[t]; r++) {
        value other[MAX_KEY];
        if (r != except && m->now.rows[t][r].alive && model_key(m, other, index, r)
            && model_same_key(m, index, key, other))
            return r;
    }
    return SN_NO_ROW;
}

bool
model_shares_key(const model *m, int index, sn_row row)
{
    value key[MAX_KEY];
    return m->now.rows[m->schema.indexes[index].table][row].alive && model_key(m, key, index, row)
           && model_find(m, index, key, row) != SN_NO_ROW;
}

size_t
model_list(const model *m, sn_row *out, int index, const value *key)
{
    int t = m->schema.indexes[index].table;
    size_t n = 0;
    for (sn_row r = 0; r < m->positions[t]; r++) {
        value other[MAX_KEY];
        if (!m->now.rows[t][r].alive || !model_key(m, other, index, r) || !model_same_key(m, index, key, other))
            continue;
        size_t at = n++;
        for (; at > 0 && m->now.rows[t][out[at - 1]].arrival[index] > m->now.rows[t][r].arrival[index]; at--)
            out[at] = out[at - 1];
        out[at] = r;
    }
    return n;
}

int
model_compare_bytes(sn_bytes a, sn_bytes b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_cells(sn_type type, value a, value b)
{
    if (a.null || b.null)
        return a.null - b.null;
    if (type == SN_FLOAT)
        return (model_float(a.v) > model_float(b.v)) - (model_float(a.v) < model_float(b.v));
    if (type == SN_TEXT)
        return model_compare_bytes(host_palette((int)a.v), host_palette((int)b.v));
    int64_t x = key_of(type, a.v), y = key_of(type, b.v);
    return (x > y) - (x < y);
}

/* The first n columns of the keys. */
int
model_compare_keys(const model *m, int index, const value *a, const value *b, size_t n)
{
    const index_spec *ix = &m->schema.indexes[index];
    int order = 0;
    for (size_t i = 0; i < n && order == 0; i++)
        order = compare_cells(model_column(m, ix->table, ix->cols[i])->type, a[i], b[i]);
    return order;
}

size_t
model_ordered(const model *m, sn_row *out, int index)
{
    const index_spec *ix = &m->schema.indexes[index];
    size_t n = 0;
    for (sn_row r = 0; r < m->positions[ix->table]; r++) {
        const record *rows = m->now.rows[ix->table];
        if (!rows[r].alive)
            continue;
        size_t at = n++;
        value key[MAX_KEY], other[MAX_KEY];
        model_key(m, key, index, r);
        for (; at > 0; at--) {
            model_key(m, other, index, out[at - 1]);
            if (model_compare_keys(m, index, other, key, ix->n) <= 0)
                break;
            out[at] = out[at - 1];
        }
        out[at] = r;
    }
    return n;
}

/* ---------------------------------------------------------------- inserting */

sn_status
model_check_cell(const model *m, int table, sn_col col, value cell)
{
    const sn_column_def *def = model_column(m, table, col);
    if (cell.null)
        return def->nullable ? SN_OK : SN_NULL;
    return def->type == SN_FLOAT && isnan(model_float(cell.v)) && model_indexed(m, table, col) ? SN_NAN : SN_OK;
}

static void
number_used(model *m, int table, int64_t number)
{
    if (number >= m->next_number[table])
        m->next_number[table] = number < INT64_MAX ? number + 1 : INT64_MAX;
}

static sn_status
insert_row(model *m, int table, const value *cells)
{
    record r = {.alive = true};
    for (sn_col c = 0; c < m->schema.column_count[table]; c++) {
        r.cells[c] = cells[c];
        if (cells[c].null && model_column(m, table, c)->automatic)
            r.cells[c] = (value){false, m->next_number[table]};
        sn_status st = m->schema.columns[table][c].used ? model_check_cell(m, table, c, r.cells[c]) : SN_OK;
        if (st != SN_OK)
            return st;
    }
    if (is_automatic(m, table) && cells[0].null && r.cells[0].v == INT64_MAX)
        return SN_LIMIT;
    for (int i = 0; i < INDEXES; i++) {
        value key[MAX_KEY];
        if (m->schema.indexes[i].table != table)
            continue;
        if (is_half(m, i, &r))
            return SN_HALF;
        bool unique = m->schema.indexes[i].kind == SN_INDEX_UNIQUE && !m->schema.indexes[i].deferred;
        if (unique && row_key(m, key, i, &r) && model_find(m, i, key, SN_NO_ROW) != SN_NO_ROW)
            return SN_UNIQUE;
        r.arrival[i] = m->now.arrivals++;
    }
    m->now.rows[table][m->positions[table]++] = r;
    if (is_automatic(m, table))
        number_used(m, table, r.cells[0].v);
    return SN_OK;
}

sn_status
model_insert(model *m, int table, const value *cells, size_t n)
{
    static before saved;
    model_save_all(m, &saved);
    for (size_t i = 0; i < n; i++) {
        sn_status st = insert_row(m, table, cells + i * m->schema.column_count[table]);
        if (st != SN_OK) {
            model_restore_all(m, &saved);
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

/* Rows that refer to the key of a target. */
static size_t
count_referring(const model *m, int ref, const value *key)
{
    sn_row rows[MAX_ROWS];
    value theirs[MAX_KEY];
    referring_key(m, theirs, ref, key);
    return model_list(m, rows, references[ref].from, theirs);
}

static bool
key_in_use(const model *m, const change *c)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        int to = references[ref].to;
        if (m->schema.indexes[to].table != c->table || !m->schema.made[ref] || !m->schema.enforce[ref]
            || m->schema.action[ref] == SN_KEEP)
            continue;
        for (size_t i = 0; i < c->n; i++) {
            value old[MAX_KEY], new[MAX_KEY];
            record r = changed_row(m, c, i);
            row_key(m, new, to, &r);
            if (model_key(m, old, to, c->rows[i]) && !model_same_key(m, to, old, new)
                && count_referring(m, ref, old) > 0)
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
        value old[MAX_KEY], new[MAX_KEY];
        if (m->schema.indexes[x].table != c->table)
            continue;
        row_key(m, old, x, now);
        row_key(m, new, x, &r);
        if (!model_same_key(m, x, old, new))
            r.arrival[x] = arrivals + i;
    }
    *now = r;
}

/* Rows whose key changes have left the index, and enter it one after another: whether this one does so after row i. */
static bool
enters_later(const model *m, const change *c, size_t i, sn_row other, int index, uint64_t arrivals)
{
    bool later = false;
    for (size_t k = i + 1; k < c->n; k++)
        later |= c->rows[k] == other && m->now.rows[c->table][other].arrival[index] >= arrivals;
    return later;
}

/* What the index says to row i of a change that is stored. */
static sn_status
enter_index(const model *m, const change *c, size_t i, int index, uint64_t arrivals)
{
    value key[MAX_KEY];
    sn_row rows[MAX_ROWS];
    const index_spec *ix = &m->schema.indexes[index];
    if (m->now.rows[c->table][c->rows[i]].arrival[index] < arrivals)
        return SN_OK; /* its key has not changed */
    if (model_half_key(m, index, c->rows[i]))
        return SN_HALF;
    if (ix->kind != SN_INDEX_UNIQUE || ix->deferred || !model_key(m, key, index, c->rows[i]))
        return SN_OK;
    for (size_t n = model_list(m, rows, index, key); n-- > 0;) {
        if (rows[n] != c->rows[i] && !enters_later(m, c, i, rows[n], index, arrivals))
            return SN_UNIQUE;
    }
    return SN_OK;
}

static sn_status
apply_change(model *m, const change *c)
{
    if (key_in_use(m, c))
        return SN_KEY_IN_USE;
    uint64_t arrivals = m->now.arrivals;
    for (size_t i = 0; i < c->n; i++)
        store_row(m, c, i, arrivals);
    m->now.arrivals += c->n;
    for (int x = 0; x < INDEXES; x++) {
        for (size_t i = 0; m->schema.indexes[x].table == c->table && i < c->n; i++) {
            sn_status st = enter_index(m, c, i, x, arrivals);
            if (st != SN_OK)
                return st;
        }
    }
    return SN_OK;
}

sn_status
model_nullify(model *m, int table, sn_row row, const sn_col *cols, size_t n)
{
    value nulls[MAX_KEY] = {{true, 0}, {true, 0}, {true, 0}};
    change c = {table, &row, 1, cols, n, nulls};
    return apply_change(m, &c);
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
        sn_status st = model_check_cell(m, c->table, c->cols[k % c->ncols], c->cells[k]);
        if (st != SN_OK)
            return st;
    }
    return SN_OK;
}

sn_status
model_update(model *m, int table, const sn_row *rows, size_t n, const sn_col *cols, size_t ncols, const value *cells)
{
    static before saved;
    model_save_all(m, &saved);
    change c = {table, rows, n, cols, ncols, cells};
    sn_status st = check_change(m, &c);
    if (st == SN_OK)
        st = apply_change(m, &c);
    if (st != SN_OK) {
        model_restore_all(m, &saved);
        return st;
    }
    for (size_t k = 0; k < n * ncols; k++) {
        if (model_column(m, table, cols[k % ncols])->automatic)
            number_used(m, table, cells[k].v);
    }
    return SN_OK;
}

/* ---------------------------------------------------------------- order, positions, units */

void
model_move(model *m, int index, sn_row row, size_t position)
{
    value key[MAX_KEY];
    sn_row list[MAX_ROWS];
    uint64_t arrivals[MAX_ROWS];
    int t = m->schema.indexes[index].table;
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
        if (!model_stored(m, table, r))
            continue;
        map[r] = to;
        m->now.rows[table][to] = m->now.rows[table][r];
        m->handles[table][to++] = m->handles[table][r];
    }
    for (sn_row r = to; r < m->positions[table]; r++) {
        m->now.rows[table][r].alive = m->now.rows[table][r].parked = false;
        m->handles[table][r] = NULL;
    }
    m->positions[table] = to;
}

bool
model_dangles(const model *m, int ref, sn_row row)
{
    value key[MAX_KEY];
    int from = references[ref].from;
    return m->now.rows[m->schema.indexes[from].table][row].alive && model_target_key(m, key, ref, row)
           && model_find(m, references[ref].to, key, SN_NO_ROW) == SN_NO_ROW;
}

bool
model_death_stands(const model *m, const death *d)
{
    return model_find(m, references[d->ref].to, d->key, SN_NO_ROW) == SN_NO_ROW
           && count_referring(m, d->ref, d->key) > 0;
}

size_t
model_steps_around(const model *m, int ref, sn_row row)
{
    value key[MAX_KEY];
    sn_row at = row;
    for (size_t n = 1; n <= MAX_ROWS && model_target_key(m, key, ref, at); n++) {
        at = model_find(m, references[ref].to, key, SN_NO_ROW);
        if (at == SN_NO_ROW || at == row)
            return at == row ? n : 0;
    }
    return 0;
}

static bool
goes_around(const model *m, int ref)
{
    int table = m->schema.indexes[references[ref].from].table;
    for (sn_row r = 0; r < m->positions[table]; r++) {
        if (model_alive(m, table, r) && model_steps_around(m, ref, r) > 0)
            return true;
    }
    return false;
}

bool
model_commits(const model *m)
{
    for (int ref = 0; ref < REFERENCES; ref++) {
        bool enforced = m->schema.made[ref] && m->schema.enforce[ref];
        for (sn_row r = 0; enforced && r < m->positions[m->schema.indexes[references[ref].from].table]; r++) {
            if (model_dangles(m, ref, r))
                return false;
        }
        if (m->schema.made[ref] && m->schema.acyclic[ref] && goes_around(m, ref))
            return false;
    }
    for (size_t i = 0; i < m->now.death_count; i++) {
        if (model_death_stands(m, &m->now.deaths[i]))
            return false;
    }
    for (int i = 0; i < INDEXES; i++) {
        const index_spec *ix = &m->schema.indexes[i];
        for (sn_row r = 0; ix->table != NO_TABLE && ix->deferred && r < m->positions[ix->table]; r++) {
            if (model_shares_key(m, i, r))
                return false;
        }
    }
    return true;
}
