/*
 * Random presents, cleanups, ends of leases, failures and restarts by several owners, beside a model
 * of a few lines. The seed is printed; D1_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"
#include "tests/unit/solver/fixture.h"

#define STEPS  2000
#define OWNERS 3
#define NAMES  4
#define VALUES 5

static const char *const owners[OWNERS] = {"token:a", "token:b", "socket"};
static const char *const names[NAMES] = {"a.auth.example.test", "b.auth.example.test",
                                         "c.auth.example.test",
                                         "_acme-challenge.d.auth.example.test"};
static const char *const values[VALUES] = {"v0", "v1", "v2", "v3", "v4"};

/* When each lease ends; 0: there is none. */
struct model {
    int64_t ends_ms[NAMES][VALUES][OWNERS];
};

struct step {
    struct asked asked;
    size_t name;
    size_t value;
    size_t owner;
    int at_once;
};

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static size_t below(uint64_t *seed, size_t count) {
    return (size_t)(next_random(seed) % count);
}

static void model_apply(struct model *model, const struct step *step) {
    int64_t *ends = model->ends_ms[step->name][step->value];
    if (step->at_once != 0 || (step->asked.err != 0 && step->asked.err != D1_ENOTYET)) {
        return;
    }
    if (step->asked.request.verb == D1_SOLVER_PRESENT) {
        ends[step->owner] = step->asked.request.expires_ms;
        return;
    }
    for (size_t i = 0; i < OWNERS; i++) {
        if (i == step->owner || strcmp(owners[step->owner], "socket") == 0) {
            ends[i] = 0;
        }
    }
}

static void model_end(struct model *model, int64_t now_ms) {
    int64_t *ends = &model->ends_ms[0][0][0];
    for (size_t i = 0; i < (size_t)NAMES * VALUES * OWNERS; i++) {
        if (ends[i] <= now_ms) {
            ends[i] = 0;
        }
    }
}

static void check_value(const struct world *w, const struct model *model, size_t n, size_t v) {
    bool wanted = false;
    for (size_t o = 0; o < OWNERS; o++) {
        const struct d1_challenge *row = fake_store_find(w->store, names[n], values[v], owners[o]);
        int64_t ends_ms = model->ends_ms[n][v][o];
        assert_int_equal(row != NULL, ends_ms != 0);
        if (row != NULL) {
            assert_int_equal(row->expires_ms, ends_ms);
        }
        wanted = wanted || ends_ms != 0;
    }
    assert_int_equal(is_shown(w, names[n], values[v]), wanted);
    if (wanted) {
        assert_true(is_known(w, names[n]));
    }
}

static void check_model(const struct world *w, const struct model *model) {
    for (size_t n = 0; n < NAMES; n++) {
        for (size_t v = 0; v < VALUES; v++) {
            check_value(w, model, n, v);
        }
    }
    check_shown_is_committed(w);
}

/* A few requests at the same time; some of their commits fail, or the publisher does. */
static void ask_some(struct world *w, struct model *model, uint64_t *seed) {
    struct step steps[6];
    size_t count = 1 + below(seed, D1_ARRAY_LENGTH(steps));
    for (size_t i = 0; i < count; i++) {
        struct step *step = &steps[i];
        step->name = below(seed, NAMES);
        step->value = below(seed, VALUES);
        step->owner = below(seed, OWNERS);
        enum d1_solver_verb verb = below(seed, 5) < 3 ? D1_SOLVER_PRESENT : D1_SOLVER_CLEANUP;
        asked_init(&step->asked, w, verb, owners[step->owner], names[step->name],
                   values[step->value]);
        step->asked.request.lease_ms = (int64_t)(1 + below(seed, 100)) * 60000;
        step->at_once = d1_solver_submit(w->solver, &step->asked.request);
    }
    if (below(seed, 10) == 0 && fake_store_waiting(w->store) > 0) {
        fake_store_fail(w->store, D1_ESTORE);
    }
    w->publisher.publish_err = below(seed, 10) == 0 ? -12 : 0;
    world_settle(w);
    w->publisher.publish_err = 0;
    world_advance(w, 2000);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(steps[i].asked.done, steps[i].at_once == 0);
        model_apply(model, &steps[i]);
    }
}

static void test_random_steps(void **state) {
    static struct world world;
    static struct model model;
    uint64_t seed = 0;
    const char *given = getenv("D1_SEED");
    (void)state;
    if (given != NULL) {
        seed = strtoull(given, NULL, 10);
    } else {
        assert_int_equal(d1_random(&seed, sizeof(seed)), 0);
    }
    seed |= 1; /* The generator never leaves 0. */
    print_message("# D1_SEED=%llu\n", (unsigned long long)seed);
    world_open(&world);
    for (int i = 0; i < STEPS; i++) {
        size_t what = below(&seed, 100);
        if (what == 0) {
            world_restart(&world);
            world_advance(&world, 1);
        } else if (what == 1) {
            world_forget_shown(&world);
            assert_int_equal(d1_solver_republish(world.solver), 0);
        } else if (what < 20) {
            world_advance(&world, (int64_t)below(&seed, 60) * 60000);
        } else {
            ask_some(&world, &model, &seed);
        }
        model_end(&model, d1_clock_wall_ms(&world.clock.clock));
        check_model(&world, &model);
    }
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
