/*
 * Happy path of one connection:
 *   1. a listener is readable: accept, and read at once (the query is often there already); from a
 *      proxy a PROXY header comes first, and the client it names takes the proxy's place;
 *   2. READING: one read; all complete frames in it are answered as batches, all answers leave with
 *      one write; what is left of an unfinished frame is kept;
 *   3. the client shuts down its side (`ended`): what it is owed is sent; CLOSED.
 *
 * An UPDATE is answered when it is applied: the answers before it are sent, then the connection is
 * WAITING, and not read from, until that answer comes; so answers keep the order of their questions.
 *
 * Failure modes:
 *   - a client goes away while its connection is WAITING: the answer is dropped when it comes;
 *   - the kernel takes only a part of the answers: the rest is kept, the connection is DRAINING: it
 *     is not read from until all is sent; whole frames that were read already wait in `in`;
 *   - a client that never reads, or sends one frame drop by drop, is idle: closed idle_ms after its
 *     last complete query or since it last took all its answers;
 *   - a frame shorter than a DNS header (or of length 0): what came before it is answered, then the
 *     connection has `ended` too;
 *   - a connection of a proxy that does not begin with a PROXY header: closed at once;
 *   - reset, or an error of the socket: closed at once, in every state;
 *   - too many connections: the one idle for longest is closed, the new one is taken;
 *   - no descriptor left (EMFILE), no memory: the one idle for longest is closed and accept tried
 *     once more; then the listeners rest for PAUSE_MS, so that nothing spins;
 *   - no memory for what must be kept, or D1_TCP_HELD_BYTES_MAX reached: that connection is closed.
 */
#include "dnsd/connection.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "dnsd/proxy.h"

#define READS_PER_WAKE   1  /* Of one connection: it may hold questions for 400 KiB of answers. */
#define READS_AT_DRAIN   64 /* A megabyte that came before the stop. */
#define FRAME_LENGTH     2  /* RFC 1035, 4.2.2. */
#define FRAME_OCTETS_MAX ((size_t)FRAME_LENGTH + D1_DNS_MESSAGE_MAX)

static_assert(D1_PROXY_BYTES_MAX <= D1_TCP_PARTIAL_MAX, "a header's rest is never read as a frame");
static_assert(FRAME_OCTETS_MAX <= D1_TCP_UNSENT_BYTES_MAX, "one answer fits what may be unsent");

static const struct d1_step_state states[D1_CONNECTION_STATES] = {
    [D1_READING] = {"reading",
                    D1_STEP_TO(D1_DRAINING) | D1_STEP_TO(D1_WAITING) | D1_STEP_TO(D1_CLOSED)},
    [D1_DRAINING] = {"draining", D1_STEP_TO(D1_READING) | D1_STEP_TO(D1_CLOSED)},
    [D1_WAITING] = {"waiting", D1_STEP_TO(D1_READING) | D1_STEP_TO(D1_CLOSED)},
    [D1_CLOSED] = {"closed", 0},
};

void d1_connection_start(struct d1_connection *connection) {
    d1_step_init(&connection->state, states, D1_CONNECTION_STATES);
}

/* Connections by time of their last activity. */

static void unlink_connection(struct d1_tcp *tcp, struct d1_connection *connection) {
    struct d1_connection *older = connection->older;
    struct d1_connection *newer = connection->newer;
    *(older != NULL ? &older->newer : &tcp->oldest) = newer;
    *(newer != NULL ? &newer->older : &tcp->newest) = older;
}

void d1_connection_link(struct d1_tcp *tcp, struct d1_connection *connection) {
    connection->older = tcp->newest;
    connection->newer = NULL;
    *(tcp->newest != NULL ? &tcp->newest->newer : &tcp->oldest) = connection;
    tcp->newest = connection;
    connection->since_ms = uv_now(tcp->options.loop);
}

void d1_connection_touch(struct d1_tcp *tcp, struct d1_connection *connection) {
    if (tcp->newest == connection) {
        connection->since_ms = uv_now(tcp->options.loop);
        return;
    }
    unlink_connection(tcp, connection);
    d1_connection_link(tcp, connection);
}

static void forget_in(struct d1_tcp *tcp, struct d1_connection *connection) {
    tcp->held -= connection->in_capacity;
    d1_free(connection->in);
    connection->in = NULL;
    connection->in_length = 0;
    connection->in_capacity = 0;
}

static void forget_unsent(struct d1_tcp *tcp, struct d1_connection *connection) {
    tcp->held -= connection->unsent_length;
    d1_free(connection->unsent);
    connection->unsent = NULL;
    connection->unsent_at = 0;
    connection->unsent_length = 0;
}

/* Nobody is there to be answered. */
static void leave_job(struct d1_connection *connection) {
    if (connection->job != NULL && connection->job_answered) {
        d1_update_job_free(connection->job);
    } else if (connection->job != NULL) {
        connection->job->connection = NULL;
    }
    connection->job = NULL;
}

void d1_connection_close(struct d1_tcp *tcp, struct d1_connection *connection) {
    d1_step_move(&connection->state, D1_CLOSED);
    /* Closing would do, but not while a child that was just forked has it open too. */
    epoll_ctl(tcp->epoll, EPOLL_CTL_DEL, connection->source.fd, NULL);
    close(connection->source.fd);
    unlink_connection(tcp, connection);
    leave_job(connection);
    forget_in(tcp, connection);
    forget_unsent(tcp, connection);
    assert(tcp->connections > 0);
    tcp->connections--;
    d1_serving_connections(tcp->options.serving, -1);
    connection->newer = tcp->dead;
    tcp->dead = connection;
}

void d1_connections_free_dead(struct d1_tcp *tcp) {
    while (tcp->dead != NULL) {
        struct d1_connection *connection = tcp->dead;
        tcp->dead = connection->newer;
        d1_free(connection);
    }
}

bool d1_connections_close_oldest(struct d1_tcp *tcp) {
    if (tcp->oldest == NULL) {
        return false;
    }
    d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_LIMIT, 1);
    d1_connection_close(tcp, tcp->oldest);
    return true;
}

void d1_connection_drop(struct d1_tcp *tcp, struct d1_connection *connection, enum d1_drop reason) {
    d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, reason, 1);
    d1_connection_close(tcp, connection);
}

/* Watch for what the state waits for. Returns false when that failed and the connection is gone. */
static bool watch_state(struct d1_tcp *tcp, struct d1_connection *connection) {
    static const uint32_t wants[D1_CONNECTION_STATES] = {
        [D1_READING] = EPOLLIN,
        [D1_DRAINING] = EPOLLOUT,
        [D1_WAITING] = EPOLLERR | EPOLLHUP, /* These are told in any case. */
    };
    uint32_t wanted = wants[connection->state.now];
    if (connection->watched == wanted) {
        return true;
    }
    struct epoll_event event = {.events = wanted, .data.ptr = &connection->source};
    int operation = connection->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(tcp->epoll, operation, connection->source.fd, &event) != 0) {
        d1_connection_drop(tcp, connection, D1_DROP_LIMIT);
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
static void keep_unsent(struct d1_tcp *tcp, struct d1_connection *connection, const uint8_t *octets,
                        size_t length) {
    assert(connection->unsent == NULL && length <= D1_TCP_UNSENT_BYTES_MAX);
    if (length > D1_TCP_HELD_BYTES_MAX - tcp->held) {
        d1_connection_drop(tcp, connection, D1_DROP_LIMIT);
        return;
    }
    connection->unsent = d1_memdup(octets, length);
    if (connection->unsent == NULL) {
        d1_connection_drop(tcp, connection, D1_DROP_LIMIT);
        return;
    }
    connection->unsent_length = length;
    tcp->held += length;
    d1_step_move(&connection->state, D1_DRAINING);
}

/* Write the answers gathered so far. The connection is READING, DRAINING or CLOSED afterwards. */
static void flush(struct d1_tcp *tcp, struct d1_connection *connection) {
    size_t length = tcp->out_length;
    tcp->out_length = 0;
    if (length == 0 || !d1_connection_is(connection, D1_READING)) {
        return;
    }
    ssize_t sent = send_some(connection->source.fd, tcp->out, length);
    if (sent < 0) {
        d1_connection_drop(tcp, connection, D1_DROP_SEND);
    } else if ((size_t)sent < length) {
        keep_unsent(tcp, connection, tcp->out + sent, length - (size_t)sent);
    }
}

/* Frames. */

/* Octets of the frame at the start, its length included; 0: not even its length is there. */
static size_t frame_octets(const uint8_t *octets, size_t length) {
    return length < FRAME_LENGTH ? 0 : FRAME_LENGTH + (size_t)d1_load_u16(octets);
}

static bool is_update(const struct d1_answer_slot *slot) {
    return (slot->message[2] >> 3 & 0xf) == D1_OPCODE_UPDATE;
}

/* Point slots at complete frames. Sets `ended` when the first is too short for a DNS header. */
static size_t collect_frames(struct d1_tcp *tcp, struct d1_connection *connection,
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
        if (D1_UNLIKELY(is_update(&tcp->slots[count - 1]))) {
            return count; /* What follows waits for its answer. */
        }
    }
    return count;
}

/* Gather one answer, writing first when there is no room. Returns false when it must wait. */
static bool gather(struct d1_tcp *tcp, struct d1_connection *connection,
                   const struct d1_answer_slot *slot) {
    if (slot->reply_length == 0) {
        return true;
    }
    assert(slot->reply_length <= D1_DNS_MESSAGE_MAX);
    if (tcp->out_length + FRAME_LENGTH + slot->reply_length > D1_TCP_UNSENT_BYTES_MAX) {
        flush(tcp, connection);
        if (!d1_connection_is(connection, D1_READING)) {
            return false;
        }
    }
    uint8_t *at = tcp->out + tcp->out_length;
    d1_store_u16(at, (uint16_t)slot->reply_length);
    memcpy(at + FRAME_LENGTH, slot->reply, slot->reply_length);
    tcp->out_length += FRAME_LENGTH + slot->reply_length;
    return true;
}

static void on_update_answered(struct d1_update_job *job);

/*
 * The last slot of a batch holds a job: send the answers before it, and wait for its own; or, when
 * the client does not take them, forget the job, which will be made anew. Returns how many answers
 * are waited for: 0 or 1.
 */
static size_t D1_COLD take_job(struct d1_tcp *tcp, struct d1_connection *connection,
                               struct d1_answer_slot *slot, bool reached) {
    struct d1_update_job *job = slot->job;
    slot->job = NULL;
    tcp->options.serving->jobs = 0;
    if (!reached) {
        d1_update_job_free(job);
        return 0;
    }
    flush(tcp, connection);
    job->transport = tcp;
    job->answered = on_update_answered;
    if (!d1_connection_is(connection, D1_CLOSED)) {
        job->connection = connection;
        connection->job = job;
        connection->job_answered = false;
    }
    if (d1_connection_is(connection, D1_READING)) {
        d1_step_move(&connection->state, D1_WAITING);
    }
    d1_update_submit(job);
    return 1;
}

/*
 * Answer the slots' frames in order. Returns how many octets of input that used: fewer than all when
 * the client does not take its answers; the frames left over are answered anew later.
 */
static size_t answer_slots(struct d1_tcp *tcp, struct d1_connection *connection, size_t count) {
    struct d1_serving *serving = tcp->options.serving;
    enum d1_drop why = d1_serving_answer(serving, tcp->slots, count, d1_tcp_idle_ms(tcp));
    size_t done = 0;
    size_t used = 0;
    size_t unanswered = 0;
    while (done < count && gather(tcp, connection, &tcp->slots[done])) {
        unanswered += tcp->slots[done].reply_length == 0;
        used += FRAME_LENGTH + tcp->slots[done].length;
        done++;
    }
    if (D1_UNLIKELY(serving->jobs > 0)) {
        unanswered -= take_job(tcp, connection, &tcp->slots[count - 1], done == count);
    }
    d1_serving_tally(serving, D1_TRANSPORT_TCP, tcp->slots, done);
    if (unanswered > 0) {
        d1_serving_drop(serving, D1_TRANSPORT_TCP, why, unanswered);
    }
    return used;
}

/*
 * The PROXY header that stands before the first frame. Returns its octets; 0 when it is not whole
 * yet, or is none: then the connection is CLOSED.
 */
static size_t take_proxy_header(struct d1_tcp *tcp, struct d1_connection *connection,
                                const uint8_t *octets, size_t length) {
    struct d1_proxy_header header;
    int err = d1_proxy_parse(octets, length, &header);
    if (err == -EAGAIN) {
        return 0;
    }
    if (err != D1_OK) {
        d1_connection_drop(tcp, connection, D1_DROP_PROXY);
        return 0;
    }
    connection->proxied = false;
    if (!header.local) {
        connection->peer = header.client;
    }
    return header.length;
}

/*
 * Answer all complete frames of these octets, while the client takes the answers. Returns octets
 * used. The connection may be CLOSED afterwards.
 */
static size_t answer_frames(struct d1_tcp *tcp, struct d1_connection *connection,
                            const uint8_t *octets, size_t length) {
    size_t used = 0;
    size_t count = 1;
    if (D1_UNLIKELY(connection->proxied)) {
        used = take_proxy_header(tcp, connection, octets, length);
        count = used;
    }
    while (count > 0 && d1_connection_is(connection, D1_READING)) {
        count = collect_frames(tcp, connection, octets + used, length - used);
        if (count > 0) {
            used += answer_slots(tcp, connection, count);
        }
    }
    if (used > 0 && !d1_connection_is(connection, D1_CLOSED)) {
        d1_connection_touch(tcp, connection);
    }
    if (connection->ended) {
        d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_FRAME, 1);
        return length;
    }
    return used;
}

/* Make room for `capacity` octets of input. Returns false when the connection had to be closed. */
static bool grow_in(struct d1_tcp *tcp, struct d1_connection *connection, size_t capacity) {
    if (capacity <= connection->in_capacity) {
        return true;
    }
    size_t more = capacity - connection->in_capacity;
    uint8_t *in = NULL;
    if (more <= D1_TCP_HELD_BYTES_MAX - tcp->held) {
        in = d1_realloc(connection->in, capacity, 1);
    }
    if (in == NULL) {
        d1_connection_drop(tcp, connection, D1_DROP_LIMIT);
        return false;
    }
    connection->in = in;
    connection->in_capacity = capacity;
    tcp->held += more;
    return true;
}

/* Keep these octets as the connection's input, in place of what it holds. */
static void keep_in(struct d1_tcp *tcp, struct d1_connection *connection, const uint8_t *octets,
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
static size_t receive(struct d1_tcp *tcp, struct d1_connection *connection, uint8_t *room,
                      size_t size) {
    ssize_t received = recv(connection->source.fd, room, size, MSG_DONTWAIT);
    if (received > 0) {
        return (size_t)received;
    }
    if (received == 0) {
        connection->ended = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        d1_connection_close(tcp, connection);
    }
    return 0;
}

/* One read behind the short rest of the last one. Returns whether more may be there. */
static bool read_many(struct d1_tcp *tcp, struct d1_connection *connection) {
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
    if (!d1_connection_is(connection, D1_CLOSED)) {
        keep_in(tcp, connection, tcp->in + used, length - used);
    }
    return received == D1_TCP_READ_BYTES;
}

/*
 * One read of no more than a large frame lacks, straight to where it grows. The buffer doubles as
 * octets come: a client that only announces 65,535 octets takes no memory.
 */
static bool read_large(struct d1_tcp *tcp, struct d1_connection *connection) {
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
        if (used > 0 && !d1_connection_is(connection, D1_CLOSED)) {
            forget_in(tcp, connection);
        }
    }
    return received == wanted;
}

/* Answer frames that waited for the client to take earlier answers. */
static void answer_waiting(struct d1_tcp *tcp, struct d1_connection *connection) {
    size_t length = connection->in_length;
    if (length == 0) {
        return;
    }
    size_t used = answer_frames(tcp, connection, connection->in, length);
    if (used > 0 && !d1_connection_is(connection, D1_CLOSED)) {
        keep_in(tcp, connection, connection->in + used, length - used);
    }
}

/* READING, with perhaps an UPDATE's answer gathered already: answer what waited, read while there is more, write all answers at once. */
static void read_and_answer(struct d1_tcp *tcp, struct d1_connection *connection) {
    unsigned reads = tcp->stopping ? READS_AT_DRAIN : READS_PER_WAKE;
    bool more = true;
    answer_waiting(tcp, connection);
    while (more && reads > 0 && d1_connection_is(connection, D1_READING) && !connection->ended) {
        more = connection->in_length <= D1_TCP_PARTIAL_MAX ? read_many(tcp, connection)
                                                           : read_large(tcp, connection);
        reads--;
    }
    flush(tcp, connection);
}

/* Decide what the connection waits for next. */
static void settle(struct d1_tcp *tcp, struct d1_connection *connection) {
    if (d1_connection_is(connection, D1_READING) && (connection->ended || tcp->stopping)) {
        d1_connection_close(tcp, connection);
    } else if (!d1_connection_is(connection, D1_CLOSED)) {
        watch_state(tcp, connection);
    }
}

void d1_connection_serve(struct d1_tcp *tcp, struct d1_connection *connection) {
    read_and_answer(tcp, connection);
    settle(tcp, connection);
}

/* DRAINING: send on. Returns true when all is sent and the connection is READING again. */
static bool drain_connection(struct d1_tcp *tcp, struct d1_connection *connection) {
    size_t left = connection->unsent_length - connection->unsent_at;
    ssize_t sent =
        send_some(connection->source.fd, connection->unsent + connection->unsent_at, left);
    if (sent < 0) {
        d1_connection_drop(tcp, connection, D1_DROP_SEND);
        return false;
    }
    connection->unsent_at += (size_t)sent;
    if ((size_t)sent < left) {
        return false;
    }
    forget_unsent(tcp, connection);
    d1_connection_touch(tcp, connection);
    d1_step_move(&connection->state, D1_READING);
    return true;
}

/* Gather the answer of the UPDATE; the connection is READING afterwards. */
static void gather_job(struct d1_tcp *tcp, struct d1_connection *connection) {
    struct d1_update_job *job = connection->job;
    const struct d1_answer_slot slot = {.reply = job->reply, .reply_length = job->reply_length};
    if (d1_connection_is(connection, D1_WAITING)) {
        d1_step_move(&connection->state, D1_READING);
    }
    assert(tcp->out_length == 0); /* So there is room. */
    (void)gather(tcp, connection, &slot);
    d1_serving_count(tcp->options.serving, D1_TRANSPORT_TCP, job->rcode);
    connection->job = NULL;
    d1_update_job_free(job);
    d1_connection_touch(tcp, connection);
}

void d1_connection_ready(struct d1_tcp *tcp, struct d1_connection *connection) {
    if (d1_connection_is(connection, D1_CLOSED) ||
        (d1_connection_is(connection, D1_DRAINING) && !drain_connection(tcp, connection))) {
        return;
    }
    if (d1_connection_is(connection, D1_WAITING)) { /* It is broken: nothing else is watched for. */
        d1_connection_close(tcp, connection);
        return;
    }
    if (connection->job != NULL && !connection->job_answered) {
        d1_step_move(&connection->state, D1_WAITING);
        watch_state(tcp, connection);
        return;
    }
    if (connection->job != NULL) {
        gather_job(tcp, connection);
    }
    d1_connection_serve(tcp, connection);
}

static void on_update_answered(struct d1_update_job *job) {
    struct d1_tcp *tcp = job->transport;
    struct d1_connection *connection = job->connection;
    if (connection == NULL) {
        d1_serving_drop(tcp->options.serving, D1_TRANSPORT_TCP, D1_DROP_SEND, 1);
        d1_update_job_free(job);
        return;
    }
    if (d1_connection_is(connection, D1_DRAINING)) {
        connection->job_answered = true;
        return;
    }
    d1_serving_online(tcp->options.serving);
    gather_job(tcp, connection);
    d1_connection_serve(tcp, connection);
    d1_serving_offline(tcp->options.serving);
    d1_connections_free_dead(tcp);
    if (tcp->stopping && tcp->connections == 0) {
        d1_tcp_finish_drain(tcp);
    }
}
