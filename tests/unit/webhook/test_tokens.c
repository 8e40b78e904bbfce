/* GET /v1/tokens. */
#include "tests/unit/webhook/fixture.h"

#include <string.h>

static void test_list(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.method = "GET", .path = "/v1/tokens", .bearer = SECRET_ADMIN};
    assert_answer(fixture, &ask, 200,
                  "{\"tokens\":["
                  "{\"name\":\"admin\",\"names\":[],\"owners\":[],\"verbs\":[\"admin\"]},"
                  "{\"name\":\"all\",\"names\":[\"**\"],\"owners\":[],"
                  "\"verbs\":[\"present\",\"cleanup\",\"read\"]},"
                  "{\"name\":\"enrol\",\"names\":[],\"owners\":[],\"verbs\":[\"register\"]},"
                  "{\"name\":\"host\",\"names\":[\"host.example.test\"],\"owners\":[],"
                  "\"verbs\":[\"present\",\"cleanup\",\"read\"]},"
                  "{\"name\":\"read\",\"names\":[\"**\"],\"owners\":[],\"verbs\":[\"read\"]}]}");
    assert_null(strstr(fixture->body, "secret"));
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
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_list),
        FIXTURE_TEST(test_only_administrators),
        FIXTURE_TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
