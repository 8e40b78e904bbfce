/*
 * Outside: the publisher of names whose zones are at providers. It keeps a journal, the placements
 * of the store, so that what was written at a provider is removed one day, whatever happens to us.
 *
 * Happy path of a publication: the values wanted at the name are compared with its placements; each
 * new one is written to the journal, then its job is submitted; when the provider has taken it (and
 * its servers answer it), the placement is confirmed; each value that is wanted no more is removed
 * by a job, and its placement then. When all of that is over, the publication is done.
 * Failures: a job that fails ends the publication with D1_EPROVIDER and the provider's story; the
 * placement stays, so that a later CleanUp looks for the value. A removal that fails is tried again
 * after D1_OUTSIDE_RETRY_MS, growing, until it succeeds. After a restart, the placements that the
 * store gives back are removed when nothing wants them any more.
 *
 * Which account: the one that the request names (`via`), else the longest route above the name.
 *
 * Threads: the control loop's.
 * Memory: owns what it keeps of accounts and routes; solver, store and link are borrowed.
 */
#ifndef D1_PROVIDERS_OUTSIDE_H
#define D1_PROVIDERS_OUTSIDE_H

#include <jansson.h>

#include "providers/link.h"
#include "solver/publisher.h"

struct d1_clock;
struct d1_outside;
struct d1_store;

#define D1_OUTSIDE_RETRY_MS     60000
#define D1_OUTSIDE_RETRY_MAX_MS 3600000

struct d1_outside_options {
    struct d1_loop *loop;
    const struct d1_clock *clock;
    struct d1_store *store;
    struct d1_link *link;
    /* What a job does, for the timeline: the name, the step and what came of it. NULL is allowed. */
    void (*progress)(const struct d1_name *name, const char *account, const char *text, void *arg);
    /* A job has ended: its account, err and text. NULL is allowed. */
    void (*ended)(const struct d1_host_job *job, void *arg);
    void *arg;
};

int d1_outside_create(const struct d1_outside_options *options, struct d1_outside **ret_outside);

/*
 * Jobs are canceled, waiting publications forgotten. After the store was closed (no write of ours may
 * be under way), before the link is. NULL is allowed.
 */
void d1_outside_destroy(struct d1_outside *outside);

/* To be registered with the solver, before its load, behind the publisher of the served zones. */
struct d1_publisher *d1_outside_publisher(struct d1_outside *outside);

struct d1_outside_route {
    struct d1_name under; /* Names at or below it ... */
    const char *account;  /* ... are this account's. */
};

/*
 * The configured accounts (messages `account` of providers/process.h, without "op"; references are
 * taken) and routes (copied). Accounts that were there and are not in the list are dropped; those
 * that an Issuer brought stay. Removals that failed are tried again. Returns 0 or -ENOMEM.
 */
int d1_outside_configure(struct d1_outside *outside, json_t *const *accounts, size_t account_count,
                         const struct d1_outside_route *routes, size_t route_count);

/*
 * Take the account that an Issuer brings along; its "name" begins with '~' and is the same for the
 * same settings. Takes the reference. The oldest of more than D1_OUTSIDE_BROUGHT_MAX gives way.
 */
#define D1_OUTSIDE_BROUGHT_MAX 1024
int d1_outside_bring(struct d1_outside *outside, json_t *account);

/* Whether these routes are not those in force: then the solver is to publish everything again. */
bool d1_outside_routes_differ(const struct d1_outside *outside,
                              const struct d1_outside_route *routes, size_t route_count);

/* Whether an account of that name is there. */
bool d1_outside_has(const struct d1_outside *outside, const char *account);

/* Call visit with each configured account. */
void d1_outside_each(const struct d1_outside *outside,
                     void (*visit)(const char *name, const char *type, void *arg), void *arg);

enum d1_placement_state {
    D1_PLACEMENT_PENDING,  /* Wanted, and not confirmed by the provider yet. */
    D1_PLACEMENT_PLACED,   /* There. */
    D1_PLACEMENT_LEFTOVER, /* Wanted no more, and not removed yet. */
    D1_PLACEMENT_STATES,
};

/* How many values of the journal are in that state. From any thread. */
int64_t d1_outside_count(const struct d1_outside *outside, enum d1_placement_state state);

/* After the solver's load: what nothing wants any more is removed from now on. */
void d1_outside_start(struct d1_outside *outside);

#endif /* D1_PROVIDERS_OUTSIDE_H */
