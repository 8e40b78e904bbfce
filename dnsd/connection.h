/*
 * What tcp.c (listeners, life) and connection.c (one connection) share: the state of both. Private to
 * them.
 *
 * Threads: the worker's only.
 */
#ifndef D1_DNSD_CONNECTION_H
#define D1_DNSD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/step.h"
#include "dnsd/tcp.h"
#include "dnsd/update.h"

#define D1_TCP_PARTIAL_MAX \
    1024 /* A shorter rest is put before the next read; a longer one grows. */

enum d1_connection_state { D1_READING, D1_DRAINING, D1_WAITING, D1_CLOSED, D1_CONNECTION_STATES };

/* What an epoll event points at. */
struct d1_tcp_source {
    int fd;
    bool listener;
};

struct d1_connection {
    struct d1_tcp_source source; /* First: an event's pointer is cast back. */
    struct d1_step state;
    uint32_t watched;          /* Of epoll, as last set. */
    bool ended;                /* Nothing more comes from the client. */
    bool proxied;              /* It begins with a PROXY header, which has not come whole yet. */
    uint64_t since_ms;         /* Last complete query, or last time it had taken all its answers. */
    struct d1_update_job *job; /* It is being applied, or waits here until D1_DRAINING has ended. */
    bool job_answered;         /* The latter. */
    struct d1_connection *older;
    struct d1_connection *newer;
    uint8_t *in; /* Read and not answered: an unfinished frame, or frames that wait. */
    size_t in_length;
    size_t in_capacity;
    uint8_t *unsent;
    size_t unsent_at;
    size_t unsent_length;
    union d1_peer peer;
};

struct d1_tcp {
    struct d1_tcp_options options;
    int epoll;
    uv_poll_t poll;
    uv_timer_t idle;  /* Runs while there are connections; at the oldest one's time. */
    uv_timer_t pause; /* Runs while the listeners rest. */
    uv_timer_t grace; /* Runs while draining at a stop. */
    bool stopping;
    bool closed;
    void (*drained)(void *arg);
    void *drained_arg;
    struct d1_connection *oldest;
    struct d1_connection *newest;
    struct d1_connection *dead; /* Linked by `newer`; freed at the end of the wake. */
    unsigned connections;
    size_t held; /* Octets in all `in` and `unsent`. */
    struct d1_answer_slot slots[D1_UDP_BATCH];
    uint8_t *replies; /* REPLY_STRIDE for each slot; pages are touched as answers need them. */
    uint8_t *out;     /* D1_TCP_UNSENT_BYTES_MAX: answers on their way to one write. */
    size_t out_length;
    uint8_t in[D1_TCP_PARTIAL_MAX + D1_TCP_READ_BYTES];
    struct d1_tcp_source listeners[];
};

static inline bool d1_connection_is(const struct d1_connection *connection,
                                    enum d1_connection_state state) {
    return connection->state.now == (unsigned)state;
}

/*
 * How long a connection may be idle now: the whole time while half of the connections are free, then
 * less the fewer are, down to a tenth.
 */
static inline uint64_t d1_tcp_idle_ms(const struct d1_tcp *tcp) {
    uint64_t idle_ms = tcp->options.idle_ms;
    uint64_t most = tcp->options.connections_max;
    uint64_t half = most / 2;
    if (tcp->connections <= half) {
        return idle_ms;
    }
    uint64_t shortened = idle_ms * (most - tcp->connections) / (most - half);
    uint64_t least = idle_ms / 10 + 1;
    return shortened > least ? shortened : least;
}

/* A new one takes its place among those of its tcp, READING, active now. */
void d1_connection_link(struct d1_tcp *tcp, struct d1_connection *connection);
void d1_connection_start(struct d1_connection *connection);

/* It was active now. */
void d1_connection_touch(struct d1_tcp *tcp, struct d1_connection *connection);

/* READING: answer and read while there is something, then wait for what its state needs. */
void d1_connection_serve(struct d1_tcp *tcp, struct d1_connection *connection);

/* Its descriptor is ready. */
void d1_connection_ready(struct d1_tcp *tcp, struct d1_connection *connection);

/* Close it; its memory goes with d1_connections_free_dead(). Dropped: and count why. */
void d1_connection_close(struct d1_tcp *tcp, struct d1_connection *connection);
void d1_connection_drop(struct d1_tcp *tcp, struct d1_connection *connection, enum d1_drop reason);

/* Close the one idle for longest. Returns false when there is none. */
bool d1_connections_close_oldest(struct d1_tcp *tcp);
void d1_connections_free_dead(struct d1_tcp *tcp);

/* All connections are closed, and it is stopping. */
void d1_tcp_finish_drain(struct d1_tcp *tcp);

#endif /* D1_DNSD_CONNECTION_H */
