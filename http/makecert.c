#include "http/makecert.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"

#define SUBJECT    "dns01d webhook" /* A server's name stands in its alternative names. */
#define SERIAL_BIT 127              /* RFC 5280, 4.1.2.2: 20 octets at most; random, positive. */

struct extension {
    int nid;
    const char *value;
};

void d1_tls_pair_close(struct d1_tls_pair *pair) {
    d1_free(pair->certificate);
    if (pair->key != NULL) {
        d1_wipe(pair->key, strlen(pair->key));
        d1_free(pair->key);
    }
    *pair = (struct d1_tls_pair){.key = NULL};
}

/* What was written to a memory BIO, which is freed. */
static char *take_text(BIO *bio, bool written) {
    char *data = NULL;
    long length = bio != NULL ? BIO_get_mem_data(bio, &data) : 0;
    char *text = written && length > 0 ? d1_strndup(data, (size_t)length) : NULL;
    if (data != NULL) {
        d1_wipe(data, (size_t)length);
    }
    BIO_free(bio);
    return text;
}

static char *key_text(EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    return take_text(bio, bio != NULL &&
                              PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
}

/* The pair of a key and a text; takes both over. */
static int make_pair(char *certificate, EVP_PKEY *key, struct d1_tls_pair *ret_pair) {
    struct d1_tls_pair pair = {.certificate = certificate,
                               .key = key != NULL ? key_text(key) : NULL};
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (pair.certificate == NULL || pair.key == NULL) {
        d1_tls_pair_close(&pair);
        return D1_EINTERNAL;
    }
    *ret_pair = pair;
    return D1_OK;
}

static bool add_name(X509_NAME *subject, const char *name) {
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1;
}

static bool set_serial(X509 *certificate) {
    BIGNUM *number = BN_new();
    bool fine = number != NULL &&
                BN_rand(number, SERIAL_BIT, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return fine;
}

static bool add_extensions(X509 *certificate, X509 *issuer, const struct extension *extensions,
                           size_t count) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    bool fine = true;
    for (size_t i = 0; fine && i < count; i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value);
        fine = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
    }
    return fine;
}

/* All but extensions and signature. */
static X509 *make_certificate(EVP_PKEY *key, const char *name, int64_t from_ms, int64_t until_ms) {
    X509 *certificate = X509_new();
    bool fine = certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                set_serial(certificate) &&
                ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(from_ms / 1000)) != NULL &&
                ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(until_ms / 1000)) != NULL &&
                add_name(X509_get_subject_name(certificate), name) &&
                X509_set_pubkey(certificate, key) == 1;
    if (!fine) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static char *certificate_text(X509 *certificate) {
    BIO *bio = BIO_new(BIO_s_mem());
    return take_text(bio, bio != NULL && PEM_write_bio_X509(bio, certificate) == 1);
}

int d1_tls_make_authority(const char *name, int64_t from_ms, int64_t until_ms,
                          struct d1_tls_pair *ret_pair) {
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? make_certificate(key, name, from_ms, until_ms) : NULL;
    bool fine = certificate != NULL &&
                X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
                add_extensions(certificate, certificate, extensions, D1_ARRAY_LENGTH(extensions)) &&
                X509_sign(certificate, key, EVP_sha256()) > 0;
    char *text = fine ? certificate_text(certificate) : NULL;
    X509_free(certificate);
    return make_pair(text, key, ret_pair);
}

static BIO *bio_of(const char *text) {
    return text != NULL ? BIO_new_mem_buf(text, -1) : NULL;
}

static X509 *read_certificate(const char *pem) {
    BIO *bio = bio_of(pem);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

static EVP_PKEY *read_key(const char *pem) {
    char none[] = ""; /* Nobody is there to ask for a passphrase. */
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, none) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

int d1_tls_make_server(const struct d1_tls_pair *authority, const char *dns_name, int64_t from_ms,
                       int64_t until_ms, struct d1_tls_pair *ret_pair) {
    char alternative[D1_NAME_TEXT_MAX];
    snprintf(alternative, sizeof(alternative), "DNS:%s", dns_name);
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_alt_name, alternative},
        {NID_authority_key_identifier, "keyid"},
    };
    X509 *issuer = read_certificate(authority->certificate);
    EVP_PKEY *issuer_key = read_key(authority->key);
    if (issuer == NULL || issuer_key == NULL || X509_check_private_key(issuer, issuer_key) != 1) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
        ERR_clear_error();
        return D1_ECONFIG;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? make_certificate(key, SUBJECT, from_ms, until_ms) : NULL;
    bool fine = certificate != NULL &&
                X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
                add_extensions(certificate, issuer, extensions, D1_ARRAY_LENGTH(extensions)) &&
                X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
    char *text = fine ? certificate_text(certificate) : NULL;
    X509_free(certificate);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    return make_pair(text, key, ret_pair);
}

static bool add_request_name(X509_REQ *request, const char *dns_name) {
    char alternative[D1_NAME_TEXT_MAX];
    snprintf(alternative, sizeof(alternative), "DNS:%s", dns_name);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
    bool pushed = extensions != NULL && extension != NULL &&
                  sk_X509_EXTENSION_push(extensions, extension) > 0;
    if (!pushed) {
        X509_EXTENSION_free(extension);
    }
    bool fine = pushed && X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return fine;
}

int d1_tls_make_request(const char *dns_name, struct d1_tls_pair *ret_pair) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    bool fine = key != NULL && request != NULL &&
                X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                add_name(X509_REQ_get_subject_name(request), SUBJECT) &&
                add_request_name(request, dns_name) && X509_REQ_set_pubkey(request, key) == 1 &&
                X509_REQ_sign(request, key, EVP_sha256()) > 0;
    BIO *bio = fine ? BIO_new(BIO_s_mem()) : NULL;
    char *text = take_text(bio, bio != NULL && PEM_write_bio_X509_REQ(bio, request) == 1);
    X509_REQ_free(request);
    return make_pair(text, key, ret_pair);
}

int d1_tls_pem_times(const char *pem, int64_t *ret_from_ms, int64_t *ret_until_ms) {
    X509 *certificate = read_certificate(pem);
    struct tm from;
    struct tm until;
    bool fine = certificate != NULL &&
                ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) == 1 &&
                ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) == 1;
    X509_free(certificate);
    if (!fine) {
        return D1_EPARSE;
    }
    *ret_from_ms = (int64_t)timegm(&from) * 1000;
    *ret_until_ms = (int64_t)timegm(&until) * 1000;
    return D1_OK;
}
