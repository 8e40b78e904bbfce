#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/mem.h"
#include "tests/unit/dnsd/fixture.h"

#define ZONE "auth.example.test"

static int set_up(void **state) {
    struct d1_fixture *fixture = test_calloc(1, sizeof(*fixture));
    d1_fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    d1_fixture_close(*state);
    test_free(*state);
    return 0;
}

/* What an answer is: RCODE, and how many records. */
static void assert_answer(const struct d1_fixture *fixture, const char *name, uint16_t type,
                          unsigned rcode, unsigned answers) {
    const struct d1_ask ask = {.name = name, .type = type, .tcp = true};
    struct d1_reply *reply = d1_fixture_ask(fixture, &ask);
    unsigned got_rcode = reply->decoded.rcode;
    unsigned got_answers = reply->decoded.count[1];
    d1_free(reply);
    assert_int_equal(got_rcode, rcode);
    assert_int_equal(got_answers, answers);
}

static uint32_t answer_ttl(const struct d1_fixture *fixture, const char *name) {
    const struct d1_ask ask = {.name = name, .tcp = true};
    struct d1_reply *reply = d1_fixture_ask(fixture, &ask);
    assert_true(reply->decoded.rrs_count > 0);
    uint32_t ttl = reply->decoded.rrs[0].ttl;
    d1_free(reply);
    return ttl;
}

static void only_our_zones_are_served(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_serves(fixture, "_acme-challenge." ZONE), D1_OK);
    assert_int_equal(d1_fixture_serves(fixture, ZONE), D1_OK);
    assert_int_equal(d1_fixture_serves(fixture, "one." ZONE), D1_OK);
    assert_int_equal(d1_fixture_serves(fixture, "mixed." ZONE), D1_OK);
    assert_int_equal(d1_fixture_serves(fixture, "example.test"), D1_ENOTSERVED);
    assert_int_equal(d1_fixture_serves(fixture, "."), D1_ENOTSERVED);
}

static void static_txt_and_cname_are_told(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_serves(fixture, "alias." ZONE), D1_ESTATIC);
    assert_int_equal(d1_fixture_serves(fixture, "deep.er.static." ZONE), D1_ESTATIC);
    assert_int_equal(d1_fixture_publish(fixture, "alias." ZONE, 1, 10), D1_ESTATIC);
    assert_answer(fixture, "alias." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1);
}

static void published_is_answered_and_withdrawn_is_not(void **state) {
    struct d1_fixture *fixture = *state;
    assert_answer(fixture, "new." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
    assert_int_equal(d1_fixture_publish(fixture, "new." ZONE, 2, 43), D1_OK);
    assert_answer(fixture, "new." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 2);
    assert_int_equal(d1_fixture_publish(fixture, "new." ZONE, 1, 43), D1_OK);
    assert_answer(fixture, "new." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1);
    assert_int_equal(d1_fixture_publish(fixture, "new." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "new." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
}

static void withdrawing_nothing_is_fine(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "never." ZONE, 0, 0), D1_OK);
    assert_int_equal(d1_fixture_publish(fixture, "static." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "never." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
    assert_answer(fixture, "static." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
}

static void outside_nothing_is_published(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "example.net", 1, 10), D1_ENOTSERVED);
    assert_int_equal(d1_fixture_know(fixture, "example.net", true), D1_ENOTSERVED);
}

static void ttl_is_the_zones(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "new.example.org", 1, 43), D1_OK);
    assert_int_equal(answer_ttl(fixture, "new.example.org"), 30);
    assert_int_equal(answer_ttl(fixture, "one." ZONE), 0);
}

static void static_records_of_other_types_stay(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "mixed." ZONE, 3, 5), D1_OK);
    assert_answer(fixture, "mixed." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 3);
    assert_answer(fixture, "mixed." ZONE, D1_TYPE_A, D1_RCODE_NOERROR, 2);
    assert_int_equal(d1_fixture_publish(fixture, "mixed." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "mixed." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
    assert_answer(fixture, "mixed." ZONE, D1_TYPE_A, D1_RCODE_NOERROR, 2);
}

static void the_apex_may_hold_values(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, ZONE, 1, 43), D1_OK);
    assert_answer(fixture, ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1);
    assert_answer(fixture, ZONE, D1_TYPE_SOA, D1_RCODE_NOERROR, 1);
    assert_int_equal(d1_fixture_publish(fixture, ZONE, 0, 0), D1_OK);
    assert_answer(fixture, ZONE, D1_TYPE_NS, D1_RCODE_NOERROR, 1);
}

static void known_is_nodata(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_know(fixture, "who." ZONE, true), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
    assert_int_equal(d1_fixture_know(fixture, "who." ZONE, true), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "who." ZONE, false), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
}

static void known_outlives_values_and_values_outlive_known(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "who." ZONE, 2, 43), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "who." ZONE, true), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 2);
    assert_int_equal(d1_fixture_publish(fixture, "who." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
    assert_int_equal(d1_fixture_publish(fixture, "who." ZONE, 1, 43), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "who." ZONE, false), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1);
    assert_int_equal(d1_fixture_publish(fixture, "who." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "who." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
}

static void names_above_values_are_nodata(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "_acme-challenge.a.b." ZONE, 1, 43), D1_OK);
    assert_answer(fixture, "b." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
    assert_int_equal(d1_fixture_know(fixture, "a.b." ZONE, true), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "a.b." ZONE, false), D1_OK);
    assert_answer(fixture, "a.b." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
    assert_int_equal(d1_fixture_publish(fixture, "_acme-challenge.a.b." ZONE, 0, 0), D1_OK);
    assert_answer(fixture, "b." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
}

static void names_above_a_lower_zone_stay(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "mid." ZONE, 1, 43), D1_OK);
    assert_int_equal(d1_fixture_publish(fixture, "mid." ZONE, 0, 0), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "mid." ZONE, true), D1_OK);
    assert_int_equal(d1_fixture_know(fixture, "mid." ZONE, false), D1_OK);
    assert_answer(fixture, "mid." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 0);
}

static void as_many_values_as_the_contract_allows_fit(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "full." ZONE, 1232, 1), D1_OK);
    assert_answer(fixture, "full." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1232);
    assert_int_equal(d1_fixture_publish(fixture, "full." ZONE, 1233, 1), D1_EVALUES);
    assert_answer(fixture, "full." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 1232);
}

static void an_empty_value_is_refused(void **state) {
    struct d1_fixture *fixture = *state;
    assert_int_equal(d1_fixture_publish(fixture, "none." ZONE, 1, 0), D1_EVALUE);
    assert_answer(fixture, "none." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
}

static void a_target_is_filled_beside_what_is_current(void **state) {
    struct d1_fixture *fixture = *state;
    struct d1_name ns = d1_fixture_name("ns.example.net");
    const struct d1_zone_config config = {.name = d1_fixture_name("reloaded.test"),
                                          .nameservers_count = 1,
                                          .nameservers = &ns,
                                          .hostmaster = ns};
    struct d1_fixture beside = *fixture;
    struct d1_error error;
    assert_int_equal(d1_served_create(fixture->epoch, &config, 1, &beside.served, &error), D1_OK);
    d1_served_publisher_target(fixture->publisher, beside.served);
    assert_int_equal(d1_fixture_publish(fixture, "a.reloaded.test", 1, 43), D1_OK);
    assert_int_equal(d1_fixture_publish(fixture, "two." ZONE, 1, 43), D1_ENOTSERVED);
    d1_served_publisher_target(fixture->publisher, NULL);
    assert_int_equal(d1_fixture_serves(fixture, "a.reloaded.test"), D1_ENOTSERVED);
    assert_answer(&beside, "a.reloaded.test", D1_TYPE_TXT, D1_RCODE_NOERROR, 1);
    assert_answer(fixture, "a.reloaded.test", D1_TYPE_TXT, D1_RCODE_REFUSED, 0);
    d1_served_destroy(beside.served);
}

static void without_data_nothing_is_served(void **state) {
    struct d1_fixture *fixture = *state;
    atomic_store(&fixture->current.served, NULL);
    assert_int_equal(d1_fixture_serves(fixture, "one." ZONE), D1_ENOTSERVED);
    assert_int_equal(d1_fixture_publish(fixture, "one." ZONE, 1, 43), D1_ENOTSERVED);
}

/* Change one large record until readers that stand still hold as many old ones as they may. */
static void fill_what_may_wait(const struct d1_fixture *fixture) {
    static const uint8_t wire[60000];
    struct d1_name name = d1_fixture_name("filler." ZONE);
    struct d1_name apex = d1_fixture_name(ZONE);
    const struct d1_rrset_source rrset = {
        .type = D1_TYPE_TXT, .count = 1, .length = sizeof(wire), .wire = wire};
    const struct d1_record_source source = {.rrsets_count = 1, .rrsets = &rrset};
    int err = D1_OK;
    for (unsigned i = 0; i < 2000 && err == D1_OK; i++) {
        err = d1_table_put(fixture->served->table, &name, apex.length, &source);
    }
    assert_int_equal(err, D1_ELIMIT);
}

static void a_refused_change_changes_nothing(void **state) {
    struct d1_fixture *fixture = *state;
    fill_what_may_wait(fixture);
    assert_int_equal(d1_fixture_publish(fixture, "many." ZONE, 3, 43), D1_ELIMIT);
    assert_int_equal(d1_fixture_publish(fixture, "new." ZONE, 3, 43), D1_ELIMIT);
    assert_int_equal(d1_fixture_know(fixture, "new." ZONE, true), D1_ELIMIT);
    assert_answer(fixture, "many." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 10);
    assert_answer(fixture, "new." ZONE, D1_TYPE_TXT, D1_RCODE_NXDOMAIN, 0);
    for (int generation = 0; generation < 2; generation++) { /* The table has two that wait. */
        d1_epoch_quiesce(fixture->epoch, 0);
        d1_table_reclaim(fixture->served->table);
    }
    assert_int_equal(d1_fixture_publish(fixture, "many." ZONE, 3, 43), D1_OK);
    assert_answer(fixture, "many." ZONE, D1_TYPE_TXT, D1_RCODE_NOERROR, 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(only_our_zones_are_served),
        TEST(static_txt_and_cname_are_told),
        TEST(published_is_answered_and_withdrawn_is_not),
        TEST(withdrawing_nothing_is_fine),
        TEST(outside_nothing_is_published),
        TEST(ttl_is_the_zones),
        TEST(static_records_of_other_types_stay),
        TEST(the_apex_may_hold_values),
        TEST(known_is_nodata),
        TEST(known_outlives_values_and_values_outlive_known),
        TEST(names_above_values_are_nodata),
        TEST(names_above_a_lower_zone_stay),
        TEST(as_many_values_as_the_contract_allows_fit),
        TEST(an_empty_value_is_refused),
        TEST(a_target_is_filled_beside_what_is_current),
        TEST(without_data_nothing_is_served),
        TEST(a_refused_change_changes_nothing),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
