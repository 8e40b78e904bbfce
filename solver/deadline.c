/*
 * A binary heap of what ends, earliest first. Room for every deadline that exists is made when its
 * object is made, so that putting one in cannot fail.
 */
#include <assert.h>

#include "core/attr.h"
#include "solver/index.h"

static void place_at(struct d1_index *index, struct d1_deadline *deadline, size_t at) {
    index->heap[at] = deadline;
    deadline->at = (uint32_t)at;
}

static void sift_up(struct d1_index *index, struct d1_deadline *deadline, size_t at) {
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (index->heap[parent]->when_ms <= deadline->when_ms) {
            break;
        }
        place_at(index, index->heap[parent], at);
        at = parent;
    }
    place_at(index, deadline, at);
}

static void sift_down(struct d1_index *index, struct d1_deadline *deadline, size_t at) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= index->heap_count) {
            break;
        }
        if (child + 1 < index->heap_count &&
            index->heap[child + 1]->when_ms < index->heap[child]->when_ms) {
            child++;
        }
        if (deadline->when_ms <= index->heap[child]->when_ms) {
            break;
        }
        place_at(index, index->heap[child], at);
        at = child;
    }
    place_at(index, deadline, at);
}

struct d1_deadline *d1_deadline_first(const struct d1_index *index) {
    return index->heap_count > 0 ? index->heap[0] : NULL;
}

void d1_deadline_clear(struct d1_index *index, struct d1_deadline *deadline) {
    size_t at = deadline->at;
    if (at == D1_DEADLINE_OUT) {
        return;
    }
    assert(index->heap[at] == deadline);
    deadline->at = D1_DEADLINE_OUT;
    struct d1_deadline *last = index->heap[--index->heap_count];
    if (last == deadline) {
        return;
    }
    sift_up(index, last, at);
    sift_down(index, last, last->at);
}

void d1_deadline_set(struct d1_index *index, struct d1_deadline *deadline) {
    d1_deadline_clear(index, deadline);
    if (deadline->when_ms == 0) {
        return;
    }
    assert(index->heap_count < index->heap_capacity);
    index->heap_count++;
    sift_up(index, deadline, index->heap_count - 1);
}

struct d1_place *d1_deadline_place(struct d1_deadline *deadline) {
    return deadline->known ? D1_CONTAINER_OF(deadline, struct d1_known, deadline)->place
                           : D1_CONTAINER_OF(deadline, struct d1_lease, deadline)->place;
}
