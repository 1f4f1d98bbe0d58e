/*
 * expr.c - building expressions.
 *
 * An expression is an arena of nodes (terms) that only grows; children come before their parents, so it is free of
 * cycles. Each builder checks that its operands' types meet, and merges what its operands know:
 *
 *   rows[d]  the table of the row at depth d, as far as some column or path below says so; two that differ: SN_MISUSE
 *   reach    one more than the greatest depth looked at, so that an evaluation never leaves its scope
 *   height   nodes on the longest way down, paths' own conditions included: <= SN_MAX_HEIGHT, which bounds recursion
 *   nesting  rows opened within each other, <= SN_MAX_NESTING
 *
 * Stepping into exists, aggregate or follow moves rows[d + 1] of the inside to rows[d] of the outside.
 *
 * Ownership. Constants own their cells. Each that owns something holds one promise on the drop list, so that freeing
 * needs no memory; the expression holds one more (`spare`), by which a cell is taken in although its node was refused.
 *
 * Moments are constants that own nothing: they name one of the database's (moment.h).
 *
 * Comparisons of a follow with a constant get a twin, `inside`: exists(path, inner op constant). It is true for the
 * same rows as long as the constant is not null, and is what the planner can turn into a semijoin. The twin of an OR of
 * equalities of one column is the membership test that says the same; its cells are those of the parts.
 */
#include "expr.h"

#include "path.h"

#include <assert.h>
#include <math.h>
#include <string.h>

sn_status
sn__failed(sn_db *db, sn_status status)
{
    return status == SN_OK ? SN_OK : sn__fail(db, (sn_error){.status = status, .row = SN_NO_ROW, .other = SN_NO_ROW});
}

sn_status
sn_expr_new(sn_expr **out, sn_db *db)
{
    sn_expr *e = sn_mem_zero(&db->mem, sizeof *e);
    if (!e) {
        return sn__failed(db, SN_NOMEM);
    }
    if (sn__drop_promise(db, 1) != SN_OK) {
        sn_mem_free(&db->mem, e, sizeof *e);
        return sn__failed(db, SN_NOMEM);
    }
    e->db = db;
    e->spare = true;
    *out = e;
    return SN_OK;
}

bool
sn_expr_timed(const sn_expr *e)
{
    return e->timed;
}

static bool
owns(sn_type type, sn_cell cell)
{
    return !cell.null && sn_type_owns(type);
}

static void
free_members(sn_expr *e, sn_type type, sn__members *m)
{
    for (size_t i = 0; i < m->n && !m->borrowed; i++) {
        if (owns(type, e->cells[m->first + i])) {
            sn__drop_cell(e->db, type, e->cells[m->first + i]);
        }
    }
    sn_mem_free(&e->db->mem, m->slots, m->cap * sizeof *m->slots);
}

void
sn_expr_free(sn_expr *e)
{
    sn_mem *m = &e->db->mem;
    size_t members = 0; /* in the order of their nodes; twins share those of another node */
    for (size_t i = 0; i < e->n; i++) {
        sn__term *t = &e->terms[i];
        if (t->moment) {
            sn__moment_leave(e->db, t->moment - 1);
        } else if (t->kind == SN__CONST && owns(t->type, t->cell)) {
            sn__drop_cell(e->db, t->type, t->cell);
        } else if (t->kind == SN__IN && t->members == members) {
            free_members(e, e->terms[t->a].type, &e->members[members++]);
        }
    }
    assert(members == e->member_n);
    if (e->spare) {
        sn__drop_push(e->db, NULL);
    }
    sn_mem_free(m, e->terms, e->cap * sizeof *e->terms);
    sn_mem_free(m, e->children, e->child_cap * sizeof *e->children);
    sn_mem_free(m, e->cells, e->cell_cap * sizeof *e->cells);
    sn_mem_free(m, e->members, e->member_cap * sizeof *e->members);
    sn_mem_free(m, e->hosts, e->host_cap * sizeof *e->hosts);
    sn_mem_free(m, e, sizeof *e);
}

sn_status
sn_expr_status(const sn_expr *e)
{
    return e->status;
}

sn_type
sn_expr_type(const sn_expr *e, sn_node node)
{
    return node >= 0 && (size_t)node < e->n ? (sn_type)e->terms[node].type : SN_TYPE_COUNT;
}

/* ---------------------------------------------------------------- adding terms */

static sn_node
refuse(sn_expr *e, sn_status status)
{
    if (e->status == SN_OK) {
        e->status = sn__failed(e->db, status);
    }
    return SN_NO_NODE;
}

/* The node, if it is a value (or a predicate); NULL and the expression has failed otherwise. */
static const sn__term *
operand(sn_expr *e, sn_node node, bool predicate)
{
    if (e->status) {
        return NULL;
    }
    if (node < 0 || (size_t)node >= e->n || (e->terms[node].type == SN__NO_TYPE) != predicate) {
        refuse(e, SN_MISUSE);
        return NULL;
    }
    return &e->terms[node];
}

static bool
demand_row(sn__term *t, unsigned depth, const sn_table *table)
{
    if (table && t->rows[depth] && t->rows[depth] != table) {
        return false;
    }
    t->rows[depth] = table ? table : t->rows[depth];
    return true;
}

/* What a parent takes over from an operand that lies `inside` rows deeper (0 or 1). */
static bool
merge(sn__term *t, const sn__term *child, unsigned inside)
{
    unsigned height = child->height + 1u, nesting = child->nesting + inside;
    t->height = (uint16_t)(height > t->height ? height : t->height);
    t->nesting = (uint8_t)(nesting > t->nesting ? nesting : t->nesting);
    if (child->reach > inside && child->reach - inside > t->reach) {
        t->reach = (uint8_t)(child->reach - inside);
    }
    for (unsigned depth = inside; depth < SN_MAX_NESTING; depth++) {
        if (!demand_row(t, depth - inside, child->rows[depth])) {
            return false;
        }
    }
    return true;
}

/* The same for the first operand of a node that looks at no row itself: nothing can contradict it. */
static void
merge_first(sn__term *t, const sn__term *child)
{
    bool fits = merge(t, child, 0);
    assert(fits);
    (void)fits;
}

static sn_node
append(sn_expr *e, const sn__term *t)
{
    if (e->status) {
        return SN_NO_NODE;
    }
    if (t->height > SN_MAX_HEIGHT || t->nesting > SN_MAX_NESTING || e->n >= INT32_MAX) {
        return refuse(e, SN_LIMIT);
    }
    if (sn_mem_grow(&e->db->mem, &e->terms, &e->cap, e->n + 1, sizeof *e->terms) != SN_OK) {
        return refuse(e, SN_NOMEM);
    }
    e->terms[e->n] = *t;
    return (sn_node)e->n++;
}

static sn__term
make(sn__kind kind, sn_type type)
{
    return (sn__term){
        .kind = (uint8_t)kind, .type = (uint8_t)type, .a = SN_NO_NODE, .b = SN_NO_NODE, .inside = SN_NO_NODE};
}

/* A new node looks at the row at this depth, which is of this table (NULL: any). */
static sn_status
look(sn__term *t, unsigned depth, const sn_table *table)
{
    if (depth >= SN_MAX_NESTING) {
        return SN_LIMIT;
    }
    assert(t->reach == 0);
    t->depth = (uint8_t)depth;
    t->reach = (uint8_t)(depth + 1);
    t->rows[depth] = table;
    return SN_OK;
}

/* ---------------------------------------------------------------- constants */

/* A cell that comes in although its node cannot be had: it goes to the drop list. */
static sn_node
drop_constant(sn_expr *e, sn_type type, sn_cell cell, sn_status status)
{
    if (e->spare || sn__drop_promise(e->db, 1) == SN_OK) {
        e->spare = false;
        sn__drop_cell(e->db, type, cell);
    }
    return refuse(e, status);
}

sn_node
sn_expr_const(sn_expr *e, sn_type type, sn_cell cell)
{
    sn__term t = make(SN__CONST, type);
    t.cell = cell;
    if (!owns(type, cell)) {
        return append(e, &t);
    }
    if (e->status || sn__drop_promise(e->db, 1) != SN_OK) {
        return drop_constant(e, type, cell, SN_NOMEM);
    }
    sn_node node = append(e, &t);
    if (node == SN_NO_NODE) {
        sn__drop_cell(e->db, type, cell);
    }
    return node;
}

sn_node
sn_expr_moment(sn_expr *e, sn_type type, int64_t offset)
{
    sn__term t = make(SN__CONST, type);
    uint32_t number;
    if (e->status) {
        return SN_NO_NODE;
    }
    if ((type != SN_DATETIME && type != SN_ENTRY) || offset > SN_MAX_OFFSET || offset < -SN_MAX_OFFSET) {
        return refuse(e, SN_MISUSE);
    }
    sn_status status = sn__moment_join(&number, e->db, type, offset);
    if (status) {
        return refuse(e, status);
    }
    t.moment = number + 1;
    sn_node node = append(e, &t);
    if (node == SN_NO_NODE) {
        sn__moment_leave(e->db, number);
    }
    e->timed |= node != SN_NO_NODE;
    return node;
}

/* ---------------------------------------------------------------- values */

sn_node
sn_expr_column(sn_expr *e, unsigned depth, const sn_table *t, sn_col col)
{
    if (e->status) {
        return SN_NO_NODE;
    }
    if (t->db != e->db || col >= t->column_count || !t->columns[col].used) {
        return refuse(e, SN_MISUSE);
    }
    sn__term term = make(SN__COLUMN, t->columns[col].def.type);
    term.col = col;
    sn_status status = look(&term, depth, t);
    return status ? refuse(e, status) : append(e, &term);
}

/* What a node takes over from a path whose targets it looks at: the path's own conditions are evaluated below it. */
static sn_status
step(sn__term *t, sn_expr *e, unsigned depth, const sn_path *path)
{
    if (path->db != e->db) {
        return SN_MISUSE;
    }
    e->timed |= path->timed;
    t->path = path;
    t->height = (uint16_t)(path->height + 1);
    t->nesting = (uint8_t)(path->nesting + 1);
    return look(t, depth, sn_path_from(path));
}

/* An operand that is evaluated at the path's target. */
static bool
merge_inside(sn__term *t, const sn__term *child)
{
    return (!child->rows[0] || child->rows[0] == sn_path_to(t->path)) && merge(t, child, 1);
}

sn_node
sn_expr_follow(sn_expr *e, unsigned depth, const sn_path *path, sn_node inner)
{
    const sn__term *value = operand(e, inner, false);
    if (!value) {
        return SN_NO_NODE;
    }
    sn__term t = make(SN__FOLLOW, value->type);
    t.a = inner;
    sn_status status = path->single ? step(&t, e, depth, path) : SN_MISUSE;
    if (status || !merge_inside(&t, value)) {
        return refuse(e, status ? status : SN_MISUSE);
    }
    return append(e, &t);
}

static sn_status
reserve_host(sn_expr *e, unsigned slot)
{
    if (slot > UINT16_MAX) {
        return SN_LIMIT;
    }
    sn_status status = sn_mem_grow(&e->db->mem, &e->hosts, &e->host_cap, slot + 1, sizeof *e->hosts);
    for (; status == SN_OK && e->host_n <= slot; e->host_n++) {
        e->hosts[e->host_n] = (sn__host){0};
    }
    return status;
}

sn_node
sn_expr_host(sn_expr *e, unsigned depth, unsigned slot, sn_type type)
{
    sn__term t = make(SN__HOST, type);
    t.slot = slot;
    if (e->status) {
        return SN_NO_NODE;
    }
    sn_status status = look(&t, depth, NULL);
    status = status ? status : reserve_host(e, slot);
    return status ? refuse(e, status) : append(e, &t);
}

sn_status
sn_expr_set_host(sn_expr *e, unsigned slot, const sn_cell *cells, size_t n)
{
    sn_status status = reserve_host(e, slot);
    if (status == SN_OK) {
        e->hosts[slot] = (sn__host){cells, n};
    }
    return sn__failed(e->db, status);
}

sn_node
sn_expr_arith(sn_expr *e, sn_arith_op op, sn_node a, sn_node b)
{
    const sn__term *left = operand(e, a, false), *right = operand(e, b, false);
    if (!left || !right) {
        return SN_NO_NODE;
    }
    const sn__arith *arith = sn__arith_find(op, left->type, right->type);
    if (!arith) {
        return refuse(e, SN_MISUSE);
    }
    sn__term t = make(SN__ARITH, arith->result);
    t.a = a;
    t.b = b;
    t.arith = arith;
    merge_first(&t, left);
    return merge(&t, right, 0) ? append(e, &t) : refuse(e, SN_MISUSE);
}

sn_node
sn_expr_else(sn_expr *e, sn_node a, sn_node b)
{
    const sn__term *left = operand(e, a, false), *right = operand(e, b, false);
    if (!left || !right) {
        return SN_NO_NODE;
    }
    if (left->type != right->type) {
        return refuse(e, SN_MISUSE);
    }
    sn__term t = make(SN__ELSE, left->type);
    t.a = a;
    t.b = b;
    merge_first(&t, left);
    return merge(&t, right, 0) ? append(e, &t) : refuse(e, SN_MISUSE);
}

/* The condition at a path's targets, which may be absent. */
static bool
take_where(sn__term *t, sn_expr *e, sn_node where)
{
    t->b = where;
    if (where == SN_NO_NODE) {
        return true;
    }
    const sn__term *condition = operand(e, where, true);
    return condition && merge_inside(t, condition);
}

static bool
take_value(sn__term *t, sn_expr *e, sn_agg_op op, sn_node value)
{
    t->a = value;
    if (value == SN_NO_NODE) {
        t->type = SN_INT;
        return op == SN_COUNT;
    }
    const sn__term *v = operand(e, value, false);
    sn_type type;
    if (!v || !sn__tally_type(&type, op, v->type)) {
        return false;
    }
    t->type = (uint8_t)type;
    return merge_inside(t, v);
}

sn_node
sn_expr_aggregate(sn_expr *e, unsigned depth, sn_agg_op op, const sn_path *path, sn_node where, sn_node value,
                  bool distinct)
{
    if (e->status) {
        return SN_NO_NODE;
    }
    sn__term t = make(SN__AGGREGATE, SN_INT);
    t.op = (uint8_t)op;
    t.distinct = distinct;
    sn_status status = step(&t, e, depth, path);
    if (status || !take_where(&t, e, where) || !take_value(&t, e, op, value)) {
        return refuse(e, status ? status : SN_MISUSE);
    }
    return append(e, &t);
}

/* ---------------------------------------------------------------- predicates */

/* Completes a predicate on `a` with its twin: `inside`, the same on what the follow `a` leads to. */
static sn_node
append_with_twin(sn_expr *e, sn__term *t, sn_node inside)
{
    const sn__term *follow = &e->terms[t->a];
    assert(follow->kind == SN__FOLLOW);
    t->inside = sn_expr_exists(e, follow->depth, follow->path, inside);
    return t->inside == SN_NO_NODE ? SN_NO_NODE : append(e, t);
}

static bool
can_follow(const sn_expr *e, sn_node a, sn_node b)
{
    return e->terms[a].kind == SN__FOLLOW && e->terms[b].kind == SN__CONST;
}

static sn_compare_op
mirrored(sn_compare_op op)
{
    static const sn_compare_op table[] = {SN_EQ, SN_NE, SN_GT, SN_GE, SN_LT, SN_LE};
    return table[op];
}

static bool
comparable(sn_compare_op op, sn_type a, sn_type b)
{
    if (op > SN_NE && !(sn_types[a].flags & sn_types[b].flags & SN_T_ORDERED)) {
        return false;
    }
    return a == b || (a == SN_INT && b == SN_FLOAT) || (a == SN_FLOAT && b == SN_INT);
}

sn_node
sn_expr_compare(sn_expr *e, sn_compare_op op, sn_node a, sn_node b)
{
    const sn__term *left = operand(e, a, false), *right = operand(e, b, false);
    if (!left || !right) {
        return SN_NO_NODE;
    }
    if (left->kind == SN__CONST && right->kind != SN__CONST) {
        return sn_expr_compare(e, mirrored(op), b, a);
    }
    sn__term t = make(SN__COMPARE, SN__NO_TYPE);
    t.op = (uint8_t)op;
    t.a = a;
    t.b = b;
    merge_first(&t, left);
    if (!comparable(op, left->type, right->type) || !merge(&t, right, 0)) {
        return refuse(e, SN_MISUSE);
    }
    if (op == SN_NE || !can_follow(e, a, b)) {
        return append(e, &t);
    }
    return append_with_twin(e, &t, sn_expr_compare(e, op, left->a, b));
}

sn_node
sn_expr_text(sn_expr *e, sn_text_op op, sn_node a, sn_node pattern)
{
    const sn__term *text = operand(e, a, false), *like = operand(e, pattern, false);
    if (!text || !like) {
        return SN_NO_NODE;
    }
    sn__term t = make(SN__TEXT, SN__NO_TYPE);
    t.op = (uint8_t)op;
    t.a = a;
    t.b = pattern;
    merge_first(&t, text);
    if (text->type != SN_TEXT || like->type != SN_TEXT || !merge(&t, like, 0)) {
        return refuse(e, SN_MISUSE);
    }
    return can_follow(e, a, pattern) ? append_with_twin(e, &t, sn_expr_text(e, op, text->a, pattern)) : append(e, &t);
}

static sn_node
unary(sn_expr *e, sn__kind kind, sn_node a, bool predicate)
{
    const sn__term *child = operand(e, a, predicate);
    if (!child) {
        return SN_NO_NODE;
    }
    sn__term t = make(kind, SN__NO_TYPE);
    t.a = a;
    if (kind == SN__TRUTH && child->type != SN_BOOL) {
        return refuse(e, SN_MISUSE);
    }
    merge_first(&t, child);
    return append(e, &t);
}

sn_node
sn_expr_is_null(sn_expr *e, sn_node a)
{
    return unary(e, SN__IS_NULL, a, false);
}

sn_node
sn_expr_truth(sn_expr *e, sn_node a)
{
    return unary(e, SN__TRUTH, a, false);
}

sn_node
sn_expr_not(sn_expr *e, sn_node a)
{
    return unary(e, SN__NOT, a, true);
}

static sn_node
junction(sn_expr *e, sn__kind kind, const sn_node *nodes, size_t n)
{
    sn__term t = make(kind, SN__NO_TYPE);
    for (size_t i = 0; i < n; i++) {
        const sn__term *child = operand(e, nodes[i], true);
        if (!child || !merge(&t, child, 0)) {
            return refuse(e, SN_MISUSE);
        }
    }
    if (e->status) {
        return SN_NO_NODE;
    }
    if (n > INT32_MAX || e->child_n > INT32_MAX) {
        return refuse(e, SN_LIMIT);
    }
    if (sn_mem_grow(&e->db->mem, &e->children, &e->child_cap, e->child_n + n, sizeof *e->children) != SN_OK) {
        return refuse(e, SN_NOMEM);
    }
    t.first = (uint32_t)e->child_n;
    t.n = (uint32_t)n;
    sn_node node = append(e, &t);
    if (node != SN_NO_NODE && n > 0) {
        memcpy(e->children + e->child_n, nodes, n * sizeof *nodes);
        e->child_n += n;
    }
    return node;
}

sn_node
sn_expr_and(sn_expr *e, const sn_node *nodes, size_t n)
{
    return junction(e, SN__AND, nodes, n);
}

sn_node
sn_expr_exists(sn_expr *e, unsigned depth, const sn_path *path, sn_node where)
{
    if (e->status) {
        return SN_NO_NODE;
    }
    sn__term t = make(SN__EXISTS, SN__NO_TYPE);
    sn_status status = step(&t, e, depth, path);
    if (status || !take_where(&t, e, where)) {
        return refuse(e, status ? status : SN_MISUSE);
    }
    return append(e, &t);
}

/* ---------------------------------------------------------------- membership */

static uint32_t *
member_slot(const sn_expr *e, const sn__members *m, sn_type type, sn_word word)
{
    size_t at = (size_t)sn_hash_value(e->db, type, word) & (m->cap - 1);
    while (m->slots[at] && !sn_equal(e->db, type, e->cells[m->first + m->slots[at] - 1].word, word)) {
        at = (at + 1) & (m->cap - 1);
    }
    return &m->slots[at];
}

static bool
never_equal(sn_type type, sn_word word)
{
    return type == SN_FLOAT && isnan(sn_word_float(word));
}

uint32_t
sn__members_find(const sn_expr *e, const sn__members *m, sn_type type, sn_word word)
{
    return never_equal(type, word) ? 0 : *member_slot(e, m, type, word);
}

static size_t
count_owned(sn_type type, const sn_cell *cells, size_t n)
{
    size_t owned = 0;
    for (size_t i = 0; i < n; i++) {
        owned += owns(type, cells[i]);
    }
    return owned;
}

/* Room for n cells and their hash. */
static sn_status
reserve_members(sn_expr *e, sn__members *m, size_t n)
{
    m->first = e->cell_n;
    for (m->cap = 2; m->cap < 2 * n; m->cap *= 2) {
    }
    sn_mem *mem = &e->db->mem;
    if (sn_mem_grow(mem, &e->cells, &e->cell_cap, e->cell_n + n, sizeof *e->cells) != SN_OK
        || sn_mem_grow(mem, &e->members, &e->member_cap, e->member_n + 1, sizeof *e->members) != SN_OK) {
        return SN_NOMEM;
    }
    m->slots = sn_mem_zero(mem, m->cap * sizeof *m->slots);
    return m->slots ? SN_OK : SN_NOMEM;
}

/* Into room that reserve_members made: every cell is kept, each distinct value is in the hash once. */
static void
add_members(sn_expr *e, sn__members *m, sn_type type, const sn_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        e->cells[e->cell_n++] = cells[i];
        m->n++;
        if (cells[i].null) {
            m->null = true;
        } else if (!never_equal(type, cells[i].word)) {
            uint32_t *slot = member_slot(e, m, type, cells[i].word);
            *slot = *slot ? *slot : (uint32_t)m->n;
        }
    }
}

/* Gives the cells of the last members back to the caller. */
static void
undo_members(sn_expr *e, sn_type type)
{
    sn__members *m = &e->members[--e->member_n];
    for (size_t owned = m->borrowed ? 0 : count_owned(type, e->cells + m->first, m->n); owned > 0; owned--) {
        sn__drop_push(e->db, NULL);
    }
    e->cell_n = m->first;
    sn_mem_free(&e->db->mem, m->slots, m->cap * sizeof *m->slots);
}

/* The membership test of `a` in members that exist already, with its twins. */
static sn_node
append_in(sn_expr *e, sn_node a, uint32_t members)
{
    sn__term t = make(SN__IN, SN__NO_TYPE);
    t.a = a;
    t.members = members;
    merge_first(&t, &e->terms[a]);
    sn_node node = append(e, &t);
    const sn__term *value = &e->terms[a];
    if (node == SN_NO_NODE || value->kind != SN__FOLLOW || e->members[members].null) {
        return node;
    }
    sn_node inner = append_in(e, value->a, members);
    sn_node inside = inner == SN_NO_NODE ? SN_NO_NODE : sn_expr_exists(e, e->terms[a].depth, e->terms[a].path, inner);
    if (inside == SN_NO_NODE) {
        return SN_NO_NODE;
    }
    e->terms[node].inside = inside;
    return node;
}

/* A node for the members, which are taken over: undone if there is no room for it. */
static sn_node
install_members(sn_expr *e, sn_node a, const sn__members *m)
{
    size_t before = e->n;
    sn_type type = e->terms[a].type;
    e->members[e->member_n++] = *m;
    sn_node node = append_in(e, a, (uint32_t)e->member_n - 1);
    if (node == SN_NO_NODE) {
        e->n = before;
        undo_members(e, type);
    }
    return node;
}

sn_node
sn_expr_in(sn_expr *e, sn_node a, const sn_cell *cells, size_t n)
{
    const sn__term *value = operand(e, a, false);
    if (!value) {
        return SN_NO_NODE;
    }
    if (n >= INT32_MAX || e->member_n >= UINT32_MAX) {
        return refuse(e, SN_LIMIT);
    }
    sn__members m = {0};
    sn_status status = reserve_members(e, &m, n);
    status = status ? status : sn__drop_promise(e->db, count_owned(value->type, cells, n));
    if (status) {
        sn_mem_free(&e->db->mem, m.slots, m.cap * sizeof *m.slots);
        return refuse(e, status);
    }
    add_members(e, &m, value->type, cells, n);
    return install_members(e, a, &m);
}

/* ---------------------------------------------------------------- either of several values */

/* The constants that a test compares a column with for equality. NULL if it does something else, or with what changes. */
static const sn_cell *
equal_to(const sn_expr *e, const sn__term *test, size_t *n)
{
    const sn__term *column = test->a == SN_NO_NODE ? NULL : &e->terms[test->a];
    *n = 0;
    if (!column || column->kind != SN__COLUMN) {
        return NULL;
    }
    if (test->kind == SN__IN && e->members[test->members].n > 0) {
        *n = e->members[test->members].n;
        return e->cells + e->members[test->members].first;
    }
    const sn__term *constant = test->kind == SN__COMPARE && test->op == SN_EQ ? &e->terms[test->b] : NULL;
    bool plain = constant && constant->kind == SN__CONST && constant->type == column->type && !constant->cell.null
                 && !constant->moment;
    *n = 1;
    return plain ? &constant->cell : NULL;
}

static bool
same_column(const sn_expr *e, sn_node a, sn_node b)
{
    const sn__term *x = &e->terms[a], *y = &e->terms[b];
    return x->depth == y->depth && x->col == y->col && x->rows[x->depth] == y->rows[y->depth];
}

/* How many constants the tests have, if all compare the same column for equality; else 0. */
static size_t
count_either(const sn_expr *e, const sn_node *tests, size_t n)
{
    size_t total = 0, more;
    for (size_t i = 0; i < n; i++) {
        const sn__term *test = &e->terms[tests[i]];
        if (!equal_to(e, test, &more) || !same_column(e, test->a, e->terms[tests[0]].a)) {
            return 0;
        }
        total += more;
    }
    return total < INT32_MAX ? total : 0;
}

/* The membership test that says the same as an OR of `total` equalities; their cells are borrowed. */
static sn_node
either_as_in(sn_expr *e, const sn_node *tests, size_t n, size_t total)
{
    size_t more;
    sn_node column = e->terms[tests[0]].a;
    sn__members m = {.borrowed = true};
    if (reserve_members(e, &m, total) != SN_OK) {
        return refuse(e, SN_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        const sn_cell *cells = equal_to(e, &e->terms[tests[i]], &more);
        assert(cells || more == 0);
        add_members(e, &m, e->terms[column].type, cells, more);
    }
    return install_members(e, column, &m);
}

sn_node
sn_expr_or(sn_expr *e, const sn_node *nodes, size_t n)
{
    sn_node node = junction(e, SN__OR, nodes, n);
    size_t total = node == SN_NO_NODE || n < 2 ? 0 : count_either(e, nodes, n);
    if (total == 0) {
        return node;
    }
    sn_node twin = either_as_in(e, nodes, n, total);
    if (twin == SN_NO_NODE) {
        return SN_NO_NODE;
    }
    e->terms[node].inside = twin;
    return node;
}
