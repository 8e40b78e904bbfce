#include "tests/lib/fake_answer.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"

struct d1_served *d1_fake_served(void) {
    static struct d1_served served;
    return &served;
}

static void follow_orders(struct d1_answer_slot *slot) {
    const uint8_t *at = slot->message + D1_DNS_HEADER_BYTES;
    const uint8_t *end = slot->message + slot->length;
    for (; at < end; at++) {
        if (*at == 'c') {
            slot->notes |= D1_NOTE_CHALLENGE;
            slot->query.name = (struct d1_name){.length = 1};
            slot->query.type = D1_TYPE_TXT;
        } else if (*at == 'u') {
            slot->notes |= D1_NOTE_UNEXPECTED;
        } else if (*at == 'r' && end - at > 1) {
            slot->rcode = *++at;
        } else if (*at == 'l' && end - at > 2) {
            size_t length = d1_load_u16(at + 1);
            if (length > slot->reply_length) {
                memset(slot->reply + slot->reply_length, 'x', length - slot->reply_length);
            }
            slot->reply_length = length;
            at += 2;
        } else if (*at == 't') {
            pid_t thread = gettid();
            memcpy(slot->reply + slot->reply_length, &thread, sizeof(thread));
            slot->reply_length += sizeof(thread);
        } else {
            return;
        }
    }
}

/* Returns how many are left aside: 0 or 1. */
static size_t answer_one(struct d1_answer_slot *slot) {
    slot->reply_length = 0;
    slot->rcode = 0;
    slot->notes = 0;
    slot->answers = 1;
    slot->verdict = D1_QUERY_OK;
    if (slot->length < D1_DNS_HEADER_BYTES || (slot->message[2] & 0x80) != 0) {
        return 0;
    }
    if (slot->message[2] >> 3 == D1_OPCODE_UPDATE) {
        slot->verdict = D1_QUERY_UPDATE;
        slot->job = NULL;
        return 1;
    }
    size_t copied = slot->length < slot->reply_max ? slot->length : slot->reply_max;
    memcpy(slot->reply, slot->message, copied);
    slot->reply[2] |= 0x80;
    slot->reply_length = copied;
    follow_orders(slot);
    return 0;
}

size_t d1_answer_batch(const struct d1_answer_context *context, struct d1_answer_slot *slots,
                       size_t count) {
    (void)context;
    size_t aside = 0;
    for (size_t i = 0; i < count; i++) {
        aside += answer_one(&slots[i]);
    }
    return aside;
}

void d1_answer_limit_aside(const struct d1_answer_context *context, struct d1_answer_slot *slot) {
    (void)context;
    (void)slot;
}
