/*
 * Delegations: suffixes below which every `_acme-challenge.NAME` is a zone of its own, delegated to
 * us by NS records somewhere else. Such a zone is computed from the question: its SOA and NS are the
 * same whatever NAME is, and nothing is stored but challenges.
 *
 * Threads: made with the zones; then immutable.
 * Memory: the zone owns its struct d1_delegated.
 * Limits: D1_DELEGATION_NAMESERVERS_MAX name servers.
 */
#ifndef D1_DNSD_DELEGATION_H
#define D1_DNSD_DELEGATION_H

#include "dnsd/zone.h"

/* The name is in no delegated zone. */
#define D1_DELEGATION_NONE SIZE_MAX

/* The apex RRsets, encoded with owner 0xC00C: first the SOA, then the NS records. */
struct d1_delegated {
    uint16_t soa_length;
    uint16_t ns_length;
    uint16_t ns_count;
    uint8_t wire[];
};

/*
 * Encode SOA, NS and the negative section of a configured delegation. Returns 0 and memory for
 * d1_free, D1_ECONFIG (no name servers), D1_ELIMIT or -ENOMEM.
 */
int d1_delegation_encode(const struct d1_zone_config *config, struct d1_negative *ret_negative,
                         struct d1_delegated **ret_delegated, struct d1_error *error);

/*
 * Where in the name its delegated zone begins: at the last label `_acme-challenge` before the suffix,
 * so that names below it are in that zone and cannot be zones themselves. D1_DELEGATION_NONE when
 * there is none.
 */
size_t d1_delegation_apex(const struct d1_name *name, size_t suffix_length);

#endif /* D1_DNSD_DELEGATION_H */
