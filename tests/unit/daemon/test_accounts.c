/* Provider accounts of the configuration: what becomes of them, and the text of each fault. */
#include "daemon/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"
#include "daemon/config.h"

static char lines[8192];

static void on_line(void *arg, const char *text) {
    size_t length = strlen(lines);
    (void)arg;
    snprintf(lines + length, sizeof(lines) - length, "%s\n", text);
}

static struct d1_config *parse(const char *text) {
    struct d1_config *config = NULL;
    struct d1_config_faults faults = {.line = on_line, .file = "f.yaml"};
    lines[0] = '\0';
    int err = d1_config_parse(text, strlen(text), &faults, &config);
    assert_int_equal(err, faults.count > 0 ? D1_ECONFIG : D1_OK);
    return config;
}

static struct d1_config *good(const char *text) {
    struct d1_config *config = parse(text);
    if (config == NULL) {
        fail_msg("%s", lines);
    }
    return config;
}

static const char *faults_of(const char *text) {
    assert_null(parse(text));
    return lines;
}

static char folder[] = "/tmp/dns01d-accounts-XXXXXX";

static void write_file(const char *name, const char *octets, size_t length) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static int open_folder(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("key", "hidden\r\n\n", 9);
    write_file("empty", "", 0);
    write_file("binary", "a\0b", 3);
    write_file("latin", "\xe9\xe9", 2);
    return chdir(folder);
}

static int close_folder(void **state) {
    (void)state;
    static const char *const names[] = {"key", "empty", "binary", "latin"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        assert_int_equal(unlink(names[i]), 0);
    }
    return rmdir(folder);
}

static int clear_environment(void **state) {
    (void)state;
    unsetenv("PDNS_API_KEY");
    unsetenv("PDNS_API_KEY_FILE");
    unsetenv("PDNS_API_URL");
    return 0;
}

static const char *setting(const struct d1_config *config, const char *name) {
    assert_int_equal(config->accounts.count, 1);
    const json_t *settings = json_object_get(config->accounts.account[0], "settings");
    return json_string_value(json_object_get(settings, name));
}

static const json_t *member(const struct d1_config *config, const char *name) {
    assert_int_equal(config->accounts.count, 1);
    return json_object_get(config->accounts.account[0], name);
}

#define PDNS(more) \
    "providers:\n  a: {type: pdns, base-url: \"https://a.test\", api-key-file: key" more "}\n"

static void an_account_is_what_the_process_gets(void **state) {
    (void)state;
    struct d1_config *config = good(
        PDNS(", zone: Example.ORG., ca-file: /ca.pem, proxy: \"http://p.test:1\", look: false, "
             "timeout: 5s, allow-networks: [\"127.0.0.0/8\", \"::1/128\"]"));
    assert_string_equal(json_string_value(member(config, "name")), "a");
    assert_string_equal(json_string_value(member(config, "type")), "pdns");
    assert_string_equal(json_string_value(member(config, "zone")), "example.org");
    assert_string_equal(json_string_value(member(config, "ca-file")), "/ca.pem");
    assert_string_equal(json_string_value(member(config, "proxy")), "http://p.test:1");
    assert_true(json_is_false(member(config, "look")));
    assert_int_equal(json_integer_value(member(config, "limit-ms")), 5000);
    assert_int_equal(json_array_size(member(config, "networks")), 2);
    assert_string_equal(setting(config, "base-url"), "https://a.test");
    d1_config_destroy(config);
}

static void line_ends_behind_a_secret_are_cut(void **state) {
    (void)state;
    struct d1_config *config = good(PDNS(""));
    assert_string_equal(setting(config, "api-key"), "hidden");
    assert_true(json_is_true(member(config, "look")));
    d1_config_destroy(config);
}

static void the_environment_gives_what_is_not_written(void **state) {
    (void)state;
    setenv("PDNS_API_URL", "https://env.test", 1);
    setenv("PDNS_API_KEY", "from the environment", 1);
    struct d1_config *config = good("providers: {a: {type: pdns}}\n");
    assert_string_equal(setting(config, "base-url"), "https://env.test");
    assert_string_equal(setting(config, "api-key"), "from the environment");
    d1_config_destroy(config);
    config = good(PDNS(""));
    assert_string_equal(setting(config, "api-key"), "hidden"); /* Written ones hold. */
    d1_config_destroy(config);
}

static void the_environment_may_name_a_file(void **state) {
    (void)state;
    setenv("PDNS_API_KEY_FILE", "key", 1);
    struct d1_config *config = good("providers: {a: {type: pdns, base-url: \"https://a.test\"}}\n");
    assert_string_equal(setting(config, "api-key"), "hidden");
    d1_config_destroy(config);
    setenv("PDNS_API_KEY_FILE", "/nowhere", 1);
    assert_non_null(strstr(faults_of("providers: {a: {type: pdns, base-url: \"https://a.test\"}}"),
                           "f.yaml:1: providers.a.api-key: "));
}

static void routes_are_taken(void **state) {
    (void)state;
    struct d1_config *config = good(PDNS("") "routes:\n  - {under: Example.org, provider: a}\n");
    assert_int_equal(config->accounts.route_count, 1);
    assert_string_equal(config->accounts.route[0].account, "a");
    d1_config_destroy(config);
}

struct fault {
    const char *text;
    const char *told;
};

static void each_fault_has_its_text(void **state) {
    (void)state;
    static const struct fault faults[] = {
        {"providers: {a: {zone: x.test}}",
         "f.yaml:1: providers.a: needs type: the provider; `dns01ctl providers` lists them\n"},
        {"providers:\n  a:\n    type: nosuch\n",
         "f.yaml:3: providers.a.type: is no provider type; `dns01ctl providers` lists them\n"},
        {PDNS(", nosuch: x"), "f.yaml:2: providers.a.nosuch: is not a setting of pdns; `dns01ctl "
                              "providers pdns` lists them\n"},
        {"providers: {a: {type: pdns, base-url: \"https://a.test\", api-key: x}}",
         "f.yaml:1: providers.a.api-key: is a secret, expected api-key-file with the path of a "
         "file\n"},
        {"providers: {a: {type: pdns, base-url: \"https://a.test\"}}",
         "f.yaml:1: providers.a: needs api-key-file: API key\n"},
        {"providers: {a: {type: pdns, api-key-file: key}}",
         "f.yaml:1: providers.a: needs base-url: URL of the API\n"},
        {PDNS(", server: []"), "f.yaml:2: providers.a.server: is not a text, expected server id"},
        {"providers: {a: {type: pdns, base-url: \"https://a.test\", api-key-file: /nowhere}}",
         "f.yaml:1: providers.a.api-key-file: "},
        {"providers: {a: {type: pdns, base-url: \"https://a.test\", api-key-file: binary}}",
         "f.yaml:1: providers.a.api-key-file: holds what is no text (UTF-8)\n"},
        {"providers: {a: {type: pdns, base-url: \"https://a.test\", api-key-file: latin}}",
         "f.yaml:1: providers.a.api-key-file: holds what is no text (UTF-8)\n"},
        {PDNS(", allow-networks: x"), "f.yaml:2: providers.a.allow-networks: is not a list of"},
        {PDNS(", allow-networks: [127.0.0.1]"),
         "f.yaml:2: providers.a.allow-networks: is not a CIDR, expected like 10.0.0.0/8\n"},
        {PDNS(", timeout: 1ms"), "f.yaml:2: providers.a.timeout: is not a duration from 100ms to"},
        {PDNS(", timeout: soon"), "f.yaml:2: providers.a.timeout: is not a duration from 100ms to"},
        {PDNS(", zone: a..b"), "f.yaml:2: providers.a.zone: is not a domain name\n"},
        {PDNS(", look: maybe"), "f.yaml:2: providers.a.look: is not true or false\n"},
        {PDNS(", zone: []"), "f.yaml:2: providers.a.zone: is not a text\n"},
        {"providers: {\"~a\": {type: pdns, base-url: \"https://a.test\", api-key-file: key}}",
         "f.yaml:1: providers.~a: is no name for an account: 1 to 64 octets, not with ~\n"},
        {PDNS("") "routes: [{under: x.test, provider: b}]\n",
         "f.yaml:3: routes[0].provider: is not the name of an account in providers\n"},
        {"provider-dirs: [/nowhere/at/all]",
         "f.yaml:1: provider-dirs: No such file or directory\n"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(faults); i++) {
        const char *told = faults_of(faults[i].text);
        if (strstr(told, faults[i].told) == NULL) {
            fail_msg("expected: %s\ntold: %s", faults[i].told, told);
        }
        assert_null(strstr(told, "hidden"));
    }
}

static void every_fault_is_told_at_once(void **state) {
    (void)state;
    const char *told = faults_of("providers:\n"
                                 "  a: {type: nosuch}\n"
                                 "  b: {type: pdns, nosuch: x}\n"
                                 "routes: [{under: x.test, provider: c}]\n");
    assert_non_null(strstr(told, "providers.a.type"));
    assert_non_null(strstr(told, "providers.b.nosuch"));
    assert_non_null(strstr(told, "routes[0].provider"));
}

static void a_folder_with_a_broken_descriptor_is_told(void **state) {
    (void)state;
    static const char broken[] = "{\"schema\": 1,\n \"type\": \"mine\",\n \"nosuch\": 1}\n";
    write_file("mine.json", broken, sizeof(broken) - 1);
    char text[256];
    snprintf(text, sizeof(text), "log: {}\nprovider-dirs: [\"%s\"]\n", folder);
    const char *told = faults_of(text);
    assert_non_null(strstr(told, "f.yaml:2: provider-dirs: "));
    assert_non_null(strstr(told, "mine.json:"));
    assert_int_equal(unlink("mine.json"), 0);
}

static void no_fault_of_memory_leaks_or_lies(void **state) {
    (void)state;
    const char *text = PDNS("") "routes: [{under: x.test, provider: a}]\n";
    int64_t before = d1_mem_live();
    for (uint64_t i = 0; i < 100000; i++) {
        struct d1_config *config = NULL;
        struct d1_config_faults faults = {.line = on_line, .file = "f.yaml"};
        lines[0] = '\0';
        d1_mem_fault_arm(i, 0);
        int err = d1_config_parse(text, strlen(text), &faults, &config);
        uint64_t failed = d1_mem_fault_disarm();
        d1_config_destroy(config);
        assert_int_equal(d1_mem_live(), before);
        if (failed == 0) {
            assert_int_equal(err, D1_OK);
            return;
        }
        assert_int_not_equal(err, D1_OK);
    }
    fail_msg("it never ran without a fault");
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_account_is_what_the_process_gets),
        TEST(line_ends_behind_a_secret_are_cut),
        TEST(the_environment_gives_what_is_not_written),
        TEST(the_environment_may_name_a_file),
        TEST(routes_are_taken),
        TEST(each_fault_has_its_text),
        TEST(every_fault_is_told_at_once),
        TEST(a_folder_with_a_broken_descriptor_is_told),
        TEST(no_fault_of_memory_leaks_or_lies),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
