#include "core/clock.h"

#include <time.h>

static int64_t system_mono_us(const struct d1_clock *clock) {
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_ms(const struct d1_clock *clock) {
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct d1_clock *d1_clock_system(void) {
    static const struct d1_clock system_clock = {system_mono_us, system_wall_ms};
    return &system_clock;
}

static int64_t fake_mono_us(const struct d1_clock *clock) {
    return ((const struct d1_fake_clock *)(const void *)clock)->now_mono_us;
}

static int64_t fake_wall_ms(const struct d1_clock *clock) {
    return ((const struct d1_fake_clock *)(const void *)clock)->now_wall_ms;
}

void d1_fake_clock_init(struct d1_fake_clock *fake, int64_t wall_ms) {
    fake->clock = (struct d1_clock){fake_mono_us, fake_wall_ms};
    fake->now_mono_us = 1000000;
    fake->now_wall_ms = wall_ms;
}

void d1_fake_clock_advance_ms(struct d1_fake_clock *fake, int64_t ms) {
    fake->now_mono_us += ms * 1000;
    fake->now_wall_ms += ms;
}
