/*
 * host.c - see host.h. Each block has its size in front, so that a wrong size in a resize or free is found at once.
 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 16

void
host_require(bool holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* ---------------------------------------------------------------- memory */

static void
block_free(host_memory *m, char *block, size_t size)
{
    size_t stored;
    memcpy(&stored, block - HEAD, sizeof(stored));
    REQUIRE(stored == size);
    memset(block - HEAD, 0xdd, size + HEAD);
    free(block - HEAD);
    m->blocks--;
    m->bytes -= size;
}

static bool
refuses(host_memory *m)
{
    if (m->countdown == 0 || --m->countdown > 0)
        return false;
    m->countdown = m->persistent;
    m->refused = true;
    return true;
}

void *
host_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    host_memory *m = ud;
    if (new_size == 0) {
        if (ptr)
            block_free(m, ptr, old_size);
        return NULL;
    }
    if (refuses(m))
        return NULL;
    char *base = malloc(new_size + HEAD);
    REQUIRE(base != NULL);
    memcpy(base, &new_size, sizeof(new_size));
    memset(base + HEAD, 0xcd, new_size);
    if (ptr) {
        memcpy(base + HEAD, ptr, old_size < new_size ? old_size : new_size);
        block_free(m, ptr, old_size);
    }
    m->blocks++;
    m->bytes += new_size;
    return base + HEAD;
}

/* ---------------------------------------------------------------- handles */

struct host_object {
    size_t references;
    sn_bytes text;
};

static size_t references;

/* Beginnings, ends and cases of each other; patterns; more than eight bytes shared; a null byte; beyond ASCII. */
#define TEXT(literal) {(const unsigned char *)(literal), sizeof(literal) - 1}
static const sn_bytes palette[HOST_TEXTS] = {
    TEXT("t0"),
    TEXT("t1"),
    TEXT("T1"),
    TEXT(""),
    TEXT("t"),
    TEXT("t10"),
    TEXT("%1"),
    TEXT("_1%"),
    TEXT("t\0"
         "1"),
    TEXT("\\%t"),
    TEXT("the same, 1"),
    TEXT("the same, 10"),
    TEXT("THE SAME"),
    TEXT("\xc3\x84t1"),
    TEXT("\xc3\xa4T1"),
    TEXT("\xf0\x9f\x99\x82_\xce\xa3"),
};
#undef TEXT

sn_bytes
host_palette(int text)
{
    return palette[text];
}

host_object *
host_new(int text)
{
    host_object *o = malloc(sizeof(*o));
    REQUIRE(o != NULL);
    o->references = 1;
    o->text = palette[text];
    references++;
    return o;
}

void
host_retain(host_object *o)
{
    o->references++;
    references++;
}

void
host_release(void *handle)
{
    host_object *o = handle;
    REQUIRE(o->references > 0);
    references--;
    if (--o->references == 0)
        free(o);
}

sn_bytes
host_text(const void *handle)
{
    return ((const host_object *)handle)->text;
}

size_t
host_references(void)
{
    return references;
}
