#include "webhook/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"

static int read_text(const char *text, json_t **ret_value) {
    return d1_json_read(text, strlen(text), ret_value, NULL);
}

static void assert_refused(const char *text) {
    json_t *value = NULL;
    assert_int_equal(d1_json_read_object(text, strlen(text), &value, NULL), D1_EPARSE);
    assert_null(value);
}

static void test_value_of_any_type(void **state) {
    (void)state;
    static const char *const texts[] = {"null", "null\n", " {} ", "[]", "\"x\"", "5", "true"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        json_t *value = NULL;
        assert_int_equal(read_text(texts[i], &value), D1_OK);
        assert_non_null(value);
        json_decref(value);
    }
}

static void test_not_json(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",          "{",   "}",  "{\"a\":}", "{\"a\":1,}", "{'a':1}",        "{} {}",  "{}x",
        "{\"a\" 1}", "nul", "[1", "\"\n\"",   "{a:1}",      "\xEF\xBB\xBF{}", "/**/{}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        json_t *value = NULL;
        assert_int_equal(read_text(texts[i], &value), D1_EPARSE);
        assert_null(value);
    }
}

static void test_object_is_demanded(void **state) {
    (void)state;
    assert_refused("null");
    assert_refused("[]");
    assert_refused("\"x\"");
    assert_refused("5");
}

static void test_repeated_key(void **state) {
    (void)state;
    assert_refused("{\"a\":1,\"a\":1}");
}

static void test_repeated_key_of_nested_object(void **state) {
    (void)state;
    assert_refused("{\"b\":[{\"a\":1,\"a\":1}]}");
}

static void test_repeated_key_by_case(void **state) {
    (void)state;
    assert_refused("{\"subdomain\":1,\"txt\":2,\"SubDomain\":3}");
}

static void test_repeated_key_by_escape(void **state) {
    (void)state;
    assert_refused("{\"txt\":1,\"\\u0054xt\":2}");
}

static void test_nul_as_escape(void **state) {
    (void)state;
    assert_refused("{\"a\":\"x\\u0000y\"}");
    assert_refused("{\"a\\u0000\":1}");
}

static void test_nul_octet(void **state) {
    (void)state;
    static const char text[] = "{\"a\":\"x\0y\"}";
    json_t *value = NULL;
    assert_int_equal(d1_json_read(text, sizeof(text) - 1, &value, NULL), D1_EPARSE);
    static const char after[] = "{}\0";
    assert_int_equal(d1_json_read(after, sizeof(after) - 1, &value, NULL), D1_EPARSE);
    assert_null(value);
}

static void test_invalid_utf8(void **state) {
    (void)state;
    assert_refused("{\"a\":\"\xFF\"}");
    assert_refused("{\"a\":\"\xC0\x80\"}");
    assert_refused("{\"a\":\"\xED\xA0\x80\"}");
    assert_refused("{\"a\":\"\\ud800\"}");
    assert_refused("{\"\x80\":1}");
}

static size_t nest(char *text, size_t size, unsigned levels, char open, char close) {
    assert_true(2 * (size_t)levels < size);
    memset(text, open, levels);
    memset(text + levels, close, levels);
    return 2 * (size_t)levels;
}

static void test_depth_limit(void **state) {
    (void)state;
    char text[512];
    json_t *value = NULL;
    size_t length = nest(text, sizeof(text), D1_JSON_DEPTH_MAX, '[', ']');
    assert_int_equal(d1_json_read(text, length, &value, NULL), D1_OK);
    json_decref(value);
    struct d1_error error = {.code = 0};
    length = nest(text, sizeof(text), D1_JSON_DEPTH_MAX + 1, '[', ']');
    assert_int_equal(d1_json_read(text, length, &value, &error), D1_EPARSE);
    assert_string_equal(error.text, "JSON nests deeper than 32 levels");
}

static void test_deep_text_never_reaches_the_parser(void **state) {
    (void)state;
    static char text[D1_HTTP_BODY_BYTES_MAX];
    memset(text, '[', sizeof(text));
    json_t *value = NULL;
    struct d1_error error = {.code = 0};
    assert_int_equal(d1_json_read(text, sizeof(text), &value, &error), D1_EPARSE);
    assert_string_equal(error.text, "JSON nests deeper than 32 levels");
}

static void test_brackets_in_strings_do_not_nest(void **state) {
    (void)state;
    char brackets[101] = "";
    memset(brackets, '[', sizeof(brackets) - 1);
    char text[256];
    snprintf(text, sizeof(text), "{\"a\":\"\\\"%s\\\\\"}", brackets);
    json_t *value = NULL;
    assert_int_equal(read_text(text, &value), D1_OK);
    json_decref(value);
}

static size_t object_of_keys(char *text, unsigned count) {
    struct d1_writer writer = d1_writer_over(text, 65536);
    d1_write_u8(&writer, '{');
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        int length = snprintf(key, sizeof(key), "%s\"k%u\":1", i > 0 ? "," : "", i);
        d1_write_bytes(&writer, key, (size_t)length);
    }
    d1_write_u8(&writer, '}');
    assert_false(writer.failed);
    return d1_writer_length(&writer);
}

static void test_keys_limit(void **state) {
    (void)state;
    static char text[65536];
    json_t *value = NULL;
    size_t length = object_of_keys(text, D1_JSON_KEYS_MAX);
    assert_int_equal(d1_json_read_object(text, length, &value, NULL), D1_OK);
    json_decref(value);
    value = NULL;
    length = object_of_keys(text, 6000);
    assert_int_equal(d1_json_read_object(text, length, &value, NULL), D1_EPARSE);
    assert_null(value);
}

static void test_find_without_case(void **state) {
    (void)state;
    json_t *object = NULL;
    assert_int_equal(read_text("{\"SubDomain\":\"a\",\"TXT\":\"b\"}", &object), D1_OK);
    assert_string_equal(json_string_value(d1_json_find(object, "subdomain")), "a");
    assert_string_equal(json_string_value(d1_json_find(object, "txt")), "b");
    assert_null(d1_json_find(object, "tx"));
    json_decref(object);
}

static void test_only_known_keys(void **state) {
    (void)state;
    static const char *const keys[] = {"name", "value", NULL};
    json_t *object = NULL;
    assert_int_equal(read_text("{\"value\":1,\"name\":2}", &object), D1_OK);
    assert_int_equal(d1_json_only(object, keys, NULL), D1_OK);
    json_decref(object);
    assert_int_equal(read_text("{\"value\":1,\"Name\":2}", &object), D1_OK);
    struct d1_error error;
    assert_int_equal(d1_json_only(object, keys, &error), D1_EPARSE);
    assert_string_equal(error.text, "unknown JSON key \"Name\"");
    json_decref(object);
}

static void assert_written(const char *octets, size_t length, const char *expected) {
    struct d1_bytes out;
    d1_bytes_init(&out, 1024);
    d1_json_add(&out, octets, length);
    assert_false(out.failed);
    assert_string_equal(d1_bytes_text(&out), expected);
    d1_bytes_close(&out);
}

#define ASSERT_WRITTEN(octets, expected) assert_written((octets), sizeof(octets) - 1, (expected))

static void test_write_plain(void **state) {
    (void)state;
    ASSERT_WRITTEN("", "\"\"");
    ASSERT_WRITTEN("abc /<>&", "\"abc /<>&\"");
    ASSERT_WRITTEN("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
                   "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}

static void test_write_stays_on_one_line(void **state) {
    (void)state;
    ASSERT_WRITTEN("a\nb\r\t\0\x1F\x7F", "\"a\\u000ab\\u000d\\u0009\\u0000\\u001f\\u007f\"");
    ASSERT_WRITTEN("\"\\", "\"\\\"\\\\\"");
}

static void test_write_replaces_what_is_no_utf8(void **state) {
    (void)state;
    ASSERT_WRITTEN("a\x80z", "\"a\\ufffdz\"");
    ASSERT_WRITTEN("\xC0\xAF", "\"\\ufffd\\ufffd\"");
    ASSERT_WRITTEN("\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    ASSERT_WRITTEN("\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    ASSERT_WRITTEN("\xE2\x82", "\"\\ufffd\\ufffd\"");
    ASSERT_WRITTEN("\xE2\x82"
                   "A",
                   "\"\\ufffd\\ufffdA\"");
}

static void test_every_octet_gives_json_that_reads_back(void **state) {
    (void)state;
    uint8_t octets[256];
    for (unsigned i = 0; i < 256; i++) {
        octets[i] = (uint8_t)i;
    }
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    d1_json_add(&out, octets + 1, 255);
    json_t *value = NULL;
    assert_int_equal(d1_json_read(out.data, out.length, &value, NULL), D1_OK);
    assert_memory_equal(json_string_value(value), octets + 1, 127);
    json_decref(value);
    d1_bytes_close(&out);
}

static void test_write_time(void **state) {
    (void)state;
    struct d1_bytes out;
    d1_bytes_init(&out, 1024);
    d1_json_add_time(&out, 0);
    d1_json_add_time(&out, INT64_C(1795312921456));
    assert_string_equal(d1_bytes_text(&out), "null\"2026-11-22T02:02:01.456Z\"");
    d1_bytes_close(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_of_any_type),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_object_is_demanded),
        cmocka_unit_test(test_repeated_key),
        cmocka_unit_test(test_repeated_key_of_nested_object),
        cmocka_unit_test(test_repeated_key_by_case),
        cmocka_unit_test(test_repeated_key_by_escape),
        cmocka_unit_test(test_nul_as_escape),
        cmocka_unit_test(test_nul_octet),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_deep_text_never_reaches_the_parser),
        cmocka_unit_test(test_brackets_in_strings_do_not_nest),
        cmocka_unit_test(test_keys_limit),
        cmocka_unit_test(test_find_without_case),
        cmocka_unit_test(test_only_known_keys),
        cmocka_unit_test(test_write_plain),
        cmocka_unit_test(test_write_stays_on_one_line),
        cmocka_unit_test(test_write_replaces_what_is_no_utf8),
        cmocka_unit_test(test_every_octet_gives_json_that_reads_back),
        cmocka_unit_test(test_write_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
