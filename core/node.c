#include "core/node.h"

#include <assert.h>
#include <string.h>

#include "core/mem.h"

struct d1_node *d1_node_create(enum d1_node_kind kind, const char *key, const char *text,
                               unsigned line) {
    struct d1_node *node = d1_calloc(1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    node->kind = kind;
    node->line = line;
    node->key = key != NULL ? d1_strdup(key) : NULL;
    node->text = text != NULL ? d1_strdup(text) : NULL;
    if ((key != NULL && node->key == NULL) || (text != NULL && node->text == NULL)) {
        d1_node_destroy(node);
        return NULL;
    }
    return node;
}

/* Children are hung in front of the rest to be freed, so that no depth can exhaust the stack. */
void d1_node_destroy(struct d1_node *node) {
    if (node == NULL) {
        return;
    }
    struct d1_node *rest = node;
    rest->next = NULL;
    while (rest != NULL) {
        struct d1_node *now = rest;
        rest = now->next;
        if (now->first != NULL) {
            now->last->next = rest;
            rest = now->first;
        }
        d1_free(now->key);
        d1_free(now->text);
        d1_free(now);
    }
}

void d1_node_append(struct d1_node *parent, struct d1_node *child) {
    assert(parent->kind != D1_NODE_TEXT);
    child->next = NULL;
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

static struct d1_node *find(const struct d1_node *map, const char *key, size_t length) {
    for (struct d1_node *child = map->first; child != NULL; child = child->next) {
        if (child->key != NULL && strncmp(child->key, key, length) == 0 &&
            child->key[length] == '\0') {
            return child;
        }
    }
    return NULL;
}

struct d1_node *d1_node_find(const struct d1_node *map, const char *key) {
    return find(map, key, strlen(key));
}

struct d1_node *d1_node_path(const struct d1_node *map, const char *path) {
    for (;;) {
        size_t length = strcspn(path, ".");
        struct d1_node *child = find(map, path, length);
        if (child == NULL || path[length] == '\0') {
            return child;
        }
        map = child;
        path += length + 1;
    }
}
