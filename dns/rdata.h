/*
 * Rdata in wire form, uncompressed.
 *
 * Threads: pure functions.
 * Limits: nothing beyond the given lengths is read; malformed rdata is compared octet for octet.
 */
#ifndef D1_DNS_RDATA_H
#define D1_DNS_RDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether two records of one type have the same rdata: names in the types of RFC 1035 and in those
 * that RFC 4034, 6.2 lists are compared without letter case, all else as it is (RFC 3597, 6).
 */
bool d1_rdata_equal(uint16_t type, const uint8_t *left, size_t left_length, const uint8_t *right,
                    size_t right_length);

#endif /* D1_DNS_RDATA_H */
