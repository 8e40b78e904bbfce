/*
 * Listening sockets of the DNS server: for each address one UDP and one TCP socket per worker, all
 * on the same port (SO_REUSEPORT: the kernel spreads clients over them).
 *
 * Threads: called on the control thread, before the workers start.
 */
#ifndef D1_DNSD_LISTEN_H
#define D1_DNSD_LISTEN_H

#include <sys/socket.h>

#include "core/err.h"

/* The sockets of one worker at one address; -1 where there is none. */
struct d1_listen_pair {
    int udp;
    int tcp;
};

/*
 * Bind `workers` pairs at *address; a port 0 becomes one that was free for both transports, and is
 * written back. Another program that listens there is always noticed, also one of ours: the first
 * socket of each kind is bound without SO_REUSEPORT, which is set only then.
 *
 * Returns 0, or -errno with a story that names address and reason; then no socket is left open.
 */
int d1_listen_bind(struct sockaddr_storage *address, unsigned workers,
                   struct d1_listen_pair *ret_pairs, struct d1_error *error);

/* Close what is open of `count` pairs, and set them to -1. */
void d1_listen_close(struct d1_listen_pair *pairs, size_t count);

#endif /* D1_DNSD_LISTEN_H */
