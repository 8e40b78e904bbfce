/*
 * Signed messages (RFC 8945, 5): their signature checked, their answers signed. Off the usual path:
 * d1_answer_batch leaves such messages to its caller.
 *
 * Threads: any worker that is online in the epoch of the keys.
 * Memory: nothing is kept; the key found is borrowed as the set is.
 * Limits: a signed query has at most D1_SIGNED_QUERY_MAX octets.
 */
#ifndef D1_DNSD_SIGNED_H
#define D1_DNSD_SIGNED_H

#include "dns/tsig.h"
#include "dns/wire.h"
#include "dnsd/answer.h"
#include "dnsd/keys.h"

/* What is known of a message's signature. */
struct d1_signed {
    struct d1_tsig_key *key; /* NULL: unknown name, or not its algorithm. */
    unsigned error;          /* 0: it is good; else enum d1_tsig_error. */
    int64_t now_s;
    struct d1_tsig tsig;
};

/*
 * Find and check the signature of a message that has a TSIG record. Returns D1_RCODE_NOERROR (good),
 * D1_RCODE_NOTAUTH (`error` says why), D1_RCODE_FORMERR (then nothing may be signed) or
 * D1_RCODE_SERVFAIL (the same: our own failure).
 */
enum d1_rcode d1_signed_check(const struct d1_keys *keys, const uint8_t *message, size_t length,
                              int64_t now_s, struct d1_signed *ret_signed);

/* End an answer with its TSIG record, as the check came out. Returns as d1_tsig_sign(). */
int d1_signed_finish(const struct d1_signed *sign, struct d1_writer *writer);

/* Answer a slot whose verdict is D1_QUERY_SIGNED. */
void d1_signed_answer(const struct d1_answer_context *context, const struct d1_keys *keys,
                      int64_t now_s, struct d1_answer_slot *slot);

#endif /* D1_DNSD_SIGNED_H */
