#include "ctl/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "ctl/commands.h"

#define WORDS_MAX 12

/* NULL-terminated words after the program's name. */
static int parse(const char *const *words, struct d1_ctl_arguments *arguments,
                 struct d1_error *error) {
    const char *argv[WORDS_MAX + 1] = {"dns01ctl"};
    int argc = 1;
    while (argc <= WORDS_MAX && words[argc - 1] != NULL) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    return d1_ctl_parse(argc, argv, arguments, error);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct d1_ctl_arguments parse_good(const char *const *words) {
    struct d1_ctl_arguments arguments;
    struct d1_error error = {.text = ""};
    if (parse(words, &arguments, &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
    return arguments;
}

static void assert_bad(const char *const *words, const char *text) {
    struct d1_ctl_arguments arguments = {.socket = "untouched"};
    struct d1_error error = {.text = ""};
    assert_int_equal(parse(words, &arguments, &error), D1_EPARSE);
    assert_string_equal(error.text, text);
    assert_string_equal(arguments.socket, "untouched");
}

static void test_present(void **state) {
    (void)state;
    struct d1_ctl_arguments a = parse_good(WORDS("present", "name", "value", "--lease", "10m"));
    assert_string_equal(a.command->name, "present");
    assert_int_equal(a.operands_count, 2);
    assert_string_equal(a.operands[0], "name");
    assert_string_equal(a.operands[1], "value");
    assert_string_equal(a.lease, "10m");
    assert_null(a.socket);
    assert_null(a.url);
    assert_false(a.json);
}

static void test_value_that_begins_with_a_dash(void **state) {
    (void)state;
    struct d1_ctl_arguments a = parse_good(WORDS("cleanup", "name", "-abc"));
    assert_string_equal(a.operands[1], "-abc");
    a = parse_good(WORDS("present", "name", "--abc_def", "--json"));
    assert_string_equal(a.operands[1], "--abc_def");
    assert_true(a.json);
    a = parse_good(WORDS("present", "--", "name", "--json"));
    assert_string_equal(a.operands[1], "--json");
    assert_false(a.json);
}

static void test_options_stand_anywhere(void **state) {
    (void)state;
    struct d1_ctl_arguments a = parse_good(WORDS("--json", "--socket", "/s", "list"));
    assert_string_equal(a.socket, "/s");
    assert_true(a.json);
    a = parse_good(WORDS("list", "--socket=/s", "--json"));
    assert_string_equal(a.socket, "/s");
    assert_true(a.json);
    a = parse_good(WORDS("trace", "--follow", "name"));
    assert_true(a.follow);
    assert_string_equal(a.operands[0], "name");
}

static void test_url_and_token_file(void **state) {
    (void)state;
    struct d1_ctl_arguments a = parse_good(WORDS("--url=http://a:1", "--token-file", "/t", "list"));
    assert_string_equal(a.url, "http://a:1");
    assert_string_equal(a.token_file, "/t");
    assert_bad(WORDS("--url", "http://a:1", "list"), "--url and --token-file go together");
    assert_bad(WORDS("--token-file", "/t", "list"), "--url and --token-file go together");
    assert_bad(WORDS("--url", "http://a:1", "--token-file", "/t", "--socket", "/s", "list"),
               "--socket and --url exclude each other");
}

static void test_help_and_version(void **state) {
    (void)state;
    assert_true(parse_good(WORDS("--help")).help);
    assert_true(parse_good(WORDS("-h")).help);
    assert_true(parse_good(WORDS("--version")).version);
    struct d1_ctl_arguments a = parse_good(WORDS("present", "--help"));
    assert_true(a.help);
    assert_string_equal(a.command->name, "present");
}

static void test_usage_faults(void **state) {
    (void)state;
    assert_bad(WORDS("frobnicate"), "unknown command frobnicate");
    assert_bad(WORDS("--frobnicate"), "unknown option --frobnicate");
    assert_bad(WORDS("list", "-x"), "unknown option -x");
    assert_bad(WORDS("list", "more"), "list: too many arguments, at more");
    assert_bad(WORDS("present", "a", "b", "c"), "present: too many arguments, at c");
    assert_bad(WORDS("present", "a"), "usage: dns01ctl present NAME VALUE [--lease D]");
    assert_bad(WORDS("trace"), "usage: dns01ctl trace NAME [--follow]");
    assert_bad(WORDS("list", "--socket"), "--socket needs a value");
    assert_bad(WORDS("list", "--socket="), "--socket needs a value");
    assert_bad(WORDS("list", "--socket", "/a", "--socket", "/b"), "--socket is given twice");
    assert_bad(WORDS("list", "--lease", "1h"), "list takes no --lease");
    assert_bad(WORDS("list", "--follow"), "list takes no --follow");
    assert_bad(WORDS("--json"), "a command is missing");
    struct d1_ctl_arguments arguments;
    assert_int_equal(parse(&(const char *const){NULL}, &arguments, NULL), D1_EPARSE);
}

static void test_later_commands_take_any_arguments(void **state) {
    (void)state;
    static const char *const names[] = {"doctor",        "accounts", "tsig",   "token",
                                        "backup",        "restore",  "import", "providers",
                                        "provider-test", "zone",     "hook"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        struct d1_ctl_arguments a = parse_good(WORDS(names[i], "one", "two", "three"));
        assert_false(a.command->available);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_present),
        cmocka_unit_test(test_value_that_begins_with_a_dash),
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_url_and_token_file),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_usage_faults),
        cmocka_unit_test(test_later_commands_take_any_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
