#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/bench/queries.h"

static int parse(const char *text, struct d1_bench_queries **ret_queries,
                 struct d1_error *ret_error) {
    return d1_bench_queries_parse(text, strlen(text), ret_queries, ret_error);
}

static void both_kinds_of_query(void **state) {
    (void)state;
    static const uint8_t wire[] = "\0\0\0\0\0\1\0\0\0\0\0\0\1a\4auth\7example\0\0\20\0\1";
    struct d1_bench_queries *queries = NULL;
    assert_int_equal(parse("zone auth.example.\n"
                           "a.auth.example. TXT v1\n"
                           "b.c.auth.example. NXDOMAIN\n",
                           &queries, NULL),
                     0);
    assert_int_equal(d1_bench_queries_count(queries), 2);
    const struct d1_bench_query *first = d1_bench_queries_at(queries, 0);
    assert_int_equal(first->message_length, sizeof(wire) - 1);
    assert_memory_equal(first->message, wire, sizeof(wire) - 1);
    assert_int_equal(first->zone_offset, 14);
    assert_int_equal(first->value_length, 2);
    assert_memory_equal(first->value, "v1", 2);
    const struct d1_bench_query *second = d1_bench_queries_at(queries, 1);
    assert_null(second->value);
    assert_int_equal(second->zone_offset, 16);
    d1_bench_queries_destroy(queries);
}

static void last_line_may_lack_its_newline(void **state) {
    (void)state;
    struct d1_bench_queries *queries = NULL;
    assert_int_equal(parse("zone example.\na.example. TXT v", &queries, NULL), 0);
    assert_int_equal(d1_bench_queries_count(queries), 1);
    d1_bench_queries_destroy(queries);
}

/* Three labels of 63 octets, one of 59 or 60, and "e.": 255 octets of wire form, or 256. */
static void longest_name(void **state) {
    (void)state;
    char text[512];
    char label[64];
    struct d1_bench_queries *queries = NULL;
    memset(label, 'x', 63);
    label[63] = '\0';
    snprintf(text, sizeof(text), "zone e.\n%s.%s.%s.%.59s.e. NXDOMAIN\n", label, label, label,
             label);
    assert_int_equal(parse(text, &queries, NULL), 0);
    assert_int_equal(d1_bench_queries_at(queries, 0)->message_length, D1_BENCH_MESSAGE_BYTES);
    d1_bench_queries_destroy(queries);
    snprintf(text, sizeof(text), "zone e.\n%s.%s.%s.%.60s.e. NXDOMAIN\n", label, label, label,
             label);
    assert_int_equal(parse(text, &queries, NULL), D1_EPARSE);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *names; /* In the error's text. */
    } table[] = {
        {"", "no query"},
        {"zone example.\n", "no query"},
        {"a.example. TXT v\n", "line 1"},
        {"zone\na.example. TXT v\n", "line 1"},
        {"zone example\na.example. TXT v\n", "line 1"},
        {"zone example. more\na.example. TXT v\n", "line 1"},
        {"zone example.\na.example TXT v\n", "line 2"},
        {"zone example.\na..example. TXT v\n", "line 2"},
        {"zone example.\na.example.\n", "line 2"},
        {"zone example.\na.example. TXT\n", "line 2"},
        {"zone example.\na.example. TXT \n", "line 2"},
        {"zone example.\na.example. TXT v w\n", "line 2"},
        {"zone example.\na.example. NXDOMAIN v\n", "line 2"},
        {"zone example.\na.example. A 192.0.2.1\n", "line 2"},
        {"zone example.\nexample. TXT v\n", "line 2"},
        {"zone example.\na.example. TXT v\nxexample. TXT v\n", "line 3"},
        {"zone example.\na.other. NXDOMAIN\n", "line 2"},
        {"zone example.\na.example. TXT v\n\n", "line 3"},
        {"zone example.\nx123456789012345678901234567890123456789012345678901234567890123.example. "
         "TXT v\n",
         "line 2"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct d1_bench_queries *queries = NULL;
        struct d1_error error = {0};
        int err = parse(table[i].text, &queries, &error);
        if (err != D1_EPARSE || strstr(error.text, table[i].names) == NULL) {
            fail_msg("'%s': %d, '%s'", table[i].text, err, error.text);
        }
        assert_null(queries);
    }
}

/* The octets "\7example\0" also end the name of one label "x\7example", which is not in the zone. */
static void zone_begins_at_a_label(void **state) {
    (void)state;
    struct d1_bench_queries *queries = NULL;
    assert_int_equal(parse("zone example.\nx\7example. NXDOMAIN\n", &queries, NULL), D1_EPARSE);
}

static void values_have_at_most_255_octets(void **state) {
    (void)state;
    char text[320] = "zone e.\na.e. TXT ";
    struct d1_bench_queries *queries = NULL;
    size_t length = strlen(text);
    memset(text + length, 'v', 256);
    assert_int_equal(d1_bench_queries_parse(text, length + 256, &queries, NULL), D1_EPARSE);
    assert_int_equal(d1_bench_queries_parse(text, length + 255, &queries, NULL), 0);
    assert_int_equal(d1_bench_queries_at(queries, 0)->value_length, 255);
    d1_bench_queries_destroy(queries);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    uint64_t failed = 1;
    for (uint64_t skip = 0; failed > 0; skip++) {
        struct d1_bench_queries *queries = NULL;
        d1_mem_fault_arm(skip, 0);
        int err = parse("zone example.\na.example. TXT v\n", &queries, NULL);
        failed = d1_mem_fault_disarm();
        assert_int_equal(err, failed > 0 ? -ENOMEM : 0);
        d1_bench_queries_destroy(queries);
        assert_true(d1_mem_live() == live);
    }
}

static void missing_file(void **state) {
    (void)state;
    struct d1_bench_queries *queries = NULL;
    struct d1_error error = {0};
    assert_int_equal(d1_bench_queries_load("/nonexistent/queries", &queries, &error), -ENOENT);
    assert_non_null(strstr(error.text, "/nonexistent/queries"));
    assert_null(queries);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_query),
        cmocka_unit_test(last_line_may_lack_its_newline),
        cmocka_unit_test(longest_name),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(zone_begins_at_a_label),
        cmocka_unit_test(values_have_at_most_255_octets),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(missing_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
