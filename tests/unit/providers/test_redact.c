#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/redact.h"

static struct d1_redact set;

static int open_set(void **state) {
    (void)state;
    assert_int_equal(d1_redact_add(&set, "pa/ss+word"), 0);
    assert_int_equal(d1_redact_add(&set, "pa/ss"), 0);
    assert_int_equal(d1_redact_add(&set, "abc"), 0);
    return 0;
}

static int close_set(void **state) {
    (void)state;
    d1_redact_close(&set);
    assert_null(set.forms);
    return 0;
}

static void check(const char *text, const char *expected) {
    char out[256];
    d1_redact_text(&set, text, out, sizeof(out));
    assert_string_equal(out, expected);
}

static void test_the_secret_itself(void **state) {
    (void)state;
    check("x pa/ss+word y", "x *** y");
    check("pa/ss+wordpa/ss", "******");
}

static void test_percent_encoded_in_either_case(void **state) {
    (void)state;
    check("key=pa%2Fss%2Bword&a=b", "key=***&a=b");
    check("key=pa%2fss%2bword", "key=***");
}

static void test_base64_whatever_follows_it(void **state) {
    (void)state;
    check("cGEvc3Mrd29yZA==", "***ZA==");
    check("cGEvc3Mrd29yZDp1", "***ZDp1");
}

static void test_short_secrets_leave_text_readable(void **state) {
    (void)state;
    check("abcabc", "abcabc");
}

static void test_control_octets_are_blanks(void **state) {
    (void)state;
    check("a\r\nb\x7f", "a  b ");
}

static void test_long_text_is_cut_and_says_so(void **state) {
    (void)state;
    char out[12];
    d1_redact_text(&set, "0123456789abcdef", out, sizeof(out));
    assert_string_equal(out, "01234567...");
    d1_redact_text(&set, "01234567", out, sizeof(out));
    assert_string_equal(out, "01234567");
    d1_redact_text(&set, "0123456 pa/ss+word", out, sizeof(out));
    assert_string_equal(out, "0123456 ***");
    d1_redact_text(&set, "012345678 pa/ss+word", out, sizeof(out));
    assert_string_equal(out, "01234567...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_secret_itself),
        cmocka_unit_test(test_percent_encoded_in_either_case),
        cmocka_unit_test(test_base64_whatever_follows_it),
        cmocka_unit_test(test_short_secrets_leave_text_readable),
        cmocka_unit_test(test_control_octets_are_blanks),
        cmocka_unit_test(test_long_text_is_cut_and_says_so),
    };
    return cmocka_run_group_tests(tests, open_set, close_set);
}
