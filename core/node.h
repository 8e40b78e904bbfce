/*
 * Node: a configuration document as a tree that remembers its lines, whatever syntax it came from.
 *
 * Threads: a tree belongs to one thread; read-only use by several is fine.
 * Memory: a parent owns its children; texts are owned by their nodes.
 * Limits: depth is bounded by who builds the tree (D1_CONFIG_DEPTH_MAX).
 */
#ifndef D1_CORE_NODE_H
#define D1_CORE_NODE_H

#include <stdbool.h>
#include <stddef.h>

enum d1_node_kind { D1_NODE_TEXT, D1_NODE_LIST, D1_NODE_MAP };

struct d1_node {
    enum d1_node_kind kind;
    unsigned line; /* Of the value, from 1; 0: not written by anybody, a default. */
    bool null;     /* TEXT: empty and unquoted, `~` or `null`. */
    char *key;     /* In a MAP: the key of this child; else NULL. */
    char *text;    /* TEXT: NUL-terminated; else NULL. */
    size_t count;  /* LIST, MAP: children. */
    struct d1_node *first;
    struct d1_node *last;
    struct d1_node *next; /* The next child of the same parent. */
};

/* Make a node with copies of key and text (NULL is allowed for both). NULL without memory. */
struct d1_node *d1_node_create(enum d1_node_kind kind, const char *key, const char *text,
                               unsigned line);

/* Free a node and all below it. NULL is allowed. */
void d1_node_destroy(struct d1_node *node);

/* Append a child; the parent owns it. */
void d1_node_append(struct d1_node *parent, struct d1_node *child);

/* The child of a MAP with that key, or NULL. */
struct d1_node *d1_node_find(const struct d1_node *map, const char *key);

/* The node at a path of keys joined by dots ("dns.workers"), or NULL. */
struct d1_node *d1_node_path(const struct d1_node *map, const char *path);

#endif /* D1_CORE_NODE_H */
