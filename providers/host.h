/*
 * Host: runs the jobs of all provider accounts. It lives in the provider process and knows nothing
 * of the store, the solver or who asked.
 *
 * Happy path of a job: the account is opened; the breaker lets it in; the plugin is asked for its
 * next step again and again, and each request it names is paced, checked against the hosts that its
 * secrets may go to, and carried out; at DONE of a present the value is looked for at the zone's own
 * servers; then `done` is called.
 * Failures: each ends the job with a kind and one constant text that names provider, step, status
 * and the vendor's own words, redacted and bounded. A plugin that asks to try again is asked anew
 * after its vendor's Retry-After or a growing back-off, D1_HOST_ATTEMPTS times. A job has
 * D1_HOST_JOB_MS in all.
 *
 * Jobs of one name and value follow one another in the order of submission, whichever account they
 * are of; locks that plugins ask for keep read-modify-write apart.
 *
 * Threads: one loop.
 * Memory: a job is the caller's, and its strings stand until `done`.
 * Limits: D1_HOST_JOBS_MAX jobs, D1_HOST_ACCOUNTS_MAX accounts.
 */
#ifndef D1_PROVIDERS_HOST_H
#define D1_PROVIDERS_HOST_H

#include "core/err.h"
#include "providers/provider.h"
#include "providers/transport.h"

struct d1_clock;
struct d1_host;
struct d1_loop;

#define D1_HOST_ATTEMPTS     6      /* Of one request. */
#define D1_HOST_JOB_MS       900000 /* In all, waits included. */
#define D1_HOST_AFTER_MS_MAX 300000 /* A longer Retry-After ends the job as D1_FAIL_BUSY. */
#define D1_HOST_LOOK_S       10     /* Until all servers answer, where the type does not say. */
#define D1_HOST_REQUEST_MS   30000  /* One request. */
#define D1_HOST_TOGETHER     16     /* Requests of one account under way at once. */
#define D1_HOST_JOBS_MAX     16384
#define D1_HOST_ACCOUNTS_MAX 4096

struct d1_host_options {
    struct d1_loop *loop;
    const struct d1_clock *clock;
    struct d1_transport *transport; /* Borrowed; it outlives the host. */
    /* Finds a type, or NULL; types live as long as the program. */
    const struct d1_provider *(*find)(const char *type, void *arg);
    void *find_arg;
    /* One request has ended; `status` as in d1_reply. NULL is allowed. */
    void (*asked)(const char *type, int32_t status, void *arg);
    void *asked_arg;
    uint32_t backoff_ms; /* Before the first repetition; 0: a second. */
};

int d1_host_create(const struct d1_host_options *options, struct d1_host **ret_host);

/* End all jobs (their `done` is not called) and free everything. NULL is allowed. */
void d1_host_destroy(struct d1_host *host);

/* An account as it is configured. */
struct d1_host_account {
    const char *name; /* "my-cloudflare"; for an Issuer's own one something that begins with '~'. */
    const char *type;
    const struct d1_pair *settings; /* Of the type; secrets in plain text. Copied and wiped. */
    size_t setting_count;
    struct d1_transport_rules rules; /* Copied. */
    const char *zone;                /* Pinned zone; NULL: none. */
    uint32_t ttl;                    /* 0: the plugin's. */
    bool look;                       /* Look at the zone's servers after writing. */
};

/*
 * Put an account in place. Jobs that run with a former one of that name end with it. Returns 0, or
 * D1_ECONFIG and the story: unknown type, unknown or missing setting, or what the plugin says.
 */
int d1_host_put_account(struct d1_host *host, const struct d1_host_account *account,
                        struct d1_error *error);

/* Forget an account once its jobs have ended. Unknown names are ignored. */
void d1_host_drop_account(struct d1_host *host, const char *name);

struct d1_host_job {
    const char *account;
    uint32_t verb; /* enum d1_provider_verb. */
    const char *fqdn;
    const char *value;
    /* A step begins or ends: for the timeline. NULL is allowed. `text` is redacted. */
    void (*progress)(struct d1_host_job *job, const char *step, const char *text);
    void (*done)(struct d1_host_job *job);

    /* Results, for done. */
    int err;                         /* 0, D1_EPROVIDER, -ENOMEM. */
    uint32_t kind;                   /* enum d1_fail_kind of D1_EPROVIDER. */
    char text[D1_PROVIDER_TEXT_MAX]; /* For people; "" on success. */

    void *state; /* The host's own. */
};

/* Start it. Returns 0, D1_ENOTFOUND (no such account), D1_ELIMIT or -ENOMEM. */
int d1_host_submit(struct d1_host *host, struct d1_host_job *job);

/* Its `done` will not be called. What it has asked for may still take effect. */
void d1_host_cancel(struct d1_host *host, struct d1_host_job *job);

#endif /* D1_PROVIDERS_HOST_H */
