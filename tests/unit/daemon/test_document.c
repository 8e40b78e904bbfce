#include "daemon/document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"

struct faults {
    unsigned count;
    char first[512];
};

static void on_fault(void *arg, unsigned line, const char *path, const char *text) {
    struct faults *faults = arg;
    if (faults->count++ == 0) {
        snprintf(faults->first, sizeof(faults->first), "%u %s: %s", line, path, text);
    }
}

static struct d1_node *read_good(const char *text) {
    struct faults faults = {0};
    struct d1_node *root = NULL;
    int err = d1_document_read(text, strlen(text), on_fault, &faults, &root);
    if (err != D1_OK) {
        fail_msg("%s", faults.first);
    }
    return root;
}

static const char *fault_of(const char *text, size_t length) {
    static struct faults faults;
    faults = (struct faults){0};
    struct d1_node *root = NULL;
    int64_t before = d1_mem_live();
    assert_int_equal(d1_document_read(text, length, on_fault, &faults, &root), D1_ECONFIG);
    assert_null(root);
    assert_int_equal(d1_mem_live(), before);
    return faults.first;
}

static const char *fault_in(const char *text) {
    return fault_of(text, strlen(text));
}

static void maps_lists_and_lines_are_kept(void **state) {
    (void)state;
    struct d1_node *root = read_good("log: {level: info}\n"
                                     "\n"
                                     "zones:\n"
                                     "  - name: a.test\n"
                                     "    ttl: 5\n"
                                     "  - name: b.test\n");
    assert_string_equal(d1_node_path(root, "log.level")->text, "info");
    const struct d1_node *zones = d1_node_find(root, "zones");
    assert_int_equal(zones->kind, D1_NODE_LIST);
    assert_int_equal(zones->count, 2);
    assert_int_equal(d1_node_find(zones->first, "ttl")->line, 5);
    assert_string_equal(d1_node_find(zones->last, "name")->text, "b.test");
    d1_node_destroy(root);
}

static void json_is_yaml(void **state) {
    (void)state;
    struct d1_node *root = read_good("{\"a\": [1, \"x\", {\"b\": true}], \"c\": \"\"}");
    assert_int_equal(d1_node_find(root, "a")->count, 3);
    assert_false(d1_node_find(root, "c")->null);
    d1_node_destroy(root);
}

static void nothing_is_an_empty_map(void **state) {
    (void)state;
    struct d1_node *root = read_good("# only a comment\n");
    assert_int_equal(root->count, 0);
    d1_node_destroy(root);
}

static void null_is_told_from_an_empty_text(void **state) {
    (void)state;
    struct d1_node *root = read_good("a:\nb: ~\nc: ''\nd: null\n");
    assert_true(d1_node_find(root, "a")->null);
    assert_true(d1_node_find(root, "b")->null);
    assert_false(d1_node_find(root, "c")->null);
    assert_true(d1_node_find(root, "d")->null);
    d1_node_destroy(root);
}

static void repeated_keys_are_faults_with_both_lines(void **state) {
    (void)state;
    assert_string_equal(fault_in("a: 1\nb: 2\na: 3\n"),
                        "3 a: is given twice, first on line 1: keep one of them");
}

static void syntax_errors_have_their_line(void **state) {
    (void)state;
    assert_memory_equal(fault_in("a: 1\nb: [1,\n"), "3 : not valid YAML", 18);
    assert_memory_equal(fault_in("a: 1\n\tb: 2\n"), "2 : not valid YAML", 18);
    assert_memory_equal(fault_in("a: \"\xff\"\n"), "1 : not valid YAML", 18);
}

static void anchors_documents_and_odd_keys_are_refused(void **state) {
    (void)state;
    assert_non_null(strstr(fault_in("a: &x [1]\nb: *x\n"), "2 : anchors and aliases"));
    assert_non_null(strstr(fault_in("a: 1\n---\nb: 2\n"), "a second document"));
    assert_non_null(strstr(fault_in("? [a, b]\n: 1\n"), "a key must be a single value"));
    assert_non_null(strstr(fault_in("a: \"x\\0y\"\n"), "NUL"));
}

static void depth_and_size_are_bounded(void **state) {
    (void)state;
    char deep[2 * D1_CONFIG_DEPTH_MAX + 8];
    memset(deep, '[', sizeof(deep));
    assert_string_equal(fault_of(deep, sizeof(deep)), "1 : nested too deeply");
    char *big = d1_malloc(D1_CONFIG_BYTES_MAX + 1);
    assert_non_null(big);
    memset(big, ' ', D1_CONFIG_BYTES_MAX + 1);
    assert_string_equal(fault_of(big, D1_CONFIG_BYTES_MAX + 1), "0 : the file is too large");
    d1_free(big);
}

static void no_memory_leaves_nothing_behind(void **state) {
    (void)state;
    const char text[] = "a: {b: [1, 2], c: x}\nd: y\n";
    int64_t before = d1_mem_live();
    for (uint64_t i = 0;; i++) {
        struct faults faults = {0};
        struct d1_node *root = NULL;
        d1_mem_fault_arm(i, 0);
        int err = d1_document_read(text, strlen(text), on_fault, &faults, &root);
        uint64_t failed = d1_mem_fault_disarm();
        assert_int_equal(err, failed > 0 ? -ENOMEM : D1_OK);
        d1_node_destroy(root);
        assert_int_equal(d1_mem_live(), before);
        if (failed == 0) {
            break;
        }
        root = NULL;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_lists_and_lines_are_kept),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(nothing_is_an_empty_map),
        cmocka_unit_test(null_is_told_from_an_empty_text),
        cmocka_unit_test(repeated_keys_are_faults_with_both_lines),
        cmocka_unit_test(syntax_errors_have_their_line),
        cmocka_unit_test(anchors_documents_and_odd_keys_are_refused),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
