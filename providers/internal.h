/*
 * What host.c, account.c and run.c share and nobody else sees.
 *
 * Threads: the host's loop only.
 */
#ifndef D1_PROVIDERS_INTERNAL_H
#define D1_PROVIDERS_INTERNAL_H

#include <uv.h>

#include "core/clock.h"
#include "core/step.h"
#include "providers/host.h"
#include "providers/lock.h"
#include "providers/pace.h"
#include "providers/redact.h"

struct d1_run;

struct d1_host_opened {
    struct d1_host_opened *next;
    struct d1_host *host;
    const struct d1_provider *provider;
    void *account; /* The plugin's. */
    char *name;
    char *zone;
    uint32_t ttl;
    bool look;
    bool dropped; /* Forgotten, or replaced: it goes with its last run. */
    struct d1_transport_rules rules;
    struct d1_provider_traits traits;
    struct d1_redact redact;
    struct d1_pace pace;
    unsigned together;    /* Requests under way. */
    struct d1_run *first; /* Those that wait to send a request. */
    struct d1_run **last;
    size_t runs;
    uv_timer_t timer; /* When the next of them may. */
};

enum d1_run_state {
    D1_RUN_QUEUED,   /* Its timer starts it, or it waits for an earlier job of its value. */
    D1_RUN_PACED,    /* Waits in the account's list to send its request. */
    D1_RUN_ASKING,   /* The transport has its request. */
    D1_RUN_WAITING,  /* For its timer. */
    D1_RUN_LOCKING,  /* For the lock that its plugin asked for. */
    D1_RUN_STEPPING, /* The plugin is asked. */
    D1_RUN_ENDED,    /* Its timer is closing. */
    D1_RUN_STATES,
};

enum d1_lock_kind {
    D1_LOCK_OF_ORDER = 1, /* One job after another for one name and value. */
    D1_LOCK_OF_PLUGIN,    /* What the plugin asked for. */
};

/* One job under way. */
struct d1_run {
    struct d1_run *next; /* In the account's list. */
    struct d1_run *next_of_host;
    struct d1_run **link_of_host;
    struct d1_host *host;
    struct d1_host_opened *opened;
    struct d1_host_job *job; /* NULL: canceled or done. */
    struct d1_step step;
    struct d1_provider_job asked;
    void *plugin;
    struct d1_action action;
    struct d1_exchange exchange;
    struct d1_lock_claim order;
    struct d1_lock_claim lock;
    unsigned steps;
    unsigned attempts;   /* Of the request that is repeated. */
    int send_err;        /* Why its request could not be sent; its timer tells the plugin. */
    int32_t status;      /* Of the last request that had a reply. */
    bool http;           /* That one was HTTP. */
    bool reached;        /* The vendor answered something. */
    bool looking;        /* The plugin is done; its value is looked for. */
    uint32_t next_reply; /* enum d1_reply_kind that its timer brings. */
    char step_name[32];  /* Of the last action, for messages. */
    int64_t deadline_us;
    uv_timer_t timer;
};

struct d1_host {
    struct d1_host_options options;
    struct d1_host_opened *accounts;
    size_t account_count;
    struct d1_run *runs;
    size_t run_count;
    struct d1_lock_set locks;
    size_t handles; /* Not closed yet; the last one frees the host. */
    bool destroyed;
};

/* account.c */
struct d1_host_opened *d1_host_find_account(const struct d1_host *host, const char *name);
void d1_host_release_account(struct d1_host_opened *opened); /* Closes it when it is dropped. */
void d1_host_close_account(struct d1_host_opened *opened);

/* run.c */
void d1_run_send_next(struct d1_host_opened *opened); /* As many paced requests as may go. */
void d1_run_stop(struct d1_run *run);                 /* No callback any more. */

/* host.c */
void d1_host_handle_closed(struct d1_host *host);

static inline int64_t d1_host_now_us(const struct d1_host *host) {
    return d1_clock_mono_us(host->options.clock);
}

#endif /* D1_PROVIDERS_INTERNAL_H */
