#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "dns/rdata.h"

/* Two rdata of one length, and whether they are the same. */
struct pair {
    const char *why;
    uint16_t type;
    bool equal;
    size_t length;
    const char *left;
    const char *right;
};

#define PAIR(why, type, equal, left, right) \
    { why, type, equal, sizeof(left) - 1, left, right }

static const struct pair pairs[] = {
    PAIR("NS", 2, true, "\2ns\0", "\2Ns\0"),
    PAIR("another NS", 2, false, "\2ns\0", "\2nt\0"),
    PAIR("TXT", 16, false, "\2ns", "\2Ns"),
    PAIR("a type that is not known", 65280, false, "\2ns\0", "\2Ns\0"),
    PAIR("MX", 15, true, "Aa\2mx\0", "Aa\2MX\0"),
    PAIR("MX with another preference", 15, false, "Aa\2mx\0", "aA\2mx\0"),
    PAIR("SRV", 33, true, "AaAaAa\1x\0", "AaAaAa\1X\0"),
    PAIR("SRV with another port", 33, false, "AaAaAa\1x\0", "AaAaAA\1x\0"),
    PAIR("SOA", 6, true, "\1a\0\1b\0abcdefghijklmnopqrst", "\1A\0\1B\0abcdefghijklmnopqrst"),
    PAIR("SOA with another serial", 6, false, "\1a\0\1b\0abcdefghijklmnopqrst",
         "\1a\0\1b\0Abcdefghijklmnopqrst"),
    PAIR("NAPTR", 35, true, "\0\1\0\1\1u\2eE\3!x!\1a\0", "\0\1\0\1\1u\2eE\3!x!\1A\0"),
    PAIR("NAPTR with another service", 35, false, "\0\1\0\1\1u\2eE\3!x!\1a\0",
         "\0\1\0\1\1u\2ee\3!x!\1a\0"),
    PAIR("NAPTR cut short", 35, false, "\0\1\0\1\1u\2eE\3!x", "\0\1\0\1\1u\2eE\3!X"),
    PAIR("NAPTR whose first string does not end", 35, false, "\0\1\0\1\7u", "\0\1\0\1\7U"),
    PAIR("MX cut short", 15, false, "Aa", "AA"),
    PAIR("a name that does not end", 2, true, "\77ab", "\77AB"),
};

static void row_is_compared(void **state) {
    const struct pair *pair = *state;
    const uint8_t *left = (const uint8_t *)pair->left;
    const uint8_t *right = (const uint8_t *)pair->right;
    assert_int_equal(d1_rdata_equal(pair->type, left, pair->length, right, pair->length),
                     pair->equal);
    assert_int_equal(d1_rdata_equal(pair->type, right, pair->length, left, pair->length),
                     pair->equal);
    assert_true(d1_rdata_equal(pair->type, left, pair->length, left, pair->length));
    assert_false(d1_rdata_equal(pair->type, left, pair->length, left, pair->length - 1));
}

int main(void) {
    struct CMUnitTest tests[D1_ARRAY_LENGTH(pairs)];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(pairs); i++) {
        tests[i] = (struct CMUnitTest){
            .name = pairs[i].why,
            .test_func = row_is_compared,
            .initial_state = (void *)(uintptr_t)&pairs[i],
        };
    }
    return cmocka_run_group_tests_name("rdata", tests, NULL, NULL);
}
