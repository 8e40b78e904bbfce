/*
 * UDP of one worker: its sockets on the worker's loop, and the batches it receives, answers and
 * sends with two system calls each.
 *
 * Threads: create before the loop runs; then everything is called on the loop's thread.
 * Memory: owns its sockets from create on; borrows loop and serving.
 * Limits: D1_UDP_BATCH datagrams per batch, D1_UDP_BATCHES_PER_WAKE batches per wake and socket. A
 *   query larger than D1_UDP_QUERY_MAX octets is dropped.
 */
#ifndef D1_DNSD_UDP_H
#define D1_DNSD_UDP_H

#include <uv.h>

#include "dnsd/serving.h"

struct d1_udp;

struct d1_udp_socket {
    int fd;
    bool wildcard; /* Answers must leave from the address that was asked: IP_PKTINFO is on. */
};

/* Take `count` bound sockets. Returns 0, and owns them; or -errno: the caller owns them still. */
int d1_udp_create(uv_loop_t *loop, struct d1_serving *serving, const struct d1_udp_socket *sockets,
                  size_t count, struct d1_udp **ret_udp);

/* Watch the sockets and answer. */
void d1_udp_start(struct d1_udp *udp);

/* Answer what the sockets hold now, within a bound. */
void d1_udp_drain(struct d1_udp *udp);

/* Take no more; answers of UPDATEs under way are still sent. */
void d1_udp_pause(struct d1_udp *udp);

/* Close the sockets. The loop must run once more before destroy. May be called again. */
void d1_udp_close(struct d1_udp *udp);

/* Closed, and the loop has run or was destroyed since. NULL is allowed. */
void d1_udp_destroy(struct d1_udp *udp);

#endif /* D1_DNSD_UDP_H */
