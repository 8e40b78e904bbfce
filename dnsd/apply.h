/*
 * Applying UPDATE on the control thread: rights, prerequisites and one transaction of the solver.
 *
 * Threads: control loop only, but for d1_apply_create and d1_apply_destroy, which a worker calls
 *   for what it has not submitted.
 * Memory: a d1_apply is the applier's from submission on, and freed when the solver is done with it,
 *   which may be after its job was answered.
 * Limits: as many as the workers submit.
 */
#ifndef D1_DNSD_APPLY_H
#define D1_DNSD_APPLY_H

#include "dns/update.h"
#include "dnsd/served.h"
#include "solver/solver.h"

struct d1_applier;
struct d1_loop;
struct d1_update_job;
struct d1_updates;

/* What one UPDATE asks for. */
struct d1_apply {
    struct d1_apply *next; /* Of all that the applier has; the applier's own, as what follows. */
    struct d1_apply **link;
    struct d1_applier *applier;
    struct d1_update_job *job; /* NULL: it was answered already. */
    struct d1_loop *back;      /* Where it is posted to. */
    int rcode;                 /* Of a prerequisite that does not hold; else 0. */
    struct d1_solver_transaction transaction;
    struct d1_update update; /* Over `message`. */
    struct d1_name key;
    size_t changes_count;
    struct d1_solver_change *changes; /* update.changes of room. */
    uint8_t *message;                 /* A copy. */
};

/* With room for all changes, and a copy of the message. Returns NULL without memory. */
struct d1_apply *d1_apply_create(const struct d1_update *update, const struct d1_name *key);
void d1_apply_destroy(struct d1_apply *apply);

/* Borrows both. Returns 0 or -ENOMEM. */
int d1_applier_create(struct d1_solver *solver, struct d1_served_current *current,
                      struct d1_applier **ret_applier);

/* All workers have ended, and the solver is destroyed. NULL is allowed. */
void d1_applier_destroy(struct d1_applier *applier);

/* Take a job that came from a worker; it is posted back to `back` with its rcode. */
void d1_applier_take(struct d1_applier *applier, struct d1_update_job *job, struct d1_loop *back);

/* Post back all jobs of that worker with SERVFAIL; what they began goes on. */
void d1_applier_let_go(struct d1_applier *applier, const struct d1_updates *updates);

/*
 * Whether the prerequisites of an update hold (RFC 2136, 3.2) in the data served. Returns
 * D1_RCODE_NOERROR, or the code that says which does not.
 */
enum d1_rcode d1_prerequisites_check(const struct d1_served *served,
                                     const struct d1_update *update);

#endif /* D1_DNSD_APPLY_H */
