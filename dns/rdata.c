#include "dns/rdata.h"

#include <string.h>

#include "core/attr.h"
#include "dns/name.h"

#define TYPE_NAPTR          35
#define NAPTR_NUMBERS_BYTES 4
#define NAPTR_STRINGS       3

/* Where names stand in rdata: behind `before` octets, `names` of them, then octets again. */
struct layout {
    uint16_t type;
    uint8_t before;
    uint8_t names;
};

static const struct layout layouts[] = {
    {2, 0, 1},  /* NS */
    {3, 0, 1},  /* MD */
    {4, 0, 1},  /* MF */
    {5, 0, 1},  /* CNAME */
    {6, 0, 2},  /* SOA */
    {7, 0, 1},  /* MB */
    {8, 0, 1},  /* MG */
    {9, 0, 1},  /* MR */
    {12, 0, 1}, /* PTR */
    {14, 0, 2}, /* MINFO */
    {15, 2, 1}, /* MX */
    {17, 0, 2}, /* RP */
    {18, 2, 1}, /* AFSDB */
    {21, 2, 1}, /* RT */
    {26, 2, 2}, /* PX */
    {33, 6, 1}, /* SRV */
    {TYPE_NAPTR, NAPTR_NUMBERS_BYTES, 1},
    {36, 2, 1}, /* KX */
    {39, 0, 1}, /* DNAME */
};

/* Octets before the first name of NAPTR: numbers and three character-strings (RFC 3403, 4.1). */
static size_t naptr_before(const uint8_t *rdata, size_t length) {
    size_t at = NAPTR_NUMBERS_BYTES;
    for (unsigned i = 0; i < NAPTR_STRINGS && at < length; i++) {
        at += rdata[at] + 1U;
    }
    return at < length ? at : length;
}

/* Where the names that begin at `at` end; the length octets are the same with and without case. */
static size_t names_end(const uint8_t *rdata, size_t length, size_t at, unsigned names) {
    while (names > 0 && at < length) {
        names -= rdata[at] == 0;
        at += rdata[at] + 1U;
    }
    return at < length ? at : length;
}

bool d1_rdata_equal(uint16_t type, const uint8_t *left, size_t left_length, const uint8_t *right,
                    size_t right_length) {
    if (left_length != right_length) {
        return false;
    }
    size_t start = left_length;
    size_t end = left_length;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(layouts); i++) {
        if (layouts[i].type == type && layouts[i].before < left_length) {
            start = type == TYPE_NAPTR ? naptr_before(left, left_length) : layouts[i].before;
            end = names_end(left, left_length, start, layouts[i].names);
        }
    }
    if (memcmp(left, right, start) != 0 ||
        memcmp(left + end, right + end, left_length - end) != 0) {
        return false;
    }
    for (size_t i = start; i < end; i++) {
        if (d1_name_fold(left[i]) != d1_name_fold(right[i])) {
            return false;
        }
    }
    return true;
}
