#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <uv.h>

#include "core/loop.h"
#include "providers/spawn.h"

struct world {
    struct d1_loop *loop;
    struct d1_spawn spawn;
    unsigned done;
    int status;
    char output[256];
    size_t length;
};

static void on_done(struct d1_spawn *spawn) {
    struct world *w = D1_CONTAINER_OF(spawn, struct world, spawn);
    w->done++;
    w->status = spawn->status;
    w->length = spawn->length;
    assert_int_equal(spawn->output[spawn->length], 0);
    memcpy(w->output, spawn->output,
           spawn->length < sizeof(w->output) - 1 ? spawn->length : sizeof(w->output) - 1);
}

static int open_world(void **state) {
    static struct world world;
    world = (struct world){.spawn = {.done = on_done}};
    *state = &world;
    return d1_loop_create("test", &world.loop);
}

static int close_world(void **state) {
    struct world *w = *state;
    d1_loop_stop(w->loop);
    d1_loop_run(w->loop); /* Until its handles are closed. */
    d1_loop_destroy(w->loop);
    return 0;
}

static int shell(struct world *w, const char *script, uint32_t limit_ms) {
    const char *const arguments[] = {"-c", script, "sh", "one two", NULL};
    struct d1_pair variable = {"COLOUR", "blue = red"};
    struct d1_action_run request = {.program = "/bin/sh",
                                    .arguments = arguments,
                                    .environment = &variable,
                                    .environment_count = 1,
                                    .limit_ms = limit_ms};
    return d1_spawn_start(&w->spawn, w->loop, &request);
}

static void run(struct world *w, const char *script, uint32_t limit_ms) {
    assert_int_equal(shell(w, script, limit_ms), 0);
    while (w->done == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
    }
    assert_int_equal(w->done, 1);
}

static void test_status_arguments_and_environment(void **state) {
    struct world *w = *state;
    run(w, "echo \"$1/$COLOUR\"; echo oops >&2; exit 3", 10000);
    assert_int_equal(w->status, 3);
    assert_string_equal(w->output, "one two/blue = red\noops\n");
}

static void test_nothing_of_our_environment(void **state) {
    struct world *w = *state;
    assert_int_equal(setenv("D1_TEST_SECRET", "x", 1), 0);
    run(w, "echo \"${D1_TEST_SECRET-none}\"", 10000);
    assert_string_equal(w->output, "none\n");
}

static void test_no_input_to_wait_for(void **state) {
    struct world *w = *state;
    run(w, "cat; echo end", 10000);
    assert_string_equal(w->output, "end\n");
}

static void test_the_group_is_killed_at_the_limit(void **state) {
    struct world *w = *state;
    run(w, "sleep 1000 & sleep 1000; echo never", 50);
    assert_int_equal(w->status, -ETIMEDOUT);
    assert_string_equal(w->output, "");
}

static void test_a_signal_is_its_status(void **state) {
    struct world *w = *state;
    run(w, "kill -TERM $$", 10000);
    assert_int_equal(w->status, 128 + SIGTERM);
}

static void test_long_output_is_cut(void **state) {
    struct world *w = *state;
    run(w, "head -c 200000 /dev/zero", 10000);
    assert_int_equal(w->status, 0);
    assert_int_equal(w->length, D1_SPAWN_OUTPUT_MAX);
}

static void test_a_child_that_stays_does_not_hold_us(void **state) {
    struct world *w = *state;
    run(w, "echo $$; setsid sleep 1 & exit 0", 10000);
    assert_int_equal(w->status, 0);
}

static void test_no_such_program(void **state) {
    struct world *w = *state;
    struct d1_action_run request = {.program = "/nonexistent/program"};
    assert_int_equal(d1_spawn_start(&w->spawn, w->loop, &request), -ENOENT);
    assert_int_equal(w->done, 0);
}

static void test_canceled(void **state) {
    struct world *w = *state;
    assert_int_equal(shell(w, "sleep 1000", 100000), 0);
    d1_spawn_cancel(&w->spawn);
    assert_null(w->spawn.state);
    assert_int_equal(w->done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_status_arguments_and_environment),
        TEST(test_nothing_of_our_environment),
        TEST(test_no_input_to_wait_for),
        TEST(test_the_group_is_killed_at_the_limit),
        TEST(test_a_signal_is_its_status),
        TEST(test_long_output_is_cut),
        TEST(test_a_child_that_stays_does_not_hold_us),
        TEST(test_no_such_program),
        TEST(test_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
