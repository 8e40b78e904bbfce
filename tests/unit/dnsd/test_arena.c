#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/region.h"
#include "dnsd/arena.h"

#define MIB ((size_t)1048576)

static void region_grows_in_place_and_is_zeroed(void **state) {
    (void)state;
    struct d1_region region;
    assert_int_equal(d1_region_init(&region, 64 * MIB, 2 * MIB), D1_OK);
    assert_int_equal((uintptr_t)region.base % D1_REGION_ALIGN, 0);
    uint8_t *base = region.base;
    for (size_t usable = 1000; usable <= 64 * MIB; usable *= 2) {
        assert_int_equal(d1_region_extend(&region, usable), D1_OK);
        assert_true(region.usable >= usable);
        assert_ptr_equal(region.base, base);
        assert_int_equal(base[usable - 1], 0);
        base[usable - 1] = 1;
    }
    d1_region_close(&region);
}

static void region_ends_where_it_was_reserved(void **state) {
    (void)state;
    struct d1_region region;
    assert_int_equal(d1_region_init(&region, 4 * MIB, 2 * MIB), D1_OK);
    assert_int_equal(d1_region_extend(&region, 4 * MIB), D1_OK);
    assert_int_equal(region.usable, 4 * MIB);
    assert_int_equal(d1_region_extend(&region, 4 * MIB + 1), D1_ELIMIT);
    d1_region_close(&region);
}

static void region_takes_less_when_refused(void **state) {
    (void)state;
    struct d1_region region;
    size_t absurd = (size_t)1 << 52; /* More than the address space of any process. */
    assert_int_equal(d1_region_init(&region, absurd, 2 * MIB), D1_OK);
    assert_true(region.size < absurd);
    assert_int_equal(d1_region_extend(&region, MIB), D1_OK);
    d1_region_close(&region);
    assert_true(d1_region_init(&region, absurd, absurd) < 0);
}

static void region_faults_change_nothing(void **state) {
    (void)state;
    struct d1_region region;
    d1_mem_fault_arm(0, 0);
    assert_int_equal(d1_region_init(&region, 4 * MIB, 2 * MIB), -ENOMEM);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_int_equal(d1_region_init(&region, 4 * MIB, 2 * MIB), D1_OK);
    d1_mem_fault_arm(0, 0);
    assert_int_equal(d1_region_extend(&region, 10), -ENOMEM);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_int_equal(region.usable, 0);
    assert_int_equal(d1_region_extend(&region, 10), D1_OK);
    d1_region_close(&region);
}

static void blobs_do_not_overlap(void **state) {
    (void)state;
    struct d1_arena arena;
    uint32_t index[200];
    assert_int_equal(d1_arena_init(&arena), D1_OK);
    for (size_t i = 0; i < 200; i++) {
        index[i] = d1_arena_take(&arena, i + 1);
        assert_int_not_equal(index[i], 0);
        memset(d1_arena_at(arena.region.base, index[i]), (int)i, (i + 1) * D1_ARENA_UNIT_BYTES);
    }
    for (size_t i = 0; i < 200; i++) {
        const uint8_t *blob = d1_arena_at(arena.region.base, index[i]);
        for (size_t at = 0; at < (i + 1) * D1_ARENA_UNIT_BYTES; at++) {
            assert_int_equal(blob[at], i);
        }
    }
    d1_arena_close(&arena);
}

static void given_blobs_are_taken_again(void **state) {
    (void)state;
    struct d1_arena arena;
    assert_int_equal(d1_arena_init(&arena), D1_OK);
    uint32_t one = d1_arena_take(&arena, 9);
    uint32_t two = d1_arena_take(&arena, 9);
    uint32_t other = d1_arena_take(&arena, 10);
    size_t bytes = d1_arena_bytes(&arena);
    d1_arena_give(&arena, one, 9);
    d1_arena_give(&arena, two, 9);
    d1_arena_give(&arena, other, 10);
    assert_int_equal(d1_arena_bytes(&arena), bytes - 28 * D1_ARENA_UNIT_BYTES);
    assert_int_equal(d1_arena_take(&arena, 9), two);
    assert_int_equal(d1_arena_take(&arena, 9), one);
    assert_int_equal(d1_arena_take(&arena, 10), other);
    assert_int_equal(d1_arena_bytes(&arena), bytes);
    d1_arena_close(&arena);
}

static void what_is_ensured_can_be_taken(void **state) {
    (void)state;
    struct d1_arena arena;
    assert_int_equal(d1_arena_init(&arena), D1_OK);
    assert_int_equal(d1_arena_ensure(&arena, 20000), D1_OK);
    d1_mem_fault_arm(0, 1);
    for (size_t i = 0; i < 200; i++) {
        assert_int_not_equal(d1_arena_take(&arena, 100), 0);
    }
    while (d1_arena_take(&arena, D1_ARENA_UNITS_MAX) != 0) {
    }
    assert_true(d1_mem_fault_disarm() > 0);
    assert_int_not_equal(d1_arena_take(&arena, D1_ARENA_UNITS_MAX), 0);
    d1_arena_close(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_grows_in_place_and_is_zeroed),
        cmocka_unit_test(region_ends_where_it_was_reserved),
        cmocka_unit_test(region_takes_less_when_refused),
        cmocka_unit_test(region_faults_change_nothing),
        cmocka_unit_test(blobs_do_not_overlap),
        cmocka_unit_test(given_blobs_are_taken_again),
        cmocka_unit_test(what_is_ensured_can_be_taken),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
