/*
 * DNS cookies (RFC 7873) with the server cookies of RFC 9018: SipHash-2-4 over the client's cookie
 * and address and the time, so that all servers with the same secret understand one another's.
 *
 * Threads: pure functions, no allocation.
 * Limits: D1_COOKIE_SECRETS_MAX secrets are tried.
 */
#ifndef D1_DNS_COOKIE_H
#define D1_DNS_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/siphash.h"

#define D1_COOKIE_CLIENT_BYTES 8  /* RFC 7873, 4. */
#define D1_COOKIE_SERVER_BYTES 16 /* RFC 9018, 4. */
#define D1_COOKIE_BYTES        (D1_COOKIE_CLIENT_BYTES + D1_COOKIE_SERVER_BYTES)
#define D1_COOKIE_BYTES_MAX    40 /* RFC 7873, 4: of any server's. */

/* Cookies are made with the first secret; those made with any of them are accepted. */
struct d1_cookie_secrets {
    size_t count; /* 0: no cookies. */
    uint8_t secret[D1_COOKIE_SECRETS_MAX][D1_SIPHASH_KEY_BYTES];
};

/* Who asks: the octets of an IPv4 or IPv6 address. */
struct d1_cookie_client {
    const uint8_t *address;
    size_t address_length; /* 4 or 16 */
};

/* Whether an option of this length can hold a cookie: 8 octets, or 16 to 40 (RFC 7873, 5.2.2). */
static inline bool d1_cookie_length_ok(size_t length) {
    return length == D1_COOKIE_CLIENT_BYTES ||
           (length >= 2 * D1_COOKIE_CLIENT_BYTES && length <= D1_COOKIE_BYTES_MAX);
}

/*
 * The cookie to answer a query's with, whose length d1_cookie_length_ok took. The one that came is
 * sent back while it is valid, of the first secret and less than half an hour old; else a fresh one
 * is made at `now_s` (Unix time, modulo 2^32). Returns whether the one that came was valid: made by
 * one of our secrets for this client, not longer than an hour ago, and no more than five minutes in
 * the future (RFC 9018, 4.3).
 */
bool d1_cookie_answer(const struct d1_cookie_secrets *secrets, const uint8_t *cookie, size_t length,
                      const struct d1_cookie_client *client, uint32_t now_s,
                      uint8_t ret_cookie[D1_COOKIE_BYTES]);

#endif /* D1_DNS_COOKIE_H */
