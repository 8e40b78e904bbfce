/*
 * Transport: what carries out the requests that plugins name. The real one (providers/carrier.h)
 * has connections; tests have one that answers from a script.
 *
 * Threads: the loop of the host only.
 * Memory: an exchange is embedded in the caller's object. What the request points to stands until
 *   `done` or cancel; what the result points to is the transport's until the next call for that
 *   exchange, or d1_transport.release().
 * Callback law: after an error return `done` is never called; otherwise exactly once, never before
 *   the starting function has returned, unless it is canceled before.
 */
#ifndef D1_PROVIDERS_TRANSPORT_H
#define D1_PROVIDERS_TRANSPORT_H

#include <stdbool.h>

#include "core/cidr.h"
#include "providers/provider.h"

/* What holds for all requests of one account. */
struct d1_transport_rules {
    const char *ca_file; /* Of the account: these CAs and no others; NULL: the system's. */
    const char *ca_pem;  /* The same as text (an Issuer's ca-bundle); NULL: none. */
    const char *proxy;   /* http(s) proxy; NULL: as the environment says. */
    /* Private networks it may reach, and without TLS; elsewhere neither is allowed. */
    const struct d1_cidr *networks;
    size_t network_count;
    uint32_t limit_ms; /* One request, from start to the last octet. */
};

struct d1_exchange {
    void (*done)(struct d1_exchange *exchange);
    struct d1_reply reply; /* kind, status, uncertain, error, headers, body: the result. */
    bool forbidden;        /* No reply, because its rules do not let it reach that address. */
    void *state;           /* The transport's own. */
};

struct d1_transport {
    int (*http)(struct d1_transport *transport, const struct d1_transport_rules *rules,
                const struct d1_action_http *request, struct d1_exchange *exchange);
    int (*dns)(struct d1_transport *transport, const struct d1_transport_rules *rules,
               const struct d1_action_dns *request, struct d1_exchange *exchange);
    int (*run)(struct d1_transport *transport, const struct d1_action_run *request,
               struct d1_exchange *exchange);
    /* The zone of a name by public DNS: its text is the body of the reply. */
    int (*zone)(struct d1_transport *transport, const char *name, struct d1_exchange *exchange);
    /*
     * Wait until all authoritative servers of the name's zone answer the job's value, for limit_ms at
     * most: status 0, or negative and `error` says which server answers what.
     */
    int (*look)(struct d1_transport *transport, const struct d1_transport_rules *rules,
                const struct d1_provider_job *job, uint32_t limit_ms, struct d1_exchange *exchange);
    /* End an exchange that is under way: `done` will not be called. */
    void (*cancel)(struct d1_transport *transport, struct d1_exchange *exchange);
    /* Free the result of one that is done; a copy of the exchange will do. */
    void (*release)(struct d1_transport *transport, struct d1_exchange *exchange);
};

#endif /* D1_PROVIDERS_TRANSPORT_H */
