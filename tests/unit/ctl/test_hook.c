#include "ctl/hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

#define VALUE_A   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define VALUE_B   "-_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define WORDS_MAX 16

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct d1_hook_environment nothing_set;

static int recognise_in(const struct d1_hook_environment *environment, const char *const *words,
                        struct d1_hook_call *ret_call, struct d1_error *error) {
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    assert_true(count <= WORDS_MAX);
    return d1_hook_recognise(count, words, environment, ret_call, error);
}

static struct d1_hook_call recognise(const char *const *words) {
    struct d1_hook_call call;
    struct d1_error error = {.text = ""};
    if (recognise_in(&nothing_set, words, &call, &error) != D1_OK) {
        fail_msg("%s: %s", words[0], error.text);
    }
    return call;
}

static void assert_no_hook(const char *const *words) {
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&nothing_set, words, &call, NULL), D1_ENOTFOUND);
}

static void assert_bad(const char *const *words, const char *text) {
    struct d1_hook_call call;
    struct d1_error error = {.text = ""};
    assert_int_equal(recognise_in(&nothing_set, words, &call, &error), D1_EPARSE);
    assert_string_equal(error.text, text);
}

static void assert_change(const struct d1_hook_call *call, size_t index, const char *name,
                          const char *value) {
    struct d1_hook_change change;
    assert_true(index < call->count);
    assert_int_equal(d1_hook_change(call, index, &change, NULL), D1_OK);
    assert_string_equal(change.name, name);
    assert_string_equal(change.value, value);
}

static void assert_one(const char *const *words, enum d1_hook_action action, const char *name,
                       const char *value) {
    struct d1_hook_call call = recognise(words);
    assert_int_equal(call.action, action);
    assert_int_equal(call.count, 1);
    assert_null(call.echo);
    assert_change(&call, 0, name, value);
}

static void assert_nothing(const char *const *words) {
    struct d1_hook_call call = recognise(words);
    assert_int_equal(call.action, D1_HOOK_NOTHING);
    assert_int_equal(call.count, 0);
}

static void test_certbot_presents_then_cleans_up(void **state) {
    (void)state;
    struct d1_hook_environment environment = {.domain = "www.test", .validation = VALUE_A};
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_OK);
    assert_int_equal(call.action, D1_HOOK_PRESENT);
    assert_string_equal(call.echo, VALUE_A);
    assert_int_equal(call.count, 1);
    assert_change(&call, 0, "_acme-challenge.www.test", VALUE_A);

    environment.auth_output = VALUE_A;
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_OK);
    assert_int_equal(call.action, D1_HOOK_CLEANUP);
    assert_null(call.echo);
    assert_change(&call, 0, "_acme-challenge.www.test", VALUE_A);
}

static void test_certbot_keeps_the_output_of_an_earlier_order(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {
        .domain = "www.test", .validation = VALUE_A, .auth_output = VALUE_B};
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_OK);
    assert_int_equal(call.action, D1_HOOK_PRESENT);
}

static void test_certbot_output_may_have_more_lines(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {
        .domain = "www.test", .validation = VALUE_A, .auth_output = "hello\n" VALUE_A "\nbye"};
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_OK);
    assert_int_equal(call.action, D1_HOOK_CLEANUP);
}

static void test_certbot_with_http_01(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {
        .domain = "www.test", .validation = "t.k", .token = "t"};
    struct d1_hook_call call;
    struct d1_error error = {.text = ""};
    assert_int_equal(recognise_in(&environment, NULL, &call, &error), D1_EPARSE);
    assert_string_equal(error.text, "certbot asks for http-01; give it --preferred-challenges dns");
}

static void test_certbot_needs_both_variables(void **state) {
    (void)state;
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&nothing_set, NULL, &call, NULL), D1_ENOTFOUND);
    struct d1_hook_environment environment = {.domain = "www.test"};
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_ENOTFOUND);
    environment.validation = "";
    assert_int_equal(recognise_in(&environment, NULL, &call, NULL), D1_ENOTFOUND);
}

static void test_words_count_more_than_the_environment(void **state) {
    (void)state;
    const struct d1_hook_environment environment = {.domain = "www.test", .validation = VALUE_A};
    struct d1_hook_call call;
    assert_int_equal(recognise_in(&environment, WORDS("list"), &call, NULL), D1_ENOTFOUND);
    assert_int_equal(recognise_in(&environment, WORDS("present", "n", "v"), &call, NULL),
                     D1_ENOTFOUND);
}

static void test_dehydrated_one_at_a_time(void **state) {
    (void)state;
    assert_one(WORDS("deploy_challenge", "www.test", "token", VALUE_A), D1_HOOK_PRESENT,
               "_acme-challenge.www.test", VALUE_A);
    assert_one(WORDS("clean_challenge", "www.test", "token", VALUE_B), D1_HOOK_CLEANUP,
               "_acme-challenge.www.test", VALUE_B);
}

static void test_dehydrated_chain(void **state) {
    (void)state;
    struct d1_hook_call call = recognise(WORDS("deploy_challenge", "a.test", "t1", VALUE_A,
                                               "b.test", "t2", VALUE_B, "a.test", "t3", VALUE_B));
    assert_int_equal(call.action, D1_HOOK_PRESENT);
    assert_int_equal(call.count, 3);
    assert_change(&call, 0, "_acme-challenge.a.test", VALUE_A);
    assert_change(&call, 1, "_acme-challenge.b.test", VALUE_B);
    assert_change(&call, 2, "_acme-challenge.a.test", VALUE_B);
}

static void test_dehydrated_incomplete(void **state) {
    (void)state;
    assert_bad(WORDS("deploy_challenge"),
               "usage: dns01ctl deploy_challenge {DOMAIN TOKEN VALUE}...");
    assert_bad(WORDS("clean_challenge", "a", "t"),
               "usage: dns01ctl clean_challenge {DOMAIN TOKEN VALUE}...");
    assert_bad(WORDS("clean_challenge", "a", "t", VALUE_A, "b"),
               "usage: dns01ctl clean_challenge {DOMAIN TOKEN VALUE}...");
}

static void test_dehydrated_other_challenge_types(void **state) {
    (void)state;
    assert_nothing(WORDS("deploy_challenge", "www.test", "token", "token.thumbprint"));
    assert_nothing(WORDS("clean_challenge", "www.test", "token", "token.thumbprint"));
}

static void test_dehydrated_other_verbs(void **state) {
    (void)state;
    static const char *const verbs[] = {
        "sync_cert",
        "deploy_cert",
        "deploy_ocsp",
        "unchanged_cert",
        "invalid_challenge",
        "request_failure",
        "generate_csr",
        "startup_hook",
        "exit_hook",
        "verb_of_2030",
        "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_"
        "your_script"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_nothing(WORDS(verbs[i]));
        assert_nothing(WORDS(verbs[i], "www.test", "more", "words", "--json"));
    }
}

static void test_a_command_with_an_underscore_is_a_mistake(void **state) {
    (void)state;
    assert_no_hook(WORDS("provider_test", "account", "example.test"));
    assert_no_hook(WORDS("provider-test", "account", "example.test"));
    assert_no_hook(WORDS("_acme-challenge.www.test"));
    assert_no_hook(WORDS("_"));
    assert_no_hook(WORDS("A_B"));
    char long_word[400];
    memset(long_word, 'a', sizeof(long_word));
    long_word[1] = '_';
    long_word[sizeof(long_word) - 1] = '\0';
    assert_no_hook(WORDS(long_word));
}

static void test_uacme(void **state) {
    (void)state;
    assert_one(WORDS("begin", "dns-01", "www.test", "token", VALUE_A), D1_HOOK_PRESENT,
               "_acme-challenge.www.test", VALUE_A);
    assert_one(WORDS("done", "dns-01", "www.test", "token", VALUE_A), D1_HOOK_CLEANUP,
               "_acme-challenge.www.test", VALUE_A);
    assert_one(WORDS("failed", "dns-01", "www.test", "token", VALUE_A), D1_HOOK_CLEANUP,
               "_acme-challenge.www.test", VALUE_A);
}

static void test_uacme_other_challenge_types(void **state) {
    (void)state;
    assert_int_equal(recognise(WORDS("begin", "http-01", "www.test", "t", "t.k")).action,
                     D1_HOOK_DECLINE);
    assert_int_equal(recognise(WORDS("begin", "tls-alpn-01", "www.test", "t", "x")).action,
                     D1_HOOK_DECLINE);
    assert_no_hook(WORDS("begin"));
    assert_no_hook(WORDS("done", "dns-01", "www.test", "token"));
    assert_no_hook(WORDS("done", "dns-01", "www.test", "token", VALUE_A, "more"));
}

static void test_lego_raw_hashes_the_key_authorization(void **state) {
    (void)state;
    /* base64url(SHA-256("token.thumbprint")) by openssl dgst -sha256 -binary | basenc --base64url */
    static const char value[] = "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I";
    assert_one(WORDS("present", "--", "www.test", "token", "token.thumbprint"), D1_HOOK_PRESENT,
               "_acme-challenge.www.test", value);
    assert_one(WORDS("cleanup", "--", "*.www.test", "token", "token.thumbprint"), D1_HOOK_CLEANUP,
               "_acme-challenge.www.test", value);
}

static void test_lego_raw_needs_its_token(void **state) {
    (void)state;
    static const char text[] = "usage: dns01ctl present -- DOMAIN TOKEN TOKEN.THUMBPRINT";
    assert_bad(WORDS("present", "--", "www.test", "token", "other.thumbprint"), text);
    assert_bad(WORDS("present", "--", "www.test", "token", "token"), text);
    assert_bad(WORDS("present", "--", "www.test", "", ".thumbprint"), text);
}

static void test_lego_default_is_our_command(void **state) {
    (void)state;
    assert_no_hook(WORDS("present", "_acme-challenge.www.test.", VALUE_A));
    assert_no_hook(WORDS("cleanup", "_acme-challenge.www.test.", VALUE_A));
    assert_no_hook(WORDS("present", "--", "_acme-challenge.www.test.", VALUE_A));
    assert_no_hook(WORDS("present", "name", "value", "--lease", "10m"));
}

static void test_getssl(void **state) {
    (void)state;
    assert_one(WORDS("dns_add", "www.test", VALUE_A), D1_HOOK_PRESENT, "_acme-challenge.www.test",
               VALUE_A);
    assert_one(WORDS("dns_del", "www.test", VALUE_A), D1_HOOK_CLEANUP, "_acme-challenge.www.test",
               VALUE_A);
    assert_one(WORDS("dns_add", "www.test", VALUE_A, "ns1.test"), D1_HOOK_PRESENT,
               "_acme-challenge.www.test", VALUE_A);
    assert_bad(WORDS("dns_add", "www.test"), "usage: dns01ctl dns_add DOMAIN VALUE");
    assert_bad(WORDS("dns_del"), "usage: dns01ctl dns_del DOMAIN VALUE");
}

static void test_wildcard_shares_the_owner_name(void **state) {
    (void)state;
    assert_one(WORDS("dns_add", "*.www.test", VALUE_A), D1_HOOK_PRESENT, "_acme-challenge.www.test",
               VALUE_A);
    assert_one(WORDS("dns_add", "*w.test", VALUE_A), D1_HOOK_PRESENT, "_acme-challenge.*w.test",
               VALUE_A);
}

static int change_of(const char *domain, const char *value) {
    struct d1_hook_call call = recognise(WORDS("dns_add", domain, value));
    struct d1_hook_change change = {.name = "untouched"};
    int err = d1_hook_change(&call, 0, &change, NULL);
    if (err != D1_OK) {
        assert_string_equal(change.name, "untouched");
    }
    return err;
}

static void test_limits_of_domain_and_value(void **state) {
    (void)state;
    char text[D1_NAME_TEXT_MAX + 1];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(change_of(text, "v"), D1_ENAME);
    text[D1_NAME_TEXT_MAX - sizeof("_acme-challenge.")] = '\0';
    assert_int_equal(change_of(text, "v"), D1_OK);
    assert_int_equal(change_of("", "v"), D1_ENAME);
    assert_int_equal(change_of("*.", "v"), D1_ENAME);
    assert_int_equal(change_of("a", ""), D1_EVALUE);
    text[D1_TXT_STRING_MAX] = '\0';
    assert_int_equal(change_of("a", text), D1_OK);
    text[D1_TXT_STRING_MAX] = 'a';
    assert_int_equal(change_of("a", text), D1_EVALUE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certbot_presents_then_cleans_up),
        cmocka_unit_test(test_certbot_keeps_the_output_of_an_earlier_order),
        cmocka_unit_test(test_certbot_output_may_have_more_lines),
        cmocka_unit_test(test_certbot_with_http_01),
        cmocka_unit_test(test_certbot_needs_both_variables),
        cmocka_unit_test(test_words_count_more_than_the_environment),
        cmocka_unit_test(test_dehydrated_one_at_a_time),
        cmocka_unit_test(test_dehydrated_chain),
        cmocka_unit_test(test_dehydrated_incomplete),
        cmocka_unit_test(test_dehydrated_other_challenge_types),
        cmocka_unit_test(test_dehydrated_other_verbs),
        cmocka_unit_test(test_a_command_with_an_underscore_is_a_mistake),
        cmocka_unit_test(test_uacme),
        cmocka_unit_test(test_uacme_other_challenge_types),
        cmocka_unit_test(test_lego_raw_hashes_the_key_authorization),
        cmocka_unit_test(test_lego_raw_needs_its_token),
        cmocka_unit_test(test_lego_default_is_our_command),
        cmocka_unit_test(test_getssl),
        cmocka_unit_test(test_wildcard_shares_the_owner_name),
        cmocka_unit_test(test_limits_of_domain_and_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
