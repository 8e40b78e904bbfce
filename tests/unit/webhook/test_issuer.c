/* What an Issuer may say, and what its Secret gives. */
#include "webhook/kubernetes/issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/limits.h"
#include "webhook/kubernetes/names.h"

static json_t *json(const char *text) {
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

static void refused(const char *text, const char *story) {
    struct d1_issuer_config config;
    struct d1_error error = {0};
    json_t *value = json(text);
    assert_int_equal(d1_issuer_read(value, &config, &error), D1_ECONFIG);
    if (strstr(error.text, story) == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    json_decref(value);
}

static json_t *good(const char *text, struct d1_issuer_config *config) {
    json_t *value = json(text);
    struct d1_error error = {0};
    if (d1_issuer_read(value, config, &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
    return value;
}

static void nothing_is_served_by_us(void **state) {
    (void)state;
    static const char *const texts[] = {"{}", "null"};
    struct d1_issuer_config config;
    for (size_t i = 0; i < 2; i++) {
        json_t *value = good(texts[i], &config);
        assert_int_equal(config.kind, D1_ISSUER_SERVED);
        json_decref(value);
    }
    assert_int_equal(d1_issuer_read(NULL, &config, NULL), D1_OK);
    assert_int_equal(config.kind, D1_ISSUER_SERVED);
}

static void account_is_taken(void **state) {
    (void)state;
    struct d1_issuer_config config;
    json_t *value = good("{\"account\": \"my-pdns\", \"zone\": \"example.org\"}", &config);
    assert_int_equal(config.kind, D1_ISSUER_ACCOUNT);
    assert_string_equal(config.account, "my-pdns");
    assert_true(config.zone_set);
    json_decref(value);
}

static void provider_is_taken(void **state) {
    (void)state;
    struct d1_issuer_config config;
    json_t *value =
        good("{\"provider\": \"cloudflare\", \"zone\": \"example.org.\", \"ttl\": 120,"
             " \"settings\": {\"base-url\": \"https://api.example\", \"retries\": 3, \"on\": true},"
             " \"secretRef\": {\"name\": \"cf\", \"key\": \"token\"}}",
             &config);
    assert_int_equal(config.kind, D1_ISSUER_PROVIDER);
    assert_string_equal(config.provider, "cloudflare");
    assert_int_equal(config.ttl, 120);
    assert_string_equal(config.secret, "cf");
    assert_string_equal(config.key, "token");
    assert_null(config.keys);
    assert_int_equal(json_object_size(config.settings), 3);
    json_decref(value);
}

#define P "{\"provider\": \"a\", \"secretRef\": {\"name\": \"s\"}, "

static void an_issuer_reaches_no_further_than_itself(void **state) {
    (void)state;
    refused(P "\"settings\": {\"api-token-file\": \"/etc/shadow\"}}", "cannot name files");
    refused(P "\"settings\": {\"api_token_file\": \"/etc/shadow\"}}", "cannot name files");
    refused(P "\"settings\": {\"exec\": \"/bin/sh\"}}", "cannot name files");
    refused(P "\"settings\": {\"plugin\": \"x\"}}", "cannot name files");
    refused(P "\"settings\": {\"allow-networks\": \"10.0.0.0/8\"}}", "cannot name files");
    refused(P "\"settings\": {\"../x\": \"y\"}}", "not a setting's name");
    refused("{\"account\": \"a\", \"settings\": {\"base-url\": \"https://b\"}}", "together");
    refused("{\"account\": \"a\", \"provider\": \"b\"}", "together");
    refused("{\"account\": \"a\", \"secretRef\": {\"name\": \"b\"}}", "together");
    refused("{\"settings\": {\"base-url\": \"https://b\"}}", "provider is missing");
    refused("{\"provider\": \"a\", \"secretRef\": {\"name\": \"a\", \"namespace\": \"b\"}}",
            "own namespace");
    refused("{\"provider\": \"a\", \"secretRef\": {\"name\": \"../../kube-system/secrets/b\"}}",
            "name of a Secret");
    refused("{\"provider\": \"a/b\", \"secretRef\": {\"name\": \"b\"}}", "name of a provider");
    refused("{\"account\": \"../a\"}", "name of an account");
}

static void unknown_keys_are_named(void **state) {
    (void)state;
    refused("{\"apiTokenSecretRef\": {}}", "\"apiTokenSecretRef\"");
    refused("{\"Provider\": \"a\"}", "\"Provider\"");
    refused("{\"provider\": \"a\", \"secretRef\": {\"Name\": \"b\"}}", "\"Name\" in secretRef");
}

static void wrong_kinds_are_told(void **state) {
    (void)state;
    refused("[]", "must be an object");
    refused("\"a\"", "must be an object");
    refused("{\"provider\": 1}", "provider must be");
    refused("{\"provider\": \"\"}", "provider must be");
    refused(P "\"ttl\": \"60\"}", "ttl must be");
    refused(P "\"ttl\": 86401}", "ttl must be");
    refused(P "\"zone\": \"a..b\"}", "zone must be");
    refused(P "\"settings\": []}", "settings must be");
    refused(P "\"settings\": {\"a\": 1.5}}", "settings.a must be");
    refused(P "\"settings\": {\"a\": null}}", "settings.a must be");
    refused("{\"provider\": \"a\", \"secretRef\": \"b\"}", "secretRef must be");
    refused("{\"provider\": \"a\", \"secretRef\": {}}", "secretRef.name");
    refused("{\"provider\": \"a\", \"secretRef\": {\"name\": \"b\", \"keys\": {}}}", "keys must");
    refused("{\"provider\": \"a\", \"secretRef\": {\"name\": \"b\", \"keys\": {\"c\": 1}}}",
            "keys.c");
    refused("{\"provider\": \"a\", \"secretRef\": {\"name\": \"b\", \"key\": \"a/b\"}}",
            "secretRef.key");
}

static void too_many_settings(void **state) {
    (void)state;
    json_t *settings = json_object();
    for (int i = 0; i <= D1_ISSUER_SETTINGS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        json_object_set_new(settings, name, json_integer(i));
    }
    json_t *value = json_pack("{s:s, s:{s:s}, s:o}", "provider", "a", "secretRef", "name", "b",
                              "settings", settings);
    struct d1_issuer_config config;
    struct d1_error error;
    assert_int_equal(d1_issuer_read(value, &config, &error), D1_ECONFIG);
    json_decref(value);
}

/* What the Secret gives for a reference, as one JSON text; or the story of what is missing. */
static const char *values_of(const char *reference, const char *data) {
    static char text[512];
    struct d1_issuer_config config;
    struct d1_error error = {0};
    char whole[512];
    snprintf(whole, sizeof(whole), "{\"provider\": \"a\", \"secretRef\": {\"name\": \"s\"%s}}",
             reference);
    json_t *value = good(whole, &config);
    json_t *secret = json(data);
    json_t *values = NULL;
    if (d1_issuer_secret(&config, secret, &values, &error) == D1_OK) {
        char *dumped = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);
        snprintf(text, sizeof(text), "%s", dumped);
        free(dumped);
    } else {
        snprintf(text, sizeof(text), "%s", error.text);
    }
    d1_issuer_wipe(values);
    json_decref(secret);
    json_decref(value);
    return text;
}

static void secrets_give_values(void **state) {
    (void)state;
    assert_string_equal(values_of(", \"key\": \"t\"", "{\"t\": \"YWJj\"}"), "{\"\":\"abc\"}");
    assert_string_equal(values_of(", \"key\": \"t\"", "{\"t\": \"YWJjCg==\"}"), "{\"\":\"abc\"}");
    assert_string_equal(values_of(", \"keys\": {\"api-key\": \"t\", \"user\": \"u\"}",
                                  "{\"t\": \"YQ==\", \"u\": \"Yg==\", \"other\": \"Yw==\"}"),
                        "{\"api-key\":\"a\",\"user\":\"b\"}");
    assert_string_equal(values_of("", "{\"api-key\": \"YQ==\", \"user\": \"Yg==\"}"),
                        "{\"api-key\":\"a\",\"user\":\"b\"}");
}

static void secrets_that_lack_something(void **state) {
    (void)state;
    assert_non_null(strstr(values_of(", \"key\": \"t\"", "{}"), "has no key \"t\""));
    assert_non_null(strstr(values_of(", \"key\": \"t\"", "null"), "has no key \"t\""));
    assert_non_null(strstr(values_of(", \"key\": \"t\"", "{\"t\": 1}"), "has no key \"t\""));
    assert_non_null(strstr(values_of(", \"key\": \"t\"", "{\"t\": \"!\"}"), "is not a text"));
    assert_non_null(strstr(values_of(", \"key\": \"t\"", "{\"t\": \"////\"}"), "is not a text"));
    assert_non_null(strstr(values_of("", "{\"exec\": \"YQ==\"}"), "\"exec\" is not a setting"));
    assert_non_null(strstr(values_of("", "{\"A B\": \"YQ==\"}"), "\"A B\" is not a setting"));
}

static void names_of_kubernetes(void **state) {
    (void)state;
    char longest[D1_KUBE_LABEL_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[D1_KUBE_LABEL_MAX] = '\0';
    assert_true(d1_kube_is_label("a"));
    assert_true(d1_kube_is_label("a-1"));
    assert_true(d1_kube_is_label(longest));
    longest[D1_KUBE_LABEL_MAX] = 'a';
    longest[D1_KUBE_LABEL_MAX + 1] = '\0';
    static const char *const labels[] = {"", "-a", "a-", "A", "a.b", "a/b", "..", "a_b", "a%2f"};
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        assert_false(d1_kube_is_label(labels[i]));
    }
    assert_false(d1_kube_is_label(longest));
    assert_true(d1_kube_is_name("a.b-c.d"));
    assert_false(d1_kube_is_name("a..b"));
    assert_false(d1_kube_is_name("a."));
    assert_false(d1_kube_is_name("a/../b"));
    assert_true(d1_kube_is_key("tls.crt"));
    assert_true(d1_kube_is_key("API_KEY"));
    assert_false(d1_kube_is_key(".."));
    assert_false(d1_kube_is_key("a b"));
    assert_false(d1_kube_is_key(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_served_by_us),
        cmocka_unit_test(account_is_taken),
        cmocka_unit_test(provider_is_taken),
        cmocka_unit_test(an_issuer_reaches_no_further_than_itself),
        cmocka_unit_test(unknown_keys_are_named),
        cmocka_unit_test(wrong_kinds_are_told),
        cmocka_unit_test(too_many_settings),
        cmocka_unit_test(secrets_give_values),
        cmocka_unit_test(secrets_that_lack_something),
        cmocka_unit_test(names_of_kubernetes),
    };
    return cmocka_run_group_tests_name("issuer", tests, NULL, NULL);
}
