/*
 * Filters of the template language: each changes the text of a variable.
 *
 * Threads: pure functions.
 * Memory: the text is the caller's buffer, changed in place.
 */
#ifndef D1_PROVIDERS_FILTER_H
#define D1_PROVIDERS_FILTER_H

#include <stddef.h>

#include "providers/template.h"

struct d1_filter_use {
    const struct d1_filter *filter;
    size_t count;
    char arguments[D1_TEMPLATE_ARGUMENTS_MAX][D1_TEMPLATE_ARGUMENT_MAX + 1];
};

struct d1_filter {
    const char *name;
    size_t least; /* Arguments. */
    size_t most;
    bool escapes;      /* What it gives is not escaped again. */
    bool key_variable; /* Its first argument names a variable. */
    int (*apply)(struct d1_template *vars, const struct d1_filter_use *use, struct d1_bytes *text);
};

/* The filter of that name, or NULL. Static. */
const struct d1_filter *d1_filter_find(const char *name);

/* Replace the contents of text. Returns 0 or an error. */
int d1_filter_set(struct d1_bytes *text, const void *octets, size_t length) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_FILTER_H */
