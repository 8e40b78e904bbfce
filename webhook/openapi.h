/*
 * The text of openapi.json, minified when it is built, without `servers`.
 *
 * Threads: constant.
 */
#ifndef D1_WEBHOOK_OPENAPI_H
#define D1_WEBHOOK_OPENAPI_H

#include <stddef.h>

extern const unsigned char d1_openapi_text[]; /* One JSON object; no NUL behind it. */
extern const size_t d1_openapi_length;

#endif /* D1_WEBHOOK_OPENAPI_H */
