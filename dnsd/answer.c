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
#include "dns/edns.h"
#include "dnsd/options.h"
#include "dnsd/rate.h"

static inline size_t reply_limit(const struct d1_answer_slot *slot) {
    size_t limit = slot->tcp ? D1_DNS_MESSAGE_MAX : slot->query.udp_size;
    return limit < slot->reply_max ? limit : slot->reply_max;
}

static inline bool answers_keepalive(const struct d1_answer_slot *slot) {
    return slot->tcp && (slot->query.asks & D1_ASKS_KEEPALIVE) != 0;
}

/* Begin the reply: header and question, and room for the sections that leaves room for OPT. */
static inline struct d1_writer begin(const struct d1_answer_slot *slot) {
    size_t question_end = (size_t)D1_DNS_HEADER_BYTES + slot->query.question_length;
    struct d1_writer writer = d1_writer_over(slot->reply, reply_limit(slot) - slot->opt_bytes);
    assert(slot->reply_max >= D1_DNS_UDP_PLAIN_MAX);
    memcpy(slot->reply, slot->message, question_end);
    writer.at += question_end;
    return writer;
}

/* Why there is no answer, where a person would want to know (RFC 8914). */
static enum d1_ede explain(const struct d1_answer_context *context,
                           const struct d1_answer_slot *slot, unsigned rcode) {
    if (rcode == D1_RCODE_SERVFAIL && context->served == NULL) {
        return D1_EDE_NOT_READY;
    }
    if (rcode == D1_RCODE_REFUSED) {
        bool transfer = slot->query.type == D1_TYPE_AXFR || slot->query.type == D1_TYPE_IXFR;
        return transfer ? D1_EDE_PROHIBITED : D1_EDE_NOT_AUTHORITATIVE;
    }
    return D1_EDE_NONE;
}

/*
 * The options of the OPT record that ends the reply. Cookie and keepalive have their room kept; the
 * others only help people, and are left out where there is none: no answer is cut for them.
 */
static size_t D1_COLD add_options(const struct d1_answer_context *context,
                                  const struct d1_answer_slot *slot, uint8_t *opt, unsigned rcode) {
    const struct d1_options *options = context->options;
    size_t room = reply_limit(slot) - (size_t)(opt - slot->reply);
    size_t length = D1_EDNS_BYTES;
    uint8_t number[2];
    if (slot->cookie_present) {
        length =
            d1_edns_add(opt, length, room, D1_OPTION_COOKIE, slot->cookie, sizeof(slot->cookie));
    }
    if (answers_keepalive(slot)) {
        d1_store_u16(number, context->keepalive);
        length = d1_edns_add(opt, length, room, D1_OPTION_KEEPALIVE, number, sizeof(number));
    }
    enum d1_ede ede = explain(context, slot, rcode);
    if (ede != D1_EDE_NONE) {
        d1_store_u16(number, (uint16_t)ede);
        length = d1_edns_add(opt, length, room, D1_OPTION_EDE, number, sizeof(number));
    }
    if ((slot->query.asks & D1_ASKS_NSID) != 0 && options != NULL && options->nsid_length > 0) {
        length =
            d1_edns_add(opt, length, room, D1_OPTION_NSID, options->nsid, options->nsid_length);
    }
    return length;
}

/* Returns the octets of the OPT record. */
static inline size_t write_opt(const struct d1_answer_context *context,
                               const struct d1_answer_slot *slot, uint8_t *opt, unsigned rcode) {
    const struct d1_query *query = &slot->query;
    size_t length = d1_edns_write(opt, query->dnssec_ok, rcode);
    bool plain = (query->asks | query->cookie_length) == 0 &&
                 (rcode == D1_RCODE_NOERROR || rcode == D1_RCODE_NXDOMAIN);
    return D1_LIKELY(plain) ? length : add_options(context, slot, opt, rcode);
}

/* Finish it behind its sections: OPT and the header's fields. */
static inline void finish(const struct d1_answer_context *context, struct d1_answer_slot *slot,
                          const struct d1_writer *writer, const struct d1_found *found) {
    const struct d1_query *query = &slot->query;
    uint8_t *reply = slot->reply;
    size_t at = d1_writer_length(writer);
    if (query->edns) {
        at += write_opt(context, slot, reply + at, found->rcode);
    }
    unsigned copied = query->flags & (0xfU << D1_OPCODE_SHIFT | D1_FLAG_RD);
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

static void answer_plain(const struct d1_answer_context *context, struct d1_answer_slot *slot,
                         enum d1_rcode rcode) {
    const struct d1_found found = {.rcode = (uint8_t)rcode};
    struct d1_writer writer = begin(slot);
    finish(context, slot, &writer, &found);
}

static inline void answer_query(const struct d1_answer_context *context,
                                struct d1_answer_slot *slot) {
    struct d1_found found;
    struct d1_writer writer = begin(slot);
    d1_lookup(context->served, &slot->query, slot->hash, &writer, &found);
    finish(context, slot, &writer, &found);
}

/* Options that came with the query: what of them is answered, and how many octets that takes. */
static void D1_COLD weigh_options(const struct d1_answer_context *context,
                                  struct d1_answer_slot *slot) {
    const struct d1_query *query = &slot->query;
    if (query->cookie_length > 0 && context->options != NULL &&
        context->options->cookies.count > 0) {
        struct d1_cookie_client client;
        client.address_length = d1_peer_octets(slot->client, &client.address);
        slot->cookie_valid =
            d1_cookie_answer(&context->options->cookies, slot->message + query->cookie_at,
                             query->cookie_length, &client, context->now_s, slot->cookie);
        slot->cookie_present = true;
        slot->opt_bytes += D1_EDNS_OPTION_BYTES + D1_COOKIE_BYTES;
    }
    if (answers_keepalive(slot)) {
        slot->opt_bytes += D1_EDNS_OPTION_BYTES + 2;
    }
}

/* Returns how many are left to the caller: 0 or 1. */
static size_t answer_slot(const struct d1_answer_context *context, struct d1_answer_slot *slot) {
    slot->reply_length = 0;
    slot->rcode = 0;
    slot->notes = 0;
    slot->answers = 0;
    slot->cookie_present = false;
    slot->cookie_valid = false;
    if (D1_UNLIKELY(slot->verdict == D1_QUERY_DROP)) {
        return 0;
    }
    slot->opt_bytes = slot->query.edns ? D1_EDNS_BYTES : 0;
    if (D1_UNLIKELY((slot->query.asks | slot->query.cookie_length) != 0 && slot->query.edns)) {
        weigh_options(context, slot);
    }
    switch (slot->verdict) {
    case D1_QUERY_OK:
        if (D1_UNLIKELY(context->served == NULL)) {
            answer_plain(context, slot, D1_RCODE_SERVFAIL);
        } else {
            answer_query(context, slot);
        }
        break;
    case D1_QUERY_DROP:
        break;
    case D1_QUERY_FORMERR:
        answer_plain(context, slot, D1_RCODE_FORMERR);
        break;
    case D1_QUERY_NOTIMP:
        answer_plain(context, slot, D1_RCODE_NOTIMP);
        break;
    case D1_QUERY_BADVERS:
        answer_plain(context, slot, D1_RCODE_BADVERS);
        break;
    case D1_QUERY_COOKIE:
        answer_plain(context, slot, slot->cookie_present ? D1_RCODE_NOERROR : D1_RCODE_FORMERR);
        break;
    case D1_QUERY_SIGNED:
    case D1_QUERY_UPDATE:
        slot->job = NULL;
        return 1;
    }
    return 0;
}

/* An answer over the limit, made short: the client is to ask over TCP. */
static void truncate(const struct d1_answer_context *context, struct d1_answer_slot *slot) {
    const struct d1_found found = {
        .rcode = slot->rcode == D1_RCODE_NXDOMAIN ? D1_RCODE_NOERROR : slot->rcode,
        .notes = slot->notes | D1_NOTE_TRUNCATED,
        .flags = D1_FLAG_TC,
    };
    struct d1_writer writer = begin(slot);
    finish(context, slot, &writer, &found);
    context->rate->truncated++;
}

/*
 * Whoever has shown that its address is its own (by a cookie; TCP comes without a rate) is no victim
 * of a spoofer and is not limited.
 */
static enum d1_rate_verdict judge_rate(const struct d1_answer_context *context,
                                       const struct d1_answer_slot *slot) {
    const struct d1_options *options = context->options;
    if (slot->cookie_valid) {
        return D1_RATE_PASS;
    }
    enum d1_rate_verdict verdict =
        d1_rate_take(context->rate, &options->rate, slot->rate_hash, context->now_us);
    if (D1_UNLIKELY(verdict != D1_RATE_PASS) && options->exempt_count > 0) {
        struct d1_ip client = d1_peer_ip(slot->client);
        if (d1_cidr_any_contains(options->exempt, options->exempt_count, &client)) {
            return D1_RATE_PASS;
        }
    }
    return verdict;
}

static void drop(const struct d1_answer_context *context, struct d1_answer_slot *slot) {
    slot->reply_length = 0;
    context->rate->dropped++;
}

/*
 * A name that holds challenge values is never dropped: a flood with the address of a certificate
 * authority must not keep it from its answer.
 */
static inline void limit_rate(const struct d1_answer_context *context,
                              struct d1_answer_slot *slot) {
    if (slot->reply_length == 0) {
        return;
    }
    enum d1_rate_verdict verdict = judge_rate(context, slot);
    if (D1_LIKELY(verdict == D1_RATE_PASS)) {
        return;
    }
    if (verdict == D1_RATE_TRUNCATE || (slot->notes & D1_NOTE_CHALLENGE) != 0) {
        truncate(context, slot);
    } else {
        drop(context, slot);
    }
}

void d1_answer_limit_aside(const struct d1_answer_context *context, struct d1_answer_slot *slot) {
    bool counts = slot->reply_length > 0 && slot->rcode != D1_RCODE_NOERROR &&
                  slot->rcode != D1_RCODE_NXDOMAIN;
    if (context->rate != NULL && counts && judge_rate(context, slot) != D1_RATE_PASS) {
        drop(context, slot);
    }
}

size_t d1_answer_batch(const struct d1_answer_context *context, struct d1_answer_slot *slots,
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
    for (size_t i = 0; i < count && context->rate != NULL; i++) {
        slots[i].rate_hash = d1_rate_hash(context->rate, slots[i].client);
        d1_rate_prefetch(context->rate, slots[i].rate_hash);
    }
    size_t aside = 0;
    for (size_t i = 0; i < count; i++) {
        aside += answer_slot(context, &slots[i]);
        if (context->rate != NULL) {
            limit_rate(context, &slots[i]);
        }
    }
    return aside;
}
