/*
 * A ring with free-running indices. `pushed` belongs to the producer, `taken` to the consumer, each
 * on a cache line of its own, together with its owner's last look at the other one.
 *
 * No event is left lying: the producer stores `pushed`, then looks at `signalled`; the consumer
 * clears `signalled`, then looks at `pushed`. All four are sequentially consistent, so at least one
 * of them sees what the other did.
 */
#include "dnsd/asked.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/server.h"

static_assert((D1_ASKED_RING_LENGTH & (D1_ASKED_RING_LENGTH - 1)) == 0,
              "free-running indices need a power of two");

struct d1_asked_ring {
    _Alignas(D1_CACHE_LINE) _Atomic uint32_t pushed;
    uint32_t taken_seen; /* The producer's own. */
    _Alignas(D1_CACHE_LINE) _Atomic uint32_t taken;
    _Alignas(D1_CACHE_LINE) _Atomic bool signalled; /* Changes at most once per rearm. */
    _Alignas(D1_CACHE_LINE) struct d1_asked events[D1_ASKED_RING_LENGTH];
};

static_assert(offsetof(struct d1_asked_ring, taken) >= D1_CACHE_LINE &&
                  offsetof(struct d1_asked_ring, signalled) >= 2 * D1_CACHE_LINE &&
                  offsetof(struct d1_asked_ring, events) >= 3 * D1_CACHE_LINE,
              "producer and consumer write different cache lines");

int d1_asked_ring_create(struct d1_asked_ring **ret_ring) {
    struct d1_asked_ring *ring = d1_aligned(D1_CACHE_LINE, sizeof(*ring));
    if (ring == NULL) {
        return -ENOMEM;
    }
    *ret_ring = ring;
    return D1_OK;
}

void d1_asked_ring_destroy(struct d1_asked_ring *ring) {
    d1_free(ring);
}

struct d1_asked *d1_asked_room(struct d1_asked_ring *ring) {
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - ring->taken_seen == D1_ASKED_RING_LENGTH) {
        ring->taken_seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
        if (pushed - ring->taken_seen == D1_ASKED_RING_LENGTH) {
            return NULL;
        }
    }
    return &ring->events[pushed % D1_ASKED_RING_LENGTH];
}

void d1_asked_push(struct d1_asked_ring *ring) {
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    assert(pushed - ring->taken_seen < D1_ASKED_RING_LENGTH);
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_seq_cst);
}

bool d1_asked_signal(struct d1_asked_ring *ring) {
    if (atomic_load_explicit(&ring->signalled, memory_order_seq_cst)) {
        return false;
    }
    return !atomic_exchange_explicit(&ring->signalled, true, memory_order_seq_cst);
}

size_t d1_asked_drain(struct d1_asked_ring *ring,
                      void (*on_asked)(const struct d1_asked *asked, void *arg), void *arg) {
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    size_t count = pushed - taken;
    assert(count <= D1_ASKED_RING_LENGTH);
    while (taken != pushed) {
        if (on_asked != NULL) {
            on_asked(&ring->events[taken % D1_ASKED_RING_LENGTH], arg);
        }
        taken++;
        atomic_store_explicit(&ring->taken, taken, memory_order_release);
    }
    return count;
}

bool d1_asked_rearm(struct d1_asked_ring *ring) {
    atomic_store_explicit(&ring->signalled, false, memory_order_seq_cst);
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_seq_cst);
    if (pushed == atomic_load_explicit(&ring->taken, memory_order_relaxed)) {
        return true;
    }
    /* The producer may have signalled again: then its message is under way, and that will do. */
    return atomic_exchange_explicit(&ring->signalled, true, memory_order_seq_cst);
}

bool d1_asked_is_signalled(const struct d1_asked_ring *ring) {
    return atomic_load_explicit(&ring->signalled, memory_order_seq_cst);
}
