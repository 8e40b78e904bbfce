/* TSIG when libcrypto refuses: it is linked with calls that fail when told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/tsig.h"

#define NEVER      UINT64_MAX
#define NOW_S      1700000000
#define SECRET     "0123456789abcdef0123456789abcdef"
#define MESSAGE    "\x12\x34\xa8\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1"
#define PLAIN      (sizeof(MESSAGE) - 1)
#define CALLS_MAX  20
#define ROOM_BYTES 512

/* Calls that still succeed; the one after them fails. */
static uint64_t good = NEVER;

static bool fails(void) {
    return good != NEVER && good-- == 0;
}

EVP_MAC *__real_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties);
EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties) {
    return fails() ? NULL : __real_EVP_MAC_fetch(library, name, properties);
}

int __real_EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t length,
                        const OSSL_PARAM *params);
int __wrap_EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t length,
                        const OSSL_PARAM *params);
int __wrap_EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t length,
                        const OSSL_PARAM *params) {
    return fails() ? 0 : __real_EVP_MAC_init(context, key, length, params);
}

EVP_MAC_CTX *__real_EVP_MAC_CTX_dup(const EVP_MAC_CTX *context);
EVP_MAC_CTX *__wrap_EVP_MAC_CTX_dup(const EVP_MAC_CTX *context);
EVP_MAC_CTX *__wrap_EVP_MAC_CTX_dup(const EVP_MAC_CTX *context) {
    return fails() ? NULL : __real_EVP_MAC_CTX_dup(context);
}

int __real_EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *octets, size_t length);
int __wrap_EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *octets, size_t length);
int __wrap_EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *octets, size_t length) {
    return fails() ? 0 : __real_EVP_MAC_update(context, octets, length);
}

int __real_EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *mac, size_t *length, size_t size);
int __wrap_EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *mac, size_t *length, size_t size);
int __wrap_EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *mac, size_t *length, size_t size) {
    return fails() ? 0 : __real_EVP_MAC_final(context, mac, length, size);
}

static int make_key(struct d1_tsig_key **ret_key) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text("key.example", &name), D1_OK);
    return d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, SECRET, strlen(SECRET), ret_key);
}

/* The message with a TSIG record of that key; `request` as for d1_tsig_sign. */
static int sign(const struct d1_tsig_key *key, const struct d1_tsig *request, uint8_t *message,
                size_t *ret_length) {
    struct d1_writer writer = d1_writer_over(message, ROOM_BYTES);
    d1_write_bytes(&writer, MESSAGE, PLAIN);
    int err = d1_tsig_sign(key, request, 0, NOW_S, &writer);
    *ret_length = d1_writer_length(&writer);
    return err;
}

static void a_key_that_cannot_be_made_leaves_nothing(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    unsigned failed = 0;
    for (uint64_t calls = 0; calls < CALLS_MAX; calls++) {
        struct d1_tsig_key *key = NULL;
        good = calls;
        int err = make_key(&key);
        bool reached = good == NEVER;
        good = NEVER;
        if (!reached) {
            assert_int_equal(err, D1_OK);
            d1_tsig_key_drop(key);
            break;
        }
        failed++;
        assert_int_equal(err, D1_EINTERNAL);
        assert_null(key);
        assert_int_equal(d1_mem_live(), live);
    }
    assert_int_equal(failed, 2); /* Fetch and init. */
}

/* Every call of an answer's MAC fails once: nothing is written, ever. */
static void an_answer_that_cannot_be_signed_is_as_it_was(void **state) {
    (void)state;
    struct d1_tsig_key *key = NULL;
    struct d1_tsig request;
    uint8_t message[ROOM_BYTES];
    size_t length = 0;
    unsigned failed = 0;
    assert_int_equal(make_key(&key), D1_OK);
    assert_int_equal(sign(key, NULL, message, &length), D1_OK);
    assert_int_equal(d1_tsig_find(message, length, &request), D1_OK);
    for (uint64_t calls = 0; calls < CALLS_MAX; calls++) {
        good = calls;
        int err = sign(key, &request, message, &length);
        bool reached = good == NEVER;
        good = NEVER;
        if (!reached) {
            assert_int_equal(err, D1_OK);
            assert_true(length > PLAIN);
            break;
        }
        failed++;
        assert_int_equal(err, D1_EINTERNAL);
        assert_int_equal(length, PLAIN);
        assert_memory_equal(message, MESSAGE, PLAIN);
    }
    assert_int_equal(failed, 8); /* Dup, six updates, final. */
    d1_tsig_key_drop(key);
}

/* Every call of a check fails once: nothing is verified, ever. */
static void what_cannot_be_checked_is_not_verified(void **state) {
    (void)state;
    struct d1_tsig_key *key = NULL;
    struct d1_tsig tsig;
    uint8_t message[ROOM_BYTES];
    size_t length = 0;
    unsigned failed = 0;
    assert_int_equal(make_key(&key), D1_OK);
    assert_int_equal(sign(key, NULL, message, &length), D1_OK);
    assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
    for (uint64_t calls = 0; calls < CALLS_MAX; calls++) {
        good = calls;
        int err = d1_tsig_verify(key, message, &tsig, NULL, NOW_S);
        bool reached = good == NEVER;
        good = NEVER;
        assert_int_equal(err, reached ? D1_EINTERNAL : D1_OK);
        if (!reached) {
            break;
        }
        failed++;
    }
    assert_int_equal(failed, 6); /* Dup, four updates, final. */
    d1_tsig_key_drop(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_cannot_be_made_leaves_nothing),
        cmocka_unit_test(an_answer_that_cannot_be_signed_is_as_it_was),
        cmocka_unit_test(what_cannot_be_checked_is_not_verified),
    };
    return cmocka_run_group_tests_name("tsig_faults", tests, NULL, NULL);
}
