/*
 * Happy path of one connection:
 *   1. a listener is readable: accept, and read at once (the query is often there already);
 *   2. READING: one read; all complete frames in it are answered as batches, all answers leave with
 *      one write; what is left of an unfinished frame is kept;
 *   3. the client shuts down its side (`ended`): what it is owed is sent; CLOSED.
 *
 * Failure modes:
 *   - the kernel takes only a part of the answers: the rest is kept, the connection is DRAINING: it
 *     is not read from until all is sent; whole frames that were read already wait in `in`;
 *   - a client that never reads, or sends one frame drop by drop, is idle: closed idle_ms after its
 *     last complete query or since it last took all its answers;
 *   - a frame shorter than a DNS header (or of length 0): what came before it is answered, then the
 *     connection has `ended` too;
 *   - reset, or an error of the socket: closed at once, in every state;
 *   - too many connections: the one idle for longest is closed, the new one is taken;
 *   - no descriptor left (EMFILE), no memory: the one idle for longest is closed and accept tried
 *     once more; then the listeners rest for PAUSE_MS, so that nothing spins;
 *   - no memory for what must be kept, or D1_TCP_HELD_BYTES_MAX reached: that connection is closed.
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
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/step.h"

#define EVENTS_PER_WAKE  64
#define ACCEPTS_PER_WAKE 64
#define ACCEPTS_AT_DRAIN 4096
#define READS_PER_WAKE   1    /* Of one connection: it may hold questions for 400 KiB of answers. */
#define READS_AT_DRAIN   64   /* A megabyte that came before the stop. */
#define PAUSE_MS         100  /* Of the listeners, when there is no descriptor. */
#define FRAME_LENGTH     2    /* RFC 1035, 4.2.2. */
#define PARTIAL_COPY_MAX 1024 /* A shorter rest is put before the next read; a longer one grows. */
#define REPLY_STRIDE     ((size_t)D1_DNS_MESSAGE_MAX + 65) /* An odd number of cache lines. */
#define FRAME_OCTETS_MAX ((size_t)FRAME_LENGTH + D1_DNS_MESSAGE_MAX)

static_assert(FRAME_OCTETS_MAX <= D1_TCP_UNSENT_BYTES_MAX, "one answer fits what may be unsent");

enum state { READING, DRAINING, CLOSED, STATES };

static const struct d1_step_state states[STATES] = {
    [READING] = {"reading", D1_STEP_TO(DRAINING) | D1_STEP_TO(CLOSED)},
    [DRAINING] = {"draining", D1_STEP_TO(READING) | D1_STEP_TO(CLOSED)},
    [CLOSED] = {"closed", 0},
};

/* What an epoll event points at. */
struct source {
    int fd;
    bool listener;
};

struct connection {
    struct source source; /* First: an event's pointer is cast back. */
    struct d1_step state;
    uint32_t watched;  /* Of epoll, as last set. */
    bool ended;        /* Nothing more comes from the client. */
    uint64_t since_ms; /* Last complete query, or last time it had taken all its answers. */
    struct connection *older;
    struct connection *newer;
    uint8_t *in; /* Read and not answered: an unfinished frame, or frames that wait. */
    size_t in_length;
    size_t in_capacity;
    uint8_t *unsent;
    size_t unsent_at;
    size_t unsent_length;
    union d1_peer peer;
};

static_assert(offsetof(struct connection, source) == 0, "an event's source is cast back");

struct d1_tcp {
    struct d1_tcp_options options;
    int epoll;
    uv_poll_t poll;
    uv_timer_t idle;  /* Runs while there are connections; at the oldest one's time. */
    uv_timer_t pause; /* Runs while the listeners rest. */
    uv_timer_t grace; /* Runs while draining at a stop. */
    bool stopping;
    bool closed;
    void (*drained)(void *arg);
    void *drained_arg;
    struct connection *oldest;
    struct connection *newest;
    struct connection *dead; /* Linked by `newer`; freed at the end of the wake. */
    unsigned connections;
    size_t held; /* Octets in all `in` and `unsent`. */
    struct d1_answer_slot slots[D1_UDP_BATCH];
    uint8_t *replies; /* REPLY_STRIDE for each slot; pages are touched as answers need them. */
    uint8_t *out;     /* D1_TCP_UNSENT_BYTES_MAX: answers on their way to one write. */
    size_t out_length;
    uint8_t in[PARTIAL_COPY_MAX + D1_TCP_READ_BYTES];
    struct source listeners[];
};

/* Connections by time of their last activity. */

static void unlink_connection(struct d1_tcp *tcp, struct connection *connection) {
    struct connection *older = connection->older;
    struct connection *newer = connection->newer;
    *(older != NULL ? &older->newer : &tcp->oldest) = newer;
    *(newer != NULL ? &newer->older : &tcp->newest) = older;
}

static void link_newest(struct d1_tcp *tcp, struct connection *connection) {
    connection->older = tcp->newest;
    connection->newer = NULL;
    *(tcp->newest != NULL ? &tcp->newest->newer : &tcp->oldest) = connection;
    tcp->newest = connection;
    connection->since_ms = uv_now(tcp->options.loop);
}

static void touch(struct d1_tcp *tcp, struct connection *connection) {
    if (tcp->newest == connection) {
        connection->since_ms = uv_now(tcp->options.loop);
        return;
    }
    unlink_connection(tcp, connection);
    link_newest(tcp, connection);
}

static void forget_in(struct d1_tcp *tcp, struct connection *connection) {
    tcp->held -= connection->in_capacity;
    d1_free(connection->in);
    connection->in = NULL;
    connection->in_length = 0;
    connection->in_capacity = 0;
}

static void forget_unsent(struct d1_tcp *tcp, struct connection *connection) {
    tcp->held -= connection->unsent_length;
    d1_free(connection->unsent);
    connection->unsent = NULL;
    connection->unsent_at = 0;
    connection->unsent_length = 0;
}

static void close_connection(struct d1_tcp *tcp, struct connection *connection) {
    d1_step_move(&connection->state, CLOSED);
    /* Closing would do, but not while a child that was just forked has it open too. */
    epoll_ctl(tcp->epoll, EPOLL_CTL_DEL, connection->source.fd, NULL);
    close(connection->source.fd);
    unlink_connection(tcp, connection);
    forget_in(tcp, connection);
    forget_unsent(tcp, connection);
    assert(tcp->connections > 0);
    tcp->connections--;
    d1_serving_connections(tcp->options.serving, -1);
    connection->newer = tcp->dead;
    tcp->dead = connection;
}

static void free_dead(struct d1_tcp *tcp) {
    while (tcp->dead != NULL) {
        struct connection *connection = tcp->dead;
        tcp->dead = connection->newer;
        d1_free(connection);
    }
}

static bool close_oldest(struct d1_tcp *tcp) {
    if (tcp->oldest == NULL) {
        return false;
    }
    d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_LIMIT, 1);
    close_connection(tcp, tcp->oldest);
    return true;
}

static void drop_connection(struct d1_tcp *tcp, struct connection *connection,
                            enum d1_drop reason) {
    d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, reason, 1);
    close_connection(tcp, connection);
}

static bool is(const struct connection *connection, enum state state) {
    return connection->state.now == (unsigned)state;
}

/* Watch for what the state waits for. Returns false when that failed and the connection is gone. */
static bool watch_state(struct d1_tcp *tcp, struct connection *connection) {
    uint32_t wanted = is(connection, READING) ? EPOLLIN : EPOLLOUT;
    if (connection->watched == wanted) {
        return true;
    }
    struct epoll_event event = {.events = wanted, .data.ptr = &connection->source};
    int operation = connection->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(tcp->epoll, operation, connection->source.fd, &event) != 0) {
        drop_connection(tcp, connection, D1_DROP_LIMIT);
        return false;
    }
    connection->watched = wanted;
    return true;
}

/* Sending. */

/* Returns octets sent, 0 when there is no room now, or -1: the connection is broken. */
static ssize_t send_some(int fd, const uint8_t *octets, size_t length) {
    ssize_t sent = send(fd, octets, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
        return sent;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

/* Keep what could not be sent; the connection is not read from until it is. */
static void keep_unsent(struct d1_tcp *tcp, struct connection *connection, const uint8_t *octets,
                        size_t length) {
    assert(connection->unsent == NULL && length <= D1_TCP_UNSENT_BYTES_MAX);
    if (length > D1_TCP_HELD_BYTES_MAX - tcp->held) {
        drop_connection(tcp, connection, D1_DROP_LIMIT);
        return;
    }
    connection->unsent = d1_memdup(octets, length);
    if (connection->unsent == NULL) {
        drop_connection(tcp, connection, D1_DROP_LIMIT);
        return;
    }
    connection->unsent_length = length;
    tcp->held += length;
    d1_step_move(&connection->state, DRAINING);
}

/* Write the answers gathered so far. The connection is READING, DRAINING or CLOSED afterwards. */
static void flush(struct d1_tcp *tcp, struct connection *connection) {
    size_t length = tcp->out_length;
    tcp->out_length = 0;
    if (length == 0 || !is(connection, READING)) {
        return;
    }
    ssize_t sent = send_some(connection->source.fd, tcp->out, length);
    if (sent < 0) {
        drop_connection(tcp, connection, D1_DROP_SEND);
    } else if ((size_t)sent < length) {
        keep_unsent(tcp, connection, tcp->out + sent, length - (size_t)sent);
    }
}

/* Frames. */

/* Octets of the frame at the start, its length included; 0: not even its length is there. */
static size_t frame_octets(const uint8_t *octets, size_t length) {
    return length < FRAME_LENGTH ? 0 : FRAME_LENGTH + (size_t)d1_load_u16(octets);
}

/* Point slots at complete frames. Sets `ended` when the first is too short for a DNS header. */
static size_t collect_frames(struct d1_tcp *tcp, struct connection *connection,
                             const uint8_t *octets, size_t length) {
    size_t count = 0;
    size_t at = 0;
    while (count < D1_UDP_BATCH) {
        size_t frame = frame_octets(octets + at, length - at);
        if (frame != 0 && frame < FRAME_LENGTH + D1_DNS_HEADER_BYTES) {
            connection->ended = count == 0;
            return count;
        }
        if (frame == 0 || frame > length - at) {
            return count;
        }
        tcp->slots[count].message = octets + at + FRAME_LENGTH;
        tcp->slots[count].length = frame - FRAME_LENGTH;
        tcp->slots[count].client = &connection->peer;
        at += frame;
        count++;
    }
    return count;
}

/* Gather one answer, writing first when there is no room. Returns false when it must wait. */
static bool gather(struct d1_tcp *tcp, struct connection *connection,
                   const struct d1_answer_slot *slot) {
    if (slot->reply_length == 0) {
        return true;
    }
    assert(slot->reply_length <= D1_DNS_MESSAGE_MAX);
    if (tcp->out_length + FRAME_LENGTH + slot->reply_length > D1_TCP_UNSENT_BYTES_MAX) {
        flush(tcp, connection);
        if (!is(connection, READING)) {
            return false;
        }
    }
    uint8_t *at = tcp->out + tcp->out_length;
    d1_store_u16(at, (uint16_t)slot->reply_length);
    memcpy(at + FRAME_LENGTH, slot->reply, slot->reply_length);
    tcp->out_length += FRAME_LENGTH + slot->reply_length;
    return true;
}

/*
 * Answer the slots' frames in order. Returns how many octets of input that used: fewer than all when
 * the client does not take its answers; the frames left over are answered anew later.
 */
static size_t answer_slots(struct d1_tcp *tcp, struct connection *connection, size_t count) {
    struct d1_serving *serving = tcp->options.serving;
    enum d1_drop why = d1_serving_answer(serving, tcp->slots, count, tcp->options.idle_ms);
    size_t done = 0;
    size_t used = 0;
    size_t unanswered = 0;
    while (done < count && gather(tcp, connection, &tcp->slots[done])) {
        unanswered += tcp->slots[done].reply_length == 0;
        used += FRAME_LENGTH + tcp->slots[done].length;
        done++;
    }
    d1_serving_tally(serving, D1_TRANSPORT_TCP, tcp->slots, done);
    if (unanswered > 0) {
        d1_serving_drop(serving, D1_TRANSPORT_TCP, why, unanswered);
    }
    return used;
}

/*
 * Answer all complete frames of these octets, while the client takes the answers. Returns octets
 * used. The connection may be CLOSED afterwards.
 */
static size_t answer_frames(struct d1_tcp *tcp, struct connection *connection,
                            const uint8_t *octets, size_t length) {
    size_t used = 0;
    size_t count = 1;
    while (count > 0 && is(connection, READING)) {
        count = collect_frames(tcp, connection, octets + used, length - used);
        if (count > 0) {
            used += answer_slots(tcp, connection, count);
        }
    }
    if (used > 0 && !is(connection, CLOSED)) {
        touch(tcp, connection);
    }
    if (connection->ended) {
        d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_FRAME, 1);
        return length;
    }
    return used;
}

/* Make room for `capacity` octets of input. Returns false when the connection had to be closed. */
static bool grow_in(struct d1_tcp *tcp, struct connection *connection, size_t capacity) {
    if (capacity <= connection->in_capacity) {
        return true;
    }
    size_t more = capacity - connection->in_capacity;
    uint8_t *in = NULL;
    if (more <= D1_TCP_HELD_BYTES_MAX - tcp->held) {
        in = d1_realloc(connection->in, capacity, 1);
    }
    if (in == NULL) {
        drop_connection(tcp, connection, D1_DROP_LIMIT);
        return false;
    }
    connection->in = in;
    connection->in_capacity = capacity;
    tcp->held += more;
    return true;
}

/* Keep these octets as the connection's input, in place of what it holds. */
static void keep_in(struct d1_tcp *tcp, struct connection *connection, const uint8_t *octets,
                    size_t length) {
    if (length == 0) {
        forget_in(tcp, connection);
        return;
    }
    if (grow_in(tcp, connection, length)) {
        memmove(connection->in, octets, length);
        connection->in_length = length;
    }
}

/* Reading. */

/*
 * Read into `room`. Returns octets; 0 when nothing is there now, the client has shut down its side
 * (`ended`), or the connection is broken (CLOSED).
 */
static size_t receive(struct d1_tcp *tcp, struct connection *connection, uint8_t *room,
                      size_t size) {
    ssize_t received = recv(connection->source.fd, room, size, MSG_DONTWAIT);
    if (received > 0) {
        return (size_t)received;
    }
    if (received == 0) {
        connection->ended = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        close_connection(tcp, connection);
    }
    return 0;
}

/* One read behind the short rest of the last one. Returns whether more may be there. */
static bool read_many(struct d1_tcp *tcp, struct connection *connection) {
    size_t rest = connection->in_length;
    if (rest > 0) {
        memcpy(tcp->in, connection->in, rest);
    }
    size_t received = receive(tcp, connection, tcp->in + rest, D1_TCP_READ_BYTES);
    if (received == 0) {
        return false;
    }
    size_t length = rest + received;
    size_t used = answer_frames(tcp, connection, tcp->in, length);
    if (!is(connection, CLOSED)) {
        keep_in(tcp, connection, tcp->in + used, length - used);
    }
    return received == D1_TCP_READ_BYTES;
}

/*
 * One read of no more than a large frame lacks, straight to where it grows. The buffer doubles as
 * octets come: a client that only announces 65,535 octets takes no memory.
 */
static bool read_large(struct d1_tcp *tcp, struct connection *connection) {
    size_t frame = frame_octets(connection->in, connection->in_length);
    assert(frame > connection->in_length);
    if (connection->in_length == connection->in_capacity) {
        size_t doubled = 2 * connection->in_capacity;
        if (!grow_in(tcp, connection, doubled < frame ? doubled : frame)) {
            return false;
        }
    }
    size_t end = connection->in_capacity < frame ? connection->in_capacity : frame;
    size_t wanted = end - connection->in_length;
    size_t received = receive(tcp, connection, connection->in + connection->in_length, wanted);
    if (received == 0) {
        return false;
    }
    connection->in_length += received;
    if (connection->in_length == frame) {
        size_t used = answer_frames(tcp, connection, connection->in, connection->in_length);
        if (used > 0 && !is(connection, CLOSED)) {
            forget_in(tcp, connection);
        }
    }
    return received == wanted;
}

/* Answer frames that waited for the client to take earlier answers. */
static void answer_waiting(struct d1_tcp *tcp, struct connection *connection) {
    size_t length = connection->in_length;
    if (length == 0) {
        return;
    }
    size_t used = answer_frames(tcp, connection, connection->in, length);
    if (used > 0 && !is(connection, CLOSED)) {
        keep_in(tcp, connection, connection->in + used, length - used);
    }
}

/* READING: answer what waited, read while there is more, write all answers at once. */
static void read_and_answer(struct d1_tcp *tcp, struct connection *connection) {
    assert(tcp->out_length == 0);
    unsigned reads = tcp->stopping ? READS_AT_DRAIN : READS_PER_WAKE;
    bool more = true;
    answer_waiting(tcp, connection);
    while (more && reads > 0 && is(connection, READING) && !connection->ended) {
        more = connection->in_length <= PARTIAL_COPY_MAX ? read_many(tcp, connection)
                                                         : read_large(tcp, connection);
        reads--;
    }
    flush(tcp, connection);
}

/* Decide what the connection waits for next. */
static void settle(struct d1_tcp *tcp, struct connection *connection) {
    if (is(connection, READING) && (connection->ended || tcp->stopping)) {
        close_connection(tcp, connection);
    } else if (!is(connection, CLOSED)) {
        watch_state(tcp, connection);
    }
}

/* DRAINING: send on. Returns true when all is sent and the connection is READING again. */
static bool drain_connection(struct d1_tcp *tcp, struct connection *connection) {
    size_t left = connection->unsent_length - connection->unsent_at;
    ssize_t sent =
        send_some(connection->source.fd, connection->unsent + connection->unsent_at, left);
    if (sent < 0) {
        drop_connection(tcp, connection, D1_DROP_SEND);
        return false;
    }
    connection->unsent_at += (size_t)sent;
    if ((size_t)sent < left) {
        return false;
    }
    forget_unsent(tcp, connection);
    touch(tcp, connection);
    d1_step_move(&connection->state, READING);
    return true;
}

static void on_connection_ready(struct d1_tcp *tcp, struct connection *connection) {
    if (is(connection, CLOSED) ||
        (is(connection, DRAINING) && !drain_connection(tcp, connection))) {
        return;
    }
    read_and_answer(tcp, connection);
    settle(tcp, connection);
}

/* Accepting. */

static void arm_idle(struct d1_tcp *tcp);

static void on_idle(uv_timer_t *timer) {
    struct d1_tcp *tcp = timer->data;
    uint64_t now = uv_now(tcp->options.loop);
    while (tcp->oldest != NULL && now - tcp->oldest->since_ms >= tcp->options.idle_ms) {
        drop_connection(tcp, tcp->oldest, D1_DROP_IDLE);
    }
    free_dead(tcp);
    arm_idle(tcp);
}

/* One timer for all: it fires when the oldest may be idle, and looks anew. */
static void arm_idle(struct d1_tcp *tcp) {
    if (tcp->oldest == NULL || uv_is_active((const uv_handle_t *)&tcp->idle)) {
        return;
    }
    uint64_t since = uv_now(tcp->options.loop) - tcp->oldest->since_ms;
    uint64_t left = since < tcp->options.idle_ms ? tcp->options.idle_ms - since : 0;
    uv_timer_start(&tcp->idle, on_idle, left, 0);
}

/* A new connection, whose descriptor it takes. */
static void take_connection(struct d1_tcp *tcp, int fd, const union d1_peer *peer) {
    if (tcp->connections >= tcp->options.connections_max) {
        close_oldest(tcp);
    }
    struct connection *connection = d1_calloc(1, sizeof(*connection));
    if (connection == NULL) {
        d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_LIMIT, 1);
        close(fd);
        return;
    }
    connection->source.fd = fd;
    connection->peer = *peer;
    d1_step_init(&connection->state, states, STATES);
    link_newest(tcp, connection);
    tcp->connections++;
    d1_serving_connections(tcp->options.serving, 1);
    read_and_answer(tcp, connection);
    settle(tcp, connection);
    arm_idle(tcp);
}

static bool is_pending(const struct source *listener) {
    struct pollfd readable = {.fd = listener->fd, .events = POLLIN};
    return poll(&readable, 1, 0) > 0;
}

/* Returns a descriptor, or -errno. Without a free one the oldest connection gives its own. */
static int accept_next(struct d1_tcp *tcp, const struct source *listener, union d1_peer *ret_peer) {
    for (unsigned attempt = 0; attempt < 2; attempt++) {
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
        if (attempt > 0 || !close_oldest(tcp)) {
            break;
        }
    }
    return -EMFILE;
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

static void accept_some(struct d1_tcp *tcp, const struct source *listener, unsigned count) {
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

static void finish_drain(struct d1_tcp *tcp) {
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
        struct source *source = ready[i].data.ptr;
        if (source->listener) {
            accept_some(tcp, source, ACCEPTS_PER_WAKE);
        } else {
            on_connection_ready(tcp, (struct connection *)source);
        }
    }
    d1_serving_offline(tcp->options.serving);
    free_dead(tcp);
    if (tcp->stopping && tcp->connections == 0) {
        finish_drain(tcp);
    }
}

static void on_grace_over(uv_timer_t *timer) {
    finish_drain(timer->data);
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
    struct connection *next;
    for (struct connection *connection = tcp->oldest; connection != NULL; connection = next) {
        next = connection->newer;
        if (is(connection, READING)) {
            read_and_answer(tcp, connection);
            settle(tcp, connection);
        }
    }
    d1_serving_offline(tcp->options.serving);
    free_dead(tcp);
    if (tcp->connections == 0 || grace_ms == 0) {
        finish_drain(tcp);
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
        close_connection(tcp, tcp->oldest);
    }
    free_dead(tcp);
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
    size_t size = sizeof(struct d1_tcp) + options->listeners_count * sizeof(struct source);
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
        tcp->listeners[i] = (struct source){.fd = options->listeners[i], .listener = true};
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
