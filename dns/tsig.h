/*
 * Transaction signatures (RFC 8945): the TSIG record of a message found, checked and made.
 *
 * Threads: pure functions, but for the count of references of a key, which any thread may change.
 * Memory: a key is freed with its last reference; its secret is wiped. Found records are plain
 *   values, but for `other`, which borrows the message.
 * Limits: MACs of at most D1_TSIG_MAC_MAX octets.
 *
 * Time and MAC are both checked, the MAC first and in constant time. Truncated MACs are refused
 * (5.2.4): no client in use sends them.
 */
#ifndef D1_DNS_TSIG_H
#define D1_DNS_TSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/limits.h"
#include "dns/name.h"

struct d1_writer;

/* RFC 8945, 6. */
enum d1_tsig_algorithm {
    D1_TSIG_HMAC_MD5,
    D1_TSIG_HMAC_SHA1,
    D1_TSIG_HMAC_SHA224,
    D1_TSIG_HMAC_SHA256,
    D1_TSIG_HMAC_SHA384,
    D1_TSIG_HMAC_SHA512,
    D1_TSIG_ALGORITHMS,
};

/* Values of the record's ERROR field (RFC 8945, 3). */
enum d1_tsig_error {
    D1_TSIG_BADSIG = 16,
    D1_TSIG_BADKEY = 17,
    D1_TSIG_BADTIME = 18,
    D1_TSIG_BADTRUNC = 22,
};

#define D1_TSIG_FUDGE_S 300 /* RFC 8945, 10: recommended. */

/* "hmac-md5", "hmac-sha1" ...; ends with NULL, in the order of the enum. */
extern const char *const d1_tsig_algorithm_names[];

struct d1_tsig_key;

/* A key with one reference, the caller's. Returns 0, D1_ENAME (name), D1_EINTERNAL or -ENOMEM. */
int d1_tsig_key_create(const struct d1_name *name, enum d1_tsig_algorithm algorithm,
                       const void *secret, size_t length,
                       struct d1_tsig_key **ret_key) D1_MUST_CHECK;

struct d1_tsig_key *d1_tsig_key_hold(struct d1_tsig_key *key);

/* NULL is allowed. */
void d1_tsig_key_drop(struct d1_tsig_key *key);

const struct d1_name *d1_tsig_key_name(const struct d1_tsig_key *key);

/* Whether the key is one for the algorithm a record names (in wire form, folded). */
bool d1_tsig_key_is_for(const struct d1_tsig_key *key, const struct d1_name *algorithm);

/* A TSIG record as it stands in a message. */
struct d1_tsig {
    size_t at; /* Where it begins; it ends the message. */
    struct d1_name key;
    struct d1_name algorithm;
    uint64_t time_s; /* Unix time, 48 bits. */
    uint16_t fudge_s;
    uint16_t original_id;
    uint16_t error;
    uint16_t other_length;
    uint16_t mac_length;
    const uint8_t *other; /* Borrowed from the message. */
    uint8_t mac[D1_TSIG_MAC_MAX];
};

/*
 * The TSIG record that ends the message. All sections are walked. Returns 0, D1_ENOTFOUND (there is
 * none) or D1_EPARSE: the message is malformed, or has a TSIG record anywhere else, or two, or one
 * whose class is not ANY, whose TTL is not 0 or whose MAC is longer than any (RFC 8945, 5.1, 5.2.2.1).
 */
int d1_tsig_find(const uint8_t *message, size_t length, struct d1_tsig *ret_tsig) D1_MUST_CHECK;

/*
 * Check the message's MAC and time with a key that has its name and algorithm. `request`: what was
 * found in the request that this message answers; NULL for a request. Returns 0, one of enum
 * d1_tsig_error, D1_EPARSE (a MAC of impossible length, 5.2.2.1) or D1_EINTERNAL.
 */
int d1_tsig_verify(const struct d1_tsig_key *key, const uint8_t *message,
                   const struct d1_tsig *tsig, const struct d1_tsig *request,
                   int64_t now_s) D1_MUST_CHECK;

/*
 * End a message with a TSIG record: the writer's start is the message's, and it stands at its end.
 * ARCOUNT is counted up. `request` as above; NULL makes a signed request. `error` goes into the
 * record: BADTIME is signed with the request's time and tells ours (5.2.3); with BADKEY and BADSIG
 * the key may be NULL, and nothing is signed (5.3.2). Returns 0, D1_ETOOLARGE or D1_EINTERNAL, and
 * nothing is written then.
 */
int d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request, unsigned error,
                 int64_t now_s, struct d1_writer *writer) D1_MUST_CHECK;

/* Octets that d1_tsig_sign would add at most, for an answer to that request. */
size_t d1_tsig_bytes(const struct d1_tsig_key *key, const struct d1_tsig *request);

#endif /* D1_DNS_TSIG_H */
