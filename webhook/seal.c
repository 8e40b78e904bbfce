#include "webhook/seal.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"

#define VERSION     1 /* First octet of a box. */
#define KEY_BYTES   32
#define PLACE_BYTES (D1_TOKEN_NAME_MAX + 1 + D1_NAME_TEXT_MAX)

static const char salt[] = "dns01d account store 1";

/* HKDF-SHA-256 to 32 octets. Returns 0 or D1_EINTERNAL. */
static int derive(const void *secret, size_t length, const char *info, size_t info_length,
                  uint8_t ret_key[KEY_BYTES]) {
    /* OpenSSL takes them as not constant, and changes none. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt,
                                          sizeof(salt) - 1),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info,
                                          info_length),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good = context != NULL && EVP_KDF_derive(context, ret_key, KEY_BYTES, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good ? D1_OK : D1_EINTERNAL;
}

int d1_seal_root(const void *secret, size_t length, struct d1_seal_root *ret_root) {
    return derive(secret, length, "root", 4, ret_root->octets);
}

/* Token, NUL, domain: neither holds a NUL. */
static size_t write_place(const struct d1_seal_place *place, char ret_text[PLACE_BYTES]) {
    int length = snprintf(ret_text, PLACE_BYTES, "%s%c%s", place->token, 0, place->domain);
    assert(length > 0 && length < PLACE_BYTES);
    return (size_t)length;
}

/* A context with the key, the nonce and what is bound, or NULL. */
static EVP_CIPHER_CTX *begin(const struct d1_seal_place *place, const uint8_t *nonce,
                             bool encrypts) {
    char text[PLACE_BYTES];
    uint8_t key[KEY_BYTES];
    int unused;
    size_t length = write_place(place, text);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context != NULL && derive(place->root->octets, sizeof(place->root->octets), text,
                                          length, key) == D1_OK;
    good = good &&
           EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, encrypts ? 1 : 0) == 1 &&
           EVP_CipherUpdate(context, NULL, &unused, (const uint8_t *)text, (int)length) == 1;
    d1_wipe(key, sizeof(key));
    if (!good) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

int d1_seal_close(const struct d1_seal_place *place, const void *plain, size_t length,
                  uint8_t *ret_box) {
    assert(length <= D1_SEALED_BYTES_MAX);
    uint8_t *nonce = ret_box + 1;
    uint8_t *text = nonce + D1_SEAL_NONCE_BYTES;
    int done = 0;
    int last = 0;
    ret_box[0] = VERSION;
    int err = d1_random(nonce, D1_SEAL_NONCE_BYTES);
    EVP_CIPHER_CTX *context = err == D1_OK ? begin(place, nonce, true) : NULL;
    if (err == D1_OK &&
        (context == NULL || EVP_CipherUpdate(context, text, &done, plain, (int)length) != 1 ||
         EVP_CipherFinal_ex(context, text + done, &last) != 1 ||
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, D1_SEAL_TAG_BYTES, text + length) !=
             1)) {
        err = D1_EINTERNAL;
    }
    EVP_CIPHER_CTX_free(context);
    return err;
}

int d1_seal_open(const struct d1_seal_place *place, const uint8_t *box, size_t length,
                 void *ret_plain) {
    if (length < D1_SEAL_MORE_BYTES || length > D1_SEALED_BYTES_MAX || box[0] != VERSION) {
        return D1_ENOTFOUND;
    }
    const uint8_t *nonce = box + 1;
    const uint8_t *text = nonce + D1_SEAL_NONCE_BYTES;
    size_t plain_length = length - D1_SEAL_MORE_BYTES;
    uint8_t tag[D1_SEAL_TAG_BYTES];
    uint8_t *plain = ret_plain;
    int done = 0;
    int last = 0;
    memcpy(tag, text + plain_length, sizeof(tag));
    EVP_CIPHER_CTX *context = begin(place, nonce, false);
    bool good = context != NULL &&
                EVP_CipherUpdate(context, plain, &done, text, (int)plain_length) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
                EVP_CipherFinal_ex(context, plain + done, &last) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!good) {
        d1_wipe(ret_plain, plain_length);
    }
    return good ? D1_OK : D1_ENOTFOUND;
}
