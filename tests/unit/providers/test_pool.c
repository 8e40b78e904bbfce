#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/mem.h"
#include "providers/pool.h"

static void test_takes_and_clears(void **state) {
    struct d1_pool pool;
    int64_t alive = d1_mem_live();
    (void)state;
    d1_pool_init(&pool, 1000);
    char *copy = d1_pool_copy(&pool, "abc", 3);
    assert_string_equal(copy, "abc");
    uint64_t *number = d1_pool_take(&pool, sizeof(*number));
    assert_non_null(number);
    assert_int_equal(*number, 0);
    assert_int_equal((uintptr_t)number % _Alignof(max_align_t), 0);
    assert_string_equal(copy, "abc");
    d1_pool_clear(&pool);
    assert_int_equal(d1_mem_live(), alive);
    assert_non_null(d1_pool_copy(&pool, NULL, 0));
    d1_pool_close(&pool);
    assert_int_equal(d1_mem_live(), alive);
}

static void test_limit(void **state) {
    struct d1_pool pool;
    (void)state;
    d1_pool_init(&pool, 100);
    assert_non_null(d1_pool_take(&pool, 60));
    assert_null(d1_pool_take(&pool, 41));
    assert_null(d1_pool_copy(&pool, "x", SIZE_MAX - 2));
    assert_non_null(d1_pool_take(&pool, 40));
    d1_pool_clear(&pool);
    assert_non_null(d1_pool_take(&pool, 100));
    d1_pool_close(&pool);
}

static void test_without_memory(void **state) {
    struct d1_pool pool;
    (void)state;
    d1_pool_init(&pool, 100);
    d1_mem_fault_arm(0, 0);
    assert_null(d1_pool_copy(&pool, "x", 1));
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_non_null(d1_pool_copy(&pool, "x", 1));
    d1_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_and_clears),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
