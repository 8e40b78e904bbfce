/*
 * Channel: JSON messages between dns01d and its provider process, over one socket. A message is its
 * length in four octets, most significant first, and that many octets of JSON.
 *
 * Threads: one loop.
 * Memory: the struct is the caller's until `closed` was called.
 * Limits: D1_CHANNEL_MESSAGE_MAX octets a message; D1_CHANNEL_UNSENT_MAX octets unsent, then send
 *   fails with D1_ELIMIT.
 */
#ifndef D1_PROVIDERS_CHANNEL_H
#define D1_PROVIDERS_CHANNEL_H

#include <jansson.h>
#include <uv.h>

#include "core/attr.h"

#define D1_CHANNEL_MESSAGE_MAX 1048576
#define D1_CHANNEL_UNSENT_MAX  67108864

struct d1_channel {
    /* A message; borrowed until it returns. */
    void (*received)(struct d1_channel *channel, const json_t *message);
    /*
     * Once, when the other side is gone, has sent what is no message, or after close. Nothing is
     * received afterwards; the struct may be freed.
     */
    void (*closed)(struct d1_channel *channel);

    /* Its own. */
    uv_pipe_t pipe;
    uint8_t *buffer;
    size_t received_length;
    size_t unsent;
};

/* Make the pipe, so that a process can be given its other end, or d1_channel_open() an old one. */
void d1_channel_init(struct d1_channel *channel, uv_loop_t *loop);

/* Use a connected socket. Returns 0 or -errno; then close it nevertheless. */
int d1_channel_open(struct d1_channel *channel, int fd) D1_MUST_CHECK;

/* Begin to receive. Returns 0, -ENOMEM or -errno. */
int d1_channel_start(struct d1_channel *channel) D1_MUST_CHECK;

/* Send; the message's reference is taken, always. Returns 0, D1_ELIMIT, D1_ETOOLARGE or -errno. */
int d1_channel_send(struct d1_channel *channel, json_t *message) D1_MUST_CHECK;

/* `closed` follows from the loop. Twice is allowed. */
void d1_channel_close(struct d1_channel *channel);

#endif /* D1_PROVIDERS_CHANNEL_H */
