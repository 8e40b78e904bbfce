#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void system_clock_moves_on(void **state) {
    (void)state;
    const struct d1_clock *clock = d1_clock_system();
    int64_t first = d1_clock_mono_us(clock);
    int64_t second = d1_clock_mono_us(clock);
    assert_true(second >= first);
    assert_true(d1_clock_wall_ms(clock) > INT64_C(1600000000000));
}

static void fake_clock_stands_until_moved(void **state) {
    (void)state;
    struct d1_fake_clock fake;
    d1_fake_clock_init(&fake, 5000);
    int64_t mono = d1_clock_mono_us(&fake.clock);
    assert_int_equal(d1_clock_wall_ms(&fake.clock), 5000);
    assert_int_equal(d1_clock_mono_us(&fake.clock), mono);
    d1_fake_clock_advance_ms(&fake, 250);
    assert_int_equal(d1_clock_wall_ms(&fake.clock), 5250);
    assert_int_equal(d1_clock_mono_us(&fake.clock), mono + 250000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_clock_moves_on),
        cmocka_unit_test(fake_clock_stands_until_moved),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
