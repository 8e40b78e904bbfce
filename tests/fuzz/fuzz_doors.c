/*
 * A request made from the input goes through every door's code to a fake solver and back. It must
 * be answered exactly once; a JSON answer must be JSON on one line; and the solver must only be
 * asked in the name of somebody whose credential was right.
 *
 * Input: one octet of switches, then "METHOD PATH?QUERY", header lines, an empty line, the body.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "http/server.h"
#include "solver/timeline.h"
#include "tests/unit/webhook/fake_solver.h"
#include "webhook/json.h"
#include "webhook/route.h"

#define SECRET      "secret-of-the-token"
#define USERNAME    "c36f50e8-4632-44f0-83fe-e070fef28a10"
#define KEY         "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z"
#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum switches {
    WITH_TOKEN = 1,
    WITH_ACCOUNT = 2,
    ON_CONTROL = 4,
    AS_STRANGER = 8,
    OPEN = 16,
    CLOSED = 32,
    SOLVER_REFUSES = 64,
    SOLVER_FAILS = 128,
};

/* Made once: a fuzzer has no other end than the process's. */
struct world {
    struct d1_fake_clock clock;
    struct d1_loop *control;
    struct d1_loop *front;
    struct d1_timeline *timeline;
    struct d1_metrics *metrics;
    struct d1_router *router;
    struct d1_solver solver;
    unsigned answers;
};

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static void on_reload(void *arg, struct d1_reload *reload) {
    (void)arg;
    reload->done(reload, D1_ECONFIG, "no");
}

static bool on_ready(void *arg, char *detail, size_t size) {
    (void)arg;
    snprintf(detail, size, "dns ok");
    return true;
}

static void on_respond(struct d1_http_exchange *exchange, const struct d1_http_response *response,
                       void *arg) {
    struct world *world = arg;
    (void)exchange;
    world->answers++;
    require(response->status >= 200 && response->status <= 599, "a status of HTTP");
    const char *type = response->content_type;
    if (type != NULL && strcmp(type, "application/json") == 0) {
        json_t *value = NULL;
        require(memchr(response->body, '\n', response->body_length) == NULL, "one line");
        require(d1_json_read(response->body, response->body_length, &value, NULL) == D1_OK, "JSON");
        json_decref(value);
    }
}

static void add_credentials(struct d1_solver *solver) {
    static const char *const names[] = {"**"};
    struct d1_rights *rights = NULL;
    uint8_t digest[D1_SHA256_BYTES];
    int err = d1_credentials_create(&solver->credentials);
    err |= d1_rights_create(names, 1, NULL, 0, D1_VERBS_DEFAULT | D1_VERB_REGISTER, &rights, NULL);
    err |= d1_sha256(D1_TOKEN_DIGEST_DOMAIN, SECRET, strlen(SECRET), digest);
    err |= d1_credentials_add(solver->credentials, "t", digest, rights);
    err |= d1_name_from_text("sub.auth.test", &solver->account.name);
    err |= d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, KEY, strlen(KEY), solver->account.key_digest);
    snprintf(solver->account.username, sizeof(solver->account.username), USERNAME);
    solver->account.allowfrom = "10.0.0.0/8";
    require(err == 0, "credentials");
}

static struct world *make_world(void) {
    struct world *world = d1_calloc(1, sizeof(*world));
    require(world != NULL, "memory");
    d1_fake_clock_init(&world->clock, 1795312921456);
    int err = d1_loop_create("control", &world->control);
    err |= d1_loop_create("front", &world->front);
    err |= d1_timeline_create(&world->timeline);
    err |= d1_metrics_create(&world->metrics);
    add_credentials(&world->solver);
    struct d1_frontend_options options = {
        .loop = world->control,
        .front = world->front,
        .clock = &world->clock.clock,
        .solver = &world->solver,
        .timeline = world->timeline,
        .metrics = world->metrics,
        .reload = on_reload,
        .ready = on_ready,
        .arg = world,
    };
    err |= d1_router_create(&options, on_respond, world, &world->router);
    require(err == 0, "router");
    return world;
}

static void close_world(struct world *world) {
    d1_router_destroy(world->router);
    d1_credentials_destroy(world->solver.credentials);
    d1_metrics_destroy(world->metrics);
    d1_timeline_destroy(world->timeline);
    d1_loop_destroy(world->front);
    d1_loop_destroy(world->control);
    d1_free(world);
}

/* The next line, NUL-terminated in place, or NULL at an empty one or the end. */
static char *next_line(char **at, char *end) {
    char *line = *at;
    char *line_end = memchr(line, '\n', (size_t)(end - line));
    if (line_end == NULL) {
        *at = end;
        line_end = end;
    } else {
        *at = line_end + 1;
    }
    *line_end = '\0';
    return line_end == line ? NULL : line;
}

/* Fills the request from text, which is changed; false when it has no first line of that form. */
static bool read_request(char *text, size_t size, struct d1_http_request *request,
                         struct d1_http_header headers[HEADERS_MAX]) {
    char *at = text;
    char *line = next_line(&at, text + size);
    char *blank = line != NULL ? strchr(line, ' ') : NULL;
    if (blank == NULL || blank[1] != '/') {
        return false;
    }
    *blank = '\0';
    char *query = strchr(blank + 1, '?');
    request->method = line;
    request->path = blank + 1;
    request->query = "";
    if (query != NULL) {
        *query = '\0';
        request->query = query + 1;
    }
    while ((line = next_line(&at, text + size)) != NULL) {
        char *colon = strstr(line, ": ");
        if (colon != NULL && request->headers_count < HEADERS_MAX) {
            *colon = '\0';
            headers[request->headers_count++] = (struct d1_http_header){line, colon + 2};
        }
    }
    request->body = (const uint8_t *)at;
    request->body_length = (size_t)(text + size - at);
    return true;
}

static void add_right_headers(struct d1_http_request *request, struct d1_http_header *headers,
                              unsigned switches) {
    static const struct d1_http_header right[] = {
        {"authorization", "Bearer " SECRET}, {"x-api-user", USERNAME}, {"x-api-key", KEY}};
    if (switches & WITH_TOKEN && request->headers_count + 1 <= HEADERS_MAX) {
        headers[request->headers_count++] = right[0];
    }
    if (switches & WITH_ACCOUNT && request->headers_count + 2 <= HEADERS_MAX) {
        headers[request->headers_count++] = right[1];
        headers[request->headers_count++] = right[2];
    }
}

static void send_through(struct world *world, const struct d1_http_request *request,
                         unsigned switches) {
    static const char *const proxies[] = {"127.0.0.0/8"};
    struct d1_frontend_settings settings = {
        .base_path = "",
        .registration = switches & OPEN     ? D1_REGISTRATION_OPEN
                        : switches & CLOSED ? D1_REGISTRATION_CLOSED
                                            : D1_REGISTRATION_TOKEN,
        .trusted_proxies = proxies,
        .trusted_proxies_count = 1,
    };
    world->solver.submit_err = switches & SOLVER_REFUSES ? D1_ENOTSERVED : D1_OK;
    world->solver.done_err = switches & SOLVER_FAILS ? D1_ENOTYET : D1_OK;
    world->solver.submitted = 0;
    world->answers = 0;
    require(d1_router_configure(world->router, &settings) == D1_OK, "settings");
    d1_router_take(world->router, switches & ON_CONTROL ? D1_FRONTEND_CONTROL : D1_FRONTEND_API,
                   request, NULL);
    uv_run(d1_loop_uv(world->control), UV_RUN_NOWAIT);
    fake_solver_complete(&world->solver);
    uv_run(d1_loop_uv(world->front), UV_RUN_NOWAIT);
    require(world->answers == 1, "exactly one answer");
    require(d1_router_pending(world->router) == 0, "nothing left");
}

static void check_owner(const struct world *world, unsigned switches) {
    const char *owner = world->solver.last_owner;
    if (world->solver.submitted == 0) {
        return;
    }
    require(world->solver.submitted == 1, "the solver is asked once");
    if (switches & ON_CONTROL) {
        require(strcmp(owner, "socket") == 0 && !(switches & AS_STRANGER), "administrator");
    } else {
        require(strcmp(owner, "token:t") == 0 || strcmp(owner, "account:" USERNAME) == 0,
                "somebody known");
    }
    require(world->solver.last.value.length > 0, "a value");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > D1_HTTP_BODY_BYTES_MAX || memchr(data, '\0', size) != NULL) {
        return 0;
    }
    char *text = d1_strndup((const char *)data + 1, size - 1);
    require(text != NULL, "memory");
    struct world *world = make_world();
    struct d1_http_header headers[HEADERS_MAX];
    struct d1_http_request request = {.headers = headers};
    unsigned switches = data[0];
    if (read_request(text, size - 1, &request, headers)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        memcpy(&request.peer.address, &in, sizeof(in));
        if (switches & ON_CONTROL) {
            request.peer.address.ss_family = AF_UNIX;
            request.peer.uid = switches & AS_STRANGER ? UINT32_MAX : 0;
        }
        add_right_headers(&request, headers, switches);
        send_through(world, &request, switches);
        check_owner(world, switches);
    }
    close_world(world);
    d1_free(text);
    return 0;
}
