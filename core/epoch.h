/*
 * Epoch: when the writer may free what readers could still see (quiescent-state based reclaim).
 *
 * The writer makes something unreachable, then retires it: it is freed once every reader that was
 * online at that moment has been quiescent (between two batches) or offline since.
 *
 * Threads: one writer calls advance, passed, retire and reclaim. Each reader calls online, quiesce
 *   and offline with its own index, from one thread. Readers never wait; nor does the writer.
 * Memory: items are embedded in the retired objects, so retiring allocates nothing and cannot fail.
 * Limits: D1_WORKERS_MAX readers.
 */
#ifndef D1_CORE_EPOCH_H
#define D1_CORE_EPOCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct d1_epoch;

struct d1_epoch_item {
    struct d1_epoch_item *next;
    uint64_t ticket;
    void (*release)(struct d1_epoch_item *item);
};

/* An epoch for `readers` readers, all offline. Returns 0, D1_ELIMIT or -ENOMEM. */
int d1_epoch_create(unsigned readers, struct d1_epoch **ret_epoch);

/* Free it and release what is still retired. All readers must be offline. NULL is allowed. */
void d1_epoch_destroy(struct d1_epoch *epoch);

/* Reader: from here on it may hold what the writer publishes. */
void d1_epoch_online(struct d1_epoch *epoch, unsigned reader);

/* Reader: it holds nothing now, but stays online. Cheap: one load, and a store when time moved. */
void d1_epoch_quiesce(struct d1_epoch *epoch, unsigned reader);

/* Reader: it holds nothing until online again; a sleeping reader must be offline. */
void d1_epoch_offline(struct d1_epoch *epoch, unsigned reader);

/* Writer: a ticket for what was made unreachable before this call. */
uint64_t d1_epoch_advance(struct d1_epoch *epoch);

/* Writer: whether everything made unreachable before that ticket may be freed. */
bool d1_epoch_passed(struct d1_epoch *epoch, uint64_t ticket);

/* Writer: have release(item) called by a later reclaim, when no reader can see it any more. */
void d1_epoch_retire(struct d1_epoch *epoch, struct d1_epoch_item *item,
                     void (*release)(struct d1_epoch_item *item));

/* Writer: release what may be released. Returns how many items are still waiting. */
size_t d1_epoch_reclaim(struct d1_epoch *epoch);

#endif /* D1_CORE_EPOCH_H */
