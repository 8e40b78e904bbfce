#include "core/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

static void addresses_round_trip(void **state) {
    (void)state;
    static const char *const good[] = {"127.0.0.1:5300", "0.0.0.0:0", "255.255.255.255:65535",
                                       "[::1]:53",       "[::]:1",    "[2001:db8::5]:443"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(good); i++) {
        struct sockaddr_storage address;
        char text[D1_ADDRESS_TEXT_BYTES];
        assert_int_equal(d1_address_parse(good[i], &address), D1_OK);
        d1_address_format(&address, text);
        assert_string_equal(text, good[i]);
    }
}

static void other_addresses_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",          "127.0.0.1",       "127.0.0.1:", ":53",     "[::1]",         "[::1:53",
        "::1:53",    "127.0.0.1:65536", "127.1:53",   "host:53", "127.0.0.1:5 3", "[127.0.0.1]:53",
        "[::1]x:53", "127.0.0.1:-1"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        struct sockaddr_storage address;
        assert_int_equal(d1_address_parse(bad[i], &address), D1_EPARSE);
    }
}

static bool holds(bool (*what)(const struct sockaddr_storage *), const char *text) {
    struct sockaddr_storage address;
    assert_int_equal(d1_address_parse(text, &address), D1_OK);
    return what(&address);
}

static void loopback_and_wildcard_are_known(void **state) {
    (void)state;
    assert_true(holds(d1_address_is_loopback, "127.9.9.9:1"));
    assert_true(holds(d1_address_is_loopback, "[::1]:1"));
    assert_false(holds(d1_address_is_loopback, "128.0.0.1:1"));
    assert_false(holds(d1_address_is_loopback, "[::2]:1"));
    assert_true(holds(d1_address_is_wildcard, "0.0.0.0:1"));
    assert_true(holds(d1_address_is_wildcard, "[::]:1"));
    assert_false(holds(d1_address_is_wildcard, "127.0.0.1:1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_round_trip),
        cmocka_unit_test(other_addresses_are_refused),
        cmocka_unit_test(loopback_and_wildcard_are_known),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
