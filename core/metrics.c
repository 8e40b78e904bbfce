/*
 * A histogram series takes one cell per bucket, one for +Inf and one for the sum (microseconds).
 */
#include "core/metrics.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"

struct family {
    struct family *next;
    struct d1_metric_family desc;
    uint32_t first;
};

struct block {
    struct d1_metrics_block cells; /* First, for its alignment. */
    struct block *next;
};

struct d1_metrics {
    struct family *families;
    struct family **last;
    struct block *blocks;
    uint32_t cells;
};

int d1_metrics_create(struct d1_metrics **ret_metrics) {
    struct d1_metrics *metrics = d1_calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return -ENOMEM;
    }
    metrics->last = &metrics->families;
    *ret_metrics = metrics;
    return D1_OK;
}

void d1_metrics_destroy(struct d1_metrics *metrics) {
    if (metrics == NULL) {
        return;
    }
    while (metrics->families != NULL) {
        struct family *family = metrics->families;
        metrics->families = family->next;
        d1_free(family);
    }
    while (metrics->blocks != NULL) {
        struct block *block = metrics->blocks;
        metrics->blocks = block->next;
        d1_free(block);
    }
    d1_free(metrics);
}

static size_t bucket_count(const struct d1_metric_family *family) {
    size_t count = 0;
    while (family->buckets_us[count] != 0) {
        count++;
    }
    return count;
}

static size_t cells_per_series(const struct d1_metric_family *family) {
    if (family->read != NULL) {
        return 0;
    }
    return family->type == D1_METRIC_HISTOGRAM ? bucket_count(family) + 2 : 1;
}

int d1_metrics_family(struct d1_metrics *metrics, const struct d1_metric_family *desc,
                      uint32_t *ret_first) {
    assert(desc->series >= 1);
    size_t cells = desc->series * cells_per_series(desc);
    if (cells > D1_METRICS_CELLS_MAX - metrics->cells) {
        return D1_ELIMIT;
    }
    struct family *family = d1_calloc(1, sizeof(*family));
    if (family == NULL) {
        return -ENOMEM;
    }
    family->desc = *desc;
    family->first = metrics->cells;
    metrics->cells += (uint32_t)cells;
    *metrics->last = family;
    metrics->last = &family->next;
    *ret_first = family->first;
    return D1_OK;
}

int d1_metrics_block(struct d1_metrics *metrics, struct d1_metrics_block **ret_block) {
    struct block *block = d1_aligned(D1_CACHE_LINE, sizeof(*block));
    if (block == NULL) {
        return -ENOMEM;
    }
    block->next = metrics->blocks;
    metrics->blocks = block;
    *ret_block = &block->cells;
    return D1_OK;
}

void d1_observe_us(struct d1_metrics_block *block, const struct d1_metric_family *family,
                   uint32_t first, size_t series, uint64_t value_us) {
    size_t buckets = bucket_count(family);
    uint32_t base = first + (uint32_t)(series * (buckets + 2));
    uint32_t bucket = 0;
    while (bucket < buckets && value_us > family->buckets_us[bucket]) {
        bucket++;
    }
    d1_count(block, base + bucket, 1);
    d1_count(block, base + (uint32_t)buckets + 1, value_us);
}

uint64_t d1_metrics_sum(const struct d1_metrics *metrics, uint32_t cell) {
    uint64_t sum = 0;
    for (const struct block *block = metrics->blocks; block != NULL; block = block->next) {
        sum += atomic_load_explicit(&block->cells.cell[cell], memory_order_relaxed);
    }
    return sum;
}

static void write_histogram(const struct d1_metrics *metrics, const struct family *family,
                            size_t series, const char *labels, struct d1_bytes *out) {
    const struct d1_metric_family *desc = &family->desc;
    size_t buckets = bucket_count(desc);
    uint32_t base = family->first + (uint32_t)(series * (buckets + 2));
    const char *comma = labels[0] != '\0' ? "," : "";
    const char *open = labels[0] != '\0' ? "{" : "";
    const char *close = labels[0] != '\0' ? "}" : "";
    uint64_t count = 0;
    for (size_t i = 0; i < buckets; i++) {
        count += d1_metrics_sum(metrics, base + (uint32_t)i);
        d1_bytes_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", desc->name, labels, comma,
                        (double)desc->buckets_us[i] / 1e6, count);
    }
    count += d1_metrics_sum(metrics, base + (uint32_t)buckets);
    d1_bytes_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", desc->name, labels, comma,
                    count);
    uint64_t sum_us = d1_metrics_sum(metrics, base + (uint32_t)buckets + 1);
    d1_bytes_printf(out, "%s_sum%s%s%s %.6f\n", desc->name, open, labels, close,
                    (double)sum_us / 1e6);
    d1_bytes_printf(out, "%s_count%s%s%s %" PRIu64 "\n", desc->name, open, labels, close, count);
}

static void write_family(const struct d1_metrics *metrics, const struct family *family,
                         struct d1_bytes *out) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct d1_metric_family *desc = &family->desc;
    d1_bytes_printf(out, "# HELP %s %s\n# TYPE %s %s\n", desc->name, desc->help, desc->name,
                    types[desc->type]);
    for (size_t i = 0; i < desc->series; i++) {
        const char *labels = desc->labels != NULL ? desc->labels[i] : "";
        if (desc->read == NULL && desc->type == D1_METRIC_HISTOGRAM) {
            write_histogram(metrics, family, i, labels, out);
            continue;
        }
        int64_t value = desc->read != NULL
                            ? desc->read(desc->arg, i)
                            : (int64_t)d1_metrics_sum(metrics, family->first + (uint32_t)i);
        if (desc->sparse && value == 0) {
            continue;
        }
        d1_bytes_printf(out, labels[0] != '\0' ? "%s{%s} %" PRId64 "\n" : "%s%s %" PRId64 "\n",
                        desc->name, labels, value);
    }
}

int d1_metrics_write(const struct d1_metrics *metrics, struct d1_bytes *out) {
    for (const struct family *family = metrics->families; family != NULL; family = family->next) {
        write_family(metrics, family, out);
    }
    return out->failed ? D1_ETOOLARGE : D1_OK;
}
