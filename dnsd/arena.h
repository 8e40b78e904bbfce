/*
 * Arena: blobs in units of 16 octets inside one region, named by the index of their first unit.
 *
 * Freed blobs wait in one list per size and are taken again by blobs of that size only: names and
 * values of one deployment come in few sizes, and taking one costs a single step.
 *
 * Threads: one writer. Readers may follow an index that the writer published.
 * Memory: owns its region. A blob handed out has undefined contents.
 * Limits: blobs of 1 to D1_ARENA_UNITS_MAX units; 2^32 units in all. Index 0 is never handed out.
 */
#ifndef D1_DNSD_ARENA_H
#define D1_DNSD_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/region.h"

#define D1_ARENA_UNIT_BYTES 16
#define D1_ARENA_UNITS_MAX  (D1_RECORD_BYTES_MAX / D1_ARENA_UNIT_BYTES)

struct d1_arena {
    struct d1_region region;
    uint64_t next_unit;  /* The first that was never handed out. */
    uint64_t free_units; /* In the lists. */
    uint32_t free_list[D1_ARENA_UNITS_MAX + 1];
};

static inline size_t d1_arena_units(size_t bytes) {
    return (bytes + D1_ARENA_UNIT_BYTES - 1) / D1_ARENA_UNIT_BYTES;
}

int d1_arena_init(struct d1_arena *arena) D1_MUST_CHECK;
void d1_arena_close(struct d1_arena *arena);

/* Make sure that blobs of `units` units together can be taken. Returns 0, D1_ELIMIT or -ENOMEM. */
int d1_arena_ensure(struct d1_arena *arena, size_t units) D1_MUST_CHECK;

/* Take a blob. Returns its index, or 0 when there is no memory. */
uint32_t d1_arena_take(struct d1_arena *arena, size_t units);

/* Give one back that nobody can see any more. */
void d1_arena_give(struct d1_arena *arena, uint32_t index, size_t units);

/* Octets in blobs that are taken. */
size_t d1_arena_bytes(const struct d1_arena *arena);

static inline void *d1_arena_at(const uint8_t *base, uint32_t index) {
    return (void *)(uintptr_t)(base + (size_t)index * D1_ARENA_UNIT_BYTES);
}

#endif /* D1_DNSD_ARENA_H */
