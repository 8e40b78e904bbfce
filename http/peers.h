/*
 * Peers: how many connections each client address holds, so that no one takes all of them. An IPv6
 * client is its /64.
 *
 * Threads: the loop's thread.
 * Memory: one entry for each address with a connection.
 * Limits: as many addresses as there are connections.
 */
#ifndef D1_HTTP_PEERS_H
#define D1_HTTP_PEERS_H

#include <sys/socket.h>

struct d1_http_peers;

/* Returns 0, -ENOMEM or -errno (no random key). */
int d1_http_peers_create(struct d1_http_peers **ret_peers);

/* NULL is allowed. */
void d1_http_peers_destroy(struct d1_http_peers *peers);

/*
 * Count one more connection, unless the address has `max` (0: any number). Returns 0, D1_ELIMIT or
 * -ENOMEM; then nothing was counted. A Unix socket is not counted, and always 0.
 */
int d1_http_peers_add(struct d1_http_peers *peers, const struct sockaddr_storage *address,
                      unsigned max);

/* One that was counted has ended. */
void d1_http_peers_remove(struct d1_http_peers *peers, const struct sockaddr_storage *address);

#endif /* D1_HTTP_PEERS_H */
