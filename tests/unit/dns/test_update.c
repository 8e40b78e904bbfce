#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/update.h"
#include "tests/unit/dns/tsig_vectors.h"

#define ZONE_OCTETS "\4test\0\0\6\0\1"
#define OPT         "\0\0\51\4\320\0\0\200\0\0\0"
#define TXT         "\1a\xc0\14\0\20\0\1\0\0\0\74\0\3\2hi"
#define TSIG        "\3key\0\0\372\0\377\0\0\0\0\0\0"

/* Header with these counts and what follows; parsed in an allocation of exactly the size. */
static enum d1_rcode parse(const unsigned counts[4], const char *rest, size_t length,
                           struct d1_update *update) {
    uint8_t *exact = d1_malloc(D1_DNS_HEADER_BYTES + length);
    assert_non_null(exact);
    memcpy(exact, "\x12\x34\x28\0", 4);
    for (size_t i = 0; i < 4; i++) {
        d1_store_u16(exact + 4 + 2 * i, (uint16_t)counts[i]);
    }
    memcpy(exact + D1_DNS_HEADER_BYTES, rest, length);
    enum d1_rcode rcode = d1_update_parse(exact, D1_DNS_HEADER_BYTES + length, update);
    d1_free(exact);
    return rcode;
}

static void sections_are_checked(void **state) {
    (void)state;
    static const struct {
        unsigned counts[4];
        const char *rest;
        size_t length;
        enum d1_rcode wanted;
    } rows[] = {
#define ROW(z, p, u, a, rest, wanted) {{z, p, u, a}, rest, sizeof(rest) - 1, wanted}
        ROW(1, 0, 0, 0, ZONE_OCTETS, D1_RCODE_NOERROR),
        ROW(1, 0, 1, 0, ZONE_OCTETS TXT, D1_RCODE_NOERROR),
        ROW(1, 1, 1, 1, ZONE_OCTETS TXT TXT TXT, D1_RCODE_NOERROR),
        ROW(1, 0, 1, 1, ZONE_OCTETS TXT OPT, D1_RCODE_NOERROR),
        ROW(1, 0, 1, 2, ZONE_OCTETS TXT OPT TSIG, D1_RCODE_NOERROR),
        ROW(0, 0, 0, 0, "", D1_RCODE_FORMERR),
        ROW(2, 0, 0, 0, ZONE_OCTETS ZONE_OCTETS, D1_RCODE_FORMERR),
        ROW(1, 0, 0, 0, "\4test\0\0\20\0\1", D1_RCODE_FORMERR), /* TXT, not SOA. */
        ROW(1, 0, 0, 0, "\xc0\0\0\6\0\1", D1_RCODE_FORMERR),
        ROW(1, 0, 1, 0, ZONE_OCTETS, D1_RCODE_FORMERR),
        ROW(1, 0, 0, 0, ZONE_OCTETS TXT, D1_RCODE_FORMERR), /* Left over. */
        ROW(1, 0, 0, 2, ZONE_OCTETS OPT OPT, D1_RCODE_FORMERR),
        ROW(1, 0, 0, 1, ZONE_OCTETS "\1a" OPT, D1_RCODE_FORMERR), /* OPT below the root. */
        ROW(1, 0, 0, 2, ZONE_OCTETS TSIG OPT, D1_RCODE_FORMERR),
        ROW(1, 0, 0, 2, ZONE_OCTETS TSIG TSIG, D1_RCODE_FORMERR),
        ROW(1, 0, 0, 1, ZONE_OCTETS "\0\0\51\4\320\0\1\0\0\0\0", D1_RCODE_BADVERS),
#undef ROW
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        struct d1_update update;
        assert_int_equal(parse(rows[i].counts, rows[i].rest, rows[i].length, &update),
                         rows[i].wanted);
    }
}

static void edns_and_tsig_are_noted(void **state) {
    (void)state;
    struct d1_update update;
    static const char rest[] = ZONE_OCTETS OPT TSIG;
    assert_int_equal(parse((const unsigned[]){1, 0, 0, 2}, rest, sizeof(rest) - 1, &update),
                     D1_RCODE_NOERROR);
    assert_true(update.edns);
    assert_true(update.dnssec_ok);
    assert_true(update.tsig);
    assert_int_equal(update.zone_end, 12 + 10);
    assert_int_equal(update.zone_class, D1_CLASS_IN);
    assert_int_equal(parse((const unsigned[]){1, 0, 0, 0}, ZONE_OCTETS, 10, &update),
                     D1_RCODE_NOERROR);
    assert_false(update.edns);
    assert_false(update.tsig);
}

static void more_records_than_the_limit_are_refused(void **state) {
    (void)state;
    char *rest = d1_malloc(10 + (D1_UPDATE_RECORDS_MAX + 1) * (sizeof(TXT) - 1));
    struct d1_update update;
    size_t length = 10;
    assert_non_null(rest);
    memcpy(rest, ZONE_OCTETS, 10);
    for (unsigned i = 0; i <= D1_UPDATE_RECORDS_MAX; i++) {
        memcpy(rest + length, TXT, sizeof(TXT) - 1);
        length += sizeof(TXT) - 1;
    }
    const unsigned most[] = {1, 0, D1_UPDATE_RECORDS_MAX, 0};
    const unsigned too_many[] = {1, 1, D1_UPDATE_RECORDS_MAX, 0};
    assert_int_equal(parse(most, rest, length - (sizeof(TXT) - 1), &update), D1_RCODE_NOERROR);
    assert_int_equal(parse(too_many, rest, length, &update), D1_RCODE_REFUSED);
    d1_free(rest);
}

static void every_truncation_is_formerr(void **state) {
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        for (size_t length = 0; length < vectors[i].length; length++) {
            struct d1_update update;
            uint8_t *exact = d1_memdup(vectors[i].octets, length > 0 ? length : 1);
            assert_non_null(exact);
            assert_int_equal(d1_update_parse(exact, length, &update), D1_RCODE_FORMERR);
            d1_free(exact);
        }
    }
}

static void assert_name(const struct d1_rr *rr, const char *text) {
    struct d1_name wanted;
    assert_int_equal(d1_name_from_text(text, &wanted), D1_OK);
    assert_true(d1_name_equal(&rr->name, &wanted));
}

/* What dnspython wrote: see the header of the vectors' file. */
static void sections_are_walked(void **state) {
    (void)state;
    struct d1_update update;
    struct d1_rr rr;
    const struct vector *vector = &vectors[3];
    const uint8_t *message = (const uint8_t *)vector->octets;
    assert_int_equal(d1_update_parse(message, vector->length, &update), D1_RCODE_NOERROR);
    assert_true(update.tsig);
    struct d1_update_cursor cursor = d1_update_prerequisites(&update);
    assert_true(d1_update_next(&cursor, &rr));
    assert_name(&rr, "x.auth.example.test.auth.example.test");
    assert_int_equal(rr.class, D1_CLASS_ANY);
    assert_int_equal(rr.type, D1_TYPE_ANY);
    assert_true(d1_update_next(&cursor, &rr));
    assert_name(&rr, "y.auth.example.test.auth.example.test");
    assert_int_equal(rr.class, D1_CLASS_NONE);
    assert_int_equal(rr.type, D1_TYPE_TXT);
    assert_false(d1_update_next(&cursor, &rr));
    cursor = d1_update_changes(&update);
    assert_true(d1_update_next(&cursor, &rr));
    assert_name(&rr, "_acme-challenge.auth.example.test");
    assert_int_equal(rr.class, D1_CLASS_ANY);
    assert_true(d1_update_next(&cursor, &rr));
    assert_int_equal(rr.class, D1_CLASS_IN);
    assert_int_equal(rr.ttl, 120);
    assert_memory_equal(rr.rdata, "\5value", 6);
    assert_false(d1_update_next(&cursor, &rr));
}

static void a_walk_ends_where_the_message_does(void **state) {
    (void)state;
    static const uint8_t message[] = "\x12\x34\x28\0\0\1\0\0\0\1\0\0" ZONE_OCTETS TXT;
    struct d1_update update;
    struct d1_rr rr;
    assert_int_equal(d1_update_parse(message, sizeof(message) - 1, &update), D1_RCODE_NOERROR);
    update.changes = 3; /* More than there are. */
    struct d1_update_cursor cursor = d1_update_changes(&update);
    assert_true(d1_update_next(&cursor, &rr));
    assert_name(&rr, "a.test");
    assert_false(d1_update_next(&cursor, &rr));
    assert_int_equal(cursor.left, 2);
}

static void types_that_ask_are_not_in_a_zone(void **state) {
    (void)state;
    static const struct {
        uint16_t type;
        enum d1_rcode wanted;
    } rows[] = {
        {0, D1_RCODE_FORMERR},   {1, D1_RCODE_NOERROR},   {41, D1_RCODE_FORMERR},
        {127, D1_RCODE_NOERROR}, {128, D1_RCODE_FORMERR}, {254, D1_RCODE_FORMERR},
        {256, D1_RCODE_NOERROR}, {257, D1_RCODE_NOERROR}, {65535, D1_RCODE_NOERROR},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        const struct d1_rr rr = {.class = D1_CLASS_IN, .type = rows[i].type};
        assert_int_equal(d1_update_check_change(&rr), rows[i].wanted);
        assert_int_equal(d1_update_check_prerequisite(&rr), rows[i].wanted);
    }
}

static void form_of_prerequisites(void **state) {
    (void)state;
    static const struct {
        struct d1_rr rr;
        enum d1_rcode wanted;
    } rows[] = {
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_ANY}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_ANY}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_TXT}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_TXT, .rdata_length = 3}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_TXT}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_ANY}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT, .ttl = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_TXT, .ttl = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_TXT, .ttl = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT, .rdata_length = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_TXT, .rdata_length = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_AXFR}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_MAILB}, D1_RCODE_FORMERR},
        {{.class = 3, .type = D1_TYPE_TXT}, D1_RCODE_FORMERR},
        {{.class = 0, .type = D1_TYPE_TXT}, D1_RCODE_FORMERR},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(d1_update_check_prerequisite(&rows[i].rr), rows[i].wanted);
    }
}

static void form_of_changes(void **state) {
    (void)state;
    static const struct {
        struct d1_rr rr;
        enum d1_rcode wanted;
    } rows[] = {
        {{.class = D1_CLASS_IN, .type = D1_TYPE_TXT, .ttl = 120}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_A, .ttl = 0}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_ANY}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_AXFR}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_MAILA}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_TSIG}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_ANY}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_IXFR}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT, .ttl = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_ANY, .type = D1_TYPE_TXT, .rdata_length = 3}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_TXT, .rdata_length = 3}, D1_RCODE_NOERROR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_TXT, .ttl = 1}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_NONE, .type = D1_TYPE_ANY}, D1_RCODE_FORMERR},
        {{.class = 3, .type = D1_TYPE_TXT}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = 0}, D1_RCODE_FORMERR},
        {{.class = D1_CLASS_IN, .type = D1_TYPE_OPT}, D1_RCODE_FORMERR},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(d1_update_check_change(&rows[i].rr), rows[i].wanted);
    }
}

static void txt_is_one_string(void **state) {
    (void)state;
    static const struct {
        const char *rdata;
        uint16_t length;
        int wanted;
    } rows[] = {
        {"\2hi", 3, D1_OK},        {"\2hi\1x", 5, D1_ENOTFOUND}, {"\0", 1, D1_ENOTFOUND},
        {"", 0, D1_EPARSE},        {"\3hi", 3, D1_EPARSE},       {"\2hix", 4, D1_EPARSE},
        {"\0\0", 2, D1_ENOTFOUND},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        const struct d1_rr rr = {.rdata = (const uint8_t *)rows[i].rdata,
                                 .rdata_length = rows[i].length};
        const uint8_t *octets = NULL;
        uint8_t length = 0;
        assert_int_equal(d1_update_txt(&rr, &octets, &length), rows[i].wanted);
        if (rows[i].wanted == D1_OK) {
            assert_int_equal(length, 2);
            assert_memory_equal(octets, "hi", 2);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_checked),
        cmocka_unit_test(edns_and_tsig_are_noted),
        cmocka_unit_test(more_records_than_the_limit_are_refused),
        cmocka_unit_test(every_truncation_is_formerr),
        cmocka_unit_test(sections_are_walked),
        cmocka_unit_test(a_walk_ends_where_the_message_does),
        cmocka_unit_test(types_that_ask_are_not_in_a_zone),
        cmocka_unit_test(form_of_prerequisites),
        cmocka_unit_test(form_of_changes),
        cmocka_unit_test(txt_is_one_string),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
