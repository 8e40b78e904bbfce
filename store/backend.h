/*
 * What a backend of the store is: it keeps writes durably and gives them back at the next start.
 * Private to store/ and its tests; everybody else uses store/store.h.
 *
 * Threads: open and load run on the control thread, before the first commit. The others run one
 *   at a time on the store thread when `threaded`, else on the control loop.
 * Memory: open makes `state`; close frees it. Writes are borrowed for the call of commit.
 * Limits: D1_STORE_BATCH_MAX writes in one commit.
 */
#ifndef D1_STORE_BACKEND_H
#define D1_STORE_BACKEND_H

#include "store/store.h"

struct d1_store_backend {
    const char *name;
    bool threaded; /* Commits wait for a disk or a network: they get a thread of their own. */

    /*
     * Open, create or migrate. *ret_revision is the revision of the last committed write, 0 for an
     * empty store. Returns 0 or an error with its story, as d1_store_open().
     */
    int (*open)(const struct d1_store_backend *backend, const struct d1_store_options *options,
                void **ret_state, uint64_t *ret_revision, struct d1_error *error);

    /* As d1_store_load(). */
    int (*load)(void *state, void (*changed)(const struct d1_store_change *, void *), void *arg,
                struct d1_error *error);

    /*
     * Commit the writes of the list in one transaction, durably. Sets the err of each write (0, or
     * an error of that write alone, which is then left out) and, where it is 0, the revision: one
     * more than that of the write before. Returns 0, or an error with its story when the whole
     * transaction failed; then nothing of it is kept and no revision is used up.
     */
    int (*commit)(void *state, struct d1_store_write *first, struct d1_error *error);

    /*
     * Upkeep, called where commits run, after each commit was reported: what nobody has to wait
     * for. NULL: none.
     */
    void (*tidy)(void *state);

    void (*close)(void *state);
};

extern const struct d1_store_backend d1_store_memory;
extern const struct d1_store_backend d1_store_sqlite;

/* As d1_store_open(), with the backend given; options->backend is not read. */
int d1_store_open_backend(const struct d1_store_backend *backend,
                          const struct d1_store_options *options, struct d1_store **ret_store,
                          struct d1_error *error);

#endif /* D1_STORE_BACKEND_H */
