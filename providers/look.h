/*
 * Look: whether every authoritative server of a zone answers a TXT value, asked until it does.
 *
 * The zone of the name and its servers are found through the resolver; then each server is asked by
 * UDP, or TCP once it has not answered by UDP, and again after D1_LOOK_POLL_MS, growing, until all
 * have answered the value. A server that never answers anything is left out after D1_LOOK_SILENT
 * rounds, when others confirm: it does not answer certificate authorities either.
 *
 * Threads: the loop's. Callback law: `done` exactly once, from the loop, never before start has
 *   returned; after a cancel, too. After an error return never.
 * Memory: the struct is the caller's until done; name, value and networks are borrowed until done or
 *   cancel.
 */
#ifndef D1_PROVIDERS_LOOK_H
#define D1_PROVIDERS_LOOK_H

#include <stdint.h>

#include <uv.h>

#include "core/cidr.h"
#include "dns/ask.h"
#include "dns/authority.h"

#define D1_LOOK_POLL_MS 1000
#define D1_LOOK_ASK_MS  2500 /* One server, one question. */
#define D1_LOOK_SILENT  4

struct d1_look;

/* One server. */
struct d1_look_server {
    struct d1_look *look;
    struct d1_ask ask;
    bool confirmed;
    bool answered; /* Ever, whatever it was. */
    unsigned silent;
    uint8_t message[D1_DNS_HEADER_BYTES + D1_NAME_OCTETS_MAX + 4];
};

struct d1_look {
    const char *fqdn;
    const char *value;
    const struct d1_cidr *networks; /* Private ones where its servers may be. */
    size_t network_count;
    uint32_t limit_ms;
    void (*done)(struct d1_look *look);

    /* Results, for done. */
    int err;        /* 0: every server answers it; else D1_ENOTYET, D1_ECANCELED. */
    char text[160]; /* What is in the way; constant per cause. */

    /* Its own. */
    struct d1_loop *loop;
    struct d1_resolver *resolver;
    struct d1_name name;
    struct d1_zone_cut cut;
    struct d1_zone_servers zone;
    struct d1_look_server *server;
    size_t count;
    size_t asking; /* Questions under way. */
    uint64_t until_ms;
    uint64_t wait_ms;
    int stage;
    bool canceled;
    uv_timer_t *timer;
};

/* Start it. Returns 0, D1_ENAME, -ENOMEM or what the resolver returns. */
int d1_look_start(struct d1_look *look, struct d1_loop *loop, struct d1_resolver *resolver);

/* `done` is called soon, with D1_ECANCELED. */
void d1_look_cancel(struct d1_look *look);

/* Whether an answer holds that TXT value at that name. For tests and the fuzz target. */
bool d1_look_holds(const uint8_t *message, size_t length, const struct d1_name *name,
                   const char *value);

#endif /* D1_PROVIDERS_LOOK_H */
