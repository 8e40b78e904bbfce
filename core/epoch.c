/*
 * The global epoch counts up. An online reader publishes the epoch it last was quiescent in; 0
 * means offline. A ticket is passed when every online reader shows a greater epoch.
 *
 * online() must not miss an advance that came before it: it stores its slot with a sequentially
 * consistent exchange and loads the epoch again, so that either the writer sees the slot, or the
 * reader sees what the writer did before it advanced.
 */
#include "core/epoch.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"

struct slot {
    _Alignas(D1_CACHE_LINE) _Atomic uint64_t seen;
};

struct d1_epoch {
    _Alignas(D1_CACHE_LINE) _Atomic uint64_t now;
    _Alignas(D1_CACHE_LINE) struct d1_epoch_item *oldest; /* Writer only, with what follows. */
    struct d1_epoch_item **youngest_link;
    size_t waiting;
    unsigned readers;
    struct slot slots[];
};

int d1_epoch_create(unsigned readers, struct d1_epoch **ret_epoch) {
    if (readers > D1_WORKERS_MAX) {
        return D1_ELIMIT;
    }
    size_t size = sizeof(struct d1_epoch) + readers * sizeof(struct slot);
    struct d1_epoch *epoch = d1_aligned(D1_CACHE_LINE, size);
    if (epoch == NULL) {
        return -ENOMEM;
    }
    atomic_init(&epoch->now, 1);
    epoch->youngest_link = &epoch->oldest;
    epoch->readers = readers;
    *ret_epoch = epoch;
    return D1_OK;
}

void d1_epoch_destroy(struct d1_epoch *epoch) {
    if (epoch == NULL) {
        return;
    }
    for (unsigned i = 0; i < epoch->readers; i++) {
        assert(atomic_load(&epoch->slots[i].seen) == 0);
    }
    size_t left = d1_epoch_reclaim(epoch);
    assert(left == 0);
    (void)left;
    d1_free(epoch);
}

void d1_epoch_online(struct d1_epoch *epoch, unsigned reader) {
    assert(reader < epoch->readers);
    _Atomic uint64_t *seen = &epoch->slots[reader].seen;
    uint64_t now = atomic_load_explicit(&epoch->now, memory_order_acquire);
    for (;;) {
        atomic_exchange_explicit(seen, now, memory_order_seq_cst);
        uint64_t again = atomic_load_explicit(&epoch->now, memory_order_seq_cst);
        if (again == now) {
            return;
        }
        now = again;
    }
}

void d1_epoch_quiesce(struct d1_epoch *epoch, unsigned reader) {
    _Atomic uint64_t *seen = &epoch->slots[reader].seen;
    uint64_t now = atomic_load_explicit(&epoch->now, memory_order_acquire);
    if (atomic_load_explicit(seen, memory_order_relaxed) != now) {
        atomic_store_explicit(seen, now, memory_order_release);
    }
}

void d1_epoch_offline(struct d1_epoch *epoch, unsigned reader) {
    assert(reader < epoch->readers);
    atomic_store_explicit(&epoch->slots[reader].seen, 0, memory_order_release);
}

uint64_t d1_epoch_advance(struct d1_epoch *epoch) {
    return atomic_fetch_add_explicit(&epoch->now, 1, memory_order_seq_cst);
}

bool d1_epoch_passed(struct d1_epoch *epoch, uint64_t ticket) {
    for (unsigned i = 0; i < epoch->readers; i++) {
        uint64_t seen = atomic_load_explicit(&epoch->slots[i].seen, memory_order_seq_cst);
        if (seen != 0 && seen <= ticket) {
            return false;
        }
    }
    return true;
}

void d1_epoch_retire(struct d1_epoch *epoch, struct d1_epoch_item *item,
                     void (*release)(struct d1_epoch_item *item)) {
    assert(release != NULL);
    item->next = NULL;
    item->release = release;
    item->ticket = d1_epoch_advance(epoch);
    *epoch->youngest_link = item;
    epoch->youngest_link = &item->next;
    epoch->waiting++;
}

size_t d1_epoch_reclaim(struct d1_epoch *epoch) {
    while (epoch->oldest != NULL && d1_epoch_passed(epoch, epoch->oldest->ticket)) {
        struct d1_epoch_item *item = epoch->oldest;
        epoch->oldest = item->next;
        if (epoch->oldest == NULL) {
            epoch->youngest_link = &epoch->oldest;
        }
        assert(epoch->waiting > 0);
        epoch->waiting--;
        item->release(item);
    }
    return epoch->waiting;
}
