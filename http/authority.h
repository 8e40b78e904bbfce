/*
 * Authorities for clients' certificates: whether the client at the other end of a TLS connection is
 * one that they vouch for, and by which name.
 *
 * Threads: an authority is immutable after create; a stream belongs to its thread.
 * Memory: create copies everything.
 * Limits: D1_TLS_AUTHORITIES_MAX certificates of D1_TLS_PEM_BYTES_MAX octets.
 */
#ifndef D1_HTTP_AUTHORITY_H
#define D1_HTTP_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"

struct d1_error;
struct d1_tls_authority;
struct d1_tls_stream;

/*
 * Authorities from PEM text, each certificate in it an anchor of its own. Returns 0, D1_ECONFIG
 * (what is wrong: *error), -ENOMEM or -errno.
 */
int d1_tls_authority_create(const void *pem, size_t length, struct d1_tls_authority **ret_authority,
                            struct d1_error *error);

/* NULL is allowed. */
void d1_tls_authority_destroy(struct d1_tls_authority *authority);

/* Whether both hold the same certificate. */
bool d1_tls_authority_shares(const struct d1_tls_authority *a, const struct d1_tls_authority *b);

/*
 * Whether the client showed a certificate that is valid at that Unix time, for client
 * authentication, and has a chain to one of these authorities. Its key was proven in the handshake.
 * On 0, *ret_name is its subject's common name ("" without). Returns 0 or D1_EUNAUTHORIZED. What was
 * found is remembered with the stream for D1_TLS_PROVEN_MS.
 */
int d1_tls_authority_check(const struct d1_tls_authority *authority, struct d1_tls_stream *stream,
                           int64_t wall_ms, char ret_name[D1_TLS_NAME_MAX + 1]);

#endif /* D1_HTTP_AUTHORITY_H */
