/*
 * test_rows.c - lists of rows: growth, refusals, putting in order; the set of rows met.
 */
#include "harness.h"
#include "rows.h"

#include <string.h>

static hostile h;

static void
fill(sn_db *db, sn_rows *r, uint64_t *seed, size_t n, sn_row span)
{
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(sn_rows_push(db, r, harness_random(seed, span)));
    }
}

/* Sorted, each once, and exactly those that were there from `start` on. */
static void
check_settled(const sn_rows *r, const sn_row *before, size_t n, size_t start)
{
    for (size_t i = start + 1; i < r->n; i++) {
        CHECK(r->rows[i - 1] < r->rows[i]);
    }
    for (size_t i = start; i < n; i++) {
        bool found = false;
        for (size_t j = start; j < r->n && !found; j++) {
            found = r->rows[j] == before[i];
        }
        CHECK(found);
    }
    for (size_t j = start; j < r->n; j++) {
        bool found = false;
        for (size_t i = start; i < n && !found; i++) {
            found = r->rows[j] == before[i];
        }
        CHECK(found);
    }
    CHECK(start == 0 || memcmp(r->rows, before, start * sizeof *before) == 0);
}

static void
test_settle(sn_db *db)
{
    static const sn_row spans[] = {1, 7, 300, 100000, UINT32_MAX - 1};
    uint64_t seed = 1;
    for (size_t round = 0; round < 300; round++) {
        sn_rows r = {0};
        sn_row before[200];
        size_t n = harness_random(&seed, 200), start = n ? harness_random(&seed, (uint32_t)n) : 0;
        fill(db, &r, &seed, n, spans[round % 5]);
        memcpy(before, r.rows ? r.rows : before, n * sizeof *before);
        if (round % 3 == 0) {
            hostile_arm(&h, 1, true); /* without memory it is done in place */
        }
        sn__rows_settle(db, &r, start);
        hostile_disarm(&h);
        check_settled(&r, before, n, start);
        sn_rows_free(db, &r);
    }
}

static void
test_push_refused(sn_db *db)
{
    sn_rows r = {0};
    hostile_arm(&h, 1, true);
    CHECK_STATUS(sn_rows_push(db, &r, 1), SN_NOMEM);
    CHECK_STATUS(sn_rows_reserve(db, &r, 10), SN_NOMEM);
    hostile_disarm(&h);
    CHECK(r.n == 0 && r.cap == 0 && r.rows == NULL);
    CHECK_STATUS(sn_rows_reserve(db, &r, SIZE_MAX), SN_LIMIT);
    CHECK_OK(sn_rows_reserve(db, &r, 10));
    CHECK(r.cap >= 10 && r.n == 0);
    sn_rows_free(db, &r);
}

/* From a few rows in a hash to many in a bitmap, also with refusals between. */
static void
test_seen(sn_db *db, sn_row positions, size_t adds)
{
    bool met[5000] = {false};
    uint64_t seed = positions;
    sn__seen s = {0};
    for (size_t i = 0; i < adds; i++) {
        sn_row row = harness_random(&seed, positions);
        bool fresh = false;
        hostile_arm(&h, i % 4 == 0, true);
        sn_status status = sn__seen_add(&fresh, db, &s, row, positions);
        bool refused = hostile_disarm(&h) > 0;
        CHECK(refused ? status == SN_NOMEM : status == SN_OK);
        CHECK(refused || fresh == !met[row]);
        met[row] |= !refused;
    }
    CHECK(adds < 100 || positions > 3000 || s.bits);
    sn__seen_free(db, &s);
    CHECK(!s.bits && !s.slots);
}

/* Each row once, in order of first encounter, and every row where its place says. */
static void
test_distinct(sn_db *db)
{
    uint64_t seed = 7;
    for (size_t round = 0; round < 200; round++) {
        sn_rows r = {0}, once = {0};
        sn_row places[200];
        size_t n = harness_random(&seed, 200);
        fill(db, &r, &seed, n, round % 3 ? 20 : 100000);
        hostile_arm(&h, round % 5 == 0, true);
        sn_status status = sn_rows_distinct(&once, places, db, r.rows, n);
        bool refused = hostile_disarm(&h) > 0;
        CHECK(refused ? status == SN_NOMEM : status == SN_OK);
        size_t met = 0;
        for (size_t i = 0; i < n && !refused; i++) {
            CHECK(places[i] <= met && places[i] < once.n && once.rows[places[i]] == r.rows[i]);
            met += places[i] == met;
        }
        CHECK(refused || met == once.n);
        sn_rows_free(db, &once);
        sn_rows_free(db, &r);
    }
}

int
main(void)
{
    sn_db db;
    harness_bare_db(&db, &h);
    test_settle(&db);
    test_distinct(&db);
    test_push_refused(&db);
    for (sn_row positions = 1; positions < 5000; positions = positions * 3 + 1) {
        test_seen(&db, positions, 10);
        test_seen(&db, positions, 4000);
    }
    return harness_done("rows", &h);
}
