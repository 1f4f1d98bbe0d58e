/*
 * tree.h - expressions and paths as naive trees beside the engine's nodes: built together, byte by byte (tree.c, route.c),
 * and evaluated by looking at all rows (naive.c).
 */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

#include "run.h"

#define MAX_TREES 400
#define FULL_TREES 60 /* beyond that, only leaves */
#define MAX_ROUTES 6
#define FEW_ROUTES 4 /* of a run without extras */
#define MAX_HOPS 3
#define MAX_PARTS 3
#define MAX_SCOPE 6
#define MAX_ORDERS 3
#define MAX_CHILDREN 6
#define MAX_MEMBERS 10
#define MAX_TARGETS 512
#define MAX_STEPS 20000
#define HOSTS 2
#define NONE (-1)

typedef enum tree_kind {
    /* values */
    T_CONST,
    T_MOMENT,
    T_COLUMN,
    T_FOLLOW,
    T_HOST,
    T_ARITH,
    T_AGGREGATE,
    /* predicates */
    T_COMPARE,
    T_IN,
    T_TEXT,
    T_IS_NULL,
    T_TRUTH,
    T_AND,
    T_OR,
    T_NOT,
    T_EXISTS
} tree_kind;

typedef struct tree {
    tree_kind kind;
    sn_type type; /* of a value */
    int op;
    unsigned depth;
    int table; /* COLUMN */
    sn_col col;
    unsigned slot;  /* HOST */
    int route;      /* FOLLOW, AGGREGATE, EXISTS */
    int a, b;       /* operands; of AGGREGATE and EXISTS: value and condition; or NONE */
    bool distinct;  /* AGGREGATE */
    bool bare;      /* CONST */
    value constant; /* CONST */
    int64_t offset; /* MOMENT */
    int child[MAX_CHILDREN];
    value members[MAX_MEMBERS]; /* IN */
    bool member_bare;
    size_t n; /* children, members */
    sn_node node;
} tree;

typedef struct order_spec {
    int tree;
    bool descending, nulls_first;
} order_spec;

/* Along a reference, or along routes that were made before; then its conditions and orders speak of the rows of `via`,
 * which are those of `to` unless its ways lead on. */
typedef struct hop {
    sn_hop_kind kind;
    int ref; /* NONE: along routes */
    int parts[MAX_PARTS];
    size_t part_n;
    int from, via, to; /* tables */
    bool backward, single;
    int where;                                /* or NONE */
    order_spec orders[MAX_PARTS][MAX_ORDERS]; /* of each way; without ways, the first */
    size_t order_n;
    bool by_ways;
    int way_where[MAX_PARTS];
    int onward[MAX_PARTS]; /* routes, or NONE */
    size_t offset, limit;
} hop;

static inline bool
leads_on(const hop *h)
{
    return h->by_ways && h->onward[0] != NONE;
}

typedef struct route {
    hop hops[MAX_HOPS];
    size_t n;
    int from, to; /* tables */
    bool distinct;
    bool timed; /* something in it looks at the time */
    sn_path *path;
} route;

typedef struct ask {
    run *r;
    sn_expr *e;
    tree trees[MAX_TREES];
    size_t n;
    route routes[MAX_ROUTES];
    size_t route_n;
    value hosts[HOSTS][MAX_ROWS];
    sn_cell host_cells[HOSTS][MAX_ROWS];
    size_t host_n[HOSTS];
    bool overflow;  /* an evaluation met a result out of range: the engine may have passed over it, or not */
    bool abandoned; /* it takes too long */
    size_t steps;
    size_t moments;  /* made */
    size_t tellings; /* how often the time has been told meanwhile */
} ask;

/* Which tables the rows around are of: depth 0 last. */
typedef struct around {
    int tables[MAX_SCOPE];
    size_t n;
} around;

/* Each returns NONE when the engine was refused memory. */
int tree_value(ask *a, const around *s, int level);
int tree_value_of(ask *a, const around *s, int level, sn_type type);
int tree_predicate(ask *a, const around *s, int level);
/* A value that can be ordered by. */
int tree_ordered(ask *a, const around *s, int level);
/* An aggregate over the targets of a path; NONE also when no path starts there. */
int tree_aggregate(ask *a, const around *s, int level);
/* What the index can serve: a conjunction (or NONE) and an order; false when refused. */
bool tree_aimed(ask *a, int index, int *where, order_spec *orders, size_t *order_n);
bool tree_orders(ask *a, order_spec *out, size_t *n, int table);
/* Terms that can be sorted by among those of another way; sometimes they cannot. */
bool tree_orders_like(ask *a, order_spec *out, const order_spec *first, size_t n, int table);
/* The engine's form of it. */
void tree_engine_orders(const ask *a, sn_order *out, const order_spec *orders, size_t n);
sn_node tree_node(const ask *a, int t);
/* A path more, if there are references and its ways agree; false when memory was refused. */
bool tree_route(ask *a, int from);

/* What an expression gives. */
typedef struct answer {
    bool null, bare;
    sn_type type;
    int64_t v;
    bool moment; /* an entry of so many microseconds, of which there is only the canonical form */
} answer;

typedef struct scope {
    const struct scope *outer;
    sn_row row;
} scope;

typedef struct targets {
    sn_row rows[MAX_TARGETS];
    size_t n;
} targets;

answer naive_value(ask *a, int tree, const scope *s);
bool naive_test(ask *a, int tree, const scope *s);
void naive_targets(ask *a, targets *out, const route *p, sn_row from, bool distinct);
/* By the terms of each row's way, MAX_ORDERS apart, which are moved along; way_of NULL: all by the first. */
void naive_sort(ask *a, const order_spec *orders, size_t order_n, sn_row *rows, unsigned char *way_of, size_t n);
bool naive_same_group(answer x, answer y);

/* Aggregates. */
typedef struct tally {
    int op;
    sn_type type; /* of the values */
    size_t n;
    __extension__ __int128 sum;
    double real, error;
    answer best;
} tally;
void naive_add(tally *t, answer value);
answer naive_result(ask *a, const tally *t);

/* arith.c: the type of the result, or SN_TYPE_COUNT; false: out of range. */
sn_type naive_arith_type(int op, sn_type x, sn_type y);
bool naive_arith(answer *out, int op, answer x, answer y);
double naive_ratio(__int128 x, __int128 y);
bool naive_round(int64_t *out, __int128 x, __int128 y);
/* text.c */
bool naive_match(int op, sn_bytes text, sn_bytes pattern);

#endif
