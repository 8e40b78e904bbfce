#include "tests/unit/webhook/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "dns/wire.h"
#include "solver/timeline.h"

#define NAME    "_acme-challenge.host.example.test"
#define PRESENT "{\"name\":\"" NAME ".\",\"value\":\"v1\"}"

static struct ask present_ask(const char *body) {
    return (struct ask){.path = "/v1/challenges", .bearer = SECRET_HOST, .body = body};
}

static void test_present(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.expires_ms = TEST_NOW_MS + 86400000;
    struct ask ask = present_ask(PRESENT);
    assert_answer(fixture, &ask, 201,
                  "{\"name\":\"" NAME "\",\"value\":\"v1\",\"owner\":\"token:host\","
                  "\"expires\":\"2026-11-23T02:02:01.456Z\"}");
    assert_int_equal(fixture->solver.last.door, D1_DOOR_API);
    assert_int_equal(fixture->solver.last.lease_ms, D1_LEASE_DEFAULT);
    assert_false(fixture->solver.last.oldest_gives_way);
}

static void test_present_again(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.repeated = true;
    struct ask ask = present_ask(PRESENT);
    assert_answer(fixture, &ask, 200,
                  "{\"name\":\"" NAME "\",\"value\":\"v1\",\"owner\":\"token:host\","
                  "\"expires\":null}");
}

static void test_present_says_where_cnames_led(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask(PRESENT);
    fixture->solver.was_followed = true;
    assert_int_equal(d1_name_from_text("x7.auth.example.test", &fixture->solver.followed.name), 0);
    assert_answer(fixture, &ask, 201,
                  "{\"name\":\"" NAME "\",\"value\":\"v1\",\"owner\":\"token:host\","
                  "\"expires\":null,\"followed_to\":\"x7.auth.example.test\"}");
}

static void test_what_was_found_is_told(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask(PRESENT);
    fixture->solver.was_followed = true;
    fixture->solver.followed.end = D1_FOLLOW_NO_CNAME;
    fixture->solver.done_err = D1_ENOTSERVED;
    assert_answer(fixture, &ask, 422,
                  "{\"error\": \"not-served\", \"detail\": \"" NAME
                  " is neither served here nor routed to a provider, and has no CNAME\"}");
    fixture->solver.followed.end = D1_FOLLOW_FOUND;
    fixture->solver.followed.links = 1;
    fixture->solver.done_err = D1_EFORBIDDEN;
    assert_int_equal(d1_name_from_text("x7.auth.example.test", &fixture->solver.followed.name), 0);
    assert_answer(fixture, &ask, 403,
                  "{\"error\": \"forbidden\", \"detail\": \"" NAME
                  " leads by CNAME to x7.auth.example.test: the credential has no right to "
                  "this\"}");
}

static void test_present_on_control_socket(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask(PRESENT);
    ask.kind = D1_FRONTEND_CONTROL;
    ask.bearer = NULL;
    assert_answer(fixture, &ask, 201, NULL);
    assert_string_equal(fixture->solver.last_owner, "socket");
    assert_int_equal(fixture->solver.last.door, D1_DOOR_SOCKET);
    ask.uid = 4711;
    assert_answer(fixture, &ask, 403,
                  "{\"error\": \"forbidden\", \"detail\": \"the credential has no right to "
                  "this\"}");
}

static void assert_lease(struct fixture *fixture, const char *lease, int64_t expected_ms) {
    char body[256];
    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"value\":\"v1\",\"lease\":%s}", NAME, lease);
    struct ask ask = present_ask(body);
    assert_answer(fixture, &ask, 201, NULL);
    assert_true(fixture->solver.last.lease_ms == expected_ms);
}

static void test_leases(void **state) {
    assert_lease(*state, "\"30s\"", 30000);
    assert_lease(*state, "\"10m\"", 600000);
    assert_lease(*state, "\"7d\"", INT64_C(604800000));
    assert_lease(*state, "\"none\"", D1_LEASE_NONE);
    assert_lease(*state, "null", D1_LEASE_DEFAULT);
}

static void test_bad_leases(void **state) {
    static const char *const leases[] = {
        "\"\"",     "\"10\"", "\"0s\"",    "\"-1m\"",
        "\"None\"", "600",    "\"1h30m\"", "\"99999999999999999999d\"",
        "[]"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(leases); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"name\":\"%s\",\"value\":\"v1\",\"lease\":%s}", NAME,
                 leases[i]);
        struct ask ask = present_ask(body);
        assert_answer(*state, &ask, 400,
                      "{\"error\": \"bad-lease\", \"detail\": \"lease: must be a duration such as "
                      "\\\"10m\\\", or \\\"none\\\"\"}");
    }
}

static void test_bad_bodies(void **state) {
    static const struct {
        const char *body;
        const char *expected;
    } table[] = {
        {"{}", "{\"error\": \"malformed\", \"detail\": \"name and value must be given as "
               "strings\"}"},
        {"{\"name\":\"" NAME "\",\"value\":1}",
         "{\"error\": \"malformed\", \"detail\": \"name and value must be given as strings\"}"},
        {"{\"name\":\"" NAME "\",\"value\":\"v\",\"leese\":\"1h\"}",
         "{\"error\": \"malformed\", \"detail\": \"unknown JSON key \\\"leese\\\"\"}"},
        {"{\"name\":\"" NAME "\",\"Name\":\"a\",\"value\":\"v\"}",
         "{\"error\": \"malformed\", \"detail\": \"JSON key \\\"Name\\\" is given twice\"}"},
        {"{\"name\":\"a..b\",\"value\":\"v\"}",
         "{\"error\": \"bad-name\", \"detail\": \"name: not a valid absolute domain name\"}"},
        {"{\"name\":\"" NAME "\",\"value\":\"\"}",
         "{\"error\": \"bad-value\", \"detail\": \"value: a TXT value has 1 to 255 octets\"}"},
        {"[]", "{\"error\": \"malformed\", \"detail\": \"the body must be a JSON object\"}"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct ask ask = present_ask(table[i].body);
        assert_answer(*state, &ask, 400, table[i].expected);
    }
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

static void test_faults_are_not_told_to_strangers(void **state) {
    struct ask ask = present_ask("{");
    ask.bearer = "wrong-wrong-wrong-wrong";
    assert_answer(*state, &ask, 401,
                  "{\"error\": \"unauthorized\", \"detail\": \"no valid credential was given\"}");
    ask.bearer = SECRET_READ;
    assert_answer(*state, &ask, 403, NULL);
}

static void test_present_fails(void **state) {
    struct fixture *fixture = *state;
    fixture->solver.done_err = D1_ENOTYET;
    struct ask ask = present_ask(PRESENT);
    assert_answer(fixture, &ask, 503,
                  "{\"error\": \"not-yet\", \"detail\": \"" NAME ": the value is not live on every "
                  "node yet\"}");
    assert_string_equal(fixture->headers, "retry-after: 5\n");
}

static struct ask cleanup_ask(const char *query) {
    return (struct ask){
        .method = "DELETE", .path = "/v1/challenges", .query = query, .bearer = SECRET_HOST};
}

static void test_cleanup(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = cleanup_ask("name=" NAME "&value=a%20b%2Bc");
    assert_answer(fixture, &ask, 200, "{\"name\":\"" NAME "\",\"value\":\"a b+c\"}");
    assert_int_equal(fixture->solver.last.verb, D1_SOLVER_CLEANUP);
    assert_int_equal(fixture->solver.last.value.length, 5);
    assert_memory_equal(fixture->solver.last.value.octets, "a b+c", 5);
}

static void test_cleanup_bad_query(void **state) {
    static const char *const queries[] = {
        "",
        "name=" NAME,
        "value=v",
        "name=" NAME "&value=v&value=w",
        "name=" NAME "&value=",
        "name=" NAME "&value=%zz",
        "name=" NAME "&value=%00",
        "name=&value=v",
        "name=a..b&value=v",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(queries); i++) {
        struct ask ask = cleanup_ask(queries[i]);
        assert_answer(*state, &ask, 400, NULL);
    }
    assert_int_equal(((struct fixture *)*state)->solver.submitted, 0);
}

static void add_challenge(struct d1_solver *solver, const char *name, const char *value,
                          bool live) {
    size_t at = solver->challenges_count++;
    struct d1_challenge *challenge = &solver->challenges[at];
    assert_int_equal(d1_name_from_text(name, &challenge->name), D1_OK);
    assert_int_equal(d1_txt_value_set(&challenge->value, value, strlen(value)), D1_OK);
    snprintf(challenge->owner, sizeof(challenge->owner), "token:host");
    challenge->created_ms = TEST_NOW_MS;
    solver->live[at] = live;
}

static void test_list(void **state) {
    struct fixture *fixture = *state;
    struct d1_solver *solver = &fixture->solver;
    struct ask ask = {.method = "GET", .path = "/v1/challenges", .bearer = SECRET_HOST};
    assert_answer(fixture, &ask, 200, "{\"challenges\":[]}");
    add_challenge(solver, NAME, "v\"1", true);
    add_challenge(solver, "_acme-challenge.other.example.test", "v2", true);
    add_challenge(solver, NAME, "not live yet", false);
    add_challenge(solver, NAME, "v3", true);
    solver->challenges[0].expires_ms = TEST_NOW_MS + 1000;
    assert_answer(fixture, &ask, 200,
                  "{\"challenges\":[{\"name\":\"" NAME "\",\"value\":\"v\\\"1\",\"owner\":"
                  "\"token:host\",\"created\":\"2026-11-22T02:02:01.456Z\",\"expires\":"
                  "\"2026-11-22T02:02:02.456Z\"},{\"name\":\"" NAME "\",\"value\":\"v3\",\"owner\":"
                  "\"token:host\",\"created\":\"2026-11-22T02:02:01.456Z\",\"expires\":null}]}");
    ask.bearer = SECRET_ENROL;
    assert_answer(fixture, &ask, 403, NULL);
}

static void add_events(struct fixture *fixture) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(NAME, &name), D1_OK);
    struct d1_event event = {.kind = D1_EVENT_PRESENTED, .time_ms = TEST_NOW_MS};
    assert_int_equal(d1_txt_value_set(&event.value, "v1", 2), D1_OK);
    snprintf(event.owner, sizeof(event.owner), "token:host");
    snprintf(event.door, sizeof(event.door), "api");
    d1_timeline_add(fixture->timeline, &name, &event);
    event.kind = D1_EVENT_COMMITTED;
    event.door[0] = '\0';
    event.revision = 7;
    d1_timeline_add(fixture->timeline, &name, &event);
    struct d1_event asked = {.kind = D1_EVENT_ASKED, .time_ms = TEST_NOW_MS + 5};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4711)};
    assert_int_equal(inet_pton(AF_INET, "198.51.100.7", &in.sin_addr), 1);
    memcpy(&asked.from, &in, sizeof(in));
    asked.type = D1_TYPE_TXT;
    asked.answers = 1;
    asked.tcp = true;
    d1_timeline_add(fixture->timeline, &name, &asked);
    asked.type = 65;
    asked.answers = 0;
    asked.tcp = false;
    asked.rcode = 23;
    d1_timeline_add(fixture->timeline, &name, &asked);
}

static void test_timeline(void **state) {
    struct fixture *fixture = *state;
    add_events(fixture);
    struct ask ask = {
        .method = "GET", .path = "/v1/challenges/" NAME "./timeline", .bearer = SECRET_HOST};
    assert_answer(fixture, &ask, 200,
                  "{\"name\":\"" NAME "\",\"events\":[{\"time\":\"2026-11-22T02:02:01.456Z\","
                  "\"event\":\"presented\",\"value\":\"v1\",\"owner\":\"token:host\",\"door\":"
                  "\"api\"},{\"time\":\"2026-11-22T02:02:01.456Z\",\"event\":\"committed\","
                  "\"value\":\"v1\",\"owner\":\"token:host\",\"revision\":7},{\"time\":"
                  "\"2026-11-22T02:02:01.461Z\",\"event\":\"asked\",\"from\":\"198.51.100.7\","
                  "\"transport\":\"tcp\",\"type\":\"TXT\",\"answer\":\"NOERROR\",\"records\":1,"
                  "\"truncated\":false},{\"time\":\"2026-11-22T02:02:01.461Z\",\"event\":\"asked\","
                  "\"from\":\"198.51.100.7\",\"transport\":\"udp\",\"type\":\"TYPE65\",\"answer\":"
                  "\"RCODE23\",\"records\":0,\"truncated\":false}],\"asked_not_listed\":0}");
}

static void test_timeline_names(void **state) {
    struct ask ask = {.method = "GET",
                      .path = "/v1/challenges/_ACME-challenge.host%2Eexample.test/timeline",
                      .bearer = SECRET_HOST};
    assert_answer(*state, &ask, 200,
                  "{\"name\":\"" NAME "\",\"events\":[],"
                  "\"asked_not_listed\":0}");
    ask.path = "/v1/challenges/a..b/timeline";
    assert_answer(*state, &ask, 400, NULL);
    ask.path = "/v1/challenges/a%00b/timeline";
    assert_answer(*state, &ask, 400, NULL);
    ask.path = "/v1/challenges//timeline";
    assert_answer(*state, &ask, 404, NULL);
    ask.path = "/v1/challenges/a/b/timeline";
    assert_answer(*state, &ask, 404, NULL);
}

static void test_timeline_needs_a_right_to_the_name(void **state) {
    struct ask ask = {.method = "GET",
                      .path = "/v1/challenges/_acme-challenge.other.test/timeline",
                      .bearer = SECRET_HOST};
    assert_answer(*state, &ask, 403,
                  "{\"error\": \"forbidden\", \"detail\": \"_acme-challenge.other.test: the "
                  "credential has no right to this\"}");
    ask.bearer = SECRET_ADMIN;
    assert_answer(*state, &ask, 200, NULL);
}

static void test_without_memory(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = present_ask(PRESENT);
    assert_survives_faults(fixture, &ask, 201);
    add_challenge(&fixture->solver, NAME, "v1", true);
    struct ask list = {.method = "GET", .path = "/v1/challenges", .bearer = SECRET_HOST};
    assert_survives_faults(fixture, &list, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_present),
        FIXTURE_TEST(test_present_again),
        FIXTURE_TEST(test_present_says_where_cnames_led),
        FIXTURE_TEST(test_what_was_found_is_told),
        FIXTURE_TEST(test_present_on_control_socket),
        FIXTURE_TEST(test_leases),
        FIXTURE_TEST(test_bad_leases),
        FIXTURE_TEST(test_bad_bodies),
        FIXTURE_TEST(test_faults_are_not_told_to_strangers),
        FIXTURE_TEST(test_present_fails),
        FIXTURE_TEST(test_cleanup),
        FIXTURE_TEST(test_cleanup_bad_query),
        FIXTURE_TEST(test_list),
        FIXTURE_TEST(test_timeline),
        FIXTURE_TEST(test_timeline_names),
        FIXTURE_TEST(test_timeline_needs_a_right_to_the_name),
        FIXTURE_TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
