/*
 * What the files of solver/ share and nobody else sees: the solver's own state.
 *
 * Threads: control loop only, but for the two counts that a gauge reads from elsewhere.
 */
#ifndef D1_SOLVER_STATE_H
#define D1_SOLVER_STATE_H

#include <stdatomic.h>
#include <uv.h>

#include "solver/index.h"
#include "solver/operation.h"
#include "solver/solver.h"
#include "solver/timeline.h"

#define D1_SOLVER_TICK_MS  60000 /* At least so often: clock jumps and suspends are noticed. */
#define D1_SOLVER_RETRY_MS 1000  /* Between attempts to publish, or to remove what has ended. */
#define D1_SOLVER_EXPIRIES 1024  /* Removals of ended leases under way at once. */
#define D1_SOLVER_WAITERS  64    /* Operations of a place that wait on after their `done`. */
#define D1_SOLVER_SWEEP_S  86400 /* How often leases are checked by monotonic time. */
#define D1_SOLVER_VALUES   616   /* Distinct values of 1 octet or more in 1232 octets. */

struct d1_registration;
struct d1_login_job;

/* bcrypt checks: those on libuv's pool, and those that wait. */
struct d1_logins {
    size_t running;
    size_t waiting;
    size_t waiting_strangers; /* Of users that do not exist. */
    struct d1_login_job *first;
    struct d1_login_job **last; /* Set with the first. */
};

struct d1_solver {
    struct d1_solver_options options;
    struct d1_solver_settings settings;
    struct d1_credentials *credentials; /* Owned; NULL before the first configure. */
    struct d1_publisher *publishers;
    struct d1_provider_source *provider_source; /* NULL: none. */
    struct d1_store_watcher watcher;
    struct d1_index index;
    struct d1_map accounts;
    size_t imported; /* Committed accounts that still have the hash of their import. */
    struct d1_logins logins;
    struct d1_map sealed;
    struct d1_map tokens;            /* Made at run time, by owner. */
    struct d1_map token_digests;     /* Those with a secret for HTTP. */
    void (*keys_changed)(void *arg); /* NULL: nobody wants to know. */
    void *keys_arg;
    struct d1_following *followings; /* Chains of CNAMEs being followed. */
    size_t followings_count;
    size_t followers; /* Requests that wait for them. */
    bool follows_no_more;
    struct d1_work *works;
    struct d1_operation_list deferred;
    struct d1_transaction *deferred_transactions;
    size_t publishing; /* Works with a publication under way. */
    size_t stale;      /* Works to publish again, and their list. */
    struct d1_work *stale_first;
    struct d1_work **stale_last;
    size_t expiries;         /* Operations that remove what has ended. */
    size_t writes;           /* In the store now. */
    bool entries_missing;    /* A name of the credentials could not be marked: no memory. */
    bool places_missing;     /* A place could not be shown, nor marked stale: show all again. */
    int64_t expire_after_us; /* Monotonic: no removal is tried before. */
    int64_t retry_at_us;     /* Monotonic: when stale places are published again. */
    int64_t sweep_at_us;     /* Monotonic. */
    int load_err;            /* First error of a load that runs. */
    uv_timer_t timer;        /* Leases, retries, limits: d1_solver_tick(). */
    uv_timer_t soon;         /* Deferred operations. */
    unsigned handles;        /* Not closed yet; the last one frees the solver. */
    bool destroyed;
    _Atomic int64_t pending; /* Presents not committed yet. */
    _Atomic int64_t live;    /* Leases that are published. */
    _Atomic int64_t held;    /* Leases that are committed. */
    uint32_t duration_cell;
    uint32_t ended_cell;
    /* Values of one name on their way to a publisher, so that publishing allocates nothing. */
    struct d1_txt_value values[D1_SOLVER_VALUES];
    const struct d1_txt_value *value_at[D1_SOLVER_VALUES];
};

/* publish.c */
int d1_work_get(struct d1_solver *solver, struct d1_place *place, struct d1_work **ret_work);
void d1_work_release(struct d1_work *work); /* Frees it when nothing is under way. */
int d1_solver_find_publisher(const struct d1_solver *solver, const struct d1_name *name,
                             const char *via, struct d1_publisher **ret_publisher);
int d1_place_show(struct d1_solver *solver, struct d1_place *place);
void d1_place_publish(struct d1_solver *solver, struct d1_place *place);
void d1_place_mark_stale(struct d1_solver *solver, struct d1_place *place);
void d1_place_tell_known(struct d1_solver *solver, struct d1_place *place);
void d1_solver_publish_stale(struct d1_solver *solver);
void d1_solver_time_out(struct d1_solver *solver);
int64_t d1_solver_next_limit_us(const struct d1_solver *solver);

/* lease.c */
int d1_lease_timer_init(struct d1_solver *solver);
void d1_lease_timer_close(struct d1_solver *solver);
void d1_solver_drop_handle(struct d1_solver *solver); /* The last one frees it. */
void d1_solver_wake_within(struct d1_solver *solver, int64_t delay_ms);
void d1_solver_defer(struct d1_solver *solver, struct d1_operation *operation);
void d1_solver_wake_soon(struct d1_solver *solver);
void d1_solver_wake_for_leases(struct d1_solver *solver);

/* accounts.c */
int d1_accounts_init(struct d1_solver *solver);
void d1_accounts_close(struct d1_solver *solver);
int d1_accounts_put(struct d1_solver *solver, const struct d1_account *record);
void d1_accounts_remove(struct d1_solver *solver, const struct d1_account *record);
/* Take a place for an account that is about to be written; nobody logs in yet. */
int d1_accounts_reserve(struct d1_solver *solver, const struct d1_account *record);
void d1_accounts_unreserve(struct d1_solver *solver, const struct d1_account *record);
/* Whether the username is taken, committed or not. */
bool d1_accounts_reserved(const struct d1_solver *solver, const char *username);
/* The imported hash of an account that may log in, or NULL. Borrowed until the loop goes on. */
const char *d1_accounts_bcrypt(const struct d1_solver *solver, const char *username);

/* login.c */
void d1_logins_cancel(struct d1_solver *solver);

/* sealed.c */
int d1_sealed_init(struct d1_solver *solver);
void d1_sealed_close(struct d1_solver *solver);
int d1_sealed_put(struct d1_solver *solver, const struct d1_sealed_account *record);
void d1_sealed_remove(struct d1_solver *solver, const struct d1_sealed_account *record);

/* tokens.c */
int d1_tokens_init(struct d1_solver *solver);
void d1_tokens_close(struct d1_solver *solver);
int d1_tokens_put(struct d1_solver *solver, const struct d1_token *record);
void d1_tokens_remove(struct d1_solver *solver, const struct d1_token *record);

/* measure.c */
int d1_solver_measure_init(struct d1_solver *solver);
void d1_solver_measure_present(struct d1_solver *solver, enum d1_door door, int64_t started_us);
void d1_solver_measure_ended(struct d1_solver *solver, bool expired, size_t count);
void d1_lease_set_live(struct d1_solver *solver, struct d1_lease *lease, bool live);

/* solver.c */
void d1_solver_mark_entries(struct d1_solver *solver);
int d1_solver_show_all(struct d1_solver *solver);
static inline int64_t d1_solver_held_s(int64_t mono_us) {
    return mono_us / 1000000;
}

#endif /* D1_SOLVER_STATE_H */
