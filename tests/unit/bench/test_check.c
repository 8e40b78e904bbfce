/*
 * A right answer of each kind, the other forms in which servers may give it, and every way to spoil
 * it. Answers are copied to memory of exactly their size, so that a read past the end is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/bench/check.h"

#define ID 0x1234

/* a.auth.example. IN TXT: octets 12 to 31 of a message; the zone's name begins at 14. */
#define QUESTION     "\1a\4auth\7example\0\0\20\0\1"
#define QUESTION_END 32

/* The record: owner at 32, type 34, class 36, TTL 38, length 42, string 44 to 49. */
static const char txt_answer[] =
    "\x12\x34\x84\0\0\1\0\1\0\0\0\0" QUESTION "\xC0\x0C\0\20\0\1\0\0\0\74\0\6\5value";

/* The SOA: owner at 32, type 34, class 36, TTL 38, length 42, names 44 to 62, numbers 63 to 82. */
static const char nxdomain_answer[] =
    "\x12\x34\x84\3\0\1\0\0\0\1\0\0" QUESTION "\xC0\x0E\0\6\0\1\0\0\0\74\0\47\3ns1\xC0\x0E"
    "\12hostmaster\xC0\x0E"
    "\0\0\0\1\0\0\16\20\0\0\2\130\0\1\121\200\0\0\0\74";

#define TXT_LENGTH      (sizeof(txt_answer) - 1)
#define NXDOMAIN_LENGTH (sizeof(nxdomain_answer) - 1)

static const char query_message[] = "\0\0\0\0\0\1\0\0\0\0\0\0" QUESTION;

static const struct d1_bench_query txt_query = {
    .message = (const uint8_t *)query_message,
    .value = (const uint8_t *)"value",
    .message_length = QUESTION_END,
    .zone_offset = 14,
    .value_length = 5,
};
static const struct d1_bench_query nxdomain_query = {
    .message = (const uint8_t *)query_message,
    .message_length = QUESTION_END,
    .zone_offset = 14,
};

static enum d1_bench_fault check(const struct d1_bench_query *query, const void *answer,
                                 size_t length) {
    uint8_t *copy = d1_malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, answer, length);
    enum d1_bench_fault fault = d1_bench_check(query, ID, copy, length);
    d1_free(copy);
    return fault;
}

#define CHECK_TEXT(query, text) check(query, text, sizeof(text) - 1)

static void right_answers(void **state) {
    (void)state;
    assert_int_equal(CHECK_TEXT(&txt_query, txt_answer), D1_BENCH_RIGHT);
    assert_int_equal(CHECK_TEXT(&nxdomain_query, nxdomain_answer), D1_BENCH_RIGHT);
}

/* Owner not compressed and in capitals, an NS record of the zone, an address and EDNS after it. */
static void right_in_another_form(void **state) {
    (void)state;
    assert_int_equal(CHECK_TEXT(&txt_query, "\x12\x34\x84\0\0\1\0\1\0\1\0\2" QUESTION
                                            "\1A\4AUTH\7EXAMPLE\0\0\20\0\1\0\0\0\0\0\6\5value"
                                            "\xC0\x0E\0\2\0\1\0\0\0\74\0\6\3ns1\xC0\x0E"
                                            "\3ns1\xC0\x0E\0\1\0\1\0\0\0\74\0\4\300\0\2\1"
                                            "\0\0\51\4\320\0\0\0\0\0\0"),
                     D1_BENCH_RIGHT);
    assert_int_equal(CHECK_TEXT(&nxdomain_query,
                                "\x12\x34\x84\3\0\1\0\0\0\1\0\0" QUESTION
                                "\4auth\xC0\x13\0\6\0\1\0\0\0\0\0\30\0\1.\0"
                                "\0\0\0\1\0\0\16\20\0\0\2\130\0\1\121\200\0\0\0\74"),
                     D1_BENCH_RIGHT);
}

struct change {
    uint8_t at;
    uint8_t to;
};

struct spoilt {
    const char *what;
    size_t length;            /* 0: as it was. */
    struct change changes[3]; /* A change at 0 to 0 is none. */
    enum d1_bench_fault fault;
};

static void spoil_each(const struct d1_bench_query *query, const void *right, size_t right_length,
                       const struct spoilt *table, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct spoilt *spoilt = &table[i];
        uint8_t answer[128] = {0};
        memcpy(answer, right, right_length);
        for (size_t k = 0; k < D1_ARRAY_LENGTH(spoilt->changes); k++) {
            const struct change *change = &spoilt->changes[k];
            if (change->at != 0 || change->to != 0) {
                assert_int_not_equal(answer[change->at], change->to);
                answer[change->at] = change->to;
            }
        }
        size_t length = spoilt->length > 0 ? spoilt->length : right_length;
        enum d1_bench_fault fault = check(query, answer, length);
        if (fault != spoilt->fault) {
            fail_msg("%s: found '%s', expected '%s'", spoilt->what, d1_bench_fault_text(fault),
                     d1_bench_fault_text(spoilt->fault));
        }
    }
}

static void spoilt_txt_answers(void **state) {
    (void)state;
    static const struct spoilt table[] = {
        {"only a part of the ID", 1, {{0}}, D1_BENCH_SHORT},
        {"ends in the question", 31, {{0}}, D1_BENCH_SHORT},
        {"other ID", 0, {{0, 0x13}}, D1_BENCH_ID},
        {"other ID, low octet", 0, {{1, 0x35}}, D1_BENCH_ID},
        {"the query itself", 0, {{2, 0x04}}, D1_BENCH_FLAGS},
        {"another opcode", 0, {{2, 0xA4}}, D1_BENCH_FLAGS},
        {"truncated", 0, {{2, 0x86}}, D1_BENCH_FLAGS},
        {"RD was not asked", 0, {{2, 0x85}}, D1_BENCH_FLAGS},
        {"not authoritative", 0, {{2, 0x80}}, D1_BENCH_AA},
        {"no question", 0, {{5, 0}}, D1_BENCH_QUESTION},
        {"two questions", 0, {{5, 2}}, D1_BENCH_QUESTION},
        {"question in another case", 0, {{13, 'A'}}, D1_BENCH_QUESTION},
        {"question of another name", 0, {{18, 'g'}}, D1_BENCH_QUESTION},
        {"question of another type", 0, {{29, 1}}, D1_BENCH_QUESTION},
        {"question of another class", 0, {{31, 3}}, D1_BENCH_QUESTION},
        {"NXDOMAIN", 0, {{3, 3}}, D1_BENCH_RCODE},
        {"SERVFAIL", 0, {{3, 2}}, D1_BENCH_RCODE},
        {"NODATA", QUESTION_END, {{7, 0}}, D1_BENCH_ANCOUNT},
        {"no answer counted", 0, {{7, 0}}, D1_BENCH_ANCOUNT},
        {"two answers counted", 0, {{7, 2}}, D1_BENCH_ANCOUNT},
        {"256 answers more", 0, {{6, 1}}, D1_BENCH_ANCOUNT},
        {"owner is the zone", 0, {{33, 14}}, D1_BENCH_OWNER},
        {"owner points to itself", 0, {{33, 32}}, D1_BENCH_OWNER},
        {"owner points forward", 0, {{33, 44}}, D1_BENCH_OWNER},
        {"owner points past the end", 0, {{32, 0xFF}}, D1_BENCH_OWNER},
        {"owner is a label past the end", 0, {{32, 63}}, D1_BENCH_FORM},
        {"owner of an unknown label type", 0, {{32, 0x80}}, D1_BENCH_FORM},
        {"an A record", 0, {{35, 1}}, D1_BENCH_TYPE},
        {"of class CH", 0, {{37, 3}}, D1_BENCH_TYPE},
        {"data past the end", 0, {{43, 7}}, D1_BENCH_FORM},
        {"data shorter than its string", 0, {{43, 5}}, D1_BENCH_VALUE},
        {"no data", 0, {{43, 0}}, D1_BENCH_VALUE},
        {"string shorter than the data", 0, {{44, 4}}, D1_BENCH_VALUE},
        {"string longer than the data", 0, {{44, 6}}, D1_BENCH_VALUE},
        {"value in another case", 0, {{45, 'V'}}, D1_BENCH_VALUE},
        {"last octet of the value", 0, {{49, 'f'}}, D1_BENCH_VALUE},
        {"a prefix of the value", 49, {{43, 5}, {44, 4}}, D1_BENCH_VALUE},
        {"cut by one octet", 49, {{0}}, D1_BENCH_FORM},
        {"one octet too many", 51, {{0}}, D1_BENCH_FORM},
        {"authority counted, not there", 0, {{9, 1}}, D1_BENCH_FORM},
        {"additional counted, not there", 0, {{11, 1}}, D1_BENCH_FORM},
        {"65535 records counted", 0, {{8, 0xFF}, {9, 0xFF}}, D1_BENCH_FORM},
    };
    spoil_each(&txt_query, txt_answer, TXT_LENGTH, table, D1_ARRAY_LENGTH(table));
}

static void spoilt_nxdomain_answers(void **state) {
    (void)state;
    static const struct spoilt table[] = {
        {"NODATA", 0, {{3, 0}}, D1_BENCH_RCODE},
        {"REFUSED", 0, {{3, 5}}, D1_BENCH_RCODE},
        {"an answer counted", 0, {{7, 1}}, D1_BENCH_ANCOUNT},
        {"no SOA", QUESTION_END, {{9, 0}}, D1_BENCH_SOA},
        {"SOA not counted", 0, {{9, 0}}, D1_BENCH_FORM},
        {"SOA in the additional section", 0, {{9, 0}, {11, 1}}, D1_BENCH_SOA},
        {"SOA of the name asked", 0, {{33, 12}}, D1_BENCH_SOA},
        {"SOA of the zone above", 0, {{33, 19}}, D1_BENCH_SOA},
        {"NS in its place", 0, {{35, 2}}, D1_BENCH_SOA},
        {"SOA of class CH", 0, {{37, 3}}, D1_BENCH_SOA},
        {"SOA whose numbers are cut", 82, {{43, 38}}, D1_BENCH_SOA},
        {"SOA with an octet too many", 84, {{43, 40}}, D1_BENCH_SOA},
        {"SOA with a broken name", 0, {{44, 0x43}}, D1_BENCH_SOA},
        {"cut by one octet", 82, {{0}}, D1_BENCH_FORM},
        {"one octet too many", 84, {{0}}, D1_BENCH_FORM},
    };
    spoil_each(&nxdomain_query, nxdomain_answer, NXDOMAIN_LENGTH, table, D1_ARRAY_LENGTH(table));
}

/* RA, AD, CD and Z are not ours to judge, nor is the TTL. */
static bool may_change(size_t at, uint8_t difference) {
    return (at == 3 && (difference & 0x0F) == 0) || (at >= 38 && at < 42);
}

static void any_one_octet_changed_is_seen(void **state) {
    (void)state;
    for (size_t at = 0; at < TXT_LENGTH; at++) {
        for (unsigned difference = 1; difference < 256; difference++) {
            uint8_t answer[TXT_LENGTH];
            memcpy(answer, txt_answer, TXT_LENGTH);
            answer[at] ^= (uint8_t)difference;
            bool right = check(&txt_query, answer, TXT_LENGTH) == D1_BENCH_RIGHT;
            if (right != may_change(at, (uint8_t)difference)) {
                fail_msg("octet %zu changed by %#x: %s", at, difference, right ? "passed" : "seen");
            }
        }
    }
}

static void any_cut_is_seen(void **state) {
    (void)state;
    for (size_t length = 0; length < TXT_LENGTH; length++) {
        assert_int_not_equal(check(&txt_query, txt_answer, length), D1_BENCH_RIGHT);
    }
    for (size_t length = 0; length < NXDOMAIN_LENGTH; length++) {
        assert_int_not_equal(check(&nxdomain_query, nxdomain_answer, length), D1_BENCH_RIGHT);
    }
}

static void one_kind_is_wrong_for_the_other(void **state) {
    (void)state;
    assert_int_equal(CHECK_TEXT(&nxdomain_query, txt_answer), D1_BENCH_RCODE);
    assert_int_equal(CHECK_TEXT(&txt_query, nxdomain_answer), D1_BENCH_RCODE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_answers),
        cmocka_unit_test(right_in_another_form),
        cmocka_unit_test(spoilt_txt_answers),
        cmocka_unit_test(spoilt_nxdomain_answers),
        cmocka_unit_test(any_one_octet_changed_is_seen),
        cmocka_unit_test(any_cut_is_seen),
        cmocka_unit_test(one_kind_is_wrong_for_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
