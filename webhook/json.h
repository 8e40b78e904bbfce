/*
 * JSON of the front doors: strict reading on jansson, and writing of single-line replies.
 *
 * Reading takes one value and nothing after it. Refused: more than D1_JSON_DEPTH_MAX levels (checked
 * before jansson, which recurses, sees the text), invalid UTF-8, NUL in any form, a key given twice
 * in one object, and, in the object that is read, keys that differ in case only.
 *
 * Threads: pure functions.
 * Memory: what read returns is released with json_decref(). Replies go to the caller's d1_bytes.
 * Limits: D1_JSON_DEPTH_MAX; D1_JSON_KEYS_MAX keys in the object that is read.
 */
#ifndef D1_WEBHOOK_JSON_H
#define D1_WEBHOOK_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct d1_bytes;
struct d1_error;

/* One JSON value of any type. Returns 0, D1_EPARSE (what is wrong: *error) or -ENOMEM. */
int d1_json_read(const void *text, size_t length, json_t **ret_value, struct d1_error *error);

/* Whether a value is an object, with keys that differ in more than case. Returns 0 or D1_EPARSE. */
int d1_json_check_object(json_t *value, struct d1_error *error);

/* Both: the value must be such an object. */
int d1_json_read_object(const void *text, size_t length, json_t **ret_object,
                        struct d1_error *error);

/* The member whose key is `key` whatever its case, or NULL. Borrowed from the object. */
json_t *d1_json_find(const json_t *object, const char *key);

/* D1_EPARSE when the object has a key that is not in the NULL-terminated list (exact case). */
int d1_json_only(const json_t *object, const char *const *keys, struct d1_error *error);

/* Append a JSON string with its quotes. Octets that are no UTF-8 become U+FFFD. */
void d1_json_add(struct d1_bytes *out, const void *octets, size_t length);
void d1_json_add_text(struct d1_bytes *out, const char *text);

/* Append Unix time as an RFC 3339 string; null for 0 ("never"). */
void d1_json_add_time(struct d1_bytes *out, int64_t wall_ms);

#endif /* D1_WEBHOOK_JSON_H */
