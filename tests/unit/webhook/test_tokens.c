/* Tokens and TSIG keys of the native API. */
#include "tests/unit/webhook/fixture.h"

#include <string.h>

#define REST  ",\"lease\":null,\"quota\":null,\"algorithm\":null,\"source\":\"configuration\"}"
#define USUAL "\"verbs\":[\"present\",\"cleanup\",\"read\"]" REST

static void test_list(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.method = "GET", .path = "/v1/tokens", .bearer = SECRET_ADMIN};
    assert_answer(fixture, &ask, 200,
                  "{\"tokens\":["
                  "{\"name\":\"admin\",\"names\":[],\"owners\":[],\"verbs\":[\"admin\"]" REST ","
                  "{\"name\":\"all\",\"names\":[\"**\"],\"owners\":[]," USUAL ","
                  "{\"name\":\"enrol\",\"names\":[],\"owners\":[],\"verbs\":[\"register\"]" REST ","
                  "{\"name\":\"host\",\"names\":[\"host.example.test\"],\"owners\":[]," USUAL ","
                  "{\"name\":\"read\",\"names\":[\"**\"],\"owners\":[],\"verbs\":[\"read\"]" REST
                  "]}");
    assert_null(strstr(fixture->body, "secret"));
}

static void test_list_goes_on_after_a_name(void **state) {
    struct ask ask = {
        .method = "GET", .path = "/v1/tokens", .query = "after=host", .bearer = SECRET_ADMIN};
    assert_answer(*state, &ask, 200,
                  "{\"tokens\":["
                  "{\"name\":\"read\",\"names\":[\"**\"],\"owners\":[],\"verbs\":[\"read\"]" REST
                  "]}");
    ask.query = "after=a&after=b";
    assert_answer(*state, &ask, 400, NULL);
}

static void test_one(void **state) {
    struct ask ask = {.method = "GET", .path = "/v1/tokens/host", .bearer = SECRET_ADMIN};
    assert_answer(*state, &ask, 200,
                  "{\"name\":\"host\",\"names\":[\"host.example.test\"],\"owners\":[]," USUAL);
    ask.path = "/v1/tokens/h%6Fst";
    assert_answer(*state, &ask, 200, NULL);
    ask.path = "/v1/tokens/nobody";
    assert_answer(*state, &ask, 404,
                  "{\"error\": \"not-found\", \"detail\": \"there is no such token\"}");
    ask.path = "/v1/tsig-keys/host";
    assert_answer(*state, &ask, 404, NULL);
}

#define MADE                                                                                 \
    "{\"name\":\"host1.example.test\",\"names\":[\"host1.example.test\"],\"owners\":[],"     \
    "\"verbs\":[\"present\"],\"lease\":\"7d\",\"quota\":5,\"algorithm\":\"hmac-sha256\","    \
    "\"source\":\"store\",\"created\":\"2026-11-22T02:02:01.456Z\",\"secret\":\"a-secret\"," \
    "\"tsig_secret\":\"a+key/==\"}"

static void test_new(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/v1/tokens",
                      .bearer = SECRET_ADMIN,
                      .body = "{\"name\":\"host1.example.test\",\"owners\":[\"a.b\",\"**.c\"],"
                              "\"verbs\":[\"present\",\"read\"],\"lease\":\"7d\",\"quota\":5}"};
    assert_answer(fixture, &ask, 201, MADE);
    const struct d1_solver_token_change *last = &fixture->solver.last_token;
    assert_int_equal(last->verb, D1_TOKEN_NEW);
    assert_false(last->is_key);
    assert_string_equal(last->name, "host1.example.test");
    assert_string_equal(fixture->solver.last_lists[0], "-");
    assert_string_equal(fixture->solver.last_lists[1], "a.b **.c");
    assert_string_equal(fixture->solver.last_lists[2], "present read");
    assert_int_equal(last->lease_ms, 604800000);
    assert_int_equal(last->quota, 5);
    assert_null(last->algorithm);
}

static void test_new_without_tsig(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/v1/tokens",
                      .bearer = SECRET_ADMIN,
                      .body = "{\"name\":\"a.test\",\"names\":[],\"tsig\":false}"};
    assert_answer(fixture, &ask, 201, NULL);
    assert_string_equal(fixture->solver.last_token.algorithm, "");
    assert_string_equal(fixture->solver.last_lists[0], "");
}

static void test_new_key(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/v1/tsig-keys",
                      .bearer = SECRET_ADMIN,
                      .body = "{\"name\":\"certbot\",\"names\":[\"**\"],"
                              "\"algorithm\":\"hmac-sha512\"}"};
    assert_answer(fixture, &ask, 201, NULL);
    assert_true(fixture->solver.last_token.is_key);
    assert_string_equal(fixture->solver.last_token.algorithm, "hmac-sha512");
    assert_non_null(strstr(fixture->body, "\"secret\":\"a+key/==\"}"));
    assert_null(strstr(fixture->body, "a-secret"));
}

static void test_faults_of_a_new_one(void **state) {
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"name\":5}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"a\",\"extra\":1}",
        "{\"name\":\"a\",\"algorithm\":\"hmac-sha256\"}",
        "{\"name\":\"a\",\"names\":\"b\"}",
        "{\"name\":\"a\",\"names\":[1]}",
        "{\"name\":\"a\",\"names\":[\"\"]}",
        "{\"name\":\"a\",\"names\":[\"b c\"]}",
        "{\"name\":\"a\",\"lease\":\"none\"}",
        "{\"name\":\"a\",\"lease\":7}",
        "{\"name\":\"a\",\"lease\":\"0s\"}",
        "{\"name\":\"a\",\"quota\":0}",
        "{\"name\":\"a\",\"quota\":-1}",
        "{\"name\":\"a\",\"quota\":\"5\"}",
        "{\"name\":\"a\",\"quota\":99999999999}",
        "{\"name\":\"a\",\"tsig\":1}",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct ask ask = {.path = "/v1/tokens", .bearer = SECRET_ADMIN, .body = bodies[i]};
        assert_answer(fixture, &ask, 400, NULL);
        assert_int_equal(fixture->solver.last_token.verb, 0);
        assert_string_equal(fixture->solver.last_token.name, "");
    }
    struct ask key = {.path = "/v1/tsig-keys",
                      .bearer = SECRET_ADMIN,
                      .body = "{\"name\":\"a\",\"algorithm\":\"hmac-md5\"}"};
    assert_answer(fixture, &key, 400, NULL);
    key.body = "{\"name\":\"a\",\"tsig\":true}";
    assert_answer(fixture, &key, 400, NULL);
}

static void test_what_the_solver_says(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {
        .path = "/v1/tokens", .bearer = SECRET_ADMIN, .body = "{\"name\":\"a.test\"}"};
    fixture->solver.submit_err = D1_EEXIST;
    fixture->solver.token_story = "a.test is taken";
    assert_answer(fixture, &ask, 409, "{\"error\": \"exists\", \"detail\": \"a.test is taken\"}");
    fixture->solver.submit_err = 0;
    fixture->solver.done_err = D1_ESTORE;
    assert_answer(fixture, &ask, 503, NULL);
    assert_null(strstr(fixture->body, "a-secret"));
}

static void test_rotate_and_remove(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/v1/tokens/host1.example.test/rotate", .bearer = SECRET_ADMIN};
    assert_answer(fixture, &ask, 200, MADE);
    assert_int_equal(fixture->solver.last_token.verb, D1_TOKEN_ROTATE);
    assert_string_equal(fixture->solver.last_token.name, "host1.example.test");
    ask.method = "DELETE";
    ask.path = "/v1/tsig-keys/host1.example.test";
    assert_answer(fixture, &ask, 200, "{\"name\":\"host1.example.test\",\"removed\":true}");
    assert_int_equal(fixture->solver.last_token.verb, D1_TOKEN_REMOVE);
    assert_true(fixture->solver.last_token.is_key);
}

static void test_nobody_else_changes(void **state) {
    struct fixture *fixture = *state;
    static const char *const calls[][2] = {
        {"POST", "/v1/tokens"},        {"GET", "/v1/tokens/a"},
        {"DELETE", "/v1/tokens/a"},    {"POST", "/v1/tokens/a/rotate"},
        {"GET", "/v1/tsig-keys"},      {"POST", "/v1/tsig-keys"},
        {"DELETE", "/v1/tsig-keys/a"}, {"POST", "/v1/tsig-keys/a/rotate"},
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct ask ask = {.method = calls[i][0], .path = calls[i][1], .bearer = SECRET_ALL};
        assert_answer(fixture, &ask, 403, NULL);
        ask.bearer = SECRET_ENROL;
        assert_answer(fixture, &ask, 403, NULL);
        ask.bearer = NULL;
        assert_answer(fixture, &ask, 401, NULL);
    }
    assert_string_equal(fixture->solver.last_token.name, "");
}

static void test_only_administrators(void **state) {
    struct ask ask = {.method = "GET", .path = "/v1/tokens", .bearer = SECRET_ALL};
    assert_answer(*state, &ask, 403, NULL);
    ask.bearer = NULL;
    assert_answer(*state, &ask, 401, NULL);
    ask.kind = D1_FRONTEND_METRICS;
    assert_answer(*state, &ask, 404, NULL);
}

static void test_without_memory(void **state) {
    struct ask ask = {.method = "GET", .path = "/v1/tokens", .bearer = SECRET_ADMIN};
    assert_survives_faults(*state, &ask, 200);
    ask = (struct ask){.path = "/v1/tokens",
                       .bearer = SECRET_ADMIN,
                       .body = "{\"name\":\"a.test\",\"names\":[\"b.test\"]}"};
    assert_survives_faults(*state, &ask, 201);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_list),
        FIXTURE_TEST(test_list_goes_on_after_a_name),
        FIXTURE_TEST(test_one),
        FIXTURE_TEST(test_new),
        FIXTURE_TEST(test_new_without_tsig),
        FIXTURE_TEST(test_new_key),
        FIXTURE_TEST(test_faults_of_a_new_one),
        FIXTURE_TEST(test_what_the_solver_says),
        FIXTURE_TEST(test_rotate_and_remove),
        FIXTURE_TEST(test_nobody_else_changes),
        FIXTURE_TEST(test_only_administrators),
        FIXTURE_TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
