#include "solver/map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

#define BUCKETS_AT_FIRST 16
/* One bucket per put would be enough to be done before the next doubling; four keep it short. */
#define MOVES_PER_PUT 4

int d1_map_init(struct d1_map *map,
                const void *(*key_of)(struct d1_map_node *node, size_t *ret_length)) {
    *map = (struct d1_map){.key_of = key_of, .mask = BUCKETS_AT_FIRST - 1};
    int err = d1_hash_key_init(&map->key);
    if (err != 0) {
        return err;
    }
    map->buckets = d1_calloc(BUCKETS_AT_FIRST, sizeof(struct d1_map_node *));
    return map->buckets != NULL ? D1_OK : -ENOMEM;
}

static void visit_chain(struct d1_map_node *node,
                        void (*visit)(struct d1_map_node *node, void *arg), void *arg) {
    while (node != NULL) {
        struct d1_map_node *next = node->next;
        visit(node, arg);
        node = next;
    }
}

void d1_map_each(const struct d1_map *map, void (*visit)(struct d1_map_node *node, void *arg),
                 void *arg) {
    if (map->buckets == NULL) {
        return;
    }
    for (size_t i = 0; map->old != NULL && i <= map->old_mask; i++) {
        visit_chain(map->old[i], visit, arg);
    }
    for (size_t i = 0; i <= map->mask; i++) {
        visit_chain(map->buckets[i], visit, arg);
    }
}

static void call_release(struct d1_map_node *node, void *arg) {
    void (**release)(struct d1_map_node *) = arg;
    (*release)(node);
}

void d1_map_close(struct d1_map *map, void (*release)(struct d1_map_node *node)) {
    if (release != NULL) {
        d1_map_each(map, call_release, (void *)&release);
    }
    d1_free(map->buckets);
    d1_free(map->old);
    map->buckets = NULL;
    map->old = NULL;
    map->count = 0;
}

static uint64_t hash_of(const struct d1_map *map, struct d1_map_node *node) {
    size_t length = 0;
    const void *key = map->key_of(node, &length);
    return d1_hash(&map->key, key, length);
}

static struct d1_map_node *find_in(const struct d1_map *map, struct d1_map_node *node,
                                   const void *key, size_t length) {
    for (; node != NULL; node = node->next) {
        size_t own_length = 0;
        const void *own = map->key_of(node, &own_length);
        if (own_length != length) {
            continue;
        }
        if (map->secret ? d1_equal_secret(own, key, length) : memcmp(own, key, length) == 0) {
            return node;
        }
    }
    return NULL;
}

struct d1_map_node *d1_map_find(const struct d1_map *map, const void *key, size_t length) {
    uint64_t hash = d1_hash(&map->key, key, length);
    struct d1_map_node *found = find_in(map, map->buckets[hash & map->mask], key, length);
    if (found == NULL && map->old != NULL) {
        found = find_in(map, map->old[hash & map->old_mask], key, length);
    }
    return found;
}

static void push(struct d1_map *map, struct d1_map_node *node) {
    struct d1_map_node **bucket = &map->buckets[hash_of(map, node) & map->mask];
    node->next = *bucket;
    *bucket = node;
}

static void move_some(struct d1_map *map) {
    for (unsigned i = 0; i < MOVES_PER_PUT && map->moved <= map->old_mask; i++) {
        struct d1_map_node *node = map->old[map->moved];
        map->old[map->moved++] = NULL;
        while (node != NULL) {
            struct d1_map_node *next = node->next;
            push(map, node);
            node = next;
        }
    }
    if (map->moved > map->old_mask) {
        d1_free(map->old);
        map->old = NULL;
    }
}

static void grow(struct d1_map *map) {
    size_t size = (map->mask + 1) * 2;
    struct d1_map_node **buckets = d1_calloc(size, sizeof(struct d1_map_node *));
    if (buckets == NULL) {
        return;
    }
    map->old = map->buckets;
    map->old_mask = map->mask;
    map->moved = 0;
    map->buckets = buckets;
    map->mask = size - 1;
}

void d1_map_put(struct d1_map *map, struct d1_map_node *node) {
    if (map->old != NULL) {
        move_some(map);
    } else if (map->count > map->mask) {
        grow(map);
    }
    push(map, node);
    map->count++;
}

static bool unlink_from(struct d1_map_node **link, const struct d1_map_node *node) {
    while (*link != NULL && *link != node) {
        link = &(*link)->next;
    }
    if (*link == NULL) {
        return false;
    }
    *link = node->next;
    return true;
}

void d1_map_remove(struct d1_map *map, struct d1_map_node *node) {
    uint64_t hash = hash_of(map, node);
    bool found = unlink_from(&map->buckets[hash & map->mask], node) ||
                 (map->old != NULL && unlink_from(&map->old[hash & map->old_mask], node));
    assert(found);
    (void)found;
    map->count--;
}
