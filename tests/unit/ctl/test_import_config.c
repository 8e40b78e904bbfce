/* acme-dns' config.cfg: what is read of it, and what it becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "ctl/import/config.h"
#include "ctl/import/toml.h"

#define DOMAIN "[general]\ndomain = \"auth.example.org\"\n"

/* The configuration printed; to be freed. */
static char *convert(const char *text) {
    struct d1_acmedns_config config;
    struct d1_error error = {.code = D1_OK};
    char *printed = NULL;
    size_t length = 0;
    if (d1_acmedns_config_parse(text, strlen(text), &config, &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
    FILE *out = open_memstream(&printed, &length);
    assert_non_null(out);
    d1_acmedns_config_print(&config, out);
    fclose(out);
    d1_acmedns_config_close(&config);
    return printed;
}

static void assert_prints(const char *text, const char *part) {
    char *printed = convert(text);
    if (strstr(printed, part) == NULL) {
        fail_msg("'%s' is not in\n%s", part, printed);
    }
    free(printed);
}

static void assert_bad(const char *text, const char *story) {
    struct d1_acmedns_config config;
    struct d1_error error = {.code = D1_OK};
    int err = d1_acmedns_config_parse(text, strlen(text), &config, &error);
    if (err != D1_EPARSE || strstr(error.text, story) == NULL) {
        fail_msg("%d, %s: %s", err, error.text, text);
    }
}

static void test_all_of_it(void **state) {
    (void)state;
    char *printed = convert("# a comment\r\n"
                            "[general] # more\r\n"
                            "listen = \"192.0.2.1:53\"\n"
                            "protocol = 'both'\n"
                            "domain = \"auth.example.org.\"\n"
                            "nsname = \"ns1.example.org\"\n"
                            "nsadmin = \"admin.example.org\"\n"
                            "records = [\n  # one\n  \"auth.example.org. A 198.51.100.1\",\n"
                            "  'auth.example.org. 300 IN NS ns2.example.org.', "
                            "\"AUTH.example.org NS ns1.example.org\"\n]\n"
                            "debug = false\ntxt_limit = 1_0\n"
                            "[database]\nengine = \"sqlite3\"\nconnection = \"/var/acme.db\"\n"
                            "[API]\nip = \"127.0.0.1\"\nport = \"8080\"\nTLS = \"none\"\n"
                            "disable_registration = true\ncorsorigins = [ \"a\", \"b\" ]\n"
                            "[logconfig]\nloglevel = \"warning\"\nlogformat = \"json\"\n");
    assert_string_equal(
        printed,
        "# Configuration of dns01d, from a config.cfg of acme-dns. Check it with\n"
        "# `dns01d --check -c FILE`, start dns01d, then `dns01ctl import acme-dns` its database:\n"
        "# /var/acme.db\n"
        "# No counterpart: general.txt_limit\n"
        "# No counterpart: API.corsorigins\n"
        "log: {level: warn, format: json}\n"
        "dns:\n"
        "  listen: [\"192.0.2.1:53\"]\n"
        "zones:\n"
        "  - name: \"auth.example.org\"\n"
        "    nameservers: [\"ns1.example.org\", \"ns2.example.org.\"]\n"
        "    hostmaster: \"admin.example.org\"\n"
        "    records:\n"
        "      - \"auth.example.org. A 198.51.100.1\"\n"
        "api:\n"
        "  listen: [\"127.0.0.1:8080\"]\n"
        "  # acme-dns lets everybody register. `token` asks for a token with the verb register.\n"
        "  registration: closed\n"
        "  account-zone: \"auth.example.org\"\n");
    free(printed);
}

static void test_addresses(void **state) {
    (void)state;
    assert_prints(DOMAIN, "dns:\n  listen: [\"0.0.0.0:53\", \"[::]:53\"]\n");
    assert_prints(DOMAIN "listen = \"0.0.0.0:5353\"\n", "[\"0.0.0.0:5353\", \"[::]:5353\"]");
    assert_prints(DOMAIN "listen = \"[::]:53\"\nprotocol = \"both6\"\n", "listen: [\"[::]:53\"]\n");
    assert_prints(DOMAIN "protocol = \"udp4\"\n",
                  "# protocol was udp4: dns01d always answers over UDP and TCP, as DNS requires.\n"
                  "dns:\n  listen: [\"0.0.0.0:53\"]\n");
    assert_prints(DOMAIN "listen = \"[2001:db8::1]:53\"\n", "listen: [\"[2001:db8::1]:53\"]\n");
    assert_prints(DOMAIN "[api]\nip = \"2001:db8::1\"\nport = \"443\"\n",
                  "listen: [\"[2001:db8::1]:443\"]\n");
    assert_prints(DOMAIN "[api]\nip = \"::1\"\n", "listen: [\"[::1]:443\"]\n");
}

static void test_tls(void **state) {
    (void)state;
    assert_prints(DOMAIN "[api]\ntls = \"cert\"\ntls_cert_privkey = \"/k\"\n"
                         "tls_cert_fullchain = \"/c\"\n",
                  "  tls:\n    certificate: \"/c\"\n    key: \"/k\"\n");
    assert_prints(DOMAIN "[api]\ntls = \"letsencrypt\"\n", "certificate: /etc/dns01d/api-full");
    assert_prints(DOMAIN "[api]\nip = \"0.0.0.0\"\ntls = \"none\"\n", "  insecure: true\n");
    char *printed = convert(DOMAIN "[api]\nip = \"127.0.0.1\"\ntls = \"none\"\n");
    assert_null(strstr(printed, "insecure"));
    free(printed);
}

static void test_the_rest(void **state) {
    (void)state;
    assert_prints(DOMAIN, "  registration: open\n");
    assert_prints(DOMAIN "[api]\nuse_header = true\n", "trusted-proxies: [\"127.0.0.0/8\"");
    assert_prints(DOMAIN "[logconfig]\nloglevel = \"debug\"\n", "{level: debug, format: text}");
    assert_prints(DOMAIN "[logconfig]\nloglevel = \"odd\"\n", "{level: info, format: text}");
    assert_prints(DOMAIN "[database]\nengine = \"postgres\"\nconnection = \"postgres://u:p@h/d\"\n",
                  "pg_dump --format plain of it");
    assert_prints("top = 1\n" DOMAIN, "# No counterpart: top\n");
    assert_prints(DOMAIN "[database]\nconnection = \"a\\nb\"\n", "# a b\n");
    assert_prints(
        DOMAIN "records = [\"www A 192.0.2.1\", \"x.auth.example.org. NS y.\"]\n",
        "    records:\n      - \"www A 192.0.2.1\"\n      - \"x.auth.example.org. NS y.\"\n");
}

static void test_secrets_of_the_database_are_not_printed(void **state) {
    (void)state;
    char *printed = convert(
        DOMAIN "[database]\nengine = \"postgres\"\nconnection = \"postgres://u:pass@h/d\"\n");
    assert_null(strstr(printed, "pass@"));
    free(printed);
}

static void test_strings(void **state) {
    (void)state;
    assert_prints(DOMAIN "nsadmin = \"a\\t\\\"\\\\\\u00e9\\U0001F600\"\n",
                  "hostmaster: \"a\\t\\\"\\\\\xC3\xA9\xF0\x9F\x98\x80\"\n");
    assert_prints(DOMAIN "\"nsadmin\" = 'a\\t'\n", "hostmaster: \"a\\\\t\"\n");
    assert_prints("\xEF\xBB\xBF" DOMAIN, "auth.example.org");
}

static void test_faults_with_their_lines(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "general.domain is missing"},
        {"[general]\ndomain = \"\"\n", "general.domain is missing"},
        {"[general]\ndomain = true\n", "line 2: general.domain must be a string"},
        {"[general]\nrecords = \"a\"\n", "line 2: general.records must be a list of strings"},
        {"[general]\ndebug = 1\n", "line 2: general.debug must be true or false"},
        {DOMAIN "domain = \"b\"\n", "line 3: general.domain is given twice"},
        {"[general\n", "line 1: a table's name must end with ']'"},
        {"[general.x]\n", "tables within tables"},
        {"[]\n", "a key or [table] was expected"},
        {"= 1\n", "a key or [table] was expected"},
        {"a\n", "'=' was expected"},
        {"a = \n", "a string, whole number, true, false or list was expected"},
        {"a = 1.5\n", "more than one value on a line"},
        {"a = 99999999999999999999999999\n", "a number is too long"},
        {"a = \"b\" c\n", "more than one value"},
        {"a = \"b\n", "line 1: a string is never closed"},
        {"a = \"\"\"b\"\"\"\n", "strings of several lines"},
        {"a = \"\\q\"\n", "an unknown escape"},
        {"a = \"\\u12\"\n", "\\u needs hex digits"},
        {"a = \"\\ud800\"\n", "\\u of no character"},
        {"a = \"\\u0000\"\n", "\\u of no character"},
        {"a = [1]\n", "only strings stand in"},
        {"a = [ \"b\"\n", "a comma or ']' was expected"},
        {"a = [ \"b\",\n", "a list is never closed"},
        {"a = [ \"b\" \"c\" ]\n", "a comma or ']'"},
        {"a = [ \"b\n", "a string is never closed"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1\n", "too long"},
        {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' = 1\n",
         "a key is too long"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        assert_bad(cases[i][0], cases[i][1]);
    }
    static char text[D1_TOML_TEXT_MAX + 64];
    snprintf(text, sizeof(text), "a = \"%0*d\"\n", D1_TOML_TEXT_MAX + 1, 7);
    assert_bad(text, "a string is too long");
}

static void test_without_memory(void **state) {
    (void)state;
    static const char text[] = DOMAIN "records = [\"a\", \"b\"]\n[x]\ny = 1\nz = 2\n";
    int64_t live = d1_mem_live();
    uint64_t failed = 1;
    for (unsigned tries = 0; failed > 0; tries++) {
        struct d1_acmedns_config config;
        d1_mem_fault_arm(tries, 0);
        int err = d1_acmedns_config_parse(text, strlen(text), &config, NULL);
        failed = d1_mem_fault_disarm();
        assert_true(failed == 0 ? err == D1_OK : err < 0);
        if (err == D1_OK) {
            d1_acmedns_config_close(&config);
        }
        assert_int_equal(d1_mem_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_secrets_of_the_database_are_not_printed),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_faults_with_their_lines),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
