/*
 * TLS of the server's listeners: a certificate context, and the place where the newest one stands.
 * TLS 1.2 and 1.3, ciphers with forward secrecy and AEAD, ALPN http/1.1 only; no renegotiation, no
 * compression, no early data. Session tickets are on, and do not outlive their context.
 *
 * Threads: a context is made by one thread and read by all; replace may be called from any.
 * Memory: a d1_tls owns its context. Connections hold a reference on the one they began with.
 * Limits: D1_TLS_CHAIN_MAX certificates of a chain, D1_TLS_AUTHORITIES_MAX of clients.
 */
#ifndef D1_HTTP_TLS_H
#define D1_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct d1_error;
struct d1_tls;
struct d1_tls_context;

/*
 * A context from a PEM chain, the server's certificate first. Returns 0, D1_ECONFIG with what is
 * wrong in *error, or -ENOMEM.
 */
int d1_tls_context_create(const void *chain, size_t length, struct d1_tls_context **ret_context,
                          struct d1_error *error);

/*
 * The PEM key that belongs to the certificate, without a passphrase. Once, before the context is
 * used. Returns 0, or D1_ECONFIG with what is wrong in *error.
 */
int d1_tls_context_set_key(struct d1_tls_context *context, const void *key, size_t length,
                           struct d1_error *error);

/*
 * Ask clients for a certificate that one of these vouches for, directly or through those it sends;
 * `required`: without one nobody is let in, else only those who show a bad one are not. Each
 * certificate of the PEM text is trusted by itself: a root, one below it, or a client's own. Once, before the context is used.
 * Returns 0, D1_ECONFIG with what is wrong in *error, or -ENOMEM.
 */
int d1_tls_context_set_clients(struct d1_tls_context *context, const void *authorities,
                               size_t length, bool required, struct d1_error *error);

/*
 * Whether the certificate is valid at that Unix time. Returns 0, or D1_ECONFIG with the story ("has
 * expired on ...") in *error.
 */
int d1_tls_context_check_time(const struct d1_tls_context *context, int64_t wall_ms,
                              struct d1_error *error);

/*
 * Ask clients for a certificate, which they may leave out. Whatever they show is taken: who relies on
 * it checks it (http/authority.h). There are no session tickets then, so that each connection proves
 * its key. Once, before the context is used.
 */
void d1_tls_context_ask_client(struct d1_tls_context *context);

/* When the certificate ends, as Unix time. */
int64_t d1_tls_context_until_ms(const struct d1_tls_context *context);

/* NULL is allowed. */
void d1_tls_context_destroy(struct d1_tls_context *context);

/*
 * Takes the context over, also when it fails. NULL: nobody is answered until a replace. Returns 0 or
 * -ENOMEM.
 */
int d1_tls_create(struct d1_tls_context *context, struct d1_tls **ret_tls);

/* New connections begin with this context, which is taken over; those that are open go on. */
void d1_tls_replace(struct d1_tls *tls, struct d1_tls_context *context);

/* After the last stream. NULL is allowed. */
void d1_tls_destroy(struct d1_tls *tls);

#endif /* D1_HTTP_TLS_H */
