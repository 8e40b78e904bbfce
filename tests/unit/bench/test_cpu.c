#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bench/cpu.h"

#define USED_NS 40000000u
/* A running thread's time is old by up to one tick, 10 ms at 100 Hz, at each of the two readings. */
#define STALE_NS 20000000u

static void use_cpu(void) {
    uint64_t end_ns = d1_bench_cpu_own_ns() + USED_NS;
    while (d1_bench_cpu_own_ns() < end_ns) {
    }
}

static void counts_what_a_thread_used(void **state) {
    struct d1_bench_cpu cpu;
    uint64_t used_ns = 0;
    (void)state;
    d1_bench_cpu_init(&cpu, "*");
    assert_int_equal(d1_bench_cpu_add(&cpu, getpid()), 0);
    assert_int_equal(d1_bench_cpu_begin(&cpu, NULL), 0);
    assert_true(cpu.thread_count >= 1);
    use_cpu();
    assert_int_equal(d1_bench_cpu_end(&cpu, &used_ns, NULL), 0);
    assert_in_range(used_ns, USED_NS - STALE_NS, USED_NS + STALE_NS);
}

static void chooses_threads_by_name(void **state) {
    struct d1_bench_cpu cpu;
    struct d1_error error = {0};
    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "dns-0"), 0);
    d1_bench_cpu_init(&cpu, "dns-*");
    assert_int_equal(d1_bench_cpu_add(&cpu, getpid()), 0);
    assert_int_equal(d1_bench_cpu_begin(&cpu, &error), 0);
    assert_int_equal(cpu.thread_count, 1);
    assert_int_equal(cpu.threads[0].tid, getpid());
    assert_int_equal(prctl(PR_SET_NAME, "control"), 0);
    assert_int_equal(d1_bench_cpu_begin(&cpu, &error), D1_ENOTFOUND);
    assert_non_null(strstr(error.text, "dns-*"));
}

static void a_process_that_is_gone(void **state) {
    struct d1_bench_cpu cpu;
    struct d1_error error = {0};
    (void)state;
    d1_bench_cpu_init(&cpu, "*");
    assert_int_equal(d1_bench_cpu_add(&cpu, INT32_MAX), 0); /* Beyond the highest PID of Linux. */
    assert_int_equal(d1_bench_cpu_begin(&cpu, &error), -ENOENT);
    assert_non_null(strstr(error.text, "2147483647"));
}

static void a_thread_that_ended(void **state) {
    struct d1_bench_cpu cpu;
    struct d1_error error = {0};
    uint64_t used_ns = 42;
    (void)state;
    d1_bench_cpu_init(&cpu, "*");
    cpu.thread_count = 1;
    cpu.threads[0] = (struct d1_bench_thread){.pid = getpid(), .tid = INT32_MAX};
    assert_int_equal(d1_bench_cpu_end(&cpu, &used_ns, &error), -ENOENT);
    assert_int_equal(used_ns, 42);
    assert_non_null(strstr(error.text, "ended"));
}

static void no_more_processes_than_there_is_room_for(void **state) {
    struct d1_bench_cpu cpu;
    (void)state;
    d1_bench_cpu_init(&cpu, "*");
    for (int i = 0; i < D1_BENCH_PIDS_MAX; i++) {
        assert_int_equal(d1_bench_cpu_add(&cpu, getpid()), 0);
    }
    assert_int_equal(d1_bench_cpu_add(&cpu, getpid()), D1_ELIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_a_thread_used),
        cmocka_unit_test(chooses_threads_by_name),
        cmocka_unit_test(a_process_that_is_gone),
        cmocka_unit_test(a_thread_that_ended),
        cmocka_unit_test(no_more_processes_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
