#include "core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

static void base64url_round_trip(void **state) {
    (void)state;
    static const struct {
        const char *octets;
        size_t length;
        const char *text;
    } rows[] = {{"", 0, ""},        {"f", 1, "Zg"},        {"fo", 2, "Zm8"},
                {"foo", 3, "Zm9v"}, {"foob", 4, "Zm9vYg"}, {"\xfb\xff\xbf", 3, "-_-_"},
                {"\0\0", 2, "AAA"}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        char text[16];
        uint8_t octets[16];
        size_t length = 99;
        assert_int_equal(d1_base64url_encode(rows[i].octets, rows[i].length, text, sizeof(text)),
                         strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        assert_int_equal(d1_base64_decode(text, strlen(text), octets, sizeof(octets), &length),
                         D1_OK);
        assert_int_equal(length, rows[i].length);
        assert_memory_equal(octets, rows[i].octets, length);
    }
}

static void base64_takes_both_alphabets_and_padding(void **state) {
    (void)state;
    static const char *const good[] = {"+/+/", "-_-_", "Zg==", "Zg", "Zm8=", "Zm8"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(good); i++) {
        uint8_t octets[8];
        size_t length;
        assert_int_equal(
            d1_base64_decode(good[i], strlen(good[i]), octets, sizeof(octets), &length), D1_OK);
    }
}

static void base64_refuses_the_rest(void **state) {
    (void)state;
    static const char *const bad[] = {"A",      "Zg=",  "Zg===", "Z===", "Zm9v=", "Zm 9",
                                      "Zm9v\n", "Zh==", "Zh",    "=",    "====",  "Zm8=Zm8="};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        uint8_t octets[16];
        size_t length;
        assert_int_equal(d1_base64_decode(bad[i], strlen(bad[i]), octets, sizeof(octets), &length),
                         D1_EPARSE);
    }
}

static void base64_is_bounded(void **state) {
    (void)state;
    uint8_t octets[2];
    size_t length;
    assert_int_equal(d1_base64_decode("Zm9v", 4, octets, sizeof(octets), &length), D1_ETOOLARGE);
}

static void hex_is_lower_case(void **state) {
    (void)state;
    char text[9];
    d1_hex_encode("\x00\xab\x12\xff", 4, text);
    assert_string_equal(text, "00ab12ff");
}

static void uuids_are_version_4_and_differ(void **state) {
    (void)state;
    char a[D1_UUID_TEXT_BYTES];
    char b[D1_UUID_TEXT_BYTES];
    assert_int_equal(d1_uuid_make(a), 0);
    assert_int_equal(d1_uuid_make(b), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

static void uuid_forms_of_go_are_taken(void **state) {
    (void)state;
    static const char *const forms[] = {
        "F47AC10B-58CC-4372-A567-0E02B2C3D479",
        "urn:uuid:f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "URN:UUID:f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "{f47ac10b-58cc-4372-a567-0e02b2c3d479}",
        "f47ac10b58cc4372a5670e02b2c3d479",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(forms); i++) {
        char text[D1_UUID_TEXT_BYTES];
        assert_int_equal(d1_uuid_parse(forms[i], strlen(forms[i]), text), D1_OK);
        assert_string_equal(text, "f47ac10b-58cc-4372-a567-0e02b2c3d479");
    }
}

static void other_uuids_are_refused(void **state) {
    (void)state;
    static const char *const forms[] = {
        "",
        "f47ac10b-58cc-4372-a567-0e02b2c3d47",
        "f47ac10b-58cc-4372-a567-0e02b2c3d4799",
        "f47ac10b-58cc-4372-a5670-e02b2c3d479",
        "g47ac10b-58cc-4372-a567-0e02b2c3d479",
        "{f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "f47ac10b058cc04372-a567-0e02b2c3d479",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(forms); i++) {
        char text[D1_UUID_TEXT_BYTES];
        assert_int_equal(d1_uuid_parse(forms[i], strlen(forms[i]), text), D1_EPARSE);
    }
}

static void times_are_rfc3339_in_utc(void **state) {
    (void)state;
    char text[D1_RFC3339_BYTES];
    d1_time_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    d1_time_format(INT64_C(1795312923456), text);
    assert_string_equal(text, "2026-11-22T02:02:03.456Z");
    d1_time_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static void durations_parse_and_print(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"30s", 30000}, {"10m", 600000}, {"24h", 86400000}, {"7d", 604800000},
                {"500ms", 500}, {"0s", 0},       {"90m", 5400000}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        int64_t ms = -1;
        assert_int_equal(d1_duration_parse(rows[i].text, &ms), D1_OK);
        assert_int_equal(ms, rows[i].ms);
        char text[D1_DURATION_TEXT_BYTES];
        int64_t again = -1;
        d1_duration_format(ms, text);
        assert_int_equal(d1_duration_parse(text, &again), D1_OK);
        assert_int_equal(again, ms);
    }
    char text[D1_DURATION_TEXT_BYTES];
    d1_duration_format(86400000, text);
    assert_string_equal(text, "1d");
}

static void other_durations_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "s",     "10",    "10 s",          "-1s",
                                      "1.5h", "10sec", "1h30m", "9999999999999s"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        int64_t ms;
        assert_int_equal(d1_duration_parse(bad[i], &ms), D1_EPARSE);
    }
}

static void numbers_are_bounded(void **state) {
    (void)state;
    uint64_t value = 0;
    assert_int_equal(d1_number_parse("65535", 1, 65535, &value), D1_OK);
    assert_int_equal(value, 65535);
    assert_int_equal(d1_number_parse("65536", 1, 65535, &value), D1_EPARSE);
    assert_int_equal(d1_number_parse("0", 1, 65535, &value), D1_EPARSE);
    assert_int_equal(d1_number_parse("", 0, 10, &value), D1_EPARSE);
    assert_int_equal(d1_number_parse("+1", 0, 10, &value), D1_EPARSE);
    assert_int_equal(d1_number_parse("1 ", 0, 10, &value), D1_EPARSE);
    assert_int_equal(d1_number_parse("99999999999999999999", 0, UINT64_MAX, &value), D1_EPARSE);
}

static void sha256_is_domain_separated(void **state) {
    (void)state;
    uint8_t a[D1_SHA256_BYTES];
    uint8_t b[D1_SHA256_BYTES];
    char hex[65];
    assert_int_equal(d1_sha256("", "", 0, a), D1_OK); /* One zero octet. */
    d1_hex_encode(a, sizeof(a), hex);
    assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_int_equal(d1_sha256("token", "x", 1, a), D1_OK);
    assert_int_equal(d1_sha256("account", "x", 1, b), D1_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_round_trip),
        cmocka_unit_test(base64_takes_both_alphabets_and_padding),
        cmocka_unit_test(base64_refuses_the_rest),
        cmocka_unit_test(base64_is_bounded),
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(uuids_are_version_4_and_differ),
        cmocka_unit_test(uuid_forms_of_go_are_taken),
        cmocka_unit_test(other_uuids_are_refused),
        cmocka_unit_test(times_are_rfc3339_in_utc),
        cmocka_unit_test(durations_parse_and_print),
        cmocka_unit_test(other_durations_are_refused),
        cmocka_unit_test(numbers_are_bounded),
        cmocka_unit_test(sha256_is_domain_separated),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
