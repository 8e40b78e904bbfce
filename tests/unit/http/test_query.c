#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "http/server.h"

static void assert_found(const char *query, const char *name, const char *value) {
    char text[32];
    assert_int_equal(d1_http_query_find(query, name, text, sizeof(text)), 0);
    assert_string_equal(text, value);
}

static void parameter_is_found(void **state) {
    (void)state;
    assert_found("name=a", "name", "a");
    assert_found("x=1&name=a&y=2", "name", "a");
    assert_found("name=", "name", "");
    assert_found("name", "name", "");
    assert_found("name&x=1", "name", "");
    assert_found("a=b=c", "a", "b=c");
    assert_found("&&name=a&", "name", "a");
}

static void escapes_are_undone(void **state) {
    (void)state;
    assert_found("v=%41%62+c%2B%26", "v", "Ab c+&");
    assert_found("n%61me=x", "name", "x");
}

static void absent_parameter(void **state) {
    (void)state;
    char text[32] = "kept";
    assert_int_equal(d1_http_query_find("", "name", text, sizeof(text)), D1_ENOTFOUND);
    assert_int_equal(d1_http_query_find("names=1&nam=2", "name", text, sizeof(text)), D1_ENOTFOUND);
    assert_int_equal(d1_http_query_find("na%6=1", "name", text, sizeof(text)), D1_ENOTFOUND);
    assert_string_equal(text, "kept");
}

static void repeated_parameter_is_refused(void **state) {
    (void)state;
    char text[32];
    assert_int_equal(d1_http_query_find("a=1&a=1", "a", text, sizeof(text)), D1_EPARSE);
    assert_int_equal(d1_http_query_find("a=1&%61=2", "a", text, sizeof(text)), D1_EPARSE);
}

static void bad_escapes_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"a=%", "a=%4", "a=%zz", "a=%00", "a=b%0", "a=%4g"};
    char text[32] = "kept";
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(d1_http_query_find(bad[i], "a", text, sizeof(text)), D1_EPARSE);
    }
    assert_string_equal(text, "kept");
}

static void value_must_fit(void **state) {
    (void)state;
    char text[4];
    assert_int_equal(d1_http_query_find("a=%61bc", "a", text, sizeof(text)), 0);
    assert_string_equal(text, "abc");
    assert_int_equal(d1_http_query_find("a=abcd", "a", text, sizeof(text)), D1_EPARSE);
}

static void path_segment_is_unescaped(void **state) {
    (void)state;
    char text[16];
    assert_int_equal(d1_http_unescape("a%2Fb+c", 7, text, sizeof(text)), 0);
    assert_string_equal(text, "a/b+c");
    assert_int_equal(d1_http_unescape("%41rest", 3, text, sizeof(text)), 0);
    assert_string_equal(text, "A");
    assert_int_equal(d1_http_unescape("%41", 2, text, sizeof(text)), D1_EPARSE);
    assert_int_equal(d1_http_unescape("", 0, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void first_header_of_a_name(void **state) {
    (void)state;
    const struct d1_http_header headers[] = {{"a", "1"}, {"b", "2"}, {"b", "3"}};
    const struct d1_http_request request = {.headers = headers, .headers_count = 3};
    assert_string_equal(d1_http_header_find(&request, "b"), "2");
    assert_null(d1_http_header_find(&request, "c"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_is_found),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(absent_parameter),
        cmocka_unit_test(repeated_parameter_is_refused),
        cmocka_unit_test(bad_escapes_are_refused),
        cmocka_unit_test(value_must_fit),
        cmocka_unit_test(path_segment_is_unescaped),
        cmocka_unit_test(first_header_of_a_name),
    };
    return cmocka_run_group_tests_name("http_query", tests, NULL, NULL);
}
