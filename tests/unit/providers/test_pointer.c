#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/pointer.h"

/* RFC 6901, 5. */
static const char rfc[] =
    "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3,"
    "\"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8}";

static void test_examples_of_the_rfc(void **state) {
    static const struct {
        const char *pointer;
        int value;
    } cases[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3}, {"/g|h", 4},
                 {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}};
    (void)state;
    json_t *document = json_loads(rfc, 0, NULL);
    assert_non_null(document);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        json_t *found = d1_pointer_get(document, cases[i].pointer);
        assert_true(json_is_integer(found));
        assert_int_equal(json_integer_value(found), cases[i].value);
    }
    assert_ptr_equal(d1_pointer_get(document, ""), document);
    assert_string_equal(json_string_value(d1_pointer_get(document, "/foo/1")), "baz");
    json_decref(document);
}

static void test_what_is_not_there(void **state) {
    static const char *const pointers[] = {"/foo/2",  "/foo/01",      "/foo/-", "/foo/x",
                                           "/none",   "/foo/0/deep",  "foo",    "/m~2n",
                                           "/foo/-1", "/foo/99999999"};
    (void)state;
    json_t *document = json_loads(rfc, 0, NULL);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(pointers); i++) {
        assert_null(d1_pointer_get(document, pointers[i]));
    }
    assert_null(d1_pointer_get(NULL, "/a"));
    json_decref(document);
}

static void test_stars_and_selections(void **state) {
    (void)state;
    json_t *document =
        json_loads("{\"catalog\": [{\"type\": \"compute\", \"ends\": [{\"url\": \"a\"}]},"
                   " {\"type\": \"dns\", \"ends\": [{\"url\": \"b\"}, {\"url\": \"c\"}]}],"
                   " \"map\": {\"x\": {\"id\": 1}, \"y\": {\"id\": 2}}}",
                   0, NULL);
    json_t *list = json_array();
    assert_int_equal(d1_pointer_all(document, "/catalog/*/ends/*/url", list), 0);
    assert_int_equal(json_array_size(list), 3);
    json_array_clear(list);
    assert_int_equal(d1_pointer_all(document, "/map/*/id", list), 0);
    assert_int_equal(json_array_size(list), 2);
    json_array_clear(list);
    assert_int_equal(d1_pointer_all(document, "/map/z/*", list), 0);
    assert_int_equal(json_array_size(list), 0);
    const json_t *url = d1_pointer_get(document, "/catalog/[type=dns]/ends/*/url");
    assert_string_equal(json_string_value(url), "b");
    assert_null(d1_pointer_get(document, "/catalog/[type=mail]/ends"));
    assert_null(d1_pointer_get(document, "/map/[id=1]"));
    json_decref(list);
    json_decref(document);
}

static void test_valid(void **state) {
    char text[D1_POINTER_TEXT_MAX + 8];
    (void)state;
    assert_true(d1_pointer_valid("", false));
    assert_true(d1_pointer_valid("/a/b", false));
    assert_false(d1_pointer_valid("a", false));
    assert_false(d1_pointer_valid("/a/~", false));
    assert_false(d1_pointer_valid("/*", false));
    assert_true(d1_pointer_valid("/*", true));
    assert_true(d1_pointer_valid("/[a=b]", false));
    assert_false(d1_pointer_valid("/[=b]", false));
    assert_false(d1_pointer_valid("/[ab]", false));
    assert_true(d1_pointer_valid("/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", false));
    assert_false(d1_pointer_valid("/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", false));
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_false(d1_pointer_valid(text, false));
}

static void test_too_much(void **state) {
    (void)state;
    json_t *document = json_array();
    for (size_t i = 0; i < D1_POINTER_FOUND_MAX + 1; i++) {
        json_array_append_new(document, json_true());
    }
    json_t *list = json_array();
    assert_int_equal(d1_pointer_all(document, "/*", list), D1_ELIMIT);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    json_decref(document);
}

static void test_texts(void **state) {
    char room[D1_POINTER_NUMBER_BYTES];
    (void)state;
    json_t *list = json_loads("[\"a\", -7, 1.5, true, false, null, {}, []]", 0, NULL);
    static const char *const texts[] = {"a", "-7", "1.5", "true", "false"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        assert_string_equal(d1_pointer_text(json_array_get(list, i), room), texts[i]);
    }
    for (size_t i = D1_ARRAY_LENGTH(texts); i < 9; i++) {
        assert_null(d1_pointer_text(json_array_get(list, i), room));
    }
    json_decref(list);
}

static void test_without_memory(void **state) {
    (void)state;
    json_t *document = json_loads(rfc, 0, NULL);
    uint64_t faults = 1;
    for (uint64_t skip = 0; faults > 0; skip++) {
        json_t *list = json_array();
        d1_mem_fault_arm(skip, 0);
        int status = d1_pointer_all(document, "/foo/*", list);
        faults = d1_mem_fault_disarm();
        assert_true(faults > 0 ? status != 0 : status == 0);
        json_decref(list);
    }
    json_decref(document);
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfc),
        cmocka_unit_test(test_what_is_not_there),
        cmocka_unit_test(test_stars_and_selections),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
