/*
 * Hashes, message authentication and their text forms, by name, for the template language.
 *
 * Threads: pure functions.
 * Memory: results are appended to the caller's buffer.
 */
#ifndef D1_PROVIDERS_SIGN_H
#define D1_PROVIDERS_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

struct d1_bytes;

/* Octets that stand elsewhere. */
struct d1_span {
    const void *octets;
    size_t length;
};

/*
 * Names: md5 sha1 sha256 sha384 sha512; hmac-md5 hmac-sha1 hmac-sha256 hmac-sha384 hmac-sha512;
 * rsa-sha256 rsa-sha512 (PKCS #1 v1.5, RFC 8017, 8.2). *ret_keyed: it takes a key.
 */
bool d1_sign_known(const char *algorithm, bool *ret_keyed);

/*
 * Append the raw digest, MAC or signature of `data`. For rsa-* the key is a private key as PEM.
 * Returns 0, D1_ENOTFOUND (no such algorithm), D1_EPARSE (the key is none), or an error.
 */
int d1_sign(const char *algorithm, struct d1_span key, struct d1_span data,
            struct d1_bytes *out) D1_MUST_CHECK;

/* Forms: raw, hex, b64, b64url (without padding). */
bool d1_sign_form_known(const char *form);
int d1_sign_form(const char *form, struct d1_span data, struct d1_bytes *out) D1_MUST_CHECK;

/* The current code of a base32 secret: 6 digits, 30 s, SHA-1 (RFC 6238). Returns 0 or D1_EPARSE. */
int d1_sign_totp(const char *secret, int64_t unix_s, struct d1_bytes *out) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_SIGN_H */
