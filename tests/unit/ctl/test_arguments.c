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
    static const char *const names[] = {"doctor", "backup", "restore", "zone"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        struct d1_ctl_arguments a = parse_good(WORDS(names[i], "one", "two", "three"));
        assert_false(a.command->available);
    }
}

static void test_operands_that_may_be_missing(void **state) {
    (void)state;
    assert_int_equal(parse_good(WORDS("hook")).operands_count, 0);
    struct d1_ctl_arguments a = parse_good(WORDS("hook", "certbot"));
    assert_int_equal(a.operands_count, 1);
    assert_string_equal(a.operands[0], "certbot");
    assert_bad(WORDS("hook", "certbot", "more"), "hook: too many arguments, at more");
}

static void test_only_leading_options(void **state) {
    (void)state;
    static const char *const argv[] = {"dns01ctl", "--socket", "/s", "--json", "begin", "--url"};
    struct d1_ctl_arguments a;
    int word = 0;
    assert_int_equal(d1_ctl_parse_options(6, argv, &word, &a, NULL), D1_OK);
    assert_int_equal(word, 4);
    assert_string_equal(a.socket, "/s");
    assert_true(a.json);
    assert_null(a.url);
    assert_int_equal(d1_ctl_parse_options(4, argv, &word, &a, NULL), D1_OK);
    assert_int_equal(word, 4);
    assert_int_equal(d1_ctl_parse_options(2, argv, &word, &a, NULL), D1_EPARSE);
}

static struct d1_ctl_arguments complete(const char *const *words,
                                        const struct d1_ctl_environment *environment) {
    struct d1_ctl_arguments a = parse_good(words);
    assert_int_equal(d1_ctl_complete(&a, environment, NULL), D1_OK);
    return a;
}

static void test_environment_where_no_option_says(void **state) {
    (void)state;
    const struct d1_ctl_environment url = {.url = "http://a:1", .token_file = "/t", .socket = ""};
    struct d1_ctl_arguments a = complete(WORDS("list"), &url);
    assert_string_equal(a.url, "http://a:1");
    assert_string_equal(a.token_file, "/t");
    assert_null(a.socket);
    a = complete(WORDS("list", "--socket", "/s"), &url);
    assert_string_equal(a.socket, "/s");
    assert_null(a.url);
    assert_null(a.token_file);
    const struct d1_ctl_environment socket = {.socket = "/e"};
    assert_string_equal(complete(WORDS("list"), &socket).socket, "/e");
    a = complete(WORDS("list", "--url", "http://b:1", "--token-file", "/u"), &socket);
    assert_null(a.socket);
    assert_string_equal(a.url, "http://b:1");
    const struct d1_ctl_environment nothing = {.socket = NULL};
    assert_null(complete(WORDS("list"), &nothing).socket);
}

static void assert_bad_environment(const struct d1_ctl_environment *environment, const char *text) {
    struct d1_ctl_arguments a = parse_good(WORDS("list"));
    struct d1_error error = {.text = ""};
    assert_int_equal(d1_ctl_complete(&a, environment, &error), D1_EPARSE);
    assert_string_equal(error.text, text);
}

static void test_environment_that_makes_no_sense(void **state) {
    (void)state;
    assert_bad_environment(&(struct d1_ctl_environment){.url = "http://a:1"},
                           "DNS01CTL_URL and DNS01CTL_TOKEN_FILE go together");
    assert_bad_environment(&(struct d1_ctl_environment){.token_file = "/t"},
                           "DNS01CTL_URL and DNS01CTL_TOKEN_FILE go together");
    assert_bad_environment(
        &(struct d1_ctl_environment){.url = "http://a:1", .token_file = "/t", .socket = "/s"},
        "DNS01CTL_SOCKET and DNS01CTL_URL exclude each other");
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
        cmocka_unit_test(test_operands_that_may_be_missing),
        cmocka_unit_test(test_only_leading_options),
        cmocka_unit_test(test_environment_where_no_option_says),
        cmocka_unit_test(test_environment_that_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
