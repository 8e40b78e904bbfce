/* Stopping, in every state; and memory that runs out, at every allocation. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/http/fixture.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void destroy_without_listening(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    struct d1_loop *loop;
    struct d1_http_server *server;
    assert_int_equal(d1_loop_create("http-test", &loop), 0);
    assert_int_equal(d1_http_server_create(loop, NULL, NULL, &server), 0);
    d1_http_server_destroy(server);
    d1_http_server_destroy(NULL);
    d1_loop_destroy(loop);
    assert_int_equal(d1_mem_live(), live);
}

static void idle_connections_go_at_once(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int used = client_connect(&fixture);
    client_ask(used, GET("/echo"), 200, "GET  ");
    fixture_stop(&fixture, 5000);
    client_expect_end(used);
    close(used);
    fixture_end(&fixture);
}

static void request_under_way_is_answered(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later") GET("/echo"));
    fixture_await(&fixture.asked_later);
    fixture_stop(&fixture, 5000);
    assert_int_equal(sem_trywait(&fixture.closed), -1);
    fixture_release(&fixture);
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "later");
    assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
    char octet;
    assert_true(recv(fd, &octet, 1, 0) <= 0);
    close(fd);
    assert_int_equal(fixture.asked, 1);
    fixture_end(&fixture);
}

static void half_a_request_may_end(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 2\r\n\r\n");
    struct answer answer;
    client_read(fd, false, &answer); /* So the server is in the middle of it. */
    fixture_stop(&fixture, 5000);
    client_ask(fd, "ab", 200, "POST  ab");
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void grace_ends_the_connection_but_not_the_exchange(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later"));
    fixture_await(&fixture.asked_later);
    fixture_stop(&fixture, 0);
    client_expect_end(fd);
    fixture_asked(&fixture);
    assert_int_equal(sem_trywait(&fixture.closed), -1);
    fixture_release(&fixture);
    close(fd);
    fixture_end(&fixture);
}

static void grace_ends_who_does_not_read(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later") GET("/big"));
    fixture_await(&fixture.asked_later);
    fixture_release(&fixture);
    fixture_stop(&fixture, 0);
    fixture_await(&fixture.closed);
    sem_post(&fixture.closed);
    close(fd);
    fixture_end(&fixture);
}

static void stop_within_a_request(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_ask(fd, GET("/stop"), 200, "stopping");
    client_expect_end(fd);
    close(fd);
    fixture.stopped = true;
    fixture_end(&fixture);
}

static void listening_runs_out_of_memory(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    for (uint64_t nth = 0; nth < 3; nth++) {
        struct d1_loop *loop;
        struct d1_http_server *server = NULL;
        assert_int_equal(d1_loop_create("http-test", &loop), 0);
        d1_mem_fault_arm(nth, 0);
        int err = d1_http_server_create(loop, NULL, NULL, &server);
        if (err == 0) {
            char path[] = "/tmp/d1-http-faults-XXXXXX";
            int fd = mkstemp(path);
            close(fd);
            unlink(path);
            err = d1_http_server_listen_unix(server, path, 0600, NULL, NULL);
            assert_int_equal(access(path, F_OK), -1);
        }
        assert_int_equal(d1_mem_fault_disarm(), 1);
        assert_int_equal(err, -ENOMEM);
        d1_http_server_destroy(server);
        d1_loop_destroy(loop);
        assert_int_equal(d1_mem_live(), live);
    }
}

/* One exchange that needs every allocation there is: body, pipelined rest, an answer that waits. */
static void one_exchange(int fd) {
    static const char first[] = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                "\r\n5\r\nhello\r\n0\r\n\r\n" GET("/later") GET("/big");
    send(fd, first, sizeof(first) - 1, MSG_NOSIGNAL);
}

static void release_if_held(struct fixture *fixture) {
    if (fixture->held != NULL) {
        const struct d1_http_response response = {.status = 204};
        struct d1_http_exchange *exchange = fixture->held;
        fixture->held = NULL;
        d1_http_respond(exchange, &response);
    }
}

/* Reads to the end of what comes. Returns the octets. */
static size_t read_all(struct fixture *fixture, int fd) {
    static char buffer[65536];
    size_t total = 0;
    for (;;) {
        ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (length > 0) {
            total += (size_t)length;
        } else if (length == 0 || errno != EAGAIN) {
            return total;
        } else if (total >= BIG_BYTES) {
            return total;
        } else {
            fixture_on_loop(fixture, release_if_held);
        }
    }
}

static void exchange_runs_out_of_memory(void **state) {
    (void)state;
    uint64_t failed = 1;
    uint64_t nth = 0;
    for (; failed > 0; nth++) {
        assert_true(nth < 100);
        struct fixture fixture;
        fixture_start(&fixture, NULL);
        d1_mem_fault_arm(nth, 0);
        int fd = client_connect(&fixture);
        one_exchange(fd);
        size_t total = read_all(&fixture, fd);
        failed = d1_mem_fault_disarm();
        assert_true(failed > 0 || total > BIG_BYTES);
        close(fd);
        fd = client_connect(&fixture); /* Whatever failed, the next client is served. */
        client_ask(fd, GET("/echo"), 200, "GET  ");
        close(fd);
        fixture_end(&fixture); /* Checks that nothing leaked. */
    }
    assert_true(nth > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destroy_without_listening),
        cmocka_unit_test(idle_connections_go_at_once),
        cmocka_unit_test(request_under_way_is_answered),
        cmocka_unit_test(half_a_request_may_end),
        cmocka_unit_test(grace_ends_the_connection_but_not_the_exchange),
        cmocka_unit_test(grace_ends_who_does_not_read),
        cmocka_unit_test(stop_within_a_request),
        cmocka_unit_test(listening_runs_out_of_memory),
        cmocka_unit_test(exchange_runs_out_of_memory),
    };
    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
