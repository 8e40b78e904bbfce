/*
 * Zone cut, happy path: the name has no SOA, nor has its parent, but its grandparent has: that is
 * the zone. Failures: an answer that is neither data nor a plain no ends it there; without any SOA
 * up to the root it ends with NODATA.
 *
 * Servers, happy path: the NS records give names; then for each name first A, then AAAA. Failures:
 * a name whose addresses cannot be had is passed over; without any address the outcome is NODATA.
 */
#include "dns/authority.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "dns/wire.h"

#define DNS_PORT 53

/* Milliseconds for the next question; 0: the time is over. */
static uint32_t time_left_ms(const struct d1_resolver *resolver, int64_t until_us) {
    int64_t left_us = until_us - d1_clock_mono_us(resolver->clock);
    if (left_us <= 0) {
        return 0;
    }
    int64_t left_ms = left_us / 1000 + 1;
    return left_ms < D1_RESOLVE_QUERY_MS ? (uint32_t)left_ms : D1_RESOLVE_QUERY_MS;
}

/* ---- The zone of a name ---- */

static void on_soa(struct d1_resolve_query *query, const struct d1_resolve_reply *reply);

static int ask_soa(struct d1_zone_cut *cut, uint32_t timeout_ms) {
    cut->query =
        (struct d1_resolve_query){.type = D1_TYPE_SOA, .timeout_ms = timeout_ms, .done = on_soa};
    d1_name_copy(&cut->query.name, &cut->zone);
    return cut->resolver->ask(cut->resolver, &cut->query);
}

static void end_cut(struct d1_zone_cut *cut, enum d1_resolve_outcome outcome, uint8_t rcode) {
    cut->outcome = outcome;
    cut->rcode = rcode;
    cut->done(cut);
}

static void on_soa(struct d1_resolve_query *query, const struct d1_resolve_reply *reply) {
    struct d1_zone_cut *cut = D1_CONTAINER_OF(query, struct d1_zone_cut, query);
    bool own = reply->outcome == D1_RESOLVE_DATA && !reply->aliased;
    bool plain_no = reply->outcome == D1_RESOLVE_NODATA || reply->outcome == D1_RESOLVE_NXDOMAIN ||
                    (reply->outcome == D1_RESOLVE_DATA && reply->aliased);
    cut->secure = reply->secure;
    if (own || !plain_no) {
        end_cut(cut, reply->outcome, reply->rcode);
        return;
    }
    if (!d1_name_parent(&cut->zone, &cut->zone)) {
        end_cut(cut, D1_RESOLVE_NODATA, D1_RCODE_NOERROR);
        return;
    }
    uint32_t left_ms = time_left_ms(cut->resolver, cut->until_us);
    if (left_ms == 0) {
        end_cut(cut, D1_RESOLVE_TIMEOUT, D1_RCODE_NOERROR);
    } else if (ask_soa(cut, left_ms) != D1_OK) {
        end_cut(cut, D1_RESOLVE_FAILED, D1_RCODE_SERVFAIL);
    }
}

int d1_zone_cut_start(struct d1_zone_cut *cut, struct d1_resolver *resolver,
                      const struct d1_name *name, uint32_t limit_ms) {
    assert(cut->done != NULL && limit_ms > 0);
    cut->resolver = resolver;
    cut->until_us = d1_clock_mono_us(resolver->clock) + limit_ms * INT64_C(1000);
    d1_name_copy(&cut->zone, name);
    return ask_soa(cut, time_left_ms(resolver, cut->until_us));
}

void d1_zone_cut_cancel(struct d1_zone_cut *cut) {
    cut->resolver->cancel(cut->resolver, &cut->query);
}

/* ---- The servers of a zone ---- */

static void on_ns(struct d1_resolve_query *query, const struct d1_resolve_reply *reply);
static void on_address(struct d1_resolve_query *query, const struct d1_resolve_reply *reply);

static void end_servers(struct d1_zone_servers *servers, enum d1_resolve_outcome outcome,
                        uint8_t rcode) {
    servers->outcome = outcome;
    servers->rcode = rcode;
    servers->done(servers);
}

/* Ask for the next address: of each name A, then AAAA. */
static void ask_address(struct d1_zone_servers *servers) {
    uint32_t left_ms = time_left_ms(servers->resolver, servers->until_us);
    bool all = servers->at == 2 * servers->names_count ||
               servers->count == D1_AUTHORITY_ADDRESSES_MAX || left_ms == 0;
    if (all && servers->count == 0 && left_ms == 0) {
        end_servers(servers, D1_RESOLVE_TIMEOUT, D1_RCODE_NOERROR);
        return;
    }
    if (all) {
        end_servers(servers, servers->count > 0 ? D1_RESOLVE_DATA : D1_RESOLVE_NODATA,
                    D1_RCODE_NOERROR);
        return;
    }
    servers->query = (struct d1_resolve_query){
        .type = servers->at % 2 == 0 ? D1_TYPE_A : D1_TYPE_AAAA,
        .timeout_ms = left_ms,
        .done = on_address,
    };
    d1_name_copy(&servers->query.name, &servers->names[servers->at / 2]);
    if (servers->resolver->ask(servers->resolver, &servers->query) != D1_OK) {
        end_servers(servers, D1_RESOLVE_FAILED, D1_RCODE_SERVFAIL);
    }
}

static void add_address(struct d1_zone_servers *servers, uint16_t type,
                        const struct d1_resolve_record *record) {
    struct sockaddr_storage *address = &servers->addresses[servers->count];
    memset(address, 0, sizeof(*address));
    if (type == D1_TYPE_A && record->length == sizeof(struct in_addr)) {
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
        memcpy(&four.sin_addr, record->rdata, sizeof(four.sin_addr));
        memcpy(address, &four, sizeof(four));
        servers->count++;
    } else if (type == D1_TYPE_AAAA && record->length == sizeof(struct in6_addr)) {
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
        memcpy(&six.sin6_addr, record->rdata, sizeof(six.sin6_addr));
        memcpy(address, &six, sizeof(six));
        servers->count++;
    }
}

static void on_address(struct d1_resolve_query *query, const struct d1_resolve_reply *reply) {
    struct d1_zone_servers *servers = D1_CONTAINER_OF(query, struct d1_zone_servers, query);
    if (reply->outcome == D1_RESOLVE_CANCELED) {
        end_servers(servers, D1_RESOLVE_CANCELED, D1_RCODE_NOERROR);
        return;
    }
    for (size_t i = 0; i < reply->count && servers->count < D1_AUTHORITY_ADDRESSES_MAX; i++) {
        add_address(servers, query->type, &reply->records[i]);
    }
    servers->at++;
    ask_address(servers);
}

static void on_ns(struct d1_resolve_query *query, const struct d1_resolve_reply *reply) {
    struct d1_zone_servers *servers = D1_CONTAINER_OF(query, struct d1_zone_servers, query);
    if (reply->outcome != D1_RESOLVE_DATA || reply->aliased) {
        end_servers(servers, reply->outcome == D1_RESOLVE_DATA ? D1_RESOLVE_NODATA : reply->outcome,
                    reply->rcode);
        return;
    }
    for (size_t i = 0; i < reply->count && servers->names_count < D1_AUTHORITY_NAMES_MAX; i++) {
        struct d1_reader reader = d1_reader_over(reply->records[i].rdata, reply->records[i].length);
        if (d1_name_read(&reader, &servers->names[servers->names_count]) == D1_OK) {
            servers->names_count++;
        }
    }
    ask_address(servers);
}

int d1_zone_servers_start(struct d1_zone_servers *servers, struct d1_resolver *resolver,
                          const struct d1_name *zone, uint32_t limit_ms) {
    assert(servers->done != NULL && limit_ms > 0);
    servers->resolver = resolver;
    servers->names_count = 0;
    servers->count = 0;
    servers->at = 0;
    servers->until_us = d1_clock_mono_us(resolver->clock) + limit_ms * INT64_C(1000);
    servers->query = (struct d1_resolve_query){
        .type = D1_TYPE_NS,
        .timeout_ms = time_left_ms(resolver, servers->until_us),
        .done = on_ns,
    };
    d1_name_copy(&servers->query.name, zone);
    return resolver->ask(resolver, &servers->query);
}

void d1_zone_servers_cancel(struct d1_zone_servers *servers) {
    servers->resolver->cancel(servers->resolver, &servers->query);
}
