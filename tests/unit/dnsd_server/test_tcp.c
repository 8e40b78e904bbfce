#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/connection.h"
#include "tests/lib/fake_answer.h"
#include "tests/unit/dnsd_server/fixture.h"

#define RESPONSES   "dns01d_dns_responses_total{transport=\"tcp\",rcode=\"NOERROR\"}"
#define DROPPED(by) "dns01d_dns_dropped_total{transport=\"tcp\",reason=\"" by "\"}"
#define OPEN_NOW    "dns01d_tcp_connections"

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

static void send_query(int fd, uint16_t id, const char *orders) {
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, id, orders, true));
}

static size_t expect_answer(int fd, uint16_t id) {
    static uint8_t octets[D1_DNS_MESSAGE_MAX];
    size_t length = receive_frame(fd, octets, sizeof(octets));
    assert_true(length >= D1_DNS_HEADER_BYTES);
    assert_int_equal(d1_load_u16(octets), id);
    assert_int_equal(octets[2], 0x80);
    return length;
}

static void answers_a_query_and_the_next(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    for (uint16_t id = 1; id <= 10; id++) {
        send_query(fd, id, "");
        assert_int_equal(expect_answer(fd, id), D1_DNS_HEADER_BYTES);
    }
    fixture_await_metric(fixture, RESPONSES, 10);
    fixture_await_metric(fixture, OPEN_NOW, 1);
    close(fd);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void answers_many_clients_from_both_workers(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int32_t first = 0;
    unsigned others = 0;
    for (uint16_t id = 0; id < 100; id++) {
        int fd = client_tcp(&fixture->address);
        send_query(fd, id, "t");
        uint8_t octets[64];
        size_t length = receive_frame(fd, octets, sizeof(octets));
        int32_t thread;
        assert_int_equal(length, D1_DNS_HEADER_BYTES + 1 + sizeof(thread));
        memcpy(&thread, octets + D1_DNS_HEADER_BYTES + 1, sizeof(thread));
        first = id == 0 ? thread : first;
        others += thread != first;
        close(fd);
    }
    assert_true(others > 0);
    assert_true(others < 100);
}

/* `count` queries in one buffer, which the caller frees. */
static uint8_t *make_many(size_t count, const char *orders, size_t *ret_length) {
    uint8_t *octets = d1_malloc(count * 64);
    assert_non_null(octets);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += make_query(octets + length, (uint16_t)i, orders, true);
    }
    *ret_length = length;
    return octets;
}

static void pipelined_queries_in_one_segment_are_all_answered(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    enum { COUNT = 3 * D1_UDP_BATCH + 5 };
    size_t length;
    uint8_t *octets = make_many(COUNT, "", &length);
    int fd = client_tcp(&fixture->address);
    send_octets(fd, octets, length);
    for (uint16_t id = 0; id < COUNT; id++) {
        expect_answer(fd, id);
    }
    close(fd);
    d1_free(octets);
}

static void pipelined_answers_leave_with_one_write(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    enum { COUNT = 2 * D1_UDP_BATCH };
    size_t length;
    uint8_t *octets = make_many(COUNT, "", &length);
    int fd = client_tcp(&fixture->address);
    send_octets(fd, octets, length);
    /* The first octet is there when the write was made; then all of it is. */
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    ssize_t there = recv(fd, octets, length, MSG_DONTWAIT);
    assert_int_equal(there, length);
    close(fd);
    d1_free(octets);
}

static void frames_split_octet_by_octet(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    size_t length;
    uint8_t *octets = make_many(3, "split", &length);
    for (size_t i = 0; i < length; i++) {
        send_octets(fd, octets + i, 1);
    }
    for (uint16_t id = 0; id < 3; id++) {
        assert_int_equal(expect_answer(fd, id), D1_DNS_HEADER_BYTES + 5);
    }
    close(fd);
    d1_free(octets);
}

/* Each way to cut two frames in two segments, each segment read before the next is sent. */
static void frames_split_at_every_place(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    size_t length;
    uint8_t *octets = make_many(2, "", &length);
    for (size_t cut = 0; cut <= length; cut++) {
        send_octets(fd, octets, cut);
        /* One worker: when it has answered this one, it has read that one. */
        int other = client_tcp(&fixture->address);
        send_query(other, 2, "");
        expect_answer(other, 2);
        close(other);
        send_octets(fd, octets + cut, length - cut);
        expect_answer(fd, 0);
        expect_answer(fd, 1);
    }
    close(fd);
    d1_free(octets);
}

static void the_largest_frame_is_answered(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    uint8_t *octets = d1_malloc(2 + D1_DNS_MESSAGE_MAX);
    assert_non_null(octets);
    memset(octets, 'x', 2 + D1_DNS_MESSAGE_MAX);
    make_query(octets, 99, "x", true);
    d1_store_u16(octets, D1_DNS_MESSAGE_MAX);
    for (unsigned turn = 0; turn < 2; turn++) {
        /* Cut where the rest is copied, and where it grows in its own buffer. */
        size_t cut = turn == 0 ? 100 : 40000;
        send_octets(fd, octets, cut);
        send_octets(fd, octets + cut, 2 + D1_DNS_MESSAGE_MAX - cut);
        send_query(fd, 100, "");
        assert_int_equal(expect_answer(fd, 99), D1_DNS_MESSAGE_MAX);
        expect_answer(fd, 100);
    }
    close(fd);
    d1_free(octets);
}

static void half_close_gets_all_answers_then_the_end(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    size_t length;
    uint8_t *octets = make_many(100, "", &length);
    send_octets(fd, octets, length);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint16_t id = 0; id < 100; id++) {
        expect_answer(fd, id);
    }
    assert_int_equal(recv(fd, octets, 1, 0), 0);
    close(fd);
    d1_free(octets);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void half_close_before_large_answers_are_read(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    enum { COUNT = 300 };
    int fd = client_tcp(&fixture->address);
    size_t length;
    uint8_t *octets = make_many(COUNT, "l\xff\xff", &length);
    send_octets(fd, octets, length);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint16_t id = 0; id < COUNT; id++) {
        assert_int_equal(expect_answer(fd, id), D1_DNS_MESSAGE_MAX);
    }
    assert_int_equal(recv(fd, octets, 1, 0), 0);
    close(fd);
    d1_free(octets);
    fixture_await_metric(fixture, RESPONSES, COUNT);
}

static void a_client_that_never_reads_is_bounded_and_stalls_nobody(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    fixture_start(fixture);
    int greedy = client_tcp(&fixture->address);
    size_t length;
    enum { COUNT = 1000 };
    uint8_t *octets = make_many(COUNT, "l\xff\xff", &length);
    int64_t before = d1_mem_live();
    send_octets(greedy, octets, length); /* 64 MB are asked for. */
    int fd = client_tcp(&fixture->address);
    for (uint16_t id = 0; id < 50; id++) {
        send_query(fd, id, "");
        expect_answer(fd, id);
    }
    /* The connections, one `unsent`, one `in`; never an allocation per answer. */
    assert_true(d1_mem_live() - before <= 4);
    assert_true(fixture_metric(fixture, RESPONSES) < COUNT);
    /* It reads after all: nothing was lost. */
    for (uint16_t id = 0; id < COUNT; id++) {
        assert_int_equal(expect_answer(greedy, id), D1_DNS_MESSAGE_MAX);
    }
    close(greedy);
    close(fd);
    d1_free(octets);
}

static void a_short_frame_ends_the_connection_after_what_came_before(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    for (uint8_t bad = 0; bad < D1_DNS_HEADER_BYTES; bad++) {
        int fd = client_tcp(&fixture->address);
        uint8_t octets[128];
        size_t length = make_query(octets, 5, "", true);
        octets[length++] = 0;
        octets[length++] = bad;
        send_octets(fd, octets, length);
        expect_answer(fd, 5);
        expect_closed(fd);
        close(fd);
    }
    fixture_await_metric(fixture, DROPPED("frame"), D1_DNS_HEADER_BYTES);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void a_response_in_a_frame_is_not_answered(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    uint8_t octets[64];
    size_t length = make_query(octets, 5, "", true);
    octets[2 + 2] = 0x80;
    send_octets(fd, octets, length);
    send_query(fd, 6, "");
    expect_answer(fd, 6);
    close(fd);
    fixture_await_metric(fixture, DROPPED("unanswerable"), 1);
}

static void reset(int fd) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    close(fd);
}

static void resets_in_every_state(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    size_t length;
    uint8_t *octets = make_many(1000, "l\xff\xff", &length);
    for (unsigned turn = 0; turn < 10; turn++) {
        int fresh = client_tcp(&fixture->address);
        int partial = client_tcp(&fixture->address);
        int answered = client_tcp(&fixture->address);
        int draining = client_tcp(&fixture->address);
        send_octets(partial, octets, 7);
        send_octets(draining, octets, length);
        send_query(answered, 1, "");
        expect_answer(answered, 1);
        reset(fresh);
        reset(partial);
        reset(answered);
        reset(draining);
    }
    fixture_await_metric(fixture, OPEN_NOW, 0);
    d1_free(octets);
}

static void set_open_files(rlim_t count) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static rlim_t open_files(void) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
}

static void idle_connections_are_closed(void **state) {
    struct fixture *fixture = *state;
    fixture->options.tcp_idle_ms = 30;
    fixture_start(fixture);
    int silent = client_tcp(&fixture->address);
    int used = client_tcp(&fixture->address);
    send_query(used, 1, "");
    expect_answer(used, 1);
    expect_closed(silent);
    expect_closed(used);
    close(silent);
    close(used);
    fixture_await_metric(fixture, DROPPED("idle"), 2);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void a_dribbled_frame_does_not_keep_a_connection(void **state) {
    struct fixture *fixture = *state;
    fixture->options.tcp_idle_ms = 50;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    const uint8_t announced[] = {0xff, 0xff};
    send_octets(fd, announced, sizeof(announced));
    /* An octet a millisecond for ever, until it is closed. */
    struct pollfd closed = {.fd = fd, .events = POLLIN};
    unsigned dribbled = 0;
    while (poll(&closed, 1, 1) == 0) {
        assert_true(dribbled < PATIENCE_MS);
        dribbled++;
        (void)!send(fd, "x", 1, MSG_NOSIGNAL);
    }
    expect_closed(fd);
    assert_true(dribbled > 5);
    close(fd);
    fixture_await_metric(fixture, DROPPED("idle"), 1);
}

static void the_idle_time_shrinks_when_more_than_half_is_open(void **state) {
    (void)state;
    static const struct {
        unsigned most;
        unsigned open;
        unsigned idle_ms;
        uint64_t expected;
    } table[] = {
        {100, 0, 10000, 10000}, {100, 50, 10000, 10000}, {100, 51, 10000, 9800},
        {100, 75, 10000, 5000}, {100, 95, 10000, 1001},  {100, 100, 10000, 1001},
        {1, 1, 10000, 1001},    {3, 2, 900, 450},        {2, 2, 1, 1},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct d1_tcp *tcp = d1_aligned(D1_CACHE_LINE, sizeof(*tcp));
        assert_non_null(tcp);
        tcp->options.connections_max = table[i].most;
        tcp->options.idle_ms = table[i].idle_ms;
        tcp->connections = table[i].open;
        assert_int_equal(d1_tcp_idle_ms(tcp), table[i].expected);
        d1_free(tcp);
    }
}

/* With all connections open the silent ones go after a tenth of their time, until half are left. */
static void many_idle_connections_are_closed_sooner(void **state) {
    struct fixture *fixture = *state;
    enum { LIMIT = 64, MOST = LIMIT / 2, IDLE_MS = 4000 };
    rlim_t before = open_files();
    fixture->options.workers = 1;
    fixture->options.tcp_idle_ms = IDLE_MS;
    set_open_files(LIMIT);
    fixture_start(fixture);
    set_open_files(before);
    int fds[MOST];
    int64_t began_us = d1_clock_mono_us(d1_clock_system());
    for (size_t i = 0; i < MOST; i++) {
        fds[i] = client_tcp(&fixture->address);
    }
    expect_closed(fds[0]);
    assert_in_range(d1_clock_mono_us(d1_clock_system()) - began_us, 0, IDLE_MS * 1000 - 1);
    assert_in_range(fixture_metric(fixture, DROPPED("idle")), 1, MOST / 2);
    for (size_t i = 0; i < MOST; i++) {
        close(fds[i]);
    }
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void a_client_that_does_not_take_its_answers_is_idle(void **state) {
    struct fixture *fixture = *state;
    fixture->options.tcp_idle_ms = 50;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    size_t length;
    uint8_t *octets = make_many(1000, "l\xff\xff", &length);
    send_octets(fd, octets, length);
    fixture_await_metric(fixture, DROPPED("idle"), 1);
    fixture_await_metric(fixture, OPEN_NOW, 0);
    close(fd);
    d1_free(octets);
}

/* Each place that needs memory while a connection lives: that one is closed, the next is served. */
static void no_memory_for_a_connection(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    d1_mem_fault_arm(0, 0);
    int fd = client_tcp(&fixture->address);
    expect_closed(fd);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    close(fd);
    fd = client_tcp(&fixture->address);
    send_query(fd, 1, "");
    expect_answer(fd, 1);
    close(fd);
    fixture_await_metric(fixture, DROPPED("limit"), 1);
}

static void no_memory_for_an_unfinished_frame(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    uint8_t *octets = d1_malloc(D1_DNS_MESSAGE_MAX);
    assert_non_null(octets);
    memset(octets, 0xff, D1_DNS_MESSAGE_MAX);
    const size_t lengths[] = {1, 7, 2000, 40000};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lengths); i++) {
        int fd = client_tcp(&fixture->address);
        send_query(fd, 1, "");
        expect_answer(fd, 1); /* Accepted: what comes needs no memory but for the rest. */
        d1_mem_fault_arm(0, 0);
        send_octets(fd, octets, lengths[i]);
        expect_closed(fd);
        assert_int_equal(d1_mem_fault_disarm(), 1);
        close(fd);
    }
    d1_free(octets);
    fixture_await_metric(fixture, DROPPED("limit"), D1_ARRAY_LENGTH(lengths));
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void no_memory_for_unsent_answers(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    size_t length;
    uint8_t *octets = make_many(1000, "l\xff\xff", &length);
    int fd = client_tcp(&fixture->address);
    send_query(fd, 1, "");
    expect_answer(fd, 1);
    d1_mem_fault_arm(0, 0);
    send_octets(fd, octets, length);
    /* Without reading, so that it cannot send all; and reading the metrics would take the fault. */
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&gone, 1, PATIENCE_MS), 1);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    fixture_await_metric(fixture, DROPPED("limit"), 1);
    close(fd);
    d1_free(octets);
}

/* The lowest descriptor number that is free: as a limit, it leaves none. */
static rlim_t lowest_free(void) {
    int fd = dup(STDIN_FILENO);
    assert_true(fd >= 0);
    close(fd);
    return (rlim_t)fd;
}

static void the_oldest_idle_connection_gives_way(void **state) {
    struct fixture *fixture = *state;
    enum { LIMIT = 64, MOST = LIMIT / 2 };
    rlim_t before = open_files();
    fixture->options.workers = 1;
    set_open_files(LIMIT);
    fixture_start(fixture);
    set_open_files(before);
    int fds[MOST + 1];
    for (uint16_t i = 0; i < MOST; i++) {
        fds[i] = client_tcp(&fixture->address);
        send_query(fds[i], i, "");
        expect_answer(fds[i], i);
    }
    /* The first asks again: now the second is idle for longest. */
    send_query(fds[0], 77, "");
    expect_answer(fds[0], 77);
    fds[MOST] = client_tcp(&fixture->address);
    send_query(fds[MOST], MOST, "");
    expect_answer(fds[MOST], MOST);
    expect_closed(fds[1]);
    close(fds[1]);
    for (uint16_t i = 0; i <= MOST; i++) {
        if (i != 1) {
            send_query(fds[i], i, "");
            expect_answer(fds[i], i);
            close(fds[i]);
        }
    }
    fixture_await_metric(fixture, DROPPED("limit"), 1);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void connect_to(int fd, const struct fixture *fixture) {
    assert_int_equal(
        connect(fd, (const struct sockaddr *)&fixture->address, sizeof(struct sockaddr_in)), 0);
}

static void without_a_descriptor_the_oldest_gives_its_own(void **state) {
    struct fixture *fixture = *state;
    enum { CLIENTS = 5 };
    fixture->options.workers = 1;
    fixture_start(fixture);
    int fds[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
    }
    rlim_t before = open_files();
    set_open_files(lowest_free() + 1);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        connect_to(fds[i], fixture);
        send_query(fds[i], i, "");
        expect_answer(fds[i], i);
        if (i > 0) {
            expect_closed(fds[i - 1]);
        }
    }
    set_open_files(before);
    for (unsigned i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    fixture_await_metric(fixture, DROPPED("limit"), CLIENTS - 1);
}

static int64_t cpu_us(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void without_any_descriptor_listeners_rest_and_come_back(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    fixture_start(fixture);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    rlim_t before = open_files();
    set_open_files(lowest_free());
    connect_to(fd, fixture);
    send_query(fd, 1, "");
    /* Nothing comes while there is no descriptor, and waiting for one costs nothing. */
    int64_t cpu_before = cpu_us();
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, 250), 0);
    int64_t cpu = cpu_us() - cpu_before;
    set_open_files(before);
    expect_answer(fd, 1);
    close(fd);
    assert_true(cpu < 100000);
    uint64_t refused = fixture_metric(fixture, DROPPED("limit"));
    assert_true(refused >= 1 && refused <= 10);
}

static void a_stop_answers_what_was_asked_and_closes(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    enum { CLIENTS = 20 };
    int fds[CLIENTS];
    for (uint16_t i = 0; i < CLIENTS; i++) {
        fds[i] = client_tcp(&fixture->address);
        send_query(fds[i], i, "");
    }
    fixture_request_stop(fixture, PATIENCE_MS);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        expect_answer(fds[i], i);
        expect_closed(fds[i]);
        close(fds[i]);
    }
    fixture_wait_stopped(fixture);
}

static void a_stop_waits_for_answers_owed(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    enum { COUNT = 400 };
    size_t length;
    uint8_t *octets = make_many(COUNT, "l\xff\xff", &length);
    int fd = client_tcp(&fixture->address);
    send_octets(fd, octets, length);
    expect_answer(fd, 0);
    fixture_request_stop(fixture, PATIENCE_MS);
    for (uint16_t id = 1; id < COUNT; id++) {
        assert_int_equal(expect_answer(fd, id), D1_DNS_MESSAGE_MAX);
    }
    expect_closed(fd);
    fixture_wait_stopped(fixture);
    close(fd);
    d1_free(octets);
}

static void a_stop_waits_no_longer_than_its_grace(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    size_t length;
    uint8_t *octets = make_many(1000, "l\xff\xff", &length);
    int fd = client_tcp(&fixture->address);
    send_octets(fd, octets, length);
    expect_answer(fd, 0);
    fixture_request_stop(fixture, 20);
    fixture_wait_stopped(fixture); /* Though nothing more is read. */
    expect_closed(fd);
    close(fd);
    d1_free(octets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_a_query_and_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_many_clients_from_both_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pipelined_queries_in_one_segment_are_all_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pipelined_answers_leave_with_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_split_octet_by_octet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_split_at_every_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_largest_frame_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_close_gets_all_answers_then_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(half_close_before_large_answers_are_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_never_reads_is_bounded_and_stalls_nobody,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_frame_ends_the_connection_after_what_came_before,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_response_in_a_frame_is_not_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(resets_in_every_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_connections_are_closed, set_up, tear_down),
        cmocka_unit_test(the_idle_time_shrinks_when_more_than_half_is_open),
        cmocka_unit_test_setup_teardown(many_idle_connections_are_closed_sooner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dribbled_frame_does_not_keep_a_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_take_its_answers_is_idle, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_memory_for_a_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_for_an_unfinished_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_for_unsent_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_idle_connection_gives_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_descriptor_the_oldest_gives_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_any_descriptor_listeners_rest_and_come_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stop_answers_what_was_asked_and_closes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stop_waits_for_answers_owed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_waits_no_longer_than_its_grace, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("dnsd_tcp", tests, NULL, NULL);
}
