/*
 * Asked ring: queries for challenge names on their way from one DNS worker to the control thread,
 * in fixed memory. When it is full, events are dropped and the worker counts them: answering never
 * waits for the timeline.
 *
 * Waking: the worker wakes the control loop only when the ring is not signalled yet; it stays
 * signalled until the consumer rearms it, so that a flood costs one wake per rearm and no more.
 *
 * Threads: one producer (room, push, signal), one consumer (drain, rearm).
 * Memory: owns its D1_ASKED_RING_LENGTH events.
 */
#ifndef D1_DNSD_ASKED_H
#define D1_DNSD_ASKED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"

struct d1_asked;
struct d1_asked_ring;

int d1_asked_ring_create(struct d1_asked_ring **ret_ring) D1_MUST_CHECK;

/* Events still in it are forgotten. NULL is allowed. */
void d1_asked_ring_destroy(struct d1_asked_ring *ring);

/* Producer: the event to fill next, or NULL when the ring is full. */
struct d1_asked *d1_asked_room(struct d1_asked_ring *ring);

/* Producer: hand over the event that room gave. */
void d1_asked_push(struct d1_asked_ring *ring);

/* Producer, after pushing: whether the consumer must be woken; then the ring is signalled. */
bool d1_asked_signal(struct d1_asked_ring *ring) D1_MUST_CHECK;

/*
 * Consumer: call on_asked for what the ring holds now, at most D1_ASKED_RING_LENGTH events (NULL:
 * forget them). Returns how many.
 */
size_t d1_asked_drain(struct d1_asked_ring *ring,
                      void (*on_asked)(const struct d1_asked *asked, void *arg), void *arg);

/*
 * Consumer: have the producer wake it for the next event. Returns false when events came meanwhile:
 * the ring is signalled still, drain again later.
 */
bool d1_asked_rearm(struct d1_asked_ring *ring) D1_MUST_CHECK;

/* Consumer: whether the producer has woken it and it has not rearmed since. */
bool d1_asked_is_signalled(const struct d1_asked_ring *ring);

#endif /* D1_DNSD_ASKED_H */
