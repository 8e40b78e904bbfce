/*
 * Carrier: the transport with connections. HTTP by http/client.h, DNS by dns/ask.h, programs by
 * providers/spawn.h, zones and looking by the resolver.
 *
 * Addresses are checked after they are resolved, for each connection: public ones only, and what
 * the account's networks hold. Without TLS only the account's networks. (With a proxy it is the
 * proxy that connects, and its address is not checked: it is the operator's.)
 *
 * Threads: its loop's. See providers/transport.h for the rest.
 */
#ifndef D1_PROVIDERS_CARRIER_H
#define D1_PROVIDERS_CARRIER_H

#include "providers/transport.h"

struct d1_carrier;
struct d1_loop;
struct d1_resolver;

/* Loop and resolver are borrowed. Returns 0 or -ENOMEM. */
int d1_carrier_create(struct d1_loop *loop, struct d1_resolver *resolver,
                      struct d1_carrier **ret_carrier);

struct d1_transport *d1_carrier_transport(struct d1_carrier *carrier);

/*
 * All exchanges must be over or canceled. `closed(arg)` (NULL is allowed) is called from the loop
 * when nothing is left of it.
 */
void d1_carrier_close(struct d1_carrier *carrier, void (*closed)(void *arg), void *arg);

#endif /* D1_PROVIDERS_CARRIER_H */
