/*
 * Splits of a bucket that holds more names than a sound hash puts there, and memory that ends in the
 * middle of one (--wrap of d1_arena_take and d1_region_extend).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/arena.h"
#include "dnsd/table.h"

#define APEX         "zone.test"
#define NAMES_MAX    256
#define BUCKET_UNITS 4  /* A bucket is a cache line. */
#define BEFORE_SPLIT 60 /* Names of 15 buckets: one more, and the last of 8 is split again. */
#define MEANT        0x3f

/* Those of 64 buckets; the records take more. */
#define BUCKETS_BYTES_MAX ((size_t)64 * BUCKET_UNITS * D1_ARENA_UNIT_BYTES)

/* Which of the next takes of a bucket fails: 0 the next one; and whether no bucket can be added. */
struct faults {
    bool armed;
    unsigned skip;
    unsigned failed;
    bool region;
};

static struct faults *faults(void) {
    static struct faults one;
    return &one;
}

uint32_t __real_d1_arena_take(struct d1_arena *arena, size_t units);
uint32_t __wrap_d1_arena_take(struct d1_arena *arena, size_t units);
int __real_d1_region_extend(struct d1_region *region, size_t usable);
int __wrap_d1_region_extend(struct d1_region *region, size_t usable);

uint32_t __wrap_d1_arena_take(struct d1_arena *arena, size_t units) {
    if (faults()->armed && units == BUCKET_UNITS && faults()->skip-- == 0) {
        faults()->armed = false;
        faults()->failed++;
        return 0;
    }
    return __real_d1_arena_take(arena, units);
}

int __wrap_d1_region_extend(struct d1_region *region, size_t usable) {
    if (faults()->region && usable <= BUCKETS_BYTES_MAX) {
        faults()->failed++;
        return -ENOMEM;
    }
    return __real_d1_region_extend(region, usable);
}

struct trial {
    struct d1_epoch *epoch;
    struct d1_table *table;
    struct d1_name apex;
    struct d1_name names[NAMES_MAX]; /* That fall into one bucket while there are 64 at most. */
    size_t held;                     /* So many of them are in the table. */
    int64_t live;
};

static void choose_names(struct trial *trial) {
    size_t count = 0;
    for (unsigned i = 0; count < NAMES_MAX; i++) {
        char text[32];
        struct d1_name *name = &trial->names[count];
        snprintf(text, sizeof(text), "n%07u." APEX, i);
        assert_int_equal(d1_name_from_text(text, name), D1_OK);
        uint64_t hash = d1_table_hash(trial->table, name->octets, name->length);
        count += (hash >> 32 & MEANT) == MEANT;
    }
}

static int set_up(void **state) {
    static const struct d1_hash_key key = {.word = {0x9e3779b97f4a7c15, 0xa0761d6478bd642f,
                                                    0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3,
                                                    0x589965cc75374cc3, 0x1d8e4e27c47d124f}};
    struct trial *trial = test_calloc(1, sizeof(*trial));
    memset(faults(), 0, sizeof(*faults()));
    trial->live = d1_mem_live();
    assert_int_equal(d1_epoch_create(1, &trial->epoch), D1_OK);
    assert_int_equal(d1_table_create_keyed(trial->epoch, &key, &trial->table), D1_OK);
    assert_int_equal(d1_name_from_text(APEX, &trial->apex), D1_OK);
    choose_names(trial);
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_table_destroy(trial->table);
    d1_epoch_destroy(trial->epoch);
    assert_int_equal(d1_mem_live(), trial->live);
    test_free(trial);
    return 0;
}

static int put(struct trial *trial, size_t i, uint8_t octet) {
    uint8_t wire[200];
    memset(wire, octet, sizeof(wire));
    const struct d1_rrset_source rrset = {
        .type = D1_TYPE_TXT, .count = 1, .length = sizeof(wire), .wire = wire};
    const struct d1_record_source source = {.rrsets_count = 1, .rrsets = &rrset};
    return d1_table_put(trial->table, &trial->names[i], trial->apex.length, &source);
}

static void put_next(struct trial *trial) {
    assert_int_equal(put(trial, trial->held++, 'x'), D1_OK);
}

static void expect_all(const struct trial *trial) {
    for (size_t i = 0; i < NAMES_MAX; i++) {
        const struct d1_name *name = &trial->names[i];
        uint64_t hash = d1_table_hash(trial->table, name->octets, name->length);
        const struct d1_record *record =
            d1_table_find(trial->table, hash, name->octets, name->length);
        assert_int_equal(record != NULL, i < trial->held);
    }
    assert_int_equal(d1_table_names(trial->table), trial->held + 1); /* And the apex. */
}

/* Octets that one name more takes: its record, and perhaps one more bucket of its chain. */
static size_t bytes_of_one(struct trial *trial) {
    size_t before = d1_table_bytes(trial->table);
    put_next(trial);
    return d1_table_bytes(trial->table) - before;
}

/* The split is left for later, and what it had taken is given back. */
static void a_split_without_memory_is_undone(void **state) {
    struct trial *trial = *state;
    while (trial->held + 2 < BEFORE_SPLIT) {
        put_next(trial);
    }
    size_t most = bytes_of_one(trial) + BUCKET_UNITS * D1_ARENA_UNIT_BYTES;
    assert_int_equal(d1_table_names(trial->table), BEFORE_SPLIT);
    for (unsigned skip = 1; skip < 8; skip++) {
        *faults() = (struct faults){.armed = true, .skip = skip};
        assert_in_range(bytes_of_one(trial), 1, most);
        assert_int_equal(faults()->failed, 1);
        expect_all(trial);
    }
    *faults() = (struct faults){.region = true};
    assert_in_range(bytes_of_one(trial), 1, most);
    assert_int_equal(faults()->failed, 1);
    expect_all(trial);
    *faults() = (struct faults){.armed = false};
    assert_true(bytes_of_one(trial) > most); /* Now it is split. */
    expect_all(trial);
}

/* More than 16 buckets in a chain are not pulled together; nothing is lost by it. */
static void a_long_chain_is_split_and_left(void **state) {
    struct trial *trial = *state;
    while (trial->held < NAMES_MAX) {
        put_next(trial);
    }
    expect_all(trial);
    while (trial->held > 0) {
        trial->held--;
        assert_int_equal(
            d1_table_remove(trial->table, &trial->names[trial->held], trial->apex.length), D1_OK);
    }
    assert_int_equal(d1_table_names(trial->table), 0);
}

/* What readers kept waiting goes little by little, so that no change takes long. */
static void one_change_frees_a_bounded_number(void **state) {
    struct trial *trial = *state;
    put_next(trial);
    put_next(trial);
    size_t settled = d1_table_bytes(trial->table);
    d1_epoch_online(trial->epoch, 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(put(trial, 0, (uint8_t)i), D1_OK);
    }
    d1_epoch_offline(trial->epoch, 0);
    size_t waiting = d1_table_bytes(trial->table);
    size_t record = (waiting - settled) / 200;
    unsigned changes = 0;
    size_t before = waiting;
    while (d1_table_bytes(trial->table) > settled + 2 * record && changes < 20) {
        assert_int_equal(put(trial, 1, 'y'), D1_OK);
        assert_true(before - d1_table_bytes(trial->table) <= 64 * record);
        before = d1_table_bytes(trial->table);
        changes++;
    }
    assert_in_range(changes, 4, 19);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_split_without_memory_is_undone),
        TEST(a_long_chain_is_split_and_left),
        TEST(one_change_frees_a_bounded_number),
    };
    return cmocka_run_group_tests_name("table_splits", tests, NULL, NULL);
}
