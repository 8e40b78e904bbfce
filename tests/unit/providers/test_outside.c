/*
 * The publisher of names at providers, with a store whose commits and a link whose jobs end when the
 * test says so. The link's functions are defined here, in place of providers/link.c.
 */
#include "providers/outside.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "tests/lib/fake_store.h"

#define JOBS_MAX 64
#define NAME     "_acme-challenge.www.example.test"

/* ---- The link ---- */

struct d1_link {
    struct d1_host_job *job[JOBS_MAX]; /* NULL: over, or canceled. */
    char account[JOBS_MAX][D1_VIA_TEXT_MAX + 1];
    size_t jobs;
    size_t canceled;
    size_t puts;
    size_t drops;
    char dropped[D1_VIA_TEXT_MAX + 1];
    int submit_err;
};

int d1_link_submit(struct d1_link *link, struct d1_host_job *job) {
    if (link->submit_err != 0) {
        return link->submit_err;
    }
    assert_true(link->jobs < JOBS_MAX);
    snprintf(link->account[link->jobs], sizeof(link->account[0]), "%s", job->account);
    link->job[link->jobs++] = job;
    return 0;
}

void d1_link_cancel(struct d1_link *link, struct d1_host_job *job) {
    for (size_t i = 0; i < link->jobs; i++) {
        if (link->job[i] == job) {
            link->job[i] = NULL;
            link->canceled++;
        }
    }
}

int d1_link_put_account(struct d1_link *link, json_t *account) {
    link->puts++;
    json_decref(account);
    return 0;
}

void d1_link_drop_account(struct d1_link *link, const char *name) {
    link->drops++;
    snprintf(link->dropped, sizeof(link->dropped), "%s", name);
}

/* ---- The world ---- */

/* A clock that may jump at each look, so that what is to be done in a minute is due at once. */
struct jumping {
    struct d1_clock base;
    int64_t now_us;
    int64_t jump_us;
};

static int64_t read_clock(const struct d1_clock *clock) {
    struct jumping *jumping = (struct jumping *)(uintptr_t)clock; /* Its first member. */
    jumping->now_us += jumping->jump_us;
    return jumping->now_us;
}

struct waiting {
    struct d1_publication base;
    unsigned done;
    int err;
    char why[D1_PROVIDER_TEXT_MAX];
    const char *then; /* Published from inside `done`. */
};

struct world {
    struct d1_loop *loop;
    struct jumping clock;
    struct d1_store *store;
    struct d1_link link;
    struct d1_outside *outside;
    struct d1_publisher *publisher;
    struct waiting waiting[8];
    char progress[256];
};

static struct world *current;

static void on_progress(const struct d1_name *name, const char *account, const char *text,
                        void *arg) {
    struct world *w = arg;
    char fqdn[D1_NAME_TEXT_MAX];
    d1_name_to_text(name, fqdn);
    snprintf(w->progress, sizeof(w->progress), "%.100s %s %s", fqdn, account, text);
}

static void configure(struct world *w, const char *first, const char *second) {
    struct d1_outside_route routes[2] = {{.account = first}, {.account = second}};
    assert_int_equal(d1_name_from_text("example.test", &routes[0].under), 0);
    assert_int_equal(d1_name_from_text("deep.example.test", &routes[1].under), 0);
    json_t *accounts[2] = {json_pack("{s:s}", "name", "one"), json_pack("{s:s}", "name", "two")};
    assert_int_equal(d1_outside_configure(w->outside, accounts, 2, routes, 2), D1_OK);
}

static void open_outside(struct world *w) {
    struct d1_outside_options options = {.loop = w->loop,
                                         .clock = &w->clock.base,
                                         .store = w->store,
                                         .link = &w->link,
                                         .progress = on_progress,
                                         .arg = w};
    assert_int_equal(d1_outside_create(&options, &w->outside), D1_OK);
    w->publisher = d1_outside_publisher(w->outside);
    configure(w, "one", "two");
}

static int open_world(void **state) {
    static struct world world;
    world = (struct world){.clock.base = {.mono_us = read_clock, .wall_ms = read_clock}};
    current = &world;
    world.clock.now_us = 1000000;
    assert_int_equal(d1_loop_create("test", &world.loop), 0);
    world.store = fake_store_create();
    open_outside(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    d1_outside_destroy(w->outside);
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    fake_store_destroy(w->store);
    d1_loop_destroy(w->loop);
    return 0;
}

/* What a restart leaves: the store. */
static void restart(struct world *w) {
    d1_outside_destroy(w->outside);
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    w->link = (struct d1_link){.jobs = 0};
    open_outside(w);
    for (size_t i = 0; i < fake_store_placements(w->store); i++) {
        assert_int_equal(w->publisher->placed(w->publisher, fake_store_placement(w->store, i)), 0);
    }
}

/* ---- Publishing ---- */

static int publish_via(struct world *w, size_t i, const char *name, const char *via,
                       const char *values);

static void on_done(struct d1_publication *publication, int err) {
    struct waiting *waiting = D1_CONTAINER_OF(publication, struct waiting, base);
    waiting->done++;
    waiting->err = err;
    snprintf(waiting->why, sizeof(waiting->why), "%s",
             publication->why != NULL ? publication->why : "");
    if (waiting->then != NULL) {
        const char *values = waiting->then;
        waiting->then = NULL;
        assert_int_equal(
            publish_via(current, (size_t)(waiting - current->waiting), NAME, "", values),
            D1_PUBLISH_LATER);
    }
}

/* Values separated by blanks. */
static int publish_via(struct world *w, size_t i, const char *name, const char *via,
                       const char *values) {
    struct d1_txt_value value[8];
    const struct d1_txt_value *at[8];
    struct d1_name owner;
    size_t count = 0;
    assert_int_equal(d1_name_from_text(name, &owner), 0);
    while (*values != '\0') {
        size_t length = strcspn(values, " ");
        assert_int_equal(d1_txt_value_set(&value[count], values, length), 0);
        at[count] = &value[count];
        count++;
        values += length + (values[length] == ' ');
    }
    w->waiting[i].base = (struct d1_publication){.done = on_done};
    w->waiting[i].done = 0;
    return w->publisher->publish(w->publisher, &owner, via, at, count, &w->waiting[i].base);
}

static int publish(struct world *w, size_t i, const char *values) {
    return publish_via(w, i, NAME, "", values);
}

static const struct d1_host_job *job(const struct world *w, size_t i) {
    assert_true(i < w->link.jobs);
    assert_non_null(w->link.job[i]);
    return w->link.job[i];
}

static void end_job(struct world *w, size_t i, int err, const char *text) {
    struct d1_host_job *ended = w->link.job[i];
    assert_non_null(ended);
    w->link.job[i] = NULL;
    ended->err = err;
    snprintf(ended->text, sizeof(ended->text), "%s", text);
    ended->done(ended);
}

/* Commits and ends jobs well until nothing is under way. */
static void run_all(struct world *w) {
    size_t ended = 0;
    bool more = true;
    while (more) {
        more = fake_store_commit_all(w->store) > 0;
        for (; ended < w->link.jobs; ended++) {
            if (w->link.job[ended] != NULL) {
                end_job(w, ended, 0, "");
                more = true;
            }
        }
    }
}

static int serves(const struct world *w, const char *name, const char *via) {
    struct d1_name owner;
    assert_int_equal(d1_name_from_text(name, &owner), 0);
    return w->publisher->serves(w->publisher, &owner, via);
}

/* ---- Whose it is ---- */

static void routes_and_named_accounts_are_served(void **state) {
    struct world *w = *state;
    assert_int_equal(serves(w, NAME, ""), D1_OK);
    assert_int_equal(serves(w, "example.test", ""), D1_OK);
    assert_int_equal(serves(w, "xexample.test", ""), D1_ENOTSERVED);
    assert_int_equal(serves(w, "elsewhere.test", ""), D1_ENOTSERVED);
    assert_int_equal(serves(w, "elsewhere.test", "two"), D1_OK);
    assert_int_equal(serves(w, NAME, "nobody"), D1_ENOTSERVED);
}

static void the_longest_route_decides(void **state) {
    struct world *w = *state;
    assert_int_equal(publish_via(w, 0, "a.deep.example.test", "", "v"), D1_PUBLISH_LATER);
    assert_int_equal(publish_via(w, 1, "a.deeper.example.test", "", "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    assert_string_equal(job(w, 0)->account, "two");
    assert_string_equal(job(w, 1)->account, "one");
    run_all(w);
}

/* ---- Present and clean up ---- */

static void the_journal_is_written_before_the_job(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    assert_int_equal(fake_store_waiting(w->store), 1);
    assert_int_equal(w->link.jobs, 0);
    assert_true(fake_store_commit(w->store));
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(fake_store_placements(w->store), 1);
    assert_false(fake_store_placement(w->store, 0)->confirmed);
    assert_int_equal(job(w, 0)->verb, D1_PROVIDER_PRESENT);
    assert_string_equal(job(w, 0)->fqdn, NAME);
    assert_string_equal(job(w, 0)->value, "v");
    end_job(w, 0, 0, "");
    assert_int_equal(w->waiting[0].done, 0); /* Not before the journal knows. */
    assert_true(fake_store_commit(w->store));
    assert_int_equal(w->waiting[0].done, 1);
    assert_int_equal(w->waiting[0].err, D1_OK);
    assert_true(fake_store_placement(w->store, 0)->confirmed);
}

static void a_repeat_is_there_at_once(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(publish(w, 1, "v"), D1_OK);
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(fake_store_waiting(w->store), 0);
}

static void two_values_are_two_jobs(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(publish(w, 1, "v w"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    assert_int_equal(w->link.jobs, 2);
    assert_string_equal(job(w, 1)->value, "w");
    run_all(w);
    assert_int_equal(w->waiting[1].err, D1_OK);
    assert_int_equal(fake_store_placements(w->store), 2);
}

static void a_clean_up_removes_that_value(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v w"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(publish(w, 1, "w"), D1_PUBLISH_LATER);
    assert_int_equal(w->link.jobs, 3);
    assert_int_equal(job(w, 2)->verb, D1_PROVIDER_CLEANUP);
    assert_string_equal(job(w, 2)->value, "v");
    end_job(w, 2, 0, "");
    assert_int_equal(w->waiting[1].done, 0);
    fake_store_commit_all(w->store);
    assert_int_equal(w->waiting[1].done, 1);
    assert_int_equal(fake_store_placements(w->store), 1);
    assert_int_equal(publish(w, 2, ""), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(w->waiting[2].err, D1_OK);
    assert_int_equal(fake_store_placements(w->store), 0);
}

static void nothing_to_remove_is_done_at_once(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, ""), D1_OK);
    assert_int_equal(w->link.jobs, 0);
}

static void only_printable_values_are_taken(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "a\tb"), D1_EPROVIDER);
    assert_string_equal(w->waiting[0].base.why, "providers take printable ASCII only");
    assert_int_equal(fake_store_waiting(w->store), 0);
}

static void a_job_tells_its_progress(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    struct d1_host_job *under_way = w->link.job[0];
    under_way->progress(under_way, "zone", "HTTP 200");
    assert_string_equal(w->progress, NAME " one zone: HTTP 200");
}

/* ---- Failures ---- */

static void a_failure_is_told_and_the_journal_stays(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    end_job(w, 0, D1_EPROVIDER, "fake: list: no");
    assert_int_equal(w->waiting[0].err, D1_EPROVIDER);
    assert_string_equal(w->waiting[0].why, "fake: list: no");
    assert_int_equal(fake_store_placements(w->store), 1);
    assert_int_equal(publish(w, 1, ""), D1_PUBLISH_LATER);
    assert_int_equal(job(w, 1)->verb, D1_PROVIDER_CLEANUP); /* It may be there. */
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

static void after_a_failure_it_is_tried_again_when_asked(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    end_job(w, 0, D1_EPROVIDER, "no");
    assert_int_equal(publish(w, 1, "v"), D1_PUBLISH_LATER);
    assert_int_equal(job(w, 1)->verb, D1_PROVIDER_PRESENT);
    run_all(w);
    assert_int_equal(w->waiting[1].err, D1_OK);
}

static void one_value_fails_the_other_stands(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v w"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    end_job(w, 0, D1_EPROVIDER, "no");
    assert_int_equal(w->waiting[0].done, 0); /* The other one is under way. */
    end_job(w, 1, 0, "");
    fake_store_commit_all(w->store);
    assert_int_equal(w->waiting[0].err, D1_EPROVIDER);
    size_t confirmed = 0;
    for (size_t i = 0; i < fake_store_placements(w->store); i++) {
        confirmed += fake_store_placement(w->store, i)->confirmed;
    }
    assert_int_equal(confirmed, 1);
}

static void an_account_that_is_gone_is_told(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    end_job(w, 0, D1_ENOTFOUND, "");
    assert_int_equal(w->waiting[0].err, D1_EPROVIDER);
    assert_non_null(strstr(w->waiting[0].why, "not known here"));
}

static void a_store_that_fails_is_told(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(w->waiting[0].err, D1_ESTORE);
    assert_int_equal(w->link.jobs, 0); /* Nothing is written that the journal does not know. */
    fake_store_refuse(w->store, D1_ELIMIT);
    assert_int_equal(publish(w, 1, "v"), D1_ELIMIT);
    fake_store_refuse(w->store, 0);
    assert_int_equal(publish(w, 1, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(w->waiting[1].err, D1_OK);
}

static void a_confirmation_that_is_not_written_is_made_again(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    end_job(w, 0, 0, "");
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(w->waiting[0].err, D1_ESTORE);
    assert_int_equal(publish(w, 1, "v"), D1_PUBLISH_LATER);
    assert_int_equal(job(w, 1)->verb, D1_PROVIDER_PRESENT);
    run_all(w);
    assert_true(fake_store_placement(w->store, 0)->confirmed);
}

static void a_link_that_is_full_is_told(void **state) {
    struct world *w = *state;
    w->link.submit_err = D1_ELIMIT;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    assert_int_equal(w->waiting[0].done, 1);
    assert_int_equal(w->waiting[0].err, D1_ELIMIT);
}

static void a_removal_that_fails_is_tried_again_in_time(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(publish(w, 1, ""), D1_PUBLISH_LATER);
    w->clock.jump_us = D1_OUTSIDE_RETRY_MS * 1000LL; /* From here on a minute per look. */
    end_job(w, 1, D1_EPROVIDER, "no");
    assert_int_equal(w->waiting[1].err, D1_EPROVIDER);
    assert_int_equal(w->link.jobs, 2);
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    assert_int_equal(w->link.jobs, 3);
    assert_int_equal(job(w, 2)->verb, D1_PROVIDER_CLEANUP);
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

static void removals_wait_longer_each_time(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(publish(w, 1, ""), D1_PUBLISH_LATER);
    end_job(w, 1, D1_EPROVIDER, "no");
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    assert_int_equal(w->link.jobs, 2);
    w->clock.now_us += D1_OUTSIDE_RETRY_MS * 1000LL - 1;
    configure(w, "one", "two"); /* A reload tries at once. */
    assert_int_equal(w->link.jobs, 3);
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

/* ---- Restarts and reloads ---- */

static void what_nothing_wants_after_a_restart_is_removed(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v w"), D1_PUBLISH_LATER);
    run_all(w);
    restart(w);
    assert_int_equal(publish(w, 0, "w"), D1_PUBLISH_LATER); /* v goes with it. */
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(job(w, 0)->verb, D1_PROVIDER_CLEANUP);
    assert_string_equal(job(w, 0)->value, "v");
    run_all(w);
    restart(w);
    assert_int_equal(w->link.jobs, 0);
    d1_outside_start(w->outside);
    assert_int_equal(w->link.jobs, 1);
    assert_string_equal(job(w, 0)->value, "w");
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

static void what_is_wanted_after_a_restart_is_not_written_again(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    restart(w);
    assert_int_equal(publish(w, 0, "v"), D1_OK);
    d1_outside_start(w->outside);
    assert_int_equal(w->link.jobs, 0);
}

static void what_was_under_way_at_a_crash_is_presented_again(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    restart(w);
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    assert_int_equal(job(w, 0)->verb, D1_PROVIDER_PRESENT);
    run_all(w);
    assert_int_equal(w->waiting[0].err, D1_OK);
}

static void a_route_that_changes_removes_at_the_old_account(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    configure(w, "two", "two");
    assert_int_equal(w->link.jobs, 2);
    assert_string_equal(job(w, 1)->account, "one");
    assert_int_equal(job(w, 1)->verb, D1_PROVIDER_CLEANUP);
    assert_int_equal(publish(w, 1, "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    assert_string_equal(job(w, 2)->account, "two");
    assert_int_equal(job(w, 2)->verb, D1_PROVIDER_PRESENT);
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 1);
    assert_string_equal(fake_store_placement(w->store, 0)->via, "two");
}

static void a_missing_account_is_dropped(void **state) {
    struct world *w = *state;
    json_t *accounts[1] = {json_pack("{s:s}", "name", "two")};
    assert_int_equal(d1_outside_configure(w->outside, accounts, 1, NULL, 0), D1_OK);
    assert_int_equal(w->link.drops, 1);
    assert_string_equal(w->link.dropped, "one");
    assert_int_equal(serves(w, NAME, ""), D1_ENOTSERVED);
    assert_false(d1_outside_has(w->outside, "one"));
    assert_true(d1_outside_has(w->outside, "two"));
}

/* ---- Two ways to one account ---- */

static void a_value_stays_until_both_ways_are_gone(void **state) {
    struct world *w = *state;
    assert_int_equal(publish_via(w, 0, NAME, "", "v"), D1_PUBLISH_LATER);
    assert_int_equal(publish_via(w, 1, NAME, "one", "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(w->waiting[0].err, D1_OK);
    assert_int_equal(w->waiting[1].done, 1);
    assert_int_equal(publish_via(w, 2, NAME, "", ""), D1_OK);
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(publish_via(w, 3, NAME, "one", ""), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

static void a_publication_may_begin_inside_the_end_of_another(void **state) {
    struct world *w = *state;
    w->waiting[0].then = "v w";
    assert_int_equal(publish(w, 0, "v"), D1_PUBLISH_LATER);
    run_all(w);
    assert_int_equal(w->waiting[0].done, 1);
    assert_int_equal(w->waiting[0].err, D1_OK);
    assert_int_equal(fake_store_placements(w->store), 2);
}

/* ---- Accounts of Issuers ---- */

static int bring(struct world *w, const char *name) {
    return d1_outside_bring(w->outside, json_pack("{s:s}", "name", name));
}

static void an_account_is_brought_once(void **state) {
    struct world *w = *state;
    size_t before = w->link.puts;
    assert_int_equal(bring(w, "~a"), D1_OK);
    assert_int_equal(bring(w, "~a"), D1_OK);
    assert_int_equal(w->link.puts, before + 1);
    assert_true(d1_outside_has(w->outside, "~a"));
    assert_int_equal(publish_via(w, 0, "far.test", "~a", "v"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    assert_string_equal(job(w, 0)->account, "~a");
    run_all(w);
    configure(w, "one", "two"); /* It stays. */
    assert_true(d1_outside_has(w->outside, "~a"));
    assert_int_equal(w->link.jobs, 1);
}

static void the_oldest_gives_way(void **state) {
    struct world *w = *state;
    char name[16];
    for (unsigned i = 0; i < D1_OUTSIDE_BROUGHT_MAX; i++) {
        snprintf(name, sizeof(name), "~%u", i);
        assert_int_equal(bring(w, name), D1_OK);
    }
    assert_int_equal(w->link.drops, 0);
    assert_int_equal(bring(w, "~0"), D1_OK); /* Used again: not the oldest now. */
    assert_int_equal(bring(w, "~new"), D1_OK);
    assert_int_equal(w->link.drops, 1);
    assert_string_equal(w->link.dropped, "~1");
    assert_true(d1_outside_has(w->outside, "~0"));
}

static void a_removal_waits_for_its_account_after_a_restart(void **state) {
    struct world *w = *state;
    assert_int_equal(bring(w, "~a"), D1_OK);
    assert_int_equal(publish_via(w, 0, "far.test", "~a", "v"), D1_PUBLISH_LATER);
    run_all(w);
    restart(w);
    d1_outside_start(w->outside);
    end_job(w, 0, D1_ENOTFOUND, "");
    assert_int_equal(w->link.jobs, 1);
    assert_int_equal(bring(w, "~a"), D1_OK); /* Now it can. */
    assert_int_equal(w->link.jobs, 2);
    run_all(w);
    assert_int_equal(fake_store_placements(w->store), 0);
}

/* ---- The end, and memory ---- */

static void jobs_under_way_are_canceled(void **state) {
    struct world *w = *state;
    assert_int_equal(publish(w, 0, "v w"), D1_PUBLISH_LATER);
    fake_store_commit_all(w->store);
    d1_outside_destroy(w->outside);
    assert_int_equal(w->link.canceled, 2);
    assert_int_equal(w->waiting[0].done, 0);
    open_outside(w);
}

static void no_memory_loses_nothing(void **state) {
    struct world *w = *state;
    for (uint64_t i = 0; i < 1000; i++) {
        d1_mem_fault_arm(i, 0);
        int err = publish(w, 0, "v w");
        uint64_t failed = d1_mem_fault_disarm();
        run_all(w);
        if (failed == 0) {
            assert_int_equal(err, D1_PUBLISH_LATER);
            assert_int_equal(fake_store_placements(w->store), 2);
            return;
        }
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(fake_store_placements(w->store), 0);
        (void)publish(w, 1, "");
        run_all(w);
        assert_int_equal(fake_store_placements(w->store), 0);
        w->link.jobs = 0;
    }
    fail_msg("it never ran without a fault");
}

static void no_memory_while_configuring_keeps_what_was(void **state) {
    struct world *w = *state;
    for (uint64_t i = 0; i < 1000; i++) {
        struct d1_outside_route route = {.account = "two"};
        assert_int_equal(d1_name_from_text("new.test", &route.under), 0);
        json_t *accounts[1] = {json_pack("{s:s}", "name", "two")};
        d1_mem_fault_arm(i, 0);
        int err = d1_outside_configure(w->outside, accounts, 1, &route, 1);
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, D1_OK);
            assert_int_equal(serves(w, "new.test", ""), D1_OK);
            return;
        }
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(serves(w, NAME, ""), D1_OK);
    }
    fail_msg("it never ran without a fault");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(routes_and_named_accounts_are_served),
        TEST(the_longest_route_decides),
        TEST(the_journal_is_written_before_the_job),
        TEST(a_repeat_is_there_at_once),
        TEST(two_values_are_two_jobs),
        TEST(a_clean_up_removes_that_value),
        TEST(nothing_to_remove_is_done_at_once),
        TEST(only_printable_values_are_taken),
        TEST(a_job_tells_its_progress),
        TEST(a_failure_is_told_and_the_journal_stays),
        TEST(after_a_failure_it_is_tried_again_when_asked),
        TEST(one_value_fails_the_other_stands),
        TEST(an_account_that_is_gone_is_told),
        TEST(a_store_that_fails_is_told),
        TEST(a_confirmation_that_is_not_written_is_made_again),
        TEST(a_link_that_is_full_is_told),
        TEST(a_removal_that_fails_is_tried_again_in_time),
        TEST(removals_wait_longer_each_time),
        TEST(what_nothing_wants_after_a_restart_is_removed),
        TEST(what_is_wanted_after_a_restart_is_not_written_again),
        TEST(what_was_under_way_at_a_crash_is_presented_again),
        TEST(a_route_that_changes_removes_at_the_old_account),
        TEST(a_missing_account_is_dropped),
        TEST(a_value_stays_until_both_ways_are_gone),
        TEST(a_publication_may_begin_inside_the_end_of_another),
        TEST(an_account_is_brought_once),
        TEST(the_oldest_gives_way),
        TEST(a_removal_waits_for_its_account_after_a_restart),
        TEST(jobs_under_way_are_canceled),
        TEST(no_memory_loses_nothing),
        TEST(no_memory_while_configuring_keeps_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
