/*
 * TSIG keys: what signatures are checked with. An immutable set, replaced whole by a reload and when
 * a key is made or removed at run time; the rights of a key are the solver's (solver/tokens.h).
 *
 * Threads: made by the control thread; then workers that are online in the epoch call find.
 * Memory: the set holds a reference on each of its keys.
 * Limits: D1_TSIG_KEYS_MAX keys.
 */
#ifndef D1_DNSD_KEYS_H
#define D1_DNSD_KEYS_H

#include "core/epoch.h"
#include "dns/tsig.h"

struct d1_keys;

int d1_keys_create(struct d1_keys **ret_keys) D1_MUST_CHECK;

/* NULL is allowed. */
void d1_keys_destroy(struct d1_keys *keys);

/* Add a key; the set takes a reference. Returns 0, D1_EEXIST (its name), D1_ELIMIT or -ENOMEM. */
int d1_keys_add(struct d1_keys *keys, struct d1_tsig_key *key) D1_MUST_CHECK;

/* The key of that name, or NULL. Borrowed while the set lives. */
struct d1_tsig_key *d1_keys_find(const struct d1_keys *keys, const struct d1_name *name);

/* Call visit with each key, in no order. */
void d1_keys_each(const struct d1_keys *keys, void (*visit)(struct d1_tsig_key *key, void *arg),
                  void *arg);

/* The pointer that workers load; changed by the control thread only. */
struct d1_keys_current {
    _Atomic(struct d1_keys *) keys; /* NULL: no key is configured. */
};

/* Control thread: swap in another set (NULL is allowed), and retire the one before. */
void d1_keys_swap(struct d1_keys_current *current, struct d1_keys *keys, struct d1_epoch *epoch);

#endif /* D1_DNSD_KEYS_H */
