#include "tests/lib/fake_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct d1_store {
    struct d1_store_watcher *watchers;
    struct d1_store_write *first;
    struct d1_store_write **last;
    size_t waiting;
    uint64_t revision;
    int refuse;
    struct d1_challenge *challenges;
    size_t challenge_count;
    struct d1_account *accounts;
    size_t account_count;
    struct d1_token *tokens;
    size_t token_count;
    struct d1_known_name *known;
    size_t known_count;
    struct d1_sealed_account *sealed;
    size_t sealed_count;
    struct d1_placement *placements;
    size_t placement_count;
};

static void *grown(void *rows, size_t count, size_t size) {
    void *more = realloc(rows, count * size);
    assert(more != NULL);
    return more;
}

struct d1_store *fake_store_create(void) {
    struct d1_store *store = calloc(1, sizeof(*store));
    assert(store != NULL);
    store->last = &store->first;
    return store;
}

static void free_texts(const struct d1_account *account) {
    free((void *)(uintptr_t)account->allowfrom);
    free((void *)(uintptr_t)account->bcrypt);
}

static void free_sealed(const struct d1_sealed_account *sealed) {
    free((void *)(uintptr_t)sealed->token);
    free((void *)(uintptr_t)sealed->domain);
    free((void *)(uintptr_t)sealed->box);
}

static void free_token(struct d1_token *token) {
    free((void *)(uintptr_t)token->names);
    free((void *)(uintptr_t)token->owners);
    free((void *)(uintptr_t)token->verbs);
    free((void *)(uintptr_t)token->algorithm);
}

void fake_store_destroy(struct d1_store *store) {
    for (size_t i = 0; i < store->token_count; i++) {
        free_token(&store->tokens[i]);
    }
    free(store->tokens);
    for (size_t i = 0; i < store->account_count; i++) {
        free_texts(&store->accounts[i]);
    }
    for (size_t i = 0; i < store->sealed_count; i++) {
        free_sealed(&store->sealed[i]);
    }
    free(store->sealed);
    free(store->placements);
    free(store->challenges);
    free(store->accounts);
    free(store->known);
    free(store);
}

void d1_store_watch(struct d1_store *store, struct d1_store_watcher *watcher) {
    watcher->next = store->watchers;
    store->watchers = watcher;
}

int d1_store_write(struct d1_store *store, struct d1_store_write *write) {
    if (store->refuse != 0) {
        return store->refuse;
    }
    assert(write->count > 0);
    write->next = NULL;
    *store->last = write;
    store->last = &write->next;
    store->waiting++;
    return 0;
}

static size_t find_challenge(const struct d1_store *store, const struct d1_challenge *wanted) {
    size_t i = 0;
    while (i < store->challenge_count &&
           !(d1_name_equal(&store->challenges[i].name, &wanted->name) &&
             d1_txt_value_equal(&store->challenges[i].value, &wanted->value) &&
             strcmp(store->challenges[i].owner, wanted->owner) == 0 &&
             strcmp(store->challenges[i].via, wanted->via) == 0)) {
        i++;
    }
    return i;
}

static void put_challenge(struct d1_store *store, const struct d1_challenge *record) {
    size_t i = find_challenge(store, record);
    if (i == store->challenge_count) {
        store->challenge_count++;
        store->challenges = grown(store->challenges, store->challenge_count, sizeof(*record));
    }
    store->challenges[i] = *record;
}

static void remove_challenge(struct d1_store *store, const struct d1_challenge *record) {
    size_t i = find_challenge(store, record);
    if (i < store->challenge_count) {
        store->challenges[i] = store->challenges[--store->challenge_count];
    }
}

static size_t find_known(const struct d1_store *store, const struct d1_name *name) {
    size_t i = 0;
    while (i < store->known_count && !d1_name_equal(&store->known[i].name, name)) {
        i++;
    }
    return i;
}

static void put_known(struct d1_store *store, const struct d1_known_name *record) {
    size_t i = find_known(store, &record->name);
    if (i == store->known_count) {
        store->known_count++;
        store->known = grown(store->known, store->known_count, sizeof(*record));
    }
    store->known[i] = *record;
}

static size_t find_account(const struct d1_store *store, const char *username) {
    size_t i = 0;
    while (i < store->account_count && strcmp(store->accounts[i].username, username) != 0) {
        i++;
    }
    return i;
}

static void put_account(struct d1_store *store, const struct d1_account *record) {
    size_t i = find_account(store, record->username);
    struct d1_account old = {.allowfrom = NULL};
    if (i == store->account_count) {
        store->account_count++;
        store->accounts = grown(store->accounts, store->account_count, sizeof(*record));
    } else {
        old = store->accounts[i];
    }
    store->accounts[i] = *record;
    store->accounts[i].allowfrom = strdup(record->allowfrom != NULL ? record->allowfrom : "");
    store->accounts[i].bcrypt = record->bcrypt != NULL ? strdup(record->bcrypt) : NULL;
    free_texts(&old);
}

static void remove_account(struct d1_store *store, const struct d1_account *record) {
    size_t i = find_account(store, record->username);
    if (i < store->account_count) {
        free_texts(&store->accounts[i]);
        store->accounts[i] = store->accounts[--store->account_count];
    }
}

static size_t find_sealed(const struct d1_store *store, const struct d1_sealed_account *wanted) {
    size_t i = 0;
    while (i < store->sealed_count && !(strcmp(store->sealed[i].token, wanted->token) == 0 &&
                                        strcmp(store->sealed[i].domain, wanted->domain) == 0)) {
        i++;
    }
    return i;
}

static void remove_sealed(struct d1_store *store, const struct d1_sealed_account *record) {
    size_t i = find_sealed(store, record);
    if (i < store->sealed_count) {
        free_sealed(&store->sealed[i]);
        store->sealed[i] = store->sealed[--store->sealed_count];
    }
}

static size_t find_placement(const struct d1_store *store, const struct d1_placement *wanted) {
    size_t i = 0;
    while (i < store->placement_count &&
           !(strcmp(store->placements[i].via, wanted->via) == 0 &&
             d1_name_equal(&store->placements[i].name, &wanted->name) &&
             d1_txt_value_equal(&store->placements[i].value, &wanted->value))) {
        i++;
    }
    return i;
}

static void remove_placement(struct d1_store *store, const struct d1_placement *record) {
    size_t i = find_placement(store, record);
    if (i < store->placement_count) {
        store->placements[i] = store->placements[--store->placement_count];
    }
}

static void put_placement(struct d1_store *store, const struct d1_placement *record) {
    remove_placement(store, record);
    store->placement_count++;
    store->placements = grown(store->placements, store->placement_count, sizeof(*record));
    store->placements[store->placement_count - 1] = *record;
}

static void put_sealed(struct d1_store *store, const struct d1_sealed_account *record) {
    remove_sealed(store, record);
    store->sealed_count++;
    store->sealed = grown(store->sealed, store->sealed_count, sizeof(*record));
    uint8_t *box = malloc(record->length);
    assert(box != NULL);
    memcpy(box, record->box, record->length);
    store->sealed[store->sealed_count - 1] =
        (struct d1_sealed_account){.token = strdup(record->token),
                                   .domain = strdup(record->domain),
                                   .box = box,
                                   .length = record->length};
}

static size_t find_token(const struct d1_store *store, const char *owner) {
    size_t i = 0;
    while (i < store->token_count && strcmp(store->tokens[i].owner, owner) != 0) {
        i++;
    }
    return i;
}

static void put_token(struct d1_store *store, const struct d1_token *record) {
    size_t i = find_token(store, record->owner);
    struct d1_token copy = *record;
    copy.names = strdup(record->names);
    copy.owners = strdup(record->owners);
    copy.verbs = strdup(record->verbs);
    copy.algorithm = strdup(record->algorithm);
    if (i == store->token_count) {
        store->token_count++;
        store->tokens = grown(store->tokens, store->token_count, sizeof(*record));
    } else {
        free_token(&store->tokens[i]);
    }
    store->tokens[i] = copy;
}

static void remove_token(struct d1_store *store, const struct d1_token *record) {
    size_t i = find_token(store, record->owner);
    if (i < store->token_count) {
        free_token(&store->tokens[i]);
        store->tokens[i] = store->tokens[--store->token_count];
    }
}

static void keep(struct d1_store *store, const struct d1_store_change *change) {
    size_t i = 0;
    switch (change->op) {
    case D1_STORE_PUT_CHALLENGE:
        put_challenge(store, change->challenge);
        break;
    case D1_STORE_REMOVE_CHALLENGE:
        remove_challenge(store, change->challenge);
        break;
    case D1_STORE_PUT_ACCOUNT:
        put_account(store, change->account);
        break;
    case D1_STORE_PUT_TOKEN:
        put_token(store, change->token);
        break;
    case D1_STORE_REMOVE_TOKEN:
        remove_token(store, change->token);
        break;
    case D1_STORE_PUT_KNOWN:
        put_known(store, change->known);
        break;
    case D1_STORE_REMOVE_KNOWN:
        i = find_known(store, &change->known->name);
        if (i < store->known_count) {
            store->known[i] = store->known[--store->known_count];
        }
        break;
    case D1_STORE_REMOVE_ACCOUNT:
        remove_account(store, change->account);
        break;
    case D1_STORE_PUT_SEALED:
        put_sealed(store, change->sealed);
        break;
    case D1_STORE_REMOVE_SEALED:
        remove_sealed(store, change->sealed);
        break;
    case D1_STORE_PUT_PLACEMENT:
        put_placement(store, change->placement);
        break;
    case D1_STORE_REMOVE_PLACEMENT:
        remove_placement(store, change->placement);
        break;
    }
    for (struct d1_store_watcher *w = store->watchers; w != NULL; w = w->next) {
        w->changed(w, change, store->revision);
    }
}

static struct d1_store_write *take(struct d1_store *store) {
    struct d1_store_write *write = store->first;
    if (write != NULL) {
        store->first = write->next;
        if (store->first == NULL) {
            store->last = &store->first;
        }
        store->waiting--;
    }
    return write;
}

bool fake_store_commit(struct d1_store *store) {
    struct d1_store_write *write = take(store);
    if (write == NULL) {
        return false;
    }
    store->revision++;
    for (size_t i = 0; i < write->count; i++) {
        keep(store, &write->changes[i]);
    }
    write->done(write, 0, store->revision);
    return true;
}

size_t fake_store_commit_all(struct d1_store *store) {
    size_t count = 0;
    while (fake_store_commit(store)) {
        count++;
    }
    return count;
}

void fake_store_fail(struct d1_store *store, int err) {
    struct d1_store_write *write = take(store);
    assert(write != NULL);
    write->done(write, err, 0);
}

void fake_store_refuse(struct d1_store *store, int err) {
    store->refuse = err;
}

size_t fake_store_waiting(const struct d1_store *store) {
    return store->waiting;
}

void fake_store_foreign(struct d1_store *store, const struct d1_store_change *change) {
    store->revision++;
    keep(store, change);
}

void fake_store_forget_watchers(struct d1_store *store) {
    store->watchers = NULL;
}

int d1_store_load(struct d1_store *store, void (*changed)(const struct d1_store_change *, void *),
                  void *arg, struct d1_error *error) {
    (void)error;
    for (size_t i = 0; i < store->challenge_count; i++) {
        changed(&(struct d1_store_change){.op = D1_STORE_PUT_CHALLENGE,
                                          .challenge = &store->challenges[i]},
                arg);
    }
    for (size_t i = 0; i < store->account_count; i++) {
        changed(
            &(struct d1_store_change){.op = D1_STORE_PUT_ACCOUNT, .account = &store->accounts[i]},
            arg);
    }
    for (size_t i = 0; i < store->token_count; i++) {
        changed(&(struct d1_store_change){.op = D1_STORE_PUT_TOKEN, .token = &store->tokens[i]},
                arg);
    }
    for (size_t i = 0; i < store->known_count; i++) {
        changed(&(struct d1_store_change){.op = D1_STORE_PUT_KNOWN, .known = &store->known[i]},
                arg);
    }
    for (size_t i = 0; i < store->sealed_count; i++) {
        changed(&(struct d1_store_change){.op = D1_STORE_PUT_SEALED, .sealed = &store->sealed[i]},
                arg);
    }
    for (size_t i = 0; i < store->placement_count; i++) {
        changed(&(struct d1_store_change){.op = D1_STORE_PUT_PLACEMENT,
                                          .placement = &store->placements[i]},
                arg);
    }
    return 0;
}

size_t fake_store_challenges(const struct d1_store *store) {
    return store->challenge_count;
}

const struct d1_challenge *fake_store_at(const struct d1_store *store, size_t i) {
    return i < store->challenge_count ? &store->challenges[i] : NULL;
}

const struct d1_challenge *fake_store_find(const struct d1_store *store, const char *name,
                                           const char *value, const char *owner) {
    struct d1_challenge wanted = {.value.length = (uint8_t)strlen(value)};
    int err = d1_name_from_text(name, &wanted.name);
    assert(err == 0);
    (void)err;
    memcpy(wanted.value.octets, value, wanted.value.length);
    strncpy(wanted.owner, owner, sizeof(wanted.owner) - 1);
    size_t i = find_challenge(store, &wanted);
    return i < store->challenge_count ? &store->challenges[i] : NULL;
}

size_t fake_store_accounts(const struct d1_store *store) {
    return store->account_count;
}

const struct d1_account *fake_store_account(const struct d1_store *store, const char *username) {
    size_t i = find_account(store, username);
    return i < store->account_count ? &store->accounts[i] : NULL;
}

size_t fake_store_placements(const struct d1_store *store) {
    return store->placement_count;
}

const struct d1_placement *fake_store_placement(const struct d1_store *store, size_t i) {
    return &store->placements[i];
}

size_t fake_store_sealed(const struct d1_store *store) {
    return store->sealed_count;
}

const struct d1_known_name *fake_store_known(const struct d1_store *store, const char *name) {
    struct d1_name wanted;
    int err = d1_name_from_text(name, &wanted);
    assert(err == 0);
    (void)err;
    size_t i = find_known(store, &wanted);
    return i < store->known_count ? &store->known[i] : NULL;
}
