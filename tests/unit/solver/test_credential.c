#include "solver/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"

static struct d1_rights *make_rights(const char *owner) {
    struct d1_rights *rights = NULL;
    assert_int_equal(d1_rights_create(NULL, 0, &owner, 1, D1_VERBS_DEFAULT, &rights, NULL), 0);
    return rights;
}

static void digest_of(const char *secret, uint8_t digest[D1_SHA256_BYTES]) {
    assert_int_equal(d1_sha256(D1_TOKEN_DIGEST_DOMAIN, secret, strlen(secret), digest), 0);
}

static int add(struct d1_credentials *set, const char *name, const char *secret) {
    uint8_t digest[D1_SHA256_BYTES];
    digest_of(secret, digest);
    struct d1_rights *rights = make_rights(name);
    int err = d1_credentials_add(set, name, digest, rights);
    if (err != 0) {
        d1_rights_destroy(rights);
    }
    return err;
}

static int open_set(void **state) {
    struct d1_credentials *set = NULL;
    assert_int_equal(d1_credentials_create(&set), 0);
    assert_int_equal(add(set, "lego", "secret of lego"), 0);
    assert_int_equal(add(set, "other", "secret of other"), 0);
    *state = set;
    return 0;
}

static int close_set(void **state) {
    d1_credentials_destroy(*state);
    return 0;
}

static void test_by_digest(void **state) {
    uint8_t digest[D1_SHA256_BYTES];
    digest_of("secret of lego", digest);
    const struct d1_credential *found = d1_credentials_by_digest(*state, digest);
    assert_non_null(found);
    assert_string_equal(found->owner, "token:lego");
    digest_of("no such secret", digest);
    assert_null(d1_credentials_by_digest(*state, digest));
}

static void test_by_name_needs_the_own_secret(void **state) {
    uint8_t digest[D1_SHA256_BYTES];
    digest_of("secret of lego", digest);
    const struct d1_credential *found = d1_credentials_by_name(*state, "lego", digest);
    assert_non_null(found);
    assert_string_equal(found->owner, "token:lego");
    assert_null(d1_credentials_by_name(*state, "other", digest));
    assert_null(d1_credentials_by_name(*state, "unknown", digest));
    assert_null(d1_credentials_by_name(*state, "", digest));
}

static void test_all_zero_digest_is_nobody(void **state) {
    static const uint8_t zero[D1_SHA256_BYTES];
    assert_null(d1_credentials_by_name(*state, "unknown", zero));
    assert_null(d1_credentials_by_digest(*state, zero));
}

static void test_name_and_secret_are_unique(void **state) {
    assert_int_equal(add(*state, "lego", "a new secret"), D1_EEXIST);
    assert_int_equal(add(*state, "third", "secret of lego"), D1_EEXIST);
    assert_int_equal(add(*state, "third", "a new secret"), 0);
}

static void test_name_length(void **state) {
    char name[D1_TOKEN_NAME_MAX + 2];
    uint8_t digest[D1_SHA256_BYTES];
    memset(name, 'n', sizeof(name));
    name[D1_TOKEN_NAME_MAX + 1] = '\0';
    digest_of("long", digest);
    struct d1_rights *rights = make_rights("x.test");
    assert_int_equal(d1_credentials_add(*state, name, digest, rights), D1_ELIMIT);
    name[D1_TOKEN_NAME_MAX] = '\0';
    assert_int_equal(d1_credentials_add(*state, name, digest, rights), 0);
    const struct d1_credential *found = d1_credentials_by_digest(*state, digest);
    assert_non_null(found);
    assert_int_equal(strlen(found->owner), D1_TOKEN_NAME_MAX + 6);
}

static void test_rights_belong_to_the_token(void **state) {
    uint8_t digest[D1_SHA256_BYTES];
    struct d1_name name;
    digest_of("secret of lego", digest);
    const struct d1_credential *found = d1_credentials_by_digest(*state, digest);
    assert_non_null(found);
    assert_int_equal(d1_name_from_text("lego", &name), 0);
    assert_true(d1_rights_allow(found->rights, D1_VERB_PRESENT, &name));
    assert_int_equal(d1_name_from_text("other", &name), 0);
    assert_false(d1_rights_allow(found->rights, D1_VERB_PRESENT, &name));
}

static void count_name(const struct d1_name *owner, void *arg) {
    (void)owner;
    ++*(int *)arg;
}

static void test_each_exact(void **state) {
    int count = 0;
    d1_credentials_each_exact(*state, count_name, &count);
    assert_int_equal(count, 2);
}

static void test_without_memory_nothing_is_kept(void **state) {
    uint8_t digest[D1_SHA256_BYTES];
    digest_of("third", digest);
    struct d1_rights *rights = make_rights("x.test");
    int64_t live = d1_mem_live();
    d1_mem_fault_arm(0, 0);
    int err = d1_credentials_add(*state, "third", digest, rights);
    if (d1_mem_fault_disarm() == 0) {
        skip(); /* Built without fault points; the token owns the rights. */
    }
    assert_int_equal(err, -12);
    assert_int_equal(d1_mem_live(), live);
    assert_null(d1_credentials_by_digest(*state, digest));
    d1_rights_destroy(rights);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_set, close_set)
    const struct CMUnitTest tests[] = {
        T(test_by_digest),
        T(test_by_name_needs_the_own_secret),
        T(test_all_zero_digest_is_nobody),
        T(test_name_and_secret_are_unique),
        T(test_name_length),
        T(test_rights_belong_to_the_token),
        T(test_each_exact),
        T(test_without_memory_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
