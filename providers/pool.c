#include "providers/pool.h"

#include <stddef.h>
#include <string.h>

#include "core/mem.h"

struct d1_pool_chunk {
    struct d1_pool_chunk *before;
    size_t size;
    _Alignas(max_align_t) unsigned char octets[];
};

void d1_pool_init(struct d1_pool *pool, size_t max) {
    *pool = (struct d1_pool){.last = NULL, .taken = 0, .max = max};
}

void d1_pool_close(struct d1_pool *pool) {
    d1_pool_clear(pool);
}

void d1_pool_clear(struct d1_pool *pool) {
    struct d1_pool_chunk *chunk = pool->last;
    while (chunk != NULL) {
        struct d1_pool_chunk *before = chunk->before;
        d1_wipe(chunk->octets, chunk->size);
        d1_free(chunk);
        chunk = before;
    }
    pool->last = NULL;
    pool->taken = 0;
}

void *d1_pool_take(struct d1_pool *pool, size_t size) {
    if (size > pool->max - pool->taken) {
        return NULL;
    }
    struct d1_pool_chunk *chunk = d1_calloc(1, sizeof(*chunk) + size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->before = pool->last;
    chunk->size = size;
    pool->last = chunk;
    pool->taken += size;
    return chunk->octets;
}

char *d1_pool_copy(struct d1_pool *pool, const void *bytes, size_t length) {
    char *copy = d1_pool_take(pool, length + 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}
