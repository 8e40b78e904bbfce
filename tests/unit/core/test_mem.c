#include "core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void calloc_is_zeroed_and_counted(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    uint8_t *octets = d1_calloc(4, 4);
    assert_non_null(octets);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(octets[i], 0);
    }
    assert_int_equal(d1_mem_live(), before + 1);
    d1_free(octets);
    assert_int_equal(d1_mem_live(), before);
}

static void overflow_is_refused(void **state) {
    (void)state;
    size_t half = SIZE_MAX / 2;
    assert_null(d1_calloc(half, 3));
    assert_null(d1_realloc(NULL, half, 3));
}

static void a_fault_hits_once(void **state) {
    (void)state;
    d1_mem_fault_arm(1, 0);
    void *first = d1_malloc(8);
    void *second = d1_malloc(8);
    void *third = d1_malloc(8);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    d1_free(first);
    d1_free(third);
}

static void a_persistent_fault_stays(void **state) {
    (void)state;
    d1_mem_fault_arm(0, 1);
    assert_null(d1_malloc(8));
    assert_null(d1_strdup("x"));
    assert_null(d1_aligned(64, 64));
    assert_int_equal(d1_mem_fault_disarm(), 3);
}

static void realloc_keeps_the_old_on_failure(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    char *text = d1_strdup("abc");
    assert_non_null(text);
    d1_mem_fault_arm(0, 0);
    assert_null(d1_realloc(text, 100, 1));
    d1_mem_fault_disarm();
    assert_string_equal(text, "abc");
    char *more = d1_realloc(text, 100, 1);
    assert_non_null(more);
    assert_string_equal(more, "abc");
    assert_int_equal(d1_mem_live(), before + 1);
    d1_free(more);
}

static void copies_are_exact(void **state) {
    (void)state;
    char *part = d1_strndup("abcdef", 3);
    void *octets = d1_memdup("a\0b", 3);
    void *nothing = d1_memdup(NULL, 0);
    assert_string_equal(part, "abc");
    assert_memory_equal(octets, "a\0b", 3);
    assert_non_null(nothing);
    d1_free(part);
    d1_free(octets);
    d1_free(nothing);
    d1_free(NULL);
}

static void aligned_is_aligned_and_zeroed(void **state) {
    (void)state;
    uint8_t *octets = d1_aligned(128, 256);
    assert_non_null(octets);
    assert_int_equal((uintptr_t)octets % 128, 0);
    assert_int_equal(octets[255], 0);
    d1_free(octets);
}

static void wipe_clears(void **state) {
    (void)state;
    char secret[] = "secret";
    d1_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++) {
        assert_int_equal(secret[i], 0);
    }
    d1_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_is_zeroed_and_counted),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(a_fault_hits_once),
        cmocka_unit_test(a_persistent_fault_stays),
        cmocka_unit_test(realloc_keeps_the_old_on_failure),
        cmocka_unit_test(copies_are_exact),
        cmocka_unit_test(aligned_is_aligned_and_zeroed),
        cmocka_unit_test(wipe_clears),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
