/*
 * DNS messages on the wire (RFC 1035, 4): constants and the parsed form of one query.
 *
 * Threads: pure functions, no allocation.
 * Memory: struct d1_query borrows the message it was parsed from.
 * Limits: nothing outside [message, message + length) is read; every loop ends after at most
 *   `length` steps.
 */
#ifndef D1_DNS_WIRE_H
#define D1_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "dns/name.h"

enum d1_type {
    D1_TYPE_A = 1,
    D1_TYPE_NS = 2,
    D1_TYPE_CNAME = 5,
    D1_TYPE_SOA = 6,
    D1_TYPE_TXT = 16,
    D1_TYPE_AAAA = 28,
    D1_TYPE_OPT = 41,
    D1_TYPE_DS = 43,
    D1_TYPE_RRSIG = 46,
    D1_TYPE_NSEC = 47,
    D1_TYPE_TSIG = 250,
    D1_TYPE_IXFR = 251,
    D1_TYPE_AXFR = 252,
    D1_TYPE_MAILB = 253,
    D1_TYPE_MAILA = 254,
    D1_TYPE_ANY = 255,
    D1_TYPE_CAA = 257,
};

enum d1_class { D1_CLASS_IN = 1, D1_CLASS_NONE = 254, D1_CLASS_ANY = 255 };

enum d1_opcode {
    D1_OPCODE_QUERY = 0,
    D1_OPCODE_NOTIFY = 4,
    D1_OPCODE_UPDATE = 5,
};

enum d1_rcode {
    D1_RCODE_NOERROR = 0,
    D1_RCODE_FORMERR = 1,
    D1_RCODE_SERVFAIL = 2,
    D1_RCODE_NXDOMAIN = 3,
    D1_RCODE_NOTIMP = 4,
    D1_RCODE_REFUSED = 5,
    D1_RCODE_YXDOMAIN = 6, /* This one and those below: RFC 2136, 2.2. */
    D1_RCODE_YXRRSET = 7,
    D1_RCODE_NXRRSET = 8,
    D1_RCODE_NOTAUTH = 9,
    D1_RCODE_NOTZONE = 10,
    D1_RCODE_BADVERS = 16, /* Needs OPT: the upper bits stand there (RFC 6891, 9). */
};

/* Header flags, as bits of the second 16-bit word (RFC 1035, 4.1.1; AD, CD: RFC 4035). */
#define D1_FLAG_QR 0x8000
#define D1_FLAG_AA 0x0400
#define D1_FLAG_TC 0x0200
#define D1_FLAG_RD 0x0100
#define D1_FLAG_RA 0x0080
#define D1_FLAG_AD 0x0020
#define D1_FLAG_CD 0x0010

#define D1_OPCODE_SHIFT 11

/* What d1_query_parse made of a message. */
enum d1_query_verdict {
    D1_QUERY_OK,      /* One question, well-formed all through. */
    D1_QUERY_DROP,    /* No answer at all: shorter than a header, or QR=1. */
    D1_QUERY_FORMERR, /* Answer FORMERR; the question is valid only if question_length > 0, what
                         stood in an OPT record only if `edns`. */
    D1_QUERY_NOTIMP,  /* An opcode we do not take; nothing after the header was looked at. */
    D1_QUERY_BADVERS, /* EDNS version above 0. */
    D1_QUERY_SIGNED,  /* As OK, and a TSIG record ends the message. */
    D1_QUERY_UPDATE,  /* Opcode UPDATE: for dns/update.h; nothing after the header was looked at. */
    D1_QUERY_COOKIE,  /* No question, but a cookie, which is to be answered (RFC 7873, 5.4). */
};

struct d1_query {
    uint16_t id;
    uint16_t flags; /* As received. */
    uint16_t type;
    uint16_t class;
    uint16_t question_length; /* Octets of the question section, from offset 12; 0: none parsed. */
    uint16_t labels;          /* Of the owner name, the root not counted. */
    struct d1_name name;      /* QNAME, folded. */
    bool edns;                /* An OPT record was there. */
    bool dnssec_ok;           /* DO bit (RFC 3225). */
    uint8_t asks;             /* enum d1_edns_asks; 0 without an OPT record. */
    uint8_t cookie_length;    /* Of its COOKIE option (dns/cookie.h); 0: none. */
    uint16_t cookie_at;       /* Where that begins in the message; only with cookie_length > 0. */
    bool cookie_malformed;    /* Only with `edns`. */
    uint16_t udp_size;        /* What the client takes: at least 512, at most D1_DNS_UDP_MAX. */
};

/*
 * Parse one message as a query. *ret_query is valid as the verdict says; on D1_QUERY_OK whole.
 * Checked: exactly one question (QDCOUNT 0, but for a cookie, and more than 1 are FORMERR: RFC 9619,
 * RFC 7873, 5.4), no compression in
 * QNAME, answer and authority empty, at most one OPT in additional (owner root; a second: FORMERR,
 * RFC 6891, 6.1.1), TSIG as the last record only (RFC 8945, 5.1), other additional records skipped within their lengths, no octets left over.
 */
enum d1_query_verdict d1_query_parse(const uint8_t *message, size_t length,
                                     struct d1_query *ret_query) D1_HOT;

/* "TXT", "TYPE65280" (RFC 3597, 5) for a type; static or in ret_text. */
const char *d1_type_text(uint16_t type, char ret_text[16]);

/* "NOERROR", "NXDOMAIN" ... or "RCODE23". */
const char *d1_rcode_text(unsigned rcode, char ret_text[16]);

#endif /* D1_DNS_WIRE_H */
