/*
 * Fake store: the d1_store_* functions the solver calls, with commits that a test makes happen.
 * Linked in place of the store library.
 *
 * Threads: one.
 * Memory: its own is plain malloc, so that fault points and leak counts see the solver only.
 */
#ifndef D1_TESTS_LIB_FAKE_STORE_H
#define D1_TESTS_LIB_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct d1_store *fake_store_create(void);
void fake_store_destroy(struct d1_store *store);

/* Commit the oldest write that waits: watchers, then `done`. False: none waits. */
bool fake_store_commit(struct d1_store *store);

/* Commit until none waits; returns how many. */
size_t fake_store_commit_all(struct d1_store *store);

/* Let the oldest write that waits fail. */
void fake_store_fail(struct d1_store *store, int err);

/* What d1_store_write returns from now on; 0: it takes writes. */
void fake_store_refuse(struct d1_store *store, int err);

size_t fake_store_waiting(const struct d1_store *store);

/* A change that was not written by the solver under test. */
void fake_store_foreign(struct d1_store *store, const struct d1_store_change *change);

/* As after a restart: what is durable stays, watchers are gone. */
void fake_store_forget_watchers(struct d1_store *store);

/* What is durable. */
size_t fake_store_challenges(const struct d1_store *store);
const struct d1_challenge *fake_store_find(const struct d1_store *store, const char *name,
                                           const char *value, const char *owner);
const struct d1_challenge *fake_store_at(const struct d1_store *store, size_t i);
size_t fake_store_accounts(const struct d1_store *store);
const struct d1_account *fake_store_account(const struct d1_store *store, const char *username);
size_t fake_store_placements(const struct d1_store *store);
const struct d1_placement *fake_store_placement(const struct d1_store *store, size_t i);
size_t fake_store_sealed(const struct d1_store *store);
const struct d1_known_name *fake_store_known(const struct d1_store *store, const char *name);

#endif /* D1_TESTS_LIB_FAKE_STORE_H */
