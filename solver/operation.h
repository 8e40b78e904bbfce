/*
 * Operations: the life of each Present, CleanUp, expiry and part of a transaction. Private to
 * solver/.
 *
 * Threads: control loop only.
 */
#ifndef D1_SOLVER_OPERATION_H
#define D1_SOLVER_OPERATION_H

#include "core/step.h"
#include "solver/index.h"
#include "solver/solver.h"

enum d1_operation_kind {
    D1_OPERATION_PRESENT,
    D1_OPERATION_CLEANUP,
    D1_OPERATION_EXPIRE,
    D1_OPERATION_PART, /* What a transaction does at one name. */
};

enum d1_operation_state {
    D1_OPERATION_QUEUED,     /* Behind another one at the same name, or not looked at yet. */
    D1_OPERATION_COMMITTING, /* Its write is the store's. */
    D1_OPERATION_DEFERRED,   /* Nothing to write; goes on when submit has returned. */
    D1_OPERATION_PUBLISHING, /* Waits until the publisher shows what is committed. */
    D1_OPERATION_FINISHED,
    D1_OPERATION_STATES,
};

struct d1_transaction;

/* One Present, CleanUp, expiry, or part of a transaction. */
struct d1_operation {
    struct d1_operation *next; /* In the one list it is in. */
    struct d1_step step;
    enum d1_operation_kind kind;
    enum d1_door door;
    bool admin;
    bool arrived; /* Of a transaction: it is the first of its queue. */
    struct d1_solver *solver;
    struct d1_place *place;            /* NULL: the name holds nothing, so nothing is to be done. */
    struct d1_solver_request *request; /* NULL: not of one, or its `done` has been called. */
    struct d1_transaction *transaction; /* The same. */
    struct d1_operation *sibling;       /* The next part of the same transaction. */
    struct d1_owner *owner;             /* One reference; NULL for an expiry. */
    struct d1_target *target;           /* The same; NULL: the place itself was asked for. */
    int64_t lease_ms;                   /* Of the credential, as there. */
    uint32_t quota;
    int64_t started_us;     /* Monotonic. */
    uint64_t round;         /* The publication that shows its change. */
    struct d1_lease *made;  /* Leases for the commit to come, by `next`. */
    struct d1_known *known; /* The same. */
    struct d1_known_name known_record;
    struct d1_challenge *records; /* Those that are put, new ones first, then those removed. */
    size_t fresh;                 /* New ones: `live` will be noted. */
    size_t puts;
    size_t record_count;
    struct d1_store_change *changes;
    struct d1_store_write write;
};

struct d1_operation_list {
    struct d1_operation *first;
    struct d1_operation **last;
};

/* A place where something is under way. It is freed when all of that is over. */
struct d1_work {
    struct d1_work *next; /* All works of the solver. */
    struct d1_work **link;
    struct d1_solver *solver;
    struct d1_place *place;
    struct d1_operation_list queue;   /* In order; only the first one's write is in the store. */
    struct d1_operation_list waiting; /* Committed, not shown yet. */
    size_t waiting_count;
    struct d1_publication publication;
    uint64_t round;  /* Publications begun. */
    bool publishing; /* One is under way (D1_PUBLISH_LATER). */
    bool again;      /* What is committed has changed since it began. */
    bool stale;      /* It failed; to be tried again. */
    struct d1_work *stale_next;
    bool expiring;  /* An expiry is in the queue. */
    unsigned holds; /* Callers further up that still need it. */
};

/* operation.c */
void d1_operation_enter(struct d1_operation *operation); /* Committed: publish, then finish. */
void d1_operation_finish(struct d1_operation *operation, int err);
void d1_operation_free(struct d1_operation *operation);
void d1_operation_cancel_all(struct d1_solver *solver);
void d1_operations_deferred(struct d1_solver *solver);
int d1_operation_expire(struct d1_solver *solver, struct d1_place *place);
int d1_operation_make(struct d1_solver *solver, enum d1_operation_kind kind,
                      struct d1_operation **ret_operation);
void d1_operation_fail(struct d1_operation *operation, int err);
void d1_operation_note_presented(const struct d1_operation *operation);
void d1_operation_committed(struct d1_operation *operation, uint64_t revision);
void d1_work_advance(struct d1_work *work);
int d1_solver_check_add(const struct d1_solver *solver, const struct d1_name *name,
                        const char *via);
static inline bool d1_operation_is_awaited(const struct d1_operation *operation) {
    return operation->request != NULL || operation->transaction != NULL;
}
void d1_operation_add(struct d1_operation_list *list, struct d1_operation *operation);
struct d1_operation *d1_operation_take(struct d1_operation_list *list);

/*
 * Start a Present or CleanUp at `name`, whose rights and publisher were checked. `target`: where it
 * comes from, when CNAMEs led there. Returns as d1_solver_submit().
 */
int d1_operation_submit(struct d1_solver *solver, struct d1_solver_request *request,
                        const struct d1_name *name, struct d1_target *target, int64_t started_us);

/* following.c: requests for names that are not ours. Returns as d1_solver_submit(). */
int d1_following_present(struct d1_solver *solver, struct d1_solver_request *request);
int d1_following_cleanup(struct d1_solver *solver, struct d1_solver_request *request);
/* Whether a CleanUp of the name concerns values that stand elsewhere, or soon will. */
bool d1_following_concerns(const struct d1_solver *solver, const struct d1_name *name);
void d1_followings_end(struct d1_solver *solver, int err);

/* change.c: what an operation writes. Returns 0 (write it), 1 (nothing to write) or an error. */
int d1_operation_plan(struct d1_operation *operation);

/* transaction.c */
const struct d1_solver_change *d1_transaction_change(const struct d1_operation *part, size_t index);
size_t d1_transaction_changes(const struct d1_operation *part);
void d1_transaction_arrive(struct d1_operation *part); /* It is the first of its queue. */
void d1_transaction_part_ended(struct d1_transaction *transaction, int err);
void d1_transactions_deferred(struct d1_solver *solver);

#endif /* D1_SOLVER_OPERATION_H */
