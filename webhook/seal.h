/*
 * Sealing: what a token's holder keeps with us, so that nobody but the holder can read it.
 *
 * The key of a box is made by HKDF-SHA-256 (RFC 5869) from the token's secret, the token's name and
 * the domain; the box is AES-256-GCM (NIST SP 800-38D) with a random nonce, and bound to both names.
 * We keep hashes of secrets only, so what is at rest opens for nobody: not for us, before the holder
 * comes again, nor for who takes the database. After the secret was rotated no box opens any more.
 *
 * Threads: pure functions.
 * Memory: results go to the caller's buffers; who holds a root wipes it.
 */
#ifndef D1_WEBHOOK_SEAL_H
#define D1_WEBHOOK_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

#define D1_SEAL_NONCE_BYTES 12
#define D1_SEAL_TAG_BYTES   16
#define D1_SEAL_MORE_BYTES  (1 + D1_SEAL_NONCE_BYTES + D1_SEAL_TAG_BYTES) /* Than the plain text. */

/* What of a secret is enough to seal and open, and for nothing else. */
struct d1_seal_root {
    uint8_t octets[32];
};

/* Whose box it is. */
struct d1_seal_place {
    const struct d1_seal_root *root;
    const char *token;
    const char *domain;
};

/* Returns 0 or D1_EINTERNAL. */
int d1_seal_root(const void *secret, size_t length, struct d1_seal_root *ret_root) D1_MUST_CHECK;

/* Seal `length` octets; ret_box has room for D1_SEAL_MORE_BYTES more. 0, -errno or D1_EINTERNAL. */
int d1_seal_close(const struct d1_seal_place *place, const void *plain, size_t length,
                  uint8_t *ret_box) D1_MUST_CHECK;

/*
 * Open a box of `length` octets; ret_plain has room for D1_SEAL_MORE_BYTES less. Returns 0, or
 * D1_ENOTFOUND: made with another secret, for another place, or damaged.
 */
int d1_seal_open(const struct d1_seal_place *place, const uint8_t *box, size_t length,
                 void *ret_plain) D1_MUST_CHECK;

#endif /* D1_WEBHOOK_SEAL_H */
