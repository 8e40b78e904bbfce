/* lego's account store: kept sealed, given back to the same secret only. */
#include "tests/unit/webhook/fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "webhook/seal.h"

#define ACCOUNT                                                                                 \
    "{\"fulldomain\":\"a.auth.example.test\",\"subdomain\":\"a\",\"username\":\"" TEST_USERNAME \
    "\",\"password\":\"" TEST_KEY "\",\"server_url\":\"https://x.test\"}"
#define PATH "/v1/account-store/www.example.test"

static struct ask store_ask(const char *method, const char *path, const char *body) {
    return (struct ask){.method = method, .path = path, .body = body, .bearer = SECRET_ENROL};
}

static void turn_on(struct fixture *fixture) {
    fixture->settings.account_store = true;
    fixture_configure(fixture);
}

static void keep_one(struct fixture *fixture) {
    struct ask ask = store_ask("POST", PATH, ACCOUNT "\n");
    assert_answer(fixture, &ask, 200, "{\"domain\":\"www.example.test\"}");
}

static void test_it_is_off_unless_asked_for(void **state) {
    struct ask ask = store_ask("GET", PATH, NULL);
    assert_answer(*state, &ask, 404, NULL);
    ask = store_ask("POST", PATH, ACCOUNT);
    assert_answer(*state, &ask, 404, NULL);
}

static void test_what_was_put_is_given_back(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    struct ask ask = store_ask("GET", PATH, NULL);
    assert_answer(fixture, &ask, 404, NULL);
    struct ask all = store_ask("GET", "/v1/account-store", NULL);
    assert_answer(fixture, &all, 200, "{}");
    keep_one(fixture);
    assert_answer(fixture, &ask, 200, ACCOUNT);
    ask.path = "/v1/account-store/WWW.example.test.";
    assert_answer(fixture, &ask, 200, ACCOUNT);
    assert_answer(fixture, &all, 200, "{\"www.example.test\":" ACCOUNT "}");
    ask.path = "/v1/account-store/other.example.test";
    assert_answer(fixture, &ask, 404, NULL);
}

static void test_basic_opens_what_bearer_sealed(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    keep_one(fixture);
    struct ask ask = {.method = "GET",
                      .path = PATH,
                      .headers = {{"authorization", "Basic "
                                                    "ZW5yb2w6c2VjcmV0LW9mLXRva2VuLWVucm9s"}}};
    fixture_ask(fixture, &ask);
    assert_int_equal(fixture->status, 200);
    assert_string_equal(fixture->body, ACCOUNT);
}

static void test_nothing_of_it_can_be_read_at_rest(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    keep_one(fixture);
    const struct d1_solver *solver = &fixture->solver;
    assert_int_equal(solver->sealed_length, strlen(ACCOUNT) + D1_SEAL_MORE_BYTES);
    assert_null(memmem(solver->sealed_box, solver->sealed_length, TEST_KEY, 8));
    assert_null(memmem(solver->sealed_box, solver->sealed_length, "username", 8));
}

static void test_another_box_does_not_open(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    keep_one(fixture);
    struct ask ask = store_ask("GET", PATH, NULL);
    for (size_t i = 0; i < fixture->solver.sealed_length; i += 7) {
        fixture->solver.sealed_box[i] ^= 1;
        assert_answer(fixture, &ask, 404, NULL);
        fixture->solver.sealed_box[i] ^= 1;
    }
    assert_answer(fixture, &ask, 200, ACCOUNT);
    snprintf(fixture->solver.sealed_domain, sizeof(fixture->solver.sealed_domain),
             "other.example.test");
    ask.path = "/v1/account-store/other.example.test";
    assert_answer(fixture, &ask, 404, NULL);
    struct ask all = store_ask("GET", "/v1/account-store", NULL);
    assert_answer(fixture, &all, 200, "{}");
}

static void test_a_client_removes_what_it_keeps(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    keep_one(fixture);
    struct ask ask = store_ask("DELETE", PATH, NULL);
    assert_answer(fixture, &ask, 200, "{\"domain\":\"www.example.test\",\"deleted\":true}");
    ask.method = "GET";
    assert_answer(fixture, &ask, 404, NULL);
}

static void test_bodies_that_are_no_account(void **state) {
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"username\":1}",
        "{\"username\":\"a\",\"password\":\"b\"}",
        "{\"username\":\"a\",\"Username\":\"b\"}",
    };
    struct fixture *fixture = *state;
    turn_on(fixture);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bodies); i++) {
        struct ask ask = store_ask("POST", PATH, bodies[i]);
        assert_answer(fixture, &ask, 400, NULL);
    }
    char large[D1_SEALED_BYTES_MAX + 512];
    snprintf(
        large, sizeof(large),
        "{\"username\":\"a\",\"password\":\"b\",\"subdomain\":\"c\",\"fulldomain\":\"%02048d\"}",
        7);
    struct ask ask = store_ask("POST", PATH, large);
    assert_answer(fixture, &ask, 413, NULL);
    ask = store_ask("POST", "/v1/account-store/a..b", ACCOUNT);
    assert_answer(fixture, &ask, 400, NULL);
    assert_string_equal(fixture->solver.sealed_domain, "");
}

static void test_who_may(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    struct ask ask = store_ask("GET", PATH, NULL);
    ask.bearer = SECRET_ALL;
    assert_answer(fixture, &ask, 403, NULL);
    ask.bearer = "wrong";
    assert_answer(fixture, &ask, 401, NULL);
    ask.bearer = NULL;
    assert_answer(fixture, &ask, 401, NULL);
    ask = store_ask("GET", PATH, NULL);
    ask.kind = D1_FRONTEND_CONTROL; /* It has no secret. */
    assert_answer(fixture, &ask, 404, NULL);
}

static void test_a_store_that_fails(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    struct ask ask = store_ask("POST", PATH, ACCOUNT);
    fixture->solver.done_err = D1_ESTORE;
    assert_answer(fixture, &ask, 503, NULL);
    fixture->solver.done_err = D1_OK;
    fixture->solver.submit_err = D1_ELIMIT;
    assert_answer(fixture, &ask, 429, NULL);
}

static void test_without_memory(void **state) {
    struct fixture *fixture = *state;
    turn_on(fixture);
    keep_one(fixture);
    struct ask ask = store_ask("GET", PATH, NULL);
    assert_survives_faults(fixture, &ask, 200);
}

static void test_roots_and_places_make_different_boxes(void **state) {
    (void)state;
    struct d1_seal_root one;
    struct d1_seal_root two;
    uint8_t box[4 + D1_SEAL_MORE_BYTES];
    char plain[8] = "";
    assert_int_equal(d1_seal_root("secret-one", 10, &one), D1_OK);
    assert_int_equal(d1_seal_root("secret-two", 10, &two), D1_OK);
    struct d1_seal_place place = {&one, "lego", "a.test"};
    assert_int_equal(d1_seal_close(&place, "text", 4, box), D1_OK);
    assert_int_equal(d1_seal_open(&place, box, sizeof(box), plain), D1_OK);
    assert_memory_equal(plain, "text", 4);
    struct d1_seal_place others[] = {
        {&two, "lego", "a.test"}, {&one, "leg", "a.test"}, {&one, "lego", "b.test"}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(others); i++) {
        assert_int_equal(d1_seal_open(&others[i], box, sizeof(box), plain), D1_ENOTFOUND);
        assert_memory_equal(plain, "\0\0\0\0", 4);
    }
    for (size_t length = 0; length < sizeof(box); length++) {
        assert_int_equal(d1_seal_open(&place, box, length, plain), D1_ENOTFOUND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_it_is_off_unless_asked_for),
        FIXTURE_TEST(test_what_was_put_is_given_back),
        FIXTURE_TEST(test_basic_opens_what_bearer_sealed),
        FIXTURE_TEST(test_nothing_of_it_can_be_read_at_rest),
        FIXTURE_TEST(test_another_box_does_not_open),
        FIXTURE_TEST(test_a_client_removes_what_it_keeps),
        FIXTURE_TEST(test_bodies_that_are_no_account),
        FIXTURE_TEST(test_who_may),
        FIXTURE_TEST(test_a_store_that_fails),
        FIXTURE_TEST(test_without_memory),
        cmocka_unit_test(test_roots_and_places_make_different_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
