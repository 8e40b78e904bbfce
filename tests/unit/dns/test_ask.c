/* The client against servers on loopback that answer as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <uv.h>

#include "core/err.h"
#include "core/loop.h"
#include "dns/ask.h"

/* id 0x1234, QUERY, example. TXT IN */
static const uint8_t question[] = {0x12, 0x34, 0x01, 0x00, 0,   1,   0,   0, 0, 0,  0, 0, 7,
                                   'e',  'x',  'a',  'm',  'p', 'l', 'e', 0, 0, 16, 0, 1};

enum { SILENT, ANSWER, OTHER_ID, NOT_A_REPLY, OTHER_QUESTION, TRUNCATED, ERROR_ONLY, OTHER_OPCODE };

struct world {
    struct d1_loop *loop;
    struct sockaddr_in address;
    uv_udp_t udp;
    uv_tcp_t tcp;
    uv_tcp_t client;
    bool tcp_closes;  /* Right after the connection. */
    bool tcp_in_bits; /* One octet at a time. */
    bool client_open;
    int kinds[8]; /* What the N-th datagram gets. */
    unsigned asked;
    unsigned connections;
    char buffer[512];
    uint8_t stream[512];
    size_t streamed;
    uv_write_t writes[64];
    struct d1_ask ask;
    int err;
    unsigned done;
};

static void on_close(uv_handle_t *handle) {
    (void)handle;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct world *w = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(w->buffer, sizeof(w->buffer));
}

static void make_reply(uint8_t *message, int kind) {
    message[2] |= kind == NOT_A_REPLY ? 0 : 0x80;
    message[1] ^= kind == OTHER_ID ? 1 : 0;
    message[2] |= kind == TRUNCATED ? 2 : 0;
    message[2] ^= kind == OTHER_OPCODE ? 0x28 : 0;
    message[13] = kind == OTHER_QUESTION ? 'f' : 'E'; /* Case does not count. */
    if (kind == ERROR_ONLY) {
        message[5] = 0;
        message[3] = 9;
    }
}

static void on_datagram(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags) {
    struct world *w = udp->data;
    (void)flags;
    if (count <= 0) {
        return;
    }
    assert_int_equal(count, sizeof(question));
    int kind = w->kinds[w->asked++];
    make_reply((uint8_t *)buffer->base, kind);
    uv_buf_t part = uv_buf_init(buffer->base, kind == ERROR_ONLY ? 12 : (unsigned)count);
    if (kind != SILENT) {
        assert_true(uv_udp_try_send(udp, &part, 1, from) > 0);
    }
}

static void on_stream(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct world *w = stream->data;
    if (count <= 0) {
        return;
    }
    memcpy(w->stream + w->streamed, buffer->base, (size_t)count);
    w->streamed += (size_t)count;
    if (w->streamed < sizeof(question) + 2) {
        return;
    }
    make_reply(w->stream + 2, ANSWER);
    size_t step = w->tcp_in_bits ? 1 : w->streamed;
    for (size_t i = 0; i < w->streamed; i += step) {
        uv_buf_t part = uv_buf_init((char *)w->stream + i, (unsigned)step);
        uv_write(&w->writes[i], stream, &part, 1, NULL);
    }
}

static void on_connection(uv_stream_t *server, int err) {
    struct world *w = server->data;
    assert_int_equal(err, 0);
    w->connections++;
    uv_tcp_init(d1_loop_uv(w->loop), &w->client);
    w->client.data = w;
    w->client_open = true;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&w->client), 0);
    if (w->tcp_closes) {
        uv_close((uv_handle_t *)&w->client, on_close);
        w->client_open = false;
    } else {
        uv_read_start((uv_stream_t *)&w->client, on_alloc, on_stream);
    }
}

static int open_world(void **state) {
    static struct world world;
    struct world *w = &world;
    *w = (struct world){.done = 0};
    assert_int_equal(d1_loop_create("test", &w->loop), 0);
    uv_loop_t *uv = d1_loop_uv(w->loop);
    struct sockaddr_in any;
    int length = sizeof(w->address);
    uv_ip4_addr("127.0.0.1", 0, &any);
    uv_tcp_init(uv, &w->tcp);
    assert_int_equal(uv_tcp_bind(&w->tcp, (const struct sockaddr *)&any, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&w->tcp, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&w->tcp, (struct sockaddr *)&w->address, &length), 0);
    uv_udp_init(uv, &w->udp);
    assert_int_equal(uv_udp_bind(&w->udp, (const struct sockaddr *)&w->address, 0), 0);
    uv_udp_recv_start(&w->udp, on_alloc, on_datagram);
    w->tcp.data = w;
    w->udp.data = w;
    *state = w;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    uv_close((uv_handle_t *)&w->udp, on_close);
    uv_close((uv_handle_t *)&w->tcp, on_close);
    if (w->client_open) {
        uv_close((uv_handle_t *)&w->client, on_close);
    }
    while (uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT) != 0 && w->done < 100) {
        w->done++;
    }
    d1_loop_destroy(w->loop);
    return 0;
}

static void on_done(struct d1_ask *ask, int err) {
    struct world *w = D1_CONTAINER_OF(ask, struct world, ask);
    w->err = err;
    w->done++;
    if (err == 0) {
        assert_true(ask->reply_length >= 12);
        assert_memory_equal(ask->reply, question, 2);
    } else {
        assert_int_equal(ask->reply_length, 0);
    }
}

static void start(struct world *w, bool tcp, uint32_t limit_ms) {
    w->ask = (struct d1_ask){.message = question,
                             .length = sizeof(question),
                             .tcp = tcp,
                             .limit_ms = limit_ms,
                             .done = on_done};
    memcpy(&w->ask.server, &w->address, sizeof(w->address));
    assert_int_equal(d1_ask_start(w->loop, &w->ask), 0);
    assert_int_equal(w->done, 0);
}

static int run(struct world *w, bool tcp, uint32_t limit_ms) {
    start(w, tcp, limit_ms);
    while (w->done == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
    }
    assert_int_equal(w->done, 1);
    return w->err;
}

static void test_an_answer_by_udp(void **state) {
    struct world *w = *state;
    w->kinds[0] = ANSWER;
    assert_int_equal(run(w, false, 5000), 0);
    assert_int_equal(w->connections, 0);
}

static void test_what_does_not_fit_is_dropped(void **state) {
    struct world *w = *state;
    const int kinds[] = {OTHER_ID, NOT_A_REPLY, OTHER_QUESTION, OTHER_OPCODE};
    for (size_t i = 0; i < 4; i++) {
        w->asked = 0;
        w->done = 0;
        w->kinds[0] = kinds[i];
        assert_int_equal(run(w, false, 20), -ETIMEDOUT);
    }
}

static void test_an_error_without_question(void **state) {
    struct world *w = *state;
    w->kinds[0] = ERROR_ONLY;
    assert_int_equal(run(w, false, 5000), 0);
}

static void test_truncated_goes_on_by_tcp(void **state) {
    struct world *w = *state;
    w->kinds[0] = TRUNCATED;
    assert_int_equal(run(w, false, 5000), 0);
    assert_int_equal(w->connections, 1);
}

static void test_tcp_at_once_and_in_single_octets(void **state) {
    struct world *w = *state;
    w->tcp_in_bits = true;
    assert_int_equal(run(w, true, 5000), 0);
    assert_int_equal(w->asked, 0);
}

static void test_a_connection_that_ends_early(void **state) {
    struct world *w = *state;
    w->tcp_closes = true;
    int err = run(w, true, 5000);
    assert_true(err == D1_EPARSE || err == -ECONNRESET || err == -EPIPE);
}

static void test_nobody_there(void **state) {
    struct world *w = *state;
    uv_close((uv_handle_t *)&w->tcp, on_close);
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    assert_int_equal(run(w, true, 5000), -ECONNREFUSED);
    uv_tcp_init(d1_loop_uv(w->loop), &w->tcp); /* For the end of the world. */
}

static void test_a_canceled_one_is_silent(void **state) {
    struct world *w = *state;
    w->kinds[0] = ANSWER;
    start(w, false, 5000);
    d1_ask_cancel(&w->ask);
    for (int i = 0; i < 5; i++) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(w->done, 0);
    assert_null(w->ask.state);
}

static void test_no_message_is_refused(void **state) {
    struct world *w = *state;
    w->ask = (struct d1_ask){.message = question, .length = 20, .limit_ms = 1, .done = on_done};
    assert_int_equal(d1_ask_start(w->loop, &w->ask), D1_EPARSE);
    w->ask.length = 0;
    assert_int_equal(d1_ask_start(w->loop, &w->ask), D1_EPARSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_by_udp),
        TEST(test_what_does_not_fit_is_dropped),
        TEST(test_an_error_without_question),
        TEST(test_truncated_goes_on_by_tcp),
        TEST(test_tcp_at_once_and_in_single_octets),
        TEST(test_a_connection_that_ends_early),
        TEST(test_nobody_there),
        TEST(test_a_canceled_one_is_silent),
        TEST(test_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
