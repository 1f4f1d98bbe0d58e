/*
 * time.c - the time is told, and expressions hold moments of it while others come and go (run.h).
 */
#include "run.h"

#define DAY INT64_C(86400000000)
#define LATEST ((INT64_C(1) << 59) - 1)
#define ENTRY (INT64_C(0x002073616d652005)) /* that of an entry of the palette; the next is that of another (cells.c) */

int64_t
choose_offset(run *r)
{
    static const int64_t offsets[] = {0, 1, -1, DAY, -DAY, 730000 * DAY, SN_MAX_OFFSET, -SN_MAX_OFFSET};
    return offsets[run_byte(r) & 7];
}

void
run_tell_time(run *r)
{
    static const int64_t utc[] = {ENTRY, ENTRY + 1, ENTRY - 1, ENTRY - DAY, 0, -1, LATEST, -LATEST};
    static const int64_t local[] = {0, 1, DAY, 730000 * DAY, 3652059 * DAY - 1, -1, LATEST, 730000 * DAY + 1};
    unsigned b = run_byte(r);
    sn_status st = sn_db_set_time(r->db, utc[b & 7], local[b >> 3 & 7]);
    REQUIRE(st == SN_OK || (st == SN_NOMEM && r->memory.refused));
    if (st != SN_OK)
        return;
    r->m.utc = utc[b & 7];
    r->m.local = local[b >> 3 & 7];
}

static void
drop(sn_expr **kept)
{
    if (*kept)
        sn_expr_free(*kept);
    *kept = NULL;
}

void
run_drop_moments(run *r)
{
    for (int i = 0; i < KEPT; i++)
        drop(&r->kept[i]);
}

/* Up to four moments, as far as there is memory. */
static void
keep(run *r, sn_expr **kept, unsigned b)
{
    sn_status st = sn_expr_new(kept, r->db);
    if (st != SN_OK)
        *kept = NULL;
    for (unsigned n = 1 + (b >> 1 & 3); n > 0 && st == SN_OK; n--) {
        unsigned type = run_byte(r);
        sn_expr_moment(*kept, type & 1 ? SN_DATETIME : SN_ENTRY, choose_offset(r));
        st = sn_expr_status(*kept);
    }
    REQUIRE(st == SN_OK || (st == SN_NOMEM && r->memory.refused));
}

void
run_keep_moments(run *r)
{
    unsigned b = run_byte(r);
    sn_expr **kept = &r->kept[b & 1];
    if (*kept)
        drop(kept);
    else
        keep(r, kept, b);
}
