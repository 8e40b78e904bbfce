/*
 * Closed loop over UDP: on each of several connected sockets a fixed number of queries is under
 * way; an answer, right or wrong, makes room for the next query.
 *
 * Threads: runs on the calling thread until the measurement ends.
 */
#ifndef D1_BENCH_UDP_H
#define D1_BENCH_UDP_H

#include "tests/bench/load.h"

/*
 * Wait for the server's first right answer, warm up, measure. Returns 0 and *ret_tally;
 * -ETIMEDOUT when no right answer came in time; -errno of a socket; or an error of cpu.h.
 */
int d1_bench_udp_run(const struct d1_bench_settings *settings, struct d1_bench_cpu *cpu,
                     struct d1_bench_tally *ret_tally, struct d1_error *ret_error) D1_MUST_CHECK;

#endif /* D1_BENCH_UDP_H */
