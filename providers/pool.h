/*
 * Pool: short-lived memory of one step. Everything taken is given back, and wiped, at once.
 *
 * Threads: a pool belongs to one thread at a time.
 * Memory: what is taken stands until d1_pool_clear() or d1_pool_close().
 * Limits: `max` octets altogether; then taking fails as without memory.
 */
#ifndef D1_PROVIDERS_POOL_H
#define D1_PROVIDERS_POOL_H

#include <stddef.h>

#include "core/attr.h"

struct d1_pool_chunk;

struct d1_pool {
    struct d1_pool_chunk *last;
    size_t taken;
    size_t max;
};

void d1_pool_init(struct d1_pool *pool, size_t max);
void d1_pool_close(struct d1_pool *pool);

/* Give all back; what stood there is overwritten first. */
void d1_pool_clear(struct d1_pool *pool);

/* `size` zeroed octets, aligned for any object. NULL without memory or over the limit. */
void *d1_pool_take(struct d1_pool *pool, size_t size) D1_MUST_CHECK;

/* A copy of `length` octets with a NUL after them. NULL as above. */
char *d1_pool_copy(struct d1_pool *pool, const void *bytes, size_t length) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_POOL_H */
