/* Connections over loopback: requests and answers, time limits, clients that go or do not read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/http/fixture.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void connection_is_kept_alive(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_ask(fd, GET("/echo?1"), 200, "GET 1 ");
    client_ask(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200,
               "POST  abc");
    client_ask(fd,
               "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
               200, "PUT  abc");
    close(fd);
    fixture_end(&fixture);
}

static void answer_has_the_usual_fields(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/echo"));
    client_read(fd, true, &answer);
    assert_non_null(strstr(answer.head, "\r\nDate: "));
    assert_non_null(strstr(answer.head, " GMT\r\n"));
    assert_non_null(strstr(answer.head, "\r\nContent-Type: text/plain\r\n"));
    assert_null(strstr(answer.head, "\r\nConnection:"));
    close(fd);
    fixture_end(&fixture);
}

static void octet_by_octet(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na";
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
    }
    client_ask(fd, "b", 200, "POST  ab");
    close(fd);
    fixture_end(&fixture);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/echo?1") GET("/later") GET("/echo?2") GET("/echo?3"));
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "GET 1 ");
    fixture_await(&fixture.asked_later);
    client_send(fd, GET("/echo?4"));
    assert_int_equal(fixture_asked(&fixture), 2);
    fixture_release(&fixture);
    static const char *const bodies[] = {"later", "GET 2 ", "GET 3 ", "GET 4 "};
    for (size_t i = 0; i < 4; i++) {
        client_read(fd, true, &answer);
        assert_string_equal(answer.body, bodies[i]);
    }
    close(fd);
    fixture_end(&fixture);
}

static void many_pipelined_requests_do_not_nest(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect_unix(&fixture);
    static const char request[] = GET("/none");
    size_t sent = 0;
    size_t received = 0;
    while (received < COUNT) { /* The client reads along, else both would wait. */
        for (size_t i = 0; i < 50 && sent < COUNT; i++, sent++) {
            client_send(fd, request);
        }
        for (; received < sent; received++) {
            client_read(fd, true, &answer);
            assert_int_equal(answer.status, 204);
        }
    }
    close(fd);
    fixture_end(&fixture);
}

static void http10_closes_unless_asked(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_read(fd, true, &answer);
    assert_non_null(strstr(answer.head, "\r\nConnection: keep-alive\r\n"));
    client_send(fd, "GET /echo HTTP/1.0\r\n\r\n");
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "GET  ");
    assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void either_side_may_ask_to_close(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_ask(fd, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "GET  ");
    client_expect_end(fd);
    close(fd);
    fd = client_connect(&fixture);
    client_send(fd, GET("/close") GET("/echo"));
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
    client_expect_end(fd);
    close(fd);
    assert_int_equal(fixture_asked(&fixture), 2);
    fixture_end(&fixture);
}

static void head_has_no_body(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "\r\nContent-Length: 6\r\n"));
    client_ask(fd, GET("/echo"), 200, "GET  ");
    close(fd);
    fixture_end(&fixture);
}

static void continue_is_sent_before_the_body(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 2\r\n\r\n");
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 100);
    client_ask(fd, "ab", 200, "POST  ab");
    client_ask(fd,
               "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               "Content-Length: 2\r\n\r\nab",
               200, "POST  ab");
    close(fd);
    fixture_end(&fixture);
}

static void refusal_is_answered_and_closes(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_ask(fd, GET("/echo"), 200, "GET  ");
    client_send(fd, "GET /echo HTTP/1.1\nHost: a\n\n");
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(answer.body, "\"error\":\"malformed\""));
    client_expect_end(fd);
    close(fd);
    assert_int_equal(fixture_asked(&fixture), 1);
    fixture_end(&fixture);
}

static void refusal_survives_a_body_that_nobody_reads(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    char *body = d1_calloc(1, 200001);
    memset(body, 'x', 200000);
    client_send(fd, body);
    d1_free(body);
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 413);
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void linger_ends(void **state) {
    (void)state;
    struct fixture fixture;
    struct d1_http_limits limits = fixture_limits();
    limits.linger_ms = 10;
    fixture_start(&fixture, &limits);
    int fd = client_connect_unix(&fixture);
    client_ask(fd, "GET /echo HTTP/1.0\r\n\r\n", 200, "GET  ");
    client_expect_end(fd);   /* The server's half is closed at once ... */
    client_await_hangup(fd); /* ... and the rest although we keep ours open. */
    close(fd);
    fixture_end(&fixture);
}

/* Set when the client is where it shall be, so that a slow machine changes nothing. */
static void shorten_times(struct fixture *fixture) {
    const struct d1_http_limits limits = {
        .header_ms = 10,
        .body_ms = 10,
        .idle_ms = 10,
        .write_ms = 10,
        .linger_ms = 10,
        .connections_max = 16,
    };
    d1_http_server_set_limits(fixture->server, &limits);
}

static void slow_head_is_408(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_ask(fd, GET("/echo"), 200, "GET  ");
    fixture_on_loop(&fixture, shorten_times);
    client_send(fd, "GET /echo HTTP/1.1\r\nHos");
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 408);
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void slow_body_is_408(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    struct d1_http_limits limits = fixture_limits();
    limits.body_ms = 20;
    fixture_start(&fixture, &limits);
    int fd = client_connect(&fixture);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 408);
    client_expect_end(fd);
    close(fd);
    assert_int_equal(fixture_asked(&fixture), 0);
    fixture_end(&fixture);
}

static void idle_connections_close_silently(void **state) {
    (void)state;
    struct fixture fixture;
    struct d1_http_limits limits = fixture_limits();
    limits.idle_ms = 20;
    fixture_start(&fixture, &limits);
    int fd = client_connect(&fixture);
    client_ask(fd, GET("/echo"), 200, "GET  ");
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
    limits.header_ms = 20;
    fixture_start(&fixture, &limits);
    fd = client_connect(&fixture);
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void time_does_not_run_while_a_request_is_under_way(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect_unix(&fixture);
    client_send(fd, GET("/later"));
    fixture_await(&fixture.asked_later);
    fixture_on_loop(&fixture, shorten_times);
    int other = client_connect_unix(&fixture);
    client_expect_end(other); /* Time has run for others. */
    close(other);
    fixture_release(&fixture);
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "later");
    close(fd);
    fixture_end(&fixture);
}

/* Reads up to the end. Returns how many octets, and whether the peer closed in an orderly way. */
static size_t drain(int fd, bool *ret_orderly) {
    static char buffer[65536];
    size_t total = 0;
    ssize_t length;
    while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        total += (size_t)length;
    }
    *ret_orderly = length == 0;
    return total;
}

static void big_answer_arrives_whole(void **state) {
    (void)state;
    struct fixture fixture;
    bool orderly;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "GET /big HTTP/1.0\r\n\r\n");
    size_t total = drain(fd, &orderly);
    assert_true(orderly);
    assert_true(total > BIG_BYTES && total < BIG_BYTES + 1000);
    close(fd);
    fixture_end(&fixture);
}

static void nothing_is_read_from_who_does_not_read(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later") GET("/big") GET("/echo"));
    fixture_await(&fixture.asked_later);
    fixture_release(&fixture); /* /big is asked and its answer begun before this returns. */
    assert_int_equal(fixture_asked(&fixture), 2);
    client_read(fd, true, &answer);
    client_read(fd, false, &answer);
    for (size_t left = BIG_BYTES; left > 0;) {
        char buffer[4096];
        ssize_t length = recv(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer), 0);
        assert_true(length > 0);
        left -= (size_t)length;
    }
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "GET  ");
    close(fd);
    fixture_end(&fixture);
}

static void who_does_not_read_is_dropped(void **state) {
    (void)state;
    struct fixture fixture;
    struct d1_http_limits limits = fixture_limits();
    limits.write_ms = 20;
    fixture_start(&fixture, &limits);
    int fd = client_connect_unix(&fixture);
    client_send(fd, GET("/big"));
    client_await_hangup(fd);
    bool orderly;
    assert_true(drain(fd, &orderly) < BIG_BYTES);
    close(fd);
    fixture_end(&fixture);
}

static void client_gone_before_the_answer(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later"));
    fixture_await(&fixture.asked_later);
    client_reset(fd);
    fixture_release(&fixture);
    fd = client_connect(&fixture);
    client_ask(fd, GET("/echo"), 200, "GET  ");
    close(fd);
    fixture_end(&fixture);
}

static void half_closed_client_gets_its_answer(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/later") GET("/echo"));
    shutdown(fd, SHUT_WR);
    fixture_await(&fixture.asked_later);
    fixture_release(&fixture);
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "later");
    client_read(fd, true, &answer);
    assert_string_equal(answer.body, "GET  ");
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

static void half_a_request_and_gone(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    client_expect_end(fd);
    close(fd);
    assert_int_equal(fixture_asked(&fixture), 0);
    fixture_end(&fixture);
}

static void split_answer_becomes_500(void **state) {
    (void)state;
    struct fixture fixture;
    struct answer answer;
    fixture_start(&fixture, NULL);
    int fd = client_connect(&fixture);
    client_send(fd, GET("/split"));
    client_read(fd, true, &answer);
    assert_int_equal(answer.status, 500);
    assert_null(strstr(answer.head, "X: y"));
    client_expect_end(fd);
    close(fd);
    fixture_end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_is_kept_alive),
        cmocka_unit_test(answer_has_the_usual_fields),
        cmocka_unit_test(octet_by_octet),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(many_pipelined_requests_do_not_nest),
        cmocka_unit_test(http10_closes_unless_asked),
        cmocka_unit_test(either_side_may_ask_to_close),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(continue_is_sent_before_the_body),
        cmocka_unit_test(refusal_is_answered_and_closes),
        cmocka_unit_test(refusal_survives_a_body_that_nobody_reads),
        cmocka_unit_test(linger_ends),
        cmocka_unit_test(slow_head_is_408),
        cmocka_unit_test(slow_body_is_408),
        cmocka_unit_test(idle_connections_close_silently),
        cmocka_unit_test(time_does_not_run_while_a_request_is_under_way),
        cmocka_unit_test(big_answer_arrives_whole),
        cmocka_unit_test(nothing_is_read_from_who_does_not_read),
        cmocka_unit_test(who_does_not_read_is_dropped),
        cmocka_unit_test(client_gone_before_the_answer),
        cmocka_unit_test(half_closed_client_gets_its_answer),
        cmocka_unit_test(half_a_request_and_gone),
        cmocka_unit_test(split_answer_becomes_500),
    };
    return cmocka_run_group_tests_name("http_connection", tests, NULL, NULL);
}
