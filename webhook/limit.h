/*
 * How often a client address may do something: so many times in a period, all at once or spread
 * (GCRA, the virtual-scheduling form of a token bucket, of ITU-T I.371). IPv6 clients count by /64.
 *
 * Threads: an object belongs to one thread.
 * Memory: one fixed table; when the places of an address are taken, the one nearest to a full
 *   bucket, which says least, is forgotten.
 * Limits: D1_LIMIT_ADDRESSES addresses are remembered.
 */
#ifndef D1_WEBHOOK_LIMIT_H
#define D1_WEBHOOK_LIMIT_H

#include <stdint.h>

#include "webhook/cidr.h"

struct d1_clock;
struct d1_limit;

/* The clock is borrowed. Returns 0 or -errno. */
int d1_limit_create(const struct d1_clock *clock, struct d1_limit **ret_limit);
void d1_limit_destroy(struct d1_limit *limit);

/* `count` times in `period_ms`; 0 switches the limit off. What is remembered stays. */
void d1_limit_configure(struct d1_limit *limit, unsigned count, int64_t period_ms);

/* Seconds until the address may (at least 1), or 0: it may now. Nothing is counted. */
unsigned d1_limit_wait_s(struct d1_limit *limit, const struct d1_ip *address);

/* Count once, whether it may or not. */
void d1_limit_take(struct d1_limit *limit, const struct d1_ip *address);

/* Undo one take. */
void d1_limit_give_back(struct d1_limit *limit, const struct d1_ip *address);

#endif /* D1_WEBHOOK_LIMIT_H */
