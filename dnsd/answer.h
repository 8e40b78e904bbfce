/*
 * Answers: messages in, answers out, a batch at a time, as a pure function of a context.
 * UDP and TCP workers, tests and fuzz targets call the same one.
 *
 * Threads: any reader that is online in the served data's epoch. No lock, no allocation, no system
 *   call, no logging.
 * Memory: messages and reply buffers are the caller's; they must not overlap.
 * Limits: at most D1_UDP_BATCH slots; a reply is never longer than reply_max.
 */
#ifndef D1_DNSD_ANSWER_H
#define D1_DNSD_ANSWER_H

#include "dns/cookie.h"
#include "dns/wire.h"
#include "dnsd/lookup.h"
#include "dnsd/peer.h"
#include "dnsd/served.h"

struct d1_options;
struct d1_rate;
struct d1_update_job;

/* What the answers of one batch depend on, besides their questions. */
struct d1_answer_context {
    const struct d1_served *served;   /* NULL: nothing is loaded yet, all is SERVFAIL. */
    const struct d1_options *options; /* NULL: none. */
    struct d1_rate *rate;             /* NULL: no limit, as on TCP; changed by answering. */
    int64_t now_us;                   /* Of a clock that never goes back: rate. */
    uint32_t now_s;                   /* Unix time, modulo 2^32: cookies. */
    uint16_t keepalive;               /* TCP: the idle time-out in 100 ms (RFC 7828, 3.1). */
};

struct d1_answer_slot {
    /* In. */
    const uint8_t *message;
    size_t length;
    uint8_t *reply;
    size_t reply_max;            /* UDP: D1_DNS_UDP_MAX octets of room; TCP: D1_DNS_MESSAGE_MAX. */
    const union d1_peer *client; /* Who asked: borrowed. */
    bool tcp;

    /* Out. */
    size_t reply_length; /* 0: no answer. */
    uint8_t rcode;       /* Low four bits are the header's. */
    uint8_t notes;       /* enum d1_answer_note */
    uint8_t answers;     /* ANCOUNT, at most 255. */

    struct d1_update_job *job; /* Verdict D1_QUERY_UPDATE only: answered later (dnsd/update.h). */

    /* Scratch, valid after the call for the timeline: query.name and query.type. */
    enum d1_query_verdict verdict;
    uint64_t hash;
    struct d1_query query;
    uint64_t rate_hash;
    uint16_t opt_bytes;  /* Octets that its OPT record needs in any case. */
    bool cookie_present; /* `cookie` is what the query's is answered with. */
    bool cookie_valid;   /* The client has shown that it receives what is sent to its address. */
    uint8_t cookie[D1_COOKIE_BYTES];
};

/*
 * Answer all slots: parse all, prefetch buckets, prefetch records, then compare and copy. Returns
 * how many are left to the caller, without an answer: those whose verdict is D1_QUERY_SIGNED or
 * D1_QUERY_UPDATE.
 */
size_t d1_answer_batch(const struct d1_answer_context *context, struct d1_answer_slot *slots,
                       size_t count) D1_HOT;

/*
 * Have the answer to such a slot count for the rate of its client if it is an error, so that wrong
 * signatures make no flood. Over the limit it is not sent.
 */
void d1_answer_limit_aside(const struct d1_answer_context *context, struct d1_answer_slot *slot);

#endif /* D1_DNSD_ANSWER_H */
