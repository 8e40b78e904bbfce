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
#include "dnsd/table.h"

#define APEX      "zone.test"
#define NAMES_MAX 512
#define STEPS     20000
#define WORK_BOUND \
    1200 /* Entries looked at by one change of a name four labels deep, and a split. */

struct context {
    struct d1_epoch *epoch;
    struct d1_table *table;
    struct d1_name apex;
    int64_t live_before;
};

static int set_up_keyed(void **state, const struct d1_hash_key *key) {
    struct context *context = test_calloc(1, sizeof(*context));
    context->live_before = d1_mem_live();
    assert_int_equal(d1_epoch_create(1, &context->epoch), D1_OK);
    assert_int_equal(d1_table_create_keyed(context->epoch, key, &context->table), D1_OK);
    assert_int_equal(d1_name_from_text(APEX, &context->apex), D1_OK);
    *state = context;
    return 0;
}

/* A fixed key, so that a failure can be seen again. */
static int set_up(void **state) {
    static const struct d1_hash_key key = {.word = {0x9e3779b97f4a7c15, 0xa0761d6478bd642f,
                                                    0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3,
                                                    0x589965cc75374cc3, 0x1d8e4e27c47d124f}};
    return set_up_keyed(state, &key);
}

/*
 * The last step of the hash multiplies by (length ^ word[1]): all names of that length hash to 0 and
 * stand in one chain with one tag.
 */
static int set_up_colliding(void **state) {
    static const struct d1_hash_key key = {.word = {0x9e3779b97f4a7c15, 17, 0xe7037ed1a0b428db,
                                                    0x8ebc6af09c88c6e3, 0x589965cc75374cc3,
                                                    0x1d8e4e27c47d124f}};
    return set_up_keyed(state, &key);
}

static int tear_down(void **state) {
    struct context *context = *state;
    d1_table_destroy(context->table);
    d1_epoch_destroy(context->epoch);
    assert_int_equal(d1_mem_live(), context->live_before);
    test_free(context);
    return 0;
}

static struct d1_name name_of(const char *text) {
    struct d1_name name;
    if (d1_name_from_text(text, &name) != D1_OK) {
        fail_msg("not a name: %s", text);
    }
    return name;
}

/* Put a record with one RRset of `length` octets, all `octet`. */
static int put_octets(struct context *context, const struct d1_name *name, uint8_t octet,
                      size_t length) {
    static uint8_t wire[65536];
    memset(wire, octet, length);
    const struct d1_rrset_source rrset = {
        .type = D1_TYPE_TXT, .count = 1, .length = (uint16_t)length, .wire = wire};
    const struct d1_record_source source = {.zone = 3, .rrsets_count = 1, .rrsets = &rrset};
    return d1_table_put(context->table, name, context->apex.length, &source);
}

static int put(struct context *context, const char *text) {
    struct d1_name name = name_of(text);
    return put_octets(context, &name, 'v', 20);
}

static int remove_name(struct context *context, const char *text) {
    struct d1_name name = name_of(text);
    return d1_table_remove(context->table, &name, context->apex.length);
}

static const struct d1_record *find_name(const struct context *context,
                                         const struct d1_name *name) {
    uint64_t hash = d1_table_hash(context->table, name->octets, name->length);
    d1_table_prefetch_bucket(context->table, hash);
    d1_table_prefetch_record(context->table, hash);
    return d1_table_find(context->table, hash, name->octets, name->length);
}

static const struct d1_record *find(const struct context *context, const char *text) {
    struct d1_name name = name_of(text);
    return find_name(context, &name);
}

static void assert_bare(const struct context *context, const char *text) {
    const struct d1_record *record = find(context, text);
    assert_non_null(record);
    assert_int_equal(record->rrsets_count, 0);
    assert_int_equal(record->flags, 0);
    assert_int_equal(record->zone, 3);
}

static void empty_table_holds_nothing(void **state) {
    struct context *context = *state;
    assert_null(find(context, APEX));
    assert_null(find(context, "."));
    assert_int_equal(d1_table_names(context->table), 0);
    assert_int_equal(remove_name(context, APEX), D1_ENOTFOUND);
}

static void what_is_put_is_found(void **state) {
    struct context *context = *state;
    static const uint8_t txt[] = "txt octets";
    static const uint8_t a[] = "a octets, more";
    const struct d1_rrset_source rrsets[] = {
        {.type = D1_TYPE_A, .flags = D1_RRSET_STATIC, .count = 2, .length = 14, .wire = a},
        {.type = D1_TYPE_TXT, .count = 1, .length = 10, .wire = txt},
    };
    const struct d1_record_source source = {
        .zone = 9, .flags = D1_RECORD_KNOWN, .rrsets_count = 2, .rrsets = rrsets};
    struct d1_name name = name_of("a." APEX);
    assert_int_equal(d1_table_put(context->table, &name, context->apex.length, &source), D1_OK);
    const struct d1_record *record = find(context, "a." APEX);
    assert_non_null(record);
    assert_int_equal(record->zone, 9);
    assert_int_equal(record->flags, D1_RECORD_KNOWN);
    assert_int_equal(record->name_length, name.length);
    assert_memory_equal(d1_record_at(record, record->name_offset), name.octets, name.length);
    assert_int_equal(record->rrsets_count, 2);
    assert_int_equal(record->rrsets[0].type, D1_TYPE_A);
    assert_int_equal(record->rrsets[0].flags, D1_RRSET_STATIC);
    assert_int_equal(record->rrsets[0].count, 2);
    assert_int_equal(record->rrsets[0].length, 14);
    assert_int_equal(record->rrsets[0].signed_length, 0);
    assert_memory_equal(d1_record_at(record, record->rrsets[0].offset), a, 14);
    assert_memory_equal(d1_record_at(record, record->rrsets[1].offset), txt, 10);
}

static void put_makes_empty_non_terminals(void **state) {
    struct context *context = *state;
    assert_int_equal(put(context, "a.b.c." APEX), D1_OK);
    assert_bare(context, "b.c." APEX);
    assert_bare(context, "c." APEX);
    assert_bare(context, APEX);
    assert_null(find(context, "test"));
    assert_int_equal(d1_table_names(context->table), 4);
}

static void removal_takes_unneeded_non_terminals(void **state) {
    struct context *context = *state;
    assert_int_equal(put(context, APEX), D1_OK);
    assert_int_equal(put(context, "a.b.c." APEX), D1_OK);
    assert_int_equal(put(context, "d.c." APEX), D1_OK);
    assert_int_equal(remove_name(context, "a.b.c." APEX), D1_OK);
    assert_null(find(context, "a.b.c." APEX));
    assert_null(find(context, "b.c." APEX));
    assert_bare(context, "c." APEX);
    assert_int_equal(remove_name(context, "d.c." APEX), D1_OK);
    assert_null(find(context, "c." APEX));
    assert_non_null(find(context, APEX));
    assert_int_equal(d1_table_names(context->table), 1);
}

static void removal_above_others_leaves_a_non_terminal(void **state) {
    struct context *context = *state;
    assert_int_equal(put(context, "c." APEX), D1_OK);
    assert_int_equal(put(context, "b.c." APEX), D1_OK);
    assert_int_equal(remove_name(context, "c." APEX), D1_OK);
    assert_bare(context, "c." APEX);
    assert_int_equal(remove_name(context, "c." APEX), D1_ENOTFOUND);
    assert_int_equal(remove_name(context, "b.c." APEX), D1_OK);
    assert_int_equal(d1_table_names(context->table), 0);
}

static void put_turns_a_non_terminal_into_a_record(void **state) {
    struct context *context = *state;
    assert_int_equal(put(context, "b.c." APEX), D1_OK);
    assert_int_equal(put(context, "c." APEX), D1_OK);
    assert_int_equal(find(context, "c." APEX)->rrsets_count, 1);
    assert_int_equal(remove_name(context, "b.c." APEX), D1_OK);
    assert_int_equal(find(context, "c." APEX)->rrsets_count, 1);
    assert_int_equal(remove_name(context, "c." APEX), D1_OK);
    assert_int_equal(d1_table_names(context->table), 0);
}

static void known_name_without_rrsets_stays(void **state) {
    struct context *context = *state;
    const struct d1_record_source known = {.flags = D1_RECORD_KNOWN};
    struct d1_name name = name_of("k." APEX);
    assert_int_equal(d1_table_put(context->table, &name, context->apex.length, &known), D1_OK);
    assert_int_equal(put(context, "a.k." APEX), D1_OK);
    assert_int_equal(remove_name(context, "a.k." APEX), D1_OK);
    assert_non_null(find(context, "k." APEX));
    assert_int_equal(remove_name(context, "k." APEX), D1_OK);
    assert_null(find(context, "k." APEX));
}

static void too_large_a_record_is_refused(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a.b." APEX);
    assert_int_equal(put_octets(context, &name, 'x', 65500), D1_ETOOLARGE);
    assert_int_equal(d1_table_names(context->table), 0);
    assert_int_equal(put_octets(context, &name, 'x', 65000), D1_OK);
    assert_int_equal(put_octets(context, &name, 'x', 65500), D1_ETOOLARGE);
    assert_int_equal(find_name(context, &name)->rrsets[0].length, 65000);
}

static void more_rrsets_than_the_limit_are_refused(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a.b." APEX);
    struct d1_rrset_source rrsets[D1_RRSETS_MAX + 1];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rrsets); i++) {
        rrsets[i] = (struct d1_rrset_source){
            .type = (uint16_t)(1 + i), .count = 1, .length = 3, .wire = (const uint8_t *)"abc"};
    }
    struct d1_record_source source = {
        .zone = 3, .rrsets_count = D1_ARRAY_LENGTH(rrsets), .rrsets = rrsets};
    assert_int_equal(d1_table_put(context->table, &name, context->apex.length, &source),
                     D1_ETOOLARGE);
    assert_int_equal(d1_table_names(context->table), 0);
    source.rrsets_count = D1_RRSETS_MAX;
    assert_int_equal(d1_table_put(context->table, &name, context->apex.length, &source), D1_OK);
    assert_int_equal(find_name(context, &name)->rrsets_count, D1_RRSETS_MAX);
}

static void longest_and_deepest_name_is_held(void **state) {
    struct context *context = *state;
    struct d1_name name = {.length = 255};
    struct d1_name root = name_of(".");
    for (size_t i = 0; i < 254; i += 2) {
        name.octets[i] = 1;
        name.octets[i + 1] = 'x';
    }
    context->apex = root;
    assert_int_equal(put_octets(context, &name, 'v', 10), D1_OK);
    assert_int_equal(d1_table_names(context->table), 128);
    assert_non_null(find_name(context, &name));
    assert_int_equal(d1_table_remove(context->table, &name, 1), D1_OK);
    assert_int_equal(d1_table_names(context->table), 0);
}

/* The model: what each of NAMES_MAX names holds; 0: nothing. */
struct model {
    struct d1_name name[NAMES_MAX];
    uint8_t octet[NAMES_MAX];
    size_t length[NAMES_MAX];
};

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Whether the model holds the name or one below it. */
static bool model_exists(const struct model *model, const struct d1_name *name) {
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (model->octet[i] != 0 && d1_name_is_under(&model->name[i], name)) {
            return true;
        }
    }
    return false;
}

static void assert_as_model(const struct context *context, const struct model *model) {
    for (size_t i = 0; i < NAMES_MAX; i++) {
        const struct d1_record *record = find_name(context, &model->name[i]);
        if (model->octet[i] == 0) {
            assert_int_equal(record != NULL, model_exists(model, &model->name[i]));
            assert_true(record == NULL || record->rrsets_count == 0);
            continue;
        }
        assert_non_null(record);
        assert_int_equal(record->rrsets_count, 1);
        const struct d1_rrset *rrset = &record->rrsets[0];
        assert_int_equal(rrset->length, model->length[i]);
        for (size_t at = 0; at < rrset->length; at++) {
            assert_int_equal(d1_record_at(record, rrset->offset)[at], model->octet[i]);
        }
    }
}

/* Random changes of names up to four labels deep below the apex, compared with the model. */
static void run_differential(struct context *context, uint32_t seed) {
    struct model *model = test_calloc(1, sizeof(*model));
    for (size_t i = 0; i < NAMES_MAX; i++) {
        char text[64];
        size_t group = i / 4;
        switch (i % 4) {
        case 0:
            snprintf(text, sizeof(text), "n%zu." APEX, group);
            break;
        case 1:
            snprintf(text, sizeof(text), "m.n%zu." APEX, group);
            break;
        case 2:
            snprintf(text, sizeof(text), "k.m.n%zu." APEX, group);
            break;
        default: /* 17 octets. */
            snprintf(text, sizeof(text), "x%04zu." APEX, group);
            break;
        }
        model->name[i] = name_of(text);
    }
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = next_random(&seed) % NAMES_MAX;
        uint64_t before = d1_table_work(context->table);
        if (next_random(&seed) % 3 != 0) {
            uint8_t octet = (uint8_t)(1 + next_random(&seed) % 255);
            size_t length = next_random(&seed) % 300;
            assert_int_equal(put_octets(context, &model->name[i], octet, length), D1_OK);
            model->octet[i] = octet;
            model->length[i] = length;
        } else {
            int wanted = model->octet[i] != 0 ? D1_OK : D1_ENOTFOUND;
            assert_int_equal(d1_table_remove(context->table, &model->name[i], context->apex.length),
                             wanted);
            model->octet[i] = 0;
        }
        assert_true(d1_table_work(context->table) > before);
        if (step % 1000 == 0 || step + 1 == STEPS) {
            assert_as_model(context, model);
        }
    }
    for (size_t i = 0; i < NAMES_MAX; i++) {
        (void)d1_table_remove(context->table, &model->name[i], context->apex.length);
    }
    assert_int_equal(d1_table_names(context->table), 0);
    test_free(model);
}

static void random_changes_agree_with_a_model(void **state) {
    run_differential(*state, 20261122);
}

static void colliding_names_agree_with_a_model(void **state) {
    struct context *context = *state;
    struct d1_name one = name_of("x0003." APEX);
    struct d1_name other = name_of("x0007." APEX);
    run_differential(context, 4711);
    assert_int_equal(one.length, 17);
    assert_int_equal(d1_table_hash(context->table, one.octets, one.length),
                     d1_table_hash(context->table, other.octets, other.length));
    for (unsigned i = 0; i < 300; i++) {
        char text[32];
        snprintf(text, sizeof(text), "x%04u." APEX, i);
        assert_int_equal(put(context, text), D1_OK);
    }
    for (unsigned i = 0; i < 300; i += 2) {
        char text[32];
        snprintf(text, sizeof(text), "x%04u." APEX, i);
        assert_int_equal(remove_name(context, text), D1_OK);
    }
    for (unsigned i = 0; i < 300; i++) {
        char text[32];
        snprintf(text, sizeof(text), "x%04u." APEX, i);
        assert_int_equal(find(context, text) != NULL, i % 2 == 1);
    }
}

static void growth_is_one_bounded_step_at_a_time(void **state) {
    struct context *context = *state;
    uint64_t worst = 0;
    const unsigned names = 50000;
    for (unsigned i = 0; i < names; i++) {
        char text[64];
        snprintf(text, sizeof(text), "_acme-challenge.n%06u." APEX, i);
        uint64_t before = d1_table_work(context->table);
        assert_int_equal(put(context, text), D1_OK);
        uint64_t work = d1_table_work(context->table) - before;
        worst = work > worst ? work : worst;
    }
    assert_true(worst < WORK_BOUND);
    assert_int_equal(d1_table_names(context->table), 2 * names + 1);
    for (unsigned i = 0; i < names; i++) {
        char text[64];
        snprintf(text, sizeof(text), "_acme-challenge.n%06u." APEX, i);
        assert_non_null(find(context, text));
    }
}

static void a_static_txt_name_takes_160_octets(void **state) {
    struct context *context = *state;
    const unsigned names = 20000;
    for (unsigned i = 0; i < names; i++) {
        char text[64];
        snprintf(text, sizeof(text), "n%08u-0123456789abcd." APEX, i); /* 35 octets. */
        struct d1_name name = name_of(text);
        assert_int_equal(put_octets(context, &name, 'v', 12 + 44), D1_OK);
    }
    assert_true(d1_table_bytes(context->table) / names <= 160);
}

static void updates_reuse_memory(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a." APEX);
    assert_int_equal(put_octets(context, &name, 'v', 60), D1_OK);
    assert_int_equal(d1_table_reclaim(context->table), 0);
    size_t bytes = d1_table_bytes(context->table);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(put_octets(context, &name, (uint8_t)i, 60), D1_OK);
    }
    assert_int_equal(d1_table_reclaim(context->table), 0);
    assert_int_equal(d1_table_bytes(context->table), bytes);
}

static void readers_keep_what_they_found(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a." APEX);
    d1_epoch_online(context->epoch, 0);
    assert_int_equal(put_octets(context, &name, 'o', 60), D1_OK);
    const struct d1_record *old = find_name(context, &name);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(put_octets(context, &name, 'n', 60), D1_OK);
    }
    assert_int_equal(d1_table_reclaim(context->table), 100);
    assert_int_equal(d1_record_at(old, old->rrsets[0].offset)[59], 'o');
    d1_epoch_quiesce(context->epoch, 0);
    d1_table_reclaim(context->table);
    d1_epoch_quiesce(context->epoch, 0);
    assert_int_equal(d1_table_reclaim(context->table), 0);
    d1_epoch_offline(context->epoch, 0);
}

static void readers_that_stand_still_stop_the_writer(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a." APEX);
    d1_epoch_online(context->epoch, 0);
    int err = D1_OK;
    size_t puts = 0;
    while (err == D1_OK && puts < 3000) {
        err = put_octets(context, &name, 'v', 60000);
        puts++;
    }
    assert_int_equal(err, D1_ELIMIT);
    assert_true(d1_table_bytes(context->table) < D1_TABLE_WAITING_BYTES_MAX + 1000000);
    assert_int_equal(d1_table_remove(context->table, &name, context->apex.length), D1_OK);
    d1_epoch_offline(context->epoch, 0);
    assert_int_equal(d1_table_reclaim(context->table), 0);
    assert_int_equal(put_octets(context, &name, 'v', 60000), D1_OK);
}

static void failed_creation_leaves_nothing(void **state) {
    (void)state;
    const struct d1_hash_key key = {.word = {1, 3, 5, 7, 9, 11}};
    struct d1_table *table = NULL;
    int64_t live = d1_mem_live();
    unsigned failed = 0;
    for (uint64_t skip = 0; skip < 20; skip++) {
        d1_mem_fault_arm(skip, 0);
        int err = d1_table_create_keyed(NULL, &key, &table);
        if (d1_mem_fault_disarm() == 0) {
            assert_int_equal(err, D1_OK);
            d1_table_destroy(table);
            break;
        }
        failed++;
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(d1_mem_live(), live);
    }
    assert_true(failed >= 3);
}

/* With no new memory at all, puts fail cleanly or use what is there; nothing else changes. */
static void without_memory_nothing_changes(void **state) {
    struct context *context = *state;
    unsigned refused = 0;
    assert_int_equal(put(context, APEX), D1_OK);
    d1_mem_fault_arm(0, 1);
    for (unsigned i = 0; i < 3000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "a.b.n%04u." APEX, i);
        size_t names = d1_table_names(context->table);
        int err = put(context, text);
        if (err != D1_OK) {
            refused++;
            assert_int_equal(err, -ENOMEM);
            assert_int_equal(d1_table_names(context->table), names);
            assert_null(find(context, text));
            snprintf(text, sizeof(text), "n%04u." APEX, i);
            assert_null(find(context, text));
        } else {
            assert_non_null(find(context, text));
        }
    }
    d1_mem_fault_disarm();
    assert_true(refused > 0);
    assert_true(d1_table_names(context->table) > 100);
    assert_int_equal(put(context, "last." APEX), D1_OK);
    for (unsigned i = 0; i < 3000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "a.b.n%04u." APEX, i);
        int err = remove_name(context, text);
        assert_true(err == D1_OK || err == D1_ENOTFOUND);
    }
    assert_int_equal(d1_table_names(context->table), 2);
}

static void without_memory_the_old_record_stays(void **state) {
    struct context *context = *state;
    struct d1_name name = name_of("a." APEX);
    assert_int_equal(put_octets(context, &name, 'o', 60), D1_OK);
    d1_epoch_online(context->epoch, 0); /* What was replaced is not free again. */
    d1_mem_fault_arm(0, 1);
    int err = D1_OK;
    uint8_t last = 0;
    while (err == D1_OK && last < 200) {
        err = put_octets(context, &name, ++last, 60000);
    }
    assert_true(d1_mem_fault_disarm() > 0);
    assert_int_equal(err, -ENOMEM);
    const struct d1_record *record = find_name(context, &name);
    uint8_t held = *(const uint8_t *)d1_record_at(record, record->rrsets[0].offset);
    assert_int_equal(held, last == 1 ? 'o' : last - 1);
    assert_int_equal(put_octets(context, &name, 'n', 60000), D1_OK);
    d1_epoch_offline(context->epoch, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TEST_COLLIDING(function) \
    cmocka_unit_test_setup_teardown(function, set_up_colliding, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(empty_table_holds_nothing),
        TEST(what_is_put_is_found),
        TEST(put_makes_empty_non_terminals),
        TEST(removal_takes_unneeded_non_terminals),
        TEST(removal_above_others_leaves_a_non_terminal),
        TEST(put_turns_a_non_terminal_into_a_record),
        TEST(known_name_without_rrsets_stays),
        TEST(too_large_a_record_is_refused),
        TEST(more_rrsets_than_the_limit_are_refused),
        TEST(longest_and_deepest_name_is_held),
        TEST(random_changes_agree_with_a_model),
        TEST_COLLIDING(colliding_names_agree_with_a_model),
        TEST(growth_is_one_bounded_step_at_a_time),
        TEST(a_static_txt_name_takes_160_octets),
        TEST(updates_reuse_memory),
        TEST(readers_keep_what_they_found),
        TEST(readers_that_stand_still_stop_the_writer),
        cmocka_unit_test(failed_creation_leaves_nothing),
        TEST(without_memory_nothing_changes),
        TEST(without_memory_the_old_record_stays),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
