/*
 * A store that forgets everything at exit. It keeps no rows: they could only be asked for before
 * the first write, when there are none, and the watchers hold what they need. What is left is the
 * revision. For the same reason it cannot refuse a second account with a name that is taken.
 */
#include <errno.h>

#include "core/mem.h"
#include "store/backend.h"

struct memory {
    uint64_t revision;
};

static int memory_open(const struct d1_store_backend *backend,
                       const struct d1_store_options *options, void **ret_state,
                       uint64_t *ret_revision, struct d1_error *error) {
    (void)backend;
    (void)options;
    struct memory *memory = d1_calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return d1_error_set(error, -ENOMEM, "store: %s", d1_err_text(-ENOMEM));
    }
    *ret_state = memory;
    *ret_revision = 0;
    return D1_OK;
}

static int memory_load(void *state, void (*changed)(const struct d1_store_change *, void *),
                       void *arg, struct d1_error *error) {
    (void)state;
    (void)changed;
    (void)arg;
    (void)error;
    return D1_OK;
}

static int memory_commit(void *state, struct d1_store_write *first, struct d1_error *error) {
    (void)error;
    struct memory *memory = state;
    for (struct d1_store_write *write = first; write != NULL; write = write->next) {
        write->err = D1_OK;
        write->revision = ++memory->revision;
    }
    return D1_OK;
}

static void memory_close(void *state) {
    d1_free(state);
}

const struct d1_store_backend d1_store_memory = {
    .name = "memory",
    .threaded = false,
    .open = memory_open,
    .load = memory_load,
    .commit = memory_commit,
    .tidy = NULL,
    .close = memory_close,
};
