/*
 * JSON pointers (RFC 6901) with two additions for lists: a segment `*` stands for every element of
 * an array or member of an object, and `[member=value]` for the first element of an array whose
 * member has that text.
 *
 * Threads: pure functions.
 * Memory: what is found is borrowed from the document.
 * Limits: D1_POINTER_TEXT_MAX octets, D1_POINTER_SEGMENTS_MAX segments, D1_POINTER_FOUND_MAX finds.
 */
#ifndef D1_PROVIDERS_POINTER_H
#define D1_PROVIDERS_POINTER_H

#include <jansson.h>
#include <stdbool.h>

#include "core/attr.h"

#define D1_POINTER_TEXT_MAX     512
#define D1_POINTER_SEGMENTS_MAX 16
#define D1_POINTER_FOUND_MAX    65536
#define D1_POINTER_NUMBER_BYTES 32 /* A number as text, with NUL. */

/* Whether text is a pointer; `stars`: whether `*` may stand in it. */
bool d1_pointer_valid(const char *text, bool stars);

/* What the pointer leads to, or NULL when nothing is there. `*` takes the first element. */
json_t *d1_pointer_get(const json_t *document, const char *text);

/*
 * Append all that the pointer leads to (borrowed references become the list's own) to the array
 * `list`. Returns 0, D1_ELIMIT or -ENOMEM.
 */
int d1_pointer_all(const json_t *document, const char *text, json_t *list) D1_MUST_CHECK;

/*
 * A string, a number or a boolean as text; NULL for all else. The text is the value's own or stands
 * in `room`.
 */
const char *d1_pointer_text(const json_t *value, char room[D1_POINTER_NUMBER_BYTES]);

#endif /* D1_PROVIDERS_POINTER_H */
