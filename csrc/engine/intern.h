/*
 * intern.h - entries: one per distinct value, shared by every cell that holds it.
 *
 * Invariants
 *   - two entries with the same tag and exact bytes do not exist: equality of exact representations is equality of
 *     words
 *   - e->key is e itself or an entry without a handle that stands for the canonical form: a key entry's key is itself
 *   - uses >= 1 for every entry in the set (a key entry: one use per entry that points to it, and one per other holder)
 * The set is open addressing with linear probing and backward-shift deletion, so removal needs no memory and leaves no
 * tombstones.
 */
#ifndef SN_INTERN_H
#define SN_INTERN_H

#include "mem.h"

typedef struct sn_entry sn_entry;
struct sn_entry {
    uint64_t hash;
    sn_entry *key;
    void *handle; /* NULL for a pure key entry; owned until the last use goes */
    const unsigned char *data;
    uint32_t len;
    uint32_t tag;
    uint32_t uses;
    uint32_t own_bytes; /* bytes stored behind this struct (0: borrowed from the handle) */
};

typedef struct sn_intern_set {
    sn_entry **slots;
    size_t cap; /* power of two or 0 */
    size_t n;
    size_t handles; /* that entries own, dead ones included */
} sn_intern_set;

static inline sn_word
sn_entry_word(const sn_entry *e)
{
    return (sn_word)(uintptr_t)e | 1u;
}
static inline sn_entry *
sn_word_entry(sn_word word)
{
    return (sn_entry *)(uintptr_t)(word & ~(sn_word)1);
}

/* One use of the entry that stands for a canonical form: equal to each value of that form, and without a handle. */
sn_status sn__intern_key(sn_word *out, sn_db *db, sn_bytes key);

/* Frees one dead entry (see db->dead_entries) and returns its handle, now the caller's to release; NULL when there is
 * none. A dead entry is out of the set already; one without a handle is freed at once and never gets here. */
void *sn__intern_pop_dead(sn_db *db);

/* Handles owned by entries, live or dead. */
size_t sn__intern_handles(const sn_db *db);

/* Frees the set's own memory and all entries, dead ones included (their handles are the host's loss: pop them
 * before). */
void sn__intern_free(sn_db *db);

const char *sn__intern_check(const sn_db *db);

#endif
