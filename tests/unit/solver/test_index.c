#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "solver/index.h"

#define COUNT 500

static int open_index(void **state) {
    static struct d1_index index;
    assert_int_equal(d1_index_init(&index), 0);
    *state = &index;
    return 0;
}

static int close_index(void **state) {
    d1_index_close(*state);
    return 0;
}

static struct d1_place *place_of(struct d1_index *index, const char *text) {
    struct d1_name name;
    struct d1_place *place = NULL;
    assert_int_equal(d1_name_from_text(text, &name), 0);
    assert_int_equal(d1_index_place(index, &name, &place), 0);
    return place;
}

static struct d1_lease *add(struct d1_index *index, struct d1_place *place, int number,
                            int64_t created_ms, int64_t expires_ms) {
    struct d1_owner *owner = NULL;
    struct d1_lease *lease = NULL;
    struct d1_txt_value value = {.length = 2};
    value.octets[0] = (uint8_t)(number >> 8);
    value.octets[1] = (uint8_t)number;
    assert_int_equal(d1_index_owner(index, "token:a", &owner), 0);
    assert_int_equal(d1_lease_make(index, &value, owner, NULL, &lease), 0);
    d1_index_owner_drop(index, owner);
    d1_lease_add(index, place, lease, created_ms, expires_ms);
    return lease;
}

static int64_t mixed(int i) {
    return 1 + (i * 7919) % 10007;
}

static void test_earliest_first(void **state) {
    struct d1_index *index = *state;
    struct d1_place *place = place_of(index, "a.test");
    for (int i = 0; i < COUNT; i++) {
        add(index, place, i, i, mixed(i));
    }
    int64_t before = 0;
    for (int i = 0; i < COUNT; i++) {
        struct d1_deadline *first = d1_deadline_first(index);
        assert_true(first->when_ms >= before);
        before = first->when_ms;
        assert_ptr_equal(d1_deadline_place(first), place);
        d1_lease_remove(index, D1_CONTAINER_OF(first, struct d1_lease, deadline));
    }
    assert_null(d1_deadline_first(index));
    assert_int_equal(index->leases, 0);
    assert_int_equal(index->timed, 0);
}

static void test_renewed_and_removed_from_the_middle(void **state) {
    struct d1_index *index = *state;
    struct d1_place *place = place_of(index, "a.test");
    struct d1_lease *leases[COUNT];
    for (int i = 0; i < COUNT; i++) {
        leases[i] = add(index, place, i, i, mixed(i));
    }
    for (int i = 0; i < COUNT; i += 2) {
        d1_lease_renew(index, leases[i], COUNT + i, 20000 + mixed(COUNT - i));
    }
    for (int i = 1; i < COUNT; i += 4) {
        d1_lease_remove(index, leases[i]);
    }
    int64_t before = 0;
    size_t left = 0;
    while (d1_deadline_first(index) != NULL) {
        struct d1_deadline *first = d1_deadline_first(index);
        assert_true(first->when_ms >= before);
        before = first->when_ms;
        d1_deadline_clear(index, first);
        left++;
    }
    assert_int_equal(left, COUNT - COUNT / 4);
}

static void test_no_deadline_is_never_first(void **state) {
    struct d1_index *index = *state;
    add(index, place_of(index, "a.test"), 1, 1, 0);
    assert_null(d1_deadline_first(index));
}

static void test_leases_are_kept_oldest_first(void **state) {
    struct d1_index *index = *state;
    struct d1_place *place = place_of(index, "a.test");
    add(index, place, 1, 30, 0);
    struct d1_lease *oldest = add(index, place, 2, 10, 0);
    add(index, place, 3, 20, 0);
    assert_ptr_equal(place->leases, oldest);
    assert_int_equal(oldest->next->created_ms, 20);
    d1_lease_renew(index, oldest, 40, 0);
    assert_int_equal(place->leases->created_ms, 20);
    assert_ptr_equal(place->leases->next->next, oldest);
}

static void test_owner_is_one_object(void **state) {
    struct d1_index *index = *state;
    struct d1_lease *a = add(index, place_of(index, "a.test"), 1, 1, 0);
    struct d1_lease *b = add(index, place_of(index, "b.test"), 1, 1, 0);
    assert_ptr_equal(a->owner, b->owner);
    assert_int_equal(index->owners.count, 1);
    d1_lease_remove(index, a);
    d1_lease_remove(index, b);
    assert_int_equal(index->owners.count, 0);
}

static void test_place_goes_when_nobody_needs_it(void **state) {
    struct d1_index *index = *state;
    struct d1_place *place = place_of(index, "a.test");
    place->accounts = 1;
    d1_index_release(index, place);
    assert_int_equal(index->places.count, 1);
    place->accounts = 0;
    d1_index_release(index, place);
    assert_int_equal(index->places.count, 0);
}

static void test_a_lease_is_small(void **state) {
    (void)state;
    /* An ACME digest of 43 octets at a name of 40, with its bucket and its place in the heap. */
    size_t octets =
        sizeof(struct d1_place) + 40 + sizeof(struct d1_lease) + 43 + 2 * sizeof(void *);
    assert_true(octets <= 200);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_index, close_index)
    const struct CMUnitTest tests[] = {
        T(test_earliest_first),
        T(test_renewed_and_removed_from_the_middle),
        T(test_no_deadline_is_never_first),
        T(test_leases_are_kept_oldest_first),
        T(test_owner_is_one_object),
        T(test_place_goes_when_nobody_needs_it),
        T(test_a_lease_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
