/*
 * Serving: what one worker answers with, whatever the transport: its reader of the epoch, the data
 * served now, its counters, and the way of timeline events to the control thread.
 *
 * Threads: used by its worker's thread only, between the worker's start and end.
 * Memory: borrows everything it names.
 * Limits: D1_UDP_BATCH slots per batch.
 */
#ifndef D1_DNSD_SERVING_H
#define D1_DNSD_SERVING_H

#include "core/epoch.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "dnsd/answer.h"
#include "dnsd/options.h"

struct d1_asked_ring;
struct d1_clock;
struct d1_updates;

enum d1_transport { D1_TRANSPORT_UDP, D1_TRANSPORT_TCP, D1_TRANSPORTS };

/* Why a message got no answer, or a connection ended early: label `reason`. */
enum d1_drop {
    D1_DROP_UNANSWERABLE, /* Shorter than a header, or a response (QR=1). */
    D1_DROP_OVERSIZE,     /* A datagram larger than any query we take. */
    D1_DROP_SOURCE_PORT,  /* From port 0: nobody can be answered there. */
    D1_DROP_NO_DATA,      /* No zones are loaded yet. */
    D1_DROP_SEND,         /* The kernel did not take the answer. */
    D1_DROP_FRAME,        /* TCP: a frame shorter than a header; the connection ends. */
    D1_DROP_IDLE,         /* TCP: connection closed: no complete query for tcp_idle_ms. */
    D1_DROP_LIMIT,        /* TCP: the oldest connection closed, or a new one refused, at a limit. */
    D1_DROP_SELF,         /* UDP: from one of our own addresses and ports. */
    D1_DROP_PROXY,        /* No PROXY header where one is required, or a malformed one. */
    D1_DROP_OVERLOAD,     /* UDP: not NOERROR, while more comes than can be answered. */
    D1_DROPS,
};

/* First cells of our families in every block. */
struct d1_serving_cells {
    uint32_t responses; /* transport * D1_SERVING_RCODES + rcode's series */
    uint32_t dropped;   /* transport * D1_DROPS + enum d1_drop */
    uint32_t unexpected;
    uint32_t connections;
    uint32_t timeline_dropped;
    uint32_t rate_limited; /* Truncated, dropped. */
};

#define D1_SERVING_RCODES 8

struct d1_serving {
    struct d1_epoch *epoch;
    unsigned reader;
    struct d1_served_current *current;
    struct d1_options_current *options;
    struct d1_rate *rate; /* For UDP. */
    const struct d1_clock *clock;
    struct d1_metrics_block *block;
    struct d1_serving_cells cells;
    struct d1_asked_ring *asked; /* NULL: nobody wants timeline events. */
    struct d1_updates *updates;  /* For what d1_answer_batch leaves aside. */
    size_t jobs;                 /* Slots of the last batch that hold a job; its taker sets 0. */
    struct d1_loop *control;
    struct d1_message *asked_wake; /* Posted to `control` when the ring must be drained. */
    size_t limited; /* Slots of the last batch whose answer was dropped as too many. */
};

/* Add our families. Returns 0, D1_ELIMIT or -ENOMEM. */
int d1_serving_families(struct d1_metrics *metrics, struct d1_serving_cells *ret_cells);

/* The options now, for somebody online, until its next batch is answered; NULL: none. */
static inline const struct d1_options *d1_serving_options(const struct d1_serving *serving) {
    return atomic_load_explicit(&serving->options->options, memory_order_acquire);
}

/* Whether that peer is a proxy, whose PROXY header is required and believed. */
static inline bool d1_serving_is_proxy(const struct d1_options *options,
                                       const union d1_peer *peer) {
    struct d1_ip address = d1_peer_ip(peer);
    return d1_cidr_any_contains(options->proxies, options->proxies_count, &address);
}

/* Around everything a loop callback does with what is served. */
static inline void d1_serving_online(const struct d1_serving *serving) {
    d1_epoch_online(serving->epoch, serving->reader);
}

static inline void d1_serving_offline(const struct d1_serving *serving) {
    d1_epoch_offline(serving->epoch, serving->reader);
}

/*
 * Answer a batch from what is served now; nothing served: no slot gets an answer. Quiesces first.
 * idle_ms is how long a TCP connection may be idle now; UDP: 0. Returns why slots without an answer
 * have none, but for `limited` ones, which are counted here.
 */
enum d1_drop d1_serving_answer(struct d1_serving *serving, struct d1_answer_slot *slots,
                               size_t count, uint64_t idle_ms);

/* Count the slots' answers and tell the timeline of those that asked for a challenge. */
void d1_serving_tally(struct d1_serving *serving, enum d1_transport transport,
                      const struct d1_answer_slot *slots, size_t count);

/* Count one answer that was sent later than its batch. */
void d1_serving_count(struct d1_serving *serving, enum d1_transport transport, uint8_t rcode);

static inline void d1_serving_drop(struct d1_serving *serving, enum d1_transport transport,
                                   enum d1_drop reason, uint64_t count) {
    d1_count(serving->block,
             serving->cells.dropped + (uint32_t)transport * D1_DROPS + (uint32_t)reason, count);
}

/* A TCP connection more (1) or less (-1): the gauge is the sum over the workers. */
static inline void d1_serving_connections(struct d1_serving *serving, int more) {
    d1_count(serving->block, serving->cells.connections, (uint64_t)(int64_t)more);
}

#endif /* D1_DNSD_SERVING_H */
