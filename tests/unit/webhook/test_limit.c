#include "webhook/limit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"

#define MINUTE_MS 60000

struct fixture {
    struct d1_fake_clock clock;
    struct d1_limit *limit;
};

static int set_up(void **state) {
    static struct fixture fixture;
    d1_fake_clock_init(&fixture.clock, INT64_C(1795312921456));
    *state = &fixture;
    int err = d1_limit_create(&fixture.clock.clock, &fixture.limit);
    if (err == D1_OK) {
        d1_limit_configure(fixture.limit, 3, MINUTE_MS);
    }
    return err;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    d1_limit_destroy(fixture->limit);
    return 0;
}

static struct d1_ip ip_of(const char *text) {
    struct d1_ip ip;
    assert_int_equal(d1_ip_parse(text, strlen(text), &ip), D1_OK);
    return ip;
}

static void take(struct fixture *fixture, const char *text, unsigned times) {
    struct d1_ip ip = ip_of(text);
    for (unsigned i = 0; i < times; i++) {
        d1_limit_take(fixture->limit, &ip);
    }
}

static unsigned wait_s(struct fixture *fixture, const char *text) {
    struct d1_ip ip = ip_of(text);
    return d1_limit_wait_s(fixture->limit, &ip);
}

static void test_all_at_once_then_no_more(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 2);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 0);
    take(fixture, "192.0.2.1", 1);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 20);
}

static void test_one_comes_back_each_interval(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 3);
    d1_fake_clock_advance_ms(&fixture->clock, 19001);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 1);
    d1_fake_clock_advance_ms(&fixture->clock, 999);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 0);
    take(fixture, "192.0.2.1", 1);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 20);
}

static void test_full_again_after_the_period(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 3);
    d1_fake_clock_advance_ms(&fixture->clock, MINUTE_MS);
    take(fixture, "192.0.2.1", 2);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 0);
    take(fixture, "192.0.2.1", 1);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 20);
}

static void test_wait_never_grows_past_one_interval(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 1000);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 20);
}

static void test_addresses_do_not_disturb_each_other(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 3);
    assert_int_equal(wait_s(fixture, "192.0.2.2"), 0);
    assert_int_equal(wait_s(fixture, "::c000:201"), 0);
}

static void test_ipv6_counts_by_64(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "2001:db8::1", 3);
    assert_int_equal(wait_s(fixture, "2001:db8::ffff:1"), 20);
    assert_int_equal(wait_s(fixture, "2001:db8:0:1::1"), 0);
}

static void test_give_back(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 3);
    struct d1_ip ip = ip_of("192.0.2.1");
    d1_limit_give_back(fixture->limit, &ip);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 0);
    struct d1_ip other = ip_of("192.0.2.9");
    d1_limit_give_back(fixture->limit, &other);
    assert_int_equal(wait_s(fixture, "192.0.2.9"), 0);
}

static void test_off(void **state) {
    struct fixture *fixture = *state;
    d1_limit_configure(fixture->limit, 0, MINUTE_MS);
    take(fixture, "192.0.2.1", 100);
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 0);
}

static void test_unix_socket_is_not_limited(void **state) {
    struct fixture *fixture = *state;
    struct d1_ip none = {.length = 0};
    for (unsigned i = 0; i < 10; i++) {
        d1_limit_take(fixture->limit, &none);
    }
    assert_int_equal(d1_limit_wait_s(fixture->limit, &none), 0);
}

static void test_many_addresses_do_not_free_a_busy_one(void **state) {
    struct fixture *fixture = *state;
    take(fixture, "192.0.2.1", 3);
    struct d1_ip ip = {.length = 4};
    for (uint32_t i = 0; i < 4 * D1_LIMIT_ADDRESSES; i++) {
        ip.octets[0] = 10;
        ip.octets[1] = (uint8_t)(i >> 16);
        ip.octets[2] = (uint8_t)(i >> 8);
        ip.octets[3] = (uint8_t)i;
        d1_limit_take(fixture->limit, &ip);
    }
    assert_int_equal(wait_s(fixture, "192.0.2.1"), 20);
}

static void test_no_memory(void **state) {
    struct fixture *fixture = *state;
    struct d1_limit *limit = NULL;
    d1_mem_fault_arm(0, 0);
    int err = d1_limit_create(&fixture->clock.clock, &limit);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_int_equal(err, -ENOMEM);
    assert_null(limit);
}

#define LIMIT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMIT_TEST(test_all_at_once_then_no_more),
        LIMIT_TEST(test_one_comes_back_each_interval),
        LIMIT_TEST(test_full_again_after_the_period),
        LIMIT_TEST(test_wait_never_grows_past_one_interval),
        LIMIT_TEST(test_addresses_do_not_disturb_each_other),
        LIMIT_TEST(test_ipv6_counts_by_64),
        LIMIT_TEST(test_give_back),
        LIMIT_TEST(test_off),
        LIMIT_TEST(test_unix_socket_is_not_limited),
        LIMIT_TEST(test_many_addresses_do_not_free_a_busy_one),
        LIMIT_TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
