#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/asked.h"
#include "dnsd/server.h"

static int set_up(void **state) {
    struct d1_asked_ring *ring = NULL;
    int err = d1_asked_ring_create(&ring);
    *state = ring;
    return err;
}

static int tear_down(void **state) {
    d1_asked_ring_destroy(*state);
    return 0;
}

struct taken {
    uint64_t count;
    uint16_t next; /* The type that must come next. */
    bool in_order;
};

static void take(const struct d1_asked *asked, void *arg) {
    struct taken *taken = arg;
    taken->in_order = taken->in_order && asked->type == taken->next;
    taken->next = (uint16_t)(asked->type + 1);
    taken->count++;
}

static bool put(struct d1_asked_ring *ring, uint16_t type) {
    struct d1_asked *asked = d1_asked_room(ring);
    if (asked == NULL) {
        return false;
    }
    asked->type = type;
    d1_asked_push(ring);
    return true;
}

static void events_come_in_order(void **state) {
    struct taken taken = {.in_order = true};
    for (uint16_t round = 0; round < 5; round++) {
        for (uint16_t i = 0; i < 700; i++) {
            assert_true(put(*state, (uint16_t)(round * 700 + i)));
        }
        assert_int_equal(d1_asked_drain(*state, take, &taken), 700);
    }
    assert_true(taken.in_order);
    assert_int_equal(taken.count, 3500);
}

static void a_full_ring_takes_no_more_until_drained(void **state) {
    struct taken taken = {.in_order = true};
    for (uint16_t i = 0; i < D1_ASKED_RING_LENGTH; i++) {
        assert_true(put(*state, i));
    }
    assert_false(put(*state, 0xffff));
    assert_int_equal(d1_asked_drain(*state, take, &taken), D1_ASKED_RING_LENGTH);
    assert_true(taken.in_order);
    assert_true(put(*state, D1_ASKED_RING_LENGTH));
    assert_int_equal(d1_asked_drain(*state, take, &taken), 1);
    assert_true(taken.in_order);
}

static void drained_without_a_taker_is_forgotten(void **state) {
    assert_true(put(*state, 1));
    assert_int_equal(d1_asked_drain(*state, NULL, NULL), 1);
    assert_int_equal(d1_asked_drain(*state, NULL, NULL), 0);
}

static void signals_once_until_rearmed(void **state) {
    assert_false(d1_asked_is_signalled(*state));
    put(*state, 1);
    assert_true(d1_asked_signal(*state));
    put(*state, 2);
    assert_false(d1_asked_signal(*state));
    assert_true(d1_asked_is_signalled(*state));
    assert_int_equal(d1_asked_drain(*state, NULL, NULL), 2);
    assert_true(d1_asked_rearm(*state));
    assert_false(d1_asked_is_signalled(*state));
    put(*state, 3);
    assert_true(d1_asked_signal(*state));
}

static void rearming_sees_what_came_meanwhile(void **state) {
    put(*state, 1);
    assert_true(d1_asked_signal(*state));
    assert_int_equal(d1_asked_drain(*state, NULL, NULL), 1);
    put(*state, 2);
    assert_false(d1_asked_rearm(*state));
    assert_true(d1_asked_is_signalled(*state));
    put(*state, 3);
    assert_false(d1_asked_signal(*state));
    assert_int_equal(d1_asked_drain(*state, NULL, NULL), 2);
    assert_true(d1_asked_rearm(*state));
}

/* Two threads. What the ring promises: each event pushed is taken, or a signal is on its way. */
#define STRESS_EVENTS 200000

struct stress {
    struct d1_asked_ring *ring;
    _Atomic unsigned signals; /* As messages posted: one at a time. */
    _Atomic bool done;
};

static void *produce(void *arg) {
    struct stress *stress = arg;
    for (unsigned i = 0; i < STRESS_EVENTS; i++) {
        while (!put(stress->ring, (uint16_t)i)) {
            sched_yield();
        }
        if (d1_asked_signal(stress->ring)) {
            stress->signals++;
        }
    }
    stress->done = true;
    return NULL;
}

static void nothing_is_lost_between_threads(void **state) {
    struct stress stress = {.ring = *state};
    struct taken taken = {.in_order = true};
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &stress), 0);
    bool armed = true;
    while (taken.count < STRESS_EVENTS) {
        if (armed) {
            bool done = stress.done;
            unsigned signals = atomic_exchange(&stress.signals, 0);
            assert_true(signals <= 1);
            armed = signals == 0;
            /* All was pushed and all signals seen: then all must have been taken. */
            assert_false(done && armed && atomic_load(&stress.signals) == 0);
            sched_yield();
        } else {
            d1_asked_drain(stress.ring, take, &taken);
            armed = d1_asked_rearm(stress.ring);
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_true(taken.in_order);
    assert_int_equal(taken.count, STRESS_EVENTS);
}

static void no_memory(void **state) {
    (void)state;
    struct d1_asked_ring *ring = NULL;
    d1_mem_fault_arm(0, 0);
    int err = d1_asked_ring_create(&ring);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(ring);
    d1_asked_ring_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_ring_takes_no_more_until_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drained_without_a_taker_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_once_until_rearmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rearming_sees_what_came_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_between_threads, set_up, tear_down),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("dnsd_asked", tests, NULL, NULL);
}
