/* Commands with a client that answers from a script. */
#include "ctl/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "ctl/arguments.h"

struct script {
    struct d1_ctl_client client;
    const char *replies[4]; /* JSON, in the order of the requests. */
    const char *refusal;    /* Instead of a reply. */
    unsigned sent;
    char last[1024]; /* "METHOD path body" */
};

static int answer(struct d1_ctl_client *client, const struct d1_ctl_request *request,
                  json_t **ret_reply, struct d1_error *error) {
    struct script *script = D1_CONTAINER_OF(client, struct script, client);
    snprintf(script->last, sizeof(script->last), "%s %s %s", request->method, request->path,
             request->body != NULL ? request->body : "");
    if (script->refusal != NULL) {
        return d1_error_set(error, D1_EINTERNAL, "%s", script->refusal);
    }
    assert_true(script->sent < D1_ARRAY_LENGTH(script->replies));
    *ret_reply = json_loads(script->replies[script->sent++], 0, NULL);
    assert_non_null(*ret_reply);
    return D1_OK;
}

struct outcome {
    int status;
    char out[4096];
    char err[512];
};

/* Runs the command of these words (NULL-terminated). */
static struct outcome run(struct script *script, const char *const *words, unsigned polls_max) {
    struct outcome outcome = {.status = -1};
    struct d1_ctl_arguments arguments;
    const char *argv[8] = {"dns01ctl"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = words[argc - 1];
    }
    assert_int_equal(d1_ctl_parse(argc, argv, &arguments, NULL), D1_OK);
    script->client.send = answer;
    struct d1_ctl_context context = {
        .arguments = &arguments,
        .client = &script->client,
        .out = fmemopen(outcome.out, sizeof(outcome.out), "w"),
        .err = fmemopen(outcome.err, sizeof(outcome.err), "w"),
        .polls_max = polls_max,
    };
    assert_non_null(context.out);
    assert_non_null(context.err);
    outcome.status = arguments.command->run(&context);
    fclose(context.out);
    fclose(context.err);
    return outcome;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_present(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"name\":\"n.test\",\"value\":\"v\",\"owner\":\"socket\",\"expires\":null}"}};
    struct outcome o = run(&script, WORDS("present", "n.test", "v\"", "--lease", "10m"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/challenges "
                                     "{\"name\":\"n.test\",\"value\":\"v\\\"\",\"lease\":\"10m\"}");
    assert_string_equal(o.out, "NAME    VALUE  OWNER   EXPIRES\nn.test  v      socket  -\n");
}

static void test_present_json(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"name\":\"n.test\",\n \"value\":\"\xC3\xA4\",\"expires\":null}"}};
    struct outcome o = run(&script, WORDS("present", "n.test", "v", "--json"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/challenges {\"name\":\"n.test\",\"value\":\"v\"}");
    assert_string_equal(o.out, "{\"name\":\"n.test\",\"value\":\"\\u00E4\",\"expires\":null}\n");
}

static void test_present_refused(void **state) {
    (void)state;
    struct script script = {.refusal = "n.test: not served (not-served)"};
    struct outcome o = run(&script, WORDS("present", "n.test", "v"), 0);
    assert_int_equal(o.status, 1);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "dns01ctl: n.test: not served (not-served)\n");
}

static void test_present_of_what_is_no_utf8(void **state) {
    (void)state;
    struct script script = {.sent = 0};
    struct outcome o = run(&script, WORDS("present", "n.test", "\xFF"), 0);
    assert_int_equal(o.status, 1);
    assert_int_equal(script.sent, 0);
    assert_true(strlen(o.err) > 0);
}

static void test_operands_too_long(void **state) {
    (void)state;
    char value[300];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    struct script script = {.sent = 0};
    struct outcome o = run(&script, WORDS("cleanup", "n.test", value), 0);
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: the value is longer than 255 octets\n");
}

static void test_cleanup(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"name\":\"n.test\",\"value\":\"a b\"}"}};
    struct outcome o = run(&script, WORDS("cleanup", "n.test", "a b&+%/\xC3\xA4"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last,
                        "DELETE /v1/challenges?name=n.test&value=a%20b%26%2B%25%2F%C3%A4 ");
    assert_string_equal(o.out, "removed\n");
}

static void test_list(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"challenges\":["
                    "{\"name\":\"a.test\",\"value\":\"long value\",\"owner\":\"token:x\","
                    "\"expires\":\"2026-11-23T02:02:01.456Z\"},"
                    "{\"name\":\"longer.test\",\"value\":\"v\",\"owner\":\"socket\","
                    "\"expires\":null}]}"}};
    struct outcome o = run(&script, WORDS("list"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "NAME         VALUE       OWNER    EXPIRES\n"
                               "a.test       long value  token:x  2026-11-23T02:02:01.456Z\n"
                               "longer.test  v           socket   -\n");
}

static void test_list_that_is_cut(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"challenges\":[],\"truncated\":true}"}};
    struct outcome o = run(&script, WORDS("list"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "dns01ctl: there are more; the server lists no more at once\n");
}

static void test_control_characters_do_not_reach_the_terminal(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"challenges\":[{\"name\":\"a\",\"value\":\"\\u001b[2J\\u009b\\n\\u007f\","
                    "\"owner\":\"\xC3\xA4\",\"expires\":null}]}"}};
    struct outcome o = run(&script, WORDS("list"), 0);
    assert_string_equal(o.out, "NAME  VALUE    OWNER  EXPIRES\na     ?[2J???  \xC3\xA4      -\n");
}

#define EVENT(time, rest) "{\"time\":\"" time "\",\"event\":" rest "}"
#define PRESENTED         EVENT("T1", "\"presented\",\"value\":\"v\"")
#define ASKED             EVENT("T2", "\"asked\",\"from\":\"192.0.2.1\",\"records\":1,\"truncated\":false")
#define REMOVED           EVENT("T3", "\"removed\",\"value\":\"v\"")
#define PRESENTED_LINE    "T1                        presented  value=v\n"
#define ASKED_LINE        "T2                        asked      from=192.0.2.1 records=1 truncated=false\n"
#define REMOVED_LINE      "T3                        removed    value=v\n"

static void test_trace(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"name\":\"n\",\"events\":[" PRESENTED "," ASKED "],"
                                        "\"asked_not_listed\":7}"}};
    struct outcome o = run(&script, WORDS("trace", "a/b.test"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "GET /v1/challenges/a%2Fb.test/timeline ");
    assert_string_equal(o.out, PRESENTED_LINE ASKED_LINE "and asked 7 more times\n");
}

static void test_trace_of_an_unknown_name(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"name\":\"n\",\"events\":[],\"asked_not_listed\":0}"}};
    struct outcome o = run(&script, WORDS("trace", "n"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "dns01ctl: nothing is known of this name\n");
}

static void test_follow_once(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"events\":[" PRESENTED "," ASKED "]}"}};
    struct outcome o = run(&script, WORDS("trace", "n", "--follow", "--json"), 1);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, PRESENTED "\n" ASKED "\n");
}

static void test_follow_shows_each_event_once(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"events\":[" PRESENTED "]}", "{\"events\":[" ASKED "," REMOVED "]}"}};
    struct outcome o = run(&script, WORDS("trace", "n", "--follow"), 2);
    assert_int_equal(o.status, 0);
    assert_int_equal(script.sent, 2);
    assert_string_equal(o.out, PRESENTED_LINE ASKED_LINE REMOVED_LINE);
}

#define USER "c36f50e8-4632-44f0-83fe-e070fef28a10"
#define ROW(allowfrom)                                                               \
    "{\"username\":\"" USER "\",\"fulldomain\":\"s.auth.test\",\"subdomain\":\"s\"," \
    "\"allowfrom\":" allowfrom ",\"created\":\"T\"}"

static void test_accounts(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"accounts\":[" ROW("[]") "],\"truncated\":true}",
                                        "{\"accounts\":[" ROW("[\"a/1\",\"b/2\"]") "]}"}};
    struct outcome o = run(&script, WORDS("accounts"), 0);
    assert_int_equal(o.status, 0);
    assert_int_equal(script.sent, 2);
    assert_string_equal(script.last, "GET /v1/accounts?after=" USER " ");
    assert_string_equal(
        o.out, "USERNAME                              NAME         CREATED  ALLOWED FROM\n" USER
               "  s.auth.test  T        everybody\n" USER "  s.auth.test  T        a/1 b/2\n");
}

static void test_accounts_allow(void **state) {
    (void)state;
    struct script script = {.replies = {ROW("[\"a/1\"]"), ROW("[]")}};
    run(&script, WORDS("accounts", "allow", USER, "a/1,b/2"), 0);
    assert_string_equal(script.last,
                        "PATCH /v1/accounts/" USER " {\"allowfrom\":[\"a/1\",\"b/2\"]}");
    struct outcome o = run(&script, WORDS("accounts", "allow", USER, ""), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "PATCH /v1/accounts/" USER " {\"allowfrom\":[]}");
}

static void test_accounts_rotate_and_delete(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"username\":\"u\",\"password\":\"p\"}",
                                        "{\"username\":\"u\",\"deleted\":true}"}};
    struct outcome o = run(&script, WORDS("accounts", "rotate", USER), 0);
    assert_string_equal(script.last, "POST /v1/accounts/" USER "/rotate ");
    assert_string_equal(o.out,
                        "password    p\n\nThe password is shown only now; the old one is not "
                        "valid any more.\n");
    o = run(&script, WORDS("accounts", "delete", USER), 0);
    assert_string_equal(script.last, "DELETE /v1/accounts/" USER " ");
    assert_string_equal(o.out, "deleted, with its values\n");
}

static void test_accounts_usage(void **state) {
    (void)state;
    static const char *const words[][5] = {
        {"accounts", "delete"},       {"accounts", "delete", "x"},
        {"accounts", "allow", USER},  {"accounts", "list", USER},
        {"accounts", "rename", USER}, {"accounts", "delete", USER, "more"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(words); i++) {
        struct script script = {.replies = {NULL}};
        struct outcome o = run(&script, words[i], 0);
        assert_int_equal(o.status, 2);
        assert_int_equal(script.sent, 0);
        assert_int_not_equal(o.err[0], '\0');
    }
}

static void test_register(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"username\":\"u\",\"password\":\"p\",\"fulldomain\":\"s.auth.test\","
                    "\"subdomain\":\"s\",\"allowfrom\":[]}"}};
    struct outcome o = run(&script, WORDS("register"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /register ");
    assert_string_equal(o.out,
                        "username    u\npassword    p\nfulldomain  s.auth.test\nsubdomain   s\n\n"
                        "The password is shown only now. In the zone of the name to be certified:\n"
                        "_acme-challenge CNAME s.auth.test.\n");
}

static void test_reload(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"reloaded\":true}"}};
    struct outcome o = run(&script, WORDS("reload"), 0);
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/reload ");
    assert_string_equal(o.out, "reloaded\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_present),
        cmocka_unit_test(test_present_json),
        cmocka_unit_test(test_present_refused),
        cmocka_unit_test(test_present_of_what_is_no_utf8),
        cmocka_unit_test(test_operands_too_long),
        cmocka_unit_test(test_cleanup),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_that_is_cut),
        cmocka_unit_test(test_control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_trace_of_an_unknown_name),
        cmocka_unit_test(test_follow_once),
        cmocka_unit_test(test_follow_shows_each_event_once),
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_accounts_allow),
        cmocka_unit_test(test_accounts_rotate_and_delete),
        cmocka_unit_test(test_accounts_usage),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
