#include "http/authority.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/mem.h"
#include "http/tlsinternal.h"

struct d1_tls_authority {
    uint64_t id; /* Random: tells apart what followed another at the same address. */
    X509_STORE *store;
    STACK_OF(X509) * anchors;
};

static int add_anchor(struct d1_tls_authority *authority, X509 *certificate) {
    if (sk_X509_push(authority->anchors, certificate) <= 0) {
        X509_free(certificate);
        return -ENOMEM;
    }
    return X509_STORE_add_cert(authority->store, certificate) == 1 ? D1_OK : -ENOMEM;
}

static int read_anchors(struct d1_tls_authority *authority, BIO *pem, struct d1_error *error) {
    for (;;) {
        ERR_clear_error();
        X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        int count = sk_X509_num(authority->anchors);
        if (certificate == NULL) {
            bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            ERR_clear_error();
            if (end && count > 0) {
                return D1_OK;
            }
            return d1_error_set(error, D1_ECONFIG,
                                end ? "holds no certificate in PEM"
                                    : "holds a certificate that cannot be read");
        }
        if (count >= D1_TLS_AUTHORITIES_MAX) {
            X509_free(certificate);
            return d1_error_set(error, D1_ECONFIG, "holds more than %d certificates",
                                D1_TLS_AUTHORITIES_MAX);
        }
        int err = add_anchor(authority, certificate);
        if (err != D1_OK) {
            return err;
        }
    }
}

int d1_tls_authority_create(const void *pem, size_t length, struct d1_tls_authority **ret_authority,
                            struct d1_error *error) {
    if (length > D1_TLS_PEM_BYTES_MAX) {
        return d1_error_set(error, D1_ECONFIG, "is larger than %d octets", D1_TLS_PEM_BYTES_MAX);
    }
    struct d1_tls_authority *authority = d1_calloc(1, sizeof(*authority));
    if (authority == NULL) {
        return -ENOMEM;
    }
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    authority->store = X509_STORE_new();
    authority->anchors = sk_X509_new_null();
    int err = d1_random(&authority->id, sizeof(authority->id));
    if (err == D1_OK && (bio == NULL || authority->store == NULL || authority->anchors == NULL)) {
        err = -ENOMEM;
    }
    err = err != D1_OK ? err : read_anchors(authority, bio, error);
    BIO_free(bio);
    if (err != D1_OK) {
        d1_tls_authority_destroy(authority);
        return err;
    }
    *ret_authority = authority;
    return D1_OK;
}

void d1_tls_authority_destroy(struct d1_tls_authority *authority) {
    if (authority != NULL) {
        X509_STORE_free(authority->store);
        sk_X509_pop_free(authority->anchors, X509_free);
        d1_free(authority);
    }
}

bool d1_tls_authority_shares(const struct d1_tls_authority *a, const struct d1_tls_authority *b) {
    for (int i = 0; i < sk_X509_num(a->anchors); i++) {
        for (int j = 0; j < sk_X509_num(b->anchors); j++) {
            if (X509_cmp(sk_X509_value(a->anchors, i), sk_X509_value(b->anchors, j)) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The one common name; false when there are several, or it is too long or holds a NUL. */
static bool read_name(const X509 *certificate, char ret_name[D1_TLS_NAME_MAX + 1]) {
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ret_name[0] = '\0';
    if (at < 0) {
        return true;
    }
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return false;
    }
    unsigned char *text = NULL;
    int length =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool fine = length >= 0 && length <= D1_TLS_NAME_MAX && memchr(text, 0, (size_t)length) == NULL;
    if (fine) {
        memcpy(ret_name, text, (size_t)length);
        ret_name[length] = '\0';
    }
    OPENSSL_free(text);
    return fine;
}

static bool verify(const struct d1_tls_authority *authority, SSL *ssl, X509 *certificate,
                   int64_t wall_ms) {
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool fine = context != NULL && X509_STORE_CTX_init(context, authority->store, certificate,
                                                       SSL_get_peer_cert_chain(ssl)) == 1;
    if (fine) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
        X509_VERIFY_PARAM_set_auth_level(param, 1);
        /* As Go: a certificate of the bundle is an anchor, also if it is not its own issuer. */
        fine = X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
               X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1 &&
               X509_verify_cert(context) == 1;
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return fine;
}

int d1_tls_authority_check(const struct d1_tls_authority *authority, struct d1_tls_stream *stream,
                           int64_t wall_ms, char ret_name[D1_TLS_NAME_MAX + 1]) {
    struct d1_tls_proof *proof = d1_tls_stream_proof(stream);
    if (proof->authority == authority->id && wall_ms >= proof->from_ms &&
        wall_ms < proof->from_ms + D1_TLS_PROVEN_MS) {
        memcpy(ret_name, proof->name, sizeof(proof->name));
        return D1_OK;
    }
    SSL *ssl = d1_tls_stream_ssl(stream);
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    struct d1_tls_proof fresh = {.authority = authority->id, .from_ms = wall_ms};
    if (certificate == NULL || !verify(authority, ssl, certificate, wall_ms) ||
        !read_name(certificate, fresh.name)) {
        return D1_EUNAUTHORIZED;
    }
    *proof = fresh;
    memcpy(ret_name, fresh.name, sizeof(fresh.name));
    return D1_OK;
}
