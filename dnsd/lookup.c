#include "dnsd/lookup.h"

#include <assert.h>

#include "core/limits.h"
#include "dnsd/chase.h"

#define ASIDE (D1_RECORD_CUT | D1_RECORD_OCCLUDED)

/* There are no transfers. Other QTYPEs that ask for no data (RFC 6895, 3.1) get none: NODATA. */
static inline bool is_transfer(uint16_t type) {
    return type == D1_TYPE_AXFR || type == D1_TYPE_IXFR;
}

static void answer_negative(const struct d1_query *query, const struct d1_zone *zone,
                            enum d1_rcode rcode, struct d1_writer *writer, struct d1_found *found) {
    assert(query->name.length >= zone->apex.length);
    size_t below = (size_t)query->name.length - zone->apex.length;
    found->rcode = (uint8_t)rcode;
    found->flags = D1_FLAG_AA;
    d1_write_negative(writer, zone, D1_DNS_HEADER_BYTES + below, found);
}

/* The name holds no record. */
static void answer_missing(const struct d1_served *served, const struct d1_query *query,
                           struct d1_writer *writer, struct d1_found *found) {
    const struct d1_zone *zone = d1_zones_find(served->zones, &query->name);
    if (zone == NULL) {
        found->rcode = D1_RCODE_REFUSED;
    } else if (D1_LIKELY(zone->flags == 0)) {
        answer_negative(query, zone, D1_RCODE_NXDOMAIN, writer, found);
    } else {
        d1_chase(served, query, zone, NULL, writer, found);
    }
}

static inline void answer(const struct d1_served *served, const struct d1_query *query,
                          uint64_t hash, struct d1_writer *writer, struct d1_found *found) {
    if (D1_UNLIKELY(query->class != D1_CLASS_IN || is_transfer(query->type))) {
        found->rcode = D1_RCODE_REFUSED;
        return;
    }
    const struct d1_record *record =
        d1_table_find(served->table, hash, query->name.octets, query->name.length);
    if (record == NULL) {
        answer_missing(served, query, writer, found);
        return;
    }
    const struct d1_rrset *rrset = d1_record_choose(record, query->type);
    if (D1_LIKELY((record->flags & ASIDE) == 0)) {
        if (D1_LIKELY(rrset != NULL && (rrset->flags & D1_RRSET_LEADS) == 0)) {
            d1_write_bytes(writer, d1_record_at(record, rrset->offset), rrset->length);
            found->notes = d1_record_notes(record, rrset, query->type);
            found->flags = D1_FLAG_AA;
            found->answers = rrset->count;
            return;
        }
    }
    const struct d1_zone *zone = d1_zones_at(served->zones, record->zone);
    if (D1_LIKELY(rrset == NULL && (record->flags & ASIDE) == 0 && query->type != D1_TYPE_DS &&
                  (zone->flags & D1_ZONE_DELEGATED) == 0)) {
        found->notes = d1_record_notes(record, rrset, query->type);
        answer_negative(query, zone, D1_RCODE_NOERROR, writer, found);
    } else {
        d1_chase(served, query, zone, record, writer, found);
    }
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
