/* acme-dns' API to the byte; the table of /update is that of acme-dns' own tests and code. */
#include "tests/unit/webhook/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"

#define FORBIDDEN "{\"error\": \"forbidden\"}"
#define MALFORMED "{\"error\": \"malformed_json_payload\"}"
#define BAD_CIDR  "{\"error\": \"invalid_allowfrom_cidr\"}"
#define BAD_TXT   "{\"error\": \"bad_txt\"}"
#define ACCOUNT(allowfrom)                                                                     \
    "{\"username\":\"" TEST_USERNAME                                                           \
    "\",\"password\":\"abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123\""                             \
    ",\"fulldomain\":\"" TEST_SUBDOMAIN ".auth.example.test\",\"subdomain\":\"" TEST_SUBDOMAIN \
    "\",\"allowfrom\":[" allowfrom "]}"
#define CREDENTIALS                      \
    {                                    \
        {"x-api-user", TEST_USERNAME}, { \
            "x-api-key", TEST_KEY        \
        }                                \
    }
#define UPDATE_BODY "{\"subdomain\":\"" TEST_SUBDOMAIN "\",\"txt\":\"" TEST_TXT "\"}"

static void assert_register(struct fixture *fixture, const char *body, int status,
                            const char *expected) {
    assert_answer(fixture, &(struct ask){.path = "/register", .body = body}, status, expected);
    assert_string_equal(fixture->content_type, "application/json");
}

static void test_register_bodies_without_ranges(void **state) {
    static const char *const bodies[] = {
        "",
        "{}",
        "null\n",
        " null ",
        "{\"allowfrom\":[]}",
        "{\"allowfrom\":null}",
        "{\"other\":{\"a\":[1]}}",
        "{\"AllowFrom\":[]}\n",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        assert_register(*state, bodies[i], 201, ACCOUNT(""));
    }
}

static void test_register_ranges(void **state) {
    struct fixture *fixture = *state;
    assert_register(fixture, "{\"allowfrom\":[\"192.168.100.1/24\"]}", 201,
                    ACCOUNT("\"192.168.100.1/24\""));
    assert_string_equal(fixture->solver.last_allowfrom, "192.168.100.1/24");
    assert_register(fixture, "{\"AllowFrom\":[\"10.0.0.0/8\",\"[2001:db8::]/32\",\"[::1/128]\"]}",
                    201, ACCOUNT("\"10.0.0.0/8\",\"2001:db8::/32\",\"::1/128\""));
    assert_string_equal(fixture->solver.last_allowfrom, "10.0.0.0/8 2001:db8::/32 ::1/128");
}

static void test_register_bad_ranges(void **state) {
    static const char *const bodies[] = {
        "{\"allowfrom\":[\"192.0.2.1\"]}",
        "{\"allowfrom\":[\"192.0.2.1/24\",\"\"]}",
        "{\"allowfrom\":[\"192.0.2.1/33\"]}",
        "{\"allowfrom\":[\"example.test/24\"]}",
        "{\"allowfrom\":[\"192.0.2.1/24 10.0.0.0/8\"]}",
        ("{\"allowfrom\":[\"192.0.2.1/"
         "00000000000000000000000000000000000000000000000000000000000000000000000024\"]}"),
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        assert_register(*state, bodies[i], 400, BAD_CIDR);
    }
    assert_int_equal(((struct fixture *)*state)->solver.registered, 0);
}

static void test_register_too_many_ranges(void **state) {
    char body[4096] = "{\"allowfrom\":[\"10.0.0.0/8\"";
    for (unsigned i = 0; i < D1_ALLOWFROM_MAX; i++) {
        size_t used = strlen(body);
        snprintf(body + used, sizeof(body) - used, ",\"10.0.0.0/8\"");
    }
    size_t used = strlen(body);
    snprintf(body + used, sizeof(body) - used, "]}");
    assert_register(*state, body, 400, BAD_CIDR);
}

static void test_register_malformed(void **state) {
    static const char *const bodies[] = {
        "{",
        "[]",
        "5",
        "\"x\"",
        "not json",
        "{\"allowfrom\":\"10.0.0.0/8\"}",
        "{\"allowfrom\":{}}",
        "{\"allowfrom\":[5]}",
        "{\"allowfrom\":[null]}",
        "{\"allowfrom\":[],\"allowfrom\":[]}",
        "{\"allowfrom\":[],\"AllowFrom\":[]}",
        "{\"allowfrom\":[\"10.0.0.0\\u0000/8\"]}",
        "{\"allowfrom\":[\"\xFF\"]}",
        "{} x",
        "null null",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        assert_register(*state, bodies[i], 400, MALFORMED);
    }
}

static void test_register_largest_body(void **state) {
    static char body[D1_HTTP_BODY_BYTES_MAX + 1];
    memset(body, ' ', sizeof(body) - 1);
    body[0] = '{';
    body[sizeof(body) - 2] = '}';
    assert_register(*state, body, 201, ACCOUNT(""));
    memset(body, '[', sizeof(body) - 1);
    assert_register(*state, body, 400, MALFORMED);
}

static void test_register_with_any_content_type(void **state) {
    static const char *const types[] = {"application/json", "text/plain",
                                        "application/x-www-form-urlencoded", ""};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(types); i++) {
        struct ask ask = {.path = "/register", .headers = {{"content-type", types[i]}}};
        assert_answer(*state, &ask, 201, ACCOUNT(""));
    }
}

static void test_register_closed(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_CLOSED;
    fixture_configure(fixture);
    assert_answer(fixture, &(struct ask){.path = "/register", .bearer = SECRET_ENROL}, 404,
                  "{\"error\": \"not-found\", \"detail\": \"not found\"}");
    assert_int_equal(fixture->solver.registered, 0);
}

static void test_register_with_token(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_TOKEN;
    fixture_configure(fixture);
    assert_answer(fixture, &(struct ask){.path = "/register", .bearer = SECRET_ENROL}, 201,
                  ACCOUNT(""));
    assert_answer(fixture, &(struct ask){.path = "/register", .bearer = SECRET_ADMIN}, 201,
                  ACCOUNT(""));
    struct ask basic = {
        .path = "/register",
        /* enrol:secret-of-token-enrol */
        .headers = {{"authorization", "Basic ZW5yb2w6c2VjcmV0LW9mLXRva2VuLWVucm9s"}},
    };
    assert_answer(fixture, &basic, 201, ACCOUNT(""));
}

static void test_register_without_right(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_TOKEN;
    fixture_configure(fixture);
    static const char *const secrets[] = {NULL, SECRET_ALL, "wrong-wrong-wrong"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(secrets); i++) {
        assert_answer(fixture, &(struct ask){.path = "/register", .bearer = secrets[i]}, 401,
                      FORBIDDEN);
        struct ask bad = {.path = "/register", .bearer = secrets[i], .body = "{"};
        assert_answer(fixture, &bad, 401, FORBIDDEN);
    }
    assert_int_equal(fixture->solver.registered, 0);
    struct ask bad = {.path = "/register", .bearer = SECRET_ENROL, .body = "{"};
    assert_answer(fixture, &bad, 400, MALFORMED);
}

static void test_register_on_control_socket(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_CLOSED;
    fixture_configure(fixture);
    struct ask ask = {.path = "/register", .kind = D1_FRONTEND_CONTROL, .uid = 0};
    assert_answer(fixture, &ask, 201, ACCOUNT(""));
    ask.uid = 4711;
    assert_answer(fixture, &ask, 403, NULL);
    assert_int_equal(fixture->solver.registered, 1);
}

static void test_register_store_fails(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.submit_err = D1_ESTORE;
    assert_register(fixture, "", 500, "{\"error\": \"the store does not take writes now\"}");
    fixture->solver.submit_err = D1_OK;
    fixture->solver.done_err = D1_ESTORE;
    assert_register(fixture, "", 500, "{\"error\": \"the store does not take writes now\"}");
}

static void test_register_limit(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registrations_per_hour = 2;
    fixture_configure(fixture);
    struct ask bad = {.path = "/register", .body = "{"};
    for (unsigned i = 0; i < 5; i++) {
        assert_answer(fixture, &bad, 400, MALFORMED);
    }
    struct ask ask = {.path = "/register"};
    assert_answer(fixture, &ask, 201, NULL);
    assert_answer(fixture, &ask, 201, NULL);
    assert_answer(
        fixture, &ask, 429,
        "{\"error\": \"limit-reached\", \"detail\": \"too many requests of this kind from "
        "this address\"}");
    assert_string_equal(fixture->headers, "retry-after: 1800\n");
    ask.from = "192.0.2.2";
    assert_answer(fixture, &ask, 201, NULL);
    ask.from = NULL;
    d1_fake_clock_advance_ms(&fixture->clock, 1800000);
    assert_answer(fixture, &ask, 201, NULL);
}

static void test_registrations_of_all_are_limited(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_OPEN;
    fixture->settings.registrations_per_hour = 2;
    fixture->settings.registrations_total_per_hour = 3;
    fixture_configure(fixture);
    struct ask ask = {.path = "/register", .body = "{", .from = "192.0.2.7"};
    assert_answer(fixture, &ask, 400, MALFORMED); /* Given back to both limits. */
    ask.body = NULL;
    assert_answer(fixture, &ask, 201, NULL);
    ask.from = "192.0.2.8";
    assert_answer(fixture, &ask, 201, NULL);
    ask.from = "2001:db8::1";
    assert_answer(fixture, &ask, 201, NULL);
    ask.from = "192.0.2.9";
    assert_answer(
        fixture, &ask, 429,
        "{\"error\": \"limit-reached\", \"detail\": \"too many registrations, of all clients "
        "together\"}");
    assert_string_equal(fixture->headers, "retry-after: 1200\n");
    d1_fake_clock_advance_ms(&fixture->clock, 1200000);
    assert_answer(fixture, &ask, 201, NULL);
    assert_answer(fixture, &ask, 429, NULL);
}

static void test_no_room_for_more_accounts(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_OPEN;
    fixture_configure(fixture);
    fixture->solver.submit_err = D1_ELIMIT;
    struct ask ask = {.path = "/register"};
    assert_answer(fixture, &ask, 429, NULL);
    assert_string_equal(fixture->headers, "retry-after: 3600\n");
}

static void test_register_without_memory(void **state) {
    assert_survives_faults(
        *state, &(struct ask){.path = "/register", .body = "{\"allowfrom\":[\"10.0.0.0/8\"]}"},
        201);
}

static struct ask update_ask(const char *body) {
    return (struct ask){.path = "/update", .headers = CREDENTIALS, .body = body};
}

static void assert_update(struct fixture *fixture, const char *body, int status,
                          const char *expected) {
    struct ask ask = update_ask(body);
    assert_answer(fixture, &ask, status, expected);
    assert_string_equal(fixture->content_type, "application/json");
}

static void test_update(void **state) {
    struct fixture *fixture = *state;
    assert_update(fixture, UPDATE_BODY, 200, "{\"txt\": \"" TEST_TXT "\"}");
    const struct d1_solver *solver = &fixture->solver;
    assert_int_equal(solver->submitted, 1);
    assert_int_equal(solver->last.verb, D1_SOLVER_PRESENT);
    assert_int_equal(solver->last.door, D1_DOOR_ACMEDNS);
    assert_true(solver->last.oldest_gives_way);
    assert_int_equal(solver->last.lease_ms, D1_LEASE_DEFAULT);
    assert_true(d1_name_equal(&solver->last.name, &solver->account.name));
    assert_int_equal(solver->last.value.length, 43);
    assert_memory_equal(solver->last.value.octets, TEST_TXT, 43);
    assert_string_equal(solver->last_owner, "account:" TEST_USERNAME);
}

static void test_update_forms_of_body(void **state) {
    static const char *const bodies[] = {
        "{\"SubDomain\":\"" TEST_SUBDOMAIN "\",\"Txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"" TEST_SUBDOMAIN "\", \"txt\": \"" TEST_TXT "\"}\n",
        "{\"txt\":\"" TEST_TXT "\",\"x\":[{}],\"subdomain\":\"" TEST_SUBDOMAIN "\"}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        assert_update(*state, bodies[i], 200, "{\"txt\": \"" TEST_TXT "\"}");
    }
}

static void test_update_forms_of_username(void **state) {
    static const char *const names[] = {
        "C36F50E8-4632-44F0-83FE-E070FEF28A10",
        "c36f50e8463244f083fee070fef28a10",
        "urn:uuid:" TEST_USERNAME,
        "{" TEST_USERNAME "}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        struct ask ask = update_ask(UPDATE_BODY);
        ask.headers[0][1] = names[i];
        assert_answer(*state, &ask, 200, "{\"txt\": \"" TEST_TXT "\"}");
    }
}

static void test_update_bad_credentials(void **state) {
    static const char *const pairs[][2] = {
        {TEST_USERNAME, "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7y"},
        {TEST_USERNAME, "short"},
        {TEST_USERNAME, TEST_KEY "x"},
        {TEST_USERNAME, "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7."},
        {TEST_USERNAME, ""},
        {"c36f50e8-4632-44f0-83fe-e070fef28a11", TEST_KEY},
        {"not-a-uuid", TEST_KEY},
        {"", TEST_KEY},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(pairs); i++) {
        struct ask ask = update_ask(UPDATE_BODY);
        ask.headers[0][1] = pairs[i][0];
        ask.headers[1][1] = pairs[i][1];
        assert_answer(*state, &ask, 401, FORBIDDEN);
    }
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

static void test_update_missing_or_repeated_headers(void **state) {
    struct ask none = {.path = "/update", .body = UPDATE_BODY};
    assert_answer(*state, &none, 401, FORBIDDEN);
    struct ask user = {
        .path = "/update", .body = UPDATE_BODY, .headers = {{"x-api-user", TEST_USERNAME}}};
    assert_answer(*state, &user, 401, FORBIDDEN);
    struct ask twice = update_ask(UPDATE_BODY);
    twice.headers[2][0] = "x-api-key";
    twice.headers[2][1] = TEST_KEY;
    assert_answer(*state, &twice, 401, FORBIDDEN);
    struct ask token = {.path = "/update", .body = UPDATE_BODY, .bearer = SECRET_ADMIN};
    assert_answer(*state, &token, 401, FORBIDDEN);
}

static void test_update_bad_body_or_subdomain(void **state) {
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":5,\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"example.com\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"a_b\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"8E5700EA-a4bf-41c7-8a77-e990661dcc6a\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"8e5700ea-a4bf-41c7-8a77-e990661dcc6\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"" TEST_SUBDOMAIN ".auth.example.test\",\"txt\":\"" TEST_TXT "\"}",
        "{\"subdomain\":\"" TEST_SUBDOMAIN "\",\"txt\":\"" TEST_TXT "\",\"Txt\":\"x\"}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        assert_update(*state, bodies[i], 401, FORBIDDEN);
    }
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

static void test_update_bad_txt(void **state) {
    static const char *const values[] = {
        "\"\"",
        "\"___validation_token_recieved_from_the_ca__\"",
        "\"___validation_token_recieved_from_the_ca____\"",
        "\"___validation_token_recieved_from_the_ca__.\"",
        "\"___validation_token_recieved_from_the_ca__=\"",
        "\"___validation_token_recieved_from_the_ca__\\n\"",
        "5",
        "null",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(values); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"subdomain\":\"%s\",\"txt\":%s}", TEST_SUBDOMAIN,
                 values[i]);
        assert_update(*state, body, 400, BAD_TXT);
    }
    assert_update(*state, "{\"subdomain\":\"" TEST_SUBDOMAIN "\"}", 400, BAD_TXT);
}

static void test_update_allowfrom(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.account.allowfrom = "10.0.0.0/8 2001:db8::/32";
    assert_update(fixture, UPDATE_BODY, 401, FORBIDDEN);
    struct ask ask = update_ask(UPDATE_BODY);
    ask.from = "10.1.2.3";
    assert_answer(fixture, &ask, 200, NULL);
    ask.from = "::ffff:10.1.2.3";
    assert_answer(fixture, &ask, 200, NULL);
    ask.from = "2001:db8::7";
    assert_answer(fixture, &ask, 200, NULL);
}

static void test_update_behind_a_proxy(void **state) {
    struct fixture *fixture = *state;
    static const char *const proxies[] = {"192.0.2.0/24"};
    fixture->solver.account.allowfrom = "10.0.0.0/8";
    struct ask ask = update_ask(UPDATE_BODY);
    ask.headers[2][0] = "x-forwarded-for";
    ask.headers[2][1] = "10.1.2.3";
    assert_answer(fixture, &ask, 401, FORBIDDEN);
    fixture->settings.trusted_proxies = proxies;
    fixture->settings.trusted_proxies_count = 1;
    fixture_configure(fixture);
    assert_answer(fixture, &ask, 200, NULL);
    ask.headers[2][1] = "10.1.2.3, 198.51.100.1";
    assert_answer(fixture, &ask, 401, FORBIDDEN);
    ask.headers[3][0] = "x-forwarded-for";
    ask.headers[3][1] = "192.0.2.77";
    ask.headers[2][1] = "10.1.2.3";
    assert_answer(fixture, &ask, 200, NULL);
}

static void test_update_solver_errors(void **state) {
    static const struct {
        int err;
        int status;
        const char *body;
    } table[] = {
        {D1_EFORBIDDEN, 401, FORBIDDEN},
        {D1_ESTORE, 500, "{\"error\": \"db_error\"}"},
        {D1_ESTATIC, 500, "{\"error\": \"db_error\"}"},
        {-ENOMEM, 500, "{\"error\": \"db_error\"}"},
        {D1_ENOTYET, 503, "{\"error\": \"db_error\"}"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        fixture->solver.submit_err = table[i].err;
        fixture->solver.done_err = D1_OK;
        assert_update(fixture, UPDATE_BODY, table[i].status, table[i].body);
        fixture->solver.submit_err = D1_OK;
        fixture->solver.done_err = table[i].err;
        assert_update(fixture, UPDATE_BODY, table[i].status, table[i].body);
    }
    assert_string_equal(fixture->headers, "retry-after: 5\n");
}

static void test_update_limits_wrong_keys(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.auth_failures_per_minute = 3;
    fixture_configure(fixture);
    struct ask wrong = update_ask(UPDATE_BODY);
    wrong.headers[1][1] = "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7y";
    for (unsigned i = 0; i < 3; i++) {
        assert_answer(fixture, &wrong, 401, FORBIDDEN);
        assert_update(fixture, UPDATE_BODY, i < 2 ? 200 : 429, NULL);
    }
    assert_string_equal(fixture->headers, "retry-after: 20\n");
    struct ask elsewhere = update_ask(UPDATE_BODY);
    elsewhere.from = "198.51.100.1";
    assert_answer(fixture, &elsewhere, 200, NULL);
    d1_fake_clock_advance_ms(&fixture->clock, 20000);
    assert_update(fixture, UPDATE_BODY, 200, NULL);
}

static void test_update_without_memory(void **state) {
    struct ask ask = update_ask(UPDATE_BODY);
    assert_survives_faults(*state, &ask, 200);
}

static void test_health(void **state) {
    struct fixture *fixture = *state;
    fixture->ready = false;
    assert_answer(fixture, &(struct ask){.method = "GET", .path = "/health"}, 200, "");
    assert_string_equal(fixture->content_type, "");
    assert_string_equal(fixture->headers, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_register_bodies_without_ranges),
        FIXTURE_TEST(test_register_ranges),
        FIXTURE_TEST(test_register_bad_ranges),
        FIXTURE_TEST(test_register_too_many_ranges),
        FIXTURE_TEST(test_register_malformed),
        FIXTURE_TEST(test_register_largest_body),
        FIXTURE_TEST(test_register_with_any_content_type),
        FIXTURE_TEST(test_register_closed),
        FIXTURE_TEST(test_register_with_token),
        FIXTURE_TEST(test_register_without_right),
        FIXTURE_TEST(test_register_on_control_socket),
        FIXTURE_TEST(test_register_store_fails),
        FIXTURE_TEST(test_register_limit),
        FIXTURE_TEST(test_registrations_of_all_are_limited),
        FIXTURE_TEST(test_no_room_for_more_accounts),
        FIXTURE_TEST(test_register_without_memory),
        FIXTURE_TEST(test_update),
        FIXTURE_TEST(test_update_forms_of_body),
        FIXTURE_TEST(test_update_forms_of_username),
        FIXTURE_TEST(test_update_bad_credentials),
        FIXTURE_TEST(test_update_missing_or_repeated_headers),
        FIXTURE_TEST(test_update_bad_body_or_subdomain),
        FIXTURE_TEST(test_update_bad_txt),
        FIXTURE_TEST(test_update_allowfrom),
        FIXTURE_TEST(test_update_behind_a_proxy),
        FIXTURE_TEST(test_update_solver_errors),
        FIXTURE_TEST(test_update_limits_wrong_keys),
        FIXTURE_TEST(test_update_without_memory),
        FIXTURE_TEST(test_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
