#include "tests/unit/dnsd_server/fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/net.h"

static void on_asked(const struct d1_asked *asked, void *arg) {
    struct fixture *fixture = arg;
    if (atomic_exchange(&fixture->hold_control, false)) {
        sem_post(&fixture->holding);
        sem_wait(&fixture->let_go);
    }
    fixture->last_asked = *asked;
    atomic_fetch_add(&fixture->asked_count, 1);
    sem_post(&fixture->asked);
}

void fixture_init(struct fixture *fixture, struct d1_served *served) {
    memset(fixture, 0, sizeof(*fixture));
    fixture->live = d1_mem_live();
    assert_int_equal(d1_loop_create("control", &fixture->control), 0);
    assert_int_equal(d1_epoch_create(8, &fixture->epoch), 0);
    assert_int_equal(d1_metrics_create(&fixture->metrics), 0);
    atomic_init(&fixture->current.served, served);
    d1_fake_clock_init(&fixture->clock, 1700000000123);
    sem_init(&fixture->asked, 0, 0);
    sem_init(&fixture->stopped, 0, 0);
    sem_init(&fixture->holding, 0, 0);
    sem_init(&fixture->let_go, 0, 0);
    fixture->listen[0] = "127.0.0.1:0";
    fixture->options = (struct d1_dnsd_options){
        .loop = fixture->control,
        .clock = &fixture->clock.clock,
        .epoch = fixture->epoch,
        .current = &fixture->current,
        .answering = &fixture->answering,
        .metrics = fixture->metrics,
        .workers = 2,
        .listen_count = 1,
        .listen = fixture->listen,
        .on_asked = on_asked,
        .arg = fixture,
    };
}

void fixture_start(struct fixture *fixture) {
    struct d1_error error = {0};
    int err = d1_dnsd_create(&fixture->options, &fixture->dnsd, &error);
    if (err != D1_OK) {
        fail_msg("create: %s", error.text);
    }
    if (fixture->created != NULL) {
        fixture->created(fixture);
    }
    d1_dnsd_address(fixture->dnsd, 0, &fixture->address);
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
}

static void on_stopped(void *arg) {
    struct fixture *fixture = arg;
    sem_post(&fixture->stopped);
}

static void on_stop_message(struct d1_message *message) {
    struct fixture *fixture = D1_CONTAINER_OF(message, struct fixture, stop_message);
    d1_dnsd_stop(fixture->dnsd, fixture->grace_ms, on_stopped, fixture);
}

void fixture_request_stop(struct fixture *fixture, uint64_t grace_ms) {
    assert_null(fixture->stop_message.run);
    fixture->stop_message.run = on_stop_message;
    fixture->grace_ms = grace_ms;
    d1_loop_post(fixture->control, &fixture->stop_message);
}

void fixture_wait(sem_t *semaphore) {
    struct timespec until;
    assert_int_equal(timespec_get(&until, TIME_UTC), TIME_UTC);
    until.tv_sec += PATIENCE_MS / 1000;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

void fixture_wait_stopped(struct fixture *fixture) {
    fixture_wait(&fixture->stopped);
    d1_loop_stop(fixture->control);
    d1_loop_join(fixture->control);
    d1_dnsd_destroy(fixture->dnsd);
    fixture->dnsd = NULL;
}

void fixture_close(struct fixture *fixture) {
    if (fixture->dnsd != NULL) {
        if (fixture->stop_message.run == NULL) {
            fixture_request_stop(fixture, PATIENCE_MS);
        }
        fixture_wait_stopped(fixture);
    }
    d1_loop_destroy(fixture->control);
    d1_epoch_destroy(fixture->epoch);
    d1_metrics_destroy(fixture->metrics);
    sem_destroy(&fixture->asked);
    sem_destroy(&fixture->stopped);
    sem_destroy(&fixture->holding);
    sem_destroy(&fixture->let_go);
    assert_int_equal(d1_mem_live(), fixture->live);
}

/* Returns whether the line is there. */
static bool read_metric(struct fixture *fixture, const char *name, uint64_t *ret_value) {
    struct d1_bytes text;
    d1_bytes_init(&text, 1 << 20);
    assert_int_equal(d1_metrics_write(fixture->metrics, &text), 0);
    const char *line = strstr(d1_bytes_text(&text), name);
    bool found = line != NULL && line[strlen(name)] == ' ';
    if (found) {
        *ret_value = strtoull(line + strlen(name) + 1, NULL, 10);
    }
    d1_bytes_close(&text);
    return found;
}

uint64_t fixture_metric(struct fixture *fixture, const char *name) {
    char line[160] = "\n";
    strncat(line, name, sizeof(line) - 2);
    uint64_t value = 0;
    if (!read_metric(fixture, line, &value)) {
        fail_msg("no metric %s", name);
    }
    return value;
}

void fixture_await_metric(struct fixture *fixture, const char *name, uint64_t value) {
    const struct d1_clock *clock = d1_clock_system();
    int64_t until = d1_clock_mono_us(clock) + PATIENCE_MS * INT64_C(1000);
    while (fixture_metric(fixture, name) != value) {
        if (d1_clock_mono_us(clock) > until) {
            fail_msg("%s is %llu, not %llu", name,
                     (unsigned long long)fixture_metric(fixture, name), (unsigned long long)value);
        }
        sched_yield();
    }
}

static int client(const struct sockaddr_storage *address, int type) {
    int fd = socket(address->ss_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, d1_address_length(address)), 0);
    return fd;
}

int client_udp(const struct sockaddr_storage *address) {
    return client(address, SOCK_DGRAM);
}

int client_tcp(const struct sockaddr_storage *address) {
    int fd = client(address, SOCK_STREAM);
    int one = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    return fd;
}

size_t make_query(uint8_t *ret_octets, uint16_t id, const char *orders, bool tcp) {
    size_t orders_length = strlen(orders);
    size_t length = D1_DNS_HEADER_BYTES + orders_length;
    uint8_t *at = ret_octets;
    if (tcp) {
        d1_store_u16(at, (uint16_t)length);
        at += 2;
    }
    memset(at, 0, D1_DNS_HEADER_BYTES);
    d1_store_u16(at, id);
    memcpy(at + D1_DNS_HEADER_BYTES, orders, orders_length);
    return length + (tcp ? 2 : 0);
}

void send_octets(int fd, const void *octets, size_t length) {
    const uint8_t *at = octets;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        length -= (size_t)sent;
    }
}

void receive_octets(int fd, uint8_t *ret_octets, size_t length) {
    size_t at = 0;
    while (at < length) {
        ssize_t received = recv(fd, ret_octets + at, length - at, 0);
        assert_true(received > 0);
        at += (size_t)received;
    }
}

size_t receive_frame(int fd, uint8_t *ret_octets, size_t size) {
    uint8_t length_octets[2];
    receive_octets(fd, length_octets, 2);
    size_t length = d1_load_u16(length_octets);
    assert_true(length <= size);
    receive_octets(fd, ret_octets, length);
    return length;
}

size_t receive_datagram(int fd, uint8_t *ret_octets, size_t size) {
    ssize_t received = recv(fd, ret_octets, size, 0);
    assert_true(received >= 0);
    return (size_t)received;
}

void expect_closed(int fd) {
    uint8_t octets[4096];
    ssize_t received = 1;
    while (received > 0) {
        received = recv(fd, octets, sizeof(octets), 0);
    }
    assert_true(received == 0 || errno == ECONNRESET);
}
