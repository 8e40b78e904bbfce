#include "dnsd/rate.h"

#include <assert.h>
#include <errno.h>

#include "core/err.h"
#include "core/mem.h"

#define SECOND_NS UINT64_C(1000000000)
#define SLIP      2 /* As NSD's default: one of so many is truncated. */

static_assert((D1_RATE_BUCKETS & (D1_RATE_BUCKETS - 1)) == 0, "hash % buckets is a mask");
static_assert(sizeof(struct d1_rate_bucket) == D1_CACHE_LINE, "a bucket is one cache line");

struct d1_rate_limit d1_rate_limit_of(uint32_t per_second) {
    struct d1_rate_limit limit = {.interval_ns = 0};
    if (per_second > 0) {
        limit.interval_ns = SECOND_NS / per_second;
        limit.burst_ns = limit.interval_ns * per_second;
    }
    return limit;
}

int d1_rate_create(struct d1_rate **ret_rate) {
    struct d1_rate *rate = d1_aligned(D1_CACHE_LINE, sizeof(*rate));
    if (rate == NULL) {
        return -ENOMEM;
    }
    int err = d1_hash_key_init(&rate->key);
    if (err != D1_OK) {
        d1_free(rate);
        return err;
    }
    *ret_rate = rate;
    return D1_OK;
}

void d1_rate_destroy(struct d1_rate *rate) {
    d1_free(rate);
}

/* The entry of that tag. A new one takes the place of the one that is full first: it loses least. */
static inline struct d1_rate_entry *find(struct d1_rate_bucket *bucket, uint32_t tag) {
    struct d1_rate_entry *fullest = &bucket->entry[0];
    for (size_t i = 0; i < D1_RATE_WAYS; i++) {
        struct d1_rate_entry *entry = &bucket->entry[i];
        if (entry->tag == tag) {
            return entry;
        }
        fullest = entry->full_at_ns < fullest->full_at_ns ? entry : fullest;
    }
    *fullest = (struct d1_rate_entry){.tag = tag};
    return fullest;
}

enum d1_rate_verdict d1_rate_take(struct d1_rate *rate, const struct d1_rate_limit *limit,
                                  uint64_t hash, int64_t now_us) {
    assert(limit->interval_ns > 0 && now_us >= 0);
    struct d1_rate_entry *entry =
        find(&rate->bucket[hash % D1_RATE_BUCKETS], (uint32_t)(hash >> 32));
    uint64_t now_ns = (uint64_t)now_us * 1000;
    uint64_t full_at_ns = entry->full_at_ns > now_ns ? entry->full_at_ns : now_ns;
    full_at_ns += limit->interval_ns;
    if (D1_LIKELY(full_at_ns - now_ns <= limit->burst_ns)) {
        entry->full_at_ns = full_at_ns;
        return D1_RATE_PASS;
    }
    return entry->over++ % SLIP == 0 ? D1_RATE_TRUNCATE : D1_RATE_DROP;
}
