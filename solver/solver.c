/*
 * The solver's own life: made, configured, loaded, told by the store what has been committed, and
 * destroyed. Operations live in operation.c and change.c, publications in publish.c, time in
 * lease.c, accounts in accounts.c, tokens made at run time in tokens.c.
 *
 * The index changes in on_changed() only: what this solver wrote comes back by the same way as what
 * another node wrote will, once a store is shared.
 */
#include "solver/solver.h"

#include <assert.h>
#include <errno.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "solver/provider.h"
#include "solver/state.h"

static const char *const door_names[D1_DOOR_COUNT] = {
    [D1_DOOR_ACMEDNS] = "acme-dns", [D1_DOOR_HTTPREQ] = "httpreq",
    [D1_DOOR_API] = "api",          [D1_DOOR_SOCKET] = "socket",
    [D1_DOOR_UPDATE] = "rfc2136",   [D1_DOOR_KUBERNETES] = "kubernetes",
};

const char *d1_door_name(enum d1_door door) {
    return door_names[door];
}

/* The operation whose commit the store is telling us about, if it is ours. */
static struct d1_operation *committing_at(const struct d1_place *place) {
    struct d1_operation *first = place->work != NULL ? place->work->queue.first : NULL;
    return first != NULL && first->step.now == D1_OPERATION_COMMITTING ? first : NULL;
}

/* What is committed has changed: what is shown is no longer it. */
static void set_changed(struct d1_solver *solver, struct d1_place *place) {
    place->published = false;
    if (place->work != NULL && place->work->publishing) {
        place->work->again = true;
    }
    if (committing_at(place) == NULL && solver->load_err == 0) {
        d1_place_mark_stale(solver, place); /* Not ours: nobody else will publish it. */
    }
}

/* The lease that was made for this value before the write; NULL: none was. */
static struct d1_lease *take_made(struct d1_operation *operation,
                                  const struct d1_txt_value *value) {
    struct d1_lease **link = &operation->made;
    while (*link != NULL && !d1_lease_same_value(*link, value)) {
        link = &(*link)->next;
    }
    struct d1_lease *lease = *link;
    if (lease != NULL) {
        *link = lease->next;
        lease->next = NULL;
    }
    return lease;
}

/*
 * The lease of a committed record: the one that is there, or one that was made before the write, or
 * (of another node's write) made now. *ret_fresh: it is not at the place yet.
 */
static int find_or_make(struct d1_solver *solver, struct d1_place *place,
                        const struct d1_challenge *record, struct d1_lease **ret_lease,
                        bool *ret_fresh) {
    struct d1_index *index = &solver->index;
    struct d1_operation *operation = committing_at(place);
    struct d1_owner *owner = NULL;
    struct d1_target *target = NULL;
    int err = d1_index_owner(index, record->owner, &owner);
    if (err == 0 && record->asked.length > 0) {
        err = d1_target_hold(index, &record->asked, &record->name, &target);
    }
    struct d1_lease *old = err == 0 ? d1_lease_find(place, &record->value, owner) : NULL;
    struct d1_lease *lease = NULL;
    bool differs = err == 0 && (old == NULL || d1_lease_target(old) != target);
    if (differs && operation != NULL && operation->owner == owner) {
        lease = take_made(operation, &record->value);
    }
    if (differs && lease == NULL) {
        err = d1_lease_make(index, &record->value, owner, target, &lease);
    }
    if (err == 0 && differs && old != NULL) {
        d1_lease_replace(index, old, lease);
    }
    d1_index_owner_drop(index, owner);
    d1_target_drop(index, target);
    *ret_lease = differs ? lease : old;
    *ret_fresh = old == NULL;
    return err;
}

static int apply_put(struct d1_solver *solver, const struct d1_challenge *record) {
    struct d1_place *place = NULL;
    struct d1_lease *lease = NULL;
    bool fresh = false;
    int err = d1_index_place_via(&solver->index, &record->name, record->via, &place);
    if (err != 0) {
        return err;
    }
    err = find_or_make(solver, place, record, &lease, &fresh);
    if (err != 0) {
        d1_index_release(&solver->index, place);
        return err;
    }
    lease->held_since_s = (uint32_t)d1_solver_held_s(d1_clock_mono_us(solver->options.clock));
    if (!fresh) {
        d1_lease_renew(&solver->index, lease, record->created_ms, record->expires_ms);
    } else {
        d1_lease_add(&solver->index, place, lease, record->created_ms, record->expires_ms);
        atomic_fetch_add_explicit(&solver->held, 1, memory_order_relaxed);
    }
    if (fresh || lease->ended) {
        lease->ended = false;
        set_changed(solver, place);
    }
    return D1_OK;
}

static void apply_remove(struct d1_solver *solver, const struct d1_challenge *record) {
    struct d1_place *place = d1_index_find_via(&solver->index, &record->name, record->via);
    struct d1_lease *lease = place != NULL ? place->leases : NULL;
    size_t length = strlen(record->owner);
    while (lease != NULL && !(lease->owner->length == length &&
                              memcmp(lease->owner->text, record->owner, length) == 0 &&
                              d1_lease_same_value(lease, &record->value))) {
        lease = lease->next;
    }
    if (lease == NULL) {
        return;
    }
    d1_lease_set_live(solver, lease, false);
    atomic_fetch_sub_explicit(&solver->held, 1, memory_order_relaxed);
    d1_lease_remove(&solver->index, lease);
    set_changed(solver, place);
}

static int apply_known(struct d1_solver *solver, const struct d1_known_name *record) {
    struct d1_place *place = NULL;
    int err = d1_index_place(&solver->index, &record->name, &place);
    if (err != 0) {
        return err;
    }
    struct d1_operation *operation = committing_at(place);
    struct d1_known *known = place->known;
    if (known == NULL && operation != NULL && operation->known != NULL) {
        known = operation->known;
        operation->known = NULL;
    } else if (known == NULL) {
        err = d1_known_make(&solver->index, &known);
    }
    if (err != 0) {
        d1_index_release(&solver->index, place);
        return err;
    }
    d1_known_set(&solver->index, place, known, record->until_ms);
    if (operation == NULL && solver->load_err == 0) {
        d1_place_tell_known(solver, place);
    }
    return D1_OK;
}

static void apply_forget(struct d1_solver *solver, const struct d1_known_name *record) {
    struct d1_place *place = d1_index_find(&solver->index, &record->name);
    if (place == NULL || place->known == NULL) {
        return;
    }
    d1_known_remove(&solver->index, place);
    if (place->work == NULL) { /* Else told, and released, at the end of its operation. */
        d1_place_tell_known(solver, place);
        d1_index_release(&solver->index, place);
    }
}

/* At a load, each publisher learns what it has written elsewhere. */
static int tell_placed(struct d1_solver *solver, const struct d1_placement *placement) {
    int err = D1_OK;
    for (struct d1_publisher *publisher = solver->publishers; publisher != NULL && err == D1_OK;
         publisher = publisher->next) {
        err = publisher->placed != NULL ? publisher->placed(publisher, placement) : D1_OK;
    }
    return err;
}

/*
 * One committed change. For those of our own writes everything was made before, so they cannot
 * fail; one of another node's that finds no memory is seen with the next load.
 */
static int apply(struct d1_solver *solver, const struct d1_store_change *change) {
    switch (change->op) {
    case D1_STORE_PUT_CHALLENGE:
        return apply_put(solver, change->challenge);
    case D1_STORE_REMOVE_CHALLENGE:
        apply_remove(solver, change->challenge);
        return D1_OK;
    case D1_STORE_PUT_ACCOUNT:
        return d1_accounts_put(solver, change->account);
    case D1_STORE_REMOVE_ACCOUNT:
        d1_accounts_remove(solver, change->account);
        return D1_OK;
    case D1_STORE_PUT_TOKEN:
        return d1_tokens_put(solver, change->token);
    case D1_STORE_REMOVE_TOKEN:
        d1_tokens_remove(solver, change->token);
        return D1_OK;
    case D1_STORE_PUT_KNOWN:
        return apply_known(solver, change->known);
    case D1_STORE_REMOVE_KNOWN:
        apply_forget(solver, change->known);
        return D1_OK;
    case D1_STORE_PUT_SEALED:
        return d1_sealed_put(solver, change->sealed);
    case D1_STORE_REMOVE_SEALED:
        d1_sealed_remove(solver, change->sealed);
        return D1_OK;
    case D1_STORE_PUT_PLACEMENT:
        return solver->load_err != 0 ? tell_placed(solver, change->placement) : D1_OK;
    case D1_STORE_REMOVE_PLACEMENT:
        return D1_OK; /* Who wrote it knows. */
    }
    return D1_EINTERNAL;
}

static void on_changed(struct d1_store_watcher *watcher, const struct d1_store_change *change,
                       uint64_t revision) {
    (void)revision;
    (void)apply(D1_CONTAINER_OF(watcher, struct d1_solver, watcher), change);
}

int d1_solver_create(const struct d1_solver_options *options, struct d1_solver **ret_solver) {
    struct d1_solver *solver = d1_calloc(1, sizeof(*solver));
    if (solver == NULL) {
        return -ENOMEM;
    }
    solver->options = *options;
    int err = d1_index_init(&solver->index);
    if (err == 0) {
        err = d1_accounts_init(solver);
    }
    if (err == 0) {
        err = d1_sealed_init(solver);
    }
    if (err == 0) {
        err = d1_tokens_init(solver);
    }
    if (err == 0) {
        err = d1_solver_measure_init(solver);
    }
    if (err == 0) {
        err = d1_lease_timer_init(solver);
    }
    if (err != 0) {
        d1_tokens_close(solver);
        d1_sealed_close(solver);
        d1_accounts_close(solver);
        d1_index_close(&solver->index);
        d1_lease_timer_close(solver);
        return err;
    }
    solver->watcher.changed = on_changed;
    d1_store_watch(options->store, &solver->watcher);
    *ret_solver = solver;
    return D1_OK;
}

void d1_solver_destroy(struct d1_solver *solver) {
    if (solver == NULL) {
        return;
    }
    assert(solver->writes == 0);
    solver->destroyed = true;
    d1_followings_end(solver, D1_ECANCELED);
    d1_operation_cancel_all(solver);
    d1_logins_cancel(solver);
    d1_sealed_close(solver);
    d1_tokens_close(solver);
    d1_accounts_close(solver);
    d1_index_close(&solver->index);
    d1_credentials_destroy(solver->credentials);
    d1_lease_timer_close(solver);
}

static void clear_entry(const struct d1_name *name, void *arg) {
    struct d1_solver *solver = arg;
    struct d1_place *place = d1_index_find(&solver->index, name);
    if (place != NULL) {
        place->entry = false;
    }
}

static void set_entry(const struct d1_name *name, void *arg) {
    struct d1_solver *solver = arg;
    struct d1_place *place = NULL;
    if (d1_index_place(&solver->index, name, &place) != 0) {
        solver->entries_missing = true;
        return;
    }
    place->entry = true;
    d1_place_tell_known(solver, place);
}

static void drop_entry(const struct d1_name *name, void *arg) {
    struct d1_solver *solver = arg;
    struct d1_place *place = d1_index_find(&solver->index, name);
    if (place != NULL) {
        d1_place_tell_known(solver, place);
        d1_index_release(&solver->index, place);
    }
}

/* Mark the names of the credentials in force; those without memory are marked later. */
void d1_solver_mark_entries(struct d1_solver *solver) {
    d1_credentials_each_exact(solver->credentials, set_entry, solver);
    if (solver->entries_missing) {
        solver->retry_at_us = d1_clock_mono_us(solver->options.clock) + D1_SOLVER_RETRY_MS * 1000LL;
        d1_solver_wake_within(solver, D1_SOLVER_RETRY_MS);
    }
}

void d1_solver_configure(struct d1_solver *solver, const struct d1_solver_settings *settings,
                         struct d1_credentials *credentials) {
    struct d1_credentials *old = solver->credentials;
    assert(credentials != NULL && credentials != old);
    solver->settings = *settings;
    solver->credentials = credentials;
    if (old != NULL) {
        d1_credentials_each_exact(old, clear_entry, solver);
    }
    solver->entries_missing = false;
    d1_solver_mark_entries(solver);
    if (old != NULL) {
        d1_credentials_each_exact(old, drop_entry, solver);
        d1_credentials_destroy(old);
    }
}

const struct d1_credentials *d1_solver_credentials(const struct d1_solver *solver) {
    return solver->credentials;
}

void d1_solver_add_publisher(struct d1_solver *solver, struct d1_publisher *publisher) {
    struct d1_publisher **last = &solver->publishers;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    publisher->next = NULL;
    *last = publisher;
}

void d1_solver_set_provider_source(struct d1_solver *solver, struct d1_provider_source *source) {
    solver->provider_source = source;
}

int d1_solver_bring(struct d1_solver *solver, const struct d1_provider_brought *brought,
                    char ret_via[D1_VIA_TEXT_MAX + 1], struct d1_error *error) {
    if (solver->provider_source == NULL) {
        return d1_error_set(error, D1_ECONFIG, "there is no provider \"%.64s\" here",
                            brought->type);
    }
    return solver->provider_source->bring(solver->provider_source, brought, ret_via, error);
}

static void show_place(struct d1_map_node *node, void *arg) {
    struct d1_solver *solver = arg;
    struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    place->told_known = false;
    place->published = place->leases == NULL;
    if (d1_place_show(solver, place) != 0) {
        solver->places_missing = true;
    }
}

/* Show every place from nothing. Nobody's `done` is called meanwhile. */
int d1_solver_show_all(struct d1_solver *solver) {
    solver->places_missing = false;
    d1_map_each(&solver->index.places, show_place, solver);
    if (!solver->places_missing) {
        return D1_OK;
    }
    solver->retry_at_us = d1_clock_mono_us(solver->options.clock) + D1_SOLVER_RETRY_MS * 1000LL;
    d1_solver_wake_within(solver, D1_SOLVER_RETRY_MS);
    return -ENOMEM;
}

int d1_solver_republish(struct d1_solver *solver) {
    return d1_solver_show_all(solver);
}

#define LOADING 1 /* load_err while a load runs without an error. */

static void on_loaded(const struct d1_store_change *change, void *arg) {
    struct d1_solver *solver = arg;
    int err = apply(solver, change);
    if (err != 0 && solver->load_err == LOADING) {
        solver->load_err = err;
    }
}

static void end_when_over(struct d1_map_node *node, void *arg) {
    const struct d1_solver *solver = arg;
    struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    int64_t now_ms = d1_clock_wall_ms(solver->options.clock);
    for (struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        int64_t ends_ms = lease->deadline.when_ms;
        lease->ended = ends_ms != 0 && ends_ms <= now_ms;
    }
}

int d1_solver_load(struct d1_solver *solver, struct d1_error *error) {
    solver->load_err = LOADING;
    int err = d1_store_load(solver->options.store, on_loaded, solver, error);
    int apply_err = solver->load_err;
    solver->load_err = 0;
    if (err != 0) {
        return err;
    }
    if (apply_err != LOADING) {
        return d1_error_set(error, apply_err, "cannot load the store: %s", d1_err_text(apply_err));
    }
    d1_map_each(&solver->index.places, end_when_over, solver);
    err = d1_solver_republish(solver);
    if (err != 0) {
        return d1_error_set(error, err, "cannot publish what the store holds: %s",
                            d1_err_text(err));
    }
    d1_solver_wake_for_leases(solver);
    return D1_OK;
}

struct visitor {
    const struct d1_rights *rights;
    void (*visit)(const struct d1_challenge_view *view, void *arg);
    void *arg;
};

static void visit_place(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    struct d1_name name;
    d1_place_name(place, &name);
    if (place->leases == NULL || !d1_rights_allow(visitor->rights, D1_VERB_READ, &name)) {
        return;
    }
    for (const struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        struct d1_challenge record;
        d1_lease_record(lease, &record);
        struct d1_challenge_view view = {&record, lease->live};
        visitor->visit(&view, visitor->arg);
    }
}

void d1_solver_each(const struct d1_solver *solver, const struct d1_rights *rights,
                    void (*visit)(const struct d1_challenge_view *view, void *arg), void *arg) {
    struct visitor visitor = {rights, visit, arg};
    d1_map_each(&solver->index.places, visit_place, &visitor);
}
