/*
 * Tokens and TSIG keys made at run time, in memory.
 *
 * Happy path of a new one: what it asks for is checked, its secrets are drawn, it joins the tables
 * as one that is not committed yet (nobody is let in by it), is written, and counts when the store
 * has shown it to the watcher. Rotation: one with the same rights and other secrets is prepared and
 * written; when the store shows it, it takes the place of the old one, which cannot fail. Removal:
 * written, and gone when the store shows it.
 * Failures: without memory, or when the store refuses, everything is as it was.
 */
#include "solver/tokens.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/text.h"
#include "dns/tsig.h"
#include "solver/state.h"

#define KEY_DOMAIN      "dns01d token key"
#define KEY_ALGORITHM   "hmac-sha256"
#define DEFAULT_VERBS   "present cleanup read"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-_."

struct token {
    struct d1_map_node by_owner;
    struct d1_map_node by_digest; /* When has_digest. */
    struct d1_credential credential;
    struct d1_rights *rights;
    struct d1_tsig_key *key;  /* One reference; NULL: none. */
    struct d1_place **places; /* Which its exact entries make known. */
    size_t places_count;
    struct d1_token record; /* Its texts are owned; without the TSIG secret. */
    bool committed;
    bool changing;          /* A change is under way. */
    struct token *prepared; /* Which takes its place; owned. */
};

/* A change on its way. */
struct token_change {
    struct d1_solver *solver;
    struct d1_solver_token_change *request;
    struct d1_token record;
    struct d1_store_change change;
    struct d1_store_write write;
};

/* ---- Tables ---- */

static const void *owner_of(struct d1_map_node *node, size_t *ret_length) {
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_owner);
    *ret_length = strlen(token->record.owner);
    return token->record.owner;
}

static const void *digest_of(struct d1_map_node *node, size_t *ret_length) {
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_digest);
    *ret_length = D1_SHA256_BYTES;
    return token->record.digest;
}

static void free_texts(struct d1_token *record) {
    d1_free((void *)(uintptr_t)record->names);
    d1_free((void *)(uintptr_t)record->owners);
    d1_free((void *)(uintptr_t)record->verbs);
}

static void free_token(struct token *token) {
    if (token != NULL) {
        free_token(token->prepared);
        d1_rights_destroy(token->rights);
        d1_tsig_key_drop(token->key);
        free_texts(&token->record);
        d1_free(token->places);
        d1_wipe(token, sizeof(*token));
        d1_free(token);
    }
}

static void free_node(struct d1_map_node *node) {
    free_token(D1_CONTAINER_OF(node, struct token, by_owner));
}

int d1_tokens_init(struct d1_solver *solver) {
    int err = d1_map_init(&solver->tokens, owner_of);
    if (err == D1_OK) {
        err = d1_map_init(&solver->token_digests, digest_of);
    }
    solver->token_digests.secret = true;
    return err;
}

void d1_tokens_close(struct d1_solver *solver) {
    d1_map_close(&solver->token_digests, NULL);
    d1_map_close(&solver->tokens, free_node);
}

static const char *name_in(const char *owner) {
    return strchr(owner, ':') + 1;
}

static bool is_key(const struct token *token) {
    return !token->record.has_digest;
}

static struct token *find(const struct d1_solver *solver, bool key, const char *name) {
    char owner[D1_OWNER_TEXT_MAX + 1];
    int length = snprintf(owner, sizeof(owner), "%s%s",
                          key ? D1_KEY_OWNER_PREFIX : D1_TOKEN_OWNER_PREFIX, name);
    if (length < 0 || (size_t)length >= sizeof(owner)) {
        return NULL;
    }
    struct d1_map_node *node = d1_map_find(&solver->tokens, owner, (size_t)length);
    return node != NULL ? D1_CONTAINER_OF(node, struct token, by_owner) : NULL;
}

static bool is_hidden(const struct d1_solver *solver, const struct token *token) {
    const char *name = name_in(token->record.owner);
    const struct d1_credentials *set = solver->credentials;
    return set != NULL &&
           (is_key(token) ? d1_credentials_key(set, name) != NULL : d1_credentials_has(set, name));
}

static void link_token(struct d1_solver *solver, struct token *token) {
    d1_map_put(&solver->tokens, &token->by_owner);
    if (token->record.has_digest) {
        d1_map_put(&solver->token_digests, &token->by_digest);
    }
}

static void unlink_token(struct d1_solver *solver, struct token *token) {
    d1_map_remove(&solver->tokens, &token->by_owner);
    if (token->record.has_digest) {
        d1_map_remove(&solver->token_digests, &token->by_digest);
    }
}

/* It is in no table. What it made known is not any more. */
static void drop_token(struct d1_solver *solver, struct token *token) {
    if (token == NULL) {
        return;
    }
    for (size_t i = 0; i < token->places_count; i++) {
        struct d1_place *place = token->places[i];
        place->accounts--;
        d1_place_tell_known(solver, place);
        d1_index_release(&solver->index, place);
    }
    struct token *prepared = token->prepared;
    token->prepared = NULL;
    free_token(token);
    drop_token(solver, prepared); /* One that is prepared has none itself. */
}

/* ---- From a record ---- */

/* A list of the record, cut at its blanks. */
struct words {
    size_t count;
    char *copy; /* Owned. */
    const char *at[D1_TOKEN_PATTERNS_MAX];
};

static int cut(const char *text, struct words *ret_words) {
    ret_words->count = 0;
    ret_words->copy = d1_strdup(text);
    if (ret_words->copy == NULL) {
        return -ENOMEM;
    }
    for (char *at = ret_words->copy; *at != '\0';) {
        size_t length = strcspn(at, " ");
        bool more = at[length] != '\0';
        if (length == 0 || ret_words->count == D1_TOKEN_PATTERNS_MAX) {
            return length == 0 ? D1_EPARSE : D1_ELIMIT;
        }
        ret_words->at[ret_words->count++] = at;
        at[length] = '\0';
        at += length + (more ? 1 : 0);
    }
    return D1_OK;
}

static int read_verbs(const char *text, unsigned *ret_verbs, struct d1_error *error) {
    unsigned verbs = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        unsigned verb = d1_verb_find(text, length);
        if (verb == 0) {
            return d1_error_set(error, D1_EPARSE,
                                "verb \"%.*s\" is unknown, expected present, cleanup, read, "
                                "register or admin",
                                (int)(length < 32 ? length : 32), text);
        }
        verbs |= verb;
        text += length + (text[length] == ' ' ? 1 : 0);
    }
    *ret_verbs = verbs;
    return D1_OK;
}

static int make_rights(const struct d1_token *record, struct d1_rights **ret_rights,
                       struct d1_error *error) {
    struct words names = {.copy = NULL};
    struct words owners = {.copy = NULL};
    unsigned verbs = 0;
    int err = read_verbs(record->verbs, &verbs, error);
    if (err != D1_OK) {
        return err;
    }
    err = cut(record->names, &names);
    if (err == D1_OK) {
        err = cut(record->owners, &owners);
    }
    if (err == D1_OK && names.count + owners.count > D1_TOKEN_PATTERNS_MAX) {
        err = D1_ELIMIT;
    }
    if (err == D1_ELIMIT) {
        d1_error_set(error, err, "more than %d names and owners", D1_TOKEN_PATTERNS_MAX);
    }
    if (err == D1_OK) {
        err = d1_rights_create(names.at, names.count, owners.at, owners.count, verbs, ret_rights,
                               error);
    }
    d1_free(names.copy);
    d1_free(owners.copy);
    return err;
}

static int make_key(const struct d1_token *record, struct d1_tsig_key **ret_key,
                    struct d1_error *error) {
    struct d1_name name;
    size_t algorithm = 0;
    while (algorithm < D1_TSIG_ALGORITHMS &&
           strcmp(d1_tsig_algorithm_names[algorithm], record->algorithm) != 0) {
        algorithm++;
    }
    if (algorithm == D1_TSIG_ALGORITHMS || algorithm == D1_TSIG_HMAC_MD5) {
        return d1_error_set(error, D1_EPARSE,
                            "algorithm \"%.32s\" is not taken, expected hmac-sha256, or "
                            "hmac-sha1, hmac-sha224, hmac-sha384, hmac-sha512",
                            record->algorithm);
    }
    int err = d1_name_from_text(name_in(record->owner), &name);
    return err != D1_OK ? err
                        : d1_tsig_key_create(&name, (enum d1_tsig_algorithm)algorithm, record->key,
                                             record->key_length, ret_key);
}

struct finder {
    struct d1_solver *solver;
    struct token *token;
    size_t count;
    bool failed;
};

static void count_exact(const struct d1_name *name, void *arg) {
    struct finder *finder = arg;
    (void)name;
    finder->count++;
}

static void find_exact(const struct d1_name *name, void *arg) {
    struct finder *finder = arg;
    struct token *token = finder->token;
    struct d1_place *place = NULL;
    if (finder->failed || d1_index_place(&finder->solver->index, name, &place) != D1_OK) {
        finder->failed = true;
        return;
    }
    place->accounts++;
    token->places[token->places_count++] = place;
}

static int make_places(struct d1_solver *solver, struct token *token) {
    struct finder finder = {.solver = solver, .token = token};
    d1_rights_each_exact(token->rights, count_exact, &finder);
    token->places = d1_calloc(finder.count + 1, sizeof(struct d1_place *));
    if (token->places == NULL) {
        return -ENOMEM;
    }
    d1_rights_each_exact(token->rights, find_exact, &finder);
    return finder.failed ? -ENOMEM : D1_OK;
}

static int copy_record(struct token *token, const struct d1_token *record) {
    token->record = *record;
    token->record.names = d1_strdup(record->names);
    token->record.owners = d1_strdup(record->owners);
    token->record.verbs = d1_strdup(record->verbs);
    token->record.algorithm = "";
    d1_wipe(token->record.key, sizeof(token->record.key));
    token->record.key_length = 0;
    bool whole =
        token->record.names != NULL && token->record.owners != NULL && token->record.verbs != NULL;
    return whole ? D1_OK : -ENOMEM;
}

static const char *algorithm_name(const char *text) {
    size_t i = 0;
    while (strcmp(d1_tsig_algorithm_names[i], text) != 0) {
        i++;
    }
    return d1_tsig_algorithm_names[i];
}

static int fill_token(struct d1_solver *solver, const struct d1_token *record, struct token *token,
                      struct d1_error *error) {
    int err = copy_record(token, record);
    if (err == D1_OK) {
        err = make_rights(record, &token->rights, error);
    }
    if (err == D1_OK && record->algorithm[0] != '\0') {
        err = make_key(record, &token->key, error);
        token->record.algorithm = err == D1_OK ? algorithm_name(record->algorithm) : "";
    }
    return err == D1_OK ? make_places(solver, token) : err;
}

/* One that is in no table yet. Returns 0, D1_EPARSE, D1_ENAME, D1_ELIMIT or -ENOMEM. */
static int make_token(struct d1_solver *solver, const struct d1_token *record,
                      struct token **ret_token, struct d1_error *error) {
    struct token *token = d1_calloc(1, sizeof(*token));
    if (token == NULL) {
        return -ENOMEM;
    }
    int err = fill_token(solver, record, token, error);
    if (err != D1_OK) {
        drop_token(solver, token);
        return err;
    }
    token->credential = (struct d1_credential){
        .owner = token->record.owner,
        .rights = token->rights,
        .lease_ms = record->lease_ms,
        .quota = record->quota,
        .algorithm = token->key != NULL ? token->record.algorithm : NULL,
    };
    *ret_token = token;
    return D1_OK;
}

/* ---- What the store shows ---- */

static void tell_keys(struct d1_solver *solver, bool changed) {
    if (changed && solver->load_err == 0 && solver->keys_changed != NULL) {
        solver->keys_changed(solver->keys_arg);
    }
}

/* It is committed, in place of the old one where there is one. */
static void take_over(struct d1_solver *solver, struct token *old, struct token *token) {
    bool keyed = token->key != NULL;
    if (old != NULL && old != token) {
        keyed = keyed || old->key != NULL;
        unlink_token(solver, old);
        link_token(solver, token);
        old->prepared = NULL;
        token->changing = old->changing;
    }
    token->committed = true;
    for (size_t i = 0; i < token->places_count; i++) {
        d1_place_tell_known(solver, token->places[i]);
    }
    if (old != token) {
        drop_token(solver, old);
    }
    tell_keys(solver, keyed);
}

/* Whether the owner says what the record is. */
static bool is_sound(const struct d1_token *record) {
    size_t token = sizeof(D1_TOKEN_OWNER_PREFIX) - 1;
    size_t key = sizeof(D1_KEY_OWNER_PREFIX) - 1;
    return record->has_digest ? strncmp(record->owner, D1_TOKEN_OWNER_PREFIX, token) == 0
                              : strncmp(record->owner, D1_KEY_OWNER_PREFIX, key) == 0 &&
                                    record->algorithm[0] != '\0';
}

int d1_tokens_put(struct d1_solver *solver, const struct d1_token *record) {
    if (!is_sound(record)) {
        return D1_ECORRUPT;
    }
    struct token *old = find(solver, !record->has_digest, name_in(record->owner));
    if (old != NULL && !old->committed) { /* Our own new one. */
        take_over(solver, old, old);
        return D1_OK;
    }
    if (old != NULL && old->prepared != NULL) { /* Our own rotation. */
        take_over(solver, old, old->prepared);
        return D1_OK;
    }
    struct token *token = NULL;
    int err = make_token(solver, record, &token, NULL);
    if (err != D1_OK) {
        return err == -ENOMEM ? err : D1_ECORRUPT;
    }
    if (old == NULL) {
        link_token(solver, token);
    }
    take_over(solver, old, token);
    return D1_OK;
}

void d1_tokens_remove(struct d1_solver *solver, const struct d1_token *record) {
    struct d1_map_node *node = d1_map_find(&solver->tokens, record->owner, strlen(record->owner));
    if (node != NULL) {
        struct token *token = D1_CONTAINER_OF(node, struct token, by_owner);
        bool keyed = token->key != NULL;
        unlink_token(solver, token);
        drop_token(solver, token);
        tell_keys(solver, keyed);
    }
}

/* ---- Who asks ---- */

const struct d1_credential *d1_solver_token_by_digest(const struct d1_solver *solver,
                                                      const uint8_t digest[D1_SHA256_BYTES]) {
    const struct d1_credential *configured = d1_credentials_by_digest(solver->credentials, digest);
    struct d1_map_node *node = d1_map_find(&solver->token_digests, digest, D1_SHA256_BYTES);
    const struct token *token =
        node != NULL ? D1_CONTAINER_OF(node, struct token, by_digest) : NULL;
    if (configured != NULL || token == NULL || !token->committed || is_hidden(solver, token)) {
        return configured;
    }
    return &token->credential;
}

const struct d1_credential *d1_solver_token_by_name(const struct d1_solver *solver,
                                                    const char *name,
                                                    const uint8_t digest[D1_SHA256_BYTES]) {
    static const uint8_t nobody[D1_SHA256_BYTES];
    const struct d1_credential *configured =
        d1_credentials_by_name(solver->credentials, name, digest);
    const struct token *token = find(solver, false, name);
    bool exists = token != NULL && token->committed && !is_hidden(solver, token);
    bool equal = d1_equal_secret(exists ? token->record.digest : nobody, digest, D1_SHA256_BYTES);
    return configured == NULL && exists && equal ? &token->credential : configured;
}

const struct d1_credential *d1_solver_token_by_key(const struct d1_solver *solver,
                                                   const char *name) {
    const struct d1_credential *configured = d1_credentials_key(solver->credentials, name);
    if (configured != NULL) {
        return configured;
    }
    const struct token *token = find(solver, true, name);
    if (token == NULL) {
        token = find(solver, false, name);
    }
    bool usable =
        token != NULL && token->committed && token->key != NULL && !is_hidden(solver, token);
    return usable ? &token->credential : NULL;
}

/* ---- Lists ---- */

struct visitor {
    const struct d1_solver *solver;
    void (*visit)(const struct d1_token_view *view, void *arg);
    void (*visit_key)(struct d1_tsig_key *key, void *arg);
    void *arg;
};

static void view_token(const struct d1_solver *solver, const struct token *token,
                       struct d1_token_view *ret_view) {
    *ret_view = (struct d1_token_view){
        .is_key = is_key(token),
        .name = name_in(token->record.owner),
        .credential = &token->credential,
        .hidden = is_hidden(solver, token),
        .created_ms = token->record.created_ms,
    };
}

static void visit_token(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_owner);
    if (token->committed) {
        struct d1_token_view view;
        view_token(visitor->solver, token, &view);
        visitor->visit(&view, visitor->arg);
    }
}

static void visit_configured(const struct d1_credential *credential, void *arg) {
    const struct visitor *visitor = arg;
    struct d1_token_view view = {
        .is_key =
            strncmp(credential->owner, D1_KEY_OWNER_PREFIX, sizeof(D1_KEY_OWNER_PREFIX) - 1) == 0,
        .name = name_in(credential->owner),
        .credential = credential,
        .configured = true,
    };
    visitor->visit(&view, visitor->arg);
}

void d1_solver_each_token(const struct d1_solver *solver,
                          void (*visit)(const struct d1_token_view *view, void *arg), void *arg) {
    struct visitor visitor = {.solver = solver, .visit = visit, .arg = arg};
    if (solver->credentials != NULL) {
        d1_credentials_each(solver->credentials, visit_configured, &visitor);
    }
    d1_map_each(&solver->tokens, visit_token, &visitor);
}

static void visit_key(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    const struct token *token = D1_CONTAINER_OF(node, struct token, by_owner);
    if (token->committed && token->key != NULL) {
        visitor->visit_key(token->key, visitor->arg);
    }
}

void d1_solver_each_tsig(const struct d1_solver *solver,
                         void (*visit)(struct d1_tsig_key *key, void *arg), void *arg) {
    struct visitor visitor = {.solver = solver, .visit_key = visit, .arg = arg};
    d1_map_each(&solver->tokens, visit_key, &visitor);
}

void d1_solver_watch_tsig(struct d1_solver *solver, void (*changed)(void *arg), void *arg) {
    solver->keys_changed = changed;
    solver->keys_arg = arg;
}

/* ---- Changes ---- */

/* It is over; one that is still there may be changed again. */
static void end_change(struct token_change *change, int err) {
    struct d1_solver *solver = change->solver;
    struct d1_solver_token_change *request = change->request;
    struct token *token = find(solver, request->is_key, request->name);
    if (token != NULL && !token->committed) {
        unlink_token(solver, token);
        drop_token(solver, token);
        token = NULL;
    } else if (token != NULL) {
        struct token *prepared = token->prepared;
        token->changing = false;
        token->prepared = NULL;
        drop_token(solver, prepared);
    }
    if (err == D1_OK && token != NULL) {
        view_token(solver, token, &request->view);
    } else if (err != D1_OK) {
        d1_wipe(request->secret, sizeof(request->secret));
        d1_wipe(request->key, sizeof(request->key));
    }
    request->state = NULL;
    d1_wipe(change, sizeof(*change));
    d1_free(change);
}

static void on_written(struct d1_store_write *write, int err, uint64_t revision) {
    (void)revision;
    struct token_change *change = D1_CONTAINER_OF(write, struct token_change, write);
    struct d1_solver_token_change *request = change->request;
    change->solver->writes--;
    end_change(change, err);
    request->done(request, err);
}

static int write_change(struct token_change *change) {
    bool removes = change->request->verb == D1_TOKEN_REMOVE;
    change->change = (struct d1_store_change){
        .op = removes ? D1_STORE_REMOVE_TOKEN : D1_STORE_PUT_TOKEN, .token = &change->record};
    change->write =
        (struct d1_store_write){.changes = &change->change, .count = 1, .done = on_written};
    int err = d1_store_write(change->solver->options.store, &change->write);
    change->solver->writes += err == D1_OK ? 1 : 0;
    return err;
}

/* A token's secret, and the TSIG key made of it; of a key alone the key. */
static int draw(struct d1_solver_token_change *request, struct d1_token *record) {
    uint8_t octets[D1_TOKEN_KEY_BYTES_MAX];
    int err = d1_random(octets, sizeof(octets));
    if (err != D1_OK) {
        return err;
    }
    if (!request->is_key) {
        size_t length = d1_base64url_encode(octets, D1_TOKEN_SECRET_BYTES, request->secret,
                                            sizeof(request->secret));
        err = d1_sha256(D1_TOKEN_DIGEST_DOMAIN, request->secret, length, record->digest);
        if (err == D1_OK) {
            err = d1_sha256(KEY_DOMAIN, request->secret, length, octets);
        }
        record->has_digest = true;
    }
    if (err == D1_OK && record->algorithm[0] != '\0') {
        bool wide = strcmp(record->algorithm, "hmac-sha384") == 0 ||
                    strcmp(record->algorithm, "hmac-sha512") == 0;
        record->key_length =
            request->is_key && wide ? D1_TOKEN_KEY_BYTES_MAX : D1_TOKEN_SECRET_BYTES;
        memcpy(record->key, octets, record->key_length);
        d1_base64_encode(octets, record->key_length, request->key, sizeof(request->key));
    }
    d1_wipe(octets, sizeof(octets));
    return err;
}

/* Lower case, no final dot: one text for each name, which needs no escape in a URL. */
static int make_canonical(struct d1_solver_token_change *request) {
    struct d1_name name;
    char text[D1_NAME_TEXT_MAX];
    int err = d1_name_from_text(request->name, &name);
    size_t length = err == D1_OK && name.length > 1 ? d1_name_to_text(&name, text) : 0;
    if (length == 0 || length > D1_TOKEN_NAME_MAX || strspn(text, NAME_CHARACTERS) != length) {
        return d1_error_set(&request->error, D1_ENAME,
                            "the name of a %s must be a domain name like host1.example.org, of "
                            "letters, digits, '-', '_' and dots, with at most %d characters",
                            request->is_key ? "TSIG key" : "token", D1_TOKEN_NAME_MAX);
    }
    memcpy(request->name, text, length + 1);
    return D1_OK;
}

/* Whether nobody has the name, nor a TSIG key of it. */
static int check_free(const struct d1_solver *solver, struct d1_solver_token_change *request) {
    const char *name = request->name;
    const struct d1_credentials *set = solver->credentials;
    bool keyed = request->algorithm == NULL || request->algorithm[0] != '\0';
    bool configured = (!request->is_key && d1_credentials_has(set, name)) ||
                      (keyed && d1_credentials_key(set, name) != NULL);
    const struct token *token = find(solver, false, name);
    const struct token *key = find(solver, true, name);
    if (configured) {
        return d1_error_set(&request->error, D1_EEXIST,
                            "%s is the name of a token or TSIG key in the configuration file; take "
                            "another name, or remove it there and reload",
                            name);
    }
    bool taken = request->is_key ? key != NULL || (token != NULL && token->key != NULL)
                                 : token != NULL || (keyed && key != NULL);
    return taken ? d1_error_set(&request->error, D1_EEXIST,
                                "%s is the name of a token or TSIG key already; rotate or remove "
                                "that one",
                                name)
                 : D1_OK;
}

static int check_new(const struct d1_solver *solver, struct d1_solver_token_change *request) {
    int err = make_canonical(request);
    if (err != D1_OK) {
        return err;
    }
    int64_t maximum_ms = solver->settings.lease_maximum_ms;
    if (request->lease_ms < 0 || request->lease_ms > maximum_ms) {
        char text[D1_DURATION_TEXT_BYTES];
        d1_duration_format(maximum_ms, text);
        return d1_error_set(&request->error, D1_ELEASE,
                            "lease: expected a duration of at most %s (leases.maximum)", text);
    }
    bool grants = request->names != NULL || request->owners != NULL || request->verbs != NULL;
    if (request->is_key && !grants) {
        return d1_error_set(&request->error, D1_EPARSE,
                            "a TSIG key without names and owners has no rights, expected patterns "
                            "such as [\"host1.example.org\"] or [\"**\"]");
    }
    if (solver->tokens.count >= D1_TOKENS_MAX) {
        return d1_error_set(&request->error, D1_ELIMIT, "there are %d tokens and TSIG keys already",
                            D1_TOKENS_MAX);
    }
    return check_free(solver, request);
}

static int begin_new(struct token_change *change) {
    struct d1_solver *solver = change->solver;
    struct d1_solver_token_change *request = change->request;
    struct d1_token *record = &change->record;
    snprintf(record->owner, sizeof(record->owner), "%s%s",
             request->is_key ? D1_KEY_OWNER_PREFIX : D1_TOKEN_OWNER_PREFIX, request->name);
    const char *own_name = request->is_key ? "" : request->name;
    record->names = request->names != NULL ? request->names : own_name;
    record->owners = request->owners != NULL ? request->owners : "";
    record->verbs = request->verbs != NULL ? request->verbs : DEFAULT_VERBS;
    record->algorithm = request->algorithm != NULL ? request->algorithm : KEY_ALGORITHM;
    record->lease_ms = request->lease_ms;
    record->quota = request->quota;
    record->created_ms = d1_clock_wall_ms(solver->options.clock);
    struct token *token = NULL;
    int err = draw(request, record);
    if (err == D1_OK) {
        err = make_token(solver, record, &token, &request->error);
    }
    if (err != D1_OK) {
        return err;
    }
    token->changing = true;
    link_token(solver, token);
    return write_change(change);
}

static int begin_change(struct token_change *change, struct token *token) {
    change->record = token->record;
    token->changing = true;
    if (change->request->verb == D1_TOKEN_REMOVE) {
        return write_change(change);
    }
    int err = draw(change->request, &change->record);
    if (err == D1_OK) {
        err =
            make_token(change->solver, &change->record, &token->prepared, &change->request->error);
    }
    return err == D1_OK ? write_change(change) : err;
}

/* The one to be changed. */
static int find_changeable(const struct d1_solver *solver, struct d1_solver_token_change *request,
                           struct token **ret_token) {
    struct token *token = find(solver, request->is_key, request->name);
    const struct d1_credentials *set = solver->credentials;
    bool configured = request->is_key ? d1_credentials_key(set, request->name) != NULL
                                      : d1_credentials_has(set, request->name);
    const char *kind = request->is_key ? "TSIG key" : "token";
    if (token == NULL && configured) {
        return d1_error_set(&request->error, D1_EEXIST,
                            "the %s %s is in the configuration file; change it there and reload",
                            kind, request->name);
    }
    const struct token *other = request->is_key ? find(solver, false, request->name) : NULL;
    if (token == NULL && other != NULL && other->key != NULL) {
        return d1_error_set(&request->error, D1_EEXIST,
                            "%s is the TSIG key of the token of that name; rotate or remove the "
                            "token",
                            request->name);
    }
    if (token == NULL || !token->committed) {
        return d1_error_set(&request->error, D1_ENOTFOUND, "there is no %s %s", kind,
                            request->name);
    }
    if (token->changing) {
        return d1_error_set(&request->error, D1_ENOTYET, "another change of %s is under way",
                            request->name);
    }
    *ret_token = token;
    return D1_OK;
}

int d1_solver_change_token(struct d1_solver *solver, struct d1_solver_token_change *request) {
    struct token *token = NULL;
    request->error = (struct d1_error){.code = D1_OK};
    request->secret[0] = '\0';
    request->key[0] = '\0';
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    bool is_new = request->verb == D1_TOKEN_NEW;
    int err = is_new ? check_new(solver, request) : find_changeable(solver, request, &token);
    if (err != D1_OK) {
        return err;
    }
    struct token_change *change = d1_calloc(1, sizeof(*change));
    if (change == NULL) {
        return -ENOMEM;
    }
    change->solver = solver;
    change->request = request;
    request->state = change;
    err = token == NULL ? begin_new(change) : begin_change(change, token);
    if (err != D1_OK) {
        end_change(change, err);
    }
    return err;
}
