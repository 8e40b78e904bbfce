#include "http/tls.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <uv.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/tlsinternal.h"

/* TLS 1.2: ECDHE and AEAD only (RFC 9325, 4.2). TLS 1.3 has nothing else. */
#define CIPHERS_12                                               \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"

struct d1_tls_context {
    SSL_CTX *ssl;
    X509 *certificate; /* Borrowed from `ssl`. */
};

struct d1_tls {
    uv_mutex_t lock; /* Of `context`; held while a connection takes its reference. */
    struct d1_tls_context *context;
    BIO_METHOD *methods; /* Outlives contexts, since connections use it. */
};

/* The newest reason of OpenSSL, in words; the queue is empty afterwards. */
static const char *take_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != NULL ? reason : "unknown reason";
}

/* A client that offers protocols, but not ours, is refused (RFC 7301, 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *arg) {
    static const char http11[] = "http/1.1";
    (void)ssl;
    (void)arg;
    for (unsigned at = 0; at < offered_length; at += 1U + offered[at]) {
        unsigned length = offered[at];
        if (length == sizeof(http11) - 1 && length < offered_length - at &&
            memcmp(offered + at + 1, http11, length) == 0) {
            *ret_name = offered + at + 1;
            *ret_length = (unsigned char)length;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *make_context(void) {
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (ssl == NULL) {
        return NULL;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* An idle connection keeps no record buffers. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* Tickets: nothing is kept here. */
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    SSL_CTX_set_max_early_data(ssl, 0);
    if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ssl, CIPHERS_12) != 1) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    return ssl;
}

/* The next certificate of a PEM text: 0, D1_ENOTFOUND at its end, or D1_ECONFIG. */
static int next_certificate(BIO *pem, X509 **ret_certificate, struct d1_error *error) {
    ERR_clear_error();
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    if (certificate != NULL) {
        *ret_certificate = certificate;
        return D1_OK;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return D1_ENOTFOUND;
    }
    return d1_error_set(error, D1_ECONFIG, "holds a certificate that cannot be read (%s)",
                        take_reason());
}

static int use_chain(struct d1_tls_context *context, BIO *pem, struct d1_error *error) {
    X509 *certificate = NULL;
    int err = next_certificate(pem, &certificate, error);
    if (err != D1_OK) {
        return err != D1_ENOTFOUND
                   ? err
                   : d1_error_set(error, D1_ECONFIG,
                                  "holds no certificate, expected PEM: the server's own "
                                  "certificate, then those that vouch for it");
    }
    int taken = SSL_CTX_use_certificate(context->ssl, certificate);
    X509_free(certificate);
    if (taken != 1) {
        return d1_error_set(error, D1_ECONFIG, "cannot be used (%s)", take_reason());
    }
    context->certificate = SSL_CTX_get0_certificate(context->ssl);
    for (unsigned count = 1; (err = next_certificate(pem, &certificate, error)) == D1_OK; count++) {
        if (count >= D1_TLS_CHAIN_MAX || SSL_CTX_add0_chain_cert(context->ssl, certificate) != 1) {
            X509_free(certificate);
            return d1_error_set(error, D1_ECONFIG, "holds a chain that cannot be used (%s)",
                                count >= D1_TLS_CHAIN_MAX ? "too long" : take_reason());
        }
    }
    return err == D1_ENOTFOUND ? D1_OK : err;
}

int d1_tls_context_create(const void *chain, size_t length, struct d1_tls_context **ret_context,
                          struct d1_error *error) {
    if (length > D1_TLS_PEM_BYTES_MAX) {
        return d1_error_set(error, D1_ECONFIG, "is larger than %d octets", D1_TLS_PEM_BYTES_MAX);
    }
    struct d1_tls_context *context = d1_calloc(1, sizeof(*context));
    if (context == NULL) {
        return -ENOMEM;
    }
    context->ssl = make_context();
    BIO *pem = BIO_new_mem_buf(chain, (int)length);
    int err = context->ssl != NULL && pem != NULL ? use_chain(context, pem, error) : -ENOMEM;
    BIO_free(pem);
    if (err != D1_OK) {
        d1_tls_context_destroy(context);
        return err;
    }
    *ret_context = context;
    return D1_OK;
}

/* Nobody is there to ask for a passphrase. */
static int no_passphrase(char *text, int size, int writing, void *arg) {
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

int d1_tls_context_set_key(struct d1_tls_context *context, const void *key, size_t length,
                           struct d1_error *error) {
    if (length > D1_TLS_PEM_BYTES_MAX) {
        return d1_error_set(error, D1_ECONFIG, "is larger than %d octets", D1_TLS_PEM_BYTES_MAX);
    }
    ERR_clear_error();
    BIO *pem = BIO_new_mem_buf(key, (int)length);
    EVP_PKEY *pair = pem != NULL ? PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL) : NULL;
    BIO_free(pem);
    if (pair == NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "holds no key that can be read (%s), expected PEM without a passphrase",
                            take_reason());
    }
    bool fits = X509_check_private_key(context->certificate, pair) == 1;
    if (fits && SSL_CTX_use_PrivateKey(context->ssl, pair) != 1) {
        EVP_PKEY_free(pair);
        return d1_error_set(error, D1_ECONFIG, "holds a key that cannot be used (%s)",
                            take_reason());
    }
    EVP_PKEY_free(pair);
    ERR_clear_error();
    return fits ? D1_OK
                : d1_error_set(error, D1_ECONFIG,
                               "holds another key than the certificate's, expected the one it was "
                               "made with");
}

/* Trusted, and named to clients, which choose their certificate by it. */
static int trust(struct d1_tls_context *context, X509_STORE *store, X509 *authority,
                 struct d1_error *error) {
    bool taken = X509_STORE_add_cert(store, authority) == 1 &&
                 SSL_CTX_add_client_CA(context->ssl, authority) == 1;
    return taken ? D1_OK : d1_error_set(error, D1_ECONFIG, "cannot be used (%s)", take_reason());
}

static int trust_all(struct d1_tls_context *context, X509_STORE *store, BIO *pem,
                     struct d1_error *error) {
    X509 *authority = NULL;
    unsigned count = 0;
    int err = D1_OK;
    while (err == D1_OK && (err = next_certificate(pem, &authority, error)) == D1_OK) {
        err = ++count > D1_TLS_AUTHORITIES_MAX
                  ? d1_error_set(error, D1_ECONFIG, "holds more than %d certificates",
                                 D1_TLS_AUTHORITIES_MAX)
                  : trust(context, store, authority, error);
        X509_free(authority);
    }
    if (err == D1_ENOTFOUND && count == 0) {
        return d1_error_set(error, D1_ECONFIG,
                            "holds no certificate, expected PEM: the authorities that clients' "
                            "certificates were made with");
    }
    return err == D1_ENOTFOUND ? D1_OK : err;
}

int d1_tls_context_set_clients(struct d1_tls_context *context, const void *authorities,
                               size_t length, bool required, struct d1_error *error) {
    static const unsigned char sessions[] = "dns01d";
    if (length > D1_TLS_PEM_BYTES_MAX) {
        return d1_error_set(error, D1_ECONFIG, "is larger than %d octets", D1_TLS_PEM_BYTES_MAX);
    }
    X509_STORE *store = X509_STORE_new();
    BIO *pem = BIO_new_mem_buf(authorities, (int)length);
    int err = store != NULL && pem != NULL ? trust_all(context, store, pem, error) : -ENOMEM;
    BIO_free(pem);
    if (err == D1_OK) {
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        /* Without it no session of a client with a certificate could be resumed. */
        bool set =
            SSL_CTX_set1_verify_cert_store(context->ssl, store) == 1 &&
            SSL_CTX_set_session_id_context(context->ssl, sessions, sizeof(sessions) - 1) == 1;
        err = set ? D1_OK : -ENOMEM;
        SSL_CTX_set_verify_depth(context->ssl, D1_TLS_CHAIN_MAX);
        SSL_CTX_set_verify(
            context->ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    }
    X509_STORE_free(store);
    return err;
}

/* As Unix milliseconds. */
static int64_t time_ms(const ASN1_TIME *time) {
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

int d1_tls_context_check_time(const struct d1_tls_context *context, int64_t wall_ms,
                              struct d1_error *error) {
    int64_t from_ms = time_ms(X509_get0_notBefore(context->certificate));
    int64_t until_ms = time_ms(X509_get0_notAfter(context->certificate));
    char text[D1_RFC3339_BYTES];
    if (wall_ms < from_ms) {
        d1_time_format(from_ms, text);
        return d1_error_set(error, D1_ECONFIG, "is not valid before %s", text);
    }
    if (wall_ms > until_ms) {
        d1_time_format(until_ms, text);
        return d1_error_set(error, D1_ECONFIG, "has expired at %s", text);
    }
    return D1_OK;
}

int64_t d1_tls_context_until_ms(const struct d1_tls_context *context) {
    return time_ms(X509_get0_notAfter(context->certificate));
}

static int take_any(X509_STORE_CTX *store, void *arg) {
    (void)store;
    (void)arg;
    return 1;
}

void d1_tls_context_ask_client(struct d1_tls_context *context) {
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context->ssl, take_any, NULL);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context->ssl, 0);
}

void d1_tls_context_destroy(struct d1_tls_context *context) {
    if (context != NULL) {
        SSL_CTX_free(context->ssl);
        d1_free(context);
    }
}

int d1_tls_create(struct d1_tls_context *context, struct d1_tls **ret_tls) {
    struct d1_tls *tls = d1_calloc(1, sizeof(*tls));
    BIO_METHOD *methods = tls != NULL ? d1_tls_stream_methods() : NULL;
    if (methods == NULL || uv_mutex_init(&tls->lock) != 0) {
        BIO_meth_free(methods);
        d1_free(tls);
        d1_tls_context_destroy(context);
        return -ENOMEM;
    }
    tls->context = context;
    tls->methods = methods;
    *ret_tls = tls;
    return D1_OK;
}

void d1_tls_replace(struct d1_tls *tls, struct d1_tls_context *context) {
    uv_mutex_lock(&tls->lock);
    struct d1_tls_context *old = tls->context;
    tls->context = context;
    uv_mutex_unlock(&tls->lock);
    d1_tls_context_destroy(old);
}

SSL *d1_tls_connect(struct d1_tls *tls, void *bio_data) {
    BIO *bio = BIO_new(tls->methods);
    if (bio == NULL) {
        return NULL;
    }
    uv_mutex_lock(&tls->lock);
    SSL *ssl = tls->context != NULL ? SSL_new(tls->context->ssl) : NULL;
    uv_mutex_unlock(&tls->lock);
    if (ssl == NULL) {
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, bio_data);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return ssl;
}

void d1_tls_destroy(struct d1_tls *tls) {
    if (tls != NULL) {
        uv_mutex_destroy(&tls->lock);
        d1_tls_context_destroy(tls->context);
        BIO_meth_free(tls->methods);
        d1_free(tls);
    }
}
