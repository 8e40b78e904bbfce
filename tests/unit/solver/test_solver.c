#include "tests/unit/solver/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

static void test_present_is_live_when_done(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    assert_int_equal(a.done, 0);
    assert_int_equal(shown_count(w, NAME), 0);
    world_settle(w);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
    assert_false(a.request.repeated);
    assert_int_equal(a.request.expires_ms, NOW_MS + 24 * HOUR_MS);
    assert_true(is_shown(w, NAME, "v1"));
    assert_true(is_known(w, NAME));
}

static void test_nothing_is_shown_before_the_commit(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_run(w);
    assert_int_equal(a.done, 0);
    assert_int_equal(w->publisher.publications, 0);
    world_settle(w);
    assert_int_equal(a.done, 1);
}

static void test_cleanup_withdraws(void **state) {
    struct world *w = *state;
    assert_int_equal(present(w, "token:lego", NAME, "v1"), 0);
    assert_int_equal(cleanup(w, "token:lego", NAME, "v1"), 0);
    assert_int_equal(shown_count(w, NAME), 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
}

static void test_cleanup_leaves_neighbours(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    present(w, "token:lego", NAME, "v2");
    assert_int_equal(shown_count(w, NAME), 2);
    assert_int_equal(cleanup(w, "token:lego", NAME, "v1"), 0);
    assert_false(is_shown(w, NAME, "v1"));
    assert_true(is_shown(w, NAME, "v2"));
}

static void test_cleanup_of_nothing_succeeds_later(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_CLEANUP, "token:lego", NAME, "v1"), 0);
    assert_int_equal(a.done, 0);
    world_run(w);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(fake_store_waiting(w->store), 0);
}

static void test_cleanup_of_anothers_value_changes_nothing(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    assert_int_equal(cleanup(w, "token:other", NAME, "v1"), 0);
    assert_true(is_shown(w, NAME, "v1"));
    assert_non_null(fake_store_find(w->store, NAME, "v1", "token:lego"));
}

static void test_two_owners_one_value_is_served_once(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    present(w, "token:b", NAME, "v1");
    assert_int_equal(shown_count(w, NAME), 1);
    assert_int_equal(fake_store_challenges(w->store), 2);
    cleanup(w, "token:a", NAME, "v1");
    assert_true(is_shown(w, NAME, "v1"));
    cleanup(w, "token:b", NAME, "v1");
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_admin_removes_all_owners_of_the_value(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    present(w, "token:b", NAME, "v1");
    present(w, "token:b", NAME, "v2");
    assert_int_equal(cleanup(w, "socket", NAME, "v1"), 0);
    assert_false(is_shown(w, NAME, "v1"));
    assert_true(is_shown(w, NAME, "v2"));
    assert_int_equal(fake_store_challenges(w->store), 1);
}

static void test_repeat_renews_the_lease_only(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    size_t before = w->publisher.publications;
    d1_fake_clock_advance_ms(&w->clock, HOUR_MS);
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_settle(w);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
    assert_true(a.request.repeated);
    assert_int_equal(a.request.expires_ms, NOW_MS + 25 * HOUR_MS);
    assert_int_equal(w->publisher.publications, before);
    assert_int_equal(fake_store_find(w->store, NAME, "v1", "token:lego")->expires_ms,
                     NOW_MS + 25 * HOUR_MS);
    assert_int_equal(shown_count(w, NAME), 1);
}

static void test_the_same_value_by_another_is_no_repeat(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:b", NAME, "v1"), 0);
    world_settle(w);
    assert_false(a.request.repeated);
}

static void test_join_waits_for_the_first(void **state) {
    struct world *w = *state;
    struct asked first;
    struct asked second;
    assert_int_equal(ask(&first, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    assert_int_equal(ask(&second, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), 0);
    world_run(w);
    assert_int_equal(first.done + second.done, 0);
    world_settle(w);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 1);
    assert_int_equal(first.err | second.err, 0);
    assert_true(second.request.repeated);
    assert_int_equal(fake_store_challenges(w->store), 1);
}

static void test_join_stands_alone_when_the_first_fails(void **state) {
    struct world *w = *state;
    struct asked first;
    struct asked second;
    ask(&first, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    ask(&second, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(first.done, 1);
    assert_int_equal(first.err, D1_ESTORE);
    world_settle(w);
    assert_int_equal(second.done, 1);
    assert_int_equal(second.err, 0);
    assert_false(second.request.repeated);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_cleanup_waits_for_the_present_under_way(void **state) {
    struct world *w = *state;
    struct asked first;
    struct asked second;
    ask(&first, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    ask(&second, w, D1_SOLVER_CLEANUP, "token:lego", NAME, "v1");
    world_settle(w);
    assert_int_equal(first.done + second.done, 2);
    assert_int_equal(first.err | second.err, 0);
    assert_int_equal(shown_count(w, NAME), 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
}

static void test_present_after_cleanup_under_way_stays(void **state) {
    struct world *w = *state;
    present(w, "token:lego", NAME, "v1");
    struct asked first;
    struct asked second;
    ask(&first, w, D1_SOLVER_CLEANUP, "token:lego", NAME, "v1");
    ask(&second, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    world_settle(w);
    assert_int_equal(first.err | second.err, 0);
    assert_false(second.request.repeated);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_without_right_forbidden_before_not_served(void **state) {
    struct world *w = *state;
    struct asked a;
    const char *const pattern[] = {"x7.auth.example.test"};
    struct d1_rights *rights = NULL;
    assert_int_equal(d1_rights_create(NULL, 0, pattern, 1, D1_VERB_PRESENT, &rights, NULL), 0);
    asked_init(&a, w, D1_SOLVER_PRESENT, "token:lego", "elsewhere.test", "v1");
    a.request.caller.rights = rights;
    assert_int_equal(d1_solver_submit(w->solver, &a.request), D1_EFORBIDDEN);
    asked_init(&a, w, D1_SOLVER_CLEANUP, "token:lego", "x7.auth.example.test", "v1");
    a.request.caller.rights = rights;
    assert_int_equal(d1_solver_submit(w->solver, &a.request), D1_EFORBIDDEN);
    world_settle(w);
    assert_int_equal(a.done, 0);
    d1_rights_destroy(rights);
}

static void test_not_served_and_static(void **state) {
    struct world *w = *state;
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", "elsewhere.test", "v1"),
                     D1_ENOTSERVED);
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", "static.auth.example.test", "v1"),
                     D1_ESTATIC);
    world_settle(w);
    assert_int_equal(a.done, 0);
}

static void test_value_of_1_to_255_octets(void **state) {
    struct world *w = *state;
    struct asked a;
    char value[256];
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, ""), D1_EVALUE);
    memset(value, 'x', 255);
    value[255] = '\0';
    assert_int_equal(present(w, "token:lego", NAME, value), 0);
    assert_int_equal(present(w, "token:lego", NAME, "y"), 0);
    assert_true(is_shown(w, NAME, value));
    assert_true(is_shown(w, NAME, "y"));
}

static void test_1232_octets_of_distinct_values(void **state) {
    struct world *w = *state;
    char value[256];
    memset(value, 'x', 255);
    value[255] = '\0';
    for (int i = 0; i < 4; i++) { /* 4 * 256 = 1024 */
        value[0] = (char)('a' + i);
        assert_int_equal(present(w, "token:a", NAME, value), 0);
    }
    assert_int_equal(present(w, "token:b", NAME, value), 0); /* The same value takes no more. */
    value[207] = '\0';
    assert_int_equal(present(w, "token:a", NAME, value), 0); /* 1024 + 208 = 1232 */
    struct asked a;
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:a", NAME, "z"), D1_EVALUES);
    assert_int_equal(shown_count(w, NAME), 5);
    assert_int_equal(present(w, "token:a", "other.auth.example.test", "z"), 0);
}

static void test_pending_presents_count_toward_the_limit(void **state) {
    struct world *w = *state;
    struct asked a[5];
    char value[256];
    memset(value, 'x', 255);
    value[255] = '\0';
    for (int i = 0; i < 5; i++) {
        value[0] = (char)('a' + i);
        assert_int_equal(ask(&a[i], w, D1_SOLVER_PRESENT, "token:a", NAME, value), 0);
    }
    world_settle(w);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].err, 0);
    }
    assert_int_equal(a[4].done, 1);
    assert_int_equal(a[4].err, D1_EVALUES);
    assert_int_equal(shown_count(w, NAME), 4);
}

static void update(struct world *w, const char *owner, const char *value) {
    struct asked a;
    asked_init(&a, w, D1_SOLVER_PRESENT, owner, NAME, value);
    a.request.oldest_gives_way = true;
    assert_int_equal(d1_solver_submit(w->solver, &a.request), 0);
    world_settle(w);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, 0);
}

static void test_oldest_of_the_same_owner_gives_way(void **state) {
    struct world *w = *state;
    char value[256];
    memset(value, 'x', 255);
    value[255] = '\0';
    present(w, "token:other", NAME, "other");
    for (int i = 0; i < 5; i++) {
        value[0] = (char)('a' + i);
        update(w, "account:1", value);
    }
    assert_int_equal(shown_count(w, NAME), 5);
    value[0] = 'a';
    assert_false(is_shown(w, NAME, value));
    value[0] = 'e';
    assert_true(is_shown(w, NAME, value));
    assert_true(is_shown(w, NAME, "other"));
    check_shown_is_committed(w);
}

static void test_oldest_gives_way_but_not_anothers(void **state) {
    struct world *w = *state;
    char value[256];
    memset(value, 'x', 255);
    value[255] = '\0';
    for (int i = 0; i < 4; i++) {
        value[0] = (char)('a' + i);
        present(w, "token:other", NAME, value);
    }
    value[0] = 'z';
    struct asked a;
    asked_init(&a, w, D1_SOLVER_PRESENT, "account:1", NAME, value);
    a.request.oldest_gives_way = true;
    assert_int_equal(d1_solver_submit(w->solver, &a.request), D1_EVALUES);
    assert_int_equal(shown_count(w, NAME), 4);
}

static void test_rolling_two_keeps_two(void **state) {
    struct world *w = *state;
    w->settings.rolling_two = true;
    d1_solver_configure(w->solver, &w->settings, world_credentials("x", "**.nowhere.test"));
    update(w, "account:1", "v1");
    update(w, "account:1", "v2");
    update(w, "account:1", "v3");
    assert_false(is_shown(w, NAME, "v1"));
    assert_true(is_shown(w, NAME, "v2"));
    assert_true(is_shown(w, NAME, "v3"));
    update(w, "account:1", "v2"); /* Written again, it is the younger one. */
    update(w, "account:1", "v4");
    assert_false(is_shown(w, NAME, "v3"));
    assert_int_equal(shown_count(w, NAME), 2);
    assert_int_equal(fake_store_challenges(w->store), 2);
}

static void test_store_failure_changes_nothing(void **state) {
    struct world *w = *state;
    struct asked a;
    ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.err, D1_ESTORE);
    assert_int_equal(shown_count(w, NAME), 0);
    fake_store_refuse(w->store, D1_ELIMIT);
    assert_int_equal(ask(&a, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1"), D1_ELIMIT);
    fake_store_refuse(w->store, 0);
    assert_int_equal(present(w, "token:lego", NAME, "v1"), 0);
}

static void test_refused_write_of_a_queued_request_ends_it(void **state) {
    struct world *w = *state;
    struct asked first;
    struct asked second;
    ask(&first, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    ask(&second, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v2");
    fake_store_refuse(w->store, D1_ESTORE);
    fake_store_commit(w->store);
    assert_int_equal(first.done, 1);
    assert_int_equal(first.err, 0);
    assert_int_equal(second.done, 1);
    assert_int_equal(second.err, D1_ESTORE);
    fake_store_refuse(w->store, 0);
    check_shown_is_committed(w);
}

struct chained {
    struct asked asked;
    struct world *world;
    struct asked next;
};

static void on_chained(struct d1_solver_request *request, int err) {
    struct chained *chained = D1_CONTAINER_OF(request, struct chained, asked.request);
    chained->asked.done++;
    chained->asked.err = err;
    assert_int_equal(
        ask(&chained->next, chained->world, D1_SOLVER_CLEANUP, "token:lego", NAME, "v1"), 0);
}

static void test_submit_from_done(void **state) {
    struct world *w = *state;
    struct chained chained = {.world = w};
    asked_init(&chained.asked, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    chained.asked.request.done = on_chained;
    assert_int_equal(d1_solver_submit(w->solver, &chained.asked.request), 0);
    world_settle(w);
    assert_int_equal(chained.asked.done, 1);
    assert_int_equal(chained.next.done, 1);
    assert_int_equal(chained.next.err, 0);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void add_kind(const struct d1_event *event, void *arg) {
    char *text = arg;
    size_t length = strlen(text);
    snprintf(text + length, 200 - length, "%s%s", length > 0 ? " " : "",
             d1_event_name(event->kind));
}

static void test_timeline_tells_the_story(void **state) {
    struct world *w = *state;
    char text[200] = "";
    struct d1_name name;
    present(w, "token:lego", NAME, "v1");
    cleanup(w, "token:lego", NAME, "v1");
    present(w, "token:lego", NAME, "v2");
    world_advance(w, 25 * HOUR_MS);
    assert_int_equal(d1_name_from_text(NAME, &name), 0);
    d1_timeline_each(w->timeline, &name, add_kind, text);
    assert_string_equal(text, "presented committed live removed presented committed live expired");
}

static void count_views(const struct d1_challenge_view *view, void *arg) {
    size_t *counts = arg;
    counts[view->live ? 1 : 0]++;
}

static void test_each_shows_what_may_be_read(void **state) {
    struct world *w = *state;
    const char *const pattern[] = {"x.auth.example.test"};
    struct d1_rights *rights = NULL;
    size_t counts[2] = {0, 0};
    present(w, "token:lego", NAME, "v1");
    present(w, "token:lego", "x.auth.example.test", "v1");
    d1_solver_each(w->solver, w->any, count_views, counts);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 2);
    assert_int_equal(d1_rights_create(NULL, 0, pattern, 1, D1_VERBS_DEFAULT, &rights, NULL), 0);
    d1_solver_each(w->solver, rights, count_views, counts);
    assert_int_equal(counts[1], 3);
    d1_rights_destroy(rights);
    assert_int_equal(d1_rights_create(NULL, 0, pattern, 1, D1_VERB_PRESENT, &rights, NULL), 0);
    d1_solver_each(w->solver, rights, count_views, counts);
    assert_int_equal(counts[1], 3);
    d1_rights_destroy(rights);
}

static void test_restart_shows_what_was_committed(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    present(w, "token:b", NAME, "v1");
    present(w, "token:b", "x.auth.example.test", "v2");
    world_restart(w);
    assert_int_equal(shown_count(w, NAME), 1);
    assert_true(is_shown(w, "x.auth.example.test", "v2"));
    check_shown_is_committed(w);
    assert_int_equal(cleanup(w, "token:b", "x.auth.example.test", "v2"), 0);
    check_shown_is_committed(w);
}

static void test_restart_removes_what_has_ended(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    d1_fake_clock_advance_ms(&w->clock, 23 * HOUR_MS);
    present(w, "token:a", NAME, "v2");
    d1_fake_clock_advance_ms(&w->clock, 2 * HOUR_MS);
    world_restart(w);
    assert_false(is_shown(w, NAME, "v1"));
    assert_true(is_shown(w, NAME, "v2"));
    assert_int_equal(fake_store_challenges(w->store), 2);
    world_advance(w, 1);
    assert_int_equal(fake_store_challenges(w->store), 1);
    check_shown_is_committed(w);
}

static void test_ended_value_presented_again_after_restart(void **state) {
    struct world *w = *state;
    present(w, "token:a", NAME, "v1");
    d1_fake_clock_advance_ms(&w->clock, 25 * HOUR_MS);
    world_restart(w);
    assert_int_equal(shown_count(w, NAME), 0);
    assert_int_equal(present(w, "token:a", NAME, "v1"), 0);
    assert_true(is_shown(w, NAME, "v1"));
    world_advance(w, 1);
    assert_true(is_shown(w, NAME, "v1"));
}

static void test_change_of_another_node_is_published(void **state) {
    struct world *w = *state;
    struct asked a;
    asked_init(&a, w, D1_SOLVER_PRESENT, "token:far", NAME, "v1");
    struct d1_challenge row = {.name = a.request.name,
                               .value = a.request.value,
                               .owner = "token:far",
                               .created_ms = NOW_MS,
                               .expires_ms = NOW_MS + HOUR_MS};
    fake_store_foreign(w->store,
                       &(struct d1_store_change){.op = D1_STORE_PUT_CHALLENGE, .challenge = &row});
    world_advance(w, 2000);
    assert_true(is_shown(w, NAME, "v1"));
    fake_store_foreign(
        w->store, &(struct d1_store_change){.op = D1_STORE_REMOVE_CHALLENGE, .challenge = &row});
    world_advance(w, 2000);
    assert_int_equal(shown_count(w, NAME), 0);
}

static void test_destroy_cancels_what_waits(void **state) {
    struct world *w = *state;
    struct asked waiting;
    struct asked deferred;
    w->publisher.later = true;
    ask(&waiting, w, D1_SOLVER_PRESENT, "token:lego", NAME, "v1");
    world_settle(w);
    assert_int_equal(waiting.done, 0);
    ask(&deferred, w, D1_SOLVER_CLEANUP, "token:lego", "none.auth.example.test", "v1");
    d1_solver_destroy(w->solver);
    assert_int_equal(waiting.done, 1);
    assert_int_equal(waiting.err, D1_ECANCELED);
    assert_int_equal(deferred.done, 1);
    w->solver = NULL;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(test_present_is_live_when_done),
        T(test_nothing_is_shown_before_the_commit),
        T(test_cleanup_withdraws),
        T(test_cleanup_leaves_neighbours),
        T(test_cleanup_of_nothing_succeeds_later),
        T(test_cleanup_of_anothers_value_changes_nothing),
        T(test_two_owners_one_value_is_served_once),
        T(test_admin_removes_all_owners_of_the_value),
        T(test_repeat_renews_the_lease_only),
        T(test_the_same_value_by_another_is_no_repeat),
        T(test_join_waits_for_the_first),
        T(test_join_stands_alone_when_the_first_fails),
        T(test_cleanup_waits_for_the_present_under_way),
        T(test_present_after_cleanup_under_way_stays),
        T(test_without_right_forbidden_before_not_served),
        T(test_not_served_and_static),
        T(test_value_of_1_to_255_octets),
        T(test_1232_octets_of_distinct_values),
        T(test_pending_presents_count_toward_the_limit),
        T(test_oldest_of_the_same_owner_gives_way),
        T(test_oldest_gives_way_but_not_anothers),
        T(test_rolling_two_keeps_two),
        T(test_store_failure_changes_nothing),
        T(test_refused_write_of_a_queued_request_ends_it),
        T(test_submit_from_done),
        T(test_timeline_tells_the_story),
        T(test_each_shows_what_may_be_read),
        T(test_restart_shows_what_was_committed),
        T(test_restart_removes_what_has_ended),
        T(test_ended_value_presented_again_after_restart),
        T(test_change_of_another_node_is_published),
        T(test_destroy_cancels_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
