/*
 * Ask: one message to one given server, and its answer. UDP first, sent again each second while no
 * answer comes; TCP when the answer is truncated, or at once when asked for.
 *
 * What is taken for the answer: from the server's address and port to a port of the kernel's choice
 * (the socket is connected), QR set, same id, same opcode, and the same question (case apart) unless
 * an error came without one. Everything else is dropped. Signatures are the caller's business.
 *
 * Threads: the loop's. Callback law: after an error return `done` is never called, otherwise exactly
 *   once, from the loop, never before start has returned; not after a cancel.
 * Memory: the struct is the caller's, and may be freed or started again from `done`. The message is
 *   borrowed until then; the reply stands until `done` returns.
 * Limits: D1_DNS_MESSAGE_MAX octets both ways.
 */
#ifndef D1_DNS_ASK_H
#define D1_DNS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/attr.h"

struct d1_loop;

struct d1_ask {
    struct sockaddr_storage server;
    const uint8_t *message; /* At least a header and its question. */
    size_t length;
    bool tcp;          /* TCP at once. */
    uint32_t limit_ms; /* Altogether; at least 1. */
    void (*done)(struct d1_ask *ask, int err);

    /* Results, for done: err is 0, -ETIMEDOUT, -ECONNREFUSED ..., or D1_EPARSE (TCP only). */
    const uint8_t *reply;
    size_t reply_length;

    void *state; /* Its own. */
};

/* Start it. Returns 0, D1_EPARSE (no message to send), -ENOMEM or -errno. */
int d1_ask_start(struct d1_loop *loop, struct d1_ask *ask) D1_MUST_CHECK;

/* `done` will not be called. Only between start and done. */
void d1_ask_cancel(struct d1_ask *ask);

#endif /* D1_DNS_ASK_H */
