#include "tests/unit/http/fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"

const char fixture_tag[] = "tag";

static void on_closed(void *arg) {
    struct fixture *fixture = arg;
    sem_post(&fixture->closed);
}

static void answer_text(struct d1_http_exchange *exchange, const char *text) {
    const struct d1_http_response response = {
        .status = 200,
        .content_type = "text/plain",
        .body = text,
        .body_length = strlen(text),
    };
    d1_http_respond(exchange, &response);
}

static void answer_odd(struct fixture *fixture, struct d1_http_exchange *exchange,
                       const char *path) {
    static const struct d1_http_header split = {"Location", "/\r\nX: y"};
    struct d1_http_response response = {.status = 204};
    if (strcmp(path, "/close") == 0) {
        response.close = true;
    } else if (strcmp(path, "/split") == 0) {
        response = (struct d1_http_response){.status = 302, .headers = &split, .headers_count = 1};
    } else if (strcmp(path, "/big") == 0) {
        response = (struct d1_http_response){
            .status = 200, .content_type = "a/b", .body = fixture->big, .body_length = BIG_BYTES};
    }
    d1_http_respond(exchange, &response);
}

/*
 * /echo?q body: METHOD, query, body, uid; /later: held; /stop: the server is stopped, then answers;
 * /close: asks to close; /split: an answer that would be two; /big: 16 MiB; else 204.
 */
static void on_request(struct d1_http_exchange *exchange, const struct d1_http_request *request,
                       void *arg) {
    struct fixture *fixture = arg;
    fixture->asked++;
    assert_ptr_equal(request->tag, fixture_tag);
    if (strcmp(request->path, "/echo") == 0) {
        char text[1024];
        snprintf(text, sizeof(text), "%s %s %.*s", request->method, request->query,
                 (int)(request->body_length < 900 ? request->body_length : 900),
                 (const char *)request->body);
        answer_text(exchange, text);
    } else if (strcmp(request->path, "/who") == 0) {
        char text[64];
        snprintf(text, sizeof(text), "%d %ld", request->peer.address.ss_family,
                 request->peer.uid == UINT32_MAX ? -1L : (long)request->peer.uid);
        answer_text(exchange, text);
    } else if (strcmp(request->path, "/later") == 0) {
        assert_null(fixture->held);
        fixture->held = exchange;
        sem_post(&fixture->asked_later);
    } else if (strcmp(request->path, "/stop") == 0) {
        d1_http_server_stop(fixture->server, 5000, on_closed, fixture);
        answer_text(exchange, "stopping");
    } else {
        answer_odd(fixture, exchange, request->path);
    }
}

struct d1_http_limits fixture_limits(void) {
    return (struct d1_http_limits){
        .header_ms = 5000,
        .body_ms = 5000,
        .idle_ms = 5000,
        .write_ms = 5000,
        .linger_ms = 5000,
        .connections_max = 16,
    };
}

void fixture_start(struct fixture *fixture, const struct d1_http_limits *limits) {
    *fixture = (struct fixture){.live = d1_mem_live()};
    fixture->big = d1_calloc(1, BIG_BYTES);
    assert_non_null(fixture->big);
    sem_init(&fixture->asked_later, 0, 0);
    sem_init(&fixture->closed, 0, 0);
    assert_int_equal(d1_loop_create("http-test", &fixture->loop), 0);
    assert_int_equal(d1_http_server_create(fixture->loop, on_request, fixture, &fixture->server),
                     0);
    struct d1_http_limits chosen = limits != NULL ? *limits : fixture_limits();
    d1_http_server_set_limits(fixture->server, &chosen);
    struct d1_error error;
    assert_int_equal(
        d1_http_server_listen(fixture->server, "127.0.0.1:0", fixture_tag, &fixture->port, &error),
        0);
    assert_int_not_equal(fixture->port, 0);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/d1-http-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    assert_int_equal(
        d1_http_server_listen_unix(fixture->server, fixture->path, 0600, fixture_tag, &error), 0);
    assert_int_equal(d1_loop_start(fixture->loop), 0);
}

/* A function to run on the loop, and where to say that it has. */
struct call {
    struct d1_message message;
    struct fixture *fixture;
    void (*run)(struct fixture *fixture);
    sem_t done;
};

static void run_call(struct d1_message *message) {
    struct call *call = (struct call *)message;
    call->run(call->fixture);
    sem_post(&call->done);
}

void fixture_on_loop(struct fixture *fixture, void (*run)(struct fixture *fixture)) {
    struct call call = {.message = {.run = run_call}, .fixture = fixture, .run = run};
    sem_init(&call.done, 0, 0);
    d1_loop_post(fixture->loop, &call.message);
    fixture_await(&call.done);
    sem_destroy(&call.done);
}

void fixture_await(sem_t *semaphore) {
    struct timespec until;
    timespec_get(&until, TIME_UTC);
    until.tv_sec += 5;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

static void stop_at_once(struct fixture *fixture) {
    d1_http_server_stop(fixture->server, 0, on_closed, fixture);
}

static void stop_gently(struct fixture *fixture) {
    d1_http_server_stop(fixture->server, 5000, on_closed, fixture);
}

void fixture_stop(struct fixture *fixture, uint64_t grace_ms) {
    fixture->stopped = true;
    fixture_on_loop(fixture, grace_ms == 0 ? stop_at_once : stop_gently);
}

static void nothing(struct fixture *fixture) {
    (void)fixture;
}

unsigned fixture_asked(struct fixture *fixture) {
    fixture_on_loop(fixture, nothing);
    fixture_on_loop(fixture, nothing);
    return fixture->asked;
}

static void release(struct fixture *fixture) {
    struct d1_http_exchange *exchange = fixture->held;
    assert_non_null(exchange);
    fixture->held = NULL;
    answer_text(exchange, "later");
}

void fixture_release(struct fixture *fixture) {
    fixture_on_loop(fixture, release);
}

void fixture_end(struct fixture *fixture) {
    if (!fixture->stopped) {
        fixture_stop(fixture, 0);
    }
    fixture_await(&fixture->closed);
    d1_loop_stop(fixture->loop);
    d1_loop_join(fixture->loop);
    d1_http_server_destroy(fixture->server);
    d1_loop_destroy(fixture->loop);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(rmdir(fixture->folder), 0);
    d1_free(fixture->big);
    assert_int_equal(d1_mem_live(), fixture->live);
    sem_destroy(&fixture->asked_later);
    sem_destroy(&fixture->closed);
}

static int client(int family, const struct sockaddr *address, socklen_t length) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    const int small = 65536; /* So that a big answer never fits in between. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, address, length), 0);
    return fd;
}

int client_connect(const struct fixture *fixture) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(fixture->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return client(AF_INET, (const struct sockaddr *)&address, sizeof(address));
}

int client_connect_unix(const struct fixture *fixture) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, fixture->path, sizeof(address.sun_path));
    return client(AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
}

void client_send(int fd, const char *text) {
    size_t length = strlen(text);
    assert_int_equal(send(fd, text, length, MSG_NOSIGNAL), length);
}

void client_read(int fd, bool has_body, struct answer *ret_answer) {
    size_t at = 0;
    memset(ret_answer, 0, sizeof(*ret_answer));
    while (strstr(ret_answer->head, "\r\n\r\n") == NULL) {
        assert_true(at < sizeof(ret_answer->head) - 1);
        assert_int_equal(recv(fd, ret_answer->head + at, 1, 0), 1);
        at++;
    }
    assert_int_equal(sscanf(ret_answer->head, "HTTP/1.1 %d ", &ret_answer->status), 1);
    const char *length = strstr(ret_answer->head, "Content-Length: ");
    if (!has_body || length == NULL) {
        return;
    }
    size_t body_length = strtoul(length + strlen("Content-Length: "), NULL, 10);
    ret_answer->body_length = body_length;
    assert_true(body_length < ANSWER_MAX);
    if (body_length > 0) {
        assert_int_equal(recv(fd, ret_answer->body, body_length, MSG_WAITALL), body_length);
    }
}

void client_await_hangup(int fd) {
    struct pollfd polled = {.fd = fd};
    assert_int_equal(poll(&polled, 1, 5000), 1);
    assert_true((polled.revents & POLLHUP) != 0);
}

void client_expect_end(int fd) {
    char octet;
    assert_int_equal(recv(fd, &octet, 1, 0), 0);
}

void client_ask(int fd, const char *request, int status, const char *body) {
    struct answer answer;
    client_send(fd, request);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body, body);
}

void client_reset(int fd) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}
