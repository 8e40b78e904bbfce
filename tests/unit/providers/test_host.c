#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/pace.h"
#include "tests/unit/providers/fixture.h"

#define URL  "https://api.example.test/v1"
#define NAME "_acme-challenge.www.example.test"

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

static void use_account(struct world *w) {
    struct d1_error error = {.code = 0};
    assert_int_equal(world_account(w, false, false, &error), 0);
}

static void present(struct world *w, size_t i, const char *value) {
    assert_int_equal(world_submit(w, i, D1_PROVIDER_PRESENT, NAME, value), 0);
}

static void test_nothing_happens_before_submit_has_returned(void **state) {
    struct world *w = *state;
    use_account(w);
    present(w, 0, "v");
    assert_int_equal(w->reply_count, 0);
    world_turn(w);
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(w->job[0].err, 0);
    assert_string_equal(w->job[0].text, "");
    assert_int_equal(w->reply_kind[0], D1_REPLY_START);
}

static void test_a_request_and_its_reply(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    present(w, 0, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, 1);
    assert_string_equal(w->exchange[0].url, URL);
    world_answer(w, 0, 200, "{}");
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(w->job[0].err, 0);
    assert_int_equal(w->reply_kind[1], D1_REPLY_HTTP);
    assert_int_equal(w->reply_status[1], 200);
    assert_int_equal(w->released, 1);
    assert_int_equal(w->asked, 1);
    assert_string_equal(w->progress, "list=HTTP 200 ");
}

static void test_the_text_names_all_and_hides_secrets(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "create", URL);
    struct d1_action *action = world_step(w, D1_ACTION_FAIL, "create");
    action->as.fail.kind = D1_FAIL_CREDENTIALS;
    action->as.fail.text = "no such key: s3cr3t/value";
    present(w, 0, "v");
    world_turn(w);
    world_answer(w, 0, 403, "");
    assert_int_equal(w->job[0].err, D1_EPROVIDER);
    assert_int_equal(w->job[0].kind, D1_FAIL_CREDENTIALS);
    assert_string_equal(w->job[0].text,
                        "fake: create: HTTP 403: no such key: ***; check the credentials of the "
                        "account and what they may do");
}

static void test_a_repetition_is_built_anew(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    world_step(w, D1_ACTION_RETRY, NULL)->as.retry.text = "try later";
    present(w, 0, "v");
    world_turn(w);
    for (size_t i = 0; i < D1_HOST_ATTEMPTS; i++) {
        while (w->exchange_count == i) {
            uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
        }
        world_answer(w, i, 503, "");
    }
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(w->job[0].kind, D1_FAIL_BUSY);
    assert_string_equal(w->job[0].text, "fake: list: HTTP 503: try later; it may succeed later");
    assert_int_equal(w->reply_kind[2], D1_REPLY_AGAIN);
}

static void test_nobody_there_is_unreachable(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    world_step(w, D1_ACTION_RETRY, NULL)->as.retry.text = "connection refused";
    present(w, 0, "v");
    world_turn(w);
    for (size_t i = 0; i < D1_HOST_ATTEMPTS; i++) {
        while (w->exchange_count == i) {
            uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
        }
        world_answer(w, i, -1, "connection refused");
    }
    assert_int_equal(w->job[0].kind, D1_FAIL_UNREACHABLE);
    assert_string_equal(w->reply_error, "connection refused");
}

static void test_an_address_that_may_not_be_asked_ends_the_job(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    world_step(w, D1_ACTION_RETRY, NULL)->as.retry.text = "no reply";
    present(w, 0, "v");
    world_turn(w);
    w->exchange[0].exchange->forbidden = true;
    world_answer(w, 0, -1, "no reply");
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(w->exchange_count, 1);
    assert_int_equal(w->job[0].kind, D1_FAIL_SETTINGS);
    assert_non_null(strstr(w->job[0].text, "need allow-networks"));
}

static void test_a_long_retry_after_ends_the_job(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    struct d1_action *action = world_step(w, D1_ACTION_RETRY, NULL);
    action->as.retry.text = "quota used up";
    action->as.retry.after_ms = D1_HOST_AFTER_MS_MAX + 1;
    present(w, 0, "v");
    world_turn(w);
    world_answer(w, 0, 429, "");
    assert_int_equal(w->job[0].kind, D1_FAIL_BUSY);
}

static void test_a_limit_pauses_the_whole_account(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    struct d1_action *action = world_step(w, D1_ACTION_RETRY, NULL);
    action->as.retry.text = "slow down";
    action->as.retry.after_ms = 60000;
    present(w, 0, "v");
    world_turn(w);
    world_answer(w, 0, 429, "");
    present(w, 1, "w");
    world_turn(w);
    assert_int_equal(w->exchange_count, 1);
    d1_fake_clock_advance_ms(&w->clock, 76000);
    present(w, 2, "x");
    world_turn(w);
    assert_int_equal(w->exchange_count, 3);
}

static void test_one_lock_at_a_time(void **state) {
    struct world *w = *state;
    use_account(w);
    world_step(w, D1_ACTION_LOCK, "lock")->as.lock.key = "zone";
    world_get(w, "get", URL);
    present(w, 0, "v");
    present(w, 1, "w");
    present(w, 2, "x");
    world_turn(w);
    assert_int_equal(w->exchange_count, 1);
    world_answer(w, 0, 200, "");
    world_turn(w);
    assert_int_equal(w->exchange_count, 2);
    d1_host_cancel(w->host, &w->job[1]);
    assert_int_equal(w->canceled, 1);
    world_turn(w);
    assert_int_equal(w->exchange_count, 3);
    world_answer(w, 2, 200, "");
    assert_int_equal(w->ended[0], 1);
    assert_int_equal(w->ended[1], 0);
    assert_int_equal(w->ended[2], 1);
}

static void test_jobs_of_one_value_follow_one_another(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    present(w, 0, "v");
    assert_int_equal(world_submit(w, 1, D1_PROVIDER_CLEANUP, NAME, "v"), 0);
    present(w, 2, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, 1);
    world_answer(w, 0, 200, "");
    world_turn(w);
    assert_int_equal(w->exchange_count, 2);
    world_answer(w, 1, 200, "");
    world_turn(w);
    world_answer(w, 2, 200, "");
    assert_int_equal(w->ended_count, 3);
    assert_int_equal(w->order[0], 0);
    assert_int_equal(w->order[1], 1);
    assert_int_equal(w->order[2], 2);
}

static void test_other_hosts_get_nothing(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", "https://evil.test/");
    present(w, 0, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, 0);
    assert_int_equal(w->job[0].kind, D1_FAIL_SETTINGS);
    assert_non_null(strstr(w->job[0].text, "evil.test"));
}

static void test_only_exec_runs_programs(void **state) {
    struct world *w = *state;
    use_account(w);
    world_step(w, D1_ACTION_RUN, "run")->as.run.program = "/bin/true";
    present(w, 0, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, 0);
    assert_int_equal(w->job[0].kind, D1_FAIL_SETTINGS);
}

static void test_so_many_requests_together(void **state) {
    struct world *w = *state;
    w->together = 2;
    use_account(w);
    world_get(w, "list", URL);
    present(w, 0, "a");
    present(w, 1, "b");
    present(w, 2, "c");
    world_turn(w);
    assert_int_equal(w->exchange_count, 2);
    world_answer(w, 1, 200, "");
    assert_int_equal(w->exchange_count, 3);
    d1_host_cancel(w->host, &w->job[0]);
    present(w, 3, "d");
    world_turn(w);
    assert_int_equal(w->exchange_count, 4);
}

static void test_what_cannot_be_sent_is_told(void **state) {
    struct world *w = *state;
    use_account(w);
    w->send_err = D1_ELIMIT;
    world_get(w, "list", URL);
    present(w, 0, "v");
    world_until_ended(w, 1);
    assert_int_equal(w->reply_status[1], -1);
    assert_string_equal(w->reply_error, "a limit is reached");
    assert_int_equal(w->released, 0);
}

static void test_the_breaker_opens(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    struct d1_action *action = world_step(w, D1_ACTION_FAIL, "list");
    action->as.fail.kind = D1_FAIL_UNREACHABLE;
    action->as.fail.text = "no route to host";
    for (size_t i = 0; i < D1_PACE_FAILURES; i++) {
        present(w, i, "v");
        world_turn(w);
        world_answer(w, i, -1, "no route to host");
    }
    present(w, D1_PACE_FAILURES, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, D1_PACE_FAILURES);
    assert_int_equal(w->job[D1_PACE_FAILURES].kind, D1_FAIL_UNREACHABLE);
    d1_fake_clock_advance_ms(&w->clock, D1_PACE_OPEN_MS);
    present(w, 10, "v");
    world_turn(w);
    assert_int_equal(w->exchange_count, D1_PACE_FAILURES + 1);
    d1_host_cancel(w->host, &w->job[10]);
    present(w, 11, "v"); /* The one that looked has told nothing: another may. */
    world_turn(w);
    assert_int_equal(w->exchange_count, D1_PACE_FAILURES + 2);
}

static void test_a_second_lock_is_a_fault_of_the_plugin(void **state) {
    struct world *w = *state;
    use_account(w);
    world_step(w, D1_ACTION_LOCK, "get")->as.lock.key = "a";
    world_step(w, D1_ACTION_LOCK, "put")->as.lock.key = "b";
    present(w, 0, "v");
    world_turn(w);
    assert_string_equal(w->job[0].text, "fake: put: the plugin asked for a second lock");
}

static void test_too_many_steps(void **state) {
    struct world *w = *state;
    use_account(w);
    w->same_for_ever = true;
    world_step(w, D1_ACTION_WAIT, "poll");
    present(w, 0, "v");
    world_until_ended(w, 1);
    assert_string_equal(w->job[0].text, "fake: poll: the change took too many steps");
    assert_int_equal(w->reply_count, D1_PROVIDER_STEPS_MAX);
}

static void test_a_present_is_looked_for(void **state) {
    struct world *w = *state;
    struct d1_error error;
    assert_int_equal(world_account(w, true, false, &error), 0);
    world_step(w, D1_ACTION_LOCK, "lock")->as.lock.key = "zone";
    present(w, 0, "v");
    present(w, 1, "w");
    world_turn(w);
    assert_int_equal(w->exchange_count, 2); /* The lock does not outlast the writing. */
    assert_true(w->exchange[0].look);
    world_answer(w, 0, 0, "");
    assert_int_equal(w->job[0].err, 0);
    world_answer(w, 1, -1, "ns1.example.test answers NXDOMAIN");
    assert_string_equal(w->job[1].text,
                        "fake: look: ns1.example.test answers NXDOMAIN; it may succeed later");
    assert_int_equal(world_submit(w, 2, D1_PROVIDER_CLEANUP, NAME, "v"), 0);
    world_turn(w);
    assert_int_equal(w->exchange_count, 2);
    assert_int_equal(w->ended[2], 1);
}

static void test_waits(void **state) {
    struct world *w = *state;
    use_account(w);
    world_step(w, D1_ACTION_WAIT, "poll")->as.wait.ms = 2;
    present(w, 0, "v");
    world_until_ended(w, 1);
    assert_int_equal(w->reply_kind[1], D1_REPLY_WAITED);
}

static void test_accounts_are_checked(void **state) {
    struct world *w = *state;
    struct d1_error error;
    struct d1_pair setting = {"colour", "red"};
    struct d1_host_account account = {
        .name = "acc", .type = "fake", .settings = &setting, .setting_count = 1};
    assert_int_equal(d1_host_put_account(w->host, &account, &error), D1_ECONFIG);
    assert_string_equal(error.text, "colour: fake takes no such setting");
    setting.name = "color";
    assert_int_equal(d1_host_put_account(w->host, &account, &error), D1_ECONFIG);
    assert_string_equal(error.text, "fake needs the setting secret (the key)");
    account.type = "fuke";
    assert_int_equal(d1_host_put_account(w->host, &account, &error), D1_ECONFIG);
    w->open_err = 1;
    assert_int_equal(world_account(w, false, false, &error), D1_ECONFIG);
    assert_string_equal(error.text, "secret *** is not one");
    assert_int_equal(world_submit(w, 0, D1_PROVIDER_PRESENT, NAME, "v"), D1_ENOTFOUND);
}

static void test_a_replaced_account_ends_its_jobs_first(void **state) {
    struct world *w = *state;
    use_account(w);
    world_get(w, "list", URL);
    present(w, 0, "v");
    world_turn(w);
    use_account(w);
    assert_int_equal(w->accounts_alive, 2);
    present(w, 1, "v"); /* The same value: it waits, whichever account it is. */
    world_turn(w);
    assert_int_equal(w->exchange_count, 1);
    world_answer(w, 0, 200, "");
    world_turn(w);
    assert_int_equal(w->accounts_alive, 1);
    assert_int_equal(w->exchange_count, 2);
}

static void test_no_memory_for_the_plugin(void **state) {
    struct world *w = *state;
    use_account(w);
    w->begin_err = 1;
    present(w, 0, "v");
    world_turn(w);
    assert_int_equal(w->job[0].err, -12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_happens_before_submit_has_returned),
        TEST(test_a_request_and_its_reply),
        TEST(test_the_text_names_all_and_hides_secrets),
        TEST(test_a_repetition_is_built_anew),
        TEST(test_nobody_there_is_unreachable),
        TEST(test_an_address_that_may_not_be_asked_ends_the_job),
        TEST(test_a_long_retry_after_ends_the_job),
        TEST(test_a_limit_pauses_the_whole_account),
        TEST(test_one_lock_at_a_time),
        TEST(test_jobs_of_one_value_follow_one_another),
        TEST(test_other_hosts_get_nothing),
        TEST(test_only_exec_runs_programs),
        TEST(test_so_many_requests_together),
        TEST(test_what_cannot_be_sent_is_told),
        TEST(test_the_breaker_opens),
        TEST(test_a_second_lock_is_a_fault_of_the_plugin),
        TEST(test_too_many_steps),
        TEST(test_a_present_is_looked_for),
        TEST(test_waits),
        TEST(test_accounts_are_checked),
        TEST(test_a_replaced_account_ends_its_jobs_first),
        TEST(test_no_memory_for_the_plugin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
