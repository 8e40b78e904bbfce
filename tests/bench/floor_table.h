/*
 * The data of d1bench-floor: TXT records by owner name, from the zone file that zone.py writes, in
 * a hash table with linear probing whose records are two cache lines: name, and encoded answer.
 *
 * Threads: immutable once loaded.
 * Limits: owner names of at most D1_FLOOR_KEY_BYTES octets in wire form, all one label below the
 *   zone; values of at most D1_FLOOR_VALUE_MAX octets; one value per name.
 */
#ifndef D1_BENCH_FLOOR_TABLE_H
#define D1_BENCH_FLOOR_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"

#define D1_FLOOR_KEY_BYTES    64
#define D1_FLOOR_ANSWER_BYTES 64
#define D1_FLOOR_RR_BYTES     13 /* Owner pointer, type, class, TTL, length, string length. */
#define D1_FLOOR_VALUE_MAX    (D1_FLOOR_ANSWER_BYTES - D1_FLOOR_RR_BYTES)

/* A name in wire form, lower case, zeros after it. The rest of the program compares and hashes all. */
struct d1_floor_key {
    uint8_t octets[D1_FLOOR_KEY_BYTES];
};

struct d1_floor_record {
    struct d1_floor_key name;
    uint8_t answer[D1_FLOOR_ANSWER_BYTES]; /* An RR whose owner points to the question. */
};

struct d1_floor_slot {
    uint32_t tag;    /* High half of the name's hash. */
    uint32_t record; /* Index plus one; 0: empty. */
};

struct d1_floor_table {
    struct d1_floor_slot *slots;     /* Owned. */
    struct d1_floor_record *records; /* Owned, on cache lines. */
    uint64_t mask;
    uint32_t count;
    uint8_t zone_length;
    uint8_t zone[D1_FLOOR_KEY_BYTES]; /* Wire form, lower case. */
};

/* Read a zone file. Returns 0, -errno, -ENOMEM, D1_ELIMIT or D1_EPARSE. */
int d1_floor_table_init(struct d1_floor_table *table, const char *path,
                        struct d1_error *ret_error) D1_MUST_CHECK;

void d1_floor_table_close(struct d1_floor_table *table);

/* The first `length` of 64 readable octets, lower case. Length octets are below 'A'. */
static inline void d1_floor_key_set(struct d1_floor_key *key, const uint8_t *octets,
                                    size_t length) {
    uint8_t copy[D1_FLOOR_KEY_BYTES];
    memcpy(copy, octets, sizeof(copy));
    for (unsigned i = 0; i < sizeof(copy); i++) {
        uint8_t c = copy[i];
        uint8_t upper = (uint8_t)(c - 'A') < 26;
        c = (uint8_t)(c + (upper << 5));
        key->octets[i] = i < length ? c : 0;
    }
}

__extension__ typedef unsigned __int128 d1_floor_u128; /* Not ISO C: gcc and clang have it. */

static inline uint64_t d1_floor_fold(uint64_t a, uint64_t b) {
    d1_floor_u128 product = (d1_floor_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Multiply and fold, eight words. Not keyed: the names of a benchmark are nobody's attack. */
static inline uint64_t d1_floor_hash(const struct d1_floor_key *key) {
    uint64_t words[D1_FLOOR_KEY_BYTES / 8];
    memcpy(words, key->octets, sizeof(words));
    uint64_t low = d1_floor_fold(words[0] ^ 0x9E3779B97F4A7C15u, words[1] ^ 0xD1B54A32D192ED03u) ^
                   d1_floor_fold(words[2] ^ 0x8CB92BA72F3D8DD7u, words[3] ^ 0xAEF17502108EF2D9u);
    uint64_t high = d1_floor_fold(words[4] ^ 0xDB4F0B9175AE2165u, words[5] ^ 0xF1357AEA2E62A9C5u) ^
                    d1_floor_fold(words[6] ^ 0xBBE0563303A4615Fu, words[7] ^ 0xA0F2EC75A1FE1575u);
    return d1_floor_fold(low ^ 0x9E6C63D0876A9A47u, high ^ 0xE7037ED1A0B428DBu);
}

/* Ask for the slot, then (when it has come) for the record it names. */
static inline void d1_floor_prefetch_slot(const struct d1_floor_table *table, uint64_t hash) {
    __builtin_prefetch(&table->slots[hash & table->mask]);
}

static inline void d1_floor_prefetch_record(const struct d1_floor_table *table, uint64_t hash) {
    uint32_t record = table->slots[hash & table->mask].record;
    if (record != 0) {
        __builtin_prefetch(&table->records[record - 1].name);
        __builtin_prefetch(&table->records[record - 1].answer);
    }
}

/* The record of a name, or NULL. */
static inline const struct d1_floor_record *
d1_floor_find(const struct d1_floor_table *table, const struct d1_floor_key *key, uint64_t hash) {
    uint64_t at = hash & table->mask;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (; table->slots[at].record != 0; at = (at + 1) & table->mask) {
        const struct d1_floor_record *record = &table->records[table->slots[at].record - 1];
        if (table->slots[at].tag == tag && memcmp(&record->name, key, sizeof(*key)) == 0) {
            return record;
        }
    }
    return NULL;
}

#endif /* D1_BENCH_FLOOR_TABLE_H */
