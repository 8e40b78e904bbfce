/*
 * Closed loop of writes: each client has one request under way; its answer is judged, then, where
 * the door writes, DNS is asked for the value; only when it is shown does the client go on, and the
 * write count.
 *
 * Threads: runs on the calling thread until the measurement ends.
 */
#ifndef D1_BENCH_WRITELOAD_H
#define D1_BENCH_WRITELOAD_H

#include <stdint.h>
#include <sys/socket.h>

#include "tests/bench/cpu.h"
#include "tests/bench/door.h"
#include "tests/bench/histogram.h"

#define D1_BENCH_CLIENTS_MAX 1024
#define D1_BENCH_GROUPS_MAX  8

struct d1_bench_write_settings {
    const struct d1_bench_door *door;
    struct d1_bench_door_settings door_settings;
    struct sockaddr_storage server;
    struct sockaddr_storage dns;
    const struct d1_bench_account *accounts; /* One for each client, at least. */
    unsigned clients;
    int64_t warm_up_us;
    int64_t measure_us;
    unsigned groups_count; /* Groups of threads whose CPU time is taken. */
    struct d1_bench_cpu *groups;
};

/* Counted between the warm-up and the end. */
struct d1_bench_writes {
    uint64_t done;   /* Answered rightly, and shown where the door writes. */
    uint64_t wrong;  /* Answers. */
    uint64_t unseen; /* DNS answers without the value, asked for again. */
    uint64_t lost;   /* Datagrams without an answer for LOST_US, sent again. */
    char complaint[256];
    struct d1_bench_histogram answer_us; /* Until the answer. */
    struct d1_bench_histogram seen_us;   /* Until DNS showed it. */
    int64_t elapsed_us;
    uint64_t own_ns; /* CPU. */
    uint64_t group_ns[D1_BENCH_GROUPS_MAX];
};

/* Returns 0 and *ret_writes, or -errno or an error of cpu.h. */
int d1_bench_writes_run(const struct d1_bench_write_settings *settings,
                        struct d1_bench_writes *ret_writes, struct d1_error *error) D1_MUST_CHECK;

#endif /* D1_BENCH_WRITELOAD_H */
