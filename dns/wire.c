/*
 * The usual query is a header and one question, perhaps an OPT record. That path is kept short: the
 * labels are walked by their length octets alone, then the whole name is folded sixteen octets at a
 * time. Folding the length octets with the rest is right, as they are below 'A' (at most 63).
 */
#include "dns/wire.h"

#include <assert.h>
#include <stdio.h>

#include "core/buf.h"
#include "dns/edns.h"

#define FOLD_BYTES 16

static_assert(D1_LABEL_OCTETS_MAX < 'A', "length octets are not changed by folding");

/* A fixed count, and a copy that cannot overlap: the compiler makes vector code of it. */
static inline void fold_block(uint8_t *to, const uint8_t *from) {
    uint8_t block[FOLD_BYTES];
    memcpy(block, from, FOLD_BYTES);
    for (size_t i = 0; i < FOLD_BYTES; i++) {
        block[i] = d1_name_fold(block[i]);
    }
    memcpy(to, block, FOLD_BYTES);
}

/* Nothing beyond from[length] is read: the last block overlaps the one before. */
static inline void fold_name(uint8_t *to, const uint8_t *from, size_t length) {
    if (length < FOLD_BYTES) {
        for (size_t i = 0; i < length; i++) {
            to[i] = d1_name_fold(from[i]);
        }
        return;
    }
    for (size_t at = 0; at + FOLD_BYTES < length; at += FOLD_BYTES) {
        fold_block(to + at, from + at);
    }
    fold_block(to + length - FOLD_BYTES, from + length - FOLD_BYTES);
}

/* The question from offset 12; question_length stays 0 when it is malformed. */
static inline bool parse_question(const uint8_t *message, size_t length, struct d1_query *query) {
    size_t name_end = D1_DNS_HEADER_BYTES + D1_NAME_OCTETS_MAX;
    size_t end = length < name_end ? length : name_end;
    size_t at = D1_DNS_HEADER_BYTES;
    uint16_t labels = 0;
    for (;;) {
        if (at >= end || message[at] > D1_LABEL_OCTETS_MAX) {
            return false;
        }
        if (message[at] == 0) {
            break;
        }
        at += message[at] + 1U;
        labels++;
    }
    at++;
    if (length - at < 4) {
        return false;
    }
    size_t name_length = at - D1_DNS_HEADER_BYTES;
    query->name.length = (uint8_t)name_length;
    fold_name(query->name.octets, message + D1_DNS_HEADER_BYTES, name_length);
    query->labels = labels;
    query->type = d1_load_u16(message + at);
    query->class = d1_load_u16(message + at + 2);
    query->question_length = (uint16_t)(name_length + 4);
    return true;
}

/* Skip an owner name, compressed or not. Returns whether it was the root; failed as the reader. */
static bool skip_owner(struct d1_reader *reader) {
    bool root = true;
    for (;;) {
        uint8_t label = d1_read_u8(reader);
        if (reader->failed || label == 0) {
            return root;
        }
        root = false;
        if ((label & 0xc0) == 0xc0) {
            (void)d1_read_u8(reader);
            return root;
        }
        if (label > D1_LABEL_OCTETS_MAX) {
            reader->failed = true;
            return root;
        }
        (void)d1_read_bytes(reader, label);
    }
}

static uint16_t udp_size_of(uint16_t claimed) {
    if (claimed < D1_DNS_UDP_PLAIN_MAX) { /* RFC 6891, 6.2.3. */
        return D1_DNS_UDP_PLAIN_MAX;
    }
    return claimed < D1_DNS_UDP_MAX ? claimed : D1_DNS_UDP_MAX;
}

/* An OPT record, the first one. Returns false when it is malformed. */
static bool take_opt(const uint8_t *message, const uint8_t *rdata, size_t length,
                     struct d1_query *query) {
    struct d1_edns_options options;
    if (!d1_edns_read_options(rdata, length, &options)) {
        return false;
    }
    query->edns = true;
    query->asks = options.asks;
    query->cookie_malformed = options.cookie_malformed;
    query->cookie_length = options.cookie_length;
    query->cookie_at = (uint16_t)((size_t)(rdata - message) + options.cookie_at);
    return true;
}

/*
 * Additional records from the reader's place on, which end the message. Returns D1_QUERY_OK,
 * D1_QUERY_SIGNED, D1_QUERY_FORMERR or D1_QUERY_BADVERS; `edns` is set only when there is one OPT record, in order.
 */
static enum d1_query_verdict parse_additional(const uint8_t *message, size_t length, unsigned count,
                                              struct d1_query *query) {
    struct d1_reader reader = d1_reader_over(message, length);
    (void)d1_read_bytes(&reader, (size_t)D1_DNS_HEADER_BYTES + query->question_length);
    bool is_signed = false;
    unsigned version = 0;
    for (unsigned i = 0; i < count; i++) {
        bool root = skip_owner(&reader);
        uint16_t type = d1_read_u16(&reader);
        uint16_t class = d1_read_u16(&reader);
        uint32_t ttl = d1_read_u32(&reader);
        uint16_t rdata_length = d1_read_u16(&reader);
        const uint8_t *rdata = d1_read_bytes(&reader, rdata_length);
        if (rdata == NULL) {
            query->edns = false;
            return D1_QUERY_FORMERR;
        }
        if (D1_UNLIKELY(type == D1_TYPE_TSIG)) {
            is_signed = true;
            if (i + 1 < count) {
                query->edns = false;
                return D1_QUERY_FORMERR;
            }
        }
        if (type != D1_TYPE_OPT) {
            continue;
        }
        if (query->edns || !root || !take_opt(message, rdata, rdata_length, query)) {
            query->edns = false;
            return D1_QUERY_FORMERR;
        }
        query->udp_size = udp_size_of(class);
        query->dnssec_ok = (ttl & 0x8000) != 0;
        version = ttl >> 16 & 0xff;
    }
    assert(!reader.failed); /* A record that ends early was found by its rdata. */
    if (d1_reader_left(&reader) > 0) {
        query->edns = false;
        return D1_QUERY_FORMERR;
    }
    if (version != 0) {
        return D1_QUERY_BADVERS;
    }
    if (query->edns && query->cookie_malformed) {
        return D1_QUERY_FORMERR;
    }
    return is_signed ? D1_QUERY_SIGNED : D1_QUERY_OK;
}

/* RFC 7873, 5.4: a client that has no question may ask for a cookie. */
static enum d1_query_verdict D1_COLD parse_without_question(const uint8_t *message, size_t length,
                                                            struct d1_query *query) {
    if (d1_load_u16(message + 4) != 0 || d1_load_u32(message + 6) != 0) {
        return D1_QUERY_FORMERR;
    }
    enum d1_query_verdict verdict =
        parse_additional(message, length, d1_load_u16(message + 10), query);
    if (verdict == D1_QUERY_OK && query->cookie_length > 0) {
        return D1_QUERY_COOKIE;
    }
    return verdict == D1_QUERY_BADVERS ? D1_QUERY_BADVERS : D1_QUERY_FORMERR;
}

enum d1_query_verdict d1_query_parse(const uint8_t *message, size_t length,
                                     struct d1_query *ret_query) {
    if (D1_UNLIKELY(length < D1_DNS_HEADER_BYTES)) {
        return D1_QUERY_DROP;
    }
    uint16_t flags = d1_load_u16(message + 2);
    ret_query->id = d1_load_u16(message);
    ret_query->flags = flags;
    ret_query->question_length = 0;
    ret_query->edns = false;
    ret_query->dnssec_ok = false;
    ret_query->asks = 0;
    ret_query->cookie_length = 0;
    ret_query->udp_size = D1_DNS_UDP_PLAIN_MAX;
    if (D1_UNLIKELY((flags & D1_FLAG_QR) != 0)) {
        return D1_QUERY_DROP;
    }
    unsigned opcode = flags >> D1_OPCODE_SHIFT & 0xf;
    if (D1_UNLIKELY(opcode != D1_OPCODE_QUERY)) {
        return opcode == D1_OPCODE_UPDATE ? D1_QUERY_UPDATE : D1_QUERY_NOTIMP;
    }
    if (D1_UNLIKELY(d1_load_u16(message + 4) != 1)) {
        return parse_without_question(message, length, ret_query);
    }
    if (D1_UNLIKELY(!parse_question(message, length, ret_query))) {
        return D1_QUERY_FORMERR;
    }
    if (D1_UNLIKELY(d1_load_u32(message + 6) != 0)) { /* ANCOUNT and NSCOUNT. */
        return D1_QUERY_FORMERR;
    }
    unsigned additional = d1_load_u16(message + 10);
    if (additional > 0) {
        return parse_additional(message, length, additional, ret_query);
    }
    size_t used = (size_t)D1_DNS_HEADER_BYTES + ret_query->question_length;
    return D1_LIKELY(used == length) ? D1_QUERY_OK : D1_QUERY_FORMERR;
}

const char *d1_type_text(uint16_t type, char ret_text[16]) {
    switch (type) {
    case D1_TYPE_A:
        return "A";
    case D1_TYPE_NS:
        return "NS";
    case D1_TYPE_CNAME:
        return "CNAME";
    case D1_TYPE_SOA:
        return "SOA";
    case D1_TYPE_TXT:
        return "TXT";
    case D1_TYPE_AAAA:
        return "AAAA";
    case D1_TYPE_OPT:
        return "OPT";
    case D1_TYPE_DS:
        return "DS";
    case D1_TYPE_RRSIG:
        return "RRSIG";
    case D1_TYPE_NSEC:
        return "NSEC";
    case D1_TYPE_TSIG:
        return "TSIG";
    case D1_TYPE_IXFR:
        return "IXFR";
    case D1_TYPE_AXFR:
        return "AXFR";
    case D1_TYPE_ANY:
        return "ANY";
    case D1_TYPE_CAA:
        return "CAA";
    default:
        snprintf(ret_text, 16, "TYPE%u", (unsigned)type);
        return ret_text;
    }
}

const char *d1_rcode_text(unsigned rcode, char ret_text[16]) {
    switch (rcode) {
    case D1_RCODE_NOERROR:
        return "NOERROR";
    case D1_RCODE_FORMERR:
        return "FORMERR";
    case D1_RCODE_SERVFAIL:
        return "SERVFAIL";
    case D1_RCODE_NXDOMAIN:
        return "NXDOMAIN";
    case D1_RCODE_NOTIMP:
        return "NOTIMP";
    case D1_RCODE_REFUSED:
        return "REFUSED";
    case D1_RCODE_YXDOMAIN:
        return "YXDOMAIN";
    case D1_RCODE_YXRRSET:
        return "YXRRSET";
    case D1_RCODE_NXRRSET:
        return "NXRRSET";
    case D1_RCODE_NOTAUTH:
        return "NOTAUTH";
    case D1_RCODE_NOTZONE:
        return "NOTZONE";
    case D1_RCODE_BADVERS:
        return "BADVERS";
    default:
        snprintf(ret_text, 16, "RCODE%u", rcode & 0xfff);
        return ret_text;
    }
}
