/*
 * Chase: answers that take more than one record: wildcards (RFC 4592), CNAMEs followed through the
 * zones we serve (RFC 1034, 4.3.2), referrals with their glue, DS at both sides of a cut, delegated
 * zones.
 *
 * Threads, Memory: as dnsd/lookup.h, whose part it is.
 * Limits: D1_CNAME_LINKS_MAX CNAMEs; a bounded number of look-ups per name.
 */
#ifndef D1_DNSD_CHASE_H
#define D1_DNSD_CHASE_H

#include "dnsd/lookup.h"

/*
 * Answer from `zone`, which holds the query's name; `record` is that name's, or NULL. The writer is
 * left failed when something that must stand in the answer does not fit.
 */
void d1_chase(const struct d1_served *served, const struct d1_query *query,
              const struct d1_zone *zone, const struct d1_record *record, struct d1_writer *writer,
              struct d1_found *found);

/* The RRset that answers the type: itself, a CNAME, or for ANY the first (RFC 8482, 4.1). */
static inline const struct d1_rrset *d1_record_choose(const struct d1_record *record,
                                                      uint16_t type) {
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

/* What a hit tells the timeline. */
static inline uint8_t d1_record_notes(const struct d1_record *record, const struct d1_rrset *rrset,
                                      uint16_t type) {
    bool missed = rrset == NULL && type == D1_TYPE_TXT && (record->flags & D1_RECORD_KNOWN) != 0;
    bool challenge = (record->flags & D1_RECORD_CHALLENGE) != 0;
    return (uint8_t)((challenge ? D1_NOTE_CHALLENGE : 0) | (missed ? D1_NOTE_UNEXPECTED : 0));
}

/*
 * The negative section of a zone, whose apex stands at `apex_at` in the message: NXDOMAIN or NODATA
 * of a name there.
 */
static inline void d1_write_negative(struct d1_writer *writer, const struct d1_zone *zone,
                                     size_t apex_at, struct d1_found *found) {
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

#endif /* D1_DNSD_CHASE_H */
