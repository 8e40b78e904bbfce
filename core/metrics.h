/*
 * Metrics in Prometheus' text format: counters and histograms counted per thread, gauges read when
 * they are asked for.
 *
 * Threads: families and blocks are made before the threads that use them start. A block is written
 *   by one thread; d1_metrics_write may run on any one thread at the same time.
 * Memory: a block stands in cache lines of its own, so that no counter is shared between writers.
 * Limits: D1_METRICS_CELLS_MAX cells in all families together.
 */
#ifndef D1_CORE_METRICS_H
#define D1_CORE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

struct d1_bytes;
struct d1_metrics;

#define D1_METRICS_CELLS_MAX 512

enum d1_metric_type { D1_METRIC_COUNTER, D1_METRIC_GAUGE, D1_METRIC_HISTOGRAM };

/* One name with all its label sets. Static; texts are borrowed for ever. */
struct d1_metric_family {
    const char *name; /* "dns01d_dns_responses_total" */
    const char *help;
    enum d1_metric_type type;
    size_t series; /* Number of label sets, at least 1. */
    const char *const
        *labels; /* "transport=\"udp\",rcode=\"NOERROR\"" each; NULL: one, no labels. */
    const uint64_t *buckets_us; /* Histogram: upper bounds in microseconds, growing, ends with 0. */
    int64_t (*read)(void *arg, size_t series); /* Gauge (or counter kept elsewhere); else NULL. */
    void *arg;
    bool sparse; /* Series that are 0 are left out. */
};

/* The counters of one thread. */
struct d1_metrics_block {
    _Alignas(D1_CACHE_LINE) _Atomic uint64_t cell[D1_METRICS_CELLS_MAX];
};

int d1_metrics_create(struct d1_metrics **ret_metrics) D1_MUST_CHECK;
void d1_metrics_destroy(struct d1_metrics *metrics);

/* Add a family; *ret_first is its first cell in every block. Returns 0, D1_ELIMIT or -ENOMEM. */
int d1_metrics_family(struct d1_metrics *metrics, const struct d1_metric_family *family,
                      uint32_t *ret_first) D1_MUST_CHECK;

/* A zeroed block for one more thread; owned by the metrics. Returns 0 or -ENOMEM. */
int d1_metrics_block(struct d1_metrics *metrics, struct d1_metrics_block **ret_block) D1_MUST_CHECK;

/* Add to a counter of one's own block: a load and a store, no locked instruction. */
static inline void d1_count(struct d1_metrics_block *block, uint32_t cell, uint64_t more) {
    _Atomic uint64_t *at = &block->cell[cell];
    uint64_t now = atomic_load_explicit(at, memory_order_relaxed);
    atomic_store_explicit(at, now + more, memory_order_relaxed);
}

/* Count one observation of a histogram family in one's own block. */
void d1_observe_us(struct d1_metrics_block *block, const struct d1_metric_family *family,
                   uint32_t first, size_t series, uint64_t value_us);

/* Sum of one cell over all blocks. */
uint64_t d1_metrics_sum(const struct d1_metrics *metrics, uint32_t cell);

/* Append everything in the text exposition format 0.0.4. Returns 0, D1_ETOOLARGE or -ENOMEM. */
int d1_metrics_write(const struct d1_metrics *metrics, struct d1_bytes *out);

#endif /* D1_CORE_METRICS_H */
