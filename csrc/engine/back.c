/*
 * back.c - from targets back to the rows that lead to them.
 *
 * Hop by hop from the end: the rows for which the hop's condition holds, then the rows from which the hop leads to them, settled into
 * insertion order. A hop along a path goes back along that path; a union along each; a recursive one again and again, until no row comes
 * that was not met. Offsets, limits, intersections and differences cannot be inverted: what they leave of a row's targets depends on the
 * row (path.c, `invertible`).
 *
 * Cost: the rows met on the way back. Memory (SN_NOMEM): lists of them.
 */
#include "path.h"

#include "rows.h"

#include <assert.h>

/* Appends the rows of a list for which a condition of the hop holds. */
static sn_status
holding(sn_rows *out, sn_db *db, const sn__hop *h, sn_node where, const sn_rows *rows)
{
    sn_status status = sn_rows_reserve(db, out, rows->n);
    for (size_t i = 0; i < rows->n && status == SN_OK; i++) {
        bool holds;
        status = sn__hop_test(&holds, h, where, rows->rows[i]);
        if (status == SN_OK && holds) {
            out->rows[out->n++] = rows->rows[i];
        }
    }
    return status;
}

static sn_status
copy(sn_rows *out, sn_db *db, const sn_rows *rows)
{
    return sn__rows_append(db, out, (sn_posting_view){rows->rows, rows->n, rows->n});
}

/* Appends the rows from which a hop's reference leads to one of the rows. */
static sn_status
back_along_reference(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    sn__hop inverse = {.reference = h->reference, .backward = !h->backward};
    sn_status status = SN_OK;
    for (size_t i = 0; i < rows->n && status == SN_OK; i++) {
        sn_row one;
        status = sn__rows_append(db, out, sn__hop_rows(&inverse, rows->rows[i], &one));
    }
    return status;
}

/* The rows of a way of the hop that lead on to one of the rows. */
static sn_status
back_to_way(sn_rows *out, sn_db *db, const sn__hop *h, size_t way, const sn_rows *rows)
{
    const sn_path *onward = sn__hop_onward(h, way);
    sn_rows found = {0};
    sn_status status = onward ? copy(&found, db, rows) : SN_OK;
    status = status || !onward ? status : sn__path_back(&found, onward);
    status = status ? status : holding(out, db, h, sn__hop_way_where(h, way), onward ? &found : rows);
    sn_rows_free(db, &found);
    return status;
}

/* Appends the rows from which one of the hop's paths leads to one of the rows. */
static sn_status
back_along_paths(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    sn_status status = SN_OK;
    for (size_t i = 0; i < h->path_count && status == SN_OK; i++) {
        sn_rows found = {0};
        status = back_to_way(&found, db, h, i, rows);
        status = status ? status : sn__path_back(&found, h->paths[i]);
        status = status ? status : copy(out, db, &found);
        sn_rows_free(db, &found);
    }
    return status;
}

/* Moves the rows that are met for the first time to the front of the list. */
static sn_status
keep_fresh(sn_rows *rows, sn_db *db, sn__seen *met, const sn_table *t)
{
    size_t kept = 0;
    sn_status status = SN_OK;
    for (size_t i = 0; i < rows->n && status == SN_OK; i++) {
        bool fresh;
        status = sn__seen_add(&fresh, db, met, rows->rows[i], t->positions);
        if (status == SN_OK && fresh) {
            rows->rows[kept++] = rows->rows[i];
        }
    }
    rows->n = kept;
    return status;
}

/* Appends the rows from which the hop's path leads to one of the rows by any number of turns. */
static sn_status
back_again_and_again(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    sn__seen met = {0};
    sn_rows edge = {0};
    sn_status status = copy(&edge, db, rows);
    while (status == SN_OK && edge.n > 0) {
        status = sn__path_back(&edge, h->paths[0]);
        status = status ? status : keep_fresh(&edge, db, &met, h->from);
        status = status ? status : copy(out, db, &edge);
    }
    sn_rows_free(db, &edge);
    sn__seen_free(db, &met);
    return status;
}

static sn_status
back_from(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    switch (h->kind) {
    case SN_HOP_REFERENCE:
        return back_along_reference(out, db, h, rows);
    case SN_HOP_RECURSIVE:
        return back_again_and_again(out, db, h, rows);
    default:
        return back_along_paths(out, db, h, rows);
    }
}

static sn_status
hop_back(sn_rows *out, sn_db *db, const sn__hop *h, const sn_rows *rows)
{
    sn_rows held = {0};
    bool all = h->where == SN_NO_NODE;
    sn_status status = all ? SN_OK : holding(&held, db, h, h->where, rows);
    status = status ? status : back_from(out, db, h, all ? rows : &held);
    sn_rows_free(db, &held);
    sn__rows_settle(db, out, 0);
    return status;
}

sn_status
sn__path_back(sn_rows *rows, const sn_path *p)
{
    assert(p->invertible);
    sn_status status = SN_OK;
    for (size_t i = p->n; i > 0 && status == SN_OK; i--) {
        sn_rows before = {0};
        status = hop_back(&before, p->db, &p->hops[i - 1], rows);
        sn_rows_free(p->db, rows);
        *rows = before;
    }
    return status;
}
