/* Expectations are those of Go's net.ParseCIDR and net.IPNet.Contains. */
#include "webhook/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"

static struct d1_ip ip_of(const char *text) {
    struct d1_ip ip;
    assert_int_equal(d1_ip_parse(text, strlen(text), &ip), D1_OK);
    return ip;
}

static void test_parse_takes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0.0.0.0/0",       "192.168.100.1/24",
        "10.0.0.0/8",      "127.0.0.1/32",
        "192.0.2.1/024",   "::/0",
        "2001:db8::/32",   "2001:db8::1/64",
        "::1/128",         "::ffff:192.0.2.0/120",
        "fe80::/10",       "1:2:3:4:5:6:7:8/128",
        "::192.0.2.1/128",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        struct d1_cidr cidr;
        assert_int_equal(d1_cidr_parse(texts[i], strlen(texts[i]), &cidr), D1_OK);
    }
}

static void test_parse_refuses(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "/",
        "/24",
        "192.0.2.1",
        "2001:db8::1",
        "192.0.2.1/",
        "192.0.2.1/33",
        "192.0.2.1/-1",
        "192.0.2.1/+1",
        "192.0.2.1/1 ",
        " 192.0.2.1/1",
        "192.0.2.1/24/24",
        "192.0.2.1/255.255.255.0",
        "192.0.2.1/99999999999999999999",
        "192.0.2/24",
        "192.0.2.1.1/24",
        "192.0.2.256/24",
        "192.0.02.1/24",
        "0x7f.0.0.1/8",
        "2001:db8::1/129",
        "2001:db8::1%eth0/64",
        "2001:db8:::1/64",
        "1:2:3:4:5:6:7::8/64",
        "12345::/16",
        "g::/16",
        "example.test/24",
        "*",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        struct d1_cidr cidr;
        assert_int_equal(d1_cidr_parse(texts[i], strlen(texts[i]), &cidr), D1_EPARSE);
    }
    struct d1_cidr cidr;
    assert_int_equal(d1_cidr_parse("192.0.2.1\0/24", 13, &cidr), D1_EPARSE);
}

static void test_contains(void **state) {
    (void)state;
    static const struct {
        const char *cidr;
        const char *ip;
        bool expected;
    } table[] = {
        {"192.168.100.1/24", "192.168.100.255", true},
        {"192.168.100.1/24", "192.168.101.1", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"127.0.0.1/32", "127.0.0.1", true},
        {"127.0.0.1/32", "127.0.0.2", false},
        {"127.0.0.1/32", "::ffff:127.0.0.1", true},
        {"::ffff:192.0.2.0/120", "192.0.2.77", true},
        {"::ffff:192.0.2.0/120", "192.0.3.77", false},
        {"::ffff:192.0.2.0/95", "192.0.2.77", false},
        {"2001:db8::1/64", "2001:db8::ffff", true},
        {"2001:db8::1/64", "2001:db8:0:1::1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct d1_cidr cidr;
        struct d1_ip ip = ip_of(table[i].ip);
        assert_int_equal(d1_cidr_parse(table[i].cidr, strlen(table[i].cidr), &cidr), D1_OK);
        if (d1_cidr_contains(&cidr, &ip) != table[i].expected) {
            fail_msg("%s contains %s", table[i].cidr, table[i].ip);
        }
    }
}

static void test_nobody_is_in_no_range(void **state) {
    (void)state;
    struct d1_cidr cidr;
    struct d1_ip none = {.length = 0};
    assert_int_equal(d1_cidr_parse("0.0.0.0/0", 9, &cidr), D1_OK);
    assert_false(d1_cidr_contains(&cidr, &none));
    assert_true(d1_cidr_list_contains("", &none));
    assert_false(d1_cidr_list_contains("0.0.0.0/0 ::/0", &none));
}

static void test_list(void **state) {
    (void)state;
    struct d1_ip ip = ip_of("192.0.2.7");
    assert_true(d1_cidr_list_contains("", &ip));
    assert_true(d1_cidr_list_contains("192.0.2.0/24", &ip));
    assert_true(d1_cidr_list_contains("2001:db8::/32 192.0.2.0/24", &ip));
    assert_false(d1_cidr_list_contains("2001:db8::/32 198.51.100.0/24", &ip));
}

static void test_socket_address(void **state) {
    (void)state;
    struct sockaddr_storage socket = {.ss_family = AF_UNIX};
    struct d1_ip ip;
    d1_ip_from_socket(&socket, &ip);
    assert_int_equal(ip.length, 0);

    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
    memcpy(&socket, &in6, sizeof(in6));
    d1_ip_from_socket(&socket, &ip);
    char text[D1_IP_TEXT_BYTES];
    d1_ip_format(&ip, text);
    assert_string_equal(text, "192.0.2.1");
}

static void assert_walk(const char *peer, const char *value, const char *expected, bool more) {
    struct d1_cidr trusted[2];
    assert_int_equal(d1_cidr_parse("10.0.0.0/8", 10, &trusted[0]), D1_OK);
    assert_int_equal(d1_cidr_parse("2001:db8::/32", 13, &trusted[1]), D1_OK);
    struct d1_ip ip = ip_of(peer);
    assert_int_equal(d1_forwarded_walk(value, trusted, 2, &ip), more);
    char text[D1_IP_TEXT_BYTES];
    d1_ip_format(&ip, text);
    assert_string_equal(text, expected);
}

static void test_forwarded_of_a_stranger_is_not_believed(void **state) {
    (void)state;
    assert_walk("192.0.2.1", "203.0.113.5", "192.0.2.1", false);
}

static void test_forwarded_is_read_from_the_right(void **state) {
    (void)state;
    assert_walk("10.0.0.1", "198.51.100.9, 203.0.113.5", "203.0.113.5", false);
    assert_walk("10.0.0.1", "198.51.100.9, 203.0.113.5, 10.0.0.2", "203.0.113.5", false);
    assert_walk("10.0.0.1", "203.0.113.5", "203.0.113.5", true);
    assert_walk("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3", true);
}

static void test_forwarded_forms(void **state) {
    (void)state;
    assert_walk("10.0.0.1", "203.0.113.5:4711", "203.0.113.5", true);
    assert_walk("10.0.0.1", " \t2001:db9::5\t ", "2001:db9::5", true);
    assert_walk("10.0.0.1", "[2001:db9::5]:443", "2001:db9::5", true);
    assert_walk("2001:db8::1", "[2001:db9::5]", "2001:db9::5", true);
}

static void test_forwarded_ends_at_what_is_no_address(void **state) {
    (void)state;
    assert_walk("10.0.0.1", "203.0.113.5, unknown", "10.0.0.1", false);
    assert_walk("10.0.0.1", "", "10.0.0.1", false);
    assert_walk("10.0.0.1", "203.0.113.5,", "10.0.0.1", false);
    assert_walk("10.0.0.1", "203.0.113.5, [2001:db9::5, 10.0.0.2", "10.0.0.2", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_takes),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_contains),
        cmocka_unit_test(test_nobody_is_in_no_range),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_socket_address),
        cmocka_unit_test(test_forwarded_of_a_stranger_is_not_believed),
        cmocka_unit_test(test_forwarded_is_read_from_the_right),
        cmocka_unit_test(test_forwarded_forms),
        cmocka_unit_test(test_forwarded_ends_at_what_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
