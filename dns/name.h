/*
 * Domain names in wire form (RFC 1035, 3.1), lower case: one canonical form to compare, hash and
 * store. The case a question was asked in is kept by echoing the question's own octets.
 *
 * Threads: pure functions.
 * Memory: struct d1_name is a plain value; copy it with d1_name_copy(), which moves only the octets
 *   in use.
 * Limits: D1_NAME_OCTETS_MAX octets, labels of 1 to D1_LABEL_OCTETS_MAX. Only A-Z are folded
 *   (RFC 4343): other octets are compared as they are.
 */
#ifndef D1_DNS_NAME_H
#define D1_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"
#include "core/limits.h"

struct d1_reader;

struct d1_name {
    uint8_t length; /* Root label included: the root itself is 1. */
    uint8_t octets[D1_NAME_OCTETS_MAX];
};

/* One octet, folded as DNS does (RFC 4343, 3). */
static inline uint8_t d1_name_fold(uint8_t octet) {
    return (uint8_t)(octet + ((uint8_t)(octet - 'A') < 26 ? 'a' - 'A' : 0));
}

static inline void d1_name_copy(struct d1_name *ret_name, const struct d1_name *name) {
    ret_name->length = name->length;
    memcpy(ret_name->octets, name->octets, name->length);
}

static inline bool d1_name_equal(const struct d1_name *a, const struct d1_name *b) {
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

/*
 * Presentation form (RFC 1035, 5.1) with or without the final dot, `\.` and `\DDD` understood; taken
 * as absolute. "." is the root. Returns 0 or D1_ENAME (empty, label empty or too long, bad escape,
 * too long).
 */
int d1_name_parse(const char *text, size_t length, struct d1_name *ret_name) D1_MUST_CHECK;

/* The same for a NUL-terminated text. */
int d1_name_from_text(const char *text, struct d1_name *ret_name) D1_MUST_CHECK;

/*
 * Presentation form without the final dot ("." for the root), NUL-terminated, special octets
 * escaped. Returns the text's length.
 */
size_t d1_name_to_text(const struct d1_name *name, char ret_text[D1_NAME_TEXT_MAX]);

/*
 * Read an uncompressed name from wire and fold it. Returns 0, or D1_EPARSE for a compression
 * pointer, a label type other than 00, a name that is too long or does not end.
 */
int d1_name_read(struct d1_reader *reader, struct d1_name *ret_name) D1_MUST_CHECK;

/* Labels, the root not counted. */
unsigned d1_name_labels(const struct d1_name *name);

/* Whether name is zone or below it (every name is at or under the root). */
bool d1_name_is_under(const struct d1_name *name, const struct d1_name *zone);

/* The name without its first label; false for the root. ret_parent may be name itself. */
bool d1_name_parent(const struct d1_name *name, struct d1_name *ret_parent);

/* label + name. Returns 0 or D1_ENAME. The label is folded. */
int d1_name_prepend(const char *label, size_t length, const struct d1_name *name,
                    struct d1_name *ret_name) D1_MUST_CHECK;

/* Whether the first label is exactly `label` (given in lower case). */
bool d1_name_first_label_is(const struct d1_name *name, const char *label);

#endif /* D1_DNS_NAME_H */
