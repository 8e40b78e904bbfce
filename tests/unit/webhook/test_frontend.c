/* The front end whole: sockets, both loops each on its thread, and the orderly end. */
#include "webhook/frontend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "solver/timeline.h"
#include "tests/unit/webhook/fake_solver.h"

#define REPLY_MAX 4096
#define GRACE_MS  5000

struct fixture {
    struct d1_loop *control; /* Run by the test itself. */
    struct d1_loop *front;
    struct d1_solver solver;
    struct d1_timeline *timeline;
    struct d1_metrics *metrics;
    struct d1_frontend *frontend;
    uint16_t port;
    char folder[64];
    char socket_path[80];
    unsigned stops;
};

static void on_reload(void *arg, struct d1_reload *reload) {
    (void)arg;
    reload->done(reload, D1_OK, NULL);
}

static bool on_ready(void *arg, char *detail, size_t size) {
    (void)arg;
    snprintf(detail, size, "dns ok\n");
    return true;
}

static int set_up(void **state) {
    struct fixture *fixture = d1_calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    *state = fixture;
    assert_int_equal(d1_loop_create("control", &fixture->control), D1_OK);
    assert_int_equal(d1_loop_create("front", &fixture->front), D1_OK);
    assert_int_equal(d1_timeline_create(&fixture->timeline), D1_OK);
    assert_int_equal(d1_metrics_create(&fixture->metrics), D1_OK);
    assert_int_equal(d1_credentials_create(&fixture->solver.credentials), D1_OK);
    fixture->solver.account.allowfrom = "";
    assert_int_equal(d1_name_from_text("s.auth.test", &fixture->solver.account.name), D1_OK);
    struct d1_frontend_options options = {
        .loop = fixture->control,
        .front = fixture->front,
        .clock = d1_clock_system(),
        .solver = &fixture->solver,
        .timeline = fixture->timeline,
        .metrics = fixture->metrics,
        .reload = on_reload,
        .ready = on_ready,
        .arg = fixture,
    };
    const struct d1_frontend_settings settings = {.base_path = "",
                                                  .registration = D1_REGISTRATION_OPEN};
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/d1-frontend-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->socket_path, sizeof(fixture->socket_path), "%s/control.sock",
             fixture->folder);
    assert_int_equal(d1_frontend_create(&options, &fixture->frontend), D1_OK);
    assert_int_equal(d1_frontend_configure(fixture->frontend, &settings), D1_OK);
    assert_int_equal(
        d1_frontend_listen(fixture->frontend, D1_FRONTEND_API, "127.0.0.1:0", &fixture->port, NULL),
        D1_OK);
    assert_int_equal(d1_frontend_listen(fixture->frontend, D1_FRONTEND_CONTROL,
                                        fixture->socket_path, NULL, NULL),
                     D1_OK);
    assert_int_equal(d1_loop_start(fixture->front), D1_OK);
    return 0;
}

static void on_stopped(void *arg) {
    struct fixture *fixture = arg;
    fixture->stops++;
}

static void begin_stop(struct fixture *fixture) {
    d1_frontend_stop(fixture->frontend, GRACE_MS, on_stopped, fixture);
}

static void await_stop(struct fixture *fixture) {
    while (fixture->stops == 0) {
        uv_run(d1_loop_uv(fixture->control), UV_RUN_ONCE);
        fake_solver_complete(&fixture->solver);
    }
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    if (fixture->stops == 0) {
        begin_stop(fixture);
        await_stop(fixture);
    }
    d1_loop_stop(fixture->front);
    d1_loop_join(fixture->front);
    assert_int_equal(fixture->stops, 1);
    d1_frontend_destroy(fixture->frontend);
    d1_credentials_destroy(fixture->solver.credentials);
    d1_metrics_destroy(fixture->metrics);
    d1_timeline_destroy(fixture->timeline);
    d1_loop_destroy(fixture->front);
    d1_loop_destroy(fixture->control);
    unlink(fixture->socket_path);
    assert_int_equal(rmdir(fixture->folder), 0);
    d1_free(fixture);
    return 0;
}

static int connect_tcp(const struct fixture *fixture) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static int connect_unix(const struct fixture *fixture) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", fixture->socket_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *body) {
    char text[1024];
    int length = snprintf(text, sizeof(text),
                          "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          method, path, strlen(body), body);
    assert_int_equal(send(fd, text, (size_t)length, MSG_NOSIGNAL), length);
}

/* All that comes until the server closes. */
static void read_reply(int fd, char reply[REPLY_MAX]) {
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, reply + length, REPLY_MAX - 1 - length)) > 0) {
        length += (size_t)got;
    }
    assert_int_equal(got, 0);
    reply[length] = '\0';
    close(fd);
}

static void assert_reply(int fd, const char *status_line, const char *body) {
    char reply[REPLY_MAX];
    read_reply(fd, reply);
    reply[strcspn(reply, "\r")] = '\0';
    assert_string_equal(reply, status_line);
    const char *head_end = strstr(reply + strlen(reply) + 1, "\r\n\r\n");
    assert_non_null(head_end);
    assert_string_equal(head_end + 4, body);
}

/* Until a request stands with the solver. */
static void await_solver(struct fixture *fixture) {
    while (fixture->solver.pending == NULL && fixture->solver.pending_register == NULL) {
        uv_run(d1_loop_uv(fixture->control), UV_RUN_ONCE);
    }
}

static void test_health_needs_no_control_loop(void **state) {
    struct fixture *fixture = *state;
    int fd = connect_tcp(fixture);
    send_request(fd, "GET", "/health", "");
    assert_reply(fd, "HTTP/1.1 200 OK", "");
    fd = connect_unix(fixture);
    send_request(fd, "GET", "/readyz", "");
    assert_reply(fd, "HTTP/1.1 200 OK", "ok\n");
}

static void test_over_the_control_loop_and_back(void **state) {
    struct fixture *fixture = *state;
    int fd = connect_unix(fixture);
    send_request(fd, "POST", "/v1/challenges", "{\"name\":\"n.test\",\"value\":\"v\"}");
    await_solver(fixture);
    assert_string_equal(fixture->solver.last_owner, "socket");
    fake_solver_complete(&fixture->solver);
    assert_reply(fd, "HTTP/1.1 201 Created",
                 "{\"name\":\"n.test\",\"value\":\"v\",\"owner\":\"socket\",\"expires\":null}");
}

static void test_api_listener_is_not_admin(void **state) {
    struct fixture *fixture = *state;
    int fd = connect_tcp(fixture);
    send_request(fd, "POST", "/v1/reload", "");
    assert_reply(fd, "HTTP/1.1 401 Unauthorized",
                 "{\"error\": \"unauthorized\", \"detail\": \"no valid credential was given\"}");
}

static void test_stop_answers_what_is_under_way(void **state) {
    struct fixture *fixture = *state;
    int fd = connect_tcp(fixture);
    send_request(fd, "POST", "/register", "");
    await_solver(fixture);
    begin_stop(fixture);
    fake_solver_complete(&fixture->solver);
    await_stop(fixture);
    char reply[REPLY_MAX];
    read_reply(fd, reply);
    assert_memory_equal(reply, "HTTP/1.1 201 ", 13);
}

static void test_client_that_leaves_while_the_solver_works(void **state) {
    struct fixture *fixture = *state;
    int fd = connect_tcp(fixture);
    send_request(fd, "POST", "/register", "");
    await_solver(fixture);
    close(fd);
    fake_solver_complete(&fixture->solver);
    fd = connect_tcp(fixture);
    send_request(fd, "GET", "/health", "");
    assert_reply(fd, "HTTP/1.1 200 OK", "");
}

static void test_stop_without_connections(void **state) {
    struct fixture *fixture = *state;
    begin_stop(fixture);
    await_stop(fixture);
    assert_int_equal(access(fixture->socket_path, F_OK), -1);
}

static void test_configure_while_requests_come(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 20; i++) {
        struct d1_frontend_settings settings = {.base_path = i % 2 == 0 ? "/dns" : "",
                                                .registration = D1_REGISTRATION_OPEN};
        int fd = connect_tcp(fixture);
        assert_int_equal(d1_frontend_configure(fixture->frontend, &settings), D1_OK);
        send_request(fd, "GET", i % 2 == 0 ? "/dns/health" : "/health", "");
        assert_reply(fd, "HTTP/1.1 200 OK", "");
    }
}

static void test_control_socket_is_ours_alone(void **state) {
    struct fixture *fixture = *state;
    struct stat status;
    assert_int_equal(stat(fixture->socket_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

#define FRONTEND_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRONTEND_TEST(test_health_needs_no_control_loop),
        FRONTEND_TEST(test_over_the_control_loop_and_back),
        FRONTEND_TEST(test_api_listener_is_not_admin),
        FRONTEND_TEST(test_stop_answers_what_is_under_way),
        FRONTEND_TEST(test_client_that_leaves_while_the_solver_works),
        FRONTEND_TEST(test_stop_without_connections),
        FRONTEND_TEST(test_configure_while_requests_come),
        FRONTEND_TEST(test_control_socket_is_ours_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
