/*
 * test_intern.c - entries: one per exact value, uses, keys, the chain of dead ones, refusals, and a random walk
 * against a table of counts.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

static hostile h;

static sn_bytes
bytes(const char *text)
{
    return (sn_bytes){(const unsigned char *)text, strlen(text)};
}

/* Interns with a handle of its own; the handle is freed here if it was not taken. */
static sn_status
take(sn_word *out, sn_db *db, uint32_t tag, const char *exact, const char *key, bool borrow)
{
    sn_entry_def def = {.tag = tag, .exact = bytes(exact), .borrow = borrow, .handle = handle_new(exact)};
    if (borrow)
        def.exact = handle_text(def.handle);
    if (key)
        def.key = bytes(key);
    bool taken = true;
    sn_status status = sn_entry_intern(out, &taken, db, &def);
    if (status != SN_OK)
        CHECK(!taken);
    if (!taken)
        handle_free(def.handle);
    return status;
}

static sn_word
made(sn_db *db, uint32_t tag, const char *exact, const char *key)
{
    sn_word word;
    CHECK_OK(take(&word, db, tag, exact, key, false));
    return word;
}

static size_t
drain(sn_db *db)
{
    size_t n = 0;
    for (void *handle = sn__intern_pop_dead(db); handle; handle = sn__intern_pop_dead(db)) {
        handle_free(handle);
        n++;
    }
    return n;
}

static void
test_identity(sn_db *db)
{
    sn_word a = made(db, 1, "one", NULL), b = made(db, 1, "one", NULL), c = made(db, 2, "one", NULL);
    CHECK(a == b && a != c && sn_word_is_entry(a));
    CHECK(sn_entry_peek(db, 1, bytes("one")) == a && sn_entry_peek(db, 2, bytes("one")) == c);
    CHECK(sn_entry_peek(db, 3, bytes("one")) == 0 && sn_entry_peek(db, 1, bytes("on")) == 0);
    CHECK(sn__intern_handles(db) == 2 && handle_count() == 2);
    CHECK(handle_text(sn_entry_handle(a)).len == 3 && sn_word_handle(a) == sn_entry_handle(a));
    sn_entry_release(db, a);
    CHECK(sn_entry_peek(db, 1, bytes("one")) == a);
    sn_entry_release(db, b);
    CHECK(sn_entry_peek(db, 1, bytes("one")) == 0);
    CHECK(sn__intern_handles(db) == 2);
    CHECK_SOUND(sn__intern_check(db));
    sn_entry_release(db, c);
    CHECK(drain(db) == 2 && sn__intern_handles(db) == 0);
}

/* A value that comes back while its old entry waits on the chain is a new entry. */
static void
test_reborn(sn_db *db)
{
    sn_word a;
    CHECK_OK(take(&a, db, 1, "phoenix", NULL, true));
    sn_entry_release(db, a);
    sn_word b;
    CHECK_OK(take(&b, db, 1, "phoenix", NULL, true));
    CHECK(a != b && sn__intern_handles(db) == 2);
    CHECK_SOUND(sn__intern_check(db));
    CHECK(drain(db) == 1);
    CHECK(sn_entry_peek(db, 1, bytes("phoenix")) == b);
    sn_entry_release(db, b);
    CHECK(drain(db) == 1);
}

/* Keys live as long as any value that has them, and are no values: the same bytes as a value are another entry. */
static void
test_keys(sn_db *db)
{
    sn_word a = made(db, 1, "1", "k"), b = made(db, 1, "1.0", "k"), c = made(db, 1, "k", "1"),
            d = made(db, 2, "x", "k");
    const sn_entry *key = sn_word_entry(a)->key;
    CHECK(sn_word_entry(b)->key == key && sn_word_entry(d)->key == key && sn_word_entry(c)->key != key);
    CHECK(key->handle == NULL && key->uses == 3 && sn_entry_peek(db, 1, bytes("k")) == c);
    CHECK(db->entries.n == 6 && sn__intern_handles(db) == 4);
    sn_entry_retain(sn_entry_word(key));
    sn_entry_release(db, a);
    sn_entry_release(db, b);
    sn_entry_release(db, d);
    CHECK(key->uses == 1);
    CHECK_SOUND(sn__intern_check(db));
    sn_entry_release(db, sn_entry_word(key));
    sn_entry_release(db, c);
    CHECK(db->entries.n == 0 && drain(db) == 4);
}

static void
test_edges(sn_db *db)
{
    sn_word empty = made(db, 1, "", NULL), again = made(db, 1, "", NULL);
    CHECK(empty == again && sn_entry_peek(db, 1, (sn_bytes){NULL, 0}) == empty);
    sn_entry_release(db, empty);
    sn_entry_release(db, again);
    sn_word word = 0;
    bool taken = true;
    sn_entry_def bare = {.tag = 1, .exact = bytes("no handle")};
    CHECK_OK(sn_entry_intern(&word, &taken, db, &bare));
    CHECK(taken && sn_entry_handle(word) == NULL);
    sn_entry_release(db, word);
    CHECK(drain(db) == 1);
    sn_entry_def huge = {.tag = 1, .exact = {(const unsigned char *)"x", (size_t)UINT32_MAX + 1}};
    CHECK_STATUS(sn_entry_intern(&word, &taken, db, &huge), SN_LIMIT);
    CHECK(db->error.status == SN_LIMIT);
}

/* Releasing with an allocator that refuses everything. */
static void
test_release_needs_nothing(sn_db *db)
{
    sn_word words[50];
    char text[16];
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "text %u", (unsigned)i % 1000);
        words[i] = made(db, 1, text, i % 2 ? "shared" : NULL);
    }
    hostile_arm(&h, 1, true);
    for (int i = 0; i < 50; i++)
        sn_entry_release(db, words[i]);
    CHECK(hostile_disarm(&h) == 0);
    CHECK(drain(db) == 50 && db->entries.n == 0);
}

/* ---------------------------------------------------------------- refusals */

typedef struct swept {
    sn_db db;
    sn_word before, key, plain;
} swept;

static void *
sweep_setup(hostile *host)
{
    static swept s;
    s = (swept){0};
    harness_bare_db(&s.db, host);
    s.before = made(&s.db, 1, "before", "before's key");
    return &s;
}

static sn_status
sweep_run(void *state)
{
    swept *s = state;
    sn_status status = take(&s->key, &s->db, 1, "keyed", "its key", false);
    return status == SN_OK ? take(&s->plain, &s->db, 1, "plain", NULL, true) : status;
}

static const char *
sweep_check(void *state, bool succeeded)
{
    swept *s = state;
    CHECK(succeeded == (s->plain != 0));
    CHECK((s->plain != 0) == (sn_entry_peek(&s->db, 1, bytes("plain")) != 0));
    CHECK((s->key != 0) == (sn_entry_peek(&s->db, 1, bytes("keyed")) != 0));
    CHECK(s->db.entries.n == (size_t)(2 + 2 * (s->key != 0) + (s->plain != 0)));
    return sn__intern_check(&s->db);
}

static void
sweep_teardown(void *state)
{
    swept *s = state;
    sn_word words[] = {s->before, s->key, s->plain};
    for (int i = 0; i < 3; i++) {
        if (words[i])
            sn_entry_release(&s->db, words[i]);
    }
    drain(&s->db);
    sn__intern_free(&s->db);
}

/* ---------------------------------------------------------------- random walk */

#define VALUES 200

static void
test_random(sn_db *db, uint64_t seed)
{
    size_t uses[VALUES] = {0};
    sn_word words[VALUES] = {0};
    char exact[16], key[16];
    for (int step = 0; step < 20000; step++) {
        uint32_t v = harness_random(&seed, VALUES);
        snprintf(exact, sizeof exact, "value %u", v);
        snprintf(key, sizeof key, "key %u", v % 20);
        if (harness_random(&seed, step / 2000 % 2 ? 3 : 2)) {
            sn_word word = made(db, v % 3, exact, v % 2 ? key : NULL);
            CHECK(uses[v] == 0 || word == words[v]);
            words[v] = word;
            uses[v]++;
        } else if (uses[v] > 0) {
            sn_entry_release(db, words[v]);
            uses[v]--;
        }
        CHECK(sn_entry_peek(db, v % 3, bytes(exact)) == (uses[v] ? words[v] : 0));
        if (step % 64 == 0)
            CHECK_SOUND(sn__intern_check(db));
        if (harness_random(&seed, 50) == 0)
            drain(db);
    }
    for (uint32_t v = 0; v < VALUES; v++) {
        for (; uses[v] > 0; uses[v]--)
            sn_entry_release(db, words[v]);
    }
    drain(db);
    CHECK(db->entries.n == 0);
}

int
main(void)
{
    sn_db db;
    harness_bare_db(&db, &h);
    CHECK(sn_entry_peek(&db, 1, bytes("empty set")) == 0);
    test_identity(&db);
    test_reborn(&db);
    test_keys(&db);
    test_edges(&db);
    test_release_needs_nothing(&db);
    for (uint64_t seed = 1; seed <= 3; seed++)
        test_random(&db, seed);
    CHECK_SOUND(sn__intern_check(&db));
    sn__intern_free(&db);
    harness_sweep_def sweep = {sweep_setup, sweep_run, sweep_check, sweep_teardown};
    CHECK(harness_sweep(&h, &sweep) > 5);
    return harness_done("intern", &h);
}
