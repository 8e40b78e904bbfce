/*
 * An answer is the message's own header and question with the header patched, an encoded RRset or
 * the zone's negative section behind it, and an OPT record if the query had one.
 *
 * Three passes over the batch let cache misses overlap: while one bucket or record is on its way,
 * the next query is parsed or hashed.
 */
#include "dnsd/answer.h"

#include <assert.h>

#include "core/buf.h"
#include "core/limits.h"

/* What stands behind the question. */
struct section {
    const uint8_t *wire;
    size_t length;
    uint16_t answers;
    uint16_t authority;
};

static inline size_t reply_limit(const struct d1_answer_slot *slot) {
    size_t limit = slot->tcp ? D1_DNS_MESSAGE_MAX : slot->query.udp_size;
    return limit < slot->reply_max ? limit : slot->reply_max;
}

/*
 * Write the reply. `flags` are AA or 0; the section is left out, and TC set, when it does not fit.
 * Returns where the section was written, or NULL.
 */
static inline uint8_t *compose(struct d1_answer_slot *slot, unsigned rcode, unsigned flags,
                               const struct section *section) {
    const struct d1_query *query = &slot->query;
    size_t at = (size_t)D1_DNS_HEADER_BYTES + query->question_length;
    size_t edns = query->edns ? D1_EDNS_BYTES : 0;
    uint8_t *reply = slot->reply;
    uint8_t *placed = NULL;
    uint16_t answers = 0;
    uint16_t authority = 0;

    assert(slot->reply_max >= D1_DNS_UDP_PLAIN_MAX);
    memcpy(reply, slot->message, at);
    if (D1_LIKELY(at + section->length + edns <= reply_limit(slot))) {
        placed = reply + at;
        memcpy(placed, section->wire, section->length);
        at += section->length;
        answers = section->answers;
        authority = section->authority;
    } else {
        flags |= D1_FLAG_TC;
        slot->notes |= D1_NOTE_TRUNCATED;
    }
    if (query->edns) {
        at += d1_edns_write(reply + at, query->dnssec_ok, rcode);
    }
    unsigned copied = query->flags & (0xfU << D1_OPCODE_SHIFT | D1_FLAG_RD | D1_FLAG_CD);
    d1_store_u16(reply + 2, (uint16_t)(D1_FLAG_QR | copied | flags | (rcode & 0xf)));
    d1_store_u16(reply + 4, query->question_length > 0);
    d1_store_u16(reply + 6, answers);
    d1_store_u16(reply + 8, authority);
    d1_store_u16(reply + 10, query->edns);
    slot->reply_length = at;
    slot->rcode = (uint8_t)rcode;
    slot->answers = (uint8_t)(answers < UINT8_MAX ? answers : UINT8_MAX);
    return placed;
}

static const uint8_t no_wire[1];

static void answer_error(struct d1_answer_slot *slot, unsigned rcode) {
    const struct section none = {.wire = no_wire};
    (void)compose(slot, rcode, 0, &none);
}

/* NXDOMAIN or NODATA: the zone's SOA, with its pointers to the apex set for this question. */
static void answer_negative(struct d1_answer_slot *slot, const struct d1_zone *zone,
                            unsigned rcode) {
    const struct d1_negative *negative = &zone->negative;
    const struct section section = {
        .wire = negative->wire, .length = negative->length, .authority = 1};
    uint8_t *placed = compose(slot, rcode, D1_FLAG_AA, &section);
    if (placed == NULL) {
        return;
    }
    assert(slot->query.name.length >= zone->apex.length);
    unsigned below = (unsigned)slot->query.name.length - zone->apex.length;
    for (size_t i = 0; i < negative->patches; i++) {
        d1_store_u16(placed + negative->patch[i],
                     (uint16_t)(0xc000U | (D1_DNS_HEADER_BYTES + below)));
    }
}

/* The RRset that answers the type: itself, a CNAME, or for ANY the first (RFC 8482, 4.1). */
static inline const struct d1_rrset *choose(const struct d1_record *record, uint16_t type) {
    const struct d1_rrset *cname = NULL;
    for (size_t i = 0; i < record->rrsets_count; i++) {
        const struct d1_rrset *rrset = &record->rrsets[i];
        if (rrset->type == type || type == D1_TYPE_ANY) {
            return rrset;
        }
        if (rrset->type == D1_TYPE_CNAME) {
            cname = rrset;
        }
    }
    return cname;
}

static void answer_query(const struct d1_served *served, struct d1_answer_slot *slot) {
    const struct d1_query *query = &slot->query;
    if (D1_UNLIKELY(query->class != D1_CLASS_IN || query->type == D1_TYPE_AXFR ||
                    query->type == D1_TYPE_IXFR)) {
        answer_error(slot, D1_RCODE_REFUSED);
        return;
    }
    const struct d1_record *record =
        d1_table_find(served->table, slot->hash, query->name.octets, query->name.length);
    if (record == NULL) {
        const struct d1_zone *zone = d1_zones_find(served->zones, &query->name);
        if (zone == NULL) {
            answer_error(slot, D1_RCODE_REFUSED);
        } else {
            answer_negative(slot, zone, D1_RCODE_NXDOMAIN);
        }
        return;
    }
    if ((record->flags & D1_RECORD_CHALLENGE) != 0) {
        slot->notes |= D1_NOTE_CHALLENGE;
    }
    const struct d1_rrset *rrset = choose(record, query->type);
    if (rrset == NULL) {
        if (query->type == D1_TYPE_TXT && (record->flags & D1_RECORD_KNOWN) != 0) {
            slot->notes |= D1_NOTE_UNEXPECTED;
        }
        answer_negative(slot, d1_zones_at(served->zones, record->zone), D1_RCODE_NOERROR);
        return;
    }
    const struct section section = {
        .wire = d1_record_at(record, rrset->offset),
        .length = rrset->length,
        .answers = rrset->count,
    };
    (void)compose(slot, D1_RCODE_NOERROR, D1_FLAG_AA, &section);
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

void d1_answer_batch(const struct d1_served *served, struct d1_answer_slot *slots, size_t count) {
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
