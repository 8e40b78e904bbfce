#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "tests/unit/solver/fixture.h"

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

static int64_t gauge(const struct world *w, const char *line) {
    struct d1_bytes out;
    long value = -1;
    d1_bytes_init(&out, 65536);
    assert_int_equal(d1_metrics_write(w->metrics, &out), 0);
    const char *at = strstr(d1_bytes_text(&out), line);
    if (at != NULL) {
        value = strtol(at + strlen(line), NULL, 10);
    }
    d1_bytes_close(&out);
    return value;
}

#define LIVE    "dns01d_challenges{state=\"live\"} "
#define PENDING "dns01d_challenges{state=\"pending\"} "

static void test_failed_publication_is_not_yet_and_tried_again(void **state) {
    struct world *w = *state;
    w->publisher.publish_err = -12;
    assert_int_equal(present(w, "token:lego", NAME, "v1"), D1_ENOTYET);
    assert_non_null(fake_store_find(w->store, NAME, "v1", "token:lego"));
    assert_int_equal(gauge(w, PENDING), 1);
    w->publisher.publish_err = 0;
    world_advance(w, 2000);
    assert_true(is_shown(w, NAME, "v1"));
    assert_int_equal(gauge(w, LIVE), 1);
    assert_int_equal(gauge(w, PENDING), 0);
}

static void test_repeat_publishes_at_once_what_failed(void **state) {
    struct world *w = *state;
    w->publisher.publish_err = -12;
    assert_int_equal(present(w, "token:lego", NAME, "v1"), D1_ENOTYET);
    assert_int_equal(present(w, "token:lego", NAME, "v1"), D1_ENOTYET);
    w->publisher.publish_err = 0;
    assert_int_equal(present(w, "token:lego", NAME, "v1"), 0);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_failed_withdrawal_is_tried_again(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    w->publisher.publish_err = -12;
    assert_int_equal(cleanup(w, "token:lego", NAME, "v1"), D1_ENOTYET);
    assert_true(is_shown(w, NAME, "v1"));
    w->publisher.publish_err = 0;
    world_advance(w, 2000);
    assert_int_equal(shown_count(w, NAME), 0);
    check_shown_is_committed(w);
}

static void test_many_stale_places_are_all_tried(void **state) {
    struct world *w = *state;
    static const char *const names[] = {"a.auth.example.test", "b.auth.example.test",
                                        "c.auth.example.test", "d.auth.example.test"};
    w->publisher.publish_err = -12;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        assert_int_equal(present(w, "token:lego", names[i], "v"), D1_ENOTYET);
    }
    size_t before = w->publisher.publications;
    d1_fake_clock_advance_ms(&w->clock, 2000);
    d1_solver_tick(w->solver);
    assert_int_equal(w->publisher.publications, before + 4);
    w->publisher.publish_err = 0;
    world_advance(w, 2000);
    check_shown_is_committed(w);
}

static void test_later_waits_for_the_publisher(void **state) {
    struct world *w = *state;
    struct asked a;
    w->publisher.later = true;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_settle(w);
    assert_int_equal(a.done, 0);
    publication_end(w, 0);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(gauge(w, LIVE), 1);
}

static void add_event(const struct d1_event *event, void *arg) {
    *(enum d1_event_kind *)arg = event->kind;
}

static void test_later_than_the_limit_is_not_yet_but_goes_on(void **state) {
    struct world *w = *state;
    struct asked a;
    w->publisher.later = true;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_settle(w);
    world_advance(w, 24999);
    assert_int_equal(a.done, 0);
    world_advance(w, 1);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, D1_ENOTYET);
    struct asked joined;
    assert_int_equal(ask(&joined, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_settle(w);
    assert_int_equal(joined.done, 0);
    assert_int_equal(w->publisher.under_way_count, 1);
    publication_end(w, 0);
    assert_int_equal(a.done, 1);
    assert_int_equal(joined.done, 1);
    assert_int_equal(joined.err, 0);
    enum d1_event_kind last = D1_EVENT_PRESENTED;
    d1_timeline_each(w->timeline, &a.request.name, add_event, &last);
    assert_int_equal(last, D1_EVENT_LIVE);
}

static void test_change_during_a_publication_takes_one_more_round(void **state) {
    struct world *w = *state;
    struct asked first;
    struct asked second;
    w->publisher.later = true;
    ask(&first, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    world_settle(w);
    ask(&second, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v2");
    world_settle(w);
    publication_end(w, 0);
    assert_int_equal(first.done, 1);
    assert_int_equal(first.err, 0);
    assert_int_equal(second.done, 0);
    publication_end(w, 0);
    assert_int_equal(second.done, 1);
    assert_int_equal(second.err, 0);
    check_shown_is_committed(w);
}

static void test_later_that_fails_is_tried_again(void **state) {
    struct world *w = *state;
    struct asked a;
    w->publisher.later = true;
    ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    world_settle(w);
    publication_end(w, -5);
    assert_int_equal(a.err, D1_ENOTYET);
    assert_int_equal(w->publisher.under_way_count, 0);
    world_advance(w, 2000);
    assert_int_equal(w->publisher.under_way_count, 1);
    publication_end(w, 0);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_cleanup_during_a_publication(void **state) {
    struct world *w = *state;
    struct asked a;
    struct asked b;
    w->publisher.later = true;
    ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    world_settle(w);
    ask(&b, w, D1_SOLVER_CLEANUP, "token:lego", NAME, "v1");
    world_settle(w);
    assert_int_equal(fake_store_challenges(w->store), 0);
    publication_end(w, 0);
    assert_int_equal(a.done, 1);
    assert_int_equal(b.done, 0);
    publication_end(w, 0);
    assert_int_equal(b.done, 1);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void forget(struct world *w) {
    for (size_t i = 0; i < w->publisher.count; i++) {
        w->publisher.shown[i].count = 0;
        w->publisher.shown[i].known = false;
    }
}

static void test_republish_fills_an_empty_table_at_once(void **state) {
    struct world *w = *state;
    struct asked a;
    d1_solver_configure(w->solver, &w->settings, world_credentials("a", "x7.auth.example.test"));
    present(w, "token:a", NAME, "v1");
    present(w, "token:a", "x.auth.example.test", "v1");
    ask(&a, w, D1_SOLVER_PRESENT, "token:a", NAME, "v2"); /* Not committed yet. */
    forget(w);
    assert_int_equal(d1_solver_republish(w->solver), 0);
    check_shown_is_committed(w);
    assert_true(is_known(w, "x7.auth.example.test"));
    assert_int_equal(shown_count(w, NAME), 1);
    world_settle(w);
    assert_int_equal(a.err, 0);
    check_shown_is_committed(w);
}

static void test_republish_that_fails_says_so_and_is_repeated(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    forget(w);
    w->publisher.publish_err = -12;
    assert_int_equal(d1_solver_republish(w->solver), -12);
    w->publisher.publish_err = 0;
    world_advance(w, 2000);
    check_shown_is_committed(w);
}

static void test_republish_during_a_publication_takes_one_more_round(void **state) {
    struct world *w = *state;
    struct asked a;
    w->publisher.later = true;
    ask(&a, w, D1_SOLVER_PRESENT, "token:a", NAME, "v1");
    world_settle(w);
    assert_int_equal(d1_solver_republish(w->solver), 0);
    assert_int_equal(w->publisher.under_way_count, 1);
    publication_end(w, 0);
    assert_int_equal(w->publisher.under_way_count, 1); /* The first went to the table before. */
    forget(w);
    publication_end(w, 0);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
    assert_true(is_shown(w, NAME, "v1"));
}

static void count_live(const struct d1_event *event, void *arg) {
    *(int *)arg += event->kind == D1_EVENT_LIVE;
}

static void test_live_is_noted_though_it_came_late(void **state) {
    struct world *w = *state;
    struct d1_name name;
    int live = 0;
    assert_int_equal(d1_name_from_text(NAME, &name), 0);
    for (int i = 0; i < 3; i++) {
        const char value[] = {(char)('a' + i), '\0'};
        w->publisher.publish_err = -12;
        assert_int_equal(present(w, "token:a", NAME, value), D1_ENOTYET);
        w->publisher.publish_err = 0;
        world_advance(w, 2000);
    }
    d1_timeline_each(w->timeline, &name, count_live, &live);
    assert_int_equal(live, 3);
}

static void test_zone_taken_away_and_given_back(void **state) {
    struct world *w = *state;
    struct d1_name zone = w->publisher.zone;
    present(w, "token:a", NAME, "v1");
    assert_int_equal(d1_name_from_text("elsewhere.test", &w->publisher.zone), 0);
    forget(w);
    assert_int_equal(d1_solver_republish(w->solver), 0);
    assert_int_equal(gauge(w, LIVE), 0);
    assert_int_equal(cleanup(w, "token:a", NAME, "none"), 0);
    w->publisher.zone = zone;
    assert_int_equal(d1_solver_republish(w->solver), 0);
    assert_int_equal(gauge(w, LIVE), 1);
    check_shown_is_committed(w);
}

static void test_cleanup_where_nobody_serves_any_more(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    assert_int_equal(d1_name_from_text("elsewhere.test", &w->publisher.zone), 0);
    forget(w);
    assert_int_equal(d1_solver_republish(w->solver), 0);
    assert_int_equal(cleanup(w, "token:a", NAME, "v1"), 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
}

static int ask_via(struct world *w, enum d1_solver_verb verb, const char *via, const char *value,
                   struct asked *asked) {
    asked_init(asked, w, verb, "kubernetes:a", NAME, value);
    asked->request.via = via;
    int err = d1_solver_submit(w->solver, &asked->request);
    if (err == 0) {
        world_settle(w);
        assert_int_equal(asked->done, 1);
    }
    return err;
}

static void test_a_provider_account_is_a_place_of_its_own(void **state) {
    struct world *w = *state;
    struct asked asked;
    w->publisher.via = "acc";
    assert_int_equal(present(w, "token:lego", NAME, "v1"), 0);
    assert_string_equal(w->publisher.last_via, "");
    assert_int_equal(ask_via(w, D1_SOLVER_PRESENT, "acc", "v2", &asked), 0);
    assert_int_equal(asked.err, 0);
    assert_string_equal(w->publisher.last_via, "acc");
    assert_non_null(fake_store_find(w->store, NAME, "v1", "token:lego"));
    assert_int_equal(fake_store_challenges(w->store), 2);
    assert_int_equal(ask_via(w, D1_SOLVER_CLEANUP, NULL, "v2", &asked), 0);
    assert_int_equal(fake_store_challenges(w->store), 2); /* It does not stand there. */
    assert_int_equal(ask_via(w, D1_SOLVER_CLEANUP, "acc", "v2", &asked), 0);
    assert_int_equal(fake_store_challenges(w->store), 1);
}

static void test_an_unknown_account_is_not_served(void **state) {
    struct world *w = *state;
    struct asked asked;
    w->publisher.via = "acc";
    assert_int_equal(ask_via(w, D1_SOLVER_PRESENT, "other", "v", &asked), D1_ENOTSERVED);
}

static void test_a_provider_that_fails_is_final_and_says_why(void **state) {
    struct world *w = *state;
    struct asked asked;
    w->publisher.via = "acc";
    w->publisher.publish_err = D1_EPROVIDER;
    w->publisher.why = "fake: no such zone";
    assert_int_equal(ask_via(w, D1_SOLVER_PRESENT, "acc", "v", &asked), 0);
    assert_int_equal(asked.err, D1_EPROVIDER);
    assert_string_equal(asked.why, NAME ": fake: no such zone");
    size_t before = w->publisher.publications;
    world_advance(w, 5000);
    assert_int_equal(w->publisher.publications, before);
    w->publisher.publish_err = 0;
    assert_int_equal(ask_via(w, D1_SOLVER_PRESENT, "acc", "v", &asked), 0);
    assert_int_equal(asked.err, 0); /* The next one tries again. */
}

static void test_gauges_and_histogram(void **state) {
    struct world *w = *state;
    struct asked a;
    ask(&a, w, D1_SOLVER_PRESENT, "token:a", NAME, "v1");
    assert_int_equal(gauge(w, PENDING), 1);
    assert_int_equal(gauge(w, LIVE), 0);
    d1_fake_clock_advance_ms(&w->clock, 7);
    world_settle(w);
    assert_int_equal(gauge(w, PENDING), 0);
    assert_int_equal(gauge(w, LIVE), 1);
    assert_int_equal(gauge(w, "dns01d_present_duration_seconds_bucket{door=\"api\",le=\"0.005\"} "),
                     0);
    assert_int_equal(gauge(w, "dns01d_present_duration_seconds_bucket{door=\"api\",le=\"0.01\"} "),
                     1);
    cleanup(w, "token:a", NAME, "v1");
    assert_int_equal(gauge(w, LIVE), 0);
    assert_int_equal(gauge(w, "dns01d_challenges_ended_total{how=\"removed\"} "), 1);
    present(w, "token:a", NAME, "v1");
    world_advance(w, 24 * HOUR_MS);
    assert_int_equal(gauge(w, "dns01d_challenges_ended_total{how=\"expired\"} "), 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(test_failed_publication_is_not_yet_and_tried_again),
        T(test_repeat_publishes_at_once_what_failed),
        T(test_failed_withdrawal_is_tried_again),
        T(test_many_stale_places_are_all_tried),
        T(test_later_waits_for_the_publisher),
        T(test_later_than_the_limit_is_not_yet_but_goes_on),
        T(test_change_during_a_publication_takes_one_more_round),
        T(test_later_that_fails_is_tried_again),
        T(test_cleanup_during_a_publication),
        T(test_republish_fills_an_empty_table_at_once),
        T(test_republish_that_fails_says_so_and_is_repeated),
        T(test_republish_during_a_publication_takes_one_more_round),
        T(test_live_is_noted_though_it_came_late),
        T(test_zone_taken_away_and_given_back),
        T(test_cleanup_where_nobody_serves_any_more),
        T(test_a_provider_account_is_a_place_of_its_own),
        T(test_an_unknown_account_is_not_served),
        T(test_a_provider_that_fails_is_final_and_says_why),
        T(test_gauges_and_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
