/*
 * intern.c - the set of entries of a database, and their counted uses.
 *
 * An entry is one block: the struct and, unless its bytes live inside the host's handle, the bytes behind it. The set
 * finds an entry by (tag, exact bytes). Canonical forms that are not exact bytes of their own are entries too, under a
 * tag of their own (KEY_TAG) and without a handle, so that a value and another value's key can never be mistaken for
 * each other, and equal keys of different tags are one entry. A host gives keys for all values of a tag or for none.
 *
 * Life: a new entry has one use. With the last use it leaves the set; its key entry loses a use. An entry without a
 * handle is freed there and then. One with a handle must hand that over first: it goes to the chain db->dead_entries,
 * linked through its `key`, which nobody needs any more. That is why releasing needs no memory whatever the drop
 * list's state. The host takes the handles from there (sn_db_drop -> sn__intern_pop_dead), which frees the entries.
 *
 * The set: open addressing, linear probing on the hash of the bytes, at most 3/4 full, at least one slot empty.
 *   entry e is in slot s  =>  the slots from e->hash & (cap - 1) up to s are all taken
 * Removing shifts later entries of the run back (no tombstones), so probes stay short however long it lives.
 *
 * Costs: intern and peek one hash and about 1.5 probes; release of a last use the same. Only interning may fail, and
 * before anything is changed.
 */
#include "intern.h"

#include "database.h"

#include <assert.h>
#include <string.h>

#define KEY_TAG UINT32_MAX

/* ---------------------------------------------------------------- the set */

static bool
entry_is(const sn_entry *e, uint32_t tag, sn_bytes exact, uint64_t hash)
{
    return e->hash == hash && e->tag == tag && e->len == exact.len
           && (exact.len == 0 || memcmp(e->data, exact.data, exact.len) == 0);
}

static sn_entry *
set_find(const sn_intern_set *set, uint32_t tag, sn_bytes exact, uint64_t hash)
{
    if (set->cap == 0)
        return NULL;
    for (size_t i = hash & (set->cap - 1);; i = (i + 1) & (set->cap - 1)) {
        sn_entry *e = set->slots[i];
        if (!e || entry_is(e, tag, exact, hash))
            return e;
    }
}

static void
set_add(sn_intern_set *set, sn_entry *e)
{
    assert(set->n + 1 < set->cap);
    size_t i = e->hash & (set->cap - 1);
    while (set->slots[i])
        i = (i + 1) & (set->cap - 1);
    set->slots[i] = e;
    set->n++;
    set->handles += e->handle != NULL;
}

/* Entries that a set of this capacity may hold. */
static size_t
set_limit(size_t cap)
{
#ifdef SN_TINY
    return cap - (cap > 0);
#else
    return cap / 4 * 3;
#endif
}

/* The smallest capacity that holds n entries. */
static size_t
set_capacity(size_t n)
{
    size_t cap = SN_FIRST_CAPACITY;
    while (set_limit(cap) < n)
        cap *= 2;
    return cap;
}

static sn_status
set_reserve(sn_db *db, size_t more)
{
    sn_intern_set *set = &db->entries;
    if (SN_LIKELY(set->n + more <= set_limit(set->cap)))
        return SN_OK;
    sn_intern_set bigger = {.cap = set_capacity(set->n + more)};
    bigger.slots = sn_mem_zero(&db->mem, bigger.cap * sizeof *bigger.slots);
    if (!bigger.slots)
        return SN_NOMEM;
    for (size_t i = 0; i < set->cap; i++) {
        if (set->slots[i])
            set_add(&bigger, set->slots[i]);
    }
    bigger.handles = set->handles;
    sn_mem_free(&db->mem, set->slots, set->cap * sizeof *set->slots);
    *set = bigger;
    return SN_OK;
}

/* Closes the gap at `hole`: an entry further down the run moves in unless that would put it before its own start. */
static void
set_close(sn_intern_set *set, size_t hole)
{
    size_t mask = set->cap - 1;
    for (size_t i = (hole + 1) & mask; set->slots[i]; i = (i + 1) & mask) {
        size_t home = set->slots[i]->hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            set->slots[hole] = set->slots[i];
            hole = i;
        }
    }
    set->slots[hole] = NULL;
}

static void
set_remove(sn_intern_set *set, const sn_entry *e)
{
    size_t i = e->hash & (set->cap - 1);
    while (set->slots[i] != e) {
        assert(set->slots[i]);
        i = (i + 1) & (set->cap - 1);
    }
    set_close(set, i);
    set->n--;
}

/* ---------------------------------------------------------------- entries */

static sn_entry *
entry_new(sn_db *db, uint32_t tag, sn_bytes exact, uint64_t hash, bool borrow)
{
    size_t own = borrow ? 0 : exact.len;
    sn_entry *e = sn_mem_new(&db->mem, sizeof *e + own);
    if (!e)
        return NULL;
    *e = (sn_entry){
        .hash = hash, .key = e, .len = (uint32_t)exact.len, .tag = tag, .uses = 1, .own_bytes = (uint32_t)own};
    e->data = borrow ? exact.data : (const unsigned char *)(e + 1);
    if (own)
        memcpy(e + 1, exact.data, own);
    assert(!sn_word_is_entry((sn_word)(uintptr_t)e));
    return e;
}

static void
entry_free(sn_db *db, sn_entry *e)
{
    sn_mem_free(&db->mem, e, sizeof *e + e->own_bytes);
}

/* One use of the entry for a canonical form; room in the set is there. NULL: refused. */
static sn_entry *
key_take(sn_db *db, sn_bytes key)
{
    uint64_t hash = sn_hash_bytes(key);
    sn_entry *e = set_find(&db->entries, KEY_TAG, key, hash);
    if (e) {
        assert(e->uses < UINT32_MAX);
        e->uses++;
        return e;
    }
    e = entry_new(db, KEY_TAG, key, hash, false);
    if (e)
        set_add(&db->entries, e);
    return e;
}

/* A new entry in the set, with its handle and its key. */
static sn_status
entry_make(sn_entry **out, sn_db *db, const sn_entry_def *def, uint64_t hash)
{
    if (set_reserve(db, 2) != SN_OK)
        return SN_NOMEM;
    sn_entry *e = entry_new(db, def->tag, def->exact, hash, def->borrow);
    if (!e)
        return SN_NOMEM;
    sn_entry *key = def->key.data ? key_take(db, def->key) : e;
    if (!key) {
        entry_free(db, e);
        return SN_NOMEM;
    }
    e->key = key;
    e->handle = def->handle;
    set_add(&db->entries, e);
    *out = e;
    return SN_OK;
}

static sn_status
intern(sn_word *out, bool *taken, sn_db *db, const sn_entry_def *def)
{
    assert(def->tag != KEY_TAG);
    if (def->exact.len > UINT32_MAX || def->key.len > UINT32_MAX)
        return SN_LIMIT;
    uint64_t hash = sn_hash_bytes(def->exact);
    sn_entry *e = set_find(&db->entries, def->tag, def->exact, hash);
    if (e && e->uses == UINT32_MAX)
        return SN_LIMIT;
    *taken = !e;
    if (e) {
        e->uses++;
    } else if (entry_make(&e, db, def, hash) != SN_OK) {
        *taken = false;
        return SN_NOMEM;
    }
    *out = sn_entry_word(e);
    return SN_OK;
}

sn_status
sn_entry_intern(sn_word *out, bool *taken, sn_db *db, const sn_entry_def *def)
{
    sn_status status = intern(out, taken, db, def);
    return SN_LIKELY(status == SN_OK) ? SN_OK : sn__fail_status(db, status);
}

sn_status
sn__intern_key(sn_word *out, sn_db *db, sn_bytes key)
{
    sn_entry *e = set_reserve(db, 1) == SN_OK ? key_take(db, key) : NULL;
    if (!e)
        return SN_NOMEM;
    *out = sn_entry_word(e);
    return SN_OK;
}

sn_word
sn_entry_peek(const sn_db *db, uint32_t tag, sn_bytes exact)
{
    const sn_entry *e = set_find(&db->entries, tag, exact, sn_hash_bytes(exact));
    return e ? sn_entry_word(e) : 0;
}

void
sn_entry_retain(sn_word word)
{
    assert(sn_word_is_entry(word));
    sn_entry *e = sn_word_entry(word);
    assert(e->uses > 0 && e->uses < UINT32_MAX);
    e->uses++;
}

/* Takes an entry without uses out of the set; it is freed, or chained when it still owns a handle. */
static void
entry_bury(sn_db *db, sn_entry *e)
{
    set_remove(&db->entries, e);
    if (!e->handle) {
        entry_free(db, e);
        return;
    }
    e->key = db->dead_entries;
    db->dead_entries = e;
}

void
sn_entry_release(sn_db *db, sn_word word)
{
    assert(sn_word_is_entry(word));
    sn_entry *e = sn_word_entry(word);
    sn_entry *key = e->key;
    assert(e->uses > 0 && key->uses > 0);
    if (--e->uses > 0)
        return;
    entry_bury(db, e);
    if (key != e && --key->uses == 0)
        entry_bury(db, key);
}

void *
sn_entry_handle(sn_word word)
{
    assert(sn_word_is_entry(word));
    return sn_word_entry(word)->handle;
}

/* ---------------------------------------------------------------- for the database */

void *
sn__intern_pop_dead(sn_db *db)
{
    sn_entry *e = db->dead_entries;
    if (!e)
        return NULL;
    void *handle = e->handle;
    db->dead_entries = e->key;
    db->entries.handles--;
    entry_free(db, e);
    return handle;
}

size_t
sn__intern_handles(const sn_db *db)
{
    return db->entries.handles;
}

void
sn__intern_free(sn_db *db)
{
    sn_intern_set *set = &db->entries;
    while (sn__intern_pop_dead(db)) {
    }
    for (size_t i = 0; i < set->cap; i++) {
        if (set->slots[i])
            entry_free(db, set->slots[i]);
    }
    sn_mem_free(&db->mem, set->slots, set->cap * sizeof *set->slots);
    *set = (sn_intern_set){0};
}

/* ---------------------------------------------------------------- check */

static const char *
check_entry(const sn_intern_set *set, const sn_entry *e)
{
    sn_bytes exact = {e->data, e->len};
    if (e->uses == 0)
        return "entry: in the set without a use";
    if (e->hash != sn_hash_bytes(exact))
        return "entry: its hash is not that of its bytes";
    if (set_find(set, e->tag, exact, e->hash) != e)
        return "entry: not reachable, or there are two of one value";
    if (e->key->key != e->key)
        return "entry: its key is not a key";
    if (e->key != e && (e->key->handle || e->key->tag != KEY_TAG))
        return "entry: its key is a value";
    return NULL;
}

/* Key entries have at least a use for each entry that points to one, in sum. */
static const char *
check_sums(const sn_db *db, size_t n, size_t handles, size_t pointing, size_t key_uses)
{
    for (const sn_entry *e = db->dead_entries; e; e = e->key) {
        handles++;
        if (e->uses || !e->handle)
            return "entry: dead but in use or without a handle";
    }
    if (n != db->entries.n)
        return "entries: count is wrong";
    if (handles != db->entries.handles)
        return "entries: handle count is wrong";
    return pointing > key_uses ? "entries: a key entry has too few uses" : NULL;
}

const char *
sn__intern_check(const sn_db *db)
{
    const sn_intern_set *set = &db->entries;
    size_t n = 0, handles = 0, pointing = 0, key_uses = 0;
    for (size_t i = 0; i < set->cap; i++) {
        const sn_entry *e = set->slots[i];
        const char *problem = e ? check_entry(set, e) : NULL;
        if (problem)
            return problem;
        n += e != NULL;
        handles += e && e->handle;
        pointing += e && e->key != e;
        key_uses += e && e->tag == KEY_TAG ? e->uses : 0;
    }
    return check_sums(db, n, handles, pointing, key_uses);
}
