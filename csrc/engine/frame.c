/*
 * frame.c - a computation under way, and recording what it reads.
 *
 * The same question asked twice is recorded once, while nothing is written in between (nobody but another thread can): then the answer
 * is the same. Questions are found by a hash of what is asked, once they are more than a few.
 *
 * The value that will be kept is allocated first, so that whatever becomes of the frame, what it has recorded can be given back without
 * memory. A read that cannot be recorded makes the value good for one read.
 *
 * Cost of a read: one probe of a small hash, one record of sizeof(sn__read).
 */
#include "getter.h"

#include <string.h>

#ifdef SN_TINY
#define FEW_READS 1
#else
#define FEW_READS 8
#endif
#define SPARE_READS ((size_t)16 * FEW_READS) /* so many at most does the spare frame hold room for */
#define SPARE_SLOTS (4 * SPARE_READS)

/* ---------------------------------------------------------------- beginning and ending */

void
sn__frame_free(sn_frame *f, sn_mem *mem)
{
    if (!f)
        return;
    if (f->value)
        sn_mem_free(mem, f->value, sn__value_size(f->value->cap));
    sn_mem_free(mem, f->slots, f->slot_cap * sizeof *f->slots);
    sn_mem_free(mem, f, sizeof *f);
}

/* The spare frame or a new one, with room for a few reads; NULL: no memory. */
static sn_frame *
take_frame(sn_db *db)
{
    sn_frame *f = db->spare_frame ? db->spare_frame : sn_mem_zero(&db->mem, sizeof *f);
    db->spare_frame = NULL;
    if (!f || f->value)
        return f;
    f->value = sn_mem_new(&db->mem, sn__value_size(FEW_READS));
    if (!f->value) {
        sn__frame_free(f, &db->mem);
        return NULL;
    }
    f->value->cap = FEW_READS;
    return f;
}

sn_status
sn_frame_begin(sn_frame **out, sn_getter *g, sn_row row)
{
    sn_db *db = g->table->db;
    sn_frame *f = take_frame(db);
    if (!f)
        return sn__fail_status(db, SN_NOMEM);
    f->db = db;
    f->getter = g;
    f->row = row;
    f->start = db->revision;
    f->schema = db->schema;
    f->once = f->inside = f->slotted = false;
    *f->value = (sn__value){.low = INT64_MIN, .high = INT64_MAX, .cap = f->value->cap};
    f->next = db->frames;
    db->frames = f;
    sn_db_pin(db);
    *out = f;
    return SN_OK;
}

static void
end(sn_frame *f)
{
    sn_db *db = f->db;
    sn_frame **link = &db->frames;
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    sn_db_unpin(db);
    if (db->spare_frame || f->slot_cap > SPARE_SLOTS || (f->value && f->value->cap > SPARE_READS))
        sn__frame_free(f, &db->mem);
    else
        db->spare_frame = f;
}

/* The frame's value goes to whoever takes it, in a block that fits; refused, the large one serves as well. */
static sn__value *
take_value(sn_frame *f)
{
    sn__value *v = f->value;
    sn__value *fitting = v->n < v->cap ? sn_mem_new(&f->db->mem, sn__value_size(v->n)) : NULL;
    if (!fitting) {
        f->value = NULL;
        return v;
    }
    memcpy(fitting, v, sn__value_size(v->n));
    fitting->cap = v->n;
    v->n = 0;
    return fitting;
}

/* What the frame has read is nobody's any more. */
static void
drop_value(sn_frame *f)
{
    if (f->value->n == 0)
        return;
    sn__value_die(f->db, f->value);
    f->value = NULL;
}

/* The getter and its row are as they were when the frame began. */
static bool
may_keep(const sn_frame *f)
{
    return f->schema == f->db->schema && sn__stored(f->getter->table, f->row);
}

void *
sn_frame_previous(const sn_frame *f)
{
    const sn__value *v = may_keep(f) ? sn__value_at(f->getter, f->row) : NULL;
    return v && !(v->flags & SN__VALUE_EXPIRED) ? v->handle : NULL;
}

void *
sn_frame_overtaken(const sn_frame *f)
{
    sn__value *v = may_keep(f) ? sn__value_at(f->getter, f->row) : NULL;
    return v && sn__value_holds(v, f->db) ? v->handle : NULL;
}

/* The value takes over the previous one's handle if that is the same, else the one given. True: it was the one given. */
static bool
fill(sn__value *v, sn__value *previous, void *handle, bool same, bool container)
{
    assert(previous || !same);
    v->expired = previous ? previous->expired : 0;
    v->flags |= v->low != INT64_MIN || v->high != INT64_MAX ? SN__VALUE_TIMED : 0;
    if (v->flags & SN__VALUE_ONCE)
        return false;
    v->handle = same ? previous->handle : handle;
    v->container = same ? previous->container : container;
    if (same)
        previous->handle = NULL;
    return !same;
}

static void
sum_up(sn__value *v)
{
    v->containers = v->container;
    for (size_t i = 0; i < v->n; i++) {
        v->containers |= v->reads[i].owns == SN__OWNS_CONTAINER;
        v->derived |= v->reads[i].kind == SN_READ_GETTER || v->reads[i].kind == SN_READ_TIME;
    }
}

bool
sn_frame_finish(sn_frame *f, void *handle, bool same, bool container)
{
    if (f->schema == f->db->schema)
        f->getter->counts.computed++;
    if (!may_keep(f) || !sn__value_reserve(f->getter, f->row)) {
        drop_value(f);
        end(f);
        return false;
    }
    sn__value *v = take_value(f);
    v->verified = v->computed = f->start;
    v->flags = f->once || f->inside ? SN__VALUE_ONCE : 0;
    bool taken = fill(v, sn__value_at(f->getter, f->row), handle, same, container);
    sum_up(v);
    sn__value_put(f->getter, f->row, v);
    end(f);
    return taken;
}

/* ---------------------------------------------------------------- questions */

static uint64_t
question_hash(const sn__read *r)
{
    uint64_t hash = sn_hash_word((uint64_t)(uintptr_t)r->on.table ^ (uint64_t)r->kind << 56);
    hash = sn_hash_word(hash ^ r->row ^ (uint64_t)r->col << 32);
    if (r->kind == SN_READ_CONTAINS)
        hash ^= r->was.member.target;
    else if (r->kind == SN_READ_PROBE)
        hash ^= sn_hash_word(r->was.probe->words[0]);
    return hash;
}

static bool
same_question(const sn__read *a, const sn__read *b)
{
    if (a->kind != b->kind || a->on.table != b->on.table || a->row != b->row || a->col != b->col)
        return false;
    if (a->kind == SN_READ_COUNT)
        return a->was.number.stop_at == b->was.number.stop_at;
    if (a->kind == SN_READ_CONTAINS)
        return a->was.member.target == b->was.member.target;
    if (a->kind == SN_READ_PROBE)
        return memcmp(a->was.probe->words, b->was.probe->words, sizeof a->was.probe->words) == 0;
    if (a->kind == SN_READ_GETTER) /* the time has no revision */
        return a->was.value == b->was.value;
    return a->kind != SN_READ_TIME;
}

/* The slot of this question, or the free one where it belongs. */
static uint32_t *
slot_of(const sn_frame *f, const sn__read *r)
{
    size_t at = (size_t)question_hash(r) & (f->slot_cap - 1);
    while (f->slots[at] && !same_question(&f->value->reads[f->slots[at] - 1], r))
        at = (at + 1) & (f->slot_cap - 1);
    return &f->slots[at];
}

static bool
is_asked(const sn_frame *f, const sn__read *r)
{
    if (f->db->revision != f->start)
        return false;
    if (f->slotted)
        return *slot_of(f, r) != 0;
    for (size_t i = 0; i < f->value->n; i++) {
        if (same_question(&f->value->reads[i], r))
            return true;
    }
    return false;
}

/* Makes at least twice as many slots as reads; those of a frame before serve again. */
static bool
grow_slots(sn_frame *f)
{
    size_t cap = f->slot_cap ? f->slot_cap : (size_t)2 * FEW_READS;
    while (cap < 2 * ((size_t)f->value->n + 1))
        cap *= 2;
    if (cap > f->slot_cap) {
        uint32_t *slots = f->value->n < UINT32_MAX / 2 ? sn_mem_new(&f->db->mem, cap * sizeof *slots) : NULL;
        if (!slots)
            return false;
        sn_mem_free(&f->db->mem, f->slots, f->slot_cap * sizeof *f->slots);
        f->slots = slots;
        f->slot_cap = cap;
    }
    memset(f->slots, 0, f->slot_cap * sizeof *f->slots);
    f->slotted = true;
    for (uint32_t i = 0; i < f->value->n; i++)
        *slot_of(f, &f->value->reads[i]) = i + 1;
    return true;
}

static bool
reserve_slots(sn_frame *f)
{
    size_t n = f->value->n;
    return n < FEW_READS || (f->slotted && 2 * (n + 1) <= f->slot_cap) || grow_slots(f);
}

static bool
reserve_read(sn_frame *f)
{
    sn__value *v = f->value;
    if (v->n < v->cap)
        return true;
    uint32_t cap = v->cap + v->cap / 2 + 1;
    v = sn_mem_resize(&f->db->mem, v, sn__value_size(v->cap), sn__value_size(cap));
    if (!v)
        return false;
    v->cap = cap;
    f->value = v;
    return true;
}

/* Room for one more. False: there is none, and the value is good for one read. */
static bool
reserve(sn_frame *f)
{
    bool room = reserve_slots(f) && reserve_read(f);
    f->once |= !room;
    return room;
}

static void
cover(sn__value *v, sn_signature s)
{
    v->signature.places |= s.places;
    v->signature.cells |= s.cells;
}

/* Appends a read, for which there is room. */
static void
append(sn_frame *f, const sn__read *r)
{
    sn__value *v = f->value;
    cover(v, sn__read_signature(r));
    v->reads[v->n++] = *r;
    if (f->slotted)
        *slot_of(f, r) = v->n;
}

/* Whether the read is to be appended; then there is room for it. */
static bool
is_new(sn_frame *f, const sn__read *r)
{
    return !f->once && !is_asked(f, r) && reserve(f);
}

static void
note(sn_frame *f, const sn__read *r)
{
    if (is_new(f, r))
        append(f, r);
}

/* ---------------------------------------------------------------- cells and rows */

#define UNPLACED .row = SN_NO_ROW, .col = SN_NO_COL

static uint8_t
owned_by(sn_type type, sn_cell cell)
{
    if (!sn_type_owns(type) || cell.null || cell.word == 0)
        return SN__OWNS_NOTHING;
    if (sn_word_is_entry(cell.word))
        return SN__OWNS_ENTRY;
    return type == SN_OBJECT ? SN__OWNS_CONTAINER : SN__OWNS_HANDLE;
}

bool
sn_read_cell(sn_frame *f, const sn_table *t, sn_row row, sn_col col, sn_cell cell)
{
    sn__read r = {.kind = SN_READ_CELL, .row = row, .col = col};
    r.on.table = (sn_table *)(uintptr_t)t;
    r.was.cell = cell;
    if (!is_new(f, &r))
        return false;
    r.owns = owned_by(t->columns[col].def.type, cell);
    if (r.owns == SN__OWNS_ENTRY)
        sn_entry_retain(cell.word);
    append(f, &r);
    return r.owns >= SN__OWNS_HANDLE;
}

void
sn_read_life(sn_frame *f, const sn_table *t, sn_row row)
{
    sn__read r = {.kind = SN_READ_LIFE, .row = row, .col = SN_NO_COL};
    r.on.table = (sn_table *)(uintptr_t)t;
    r.was.life = sn__alive(t, row) ? 1 : sn__parked(t, row) ? 2 : 0;
    note(f, &r);
}

static void
read_place(sn_frame *f, sn_table *t, sn_col col)
{
    bool life = col == SN__LIFE;
    sn__read r = {.kind = life ? SN_READ_TABLE : SN_READ_COLUMN, .row = SN_NO_ROW, .col = col};
    r.on.table = t;
    note(f, &r);
}

void
sn_read_column(sn_frame *f, const sn_table *t, sn_col col)
{
    read_place(f, (sn_table *)(uintptr_t)t, col);
}

void
sn_read_table(sn_frame *f, const sn_table *t)
{
    read_place(f, (sn_table *)(uintptr_t)t, SN__LIFE);
}

/* ---------------------------------------------------------------- paths and indexes */

static void
read_index(sn_frame *f, const sn_index *ix)
{
    for (size_t i = 0; i < ix->column_count; i++)
        read_place(f, ix->table, ix->columns[i]);
    read_place(f, ix->table, SN__LIFE);
}

/* A word of nothing stands for a value that nobody had interned: there may be an entry for it next time. */
static bool
is_askable(const sn_index *ix, const sn_word *words)
{
    for (size_t i = 0; i < ix->column_count; i++) {
        if (words[i] == 0 && sn_type_owns(ix->table->columns[ix->columns[i]].def.type))
            return false;
    }
    return true;
}

static sn__read
along(sn_frame *f, const sn_path *p, sn_row from, sn_read_kind kind)
{
    f->once |= p->timed;
    sn__read r = {.kind = (uint8_t)kind, .row = from, .col = SN_NO_COL};
    r.on.path = p;
    return r;
}

static void
append_along(sn_frame *f, const sn__read *r)
{
    ((sn_path *)(uintptr_t)r->on.path)->uses++;
    append(f, r);
}

static void
note_along(sn_frame *f, const sn__read *r)
{
    if (is_new(f, r))
        append_along(f, r);
}

void
sn_read_target(sn_frame *f, const sn_reference *ref, sn_row row, sn_row target)
{
    sn__read r = {.kind = SN_READ_TARGET, .row = row, .col = SN_NO_COL};
    r.on.reference = ref;
    r.was.target = target;
    note(f, &r);
}

void
sn_read_first(sn_frame *f, const sn_path *p, sn_row from, sn_row target)
{
    sn__read r = along(f, p, from, SN_READ_FIRST);
    r.was.target = target;
    note_along(f, &r);
}

void
sn_read_count(sn_frame *f, const sn_path *p, sn_row from, size_t stop_at, size_t count)
{
    sn__read r = along(f, p, from, SN_READ_COUNT);
    r.was.number.count = count;
    r.was.number.stop_at = stop_at;
    note_along(f, &r);
}

void
sn_read_contains(sn_frame *f, const sn_path *p, sn_row from, sn_row target, bool inside)
{
    sn__read r = along(f, p, from, SN_READ_CONTAINS);
    r.was.member.target = target;
    r.was.member.inside = inside;
    note_along(f, &r);
}

/* A copy of rows, as small as can be. False: no memory. */
static bool
copy_rows(sn_rows *out, sn_db *db, const sn_row *rows, size_t n)
{
    *out = (sn_rows){.n = n, .cap = n};
    if (n == 0)
        return true;
    out->rows = n <= SIZE_MAX / sizeof *rows ? sn_mem_new(&db->mem, n * sizeof *rows) : NULL;
    if (!out->rows) {
        *out = (sn_rows){0};
        return false;
    }
    memcpy(out->rows, rows, n * sizeof *rows);
    return true;
}

void
sn_read_each(sn_frame *f, const sn_path *p, sn_row from, const sn_row *rows, size_t n)
{
    sn__read r = along(f, p, from, SN_READ_EACH);
    if (!is_new(f, &r))
        return;
    r.was.rows = sn_mem_new(&f->db->mem, sizeof *r.was.rows);
    if (!r.was.rows || !copy_rows(r.was.rows, f->db, rows, n)) {
        sn_mem_free(&f->db->mem, r.was.rows, sizeof *r.was.rows);
        f->once = true;
        return;
    }
    append_along(f, &r);
}

void
sn_read_probe(sn_frame *f, const sn_index *ix, const sn_word *words, sn_row found)
{
    sn__probe probe = {.found = found, .n = ix->column_count};
    memcpy(probe.words, words, ix->column_count * sizeof *words);
    sn__read r = {.kind = SN_READ_PROBE, UNPLACED};
    r.on.index = ix;
    r.was.probe = &probe;
    if (!is_askable(ix, words)) {
        read_index(f, ix);
        return;
    }
    if (!is_new(f, &r))
        return;
    r.was.probe = sn_mem_new(&f->db->mem, sizeof probe);
    if (!r.was.probe) {
        f->once = true;
        return;
    }
    for (size_t i = 0; i < probe.n; i++) {
        if (!sn_type_owns(ix->table->columns[ix->columns[i]].def.type))
            continue;
        sn_entry_retain(words[i]);
        probe.entries |= (uint8_t)(1u << i);
    }
    *r.was.probe = probe;
    append(f, &r);
}

/* ---------------------------------------------------------------- queries */

static bool
is_timed(const sn_query *q)
{
    return (q->expr && q->expr->timed) || (q->source == SN_FROM_PATH && q->path->timed);
}

static sn__watch *
watch_query(sn_frame *f, const sn_query *q, void *handle)
{
    f->once |= is_timed(q);
    assert(q->source != SN_FROM_ROWS);
    sn__watch *w = f->once || !reserve(f) ? NULL : sn_mem_zero(&f->db->mem, sizeof *w);
    f->once |= !w;
    if (w) {
        w->query = *q;
        w->handle = handle;
    }
    return w;
}

static void
append_watch(sn_frame *f, sn__watch *w, sn_read_kind kind)
{
    sn__read r = {.kind = (uint8_t)kind, .owns = SN__OWNS_CONTAINER, UNPLACED};
    r.on.watch = w;
    if (w->query.source == SN_FROM_PATH)
        ((sn_path *)(uintptr_t)w->query.path)->uses++;
    append(f, &r);
}

bool
sn_read_number(sn_frame *f, const sn_query *q, void *handle, size_t stop_at, size_t count)
{
    sn__watch *w = watch_query(f, q, handle);
    if (!w)
        return false;
    w->stop_at = stop_at;
    w->count = count;
    append_watch(f, w, SN_READ_NUMBER);
    return true;
}

bool
sn_read_rows(sn_frame *f, const sn_query *q, void *handle, const sn_row *rows, size_t n)
{
    sn__watch *w = watch_query(f, q, handle);
    if (!w)
        return false;
    if (!copy_rows(&w->rows, f->db, rows, n)) {
        sn_mem_free(&f->db->mem, w, sizeof *w);
        f->once = true;
        return false;
    }
    append_watch(f, w, SN_READ_ROWS);
    return true;
}

bool
sn_read_value(sn_frame *f, const sn_expr *e, sn_node node, void *handle, const sn_table *t, sn_row row, sn_cell cell)
{
    f->once |= e->timed;
    if (sn_type_owns(sn_expr_type(e, node)) && !cell.null) {
        sn_read_node(f, e, node);
        return false;
    }
    sn__worth *w = f->once || !reserve(f) ? NULL : sn_mem_new(&f->db->mem, sizeof *w);
    f->once |= !w;
    if (!w)
        return false;
    *w = (sn__worth){e, node, t, handle, cell};
    sn__read r = {.kind = SN_READ_VALUE, .owns = SN__OWNS_CONTAINER, .row = row, .col = SN_NO_COL};
    r.on.worth = w;
    append(f, &r);
    return true;
}

typedef struct read_visit {
    sn__place_visit visit;
    sn_frame *frame;
} read_visit;

static void
visit_read(sn__place_visit *visit, sn_table *t, sn_col col)
{
    read_place(((read_visit *)visit)->frame, t, col);
}

void
sn_read_query(sn_frame *f, const sn_query *q)
{
    read_visit v = {{visit_read}, f};
    f->once |= is_timed(q);
    sn__query_visit(q, &v.visit);
}

void
sn_read_node(sn_frame *f, const sn_expr *e, sn_node node)
{
    read_visit v = {{visit_read}, f};
    f->once |= e->timed;
    sn__node_visit(e, node, &v.visit);
}

void
sn_read_path(sn_frame *f, const sn_path *p)
{
    read_visit v = {{visit_read}, f};
    f->once |= p->timed;
    sn__path_visit(p, &v.visit);
}

/* ---------------------------------------------------------------- getters and time */

static void
narrow(sn_frame *f, int64_t low, int64_t high)
{
    sn__value *v = f->value;
    v->low = low > v->low ? low : v->low;
    v->high = high < v->high ? high : v->high;
}

bool
sn_read_getter(sn_frame *f, sn_getter *g, sn_row row)
{
    const sn__value *v = sn__value_at(g, row);
    sn__read r = {.kind = SN_READ_GETTER, .row = row, .col = SN_NO_COL};
    r.on.getter = g;
    if (!v || !v->handle || (v->flags & (SN__VALUE_ONCE | SN__VALUE_EXPIRED)) || !sn__stored(g->table, row)) {
        f->once = true;
        return false;
    }
    r.was.value = v->handle;
    cover(f->value, v->signature);
    if (v->flags & SN__VALUE_TIMED)
        narrow(f, v->low, v->high);
    if (!is_new(f, &r))
        return false;
    r.owns = v->container ? SN__OWNS_CONTAINER : SN__OWNS_HANDLE;
    append(f, &r);
    return true;
}

void
sn_read_time(sn_frame *f, int64_t low, int64_t high)
{
    sn__read r = {.kind = SN_READ_TIME, UNPLACED};
    r.was.time.low = low;
    r.was.time.high = high;
    narrow(f, low, high);
    if (!f->once && reserve(f))
        append(f, &r);
}

void
sn_read_once(sn_frame *f)
{
    f->once = true;
}

void
sn_read_circle(sn_frame *f)
{
    f->inside = true;
}

/* ---------------------------------------------------------------- giving up */

/* Takes over one read; false if it stays where it is. */
static bool
take_over(sn_frame *f, const sn__read *r)
{
    if (!is_new(f, r))
        return false;
    append(f, r);
    return true;
}

void
sn_frame_abandon(sn_frame *f, sn_frame *outer)
{
    sn__value *v = f->value;
    uint32_t kept = 0;
    if (outer && (outer->db != f->db || f->schema != f->db->schema)) {
        outer->once = true;
    } else if (outer) {
        outer->once |= f->once;
        cover(outer->value, v->signature);
        narrow(outer, v->low, v->high);
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!outer || !take_over(outer, &v->reads[i]))
            v->reads[kept++] = v->reads[i];
    }
    v->n = kept;
    drop_value(f);
    end(f);
}
