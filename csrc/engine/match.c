/*
 * match.c - like, ilike, contains, startswith, endswith over UTF-8.
 *
 * contains, startswith and endswith compare bytes: UTF-8 has no false matches inside a character. In like and ilike `%`
 * is any run of characters, `_` one character, and a backslash takes the next character literally (at the end of the
 * pattern it is itself). Characters are code points; lone surrogates are three bytes like their neighbours.
 *
 * like keeps one point to return to, the last `%`: what a `%` before it took need never be changed, because the last
 * one can take as much. Cost: O(text) for patterns without `%` in the middle, O(text * pattern) at worst; no memory.
 */
#include "match.h"

#include <string.h>

uint32_t
sn__casefold(uint32_t code)
{
    if (code < 0x80) {
        return code - 'A' < 26u ? code + 32 : code;
    }
    size_t low = 0, high = sn__fold_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const sn__fold_range *r = &sn__fold_ranges[mid];
        if (code > r->last) {
            low = mid + 1;
        } else if (code < r->first) {
            high = mid;
        } else {
            return (code - r->first) % r->step == 0 ? code + (uint32_t)r->delta : code;
        }
    }
    return code;
}

static size_t
char_size(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The code point at *at, which moves past it. */
static uint32_t
take_char(sn_bytes s, size_t *at)
{
    const unsigned char *p = s.data + *at;
    size_t size = char_size(*p);
    if (size > s.len - *at) {
        size = s.len - *at;
    }
    *at += size;
    uint32_t code = size == 1 ? *p : *p & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        code = code << 6 | (p[i] & 0x3fu);
    }
    return code;
}

/* One character of the text against one element of the pattern that is not `%`; both move on when they agree. */
static bool
take_both(sn_bytes text, size_t *i, sn_bytes pattern, size_t *j, bool fold)
{
    size_t ti = *i, pj = *j;
    bool any = pattern.data[pj] == '_';
    if (pattern.data[pj] == '\\' && pj + 1 < pattern.len) {
        pj++;
    }
    uint32_t a = take_char(text, &ti), b = take_char(pattern, &pj);
    if (!any && a != b && !(fold && sn__casefold(a) == sn__casefold(b))) {
        return false;
    }
    *i = ti;
    *j = pj;
    return true;
}

static bool
like(sn_bytes text, sn_bytes pattern, bool fold)
{
    size_t i = 0, j = 0, after = SIZE_MAX,
           taken = 0; /* after: past the last `%`; taken: the text up to which it reaches */
    while (i < text.len) {
        if (j < pattern.len && pattern.data[j] == '%') {
            after = ++j;
            taken = i;
        } else if (j < pattern.len && take_both(text, &i, pattern, &j, fold)) {
            continue;
        } else if (after == SIZE_MAX) {
            return false;
        } else {
            take_char(text, &taken);
            i = taken;
            j = after;
        }
    }
    while (j < pattern.len && pattern.data[j] == '%') {
        j++;
    }
    return j == pattern.len;
}

static bool
contains(sn_bytes text, sn_bytes part)
{
    if (part.len == 0) {
        return true;
    }
    while (text.len >= part.len) {
        const unsigned char *at = memchr(text.data, part.data[0], text.len - part.len + 1);
        if (!at) {
            return false;
        }
        if (memcmp(at, part.data, part.len) == 0) {
            return true;
        }
        size_t skip = (size_t)(at - text.data) + 1;
        text.data += skip;
        text.len -= skip;
    }
    return false;
}

static bool
at_end(sn_bytes text, sn_bytes part, bool end)
{
    return text.len >= part.len
           && (part.len == 0 || memcmp(text.data + (end ? text.len - part.len : 0), part.data, part.len) == 0);
}

bool
sn__match(sn_text_op op, sn_bytes text, sn_bytes pattern)
{
    switch (op) {
    case SN_LIKE:
    case SN_ILIKE:
        return like(text, pattern, op == SN_ILIKE);
    case SN_CONTAINS:
        return contains(text, pattern);
    case SN_STARTSWITH:
    case SN_ENDSWITH:
        return at_end(text, pattern, op == SN_ENDSWITH);
    }
    return false;
}
