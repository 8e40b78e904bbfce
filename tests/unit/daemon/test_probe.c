#include "daemon/probe.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"

/* A DNS server of one answer: whatever comes, QR is set and it goes back. */
struct echo {
    struct d1_loop *loop;
    int udp;
    int tcp;
    int connection;
    bool answers_tcp;
    uv_poll_t udp_poll;
    uv_poll_t tcp_poll;
    uv_poll_t connection_poll;
    struct d1_probe *probe;
    bool outcome;
    unsigned changes;
    uv_timer_t closer; /* Closes the probe in the loop's next turn. */
};

static void on_udp(uv_poll_t *poll, int status, int events) {
    struct echo *echo = poll->data;
    uint8_t message[512];
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    (void)status;
    (void)events;
    ssize_t got = recvfrom(echo->udp, message, sizeof(message), 0, (struct sockaddr *)&from, &size);
    assert_true(got > 12);
    message[2] |= 0x80;
    sendto(echo->udp, message, (size_t)got, 0, (struct sockaddr *)&from, size);
}

static void on_closed(void *arg) {
    struct echo *echo = arg;
    uv_close((uv_handle_t *)&echo->udp_poll, NULL);
    uv_close((uv_handle_t *)&echo->tcp_poll, NULL);
    d1_loop_stop(echo->loop);
}

static void on_closer(uv_timer_t *timer) {
    struct echo *echo = timer->data;
    uv_close((uv_handle_t *)timer, NULL);
    d1_probe_close(echo->probe, on_closed, echo);
}

static void close_soon(struct echo *echo) {
    uv_timer_init(d1_loop_uv(echo->loop), &echo->closer);
    echo->closer.data = echo;
    uv_timer_start(&echo->closer, on_closer, 0, 0);
}

static void on_question(uv_poll_t *poll, int status, int events) {
    struct echo *echo = poll->data;
    uint8_t message[512];
    (void)status;
    (void)events;
    ssize_t got = recv(echo->connection, message, sizeof(message), 0);
    if (echo->answers_tcp && got > 14) {
        message[4] |= 0x80;
        assert_int_equal(send(echo->connection, message, (size_t)got, MSG_NOSIGNAL), got);
    }
    close(echo->connection);
    uv_close((uv_handle_t *)poll, NULL);
    if (!echo->answers_tcp) {
        close_soon(echo);
    }
}

static void on_tcp(uv_poll_t *poll, int status, int events) {
    struct echo *echo = poll->data;
    (void)status;
    (void)events;
    echo->connection = accept(echo->tcp, NULL, NULL);
    assert_true(echo->connection >= 0);
    uv_poll_init(d1_loop_uv(echo->loop), &echo->connection_poll, echo->connection);
    echo->connection_poll.data = echo;
    uv_poll_start(&echo->connection_poll, UV_READABLE, on_question);
}

static void on_changed(void *arg) {
    struct echo *echo = arg;
    echo->changes++;
    echo->outcome = d1_probe_ok(echo->probe);
    d1_probe_close(echo->probe, on_closed, echo);
}

/* One port for both sockets. One that is free for TCP may be taken for UDP: then another is tried. */
static bool bind_both(struct echo *echo, struct sockaddr_storage *address) {
    socklen_t size = sizeof(*address);
    assert_int_equal(d1_address_parse("127.0.0.1:0", address), D1_OK);
    echo->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(echo->tcp, (struct sockaddr *)address, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(getsockname(echo->tcp, (struct sockaddr *)address, &size), 0);
    echo->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(echo->udp, (struct sockaddr *)address, sizeof(struct sockaddr_in)) != 0) {
        close(echo->udp);
        close(echo->tcp);
        return false;
    }
    assert_int_equal(listen(echo->tcp, 4), 0);
    return true;
}

static void start(struct echo *echo, struct sockaddr_storage *address) {
    unsigned tries = 0;
    while (!bind_both(echo, address)) {
        assert_true(++tries < 100);
    }
    assert_int_equal(d1_loop_create("probe", &echo->loop), D1_OK);
    uv_poll_init(d1_loop_uv(echo->loop), &echo->udp_poll, echo->udp);
    uv_poll_init(d1_loop_uv(echo->loop), &echo->tcp_poll, echo->tcp);
    echo->udp_poll.data = echo;
    echo->tcp_poll.data = echo;
    uv_poll_start(&echo->udp_poll, UV_READABLE, on_udp);
    uv_poll_start(&echo->tcp_poll, UV_READABLE, on_tcp);
}

static void finish(struct echo *echo) {
    close(echo->udp);
    close(echo->tcp);
    d1_loop_destroy(echo->loop);
}

static void two_answers_make_it_well(void **state) {
    (void)state;
    struct echo echo = {.answers_tcp = true};
    struct sockaddr_storage address;
    struct d1_name root = {.length = 1};
    int64_t before = d1_mem_live();
    start(&echo, &address);
    assert_int_equal(d1_probe_create(echo.loop, &address, &root, on_changed, &echo, &echo.probe),
                     D1_OK);
    d1_loop_run(echo.loop);
    assert_int_equal(echo.changes, 1);
    assert_true(echo.outcome);
    finish(&echo);
    assert_int_equal(d1_mem_live(), before);
}

/* TCP is closed without an answer: the probe stays unwell, tells no change, and can be closed. */
static void one_answer_is_not_enough(void **state) {
    (void)state;
    struct echo echo = {.answers_tcp = false};
    struct sockaddr_storage address;
    struct d1_name root = {.length = 1};
    start(&echo, &address);
    assert_int_equal(d1_probe_create(echo.loop, &address, &root, on_changed, &echo, &echo.probe),
                     D1_OK);
    d1_loop_run(echo.loop);
    assert_int_equal(echo.changes, 0);
    finish(&echo);
}

static void nobody_there_is_unwell_and_closes(void **state) {
    (void)state;
    struct echo echo = {0};
    struct sockaddr_storage address;
    struct d1_name root = {.length = 1};
    start(&echo, &address);
    assert_int_equal(d1_address_parse("127.0.0.1:1", &address), D1_OK);
    assert_int_equal(d1_probe_create(echo.loop, &address, &root, on_changed, &echo, &echo.probe),
                     D1_OK);
    close_soon(&echo);
    d1_loop_run(echo.loop);
    assert_int_equal(echo.changes, 0);
    finish(&echo);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_answers_make_it_well),
        cmocka_unit_test(one_answer_is_not_enough),
        cmocka_unit_test(nobody_there_is_unwell_and_closes),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
