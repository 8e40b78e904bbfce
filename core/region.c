#include "core/region.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "core/err.h"
#include "core/mem.h"

#define STEP_BYTES 65536

int d1_region_init(struct d1_region *region, size_t size, size_t least) {
    assert(size % D1_REGION_ALIGN == 0 && least >= D1_REGION_ALIGN);
    if (d1_mem_fault_here()) {
        return -ENOMEM;
    }
    int err = -ENOMEM;
    for (size_t want = size; want >= least; want = want / 2 / D1_REGION_ALIGN * D1_REGION_ALIGN) {
        size_t mapped_size = want + D1_REGION_ALIGN;
        void *mapped =
            mmap(NULL, mapped_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            err = -errno;
            continue;
        }
        uintptr_t skip = D1_REGION_ALIGN - (uintptr_t)mapped % D1_REGION_ALIGN;
        *region = (struct d1_region){
            .base = (uint8_t *)mapped + skip % D1_REGION_ALIGN,
            .size = want,
            .mapped = mapped,
            .mapped_size = mapped_size,
        };
        /* Advice only: without it there are more TLB misses, nothing else. */
        (void)madvise(region->base, region->size, MADV_HUGEPAGE);
        return D1_OK;
    }
    return err;
}

void d1_region_close(struct d1_region *region) {
    if (region->mapped != NULL) {
        munmap(region->mapped, region->mapped_size);
    }
    *region = (struct d1_region){.base = NULL};
}

/* Small steps while it is small, then whole huge pages, an eighth more each time. */
static size_t step_to(const struct d1_region *region, size_t usable) {
    size_t target = region->usable + region->usable / 8;
    if (target < usable) {
        target = usable;
    }
    size_t unit = target > D1_REGION_ALIGN ? D1_REGION_ALIGN : STEP_BYTES;
    target = (target + unit - 1) / unit * unit;
    return target < region->size ? target : region->size;
}

int d1_region_extend(struct d1_region *region, size_t usable) {
    if (usable <= region->usable) {
        return D1_OK;
    }
    if (usable > region->size) {
        return D1_ELIMIT;
    }
    if (d1_mem_fault_here()) {
        return -ENOMEM;
    }
    size_t target = step_to(region, usable);
    if (mprotect(region->base + region->usable, target - region->usable, PROT_READ | PROT_WRITE) !=
        0) {
        return -errno;
    }
    region->usable = target;
    return D1_OK;
}
