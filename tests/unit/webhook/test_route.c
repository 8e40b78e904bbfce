/* Paths, methods, listeners, administration and health. */
#include "tests/unit/webhook/fixture.h"

#include <string.h>

#include "core/attr.h"
#include "core/mem.h"
#include "core/metrics.h"

#define NOT_FOUND "{\"error\": \"not-found\", \"detail\": \"not found\"}"

static void test_unknown_paths(void **state) {
    static const char *const paths[] = {
        "/",         "/register/",  "//register",
        "/Register", "/v1",         "/v1/challenges/",
        "/v1/token", "/metrics",    "/registers",
        "*",         "/%72egister", "/v1/challenges/a/timeline/",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(paths); i++) {
        assert_answer(*state, &(struct ask){.path = paths[i], .bearer = SECRET_ADMIN}, 404,
                      NOT_FOUND);
    }
}

static void assert_wrong_method(struct fixture *fixture, const char *method, const char *path,
                                const char *allow) {
    assert_answer(fixture, &(struct ask){.method = method, .path = path}, 405,
                  "{\"error\": \"method-not-allowed\", \"detail\": \"the path does not take this "
                  "method\"}");
    assert_string_equal(fixture->headers, allow);
}

static void test_wrong_methods(void **state) {
    assert_wrong_method(*state, "GET", "/register", "allow: POST\n");
    assert_wrong_method(*state, "PUT", "/update", "allow: POST\n");
    assert_wrong_method(*state, "POST", "/health", "allow: GET\n");
    assert_wrong_method(*state, "HEAD", "/health", "allow: GET\n");
    assert_wrong_method(*state, "PATCH", "/v1/challenges", "allow: GET, POST, DELETE\n");
    assert_wrong_method(*state, "POST", "/v1/challenges/a/timeline", "allow: GET\n");
    assert_wrong_method(*state, "get", "/livez", "allow: GET\n");
}

static void test_base_path(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.base_path = "/dns/";
    fixture_configure(fixture);
    assert_answer(fixture, &(struct ask){.path = "/dns/register"}, 201, NULL);
    assert_answer(fixture, &(struct ask){.path = "/register"}, 404, NOT_FOUND);
    assert_answer(fixture, &(struct ask){.path = "/dnsregister"}, 404, NOT_FOUND);
    assert_answer(fixture, &(struct ask){.path = "/dns"}, 404, NOT_FOUND);
    struct ask control = {.path = "/register", .kind = D1_FRONTEND_CONTROL};
    assert_answer(fixture, &control, 201, NULL);
}

static void test_new_settings_are_taken_by_the_next_request(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.registration = D1_REGISTRATION_CLOSED;
    fixture_configure(fixture);
    fixture->settings.registration = D1_REGISTRATION_OPEN;
    fixture_configure(fixture);
    assert_answer(fixture, &(struct ask){.path = "/register"}, 201, NULL);
    fixture->settings.registration = D1_REGISTRATION_CLOSED;
    fixture_configure(fixture);
    assert_answer(fixture, &(struct ask){.path = "/register"}, 404, NOT_FOUND);
}

static void test_bad_proxies_change_nothing(void **state) {
    struct fixture *fixture = *state;
    static const char *const proxies[] = {"10.0.0.0"};
    fixture->settings.trusted_proxies = proxies;
    fixture->settings.trusted_proxies_count = 1;
    assert_int_equal(d1_router_configure(fixture->router, &fixture->settings), D1_EPARSE);
    assert_answer(fixture, &(struct ask){.path = "/register"}, 201, NULL);
}

static void test_configure_without_memory(void **state) {
    struct fixture *fixture = *state;
    for (unsigned skip = 0; skip < 2; skip++) {
        d1_mem_fault_arm(skip, 0);
        int err = d1_router_configure(fixture->router, &fixture->settings);
        assert_int_equal(d1_mem_fault_disarm(), 1);
        assert_true(err < 0);
    }
    assert_answer(fixture, &(struct ask){.path = "/register"}, 201, NULL);
}

static void assert_unauthorized(struct fixture *fixture, const char *authorization) {
    struct ask ask = {
        .method = "GET", .path = "/v1/challenges", .headers = {{"authorization", authorization}}};
    assert_answer(fixture, &ask, 401,
                  "{\"error\": \"unauthorized\", \"detail\": \"no valid credential was given\"}");
}

static void test_bad_authorization(void **state) {
    static const char *const values[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer" SECRET_ALL,
        SECRET_ALL,
        "Digest " SECRET_ALL,
        "Bearer " SECRET_ALL " ",
        "Bearer " SECRET_ALL "x",
        "Basic",
        "Basic ",
        "Basic ***",
        "Basic YWxs",                                 /* all */
        "Basic YWxsOg==",                             /* all: */
        "Basic OnNlY3JldC1vZi10b2tlbi1hbGw=",         /* :secret-of-token-all */
        "Basic aG9zdDpzZWNyZXQtb2YtdG9rZW4tYWxs",     /* host:secret-of-token-all */
        "Basic bm9ib2R5OnNlY3JldC1vZi10b2tlbi1hbGw=", /* nobody:secret-of-token-all */
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(values); i++) {
        assert_unauthorized(*state, values[i]);
    }
}

static void test_good_authorization(void **state) {
    static const char *const values[] = {
        "Bearer " SECRET_ALL,
        "bearer " SECRET_ALL,
        "BEARER   " SECRET_ALL,
        "Basic YWxsOnNlY3JldC1vZi10b2tlbi1hbGw=",
        "Basic YWxsOnNlY3JldC1vZi10b2tlbi1hbGw",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(values); i++) {
        struct ask ask = {
            .method = "GET", .path = "/v1/challenges", .headers = {{"authorization", values[i]}}};
        assert_answer(*state, &ask, 200, "{\"challenges\":[]}");
    }
}

static void test_two_authorizations(void **state) {
    struct ask ask = {
        .method = "GET",
        .path = "/v1/challenges",
        .bearer = SECRET_ALL,
        .headers = {{"authorization", "Bearer " SECRET_ALL}},
    };
    assert_answer(*state, &ask, 401, NULL);
}

static void test_wrong_secrets_are_limited(void **state) {
    struct fixture *fixture = *state;
    fixture->settings.auth_failures_per_minute = 2;
    fixture_configure(fixture);
    struct ask ask = {.method = "GET", .path = "/v1/challenges", .bearer = "wrong-wrong-wrong"};
    assert_answer(fixture, &ask, 401, NULL);
    assert_answer(fixture, &ask, 401, NULL);
    assert_answer(fixture, &ask, 429, NULL);
    assert_string_equal(fixture->headers, "retry-after: 30\n");
    ask.bearer = SECRET_ALL;
    assert_answer(fixture, &ask, 429, NULL);
    assert_answer(fixture, &(struct ask){.method = "GET", .path = "/health"}, 200, "");
    ask.kind = D1_FRONTEND_CONTROL;
    assert_answer(fixture, &ask, 200, NULL);
}

static void test_reload(void **state) {
    struct fixture *fixture = *state;
    struct ask ask = {.path = "/v1/reload", .bearer = SECRET_ADMIN};
    assert_answer(fixture, &ask, 200, "{\"reloaded\":true}");
    ask.bearer = SECRET_ALL;
    assert_answer(fixture, &ask, 403, NULL);
    ask.bearer = NULL;
    assert_answer(fixture, &ask, 401, NULL);
    assert_int_equal(fixture->reloads, 1);
    ask.kind = D1_FRONTEND_CONTROL;
    fixture->reload_err = D1_ECONFIG;
    assert_answer(fixture, &ask, 500,
                  "{\"error\": \"bad-configuration\", \"detail\": \"dns01d.yaml:3: zones: no such "
                  "thing\"}");
}

static void test_health_paths(void **state) {
    struct fixture *fixture = *state;
    static const enum d1_frontend_kind kinds[] = {D1_FRONTEND_API, D1_FRONTEND_METRICS,
                                                  D1_FRONTEND_CONTROL};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(kinds); i++) {
        struct ask ask = {.method = "GET", .path = "/livez", .kind = kinds[i]};
        fixture->ready = true;
        assert_answer(fixture, &ask, 200, "ok\n");
        ask.path = "/readyz";
        assert_answer(fixture, &ask, 200, "ok\n");
        ask.path = "/healthz";
        ask.query = "verbose";
        assert_answer(fixture, &ask, 200, "dns ok\nok\n");
        assert_string_equal(fixture->content_type, "text/plain; charset=utf-8");
        fixture->ready = false;
        assert_answer(fixture, &ask, 503, "dns loading\nnot ready\n");
        ask.query = NULL;
        ask.path = "/readyz";
        assert_answer(fixture, &ask, 503, "dns loading\nnot ready\n");
        ask.path = "/livez";
        assert_answer(fixture, &ask, 200, "ok\n");
    }
}

static void test_metrics(void **state) {
    struct fixture *fixture = *state;
    static const struct d1_metric_family family = {
        .name = "test_total", .help = "A test.", .type = D1_METRIC_COUNTER, .series = 1};
    uint32_t first;
    struct d1_metrics_block *block;
    assert_int_equal(d1_metrics_family(fixture->metrics, &family, &first), D1_OK);
    assert_int_equal(d1_metrics_block(fixture->metrics, &block), D1_OK);
    d1_count(block, first, 3);
    struct ask ask = {.method = "GET", .path = "/metrics", .kind = D1_FRONTEND_METRICS};
    assert_answer(fixture, &ask, 200, NULL);
    assert_non_null(strstr(fixture->body, "# TYPE test_total counter\ntest_total 3\n"));
    assert_string_equal(fixture->content_type, "text/plain; version=0.0.4; charset=utf-8");
    ask.kind = D1_FRONTEND_CONTROL;
    assert_answer(fixture, &ask, 404, NULL);
}

static void test_answers_are_counted(void **state) {
    struct fixture *fixture = *state;
    assert_answer(fixture, &(struct ask){.path = "/register"}, 201, NULL);
    assert_answer(fixture, &(struct ask){.path = "/nowhere"}, 404, NULL);
    assert_answer(fixture, &(struct ask){.path = "/nowhere"}, 404, NULL);
    struct ask ask = {.method = "GET", .path = "/metrics", .kind = D1_FRONTEND_METRICS};
    assert_answer(fixture, &ask, 200, NULL);
    assert_non_null(strstr(fixture->body, "dns01d_http_responses_total{code=\"201\"} 1\n"));
    assert_non_null(strstr(fixture->body, "dns01d_http_responses_total{code=\"404\"} 2\n"));
    assert_non_null(strstr(fixture->body, "dns01d_http_responses_total{code=\"other\"} 0\n"));
}

static void test_create_without_memory(void **state) {
    struct fixture *fixture = *state;
    uint64_t failed = 1;
    for (unsigned skip = 0; failed > 0; skip++) {
        struct d1_metrics *metrics = NULL;
        assert_int_equal(d1_metrics_create(&metrics), D1_OK);
        struct d1_frontend_options options = {.clock = &fixture->clock.clock, .metrics = metrics};
        struct d1_router *router = NULL;
        d1_mem_fault_arm(skip, 0);
        int err = d1_router_create(&options, NULL, NULL, &router);
        failed = d1_mem_fault_disarm();
        assert_int_equal(err == D1_OK, failed == 0);
        assert_int_equal(router != NULL, failed == 0);
        d1_router_destroy(router);
        d1_metrics_destroy(metrics);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_unknown_paths),
        FIXTURE_TEST(test_wrong_methods),
        FIXTURE_TEST(test_base_path),
        FIXTURE_TEST(test_new_settings_are_taken_by_the_next_request),
        FIXTURE_TEST(test_bad_proxies_change_nothing),
        FIXTURE_TEST(test_configure_without_memory),
        FIXTURE_TEST(test_bad_authorization),
        FIXTURE_TEST(test_good_authorization),
        FIXTURE_TEST(test_two_authorizations),
        FIXTURE_TEST(test_wrong_secrets_are_limited),
        FIXTURE_TEST(test_reload),
        FIXTURE_TEST(test_health_paths),
        FIXTURE_TEST(test_metrics),
        FIXTURE_TEST(test_answers_are_counted),
        FIXTURE_TEST(test_create_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
