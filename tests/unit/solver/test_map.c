#include "solver/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/mem.h"

#define COUNT 20000

struct number {
    struct d1_map_node node;
    uint32_t value;
    bool in;
};

static const void *value_of(struct d1_map_node *node, size_t *ret_length) {
    *ret_length = sizeof(uint32_t);
    return &D1_CONTAINER_OF(node, struct number, node)->value;
}

static struct number *find(const struct d1_map *map, uint32_t value) {
    struct d1_map_node *node = d1_map_find(map, &value, sizeof(value));
    return node != NULL ? D1_CONTAINER_OF(node, struct number, node) : NULL;
}

static void fill(struct d1_map *map, struct number *numbers) {
    assert_int_equal(d1_map_init(map, value_of), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i].value = i;
        numbers[i].in = true;
        d1_map_put(map, &numbers[i].node);
    }
}

static void test_finds_all_at_every_size(void **state) {
    static struct number numbers[COUNT];
    struct d1_map map;
    (void)state;
    assert_int_equal(d1_map_init(&map, value_of), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i].value = i;
        d1_map_put(&map, &numbers[i].node);
        assert_ptr_equal(find(&map, i), &numbers[i]);
        assert_ptr_equal(find(&map, i / 2), &numbers[i / 2]);
        assert_null(find(&map, i + 1));
    }
    assert_int_equal(map.count, COUNT);
    d1_map_close(&map, NULL);
}

static void test_removes_while_it_grows(void **state) {
    static struct number numbers[COUNT];
    struct d1_map map;
    (void)state;
    assert_int_equal(d1_map_init(&map, value_of), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i].value = i;
        d1_map_put(&map, &numbers[i].node);
        if (i % 3 == 0) {
            d1_map_remove(&map, &numbers[i / 3].node);
            assert_null(find(&map, i / 3));
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        bool removed = i <= (COUNT - 1) / 3;
        assert_int_equal(find(&map, i) == NULL, removed);
    }
    d1_map_close(&map, NULL);
}

static void take_odd(struct d1_map_node *node, void *arg) {
    struct number *number = D1_CONTAINER_OF(node, struct number, node);
    assert_true(number->in);
    number->in = false;
    if (number->value % 2 == 1) {
        d1_map_remove(arg, node);
    }
}

static void test_each_visits_all_once_and_may_remove(void **state) {
    static struct number numbers[COUNT];
    struct d1_map map;
    (void)state;
    fill(&map, numbers);
    d1_map_each(&map, take_odd, &map);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_false(numbers[i].in);
        assert_int_equal(find(&map, i) == NULL, i % 2 == 1);
    }
    assert_int_equal(map.count, COUNT / 2);
    d1_map_close(&map, NULL);
}

static void test_without_memory_it_only_gets_slower(void **state) {
    static struct number numbers[COUNT];
    struct d1_map map;
    (void)state;
    assert_int_equal(d1_map_init(&map, value_of), 0);
    d1_mem_fault_arm(0, 1);
    for (uint32_t i = 0; i < 300; i++) {
        numbers[i].value = i;
        d1_map_put(&map, &numbers[i].node);
    }
    d1_mem_fault_disarm();
    for (uint32_t i = 0; i < 300; i++) {
        assert_ptr_equal(find(&map, i), &numbers[i]);
    }
    d1_map_close(&map, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_all_at_every_size),
        cmocka_unit_test(test_removes_while_it_grows),
        cmocka_unit_test(test_each_visits_all_once_and_may_remove),
        cmocka_unit_test(test_without_memory_it_only_gets_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
