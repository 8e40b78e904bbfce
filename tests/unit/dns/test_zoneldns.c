#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "dns/wire.h"
#include "dns/zonerecord.h"

struct trial {
    struct d1_zone_scope scope;
    struct d1_zone_record record;
    struct d1_error error;
};

static int set_up(void **state) {
    struct trial *trial = test_calloc(1, sizeof(*trial));
    struct d1_name origin;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    d1_zone_scope_init(&trial->scope, &origin, 3600);
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    test_free(*state);
    return 0;
}

static int read_ldns(struct trial *trial, const char *line) {
    char text[1024];
    assert_true(strlen(line) < sizeof(text));
    memcpy(text, line, strlen(line) + 1);
    return d1_zone_read_ldns(&trial->scope, text, &trial->record, &trial->error);
}

static void assert_ttl(struct trial *trial, const char *line, uint32_t ttl) {
    assert_int_equal(read_ldns(trial, line), D1_OK);
    assert_int_equal(trial->record.ttl, ttl);
    assert_int_equal(trial->record.type, D1_TYPE_A);
    assert_int_equal(trial->record.class, D1_CLASS_IN);
    assert_memory_equal(trial->record.rdata, "\1\2\3\4", 4);
}

static void class_and_ttl_stand_in_either_order(void **state) {
    struct trial *trial = *state;
    assert_ttl(trial, "a 60 IN A 1.2.3.4", 60);
    assert_ttl(trial, "a IN 60 A 1.2.3.4", 60);
    assert_ttl(trial, "a\tin\t\t1h\tA 1.2.3.4", 3600);
    assert_ttl(trial, " class1 7 A 1.2.3.4", 7);
    assert_ttl(trial, "a\\ b IN 60 A 1.2.3.4", 60);
    assert_ttl(trial, "a IN A 1.2.3.4", 3600);
    assert_int_equal(read_ldns(trial, "a IN 60 IN A 1.2.3.4"), D1_EPARSE);
    assert_int_equal(read_ldns(trial, "a IN 60"), D1_EPARSE);
}

static void a_default_ttl_of_zero_is_zero(void **state) {
    struct trial *trial = *state;
    trial->scope.ttl = 0;
    assert_ttl(trial, "a A 1.2.3.4", 0);
    assert_ttl(trial, "a 5 A 1.2.3.4", 5);
}

static void a_ttl_that_does_not_fit_is_refused(void **state) {
    struct trial *trial = *state;
    assert_ttl(trial, "a 4294967295 A 1.2.3.4", UINT32_MAX);
    static const char *const bad[] = {"a 4294967296 A 1.2.3.4", "a 99999999999 A 1.2.3.4",
                                      "a 9999999w A 1.2.3.4", "a 60x A 1.2.3.4",
                                      "a 18446744073709551616 A 1.2.3.4"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        assert_int_equal(read_ldns(trial, bad[i]), D1_EPARSE);
        assert_string_equal(trial->error.text, "the TTL is not a time of 0 to 4294967295 seconds");
    }
}

static void periods_are_read_whole(void **state) {
    static const struct {
        const char *text;
        uint32_t seconds;
    } good[] = {{"0", 0},       {"3600", 3600}, {"1h30m", 5400},           {"2W", 1209600},
                {"1d5", 86405}, {"7s", 7},      {"4294967295", UINT32_MAX}};
    static const char *const bad[] = {"",   "h",   "1hh",        "-1",   "+1",
                                      "1 ", "1.5", "4294967296", "7102w"};
    uint32_t seconds = 0;
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(good); i++) {
        assert_true(d1_zone_period(good[i].text, strlen(good[i].text), &seconds));
        assert_int_equal(seconds, good[i].seconds);
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        assert_false(d1_zone_period(bad[i], strlen(bad[i]), &seconds));
    }
}

static void blanks_may_follow_a_quoted_value(void **state) {
    struct trial *trial = *state;
    assert_int_equal(read_ldns(trial, "a CAA 0 issue \"x\" \t "), D1_OK);
    assert_int_equal(trial->record.rdata_length, 8);
    assert_memory_equal(trial->record.rdata, "\0\5issuex", 8);
    assert_int_equal(read_ldns(trial, "a TXT x\\ "), D1_OK);
    assert_memory_equal(trial->record.rdata, "\2x ", 3);
}

static void an_owner_that_begins_with_at_is_refused(void **state) {
    struct trial *trial = *state;
    assert_int_equal(read_ldns(trial, "@a A 1.2.3.4"), D1_EPARSE);
    assert_int_equal(read_ldns(trial, "@ A 1.2.3.4"), D1_OK);
    assert_true(d1_name_equal(&trial->record.owner, &trial->scope.origin));
}

/* 60 octets as \DDD are 240 characters, and four such labels more than ldns takes as an owner. */
static void an_owner_of_many_escapes_is_read(void **state) {
    struct trial *trial = *state;
    char line[1024];
    size_t length = 0;
    for (size_t i = 0; i < 120; i++) {
        const char *dot = i == 59 || i == 119 ? "." : "";
        length += (size_t)snprintf(line + length, sizeof(line) - length, "\\200%s", dot);
    }
    snprintf(line + length, sizeof(line) - length, "example.test. IN 300 A 1.2.3.4");
    assert_ttl(trial, line, 300);
    assert_int_equal(trial->record.owner.length, 61 + 61 + 8 + 5 + 1);
    assert_int_equal(trial->record.owner.octets[0], 60);
    assert_int_equal(trial->record.owner.octets[1], 200);
}

static void owners_are_relative_unless_their_dot_is_real(void **state) {
    struct trial *trial = *state;
    static const struct {
        const char *line;
        const char *owner;
    } rows[] = {
        {"a A 1.2.3.4", "a.example.test"},       {"a.example.test. A 1.2.3.4", "a.example.test"},
        {"a\\. A 1.2.3.4", "a\\..example.test"}, {"a\\\\. A 1.2.3.4", "a\\\\"},
        {"@ A 1.2.3.4", "example.test"},         {"\\@ A 1.2.3.4", "\\@.example.test"}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        char text[D1_NAME_TEXT_MAX];
        assert_int_equal(read_ldns(trial, rows[i].line), D1_OK);
        d1_name_to_text(&trial->record.owner, text);
        assert_string_equal(text, rows[i].owner);
    }
}

#define READS_AS(text, octets) \
    { (text), (octets), sizeof(octets) - 1 }

/* ldns alone takes it for the origin. */
static void an_escaped_at_in_rdata_is_a_label(void **state) {
    struct trial *trial = *state;
    static const struct {
        const char *line;
        const char *rdata;
        size_t length;
    } rows[] = {
        READS_AS("a MX 6 \\@.b.example.org.", "\0\6\1@\1b\7example\3org\0"),
        READS_AS("a PTR \\064.c", "\1@\1c\7example\4test\0"),
        READS_AS("a NS \\@", "\1@\7example\4test\0"),
        READS_AS("a NS \\064.", "\1@\0"),
        READS_AS("a NS @", "\7example\4test\0"),
        READS_AS("a NS .", "\0"),
        READS_AS("a RP \\@.b \\064.c.", "\1@\1b\7example\4test\0\1@\1c\0"),
        READS_AS("a NS b\\@.c.", "\2b@\1c\0"),
        READS_AS("a NS \\@b.c.", "\2@b\1c\0"),
        READS_AS("a NS \\001.c.", "\1\1\1c\0"),
        READS_AS("a TXT \\@ \\001", "\1@\1\1"),
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        if (read_ldns(trial, rows[i].line) != D1_OK) {
            fail_msg("%s: %s", rows[i].line, trial->error.text);
        }
        assert_int_equal(trial->record.rdata_length, rows[i].length);
        assert_memory_equal(trial->record.rdata, rows[i].rdata, rows[i].length);
    }
    static const char *const bad[] = {"a RP \\@.c \\001.c", "a RP \\@.c \1.c", "a NS x\\ \\@.c",
                                      "a NS x\\\t\\@.c"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        assert_int_equal(read_ldns(trial, bad[i]), D1_EPARSE);
        assert_non_null(strstr(trial->error.text, "\\@ with"));
    }
}

static void names_longer_than_the_limit_are_refused(void **state) {
    struct trial *trial = *state;
    char line[512] = "a NS ";
    size_t length = strlen(line);
    for (size_t i = 0; i < 250; i++) {
        line[length++] = i % 50 == 49 ? '.' : 'n';
    }
    memcpy(line + length, "n", 2);
    assert_int_equal(read_ldns(trial, line), D1_EPARSE);
    assert_string_equal(trial->error.text, "a name in the record's data is too long");
}

static void the_previous_owner_is_remembered(void **state) {
    struct trial *trial = *state;
    struct d1_name owner;
    assert_int_equal(read_ldns(trial, " A 1.2.3.4"), D1_OK);
    assert_true(d1_name_equal(&trial->record.owner, &trial->scope.origin));
    assert_int_equal(read_ldns(trial, "Sub TYPE65280 \\# 1 aa"), D1_OK);
    assert_int_equal(read_ldns(trial, "  A 1.2.3.4"), D1_OK);
    assert_int_equal(d1_name_from_text("sub.example.test", &owner), D1_OK);
    assert_true(d1_name_equal(&trial->record.owner, &owner));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(class_and_ttl_stand_in_either_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_default_ttl_of_zero_is_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ttl_that_does_not_fit_is_refused, set_up, tear_down),
        cmocka_unit_test(periods_are_read_whole),
        cmocka_unit_test_setup_teardown(blanks_may_follow_a_quoted_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_owner_that_begins_with_at_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_owner_of_many_escapes_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(owners_are_relative_unless_their_dot_is_real, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_escaped_at_in_rdata_is_a_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_longer_than_the_limit_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_previous_owner_is_remembered, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("zoneldns", tests, NULL, NULL);
}
