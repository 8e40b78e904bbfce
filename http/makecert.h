/*
 * Making certificates: an authority of our own, certificates of servers from it, and requests for
 * others to sign. Keys are ECDSA P-256.
 *
 * Threads: pure functions.
 * Memory: texts are PEM and the caller's; keys are wiped by d1_tls_pair_close().
 */
#ifndef D1_HTTP_MAKECERT_H
#define D1_HTTP_MAKECERT_H

#include <stdint.h>

struct d1_tls_pair {
    char *certificate; /* Or the request. */
    char *key;
};

/* Wipe and free. */
void d1_tls_pair_close(struct d1_tls_pair *pair);

/* A self-signed authority with that common name. Times are Unix. Returns 0 or D1_EINTERNAL. */
int d1_tls_make_authority(const char *name, int64_t from_ms, int64_t until_ms,
                          struct d1_tls_pair *ret_pair);

/* A certificate for a server with that DNS name. Returns 0, D1_ECONFIG (authority) or D1_EINTERNAL. */
int d1_tls_make_server(const struct d1_tls_pair *authority, const char *dns_name, int64_t from_ms,
                       int64_t until_ms, struct d1_tls_pair *ret_pair);

/* A request (RFC 2986) for a server with that DNS name, and its key. Returns 0 or D1_EINTERNAL. */
int d1_tls_make_request(const char *dns_name, struct d1_tls_pair *ret_pair);

/* From when until when the first certificate of a PEM text is valid. Returns 0 or D1_EPARSE. */
int d1_tls_pem_times(const char *pem, int64_t *ret_from_ms, int64_t *ret_until_ms);

#endif /* D1_HTTP_MAKECERT_H */
