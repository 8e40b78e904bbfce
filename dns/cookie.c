/*
 * A server cookie is version 1, three reserved octets, the time in seconds, and eight octets of
 * hash over client cookie, all before, and client address (RFC 9018, 4.4).
 */
#include "dns/cookie.h"

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "core/hash.h"

#define VERSION        1
#define TIME_AT        4 /* In the server cookie. */
#define HASH_AT        8
#define OLDEST_S       3600
#define RENEW_S        1800
#define FUTURE_S       300
#define ADDRESS_OCTETS 16

/* The hash of what stands in cookie[0..16): client cookie, version, reserved, time. */
static void hash_cookie(const uint8_t *secret, const uint8_t *cookie,
                        const struct d1_cookie_client *client, uint8_t ret_hash[8]) {
    uint8_t input[D1_COOKIE_CLIENT_BYTES + HASH_AT + ADDRESS_OCTETS];
    size_t fixed = D1_COOKIE_CLIENT_BYTES + HASH_AT;
    assert(client->address_length <= ADDRESS_OCTETS);
    memcpy(input, cookie, fixed);
    memcpy(input + fixed, client->address, client->address_length);
    uint64_t hash = d1_siphash(secret, input, fixed + client->address_length);
    for (size_t i = 0; i < 8; i++) {
        ret_hash[i] = (uint8_t)(hash >> (8 * i));
    }
}

/* The index of the secret that made it, or secrets->count. */
static size_t find_secret(const struct d1_cookie_secrets *secrets, const uint8_t *cookie,
                          const struct d1_cookie_client *client) {
    const uint8_t *hash = cookie + D1_COOKIE_CLIENT_BYTES + HASH_AT;
    for (size_t i = 0; i < secrets->count; i++) {
        uint8_t expected[8];
        hash_cookie(secrets->secret[i], cookie, client, expected);
        if (d1_equal_secret(expected, hash, sizeof(expected))) {
            return i;
        }
    }
    return secrets->count;
}

bool d1_cookie_answer(const struct d1_cookie_secrets *secrets, const uint8_t *cookie, size_t length,
                      const struct d1_cookie_client *client, uint32_t now_s,
                      uint8_t ret_cookie[D1_COOKIE_BYTES]) {
    assert(secrets->count > 0 && secrets->count <= D1_COOKIE_SECRETS_MAX);
    const uint8_t *server = cookie + D1_COOKIE_CLIENT_BYTES;
    bool valid = false;
    bool fresh = false;
    if (length == D1_COOKIE_BYTES && server[0] == VERSION) {
        /* Serial arithmetic (RFC 1982): right across the wrap of 32 bits in 2106. */
        int32_t age_s = (int32_t)(now_s - d1_load_u32(server + TIME_AT));
        if (age_s <= OLDEST_S && age_s >= -FUTURE_S) {
            size_t found = find_secret(secrets, cookie, client);
            valid = found < secrets->count;
            fresh = found == 0 && age_s <= RENEW_S;
        }
    }
    if (fresh) {
        memcpy(ret_cookie, cookie, D1_COOKIE_BYTES);
        return true;
    }
    memcpy(ret_cookie, cookie, D1_COOKIE_CLIENT_BYTES);
    uint8_t *made = ret_cookie + D1_COOKIE_CLIENT_BYTES;
    made[0] = VERSION;
    memset(made + 1, 0, TIME_AT - 1); /* Reserved (RFC 9018, 4.2). */
    d1_store_u32(made + TIME_AT, now_s);
    hash_cookie(secrets->secret[0], ret_cookie, client, made + HASH_AT);
    return valid;
}
