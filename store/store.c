/*
 * The generic half of the store: the queue of writes, group commit, watchers, close.
 *
 * Happy path:
 *   1. d1_store_write() appends to the queue. When nothing is being committed it posts `start` to
 *      the control loop, so that all writes of one turn of the loop go into one batch.
 *   2. start_next() takes up to D1_STORE_BATCH_MAX writes off the queue and posts the batch to the
 *      store thread (to the control loop itself when the backend needs no thread).
 *   3. run_commit() commits there, takes the time, posts the batch back, then lets the backend do
 *      its upkeep, so that no answer waits for that.
 *   4. on_committed(), on the control loop, first sends the next batch off, so that the disk is
 *      never idle while writes wait; then delivers this one: for each write, in revision order,
 *      the watchers see its changes, then its `done` is called.
 *   5. Close: once nothing waits and nothing is being committed, the backend is closed where it
 *      commits, the thread ends, closed() is called and the store is freed.
 *
 * Failure modes:
 *   - The transaction fails: every write of the batch gets the error, watchers see nothing, the
 *     store is not writable until a later commit succeeds. Later writes are tried as usual.
 *   - One write alone is refused by the backend: it gets its error, the others are committed.
 *   - A `done` or a watcher may write or close: both only queue and post, so delivery is never
 *     re-entered and the store outlives it.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "store/backend.h"

/* Writes on their way to the backend and back. Belongs to the thread that was sent it last. */
struct batch {
    struct d1_message message;
    struct d1_store *store;
    struct d1_store_write *first;
    int64_t duration_us;
    struct d1_error error; /* code 0: committed. */
};

struct d1_store {
    const struct d1_store_backend *backend;
    void *state;            /* The backend's. */
    struct d1_loop *loop;   /* Control loop, borrowed. */
    struct d1_loop *thread; /* The store thread's, owned; NULL when the backend has none. */

    struct d1_store_write *queue_first;
    struct d1_store_write **queue_last;
    size_t queue_length;

    struct d1_message start;
    bool start_posted;
    struct batch batches[2]; /* One at the backend, one being delivered. */
    struct batch *running;   /* At the backend, or NULL. */

    struct d1_store_watcher *watchers;
    struct d1_store_watcher **watchers_last;
    uint64_t revision;
    struct d1_error last_error;
    bool started; /* A write was taken: no load any more. */

    bool stopping;
    bool closing; /* The backend was told to close. */
    struct d1_message close_message;
    void (*closed)(void *arg);
    void *closed_arg;

    struct d1_metrics_block *block; /* NULL: no metrics. */
    uint32_t duration_cell;
    uint32_t queue_cell;
    uint32_t revision_cell;
    uint32_t writable_cell;
};

/* From a fast NVMe flush to a disk that is about to fail. */
static const uint64_t duration_buckets_us[] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000, 0,
};

static const struct d1_metric_family duration_family = {
    .name = "dns01d_store_commit_duration_seconds",
    .help = "Time a transaction of the store took, flush included.",
    .type = D1_METRIC_HISTOGRAM,
    .series = 1,
    .buckets_us = duration_buckets_us,
};

static const struct d1_metric_family queue_family = {
    .name = "dns01d_store_queue_length",
    .help = "Writes that wait for the next transaction.",
    .type = D1_METRIC_GAUGE,
    .series = 1,
};

static const struct d1_metric_family revision_family = {
    .name = "dns01d_store_revision",
    .help = "Revision of the newest committed write.",
    .type = D1_METRIC_GAUGE,
    .series = 1,
};

static const struct d1_metric_family writable_family = {
    .name = "dns01d_store_writable",
    .help = "1 when the last transaction succeeded, else 0.",
    .type = D1_METRIC_GAUGE,
    .series = 1,
};

/* Gauges stand in cells of the control thread's block, so that nobody reads a store that is gone. */
static void set_gauge(struct d1_store *store, uint32_t cell, uint64_t value) {
    if (store->block != NULL) {
        atomic_store_explicit(&store->block->cell[cell], value, memory_order_relaxed);
    }
}

static int add_metrics(struct d1_store *store, const struct d1_store_options *options) {
    if (options->metrics == NULL || options->metrics_block == NULL) {
        return D1_OK;
    }
    int err = d1_metrics_family(options->metrics, &duration_family, &store->duration_cell);
    if (err == D1_OK) {
        err = d1_metrics_family(options->metrics, &queue_family, &store->queue_cell);
    }
    if (err == D1_OK) {
        err = d1_metrics_family(options->metrics, &revision_family, &store->revision_cell);
    }
    if (err == D1_OK) {
        err = d1_metrics_family(options->metrics, &writable_family, &store->writable_cell);
    }
    if (err == D1_OK) {
        store->block = options->metrics_block;
    }
    return err;
}

/* Where commits run. */
static struct d1_loop *backend_loop(struct d1_store *store) {
    return store->thread != NULL ? store->thread : store->loop;
}

static void deliver_write(struct d1_store *store, struct d1_store_write *write, int err) {
    uint64_t revision = err == D1_OK ? write->revision : 0;
    if (err == D1_OK) {
        assert(revision > store->revision);
        for (size_t i = 0; i < write->count; i++) {
            for (struct d1_store_watcher *w = store->watchers; w != NULL; w = w->next) {
                w->changed(w, &write->changes[i], revision);
            }
        }
        store->revision = revision;
    }
    write->done(write, err, revision);
}

static void deliver(struct d1_store *store, struct batch *batch) {
    int batch_err = batch->error.code;
    store->last_error = batch->error;
    if (store->block != NULL) {
        d1_observe_us(store->block, &duration_family, store->duration_cell, 0,
                      (uint64_t)batch->duration_us);
    }
    struct d1_store_write *write = batch->first;
    while (write != NULL) {
        struct d1_store_write *next = write->next; /* After `done` the write may be gone. */
        deliver_write(store, write, batch_err != D1_OK ? batch_err : write->err);
        write = next;
    }
    set_gauge(store, store->revision_cell, store->revision);
    set_gauge(store, store->writable_cell, batch_err == D1_OK);
}

static void run_commit(struct d1_message *message);
static void run_close(struct d1_message *message);

/* Send the next batch off, or the backend home when all is done. */
static void start_next(struct d1_store *store) {
    assert(store->running == NULL);
    if (store->queue_length == 0) {
        if (store->stopping && !store->closing) {
            store->closing = true;
            store->close_message.run = run_close;
            d1_loop_post(backend_loop(store), &store->close_message);
        }
        return;
    }
    struct d1_store_write *first = store->queue_first;
    struct d1_store_write *last = first;
    size_t count = 1;
    while (count < D1_STORE_BATCH_MAX && last->next != NULL) {
        last = last->next;
        count++;
    }
    store->queue_first = last->next;
    store->queue_length -= count;
    if (store->queue_first == NULL) {
        store->queue_last = &store->queue_first;
    }
    last->next = NULL;
    set_gauge(store, store->queue_cell, store->queue_length);

    struct batch *batch = &store->batches[store->batches[0].first != NULL];
    assert(batch->first == NULL);
    batch->first = first;
    batch->message.run = run_commit;
    store->running = batch;
    d1_loop_post(backend_loop(store), &batch->message);
}

static void on_committed(struct d1_message *message) {
    struct batch *batch = D1_CONTAINER_OF(message, struct batch, message);
    struct d1_store *store = batch->store;
    assert(store->running == batch);
    store->running = NULL;
    start_next(store);
    deliver(store, batch);
    batch->first = NULL;
}

/*
 * Timed by the system's clock: a flush takes real time, and an injected clock belongs to one
 * thread, which need not be this one.
 */
static void run_commit(struct d1_message *message) {
    struct batch *batch = D1_CONTAINER_OF(message, struct batch, message);
    struct d1_store *store = batch->store;
    int64_t start_us = d1_clock_mono_us(d1_clock_system());
    batch->error = (struct d1_error){.code = D1_OK};
    int err = store->backend->commit(store->state, batch->first, &batch->error);
    batch->error.code = err;
    batch->duration_us = d1_clock_mono_us(d1_clock_system()) - start_us;
    message->run = on_committed;
    d1_loop_post(store->loop, message);
    /* The batch is gone from here on; the store is not: it is closed by a later message to us. */
    if (store->backend->tidy != NULL) {
        store->backend->tidy(store->state);
    }
}

static void on_closed(struct d1_message *message) {
    struct d1_store *store = D1_CONTAINER_OF(message, struct d1_store, close_message);
    void (*closed)(void *arg) = store->closed;
    void *arg = store->closed_arg;
    if (store->thread != NULL) {
        d1_loop_stop(store->thread);
        d1_loop_join(store->thread); /* It has nothing left to do but end. */
        d1_loop_destroy(store->thread);
    }
    d1_free(store);
    closed(arg);
}

static void run_close(struct d1_message *message) {
    struct d1_store *store = D1_CONTAINER_OF(message, struct d1_store, close_message);
    store->backend->close(store->state);
    message->run = on_closed;
    d1_loop_post(store->loop, message);
}

static void on_start(struct d1_message *message) {
    struct d1_store *store = D1_CONTAINER_OF(message, struct d1_store, start);
    store->start_posted = false;
    start_next(store);
}

/* When nothing is at the backend, start at the next turn of the loop; else on_committed() will. */
static void wake(struct d1_store *store) {
    if (store->running == NULL && !store->start_posted) {
        store->start_posted = true;
        d1_loop_post(store->loop, &store->start);
    }
}

static int start_thread(struct d1_store *store) {
    struct d1_loop *thread = NULL;
    int err = d1_loop_create("store", &thread);
    if (err != D1_OK) {
        return err;
    }
    err = d1_loop_start(thread);
    if (err != D1_OK) {
        d1_loop_destroy(thread);
        return err;
    }
    store->thread = thread;
    return D1_OK;
}

int d1_store_open_backend(const struct d1_store_backend *backend,
                          const struct d1_store_options *options, struct d1_store **ret_store,
                          struct d1_error *error) {
    assert(options->loop != NULL);
    struct d1_store *store = d1_calloc(1, sizeof(*store));
    if (store == NULL) {
        return d1_error_set(error, -ENOMEM, "store: %s", d1_err_text(-ENOMEM));
    }
    store->backend = backend;
    store->loop = options->loop;
    store->queue_last = &store->queue_first;
    store->watchers_last = &store->watchers;
    store->start.run = on_start;
    store->batches[0].store = store;
    store->batches[1].store = store;

    int err = backend->open(backend, options, &store->state, &store->revision, error);
    if (err != D1_OK) {
        goto free_store;
    }
    err = add_metrics(store, options);
    if (err == D1_OK && backend->threaded) {
        err = start_thread(store);
    }
    if (err != D1_OK) {
        d1_error_set(error, err, "store: cannot start: %s", d1_err_text(err));
        goto close_backend;
    }
    set_gauge(store, store->revision_cell, store->revision);
    set_gauge(store, store->writable_cell, 1);
    *ret_store = store;
    return D1_OK;

close_backend:
    backend->close(store->state);
free_store:
    d1_free(store);
    return err;
}

int d1_store_open(const struct d1_store_options *options, struct d1_store **ret_store,
                  struct d1_error *error) {
    static const struct d1_store_backend *const backends[] = {&d1_store_sqlite, &d1_store_memory};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(backends); i++) {
        if (strcmp(options->backend, backends[i]->name) == 0) {
            return d1_store_open_backend(backends[i], options, ret_store, error);
        }
    }
    return d1_error_set(error, D1_ECONFIG,
                        "store backend '%s' is unknown, expected sqlite or memory",
                        options->backend);
}

int d1_store_load(struct d1_store *store, void (*changed)(const struct d1_store_change *, void *),
                  void *arg, struct d1_error *error) {
    d1_loop_assert(store->loop);
    assert(!store->started && !store->stopping);
    return store->backend->load(store->state, changed, arg, error);
}

void d1_store_watch(struct d1_store *store, struct d1_store_watcher *watcher) {
    d1_loop_assert(store->loop);
    watcher->next = NULL;
    *store->watchers_last = watcher;
    store->watchers_last = &watcher->next;
}

int d1_store_write(struct d1_store *store, struct d1_store_write *write) {
    d1_loop_assert(store->loop);
    assert(write->count > 0 && write->done != NULL);
    if (store->stopping) {
        return D1_ESTOPPING;
    }
    if (store->queue_length >= D1_STORE_QUEUE_MAX) {
        return D1_ELIMIT;
    }
    store->started = true;
    write->next = NULL;
    write->err = D1_OK;
    write->revision = 0;
    *store->queue_last = write;
    store->queue_last = &write->next;
    store->queue_length++;
    set_gauge(store, store->queue_cell, store->queue_length);
    wake(store);
    return D1_OK;
}

uint64_t d1_store_revision(const struct d1_store *store) {
    return store->revision;
}

bool d1_store_writable(const struct d1_store *store) {
    return store->last_error.code == D1_OK;
}

const struct d1_error *d1_store_last_error(const struct d1_store *store) {
    return &store->last_error;
}

void d1_store_close(struct d1_store *store, void (*closed)(void *arg), void *arg) {
    d1_loop_assert(store->loop);
    assert(!store->stopping);
    store->stopping = true;
    store->closed = closed;
    store->closed_arg = arg;
    wake(store);
}
