#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "providers/lock.h"

#include "core/mem.h"

struct waiter {
    struct d1_lock_claim claim;
    int granted;
};

static struct d1_lock_set set;

static void on_granted(struct d1_lock_claim *claim) {
    D1_CONTAINER_OF(claim, struct waiter, claim)->granted++;
}

static struct waiter make(void) {
    return (struct waiter){.claim = {.granted = on_granted}};
}

static int open_set(void **state) {
    (void)state;
    return d1_lock_set_init(&set);
}

static void test_one_holds_others_wait_in_order(void **state) {
    (void)state;
    struct waiter a = make();
    struct waiter b = make();
    struct waiter c = make();
    assert_int_equal(d1_lock_claim(&set, "zone", &a.claim), 0);
    assert_int_equal(d1_lock_claim(&set, "zone", &b.claim), 1);
    assert_int_equal(d1_lock_claim(&set, "zone", &c.claim), 1);
    d1_lock_release(&set, &a.claim);
    assert_int_equal(b.granted, 1);
    assert_int_equal(c.granted, 0);
    d1_lock_release(&set, &b.claim);
    assert_int_equal(c.granted, 1);
    d1_lock_release(&set, &c.claim);
    assert_int_equal(a.granted, 0);
}

static void test_keys_do_not_disturb_one_another(void **state) {
    (void)state;
    struct waiter a = make();
    struct waiter b = make();
    assert_int_equal(d1_lock_claim(&set, "one", &a.claim), 0);
    assert_int_equal(d1_lock_claim(&set, "two", &b.claim), 0);
    d1_lock_release(&set, &a.claim);
    d1_lock_release(&set, &b.claim);
}

static void test_one_who_waits_may_leave(void **state) {
    (void)state;
    struct waiter a = make();
    struct waiter b = make();
    struct waiter c = make();
    assert_int_equal(d1_lock_claim(&set, "zone", &a.claim), 0);
    assert_int_equal(d1_lock_claim(&set, "zone", &b.claim), 1);
    assert_int_equal(d1_lock_claim(&set, "zone", &c.claim), 1);
    d1_lock_release(&set, &b.claim);
    assert_int_equal(c.granted, 0);
    d1_lock_release(&set, &a.claim);
    assert_int_equal(c.granted, 1);
    d1_lock_release(&set, &c.claim);
}

static void test_a_claim_of_nothing_may_be_released(void **state) {
    (void)state;
    struct waiter a = make();
    d1_lock_release(&set, &a.claim);
    assert_null(a.claim.key);
}

static void test_nothing_is_left_of_keys(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    struct waiter a = make();
    assert_int_equal(d1_lock_claim(&set, "zone", &a.claim), 0);
    d1_lock_release(&set, &a.claim);
    assert_int_equal(d1_mem_live(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_holds_others_wait_in_order),
        cmocka_unit_test(test_keys_do_not_disturb_one_another),
        cmocka_unit_test(test_one_who_waits_may_leave),
        cmocka_unit_test(test_a_claim_of_nothing_may_be_released),
        cmocka_unit_test(test_nothing_is_left_of_keys),
    };
    return cmocka_run_group_tests(tests, open_set, NULL);
}
