#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "ctl/client.h"
#include "ctl/commands.h"

struct outcome {
    int status;
    char out[4096];
    char err[512];
};

static struct outcome run(int argc, const char *const *argv) {
    struct outcome outcome = {.status = -1};
    FILE *out = fmemopen(outcome.out, sizeof(outcome.out), "w");
    FILE *err = fmemopen(outcome.err, sizeof(outcome.err), "w");
    assert_non_null(out);
    assert_non_null(err);
    outcome.status = d1_ctl_main(argc, argv, out, err);
    fclose(out);
    fclose(err);
    return outcome;
}

#define RUN(...)                                                           \
    run((int)D1_ARRAY_LENGTH(((const char *[]){"dns01ctl", __VA_ARGS__})), \
        (const char *const[]){"dns01ctl", __VA_ARGS__})

static void test_version(void **state) {
    (void)state;
    struct outcome o = RUN("--version");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "dns01ctl " D1_VERSION "\n");
}

static void test_help_names_every_command_there_is(void **state) {
    (void)state;
    struct outcome o = RUN("--help");
    assert_int_equal(o.status, 0);
    for (const struct d1_ctl_command *c = d1_ctl_commands(); c->name != NULL; c++) {
        char line[64];
        snprintf(line, sizeof(line), "\n  %s ", c->name);
        assert_int_equal(strstr(o.out, line) != NULL, c->available);
    }
}

static void test_help_of_a_command(void **state) {
    (void)state;
    struct outcome o = RUN("trace", "--help");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "usage: dns01ctl trace NAME [--follow]\n\n"
                               "show what happened at an owner name\n\n"
                               "  --follow           go on showing what happens, until "
                               "interrupted\n");
}

static void test_usage_is_status_2(void **state) {
    (void)state;
    struct outcome o = RUN("frobnicate");
    assert_int_equal(o.status, 2);
    assert_string_equal(o.err, "dns01ctl: unknown command frobnicate; see dns01ctl --help\n");
    assert_int_equal(RUN("list", "x").status, 2);
}

static void test_commands_of_later_versions(void **state) {
    (void)state;
    struct outcome o = RUN("doctor", "example.test");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: doctor: not available in this version\n");
}

static void test_hook_lists_and_prints(void **state) {
    (void)state;
    struct outcome o = RUN("hook");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "dehydrated  HOOK"));
    o = RUN("hook", "uacme");
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "uacme -h /usr/bin/dns01ctl issue"));
    o = RUN("hook", "acme-tiny");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: there are no lines for acme-tiny; `dns01ctl hook` lists "
                               "the clients\n");
}

static void test_hook_calls(void **state) {
    (void)state;
    struct outcome o = RUN("--socket", "/nonexistent/control.sock", "exit_hook");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    assert_int_equal(RUN("begin", "http-01", "www.test", "t", "t.k").status, 1);
    o = RUN("deploy_challenge", "www.test");
    assert_int_equal(o.status, 2);
    assert_string_equal(o.err, "dns01ctl: usage: dns01ctl deploy_challenge {DOMAIN TOKEN VALUE}"
                               "...; see dns01ctl --help\n");
    o = RUN("--socket", "/nonexistent/control.sock", "dns_add", "www.test", "v");
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.err, "could not present the value of www.test\n"));
}

static void test_no_socket(void **state) {
    (void)state;
    struct outcome o = RUN("--socket", "/nonexistent/control.sock", "list");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err,
                        "dns01ctl: cannot reach dns01d at /nonexistent/control.sock: No such file "
                        "or directory; is it running? --socket names another place\n");
}

static void test_bad_token_files(void **state) {
    (void)state;
    struct outcome o = RUN("--url", "http://127.0.0.1:1", "--token-file", "/nonexistent", "list");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: cannot read the token file /nonexistent: No such file or "
                               "directory\n");
    o = RUN("--url", "http://127.0.0.1:1", "--token-file", "/dev/null", "list");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: the token file /dev/null must hold one line of 1 to 4096 "
                               "octets\n");
    o = RUN("--url", "http://127.0.0.1:1", "--token-file", "/dev/zero", "list");
    assert_int_equal(o.status, 1);
}

static void test_escape(void **state) {
    (void)state;
    char text[16];
    d1_ctl_escape("a-_.~Z9", text, sizeof(text));
    assert_string_equal(text, "a-_.~Z9");
    d1_ctl_escape("/?&\xFF", text, sizeof(text));
    assert_string_equal(text, "%2F%3F%26%FF");
    d1_ctl_escape("aaaaaaaaaaaaaaaaaaaaaaaa", text, sizeof(text));
    assert_true(strlen(text) < sizeof(text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_help_names_every_command_there_is),
        cmocka_unit_test(test_help_of_a_command),
        cmocka_unit_test(test_usage_is_status_2),
        cmocka_unit_test(test_commands_of_later_versions),
        cmocka_unit_test(test_hook_lists_and_prints),
        cmocka_unit_test(test_hook_calls),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_bad_token_files),
        cmocka_unit_test(test_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
