#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/descriptor.h"

#define HEAD "{\"schema\": 1, \"type\": \"x\", \"title\": \"X\", \"base\": \"https://api.test\""
#define ZONE ", \"zone\": {\"mode\": \"none\"}"
#define STEP "{\"method\": \"POST\", \"path\": \"/a\"}"
#define GOOD HEAD ZONE ", \"mode\": \"value\", \"create\": " STEP ", \"delete\": " STEP

static int make(const char *text, struct d1_descriptor **ret, struct d1_error *error) {
    return d1_descriptor_create(text, strlen(text), NULL, ret, error);
}

struct fault {
    const char *text;
    const char *fault;
};

static void check_faults(const struct fault *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct d1_descriptor *descriptor = NULL;
        struct d1_error error = {.text = ""};
        int status = make(cases[i].text, &descriptor, &error);
        if (status != D1_ECONFIG ||
            strncmp(error.text, cases[i].fault, strlen(cases[i].fault)) != 0) {
            fail_msg("%s: %d: %s", cases[i].text, status, error.text);
        }
        assert_null(descriptor);
    }
}

static void test_faults_name_their_place(void **state) {
    static const struct fault cases[] = {
        {"", "line 1:"},
        {"[]", "expected an object"},
        {"{\"a\": 1,\n\"a\": 2}", "line 2:"},
        {"{}", "\"schema\": expected 1"},
        {"{\"schema\": 2}", "\"schema\": expected 1"},
        {"{\"schema\": 1, \"type\": \"A_b\"}", "\"type\": expected lower-case"},
        {HEAD "}", "zone: is missing"},
        {HEAD ZONE "}", "\"mode\" is missing"},
        {HEAD ZONE ", \"mode\": \"value\"}", "\"create\" is missing"},
        {HEAD ZONE ", \"mode\": \"record\"}", "\"list\" is missing"},
        {HEAD ZONE ", \"mode\": \"rrset\"}", "\"get\" is missing"},
        {HEAD ZONE ", \"mode\": \"dance\"}", "mode: expected one of record, rrset, value"},
        {GOOD ", \"modes\": 1}", "modes: no such key"},
        {GOOD ", \"ok\": {\"text\": \"(\"}}", "ok.text: expected an extended regular expression"},
        {GOOD ", \"ok\": {\"status\": [99]}}", "ok: expected HTTP statuses"},
        {GOOD ", \"ok\": \"6xx\"}", "ok: expected HTTP statuses"},
        {GOOD ", \"ok\": {\"all\": {\"a\": 1}}}", "ok.all: \"a\" is not a JSON pointer"},
        {GOOD ", \"ok\": {\"/a\": {\"b\": 1}}}", "ok: expected a text or a list of texts at /a"},
        {GOOD ", \"error\": \"message\"}", "error: expected a JSON pointer"},
        {GOOD ", \"error\": [\"/a\", 1]}", "error: expected a JSON pointer"},
        {GOOD ", \"vars\": {\"a\": \"{nobody}\"}}", "vars: no such variable: nobody"},
        {GOOD ", \"vars\": {\"a\": \"{cfg.nobody}\"}}", "vars: no such variable: cfg.nobody"},
        {GOOD ", \"limits\": {\"ttl_min\": -1}}", "limits.ttl_min: expected a whole number"},
        {GOOD ", \"limits\": {\"ttl_allowed\": [\"a\"]}}", "limits: ttl_allowed"},
        {GOOD ", \"limits\": {\"rate\": {\"per_h\": 1}}}", "limits.per_h: no such key"},
        {GOOD ", \"config\": []}", "config: expected an object"},
        {GOOD ", \"config\": {\"a\": {\"help\": 1}}}", "config.a.help: expected a text"},
        {GOOD ", \"config\": {\"a\": {\"env\": [1]}}}", "config.a: env"},
        {GOOD ", \"config\": {\"a\": {\"members\": [1]}}}", "config.a: members: expected"},
        {GOOD ", \"config\": {\"a\": {\"members\": [\"b\"]}}, \"vars\": {\"x\": \"{cfg.a.c}\"}}",
         "vars: no such variable: cfg.a.c"},
    };
    (void)state;
    check_faults(cases, D1_ARRAY_LENGTH(cases));
}

static void test_faults_of_steps(void **state) {
    static const struct fault cases[] = {
        {GOOD ", \"publish\": {\"method\": \"GET\"}}", "publish: expected either \"path\" or"},
        {GOOD ", \"publish\": {\"method\": \"BREW\", \"path\": \"\"}}", "publish: \"method\""},
        {GOOD ", \"publish\": {\"method\": \"GET\", \"path\": \"a\"}}", "publish: \"path\" begins"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"json\": 1, \"text\": \"a\"}}",
         "publish: expected one of \"json\""},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"form\": []}}",
         "publish.form: expected an object"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"then\": \"run\"}}",
         "publish.then: expected \"publish\""},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"then\": \"wait\"}}",
         "\"wait\" is missing"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"auth\": 1}}",
         "publish.auth: expected true or false"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"xml\": {}}}",
         "publish.xml: expected a text, or a list of texts and of"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"xml\": [{\"$each\":"
              " \"values\", \"item\": {}}]}}",
         "publish.xml: expected a text, or a list of texts and of"},
        {GOOD ", \"publish\": {\"method\": \"PUT\", \"path\": \"\", \"xml\": [{\"$each\":"
              " \"nobody\", \"item\": \"\"}]}}",
         "publish.xml: expected the name of a variable at: $each"},
        {GOOD ", \"auth\": {\"sign\": {\"a\": {}}}}", "auth.sign.a: \"text\" is missing"},
        {GOOD ", \"auth\": {\"sign\": {\"a\": {\"text\": \"\", \"alg\": \"crc\"}}}}",
         "auth.sign.a: no algorithm"},
        {GOOD ", \"auth\": {\"sign\": {\"a\": {\"text\": \"\", \"enc\": \"b32\"}}}}",
         "auth.sign.a: \"enc\""},
        {GOOD ", \"auth\": {\"sign\": {\"a\": {\"text\": \"\", \"alg\": \"md5\", \"key\": \"\"}}}}",
         "auth.sign.a: \"key\" is not used"},
        {GOOD ", \"auth\": {\"if\": \"ttl !cfg.nobody\"}}",
         "auth.if: no such variable: cfg.nobody"},
        {GOOD ", \"auth\": []}", "auth: expected 1 to 8 entries"},
        {GOOD ", \"login\": {\"steps\": []}}", "login.steps: expected 1 to 8 steps"},
        {GOOD ", \"clock\": " STEP "}", "clock: \"unix\" is missing"},
        {GOOD ", \"wait\": " STEP "}", "wait: \"until\" is missing"},
        {GOOD ", \"fail\": [{\"kind\": \"busy\"}]}", "fail: \"when\" is missing"},
        {GOOD ", \"fail\": [{\"kind\": \"sad\", \"when\": 400}]}", "fail.kind: expected one of"},
        {GOOD ", \"retry\": {\"header\": 1}}", "retry.header: expected a text"},
        {HEAD ", \"zone\": {\"mode\": \"probe\"}}", "zone: \"request\" is missing"},
        {HEAD ", \"zone\": {\"mode\": \"list\", \"request\": " STEP "}}",
         "zone: \"name\" is missing"},
        {HEAD ", \"zone\": {\"mode\": \"lastlabels\"}}", "zone: \"labels\" is missing"},
        {HEAD ", \"zone\": {\"mode\": \"none\", \"next\": {\"kind\": \"page\"}}}",
         "zone.next: \"param\" is missing"},
        {HEAD
         ", \"zone\": {\"mode\": \"none\", \"next\": {\"kind\": \"cursor\", \"param\": \"c\"}}}",
         "zone.next: \"pointer\" is missing"},
        {HEAD
         ", \"zone\": {\"mode\": \"none\", \"next\": {\"kind\": \"offset\", \"param\": \"c\"}}}",
         "zone.next: \"size\" is missing"},
    };
    (void)state;
    check_faults(cases, D1_ARRAY_LENGTH(cases));
}

static void test_settings(void **state) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    (void)state;
    int status =
        make(GOOD ", \"config\": {\"api_token\": {\"help\": \"a token\", \"secret\": true, \"env\":"
                  " [\"A\", \"B\"]}, \"region\": {\"default\": \"eu\", \"choices\": [\"eu\","
                  " \"us\"]}, \"view\": {\"optional\": true}}}",
             &descriptor, &error);
    assert_int_equal(status, 0);
    const struct d1_provider *provider = &descriptor->provider;
    assert_int_equal(provider->setting_count, 5);
    assert_string_equal(provider->settings[0].name, "api-token");
    assert_string_equal(provider->settings[0].environment[1], "B");
    assert_null(provider->settings[0].environment[2]);
    assert_true(provider->settings[0].secret && provider->settings[0].required);
    assert_string_equal(provider->settings[1].fallback, "eu");
    assert_false(provider->settings[1].required || provider->settings[2].required);
    assert_string_equal(provider->settings[3].name, "base-url");
    assert_false(provider->settings[3].required);
    assert_string_equal(provider->settings[4].name, "ttl");
    d1_descriptor_destroy(descriptor);
}

/* A setting that is a JSON object, as Google's key files are. */
static void test_members_of_a_setting(void **state) {
    static const struct {
        const char *value;
        const char *fault;
    } cases[] = {
        {"{\"mail\": \"m\", \"id\": \"i\", \"other\": 1}", ""},
        {"{\"mail\": \"m\"}", ""},
        {"{\"id\": \"i\"}", "key-file: expected a JSON object with the text \"mail\""},
        {"{\"mail\": 1}", "key-file: expected a JSON object with the text \"mail\""},
        {"[]", "key-file: expected a JSON object"},
        {"{\"mail\":", "key-file: expected a JSON object"},
        {"/etc/key.json", "key-file: expected a JSON object"},
    };
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    (void)state;
    assert_int_equal(make(HEAD ZONE
                          ", \"mode\": \"value\", \"create\": " STEP ", \"delete\": " STEP
                          ", \"config\": {\"key_file\": {\"members\": [\"mail\", \"id?\"]}},"
                          " \"auth\": {\"headers\": {\"A\": \"{cfg.key_file.mail}\","
                          " \"B\": \"{cfg.key_file.id|or:none}\"}}}",
                          &descriptor, &error),
                     0);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        struct d1_pair pairs[] = {{"key_file", cases[i].value}};
        struct d1_provider_error fault = {.text = ""};
        void *account = NULL;
        const struct d1_provider *provider = &descriptor->provider;
        int status = provider->account_open(provider, pairs, 1, &account, &fault);
        assert_string_equal(fault.text, cases[i].fault);
        assert_int_equal(status == 0, cases[i].fault[0] == '\0');
        if (status == 0) {
            provider->account_close(account);
        }
    }
    d1_descriptor_destroy(descriptor);
}

static int open_with(const struct d1_descriptor *descriptor, const char *name, const char *value,
                     char *ret_text) {
    struct d1_pair pairs[] = {{"api_token", "t\n"}, {name, value}};
    struct d1_provider_error error = {.text = ""};
    void *account = NULL;
    const struct d1_provider *provider = &descriptor->provider;
    size_t count = name == NULL ? 0 : name[0] == '\0' ? 1 : 2;
    int status = provider->account_open(provider, pairs, count, &account, &error);
    snprintf(ret_text, sizeof(error.text), "%s", error.text);
    if (status == 0) {
        provider->account_close(account);
    }
    return status;
}

static void test_account(void **state) {
    static const struct {
        const char *name;
        const char *value;
        const char *fault;
    } cases[] = {
        {NULL, NULL, "api-token: is needed"},
        {"", NULL, ""},
        {"base-url", "https://other.test/v2/", ""},
        {"base_url", "http://[::1]:8080", ""},
        {"base-url", "ftp://x", "base-url: expected a URL, https://host/path"},
        {"base-url", "https://user@x/", "base-url: expected a URL, https://host/path"},
        {"base-url", "https:///a", "base-url: expected a URL, https://host/path"},
        {"base-url", "https://x/?a", "base-url: expected a URL, https://host/path"},
        {"base-url", "https://x/ y", "base-url: expected a URL, https://host/path"},
        {"ttl", "60", ""},
        {"ttl", "1h", "ttl: expected seconds, 1 to 604800"},
        {"region", "us", ""},
        {"region", "mars", "region: expected one of [\"eu\",\"us\"]"},
        {"colour", "red", "colour: this type has no such setting"},
    };
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    (void)state;
    assert_int_equal(make(GOOD ", \"config\": {\"api_token\": {\"secret\": true}, \"region\":"
                               " {\"default\": \"eu\", \"choices\": [\"eu\", \"us\"]}}}",
                          &descriptor, &error),
                     0);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        char text[D1_PROVIDER_TEXT_MAX];
        int status = open_with(descriptor, cases[i].name, cases[i].value, text);
        if (strcmp(text, cases[i].fault) != 0 || (status == 0) != (text[0] == '\0')) {
            fail_msg("%s: %d: %s", cases[i].name, status, text);
        }
    }
    d1_descriptor_destroy(descriptor);
}

/* The first way to authenticate whose settings are there; a secret of it that is not is named. */
static void test_ways_to_authenticate(void **state) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    char text[D1_PROVIDER_TEXT_MAX];
    (void)state;
    assert_int_equal(
        make(GOOD ", \"config\": {\"api_token\": {\"optional\": true}, \"user\": {\"optional\":"
                  " true}, \"pass_word\": {\"optional\": true}}, \"auth\": [{\"if\": \"cfg.user"
                  " !cfg.api_token\", \"basic\": [\"{cfg.user}\", \"{cfg.pass_word}\"]}, {\"if\":"
                  " \"cfg.api_token\", \"headers\": {\"A\": \"{cfg.api_token}\"}}]}",
             &descriptor, &error),
        0);
    assert_int_equal(open_with(descriptor, "", NULL, text), 0);
    assert_int_equal(open_with(descriptor, "user", "u", text), 0);
    assert_int_equal(open_with(descriptor, NULL, NULL, text), -1);
    assert_string_equal(text, "no way to authenticate is complete: see the settings of x");
    struct d1_pair pair = {"user", "u"};
    struct d1_provider_error fault = {.text = ""};
    void *account = NULL;
    assert_int_equal(
        descriptor->provider.account_open(&descriptor->provider, &pair, 1, &account, &fault), -1);
    assert_string_equal(fault.text, "pass-word: is needed");
    d1_descriptor_destroy(descriptor);
}

/* Secrets go to the base, to what `url`s name by settings, and to `hosts`. */
static void test_hosts(void **state) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    struct d1_provider_error fault = {.text = ""};
    struct d1_provider_traits traits = {.size = sizeof(traits)};
    void *account = NULL;
    (void)state;
    assert_int_equal(
        make(GOOD ", \"config\": {\"region\": {\"default\": \"eu\"}}, \"hosts\":"
                  " [\"*.{cfg.region}.example.net\"], \"login\": {\"method\": \"POST\", \"url\":"
                  " \"https://Auth.{cfg.region}.test/\"}, \"publish\": {\"method\": \"POST\","
                  " \"url\": \"https://{login.cookie}/\"}}",
             &descriptor, &error),
        0);
    assert_int_equal(
        descriptor->provider.account_open(&descriptor->provider, NULL, 0, &account, &fault), 0);
    descriptor->provider.traits(account, &traits);
    assert_string_equal(traits.hosts[0], "api.test");
    assert_string_equal(traits.hosts[1], "auth.eu.test");
    assert_string_equal(traits.hosts[2], "*.eu.example.net");
    assert_null(traits.hosts[3]);
    descriptor->provider.account_close(account);
    d1_descriptor_destroy(descriptor);
}

static void test_extends(void **state) {
    struct d1_descriptor *under = NULL;
    struct d1_descriptor *over = NULL;
    struct d1_error error = {.text = ""};
    static const char text[] = "{\"schema\": 1, \"type\": \"y\", \"title\": \"Y\", \"extends\": "
                               "\"x\", \"base\": \"https://y.test\", \"limits\": {\"ttl_min\": 60},"
                               " \"publish\": null, \"error\": [\"/e\"]}";
    char type[64];
    (void)state;
    assert_int_equal(make(GOOD ", \"limits\": {\"ttl_min\": 5, \"ttl_max\": 9}, \"publish\": " STEP
                               ", \"error\": \"/m\"}",
                          &under, &error),
                     0);
    assert_int_equal(d1_descriptor_extends(text, strlen(text), type, sizeof(type), &error), 0);
    assert_string_equal(type, "x");
    assert_int_equal(d1_descriptor_create(text, strlen(text), under, &over, &error), 0);
    d1_descriptor_destroy(under);
    assert_string_equal(over->provider.type, "y");
    assert_string_equal(over->base, "https://y.test");
    assert_int_equal(over->ttl_min, 60);
    assert_int_equal(over->ttl_max, 9);
    assert_false(over->publish.given);
    assert_true(json_is_array(over->error));
    assert_true(over->create.given);
    d1_descriptor_destroy(over);
}

static void test_without_memory(void **state) {
    static const char text[] =
        GOOD ", \"config\": {\"a_b\": {\"env\": [\"A\"]}}, \"vars\": {\"v\": \"{cfg.a_b}\"},"
             " \"retry\": {\"status\": [429], \"when\": {\"/a\": \"b\"}}}";
    int64_t alive = d1_mem_live();
    uint64_t faults = 1;
    (void)state;
    for (uint64_t skip = 0; faults > 0; skip++) {
        struct d1_descriptor *descriptor = NULL;
        struct d1_error error = {.text = ""};
        d1_mem_fault_arm(skip, 0);
        int status = make(text, &descriptor, &error);
        faults = d1_mem_fault_disarm();
        assert_true(faults > 0 || status == 0);
        d1_descriptor_destroy(descriptor);
        assert_int_equal(d1_mem_live(), alive);
    }
}

static void test_account_without_memory(void **state) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    (void)state;
    assert_int_equal(make(GOOD ", \"config\": {\"api_token\": {}, \"r\": {\"default\": \"d\"}},"
                               " \"hosts\": [\"h.test\"], \"auth\": {\"headers\": {\"A\":"
                               " \"{cfg.api_token}\"}}}",
                          &descriptor, &error),
                     0);
    int64_t alive = d1_mem_live();
    uint64_t faults = 1;
    for (uint64_t skip = 0; faults > 0; skip++) {
        char text[D1_PROVIDER_TEXT_MAX];
        d1_mem_fault_arm(skip, 0);
        int status = open_with(descriptor, "base-url", "https://b.test", text);
        faults = d1_mem_fault_disarm();
        assert_true(faults > 0 || status == 0);
        assert_int_equal(d1_mem_live(), alive);
    }
    d1_descriptor_destroy(descriptor);
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_name_their_place),
        cmocka_unit_test(test_faults_of_steps),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_members_of_a_setting),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_ways_to_authenticate),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_extends),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_account_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
