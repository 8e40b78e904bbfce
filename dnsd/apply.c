#include "dnsd/apply.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "core/loop.h"
#include "core/mem.h"
#include "dnsd/update.h"
#include "solver/tokens.h"

struct d1_applier {
    struct d1_solver *solver;
    struct d1_served_current *current;
    struct d1_apply *all;
};

struct d1_apply *d1_apply_create(const struct d1_update *update, const struct d1_name *key) {
    size_t changes = update->changes * sizeof(struct d1_solver_change);
    struct d1_apply *apply = d1_calloc(1, sizeof(*apply));
    if (apply == NULL) {
        return NULL;
    }
    apply->changes = d1_malloc(changes > 0 ? changes : 1);
    apply->message = d1_memdup(update->message, update->length);
    if (apply->changes == NULL || apply->message == NULL) {
        d1_apply_destroy(apply);
        return NULL;
    }
    apply->update = *update;
    apply->update.message = apply->message;
    d1_name_copy(&apply->key, key);
    return apply;
}

void d1_apply_destroy(struct d1_apply *apply) {
    if (apply != NULL) {
        d1_free(apply->changes);
        d1_free(apply->message);
        d1_free(apply);
    }
}

int d1_applier_create(struct d1_solver *solver, struct d1_served_current *current,
                      struct d1_applier **ret_applier) {
    struct d1_applier *applier = d1_calloc(1, sizeof(*applier));
    if (applier == NULL) {
        return -ENOMEM;
    }
    applier->solver = solver;
    applier->current = current;
    *ret_applier = applier;
    return D1_OK;
}

void d1_applier_destroy(struct d1_applier *applier) {
    assert(applier == NULL || applier->all == NULL);
    d1_free(applier);
}

static void link_apply(struct d1_applier *applier, struct d1_apply *apply) {
    apply->applier = applier;
    apply->next = applier->all;
    apply->link = &applier->all;
    if (apply->next != NULL) {
        apply->next->link = &apply->next;
    }
    applier->all = apply;
}

static void end_apply(struct d1_apply *apply) {
    *apply->link = apply->next;
    if (apply->next != NULL) {
        apply->next->link = apply->link;
    }
    d1_apply_destroy(apply);
}

static void answer_job(struct d1_apply *apply, int rcode) {
    struct d1_update_job *job = apply->job;
    if (job != NULL) {
        apply->job = NULL;
        job->apply = NULL;
        job->rcode = (uint8_t)rcode;
        d1_loop_post(apply->back, &job->message);
    }
}

static int check(struct d1_solver_transaction *transaction) {
    struct d1_apply *apply = D1_CONTAINER_OF(transaction, struct d1_apply, transaction);
    const struct d1_served *served = atomic_load(&apply->applier->current->served);
    apply->rcode = (int)d1_prerequisites_check(served, &apply->update);
    return apply->rcode == D1_RCODE_NOERROR ? D1_OK : D1_EEXIST;
}

static void finish(struct d1_apply *apply, int err) {
    answer_job(apply, err == D1_OK || apply->rcode != 0 ? apply->rcode : d1_err_rcode(err));
    end_apply(apply);
}

static void on_done(struct d1_solver_transaction *transaction, int err) {
    finish(D1_CONTAINER_OF(transaction, struct d1_apply, transaction), err);
}

/* Returns 0 when the solver has it, else what to answer. */
static int begin(struct d1_applier *applier, struct d1_apply *apply) {
    struct d1_solver_transaction *transaction = &apply->transaction;
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&apply->key, name);
    const struct d1_credential *caller = d1_solver_token_by_key(applier->solver, name);
    if (caller == NULL) {
        return D1_EFORBIDDEN; /* The key was taken away meanwhile. */
    }
    transaction->door = D1_DOOR_UPDATE;
    transaction->caller = *caller;
    transaction->count = apply->changes_count;
    transaction->changes = apply->changes;
    transaction->check = check;
    transaction->done = on_done;
    return d1_solver_transact(applier->solver, transaction);
}

void d1_applier_take(struct d1_applier *applier, struct d1_update_job *job, struct d1_loop *back) {
    struct d1_apply *apply = job->apply;
    apply->job = job;
    apply->back = back;
    link_apply(applier, apply);
    if (apply->changes_count == 0) { /* Nothing but prerequisites, or absent things deleted. */
        finish(apply, check(&apply->transaction));
        return;
    }
    int err = begin(applier, apply);
    if (err != D1_OK) {
        finish(apply, err);
    }
}

void d1_applier_let_go(struct d1_applier *applier, const struct d1_updates *updates) {
    for (struct d1_apply *apply = applier->all; apply != NULL; apply = apply->next) {
        if (apply->job != NULL && apply->job->updates == updates) {
            answer_job(apply, D1_RCODE_SERVFAIL);
        }
    }
}
