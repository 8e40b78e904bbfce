#include "dnsd/serving.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "dnsd/asked.h"
#include "dnsd/options.h"
#include "dnsd/server.h"
#include "dnsd/update.h"

/* Series of enum d1_rcode values; what is not named is "other". */
#define SERIES_BADVERS 6
#define SERIES_OTHER   7

/* By RCODE: 0 to 5 as in the header, 16 is BADVERS. */
static const uint8_t rcode_series[32] = {
    0,
    1,
    2,
    3,
    4,
    5,
    SERIES_OTHER,
    SERIES_OTHER, /* 0 */
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 8 */
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 12 */
    SERIES_BADVERS,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 16 */
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 20 */
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 24 */
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER,
    SERIES_OTHER, /* 28 */
};

#define RCODE_LABELS(transport)                           \
    "transport=\"" transport "\",rcode=\"NOERROR\"",      \
        "transport=\"" transport "\",rcode=\"FORMERR\"",  \
        "transport=\"" transport "\",rcode=\"SERVFAIL\"", \
        "transport=\"" transport "\",rcode=\"NXDOMAIN\"", \
        "transport=\"" transport "\",rcode=\"NOTIMP\"",   \
        "transport=\"" transport "\",rcode=\"REFUSED\"",  \
        "transport=\"" transport "\",rcode=\"BADVERS\"",  \
        "transport=\"" transport "\",rcode=\"other\""

#define DROP_LABELS(transport)                                \
    "transport=\"" transport "\",reason=\"unanswerable\"",    \
        "transport=\"" transport "\",reason=\"oversize\"",    \
        "transport=\"" transport "\",reason=\"source-port\"", \
        "transport=\"" transport "\",reason=\"no-data\"",     \
        "transport=\"" transport "\",reason=\"send\"",        \
        "transport=\"" transport "\",reason=\"frame\"",       \
        "transport=\"" transport "\",reason=\"idle\"",        \
        "transport=\"" transport "\",reason=\"limit\"",       \
        "transport=\"" transport "\",reason=\"self\"",        \
        "transport=\"" transport "\",reason=\"proxy\"",       \
        "transport=\"" transport "\",reason=\"overload\""

static const char *const response_labels[] = {RCODE_LABELS("udp"), RCODE_LABELS("tcp")};
static const char *const drop_labels[] = {DROP_LABELS("udp"), DROP_LABELS("tcp")};

static_assert(D1_ARRAY_LENGTH(response_labels) == D1_TRANSPORTS * D1_SERVING_RCODES,
              "a label for each series");
static_assert(D1_ARRAY_LENGTH(drop_labels) == D1_TRANSPORTS * D1_DROPS, "a label for each reason");

static const char *const limited_labels[] = {"action=\"truncated\"", "action=\"dropped\""};

int d1_serving_families(struct d1_metrics *metrics, struct d1_serving_cells *ret_cells) {
    struct d1_serving_cells cells;
    const struct {
        struct d1_metric_family family;
        uint32_t *first;
    } all[] = {
        {{.name = "dns01d_dns_responses_total",
          .help = "DNS answers sent.",
          .type = D1_METRIC_COUNTER,
          .series = D1_ARRAY_LENGTH(response_labels),
          .labels = response_labels},
         &cells.responses},
        {{.name = "dns01d_dns_dropped_total",
          .help = "DNS messages not answered and connections ended early.",
          .type = D1_METRIC_COUNTER,
          .series = D1_ARRAY_LENGTH(drop_labels),
          .labels = drop_labels},
         &cells.dropped},
        {{.name = "dns01d_unexpected_queries_total",
          .help = "TXT queries for a known name that has no live lease.",
          .type = D1_METRIC_COUNTER,
          .series = 1},
         &cells.unexpected},
        {{.name = "dns01d_tcp_connections",
          .help = "DNS connections open now.",
          .type = D1_METRIC_GAUGE,
          .series = 1},
         &cells.connections},
        {{.name = "dns01d_dns_rate_limited_total",
          .help = "DNS answers over the rate of their client's prefix.",
          .type = D1_METRIC_COUNTER,
          .series = D1_ARRAY_LENGTH(limited_labels),
          .labels = limited_labels},
         &cells.rate_limited},
        {{.name = "dns01d_timeline_dropped_total",
          .help = "Queries for challenges that the timeline had no room for.",
          .type = D1_METRIC_COUNTER,
          .series = 1},
         &cells.timeline_dropped},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(all); i++) {
        int err = d1_metrics_family(metrics, &all[i].family, all[i].first);
        if (err != D1_OK) {
            return err;
        }
    }
    *ret_cells = cells;
    return D1_OK;
}

static uint16_t keepalive_of(uint64_t idle_ms) {
    return (uint16_t)(idle_ms / 100 < UINT16_MAX ? idle_ms / 100 : UINT16_MAX);
}

static void count_limited(struct d1_serving *serving) {
    struct d1_rate *rate = serving->rate;
    if (D1_LIKELY((rate->truncated | rate->dropped) == 0)) {
        return;
    }
    d1_count(serving->block, serving->cells.rate_limited, rate->truncated);
    d1_count(serving->block, serving->cells.rate_limited + 1, rate->dropped);
    serving->limited = (size_t)rate->dropped;
    rate->truncated = 0;
    rate->dropped = 0;
}

/* Signed queries and UPDATE. */
static void D1_COLD answer_aside(struct d1_serving *serving,
                                 const struct d1_answer_context *context,
                                 struct d1_answer_slot *slots, size_t count) {
    int64_t now_s = d1_clock_wall_ms(serving->clock) / 1000;
    for (size_t i = 0; i < count; i++) {
        struct d1_answer_slot *slot = &slots[i];
        if (slot->verdict == D1_QUERY_UPDATE) {
            d1_update_answer(serving->updates, context, slot);
            serving->jobs += slot->job != NULL;
        } else if (slot->verdict == D1_QUERY_SIGNED) {
            d1_signed_answer(context, d1_updates_keys(serving->updates), now_s, slot);
        } else {
            continue;
        }
        d1_answer_limit_aside(context, slot);
    }
}

enum d1_drop d1_serving_answer(struct d1_serving *serving, struct d1_answer_slot *slots,
                               size_t count, uint64_t idle_ms) {
    assert(count <= D1_UDP_BATCH);
    /* Whatever the last batch referred to is let go before this one looks anew. */
    d1_epoch_quiesce(serving->epoch, serving->reader);
    const struct d1_served *served =
        atomic_load_explicit(&serving->current->served, memory_order_acquire);
    serving->limited = 0;
    if (D1_LIKELY(served != NULL)) {
        struct d1_answer_context context = {
            .served = served,
            .options = d1_serving_options(serving),
            .now_s = (uint32_t)(d1_clock_wall_ms(serving->clock) / 1000),
            .keepalive = keepalive_of(idle_ms),
        };
        bool limits = context.options != NULL && context.options->rate.interval_ns > 0;
        if (limits && idle_ms == 0 && serving->rate != NULL) {
            context.rate = serving->rate;
            context.now_us = d1_clock_mono_us(serving->clock);
        }
        if (D1_UNLIKELY(d1_answer_batch(&context, slots, count) > 0)) {
            answer_aside(serving, &context, slots, count);
        }
        if (context.rate != NULL) {
            count_limited(serving);
        }
        return D1_DROP_UNANSWERABLE;
    }
    for (size_t i = 0; i < count; i++) {
        slots[i].reply_length = 0;
        slots[i].notes = 0;
    }
    return D1_DROP_NO_DATA;
}

static void add_event(struct d1_serving *serving, const struct d1_answer_slot *slot,
                      int64_t time_ms) {
    struct d1_asked *asked = d1_asked_room(serving->asked);
    if (asked == NULL) {
        d1_count(serving->block, serving->cells.timeline_dropped, 1);
        return;
    }
    d1_name_copy(&asked->name, &slot->query.name);
    memcpy(&asked->from, slot->client, sizeof(*slot->client));
    asked->time_ms = time_ms;
    asked->type = slot->query.type;
    asked->rcode = slot->rcode;
    asked->answers = slot->answers;
    asked->tcp = slot->tcp;
    asked->truncated = (slot->notes & D1_NOTE_TRUNCATED) != 0;
    d1_asked_push(serving->asked);
}

/* Rare: some slots of the batch asked for a name that should hold a challenge. */
static void D1_COLD count_unexpected(struct d1_serving *serving, const struct d1_answer_slot *slots,
                                     size_t count) {
    uint64_t unexpected = 0;
    for (size_t i = 0; i < count; i++) {
        unexpected += slots[i].reply_length > 0 && (slots[i].notes & D1_NOTE_UNEXPECTED) != 0;
    }
    d1_count(serving->block, serving->cells.unexpected, unexpected);
}

/* Some slots of the batch asked for a challenge: one look at the clock for all of them. */
static void tell_timeline(struct d1_serving *serving, const struct d1_answer_slot *slots,
                          size_t count) {
    int64_t time_ms = d1_clock_wall_ms(serving->clock);
    for (size_t i = 0; i < count; i++) {
        if (slots[i].reply_length > 0 && (slots[i].notes & D1_NOTE_CHALLENGE) != 0) {
            add_event(serving, &slots[i], time_ms);
        }
    }
    if (d1_asked_signal(serving->asked)) {
        d1_loop_post(serving->control, serving->asked_wake);
    }
}

void d1_serving_count(struct d1_serving *serving, enum d1_transport transport, uint8_t rcode) {
    uint32_t first = serving->cells.responses + (uint32_t)transport * D1_SERVING_RCODES;
    d1_count(serving->block, first + rcode_series[rcode % D1_ARRAY_LENGTH(rcode_series)], 1);
}

void d1_serving_tally(struct d1_serving *serving, enum d1_transport transport,
                      const struct d1_answer_slot *slots, size_t count) {
    uint32_t sums[D1_SERVING_RCODES] = {0};
    unsigned notes = 0;
    for (size_t i = 0; i < count; i++) {
        if (D1_LIKELY(slots[i].reply_length > 0)) {
            sums[rcode_series[slots[i].rcode % D1_ARRAY_LENGTH(rcode_series)]]++;
            notes |= slots[i].notes;
        }
    }
    uint32_t first = serving->cells.responses + (uint32_t)transport * D1_SERVING_RCODES;
    for (uint32_t i = 0; i < D1_SERVING_RCODES; i++) {
        if (sums[i] > 0) {
            d1_count(serving->block, first + i, sums[i]);
        }
    }
    if (D1_UNLIKELY((notes & D1_NOTE_UNEXPECTED) != 0)) {
        count_unexpected(serving, slots, count);
    }
    if (D1_UNLIKELY((notes & D1_NOTE_CHALLENGE) != 0 && serving->asked != NULL)) {
        tell_timeline(serving, slots, count);
    }
}
