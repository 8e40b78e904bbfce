/*
 * One worker's transports without the worker: on a loop that the test turns itself, so that it knows
 * what has been done and what not. Answers are those of tests/lib/fake_answer.c, UPDATEs those of
 * tests/lib/fake_update.c.
 */
#ifndef D1_TESTS_DNSD_ALONE_H
#define D1_TESTS_DNSD_ALONE_H

#include <uv.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "dnsd/serving.h"
#include "tests/lib/fake_update.h"

struct alone {
    uv_loop_t loop;
    struct d1_metrics *metrics;
    struct d1_fake_clock clock;
    struct d1_served_current current;
    struct d1_options options;
    struct d1_cidr proxy; /* For options.proxies: 127.0.0.0/8 and its like. */
    struct d1_options_current answering;
    struct d1_updates updates;
    struct d1_serving serving;
    int64_t live;
};

void alone_init(struct alone *alone);

/* Nothing is left: no handle, no allocation, no job. */
void alone_close(struct alone *alone);

/* Believe PROXY headers of everybody on 127.0.0.0/8. */
void alone_expect_proxies(struct alone *alone);

uint64_t alone_dropped(const struct alone *alone, enum d1_transport transport, enum d1_drop why);
uint64_t alone_answered(const struct alone *alone, enum d1_transport transport);

#endif /* D1_TESTS_DNSD_ALONE_H */
