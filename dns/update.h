/*
 * UPDATE messages (RFC 2136): read, and checked as far as that needs no zone.
 *
 * Threads: pure functions, no allocation.
 * Memory: everything borrows the message.
 * Limits: D1_UPDATE_RECORDS_MAX prerequisites and changes together.
 */
#ifndef D1_DNS_UPDATE_H
#define D1_DNS_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "dns/rr.h"
#include "dns/wire.h"

struct d1_update {
    const uint8_t *message;
    size_t length;
    size_t zone_end; /* Where the zone section ends; an answer repeats the message up to here. */
    struct d1_name zone;
    uint16_t zone_type;
    uint16_t zone_class;
    uint16_t prerequisites; /* Records in that section. */
    uint16_t changes;       /* Records in the update section. */
    size_t prerequisites_at;
    size_t changes_at;
    bool edns;
    bool dnssec_ok;
    bool tsig; /* The last additional record is a TSIG one. */
};

/*
 * Walk the whole message. Returns D1_RCODE_NOERROR; D1_RCODE_FORMERR (a section or record is
 * malformed, not one zone, its type not SOA: RFC 2136, 3.1.1; a second OPT, a TSIG record that is not
 * the last, octets left over); D1_RCODE_BADVERS (EDNS); or D1_RCODE_REFUSED (more records than we
 * take). ret_update->zone_end is set whenever the zone section could be read, else it is 0.
 */
enum d1_rcode d1_update_parse(const uint8_t *message, size_t length,
                              struct d1_update *ret_update) D1_MUST_CHECK;

/* One section's records, in order. */
struct d1_update_cursor {
    struct d1_reader reader;
    unsigned left;
};

struct d1_update_cursor d1_update_prerequisites(const struct d1_update *update);
struct d1_update_cursor d1_update_changes(const struct d1_update *update);

/* The next record; false at the end. */
bool d1_update_next(struct d1_update_cursor *cursor, struct d1_rr *ret_rr);

/*
 * Whether a prerequisite's class, type, TTL and length go together (RFC 2136, 2.4, 3.2.5). Returns
 * D1_RCODE_NOERROR or D1_RCODE_FORMERR.
 */
enum d1_rcode d1_update_check_prerequisite(const struct d1_rr *rr);

/* The same for a change (RFC 2136, 2.5, 3.4.1.3). The zone's class is IN. */
enum d1_rcode d1_update_check_change(const struct d1_rr *rr);

/*
 * The rdata of a TXT record as one character-string. Returns 0 (*ret_octets and *ret_length),
 * D1_ENOTFOUND (several strings, or an empty one: nothing of ours can hold it) or D1_EPARSE.
 */
int d1_update_txt(const struct d1_rr *rr, const uint8_t **ret_octets,
                  uint8_t *ret_length) D1_MUST_CHECK;

#endif /* D1_DNS_UPDATE_H */
