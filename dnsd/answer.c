/*
 * An answer is the message's own header and question with the header patched, the sections that
 * d1_lookup writes behind it, and an OPT record if the query had one.
 *
 * Three passes over the batch let cache misses overlap: while one bucket or record is on its way,
 * the next query is parsed or hashed.
 */
#include "dnsd/answer.h"

#include <assert.h>

#include "core/buf.h"
#include "core/limits.h"

static inline size_t reply_limit(const struct d1_answer_slot *slot) {
    size_t limit = slot->tcp ? D1_DNS_MESSAGE_MAX : slot->query.udp_size;
    return limit < slot->reply_max ? limit : slot->reply_max;
}

/* Begin the reply: header and question, and room for the sections that leaves room for OPT. */
static inline struct d1_writer begin(const struct d1_answer_slot *slot) {
    size_t question_end = (size_t)D1_DNS_HEADER_BYTES + slot->query.question_length;
    size_t edns = slot->query.edns ? D1_EDNS_BYTES : 0;
    struct d1_writer writer = d1_writer_over(slot->reply, reply_limit(slot) - edns);
    assert(slot->reply_max >= D1_DNS_UDP_PLAIN_MAX);
    memcpy(slot->reply, slot->message, question_end);
    writer.at += question_end;
    return writer;
}

/* Finish it behind its sections: OPT and the header's fields. */
static inline void finish(struct d1_answer_slot *slot, const struct d1_writer *writer,
                          const struct d1_found *found) {
    const struct d1_query *query = &slot->query;
    uint8_t *reply = slot->reply;
    size_t at = d1_writer_length(writer);
    if (query->edns) {
        at += d1_edns_write(reply + at, query->dnssec_ok, found->rcode);
    }
    unsigned copied = query->flags & (0xfU << D1_OPCODE_SHIFT | D1_FLAG_RD | D1_FLAG_CD);
    d1_store_u16(reply + 2, (uint16_t)(D1_FLAG_QR | copied | found->flags | (found->rcode & 0xfU)));
    d1_store_u16(reply + 4, query->question_length > 0);
    d1_store_u16(reply + 6, found->answers);
    d1_store_u16(reply + 8, found->authority);
    d1_store_u16(reply + 10, (uint16_t)(found->additional + query->edns));
    slot->reply_length = at;
    slot->rcode = found->rcode;
    slot->notes = found->notes;
    slot->answers = (uint8_t)(found->answers < UINT8_MAX ? found->answers : UINT8_MAX);
}

static void answer_error(struct d1_answer_slot *slot, enum d1_rcode rcode) {
    const struct d1_found found = {.rcode = (uint8_t)rcode};
    struct d1_writer writer = begin(slot);
    finish(slot, &writer, &found);
}

static inline void answer_query(const struct d1_served *served, struct d1_answer_slot *slot) {
    struct d1_found found;
    struct d1_writer writer = begin(slot);
    d1_lookup(served, &slot->query, slot->hash, &writer, &found);
    finish(slot, &writer, &found);
}

static void answer_slot(const struct d1_served *served, struct d1_answer_slot *slot) {
    slot->reply_length = 0;
    slot->rcode = 0;
    slot->notes = 0;
    slot->answers = 0;
    switch (slot->verdict) {
    case D1_QUERY_OK:
        if (D1_UNLIKELY(served == NULL)) {
            answer_error(slot, D1_RCODE_SERVFAIL);
        } else {
            answer_query(served, slot);
        }
        break;
    case D1_QUERY_DROP:
        break;
    case D1_QUERY_FORMERR:
        slot->query.edns = false; /* What was read of an OPT record is not to be relied on. */
        slot->query.udp_size = D1_DNS_UDP_PLAIN_MAX;
        answer_error(slot, D1_RCODE_FORMERR);
        break;
    case D1_QUERY_NOTIMP:
        answer_error(slot, D1_RCODE_NOTIMP);
        break;
    case D1_QUERY_BADVERS:
        answer_error(slot, D1_RCODE_BADVERS);
        break;
    }
}

void d1_answer_batch(const struct d1_answer_context *context, struct d1_answer_slot *slots,
                     size_t count) {
    const struct d1_served *served = context->served;
    assert(count <= D1_UDP_BATCH);
    for (size_t i = 0; i < count; i++) {
        struct d1_answer_slot *slot = &slots[i];
        slot->verdict = d1_query_parse(slot->message, slot->length, &slot->query);
        if (D1_LIKELY(slot->verdict == D1_QUERY_OK && served != NULL)) {
            const struct d1_name *name = &slot->query.name;
            slot->hash = d1_table_hash(served->table, name->octets, name->length);
            d1_table_prefetch_bucket(served->table, slot->hash);
        }
    }
    for (size_t i = 0; i < count && served != NULL; i++) {
        if (D1_LIKELY(slots[i].verdict == D1_QUERY_OK)) {
            d1_table_prefetch_record(served->table, slots[i].hash);
        }
    }
    for (size_t i = 0; i < count; i++) {
        answer_slot(served, &slots[i]);
    }
}
