/*
 * One zone text read twice: as it is, and with an empty pair of parentheses behind each plain line, so
 * that ldns reads every record. Both must give the same records or the same error.
 *
 * Threads: pure functions.
 * Limits: D1_ZONEPAIR_BYTES_MAX octets of text.
 */
#ifndef D1_TESTS_LIB_ZONEPAIR_H
#define D1_TESTS_LIB_ZONEPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/name.h"

#define D1_ZONEPAIR_BYTES_MAX 32768

struct d1_zonepair {
    unsigned plain;   /* Lines that the plain way took, each line for itself. */
    unsigned records; /* Records of the whole text before its end or its first error. */
    char why[1200];   /* What differs. */
};

/* Returns whether both readings agree. Longer texts are cut. */
bool d1_zonepair_agree(const void *text, size_t length, const struct d1_name *origin, uint32_t ttl,
                       struct d1_zonepair *ret_pair);

#endif /* D1_TESTS_LIB_ZONEPAIR_H */
