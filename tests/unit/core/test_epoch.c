#include "core/epoch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"

struct thing {
    struct d1_epoch_item item; /* First: release casts an item to it. */
    int *released;
};

static void on_release(struct d1_epoch_item *item) {
    struct thing *thing = (struct thing *)(void *)item;
    ++*thing->released;
}

static struct d1_epoch *make(unsigned readers) {
    struct d1_epoch *epoch = NULL;
    assert_int_equal(d1_epoch_create(readers, &epoch), D1_OK);
    return epoch;
}

static void without_readers_all_is_released_at_once(void **state) {
    (void)state;
    int released = 0;
    struct thing thing = {.released = &released};
    struct d1_epoch *epoch = make(3);
    d1_epoch_retire(epoch, &thing.item, on_release);
    assert_int_equal(d1_epoch_reclaim(epoch), 0);
    assert_int_equal(released, 1);
    d1_epoch_destroy(epoch);
}

static void an_online_reader_holds_what_it_may_see(void **state) {
    (void)state;
    int released = 0;
    struct thing thing = {.released = &released};
    struct d1_epoch *epoch = make(2);
    d1_epoch_online(epoch, 1);
    d1_epoch_retire(epoch, &thing.item, on_release);
    assert_int_equal(d1_epoch_reclaim(epoch), 1);
    assert_int_equal(released, 0);
    d1_epoch_quiesce(epoch, 1);
    assert_int_equal(d1_epoch_reclaim(epoch), 0);
    assert_int_equal(released, 1);
    d1_epoch_offline(epoch, 1);
    d1_epoch_destroy(epoch);
}

static void a_reader_that_came_later_holds_nothing_back(void **state) {
    (void)state;
    int released = 0;
    struct thing thing = {.released = &released};
    struct d1_epoch *epoch = make(1);
    d1_epoch_retire(epoch, &thing.item, on_release);
    d1_epoch_online(epoch, 0);
    assert_int_equal(d1_epoch_reclaim(epoch), 0);
    assert_int_equal(released, 1);
    d1_epoch_offline(epoch, 0);
    d1_epoch_destroy(epoch);
}

static void tickets_pass_in_order(void **state) {
    (void)state;
    struct d1_epoch *epoch = make(1);
    d1_epoch_online(epoch, 0);
    uint64_t first = d1_epoch_advance(epoch);
    d1_epoch_quiesce(epoch, 0);
    uint64_t second = d1_epoch_advance(epoch);
    assert_true(second > first);
    assert_true(d1_epoch_passed(epoch, first));
    assert_false(d1_epoch_passed(epoch, second));
    d1_epoch_offline(epoch, 0);
    assert_true(d1_epoch_passed(epoch, second));
    d1_epoch_destroy(epoch);
}

static void destroy_releases_the_rest(void **state) {
    (void)state;
    int released = 0;
    struct thing things[3] = {
        {.released = &released}, {.released = &released}, {.released = &released}};
    struct d1_epoch *epoch = make(1);
    d1_epoch_online(epoch, 0);
    for (int i = 0; i < 3; i++) {
        d1_epoch_retire(epoch, &things[i].item, on_release);
    }
    assert_int_equal(d1_epoch_reclaim(epoch), 3);
    d1_epoch_offline(epoch, 0);
    d1_epoch_destroy(epoch);
    assert_int_equal(released, 3);
    d1_epoch_destroy(NULL);
}

static void readers_are_limited(void **state) {
    (void)state;
    struct d1_epoch *epoch = NULL;
    assert_int_equal(d1_epoch_create(D1_WORKERS_MAX + 1, &epoch), D1_ELIMIT);
    d1_mem_fault_arm(0, 0);
    assert_int_equal(d1_epoch_create(1, &epoch), -ENOMEM);
    d1_mem_fault_disarm();
}

#define READERS 3
#define CHANGES 20000

/* One published object, replaced again and again while readers look at it. */
struct cell {
    struct d1_epoch_item item; /* First. */
    uint64_t a;
    uint64_t b; /* Always equal to a while the cell may be seen. */
};

struct race {
    struct d1_epoch *epoch;
    _Atomic(struct cell *) cell;
    _Atomic bool stop;
    _Atomic uint64_t looked;
    _Atomic uint64_t torn;
};

struct reader {
    struct race *race;
    unsigned index;
};

static void free_cell(struct d1_epoch_item *item) {
    struct cell *cell = (struct cell *)(void *)item;
    cell->a = 1; /* A reader that still looks would see the two differ. */
    cell->b = 2;
    d1_free(cell);
}

static void *look(void *arg) {
    struct reader *reader = arg;
    struct race *race = reader->race;
    while (!atomic_load(&race->stop)) {
        d1_epoch_online(race->epoch, reader->index);
        for (int i = 0; i < 100; i++) {
            struct cell *cell = atomic_load_explicit(&race->cell, memory_order_acquire);
            if (cell->a != cell->b) {
                atomic_fetch_add(&race->torn, 1);
            }
            d1_epoch_quiesce(race->epoch, reader->index);
        }
        d1_epoch_offline(race->epoch, reader->index);
        atomic_fetch_add(&race->looked, 1);
    }
    return NULL;
}

static struct cell *make_cell(uint64_t value) {
    struct cell *cell = d1_malloc(sizeof(*cell));
    assert_non_null(cell);
    cell->a = value;
    cell->b = value;
    return cell;
}

static void readers_never_see_what_was_freed(void **state) {
    (void)state;
    struct race race = {.epoch = make(READERS)};
    struct reader readers[READERS];
    pthread_t threads[READERS];
    int64_t before = d1_mem_live();
    atomic_store(&race.cell, make_cell(0));
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&race, i};
        assert_int_equal(pthread_create(&threads[i], NULL, look, &readers[i]), 0);
    }
    for (uint64_t i = 1; i <= CHANGES; i++) {
        struct cell *fresh = make_cell(i);
        struct cell *old = atomic_exchange_explicit(&race.cell, fresh, memory_order_acq_rel);
        d1_epoch_retire(race.epoch, &old->item, free_cell);
        d1_epoch_reclaim(race.epoch);
    }
    atomic_store(&race.stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    d1_epoch_destroy(race.epoch);
    assert_int_equal(atomic_load(&race.torn), 0);
    d1_free(atomic_load(&race.cell));
    assert_int_equal(d1_mem_live(), before - 1); /* The epoch itself was counted before. */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_readers_all_is_released_at_once),
        cmocka_unit_test(an_online_reader_holds_what_it_may_see),
        cmocka_unit_test(a_reader_that_came_later_holds_nothing_back),
        cmocka_unit_test(tickets_pass_in_order),
        cmocka_unit_test(destroy_releases_the_rest),
        cmocka_unit_test(readers_are_limited),
        cmocka_unit_test(readers_never_see_what_was_freed),
    };
    return cmocka_run_group_tests_name("epoch", tests, NULL, NULL);
}
