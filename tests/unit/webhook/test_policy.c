/* webhook.policy: which namespace may use what for which name. */
#include "webhook/kubernetes/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "solver/rights.h"

static struct d1_rights *rights(const char *name, const char *owner) {
    struct d1_rights *made = NULL;
    assert_int_equal(d1_rights_create(&name, name != NULL, &owner, owner != NULL,
                                      D1_VERB_PRESENT | D1_VERB_CLEANUP, &made, NULL),
                     0);
    return made;
}

static const char *const team_a[] = {"team-a"};
static const char *const both[] = {"team-b", "team-c"};
static const char *const all[] = {"*"};
static const char *const pdns[] = {"pdns"};
static const struct d1_kube_name served[] = {{"acme.example", "one", NULL}};

static struct d1_kube_settings *settings_of(const struct d1_kube_grant *grants, size_t count) {
    struct d1_kube_settings_options options = {
        .names_count = 1, .names = served, .grants_count = count, .grants = grants, .lease_ms = 7};
    struct d1_kube_settings *made = NULL;
    assert_int_equal(d1_kube_settings_create(&options, &made), 0);
    return made;
}

static bool may(const struct d1_kube_settings *settings, const char *name_space, bool ambient,
                const char *owner, const char *account) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(owner, &name), 0);
    return d1_kube_settings_grant(settings, name_space, ambient, &name, account) != NULL;
}

static void without_a_policy_ambient_decides(void **state) {
    (void)state;
    struct d1_kube_settings *settings = settings_of(NULL, 0);
    assert_false(d1_kube_settings_has_policy(settings));
    assert_true(may(settings, "any", true, "_acme-challenge.a.test", NULL));
    assert_true(may(settings, "any", true, "x7.auth.test", NULL));
    assert_true(may(settings, "any", true, "_acme-challenge.a.test", "pdns"));
    assert_false(may(settings, "any", false, "_acme-challenge.a.test", NULL));
    assert_int_equal(d1_kube_settings_lease_ms(settings), 7);
    d1_kube_settings_drop(settings);
}

static void with_a_policy_it_decides_alone(void **state) {
    (void)state;
    const struct d1_kube_grant grants[] = {
        {1, team_a, 0, NULL, rights("**.a.test", NULL)},
        {2, both, 1, pdns, rights("b.test", "x7.auth.test")},
    };
    struct d1_kube_settings *settings = settings_of(grants, 2);
    assert_true(d1_kube_settings_has_policy(settings));
    assert_true(may(settings, "team-a", false, "_acme-challenge.x.a.test", NULL));
    assert_false(may(settings, "team-a", false, "_acme-challenge.a.test", NULL));
    assert_false(may(settings, "team-a", true, "_acme-challenge.b.test", NULL));
    assert_false(may(settings, "team-a", false, "_acme-challenge.x.a.test", "pdns"));
    assert_true(may(settings, "team-b", false, "_acme-challenge.b.test", "pdns"));
    assert_true(may(settings, "team-c", false, "_acme-challenge.b.test", NULL));
    assert_false(may(settings, "team-c", false, "_acme-challenge.b.test", "other"));
    assert_true(may(settings, "team-c", false, "x7.auth.test", NULL));
    assert_false(may(settings, "cert-manager", true, "_acme-challenge.b.test", NULL));
    assert_false(may(settings, "team", false, "_acme-challenge.x.a.test", NULL));
    d1_kube_settings_drop(settings);
}

static void a_star_is_any_namespace(void **state) {
    (void)state;
    const struct d1_kube_grant grants[] = {{1, all, 0, NULL, rights("a.test", NULL)}};
    struct d1_kube_settings *settings = settings_of(grants, 1);
    assert_true(may(settings, "whoever", false, "_acme-challenge.a.test", NULL));
    assert_false(may(settings, "whoever", true, "_acme-challenge.b.test", NULL));
    d1_kube_settings_drop(settings);
}

/* Another namespace's values could be removed with it. */
static void nobody_is_an_administrator(void **state) {
    (void)state;
    struct d1_kube_settings *settings = settings_of(NULL, 0);
    assert_false(d1_rights_verb(d1_kube_settings_any(settings), D1_VERB_ADMIN));
    assert_true(d1_rights_verb(d1_kube_settings_any(settings), D1_VERB_PRESENT));
    d1_kube_settings_drop(settings);
}

static void what_is_held_stays(void **state) {
    (void)state;
    struct d1_kube_settings *settings = settings_of(NULL, 0);
    struct d1_kube_settings *held = d1_kube_settings_hold(settings);
    d1_kube_settings_drop(settings);
    assert_int_equal(d1_kube_settings_names(held), 1);
    assert_string_equal(d1_kube_settings_name(held, 0)->solver, "one");
    d1_kube_settings_drop(held);
    d1_kube_settings_drop(NULL);
}

static void no_memory_leaves_nothing_behind(void **state) {
    (void)state;
    struct d1_kube_grant grants[] = {{1, team_a, 1, pdns, rights("a.test", NULL)}};
    const struct d1_kube_name names[] = {{"acme.example", "one", NULL}, {"b.c", "two", "pdns"}};
    struct d1_kube_settings_options options = {
        .names_count = 2, .names = names, .grants_count = 1, .grants = grants};
    int64_t live = d1_mem_live();
    for (uint64_t skip = 0;; skip++) {
        struct d1_kube_settings *settings = NULL;
        d1_mem_fault_arm(skip, 0);
        int err = d1_kube_settings_create(&options, &settings);
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, 0);
            d1_kube_settings_drop(settings);
            return;
        }
        assert_int_not_equal(err, 0);
        assert_int_equal(d1_mem_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_policy_ambient_decides),
        cmocka_unit_test(with_a_policy_it_decides_alone),
        cmocka_unit_test(a_star_is_any_namespace),
        cmocka_unit_test(nobody_is_an_administrator),
        cmocka_unit_test(what_is_held_stays),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
