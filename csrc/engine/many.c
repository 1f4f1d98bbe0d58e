/*
 * many.c - the many index: key -> the rows that have it, in order of arrival.
 *
 * A list is an array of rows with holes; `places` says for each row where in its list it stands. Adding appends,
 * removing makes a hole, undoing a removal fills exactly that hole. (Links through the rows would save the places,
 * but walking children of random parents then misses the cache at each one: measured two to three times slower.) One
 * or two rows live in the list's own 24 bytes, so that small families cost no block.
 *
 * Lists stand in one vector. Two forms, one at a time:
 *   dense   list i is that of key base + i (foreign keys to ids that count up); a key without rows has an unused list
 *   slots   a table of (hash, list id), and the key words of each list beside it, since an empty list has no row to ask
 * As with unique indexes, one that may be dense starts so, goes over to slots when a key is too far off, and comes back
 * when it has become empty; also when the slots would have to grow and all keys have come to lie close together, as
 * those of parents do that are met in random order.
 *
 * Invariants
 *   for every list in use and slot p < len: rows[p] is a hole, or alive, has the list's key, and places[rows[p]] == p
 *   len == 0 or rows[len - 1] is no hole; count == slots that are no holes; n == sum of counts
 *   a list in use without rows is in the chain `unsettled`
 *
 * Undo. Within a unit lists stay in use, keep their capacity, and are moved only as a whole, all of them when the form
 * changes, so the list of every key that undo will ask for is found. Removing the last slot drops the holes before it; restoring at place
 * p >= len brings them back. So each undo step meets the state that its inverse left, slot for slot, and has the room for it.
 *
 * Settling, at the end of the outermost unit, walks the chain of lists that lost rows (linked inside the lists: no
 * memory): empty ones are put out of use, others are squeezed when they are short or more than a quarter of them is
 * holes, so that taking rows out of a long list one by one costs O(1) amortised each.
 *
 * Costs: add, remove, restore O(1) (expected, with slots); rotate O(distance). Only reserve may fail.
 */
#include "many.h"

#include "database.h"

#include <assert.h>
#include <string.h>

#ifdef SN_TINY
#define SQUEEZE_ALWAYS 2
#else
#define SQUEEZE_ALWAYS 16
#endif
#define LINK_END 1u
#define LINK_TO(id) ((id) + 2u)
#define LINK_ID(link) ((link) - 2u)
#define MAX_LISTS (UINT32_MAX - 2u)

_Static_assert(sizeof(void *) != 8 || sizeof(sn_list) == 24, "a list is three words");

static sn_mem *
mem(const sn_index *ix)
{
    return &ix->table->db->mem;
}

static void
list_free_rows(sn_index *ix, sn_list *list)
{
    if (list->cap > SN_LIST_FEW)
        sn_mem_free(mem(ix), list->at.rows, list->cap * sizeof(sn_row));
}

void
sn__many_init(sn_index *ix)
{
    *ix->as.many = (sn_many){.dense = sn__index_may_be_dense(ix), .unused = LINK_END, .unsettled = LINK_END};
}

void
sn__many_clear(sn_index *ix)
{
    sn_many *m = ix->as.many;
    for (size_t i = 0; i < m->lists_cap; i++)
        list_free_rows(ix, &m->lists[i]);
    sn_mem_free(mem(ix), m->lists, m->lists_cap * sizeof *m->lists);
    sn_mem_free(mem(ix), m->keys, m->keys_cap * sizeof *m->keys);
    sn_mem_free(mem(ix), m->places, m->places_cap * sizeof *m->places);
    sn__slots_free(mem(ix), &m->slots);
    sn__many_init(ix);
}

/* ---------------------------------------------------------------- finding */

sn_list *
sn__many_probe(const sn_index *ix, const sn_word *key)
{
    const sn_many *m = ix->as.many;
    if (SN_UNLIKELY(m->slots.n == 0))
        return NULL;
    size_t n = ix->column_count, mask = m->slots.cap - 1;
    uint32_t hash = sn__key_hash(ix, key);
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        sn_slot slot = m->slots.at[i];
        if (slot.id == SN_NO_ROW)
            return NULL;
        if (slot.hash == hash && memcmp(m->keys + slot.id * n, key, n * sizeof *key) == 0)
            return &m->lists[slot.id];
    }
}

static uint32_t
id_of(const sn_many *m, const sn_list *list)
{
    return (uint32_t)(list - m->lists);
}

/* ---------------------------------------------------------------- room */

static sn_status
reserve_places(sn_index *ix)
{
    sn_many *m = ix->as.many;
    size_t rows = (size_t)ix->table->positions + 1;
    if (SN_LIKELY(rows <= m->places_cap))
        return SN_OK;
    rows = rows > ix->table->cap ? rows : ix->table->cap;
    return sn_mem_grow(mem(ix), &m->places, &m->places_cap, rows, sizeof *m->places);
}

static size_t
grown(size_t cap)
{
#ifdef SN_TINY
    return cap + 1;
#else
    return cap < 4 ? 4 : cap + cap / 2;
#endif
}

/* Out of line: room for one more slot in a full list. */
static sn_status
list_grow(sn_index *ix, sn_list *list)
{
    size_t cap = grown(list->cap);
    bool outside = list->cap > SN_LIST_FEW;
    if (cap > UINT32_MAX - 1)
        return SN_LIMIT;
    sn_row *rows = sn_mem_resize(mem(ix), outside ? list->at.rows : NULL, outside ? list->cap * sizeof *rows : 0,
                                 cap * sizeof *rows);
    if (!rows)
        return SN_NOMEM;
    if (!outside)
        memcpy(rows, list->at.few, list->len * sizeof *rows);
    list->at.rows = rows;
    list->cap = (uint32_t)cap;
    return SN_OK;
}

/* Lists up to lists_cap; the new ones are not in use. */
static sn_status
lists_resize(sn_index *ix, size_t cap)
{
    sn_many *m = ix->as.many;
    if (cap > MAX_LISTS)
        return SN_LIMIT;
    sn_list *lists = sn_mem_resize(mem(ix), m->lists, m->lists_cap * sizeof *lists, cap * sizeof *lists);
    if (!lists)
        return SN_NOMEM;
    memset(lists + m->lists_cap, 0, (cap - m->lists_cap) * sizeof *lists);
    m->lists = lists;
    m->lists_cap = cap;
    return SN_OK;
}

/* All lists up by `shift` ids: those at the end are not in use. */
static void
lists_shift(sn_many *m, size_t shift)
{
    memmove(m->lists + shift, m->lists, (m->lists_cap - shift) * sizeof *m->lists);
    memset(m->lists, 0, shift * sizeof *m->lists);
    for (uint32_t *link = &m->unsettled; *link != LINK_END; link = &m->lists[LINK_ID(*link)].link)
        *link += (uint32_t)shift;
}

static sn_status
widen(sn_index *ix, sn_window w)
{
    sn_many *m = ix->as.many;
    size_t shift = w.base == m->window.base ? 0 : w.room - m->window.room;
    sn_status status = lists_resize(ix, w.room);
    if (status != SN_OK)
        return status;
    if (shift)
        lists_shift(m, shift);
    m->window = w;
    return SN_OK;
}

/* From dense to slots. Lists keep their ids; ids not in use are chained. */
static sn_status
go_over_to_slots(sn_index *ix)
{
    sn_many *m = ix->as.many;
    if (sn__slots_reserve(mem(ix), &m->slots, m->used + 1) != SN_OK
        || sn_mem_grow(mem(ix), &m->keys, &m->keys_cap, m->lists_cap, sizeof *m->keys) != SN_OK)
        return SN_NOMEM;
    for (size_t i = m->lists_cap; i-- > 0;) {
        m->keys[i] = m->window.base + i;
        if (m->lists[i].cap) {
            sn__slots_add(&m->slots, sn__key_hash(ix, &m->keys[i]), (uint32_t)i);
        } else {
            m->lists[i].link = m->unused;
            m->unused = LINK_TO((uint32_t)i);
        }
    }
    m->lists_len = m->lists_cap;
    m->window = (sn_window){0};
    m->dense = false;
    return SN_OK;
}

/* The window for the keys of all lists in use and this one; room 0: they are not close enough. */
static sn_window
window_of_all(const sn_many *m, sn_word key)
{
    int64_t least = sn_word_int(key), most = least;
    for (size_t i = 0; i < m->lists_len; i++) {
        int64_t own = sn_word_int(m->keys[i]);
        if (m->lists[i].cap && own < least)
            least = own;
        if (m->lists[i].cap && own > most)
            most = own;
    }
    return sn__window_over(least, most, m->used + 1);
}

/* The chain of unsettled lists after list i has become the one of key i in window w. */
static void
relink_by_key(sn_many *m, const sn_window *w, sn_list *lists)
{
    uint32_t *link = &m->unsettled;
    while (*link != LINK_END) {
        size_t at = sn__window_at(w, m->keys[LINK_ID(*link)]);
        *link = LINK_TO((uint32_t)at);
        link = &lists[at].link;
    }
}

/* From slots to dense, when the keys of all lists and this one have come to lie close together. False: they do not, or there is no
 * memory for it, and nothing has changed. */
static bool
go_back_to_dense(sn_index *ix, sn_word key)
{
    sn_many *m = ix->as.many;
    sn_window w = window_of_all(m, key);
    sn_list *lists = w.room > 0 && w.room <= MAX_LISTS ? sn_mem_zero(mem(ix), w.room * sizeof *lists) : NULL;
    if (!lists)
        return false;
    for (size_t i = 0; i < m->lists_len; i++) {
        if (m->lists[i].cap)
            lists[sn__window_at(&w, m->keys[i])] = m->lists[i];
    }
    relink_by_key(m, &w, lists);
    sn_mem_free(mem(ix), m->lists, m->lists_cap * sizeof *m->lists);
    sn_mem_free(mem(ix), m->keys, m->keys_cap * sizeof *m->keys);
    sn__slots_free(mem(ix), &m->slots);
    m->keys = NULL;
    m->keys_cap = m->lists_len = 0;
    m->unused = LINK_END;
    m->lists = lists;
    m->lists_cap = w.room;
    m->window = w;
    m->dense = true;
    return true;
}

/* Room for one more list, found by slots unless a table of them that would have to grow can be spared. */
static sn_status
reserve_list(sn_index *ix, const sn_word *key)
{
    sn_many *m = ix->as.many;
    if (sn__slots_full(&m->slots, m->used + 1) && sn__index_may_be_dense(ix) && go_back_to_dense(ix, key[0]))
        return SN_OK;
    sn_status status = sn__slots_reserve(mem(ix), &m->slots, m->used + 1);
    if (status != SN_OK || m->unused != LINK_END)
        return status;
    if (m->lists_len == m->lists_cap)
        status = lists_resize(ix, grown(m->lists_cap));
    if (status != SN_OK)
        return status;
    return sn_mem_grow(mem(ix), &m->keys, &m->keys_cap, (m->lists_len + 1) * ix->column_count, sizeof *m->keys);
}

/* Room for a list of a key that has none. */
static sn_status
reserve_key(sn_index *ix, const sn_word *key)
{
    sn_many *m = ix->as.many;
    if (m->dense && sn__window_at(&m->window, key[0]) < m->window.room)
        return SN_OK;
    if (m->dense) {
        sn_window w = sn__window_widen(&m->window, key[0], m->used + 1);
        if (w.room > 0)
            return widen(ix, w);
        if (go_over_to_slots(ix) != SN_OK)
            return SN_NOMEM;
    }
    return reserve_list(ix, key);
}

sn_status
sn__many_reserve(sn_index *ix, const sn_word *key)
{
    sn_status status = reserve_places(ix);
    if (SN_UNLIKELY(status != SN_OK))
        return status;
    sn_list *list = sn__many_find(ix, key);
    if (!list)
        return reserve_key(ix, key);
    return SN_LIKELY(list->len < list->cap) ? SN_OK : list_grow(ix, list);
}

/* ---------------------------------------------------------------- rows */

/* Takes a list for a key that has none. */
static sn_list *
list_take(sn_index *ix, const sn_word *key)
{
    sn_many *m = ix->as.many;
    size_t n = ix->column_count, id;
    if (m->dense) {
        id = sn__window_at(&m->window, key[0]);
        assert(id < m->window.room);
    } else {
        bool again = m->unused != LINK_END;
        id = again ? LINK_ID(m->unused) : m->lists_len++;
        assert(id < m->lists_cap && (id + 1) * n <= m->keys_cap);
        m->unused = again ? m->lists[id].link : LINK_END;
        memcpy(m->keys + id * n, key, n * sizeof *key);
        sn__slots_add(&m->slots, sn__key_hash(ix, key), (uint32_t)id);
    }
    m->lists[id] = (sn_list){.cap = SN_LIST_FEW};
    m->used++;
    return &m->lists[id];
}

void
sn__many_add(sn_index *ix, const sn_word *key, sn_row row)
{
    sn_many *m = ix->as.many;
    sn_list *list = sn__many_find(ix, key);
    if (!list)
        list = list_take(ix, key);
    assert(list->len < list->cap && row < m->places_cap);
    sn__list_rows(list)[list->len] = row;
    m->places[row] = list->len++;
    list->count++;
    m->n++;
}

sn_status
sn__many_load(sn_row *entered, sn_index *ix, sn_row first, sn_row n)
{
    sn_word key[SN_MAX_KEY];
    for (*entered = 0; *entered < n; ++*entered) {
        sn_row row = first + *entered;
        if (!sn__row_key(key, ix, row))
            continue;
        sn_status status = sn__many_reserve(ix, key);
        if (status != SN_OK)
            return status;
        sn__many_add(ix, key, row);
    }
    return SN_OK;
}

static void
mark_unsettled(sn_many *m, sn_list *list)
{
    if (list->link)
        return;
    list->link = m->unsettled;
    m->unsettled = LINK_TO(id_of(m, list));
}

sn_place
sn__many_remove(sn_index *ix, const sn_word *key, sn_row row)
{
    sn_many *m = ix->as.many;
    sn_list *list = sn__many_find(ix, key);
    sn_place place = m->places[row];
    assert(list && place < list->len);
    sn_row *rows = sn__list_rows(list);
    assert(rows[place] == row);
    rows[place] = SN_NO_ROW;
    while (list->len > 0 && rows[list->len - 1] == SN_NO_ROW)
        list->len--;
    list->count--;
    m->n--;
    if (list->count < list->len || list->count == 0)
        mark_unsettled(m, list);
    return place;
}

void
sn__many_restore(sn_index *ix, const sn_word *key, sn_row row, sn_place place)
{
    sn_many *m = ix->as.many;
    sn_list *list = sn__many_find(ix, key);
    assert(list && place < list->cap);
    sn_row *rows = sn__list_rows(list);
    while (list->len <= place)
        rows[list->len++] = SN_NO_ROW;
    assert(rows[place] == SN_NO_ROW);
    rows[place] = row;
    m->places[row] = place;
    list->count++;
    m->n++;
    if (list->count < list->len)
        mark_unsettled(m, list);
}

/* ---------------------------------------------------------------- order within a list */

/* The list of a row of the index. */
static sn_list *
list_of(const sn_index *ix, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    bool whole = sn__row_key(key, ix, row);
    assert(whole);
    (void)whole;
    return sn__many_find(ix, key);
}

sn_place
sn__many_place_at(const sn_index *ix, sn_row row, size_t position)
{
    sn_list *list = list_of(ix, row);
    assert(list && list->count > 0);
    if (position >= list->count - 1)
        return list->len - 1;
    if (list->count == list->len)
        return (sn_place)position;
    const sn_row *rows = sn__list_rows(list);
    sn_place place = 0;
    for (;; place++) {
        if (rows[place] != SN_NO_ROW && position-- == 0)
            return place;
    }
}

sn_place
sn__many_rotate(sn_index *ix, sn_row row, sn_place to)
{
    sn_many *m = ix->as.many;
    sn_list *list = list_of(ix, row);
    assert(list && to < list->cap);
    sn_row *rows = sn__list_rows(list);
    sn_place from = m->places[row];
    assert(rows[from] == row);
    while (list->len <= to) /* back to an end that the holes before it have lost */
        rows[list->len++] = SN_NO_ROW;
    if (from < to)
        memmove(rows + from, rows + from + 1, (to - from) * sizeof *rows);
    else
        memmove(rows + to + 1, rows + to, (from - to) * sizeof *rows);
    rows[to] = row;
    for (sn_place p = from < to ? from : to; p <= (from < to ? to : from); p++) {
        if (rows[p] != SN_NO_ROW)
            m->places[rows[p]] = p;
    }
    while (rows[list->len - 1] == SN_NO_ROW)
        list->len--;
    return from;
}

/* ---------------------------------------------------------------- settling */

/* Puts an empty list out of use. */
static void
list_retire(sn_index *ix, sn_list *list)
{
    sn_many *m = ix->as.many;
    uint32_t id = id_of(m, list);
    list_free_rows(ix, list);
    *list = (sn_list){0};
    m->used--;
    if (m->dense)
        return;
    sn__slots_remove(&m->slots, sn__key_hash(ix, m->keys + id * (size_t)ix->column_count), id);
    list->link = m->unused;
    m->unused = LINK_TO(id);
}

/* Gives back what a list that has become much shorter does not need; a refusal to shrink does no harm. */
static void
list_shrink(sn_index *ix, sn_list *list)
{
    if (list->cap <= SN_LIST_FEW || list->cap / 4 < list->len)
        return;
    sn_row *rows = list->at.rows;
    size_t old = list->cap * sizeof *rows;
    if (list->len <= SN_LIST_FEW) {
        memcpy(list->at.few, rows, list->len * sizeof *rows);
        sn_mem_free(mem(ix), rows, old);
        list->cap = SN_LIST_FEW;
        return;
    }
    rows = sn_mem_resize(mem(ix), rows, old, 2 * (size_t)list->len * sizeof *rows);
    if (!rows)
        return;
    list->at.rows = rows;
    list->cap = 2 * list->len;
}

static void
list_squeeze(sn_index *ix, sn_list *list)
{
    sn_row *rows = sn__list_rows(list);
    sn_place *places = ix->as.many->places, to = 0;
    for (sn_place from = 0; from < list->len; from++) {
        if (rows[from] == SN_NO_ROW)
            continue;
        rows[to] = rows[from];
        places[rows[to]] = to;
        to++;
    }
    assert(to == list->count);
    list->len = to;
    list_shrink(ix, list);
}

static void
list_settle(sn_index *ix, sn_list *list)
{
    uint32_t holes = list->len - list->count;
    if (list->count == 0)
        list_retire(ix, list);
    else if (holes > 0 && (list->len <= SQUEEZE_ALWAYS || holes > list->len / 4))
        list_squeeze(ix, list);
}

void
sn__many_settle(sn_index *ix)
{
    sn_many *m = ix->as.many;
    if (SN_LIKELY(m->unsettled == LINK_END))
        return;
    while (m->unsettled != LINK_END) {
        sn_list *list = &m->lists[LINK_ID(m->unsettled)];
        m->unsettled = list->link;
        list->link = 0;
        list_settle(ix, list);
    }
    if (m->used == 0)
        sn__many_clear(ix);
}

void
sn__many_remap(sn_index *ix, const sn_row *map, sn_row old_positions)
{
    sn_many *m = ix->as.many;
    for (size_t i = 0; i < m->lists_cap; i++) {
        sn_row *rows = sn__list_rows(&m->lists[i]);
        for (uint32_t p = 0; p < m->lists[i].len; p++)
            rows[p] = rows[p] == SN_NO_ROW ? SN_NO_ROW : map[rows[p]];
    }
    for (sn_row row = 0; row < old_positions && row < m->places_cap; row++) {
        if (map[row] != SN_NO_ROW)
            m->places[map[row]] = m->places[row];
    }
}

/* ---------------------------------------------------------------- check */

static const char *
check_slot(const sn_index *ix, const sn_word *key, sn_row row, sn_place place)
{
    sn_word own[SN_MAX_KEY];
    if (!sn__alive(ix->table, row))
        return "many: a dead row in a list";
    if (!sn__row_key(own, ix, row) || memcmp(own, key, ix->column_count * sizeof *key) != 0)
        return "many: a row in the list of another key";
    return ix->as.many->places[row] == place ? NULL : "many: a row's place is wrong";
}

static const char *
check_list(const sn_index *ix, sn_list *list)
{
    const sn_many *m = ix->as.many;
    sn_word dense = m->window.base + id_of(m, list);
    const sn_word *key = m->dense ? &dense : m->keys + id_of(m, list) * (size_t)ix->column_count;
    const sn_row *rows = sn__list_rows(list);
    uint32_t count = 0;
    if (list->len > list->cap || (list->len > 0 && rows[list->len - 1] == SN_NO_ROW))
        return "many: a list ends in a hole or beyond its room";
    if (sn__many_find(ix, key) != list)
        return "many: a list cannot be reached by its key";
    for (uint32_t p = 0; p < list->len; p++) {
        const char *problem = rows[p] == SN_NO_ROW ? NULL : check_slot(ix, key, rows[p], p);
        if (problem)
            return problem;
        count += rows[p] != SN_NO_ROW;
    }
    if (count != list->count)
        return "many: a list's count is wrong";
    return count == 0 && list->link == 0 ? "many: an empty list will not be settled" : NULL;
}

/* Lists in a chain that starts at `link`, or SIZE_MAX when it is not one of lists that are (not) in use. */
static size_t
chain_length(const sn_many *m, uint32_t link, bool in_use)
{
    size_t n = 0;
    for (; link != LINK_END; link = m->lists[LINK_ID(link)].link) {
        if (link < LINK_END || LINK_ID(link) >= m->lists_cap || (m->lists[LINK_ID(link)].cap > 0) != in_use
            || n > m->lists_cap)
            return SIZE_MAX;
        n++;
    }
    return n;
}

static const char *
check_chains(const sn_many *m)
{
    size_t linked = 0;
    for (size_t i = 0; i < m->lists_cap; i++)
        linked += m->lists[i].cap > 0 && m->lists[i].link > 0;
    if (chain_length(m, m->unsettled, true) != linked)
        return "many: the chain of unsettled lists is broken";
    size_t unused = chain_length(m, m->unused, false);
    if (m->dense)
        return unused > 0 || m->slots.n > 0 || m->window.room != m->lists_cap ? "many: dense, but has slots" : NULL;
    return m->used + unused != m->lists_len || m->slots.n != m->used ? "many: a list is lost" : NULL;
}

/* Live rows with a key. */
static size_t
rows_with_key(const sn_index *ix)
{
    sn_word key[SN_MAX_KEY];
    size_t n = 0;
    for (sn_row row = 0; row < ix->table->positions; row++)
        n += sn__alive(ix->table, row) && sn__row_key(key, ix, row);
    return n;
}

const char *
sn__many_check(const sn_index *ix)
{
    const sn_many *m = ix->as.many;
    size_t n = 0, used = 0;
    for (size_t i = 0; i < m->lists_cap; i++) {
        sn_list *list = &m->lists[i];
        const char *problem = list->cap > 0 ? check_list(ix, list) : NULL;
        if (problem)
            return problem;
        used += list->cap > 0;
        n += list->count;
    }
    if (n != m->n || n != rows_with_key(ix))
        return "many: holds other rows than the live ones with a key";
    return used == m->used ? check_chains(m) : "many: number of lists is wrong";
}
