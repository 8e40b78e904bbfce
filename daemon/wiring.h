/* What the files of the daemon share: its object. Private to daemon/. */
#ifndef D1_DAEMON_WIRING_H
#define D1_DAEMON_WIRING_H

#include <stdatomic.h>
#include <uv.h>

#include "core/epoch.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "core/step.h"
#include "daemon/daemon.h"
#include "daemon/probe.h"
#include "dnsd/server.h"
#include "solver/timeline.h"
#include "store/store.h"
#include "webhook/kubernetes/access.h"

struct d1_daemon {
    struct d1_config *config;
    const char *config_path;
    struct d1_log *log;
    const struct d1_clock *clock;
    struct d1_loop *loop;  /* Control: the calling thread. */
    struct d1_loop *front; /* HTTP. */
    struct d1_metrics *metrics;
    struct d1_metrics_block *metrics_block; /* The control thread's. */
    struct d1_epoch *epoch;
    struct d1_served_current current;
    struct d1_options_current answering;
    struct d1_keys_current keys; /* What workers see: configured ones, and those of tokens. */
    struct d1_keys *configured_keys;
    bool keys_stale;                      /* The set could not be made anew: no memory. */
    struct d1_cookie_secrets own_secrets; /* Where the configuration names none. */
    struct d1_served_publisher *publisher;
    struct d1_store *store;
    struct d1_timeline *timeline;
    struct d1_resolver *resolver;
    struct d1_solver *solver;
    struct d1_link *link;       /* To the provider process. */
    struct d1_outside *outside; /* The publisher of names at providers. */
    struct d1_provider_states *provider_states;
    struct d1_issuers *issuers; /* Accounts that Issuers bring along. */
    struct d1_dnsd *dnsd;       /* NULL: dns.listen is empty. */
    struct d1_texts dns_listen; /* What is left of dns.listen; items borrowed. */
    struct d1_tls *api_tls;     /* NULL: api.tls is not set. */
    struct d1_frontend *frontend;
    struct d1_kube *kube;         /* NULL: the webhook is off. */
    struct d1_kube_access access; /* To the Kubernetes API. */
    struct d1_tls *webhook_tls;   /* NULL: the webhook is off. */
    char *serving_texts[5];
    struct d1_certwatch *webhook_files; /* Of its certificate. */
    struct d1_probe *probe;             /* NULL: no DNS. */
    struct d1_step step;
    _Atomic bool stopping;
    unsigned front_open; /* Doors of the front loop that are still stopping. */
    bool announced;      /* Said "ready". */
    bool reload_under_way;
    bool reload_again; /* Somebody asked meanwhile. */
    struct d1_reload *reload_askers;
    uv_signal_t signals[3];
    uv_timer_t reclaim;
    char api_text[512]; /* Addresses bound, for the log. */
    char metrics_text[256];
    char webhook_text[256];
    char control_path[108];
};

/* How to answer, by a configuration and our own secrets. Returns 0 or -ENOMEM. */
int d1_daemon_make_options(const struct d1_daemon *daemon, const struct d1_config *config,
                           struct d1_options **ret_options);

/* Make the set of keys anew, and give it to the workers; without memory it is tried again. */
void d1_daemon_swap_keys(struct d1_daemon *daemon);

#endif /* D1_DAEMON_WIRING_H */
