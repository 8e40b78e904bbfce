/* Tokens and TSIG keys made at run time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "dns/tsig.h"
#include "solver/tokens.h"
#include "tests/unit/solver/fixture.h"

#define HOST "a.auth.example.test" /* Its owner name is NAME. */

struct changing {
    struct d1_solver_token_change change;
    int done;
    int err;
    char owner[D1_OWNER_TEXT_MAX + 1]; /* Of the view, as it was in done. */
};

static unsigned told_of_keys;

static void on_keys(void *arg) {
    (void)arg;
    told_of_keys++;
}

static int open_world(void **state) {
    static struct world world;
    world_open(&world);
    told_of_keys = 0;
    d1_solver_watch_tsig(world.solver, on_keys, NULL);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    world_close(*state);
    return 0;
}

static void on_changed(struct d1_solver_token_change *change, int err) {
    struct changing *c = D1_CONTAINER_OF(change, struct changing, change);
    c->done++;
    c->err = err;
    if (err == 0 && change->verb != D1_TOKEN_REMOVE) {
        snprintf(c->owner, sizeof(c->owner), "%s", change->view.credential->owner);
    }
}

static void prepare(struct changing *c, enum d1_token_verb verb, bool is_key, const char *name) {
    memset(c, 0, sizeof(*c));
    c->change.verb = verb;
    c->change.is_key = is_key;
    c->change.done = on_changed;
    snprintf(c->change.name, sizeof(c->change.name), "%s", name);
}

static void finish(struct world *w, struct changing *c) {
    assert_int_equal(d1_solver_change_token(w->solver, &c->change), 0);
    assert_int_equal(c->done, 0);
    world_settle(w);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->err, 0);
}

static void make(struct world *w, struct changing *c, const char *name) {
    prepare(c, D1_TOKEN_NEW, false, name);
    finish(w, c);
}

static void make_key(struct world *w, struct changing *c, const char *name, const char *names) {
    prepare(c, D1_TOKEN_NEW, true, name);
    c->change.names = names;
    finish(w, c);
}

/* At once refused, with a story. */
static void refuse(struct world *w, struct changing *c, int err, const char *part) {
    assert_int_equal(d1_solver_change_token(w->solver, &c->change), err);
    world_settle(w);
    assert_int_equal(c->done, 0);
    if (strstr(c->change.error.text, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, c->change.error.text);
    }
}

static const struct d1_credential *by_secret(const struct world *w, const char *secret) {
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_TOKEN_DIGEST_DOMAIN, secret, strlen(secret), digest), 0);
    return d1_solver_token_by_digest(w->solver, digest);
}

static const struct d1_credential *by_name(const struct world *w, const char *name,
                                           const char *secret) {
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_TOKEN_DIGEST_DOMAIN, secret, strlen(secret), digest), 0);
    return d1_solver_token_by_name(w->solver, name, digest);
}

/* Present by a credential; the outcome, at once or later. */
static int present_by(struct world *w, const struct d1_credential *credential, const char *name,
                      const char *value, int64_t lease_ms, int64_t *ret_expires_ms) {
    struct asked asked;
    asked_init(&asked, w, D1_SOLVER_PRESENT, credential->owner, name, value);
    asked.request.caller = *credential;
    asked.request.lease_ms = lease_ms;
    int err = d1_solver_submit(w->solver, &asked.request);
    world_settle(w);
    assert_int_equal(asked.done, err == 0);
    if (ret_expires_ms != NULL) {
        *ret_expires_ms = asked.request.expires_ms;
    }
    return err != 0 ? err : asked.err;
}

static void count_key(struct d1_tsig_key *key, void *arg) {
    (void)key;
    ++*(size_t *)arg;
}

static size_t keys(const struct world *w) {
    size_t count = 0;
    d1_solver_each_tsig(w->solver, count_key, &count);
    return count;
}

static void test_a_token_serves_its_name_and_nothing_else(void **state) {
    struct world *w = *state;
    struct changing c;
    make(w, &c, "A.Auth.Example.Test.");
    assert_string_equal(c.change.name, HOST);
    assert_string_equal(c.owner, "token:" HOST);
    assert_int_equal(strlen(c.change.secret), 43);
    assert_int_equal(strlen(c.change.key), 44);
    const struct d1_credential *found = by_secret(w, c.change.secret);
    assert_non_null(found);
    assert_ptr_equal(found, by_name(w, HOST, c.change.secret));
    assert_ptr_equal(found, d1_solver_token_by_key(w->solver, HOST));
    assert_int_equal(present_by(w, found, NAME, "v1", 0, NULL), 0);
    assert_true(is_shown(w, NAME, "v1"));
    assert_int_equal(present_by(w, found, "_acme-challenge.b.auth.example.test", "v1", 0, NULL),
                     D1_EFORBIDDEN);
    assert_int_equal(present_by(w, found, "_acme-challenge.x." HOST, "v1", 0, NULL), D1_EFORBIDDEN);
    assert_int_equal(present_by(w, found, HOST, "v1", 0, NULL), D1_EFORBIDDEN);
    assert_null(by_secret(w, "another secret of length"));
    assert_null(by_name(w, HOST, "another secret of length"));
    assert_null(by_name(w, "b.auth.example.test", c.change.secret));
    assert_null(d1_solver_token_by_key(w->solver, "b.auth.example.test"));
}

static void test_the_key_is_made_of_the_secret(void **state) {
    struct world *w = *state;
    struct changing c;
    uint8_t digest[D1_SHA256_BYTES];
    char text[D1_BASE64_BYTES(D1_SHA256_BYTES)];
    make(w, &c, HOST);
    assert_int_equal(d1_sha256("dns01d token key", c.change.secret, 43, digest), 0);
    d1_base64_encode(digest, sizeof(digest), text, sizeof(text));
    assert_string_equal(text, c.change.key);
}

static void test_its_name_is_known(void **state) {
    struct world *w = *state;
    struct changing c;
    assert_false(is_known(w, NAME));
    make(w, &c, HOST);
    assert_true(is_known(w, NAME));
    world_restart(w);
    assert_true(is_known(w, NAME));
    prepare(&c, D1_TOKEN_ROTATE, false, HOST);
    finish(w, &c);
    assert_true(is_known(w, NAME));
    prepare(&c, D1_TOKEN_REMOVE, false, HOST);
    finish(w, &c);
    assert_false(is_known(w, NAME));
}

static void test_rights_survive_a_restart(void **state) {
    struct world *w = *state;
    struct changing c;
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.names = "**.auth.example.test b.auth.example.test";
    c.change.owners = "x7.auth.example.test";
    c.change.verbs = "present read";
    c.change.lease_ms = 7 * 24 * HOUR_MS;
    c.change.quota = 3;
    finish(w, &c);
    world_restart(w);
    const struct d1_credential *found = by_secret(w, c.change.secret);
    assert_non_null(found);
    assert_int_equal(found->lease_ms, 7 * 24 * HOUR_MS);
    assert_int_equal(found->quota, 3);
    assert_string_equal(found->algorithm, "hmac-sha256");
    assert_int_equal(d1_rights_verbs(found->rights), D1_VERB_PRESENT | D1_VERB_READ);
    assert_int_equal(present_by(w, found, NAME, "v1", 0, NULL), 0);
    assert_int_equal(present_by(w, found, "x7.auth.example.test", "v1", 0, NULL), 0);
    assert_int_equal(present_by(w, found, "x8.auth.example.test", "v1", 0, NULL), D1_EFORBIDDEN);
    assert_int_equal(keys(w), 1);
}

static void test_nobody_is_let_in_before_the_commit(void **state) {
    struct world *w = *state;
    struct changing c;
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    assert_int_equal(d1_solver_change_token(w->solver, &c.change), 0);
    assert_null(by_secret(w, c.change.secret));
    assert_null(by_name(w, HOST, c.change.secret));
    assert_null(d1_solver_token_by_key(w->solver, HOST));
    assert_int_equal(keys(w), 0);
    world_settle(w);
    assert_non_null(by_secret(w, c.change.secret));
}

static void test_a_failed_commit_leaves_nothing(void **state) {
    struct world *w = *state;
    struct changing c;
    char secret[D1_TOKEN_SECRET_TEXT_BYTES];
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    assert_int_equal(d1_solver_change_token(w->solver, &c.change), 0);
    memcpy(secret, c.change.secret, sizeof(secret));
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err, D1_ESTORE);
    assert_string_equal(c.change.secret, "");
    assert_string_equal(c.change.key, "");
    assert_null(by_secret(w, secret));
    assert_false(is_known(w, NAME));
    make(w, &c, HOST); /* The name is free. */
}

static void test_rotation_ends_the_old_secret(void **state) {
    struct world *w = *state;
    struct changing made;
    struct changing c;
    make(w, &made, HOST);
    assert_int_equal(present_by(w, by_secret(w, made.change.secret), NAME, "v1", 0, NULL), 0);
    prepare(&c, D1_TOKEN_ROTATE, false, HOST);
    assert_int_equal(d1_solver_change_token(w->solver, &c.change), 0);
    assert_non_null(by_secret(w, made.change.secret)); /* Not committed yet. */
    assert_null(by_secret(w, c.change.secret));
    world_settle(w);
    assert_int_equal(c.done, 1);
    assert_string_not_equal(c.change.secret, made.change.secret);
    assert_string_not_equal(c.change.key, made.change.key);
    assert_null(by_secret(w, made.change.secret));
    const struct d1_credential *found = by_secret(w, c.change.secret);
    assert_non_null(found);
    assert_int_equal(keys(w), 1);
    assert_true(is_shown(w, NAME, "v1"));
    struct asked asked; /* What it presented before is still its own. */
    asked_init(&asked, w, D1_SOLVER_CLEANUP, found->owner, NAME, "v1");
    asked.request.caller = *found;
    assert_int_equal(d1_solver_submit(w->solver, &asked.request), 0);
    world_settle(w);
    assert_false(is_shown(w, NAME, "v1"));
}

static void test_a_failed_rotation_changes_nothing(void **state) {
    struct world *w = *state;
    struct changing made;
    struct changing c;
    make(w, &made, HOST);
    prepare(&c, D1_TOKEN_ROTATE, false, HOST);
    assert_int_equal(d1_solver_change_token(w->solver, &c.change), 0);
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(c.err, D1_ESTORE);
    assert_non_null(by_secret(w, made.change.secret));
    assert_true(is_known(w, NAME));
    finish(w, (prepare(&c, D1_TOKEN_ROTATE, false, HOST), &c));
}

static void test_removal_ends_the_rights_but_not_the_values(void **state) {
    struct world *w = *state;
    struct changing made;
    struct changing c;
    make(w, &made, HOST);
    assert_int_equal(present_by(w, by_secret(w, made.change.secret), NAME, "v1", 0, NULL), 0);
    prepare(&c, D1_TOKEN_REMOVE, false, HOST);
    finish(w, &c);
    assert_null(by_secret(w, made.change.secret));
    assert_null(d1_solver_token_by_key(w->solver, HOST));
    assert_int_equal(keys(w), 0);
    assert_true(is_shown(w, NAME, "v1"));
    world_restart(w);
    assert_null(by_secret(w, made.change.secret));
    assert_true(is_shown(w, NAME, "v1"));
    world_advance(w, 24 * HOUR_MS);
    assert_false(is_shown(w, NAME, "v1"));
}

static void test_two_changes_of_one(void **state) {
    struct world *w = *state;
    struct changing a;
    struct changing b;
    make(w, &a, HOST);
    prepare(&a, D1_TOKEN_ROTATE, false, HOST);
    prepare(&b, D1_TOKEN_REMOVE, false, HOST);
    assert_int_equal(d1_solver_change_token(w->solver, &a.change), 0);
    assert_int_equal(d1_solver_change_token(w->solver, &b.change), D1_ENOTYET);
    world_settle(w);
    assert_int_equal(a.done, 1);
    finish(w, &b);
    assert_int_equal(d1_solver_change_token(w->solver, &b.change), D1_ENOTFOUND);
}

static void test_names_are_taken_once(void **state) {
    struct world *w = *state;
    struct changing c;
    make(w, &c, HOST);
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    refuse(w, &c, D1_EEXIST, "already");
    prepare(&c, D1_TOKEN_NEW, true, HOST); /* The token's own key has that name. */
    c.change.names = "**";
    refuse(w, &c, D1_EEXIST, "already");
    prepare(&c, D1_TOKEN_REMOVE, true, HOST);
    refuse(w, &c, D1_EEXIST, "remove the token");
    make_key(w, &c, "certbot", "**");
    prepare(&c, D1_TOKEN_NEW, true, "certbot.");
    c.change.names = "**";
    refuse(w, &c, D1_EEXIST, "already");
    prepare(&c, D1_TOKEN_NEW, false, "certbot");
    refuse(w, &c, D1_EEXIST, "already");
    c.change.algorithm = ""; /* A token without a key is in nobody's way. */
    finish(w, &c);
    assert_string_equal(c.change.key, "");
    assert_null(by_secret(w, c.change.secret)->algorithm);
    assert_string_equal(d1_solver_token_by_key(w->solver, "certbot")->owner, "tsig:certbot");
}

static void test_what_is_refused(void **state) {
    struct world *w = *state;
    static const char *const names[] = {"",    ".",   "a..b", "*.example.test",
                                        "a b", "a/b", "a:b",  "a\\.b"};
    struct changing c;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        prepare(&c, D1_TOKEN_NEW, false, names[i]);
        refuse(w, &c, D1_ENAME, "domain name");
    }
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.names = "a.test *b";
    refuse(w, &c, D1_ENAME, "*b");
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.verbs = "present wirte";
    refuse(w, &c, D1_EPARSE, "wirte");
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.lease_ms = w->settings.lease_maximum_ms + 1;
    refuse(w, &c, D1_ELEASE, "30d");
    prepare(&c, D1_TOKEN_NEW, true, "certbot");
    refuse(w, &c, D1_EPARSE, "no rights");
    prepare(&c, D1_TOKEN_NEW, true, "certbot");
    c.change.names = "**";
    c.change.algorithm = "hmac-md5";
    refuse(w, &c, D1_EPARSE, "hmac-md5");
    prepare(&c, D1_TOKEN_ROTATE, false, HOST);
    refuse(w, &c, D1_ENOTFOUND, "no token");
    assert_int_equal(fake_store_waiting(w->store), 0);
}

static void test_too_many_patterns(void **state) {
    struct world *w = *state;
    static char names[2 * D1_TOKEN_PATTERNS_MAX + 4];
    struct changing c;
    for (size_t i = 0; i <= D1_TOKEN_PATTERNS_MAX; i++) {
        memcpy(names + 2 * i, "a ", 2);
    }
    names[2 * D1_TOKEN_PATTERNS_MAX + 1] = '\0';
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.names = names;
    refuse(w, &c, D1_ELIMIT, "256");
    names[2 * D1_TOKEN_PATTERNS_MAX - 1] = '\0';
    c.change.owners = "b";
    refuse(w, &c, D1_ELIMIT, "256");
    c.change.owners = NULL;
    finish(w, &c);
}

static void configure(struct world *w, const char *token, const char *key) {
    struct d1_credentials *set = world_credentials(token, "**.nowhere.test");
    struct d1_rights *rights = NULL;
    const char *const names[] = {"**"};
    assert_int_equal(d1_rights_create(names, 1, NULL, 0, D1_VERBS_DEFAULT, &rights, NULL), 0);
    assert_int_equal(d1_credentials_add_key(set, key, "hmac-sha512", rights), 0);
    d1_solver_configure(w->solver, &w->settings, set);
}

static void test_a_configured_name_is_refused(void **state) {
    struct world *w = *state;
    struct changing c;
    configure(w, HOST, "certbot");
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    refuse(w, &c, D1_EEXIST, "configuration");
    prepare(&c, D1_TOKEN_NEW, true, "certbot");
    c.change.names = "**";
    refuse(w, &c, D1_EEXIST, "configuration");
    prepare(&c, D1_TOKEN_NEW, false, "certbot");
    refuse(w, &c, D1_EEXIST, "configuration");
    prepare(&c, D1_TOKEN_REMOVE, false, HOST);
    refuse(w, &c, D1_EEXIST, "configuration");
    prepare(&c, D1_TOKEN_ROTATE, true, "certbot");
    refuse(w, &c, D1_EEXIST, "configuration");
}

struct counts {
    unsigned configured;
    unsigned hidden;
    unsigned all;
};

static void count_view(const struct d1_token_view *view, void *arg) {
    struct counts *counts = arg;
    counts->configured += view->configured;
    counts->hidden += view->hidden;
    counts->all++;
}

static void test_a_configured_name_wins(void **state) {
    struct world *w = *state;
    struct changing token;
    struct changing key;
    struct counts counts = {0};
    make(w, &token, HOST);
    make_key(w, &key, "certbot", "a.auth.example.test");
    configure(w, HOST, "certbot");
    assert_null(by_secret(w, token.change.secret));
    assert_null(by_name(w, HOST, token.change.secret));
    assert_null(d1_solver_token_by_key(w->solver, HOST));
    assert_string_equal(d1_solver_token_by_key(w->solver, "certbot")->algorithm, "hmac-sha512");
    d1_solver_each_token(w->solver, count_view, &counts);
    assert_int_equal(counts.all, 4);
    assert_int_equal(counts.configured, 2);
    assert_int_equal(counts.hidden, 2);
    prepare(&key, D1_TOKEN_REMOVE, true, "certbot"); /* A hidden one can be removed. */
    finish(w, &key);
    configure(w, "other", "another");
    assert_non_null(by_secret(w, token.change.secret));
    assert_non_null(d1_solver_token_by_key(w->solver, HOST));
}

static void test_keys_of_their_own(void **state) {
    struct world *w = *state;
    struct changing c;
    prepare(&c, D1_TOKEN_NEW, true, "certbot");
    c.change.names = "a.auth.example.test";
    c.change.algorithm = "hmac-sha512";
    finish(w, &c);
    assert_string_equal(c.owner, "tsig:certbot");
    assert_string_equal(c.change.secret, "");
    assert_int_equal(strlen(c.change.key), 88);
    assert_null(by_name(w, "certbot", c.change.key));
    assert_int_equal(told_of_keys, 1);
    world_restart(w);
    assert_int_equal(keys(w), 1);
    const struct d1_credential *found = d1_solver_token_by_key(w->solver, "certbot");
    assert_string_equal(found->algorithm, "hmac-sha512");
    assert_int_equal(present_by(w, found, NAME, "v1", 0, NULL), 0);
    assert_int_equal(present_by(w, found, "x7.auth.example.test", "v1", 0, NULL), D1_EFORBIDDEN);
}

static void test_who_watches_keys_is_told(void **state) {
    struct world *w = *state;
    struct changing c;
    make(w, &c, HOST);
    assert_int_equal(told_of_keys, 1);
    prepare(&c, D1_TOKEN_ROTATE, false, HOST);
    finish(w, &c);
    assert_int_equal(told_of_keys, 2);
    prepare(&c, D1_TOKEN_REMOVE, false, HOST);
    finish(w, &c);
    assert_int_equal(told_of_keys, 3);
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.algorithm = "";
    finish(w, &c);
    assert_int_equal(told_of_keys, 3);
}

static void test_its_own_lease(void **state) {
    struct world *w = *state;
    struct changing c;
    int64_t expires_ms = 0;
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.lease_ms = 2 * HOUR_MS;
    finish(w, &c);
    const struct d1_credential *found = by_secret(w, c.change.secret);
    assert_int_equal(present_by(w, found, NAME, "v1", D1_LEASE_DEFAULT, &expires_ms), 0);
    assert_int_equal(expires_ms, NOW_MS + 2 * HOUR_MS);
    assert_int_equal(present_by(w, found, NAME, "v2", HOUR_MS, &expires_ms), 0);
    assert_int_equal(expires_ms, NOW_MS + HOUR_MS);
    assert_int_equal(present_by(w, found, NAME, "v3", 3 * HOUR_MS, NULL), D1_ELEASE);
    w->settings.lease_maximum_ms = HOUR_MS; /* What holds for all holds for it. */
    configure(w, "other", "another");
    assert_int_equal(present_by(w, found, NAME, "v4", D1_LEASE_DEFAULT, &expires_ms), 0);
    assert_int_equal(expires_ms, NOW_MS + HOUR_MS);
}

static void test_its_quota(void **state) {
    struct world *w = *state;
    struct changing c;
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.quota = 2;
    c.change.owners = "**.auth.example.test";
    finish(w, &c);
    const struct d1_credential *found = by_secret(w, c.change.secret);
    assert_int_equal(present_by(w, found, NAME, "v1", 0, NULL), 0);
    assert_int_equal(present_by(w, found, "x.auth.example.test", "v1", 0, NULL), 0);
    assert_int_equal(present_by(w, found, "y.auth.example.test", "v1", 0, NULL), D1_EQUOTA);
    assert_int_equal(present_by(w, found, NAME, "v1", 0, NULL), 0); /* A repeat is no more. */
    assert_int_equal(present(w, "token:other", "y.auth.example.test", "v1"), 0);
    assert_int_equal(cleanup(w, found->owner, "x.auth.example.test", "v1"), 0);
    assert_int_equal(present_by(w, found, "y.auth.example.test", "v1", 0, NULL), 0);
    world_restart(w); /* What it holds counts again. */
    found = by_secret(w, c.change.secret);
    assert_int_equal(present_by(w, found, "x.auth.example.test", "v1", 0, NULL), D1_EQUOTA);
    world_advance(w, 24 * HOUR_MS);
    assert_int_equal(present_by(w, found, "x.auth.example.test", "v1", 0, NULL), 0);
}

static void test_its_quota_counts_what_is_under_way(void **state) {
    struct world *w = *state;
    struct changing c;
    struct asked first;
    struct asked second;
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.quota = 1;
    c.change.owners = "**.auth.example.test";
    finish(w, &c);
    const struct d1_credential *found = by_secret(w, c.change.secret);
    asked_init(&first, w, D1_SOLVER_PRESENT, found->owner, NAME, "v1");
    asked_init(&second, w, D1_SOLVER_PRESENT, found->owner, "x.auth.example.test", "v1");
    first.request.caller = *found;
    second.request.caller = *found;
    assert_int_equal(d1_solver_submit(w->solver, &first.request), 0);
    assert_int_equal(d1_solver_submit(w->solver, &second.request), D1_EQUOTA);
    fake_store_fail(w->store, D1_ESTORE);
    world_settle(w);
    assert_int_equal(first.err, D1_ESTORE);
    assert_int_equal(d1_solver_submit(w->solver, &second.request), 0);
    world_settle(w);
    assert_int_equal(second.err, 0);
}

static void on_transacted(struct d1_solver_transaction *transaction, int err) {
    (void)err;
    transaction->count = 0;
}

static int transact(struct world *w, const struct d1_credential *credential,
                    const char *const *values, size_t count, bool clear) {
    static struct d1_solver_change changes[8];
    struct d1_solver_transaction transaction = {.door = D1_DOOR_UPDATE, .caller = *credential};
    size_t used = 0;
    if (clear) {
        changes[used].kind = D1_SOLVER_CLEAR;
        assert_int_equal(d1_name_from_text(NAME, &changes[used++].name), 0);
    }
    for (size_t i = 0; i < count; i++) {
        changes[used].kind = D1_SOLVER_ADD;
        changes[used].value.length = (uint8_t)strlen(values[i]);
        memcpy(changes[used].value.octets, values[i], changes[used].value.length);
        assert_int_equal(d1_name_from_text(NAME, &changes[used++].name), 0);
    }
    transaction.changes = changes;
    transaction.count = used;
    transaction.done = on_transacted;
    int err = d1_solver_transact(w->solver, &transaction);
    world_settle(w);
    return err;
}

static void test_its_quota_and_lease_hold_for_transactions(void **state) {
    struct world *w = *state;
    struct changing c;
    static const char *const values[] = {"v1", "v2", "v3"};
    prepare(&c, D1_TOKEN_NEW, false, HOST);
    c.change.quota = 2;
    c.change.lease_ms = 2 * HOUR_MS;
    finish(w, &c);
    const struct d1_credential *found = d1_solver_token_by_key(w->solver, HOST);
    assert_int_equal(transact(w, found, values, 3, false), 0);
    assert_int_equal(shown_count(w, NAME), 0);
    assert_int_equal(transact(w, found, values, 2, false), 0);
    assert_int_equal(shown_count(w, NAME), 2);
    assert_int_equal(transact(w, found, &values[2], 1, false), 0);
    assert_false(is_shown(w, NAME, "v3"));
    assert_int_equal(transact(w, found, &values[2], 1, true), 0); /* In place of its own. */
    assert_true(is_shown(w, NAME, "v3"));
    assert_int_equal(shown_count(w, NAME), 1);
    const struct d1_challenge *row = fake_store_find(w->store, NAME, "v3", found->owner);
    assert_int_equal(row->expires_ms, NOW_MS + 2 * HOUR_MS);
}

static void test_rows_that_make_no_sense_are_told(void **state) {
    struct world *w = *state;
    struct d1_token record = {
        .owner = "nobody", .algorithm = "", .names = "a.test", .owners = "", .verbs = "present"};
    static const struct {
        const char *owner;
        bool has_digest;
        const char *algorithm;
        const char *names;
        const char *verbs;
    } rows[] = {
        {"nobody", true, "", "a.test", "present"},
        {"tsig:a", true, "hmac-sha256", "a.test", "present"},
        {"tsig:a", false, "", "a.test", "present"},
        {"token:a", false, "hmac-sha256", "a.test", "present"},
        {"token:a", true, "hmac-sha3", "a.test", "present"},
        {"token:a", true, "", "a.test  b", "present"},
        {"token:a", true, "", "**x", "present"},
        {"token:a", true, "", "a.test", "fly"},
        {"token:..", true, "hmac-sha256", "a.test", "present"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        int64_t live = d1_mem_live();
        snprintf(record.owner, sizeof(record.owner), "%s", rows[i].owner);
        record.has_digest = rows[i].has_digest;
        record.algorithm = rows[i].algorithm;
        record.names = rows[i].names;
        record.verbs = rows[i].verbs;
        struct d1_store_change change = {.op = D1_STORE_PUT_TOKEN, .token = &record};
        fake_store_foreign(w->store, &change);
        struct counts counts = {0};
        d1_solver_each_token(w->solver, count_view, &counts);
        assert_int_equal(counts.all, counts.configured);
        assert_int_equal(d1_mem_live(), live);
        change.op = D1_STORE_REMOVE_TOKEN;
        fake_store_foreign(w->store, &change);
    }
}

static void test_of_another_node(void **state) {
    struct world *w = *state;
    struct d1_token record = {.owner = "token:" HOST,
                              .has_digest = true,
                              .algorithm = "hmac-sha256",
                              .key_length = 32,
                              .names = HOST,
                              .owners = "",
                              .verbs = "present"};
    struct d1_store_change change = {.op = D1_STORE_PUT_TOKEN, .token = &record};
    fake_store_foreign(w->store, &change);
    assert_non_null(d1_solver_token_by_digest(w->solver, record.digest));
    assert_true(is_known(w, NAME));
    assert_int_equal(told_of_keys, 1);
    record.names = "b.auth.example.test";
    fake_store_foreign(w->store, &change); /* Replaced. */
    assert_false(is_known(w, NAME));
    assert_true(is_known(w, "_acme-challenge.b.auth.example.test"));
    change.op = D1_STORE_REMOVE_TOKEN;
    fake_store_foreign(w->store, &change);
    assert_null(d1_solver_token_by_digest(w->solver, record.digest));
    assert_false(is_known(w, "_acme-challenge.b.auth.example.test"));
    assert_int_equal(keys(w), 0);
}

/* Each allocation of a new one, its rotation and its removal fails in turn. */
static void test_without_memory(void **state) {
    static struct world world;
    static const enum d1_token_verb verbs[] = {D1_TOKEN_NEW, D1_TOKEN_ROTATE, D1_TOKEN_REMOVE};
    (void)state;
    int64_t live = d1_mem_live();
    bool failed = true;
    for (uint64_t skipped = 0; failed; skipped++) {
        failed = false;
        world_open(&world);
        for (size_t i = 0; i < D1_ARRAY_LENGTH(verbs); i++) {
            struct changing c;
            prepare(&c, verbs[i], false, HOST);
            d1_mem_fault_arm(skipped, 0);
            int err = d1_solver_change_token(world.solver, &c.change);
            world_settle(&world);
            bool here = d1_mem_fault_disarm() > 0;
            failed = failed || here;
            assert_int_equal(c.done, err == 0);
            if (err != 0) {
                assert_true(here);
                prepare(&c, verbs[i], false, HOST);
                finish(&world, &c);
            }
        }
        assert_false(is_known(&world, NAME));
        world_close(&world);
        assert_int_equal(d1_mem_live(), live);
    }
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_token_serves_its_name_and_nothing_else),
        WORLD_TEST(test_the_key_is_made_of_the_secret),
        WORLD_TEST(test_its_name_is_known),
        WORLD_TEST(test_rights_survive_a_restart),
        WORLD_TEST(test_nobody_is_let_in_before_the_commit),
        WORLD_TEST(test_a_failed_commit_leaves_nothing),
        WORLD_TEST(test_rotation_ends_the_old_secret),
        WORLD_TEST(test_a_failed_rotation_changes_nothing),
        WORLD_TEST(test_removal_ends_the_rights_but_not_the_values),
        WORLD_TEST(test_two_changes_of_one),
        WORLD_TEST(test_names_are_taken_once),
        WORLD_TEST(test_what_is_refused),
        WORLD_TEST(test_too_many_patterns),
        WORLD_TEST(test_a_configured_name_is_refused),
        WORLD_TEST(test_a_configured_name_wins),
        WORLD_TEST(test_keys_of_their_own),
        WORLD_TEST(test_who_watches_keys_is_told),
        WORLD_TEST(test_its_own_lease),
        WORLD_TEST(test_its_quota),
        WORLD_TEST(test_its_quota_counts_what_is_under_way),
        WORLD_TEST(test_its_quota_and_lease_hold_for_transactions),
        WORLD_TEST(test_rows_that_make_no_sense_are_told),
        WORLD_TEST(test_of_another_node),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
