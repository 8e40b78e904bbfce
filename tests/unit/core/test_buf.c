#include "core/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

static void reader_reads_big_endian(void **state) {
    (void)state;
    const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7};
    struct d1_reader reader = d1_reader_over(octets, sizeof(octets));
    assert_int_equal(d1_read_u8(&reader), 1);
    assert_int_equal(d1_read_u16(&reader), 0x0203);
    assert_int_equal(d1_read_u32(&reader), 0x04050607);
    assert_int_equal(d1_reader_left(&reader), 0);
    assert_int_equal(d1_reader_offset(&reader), 7);
    assert_false(reader.failed);
}

static void reader_fails_at_the_end_and_stays_failed(void **state) {
    (void)state;
    const uint8_t octets[] = {1, 2, 3};
    struct d1_reader reader = d1_reader_over(octets, sizeof(octets));
    assert_int_equal(d1_read_u32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(d1_reader_offset(&reader), 0);
    assert_int_equal(d1_read_u8(&reader), 0);
    assert_null(d1_read_bytes(&reader, 0));
}

static void writer_writes_big_endian(void **state) {
    (void)state;
    uint8_t octets[9];
    struct d1_writer writer = d1_writer_over(octets, sizeof(octets));
    d1_write_u8(&writer, 1);
    d1_write_u16(&writer, 0x0203);
    d1_write_u32(&writer, 0x04050607);
    d1_write_bytes(&writer, "ab", 2);
    assert_false(writer.failed);
    assert_int_equal(d1_writer_length(&writer), 9);
    assert_int_equal(d1_writer_left(&writer), 0);
    assert_memory_equal(octets, "\1\2\3\4\5\6\7ab", 9);
}

static void writer_never_writes_half(void **state) {
    (void)state;
    uint8_t octets[] = {9, 9, 9};
    struct d1_writer writer = d1_writer_over(octets, sizeof(octets));
    d1_write_u32(&writer, 0x01020304);
    assert_true(writer.failed);
    assert_memory_equal(octets, "\x09\x09\x09", 3);
    d1_write_u8(&writer, 1);
    assert_int_equal(d1_writer_length(&writer), 0);
}

static void bytes_grow_to_their_maximum(void **state) {
    (void)state;
    struct d1_bytes bytes;
    d1_bytes_init(&bytes, 300);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(d1_bytes_add(&bytes, "x", 1), D1_OK);
    }
    assert_int_equal(d1_bytes_add(&bytes, "x", 1), D1_ETOOLARGE);
    assert_int_equal(bytes.length, 300);
    assert_true(bytes.failed);
    assert_int_equal(strlen(d1_bytes_text(&bytes)), 300);
    d1_bytes_close(&bytes);
}

static void bytes_print_and_drop(void **state) {
    (void)state;
    struct d1_bytes bytes;
    d1_bytes_init(&bytes, 64);
    assert_int_equal(d1_bytes_printf(&bytes, "%d-%s", 12, "ab"), D1_OK);
    assert_int_equal(d1_bytes_add_text(&bytes, "!"), D1_OK);
    assert_string_equal(d1_bytes_text(&bytes), "12-ab!");
    d1_bytes_drop(&bytes, 3);
    assert_string_equal(d1_bytes_text(&bytes), "ab!");
    d1_bytes_drop(&bytes, 99);
    assert_string_equal(d1_bytes_text(&bytes), "");
    d1_bytes_close(&bytes);
}

static void bytes_text_of_nothing_is_empty(void **state) {
    (void)state;
    struct d1_bytes bytes;
    d1_bytes_init(&bytes, 8);
    assert_string_equal(d1_bytes_text(&bytes), "");
    d1_bytes_close(&bytes);
}

static void bytes_survive_no_memory(void **state) {
    (void)state;
    struct d1_bytes bytes;
    d1_bytes_init(&bytes, 1000);
    d1_mem_fault_arm(0, 0);
    assert_int_equal(d1_bytes_add(&bytes, "abc", 3), -ENOMEM);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_true(bytes.failed);
    d1_bytes_clear(&bytes);
    assert_int_equal(d1_bytes_add(&bytes, "abc", 3), D1_OK);
    assert_string_equal(d1_bytes_text(&bytes), "abc");
    d1_bytes_close(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_reads_big_endian),
        cmocka_unit_test(reader_fails_at_the_end_and_stays_failed),
        cmocka_unit_test(writer_writes_big_endian),
        cmocka_unit_test(writer_never_writes_half),
        cmocka_unit_test(bytes_grow_to_their_maximum),
        cmocka_unit_test(bytes_print_and_drop),
        cmocka_unit_test(bytes_text_of_nothing_is_empty),
        cmocka_unit_test(bytes_survive_no_memory),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
