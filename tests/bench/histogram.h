/*
 * A histogram of latencies with a relative error of at most 1/32: values below 32 are exact, above
 * that each power of two has 32 equal parts.
 *
 * Threads: an object belongs to one thread.
 * Memory: flat, no allocation; zeroed memory is an empty histogram.
 */
#ifndef D1_BENCH_HISTOGRAM_H
#define D1_BENCH_HISTOGRAM_H

#include <stdint.h>

#define D1_BENCH_PARTS   32                              /* Of each power of two. */
#define D1_BENCH_BUCKETS (D1_BENCH_PARTS * (64 - 5 + 1)) /* 0..31, then 2^5 .. 2^63. */

struct d1_bench_histogram {
    uint64_t total;
    uint64_t counts[D1_BENCH_BUCKETS];
};

/* Count one value. */
void d1_bench_histogram_add(struct d1_bench_histogram *histogram, uint64_t value);

/*
 * The value that `per_mille` thousandths of what was counted do not exceed (the highest value of
 * its bucket, so that a latency is never understated). 0 for an empty histogram.
 */
uint64_t d1_bench_histogram_value(const struct d1_bench_histogram *histogram, unsigned per_mille);

#endif /* D1_BENCH_HISTOGRAM_H */
