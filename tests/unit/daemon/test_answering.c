/* The settings of `dns` that say how questions are answered. */
#include "daemon/answering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "daemon/config.h"

#define LINE_1 "000102030405060708090a0b0c0d0e0f"
#define LINE_2 "F0E0D0C0B0A090807060504030201000"

struct reading {
    char text[2048];
    size_t length;
    struct d1_config *config;
};

static void on_line(void *arg, const char *text) {
    struct reading *reading = arg;
    int more = snprintf(reading->text + reading->length, sizeof(reading->text) - reading->length,
                        "%s\n", text);
    assert_in_range(more, 1, (int)(sizeof(reading->text) - reading->length) - 1);
    reading->length += (size_t)more;
}

/* Read a configuration; `config` is NULL after faults, which are in `text`. */
static struct reading read_config(const char *text) {
    struct reading reading = {.text = ""};
    struct d1_config_faults faults = {.line = on_line, .arg = &reading, .file = "f.yaml"};
    int err = d1_config_parse(text, strlen(text), &faults, &reading.config);
    assert_true(err == D1_OK || err == D1_ECONFIG);
    return reading;
}

static struct reading read_secrets(const char *content) {
    char path[] = "/tmp/dns01d-test-XXXXXX";
    char text[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    snprintf(text, sizeof(text), "dns:\n  cookie-secret-file: %s\n", path);
    struct reading reading = read_config(text);
    unlink(path);
    return reading;
}

static void without_a_file_there_are_no_secrets(void **state) {
    (void)state;
    struct reading reading = read_config("log: {}\n");
    assert_non_null(reading.config);
    assert_int_equal(reading.config->answering.cookies.count, 0);
    d1_config_destroy(reading.config);
}

static void nsid_is_the_name_of_the_host(void **state) {
    (void)state;
    char host[D1_NSID_OCTETS_MAX + 1] = "";
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    struct reading reading = read_config("log: {}\n");
    assert_non_null(reading.config);
    assert_int_equal(reading.config->answering.nsid_length, strlen(host));
    assert_memory_equal(reading.config->answering.nsid, host, strlen(host));
    d1_config_destroy(reading.config);
}

static void secrets_are_lines(void **state) {
    (void)state;
    struct reading reading = read_secrets(LINE_1 "\r\n\n" LINE_2);
    assert_non_null(reading.config);
    const struct d1_cookie_secrets *secrets = &reading.config->answering.cookies;
    assert_int_equal(secrets->count, 2);
    for (size_t i = 0; i < D1_SIPHASH_KEY_BYTES; i++) {
        assert_int_equal(secrets->secret[0][i], i);
        assert_int_equal(secrets->secret[1][i], (15 - i) << 4);
    }
    d1_config_destroy(reading.config);
}

/* The story must hold this, and never the secret. */
static void expect_fault(const char *content, const char *story) {
    struct reading reading = read_secrets(content);
    assert_null(reading.config);
    if (strstr(reading.text, "f.yaml:2: dns.cookie-secret-file: ") == NULL ||
        strstr(reading.text, story) == NULL || strstr(reading.text, "000102") != NULL) {
        fail_msg("%s", reading.text);
    }
}

static void faults_of_secrets_are_told(void **state) {
    (void)state;
    expect_fault("", "is empty");
    expect_fault("\n\r\n", "is empty");
    expect_fault(LINE_1 "\n" LINE_1 "0\n", "line 2 is not a secret");
    expect_fault("00010203", "line 1 is not a secret");
    expect_fault("g00102030405060708090a0b0c0d0e0f", "line 1 is not a secret");
    expect_fault(" 00102030405060708090a0b0c0d0e0f", "line 1 is not a secret");
    expect_fault(LINE_1 "\n" LINE_1 "\n" LINE_1 "\n" LINE_1 "\n" LINE_1 "\n" LINE_1 "\n" LINE_1
                        "\n" LINE_1 "\n" LINE_1 "\n",
                 "more than 8 secrets");
}

static void a_missing_file_is_told(void **state) {
    (void)state;
    struct reading reading = read_config("dns: {cookie-secret-file: /nowhere/at/all}\n");
    assert_null(reading.config);
    assert_string_equal(reading.text, "f.yaml:1: dns.cookie-secret-file: cannot read "
                                      "/nowhere/at/all: No such file or directory\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_there_are_no_secrets),
        cmocka_unit_test(nsid_is_the_name_of_the_host),
        cmocka_unit_test(secrets_are_lines),
        cmocka_unit_test(faults_of_secrets_are_told),
        cmocka_unit_test(a_missing_file_is_told),
    };
    return cmocka_run_group_tests_name("answering", tests, NULL, NULL);
}
