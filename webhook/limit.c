/*
 * Each address has one number: the moment at which its bucket would be full again ("full_us"). A
 * take moves it one interval on; it may happen while the result is no more than a period from now.
 * An address without an entry has a full bucket, so an entry whose moment has passed is free.
 */
#include "webhook/limit.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"

#define WAYS 8 /* Places of one address. */

struct entry {
    struct d1_ip address;
    int64_t full_us;
};

struct d1_limit {
    const struct d1_clock *clock;
    struct d1_hash_key key;
    unsigned count;
    int64_t period_us;
    struct entry entries[D1_LIMIT_ADDRESSES];
};

_Static_assert(D1_LIMIT_ADDRESSES % WAYS == 0, "each set has WAYS places");

int d1_limit_create(const struct d1_clock *clock, struct d1_limit **ret_limit) {
    struct d1_limit *limit = d1_calloc(1, sizeof(*limit));
    if (limit == NULL) {
        return -ENOMEM;
    }
    int err = d1_hash_key_init(&limit->key);
    if (err != D1_OK) {
        d1_free(limit);
        return err;
    }
    limit->clock = clock;
    for (size_t i = 0; i < D1_LIMIT_ADDRESSES; i++) {
        limit->entries[i].full_us = INT64_MIN;
    }
    *ret_limit = limit;
    return D1_OK;
}

void d1_limit_destroy(struct d1_limit *limit) {
    d1_free(limit);
}

void d1_limit_configure(struct d1_limit *limit, unsigned count, int64_t period_ms) {
    limit->count = count;
    limit->period_us = period_ms * 1000;
}

/* The part of an address that one client holds: a /64 of IPv6 (RFC 6177, 2). */
static struct d1_ip client_part(const struct d1_ip *address) {
    struct d1_ip part = {.length = address->length};
    memcpy(part.octets, address->octets, address->length == 16 ? 8 : address->length);
    return part;
}

/* The entry of the address, or the place it would take. */
static struct entry *find_entry(struct d1_limit *limit, const struct d1_ip *part) {
    uint64_t hash = d1_hash(&limit->key, part, sizeof(*part));
    struct entry *set = &limit->entries[hash % (D1_LIMIT_ADDRESSES / WAYS) * WAYS];
    struct entry *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(&set[i].address, part, sizeof(*part)) == 0) {
            return &set[i];
        }
        if (set[i].full_us < oldest->full_us) {
            oldest = &set[i];
        }
    }
    return oldest;
}

static int64_t interval_us(const struct d1_limit *limit) {
    return limit->period_us / limit->count;
}

unsigned d1_limit_wait_s(struct d1_limit *limit, const struct d1_ip *address) {
    if (limit->count == 0 || address->length == 0) {
        return 0;
    }
    struct d1_ip part = client_part(address);
    const struct entry *entry = find_entry(limit, &part);
    if (memcmp(&entry->address, &part, sizeof(part)) != 0) {
        return 0;
    }
    int64_t now = d1_clock_mono_us(limit->clock);
    int64_t wait = entry->full_us + interval_us(limit) - now - limit->period_us;
    return wait <= 0 ? 0 : (unsigned)((wait + 999999) / 1000000);
}

void d1_limit_take(struct d1_limit *limit, const struct d1_ip *address) {
    if (limit->count == 0 || address->length == 0) {
        return;
    }
    struct d1_ip part = client_part(address);
    struct entry *entry = find_entry(limit, &part);
    int64_t now = d1_clock_mono_us(limit->clock);
    if (memcmp(&entry->address, &part, sizeof(part)) != 0) {
        entry->address = part;
        entry->full_us = now;
    }
    int64_t full = entry->full_us > now ? entry->full_us : now;
    int64_t most = now + limit->period_us;
    full += interval_us(limit);
    entry->full_us = full < most ? full : most;
}

void d1_limit_give_back(struct d1_limit *limit, const struct d1_ip *address) {
    if (limit->count == 0 || address->length == 0) {
        return;
    }
    struct d1_ip part = client_part(address);
    struct entry *entry = find_entry(limit, &part);
    if (memcmp(&entry->address, &part, sizeof(part)) == 0) {
        entry->full_us -= interval_us(limit);
    }
}
