/*
 * Authority: in which zone a name stands, and the addresses of the servers that answer for a zone.
 *
 * Zone cut: the SOA of the name is asked for, then of its parent and so on, until one has an SOA of
 * its own (one found behind a CNAME is another zone's). Servers: the zone's NS records, then the A
 * and AAAA records of each, one question at a time; names without an address are left out.
 *
 * Threads: the resolver's loop. Callback law as in dns/resolve.h.
 * Memory: the structs are the caller's and stay untouched by him until their `done`.
 * Limits: D1_AUTHORITY_NAMES_MAX name servers and D1_AUTHORITY_ADDRESSES_MAX addresses of a zone
 *   (more are left out), `limit_ms` altogether.
 */
#ifndef D1_DNS_AUTHORITY_H
#define D1_DNS_AUTHORITY_H

#include <sys/socket.h>

#include "dns/resolve.h"

/* ---- The zone of a name ---- */

struct d1_zone_cut {
    void (*done)(struct d1_zone_cut *cut);

    /* For done. DATA: `zone` is set; else what the resolvers said of `zone`, where it stopped. */
    enum d1_resolve_outcome outcome;
    uint8_t rcode;
    bool secure; /* The SOA was validated. */
    struct d1_name zone;

    /* Its own. */
    struct d1_resolver *resolver;
    struct d1_resolve_query query;
    int64_t until_us;
};

/* Start it; `done` is set. Returns 0 or what `ask` returns. */
int d1_zone_cut_start(struct d1_zone_cut *cut, struct d1_resolver *resolver,
                      const struct d1_name *name, uint32_t limit_ms);
void d1_zone_cut_cancel(struct d1_zone_cut *cut);

/* ---- The servers of a zone ---- */

struct d1_zone_servers {
    void (*done)(struct d1_zone_servers *servers);

    /*
     * For done. DATA: at least one address, each with port 53; NODATA: the zone's servers have
     * none; else what the resolvers said of the zone's NS records.
     */
    enum d1_resolve_outcome outcome;
    uint8_t rcode;
    size_t names_count;
    struct d1_name names[D1_AUTHORITY_NAMES_MAX];
    size_t count;
    struct sockaddr_storage addresses[D1_AUTHORITY_ADDRESSES_MAX];

    /* Its own. */
    struct d1_resolver *resolver;
    struct d1_resolve_query query;
    size_t at;
    int64_t until_us;
};

/* Start it; `done` is set. Returns 0 or what `ask` returns. */
int d1_zone_servers_start(struct d1_zone_servers *servers, struct d1_resolver *resolver,
                          const struct d1_name *zone, uint32_t limit_ms);
void d1_zone_servers_cancel(struct d1_zone_servers *servers);

#endif /* D1_DNS_AUTHORITY_H */
