/*
 * A signed query is answered as the same query without its TSIG record is, by the usual path; the
 * answer is then signed. What does not fit with the signature is cut as it would be without.
 */
#include "dnsd/signed.h"

#include <assert.h>

#include "core/buf.h"
#include "core/err.h"
#include "dns/edns.h"
#include "dns/rr.h"

enum d1_rcode d1_signed_check(const struct d1_keys *keys, const uint8_t *message, size_t length,
                              int64_t now_s, struct d1_signed *ret_signed) {
    struct d1_tsig *tsig = &ret_signed->tsig;
    ret_signed->key = NULL;
    ret_signed->error = D1_TSIG_BADKEY;
    ret_signed->now_s = now_s;
    if (d1_tsig_find(message, length, tsig) != D1_OK) {
        return D1_RCODE_FORMERR;
    }
    struct d1_tsig_key *key = keys != NULL ? d1_keys_find(keys, &tsig->key) : NULL;
    if (key == NULL || !d1_tsig_key_is_for(key, &tsig->algorithm)) {
        return D1_RCODE_NOTAUTH;
    }
    int err = d1_tsig_verify(key, message, tsig, NULL, now_s);
    if (err < 0) {
        return err == D1_EPARSE ? D1_RCODE_FORMERR : D1_RCODE_SERVFAIL;
    }
    ret_signed->key = key;
    ret_signed->error = (unsigned)err;
    return err == D1_OK ? D1_RCODE_NOERROR : D1_RCODE_NOTAUTH;
}

int d1_signed_finish(const struct d1_signed *sign, struct d1_writer *writer) {
    return d1_tsig_sign(sign->key, &sign->tsig, sign->error, sign->now_s, writer);
}

/* Leave of the reply only its question and its OPT record, and set TC. Returns the length. */
static size_t cut_sections(uint8_t *reply, size_t length, size_t question_end) {
    struct d1_reader reader = d1_reader_over(reply, length);
    unsigned records =
        (unsigned)d1_load_u16(reply + 6) + d1_load_u16(reply + 8) + d1_load_u16(reply + 10);
    size_t end = question_end;
    uint16_t kept = 0;
    struct d1_rr rr;
    (void)d1_read_bytes(&reader, question_end);
    for (unsigned i = 0; i < records; i++) {
        int err = d1_rr_read(&reader, &rr);
        assert(err == D1_OK); /* We wrote it. */
        (void)err;
        if (rr.type == D1_TYPE_OPT) {
            size_t size = d1_reader_offset(&reader) - rr.at;
            memmove(reply + end, reply + rr.at, size);
            end += size;
            kept = 1;
        }
    }
    d1_store_u16(reply + 2, (uint16_t)(d1_load_u16(reply + 2) | D1_FLAG_TC));
    d1_store_u16(reply + 6, 0);
    d1_store_u16(reply + 8, 0);
    d1_store_u16(reply + 10, kept);
    return end;
}

static void sign_reply(const struct d1_signed *sign, struct d1_answer_slot *slot) {
    size_t limit = slot->tcp ? D1_DNS_MESSAGE_MAX : slot->query.udp_size;
    limit = limit < slot->reply_max ? limit : slot->reply_max;
    size_t length = slot->reply_length;
    if (length + d1_tsig_bytes(sign->key, &sign->tsig) > limit) {
        length = cut_sections(slot->reply, length,
                              (size_t)D1_DNS_HEADER_BYTES + slot->query.question_length);
        slot->notes |= D1_NOTE_TRUNCATED;
        slot->answers = 0;
    }
    struct d1_writer writer = d1_writer_over(slot->reply, slot->reply_max);
    writer.at += length;
    slot->reply_length = 0;
    if (d1_signed_finish(sign, &writer) == D1_OK) {
        slot->reply_length = d1_writer_length(&writer);
    }
}

/* Header, question, and OPT where the query had one. */
static void write_error(struct d1_answer_slot *slot, enum d1_rcode rcode) {
    const struct d1_query *query = &slot->query;
    size_t length = (size_t)D1_DNS_HEADER_BYTES + query->question_length;
    memcpy(slot->reply, slot->message, length);
    d1_store_u16(slot->reply + 2,
                 (uint16_t)(D1_FLAG_QR | (query->flags & (D1_FLAG_RD | D1_FLAG_CD)) | rcode));
    memset(slot->reply + 6, 0, 6);
    if (query->edns) {
        length += d1_edns_write(slot->reply + length, query->dnssec_ok, rcode);
        d1_store_u16(slot->reply + 10, 1);
    }
    slot->reply_length = length;
    slot->rcode = (uint8_t)rcode;
}

/* The usual path, over a copy without the signature, into the slot's own reply. */
static void answer_plain(const struct d1_answer_context *context, size_t length,
                         struct d1_answer_slot *slot) {
    uint8_t message[D1_SIGNED_QUERY_MAX];
    struct d1_answer_slot plain = *slot;
    struct d1_answer_context unlimited = *context;
    unlimited.rate = NULL; /* The signature has shown who asks. */
    memcpy(message, slot->message, length);
    d1_store_u16(message + 10, (uint16_t)(d1_load_u16(message + 10) - 1));
    plain.message = message;
    plain.length = length;
    (void)d1_answer_batch(&unlimited, &plain, 1);
    plain.message = slot->message;
    plain.length = slot->length;
    plain.verdict = slot->verdict;
    *slot = plain;
}

void d1_signed_answer(const struct d1_answer_context *context, const struct d1_keys *keys,
                      int64_t now_s, struct d1_answer_slot *slot) {
    struct d1_signed sign;
    enum d1_rcode rcode = D1_RCODE_FORMERR;
    if (slot->length <= D1_SIGNED_QUERY_MAX) {
        rcode = d1_signed_check(keys, slot->message, slot->length, now_s, &sign);
    }
    if (rcode == D1_RCODE_NOERROR) {
        answer_plain(context, sign.tsig.at, slot);
        assert(slot->reply_length > 0); /* A query with one question, and no limit. */
        sign_reply(&sign, slot);
        return;
    }
    write_error(slot, rcode);
    if (rcode == D1_RCODE_NOTAUTH) {
        sign_reply(&sign, slot);
    }
}
