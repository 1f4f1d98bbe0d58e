/*
 * expr.h - the nodes of an expression, and what evaluates them.
 */
#ifndef SN_EXPR_H
#define SN_EXPR_H

#include "arith.h"
#include "database.h"
#include "moment.h"

#define SN_MAX_NESTING 16  /* rows around each other */
#define SN_MAX_HEIGHT 1000 /* nodes on the way to a leaf: evaluation recurses */

typedef enum sn__kind {
    /* values */
    SN__CONST,
    SN__COLUMN,
    SN__FOLLOW,
    SN__HOST,
    SN__ARITH,
    SN__ELSE,
    SN__AGGREGATE,
    /* predicates */
    SN__COMPARE,
    SN__IN,
    SN__TEXT,
    SN__IS_NULL,
    SN__TRUTH,
    SN__AND,
    SN__OR,
    SN__NOT,
    SN__EXISTS,
    SN__KIND_COUNT
} sn__kind;

#define SN__NO_TYPE SN_TYPE_COUNT /* the type of a predicate */

/* Constants of an IN: a range of the expression's cells, and a hash of them (position + 1, 0: free; a NaN is not in it). */
typedef struct sn__members {
    size_t first, n;
    uint32_t *slots;
    size_t cap;    /* a power of two */
    bool null;     /* null is among them */
    bool borrowed; /* the cells are those of other nodes */
} sn__members;

/* One node. Which members count depends on its kind; `rows` says of which table the row at each depth must be (NULL: any), and
 * `reach` is one more than the greatest depth that it looks at. */
typedef struct sn__term {
    uint8_t kind;
    uint8_t type;
    uint8_t op; /* sn_arith_op, sn_agg_op, sn_compare_op or sn_text_op */
    uint8_t depth;
    uint8_t reach;
    uint8_t nesting;
    bool distinct;
    uint16_t height;
    sn_node a, b;           /* operands; of a follow, exists and aggregate: a is the value, b the condition */
    sn_node inside;         /* what says the same as exists(path, ...) when no null is compared, or of an OR as IN; or
                             * SN_NO_NODE */
    uint32_t first, n;      /* AND, OR: children */
    sn_col col;             /* COLUMN */
    uint32_t slot;          /* HOST */
    uint32_t members;       /* IN */
    const sn_path *path;    /* FOLLOW, AGGREGATE, EXISTS */
    const sn__arith *arith; /* ARITH */
    sn_cell cell;           /* CONST: owned, with a promise on the drop list if its type owns something */
    uint32_t moment;        /* CONST: 1 + the number of the moment that it is instead (moment.h), or 0 */
    const sn_table *rows[SN_MAX_NESTING];
} sn__term;

typedef struct sn__host {
    const sn_cell *cells; /* borrowed */
    size_t n;
} sn__host;

struct sn_expr {
    sn_db *db;
    sn_status status;
    bool timed; /* a moment, or a path that is timed, is among the terms */
    bool spare; /* a promise beyond those of the constants: to take a cell in when nothing else can be had */
    sn__term *terms;
    size_t n, cap;
    sn_node *children;
    size_t child_n, child_cap;
    sn_cell *cells; /* of all IN */
    size_t cell_n, cell_cap;
    sn__members *members;
    size_t member_n, member_cap;
    sn__host *hosts;
    size_t host_n, host_cap;
};

/* The rows that surround an evaluation: depth 0 first. */
typedef struct sn__scope {
    const struct sn__scope *outer;
    sn_row row;
} sn__scope;

static inline const sn__term *
sn__term_at(const sn_expr *e, sn_node node)
{
    return &e->terms[node];
}

/* What a CONST stands for. Borrowed; of a moment until another time is told. */
static inline sn_cell
sn__constant(const sn_expr *e, const sn__term *t)
{
    return t->moment ? sn__moment_cell(e->db, t->moment - 1) : t->cell;
}

/* Whether the node is a predicate (or a value) that can be evaluated at a row of the table with nothing around it. */
bool sn__expr_fits(const sn_expr *e, sn_node node, bool predicate, const sn_table *t);

/* The node at the innermost row of the scope. Cells are borrowed. SN_OVERFLOW, SN_NOMEM. */
sn_status sn__eval(sn_cell *out, const sn_expr *e, sn_node node, const sn__scope *s);
sn_status sn__test(bool *out, const sn_expr *e, sn_node node, const sn__scope *s);

/* Whether all predicates hold at the row. */
sn_status sn__test_all(bool *out, const sn_expr *e, const sn_node *nodes, size_t n, sn_row row);

/* A value for each of n rows. */
sn_status sn__eval_rows(sn_cell *out, const sn_expr *e, sn_node node, const sn_table *t, const sn_row *rows, size_t n);

/* The position of the value in an IN's cells + 1, or 0. */
uint32_t sn__members_find(const sn_expr *e, const sn__members *m, sn_type type, sn_word word);

/* Fills db->error when the status is one. */
sn_status sn__failed(sn_db *db, sn_status status);

#endif
