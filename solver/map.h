/*
 * Map: an intrusive hash table from octets to nodes that stand in the caller's objects.
 *
 * It grows by doubling, but moves a few buckets at a time, with each put: no put ever stalls the
 * loop for the whole table. Without memory to grow, chains get longer and nothing else happens.
 *
 * Threads: one at a time; several may call find while nothing changes.
 * Memory: nodes are the caller's; the map owns its bucket arrays only.
 */
#ifndef D1_SOLVER_MAP_H
#define D1_SOLVER_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/hash.h"

struct d1_map_node {
    struct d1_map_node *next;
};

struct d1_map {
    struct d1_hash_key key;
    const void *(*key_of)(struct d1_map_node *node, size_t *ret_length);
    bool secret; /* Keys are compared in constant time. */
    struct d1_map_node **buckets;
    size_t mask;
    struct d1_map_node **old; /* While it grows: the array before; its first `moved` are empty. */
    size_t old_mask;
    size_t moved;
    size_t count;
};

/* An empty map. Returns 0 or -errno. */
int d1_map_init(struct d1_map *map,
                const void *(*key_of)(struct d1_map_node *node, size_t *ret_length));

/* Free the arrays; release (NULL is allowed) is called with each node left. */
void d1_map_close(struct d1_map *map, void (*release)(struct d1_map_node *node));

/* The node with that key, or NULL. */
struct d1_map_node *d1_map_find(const struct d1_map *map, const void *key, size_t length);

/* Put a node whose key is not in the map. Cannot fail. */
void d1_map_put(struct d1_map *map, struct d1_map_node *node);

/* Take out a node that is in the map. */
void d1_map_remove(struct d1_map *map, struct d1_map_node *node);

/* Call visit with each node. It may remove the node it was given, but no other, and put none. */
void d1_map_each(const struct d1_map *map, void (*visit)(struct d1_map_node *node, void *arg),
                 void *arg);

#endif /* D1_SOLVER_MAP_H */
