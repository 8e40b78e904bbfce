/*
 * Small conversions between octets, numbers, times and text, each strict: what is not exactly the
 * stated form is an error.
 *
 * Threads: pure functions.
 * Memory: results go to the caller's buffer, whose size is stated; nothing is allocated.
 */
#ifndef D1_CORE_TEXT_H
#define D1_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

#define D1_UUID_TEXT_BYTES     37 /* With NUL. */
#define D1_RFC3339_BYTES       25 /* "2026-11-22T01:02:03.456Z" and NUL. */
#define D1_SHA256_BYTES        32
#define D1_DURATION_TEXT_BYTES 24

/* Octets of base64 text for `length` octets, padding and NUL included. */
#define D1_BASE64_BYTES(length) (((length) + 2) / 3 * 4 + 1)

/* RFC 4648, 5, without padding, NUL-terminated. Returns the text's length. */
size_t d1_base64url_encode(const void *bytes, size_t length, char *ret_text, size_t size);

/* RFC 4648, 4, padded, NUL-terminated. Returns the text's length. */
size_t d1_base64_encode(const void *bytes, size_t length, char *ret_text, size_t size);

/*
 * Decode base64 (RFC 4648, 4) or base64url (5), padded or not, either alphabet, no white space.
 * Returns 0 and *ret_length, D1_EPARSE, or D1_ETOOLARGE when `size` octets do not hold it.
 */
int d1_base64_decode(const char *text, size_t length, void *ret_bytes, size_t size,
                     size_t *ret_length) D1_MUST_CHECK;

/* Lower-case hex, NUL-terminated: 2 * length + 1 octets. */
void d1_hex_encode(const void *bytes, size_t length, char *ret_text);

/* `length` hex digits of either case, an even number, as length / 2 octets. Returns 0 or D1_EPARSE. */
int d1_hex_decode(const char *text, size_t length, void *ret_bytes) D1_MUST_CHECK;

/* A random UUID, version 4 (RFC 9562, 5.4). Returns 0 or -errno. */
int d1_uuid_make(char ret_text[D1_UUID_TEXT_BYTES]) D1_MUST_CHECK;

/*
 * Read a UUID in any form Go's uuid.Parse takes ("xxxxxxxx-xxxx-...", "urn:uuid:...", "{...}",
 * 32 hex digits; any case) and write its plain lower-case form. Returns 0 or D1_EPARSE.
 */
int d1_uuid_parse(const char *text, size_t length, char ret_text[D1_UUID_TEXT_BYTES]) D1_MUST_CHECK;

/* Unix milliseconds as RFC 3339 in UTC with milliseconds. */
void d1_time_format(int64_t wall_ms, char ret_text[D1_RFC3339_BYTES]);

/* "30s", "10m", "24h", "7d" (also "500ms"): a whole number and one unit. Returns 0 or D1_EPARSE. */
int d1_duration_parse(const char *text, int64_t *ret_ms) D1_MUST_CHECK;

/* The shortest such text that is exact. */
void d1_duration_format(int64_t ms, char ret_text[D1_DURATION_TEXT_BYTES]);

/* A decimal number without sign, in min..max. Returns 0 or D1_EPARSE. */
int d1_number_parse(const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_value) D1_MUST_CHECK;

/*
 * SHA-256 of domain, one zero octet, and the octets: "domain-separated", so that a stored hash of
 * one kind of secret is never valid as another. Returns 0 or D1_EINTERNAL.
 */
int d1_sha256(const char *domain, const void *bytes, size_t length,
              uint8_t ret_digest[D1_SHA256_BYTES]) D1_MUST_CHECK;

/*
 * base64url(SHA-256(octets)) without padding, NUL-terminated: 43 characters. What DNS-01 publishes
 * of a key authorization (RFC 8555, 8.4). Returns 0 or D1_EINTERNAL.
 */
int d1_sha256_base64url(const void *bytes, size_t length,
                        char ret_text[D1_BASE64_BYTES(D1_SHA256_BYTES)]) D1_MUST_CHECK;

#endif /* D1_CORE_TEXT_H */
