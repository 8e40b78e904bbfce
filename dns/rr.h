/*
 * Resource records in a message (RFC 1035, 4.1.3), names in them compressed or not.
 *
 * Threads: pure functions, no allocation.
 * Memory: a record borrows the message it was read from.
 * Limits: a pointer leads backwards only, and a name has at most D1_NAME_LABELS_MAX of them; nothing
 *   outside the reader's message is read.
 */
#ifndef D1_DNS_RR_H
#define D1_DNS_RR_H

#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "dns/name.h"

struct d1_reader;

struct d1_rr {
    size_t at; /* Where it begins in the message. */
    struct d1_name name;
    uint16_t type;
    uint16_t class;
    uint16_t rdata_length;
    uint32_t ttl;
    const uint8_t *rdata; /* As in the message: names in it may be compressed. */
};

/*
 * Read a name, which may end in a pointer (RFC 1035, 4.1.4), and fold it. The reader's start is the
 * start of the message; it stands behind the name afterwards. Returns 0 or D1_EPARSE.
 */
int d1_rr_read_name(struct d1_reader *reader, struct d1_name *ret_name) D1_MUST_CHECK;

/* Read the next record. Returns 0 or D1_EPARSE. */
int d1_rr_read(struct d1_reader *reader, struct d1_rr *ret_rr) D1_MUST_CHECK;

#endif /* D1_DNS_RR_H */
