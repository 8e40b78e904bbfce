#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/rr.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* Read the name that stands at `at`, from an allocation of exactly the size. */
static int read_at(const uint8_t *bytes, size_t length, size_t at, struct d1_name *name,
                   size_t *ret_end) {
    uint8_t *exact = d1_memdup(bytes, length);
    assert_non_null(exact);
    struct d1_reader reader = d1_reader_over(exact, length);
    reader.at += at;
    int err = d1_rr_read_name(&reader, name);
    *ret_end = d1_reader_offset(&reader);
    d1_free(exact);
    return err;
}

static void assert_reads(const uint8_t *bytes, size_t length, size_t at, const char *text,
                         size_t end) {
    struct d1_name name;
    struct d1_name wanted;
    size_t behind = 0;
    assert_int_equal(d1_name_from_text(text, &wanted), D1_OK);
    assert_int_equal(read_at(bytes, length, at, &name, &behind), D1_OK);
    assert_true(d1_name_equal(&name, &wanted));
    assert_int_equal(behind, end);
}

static void assert_refused(const uint8_t *bytes, size_t length, size_t at) {
    struct d1_name name;
    size_t behind = 0;
    assert_int_equal(read_at(bytes, length, at, &name, &behind), D1_EPARSE);
}

static void plain_names_are_read_and_folded(void **state) {
    (void)state;
    assert_reads(BYTES("\3WwW\4TEST\0"), 0, "www.test", 10);
    assert_reads(BYTES("\0"), 0, ".", 1);
}

static void pointers_are_followed(void **state) {
    (void)state;
    assert_reads(BYTES("\4test\0\3www\xc0\0"), 6, "www.test", 12);
    assert_reads(BYTES("\4test\0\3www\xc0\0\1a\xc0\6\xff"), 12, "a.www.test", 16);
    assert_reads(BYTES("\4test\0\xc0\0"), 6, "test", 8);
}

static void pointers_lead_backwards_only(void **state) {
    (void)state;
    assert_refused(BYTES("\xc0\0"), 0);
    assert_refused(BYTES("\1a\xc0\0"), 0);
    assert_refused(BYTES("\xc0\2\1a\0"), 0);
    assert_refused(BYTES("\xc0\2\xc0\0"), 2);
    assert_refused(BYTES("\1a\xc0\4\1b\xc0\0"), 4);
}

static void a_chain_of_pointers_has_an_end(void **state) {
    (void)state;
    uint8_t chain[2 * 200 + 1] = {0};
    for (unsigned i = 0; i < 200; i++) {
        d1_store_u16(chain + 1 + 2 * i, (uint16_t)(0xc000 | (i == 0 ? 0 : 2 * i - 1)));
    }
    struct d1_name name;
    size_t end = 0;
    assert_int_equal(read_at(chain, sizeof(chain), 1 + 2 * 126, &name, &end), D1_OK);
    assert_int_equal(read_at(chain, sizeof(chain), 1 + 2 * 127, &name, &end), D1_EPARSE);
}

static void other_label_types_and_long_names_are_refused(void **state) {
    (void)state;
    uint8_t message[300];
    assert_refused(BYTES("\x40\0"), 0);
    assert_refused(BYTES("\x80\0"), 0);
    for (unsigned i = 0; i < 256; i += 2) {
        message[i] = 1;
        message[i + 1] = 'a';
    }
    message[254] = 0;
    struct d1_name name;
    size_t end = 0;
    assert_int_equal(read_at(message, 255, 0, &name, &end), D1_OK);
    assert_int_equal(name.length, 255);
    message[254] = 1;
    message[256] = 0;
    assert_refused(message, 257, 0);
}

static void every_truncation_of_a_record_is_refused(void **state) {
    (void)state;
    static const char record[] = "\4test\0\1a\xc0\0\0\20\0\1\0\0\1\54\0\3\2hi";
    for (size_t length = 6; length < sizeof(record); length++) {
        uint8_t *exact = d1_memdup(record, length);
        assert_non_null(exact);
        struct d1_reader reader = d1_reader_over(exact, length);
        struct d1_rr rr;
        reader.at += 6;
        int err = d1_rr_read(&reader, &rr);
        assert_int_equal(err, length == sizeof(record) - 1 ? D1_OK : D1_EPARSE);
        if (err == D1_OK) {
            assert_int_equal(rr.at, 6);
            assert_int_equal(rr.type, 16);
            assert_int_equal(rr.class, 1);
            assert_int_equal(rr.ttl, 300);
            assert_int_equal(rr.rdata_length, 3);
            assert_memory_equal(rr.rdata, "\2hi", 3);
        }
        d1_free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_are_read_and_folded),
        cmocka_unit_test(pointers_are_followed),
        cmocka_unit_test(pointers_lead_backwards_only),
        cmocka_unit_test(a_chain_of_pointers_has_an_end),
        cmocka_unit_test(other_label_types_and_long_names_are_refused),
        cmocka_unit_test(every_truncation_of_a_record_is_refused),
    };
    return cmocka_run_group_tests_name("rr", tests, NULL, NULL);
}
