#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/bench/histogram.h"

static int set_up(void **state) {
    *state = d1_calloc(1, sizeof(struct d1_bench_histogram));
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    d1_free(*state);
    return 0;
}

static void empty_is_zero(void **state) {
    const struct d1_bench_histogram *histogram = *state;
    assert_int_equal(d1_bench_histogram_value(histogram, 0), 0);
    assert_int_equal(d1_bench_histogram_value(histogram, 999), 0);
}

static void small_values_are_exact(void **state) {
    struct d1_bench_histogram *histogram = *state;
    for (uint64_t value = 1; value <= 20; value++) {
        d1_bench_histogram_add(histogram, value);
    }
    assert_int_equal(d1_bench_histogram_value(histogram, 0), 1);
    assert_int_equal(d1_bench_histogram_value(histogram, 50), 1);
    assert_int_equal(d1_bench_histogram_value(histogram, 51), 2);
    assert_int_equal(d1_bench_histogram_value(histogram, 500), 10);
    assert_int_equal(d1_bench_histogram_value(histogram, 501), 11);
    assert_int_equal(d1_bench_histogram_value(histogram, 990), 20);
    assert_int_equal(d1_bench_histogram_value(histogram, 1000), 20);
}

static void one_slow_answer_shows_only_in_its_percentile(void **state) {
    struct d1_bench_histogram *histogram = *state;
    for (int i = 0; i < 999; i++) {
        d1_bench_histogram_add(histogram, 7);
    }
    d1_bench_histogram_add(histogram, 1000000);
    assert_int_equal(d1_bench_histogram_value(histogram, 990), 7);
    assert_int_equal(d1_bench_histogram_value(histogram, 999), 7);
    assert_in_range(d1_bench_histogram_value(histogram, 1000), 1000000, 1000000 + 1000000 / 32);
}

static void never_understates_and_errs_by_a_32nd(void **state) {
    (void)state;
    /* Each power of two, what lies between two of them, and their neighbours. */
    for (unsigned bit = 1; bit < 62; bit++) {
        const uint64_t middles[] = {(uint64_t)2 << bit, (uint64_t)3 << bit};
        for (size_t i = 0; i < 6; i++) {
            uint64_t value = middles[i / 3] + i % 3 - 1;
            struct d1_bench_histogram histogram = {0};
            d1_bench_histogram_add(&histogram, value);
            uint64_t seen = d1_bench_histogram_value(&histogram, 500);
            assert_true(seen >= value);
            assert_true(seen - value <= value / 32);
        }
    }
}

static void takes_the_largest_value(void **state) {
    struct d1_bench_histogram *histogram = *state;
    d1_bench_histogram_add(histogram, UINT64_MAX);
    assert_true(d1_bench_histogram_value(histogram, 1000) == UINT64_MAX);
}

/* Where a bucket ends, the next begins: no value is shown as less than a smaller one. */
static void buckets_leave_no_gap(void **state) {
    (void)state;
    uint64_t last = 0;
    for (uint64_t value = 1; value < 5000; value++) {
        struct d1_bench_histogram histogram = {0};
        d1_bench_histogram_add(&histogram, value);
        uint64_t seen = d1_bench_histogram_value(&histogram, 1000);
        assert_true(seen == last || (last == value - 1 && seen >= value));
        last = seen;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_is_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_values_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_slow_answer_shows_only_in_its_percentile, set_up,
                                        tear_down),
        cmocka_unit_test(never_understates_and_errs_by_a_32nd),
        cmocka_unit_test_setup_teardown(takes_the_largest_value, set_up, tear_down),
        cmocka_unit_test(buckets_leave_no_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
