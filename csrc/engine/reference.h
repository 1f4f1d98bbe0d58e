/*
 * reference.h - probing in both directions of a reference (reference.c).
 */
#ifndef SN_REFERENCE_H
#define SN_REFERENCE_H

#include "database.h"

/* The row's key is not null and no row has it. */
bool sn__reference_dangles(const sn_reference *ref, sn_row row);
/* Rows that refer to a key of the target (key words of ref->to), and the first of them or SN_NO_ROW. */
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
