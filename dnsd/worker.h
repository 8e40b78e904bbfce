/*
 * Worker: one loop in a thread of its own ("dns-0" ...), with its sockets, its reader of the epoch,
 * its counters and its ring of timeline events. Workers share nothing they write to.
 *
 * Threads: create, start, stop, join and destroy on the control thread. `asked` and `ended` run on
 *   the control loop.
 * Memory: owns loop, ring, and the sockets it took over; borrows what the options name.
 */
#ifndef D1_DNSD_WORKER_H
#define D1_DNSD_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"
#include "dnsd/listen.h"
#include "dnsd/serving.h"

struct d1_tcp;
struct d1_udp;
struct d1_updates;

struct d1_worker_options {
    unsigned index; /* Its reader of the epoch, and its name. */
    struct d1_epoch *epoch;
    struct d1_served_current *current;
    struct d1_options_current *answering;
    const struct d1_clock *clock;
    struct d1_metrics *metrics;
    struct d1_serving_cells cells;
    struct d1_loop *control;
    unsigned connections_max;
    unsigned idle_ms;
    bool wants_asked;
    void (*asked)(struct d1_message *message); /* Its ring must be drained: `asked_wake`. */
    void (*ended)(struct d1_message *message); /* Its thread ends now, join it: `ended`. */
    void *owner;
};

/* Written by its own thread; what others write stands at the end, and is off the answer path. */
struct d1_worker {
    _Alignas(D1_CACHE_LINE) struct d1_serving serving;
    struct d1_loop *loop;
    struct d1_udp *udp;
    struct d1_tcp *tcp;
    struct d1_updates *updates;
    unsigned draining;          /* Parts that are not done yet, after the stop message. */
    struct d1_asked_ring *ring; /* NULL unless wants_asked. */
    void *owner;
    uint64_t grace_ms;
    _Alignas(D1_CACHE_LINE) struct d1_message asked_wake;
    struct d1_message ended;
    struct d1_message begin;
    struct d1_message stop; /* Or abort. */
};

/* One address: the sockets for this worker and whether it is a wildcard. */
struct d1_worker_listen {
    struct d1_listen_pair *pair; /* Set to -1 as they are taken over, also when create fails. */
    bool wildcard;
};

/* At most D1_LISTENERS_MAX addresses. Returns 0 or -errno. */
int d1_worker_create(const struct d1_worker_options *options, const struct d1_worker_listen *listen,
                     size_t listen_count, struct d1_worker **ret_worker);

/* Start the thread, which answers nothing yet. Returns 0 or -errno. */
int d1_worker_start(struct d1_worker *worker);

/* Started: have it answer. */
void d1_worker_begin(struct d1_worker *worker);

/* Begun: have it answer what its sockets hold, send what it owes (grace_ms at most) and end. Once. */
void d1_worker_stop(struct d1_worker *worker, uint64_t grace_ms);

/* Started and not begun: have it end; nothing is posted. */
void d1_worker_abort(struct d1_worker *worker);

/* Wait for its thread to end. */
void d1_worker_join(struct d1_worker *worker);

/* Not started, or joined. NULL is allowed. */
void d1_worker_destroy(struct d1_worker *worker);

#endif /* D1_DNSD_WORKER_H */
