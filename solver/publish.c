/*
 * Making visible what is committed. A publication always carries the whole set of a name.
 *
 * Happy path: the publisher of the name is found, takes the values, and returns 0: every operation
 * that waited for it finishes. A publisher that needs time returns D1_PUBLISH_LATER and calls `done`
 * when it is live; changes committed meanwhile are published after that, in one more round.
 * Failures: the publisher fails, and everybody who waits gets D1_ENOTYET, but the place is stale and
 * is published again later; nobody serves the name any more (a reload took the zone away): then
 * nothing is left to do here until the next republish.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

static void on_published(struct d1_publication *publication, int err);

int d1_work_get(struct d1_solver *solver, struct d1_place *place, struct d1_work **ret_work) {
    struct d1_work *work = place->work;
    if (work == NULL) {
        work = d1_calloc(1, sizeof(*work));
        if (work == NULL) {
            return -ENOMEM;
        }
        work->solver = solver;
        work->place = place;
        work->publication.done = on_published;
        work->next = solver->works;
        work->link = &solver->works;
        if (work->next != NULL) {
            work->next->link = &work->next;
        }
        solver->works = work;
        place->work = work;
    }
    *ret_work = work;
    return D1_OK;
}

void d1_work_release(struct d1_work *work) {
    if (work->holds > 0 || work->publishing || work->stale || work->queue.first != NULL ||
        work->waiting.first != NULL) {
        return;
    }
    *work->link = work->next;
    if (work->next != NULL) {
        work->next->link = work->link;
    }
    work->place->work = NULL;
    d1_index_release(&work->solver->index, work->place);
    d1_free(work);
}

int d1_solver_find_publisher(const struct d1_solver *solver, const struct d1_name *name,
                             const char *via, struct d1_publisher **ret_publisher) {
    for (struct d1_publisher *publisher = solver->publishers; publisher != NULL;
         publisher = publisher->next) {
        int err = publisher->serves(publisher, name, via);
        if (err == 0) {
            *ret_publisher = publisher;
        }
        if (err != D1_ENOTSERVED) {
            return err;
        }
    }
    return D1_ENOTSERVED;
}

void d1_place_mark_stale(struct d1_solver *solver, struct d1_place *place) {
    struct d1_work *work = NULL;
    if (d1_work_get(solver, place, &work) != 0) {
        solver->places_missing = true;
    } else if (!work->stale) {
        work->stale = true;
        work->stale_next = NULL;
        if (solver->stale_first == NULL) {
            solver->stale_last = &solver->stale_first;
        }
        *solver->stale_last = work;
        solver->stale_last = &work->stale_next;
        solver->stale++;
    }
    int64_t now_us = d1_clock_mono_us(solver->options.clock);
    if (solver->retry_at_us <= now_us) {
        solver->retry_at_us = now_us + D1_SOLVER_RETRY_MS * 1000LL;
    }
    d1_solver_wake_within(solver, D1_SOLVER_RETRY_MS);
}

void d1_place_tell_known(struct d1_solver *solver, struct d1_place *place) {
    bool known = d1_place_known(place);
    if (place->via_length > 0) {
        return; /* The name is not answered here. */
    }
    if (known == place->told_known || solver->load_err != 0) {
        return; /* A load tells everything at its end. */
    }
    struct d1_name name;
    struct d1_publisher *publisher = NULL;
    d1_place_name(place, &name);
    if (d1_solver_find_publisher(solver, &name, "", &publisher) != 0) {
        place->told_known = false; /* Nobody answers for it: there is nobody to tell. */
        return;
    }
    if (publisher->know(publisher, &name, known) == 0) {
        place->told_known = known;
    } else {
        d1_place_mark_stale(solver, place);
    }
}

/* The distinct values of the place, without those that had ended when they were loaded. */
static size_t collect_values(struct d1_solver *solver, const struct d1_place *place) {
    size_t count = 0;
    for (const struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        if (lease->ended) {
            continue;
        }
        size_t i = 0;
        while (i < count && !d1_lease_same_value(lease, &solver->values[i])) {
            i++;
        }
        if (i < count || count == D1_SOLVER_VALUES) {
            continue;
        }
        solver->values[count].length = lease->length;
        memcpy(solver->values[count].octets, lease->octets, lease->length);
        solver->value_at[count] = &solver->values[count];
        count++;
    }
    return count;
}

static void set_all_live(struct d1_solver *solver, struct d1_place *place, bool live) {
    for (struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        d1_lease_set_live(solver, lease, live && !lease->ended);
    }
}

/* Finish those whose change is in the round that has ended. */
static void finish_round(struct d1_work *work, int err) {
    struct d1_operation_list ended = {.first = NULL};
    struct d1_operation_list left = {.first = NULL};
    struct d1_operation *operation = NULL;
    while ((operation = d1_operation_take(&work->waiting)) != NULL) {
        bool in_it = operation->round <= work->round &&
                     (d1_operation_is_awaited(operation) || err != D1_ENOTYET);
        d1_operation_add(in_it ? &ended : &left, operation);
        work->waiting_count -= in_it;
    }
    while ((operation = d1_operation_take(&left)) != NULL) {
        d1_operation_add(&work->waiting, operation);
    }
    while ((operation = d1_operation_take(&ended)) != NULL) {
        bool moot = operation->puts == 0 && (err == D1_ENOTSERVED || err == D1_ESTATIC);
        d1_operation_finish(operation, moot ? D1_OK : err); /* What nobody serves is withdrawn. */
    }
}

/* The round that was begun last has ended. */
static void end_round(struct d1_solver *solver, struct d1_place *place, int err) {
    struct d1_work *work = place->work;
    work->holds++;
    if (err == D1_ENOTSERVED || err == D1_ESTATIC) {
        place->published = true; /* There is nothing to show it in until zones change. */
        set_all_live(solver, place, false);
    } else if (err == D1_EPROVIDER) {
        set_all_live(solver, place, false); /* The next request for it tries again. */
    } else if (err != 0) {
        err = D1_ENOTYET;
        d1_place_mark_stale(solver, place);
    } else if (!work->again) {
        place->published = true;
        set_all_live(solver, place, true);
    }
    if (err == 0) {
        d1_place_tell_known(solver, place);
    }
    finish_round(work, err);
    work->holds--;
}

static int publish_once(struct d1_solver *solver, struct d1_place *place) {
    struct d1_name name;
    char via[D1_VIA_TEXT_MAX + 1];
    struct d1_publisher *publisher = NULL;
    d1_place_name(place, &name);
    d1_place_via(place, via);
    place->work->publication.why = NULL;
    int err = d1_solver_find_publisher(solver, &name, via, &publisher);
    if (err != 0) {
        return err;
    }
    size_t count = collect_values(solver, place);
    return publisher->publish(publisher, &name, via, solver->value_at, count,
                              &place->work->publication);
}

/*
 * Publish the place when what is shown is not what is committed, and finish those who wait. It must
 * have work; the caller releases it.
 */
void d1_place_publish(struct d1_solver *solver, struct d1_place *place) {
    struct d1_work *work = place->work;
    assert(work != NULL);
    if (work->publishing) {
        work->again = true;
        return;
    }
    if (d1_place_known(place)) {
        d1_place_tell_known(solver, place); /* Before its values, so that it never flickers. */
    }
    work->round++;
    work->again = false;
    if (place->published) {
        end_round(solver, place, D1_OK);
        return;
    }
    int err = publish_once(solver, place);
    if (err == D1_PUBLISH_LATER) {
        work->publishing = true;
        solver->publishing++;
        d1_solver_wake_within(solver, solver->settings.present_limit_ms);
        return;
    }
    end_round(solver, place, err);
}

/*
 * Publish the place at once, for a walk over all of them: nobody's `done` is called. Those who wait
 * here are finished by the next round. Returns 0, or an error: it is not shown. A place that nobody
 * needs is freed.
 */
int d1_place_show(struct d1_solver *solver, struct d1_place *place) {
    struct d1_work *work = NULL;
    d1_place_tell_known(solver, place);
    if (place->published && place->work == NULL) {
        d1_index_release(&solver->index, place);
        return D1_OK;
    }
    int err = d1_work_get(solver, place, &work);
    if (err != 0) {
        return err;
    }
    if (work->publishing) {
        work->again = true; /* The round under way went to the table before. */
    } else if (!place->published) {
        err = publish_once(solver, place);
    }
    bool moot = err == D1_ENOTSERVED || err == D1_ESTATIC;
    if (err == D1_PUBLISH_LATER) {
        work->publishing = true;
        work->again = false;
        work->round++;
        solver->publishing++;
    } else if (!work->publishing && (err == 0 || moot)) {
        place->published = true;
        set_all_live(solver, place, !moot);
    }
    if (work->waiting.first != NULL) {
        d1_place_mark_stale(solver, place);
    }
    d1_work_release(work);
    return err < 0 && !moot && err != D1_EPROVIDER ? err : D1_OK;
}

static void on_published(struct d1_publication *publication, int err) {
    struct d1_work *work = D1_CONTAINER_OF(publication, struct d1_work, publication);
    struct d1_solver *solver = work->solver;
    assert(work->publishing);
    work->holds++;
    work->publishing = false;
    solver->publishing--;
    bool again = work->again;
    end_round(solver, work->place, err);
    if (again && !work->publishing) {
        d1_place_publish(solver, work->place);
    }
    work->holds--;
    d1_work_release(work);
}

void d1_solver_publish_stale(struct d1_solver *solver) {
    int64_t now_us = d1_clock_mono_us(solver->options.clock);
    if (now_us < solver->retry_at_us) {
        return;
    }
    if (solver->entries_missing) {
        solver->entries_missing = false;
        d1_solver_mark_entries(solver);
    }
    if (solver->places_missing) {
        (void)d1_solver_show_all(solver);
    }
    /* Those that fail again join the end of the list: each is tried once. */
    for (size_t left = solver->stale; left > 0 && solver->stale_first != NULL; left--) {
        struct d1_work *work = solver->stale_first;
        solver->stale_first = work->stale_next;
        work->stale = false;
        solver->stale--;
        work->holds++;
        d1_place_tell_known(solver, work->place);
        d1_place_publish(solver, work->place);
        work->holds--;
        d1_work_release(work);
    }
}

/* When the next request that waits for a publisher reaches its limit; INT64_MAX: none. */
int64_t d1_solver_next_limit_us(const struct d1_solver *solver) {
    int64_t next_us = INT64_MAX;
    if (solver->publishing == 0) {
        return next_us;
    }
    for (const struct d1_work *work = solver->works; work != NULL; work = work->next) {
        const struct d1_operation *operation = work->waiting.first;
        for (; operation != NULL; operation = operation->next) {
            int64_t at_us = operation->started_us + solver->settings.present_limit_ms * 1000;
            if (d1_operation_is_awaited(operation) && at_us < next_us) {
                next_us = at_us;
            }
        }
    }
    return next_us;
}

static struct d1_operation *take_late(struct d1_work *work, int64_t before_us) {
    struct d1_operation_list left = {.first = NULL};
    struct d1_operation *late = NULL;
    struct d1_operation *operation = NULL;
    while ((operation = d1_operation_take(&work->waiting)) != NULL) {
        if (late == NULL && d1_operation_is_awaited(operation) &&
            operation->started_us <= before_us) {
            late = operation;
        } else {
            d1_operation_add(&left, operation);
        }
    }
    while ((operation = d1_operation_take(&left)) != NULL) {
        d1_operation_add(&work->waiting, operation);
    }
    work->waiting_count -= late != NULL;
    return late;
}

/* End the requests that have waited for present.limit; their publications go on. */
void d1_solver_time_out(struct d1_solver *solver) {
    int64_t before_us =
        d1_clock_mono_us(solver->options.clock) - solver->settings.present_limit_ms * 1000;
    struct d1_work *work = solver->publishing > 0 ? solver->works : NULL;
    while (work != NULL) {
        struct d1_operation *late = work->publishing ? take_late(work, before_us) : NULL;
        if (late == NULL) {
            work = work->next;
            continue;
        }
        d1_operation_finish(late, D1_ENOTYET);
        work = solver->works; /* `done` may have changed the list. */
    }
}
