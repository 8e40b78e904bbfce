/*
 * Happy path of a round: a UDP socket sends the question and is read; then a TCP connection sends
 * the same question and is read; then the timer waits for the next round.
 * Failures: an error or the time-out of a question ends the round as not well. Each socket is a plain
 * descriptor under one uv_poll_t, so that a round has one handle to close.
 */
#include "daemon/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "core/step.h"
#include "dns/wire.h"
#include "dnsd/proxy.h"

enum state { WAITING, ASKING_UDP, ASKING_TCP, ENDING, CLOSED };

static const struct d1_step_state states[] = {
    [WAITING] = {"waiting", D1_STEP_TO(ASKING_UDP) | D1_STEP_TO(CLOSED)},
    [ASKING_UDP] = {"asking-udp", D1_STEP_TO(ENDING)},
    [ASKING_TCP] = {"asking-tcp", D1_STEP_TO(ENDING)},
    [ENDING] = {"ending", D1_STEP_TO(ASKING_TCP) | D1_STEP_TO(WAITING) | D1_STEP_TO(CLOSED)},
    [CLOSED] = {"closed", 0},
};

struct d1_probe {
    struct d1_loop *loop;
    struct sockaddr_storage address;
    uint8_t question[2 + D1_DNS_HEADER_BYTES + D1_NAME_OCTETS_MAX + 4]; /* With TCP's length. */
    size_t question_length;
    struct d1_step step;
    uv_timer_t timer;
    uv_poll_t poll;
    int fd;
    bool answered; /* The question now under way. */
    bool tcp;      /* Which one that is. */
    bool sent;
    uint8_t reply[D1_DNS_UDP_MAX + 2];
    size_t reply_length;
    _Atomic bool ok;
    void (*changed)(void *arg);
    void *changed_arg;
    bool (*proxied)(void *arg, const struct sockaddr_storage *from); /* NULL: never. */
    void *proxied_arg;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void start_question(struct d1_probe *probe, bool tcp);

static void build_question(struct d1_probe *probe, const struct d1_name *name) {
    struct d1_writer out = d1_writer_over(probe->question, sizeof(probe->question));
    uint16_t id = 0;
    int err = d1_random(&id, sizeof(id));
    (void)err; /* An id of 0 is as good for a question to ourselves. */
    d1_write_u16(&out, (uint16_t)(D1_DNS_HEADER_BYTES + name->length + 4));
    d1_write_u16(&out, id);
    d1_write_u16(&out, 0);
    d1_write_u16(&out, 1);
    d1_write_u16(&out, 0);
    d1_write_u32(&out, 0);
    d1_write_bytes(&out, name->octets, name->length);
    d1_write_u16(&out, D1_TYPE_SOA);
    d1_write_u16(&out, D1_CLASS_IN);
    assert(!out.failed);
    probe->question_length = d1_writer_length(&out);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct d1_probe *probe = handle->data;
    void (*closed)(void *arg) = probe->closed;
    void *arg = probe->closed_arg;
    d1_free(probe);
    closed(arg);
}

static void close_timer(struct d1_probe *probe) {
    d1_step_move(&probe->step, CLOSED);
    uv_close((uv_handle_t *)&probe->timer, on_timer_closed);
}

static void on_round(uv_timer_t *timer) {
    start_question(timer->data, false);
}

static void end_round(struct d1_probe *probe, bool ok) {
    d1_step_move(&probe->step, WAITING);
    bool before = atomic_exchange_explicit(&probe->ok, ok, memory_order_relaxed);
    uv_timer_start(&probe->timer, on_round, ok ? D1_PROBE_PERIOD_MS : D1_PROBE_RETRY_MS, 0);
    if (before != ok) {
        probe->changed(probe->changed_arg);
    }
}

static void on_poll_closed(uv_handle_t *handle) {
    struct d1_probe *probe = handle->data;
    close(probe->fd);
    probe->fd = -1;
    if (probe->closing) {
        close_timer(probe);
    } else if (probe->answered && !probe->tcp) {
        start_question(probe, true);
    } else {
        end_round(probe, probe->answered);
    }
}

static void end_question(struct d1_probe *probe, bool answered) {
    probe->answered = answered;
    d1_step_move(&probe->step, ENDING);
    uv_timer_stop(&probe->timer);
    uv_close((uv_handle_t *)&probe->poll, on_poll_closed);
}

static void on_timeout(uv_timer_t *timer) {
    end_question(timer->data, false);
}

/* Any answer to our question will do: it went through the server's own sockets and code. */
static bool is_answer(const struct d1_probe *probe) {
    size_t skip = probe->tcp ? 2 : 0;
    if (probe->reply_length < skip + D1_DNS_HEADER_BYTES) {
        return false;
    }
    const uint8_t *message = probe->reply + skip;
    return memcmp(message, probe->question + 2, 2) == 0 && (message[2] & 0x80) != 0;
}

static bool is_proxied(const struct d1_probe *probe) {
    struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(from);
    return probe->proxied != NULL &&
           getsockname(probe->fd, (struct sockaddr *)&from, &length) == 0 &&
           probe->proxied(probe->proxied_arg, &from);
}

static void send_question(struct d1_probe *probe) {
    uint8_t octets[D1_PROXY_LOCAL_BYTES + sizeof(probe->question)];
    struct d1_writer out = d1_writer_over(octets, sizeof(octets));
    if (is_proxied(probe)) {
        d1_write_bytes(&out, D1_PROXY_LOCAL, D1_PROXY_LOCAL_BYTES);
    }
    size_t skip = probe->tcp ? 0 : 2;
    d1_write_bytes(&out, probe->question + skip, probe->question_length - skip);
    size_t length = d1_writer_length(&out);
    ssize_t sent = send(probe->fd, octets, length, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
        return;
    }
    if (sent != (ssize_t)length) {
        end_question(probe, false);
        return;
    }
    probe->sent = true;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct d1_probe *probe = poll->data;
    if (status != 0) {
        end_question(probe, false);
        return;
    }
    if (!probe->sent && (events & UV_WRITABLE) != 0) {
        send_question(probe);
        if (probe->sent) {
            uv_poll_start(&probe->poll, UV_READABLE, on_ready);
        }
        return;
    }
    ssize_t got = recv(probe->fd, probe->reply + probe->reply_length,
                       sizeof(probe->reply) - probe->reply_length, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        end_question(probe, false);
        return;
    }
    probe->reply_length += (size_t)got;
    if (is_answer(probe)) {
        end_question(probe, true);
    }
}

static void start_question(struct d1_probe *probe, bool tcp) {
    d1_step_move(&probe->step, tcp ? ASKING_TCP : ASKING_UDP);
    probe->tcp = tcp;
    probe->sent = false;
    probe->answered = false;
    probe->reply_length = 0;
    int kind = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    probe->fd = socket(probe->address.ss_family, kind, 0);
    const struct sockaddr *to = (const struct sockaddr *)&probe->address;
    if (probe->fd < 0 ||
        (connect(probe->fd, to, d1_address_length(&probe->address)) != 0 && errno != EINPROGRESS) ||
        uv_poll_init(d1_loop_uv(probe->loop), &probe->poll, probe->fd) != 0) {
        if (probe->fd >= 0) {
            close(probe->fd);
        }
        d1_step_move(&probe->step, ENDING);
        end_round(probe, false);
        return;
    }
    probe->poll.data = probe;
    uv_poll_start(&probe->poll, UV_WRITABLE, on_ready);
    uv_timer_start(&probe->timer, on_timeout, D1_PROBE_TIMEOUT_MS, 0);
}

int d1_probe_create(struct d1_loop *loop, const struct sockaddr_storage *address,
                    const struct d1_name *name, void (*changed)(void *arg), void *arg,
                    struct d1_probe **ret_probe) {
    struct d1_probe *probe = d1_calloc(1, sizeof(*probe));
    if (probe == NULL) {
        return -ENOMEM;
    }
    probe->loop = loop;
    probe->address = *address;
    probe->changed = changed;
    probe->changed_arg = arg;
    d1_step_init(&probe->step, states, D1_ARRAY_LENGTH(states));
    build_question(probe, name);
    uv_timer_init(d1_loop_uv(loop), &probe->timer);
    probe->timer.data = probe;
    uv_timer_start(&probe->timer, on_round, 0, 0);
    *ret_probe = probe;
    return D1_OK;
}

void d1_probe_set_proxied(struct d1_probe *probe,
                          bool (*proxied)(void *arg, const struct sockaddr_storage *from),
                          void *arg) {
    probe->proxied = proxied;
    probe->proxied_arg = arg;
}

bool d1_probe_ok(const struct d1_probe *probe) {
    return atomic_load_explicit(&probe->ok, memory_order_relaxed);
}

void d1_probe_close(struct d1_probe *probe, void (*closed)(void *arg), void *arg) {
    probe->closing = true;
    probe->closed = closed;
    probe->closed_arg = arg;
    switch ((enum state)probe->step.now) {
    case WAITING:
        close_timer(probe);
        break;
    case ASKING_UDP:
    case ASKING_TCP:
        end_question(probe, false);
        break;
    default:
        break; /* A socket is being closed: on_poll_closed goes on from there. */
    }
}
