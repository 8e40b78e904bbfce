#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/net.h"
#include "dnsd/peer.h"
#include "dnsd/udp.h"
#include "tests/lib/fake_answer.h"
#include "tests/unit/dnsd_server/fixture.h"

#define CLIENTS 32

static int set_up(void **state) {
    static struct fixture fixture;
    fixture_init(&fixture, d1_fake_served());
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    fixture_close(*state);
    return 0;
}

/* Ask once and have the right answer. Returns its length. */
static size_t ask(int fd, uint16_t id, const char *orders, uint8_t *ret_answer) {
    uint8_t query[64];
    size_t length = make_query(query, id, orders, false);
    send_octets(fd, query, length);
    size_t answered = receive_datagram(fd, ret_answer, D1_DNS_UDP_MAX + 1);
    assert_int_equal(d1_load_u16(ret_answer), id);
    assert_int_equal(ret_answer[2], 0x80);
    return answered;
}

static void answers_a_query(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t answer[D1_DNS_UDP_MAX + 1];
    assert_int_equal(ask(fd, 4711, "", answer), D1_DNS_HEADER_BYTES);
    close(fd);
    fixture_await_metric(fixture, "dns01d_dns_responses_total{transport=\"udp\",rcode=\"NOERROR\"}",
                         1);
}

static void answers_many_clients_from_both_workers(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int32_t first = 0;
    unsigned others = 0;
    for (uint16_t i = 0; i < CLIENTS * 4; i++) {
        int fd = client_udp(&fixture->address);
        uint8_t answer[D1_DNS_UDP_MAX + 1];
        assert_int_equal(ask(fd, i, "t", answer), D1_DNS_HEADER_BYTES + 1 + sizeof(first));
        int32_t thread;
        memcpy(&thread, answer + D1_DNS_HEADER_BYTES + 1, sizeof(thread));
        first = i == 0 ? thread : first;
        others += thread != first;
        close(fd);
    }
    /* The kernel hashes the clients' ports: 128 of them all to one worker is not chance. */
    assert_true(others > 0);
    assert_true(others < CLIENTS * 4);
}

static void answers_more_than_a_wake_takes(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    enum { COUNT = D1_UDP_BATCH * (D1_UDP_BATCHES_PER_WAKE + 2) + 7 };
    static bool seen[COUNT];
    memset(seen, 0, sizeof(seen));
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    unsigned sent = 0;
    for (unsigned received = 0; received < COUNT; received++) {
        /* As many under way as a default socket buffer holds. */
        for (; sent < COUNT && sent - received < 2 * D1_UDP_BATCH; sent++) {
            send_octets(fd, octets, make_query(octets, (uint16_t)sent, "", false));
        }
        receive_datagram(fd, octets, sizeof(octets));
        unsigned id = d1_load_u16(octets);
        assert_true(id < COUNT && !seen[id]);
        seen[id] = true;
    }
    close(fd);
}

static void an_answer_of_the_largest_size_arrives_whole(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t answer[D1_DNS_UDP_MAX + 1];
    assert_int_equal(ask(fd, 1, "l\x04\xd0", answer), D1_DNS_UDP_MAX);
    close(fd);
}

static void no_answer_to_a_response_or_a_stump(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    size_t length = make_query(octets, 1, "", false);
    octets[2] = 0x80;
    send_octets(fd, octets, length);
    send_octets(fd, octets, 3);
    assert_int_equal(send(fd, octets, 0, 0), 0);
    ask(fd, 2, "", octets); /* Sent last, and the only one answered. */
    close(fd);
    fixture_await_metric(fixture,
                         "dns01d_dns_dropped_total{transport=\"udp\",reason=\"unanswerable\"}", 3);
}

static void an_oversize_query_is_dropped(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[4096] = {0};
    send_octets(fd, octets, sizeof(octets));
    ask(fd, 2, "", octets);
    close(fd);
    fixture_await_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"oversize\"}",
                         1);
}

static void a_query_from_port_0_is_dropped(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
    if (raw < 0) {
        skip(); /* Needs CAP_NET_RAW. */
    }
    uint8_t datagram[8 + D1_DNS_HEADER_BYTES] = {0};
    const struct sockaddr_in *to = (const struct sockaddr_in *)&fixture->address;
    memcpy(datagram + 2, &to->sin_port, 2);
    d1_store_u16(datagram + 4, sizeof(datagram)); /* Checksum 0: none. */
    struct sockaddr_in raw_to = *to;
    raw_to.sin_port = 0;
    assert_int_equal(
        sendto(raw, datagram, sizeof(datagram), 0, (struct sockaddr *)&raw_to, sizeof(raw_to)),
        sizeof(datagram));
    close(raw);
    fixture_await_metric(fixture,
                         "dns01d_dns_dropped_total{transport=\"udp\",reason=\"source-port\"}", 1);
}

/* A query from the loopback network's broadcast address, where nobody may send without asking. */
static bool send_from_broadcast(const struct sockaddr_in *to) {
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (raw < 0) {
        return false; /* Needs CAP_NET_RAW. */
    }
    struct {
        struct iphdr ip;
        uint8_t udp[8];
        uint8_t message[D1_DNS_HEADER_BYTES];
    } packet = {.ip = {.version = 4,
                       .ihl = 5,
                       .ttl = 64,
                       .protocol = IPPROTO_UDP,
                       .saddr = htonl(0x7fffffff),
                       .daddr = to->sin_addr.s_addr}};
    d1_store_u16(packet.udp, 5353);
    memcpy(packet.udp + 2, &to->sin_port, 2);
    d1_store_u16(packet.udp + 4, sizeof(packet.udp) + sizeof(packet.message));
    struct sockaddr_in raw_to = *to;
    raw_to.sin_port = 0;
    ssize_t sent =
        sendto(raw, &packet, sizeof(packet), 0, (struct sockaddr *)&raw_to, sizeof(raw_to));
    close(raw);
    return sent == sizeof(packet);
}

/* Sent before the worker starts, so that all three are in one batch. */
static void one_answer_the_kernel_refuses_stops_no_other(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    d1_dnsd_address(fixture->dnsd, 0, &fixture->address);
    int fd = client_udp(&fixture->address);
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, 1, "", false));
    bool sent = send_from_broadcast((const struct sockaddr_in *)&fixture->address);
    send_octets(fd, octets, make_query(octets, 2, "", false));
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
    for (uint16_t id = 1; id <= 2; id++) {
        receive_datagram(fd, octets, sizeof(octets));
        assert_int_equal(d1_load_u16(octets), id);
    }
    close(fd);
    if (!sent) {
        skip();
    }
    fixture_await_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"send\"}", 1);
}

/* A stranger cannot have us talk to ourselves: here one of our own sockets' address asks another. */
static void a_query_from_our_own_address_is_dropped(void **state) {
    struct fixture *fixture = *state;
    fixture->listen[1] = "127.0.0.1:0";
    fixture->options.listen_count = 2;
    fixture->options.workers = 1;
    fixture_start(fixture);
    struct sockaddr_storage other;
    d1_dnsd_address(fixture->dnsd, 1, &other);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int on = 1;
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&other, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, sizeof(struct sockaddr_in)),
                     0);
    send_octets(fd, octets, make_query(octets, 1, "", false));
    fixture_await_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"self\"}", 1);
    close(fd);
    fd = client_udp(&fixture->address);
    ask(fd, 2, "", octets);
    close(fd);
}

static void without_data_nothing_is_answered(void **state) {
    struct fixture *fixture = *state;
    struct d1_served *served = atomic_exchange(&fixture->current.served, NULL);
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    send_octets(fd, octets, make_query(octets, 1, "", false));
    fixture_await_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"no-data\"}",
                         1);
    atomic_store(&fixture->current.served, served);
    ask(fd, 2, "", octets);
    close(fd);
}

static void rcodes_are_counted(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    ask(fd, 1, "r\x03", octets);
    ask(fd, 2, "r\x03", octets);
    ask(fd, 3, "r\x10", octets);
    ask(fd, 4, "r\x09", octets);
    ask(fd, 5, "u", octets);
    close(fd);
    fixture_await_metric(fixture,
                         "dns01d_dns_responses_total{transport=\"udp\",rcode=\"NXDOMAIN\"}", 2);
    fixture_await_metric(fixture, "dns01d_dns_responses_total{transport=\"udp\",rcode=\"BADVERS\"}",
                         1);
    fixture_await_metric(fixture, "dns01d_dns_responses_total{transport=\"udp\",rcode=\"other\"}",
                         1);
    fixture_await_metric(fixture, "dns01d_unexpected_queries_total", 1);
}

/* Sent before the worker starts, so that all are in one batch. */
static void only_what_was_answered_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    d1_dnsd_address(fixture->dnsd, 0, &fixture->address);
    int fd = client_udp(&fixture->address);
    uint8_t octets[64];
    static const char *const orders[] = {"c", "u", ""};
    for (uint16_t id = 0; id < D1_ARRAY_LENGTH(orders); id++) {
        send_octets(fd, octets, make_query(octets, id, orders[id], false));
    }
    send_octets(fd, octets, 3);
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
    for (uint16_t id = 0; id < D1_ARRAY_LENGTH(orders); id++) {
        receive_datagram(fd, octets, sizeof(octets));
        assert_int_equal(d1_load_u16(octets), id);
    }
    close(fd);
    fixture_wait(&fixture->asked);
    fixture_await_metric(fixture, "dns01d_unexpected_queries_total", 1);
    fixture_await_metric(fixture,
                         "dns01d_dns_dropped_total{transport=\"udp\",reason=\"unanswerable\"}", 1);
    assert_int_equal(atomic_load(&fixture->asked_count), 1);
}

/* A socket that cannot be watched: those that could be are the caller's again. */
static void without_a_watch_sockets_are_given_back(void **state) {
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct d1_serving serving = {0};
    FILE *file = tmpfile(); /* epoll takes no regular files. */
    assert_non_null(file);
    struct d1_udp_socket sockets[] = {
        {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)},
        {.fd = fileno(file), .wildcard = true},
    };
    assert_true(sockets[0].fd >= 0);
    struct d1_udp *udp = NULL;
    assert_int_equal(d1_udp_create(&loop, &serving, sockets, 2, &udp), UV_EPERM);
    assert_int_equal(d1_udp_create(&loop, &serving, sockets + 1, 1, &udp), UV_EPERM);
    assert_null(udp);
    assert_int_equal(close(sockets[0].fd), 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void an_address_is_its_octets(void **state) {
    (void)state;
    union d1_peer peer = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(0xc0000201)}}};
    const uint8_t *octets;
    assert_int_equal(d1_peer_octets(&peer, &octets), 4);
    assert_memory_equal(octets, "\300\0\2\1", 4);
    peer = (union d1_peer){.in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
    assert_int_equal(d1_peer_octets(&peer, &octets), 16);
    assert_memory_equal(octets, &in6addr_loopback, 16);
    peer.any.sa_family = AF_UNIX;
    assert_int_equal(d1_peer_octets(&peer, &octets), 0);
}

/* A clock that the test moves while a worker reads it. */
struct shared_clock {
    struct d1_clock clock; /* First: cast back. */
    _Atomic int64_t now_us;
};

static int64_t shared_mono_us(const struct d1_clock *clock) {
    return atomic_load(&((struct shared_clock *)(uintptr_t)clock)->now_us);
}

static int64_t shared_wall_ms(const struct d1_clock *clock) {
    return shared_mono_us(clock) / 1000;
}

/* More than any socket buffer that the server may have takes; sent before a worker reads. */
static void overflow(int fd) {
    uint8_t octets[64];
    size_t length = make_query(octets, 1, "r\x03", false);
    for (unsigned i = 0; i < 24000; i++) {
        send_octets(fd, octets, length);
    }
}

/* Ask again until there was room for the question. */
static void ask_full_socket(int fd, uint8_t *ret_answer) {
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    uint8_t query[64];
    size_t length = make_query(query, 2, "", false);
    unsigned tries = 0;
    do {
        assert_true(++tries < PATIENCE_MS / 20);
        send_octets(fd, query, length);
    } while (poll(&answered, 1, 20) == 0);
    /* Answers to earlier tries may still come, all the same. */
    receive_datagram(fd, ret_answer, D1_DNS_UDP_MAX + 1);
}

static void an_overflow_sheds_what_is_not_noerror(void **state) {
    struct fixture *fixture = *state;
    struct shared_clock clock = {{shared_mono_us, shared_wall_ms}, 1000000};
    fixture->options.clock = &clock.clock;
    fixture->options.workers = 1;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    d1_dnsd_address(fixture->dnsd, 0, &fixture->address);
    int flooder = client_udp(&fixture->address);
    overflow(flooder);
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
    uint8_t octets[D1_DNS_UDP_MAX + 1];
    fixture_await_metric(fixture,
                         "dns01d_dns_responses_total{transport=\"udp\",rcode=\"NXDOMAIN\"}",
                         D1_UDP_BATCH * D1_UDP_BATCHES_PER_WAKE);

    int asker = client_udp(&fixture->address);
    ask_full_socket(asker, octets); /* All that was there before has been read now. */
    uint64_t shed =
        fixture_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"overload\"}");
    int fd = client_udp(&fixture->address);
    send_octets(fd, octets, make_query(octets, 3, "r\x03", false));
    send_octets(fd, octets, 3);
    ask(fd, 4, "", octets); /* Sent after those that get no answer. */
    fixture_await_metric(fixture, "dns01d_dns_dropped_total{transport=\"udp\",reason=\"overload\"}",
                         shed + 1);
    atomic_fetch_add(&clock.now_us, 2000000);
    ask(fd, 5, "r\x03", octets);
    close(fd);
    close(asker);
    close(flooder);
}

/* A connected client takes datagrams only from the address it asked. */
static void ask_at(const struct fixture *fixture, const char *address_text) {
    struct sockaddr_storage address;
    assert_int_equal(d1_address_parse(address_text, &address), 0);
    const struct sockaddr_in *bound = (const struct sockaddr_in *)&fixture->address;
    ((struct sockaddr_in *)&address)->sin_port = bound->sin_port;
    int fd = client_udp(&address);
    uint8_t answer[D1_DNS_UDP_MAX + 1];
    ask(fd, 7, "", answer);
    ask(fd, 8, "", answer);
    close(fd);
}

static void a_wildcard_answers_from_the_address_asked(void **state) {
    struct fixture *fixture = *state;
    fixture->listen[0] = "0.0.0.0:0";
    fixture_start(fixture);
    ask_at(fixture, "127.0.0.1:0");
    ask_at(fixture, "127.0.0.77:0");
    ask_at(fixture, "127.9.8.7:0");
}

static void a_wildcard_answers_from_the_address_asked_ipv6(void **state) {
    struct fixture *fixture = *state;
    fixture->listen[0] = "[::]:0";
    struct d1_error error;
    int err = d1_dnsd_create(&fixture->options, &fixture->dnsd, &error);
    if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL) {
        skip();
    }
    assert_int_equal(err, 0);
    d1_dnsd_destroy(fixture->dnsd);
    fixture_start(fixture);
    ask_at(fixture, "[::1]:0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_a_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_many_clients_from_both_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_more_than_a_wake_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_of_the_largest_size_arrives_whole, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_answer_to_a_response_or_a_stump, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_oversize_query_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_query_from_port_0_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_query_from_our_own_address_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_answer_the_kernel_refuses_stops_no_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_data_nothing_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rcodes_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_was_answered_is_told, set_up, tear_down),
        cmocka_unit_test(without_a_watch_sockets_are_given_back),
        cmocka_unit_test(an_address_is_its_octets),
        cmocka_unit_test_setup_teardown(an_overflow_sheds_what_is_not_noerror, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wildcard_answers_from_the_address_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_wildcard_answers_from_the_address_asked_ipv6, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("dnsd_udp", tests, NULL, NULL);
}
