/*
 * Happy path of one wake:
 *   1. the socket is readable: online in the epoch;
 *   2. recvmmsg takes up to D1_UDP_BATCH datagrams;
 *   3. all are answered together (dnsd/answer.h), counted together;
 *   4. sendmmsg sends the answers;
 *   5. a full batch: back to 2, D1_UDP_BATCHES_PER_WAKE times at most, so that the worker's other
 *      sockets get their turn; a short one: the socket is empty, no further call is made to learn so;
 *   6. offline.
 *
 * An UPDATE is answered when it is applied, by a system call of its own.
 *
 * Failure modes:
 *   - a datagram from port 0 or from our own address and port, one larger than any query, or one of
 *     a proxy without its PROXY header: dropped and counted before it is answered;
 *   - the kernel's send buffer is full: the rest is tried once more, then dropped and counted (a
 *     client repeats its question, a queue here would only make everyone wait);
 *   - one datagram is refused (EPERM of a packet filter, EMSGSIZE, no route, ...): it is dropped and
 *     counted, the others are sent;
 *   - an error stands on the socket: it is read off, and watching goes on;
 *   - more comes than can be answered, and the kernel throws queries away unread: for SHED_US after
 *     each sign of it, only NOERROR answers are sent. Sending is most of the cost, so the rest can be
 *     read at the rate at which it comes, and a name that exists is answered as ever. (A flood of
 *     invented names from invented addresses is of that kind: no limit by client could tell.)
 *
 * Everything a batch needs is laid out once per worker; per batch only lengths change.
 */
#include "dnsd/udp.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/proxy.h"
#include "dnsd/update.h"

/*
 * Stride of the buffers: an odd number of cache lines, so that the first lines of all slots fall
 * into different sets of the first-level cache. More than D1_DNS_UDP_MAX.
 */
#define BUFFER_BYTES (21 * D1_CACHE_LINE)

#define SHED_US           1000000 /* After each sign that the kernel threw queries away. */
#define SHED_FULL_BATCHES 2       /* In one wake: fewer cannot be an overflow; no look is taken. */

/* A socket buffer of 4 MiB holds about 85 batches of small queries. */
#define DRAIN_BATCHES 128

static_assert(BUFFER_BYTES >= D1_DNS_UDP_MAX, "an answer fits its buffer");

/* What comes with a datagram on a wildcard socket: the address that was asked. */
struct control {
    _Alignas(size_t) uint8_t octets[CMSG_SPACE(sizeof(struct in6_pktinfo))]; /* As cmsghdr. */
};

struct batch {
    struct mmsghdr rx[D1_UDP_BATCH];
    struct mmsghdr tx[D1_UDP_BATCH];
    struct iovec rx_iov[D1_UDP_BATCH];
    struct iovec tx_iov[D1_UDP_BATCH];
    union d1_peer from[D1_UDP_BATCH];
    struct control control[D1_UDP_BATCH];
    struct d1_answer_slot slots[D1_UDP_BATCH];
    bool wildcard;
    bool unwrapped;                     /* Some slots may stand behind a PROXY header. */
    union d1_peer client[D1_UDP_BATCH]; /* Of those. */
    _Alignas(D1_CACHE_LINE) uint8_t in[D1_UDP_BATCH][BUFFER_BYTES];
    _Alignas(D1_CACHE_LINE) uint8_t out[D1_UDP_BATCH][BUFFER_BYTES];
};

struct watched {
    uv_poll_t poll;
    struct d1_udp *udp;
    struct batch *batch; /* Shared by the sockets of its kind: they are served one after another. */
    union d1_peer own;   /* Where it is bound. */
    int fd;
    uint32_t overflows;    /* Datagrams that the kernel threw away, as last read. */
    int64_t shed_until_us; /* 0: everything is answered. */
};

struct d1_udp {
    struct d1_serving *serving;
    struct batch *plain;
    struct batch *wildcard; /* NULL unless some socket needs it. */
    uint64_t odd_ports;     /* 0, and our own: clients with such a port are looked at. */
    size_t watched_count;
    struct watched watched[];
};

static struct batch *batch_create(bool wildcard) {
    struct batch *batch = d1_aligned(D1_CACHE_LINE, sizeof(*batch));
    if (batch == NULL) {
        return NULL;
    }
    batch->wildcard = wildcard;
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        batch->rx_iov[i] = (struct iovec){.iov_base = batch->in[i], .iov_len = BUFFER_BYTES};
        struct msghdr *rx = &batch->rx[i].msg_hdr;
        rx->msg_iov = &batch->rx_iov[i];
        rx->msg_iovlen = 1;
        rx->msg_name = &batch->from[i];
        rx->msg_namelen = sizeof(batch->from[i]);
        batch->tx[i].msg_hdr.msg_iov = &batch->tx_iov[i];
        batch->tx[i].msg_hdr.msg_iovlen = 1;
        if (wildcard) {
            rx->msg_control = &batch->control[i];
            rx->msg_controllen = sizeof(batch->control[i]);
        }
        struct d1_answer_slot *slot = &batch->slots[i];
        slot->message = batch->in[i];
        slot->reply = batch->out[i];
        slot->reply_max = D1_DNS_UDP_MAX;
        slot->client = &batch->from[i];
        slot->tcp = false;
    }
    return batch;
}

static in_port_t port_of(const union d1_peer *from) {
    static_assert(offsetof(struct sockaddr_in, sin_port) ==
                      offsetof(struct sockaddr_in6, sin6_port),
                  "the port stands at one place in both");
    return from->in.sin_port;
}

/* A set of ports, by six bits of each: what it does not hold is surely not in it. */
static uint64_t port_bit(in_port_t port) {
    return UINT64_C(1) << (port % 64);
}

static bool same_address(const union d1_peer *a, const union d1_peer *b) {
    const uint8_t *of_a;
    const uint8_t *of_b;
    size_t length = d1_peer_octets(a, &of_a);
    return d1_peer_octets(b, &of_b) == length && memcmp(of_a, of_b, length) == 0;
}

/* Whether the address it came from is the one that a wildcard socket was asked at. */
static bool is_asked_address(struct msghdr *message, const union d1_peer *from) {
    const uint8_t *octets;
    size_t length = d1_peer_octets(from, &octets);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            return length == 4 && memcmp(octets, &info.ipi_addr, length) == 0;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            return length == 16 && memcmp(octets, &info.ipi6_addr, length) == 0;
        }
    }
    return false;
}

/* Whether it claims to come from one of our own sockets: we would talk to ourselves. */
static bool from_ourselves(const struct d1_udp *udp, struct msghdr *message,
                           const union d1_peer *from) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        const union d1_peer *own = &udp->watched[i].own;
        if (port_of(own) == port_of(from) &&
            (same_address(own, from) || is_asked_address(message, from))) {
            return true;
        }
    }
    return false;
}

/* Why a datagram must not be answered; D1_DROPS: it may be. */
static enum d1_drop D1_COLD refusal(const struct d1_udp *udp, struct msghdr *message,
                                    const union d1_peer *from) {
    if ((message->msg_flags & MSG_TRUNC) != 0) {
        return D1_DROP_OVERSIZE;
    }
    if (port_of(from) == 0) {
        return D1_DROP_SOURCE_PORT;
    }
    return from_ourselves(udp, message, from) ? D1_DROP_SELF : D1_DROPS;
}

/* Set the slots' lengths; a datagram that must not be answered gets length 0. Returns how many. */
static size_t refuse_some(const struct d1_udp *udp, struct batch *batch, size_t count) {
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        struct mmsghdr *rx = &batch->rx[i];
        const union d1_peer *from = &batch->from[i];
        batch->slots[i].length = rx->msg_len;
        if (D1_LIKELY((rx->msg_hdr.msg_flags & MSG_TRUNC) == 0 &&
                      (port_bit(port_of(from)) & udp->odd_ports) == 0)) {
            continue;
        }
        enum d1_drop reason = refusal(udp, &rx->msg_hdr, from);
        if (reason == D1_DROPS) {
            continue;
        }
        batch->slots[i].length = 0;
        refused++;
        d1_serving_drop(udp->serving, D1_TRANSPORT_UDP, reason, 1);
    }
    return refused;
}

/* One slot whose datagram came from a proxy. Returns whether its header is as it must be. */
static bool unwrap(struct batch *batch, size_t i) {
    struct d1_answer_slot *slot = &batch->slots[i];
    struct d1_proxy_header header;
    if (d1_proxy_parse(slot->message, slot->length, &header) != D1_OK) {
        return false;
    }
    slot->message += header.length;
    slot->length -= header.length;
    if (!header.local) {
        batch->client[i] = header.client;
        slot->client = &batch->client[i];
    }
    return true;
}

/*
 * While there are proxies: take their PROXY headers off, so that the slots have the query and its
 * real client. The answers go to the proxy. Returns how many had none, and are refused.
 */
static size_t D1_COLD unwrap_some(const struct d1_udp *udp, const struct d1_options *options,
                                  struct batch *batch, size_t count) {
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        struct d1_answer_slot *slot = &batch->slots[i];
        slot->message = batch->in[i];
        slot->client = &batch->from[i];
        if (slot->length == 0 || !d1_serving_is_proxy(options, slot->client) || unwrap(batch, i)) {
            continue;
        }
        slot->length = 0;
        refused++;
        d1_serving_drop(udp->serving, D1_TRANSPORT_UDP, D1_DROP_PROXY, 1);
    }
    batch->unwrapped = options->proxies_count > 0;
    return refused;
}

/*
 * Turn what came with the query into what goes with its answer, in place: the source address is the
 * one asked (ipi_spec_dst, ipi6_addr). The interface is left to routing, but for link-local
 * addresses, which mean nothing without one.
 */
static void answer_from_asked(struct msghdr *message) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            info.ipi_ifindex = 0;
            memcpy(CMSG_DATA(c), &info, sizeof(info));
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            info.ipi6_ifindex = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
            memcpy(CMSG_DATA(c), &info, sizeof(info));
        }
    }
}

/* Line up the answers; make the receive side ready for the next batch. Returns how many to send. */
static unsigned line_up(struct batch *batch, size_t count) {
    unsigned answers = 0;
    for (size_t i = 0; i < count; i++) {
        struct msghdr *rx = &batch->rx[i].msg_hdr;
        if (D1_LIKELY(batch->slots[i].reply_length > 0)) {
            assert(batch->slots[i].reply_length <= D1_DNS_UDP_MAX);
            struct msghdr *tx = &batch->tx[answers].msg_hdr;
            batch->tx_iov[answers].iov_base = batch->out[i];
            batch->tx_iov[answers].iov_len = batch->slots[i].reply_length;
            tx->msg_name = &batch->from[i];
            tx->msg_namelen = rx->msg_namelen;
            if (batch->wildcard) {
                tx->msg_control = rx->msg_control;
                tx->msg_controllen = rx->msg_controllen;
                answer_from_asked(tx);
            }
            answers++;
        }
        rx->msg_namelen = sizeof(batch->from[i]);
        if (batch->wildcard) {
            rx->msg_controllen = sizeof(batch->control[i]);
        }
    }
    return answers;
}

/* Returns how many of the answers the kernel did not take. */
static uint64_t send_answers(int fd, struct mmsghdr *tx, unsigned count) {
    uint64_t dropped = 0;
    bool tried_again = false;
    unsigned at = 0;
    while (at < count) {
        int sent = sendmmsg(fd, &tx[at], count - at, MSG_DONTWAIT);
        if (D1_LIKELY(sent > 0)) {
            at += (unsigned)sent;
        } else if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) {
            at++;
            dropped++;
        } else if (tried_again) {
            return dropped + (count - at);
        } else {
            tried_again = true;
        }
    }
    return dropped;
}

/* What to do without when not everything can be answered. Returns how many. */
static size_t D1_COLD shed_some(struct d1_serving *serving, struct batch *batch, size_t count) {
    size_t shed = 0;
    for (size_t i = 0; i < count; i++) {
        struct d1_answer_slot *slot = &batch->slots[i];
        if (slot->reply_length > 0 && slot->rcode != D1_RCODE_NOERROR) {
            slot->reply_length = 0;
            shed++;
        }
    }
    d1_serving_drop(serving, D1_TRANSPORT_UDP, D1_DROP_OVERLOAD, shed);
    return shed;
}

static bool is_shedding(struct watched *watched) {
    if (D1_LIKELY(watched->shed_until_us == 0)) {
        return false;
    }
    if (d1_clock_mono_us(watched->udp->serving->clock) >= watched->shed_until_us) {
        watched->shed_until_us = 0;
        return false;
    }
    return true;
}

/* Start or go on shedding when the kernel threw datagrams away since the last look. */
static void look_for_overflow(struct watched *watched) {
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof(memory);
    if (getsockopt(watched->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0) {
        return;
    }
    uint32_t overflows = memory[SK_MEMINFO_DROPS];
    if (D1_UNLIKELY(overflows != watched->overflows)) {
        watched->overflows = overflows;
        watched->shed_until_us = d1_clock_mono_us(watched->udp->serving->clock) + SHED_US;
    }
}

/* An UPDATE was applied: its answer goes where the question came from. */
static void on_update_answered(struct d1_update_job *job) {
    struct d1_udp *udp = job->transport;
    struct iovec iov = {.iov_base = job->reply, .iov_len = job->reply_length};
    struct msghdr message = {
        .msg_name = &job->route.peer,
        .msg_namelen = job->route.peer_length,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = job->route.control_length > 0 ? job->route.control : NULL,
        .msg_controllen = job->route.control_length,
    };
    if (job->reply_length > 0 && sendmsg(job->route.fd, &message, MSG_DONTWAIT) >= 0) {
        d1_serving_count(udp->serving, D1_TRANSPORT_UDP, job->rcode);
    } else {
        d1_serving_drop(udp->serving, D1_TRANSPORT_UDP, D1_DROP_SEND, 1);
    }
    d1_update_job_free(job);
}

/* Hand over the jobs of the batch, each with its way back. Returns how many. */
static size_t D1_COLD submit_jobs(struct watched *watched, size_t count) {
    struct batch *batch = watched->batch;
    size_t jobs = 0;
    static_assert(sizeof(batch->control[0]) <= sizeof(((struct d1_update_route *)0)->control),
                  "what came with a datagram fits its route");
    for (size_t i = 0; i < count; i++) {
        struct d1_update_job *job = batch->slots[i].job;
        if (batch->slots[i].verdict != D1_QUERY_UPDATE || job == NULL) {
            continue;
        }
        struct msghdr *rx = &batch->rx[i].msg_hdr;
        batch->slots[i].job = NULL;
        job->route.fd = watched->fd;
        job->route.peer = batch->from[i];
        job->route.peer_length = rx->msg_namelen;
        if (batch->wildcard) {
            answer_from_asked(rx);
            job->route.control_length = rx->msg_controllen;
            memcpy(job->route.control, rx->msg_control, rx->msg_controllen);
        }
        job->transport = watched->udp;
        job->answered = on_update_answered;
        d1_update_submit(job);
        jobs++;
    }
    watched->udp->serving->jobs = 0;
    return jobs;
}

/* Returns how many datagrams were there: fewer than D1_UDP_BATCH means that the socket is empty. */
static size_t answer_one_batch(struct watched *watched) {
    struct batch *batch = watched->batch;
    struct d1_serving *serving = watched->udp->serving;
    int received = recvmmsg(watched->fd, batch->rx, D1_UDP_BATCH, MSG_DONTWAIT, NULL);
    if (received <= 0) {
        return 0;
    }
    size_t count = (size_t)received;
    size_t refused = refuse_some(watched->udp, batch, count);
    const struct d1_options *options = d1_serving_options(serving);
    if (D1_UNLIKELY(options != NULL && (options->proxies_count > 0 || batch->unwrapped))) {
        refused += unwrap_some(watched->udp, options, batch, count);
    }
    enum d1_drop why = d1_serving_answer(serving, batch->slots, count, 0);
    refused += serving->limited;
    if (D1_UNLIKELY(is_shedding(watched))) {
        refused += shed_some(serving, batch, count);
    }
    d1_serving_tally(serving, D1_TRANSPORT_UDP, batch->slots, count);
    if (D1_UNLIKELY(serving->jobs > 0)) {
        refused += submit_jobs(watched, count); /* They get no answer now. */
    }
    unsigned answers = line_up(batch, count);
    if (D1_UNLIKELY(answers + refused < count)) {
        d1_serving_drop(serving, D1_TRANSPORT_UDP, why, count - answers - refused);
    }
    uint64_t dropped = send_answers(watched->fd, batch->tx, answers);
    if (D1_UNLIKELY(dropped > 0)) {
        d1_serving_drop(serving, D1_TRANSPORT_UDP, D1_DROP_SEND, dropped);
    }
    return count;
}

static void answer_socket(struct watched *watched, unsigned batches) {
    d1_serving_online(watched->udp->serving);
    unsigned full = 0;
    while (full < batches && answer_one_batch(watched) == D1_UDP_BATCH) {
        full++;
    }
    if (full >= SHED_FULL_BATCHES) {
        look_for_overflow(watched);
    }
    d1_serving_offline(watched->udp->serving);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct watched *watched = poll->data;
    if (D1_UNLIKELY(status < 0)) {
        /* libuv stopped watching, because an error stands on the socket: read it off. */
        int error;
        socklen_t length = sizeof(error);
        getsockopt(watched->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        uv_poll_start(poll, UV_READABLE, on_readable);
        return;
    }
    (void)events; /* Nothing but UV_READABLE is watched for. */
    answer_socket(watched, D1_UDP_BATCHES_PER_WAKE);
}

static int take(struct d1_udp *udp, uv_loop_t *loop, const struct d1_udp_socket *socket) {
    struct watched *watched = &udp->watched[udp->watched_count];
    int err = uv_poll_init(loop, &watched->poll, socket->fd);
    if (err != 0) {
        return err;
    }
    watched->poll.data = watched;
    watched->udp = udp;
    watched->batch = socket->wildcard ? udp->wildcard : udp->plain;
    watched->fd = socket->fd;
    socklen_t length = sizeof(watched->own);
    err = getsockname(socket->fd, &watched->own.any, &length);
    assert(err == 0); /* It is a socket. */
    udp->odd_ports |= port_bit(port_of(&watched->own));
    udp->watched_count++;
    return D1_OK;
}

/* The sockets are the caller's again. */
static void give_back(struct d1_udp *udp, uv_loop_t *loop) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        uv_close((uv_handle_t *)&udp->watched[i].poll, NULL);
    }
    if (udp->watched_count > 0) {
        uv_run(loop, UV_RUN_NOWAIT);
    }
}

int d1_udp_create(uv_loop_t *loop, struct d1_serving *serving, const struct d1_udp_socket *sockets,
                  size_t count, struct d1_udp **ret_udp) {
    bool wildcard = false;
    bool plain = false;
    for (size_t i = 0; i < count; i++) {
        wildcard = wildcard || sockets[i].wildcard;
        plain = plain || !sockets[i].wildcard;
    }
    struct d1_udp *udp = d1_calloc(1, sizeof(*udp) + count * sizeof(udp->watched[0]));
    if (udp == NULL) {
        return -ENOMEM;
    }
    udp->serving = serving;
    udp->odd_ports = port_bit(0);
    udp->plain = plain ? batch_create(false) : NULL;
    udp->wildcard = wildcard ? batch_create(true) : NULL;
    int err =
        plain != (udp->plain != NULL) || wildcard != (udp->wildcard != NULL) ? -ENOMEM : D1_OK;
    for (size_t i = 0; i < count && err == D1_OK; i++) {
        err = take(udp, loop, &sockets[i]);
    }
    if (err != D1_OK) {
        give_back(udp, loop);
        d1_udp_destroy(udp);
        return err;
    }
    *ret_udp = udp;
    return D1_OK;
}

void d1_udp_start(struct d1_udp *udp) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        uv_poll_start(&udp->watched[i].poll, UV_READABLE, on_readable);
    }
}

void d1_udp_drain(struct d1_udp *udp) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        answer_socket(&udp->watched[i], DRAIN_BATCHES);
    }
}

void d1_udp_pause(struct d1_udp *udp) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        uv_poll_stop(&udp->watched[i].poll);
    }
}

void d1_udp_close(struct d1_udp *udp) {
    for (size_t i = 0; i < udp->watched_count; i++) {
        struct watched *watched = &udp->watched[i];
        if (!uv_is_closing((uv_handle_t *)&watched->poll)) {
            uv_close((uv_handle_t *)&watched->poll, NULL);
            close(watched->fd);
        }
    }
}

void d1_udp_destroy(struct d1_udp *udp) {
    if (udp == NULL) {
        return;
    }
    d1_free(udp->plain);
    d1_free(udp->wildcard);
    d1_free(udp);
}
