/*
 * type.h - what a word means, one row per type.
 *
 * Adding a type is adding a row here and to the enum in sn.h. `key` maps a word to the word by which it is indexed,
 * hashed and compared for equality: two values are equal iff their keys are the same word (bare text excepted, whose
 * equality is that of its bytes; indexed text is always interned, so there the words decide).
 */
#ifndef SN_TYPE_H
#define SN_TYPE_H

#include "sn.h"

enum {
    SN_T_INLINE = 1,  /* the word is the value */
    SN_T_HANDLE = 2,  /* the word is a host handle or an entry: it owns something */
    SN_T_ORDERED = 4, /* sn_compare works */
    SN_T_NUMBER = 8,  /* sum and avg work: int, float, timedelta */
    SN_T_PLAIN = 16,  /* key is the identity */
    SN_T_DENSE = 32,  /* an integer whose values tend to lie close together: indexes try to look it up by position */
};

typedef struct sn_type_info {
    const char *name;
    unsigned flags;
    sn_word (*key)(sn_word word);
    int (*compare)(const sn_db *db, sn_word a, sn_word b); /* <0, 0, >0 */
} sn_type_info;

extern const sn_type_info sn_types[SN_TYPE_COUNT];

static inline bool
sn_type_owns(sn_type type)
{
    return sn_types[type].flags & SN_T_HANDLE;
}

static inline sn_word
sn_word_from_int(int64_t value)
{
    return (sn_word)value;
}
static inline int64_t
sn_word_int(sn_word word)
{
    return (int64_t)word;
}
sn_word sn_word_from_float(double value);
double sn_word_float(sn_word word);

/* Equality and order of two words of one type (values, not representations). */
bool sn_equal(const sn_db *db, sn_type type, sn_word a, sn_word b);
int sn_compare(const sn_db *db, sn_type type, sn_word a, sn_word b);
/* A hash that agrees with sn_equal, of any type with equality (SN_OBJECT: of the handle itself). */
uint64_t sn_hash_value(const sn_db *db, sn_type type, sn_word word);
/* The UTF-8 of a text word, bare or interned; the key bytes of an entry. */
sn_bytes sn_word_bytes(const sn_db *db, sn_type type, sn_word word);

/* Mixers for hash tables. */
static inline uint64_t
sn_hash_word(uint64_t word)
{
    word = (word ^ (word >> 32)) * UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ (word >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    return word ^ (word >> 32);
}
uint64_t sn_hash_bytes(sn_bytes bytes);

#endif
