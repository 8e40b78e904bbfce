#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/err.h"
#include "store/challenge.h"

static void test_value_takes_255_octets(void **state) {
    (void)state;
    uint8_t octets[D1_TXT_STRING_MAX];
    memset(octets, 0xc3, sizeof(octets));
    octets[254] = 0;
    struct d1_txt_value value;
    assert_int_equal(d1_txt_value_set(&value, octets, sizeof(octets)), D1_OK);
    assert_int_equal(value.length, 255);
    assert_memory_equal(value.octets, octets, sizeof(octets));
}

static void test_value_refuses_256_octets(void **state) {
    (void)state;
    const uint8_t octets[D1_TXT_STRING_MAX + 1] = {0};
    struct d1_txt_value value = {.length = 7};
    assert_int_equal(d1_txt_value_set(&value, octets, sizeof(octets)), D1_EVALUE);
    assert_int_equal(value.length, 7);
}

static void test_value_refuses_nothing(void **state) {
    (void)state;
    struct d1_txt_value value = {.length = 7};
    assert_int_equal(d1_txt_value_set(&value, "", 0), D1_EVALUE);
    assert_int_equal(value.length, 7);
}

static void test_values_are_compared_by_octets_in_use(void **state) {
    (void)state;
    struct d1_txt_value a;
    struct d1_txt_value b;
    memset(&a, 0x11, sizeof(a));
    memset(&b, 0x22, sizeof(b));
    assert_int_equal(d1_txt_value_set(&a, "Abc", 3), D1_OK);
    assert_int_equal(d1_txt_value_set(&b, "Abc", 3), D1_OK);
    assert_true(d1_txt_value_equal(&a, &b));
    assert_int_equal(d1_txt_value_set(&b, "abc", 3), D1_OK);
    assert_false(d1_txt_value_equal(&a, &b));
    assert_int_equal(d1_txt_value_set(&b, "Ab", 2), D1_OK);
    assert_false(d1_txt_value_equal(&a, &b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_takes_255_octets),
        cmocka_unit_test(test_value_refuses_256_octets),
        cmocka_unit_test(test_value_refuses_nothing),
        cmocka_unit_test(test_values_are_compared_by_octets_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
