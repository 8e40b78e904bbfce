#include "dnsd/lookup.h"

#include <assert.h>

#include "core/limits.h"

/* NXDOMAIN or NODATA: the zone's SOA, with its pointers to the apex set for this question. */
static void write_negative(struct d1_writer *writer, const struct d1_zone *zone, size_t apex_at,
                           struct d1_found *found) {
    const struct d1_negative *negative = &zone->negative;
    uint8_t *placed = d1_write_room(writer, negative->length);
    if (placed == NULL) {
        return;
    }
    memcpy(placed, negative->wire, negative->length);
    for (size_t i = 0; i < negative->patches; i++) {
        d1_store_u16(placed + negative->patch[i], (uint16_t)(0xc000U | apex_at));
    }
    found->authority++;
}

static void answer_negative(const struct d1_query *query, const struct d1_zone *zone,
                            unsigned rcode, struct d1_writer *writer, struct d1_found *found) {
    assert(query->name.length >= zone->apex.length);
    size_t below = (size_t)query->name.length - zone->apex.length;
    found->rcode = (uint8_t)rcode;
    found->flags = D1_FLAG_AA;
    write_negative(writer, zone, D1_DNS_HEADER_BYTES + below, found);
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

static inline void answer(const struct d1_served *served, const struct d1_query *query,
                          uint64_t hash, struct d1_writer *writer, struct d1_found *found) {
    if (D1_UNLIKELY(query->class != D1_CLASS_IN || query->type == D1_TYPE_AXFR ||
                    query->type == D1_TYPE_IXFR)) {
        found->rcode = D1_RCODE_REFUSED;
        return;
    }
    const struct d1_record *record =
        d1_table_find(served->table, hash, query->name.octets, query->name.length);
    if (record == NULL) {
        const struct d1_zone *zone = d1_zones_find(served->zones, &query->name);
        if (zone == NULL) {
            found->rcode = D1_RCODE_REFUSED;
        } else {
            answer_negative(query, zone, D1_RCODE_NXDOMAIN, writer, found);
        }
        return;
    }
    if ((record->flags & D1_RECORD_CHALLENGE) != 0) {
        found->notes |= D1_NOTE_CHALLENGE;
    }
    const struct d1_rrset *rrset = choose(record, query->type);
    if (rrset == NULL) {
        if (query->type == D1_TYPE_TXT && (record->flags & D1_RECORD_KNOWN) != 0) {
            found->notes |= D1_NOTE_UNEXPECTED;
        }
        answer_negative(query, d1_zones_at(served->zones, record->zone), D1_RCODE_NOERROR, writer,
                        found);
        return;
    }
    d1_write_bytes(writer, d1_record_at(record, rrset->offset), rrset->length);
    found->flags = D1_FLAG_AA;
    found->answers = rrset->count;
}

void d1_lookup(const struct d1_served *served, const struct d1_query *query, uint64_t hash,
               struct d1_writer *writer, struct d1_found *ret_found) {
    struct d1_found found = {.rcode = D1_RCODE_NOERROR};
    uint8_t *start = writer->at;
    answer(served, query, hash, writer, &found);
    if (D1_UNLIKELY(writer->failed)) {
        writer->at = start;
        writer->failed = false;
        found.flags |= D1_FLAG_TC;
        found.notes |= D1_NOTE_TRUNCATED;
        found.answers = 0;
        found.authority = 0;
        found.additional = 0;
    }
    *ret_found = found;
}
