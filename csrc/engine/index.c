/*
 * index.c - one interface over the three kinds of index.
 *
 * Reads the key of a row from its columns, leaves out rows that a kind does not hold (unique and many: those with a
 * null in the key), and hands on to the structure: unique.c, many.c, ordered.c. The protocol, reserve - remove -
 * store - add, and what undo may rely on are told in index.h; each structure proves its part of it at the head of its
 * file.
 *
 * Keys. Structures hold key words, sn_types[t].key of the stored word, so that values that are equal are one key: 0.0
 * and -0.0, two folds of one time, an entry and its canonical form. The host's probes (sn_index_find, sn_index_rows)
 * bring plain words, which go through the same functions here.
 *
 * Allocates only in sn__index_new and, within the structures, in reserve.
 */
#include "index.h"

#include "database.h"
#include "many.h"
#include "ordered.h"
#include "unique.h"

#include <assert.h>
#include <string.h>

_Static_assert(SN_MAX_KEY <= 8, "sn_index.plain is a byte of bits");

/* ---------------------------------------------------------------- life */

static size_t
structure_size(sn_index_kind kind)
{
    switch (kind) {
    case SN_INDEX_UNIQUE:
        return sizeof(sn_unique);
    case SN_INDEX_MANY:
        return sizeof(sn_many);
    case SN_INDEX_ORDERED:
        return sizeof(sn_ordered);
    }
    return 0;
}

static void *
structure(const sn_index *ix)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        return ix->as.unique;
    case SN_INDEX_MANY:
        return ix->as.many;
    case SN_INDEX_ORDERED:
        return ix->as.ordered;
    }
    return NULL;
}

static void
structure_init(sn_index *ix, void *memory)
{
    memset(memory, 0, structure_size(ix->kind));
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        ix->as.unique = memory;
        sn__unique_init(ix);
        break;
    case SN_INDEX_MANY:
        ix->as.many = memory;
        sn__many_init(ix);
        break;
    case SN_INDEX_ORDERED:
        ix->as.ordered = memory;
        break;
    }
}

sn_status
sn__index_new(sn_index **out, sn_mem *m, sn_table *t, sn_index_kind kind, const sn_col *cols, size_t n, bool deferred,
              void *tag)
{
    assert(n > 0 && n <= SN_MAX_KEY && (!deferred || kind == SN_INDEX_UNIQUE));
    sn_index *ix = sn_mem_new(m, sizeof *ix);
    void *memory = ix ? sn_mem_new(m, structure_size(kind)) : NULL;
    if (!memory) {
        sn_mem_free(m, ix, sizeof *ix);
        return SN_NOMEM;
    }
    *ix = (sn_index){.table = t, .kind = kind, .deferred = deferred, .column_count = (uint8_t)n, .tag = tag};
    memcpy(ix->columns, cols, n * sizeof *cols);
    for (size_t i = 0; i < n; i++) {
        bool plain = sn_types[t->columns[cols[i]].def.type].flags & SN_T_PLAIN;
        ix->plain = (uint8_t)(ix->plain | (unsigned)plain << i);
    }
    structure_init(ix, memory);
    *out = ix;
    return SN_OK;
}

void
sn__index_free(sn_mem *m, sn_index *ix)
{
    sn__index_clear(ix);
    sn_mem_free(m, structure(ix), structure_size(ix->kind));
    sn_mem_free(m, ix, sizeof *ix);
}

/* ---------------------------------------------------------------- changes */

sn_status
sn__index_reserve(sn_index *ix, const sn_word *key, bool null)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        return null ? SN_OK : sn__unique_reserve(ix, key);
    case SN_INDEX_MANY:
        return null ? SN_OK : sn__many_reserve(ix, key);
    case SN_INDEX_ORDERED:
        return sn__ordered_reserve(ix);
    }
    return SN_MISUSE;
}

void
sn__index_add_key(sn_index *ix, const sn_word *key, sn_row row)
{
    if (ix->kind == SN_INDEX_UNIQUE)
        sn__unique_add(ix, key, row);
    else
        sn__many_add(ix, key, row);
}

void
sn__index_add(sn_index *ix, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    if (ix->kind == SN_INDEX_ORDERED)
        sn__ordered_add(ix, row);
    else if (sn__row_key(key, ix, row))
        sn__index_add_key(ix, key, row);
}

static sn_status
load_ordered(sn_row *entered, sn_index *ix, sn_row first, sn_row n)
{
    for (*entered = 0; *entered < n; ++*entered) {
        sn_status status = sn__ordered_reserve(ix);
        if (status != SN_OK)
            return status;
        sn__ordered_add(ix, first + *entered);
    }
    return SN_OK;
}

sn_status
sn__index_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n)
{
    assert(!ix->deferred);
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        return sn__unique_load(entered, ix, first, n);
    case SN_INDEX_MANY:
        return sn__many_load(entered, ix, first, n);
    case SN_INDEX_ORDERED:
        return load_ordered(entered, ix, first, n);
    }
    return SN_MISUSE;
}

sn_place
sn__index_remove(sn_index *ix, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    sn_place place = 0;
    if (ix->kind == SN_INDEX_ORDERED)
        sn__ordered_remove(ix, row);
    else if (!sn__row_key(key, ix, row))
        return SN_NO_PLACE;
    else if (ix->kind == SN_INDEX_UNIQUE)
        sn__unique_remove(ix, key, row);
    else
        place = sn__many_remove(ix, key, row);
    return place;
}

void
sn__index_restore(sn_index *ix, sn_row row, sn_place place)
{
    sn_word key[SN_MAX_KEY];
    if (place == SN_NO_PLACE)
        return;
    if (ix->kind != SN_INDEX_MANY) {
        sn__index_add(ix, row);
        return;
    }
    bool keyed = sn__row_key(key, ix, row);
    assert(keyed);
    (void)keyed;
    sn__many_restore(ix, key, row, place);
}

void
sn__index_settle(sn_index *ix)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        sn__unique_settle(ix);
        break;
    case SN_INDEX_MANY:
        sn__many_settle(ix);
        break;
    case SN_INDEX_ORDERED:
        sn__ordered_settle(ix);
        break;
    }
}

void
sn__index_remap(sn_index *ix, const sn_row *map, sn_row old_positions)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        sn__unique_remap(ix, map);
        break;
    case SN_INDEX_MANY:
        sn__many_remap(ix, map, old_positions);
        break;
    case SN_INDEX_ORDERED:
        sn__ordered_remap(ix, map);
        break;
    }
}

void
sn__index_clear(sn_index *ix)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        sn__unique_clear(ix);
        break;
    case SN_INDEX_MANY:
        sn__many_clear(ix);
        break;
    case SN_INDEX_ORDERED:
        sn__ordered_clear(ix);
        break;
    }
}

const char *
sn__index_check(const sn_index *ix)
{
    switch (ix->kind) {
    case SN_INDEX_UNIQUE:
        return sn__unique_check(ix);
    case SN_INDEX_MANY:
        return sn__many_check(ix);
    case SN_INDEX_ORDERED:
        return sn__ordered_check(ix);
    }
    return "index: of no kind";
}

/* ---------------------------------------------------------------- finding */

sn_row
sn__index_find(const sn_index *ix, const sn_word *key)
{
    assert(ix->kind == SN_INDEX_UNIQUE);
    return sn__unique_find(ix, key);
}

sn_row
sn__index_find_other(const sn_index *ix, const sn_word *key, sn_row row)
{
    assert(ix->kind == SN_INDEX_UNIQUE);
    return sn__unique_probe(ix, key, row);
}

sn_posting_view
sn__index_list(const sn_index *ix, const sn_word *key)
{
    assert(ix->kind == SN_INDEX_MANY);
    sn_list *list = sn__many_find(ix, key);
    if (!list)
        return (sn_posting_view){NULL, 0, 0};
    return (sn_posting_view){sn__list_rows(list), list->len, list->count};
}

sn_posting_view
sn__index_view(const sn_index *ix, const sn_word *key, sn_row *one)
{
    if (ix->kind == SN_INDEX_MANY)
        return sn__index_list(ix, key);
    *one = sn__index_find(ix, key);
    size_t n = *one != SN_NO_ROW;
    return (sn_posting_view){one, n, n};
}

void
sn__index_ask(const sn_index *ix, const sn_word *key)
{
    if (ix->kind == SN_INDEX_MANY && ix->as.many->dense) {
        const sn_many *m = ix->as.many;
        size_t at = sn__window_at(&m->window, key[0]);
        if (at < m->window.room)
            __builtin_prefetch(&m->lists[at]);
    } else if (ix->kind == SN_INDEX_UNIQUE && ix->as.unique->dense) {
        const sn_unique *u = ix->as.unique;
        size_t at = sn__window_at(&u->window, key[0]);
        if (at < u->window.room)
            __builtin_prefetch(&u->rows[at]);
    }
}

/* The key words of plain words. */
static const sn_word *
key_of(sn_word *room, const sn_index *ix, const sn_word *words)
{
    assert(ix->column_count > 0);
    if (SN_LIKELY(ix->plain == (1u << ix->column_count) - 1))
        return words;
    for (size_t i = 0; i < ix->column_count; i++)
        room[i] = sn_types[ix->table->columns[ix->columns[i]].def.type].key(words[i]);
    return room;
}

sn_row
sn_index_find(const sn_index *ix, const sn_word *words)
{
    sn_word key[SN_MAX_KEY];
    return sn__index_find(ix, key_of(key, ix, words));
}

sn_posting_view
sn_index_rows(const sn_index *ix, const sn_word *words)
{
    sn_word key[SN_MAX_KEY];
    return sn__index_list(ix, key_of(key, ix, words));
}

/* ---------------------------------------------------------------- readers */

void *
sn_index_tag(const sn_index *ix)
{
    return ix->tag;
}

sn_index_kind
sn_index_kind_of(const sn_index *ix)
{
    return ix->kind;
}

sn_table *
sn_index_table(const sn_index *ix)
{
    return ix->table;
}

size_t
sn_index_columns(const sn_index *ix, const sn_col **cols)
{
    *cols = ix->columns;
    return ix->column_count;
}
