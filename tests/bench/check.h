/*
 * Whether an answer is the right one. Independent of the project's own wire code on purpose: it is
 * the judge of what that code made.
 *
 * Threads: pure functions.
 * Limits: any octets may be given; nothing outside [answer, answer + length) is read.
 */
#ifndef D1_BENCH_CHECK_H
#define D1_BENCH_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/queries.h"

/* X(name, text): what can be wrong, in the order it is looked at. */
#define D1_BENCH_FAULT_TABLE(X)                                                            \
    X(D1_BENCH_RIGHT, "right")                                                             \
    X(D1_BENCH_SHORT, "shorter than the question")                                         \
    X(D1_BENCH_ID, "another ID")                                                           \
    X(D1_BENCH_FLAGS, "flags: not a response, not a QUERY, truncated, or RD not as asked") \
    X(D1_BENCH_AA, "not authoritative")                                                    \
    X(D1_BENCH_QUESTION, "question not echoed octet for octet")                            \
    X(D1_BENCH_RCODE, "wrong RCODE")                                                       \
    X(D1_BENCH_ANCOUNT, "wrong number of answer records")                                  \
    X(D1_BENCH_OWNER, "answer record of another owner")                                    \
    X(D1_BENCH_TYPE, "answer record is not IN TXT")                                        \
    X(D1_BENCH_VALUE, "another TXT value")                                                 \
    X(D1_BENCH_SOA, "NXDOMAIN without the zone's SOA in the authority section")            \
    X(D1_BENCH_FORM, "malformed, or octets after its end")

enum d1_bench_fault {
#define X(name, text) name,
    D1_BENCH_FAULT_TABLE(X)
#undef X
        D1_BENCH_FAULTS
};

/* Compare an answer with what `query`, sent with this ID, must get. D1_BENCH_RIGHT or what is wrong. */
enum d1_bench_fault d1_bench_check(const struct d1_bench_query *query, uint16_t id,
                                   const uint8_t *answer, size_t length);

/* What a fault means, in words. */
const char *d1_bench_fault_text(enum d1_bench_fault fault);

#endif /* D1_BENCH_CHECK_H */
