/*
 * The Host of requests to a plain listener on loopback, where browsers of this host come too: a page
 * of any site can have its own name resolve to 127.0.0.1 and then reads answers as its own (DNS
 * rebinding). Its requests say that name in Host, which is how they are told from others.
 *
 * Threads: pure function.
 */
#ifndef D1_WEBHOOK_HOST_H
#define D1_WEBHOOK_HOST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether "HOST" or "HOST:PORT" is an IP address, localhost, a name below it (RFC 6761, 6.3), or one
 * of `names` (no final dot). Case and a final dot do not matter.
 */
bool d1_host_is_ours(const char *host, char *const *names, size_t count);

#endif /* D1_WEBHOOK_HOST_H */
