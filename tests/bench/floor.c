/*
 * d1bench-floor: the least a DNS server over UDP sockets can cost, one thread, with a real table
 * behind it. What dns01d costs is stated as a multiple of this.
 *
 * A batch: receive up to 64 datagrams; read every question and ask the cache for its slot; ask for
 * its record; then turn each query into its answer, in the octets it was received in; send all.
 * Two system calls for a batch, and nothing is copied but the encoded record.
 *
 * What is not a query about one name of class IN is dropped. Names outside the zone: REFUSED.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/net.h"
#include "tests/bench/floor_table.h"

#define BATCH            D1_UDP_BATCH
#define BATCHES_PER_WAKE 4
#define RECEIVE_BYTES    512
#define SOCKET_BYTES     (4 << 20)
#define TYPE_TXT         16
#define RCODE_NXDOMAIN   3
#define RCODE_REFUSED    5
#define SOA_BYTES        51

/* Octets of a query that may follow: the record is written in their place. */
static_assert(D1_DNS_HEADER_BYTES + D1_FLOOR_KEY_BYTES + 4 + D1_FLOOR_ANSWER_BYTES <= RECEIVE_BYTES,
              "the longest answer fits the octets its query came in");

struct question {
    struct d1_floor_key key;
    uint64_t hash;
    uint32_t name_length; /* 0: no question we answer. */
};

struct floor {
    int fd;
    struct d1_floor_table table;
    struct mmsghdr receives[BATCH];
    struct mmsghdr sends[BATCH];
    struct iovec receive_parts[BATCH];
    struct iovec send_parts[BATCH];
    struct sockaddr_storage peers[BATCH];
    struct question questions[BATCH];
    uint8_t messages[BATCH][RECEIVE_BYTES];
};

/* Read the question of a message; at least 64 octets after its header are readable. */
static inline void question_read(struct question *question, const uint8_t *message, size_t length) {
    size_t at = D1_DNS_HEADER_BYTES;
    question->name_length = 0;
    /* A query (QR 0, Opcode 0, TC and AA whatever), exactly one question, the smallest has 17 octets. */
    if (length < 17 || (message[2] & 0xF8) != 0 || d1_load_u16(message + 4) != 1) {
        return;
    }
    while (at < length && message[at] != 0) {
        if (message[at] > D1_LABEL_OCTETS_MAX) {
            return;
        }
        at += 1u + message[at];
    }
    size_t name_length = at + 1 - D1_DNS_HEADER_BYTES;
    if (at + 5 > length || name_length > D1_FLOOR_KEY_BYTES || d1_load_u16(message + at + 3) != 1) {
        return;
    }
    d1_floor_key_set(&question->key, message + D1_DNS_HEADER_BYTES, name_length);
    question->hash = d1_floor_hash(&question->key);
    question->name_length = (uint32_t)name_length;
}

/* The zone's SOA, its three names by pointers to the zone's name in the question. */
static inline size_t append_soa(uint8_t *at, size_t zone_offset) {
    static const uint8_t soa[SOA_BYTES] = {
        0xC0, 0,  0,   6,    0,    1,   0,   0,   0,    60,  0,   39,   3,    'n', 's', '1', 0xC0,
        0,    10, 'h', 'o',  's',  't', 'm', 'a', 's',  't', 'e', 'r',  0xC0, 0,   0,   0,   0,
        1,    0,  0,   0x0E, 0x10, 0,   0,   2,   0x58, 0,   1,   0x51, 0x80, 0,   0,   0,   60,
    };
    memcpy(at, soa, sizeof(soa));
    at[1] = (uint8_t)zone_offset;
    at[17] = (uint8_t)zone_offset;
    at[30] = (uint8_t)zone_offset;
    return sizeof(soa);
}

/* Turn a query into its answer. Returns the answer's length. */
static inline size_t answer_write(const struct d1_floor_table *table,
                                  const struct question *question, uint8_t *message) {
    size_t length = D1_DNS_HEADER_BYTES + (size_t)question->name_length + 4;
    uint8_t *end = message + length;
    message[2] = (uint8_t)(0x84 | (message[2] & 1)); /* QR, AA, RD as asked. */
    message[3] = 0;
    memset(message + 6, 0, 6); /* No records yet. */
    const struct d1_floor_record *record = d1_floor_find(table, &question->key, question->hash);
    if (record != NULL && d1_load_u16(end - 4) == TYPE_TXT) {
        message[7] = 1;
        memcpy(end, record->answer, sizeof(record->answer));
        return length + D1_FLOOR_RR_BYTES + record->answer[D1_FLOOR_RR_BYTES - 1];
    }
    size_t below = question->name_length - (size_t)table->zone_length;
    if (question->name_length < table->zone_length ||
        memcmp(question->key.octets + below, table->zone, table->zone_length) != 0) {
        message[2] &= 0x81;
        message[3] = RCODE_REFUSED;
        return length;
    }
    message[3] = record != NULL || below == 0 ? 0 : RCODE_NXDOMAIN;
    message[9] = 1;
    return length + append_soa(end, D1_DNS_HEADER_BYTES + below);
}

/* Receive, answer and send one batch. Returns how many were received, or -1 with errno. */
static int answer_batch(struct floor *floor, int flags) {
    int received = recvmmsg(floor->fd, floor->receives, BATCH, flags, NULL);
    unsigned sends = 0;
    for (int i = 0; i < received; i++) {
        question_read(&floor->questions[i], floor->messages[i], floor->receives[i].msg_len);
        d1_floor_prefetch_slot(&floor->table, floor->questions[i].hash);
    }
    for (int i = 0; i < received; i++) {
        d1_floor_prefetch_record(&floor->table, floor->questions[i].hash);
    }
    for (int i = 0; i < received; i++) {
        if (floor->questions[i].name_length > 0) {
            struct msghdr *send = &floor->sends[sends].msg_hdr;
            send->msg_name = &floor->peers[i];
            send->msg_namelen = floor->receives[i].msg_hdr.msg_namelen;
            send->msg_iov->iov_base = floor->messages[i];
            send->msg_iov->iov_len =
                answer_write(&floor->table, &floor->questions[i], floor->messages[i]);
            sends++;
        }
    }
    for (unsigned sent = 0; sent < sends;) {
        int count = sendmmsg(floor->fd, floor->sends + sent, sends - sent, 0);
        sent += count > 0 ? (unsigned)count : 1; /* One that cannot be sent is dropped. */
    }
    return received;
}

static int run_mmsg(struct floor *floor) {
    for (;;) {
        if (answer_batch(floor, MSG_WAITFORONE) < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct floor *floor = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < BATCHES_PER_WAKE && answer_batch(floor, MSG_DONTWAIT) == BATCH; i++) {
    }
}

static int run_uvpoll(struct floor *floor) {
    uv_loop_t loop;
    uv_poll_t poll = {.data = floor};
    int err = uv_loop_init(&loop);
    if (err == 0) {
        err = uv_poll_init(&loop, &poll, floor->fd);
    }
    if (err == 0) {
        err = uv_poll_start(&poll, UV_READABLE, on_readable);
    }
    return err < 0 ? err : uv_run(&loop, UV_RUN_DEFAULT);
}

static struct floor *floor_create(void) {
    struct floor *floor = d1_aligned(D1_CACHE_LINE, sizeof(*floor));
    for (unsigned i = 0; floor != NULL && i < BATCH; i++) {
        struct msghdr *receive = &floor->receives[i].msg_hdr;
        floor->receive_parts[i] = (struct iovec){floor->messages[i], RECEIVE_BYTES};
        receive->msg_iov = &floor->receive_parts[i];
        receive->msg_iovlen = 1;
        receive->msg_name = &floor->peers[i];
        receive->msg_namelen = sizeof(floor->peers[i]);
        floor->sends[i].msg_hdr.msg_iov = &floor->send_parts[i];
        floor->sends[i].msg_hdr.msg_iovlen = 1;
    }
    return floor;
}

static int open_socket(const char *listen, int *ret_fd) {
    struct sockaddr_storage address;
    int bytes = SOCKET_BYTES;
    int probe = IP_PMTUDISC_PROBE;
    if (d1_address_parse(listen, &address) < 0) {
        return -EINVAL;
    }
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    /* With "do not fragment" the kernel need not choose an IP ID for each datagram. */
    if (address.ss_family == AF_INET) {
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
    }
    if (bind(fd, (const struct sockaddr *)&address, d1_address_length(&address)) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4 || (strcmp(argv[3], "mmsg") != 0 && strcmp(argv[3], "uvpoll") != 0)) {
        fputs("usage: d1bench-floor ADDRESS:PORT ZONEFILE mmsg|uvpoll\n", stderr);
        return 2;
    }
    struct d1_error error = {0};
    struct floor *floor = floor_create();
    if (floor == NULL || d1_floor_table_init(&floor->table, argv[2], &error) < 0) {
        fprintf(stderr, "d1bench-floor: %s\n", floor == NULL ? "no memory" : error.text);
        d1_free(floor);
        return 1;
    }
    int err = open_socket(argv[1], &floor->fd);
    if (err == 0) {
        puts("ready");
        fflush(stdout);
        err = strcmp(argv[3], "mmsg") == 0 ? run_mmsg(floor) : run_uvpoll(floor);
    }
    fprintf(stderr, "d1bench-floor: %s: %s\n", argv[1], strerror(-err));
    d1_floor_table_close(&floor->table);
    d1_free(floor);
    return 1;
}
