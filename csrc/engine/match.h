/*
 * match.h - text against patterns.
 */
#ifndef SN_MATCH_H
#define SN_MATCH_H

#include "sn.h"

typedef struct sn__fold_range {
    uint32_t first, last;
    int32_t delta;
    uint32_t step;
} sn__fold_range;

extern const sn__fold_range sn__fold_ranges[];
extern const size_t sn__fold_count;

/* The simple case folding of a code point. */
uint32_t sn__casefold(uint32_t code);

/* Whether the UTF-8 text has the pattern, as `op` understands it. */
bool sn__match(sn_text_op op, sn_bytes text, sn_bytes pattern);

#endif
