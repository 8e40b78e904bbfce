/*
 * An entry is (32-bit tag, 32-bit arena index), 0 when empty; the tag is the upper half of the hash.
 * A bucket is found with the low bits of the tag, so that a split moves entries without touching a
 * record. The state word holds the number of buckets and a count of moves.
 *
 * Happy path of a reader: load the state (acquire), search the bucket and its overflow chain, found.
 * When nothing was found: load the state again; if it changed, search again.
 *
 * Why a reader never misses a name that is there all along: an entry changes its place in three
 * steps: copy it to the new place, publish a new state (release), clear the old place. A reader that
 * looked at the new place before the copy and at the old place after it was cleared (or filled
 * anew, or cut off) has read, with acquire, a store that came after the new state was published. So
 * its second load of the state shows a change, and it searches again. A reader that saw the new
 * state first also sees the copies that came before it.
 *
 * Failure modes: no memory for a record (the change is refused, nothing was touched); no memory for
 * a split (it is left for the next insert; chains grow meanwhile); readers that stand still (what
 * was retired waits; beyond D1_TABLE_WAITING_BYTES_MAX put refuses).
 *
 * Retired blobs are linked through fields that readers do not read, so retiring cannot fail. There
 * are two generations: `fresh` since the last ticket, and `aging`, which go when it has passed.
 */
#include "dnsd/table.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/epoch.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/region.h"
#include "dnsd/arena.h"

#define ENTRIES           7
#define LOAD              4 /* Names per bucket before one more bucket is made. */
#define BUCKETS_FIRST     8
#define BUCKETS_MAX       ((size_t)1 << 28)
#define BUCKETS_LEAST     ((size_t)1 << 20) /* 64 MiB of address space. */
#define CHAIN_COMPACT_MAX 16                /* Longer chains come from a broken hash only. */
#define FREE_PER_CHANGE   64                /* Waiting blobs that one change may free. */
#define MOVE              ((uint64_t)1 << 32)

struct bucket {
    _Atomic uint64_t entry[ENTRIES];
    _Atomic uint64_t next; /* Low half: overflow bucket; high half: link while it is retired. */
};

static_assert(sizeof(struct bucket) == D1_CACHE_LINE, "one bucket is one cache line");
static_assert(sizeof(struct d1_record) == D1_ARENA_UNIT_BYTES, "a record's head is one unit");

#define BUCKET_UNITS (sizeof(struct bucket) / D1_ARENA_UNIT_BYTES)

struct generation {
    uint32_t records; /* Heads of the lists. */
    uint32_t buckets;
    size_t count;
    size_t units;
};

struct d1_table {
    /* Readers: never changes. */
    struct d1_hash_key key;
    struct bucket *buckets;
    uint8_t *base;
    /* Readers: changes when an entry moves. */
    _Alignas(D1_CACHE_LINE) _Atomic uint64_t state;
    /* Writer only. */
    _Alignas(D1_CACHE_LINE) struct d1_epoch *epoch;
    struct d1_region bucket_region;
    struct generation fresh;
    struct generation aging;
    uint64_t aging_ticket;
    size_t names;
    uint64_t work;
    struct d1_arena arena;
};

/* Where an owner name stands: its octets, and what they hash to. */
struct key {
    const uint8_t *octets;
    size_t length;
    uint32_t tag;
};

static inline uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

static inline struct bucket *bucket_of(const struct d1_table *table, uint64_t state, uint32_t tag) {
    uint32_t count = (uint32_t)state;
    uint32_t mask = UINT32_MAX >> __builtin_clz(count - 1);
    uint32_t index = tag & mask;
    return &table->buckets[index < count ? index : index & (mask >> 1)];
}

static inline struct d1_record *record_at(const struct d1_table *table, uint64_t entry) {
    return d1_arena_at(table->base, (uint32_t)entry);
}

static inline struct bucket *next_of(const struct d1_table *table, const struct bucket *bucket) {
    uint32_t next = (uint32_t)atomic_load_explicit(&bucket->next, memory_order_acquire);
    return D1_LIKELY(next == 0) ? NULL : d1_arena_at(table->base, next);
}

static inline bool record_is(const struct d1_record *record, const uint8_t *name, size_t length) {
    return record->name_length == length &&
           memcmp(d1_record_at(record, record->name_offset), name, length) == 0;
}

static struct key key_of(const struct d1_table *table, const uint8_t *octets, size_t length) {
    return (struct key){octets, length, tag_of(d1_table_hash(table, octets, length))};
}

/* Readers. */

uint64_t d1_table_hash(const struct d1_table *table, const uint8_t *name, size_t length) {
    return d1_hash(&table->key, name, length);
}

void d1_table_prefetch_bucket(const struct d1_table *table, uint64_t hash) {
    uint64_t state = atomic_load_explicit(&table->state, memory_order_relaxed);
    __builtin_prefetch(bucket_of(table, state, tag_of(hash)));
}

void d1_table_prefetch_record(const struct d1_table *table, uint64_t hash) {
    uint32_t tag = tag_of(hash);
    uint64_t state = atomic_load_explicit(&table->state, memory_order_acquire);
    const struct bucket *bucket = bucket_of(table, state, tag);
    for (size_t i = 0; i < ENTRIES; i++) {
        uint64_t entry = atomic_load_explicit(&bucket->entry[i], memory_order_relaxed);
        if (entry != 0 && tag_of(entry) == tag) {
            const uint8_t *record = (const uint8_t *)record_at(table, entry);
            __builtin_prefetch(record);
            __builtin_prefetch(record + D1_CACHE_LINE);
            __builtin_prefetch(record + 2 * (size_t)D1_CACHE_LINE);
            return;
        }
    }
    const struct bucket *more = next_of(table, bucket);
    if (more != NULL) {
        __builtin_prefetch(more);
    }
}

static inline const struct d1_record *search(const struct d1_table *table, uint64_t state,
                                             uint32_t tag, const uint8_t *name, size_t length) {
    const struct bucket *bucket = bucket_of(table, state, tag);
    while (bucket != NULL) {
        for (size_t i = 0; i < ENTRIES; i++) {
            uint64_t entry = atomic_load_explicit(&bucket->entry[i], memory_order_acquire);
            if (entry == 0 || tag_of(entry) != tag) {
                continue;
            }
            const struct d1_record *record = record_at(table, entry);
            if (D1_LIKELY(record_is(record, name, length))) {
                return record;
            }
        }
        bucket = next_of(table, bucket);
    }
    return NULL;
}

const struct d1_record *d1_table_find(const struct d1_table *table, uint64_t hash,
                                      const uint8_t *name, size_t length) {
    uint64_t state = atomic_load_explicit(&table->state, memory_order_acquire);
    for (;;) {
        const struct d1_record *record = search(table, state, tag_of(hash), name, length);
        if (record != NULL) {
            return record;
        }
        uint64_t again = atomic_load_explicit(&table->state, memory_order_acquire);
        if (D1_LIKELY(again == state)) {
            return NULL;
        }
        state = again;
    }
}

/*
 * Whoever exists has all ancestors up to its apex, so that the longest one is found by halving. A
 * change between two look-ups may lead to a shorter one, which was right a moment ago.
 */
const struct d1_record *d1_table_find_above(const struct d1_table *table,
                                            const struct d1_name *name, size_t apex_length,
                                            size_t *ret_offset) {
    uint8_t offsets[D1_NAME_LABELS_MAX + 1];
    size_t count = 0;
    size_t at = 0;
    while (name->length - at > apex_length) {
        at += name->octets[at] + 1U;
        offsets[count++] = (uint8_t)at;
    }
    const struct d1_record *found = NULL;
    size_t low = 0;
    size_t high = count; /* What stands from here on exists. */
    while (low < high) {
        size_t middle = (low + high) / 2;
        const uint8_t *octets = name->octets + offsets[middle];
        size_t length = (size_t)name->length - offsets[middle];
        const struct d1_record *record =
            d1_table_find(table, d1_table_hash(table, octets, length), octets, length);
        if (record != NULL) {
            found = record;
            *ret_offset = offsets[middle];
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return found;
}

/* The writer: making and destroying. */

int d1_table_create_keyed(struct d1_epoch *epoch, const struct d1_hash_key *key,
                          struct d1_table **ret_table) {
    struct d1_table *table = d1_aligned(D1_CACHE_LINE, sizeof(*table));
    if (table == NULL) {
        return -ENOMEM;
    }
    table->epoch = epoch;
    table->key = *key;
    int err = d1_arena_init(&table->arena);
    if (err != D1_OK) {
        goto free_table;
    }
    err = d1_region_init(&table->bucket_region, BUCKETS_MAX * sizeof(struct bucket),
                         BUCKETS_LEAST * sizeof(struct bucket));
    if (err != D1_OK) {
        goto close_arena;
    }
    err = d1_region_extend(&table->bucket_region, BUCKETS_FIRST * sizeof(struct bucket));
    if (err != D1_OK) {
        goto close_buckets;
    }
    table->base = table->arena.region.base;
    table->buckets = (struct bucket *)(void *)table->bucket_region.base;
    atomic_init(&table->state, BUCKETS_FIRST);
    *ret_table = table;
    return D1_OK;
close_buckets:
    d1_region_close(&table->bucket_region);
close_arena:
    d1_arena_close(&table->arena);
free_table:
    d1_free(table);
    return err;
}

int d1_table_create(struct d1_epoch *epoch, struct d1_table **ret_table) {
    struct d1_hash_key key;
    int err = d1_hash_key_init(&key);
    return err == D1_OK ? d1_table_create_keyed(epoch, &key, ret_table) : err;
}

void d1_table_destroy(struct d1_table *table) {
    if (table == NULL) {
        return;
    }
    d1_region_close(&table->bucket_region);
    d1_arena_close(&table->arena);
    d1_free(table);
}

/* The writer: giving back what readers have let go of. */

static void retire_record(struct d1_table *table, uint32_t index) {
    struct d1_record *record = record_at(table, index);
    record->children = table->fresh.records;
    table->fresh.records = index;
    table->fresh.count++;
    table->fresh.units += record->size_units;
}

static void retire_bucket(struct d1_table *table, uint32_t index) {
    struct bucket *bucket = d1_arena_at(table->base, index);
    uint64_t next = (uint32_t)atomic_load_explicit(&bucket->next, memory_order_relaxed);
    next |= (uint64_t)table->fresh.buckets << 32;
    atomic_store_explicit(&bucket->next, next, memory_order_relaxed);
    table->fresh.buckets = index;
    table->fresh.count++;
    table->fresh.units += BUCKET_UNITS;
}

static void free_one(struct d1_table *table) {
    struct generation *aging = &table->aging;
    size_t units = BUCKET_UNITS;
    uint32_t index = aging->buckets;
    if (index != 0) {
        struct bucket *bucket = d1_arena_at(table->base, index);
        uint64_t next = atomic_load_explicit(&bucket->next, memory_order_relaxed);
        aging->buckets = (uint32_t)(next >> 32);
    } else {
        index = aging->records;
        struct d1_record *record = record_at(table, index);
        aging->records = record->children;
        units = record->size_units;
    }
    d1_arena_give(&table->arena, index, units);
    aging->count--;
    aging->units -= units;
}

/* Free up to `budget` blobs that nobody sees any more; take a ticket for what was retired since. */
static void reclaim(struct d1_table *table, size_t budget) {
    bool alone = table->epoch == NULL;
    if (table->aging.count > 0 && (alone || d1_epoch_passed(table->epoch, table->aging_ticket))) {
        for (size_t i = 0; i < budget && table->aging.count > 0; i++) {
            free_one(table);
        }
    }
    if (table->aging.count == 0 && table->fresh.count > 0) {
        assert(table->aging.records == 0 && table->aging.buckets == 0);
        table->aging = table->fresh;
        table->fresh = (struct generation){.records = 0};
        table->aging_ticket = alone ? 0 : d1_epoch_advance(table->epoch);
    }
}

void d1_table_adopt(struct d1_table *table, struct d1_epoch *epoch) {
    assert(table->epoch == NULL);
    size_t waiting = d1_table_reclaim(table);
    assert(waiting == 0);
    (void)waiting;
    table->epoch = epoch;
}

size_t d1_table_reclaim(struct d1_table *table) {
    reclaim(table, SIZE_MAX);
    reclaim(table, SIZE_MAX); /* What was fresh a moment ago, when no reader is online. */
    return table->aging.count + table->fresh.count;
}

static bool is_waiting_too_much(const struct d1_table *table) {
    size_t units = table->aging.units + table->fresh.units;
    return units * D1_ARENA_UNIT_BYTES > D1_TABLE_WAITING_BYTES_MAX;
}

/* The writer: buckets. */

/* The slot that holds the record of this name, or NULL. */
static _Atomic uint64_t *find_slot(struct d1_table *table, const struct key *key) {
    uint64_t state = atomic_load_explicit(&table->state, memory_order_relaxed);
    struct bucket *bucket = bucket_of(table, state, key->tag);
    for (; bucket != NULL; bucket = next_of(table, bucket)) {
        for (size_t i = 0; i < ENTRIES; i++) {
            uint64_t entry = atomic_load_explicit(&bucket->entry[i], memory_order_relaxed);
            table->work++;
            if (entry != 0 && tag_of(entry) == key->tag &&
                record_is(record_at(table, entry), key->octets, key->length)) {
                return &bucket->entry[i];
            }
        }
    }
    return NULL;
}

static struct d1_record *find_own(struct d1_table *table, const struct key *key) {
    _Atomic uint64_t *slot = find_slot(table, key);
    if (slot == NULL) {
        return NULL;
    }
    return record_at(table, atomic_load_explicit(slot, memory_order_relaxed));
}

/* A new overflow bucket, empty. Returns its index, or 0 when there is no memory. */
static uint32_t make_overflow(struct d1_table *table) {
    uint32_t index = d1_arena_take(&table->arena, BUCKET_UNITS);
    if (index != 0) {
        struct bucket *bucket = d1_arena_at(table->base, index);
        for (size_t i = 0; i < ENTRIES; i++) {
            atomic_init(&bucket->entry[i], 0);
        }
        atomic_init(&bucket->next, 0);
    }
    return index;
}

/* The first free slot of a chain, or NULL with the chain's last bucket in *ret_last. */
static _Atomic uint64_t *free_slot(struct d1_table *table, struct bucket *bucket,
                                   struct bucket **ret_last) {
    for (;;) {
        for (size_t i = 0; i < ENTRIES; i++) {
            table->work++;
            if (atomic_load_explicit(&bucket->entry[i], memory_order_relaxed) == 0) {
                return &bucket->entry[i];
            }
        }
        struct bucket *next = next_of(table, bucket);
        if (next == NULL) {
            *ret_last = bucket;
            return NULL;
        }
        bucket = next;
    }
}

/* Publish a new entry. Cannot fail: room for an overflow bucket was ensured. */
static void publish(struct d1_table *table, uint32_t tag, uint32_t index) {
    uint64_t entry = (uint64_t)tag << 32 | index;
    uint64_t state = atomic_load_explicit(&table->state, memory_order_relaxed);
    struct bucket *last = NULL;
    _Atomic uint64_t *slot = free_slot(table, bucket_of(table, state, tag), &last);
    if (slot != NULL) {
        atomic_store_explicit(slot, entry, memory_order_release);
        return;
    }
    uint32_t more = make_overflow(table);
    assert(more != 0);
    struct bucket *bucket = d1_arena_at(table->base, more);
    atomic_init(&bucket->entry[0], entry);
    atomic_store_explicit(&last->next, more, memory_order_release);
}

static void publish_state(struct d1_table *table, uint32_t more_buckets) {
    uint64_t state = atomic_load_explicit(&table->state, memory_order_relaxed);
    uint32_t count = (uint32_t)state + more_buckets;
    uint64_t moves = (state & ~(MOVE - 1)) + MOVE; /* Wraps after 2^32 moves within one look-up. */
    atomic_store_explicit(&table->state, moves | count, memory_order_release);
}

/*
 * Pull the entries of a chain together and retire the overflow buckets that are then empty: copy,
 * publish the state, clear, cut off.
 */
static void compact(struct d1_table *table, struct bucket *head) {
    struct bucket *chain[CHAIN_COMPACT_MAX];
    uint32_t index[CHAIN_COMPACT_MAX] = {0}; /* Arena index of chain[i]; the head has none. */
    size_t length = 0;
    size_t live = 0;
    for (struct bucket *at = head; at != NULL; at = next_of(table, at)) {
        if (length == CHAIN_COMPACT_MAX) {
            return;
        }
        if (length > 0) {
            struct bucket *before = chain[length - 1];
            index[length] = (uint32_t)atomic_load_explicit(&before->next, memory_order_relaxed);
        }
        chain[length++] = at;
        for (size_t i = 0; i < ENTRIES; i++) {
            live += atomic_load_explicit(&at->entry[i], memory_order_relaxed) != 0;
        }
    }
    size_t keep = live > ENTRIES ? (live + ENTRIES - 1) / ENTRIES : 1;
    if (keep == length) {
        return;
    }
    for (size_t i = keep * ENTRIES; i < length * ENTRIES; i++) {
        _Atomic uint64_t *from = &chain[i / ENTRIES]->entry[i % ENTRIES];
        uint64_t entry = atomic_load_explicit(from, memory_order_relaxed);
        if (entry != 0) {
            struct bucket *last = NULL;
            _Atomic uint64_t *to = free_slot(table, head, &last);
            assert(to != NULL);
            atomic_store_explicit(to, entry, memory_order_release);
        }
    }
    publish_state(table, 0);
    for (size_t i = keep * ENTRIES; i < length * ENTRIES; i++) {
        atomic_store_explicit(&chain[i / ENTRIES]->entry[i % ENTRIES], 0, memory_order_release);
    }
    atomic_store_explicit(&chain[keep - 1]->next, 0, memory_order_release);
    for (size_t i = keep; i < length; i++) {
        retire_bucket(table, index[i]);
    }
}

/* Give the new bucket, which nobody sees yet, room for `entries` entries. */
static bool make_room(struct d1_table *table, struct bucket *bucket, size_t entries) {
    size_t room = ENTRIES;
    while (room < entries) {
        uint32_t more = make_overflow(table);
        if (more == 0) {
            break;
        }
        struct bucket *made = d1_arena_at(table->base, more);
        uint64_t next = atomic_load_explicit(&bucket->next, memory_order_relaxed);
        atomic_init(&made->next, next);
        atomic_store_explicit(&bucket->next, more, memory_order_relaxed);
        room += ENTRIES;
    }
    if (room >= entries) {
        return true;
    }
    while (room > ENTRIES) {
        uint32_t more = (uint32_t)atomic_load_explicit(&bucket->next, memory_order_relaxed);
        struct bucket *made = d1_arena_at(table->base, more);
        uint64_t next = atomic_load_explicit(&made->next, memory_order_relaxed);
        atomic_store_explicit(&bucket->next, next, memory_order_relaxed);
        d1_arena_give(&table->arena, more, BUCKET_UNITS);
        room -= ENTRIES;
    }
    return false;
}

/* What one pass over the bucket that is split does with an entry that belongs to the new one. */
enum pass { PASS_COUNT, PASS_COPY, PASS_CLEAR };

static size_t split_pass(struct d1_table *table, enum pass pass, struct bucket *from,
                         uint32_t new_index, uint32_t mask) {
    size_t moving = 0;
    for (; from != NULL; from = next_of(table, from)) {
        for (size_t i = 0; i < ENTRIES; i++) {
            uint64_t entry = atomic_load_explicit(&from->entry[i], memory_order_relaxed);
            table->work++;
            if (entry == 0 || (tag_of(entry) & mask) != new_index) {
                continue;
            }
            moving++;
            if (pass == PASS_COPY) {
                struct bucket *last = NULL;
                _Atomic uint64_t *to = free_slot(table, &table->buckets[new_index], &last);
                assert(to != NULL);
                atomic_store_explicit(to, entry, memory_order_release);
            } else if (pass == PASS_CLEAR) {
                atomic_store_explicit(&from->entry[i], 0, memory_order_release);
            }
        }
    }
    return moving;
}

/* One more bucket: split the one that is next. Returns false when there is no memory for it. */
static bool split(struct d1_table *table) {
    uint32_t count = (uint32_t)atomic_load_explicit(&table->state, memory_order_relaxed);
    if (d1_region_extend(&table->bucket_region, ((size_t)count + 1) * sizeof(struct bucket)) != 0) {
        return false;
    }
    uint32_t high = UINT32_C(1) << (31 - __builtin_clz(count));
    uint32_t mask = 2 * high - 1;
    struct bucket *from = &table->buckets[count - high];
    size_t moving = split_pass(table, PASS_COUNT, from, count, mask);
    if (!make_room(table, &table->buckets[count], moving)) {
        return false;
    }
    split_pass(table, PASS_COPY, from, count, mask);
    publish_state(table, 1);
    split_pass(table, PASS_CLEAR, from, count, mask);
    compact(table, from);
    return true;
}

static void grow(struct d1_table *table) {
    for (;;) {
        uint32_t count = (uint32_t)atomic_load_explicit(&table->state, memory_order_relaxed);
        if (table->names <= (size_t)count * LOAD || !split(table)) {
            return;
        }
    }
}

/* The writer: records. */

static bool is_bare(const struct d1_record *record) {
    return record->rrsets_count == 0 && record->flags == 0;
}

static int record_units(const struct d1_record_source *source, size_t name_length,
                        size_t *ret_units) {
    if (source->rrsets_count > D1_RRSETS_MAX) {
        return D1_ETOOLARGE;
    }
    size_t bytes = sizeof(struct d1_record) + name_length;
    for (size_t i = 0; i < source->rrsets_count; i++) {
        bytes += sizeof(struct d1_rrset) + source->rrsets[i].length;
    }
    if (bytes > D1_RECORD_BYTES_MAX) {
        return D1_ETOOLARGE;
    }
    *ret_units = d1_arena_units(bytes);
    return D1_OK;
}

/* Build a record in a blob of `units`. Readers do not see it yet. */
static void build(struct d1_table *table, uint32_t index, size_t units, const struct key *key,
                  const struct d1_record_source *source) {
    struct d1_record *record = record_at(table, index);
    size_t at = sizeof(*record) + source->rrsets_count * sizeof(struct d1_rrset);
    table->work++;
    record->zone = source->zone;
    record->children = 0;
    record->flags = source->flags;
    record->name_length = (uint8_t)key->length;
    record->rrsets_count = source->rrsets_count;
    record->name_offset = (uint16_t)at;
    record->size_units = (uint16_t)units;
    uint8_t *bytes = (uint8_t *)record;
    memcpy(bytes + at, key->octets, key->length);
    at += key->length;
    for (size_t i = 0; i < source->rrsets_count; i++) {
        const struct d1_rrset_source *from = &source->rrsets[i];
        record->rrsets[i] = (struct d1_rrset){
            .type = from->type,
            .flags = from->flags,
            .offset = (uint16_t)at,
            .length = from->length,
            .count = from->count,
        };
        memcpy(bytes + at, from->wire, from->length);
        at += from->length;
    }
}

/* Put a new record in the place of the one in *slot, whose children it keeps. */
static int replace(struct d1_table *table, _Atomic uint64_t *slot, const struct key *key,
                   const struct d1_record_source *source) {
    size_t units = 0;
    int err = record_units(source, key->length, &units);
    if (err != D1_OK) {
        return err;
    }
    uint32_t index = d1_arena_take(&table->arena, units);
    if (index == 0) {
        return -ENOMEM;
    }
    build(table, index, units, key, source);
    uint32_t old = (uint32_t)atomic_load_explicit(slot, memory_order_relaxed);
    record_at(table, index)->children = record_at(table, old)->children;

    atomic_store_explicit(slot, (uint64_t)key->tag << 32 | index, memory_order_release);

    retire_record(table, old);
    return D1_OK;
}

/* Insert a name that holds no record, and before it the empty non-terminals above that are missing. */
static int insert(struct d1_table *table, const struct d1_name *name, size_t apex_length,
                  const struct d1_record_source *source) {
    const struct d1_record_source empty = {.zone = source->zone};
    struct key keys[D1_NAME_LABELS_MAX + 1]; /* From the name itself upward. */
    size_t units[D1_NAME_LABELS_MAX + 1];
    size_t units_all = 0;
    size_t count = 0;
    size_t at = 0;
    struct d1_record *parent = NULL;
    for (;;) {
        keys[count] = key_of(table, name->octets + at, name->length - at);
        parent = count > 0 ? find_own(table, &keys[count]) : NULL;
        if (parent != NULL) {
            break;
        }
        int err = record_units(count == 0 ? source : &empty, keys[count].length, &units[count]);
        if (err != D1_OK) {
            return err;
        }
        units_all += units[count++] + BUCKET_UNITS;
        if (name->length - at == apex_length) {
            break;
        }
        at += name->octets[at] + 1U;
        assert(name->length - at >= apex_length);
    }
    int err = d1_arena_ensure(&table->arena, units_all);
    if (err != D1_OK) {
        return err;
    }
    if (parent != NULL) {
        parent->children++;
    }
    for (size_t i = count; i-- > 0;) {
        uint32_t index = d1_arena_take(&table->arena, units[i]);
        assert(index != 0);
        build(table, index, units[i], &keys[i], i == 0 ? source : &empty);
        record_at(table, index)->children = i == 0 ? 0 : 1;
        publish(table, keys[i].tag, index);
    }
    table->names += count;
    grow(table);
    return D1_OK;
}

int d1_table_put(struct d1_table *table, const struct d1_name *name, size_t apex_length,
                 const struct d1_record_source *source) {
    assert(apex_length >= 1 && apex_length <= name->length);
    reclaim(table, FREE_PER_CHANGE);
    if (is_waiting_too_much(table)) {
        return D1_ELIMIT;
    }
    struct key key = key_of(table, name->octets, name->length);
    _Atomic uint64_t *slot = find_slot(table, &key);
    if (slot != NULL) {
        return replace(table, slot, &key, source);
    }
    return insert(table, name, apex_length, source);
}

int d1_table_remove(struct d1_table *table, const struct d1_name *name, size_t apex_length) {
    assert(apex_length >= 1 && apex_length <= name->length);
    reclaim(table, FREE_PER_CHANGE);
    struct key key = key_of(table, name->octets, name->length);
    _Atomic uint64_t *slot = find_slot(table, &key);
    if (slot == NULL) {
        return D1_ENOTFOUND;
    }
    uint32_t index = (uint32_t)atomic_load_explicit(slot, memory_order_relaxed);
    const struct d1_record *record = record_at(table, index);
    if (record->children > 0) {
        const struct d1_record_source empty = {.zone = record->zone};
        return is_bare(record) ? D1_ENOTFOUND : replace(table, slot, &key, &empty);
    }
    size_t at = 0;
    for (;;) {
        atomic_store_explicit(slot, 0, memory_order_release);
        retire_record(table, index);
        table->names--;
        if (name->length - at == apex_length) {
            return D1_OK;
        }
        at += name->octets[at] + 1U;
        key = key_of(table, name->octets + at, name->length - at);
        slot = find_slot(table, &key);
        assert(slot != NULL);
        index = (uint32_t)atomic_load_explicit(slot, memory_order_relaxed);
        struct d1_record *parent = record_at(table, index);
        assert(parent->children > 0);
        parent->children--;
        if (parent->children > 0 || !is_bare(parent)) {
            return D1_OK;
        }
    }
}

size_t d1_table_names(const struct d1_table *table) {
    return table->names;
}

size_t d1_table_bytes(const struct d1_table *table) {
    uint64_t state = atomic_load_explicit(&table->state, memory_order_relaxed);
    return sizeof(*table) + (uint32_t)state * sizeof(struct bucket) + d1_arena_bytes(&table->arena);
}

uint64_t d1_table_work(const struct d1_table *table) {
    return table->work;
}
