/*
 * path.h - compiled relations (path.c), walking along them (walk.c) and back (back.c).
 */
#ifndef SN_PATH_H
#define SN_PATH_H

#include "expr.h"

#define SN_MAX_HOPS 32
#define SN__NO_JOINT UINT8_MAX

/* Rows are looked up through references' indexes at each use: nothing here points into a table. */
typedef struct sn__hop {
    const sn_reference *reference; /* NULL: a hop along paths */
    const sn_path *const *paths;   /* behind the hops, in the path's block, as are `ways` and orders */
    size_t path_count;
    const sn_way *ways; /* of a union: for each path, and `order` is NULL; or NULL */
    const sn_table *from, *to;
    const sn_table *via; /* of the rows that its expressions speak of: `to`, unless ways lead on from there */
    const sn_expr *expr;
    sn_node where;
    const sn_order *order;
    size_t order_len;
    size_t offset;
    size_t limit; /* 1 for a single step; SIZE_MAX: none */
    uint8_t kind; /* sn_hop_kind */
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
    bool spreads;    /* no row is the target of two: going on from distinct rows gives distinct rows */
    bool invertible; /* sn_path_semijoin works */
    bool sweeps;     /* sn__path_sweeps */
    bool timed;      /* a condition or an order, also of a path among its steps, looks at the time */
    bool freed;      /* by its owner: it is here for the sake of its uses, and must not be followed */
    size_t uses;     /* reads along it that getters' values keep (getter.h) */
    uint64_t places; /* the bits of all that it looks at (revision.h) */
    void *tag;
    sn__hop hops[];
};

/* Offset or limit: what a hop leads to depends on more than the two rows. */
static inline bool
sn__hop_is_cut(const sn__hop *h)
{
    return h->offset > 0 || h->limit != SIZE_MAX;
}

/* Frees a path that its owner has freed and nothing uses. */
void sn__path_unused(sn_path *p);

/* ---------------------------------------------------------------- walk.c */

/* What a walk does at each target. Setting `stop` ends the walk. */
typedef struct sn__visit sn__visit;
struct sn__visit {
    sn_status (*at)(sn__visit *v, sn_row row);
    bool stop;
    size_t way; /* of the rows of a union: the path by which they come */
};

/* The rows along the hop's reference, before its conditions. `one` is where a single row is put. */
sn_posting_view sn__hop_rows(const sn__hop *h, sn_row row, sn_row *one);
/* Whether the hop's condition holds at a row that it leads to. */
sn_status sn__hop_holds(bool *out, const sn__hop *h, sn_row row);
/* The condition on the rows of one of its paths, beside that. SN_NO_NODE: none. */
static inline sn_node
sn__hop_way_where(const sn__hop *h, size_t way)
{
    return h->ways ? h->ways[way].where : SN_NO_NODE;
}
/* What leads on from the rows of one of its paths, or NULL. */
static inline const sn_path *
sn__hop_onward(const sn__hop *h, size_t way)
{
    return h->ways ? h->ways[way].onward : NULL;
}
/* Whether a condition of the hop's expression holds at a row. */
sn_status sn__hop_test(bool *out, const sn__hop *h, sn_node where, sn_row row);
/* A list of the reference's index that needs no looking at each row. */
bool sn__hop_is_plain(const sn__hop *h);

/* The targets from a live row, in order. distinct: each once. */
sn_status sn__path_walk(const sn_path *p, sn_row from, bool distinct, sn__visit *v);
sn_status sn__path_first(sn_row *out, const sn_path *p, sn_row from);
sn_status sn__path_find(bool *out, const sn_path *p, sn_row from, sn_row target);
sn_status sn__path_tally(size_t *out, const sn_path *p, sn_row from, bool distinct, size_t stop_at);

/* ---------------------------------------------------------------- sweep.c */

/* Whether all hops are plain steps along references, and there are several: then sn__path_sweep is for all targets at once. */
bool sn__path_sweeps(const sn_path *p);
/* Appends the targets from a live row, in the order of a walk. */
sn_status sn__path_sweep(sn_rows *out, const sn_path *p, sn_row from, bool distinct);
sn_status sn__path_sweep_count(size_t *out, const sn_path *p, sn_row from, bool distinct);

/* ---------------------------------------------------------------- hops.c */

/* The rows of a hop along paths, before its conditions, in its order. */
sn_status sn__hop_along(const sn__hop *h, sn_db *db, sn_row from, sn__visit *v);
/* All rows of a recursive hop, before its conditions; levels: how far away each is. Appends. */
sn_status sn__hop_levels(sn_rows *out, sn_rows *levels, const sn__hop *h, sn_db *db, sn_row from);

/* ---------------------------------------------------------------- back.c */

/* The rows from which the path leads to one of the targets given, in insertion order, each once: replaces *rows. */
sn_status sn__path_back(sn_rows *rows, const sn_path *p);

#endif
