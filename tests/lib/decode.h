/*
 * A strict decoder of DNS messages for tests, written apart from dns/wire.c so that both would have
 * to be wrong in the same way. It accepts only what a careful server sends.
 *
 * Threads: pure functions.
 * Memory: a decoded message refers to its octets by offset.
 * Limits: D1_DECODED_RRS_MAX records.
 */
#ifndef D1_TESTS_LIB_DECODE_H
#define D1_TESTS_LIB_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/name.h"

#define D1_DECODED_RRS_MAX 4096

enum d1_section { D1_SECTION_ANSWER, D1_SECTION_AUTHORITY, D1_SECTION_ADDITIONAL };

struct d1_decoded_rr {
    enum d1_section section;
    size_t owner_at;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t rdata_at;
    uint16_t rdata_length;
};

struct d1_decoded {
    uint16_t id;
    uint16_t flags;
    unsigned rcode; /* With the upper bits of OPT. */
    uint16_t count[4];
    size_t question_length; /* 0: none. */
    uint16_t qtype;
    uint16_t qclass;
    bool edns;
    uint16_t udp_size;
    bool dnssec_ok;
    size_t options_at; /* The OPT record's rdata. */
    size_t options_length;
    size_t rrs_count;
    struct d1_decoded_rr rrs[D1_DECODED_RRS_MAX];
};

/*
 * Decode a message. Returns NULL, or what is wrong with it: octets left over, counts that do not
 * fit, pointers that do not go backward to a name, rdata of TXT, SOA, NS and CNAME not well-formed,
 * OPT not at the root, more than once or outside additional, its options not whole.
 */
const char *d1_decode_message(const uint8_t *message, size_t length,
                              struct d1_decoded *ret_decoded);

/* The first option of that code in a decoded message; NULL: there is none. */
const uint8_t *d1_decoded_option(const uint8_t *message, const struct d1_decoded *decoded,
                                 unsigned code, size_t *ret_length);

/* The folded name at an offset. Returns octets it takes there, or 0 when it is malformed. */
size_t d1_decode_name(const uint8_t *message, size_t length, size_t at, struct d1_name *ret_name);

/* MNAME and RNAME of an SOA record of a decoded message; returns where its numbers begin. */
size_t d1_decode_soa(const uint8_t *message, size_t length, const struct d1_decoded_rr *rr,
                     struct d1_name *ret_mname, struct d1_name *ret_rname);

/*
 * Whether a reply may follow that query at all: decodes, ID, opcode, RD copied, RA, AD and CD
 * clear, question echoed octet for octet, size limits, TC only with empty sections, errors with
 * nothing. Answers are one chain of CNAMEs from the question on; behind it stand the records asked
 * for, or nothing, or exactly one SOA of a zone that holds its last name, or a referral at or above
 * that name (without AA when it is the whole answer). Additional records are addresses of name
 * servers that the reply lists. Options are those the query had, each once and of its right length;
 * EDE comes with errors only. Returns NULL or the fault.
 */
const char *d1_reply_fault(const uint8_t *query, size_t query_length, const uint8_t *reply,
                           size_t reply_length, bool tcp);

#endif /* D1_TESTS_LIB_DECODE_H */
