/*
 * database.c - making and freeing a database, errors, pins, the drop list, and emptying all tables at once.
 *
 * The drop list is two things seen as one: a vector of bare handles, and the chain of entries that have lost their last
 * use (intern.c), which needs no memory since the entry is its own link. Bare handles need a slot each, so whoever may
 * come to drop one without being allowed to fail promises it first:
 *
 *   drop_len + drop_promised <= drop_cap
 *
 * sn__drop_reserve makes room, a promise counts it, sn__drop_push and sn__drop_cell use it up. Every type that owns
 * something counts, also where the cell turns out to hold an entry or null: a promise is a property of the column, so
 * undoing needs no bookkeeping of its own. Taking the last handle shrinks a vector that a large unit has left.
 */
#include "getter.h"
#include "journal.h"
#include "reference.h"

#define KEEP_CAPACITY 1024

/* ---------------------------------------------------------------- making and freeing */

sn_status
sn_db_new(sn_db **out, const sn_config *config)
{
    sn_mem mem = {.fn = config->alloc, .ud = config->alloc_ud};
    sn_db *db = sn_mem_zero(&mem, sizeof(*db));
    if (!db)
        return SN_NOMEM;
    db->mem = mem;
    db->text = config->text;
    db->error = SN_ERROR(SN_OK);
    *out = db;
    return SN_OK;
}

static void
free_tables(sn_db *db)
{
    for (sn_table *t = db->tables; t; t = t->next) {
        while (t->outgoing_count > 0)
            sn__reference_free(db, t->outgoing[t->outgoing_count - 1]);
    }
    while (db->tables) {
        sn_table *t = db->tables;
        db->tables = t->next;
        for (size_t i = 0; i < t->index_count; i++)
            sn__index_free(&db->mem, t->indexes[i]);
        sn__getters_free(t);
        sn__table_free(t);
    }
}

void
sn_db_free(sn_db *db)
{
    if (!db)
        return;
    sn__values_forget(db);
    while (sn__dead_value_pop(db))
        continue;
    sn__frame_free(db->spare_frame, &db->mem);
    sn__moments_free(db);
    free_tables(db);
    sn__intern_free(db);
    sn_mem_free(&db->mem, db->journal, db->journal_cap * sizeof(sn_undo));
    sn_mem_free(&db->mem, db->savepoints, db->savepoint_cap * sizeof(sn_savepoint));
    sn_mem_free(&db->mem, db->pending, db->pending_cap * sizeof(sn_pending));
    sn_mem_free(&db->mem, db->drops, db->drop_cap * sizeof(void *));
    sn_mem mem = db->mem;
    sn_mem_free(&mem, db, sizeof(*db));
}

/* ---------------------------------------------------------------- errors, figures, pins */

sn_status
sn__fail(sn_db *db, sn_error error)
{
    db->error = error;
    return error.status;
}

sn_status
sn__fail_status(sn_db *db, sn_status status)
{
    return sn__fail(db, SN_ERROR(status));
}

const sn_error *
sn_db_error(const sn_db *db)
{
    return &db->error;
}

size_t
sn_db_blocks(const sn_db *db)
{
    return db->mem.blocks;
}

size_t
sn_db_bytes(const sn_db *db)
{
    return db->mem.bytes;
}

uint64_t
sn_db_revision(const sn_db *db)
{
    return db->revision;
}

void
sn_db_pin(sn_db *db)
{
    db->pins++;
}

void
sn_db_unpin(sn_db *db)
{
    assert(db->pins > 0);
    db->pins--;
}

size_t
sn_db_pins(const sn_db *db)
{
    return db->pins;
}

/* ---------------------------------------------------------------- the drop list */

sn_status
sn__drop_reserve(sn_db *db, size_t handles)
{
    size_t need = db->drop_len + db->drop_promised + handles;
    if (need <= db->drop_cap)
        return SN_OK;
    sn_status st = sn_mem_grow(&db->mem, &db->drops, &db->drop_cap, need, sizeof(void *));
    return st == SN_OK ? SN_OK : sn__fail_status(db, st);
}

sn_status
sn__drop_promise(sn_db *db, size_t handles)
{
    sn_status st = sn__drop_reserve(db, handles);
    if (st == SN_OK)
        db->drop_promised += handles;
    return st;
}

void
sn__drop_push(sn_db *db, void *handle)
{
    assert(db->drop_promised > 0);
    db->drop_promised--;
    if (handle)
        db->drops[db->drop_len++] = handle;
}

void
sn__drop_cell(sn_db *db, sn_type type, sn_cell cell)
{
    if (!sn_type_owns(type))
        return;
    void *bare = NULL;
    if (!cell.null && sn_word_is_entry(cell.word))
        sn_entry_release(db, cell.word);
    else if (!cell.null)
        bare = (void *)(uintptr_t)cell.word;
    sn__drop_push(db, bare);
}

void
sn__drop_shrink(sn_db *db)
{
    size_t need = db->drop_len + db->drop_promised;
    if (db->drop_cap <= KEEP_CAPACITY || need > db->drop_cap / 4)
        return;
    size_t cap = need < KEEP_CAPACITY ? KEEP_CAPACITY : need;
    void **smaller = sn_mem_resize(&db->mem, db->drops, db->drop_cap * sizeof(void *), cap * sizeof(void *));
    if (!smaller)
        return; /* refused: the large one serves as well */
    db->drops = smaller;
    db->drop_cap = cap;
}

size_t
sn_db_drop(sn_db *db, void **out, size_t cap)
{
    size_t n = 0;
    while (n < cap && db->drop_len > 0)
        out[n++] = db->drops[--db->drop_len];
    for (void *handle; n < cap && (handle = sn__dead_value_pop(db)) != NULL;)
        out[n++] = handle;
    while (n < cap && db->dead_entries)
        out[n++] = sn__intern_pop_dead(db);
    sn__drop_shrink(db);
    return n;
}

size_t
sn_db_drop_count(const sn_db *db)
{
    size_t n = db->drop_len + (db->dead_values != NULL);
    for (const sn_entry *e = db->dead_entries; e; e = e->key)
        n++;
    return n;
}

/* ---------------------------------------------------------------- handles owned */

static bool
is_bare(sn_type type, sn_cell cell)
{
    return sn_type_owns(type) && !cell.null && cell.word != 0 && !sn_word_is_entry(cell.word);
}

static size_t
count_column(const sn_table *t, sn_col col)
{
    size_t n = 0;
    sn_type type = t->columns[col].def.type;
    for (sn_row row = 0; row < t->positions; row++)
        n += is_bare(type, (sn_cell){sn__word(t, row, col), sn__is_null(t, row, col)});
    return n;
}

static size_t
count_journal(const sn_db *db)
{
    size_t n = 0;
    for (size_t i = 0; i < db->journal_len; i++) {
        const sn_undo *u = &db->journal[i];
        if (u->kind == SN_UNDO_WROTE)
            n += is_bare(u->on.table->columns[u->col].def.type, (sn_cell){u->was.old, u->old_null});
    }
    return n;
}

size_t
sn_db_handle_count(const sn_db *db)
{
    size_t n = sn__intern_handles(db) + db->drop_len + count_journal(db) + sn__values_handles(db);
    for (const sn_table *t = db->tables; t; t = t->next) {
        for (sn_col c = 0; c < t->column_count; c++) {
            if (t->columns[c].used && sn_type_owns(t->columns[c].def.type))
                n += count_column(t, c);
        }
    }
    return n;
}

/* ---------------------------------------------------------------- emptying everything */

/* Takes what one cell owns; at most one handle comes of it. */
static size_t
dismantle_cell(sn_table *t, sn_row row, sn_col col, void **out)
{
    sn_word word = sn__word(t, row, col);
    bool null = sn__is_null(t, row, col);
    sn__table_store(t, row, col, (sn_cell){0, t->columns[col].nulls != NULL});
    if (null || word == 0)
        return 0;
    if (!sn_word_is_entry(word)) {
        *out = (void *)(uintptr_t)word;
        return 1;
    }
    sn_entry_release(t->db, word);
    if (!t->db->dead_entries)
        return 0;
    *out = sn__intern_pop_dead(t->db);
    return 1;
}

/* False when `out` was full before all of the row was taken; it is dead then, and the next call goes on with it. */
static bool
dismantle_row(sn_table *t, sn_row row, void **out, size_t *n, size_t cap)
{
    if (*n > 0 && *n + t->owning_count > cap)
        return false;
    if (sn__alive(t, row))
        sn__table_set_live(t, row, false);
    else if (sn__parked(t, row))
        sn__table_set_parked(t, row, false, false);
    for (sn_col c = 0; c < t->column_count; c++) {
        if (!t->columns[c].used || !sn_type_owns(t->columns[c].def.type))
            continue;
        if (*n == cap)
            return false;
        *n += dismantle_cell(t, row, c, out + *n);
    }
    return true;
}

/* Rows from the end, as far as `out` reaches. */
static void
dismantle_table(sn_table *t, void **out, size_t *n, size_t cap)
{
    sn_row left = t->positions;
    for (size_t i = 0; i < t->index_count; i++)
        sn__index_clear(t->indexes[i]);
    while (left > 0 && dismantle_row(t, left - 1, out, n, cap))
        left--;
    t->positions = left;
    if (left == 0)
        sn__table_truncate(t, 0);
    sn__schema_changes(t->db);
}

size_t
sn_db_dismantle(sn_db *db, void **out, size_t cap)
{
    if (db->depth > 0)
        return 0;
    sn__values_forget(db);
    size_t n = sn_db_drop(db, out, cap);
    for (sn_table *t = db->tables; t && n < cap; t = t->next) {
        if (t->positions > 0)
            dismantle_table(t, out, &n, cap);
        if (t->positions == 0)
            t->next_number = 1;
    }
    return n;
}
