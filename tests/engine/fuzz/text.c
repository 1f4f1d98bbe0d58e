/*
 * text.c - naive matching of text: every way that a `%` can go is tried (tree.h).
 */
#include <string.h>

#include "tree.h"

/* The code point at the beginning, which is taken off. */
static uint32_t
take(sn_bytes *s)
{
    uint32_t code = s->data[0];
    size_t size = code < 0x80 ? 1 : code < 0xe0 ? 2 : code < 0xf0 ? 3 : 4;
    if (size > 1)
        code &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++)
        code = code << 6 | (s->data[i] & 0x3f);
    s->data += size;
    s->len -= size;
    return code;
}

/* Of the letters that the palette has. */
static uint32_t
fold(uint32_t code)
{
    bool upper = (code >= 'A' && code <= 'Z') || code == 0xc4 || code == 0x3a3;
    return upper ? code + 32 : code;
}

static bool
like(sn_bytes text, sn_bytes pattern, bool folded)
{
    if (pattern.len == 0)
        return text.len == 0;
    if (pattern.data[0] == '%') {
        sn_bytes rest = {pattern.data + 1, pattern.len - 1};
        while (!like(text, rest, folded)) {
            if (text.len == 0)
                return false;
            take(&text);
        }
        return true;
    }
    if (text.len == 0)
        return false;
    bool escaped = pattern.data[0] == '\\' && pattern.len > 1, any = pattern.data[0] == '_';
    if (escaped)
        take(&pattern);
    uint32_t have = take(&text), want = take(&pattern);
    bool same = any || have == want || (folded && fold(have) == fold(want));
    return same && like(text, pattern, folded);
}

static bool
starts(sn_bytes text, sn_bytes part)
{
    return text.len >= part.len && memcmp(text.data, part.data, part.len) == 0;
}

bool
naive_match(int op, sn_bytes text, sn_bytes pattern)
{
    switch (op) {
    case SN_LIKE:
    case SN_ILIKE:
        return like(text, pattern, op == SN_ILIKE);
    case SN_STARTSWITH:
        return starts(text, pattern);
    case SN_ENDSWITH:
        return text.len >= pattern.len && starts((sn_bytes){text.data + text.len - pattern.len, pattern.len}, pattern);
    default:
        for (; text.len > 0; text.data++, text.len--) {
            if (starts(text, pattern))
                return true;
        }
        return pattern.len == 0;
    }
}
