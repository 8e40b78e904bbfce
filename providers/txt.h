/*
 * The presentation form of TXT data (RFC 1035, 5.1), as DNS hosts' APIs take and give it: one or
 * more quoted strings, which together are one value.
 *
 * Threads: pure functions.
 * Memory: results are appended to the caller's buffer.
 */
#ifndef D1_PROVIDERS_TXT_H
#define D1_PROVIDERS_TXT_H

#include "core/attr.h"

struct d1_bytes;

/* Append the value in quotes, in strings of 255 octets at most, `"` and `\` escaped. */
int d1_txt_quote(const char *value, struct d1_bytes *out) D1_MUST_CHECK;

/*
 * Append what quoted strings say, joined; a text that does not begin with a quote is appended as it
 * is. What cannot be read as quoted strings is appended as it is, too.
 */
int d1_txt_unquote(const char *text, struct d1_bytes *out) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_TXT_H */
