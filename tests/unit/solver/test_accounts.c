#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/solver/fixture.h"

struct registering {
    struct d1_solver_register request;
    int done;
    int err;
};

static void on_done(struct d1_solver_register *request, int err) {
    struct registering *r = D1_CONTAINER_OF(request, struct registering, request);
    r->done++;
    r->err = err;
}

static int begin(struct world *w, struct registering *r, const char *allowfrom) {
    memset(r, 0, sizeof(*r));
    r->request.allowfrom = allowfrom;
    r->request.done = on_done;
    return d1_solver_register(w->solver, &r->request);
}

static void enroll(struct world *w, struct registering *r, const char *allowfrom) {
    assert_int_equal(begin(w, r, allowfrom), 0);
    assert_int_equal(r->done, 0);
    world_settle(w);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->err, 0);
}

static int look_up(const struct world *w, const char *username, const char *key,
                   struct d1_account *account) {
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key), digest), 0);
    return d1_solver_account(w->solver, username, digest, account);
}

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

static void test_register_and_look_up(void **state) {
    struct world *w = *state;
    struct registering r;
    struct d1_account account;
    enroll(w, &r, "192.0.2.0/24");
    assert_int_equal(strlen(r.request.account.username), 36);
    assert_int_equal(r.request.account.username[14], '4'); /* UUID version 4. */
    assert_int_equal(strlen(r.request.key), 40);
    assert_int_equal(strspn(r.request.key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
                     40);
    assert_int_equal(look_up(w, r.request.account.username, r.request.key, &account), 0);
    assert_string_equal(account.username, r.request.account.username);
    assert_string_equal(account.allowfrom, "192.0.2.0/24");
    assert_true(d1_name_equal(&account.name, &r.request.account.name));
    assert_int_equal(account.created_ms, NOW_MS);
}

static void test_subdomain_is_another_uuid_in_the_account_zone(void **state) {
    struct world *w = *state;
    struct registering r;
    char text[D1_NAME_TEXT_MAX];
    enroll(w, &r, "");
    d1_name_to_text(&r.request.account.name, text);
    assert_string_equal(text + 36, ".auth.example.test");
    assert_int_equal(text[14], '4');
    assert_int_not_equal(strncmp(text, r.request.account.username, 36), 0);
}

static void test_wrong_key_unknown_user_and_other_forms(void **state) {
    struct world *w = *state;
    struct registering r;
    struct registering other;
    struct d1_account account;
    char upper[D1_UUID_TEXT_BYTES];
    enroll(w, &r, "");
    enroll(w, &other, "");
    const char *username = r.request.account.username;
    assert_int_equal(look_up(w, username, "wrong", &account), D1_EUNAUTHORIZED);
    assert_int_equal(look_up(w, username, other.request.key, &account), D1_EUNAUTHORIZED);
    assert_int_equal(look_up(w, "c36f50e8-4632-44f0-83fe-e070fef28a10", r.request.key, &account),
                     D1_EUNAUTHORIZED);
    assert_int_equal(look_up(w, "no uuid", r.request.key, &account), D1_EUNAUTHORIZED);
    assert_int_equal(look_up(w, "", r.request.key, &account), D1_EUNAUTHORIZED);
    for (size_t i = 0; i < sizeof(upper); i++) {
        char c = username[i];
        upper[i] = (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
    }
    if (strcmp(upper, username) != 0) {
        assert_int_equal(look_up(w, upper, r.request.key, &account), D1_EUNAUTHORIZED);
    }
}

static void test_nobody_logs_in_before_the_commit(void **state) {
    struct world *w = *state;
    struct registering r;
    struct d1_account account;
    assert_int_equal(begin(w, &r, ""), 0);
    assert_int_equal(look_up(w, r.request.account.username, r.request.key, &account),
                     D1_EUNAUTHORIZED);
    world_settle(w);
    assert_int_equal(look_up(w, r.request.account.username, r.request.key, &account), 0);
}

static void test_no_more_accounts_than_the_settings_say(void **state) {
    struct world *w = *state;
    struct registering r;
    w->settings.accounts_max = 2;
    d1_solver_configure(w->solver, &w->settings, world_credentials("nobody", "**.nowhere.test"));
    enroll(w, &r, "");
    enroll(w, &r, "");
    assert_int_equal(begin(w, &r, ""), D1_ELIMIT);
    assert_int_equal(fake_store_accounts(w->store), 2);
}

static void test_failed_commit_leaves_nothing(void **state) {
    struct world *w = *state;
    struct registering r;
    struct d1_account account;
    assert_int_equal(begin(w, &r, "192.0.2.1/32"), 0);
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.err, D1_ESTORE);
    assert_int_equal(look_up(w, r.request.account.username, r.request.key, &account),
                     D1_EUNAUTHORIZED);
    fake_store_refuse(w->store, D1_ELIMIT);
    assert_int_equal(begin(w, &r, ""), D1_ELIMIT);
    fake_store_refuse(w->store, 0);
    enroll(w, &r, "");
}

static void test_without_account_zone(void **state) {
    struct world *w = *state;
    struct registering r;
    w->settings.account_zone_set = false;
    d1_solver_configure(w->solver, &w->settings, world_credentials("x", "**.nowhere.test"));
    assert_int_equal(begin(w, &r, ""), D1_ENOTSERVED);
    w->settings.account_zone_set = true;
    assert_int_equal(d1_name_from_text("elsewhere.test", &w->settings.account_zone), 0);
    d1_solver_configure(w->solver, &w->settings, world_credentials("y", "**.nowhere.test"));
    assert_int_equal(begin(w, &r, ""), D1_ENOTSERVED);
}

static void test_name_of_an_account_is_known(void **state) {
    struct world *w = *state;
    struct registering r;
    char text[D1_NAME_TEXT_MAX];
    assert_int_equal(begin(w, &r, ""), 0);
    d1_name_to_text(&r.request.account.name, text);
    assert_false(is_known(w, text));
    world_settle(w);
    assert_true(is_known(w, text));
}

static void test_account_survives_a_restart(void **state) {
    struct world *w = *state;
    struct registering r;
    struct d1_account account;
    char text[D1_NAME_TEXT_MAX];
    enroll(w, &r, "2001:db8::/32");
    d1_name_to_text(&r.request.account.name, text);
    world_restart(w);
    assert_int_equal(look_up(w, r.request.account.username, r.request.key, &account), 0);
    assert_string_equal(account.allowfrom, "2001:db8::/32");
    assert_true(is_known(w, text));
}

static void test_account_replaced_by_the_store(void **state) {
    struct world *w = *state;
    struct registering r;
    struct d1_account account;
    enroll(w, &r, "192.0.2.0/24");
    struct d1_account row = r.request.account;
    row.allowfrom = "";
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, "new key", 7, row.key_digest), 0);
    fake_store_foreign(w->store,
                       &(struct d1_store_change){.op = D1_STORE_PUT_ACCOUNT, .account = &row});
    assert_int_equal(look_up(w, row.username, "new key", &account), 0);
    assert_string_equal(account.allowfrom, "");
    assert_int_equal(look_up(w, row.username, r.request.key, &account), D1_EUNAUTHORIZED);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(test_register_and_look_up),
        T(test_subdomain_is_another_uuid_in_the_account_zone),
        T(test_wrong_key_unknown_user_and_other_forms),
        T(test_nobody_logs_in_before_the_commit),
        T(test_no_more_accounts_than_the_settings_say),
        T(test_failed_commit_leaves_nothing),
        T(test_without_account_zone),
        T(test_name_of_an_account_is_known),
        T(test_account_survives_a_restart),
        T(test_account_replaced_by_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
