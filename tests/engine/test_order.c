/*
 * test_order.c - sorting against an insertion sort by comparisons: one to three terms, both directions, nulls on either
 * side, texts that share beginnings, contain zero bytes or are prefixes of each other, odd floats; partial sorts;
 * refused memory.
 */
#include "harness.h"
#include "query.h"

#include <math.h>
#include <string.h>

static hostile h;

enum { INT_COL, FLOAT_COL, TEXT_COL, BOOL_COL, COLUMNS };
static const sn_column_def defs[COLUMNS] = {{.type = SN_INT, .nullable = true},
                                            {.type = SN_FLOAT, .nullable = true},
                                            {.type = SN_TEXT, .nullable = true},
                                            {.type = SN_BOOL}};

typedef struct fixture {
    sn_db *db;
    sn_table *t;
    sn_expr *e;
    sn_node columns[COLUMNS];
    sn_row rows[5000];
    size_t n;
} fixture;

static sn_cell
word_cell(sn_word word)
{
    return (sn_cell){word, false};
}

static sn_cell
random_text(uint64_t *seed)
{
    unsigned char bytes[40] = "a beginning that all of them share: ";
    size_t len = harness_random(seed, 3) ? 36 : 0;
    for (size_t more = harness_random(seed, 5); more > 0 && len < sizeof bytes; more--) {
        bytes[len++] = (unsigned char)"\0ab\xff"[harness_random(seed, 4)];
    }
    return word_cell((sn_word)(uintptr_t)handle_new_bytes(bytes, len));
}

static sn_cell
random_cell(uint64_t *seed, size_t col, uint32_t spread)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 5e-324, -5e-324};
    if (defs[col].nullable && harness_random(seed, 6) == 0) {
        return SN_NULL_CELL;
    }
    switch (col) {
    case INT_COL:
        return word_cell(sn_word_from_int((int64_t)harness_random(seed, spread)
                                          * (harness_random(seed, 2) ? 1 : INT64_C(-300000000))));
    case FLOAT_COL:
        return word_cell(sn_word_from_float(harness_random(seed, 3) ? (double)harness_random(seed, spread) - 5.5
                                                                    : odd[harness_random(seed, 7)]));
    case TEXT_COL:
        return random_text(seed);
    default:
        return word_cell(harness_random(seed, 2));
    }
}

static void
setup(fixture *f, uint64_t seed, size_t n, uint32_t spread)
{
    sn_config config = harness_config(&h);
    CHECK_OK(sn_db_new(&f->db, &config));
    CHECK_OK(sn_table_new(&f->t, f->db, NULL));
    CHECK_OK(sn_expr_new(&f->e, f->db));
    for (size_t i = 0; i < COLUMNS; i++) {
        sn_col col;
        CHECK_OK(sn_table_add_column(&col, f->t, &defs[i], NULL));
        f->columns[i] = sn_expr_column(f->e, 0, f->t, col);
    }
    CHECK_OK(sn_begin(f->db));
    for (f->n = 0; f->n < n; f->n++) {
        sn_cell cells[COLUMNS];
        for (size_t i = 0; i < COLUMNS; i++) {
            cells[i] = random_cell(&seed, i, spread);
        }
        CHECK_OK(sn_table_insert(&f->rows[f->n], f->t, cells));
    }
    CHECK_OK(sn_commit(f->db));
    for (size_t i = 0; i < n; i++) { /* not in insertion order */
        size_t j = harness_random(&seed, (uint32_t)n);
        sn_row row = f->rows[i];
        f->rows[i] = f->rows[j];
        f->rows[j] = row;
    }
}

static void
teardown(fixture *f)
{
    void *handles[16];
    sn_expr_free(f->e);
    for (size_t n; (n = sn_db_dismantle(f->db, handles, 16)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            handle_free(handles[i]);
        }
    }
    sn_db_free(f->db);
}

/* NaN after all numbers; -0.0 is 0.0 */
static int
compare(const fixture *f, size_t col, sn_cell a, sn_cell b)
{
    if (col != FLOAT_COL) {
        return sn_compare(f->db, defs[col].type, a.word, b.word);
    }
    double x = sn_word_float(a.word), y = sn_word_float(b.word);
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static size_t
column_of(const fixture *f, sn_node node)
{
    size_t col = 0;
    while (f->columns[col] != node) {
        col++;
    }
    return col;
}

static bool
stands_before(const fixture *f, const sn_order *order, size_t n, sn_row a, sn_row b)
{
    for (size_t i = 0; i < n; i++) {
        size_t col = column_of(f, order[i].value);
        sn_cell x = sn_table_get(f->t, a, (sn_col)col), y = sn_table_get(f->t, b, (sn_col)col);
        if (x.null != y.null) {
            return x.null == order[i].nulls_first;
        }
        int c = x.null ? 0 : compare(f, col, x, y);
        if (c) {
            return order[i].descending ? c > 0 : c < 0;
        }
    }
    return false;
}

static void
naive_sort(const fixture *f, const sn_order *order, size_t terms, sn_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        sn_row row = rows[i];
        size_t at = i;
        for (; at > 0 && stands_before(f, order, terms, row, rows[at - 1]); at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = row;
    }
}

static void
check_sort(const fixture *f, const sn_order *order, size_t terms, size_t need)
{
    sn_row sorted[5000], expected[5000];
    memcpy(sorted, f->rows, f->n * sizeof *sorted);
    memcpy(expected, f->rows, f->n * sizeof *sorted);
    CHECK_OK(sn__order_rows(f->db, f->e, f->t, order, terms, sorted, f->n, need));
    naive_sort(f, order, terms, expected, f->n);
    need = need < f->n ? need : f->n;
    CHECK(need == 0 || memcmp(sorted, expected, need * sizeof *sorted) == 0);
    bool there[5000] = {false};
    for (size_t i = 0; i < f->n; i++) { /* all of them are still there */
        CHECK(!there[sorted[i]]);
        there[sorted[i]] = true;
    }
}

static void
test_random(uint64_t seed, size_t n, uint32_t spread, size_t rounds)
{
    static fixture f;
    setup(&f, seed, n, spread);
    for (size_t round = 0; round < rounds; round++) {
        sn_order order[3];
        size_t terms = 1 + harness_random(&seed, 3);
        for (size_t i = 0; i < terms; i++) {
            order[i] = (sn_order){f.columns[harness_random(&seed, COLUMNS)], harness_random(&seed, 2),
                                  harness_random(&seed, 2)};
        }
        check_sort(&f, order, terms, harness_random(&seed, 2) ? SIZE_MAX : harness_random(&seed, (uint32_t)n + 2));
        check_sort(&f, order, terms, 1 + harness_random(&seed, 3));
    }
    teardown(&f);
}

/* Each text one longer than the last: every round tells one of them apart. */
static void
test_staircase(void)
{
    static fixture f;
    setup(&f, 1, 0, 1);
    unsigned char bytes[3000];
    memset(bytes, 'x', sizeof bytes);
    CHECK_OK(sn_begin(f.db));
    for (f.n = 0; f.n < 300; f.n++) {
        sn_cell text = word_cell((sn_word)(uintptr_t)handle_new_bytes(bytes, (f.n * 7919) % 300 * 10));
        sn_cell cells[COLUMNS] = {SN_NULL_CELL, SN_NULL_CELL, text, word_cell(0)};
        CHECK_OK(sn_table_insert(&f.rows[f.n], f.t, cells));
    }
    CHECK_OK(sn_commit(f.db));
    for (int descending = 0; descending < 2; descending++) {
        sn_order order = {f.columns[TEXT_COL], descending, false};
        check_sort(&f, &order, 1, SIZE_MAX);
        check_sort(&f, &order, 1, 3);
    }
    teardown(&f);
}

/* ---------------------------------------------------------------- refused memory */

static void *
sweep_setup(hostile *host)
{
    static fixture f;
    (void)host;
    setup(&f, 5, 200, 20);
    return &f;
}

static sn_row swept[200];

static sn_status
sweep_run(void *state)
{
    fixture *f = state;
    sn_order order[2] = {{f->columns[TEXT_COL], false, false}, {f->columns[INT_COL], true, false}};
    memcpy(swept, f->rows, sizeof swept);
    return sn__order_rows(f->db, f->e, f->t, order, 2, swept, f->n, SIZE_MAX);
}

static const char *
sweep_check(void *state, bool succeeded)
{
    fixture *f = state;
    bool moved = memcmp(swept, f->rows, sizeof swept) != 0;
    return moved == succeeded ? NULL : "rows move exactly when sorting succeeds";
}

static void
sweep_teardown(void *state)
{
    teardown(state);
}

int
main(void)
{
    static const size_t sizes[] = {0, 1, 2, 31, 33, 300, 1500};
    for (size_t i = 0; i < 7; i++) {
        test_random(i + 1, sizes[i], 10, 20);
        test_random(i + 100, sizes[i], 100000, 10);
    }
    test_staircase();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) >= 10);
    return harness_done("order", &h);
}
