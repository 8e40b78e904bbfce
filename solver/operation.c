/*
 * The life of one Present, CleanUp or expiry.
 *
 * Happy path: submit checks right, value, lease and publisher; the operation joins the queue of its
 * owner name; when it is first there, its changes are planned and written (committing); when they
 * are durable, the whole set of the name is published (publishing); then `done` is called. The next
 * in the queue starts as soon as the write is committed, so that a Present that repeats one under
 * way waits for it, and the end state is what the last call asked for.
 * Failures: a plan that is refused ends the operation (from submit itself when nothing was ahead of
 * it, else in `done`); so does a write that fails, and nothing has changed. A publication that fails
 * or takes longer than present.limit ends the request with D1_ENOTYET; the value is committed and
 * is published later. Where nothing is to be written, `done` waits until submit has returned.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

static const struct d1_step_state operation_states[D1_OPERATION_STATES] = {
    [D1_OPERATION_QUEUED] = {"queued", D1_STEP_TO(D1_OPERATION_COMMITTING) |
                                           D1_STEP_TO(D1_OPERATION_DEFERRED) |
                                           D1_STEP_TO(D1_OPERATION_PUBLISHING) |
                                           D1_STEP_TO(D1_OPERATION_FINISHED)},
    [D1_OPERATION_COMMITTING] = {"committing", D1_STEP_TO(D1_OPERATION_PUBLISHING) |
                                                   D1_STEP_TO(D1_OPERATION_FINISHED)},
    [D1_OPERATION_DEFERRED] = {"deferred", D1_STEP_TO(D1_OPERATION_PUBLISHING) |
                                               D1_STEP_TO(D1_OPERATION_FINISHED)},
    [D1_OPERATION_PUBLISHING] = {"publishing", D1_STEP_TO(D1_OPERATION_FINISHED)},
    [D1_OPERATION_FINISHED] = {"finished", 0},
};

void d1_operation_add(struct d1_operation_list *list, struct d1_operation *operation) {
    operation->next = NULL;
    if (list->first == NULL) {
        list->last = &list->first;
    }
    *list->last = operation;
    list->last = &operation->next;
}

struct d1_operation *d1_operation_take(struct d1_operation_list *list) {
    struct d1_operation *operation = list->first;
    if (operation != NULL) {
        list->first = operation->next;
        operation->next = NULL;
    }
    return operation;
}

void d1_operation_free(struct d1_operation *operation) {
    struct d1_index *index = &operation->solver->index;
    while (operation->made != NULL) {
        struct d1_lease *lease = operation->made;
        operation->made = lease->next;
        lease->next = NULL;
        d1_lease_free(index, lease);
    }
    d1_known_free(index, operation->known);
    d1_index_owner_drop(index, operation->owner);
    d1_target_drop(index, operation->target);
    d1_free(operation->records);
    d1_free(operation->changes);
    d1_free(operation);
}

static int64_t mono_us(const struct d1_solver *solver) {
    return d1_clock_mono_us(solver->options.clock);
}

/* Note what happened to one value of the name. */
static void note(const struct d1_operation *operation, enum d1_event_kind kind,
                 const struct d1_challenge *record, uint64_t revision) {
    struct d1_solver *solver = operation->solver;
    if (solver->options.timeline == NULL) {
        return;
    }
    struct d1_event event = {
        .kind = kind, .time_ms = d1_clock_wall_ms(solver->options.clock), .revision = revision};
    event.value = record->value;
    snprintf(event.owner, sizeof(event.owner), "%s", record->owner);
    if (kind == D1_EVENT_FOLLOWED) {
        d1_name_copy(&event.asked, &record->asked);
        d1_name_copy(&event.target, &record->name);
    }
    if (operation->kind != D1_OPERATION_EXPIRE) {
        snprintf(event.door, sizeof(event.door), "%s", d1_door_name(operation->door));
    }
    d1_timeline_add(solver->options.timeline, &record->name, &event);
    if (record->asked.length > 0) {
        d1_timeline_add(solver->options.timeline, &record->asked, &event);
    }
}

/* It is shown as committed: live, removed or expired. */
static void note_end(const struct d1_operation *operation) {
    for (size_t i = 0; i < operation->fresh; i++) {
        note(operation, D1_EVENT_LIVE, &operation->records[i], 0);
    }
    enum d1_event_kind kind =
        operation->kind == D1_OPERATION_EXPIRE ? D1_EVENT_EXPIRED : D1_EVENT_REMOVED;
    for (size_t i = operation->puts; i < operation->record_count; i++) {
        note(operation, kind, &operation->records[i], 0);
    }
}

/* The place's leases and known name are watched again after an expiry, whatever became of it. */
static void end_expiry(struct d1_operation *operation) {
    struct d1_solver *solver = operation->solver;
    struct d1_place *place = operation->place;
    place->work->expiring = false;
    solver->expiries--;
    for (struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        if (lease->deadline.at == D1_DEADLINE_OUT) {
            d1_deadline_set(&solver->index, &lease->deadline);
        }
    }
    if (place->known != NULL && place->known->deadline.at == D1_DEADLINE_OUT) {
        d1_deadline_set(&solver->index, &place->known->deadline);
    }
    d1_solver_wake_for_leases(solver);
}

void d1_operation_finish(struct d1_operation *operation, int err) {
    struct d1_solver *solver = operation->solver;
    struct d1_solver_request *request = operation->request;
    struct d1_transaction *transaction = operation->transaction;
    operation->request = NULL;
    operation->transaction = NULL;
    if (request != NULL && operation->kind == D1_OPERATION_PRESENT) {
        d1_solver_measure_present(solver, operation->door, operation->started_us);
    }
    struct d1_work *work = operation->place != NULL ? operation->place->work : NULL;
    if (request != NULL && err == D1_EPROVIDER && work != NULL) {
        request->why = work->publication.why;
    }
    if (err == D1_ENOTYET && operation->fresh + operation->record_count > operation->puts &&
        work->waiting_count < D1_SOLVER_WAITERS) {
        d1_operation_add(&work->waiting, operation); /* To note when it is live or gone. */
        work->waiting_count++;
    } else {
        if (err == 0) {
            note_end(operation);
        }
        d1_step_move(&operation->step, D1_OPERATION_FINISHED);
        d1_operation_free(operation);
    }
    if (request != NULL) {
        request->state = NULL;
        request->done(request, err);
    }
    if (transaction != NULL) {
        d1_transaction_part_ended(transaction, err);
    }
}

/* It is committed, or had nothing to write: publish what is not shown yet, then finish. */
void d1_operation_enter(struct d1_operation *operation) {
    struct d1_place *place = operation->place;
    d1_step_move(&operation->step, D1_OPERATION_PUBLISHING);
    if (place == NULL) {
        d1_operation_finish(operation, D1_OK);
        return;
    }
    struct d1_work *work = place->work;
    bool covered = work->publishing && !work->again;
    operation->round = work->round + (covered ? 0 : 1);
    d1_operation_add(&work->waiting, operation);
    work->waiting_count++;
    if (!work->publishing) {
        d1_place_publish(operation->solver, place);
    }
}

static void on_committed(struct d1_store_write *write, int err, uint64_t revision);

void d1_operation_note_presented(const struct d1_operation *operation) {
    for (size_t i = 0; i < operation->fresh; i++) {
        note(operation, D1_EVENT_PRESENTED, &operation->records[i], 0);
        if (operation->records[i].asked.length > 0) {
            note(operation, D1_EVENT_FOLLOWED, &operation->records[i], 0);
        }
    }
}

/* The first of the queue: plan and write. Returns 0, 1 (nothing to write) or an error. */
static int start(struct d1_operation *operation) {
    int err = d1_operation_plan(operation);
    if (err != 0) {
        return err;
    }
    operation->write.done = on_committed;
    err = d1_store_write(operation->solver->options.store, &operation->write);
    if (err != 0) {
        return err;
    }
    operation->solver->writes++;
    d1_step_move(&operation->step, D1_OPERATION_COMMITTING);
    d1_operation_note_presented(operation);
    return D1_OK;
}

/* It has left the queue before its commit: as if it had never written. */
void d1_operation_fail(struct d1_operation *operation, int err) {
    if (operation->kind == D1_OPERATION_PRESENT) {
        atomic_fetch_sub_explicit(&operation->solver->pending, 1, memory_order_relaxed);
    }
    if (operation->kind == D1_OPERATION_EXPIRE) {
        operation->solver->expire_after_us =
            mono_us(operation->solver) + D1_SOLVER_RETRY_MS * 1000LL;
        end_expiry(operation);
    }
    operation->record_count = 0;
    operation->fresh = 0;
    d1_operation_finish(operation, err);
}

/* It leaves the queue with its commit, or because nothing is to be written. */
static void leave_queue(struct d1_operation *operation) {
    if (operation->kind == D1_OPERATION_PRESENT) {
        atomic_fetch_sub_explicit(&operation->solver->pending, 1, memory_order_relaxed);
    }
    if (operation->kind == D1_OPERATION_EXPIRE) {
        end_expiry(operation);
    }
    d1_operation_enter(operation);
}

/* Start those that wait, until one writes. */
void d1_work_advance(struct d1_work *work) {
    while (work->queue.first != NULL && work->queue.first->step.now == D1_OPERATION_QUEUED) {
        if (work->queue.first->transaction != NULL) {
            d1_transaction_arrive(work->queue.first);
            return;
        }
        int err = start(work->queue.first);
        if (err == 0) {
            return;
        }
        struct d1_operation *operation = d1_operation_take(&work->queue);
        if (err > 0) {
            leave_queue(operation);
        } else {
            d1_operation_fail(operation, err);
        }
    }
}

/* It has left the queue, its changes are durable. */
void d1_operation_committed(struct d1_operation *operation, uint64_t revision) {
    struct d1_solver *solver = operation->solver;
    for (size_t i = 0; i < operation->fresh; i++) {
        note(operation, D1_EVENT_COMMITTED, &operation->records[i], revision);
    }
    d1_solver_measure_ended(solver, operation->kind == D1_OPERATION_EXPIRE,
                            operation->record_count - operation->puts);
    d1_solver_wake_for_leases(solver);
    leave_queue(operation);
}

static void on_committed(struct d1_store_write *write, int err, uint64_t revision) {
    struct d1_operation *operation = D1_CONTAINER_OF(write, struct d1_operation, write);
    struct d1_solver *solver = operation->solver;
    struct d1_work *work = operation->place->work;
    assert(work->queue.first == operation);
    solver->writes--;
    work->holds++;
    d1_operation_take(&work->queue);
    if (err != 0) {
        d1_operation_fail(operation, err);
    } else {
        d1_operation_committed(operation, revision);
    }
    d1_work_advance(work);
    work->holds--;
    d1_work_release(work);
}

/* Put it into the queue of its place, and start it when it is the first. */
static int enqueue(struct d1_operation *operation) {
    struct d1_solver *solver = operation->solver;
    struct d1_work *work = NULL;
    int err = d1_work_get(solver, operation->place, &work);
    if (err != 0) {
        d1_index_release(&solver->index, operation->place);
        return err;
    }
    if (work->queue.first != NULL) {
        d1_operation_add(&work->queue, operation);
        return D1_OK;
    }
    d1_operation_add(&work->queue, operation);
    err = start(operation);
    if (err == 0) {
        return D1_OK;
    }
    d1_operation_take(&work->queue);
    if (err > 0) {
        work->holds++; /* Until it goes on. */
        d1_step_move(&operation->step, D1_OPERATION_DEFERRED);
        d1_solver_defer(solver, operation);
        return D1_OK;
    }
    d1_work_release(work);
    return err;
}

/* Operations that had nothing to write, now that their submit has returned. */
void d1_operations_deferred(struct d1_solver *solver) {
    struct d1_operation_list list = solver->deferred;
    solver->deferred.first = NULL;
    struct d1_operation *operation = NULL;
    while ((operation = list.first) != NULL) {
        list.first = operation->next;
        operation->next = NULL;
        struct d1_work *work = operation->place != NULL ? operation->place->work : NULL;
        if (operation->kind == D1_OPERATION_EXPIRE) {
            end_expiry(operation);
        }
        d1_operation_enter(operation);
        if (work != NULL) {
            work->holds--;
            d1_work_release(work);
        }
    }
}

/* Whether a challenge may stand at that name. */
int d1_solver_check_add(const struct d1_solver *solver, const struct d1_name *name,
                        const char *via) {
    struct d1_publisher *publisher = NULL;
    return d1_solver_find_publisher(solver, name, via, &publisher);
}

static int check(const struct d1_solver *solver, const struct d1_solver_request *request) {
    bool present = request->verb == D1_SOLVER_PRESENT;
    const struct d1_rights *rights = request->caller.rights;
    if (!d1_rights_allow(rights, present ? D1_VERB_PRESENT : D1_VERB_CLEANUP, &request->name)) {
        return D1_EFORBIDDEN;
    }
    bool all = !present && request->every_value;
    if (request->value.length == 0 && !all) {
        return D1_EVALUE;
    }
    if (!present) {
        return D1_OK;
    }
    if (request->lease_ms == D1_LEASE_NONE && !d1_rights_verb(rights, D1_VERB_ADMIN)) {
        return D1_EFORBIDDEN;
    }
    int64_t own_ms = request->caller.lease_ms;
    if (request->lease_ms < D1_LEASE_NONE ||
        request->lease_ms > solver->settings.lease_maximum_ms ||
        (own_ms > 0 && (request->lease_ms > own_ms || request->lease_ms == D1_LEASE_NONE))) {
        return D1_ELEASE;
    }
    return D1_OK;
}

int d1_operation_make(struct d1_solver *solver, enum d1_operation_kind kind,
                      struct d1_operation **ret_operation) {
    struct d1_operation *operation = d1_calloc(1, sizeof(*operation));
    if (operation == NULL) {
        return -ENOMEM;
    }
    operation->solver = solver;
    operation->kind = kind;
    operation->started_us = mono_us(solver);
    d1_step_init(&operation->step, operation_states, D1_OPERATION_STATES);
    *ret_operation = operation;
    return D1_OK;
}

static const char *via_of(const struct d1_solver_request *request) {
    return request->via != NULL ? request->via : "";
}

static int submit(struct d1_operation *operation, const struct d1_name *name) {
    struct d1_solver *solver = operation->solver;
    struct d1_solver_request *request = operation->request;
    int err = d1_index_owner(&solver->index, request->caller.owner, &operation->owner);
    if (err == 0 && operation->kind == D1_OPERATION_PRESENT) {
        err = d1_index_place_via(&solver->index, name, via_of(request), &operation->place);
    } else if (err == 0) {
        operation->place = d1_index_find_via(&solver->index, name, via_of(request));
    }
    if (err != 0) {
        return err;
    }
    if (operation->place == NULL) {
        d1_step_move(&operation->step, D1_OPERATION_DEFERRED);
        d1_solver_defer(solver, operation);
        return D1_OK;
    }
    return enqueue(operation);
}

int d1_operation_submit(struct d1_solver *solver, struct d1_solver_request *request,
                        const struct d1_name *name, struct d1_target *target, int64_t started_us) {
    bool present = request->verb == D1_SOLVER_PRESENT;
    struct d1_operation *operation = NULL;
    int err = d1_operation_make(solver, present ? D1_OPERATION_PRESENT : D1_OPERATION_CLEANUP,
                                &operation);
    if (err != 0) {
        return err;
    }
    operation->request = request;
    operation->door = request->door;
    operation->lease_ms = request->caller.lease_ms;
    operation->quota = request->caller.quota;
    operation->started_us = started_us;
    operation->admin = d1_rights_verb(request->caller.rights, D1_VERB_ADMIN);
    request->state = operation;
    if (target != NULL) {
        target->references++;
        operation->target = target;
    }
    if (present) {
        atomic_fetch_add_explicit(&solver->pending, 1, memory_order_relaxed);
    }
    err = submit(operation, name);
    if (err != 0) {
        if (present) {
            atomic_fetch_sub_explicit(&solver->pending, 1, memory_order_relaxed);
        }
        request->state = NULL;
        d1_operation_free(operation);
    }
    return err;
}

int d1_solver_submit(struct d1_solver *solver, struct d1_solver_request *request) {
    int err = solver->destroyed ? D1_ESTOPPING : check(solver, request);
    request->state = NULL;
    request->repeated = false;
    request->expires_ms = 0;
    request->was_followed = false;
    request->why = NULL;
    if (err != 0) {
        return err;
    }
    bool present = request->verb == D1_SOLVER_PRESENT;
    const char *via = via_of(request);
    if (via[0] == '\0' && !present && !request->every_value &&
        d1_following_concerns(solver, &request->name)) {
        return d1_following_cleanup(solver, request);
    }
    err = present ? d1_solver_check_add(solver, &request->name, via) : D1_OK;
    if (err == D1_ENOTSERVED && via[0] == '\0' && request->door != D1_DOOR_UPDATE) {
        return d1_following_present(solver, request);
    }
    return err != 0 ? err
                    : d1_operation_submit(solver, request, &request->name, NULL, mono_us(solver));
}

int d1_operation_expire(struct d1_solver *solver, struct d1_place *place) {
    struct d1_operation *operation = NULL;
    int err = d1_operation_make(solver, D1_OPERATION_EXPIRE, &operation);
    if (err != 0) {
        return err;
    }
    struct d1_work *work = NULL;
    err = d1_work_get(solver, place, &work);
    if (err == 0) {
        operation->place = place;
        work->expiring = true;
        solver->expiries++;
        err = enqueue(operation);
        if (err != 0) {
            solver->expiries--;
            if (place->work != NULL) { /* Else it went with the queue's only operation. */
                place->work->expiring = false;
            }
        }
    }
    if (err != 0) {
        d1_operation_free(operation);
    }
    return err;
}

/* The solver goes: whatever still waits ends with D1_ECANCELED. */
void d1_operation_cancel_all(struct d1_solver *solver) {
    struct d1_operation *operation = NULL;
    while ((operation = d1_operation_take(&solver->deferred)) != NULL) {
        if (operation->place != NULL) {
            operation->place->work->holds--;
        }
        operation->record_count = 0;
        d1_operation_finish(operation, D1_ECANCELED);
    }
    solver->deferred_transactions = NULL; /* Their parts are in the queues. */
    solver->stale_first = NULL;
    while (solver->works != NULL) {
        struct d1_work *work = solver->works;
        work->holds++;
        while ((operation = d1_operation_take(&work->waiting)) != NULL ||
               (operation = d1_operation_take(&work->queue)) != NULL) {
            operation->fresh = 0;
            d1_operation_finish(operation, D1_ECANCELED);
        }
        work->holds--;
        work->publishing = false;
        work->stale = false;
        d1_work_release(work);
    }
}
