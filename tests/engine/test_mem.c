/*
 * test_mem.c - the door counts exactly, vectors grow and survive refusals; and the hostile allocator is hostile.
 */
#include "harness.h"

#include <string.h>

static void
test_counts(sn_mem *m, hostile *h)
{
    char *a = sn_mem_new(m, 10), *b = sn_mem_zero(m, 100);
    CHECK(a && b && m->blocks == 2 && m->bytes == 110);
    for (size_t i = 0; i < 100; i++)
        CHECK(b[i] == 0);
    memcpy(a, "ten bytes", 10);
    a = sn_mem_resize(m, a, 10, 50);
    CHECK(a && memcmp(a, "ten bytes", 10) == 0 && m->blocks == 2 && m->bytes == 150);
    a = sn_mem_resize(m, a, 50, 10);
    CHECK(a && memcmp(a, "ten bytes", 10) == 0 && m->bytes == 110);
    CHECK(h->blocks == m->blocks && h->bytes == m->bytes);
    sn_mem_free(m, a, 10);
    sn_mem_free(m, b, 100);
    sn_mem_free(m, NULL, 0);
    CHECK(m->blocks == 0 && m->bytes == 0 && h->blocks == 0);
}

static void
test_refusals(sn_mem *m, hostile *h)
{
    char *a = sn_mem_new(m, 4);
    memcpy(a, "abc", 4);
    hostile_arm(h, 1, true);
    CHECK(sn_mem_new(m, 8) == NULL);
    CHECK(sn_mem_zero(m, 8) == NULL);
    CHECK(sn_mem_resize(m, a, 4, 8) == NULL);
    CHECK(hostile_disarm(h) == 3);
    CHECK(memcmp(a, "abc", 4) == 0 && m->blocks == 1 && m->bytes == 4);
    sn_mem_free(m, a, 4);
}

static void
test_grow(sn_mem *m, hostile *h)
{
    int *vector = NULL;
    size_t cap = 0;
    for (size_t n = 0; n < 1000; n++) {
        hostile_arm(h, 1, false);
        sn_status status = sn_mem_grow(m, &vector, &cap, n + 1, sizeof *vector);
        if (hostile_disarm(h)) {
            CHECK_STATUS(status, SN_NOMEM);
            CHECK(cap == n);
            CHECK_OK(sn_mem_grow(m, &vector, &cap, n + 1, sizeof *vector));
        }
        CHECK(cap > n);
        vector[n] = (int)n;
    }
    for (size_t n = 0; n < 1000; n++)
        CHECK(vector[n] == (int)n);
    CHECK_STATUS(sn_mem_grow(m, &vector, &cap, SIZE_MAX / 2, sizeof *vector), SN_NOMEM);
    CHECK(m->bytes == cap * sizeof *vector);
    sn_mem_free(m, vector, cap * sizeof *vector);
}

/* A test allocator that finds nothing would make every other test worthless. */
static void
test_hostility(sn_mem *m, hostile *h)
{
    unsigned char *a = sn_mem_new(m, 7);
    CHECK_SOUND(hostile_damage(h));
    unsigned char after = a[7], before = a[-1];
    a[7] = 0;
    CHECK(hostile_damage(h) != NULL);
    a[7] = after;
    a[-1] = 0;
    CHECK(hostile_damage(h) != NULL);
    a[-1] = before;
    CHECK_SOUND(hostile_damage(h));
    CHECK(a[0] != 0);
    sn_mem_free(m, a, 7);
    hostile_arm(h, 2, false);
    void *first = sn_mem_new(m, 1), *second = sn_mem_new(m, 1), *third = sn_mem_new(m, 1);
    CHECK(first && !second && third && hostile_disarm(h) == 1);
    sn_mem_free(m, first, 1);
    sn_mem_free(m, third, 1);
}

int
main(void)
{
    hostile h = {0};
    sn_mem m = {.fn = hostile_alloc, .ud = &h};
    test_counts(&m, &h);
    test_refusals(&m, &h);
    test_grow(&m, &h);
    test_hostility(&m, &h);
    return harness_done("mem", &h);
}
