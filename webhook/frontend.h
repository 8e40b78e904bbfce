/*
 * Front end: the HTTP front doors on a thread of their own ("front"): acme-dns API, httpreq, the
 * native API, health and metrics, and the admin control socket, which speaks the same native API.
 *
 * Happy path of a request: the front thread parses and checks its form, hashes the secret, and
 * posts a job to the control loop; there the credential is looked up and the solver called; the
 * outcome is posted back, and the front thread writes the answer.
 *
 * Threads: create, configure, listen, stop and destroy are called on the control loop; what they
 *   start runs on the front loop.
 * Memory: borrows what the options name until `stopped` was called.
 * Limits: D1_HTTP_* per connection; jobs are bounded by the connections, one each.
 */
#ifndef D1_WEBHOOK_FRONTEND_H
#define D1_WEBHOOK_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct d1_clock;
struct d1_frontend;
struct d1_log;
struct d1_loop;
struct d1_metrics;
struct d1_provider_view;
struct d1_solver;
struct d1_store;
struct d1_timeline;
struct d1_tls;

/* A wish to have the configuration read again. Embedded in the asker's object. */
struct d1_reload {
    /* Called on the control loop, never before `reload` has returned; `reason` when err is set. */
    void (*done)(struct d1_reload *reload, int err, const char *reason);
    struct d1_reload *next; /* The daemon's own. */
};

enum d1_registration { D1_REGISTRATION_TOKEN, D1_REGISTRATION_OPEN, D1_REGISTRATION_CLOSED };

struct d1_frontend_options {
    struct d1_loop *loop;  /* The control loop. */
    struct d1_loop *front; /* The front loop, not started yet; its owner starts and joins it. */
    const struct d1_clock *clock;
    struct d1_log *log;
    struct d1_solver *solver;
    struct d1_timeline *timeline;
    struct d1_store *store;
    struct d1_metrics *metrics;
    struct d1_tls *api_tls; /* Of the API's listeners; NULL: plain HTTP. */

    const struct d1_provider_view *providers; /* NULL: there are none to show. */

    /*
     * Called on the control loop: read and check the configuration again and take it, or keep the
     * old one and say why. `reload` is borrowed until its `done`.
     */
    void (*reload)(void *arg, struct d1_reload *reload);

    /*
     * Called on the front loop: whether the node is ready; writes one line per role to `detail`
     * ("dns ok"), at most `size` octets with NUL.
     */
    bool (*ready)(void *arg, char *detail, size_t size);
    void *arg;
};

/* What may change on reload; copied. */
struct d1_frontend_settings {
    const char *base_path; /* "" or "/prefix". */
    enum d1_registration registration;
    bool account_store; /* Accounts are kept for clients. */
    size_t trusted_proxies_count;
    const char *const *trusted_proxies;    /* CIDRs, checked. */
    unsigned registrations_per_hour;       /* Per client address; 0: off. */
    unsigned registrations_total_per_hour; /* Of all clients together; 0: off. */
    unsigned auth_failures_per_minute;     /* Per client address; 0: off. */
    unsigned connections_per_address;      /* Open at a time; 0: off. */
    size_t hosts_count;
    const char *const *hosts; /* Names that Host may give on plain loopback, checked. */
};

int d1_frontend_create(const struct d1_frontend_options *options,
                       struct d1_frontend **ret_frontend);

/* Take new settings: requests that arrive from now on use them. Returns 0 or -ENOMEM. */
int d1_frontend_configure(struct d1_frontend *frontend,
                          const struct d1_frontend_settings *settings);

enum d1_frontend_kind {
    D1_FRONTEND_API,     /* acme-dns, httpreq, native API, health. */
    D1_FRONTEND_METRICS, /* /metrics, /livez, /readyz, /healthz. */
    D1_FRONTEND_CONTROL, /* The native API on a Unix socket; uid 0 and our own are admin. */
};

/* Listen, before the front loop is started. `address` is a path for D1_FRONTEND_CONTROL. */
int d1_frontend_listen(struct d1_frontend *frontend, enum d1_frontend_kind kind,
                       const char *address, uint16_t *ret_port, struct d1_error *error);

/*
 * Stop accepting, finish what is under way (grace_ms at most), then call stopped(arg) from the
 * control loop. Then stop and join the front loop, and destroy.
 */
void d1_frontend_stop(struct d1_frontend *frontend, uint64_t grace_ms, void (*stopped)(void *arg),
                      void *arg);
void d1_frontend_destroy(struct d1_frontend *frontend);

#endif /* D1_WEBHOOK_FRONTEND_H */
