#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dns/zonerecord.h"
#include "tests/lib/zonepair.h"

#define ORIGIN_WIRE "\7example\4test" /* And the root label, the literal's NUL. */

struct trial {
    struct d1_zone_scope scope;
    struct d1_zone_record record;
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

static enum d1_zone_plain read_plain(struct trial *trial, const char *line) {
    /* A copy of exactly its size, so that a sanitizer sees an overread. */
    size_t length = strlen(line);
    char *exact = test_malloc(length + (length == 0));
    memcpy(exact, line, length);
    enum d1_zone_plain result = d1_zone_read_plain(&trial->scope, exact, length, &trial->record);
    test_free(exact);
    return result;
}

/* What a plain line must give. */
struct expected {
    const char *line;
    const char *owner;
    uint32_t ttl;
    uint16_t type;
    uint16_t rdata_length;
    const char *rdata;
};

#define RDATA(text) sizeof(text) - 1, text
#define NAMED(text) sizeof(text ORIGIN_WIRE), text ORIGIN_WIRE

static void assert_read(struct trial *trial, const struct expected *expected) {
    struct d1_name owner;
    const struct d1_zone_record *record = &trial->record;
    if (read_plain(trial, expected->line) != D1_ZONE_PLAIN_RECORD) {
        fail_msg("not taken: %s", expected->line);
    }
    assert_int_equal(d1_name_from_text(expected->owner, &owner), D1_OK);
    if (!d1_name_equal(&owner, &record->owner) || record->ttl != expected->ttl ||
        record->type != expected->type || record->class != D1_CLASS_IN ||
        record->rdata_length != expected->rdata_length ||
        memcmp(record->rdata, expected->rdata, expected->rdata_length) != 0) {
        fail_msg("read wrongly: %s", expected->line);
    }
}

static void plain_lines_are_read(void **state) {
    static const struct expected lines[] = {
        {"a A 192.0.2.1", "a.example.test", 3600, D1_TYPE_A, RDATA("\300\0\2\1")},
        {"NS1.Sub 60 IN A 0.10.200.255 ; x", "ns1.sub.example.test", 60, D1_TYPE_A,
         RDATA("\0\12\310\377")},
        {"b\tin\t5\ta\t1.2.3.4\r", "b.example.test", 5, D1_TYPE_A, RDATA("\1\2\3\4")},
        {"@ AAAA 2001:DB8::1", "example.test", 3600, D1_TYPE_AAAA,
         RDATA("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1")},
        {"c AAAA ::ffff:1.2.3.4", "c.example.test", 3600, D1_TYPE_AAAA,
         RDATA("\0\0\0\0\0\0\0\0\0\0\377\377\1\2\3\4")},
        {"*.w.other. 0 CNAME Target", "*.w.other", 0, D1_TYPE_CNAME, NAMED("\6Target")},
        {"x NS ns.Other.", "x.example.test", 3600, D1_TYPE_NS, RDATA("\2ns\5Other\0")},
        {"x IN NS @", "x.example.test", 3600, D1_TYPE_NS, NAMED("")},
        {"m MX 65535 mail", "m.example.test", 3600, 15, NAMED("\377\377\4mail")},
        {"t TXT \"a;b (c) 'd'\" e-f\t\"\303\244\";x", "t.example.test", 3600, D1_TYPE_TXT, 0, ""},
        {"t TXT \"a;b (c)\" e=f ; \"g\"", "t.example.test", 3600, D1_TYPE_TXT,
         RDATA("\7a;b (c)\3e=f")},
        {"t 2147483647 TXT \"\303\244\"", "t.example.test", 2147483647, D1_TYPE_TXT,
         RDATA("\2\303\244")},
        {"k CAA 128 issueWild \"ca.test; a=b\"", "k.example.test", 3600, D1_TYPE_CAA,
         RDATA("\200\11issueWildca.test; a=b")},
        {" TXT again", "k.example.test", 3600, D1_TYPE_TXT, RDATA("\5again")},
        {"\tIN 7 TXT again", "k.example.test", 7, D1_TYPE_TXT, RDATA("\5again")},
    };
    struct trial *trial = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lines); i++) {
        if (lines[i].rdata_length == 0) { /* A comment right behind a string: left to ldns. */
            assert_int_equal(read_plain(trial, lines[i].line), D1_ZONE_PLAIN_ODD);
            continue;
        }
        assert_read(trial, &lines[i]);
    }
}

static void blank_lines_and_comments_are_empty(void **state) {
    static const char *const lines[] = {"", "\r", "  \t", ";", "; a A 1.2.3.4", "\t ; (\"\\\r"};
    struct trial *trial = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lines); i++) {
        assert_int_equal(read_plain(trial, lines[i]), D1_ZONE_PLAIN_EMPTY);
    }
    assert_false(trial->scope.has_previous);
}

static void odd_lines_are_left(void **state) {
    static const char *const lines[] = {
        "a",
        "a A",
        "a A 1.2.3",
        "a A 1.2.3.256",
        "a A 1.2.3.4.",
        "a A 01.2.3.4",
        "a A 1.2.3.4 x",
        "a A 1.2.3.4;x",
        "a A (1.2.3.4)",
        "a AAAA 1.2.3.4",
        "a AAAA :::",
        "a AAAA fe80::1%1",
        "a CH A 1.2.3.4",
        "a IN IN A 1.2.3.4",
        "a 1 2 A 1.2.3.4",
        "a 1h A 1.2.3.4",
        "a 2147483648 A 1.2.3.4",
        "a 00000000001 A 1.2.3.4",
        "a NS b..c",
        "a NS .b",
        "a NS .",
        "a NS b c",
        "a NS b\\.c",
        "a\\.b A 1.2.3.4",
        "\"a\" A 1.2.3.4",
        "$TTL 5",
        "$ORIGIN x.",
        "@a A 1.2.3.4",
        "a SRV 0 0 1 x",
        "a TYPE1 \\# 4 01020304",
        "a TXT",
        "a TXT \"x",
        "a TXT \"x\"y",
        "a TXT x\"y\"",
        "a TXT \"\"",
        "a TXT \"a\\\"b\"",
        "a TXT a\\b",
        "a TXT \"a\tb\"",
        "a TXT \"a\rb\"",
        "a TXT a\001b",
        "a TXT x ; \001",
        "a MX 65536 b",
        "a MX b",
        "a MX 10",
        "a CAA 256 issue \"x\"",
        "a CAA 0 iss-ue \"x\"",
        "a CAA 0 issue x",
        "a CAA 0 issue \"x\" y",
        "a SOA b c 1 2 3 4 5",
        "( a A 1.2.3.4 )",
        "a \\# 4 01020304",
        "\303\244 A 1.2.3.4",
        "a\001 A 1.2.3.4",
        "a A 1.2.3.4\r\r",
    };
    struct trial *trial = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(lines); i++) {
        if (read_plain(trial, lines[i]) != D1_ZONE_PLAIN_ODD) {
            fail_msg("taken: %s", lines[i]);
        }
        assert_false(trial->scope.has_previous);
    }
    /* A NUL is an octet like any other that has no place in a line. */
    assert_int_equal(d1_zone_read_plain(&trial->scope, "a TXT x\0", 8, &trial->record),
                     D1_ZONE_PLAIN_ODD);
}

/* `count` octets 'x' behind the start. */
static char *with_octets(char *text, const char *start, size_t count, const char *end) {
    size_t length = strlen(start);
    memcpy(text, start, length);
    memset(text + length, 'x', count);
    memcpy(text + length + count, end, strlen(end) + 1);
    return text;
}

static void lengths_are_bounded(void **state) {
    struct trial *trial = *state;
    char text[1024];
    assert_int_equal(read_plain(trial, with_octets(text, "a TXT ", 255, "")), D1_ZONE_PLAIN_RECORD);
    assert_int_equal(trial->record.rdata_length, 256);
    assert_int_equal(read_plain(trial, with_octets(text, "a TXT ", 256, "")), D1_ZONE_PLAIN_ODD);
    assert_int_equal(read_plain(trial, with_octets(text, "a TXT \"", 256, "\"")),
                     D1_ZONE_PLAIN_ODD);
    assert_int_equal(read_plain(trial, with_octets(text, "", 63, " A 1.2.3.4")),
                     D1_ZONE_PLAIN_RECORD);
    assert_int_equal(read_plain(trial, with_octets(text, "", 64, " A 1.2.3.4")), D1_ZONE_PLAIN_ODD);
    assert_int_equal(read_plain(trial, with_octets(text, "a NS ", 64, "")), D1_ZONE_PLAIN_ODD);
    assert_int_equal(read_plain(trial, with_octets(text, "a NS b.", 64, ".")), D1_ZONE_PLAIN_ODD);
}

/* Names of every length around the limit, relative and absolute: what is taken, ldns takes too. */
static void long_names_agree_with_ldns(void **state) {
    struct d1_name origin;
    unsigned plain = 0;
    (void)state;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    for (size_t length = 180; length < 270; length++) {
        static const char *const ends[] = {"", "."};
        for (size_t end = 0; end < D1_ARRAY_LENGTH(ends); end++) {
            char text[1024];
            char name[300];
            for (size_t i = 0; i < length; i++) {
                name[i] = i % 50 == 49 ? '.' : 'n';
            }
            name[length] = '\0';
            int made = snprintf(text, sizeof(text), "%s%s A 1.2.3.4\na NS %s%s\n", name, ends[end],
                                name, ends[end]);
            struct d1_zonepair pair;
            if (!d1_zonepair_agree(text, (size_t)made, &origin, 60, &pair)) {
                fail_msg("%zu octets: %s", length, pair.why);
            }
            plain += pair.plain;
        }
    }
    assert_true(plain > 200);
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

/* A line of random parts, most of them right; sometimes an octet of it is changed. */
static void make_line(char *text, size_t size, uint64_t *seed) {
    static const char *const owners[] = {"a",  "b.c", "x.other.", " ",        "\t", "@",
                                         "*",  "_x",  "",         "a\\.b",    ".",  "UPPER.Case",
                                         "@a", "1",   "in",       "a;comment"};
    static const char *const head[] = {
        " ",       " 60 ", " IN ",         " 60 IN ", " IN 60 ", " CH ", " 1h ",
        " in\t0 ", " ",    " 4294967296 ", " IN ",    " 1 2 ",   " ",    " 99999999999 "};
    static const char *const rdata[] = {"A 192.0.2.1",
                                        "AAAA ::1",
                                        "TXT \"a;b\" c",
                                        "TXT x ; comment",
                                        "NS ns1",
                                        "CNAME x.other.",
                                        "MX 10 m",
                                        "CAA 0 issue \"a; b\"",
                                        "A 1.2.3",
                                        "TXT (a b)",
                                        "TXT \"\\\"\\065\" \"\"",
                                        "TYPE65280 \\# 2 abcd",
                                        "SRV 0 0 1 t",
                                        "SOA a b 1 2 3 4 5",
                                        "NS @",
                                        "MX 99999 m",
                                        "CAA 0 issue \"\"",
                                        "AAAA 1::2::3",
                                        "txt a\"b\"",
                                        "A 1.2.3.4 5",
                                        "CAA 0 issue \"x\" ",
                                        "TXT \"x\"\t\r",
                                        "NS .",
                                        "A\t\t1.2.3.4\t"};
    snprintf(text, size, "%s%s%s", owners[next_random(seed) % D1_ARRAY_LENGTH(owners)],
             head[next_random(seed) % D1_ARRAY_LENGTH(head)],
             rdata[next_random(seed) % D1_ARRAY_LENGTH(rdata)]);
    size_t length = strlen(text);
    if (next_random(seed) % 4 == 0) {
        char octet = " \t\".;()\\@a1-$#"[next_random(seed) % 14];
        if (next_random(seed) % 8 == 0) {
            octet = (char)(next_random(seed) % 255 + 1);
        }
        text[next_random(seed) % length] = octet;
    }
}

static void random_lines_agree_with_ldns(void **state) {
    struct d1_name origin;
    uint64_t seed = 20261122;
    unsigned plain = 0;
    unsigned records = 0;
    (void)state;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    for (unsigned i = 0; i < 1200; i++) {
        char text[1024] = "";
        for (unsigned line = 0; line < 3; line++) {
            size_t length = strlen(text);
            make_line(text + length, sizeof(text) - length - 2, &seed);
            length = strlen(text);
            memcpy(text + length, "\n", 2);
        }
        struct d1_zonepair pair;
        if (!d1_zonepair_agree(text, strlen(text), &origin, i % 2 * 60, &pair)) {
            fail_msg("%s\nin:\n%s", pair.why, text);
        }
        plain += pair.plain;
        records += pair.records;
    }
    assert_true(plain > 600);
    assert_true(records > 600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_lines_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(blank_lines_and_comments_are_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_lines_are_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths_are_bounded, set_up, tear_down),
        cmocka_unit_test(long_names_agree_with_ldns),
        cmocka_unit_test(random_lines_agree_with_ldns),
    };
    return cmocka_run_group_tests_name("zoneplain", tests, NULL, NULL);
}
