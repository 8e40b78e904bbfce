/*
 * Happy path: the message leaves by a connected UDP socket; the timer sends it again each second;
 * the first answer that fits ends it. With TC: the UDP socket closes, TCP connects, two octets of
 * length and the message are written, as many octets as the answer announces are read.
 * Failures: the limit is reached (-ETIMEDOUT), the kernel says that nobody is there (ICMP: the error
 * of the socket), the connection ends early or its answer is not one (D1_EPARSE).
 * The state outlives the ask: its handles are closed one after another, and the last frees it.
 */
#include "dns/ask.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "dns/name.h"
#include "dns/wire.h"

#define RESEND_MS 1000

struct state {
    struct d1_ask *ask; /* NULL: it has ended. */
    struct d1_loop *loop;
    uint64_t until_ms;
    unsigned handles; /* Not closed yet. */
    bool tcp_open;
    size_t question_end; /* Offset in the message. */
    uv_udp_t udp;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uint8_t prefix[2];
    size_t received;
    uint8_t buffer[D1_DNS_MESSAGE_MAX + 2];
};

static void on_closed(uv_handle_t *handle) {
    struct state *state = handle->data;
    state->handles--;
    if (state->handles == 0) {
        d1_free(state);
    }
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_closed);
    }
}

static void stop(struct state *state) {
    state->ask->state = NULL;
    state->ask = NULL;
    close_handle((uv_handle_t *)&state->timer);
    close_handle((uv_handle_t *)&state->udp);
    if (state->tcp_open) {
        close_handle((uv_handle_t *)&state->tcp);
    }
}

static void end(struct state *state, int err) {
    struct d1_ask *ask = state->ask;
    stop(state);
    ask->done(ask, err);
}

/* Where the question section ends, or 0. */
static size_t find_question_end(const uint8_t *message, size_t length) {
    struct d1_reader reader = d1_reader_over(message, length);
    (void)d1_read_bytes(&reader, D1_DNS_HEADER_BYTES);
    struct d1_name name;
    if (reader.failed || d1_load_u16(message + 4) != 1 || d1_name_read(&reader, &name) != 0) {
        return 0;
    }
    (void)d1_read_bytes(&reader, 4);
    return reader.failed ? 0 : d1_reader_offset(&reader);
}

static bool is_same_question(const struct state *state, const uint8_t *reply, size_t length) {
    const uint8_t *message = state->ask->message;
    if (length < state->question_end) {
        return false;
    }
    for (size_t i = D1_DNS_HEADER_BYTES; i < state->question_end; i++) {
        if (d1_name_fold(message[i]) != d1_name_fold(reply[i])) {
            return false;
        }
    }
    return true;
}

static bool is_the_answer(const struct state *state, const uint8_t *reply, size_t length) {
    if (length < D1_DNS_HEADER_BYTES) {
        return false;
    }
    const uint8_t *message = state->ask->message;
    uint16_t flags = d1_load_u16(reply + 2);
    uint16_t opcode = 0xf << D1_OPCODE_SHIFT;
    if (memcmp(reply, message, 2) != 0 || (flags & D1_FLAG_QR) == 0 ||
        (flags & opcode) != (d1_load_u16(message + 2) & opcode)) {
        return false;
    }
    uint16_t questions = d1_load_u16(reply + 4);
    if (questions == 0) {
        return (flags & 0xf) != D1_RCODE_NOERROR;
    }
    return questions == 1 && is_same_question(state, reply, length);
}

/* ---- TCP ---- */

static void on_tcp_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct state *state = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)state->buffer + state->received,
                          (unsigned)(sizeof(state->buffer) - state->received));
}

static void on_tcp_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct state *state = stream->data;
    (void)buffer;
    if (state->ask == NULL) {
        return;
    }
    if (count < 0) {
        end(state, count == UV_EOF ? D1_EPARSE : (int)count);
        return;
    }
    state->received += (size_t)count;
    if (state->received < 2 || state->received - 2 < d1_load_u16(state->buffer)) {
        return;
    }
    size_t length = d1_load_u16(state->buffer);
    if (!is_the_answer(state, state->buffer + 2, length)) {
        end(state, D1_EPARSE);
        return;
    }
    state->ask->reply = state->buffer + 2;
    state->ask->reply_length = length;
    end(state, D1_OK);
}

static void on_written(uv_write_t *write, int err) {
    struct state *state = write->data;
    if (state->ask != NULL && err != 0) {
        end(state, err);
    }
}

static void on_connected(uv_connect_t *connect, int err) {
    struct state *state = connect->data;
    if (state->ask == NULL) {
        return;
    }
    const struct d1_ask *ask = state->ask;
    state->prefix[0] = (uint8_t)(ask->length >> 8);
    state->prefix[1] = (uint8_t)ask->length;
    uv_buf_t parts[2] = {
        uv_buf_init((char *)state->prefix, 2),
        uv_buf_init((char *)(uintptr_t)ask->message, (unsigned)ask->length),
    };
    uv_stream_t *stream = (uv_stream_t *)&state->tcp;
    state->write.data = state;
    err = err != 0 ? err : uv_read_start(stream, on_tcp_alloc, on_tcp_read);
    err = err != 0 ? err : uv_write(&state->write, stream, parts, 2, on_written);
    if (err != 0) {
        end(state, err);
    }
}

static int start_tcp(struct state *state) {
    int err = uv_tcp_init(d1_loop_uv(state->loop), &state->tcp);
    if (err != 0) {
        return err;
    }
    state->tcp.data = state;
    state->tcp_open = true;
    state->handles++;
    state->received = 0;
    state->connect.data = state;
    return uv_tcp_connect(&state->connect, &state->tcp,
                          (const struct sockaddr *)&state->ask->server, on_connected);
}

/* ---- UDP ---- */

static void on_udp_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct state *state = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)state->buffer, sizeof(state->buffer));
}

static void on_udp_read(uv_udp_t *udp, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags) {
    struct state *state = udp->data;
    (void)buffer;
    (void)flags;
    if (state->ask == NULL || (count == 0 && from == NULL)) {
        return;
    }
    if (count < 0) {
        end(state, (int)count);
        return;
    }
    if (!is_the_answer(state, state->buffer, (size_t)count)) {
        return;
    }
    if ((d1_load_u16(state->buffer + 2) & D1_FLAG_TC) != 0) {
        uv_udp_recv_stop(udp);
        state->ask->tcp = true;
        int err = start_tcp(state);
        if (err != 0) {
            end(state, err);
        }
        return;
    }
    state->ask->reply = state->buffer;
    state->ask->reply_length = (size_t)count;
    end(state, D1_OK);
}

static int send_udp(struct state *state) {
    uv_buf_t part =
        uv_buf_init((char *)(uintptr_t)state->ask->message, (unsigned)state->ask->length);
    int sent = uv_udp_try_send(&state->udp, &part, 1, NULL);
    return sent < 0 && sent != UV_EAGAIN && sent != UV_ENOBUFS ? sent : D1_OK;
}

static int start_udp(struct state *state) {
    int err = uv_udp_connect(&state->udp, (const struct sockaddr *)&state->ask->server);
    err = err != 0 ? err : uv_udp_recv_start(&state->udp, on_udp_alloc, on_udp_read);
    return err != 0 ? err : send_udp(state);
}

/* ---- The whole ---- */

static void on_timer(uv_timer_t *timer) {
    struct state *state = timer->data;
    if (uv_now(timer->loop) >= state->until_ms) {
        end(state, -ETIMEDOUT);
        return;
    }
    int err = state->ask->tcp ? D1_OK : send_udp(state);
    if (err != 0) {
        end(state, err);
        return;
    }
    uint64_t left_ms = state->until_ms - uv_now(timer->loop);
    uv_timer_start(timer, on_timer, left_ms < RESEND_MS ? left_ms : RESEND_MS, 0);
}

int d1_ask_start(struct d1_loop *loop, struct d1_ask *ask) {
    if (ask->length > D1_DNS_MESSAGE_MAX || find_question_end(ask->message, ask->length) == 0) {
        return D1_EPARSE;
    }
    struct state *state = d1_calloc(1, sizeof(*state));
    if (state == NULL) {
        return -ENOMEM;
    }
    uv_loop_t *uv = d1_loop_uv(loop);
    state->ask = ask;
    state->loop = loop;
    state->question_end = find_question_end(ask->message, ask->length);
    state->udp.data = state;
    state->timer.data = state;
    uv_update_time(uv);
    state->until_ms = uv_now(uv) + ask->limit_ms;
    uv_timer_init(uv, &state->timer);
    uv_udp_init(uv, &state->udp);
    state->handles = 2;
    ask->state = state;
    ask->reply = NULL;
    ask->reply_length = 0;
    int err = ask->tcp ? start_tcp(state) : start_udp(state);
    if (err != 0) {
        stop(state);
        return err;
    }
    uint64_t first_ms = ask->limit_ms < RESEND_MS ? ask->limit_ms : RESEND_MS;
    uv_timer_start(&state->timer, on_timer, first_ms, 0);
    return D1_OK;
}

void d1_ask_cancel(struct d1_ask *ask) {
    if (ask->state != NULL) {
        stop(ask->state);
    }
}
