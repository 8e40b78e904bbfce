/* dns01ctl token and dns01ctl tsig, with a client that answers from a script. */
#include "ctl/tokens.h"

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
static struct outcome run(struct script *script, const char *const *words) {
    struct outcome outcome = {.status = -1};
    struct d1_ctl_arguments arguments;
    const char *argv[20] = {"dns01ctl"};
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
    };
    assert_non_null(context.out);
    assert_non_null(context.err);
    outcome.status = arguments.command->run(&context);
    fclose(context.out);
    fclose(context.err);
    return outcome;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define RIGHTS "\"names\":[\"h.test\"],\"owners\":[],\"verbs\":[\"present\",\"read\"]"
#define MADE                                                                                  \
    "{\"name\":\"h.test\"," RIGHTS ",\"lease\":\"7d\",\"quota\":5,"                           \
    "\"algorithm\":\"hmac-sha256\",\"source\":\"store\",\"created\":\"T\",\"secret\":\"S1\"," \
    "\"tsig_secret\":\"K1=\"}"

static void test_new_says_what_was_asked_for(void **state) {
    (void)state;
    struct script script = {.replies = {MADE}};
    struct outcome o =
        run(&script, WORDS("token", "new", "--name", "h.test", "--names", "a.test,**.b.test",
                           "--owner-name", "x.auth.test", "--verbs", "present,read", "--lease",
                           "7d", "--quota", "5", "--no-tsig"));
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last,
                        "POST /v1/tokens {\"name\":\"h.test\",\"names\":[\"a.test\",\"**.b.test\"],"
                        "\"owners\":[\"x.auth.test\"],\"verbs\":[\"present\",\"read\"],"
                        "\"lease\":\"7d\",\"quota\":5,\"tsig\":false}");
}

static void test_new_in_short(void **state) {
    (void)state;
    struct script script = {.replies = {MADE}};
    struct outcome o = run(&script, WORDS("token", "new", "h.test"));
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/tokens {\"name\":\"h.test\"}");
    static const char *const lines[] = {
        "secret       S1\n",
        "tsig secret  K1=\n",
        "Authorization: Bearer S1\n",
        "HTTPREQ_USERNAME=h.test\nHTTPREQ_PASSWORD=S1\n",
        "-y hmac-sha256:h.test:K1=\n",
        "key \"h.test\" {\n    algorithm hmac-sha256;\n    secret \"K1=\";\n};\n",
        "RFC2136_TSIG_KEY=h.test.\nRFC2136_TSIG_SECRET=K1=\n",
        "dns_rfc2136_name = h.test.\ndns_rfc2136_secret = K1=\n"
        "dns_rfc2136_algorithm = HMAC-SHA256\n",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lines); i++) {
        if (strstr(o.out, lines[i]) == NULL) {
            fail_msg("'%s' is not in '%s'", lines[i], o.out);
        }
    }
}

static void test_new_without_a_key_shows_none(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"name\":\"h.test\"," RIGHTS ",\"algorithm\":null,\"secret\":\"S1\"}"}};
    struct outcome o = run(&script, WORDS("token", "new", "h.test", "--no-tsig"));
    assert_int_equal(o.status, 0);
    assert_non_null(strstr(o.out, "HTTPREQ_PASSWORD=S1\n"));
    assert_null(strstr(o.out, "RFC2136"));
    assert_null(strstr(o.out, "algorithm"));
}

static void test_new_key(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"name\":\"k\"," RIGHTS ",\"algorithm\":\"hmac-sha512\",\"secret\":\"K\"}"}};
    struct outcome o = run(&script, WORDS("tsig", "new", "--name", "k", "--names", "**",
                                          "--algorithm", "hmac-sha512"));
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/tsig-keys {\"name\":\"k\",\"names\":[\"**\"],"
                                     "\"algorithm\":\"hmac-sha512\"}");
    assert_non_null(strstr(o.out, "-y hmac-sha512:k:K\n"));
    assert_non_null(strstr(o.out, "HMAC-SHA512\n"));
    assert_null(strstr(o.out, "HTTPREQ"));
}

static void test_json_is_the_reply(void **state) {
    (void)state;
    struct script script = {.replies = {MADE}};
    struct outcome o = run(&script, WORDS("token", "rotate", "h.test", "--json"));
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "POST /v1/tokens/h.test/rotate ");
    assert_string_equal(o.out, MADE "\n");
}

static void test_list_goes_through_all_pages(void **state) {
    (void)state;
    struct script script = {
        .replies = {"{\"tokens\":[{\"name\":\"a/b\"," RIGHTS ",\"lease\":null,\"quota\":null,"
                    "\"algorithm\":null,\"source\":\"configuration\"}],\"truncated\":true}",
                    "{\"tokens\":[{\"name\":\"c\"," RIGHTS ",\"lease\":\"7d\",\"quota\":5,"
                    "\"algorithm\":\"hmac-sha256\",\"source\":\"store\",\"created\":\"T\","
                    "\"hidden\":true}]}"}};
    struct outcome o = run(&script, WORDS("token"));
    assert_int_equal(o.status, 0);
    assert_int_equal(script.sent, 2);
    assert_string_equal(script.last, "GET /v1/tokens?after=a%2Fb ");
    assert_string_equal(
        o.out,
        "NAME  SERVES  VERBS         LEASE  QUOTA  TSIG         SOURCE                       "
        "CREATED\n"
        "a/b   h.test  present read  -      -      -            configuration                -\n"
        "c     h.test  present read  7d     5      hmac-sha256  hidden by the configuration  T\n");
}

static void test_remove(void **state) {
    (void)state;
    struct script script = {.replies = {"{\"name\":\"a/b\",\"removed\":true}"}};
    struct outcome o = run(&script, WORDS("token", "delete", "a/b"));
    assert_int_equal(o.status, 0);
    assert_string_equal(script.last, "DELETE /v1/tokens/a%2Fb ");
    assert_string_equal(o.out, "removed; its values stay until their lease ends\n");
}

static void test_refusal(void **state) {
    (void)state;
    struct script script = {.refusal = "h.test is taken (exists)"};
    struct outcome o = run(&script, WORDS("token", "new", "h.test"));
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "dns01ctl: h.test is taken (exists)\n");
    assert_int_equal(run(&script, WORDS("tsig", "list")).status, 1);
}

static void test_words_that_make_no_sense(void **state) {
    (void)state;
    static const char *const calls[][6] = {
        {"token", "new"},
        {"token", "new", "a", "--name", "b"},
        {"token", "new", "--nmae"},
        {"token", "new", "a", "--quota", "0"},
        {"token", "new", "a", "--quota", "many"},
        {"token", "show"},
        {"token", "list", "a"},
        {"token", "burn", "a"},
        {"token", "remove", "a", "--lease", "1d"},
        {"token", "list", "--no-tsig"},
        {"tsig", "rotate"},
        {"tsig", "new", ""},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(calls); i++) {
        struct script script = {.sent = 0};
        struct outcome o = run(&script, calls[i]);
        assert_int_equal(o.status, 2);
        assert_int_equal(script.sent, 0);
        assert_string_equal(script.last, "");
        assert_true(strlen(o.err) > 0);
    }
}

static void test_a_name_that_is_too_long(void **state) {
    (void)state;
    char name[200];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct script script = {.sent = 0};
    assert_int_equal(run(&script, WORDS("token", "show", name)).status, 2);
    assert_string_equal(script.last, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_says_what_was_asked_for),
        cmocka_unit_test(test_new_in_short),
        cmocka_unit_test(test_new_without_a_key_shows_none),
        cmocka_unit_test(test_new_key),
        cmocka_unit_test(test_json_is_the_reply),
        cmocka_unit_test(test_list_goes_through_all_pages),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_words_that_make_no_sense),
        cmocka_unit_test(test_a_name_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
