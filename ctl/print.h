/*
 * What dns01ctl shows: tables for people, JSON on one line for machines.
 *
 * Text that comes from the network never reaches the terminal with control characters in it: they
 * are shown as '?', and escaped in JSON.
 *
 * Threads: pure functions but for the stream.
 */
#ifndef D1_CTL_PRINT_H
#define D1_CTL_PRINT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

struct d1_ctl_column {
    const char *title;
    const char *key; /* Member of each row; null and absent are shown as "-". */
};

/* An array of objects, with its titles. */
void d1_ctl_print_table(FILE *out, const json_t *rows, const struct d1_ctl_column *columns,
                        size_t columns_count);

/* Text with control characters replaced, padded with blanks to `width` characters. */
void d1_ctl_print_text(FILE *out, const char *text, size_t width);

/* The text of an object's member; "-" where there is none. Borrowed from the object. */
const char *d1_ctl_text_of(const json_t *object, const char *key);

void d1_ctl_print_json(FILE *out, const json_t *value);

#endif /* D1_CTL_PRINT_H */
