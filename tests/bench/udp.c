/*
 * The path of a measurement: open the sockets; ask the first query again and again until its answer
 * is right (the server is there); fill every window; then, until time is up, visit the sockets in
 * turn: receive a batch, judge each answer, send as many new queries. When a whole turn brought
 * nothing, wait in poll().
 *
 * A query's ID is its slot's index and how often the slot was used before, so that a late or double
 * answer is told from the one that is awaited.
 *
 * What can fail: a query or answer is dropped (its slot is swept after lost_us, counted, and sent
 * anew); the kernel takes fewer queries than given (the rest stays free and goes with the next
 * batch); the server dies (sends fail with ECONNREFUSED, all queries are lost, and the reading of
 * its CPU time at the end says that it is gone).
 */
#include "tests/bench/udp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/net.h"

#define BATCH          64
#define RECEIVE_BYTES  2048
#define SOCKET_BYTES   (4 << 20)
#define SLOT_BITS      6 /* Of the ID; the other ten count the slot's uses. */
#define POLL_MS        10
#define SWEEP_US       50000
#define FIRST_REPLY_MS 20

static_assert(D1_BENCH_WINDOW_MAX <= 1 << SLOT_BITS, "a slot's index fits its bits of the ID");
static_assert(BATCH >= D1_BENCH_WINDOW_MAX, "one batch takes a whole window");

struct slot {
    const struct d1_bench_query *query; /* NULL: free. */
    int64_t sent_us;
    uint16_t id;
    uint8_t message[D1_BENCH_MESSAGE_BYTES];
};

struct connection {
    int fd;
    unsigned free_count;
    uint8_t free[D1_BENCH_WINDOW_MAX]; /* Indexes of free slots; the last one goes first. */
    struct slot slots[D1_BENCH_WINDOW_MAX];
};

struct udp_load {
    const struct d1_bench_settings *settings;
    struct d1_bench_tally tally;
    size_t next_query;
    int64_t next_sweep_us;
    struct pollfd polls[D1_BENCH_SOCKETS_MAX];
    struct mmsghdr sends[BATCH];
    struct iovec send_parts[BATCH];
    struct mmsghdr receives[BATCH];
    struct iovec receive_parts[BATCH];
    uint8_t answers[BATCH][RECEIVE_BYTES];
    struct connection connections[]; /* settings->sockets of them. */
};

static int64_t now_us(const struct udp_load *load) {
    return d1_clock_mono_us(load->settings->clock);
}

static void free_slot(struct connection *connection, unsigned index) {
    connection->slots[index].query = NULL;
    connection->free[connection->free_count++] = (uint8_t)index;
}

/* Put the next query of the file into a free slot. */
static void load_slot(struct udp_load *load, struct slot *slot) {
    const struct d1_bench_query *query =
        d1_bench_queries_at(load->settings->queries, load->next_query);
    if (++load->next_query == d1_bench_queries_count(load->settings->queries)) {
        load->next_query = 0;
    }
    slot->query = query;
    slot->id = (uint16_t)(slot->id + (1u << SLOT_BITS));
    memcpy(slot->message, query->message, query->message_length);
    d1_store_u16(slot->message, slot->id);
}

/* Send a query from each free slot. */
static void fill_window(struct udp_load *load, struct connection *connection, int64_t sent_us) {
    uint8_t indexes[BATCH];
    unsigned count = 0;
    while (connection->free_count > 0) {
        unsigned index = connection->free[--connection->free_count];
        struct slot *slot = &connection->slots[index];
        load_slot(load, slot);
        slot->sent_us = sent_us;
        load->send_parts[count].iov_base = slot->message;
        load->send_parts[count].iov_len = slot->query->message_length;
        indexes[count++] = (uint8_t)index;
    }
    if (count == 0) {
        return;
    }
    int sent = sendmmsg(connection->fd, load->sends, count, MSG_DONTWAIT);
    unsigned taken = sent > 0 ? (unsigned)sent : 0;
    load->tally.sent += taken;
    while (count > taken) {
        free_slot(connection, indexes[--count]);
    }
}

static void take_answer(struct udp_load *load, struct connection *connection, unsigned i,
                        int64_t received_us) {
    const uint8_t *answer = load->answers[i];
    size_t length = load->receives[i].msg_len;
    struct slot *slot = NULL;
    unsigned index = 0;
    if (length >= 2) {
        index = d1_load_u16(answer) & ((1u << SLOT_BITS) - 1);
        slot = index < load->settings->window ? &connection->slots[index] : NULL;
    }
    if (slot == NULL || slot->query == NULL || d1_load_u16(answer) != slot->id) {
        load->tally.stale++;
        return;
    }
    enum d1_bench_fault fault = d1_bench_check(slot->query, slot->id, answer, length);
    if (fault == D1_BENCH_RIGHT) {
        load->tally.answers++;
        d1_bench_histogram_add(&load->tally.latency_us, (uint64_t)(received_us - slot->sent_us));
    } else {
        load->tally.faults[fault]++;
    }
    free_slot(connection, index);
}

/* Returns how many answers came. */
static unsigned receive_batch(struct udp_load *load, struct connection *connection) {
    int received = recvmmsg(connection->fd, load->receives, BATCH, MSG_DONTWAIT, NULL);
    if (received <= 0) {
        return 0;
    }
    int64_t received_us = now_us(load);
    for (unsigned i = 0; i < (unsigned)received; i++) {
        take_answer(load, connection, i, received_us);
    }
    fill_window(load, connection, received_us);
    return (unsigned)received;
}

/* Give up queries that were sent too long ago. */
static void sweep(struct udp_load *load, struct connection *connection, int64_t at_us) {
    for (unsigned i = 0; i < load->settings->window; i++) {
        const struct slot *slot = &connection->slots[i];
        if (slot->query != NULL && at_us - slot->sent_us >= load->settings->lost_us) {
            load->tally.lost++;
            free_slot(connection, i);
        }
    }
    fill_window(load, connection, at_us);
}

/* Ask and receive for so long. */
static void run_for(struct udp_load *load, int64_t duration_us) {
    unsigned sockets = load->settings->sockets;
    int64_t at_us = now_us(load);
    int64_t end_us = at_us + duration_us;
    while (at_us < end_us) {
        unsigned received = 0;
        for (unsigned i = 0; i < sockets; i++) {
            received += receive_batch(load, &load->connections[i]);
        }
        if (received == 0) {
            poll(load->polls, sockets, POLL_MS);
        }
        at_us = now_us(load);
        if (at_us >= load->next_sweep_us) {
            for (unsigned i = 0; i < sockets; i++) {
                sweep(load, &load->connections[i], at_us);
            }
            load->next_sweep_us = at_us + SWEEP_US;
        }
    }
}

static int open_connection(const struct d1_bench_settings *settings,
                           struct connection *connection) {
    int bytes = SOCKET_BYTES;
    const struct sockaddr *server = (const struct sockaddr *)&settings->server;
    int fd = socket(server->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* More than the kernel allows is cut down, which is still the most there is. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (connect(fd, server, d1_address_length(&settings->server)) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    connection->fd = fd;
    for (unsigned i = settings->window; i-- > 0;) {
        connection->slots[i].id = (uint16_t)i;
        free_slot(connection, i);
    }
    return 0;
}

/* Ask until the first query is answered as it must be: then the server has its data. */
static int await_server(struct udp_load *load) {
    struct connection *connection = &load->connections[0];
    const struct d1_bench_query *query = d1_bench_queries_at(load->settings->queries, 0);
    int64_t end_us = now_us(load) + load->settings->wait_us;
    do {
        /* ID 0 comes back only when slot 0 has been used 1023 times. */
        struct pollfd wait = {.fd = connection->fd, .events = POLLIN};
        ssize_t sent = send(connection->fd, query->message, query->message_length, 0);
        int err = sent < 0 ? errno : 0;
        if (err != 0 && err != ECONNREFUSED && err != EAGAIN && err != EINTR) {
            return -err;
        }
        /* A port without a server is answered at once, by an ICMP error: look again a little later. */
        if (poll(&wait, err == 0 ? 1 : 0, FIRST_REPLY_MS) <= 0) {
            continue;
        }
        ssize_t length = recv(connection->fd, load->answers[0], RECEIVE_BYTES, MSG_DONTWAIT);
        if (length > 0 &&
            d1_bench_check(query, 0, load->answers[0], (size_t)length) == D1_BENCH_RIGHT) {
            return 0;
        }
        poll(NULL, 0, FIRST_REPLY_MS);
    } while (now_us(load) < end_us);
    return -ETIMEDOUT;
}

static void load_destroy(struct udp_load *load) {
    if (load == NULL) {
        return;
    }
    for (unsigned i = 0; i < load->settings->sockets; i++) {
        if (load->connections[i].fd >= 0) {
            close(load->connections[i].fd);
        }
    }
    d1_free(load);
}

static int load_create(const struct d1_bench_settings *settings, struct udp_load **ret_load) {
    size_t connections = settings->sockets * sizeof(struct connection);
    struct udp_load *load = d1_calloc(1, sizeof(*load) + connections);
    if (load == NULL) {
        return -ENOMEM;
    }
    load->settings = settings;
    for (unsigned i = 0; i < BATCH; i++) {
        load->sends[i].msg_hdr.msg_iov = &load->send_parts[i];
        load->sends[i].msg_hdr.msg_iovlen = 1;
        load->receive_parts[i] = (struct iovec){load->answers[i], RECEIVE_BYTES};
        load->receives[i].msg_hdr.msg_iov = &load->receive_parts[i];
        load->receives[i].msg_hdr.msg_iovlen = 1;
    }
    for (unsigned i = 0; i < settings->sockets; i++) {
        load->connections[i].fd = -1;
    }
    for (unsigned i = 0; i < settings->sockets; i++) {
        int err = open_connection(settings, &load->connections[i]);
        if (err < 0) {
            load_destroy(load);
            return err;
        }
        load->polls[i] = (struct pollfd){.fd = load->connections[i].fd, .events = POLLIN};
    }
    *ret_load = load;
    return 0;
}

int d1_bench_udp_run(const struct d1_bench_settings *settings, struct d1_bench_cpu *cpu,
                     struct d1_bench_tally *ret_tally, struct d1_error *ret_error) {
    assert(settings->sockets >= 1 && settings->sockets <= D1_BENCH_SOCKETS_MAX);
    assert(settings->window >= 1 && settings->window <= D1_BENCH_WINDOW_MAX);
    struct udp_load *load = NULL;
    int err = load_create(settings, &load);
    if (err < 0) {
        return d1_error_set(ret_error, err, "socket: %s", strerror(-err));
    }
    err = await_server(load);
    if (err < 0) {
        d1_error_set(ret_error, err, "the server gave no right answer: %s", strerror(-err));
        goto destroy_load;
    }
    for (unsigned i = 0; i < settings->sockets; i++) {
        fill_window(load, &load->connections[i], now_us(load));
    }
    run_for(load, settings->warm_up_us);
    err = d1_bench_tally_begin(&load->tally, settings->clock, cpu, ret_error);
    if (err == 0) {
        run_for(load, settings->measure_us);
        err = d1_bench_tally_end(&load->tally, settings->clock, cpu, ret_error);
    }
    if (err == 0) {
        *ret_tally = load->tally;
    }
destroy_load:
    load_destroy(load);
    return err;
}
