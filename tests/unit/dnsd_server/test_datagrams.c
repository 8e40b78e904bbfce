/*
 * Datagrams as the kernel may hand them over: the linker leads recvmmsg, sendmmsg and sendmsg here
 * (--wrap). What comes is what a test has put down; what is sent is looked at and not sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/proxy.h"
#include "dnsd/udp.h"
#include "tests/unit/dnsd_server/alone.h"

#define GIVEN_MAX     8
#define CONTROL_BYTES CMSG_SPACE(sizeof(struct in6_pktinfo))

struct given {
    union d1_peer from;
    socklen_t from_length;
    int flags;
    size_t control_length;
    _Alignas(size_t) uint8_t control[CONTROL_BYTES];
    size_t length;
    uint8_t octets[128];
};

struct wire {
    bool scripted; /* Else calls pass to the kernel. */
    struct given given[GIVEN_MAX];
    size_t given_count;
    struct given sent[GIVEN_MAX];
    size_t sent_count;
    int refuse; /* errno of sendmsg. */
};

static struct wire *wire(void) {
    static struct wire one;
    return &one;
}

int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout) {
    if (!wire()->scripted) {
        return __real_recvmmsg(fd, messages, count, flags, timeout);
    }
    size_t given_count = wire()->given_count;
    assert_true(given_count <= count);
    wire()->given_count = 0;
    for (size_t i = 0; i < given_count; i++) {
        const struct given *given = &wire()->given[i];
        struct msghdr *header = &messages[i].msg_hdr;
        assert_true(header->msg_namelen >= given->from_length);
        memcpy(header->msg_name, &given->from, given->from_length);
        header->msg_namelen = given->from_length;
        header->msg_flags = given->flags;
        memcpy(header->msg_iov->iov_base, given->octets, given->length);
        messages[i].msg_len = (unsigned)given->length;
        if (header->msg_control != NULL) {
            assert_true(header->msg_controllen >= given->control_length);
            memcpy(header->msg_control, given->control, given->control_length);
            header->msg_controllen = given->control_length;
        }
    }
    errno = EAGAIN;
    return given_count > 0 ? (int)given_count : -1;
}

static void note_sent(const struct msghdr *header) {
    struct given *sent = &wire()->sent[wire()->sent_count++];
    assert_true(wire()->sent_count <= GIVEN_MAX);
    memset(sent, 0, sizeof(*sent));
    memcpy(&sent->from, header->msg_name, header->msg_namelen);
    sent->from_length = header->msg_namelen;
    if (header->msg_control != NULL) {
        sent->control_length = header->msg_controllen;
        memcpy(sent->control, header->msg_control, header->msg_controllen);
    }
    sent->length = header->msg_iov->iov_len;
    memcpy(sent->octets, header->msg_iov->iov_base, sent->length);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    if (!wire()->scripted) {
        return __real_sendmmsg(fd, messages, count, flags);
    }
    for (unsigned i = 0; i < count; i++) {
        note_sent(&messages[i].msg_hdr);
    }
    return (int)count;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags) {
    if (!wire()->scripted) {
        return __real_sendmsg(fd, message, flags);
    }
    if (wire()->refuse != 0) {
        errno = wire()->refuse;
        return -1;
    }
    note_sent(message);
    return (ssize_t)message->msg_iov->iov_len;
}

static int set_up(void **state) {
    static struct alone alone;
    memset(wire(), 0, sizeof(*wire()));
    wire()->scripted = true;
    alone_init(&alone);
    *state = &alone;
    return 0;
}

static int tear_down(void **state) {
    alone_close(*state);
    return 0;
}

static int bound_socket(sa_family_t family, union d1_peer *ret_own) {
    union d1_peer own = {.in = {.sin_family = family}};
    socklen_t length = sizeof(own);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    if (family == AF_INET) {
        own.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        own.in6.sin6_addr = in6addr_loopback;
    }
    assert_int_equal(bind(fd, &own.any, family == AF_INET ? sizeof(own.in) : sizeof(own.in6)), 0);
    assert_int_equal(getsockname(fd, &own.any, &length), 0);
    *ret_own = own;
    return fd;
}

static struct d1_udp *create(struct alone *alone, bool wildcard, union d1_peer *ret_own) {
    struct d1_udp_socket socket = {.fd = bound_socket(AF_INET, ret_own), .wildcard = wildcard};
    struct d1_udp *udp = NULL;
    assert_int_equal(d1_udp_create(&alone->loop, &alone->serving, &socket, 1, &udp), 0);
    return udp;
}

static void destroy(struct alone *alone, struct d1_udp *udp) {
    d1_udp_close(udp);
    assert_int_equal(uv_run(&alone->loop, UV_RUN_NOWAIT), 0);
    d1_udp_destroy(udp);
}

/* A query from an address and port (network order). */
static struct given *give(const char *address, in_port_t port) {
    struct given *given = &wire()->given[wire()->given_count];
    memset(given, 0, sizeof(*given));
    given->length = D1_DNS_HEADER_BYTES;
    d1_store_u16(given->octets, (uint16_t)wire()->given_count++);
    if (inet_pton(AF_INET, address, &given->from.in.sin_addr) == 1) {
        given->from.in.sin_family = AF_INET;
        given->from.in.sin_port = port;
        given->from_length = sizeof(given->from.in);
    } else {
        assert_int_equal(inet_pton(AF_INET6, address, &given->from.in6.sin6_addr), 1);
        given->from.in6.sin6_family = AF_INET6;
        given->from.in6.sin6_port = port;
        given->from_length = sizeof(given->from.in6);
    }
    return given;
}

static void add_control(struct given *given, int level, int type, const void *data, size_t length) {
    struct msghdr header = {.msg_control = given->control, .msg_controllen = CONTROL_BYTES};
    struct cmsghdr *control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(control), data, length);
    given->control_length = CMSG_SPACE(length);
}

/* It was asked at this address, on interface 3. */
static void asked_at(struct given *given, const char *address) {
    struct in_pktinfo info = {.ipi_ifindex = 3};
    struct in6_pktinfo info6 = {.ipi6_ifindex = 3};
    if (inet_pton(AF_INET, address, &info.ipi_addr) == 1) {
        add_control(given, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else {
        assert_int_equal(inet_pton(AF_INET6, address, &info6.ipi6_addr), 1);
        add_control(given, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
    }
}

/* Who is we: by address and port, or by the address a wildcard socket was asked at. */
static void none_of_our_own_addresses_is_answered(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    struct d1_udp *udp = create(alone, true, &own);
    in_port_t port = own.in.sin_port;
    in_port_t same_bit = (in_port_t)(port + 64); /* Looked at, and another. */
    const int hops = 64;
    static const struct {
        const char *from;
        const char *asked; /* NULL: no control message; "": one of another kind. */
        bool answered;
    } table[] = {
        {"127.0.0.1", "192.0.2.1", false},     {"192.0.2.1", "192.0.2.1", false},
        {"2001:db8::1", "2001:db8::1", false}, {"192.0.2.2", "192.0.2.1", true},
        {"2001:db8::2", "2001:db8::1", true},  {"192.0.2.1", "2001:db8::1", true},
        {"2001:db8::1", "192.0.2.1", true},    {"192.0.2.1", NULL, true},
    };
    uint64_t dropped = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct given *given = give(table[i].from, port);
        if (table[i].asked != NULL) {
            asked_at(given, table[i].asked);
        }
        wire()->sent_count = 0;
        d1_udp_drain(udp);
        assert_int_equal(wire()->sent_count, table[i].answered);
        dropped += !table[i].answered;
        assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_SELF), dropped);
    }
    wire()->sent_count = 0;
    add_control(give("192.0.2.1", port), IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    add_control(give("192.0.2.1", port), IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    give("127.0.0.1", same_bit);
    d1_udp_drain(udp);
    assert_int_equal(wire()->sent_count, 3);
    destroy(alone, udp);
}

/* The interface is given back only where the address means nothing without it. */
static void only_link_local_answers_name_an_interface(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    struct d1_udp *udp = create(alone, true, &own);
    const int hops = 64;
    asked_at(give("192.0.2.7", htons(999)), "192.0.2.1");
    asked_at(give("2001:db8::7", htons(999)), "2001:db8::1");
    asked_at(give("fe80::7", htons(999)), "fe80::1");
    add_control(give("192.0.2.7", htons(999)), IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    add_control(give("192.0.2.7", htons(999)), IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    d1_udp_drain(udp);
    assert_int_equal(wire()->sent_count, 5);
    struct given expected[5] = {0};
    asked_at(&expected[0], "192.0.2.1");
    asked_at(&expected[1], "2001:db8::1");
    asked_at(&expected[2], "fe80::1");
    add_control(&expected[3], IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    add_control(&expected[4], IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    memset(expected[0].control + CMSG_LEN(offsetof(struct in_pktinfo, ipi_ifindex)), 0,
           sizeof(int));
    memset(expected[1].control + CMSG_LEN(offsetof(struct in6_pktinfo, ipi6_ifindex)), 0,
           sizeof(unsigned));
    for (size_t i = 0; i < D1_ARRAY_LENGTH(expected); i++) {
        assert_int_equal(wire()->sent[i].control_length, expected[i].control_length);
        assert_memory_equal(wire()->sent[i].control, expected[i].control,
                            expected[i].control_length);
    }
    destroy(alone, udp);
}

/* What was refused already is not looked at for a PROXY header. */
static void a_refused_datagram_of_a_proxy_is_counted_once(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    alone_expect_proxies(alone);
    struct d1_udp *udp = create(alone, false, &own);
    give("127.0.0.9", 0);
    struct given *good = give("127.0.0.9", htons(999));
    memmove(good->octets + D1_PROXY_LOCAL_BYTES, good->octets, good->length);
    memcpy(good->octets, D1_PROXY_LOCAL, D1_PROXY_LOCAL_BYTES);
    good->length += D1_PROXY_LOCAL_BYTES;
    give("127.0.0.9", htons(999));
    d1_udp_drain(udp);
    assert_int_equal(wire()->sent_count, 1);
    assert_int_equal(wire()->sent[0].length, D1_DNS_HEADER_BYTES);
    assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_SOURCE_PORT), 1);
    assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_PROXY), 1);
    destroy(alone, udp);
}

static struct given *give_update(const char *from) {
    struct given *given = give(from, htons(999));
    given->octets[2] = D1_OPCODE_UPDATE << 3;
    return given;
}

static void give_bad_update(const char *from) {
    struct given *given = give_update(from);
    given->octets[given->length++] = 'n';
}

/* A batch of all kinds: one answered now, one refused, and one UPDATE under way. */
static void updates_in_a_batch_are_answered_later(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    struct d1_udp *udp = create(alone, false, &own);
    give_bad_update("192.0.2.1");
    give("192.0.2.2", htons(999));
    give_update("192.0.2.3");
    d1_udp_drain(udp);
    assert_int_equal(wire()->sent_count, 2);
    assert_int_equal(alone->updates.submitted_count, 1);
    fake_update_finish(&alone->updates, true);
    assert_int_equal(wire()->sent_count, 3);
    const struct given *last = &wire()->sent[2];
    assert_int_equal(last->from.in.sin_addr.s_addr, inet_addr("192.0.2.3"));
    assert_int_equal(d1_load_u16(last->octets), 2);
    assert_int_equal(alone_answered(alone, D1_TRANSPORT_UDP), 3);
    assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_UNANSWERABLE), 0);
    destroy(alone, udp);
}

static void an_update_without_an_answer_or_a_way_is_dropped(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    struct d1_udp *udp = create(alone, false, &own);
    give_update("192.0.2.1");
    give_update("192.0.2.2");
    d1_udp_drain(udp);
    fake_update_finish(&alone->updates, false); /* It could not be signed. */
    assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_SEND), 1);
    wire()->refuse = ENOBUFS;
    fake_update_finish(&alone->updates, true);
    assert_int_equal(alone_dropped(alone, D1_TRANSPORT_UDP, D1_DROP_SEND), 2);
    assert_int_equal(wire()->sent_count, 0);
    assert_int_equal(alone_answered(alone, D1_TRANSPORT_UDP), 0);
    destroy(alone, udp);
}

/* One of both kinds, two, and memory that ends at each of their allocations. */
static void sockets_of_both_kinds_need_memory_for_each(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    struct d1_udp_socket sockets[] = {
        {.fd = bound_socket(AF_INET, &own), .wildcard = true},
        {.fd = bound_socket(AF_INET, &own)},
        {.fd = bound_socket(AF_INET, &own), .wildcard = true},
    };
    struct d1_udp *udp = NULL;
    for (uint64_t skip = 0; skip < 3; skip++) {
        d1_mem_fault_arm(skip, 0);
        int err = d1_udp_create(&alone->loop, &alone->serving, sockets, 3, &udp);
        assert_int_equal(d1_mem_fault_disarm(), 1);
        assert_int_equal(err, -ENOMEM);
    }
    assert_int_equal(d1_udp_create(&alone->loop, &alone->serving, sockets, 3, &udp), 0);
    destroy(alone, udp);
}

static void send_query(int fd, const union d1_peer *to, uint16_t id) {
    uint8_t query[D1_DNS_HEADER_BYTES] = {0};
    d1_store_u16(query, id);
    assert_int_equal(sendto(fd, query, sizeof(query), 0, &to->any, sizeof(to->in)), sizeof(query));
}

/* A connected socket gets errors of its peer told, as one with IP_RECVERR would. */
static void an_error_on_the_socket_is_read_off(void **state) {
    struct alone *alone = *state;
    union d1_peer own;
    union d1_peer peer;
    wire()->scripted = false;
    int client = bound_socket(AF_INET, &peer);
    struct d1_udp_socket watched = {.fd = bound_socket(AF_INET, &own)};
    assert_int_equal(connect(watched.fd, &peer.any, sizeof(peer.in)), 0);
    struct d1_udp *udp = NULL;
    assert_int_equal(d1_udp_create(&alone->loop, &alone->serving, &watched, 1, &udp), 0);
    d1_udp_start(udp);
    send_query(client, &own, 1);
    close(client);
    /* Its answer finds nobody there: the error stands on the socket. */
    assert_int_not_equal(uv_run(&alone->loop, UV_RUN_ONCE), 0);
    assert_int_equal(alone_answered(alone, D1_TRANSPORT_UDP), 1);
    assert_int_not_equal(uv_run(&alone->loop, UV_RUN_ONCE), 0);
    client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(client, &peer.any, sizeof(peer.in)), 0);
    send_query(client, &own, 2);
    assert_int_not_equal(uv_run(&alone->loop, UV_RUN_ONCE), 0);
    assert_int_equal(alone_answered(alone, D1_TRANSPORT_UDP), 2);
    close(client);
    destroy(alone, udp);
}

int main(void) {
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ALONE(none_of_our_own_addresses_is_answered),
        ALONE(only_link_local_answers_name_an_interface),
        ALONE(a_refused_datagram_of_a_proxy_is_counted_once),
        ALONE(updates_in_a_batch_are_answered_later),
        ALONE(an_update_without_an_answer_or_a_way_is_dropped),
        ALONE(sockets_of_both_kinds_need_memory_for_each),
        ALONE(an_error_on_the_socket_is_read_off),
    };
    return cmocka_run_group_tests_name("dnsd_datagrams", tests, NULL, NULL);
}
