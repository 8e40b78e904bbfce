#include "core/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct d1_hash_key key_of(uint64_t start) {
    struct d1_hash_key key;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(key.word); i++) {
        key.word[i] = start * UINT64_C(0x9e3779b97f4a7c15) + i * UINT64_C(0xd1b54a32d192ed03) + 1;
    }
    return key;
}

static void same_key_and_octets_same_hash(void **state) {
    (void)state;
    struct d1_hash_key key = key_of(1);
    assert_true(d1_hash(&key, "example", 7) == d1_hash(&key, "example", 7));
}

static void every_octet_and_the_length_count(void **state) {
    (void)state;
    struct d1_hash_key key = key_of(2);
    uint8_t octets[100] = {0};
    for (size_t length = 1; length <= sizeof(octets); length++) {
        uint64_t plain = d1_hash(&key, octets, length);
        assert_true(plain != d1_hash(&key, octets, length - 1));
        for (size_t i = 0; i < length; i++) {
            octets[i] = 1;
            assert_true(plain != d1_hash(&key, octets, length));
            octets[i] = 0;
        }
    }
}

static void another_key_another_hash(void **state) {
    (void)state;
    struct d1_hash_key a = key_of(3);
    struct d1_hash_key b = key_of(4);
    int equal = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        equal += d1_hash(&a, &i, sizeof(i)) == d1_hash(&b, &i, sizeof(i));
    }
    assert_int_equal(equal, 0);
}

/* Low bits pick a bucket: 4096 names over 1024 buckets must not pile up. */
static void low_bits_spread(void **state) {
    (void)state;
    struct d1_hash_key key = key_of(5);
    unsigned load[1024] = {0};
    for (uint32_t i = 0; i < 4096; i++) {
        load[d1_hash(&key, &i, sizeof(i)) % 1024]++;
    }
    for (size_t i = 0; i < 1024; i++) {
        assert_true(load[i] < 20);
    }
}

static void random_keys_differ(void **state) {
    (void)state;
    struct d1_hash_key a;
    struct d1_hash_key b;
    assert_int_equal(d1_hash_key_init(&a), 0);
    assert_int_equal(d1_hash_key_init(&b), 0);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static void random_fills_all(void **state) {
    (void)state;
    uint8_t octets[64] = {0};
    assert_int_equal(d1_random(octets, sizeof(octets)), 0);
    int zeros = 0;
    for (size_t i = 0; i < sizeof(octets); i++) {
        zeros += octets[i] == 0;
    }
    assert_true(zeros < 16);
}

static void secrets_compare(void **state) {
    (void)state;
    assert_true(d1_equal_secret("abcd", "abcd", 4));
    assert_false(d1_equal_secret("abcd", "abce", 4));
    assert_true(d1_equal_secret("", "", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_key_and_octets_same_hash),
        cmocka_unit_test(every_octet_and_the_length_count),
        cmocka_unit_test(another_key_another_hash),
        cmocka_unit_test(low_bits_spread),
        cmocka_unit_test(random_keys_differ),
        cmocka_unit_test(random_fills_all),
        cmocka_unit_test(secrets_compare),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
