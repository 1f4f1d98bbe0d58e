/*
 * test_type.c - the laws of type.c, over tables of values in ascending order for each type.
 */
#include "harness.h"

#include <math.h>
#include <string.h>

static hostile h;
static sn_db db;

/* words[] ascends; neighbours with the same class are equal. */
static void
check_laws(sn_type type, const sn_word *words, const int *class, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            int order = sn_compare(&db, type, words[i], words[j]);
            bool equal = class[i] == class[j];
            CHECK((order < 0) == (class[i] < class[j]) && (order > 0) == (class[i] > class[j]));
            CHECK(sn_equal(&db, type, words[i], words[j]) == equal);
            if (equal)
                CHECK(sn_hash_value(&db, type, words[i]) == sn_hash_value(&db, type, words[j]));
            if (type != SN_TEXT)
                CHECK((sn_types[type].key(words[i]) == sn_types[type].key(words[j])) == equal);
        }
    }
}

static void
test_table(void)
{
    for (int type = 0; type < SN_TYPE_COUNT; type++) {
        const sn_type_info *info = &sn_types[type];
        CHECK(info->name && info->key);
        CHECK(!(info->flags & SN_T_ORDERED) == !info->compare);
        CHECK(!(info->flags & SN_T_INLINE) != !(info->flags & SN_T_HANDLE));
        CHECK(sn_type_owns((sn_type)type) == (type >= SN_TEXT));
        if (info->flags & SN_T_DENSE)
            CHECK(info->flags & SN_T_PLAIN);
        for (sn_word word = 2; info->flags & SN_T_PLAIN && word < 1000; word += 2)
            CHECK(info->key(word) == word);
    }
}

static void
test_integers(void)
{
    const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 2, INT64_MAX};
    const int class[] = {0, 1, 2, 3, 4, 5, 6};
    const sn_type types[] = {SN_BOOL, SN_INT, SN_DATE, SN_TIMEDELTA, SN_CHOICE};
    sn_word words[7];
    for (size_t i = 0; i < 7; i++) {
        words[i] = sn_word_from_int(values[i]);
        CHECK(sn_word_int(words[i]) == values[i]);
    }
    for (size_t i = 0; i < 5; i++)
        check_laws(types[i], words, class, 7);
}

static void
test_floats(void)
{
    const double values[] = {-INFINITY, -1.5, -0.0, 0.0, 5e-324, 1.0, INFINITY, NAN, -NAN};
    const int class[] = {0, 1, 2, 2, 3, 4, 5, 6, 6};
    sn_word words[9];
    for (size_t i = 0; i < 9; i++)
        words[i] = sn_word_from_float(values[i]);
    CHECK(words[2] != words[3]);
    CHECK(sn_word_float(words[1]) == -1.5);
    check_laws(SN_FLOAT, words, class, 9);
}

static void
test_datetimes(void)
{
    const sn_word words[] = {0, 1, 2, 3, 1000, 1001};
    const int class[] = {0, 0, 1, 1, 2, 2};
    check_laws(SN_DATETIME, words, class, 6);
}

static sn_word
entry(uint32_t tag, const char *exact, const char *key)
{
    sn_entry_def def = {
        .tag = tag, .exact = {(const unsigned char *)exact, strlen(exact)}, .handle = handle_new(exact)};
    if (key)
        def.key = (sn_bytes){(const unsigned char *)key, strlen(key)};
    sn_word word;
    bool taken;
    CHECK_OK(sn_entry_intern(&word, &taken, &db, &def));
    if (!taken)
        handle_free(def.handle);
    return word;
}

static void
drain(void)
{
    for (void *handle = sn__intern_pop_dead(&db); handle; handle = sn__intern_pop_dead(&db))
        handle_free(handle);
}

/* Bare and interned text mix in one column and with constants. */
static void
test_text(void)
{
    const char *texts[] = {"", "", "A", "a", "a", "ab", "a\xcc\x88", "\xc3\xa4", "\xed\xb2\x80", "\xf0\x9f\x8e\x89"};
    const int class[] = {0, 0, 1, 2, 2, 3, 4, 5, 6, 7};
    sn_word words[10];
    for (size_t i = 0; i < 10; i++)
        words[i] = i % 3 == 1 ? entry(1, texts[i], NULL) : (sn_word)(uintptr_t)handle_new(texts[i]);
    check_laws(SN_TEXT, words, class, 10);
    for (size_t i = 0; i < 10; i++) {
        sn_bytes bytes = sn_word_bytes(&db, SN_TEXT, words[i]);
        CHECK(bytes.len == strlen(texts[i]) && memcmp(bytes.data, texts[i], bytes.len) == 0);
        CHECK(sn_hash_value(&db, SN_TEXT, words[i]) == sn_hash_bytes(bytes));
    }
    sn_word same = entry(1, "a", NULL);
    CHECK(same == words[4] && sn_types[SN_TEXT].key(same) == same);
    sn_entry_release(&db, same);
    for (size_t i = 0; i < 10; i++) {
        if (sn_word_is_entry(words[i]))
            sn_entry_release(&db, words[i]);
        else
            handle_free((void *)(uintptr_t)words[i]);
    }
    drain();
}

static void
test_entries(void)
{
    const char *exact[] = {"0.5", "1", "1.0", "1.00", "2"};
    const char *key[] = {"k05", "k1", "k1", "k1", "k2"};
    const int class[] = {0, 1, 1, 1, 2};
    sn_word words[5];
    for (size_t i = 0; i < 5; i++)
        words[i] = entry(7, exact[i], key[i]);
    CHECK(words[1] != words[2] && words[2] != words[3]);
    check_laws(SN_ENTRY, words, class, 5);
    sn_bytes bytes = sn_word_bytes(&db, SN_ENTRY, words[3]);
    CHECK(bytes.len == 2 && memcmp(bytes.data, "k1", 2) == 0);
    CHECK(sn_types[SN_ENTRY].key(0) == 0);
    for (size_t i = 0; i < 5; i++)
        sn_entry_release(&db, words[i]);
    drain();
}

/* Objects are equal to themselves only. */
static void
test_objects(void)
{
    CHECK(sn_equal(&db, SN_OBJECT, 16, 16) && !sn_equal(&db, SN_OBJECT, 16, 32));
    CHECK(sn_hash_value(&db, SN_OBJECT, 16) == sn_hash_word(16));
}

/* Close integers and texts must not fall into few slots: all low bits of the hashes are used. */
static void
test_mixers(void)
{
    char text[2] = {0};
    bool low_of_words[256] = {0}, low_of_texts[256] = {0};
    size_t words = 0, texts = 0;
    for (uint64_t i = 0; i < 1024; i++) {
        uint8_t slot = (uint8_t)sn_hash_word(i << 20);
        words += !low_of_words[slot];
        low_of_words[slot] = true;
        text[0] = (char)('a' + i / 32);
        text[1] = (char)('a' + i % 32);
        slot = (uint8_t)sn_hash_bytes((sn_bytes){(unsigned char *)text, 2});
        texts += !low_of_texts[slot];
        low_of_texts[slot] = true;
    }
    CHECK(words > 240 && texts > 240);
    CHECK(sn_hash_bytes((sn_bytes){(const unsigned char *)"a\0", 2})
          != sn_hash_bytes((sn_bytes){(const unsigned char *)"a", 1}));
}

int
main(void)
{
    harness_bare_db(&db, &h);
    test_table();
    test_integers();
    test_floats();
    test_datetimes();
    test_text();
    test_entries();
    test_objects();
    test_mixers();
    CHECK_SOUND(sn__intern_check(&db));
    CHECK(db.entries.n == 0);
    sn__intern_free(&db);
    return harness_done("type", &h);
}
