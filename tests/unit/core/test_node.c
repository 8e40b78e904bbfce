#include "core/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

static void paths_find_their_nodes(void **state) {
    (void)state;
    struct d1_node *root = d1_node_create(D1_NODE_MAP, NULL, NULL, 1);
    struct d1_node *dns = d1_node_create(D1_NODE_MAP, "dns", NULL, 2);
    struct d1_node *workers = d1_node_create(D1_NODE_TEXT, "workers", "4", 3);
    d1_node_append(root, d1_node_create(D1_NODE_TEXT, "dn", "x", 1));
    d1_node_append(root, dns);
    d1_node_append(dns, workers);
    assert_ptr_equal(d1_node_find(root, "dns"), dns);
    assert_ptr_equal(d1_node_path(root, "dns.workers"), workers);
    assert_null(d1_node_path(root, "dns.worker"));
    assert_null(d1_node_path(root, "nothing.at.all"));
    assert_int_equal(root->count, 2);
    d1_node_destroy(root);
}

static void deep_trees_are_freed_without_recursion(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    struct d1_node *root = d1_node_create(D1_NODE_LIST, NULL, NULL, 1);
    struct d1_node *at = root;
    for (int i = 0; i < 200000; i++) {
        struct d1_node *child = d1_node_create(D1_NODE_LIST, NULL, NULL, 1);
        d1_node_append(at, d1_node_create(D1_NODE_TEXT, NULL, "x", 1));
        d1_node_append(at, child);
        at = child;
    }
    d1_node_destroy(root);
    assert_int_equal(d1_mem_live(), before);
    d1_node_destroy(NULL);
}

static void no_memory_leaves_nothing_behind(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    for (uint64_t i = 0; i < 3; i++) {
        d1_mem_fault_arm(i, 0);
        assert_null(d1_node_create(D1_NODE_TEXT, "key", "text", 1));
        assert_int_equal(d1_mem_fault_disarm(), 1);
    }
    assert_int_equal(d1_mem_live(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_nodes),
        cmocka_unit_test(deep_trees_are_freed_without_recursion),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
