/*
 * Any octets -> answers from a populated data set: over UDP, over TCP, and in a batch between other
 * messages. Each reply must decode strictly, echo the question and keep to its limits, and it must
 * not depend on its neighbours.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
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

/* One message in buffers of exactly its size and limit. */
static void slot_init(struct d1_answer_slot *slot, const uint8_t *data, size_t size, bool tcp) {
    uint8_t *message = d1_malloc(size > 0 ? size : 1);
    size_t reply_max = tcp ? D1_DNS_MESSAGE_MAX : D1_DNS_UDP_MAX;
    uint8_t *reply = d1_malloc(reply_max);
    require(message != NULL && reply != NULL, "memory");
    if (size > 0) {
        memcpy(message, data, size);
    }
    *slot = (struct d1_answer_slot){
        .message = message, .length = size, .reply = reply, .reply_max = reply_max, .tcp = tcp};
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct d1_fixture fixture; /* Made once: a target has no end at which to free it. */
    if (fixture.served == NULL) {
        d1_fixture_init(&fixture);
    }
    if (size > D1_DNS_MESSAGE_MAX) {
        return 0;
    }
    const struct d1_answer_context context = {.served = fixture.served};
    run(&context, data, size, false);
    run(&context, data, size, true);
    return 0;
}
