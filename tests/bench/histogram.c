#include "tests/bench/histogram.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define PARTS_LOG2 5

static size_t bucket_of(uint64_t value) {
    if (value < D1_BENCH_PARTS) {
        return (size_t)value;
    }
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    size_t part = (size_t)(value >> (exponent - PARTS_LOG2)) & (D1_BENCH_PARTS - 1);
    return (size_t)(exponent - PARTS_LOG2 + 1) * D1_BENCH_PARTS + part;
}

static uint64_t highest_of(size_t bucket) {
    if (bucket < D1_BENCH_PARTS) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket / D1_BENCH_PARTS) - 1;
    uint64_t lowest = (uint64_t)(D1_BENCH_PARTS + bucket % D1_BENCH_PARTS) << shift;
    return lowest + ((uint64_t)1 << shift) - 1;
}

void d1_bench_histogram_add(struct d1_bench_histogram *histogram, uint64_t value) {
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
}

uint64_t d1_bench_histogram_value(const struct d1_bench_histogram *histogram, unsigned per_mille) {
    assert(per_mille <= 1000);
    if (histogram->total == 0) {
        return 0;
    }
    /* The rank of the value asked for, from 1; rounded up, in parts so that it cannot overflow. */
    uint64_t rank = histogram->total / 1000 * per_mille;
    rank += (histogram->total % 1000 * per_mille + 999) / 1000;
    if (rank == 0) {
        rank = 1;
    }
    uint64_t seen = 0;
    for (size_t i = 0; i < D1_BENCH_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank) {
            return highest_of(i);
        }
    }
    abort(); /* The counts add up to the total. */
}
