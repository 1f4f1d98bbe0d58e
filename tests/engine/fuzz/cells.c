/*
 * cells.c - values of each type: what a run chooses, the engine's words for them, and their comparison (run.h).
 *
 * Few values, so that keys meet, and of each type those at which something changes: the ends of its range, both zeros,
 * both folds, NaN of two kinds, texts that begin alike.
 */
#include <math.h>
#include <string.h>

#include "run.h"

#define DAY INT64_C(86400000000)

static int64_t
float_word(unsigned b)
{
    static const double numbers[] = {-2.5, -0.0, 0.0, 0.5, 3.25, 7.0, 1.0, 0x1p1000, INFINITY, -INFINITY};
    int64_t word;
    double number = b % 12 < 10 ? numbers[b % 12] : NAN;
    memcpy(&word, &number, sizeof(word));
    return b % 12 == 11 ? word | 1 : word;
}

static int64_t
int_word(unsigned b)
{
    static const int64_t far[] = {-1, -2, 100, 5000, -70000, (INT64_C(1) << 53) + 1, INT64_MIN, INT64_MAX};
    return b >= 0xd8 ? far[b & 7] : (int64_t)(b & (b & 0x80 ? 31 : 7));
}

static int64_t
time_word(sn_type type, unsigned b)
{
    static const int64_t days[] = {1, 2, 3, 730000, 730001, 3652058, 3652059, 4};
    static const int64_t moments[] = {0, 1, 2, 3, 2 * DAY, 2 * DAY + 1, 730000 * 2 * DAY, 3652059 * 2 * DAY - 1};
    static const int64_t spans[] = {0, 1, -1, 3, DAY, -2 * DAY - 1, 730000 * DAY + 1, INT64_MAX};
    return type == SN_DATE ? days[b & 7] : type == SN_DATETIME ? moments[b & 7] : spans[b & 7];
}

static int64_t
inline_word(sn_type type, unsigned b)
{
    switch (type) {
    case SN_BOOL:
        return b & 1;
    case SN_INT:
        return int_word(b);
    case SN_FLOAT:
        return float_word(b);
    case SN_DATE:
    case SN_DATETIME:
    case SN_TIMEDELTA:
        return time_word(type, b);
    default:
        return b & 3;
    }
}

value
choose_value(run *r, sn_type type, bool bare, const value *now)
{
    unsigned b = run_byte(r);
    if (b >= 0xe0)
        return (value){true, 0};
    if (bare) {
        bool same = (b & 1) && now && !now->null;
        if (same)
            host_retain((host_object *)(uintptr_t)now->v);
        return (value){false, same ? now->v : (int64_t)(uintptr_t)host_new((int)(b >> 1 & 15))};
    }
    if (sn_type_owns(type))
        return (value){false, (int64_t)(b & (b & 0x80 ? 15 : 7))};
    return (value){false, inline_word(type, b)};
}

#define KEY(literal) {(const unsigned char *)(literal), sizeof(literal) - 1}
/* Keys order as half the number does, the longer ones share their beginning. Those of eight bytes are also canonical forms of moments
 * one microsecond apart (time.c). */
static sn_bytes
entry_key(int64_t v)
{
    static const sn_bytes keys[] = {KEY("\x01"),
                                    KEY("\x02"),
                                    KEY("\x03"),
                                    KEY("\x80 same \x05"),
                                    KEY("\x80 same \x05 "),
                                    KEY("\x80 same \x06"),
                                    KEY("\x80 same \x06\x01"),
                                    KEY("\x87")};
    return keys[v / 2];
}
#undef KEY

sn_bytes
value_bytes(sn_type type, bool bare, value v)
{
    if (bare)
        return host_text((const void *)(uintptr_t)v.v);
    return type == SN_ENTRY ? entry_key(v.v) : host_palette((int)v.v);
}

sn_cell
make_cell(run *r, sn_type type, bool bare, value v)
{
    sn_word word = (sn_word)v.v;
    bool taken;
    if (v.null)
        return SN_NULL_CELL;
    if (!sn_type_owns(type) || bare)
        return (sn_cell){word, false};
    host_object *o = host_new((int)v.v);
    sn_entry_def def = {.tag = (uint32_t)type, .exact = host_text(o), .borrow = (v.v & 4) != 0, .handle = o};
    if (type == SN_ENTRY)
        def.key = entry_key(v.v);
    host_memory armed = r->memory; /* interning is not what is refused here */
    r->memory.countdown = 0;
    r->memory.persistent = false;
    REQUIRE(sn_entry_intern(&word, &taken, r->db, &def) == SN_OK);
    r->memory.countdown = armed.countdown;
    r->memory.persistent = armed.persistent;
    if (!taken)
        host_release(o);
    REQUIRE(sn_entry_peek(r->db, (uint32_t)type, host_palette((int)v.v)) == word);
    return (sn_cell){word, false};
}

void
release_cell(run *r, sn_type type, sn_cell cell)
{
    if (cell.null || !sn_type_owns(type))
        return;
    if (sn_word_is_entry(cell.word))
        sn_entry_release(r->db, cell.word);
    else
        host_release(sn_word_handle(cell.word));
}

bool
same_cell(sn_type type, bool bare, sn_cell cell, value v)
{
    if (cell.null || v.null)
        return cell.null == v.null;
    if (!sn_type_owns(type) || bare)
        return cell.word == (sn_word)v.v;
    sn_bytes text = host_text(sn_word_handle(cell.word));
    return model_compare_bytes(text, host_palette((int)v.v)) == 0;
}
