#include "providers/lock.h"

#include <errno.h>
#include <string.h>

#include "core/mem.h"

struct d1_lock_key {
    struct d1_lock_key *next;
    struct d1_lock_claim *first; /* The holder, then those who wait. */
    size_t bucket;
    char text[];
};

int d1_lock_set_init(struct d1_lock_set *set) {
    *set = (struct d1_lock_set){0};
    return d1_hash_key_init(&set->hash);
}

static size_t bucket_of(const struct d1_lock_set *set, const char *text) {
    uint64_t hash = d1_hash(&set->hash, text, strlen(text));
    return (size_t)(hash % D1_LOCK_BUCKETS);
}

int d1_lock_claim(struct d1_lock_set *set, const char *text, struct d1_lock_claim *claim) {
    size_t bucket = bucket_of(set, text);
    struct d1_lock_key *key = set->bucket[bucket];
    while (key != NULL && strcmp(key->text, text) != 0) {
        key = key->next;
    }
    claim->next = NULL;
    if (key != NULL) {
        struct d1_lock_claim *last = key->first;
        while (last->next != NULL) {
            last = last->next;
        }
        last->next = claim;
        claim->key = key;
        return 1;
    }
    key = d1_malloc(sizeof(*key) + strlen(text) + 1);
    if (key == NULL) {
        return -ENOMEM;
    }
    key->bucket = bucket;
    key->first = claim;
    memcpy(key->text, text, strlen(text) + 1);
    key->next = set->bucket[bucket];
    set->bucket[bucket] = key;
    claim->key = key;
    return 0;
}

static void drop_key(struct d1_lock_set *set, struct d1_lock_key *key) {
    struct d1_lock_key **at = &set->bucket[key->bucket];
    while (*at != key) {
        at = &(*at)->next;
    }
    *at = key->next;
    d1_free(key);
}

void d1_lock_release(struct d1_lock_set *set, struct d1_lock_claim *claim) {
    struct d1_lock_key *key = claim->key;
    if (key == NULL) {
        return;
    }
    claim->key = NULL;
    bool held = key->first == claim;
    struct d1_lock_claim **at = &key->first;
    while (*at != claim) {
        at = &(*at)->next;
    }
    *at = claim->next;
    if (key->first == NULL) {
        drop_key(set, key);
    } else if (held) {
        key->first->granted(key->first);
    }
}
