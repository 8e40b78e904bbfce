/* The provider process for real: this program is started again as one, with a plugin of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "core/loop.h"
#include "core/mem.h"
#include "providers/link.h"
#include "providers/process.h"

/* ---- The plugin: the value says what it does ---- */

static int account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                        size_t count, void **ret_account, struct d1_provider_error *ret_error) {
    (void)provider;
    if (count == 1 && strcmp(settings[0].value, "bad") == 0) {
        snprintf(ret_error->text, sizeof(ret_error->text), "key: not a good one");
        return -1;
    }
    *ret_account = d1_calloc(1, 1);
    return *ret_account == NULL ? -1 : 0;
}

static void traits(const void *account, struct d1_provider_traits *ret_traits) {
    (void)account;
    (void)ret_traits;
}

static int job_begin(void *account, const struct d1_provider_job *job, void **ret_job) {
    (void)account;
    *ret_job = d1_strdup(job->value);
    return *ret_job == NULL ? -1 : 0;
}

static void step(void *job, const struct d1_reply *reply, struct d1_action *ret_action) {
    const char *value = job;
    ret_action->kind = D1_ACTION_DONE;
    ret_action->step = "step";
    if (strcmp(value, "crash") == 0) {
        (void)raise(SIGKILL);
    } else if (strcmp(value, "fail") == 0) {
        ret_action->kind = D1_ACTION_FAIL;
        ret_action->as.fail.kind = D1_FAIL_REFUSED;
        ret_action->as.fail.text = "no";
    } else if (strcmp(value, "wait") == 0 && reply->kind == D1_REPLY_START) {
        ret_action->kind = D1_ACTION_WAIT;
        ret_action->as.wait.ms = 20;
    } else if (strcmp(value, "hang") == 0) {
        ret_action->kind = D1_ACTION_WAIT;
        ret_action->as.wait.ms = 1000000;
    }
}

static const struct d1_provider *find(const char *type, void *arg) {
    static const struct d1_provider_setting settings[] = {{.name = "key", .text = "a key"}};
    static const struct d1_provider plugin = {
        .abi = D1_PROVIDER_ABI,
        .size = sizeof(plugin),
        .type = "fake",
        .title = "Fake",
        .settings = settings,
        .setting_count = 1,
        .account_open = account_open,
        .account_close = d1_free,
        .traits = traits,
        .job_begin = job_begin,
        .step = step,
        .job_end = d1_free,
    };
    (void)arg;
    return strcmp(type, "fake") == 0 ? &plugin : NULL;
}

/* ---- The tests ---- */

struct world {
    struct d1_loop *loop;
    struct d1_link *link;
    struct d1_host_job job[8];
    unsigned done;
    unsigned started;
    unsigned ended;
    int pid;
    unsigned accounts;
    int account_err;
    char account_text[128];
    bool closed;
};

static void on_started(int pid, void *arg) {
    struct world *w = arg;
    w->pid = pid;
    w->started++;
}

static void on_ended(int64_t status, int signal_number, void *arg) {
    (void)status;
    (void)signal_number;
    ((struct world *)arg)->ended++;
}

static void on_account(const char *name, int err, const char *text, void *arg) {
    struct world *w = arg;
    (void)name;
    w->accounts++;
    w->account_err = err;
    snprintf(w->account_text, sizeof(w->account_text), "%s", text);
}

static struct world *current; /* cmocka runs one test at a time. */

static void on_done(struct d1_host_job *job) {
    (void)job;
    current->done++;
}

static void on_closed(void *arg) {
    struct world *w = arg;
    w->closed = true;
    d1_loop_stop(w->loop);
}

static void put_account(struct world *w, const char *key) {
    json_t *account =
        json_pack("{s:s, s:s, s:{s:s}}", "name", "acc", "type", "fake", "settings", "key", key);
    assert_int_equal(d1_link_put_account(w->link, account), 0);
}

static int open_world(void **state) {
    static struct world world;
    world = (struct world){.closed = false};
    current = &world;
    assert_int_equal(d1_loop_create("test", &world.loop), 0);
    struct d1_link_options options = {.loop = world.loop,
                                      .restart_ms = 1,
                                      .started = on_started,
                                      .ended = on_ended,
                                      .account = on_account,
                                      .arg = &world};
    assert_int_equal(d1_link_create(&options, &world.link), 0);
    assert_int_equal(world.started, 0); /* Nobody needs it yet. */
    put_account(&world, "good");
    assert_int_equal(world.started, 1);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    d1_link_close(w->link, on_closed, w);
    d1_loop_run(w->loop);
    assert_true(w->closed);
    assert_int_equal(w->started, w->ended); /* None is left behind. */
    d1_loop_destroy(w->loop);
    return 0;
}

static void turn(struct world *w) {
    uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
}

static void submit(struct world *w, size_t i, const char *account, const char *value) {
    w->job[i] = (struct d1_host_job){.account = account,
                                     .verb = D1_PROVIDER_PRESENT,
                                     .fqdn = "_acme-challenge.example.test",
                                     .value = value,
                                     .done = on_done};
    assert_int_equal(d1_link_submit(w->link, &w->job[i]), 0);
}

static void test_a_job_is_done_by_the_process(void **state) {
    struct world *w = *state;
    submit(w, 0, "acc", "done");
    assert_int_equal(w->done, 0);
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(w->job[0].err, 0);
    assert_int_equal(w->accounts, 1);
    assert_int_equal(w->account_err, 0);
}

static void test_a_failure_comes_back_whole(void **state) {
    struct world *w = *state;
    submit(w, 0, "acc", "fail");
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(w->job[0].err, D1_EPROVIDER);
    assert_int_equal(w->job[0].kind, D1_FAIL_REFUSED);
    assert_string_equal(w->job[0].text, "fake: step: no");
}

static void test_an_unknown_account_is_told(void **state) {
    struct world *w = *state;
    submit(w, 0, "other", "done");
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(w->job[0].err, D1_ENOTFOUND);
}

static void test_an_account_that_is_refused(void **state) {
    struct world *w = *state;
    put_account(w, "bad");
    while (w->accounts < 2) {
        turn(w);
    }
    assert_int_equal(w->account_err, D1_ECONFIG);
    assert_string_equal(w->account_text, "key: not a good one");
}

static void test_a_job_of_a_refused_account_says_why(void **state) {
    struct world *w = *state;
    json_t *account =
        json_pack("{s:s, s:s, s:{s:s}}", "name", "new", "type", "fake", "settings", "key", "bad");
    assert_int_equal(d1_link_put_account(w->link, account), 0);
    submit(w, 0, "new", "done");
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(w->job[0].err, D1_EPROVIDER);
    assert_int_equal(w->job[0].kind, D1_FAIL_SETTINGS);
    assert_string_equal(w->job[0].text,
                        "the settings of the account were refused: key: not a good one");
}

static void test_a_killed_process_is_replaced_and_jobs_go_on(void **state) {
    struct world *w = *state;
    submit(w, 0, "acc", "hang");
    submit(w, 1, "acc", "done");
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(kill(w->pid, SIGKILL), 0);
    submit(w, 2, "acc", "wait"); /* The process is dead, or not yet: either way it is done. */
    while (w->done < 2) {
        turn(w);
    }
    assert_int_equal(w->started, 2);
    assert_int_equal(w->job[2].err, 0);
    assert_int_equal(w->accounts, 2); /* The new one has got its account, too. */
    d1_link_cancel(w->link, &w->job[0]);
    submit(w, 3, "acc", "done");
    while (w->done < 3) {
        turn(w);
    }
}

static void test_a_job_that_kills_processes_ends(void **state) {
    struct world *w = *state;
    submit(w, 0, "acc", "crash");
    while (w->done < 1) {
        turn(w);
    }
    assert_int_equal(w->job[0].err, D1_EPROVIDER);
    assert_int_equal(w->ended, 5);
    submit(w, 1, "acc", "done");
    while (w->done < 2) {
        turn(w);
    }
    assert_int_equal(w->job[1].err, 0);
}

static void test_close_with_jobs_under_way(void **state) {
    struct world *w = *state;
    submit(w, 0, "acc", "hang");
    submit(w, 1, "acc", "wait");
    turn(w);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], D1_PROCESS_ARGUMENT) == 0) {
        const struct d1_process_types types = {.find = find};
        return d1_process_main(STDIN_FILENO, &types);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(test_a_job_is_done_by_the_process),
        TEST(test_a_failure_comes_back_whole),
        TEST(test_an_unknown_account_is_told),
        TEST(test_an_account_that_is_refused),
        TEST(test_a_job_of_a_refused_account_says_why),
        TEST(test_a_killed_process_is_replaced_and_jobs_go_on),
        TEST(test_a_job_that_kills_processes_ends),
        TEST(test_close_with_jobs_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
