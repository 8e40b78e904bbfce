/*
 * Several changes as one write.
 *
 * Happy path: transact checks rights and publishers of all changes and makes one part (an
 * operation) for each name; every part joins the queue of its place, all in one go, so that two
 * transactions stand in the same order in every queue they share, and none waits for the other in a
 * circle. A part that becomes the first of its queue has arrived; when all have, nothing else is
 * being written at any of the names: the caller's check is asked, every part is planned, and their
 * changes go to the store as one write. Committed, each part is published as any other operation,
 * and the last one that ends calls `done`.
 * Failures: the check, a plan, or the store refuses; then every part leaves its queue as if it had
 * never been there. Ends that come before the write, and those where nothing is to be written, wait
 * for the timer `soon`: `done` is never called from within transact, and queues are never advanced
 * from within one another.
 */
#include <assert.h>
#include <errno.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

struct d1_transaction {
    struct d1_solver *solver;
    struct d1_solver_transaction *request;
    struct d1_transaction *next; /* Of those deferred. */
    struct d1_operation *parts;  /* By `sibling`. */
    size_t waiting;              /* Parts that have not arrived. */
    size_t unfinished;           /* Parts that have not ended. */
    int outcome;                 /* Deferred: why; afterwards: the first error of a part. */
    int64_t started_us;
    bool adds;
    struct d1_store_change *changes;
    struct d1_store_write write;
    struct d1_operation *part_of[]; /* Of each change. */
};

size_t d1_transaction_changes(const struct d1_operation *part) {
    return part->transaction->request->count;
}

/* The change of that index, or NULL when it is for another name. */
const struct d1_solver_change *d1_transaction_change(const struct d1_operation *part,
                                                     size_t index) {
    const struct d1_transaction *transaction = part->transaction;
    return transaction->part_of[index] == part ? &transaction->request->changes[index] : NULL;
}

/* The end. */

void d1_transaction_part_ended(struct d1_transaction *transaction, int err) {
    struct d1_solver_transaction *request = transaction->request;
    if (transaction->outcome == 0) {
        transaction->outcome = err;
    }
    assert(transaction->unfinished > 0);
    transaction->unfinished--;
    if (transaction->unfinished > 0) {
        return;
    }
    int outcome = transaction->outcome;
    if (transaction->adds) {
        d1_solver_measure_present(transaction->solver, request->door, transaction->started_us);
    }
    d1_free(transaction->changes);
    d1_free(transaction);
    request->state = NULL;
    request->done(request, outcome);
}

/*
 * Let every part leave its queue: failed, or with what it has committed (also when that is nothing),
 * and the next in each queue take its turn.
 */
static void leave_queues(struct d1_transaction *transaction, int err, uint64_t revision) {
    struct d1_operation *next = NULL;
    transaction->outcome = 0;
    for (struct d1_operation *part = transaction->parts; part != NULL; part = next) {
        struct d1_work *work = part->place->work;
        next = part->sibling;
        assert(work->queue.first == part);
        work->holds++;
        d1_operation_take(&work->queue);
        if (err != 0) {
            d1_operation_fail(part, err);
        } else {
            d1_operation_committed(part, revision);
        }
        d1_work_advance(work);
        work->holds--;
        d1_work_release(work);
    }
}

static void on_committed(struct d1_store_write *write, int err, uint64_t revision) {
    struct d1_transaction *transaction = D1_CONTAINER_OF(write, struct d1_transaction, write);
    transaction->solver->writes--;
    leave_queues(transaction, err, revision);
}

static void defer(struct d1_transaction *transaction, int outcome) {
    struct d1_solver *solver = transaction->solver;
    struct d1_transaction **last = &solver->deferred_transactions;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = transaction;
    transaction->next = NULL;
    transaction->outcome = outcome;
    d1_solver_wake_soon(solver);
}

void d1_transactions_deferred(struct d1_solver *solver) {
    struct d1_transaction *last = NULL;
    for (struct d1_transaction *at = solver->deferred_transactions; at != NULL; at = at->next) {
        last = at; /* Those deferred meanwhile are for the next time. */
    }
    while (last != NULL && solver->deferred_transactions != NULL) {
        struct d1_transaction *transaction = solver->deferred_transactions;
        solver->deferred_transactions = transaction->next;
        bool is_last = transaction == last;
        leave_queues(transaction, transaction->outcome, 0);
        if (is_last) {
            return;
        }
    }
}

/* The write. */

static int gather_changes(struct d1_transaction *transaction) {
    size_t count = 0;
    for (struct d1_operation *part = transaction->parts; part != NULL; part = part->sibling) {
        count += part->write.count;
    }
    if (count == 0) {
        return D1_OK;
    }
    transaction->changes = d1_calloc(count, sizeof(*transaction->changes));
    if (transaction->changes == NULL) {
        return -ENOMEM;
    }
    for (struct d1_operation *part = transaction->parts; part != NULL; part = part->sibling) {
        for (size_t i = 0; i < part->write.count; i++) {
            transaction->changes[transaction->write.count++] = part->changes[i];
        }
    }
    transaction->write.changes = transaction->changes;
    transaction->write.done = on_committed;
    return D1_OK;
}

static int plan(struct d1_transaction *transaction) {
    struct d1_solver_transaction *request = transaction->request;
    int err = request->check != NULL ? request->check(request) : D1_OK;
    for (struct d1_operation *part = transaction->parts; part != NULL; part = part->sibling) {
        if (err < 0) {
            return err;
        }
        err = d1_operation_plan(part);
    }
    return err < 0 ? err : gather_changes(transaction);
}

/* All parts have arrived. */
static void start(struct d1_transaction *transaction) {
    struct d1_solver *solver = transaction->solver;
    int err = plan(transaction);
    if (err != 0 || transaction->write.count == 0) {
        defer(transaction, err);
        return;
    }
    err = d1_store_write(solver->options.store, &transaction->write);
    if (err != 0) {
        defer(transaction, err);
        return;
    }
    solver->writes++;
    for (struct d1_operation *part = transaction->parts; part != NULL; part = part->sibling) {
        d1_step_move(&part->step, D1_OPERATION_COMMITTING);
        d1_operation_note_presented(part);
    }
}

void d1_transaction_arrive(struct d1_operation *part) {
    struct d1_transaction *transaction = part->transaction;
    if (part->arrived) {
        return;
    }
    part->arrived = true;
    assert(transaction->waiting > 0);
    transaction->waiting--;
    if (transaction->waiting == 0) {
        start(transaction);
    }
}

/* The beginning. */

static int check_change(const struct d1_solver *solver, const struct d1_solver_transaction *request,
                        const struct d1_solver_change *change) {
    bool add = change->kind == D1_SOLVER_ADD;
    if (!d1_rights_allow(request->caller.rights, add ? D1_VERB_PRESENT : D1_VERB_CLEANUP,
                         &change->name)) {
        return D1_EFORBIDDEN;
    }
    if (change->kind != D1_SOLVER_CLEAR && change->value.length == 0) {
        return D1_EVALUE;
    }
    return add ? d1_solver_check_add(solver, &change->name, "") : D1_OK;
}

static struct d1_operation *find_part(const struct d1_transaction *transaction,
                                      const struct d1_place *place) {
    struct d1_operation *part = transaction->parts;
    while (part != NULL && part->place != place) {
        part = part->sibling;
    }
    return part;
}

/* A part for the place, which it keeps alive by the work there. */
static int make_part(struct d1_transaction *transaction, struct d1_place *place,
                     struct d1_operation **ret_part) {
    struct d1_solver *solver = transaction->solver;
    const struct d1_solver_transaction *request = transaction->request;
    struct d1_operation *part = NULL;
    struct d1_work *work = NULL;
    int err = d1_operation_make(solver, D1_OPERATION_PART, &part);
    if (err != 0) {
        return err;
    }
    err = d1_index_owner(&solver->index, request->caller.owner, &part->owner);
    if (err == 0) {
        err = d1_work_get(solver, place, &work);
    }
    if (err != 0) {
        d1_operation_free(part);
        return err;
    }
    work->holds++; /* Until it is in the queue. */
    part->place = place;
    part->door = request->door;
    part->lease_ms = request->caller.lease_ms;
    part->quota = request->caller.quota;
    part->admin = d1_rights_verb(request->caller.rights, D1_VERB_ADMIN);
    part->transaction = transaction;
    part->sibling = transaction->parts;
    transaction->parts = part;
    transaction->waiting++;
    transaction->unfinished++;
    *ret_part = part;
    return D1_OK;
}

static int make_parts(struct d1_transaction *transaction) {
    struct d1_solver *solver = transaction->solver;
    const struct d1_solver_transaction *request = transaction->request;
    for (size_t i = 0; i < request->count; i++) {
        struct d1_place *place = NULL;
        int err = d1_index_place(&solver->index, &request->changes[i].name, &place);
        if (err != 0) {
            return err;
        }
        struct d1_operation *part = find_part(transaction, place);
        if (part == NULL) {
            err = make_part(transaction, place, &part);
        }
        if (err != 0) {
            d1_index_release(&solver->index, place);
            return err;
        }
        transaction->part_of[i] = part;
        transaction->adds = transaction->adds || request->changes[i].kind == D1_SOLVER_ADD;
    }
    return D1_OK;
}

static void destroy(struct d1_transaction *transaction) {
    while (transaction->parts != NULL) {
        struct d1_operation *part = transaction->parts;
        struct d1_work *work = part->place->work;
        transaction->parts = part->sibling;
        work->holds--;
        d1_operation_free(part);
        d1_work_release(work);
    }
    d1_free(transaction);
}

/* Into all queues at once; those that are the first there have arrived. */
static void enqueue(struct d1_transaction *transaction) {
    struct d1_operation *part = NULL;
    for (part = transaction->parts; part != NULL; part = part->sibling) {
        struct d1_work *work = part->place->work;
        d1_operation_add(&work->queue, part);
        work->holds--;
    }
    for (part = transaction->parts; part != NULL; part = part->sibling) {
        if (part->place->work->queue.first == part) {
            d1_transaction_arrive(part);
        }
    }
}

int d1_solver_transact(struct d1_solver *solver, struct d1_solver_transaction *request) {
    assert(request->count > 0);
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    for (size_t i = 0; i < request->count; i++) {
        int err = check_change(solver, request, &request->changes[i]);
        if (err != 0) {
            return err;
        }
    }
    size_t size = sizeof(struct d1_transaction) + request->count * sizeof(struct d1_operation *);
    struct d1_transaction *transaction = d1_calloc(1, size);
    if (transaction == NULL) {
        return -ENOMEM;
    }
    transaction->solver = solver;
    transaction->request = request;
    transaction->started_us = d1_clock_mono_us(solver->options.clock);
    int err = make_parts(transaction);
    if (err != 0) {
        destroy(transaction);
        return err;
    }
    request->state = transaction;
    enqueue(transaction);
    return D1_OK;
}
