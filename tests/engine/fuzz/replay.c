/*
 * replay.c - runs the fuzz target with any C compiler:
 *
 *   replay FILE|DIRECTORY...        the inputs there
 *   replay -r COUNT LENGTH SEED     so many inputs of random bytes
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
    static uint8_t data[MAX_FILE];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    return 1;
}

/* Each returns how many files were replayed, or -1. */
static int
replay_directory(const char *path)
{
    int played = 0;
    DIR *directory = opendir(path);
    if (!directory) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        int n = entry->d_name[0] == '.' ? 0 : replay_file(name);
        if (n < 0) {
            played = -1;
            break;
        }
        played += n;
    }
    closedir(directory);
    return played;
}

static uint64_t
next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = (*state ^ *state >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int
replay_random(long count, size_t length, uint64_t seed)
{
    static uint8_t data[MAX_FILE];
    length = length < MAX_FILE ? length : MAX_FILE;
    for (long i = 0; i < count; i++) {
        uint64_t state = seed + (uint64_t)i;
        for (size_t k = 0; k < length; k++)
            data[k] = (uint8_t)(next_random(&state) >> 32);
        LLVMFuzzerTestOneInput(data, length);
    }
    printf("replayed %ld random inputs\n", count);
    return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    int total = 0;
    if (argc == 5 && strcmp(argv[1], "-r") == 0)
        return replay_random(strtol(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    for (int i = 1; i < argc; i++) {
        struct stat info;
        bool directory = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);
        int n = directory ? replay_directory(argv[i]) : replay_file(argv[i]);
        if (n < 0)
            return EXIT_FAILURE;
        total += n;
    }
    if (total == 0) {
        fprintf(stderr, "usage: replay FILE|DIRECTORY... or replay -r COUNT LENGTH SEED\n");
        return EXIT_FAILURE;
    }
    printf("replayed %d inputs\n", total);
    return EXIT_SUCCESS;
}
