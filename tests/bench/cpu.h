/*
 * CPU time of chosen threads of chosen processes, in nanoseconds, from /proc/PID/task/TID/schedstat
 * (its first field; where the kernel lacks that file, user and system time of .../stat).
 *
 * Threads: an object belongs to one thread.
 * Memory: flat, no allocation.
 * Limits: D1_BENCH_PIDS_MAX processes with D1_BENCH_TIDS_MAX chosen threads together. A running
 *   thread's time is up to one kernel tick old: measure seconds, not milliseconds.
 */
#ifndef D1_BENCH_CPU_H
#define D1_BENCH_CPU_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

#define D1_BENCH_PIDS_MAX 64
#define D1_BENCH_TIDS_MAX 1024

struct d1_bench_thread {
    pid_t pid;
    pid_t tid;
    uint64_t begin_ns;
};

struct d1_bench_cpu {
    const char *pattern; /* Borrowed: a glob that a thread's name must match ("dns-*"). */
    size_t pid_count;
    pid_t pids[D1_BENCH_PIDS_MAX];
    size_t thread_count; /* Chosen by the last d1_bench_cpu_begin(). */
    struct d1_bench_thread threads[D1_BENCH_TIDS_MAX];
};

/* No process yet. The pattern is borrowed. */
void d1_bench_cpu_init(struct d1_bench_cpu *cpu, const char *pattern);

/* Watch a process too. Returns 0 or D1_ELIMIT. */
int d1_bench_cpu_add(struct d1_bench_cpu *cpu, pid_t pid) D1_MUST_CHECK;

/*
 * Choose the threads, and note what they have used up to now. Returns 0; D1_ENOTFOUND when a
 * process has no thread whose name matches; D1_ELIMIT; or -errno (-ENOENT: a process is gone).
 */
int d1_bench_cpu_begin(struct d1_bench_cpu *cpu, struct d1_error *ret_error) D1_MUST_CHECK;

/*
 * What the chosen threads have used since begin. Returns 0 or -errno: a chosen thread has ended, so
 * that its time is not known.
 */
int d1_bench_cpu_end(const struct d1_bench_cpu *cpu, uint64_t *ret_ns,
                     struct d1_error *ret_error) D1_MUST_CHECK;

/* What this process has used up to now. */
uint64_t d1_bench_cpu_own_ns(void);

#endif /* D1_BENCH_CPU_H */
