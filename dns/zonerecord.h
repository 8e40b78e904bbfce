/*
 * One record of zone-file text, read in one of two ways: the plain way, which knows the types and
 * the forms that zone files are full of, and the way through
 * ldns, which knows all of them. What the plain way takes, ldns takes too and reads the same; the
 * fuzz target `zoneline` holds them side by side. docs/decisions/0007 tells why there are two.
 *
 * Threads: pure functions on the caller's objects.
 * Memory: a record's rdata stands in its scope, until the next record is read with it.
 * Limits: D1_ZONE_TEXT_MAX octets of text; rdata of at most 65,535 octets.
 */
#ifndef D1_DNS_ZONERECORD_H
#define D1_DNS_ZONERECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "dns/zonefile.h"

/* What holds for the next record, however it is read, and room for its rdata. */
struct d1_zone_scope {
    struct d1_name origin;
    struct d1_name previous; /* Owner of the record before, for lines that begin with a blank. */
    bool has_previous;       /* Else such a line means the origin. */
    uint32_t ttl;            /* Of records that name none. */
    uint8_t kind[256];       /* What an octet may be part of; of zoneplain.c. */
    uint8_t rdata[D1_DNS_MESSAGE_MAX];
};

void d1_zone_scope_init(struct d1_zone_scope *scope, const struct d1_name *origin, uint32_t ttl);

enum d1_zone_plain {
    D1_ZONE_PLAIN_RECORD, /* *ret_record is set, but for its line. */
    D1_ZONE_PLAIN_EMPTY,  /* Nothing but blanks and a comment. */
    D1_ZONE_PLAIN_ODD,    /* Not for the plain way: nothing has changed. */
};

/*
 * Read one line, given without its line feed, when it is plain: a whole record of type A, NS,
 * CNAME, MX, TXT, AAAA or CAA, class IN, times in seconds, without escapes and parentheses.
 */
enum d1_zone_plain d1_zone_read_plain(struct d1_zone_scope *scope, const char *line, size_t length,
                                      struct d1_zone_record *ret_record);

/*
 * Read the text of one record, NUL-terminated, already joined into one line, through ldns. The text
 * is scratch: it may be changed. Returns 0 with *ret_record set but for its line, D1_EPARSE with the
 * reason in *error, or -ENOMEM.
 */
int d1_zone_read_ldns(struct d1_zone_scope *scope, char *text, struct d1_zone_record *ret_record,
                      struct d1_error *error);

/*
 * A time in seconds or with units ("3600", "1h30m", "2w"), all of `length` octets. Returns whether it
 * is one and fits.
 */
bool d1_zone_period(const char *word, size_t length, uint32_t *ret_seconds);

#endif /* D1_DNS_ZONERECORD_H */
