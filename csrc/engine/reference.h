/*
 * reference.h - probing in both directions of a reference (reference.c).
 */
#ifndef SN_REFERENCE_H
#define SN_REFERENCE_H

#include "database.h"

#include <string.h>

/* The key of the target in the words of ref->from; false if these are for another member. */
static inline bool
sn__reference_leads(sn_word *out, const sn_reference *ref, const sn_word *words)
{
    if (ref->member && words[0] != ref->constant)
        return false;
    memcpy(out, words + ref->member, ref->to->column_count * sizeof *words);
    return true;
}

/* The key of the target that a referring row has, in words of ref->to; false if it refers to nothing. */
static inline bool
sn__reference_target(sn_word *out, const sn_reference *ref, sn_row row)
{
    sn_word words[SN_MAX_KEY];
    if (!ref->member)
        return sn__row_key(out, ref->from, row);
    return sn__row_key(words, ref->from, row) && sn__reference_leads(out, ref, words);
}

/* The words of ref->from in which rows refer to this key of the target. */
static inline void
sn__reference_words(sn_word *out, const sn_reference *ref, const sn_word *key)
{
    out[0] = ref->constant;
    memcpy(out + ref->member, key, ref->to->column_count * sizeof *key);
}

/* The key, in words of ref->from, of the rows that refer to this row of the target; false if none can. */
static inline bool
sn__reference_referring(sn_word *out, const sn_reference *ref, sn_row row)
{
    if (!ref->member)
        return sn__row_key(out, ref->to, row);
    out[0] = ref->constant;
    return sn__row_key(out + 1, ref->to, row);
}

/* The row's key is not null and no row has it. */
bool sn__reference_dangles(const sn_reference *ref, sn_row row);
/* Rows with a key of ref->from, and the first of them or SN_NO_ROW. */
size_t sn__reference_count(const sn_reference *ref, const sn_word *key);
sn_row sn__reference_first(const sn_reference *ref, const sn_word *key);
/* Changing a target's key is refused while rows refer to it: what enforces never keeps rows that refer to nothing. */
static inline bool
sn__reference_guards(const sn_reference *ref)
{
    return ref->enforce;
}

void sn__reference_free(sn_db *db, sn_reference *ref);

#endif
