/*
 * moment.c - the time as a part of expressions.
 *
 * An expression that says "now, less a week" is compiled once and evaluated at many times. Its term is a constant that names a moment of
 * the database; telling the time (sn_db_set_time) moves all moments at once, so that whatever is evaluated between two tellings, however
 * many paths it goes along, sees one time. Who evaluates need not know: a moment's cell is read where a constant's would be, and is
 * as good for an index.
 *
 * Invariants
 *   - moments with uses differ in type or offset: terms with the same distance share one, so telling the time costs as many steps as
 *     there are different distances, however many expressions hold them
 *   - word is that of the time told last, plus the offset; an entry's is its canonical form, of which the moment has one use
 *   - the last moment has uses; others without are free
 *
 * Bounds: |offset| <= 2^61 and times are less than 2^59, so that the sum, doubled, is a word: a moment far beyond what hosts can write is
 * compared rightly, too.
 *
 * Telling the time makes the new canonical forms first, then lets go of the old: refused memory changes nothing.
 */
#include "moment.h"

#include "intern.h"

#include <assert.h>

#define LIMIT (INT64_C(1) << 59)

static int64_t
micros_of(const sn__moment *m, int64_t utc, int64_t local)
{
    return (m->type == SN_ENTRY ? utc : local) + m->offset;
}

static sn_status
entry_at(sn_word *out, sn_db *db, int64_t micros)
{
    unsigned char key[8];
    uint64_t biased = (uint64_t)micros ^ (UINT64_C(1) << 63);
    for (int i = 7; i >= 0; i--, biased >>= 8)
        key[i] = (unsigned char)biased;
    return sn__intern_key(out, db, (sn_bytes){key, sizeof key});
}

/* The word of a moment at a time; a use of an entry is the caller's. */
static sn_status
word_at(sn_word *out, sn_db *db, const sn__moment *m, int64_t utc, int64_t local)
{
    int64_t micros = micros_of(m, utc, local);
    if (m->type == SN_ENTRY)
        return entry_at(out, db, micros);
    *out = (sn_word)micros * 2;
    return SN_OK;
}

/* Lets go of the word of a moment. */
static void
release(sn_db *db, const sn__moment *m, sn_word word)
{
    if (m->type == SN_ENTRY)
        sn_entry_release(db, word);
}

/* ---------------------------------------------------------------- uses */

/* The moment of this distance, else a free one, else the end of the list. */
static size_t
find(const sn_db *db, sn_type type, int64_t offset)
{
    size_t unused = db->moment_n;
    for (size_t i = 0; i < db->moment_n; i++) {
        const sn__moment *m = &db->moments[i];
        if (m->uses && m->type == type && m->offset == offset)
            return i;
        unused = m->uses ? unused : i;
    }
    return unused;
}

sn_status
sn__moment_join(uint32_t *out, sn_db *db, sn_type type, int64_t offset)
{
    size_t at = find(db, type, offset);
    if (at >= UINT32_MAX - 1)
        return SN_LIMIT;
    if (sn_mem_grow(&db->mem, &db->moments, &db->moment_cap, at + 1, sizeof *db->moments) != SN_OK)
        return SN_NOMEM;
    *out = (uint32_t)at;
    if (at < db->moment_n && db->moments[at].uses) {
        db->moments[at].uses++;
        return SN_OK;
    }
    sn__moment m = {.offset = offset, .uses = 1, .type = type};
    if (word_at(&m.word, db, &m, db->time_utc, db->time_local) != SN_OK)
        return SN_NOMEM;
    db->moments[at] = m;
    db->moment_n += at == db->moment_n;
    return SN_OK;
}

void
sn__moment_leave(sn_db *db, uint32_t number)
{
    sn__moment *m = &db->moments[number];
    assert(number < db->moment_n && m->uses > 0);
    if (--m->uses > 0)
        return;
    release(db, m, m->word);
    while (db->moment_n > 0 && db->moments[db->moment_n - 1].uses == 0)
        db->moment_n--;
}

void
sn__moments_free(sn_db *db)
{
    sn_mem_free(&db->mem, db->moments, db->moment_cap * sizeof *db->moments);
}

/* ---------------------------------------------------------------- telling the time */

/* Puts the new words in place of the old ones of the first n moments, or forgets the new ones. */
static void
settle(sn_db *db, size_t n, bool good)
{
    for (size_t i = 0; i < n; i++) {
        sn__moment *m = &db->moments[i];
        if (m->uses == 0)
            continue;
        release(db, m, good ? m->word : m->next);
        m->word = good ? m->next : m->word;
    }
}

sn_status
sn_db_set_time(sn_db *db, int64_t utc, int64_t local)
{
    assert(utc > -LIMIT && utc < LIMIT && local > -LIMIT && local < LIMIT);
    if (utc == db->time_utc && local == db->time_local)
        return SN_OK;
    for (size_t i = 0; i < db->moment_n; i++) {
        sn__moment *m = &db->moments[i];
        if (m->uses && word_at(&m->next, db, m, utc, local) != SN_OK) {
            settle(db, i, false);
            return sn__fail_status(db, SN_NOMEM);
        }
    }
    settle(db, db->moment_n, true);
    db->time_utc = utc;
    db->time_local = local;
    return SN_OK;
}

/* ---------------------------------------------------------------- check */

static const char *
check_moment(const sn_db *db, const sn__moment *m)
{
    int64_t micros = micros_of(m, db->time_utc, db->time_local);
    if (m->type != SN_DATETIME && m->type != SN_ENTRY)
        return "moment: of a type that is no time";
    if (m->type == SN_DATETIME)
        return m->word == (sn_word)micros * 2 ? NULL : "moment: not that of the time";
    const sn_entry *e = sn_word_entry(m->word);
    uint64_t biased = 0;
    for (uint32_t i = 0; i < e->len; i++)
        biased = biased << 8 | e->data[i];
    bool right = e->key == e && e->uses > 0 && e->len == 8 && biased == ((uint64_t)micros ^ UINT64_C(1) << 63);
    return right ? NULL : "moment: not the canonical form of the time";
}

const char *
sn__moments_check(const sn_db *db)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < db->moment_n && !wrong; i++) {
        const sn__moment *m = &db->moments[i];
        if (m->uses)
            wrong = find(db, m->type, m->offset) == i ? check_moment(db, m) : "moment: two of one distance";
    }
    if (!wrong && db->moment_n > 0 && db->moments[db->moment_n - 1].uses == 0)
        wrong = "moment: the last has no uses";
    return wrong;
}
