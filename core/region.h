/*
 * Region: a large reservation of address space whose first part is made usable in growing steps, so
 * that what stands in it never moves: base + offset is all a reader needs.
 *
 * Threads: one thread extends; what is usable may be read by any.
 * Memory: reserved space costs address space only; usable space costs memory once it is touched. It
 *   is zeroed, and asks for huge pages beyond its first 2 MiB.
 * Limits: the size that was reserved, which may be less than was asked for.
 */
#ifndef D1_CORE_REGION_H
#define D1_CORE_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

#define D1_REGION_ALIGN 2097152 /* A huge page of x86-64; base is a multiple of it. */

struct d1_region {
    uint8_t *base;
    size_t size;   /* Octets reserved. */
    size_t usable; /* Octets that may be read and written. */
    void *mapped;  /* What was mapped, for the release. */
    size_t mapped_size;
};

/*
 * Reserve `size` octets (a multiple of D1_REGION_ALIGN), or where the host refuses a half of that,
 * a quarter and so on down to `least`. Returns 0 or -errno.
 */
int d1_region_init(struct d1_region *region, size_t size, size_t least) D1_MUST_CHECK;

/* Give everything back. */
void d1_region_close(struct d1_region *region);

/*
 * Make at least the first `usable` octets usable. Returns 0, D1_ELIMIT when less is reserved, or
 * -errno; after an error nothing has changed.
 */
int d1_region_extend(struct d1_region *region, size_t usable) D1_MUST_CHECK;

#endif /* D1_CORE_REGION_H */
