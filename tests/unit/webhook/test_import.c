/* POST /v1/accounts/import, and /update of accounts that came by it. */
#include "tests/unit/webhook/fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/mem.h"

#define PATH          "/v1/accounts/import"
#define USER          "0b3d5b0c-1111-4222-8333-444455556666"
#define HASH          "$2a$10$abcdefghijklmnopqrstuuzkMNRQx57VIxviTtXcNCmdV7gIdwNzq"
#define START         "{\"username\":\"" USER "\",\"subdomain\":\"aaaa\","
#define BODY(account) "{\"accounts\":[" account "]}"
#define UPDATE_BODY   "{\"subdomain\":\"" TEST_SUBDOMAIN "\",\"txt\":\"" TEST_TXT "\"}"

static struct ask import_ask(const char *body) {
    return (struct ask){.path = PATH, .bearer = SECRET_ADMIN, .body = body};
}

static void assert_import(struct fixture *fixture, const char *body, const char *results) {
    char expected[1024];
    snprintf(expected, sizeof(expected), "{\"results\":[%s]}", results);
    struct ask ask = import_ask(body);
    assert_answer(fixture, &ask, 200, expected);
}

static void test_a_hash_a_name_networks_and_values(void **state) {
    struct fixture *fixture = *state;
    assert_import(fixture,
                  BODY(START "\"password_hash\":\"" HASH "\",\"allowfrom\":[\"192.0.2.0/24\"],"
                             "\"values\":[{\"value\":\"" TEST_TXT "\",\"updated\":1795312900}]}"),
                  "{\"username\":\"" USER "\",\"result\":\"imported\",\"values\":1}");
    const struct d1_solver_import *import = &fixture->solver.last_import;
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&import->account.name, name);
    assert_string_equal(name, "aaaa.auth.example.test");
    assert_string_equal(import->account.username, USER);
    assert_string_equal(fixture->solver.last_bcrypt, HASH);
    assert_string_equal(fixture->solver.last_allowfrom, "192.0.2.0/24");
    assert_int_equal(import->values_count, 1);
    assert_int_equal(import->values[0].updated_ms, INT64_C(1795312900000));
    assert_memory_equal(import->values[0].value.octets, TEST_TXT, 43);
}

static void test_a_plain_password_and_a_full_name(void **state) {
    struct fixture *fixture = *state;
    assert_import(fixture,
                  BODY(START "\"password\":\"" TEST_KEY "\",\"fulldomain\":\"aaaa.other.test\"}"),
                  "{\"username\":\"" USER "\",\"result\":\"imported\",\"values\":0}");
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, TEST_KEY, strlen(TEST_KEY), digest),
                     D1_OK);
    const struct d1_account *account = &fixture->solver.last_import.account;
    assert_memory_equal(account->key_digest, digest, sizeof(digest));
    assert_string_equal(fixture->solver.last_bcrypt, "");
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&account->name, name);
    assert_string_equal(name, "aaaa.other.test");
}

static void test_each_account_has_its_own_fate(void **state) {
    struct fixture *fixture = *state;
    assert_import(fixture,
                  BODY("{\"username\":\"" TEST_USERNAME "\",\"subdomain\":\"b\","
                       "\"password_hash\":\"" HASH "\"}," START "\"password_hash\":\"" HASH "\"},"
                       "{\"username\":\"nobody\",\"subdomain\":\"c\",\"password_hash\":\"" HASH
                       "\"}"),
                  "{\"username\":\"" TEST_USERNAME "\",\"result\":\"unchanged\"},"
                  "{\"username\":\"" USER "\",\"result\":\"imported\",\"values\":0},"
                  "{\"username\":\"nobody\",\"result\":\"refused\",\"detail\":"
                  "\"the username is no UUID\"}");
}

static void test_what_is_no_account_is_refused(void **state) {
    static const struct {
        const char *body;
        const char *detail;
    } cases[] = {
        {BODY("7"), "an account is an object"},
        {BODY(START "\"password_hash\":\"" HASH "\",\"Username\":\"x\"}"), "its keys given once"},
        {BODY("{\"subdomain\":\"a\",\"password_hash\":\"" HASH "\"}"), "no UUID"},
        {BODY("{\"username\":\"" USER "\",\"subdomain\":\"-a\",\"password_hash\":\"" HASH "\"}"),
         "no label"},
        {BODY("{\"username\":\"" USER "\",\"password_hash\":\"" HASH "\"}"), "no label"},
        {BODY(START "\"fulldomain\":\"b.auth.example.test\",\"password_hash\":\"" HASH "\"}"),
         "does not begin with"},
        {BODY(START "\"password\":\"short\"}"), "acme-dns' form"},
        {BODY(START "\"x\":1}"), "one of password and password_hash"},
        {BODY(START "\"password_hash\":\"$1$abc\"}"), "no bcrypt hash"},
        {BODY(START "\"password_hash\":\"$2a$03$abcdefghijklmnopqrstuu"
                    "zkMNRQx57VIxviTtXcNCmdV7gIdwNzq\"}"),
         "no bcrypt hash"},
        {BODY(START "\"password_hash\":\"$2a$15$abcdefghijklmnopqrstuu"
                    "zkMNRQx57VIxviTtXcNCmdV7gIdwNzq\"}"),
         "bcrypt cost 15 is over 14"},
        {BODY(START "\"password_hash\":\"" HASH "\",\"allowfrom\":[\"192.0.2.1\"]}"), "networks"},
        {BODY(START "\"password_hash\":\"" HASH "\",\"values\":[{\"value\":\"\"}]}"),
         "1 to 255 octets"},
        {BODY(START "\"password_hash\":\"" HASH
                    "\",\"values\":[{\"value\":\"a\",\"updated\":-1}]}"),
         "time of update"},
        {BODY(START "\"password_hash\":\"" HASH "\",\"values\":7}"), "list of a few"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        struct ask ask = import_ask(cases[i].body);
        assert_answer(fixture, &ask, 200, NULL);
        if (strstr(fixture->body, cases[i].detail) == NULL ||
            strstr(fixture->body, "refused") == NULL) {
            fail_msg("%s: %s", cases[i].body, fixture->body);
        }
    }
    assert_string_equal(fixture->solver.last_import.account.username, "");
}

static void test_the_solver_refuses_with_reasons(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        int err;
        const char *detail;
    } cases[] = {
        {D1_EEXIST, "exists already"},
        {D1_ENOTSERVED, "aaaa.auth.example.test is in no zone served here"},
        {D1_ESTATIC, "aaaa.auth.example.test holds a static record"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        fixture->solver.check_err = cases[i].err;
        struct ask ask = import_ask(BODY(START "\"password_hash\":\"" HASH "\"}"));
        assert_answer(fixture, &ask, 200, NULL);
        assert_non_null(strstr(fixture->body, cases[i].detail));
    }
}

static void test_a_dry_run_writes_nothing(void **state) {
    struct fixture *fixture = *state;
    assert_import(fixture,
                  "{\"dry_run\":true,\"accounts\":[" START "\"password_hash\":\"" HASH "\"}]}",
                  "{\"username\":\"" USER "\",\"result\":\"imported\",\"values\":0}");
    assert_string_equal(fixture->solver.last_import.account.username, "");
}

static void test_a_store_that_fails_fails_the_batch(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = import_ask(BODY(START "\"password_hash\":\"" HASH "\"}"));
    fixture->solver.done_err = D1_ESTORE;
    assert_answer(fixture, &ask, 503, NULL);
    fixture->solver.done_err = D1_OK;
    fixture->solver.submit_err = D1_ELIMIT;
    assert_answer(fixture, &ask, 429, NULL);
}

static void test_a_batch_that_is_none(void **state) {
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"accounts\":{}}",
        "{\"accounts\":[],\"dry_run\":1}",
        "{\"accounts\":[],\"dryrun\":true}",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = import_ask(bodies[i]);
        assert_answer(fixture, &ask, 400, NULL);
    }
    char many[D1_IMPORT_BATCH_MAX * 2 + 64] = "{\"accounts\":[0";
    size_t used = strlen(many);
    for (size_t i = 0; i < D1_IMPORT_BATCH_MAX; i++) {
        used += (size_t)snprintf(many + used, sizeof(many) - used, ",0");
    }
    snprintf(many + used, sizeof(many) - used, "]}");
    struct ask ask = import_ask(many);
    assert_answer(fixture, &ask, 400, NULL);
    assert_import(fixture, "{\"accounts\":[]}", "");
}

static void test_only_administrators(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = import_ask("{\"accounts\":[]}");
    ask.bearer = SECRET_ALL;
    assert_answer(fixture, &ask, 403, NULL);
    ask.bearer = NULL;
    assert_answer(fixture, &ask, 401, NULL);
}

/* jansson may lose a character of a string then, so an account may be refused too. */
static void test_without_memory(void **state) {
    struct fixture *fixture = *state;
    struct ask ask =
        import_ask(BODY(START "\"password_hash\":\"" HASH "\",\"allowfrom\":[\"192.0.2.0/24\"]}"));
    uint64_t failed = 1;
    for (unsigned tries = 0; failed > 0; tries++) {
        d1_mem_fault_arm(tries, 0);
        fixture_ask(fixture, &ask);
        failed = d1_mem_fault_disarm();
        assert_true(fixture->status >= 400 || strstr(fixture->body, USER) != NULL ||
                    strstr(fixture->body, "refused") != NULL);
        assert_true(tries < 1000);
    }
    assert_int_equal(fixture->status, 200);
}

/* ---- /update ---- */

static struct ask update_ask(void) {
    return (struct ask){
        .path = "/update",
        .body = UPDATE_BODY,
        .headers = {{"x-api-user", TEST_USERNAME},
                    {"x-api-key", "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7y"}},
    };
}

static void test_a_long_login_is_asked_while_hashes_are_left(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = update_ask();
    assert_answer(fixture, &ask, 401, "{\"error\": \"forbidden\"}");
    assert_int_equal(fixture->solver.logins, 0);
    fixture->solver.hashes_left = true;
    assert_answer(fixture, &ask, 200, "{\"txt\": \"" TEST_TXT "\"}");
    assert_int_equal(fixture->solver.logins, 1);
    fixture->solver.login_done_err = D1_EUNAUTHORIZED;
    assert_answer(fixture, &ask, 401, "{\"error\": \"forbidden\"}");
}

static void test_what_cannot_be_a_credential_costs_no_login(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.hashes_left = true;
    struct ask ask = update_ask();
    ask.headers[1][1] = "short";
    assert_answer(fixture, &ask, 401, "{\"error\": \"forbidden\"}");
    assert_int_equal(fixture->solver.logins, 0);
}

static void test_too_many_logins_are_told_to_come_back(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.hashes_left = true;
    fixture->solver.login_err = D1_ELIMIT;
    struct ask ask = update_ask();
    assert_answer(fixture, &ask, 503, "{\"error\": \"db_error\"}");
    assert_non_null(strstr(fixture->headers, "retry-after: "));
}

static void test_failed_logins_count_against_the_limit(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.auth_failures_per_minute = 3;
    fixture_configure(fixture);
    fixture->solver.hashes_left = true;
    fixture->solver.login_done_err = D1_EUNAUTHORIZED;
    struct ask ask = update_ask();
    for (int i = 0; i < 3; i++) {
        assert_answer(fixture, &ask, 401, NULL);
    }
    assert_answer(fixture, &ask, 429, NULL);
    assert_int_equal(fixture->solver.logins, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_hash_a_name_networks_and_values),
        FIXTURE_TEST(test_a_plain_password_and_a_full_name),
        FIXTURE_TEST(test_each_account_has_its_own_fate),
        FIXTURE_TEST(test_what_is_no_account_is_refused),
        FIXTURE_TEST(test_the_solver_refuses_with_reasons),
        FIXTURE_TEST(test_a_dry_run_writes_nothing),
        FIXTURE_TEST(test_a_store_that_fails_fails_the_batch),
        FIXTURE_TEST(test_a_batch_that_is_none),
        FIXTURE_TEST(test_only_administrators),
        FIXTURE_TEST(test_without_memory),
        FIXTURE_TEST(test_a_long_login_is_asked_while_hashes_are_left),
        FIXTURE_TEST(test_what_cannot_be_a_credential_costs_no_login),
        FIXTURE_TEST(test_too_many_logins_are_told_to_come_back),
        FIXTURE_TEST(test_failed_logins_count_against_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
