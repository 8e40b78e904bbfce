#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/statics.h"
#include "tests/unit/dnsd/fixture.h"

#define ZONE "a.test"

/* Records being collected for one zone, and the table they go to. */
struct trial {
    struct d1_epoch *epoch;
    struct d1_table *table;
    struct d1_zones *zones;
    struct d1_statics statics;
    struct d1_error error;
    int64_t live_before;
};

static int set_up(void **state) {
    struct trial *trial = test_calloc(1, sizeof(*trial));
    struct d1_name ns = d1_fixture_name("ns1." ZONE);
    const struct d1_zone_config config = {
        .name = d1_fixture_name(ZONE), .nameservers_count = 1, .nameservers = &ns};
    trial->live_before = d1_mem_live();
    assert_int_equal(d1_epoch_create(1, &trial->epoch), D1_OK);
    assert_int_equal(d1_table_create(trial->epoch, &trial->table), D1_OK);
    assert_int_equal(d1_zones_create(&config, 1, &trial->zones, &trial->error), D1_OK);
    d1_statics_init(&trial->statics, trial->zones, d1_zones_at(trial->zones, 0), &trial->error);
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_statics_close(&trial->statics);
    d1_table_destroy(trial->table);
    d1_zones_destroy(trial->zones);
    d1_epoch_destroy(trial->epoch);
    assert_int_equal(d1_mem_live(), trial->live_before);
    test_free(trial);
    return 0;
}

static void add(struct trial *trial, const char *line) {
    struct d1_name origin = d1_fixture_name(ZONE);
    assert_int_equal(
        d1_zoneline_read(line, &origin, 60, d1_statics_add, &trial->statics, &trial->error), D1_OK);
}

static void put(struct trial *trial) {
    struct d1_zone_record soa;
    add(trial, "@ SOA ns1 host 1 2 3 4 5");
    add(trial, "@ NS ns1");
    assert_int_equal(d1_statics_put(&trial->statics, trial->table, &soa), D1_OK);
}

/* The one RRset of this type at the name. */
static struct d1_rrset find(const struct trial *trial, const char *text, uint16_t type,
                            const uint8_t **ret_wire) {
    struct d1_name name = d1_fixture_name(text);
    uint64_t hash = d1_table_hash(trial->table, name.octets, name.length);
    const struct d1_record *record = d1_table_find(trial->table, hash, name.octets, name.length);
    struct d1_rrset found = {.count = 0};
    assert_non_null(record);
    for (size_t i = 0; i < record->rrsets_count; i++) {
        if (record->rrsets[i].type == type) {
            assert_int_equal(found.count, 0);
            found = record->rrsets[i];
        }
    }
    assert_true(found.count > 0);
    *ret_wire = d1_record_at(record, found.offset);
    return found;
}

/* The TXT records of the name, each one string, are these letters in this order. */
static void assert_letters(const struct trial *trial, const char *name, const char *letters) {
    const uint8_t *wire = NULL;
    const struct d1_rrset rrset = find(trial, name, D1_TYPE_TXT, &wire);
    assert_int_equal(rrset.count, strlen(letters));
    assert_int_equal(rrset.length, strlen(letters) * 14);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        assert_int_equal(wire[i * 14 + 13], letters[i]);
    }
}

static void scattered_records_of_an_owner_come_together(void **state) {
    struct trial *trial = *state;
    const uint8_t *wire = NULL;
    add(trial, "x TXT c");
    add(trial, "y TXT k");
    add(trial, "x A 192.0.2.1");
    add(trial, "X TXT a");
    add(trial, "y A 192.0.2.2");
    add(trial, "below.x TXT q");
    add(trial, "x TXT b");
    put(trial);
    assert_letters(trial, "x." ZONE, "cab");
    assert_letters(trial, "y." ZONE, "k");
    assert_letters(trial, "below.x." ZONE, "q");
    assert_int_equal(find(trial, "x." ZONE, D1_TYPE_A, &wire).count, 1);
    assert_int_equal(find(trial, "y." ZONE, D1_TYPE_A, &wire).count, 1);
    assert_int_equal(d1_table_names(trial->table), 4);
}

static void types_of_an_owner_in_turn_come_together(void **state) {
    struct trial *trial = *state;
    const uint8_t *wire = NULL;
    add(trial, "x TXT a");
    add(trial, "x A 192.0.2.1");
    add(trial, "x TXT b");
    add(trial, "x A 192.0.2.2");
    add(trial, "z TXT z");
    put(trial);
    assert_letters(trial, "x." ZONE, "ab");
    assert_letters(trial, "z." ZONE, "z");
    assert_int_equal(find(trial, "x." ZONE, D1_TYPE_A, &wire).count, 2);
}

static void a_name_below_may_come_first(void **state) {
    struct trial *trial = *state;
    add(trial, "c.b.x TXT c");
    add(trial, "b.x TXT b");
    add(trial, "x TXT x");
    put(trial);
    assert_letters(trial, "c.b.x." ZONE, "c");
    assert_letters(trial, "b.x." ZONE, "b");
    assert_letters(trial, "x." ZONE, "x");
    assert_int_equal(d1_table_reclaim(trial->table), 0);
}

/* Every owner 3 times, the rounds in different orders: 7 and 1021 have no common factor. */
static void many_owners_in_any_order_are_put(void **state) {
    struct trial *trial = *state;
    for (unsigned i = 0; i < 3 * 1021; i++) {
        char line[64];
        unsigned round = i / 1021;
        unsigned number = i * (round * 7 + 1) % 1021;
        snprintf(line, sizeof(line), "n%u TXT %c", number, "pqr"[round]);
        add(trial, line);
    }
    put(trial);
    assert_int_equal(d1_table_names(trial->table), 1021 + 1);
    for (unsigned number = 0; number < 1021; number++) {
        char name[32];
        snprintf(name, sizeof(name), "n%u." ZONE, number);
        assert_letters(trial, name, "pqr");
    }
}

static void failed_allocations_are_told(void **state) {
#ifdef D1_FAULT_POINTS
    struct trial *trial = *state;
    struct d1_zone_record soa;
    add(trial, "x TXT a");
    add(trial, "@ SOA ns1 host 1 2 3 4 5");
    add(trial, "@ NS ns1");
    unsigned failures = 0;
    for (uint64_t skip = 0;; skip++) {
        d1_mem_fault_arm(skip, 0);
        int err = d1_statics_put(&trial->statics, trial->table, &soa);
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, D1_OK);
            break;
        }
        assert_true(err < 0);
        failures++;
    }
    assert_true(failures >= 5);
    assert_letters(trial, "x." ZONE, "a");
#else
    (void)state;
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scattered_records_of_an_owner_come_together, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(types_of_an_owner_in_turn_come_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_below_may_come_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_owners_in_any_order_are_put, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failed_allocations_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("statics", tests, NULL, NULL);
}
