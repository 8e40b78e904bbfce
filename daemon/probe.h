/*
 * Probe: asks our own DNS server one real question over UDP and one over TCP, at its public socket,
 * again and again. Readiness is what it saw last.
 *
 * Threads: the control loop; d1_probe_ok may be called from any thread.
 * Memory: borrows the loop until `closed` was called.
 */
#ifndef D1_DAEMON_PROBE_H
#define D1_DAEMON_PROBE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "dns/name.h"

struct d1_loop;
struct d1_probe;

/*
 * Ask `address` for the SOA of `name`: at once, then every D1_PROBE_PERIOD_MS while well and every
 * D1_PROBE_RETRY_MS while not. changed(arg) is called when the outcome changes.
 */
int d1_probe_create(struct d1_loop *loop, const struct sockaddr_storage *address,
                    const struct d1_name *name, void (*changed)(void *arg), void *arg,
                    struct d1_probe **ret_probe);

/*
 * Have a PROXY header before its questions where proxied(arg, from) says that our own server wants
 * one from that address. Called right after create.
 */
void d1_probe_set_proxied(struct d1_probe *probe,
                          bool (*proxied)(void *arg, const struct sockaddr_storage *from),
                          void *arg);

/* Whether both questions of the last round were answered. */
bool d1_probe_ok(const struct d1_probe *probe);

/* Ends and frees it; closed(arg) is called from the loop. */
void d1_probe_close(struct d1_probe *probe, void (*closed)(void *arg), void *arg);

#define D1_PROBE_PERIOD_MS  10000
#define D1_PROBE_RETRY_MS   1000
#define D1_PROBE_TIMEOUT_MS 2000

#endif /* D1_DAEMON_PROBE_H */
