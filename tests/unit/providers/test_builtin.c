#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/builtin.h"

#define STEP "{\"method\": \"POST\", \"path\": \"/a\"}"
#define BODY                                                                   \
    "\"zone\": {\"mode\": \"none\"},\n\"mode\": \"value\",\n\"create\": " STEP \
    ",\n\"delete\": " STEP

struct folder {
    char path[64];
    char names[8][32];
    size_t count;
    char faults[1024];
};

static void add(struct folder *folder, const char *name, const char *text) {
    char path[128];
    snprintf(folder->names[folder->count++], sizeof(folder->names[0]), "%s", name);
    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int open_folder(void **state) {
    struct folder *folder = calloc(1, sizeof(*folder));
    snprintf(folder->path, sizeof(folder->path), "/tmp/descriptors.XXXXXX");
    *state = folder;
    return mkdtemp(folder->path) != NULL ? 0 : -1;
}

static int close_folder(void **state) {
    struct folder *folder = *state;
    for (size_t i = 0; i < folder->count; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder->path, folder->names[i]);
        unlink(path);
    }
    int status = rmdir(folder->path);
    free(folder);
    return status;
}

static void take_fault(void *arg, const char *file, unsigned line, const char *text) {
    struct folder *folder = arg;
    size_t length = strlen(folder->faults);
    snprintf(folder->faults + length, sizeof(folder->faults) - length, "%s:%u: %s\n",
             strrchr(file, '/') + 1, line, text);
}

/* Each packaged descriptor can be read, and names itself. */
static void test_packaged_types(void **state) {
    struct d1_builtin *builtin = NULL;
    (void)state;
    assert_int_equal(d1_builtin_create(&builtin), 0);
    assert_true(d1_builtin_count(builtin) >= 17);
    for (size_t i = 0; i < d1_builtin_count(builtin); i++) {
        const char *type = d1_builtin_type(builtin, i);
        const struct d1_provider *provider = NULL;
        struct d1_error error = {.text = ""};
        if (d1_builtin_find(builtin, type, &provider, &error) != 0) {
            fail_msg("%s", error.text);
        }
        assert_string_equal(provider->type, type);
        assert_int_equal(provider->abi, D1_PROVIDER_ABI);
        assert_true(provider->title[0] != '\0');
        assert_true(i == 0 || strcmp(d1_builtin_type(builtin, i - 1), type) < 0);
        for (size_t j = 0; j < provider->setting_count; j++) {
            if (provider->settings[j].text[0] == '\0') {
                fail_msg("%s: %s has no help", type, provider->settings[j].name);
            }
        }
    }
    d1_builtin_destroy(builtin);
}

static void test_unknown_type(void **state) {
    struct d1_builtin *builtin = NULL;
    const struct d1_provider *provider = NULL;
    struct d1_error error = {.text = ""};
    (void)state;
    assert_int_equal(d1_builtin_create(&builtin), 0);
    assert_int_equal(d1_builtin_find(builtin, "nobody", &provider, &error), D1_ENOTFOUND);
    assert_string_equal(error.text, "there is no provider of type nobody");
    assert_null(provider);
    d1_builtin_destroy(builtin);
}

static void test_folder(void **state) {
    struct folder *folder = *state;
    struct d1_builtin *builtin = NULL;
    const struct d1_provider *provider = NULL;
    struct d1_error error = {.text = ""};
    add(folder, "aa.json",
        "{\"schema\": 1, \"type\": \"aa\", \"title\": \"Over\", \"extends\": \"zz\"}");
    add(folder, "zz.json",
        "{\"schema\": 1, \"type\": \"zz\", \"title\": \"Under\", \"base\": \"https://a.test\"," BODY
        "}");
    add(folder, "cloudflare.json",
        "{\"schema\": 1, \"type\": \"cloudflare\", \"title\": \"Mine\", " BODY "}");
    add(folder, "notes.txt", "not a descriptor");
    assert_int_equal(d1_builtin_create(&builtin), 0);
    size_t before = d1_builtin_count(builtin);
    assert_int_equal(d1_builtin_load(builtin, folder->path, take_fault, folder), 0);
    assert_string_equal(folder->faults, "");
    assert_int_equal(d1_builtin_count(builtin), before + 2);
    assert_int_equal(d1_builtin_find(builtin, "aa", &provider, &error), 0);
    assert_string_equal(provider->title, "Over");
    assert_int_equal(d1_builtin_find(builtin, "cloudflare", &provider, &error), 0);
    assert_string_equal(provider->title, "Mine");
    d1_builtin_destroy(builtin);
}

static void test_faults_with_lines(void **state) {
    struct folder *folder = *state;
    struct d1_builtin *builtin = NULL;
    add(folder, "a.json", "{\"schema\": 1,\n\"type\": \"a\",\n,}");
    add(folder, "b.json",
        "{\"schema\": 1,\n\"type\": \"b\", \"title\": \"B\",\n" BODY
        ",\n\"publish\": {\n\"method\": \"GET\",\n\"query\": {\n\"q\": \"{nobody}\"}}}");
    add(folder, "c.json",
        "{\"schema\": 1, \"type\": \"c\", \"title\": \"C\",\n\"extends\": \"nobody\"}");
    add(folder, "d.json", "{\"schema\": 1, \"type\": \"d\", \"title\": \"D\", \"extends\": \"d\"}");
    assert_int_equal(d1_builtin_create(&builtin), 0);
    assert_int_equal(d1_builtin_load(builtin, folder->path, take_fault, folder), D1_ECONFIG);
    assert_string_equal(folder->faults, "a.json:3: line 3: string or '}' expected near ','\n"
                                        "b.json:9: publish.query: no such variable: nobody\n"
                                        "c.json:2: extends: there is no descriptor of type nobody\n"
                                        "d.json:1: extends: the chain is too long\n");
    d1_builtin_destroy(builtin);
}

static void test_folder_that_is_none(void **state) {
    struct d1_builtin *builtin = NULL;
    (void)state;
    assert_int_equal(d1_builtin_create(&builtin), 0);
    assert_int_equal(d1_builtin_load(builtin, "/nonexistent", take_fault, NULL), -ENOENT);
    d1_builtin_destroy(builtin);
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packaged_types),
        cmocka_unit_test(test_unknown_type),
        cmocka_unit_test_setup_teardown(test_folder, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(test_faults_with_lines, open_folder, close_folder),
        cmocka_unit_test(test_folder_that_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
