/* What http/tls.c and http/tlsstream.c share. Nobody else includes it. */
#ifndef D1_HTTP_TLSINTERNAL_H
#define D1_HTTP_TLSINTERNAL_H

#include <openssl/ssl.h>

struct d1_tls;

/* The methods of a stream's BIO; their data is the stream (tlsstream.c). NULL without memory. */
BIO_METHOD *d1_tls_stream_methods(void);

/* A connection with the newest context and a BIO of its own, or NULL without memory. */
SSL *d1_tls_connect(struct d1_tls *tls, void *bio_data);

#endif /* D1_HTTP_TLSINTERNAL_H */
