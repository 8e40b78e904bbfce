/*
 * What the sockets' code does when a system call fails in a way that no test can bring about for
 * real. The linker leads its calls here (--wrap); those of the test's own thread, the client, pass.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/limits.h"
#include "dnsd/table.h"
#include "tests/lib/fake_answer.h"
#include "tests/unit/dnsd_server/fixture.h"

#define UDP_NOERROR     "dns01d_dns_responses_total{transport=\"udp\",rcode=\"NOERROR\"}"
#define UDP_DROPPED(by) "dns01d_dns_dropped_total{transport=\"udp\",reason=\"" by "\"}"
#define TCP_DROPPED(by) "dns01d_dns_dropped_total{transport=\"tcp\",reason=\"" by "\"}"
#define OPEN_NOW        "dns01d_tcp_connections"

enum call { SENDMMSG, SEND, RECV, ACCEPT, EPOLL_ADD, EPOLL_CREATE, MEMINFO, RANDOM, CALLS };

/* After `skip` more calls, the next `times` fail with `error`. */
struct fault {
    _Atomic int skip;
    _Atomic int times;
    _Atomic int error;
};

struct faults {
    struct fault calls[CALLS];
    pthread_t client;        /* Its calls pass ... */
    _Atomic bool client_too; /* ... unless this is set. */
};

static struct faults *faults(void) {
    static struct faults all;
    return &all;
}

static void fail_next(enum call call, int times, int error) {
    atomic_store(&faults()->calls[call].error, error);
    atomic_store(&faults()->calls[call].times, times);
}

static void fail_later(enum call call, int skip, int error) {
    atomic_store(&faults()->calls[call].skip, skip);
    fail_next(call, 1, error);
}

/* All failures that were asked for have happened. */
static void expect_failed(enum call call) {
    assert_int_equal(atomic_load(&faults()->calls[call].times), 0);
}

static bool fails(enum call call) {
    struct fault *fault = &faults()->calls[call];
    bool client = pthread_equal(pthread_self(), faults()->client) != 0;
    if ((client && !atomic_load(&faults()->client_too)) || atomic_load(&fault->times) <= 0) {
        return false;
    }
    if (atomic_load(&fault->skip) > 0) {
        atomic_fetch_sub(&fault->skip, 1);
        return false;
    }
    atomic_fetch_sub(&fault->times, 1);
    errno = atomic_load(&fault->error);
    return true;
}

/* The names that the linker gives. */
int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t __real_send(int fd, const void *octets, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags);
ssize_t __real_recv(int fd, void *octets, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *octets, size_t length, int flags);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length);

ssize_t __real_getrandom(void *octets, size_t length, unsigned flags);
ssize_t __wrap_getrandom(void *octets, size_t length, unsigned flags);

ssize_t __wrap_getrandom(void *octets, size_t length, unsigned flags) {
    return fails(RANDOM) ? -1 : __real_getrandom(octets, length, flags);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    return fails(SENDMMSG) ? -1 : __real_sendmmsg(fd, messages, count, flags);
}

ssize_t __wrap_send(int fd, const void *octets, size_t length, int flags) {
    return fails(SEND) ? -1 : __real_send(fd, octets, length, flags);
}

ssize_t __wrap_recv(int fd, void *octets, size_t length, int flags) {
    return fails(RECV) ? -1 : __real_recv(fd, octets, length, flags);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    return fails(ACCEPT) ? -1 : __real_accept4(fd, address, length, flags);
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
    bool failing = operation == EPOLL_CTL_ADD && fails(EPOLL_ADD);
    return failing ? -1 : __real_epoll_ctl(epoll, operation, fd, event);
}

int __wrap_epoll_create1(int flags) {
    return fails(EPOLL_CREATE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
    bool failing = level == SOL_SOCKET && option == SO_MEMINFO && fails(MEMINFO);
    return failing ? -1 : __real_getsockopt(fd, level, option, value, length);
}

static int set_up(void **state) {
    static struct fixture fixture;
    memset(faults()->calls, 0, sizeof(faults()->calls));
    faults()->client = pthread_self();
    atomic_store(&faults()->client_too, false);
    fixture_init(&fixture, d1_fake_served());
    fixture.options.workers = 1;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    fixture_close(*state);
    return 0;
}

static void send_udp(int fd, uint16_t id) {
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, id, "", false));
}

static void expect_udp(int fd, uint16_t id) {
    uint8_t octets[64];
    assert_int_equal(receive_datagram(fd, octets, sizeof(octets)), D1_DNS_HEADER_BYTES);
    assert_int_equal(d1_load_u16(octets), id);
}

static void send_tcp(int fd, uint16_t id) {
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, id, "", true));
}

static void expect_tcp(int fd, uint16_t id) {
    uint8_t octets[64];
    assert_int_equal(receive_frame(fd, octets, sizeof(octets)), D1_DNS_HEADER_BYTES);
    assert_int_equal(d1_load_u16(octets), id);
}

/* The kernel has no room to send: once is tried again, twice is a dropped answer. */
static void udp_answers_are_tried_once_more(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    static const int errors[] = {EAGAIN, ENOBUFS, EINTR};
    for (uint16_t i = 0; i < D1_ARRAY_LENGTH(errors); i++) {
        fail_next(SENDMMSG, 1, errors[i]);
        send_udp(fd, i);
        expect_udp(fd, i);
        expect_failed(SENDMMSG);
        fail_next(SENDMMSG, 2, errors[i]);
        send_udp(fd, 100);
        fixture_await_metric(fixture, UDP_DROPPED("send"), i + 1U);
        expect_failed(SENDMMSG);
    }
    send_udp(fd, 101);
    expect_udp(fd, 101);
    close(fd);
}

/* A kernel that does not tell how many datagrams it threw away: nothing is shed. */
static void without_a_count_of_overflows_all_is_answered(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    d1_dnsd_address(fixture->dnsd, 0, &fixture->address);
    int fd = client_udp(&fixture->address);
    /* Before the worker reads, so that it finds full batches. */
    enum { COUNT = 3 * D1_UDP_BATCH };
    for (uint16_t i = 0; i < COUNT; i++) {
        send_udp(fd, i);
    }
    fail_next(MEMINFO, 1, ENOPROTOOPT);
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
    fixture_await_metric(fixture, UDP_NOERROR, COUNT);
    close(fd);
    /* It looks when its wake ends: the first of these may still belong to it, the second does not. */
    fd = client_udp(&fixture->address);
    for (uint16_t id = 1; id <= 2; id++) {
        send_udp(fd, id);
        expect_udp(fd, id);
    }
    close(fd);
    expect_failed(MEMINFO);
}

static void tcp_sends_what_the_kernel_did_not_take(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    static const int errors[] = {EAGAIN, ENOBUFS, EINTR};
    for (uint16_t i = 0; i < D1_ARRAY_LENGTH(errors); i++) {
        fail_next(SEND, 2, errors[i]); /* The second time, there was room and yet there is none. */
        send_tcp(fd, i);
        expect_tcp(fd, i);
        expect_failed(SEND);
    }
    close(fd);
}

static void a_broken_tcp_send_closes(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    fail_next(SEND, 1, EPIPE);
    send_tcp(fd, 1);
    expect_closed(fd);
    close(fd);
    fixture_await_metric(fixture, TCP_DROPPED("send"), 1);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void an_interrupted_tcp_read_is_made_again(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_tcp(&fixture->address);
    fixture_await_metric(fixture, OPEN_NOW, 1);
    fail_next(RECV, 1, EINTR);
    send_tcp(fd, 1);
    expect_tcp(fd, 1);
    expect_failed(RECV);
    close(fd);
}

/* An error of one connection in the queue is not one of the listener. */
static void accept_goes_on_to_the_next(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    fail_next(ACCEPT, 1, ECONNABORTED);
    int fd = client_tcp(&fixture->address);
    send_tcp(fd, 1);
    expect_tcp(fd, 1);
    expect_failed(ACCEPT);
    close(fd);
}

/* When the second answer is there, the worker has left the loop that accepted this connection. */
static void ask_twice(int fd) {
    for (uint16_t id = 1; id <= 2; id++) {
        send_tcp(fd, id);
        expect_tcp(fd, id);
    }
}

/* No descriptor and no memory: the oldest connection gives way, without one the listener rests. */
static void accept_without_means_waits_for_them(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    for (uint16_t i = 0; i < D1_ARRAY_LENGTH(errors); i++) {
        fail_next(ACCEPT, 1,
                  errors[i]); /* Nobody can give way: it rests, and takes it after that. */
        int oldest = client_tcp(&fixture->address);
        ask_twice(oldest);
        expect_failed(ACCEPT);
        fail_next(ACCEPT, 1, errors[i]);
        int newest = client_tcp(&fixture->address);
        ask_twice(newest);
        expect_failed(ACCEPT);
        expect_closed(oldest);
        close(oldest);
        close(newest);
        fixture_await_metric(fixture, OPEN_NOW, 0);
    }
}

static void one_connection_that_gives_way_may_not_be_enough(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int oldest = client_tcp(&fixture->address);
    ask_twice(oldest);
    fail_next(ACCEPT, 2, ENFILE);
    int newest = client_tcp(&fixture->address);
    ask_twice(newest);
    expect_failed(ACCEPT);
    expect_closed(oldest);
    close(oldest);
    close(newest);
}

static void a_rest_that_cannot_end_goes_on(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    fail_next(EPOLL_ADD, 1, ENOSPC); /* When the listener's first rest ends. */
    fail_next(ACCEPT, 1, ENFILE);
    int fd = client_tcp(&fixture->address);
    send_tcp(fd, 1);
    expect_tcp(fd, 1);
    expect_failed(EPOLL_ADD);
    close(fd);
}

/* The second of two listeners cannot be watched again; the first one is meanwhile. */
static void a_rest_that_ends_for_one_goes_on_for_the_other(void **state) {
    struct fixture *fixture = *state;
    struct sockaddr_storage second;
    fixture->listen[1] = "127.0.0.1:0";
    fixture->options.listen_count = 2;
    fixture_start(fixture);
    d1_dnsd_address(fixture->dnsd, 1, &second);
    fail_later(EPOLL_ADD, 1, ENOSPC);
    fail_next(ACCEPT, 1, ENFILE);
    int fd = client_tcp(&second);
    send_tcp(fd, 1);
    expect_tcp(fd, 1);
    expect_failed(EPOLL_ADD);
    close(fd);
}

/* fs.epoll.max_user_watches is reached: that connection cannot be kept. */
static void a_connection_that_cannot_be_watched_is_closed(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    fail_next(EPOLL_ADD, 1, ENOSPC);
    int fd = client_tcp(&fixture->address);
    expect_closed(fd);
    close(fd);
    fixture_await_metric(fixture, TCP_DROPPED("limit"), 1);
    fixture_await_metric(fixture, OPEN_NOW, 0);
}

static void no_server_without_an_epoll_set(void **state) {
    struct fixture *fixture = *state;
    atomic_store(&faults()->client_too, true);
    fail_next(EPOLL_CREATE, 1, EMFILE);
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), -EMFILE);
    fail_next(EPOLL_ADD, 1, ENOSPC);
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), -ENOSPC);
    expect_failed(EPOLL_ADD);
    fixture_start(fixture);
}

/* For the rates of its clients, and for a table of records. */
static void nothing_is_made_without_random_octets(void **state) {
    struct fixture *fixture = *state;
    struct d1_table *table = NULL;
    atomic_store(&faults()->client_too, true);
    fail_next(RANDOM, 1, ENOSYS);
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), -ENOSYS);
    expect_failed(RANDOM);
    fail_next(RANDOM, 1, ENOSYS);
    assert_int_equal(d1_table_create(fixture->epoch, &table), -ENOSYS);
    expect_failed(RANDOM);
    assert_null(table);
    fixture_start(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(udp_answers_are_tried_once_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_count_of_overflows_all_is_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tcp_sends_what_the_kernel_did_not_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_tcp_send_closes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_interrupted_tcp_read_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accept_goes_on_to_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accept_without_means_waits_for_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_connection_that_gives_way_may_not_be_enough, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_rest_that_cannot_end_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rest_that_ends_for_one_goes_on_for_the_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_made_without_random_octets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_cannot_be_watched_is_closed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_server_without_an_epoll_set, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("syscalls", tests, NULL, NULL);
}
