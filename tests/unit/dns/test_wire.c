#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "dns/wire.h"

#define QUESTION                        "\3WwW\7eXample\4TEST\0\0\20\0\1"
#define HEADER                          "\x12\x34\x01\x10\0\1\0\0\0\0\0\0"
#define HEADER_1                        "\x12\x34\x01\x10\0\1\0\0\0\0\0\1" /* ARCOUNT 1. */
#define HEADER_2                        "\x12\x34\x01\x10\0\1\0\0\0\0\0\2"
#define OPT(size, version, flags, rest) "\0\0\51" size "\0" version flags rest

/* A string literal's octets without its NUL. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* Parse from an allocation of exactly the size, so that a sanitizer sees an overread. */
static enum d1_query_verdict parse(const uint8_t *bytes, size_t length, struct d1_query *query) {
    uint8_t *exact = d1_malloc(length > 0 ? length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    memset(query, 0xee, sizeof(*query));
    enum d1_query_verdict verdict = d1_query_parse(exact, length, query);
    d1_free(exact);
    return verdict;
}

static void plain_query_is_read_whole(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER QUESTION), &query), D1_QUERY_OK);
    assert_int_equal(query.id, 0x1234);
    assert_int_equal(query.flags, 0x0110);
    assert_int_equal(query.type, D1_TYPE_TXT);
    assert_int_equal(query.class, D1_CLASS_IN);
    assert_int_equal(query.labels, 3);
    assert_int_equal(query.question_length, sizeof(QUESTION) - 1);
    assert_false(query.edns);
    assert_false(query.dnssec_ok);
    assert_int_equal(query.udp_size, 512);
}

static void name_is_folded(void **state) {
    (void)state;
    struct d1_query query;
    struct d1_name wanted;
    assert_int_equal(d1_name_from_text("www.example.test", &wanted), 0);
    assert_int_equal(parse(BYTES(HEADER QUESTION), &query), D1_QUERY_OK);
    assert_true(d1_name_equal(&query.name, &wanted));
}

/* A message with a QNAME of `labels` labels of `size` octets 'Q' each; returns its length. */
static size_t long_name_query(uint8_t *message, size_t labels, size_t size) {
    memcpy(message, HEADER, 12);
    size_t at = 12;
    for (size_t i = 0; i < labels; i++) {
        message[at++] = (uint8_t)size;
        memset(message + at, 'Q', size);
        at += size;
    }
    memcpy(message + at, "\0\0\1\0\1", 5);
    return at + 5;
}

static void every_name_length_is_folded(void **state) {
    (void)state;
    for (size_t size = 1; size <= 63; size++) {
        for (size_t labels = 0; labels * (size + 1) + 1 <= 255; labels++) {
            uint8_t message[512];
            struct d1_query query;
            size_t length = long_name_query(message, labels, size);
            assert_int_equal(parse(message, length, &query), D1_QUERY_OK);
            assert_int_equal(query.labels, labels);
            assert_int_equal(query.name.length, labels * (size + 1) + 1);
            for (size_t i = 0; i < query.name.length; i++) {
                bool is_length = i % (size + 1) == 0;
                uint8_t length_octet = i + 1U == query.name.length ? 0 : (uint8_t)size;
                assert_int_equal(query.name.octets[i], is_length ? length_octet : 'q');
            }
        }
    }
}

static void only_letters_are_folded(void **state) {
    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        uint8_t message[] = HEADER "\1?\0\0\1\0\1";
        struct d1_query query;
        message[13] = (uint8_t)octet;
        assert_int_equal(parse(message, sizeof(message) - 1, &query), D1_QUERY_OK);
        unsigned wanted = octet >= 'A' && octet <= 'Z' ? octet + 32 : octet;
        assert_int_equal(query.name.octets[1], wanted);
    }
}

static void name_of_256_octets_is_formerr(void **state) {
    (void)state;
    uint8_t message[512];
    struct d1_query query;
    size_t length = long_name_query(message, 51, 4); /* 51 * 5 + 1 = 256. */
    assert_int_equal(parse(message, length, &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, 0);
}

static void name_of_127_labels_is_read(void **state) {
    (void)state;
    uint8_t message[512];
    struct d1_query query;
    size_t length = long_name_query(message, 127, 1);
    assert_int_equal(parse(message, length, &query), D1_QUERY_OK);
    assert_int_equal(query.labels, 127);
    assert_int_equal(query.name.length, 255);
}

static void compression_in_qname_is_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER "\300\14\0\20\0\1"), &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, 0);
}

static void label_of_64_is_formerr(void **state) {
    (void)state;
    uint8_t message[512];
    struct d1_query query;
    size_t length = long_name_query(message, 1, 63);
    message[12] = 64;
    assert_int_equal(parse(message, length, &query), D1_QUERY_FORMERR);
}

static void shorter_than_header_is_dropped(void **state) {
    (void)state;
    struct d1_query query;
    for (size_t length = 0; length < 12; length++) {
        assert_int_equal(parse((const uint8_t *)HEADER, length, &query), D1_QUERY_DROP);
    }
}

static void replies_are_dropped(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES("\0\0\x80\0\0\1\0\0\0\0\0\0" QUESTION), &query), D1_QUERY_DROP);
}

static void other_opcodes_are_notimp(void **state) {
    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        uint8_t message[] = HEADER;
        struct d1_query query;
        message[2] = (uint8_t)(opcode << 3);
        assert_int_equal(parse(message, 12, &query),
                         opcode == D1_OPCODE_UPDATE ? D1_QUERY_UPDATE : D1_QUERY_NOTIMP);
        assert_int_equal(query.question_length, 0);
        assert_int_equal(query.id, 0x1234);
    }
}

static void no_question_is_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES("\0\1\0\0\0\0\0\0\0\0\0\0"), &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, 0);
}

static void only_additional_records_may_come_without_a_question(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES("\0\1\0\0\0\0\0\1\0\0\0\0"), &query), D1_QUERY_FORMERR);
    assert_int_equal(parse(BYTES("\0\1\0\0\0\0\0\0\0\1\0\0"), &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, 0);
    assert_false(query.edns);
}

static void later_edns_version_without_a_question_is_badvers(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(
        parse(BYTES("\0\1\0\0\0\0\0\0\0\0\0\1" OPT("\4\xd0", "\1", "\0\0", "\0\0")), &query),
        D1_QUERY_BADVERS);
    assert_int_equal(query.question_length, 0);
    assert_true(query.edns);
}

static void two_questions_are_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES("\0\1\0\0\0\2\0\0\0\0\0\0" QUESTION QUESTION), &query),
                     D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, 0);
}

static void answer_or_authority_is_formerr_with_question(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES("\0\1\0\0\0\1\0\1\0\0\0\0" QUESTION), &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, sizeof(QUESTION) - 1);
    assert_int_equal(parse(BYTES("\0\1\0\0\0\1\0\0\0\1\0\0" QUESTION), &query), D1_QUERY_FORMERR);
    assert_int_equal(query.question_length, sizeof(QUESTION) - 1);
}

static void octets_left_over_are_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER QUESTION "x"), &query), D1_QUERY_FORMERR);
    assert_int_equal(
        parse(BYTES(HEADER_1 QUESTION OPT("\4\320", "\0", "\0\0", "\0\0") "x"), &query),
        D1_QUERY_FORMERR);
}

static void opt_is_read(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_1 QUESTION OPT("\3\350", "\0", "\200\0", "\0\0")), &query),
                     D1_QUERY_OK);
    assert_true(query.edns);
    assert_true(query.dnssec_ok);
    assert_int_equal(query.udp_size, 1000);
}

static void udp_size_has_bounds(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_1 QUESTION OPT("\0\1", "\0", "\0\0", "\0\0")), &query),
                     D1_QUERY_OK);
    assert_int_equal(query.udp_size, 512);
    assert_int_equal(parse(BYTES(HEADER_1 QUESTION OPT("\377\377", "\0", "\0\0", "\0\0")), &query),
                     D1_QUERY_OK);
    assert_int_equal(query.udp_size, 1232);
}

static void options_are_skipped(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(
        parse(BYTES(HEADER_1 QUESTION OPT("\4\320", "\0", "\0\0", "\0\7\376\1\0\3abc")), &query),
        D1_QUERY_OK);
}

static void broken_options_are_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(
        parse(BYTES(HEADER_1 QUESTION OPT("\4\320", "\0", "\0\0", "\0\7\376\1\0\4abc")), &query),
        D1_QUERY_FORMERR);
    assert_int_equal(
        parse(BYTES(HEADER_1 QUESTION OPT("\4\320", "\0", "\0\0", "\0\3\0\12\0")), &query),
        D1_QUERY_FORMERR);
}

static void two_opts_are_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_2 QUESTION OPT("\4\320", "\0", "\0\0", "\0\0")
                                     OPT("\4\320", "\0", "\0\0", "\0\0")),
                           &query),
                     D1_QUERY_FORMERR);
}

static void opt_below_the_root_is_formerr(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(
        parse(BYTES(HEADER_1 QUESTION "\1a" OPT("\4\320", "\0", "\0\0", "\0\0")), &query),
        D1_QUERY_FORMERR);
}

static void later_edns_version_is_badvers(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_1 QUESTION OPT("\4\320", "\1", "\0\0", "\0\0")), &query),
                     D1_QUERY_BADVERS);
    assert_true(query.edns);
    assert_int_equal(query.question_length, sizeof(QUESTION) - 1);
}

static void other_additional_records_are_skipped(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_2 QUESTION "\300\14\0\1\0\1\0\0\0\0\0\4abcd" OPT(
                               "\4\320", "\0", "\0\0", "\0\0")),
                           &query),
                     D1_QUERY_OK);
    assert_true(query.edns);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    static const uint8_t full[] = HEADER_2 QUESTION
        "\1x\300\14\0\1\0\1\0\0\0\0\0\4abcd" OPT("\4\320", "\0", "\0\0", "\0\7\376\1\0\3abc");
    struct d1_query query;
    size_t length = sizeof(full) - 1;
    assert_int_equal(parse(full, length, &query), D1_QUERY_OK);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(parse(full, cut, &query), cut < 12 ? D1_QUERY_DROP : D1_QUERY_FORMERR);
    }
}

static void every_octet_may_be_anything(void **state) {
    (void)state;
    static const uint8_t full[] =
        HEADER_1 QUESTION OPT("\4\320", "\0", "\0\0", "\0\7\376\1\0\3abc");
    size_t length = sizeof(full) - 1;
    for (size_t at = 0; at < length; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t message[sizeof(full)];
            struct d1_query query;
            memcpy(message, full, length);
            message[at] = (uint8_t)value;
            enum d1_query_verdict verdict = parse(message, length, &query);
            assert_in_range(verdict, D1_QUERY_OK, D1_QUERY_COOKIE);
            if (verdict == D1_QUERY_OK) {
                assert_in_range(query.udp_size, 512, 1232);
                assert_in_range(query.name.length, 1, 255);
            }
        }
    }
}

#define TSIG_RECORD "\3key\0\0\372\0\377\0\0\0\0\0\0"

static void a_last_tsig_record_makes_it_signed(void **state) {
    (void)state;
    struct d1_query query;
    assert_int_equal(parse(BYTES(HEADER_1 QUESTION TSIG_RECORD), &query), D1_QUERY_SIGNED);
    assert_int_equal(
        parse(BYTES(HEADER_2 QUESTION OPT("\4\320", "\0", "\0\0", "\0\0") TSIG_RECORD), &query),
        D1_QUERY_SIGNED);
    assert_true(query.edns);
    assert_int_equal(
        parse(BYTES(HEADER_2 QUESTION TSIG_RECORD OPT("\4\320", "\0", "\0\0", "\0\0")), &query),
        D1_QUERY_FORMERR);
    assert_int_equal(parse(BYTES(HEADER_2 QUESTION TSIG_RECORD TSIG_RECORD), &query),
                     D1_QUERY_FORMERR);
}

static void edns_is_written(void **state) {
    (void)state;
    uint8_t wire[D1_EDNS_BYTES];
    assert_int_equal(d1_edns_write(wire, true, D1_RCODE_BADVERS), D1_EDNS_BYTES);
    assert_memory_equal(wire, "\0\0\51\4\320\1\0\200\0\0\0", D1_EDNS_BYTES);
    assert_int_equal(d1_edns_write(wire, false, D1_RCODE_REFUSED), D1_EDNS_BYTES);
    assert_memory_equal(wire, "\0\0\51\4\320\0\0\0\0\0\0", D1_EDNS_BYTES);
}

static void types_and_rcodes_have_names(void **state) {
    (void)state;
    static const struct {
        uint16_t number;
        const char *text;
    } types[] =
        {
            {1, "A"},      {2, "NS"},    {5, "CNAME"},  {6, "SOA"},
            {16, "TXT"},   {28, "AAAA"}, {41, "OPT"},   {43, "DS"},
            {46, "RRSIG"}, {47, "NSEC"}, {250, "TSIG"}, {251, "IXFR"},
            {252, "AXFR"}, {255, "ANY"}, {257, "CAA"},  {65280, "TYPE65280"},
        },
      rcodes[] = {
          {0, "NOERROR"},  {1, "FORMERR"},  {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"},
          {5, "REFUSED"},  {6, "YXDOMAIN"}, {7, "YXRRSET"},  {8, "NXRRSET"},  {9, "NOTAUTH"},
          {10, "NOTZONE"}, {16, "BADVERS"}, {99, "RCODE99"},
      };
    char text[16];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(types); i++) {
        assert_string_equal(d1_type_text(types[i].number, text), types[i].text);
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rcodes); i++) {
        assert_string_equal(d1_rcode_text(rcodes[i].number, text), rcodes[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_query_is_read_whole),
        cmocka_unit_test(name_is_folded),
        cmocka_unit_test(every_name_length_is_folded),
        cmocka_unit_test(only_letters_are_folded),
        cmocka_unit_test(name_of_256_octets_is_formerr),
        cmocka_unit_test(name_of_127_labels_is_read),
        cmocka_unit_test(compression_in_qname_is_formerr),
        cmocka_unit_test(label_of_64_is_formerr),
        cmocka_unit_test(shorter_than_header_is_dropped),
        cmocka_unit_test(replies_are_dropped),
        cmocka_unit_test(other_opcodes_are_notimp),
        cmocka_unit_test(no_question_is_formerr),
        cmocka_unit_test(only_additional_records_may_come_without_a_question),
        cmocka_unit_test(later_edns_version_without_a_question_is_badvers),
        cmocka_unit_test(two_questions_are_formerr),
        cmocka_unit_test(answer_or_authority_is_formerr_with_question),
        cmocka_unit_test(octets_left_over_are_formerr),
        cmocka_unit_test(opt_is_read),
        cmocka_unit_test(udp_size_has_bounds),
        cmocka_unit_test(options_are_skipped),
        cmocka_unit_test(broken_options_are_formerr),
        cmocka_unit_test(two_opts_are_formerr),
        cmocka_unit_test(opt_below_the_root_is_formerr),
        cmocka_unit_test(later_edns_version_is_badvers),
        cmocka_unit_test(other_additional_records_are_skipped),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_octet_may_be_anything),
        cmocka_unit_test(edns_is_written),
        cmocka_unit_test(a_last_tsig_record_makes_it_signed),
        cmocka_unit_test(types_and_rcodes_have_names),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
