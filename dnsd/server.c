/*
 * Happy path: create binds all sockets and makes the workers; start starts their threads; timeline
 * events come by the workers' rings; stop tells each worker, each tells us when it ends, and when
 * all are joined and the timer is closed, `stopped` is called.
 *
 * Timeline events: a worker posts its `asked_wake` for the first event after a quiet time. From then
 * on the rings that were signalled are drained every ASKED_EVERY_MS, whatever comes, until one of
 * them was empty for that long: it is rearmed. So a flood wakes this thread 100 times a second.
 *
 * Failure modes: create undoes what it did. start stops the threads that had started. Afterwards
 * there are none.
 */
#include "dnsd/server.h"

#include <assert.h>
#include <errno.h>
#include <sys/resource.h>

#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/net.h"
#include "dnsd/apply.h"
#include "dnsd/asked.h"
#include "dnsd/listen.h"
#include "dnsd/serving.h"
#include "dnsd/update.h"
#include "dnsd/worker.h"

#define ASKED_EVERY_MS 10

struct d1_dnsd {
    struct d1_dnsd_options options;
    struct d1_serving_cells cells;
    struct d1_applier *applier; /* NULL: UPDATE is refused. */
    uv_timer_t asked_timer;     /* Initialised at start. */
    bool started;
    unsigned running;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct sockaddr_storage addresses[D1_LISTENERS_MAX];
    struct d1_worker *workers[]; /* options.workers; NULL when not made. */
};

/* Timeline events. */

static size_t drain_ring(struct d1_dnsd *dnsd, struct d1_asked_ring *ring) {
    return d1_asked_drain(ring, dnsd->options.on_asked, dnsd->options.arg);
}

static void on_asked_timer(uv_timer_t *timer) {
    struct d1_dnsd *dnsd = timer->data;
    bool busy = false;
    for (unsigned i = 0; i < dnsd->options.workers; i++) {
        struct d1_asked_ring *ring = dnsd->workers[i]->ring;
        if (!d1_asked_is_signalled(ring)) {
            continue;
        }
        if (drain_ring(dnsd, ring) > 0 || !d1_asked_rearm(ring)) {
            busy = true;
        }
    }
    if (!busy) {
        uv_timer_stop(timer);
    }
}

static void on_asked_wake(struct d1_message *message) {
    struct d1_worker *worker = D1_CONTAINER_OF(message, struct d1_worker, asked_wake);
    struct d1_dnsd *dnsd = worker->owner;
    drain_ring(dnsd, worker->ring);
    if (dnsd->running > 0 && !uv_is_active((uv_handle_t *)&dnsd->asked_timer)) {
        uv_timer_start(&dnsd->asked_timer, on_asked_timer, ASKED_EVERY_MS, ASKED_EVERY_MS);
    }
}

/* The end. */

static void on_timer_closed(uv_handle_t *handle) {
    struct d1_dnsd *dnsd = handle->data;
    dnsd->started = false;
    dnsd->stopped(dnsd->stopped_arg);
}

static void on_worker_ended(struct d1_message *message) {
    struct d1_worker *worker = D1_CONTAINER_OF(message, struct d1_worker, ended);
    struct d1_dnsd *dnsd = worker->owner;
    d1_worker_join(worker);
    if (worker->ring != NULL) {
        drain_ring(dnsd, worker->ring);
    }
    assert(dnsd->running > 0);
    dnsd->running--;
    if (dnsd->running == 0) {
        uv_close((uv_handle_t *)&dnsd->asked_timer, on_timer_closed);
    }
}

/* Creation. */

/* Of all descriptors the process may have, half are for TCP clients, in equal parts. */
static unsigned connections_per_worker(unsigned workers) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return D1_TCP_CONNECTIONS_MAX;
    }
    rlim_t share = limit.rlim_cur / 2 / workers;
    if (share > D1_TCP_CONNECTIONS_MAX) {
        return D1_TCP_CONNECTIONS_MAX;
    }
    return share > 0 ? (unsigned)share : 1;
}

static int parse_addresses(struct d1_dnsd *dnsd, struct d1_error *error) {
    for (size_t i = 0; i < dnsd->options.listen_count; i++) {
        const char *text = dnsd->options.listen[i];
        if (d1_address_parse(text, &dnsd->addresses[i]) != D1_OK) {
            return d1_error_set(error, D1_EPARSE,
                                "%s: not an address and port such as 127.0.0.1:5300 or [::1]:5300",
                                text);
        }
    }
    return D1_OK;
}

/* pairs[i * workers + w] are those of address i for worker w. */
static int bind_addresses(struct d1_dnsd *dnsd, struct d1_listen_pair *pairs,
                          struct d1_error *error) {
    unsigned workers = dnsd->options.workers;
    for (size_t i = 0; i < dnsd->options.listen_count; i++) {
        int err = d1_listen_bind(&dnsd->addresses[i], workers, &pairs[i * workers], error);
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

static int make_workers(struct d1_dnsd *dnsd, struct d1_listen_pair *pairs) {
    const struct d1_dnsd_options *from = &dnsd->options;
    struct d1_worker_options options = {
        .epoch = from->epoch,
        .current = from->current,
        .answering = from->answering,
        .clock = from->clock,
        .metrics = from->metrics,
        .cells = dnsd->cells,
        .control = from->loop,
        .connections_max = connections_per_worker(from->workers),
        .idle_ms = from->tcp_idle_ms > 0 ? from->tcp_idle_ms : D1_TCP_IDLE_MS,
        .wants_asked = from->on_asked != NULL,
        .asked = on_asked_wake,
        .ended = on_worker_ended,
        .owner = dnsd,
    };
    for (unsigned w = 0; w < from->workers; w++) {
        struct d1_worker_listen listen[D1_LISTENERS_MAX];
        for (size_t i = 0; i < from->listen_count; i++) {
            listen[i].pair = &pairs[i * from->workers + w];
            listen[i].wildcard = d1_address_is_wildcard(&dnsd->addresses[i]);
        }
        options.index = w;
        int err = d1_worker_create(&options, listen, from->listen_count, &dnsd->workers[w]);
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

static int create_with(struct d1_dnsd *dnsd, struct d1_listen_pair *pairs, struct d1_error *error) {
    int err = parse_addresses(dnsd, error);
    if (err == D1_OK) {
        err = bind_addresses(dnsd, pairs, error);
    }
    if (err != D1_OK) {
        return err;
    }
    err = d1_serving_families(dnsd->options.metrics, &dnsd->cells);
    if (err == D1_OK) {
        err = make_workers(dnsd, pairs);
    }
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot make the DNS workers: %s", d1_err_text(err));
    }
    return D1_OK;
}

int d1_dnsd_create(const struct d1_dnsd_options *options, struct d1_dnsd **ret_dnsd,
                   struct d1_error *error) {
    if (options->workers < 1 || options->workers > D1_WORKERS_MAX ||
        options->listen_count > D1_LISTENERS_MAX) {
        return d1_error_set(error, D1_ELIMIT, "1 to %d DNS workers and up to %d addresses",
                            D1_WORKERS_MAX, D1_LISTENERS_MAX);
    }
    size_t pairs_count = options->workers * options->listen_count;
    struct d1_dnsd *dnsd =
        d1_calloc(1, sizeof(*dnsd) + options->workers * sizeof(dnsd->workers[0]));
    struct d1_listen_pair *pairs = d1_calloc(pairs_count + 1, sizeof(*pairs));
    int err = -ENOMEM;
    if (dnsd == NULL || pairs == NULL) {
        d1_error_set(error, err, "no memory for the DNS server");
        goto free_both;
    }
    for (size_t i = 0; i < pairs_count; i++) {
        pairs[i] = (struct d1_listen_pair){.udp = -1, .tcp = -1};
    }
    dnsd->options = *options;
    err = create_with(dnsd, pairs, error);
    if (err == D1_OK) {
        *ret_dnsd = dnsd;
        d1_free(pairs);
        return D1_OK;
    }
    d1_listen_close(pairs, pairs_count);
    d1_dnsd_destroy(dnsd);
    dnsd = NULL;
free_both:
    d1_free(pairs);
    d1_free(dnsd);
    return err;
}

int d1_dnsd_take_updates(struct d1_dnsd *dnsd, struct d1_keys_current *keys,
                         struct d1_solver *solver) {
    assert(!dnsd->started && dnsd->applier == NULL);
    int err = d1_applier_create(solver, dnsd->options.current, &dnsd->applier);
    for (unsigned i = 0; i < dnsd->options.workers && err == D1_OK; i++) {
        d1_updates_set(dnsd->workers[i]->updates, keys, dnsd->applier);
    }
    return err;
}

int d1_dnsd_start(struct d1_dnsd *dnsd) {
    d1_loop_assert(dnsd->options.loop);
    assert(!dnsd->started);
    for (unsigned i = 0; i < dnsd->options.workers; i++) {
        int err = d1_worker_start(dnsd->workers[i]);
        if (err == D1_OK) {
            continue;
        }
        for (unsigned j = 0; j < i; j++) {
            d1_worker_abort(dnsd->workers[j]);
            d1_worker_join(dnsd->workers[j]);
        }
        return err;
    }
    uv_timer_init(d1_loop_uv(dnsd->options.loop), &dnsd->asked_timer);
    dnsd->asked_timer.data = dnsd;
    dnsd->running = dnsd->options.workers;
    dnsd->started = true;
    for (unsigned i = 0; i < dnsd->options.workers; i++) {
        d1_worker_begin(dnsd->workers[i]);
    }
    return D1_OK;
}

void d1_dnsd_address(const struct d1_dnsd *dnsd, size_t index,
                     struct sockaddr_storage *ret_address) {
    assert(index < dnsd->options.listen_count);
    *ret_address = dnsd->addresses[index];
}

void d1_dnsd_stop(struct d1_dnsd *dnsd, uint64_t grace_ms, void (*stopped)(void *arg), void *arg) {
    d1_loop_assert(dnsd->options.loop);
    assert(dnsd->started && dnsd->stopped == NULL);
    dnsd->stopped = stopped;
    dnsd->stopped_arg = arg;
    for (unsigned i = 0; i < dnsd->options.workers; i++) {
        d1_worker_stop(dnsd->workers[i], grace_ms);
    }
}

void d1_dnsd_destroy(struct d1_dnsd *dnsd) {
    if (dnsd == NULL) {
        return;
    }
    assert(!dnsd->started);
    for (unsigned i = 0; i < dnsd->options.workers; i++) {
        d1_worker_destroy(dnsd->workers[i]);
    }
    d1_applier_destroy(dnsd->applier);
    d1_free(dnsd);
}
