/*
 * sweep.c - all targets of a path of plain steps, level by level.
 *
 * A walk (walk.c) goes deep first and waits for the memory at each row, as the rows of a relation lie anywhere: three steps are three
 * misses of the cache, one after the other. Where all targets are wanted, and every hop goes along a reference without order, offset and
 * limit, the rows of one level give those of the next in the same order as the walk would meet them; and then a few rows are asked of the
 * memory together: first their keys, then where the index has these keys, then the rows found there.
 *
 * Measured on three steps to 200 targets, for 1,000 rows on a busy machine: 60 us each by walking, 25 us by sweeping.
 *
 * Invariant: `rows` of a level are live, in order of encounter, each once if the path is asked for distinct targets.
 * Cost: the rows of all levels, and memory for those of two. SN_NOMEM.
 */
#include "path.h"

#include "reference.h"
#include "rows.h"

#define TOGETHER 32 /* rows that are asked for at once */

bool
sn__path_sweeps(const sn_path *p)
{
    bool all = p->n > 1;
    for (size_t i = 0; i < p->n; i++) {
        const sn__hop *h = &p->hops[i];
        all &= h->kind == SN_HOP_REFERENCE && !sn__hop_is_cut(h) && (h->order_len == 0 || !h->backward);
    }
    return all;
}

static bool
hop_key(sn_word *key, const sn__hop *h, sn_row row)
{
    return h->backward ? sn__reference_referring(key, h->reference, row) : sn__reference_target(key, h->reference, row);
}

static void
ask_for_keys(const sn__hop *h, const sn_row *rows, size_t n)
{
    const sn_index *here = h->backward ? h->reference->to : h->reference->from;
    sn_word *const *blocks = here->table->columns[here->columns[here->column_count - 1]].blocks;
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(&blocks[rows[i] >> SN_BLOCK_SHIFT][rows[i] & SN_BLOCK_MASK]);
    }
}

static void
ask_for_lists(const sn__hop *h, const sn_row *rows, size_t n)
{
    const sn_index *there = h->backward ? h->reference->from : h->reference->to;
    for (size_t i = 0; i < n; i++) {
        sn_word key[SN_MAX_KEY];
        if (hop_key(key, h, rows[i])) {
            sn__index_ask(there, key);
        }
    }
}

/* One level on its way to the next. */
typedef struct level {
    sn_db *db;
    const sn__hop *hop;
    sn__seen *met; /* of the hop's joint, or NULL: rows may come several times */
    sn_rows *next; /* NULL: they are only counted */
    size_t count;
} level;

static sn_status
pass(level *l, sn_row row)
{
    bool holds = true, fresh = true;
    sn_status status = sn__hop_holds(&holds, l->hop, row);
    if (status == SN_OK && holds && l->met) {
        status = sn__seen_add(&fresh, l->db, l->met, row, l->hop->to->positions);
    }
    if (status || !holds || !fresh) {
        return status;
    }
    l->count++;
    return l->next ? sn_rows_push(l->db, l->next, row) : SN_OK;
}

static sn_status
pass_list(level *l, sn_posting_view view)
{
    if (!l->met && l->hop->where == SN_NO_NODE) {
        l->count += view.count;
        return l->next ? sn__rows_append(l->db, l->next, view) : SN_OK;
    }
    sn_status status = SN_OK;
    for (size_t i = 0; i < view.len && status == SN_OK; i++) {
        status = view.rows[i] == SN_NO_ROW ? SN_OK : pass(l, view.rows[i]);
    }
    return status;
}

/* How many of n rows are taken together from `start` on. */
static size_t
few(size_t n, size_t start)
{
    return n - start < TOGETHER ? n - start : TOGETHER;
}

static sn_status
sweep_level(level *l, const sn_row *rows, size_t n)
{
    sn_status status = SN_OK;
    ask_for_keys(l->hop, rows, few(n, 0));
    for (size_t start = 0; start < n && status == SN_OK; start += TOGETHER) {
        ask_for_keys(l->hop, rows + start + few(n, start), few(n, start + few(n, start)));
        ask_for_lists(l->hop, rows + start, few(n, start));
        for (size_t i = start; i < start + few(n, start) && status == SN_OK; i++) {
            sn_row one;
            status = pass_list(l, sn__hop_rows(l->hop, rows[i], &one));
        }
    }
    return status;
}

/* Replaces the rows of a level by those of the next, or counts them. */
static sn_status
sweep_hop(sn_rows *rows, size_t *count, const sn_path *p, size_t at, bool distinct)
{
    sn__seen met = {0};
    sn_rows next = {0};
    const sn__hop *h = &p->hops[at];
    bool last = at + 1u == p->n;
    level l = {p->db, h, distinct && h->joint != SN__NO_JOINT ? &met : NULL, count && last ? NULL : &next, 0};
    sn_status status = sweep_level(&l, rows->rows, rows->n);
    sn__seen_free(p->db, &met);
    sn_rows_free(p->db, rows);
    *rows = next;
    if (count && last) {
        *count = l.count;
    }
    return status;
}

static sn_status
sweep(sn_rows *rows, size_t *count, const sn_path *p, sn_row from, bool distinct)
{
    sn_status status = sn_rows_push(p->db, rows, from);
    for (size_t i = 0; i < p->n && status == SN_OK; i++) {
        status = sweep_hop(rows, count, p, i, distinct);
    }
    return status;
}

sn_status
sn__path_sweep(sn_rows *out, const sn_path *p, sn_row from, bool distinct)
{
    sn_rows rows = {0};
    sn_status status = sweep(&rows, NULL, p, from, distinct);
    status = status ? status : sn__rows_append(p->db, out, (sn_posting_view){rows.rows, rows.n, rows.n});
    sn_rows_free(p->db, &rows);
    return status;
}

sn_status
sn__path_sweep_count(size_t *out, const sn_path *p, sn_row from, bool distinct)
{
    sn_rows rows = {0};
    *out = 0;
    sn_status status = sweep(&rows, out, p, from, distinct);
    sn_rows_free(p->db, &rows);
    return status;
}
