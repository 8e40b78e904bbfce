#include "core/setting.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"

static const char *const colors[] = {"red", "blue", NULL};
static const char *const listen[] = {"a", "b", NULL};

static int check_short(const char *text, struct d1_error *error) {
    return strlen(text) <= 3 ? D1_OK : d1_error_set(error, D1_EPARSE, "three letters at most");
}

static const struct d1_setting text_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_short, .help = "a short text"}};
static const struct d1_setting inner[] = {{.name = "depth",
                                           .type = D1_SETTING_NUMBER,
                                           .fallback = "5",
                                           .min = 1,
                                           .max = 9,
                                           .help = "depth"},
                                          {.name = "wait",
                                           .type = D1_SETTING_DURATION,
                                           .fallback = "10s",
                                           .min = 1000,
                                           .max = 60000,
                                           .help = "wait"},
                                          {.name = NULL}};
static const struct d1_setting entry[] = {
    {.name = "name", .type = D1_SETTING_TEXT, .flags = D1_SETTING_REQUIRED, .help = "its name"},
    {.name = NULL}};
static const struct d1_setting entry_item[] = {
    {.type = D1_SETTING_MAP, .fields = entry, .help = "an entry"}};
static const struct d1_setting table[] = {
    {.name = "color",
     .type = D1_SETTING_CHOICE,
     .fallback = "red",
     .choices = colors,
     .help = "color"},
    {.name = "on", .type = D1_SETTING_BOOL, .fallback = "false", .help = "on"},
    {.name = "rate", .type = D1_SETTING_RATE, .fallback = "30/h", .max = 1000, .help = "rate"},
    {.name = "listen",
     .type = D1_SETTING_LIST,
     .fallback_list = listen,
     .fields = text_item,
     .help = "places"},
    {.name = "inner", .type = D1_SETTING_MAP, .fields = inner, .help = "inner"},
    {.name = "entries", .type = D1_SETTING_LIST, .fields = entry_item, .help = "entries"},
    {.name = "later", .type = D1_SETTING_TEXT, .flags = D1_SETTING_NOT_BUILT, .help = ""},
    {.name = NULL}};

struct faults {
    unsigned count;
    char last[512];
};

static void on_fault(void *arg, unsigned line, const char *path, const char *text) {
    struct faults *faults = arg;
    faults->count++;
    snprintf(faults->last, sizeof(faults->last), "%u %s: %s", line, path, text);
}

static struct d1_node *map(void) {
    struct d1_node *node = d1_node_create(D1_NODE_MAP, NULL, NULL, 1);
    assert_non_null(node);
    return node;
}

static struct d1_node *put(struct d1_node *parent, const char *key, const char *text) {
    struct d1_node *node = d1_node_create(D1_NODE_TEXT, key, text, 7);
    assert_non_null(node);
    d1_node_append(parent, node);
    return node;
}

/* The last fault of a document that is one scalar at the top. */
static const char *fault_of(const char *key, const char *text) {
    static struct faults faults;
    faults = (struct faults){0};
    struct d1_node *root = map();
    put(root, key, text);
    int err = d1_setting_check(table, root, on_fault, &faults);
    assert_int_equal(err, faults.count > 0 ? D1_ECONFIG : D1_OK);
    d1_node_destroy(root);
    return faults.last;
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_OK);
    int64_t unit = 0;
    assert_int_equal(d1_setting_number(d1_node_path(root, "inner.depth")), 5);
    assert_int_equal(d1_setting_duration_ms(d1_node_path(root, "inner.wait")), 10000);
    assert_int_equal(d1_setting_rate(d1_node_find(root, "rate"), &unit), 30);
    assert_int_equal(unit, 3600000);
    assert_false(d1_setting_bool(d1_node_find(root, "on")));
    assert_int_equal(d1_setting_choice(d1_node_find(root, "color"), colors), 0);
    assert_int_equal(d1_node_find(root, "listen")->count, 2);
    assert_int_equal(d1_node_find(root, "listen")->line, 0);
    assert_int_equal(d1_node_find(root, "entries")->count, 0);
    assert_null(d1_node_find(root, "later"));
    d1_node_destroy(root);
}

static void faults_say_where_what_and_what_was_expected(void **state) {
    (void)state;
    assert_string_equal(fault_of("color", "green"),
                        "7 color: \"green\" is not known, expected one of: red, blue");
    assert_string_equal(fault_of("on", "yes"),
                        "7 on: \"yes\" is not known, expected true or false");
    assert_non_null(strstr(fault_of("rate", "30"), "is not a rate"));
    assert_non_null(strstr(fault_of("rate", "2000/h"), "is not a rate"));
    assert_non_null(strstr(fault_of("what", "x"), "7 what: is not a known key"));
    assert_string_equal(fault_of("later", "x"), "7 later: not available in this version");
    assert_non_null(strstr(fault_of("listen", "x"), "is not a list"));
    assert_non_null(strstr(fault_of("inner", "x"), "is not a map"));
    assert_string_equal(fault_of("rate", "0"), "");
    assert_string_equal(fault_of("rate", "5/s"), "");
}

static void inner_faults_carry_their_path(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    struct d1_node *in = d1_node_create(D1_NODE_MAP, "inner", NULL, 2);
    d1_node_append(root, in);
    put(in, "depth", "10");
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_ECONFIG);
    assert_string_equal(faults.last,
                        "7 inner.depth: \"10\" is not a number in range, expected 1 to 9");
    d1_node_destroy(root);
}

static void list_faults_carry_their_index(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    struct d1_node *list = d1_node_create(D1_NODE_LIST, "listen", NULL, 2);
    d1_node_append(root, list);
    put(list, NULL, "ok");
    put(list, NULL, "long");
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_ECONFIG);
    assert_string_equal(faults.last,
                        "7 listen[1]: \"long\" is not valid, expected three letters at most");
    d1_node_destroy(root);
}

static void required_keys_are_missed(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    struct d1_node *list = d1_node_create(D1_NODE_LIST, "entries", NULL, 2);
    d1_node_append(root, list);
    d1_node_append(list, d1_node_create(D1_NODE_MAP, NULL, NULL, 3));
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_ECONFIG);
    assert_string_equal(faults.last, "3 entries[0].name: is missing, expected its name");
    d1_node_destroy(root);
}

static void all_faults_are_reported(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    put(root, "color", "green");
    put(root, "on", "2");
    put(root, "x", "2");
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_ECONFIG);
    assert_int_equal(faults.count, 3);
    d1_node_destroy(root);
}

static void null_is_an_empty_list_or_map(void **state) {
    (void)state;
    struct faults faults = {0};
    struct d1_node *root = map();
    put(root, "listen", "")->null = true;
    put(root, "inner", "")->null = true;
    assert_int_equal(d1_setting_check(table, root, on_fault, &faults), D1_OK);
    assert_int_equal(d1_node_find(root, "listen")->count, 0);
    assert_int_equal(d1_setting_number(d1_node_path(root, "inner.depth")), 5);
    d1_node_destroy(root);
}

static void no_memory_is_told(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    for (uint64_t i = 0;; i++) {
        struct faults faults = {0};
        struct d1_node *root = map();
        d1_mem_fault_arm(i, 0);
        int err = d1_setting_check(table, root, on_fault, &faults);
        uint64_t failed = d1_mem_fault_disarm();
        d1_node_destroy(root);
        assert_int_equal(d1_mem_live(), before);
        assert_int_equal(err, failed > 0 ? -ENOMEM : D1_OK);
        if (failed == 0) {
            assert_true(i > 5);
            break;
        }
    }
}

static void printing_names_every_built_setting(void **state) {
    (void)state;
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    assert_int_equal(d1_setting_print(table, &out), D1_OK);
    const char *text = d1_bytes_text(&out);
    assert_non_null(strstr(text, "color: red  # color\n"));
    assert_non_null(strstr(text, "listen: [\"a\", \"b\"]"));
    assert_non_null(strstr(text, "  depth: 5"));
    assert_non_null(strstr(text, "  # name: \"\"  # its name (required)"));
    assert_null(strstr(text, "later"));
    d1_bytes_close(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(faults_say_where_what_and_what_was_expected),
        cmocka_unit_test(inner_faults_carry_their_path),
        cmocka_unit_test(list_faults_carry_their_index),
        cmocka_unit_test(required_keys_are_missed),
        cmocka_unit_test(all_faults_are_reported),
        cmocka_unit_test(null_is_an_empty_list_or_map),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(printing_names_every_built_setting),
    };
    return cmocka_run_group_tests_name("setting", tests, NULL, NULL);
}
