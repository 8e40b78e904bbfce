#include "core/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void success_is_plain(void **state) {
    (void)state;
    assert_string_equal(d1_err_code(D1_OK), "ok");
    assert_int_equal(d1_err_http(D1_OK), 200);
    assert_int_equal(d1_err_rcode(D1_OK), 0);
    assert_false(d1_err_retry(D1_OK));
}

static void own_codes_have_their_row(void **state) {
    (void)state;
    assert_string_equal(d1_err_code(D1_ENOTSERVED), "not-served");
    assert_int_equal(d1_err_http(D1_ENOTSERVED), 422);
    assert_int_equal(d1_err_rcode(D1_ENOTSERVED), D1_ERR_RCODE_REFUSED);
    assert_int_equal(d1_err_http(D1_EVALUES), 409);
    assert_string_equal(d1_err_code(D1_EVALUES), "too-many-values");
    assert_int_equal(d1_err_http(D1_EFORBIDDEN), 403);
    assert_true(d1_err_retry(D1_ENOTYET));
}

static void own_codes_stay_in_their_range(void **state) {
    (void)state;
#define X(name, number, code, text, http, rcode, retry) \
    assert_in_range(-(number), 1000, 1999);             \
    assert_in_range(http, 400, 599);
    D1_ERR_TABLE(X)
#undef X
}

static void errno_passes_through(void **state) {
    (void)state;
    assert_string_equal(d1_err_code(-EACCES), "EACCES");
    assert_string_equal(d1_err_text(-EACCES), "Permission denied");
    assert_int_equal(d1_err_http(-EACCES), 500);
    assert_int_equal(d1_err_http(-ENOSPC), 503);
    assert_int_equal(d1_err_rcode(-EIO), D1_ERR_RCODE_SERVFAIL);
    assert_true(d1_err_retry(-ENOMEM));
}

static void unknown_numbers_are_told_apart(void **state) {
    (void)state;
    assert_string_equal(d1_err_code(-1999), "unknown");
    assert_string_equal(d1_err_text(-1999), "unknown error");
    assert_int_equal(d1_err_http(-1999), 500);
}

static void error_tells_and_is_prefixed(void **state) {
    (void)state;
    struct d1_error error;
    assert_int_equal(d1_error_set(&error, D1_EPARSE, "line %d", 7), D1_EPARSE);
    assert_int_equal(error.code, D1_EPARSE);
    d1_error_prefix(&error, "zone %s", "a.test");
    assert_string_equal(error.text, "zone a.test: line 7");
}

static void error_without_a_place_is_allowed(void **state) {
    (void)state;
    assert_int_equal(d1_error_set(NULL, D1_ENAME, "x"), D1_ENAME);
    d1_error_prefix(NULL, "x");
}

static void long_stories_are_cut(void **state) {
    (void)state;
    struct d1_error error;
    char text[2000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    d1_error_set(&error, D1_EPARSE, "%s", text);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
    d1_error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_plain),
        cmocka_unit_test(own_codes_have_their_row),
        cmocka_unit_test(own_codes_stay_in_their_range),
        cmocka_unit_test(errno_passes_through),
        cmocka_unit_test(unknown_numbers_are_told_apart),
        cmocka_unit_test(error_tells_and_is_prefixed),
        cmocka_unit_test(error_without_a_place_is_allowed),
        cmocka_unit_test(long_stories_are_cut),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
