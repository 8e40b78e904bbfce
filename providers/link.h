/*
 * Link: dns01d's side of the provider process. It starts the process, gives it accounts and jobs,
 * and starts it again when it has ended: accounts and jobs that were under way are then given to the
 * new one, so that a crash delays a job and loses none.
 *
 * Signals: SIGPIPE must be ignored by the program.
 * Threads: the control loop's. Callback law: after an error return `done` is never called, otherwise
 *   exactly once, from the loop, never before submit has returned; not after a cancel.
 * Memory: a job is the caller's and stays untouched by him until its `done`; its texts too.
 * Limits: D1_HOST_JOBS_MAX jobs.
 */
#ifndef D1_PROVIDERS_LINK_H
#define D1_PROVIDERS_LINK_H

#include <jansson.h>
#include <stdint.h>

#include "providers/host.h"

struct d1_link;
struct d1_loop;

#define D1_LINK_RESTART_MS     100   /* Before the first restart; doubled each time, */
#define D1_LINK_RESTART_MAX_MS 10000 /* to this. */

struct d1_link_options {
    struct d1_loop *loop;
    const char *program; /* Path of dns01d; NULL: /proc/self/exe. */
    uint32_t restart_ms; /* 0: D1_LINK_RESTART_MS. */
    /* What happens, for log and metrics; each may be NULL. */
    void (*started)(int pid, void *arg);
    void (*ended)(int64_t status, int signal, void *arg);
    void (*account)(const char *name, int err, const char *text, void *arg); /* Taken or not. */
    void (*asked)(const char *type, int32_t status, void *arg);
    void *arg;
};

/* Make it; the process starts with the first account or job. Returns 0 or -ENOMEM. */
int d1_link_create(const struct d1_link_options *options, struct d1_link **ret_link);

/*
 * End the process; jobs are forgotten, their `done` is not called. `closed(arg)` is called from the
 * loop when it has ended. NULL is allowed for `closed`.
 */
void d1_link_close(struct d1_link *link, void (*closed)(void *arg), void *arg);

/* The resolver settings: {"servers": [...], "trust-anchor-file": "..."}. Takes the reference. */
int d1_link_set_resolver(struct d1_link *link, json_t *settings);

/* Folders of types: a list of paths. Takes the reference. Accounts put later are checked with them. */
int d1_link_set_folders(struct d1_link *link, json_t *folders);

/* Put an account in place: the message `account` of providers/process.h without "op". Takes the
 * reference. Returns 0 or -ENOMEM; whether it is taken, options.account says. */
int d1_link_put_account(struct d1_link *link, json_t *account);
void d1_link_drop_account(struct d1_link *link, const char *name);

/* Submit a job, as d1_host_submit(); an unknown account, or one whose settings were refused, is told
 * in `done`. */
int d1_link_submit(struct d1_link *link, struct d1_host_job *job);
void d1_link_cancel(struct d1_link *link, struct d1_host_job *job);

#endif /* D1_PROVIDERS_LINK_H */
