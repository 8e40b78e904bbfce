#include "tests/unit/webhook/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "core/mem.h"
#include "core/metrics.h"
#include "http/server.h"
#include "solver/timeline.h"
#include "webhook/json.h"

static void on_reload(void *arg, struct d1_reload *reload) {
    struct fixture *fixture = arg;
    fixture->reloads++;
    reload->done(reload, fixture->reload_err, "dns01d.yaml:3: zones: no such thing");
}

static bool on_ready(void *arg, char *detail, size_t size) {
    const struct fixture *fixture = arg;
    snprintf(detail, size, "dns %s\n", fixture->ready ? "ok" : "loading");
    return fixture->ready;
}

static void on_respond(struct d1_http_exchange *exchange, const struct d1_http_response *response,
                       void *arg) {
    struct fixture *fixture = arg;
    (void)exchange;
    fixture->answers++;
    fixture->status = response->status;
    snprintf(fixture->content_type, sizeof(fixture->content_type), "%s",
             response->content_type != NULL ? response->content_type : "");
    assert_true(response->body_length < sizeof(fixture->body));
    if (response->body_length > 0) {
        memcpy(fixture->body, response->body, response->body_length);
    }
    fixture->body[response->body_length] = '\0';
    fixture->body_length = response->body_length;
    fixture->headers[0] = '\0';
    for (size_t i = 0; i < response->headers_count; i++) {
        size_t used = strlen(fixture->headers);
        snprintf(fixture->headers + used, sizeof(fixture->headers) - used, "%s: %s\n",
                 response->headers[i].name, response->headers[i].value);
    }
}

static void add_token(struct d1_credentials *set, const char *secret, const char *pattern,
                      unsigned verbs) {
    const char *name = strrchr(secret, '-') + 1;
    struct d1_rights *rights = NULL;
    uint8_t digest[D1_SHA256_BYTES];
    size_t count = pattern != NULL ? 1 : 0;
    assert_int_equal(d1_rights_create(&pattern, count, NULL, 0, verbs, &rights, NULL), D1_OK);
    assert_int_equal(d1_sha256(D1_TOKEN_DIGEST_DOMAIN, secret, strlen(secret), digest), D1_OK);
    assert_int_equal(d1_credentials_add(set, name, digest, rights), D1_OK);
}

static void add_credentials(struct d1_solver *solver) {
    assert_int_equal(d1_credentials_create(&solver->credentials), D1_OK);
    add_token(solver->credentials, SECRET_ALL, "**", D1_VERBS_DEFAULT);
    add_token(solver->credentials, SECRET_HOST, "host.example.test", D1_VERBS_DEFAULT);
    add_token(solver->credentials, SECRET_READ, "**", D1_VERB_READ);
    add_token(solver->credentials, SECRET_ENROL, NULL, D1_VERB_REGISTER);
    add_token(solver->credentials, SECRET_ADMIN, NULL, D1_VERB_ADMIN);
    solver->account = (struct d1_account){.username = TEST_USERNAME, .allowfrom = ""};
    assert_int_equal(d1_name_from_text(TEST_SUBDOMAIN ".auth.example.test", &solver->account.name),
                     D1_OK);
    assert_int_equal(
        d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, TEST_KEY, strlen(TEST_KEY), solver->account.key_digest),
        D1_OK);
}

void fixture_configure(struct fixture *fixture) {
    assert_int_equal(d1_router_configure(fixture->router, &fixture->settings), D1_OK);
}

int fixture_set_up(void **state) {
    json_set_alloc_funcs(d1_malloc, d1_free);
    int64_t allocations = d1_mem_live();
    struct fixture *fixture = d1_calloc(1, sizeof(*fixture));
    if (fixture == NULL) {
        return -ENOMEM;
    }
    fixture->allocations = allocations;
    *state = fixture;
    d1_fake_clock_init(&fixture->clock, TEST_NOW_MS);
    assert_int_equal(d1_loop_create("control", &fixture->control), D1_OK);
    assert_int_equal(d1_loop_create("front", &fixture->front), D1_OK);
    assert_int_equal(d1_timeline_create(&fixture->timeline), D1_OK);
    assert_int_equal(d1_metrics_create(&fixture->metrics), D1_OK);
    add_credentials(&fixture->solver);
    fixture->ready = true;
    struct d1_frontend_options options = {
        .loop = fixture->control,
        .front = fixture->front,
        .clock = &fixture->clock.clock,
        .solver = &fixture->solver,
        .timeline = fixture->timeline,
        .metrics = fixture->metrics,
        .reload = on_reload,
        .ready = on_ready,
        .arg = fixture,
    };
    assert_int_equal(d1_router_create(&options, on_respond, fixture, &fixture->router), D1_OK);
    fixture->settings = (struct d1_frontend_settings){
        .base_path = "",
        .registration = D1_REGISTRATION_OPEN,
    };
    fixture_configure(fixture);
    return 0;
}

int fixture_tear_down(void **state) {
    struct fixture *fixture = *state;
    d1_router_destroy(fixture->router);
    d1_credentials_destroy(fixture->solver.credentials);
    d1_metrics_destroy(fixture->metrics);
    d1_timeline_destroy(fixture->timeline);
    d1_loop_destroy(fixture->front);
    d1_loop_destroy(fixture->control);
    int64_t allocations = fixture->allocations;
    d1_free(fixture);
    assert_int_equal(d1_mem_live(), allocations);
    return 0;
}

static void set_peer(struct d1_http_request *request, const struct ask *ask) {
    if (ask->kind == D1_FRONTEND_CONTROL) {
        request->peer.address.ss_family = AF_UNIX;
        request->peer.uid = ask->uid;
        return;
    }
    const char *from = ask->from != NULL ? ask->from : "192.0.2.1";
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, from, &in.sin_addr) == 1) {
        memcpy(&request->peer.address, &in, sizeof(in));
    } else {
        assert_int_equal(inet_pton(AF_INET6, from, &in6.sin6_addr), 1);
        memcpy(&request->peer.address, &in6, sizeof(in6));
    }
}

static void run_loops(struct fixture *fixture) {
    uv_run(d1_loop_uv(fixture->control), UV_RUN_NOWAIT);
    fake_solver_complete(&fixture->solver);
    uv_run(d1_loop_uv(fixture->front), UV_RUN_NOWAIT);
}

void fixture_send(struct fixture *fixture, const struct ask *ask) {
    struct d1_http_header headers[10];
    size_t count = 0;
    char bearer[128];
    if (ask->bearer != NULL) {
        snprintf(bearer, sizeof(bearer), "Bearer %s", ask->bearer);
        headers[count++] = (struct d1_http_header){"authorization", bearer};
    }
    for (size_t i = 0; i < 8 && ask->headers[i][0] != NULL; i++) {
        headers[count++] = (struct d1_http_header){ask->headers[i][0], ask->headers[i][1]};
    }
    const char *body = ask->body != NULL ? ask->body : "";
    struct d1_http_request request = {
        .method = ask->method != NULL ? ask->method : "POST",
        .path = ask->path,
        .query = ask->query != NULL ? ask->query : "",
        .headers = headers,
        .headers_count = count,
        .body = (const uint8_t *)body,
        .body_length = ask->body_length > 0 ? ask->body_length : strlen(body),
    };
    set_peer(&request, ask);
    d1_router_take(fixture->router, ask->kind, &request, NULL);
    run_loops(fixture);
}

void fixture_ask(struct fixture *fixture, const struct ask *ask) {
    unsigned before = fixture->answers;
    fixture_send(fixture, ask);
    assert_int_equal(fixture->answers, before + 1);
    assert_int_equal(d1_router_pending(fixture->router), 0);
    assert_null(
        memchr(fixture->body, '\n',
               strcmp(fixture->content_type, "application/json") == 0 ? fixture->body_length : 0));
}

/* JSON answers are JSON. */
static void check_json(const struct fixture *fixture) {
    if (strcmp(fixture->content_type, "application/json") == 0) {
        json_t *value = NULL;
        assert_int_equal(d1_json_read(fixture->body, fixture->body_length, &value, NULL), D1_OK);
        json_decref(value);
    }
}

void assert_answer(struct fixture *fixture, const struct ask *ask, int status, const char *body) {
    fixture_ask(fixture, ask);
    check_json(fixture);
    if (body != NULL) {
        assert_string_equal(fixture->body, body);
    }
    assert_int_equal(fixture->status, status);
}

void assert_survives_faults(struct fixture *fixture, const struct ask *ask, int status) {
    assert_answer(fixture, ask, status, NULL);
    uint64_t failed = 1;
    unsigned tries = 0;
    while (failed > 0) {
        d1_mem_fault_arm(tries, 0);
        fixture_ask(fixture, ask);
        failed = d1_mem_fault_disarm();
        check_json(fixture);
        if (failed > 0) {
            assert_true(fixture->status >= 400);
        } else {
            assert_int_equal(fixture->status, status);
        }
        tries++;
        assert_true(tries < 1000);
    }
    assert_true(tries > 1);
}
