/* What http/tls.c, http/tlsstream.c and http/authority.c share. Nobody else includes it. */
#ifndef D1_HTTP_TLSINTERNAL_H
#define D1_HTTP_TLSINTERNAL_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "core/limits.h"

struct d1_tls;
struct d1_tls_stream;

/* The methods of a stream's BIO; their data is the stream (tlsstream.c). NULL without memory. */
BIO_METHOD *d1_tls_stream_methods(void);

/* A connection with the newest context and a BIO of its own, or NULL without memory. */
SSL *d1_tls_connect(struct d1_tls *tls, void *bio_data);

/* What was last found out about the client's certificate. */
struct d1_tls_proof {
    uint64_t authority; /* Whose; 0: nobody's. */
    int64_t from_ms;    /* Unix time. */
    char name[D1_TLS_NAME_MAX + 1];
};

struct d1_tls_proof *d1_tls_stream_proof(struct d1_tls_stream *stream);
SSL *d1_tls_stream_ssl(struct d1_tls_stream *stream);

#endif /* D1_HTTP_TLSINTERNAL_H */
