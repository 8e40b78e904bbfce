#include "core/step.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { IDLE, BUSY, DONE, COUNT };

static const struct d1_step_state states[] = {
    [IDLE] = {"idle", D1_STEP_TO(BUSY)},
    [BUSY] = {"busy", D1_STEP_TO(IDLE) | D1_STEP_TO(DONE)},
    [DONE] = {"done", 0},
};

static void allowed_moves_are_made(void **state) {
    (void)state;
    struct d1_step step;
    d1_step_init(&step, states, COUNT);
    assert_string_equal(d1_step_name(&step), "idle");
    d1_step_move(&step, BUSY);
    d1_step_move(&step, DONE);
    assert_string_equal(d1_step_name(&step), "done");
}

/* In a child process: whether that move stops the program. */
static int move_status(unsigned from, unsigned to) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct d1_step step;
        fclose(stderr);
        d1_step_init(&step, states, COUNT);
        step.now = from;
        signal(SIGABRT, SIG_DFL);
        d1_step_move(&step, to);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void illegal_moves_stop_the_program(void **state) {
    (void)state;
    assert_int_equal(move_status(IDLE, BUSY), 0);
    assert_true(WIFSIGNALED(move_status(IDLE, DONE)));
    assert_true(WIFSIGNALED(move_status(DONE, IDLE)));
    assert_true(WIFSIGNALED(move_status(IDLE, COUNT)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_moves_are_made),
        cmocka_unit_test(illegal_moves_stop_the_program),
    };
    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
