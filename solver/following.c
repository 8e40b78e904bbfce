/*
 * Requests for names that are not ours, and whose CNAMEs may lead to one that is.
 *
 * Happy path of Present: the chain of the name is followed, until a publisher takes a name; the
 * caller must have a right to that one too; the value is presented there, and remembers what was
 * asked. Whoever asks for the same name meanwhile waits for the same chain; when it has ended, all of
 * them go on, in the order they came.
 * Happy path of CleanUp: the places are known where values for the asked name stand or are about to;
 * the value is removed at each that holds it, by one write. No CNAME is looked at. While the name is
 * being followed, a CleanUp waits for that first, so that it never overtakes its Present.
 * Failures: the chain ends elsewhere (D1_ENOTSERVED, and the request says where), no right to the
 * name at its end (D1_EFORBIDDEN), too many chains or requests that wait for them (D1_ELIMIT).
 */
#include <assert.h>
#include <errno.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

/* A request that waits for the end of a chain. */
struct follower {
    struct follower *next;
    struct d1_solver_request *request;
    struct d1_owner *owner;   /* One reference. */
    struct d1_rights *rights; /* The same. */
    int64_t started_us;
};

struct d1_following {
    struct d1_follow follow;
    struct d1_solver *solver; /* NULL: nobody waits any more. */
    struct d1_following *next;
    struct d1_following **link;
    struct d1_name asked;
    struct follower *first;
    struct follower **last;
};

static struct d1_following *find_following(const struct d1_solver *solver,
                                           const struct d1_name *name) {
    struct d1_following *following = solver->followings;
    while (following != NULL && !d1_name_equal(&following->asked, name)) {
        following = following->next;
    }
    return following;
}

bool d1_following_concerns(const struct d1_solver *solver, const struct d1_name *name) {
    return d1_alias_find(&solver->index, name) != NULL || find_following(solver, name) != NULL;
}

/* ---- CleanUp ---- */

/* One CleanUp as a transaction of removals. */
struct removal {
    struct d1_solver_transaction transaction;
    struct d1_solver_request *request;
    struct d1_solver_change changes[];
};

static void on_removed(struct d1_solver_transaction *transaction, int err) {
    struct removal *removal = D1_CONTAINER_OF(transaction, struct removal, transaction);
    struct d1_solver_request *request = removal->request;
    d1_free(removal);
    request->state = NULL;
    request->done(request, err);
}

static bool holds_value(const struct d1_place *place, const struct d1_txt_value *value) {
    const struct d1_lease *lease = place->leases;
    while (lease != NULL && !d1_lease_same_value(lease, value)) {
        lease = lease->next;
    }
    return lease != NULL;
}

/* Whether the value stands there, or may when what is under way there has ended. */
static bool is_concerned(const struct d1_solver *solver, const struct d1_name *name,
                         const struct d1_txt_value *value) {
    const struct d1_place *place = d1_index_find(&solver->index, name);
    return place != NULL && (place->work != NULL || holds_value(place, value));
}

static size_t count_targets(const struct d1_alias *alias) {
    size_t count = 0;
    for (const struct d1_target *target = alias->targets; target != NULL; target = target->next) {
        count++;
    }
    return count;
}

static void add_removal(struct removal *removal, const struct d1_name *name) {
    struct d1_solver_change *change = &removal->changes[removal->transaction.count++];
    change->kind = D1_SOLVER_REMOVE;
    d1_name_copy(&change->name, name);
    change->value = removal->request->value;
}

/* Remove the value where values for the asked name stand, and at the name itself. */
static int remove_at_targets(struct d1_solver *solver, struct d1_solver_request *request) {
    const struct d1_alias *alias = d1_alias_find(&solver->index, &request->name);
    size_t most = 1 + (alias != NULL ? count_targets(alias) : 0);
    struct removal *removal =
        d1_calloc(1, sizeof(*removal) + most * sizeof(struct d1_solver_change));
    if (removal == NULL) {
        return -ENOMEM;
    }
    removal->request = request;
    if (is_concerned(solver, &request->name, &request->value)) {
        add_removal(removal, &request->name);
    }
    const struct d1_target *target = alias != NULL ? alias->targets : NULL;
    for (; target != NULL; target = target->next) {
        struct d1_name name;
        d1_target_name(target, &name);
        if (is_concerned(solver, &name, &request->value)) {
            add_removal(removal, &name);
        }
    }
    if (removal->transaction.count == 0) {
        d1_free(removal);
        return d1_operation_submit(solver, request, &request->name, NULL,
                                   d1_clock_mono_us(solver->options.clock));
    }
    removal->transaction.door = request->door;
    removal->transaction.caller = request->caller;
    removal->transaction.changes = removal->changes;
    removal->transaction.done = on_removed;
    int err = d1_solver_transact(solver, &removal->transaction);
    if (err != 0) {
        d1_free(removal);
    }
    return err;
}

/* ---- Chains ---- */

/* The chain has ended: present at its end, as if that had been asked for. */
static int present_at_end(struct d1_solver *solver, const struct follower *follower) {
    struct d1_solver_request *request = follower->request;
    const struct d1_name *name = &request->followed.name;
    if (request->followed.end == D1_FOLLOW_NOT_ASKED && request->followed.err != D1_ECONFIG) {
        return request->followed.err;
    }
    if (request->followed.end != D1_FOLLOW_FOUND) {
        return D1_ENOTSERVED;
    }
    if (!d1_rights_allow(follower->rights, D1_VERB_PRESENT, name)) {
        return D1_EFORBIDDEN;
    }
    int err = d1_solver_check_add(solver, name, "");
    if (err != 0) {
        return err;
    }
    struct d1_target *target = NULL;
    err = d1_target_hold(&solver->index, &request->name, name, &target);
    if (err == 0) {
        err = d1_operation_submit(solver, request, name, target, follower->started_us);
    }
    d1_target_drop(&solver->index, target);
    return err;
}

static int go_on(struct d1_solver *solver, const struct follower *follower) {
    struct d1_solver_request *request = follower->request;
    if (solver->destroyed) {
        return D1_ECANCELED;
    }
    request->caller.owner = follower->owner->text;
    request->caller.rights = follower->rights;
    return request->verb == D1_SOLVER_PRESENT ? present_at_end(solver, follower)
                                              : remove_at_targets(solver, request);
}

/* End one that waited; err 0: let it go on. */
static void release(struct d1_solver *solver, struct follower *follower, int err) {
    struct d1_solver_request *request = follower->request;
    err = err != 0 ? err : go_on(solver, follower);
    request->caller.owner = NULL;
    request->caller.rights = NULL;
    if (!solver->destroyed) {
        d1_index_owner_drop(&solver->index, follower->owner);
    }
    d1_rights_destroy(follower->rights);
    d1_free(follower);
    if (err != 0) {
        request->state = NULL;
        request->done(request, err);
    }
}

/* Nobody finds it any more, so that nobody joins it. */
static void take_out(struct d1_following *following) {
    *following->link = following->next;
    if (following->next != NULL) {
        following->next->link = following->link;
    }
    following->solver->followings_count--;
    following->solver = NULL;
}

static void release_all(struct d1_solver *solver, struct d1_following *following, int err) {
    while (following->first != NULL) {
        struct follower *follower = following->first;
        following->first = follower->next;
        solver->followers--;
        release(solver, follower, err);
    }
}

static void on_followed(struct d1_follow *follow) {
    struct d1_following *following = D1_CONTAINER_OF(follow, struct d1_following, follow);
    struct d1_solver *solver = following->solver;
    if (solver != NULL) {
        bool canceled = follow->result.end == D1_FOLLOW_CANCELED;
        take_out(following);
        for (struct follower *at = following->first; at != NULL; at = at->next) {
            at->request->was_followed = at->request->verb == D1_SOLVER_PRESENT && !canceled;
            at->request->followed = follow->result;
        }
        release_all(solver, following, canceled ? D1_ECANCELED : D1_OK);
    }
    d1_free(following);
}

static bool takes(struct d1_follow *follow, const struct d1_name *name) {
    const struct d1_following *following = D1_CONTAINER_OF(follow, struct d1_following, follow);
    return following->solver != NULL &&
           d1_solver_check_add(following->solver, name, "") != D1_ENOTSERVED;
}

static int start_following(struct d1_solver *solver, const struct d1_name *name,
                           struct d1_following **ret_following) {
    if (solver->followings_count >= D1_FOLLOWS_MAX) {
        return D1_ELIMIT;
    }
    struct d1_following *following = d1_calloc(1, sizeof(*following));
    if (following == NULL) {
        return -ENOMEM;
    }
    int64_t limit_ms = solver->settings.present_limit_ms;
    following->follow.takes = takes;
    following->follow.done = on_followed;
    following->solver = solver;
    following->last = &following->first;
    d1_name_copy(&following->asked, name);
    int err = d1_follow_start(&following->follow, solver->options.resolver, name,
                              limit_ms < D1_FOLLOW_MS ? (uint32_t)limit_ms : D1_FOLLOW_MS);
    if (err != 0) {
        d1_free(following);
        return err;
    }
    following->next = solver->followings;
    following->link = &solver->followings;
    if (following->next != NULL) {
        following->next->link = &following->next;
    }
    solver->followings = following;
    solver->followings_count++;
    *ret_following = following;
    return D1_OK;
}

static int make_follower(struct d1_solver *solver, struct d1_solver_request *request,
                         struct follower **ret_follower) {
    if (solver->followers >= D1_FOLLOWERS_MAX) {
        return D1_ELIMIT;
    }
    struct follower *follower = d1_calloc(1, sizeof(*follower));
    if (follower == NULL) {
        return -ENOMEM;
    }
    int err = d1_index_owner(&solver->index, request->caller.owner, &follower->owner);
    if (err != 0) {
        d1_free(follower);
        return err;
    }
    follower->request = request;
    follower->rights = d1_rights_hold(request->caller.rights);
    follower->started_us = d1_clock_mono_us(solver->options.clock);
    *ret_follower = follower;
    return D1_OK;
}

/* Wait for the chain of the request's name, which is started when nobody follows it yet. */
static int join(struct d1_solver *solver, struct d1_solver_request *request) {
    struct d1_following *following = find_following(solver, &request->name);
    struct follower *follower = NULL;
    int err = make_follower(solver, request, &follower);
    if (err == 0 && following == NULL) {
        err = start_following(solver, &request->name, &following);
        if (err != 0) {
            d1_index_owner_drop(&solver->index, follower->owner);
            d1_rights_destroy(follower->rights);
            d1_free(follower);
        }
    }
    if (err != 0) {
        return err;
    }
    *following->last = follower;
    following->last = &follower->next;
    solver->followers++;
    request->state = following;
    return D1_OK;
}

int d1_following_present(struct d1_solver *solver, struct d1_solver_request *request) {
    if (solver->options.resolver == NULL) {
        return D1_ENOTSERVED;
    }
    int err = solver->follows_no_more ? D1_ESTOPPING : join(solver, request);
    if (err == D1_ECONFIG) { /* There is nobody to ask. */
        request->was_followed = true;
        request->followed = (struct d1_followed){.end = D1_FOLLOW_NOT_ASKED, .err = err};
        err = D1_ENOTSERVED;
    }
    return err;
}

int d1_following_cleanup(struct d1_solver *solver, struct d1_solver_request *request) {
    return find_following(solver, &request->name) != NULL ? join(solver, request)
                                                          : remove_at_targets(solver, request);
}

/* ---- The end ---- */

void d1_followings_end(struct d1_solver *solver, int err) {
    while (solver->followings != NULL) {
        struct d1_following *following = solver->followings;
        take_out(following);
        d1_follow_cancel(&following->follow); /* It is freed when that has been told. */
        release_all(solver, following, err);
    }
}

void d1_solver_stop_following(struct d1_solver *solver) {
    solver->follows_no_more = true;
    d1_followings_end(solver, D1_ESTOPPING);
}
