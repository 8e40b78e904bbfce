/*
 * Memory: the only place that calls malloc and its family, so that tests can make any allocation
 * fail and count what is alive.
 *
 * Threads: all functions may be called from any thread. Fault points are per process.
 * Memory: what an allocator returns is freed with d1_free() and nothing else.
 */
#ifndef D1_CORE_MEM_H
#define D1_CORE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

/* `count` zeroed objects of `size` octets. Returns NULL when there is no memory or it overflows. */
void *d1_calloc(size_t count, size_t size) D1_MUST_CHECK;

/* `size` octets, not cleared. Returns NULL when there is no memory. */
void *d1_malloc(size_t size) D1_MUST_CHECK;

/* Like realloc for an array: on NULL the old one is still valid and owned by the caller. */
void *d1_realloc(void *pointer, size_t count, size_t size) D1_MUST_CHECK;

/* `size` zeroed octets at a multiple of `alignment` (a power of two). Freed with d1_free(). */
void *d1_aligned(size_t alignment, size_t size) D1_MUST_CHECK;

/* Copies. NULL when there is no memory. d1_strndup adds a NUL. */
void *d1_memdup(const void *bytes, size_t length) D1_MUST_CHECK;
char *d1_strdup(const char *text) D1_MUST_CHECK;
char *d1_strndup(const char *text, size_t length) D1_MUST_CHECK;

/* NULL is allowed. */
void d1_free(void *pointer);

/* Overwrite a secret so that the compiler cannot leave it out. */
void d1_wipe(void *bytes, size_t length);

/* Fault points (built with -Dfault_points=true; without, arming does nothing and counts are 0). */

/* Let the allocation after `skip` more successful ones fail; `persistent`: and all after it. */
void d1_mem_fault_arm(uint64_t skip, int persistent);

/* No more faults. Returns how many allocations failed since arming. */
uint64_t d1_mem_fault_disarm(void);

/* For memory that comes from elsewhere (core/region.c): whether it is to fail now. */
int d1_mem_fault_here(void);

/* Allocations that are alive now. */
int64_t d1_mem_live(void);

#endif /* D1_CORE_MEM_H */
