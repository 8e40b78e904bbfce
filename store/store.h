/*
 * Store: the truth, durable. One monotonic revision, and a watch on every change from the first
 * day; backends: memory, sqlite (etcd and kubernetes come later behind the same interface).
 *
 * Happy path of a write: the control thread submits it; the backend commits it together with every
 * other write that waits (group commit, on a thread of its own, never on the loop); back on the
 * loop the watchers see its changes in revision order; then its `done` is called with the revision.
 * Failure: nothing of the write is kept, watchers see nothing, `done` gets the error.
 *
 * Threads: every function and every callback here runs on the control loop, but for what a backend
 *   does inside. Callback law: after an error return `done` is never called, otherwise exactly
 *   once, from the loop, never before d1_store_write() has returned.
 * Memory: a write and its changes are the caller's and stay untouched by him until `done`.
 * Limits: D1_STORE_QUEUE_MAX writes wait at most (then D1_ELIMIT), D1_STORE_BATCH_MAX are committed
 *   together.
 */
#ifndef D1_STORE_STORE_H
#define D1_STORE_STORE_H

#include "core/err.h"
#include "store/challenge.h"

struct d1_clock;
struct d1_loop;
struct d1_metrics;
struct d1_metrics_block;
struct d1_store;

enum d1_store_op {
    D1_STORE_PUT_CHALLENGE,    /* Insert, or renew created/expires of the same identity. */
    D1_STORE_REMOVE_CHALLENGE, /* By identity; not an error when absent. */
    D1_STORE_PUT_ACCOUNT,      /* Insert or replace by username. */
    D1_STORE_REMOVE_ACCOUNT,
    D1_STORE_PUT_TOKEN, /* Insert or replace by owner. */
    D1_STORE_REMOVE_TOKEN,
    D1_STORE_PUT_KNOWN, /* Insert or set until_ms. */
    D1_STORE_REMOVE_KNOWN,
    D1_STORE_PUT_SEALED, /* Insert or replace by token and domain. */
    D1_STORE_REMOVE_SEALED,
    D1_STORE_PUT_PLACEMENT, /* Insert or replace by via, name and value. */
    D1_STORE_REMOVE_PLACEMENT,
};

struct d1_store_change {
    enum d1_store_op op;
    union {
        const struct d1_challenge *challenge;
        const struct d1_account *account;
        const struct d1_token *token;
        const struct d1_known_name *known;
        const struct d1_sealed_account *sealed;
        const struct d1_placement *placement;
    };
};

/* One write: all of its changes or none. Embedded in the caller's object. */
struct d1_store_write {
    const struct d1_store_change *changes;
    size_t count;
    void (*done)(struct d1_store_write *write, int err, uint64_t revision);
    struct d1_store_write *next; /* The store's own, as all that follows. */
    int err;
    uint64_t revision;
};

/* Sees every committed change, also those of other nodes once a store is shared. */
struct d1_store_watcher {
    void (*changed)(struct d1_store_watcher *watcher, const struct d1_store_change *change,
                    uint64_t revision);
    struct d1_store_watcher *next; /* The store's own. */
};

struct d1_store_options {
    const char *backend;          /* "memory" or "sqlite". */
    const char *state_dir;        /* sqlite: the database is STATE-DIR/dns01d.db, mode 0600. */
    struct d1_loop *loop;         /* The control loop. */
    const struct d1_clock *clock; /* Not read yet: commits are timed on the store thread. */
    struct d1_metrics *metrics;   /* NULL is allowed. */
    struct d1_metrics_block *metrics_block; /* The control thread's. */
};

/*
 * Open, create or migrate. Returns 0, D1_EVERSION (written by a newer version), D1_ECORRUPT,
 * -errno ..., with what, where and what to do in *error.
 */
int d1_store_open(const struct d1_store_options *options, struct d1_store **ret_store,
                  struct d1_error *error);

/*
 * Hand everything the store holds to `changed` as PUT changes, synchronously; to be called once,
 * after open and before the first write. Returns 0 or an error with its story.
 */
int d1_store_load(struct d1_store *store, void (*changed)(const struct d1_store_change *, void *),
                  void *arg, struct d1_error *error);

/* Register a watcher (borrowed until close). */
void d1_store_watch(struct d1_store *store, struct d1_store_watcher *watcher);

/*
 * Submit a write of at least one change. Returns 0, D1_ELIMIT (queue full) or D1_ESTOPPING. A store
 * that is not writable still takes writes: each is an attempt, and the first that succeeds makes
 * it writable again. `done` gets 0, D1_EEXIST (the name is another account's; sqlite only: who
 * registers checks first), or what made the whole transaction fail: -ENOSPC, -ENOMEM, D1_ESTORE.
 */
int d1_store_write(struct d1_store *store, struct d1_store_write *write);

/* The newest revision that watchers have seen. */
uint64_t d1_store_revision(const struct d1_store *store);

/* Whether the last commit succeeded (for /readyz details and metrics). */
bool d1_store_writable(const struct d1_store *store);

/* Why it failed, for the log; code 0 when it succeeded. Borrowed until the next `done`. */
const struct d1_error *d1_store_last_error(const struct d1_store *store);

/*
 * Stop taking writes, finish those that wait, then call closed(arg) from the loop and free the
 * store. Watchers and `done`s are called as usual until then; the loop must run that long.
 */
void d1_store_close(struct d1_store *store, void (*closed)(void *arg), void *arg);

#endif /* D1_STORE_STORE_H */
