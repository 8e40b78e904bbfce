#include "dns/edns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/mem.h"

#define NSID      "\0\3\0\0"
#define COOKIE_8  "\0\12\0\10abcdefgh"
#define COOKIE_9  "\0\12\0\11abcdefghi"
#define COOKIE_0  "\0\12\0\0"
#define KEEPALIVE "\0\13\0\0"
#define UNKNOWN   "\377\376\0\2xy"

static const struct row {
    const char *why;
    const char *rdata;
    size_t length;
    bool whole;
    struct d1_edns_options options;
} table[] = {
#define ROW(why, rdata, ...)                   \
    {                                          \
        why, rdata, sizeof(rdata) - 1, true, { \
            __VA_ARGS__                        \
        }                                      \
    }
#define BROKEN(why, rdata)                      \
    {                                           \
        why, rdata, sizeof(rdata) - 1, false, { \
            0                                   \
        }                                       \
    }
    ROW("nothing", "", 0),
    ROW("NSID", NSID, .asks = D1_ASKS_NSID),
    ROW("keepalive", KEEPALIVE, .asks = D1_ASKS_KEEPALIVE),
    ROW("unknown options are passed over", UNKNOWN NSID UNKNOWN, .asks = D1_ASKS_NSID),
    ROW("a cookie behind another option", NSID COOKIE_8, .asks = D1_ASKS_NSID, .cookie_length = 8,
        .cookie_at = 8),
    ROW("of two cookies the first", COOKIE_8 "\0\12\0\20abcdefghABCDEFGH", .cookie_length = 8,
        .cookie_at = 4),
    ROW("of two cookies the first, though the second is malformed", COOKIE_8 COOKIE_9,
        .cookie_length = 8, .cookie_at = 4),
    ROW("a malformed cookie, though the second is not", COOKIE_9 COOKIE_8,
        .cookie_malformed = true),
    ROW("an empty cookie", COOKIE_0 COOKIE_8, .cookie_malformed = true),
    BROKEN("half a code", "\0"),
    BROKEN("half a length", "\0\3\0"),
    BROKEN("an option that ends early", "\0\3\0\1"),
    BROKEN("a whole one, then octets", NSID "\0\3\0"),
};

static void row_is_read(void **state) {
    const struct row *row = *state;
    struct d1_edns_options options;
    uint8_t *exact = d1_malloc(row->length > 0 ? row->length : 1);
    assert_non_null(exact);
    memcpy(exact, row->rdata, row->length);
    assert_int_equal(d1_edns_read_options(exact, row->length, &options), row->whole);
    d1_free(exact);
    if (row->whole) {
        assert_int_equal(options.asks, row->options.asks);
        assert_int_equal(options.cookie_malformed, row->options.cookie_malformed);
        assert_int_equal(options.cookie_length, row->options.cookie_length);
        assert_int_equal(options.cookie_at, row->options.cookie_at);
    }
}

static void options_are_added(void **state) {
    (void)state;
    uint8_t opt[32];
    size_t length = d1_edns_write(opt, false, 0);
    length = d1_edns_add(opt, length, sizeof(opt), D1_OPTION_NSID, "host", 4);
    length = d1_edns_add(opt, length, sizeof(opt), D1_OPTION_EDE, "\0\24", 2);
    assert_int_equal(length, 25);
    assert_memory_equal(opt, "\0\0\51\4\320\0\0\0\0\0\16\0\3\0\4host\0\17\0\2\0\24", length);
}

static void an_option_may_be_empty(void **state) {
    (void)state;
    uint8_t opt[15];
    size_t length = d1_edns_write(opt, false, 0);
    length = d1_edns_add(opt, length, sizeof(opt), D1_OPTION_NSID, NULL, 0);
    assert_int_equal(length, sizeof(opt));
    assert_memory_equal(opt + 9, "\0\4\0\3\0\0", 6);
}

static void what_does_not_fit_is_left_out(void **state) {
    (void)state;
    uint8_t opt[18];
    size_t length = d1_edns_write(opt, false, 0);
    length = d1_edns_add(opt, length, sizeof(opt), D1_OPTION_NSID, "host", 4);
    assert_int_equal(length, D1_EDNS_BYTES);
    assert_int_equal(opt[10], 0);
    length = d1_edns_add(opt, length, sizeof(opt), D1_OPTION_NSID, "hos", 3);
    assert_int_equal(length, sizeof(opt));
    assert_int_equal(opt[10], 7);
}

int main(void) {
    struct CMUnitTest tests[D1_ARRAY_LENGTH(table) + 3] = {
        cmocka_unit_test(options_are_added),
        cmocka_unit_test(an_option_may_be_empty),
        cmocka_unit_test(what_does_not_fit_is_left_out),
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        tests[3 + i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_is_read,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    return cmocka_run_group_tests_name("edns", tests, NULL, NULL);
}
