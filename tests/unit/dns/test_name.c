#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/name.h"

static struct d1_name name_of(const char *text) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(text, &name), D1_OK);
    return name;
}

static void text_becomes_folded_wire(void **state) {
    (void)state;
    struct d1_name name = name_of("_ACME-challenge.Example.TEST");
    assert_int_equal(name.length, 30);
    assert_memory_equal(name.octets, "\17_acme-challenge\7example\4test", 30);
}

static void final_dot_makes_no_difference(void **state) {
    (void)state;
    struct d1_name with = name_of("a.b.");
    struct d1_name without = name_of("a.b");
    assert_true(d1_name_equal(&with, &without));
}

static void root_is_one_octet(void **state) {
    (void)state;
    struct d1_name root = name_of(".");
    char text[D1_NAME_TEXT_MAX];
    assert_int_equal(root.length, 1);
    assert_int_equal(root.octets[0], 0);
    assert_int_equal(d1_name_to_text(&root, text), 1);
    assert_string_equal(text, ".");
}

static void escapes_go_both_ways(void **state) {
    (void)state;
    char text[D1_NAME_TEXT_MAX];
    struct d1_name name = name_of("a\\.b\\032\\\\.\\255");
    assert_memory_equal(name.octets, "\5a.b \\\1\377\0", 9);
    assert_int_equal(d1_name_to_text(&name, text), strlen("a\\.b\\032\\\\.\\255"));
    assert_string_equal(text, "a\\.b\\032\\\\.\\255");
}

static void octets_with_a_meaning_are_escaped(void **state) {
    (void)state;
    static const char special[] = ".\\\";()@$";
    struct d1_name name = {.length = sizeof(special) + 1, .octets = {sizeof(special) - 1}};
    memcpy(name.octets + 1, special, sizeof(special)); /* Its NUL is the root. */
    char text[D1_NAME_TEXT_MAX];
    assert_int_equal(d1_name_to_text(&name, text), 2 * strlen(special));
    assert_string_equal(text, "\\.\\\\\\\"\\;\\(\\)\\@\\$");
    struct d1_name again = name_of(text);
    assert_true(d1_name_equal(&again, &name));
}

static void malformed_texts_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",      "..",     ".a",     "a..b",  "a\\",
                                      "a\\25", "a\\256", "a\\1x2", "a\\12x"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        struct d1_name name;
        assert_int_equal(d1_name_from_text(bad[i], &name), D1_ENAME);
    }
}

static void label_of_63_is_the_longest(void **state) {
    (void)state;
    char text[65];
    struct d1_name name;
    memset(text, 'a', sizeof(text));
    assert_int_equal(d1_name_parse(text, 63, &name), D1_OK);
    assert_int_equal(name.length, 65);
    assert_int_equal(d1_name_parse(text, 64, &name), D1_ENAME);
}

static void name_of_255_octets_is_the_longest(void **state) {
    (void)state;
    char text[260];
    struct d1_name name;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? 'a' : '.';
    }
    assert_int_equal(d1_name_parse(text, 253, &name), D1_OK); /* 127 labels of one octet. */
    assert_int_equal(name.length, 255);
    assert_int_equal(d1_name_labels(&name), 127);
    assert_int_equal(d1_name_parse(text, 255, &name), D1_ENAME);
}

static void wire_is_read_and_folded(void **state) {
    (void)state;
    struct d1_reader reader = d1_reader_over("\1A\2Bc\0rest", 10);
    struct d1_name name;
    struct d1_name wanted = name_of("a.bc");
    assert_int_equal(d1_name_read(&reader, &name), D1_OK);
    assert_true(d1_name_equal(&name, &wanted));
    assert_int_equal(d1_reader_left(&reader), 4);
}

static void cut_or_compressed_wire_is_refused(void **state) {
    (void)state;
    static const uint8_t wire[] = "\3abc\2de";
    for (size_t length = 0; length < sizeof(wire) - 1; length++) {
        uint8_t *exact = d1_memdup(wire, length);
        struct d1_reader reader = d1_reader_over(exact, length);
        struct d1_name name;
        assert_int_equal(d1_name_read(&reader, &name), D1_EPARSE);
        d1_free(exact);
    }
    struct d1_reader reader = d1_reader_over("\300\14", 2);
    struct d1_name name;
    assert_int_equal(d1_name_read(&reader, &name), D1_EPARSE);
}

static void under_means_at_or_below(void **state) {
    (void)state;
    struct d1_name zone = name_of("example.test");
    struct d1_name below = name_of("a.example.test");
    struct d1_name near = name_of("xexample.test");
    struct d1_name root = name_of(".");
    assert_true(d1_name_is_under(&zone, &zone));
    assert_true(d1_name_is_under(&below, &zone));
    assert_false(d1_name_is_under(&zone, &below));
    assert_false(d1_name_is_under(&near, &zone));
    assert_true(d1_name_is_under(&near, &root));
}

/* The octets of "\7example" may also stand inside a label: "x\7example" as one label of 9. */
static void under_looks_at_label_borders(void **state) {
    (void)state;
    struct d1_name zone = name_of("example");
    struct d1_name name = name_of("x\\007example");
    assert_int_equal(name.octets[0], 9);
    assert_false(d1_name_is_under(&name, &zone));
}

static void parent_drops_one_label(void **state) {
    (void)state;
    struct d1_name name = name_of("a.b");
    struct d1_name wanted = name_of("b");
    assert_true(d1_name_parent(&name, &name));
    assert_true(d1_name_equal(&name, &wanted));
    assert_true(d1_name_parent(&name, &name));
    assert_false(d1_name_parent(&name, &name));
}

/* 254 octets: three labels of 63, one of 60, the root. */
static struct d1_name name_of_254(void) {
    char text[256];
    memset(text, 'a', sizeof(text));
    text[63] = text[127] = text[191] = '.';
    text[252] = '\0';
    return name_of(text);
}

static void no_name_of_more_than_255_octets(void **state) {
    (void)state;
    struct d1_name name = name_of_254();
    assert_int_equal(name.length, 254);
    struct d1_name longer;
    assert_int_equal(d1_name_prepend("a", 1, &name, &longer), D1_ENAME);
    char label[D1_LABEL_OCTETS_MAX + 1] = {0};
    struct d1_name root = name_of(".");
    assert_int_equal(d1_name_prepend(label, sizeof(label), &root, &longer), D1_ENAME);
    /* With one more octet it is full; then neither a dot nor the root label has room. */
    char text[D1_NAME_TEXT_MAX];
    size_t length = d1_name_to_text(&name, text);
    memcpy(text + length, "bb", 3);
    assert_int_equal(d1_name_from_text(text, &longer), D1_ENAME);
    memcpy(text + length, "bb.", 4);
    assert_int_equal(d1_name_from_text(text, &longer), D1_ENAME);
    memcpy(text + length, "b.", 3);
    assert_int_equal(d1_name_from_text(text, &longer), D1_OK);
}

/* As it stands in rdata: uncompressed. */
static void no_name_of_more_than_255_octets_is_read(void **state) {
    (void)state;
    struct d1_name read = name_of("before");
    struct d1_name name = name_of_254();
    uint8_t octets[300];
    memcpy(octets, name.octets, name.length);
    memcpy(octets + 253, "\0", 1);
    struct d1_reader reader = d1_reader_over(octets, 254);
    assert_int_equal(d1_name_read(&reader, &read), D1_OK);
    assert_true(d1_name_equal(&read, &name));
    memcpy(octets + 253, "\2bb", 4); /* 257 with its root. */
    reader = d1_reader_over(octets, 257);
    assert_int_equal(d1_name_read(&reader, &read), D1_EPARSE);
    assert_true(d1_name_equal(&read, &name));
    octets[0] = D1_LABEL_OCTETS_MAX + 1;
    reader = d1_reader_over(octets, 257);
    assert_int_equal(d1_name_read(&reader, &read), D1_EPARSE);
}

static void prepend_adds_one_label(void **state) {
    (void)state;
    struct d1_name zone = name_of("example.test");
    struct d1_name name;
    struct d1_name wanted = name_of("_acme-challenge.example.test");
    assert_int_equal(d1_name_prepend("_ACME-challenge", 15, &zone, &name), D1_OK);
    assert_true(d1_name_equal(&name, &wanted));
    assert_int_equal(d1_name_prepend("", 0, &zone, &name), D1_ENAME);
    assert_true(d1_name_first_label_is(&wanted, "_acme-challenge"));
    assert_false(d1_name_first_label_is(&wanted, "_acme"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_folded_wire),
        cmocka_unit_test(final_dot_makes_no_difference),
        cmocka_unit_test(root_is_one_octet),
        cmocka_unit_test(escapes_go_both_ways),
        cmocka_unit_test(octets_with_a_meaning_are_escaped),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(label_of_63_is_the_longest),
        cmocka_unit_test(name_of_255_octets_is_the_longest),
        cmocka_unit_test(wire_is_read_and_folded),
        cmocka_unit_test(cut_or_compressed_wire_is_refused),
        cmocka_unit_test(under_means_at_or_below),
        cmocka_unit_test(under_looks_at_label_borders),
        cmocka_unit_test(parent_drops_one_label),
        cmocka_unit_test(prepend_adds_one_label),
        cmocka_unit_test(no_name_of_more_than_255_octets),
        cmocka_unit_test(no_name_of_more_than_255_octets_is_read),
    };
    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
