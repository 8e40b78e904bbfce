/*
 * Keyed hash for tables whose keys strangers choose, random octets, and constant-time comparison.
 *
 * The hash multiplies 64-bit words (as wyhash does), and every constant of it is secret and random
 * per key, so that nobody can choose names that collide. It is no MAC: for authentication use
 * OpenSSL. docs/decisions/0003 says why not SipHash.
 *
 * Threads: pure functions.
 */
#ifndef D1_CORE_HASH_H
#define D1_CORE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"

struct d1_hash_key {
    uint64_t word[6];
};

/* A key from the kernel's random source. Returns 0 or -errno. */
int d1_hash_key_init(struct d1_hash_key *key) D1_MUST_CHECK;

/* `length` random octets from the kernel (getrandom). Returns 0 or -errno. */
int d1_random(void *bytes, size_t length) D1_MUST_CHECK;

/* Compare secrets: the time taken depends on `length` only. */
bool d1_equal_secret(const void *a, const void *b, size_t length);

static inline uint64_t d1_hash_mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t d1_hash_load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Hash of `length` octets. Reads nothing beyond them. */
static inline uint64_t d1_hash(const struct d1_hash_key *key, const void *data, size_t length) {
    const uint8_t *at = data;
    size_t left = length;
    uint64_t state = key->word[0] ^ length;
    while (left > 16) {
        state = d1_hash_mix(d1_hash_load(at) ^ state ^ key->word[1],
                            d1_hash_load(at + 8) ^ key->word[2]);
        at += 16;
        left -= 16;
    }
    uint64_t low = 0;
    uint64_t high = 0;
    if (left >= 8) {
        low = d1_hash_load(at);
        high = d1_hash_load(at + left - 8);
    } else if (left >= 4) {
        uint32_t a;
        uint32_t b;
        memcpy(&a, at, 4);
        memcpy(&b, at + left - 4, 4);
        low = a;
        high = b;
    } else if (left > 0) {
        low = (uint64_t)at[0] | (uint64_t)at[left / 2] << 8 | (uint64_t)at[left - 1] << 16;
    }
    state = d1_hash_mix(low ^ state ^ key->word[3], high ^ key->word[4]);
    return d1_hash_mix(state ^ key->word[5], length ^ key->word[1]);
}

#endif /* D1_CORE_HASH_H */
