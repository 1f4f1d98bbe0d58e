/*
 * read.c - one recorded read: asking again, what it looks at, what it owns.
 *
 * A cell is the same if its row is there and its word is: the read keeps alive what the word names, so the same word is the same
 * value. Text is compared by its characters when the words differ. All else is asked again the way it was asked, but only if something
 * that it looks at has changed since.
 */
#include "getter.h"

#include "reference.h"

#include <string.h>

/* ---------------------------------------------------------------- asking again */

static int
life_of(const sn_table *t, sn_row row)
{
    return sn__alive(t, row) ? 1 : sn__parked(t, row) ? 2 : 0;
}

static bool
same_cell(const sn__read *r, const sn_db *db)
{
    const sn_table *t = r->on.table;
    if (!sn__stored(t, r->row) || sn__is_null(t, r->row, r->col) != r->was.cell.null)
        return false;
    sn_word word = sn__word(t, r->row, r->col);
    return r->was.cell.null || word == r->was.cell.word
           || (t->columns[r->col].def.type == SN_TEXT && sn_equal(db, SN_TEXT, word, r->was.cell.word));
}

static bool
same_target(const sn__read *r)
{
    const sn_reference *ref = r->on.reference;
    sn_word key[SN_MAX_KEY];
    if (!sn__stored(ref->from->table, r->row))
        return false;
    sn_row target = sn__reference_target(key, ref, r->row) ? sn__index_find(ref->to, key) : SN_NO_ROW;
    return target == r->was.target;
}

static bool
same_rows(const sn_rows *was, const sn_row *rows, size_t n)
{
    return was->n == n && (n == 0 || memcmp(was->rows, rows, n * sizeof *rows) == 0);
}

static bool
same_targets(const sn__read *r, sn_db *db)
{
    sn_rows rows = {0};
    bool same = sn_path_each(&rows, r->on.path, r->row) == SN_OK && same_rows(r->was.rows, rows.rows, rows.n);
    sn_rows_free(db, &rows);
    return same;
}

static bool
same_member(const sn__read *r)
{
    bool inside;
    return sn_path_contains(&inside, r->on.path, r->row, r->was.member.target) == SN_OK
           && inside == r->was.member.inside;
}

static bool
same_along(const sn__read *r, sn_db *db, uint64_t since)
{
    const sn_path *p = r->on.path;
    sn_row target;
    size_t count;
    if (p->freed)
        return false;
    if (sn__path_reach(p).changed <= since)
        return true;
    switch (r->kind) {
    case SN_READ_FIRST:
        return sn_path_first(&target, p, r->row) == SN_OK && target == r->was.target;
    case SN_READ_COUNT:
        return sn_path_count(&count, p, r->row, r->was.number.stop_at) == SN_OK && count == r->was.number.count;
    case SN_READ_CONTAINS:
        return same_member(r);
    default:
        return same_targets(r, db);
    }
}

static bool
same_probe(const sn__read *r, uint64_t since)
{
    const sn_index *ix = r->on.index;
    uint64_t latest = ix->table->changed;
    for (size_t i = 0; i < ix->column_count; i++) {
        uint64_t changed = ix->table->columns[ix->columns[i]].changed;
        latest = changed > latest ? changed : latest;
    }
    return latest <= since || sn_index_find(ix, r->was.probe->words) == r->was.probe->found;
}

static bool
same_answer(const sn__read *r, sn_db *db, uint64_t since)
{
    sn__watch *w = r->on.watch;
    if (w->query.source == SN_FROM_PATH && w->query.path->freed)
        return false;
    if (sn__query_reach(&w->query).changed <= since)
        return true;
    if (r->kind == SN_READ_NUMBER) {
        size_t count;
        return sn_query_count(&count, db, &w->query, w->stop_at, NULL) == SN_OK && count == w->count;
    }
    sn_rows rows = {0};
    bool same = sn_query_run(&rows, db, &w->query, NULL) == SN_OK && same_rows(&w->rows, rows.rows, rows.n);
    sn_rows_free(db, &rows);
    return same;
}

static bool
same_worth(const sn__read *r, uint64_t since)
{
    const sn__worth *w = r->on.worth;
    sn_cell cell;
    if (!sn__stored(w->table, r->row))
        return false;
    if (sn__node_reach(w->expr, w->node).changed <= since)
        return true;
    bool known = sn_expr_eval(&cell, (sn_expr *)(uintptr_t)w->expr, w->node, w->table, &r->row, 1) == SN_OK;
    return known && cell.null == w->cell.null && (cell.null || cell.word == w->cell.word);
}

bool
sn__read_same(const sn__read *r, sn_db *db, uint64_t since)
{
    switch ((sn_read_kind)r->kind) {
    case SN_READ_CELL:
        return same_cell(r, db);
    case SN_READ_LIFE:
        return life_of(r->on.table, r->row) == r->was.life;
    case SN_READ_TARGET:
        return same_target(r);
    case SN_READ_FIRST:
    case SN_READ_EACH:
    case SN_READ_COUNT:
    case SN_READ_CONTAINS:
        return same_along(r, db, since);
    case SN_READ_PROBE:
        return same_probe(r, since);
    case SN_READ_ROWS:
    case SN_READ_NUMBER:
        return same_answer(r, db, since);
    case SN_READ_VALUE:
        return same_worth(r, since);
    case SN_READ_COLUMN:
        return r->on.table->columns[r->col].changed <= since;
    case SN_READ_TABLE:
        return r->on.table->changed <= since;
    case SN_READ_TIME:
        return db->now >= r->was.time.low && db->now < r->was.time.high;
    case SN_READ_GETTER:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------- what it looks at */

static uint64_t
index_places(const sn_index *ix)
{
    uint64_t places = sn__place_bit(ix->table, SN__LIFE);
    for (size_t i = 0; i < ix->column_count; i++)
        places |= sn__place_bit(ix->table, ix->columns[i]);
    return places;
}

/* The foreign key of the row, and the key of any target. */
static sn_signature
target_signature(const sn_reference *ref, sn_row row)
{
    sn_signature s = {index_places(ref->to), 0};
    for (size_t i = 0; i < ref->from->column_count; i++)
        s.cells |= sn__cell_bit(ref->from->table, row, ref->from->columns[i]);
    return s;
}

sn_signature
sn__read_signature(const sn__read *r)
{
    switch ((sn_read_kind)r->kind) {
    case SN_READ_CELL:
        return (sn_signature){0, sn__cell_bit(r->on.table, r->row, r->col)};
    case SN_READ_TARGET:
        return target_signature(r->on.reference, r->row);
    case SN_READ_FIRST:
    case SN_READ_EACH:
    case SN_READ_COUNT:
    case SN_READ_CONTAINS:
        return (sn_signature){r->on.path->places, 0};
    case SN_READ_PROBE:
        return (sn_signature){index_places(r->on.index), 0};
    case SN_READ_ROWS:
    case SN_READ_NUMBER:
        return (sn_signature){sn__query_reach(&r->on.watch->query).places, 0};
    case SN_READ_VALUE:
        return (sn_signature){sn__node_reach(r->on.worth->expr, r->on.worth->node).places, 0};
    case SN_READ_COLUMN:
        return (sn_signature){sn__place_bit(r->on.table, r->col), 0};
    case SN_READ_TABLE:
        return (sn_signature){sn__place_bit(r->on.table, SN__LIFE), 0};
    case SN_READ_LIFE:
        return (sn_signature){0, sn__cell_bit(r->on.table, r->row, SN__LIFE)};
    case SN_READ_GETTER:
        return (sn_signature){0, sn__cell_bit(r->on.getter->table, r->row, SN__LIFE)};
    case SN_READ_TIME:
        break;
    }
    return (sn_signature){0, 0};
}

/* ---------------------------------------------------------------- what it owns */

static void
leave_path(sn_path *p)
{
    p->uses--;
    sn__path_unused(p);
}

static void
free_probe(sn__read *r, sn_db *db)
{
    for (size_t i = 0; i < r->was.probe->n; i++) {
        if (r->was.probe->entries >> i & 1)
            sn_entry_release(db, r->was.probe->words[i]);
    }
    sn_mem_free(&db->mem, r->was.probe, sizeof *r->was.probe);
}

static void
free_rows(sn_db *db, sn_rows *rows)
{
    sn_rows_free(db, rows);
    sn_mem_free(&db->mem, rows, sizeof *rows);
}

static void
free_watch(sn__watch *w, sn_db *db)
{
    if (w->query.source == SN_FROM_PATH)
        leave_path((sn_path *)(uintptr_t)w->query.path);
    sn_rows_free(db, &w->rows);
    sn_mem_free(&db->mem, w, sizeof *w);
}

void *
sn__read_handle(const sn__read *r)
{
    if (r->owns < SN__OWNS_HANDLE)
        return NULL;
    if (r->kind == SN_READ_CELL)
        return (void *)(uintptr_t)r->was.cell.word;
    if (r->kind == SN_READ_VALUE)
        return r->on.worth->handle;
    return r->kind == SN_READ_GETTER ? r->was.value : r->on.watch->handle;
}

void *
sn__read_take(sn__read *r, sn_db *db)
{
    void *handle = sn__read_handle(r);
    switch ((sn_read_kind)r->kind) {
    case SN_READ_CELL:
        if (r->owns == SN__OWNS_ENTRY)
            sn_entry_release(db, r->was.cell.word);
        break;
    case SN_READ_EACH:
        free_rows(db, r->was.rows);
        leave_path((sn_path *)(uintptr_t)r->on.path);
        break;
    case SN_READ_FIRST:
    case SN_READ_COUNT:
    case SN_READ_CONTAINS:
        leave_path((sn_path *)(uintptr_t)r->on.path);
        break;
    case SN_READ_PROBE:
        free_probe(r, db);
        break;
    case SN_READ_ROWS:
    case SN_READ_NUMBER:
        free_watch(r->on.watch, db);
        break;
    case SN_READ_VALUE:
        sn_mem_free(&db->mem, r->on.worth, sizeof *r->on.worth);
        break;
    case SN_READ_GETTER:
    case SN_READ_LIFE:
    case SN_READ_TARGET:
    case SN_READ_COLUMN:
    case SN_READ_TABLE:
    case SN_READ_TIME:
        break;
    }
    return handle;
}

/* ---------------------------------------------------------------- rows that move */

static sn_row
moved(sn_row row, const sn_row *map, sn_row old_positions)
{
    if (row >= old_positions)
        return row;
    return map[row] == SN_NO_ROW ? SN__GONE : map[row];
}

static void
follow_rows(sn_rows *rows, const sn_row *map, sn_row old_positions)
{
    for (size_t i = 0; i < rows->n; i++)
        rows->rows[i] = moved(rows->rows[i], map, old_positions);
}

/* The row that it was read at belongs to this table. */
static const sn_table *
table_of(const sn__read *r)
{
    switch ((sn_read_kind)r->kind) {
    case SN_READ_CELL:
    case SN_READ_LIFE:
        return r->on.table;
    case SN_READ_TARGET:
        return r->on.reference->from->table;
    case SN_READ_FIRST:
    case SN_READ_EACH:
    case SN_READ_COUNT:
    case SN_READ_CONTAINS:
        return sn_path_from(r->on.path);
    case SN_READ_GETTER:
        return r->on.getter->table;
    case SN_READ_VALUE:
        return r->on.worth->table;
    default:
        return NULL;
    }
}

static void
follow_watch(sn__watch *w, const sn_table *t, const sn_row *map, sn_row old_positions)
{
    if (w->query.source == SN_FROM_PATH && sn_path_from(w->query.path) == t)
        w->query.from = moved(w->query.from, map, old_positions);
    if (w->query.table == t)
        follow_rows(&w->rows, map, old_positions);
}

void
sn__read_follow(sn__read *r, const sn_table *t, const sn_row *map, sn_row old_positions)
{
    if (table_of(r) == t)
        r->row = moved(r->row, map, old_positions);
    if ((r->kind == SN_READ_TARGET && r->on.reference->to->table == t)
        || (r->kind == SN_READ_FIRST && sn_path_to(r->on.path) == t))
        r->was.target = moved(r->was.target, map, old_positions);
    else if (r->kind == SN_READ_CONTAINS && sn_path_to(r->on.path) == t)
        r->was.member.target = moved(r->was.member.target, map, old_positions);
    else if (r->kind == SN_READ_EACH && sn_path_to(r->on.path) == t)
        follow_rows(r->was.rows, map, old_positions);
    else if (r->kind == SN_READ_PROBE && r->on.index->table == t)
        r->was.probe->found = moved(r->was.probe->found, map, old_positions);
    else if (r->kind == SN_READ_ROWS || r->kind == SN_READ_NUMBER)
        follow_watch(r->on.watch, t, map, old_positions);
}
