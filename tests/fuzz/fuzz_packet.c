/*
 * Any octets -> answers from a populated data set: over UDP, over TCP, and in a batch between other
 * messages. Each reply must decode strictly, echo the question and keep to its limits, and it must
 * not depend on its neighbours. Once more with a rate limit.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "dnsd/options.h"
#include "tests/lib/decode.h"
#include "tests/unit/dnsd/fixture.h"

#define BATCH 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_packet: %s\n", what);
        abort();
    }
}

/* Who asks: 198.51.100.100, whose cookie of RFC 9018, A.1, is in the corpus. */
static const union d1_peer client = {
    .in = {.sin_family = AF_INET, .sin_addr = {.s_addr = 0x646433c6}}};

/* One message in buffers of exactly its size and limit. */
static void slot_init(struct d1_answer_slot *slot, const uint8_t *data, size_t size, bool tcp) {
    uint8_t *message = d1_malloc(size > 0 ? size : 1);
    size_t reply_max = tcp ? D1_DNS_MESSAGE_MAX : D1_DNS_UDP_MAX;
    uint8_t *reply = d1_malloc(reply_max);
    require(message != NULL && reply != NULL, "memory");
    if (size > 0) {
        memcpy(message, data, size);
    }
    *slot = (struct d1_answer_slot){.message = message,
                                    .length = size,
                                    .reply = reply,
                                    .reply_max = reply_max,
                                    .client = &client,
                                    .tcp = tcp};
}

static void slot_close(struct d1_answer_slot *slot) {
    d1_free((void *)(uintptr_t)slot->message);
    d1_free(slot->reply);
}

static void check(const struct d1_answer_slot *slot) {
    require(slot->reply_length <= slot->reply_max, "a reply beyond its room");
    if (slot->reply_length > 0) {
        const char *fault =
            d1_reply_fault(slot->message, slot->length, slot->reply, slot->reply_length, slot->tcp);
        require(fault == NULL, fault);
    }
}

static void run(const struct d1_answer_context *context, const uint8_t *data, size_t size,
                bool tcp) {
    static const struct d1_ask ask = {.name = "one.auth.example.test"};
    uint8_t good[D1_ASK_BYTES_MAX];
    size_t good_size = d1_ask_build(&ask, good);
    struct d1_answer_slot alone;
    struct d1_answer_slot slots[BATCH];
    slot_init(&alone, data, size, tcp);
    d1_answer_batch(context, &alone, 1);
    check(&alone);
    slot_init(&slots[0], data, size / 2, tcp);
    slot_init(&slots[1], good, good_size, tcp);
    slot_init(&slots[2], data, size, tcp);
    slot_init(&slots[3], good, good_size, tcp);
    d1_answer_batch(context, slots, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        check(&slots[i]);
    }
    require(slots[1].answers == 1 && slots[3].answers == 1, "a neighbour's answer is lost");
    require(slots[2].reply_length == alone.reply_length &&
                memcmp(slots[2].reply, alone.reply, alone.reply_length) == 0,
            "another answer in a batch");
    for (size_t i = 0; i < BATCH; i++) {
        slot_close(&slots[i]);
    }
    slot_close(&alone);
}

/*
 * The same, between questions for a live challenge, by a client that is over its limit: whatever is
 * sent is in order and no longer than without a limit, and the challenge's are never dropped.
 */
static void run_limited(const struct d1_answer_context *context, const uint8_t *data, size_t size) {
    static const struct d1_ask ask = {.name = "one.auth.example.test"};
    uint8_t good[D1_ASK_BYTES_MAX];
    size_t good_size = d1_ask_build(&ask, good);
    struct d1_answer_context unlimited = *context;
    struct d1_answer_slot alone;
    struct d1_answer_slot slots[BATCH];
    unlimited.rate = NULL;
    slot_init(&alone, data, size, false);
    (void)d1_answer_batch(&unlimited, &alone, 1);
    for (size_t i = 0; i < BATCH; i++) {
        slot_init(&slots[i], i % 2 == 0 ? data : good, i % 2 == 0 ? size : good_size, false);
    }
    (void)d1_answer_batch(context, slots, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        check(&slots[i]);
        require(i % 2 == 1 || slots[i].reply_length <= alone.reply_length, "longer over the limit");
        require(i % 2 == 0 || slots[i].reply_length > 0, "a live challenge is dropped");
        slot_close(&slots[i]);
    }
    slot_close(&alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* Made once: a target has no end at which to free it. */
    static struct d1_fixture fixture;
    static struct d1_rate *rate;
    static struct d1_options options = {
        .cookies = {.count = 1,
                    .secret = {{0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc,
                                0x84, 0x9e, 0x37, 0xbf, 0xcf}}},
        .nsid_length = 4,
        .nsid = "ns-1",
    };
    if (fixture.served == NULL) {
        d1_fixture_init(&fixture);
        options.rate = d1_rate_limit_of(1);
        require(d1_rate_create(&rate) == D1_OK, "memory");
    }
    if (size > D1_DNS_MESSAGE_MAX) {
        return 0;
    }
    struct d1_answer_context context = {
        .served = fixture.served,
        .options = &options,
        .now_s = 1559731985, /* When the RFC's cookie was made. */
        .keepalive = 100,
    };
    run(&context, data, size, false);
    run(&context, data, size, true);
    context.rate = rate;
    run_limited(&context, data, size);
    return 0;
}
