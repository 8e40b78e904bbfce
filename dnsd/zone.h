/*
 * Zones: what we are authoritative for. A set of zones is immutable and replaced whole.
 *
 * Threads: made by the control thread; readers may call d1_zones_find.
 * Memory: the set owns its zones; found ones are borrowed while the set lives.
 * Limits: D1_ZONES_MAX zones.
 */
#ifndef D1_DNSD_ZONE_H
#define D1_DNSD_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "dns/name.h"

/*
 * The authority section of negative answers, encoded once: the zone's SOA with TTL min(its TTL,
 * MINIMUM) (RFC 2308, 3), all of its names written as pointers into the question where they end in
 * the zone. `patch` are the offsets of two-octet pointers to the apex, which stands at a place in
 * the question that depends on the question's length.
 */
struct d1_negative {
    uint16_t length;
    uint8_t patches;
    uint16_t patch[3];
    uint8_t wire[2 * D1_NAME_OCTETS_MAX + 64];
};

enum d1_zone_flag {
    D1_ZONE_WILDCARDS = 1, /* A static record's owner has a label `*`. */
    D1_ZONE_CUTS = 2,      /* There are delegations in it. */
    D1_ZONE_DELEGATED = 4, /* No zone, but a suffix with delegated ones: dnsd/delegation.h. */
};

struct d1_delegated;
struct d1_writer;

struct d1_zone {
    struct d1_name apex;    /* Of D1_ZONE_DELEGATED: the suffix. */
    unsigned flags;         /* enum d1_zone_flag */
    uint32_t index;         /* In its set; what d1_record.zone says. */
    uint32_t challenge_ttl; /* Seconds: zones[].ttl. */
    struct d1_negative negative;
    struct d1_delegated *delegated; /* Of D1_ZONE_DELEGATED; else NULL. */
};

struct d1_zones;

#define D1_STATIC_TTL_S 3600 /* Of static records that name none. */

/* One zone as the configuration gives it, or one delegation, which has neither records nor file. */
struct d1_zone_config {
    bool delegation;
    struct d1_name name; /* The apex; of a delegation, its suffix. */
    size_t nameservers_count;
    const struct d1_name *nameservers; /* The first is the SOA's MNAME. */
    struct d1_name hostmaster;
    size_t records_count;
    const char *const *records; /* Zone-file lines. */
    const char *file;           /* A whole zone file, or NULL; its SOA and NS then hold. */
    uint32_t ttl;
    uint32_t negative_ttl; /* SOA MINIMUM and TTL of the SOA we make. */
    uint32_t serial;       /* Of the SOA we make. */
};

/* The rdata of the SOA that we make. */
void d1_zone_config_soa(const struct d1_zone_config *config, struct d1_writer *writer);

/* Where in the name, which d1_zones_find gave the zone for, the apex of its zone begins. */
size_t d1_zone_apex_at(const struct d1_zone *zone, const struct d1_name *name);

/*
 * The zone with the longest apex at or above the name (labels counted off the left), or NULL. A
 * delegation counts as one for names that are in a zone of its.
 */
const struct d1_zone *d1_zones_find(const struct d1_zones *zones, const struct d1_name *name);

const struct d1_zone *d1_zones_at(const struct d1_zones *zones, uint32_t index);
size_t d1_zones_count(const struct d1_zones *zones);

/*
 * The zones of the configuration, their negative sections still empty but those of delegations. Returns 0, or D1_ECONFIG
 * (repeated zone), D1_ELIMIT, -errno.
 */
int d1_zones_create(const struct d1_zone_config *configs, size_t count, struct d1_zones **ret_zones,
                    struct d1_error *error);

/* NULL is allowed. */
void d1_zones_destroy(struct d1_zones *zones);

/* Before any reader sees the set: add to the flags of a zone. */
void d1_zones_flag(struct d1_zones *zones, uint32_t index, unsigned flags);

/*
 * Before any reader sees the set: encode the negative section of a zone from its SOA's rdata (wire
 * form, names uncompressed) and TTL. Returns 0 or D1_EPARSE.
 */
int d1_zones_set_soa(struct d1_zones *zones, uint32_t index, const uint8_t *rdata, size_t length,
                     uint32_t ttl);

#endif /* D1_DNSD_ZONE_H */
