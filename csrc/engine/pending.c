/*
 * pending.c - rules that look at the end of a unit: dangling references, restricted deletes, deferred uniqueness.
 *
 * A write that breaks such a rule, seen at the moment, adds one item; the outermost commit looks again, for the rest of
 * the unit may have mended it. Rows that break nothing add nothing, so a clean load costs no memory here. Invariant:
 * whatever breaks a rule in the open unit has an item.
 *
 *   REFERENCE  row of reference->from refers to no row
 *              stands while the row lives and still finds none
 *   TARGET     row of reference->to was deleted, restrict; its words are in place until the unit ends
 *              stands while no row has its key again and rows refer to it
 *   UNIQUE     row shares a deferred key
 *              stands while another live row has the key
 *   CYCLE      row may be met again along a reference that forbids it
 *              stands while it lives and is
 *
 * A row that is changed several times may have several items, so a failing commit sorts them, drops doubles, and sorts
 * what is left by age, so that errors come in the order in which they were made: n log n, in place, no memory (heap
 * sort; qsort may allocate).
 */
#include "pending.h"

#include "cycle.h"

#include "reference.h"

#include <assert.h>

sn_status
sn__pending_add(sn_db *db, sn_pending_kind kind, const sn_reference *reference, const sn_index *index, sn_row row)
{
    sn_status st = sn_mem_grow(&db->mem, &db->pending, &db->pending_cap, db->pending_len + 1, sizeof(sn_pending));
    if (st != SN_OK)
        return sn__fail_status(db, st);
    db->pending[db->pending_len++] = (sn_pending){.kind = kind, .reference = reference, .index = index, .row = row};
    return SN_OK;
}

/* ---------------------------------------------------------------- which of them stand */

static bool
target_stands(sn_pending *p)
{
    sn_word key[SN_MAX_KEY];
    bool whole = sn__row_key(key, p->reference->to, p->row); /* of a dead row, as rows referred to it */
    assert(whole);
    if (sn__index_find(p->reference->to, key) != SN_NO_ROW)
        return false;
    whole = sn__reference_referring(key, p->reference, p->row);
    assert(whole);
    (void)whole;
    p->count = sn__reference_count(p->reference, key);
    p->other = sn__reference_first(p->reference, key);
    return p->count > 0;
}

static bool
unique_stands(sn_pending *p)
{
    sn_word key[SN_MAX_KEY];
    if (!sn__alive(p->index->table, p->row) || !sn__row_key(key, p->index, p->row))
        return false;
    p->other = sn__index_find_other(p->index, key, p->row);
    p->count = 1;
    return p->other != SN_NO_ROW;
}

static bool
cycle_stands(sn_pending *p)
{
    sn_word key[SN_MAX_KEY];
    const sn_reference *ref = p->reference;
    size_t length;
    if (!sn__alive(ref->from->table, p->row) || !sn__cycle_at(ref, p->row, &length))
        return false;
    p->count = length;
    p->other = sn__reference_target(key, ref, p->row) ? sn__index_find(ref->to, key) : SN_NO_ROW;
    return true;
}

static bool
stands(sn_pending *p)
{
    switch (p->kind) {
    case SN_PENDING_REFERENCE:
        p->count = 1;
        p->other = SN_NO_ROW;
        return sn__alive(p->reference->from->table, p->row) && sn__reference_dangles(p->reference, p->row);
    case SN_PENDING_TARGET:
        return target_stands(p);
    case SN_PENDING_UNIQUE:
        return unique_stands(p);
    case SN_PENDING_CYCLE:
        return cycle_stands(p);
    }
    return false;
}

/* ---------------------------------------------------------------- sorting */

static bool
same_problem(const sn_pending *a, const sn_pending *b)
{
    return a->kind == b->kind && a->reference == b->reference && a->index == b->index && a->row == b->row;
}

static bool
by_subject(const sn_pending *a, const sn_pending *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind;
    if (a->reference != b->reference)
        return (uintptr_t)a->reference < (uintptr_t)b->reference;
    if (a->index != b->index)
        return (uintptr_t)a->index < (uintptr_t)b->index;
    return a->row != b->row ? a->row < b->row : a->at < b->at;
}

static bool
by_age(const sn_pending *a, const sn_pending *b)
{
    return a->at < b->at;
}

typedef bool (*less_fn)(const sn_pending *a, const sn_pending *b);

static void
swap(sn_pending *a, sn_pending *b)
{
    sn_pending old = *a;
    *a = *b;
    *b = old;
}

static void
sift_down(sn_pending *heap, size_t at, size_t n, less_fn less)
{
    for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && less(&heap[child], &heap[child + 1]))
            child++;
        if (!less(&heap[at], &heap[child]))
            return;
        swap(&heap[at], &heap[child]);
        at = child;
    }
}

static void
heap_sort(sn_pending *items, size_t n, less_fn less)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(items, i, n, less);
    for (size_t end = n; end-- > 1;) {
        swap(&items[0], &items[end]);
        sift_down(items, 0, end, less);
    }
}

static size_t
drop_doubles(sn_pending *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !same_problem(&items[kept - 1], &items[i]))
            items[kept++] = items[i];
    }
    return kept;
}

/* ---------------------------------------------------------------- reporting */

static sn_error
describe(const sn_pending *p)
{
    sn_error e = SN_ERROR(SN_DANGLING);
    e.reference = p->reference;
    e.index = p->index;
    e.row = p->row;
    e.other = p->other;
    e.count = p->count;
    if (p->kind == SN_PENDING_REFERENCE || p->kind == SN_PENDING_CYCLE) {
        e.status = p->kind == SN_PENDING_CYCLE ? SN_CYCLE : SN_DANGLING;
        e.table = p->reference->from->table;
    } else if (p->kind == SN_PENDING_TARGET) {
        e.status = SN_RESTRICTED;
        e.table = p->reference->to->table;
        e.row = p->other;
        e.other = p->row;
    } else {
        e.status = SN_UNIQUE;
        e.table = p->index->table;
    }
    return e;
}

/* The error of a failed commit: the first problem; a dangling reference counts all of its kind. */
static sn_error
summarize(const sn_db *db)
{
    sn_error e = describe(&db->pending[0]);
    if (e.status != SN_DANGLING)
        return e;
    e.count = 0;
    for (size_t i = 0; i < db->problem_count; i++)
        e.count += db->pending[i].kind == SN_PENDING_REFERENCE;
    return e;
}

sn_status
sn__pending_examine(sn_db *db)
{
    size_t n = 0;
    for (size_t i = 0; i < db->pending_len; i++) {
        if (!stands(&db->pending[i]))
            continue;
        db->pending[n] = db->pending[i];
        db->pending[n].at = (uint32_t)n;
        n++;
    }
    heap_sort(db->pending, n, by_subject);
    n = drop_doubles(db->pending, n);
    heap_sort(db->pending, n, by_age);
    db->pending_len = n;
    db->problem_count = n;
    return n == 0 ? SN_OK : sn__fail(db, summarize(db));
}

bool
sn_problem(sn_error *out, const sn_db *db, size_t i)
{
    if (i >= db->problem_count)
        return false;
    *out = describe(&db->pending[i]);
    return true;
}
