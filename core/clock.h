/*
 * Time, injectable: whoever needs time holds a `const struct d1_clock *`, so that a test runs an
 * hour of leases in a millisecond. The only file that asks the kernel what time it is.
 *
 * Threads: the system clock may be read from any thread; a fake one belongs to one thread.
 */
#ifndef D1_CORE_CLOCK_H
#define D1_CORE_CLOCK_H

#include <stdint.h>

struct d1_clock {
    int64_t (*mono_us)(const struct d1_clock *clock); /* Never goes back; for durations. */
    int64_t (*wall_ms)(const struct d1_clock *clock); /* Unix time; may jump both ways. */
};

/* The kernel's clocks. Static. */
const struct d1_clock *d1_clock_system(void);

/* Microseconds since some fixed moment. */
static inline int64_t d1_clock_mono_us(const struct d1_clock *clock) {
    return clock->mono_us(clock);
}

/* Milliseconds since 1970-01-01 UTC. */
static inline int64_t d1_clock_wall_ms(const struct d1_clock *clock) {
    return clock->wall_ms(clock);
}

/* A clock that stands still until it is moved. */
struct d1_fake_clock {
    struct d1_clock clock; /* First: pass &fake.clock. */
    int64_t now_mono_us;
    int64_t now_wall_ms;
};

void d1_fake_clock_init(struct d1_fake_clock *fake, int64_t wall_ms);

/* Move both clocks on. */
void d1_fake_clock_advance_ms(struct d1_fake_clock *fake, int64_t ms);

#endif /* D1_CORE_CLOCK_H */
