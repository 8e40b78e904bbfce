#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/zone.h"

static struct d1_name name_of(const char *text) {
    struct d1_name name;
    if (d1_name_from_text(text, &name) != D1_OK) {
        fail_msg("not a name: %s", text);
    }
    return name;
}

static struct d1_zones *zones_of(const char *const *texts, size_t count) {
    struct d1_zone_config *configs = d1_calloc(count + 1, sizeof(*configs));
    struct d1_zones *zones = NULL;
    struct d1_error error;
    for (size_t i = 0; i < count; i++) {
        configs[i].name = name_of(texts[i]);
        configs[i].ttl = (uint32_t)(100 + i);
    }
    assert_int_equal(d1_zones_create(configs, count, &zones, &error), D1_OK);
    d1_free(configs);
    return zones;
}

static void assert_found(const struct d1_zones *zones, const char *text, const char *apex_text) {
    struct d1_name name = name_of(text);
    const struct d1_zone *zone = d1_zones_find(zones, &name);
    if (apex_text == NULL) {
        assert_null(zone);
        return;
    }
    struct d1_name apex = name_of(apex_text);
    assert_non_null(zone);
    assert_true(d1_name_equal(&zone->apex, &apex));
}

static void the_longest_apex_is_found(void **state) {
    (void)state;
    static const char *const texts[] = {"test", "b.a.test", "other.org"};
    struct d1_zones *zones = zones_of(texts, 3);
    assert_int_equal(d1_zones_count(zones), 3);
    assert_found(zones, "test", "test");
    assert_found(zones, "a.test", "test");
    assert_found(zones, "b.a.test", "b.a.test");
    assert_found(zones, "x.y.b.a.test", "b.a.test");
    assert_found(zones, "xb.a.test", "test");
    assert_found(zones, "other.org", "other.org");
    assert_found(zones, "org", NULL);
    assert_found(zones, ".", NULL);
    d1_zones_destroy(zones);
}

static void the_root_may_be_a_zone(void **state) {
    (void)state;
    static const char *const texts[] = {".", "a.test"};
    struct d1_zones *zones = zones_of(texts, 2);
    assert_found(zones, ".", ".");
    assert_found(zones, "test", ".");
    assert_found(zones, "b.a.test", "a.test");
    d1_zones_destroy(zones);
}

static void no_zones_find_nothing(void **state) {
    (void)state;
    struct d1_zones *zones = zones_of(NULL, 0);
    assert_int_equal(d1_zones_count(zones), 0);
    assert_found(zones, "a.test", NULL);
    d1_zones_destroy(zones);
}

static void zones_keep_their_index(void **state) {
    (void)state;
    static const char *const texts[] = {"z.test", "a.test"};
    struct d1_zones *zones = zones_of(texts, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct d1_name apex = name_of(texts[i]);
        assert_int_equal(d1_zones_at(zones, i)->index, i);
        assert_int_equal(d1_zones_at(zones, i)->challenge_ttl, 100 + i);
        assert_true(d1_name_equal(&d1_zones_at(zones, i)->apex, &apex));
    }
    d1_zones_destroy(zones);
}

static void many_zones_are_all_found(void **state) {
    (void)state;
    struct d1_zone_config *configs = d1_calloc(D1_ZONES_MAX + 1, sizeof(*configs));
    struct d1_zones *zones = NULL;
    struct d1_error error;
    for (unsigned i = 0; i <= D1_ZONES_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "z%u.test", i);
        configs[i].name = name_of(text);
    }
    assert_int_equal(d1_zones_create(configs, D1_ZONES_MAX + 1, &zones, &error), D1_ELIMIT);
    assert_int_equal(d1_zones_create(configs, D1_ZONES_MAX, &zones, &error), D1_OK);
    for (uint32_t i = 0; i < D1_ZONES_MAX; i++) {
        assert_int_equal(d1_zones_find(zones, &configs[i].name)->index, i);
    }
    d1_zones_destroy(zones);
    d1_free(configs);
}

static void a_repeated_zone_is_refused(void **state) {
    (void)state;
    const struct d1_zone_config configs[] = {
        {.name = name_of("a.test")}, {.name = name_of("b.test")}, {.name = name_of("A.Test.")}};
    struct d1_zones *zones = NULL;
    struct d1_error error;
    int64_t live = d1_mem_live();
    assert_int_equal(d1_zones_create(configs, 3, &zones, &error), D1_ECONFIG);
    assert_string_equal(error.text, "zone a.test: it is configured twice");
    assert_int_equal(d1_mem_live(), live);
}

/* SOA rdata with these names; returns its length. */
static size_t soa_of(const char *mname_text, const char *rname_text, uint8_t *ret_rdata) {
    struct d1_name mname = name_of(mname_text);
    struct d1_name rname = name_of(rname_text);
    memcpy(ret_rdata, mname.octets, mname.length);
    memcpy(ret_rdata + mname.length, rname.octets, rname.length);
    memcpy(ret_rdata + mname.length + rname.length, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20);
    return (size_t)mname.length + rname.length + 20;
}

static void negative_section_points_to_the_apex(void **state) {
    (void)state;
    static const char *const texts[] = {"a.test"};
    struct d1_zones *zones = zones_of(texts, 1);
    uint8_t rdata[600];
    size_t length = soa_of("ns1.a.test", "host.a.test", rdata);
    assert_int_equal(d1_zones_set_soa(zones, 0, rdata, length, 60), D1_OK);
    const struct d1_negative *negative = &d1_zones_at(zones, 0)->negative;
    static const uint8_t wanted[] = "\300\0\0\6\0\1\0\0\0\5\0\41\3ns1\300\0\4host\300\0"
                                    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
    assert_int_equal(negative->length, sizeof(wanted) - 1);
    assert_memory_equal(negative->wire, wanted, negative->length);
    assert_int_equal(negative->patches, 3);
    assert_int_equal(negative->patch[0], 0);
    assert_int_equal(negative->patch[1], 16);
    assert_int_equal(negative->patch[2], 23);
    d1_zones_destroy(zones);
}

static void names_outside_the_zone_stand_whole(void **state) {
    (void)state;
    static const char *const texts[] = {"a.test"};
    struct d1_zones *zones = zones_of(texts, 1);
    uint8_t rdata[600];
    size_t length = soa_of("ns.xa.test", "h.org", rdata);
    assert_int_equal(d1_zones_set_soa(zones, 0, rdata, length, 3), D1_OK);
    const struct d1_negative *negative = &d1_zones_at(zones, 0)->negative;
    assert_int_equal(negative->patches, 1);
    assert_int_equal(negative->length, 12 + length);
    assert_memory_equal(negative->wire + 12, rdata, length);
    assert_int_equal(negative->wire[9], 3); /* The SOA's own TTL is the smaller one. */
    d1_zones_destroy(zones);
}

static void malformed_soa_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"a.test"};
    struct d1_zones *zones = zones_of(texts, 1);
    uint8_t rdata[600] = {0};
    size_t length = soa_of("ns1.a.test", "host.a.test", rdata);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(d1_zones_set_soa(zones, 0, rdata, cut, 60), D1_EPARSE);
    }
    assert_int_equal(d1_zones_set_soa(zones, 0, rdata, length + 1, 60), D1_EPARSE);
    d1_zones_destroy(zones);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_apex_is_found),
        cmocka_unit_test(the_root_may_be_a_zone),
        cmocka_unit_test(no_zones_find_nothing),
        cmocka_unit_test(zones_keep_their_index),
        cmocka_unit_test(many_zones_are_all_found),
        cmocka_unit_test(a_repeated_zone_is_refused),
        cmocka_unit_test(negative_section_points_to_the_apex),
        cmocka_unit_test(names_outside_the_zone_stand_whole),
        cmocka_unit_test(malformed_soa_is_refused),
    };
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
