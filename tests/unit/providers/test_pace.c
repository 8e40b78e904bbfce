#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/pace.h"

static void test_without_a_limit_everything_goes(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 0, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(d1_pace_take(&pace, 5), 0);
    }
}

static void test_no_more_than_the_limit_in_the_long_run(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 40, 10000); /* One in 250 ms, ten more at once. */
    int64_t now_us = 1000000;
    unsigned sent = 0;
    while (now_us < 1000000 + 20000000) {
        int64_t wait_us = d1_pace_take(&pace, now_us);
        sent += wait_us == 0;
        now_us += wait_us;
    }
    assert_int_equal(sent, 80 + 10);
}

static void test_a_quiet_time_does_not_add_up(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 40, 10000);
    int64_t now_us = INT64_C(3600) * 1000000;
    unsigned sent = 0;
    while (d1_pace_take(&pace, now_us) == 0) {
        sent++;
    }
    assert_int_equal(sent, 11);
}

static void test_a_pause_holds_and_is_never_shortened(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 0, 0);
    d1_pace_pause(&pace, 1000, 5000);
    d1_pace_pause(&pace, 1000, 10);
    assert_int_equal(d1_pace_take(&pace, 1000), 5000000);
    assert_int_equal(d1_pace_take(&pace, 1000 + 5000000), 0);
}

static void test_breaker_opens_after_failures_in_a_row(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 0, 0);
    for (int i = 0; i < D1_PACE_FAILURES; i++) {
        assert_true(d1_pace_admit(&pace, 0));
        d1_pace_ended(&pace, 0, false);
    }
    assert_false(d1_pace_admit(&pace, D1_PACE_OPEN_MS * 1000LL - 1));
    assert_true(d1_pace_admit(&pace, D1_PACE_OPEN_MS * 1000LL));  /* One looks, */
    assert_false(d1_pace_admit(&pace, D1_PACE_OPEN_MS * 1000LL)); /* no other. */
}

static void test_breaker_stays_open_longer_each_time_and_closes(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 0, 0);
    for (int i = 0; i < D1_PACE_FAILURES; i++) {
        d1_pace_ended(&pace, 0, false);
    }
    int64_t now_us = D1_PACE_OPEN_MS * 1000LL;
    assert_true(d1_pace_admit(&pace, now_us));
    d1_pace_ended(&pace, now_us, false);
    assert_false(d1_pace_admit(&pace, now_us + D1_PACE_OPEN_MS * 2000LL - 1));
    now_us += D1_PACE_OPEN_MS * 2000LL;
    assert_true(d1_pace_admit(&pace, now_us));
    d1_pace_ended(&pace, now_us, true);
    assert_true(d1_pace_admit(&pace, now_us));
    assert_true(d1_pace_admit(&pace, now_us));
}

static void test_one_success_forgets_earlier_failures(void **state) {
    (void)state;
    struct d1_pace pace;
    d1_pace_init(&pace, 0, 0);
    for (int i = 0; i < D1_PACE_FAILURES * 3; i++) {
        d1_pace_ended(&pace, 0, i % 2 == 1);
    }
    assert_true(d1_pace_admit(&pace, 0));
}

static void test_backoff_doubles_to_a_minute(void **state) {
    (void)state;
    assert_int_equal(d1_pace_backoff_ms(1000, 1, 0), 1000);
    assert_int_equal(d1_pace_backoff_ms(1000, 2, 0), 2000);
    assert_int_equal(d1_pace_backoff_ms(1000, 5, 0), 16000);
    assert_int_equal(d1_pace_backoff_ms(1000, 60, 0), 60000);
    assert_int_equal(d1_pace_backoff_ms(1000, 60, UINT32_MAX), 75000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_limit_everything_goes),
        cmocka_unit_test(test_no_more_than_the_limit_in_the_long_run),
        cmocka_unit_test(test_a_quiet_time_does_not_add_up),
        cmocka_unit_test(test_a_pause_holds_and_is_never_shortened),
        cmocka_unit_test(test_breaker_opens_after_failures_in_a_row),
        cmocka_unit_test(test_breaker_stays_open_longer_each_time_and_closes),
        cmocka_unit_test(test_one_success_forgets_earlier_failures),
        cmocka_unit_test(test_backoff_doubles_to_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
