#include "core/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"

static int pipes[2];

/* Write one line and read it back from the pipe. */
static const char *line_of(enum d1_log_format format, const struct d1_log_field *fields,
                           size_t count) {
    static char text[D1_LOG_LINE_MAX + 1];
    struct d1_fake_clock fake;
    struct d1_log log;
    d1_fake_clock_init(&fake, 0);
    assert_int_equal(pipe(pipes), 0);
    d1_log_init(&log, pipes[1], &fake.clock);
    log.format = format;
    d1_log_write(&log, D1_LOG_INFO, "event", fields, count);
    close(pipes[1]);
    ssize_t got = read(pipes[0], text, sizeof(text) - 1);
    close(pipes[0]);
    assert_true(got >= 0);
    text[got] = '\0';
    return text;
}

static void text_lines_have_time_level_event_fields(void **state) {
    (void)state;
    struct d1_log_field fields[] = {D1_LOG_S("name", "a.test"), D1_LOG_I("port", -53)};
    assert_string_equal(line_of(D1_LOG_TEXT, fields, 2),
                        "1970-01-01T00:00:00.000Z info event name=a.test port=-53\n");
}

static void what_is_not_plain_is_quoted_and_escaped(void **state) {
    (void)state;
    struct d1_log_field fields[] = {D1_LOG_S("a", "x y"), D1_LOG_S("b", "\"\\\n\xff"),
                                    D1_LOG_S("c", "")};
    assert_string_equal(line_of(D1_LOG_TEXT, fields, 3),
                        "1970-01-01T00:00:00.000Z info event a=\"x y\" "
                        "b=\"\\\"\\\\\\u000a\\u00ff\" c=\"\"\n");
}

static void json_lines_are_objects(void **state) {
    (void)state;
    struct d1_log_field fields[] = {D1_LOG_S("name", "a\n"), D1_LOG_I("n", 7)};
    assert_string_equal(line_of(D1_LOG_JSON, fields, 2),
                        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
                        "\"event\":\"event\",\"name\":\"a\\u000a\",\"n\":7}\n");
}

static void a_line_is_bounded_and_ends(void **state) {
    (void)state;
    char big[3 * D1_LOG_LINE_MAX];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct d1_log_field fields[] = {D1_LOG_S("big", big), D1_LOG_S("small", "kept")};
    const char *line = line_of(D1_LOG_JSON, fields, 2);
    assert_true(strlen(line) <= D1_LOG_LINE_MAX);
    assert_null(strstr(line, "xxx"));
    assert_non_null(strstr(line, "\"small\":\"kept\"}\n"));
}

static void levels_are_held_back(void **state) {
    (void)state;
    struct d1_fake_clock fake;
    struct d1_log log;
    d1_fake_clock_init(&fake, 0);
    d1_log_init(&log, -1, &fake.clock);
    assert_true(d1_log_wanted(&log, D1_LOG_ERROR));
    assert_true(d1_log_wanted(&log, D1_LOG_INFO));
    assert_false(d1_log_wanted(&log, D1_LOG_DEBUG));
    assert_false(d1_log_wanted(NULL, D1_LOG_ERROR));
    d1_log(NULL, ERROR, "silent", D1_LOG_I("x", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines_have_time_level_event_fields),
        cmocka_unit_test(what_is_not_plain_is_quoted_and_escaped),
        cmocka_unit_test(json_lines_are_objects),
        cmocka_unit_test(a_line_is_bounded_and_ends),
        cmocka_unit_test(levels_are_held_back),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
