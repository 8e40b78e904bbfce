#include "solver/sealed.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "solver/state.h"

#define KEY_BYTES_MAX (D1_TOKEN_NAME_MAX + 1 + D1_NAME_TEXT_MAX)

struct sealed {
    struct d1_map_node node;
    size_t token_length;
    size_t key_length; /* Token, NUL, domain. */
    size_t length;
    char octets[]; /* The key with a NUL after it, then the box. */
};

static const void *key_of(struct d1_map_node *node, size_t *ret_length) {
    const struct sealed *sealed = D1_CONTAINER_OF(node, struct sealed, node);
    *ret_length = sealed->key_length;
    return sealed->octets;
}

static void free_node(struct d1_map_node *node) {
    d1_free(D1_CONTAINER_OF(node, struct sealed, node));
}

int d1_sealed_init(struct d1_solver *solver) {
    return d1_map_init(&solver->sealed, key_of);
}

void d1_sealed_close(struct d1_solver *solver) {
    d1_map_close(&solver->sealed, free_node);
}

static struct sealed *find(const struct d1_solver *solver, const char *token, const char *domain) {
    char key[KEY_BYTES_MAX];
    int length = snprintf(key, sizeof(key), "%s%c%s", token, 0, domain);
    if (length < 0 || (size_t)length >= sizeof(key)) {
        return NULL;
    }
    struct d1_map_node *node = d1_map_find(&solver->sealed, key, (size_t)length);
    return node != NULL ? D1_CONTAINER_OF(node, struct sealed, node) : NULL;
}

static void show(const struct sealed *sealed, struct d1_sealed_account *ret_sealed) {
    *ret_sealed = (struct d1_sealed_account){
        .token = sealed->octets,
        .domain = sealed->octets + sealed->token_length + 1,
        .box = (const uint8_t *)sealed->octets + sealed->key_length + 1,
        .length = sealed->length,
    };
}

int d1_sealed_put(struct d1_solver *solver, const struct d1_sealed_account *record) {
    size_t token_length = strlen(record->token);
    size_t key_length = token_length + 1 + strlen(record->domain);
    struct sealed *old = find(solver, record->token, record->domain);
    struct sealed *sealed = d1_calloc(1, sizeof(*sealed) + key_length + 1 + record->length);
    if (sealed == NULL) {
        return -ENOMEM;
    }
    sealed->token_length = token_length;
    sealed->key_length = key_length;
    sealed->length = record->length;
    memcpy(sealed->octets, record->token, token_length);
    memcpy(sealed->octets + token_length + 1, record->domain, key_length - token_length - 1);
    memcpy(sealed->octets + key_length + 1, record->box, record->length);
    if (old != NULL) {
        d1_map_remove(&solver->sealed, &old->node);
        d1_free(old);
    }
    d1_map_put(&solver->sealed, &sealed->node);
    return D1_OK;
}

void d1_sealed_remove(struct d1_solver *solver, const struct d1_sealed_account *record) {
    struct sealed *sealed = find(solver, record->token, record->domain);
    if (sealed != NULL) {
        d1_map_remove(&solver->sealed, &sealed->node);
        d1_free(sealed);
    }
}

int d1_sealed_find(const struct d1_solver *solver, const char *token, const char *domain,
                   struct d1_sealed_account *ret_sealed) {
    const struct sealed *sealed = find(solver, token, domain);
    if (sealed == NULL) {
        return D1_ENOTFOUND;
    }
    show(sealed, ret_sealed);
    return D1_OK;
}

struct visitor {
    const char *token;
    void (*visit)(const struct d1_sealed_account *sealed, void *arg);
    void *arg;
};

static void visit_node(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    struct d1_sealed_account account;
    show(D1_CONTAINER_OF(node, struct sealed, node), &account);
    if (strcmp(account.token, visitor->token) == 0) {
        visitor->visit(&account, visitor->arg);
    }
}

void d1_sealed_each(const struct d1_solver *solver, const char *token,
                    void (*visit)(const struct d1_sealed_account *sealed, void *arg), void *arg) {
    struct visitor visitor = {token, visit, arg};
    d1_map_each(&solver->sealed, visit_node, &visitor);
}

static void count_one(const struct d1_sealed_account *sealed, void *arg) {
    (void)sealed;
    size_t *count = arg;
    *count += 1;
}

/* Without memory what is durable is not shown before the next start: the client tries again. */
static void on_written(struct d1_store_write *store_write, int err, uint64_t revision) {
    (void)revision;
    struct d1_sealed_write *write = D1_CONTAINER_OF(store_write, struct d1_sealed_write, write);
    const struct d1_sealed_account *account = &write->account;
    write->solver->writes--;
    struct d1_sealed_account kept;
    if (err == D1_OK && !write->removes &&
        (d1_sealed_find(write->solver, account->token, account->domain, &kept) != D1_OK ||
         kept.length != account->length || memcmp(kept.box, account->box, kept.length) != 0)) {
        err = -ENOMEM;
    }
    write->done(write, err);
}

int d1_sealed_submit(struct d1_solver *solver, struct d1_sealed_write *write) {
    const struct d1_sealed_account *account = &write->account;
    assert(write->removes || (account->length > 0 && account->length <= D1_SEALED_BYTES_MAX));
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    size_t held = 0;
    d1_sealed_each(solver, account->token, count_one, &held);
    bool fresh = find(solver, account->token, account->domain) == NULL;
    bool full = held >= D1_SEALED_PER_TOKEN || solver->sealed.count >= D1_SEALED_MAX;
    if (!write->removes && fresh && full) {
        return D1_ELIMIT;
    }
    write->solver = solver;
    write->change = (struct d1_store_change){
        .op = write->removes ? D1_STORE_REMOVE_SEALED : D1_STORE_PUT_SEALED, .sealed = account};
    write->write =
        (struct d1_store_write){.changes = &write->change, .count = 1, .done = on_written};
    int err = d1_store_write(solver->options.store, &write->write);
    solver->writes += err == D1_OK ? 1 : 0;
    return err;
}
