/*
 * What the tests of the store share: a loop that is turned by hand, a state directory of their own,
 * a backend that counts and can be stopped, and a diary of what watchers and `done`s saw.
 */
#ifndef D1_TESTS_UNIT_STORE_FIXTURE_H
#define D1_TESTS_UNIT_STORE_FIXTURE_H

#include <stdatomic.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <uv.h>

#include "core/buf.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "store/backend.h"

/* Wraps a real backend. */
struct probe {
    struct d1_store_backend backend; /* First: open casts it to its probe. */
    struct fixture *fixture;         /* Whose probe it is. */
    const struct d1_store_backend *real;
    void *state;              /* The real backend's. */
    _Atomic unsigned commits; /* Transactions so far. */
    _Atomic int fail;         /* Not 0: what commits return, without a transaction. */
    _Atomic bool gated;       /* Each commit posts `entered` and waits for `release`. */
    uv_sem_t entered;
    uv_sem_t release;
};

struct fixture {
    struct d1_loop *loop;
    struct d1_metrics *metrics;
    struct d1_metrics_block *block;
    struct probe probe;
    struct d1_store *store; /* NULL while closed. */
    struct d1_store_watcher watcher;
    struct d1_bytes diary;
    struct d1_error error;
    int64_t live_before;
    bool closed;
    char parent[64]; /* A temporary directory; the state directory is in it. */
    char dir[80];
};

/* One write of up to 3 changes, with its records. */
struct sample {
    struct d1_store_write write;
    struct d1_store_change changes[3];
    struct d1_challenge challenge;
    struct d1_account account;
    struct d1_token token;
    struct d1_known_name known;
    struct d1_sealed_account sealed;
    struct fixture *fixture;
    const char *label;
    void (*then)(struct sample *sample); /* Called at the end of `done`; NULL: nothing. */
    int err;
    bool done;
};

/* *state points at a backend's pointer on entry, at a struct fixture after. The store is open. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Open it (again); fails the test if it does not open. */
void fixture_open(struct fixture *fixture);
int fixture_try_open(struct fixture *fixture, struct d1_store **ret_store);
void fixture_close(struct fixture *fixture);

/* Turn the loop until *flag. */
void fixture_turn_until(struct fixture *fixture, const bool *flag);

/* Everything that load hands out, into the diary; returns what load returned. */
int fixture_load(struct fixture *fixture);

/* Compare the diary with `expected` and empty it. */
void assert_diary(struct fixture *fixture, const char *expected);

/* Fill in a sample with one change; `label` names it in the diary. */
void sample_challenge(struct sample *sample, const char *label, enum d1_store_op op,
                      const char *name, const char *value);
void sample_account(struct sample *sample, const char *label, enum d1_store_op op,
                    const char *username, const char *name);
void sample_token(struct sample *sample, const char *label, enum d1_store_op op, const char *owner);
void sample_known(struct sample *sample, const char *label, enum d1_store_op op, const char *name,
                  int64_t until_ms);
void sample_sealed(struct sample *sample, const char *label, enum d1_store_op op,
                   const char *domain, const char *box);

int sample_submit(struct fixture *fixture, struct sample *sample);

/* Submit and wait; returns what `done` got. */
int sample_write(struct fixture *fixture, struct sample *sample);

#endif /* D1_TESTS_UNIT_STORE_FIXTURE_H */
