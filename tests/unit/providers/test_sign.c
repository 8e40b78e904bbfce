#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "providers/sign.h"

static void check(const char *algorithm, const char *key, const char *data, const char *hex) {
    struct d1_bytes raw;
    struct d1_bytes text;
    d1_bytes_init(&raw, 1024);
    d1_bytes_init(&text, 1024);
    assert_int_equal(d1_sign(algorithm, (struct d1_span){key, strlen(key)},
                             (struct d1_span){data, strlen(data)}, &raw),
                     0);
    assert_int_equal(d1_sign_form("hex", (struct d1_span){raw.data, raw.length}, &text), 0);
    assert_string_equal(d1_bytes_text(&text), hex);
    d1_bytes_close(&raw);
    d1_bytes_close(&text);
}

static void test_digests(void **state) {
    (void)state;
    check("md5", "", "abc", "900150983cd24fb0d6963f7d28e17f72");
    check("sha1", "", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check("sha256", "", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("sha256", "", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 2202 (2 and 3, case 2), RFC 4231, 4.3. */
static void test_macs(void **state) {
    static const char data[] = "what do ya want for nothing?";
    (void)state;
    check("hmac-md5", "Jefe", data, "750c783e6ab0b503eaa86e310a5db738");
    check("hmac-sha1", "Jefe", data, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    check("hmac-sha256", "Jefe", data,
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check("hmac-sha512", "Jefe", data,
          "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
          "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

static void test_forms(void **state) {
    static const struct {
        const char *form;
        const char *text;
    } cases[] = {{"raw", "a?>"}, {"hex", "613f3e"}, {"b64", "YT8+"}, {"b64url", "YT8-"}};
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        struct d1_bytes out;
        d1_bytes_init(&out, 64);
        assert_true(d1_sign_form_known(cases[i].form));
        assert_int_equal(d1_sign_form(cases[i].form, (struct d1_span){"a?>", 3}, &out), 0);
        assert_string_equal(d1_bytes_text(&out), cases[i].text);
        d1_bytes_close(&out);
    }
    assert_false(d1_sign_form_known("base64"));
}

static void test_known(void **state) {
    bool keyed = false;
    (void)state;
    assert_true(d1_sign_known("hmac-sha384", &keyed) && keyed);
    assert_true(d1_sign_known("sha512", &keyed) && !keyed);
    assert_true(d1_sign_known("rsa-sha512", &keyed) && keyed);
    assert_false(d1_sign_known("crc32", &keyed));
    assert_false(d1_sign_known("hmac-crc32", &keyed));
    struct d1_bytes out;
    d1_bytes_init(&out, 64);
    assert_int_equal(d1_sign("crc32", (struct d1_span){"", 0}, (struct d1_span){"", 0}, &out),
                     D1_ENOTFOUND);
    d1_bytes_close(&out);
}

static void test_rsa(void **state) {
    struct d1_bytes out;
    char *pem = NULL;
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long length = BIO_get_mem_data(bio, &pem);
    d1_bytes_init(&out, 1024);
    assert_int_equal(d1_sign("rsa-sha256", (struct d1_span){pem, (size_t)length},
                             (struct d1_span){"data", 4}, &out),
                     0);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(context, out.data, out.length, (const uint8_t *)"data", 4),
                     1);
    d1_bytes_clear(&out);
    assert_int_equal(
        d1_sign("rsa-sha256", (struct d1_span){"none", 4}, (struct d1_span){"data", 4}, &out),
        D1_EPARSE);
    d1_bytes_close(&out);
    EVP_MD_CTX_free(context);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

/* RFC 6238, appendix B, the last six of eight digits. */
static void test_totp(void **state) {
    static const struct {
        int64_t unix_s;
        const char *code;
    } cases[] = {
        {59, "287082"}, {1111111109, "081804"}, {1234567890, "005924"}, {2000000000, "279037"}};
    struct d1_bytes out;
    (void)state;
    d1_bytes_init(&out, 64);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        d1_bytes_clear(&out);
        assert_int_equal(
            d1_sign_totp("gezd gnbv-GY3TQOJQGEZDGNBVGY3TQOJQ==", cases[i].unix_s, &out), 0);
        assert_string_equal(d1_bytes_text(&out), cases[i].code);
    }
    assert_int_equal(d1_sign_totp("not base32!", 0, &out), D1_EPARSE);
    assert_int_equal(d1_sign_totp("", 0, &out), D1_EPARSE);
    d1_bytes_close(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests), cmocka_unit_test(test_macs), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_known),   cmocka_unit_test(test_rsa),  cmocka_unit_test(test_totp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
