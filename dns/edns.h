/*
 * EDNS options (RFC 6891, 6.1.2): those of a query that we know, and those of an answer.
 *
 * Threads: pure functions, no allocation.
 * Limits: nothing outside the record's rdata is read, nothing beyond `room` is written.
 */
#ifndef D1_DNS_EDNS_H
#define D1_DNS_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum d1_edns_option {
    D1_OPTION_NSID = 3,       /* RFC 5001 */
    D1_OPTION_COOKIE = 10,    /* RFC 7873 */
    D1_OPTION_KEEPALIVE = 11, /* RFC 7828 */
    D1_OPTION_EDE = 15,       /* RFC 8914 */
};

/* Info-codes of extended DNS errors that we give (RFC 8914, 5.2). */
enum d1_ede {
    D1_EDE_NONE = 0, /* Code 0, "other", says nothing and is never sent. */
    D1_EDE_NOT_READY = 14,
    D1_EDE_PROHIBITED = 18,
    D1_EDE_NOT_AUTHORITATIVE = 20,
    D1_EDE_NOT_SUPPORTED = 21,
};

/* What the options of a query ask for. */
enum d1_edns_asks {
    D1_ASKS_NSID = 1,
    D1_ASKS_KEEPALIVE = 2,
};

struct d1_edns_options {
    uint8_t asks;          /* enum d1_edns_asks */
    bool cookie_malformed; /* FORMERR (RFC 7873, 5.2.2). */
    uint8_t cookie_length; /* Of the first COOKIE option; 0: none. */
    uint16_t cookie_at;    /* Where its octets are, from the start of the rdata. */
};

/*
 * Read the options of an OPT record's rdata; unknown ones are passed over. Returns false when they
 * do not fill it exactly.
 */
bool d1_edns_read_options(const uint8_t *rdata, size_t length, struct d1_edns_options *ret_options);

#define D1_EDNS_BYTES        11 /* An OPT record without options. */
#define D1_EDNS_OPTION_BYTES 4  /* Code and length, before the octets of an option. */

/*
 * The OPT record of an answer: 11 octets at `ret_wire` with our size, version 0, the DO bit copied
 * and the extended bits of the RCODE (RFC 6891, 6.1.3). Returns 11.
 */
size_t d1_edns_write(uint8_t *ret_wire, bool dnssec_ok, unsigned rcode);

/*
 * Add an option to the OPT record of `length` octets at `opt`, which ends the message. Returns its
 * new length; the old one, and nothing is written, when it would exceed `room`.
 */
size_t d1_edns_add(uint8_t *opt, size_t length, size_t room, enum d1_edns_option code,
                   const void *octets, size_t count);

#endif /* D1_DNS_EDNS_H */
