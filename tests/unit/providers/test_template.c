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
#include "providers/template.h"

/* Variables of a JSON object. */
static int find(void *arg, const char *name, struct d1_bytes *out) {
    const json_t *value = json_object_get(arg, name);
    return json_is_string(value) ? d1_bytes_add_text(out, json_string_value(value)) : D1_ENOTFOUND;
}

static json_t *find_json(void *arg, const char *name) {
    return json_object_get(arg, name);
}

static bool known(void *arg, const char *name) {
    return json_object_get(arg, name) != NULL || strncmp(name, "it.", 3) == 0;
}

static json_t *variables(void) {
    return json_loads("{\"a\": \"A b/c\", \"n\": \"17\", \"empty\": \"\", \"yes\": \"true\","
                      " \"id\": 7, \"key\": \"k\", \"cfg.set\": \"here\","
                      " \"list\": [{\"value\": \"x\", \"raw\": {\"v\": \"x\", \"keep\": 1}},"
                      " {\"value\": \"y\"}], \"doc\": {\"p\": 1, \"q\": 2}}",
                      0, NULL);
}

static int expand(const char *text, enum d1_template_escape escape, char *ret, size_t size) {
    json_t *values = variables();
    struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    int status = d1_template_text(&vars, text, escape, &out);
    snprintf(ret, size, "%s", status == 0 ? d1_bytes_text(&out) : vars.missing);
    d1_bytes_close(&out);
    json_decref(values);
    return status;
}

static void check(const char *text, enum d1_template_escape escape, const char *expected) {
    char out[512];
    int status = expand(text, escape, out, sizeof(out));
    if (status != 0) {
        fail_msg("%s: %d", text, status);
    }
    assert_string_equal(out, expected);
}

static void test_texts(void **state) {
    (void)state;
    check("", D1_TEMPLATE_PLAIN, "");
    check("plain", D1_TEMPLATE_PLAIN, "plain");
    check("<{a}>{n}", D1_TEMPLATE_PLAIN, "<A b/c>17");
    check("{\"domain\":\"{n}\"}", D1_TEMPLATE_PLAIN, "{\"domain\":\"17\"}");
    check("{1}{}{ a}{", D1_TEMPLATE_PLAIN, "{1}{}{ a}{");
    check("/x/{a}", D1_TEMPLATE_PATH, "/x/A%20b%2Fc");
    check("/x/{a|path}", D1_TEMPLATE_PATH, "/x/A%20b/c");
    check("<x>{a|replace:b:<&>}</x>", D1_TEMPLATE_XML, "<x>A &lt;&amp;&gt;/c</x>");
    check("/{a}/b", D1_TEMPLATE_POINTER, "/A b~1c/b");
}

static void test_other_variable(void **state) {
    char out[512];
    (void)state;
    check("{a|else:n}{none|else:n}{empty|else:n|b64}", D1_TEMPLATE_PLAIN, "A b/c17MTc=");
    assert_int_equal(expand("{none|else:nobody}", D1_TEMPLATE_PLAIN, out, sizeof(out)),
                     D1_ENOTFOUND);
    assert_string_equal(out, "nobody");
}

/* A text of parts: an element for each value, as XML needs it. */
static void test_parts(void **state) {
    static const struct {
        const char *parts;
        int status;
        const char *text;
    } cases[] = {
        {"\"<a>{n}</a>\"", 0, "<a>17</a>"},
        {"[]", 0, ""},
        {"[\"<a>\", {\"$each\": \"list\", \"item\": \"<v>{it.value}{key|replace:k:&}</v>\"}, "
         "\"</a>\"]",
         0, "<a><v>x&amp;</v><v>y&amp;</v></a>"},
        {"[{\"$each\": \"list\", \"item\": \"{n}\"}, \"{it.value}\"]", D1_ENOTFOUND, ""},
        {"[{\"$each\": \"nobody\", \"item\": \"\"}]", D1_ENOTFOUND, ""},
        {"[{\"$each\": \"list\"}]", D1_EPARSE, ""},
        {"[7]", D1_EPARSE, ""},
    };
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        json_t *values = variables();
        json_t *parts = json_loads(cases[i].parts, JSON_DECODE_ANY, NULL);
        struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
        struct d1_bytes out;
        d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
        assert_non_null(parts);
        assert_int_equal(d1_template_parts(&vars, parts, D1_TEMPLATE_XML, &out), cases[i].status);
        if (cases[i].status == 0) {
            assert_string_equal(d1_bytes_text(&out), cases[i].text);
        }
        assert_null(vars.it);
        d1_bytes_close(&out);
        json_decref(parts);
        json_decref(values);
    }
}

static void test_missing(void **state) {
    char out[512];
    (void)state;
    assert_int_equal(expand("{none}", D1_TEMPLATE_PLAIN, out, sizeof(out)), D1_ENOTFOUND);
    assert_string_equal(out, "none");
    assert_int_equal(expand("{a|hmac-sha1:gone|hex}", D1_TEMPLATE_PLAIN, out, sizeof(out)),
                     D1_ENOTFOUND);
    assert_string_equal(out, "gone");
    check("{none|or:x}{empty|or:y}{n|or:z}", D1_TEMPLATE_PLAIN, "xy17");
}

static void test_faults_in_texts(void **state) {
    static const char *const texts[] = {"{a",
                                        "{a|}",
                                        "{a|none}",
                                        "{a|replace:x}",
                                        "{a|upper:x}",
                                        "{a|or:x:y}",
                                        "{a|or:x:y:z}",
                                        "{a#}",
                                        "{a#double}",
                                        "{nobody}",
                                        "{a|hex#int",
                                        "{a|replace:x:y",
                                        "{a|hmac-sha1:nobody}",
                                        "{a|or:\\"};
    json_t *values = variables();
    struct d1_template_fault fault;
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        if (d1_template_check(texts[i], known, values, &fault) != D1_EPARSE) {
            fail_msg("taken: %s", texts[i]);
        }
        assert_true(fault.text[0] != '\0');
    }
    assert_int_equal(d1_template_check("{a|upper|b64#json} {x", known, values, &fault), D1_EPARSE);
    assert_int_equal(d1_template_check("{a|upper|b64} {n#int} {\"x\"}", known, values, &fault), 0);
    json_decref(values);
}

static int expand_json(const char *text, json_t **ret) {
    json_t *values = variables();
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
    assert_non_null(json);
    int status = d1_template_json(&vars, json, ret);
    json_decref(json);
    json_decref(values);
    return status;
}

static void check_json(const char *text, const char *expected) {
    json_t *made = NULL;
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(wanted);
    int status = expand_json(text, &made);
    if (status != 0 || !json_equal(made, wanted)) {
        char *found = json_dumps(made, JSON_ENCODE_ANY);
        fail_msg("%s: %d: %s", text, status, found != NULL ? found : "nothing");
    }
    json_decref(made);
    json_decref(wanted);
}

static void test_json(void **state) {
    (void)state;
    check_json("{\"x\": \"{n}\", \"y\": [1, true, null, \"{a|upper}\"]}",
               "{\"x\": \"17\", \"y\": [1, true, null, \"A B/C\"]}");
    check_json("{\"x\": \"{n#int}\", \"y\": \"{yes#bool}\", \"z\": \"{n#bool}\"}",
               "{\"x\": 17, \"y\": true, \"z\": false}");
    check_json("{\"x\": \"{id#json}\", \"y\": \"{doc#json}\", \"z\": \"{n#int} \"}",
               "{\"x\": 7, \"y\": {\"p\": 1, \"q\": 2}, \"z\": \"17 \"}");
    check_json("{\"{n}\": {\"{key}{key}\": 1}}", "{\"17\": {\"kk\": 1}}");
}

static void test_settings_that_are_not_set(void **state) {
    json_t *made = NULL;
    (void)state;
    check_json("{\"x\": \"{cfg.set}\", \"y\": \"{cfg.not}\", \"z\": \"a{cfg.not|or:b}\"}",
               "{\"x\": \"here\", \"z\": \"ab\"}");
    assert_int_equal(expand_json("{\"x\": \"{record_id}\"}", &made), D1_ENOTFOUND);
    assert_int_equal(expand_json("[\"{cfg.not}\"]", &made), D1_ENOTFOUND);
    assert_int_equal(expand_json("{\"x\": \"{a#int}\"}", &made), D1_EPARSE);
    assert_int_equal(expand_json("{\"x\": \"{gone#json}\"}", &made), D1_ENOTFOUND);
    assert_null(made);
}

static void test_lists(void **state) {
    json_t *made = NULL;
    (void)state;
    check_json(
        "{\"r\": {\"$each\": \"list\", \"item\": {\"v\": \"{it.value}\", \"t\": \"{n#int}\"}}}",
        "{\"r\": [{\"v\": \"x\", \"t\": 17}, {\"v\": \"y\", \"t\": 17}]}");
    check_json("{\"$each\": \"list\", \"keep\": true, \"item\": \"{it.value}\"}",
               "[{\"v\": \"x\", \"keep\": 1}, \"y\"]");
    check_json("{\"$merge\": \"doc\", \"q\": \"{n}\", \"r\": 3}",
               "{\"p\": 1, \"q\": \"17\", \"r\": 3}");
    check_json("{\"$merge\": \"gone\", \"q\": 1}", "{\"q\": 1}");
    check_json("{\"f\": {\"$json\": {\"a\": \"{n}\", \"b\": [\"{id#json}\"]}}}",
               "{\"f\": \"{\\\"a\\\":\\\"17\\\",\\\"b\\\":[7]}\"}");
    assert_int_equal(expand_json("{\"$each\": \"gone\", \"item\": 1}", &made), D1_ENOTFOUND);
    assert_null(made);
}

static void test_depth(void **state) {
    json_t *deep = json_integer(1);
    json_t *values = variables();
    json_t *made = NULL;
    struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
    struct d1_template_fault fault;
    (void)state;
    for (int i = 0; i < D1_TEMPLATE_DEPTH_MAX + 1; i++) {
        deep = json_pack("[o]", deep);
    }
    assert_int_equal(d1_template_json(&vars, deep, &made), D1_ETOOLARGE);
    assert_int_equal(d1_template_check_json(deep, known, values, &fault), D1_EPARSE);
    json_decref(deep);
    json_decref(values);
}

static void test_too_long(void **state) {
    char out[512];
    char text[64] = "{a|replace:A:";
    (void)state;
    memset(text + strlen(text), 'x', 20);
    memcpy(text + 33, "}", 2);
    assert_int_equal(expand(text, D1_TEMPLATE_PLAIN, out, sizeof(out)), 0);
    json_t *values = variables();
    struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
    struct d1_bytes small;
    d1_bytes_init(&small, 5);
    assert_int_equal(d1_template_text(&vars, "{a}", D1_TEMPLATE_PLAIN, &small), 0);
    d1_bytes_clear(&small);
    assert_int_equal(d1_template_text(&vars, "{a}{a}", D1_TEMPLATE_PLAIN, &small), D1_ETOOLARGE);
    d1_bytes_close(&small);
    json_decref(values);
}

static void test_without_memory(void **state) {
    static const char text[] =
        "{\"r\": {\"$each\": \"list\", \"item\": {\"v\": \"{it.value|sha1|hex}\"}}, \"m\":"
        " {\"$merge\": \"doc\", \"{n}\": \"{a|upper|replace:A:b|b64}\"}, \"j\": {\"$json\": [1]}}";
    json_t *json = json_loads(text, 0, NULL);
    json_t *values = variables();
    int64_t alive = d1_mem_live();
    uint64_t faults = 1;
    (void)state;
    for (uint64_t skip = 0; faults > 0; skip++) {
        json_t *made = NULL;
        struct d1_template vars = {.find = find, .find_json = find_json, .arg = values};
        d1_mem_fault_arm(skip, 0);
        int status = d1_template_json(&vars, json, &made);
        faults = d1_mem_fault_disarm();
        assert_true(faults > 0 ? status != 0 && made == NULL : status == 0);
        json_decref(made);
        assert_int_equal(d1_mem_live(), alive);
    }
    json_decref(values);
    json_decref(json);
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_other_variable),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_faults_in_texts),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_settings_that_are_not_set),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
