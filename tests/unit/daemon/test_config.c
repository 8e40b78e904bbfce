#include "daemon/config.h"

#include <errno.h>
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

struct lines {
    char text[4096];
    size_t length;
};

static void on_line(void *arg, const char *text) {
    struct lines *lines = arg;
    size_t room = sizeof(lines->text) - lines->length;
    int more = snprintf(lines->text + lines->length, room, "%s\n", text);
    lines->length += (size_t)more < room ? (size_t)more : 0;
}

static struct lines lines;

static struct d1_config *parse(const char *text) {
    struct d1_config *config = NULL;
    lines = (struct lines){.length = 0};
    struct d1_config_faults faults = {.line = on_line, .arg = &lines, .file = "f.yaml"};
    int err = d1_config_parse(text, strlen(text), &faults, &config);
    assert_int_equal(err, faults.count > 0 ? D1_ECONFIG : D1_OK);
    return config;
}

static struct d1_config *good(const char *text) {
    struct d1_config *config = parse(text);
    if (config == NULL) {
        fail_msg("%s", lines.text);
    }
    return config;
}

/* All faults of a document, one a line. */
static const char *faults_of(const char *text) {
    assert_null(parse(text));
    return lines.text;
}

#define ZONE "zones: [{name: a.test, nameservers: [ns1.a.test]}]\n"

static void an_empty_file_is_all_defaults(void **state) {
    (void)state;
    struct d1_config *config = good("");
    assert_int_equal(config->dns_listen.count, 2);
    assert_true(config->dns_listen.is_default);
    assert_int_equal(config->zones_count, 0);
    assert_int_equal(config->solver.lease_default_ms, 86400000);
    assert_int_equal(config->solver.lease_maximum_ms, INT64_C(30) * 86400000);
    assert_int_equal(config->solver.present_limit_ms, 25000);
    assert_false(config->solver.account_zone_set);
    assert_int_equal(config->frontend.registration, D1_REGISTRATION_TOKEN);
    assert_int_equal(config->frontend.registrations_per_hour, 30);
    assert_int_equal(config->frontend.registrations_total_per_hour, 1000);
    assert_int_equal(config->solver.accounts_max, 1000000);
    assert_int_equal(config->frontend.auth_failures_per_minute, 60);
    assert_string_equal(config->store_backend, "sqlite");
    d1_config_destroy(config);
}

static void without_a_file_the_example_zone_is_served(void **state) {
    (void)state;
    struct d1_config *config = NULL;
    struct d1_config_faults faults = {.line = on_line, .arg = &lines, .file = "built-in"};
    assert_int_equal(d1_config_read(NULL, &faults, &config), D1_OK);
    assert_int_equal(config->zones_count, 1);
    struct d1_name name;
    assert_int_equal(d1_name_from_text("auth.example.test", &name), D1_OK);
    assert_true(d1_name_equal(&config->zones[0].name, &name));
    assert_int_equal(config->zones[0].records_count, 1);
    d1_config_destroy(config);
}

static void zones_are_taken(void **state) {
    (void)state;
    struct d1_config *config = good("zones:\n"
                                    "  - name: Auth.Example.\n"
                                    "    nameservers: [ns1.x, ns2.x]\n"
                                    "    records: [\"ns1 A 192.0.2.1\"]\n"
                                    "    ttl: 7\n"
                                    "    negative-ttl: 9\n");
    const struct d1_zone_config *zone = &config->zones[0];
    char text[D1_NAME_TEXT_MAX];
    d1_name_to_text(&zone->name, text);
    assert_string_equal(text, "auth.example");
    d1_name_to_text(&zone->hostmaster, text);
    assert_string_equal(text, "hostmaster.auth.example");
    assert_int_equal(zone->nameservers_count, 2);
    assert_int_equal(zone->ttl, 7);
    assert_int_equal(zone->negative_ttl, 9);
    assert_null(zone->file);
    assert_true(config->solver.account_zone_set);
    assert_true(d1_name_equal(&config->solver.account_zone, &zone->name));
    d1_config_destroy(config);
}

static void faults_are_lines_with_file_line_path(void **state) {
    (void)state;
    assert_string_equal(faults_of("log:\n  level: loud\n"),
                        "f.yaml:2: log.level: \"loud\" is not known, expected one of: error, warn, "
                        "info, debug\n");
    assert_string_equal(faults_of("logs: {}\n"),
                        "f.yaml:1: logs: is not a known key; dns01d --print-defaults lists them\n");
    assert_string_equal(faults_of("dns: {workers: many}\n"),
                        "f.yaml:1: dns.workers: \"many\" is not a number in range, expected 0 to "
                        "256\n");
}

static void every_fault_is_told(void **state) {
    (void)state;
    const char *text = faults_of("log: {level: x}\ndns: {listen: [\"nowhere\"]}\nstore: {backend: "
                                 "tape}\n");
    assert_non_null(strstr(text, "f.yaml:1: log.level:"));
    assert_non_null(strstr(text, "f.yaml:2: dns.listen[0]: \"nowhere\" is not valid, expected an "
                                 "address and port"));
    assert_non_null(strstr(text, "f.yaml:3: store.backend:"));
}

static void what_is_not_built_is_refused(void **state) {
    (void)state;
    assert_non_null(
        strstr(faults_of("dns: {update-forward-to: []}"), "dns.update-forward-to: not available"));
    assert_non_null(
        strstr(faults_of("zones: [{name: a.test, nameservers: [b.test], dnssec: true}]"),
               "zones[0].dnssec: not available"));
    assert_non_null(strstr(faults_of("store: {backend: etcd}"),
                           "store.backend: \"etcd\" is not available in this version"));
}

static void resolvers_are_taken(void **state) {
    (void)state;
    struct d1_config *config =
        good("resolver: {servers: [192.0.2.53, \"192.0.2.53:5353\", \"2001:db8::53\"]}\n");
    assert_int_equal(config->resolver.servers_count, 3);
    assert_string_equal(config->resolver.servers[1], "192.0.2.53:5353");
    assert_string_equal(config->resolver.trust_anchor_file, "");
    d1_config_destroy(config);
    config = good("");
    assert_int_equal(config->resolver.servers_count, 0);
    d1_config_destroy(config);
}

static void bad_resolvers_are_told(void **state) {
    (void)state;
    assert_non_null(strstr(faults_of("resolver: {servers: [dns.example.test]}"),
                           "f.yaml:1: resolver.servers[0]: \"dns.example.test\" is not valid, "
                           "expected an address, with or without a port"));
    assert_non_null(
        strstr(faults_of("resolver: {servers: [1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
                         "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
                         "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1]}"),
               "resolver.servers: has too many, expected 16 or fewer"));
    assert_non_null(strstr(faults_of("resolver: {trust-anchor-file: /nonexistent/anchor}"),
                           "f.yaml:1: resolver.trust-anchor-file: /nonexistent/anchor: holds no "
                           "usable trust anchor"));
}

static void delegations_are_taken(void **state) {
    (void)state;
    struct d1_name name;
    struct d1_config *config =
        parse("zones: [{name: auth.example.test, nameservers: [ns1.example.test]}]\n"
              "delegations:\n"
              "  - {under: example.test, nameservers: [ns1.example.test, ns2.net],\n"
              "     hostmaster: host.example.test}\n"
              "  - {under: other.test., nameservers: [ns1.example.test]}\n");
    assert_non_null(config);
    assert_int_equal(config->zones_count, 1);
    assert_int_equal(config->served_count, 3);
    assert_false(config->zones[0].delegation);
    const struct d1_zone_config *first = &config->zones[1];
    assert_true(first->delegation);
    assert_int_equal(d1_name_from_text("example.test", &name), D1_OK);
    assert_true(d1_name_equal(&first->name, &name));
    assert_int_equal(first->nameservers_count, 2);
    assert_int_equal(d1_name_from_text("host.example.test", &name), D1_OK);
    assert_true(d1_name_equal(&first->hostmaster, &name));
    assert_int_equal(d1_name_from_text("hostmaster.other.test", &name), D1_OK);
    assert_true(d1_name_equal(&config->zones[2].hostmaster, &name));
    assert_true(config->zones[2].serial > 0);
    d1_config_destroy(config);
}

static void delegations_alone_give_no_account_zone(void **state) {
    (void)state;
    struct d1_config *config = parse("delegations: [{under: a.test, nameservers: [ns.test]}]");
    assert_non_null(config);
    assert_int_equal(config->zones_count, 0);
    assert_false(config->solver.account_zone_set);
    d1_config_destroy(config);
    assert_non_null(strstr(faults_of("api: {account-zone: x.a.test}\n"
                                     "delegations: [{under: a.test, nameservers: [ns.test]}]"),
                           "api.account-zone: is in none of the zones served here"));
}

static void faults_of_delegations_are_told(void **state) {
    (void)state;
    assert_non_null(strstr(faults_of("delegations:\n  - {nameservers: [b.test]}\n"),
                           "f.yaml:2: delegations[0].under: is missing"));
    assert_non_null(
        strstr(faults_of("delegations:\n  - {under: a.test}\n"),
               "f.yaml:2: delegations[0].nameservers: is empty, expected at least one"));
    assert_non_null(strstr(
        faults_of("zones: [{name: a.test, nameservers: [b.test]}]\n"
                  "delegations: [{under: A.test., nameservers: [b.test]}]\n"),
        "f.yaml:2: delegations[0].under: is a zone served here, which answers for its names"));
    assert_non_null(strstr(faults_of("delegations:\n"
                                     "  - {under: a.test, nameservers: [b.test]}\n"
                                     "  - {under: a.test, nameservers: [b.test]}\n"),
                           "f.yaml:3: delegations[1].under: is given twice"));
    assert_non_null(
        strstr(faults_of("delegations: [{under: a.test, nameservers: [b.test], dnssec: true}]"),
               "delegations[0].dnssec: not available in this version"));
    assert_non_null(strstr(
        faults_of("delegations: [{under: a.test, nameservers: [a.t, b.t, c.t, d.t, e.t, f.t, g.t, "
                  "h.t, i.t, j.t, k.t, l.t, m.t, n.t, o.t, p.t, q.t]}]"),
        "delegations[0]: has too many name servers"));
    assert_non_null(strstr(faults_of("delegations: [{under: a..test, nameservers: [b.test]}]"),
                           "delegations[0].under: \"a..test\" is not valid, expected a domain"));
}

static void a_zone_needs_a_name_and_a_name_server(void **state) {
    (void)state;
    assert_non_null(
        strstr(faults_of("zones:\n  - {ttl: 1}\n"), "f.yaml:2: zones[0].name: is missing"));
    assert_non_null(strstr(faults_of("zones:\n  - {name: a.test}\n"),
                           "f.yaml:2: zones[0].nameservers: is empty"));
    assert_non_null(strstr(faults_of("zones: [{name: a..test, nameservers: [b.test]}]"),
                           "zones[0].name: \"a..test\" is not valid, expected a domain name"));
}

static void a_bad_record_line_is_told_with_its_line(void **state) {
    (void)state;
    const char *text = faults_of("zones:\n"
                                 "  - name: a.test\n"
                                 "    nameservers: [ns1.a.test]\n"
                                 "    records:\n"
                                 "      - \"ns1 A 192.0.2.1\"\n"
                                 "      - \"ns2 A 192.0.2.999\"\n");
    assert_non_null(strstr(text, "f.yaml:6: zones[0].records[1]:"));
}

static void plain_http_stays_on_loopback(void **state) {
    (void)state;
    assert_non_null(strstr(faults_of("api: {listen: [\"0.0.0.0:80\"]}"),
                           "api.listen[0]: is not a loopback address"));
    d1_config_destroy(good("api: {listen: [\"0.0.0.0:80\"], insecure: true}"));
    d1_config_destroy(good("api: {listen: [\"[::1]:80\", \"127.1.2.3:80\"]}"));
}

static void account_zone_must_be_served(void **state) {
    (void)state;
    assert_non_null(strstr(faults_of(ZONE "api: {account-zone: b.test}\n"),
                           "f.yaml:2: api.account-zone: is in none of the zones served here"));
    struct d1_config *config = good(ZONE "api: {account-zone: in.a.test}\n");
    assert_true(config->solver.account_zone_set);
    d1_config_destroy(config);
}

static void leases_must_fit(void **state) {
    (void)state;
    assert_non_null(strstr(faults_of("leases: {default: 40d}"), "is longer than leases.maximum"));
    assert_non_null(strstr(faults_of("leases: {default: 1y}"), "is not a duration"));
}

static void patterns_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {"***.a", "a.*.b", "*a.test", "**a", "a..b"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        char text[256];
        snprintf(text, sizeof(text), "tokens: [{name: t, secret-file: /x, names: [\"%s\"]}]",
                 bad[i]);
        assert_non_null(strstr(faults_of(text), "tokens[0].names[0]:"));
    }
}

/* A file with that content; the caller unlinks it. */
static void write_secret(char *path, const char *content) {
    static const char template[] = "/tmp/dns01d-test-XXXXXX";
    memcpy(path, template, sizeof(template)); /* Into the caller's 64 octets. */
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static struct d1_config *with_token(const char *secret, const char *more) {
    char path[64];
    char text[512];
    write_secret(path, secret);
    snprintf(text, sizeof(text), ZONE "tokens:\n  - {name: t, secret-file: %s%s}\n", path, more);
    struct d1_config *config = parse(text);
    unlink(path);
    return config;
}

static void tokens_are_taken_without_their_newline(void **state) {
    (void)state;
    struct d1_config *config =
        with_token("0123456789abcdef\r\n", ", names: [\"**.x.test\"], verbs: [present]");
    assert_non_null(config);
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_TOKEN_DIGEST_DOMAIN, "0123456789abcdef", 16, digest), D1_OK);
    const struct d1_credential *found = d1_credentials_by_digest(config->credentials, digest);
    assert_non_null(found);
    assert_string_equal(found->owner, "token:t");
    assert_true(d1_rights_verb(found->rights, D1_VERB_PRESENT));
    assert_false(d1_rights_verb(found->rights, D1_VERB_CLEANUP));
    d1_config_destroy(config);
}

static void short_secrets_are_refused(void **state) {
    (void)state;
    assert_null(with_token("0123456789abcde\n", ""));
    assert_non_null(strstr(lines.text, "f.yaml:3: tokens[0]: the secret in "));
    assert_non_null(strstr(lines.text, "has 15 octets, expected at least 16"));
    assert_null(strstr(lines.text, "0123456789"));
}

static void missing_secrets_are_told(void **state) {
    (void)state;
    const char *text = faults_of("tokens: [{name: t, secret-file: /nowhere/at/all}]");
    assert_string_equal(text, "f.yaml:1: tokens[0]: cannot read /nowhere/at/all: No such file or "
                              "directory\n");
}

static void needs_restart_names_the_setting(void **state) {
    (void)state;
    struct d1_config *base = good(ZONE);
    struct d1_config *same = good(ZONE "leases: {default: 1h}\n");
    struct d1_config *moved = good(ZONE "dns: {listen: [\"127.0.0.1:53\"]}\n");
    struct d1_config *stored = good(ZONE "store: {backend: memory}\n");
    assert_null(d1_config_needs_restart(base, same));
    assert_string_equal(d1_config_needs_restart(base, moved), "dns.listen");
    assert_string_equal(d1_config_needs_restart(base, stored), "store.backend");
    d1_config_destroy(base);
    d1_config_destroy(same);
    d1_config_destroy(moved);
    d1_config_destroy(stored);
}

static void an_unreadable_file_is_one_line(void **state) {
    (void)state;
    struct d1_config *config = NULL;
    lines = (struct lines){.length = 0};
    struct d1_config_faults faults = {.line = on_line, .arg = &lines, .file = "/nowhere.yaml"};
    assert_int_equal(d1_config_read("/nowhere.yaml", &faults, &config), D1_ECONFIG);
    assert_string_equal(lines.text, "cannot read /nowhere.yaml: No such file or directory\n");
}

static void no_memory_leaves_nothing_behind(void **state) {
    (void)state;
    const char text[] = ZONE "api: {trusted-proxies: [\"10.0.0.0/8\"]}\n";
    int64_t before = d1_mem_live();
    for (uint64_t i = 0; i < 100000; i++) {
        struct d1_config *config = NULL;
        lines = (struct lines){.length = 0};
        struct d1_config_faults faults = {.line = on_line, .arg = &lines, .file = "f.yaml"};
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_all_defaults),
        cmocka_unit_test(without_a_file_the_example_zone_is_served),
        cmocka_unit_test(zones_are_taken),
        cmocka_unit_test(faults_are_lines_with_file_line_path),
        cmocka_unit_test(every_fault_is_told),
        cmocka_unit_test(what_is_not_built_is_refused),
        cmocka_unit_test(resolvers_are_taken),
        cmocka_unit_test(bad_resolvers_are_told),
        cmocka_unit_test(delegations_are_taken),
        cmocka_unit_test(delegations_alone_give_no_account_zone),
        cmocka_unit_test(faults_of_delegations_are_told),
        cmocka_unit_test(a_zone_needs_a_name_and_a_name_server),
        cmocka_unit_test(a_bad_record_line_is_told_with_its_line),
        cmocka_unit_test(plain_http_stays_on_loopback),
        cmocka_unit_test(account_zone_must_be_served),
        cmocka_unit_test(leases_must_fit),
        cmocka_unit_test(patterns_are_checked),
        cmocka_unit_test(tokens_are_taken_without_their_newline),
        cmocka_unit_test(short_secrets_are_refused),
        cmocka_unit_test(missing_secrets_are_told),
        cmocka_unit_test(needs_restart_names_the_setting),
        cmocka_unit_test(an_unreadable_file_is_one_line),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
