#include "core/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"

static const char *const rcodes[] = {"rcode=\"NOERROR\"", "rcode=\"NXDOMAIN\""};
static const struct d1_metric_family answers = {.name = "d_answers_total",
                                                .help = "Answers.",
                                                .type = D1_METRIC_COUNTER,
                                                .series = 2,
                                                .labels = rcodes};
static const uint64_t bounds[] = {1000, 10000, 0};
static const struct d1_metric_family times = {.name = "d_seconds",
                                              .help = "Times.",
                                              .type = D1_METRIC_HISTOGRAM,
                                              .series = 1,
                                              .buckets_us = bounds};

static int64_t read_gauge(void *arg, size_t series) {
    (void)series;
    return *(int64_t *)arg;
}

static void counters_sum_over_blocks(void **state) {
    (void)state;
    struct d1_metrics *metrics = NULL;
    struct d1_metrics_block *a = NULL;
    struct d1_metrics_block *b = NULL;
    uint32_t first = 99;
    assert_int_equal(d1_metrics_create(&metrics), D1_OK);
    assert_int_equal(d1_metrics_family(metrics, &answers, &first), D1_OK);
    assert_int_equal(d1_metrics_block(metrics, &a), D1_OK);
    assert_int_equal(d1_metrics_block(metrics, &b), D1_OK);
    d1_count(a, first, 3);
    d1_count(b, first, 4);
    d1_count(b, first + 1, 1);
    assert_int_equal(d1_metrics_sum(metrics, first), 7);
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    assert_int_equal(d1_metrics_write(metrics, &out), D1_OK);
    assert_string_equal(d1_bytes_text(&out), "# HELP d_answers_total Answers.\n"
                                             "# TYPE d_answers_total counter\n"
                                             "d_answers_total{rcode=\"NOERROR\"} 7\n"
                                             "d_answers_total{rcode=\"NXDOMAIN\"} 1\n");
    d1_bytes_close(&out);
    d1_metrics_destroy(metrics);
}

static void histograms_are_cumulative(void **state) {
    (void)state;
    struct d1_metrics *metrics = NULL;
    struct d1_metrics_block *block = NULL;
    uint32_t first;
    assert_int_equal(d1_metrics_create(&metrics), D1_OK);
    assert_int_equal(d1_metrics_family(metrics, &times, &first), D1_OK);
    assert_int_equal(d1_metrics_block(metrics, &block), D1_OK);
    d1_observe_us(block, &times, first, 0, 1000);
    d1_observe_us(block, &times, first, 0, 1001);
    d1_observe_us(block, &times, first, 0, 5000000);
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    assert_int_equal(d1_metrics_write(metrics, &out), D1_OK);
    assert_string_equal(d1_bytes_text(&out), "# HELP d_seconds Times.\n"
                                             "# TYPE d_seconds histogram\n"
                                             "d_seconds_bucket{le=\"0.001\"} 1\n"
                                             "d_seconds_bucket{le=\"0.01\"} 2\n"
                                             "d_seconds_bucket{le=\"+Inf\"} 3\n"
                                             "d_seconds_sum 5.002001\n"
                                             "d_seconds_count 3\n");
    d1_bytes_close(&out);
    d1_metrics_destroy(metrics);
}

static void gauges_are_read_when_asked(void **state) {
    (void)state;
    struct d1_metrics *metrics = NULL;
    int64_t value = 5;
    uint32_t unused;
    struct d1_metric_family gauge = {.name = "d_now",
                                     .help = "Now.",
                                     .type = D1_METRIC_GAUGE,
                                     .series = 1,
                                     .read = read_gauge,
                                     .arg = &value};
    assert_int_equal(d1_metrics_create(&metrics), D1_OK);
    assert_int_equal(d1_metrics_family(metrics, &gauge, &unused), D1_OK);
    value = -6;
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    assert_int_equal(d1_metrics_write(metrics, &out), D1_OK);
    assert_non_null(strstr(d1_bytes_text(&out), "\nd_now -6\n"));
    d1_bytes_close(&out);
    d1_metrics_destroy(metrics);
}

static void cells_are_limited(void **state) {
    (void)state;
    struct d1_metrics *metrics = NULL;
    uint32_t first;
    assert_int_equal(d1_metrics_create(&metrics), D1_OK);
    struct d1_metric_family wide = answers;
    wide.series = D1_METRICS_CELLS_MAX - 1;
    assert_int_equal(d1_metrics_family(metrics, &wide, &first), D1_OK);
    assert_int_equal(d1_metrics_family(metrics, &answers, &first), D1_ELIMIT);
    d1_metrics_destroy(metrics);
}

static void blocks_stand_in_lines_of_their_own(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct d1_metrics_block) % D1_CACHE_LINE, 0);
    assert_int_equal(_Alignof(struct d1_metrics_block), D1_CACHE_LINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_sum_over_blocks),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(gauges_are_read_when_asked),
        cmocka_unit_test(cells_are_limited),
        cmocka_unit_test(blocks_stand_in_lines_of_their_own),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
