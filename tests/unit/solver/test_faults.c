/*
 * Every allocation of a scenario fails in turn: each request still has exactly one outcome, nothing
 * leaks, and what is shown is what is committed once memory is back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/solver/fixture.h"

#define ASKED_MAX 64

struct run {
    struct world world;
    struct asked asked[ASKED_MAX];
    int at_once[ASKED_MAX];
    size_t count;
};

static void go(struct run *run, enum d1_solver_verb verb, const char *owner, const char *name,
               const char *value, bool gives_way) {
    assert_true(run->count < ASKED_MAX);
    struct asked *asked = &run->asked[run->count];
    asked_init(asked, &run->world, verb, owner, name, value);
    asked->request.oldest_gives_way = gives_way;
    run->at_once[run->count++] = d1_solver_submit(run->world.solver, &asked->request);
}

static void presents_and_cleanups(struct run *run) {
    const char *other = "x.auth.example.test";
    go(run, D1_SOLVER_PRESENT, "token:a", NAME, "v1", false);
    go(run, D1_SOLVER_PRESENT, "token:b", NAME, "v1", false);
    go(run, D1_SOLVER_PRESENT, "token:a", NAME, "v1", false);
    world_settle(&run->world);
    go(run, D1_SOLVER_PRESENT, "token:a", other, "v2", false);
    go(run, D1_SOLVER_CLEANUP, "token:a", other, "v2", false);
    go(run, D1_SOLVER_CLEANUP, "token:a", "none.auth.example.test", "v2", false);
    world_settle(&run->world);
    go(run, D1_SOLVER_CLEANUP, "token:a", NAME, "v1", false);
    go(run, D1_SOLVER_CLEANUP, "socket", NAME, "v1", false);
    world_settle(&run->world);
}

static void giving_way(struct run *run) {
    char value[256];
    memset(value, 'x', 255);
    value[255] = '\0';
    for (int i = 0; i < 6; i++) {
        value[0] = (char)('a' + i);
        go(run, D1_SOLVER_PRESENT, "account:1", NAME, value, true);
        world_settle(&run->world);
    }
}

static void leases_that_end(struct run *run) {
    go(run, D1_SOLVER_PRESENT, "token:a", NAME, "v1", false);
    go(run, D1_SOLVER_PRESENT, "token:a", "x.auth.example.test", "v1", false);
    world_settle(&run->world);
    world_advance(&run->world, 24 * HOUR_MS);
    world_advance(&run->world, 24 * HOUR_MS);
}

static void reload(struct run *run) {
    go(run, D1_SOLVER_PRESENT, "token:a", NAME, "v1", false);
    world_settle(&run->world);
    (void)d1_solver_republish(run->world.solver);
    world_advance(&run->world, 10);
}

static void check_outcomes(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        assert_int_equal(run->asked[i].done, run->at_once[i] == 0);
    }
}

/* Returns whether an allocation failed. */
static bool run_once(struct run *run, void (*scenario)(struct run *run), uint64_t skipped,
                     int persistent) {
    memset(run, 0, sizeof(*run));
    world_open(&run->world);
    d1_mem_fault_arm(skipped, persistent);
    scenario(run);
    bool failed = d1_mem_fault_disarm() > 0;
    world_settle(&run->world);
    world_advance(&run->world, 2000);
    world_advance(&run->world, 2000);
    check_outcomes(run);
    check_shown_is_committed(&run->world);
    world_close(&run->world);
    return failed;
}

static void run_all(void (*scenario)(struct run *run)) {
    static struct run run;
    for (int persistent = 0; persistent <= 1; persistent++) {
        uint64_t skipped = 0;
        int64_t live = d1_mem_live();
        while (run_once(&run, scenario, skipped, persistent)) {
            assert_int_equal(d1_mem_live(), live);
            skipped++;
            assert_true(skipped < 5000);
        }
        assert_int_equal(d1_mem_live(), live);
        for (size_t i = 0; i < run.count; i++) { /* The last round was without a fault. */
            assert_int_equal(run.at_once[i], 0);
            assert_int_equal(run.asked[i].err, 0);
        }
#ifdef D1_FAULT_POINTS
        assert_true(skipped > 0);
#endif
    }
}

static void test_presents_and_cleanups(void **state) {
    (void)state;
    run_all(presents_and_cleanups);
}

static void test_giving_way(void **state) {
    (void)state;
    run_all(giving_way);
}

static void test_leases_that_end(void **state) {
    (void)state;
    run_all(leases_that_end);
}

static void test_reload(void **state) {
    (void)state;
    run_all(reload);
}

/* Configure with every allocation failing in turn: the names are known in the end. */
static void test_entries(void **state) {
    static struct world world;
    (void)state;
    int64_t live = d1_mem_live();
    for (uint64_t skipped = 0;; skipped++) {
        world_open(&world);
        struct d1_credentials *set = world_credentials("a", "x7.auth.example.test");
        d1_mem_fault_arm(skipped, 0);
        d1_solver_configure(world.solver, &world.settings, set);
        bool failed = d1_mem_fault_disarm() > 0;
        world_advance(&world, 2000);
        assert_true(is_known(&world, "x7.auth.example.test"));
        world_close(&world);
        assert_int_equal(d1_mem_live(), live);
        if (!failed) {
            break;
        }
    }
}

struct enrolling {
    struct d1_solver_register request;
    int done;
    int err;
};

static void on_enrolled(struct d1_solver_register *request, int err) {
    struct enrolling *enrolling = D1_CONTAINER_OF(request, struct enrolling, request);
    enrolling->done++;
    enrolling->err = err;
}

static void test_registration(void **state) {
    static struct world world;
    (void)state;
    int64_t live = d1_mem_live();
    for (uint64_t skipped = 0;; skipped++) {
        struct enrolling r = {.request = {.allowfrom = "192.0.2.0/24", .done = on_enrolled}};
        world_open(&world);
        d1_mem_fault_arm(skipped, 0);
        int err = d1_solver_register(world.solver, &r.request);
        world_settle(&world);
        bool failed = d1_mem_fault_disarm() > 0;
        assert_int_equal(r.done, err == 0);
        assert_int_equal(fake_store_accounts(world.store), err == 0 ? 1 : 0);
        world_close(&world);
        assert_int_equal(d1_mem_live(), live);
        if (!failed) {
            assert_int_equal(err, 0);
            break;
        }
    }
}

/* Create and load: an error, or a solver that shows everything. */
static void test_create_and_load(void **state) {
    static struct world world;
    (void)state;
    int64_t live = d1_mem_live();
    for (uint64_t skipped = 0;; skipped++) {
        world_open(&world);
        assert_int_equal(present(&world, "token:a", NAME, "v1"), 0);
        d1_solver_destroy(world.solver);
        world_run(&world);
        world.solver = NULL;
        fake_store_forget_watchers(world.store);
        d1_metrics_destroy(world.metrics);
        assert_int_equal(d1_metrics_create(&world.metrics), 0);
        assert_int_equal(d1_metrics_block(world.metrics, &world.block), 0);
        world_forget_shown(&world);
        struct d1_credentials *set = world_credentials("a", "x7.auth.example.test");
        d1_mem_fault_arm(skipped, 0);
        int err = world_create_solver(&world);
        if (err == 0) {
            d1_solver_configure(world.solver, &world.settings, set);
            err = d1_solver_load(world.solver, NULL);
        } else {
            d1_credentials_destroy(set);
            world.solver = NULL;
        }
        bool failed = d1_mem_fault_disarm() > 0;
        if (err == 0) {
            world_advance(&world, 2000);
            check_shown_is_committed(&world);
            assert_true(is_known(&world, "x7.auth.example.test"));
        }
        world_close(&world);
        assert_int_equal(d1_mem_live(), live);
        if (!failed) {
            assert_int_equal(err, 0);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presents_and_cleanups),
        cmocka_unit_test(test_giving_way),
        cmocka_unit_test(test_leases_that_end),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_create_and_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
