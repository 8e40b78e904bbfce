/* How many connections each address holds. */
#include "http/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/net.h"

static struct sockaddr_storage at(const char *text) {
    struct sockaddr_storage address;
    assert_int_equal(d1_address_parse(text, &address), 0);
    return address;
}

static struct d1_http_peers *peers;

static int add(const char *text, unsigned max) {
    struct sockaddr_storage address = at(text);
    return d1_http_peers_add(peers, &address, max);
}

static void take_away(const char *text) {
    struct sockaddr_storage address = at(text);
    d1_http_peers_remove(peers, &address);
}

static int set_up(void **state) {
    (void)state;
    return d1_http_peers_create(&peers);
}

static int tear_down(void **state) {
    (void)state;
    d1_http_peers_destroy(peers);
    return d1_mem_live() == 0 ? 0 : -1;
}

static void an_address_has_its_limit(void **state) {
    (void)state;
    assert_int_equal(add("192.0.2.1:1", 2), 0);
    assert_int_equal(add("192.0.2.1:2", 2), 0);
    assert_int_equal(add("192.0.2.1:3", 2), D1_ELIMIT);
    assert_int_equal(add("192.0.2.2:1", 2), 0);
    take_away("192.0.2.1:2");
    assert_int_equal(add("192.0.2.1:4", 2), 0);
    assert_int_equal(add("192.0.2.1:5", 2), D1_ELIMIT);
}

static void zero_is_no_limit(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(add("192.0.2.1:1", 0), 0);
    }
    assert_int_equal(add("192.0.2.1:1", 100), D1_ELIMIT);
}

static void ipv6_counts_by_network(void **state) {
    (void)state;
    assert_int_equal(add("[2001:db8::1]:1", 1), 0);
    assert_int_equal(add("[2001:db8::ffff:0:0:2]:1", 1), D1_ELIMIT);
    assert_int_equal(add("[2001:db8:0:1::1]:1", 1), 0);
}

static void the_last_one_frees_its_entry(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    assert_int_equal(add("192.0.2.1:1", 1), 0);
    assert_int_equal(add("[2001:db8::1]:1", 1), 0);
    take_away("192.0.2.1:9");
    take_away("[2001:db8::2]:9");
    assert_int_equal(d1_mem_live(), before);
}

static void a_unix_socket_is_not_counted(void **state) {
    (void)state;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(d1_http_peers_add(peers, &address, 1), 0);
    }
    d1_http_peers_remove(peers, &address);
}

static void without_memory_nothing_is_counted(void **state) {
    (void)state;
    d1_mem_fault_arm(0, 0);
    int err = add("192.0.2.1:1", 1);
    uint64_t failed = d1_mem_fault_disarm();
    if (failed == 0) {
        skip(); /* Built without fault points. */
    }
    assert_int_equal(err, -12);
    assert_int_equal(add("192.0.2.1:1", 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_has_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zero_is_no_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ipv6_counts_by_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_one_frees_its_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_not_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
