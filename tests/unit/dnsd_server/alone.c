#include "tests/unit/dnsd_server/alone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/mem.h"
#include "tests/lib/fake_answer.h"

void alone_init(struct alone *alone) {
    memset(alone, 0, sizeof(*alone));
    struct d1_serving *serving = &alone->serving;
    alone->live = d1_mem_live();
    assert_int_equal(uv_loop_init(&alone->loop), 0);
    assert_int_equal(d1_epoch_create(1, &serving->epoch), 0);
    assert_int_equal(d1_metrics_create(&alone->metrics), 0);
    assert_int_equal(d1_serving_families(alone->metrics, &serving->cells), 0);
    assert_int_equal(d1_metrics_block(alone->metrics, &serving->block), 0);
    d1_fake_clock_init(&alone->clock, INT64_C(1700000000000));
    atomic_init(&alone->current.served, d1_fake_served());
    atomic_init(&alone->answering.options, &alone->options);
    serving->current = &alone->current;
    serving->options = &alone->answering;
    serving->clock = &alone->clock.clock;
    serving->updates = &alone->updates;
}

void alone_close(struct alone *alone) {
    assert_int_equal(uv_run(&alone->loop, UV_RUN_NOWAIT), 0);
    assert_int_equal(uv_loop_close(&alone->loop), 0);
    assert_int_equal(alone->updates.submitted_count, 0);
    assert_int_equal(alone->updates.made, alone->updates.freed);
    d1_epoch_destroy(alone->serving.epoch);
    d1_metrics_destroy(alone->metrics);
    assert_int_equal(d1_mem_live(), alone->live);
}

void alone_expect_proxies(struct alone *alone) {
    assert_int_equal(d1_cidr_parse("127.0.0.0/8", 11, &alone->proxy), 0);
    alone->options.proxies = &alone->proxy;
    alone->options.proxies_count = 1;
}

uint64_t alone_dropped(const struct alone *alone, enum d1_transport transport, enum d1_drop why) {
    uint32_t first = alone->serving.cells.dropped + (uint32_t)transport * D1_DROPS;
    return d1_metrics_sum(alone->metrics, first + (uint32_t)why);
}

uint64_t alone_answered(const struct alone *alone, enum d1_transport transport) {
    uint32_t first = alone->serving.cells.responses + (uint32_t)transport * D1_SERVING_RCODES;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < D1_SERVING_RCODES; i++) {
        sum += d1_metrics_sum(alone->metrics, first + i);
    }
    return sum;
}
