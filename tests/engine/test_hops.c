/*
 * test_hops.c - hops along paths against their definitions by nested loops: random relations made of random relations, of every
 * kind, with conditions, orders, offsets and limits, of unions also for each path by itself, over rows with cycles among them; what is
 * refused; refused memory.
 */
#include "world.h"

#include "path.h"

static hostile h;

#define POOL 60
#define STEPS 3
#define PARTS 3
#define ALL SIZE_MAX

/* One relation: steps, or one hop along others, or two others in sequence. */
typedef struct relation {
    enum { LEAF, HOP, SEQUENCE } form;
    int from, to;
    int via; /* where the rows of a hop's conditions are */
    bool distinct;
    world_step steps[STEPS];
    size_t n; /* of steps or parts */
    sn_hop_kind kind;
    const struct relation *parts[PARTS];
    int64_t above; /* the condition: an id above this; -1: none */
    bool descending;
    bool ways; /* of a union: each path has a condition, and an order by what id_key says */
    int64_t way_above[PARTS];
    const struct relation *onward[PARTS]; /* what the ways lead on to; NULL: nothing */
    size_t offset, limit;
    bool single;
    sn_path *path;
} relation;

typedef struct pool {
    world w;
    sn_expr *e;
    relation relations[POOL];
    size_t n;
} pool;

/* ---------------------------------------------------------------- by definition */

typedef struct list {
    sn_row rows[WORLD_ROWS];
    size_t n;
} list;

static bool
is_in(const list *l, sn_row row)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->rows[i] == row) {
            return true;
        }
    }
    return false;
}

static void
put(list *l, sn_row row, bool once)
{
    if (once && is_in(l, row)) {
        return;
    }
    CHECK(l->n < WORLD_ROWS);
    l->rows[l->n++] = row;
}

static void naive(list *out, const world *w, const relation *r, sn_row from);

/* Appends the targets of a relation from each of the rows from `start` on. */
static void
naive_from_all(list *out, const world *w, const relation *r, const list *rows, size_t start, bool once)
{
    list some;
    for (size_t i = start; i < rows->n; i++) {
        naive(&some, w, r, rows->rows[i]);
        for (size_t j = 0; j < some.n; j++) {
            put(out, some.rows[j], once);
        }
    }
}

/* With the number of steps to each, if levels is not NULL. */
static void
naive_reached(list *out, sn_row *levels, const world *w, const relation *part, sn_row from)
{
    list edge = {{from}, 1}, next;
    out->n = 0;
    for (sn_row level = 1; edge.n > 0; level++) {
        next.n = 0;
        naive_from_all(&next, w, part, &edge, 0, true);
        edge.n = 0;
        for (size_t i = 0; i < next.n; i++) {
            if (!is_in(out, next.rows[i])) {
                put(&edge, next.rows[i], false);
                if (levels) {
                    levels[out->n] = level;
                }
                put(out, next.rows[i], false);
            }
        }
    }
}

static void
naive_set(list *out, const world *w, const relation *r, sn_row from)
{
    list first, other;
    naive(&first, w, r->parts[0], from);
    for (size_t i = 0; i < first.n; i++) {
        put(out, first.rows[i], true);
    }
    for (size_t k = 1; k < r->n; k++) {
        naive(&other, w, r->parts[k], from);
        size_t kept = 0;
        for (size_t i = 0; i < out->n && r->kind != SN_HOP_UNION; i++) {
            if (is_in(&other, out->rows[i]) == (r->kind == SN_HOP_INTERSECTION)) {
                out->rows[kept++] = out->rows[i];
            }
        }
        out->n = r->kind == SN_HOP_UNION ? out->n : kept;
        for (size_t i = 0; i < other.n && r->kind == SN_HOP_UNION; i++) {
            put(out, other.rows[i], true);
        }
    }
}

static int64_t
id_of(const world *w, const relation *r, sn_row row)
{
    return sn_word_int(sn_table_get(w->t[r->via], row, 0).word);
}

/* What a row that comes by a path is sorted by: of the second path's, the other way round. */
static int64_t
id_key(const world *w, const relation *r, size_t way, sn_row row)
{
    return way == 1 ? 30 - id_of(w, r, row) : id_of(w, r, row);
}

/* The rows of a union with ways, and what each is sorted by. way_of: by which way a row comes. */
static void
naive_ways(list *out, int64_t *keys, size_t *way_of, const world *w, const relation *r, sn_row from)
{
    list some;
    out->n = 0;
    for (size_t k = 0; k < r->n; k++) {
        naive(&some, w, r->parts[k], from);
        for (size_t i = 0; i < some.n; i++) {
            if (id_of(w, r, some.rows[i]) > r->way_above[k] && !is_in(out, some.rows[i])) {
                keys[out->n] = id_key(w, r, k, some.rows[i]);
                way_of[some.rows[i]] = k;
                put(out, some.rows[i], false);
            }
        }
    }
}

/* The conditions of a hop on its rows. keys: what they are sorted by. */
static void
naive_conditions(list *out, const world *w, const relation *r, const list *rows, const int64_t *keys)
{
    list held = {.n = 0};
    int64_t held_keys[WORLD_ROWS];
    for (size_t i = 0; i < rows->n; i++) {
        if (id_of(w, r, rows->rows[i]) <= r->above) {
            continue;
        }
        size_t at = held.n++;
        for (; r->descending && at > 0 && held_keys[at - 1] < keys[i]; at--) {
            held.rows[at] = held.rows[at - 1];
            held_keys[at] = held_keys[at - 1];
        }
        held.rows[at] = rows->rows[i];
        held_keys[at] = keys[i];
    }
    size_t limit = r->single && r->limit > 1 ? 1 : r->limit;
    for (size_t i = r->offset; i < held.n && i - r->offset < limit; i++) {
        put(out, held.rows[i], r->distinct);
    }
}

/* What the rows of ways lead on to. */
static void
naive_onward(list *out, const world *w, const relation *r, const list *rows, const size_t *way_of)
{
    list some;
    for (size_t i = 0; i < rows->n; i++) {
        naive(&some, w, r->onward[way_of[rows->rows[i]]], rows->rows[i]);
        for (size_t j = 0; j < some.n; j++) {
            put(out, some.rows[j], r->distinct);
        }
    }
}

static void
naive(list *out, const world *w, const relation *r, sn_row from)
{
    list rows = {.n = 0}, left = {.n = 0};
    int64_t keys[WORLD_ROWS];
    size_t way_of[WORLD_ROWS];
    out->n = 0;
    if (r->form == LEAF) {
        out->n = naive_walk(w, r->steps, r->n, from, r->distinct, out->rows, 0);
    } else if (r->form == SEQUENCE) {
        naive(&rows, w, r->parts[0], from);
        naive_from_all(out, w, r->parts[1], &rows, 0, r->distinct);
    } else {
        if (r->kind == SN_HOP_THROUGH) {
            naive(&rows, w, r->parts[0], from);
        } else if (r->kind == SN_HOP_RECURSIVE) {
            naive_reached(&rows, NULL, w, r->parts[0], from);
        } else if (!r->ways) {
            naive_set(&rows, w, r, from);
        } else {
            naive_ways(&rows, keys, way_of, w, r, from);
        }
        for (size_t i = 0; i < rows.n && !r->ways; i++) {
            keys[i] = id_key(w, r, 0, rows.rows[i]);
        }
        naive_conditions(r->onward[0] ? &left : out, w, r, &rows, keys);
        if (r->onward[0]) {
            naive_onward(out, w, r, &left, way_of);
        }
    }
}

/* ---------------------------------------------------------------- making relations */

static void
make_leaf(pool *p, relation *r)
{
    r->form = LEAF;
    r->n = 1 + world_pick(&p->w, STEPS);
    for (size_t i = 0; i < r->n; i++) {
        do {
            r->steps[i] =
                (world_step){(int)world_pick(&p->w, LINKS), world_pick(&p->w, 2), world_pick(&p->w, 6) == 0, ALL};
        } while (i > 0 && step_from(r->steps[i]) != step_to(r->steps[i - 1]));
    }
    r->from = step_from(r->steps[0]);
    r->to = step_to(r->steps[r->n - 1]);
    r->distinct = r->n == 1 || world_pick(&p->w, 4) > 0;
    r->path = world_path(&p->w, r->steps, r->n, r->distinct);
}

static const relation *
pick_part(pool *p, int from, int to)
{
    for (int i = 0; i < 40; i++) {
        const relation *r = &p->relations[world_pick(&p->w, (uint32_t)p->n)];
        if ((from < 0 || r->from == from) && (to < 0 || r->to == to)) {
            return r;
        }
    }
    return NULL;
}

static bool
pick_parts(pool *p, relation *r)
{
    r->parts[0] = r->kind == SN_HOP_RECURSIVE ? pick_part(p, CATEGORY, CATEGORY) : pick_part(p, -1, -1);
    r->n = r->kind >= SN_HOP_UNION ? 1 + world_pick(&p->w, PARTS) : 1;
    for (size_t i = 1; i < r->n && r->parts[i - 1]; i++) {
        r->parts[i] = pick_part(p, r->parts[0]->from, r->parts[0]->to);
    }
    return r->parts[r->n - 1] != NULL;
}

static void
make_path(pool *p, relation *r, sn_hop_def *hops, size_t n)
{
    CHECK_OK(sn_expr_status(p->e));
    CHECK_OK(sn_path_new(&r->path, p->w.db, hops, n, r->distinct));
}

/* What each path of a union leads on to, if there is something. */
static void
make_onward(pool *p, relation *r, sn_way *ways)
{
    for (size_t k = 0; k < r->n; k++) {
        r->onward[k] = pick_part(p, r->via, k ? r->onward[0]->to : -1);
        if (!r->onward[k]) {
            r->onward[0] = NULL;
            return;
        }
    }
    r->to = r->onward[0]->to;
    r->distinct = world_pick(&p->w, 2);
    for (size_t k = 0; k < r->n; k++) {
        ways[k].onward = r->onward[k]->path;
    }
}

/* Conditions and orders for each path of a union. */
static void
make_ways(pool *p, relation *r, sn_node id, sn_way *ways, sn_order *orders)
{
    sn_node turned = sn_expr_arith(p->e, SN_SUB, sn_expr_const(p->e, SN_INT, int_cell(30)), id);
    r->ways = true;
    for (size_t k = 0; k < r->n; k++) {
        r->way_above[k] = world_pick(&p->w, 2) == 0 ? (int64_t)world_pick(&p->w, 15) : -1;
        sn_node floor = sn_expr_const(p->e, SN_INT, int_cell(r->way_above[k]));
        orders[k] = (sn_order){.value = k == 1 ? turned : id, .descending = true};
        ways[k] = (sn_way){.order = &orders[k], .where = SN_NO_NODE};
        if (r->way_above[k] >= 0) {
            ways[k].where = sn_expr_compare(p->e, SN_GT, id, floor);
        }
    }
}

static size_t led_on;

static bool
make_hop(pool *p, relation *r)
{
    r->form = HOP;
    r->kind = (sn_hop_kind)(SN_HOP_THROUGH + world_pick(&p->w, 5));
    if (!pick_parts(p, r)) {
        return false;
    }
    r->from = r->parts[0]->from;
    r->to = r->via = r->parts[0]->to;
    r->distinct = true;
    r->above = world_pick(&p->w, 3) == 0 ? (int64_t)world_pick(&p->w, 20) : -1;
    r->descending = world_pick(&p->w, 4) == 0;
    r->offset = world_pick(&p->w, 6) == 0 ? world_pick(&p->w, 3) : 0;
    r->limit = world_pick(&p->w, 6) == 0 ? world_pick(&p->w, 5) : ALL;
    r->single = world_pick(&p->w, 12) == 0;
    const sn_path *paths[PARTS];
    for (size_t i = 0; i < r->n; i++) {
        paths[i] = r->parts[i]->path;
    }
    sn_node id = sn_expr_column(p->e, 0, p->w.t[r->to], 0);
    sn_order order = {.value = id, .descending = true};
    sn_hop_def hop = {.single = r->single,
                      .expr = p->e,
                      .where = SN_NO_NODE,
                      .order = &order,
                      .order_len = r->descending,
                      .limit = r->limit,
                      .offset = r->offset,
                      .kind = r->kind,
                      .paths = paths,
                      .path_count = r->n};
    if (r->above >= 0) {
        hop.where = sn_expr_compare(p->e, SN_GT, id, sn_expr_const(p->e, SN_INT, int_cell(r->above)));
    }
    sn_way ways[PARTS];
    sn_order orders[PARTS];
    if (r->kind == SN_HOP_UNION && world_pick(&p->w, 2)) {
        make_ways(p, r, id, ways, orders);
        hop.order = NULL;
        hop.ways = ways;
        if (r->above < 0 && world_pick(&p->w, 2)) {
            make_onward(p, r, ways);
        }
        led_on += r->onward[0] != NULL;
    }
    make_path(p, r, &hop, 1);
    return true;
}

static bool
make_sequence(pool *p, relation *r)
{
    r->form = SEQUENCE;
    r->parts[0] = pick_part(p, -1, -1);
    r->parts[1] = pick_part(p, r->parts[0]->to, -1);
    if (!r->parts[1]) {
        return false;
    }
    r->from = r->parts[0]->from;
    r->to = r->parts[1]->to;
    r->distinct = true;
    sn_hop_def hops[2] = {{.where = SN_NO_NODE,
                           .limit = ALL,
                           .kind = SN_HOP_THROUGH,
                           .paths = (const sn_path *const *)&r->parts[0]->path,
                           .path_count = 1},
                          {.where = SN_NO_NODE,
                           .limit = ALL,
                           .kind = SN_HOP_THROUGH,
                           .paths = (const sn_path *const *)&r->parts[1]->path,
                           .path_count = 1}};
    make_path(p, r, hops, 2);
    return true;
}

static void
pool_init(pool *p, uint64_t seed)
{
    world_new(&p->w, &h, seed);
    world_fill(&p->w, 110);
    CHECK_OK(sn_expr_new(&p->e, p->w.db));
    p->n = 0;
    while (p->n < POOL) {
        relation *r = &p->relations[p->n];
        *r = (relation){.above = -1, .limit = ALL};
        if (p->n < POOL / 3) {
            make_leaf(p, r);
            p->n++;
        } else {
            p->n += world_pick(&p->w, 4) == 0 ? make_sequence(p, r) : make_hop(p, r);
        }
    }
}

static void
pool_free(pool *p)
{
    for (size_t i = p->n; i > 0; i--) {
        sn_path_free(p->relations[i - 1].path);
    }
    sn_expr_free(p->e);
    world_free(&p->w);
}

/* ---------------------------------------------------------------- comparing */

static void
check_from(const world *w, const relation *r, sn_row from)
{
    list expected;
    sn_rows rows = {0};
    size_t count;
    sn_row first;
    naive(&expected, w, r, from);
    CHECK_OK(sn_path_each(&rows, r->path, from));
    CHECK(rows.n == expected.n && (rows.n == 0 || memcmp(rows.rows, expected.rows, rows.n * sizeof *rows.rows) == 0));
    CHECK_OK(sn_path_count(&count, r->path, from, ALL));
    CHECK(count == expected.n);
    CHECK_OK(sn_path_count(&count, r->path, from, 2));
    CHECK(count == (expected.n < 2 ? expected.n : 2));
    CHECK_OK(sn_path_first(&first, r->path, from));
    CHECK(first == (expected.n ? expected.rows[0] : SN_NO_ROW));
    CHECK(!sn_path_single(r->path) || expected.n <= 1);
    for (sn_row to = 0; to < sn_table_positions(w->t[r->to]); to++) {
        bool found;
        if (world_alive(w, r->to, to)) {
            CHECK_OK(sn_path_contains(&found, r->path, from, to));
            CHECK(found == is_in(&expected, to));
        }
    }
    sn_rows_free(w->db, &rows);
}

static void
check_levels(const world *w, const relation *r, sn_row from)
{
    list expected, reached;
    sn_row far[WORLD_ROWS];
    sn_rows rows = {0}, levels = {0};
    naive(&expected, w, r, from);
    naive_reached(&reached, far, w, r->parts[0], from);
    CHECK_OK(sn_path_levels(&rows, &levels, r->path, from));
    CHECK(rows.n == expected.n && levels.n == expected.n);
    for (size_t i = 0; i < rows.n; i++) {
        size_t at = 0;
        for (; reached.rows[at] != rows.rows[i]; at++) {
        }
        CHECK(rows.rows[i] == expected.rows[i] && levels.rows[i] == far[at]);
    }
    sn_rows_free(w->db, &rows);
    sn_rows_free(w->db, &levels);
}

/* The rows that lead to one of every third of the targets. */
static void
check_back(const world *w, const relation *r)
{
    sn_rows targets = {0}, found = {0};
    for (sn_row row = 0; row < sn_table_positions(w->t[r->to]); row += 3) {
        if (world_alive(w, r->to, row)) {
            CHECK_OK(sn_rows_push(w->db, &targets, row));
        }
    }
    sn_status status = sn_path_semijoin(&found, r->path, targets.rows, targets.n);
    CHECK(status == (r->path->invertible ? SN_OK : SN_MISUSE));
    size_t at = 0;
    for (sn_row row = 0; row < sn_table_positions(w->t[r->from]) && status == SN_OK; row++) {
        list led;
        led.n = 0;
        if (world_alive(w, r->from, row)) {
            naive(&led, w, r, row);
        }
        bool leads = false;
        for (size_t i = 0; i < led.n; i++) {
            leads |= led.rows[i] % 3 == 0;
        }
        CHECK((at < found.n && found.rows[at] == row) == leads);
        at += leads;
    }
    CHECK(at == found.n);
    sn_rows_free(w->db, &targets);
    sn_rows_free(w->db, &found);
}

static size_t invertible;

static void
test_random(uint64_t seed)
{
    static pool p;
    pool_init(&p, seed);
    for (size_t i = 0; i < p.n; i++) {
        const relation *r = &p.relations[i];
        for (sn_row row = 0; row < sn_table_positions(p.w.t[r->from]); row += 2) {
            if (world_alive(&p.w, r->from, row)) {
                check_from(&p.w, r, row);
            }
            if (world_alive(&p.w, r->from, row) && r->form == HOP && r->kind == SN_HOP_RECURSIVE) {
                check_levels(&p.w, r, row);
            }
        }
        check_back(&p.w, r);
        invertible += r->form != LEAF && r->path->invertible;
    }
    pool_free(&p);
}

/* ---------------------------------------------------------------- the first of what leads on */

/* A step that takes one row and leads on from it to many does not lead to one: what follows meets rows again. */
static void
test_single_that_leads_on(void)
{
    world w;
    world_new(&w, &h, 7);
    world_fill(&w, 110);
    world_step up = {COMMENT_TO_POST, false, false, ALL}, down = {COMMENT_TO_POST, true, false, ALL};
    sn_path *post = world_path(&w, &up, 1, true), *comments = world_path(&w, &down, 1, true), *siblings, *back, *one;
    sn_way on = {SN_NO_NODE, NULL, comments}, no = {SN_NO_NODE, NULL, post};
    const sn_path *const paths[] = {post}, *const on_paths[] = {comments};
    sn_hop_def hops[] = {{.where = SN_NO_NODE,
                          .limit = ALL,
                          .single = true,
                          .kind = SN_HOP_UNION,
                          .paths = paths,
                          .path_count = 1,
                          .ways = &on},
                         {.where = SN_NO_NODE, .limit = ALL, .reference = w.link[COMMENT_TO_POST]}};
    CHECK_OK(sn_path_new(&siblings, w.db, hops, 1, true));
    CHECK_OK(sn_path_new(&back, w.db, hops, 2, true));
    hops[0].paths = on_paths;
    hops[0].ways = &no;
    CHECK_OK(sn_path_new(&one, w.db, hops, 1, true));
    CHECK(!sn_path_single(siblings) && !sn_path_single(back) && sn_path_single(one));
    size_t several = 0, count;
    for (sn_row row = 0; row < sn_table_positions(w.t[COMMENT]); row++) {
        if (world_alive(&w, COMMENT, row)) {
            CHECK_OK(sn_path_count(&count, siblings, row, ALL));
            several += count > 1;
            bool any = count > 0;
            CHECK_OK(sn_path_count(&count, back, row, ALL));
            CHECK(count == any);
        }
    }
    CHECK(several > 0);
    sn_path_free(one);
    sn_path_free(back);
    sn_path_free(siblings);
    sn_path_free(comments);
    sn_path_free(post);
    world_free(&w);
}

/* ---------------------------------------------------------------- refusals */

static sn_status
union_of_ways(pool *p, sn_path *path, sn_hop_kind kind, const sn_way *ways, size_t order_len)
{
    const sn_path *paths[] = {path, path};
    sn_hop_def hop = {.expr = p->e,
                      .where = SN_NO_NODE,
                      .limit = ALL,
                      .kind = kind,
                      .paths = paths,
                      .path_count = 2,
                      .ways = ways,
                      .order_len = order_len};
    sn_path *made = NULL;
    sn_status status = sn_path_new(&made, p->w.db, &hop, 1, true);
    if (made) {
        sn_path_free(made);
    }
    return status;
}

static void
test_ways_that_disagree(pool *p, sn_path *parent, sn_path *author)
{
    sn_node id = sn_expr_column(p->e, 0, p->w.t[CATEGORY], 0), truth = sn_expr_compare(p->e, SN_EQ, id, id);
    sn_order by_id = {.value = id}, down = {.value = id, .descending = true},
             nulls = {.value = id, .nulls_first = true};
    sn_order by_half = {.value = sn_expr_arith(p->e, SN_DIV, id, sn_expr_const(p->e, SN_FLOAT, float_cell(2.0)))};
    sn_order by_truth = {.value = truth}, *others[] = {&down, &nulls, &by_half, &by_truth};
    sn_way ways[] = {{truth, &by_id, NULL}, {SN_NO_NODE, &by_id, NULL}};
    CHECK_OK(sn_expr_status(p->e));
    CHECK_OK(union_of_ways(p, parent, SN_HOP_UNION, ways, 1));
    CHECK_STATUS(union_of_ways(p, parent, SN_HOP_INTERSECTION, ways, 1), SN_MISUSE);
    ways[1].where = id; /* no condition */
    CHECK_STATUS(union_of_ways(p, parent, SN_HOP_UNION, ways, 1), SN_MISUSE);
    ways[1].where = truth;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ways[1].order = others[i];
        CHECK_STATUS(union_of_ways(p, parent, SN_HOP_UNION, ways, 1), SN_MISUSE);
        CHECK_OK(union_of_ways(p, parent, SN_HOP_UNION, ways, 0));
    }
    ways[0].onward = parent;
    CHECK_STATUS(union_of_ways(p, parent, SN_HOP_UNION, ways, 0), SN_MISUSE); /* the other does not lead on */
    ways[1].onward = author;
    CHECK_STATUS(union_of_ways(p, parent, SN_HOP_UNION, ways, 0), SN_MISUSE); /* not from there */
    ways[1].onward = parent;
    CHECK_OK(union_of_ways(p, parent, SN_HOP_UNION, ways, 0));
}

static void
test_misuse(void)
{
    static pool p;
    pool_init(&p, 3);
    world_step up = {CATEGORY_TO_PARENT, false, false, ALL}, author = {POST_TO_AUTHOR, false, false, ALL};
    sn_path *parent = world_path(&p.w, &up, 1, true), *to_author = world_path(&p.w, &author, 1, true), *made;
    const sn_path *paths[] = {parent, to_author};
    sn_hop_def hop = {.where = SN_NO_NODE, .limit = ALL, .kind = SN_HOP_UNION, .paths = paths, .path_count = 2};
    CHECK_STATUS(sn_path_new(&made, p.w.db, &hop, 1, true), SN_MISUSE); /* other ends */
    hop.path_count = 0;
    CHECK_STATUS(sn_path_new(&made, p.w.db, &hop, 1, true), SN_MISUSE);
    hop.kind = SN_HOP_THROUGH;
    hop.path_count = 2;
    CHECK_STATUS(sn_path_new(&made, p.w.db, &hop, 1, true), SN_MISUSE);
    hop =
        (sn_hop_def){.where = SN_NO_NODE, .limit = ALL, .kind = SN_HOP_RECURSIVE, .paths = paths + 1, .path_count = 1};
    CHECK_STATUS(sn_path_new(&made, p.w.db, &hop, 1, true), SN_MISUSE); /* it does not end where it starts */
    test_ways_that_disagree(&p, parent, to_author);
    sn_rows rows = {0}, levels = {0};
    for (sn_row row = 0; row < sn_table_positions(p.w.t[CATEGORY]); row++) {
        CHECK_STATUS(sn_path_levels(&rows, &levels, parent, row), SN_MISUSE);
    }
    sn_path_free(parent);
    sn_path_free(to_author);
    pool_free(&p);
}

/* Paths of paths of paths: evaluation recurses, so their height is bounded. */
static void
test_height(void)
{
    static sn_path *paths[SN_MAX_HEIGHT + 2];
    world w;
    world_new(&w, &h, 5);
    world_step up = {CATEGORY_TO_PARENT, false, false, ALL};
    paths[0] = world_path(&w, &up, 1, true);
    size_t n = 1;
    sn_status status = SN_OK;
    for (; n < SN_MAX_HEIGHT + 2 && status == SN_OK; n++) {
        sn_hop_def hop = {.where = SN_NO_NODE,
                          .limit = ALL,
                          .kind = SN_HOP_THROUGH,
                          .paths = (const sn_path *const *)&paths[n - 1],
                          .path_count = 1};
        status = sn_path_new(&paths[n], w.db, &hop, 1, true);
        n -= status != SN_OK;
    }
    CHECK(status == SN_LIMIT && n > SN_MAX_HEIGHT / 2);
    world_insert(&w, CATEGORY);
    sn_row found;
    CHECK_OK(sn_path_first(&found, paths[n - 1], 0));
    while (n > 0) {
        sn_path_free(paths[--n]);
    }
    world_free(&w);
}

/* ---------------------------------------------------------------- refused memory */

typedef struct swept {
    pool p;
    sn_rows out, levels;
} swept;

static void *
sweep_setup(hostile *host)
{
    static swept s;
    (void)host;
    size_t before = led_on;
    pool_init(&s.p, 12);
    CHECK(led_on > before);
    s.out = s.levels = (sn_rows){0};
    return &s;
}

static sn_status
ask_all(swept *s, const relation *r, sn_row from)
{
    size_t count;
    sn_status status = sn_path_each(&s->out, r->path, from);
    status = status ? status : sn_path_count(&count, r->path, from, ALL);
    if (status == SN_OK && r->form == HOP && r->kind == SN_HOP_RECURSIVE) {
        status = sn_path_levels(&s->out, &s->levels, r->path, from);
    }
    if (status == SN_OK && r->path->invertible) {
        sn_row target = 0;
        status = world_alive(&s->p.w, r->to, target) ? sn_path_semijoin(&s->out, r->path, &target, 1) : SN_OK;
    }
    return status;
}

static sn_status
sweep_run(void *state)
{
    swept *s = state;
    sn_status status = SN_OK;
    for (size_t i = POOL / 3; i < s->p.n && status == SN_OK; i++) {
        const relation *r = &s->p.relations[i];
        for (sn_row row = 0; row < 3 && status == SN_OK; row++) {
            status = world_alive(&s->p.w, r->from, row) ? ask_all(s, r, row) : SN_OK;
            s->out.n = s->levels.n = 0;
        }
    }
    return status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    (void)succeeded;
    return sn_check(((swept *)state)->p.w.db);
}

static void
sweep_teardown(void *state)
{
    swept *s = state;
    sn_rows_free(s->p.w.db, &s->out);
    sn_rows_free(s->p.w.db, &s->levels);
    pool_free(&s->p);
}

int
main(void)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        test_random(seed);
    }
    CHECK(invertible > 200 && led_on > 20);
    test_misuse();
    test_height();
    test_single_that_leads_on();
    static const harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 100);
    return harness_done("hops", &h);
}
