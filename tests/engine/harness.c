/*
 * harness.c - the hostile allocator, counting handles, checks, sweeps (harness.h).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE 32
#define ZONE_BYTE 0xFB
#define FRESH_BYTE 0xA5
#define FREED_BYTE 0xDD
#define LIVE_MAGIC UINT64_C(0x5157E1115157E111)
#define HANDLE_MAGIC UINT64_C(0x48414E444C453A29)

static size_t checks;
static size_t live_handles;

/* ---------------------------------------------------------------- checks */

static void
fail(const char *what, const char *detail, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: check failed: %s%s%s\n", file, line, what, detail ? ": " : "", detail ? detail : "");
    exit(1);
}

void
harness_check(bool holds, const char *what, const char *file, int line)
{
    checks++;
    if (!holds)
        fail(what, NULL, file, line);
}

void
harness_check_sound(const char *problem, const char *what, const char *file, int line)
{
    checks++;
    if (problem)
        fail(what, problem, file, line);
}

void
harness_check_status(sn_status status, sn_status wanted, const char *what, const char *file, int line)
{
    char detail[64];
    checks++;
    if (status == wanted)
        return;
    snprintf(detail, sizeof detail, "status %d where %d was expected", (int)status, (int)wanted);
    fail(what, detail, file, line);
}

/* ---------------------------------------------------------------- the hostile allocator */

struct hostile_block {
    hostile_block *next, *prev;
    uint64_t magic;
    size_t size;
    unsigned char zone[ZONE];
};

_Static_assert(sizeof(hostile_block) % 16 == 0, "blocks are aligned as malloc aligns them");

static unsigned char *
payload(hostile_block *b)
{
    return (unsigned char *)(b + 1);
}

static bool
zone_is_whole(const unsigned char *zone)
{
    for (size_t i = 0; i < ZONE; i++) {
        if (zone[i] != ZONE_BYTE)
            return false;
    }
    return true;
}

static const char *
block_damage(hostile_block *b)
{
    if (b->magic != LIVE_MAGIC)
        return "not a live block";
    if (!zone_is_whole(b->zone))
        return "written before the start of a block";
    return zone_is_whole(payload(b) + b->size) ? NULL : "written past the end of a block";
}

static void *
hostile_new(hostile *h, size_t size)
{
    hostile_block *b = malloc(sizeof *b + size + ZONE);
    if (!b)
        fail("malloc", "the machine is out of memory", __FILE__, __LINE__);
    *b = (hostile_block){.next = h->all, .magic = LIVE_MAGIC, .size = size};
    memset(b->zone, ZONE_BYTE, ZONE);
    memset(payload(b), FRESH_BYTE, size);
    memset(payload(b) + size, ZONE_BYTE, ZONE);
    if (h->all)
        h->all->prev = b;
    h->all = b;
    h->blocks++;
    h->bytes += size;
    return payload(b);
}

static void
hostile_free(hostile *h, void *ptr, size_t size)
{
    hostile_block *b = (hostile_block *)ptr - 1;
    const char *damage = block_damage(b);
    if (damage)
        fail("freeing a block", damage, __FILE__, __LINE__);
    if (b->size != size)
        fail("freeing a block", "its size is another", __FILE__, __LINE__);
    if (b->prev)
        b->prev->next = b->next;
    else
        h->all = b->next;
    if (b->next)
        b->next->prev = b->prev;
    h->blocks--;
    h->bytes -= size;
    memset(b, FREED_BYTE, sizeof *b + size + ZONE);
    free(b);
}

/* Is it this call's turn? */
static bool
refuse(hostile *h)
{
    h->calls++;
    bool turn = h->fail_at > 0 && (h->persistent ? h->calls >= h->fail_at : h->calls == h->fail_at);
    h->refused += turn;
    return turn;
}

void *
hostile_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    hostile *h = ud;
    if (new_size == 0) {
        if (ptr)
            hostile_free(h, ptr, old_size);
        return NULL;
    }
    if (refuse(h))
        return NULL;
    void *fresh = hostile_new(h, new_size);
    if (ptr) {
        memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
        hostile_free(h, ptr, old_size);
    }
    return fresh;
}

void
hostile_arm(hostile *h, size_t n, bool persistent)
{
    h->calls = 0;
    h->refused = 0;
    h->fail_at = n;
    h->persistent = persistent;
}

size_t
hostile_disarm(hostile *h)
{
    h->fail_at = 0;
    return h->refused;
}

const char *
hostile_damage(const hostile *h)
{
    size_t blocks = 0, bytes = 0;
    for (hostile_block *b = h->all; b; b = b->next) {
        const char *damage = block_damage(b);
        if (damage)
            return damage;
        blocks++;
        bytes += b->size;
    }
    return blocks == h->blocks && bytes == h->bytes ? NULL : "blocks are lost";
}

/* ---------------------------------------------------------------- host handles */

typedef struct handle {
    uint64_t magic;
    size_t uses;
    size_t len;
    unsigned char data[];
} handle;

void *
handle_new_bytes(const void *data, size_t len)
{
    handle *made = malloc(sizeof *made + len + 1);
    if (!made)
        fail("malloc", "the machine is out of memory", __FILE__, __LINE__);
    made->magic = HANDLE_MAGIC;
    made->uses = 1;
    made->len = len;
    if (len)
        memcpy(made->data, data, len);
    live_handles++;
    return made;
}

void *
handle_new(const char *text)
{
    return handle_new_bytes(text, strlen(text));
}

void
handle_free(void *ptr)
{
    handle *h = ptr;
    if (!h || h->magic != HANDLE_MAGIC)
        fail("releasing a handle", "it is not a live handle", __FILE__, __LINE__);
    live_handles--;
    if (--h->uses > 0)
        return;
    h->magic = 0;
    memset(h->data, FREED_BYTE, h->len);
    free(h);
}

void
handle_retain(void *ptr)
{
    handle *h = ptr;
    if (!h || h->magic != HANDLE_MAGIC)
        fail("keeping a handle", "it is not a live handle", __FILE__, __LINE__);
    h->uses++;
    live_handles++;
}

size_t
handle_count(void)
{
    return live_handles;
}

sn_bytes
handle_text(const void *ptr)
{
    const handle *h = ptr;
    if (h->magic != HANDLE_MAGIC)
        fail("reading a handle", "it is not a live handle", __FILE__, __LINE__);
    return (sn_bytes){h->data, h->len};
}

/* ---------------------------------------------------------------- databases */

sn_config
harness_config(hostile *h)
{
    return (sn_config){hostile_alloc, h, handle_text};
}

void
harness_bare_db(sn_db *db, hostile *h)
{
    *db = (sn_db){.mem = {.fn = hostile_alloc, .ud = h}, .text = handle_text};
}

sn_table *
harness_bare_table(sn_db *db, const sn_column_def *defs, size_t n)
{
    sn_table *t = sn_mem_zero(&db->mem, sizeof *t);
    CHECK(t != NULL);
    t->db = db;
    t->automatic = SN_NO_COL;
    for (size_t i = 0; i < n; i++) {
        sn_col col;
        CHECK_OK(sn__table_add_slot(&col, t, &defs[i]));
        CHECK(col == i);
    }
    return t;
}

/* ---------------------------------------------------------------- sweeps */

/* One round with the n-th call refused; how many were. */
static size_t
sweep_round(hostile *h, const harness_sweep_def *sweep, size_t n, bool persistent)
{
    size_t blocks = h->blocks, handles = handle_count();
    void *state = sweep->setup(h);
    hostile_arm(h, n, persistent);
    sn_status status = sweep->run(state);
    size_t refused = hostile_disarm(h);
    CHECK(status == SN_OK || (status == SN_NOMEM && refused > 0));
    CHECK_SOUND(sweep->check(state, status == SN_OK));
    CHECK_SOUND(hostile_damage(h));
    sweep->teardown(state);
    CHECK(h->blocks == blocks);
    CHECK(handle_count() == handles);
    return refused;
}

size_t
harness_sweep(hostile *h, const harness_sweep_def *sweep)
{
    size_t refusals = 0;
    for (int persistent = 0; persistent <= 1; persistent++) {
        for (size_t n = 1;; n++) {
            size_t refused = sweep_round(h, sweep, n, persistent);
            if (refused == 0)
                break;
            refusals += refused;
        }
    }
    return refusals;
}

/* ---------------------------------------------------------------- the rest */

uint32_t
harness_random(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % below);
}

int
harness_done(const char *name, const hostile *h)
{
    CHECK_SOUND(hostile_damage(h));
    for (hostile_block *b = h->all; b; b = b->next)
        fprintf(stderr, "%s: leaked %zu bytes at %p\n", name, b->size, (void *)payload(b));
    CHECK(h->blocks == 0 && h->bytes == 0);
    CHECK(handle_count() == 0);
    printf("ok %s %zu\n", name, checks);
    return 0;
}

/* ---------------------------------------------------------------- stand-ins */

/* For links of the storage modules alone, without database.c; where that is linked, its own is taken. */
__attribute__((weak)) sn_status
sn__fail_status(sn_db *db, sn_status status)
{
    db->error = (sn_error){.status = status};
    return status;
}
