/*
 * The `allowfrom` of an acme-dns account: a JSON list of ranges as its clients write it, and the
 * text that is stored (see d1_account.allowfrom).
 *
 * Threads: pure functions.
 * Limits: D1_ALLOWFROM_MAX ranges.
 */
#ifndef D1_WEBHOOK_ALLOWFROM_H
#define D1_WEBHOOK_ALLOWFROM_H

#include <jansson.h>

struct d1_bytes;

/*
 * Read a list; NULL and null are NULL in *ret_text, which is the caller's. Returns NULL, or
 * acme-dns' error code: "malformed_json_payload", "invalid_allowfrom_cidr", "json_error" (no
 * memory).
 */
const char *d1_allowfrom_read(const json_t *ranges, char **ret_text);

/* Append the text as a JSON list. */
void d1_allowfrom_add(struct d1_bytes *body, const char *text);

#endif /* D1_WEBHOOK_ALLOWFROM_H */
