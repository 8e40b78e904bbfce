/*
 * Lock: keys that one job holds and others wait for, in the order they asked.
 *
 * Threads: one loop; nothing blocks: who has to wait is called later.
 * Memory: a claim is embedded in the caller's object and stays in the set until it is released.
 */
#ifndef D1_PROVIDERS_LOCK_H
#define D1_PROVIDERS_LOCK_H

#include <stdbool.h>

#include "core/attr.h"
#include "core/hash.h"

#define D1_LOCK_BUCKETS 1024

struct d1_lock_key;

struct d1_lock_set {
    struct d1_hash_key hash;
    struct d1_lock_key *bucket[D1_LOCK_BUCKETS];
};

struct d1_lock_claim {
    void (*granted)(struct d1_lock_claim *claim); /* Only when it had to wait. */
    struct d1_lock_key *key;                      /* NULL: it claims nothing. */
    struct d1_lock_claim *next;
};

/* Returns 0 or -errno. */
int d1_lock_set_init(struct d1_lock_set *set) D1_MUST_CHECK;

/*
 * Claim the key with that text. Returns 0 (held), 1 (`granted` will be called, from the release of
 * another) or -ENOMEM.
 */
int d1_lock_claim(struct d1_lock_set *set, const char *text,
                  struct d1_lock_claim *claim) D1_MUST_CHECK;

/* Give it back, held or waiting; a claim of nothing is allowed. The next one's `granted` is called. */
void d1_lock_release(struct d1_lock_set *set, struct d1_lock_claim *claim);

#endif /* D1_PROVIDERS_LOCK_H */
