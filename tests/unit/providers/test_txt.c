#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/attr.h"
#include "core/buf.h"
#include "providers/txt.h"

static void check(int (*function)(const char *, struct d1_bytes *), const char *text,
                  const char *expected) {
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    assert_int_equal(function(text, &out), 0);
    assert_string_equal(d1_bytes_text(&out), expected);
    d1_bytes_close(&out);
}

static void test_quote(void **state) {
    char text[301];
    struct d1_bytes out;
    (void)state;
    check(d1_txt_quote, "abc", "\"abc\"");
    check(d1_txt_quote, "", "\"\"");
    check(d1_txt_quote, "a\"b\\c", "\"a\\\"b\\\\c\"");
    memset(text, 'x', 300);
    text[300] = '\0';
    d1_bytes_init(&out, 4096);
    assert_int_equal(d1_txt_quote(text, &out), 0);
    assert_int_equal(out.length, 300 + 2 + 3);
    assert_memory_equal(out.data + 256, "\" \"", 3);
    struct d1_bytes back;
    d1_bytes_init(&back, 4096);
    assert_int_equal(d1_txt_unquote(d1_bytes_text(&out), &back), 0);
    assert_string_equal(d1_bytes_text(&back), text);
    d1_bytes_close(&back);
    d1_bytes_close(&out);
}

static void test_unquote(void **state) {
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"abc", "abc"},           {"\"abc\"", "abc"},     {"\"a\" \"b\"", "ab"},
        {"\"a\"\"b\"\t", "ab"},   {"\"a\\\"b\"", "a\"b"}, {"\"a\\065b\"", "aAb"},
        {"\"a\\999b\"", "a999b"}, {"\"open", "\"open"},   {"\"a\" b", "\"a\" b"},
        {"\"a\\", "\"a\\"},       {"\"\"", ""},           {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        check(d1_txt_unquote, cases[i].text, cases[i].expected);
    }
}

static void test_too_long(void **state) {
    struct d1_bytes out;
    (void)state;
    d1_bytes_init(&out, 4);
    assert_true(d1_txt_quote("abcdef", &out) != 0);
    d1_bytes_clear(&out);
    assert_true(d1_txt_unquote("\"abcdef\"", &out) != 0);
    d1_bytes_close(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_unquote),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
