#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/cidr.h"

static bool is_public(const char *text) {
    struct d1_ip address;
    assert_int_equal(d1_ip_parse(text, strlen(text), &address), 0);
    return d1_ip_is_public(&address);
}

static void test_public_addresses(void **state) {
    (void)state;
    const char *const texts[] = {"1.1.1.1",     "8.8.8.8",          "100.63.255.255", "100.128.0.0",
                                 "172.15.0.1",  "172.32.0.1",       "192.0.1.1",      "198.20.0.1",
                                 "223.255.0.1", "2606:4700::1111",  "2001:4860::1",   "2a01::1",
                                 "2001:200::1", "64:ff9b::808:808", "2002:808:808::1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(is_public(texts[i]));
    }
}

static void test_addresses_of_inner_networks(void **state) {
    (void)state;
    const char *const texts[] = {"0.0.0.0",
                                 "10.0.0.1",
                                 "100.64.0.1",
                                 "127.0.0.1",
                                 "169.254.169.254",
                                 "172.16.0.1",
                                 "172.31.255.255",
                                 "192.0.0.1",
                                 "192.0.2.1",
                                 "192.168.1.1",
                                 "198.18.0.1",
                                 "198.51.100.1",
                                 "203.0.113.1",
                                 "224.0.0.1",
                                 "255.255.255.255",
                                 "::",
                                 "::1",
                                 "fe80::1",
                                 "fd00:ec2::254",
                                 "ff02::1",
                                 "2001:db8::1",
                                 "2001::1",
                                 "3fff::1",
                                 "::ffff:10.0.0.1",
                                 "64:ff9b::7f00:1",
                                 "64:ff9b::a9fe:a9fe",
                                 "2002:7f00:1::",
                                 "2002:a00:1::1",
                                 "::7f00:1",
                                 "4000::1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(is_public(texts[i]));
    }
}

static void test_no_address_is_not_public(void **state) {
    (void)state;
    struct d1_ip none = {.length = 0};
    assert_false(d1_ip_is_public(&none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_addresses),
        cmocka_unit_test(test_addresses_of_inner_networks),
        cmocka_unit_test(test_no_address_is_not_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
