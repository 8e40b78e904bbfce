/*
 * Listeners and the life of all connections; what happens on one of them is told in connection.c.
 *
 * One epoll set of our own holds listeners and connections; libuv watches the set as one descriptor.
 * A handle per connection (uv_tcp_t, uv_poll_t) would cost more system calls for each (libuv makes it
 * non-blocking, and adds and removes it to probe it) and would close with a later callback; so a
 * connection costs accept4, recv, send, epoll_ctl twice and close, and its memory is freed where it
 * is closed. (Events of the same wake may still name a closed connection: the dead are freed after
 * them.)
 */
#include "dnsd/tcp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/err.h"
#include "core/mem.h"
#include "dnsd/connection.h"

#define EVENTS_PER_WAKE  64
#define ACCEPTS_PER_WAKE 64
#define ACCEPTS_AT_DRAIN 4096
#define PAUSE_MS         100 /* Of the listeners, when there is no descriptor. */
#define REPLY_STRIDE     ((size_t)D1_DNS_MESSAGE_MAX + 65) /* An odd number of cache lines. */

static_assert(offsetof(struct d1_connection, source) == 0, "an event's source is cast back");

/* Accepting. */

static void arm_idle(struct d1_tcp *tcp);

static void on_idle(uv_timer_t *timer) {
    struct d1_tcp *tcp = timer->data;
    uint64_t now = uv_now(tcp->options.loop);
    while (tcp->oldest != NULL && now - tcp->oldest->since_ms >= d1_tcp_idle_ms(tcp)) {
        if (tcp->oldest->job != NULL && !d1_connection_is(tcp->oldest, D1_DRAINING)) {
            d1_connection_touch(tcp, tcp->oldest); /* It is us who keep it waiting. */
        } else {
            d1_connection_drop(tcp, tcp->oldest, D1_DROP_IDLE);
        }
    }
    d1_connections_free_dead(tcp);
    arm_idle(tcp);
}

/*
 * One timer for all: it fires when the oldest may be idle, and looks anew. It is set earlier when
 * more connections make that time shorter.
 */
static void arm_idle(struct d1_tcp *tcp) {
    if (tcp->oldest == NULL) {
        return;
    }
    uint64_t idle_ms = d1_tcp_idle_ms(tcp);
    uint64_t since = uv_now(tcp->options.loop) - tcp->oldest->since_ms;
    uint64_t left = since < idle_ms ? idle_ms - since : 0;
    if (!uv_is_active((const uv_handle_t *)&tcp->idle) || uv_timer_get_due_in(&tcp->idle) > left) {
        uv_timer_start(&tcp->idle, on_idle, left, 0);
    }
}

/* A new connection, whose descriptor it takes. */
static void take_connection(struct d1_tcp *tcp, int fd, const union d1_peer *peer) {
    if (tcp->connections >= tcp->options.connections_max) {
        d1_connections_close_oldest(tcp);
    }
    struct d1_connection *connection = d1_calloc(1, sizeof(*connection));
    if (connection == NULL) {
        d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_LIMIT, 1);
        close(fd);
        return;
    }
    connection->source.fd = fd;
    connection->peer = *peer;
    const struct d1_options *answering = d1_serving_options(tcp->options.serving);
    connection->proxied = answering != NULL && d1_serving_is_proxy(answering, peer);
    d1_connection_start(connection);
    d1_connection_link(tcp, connection);
    tcp->connections++;
    d1_serving_connections(tcp->options.serving, 1);
    d1_connection_serve(tcp, connection);
    arm_idle(tcp);
}

static bool is_pending(const struct d1_tcp_source *listener) {
    struct pollfd readable = {.fd = listener->fd, .events = POLLIN};
    return poll(&readable, 1, 0) > 0;
}

/* Returns a descriptor, or -errno. Without a free one the oldest connection gives its own. */
static int accept_next(struct d1_tcp *tcp, const struct d1_tcp_source *listener,
                       union d1_peer *ret_peer) {
    for (bool again = false;; again = true) {
        socklen_t length = sizeof(*ret_peer);
        int fd = accept4(listener->fd, &ret_peer->any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        int err = errno;
        if (err != EMFILE && err != ENFILE && err != ENOBUFS && err != ENOMEM) {
            return -err;
        }
        /* The kernel looks for a descriptor first: it says EMFILE also when nobody waits. */
        if (!is_pending(listener)) {
            return -EAGAIN;
        }
        if (again || !d1_connections_close_oldest(tcp)) {
            return -EMFILE;
        }
    }
}

static int watch_listeners(struct d1_tcp *tcp) {
    for (size_t i = 0; i < tcp->options.listeners_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &tcp->listeners[i]};
        if (epoll_ctl(tcp->epoll, EPOLL_CTL_ADD, tcp->listeners[i].fd, &event) != 0 &&
            errno != EEXIST) {
            return -errno;
        }
    }
    return D1_OK;
}

static void on_pause_over(uv_timer_t *timer) {
    struct d1_tcp *tcp = timer->data;
    if (watch_listeners(tcp) == D1_OK) {
        uv_timer_stop(&tcp->pause);
    }
}

/* Level-triggered: a listener that cannot be emptied would wake us for ever. */
static void pause_listeners(struct d1_tcp *tcp) {
    for (size_t i = 0; i < tcp->options.listeners_count; i++) {
        epoll_ctl(tcp->epoll, EPOLL_CTL_DEL, tcp->listeners[i].fd, NULL);
    }
    uv_timer_start(&tcp->pause, on_pause_over, PAUSE_MS, PAUSE_MS);
}

static void accept_some(struct d1_tcp *tcp, const struct d1_tcp_source *listener, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        union d1_peer peer;
        int fd = accept_next(tcp, listener, &peer);
        if (fd >= 0) {
            take_connection(tcp, fd, &peer);
        } else if (fd == -EMFILE) {
            d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_LIMIT, 1);
            pause_listeners(tcp);
            return;
        } else if (fd == -EAGAIN) {
            return;
        }
        /* Else an error of that one connection (ECONNABORTED, EPROTO, ...): on to the next. */
    }
}

/* Ends. */

void d1_tcp_finish_drain(struct d1_tcp *tcp) {
    d1_tcp_close(tcp);
    tcp->drained(tcp->drained_arg);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct d1_tcp *tcp = poll->data;
    (void)status;
    (void)events;
    struct epoll_event ready[EVENTS_PER_WAKE];
    int count = epoll_wait(tcp->epoll, ready, EVENTS_PER_WAKE, 0);
    d1_serving_online(tcp->options.serving);
    for (int i = 0; i < count; i++) {
        struct d1_tcp_source *source = ready[i].data.ptr;
        if (source->listener) {
            accept_some(tcp, source, ACCEPTS_PER_WAKE);
        } else {
            d1_connection_ready(tcp, (struct d1_connection *)source);
        }
    }
    d1_serving_offline(tcp->options.serving);
    d1_connections_free_dead(tcp);
    if (tcp->stopping && tcp->connections == 0) {
        d1_tcp_finish_drain(tcp);
    }
}

static void on_grace_over(uv_timer_t *timer) {
    d1_tcp_finish_drain(timer->data);
}

void d1_tcp_drain(struct d1_tcp *tcp, uint64_t grace_ms, void (*drained)(void *arg), void *arg) {
    assert(!tcp->stopping && !tcp->closed);
    tcp->stopping = true;
    tcp->drained = drained;
    tcp->drained_arg = arg;
    d1_serving_online(tcp->options.serving);
    for (size_t i = 0; i < tcp->options.listeners_count; i++) {
        accept_some(tcp, &tcp->listeners[i], ACCEPTS_AT_DRAIN);
        close(tcp->listeners[i].fd);
        tcp->listeners[i].fd = -1;
    }
    uv_timer_stop(&tcp->pause);
    struct d1_connection *next;
    for (struct d1_connection *connection = tcp->oldest; connection != NULL; connection = next) {
        next = connection->newer;
        if (d1_connection_is(connection, D1_READING)) {
            d1_connection_serve(tcp, connection);
        }
    }
    d1_serving_offline(tcp->options.serving);
    d1_connections_free_dead(tcp);
    if (tcp->connections == 0 || grace_ms == 0) {
        d1_tcp_finish_drain(tcp);
    } else {
        uv_timer_start(&tcp->grace, on_grace_over, grace_ms, 0);
    }
}

void d1_tcp_close(struct d1_tcp *tcp) {
    if (tcp->closed) {
        return;
    }
    tcp->closed = true;
    while (tcp->oldest != NULL) {
        d1_connection_close(tcp, tcp->oldest);
    }
    d1_connections_free_dead(tcp);
    for (size_t i = 0; i < tcp->options.listeners_count; i++) {
        if (tcp->listeners[i].fd >= 0) {
            close(tcp->listeners[i].fd);
        }
    }
    uv_close((uv_handle_t *)&tcp->poll, NULL);
    uv_close((uv_handle_t *)&tcp->idle, NULL);
    uv_close((uv_handle_t *)&tcp->pause, NULL);
    uv_close((uv_handle_t *)&tcp->grace, NULL);
    close(tcp->epoll);
}

/* Memory of one worker's TCP, nothing watched yet. */
static struct d1_tcp *allocate(const struct d1_tcp_options *options) {
    size_t size = sizeof(struct d1_tcp) + options->listeners_count * sizeof(struct d1_tcp_source);
    struct d1_tcp *tcp = d1_aligned(D1_CACHE_LINE, size);
    if (tcp == NULL) {
        return NULL;
    }
    tcp->options = *options;
    tcp->epoll = -1;
    tcp->replies = d1_malloc(D1_UDP_BATCH * REPLY_STRIDE);
    tcp->out = d1_malloc(D1_TCP_UNSENT_BYTES_MAX);
    if (tcp->replies == NULL || tcp->out == NULL) {
        d1_tcp_destroy(tcp);
        return NULL;
    }
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        tcp->slots[i].reply = tcp->replies + i * REPLY_STRIDE;
        tcp->slots[i].reply_max = D1_DNS_MESSAGE_MAX;
        tcp->slots[i].tcp = true;
    }
    for (size_t i = 0; i < options->listeners_count; i++) {
        tcp->listeners[i] = (struct d1_tcp_source){.fd = options->listeners[i], .listener = true};
    }
    return tcp;
}

int d1_tcp_create(const struct d1_tcp_options *options, struct d1_tcp **ret_tcp) {
    assert(options->connections_max >= 1 && options->idle_ms >= 1);
    struct d1_tcp *tcp = allocate(options);
    if (tcp == NULL) {
        return -ENOMEM;
    }
    tcp->epoll = epoll_create1(EPOLL_CLOEXEC);
    int err = tcp->epoll < 0 ? -errno : watch_listeners(tcp);
    if (err == D1_OK) {
        err = uv_poll_init(options->loop, &tcp->poll, tcp->epoll);
    }
    if (err != D1_OK) {
        if (tcp->epoll >= 0) {
            close(tcp->epoll);
        }
        d1_tcp_destroy(tcp);
        return err;
    }
    tcp->poll.data = tcp;
    uv_timer_init(options->loop, &tcp->idle);
    tcp->idle.data = tcp;
    uv_timer_init(options->loop, &tcp->pause);
    tcp->pause.data = tcp;
    uv_timer_init(options->loop, &tcp->grace);
    tcp->grace.data = tcp;
    *ret_tcp = tcp;
    return D1_OK;
}

void d1_tcp_start(struct d1_tcp *tcp) {
    uv_poll_start(&tcp->poll, UV_READABLE, on_ready);
}

void d1_tcp_destroy(struct d1_tcp *tcp) {
    if (tcp == NULL) {
        return;
    }
    d1_free(tcp->replies);
    d1_free(tcp->out);
    d1_free(tcp);
}
