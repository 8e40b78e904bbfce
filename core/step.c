#include "core/step.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void d1_step_init(struct d1_step *step, const struct d1_step_state *states, unsigned count) {
    assert(count >= 1 && count <= 32);
    *step = (struct d1_step){.states = states, .count = count, .now = 0};
}

void d1_step_move(struct d1_step *step, unsigned next) {
    if (next >= step->count || (step->states[step->now].next & D1_STEP_TO(next)) == 0) {
        fprintf(stderr, "dns01d: illegal move from state %s to %s\n", step->states[step->now].name,
                next < step->count ? step->states[next].name : "?");
        abort();
    }
    step->now = next;
}

const char *d1_step_name(const struct d1_step *step) {
    return step->states[step->now].name;
}
