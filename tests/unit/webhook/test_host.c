/* Which Host a plain listener on loopback takes. */
#include "webhook/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"

static char first[] = "acme.example.test";
static char second[] = "b.test";
static char *const names[] = {first, second};

static void check(const char *const *hosts, size_t count, bool ours) {
    for (size_t i = 0; i < count; i++) {
        if (d1_host_is_ours(hosts[i], names, D1_ARRAY_LENGTH(names)) != ours) {
            fail_msg("%s", hosts[i]);
        }
    }
}

static void addresses_are_ours(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.1:8053", "192.0.2.1:1",
                                        "[::1]",     "[::1]:8053",     "[2001:db8::1]"};
    check(hosts, D1_ARRAY_LENGTH(hosts), true);
}

static void localhost_is_ours(void **state) {
    (void)state;
    static const char *const hosts[] = {"localhost",  "LocalHost:80", "localhost.",
                                        "localhost.", "a.localhost",  "a.b.localhost.:1"};
    check(hosts, D1_ARRAY_LENGTH(hosts), true);
}

static void configured_names_are_ours(void **state) {
    (void)state;
    static const char *const hosts[] = {"acme.example.test", "ACME.example.TEST.:8053", "b.test:1"};
    check(hosts, D1_ARRAY_LENGTH(hosts), true);
    assert_false(d1_host_is_ours(first, NULL, 0));
}

static void others_are_not(void **state) {
    (void)state;
    static const char *const hosts[] = {
        "",
        ":",
        ".",
        "evil.example",
        "localhost.evil.example",
        "evilhost",
        "xlocalhost",
        ".localhost.x",
        "a.b.test",
        "127.0.0.1.evil.example",
        "127.1",
        "[::1",
        "[",
        "[]",
        "[evil.example]",
        "127.0.0.1x",
        "2130706433",
        "[127.0.0.1]",
        "localhostx:80",
        "@localhost",
    };
    check(hosts, D1_ARRAY_LENGTH(hosts), false);
}

static void long_ones_are_not(void **state) {
    (void)state;
    char host[5000];
    memset(host, 'a', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    assert_false(d1_host_is_ours(host, names, 2));
    memcpy(host + sizeof(host) - 11, ".localhost", 11);
    assert_false(d1_host_is_ours(host, names, 2));
    host[0] = '[';
    assert_false(d1_host_is_ours(host, names, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_ours),        cmocka_unit_test(localhost_is_ours),
        cmocka_unit_test(configured_names_are_ours), cmocka_unit_test(others_are_not),
        cmocka_unit_test(long_ones_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
