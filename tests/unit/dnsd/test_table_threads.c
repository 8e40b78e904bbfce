/*
 * Three readers look for names that are there all along while the writer inserts, removes and
 * updates others, which splits and compacts the buckets these names stand in. A reader that misses
 * one, or sees octets of another, has found a fault of the table.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/table.h"

#define READERS 3
#define STABLE  64
#define GUESTS  1500 /* Inserted, updated and removed in each round. */

#ifdef __SANITIZE_THREAD__
#define ROUNDS 4 /* ThreadSanitizer sees a missing order without needing luck. */
#else
#define ROUNDS 30
#endif

struct shared {
    struct d1_epoch *epoch;
    struct d1_table *table; /* Replaced between rounds, while the readers stand still. */
    struct d1_name stable[STABLE];
    uint64_t hash[STABLE];
    _Atomic bool done;
    _Atomic uint64_t missed;
    _Atomic uint64_t torn;
    _Atomic uint64_t found;
};

struct reader {
    struct shared *shared;
    unsigned index;
};

static bool is_whole(const struct d1_record *record) {
    const struct d1_rrset *rrset = &record->rrsets[0];
    const uint8_t *wire = d1_record_at(record, rrset->offset);
    for (size_t i = 1; i < rrset->length; i++) {
        if (wire[i] != wire[0]) {
            return false;
        }
    }
    return record->rrsets_count == 1 && rrset->length > 0;
}

static void *read_all(void *arg) {
    struct reader *reader = arg;
    struct shared *shared = reader->shared;
    uint64_t found = 0;
    d1_epoch_online(shared->epoch, reader->index);
    while (!atomic_load_explicit(&shared->done, memory_order_acquire)) {
        for (size_t i = 0; i < STABLE; i++) {
            const struct d1_name *name = &shared->stable[i];
            d1_table_prefetch_bucket(shared->table, shared->hash[i]);
            d1_table_prefetch_record(shared->table, shared->hash[i]);
            const struct d1_record *record =
                d1_table_find(shared->table, shared->hash[i], name->octets, name->length);
            if (record == NULL) {
                atomic_fetch_add(&shared->missed, 1);
            } else if (!is_whole(record)) {
                atomic_fetch_add(&shared->torn, 1);
            } else {
                found++;
            }
        }
        d1_epoch_quiesce(shared->epoch, reader->index);
    }
    d1_epoch_offline(shared->epoch, reader->index);
    atomic_fetch_add(&shared->found, found);
    return NULL;
}

static int put_octets(struct d1_table *table, const struct d1_name *name, size_t apex_length,
                      uint8_t octet, size_t length) {
    uint8_t wire[256];
    memset(wire, octet, sizeof(wire));
    const struct d1_rrset_source rrset = {
        .type = D1_TYPE_TXT, .count = 1, .length = (uint16_t)length, .wire = wire};
    const struct d1_record_source source = {.rrsets_count = 1, .rrsets = &rrset};
    return d1_table_put(table, name, apex_length, &source);
}

static struct d1_name guest_name(unsigned i) {
    char text[64];
    struct d1_name name;
    snprintf(text, sizeof(text), i % 3 == 0 ? "a.b.g%u.zone.test" : "g%u.zone.test", i);
    assert_int_equal(d1_name_from_text(text, &name), D1_OK);
    return name;
}

/* Grow from nothing, update, remove: every change moves or replaces something. */
static void write_round(struct shared *shared, size_t apex_length) {
    for (unsigned i = 0; i < GUESTS; i++) {
        struct d1_name name = guest_name(i);
        int err = put_octets(shared->table, &name, apex_length, (uint8_t)(i + 1), 1 + i % 200);
        assert_int_equal(err, D1_OK);
        const struct d1_name *stable = &shared->stable[i % STABLE];
        err = put_octets(shared->table, stable, apex_length, (uint8_t)(i + 7), 1 + i % 99);
        assert_int_equal(err, D1_OK);
    }
    for (unsigned i = 0; i < GUESTS; i++) {
        struct d1_name name = guest_name(i);
        assert_int_equal(d1_table_remove(shared->table, &name, apex_length), D1_OK);
        d1_table_reclaim(shared->table);
    }
}

static void run_round(struct shared *shared) {
    struct d1_name apex;
    pthread_t threads[READERS];
    struct reader readers[READERS];
    assert_int_equal(d1_name_from_text("zone.test", &apex), D1_OK);
    assert_int_equal(d1_table_create(shared->epoch, &shared->table), D1_OK);
    for (unsigned i = 0; i < STABLE; i++) {
        char text[64];
        snprintf(text, sizeof(text), "stable%u.zone.test", i);
        struct d1_name *name = &shared->stable[i];
        assert_int_equal(d1_name_from_text(text, name), D1_OK);
        assert_int_equal(put_octets(shared->table, name, apex.length, 's', 44), D1_OK);
        shared->hash[i] = d1_table_hash(shared->table, name->octets, name->length);
    }
    atomic_store(&shared->done, false);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){shared, i};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    }
    write_round(shared, apex.length);
    atomic_store_explicit(&shared->done, true, memory_order_release);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(d1_table_reclaim(shared->table), 0);
    d1_table_destroy(shared->table);
}

static void stable_names_are_always_found(void **state) {
    (void)state;
    struct shared shared = {.table = NULL};
    int64_t live = d1_mem_live();
    assert_int_equal(d1_epoch_create(READERS, &shared.epoch), D1_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_round(&shared);
    }
    d1_epoch_destroy(shared.epoch);
    assert_int_equal(atomic_load(&shared.missed), 0);
    assert_int_equal(atomic_load(&shared.torn), 0);
    assert_true(atomic_load(&shared.found) > 0);
    assert_int_equal(d1_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stable_names_are_always_found),
    };
    return cmocka_run_group_tests_name("table_threads", tests, NULL, NULL);
}
