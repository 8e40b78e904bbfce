/* What every backend does, by one table of behaviours; then what only one with a thread can show. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "tests/unit/store/fixture.h"

#define PUT    D1_STORE_PUT_CHALLENGE
#define REMOVE D1_STORE_REMOVE_CHALLENGE

static void test_put_is_seen_then_done(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_challenge(&a, "a", PUT, "_acme-challenge.example.test", "value-1");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put _acme-challenge.example.test 'value-1' token:lego 1000-2000 @1\n"
                          "a done ok @1\n");
    assert_int_equal(d1_store_revision(fixture->store), 1);
}

static void test_done_is_never_before_return(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_challenge(&a, "a", PUT, "a.test", "v");
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    assert_false(a.done);
    assert_diary(fixture, "");
    fixture_turn_until(fixture, &a.done);
    assert_diary(fixture, "put a.test 'v' token:lego 1000-2000 @1\na done ok @1\n");
}

static void test_renewal_is_a_put_of_its_own(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_challenge(&a, "a", PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    a.challenge.created_ms = 1500;
    a.challenge.expires_ms = 0;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put a.test 'v' token:lego 1000-2000 @1\na done ok @1\n"
                          "put a.test 'v' token:lego 1500-0 @2\na done ok @2\n");
}

static void test_removing_what_is_absent_is_no_error(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_challenge(&a, "a", REMOVE, "a.test", "v");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "remove a.test 'v' token:lego 1000-2000 @1\na done ok @1\n");
}

static void test_accounts_come_through_whole(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_account(&a, "a", D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    a.changes[0].op = D1_STORE_REMOVE_ACCOUNT;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture,
                 "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000 @1\n"
                 "a done ok @1\n"
                 "remove account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000 @2\n"
                 "a done ok @2\n");
}

static void test_known_names_come_through_whole(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 77);
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    a.changes[0].op = D1_STORE_REMOVE_KNOWN;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put known k.test 77 @1\na done ok @1\n"
                          "remove known k.test 77 @2\na done ok @2\n");
}

static void test_changes_of_a_write_share_its_revision(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_challenge(&a, "a", PUT, "a.test", "v");
    assert_int_equal(d1_name_from_text("a.test", &a.known.name), D1_OK);
    a.known.until_ms = 5;
    a.changes[1] = (struct d1_store_change){.op = D1_STORE_PUT_KNOWN, .known = &a.known};
    a.changes[2] = (struct d1_store_change){.op = REMOVE, .challenge = &a.challenge};
    a.write.count = 3;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put a.test 'v' token:lego 1000-2000 @1\nput known a.test 5 @1\n"
                          "remove a.test 'v' token:lego 1000-2000 @1\na done ok @1\n");
}

static void test_writes_of_one_turn_share_a_transaction(void **state) {
    struct fixture *fixture = *state;
    struct sample samples[3];
    static const char *const labels[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        sample_known(&samples[i], labels[i], D1_STORE_PUT_KNOWN, "k.test", (int64_t)i);
        assert_int_equal(sample_submit(fixture, &samples[i]), D1_OK);
    }
    fixture_turn_until(fixture, &samples[2].done);
    assert_int_equal(fixture->probe.commits, 1);
    assert_diary(fixture, "put known k.test 0 @1\na done ok @1\n"
                          "put known k.test 1 @2\nb done ok @2\n"
                          "put known k.test 2 @3\nc done ok @3\n");
}

static void test_a_transaction_takes_a_batch_at_most(void **state) {
    struct fixture *fixture = *state;
    struct sample *samples = d1_calloc(D1_STORE_BATCH_MAX + 1, sizeof(*samples));
    assert_non_null(samples);
    for (size_t i = 0; i <= D1_STORE_BATCH_MAX; i++) {
        sample_known(&samples[i], NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
        assert_int_equal(sample_submit(fixture, &samples[i]), D1_OK);
    }
    fixture_turn_until(fixture, &samples[D1_STORE_BATCH_MAX].done);
    assert_int_equal(fixture->probe.commits, 2);
    assert_int_equal(d1_store_revision(fixture->store), D1_STORE_BATCH_MAX + 1);
    d1_free(samples);
}

static void test_a_full_queue_refuses_and_recovers(void **state) {
    struct fixture *fixture = *state;
    struct sample *samples = d1_calloc(D1_STORE_QUEUE_MAX, sizeof(*samples));
    assert_non_null(samples);
    for (size_t i = 0; i < D1_STORE_QUEUE_MAX; i++) {
        sample_known(&samples[i], NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
        assert_int_equal(sample_submit(fixture, &samples[i]), D1_OK);
    }
    struct sample late;
    sample_known(&late, "late", D1_STORE_PUT_KNOWN, "k.test", 2);
    assert_int_equal(sample_submit(fixture, &late), D1_ELIMIT);
    fixture_turn_until(fixture, &samples[D1_STORE_QUEUE_MAX - 1].done);
    assert_false(late.done);
    assert_int_equal(sample_write(fixture, &late), D1_OK);
    assert_int_equal(d1_store_revision(fixture->store), D1_STORE_QUEUE_MAX + 1);
    d1_free(samples);
}

static void test_close_finishes_waiting_writes(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    fixture_close(fixture);
    assert_true(a.done);
    assert_diary(fixture, "put known k.test 1 @1\na done ok @1\n");
}

static void on_closed(void *arg) {
    struct fixture *fixture = arg;
    fixture->store = NULL;
    fixture->closed = true;
}

static void test_a_closing_store_takes_no_write(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    d1_store_close(fixture->store, on_closed, fixture);
    assert_int_equal(sample_submit(fixture, &a), D1_ESTOPPING);
    fixture_turn_until(fixture, &fixture->closed);
    assert_false(a.done);
    assert_int_equal(fixture->probe.commits, 0);
}

static void close_and_write(struct sample *sample) {
    d1_store_close(sample->fixture->store, on_closed, sample->fixture);
    sample->then = NULL;
    assert_int_equal(sample_submit(sample->fixture, sample), D1_ESTOPPING);
}

static void test_done_may_close(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    a.then = close_and_write;
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    fixture_turn_until(fixture, &fixture->closed);
    assert_int_equal(fixture->probe.commits, 1);
}

static void write_again(struct sample *sample) {
    sample->then = NULL;
    sample->known.until_ms++;
    assert_int_equal(sample_submit(sample->fixture, sample), D1_OK);
}

static void test_done_may_write_again(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    a.then = write_again;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put known k.test 1 @1\na done ok @1\n"
                          "put known k.test 2 @2\na done ok @2\n");
}

struct second_watcher {
    struct d1_store_watcher watcher;
    struct fixture *fixture;
};

static void note_second(struct d1_store_watcher *watcher, const struct d1_store_change *change,
                        uint64_t revision) {
    (void)change;
    struct second_watcher *second = D1_CONTAINER_OF(watcher, struct second_watcher, watcher);
    d1_bytes_printf(&second->fixture->diary, "second @%u\n", (unsigned)revision);
}

static void test_watchers_are_called_in_order(void **state) {
    struct fixture *fixture = *state;
    struct second_watcher second = {.watcher.changed = note_second, .fixture = fixture};
    d1_store_watch(fixture->store, &second.watcher);
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_diary(fixture, "put known k.test 1 @1\nsecond @1\na done ok @1\n");
    fixture_close(fixture);
}

static void test_a_failed_transaction_fails_all_its_writes(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    struct sample b;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    sample_known(&b, "b", D1_STORE_PUT_KNOWN, "k.test", 2);
    assert_true(d1_store_writable(fixture->store));
    fixture->probe.fail = -ENOSPC;
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    assert_int_equal(sample_write(fixture, &b), -ENOSPC);
    assert_diary(fixture, "a done ENOSPC @0\nb done ENOSPC @0\n");
    assert_false(d1_store_writable(fixture->store));
    assert_string_equal(d1_store_last_error(fixture->store)->text, "the probe says no");
    assert_int_equal(d1_store_revision(fixture->store), 0);
}

static void test_a_later_commit_makes_it_writable_again(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    fixture->probe.fail = D1_ESTORE;
    assert_int_equal(sample_write(fixture, &a), D1_ESTORE);
    assert_false(d1_store_writable(fixture->store));
    fixture->probe.fail = 0;
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_true(d1_store_writable(fixture->store));
    assert_int_equal(d1_store_last_error(fixture->store)->code, D1_OK);
    assert_diary(fixture, "a done store-unavailable @0\nput known k.test 1 @1\na done ok @1\n");
}

static void test_an_empty_store_loads_nothing(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "");
    assert_int_equal(d1_store_revision(fixture->store), 0);
}

static void test_metrics_tell_commits_and_state(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    fixture->probe.fail = D1_ESTORE;
    assert_int_equal(sample_write(fixture, &a), D1_ESTORE);
    fixture_close(fixture);

    struct d1_bytes out;
    d1_bytes_init(&out, 65536);
    assert_int_equal(d1_metrics_write(fixture->metrics, &out), D1_OK);
    const char *text = d1_bytes_text(&out);
    assert_non_null(strstr(text, "\ndns01d_store_commit_duration_seconds_count 2\n"));
    assert_non_null(strstr(text, "\ndns01d_store_revision 1\n"));
    assert_non_null(strstr(text, "\ndns01d_store_queue_length 0\n"));
    assert_non_null(strstr(text, "\ndns01d_store_writable 0\n"));
    d1_bytes_close(&out);
}

static void test_no_memory_at_open_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    fixture->block = NULL; /* Families were added at the first open. */
    unsigned failures = 0;
    int err = D1_OK;
    do {
        d1_mem_fault_arm(failures, 0);
        err = fixture_try_open(fixture, &fixture->store);
        uint64_t faults = d1_mem_fault_disarm();
        assert_int_equal(err, faults > 0 ? -ENOMEM : D1_OK);
        failures += err != D1_OK;
    } while (err != D1_OK);
#ifdef D1_FAULT_POINTS
    assert_true(failures >= 2);
#endif
}

static void test_writing_allocates_nothing(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    d1_bytes_clear(&fixture->diary); /* Keeps its memory for the same lines again. */
    d1_mem_fault_arm(0, 1);
    int err = sample_write(fixture, &a);
    assert_int_equal(d1_mem_fault_disarm(), 0);
    assert_int_equal(err, D1_OK);
    assert_diary(fixture, "put known k.test 1 @2\na done ok @2\n");
}

static void test_unknown_backend_is_refused(void **state) {
    (void)state;
    const struct d1_store_options options = {.backend = "oracle"};
    struct d1_store *store = NULL;
    struct d1_error error;
    assert_int_equal(d1_store_open(&options, &store, &error), D1_ECONFIG);
    assert_null(store);
    assert_string_equal(error.text, "store backend 'oracle' is unknown, expected sqlite or memory");
}

/* One write is at the disk, and stays there until the test lets it go. */
static void hold_first(struct fixture *fixture, struct sample *first) {
    fixture->probe.gated = true;
    sample_known(first, "first", D1_STORE_PUT_KNOWN, "k.test", 0);
    assert_int_equal(sample_submit(fixture, first), D1_OK);
    uv_run(d1_loop_uv(fixture->loop), UV_RUN_ONCE);
    uv_sem_wait(&fixture->probe.entered);
    assert_false(first->done);
}

static void let_go(struct fixture *fixture) {
    fixture->probe.gated = false;
    uv_sem_post(&fixture->probe.release);
}

static void test_writes_during_a_commit_share_the_next(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample samples[3];
    static const char *const labels[] = {"a", "b", "c"};
    hold_first(fixture, &first);
    for (size_t i = 0; i < 3; i++) {
        sample_known(&samples[i], labels[i], D1_STORE_PUT_KNOWN, "k.test", (int64_t)i + 1);
        assert_int_equal(sample_submit(fixture, &samples[i]), D1_OK);
        uv_run(d1_loop_uv(fixture->loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(fixture->probe.commits, 1);
    assert_diary(fixture, "");
    let_go(fixture);
    fixture_turn_until(fixture, &samples[2].done);
    assert_int_equal(fixture->probe.commits, 2);
    assert_diary(fixture, "put known k.test 0 @1\nfirst done ok @1\n"
                          "put known k.test 1 @2\na done ok @2\n"
                          "put known k.test 2 @3\nb done ok @3\n"
                          "put known k.test 3 @4\nc done ok @4\n");
}

static void test_the_loop_turns_while_the_disk_is_slow(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    hold_first(fixture, &first);
    assert_true(d1_store_writable(fixture->store));
    assert_int_equal(d1_store_revision(fixture->store), 0);
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    uv_run(d1_loop_uv(fixture->loop), UV_RUN_NOWAIT);
    assert_false(a.done);
    let_go(fixture);
    fixture_turn_until(fixture, &a.done);
    assert_diary(fixture, "put known k.test 0 @1\nfirst done ok @1\n"
                          "put known k.test 1 @2\na done ok @2\n");
}

static void test_what_is_at_the_disk_is_not_in_the_queue(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    hold_first(fixture, &first);
    struct sample *samples = d1_calloc(D1_STORE_QUEUE_MAX, sizeof(*samples));
    assert_non_null(samples);
    for (size_t i = 0; i < D1_STORE_QUEUE_MAX; i++) {
        sample_known(&samples[i], NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
        assert_int_equal(sample_submit(fixture, &samples[i]), D1_OK);
    }
    struct sample late;
    sample_known(&late, "late", D1_STORE_PUT_KNOWN, "k.test", 2);
    assert_int_equal(sample_submit(fixture, &late), D1_ELIMIT);
    let_go(fixture);
    fixture_turn_until(fixture, &samples[D1_STORE_QUEUE_MAX - 1].done);
    assert_int_equal(fixture->probe.commits, 1 + D1_STORE_QUEUE_MAX / D1_STORE_BATCH_MAX);
    d1_free(samples);
}

static void test_close_waits_for_the_disk(void **state) {
    struct fixture *fixture = *state;
    struct sample first;
    struct sample a;
    hold_first(fixture, &first);
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    d1_store_close(fixture->store, on_closed, fixture);
    uv_run(d1_loop_uv(fixture->loop), UV_RUN_NOWAIT);
    assert_false(fixture->closed);
    let_go(fixture);
    fixture_turn_until(fixture, &fixture->closed);
    assert_diary(fixture, "put known k.test 0 @1\nfirst done ok @1\n"
                          "put known k.test 1 @2\na done ok @2\n");
}

#define BOTH(test)                                                        \
    {"memory: " #test, test, fixture_setup, fixture_teardown, &memory}, { \
        "sqlite: " #test, test, fixture_setup, fixture_teardown, &sqlite  \
    }
#define THREADED(test) \
    { "sqlite: " #test, test, fixture_setup, fixture_teardown, &sqlite }

int main(void) {
    const struct d1_store_backend *memory = &d1_store_memory;
    const struct d1_store_backend *sqlite = &d1_store_sqlite;
    const struct CMUnitTest tests[] = {
        BOTH(test_put_is_seen_then_done),
        BOTH(test_done_is_never_before_return),
        BOTH(test_renewal_is_a_put_of_its_own),
        BOTH(test_removing_what_is_absent_is_no_error),
        BOTH(test_accounts_come_through_whole),
        BOTH(test_known_names_come_through_whole),
        BOTH(test_changes_of_a_write_share_its_revision),
        BOTH(test_writes_of_one_turn_share_a_transaction),
        BOTH(test_a_transaction_takes_a_batch_at_most),
        BOTH(test_a_full_queue_refuses_and_recovers),
        BOTH(test_close_finishes_waiting_writes),
        BOTH(test_a_closing_store_takes_no_write),
        BOTH(test_done_may_close),
        BOTH(test_done_may_write_again),
        BOTH(test_watchers_are_called_in_order),
        BOTH(test_a_failed_transaction_fails_all_its_writes),
        BOTH(test_a_later_commit_makes_it_writable_again),
        BOTH(test_an_empty_store_loads_nothing),
        BOTH(test_metrics_tell_commits_and_state),
        BOTH(test_no_memory_at_open_is_told),
        BOTH(test_writing_allocates_nothing),
        cmocka_unit_test(test_unknown_backend_is_refused),
        THREADED(test_writes_during_a_commit_share_the_next),
        THREADED(test_the_loop_turns_while_the_disk_is_slow),
        THREADED(test_what_is_at_the_disk_is_not_in_the_queue),
        THREADED(test_close_waits_for_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
