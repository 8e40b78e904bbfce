#include "http/peers.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/mem.h"

enum { BUCKETS = 1024, KEY_BYTES = 9 };

/* An address family and the octets that count, zeros behind. */
struct key {
    uint8_t octets[KEY_BYTES];
};

struct entry {
    struct entry *next;
    struct key key;
    unsigned count;
};

struct d1_http_peers {
    struct d1_hash_key hash_key;
    struct entry *buckets[BUCKETS];
};

int d1_http_peers_create(struct d1_http_peers **ret_peers) {
    struct d1_http_peers *peers = d1_calloc(1, sizeof(*peers));
    if (peers == NULL) {
        return -ENOMEM;
    }
    int err = d1_hash_key_init(&peers->hash_key);
    if (err != D1_OK) {
        d1_free(peers);
        return err;
    }
    *ret_peers = peers;
    return D1_OK;
}

void d1_http_peers_destroy(struct d1_http_peers *peers) {
    if (peers == NULL) {
        return;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (peers->buckets[i] != NULL) {
            struct entry *entry = peers->buckets[i];
            peers->buckets[i] = entry->next;
            d1_free(entry);
        }
    }
    d1_free(peers);
}

/* Returns whether addresses of that family are counted. */
static bool make_key(const struct sockaddr_storage *address, struct key *ret_key) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    *ret_key = (struct key){0};
    if (address->ss_family == AF_INET) {
        ret_key->octets[0] = 4;
        memcpy(ret_key->octets + 1, &in->sin_addr, 4);
        return true;
    }
    ret_key->octets[0] = 6;
    memcpy(ret_key->octets + 1, &in6->sin6_addr, 8);
    return address->ss_family == AF_INET6;
}

/* The place that points at the entry of that key, or at the NULL where it would stand. */
static struct entry **find(struct d1_http_peers *peers, const struct key *key) {
    uint64_t hash = d1_hash(&peers->hash_key, key->octets, sizeof(key->octets));
    struct entry **at = &peers->buckets[hash % BUCKETS];
    while (*at != NULL && memcmp(&(*at)->key, key, sizeof(*key)) != 0) {
        at = &(*at)->next;
    }
    return at;
}

int d1_http_peers_add(struct d1_http_peers *peers, const struct sockaddr_storage *address,
                      unsigned max) {
    struct key key;
    if (!make_key(address, &key)) {
        return D1_OK;
    }
    struct entry **at = find(peers, &key);
    if (*at == NULL) {
        struct entry *entry = d1_calloc(1, sizeof(*entry));
        if (entry == NULL) {
            return -ENOMEM;
        }
        entry->key = key;
        *at = entry;
    }
    if (max > 0 && (*at)->count >= max) {
        return D1_ELIMIT;
    }
    (*at)->count++;
    return D1_OK;
}

void d1_http_peers_remove(struct d1_http_peers *peers, const struct sockaddr_storage *address) {
    struct key key;
    if (!make_key(address, &key)) {
        return;
    }
    struct entry **at = find(peers, &key);
    assert(*at != NULL && (*at)->count > 0);
    struct entry *entry = *at;
    if (--entry->count == 0) {
        *at = entry->next;
        d1_free(entry);
    }
}
