#include "core/clock.h"
#include "core/metrics.h"
#include "solver/state.h"

static const char *const state_labels[] = {"state=\"pending\"", "state=\"live\""};
static const char *const door_labels[D1_DOOR_COUNT] = {
    [D1_DOOR_ACMEDNS] = "door=\"acme-dns\"", [D1_DOOR_HTTPREQ] = "door=\"httpreq\"",
    [D1_DOOR_API] = "door=\"api\"",          [D1_DOOR_SOCKET] = "door=\"socket\"",
    [D1_DOOR_UPDATE] = "door=\"rfc2136\"",   [D1_DOOR_KUBERNETES] = "door=\"kubernetes\"",
};
static const char *const ended_labels[] = {"how=\"removed\"", "how=\"expired\""};
static const uint64_t duration_buckets_us[] = {1000,    2500,    5000,     10000,    25000,
                                               50000,   100000,  250000,   500000,   1000000,
                                               2500000, 5000000, 10000000, 25000000, 0};

static const struct d1_metric_family duration_family = {
    .name = "dns01d_present_duration_seconds",
    .help = "From the receipt of a Present until its answer.",
    .type = D1_METRIC_HISTOGRAM,
    .series = D1_DOOR_COUNT,
    .labels = door_labels,
    .buckets_us = duration_buckets_us,
};

/* Read on any thread: only the atomic counts are touched. */
static int64_t read_challenges(void *arg, size_t series) {
    struct d1_solver *solver = arg;
    int64_t live = atomic_load_explicit(&solver->live, memory_order_relaxed);
    if (series == 1) {
        return live;
    }
    int64_t waiting = atomic_load_explicit(&solver->pending, memory_order_relaxed) +
                      atomic_load_explicit(&solver->held, memory_order_relaxed) - live;
    return waiting > 0 ? waiting : 0;
}

int d1_solver_measure_init(struct d1_solver *solver) {
    struct d1_metrics *metrics = solver->options.metrics;
    if (metrics == NULL) {
        return D1_OK;
    }
    struct d1_metric_family challenges = {
        .name = "dns01d_challenges",
        .help = "Challenge values: not live yet, and live.",
        .type = D1_METRIC_GAUGE,
        .series = 2,
        .labels = state_labels,
        .read = read_challenges,
        .arg = solver,
    };
    struct d1_metric_family ended = {
        .name = "dns01d_challenges_ended_total",
        .help = "Challenge values removed on request, and those whose lease ended.",
        .type = D1_METRIC_COUNTER,
        .series = 2,
        .labels = ended_labels,
    };
    uint32_t unused = 0;
    int err = d1_metrics_family(metrics, &challenges, &unused);
    if (err == 0) {
        err = d1_metrics_family(metrics, &duration_family, &solver->duration_cell);
    }
    if (err == 0) {
        err = d1_metrics_family(metrics, &ended, &solver->ended_cell);
    }
    return err;
}

void d1_solver_measure_present(struct d1_solver *solver, enum d1_door door, int64_t started_us) {
    if (solver->options.metrics == NULL) {
        return;
    }
    int64_t took_us = d1_clock_mono_us(solver->options.clock) - started_us;
    d1_observe_us(solver->options.metrics_block, &duration_family, solver->duration_cell, door,
                  took_us > 0 ? (uint64_t)took_us : 0);
}

void d1_solver_measure_ended(struct d1_solver *solver, bool expired, size_t count) {
    if (solver->options.metrics != NULL) {
        d1_count(solver->options.metrics_block, solver->ended_cell + (expired ? 1U : 0U), count);
    }
}

void d1_lease_set_live(struct d1_solver *solver, struct d1_lease *lease, bool live) {
    if (lease->live != live) {
        lease->live = live;
        atomic_fetch_add_explicit(&solver->live, live ? 1 : -1, memory_order_relaxed);
    }
}
