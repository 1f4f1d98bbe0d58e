/*
 * order.c - sorting rows by several terms.
 *
 * Every value becomes 64-bit keys whose unsigned order is the order of the values, so sorting never calls a comparison:
 *
 *   inline types   one key, exactly the value (sn__inline_key)
 *   text, entries  by bytes: a key is the next seven bytes and, lowest, how many are left (0 to 7; 8: more than seven).
 *                  So a text that ends sorts before one that goes on with zero bytes, and equal keys below 8 are equal
 *                  texts. Runs of equal keys of 8 are sorted by their next seven bytes, after the bytes that all of the
 *                  run share
 *
 * Rows of several ways (sn_way) are evaluated by the terms of their own way, and sorted as one.
 *
 * Terms go from the first on: the rows are sorted by a term, then each run of equal rows by the next one. Values are
 * evaluated once for each term and run. Nulls are set apart before sorting, behind the others unless nulls_first,
 * whatever the direction; descending inverts the keys, so that rows which are equal keep the order in which they came.
 *
 * Sorting keys: insertion sort up to 32; else least-significant-digit radix sort by bytes, skipping bytes that all keys
 * share; both are stable. Cost: O(n) passes of 16-byte items, for texts as many rounds as it takes to tell them apart.
 * When few rows are needed (`need`), a selection by the first key leaves only rows that can come first: O(n).
 *
 * Texts: the recursion goes into runs of at most half the size, and loops for the one that can be larger, so it is at
 * most log2 n deep.
 */
#include "query.h"

#include <assert.h>
#include <string.h>

#define SMALL 32      /* insertion sort up to here */
#define SELECT_FROM 8 /* selection pays when the rest is this many times what is needed */
#define MORE 8        /* the low byte of a text key: more than the seven bytes in it */

typedef struct item {
    uint64_t key;
    uint32_t at; /* index into rows and cells as they were given */
} item;

typedef struct sorter {
    sn_db *db;
    const sn_expr *expr;
    const sn_table *table;
    const sn_order *order; /* of the first way, if there are ways */
    size_t order_len;
    const sn_way *ways; /* NULL: one order for all */
    uint32_t *way_of;   /* of each row as it was given: ascending */
    item *items;        /* working space for n of each */
    item *spare;
    sn_cell *cells;
    sn_bytes *texts; /* NULL when no term is text */
    sn_row *given;
    size_t n;
} sorter;

bool
sn__order_fits(const sn_expr *e, const sn_order *order, const sn_table *t)
{
    return sn__expr_fits(e, order->value, false, t)
           && sn_types[sn__term_at(e, order->value)->type].flags & SN_T_ORDERED;
}

/* ---------------------------------------------------------------- sorting keys */

static void
insertion_sort(item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        item x = items[i];
        size_t j = i;
        for (; j > 0 && items[j - 1].key > x.key; j--) {
            items[j] = items[j - 1];
        }
        items[j] = x;
    }
}

static void
scatter(item *to, const item *from, size_t n, const uint32_t *counts, unsigned shift)
{
    uint32_t start[256], sum = 0;
    for (size_t d = 0; d < 256; d++) {
        start[d] = sum;
        sum += counts[d];
    }
    for (size_t i = 0; i < n; i++) {
        to[start[from[i].key >> shift & 255]++] = from[i];
    }
}

static void
radix_sort(item *items, item *spare, size_t n)
{
    uint32_t counts[8][256] = {{0}};
    for (size_t i = 0; i < n; i++) {
        for (size_t digit = 0; digit < 8; digit++) {
            counts[digit][items[i].key >> (8 * digit) & 255]++;
        }
    }
    item *from = items, *to = spare;
    for (unsigned digit = 0; digit < 8; digit++) {
        if (counts[digit][from[0].key >> (8 * digit) & 255] == n) {
            continue;
        }
        scatter(to, from, n, counts[digit], 8 * digit);
        item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, n * sizeof *items);
    }
}

static bool
is_sorted(const item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (items[i - 1].key > items[i].key) {
            return false;
        }
    }
    return true;
}

static void
sort_keys(item *items, item *spare, size_t n)
{
    if (n <= SMALL) {
        insertion_sort(items, n);
    } else if (!is_sorted(items, n)) {
        radix_sort(items, spare, n);
    }
}

static size_t
run_length(const item *items, size_t n)
{
    size_t i = 1;
    while (i < n && items[i].key == items[0].key) {
        i++;
    }
    return i;
}

/* ---------------------------------------------------------------- texts */

/* How many bytes all texts of the run share beyond `offset`. */
static size_t
shared_bytes(const sorter *s, const item *items, size_t n, size_t offset)
{
    sn_bytes first = s->texts[items[0].at];
    size_t shared = first.len - offset;
    for (size_t i = 1; i < n && shared > 0; i++) {
        sn_bytes text = s->texts[items[i].at];
        size_t most = text.len - offset < shared ? text.len - offset : shared;
        for (shared = 0; shared < most && text.data[offset + shared] == first.data[offset + shared]; shared++) {
        }
    }
    return shared;
}

static uint64_t
text_key(sn_bytes text, size_t offset)
{
    const unsigned char *at = text.data + offset;
    size_t left = text.len - offset;
    uint64_t key = 0;
    if (left >= MORE) {
        for (unsigned i = 0; i < 8; i++) { /* of known length: one load */
            key = key << 8 | at[i];
        }
        return (key & ~UINT64_C(255)) | MORE;
    }
    for (size_t i = 0; i < left; i++) {
        key |= (uint64_t)at[i] << (56 - 8 * i);
    }
    return key | left;
}

static void
fill_text_keys(const sorter *s, item *items, size_t n, size_t offset, bool descending)
{
    uint64_t flip = descending ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        items[i].key = text_key(s->texts[items[i].at], offset) ^ flip;
    }
}

/* Sorts texts that agree on their first `offset` bytes; afterwards the keys of equal texts are equal and neighbours' of different
 * texts are not. To that end each run's keys are replaced by the number of its first place. */
static void
sort_texts(const sorter *s, item *items, size_t n, size_t offset, bool descending)
{
    while (n > 1) {
        offset += shared_bytes(s, items, n, offset);
        fill_text_keys(s, items, n, offset, descending);
        sort_keys(items, s->spare, n);
        offset += 7;
        item *large = NULL;
        size_t large_n = 0;
        for (size_t i = 0, run; i < n; i += run) {
            run = run_length(items + i, n - i);
            bool open = ((items[i].key ^ (descending ? UINT64_MAX : 0)) & 255) == MORE && run > 1;
            if (open && run > n / 2) {
                large = items + i;
                large_n = run;
            } else if (open) {
                sort_texts(s, items + i, run, offset, descending);
            }
            for (size_t j = 0; !open && j < run; j++) {
                items[i + j].key = (uint64_t)(items + i - s->items);
            }
        }
        items = large;
        n = large_n;
    }
    if (n == 1) {
        items[0].key = (uint64_t)(items - s->items);
    }
}

/* ---------------------------------------------------------------- terms */

static void
fill_keys(const sorter *s, item *items, size_t n, sn_type type, bool descending)
{
    uint64_t flip = descending ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        items[i].key = sn__inline_key(type, s->cells[items[i].at].word) ^ flip;
    }
}

static void
fill_texts(const sorter *s, const item *items, size_t n, sn_type type)
{
    assert(s->texts);
    for (size_t i = 0; i < n; i++) {
        s->texts[items[i].at] = sn_word_bytes(s->db, type, s->cells[items[i].at].word);
    }
}

static uint64_t
median(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Hoare's partition of keys[low .. high] around a median: the returned j parts what is <= it from what is >= it. */
static size_t
partition(uint64_t *keys, size_t low, size_t high)
{
    uint64_t pivot = median(keys[low], keys[low + (high - low) / 2], keys[high]);
    for (size_t i = low, j = high;; i++, j--) {
        while (keys[i] < pivot) {
            i++;
        }
        while (keys[j] > pivot) {
            j--;
        }
        if (i >= j) {
            return j;
        }
        uint64_t swap = keys[i];
        keys[i] = keys[j];
        keys[j] = swap;
    }
}

/* The k-th smallest key, or more when it takes too many rounds to find. */
static uint64_t
select_key(uint64_t *keys, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    for (unsigned rounds = 0; low < high; rounds++) {
        if (rounds == 100) {
            return UINT64_MAX;
        }
        size_t j = partition(keys, low, high);
        assert(j < high);
        if (k <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return keys[k];
}

/* Moves the items that can be among the first `need` to the front, stably; returns how many. */
static size_t
keep_first(sorter *s, item *items, size_t n, size_t need)
{
    uint64_t *keys = (uint64_t *)(void *)s->spare;
    for (size_t i = 0; i < n; i++) {
        keys[i] = items[i].key;
    }
    uint64_t last = select_key(keys, n, need - 1);
    size_t kept = 0, rest = 0;
    for (size_t i = 0; i < n; i++) {
        if (items[i].key <= last) {
            items[kept++] = items[i];
        } else {
            s->spare[rest++] = items[i];
        }
    }
    memcpy(items + kept, s->spare, rest * sizeof *items);
    return kept;
}

/* Sorts items without nulls by their values; equal ones have equal keys then. Returns how many stand right: all, or at least `need`. */
static size_t
sort_values(sorter *s, item *items, size_t n, const sn_order *order, size_t need)
{
    sn_type type = sn__term_at(s->expr, order->value)->type;
    bool text = !(sn_types[type].flags & SN_T_INLINE);
    size_t offset = 0;
    if (text) {
        fill_texts(s, items, n, type);
        offset = shared_bytes(s, items, n, 0);
        fill_text_keys(s, items, n, offset, order->descending);
    } else {
        fill_keys(s, items, n, type, order->descending);
    }
    if (n / SELECT_FROM > need) {
        n = keep_first(s, items, n, need);
    }
    if (text) {
        sort_texts(s, items, n, offset, order->descending);
    } else {
        sort_keys(items, s->spare, n);
    }
    return n;
}

/* Parts nulls from values, both in the order in which they stood; returns how many come first. */
static size_t
part_nulls(sorter *s, item *items, size_t n, bool nulls_first)
{
    size_t first = 0, second = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->cells[items[i].at].null == nulls_first) {
            items[first++] = items[i];
        } else {
            s->spare[second++] = items[i];
        }
    }
    memcpy(items + first, s->spare, second * sizeof *items);
    return first;
}

/* The value of a term at the row that was given at this place. */
static sn_node
value_at(const sorter *s, size_t at, size_t term)
{
    return (s->ways ? s->ways[s->way_of[at]].order : s->order)[term].value;
}

static sn_status
eval_cells(sorter *s, const item *items, size_t n, size_t term)
{
    sn_status status = SN_OK;
    for (size_t i = 0; i < n && status == SN_OK; i++) {
        size_t at = items[i].at;
        status = sn__eval_rows(&s->cells[at], s->expr, value_at(s, at, term), s->table, &s->given[at], 1);
    }
    return status;
}

/* The first term at all rows, as they were given. */
static sn_status
eval_first(sorter *s)
{
    sn_status status = SN_OK;
    for (size_t start = 0, end; start < s->n && status == SN_OK; start = end) {
        for (end = s->ways ? start + 1 : s->n; end < s->n && s->way_of[end] == s->way_of[start]; end++) {
        }
        sn_node value = value_at(s, start, 0);
        status = sn__eval_rows(s->cells + start, s->expr, value, s->table, s->given + start, end - start);
    }
    return status;
}

static sn_status sort_by(sorter *s, item *items, size_t n, size_t term, size_t need);

/* Sorts each run of equal keys by the terms that follow. */
static sn_status
sort_runs(sorter *s, item *items, size_t n, size_t term, size_t need)
{
    sn_status status = SN_OK;
    for (size_t i = 0, run; i < n && i < need && status == SN_OK; i += run) {
        run = run_length(items + i, n - i);
        status = run > 1 ? sort_by(s, items + i, run, term, need - i) : SN_OK;
    }
    return status;
}

static sn_status
sort_by(sorter *s, item *items, size_t n, size_t term, size_t need)
{
    if (term == s->order_len) {
        return SN_OK;
    }
    const sn_order *order = &s->order[term];
    sn_status status = term == 0 ? eval_first(s) : eval_cells(s, items, n, term);
    if (status) {
        return status;
    }
    size_t first = part_nulls(s, items, n, order->nulls_first);
    size_t nulls = order->nulls_first ? 0 : first, nulls_n = order->nulls_first ? first : n - first;
    size_t values = order->nulls_first ? first : 0, values_n = n - nulls_n;
    if (values_n > 0 && need > values) {
        size_t sorted = sort_values(s, items + values, values_n, order, need - values);
        status = sort_runs(s, items + values, sorted, term + 1, need - values);
    }
    return status == SN_OK && need > nulls ? sort_by(s, items + nulls, nulls_n, term + 1, need - nulls) : status;
}

/* ---------------------------------------------------------------- working space */

static bool
has_text(const sorter *s)
{
    for (size_t i = 0; i < s->order_len; i++) {
        if (!(sn_types[sn__term_at(s->expr, s->order[i].value)->type].flags & SN_T_INLINE)) {
            return true;
        }
    }
    return false;
}

static void
sorter_fini(sorter *s)
{
    sn_mem *m = &s->db->mem;
    sn_mem_free(m, s->items, s->n * sizeof *s->items);
    sn_mem_free(m, s->spare, s->n * sizeof *s->spare);
    sn_mem_free(m, s->cells, s->n * sizeof *s->cells);
    sn_mem_free(m, s->texts, s->texts ? s->n * sizeof *s->texts : 0);
    sn_mem_free(m, s->given, s->n * sizeof *s->given);
}

static sn_status
sorter_init(sorter *s, const sn_row *rows)
{
    sn_mem *m = &s->db->mem;
    bool text = has_text(s);
    s->items = sn_mem_new(m, s->n * sizeof *s->items);
    s->spare = s->items ? sn_mem_new(m, s->n * sizeof *s->spare) : NULL;
    s->cells = s->spare ? sn_mem_new(m, s->n * sizeof *s->cells) : NULL;
    s->given = s->cells ? sn_mem_new(m, s->n * sizeof *s->given) : NULL;
    s->texts = s->given && text ? sn_mem_new(m, s->n * sizeof *s->texts) : NULL;
    if (!s->given || (text && !s->texts)) {
        return SN_NOMEM;
    }
    memcpy(s->given, rows, s->n * sizeof *rows);
    for (size_t i = 0; i < s->n; i++) {
        s->items[i] = (item){.at = (uint32_t)i};
    }
    return SN_OK;
}

/* Moves the way of each row to where the row stands now. */
static void
move_ways(sorter *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->spare[i].at = s->way_of[s->items[i].at];
    }
    for (size_t i = 0; i < s->n; i++) {
        s->way_of[i] = s->spare[i].at;
    }
}

static sn_status
sort_rows(sorter *s, sn_row *rows, size_t need)
{
    if (s->n < 2 || s->order_len == 0) {
        return SN_OK;
    }
    sn_status status = sorter_init(s, rows);
    status = status ? status : sort_by(s, s->items, s->n, 0, need);
    for (size_t i = 0; i < s->n && status == SN_OK; i++) {
        rows[i] = s->given[s->items[i].at];
    }
    if (status == SN_OK && s->ways) {
        move_ways(s);
    }
    sorter_fini(s);
    return status;
}

sn_status
sn__order_rows(sn_db *db, const sn_expr *e, const sn_table *t, const sn_order *order, size_t order_len, sn_row *rows,
               size_t n, size_t need)
{
    sorter s = {.db = db, .expr = e, .table = t, .order = order, .order_len = order_len, .n = n};
    return sort_rows(&s, rows, need);
}

sn_status
sn__order_ways(sn_db *db, const sn__hop *h, sn_row *rows, uint32_t *ways, size_t n, size_t need)
{
    const sn_order *first = h->ways[0].order;
    sorter s = {.db = db, .expr = h->expr, .table = h->via, .order = first, .order_len = h->order_len, .n = n};
    s.ways = h->ways;
    s.way_of = ways;
    return sort_rows(&s, rows, need);
}
