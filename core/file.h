/*
 * Whole small files into memory.
 *
 * Memory: the result is the caller's (d1_free; wipe it first where it was a secret).
 */
#ifndef D1_CORE_FILE_H
#define D1_CORE_FILE_H

#include <stddef.h>

#include "core/err.h"

/*
 * Read all of `path`, `max` octets at most, with a NUL behind. Returns 0, D1_ETOOLARGE or -errno,
 * with path, reason and what to do in *error.
 */
int d1_file_read(const char *path, size_t max, char **ret_text, size_t *ret_length,
                 struct d1_error *error);

/*
 * Put `text` in place of what `path` holds, whole or not at all, readable by our own user only.
 * Returns 0 or -errno with the story in *error.
 */
int d1_file_replace(const char *path, const void *text, size_t length, struct d1_error *error);

#endif /* D1_CORE_FILE_H */
