#include "dnsd/keys.h"

#include <errno.h>
#include <stdatomic.h>

#include "core/err.h"
#include "core/mem.h"
#include "solver/map.h"

struct held {
    struct d1_map_node node;
    struct d1_tsig_key *key;
};

struct d1_keys {
    struct d1_epoch_item retired;
    struct d1_map by_name;
};

static const void *name_of(struct d1_map_node *node, size_t *ret_length) {
    const struct held *held = D1_CONTAINER_OF(node, struct held, node);
    const struct d1_name *name = d1_tsig_key_name(held->key);
    *ret_length = name->length;
    return name->octets;
}

int d1_keys_create(struct d1_keys **ret_keys) {
    struct d1_keys *keys = d1_calloc(1, sizeof(*keys));
    if (keys == NULL) {
        return -ENOMEM;
    }
    int err = d1_map_init(&keys->by_name, name_of);
    if (err != D1_OK) {
        d1_free(keys);
        return err;
    }
    *ret_keys = keys;
    return D1_OK;
}

static void release_held(struct d1_map_node *node) {
    struct held *held = D1_CONTAINER_OF(node, struct held, node);
    d1_tsig_key_drop(held->key);
    d1_free(held);
}

void d1_keys_destroy(struct d1_keys *keys) {
    if (keys != NULL) {
        d1_map_close(&keys->by_name, release_held);
        d1_free(keys);
    }
}

int d1_keys_add(struct d1_keys *keys, struct d1_tsig_key *key) {
    if (keys->by_name.count >= D1_TSIG_KEYS_MAX) {
        return D1_ELIMIT;
    }
    if (d1_keys_find(keys, d1_tsig_key_name(key)) != NULL) {
        return D1_EEXIST;
    }
    struct held *held = d1_calloc(1, sizeof(*held));
    if (held == NULL) {
        return -ENOMEM;
    }
    held->key = d1_tsig_key_hold(key);
    d1_map_put(&keys->by_name, &held->node);
    return D1_OK;
}

struct d1_tsig_key *d1_keys_find(const struct d1_keys *keys, const struct d1_name *name) {
    struct d1_map_node *node = d1_map_find(&keys->by_name, name->octets, name->length);
    return node != NULL ? D1_CONTAINER_OF(node, struct held, node)->key : NULL;
}

struct visitor {
    void (*visit)(struct d1_tsig_key *key, void *arg);
    void *arg;
};

static void visit_held(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    visitor->visit(D1_CONTAINER_OF(node, struct held, node)->key, visitor->arg);
}

void d1_keys_each(const struct d1_keys *keys, void (*visit)(struct d1_tsig_key *key, void *arg),
                  void *arg) {
    struct visitor visitor = {visit, arg};
    d1_map_each(&keys->by_name, visit_held, &visitor);
}

static void release_retired(struct d1_epoch_item *item) {
    d1_keys_destroy(D1_CONTAINER_OF(item, struct d1_keys, retired));
}

void d1_keys_swap(struct d1_keys_current *current, struct d1_keys *keys, struct d1_epoch *epoch) {
    struct d1_keys *old = atomic_exchange_explicit(&current->keys, keys, memory_order_acq_rel);
    if (old != NULL) {
        d1_epoch_retire(epoch, &old->retired, release_retired);
    }
}
