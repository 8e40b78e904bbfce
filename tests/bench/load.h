/*
 * One measurement: what is asked of which server, and what came of it. Shared by all modes of the
 * generator; a mode sends, receives and counts (udp.h is the first).
 *
 * Threads: one thread runs a measurement from begin to end.
 */
#ifndef D1_BENCH_LOAD_H
#define D1_BENCH_LOAD_H

#include <stdint.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "tests/bench/check.h"
#include "tests/bench/cpu.h"
#include "tests/bench/histogram.h"
#include "tests/bench/queries.h"

#define D1_BENCH_SOCKETS_MAX 64
#define D1_BENCH_WINDOW_MAX  64

struct d1_bench_settings {
    const struct d1_clock *clock;
    const struct d1_bench_queries *queries;
    struct sockaddr_storage server;
    unsigned sockets; /* 1 .. D1_BENCH_SOCKETS_MAX. */
    unsigned window;  /* Queries under way on each socket, 1 .. D1_BENCH_WINDOW_MAX. */
    int64_t wait_us;  /* How long the server may take to give its first right answer. */
    int64_t warm_up_us;
    int64_t measure_us;
    int64_t lost_us; /* A query without an answer for this long is lost, and sent again. */
};

/* Counted between begin and end. */
struct d1_bench_tally {
    uint64_t sent;
    uint64_t answers; /* Verified and right. */
    uint64_t lost;
    uint64_t stale;                   /* Answers to no query under way: late, or sent twice. */
    uint64_t faults[D1_BENCH_FAULTS]; /* Wrong answers, by what is wrong. */
    struct d1_bench_histogram latency_us;
    int64_t elapsed_us;
    uint64_t server_ns; /* CPU. */
    uint64_t own_ns;    /* CPU. */
};

/* Start counting: clear the tally, note the time and the CPU used so far. Returns 0 or an error. */
int d1_bench_tally_begin(struct d1_bench_tally *tally, const struct d1_clock *clock,
                         struct d1_bench_cpu *cpu, struct d1_error *ret_error) D1_MUST_CHECK;

/* Stop counting. Returns 0 or an error. */
int d1_bench_tally_end(struct d1_bench_tally *tally, const struct d1_clock *clock,
                       const struct d1_bench_cpu *cpu, struct d1_error *ret_error) D1_MUST_CHECK;

/* Wrong answers of any kind. */
uint64_t d1_bench_tally_bad(const struct d1_bench_tally *tally);

#endif /* D1_BENCH_LOAD_H */
