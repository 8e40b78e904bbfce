/* The descriptor engine's modes and steps against a DNS host in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/mem.h"
#include "tests/unit/providers/vendor.h"

#define PROBE                                                                             \
    ", \"zone\": {\"mode\": \"probe\", \"request\": {\"method\": \"GET\","                \
    " \"path\": \"/zones/{candidate}\"}, \"id\": \"/zone/id\", \"name\": \"/zone/name\"," \
    " \"more\": {\"serial\": \"/zone/serial\"}}"
#define ZONES                                                                                    \
    ", \"zone\": {\"mode\": \"list\", \"request\": {\"method\": \"GET\", \"path\": \"/zones\"}," \
    " \"items\": \"/zones\", \"id\": \"/id\", \"name\": \"/name\", \"next\": {\"kind\":"         \
    " \"page\", \"param\": \"page\", \"pages\": \"/pages\"}}"
#define LIST                                                                               \
    ", \"list\": {\"method\": \"GET\", \"path\": \"/records\", \"query\": {\"zone\":"      \
    " \"{zone.id}\"}, \"items\": \"/records\", \"where\": {\"/type\": \"TXT\", \"/name\":" \
    " \"{fqdn}\"}, \"value\": \"/value\", \"id\": \"/id\""
#define CREATE                                                                          \
    ", \"create\": {\"method\": \"POST\", \"path\": \"/records\", \"json\": {\"name\":" \
    " \"{fqdn}\", \"value\": \"{value}\", \"ttl\": \"{ttl#int}\"}, \"exists\": [409]"
#define DELETE ", \"delete\": {\"method\": \"DELETE\", \"path\": \"/records/{record_id}\""
#define RECORD PROBE LIST "}" CREATE "}" DELETE "}"
#define VALUE                                                                                   \
    PROBE LIST "}" CREATE "}, \"delete\": {\"method\": \"POST\", \"path\": \"/values/remove\"," \
               " \"json\": {\"value\": \"{value}\"}}"
#define RRSET                                                                                      \
    PROBE ", \"get\": {\"method\": \"GET\", \"path\": \"/rrsets/{fqdn}\", \"items\": \"/values\"," \
          " \"value\": \"/value\", \"ttl\": \"/ttl\"}, \"put\": {\"method\": \"PUT\", \"path\":"   \
          " \"/rrsets/{fqdn}\", \"json\": {\"ttl\": \"{ttl#int}\", \"values\": {\"$each\":"        \
          " \"values\", \"keep\": true, \"item\": {\"value\": \"{it.value}\"}}}},"                 \
          " \"delete\": {\"method\": \"DELETE\", \"path\": \"/rrsets/{fqdn}\"}"
#define ZONE                                                                                  \
    PROBE ", \"get\": {\"method\": \"GET\", \"path\": \"/document\", \"items\":"              \
          " \"/zone/records\", \"value\": \"/value\", \"where\": {\"/type\": \"TXT\","        \
          " \"/name\": \"{fqdn}\"}}, \"item\": {\"name\": \"{fqdn}\", \"type\": \"TXT\","     \
          " \"value\": \"{value}\"}, \"put\": {\"method\": \"PUT\", \"path\": \"/document\"," \
          " \"json\": {\"$merge\": \"doc\", \"serial\": \"{zone.serial}\"}}"
#define SLOT                                                                                \
    PROBE ", \"create\": {\"method\": \"POST\", \"path\": \"/slot\", \"json\": {\"value\":" \
          " \"{value}\"}}, \"delete\": {\"method\": \"POST\", \"path\": \"/slot\","         \
          " \"json\": {\"value\": \"\"}}"

static const struct {
    const char *mode;
    const char *steps;
} modes[] = {{"record", RECORD}, {"value", VALUE}, {"rrset", RRSET}, {"zone", ZONE}};

struct world {
    struct vendor vendor;
    struct customer customer;
};

static struct world *open_world(void **state, const char *mode, const char *steps) {
    struct world *world = *state;
    char *descriptor = vendor_descriptor(mode, steps);
    vendor_init(&world->vendor);
    customer_open(&world->customer, descriptor, NULL, NULL);
    free(descriptor);
    return world;
}

static void close_world(struct world *world) {
    customer_close(&world->customer);
    vendor_close(&world->vendor);
    world->customer.descriptor = NULL;
}

static int set_up(void **state) {
    json_set_alloc_funcs(d1_malloc, d1_free);
    *state = calloc(1, sizeof(struct world));
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    struct world *world = *state;
    if (world->customer.descriptor != NULL) {
        close_world(world);
    }
    free(world);
    return 0;
}

static struct outcome present(struct world *world, const char *value) {
    return customer_run(&world->customer, &world->vendor, D1_PROVIDER_PRESENT, value);
}

static struct outcome cleanup(struct world *world, const char *value) {
    return customer_run(&world->customer, &world->vendor, D1_PROVIDER_CLEANUP, value);
}

static unsigned count(const struct world *world, const char *value) {
    return vendor_count(&world->vendor, VENDOR_OWNER, "TXT", value);
}

static void add_foreign(struct world *world) {
    vendor_add(&world->vendor, VENDOR_OWNER, "TXT", "OLD");
    vendor_add(&world->vendor, VENDOR_OWNER, "CAA", "one");
    vendor_add(&world->vendor, "other.example.org", "TXT", "one");
}

static void check_foreign(const struct world *world) {
    assert_int_equal(count(world, "OLD"), 1);
    assert_int_equal(vendor_count(&world->vendor, VENDOR_OWNER, "CAA", "one"), 1);
    assert_int_equal(vendor_count(&world->vendor, "other.example.org", "TXT", "one"), 1);
}

static void test_life_in_every_mode(void **state) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        struct world *world = open_world(state, modes[i].mode, modes[i].steps);
        add_foreign(world);
        assert_true(present(world, "one").done);
        unsigned writes = world->vendor.writes;
        assert_int_equal(writes, 1);
        assert_true(present(world, "one").done);
        assert_int_equal(world->vendor.writes, writes);
        assert_true(present(world, "two").done);
        assert_int_equal(count(world, "one"), 1);
        assert_int_equal(count(world, "two"), 1);
        assert_true(customer_run(&world->customer, &world->vendor, D1_PROVIDER_LOOK, "two").done);
        check_foreign(world);
        assert_true(cleanup(world, "one").done);
        assert_int_equal(count(world, "one"), 0);
        assert_int_equal(count(world, "two"), 1);
        writes = world->vendor.writes;
        assert_true(cleanup(world, "one").done);
        assert_int_equal(world->vendor.writes, writes);
        assert_true(cleanup(world, "two").done);
        assert_int_equal(count(world, "two"), 0);
        check_foreign(world);
        struct outcome look =
            customer_run(&world->customer, &world->vendor, D1_PROVIDER_LOOK, "two");
        assert_int_equal(look.kind, D1_FAIL_ABSENT);
        close_world(world);
    }
}

static void test_last_value_leaves_nothing(void **state) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        struct world *world = open_world(state, modes[i].mode, modes[i].steps);
        assert_true(present(world, "one").done);
        assert_true(cleanup(world, "one").done);
        assert_int_equal(json_array_size(world->vendor.records), 0);
        close_world(world);
    }
}

static void test_restart_between_present_and_cleanup(void **state) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        struct world *world = open_world(state, modes[i].mode, modes[i].steps);
        assert_true(present(world, "one").done);
        customer_close(&world->customer);
        char *descriptor = vendor_descriptor(modes[i].mode, modes[i].steps);
        customer_open(&world->customer, descriptor, NULL, NULL);
        free(descriptor);
        assert_true(cleanup(world, "one").done);
        assert_int_equal(count(world, "one"), 0);
        close_world(world);
    }
}

static void test_lost_reply_makes_no_duplicate(void **state) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        struct world *world = open_world(state, modes[i].mode, modes[i].steps);
        add_foreign(world);
        world->vendor.lose_write = true;
        struct outcome outcome = present(world, "one");
        assert_true(outcome.done);
        assert_int_equal(outcome.retries, 1);
        assert_string_equal(outcome.text, "no answer in time");
        assert_int_equal(count(world, "one"), 1);
        assert_int_equal(world->vendor.writes, 1);
        world->vendor.lose_write = true;
        assert_true(cleanup(world, "one").done);
        assert_int_equal(count(world, "one"), 0);
        check_foreign(world);
        close_world(world);
    }
}

static void test_limits_are_waited_for(void **state) {
    static const struct {
        int status;
        const char *header;
        uint32_t after_ms;
    } replies[] = {
        {429, "7", 7000},
        {503, NULL, 0},
        {500, NULL, 0},
        {429, "Fri, 02 Jan 2026 03:04:25 GMT", 20000},
        {429, "1767323055", 10000},
        {429, "999999", 3600000},
        {429, "soon", 0},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        for (size_t j = 0; j < D1_ARRAY_LENGTH(replies); j++) {
            struct world *world = open_world(state, modes[i].mode, modes[i].steps);
            world->vendor.fail_status = replies[j].status;
            world->vendor.fail_header = replies[j].header;
            world->vendor.fail_body = "{\"message\": \"slow  down\\n\"}";
            struct outcome outcome = present(world, "one");
            assert_true(outcome.done);
            assert_int_equal(outcome.retries, 1);
            assert_string_equal(outcome.text, "slow down ");
            assert_int_equal(outcome.after_ms, replies[j].after_ms);
            assert_int_equal(count(world, "one"), 1);
            close_world(world);
        }
    }
}

static void test_errors_in_the_body(void **state) {
    struct world *world = open_world(
        state, "record",
        RECORD ", \"ok\": {\"none\": {\"/result\": \"error\"}},"
               " \"retry\": {\"when\": {\"any\": {\"/code\": [\"Throttling\"]}}},"
               " \"fail\": [{\"when\": {\"all\": {\"/code\": 13}}, \"kind\": \"credentials\","
               " \"hint\": \"the key needs the right to write\"}]");
    world->vendor.body_error = "{\"result\": \"error\", \"message\": \"no room\"}";
    struct outcome outcome = present(world, "one");
    assert_int_equal(outcome.kind, D1_FAIL_REFUSED);
    assert_string_equal(outcome.text, "no room");
    assert_string_equal(outcome.step, "create");
    world->vendor.body_error = "{\"result\": \"error\", \"code\": 13, \"message\": \"denied\"}";
    outcome = present(world, "one");
    assert_int_equal(outcome.kind, D1_FAIL_CREDENTIALS);
    assert_string_equal(outcome.text, "denied; the key needs the right to write");
    world->vendor.body_error = "{\"result\": \"error\", \"code\": \"throttling\"}";
    outcome = present(world, "one");
    assert_true(outcome.done);
    assert_int_equal(outcome.retries, 1);
}

static void test_kinds_of_refusal(void **state) {
    static const struct {
        int status;
        uint32_t kind;
    } replies[] = {{401, D1_FAIL_CREDENTIALS},
                   {403, D1_FAIL_CREDENTIALS},
                   {400, D1_FAIL_REFUSED},
                   {422, D1_FAIL_REFUSED},
                   {301, D1_FAIL_REFUSED}};
    struct world *world = open_world(state, "record", RECORD);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(replies); i++) {
        world->vendor.fail_status = replies[i].status;
        struct outcome outcome = present(world, "one");
        assert_false(outcome.done);
        assert_int_equal(outcome.kind, replies[i].kind);
        assert_true(outcome.text[0] != '\0');
    }
    assert_int_equal(json_array_size(world->vendor.records), 0);
}

static void test_identical_create_is_success(void **state) {
    struct world *world = open_world(state, "value",
                                     PROBE CREATE "}, \"delete\": {\"method\": \"POST\","
                                                  " \"path\": \"/values/remove\","
                                                  " \"json\": {\"value\": \"{value}\"}}");
    world->vendor.refuse_same = true;
    world->vendor.lose_write = true;
    assert_true(present(world, "one").done);
    assert_int_equal(count(world, "one"), 1);
    assert_true(cleanup(world, "one").done);
    assert_true(cleanup(world, "one").done);
    assert_int_equal(count(world, "one"), 0);
}

static void test_rrset_keeps_what_it_does_not_know(void **state) {
    struct world *world = open_world(state, "rrset", RRSET);
    add_foreign(world);
    struct outcome outcome = present(world, "one");
    assert_string_equal(outcome.lock, VENDOR_OWNER);
    size_t index;
    json_t *record;
    unsigned kept = 0;
    json_array_foreach(world->vendor.records, index, record) {
        const char *note = json_string_value(json_object_get(record, "note"));
        kept += note != NULL && strcmp(note, "kept") == 0;
    }
    assert_int_equal(kept, 3);
}

/* Quoted strings stay as they were cut, octets that are no UTF-8 are not lost. */
static void test_rrset_values_of_others(void **state) {
    struct world *world = open_world(
        state, "rrset",
        PROBE
        ", \"get\": {\"method\": \"GET\", \"path\": \"/rrsets/{fqdn}\", \"items\": \"/values\","
        " \"value\": \"/value\"}, \"put\": {\"method\": \"PUT\", \"path\":"
        " \"/rrsets/{fqdn}\", \"json\": {\"values\": {\"$each\": \"values\", \"item\":"
        " {\"value\": \"{it.qvalue}\"}}}}");
    vendor_add(&world->vendor, VENDOR_OWNER, "TXT", "\"one\" \"two\"");
    vendor_add(&world->vendor, VENDOR_OWNER, "TXT", "\"caf\\233\"");
    vendor_add(&world->vendor, VENDOR_OWNER, "TXT", "plain");
    assert_true(present(world, "ours").done);
    assert_int_equal(count(world, "\"one\" \"two\""), 1);
    assert_int_equal(count(world, "\"caf\\233\""), 1);
    assert_int_equal(count(world, "\"plain\""), 1);
    assert_int_equal(count(world, "\"ours\""), 1);
}

static void test_zone_is_locked_and_kept(void **state) {
    struct world *world = open_world(state, "zone", ZONE);
    add_foreign(world);
    assert_string_equal(present(world, "one").lock, "example.org");
    size_t index;
    json_t *record;
    json_array_foreach(world->vendor.records, index, record) {
        const char *value = json_string_value(json_object_get(record, "value"));
        bool ours = strcmp(value, "one") == 0 && index == 3;
        assert_true(ours || json_object_get(record, "note") != NULL);
    }
}

static void test_slot_holds_one_value(void **state) {
    struct world *world = open_world(state, "slot", SLOT ", \"limits\": {\"slot_s\": 300}");
    assert_true(present(world, "one").done);
    assert_int_equal(count(world, "one"), 1);
    struct outcome outcome = present(world, "two");
    assert_false(outcome.done);
    assert_int_equal(outcome.kind, D1_FAIL_BUSY);
    assert_int_equal(count(world, "one"), 1);
    assert_true(cleanup(world, "two").done);
    assert_int_equal(count(world, "one"), 1);
    assert_true(cleanup(world, "one").done);
    assert_int_equal(count(world, "one"), 0);
    assert_true(present(world, "two").done);
    world->customer.now_ms += 301000;
    assert_true(present(world, "three").done);
    assert_int_equal(count(world, "three"), 1);
}

static void test_pages(void **state) {
    struct world *world = open_world(
        state, "record",
        PROBE LIST
        ", \"next\": {\"kind\": \"page\", \"param\": \"page\", \"pages\": \"/pages\"}}" CREATE
        "}" DELETE "}");
    world->vendor.page_size = 2;
    for (int i = 0; i < 5; i++) {
        vendor_add(&world->vendor, "filler.example.org", "TXT", "x");
    }
    assert_true(present(world, "one").done);
    assert_true(present(world, "one").done);
    assert_int_equal(count(world, "one"), 1);
    assert_true(cleanup(world, "one").done);
    assert_int_equal(json_array_size(world->vendor.records), 5);
}

static void test_zone_list_over_pages(void **state) {
    struct world *world = open_world(state, "record", ZONES LIST "}" CREATE "}" DELETE "}");
    assert_true(present(world, "one").done);
    assert_string_equal(world->vendor.log, "zone zone list create ");
    world->vendor.log[0] = '\0';
    assert_true(present(world, "two").done);
    assert_string_equal(world->vendor.log, "list create ");
    world->customer.now_ms += 3601000;
    world->vendor.two_zones = true;
    struct outcome outcome = present(world, "three");
    assert_int_equal(outcome.kind, D1_FAIL_AMBIGUOUS);
}

static void test_zone_by_soa(void **state) {
    struct world *world =
        open_world(state, "record",
                   ", \"zone\": {\"mode\": \"soa\", \"request\": {\"method\": \"GET\", \"path\":"
                   " \"/zones/{candidate}\"}, \"id\": \"/zone/id\", \"name\": \"/zone/name\"}" LIST
                   "}" CREATE "}" DELETE "}");
    assert_true(present(world, "one").done);
    assert_string_equal(world->vendor.log, "zone list create ");
}

static void test_zone_cache(void **state) {
    struct world *world = open_world(state, "record", RECORD);
    assert_true(present(world, "one").done);
    assert_string_equal(world->vendor.log, "zone zone zone list create ");
    world->vendor.log[0] = '\0';
    assert_true(present(world, "two").done);
    assert_string_equal(world->vendor.log, "list create ");
    /* A 404: the zone may have been made anew, or one below it. It is looked up again. */
    world->vendor.log[0] = '\0';
    world->vendor.fail_status = 404;
    assert_true(present(world, "three").done);
    assert_string_equal(world->vendor.log, "list zone zone list create ");
}

/* Zones that no request finds, names relative to them, and secrets by name. */
static void test_zones_without_a_request(void **state) {
    static const struct {
        const char *zone;
        const char *asked;
        const char *made;
    } cases[] = {
        {"\"mode\": \"none\"", NULL, "|" VENDOR_OWNER "|two"},
        {"\"mode\": \"none\"", "example.org", "example.org|_acme-challenge.www|two"},
        {"\"mode\": \"lastlabels\", \"labels\": 2", NULL, "example.org|_acme-challenge.www|two"},
        {"\"mode\": \"lastlabels\", \"labels\": 9", NULL, NULL},
        {"\"mode\": \"config\"", NULL, NULL},
        {"\"mode\": \"config\"", VENDOR_OWNER, VENDOR_OWNER "|@|two"},
        {"\"mode\": \"config\"", "example.net", NULL},
        {"\"mode\": \"soa\"", NULL, "example.org|_acme-challenge.www|two"},
        {"\"mode\": \"probe\", \"request\": {\"method\": \"GET\", \"path\": \"/nowhere\","
         " \"if\": \"!cfg.tokens\"}",
         NULL, "|" VENDOR_OWNER "|two"},
        {"\"mode\": \"probe\", \"request\": {\"method\": \"GET\", \"path\": \"/nowhere\","
         " \"if\": \"!cfg.tokens\"}",
         "example.org", "example.org|_acme-challenge.www|two"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        char steps[2048];
        snprintf(steps, sizeof(steps),
                 ", \"zone\": {%s}, \"create\":"
                 " {\"method\": \"POST\", \"path\": \"/records\", \"json\": {\"name\": \"n\","
                 " \"value\": \"{zone.name|or:}|{name@}|{cfg.tokens}\"}}, \"delete\": {\"method\":"
                 " \"POST\", \"path\": \"/values/remove\"}",
                 cases[i].zone);
        struct world *world = *state;
        char *descriptor = vendor_descriptor("value", steps);
        vendor_init(&world->vendor);
        customer_open(&world->customer, descriptor, "tokens",
                      "org:one,example.org:two,b.example.org:three");
        free(descriptor);
        struct d1_provider_job asked = {.size = sizeof(asked),
                                        .verb = D1_PROVIDER_PRESENT,
                                        .fqdn = VENDOR_OWNER,
                                        .value = "v",
                                        .zone = cases[i].asked};
        struct outcome outcome = customer_ask(&world->customer, &world->vendor, &asked);
        assert_int_equal(outcome.done, cases[i].made != NULL);
        assert_int_equal(cases[i].made == NULL ? json_array_size(world->vendor.records) : 0, 0);
        if (cases[i].made != NULL) {
            assert_int_equal(vendor_count(&world->vendor, "n", "TXT", cases[i].made), 1);
        }
        close_world(world);
    }
}

static void test_no_zone(void **state) {
    struct world *world = open_world(state, "record", RECORD);
    struct d1_provider_job asked = {.size = sizeof(asked),
                                    .verb = D1_PROVIDER_PRESENT,
                                    .fqdn = "_acme-challenge.example.com",
                                    .value = "one"};
    struct outcome outcome = customer_ask(&world->customer, &world->vendor, &asked);
    assert_int_equal(outcome.kind, D1_FAIL_NO_ZONE);
    asked.fqdn = VENDOR_OWNER;
    asked.zone = "www.example.org";
    outcome = customer_ask(&world->customer, &world->vendor, &asked);
    assert_int_equal(outcome.kind, D1_FAIL_NO_ZONE);
    asked.zone = "example.org";
    world->vendor.log[0] = '\0';
    assert_true(customer_ask(&world->customer, &world->vendor, &asked).done);
    assert_string_equal(world->vendor.log, "zone list create ");
}

#define LOGIN                                                                                    \
    ", \"login\": {\"method\": \"POST\", \"path\": \"/login\", \"form\": {\"key\":"              \
    " \"{cfg.token}\"}, \"extract\": {\"token\": \"/token\"}, \"expires_in\": \"/expires_in\"}," \
    " \"auth\": [{\"headers\": {\"Authorization\": \"Bearer {login.token}\"}}]"

static void test_login(void **state) {
    struct world *world = open_world(state, "record", RECORD LOGIN);
    world->vendor.need_login = true;
    assert_true(present(world, "one").done);
    assert_true(present(world, "two").done);
    assert_int_equal(world->vendor.logins, 1);
    /* It ends: a new one before it is refused. */
    world->customer.now_ms += 580000;
    assert_true(cleanup(world, "one").done);
    assert_int_equal(world->vendor.logins, 2);
    /* It is refused early: once more, then the credentials are. */
    world->vendor.logins = 7;
    assert_true(cleanup(world, "two").done);
    assert_int_equal(world->vendor.logins, 8);
    world->vendor.fail_status = 401;
    assert_true(present(world, "three").done);
    assert_int_equal(world->vendor.logins, 9);
}

static void test_login_refused(void **state) {
    struct world *world = open_world(state, "record", RECORD LOGIN);
    world->vendor.fail_status = 400;
    world->vendor.fail_body = "{\"message\": \"who are you\"}";
    struct outcome outcome = present(world, "one");
    assert_int_equal(outcome.kind, D1_FAIL_CREDENTIALS);
    assert_string_equal(outcome.step, "login");
    assert_string_equal(outcome.text, "who are you");
}

static void test_setup_is_kept(void **state) {
    struct world *world = open_world(
        state, "record",
        RECORD ", \"setup\": {\"method\": \"GET\", \"path\": \"/whoami\", \"extract\":"
               " {\"account\": \"/account\"}}, \"auth\": [{\"headers\": {\"Authorization\":"
               " \"{account|or:none}\"}}]");
    assert_true(present(world, "one").done);
    assert_true(present(world, "two").done);
    assert_string_equal(world->vendor.authorization, "42");
    assert_string_equal(world->vendor.log, "setup zone zone zone list create list create ");
}

static void test_clock(void **state) {
    struct world *world =
        open_world(state, "record",
                   RECORD ", \"clock\": {\"method\": \"GET\", \"path\": \"/time\", \"unix\": \"\"},"
                          " \"auth\": [{\"headers\": {\"Authorization\": \"{now|unix}\"}}]");
    assert_true(present(world, "one").done);
    long seconds = strtol(world->vendor.authorization, NULL, 10);
    assert_in_range(seconds, 2000000000, 2000000010);
    assert_memory_equal(world->vendor.log, "clock zone ", 11);
}

static void test_publish_and_wait(void **state) {
    struct world *world = open_world(
        state, "record",
        PROBE LIST "}" CREATE ", \"then\": [\"publish\", \"wait\"], \"extract\": {\"job\":"
                   " \"/job\"}}" DELETE ", \"then\": \"publish\"}"
                   ", \"publish\": {\"method\": \"POST\", \"path\": \"/publish\"}, \"wait\":"
                   " {\"method\": \"GET\", \"path\": \"/jobs/{job}\", \"until\": {\"/status\":"
                   " \"done\"}, \"interval_s\": 3, \"timeout_s\": 10}");
    world->vendor.pending = 2;
    struct outcome outcome = present(world, "one");
    assert_true(outcome.done);
    assert_int_equal(outcome.waited_ms, 6000);
    assert_int_equal(world->vendor.published, 1);
    /* Once more: nothing to write, but perhaps to publish. */
    assert_true(present(world, "one").done);
    assert_int_equal(world->vendor.published, 2);
    assert_true(cleanup(world, "one").done);
    assert_int_equal(world->vendor.published, 3);
    world->vendor.pending = 100;
    outcome = present(world, "two");
    assert_int_equal(outcome.kind, D1_FAIL_BUSY);
    assert_string_equal(outcome.step, "wait");
}

static void test_list_of_another_form(void **state) {
    static const char *const bodies[] = {"{\"answer\": []}", "[]", "\"<html>\"", "7"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        struct world *world = open_world(state, modes[i].mode, modes[i].steps);
        assert_true(present(world, "one").done);
        unsigned writes = world->vendor.writes;
        for (size_t j = 0; j < D1_ARRAY_LENGTH(bodies); j++) {
            world->vendor.fail_status = 200;
            world->vendor.fail_body = bodies[j];
            struct outcome outcome = cleanup(world, "one");
            assert_int_equal(outcome.kind, D1_FAIL_REPLY);
            assert_string_equal(outcome.step, "list");
        }
        assert_int_equal(world->vendor.writes, writes);
        close_world(world);
    }
}

/* A value that is added to an RRset has the TTL of that. */
static void test_ttl_that_stands(void **state) {
    struct world *world = open_world(
        state, "value",
        PROBE ", \"list\": {\"method\": \"GET\", \"path\": \"/rrsets/{fqdn}\", \"items\":"
              " \"/values\", \"value\": \"/value\", \"ttl\": \"/ttl\", \"gone\": 404},"
              " \"create\": {\"method\": \"POST\", \"path\": \"/records\", \"json\": {\"name\":"
              " \"{fqdn}\", \"value\": \"ttl {ttl}\"}}, \"delete\": {\"method\": \"POST\","
              " \"path\": \"/values/remove\", \"json\": {\"value\": \"{value}\"}},"
              " \"limits\": {\"ttl_min\": 60, \"ttl_default\": 90}");
    assert_true(present(world, "one").done);
    assert_int_equal(count(world, "ttl 90"), 1);
    assert_true(present(world, "two").done);
    assert_int_equal(count(world, "ttl 333"), 1);
}

static void test_missing_extract(void **state) {
    struct world *world =
        open_world(state, "record",
                   PROBE LIST "}" CREATE ", \"extract\": {\"nothing\": \"/nothing\"}}" DELETE "}");
    struct outcome outcome = present(world, "one");
    assert_int_equal(outcome.kind, D1_FAIL_REPLY);
    assert_non_null(strstr(outcome.text, "nothing"));
}

static void test_ttl(void **state) {
    struct world *world =
        open_world(state, "record",
                   RECORD ", \"limits\": {\"ttl_min\": 60, \"ttl_allowed\": [60, 300, 3600]}");
    const struct d1_descriptor *descriptor = world->customer.descriptor;
    assert_int_equal(descriptor->ttl_min, 60);
    struct d1_provider_traits traits = {.size = sizeof(traits)};
    descriptor->provider.traits(world->customer.account, &traits);
    assert_int_equal(traits.ttl_min, 60);
    assert_string_equal(traits.hosts[0], "api.test");
    assert_null(traits.hosts[1]);
}

static void run_with_faults(void **state, const char *mode, const char *steps) {
    int64_t alive = d1_mem_live();
    uint64_t faults = 0;
    struct world *world = open_world(state, mode, steps);
    for (unsigned number = 0; number < 12; number++) {
        world->customer.faults = 1;
        for (uint64_t skip = 0; world->customer.faults > 0; skip++) {
            json_array_clear(world->vendor.records);
            world->customer.now_ms += 4000000; /* Nothing is remembered. */
            world->customer.faults = 0;
            world->customer.fault_armed = true;
            world->customer.fault_step = number;
            world->customer.fault_skip = skip;
            struct outcome outcome = present(world, "one");
            world->customer.fault_armed = false;
            faults += world->customer.faults;
            assert_true(outcome.done || outcome.text[0] != '\0');
            assert_true(outcome.done ? count(world, "one") == 1 : count(world, "one") <= 1);
            assert_true(skip < 3000);
        }
    }
    assert_true(faults > 100);
    json_array_clear(world->vendor.records);
    assert_true(present(world, "one").done);
    close_world(world);
    assert_int_equal(d1_mem_live(), alive);
}

static void test_without_memory(void **state) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(modes); i++) {
        run_with_faults(state, modes[i].mode, modes[i].steps);
    }
    run_with_faults(state, "record", RECORD LOGIN);
    run_with_faults(state, "record", ZONES LIST "}" CREATE "}" DELETE "}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_life_in_every_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_value_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restart_between_present_and_cleanup, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lost_reply_makes_no_duplicate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_are_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_in_the_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds_of_refusal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identical_create_is_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rrset_keeps_what_it_does_not_know, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rrset_values_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zone_is_locked_and_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slot_holds_one_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zone_list_over_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zone_by_soa, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zone_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_zones_without_a_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_login, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_login_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_setup_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_publish_and_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_of_another_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ttl_that_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_extract, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ttl, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
