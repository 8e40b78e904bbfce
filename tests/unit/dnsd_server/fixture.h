/*
 * A DNS server on loopback, and clients of it that fail the test when nothing comes within
 * PATIENCE_MS. Its answers are those of tests/lib/fake_answer.c where a program links that.
 */
#ifndef D1_TESTS_DNSD_FIXTURE_H
#define D1_TESTS_DNSD_FIXTURE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/loop.h"
#include "dnsd/server.h"

#define PATIENCE_MS 10000

struct fixture {
    struct d1_loop *control;
    struct d1_epoch *epoch;
    struct d1_metrics *metrics;
    struct d1_served_current current;
    struct d1_options_current answering;
    struct d1_fake_clock clock;
    struct d1_dnsd *dnsd;
    const char *listen[4];
    struct d1_dnsd_options options; /* Change it between fixture_init and fixture_start. */
    struct sockaddr_storage address;
    sem_t asked;   /* Posted for each event. */
    sem_t stopped; /* Posted when the server has stopped. */
    struct d1_asked last_asked;
    _Atomic unsigned asked_count;
    _Atomic bool hold_control; /* on_asked waits for `let_go` first. */
    sem_t holding;
    sem_t let_go;
    struct d1_message stop_message;
    uint64_t grace_ms;
    void (*created)(struct fixture *fixture); /* NULL, or called between create and start. */
    int64_t live;                             /* Allocations before. */
};

/* Two workers, at 127.0.0.1:0 unless options say otherwise. */
void fixture_init(struct fixture *fixture, struct d1_served *served);
void fixture_start(struct fixture *fixture);

/* Ask the server to stop, from the control loop. */
void fixture_request_stop(struct fixture *fixture, uint64_t grace_ms);
void fixture_wait_stopped(struct fixture *fixture);

/* Stop, unless that is done, destroy all, and check that nothing is left. */
void fixture_close(struct fixture *fixture);

/* The value of a line of the metrics, "dns01d_..{..}"; fails when there is no such line. */
uint64_t fixture_metric(struct fixture *fixture, const char *name);

/* Wait until it has reached a value (PATIENCE_MS at most). */
void fixture_await_metric(struct fixture *fixture, const char *name, uint64_t value);

void fixture_wait(sem_t *semaphore);

/* Connected sockets that time out. */
int client_udp(const struct sockaddr_storage *address);
int client_tcp(const struct sockaddr_storage *address);

/* A message with this id and these orders, in a frame when `tcp`. Returns its octets. */
size_t make_query(uint8_t *ret_octets, uint16_t id, const char *orders, bool tcp);

void send_octets(int fd, const void *octets, size_t length);
void receive_octets(int fd, uint8_t *ret_octets, size_t length);

/* Receive one frame; returns its length. */
size_t receive_frame(int fd, uint8_t *ret_octets, size_t size);

/* Receive one datagram; returns its length. */
size_t receive_datagram(int fd, uint8_t *ret_octets, size_t size);

/* The server has closed: end of stream or reset. */
void expect_closed(int fd);

#endif /* D1_TESTS_DNSD_FIXTURE_H */
