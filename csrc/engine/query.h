/*
 * query.h - the parts of a query: finding rows, scanning blocks, putting rows in order.
 */
#ifndef SN_QUERY_H
#define SN_QUERY_H

#include "expr.h"
#include "path.h"

/* ---------------------------------------------------------------- order.c */

bool sn__order_fits(const sn_expr *e, const sn_order *order, const sn_table *t);
/* Puts the rows in order, stably. Only the first `need` of them are certain to stand right afterwards, and all others behind
 * them. Nothing has moved when it fails. */
sn_status sn__order_rows(sn_db *db, const sn_expr *e, const sn_table *t, const sn_order *order, size_t order_len,
                         sn_row *rows, size_t n, size_t need);
/* The same of the rows of a union with ways, which stand way by way: each is sorted by the terms of its own. ways: of each row, and moved
 * with it. */
sn_status sn__order_ways(sn_db *db, const sn__hop *h, sn_row *rows, uint32_t *ways, size_t n, size_t need);

/* ---------------------------------------------------------------- finding rows */

/* A question about one table: the rows for which all tests hold. */
typedef struct sn__find {
    sn_db *db;
    const sn_table *table;
    const sn_expr *expr; /* NULL when there are no tests */
    sn_life life;        /* which rows a scan looks at */
    sn_node *tests;
    size_t n, cap;
} sn__find;

/* {0} before; flattens the conjunction `where` (SN_NO_NODE: none) into tests. */
sn_status sn__find_init(sn__find *f, sn_db *db, const sn_table *t, const sn_expr *e, sn_node where);
void sn__find_fini(sn__find *f);

/* What was found: rows, or only their number. */
typedef struct sn__found {
    sn_rows *rows; /* NULL: counted only */
    size_t n;
    size_t need; /* no more than these are wanted */
    size_t examined;
} sn__found;

/* ---------------------------------------------------------------- scan.c */

/* Whether the test can be evaluated a block at a time. */
bool sn__scan_fast(const sn_expr *e, sn_node test);
/* Rows of f->life in insertion order; reorders the tests. */
sn_status sn__scan(sn__found *out, sn__find *f);

/* ---------------------------------------------------------------- plan.c */

/* A way to candidates. What it serves exactly need not be tested again. */
typedef struct sn__access {
    sn_access kind;
    const sn_index *index;
    sn_word key[SN_MAX_KEY]; /* probe, postings: words through key() */
    sn_node in;              /* postings of each member of this IN; or SN_NO_NODE */
    sn_cell low[SN_MAX_KEY], high[SN_MAX_KEY];
    sn_range range;      /* its bounds point to low and high, see sn__access_range */
    size_t equal;        /* leading columns that are held equal */
    const sn_path *path; /* semijoin */
    sn_node inner;       /* what holds at its end */
    sn_node served[2 * SN_MAX_KEY];
    size_t served_n;
    size_t rows; /* candidates: exact but for a semijoin */
    size_t cost;
} sn__access;

/* The cheapest way; a scan if there is no better. */
sn_status sn__plan(sn__access *out, const sn__find *f);
/* The range of an ordered index that the tests describe, possibly all of it. */
void sn__plan_range(sn__access *a, const sn__find *f, const sn_index *ix);
/* Takes the tests that the access serves out of f. */
void sn__access_serve(const sn__access *a, sn__find *f);
const sn_range *sn__access_range(sn__access *a);
/* Candidates of anything but a scan, in insertion order. */
sn_status sn__access_rows(sn_rows *out, sn__access *a, sn__find *f, size_t *examined);

/* Plans and runs: live rows (a scan: those of f->life) in insertion order, no more than out->need (at least; a sort wants all). */
sn_status sn__find_run(sn__found *out, sn__access *used, sn__find *f);

#endif
