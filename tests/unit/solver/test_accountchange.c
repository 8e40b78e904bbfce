/* Changes of accounts by administrators: rotate, allowfrom, delete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/solver/fixture.h"

struct changing {
    struct d1_solver_account_change change;
    int done;
    int err;
    char allowfrom[256]; /* As it was in done. */
};

/* An account and what it presents as. */
struct enrolled {
    struct d1_solver_register request;
    int done;
    char owner[D1_OWNER_TEXT_MAX + 1];
    char name[D1_NAME_TEXT_MAX];
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

static void on_enrolled(struct d1_solver_register *request, int err) {
    struct enrolled *enrolled = D1_CONTAINER_OF(request, struct enrolled, request);
    assert_int_equal(err, 0);
    enrolled->done++;
}

static void enroll(struct world *w, struct enrolled *e, const char *allowfrom) {
    memset(e, 0, sizeof(*e));
    e->request.allowfrom = allowfrom;
    e->request.done = on_enrolled;
    assert_int_equal(d1_solver_register(w->solver, &e->request), 0);
    world_settle(w);
    assert_int_equal(e->done, 1);
    snprintf(e->owner, sizeof(e->owner), "account:%s", e->request.account.username);
    d1_name_to_text(&e->request.account.name, e->name);
}

static void on_changed(struct d1_solver_account_change *change, int err) {
    struct changing *c = D1_CONTAINER_OF(change, struct changing, change);
    c->done++;
    c->err = err;
    snprintf(c->allowfrom, sizeof(c->allowfrom), "%s", change->account.allowfrom);
}

static int begin(struct world *w, struct changing *c, enum d1_account_verb verb,
                 const struct enrolled *e, const char *allowfrom) {
    memset(c, 0, sizeof(*c));
    c->change.verb = verb;
    c->change.door = D1_DOOR_API;
    c->change.allowfrom = allowfrom;
    c->change.done = on_changed;
    memcpy(c->change.username, e->request.account.username, D1_UUID_TEXT_BYTES);
    return d1_solver_change_account(w->solver, &c->change);
}

static void change(struct world *w, struct changing *c, enum d1_account_verb verb,
                   const struct enrolled *e, const char *allowfrom) {
    assert_int_equal(begin(w, c, verb, e, allowfrom), 0);
    assert_int_equal(c->done, 0);
    world_settle(w);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->err, 0);
}

static int log_in(const struct world *w, const struct enrolled *e, const char *key,
                  struct d1_account *account) {
    uint8_t digest[D1_SHA256_BYTES];
    assert_int_equal(d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key), digest), 0);
    return d1_solver_account(w->solver, e->request.account.username, digest, account);
}

static void test_rotate(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    struct d1_account account;
    enroll(w, &e, "192.0.2.0/24");
    assert_int_equal(begin(w, &c, D1_ACCOUNT_ROTATE, &e, ""), 0);
    assert_int_equal(log_in(w, &e, e.request.key, &account), 0); /* Not committed yet. */
    world_settle(w);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err, 0);
    assert_int_equal(strlen(c.change.key), 40);
    assert_string_not_equal(c.change.key, e.request.key);
    assert_int_equal(log_in(w, &e, e.request.key, &account), D1_EUNAUTHORIZED);
    assert_int_equal(log_in(w, &e, c.change.key, &account), 0);
    assert_string_equal(account.allowfrom, "192.0.2.0/24");
    assert_true(d1_name_equal(&account.name, &e.request.account.name));
    world_restart(w);
    assert_int_equal(log_in(w, &e, c.change.key, &account), 0);
    assert_string_equal(account.allowfrom, "192.0.2.0/24");
}

static void test_allowfrom(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    struct d1_account account;
    enroll(w, &e, "");
    change(w, &c, D1_ACCOUNT_ALLOWFROM, &e, "192.0.2.0/24 2001:db8::/32");
    assert_string_equal(c.allowfrom, "192.0.2.0/24 2001:db8::/32");
    assert_string_equal(c.change.key, "");
    assert_int_equal(log_in(w, &e, e.request.key, &account), 0);
    assert_string_equal(account.allowfrom, "192.0.2.0/24 2001:db8::/32");
    world_restart(w);
    assert_int_equal(log_in(w, &e, e.request.key, &account), 0);
    assert_string_equal(account.allowfrom, "192.0.2.0/24 2001:db8::/32");
    change(w, &c, D1_ACCOUNT_ALLOWFROM, &e, "");
    assert_string_equal(c.allowfrom, "");
}

static void test_delete(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    struct d1_account account;
    enroll(w, &e, "");
    change(w, &c, D1_ACCOUNT_DELETE, &e, "");
    assert_int_equal(log_in(w, &e, e.request.key, &account), D1_EUNAUTHORIZED);
    assert_int_equal(d1_solver_find_account(w->solver, e.request.account.username, &account),
                     D1_ENOTFOUND);
    assert_int_equal(fake_store_accounts(w->store), 0);
    assert_false(is_known(w, e.name)); /* It never had a value. */
    assert_int_equal(begin(w, &c, D1_ACCOUNT_DELETE, &e, ""), D1_ENOTFOUND);
}

static void test_delete_takes_the_values_along(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct enrolled other;
    struct changing c;
    enroll(w, &e, "");
    enroll(w, &other, "");
    assert_int_equal(present(w, e.owner, e.name, "v1"), 0);
    assert_int_equal(present(w, e.owner, e.name, "v2"), 0);
    assert_int_equal(present(w, "token:x", e.name, "v2"), 0);
    assert_int_equal(present(w, "token:x", e.name, "v3"), 0);
    assert_int_equal(present(w, other.owner, other.name, "v1"), 0);
    change(w, &c, D1_ACCOUNT_DELETE, &e, "");
    assert_int_equal(shown_count(w, e.name), 2); /* What is not the account's stays. */
    assert_true(is_shown(w, e.name, "v2"));
    assert_true(is_shown(w, e.name, "v3"));
    assert_true(is_shown(w, other.name, "v1"));
    assert_int_equal(fake_store_challenges(w->store), 3);
    check_shown_is_committed(w);
}

static void test_name_stays_known_for_a_while(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    enroll(w, &e, "");
    assert_int_equal(present(w, e.owner, e.name, "v1"), 0);
    change(w, &c, D1_ACCOUNT_DELETE, &e, "");
    assert_int_equal(shown_count(w, e.name), 0);
    assert_true(is_known(w, e.name));
    world_advance(w, w->settings.lease_default_ms + 1000);
    assert_false(is_known(w, e.name));
}

/* A Present that was under way when the delete began does not outlive it. */
static void test_delete_waits_for_a_present_under_way(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    struct asked asked;
    struct d1_account account;
    enroll(w, &e, "");
    assert_int_equal(ask(&asked, w, D1_SOLVER_PRESENT, e.owner, e.name, "v1"), 0);
    assert_int_equal(begin(w, &c, D1_ACCOUNT_DELETE, &e, ""), 0);
    assert_int_equal(log_in(w, &e, e.request.key, &account), D1_EUNAUTHORIZED);
    world_settle(w);
    assert_int_equal(asked.err, 0);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err, 0);
    assert_int_equal(fake_store_challenges(w->store), 0);
    assert_int_equal(shown_count(w, e.name), 0);
}

static void test_failed_write_changes_nothing(void **state) {
    static const enum d1_account_verb verbs[] = {D1_ACCOUNT_ROTATE, D1_ACCOUNT_ALLOWFROM,
                                                 D1_ACCOUNT_DELETE};
    struct world *w = *state;
    struct enrolled e;
    struct changing c;
    struct d1_account account;
    enroll(w, &e, "192.0.2.0/24");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(begin(w, &c, verbs[i], &e, "10.0.0.0/8"), 0);
        world_run(w);
        fake_store_fail(w->store, D1_ESTORE);
        world_settle(w);
        assert_int_equal(c.done, 1);
        assert_int_equal(c.err, D1_ESTORE);
        assert_string_equal(c.change.key, "");
        assert_int_equal(log_in(w, &e, e.request.key, &account), 0);
        assert_string_equal(account.allowfrom, "192.0.2.0/24");
    }
    change(w, &c, D1_ACCOUNT_DELETE, &e, "");
}

static void test_one_change_at_a_time(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct changing first;
    struct changing second;
    enroll(w, &e, "");
    assert_int_equal(begin(w, &first, D1_ACCOUNT_ROTATE, &e, ""), 0);
    assert_int_equal(begin(w, &second, D1_ACCOUNT_DELETE, &e, ""), D1_ENOTYET);
    assert_int_equal(second.done, 0);
    world_settle(w);
    assert_int_equal(first.done, 1);
    change(w, &second, D1_ACCOUNT_DELETE, &e, "");
}

static void count_account(const char *username, void *arg) {
    size_t *count = arg;
    assert_int_equal(strlen(username), 36);
    (*count)++;
}

static void test_each(void **state) {
    struct world *w = *state;
    struct enrolled e;
    struct d1_account account;
    size_t count = 0;
    for (int i = 0; i < 5; i++) {
        enroll(w, &e, "");
    }
    d1_solver_each_account(w->solver, count_account, &count);
    assert_int_equal(count, 5);
    assert_int_equal(d1_solver_find_account(w->solver, e.request.account.username, &account), 0);
    assert_true(d1_name_equal(&account.name, &e.request.account.name));
    assert_int_equal(d1_solver_find_account(w->solver, "x", &account), D1_ENOTFOUND);
}

/* Every allocation fails in turn: an error and nothing has changed, or all of it. */
static void test_without_memory(void **state) {
    static const enum d1_account_verb verbs[] = {D1_ACCOUNT_ROTATE, D1_ACCOUNT_ALLOWFROM,
                                                 D1_ACCOUNT_DELETE};
    struct world *w = *state;
    struct d1_account account;
    for (size_t i = 0; i < 3; i++) {
        uint64_t failed = 1;
        for (unsigned at = 0; failed > 0; at++) {
            struct enrolled e;
            struct changing c;
            enroll(w, &e, "192.0.2.0/24");
            assert_int_equal(present(w, e.owner, e.name, "v1"), 0);
            d1_mem_fault_arm(at, 0);
            int err = begin(w, &c, verbs[i], &e, "10.0.0.0/8");
            world_settle(w);
            failed = d1_mem_fault_disarm();
            assert_int_equal(c.done, err == 0 ? 1 : 0);
            err = err != 0 ? err : c.err;
            if (err != 0) {
                assert_int_equal(log_in(w, &e, e.request.key, &account), 0);
                assert_string_equal(account.allowfrom, "192.0.2.0/24");
                change(w, &c, D1_ACCOUNT_DELETE, &e, "");
            }
            world_advance(w, 2000); /* What could not be published is tried again. */
            check_shown_is_committed(w);
        }
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(test_rotate),
        T(test_allowfrom),
        T(test_delete),
        T(test_delete_takes_the_values_along),
        T(test_name_stays_known_for_a_while),
        T(test_delete_waits_for_a_present_under_way),
        T(test_failed_write_changes_nothing),
        T(test_one_change_at_a_time),
        T(test_each),
        T(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
