/*
 * Resolver: questions to recursive servers, answered on the loop. An interface of two functions, so
 * that what is built on it (dns/follow.h, dns/authority.h) is tested without a network; and what
 * implements it, libunbound.
 *
 * libunbound forwards to the servers of `resolver` in the configuration, or to those of
 * /etc/resolv.conf, and validates DNSSEC where a trust anchor is given. It works in a thread of its
 * own, made with the first question (docs/decisions/0012-following.md says why); results come back
 * through a pipe that is watched by the loop.
 *
 * Who adds a CNAME and presents at once must not be told for minutes that it is not there: negative
 * answers are not cached here, positive ones for D1_RESOLVE_CACHE_S seconds, and a server that was
 * down is asked again after as many. What the servers themselves cache is theirs.
 *
 * Threads: the loop's only. Callback law: after an error return `done` is never called, otherwise
 *   exactly once, from the loop, never before `ask` has returned.
 * Memory: a query is the caller's and stays untouched by him until its `done`, from which it may be
 *   asked again or freed. A reply and its records are borrowed for the length of `done`.
 * Limits: D1_RESOLVE_QUERIES_MAX questions at a time (then D1_ELIMIT), D1_RESOLVE_RECORDS_MAX
 *   records of an answer (more are left out), D1_RESOLVE_SERVERS_MAX servers.
 */
#ifndef D1_DNS_RESOLVE_H
#define D1_DNS_RESOLVE_H

#include "core/err.h"
#include "core/limits.h"
#include "dns/name.h"

struct d1_clock;
struct d1_loop;

enum d1_resolve_outcome {
    D1_RESOLVE_DATA,     /* Records of the type, at the name or at the end of its CNAMEs. */
    D1_RESOLVE_NODATA,   /* The name exists without that type. */
    D1_RESOLVE_NXDOMAIN, /* It does not exist. */
    D1_RESOLVE_BOGUS,    /* DNSSEC validation failed. */
    D1_RESOLVE_FAILED,   /* The servers gave another RCODE, or none of them answered. */
    D1_RESOLVE_TIMEOUT,  /* Nothing came within the query's time. */
    D1_RESOLVE_CANCELED, /* By cancel, or the resolver went. */
};

struct d1_resolve_record {
    const uint8_t *rdata; /* In wire form, names in it uncompressed. */
    size_t length;
};

struct d1_resolve_reply {
    enum d1_resolve_outcome outcome;
    uint8_t rcode; /* FAILED: 2 (SERVFAIL) also when no server answered. */
    bool secure;   /* Validated with DNSSEC. */
    bool aliased;  /* The records stand at the end of a CNAME chain that began at the name. */
    size_t count;
    struct d1_resolve_record records[D1_RESOLVE_RECORDS_MAX];
};

struct d1_resolve_query {
    struct d1_name name;
    uint16_t type;       /* Class is IN. */
    uint32_t timeout_ms; /* 0: D1_RESOLVE_QUERY_MS. */
    void (*done)(struct d1_resolve_query *query, const struct d1_resolve_reply *reply);

    /* The resolver's own. */
    struct d1_resolve_query *next;
    struct d1_resolve_query **link;
    void *context;
    uint64_t deadline_ms;
    int id;
};

struct d1_resolver {
    /* Start a query. Returns 0, D1_ELIMIT, -ENOMEM or D1_ECONFIG (no server is known). */
    int (*ask)(struct d1_resolver *resolver, struct d1_resolve_query *query);

    /* Its `done` is called soon, from the loop, with D1_RESOLVE_CANCELED. */
    void (*cancel)(struct d1_resolver *resolver, struct d1_resolve_query *query);

    const struct d1_clock *clock; /* For limits over several questions. */
};

/* ---- libunbound ---- */

struct d1_resolver_settings {
    const char *const *servers; /* "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[::1]:5353". */
    size_t servers_count;       /* 0: those of /etc/resolv.conf, as it is now. */
    const char *trust_anchor_file; /* DS or DNSKEY records as zone-file lines; "": no validation. */
};

/* Whether that is a server's address as above. Returns 0 or D1_EPARSE. */
int d1_resolver_check_server(const char *text) D1_MUST_CHECK;

/* Whether they can be taken, the files they name read. Returns as create. */
int d1_resolver_check(const struct d1_resolver_settings *settings, struct d1_error *error);

/*
 * Read the settings, the files they name, and no more: no thread is made, no packet sent. Where
 * /etc/resolv.conf is wanted and cannot be read, every question is refused until a configure finds
 * it. Returns 0, D1_ECONFIG or -ENOMEM, with the story.
 */
int d1_resolver_create(struct d1_loop *loop, const struct d1_clock *clock,
                       const struct d1_resolver_settings *settings,
                       struct d1_resolver **ret_resolver, struct d1_error *error);

/*
 * Take other settings, or the same files anew. Questions under way are answered by the old ones.
 * Returns as create; after an error the old settings are in force.
 */
int d1_resolver_configure(struct d1_resolver *resolver, const struct d1_resolver_settings *settings,
                          struct d1_error *error);

/*
 * Questions under way end with D1_RESOLVE_CANCELED before this returns; the thread has ended too.
 * The loop must still run until its handles are closed; while they are open they do not keep it
 * running. NULL is allowed.
 */
void d1_resolver_destroy(struct d1_resolver *resolver);

#endif /* D1_DNS_RESOLVE_H */
