/* What stands at providers', and challenges by way of their accounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/store/fixture.h"

static void put_placement(struct fixture *fixture, struct d1_placement *placement, bool confirmed,
                          enum d1_store_op op) {
    struct sample sample = {.label = NULL};
    sample.changes[0] = (struct d1_store_change){.op = op, .placement = placement};
    sample.write.changes = sample.changes;
    sample.write.count = 1;
    placement->confirmed = confirmed;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
}

static void test_what_stands_at_providers_comes_back(void **state) {
    struct fixture *fixture = *state;
    struct d1_placement a = {.via = "my-pdns", .created_ms = 7};
    struct d1_placement b = {.via = "~1234", .created_ms = 8};
    assert_int_equal(d1_name_from_text("_acme-challenge.a.test", &a.name), D1_OK);
    assert_int_equal(d1_txt_value_set(&a.value, "v1", 2), D1_OK);
    b.name = a.name;
    b.value = a.value;
    put_placement(fixture, &a, false, D1_STORE_PUT_PLACEMENT);
    put_placement(fixture, &b, false, D1_STORE_PUT_PLACEMENT);
    put_placement(fixture, &a, true, D1_STORE_PUT_PLACEMENT);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put placement my-pdns _acme-challenge.a.test 'v1' confirmed 7\n"
                          "put placement ~1234 _acme-challenge.a.test 'v1' 8\n");
    put_placement(fixture, &a, true, D1_STORE_REMOVE_PLACEMENT);
    fixture_close(fixture);
    fixture_open(fixture);
    d1_bytes_clear(&fixture->diary);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put placement ~1234 _acme-challenge.a.test 'v1' 8\n");
}

static void test_one_value_by_way_of_two_accounts(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, D1_STORE_PUT_CHALLENGE, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_challenge(&sample, NULL, D1_STORE_PUT_CHALLENGE, "a.test", "v");
    memcpy(sample.challenge.via, "my-pdns", 8);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_challenge(&sample, NULL, D1_STORE_REMOVE_CHALLENGE, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put a.test 'v' token:lego 1000-2000\n"); /* The other account's. */
}

int main(void) {
    const struct d1_store_backend *sqlite = &d1_store_sqlite;
#define FRESH(test) \
    { #test, test, fixture_setup, fixture_teardown, &sqlite }
    const struct CMUnitTest tests[] = {
        FRESH(test_what_stands_at_providers_comes_back),
        FRESH(test_one_value_by_way_of_two_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
