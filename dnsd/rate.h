/*
 * Response rate limiting of one worker: how many answers over UDP the clients of one prefix (IPv4
 * /24, IPv6 /56) may have in a second. docs/decisions/0008 tells why it is made as it is.
 *
 * Threads: used by its worker's thread only. Time is given.
 * Memory: a table of fixed size, made at once; nothing is allocated later.
 * Limits: D1_RATE_PREFIXES prefixes are remembered; a new one takes the place of the one that may
 *   send the most.
 */
#ifndef D1_DNSD_RATE_H
#define D1_DNSD_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/hash.h"
#include "core/limits.h"
#include "dnsd/peer.h"

#define D1_RATE_WAYS    4 /* Entries of one cache line. */
#define D1_RATE_BUCKETS (D1_RATE_PREFIXES / D1_RATE_WAYS)

/* A token bucket that holds the answers of one second. */
struct d1_rate_limit {
    uint64_t interval_ns; /* Between two answers; 0: no limit. */
    uint64_t burst_ns;    /* As many intervals as answers may be given at once. */
};

/* The bucket as one number: when it will be full again (in GCRA's words, the arrival expected). */
struct d1_rate_entry {
    uint32_t tag;
    uint32_t over; /* Answers over the limit. */
    uint64_t full_at_ns;
};

struct d1_rate_bucket {
    _Alignas(D1_CACHE_LINE) struct d1_rate_entry entry[D1_RATE_WAYS];
};

struct d1_rate {
    struct d1_hash_key key; /* So that nobody can choose prefixes that share a bucket. */
    uint64_t truncated;     /* Answers, counted by who limits, until who counts takes them. */
    uint64_t dropped;
    struct d1_rate_bucket bucket[D1_RATE_BUCKETS];
};

enum d1_rate_verdict {
    D1_RATE_PASS,
    D1_RATE_TRUNCATE, /* Over the limit: say that it must be asked over TCP. */
    D1_RATE_DROP,     /* Over the limit: say nothing. */
};

/* The limit for that many answers a second; 0: none. */
struct d1_rate_limit d1_rate_limit_of(uint32_t per_second);

/* Returns 0 or -errno. */
int d1_rate_create(struct d1_rate **ret_rate);

/* NULL is allowed. */
void d1_rate_destroy(struct d1_rate *rate);

/* The hash of a client's prefix. */
static inline uint64_t d1_rate_hash(const struct d1_rate *rate, const union d1_peer *client) {
    uint8_t prefix[8] = {0}; /* A length, then at most seven octets. */
    if (D1_LIKELY(client->any.sa_family == AF_INET)) {
        prefix[0] = 3;
        memcpy(prefix + 1, &client->in.sin_addr, 3);
    } else {
        prefix[0] = 7;
        memcpy(prefix + 1, &client->in6.sin6_addr, 7);
    }
    return d1_hash(&rate->key, prefix, sizeof(prefix));
}

/* Have what is known of it brought near. */
static inline void d1_rate_prefetch(const struct d1_rate *rate, uint64_t hash) {
    __builtin_prefetch(&rate->bucket[hash % D1_RATE_BUCKETS], 1);
}

/*
 * One answer more for that prefix at now_us (of a clock that never goes back). Over the limit every
 * second one is truncated, from the first on, the others are dropped; neither takes a token.
 */
enum d1_rate_verdict d1_rate_take(struct d1_rate *rate, const struct d1_rate_limit *limit,
                                  uint64_t hash, int64_t now_us) D1_HOT;

#endif /* D1_DNSD_RATE_H */
