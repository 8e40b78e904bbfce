#include "solver/credential.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"
#include "solver/map.h"

#define OWNER_PREFIX D1_TOKEN_OWNER_PREFIX
#define KEY_PREFIX   D1_KEY_OWNER_PREFIX

struct token {
    struct d1_map_node by_name;
    struct d1_map_node by_digest;
    struct d1_credential credential;
    struct d1_rights *rights; /* Owned. */
    uint8_t digest[D1_SHA256_BYTES];
    char owner[]; /* "token:NAME" */
};

/* Rights of a TSIG key. */
struct key {
    struct d1_map_node by_name;
    struct d1_credential credential;
    struct d1_rights *rights; /* Owned. */
    char owner[];             /* "tsig:NAME" */
};

struct d1_credentials {
    struct d1_map keys;
    struct d1_map by_name;
    struct d1_map by_digest;
};

static const void *name_of(struct d1_map_node *node, size_t *ret_length) {
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_name);
    const char *name = token->owner + sizeof(OWNER_PREFIX) - 1;
    *ret_length = strlen(name);
    return name;
}

static const void *digest_of(struct d1_map_node *node, size_t *ret_length) {
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_digest);
    *ret_length = D1_SHA256_BYTES;
    return token->digest;
}

static const void *key_name_of(struct d1_map_node *node, size_t *ret_length) {
    const struct key *key = D1_CONTAINER_OF(node, struct key, by_name);
    const char *name = key->owner + sizeof(KEY_PREFIX) - 1;
    *ret_length = strlen(name);
    return name;
}

int d1_credentials_create(struct d1_credentials **ret_set) {
    struct d1_credentials *set = d1_calloc(1, sizeof(*set));
    if (set == NULL) {
        return -ENOMEM;
    }
    int err = d1_map_init(&set->by_name, name_of);
    if (err == 0) {
        err = d1_map_init(&set->by_digest, digest_of);
    }
    if (err == 0) {
        err = d1_map_init(&set->keys, key_name_of);
    }
    if (err != 0) {
        d1_credentials_destroy(set);
        return err;
    }
    set->by_digest.secret = true;
    *ret_set = set;
    return D1_OK;
}

static void free_token(struct d1_map_node *node) {
    struct token *token = D1_CONTAINER_OF(node, struct token, by_name);
    d1_rights_destroy(token->rights);
    d1_wipe(token->digest, sizeof(token->digest));
    d1_free(token);
}

static void free_key(struct d1_map_node *node) {
    struct key *key = D1_CONTAINER_OF(node, struct key, by_name);
    d1_rights_destroy(key->rights);
    d1_free(key);
}

void d1_credentials_destroy(struct d1_credentials *set) {
    if (set == NULL) {
        return;
    }
    d1_map_close(&set->keys, free_key);
    d1_map_close(&set->by_digest, NULL);
    d1_map_close(&set->by_name, free_token);
    d1_free(set);
}

int d1_credentials_add(struct d1_credentials *set, const char *name,
                       const uint8_t digest[D1_SHA256_BYTES], struct d1_rights *rights) {
    static_assert(D1_TOKEN_NAME_MAX + sizeof(OWNER_PREFIX) <= D1_OWNER_TEXT_MAX + 1,
                  "every token name makes an owner text");
    size_t length = strlen(name);
    if (length > D1_TOKEN_NAME_MAX || set->by_name.count >= D1_TOKENS_MAX) {
        return D1_ELIMIT;
    }
    if (d1_map_find(&set->by_name, name, length) != NULL ||
        d1_map_find(&set->by_digest, digest, D1_SHA256_BYTES) != NULL) {
        return D1_EEXIST;
    }
    size_t size = sizeof(OWNER_PREFIX) + length;
    struct token *token = d1_calloc(1, sizeof(*token) + size);
    if (token == NULL) {
        return -ENOMEM;
    }
    snprintf(token->owner, size, "%s%s", OWNER_PREFIX, name);
    memcpy(token->digest, digest, D1_SHA256_BYTES);
    token->rights = rights;
    token->credential = (struct d1_credential){.owner = token->owner, .rights = rights};
    d1_map_put(&set->by_name, &token->by_name);
    d1_map_put(&set->by_digest, &token->by_digest);
    return D1_OK;
}

int d1_credentials_add_key(struct d1_credentials *set, const char *name, const char *algorithm,
                           struct d1_rights *rights) {
    size_t length = strlen(name);
    if (length > D1_TOKEN_NAME_MAX || set->keys.count >= D1_TOKENS_MAX) {
        return D1_ELIMIT;
    }
    if (d1_map_find(&set->keys, name, length) != NULL) {
        return D1_EEXIST;
    }
    size_t size = sizeof(KEY_PREFIX) + length;
    struct key *key = d1_calloc(1, sizeof(*key) + size);
    if (key == NULL) {
        return -ENOMEM;
    }
    snprintf(key->owner, size, "%s%s", KEY_PREFIX, name);
    key->rights = rights;
    key->credential =
        (struct d1_credential){.owner = key->owner, .rights = rights, .algorithm = algorithm};
    d1_map_put(&set->keys, &key->by_name);
    return D1_OK;
}

const struct d1_credential *d1_credentials_key(const struct d1_credentials *set, const char *name) {
    struct d1_map_node *node = d1_map_find(&set->keys, name, strlen(name));
    return node != NULL ? &D1_CONTAINER_OF(node, struct key, by_name)->credential : NULL;
}

bool d1_credentials_has(const struct d1_credentials *set, const char *name) {
    return d1_map_find(&set->by_name, name, strlen(name)) != NULL;
}

const struct d1_credential *d1_credentials_by_digest(const struct d1_credentials *set,
                                                     const uint8_t digest[D1_SHA256_BYTES]) {
    struct d1_map_node *node = d1_map_find(&set->by_digest, digest, D1_SHA256_BYTES);
    return node != NULL ? &D1_CONTAINER_OF(node, struct token, by_digest)->credential : NULL;
}

const struct d1_credential *d1_credentials_by_name(const struct d1_credentials *set,
                                                   const char *name,
                                                   const uint8_t digest[D1_SHA256_BYTES]) {
    static const uint8_t nobody[D1_SHA256_BYTES];
    struct d1_map_node *node = d1_map_find(&set->by_name, name, strlen(name));
    const struct token *token = node != NULL ? D1_CONTAINER_OF(node, struct token, by_name) : NULL;
    bool equal = d1_equal_secret(token != NULL ? token->digest : nobody, digest, D1_SHA256_BYTES);
    return token != NULL && equal ? &token->credential : NULL;
}

struct visitor {
    void (*visit)(const struct d1_name *owner, void *arg);
    void *arg;
};

static void visit_token(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_name);
    d1_rights_each_exact(token->rights, visitor->visit, visitor->arg);
}

static void visit_key(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    const struct key *key = D1_CONTAINER_OF(node, struct key, by_name);
    d1_rights_each_exact(key->rights, visitor->visit, visitor->arg);
}

void d1_credentials_each_exact(const struct d1_credentials *set,
                               void (*visit)(const struct d1_name *owner, void *arg), void *arg) {
    struct visitor visitor = {visit, arg};
    d1_map_each(&set->by_name, visit_token, &visitor);
    d1_map_each(&set->keys, visit_key, &visitor);
}

struct credential_visitor {
    void (*visit)(const struct d1_credential *credential, void *arg);
    void *arg;
};

static void visit_credential(struct d1_map_node *node, void *arg) {
    const struct credential_visitor *visitor = arg;
    visitor->visit(&D1_CONTAINER_OF(node, struct token, by_name)->credential, visitor->arg);
}

static void visit_key_credential(struct d1_map_node *node, void *arg) {
    const struct credential_visitor *visitor = arg;
    visitor->visit(&D1_CONTAINER_OF(node, struct key, by_name)->credential, visitor->arg);
}

void d1_credentials_each(const struct d1_credentials *set,
                         void (*visit)(const struct d1_credential *credential, void *arg),
                         void *arg) {
    struct credential_visitor visitor = {visit, arg};
    d1_map_each(&set->by_name, visit_credential, &visitor);
    d1_map_each(&set->keys, visit_key_credential, &visitor);
}
