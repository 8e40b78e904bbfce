#include "ctl/hookpaste.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"

struct text {
    char text[4096];
};

static struct text paste(const char *client, int expected) {
    struct text text = {.text = ""};
    FILE *out = fmemopen(text.text, sizeof(text.text), "w");
    assert_non_null(out);
    assert_int_equal(d1_hook_paste(out, client), expected);
    fclose(out);
    return text;
}

static void test_each_client_of_the_list_has_lines(void **state) {
    (void)state;
    struct text list = {.text = ""};
    FILE *out = fmemopen(list.text, sizeof(list.text), "w");
    assert_non_null(out);
    d1_hook_list(out);
    fclose(out);
    unsigned count = 0;
    for (const char *line = list.text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char name[32] = "";
        assert_int_equal(sscanf(line, "%31s", name), 1);
        struct text lines = paste(name, D1_OK);
        assert_non_null(strstr(lines.text, "dns01ctl"));
        assert_non_null(strstr(lines.text, "example.org"));
        count++;
    }
    assert_int_equal(count, 6);
}

static void test_unknown_client(void **state) {
    (void)state;
    assert_string_equal(paste("acme-tiny", D1_ENOTFOUND).text, "");
    assert_string_equal(paste("", D1_ENOTFOUND).text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_client_of_the_list_has_lines),
        cmocka_unit_test(test_unknown_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
