#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/guard.h"

static const char *const hosts[] = {"api.example.test", "*.zone.example.test", NULL};

static int ask(const char *method, const char *url, bool plain) {
    struct d1_action_http request = {.method = method, .url = url};
    struct d1_error error = {.code = 0};
    int err = d1_guard_http(&request, hosts, plain, &error);
    assert_int_equal(err != 0, error.text[0] != '\0');
    return err;
}

static int header(const char *name, const char *value) {
    struct d1_pair pair = {name, value};
    struct d1_action_http request = {
        .method = "GET", .url = "https://api.example.test/", .headers = &pair, .header_count = 1};
    struct d1_error error;
    return d1_guard_http(&request, hosts, false, &error);
}

static void test_hosts_of_the_account(void **state) {
    (void)state;
    assert_int_equal(ask("GET", "https://api.example.test/v1?a=b%20c", false), 0);
    assert_int_equal(ask("GET", "https://API.example.test:8443/", false), 0);
    assert_int_equal(ask("GET", "https://a.zone.example.test/", false), 0);
}

static void test_other_hosts_are_refused(void **state) {
    (void)state;
    assert_int_equal(ask("GET", "https://example.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://api.example.test.evil.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://zone.example.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://evil.test/api.example.test", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://api.example.test@evil.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://evil.test#api.example.test", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://evil.test\\@api.example.test/", false), D1_ECONFIG);
}

static void test_only_https_unless_the_account_may(void **state) {
    (void)state;
    assert_int_equal(ask("GET", "http://api.example.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "http://api.example.test/", true), 0);
    assert_int_equal(ask("GET", "ftp://api.example.test/", true), D1_ECONFIG);
    assert_int_equal(ask("GET", "file:///etc/passwd", true), D1_ECONFIG);
    assert_int_equal(ask("GET", "api.example.test/", true), D1_ECONFIG);
}

static void test_no_credentials_in_the_url(void **state) {
    (void)state;
    assert_int_equal(ask("GET", "https://user:pass@api.example.test/", false), D1_ECONFIG);
}

static void test_urls_with_blanks_or_controls(void **state) {
    (void)state;
    assert_int_equal(ask("GET", "https://api.example.test/a b", false), D1_ECONFIG);
    assert_int_equal(ask("GET", "https://api.example.test/a\r\nHost: x", false), D1_ECONFIG);
    assert_int_equal(ask("GET", NULL, false), D1_ECONFIG);
    char *text = malloc(D1_PROVIDER_URL_MAX + 64);
    assert_non_null(text);
    memset(text, 'a', D1_PROVIDER_URL_MAX + 63);
    memcpy(text, "https://api.example.test/", 25);
    text[D1_PROVIDER_URL_MAX + 1] = '\0';
    assert_int_equal(ask("GET", text, false), D1_ECONFIG);
    text[D1_PROVIDER_URL_MAX] = '\0';
    assert_int_equal(ask("GET", text, false), 0);
    free(text);
}

static void test_methods(void **state) {
    (void)state;
    assert_int_equal(ask("PATCH", "https://api.example.test/", false), 0);
    assert_int_equal(ask("", "https://api.example.test/", false), D1_ECONFIG);
    assert_int_equal(ask("GET /\r\n", "https://api.example.test/", false), D1_ECONFIG);
    assert_int_equal(ask(NULL, "https://api.example.test/", false), D1_ECONFIG);
}

static void test_headers(void **state) {
    (void)state;
    assert_int_equal(header("X-Api-Key", "abc def"), 0);
    assert_int_equal(header("X-Api-Key", "abc\r\nX-Other: 1"), D1_ECONFIG);
    assert_int_equal(header("X-Api-Key", "abc\n"), D1_ECONFIG);
    assert_int_equal(header("X Api", "abc"), D1_ECONFIG);
    assert_int_equal(header("X:", "abc"), D1_ECONFIG);
}

static void test_dns_messages(void **state) {
    (void)state;
    struct d1_error error;
    struct d1_action_dns request = {.server = "192.0.2.1", .message = "", .length = 12};
    assert_int_equal(d1_guard_dns(&request, &error), 0);
    request.length = 11;
    assert_int_equal(d1_guard_dns(&request, &error), D1_ECONFIG);
    request.length = 65536;
    assert_int_equal(d1_guard_dns(&request, &error), D1_ECONFIG);
    request.length = 12;
    request.server = NULL;
    assert_int_equal(d1_guard_dns(&request, &error), D1_ECONFIG);
}

static void test_programs(void **state) {
    (void)state;
    struct d1_error error;
    struct d1_pair variable = {"A", "b"};
    const char *const arguments[] = {"present", NULL};
    struct d1_action_run request = {.program = "/bin/true",
                                    .arguments = arguments,
                                    .environment = &variable,
                                    .environment_count = 1};
    assert_int_equal(d1_guard_run(&request, &error), 0);
    variable.name = "A=B";
    assert_int_equal(d1_guard_run(&request, &error), D1_ECONFIG);
    variable.name = "A";
    request.program = "true";
    assert_int_equal(d1_guard_run(&request, &error), D1_ECONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_of_the_account),
        cmocka_unit_test(test_other_hosts_are_refused),
        cmocka_unit_test(test_only_https_unless_the_account_may),
        cmocka_unit_test(test_no_credentials_in_the_url),
        cmocka_unit_test(test_urls_with_blanks_or_controls),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_dns_messages),
        cmocka_unit_test(test_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
