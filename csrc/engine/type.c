/*
 * type.c - the type table, and equality, order and hash of words.
 *
 * Three views of a word
 *   exact   the word itself: one representation (-0.0 and 0.0, two folds of a time, Decimal("1") and Decimal("1.00")
 *           differ)
 *   key     sn_types[t].key(word): what indexes hold, hash and compare. Equal values have one key.
 *   bytes   of text and entries: what they order by, and what bare text is equal by.
 *
 * Laws, for all words a, b, c of one type
 *   sn_equal(a, b)  <=>  key(a) == key(b), and for text <=> the bytes are equal (bare or interned on either side)
 *   sn_equal(a, b)   =>  sn_hash_value(a) == sn_hash_value(b)
 *   sn_compare is a total order, and sn_compare(a, b) == 0  <=>  sn_equal(a, b)
 * NaN has one key, whatever its bits, is equal to itself and orders after all numbers: so the laws hold for floats too.
 * A caller that wants NaN != NaN says so itself; indexes never hold one.
 *
 * Costs: inline types a few instructions; text and entries a memcmp of the common length, nothing when the words are
 * the same. Nothing allocates, nothing fails.
 */
#include "type.h"

#include "database.h"

#include <assert.h>
#include <string.h>

_Static_assert(sizeof(double) == sizeof(sn_word), "a float is its word");

sn_word
sn_word_from_float(double value)
{
    sn_word word;
    memcpy(&word, &value, sizeof word);
    return word;
}

double
sn_word_float(sn_word word)
{
    double value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* ---------------------------------------------------------------- keys */

static sn_word
key_plain(sn_word word)
{
    return word;
}

static sn_word
key_float(sn_word word)
{
    double value = sn_word_float(word);
    if (value == 0.0)
        return 0;
    return value != value ? UINT64_C(0x7FF8000000000000) : word;
}

static sn_word
key_datetime(sn_word word)
{
    return word & ~(sn_word)1;
}

/* Bare text keeps its word: it is in no index, and as a probe it must find nothing there. */
static sn_word
key_entry(sn_word word)
{
    return sn_word_is_entry(word) ? sn_entry_word(sn_word_entry(word)->key) : word;
}

/* ---------------------------------------------------------------- order */

static int
compare_int(const sn_db *db, sn_word a, sn_word b)
{
    (void)db;
    int64_t x = sn_word_int(a), y = sn_word_int(b);
    return (x > y) - (x < y);
}

static int
compare_float(const sn_db *db, sn_word a, sn_word b)
{
    (void)db;
    double x = sn_word_float(a), y = sn_word_float(b);
    if (x != x || y != y)
        return (x != x) - (y != y);
    return (x > y) - (x < y);
}

static int
compare_datetime(const sn_db *db, sn_word a, sn_word b)
{
    return compare_int(db, key_datetime(a), key_datetime(b));
}

static int
compare_bytes(sn_bytes a, sn_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_text(const sn_db *db, sn_word a, sn_word b)
{
    return a == b ? 0 : compare_bytes(sn_word_bytes(db, SN_TEXT, a), sn_word_bytes(db, SN_TEXT, b));
}

static int
compare_entry(const sn_db *db, sn_word a, sn_word b)
{
    if (key_entry(a) == key_entry(b))
        return 0;
    return compare_bytes(sn_word_bytes(db, SN_ENTRY, a), sn_word_bytes(db, SN_ENTRY, b));
}

/* ---------------------------------------------------------------- the table */

#define INTEGER (SN_T_INLINE | SN_T_ORDERED | SN_T_PLAIN)

const sn_type_info sn_types[SN_TYPE_COUNT] = {
    [SN_BOOL] = {"bool", INTEGER | SN_T_DENSE, key_plain, compare_int},
    [SN_INT] = {"int", INTEGER | SN_T_DENSE | SN_T_NUMBER, key_plain, compare_int},
    [SN_FLOAT] = {"float", SN_T_INLINE | SN_T_ORDERED | SN_T_NUMBER, key_float, compare_float},
    [SN_DATE] = {"date", INTEGER | SN_T_DENSE, key_plain, compare_int},
    [SN_DATETIME] = {"datetime", SN_T_INLINE | SN_T_ORDERED, key_datetime, compare_datetime},
    [SN_TIMEDELTA] = {"timedelta", INTEGER | SN_T_NUMBER, key_plain, compare_int},
    [SN_CHOICE] = {"choice", INTEGER | SN_T_DENSE, key_plain, compare_int},
    [SN_TEXT] = {"text", SN_T_HANDLE | SN_T_ORDERED, key_entry, compare_text},
    [SN_ENTRY] = {"entry", SN_T_HANDLE | SN_T_ORDERED, key_entry, compare_entry},
    [SN_OBJECT] = {"object", SN_T_HANDLE | SN_T_PLAIN, key_plain, NULL},
};

/* ---------------------------------------------------------------- values */

static bool
equal_text(const sn_db *db, sn_word a, sn_word b)
{
    if (sn_word_is_entry(a) && sn_word_is_entry(b))
        return key_entry(a) == key_entry(b);
    sn_bytes x = sn_word_bytes(db, SN_TEXT, a), y = sn_word_bytes(db, SN_TEXT, b);
    return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}

bool
sn_equal(const sn_db *db, sn_type type, sn_word a, sn_word b)
{
    if (a == b)
        return true;
    if (type == SN_TEXT)
        return equal_text(db, a, b);
    return sn_types[type].key(a) == sn_types[type].key(b);
}

int
sn_compare(const sn_db *db, sn_type type, sn_word a, sn_word b)
{
    assert(sn_types[type].flags & SN_T_ORDERED);
    return sn_types[type].compare(db, a, b);
}

uint64_t
sn_hash_value(const sn_db *db, sn_type type, sn_word word)
{
    if (type == SN_TEXT && !sn_word_is_entry(word))
        return sn_hash_bytes(db->text((const void *)(uintptr_t)word));
    sn_word key = sn_types[type].key(word);
    if (type == SN_TEXT || (type == SN_ENTRY && sn_word_is_entry(key)))
        return sn_word_entry(key)->hash;
    return sn_hash_word(key);
}

sn_bytes
sn_word_bytes(const sn_db *db, sn_type type, sn_word word)
{
    assert(type == SN_TEXT || type == SN_ENTRY);
    if (!sn_word_is_entry(word))
        return db->text((const void *)(uintptr_t)word);
    const sn_entry *e = sn_word_entry(word);
    const sn_entry *bytes = type == SN_ENTRY ? e->key : e;
    return (sn_bytes){bytes->data, bytes->len};
}

/* Eight bytes at a time; the tail is padded with zeros, which the length in the seed tells from real ones. */
uint64_t
sn_hash_bytes(sn_bytes bytes)
{
    uint64_t hash = sn_hash_word(bytes.len), piece;
    size_t at = 0;
    for (; at + sizeof piece <= bytes.len; at += sizeof piece) {
        memcpy(&piece, bytes.data + at, sizeof piece);
        hash = (hash ^ piece) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    if (at < bytes.len) {
        piece = 0;
        memcpy(&piece, bytes.data + at, bytes.len - at);
        hash ^= piece;
    }
    return sn_hash_word(hash);
}
