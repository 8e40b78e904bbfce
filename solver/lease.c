/*
 * Time: leases and known names that end, publications to try again, requests that have waited long
 * enough. One timer for all of it.
 *
 * Ends are Unix times, as the contract has it, so the timer never sleeps longer than
 * D1_SOLVER_TICK_MS: a clock that was set and a machine that was asleep are noticed then. A clock
 * that was set back would keep leases alive for as long; once a day those that are older than the
 * longest lease by the monotonic clock are ended, whatever the time of day says.
 *
 * What ends is removed durably first, then withdrawn. At most D1_SOLVER_EXPIRIES removals are under
 * way at once (the store commits them together); when the store does not take them, they are tried
 * again after D1_SOLVER_RETRY_MS and the values stay.
 */
#include <assert.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "solver/state.h"

static int64_t mono_us(const struct d1_solver *solver) {
    return d1_clock_mono_us(solver->options.clock);
}

static void end_when_too_old(struct d1_map_node *node, void *arg) {
    struct d1_solver *solver = arg;
    const struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    int64_t now_s = d1_solver_held_s(mono_us(solver));
    int64_t maximum_s = solver->settings.lease_maximum_ms / 1000 + 1;
    for (struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        if (lease->deadline.when_ms != 0 && now_s - lease->held_since_s > maximum_s) {
            lease->ended = true;
            lease->deadline.when_ms = 1;
            d1_deadline_set(&solver->index, &lease->deadline);
        }
    }
}

static void sweep(struct d1_solver *solver) {
    if (mono_us(solver) < solver->sweep_at_us) {
        return;
    }
    solver->sweep_at_us = mono_us(solver) + D1_SOLVER_SWEEP_S * 1000000LL;
    if (solver->settings.lease_maximum_ms > 0) {
        d1_map_each(&solver->index.places, end_when_too_old, solver);
    }
}

static void expire(struct d1_solver *solver) {
    int64_t now_ms = d1_clock_wall_ms(solver->options.clock);
    struct d1_deadline *first = NULL;
    while ((first = d1_deadline_first(&solver->index)) != NULL && first->when_ms <= now_ms &&
           solver->expiries < D1_SOLVER_EXPIRIES && mono_us(solver) >= solver->expire_after_us) {
        struct d1_place *place = d1_deadline_place(first);
        d1_deadline_clear(&solver->index, first);
        if (place->work != NULL && place->work->expiring) {
            continue; /* It comes back to the heap with the end of that expiry. */
        }
        if (d1_operation_expire(solver, place) != 0) {
            d1_deadline_set(&solver->index, first);
            solver->expire_after_us = mono_us(solver) + D1_SOLVER_RETRY_MS * 1000LL;
        }
    }
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* How long no lease ends. */
static int64_t lease_idle_ms(const struct d1_solver *solver) {
    const struct d1_deadline *first = d1_deadline_first(&solver->index);
    if (first == NULL || solver->expiries >= D1_SOLVER_EXPIRIES) {
        return D1_SOLVER_TICK_MS;
    }
    int64_t due_ms = first->when_ms - d1_clock_wall_ms(solver->options.clock);
    int64_t after_ms = (solver->expire_after_us - mono_us(solver) + 999) / 1000;
    return least(D1_SOLVER_TICK_MS, due_ms > after_ms ? due_ms : after_ms);
}

/* How long nothing at all is to be done. */
static int64_t idle_ms(const struct d1_solver *solver) {
    int64_t delay_ms = lease_idle_ms(solver);
    int64_t now_us = mono_us(solver);
    if (solver->stale > 0 || solver->entries_missing || solver->places_missing) {
        delay_ms = least(delay_ms, (solver->retry_at_us - now_us + 999) / 1000);
    }
    int64_t limit_us = d1_solver_next_limit_us(solver);
    if (limit_us != INT64_MAX) {
        delay_ms = least(delay_ms, (limit_us - now_us + 999) / 1000);
    }
    return delay_ms > 0 ? delay_ms : 0;
}

static void on_timer(uv_timer_t *timer) {
    d1_solver_tick(timer->data);
}

static void on_soon(uv_timer_t *timer) {
    struct d1_solver *solver = timer->data;
    d1_operations_deferred(solver);
    if (!solver->destroyed) { /* A `done` may have ended it all. */
        d1_transactions_deferred(solver);
    }
}

void d1_solver_tick(struct d1_solver *solver) {
    if (solver->destroyed) {
        return;
    }
    sweep(solver);
    expire(solver);
    d1_solver_publish_stale(solver);
    d1_solver_time_out(solver);
    if (!solver->destroyed) { /* A `done` may have ended it all. */
        uv_timer_start(&solver->timer, on_timer, (uint64_t)idle_ms(solver), 0);
    }
}

void d1_solver_wake_within(struct d1_solver *solver, int64_t delay_ms) {
    delay_ms = delay_ms > 0 ? delay_ms : 0;
    if (!uv_is_active((uv_handle_t *)&solver->timer) ||
        uv_timer_get_due_in(&solver->timer) > (uint64_t)delay_ms) {
        uv_timer_start(&solver->timer, on_timer, (uint64_t)delay_ms, 0);
    }
}

void d1_solver_wake_for_leases(struct d1_solver *solver) {
    if (!solver->destroyed) {
        d1_solver_wake_within(solver, lease_idle_ms(solver));
    }
}

void d1_solver_wake_soon(struct d1_solver *solver) {
    uv_timer_start(&solver->soon, on_soon, 0, 0);
}

void d1_solver_defer(struct d1_solver *solver, struct d1_operation *operation) {
    d1_operation_add(&solver->deferred, operation);
    d1_solver_wake_soon(solver);
}

int d1_lease_timer_init(struct d1_solver *solver) {
    uv_loop_t *uv = d1_loop_uv(solver->options.loop);
    int err = uv_timer_init(uv, &solver->timer);
    if (err != 0) {
        return err;
    }
    solver->timer.data = solver;
    solver->handles = 1;
    err = uv_timer_init(uv, &solver->soon);
    if (err != 0) {
        return err;
    }
    solver->soon.data = solver;
    solver->handles = 2;
    /* Neither keeps a loop running that has nothing else to do. */
    uv_unref((uv_handle_t *)&solver->timer);
    uv_unref((uv_handle_t *)&solver->soon);
    solver->sweep_at_us = mono_us(solver) + D1_SOLVER_SWEEP_S * 1000000LL;
    return D1_OK;
}

static void on_closed(uv_handle_t *handle) {
    d1_solver_drop_handle(handle->data);
}

void d1_solver_drop_handle(struct d1_solver *solver) {
    if (--solver->handles == 0) {
        d1_free(solver);
    }
}

/* Close the handles; the last one frees the solver. */
void d1_lease_timer_close(struct d1_solver *solver) {
    unsigned handles = solver->handles;
    if (handles == 0) {
        d1_free(solver);
        return;
    }
    uv_close((uv_handle_t *)&solver->timer, on_closed);
    if (handles >= 2) { /* More: checks of logins that still run. */
        uv_close((uv_handle_t *)&solver->soon, on_closed);
    }
}
