/* Administration of acme-dns accounts over the native API. */
#include "tests/unit/webhook/fixture.h"

#include <string.h>

#include "core/attr.h"

#define PATH "/v1/accounts/" TEST_USERNAME
#define SHOWN(allowfrom)                                                                 \
    "{\"username\":\"" TEST_USERNAME "\",\"fulldomain\":\"" TEST_SUBDOMAIN               \
    ".auth.example.test\",\"subdomain\":\"" TEST_SUBDOMAIN "\",\"allowfrom\":" allowfrom \
    ",\"created\":\"2026-11-22T02:02:01.456Z\"}"
#define NO_SUCH "{\"error\": \"not-found\", \"detail\": \"there is no such account\"}"
#define OTHER   "/v1/accounts/00000000-0000-4000-8000-000000000000"

static void give_account(struct fixture *fixture) {
    struct d1_account *account = &fixture->solver.account;
    memcpy(account->username, TEST_USERNAME, sizeof(TEST_USERNAME));
    assert_int_equal(d1_name_from_text(TEST_SUBDOMAIN ".auth.example.test", &account->name), D1_OK);
    account->created_ms = TEST_NOW_MS;
    account->allowfrom = "192.0.2.0/24 2001:db8::/32";
}

static struct ask admin_ask(const char *method, const char *path) {
    return (struct ask){.method = method, .path = path, .bearer = SECRET_ADMIN};
}

static void test_list(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = admin_ask("GET", "/v1/accounts");
    fixture->solver.account.username[0] = '\0';
    assert_answer(fixture, &ask, 200, "{\"accounts\":[]}");
    give_account(fixture);
    assert_answer(fixture, &ask, 200,
                  "{\"accounts\":[" SHOWN("[\"192.0.2.0/24\",\"2001:db8::/32\"]") "]}");
    ask.query = "after=" TEST_USERNAME;
    assert_answer(fixture, &ask, 200, "{\"accounts\":[]}");
    ask.query = "after=C36F50E84632-44f0-83fe-e070fef28a0f";
    assert_answer(fixture, &ask, 400, NULL);
    ask.query = "after=c36f50e8-4632-44f0-83fe-e070fef28a0f";
    assert_answer(fixture, &ask, 200, NULL);
    assert_non_null(strstr(fixture->body, TEST_USERNAME));
}

static void test_show(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("GET", PATH);
    assert_answer(fixture, &ask, 200, SHOWN("[\"192.0.2.0/24\",\"2001:db8::/32\"]"));
    ask.path = OTHER;
    assert_answer(fixture, &ask, 404, NO_SUCH);
    ask.path = "/v1/accounts/x";
    assert_answer(fixture, &ask, 404, NO_SUCH);
}

static void test_only_administrators(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    static const char *const methods[] = {"GET", "DELETE", "PATCH"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(methods); i++) {
        struct ask ask = admin_ask(methods[i], PATH);
        ask.bearer = SECRET_ALL;
        assert_answer(fixture, &ask, 403, NULL);
        ask.bearer = NULL;
        assert_answer(fixture, &ask, 401, NULL);
    }
    struct ask ask = admin_ask("POST", PATH "/rotate");
    ask.bearer = SECRET_ENROL;
    assert_answer(fixture, &ask, 403, NULL);
    ask = admin_ask("PUT", PATH);
    assert_answer(fixture, &ask, 405, NULL);
    assert_non_null(strstr(fixture->headers, "allow: GET, DELETE, PATCH\n"));
    assert_null(fixture->solver.pending_change);
}

static void test_control_socket(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = {.method = "DELETE", .path = PATH, .kind = D1_FRONTEND_CONTROL};
    assert_answer(fixture, &ask, 200, "{\"username\":\"" TEST_USERNAME "\",\"deleted\":true}");
    assert_int_equal(fixture->solver.last_change, D1_ACCOUNT_DELETE);
}

static void test_delete(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("DELETE", PATH);
    assert_answer(fixture, &ask, 200, "{\"username\":\"" TEST_USERNAME "\",\"deleted\":true}");
    assert_int_equal(fixture->solver.last_change, D1_ACCOUNT_DELETE);
    ask.path = OTHER;
    assert_answer(fixture, &ask, 404, NO_SUCH);
}

static void test_rotate(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("POST", PATH "/rotate");
    assert_answer(fixture, &ask, 200, NULL);
    assert_int_equal(fixture->solver.last_change, D1_ACCOUNT_ROTATE);
    assert_non_null(
        strstr(fixture->body, "\"password\":\"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123\""));
}

static void test_allowfrom(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("PATCH", PATH);
    ask.body = "{\"allowfrom\":[\"198.51.100.0/24\",\"10.0.0.0/8\"]}";
    assert_answer(fixture, &ask, 200, SHOWN("[\"198.51.100.0/24\",\"10.0.0.0/8\"]"));
    assert_int_equal(fixture->solver.last_change, D1_ACCOUNT_ALLOWFROM);
    ask.body = "{\"allowfrom\":[]}";
    assert_answer(fixture, &ask, 200, SHOWN("[]"));
    assert_string_equal(fixture->solver.last_allowfrom, "");
}

static void test_allowfrom_malformed(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"allowfrom\":null}",
        "{\"allowfrom\":\"192.0.2.0/24\"}",
        "{\"allowfrom\":[\"192.0.2.0\"]}",
        "{\"allowfrom\":[5]}",
        "{\"allowfrom\":[],\"password\":\"x\"}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = admin_ask("PATCH", PATH);
        ask.body = bodies[i];
        assert_answer(fixture, &ask, 400, NULL);
    }
    assert_null(fixture->solver.pending_change);
}

static void test_solver_errors(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("DELETE", PATH);
    fixture->solver.submit_err = D1_ENOTYET;
    assert_answer(fixture, &ask, 503,
                  "{\"error\": \"not-yet\", \"detail\": \"another change of this account is under "
                  "way\"}");
    fixture->solver.submit_err = D1_OK;
    fixture->solver.done_err = D1_ESTORE;
    assert_answer(fixture, &ask, 503, NULL);
    assert_non_null(strstr(fixture->body, "store-unavailable"));
}

static void test_without_memory(void **state) {
    struct fixture *fixture = *state;
    give_account(fixture);
    struct ask ask = admin_ask("GET", "/v1/accounts");
    assert_survives_faults(fixture, &ask, 200);
    ask = admin_ask("PATCH", PATH);
    /* Under 16 characters: jansson 2.14 does not notice when a longer string cannot grow. */
    ask.body = "{\"allowfrom\":[\"10.0.0.0/8\"]}";
    assert_survives_faults(fixture, &ask, 200);
    ask = admin_ask("POST", PATH "/rotate");
    assert_survives_faults(fixture, &ask, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_list),
        FIXTURE_TEST(test_show),
        FIXTURE_TEST(test_only_administrators),
        FIXTURE_TEST(test_control_socket),
        FIXTURE_TEST(test_delete),
        FIXTURE_TEST(test_rotate),
        FIXTURE_TEST(test_allowfrom),
        FIXTURE_TEST(test_allowfrom_malformed),
        FIXTURE_TEST(test_solver_errors),
        FIXTURE_TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
