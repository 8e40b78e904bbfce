/*
 * Solver: Present and CleanUp, decided in one place whoever asked.
 *
 * Happy path of Present: the caller's right is checked; the publisher of the name is found; a value
 * that the same owner holds already only has its lease renewed; otherwise limits are checked, the
 * challenge is written to the store (timeline: presented), and when it is durable (committed) the
 * whole set of the name's values is published (live); then `done` is called.
 * A name that no publisher serves is followed along its CNAMEs to one that is served (unless it came
 * by UPDATE): the value stands there, and both names must be allowed. A CleanUp for the asked name
 * finds it there, also when the CNAMEs lead elsewhere by then, as the challenge remembers it. Two
 * names that lead to one place and are presented with the same value by one owner share it: it
 * counts as asked for by the later one.
 * Failures: no right (D1_EFORBIDDEN), name not ours and not followed to one of ours
 * (D1_ENOTSERVED), static TXT or CNAME there (D1_ESTATIC), bad value (D1_EVALUE), too many octets
 * (D1_EVALUES), lease too long (D1_ELEASE), store down (D1_ESTORE, D1_ELIMIT), not live within
 * present.limit (D1_ENOTYET).
 *
 * A value belongs to who presented it. The same value presented by two owners is served once and
 * stays until both are gone. CleanUp of a value one does not own changes nothing and succeeds; an
 * administrator can remove anything. Leases that end are removed here, by one timer.
 *
 * Threads: control loop only. Callback law as in store.h.
 * Memory: a request is the caller's and stays untouched by him until its `done`.
 * Limits: D1_OWNER_VALUES_BYTES_MAX octets of values per name, D1_CHALLENGES_MAX challenges.
 */
#ifndef D1_SOLVER_SOLVER_H
#define D1_SOLVER_SOLVER_H

#include "core/err.h"
#include "solver/credential.h"
#include "solver/publisher.h"
#include "solver/request.h"
#include "store/challenge.h"
#include "store/store.h"

struct d1_clock;
struct d1_loop;
struct d1_metrics;
struct d1_metrics_block;
struct d1_solver;
struct d1_timeline;

struct d1_solver_options {
    struct d1_loop *loop;
    const struct d1_clock *clock;
    struct d1_store *store;
    struct d1_timeline *timeline;
    struct d1_resolver *resolver; /* NULL: no CNAME is followed. */
    struct d1_metrics *metrics;   /* NULL is allowed. */
    struct d1_metrics_block *metrics_block;
};

/* What may change on reload. */
struct d1_solver_settings {
    int64_t lease_default_ms;
    int64_t lease_maximum_ms;
    int64_t present_limit_ms;
    size_t accounts_max;         /* Then no more are registered; 0: D1_ACCOUNTS_MAX. */
    bool rolling_two;            /* api.txt-policy: rolling-2. */
    struct d1_name account_zone; /* Where accounts get their names. */
    bool account_zone_set;
};

int d1_solver_create(const struct d1_solver_options *options, struct d1_solver **ret_solver);

/*
 * Destroy it, after the store was closed (no write of ours may be under way). Requests that still
 * wait for a publisher get D1_ECANCELED. The memory goes when the loop has closed its handles. NULL
 * is allowed.
 */
void d1_solver_destroy(struct d1_solver *solver);

/* Take new settings; credentials are owned by the solver from here on (the old set is freed). */
void d1_solver_configure(struct d1_solver *solver, const struct d1_solver_settings *settings,
                         struct d1_credentials *credentials);

/*
 * Look at the clocks: end leases and limits that are over, publish again what failed. The solver's
 * own timer does it in time; for tests with a clock of their own, and after a clock was set.
 */
void d1_solver_tick(struct d1_solver *solver);

/*
 * Follow no more CNAMEs: the daemon is stopping. Requests that wait for that end with D1_ESTOPPING.
 */
void d1_solver_stop_following(struct d1_solver *solver);

/* The set now in force; borrowed until the next configure. */
const struct d1_credentials *d1_solver_credentials(const struct d1_solver *solver);

/* Register a publisher; asked in the order of registration. */
void d1_solver_add_publisher(struct d1_solver *solver, struct d1_publisher *publisher);

/* Read the store, publish what lives, forget what has ended. Before the first request. */
int d1_solver_load(struct d1_solver *solver, struct d1_error *error);

/*
 * Publish everything again, at once: a publisher has a new, empty table (reload of zones). Returns
 * 0, or -ENOMEM when something is missing; then everything is published again a little later, by
 * itself.
 */
int d1_solver_republish(struct d1_solver *solver);

/* One challenge as listed. */
struct d1_challenge_view {
    const struct d1_challenge *challenge;
    bool live; /* Committed and published. */
};

/* Call visit with each challenge the rights allow to read. */
void d1_solver_each(const struct d1_solver *solver, const struct d1_rights *rights,
                    void (*visit)(const struct d1_challenge_view *view, void *arg), void *arg);

/* One registration of an acme-dns account. */
struct d1_solver_register {
    const char *allowfrom; /* As d1_account.allowfrom; checked by the caller. */
    void (*done)(struct d1_solver_register *request, int err);

    /* Results, for done. */
    struct d1_account account; /* Its allowfrom is the request's. */
    char key[41];              /* The only time it is shown; wipe it. */

    void *state; /* The solver's own. */
};

/* Make an account. Returns 0, D1_ENOTSERVED (no account zone), D1_ELIMIT, -errno ... */
int d1_solver_register(struct d1_solver *solver, struct d1_solver_register *request);

/*
 * The account with that username (plain lower-case UUID) and key digest. Returns 0, or
 * D1_EUNAUTHORIZED for an unknown user, a wrong key and an account whose key has not been used
 * since its import (see solver/login.h) alike, in the same time. Its allowfrom is borrowed until the
 * loop goes on. Its rights: d1_rights_create_owner(); its values are owned by "account:USERNAME".
 */
int d1_solver_account(const struct d1_solver *solver, const char *username,
                      const uint8_t key_digest[D1_SHA256_BYTES], struct d1_account *ret_account);

/*
 * The account with that username. Returns 0, or D1_ENOTFOUND. As d1_solver_account() otherwise.
 */
int d1_solver_find_account(const struct d1_solver *solver, const char *username,
                           struct d1_account *ret_account);

/* Call visit with the username of each account, in no order. */
void d1_solver_each_account(const struct d1_solver *solver,
                            void (*visit)(const char *username, void *arg), void *arg);

enum d1_account_verb {
    D1_ACCOUNT_DELETE,
    D1_ACCOUNT_ROTATE,
    D1_ACCOUNT_ALLOWFROM,
    D1_ACCOUNT_ADOPT, /* A key that matched the imported hash: from now on its digest counts. */
};

/*
 * One change of an account by an administrator. Deleting first removes the account's values; its
 * name stays known for a while when it had any. Rotating ends the old key.
 */
struct d1_solver_account_change {
    enum d1_account_verb verb;
    enum d1_door door;
    char username[D1_UUID_TEXT_BYTES];
    const char *allowfrom; /* ALLOWFROM: as d1_account.allowfrom; checked by the caller. */
    uint8_t key_digest[D1_SHA256_BYTES]; /* ADOPT. */
    void (*done)(struct d1_solver_account_change *change, int err);

    /* Results, for done. */
    struct d1_account account; /* As it is now; its allowfrom is borrowed until the loop goes on. */
    char key[41];              /* ROTATE: the only time it is shown; wipe it. */

    void *state; /* The solver's own. */
};

/*
 * Start it. Returns 0, D1_ENOTFOUND, D1_ENOTYET (another change of it is under way), D1_ELIMIT,
 * D1_ESTOPPING or -errno; callback law as in store.h. What fails later has changed nothing, but
 * that a delete may have removed values.
 */
int d1_solver_change_account(struct d1_solver *solver, struct d1_solver_account_change *change);

#endif /* D1_SOLVER_SOLVER_H */
