#include "tests/bench/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/text.h"

#define NS_PER_SECOND 1000000000u

/* The first line of a file of a thread, without its newline. Returns 0 or -errno. */
static int read_line(pid_t pid, pid_t tid, const char *name, char *ret_line, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -errno;
    }
    const char *line = fgets(ret_line, (int)size, file);
    fclose(file);
    if (line == NULL) {
        return -ESRCH; /* The thread ended between open and read. */
    }
    ret_line[strcspn(ret_line, "\n")] = '\0';
    return 0;
}

/* User and system time in ticks stand after the name, which may hold blanks and parentheses. */
static int read_stat(pid_t pid, pid_t tid, uint64_t *ret_ns) {
    char line[1024];
    uint64_t user = 0;
    uint64_t system = 0;
    int err = read_line(pid, tid, "stat", line, sizeof(line));
    if (err < 0) {
        return err;
    }
    const char *after_name = strrchr(line, ')');
    if (after_name == NULL ||
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &user, &system) != 2) {
        return D1_EPARSE;
    }
    *ret_ns = (user + system) * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

static int read_thread(pid_t pid, pid_t tid, uint64_t *ret_ns) {
    char line[128];
    int err = read_line(pid, tid, "schedstat", line, sizeof(line));
    if (err == -ENOENT) {
        return read_stat(pid, tid, ret_ns); /* Reports it, if the thread itself is gone. */
    }
    if (err < 0) {
        return err;
    }
    return sscanf(line, "%" SCNu64, ret_ns) == 1 ? 0 : D1_EPARSE;
}

void d1_bench_cpu_init(struct d1_bench_cpu *cpu, const char *pattern) {
    *cpu = (struct d1_bench_cpu){.pattern = pattern};
}

int d1_bench_cpu_add(struct d1_bench_cpu *cpu, pid_t pid) {
    if (cpu->pid_count == D1_BENCH_PIDS_MAX) {
        return D1_ELIMIT;
    }
    cpu->pids[cpu->pid_count++] = pid;
    return 0;
}

/* Take a thread in if its name matches. A thread that ends meanwhile is left out. */
static int choose_thread(struct d1_bench_cpu *cpu, pid_t pid, pid_t tid) {
    char name[64];
    struct d1_bench_thread thread = {.pid = pid, .tid = tid};
    if (read_line(pid, tid, "comm", name, sizeof(name)) < 0 ||
        fnmatch(cpu->pattern, name, 0) != 0) {
        return 0;
    }
    if (cpu->thread_count == D1_BENCH_TIDS_MAX) {
        return D1_ELIMIT;
    }
    if (read_thread(pid, tid, &thread.begin_ns) < 0) {
        return 0;
    }
    cpu->threads[cpu->thread_count++] = thread;
    return 0;
}

static int choose_threads(struct d1_bench_cpu *cpu, pid_t pid, struct d1_error *ret_error) {
    char path[64];
    size_t before = cpu->thread_count;
    int err = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        err = -errno;
        return d1_error_set(ret_error, err, "process %d: %s", (int)pid, strerror(-err));
    }
    const struct dirent *entry;
    while (err == 0 && (entry = readdir(tasks)) != NULL) {
        uint64_t tid;
        if (d1_number_parse(entry->d_name, 1, INT32_MAX, &tid) == 0) {
            err = choose_thread(cpu, pid, (pid_t)tid);
        }
    }
    closedir(tasks);
    if (err < 0) {
        return d1_error_set(ret_error, err, "more than %d threads to watch", D1_BENCH_TIDS_MAX);
    }
    if (cpu->thread_count == before) {
        return d1_error_set(ret_error, D1_ENOTFOUND, "process %d has no thread named '%s'",
                            (int)pid, cpu->pattern);
    }
    return 0;
}

int d1_bench_cpu_begin(struct d1_bench_cpu *cpu, struct d1_error *ret_error) {
    cpu->thread_count = 0;
    for (size_t i = 0; i < cpu->pid_count; i++) {
        int err = choose_threads(cpu, cpu->pids[i], ret_error);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

int d1_bench_cpu_end(const struct d1_bench_cpu *cpu, uint64_t *ret_ns, struct d1_error *ret_error) {
    uint64_t total = 0;
    for (size_t i = 0; i < cpu->thread_count; i++) {
        const struct d1_bench_thread *thread = &cpu->threads[i];
        uint64_t end_ns;
        int err = read_thread(thread->pid, thread->tid, &end_ns);
        if (err < 0) {
            return d1_error_set(ret_error, err,
                                "thread %d of process %d ended while it was measured",
                                (int)thread->tid, (int)thread->pid);
        }
        total += end_ns - thread->begin_ns;
    }
    *ret_ns = total;
    return 0;
}

uint64_t d1_bench_cpu_own_ns(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0) {
        return 0; /* Cannot be: both arguments are valid. */
    }
    uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
    uint64_t us = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    return seconds * NS_PER_SECOND + us * 1000;
}
