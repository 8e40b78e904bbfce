/*
 * TCP of one worker: listeners and connections (RFC 7766), on the worker's loop.
 *
 * Threads: create before the loop runs; then everything is called on the loop's thread.
 * Memory: owns its listening sockets from create on; borrows loop and serving.
 * Limits: connections_max connections, over which the oldest idle one is closed; per connection
 *   D1_TCP_UNSENT_BYTES_MAX unsent octets and one unfinished frame; D1_TCP_HELD_BYTES_MAX of both
 *   in all connections.
 */
#ifndef D1_DNSD_TCP_H
#define D1_DNSD_TCP_H

#include <uv.h>

#include "dnsd/serving.h"

struct d1_tcp;

struct d1_tcp_options {
    uv_loop_t *loop;
    struct d1_serving *serving;
    const int *listeners; /* Listening, non-blocking, TCP_NODELAY set (connections inherit it). */
    size_t listeners_count;
    unsigned connections_max; /* At least 1. */
    unsigned idle_ms;         /* At least 1. */
};

/* Returns 0, and owns the listeners; or -errno, and the caller owns them still. */
int d1_tcp_create(const struct d1_tcp_options *options, struct d1_tcp **ret_tcp);

/* Watch the listeners and answer. */
void d1_tcp_start(struct d1_tcp *tcp);

/*
 * Take what the listeners hold, close them, answer what the connections hold, send what they are
 * owed, for grace_ms at most; then all is closed and drained(arg) is called, once, maybe before this
 * returns.
 */
void d1_tcp_drain(struct d1_tcp *tcp, uint64_t grace_ms, void (*drained)(void *arg), void *arg);

/* Close everything now. The loop must run once more before destroy. May be called again. */
void d1_tcp_close(struct d1_tcp *tcp);

/* Closed, and the loop has run or was destroyed since. NULL is allowed. */
void d1_tcp_destroy(struct d1_tcp *tcp);

#endif /* D1_DNSD_TCP_H */
