/*
 * Feeds every file of a corpus folder to a fuzz target, without a fuzzer: `replay_<name> FOLDER`.
 * Each input is copied to an allocation of exactly its size, so that a sanitizer sees an overread.
 * A crash ends the program; the input that caused it is the one named last on stderr.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"

#define INPUT_BYTES_MAX 4194304

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_stream(FILE *stream) {
    uint8_t *read_bytes = d1_malloc(INPUT_BYTES_MAX);
    if (read_bytes == NULL) {
        return -ENOMEM;
    }
    size_t size = fread(read_bytes, 1, INPUT_BYTES_MAX, stream);
    int status = ferror(stream) ? -EIO : 0;
    uint8_t *exact = status == 0 ? d1_malloc(size == 0 ? 1 : size) : NULL;
    if (exact != NULL) {
        memcpy(exact, read_bytes, size);
    } else if (status == 0) {
        status = -ENOMEM;
    }
    d1_free(read_bytes);
    if (status == 0) {
        LLVMFuzzerTestOneInput(exact, size);
    }
    d1_free(exact);
    return status;
}

static int replay_file(const char *folder, const char *name) {
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return -ENAMETOOLONG;
    }
    fprintf(stderr, "%s\n", path);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return -errno;
    }
    int status = replay_stream(stream);
    fclose(stream);
    return status;
}

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    unsigned count = 0;
    unsigned unread = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        count++;
        if (replay_file(argv[1], entry->d_name) != 0) {
            fprintf(stderr, "cannot read %s\n", entry->d_name);
            unread++;
        }
    }
    closedir(folder);
    bool good = count > 0 && unread == 0;
    printf("1..1\n%s 1 - %u inputs replayed, %u not readable\n", good ? "ok" : "not ok", count,
           unread);
    return good ? 0 : 1;
}
