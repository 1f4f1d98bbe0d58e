/*
 * path.h - compiled relations, and walking along them.
 */
#ifndef SN_PATH_H
#define SN_PATH_H

#include "expr.h"

#define SN_MAX_HOPS 32
#define SN__NO_JOINT UINT8_MAX

/* Rows are looked up through the reference's indexes at each use: nothing here points into a table. */
typedef struct sn__hop {
    const sn_reference *reference;
    const sn_expr *expr;
    sn_node where;
    const sn_order *order; /* behind the hops, in the path's block */
    size_t order_len;
    size_t limit; /* 1 for a single step; SIZE_MAX: none */
    bool backward;
    bool to_one;
    uint8_t joint; /* this step can arrive at a row several times: which set of rows met; or SN__NO_JOINT */
} sn__hop;

struct sn_path {
    sn_db *db;
    size_t size; /* of this block */
    uint8_t n;
    uint8_t joints;
    uint8_t nesting;
    uint16_t height;
    bool distinct;
    bool single;
    bool invertible; /* sn_path_semijoin works */
    sn__hop hops[];
};

/* What a walk does at each target. Setting `stop` ends the walk. */
typedef struct sn__visit sn__visit;
struct sn__visit {
    sn_status (*at)(sn__visit *v, sn_row row);
    bool stop;
};

const sn_table *sn__hop_from(const sn__hop *h);
const sn_table *sn__hop_to(const sn__hop *h);

/* The targets from a live row, in order. distinct: each once. */
sn_status sn__path_walk(const sn_path *p, sn_row from, bool distinct, sn__visit *v);
sn_status sn__path_first(sn_row *out, const sn_path *p, sn_row from);
sn_status sn__path_tally(size_t *out, const sn_path *p, sn_row from, bool distinct, size_t stop_at);
/* The rows from which the path leads to one of the targets given, in insertion order, each once: replaces *rows. */
sn_status sn__path_back(sn_rows *rows, const sn_path *p);

#endif
