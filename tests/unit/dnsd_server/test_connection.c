/*
 * One connection step by step: the loop is turned by the test, and the linker leads recv and send
 * here (--wrap), so that the server's calls take as many octets as a test says.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/connection.h"
#include "dnsd/proxy.h"
#include "tests/unit/dnsd_server/alone.h"

#define ALL         SIZE_MAX
#define PATIENCE_MS 10000

/* What the server's next calls do; those on clients' sockets pass. */
struct kernel {
    int clients[2];
    size_t room;     /* Octets that may be sent ... */
    int send_error;  /* ... before this. */
    size_t recv_max; /* Of one call. */
    int recv_error;  /* Of the next call. */
};

static struct kernel *kernel(void) {
    static struct kernel one;
    return &one;
}

static bool is_client(int fd) {
    return fd == kernel()->clients[0] || fd == kernel()->clients[1];
}

ssize_t __real_recv(int fd, void *octets, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *octets, size_t length, int flags);
ssize_t __real_send(int fd, const void *octets, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags);

ssize_t __wrap_recv(int fd, void *octets, size_t length, int flags) {
    if (is_client(fd)) {
        return __real_recv(fd, octets, length, flags);
    }
    if (kernel()->recv_error != 0) {
        errno = kernel()->recv_error;
        kernel()->recv_error = 0;
        return -1;
    }
    size_t most = kernel()->recv_max;
    return __real_recv(fd, octets, length < most ? length : most, flags);
}

ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags) {
    if (is_client(fd)) {
        return __real_send(fd, octets, length, flags);
    }
    size_t taken = length < kernel()->room ? length : kernel()->room;
    if (taken == 0) {
        errno = kernel()->send_error;
        return -1;
    }
    kernel()->room -= kernel()->room == ALL ? 0 : taken;
    return __real_send(fd, octets, taken, flags);
}

struct trial {
    struct alone alone;
    struct d1_tcp *tcp;
    struct sockaddr_in address;
    unsigned drained;
    uint8_t octets[2 * D1_DNS_MESSAGE_MAX];
    size_t length; /* Of what is to be sent, in `octets`. */
};

static void create(struct trial *trial) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof(trial->address);
    assert_true(fd >= 0);
    trial->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&trial->address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&trial->address, &length), 0);
    assert_int_equal(listen(fd, 8), 0);
    const struct d1_tcp_options options = {
        .loop = &trial->alone.loop,
        .serving = &trial->alone.serving,
        .listeners = &fd,
        .listeners_count = 1,
        .connections_max = 100,
        .idle_ms = 600000,
    };
    assert_int_equal(d1_tcp_create(&options, &trial->tcp), 0);
    d1_tcp_start(trial->tcp);
}

static int set_up(void **state) {
    static struct trial trial;
    memset(&trial, 0, sizeof(trial));
    *kernel() =
        (struct kernel){.clients = {-1, -1}, .room = ALL, .send_error = EAGAIN, .recv_max = ALL};
    alone_init(&trial.alone);
    create(&trial);
    *state = &trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_tcp_close(trial->tcp);
    while (trial->alone.updates.submitted_count > 0) {
        fake_update_finish(&trial->alone.updates, true); /* Its connection has gone. */
    }
    assert_int_equal(uv_run(&trial->alone.loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(trial->tcp->held, 0);
    d1_tcp_destroy(trial->tcp);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(kernel()->clients); i++) {
        if (kernel()->clients[i] >= 0) {
            close(kernel()->clients[i]);
        }
    }
    alone_close(&trial->alone);
    return 0;
}

static void turn(struct trial *trial) {
    (void)uv_run(&trial->alone.loop, UV_RUN_NOWAIT);
}

static int connect_client(struct trial *trial, size_t i) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    kernel()->clients[i] = fd;
    assert_int_equal(connect(fd, (const struct sockaddr *)&trial->address, sizeof(trial->address)),
                     0);
    return fd;
}

/* A client whose connection is taken and watched. */
static int taken_client(struct trial *trial, size_t i) {
    unsigned before = trial->tcp->connections;
    int fd = connect_client(trial, i);
    while (trial->tcp->connections == before) {
        (void)uv_run(&trial->alone.loop, UV_RUN_ONCE);
    }
    return fd;
}

static void leave(size_t i) {
    struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(kernel()->clients[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(kernel()->clients[i]);
    kernel()->clients[i] = -1;
}

static void put(struct trial *trial, const void *octets, size_t length) {
    assert_true(trial->length + length <= sizeof(trial->octets));
    memcpy(trial->octets + trial->length, octets, length);
    trial->length += length;
}

/* A frame whose message has these orders (tests/lib/fake_answer.h), filled up to a length. */
static void put_frame(struct trial *trial, uint16_t id, uint8_t opcode, const char *orders,
                      size_t length) {
    size_t least = D1_DNS_HEADER_BYTES + strlen(orders);
    uint8_t head[2 + D1_DNS_HEADER_BYTES] = {0};
    length = length > least ? length : least;
    d1_store_u16(head, (uint16_t)length);
    d1_store_u16(head + 2, id);
    head[4] = (uint8_t)(opcode << 3);
    put(trial, head, sizeof(head));
    put(trial, orders, strlen(orders));
    memset(trial->octets + trial->length, 'x', length - least);
    trial->length += length - least;
}

static void put_query(struct trial *trial, uint16_t id, const char *orders) {
    put_frame(trial, id, D1_OPCODE_QUERY, orders, 0);
}

static void put_update(struct trial *trial, uint16_t id) {
    put_frame(trial, id, D1_OPCODE_UPDATE, "", 0);
}

/* Loopback delivers at once: what is sent here is there at the next turn. */
static void send_put(struct trial *trial, int fd, size_t length) {
    assert_int_equal(send(fd, trial->octets, length, MSG_NOSIGNAL), length);
    trial->length -= length;
    memmove(trial->octets, trial->octets + length, trial->length);
}

static void send_all(struct trial *trial, int fd) {
    send_put(trial, fd, trial->length);
}

/* Turn the loop until so many octets have come. */
static void receive(struct trial *trial, int fd, uint8_t *ret_octets, size_t length) {
    size_t at = 0;
    while (at < length) {
        turn(trial);
        struct pollfd either[] = {{.fd = fd, .events = POLLIN},
                                  {.fd = uv_backend_fd(&trial->alone.loop), .events = POLLIN}};
        assert_true(poll(either, 2, PATIENCE_MS) > 0);
        ssize_t received = recv(fd, ret_octets + at, length - at, MSG_DONTWAIT);
        assert_true(received > 0 || (received < 0 && errno == EAGAIN));
        at += received > 0 ? (size_t)received : 0;
    }
}

/* Returns the answer's length. */
static size_t expect_answer(struct trial *trial, int fd, uint16_t id) {
    static uint8_t octets[D1_DNS_MESSAGE_MAX];
    uint8_t length[2];
    receive(trial, fd, length, sizeof(length));
    assert_true(d1_load_u16(length) >= D1_DNS_HEADER_BYTES);
    receive(trial, fd, octets, d1_load_u16(length));
    assert_int_equal(d1_load_u16(octets), id);
    return d1_load_u16(length);
}

static void expect_nothing_yet(struct trial *trial, int fd) {
    uint8_t octet;
    turn(trial);
    assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void expect_gone(struct trial *trial, enum d1_drop why, uint64_t count) {
    turn(trial);
    assert_int_equal(trial->tcp->connections, 0);
    assert_int_equal(alone_dropped(&trial->alone, D1_TRANSPORT_TCP, why), count);
}

static enum d1_connection_state state_of_oldest(const struct trial *trial) {
    assert_non_null(trial->tcp->oldest);
    return (enum d1_connection_state)trial->tcp->oldest->state.now;
}

#define LARGE_ANSWER \
    "l\xff\xff" /* 65,535 octets: four of them do not fit D1_TCP_UNSENT_BYTES_MAX. */

/* Frames. */

static void a_proxys_header_may_come_in_pieces(void **state) {
    struct trial *trial = *state;
    alone_expect_proxies(&trial->alone);
    int fd = taken_client(trial, 0);
    put(trial, D1_PROXY_LOCAL, D1_PROXY_LOCAL_BYTES);
    put_query(trial, 1, "");
    send_put(trial, fd, 5);
    turn(trial);
    send_put(trial, fd, D1_PROXY_LOCAL_BYTES - 5 - 1);
    expect_nothing_yet(trial, fd);
    send_all(trial, fd);
    expect_answer(trial, fd, 1);
    put_query(trial, 2, ""); /* And once only. */
    send_all(trial, fd);
    expect_answer(trial, fd, 2);
}

/* Octets come in other pieces than the buffer grows by. */
static void a_large_frame_comes_in_odd_pieces(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    kernel()->recv_max = 1500;
    put_frame(trial, 9, D1_OPCODE_QUERY, "x", 20000);
    send_all(trial, fd);
    assert_int_equal(expect_answer(trial, fd, 9), 20000);
}

static void a_large_frame_that_ends_early_is_not_answered(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    put_frame(trial, 9, D1_OPCODE_QUERY, "x", 20000);
    send_put(trial, fd, 3000);
    expect_nothing_yet(trial, fd);
    kernel()->recv_error = EINTR; /* Once for nothing: it reads again. */
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn(trial);
    assert_int_equal(trial->tcp->connections, 1);
    expect_gone(trial, D1_DROP_SEND, 0);
}

static void a_large_frame_finds_no_memory_to_grow(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    put_frame(trial, 9, D1_OPCODE_QUERY, "x", 20000);
    send_put(trial, fd, 3000);
    expect_nothing_yet(trial, fd);
    send_all(trial, fd);
    d1_mem_fault_arm(0, 0);
    turn(trial);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    expect_gone(trial, D1_DROP_LIMIT, 1);
}

/* As if other connections held all that a worker may hold but 100 octets. */
static void what_all_connections_hold_is_bounded(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    trial->tcp->held += D1_TCP_HELD_BYTES_MAX - 100;
    put_frame(trial, 1, D1_OPCODE_QUERY, "x", 300);
    send_put(trial, fd, 101);
    expect_gone(trial, D1_DROP_LIMIT, 1);
    trial->length = 0;
    leave(0);
    fd = taken_client(trial, 0);
    kernel()->room = 0;
    put_frame(trial, 1, D1_OPCODE_QUERY, "x", 300);
    send_all(trial, fd);
    expect_gone(trial, D1_DROP_LIMIT, 2); /* An answer of 302 octets cannot wait either. */
    leave(0);
    kernel()->room = ALL;
    fd = taken_client(trial, 0);
    put_frame(trial, 1, D1_OPCODE_QUERY, "x", 300);
    send_put(trial, fd, 100);
    expect_nothing_yet(trial, fd);
    send_all(trial, fd);
    expect_answer(trial, fd, 1);
    trial->tcp->held -= D1_TCP_HELD_BYTES_MAX - 100;
}

/* The answer that was gathered for a connection closed since is nobody else's. */
static void answers_of_a_closed_connection_are_dropped(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    put_query(trial, 1, "");
    put_query(trial, 2, "");
    send_put(trial, fd, trial->length - 3); /* The rest needs memory. */
    d1_mem_fault_arm(0, 0);
    turn(trial);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    expect_gone(trial, D1_DROP_LIMIT, 1);
    trial->length = 0;
    fd = taken_client(trial, 1);
    put_query(trial, 3, "");
    send_all(trial, fd);
    expect_answer(trial, fd, 3);
}

/* An event may name a connection that was closed for another one in the same wake. */
static void an_event_of_a_closed_connection_means_nothing(void **state) {
    struct trial *trial = *state;
    trial->tcp->options.connections_max = 1;
    int fd = taken_client(trial, 0);
    int other = connect_client(trial, 1);
    put_query(trial, 1, "");
    send_all(trial, fd); /* Ready after the listener. */
    turn(trial);
    assert_int_equal(trial->tcp->connections, 1);
    assert_int_equal(alone_dropped(&trial->alone, D1_TRANSPORT_TCP, D1_DROP_LIMIT), 1);
    put_query(trial, 2, "");
    send_all(trial, other);
    expect_answer(trial, other, 2);
    assert_int_equal(alone_answered(&trial->alone, D1_TRANSPORT_TCP), 1);
}

/* Waiting for the client. */

/* Five large answers, of which the client takes none yet. */
static int draining_client(struct trial *trial) {
    int fd = taken_client(trial, 0);
    kernel()->room = 0;
    for (uint16_t id = 1; id <= 5; id++) {
        put_query(trial, id, LARGE_ANSWER);
    }
    return fd;
}

static void frames_that_waited_end_with_a_short_one(void **state) {
    struct trial *trial = *state;
    int fd = draining_client(trial);
    put(trial, "\0\1", 2);
    send_all(trial, fd);
    expect_nothing_yet(trial, fd);
    kernel()->room = ALL;
    for (uint16_t id = 1; id <= 5; id++) {
        expect_answer(trial, fd, id);
    }
    expect_gone(trial, D1_DROP_FRAME, 1);
}

static void an_update_behind_answers_not_taken_is_made_anew(void **state) {
    struct trial *trial = *state;
    int fd = draining_client(trial);
    put_update(trial, 6);
    put_query(trial, 7, "");
    send_all(trial, fd);
    expect_nothing_yet(trial, fd);
    assert_int_equal(trial->alone.updates.made, 1);
    assert_int_equal(trial->alone.updates.freed, 1);
    kernel()->room = ALL;
    for (uint16_t id = 1; id <= 5; id++) {
        expect_answer(trial, fd, id);
    }
    expect_nothing_yet(trial, fd);
    assert_int_equal(trial->alone.updates.made, 2);
    assert_int_equal(trial->alone.updates.submitted_count, 1);
    fake_update_finish(&trial->alone.updates, true);
    expect_answer(trial, fd, 6);
    expect_answer(trial, fd, 7);
}

/*
 * Three large answers are not taken yet, frames for three more wait, and a large frame behind them
 * lacks its end, which comes now. Then the client takes three answers.
 */
static int client_with_a_large_frame_behind(struct trial *trial, uint8_t opcode) {
    int fd = draining_client(trial);
    put_query(trial, 6, LARGE_ANSWER);
    put_frame(trial, 7, opcode, LARGE_ANSWER, 12000);
    send_put(trial, fd, trial->length - 40);
    expect_nothing_yet(trial, fd);
    send_all(trial, fd);
    kernel()->room = 3 * (2 + (size_t)D1_DNS_MESSAGE_MAX);
    return fd;
}

static void turn_until_room_is_used(struct trial *trial) {
    while (kernel()->room > 0) {
        (void)uv_run(&trial->alone.loop, UV_RUN_ONCE);
    }
    turn(trial);
}

static void a_large_frame_waits_for_the_answers_before_it(void **state) {
    struct trial *trial = *state;
    int fd = client_with_a_large_frame_behind(trial, D1_OPCODE_QUERY);
    turn_until_room_is_used(trial);
    assert_int_equal(state_of_oldest(trial), D1_DRAINING);
    assert_int_equal(trial->tcp->oldest->in_length, 2 + 12000);
    kernel()->room = ALL;
    for (uint16_t id = 1; id <= 7; id++) {
        assert_int_equal(expect_answer(trial, fd, id), D1_DNS_MESSAGE_MAX);
    }
}

/* The write before an UPDATE that waited finds the connection broken. */
static void a_large_update_that_waited_may_end_it(void **state) {
    struct trial *trial = *state;
    (void)client_with_a_large_frame_behind(trial, D1_OPCODE_UPDATE);
    kernel()->send_error = EPIPE;
    turn_until_room_is_used(trial);
    expect_gone(trial, D1_DROP_SEND, 1);
}

static void an_update_that_waited_may_end_it(void **state) {
    struct trial *trial = *state;
    int fd = draining_client(trial);
    put_update(trial, 6);
    put_query(trial, 7, "");
    send_all(trial, fd);
    expect_nothing_yet(trial, fd);
    kernel()->room = 3 * (2 + (size_t)D1_DNS_MESSAGE_MAX);
    kernel()->send_error = EPIPE;
    turn_until_room_is_used(trial);
    expect_gone(trial, D1_DROP_SEND, 1);
    assert_int_equal(trial->alone.updates.submitted_count, 1);
}

/* UPDATEs under way. */

/* An answer that is not taken, and an UPDATE that is applied meanwhile. */
static int draining_client_with_an_update(struct trial *trial) {
    int fd = taken_client(trial, 0);
    kernel()->room = 0;
    put_query(trial, 1, "");
    put_update(trial, 2);
    put_query(trial, 3, "");
    send_all(trial, fd);
    expect_nothing_yet(trial, fd);
    assert_int_equal(trial->alone.updates.submitted_count, 1);
    assert_int_equal(state_of_oldest(trial), D1_DRAINING);
    return fd;
}

static void an_update_answered_while_draining_waits(void **state) {
    struct trial *trial = *state;
    int fd = draining_client_with_an_update(trial);
    fake_update_finish(&trial->alone.updates, true);
    expect_nothing_yet(trial, fd);
    kernel()->room = ALL;
    for (uint16_t id = 1; id <= 3; id++) {
        expect_answer(trial, fd, id);
    }
}

static void an_update_answered_after_draining_comes_then(void **state) {
    struct trial *trial = *state;
    int fd = draining_client_with_an_update(trial);
    kernel()->room = ALL;
    expect_answer(trial, fd, 1);
    expect_nothing_yet(trial, fd);
    assert_int_equal(state_of_oldest(trial), D1_WAITING);
    fake_update_finish(&trial->alone.updates, true);
    expect_answer(trial, fd, 2);
    expect_answer(trial, fd, 3);
}

static void a_client_that_leaves_while_draining_loses_its_answer(void **state) {
    struct trial *trial = *state;
    (void)draining_client_with_an_update(trial);
    fake_update_finish(&trial->alone.updates, true);
    leave(0);
    kernel()->room = ALL;
    expect_gone(trial, D1_DROP_SEND, 1);
    assert_int_equal(trial->alone.updates.freed, 1);
}

static void a_draining_client_with_an_update_may_be_idle(void **state) {
    struct trial *trial = *state;
    (void)draining_client_with_an_update(trial);
    trial->tcp->options.idle_ms = 1;
    (void)connect_client(trial, 1); /* With it the timer is set anew. */
    while (alone_dropped(&trial->alone, D1_TRANSPORT_TCP, D1_DROP_IDLE) < 2) {
        (void)uv_run(&trial->alone.loop, UV_RUN_ONCE);
    }
    fake_update_finish(&trial->alone.updates, true);
    assert_int_equal(alone_dropped(&trial->alone, D1_TRANSPORT_TCP, D1_DROP_SEND), 1);
}

/* The write before an UPDATE finds the connection broken: the UPDATE is applied all the same. */
static void an_update_of_a_broken_connection_is_applied(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    put_query(trial, 1, "");
    put_update(trial, 2);
    kernel()->room = 0;
    kernel()->send_error = EPIPE;
    send_all(trial, fd);
    expect_gone(trial, D1_DROP_SEND, 1);
    assert_int_equal(trial->alone.updates.submitted_count, 1);
    fake_update_finish(&trial->alone.updates, true);
    assert_int_equal(alone_dropped(&trial->alone, D1_TRANSPORT_TCP, D1_DROP_SEND), 2);
}

static void note_drained(void *arg) {
    struct trial *trial = arg;
    trial->drained++;
}

static void a_stop_waits_for_each_update(void **state) {
    struct trial *trial = *state;
    int fds[2] = {taken_client(trial, 0), taken_client(trial, 1)};
    for (uint16_t i = 0; i < 2; i++) {
        put_update(trial, i);
        send_all(trial, fds[i]);
        expect_nothing_yet(trial, fds[i]);
    }
    d1_tcp_drain(trial->tcp, 600000, note_drained, trial);
    for (uint16_t i = 0; i < 2; i++) {
        assert_int_equal(trial->drained, 0);
        fake_update_finish(&trial->alone.updates, true);
        expect_answer(trial, fds[i], i);
    }
    assert_int_equal(trial->drained, 1);
}

static void a_stop_without_grace_waits_for_nothing(void **state) {
    struct trial *trial = *state;
    int fd = taken_client(trial, 0);
    put_update(trial, 1);
    send_all(trial, fd);
    expect_nothing_yet(trial, fd);
    d1_tcp_drain(trial->tcp, 0, note_drained, trial);
    assert_int_equal(trial->drained, 1);
    assert_int_equal(trial->tcp->connections, 0);
}

int main(void) {
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ALONE(a_proxys_header_may_come_in_pieces),
        ALONE(a_large_frame_comes_in_odd_pieces),
        ALONE(a_large_frame_that_ends_early_is_not_answered),
        ALONE(a_large_frame_finds_no_memory_to_grow),
        ALONE(what_all_connections_hold_is_bounded),
        ALONE(answers_of_a_closed_connection_are_dropped),
        ALONE(an_event_of_a_closed_connection_means_nothing),
        ALONE(frames_that_waited_end_with_a_short_one),
        ALONE(an_update_behind_answers_not_taken_is_made_anew),
        ALONE(a_large_frame_waits_for_the_answers_before_it),
        ALONE(a_large_update_that_waited_may_end_it),
        ALONE(an_update_that_waited_may_end_it),
        ALONE(an_update_answered_while_draining_waits),
        ALONE(an_update_answered_after_draining_comes_then),
        ALONE(a_client_that_leaves_while_draining_loses_its_answer),
        ALONE(a_draining_client_with_an_update_may_be_idle),
        ALONE(an_update_of_a_broken_connection_is_applied),
        ALONE(a_stop_waits_for_each_update),
        ALONE(a_stop_without_grace_waits_for_nothing),
    };
    return cmocka_run_group_tests_name("dnsd_connection", tests, NULL, NULL);
}
