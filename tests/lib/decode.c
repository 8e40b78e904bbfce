#include "tests/lib/decode.h"

#include <string.h>

#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"

#define HEADER 12

static unsigned u16_at(const uint8_t *message, size_t at) {
    return (unsigned)message[at] << 8 | message[at + 1];
}

size_t d1_decode_name(const uint8_t *message, size_t length, size_t at, struct d1_name *ret_name) {
    size_t start = at;
    size_t used = 0; /* Octets at `start`; set when the first pointer is met. */
    size_t written = 0;
    size_t lowest = at; /* Each pointer goes further back, so this ends. */
    for (;;) {
        if (at >= length) {
            return 0;
        }
        unsigned label = message[at];
        if ((label & 0xc0) == 0xc0) {
            if (at + 2 > length) {
                return 0;
            }
            size_t target = u16_at(message, at) & 0x3fff;
            if (target < HEADER || target >= lowest) {
                return 0;
            }
            used = used > 0 ? used : at + 2 - start;
            lowest = target;
            at = target;
            continue;
        }
        if (label > 63 || at + 1 + label > length || written + 1 + label > D1_NAME_OCTETS_MAX) {
            return 0;
        }
        ret_name->octets[written++] = (uint8_t)label;
        for (size_t i = 1; i <= label; i++) {
            uint8_t octet = message[at + i];
            ret_name->octets[written++] =
                octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet - 'A' + 'a') : octet;
        }
        at += 1 + label;
        if (label == 0) {
            break;
        }
    }
    ret_name->length = (uint8_t)written;
    return used > 0 ? used : at - start;
}

size_t d1_decode_soa(const uint8_t *message, size_t length, const struct d1_decoded_rr *rr,
                     struct d1_name *ret_mname, struct d1_name *ret_rname) {
    size_t at = rr->rdata_at;
    size_t used = d1_decode_name(message, length, at, ret_mname);
    if (used == 0) {
        return 0;
    }
    at += used;
    used = d1_decode_name(message, length, at, ret_rname);
    return used == 0 ? 0 : at + used;
}

static const char *check_rdata(const uint8_t *message, const struct d1_decoded_rr *rr) {
    size_t end = rr->rdata_at + rr->rdata_length;
    struct d1_name name;
    struct d1_name other;
    if (rr->type == D1_TYPE_TXT) {
        size_t at = rr->rdata_at;
        while (at < end) {
            at += 1U + message[at];
        }
        return at == end && rr->rdata_length > 0 ? NULL : "TXT strings do not fill the rdata";
    }
    if (rr->type == D1_TYPE_NS || rr->type == D1_TYPE_CNAME) {
        size_t used = d1_decode_name(message, end, rr->rdata_at, &name);
        return used == rr->rdata_length ? NULL : "NS or CNAME is not one name";
    }
    if (rr->type == D1_TYPE_SOA) {
        size_t numbers = d1_decode_soa(message, end, rr, &name, &other);
        return numbers != 0 && numbers + 20 == end ? NULL : "SOA is malformed";
    }
    if (rr->type == D1_TYPE_A) {
        return rr->rdata_length == 4 ? NULL : "A has not four octets";
    }
    if (rr->type == D1_TYPE_AAAA) {
        return rr->rdata_length == 16 ? NULL : "AAAA has not sixteen octets";
    }
    return NULL;
}

static const char *take_opt(const struct d1_decoded_rr *rr, const uint8_t *message,
                            struct d1_decoded *decoded) {
    if (rr->section != D1_SECTION_ADDITIONAL || decoded->edns || message[rr->owner_at] != 0) {
        return "OPT out of place";
    }
    if ((rr->ttl >> 16 & 0xff) != 0 || (rr->ttl & 0x7fff) != 0) {
        return "OPT has a version or unknown flags";
    }
    decoded->edns = true;
    decoded->udp_size = rr->class;
    decoded->dnssec_ok = (rr->ttl & 0x8000) != 0;
    decoded->rcode |= rr->ttl >> 24 << 4;
    decoded->options_at = rr->rdata_at;
    decoded->options_length = rr->rdata_length;
    size_t end = rr->rdata_at + rr->rdata_length;
    size_t at = rr->rdata_at;
    while (at + 4 <= end) {
        at += 4U + u16_at(message, at + 2);
    }
    return at == end ? NULL : "options do not fill OPT";
}

static const char *decode_rr(const uint8_t *message, size_t length, size_t *at,
                             struct d1_decoded *decoded, enum d1_section section) {
    struct d1_name owner;
    if (decoded->rrs_count == D1_DECODED_RRS_MAX) {
        return "too many records";
    }
    struct d1_decoded_rr *rr = &decoded->rrs[decoded->rrs_count];
    size_t used = d1_decode_name(message, length, *at, &owner);
    if (used == 0 || *at + used + 10 > length) {
        return "record cut short";
    }
    size_t fixed = *at + used;
    *rr = (struct d1_decoded_rr){
        .section = section,
        .owner_at = *at,
        .type = (uint16_t)u16_at(message, fixed),
        .class = (uint16_t)u16_at(message, fixed + 2),
        .ttl = (uint32_t)u16_at(message, fixed + 4) << 16 | u16_at(message, fixed + 6),
        .rdata_at = fixed + 10,
        .rdata_length = (uint16_t)u16_at(message, fixed + 8),
    };
    if (rr->rdata_at + rr->rdata_length > length) {
        return "rdata cut short";
    }
    *at = rr->rdata_at + rr->rdata_length;
    decoded->rrs_count++;
    if (rr->type == D1_TYPE_OPT) {
        return take_opt(rr, message, decoded);
    }
    if (rr->class != D1_CLASS_IN) {
        return "record of another class";
    }
    return check_rdata(message, rr);
}

const char *d1_decode_message(const uint8_t *message, size_t length,
                              struct d1_decoded *ret_decoded) {
    struct d1_name qname;
    if (length < HEADER) {
        return "shorter than a header";
    }
    memset(ret_decoded, 0, offsetof(struct d1_decoded, rrs));
    ret_decoded->id = (uint16_t)u16_at(message, 0);
    ret_decoded->flags = (uint16_t)u16_at(message, 2);
    ret_decoded->rcode = ret_decoded->flags & 0xf;
    for (size_t i = 0; i < 4; i++) {
        ret_decoded->count[i] = (uint16_t)u16_at(message, 4 + 2 * i);
    }
    size_t at = HEADER;
    if (ret_decoded->count[0] > 1) {
        return "more than one question";
    }
    if (ret_decoded->count[0] == 1) {
        size_t used = d1_decode_name(message, length, at, &qname);
        if (used == 0 || at + used + 4 > length) {
            return "question malformed";
        }
        ret_decoded->qtype = (uint16_t)u16_at(message, at + used);
        ret_decoded->qclass = (uint16_t)u16_at(message, at + used + 2);
        ret_decoded->question_length = used + 4;
        at += used + 4;
    }
    for (size_t section = 0; section < 3; section++) {
        for (size_t i = 0; i < ret_decoded->count[section + 1]; i++) {
            const char *fault =
                decode_rr(message, length, &at, ret_decoded, (enum d1_section)section);
            if (fault != NULL) {
                return fault;
            }
        }
    }
    return at == length ? NULL : "octets left over";
}

const uint8_t *d1_decoded_option(const uint8_t *message, const struct d1_decoded *decoded,
                                 unsigned code, size_t *ret_length) {
    size_t end = decoded->options_at + decoded->options_length;
    for (size_t at = decoded->options_at; at < end; at += 4U + u16_at(message, at + 2)) {
        if (u16_at(message, at) == code) {
            *ret_length = u16_at(message, at + 2);
            return message + at + 4;
        }
    }
    return NULL;
}

/* One option of a reply, against those of the query (NULL: it does not decode strictly). */
static const char *option_fault(unsigned code, size_t length, const struct d1_decoded *reply,
                                const uint8_t *query, const struct d1_decoded *asked) {
    size_t asked_length = 0;
    const uint8_t *of_query =
        asked != NULL ? d1_decoded_option(query, asked, code, &asked_length) : NULL;
    if (code == 15) {
        return length == 2 && reply->rcode != D1_RCODE_NOERROR && reply->rcode != D1_RCODE_NXDOMAIN
                   ? NULL
                   : "EDE without an error, or longer than its code";
    }
    if (asked != NULL && of_query == NULL) {
        return "an option that was not asked for";
    }
    switch (code) {
    case 3:
        return length > 0 ? NULL : "NSID is empty";
    case 10:
        return length == 24 ? NULL : "COOKIE has not 24 octets";
    case 11:
        return length == 2 ? NULL : "keepalive has not two octets";
    default:
        return "an option we do not give";
    }
}

static const char *options_fault(const uint8_t *query, size_t query_length, const uint8_t *message,
                                 const struct d1_decoded *reply, bool tcp) {
    struct d1_decoded *asked = d1_malloc(sizeof(*asked));
    const char *fault = asked == NULL ? "no memory to decode" : NULL;
    bool strict = asked != NULL && d1_decode_message(query, query_length, asked) == NULL;
    bool seen[16] = {false};
    size_t end = reply->options_at + reply->options_length;
    size_t at = reply->options_at;
    while (fault == NULL && at < end) {
        unsigned code = u16_at(message, at);
        size_t length = u16_at(message, at + 2);
        fault = option_fault(code, length, reply, query, strict ? asked : NULL);
        if (fault == NULL && (seen[code & 15] || (code == 11 && !tcp))) {
            fault = "an option twice, or keepalive over UDP";
        }
        seen[code & 15] = true;
        at += 4 + length;
    }
    d1_free(asked);
    return fault;
}

/* A decoded reply with its octets, and the name that its answer section leads to. */
struct reply {
    const uint8_t *wire;
    size_t length;
    const struct d1_decoded *decoded;
    struct d1_name last;
    bool open; /* The last answer is a CNAME that was not asked for. */
};

static struct d1_name name_at(const struct reply *reply, size_t at) {
    struct d1_name name = {.length = 0};
    (void)d1_decode_name(reply->wire, reply->length, at, &name); /* It was decoded before. */
    return name;
}

/* The answer section is one chain: each owner is the question's name or the CNAME's target before. */
static const char *chain_fault(struct reply *reply) {
    const struct d1_decoded *decoded = reply->decoded;
    bool ends = decoded->qtype == D1_TYPE_CNAME || decoded->qtype == D1_TYPE_ANY;
    uint16_t type = 0;
    reply->last = name_at(reply, HEADER);
    for (size_t i = 0; i < decoded->count[1]; i++) {
        const struct d1_decoded_rr *rr = &decoded->rrs[i];
        struct d1_name owner = name_at(reply, rr->owner_at);
        if (!d1_name_equal(&owner, &reply->last)) {
            return "an answer of another name";
        }
        reply->open = rr->type == D1_TYPE_CNAME && !ends;
        if (reply->open) {
            reply->last = name_at(reply, rr->rdata_at);
        } else if (type != 0 && rr->type != type) {
            return "answers of two types";
        } else if (rr->type != decoded->qtype && decoded->qtype != D1_TYPE_ANY) {
            return "an answer of another type";
        } else {
            type = rr->type;
        }
    }
    return NULL;
}

static const char *authority_fault(const struct reply *reply) {
    const struct d1_decoded *decoded = reply->decoded;
    bool authoritative = (decoded->flags & D1_FLAG_AA) != 0;
    const struct d1_decoded_rr *first = &decoded->rrs[decoded->count[1]];
    if (decoded->count[1] > 0 && !reply->open) {
        return decoded->rcode == D1_RCODE_NOERROR && decoded->count[2] == 0 && authoritative
                   ? NULL
                   : "a positive answer with authority, or without AA";
    }
    if (decoded->count[2] == 0) {
        return reply->open && authoritative && decoded->rcode == D1_RCODE_NOERROR
                   ? NULL
                   : "neither an answer nor an SOA";
    }
    struct d1_name owner = name_at(reply, first->owner_at);
    if (!d1_name_is_under(&reply->last, &owner)) {
        return "authority of another name";
    }
    if (first->type == D1_TYPE_SOA) {
        return authoritative && decoded->count[2] == 1 ? NULL : "an SOA without AA, or not alone";
    }
    for (size_t i = 0; i < decoded->count[2]; i++) {
        struct d1_name other = name_at(reply, first[i].owner_at);
        if (first[i].type != D1_TYPE_NS || !d1_name_equal(&owner, &other)) {
            return "a referral with more than one NS RRset";
        }
    }
    if (decoded->rcode != D1_RCODE_NOERROR) {
        return "a referral with an error";
    }
    return authoritative == reply->open ? NULL : "AA of a referral is wrong";
}

static const char *additional_fault(const struct reply *reply) {
    const struct d1_decoded *decoded = reply->decoded;
    for (size_t i = 0; i < decoded->rrs_count; i++) {
        const struct d1_decoded_rr *rr = &decoded->rrs[i];
        if (rr->section != D1_SECTION_ADDITIONAL || rr->type == D1_TYPE_OPT) {
            continue;
        }
        if (rr->type != D1_TYPE_A && rr->type != D1_TYPE_AAAA) {
            return "an additional record that is no address";
        }
        struct d1_name owner = name_at(reply, rr->owner_at);
        bool listed = false;
        for (size_t k = 0; k < i && !listed; k++) {
            struct d1_name target = {.length = 0};
            if (decoded->rrs[k].type == D1_TYPE_NS) {
                target = name_at(reply, decoded->rrs[k].rdata_at);
            }
            listed = d1_name_equal(&owner, &target);
        }
        if (!listed) {
            return "an address of no name server";
        }
    }
    return NULL;
}

static const char *sections_fault(const uint8_t *wire, size_t length,
                                  const struct d1_decoded *decoded) {
    bool empty = decoded->count[1] == 0 && decoded->count[2] == 0 &&
                 decoded->count[3] == (decoded->edns ? 1 : 0);
    struct reply reply = {.wire = wire, .length = length, .decoded = decoded};
    if ((decoded->flags & D1_FLAG_TC) != 0) {
        return empty ? NULL : "truncated, but not empty";
    }
    if (decoded->rcode != D1_RCODE_NOERROR && decoded->rcode != D1_RCODE_NXDOMAIN) {
        return empty && (decoded->flags & D1_FLAG_AA) == 0 ? NULL : "an error with records or AA";
    }
    if (decoded->count[0] == 0) {
        return empty && (decoded->flags & D1_FLAG_AA) == 0 && decoded->options_length > 0
                   ? NULL
                   : "neither a question nor a cookie";
    }
    const char *fault = chain_fault(&reply);
    fault = fault != NULL ? fault : authority_fault(&reply);
    return fault != NULL ? fault : additional_fault(&reply);
}

static const char *echo_fault(const uint8_t *query, size_t query_length, const uint8_t *reply,
                              const struct d1_decoded *decoded) {
    const unsigned copied = 0xfU << D1_OPCODE_SHIFT | D1_FLAG_RD;
    if (decoded->id != u16_at(query, 0)) {
        return "another ID";
    }
    if ((decoded->flags & D1_FLAG_QR) == 0) {
        return "not a reply";
    }
    if ((decoded->flags & copied) != (u16_at(query, 2) & copied)) {
        return "opcode or RD not copied";
    }
    if ((decoded->flags & (D1_FLAG_RA | D1_FLAG_AD | D1_FLAG_CD | 0x0040)) != 0) {
        return "RA, AD, CD or Z set";
    }
    if (decoded->question_length > 0 &&
        (query_length < HEADER + decoded->question_length || u16_at(query, 4) != 1 ||
         memcmp(query + HEADER, reply + HEADER, decoded->question_length) != 0)) {
        return "question not echoed";
    }
    return NULL;
}

const char *d1_reply_fault(const uint8_t *query, size_t query_length, const uint8_t *reply,
                           size_t reply_length, bool tcp) {
    struct d1_decoded *decoded = d1_malloc(sizeof(*decoded));
    if (decoded == NULL) {
        return "no memory to decode";
    }
    const char *fault = d1_decode_message(reply, reply_length, decoded);
    if (fault == NULL) {
        fault = query_length < HEADER ? "a reply to less than a header"
                                      : echo_fault(query, query_length, reply, decoded);
    }
    if (fault == NULL) {
        fault = sections_fault(reply, reply_length, decoded);
    }
    if (fault == NULL) {
        fault = options_fault(query, query_length, reply, decoded, tcp);
    }
    if (fault == NULL && decoded->edns && u16_at(query, 10) == 0) {
        fault = "OPT that was not asked for";
    }
    size_t limit = decoded->edns ? D1_DNS_UDP_MAX : D1_DNS_UDP_PLAIN_MAX;
    if (fault == NULL && reply_length > (tcp ? D1_DNS_MESSAGE_MAX : limit)) {
        fault = "too long for its transport";
    }
    d1_free(decoded);
    return fault;
}
