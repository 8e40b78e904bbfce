/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed pseudo-random function, 64 bits of output, for
 * DNS cookies (RFC 9018). Tables use core/hash.h.
 *
 * Threads: pure function.
 */
#ifndef D1_CORE_SIPHASH_H
#define D1_CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define D1_SIPHASH_KEY_BYTES 16

/* SipHash-2-4 of `length` octets. As octets the result stands least significant first. */
uint64_t d1_siphash(const uint8_t key[D1_SIPHASH_KEY_BYTES], const void *data, size_t length);

#endif /* D1_CORE_SIPHASH_H */
