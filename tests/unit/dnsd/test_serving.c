/* What a worker does with a batch: rates, keepalive and counters. Time is a clock that is moved. */
#include "dnsd/serving.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "dnsd/options.h"
#include "tests/unit/dnsd/fixture.h"

#define BATCH 10
#define RATE  4

struct trial {
    struct d1_fixture fixture;
    struct d1_fake_clock clock;
    struct d1_metrics *metrics;
    struct d1_options options;
    struct d1_options_current current;
    struct d1_serving serving;
    struct d1_answer_slot slots[BATCH];
    uint8_t query[D1_ASK_BYTES_MAX];
    uint8_t replies[BATCH][D1_DNS_UDP_MAX];
};

static int set_up(void **state) {
    struct trial *trial = d1_calloc(1, sizeof(*trial));
    assert_non_null(trial);
    struct d1_serving *serving = &trial->serving;
    d1_fixture_init(&trial->fixture);
    d1_fake_clock_init(&trial->clock, INT64_C(1700000000000));
    assert_int_equal(d1_metrics_create(&trial->metrics), 0);
    assert_int_equal(d1_serving_families(trial->metrics, &serving->cells), 0);
    assert_int_equal(d1_metrics_block(trial->metrics, &serving->block), 0);
    assert_int_equal(d1_rate_create(&serving->rate), 0);
    trial->options.rate = d1_rate_limit_of(RATE);
    atomic_init(&trial->current.options, &trial->options);
    serving->epoch = trial->fixture.epoch;
    serving->current = &trial->fixture.current;
    serving->options = &trial->current;
    serving->clock = &trial->clock.clock;
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_rate_destroy(trial->serving.rate);
    d1_metrics_destroy(trial->metrics);
    d1_fixture_close(&trial->fixture);
    d1_free(trial);
    return 0;
}

/* A batch of that query from one client. Returns how many were answered whole. */
static size_t serve(struct trial *trial, const struct d1_ask *ask, uint64_t idle_ms) {
    size_t length = d1_ask_build(ask, trial->query);
    size_t whole = 0;
    for (size_t i = 0; i < BATCH; i++) {
        trial->slots[i] = (struct d1_answer_slot){
            .message = trial->query,
            .length = length,
            .reply = trial->replies[i],
            .reply_max = D1_DNS_UDP_MAX,
            .client = &trial->fixture.client,
            .tcp = ask->tcp,
        };
    }
    assert_int_equal(d1_serving_answer(&trial->serving, trial->slots, BATCH, idle_ms),
                     D1_DROP_UNANSWERABLE);
    for (size_t i = 0; i < BATCH; i++) {
        whole +=
            trial->slots[i].reply_length > 0 && (trial->slots[i].notes & D1_NOTE_TRUNCATED) == 0;
    }
    return whole;
}

static uint64_t limited(const struct trial *trial, uint32_t action) {
    return d1_metrics_sum(trial->metrics, trial->serving.cells.rate_limited + action);
}

static const struct d1_ask address = {.name = "mixed.auth.example.test", .type = D1_TYPE_A};

static void answers_over_the_rate_are_counted(void **state) {
    struct trial *trial = *state;
    assert_int_equal(serve(trial, &address, 0), RATE);
    assert_int_equal(limited(trial, 0), 3);
    assert_int_equal(limited(trial, 1), 3);
    assert_int_equal(trial->serving.limited, 3);
    size_t silent = 0;
    for (size_t i = 0; i < BATCH; i++) {
        silent += trial->slots[i].reply_length == 0;
    }
    assert_int_equal(silent, 3);
    assert_int_equal(trial->serving.rate->truncated, 0);
    assert_int_equal(trial->serving.rate->dropped, 0);
}

static void a_batch_below_the_rate_counts_nothing(void **state) {
    struct trial *trial = *state;
    trial->options.rate = d1_rate_limit_of(BATCH);
    assert_int_equal(serve(trial, &address, 0), BATCH);
    assert_int_equal(limited(trial, 0) + limited(trial, 1), 0);
    assert_int_equal(serve(trial, &address, 0), 0);
    assert_int_equal(trial->serving.limited, BATCH / 2);
    d1_fake_clock_advance_ms(&trial->clock, 1000);
    assert_int_equal(serve(trial, &address, 0), BATCH);
    assert_int_equal(trial->serving.limited, 0); /* Of this batch. */
    assert_int_equal(limited(trial, 0) + limited(trial, 1), BATCH);
}

static void only_udp_with_a_rate_is_limited(void **state) {
    struct trial *trial = *state;
    struct d1_ask ask = address;
    ask.tcp = true;
    assert_int_equal(serve(trial, &ask, 5000), BATCH);
    struct d1_rate *rate = trial->serving.rate;
    trial->serving.rate = NULL;
    assert_int_equal(serve(trial, &address, 0), BATCH);
    trial->serving.rate = rate;
    trial->options.rate = d1_rate_limit_of(0);
    assert_int_equal(serve(trial, &address, 0), BATCH);
    atomic_store(&trial->current.options, NULL);
    assert_int_equal(serve(trial, &address, 0), BATCH);
    assert_int_equal(limited(trial, 0) + limited(trial, 1), 0);
}

/* The option has sixteen bits for tenths of a second (RFC 7828, 3.1). */
static void keepalive_has_a_greatest_value(void **state) {
    struct trial *trial = *state;
    static const struct {
        uint64_t idle_ms;
        const char *octets;
    } rows[] = {
        {5000, "\0\13\0\2\0\62"},
        {6553499, "\0\13\0\2\377\376"},
        {6553500, "\0\13\0\2\377\377"},
        {UINT64_C(1000000000), "\0\13\0\2\377\377"},
    };
    struct d1_ask ask = address;
    ask.tcp = true;
    ask.edns = true;
    ask.options = "\0\13\0\0";
    ask.options_length = 4;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(serve(trial, &ask, rows[i].idle_ms), BATCH);
        const struct d1_answer_slot *slot = &trial->slots[0];
        assert_true(slot->reply_length > 6);
        assert_memory_equal(slot->reply + slot->reply_length - 6, rows[i].octets, 6);
    }
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_over_the_rate_are_counted),
        TEST(a_batch_below_the_rate_counts_nothing),
        TEST(only_udp_with_a_rate_is_limited),
        TEST(keepalive_has_a_greatest_value),
    };
    return cmocka_run_group_tests_name("serving", tests, NULL, NULL);
}
