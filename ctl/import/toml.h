/*
 * The part of TOML (v1.0) that acme-dns' config.cfg is written in: tables one level deep, bare and
 * quoted keys, strings on one line, whole numbers, booleans and lists of strings. The rest of TOML is
 * refused, with its line.
 *
 * Threads: one.
 * Limits: D1_TOML_TEXT_MAX octets of a string, D1_TOML_LIST_MAX strings of a list.
 */
#ifndef D1_CTL_IMPORT_TOML_H
#define D1_CTL_IMPORT_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

struct d1_error;

#define D1_TOML_KEY_BYTES 64
#define D1_TOML_TEXT_MAX  4096
#define D1_TOML_LIST_MAX  4096

enum d1_toml_type { D1_TOML_TEXT, D1_TOML_NUMBER, D1_TOML_BOOLEAN, D1_TOML_LIST };

/* One value. A list comes as one call for each string of it, in order. */
struct d1_toml_value {
    const char *table; /* "" before the first one. */
    const char *key;
    size_t line;
    enum d1_toml_type type; /* Of what stands there; D1_TOML_LIST for a string of a list. */
    const char *text;       /* TEXT, LIST: NUL-terminated UTF-8, borrowed for the call. */
    int64_t number;
    bool boolean;
};

/*
 * Call take with each value; it returns 0, or an error that ends the reading. Returns 0, D1_EPARSE
 * with its line in *error, or what take returned.
 */
int d1_toml_read(const char *text, size_t length,
                 int (*take)(const struct d1_toml_value *value, void *arg), void *arg,
                 struct d1_error *error) D1_MUST_CHECK;

#endif /* D1_CTL_IMPORT_TOML_H */
