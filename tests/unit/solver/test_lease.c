#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/solver/fixture.h"

#define DAY_MS (24 * HOUR_MS)

static int open_world(void **state) {
    static struct world world;
    world_open(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    world_close(*state);
    return 0;
}

static int present_for(struct world *w, const char *owner, const char *value, int64_t lease_ms,
                       struct asked *asked) {
    asked_init(asked, w, D1_SOLVER_PRESENT, owner, NAME, value);
    asked->request.lease_ms = lease_ms;
    int err = d1_solver_submit(w->solver, &asked->request);
    if (err == 0) {
        world_settle(w);
        assert_int_equal(asked->done, 1);
        err = asked->err;
    }
    return err;
}

static void test_lease_ends_and_value_is_withdrawn(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    world_advance(w, DAY_MS - 1);
    assert_true(is_shown(w, NAME, "v1"));
    world_advance(w, 1);
    assert_int_equal(shown_count(w, NAME), 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
}

static void test_removed_durably_before_it_is_withdrawn(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    d1_fake_clock_advance_ms(&w->clock, DAY_MS);
    d1_solver_tick(w->solver);
    world_run(w);
    assert_int_equal(fake_store_waiting(w->store), 1);
    assert_true(is_shown(w, NAME, "v1"));
    world_settle(w);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_own_lease(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(present_for(w, "token:lego", "v1", 1000, &a), 0);
    assert_int_equal(a.request.expires_ms, NOW_MS + 1000);
    world_advance(w, 1000);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_maximum(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(present_for(w, "token:lego", "v1", 30 * DAY_MS, &a), 0);
    assert_int_equal(present_for(w, "token:lego", "v2", 30 * DAY_MS + 1, &a), D1_ELEASE);
    assert_int_equal(present_for(w, "socket", "v2", 30 * DAY_MS + 1, &a), D1_ELEASE);
    assert_int_equal(present_for(w, "token:lego", "v2", -2, &a), D1_ELEASE);
    assert_int_equal(present_for(w, "token:lego", "v2", INT64_MAX, &a), D1_ELEASE);
    assert_int_equal(present_for(w, "token:lego", "v2", INT64_MIN, &a), D1_ELEASE);
}

static void test_no_end_needs_admin(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(present_for(w, "token:lego", "v1", D1_LEASE_NONE, &a), D1_EFORBIDDEN);
    assert_int_equal(present_for(w, "socket", "v1", D1_LEASE_NONE, &a), 0);
    assert_int_equal(a.request.expires_ms, 0);
    world_advance(w, 1000 * DAY_MS);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_renewed_lease_lives_on(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    world_advance(w, DAY_MS - 1000);
    present(w, "token:lego", NAME, "v1");
    world_advance(w, 2000);
    assert_true(is_shown(w, NAME, "v1"));
    world_advance(w, DAY_MS);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_renewal_on_its_way_beats_the_end(void **state) {
    struct world *w = *state;
    struct asked a;
    present(w, "token:lego", NAME, "v1");
    d1_fake_clock_advance_ms(&w->clock, DAY_MS - 1);
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    d1_fake_clock_advance_ms(&w->clock, 1000);
    d1_solver_tick(w->solver); /* The old end is over, the renewal is not committed yet. */
    world_settle(w);
    assert_int_equal(a.err, 0);
    assert_true(is_shown(w, NAME, "v1"));
    assert_non_null(fake_store_find(w->store, NAME, "v1", "token:lego"));
    world_advance(w, DAY_MS);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_store_down_value_stays_until_it_is_up(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    fake_store_refuse(w->store, D1_ESTORE);
    world_advance(w, DAY_MS);
    assert_true(is_shown(w, NAME, "v1"));
    fake_store_refuse(w->store, 0);
    world_advance(w, 2000);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_failed_commit_of_an_end_is_tried_again(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    d1_fake_clock_advance_ms(&w->clock, DAY_MS);
    d1_solver_tick(w->solver);
    fake_store_fail(w->store, D1_ESTORE);
    world_run(w);
    assert_int_equal(fake_store_waiting(w->store), 0);
    assert_true(is_shown(w, NAME, "v1"));
    world_advance(w, 2000);
    assert_int_equal(shown_count(w, NAME), 0);
    check_shown_is_committed(w);
}

static void test_many_ends_at_once(void **state) {
    struct world *w = *state;
    char name[60];
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "n%d.auth.example.test", i);
        assert_int_equal(present(w, "token:lego", name, "v1"), 0);
    }
    d1_fake_clock_advance_ms(&w->clock, DAY_MS);
    d1_solver_tick(w->solver);
    assert_true(fake_store_waiting(w->store) <= 1024);
    assert_true(fake_store_waiting(w->store) > 1000);
    world_advance(w, 0);
    world_advance(w, 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
    check_shown_is_committed(w);
}

static void test_clock_set_forward_is_seen(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    w->clock.now_wall_ms += 2 * DAY_MS; /* The monotonic clock did not move. */
    d1_solver_tick(w->solver);
    world_settle(w);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_clock_set_back_does_not_keep_leases_for_ever(void **state) {
    struct world *w = *state;
    struct asked a;
    present(w, "token:lego", NAME, "v1");
    assert_int_equal(present_for(w, "socket", "kept", D1_LEASE_NONE, &a), 0);
    w->clock.now_wall_ms -= 3650 * DAY_MS;
    world_advance(w, 29 * DAY_MS);
    assert_true(is_shown(w, NAME, "v1"));
    present(w, "token:lego", NAME, "v2");
    world_advance(w, DAY_MS);
    world_advance(w, DAY_MS);
    world_advance(w, DAY_MS);
    assert_false(is_shown(w, NAME, "v1"));
    assert_false(is_shown(w, NAME, "v2")); /* By its own lease, which was made after. */
    assert_true(is_shown(w, NAME, "kept"));
    check_shown_is_committed(w);
}

static void test_name_stays_known_for_a_while(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    cleanup(w, "token:lego", NAME, "v1");
    assert_true(is_known(w, NAME));
    assert_non_null(fake_store_known(w->store, NAME));
    world_advance(w, DAY_MS - 1000);
    assert_true(is_known(w, NAME));
    world_advance(w, 1000);
    assert_false(is_known(w, NAME));
    assert_null(fake_store_known(w->store, NAME));
}

static void test_known_after_its_lease_ended(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    world_advance(w, DAY_MS);
    assert_true(is_known(w, NAME));
    assert_int_equal(fake_store_known(w->store, NAME)->until_ms, NOW_MS + 2 * DAY_MS);
    world_advance(w, DAY_MS);
    assert_false(is_known(w, NAME));
}

static void test_known_survives_a_restart(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    cleanup(w, "token:lego", NAME, "v1");
    world_restart(w);
    assert_true(is_known(w, NAME));
    world_advance(w, DAY_MS);
    assert_false(is_known(w, NAME));
}

static void test_known_ends_while_a_new_value_lives(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    cleanup(w, "token:lego", NAME, "v1");
    world_advance(w, DAY_MS / 2);
    present(w, "token:lego", NAME, "v2");
    world_advance(w, DAY_MS / 2);
    assert_true(is_shown(w, NAME, "v2"));
    assert_true(is_known(w, NAME));
    cleanup(w, "token:lego", NAME, "v2");
    world_advance(w, DAY_MS - 1000);
    assert_true(is_known(w, NAME));
}

static void test_entries_of_credentials_are_known(void **state) {
    struct world *w = *state;
    d1_solver_configure(w->solver, &w->settings, world_credentials("a", "x7.auth.example.test"));
    assert_true(is_known(w, "x7.auth.example.test"));
    d1_solver_configure(w->solver, &w->settings, world_credentials("b", "x8.auth.example.test"));
    assert_false(is_known(w, "x7.auth.example.test"));
    assert_true(is_known(w, "x8.auth.example.test"));
    d1_solver_configure(w->solver, &w->settings, world_credentials("c", "x8.auth.example.test"));
    assert_true(is_known(w, "x8.auth.example.test"));
}

static void test_entry_goes_but_value_stays(void **state) {
    struct world *w = *state;
    d1_solver_configure(w->solver, &w->settings, world_credentials("a", NAME));
    present(w, "token:a", NAME, "v1");
    d1_solver_configure(w->solver, &w->settings, world_credentials("b", "x8.auth.example.test"));
    assert_true(is_known(w, NAME));
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_know_that_fails_is_told_later(void **state) {
    struct world *w = *state;
    w->publisher.know_err = -12;
    d1_solver_configure(w->solver, &w->settings, world_credentials("a", "x7.auth.example.test"));
    assert_false(is_known(w, "x7.auth.example.test"));
    w->publisher.know_err = 0;
    world_advance(w, 2000);
    assert_true(is_known(w, "x7.auth.example.test"));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(test_lease_ends_and_value_is_withdrawn),
        T(test_removed_durably_before_it_is_withdrawn),
        T(test_own_lease),
        T(test_maximum),
        T(test_no_end_needs_admin),
        T(test_renewed_lease_lives_on),
        T(test_renewal_on_its_way_beats_the_end),
        T(test_store_down_value_stays_until_it_is_up),
        T(test_failed_commit_of_an_end_is_tried_again),
        T(test_many_ends_at_once),
        T(test_clock_set_forward_is_seen),
        T(test_clock_set_back_does_not_keep_leases_for_ever),
        T(test_name_stays_known_for_a_while),
        T(test_known_after_its_lease_ended),
        T(test_known_survives_a_restart),
        T(test_known_ends_while_a_new_value_lives),
        T(test_entries_of_credentials_are_known),
        T(test_entry_goes_but_value_stays),
        T(test_know_that_fails_is_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
