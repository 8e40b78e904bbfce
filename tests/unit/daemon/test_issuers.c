/* Accounts of Issuers: what is taken of settings and Secret, under which name, and what is refused. */
#include "daemon/issuers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

struct world {
    struct d1_issuers *issuers;
    struct d1_error error;
    json_t *message;
};

static int open_world(void **state) {
    static struct world world;
    world = (struct world){.message = NULL};
    assert_int_equal(d1_issuers_create(NULL, &world.issuers), D1_OK);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    json_decref(w->message);
    d1_issuers_destroy(w->issuers);
    return 0;
}

/* Settings and Secret as JSON texts; NULL: none. */
static int make(struct world *w, const char *type, const char *settings, const char *secrets) {
    json_t *settings_json = settings != NULL ? json_loads(settings, 0, NULL) : NULL;
    json_t *secrets_json = secrets != NULL ? json_loads(secrets, 0, NULL) : NULL;
    assert_true((settings == NULL) == (settings_json == NULL));
    assert_true((secrets == NULL) == (secrets_json == NULL));
    struct d1_provider_brought brought = {
        .type = type, .settings = settings_json, .secrets = secrets_json};
    json_decref(w->message);
    w->message = NULL;
    w->error = (struct d1_error){0};
    int err = d1_issuers_message(w->issuers, &brought, &w->message, &w->error);
    json_decref(settings_json);
    json_decref(secrets_json);
    return err;
}

static const char *setting(const struct world *w, const char *name) {
    return json_string_value(json_object_get(json_object_get(w->message, "settings"), name));
}

static const char *member(const struct world *w, const char *name) {
    const char *text = json_string_value(json_object_get(w->message, name));
    return text != NULL ? text : "";
}

#define URL "{\"base-url\": \"https://pdns.example.test\"}"

static void settings_and_secret_become_an_account(void **state) {
    struct world *w = *state;
    assert_int_equal(make(w, "pdns", "{\"base_url\": \"https://a.test\", \"ttl\": 60}",
                          "{\"api-key\": \"hidden\"}"),
                     D1_OK);
    assert_string_equal(member(w, "type"), "pdns");
    assert_string_equal(setting(w, "base-url"), "https://a.test");
    assert_string_equal(setting(w, "ttl"), "60");
    assert_string_equal(setting(w, "api-key"), "hidden");
    assert_true(json_is_true(json_object_get(w->message, "look")));
}

static void one_key_is_the_one_secret(void **state) {
    struct world *w = *state;
    assert_int_equal(make(w, "pdns", URL, "{\"\": \"hidden\"}"), D1_OK);
    assert_string_equal(setting(w, "api-key"), "hidden");
    assert_int_equal(make(w, "ovh", NULL, "{\"\": \"hidden\"}"), D1_ECONFIG);
    assert_non_null(strstr(w->error.text, "secretRef.key: ovh takes more than one secret"));
}

static void a_bundle_of_authorities_is_taken(void **state) {
    struct world *w = *state;
    const char *settings = "{\"base-url\": \"https://a.test\", \"ca-bundle\": \"-----BEGIN\"}";
    assert_int_equal(make(w, "pdns", settings, "{\"api-key\": \"k\"}"), D1_OK);
    assert_string_equal(member(w, "ca-pem"), "-----BEGIN");
    assert_int_equal(make(w, "pdns", "{\"base-url\": \"https://a.test\", \"ca-bundle\": 1}",
                          "{\"api-key\": \"k\"}"),
                     D1_ECONFIG);
    assert_string_equal(w->error.text, "settings.ca-bundle: expected certificates, PEM");
}

static void zone_and_ttl_are_taken(void **state) {
    struct world *w = *state;
    struct d1_name zone;
    json_t *secrets = json_pack("{s:s}", "api-token", "t");
    assert_int_equal(d1_name_from_text("example.org", &zone), D1_OK);
    struct d1_provider_brought brought = {
        .type = "cloudflare", .secrets = secrets, .zone = &zone, .ttl = 120};
    assert_int_equal(d1_issuers_message(w->issuers, &brought, &w->message, &w->error), D1_OK);
    json_decref(secrets);
    assert_string_equal(member(w, "zone"), "example.org");
    assert_int_equal(json_integer_value(json_object_get(w->message, "ttl")), 120);
}

static void the_same_account_has_the_same_name(void **state) {
    struct world *w = *state;
    char first[D1_VIA_TEXT_MAX + 1];
    assert_int_equal(make(w, "pdns", URL, "{\"api-key\": \"hidden\"}"), D1_OK);
    snprintf(first, sizeof(first), "%s", member(w, "name"));
    assert_int_equal(strlen(first), 33);
    assert_int_equal(first[0], '~');
    assert_int_equal(make(w, "pdns", URL, "{\"\": \"hidden\"}"), D1_OK);
    assert_string_equal(member(w, "name"), first);
}

static void another_secret_or_setting_is_another_name(void **state) {
    struct world *w = *state;
    static const char *const others[][2] = {
        {URL, "{\"api-key\": \"other\"}"},
        {"{\"base-url\": \"https://b.test\"}", "{\"api-key\": \"hidden\"}"},
        {"{\"base-url\": \"https://pdns.example.test\", \"ttl\": 5}", "{\"api-key\": \"hidden\"}"},
    };
    char first[D1_VIA_TEXT_MAX + 1];
    assert_int_equal(make(w, "pdns", URL, "{\"api-key\": \"hidden\"}"), D1_OK);
    snprintf(first, sizeof(first), "%s", member(w, "name"));
    for (size_t i = 0; i < D1_ARRAY_LENGTH(others); i++) {
        assert_int_equal(make(w, "pdns", others[i][0], others[i][1]), D1_OK);
        assert_string_not_equal(member(w, "name"), first);
    }
}

struct refused {
    const char *type;
    const char *settings;
    const char *secrets;
    const char *text;
};

static void what_is_wrong_is_told(void **state) {
    struct world *w = *state;
    static const struct refused refused[] = {
        {"nosuch", NULL, "{\"api-key\": \"k\"}",
         "provider: there is no provider \"nosuch\" for Issuers; `dns01ctl providers` lists them"},
        {"exec", NULL, "{\"program\": \"/bin/true\"}",
         "provider: there is no provider \"exec\" for Issuers; `dns01ctl providers` lists them"},
        {"pdns", "{\"nosuch\": \"x\"}", "{\"api-key\": \"k\"}",
         "settings: pdns has no setting \"nosuch\"; `dns01ctl providers pdns` lists them"},
        {"pdns", "{\"base-url\": \"https://a.test\", \"api-key\": \"k\"}", "{}",
         "settings.api-key is a secret: put it into a Secret and name it in secretRef"},
        {"pdns", URL, "{\"nosuch\": \"x\"}",
         "secretRef: pdns has no setting \"nosuch\"; `dns01ctl providers pdns` lists them"},
        {"pdns", NULL, "{\"api-key\": \"k\", \"base-url\": \"https://a.test\"}",
         "secretRef: base-url is no secret; it stands in settings"},
        {"pdns", URL, NULL, "pdns needs api-key (API key) in the Secret that secretRef names"},
        {"pdns", NULL, "{\"api-key\": \"k\"}", "pdns needs base-url (URL of the API) in settings"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(refused); i++) {
        const struct refused *r = &refused[i];
        assert_int_equal(make(w, r->type, r->settings, r->secrets), D1_ECONFIG);
        assert_string_equal(w->error.text, r->text);
        assert_null(w->message);
    }
}

static void no_fault_of_memory_leaks_or_lies(void **state) {
    struct world *w = *state;
    for (uint64_t i = 0; i < 5000; i++) {
        d1_mem_fault_arm(i, 0);
        int err = make(w, "cloudflare", NULL, "{\"api-token\": \"k\"}");
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, D1_OK);
            return;
        }
        assert_int_equal(err, -ENOMEM);
        assert_null(w->message);
    }
    fail_msg("it never ran without a fault");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(settings_and_secret_become_an_account),
        TEST(one_key_is_the_one_secret),
        TEST(a_bundle_of_authorities_is_taken),
        TEST(zone_and_ttl_are_taken),
        TEST(the_same_account_has_the_same_name),
        TEST(another_secret_or_setting_is_another_name),
        TEST(what_is_wrong_is_told),
        TEST(no_fault_of_memory_leaks_or_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
