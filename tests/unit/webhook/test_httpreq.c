#include "tests/unit/webhook/fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/attr.h"

#define NAME  "_acme-challenge.host.example.test"
#define VALUE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define BODY  "{\"fqdn\":\"" NAME ".\",\"value\":\"" VALUE "\"}"
#define MALFORMED                                                                              \
    "{\"error\": \"malformed\", "                                                              \
    "\"detail\": \"the body must be a JSON object with strings fqdn and value, or domain and " \
    "keyAuth\"}"

static struct ask present_ask(const char *body) {
    return (struct ask){.path = "/present", .bearer = SECRET_HOST, .body = body};
}

static void test_present(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask(BODY "\n");
    assert_answer(fixture, &ask, 200, BODY);
    assert_string_equal(fixture->content_type, "application/json");
    const struct d1_solver *solver = &fixture->solver;
    struct d1_name name;
    assert_int_equal(d1_name_from_text(NAME, &name), D1_OK);
    assert_true(d1_name_equal(&solver->last.name, &name));
    assert_int_equal(solver->last.verb, D1_SOLVER_PRESENT);
    assert_int_equal(solver->last.door, D1_DOOR_HTTPREQ);
    assert_int_equal(solver->last.value.length, strlen(VALUE));
    assert_memory_equal(solver->last.value.octets, VALUE, strlen(VALUE));
    assert_false(solver->last.oldest_gives_way);
    assert_string_equal(solver->last_owner, "token:host");
}

static void test_cleanup(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/cleanup", .bearer = SECRET_HOST, .body = BODY};
    assert_answer(fixture, &ask, 200, BODY);
    assert_int_equal(fixture->solver.last.verb, D1_SOLVER_CLEANUP);
}

static void test_keys_in_any_case(void **state) {
    struct ask ask = present_ask("{\"FQDN\": \"" NAME ".\", \"Value\": \"" VALUE "\", \"x\": 1}");
    assert_answer(*state, &ask, 200, BODY);
}

/* RFC 8555, 8.1 and 8.4; the digest is of "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.key". */
#define KEY_AUTH   "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.key"
#define RAW_DIGEST "kKaw44bsF46B1clC34tLaEFx3skDaKfJTVoKCcPoax4"

static void test_raw_mode(void **state) {
    static const char *const bodies[] = {
        "{\"domain\":\"host.example.test\",\"token\":\"t\",\"keyAuth\":\"" KEY_AUTH "\"}",
        "{\"Domain\":\"HOST.example.test.\",\"KeyAuth\":\"" KEY_AUTH "\",\"Token\":1}",
        "{\"KEYAUTH\":\"" KEY_AUTH "\",\"DOMAIN\":\"*.host.example.test\"}",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = present_ask(bodies[i]);
        assert_answer(fixture, &ask, 200, "{\"fqdn\":\"" NAME "\",\"value\":\"" RAW_DIGEST "\"}");
        struct d1_name name;
        assert_int_equal(d1_name_from_text(NAME, &name), D1_OK);
        assert_true(d1_name_equal(&fixture->solver.last.name, &name));
        assert_int_equal(fixture->solver.last.value.length, 43);
        assert_memory_equal(fixture->solver.last.value.octets, RAW_DIGEST, 43);
    }
    struct ask ask = {.path = "/cleanup", .bearer = SECRET_HOST, .body = bodies[0]};
    assert_answer(fixture, &ask, 200, NULL);
    assert_int_equal(fixture->solver.last.verb, D1_SOLVER_CLEANUP);
    assert_memory_equal(fixture->solver.last.value.octets, RAW_DIGEST, 43);
}

static void test_raw_mode_malformed(void **state) {
    struct ask ask = present_ask("{\"domain\":\"a..b\",\"keyAuth\":\"x\"}");
    assert_answer(*state, &ask, 400,
                  "{\"error\": \"bad-name\", \"detail\": \"domain: not a valid absolute domain "
                  "name\"}");
    ask.body = "{\"domain\":\"*.\",\"keyAuth\":\"x\"}";
    assert_answer(*state, &ask, 400, NULL);
    ask.body = "{\"domain\":\"host.example.test\",\"keyAuth\":\"\"}";
    assert_answer(*state, &ask, 400,
                  "{\"error\": \"malformed\", \"detail\": \"keyAuth: is empty\"}");
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

/* acme.sh looks for "VALUE" in the reply. */
static void test_value_is_repeated_as_a_json_string(void **state) {
    struct ask ask = present_ask("{\"fqdn\":\"" NAME "\",\"value\":\"a\\u00e4\\\"\\n\"}");
    assert_answer(*state, &ask, 200, "{\"fqdn\":\"" NAME "\",\"value\":\"a\xC3\xA4\\\"\\u000a\"}");
}

static void test_basic_credentials(void **state) {
    static const char *const values[] = {
        "Basic aG9zdDpzZWNyZXQtb2YtdG9rZW4taG9zdA==",
        "basic aG9zdDpzZWNyZXQtb2YtdG9rZW4taG9zdA",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(values); i++) {
        struct ask ask = {
            .path = "/present", .headers = {{"authorization", values[i]}}, .body = BODY};
        assert_answer(*state, &ask, 200, BODY);
    }
}

static void test_malformed(void **state) {
    static const char *const bodies[] = {
        "{}",
        "{\"fqdn\":\"" NAME "\"}",
        "{\"value\":\"" VALUE "\"}",
        "{\"fqdn\":5,\"value\":\"" VALUE "\"}",
        "{\"fqdn\":\"" NAME "\",\"value\":null}",
        "{\"domain\":\"example.test\",\"token\":\"t\"}",
        "{\"token\":\"t\",\"keyAuth\":\"t.k\"}",
        "{\"domain\":5,\"token\":\"t\",\"keyAuth\":\"t.k\"}",
        "{\"domain\":\"example.test\",\"token\":\"t\",\"keyAuth\":null}",
        "{\"fqdn\":\"a.test\",\"domain\":\"example.test\",\"keyAuth\":\"t.k\"}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = present_ask(bodies[i]);
        assert_answer(*state, &ask, 400, MALFORMED);
    }
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

static void test_not_json(void **state) {
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "null",
        "{\"fqdn\":\"a\",\"Fqdn\":\"b\",\"value\":\"c\"}",
        "{\"fqdn\":\"a\",\"value\":\"b\\u0000\"}",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = present_ask(bodies[i]);
        assert_answer(*state, &ask, 400, NULL);
        assert_int_equal(
            strncmp(((struct fixture *)*state)->body, "{\"error\": \"malformed\", ", 23), 0);
    }
}

static void test_bad_name_and_value(void **state) {
    struct ask ask = present_ask("{\"fqdn\":\"a..b\",\"value\":\"x\"}");
    assert_answer(*state, &ask, 400,
                  "{\"error\": \"bad-name\", \"detail\": \"fqdn: not a valid absolute domain "
                  "name\"}");
    ask.body = "{\"fqdn\":\"" NAME "\",\"value\":\"\"}";
    assert_answer(*state, &ask, 400,
                  "{\"error\": \"bad-value\", \"detail\": \"value: a TXT value has 1 to 255 "
                  "octets\"}");
}

static void test_longest_value(void **state) {
    char body[512];
    char value[257];
    memset(value, 'v', 256);
    value[256] = '\0';
    snprintf(body, sizeof(body), "{\"fqdn\":\"%s\",\"value\":\"%s\"}", NAME, value);
    struct ask ask = present_ask(body);
    assert_answer(*state, &ask, 400, NULL);
    value[255] = '\0';
    snprintf(body, sizeof(body), "{\"fqdn\":\"%s\",\"value\":\"%s\"}", NAME, value);
    assert_answer(*state, &ask, 200, body);
    assert_int_equal(((struct fixture *)*state)->solver.last.value.length, 255);
}

static void test_without_credential(void **state) {
    static const char *const expected =
        "{\"error\": \"unauthorized\", \"detail\": \"no valid credential was given\"}";
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/present", .body = BODY};
    assert_answer(fixture, &ask, 401, expected);
    assert_string_equal(fixture->headers, "www-authenticate: Bearer realm=\"dns01d\"\n");
    ask.bearer = "no-such-secret-here";
    assert_answer(fixture, &ask, 401, expected);
    ask.body = "{";
    assert_answer(fixture, &ask, 401, expected);
    assert_int_equal(fixture->solver.submitted, 0);
}

static void test_without_verb(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/present", .bearer = SECRET_READ, .body = BODY};
    assert_answer(fixture, &ask, 403,
                  "{\"error\": \"forbidden\", \"detail\": \"the credential has no right to "
                  "this\"}");
    assert_int_equal(fixture->solver.submitted, 0);
}

static void test_solver_errors(void **state) {
    static const struct {
        int err;
        int status;
        const char *code;
    } table[] = {
        {D1_EFORBIDDEN, 403, "forbidden"},  {D1_ENOTSERVED, 422, "not-served"},
        {D1_ESTATIC, 409, "static-record"}, {D1_EVALUES, 409, "too-many-values"},
        {D1_ENOTYET, 503, "not-yet"},       {D1_ESTORE, 503, "store-unavailable"},
        {D1_ESTOPPING, 503, "stopping"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected), "{\"error\": \"%s\", \"detail\": \"%s: %s\"}",
                 table[i].code, NAME, d1_err_text(table[i].err));
        struct ask ask = present_ask(BODY);
        fixture->solver.submit_err = table[i].err;
        fixture->solver.done_err = D1_OK;
        assert_answer(fixture, &ask, table[i].status, expected);
        fixture->solver.submit_err = D1_OK;
        fixture->solver.done_err = table[i].err;
        assert_answer(fixture, &ask, table[i].status, expected);
        assert_string_equal(fixture->headers, table[i].status == 503 ? "retry-after: 5\n" : "");
    }
}

static void test_right_to_the_name_is_the_solvers_question(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask("{\"fqdn\":\"_acme-challenge.other.example.test.\","
                                 "\"value\":\"" VALUE "\"}");
    assert_answer(
        fixture, &ask, 403,
        "{\"error\": \"forbidden\", \"detail\": \"_acme-challenge.other.example.test: the "
        "credential has no right to this\"}");
}

static void test_without_memory(void **state) {
    struct ask ask = present_ask(BODY);
    assert_survives_faults(*state, &ask, 200);
}

static void test_not_on_other_listeners(void **state) {
    struct ask ask = {.path = "/present", .kind = D1_FRONTEND_CONTROL, .body = BODY};
    assert_answer(*state, &ask, 404, NULL);
    ask.kind = D1_FRONTEND_METRICS;
    assert_answer(*state, &ask, 404, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_present),
        FIXTURE_TEST(test_cleanup),
        FIXTURE_TEST(test_keys_in_any_case),
        FIXTURE_TEST(test_raw_mode),
        FIXTURE_TEST(test_raw_mode_malformed),
        FIXTURE_TEST(test_value_is_repeated_as_a_json_string),
        FIXTURE_TEST(test_basic_credentials),
        FIXTURE_TEST(test_malformed),
        FIXTURE_TEST(test_not_json),
        FIXTURE_TEST(test_bad_name_and_value),
        FIXTURE_TEST(test_longest_value),
        FIXTURE_TEST(test_without_credential),
        FIXTURE_TEST(test_without_verb),
        FIXTURE_TEST(test_solver_errors),
        FIXTURE_TEST(test_right_to_the_name_is_the_solvers_question),
        FIXTURE_TEST(test_without_memory),
        FIXTURE_TEST(test_not_on_other_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
