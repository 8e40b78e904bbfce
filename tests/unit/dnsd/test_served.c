#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/mem.h"
#include "tests/unit/dnsd/fixture.h"

#define ZONE  "a.test"
#define APEX  "@ 3600 IN SOA ns1 host 7 1 2 3 60\n@ NS ns1\n"
#define LINES 20000

/* A data set under test, of one zone. */
struct trial {
    struct d1_epoch *epoch;
    struct d1_fixture fixture;
    struct d1_error error;
    char path[64];
    int64_t live_before;
};

static int set_up(void **state) {
    struct trial *trial = test_calloc(1, sizeof(*trial));
    trial->live_before = d1_mem_live();
    assert_int_equal(d1_epoch_create(1, &trial->epoch), D1_OK);
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_served_destroy(trial->fixture.served);
    d1_epoch_destroy(trial->epoch);
    if (trial->path[0] != '\0') {
        unlink(trial->path);
    }
    assert_int_equal(d1_mem_live(), trial->live_before);
    test_free(trial);
    return 0;
}

/* Load the zone with these lines (NULL-terminated). */
static int load_lines(struct trial *trial, const char *const *lines) {
    struct d1_name ns = d1_fixture_name("ns1." ZONE);
    size_t count = 0;
    while (lines[count] != NULL) {
        count++;
    }
    const struct d1_zone_config config = {
        .name = d1_fixture_name(ZONE),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = d1_fixture_name("host." ZONE),
        .records_count = count,
        .records = lines,
        .serial = 1,
    };
    return d1_served_create(trial->epoch, &config, 1, &trial->fixture.served, &trial->error);
}

static void write_file(struct trial *trial, const char *text) {
    snprintf(trial->path, sizeof(trial->path), "/tmp/d1_test_served_XXXXXX");
    int fd = mkstemp(trial->path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int load_path(struct trial *trial, const char *path) {
    const struct d1_zone_config config = {.name = d1_fixture_name(ZONE), .file = path};
    return d1_served_create(trial->epoch, &config, 1, &trial->fixture.served, &trial->error);
}

static int load_file(struct trial *trial, const char *text) {
    write_file(trial, text);
    return load_path(trial, trial->path);
}

static void assert_answer(const struct trial *trial, const char *name, uint16_t type,
                          unsigned rcode, unsigned answers, uint32_t ttl) {
    const struct d1_ask ask = {.name = name, .type = type, .tcp = true};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    unsigned got_rcode = reply->decoded.rcode;
    unsigned got_answers = reply->decoded.count[1];
    uint32_t got_ttl = reply->decoded.rrs[0].ttl;
    d1_free(reply);
    assert_int_equal(got_rcode, rcode);
    assert_int_equal(got_answers, answers);
    assert_int_equal(got_ttl, ttl);
}

static void lines_are_served(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"ns1 A 192.0.2.1", "", "; words", "x.y 5 TXT v", NULL};
    assert_int_equal(load_lines(trial, lines), D1_OK);
    assert_answer(trial, "ns1." ZONE, D1_TYPE_A, 0, 1, 3600);
    assert_answer(trial, "x.y." ZONE, D1_TYPE_TXT, 0, 1, 5);
    assert_answer(trial, "y." ZONE, D1_TYPE_TXT, 0, 0, 0);
}

static void repeated_records_are_served_once(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x A 192.0.2.1", "x A 192.0.2.2", "X A 192.0.2.1", NULL};
    assert_int_equal(load_lines(trial, lines), D1_OK);
    assert_answer(trial, "x." ZONE, D1_TYPE_A, 0, 2, 3600);
}

static void one_rrset_has_one_ttl(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x 60 A 192.0.2.1", "x 30 A 192.0.2.2", "x 90 A 192.0.2.3",
                                        NULL};
    assert_int_equal(load_lines(trial, lines), D1_OK);
    assert_answer(trial, "x." ZONE, D1_TYPE_A, 0, 3, 30);
}

static void file_gives_soa_and_ns(void **state) {
    struct trial *trial = *state;
    assert_int_equal(load_file(trial, "$TTL 50\n" APEX "ns1 A 192.0.2.1\n"), D1_OK);
    assert_answer(trial, ZONE, D1_TYPE_SOA, 0, 1, 3600);
    assert_answer(trial, ZONE, D1_TYPE_NS, 0, 1, 50);
    assert_answer(trial, "no." ZONE, D1_TYPE_A, D1_RCODE_NXDOMAIN, 0, 60); /* MINIMUM. */
}

static void a_large_file_is_loaded(void **state) {
    struct trial *trial = *state;
    size_t size = 64 * LINES + 256;
    char *text = d1_malloc(size);
    size_t at = (size_t)snprintf(text, size, "%s", APEX);
    for (unsigned i = 0; i < LINES; i++) {
        at += (size_t)snprintf(text + at, size - at, "n%05u 60 IN TXT \"value of %u\"\n", i, i);
    }
    assert_int_equal(load_file(trial, text), D1_OK);
    d1_free(text);
    assert_int_equal(d1_table_names(trial->fixture.served->table), LINES + 1);
    assert_answer(trial, "n00000." ZONE, D1_TYPE_TXT, 0, 1, 60);
    assert_answer(trial, "n19999." ZONE, D1_TYPE_TXT, 0, 1, 60);
}

static void assert_refused_line(void **state, const char *line, const char *story) {
    struct trial *trial = *state;
    const char *const lines[] = {"ns1 A 192.0.2.1", line, NULL};
    assert_int_not_equal(load_lines(trial, lines), D1_OK);
    assert_null(trial->fixture.served);
    assert_string_equal(trial->error.text, story);
}

static void a_record_outside_is_refused(void **state) {
    assert_refused_line(state, "b.test. A 192.0.2.1",
                        "zone a.test: records[1]: b.test A: not within the zone");
}

static void another_class_is_refused(void **state) {
    assert_refused_line(state, "x CH TXT v",
                        "zone a.test: records[1]: x.a.test TXT: only class IN is served");
}

static void a_malformed_line_is_refused(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x A 192.0.2", NULL};
    assert_int_equal(load_lines(trial, lines), D1_EPARSE);
    assert_int_equal(strncmp(trial->error.text, "zone a.test: records[0]: ", 25), 0);
    assert_true(strlen(trial->error.text) > 25);
}

static void a_delegated_wildcard_is_refused(void **state) {
    assert_refused_line(state, "*.x NS ns.x",
                        "zone a.test: records[1]: *.x.a.test NS: a wildcard cannot be delegated");
}

static void malformed_targets_are_refused(void **state) {
    assert_refused_line(state, "x TYPE2 \\# 0",
                        "zone a.test: records[1]: x.a.test NS: its data are not one name");
}

static void a_dname_is_refused(void **state) {
    assert_refused_line(
        state, "x DNAME y",
        "zone a.test: records[1]: x.a.test TYPE39: DNAME is not available in this version");
}

static void cname_beside_others_is_refused(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x A 192.0.2.1", "x CNAME y", NULL};
    assert_int_equal(load_lines(trial, lines), D1_ECONFIG);
    assert_string_equal(trial->error.text,
                        "zone a.test: x.a.test A: a CNAME stands alone at its name");
}

static void two_cnames_are_refused(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x CNAME z", "x CNAME y", NULL};
    assert_int_equal(load_lines(trial, lines), D1_ECONFIG);
}

static void a_second_soa_is_refused(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"@ SOA ns1 host 2 1 1 1 1", NULL};
    assert_int_equal(load_lines(trial, lines), D1_ECONFIG);
    assert_string_equal(trial->error.text, "zone a.test: a.test SOA: a zone has one SOA");
}

static void too_many_records_at_one_name_are_refused(void **state) {
    struct trial *trial = *state;
    size_t size = 200000;
    char *text = d1_malloc(size);
    size_t at = (size_t)snprintf(text, size, "%s", APEX);
    for (unsigned i = 0; i < 5000; i++) {
        at += (size_t)snprintf(text + at, size - at, "x A 192.0.%u.%u\n", i / 256, i % 256);
    }
    assert_int_equal(load_file(trial, text), D1_ETOOLARGE);
    d1_free(text);
    assert_non_null(strstr(trial->error.text, ":3: x.a.test A: too many records at one name"));
}

static void a_file_without_soa_is_refused(void **state) {
    struct trial *trial = *state;
    assert_int_equal(load_file(trial, "@ 60 NS ns1\n"), D1_ECONFIG);
    assert_string_equal(trial->error.text, "zone a.test: there is no SOA record at the apex");
}

static void a_file_without_ns_is_refused(void **state) {
    struct trial *trial = *state;
    assert_int_equal(load_file(trial, "@ 60 SOA ns1 host 7 1 2 3 60\n"), D1_ECONFIG);
    assert_string_equal(trial->error.text, "zone a.test: there is no NS record at the apex");
}

static void faults_of_a_file_name_zone_file_and_line(void **state) {
    struct trial *trial = *state;
    char wanted[160];
    assert_int_equal(load_file(trial, APEX "x CNAME y\nz A 192.0.2.1\nx A 192.0.2.1\n"),
                     D1_ECONFIG);
    snprintf(wanted, sizeof(wanted),
             "zone a.test: %s:5: x.a.test A: a CNAME stands alone at its "
             "name",
             trial->path);
    assert_string_equal(trial->error.text, wanted);
}

static void a_missing_file_is_told(void **state) {
    struct trial *trial = *state;
    assert_int_equal(load_path(trial, "/nonexistent/zone.db"), -ENOENT);
    assert_string_equal(trial->error.text, "zone a.test: /nonexistent/zone.db: cannot be opened");
}

static void a_zone_without_nameservers_is_refused(void **state) {
    struct trial *trial = *state;
    const struct d1_zone_config config = {.name = d1_fixture_name(ZONE)};
    assert_int_equal(
        d1_served_create(trial->epoch, &config, 1, &trial->fixture.served, &trial->error),
        D1_ECONFIG);
    assert_string_equal(trial->error.text, "zone a.test: it has no nameservers");
}

static void no_zones_refuse_everything(void **state) {
    struct trial *trial = *state;
    assert_int_equal(d1_served_create(trial->epoch, NULL, 0, &trial->fixture.served, &trial->error),
                     D1_OK);
    const struct d1_ask ask = {.name = "x." ZONE};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_REFUSED);
    d1_free(reply);
}

static void a_parents_delegation_to_our_zone_is_left_out(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"sub NS ns.sub", "ns.sub A 192.0.2.9", NULL};
    struct d1_name ns = d1_fixture_name("ns1." ZONE);
    const struct d1_zone_config configs[] = {
        {.name = d1_fixture_name(ZONE),
         .nameservers_count = 1,
         .nameservers = &ns,
         .hostmaster = ns,
         .records_count = 2,
         .records = lines},
        {.name = d1_fixture_name("sub." ZONE),
         .nameservers_count = 1,
         .nameservers = &ns,
         .hostmaster = ns},
    };
    assert_int_equal(
        d1_served_create(trial->epoch, configs, 2, &trial->fixture.served, &trial->error), D1_OK);
    assert_answer(trial, "sub." ZONE, D1_TYPE_SOA, 0, 1, 0);
    assert_answer(trial, "ns.sub." ZONE, D1_TYPE_A, D1_RCODE_NXDOMAIN, 0, 0);
}

/* Every allocation of a load fails once; nothing is left behind. */
static void every_failed_allocation_is_told(void **state) {
    struct trial *trial = *state;
    static const char *const lines[] = {"x A 192.0.2.1", "y.z TXT v", NULL};
    int64_t live = d1_mem_live();
    unsigned failed = 0;
    for (uint64_t skip = 0; skip < 200; skip++) {
        trial->error.text[0] = '\0';
        d1_mem_fault_arm(skip, 0);
        int err = load_lines(trial, lines);
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, D1_OK);
            break;
        }
        failed++;
        if (err == D1_OK) { /* Only more room was refused, which is tried again later. */
            d1_served_destroy(trial->fixture.served);
            trial->fixture.served = NULL;
        } else {
            assert_int_equal(err, -ENOMEM);
            assert_true(strlen(trial->error.text) > 0);
            assert_null(trial->fixture.served);
        }
        assert_int_equal(d1_mem_live(), live);
    }
    assert_true(failed > 10);
    assert_non_null(trial->fixture.served);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_are_served),
        TEST(repeated_records_are_served_once),
        TEST(one_rrset_has_one_ttl),
        TEST(file_gives_soa_and_ns),
        TEST(a_large_file_is_loaded),
        TEST(a_record_outside_is_refused),
        TEST(another_class_is_refused),
        TEST(a_malformed_line_is_refused),
        TEST(a_delegated_wildcard_is_refused),
        TEST(malformed_targets_are_refused),
        TEST(a_dname_is_refused),
        TEST(cname_beside_others_is_refused),
        TEST(two_cnames_are_refused),
        TEST(a_second_soa_is_refused),
        TEST(too_many_records_at_one_name_are_refused),
        TEST(a_file_without_soa_is_refused),
        TEST(a_file_without_ns_is_refused),
        TEST(faults_of_a_file_name_zone_file_and_line),
        TEST(a_missing_file_is_told),
        TEST(a_zone_without_nameservers_is_refused),
        TEST(no_zones_refuse_everything),
        TEST(a_parents_delegation_to_our_zone_is_left_out),
        TEST(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests_name("served", tests, NULL, NULL);
}
