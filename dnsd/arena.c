#include "dnsd/arena.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/err.h"

#define RESERVE_BYTES (((size_t)1 << 32) * D1_ARENA_UNIT_BYTES)
#define LEAST_BYTES   ((size_t)64 << 20)

int d1_arena_init(struct d1_arena *arena) {
    memset(arena, 0, sizeof(*arena));
    arena->next_unit = 1;
    return d1_region_init(&arena->region, RESERVE_BYTES, LEAST_BYTES);
}

void d1_arena_close(struct d1_arena *arena) {
    d1_region_close(&arena->region);
}

int d1_arena_ensure(struct d1_arena *arena, size_t units) {
    return d1_region_extend(&arena->region, (arena->next_unit + units) * D1_ARENA_UNIT_BYTES);
}

uint32_t d1_arena_take(struct d1_arena *arena, size_t units) {
    assert(units >= 1 && units <= D1_ARENA_UNITS_MAX);
    uint32_t index = arena->free_list[units];
    if (index != 0) {
        memcpy(&arena->free_list[units], d1_arena_at(arena->region.base, index), sizeof(uint32_t));
        arena->free_units -= units;
        return index;
    }
    if (d1_arena_ensure(arena, units) != D1_OK) {
        return 0;
    }
    index = (uint32_t)arena->next_unit;
    arena->next_unit += units;
    return index;
}

void d1_arena_give(struct d1_arena *arena, uint32_t index, size_t units) {
    assert(index != 0 && index + units <= arena->next_unit);
    memcpy(d1_arena_at(arena->region.base, index), &arena->free_list[units], sizeof(uint32_t));
    arena->free_list[units] = index;
    arena->free_units += units;
}

size_t d1_arena_bytes(const struct d1_arena *arena) {
    return (arena->next_unit - arena->free_units) * D1_ARENA_UNIT_BYTES;
}
