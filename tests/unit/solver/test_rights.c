#include "solver/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"

struct row {
    const char *names; /* One pattern, or NULL. */
    const char *owners;
    const char *asked;
    bool allowed;
};

static bool allows(const struct row *row, unsigned verbs, unsigned verb) {
    struct d1_rights *rights = NULL;
    struct d1_name asked;
    assert_int_equal(d1_name_from_text(row->asked, &asked), 0);
    assert_int_equal(d1_rights_create(&row->names, row->names != NULL, &row->owners,
                                      row->owners != NULL, verbs, &rights, NULL),
                     0);
    bool allowed = d1_rights_allow(rights, verb, &asked);
    d1_rights_destroy(rights);
    return allowed;
}

/* One test for each row: the name of the test is the row. */
static void test_row(void **state) {
    const struct row *row = *state;
    assert_int_equal(allows(row, D1_VERBS_DEFAULT, D1_VERB_PRESENT), row->allowed);
    assert_int_equal(allows(row, D1_VERBS_DEFAULT, D1_VERB_CLEANUP), row->allowed);
    assert_int_equal(allows(row, D1_VERBS_DEFAULT, D1_VERB_READ), row->allowed);
}

static struct row rows[] = {
    /* The table of docs/authorisation.md, in its order. */
    {"host.example.test", NULL, "_acme-challenge.host.example.test", true},
    {"*.example.test", NULL, "_acme-challenge.example.test", false},
    {"**.example.test", NULL, "_acme-challenge.a.b.example.test", true},
    {"**.example.test", NULL, "_acme-challenge.example.test", false},
    {"**", NULL, "x7.auth.example.test", false},
    {"**", NULL, "_acme-challenge.x7.auth.example.test", true},
    {NULL, "x7.auth.example.test", "x7.auth.example.test", true},
    {NULL, "**.auth.example.test", "x7.auth.example.test", true},
    /* Edges: how many labels a wildcard is. */
    {"*.example.test", NULL, "_acme-challenge.a.example.test", true},
    {"*.example.test", NULL, "_acme-challenge.a.b.example.test", false},
    {"**.example.test", NULL, "_acme-challenge.a.example.test", true},
    {"**.example.test", NULL, "_acme-challenge.aexample.test", false},
    {"*.example.test", NULL, "_acme-challenge.a.other.test", false},
    {"*", NULL, "_acme-challenge.test", true},
    {"*", NULL, "_acme-challenge.example.test", false},
    {"**", NULL, "_acme-challenge.test", true},
    {"**", NULL, "_acme-challenge", false},
    {"*", NULL, "_acme-challenge", false},
    {NULL, "**", "test", true},
    {NULL, "**", ".", false},
    {NULL, "*.auth.example.test", "x7.auth.example.test", true},
    {NULL, "*.auth.example.test", "auth.example.test", false},
    {NULL, "*.auth.example.test", "a.x7.auth.example.test", false},
    {NULL, "**.auth.example.test", "auth.example.test", false},
    /* Exact names are matched whole. */
    {"host.example.test", NULL, "_acme-challenge.ahost.example.test", false},
    {"host.example.test", NULL, "_acme-challenge.a.host.example.test", false},
    {"host.example.test", NULL, "host.example.test", false},
    {"example.test", NULL, "_acme-challenge.host.example.test", false},
    {NULL, "x7.auth.example.test", "x8.auth.example.test", false},
    {NULL, "x7.auth.example.test", "_acme-challenge.x7.auth.example.test", false},
    /* One leading _acme-challenge label is stripped, one only, and for `names` only. */
    {"host.example.test", NULL, "_acme-challenge._acme-challenge.host.example.test", false},
    {"_acme-challenge.host.example.test", NULL, "_acme-challenge.host.example.test", false},
    {"**.example.test", NULL, "_acme-challenge._acme-challenge.example.test", true},
    {NULL, "_acme-challenge.host.example.test", "_acme-challenge.host.example.test", true},
    {NULL, "host.example.test", "_acme-challenge.host.example.test", false},
    {"host.example.test", NULL, "_acme-challengex.host.example.test", false},
    {"**", NULL, "x._acme-challenge.host.example.test", false},
    /* Case is folded, a final dot means nothing. */
    {"Host.EXAMPLE.test", NULL, "_ACME-challenge.hOsT.example.TEST", true},
    {"host.example.test.", NULL, "_acme-challenge.host.example.test.", true},
    {NULL, "X7.auth.example.test", "x7.AUTH.example.test", true},
    {"**.Example.Test.", NULL, "_acme-challenge.a.example.test", true},
    /* Both lists: one that matches is enough. */
    {"a.test", "b.test", "_acme-challenge.a.test", true},
    {"a.test", "b.test", "b.test", true},
    {"a.test", "b.test", "a.test", false},
    {NULL, NULL, "_acme-challenge.a.test", false},
};

static int create_one(const char *pattern, struct d1_error *error) {
    struct d1_rights *rights = NULL;
    int err = d1_rights_create(&pattern, 1, NULL, 0, D1_VERBS_DEFAULT, &rights, error);
    d1_rights_destroy(rights);
    return err;
}

static void test_bad_patterns(void **state) {
    static const char *const bad[] = {"",        "a..b", "***.test", "a.*.test",  "*a.test",
                                      "a*.test", "**a",  "*.*.test", "**.*.test", "*..test",
                                      ".test",   "a.**", "*."};
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        struct d1_error error = {.code = 0};
        if (strcmp(bad[i], "*.") == 0) { /* The same as `*`: the final dot of an absolute name. */
            assert_int_equal(create_one(bad[i], &error), 0);
            continue;
        }
        assert_int_equal(create_one(bad[i], &error), D1_ENAME);
        assert_non_null(strstr(error.text, bad[i]));
    }
}

static void test_verbs(void **state) {
    struct row row = {NULL, "x.test", "x.test", true};
    struct row other = {NULL, "x.test", "y.test", false};
    (void)state;
    assert_true(allows(&row, D1_VERB_PRESENT, D1_VERB_PRESENT));
    assert_false(allows(&row, D1_VERB_PRESENT, D1_VERB_CLEANUP));
    assert_false(allows(&row, D1_VERB_REGISTER, D1_VERB_PRESENT));
    assert_false(allows(&row, 0, D1_VERB_READ));
    assert_true(allows(&row, D1_VERB_ADMIN, D1_VERB_CLEANUP));
    assert_true(allows(&other, D1_VERB_ADMIN, D1_VERB_PRESENT));
}

static void test_verb_alone(void **state) {
    struct d1_rights *rights = NULL;
    (void)state;
    assert_int_equal(d1_rights_create(NULL, 0, NULL, 0, D1_VERB_REGISTER, &rights, NULL), 0);
    assert_true(d1_rights_verb(rights, D1_VERB_REGISTER));
    assert_false(d1_rights_verb(rights, D1_VERB_ADMIN));
    assert_false(d1_rights_verb(rights, D1_VERB_REGISTER | D1_VERB_READ));
    d1_rights_destroy(rights);
    assert_int_equal(d1_rights_create(NULL, 0, NULL, 0, D1_VERB_ADMIN, &rights, NULL), 0);
    assert_true(d1_rights_verb(rights, D1_VERB_REGISTER | D1_VERB_READ));
    d1_rights_destroy(rights);
}

static void test_account_owns_its_name_only(void **state) {
    struct d1_rights *rights = NULL;
    struct d1_name own;
    struct d1_name other;
    (void)state;
    assert_int_equal(d1_name_from_text("x7.auth.example.test", &own), 0);
    assert_int_equal(d1_rights_create_owner(&own, &rights), 0);
    assert_true(d1_rights_allow(rights, D1_VERB_PRESENT, &own));
    assert_int_equal(d1_name_from_text("a.x7.auth.example.test", &other), 0);
    assert_false(d1_rights_allow(rights, D1_VERB_PRESENT, &other));
    assert_int_equal(d1_name_from_text("_acme-challenge.x7.auth.example.test", &other), 0);
    assert_false(d1_rights_allow(rights, D1_VERB_PRESENT, &other));
    assert_false(d1_rights_verb(rights, D1_VERB_REGISTER));
    d1_rights_destroy(rights);
}

static void test_many_patterns(void **state) {
    enum { COUNT = 2000 };
    static char texts[COUNT][40];
    const char *names[COUNT];
    struct d1_rights *rights = NULL;
    struct d1_name asked;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%sh%d.example.test", i % 3 == 0 ? "*." : "", i);
        names[i] = texts[i];
    }
    assert_int_equal(d1_rights_create(names, COUNT, NULL, 0, D1_VERBS_DEFAULT, &rights, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        char text[80];
        snprintf(text, sizeof(text), "_acme-challenge.h%d.example.test", i);
        assert_int_equal(d1_name_from_text(text, &asked), 0);
        assert_int_equal(d1_rights_allow(rights, D1_VERB_READ, &asked), i % 3 != 0);
        snprintf(text, sizeof(text), "_acme-challenge.a.h%d.example.test", i);
        assert_int_equal(d1_name_from_text(text, &asked), 0);
        assert_int_equal(d1_rights_allow(rights, D1_VERB_READ, &asked), i % 3 == 0);
    }
    d1_rights_destroy(rights);
}

static void test_too_many_patterns(void **state) {
    struct d1_rights *rights = NULL;
    (void)state;
    assert_int_equal(
        d1_rights_create(NULL, D1_RIGHTS_PATTERNS_MAX, NULL, 1, D1_VERBS_DEFAULT, &rights, NULL),
        D1_ELIMIT);
}

static void add_text(const struct d1_name *owner, void *arg) {
    char *all = arg;
    char text[D1_NAME_TEXT_MAX];
    d1_name_to_text(owner, text);
    size_t length = strlen(all);
    snprintf(all + length, 300 - length, "%s ", text);
}

static void test_each_exact(void **state) {
    static const char *const names[] = {"host.test", "*.wild.test", "**"};
    static const char *const owners[] = {"x7.auth.test", "**.auth.test"};
    struct d1_rights *rights = NULL;
    char all[300] = "";
    (void)state;
    assert_int_equal(d1_rights_create(names, 3, owners, 2, D1_VERBS_DEFAULT, &rights, NULL), 0);
    d1_rights_each_exact(rights, add_text, all);
    assert_string_equal(all, "_acme-challenge.host.test x7.auth.test ");
    d1_rights_destroy(rights);
}

int main(void) {
    static char titles[D1_ARRAY_LENGTH(rows)][200];
    struct CMUnitTest tests[D1_ARRAY_LENGTH(rows) + 7];
    size_t count = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        snprintf(titles[i], sizeof(titles[i]), "names [%s] owners [%s] asked %s: %s",
                 rows[i].names != NULL ? rows[i].names : "",
                 rows[i].owners != NULL ? rows[i].owners : "", rows[i].asked,
                 rows[i].allowed ? "yes" : "no");
        tests[count++] = (struct CMUnitTest){
            .name = titles[i], .test_func = test_row, .initial_state = &rows[i]};
    }
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_bad_patterns);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_verbs);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_verb_alone);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_account_owns_its_name_only);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_many_patterns);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_too_many_patterns);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_each_exact);
    assert_int_equal(count, D1_ARRAY_LENGTH(tests));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
