/*
 * Which client stands behind trusted proxies.
 *
 * Threads: pure functions, no allocation.
 */
#ifndef D1_WEBHOOK_CIDR_H
#define D1_WEBHOOK_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/cidr.h"

/*
 * One X-Forwarded-For value read from right to left: as long as *address is a trusted proxy, the
 * next element takes its place. An element that is no address (a port and brackets are allowed)
 * ends the walk. Returns whether the walk reached the value's left end, and so may go on in an
 * earlier header.
 */
bool d1_forwarded_walk(const char *value, const struct d1_cidr *trusted, size_t count,
                       struct d1_ip *address);

#endif /* D1_WEBHOOK_CIDR_H */
