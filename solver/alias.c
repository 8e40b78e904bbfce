/*
 * Names that were asked for, and where their CNAMEs led. They are kept apart from places: a name
 * that is not ours has no place of its own.
 */
#include <assert.h>
#include <errno.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "solver/index.h"

static const void *alias_key(struct d1_map_node *node, size_t *ret_length) {
    const struct d1_alias *alias = D1_CONTAINER_OF(node, struct d1_alias, node);
    *ret_length = alias->length;
    return alias->octets;
}

int d1_aliases_init(struct d1_index *index) {
    return d1_map_init(&index->aliases, alias_key);
}

static void free_alias(struct d1_map_node *node) {
    struct d1_alias *alias = D1_CONTAINER_OF(node, struct d1_alias, node);
    while (alias->targets != NULL) {
        struct d1_target *target = alias->targets;
        alias->targets = target->next;
        d1_free(target);
    }
    d1_free(alias);
}

void d1_aliases_close(struct d1_index *index) {
    d1_map_close(&index->aliases, free_alias);
}

struct d1_alias *d1_alias_find(const struct d1_index *index, const struct d1_name *asked) {
    struct d1_map_node *node = d1_map_find(&index->aliases, asked->octets, asked->length);
    return node != NULL ? D1_CONTAINER_OF(node, struct d1_alias, node) : NULL;
}

static struct d1_alias *make_alias(struct d1_index *index, const struct d1_name *asked) {
    struct d1_alias *alias = d1_calloc(1, sizeof(*alias) + asked->length);
    if (alias != NULL) {
        alias->length = asked->length;
        memcpy(alias->octets, asked->octets, asked->length);
        d1_map_put(&index->aliases, &alias->node);
    }
    return alias;
}

static void release_alias(struct d1_index *index, struct d1_alias *alias) {
    if (alias->targets == NULL) {
        d1_map_remove(&index->aliases, &alias->node);
        d1_free(alias);
    }
}

static struct d1_target *find_target(const struct d1_alias *alias, const struct d1_name *name) {
    struct d1_target *target = alias->targets;
    while (target != NULL && !(target->length == name->length &&
                               memcmp(target->octets, name->octets, name->length) == 0)) {
        target = target->next;
    }
    return target;
}

int d1_target_hold(struct d1_index *index, const struct d1_name *asked, const struct d1_name *name,
                   struct d1_target **ret_target) {
    struct d1_alias *alias = d1_alias_find(index, asked);
    alias = alias != NULL ? alias : make_alias(index, asked);
    if (alias == NULL) {
        return -ENOMEM;
    }
    struct d1_target *target = find_target(alias, name);
    if (target == NULL) {
        target = d1_calloc(1, sizeof(*target) + name->length);
        if (target == NULL) {
            release_alias(index, alias);
            return -ENOMEM;
        }
        target->alias = alias;
        target->length = name->length;
        memcpy(target->octets, name->octets, name->length);
        target->next = alias->targets;
        alias->targets = target;
    }
    target->references++;
    *ret_target = target;
    return D1_OK;
}

void d1_target_drop(struct d1_index *index, struct d1_target *target) {
    if (target == NULL || --target->references > 0) {
        return;
    }
    struct d1_alias *alias = target->alias;
    struct d1_target **link = &alias->targets;
    while (*link != target) {
        link = &(*link)->next;
    }
    *link = target->next;
    d1_free(target);
    release_alias(index, alias);
}

void d1_target_name(const struct d1_target *target, struct d1_name *ret_name) {
    ret_name->length = target->length;
    memcpy(ret_name->octets, target->octets, target->length);
}

void d1_target_asked(const struct d1_target *target, struct d1_name *ret_name) {
    ret_name->length = 0;
    if (target != NULL) {
        ret_name->length = target->alias->length;
        memcpy(ret_name->octets, target->alias->octets, target->alias->length);
    }
}
