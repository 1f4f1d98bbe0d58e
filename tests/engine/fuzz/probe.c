/*
 * probe.c - indexes asked for keys that rows may not have, and for ranges (run.h).
 */
#include "run.h"

typedef struct key {
    value values[MAX_KEY];
    sn_cell cells[MAX_KEY];
} key;

static void
choose_key(run *r, const index_spec *ix, key *k)
{
    for (size_t i = 0; i < ix->n; i++) {
        sn_type type = model_column(&r->m, ix->table, ix->cols[i])->type;
        k->values[i] = choose_value(r, type, false, NULL);
        k->cells[i] = make_cell(r, type, false, k->values[i]);
    }
}

static void
release_key(run *r, const index_spec *ix, const key *k)
{
    for (size_t i = 0; i < ix->n; i++)
        release_cell(r, model_column(&r->m, ix->table, ix->cols[i])->type, k->cells[i]);
}

static bool
is_whole(const index_spec *ix, const key *k)
{
    bool whole = true;
    for (size_t i = 0; i < ix->n; i++)
        whole &= !k->values[i].null;
    return whole;
}

static void
probe_equal(run *r, int index, const key *k)
{
    const index_spec *ix = &r->m.schema.indexes[index];
    sn_word words[MAX_KEY];
    sn_row expected[MAX_ROWS];
    for (size_t i = 0; i < ix->n; i++)
        words[i] = k->cells[i].word;
    size_t n = model_list(&r->m, expected, index, k->values), at = 0;
    if (ix->kind == SN_INDEX_UNIQUE) {
        sn_row found = sn_index_find(r->indexes[index], words);
        REQUIRE(n == 0 ? found == SN_NO_ROW : n > 1 || found == expected[0]);
        return;
    }
    sn_posting_view view = sn_index_rows(r->indexes[index], words);
    REQUIRE(view.count == n);
    for (size_t i = 0; i < view.len; i++)
        REQUIRE(view.rows[i] == SN_NO_ROW || view.rows[i] == expected[at++]);
}

/* ---------------------------------------------------------------- ranges */

/* A bound: the leading columns of a key, none of them null but the last one of an upper bound. */
static size_t
bound_length(run *r, const index_spec *ix, const key *k, bool high)
{
    size_t n = run_byte(r) % (ix->n + 1);
    for (size_t i = 0; i < n; i++) {
        if (k->values[i].null)
            return high ? i + 1 : i;
    }
    return n;
}

static void
through_keys(const run *r, const index_spec *ix, key *k)
{
    for (size_t i = 0; i < ix->n; i++) {
        if (!k->cells[i].null)
            k->cells[i].word = sn_types[model_column(&r->m, ix->table, ix->cols[i])->type].key(k->cells[i].word);
    }
}

static bool
is_inside(const model *m, int index, sn_row row, const sn_range *range, const value *low, const value *high)
{
    value k[MAX_KEY];
    model_key(m, k, index, row);
    int below = range->low_len ? model_compare_keys(m, index, k, low, range->low_len) : 1;
    int above = range->high_len ? model_compare_keys(m, index, k, high, range->high_len) : -1;
    return (below > 0 || (below == 0 && !range->low_open)) && (above < 0 || (above == 0 && !range->high_open));
}

static void
walk(const run *r, int index, const sn_range *range, const sn_row *expected, size_t n)
{
    sn_cursor up, down;
    sn__ordered_seek(&up, r->indexes[index], range);
    down = up;
    REQUIRE(sn__ordered_count(&up) == n);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(sn__ordered_next(&up) == expected[i]);
        REQUIRE(sn__ordered_prev(&down) == expected[n - 1 - i]);
    }
    REQUIRE(sn__ordered_next(&up) == SN_NO_ROW && sn__ordered_prev(&down) == SN_NO_ROW);
}

static void
probe_range(run *r, int index, key *low, key *high)
{
    const index_spec *ix = &r->m.schema.indexes[index];
    key words[2] = {*low, *high};
    sn_row rows[MAX_ROWS];
    through_keys(r, ix, &words[0]);
    through_keys(r, ix, &words[1]);
    sn_range range = {.low_len = bound_length(r, ix, low, false), .high_len = bound_length(r, ix, high, true)};
    range.low = range.low_len ? words[0].cells : NULL;
    range.high = range.high_len ? words[1].cells : NULL;
    unsigned open = run_byte(r);
    range.low_open = open & 1;
    range.high_open = open & 2;
    size_t n = model_ordered(&r->m, rows, index), inside = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_inside(&r->m, index, rows[i], &range, low->values, high->values))
            rows[inside++] = rows[i];
    }
    walk(r, index, &range, rows, inside);
}

static bool
has_nan(const run *r, const index_spec *ix, const key *k)
{
    bool nan = false;
    for (size_t i = 0; i < ix->n; i++) {
        double number = k->values[i].null ? 0 : model_float(k->values[i].v);
        nan |= model_column(&r->m, ix->table, ix->cols[i])->type == SN_FLOAT && number != number;
    }
    return nan;
}

void
probe_index(run *r)
{
    int index = run_index(r, run_byte(r));
    const index_spec *ix = &r->m.schema.indexes[index];
    key low, high;
    if (ix->table == NO_TABLE)
        return;
    choose_key(r, ix, &low);
    choose_key(r, ix, &high);
    if (ix->kind == SN_INDEX_ORDERED) {
        if (!has_nan(r, ix, &low) && !has_nan(r, ix, &high))
            probe_range(r, index, &low, &high);
    } else if (is_whole(ix, &low)) {
        probe_equal(r, index, &low);
    }
    release_key(r, ix, &low);
    release_key(r, ix, &high);
    run_compare(r);
}
