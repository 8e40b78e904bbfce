/*
 * Checked state machines: a table names each state and the states that may follow it. An illegal
 * move is our own mistake, and stops the program in every build.
 *
 * Threads: a machine belongs to one thread at a time.
 */
#ifndef D1_CORE_STEP_H
#define D1_CORE_STEP_H

#include <stdint.h>

struct d1_step_state {
    const char *name;
    uint32_t next; /* Bit N set: state N may follow. */
};

#define D1_STEP_TO(state) (UINT32_C(1) << (state))

struct d1_step {
    const struct d1_step_state *states; /* Static table. */
    unsigned count;                     /* At most 32. */
    unsigned now;
};

/* Start in state 0. */
void d1_step_init(struct d1_step *step, const struct d1_step_state *states, unsigned count);

/* Move to `next`; aborts with both names on stderr when the table does not allow it. */
void d1_step_move(struct d1_step *step, unsigned next);

const char *d1_step_name(const struct d1_step *step);

#endif /* D1_CORE_STEP_H */
