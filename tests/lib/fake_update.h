/*
 * A stand-in for dnsd/update.c, for tests of the transports: each UPDATE becomes a job that waits
 * until the test has it answered; one with the order 'n' (tests/lib/fake_answer.h) is refused at
 * once. A program that links fake_update.c has these functions and not the
 * real ones; serving.updates is the list of jobs.
 *
 * Threads: one.
 */
#ifndef D1_TESTS_FAKE_UPDATE_H
#define D1_TESTS_FAKE_UPDATE_H

#include "dnsd/update.h"

#define FAKE_UPDATES_MAX 8

struct d1_updates {
    size_t made;
    size_t freed;
    size_t submitted_count;
    struct d1_update_job *submitted[FAKE_UPDATES_MAX];
};

/* Answer the job that was submitted first: its message's id, and NOERROR; or with no octets. */
void fake_update_finish(struct d1_updates *updates, bool answered);

#endif /* D1_TESTS_FAKE_UPDATE_H */
