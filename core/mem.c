#include "core/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef D1_FAULT_POINTS
/* Process-wide on purpose: a fault point is a property of the test run, not of an object. */
static _Atomic int64_t fault_countdown = -1;
static _Atomic int fault_persistent;
static _Atomic uint64_t fault_count;
static _Atomic int64_t live_count;

static bool fault_now(void) {
    if (atomic_load_explicit(&fault_countdown, memory_order_relaxed) < 0) {
        return false;
    }
    int64_t left = atomic_fetch_sub_explicit(&fault_countdown, 1, memory_order_relaxed);
    if (left > 0) {
        return false;
    }
    if (left < 0) {
        atomic_store_explicit(&fault_countdown, -1, memory_order_relaxed);
        return false;
    }
    if (atomic_load_explicit(&fault_persistent, memory_order_relaxed)) {
        atomic_store_explicit(&fault_countdown, 0, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&fault_count, 1, memory_order_relaxed);
    return true;
}

static void *counted(void *pointer) {
    if (pointer != NULL) {
        atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    }
    return pointer;
}

static void uncount(void) {
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
}

void d1_mem_fault_arm(uint64_t skip, int persistent) {
    atomic_store(&fault_count, 0);
    atomic_store(&fault_persistent, persistent);
    atomic_store(&fault_countdown, (int64_t)skip);
}

uint64_t d1_mem_fault_disarm(void) {
    atomic_store(&fault_countdown, -1);
    return atomic_load(&fault_count);
}

int64_t d1_mem_live(void) {
    return atomic_load(&live_count);
}
#else
static bool fault_now(void) {
    return false;
}

static void *counted(void *pointer) {
    return pointer;
}

static void uncount(void) {
}

void d1_mem_fault_arm(uint64_t skip, int persistent) {
    (void)skip;
    (void)persistent;
}

uint64_t d1_mem_fault_disarm(void) {
    return 0;
}

int64_t d1_mem_live(void) {
    return 0;
}
#endif

int d1_mem_fault_here(void) {
    return fault_now();
}

void *d1_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || fault_now()) {
        return NULL;
    }
    return counted(calloc(1, bytes));
}

void *d1_malloc(size_t size) {
    return fault_now() ? NULL : counted(malloc(size));
}

void *d1_realloc(void *pointer, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes == 0 || fault_now()) {
        return NULL;
    }
    void *moved = realloc(pointer, bytes);
    return pointer == NULL ? counted(moved) : moved;
}

void *d1_aligned(size_t alignment, size_t size) {
    void *pointer = NULL;
    if (fault_now() || posix_memalign(&pointer, alignment, size) != 0) {
        return NULL;
    }
    memset(pointer, 0, size);
    return counted(pointer);
}

void *d1_memdup(const void *bytes, size_t length) {
    void *copy = d1_malloc(length > 0 ? length : 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *d1_strdup(const char *text) {
    return d1_strndup(text, strlen(text));
}

char *d1_strndup(const char *text, size_t length) {
    char *copy = d1_malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

void d1_free(void *pointer) {
    if (pointer != NULL) {
        uncount();
        free(pointer);
    }
}

void d1_wipe(void *bytes, size_t length) {
    if (bytes != NULL && length > 0) {
        explicit_bzero(bytes, length);
    }
}
