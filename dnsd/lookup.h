/*
 * Look-up: what is answered to a question, as a pure function over the served data. The sections are
 * written behind the question; header and OPT record are the caller's.
 *
 * Threads: any reader that is online in the served data's epoch. No lock, no allocation, no system
 *   call, no logging.
 * Memory: query and writer are the caller's.
 * Limits: nothing is written beyond the writer's end; what does not fit is left out whole, with TC.
 */
#ifndef D1_DNSD_LOOKUP_H
#define D1_DNSD_LOOKUP_H

#include "core/buf.h"
#include "dns/wire.h"
#include "dnsd/served.h"

/* What the caller counts or tells the timeline. */
enum d1_answer_note {
    D1_NOTE_CHALLENGE = 1,  /* Asked for a name that holds challenge values. */
    D1_NOTE_UNEXPECTED = 2, /* TXT asked for a known name that holds none. */
    D1_NOTE_TRUNCATED = 4,
};

/* Header fields of the answer, for what stands in its sections. */
struct d1_found {
    uint8_t rcode;
    uint8_t notes;  /* enum d1_answer_note */
    uint16_t flags; /* AA, TC */
    uint16_t answers;
    uint16_t authority;
    uint16_t additional; /* Without OPT. */
};

/*
 * Write the answer, authority and additional sections for a query that was parsed whole. The
 * writer's start is the message's, it stands right behind the question, and its end leaves room for
 * what follows the sections. `hash` is d1_table_hash of the query's name.
 */
void d1_lookup(const struct d1_served *served, const struct d1_query *query, uint64_t hash,
               struct d1_writer *writer, struct d1_found *ret_found) D1_HOT;

#endif /* D1_DNSD_LOOKUP_H */
