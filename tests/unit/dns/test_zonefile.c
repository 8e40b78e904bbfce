#include <errno.h>
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
#include "dns/zonefile.h"

#define RECORDS_MAX 16

/* The records a reading gave. */
struct seen {
    size_t count;
    int answer; /* What the callback returns. */
    struct d1_zone_record record[RECORDS_MAX];
    uint8_t rdata[RECORDS_MAX][256];
};

static int keep(const struct d1_zone_record *record, void *arg) {
    struct seen *seen = arg;
    assert_true(seen->count < RECORDS_MAX);
    assert_true(record->rdata_length <= sizeof(seen->rdata[0]));
    seen->record[seen->count] = *record;
    memcpy(seen->rdata[seen->count], record->rdata, record->rdata_length);
    seen->count++;
    return seen->answer;
}

static int read_line(const char *line, struct seen *seen, struct d1_error *error) {
    struct d1_name origin;
    assert_int_equal(d1_name_from_text("Example.test", &origin), D1_OK);
    *seen = (struct seen){.count = 0};
    return d1_zoneline_read(line, &origin, 3600, keep, seen, error);
}

static int read_text(const char *text, struct seen *seen, struct d1_error *error) {
    struct d1_name origin;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    char *copy = d1_strdup(text);
    FILE *file = fmemopen(copy, strlen(copy), "r");
    assert_non_null(file);
    *seen = (struct seen){.count = 0};
    int err = d1_zonefile_read(file, "zone.db", &origin, 3600, keep, seen, error);
    fclose(file);
    d1_free(copy);
    return err;
}

static void assert_owner(const struct seen *seen, size_t index, const char *text) {
    struct d1_name wanted;
    assert_true(index < seen->count);
    assert_int_equal(d1_name_from_text(text, &wanted), D1_OK);
    assert_true(d1_name_equal(&seen->record[index].owner, &wanted));
}

static void line_is_relative_to_the_origin(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("NS1 A 192.0.2.1", &seen, &error), D1_OK);
    assert_int_equal(seen.count, 1);
    assert_owner(&seen, 0, "ns1.example.test");
    assert_int_equal(seen.record[0].type, D1_TYPE_A);
    assert_int_equal(seen.record[0].class, D1_CLASS_IN);
    assert_int_equal(seen.record[0].ttl, 3600);
    assert_int_equal(seen.record[0].rdata_length, 4);
    assert_memory_equal(seen.rdata[0], "\300\0\2\1", 4);
}

static void line_may_name_ttl_and_class(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("a.other.test. 60 IN TXT \"x y\" z", &seen, &error), D1_OK);
    assert_owner(&seen, 0, "a.other.test");
    assert_int_equal(seen.record[0].ttl, 60);
    assert_memory_equal(seen.rdata[0], "\3x y\1z", 6);
}

static void at_sign_is_the_origin(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("@ CAA 0 issue \"ca.test\"", &seen, &error), D1_OK);
    assert_owner(&seen, 0, "example.test");
    assert_int_equal(seen.record[0].type, D1_TYPE_CAA);
}

static void names_in_rdata_are_whole(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("@ NS ns1", &seen, &error), D1_OK);
    assert_int_equal(seen.record[0].rdata_length, 18);
    assert_memory_equal(seen.rdata[0], "\3ns1\7example\4test", 18);
}

static void unknown_types_are_read(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("u TYPE65280 \\# 3 abcdef", &seen, &error), D1_OK);
    assert_int_equal(seen.record[0].type, 65280);
    assert_int_equal(seen.record[0].rdata_length, 3);
    assert_memory_equal(seen.rdata[0], "\xab\xcd\xef", 3);
}

static void empty_lines_and_comments_give_nothing(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_line("", &seen, &error), D1_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(read_line("  ; only words", &seen, &error), D1_OK);
    assert_int_equal(seen.count, 0);
}

static void malformed_lines_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"a A 192.0.2",          "a A",         "a NOTATYPE x",
                                      "a TXT \"open",         "a SOA x y 1", "$TTL 5",
                                      "a TYPE65280 \\# 3 ab", "a TXT (x",    "a TXT x)",
                                      "a..b A 192.0.2.1"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(bad); i++) {
        struct seen seen;
        struct d1_error error = {.code = 0};
        if (read_line(bad[i], &seen, &error) != D1_EPARSE || error.text[0] == '\0') {
            fail_msg("not refused: %s", bad[i]);
        }
        assert_int_equal(seen.count, 0);
    }
}

static void what_the_callback_returns_is_returned(void **state) {
    (void)state;
    struct d1_name origin;
    struct seen seen = {.answer = D1_ELIMIT};
    struct d1_error error;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    assert_int_equal(d1_zoneline_read("a A 192.0.2.1", &origin, 1, keep, &seen, &error), D1_ELIMIT);
    assert_int_equal(seen.count, 1);
}

static void file_is_read_with_its_directives(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    const char *text = "; words\n$TTL 60\n@ SOA ns1 host (\n  1 2 3\n  4 5 )\n\n  NS ns1\n"
                       "$ORIGIN sub.example.test.\na 5 TXT \"v\"\nlast A 192.0.2.1";
    assert_int_equal(read_text(text, &seen, &error), D1_OK);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.record[0].type, D1_TYPE_SOA);
    assert_int_equal(seen.record[0].ttl, 60);
    assert_int_equal(seen.record[0].line, 3);
    assert_owner(&seen, 1, "example.test");
    assert_int_equal(seen.record[1].type, D1_TYPE_NS);
    assert_owner(&seen, 2, "a.sub.example.test");
    assert_int_equal(seen.record[2].ttl, 5);
    assert_owner(&seen, 3, "last.sub.example.test");
    assert_int_equal(seen.record[3].line, 10);
}

static void faults_name_file_line_and_reason(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_text("a A 192.0.2.1\n\nb A 192.0.2\nc A 192.0.2.3\n", &seen, &error),
                     D1_EPARSE);
    assert_int_equal(seen.count, 1);
    assert_int_equal(strncmp(error.text, "zone.db:3: ", 11), 0);
    assert_true(strlen(error.text) > 11);
}

static void include_and_generate_are_refused(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_text("a A 192.0.2.1\n$INCLUDE more.db\n", &seen, &error), D1_EPARSE);
    assert_string_equal(error.text,
                        "zone.db:2: $INCLUDE is not supported: write it all in one file");
    assert_int_equal(read_text("; x\n$GENERATE 1-3 a$ A 192.0.2.$\n", &seen, &error), D1_EPARSE);
    assert_string_equal(error.text, "zone.db:2: $GENERATE is not supported: write the records out");
}

static void origin_may_be_relative(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_text("$ORIGIN b\n$ORIGIN a ; words\nx A 192.0.2.1\n", &seen, &error),
                     D1_OK);
    assert_owner(&seen, 0, "x.a.b.example.test");
    assert_int_equal(read_text("$ORIGIN\n", &seen, &error), D1_EPARSE);
    assert_int_equal(read_text("$TTL x\n", &seen, &error), D1_EPARSE);
}

static void quoted_marks_are_text(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    const char *text = "a TXT \"(;\\\"\" ; ( words\nb\\(\\; TXT (x ; )\n \"y z\")\r\n";
    assert_int_equal(read_text(text, &seen, &error), D1_OK);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(seen.rdata[0], "\3(;\"", 4);
    assert_owner(&seen, 1, "b\\(\\;.example.test");
    assert_memory_equal(seen.rdata[1], "\1x\3y z", 6);
    assert_int_equal(read_text("a TXT (x\n", &seen, &error), D1_EPARSE);
    assert_string_equal(error.text, "zone.db:1: a parenthesis is not closed");
}

static void callback_errors_end_the_file(void **state) {
    (void)state;
    struct d1_name origin;
    struct seen seen = {.answer = D1_ECONFIG};
    struct d1_error error = {.text = "no"};
    char text[] = "a A 192.0.2.1\nb A 192.0.2.1\n";
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    assert_int_equal(d1_zonefile_read(file, "z", &origin, 1, keep, &seen, &error), D1_ECONFIG);
    fclose(file);
    assert_int_equal(seen.count, 1);
    assert_string_equal(error.text, "z:1: no");
}

static void very_long_text_is_refused_or_read_whole(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    char *text = d1_malloc(70000);
    memset(text, 'x', 70000);
    memcpy(text, "a TXT ", 6);
    text[69999] = '\0';
    assert_int_equal(read_text(text, &seen, &error), D1_EPARSE);
    assert_int_equal(read_line(text, &seen, &error), D1_EPARSE);
    assert_int_equal(seen.count, 0);
    d1_free(text);
}

static void plain_and_other_lines_share_what_holds(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    const char *text = "a A 192.0.2.1\n"            /* 1: plain */
                       " TXT (x\n y )\n"            /* 2: joined, owner from a plain line */
                       " AAAA ::1\n"                /* 4: plain, owner from a joined one */
                       "$ORIGIN sub\n"              /* 5 */
                       " TXT same\n"                /* 6: still a */
                       "b IN 9 TXT \"\\065\"\n"     /* 7: ldns */
                       "c A 192.0.2.2\n"            /* 8 */
                       "$TTL 0\n"                   /* 9 */
                       " CNAME @\n"                 /* 10 */
                       "@ TYPE65280 \\# 1 aa\n"     /* 11 */
                       " A 192.0.2.3 ; the apex\n"; /* 12 */
    static const struct {
        const char *owner;
        uint32_t line;
        uint32_t ttl;
    } wanted[] = {{"a.example.test", 1, 3600},   {"a.example.test", 2, 3600},
                  {"a.example.test", 4, 3600},   {"a.example.test", 6, 3600},
                  {"b.sub.example.test", 7, 9},  {"c.sub.example.test", 8, 3600},
                  {"c.sub.example.test", 10, 0}, {"sub.example.test", 11, 0},
                  {"sub.example.test", 12, 0}};
    assert_int_equal(read_text(text, &seen, &error), D1_OK);
    assert_int_equal(seen.count, D1_ARRAY_LENGTH(wanted));
    for (size_t i = 0; i < D1_ARRAY_LENGTH(wanted); i++) {
        assert_owner(&seen, i, wanted[i].owner);
        assert_int_equal(seen.record[i].line, wanted[i].line);
        assert_int_equal(seen.record[i].ttl, wanted[i].ttl);
    }
}

static void faults_behind_mixed_lines_name_the_right_one(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *story;
    } trials[] = {
        {"a A 1.2.3.4\n\n; x\nb TXT ( x\n\n y )\nc A 1.2.3\n", "zone.db:7: "},
        {"a A 1.2.3.4\r\nb SOA x y (\r\n1 2\r\n3 4 5 )\r\n$TTL 1x\r\n",
         "zone.db:5: $TTL needs a time of 0 to 4294967295 seconds"},
        {"a A 1.2.3.4\nb TXT ( x\nc A 1.2.3.4\n", "zone.db:2: a parenthesis is not closed"},
        {"a TXT (\n x ))\n", "zone.db:1: a parenthesis is closed that was not opened"},
        {"a A 1.2.3.4\nb TXT \"x", "zone.db:2: a quoted string is not closed"},
        {"a A 1.2.3.4\nb TXT \"x\001\"\n", "zone.db:2: the line holds the control character 0x01"},
        {"a A 1.2.3.4\n; words \013\n", "zone.db:2: the line holds the control character 0x0b"},
        {"a A 1.2.3.4\rb A 1.2.3.4\n", "zone.db:1: the line holds the control character 0x0d"},
        {"\177ELF\002\001\n", "zone.db:1: the line holds the control character 0x02"},
        {"a 4294967296 A 1.2.3.4", "zone.db:1: the TTL is not a time of 0 to 4294967295 seconds"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(trials); i++) {
        struct seen seen;
        struct d1_error error;
        assert_int_equal(read_text(trials[i].text, &seen, &error), D1_EPARSE);
        if (strncmp(error.text, trials[i].story, strlen(trials[i].story)) != 0) {
            fail_msg("%s instead of %s", error.text, trials[i].story);
        }
    }
}

static int read_octets(const void *octets, size_t length, d1_zone_record_fn on_record, void *arg,
                       struct d1_error *error) {
    struct d1_name origin;
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    char *copy = d1_memdup(octets, length);
    FILE *file = fmemopen(copy, length, "r");
    assert_non_null(file);
    int err = d1_zonefile_read(file, "zone.db", &origin, 3600, on_record, arg, error);
    fclose(file);
    d1_free(copy);
    return err;
}

static void a_nul_is_refused(void **state) {
    (void)state;
    static const char inside[] = "a A 1.2.3.4\nb TXT x\0y\nc A 1.2.3.4\n";
    static const char commented[] = "a A 1.2.3.4\n; \0\n";
    struct seen seen = {.count = 0};
    struct d1_error error;
    assert_int_equal(read_octets(inside, sizeof(inside) - 1, keep, &seen, &error), D1_EPARSE);
    assert_string_equal(error.text, "zone.db:2: the line holds the control character 0x00");
    assert_int_equal(seen.count, 1);
    assert_int_equal(read_octets(commented, sizeof(commented) - 1, keep, &seen, &error), D1_EPARSE);
    assert_string_equal(error.text, "zone.db:2: the line holds the control character 0x00");
}

static void crlf_and_a_missing_line_feed_are_taken(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_text("a TXT \"x\"\r\n\r\nb CAA 0 issue \"y\" ; z\r\n"
                               "c CAA 0 issue (\"y\"\r\n)\r\nd A 1.2.3.4\r",
                               &seen, &error),
                     D1_OK);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.record[2].rdata_length, 8);
    assert_int_equal(seen.record[3].line, 6);
}

static void lines_of_a_parenthesis_are_apart(void **state) {
    (void)state;
    struct seen seen;
    struct d1_error error;
    assert_int_equal(read_text("a TXT (x\ny)\n", &seen, &error), D1_OK);
    assert_memory_equal(seen.rdata[0], "\1x\1y", 4);
}

static int check_sequence(const struct d1_zone_record *record, void *arg) {
    uint32_t *count = arg;
    char text[D1_NAME_TEXT_MAX];
    char wanted[64];
    d1_name_to_text(&record->owner, text);
    snprintf(wanted, sizeof(wanted), "n%u.example.test", (unsigned)*count);
    assert_string_equal(text, wanted);
    assert_int_equal(record->line, *count + 1);
    assert_int_equal(record->rdata_length, 1 + 1 + *count % 97);
    ++*count;
    return 0;
}

/* More than is read at once, with lines that end at every place of a piece. */
static void lines_across_pieces_are_whole(void **state) {
    (void)state;
    enum { LINES = 12000 };
    char *text = d1_malloc(LINES * 128);
    size_t length = 0;
    struct d1_error error;
    uint32_t count = 0;
    for (unsigned i = 0; i < LINES; i++) {
        length +=
            (size_t)snprintf(text + length, 128, i % 5 == 0 ? "n%u TXT (%.*s)\n" : "n%u TXT %.*s\n",
                             i, (int)(1 + i % 97),
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
    assert_true(length > 2 * 262144);
    assert_int_equal(read_octets(text, length, check_sequence, &count, &error), D1_OK);
    assert_int_equal(count, LINES);
    d1_free(text);
}

/* The longest line that is taken, first in the file, and the shortest that is not, behind another. */
static void lines_are_bounded(void **state) {
    (void)state;
    char *text = d1_malloc(2 * 65536 + 100);
    struct seen seen = {.count = 0};
    struct d1_error error;
    memset(text, ' ', 2 * 65536 + 100);
    memcpy(text, "b TXT \\065", 10);
    text[65535] = '\n';
    memcpy(text + 65536, "a A 1.2.3.4\n", 12);
    assert_int_equal(read_octets(text, 65536 + 12, keep, &seen, &error), D1_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.record[1].line, 2);
    memmove(text, text + 65536, 12);
    memset(text + 12, ' ', 65536);
    text[12 + 65536] = '\n';
    assert_int_equal(read_octets(text, 12 + 65537, keep, &seen, &error), D1_EPARSE);
    assert_string_equal(error.text, "zone.db:2: the line is too long");
    d1_free(text);
}

static void a_file_that_cannot_be_read_is_told(void **state) {
    (void)state;
    struct d1_name origin;
    struct seen seen = {.count = 0};
    struct d1_error error;
    FILE *file = fopen("/", "re");
    assert_int_equal(d1_name_from_text("example.test", &origin), D1_OK);
    assert_non_null(file);
    assert_int_equal(d1_zonefile_read(file, "dir", &origin, 1, keep, &seen, &error), -EIO);
    fclose(file);
    assert_string_equal(error.text, "dir:1: cannot be read");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_relative_to_the_origin),
        cmocka_unit_test(line_may_name_ttl_and_class),
        cmocka_unit_test(at_sign_is_the_origin),
        cmocka_unit_test(names_in_rdata_are_whole),
        cmocka_unit_test(unknown_types_are_read),
        cmocka_unit_test(empty_lines_and_comments_give_nothing),
        cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(what_the_callback_returns_is_returned),
        cmocka_unit_test(file_is_read_with_its_directives),
        cmocka_unit_test(faults_name_file_line_and_reason),
        cmocka_unit_test(include_and_generate_are_refused),
        cmocka_unit_test(origin_may_be_relative),
        cmocka_unit_test(quoted_marks_are_text),
        cmocka_unit_test(callback_errors_end_the_file),
        cmocka_unit_test(very_long_text_is_refused_or_read_whole),
        cmocka_unit_test(plain_and_other_lines_share_what_holds),
        cmocka_unit_test(faults_behind_mixed_lines_name_the_right_one),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(crlf_and_a_missing_line_feed_are_taken),
        cmocka_unit_test(lines_of_a_parenthesis_are_apart),
        cmocka_unit_test(lines_across_pieces_are_whole),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests_name("zonefile", tests, NULL, NULL);
}
