#include "providers/sign.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <string.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"

#define TOTP_SECRET_BYTES_MAX 128
#define RSA_BYTES_MAX         1024 /* A signature by a key of 8192 bits. */

static const EVP_MD *digest_of(const char *name) {
    static const char *const names[] = {"md5", "sha1", "sha256", "sha384", "sha512"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return EVP_get_digestbyname(names[i]);
        }
    }
    return NULL;
}

bool d1_sign_known(const char *algorithm, bool *ret_keyed) {
    bool hmac = strncmp(algorithm, "hmac-", 5) == 0;
    bool rsa = strcmp(algorithm, "rsa-sha256") == 0 || strcmp(algorithm, "rsa-sha512") == 0;
    *ret_keyed = hmac || rsa;
    return rsa || digest_of(hmac ? algorithm + 5 : algorithm) != NULL;
}

static int sign_digest(const EVP_MD *digest, struct d1_span data, struct d1_bytes *out) {
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(data.octets, data.length, octets, &length, digest, NULL) != 1) {
        return D1_EINTERNAL;
    }
    return d1_bytes_add(out, octets, length);
}

static int sign_hmac(const EVP_MD *digest, struct d1_span key, struct d1_span data,
                     struct d1_bytes *out) {
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (key.length > INT_MAX || HMAC(digest, key.length == 0 ? "" : key.octets, (int)key.length,
                                     data.octets, data.length, octets, &length) == NULL) {
        return D1_EINTERNAL;
    }
    return d1_bytes_add(out, octets, length);
}

static int sign_rsa(const EVP_MD *digest, struct d1_span key, struct d1_span data,
                    struct d1_bytes *out) {
    unsigned char octets[RSA_BYTES_MAX];
    size_t length = sizeof(octets);
    BIO *bio = key.length <= INT_MAX ? BIO_new_mem_buf(key.octets, (int)key.length) : NULL;
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int status = D1_EPARSE;
    if (pkey != NULL && context != NULL && EVP_PKEY_is_a(pkey, "RSA") &&
        EVP_PKEY_get_size(pkey) <= RSA_BYTES_MAX &&
        EVP_DigestSignInit(context, NULL, digest, NULL, pkey) == 1 &&
        EVP_DigestSign(context, octets, &length, data.octets, data.length) == 1) {
        status = d1_bytes_add(out, octets, length);
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return status;
}

int d1_sign(const char *algorithm, struct d1_span key, struct d1_span data, struct d1_bytes *out) {
    if (data.octets == NULL) {
        data = (struct d1_span){.octets = "", .length = 0};
    }
    bool hmac = strncmp(algorithm, "hmac-", 5) == 0;
    bool rsa = strncmp(algorithm, "rsa-", 4) == 0;
    const EVP_MD *digest = digest_of(hmac ? algorithm + 5 : rsa ? algorithm + 4 : algorithm);
    if (digest == NULL) {
        return D1_ENOTFOUND;
    }
    if (rsa) {
        return sign_rsa(digest, key, data, out);
    }
    return hmac ? sign_hmac(digest, key, data, out) : sign_digest(digest, data, out);
}

bool d1_sign_form_known(const char *form) {
    return strcmp(form, "raw") == 0 || strcmp(form, "hex") == 0 || strcmp(form, "b64") == 0 ||
           strcmp(form, "b64url") == 0;
}

int d1_sign_form(const char *form, struct d1_span data, struct d1_bytes *out) {
    if (strcmp(form, "raw") == 0) {
        return d1_bytes_add(out, data.octets, data.length);
    }
    if (data.length > INT_MAX / 2) {
        return D1_ETOOLARGE;
    }
    size_t size = data.length * 2 + 4;
    char *text = d1_malloc(size);
    if (text == NULL) {
        return -ENOMEM;
    }
    size_t length = 0;
    if (strcmp(form, "hex") == 0) {
        d1_hex_encode(data.octets, data.length, text);
        length = data.length * 2;
    } else if (strcmp(form, "b64") == 0) {
        length = (size_t)EVP_EncodeBlock((unsigned char *)text, data.octets, (int)data.length);
    } else {
        length = d1_base64url_encode(data.octets, data.length, text, size);
    }
    int status = d1_bytes_add(out, text, length);
    d1_wipe(text, size);
    d1_free(text);
    return status;
}

/* RFC 4648, 6; spaces, dashes and padding are passed over. Returns the length, or 0. */
static size_t decode_base32(const char *text, uint8_t *ret_octets, size_t size) {
    uint32_t bits = 0;
    unsigned count = 0;
    size_t length = 0;
    for (; *text != '\0'; text++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
        if (c == ' ' || c == '-' || c == '=') {
            continue;
        }
        bool letter = c >= 'A' && c <= 'Z';
        if ((!letter && (c < '2' || c > '7')) || length == size) {
            return 0;
        }
        bits = bits << 5 | (uint32_t)(letter ? c - 'A' : c - '2' + 26);
        count += 5;
        if (count >= 8) {
            count -= 8;
            ret_octets[length++] = (uint8_t)(bits >> count);
        }
    }
    return length;
}

int d1_sign_totp(const char *secret, int64_t unix_s, struct d1_bytes *out) {
    uint8_t key[TOTP_SECRET_BYTES_MAX];
    uint8_t counter[8];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    size_t key_length = decode_base32(secret, key, sizeof(key));
    uint64_t steps = (uint64_t)(unix_s / 30);
    for (size_t i = 0; i < 8; i++) {
        counter[i] = (uint8_t)(steps >> (56 - 8 * i));
    }
    int status = D1_EPARSE;
    if (key_length > 0 &&
        HMAC(EVP_sha1(), key, (int)key_length, counter, sizeof(counter), mac, &length) != NULL) {
        uint32_t code = d1_load_u32(mac + (mac[length - 1] & 15)) & 0x7fffffff;
        status = d1_bytes_printf(out, "%06u", (unsigned)(code % 1000000));
    }
    d1_wipe(key, sizeof(key));
    return status;
}
