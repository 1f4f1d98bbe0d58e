/*
 * replay.c - runs corpus files through the fuzz target, with any C compiler: files or directories as arguments.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

int
main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        bool directory = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);
        int n = directory ? replay_directory(argv[i]) : replay_file(argv[i]);
        if (n < 0)
            return EXIT_FAILURE;
        total += n;
    }
    if (total == 0) {
        fprintf(stderr, "usage: replay FILE|DIRECTORY...\n");
        return EXIT_FAILURE;
    }
    printf("replayed %d inputs\n", total);
    return EXIT_SUCCESS;
}
