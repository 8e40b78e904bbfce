/* Imported accounts: how they come in, how their first login passes, how it may not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "solver/import.h"
#include "solver/login.h"
#include "tests/unit/solver/fixture.h"

#define USER  "0b3d5b0c-1111-4222-8333-444455556666"
#define OTHER "0b3d5b0c-1111-4222-8333-444455557777"
#define HOME  "9f1b6c1e-aaaa-4bbb-8ccc-ddddeeeeffff.auth.example.test"
#define KEY   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123"
#define HASH  "$2a$04$abcdefghijklmnopqrstuuzkMNRQx57VIxviTtXcNCmdV7gIdwNzq"
#define V1    "LOOK-AT-THE-FIRST-VALUE-OF-FORTY-THREE-CHAR"
#define V2    "LOOK-AT-THE-OTHER-VALUE-OF-FORTY-THREE-CHAR"

struct importing {
    struct d1_solver_import import;
    int done;
    int err;
};

struct entering {
    struct d1_solver_login login;
    uint8_t digest[D1_SHA256_BYTES];
    int done;
    int err;
};

static int open_world(void **state) {
    static struct world world;
    world_open(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    world_close(*state);
    return 0;
}

static void on_imported(struct d1_solver_import *import, int err) {
    struct importing *i = D1_CONTAINER_OF(import, struct importing, import);
    i->done++;
    i->err = err;
}

static void prepare(struct importing *i, const char *username, const char *name) {
    memset(i, 0, sizeof(*i));
    snprintf(i->import.account.username, sizeof(i->import.account.username), "%s", username);
    assert_int_equal(d1_name_from_text(name, &i->import.account.name), 0);
    i->import.account.allowfrom = "192.0.2.0/24";
    i->import.account.bcrypt = HASH;
    i->import.done = on_imported;
}

static void add_value(struct importing *i, const char *value, int64_t updated_ms) {
    struct d1_import_value *to = &i->import.values[i->import.values_count++];
    to->value.length = (uint8_t)strlen(value);
    memcpy(to->value.octets, value, strlen(value));
    to->updated_ms = updated_ms;
}

/* Check, import, settle. Returns what came of it; 1: unchanged. */
static int bring_in(struct world *w, struct importing *i) {
    bool unchanged = false;
    int err = d1_solver_import_check(w->solver, &i->import, &unchanged);
    if (err != 0 || unchanged) {
        return err != 0 ? err : 1;
    }
    err = d1_solver_import(w->solver, &i->import);
    if (err != 0) {
        return err;
    }
    assert_int_equal(i->done, 0);
    world_settle(w);
    assert_int_equal(i->done, 1);
    return i->err;
}

static void on_entered(struct d1_solver_login *login, int err) {
    struct entering *e = D1_CONTAINER_OF(login, struct entering, login);
    e->done++;
    e->err = err;
}

static int start_login(struct world *w, struct entering *e, const char *username, const char *key) {
    memset(e, 0, sizeof(*e));
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key), e->digest), 0);
    e->login = (struct d1_solver_login){
        .username = username, .key = key, .key_digest = e->digest, .done = on_entered};
    return d1_solver_login(w->solver, &e->login);
}

static void finish_login(struct world *w, const struct entering *e) {
    while (e->done == 0) {
        if (fake_store_commit_all(w->store) == 0) {
            uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
        }
    }
    assert_int_equal(e->done, 1);
}

static int login(struct world *w, const char *username, const char *key) {
    struct entering e;
    assert_int_equal(start_login(w, &e, username, key), 0);
    finish_login(w, &e);
    return e.err;
}

static int enter_by_digest(struct world *w, const char *username, const char *key) {
    struct d1_account account;
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key), digest), 0);
    return d1_solver_account(w->solver, username, digest, &account);
}

static void test_an_account_comes_with_its_values(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    add_value(&i, V1, NOW_MS - HOUR_MS);
    add_value(&i, V2, NOW_MS);
    assert_int_equal(bring_in(w, &i), 0);
    assert_int_equal(i.import.values_live, 2);
    assert_true(is_shown(w, HOME, V1));
    assert_true(is_shown(w, HOME, V2));
    assert_true(is_known(w, HOME));
    const struct d1_challenge *row = fake_store_find(w->store, HOME, V1, "account:" USER);
    assert_non_null(row);
    assert_int_equal(row->created_ms, NOW_MS - HOUR_MS);
    assert_int_equal(row->expires_ms, NOW_MS - HOUR_MS + w->settings.lease_default_ms);
    assert_string_equal(fake_store_account(w->store, USER)->bcrypt, HASH);
    assert_string_equal(fake_store_account(w->store, USER)->allowfrom, "192.0.2.0/24");
}

static void test_values_that_have_ended_stay_away(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    add_value(&i, V1, NOW_MS - w->settings.lease_default_ms);
    add_value(&i, V2, NOW_MS + HOUR_MS);
    add_value(&i, V2, NOW_MS);
    assert_int_equal(bring_in(w, &i), 0);
    assert_int_equal(i.import.values_live, 1);
    assert_int_equal(shown_count(w, HOME), 1);
    const struct d1_challenge *row = fake_store_find(w->store, HOME, V2, "account:" USER);
    assert_int_equal(row->expires_ms, NOW_MS + w->settings.lease_default_ms);
    world_advance(w, w->settings.lease_default_ms + 1000);
    assert_int_equal(shown_count(w, HOME), 0);
}

static void test_a_second_import_changes_nothing(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    assert_int_equal(login(w, USER, KEY), 0);
    prepare(&i, USER, HOME);
    i.import.account.allowfrom = "";
    add_value(&i, V1, NOW_MS);
    assert_int_equal(bring_in(w, &i), 1);
    assert_int_equal(enter_by_digest(w, USER, KEY), 0);
    assert_int_equal(shown_count(w, HOME), 0);
    assert_string_equal(fake_store_account(w->store, USER)->allowfrom, "192.0.2.0/24");
}

static void test_what_contradicts_is_refused(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    prepare(&i, USER, "other.auth.example.test");
    assert_int_equal(bring_in(w, &i), D1_EEXIST);
    prepare(&i, OTHER, HOME);
    assert_int_equal(bring_in(w, &i), D1_EEXIST);
    prepare(&i, OTHER, "x.elsewhere.test");
    assert_int_equal(bring_in(w, &i), D1_ENOTSERVED);
    prepare(&i, OTHER, "static.auth.example.test");
    assert_int_equal(bring_in(w, &i), D1_ESTATIC);
    prepare(&i, "not-a-uuid", "x.auth.example.test");
    assert_int_equal(bring_in(w, &i), D1_EPARSE);
    assert_int_equal(fake_store_accounts(w->store), 1);
}

static void test_a_failed_write_leaves_nothing(void **state) {
    struct world *w = *state;
    struct importing i;
    bool unchanged;
    prepare(&i, USER, HOME);
    add_value(&i, V1, NOW_MS);
    assert_int_equal(d1_solver_import_check(w->solver, &i.import, &unchanged), 0);
    assert_int_equal(d1_solver_import(w->solver, &i.import), 0);
    assert_int_equal(d1_solver_import_check(w->solver, &i.import, &unchanged), D1_EEXIST);
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(i.err, D1_ESTORE);
    assert_false(d1_solver_login_helps(w->solver));
    fake_store_refuse(w->store, D1_ELIMIT);
    assert_int_equal(d1_solver_import(w->solver, &i.import), D1_ELIMIT);
    fake_store_refuse(w->store, 0);
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
}

static void test_a_plain_key_needs_no_long_login(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    i.import.account.bcrypt = NULL;
    assert_int_equal(
        d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, KEY, strlen(KEY), i.import.account.key_digest), 0);
    assert_int_equal(bring_in(w, &i), 0);
    assert_false(d1_solver_login_helps(w->solver));
    assert_int_equal(enter_by_digest(w, USER, KEY), 0);
}

static void test_the_first_login_replaces_the_hash(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    assert_true(d1_solver_login_helps(w->solver));
    assert_int_equal(enter_by_digest(w, USER, KEY), D1_EUNAUTHORIZED);
    struct entering e;
    assert_int_equal(start_login(w, &e, USER, KEY), 0);
    finish_login(w, &e);
    assert_int_equal(e.err, 0);
    assert_string_equal(e.login.account.username, USER);
    assert_string_equal(e.login.account.allowfrom, "192.0.2.0/24");
    assert_null(fake_store_account(w->store, USER)->bcrypt);
    assert_memory_equal(fake_store_account(w->store, USER)->key_digest, e.digest, D1_SHA256_BYTES);
    assert_int_equal(enter_by_digest(w, USER, KEY), 0);
    assert_false(d1_solver_login_helps(w->solver));
    world_restart(w);
    assert_int_equal(enter_by_digest(w, USER, KEY), 0);
}

static void test_a_hash_survives_a_restart(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    world_restart(w);
    assert_true(d1_solver_login_helps(w->solver));
    assert_int_equal(login(w, USER, KEY), 0);
}

static void test_wrong_keys_and_strangers_are_refused(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    assert_int_equal(login(w, USER, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0124"), D1_EUNAUTHORIZED);
    assert_int_equal(login(w, OTHER, KEY), D1_EUNAUTHORIZED);
    assert_string_equal(fake_store_account(w->store, USER)->bcrypt, HASH);
}

static void test_a_digest_that_cannot_be_written_costs_nothing(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    fake_store_refuse(w->store, D1_ESTORE);
    assert_int_equal(login(w, USER, KEY), 0);
    fake_store_refuse(w->store, 0);
    assert_string_equal(fake_store_account(w->store, USER)->bcrypt, HASH);
    struct entering e;
    assert_int_equal(start_login(w, &e, USER, KEY), 0);
    while (fake_store_waiting(w->store) == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
    }
    fake_store_fail(w->store, -ENOSPC);
    assert_int_equal(e.done, 1);
    assert_int_equal(e.err, 0);
    assert_int_equal(login(w, USER, KEY), 0);
    assert_null(fake_store_account(w->store, USER)->bcrypt);
}

static void test_two_first_logins_both_pass(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    struct entering a;
    struct entering b;
    assert_int_equal(start_login(w, &a, USER, KEY), 0);
    assert_int_equal(start_login(w, &b, USER, KEY), 0);
    finish_login(w, &a);
    finish_login(w, &b);
    assert_int_equal(a.err, 0);
    assert_int_equal(b.err, 0);
}

static void on_rotated(struct d1_solver_account_change *change, int err) {
    change->username[0] = err == 0 ? '\0' : '!';
}

static void test_rotating_ends_the_imported_hash(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    struct d1_solver_account_change change = {
        .verb = D1_ACCOUNT_ROTATE, .username = USER, .done = on_rotated};
    assert_int_equal(d1_solver_change_account(w->solver, &change), 0);
    world_settle(w);
    assert_string_equal(change.username, "");
    assert_false(d1_solver_login_helps(w->solver));
    assert_int_equal(enter_by_digest(w, USER, KEY), D1_EUNAUTHORIZED);
    assert_int_equal(enter_by_digest(w, USER, change.key), 0);
}

static void test_the_queue_has_an_end(void **state) {
    struct world *w = *state;
    struct importing i;
    prepare(&i, USER, HOME);
    assert_int_equal(bring_in(w, &i), 0);
    static struct entering all[D1_LOGINS_RUNNING_MAX + D1_LOGINS_WAITING_MAX];
    size_t strangers = 0;
    while (start_login(w, &all[strangers], OTHER, KEY) == 0) {
        strangers++;
    }
    assert_int_equal(strangers, D1_LOGINS_RUNNING_MAX + D1_LOGINS_WAITING_MAX / 2);
    size_t count = strangers;
    while (count < D1_LOGINS_RUNNING_MAX + D1_LOGINS_WAITING_MAX) {
        assert_int_equal(start_login(w, &all[count++], USER, KEY), 0);
    }
    struct entering one_more;
    assert_int_equal(start_login(w, &one_more, USER, KEY), D1_ELIMIT);
    d1_solver_destroy(w->solver); /* What waits is canceled, what runs too when it is over. */
    w->solver = NULL;
    while (all[0].done == 0 || all[1].done == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
    }
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(all[k].done, 1);
        assert_int_equal(all[k].err, D1_ECANCELED);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_account_comes_with_its_values),
        TEST(test_values_that_have_ended_stay_away),
        TEST(test_a_second_import_changes_nothing),
        TEST(test_what_contradicts_is_refused),
        TEST(test_a_failed_write_leaves_nothing),
        TEST(test_a_plain_key_needs_no_long_login),
        TEST(test_the_first_login_replaces_the_hash),
        TEST(test_a_hash_survives_a_restart),
        TEST(test_wrong_keys_and_strangers_are_refused),
        TEST(test_a_digest_that_cannot_be_written_costs_nothing),
        TEST(test_two_first_logins_both_pass),
        TEST(test_rotating_ends_the_imported_hash),
        TEST(test_the_queue_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
