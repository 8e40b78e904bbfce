/*
 * Statics: the static records of one zone while it is loaded: collected from the configuration's
 * lines and the zone file, checked, sorted into RRsets and put into the table.
 *
 * Threads: one.
 * Memory: owns copies of what was added.
 * Limits: D1_STATIC_RECORDS_MAX records, D1_RRSETS_MAX types at one name, D1_RECORD_BYTES_MAX per
 *   name.
 */
#ifndef D1_DNSD_STATICS_H
#define D1_DNSD_STATICS_H

#include "dns/zonefile.h"
#include "dnsd/table.h"
#include "dnsd/zone.h"

struct static_record; /* Of statics.c. */

struct d1_statics {
    const struct d1_zones *zones; /* Borrowed. */
    const struct d1_zone *zone;   /* Borrowed. */
    const char *file;             /* Where the records come from now, for messages; or NULL. */
    unsigned flags;               /* enum d1_zone_flag: what the records ask for. */
    struct static_record *records;
    size_t count;
    size_t capacity;
    uint8_t *octets; /* Owner and rdata of each record. */
    size_t octets_length;
    size_t octets_capacity;
    struct d1_error *error; /* Borrowed; may be NULL. */
};

void d1_statics_init(struct d1_statics *statics, const struct d1_zones *zones,
                     const struct d1_zone *zone, struct d1_error *error);
void d1_statics_close(struct d1_statics *statics);

/*
 * Add one record (a d1_zone_record_fn; `statics` is a struct d1_statics). Records at and below
 * another of our zones are that zone's and left out (its delegation and glue), but for DS records of
 * its apex, which are its parent's (RFC 4035, 2.4). Returns 0 or an error with its story: out of
 * zone, class, or a kind that is not served in this version.
 */
int d1_statics_add(const struct d1_zone_record *record, void *statics);

/*
 * Check the whole (one SOA, NS at the apex, CNAME alone), then put everything; *ret_soa is the SOA,
 * borrowed until close. Returns 0 or an error with its story.
 */
int d1_statics_put(struct d1_statics *statics, struct d1_table *table,
                   struct d1_zone_record *ret_soa);

#endif /* D1_DNSD_STATICS_H */
