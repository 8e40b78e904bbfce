/* The table of rates by itself. Time is given: nothing waits. */
#include "dnsd/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

#define SECOND_US 1000000

static int set_up(void **state) {
    struct d1_rate *rate;
    assert_int_equal(d1_rate_create(&rate), 0);
    *state = rate;
    return 0;
}

static int tear_down(void **state) {
    d1_rate_destroy(*state);
    return 0;
}

static union d1_peer peer(const char *address) {
    union d1_peer made = {.any = {.sa_family = AF_INET}};
    if (inet_pton(AF_INET, address, &made.in.sin_addr) != 1) {
        made.in6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, address, &made.in6.sin6_addr), 1);
    }
    return made;
}

static uint64_t hash_of(const struct d1_rate *rate, const char *address) {
    union d1_peer made = peer(address);
    return d1_rate_hash(rate, &made);
}

/* Of `count` answers at one time, how many pass. */
static unsigned passing(struct d1_rate *rate, uint32_t per_second, uint64_t hash, int64_t now_us,
                        unsigned count) {
    const struct d1_rate_limit limit = d1_rate_limit_of(per_second);
    unsigned passed = 0;
    for (unsigned i = 0; i < count; i++) {
        passed += d1_rate_take(rate, &limit, hash, now_us) == D1_RATE_PASS;
    }
    return passed;
}

static void a_second_of_answers_may_come_at_once(void **state) {
    uint64_t hash = hash_of(*state, "192.0.2.1");
    assert_int_equal(passing(*state, 10, hash, 5, 100), 10);
    assert_int_equal(passing(*state, 10, hash, 5, 100), 0);
}

static void the_bucket_fills_with_time(void **state) {
    uint64_t hash = hash_of(*state, "192.0.2.1");
    assert_int_equal(passing(*state, 10, hash, 0, 100), 10);
    assert_int_equal(passing(*state, 10, hash, SECOND_US / 10 - 1, 100), 0);
    assert_int_equal(passing(*state, 10, hash, SECOND_US / 10, 100), 1);
    assert_int_equal(passing(*state, 10, hash, SECOND_US / 10 * 4, 100), 3);
    assert_int_equal(passing(*state, 10, hash, INT64_C(3600) * SECOND_US, 100), 10);
}

/* The bucket, then three seconds' worth, whatever the rate. */
static void a_flood_gets_its_rate_and_no_more(void **state) {
    static const uint32_t rates[] = {1, 3, 1000, D1_RATE_PER_SECOND_MAX};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rates); i++) {
        struct d1_rate *rate;
        uint64_t passed = 0;
        assert_int_equal(d1_rate_create(&rate), 0);
        uint64_t hash = hash_of(rate, "192.0.2.1");
        for (int64_t ms = 0; ms < 3000; ms++) {
            passed += passing(rate, rates[i], hash, ms * 1000, rates[i] / 500 + 3);
        }
        uint64_t expected = (uint64_t)rates[i] * 3999 / 1000;
        assert_in_range(passed, expected - expected / 1000, expected + 1);
        d1_rate_destroy(rate);
    }
    (void)state;
}

static void every_second_one_over_is_truncated(void **state) {
    const struct d1_rate_limit limit = d1_rate_limit_of(1);
    uint64_t hash = hash_of(*state, "192.0.2.1");
    assert_int_equal(d1_rate_take(*state, &limit, hash, 0), D1_RATE_PASS);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(d1_rate_take(*state, &limit, hash, 0),
                         i % 2 == 0 ? D1_RATE_TRUNCATE : D1_RATE_DROP);
    }
}

static void neighbours_share_and_others_do_not(void **state) {
    static const struct {
        const char *one;
        const char *other;
        bool shared;
    } table[] = {
        {"192.0.2.1", "192.0.2.255", true},
        {"192.0.2.1", "192.0.3.1", false},
        {"192.0.2.1", "192.1.2.1", false},
        {"2001:db8:1:2::1", "2001:db8:1:ff:ffff::", true},
        {"2001:db8:1:100::1", "2001:db8:1:200::1", false},
        {"2001:db8:1::1", "2001:db8:2::1", false},
        {"192.0.2.1", "c000:200::", false},
        {"0.0.0.0", "::", false},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        assert_int_equal(hash_of(*state, table[i].one) == hash_of(*state, table[i].other),
                         table[i].shared);
    }
}

static void prefixes_do_not_take_from_each_other(void **state) {
    assert_int_equal(passing(*state, 10, hash_of(*state, "192.0.2.1"), 0, 100), 10);
    for (uint32_t i = 0; i < 1000; i++) {
        union d1_peer other = peer("10.0.0.1");
        other.in.sin_addr.s_addr = htonl(0x0a000001 + (i << 8));
        assert_int_equal(passing(*state, 10, d1_rate_hash(*state, &other), 0, 10), 10);
    }
    assert_int_equal(passing(*state, 10, hash_of(*state, "192.0.2.77"), 0, 100), 0);
}

/* More prefixes than the table holds, each once: who floods is not forgotten among them. */
static void a_flooder_is_remembered_in_a_full_table(void **state) {
    uint64_t flooder = hash_of(*state, "192.0.2.1");
    assert_int_equal(passing(*state, 1000, flooder, 0, 2000), 1000);
    for (uint32_t i = 0; i < 4 * D1_RATE_PREFIXES; i++) {
        union d1_peer other = peer("10.0.0.1");
        other.in.sin_addr.s_addr = htonl(0x0a000001 + (i << 8));
        assert_int_equal(passing(*state, 1000, d1_rate_hash(*state, &other), 100, 1), 1);
    }
    assert_int_equal(passing(*state, 1000, flooder, 100, 2000), 0);
}

static void a_lower_limit_holds_at_once(void **state) {
    uint64_t hash = hash_of(*state, "192.0.2.1");
    assert_int_equal(passing(*state, 1000, hash, 0, 500), 500);
    assert_int_equal(passing(*state, 1, hash, SECOND_US / 2 - 1, 100), 0); /* It is owed. */
    assert_int_equal(passing(*state, 1, hash, SECOND_US / 2, 100), 1);
    assert_int_equal(passing(*state, 1, hash, SECOND_US, 100), 0);
    assert_int_equal(passing(*state, 1, hash, SECOND_US / 2 * 3, 100), 1);
}

static void no_memory_is_told(void **state) {
    (void)state;
    struct d1_rate *rate = NULL;
    d1_mem_fault_arm(0, 0);
    int err = d1_rate_create(&rate);
    d1_mem_fault_disarm();
    assert_true(err < 0);
    assert_null(rate);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_second_of_answers_may_come_at_once),    TEST(the_bucket_fills_with_time),
        TEST(a_flood_gets_its_rate_and_no_more),       TEST(every_second_one_over_is_truncated),
        TEST(neighbours_share_and_others_do_not),      TEST(prefixes_do_not_take_from_each_other),
        TEST(a_flooder_is_remembered_in_a_full_table), TEST(a_lower_limit_holds_at_once),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
