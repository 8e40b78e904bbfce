/* Hook calls with a client that writes down what is asked. */
#include "ctl/hookrun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/hook.h"

#define VALUE_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define VALUE_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define VALUE_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define NEVER   99

struct recorder {
    struct d1_ctl_client client;
    unsigned fails_at; /* The request, from 0, that is refused. */
    unsigned sent;
    char log[2048]; /* "P name value\n" and "C name value\n" */
};

static int record(struct d1_ctl_client *client, const struct d1_ctl_request *request,
                  json_t **ret_reply, struct d1_error *error) {
    struct recorder *recorder = D1_CONTAINER_OF(client, struct recorder, client);
    size_t used = strlen(recorder->log);
    snprintf(recorder->log + used, sizeof(recorder->log) - used, "%s %s %s\n", request->method,
             request->path, request->body != NULL ? request->body : "");
    if (recorder->sent++ == recorder->fails_at) {
        return d1_error_set(error, D1_EINTERNAL, "no right");
    }
    *ret_reply = json_object();
    return D1_OK;
}

struct outcome {
    int status;
    char out[512];
    char err[1024];
};

static struct outcome run(struct recorder *recorder, size_t count, const char *const *words,
                          const struct d1_hook_environment *environment) {
    static const struct d1_hook_environment nothing_set;
    const struct d1_ctl_arguments arguments = {.lease = "10m"};
    struct outcome outcome = {.status = -1};
    struct d1_hook_call call;
    assert_int_equal(d1_hook_recognise(count, words,
                                       environment != NULL ? environment : &nothing_set, &call,
                                       NULL),
                     D1_OK);
    recorder->client.send = record;
    struct d1_ctl_context context = {
        .arguments = &arguments,
        .client = &recorder->client,
        .out = fmemopen(outcome.out, sizeof(outcome.out), "w"),
        .err = fmemopen(outcome.err, sizeof(outcome.err), "w"),
    };
    assert_non_null(context.out);
    assert_non_null(context.err);
    outcome.status = d1_hook_run(&context, &call);
    fclose(context.out);
    fclose(context.err);
    return outcome;
}

#define RUN(recorder, ...)                                                 \
    run((recorder), D1_ARRAY_LENGTH(((const char *const[]){__VA_ARGS__})), \
        (const char *const[]){__VA_ARGS__}, NULL)

#define POST(name, value)                                                           \
    "POST /v1/challenges {\"name\":\"_acme-challenge." name "\",\"value\":\"" value \
    "\",\"lease\":\"10m\"}\n"
#define DELETE(name, value) "DELETE /v1/challenges?name=_acme-challenge." name "&value=" value " \n"

static void test_present_says_nothing(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = RUN(&recorder, "begin", "dns-01", "a.test", "t", VALUE_A);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "");
    assert_string_equal(recorder.log, POST("a.test", VALUE_A));
}

static void test_clean_up_says_nothing(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = RUN(&recorder, "failed", "dns-01", "a.test", "t", VALUE_A);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "");
    assert_string_equal(recorder.log, DELETE("a.test", VALUE_A));
}

static void test_certbot_is_told_the_value(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {.domain = "a.test", .validation = VALUE_A};
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = run(&recorder, 0, NULL, &environment);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, VALUE_A "\n");
    assert_string_equal(recorder.log, POST("a.test", VALUE_A));
}

static void test_certbot_is_told_the_value_after_a_failure_too(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {.domain = "a.test", .validation = VALUE_A};
    struct recorder recorder = {.fails_at = 0};
    struct outcome o = run(&recorder, 0, NULL, &environment);
    assert_int_equal(o.status, 1);
    assert_string_equal(o.out, VALUE_A "\n");
    assert_string_equal(o.err, "dns01ctl: no right\n"
                               "dns01ctl: could not present the value of a.test\n");
}

static void test_chain(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = RUN(&recorder, "deploy_challenge", "a.test", "t", VALUE_A, "a.test", "t",
                           VALUE_B, "b.test", "t", VALUE_C);
    assert_int_equal(o.status, 0);
    assert_string_equal(recorder.log,
                        POST("a.test", VALUE_A) POST("a.test", VALUE_B) POST("b.test", VALUE_C));
}

static void test_chain_that_fails_leaves_nothing(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = 2};
    struct outcome o = RUN(&recorder, "deploy_challenge", "a.test", "t", VALUE_A, "a.test", "t",
                           VALUE_B, "b.test", "t", VALUE_C);
    assert_int_equal(o.status, 1);
    assert_string_equal(recorder.log,
                        POST("a.test", VALUE_A) POST("a.test", VALUE_B) POST("b.test", VALUE_C)
                            DELETE("a.test", VALUE_B) DELETE("a.test", VALUE_A));
    assert_string_equal(o.err, "dns01ctl: no right\n"
                               "dns01ctl: could not present the value of b.test\n");
}

static void test_chain_is_cleaned_up_whole(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = 0};
    struct outcome o =
        RUN(&recorder, "clean_challenge", "a.test", "t", VALUE_A, "b.test", "t", VALUE_B);
    assert_int_equal(o.status, 1);
    assert_string_equal(recorder.log, DELETE("a.test", VALUE_A) DELETE("b.test", VALUE_B));
    assert_string_equal(o.err, "dns01ctl: no right\n"
                               "dns01ctl: could not remove the value of a.test\n");
}

static void test_bad_domain_is_not_sent(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = RUN(&recorder, "dns_add", "*.", VALUE_A);
    assert_int_equal(o.status, 1);
    assert_string_equal(recorder.log, "");
    assert_string_equal(o.err, "dns01ctl: the domain is empty or too long\n"
                               "dns01ctl: could not present the value of *.\n");
}

static void test_what_is_not_for_us(void **state) {
    (void)state;
    struct recorder recorder = {.fails_at = NEVER};
    struct outcome o = RUN(&recorder, "exit_hook");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "");
    o = RUN(&recorder, "begin", "http-01", "a.test", "t", "t.k");
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "");
    assert_string_equal(recorder.log, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_present_says_nothing),
        cmocka_unit_test(test_clean_up_says_nothing),
        cmocka_unit_test(test_certbot_is_told_the_value),
        cmocka_unit_test(test_certbot_is_told_the_value_after_a_failure_too),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_chain_that_fails_leaves_nothing),
        cmocka_unit_test(test_chain_is_cleaned_up_whole),
        cmocka_unit_test(test_bad_domain_is_not_sent),
        cmocka_unit_test(test_what_is_not_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
