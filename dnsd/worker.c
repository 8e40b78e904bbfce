/*
 * Happy path: created with its sockets, started, told to begin, answering until the stop message comes;
 * then UDP is drained, TCP drained and the UPDATEs under way answered, within the grace time; then
 * UDP is closed, the loop stopped and the control thread told to join.
 *
 * Failure modes: all at creation (memory, descriptors) or at start (no thread); a running worker
 * has none of its own, those of its sockets are told in udp.c and tcp.c.
 */
#include "dnsd/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dnsd/asked.h"
#include "dnsd/rate.h"
#include "dnsd/tcp.h"
#include "dnsd/udp.h"
#include "dnsd/update.h"

static_assert(offsetof(struct d1_worker, asked_wake) % D1_CACHE_LINE == 0,
              "messages, which the control thread links, share no line with what answers need");

/* TCP is drained, or no UPDATE is under way any more; both are awaited. */
static void on_part_drained(void *arg) {
    struct d1_worker *worker = arg;
    worker->draining--;
    if (worker->draining > 0) {
        return;
    }
    d1_udp_close(worker->udp);
    d1_loop_stop(worker->loop);
    d1_loop_post(worker->serving.control, &worker->ended);
}

static void on_begin(struct d1_message *message) {
    struct d1_worker *worker = D1_CONTAINER_OF(message, struct d1_worker, begin);
    d1_udp_start(worker->udp);
    d1_tcp_start(worker->tcp);
}

static void on_stop(struct d1_message *message) {
    struct d1_worker *worker = D1_CONTAINER_OF(message, struct d1_worker, stop);
    worker->draining = 2;
    d1_udp_drain(worker->udp);
    d1_udp_pause(worker->udp);
    d1_tcp_drain(worker->tcp, worker->grace_ms, on_part_drained, worker);
    d1_updates_drain(worker->updates, worker->grace_ms, on_part_drained, worker);
}

static void on_abort(struct d1_message *message) {
    struct d1_worker *worker = D1_CONTAINER_OF(message, struct d1_worker, stop);
    d1_udp_close(worker->udp);
    d1_tcp_close(worker->tcp);
    d1_updates_close(worker->updates);
    d1_loop_stop(worker->loop);
}

static int watch_udp(struct d1_worker *worker, const struct d1_worker_listen *listen,
                     size_t listen_count) {
    struct d1_udp_socket sockets[D1_LISTENERS_MAX];
    for (size_t i = 0; i < listen_count; i++) {
        sockets[i].fd = listen[i].pair->udp;
        sockets[i].wildcard = listen[i].wildcard;
    }
    int err = d1_udp_create(d1_loop_uv(worker->loop), &worker->serving, sockets, listen_count,
                            &worker->udp);
    for (size_t i = 0; i < listen_count && err == D1_OK; i++) {
        listen[i].pair->udp = -1;
    }
    return err;
}

static int watch_tcp(struct d1_worker *worker, const struct d1_worker_options *options,
                     const struct d1_worker_listen *listen, size_t listen_count) {
    int listeners[D1_LISTENERS_MAX];
    for (size_t i = 0; i < listen_count; i++) {
        listeners[i] = listen[i].pair->tcp;
    }
    struct d1_tcp_options tcp = {
        .loop = d1_loop_uv(worker->loop),
        .serving = &worker->serving,
        .listeners = listeners,
        .listeners_count = listen_count,
        .connections_max = options->connections_max,
        .idle_ms = options->idle_ms,
    };
    int err = d1_tcp_create(&tcp, &worker->tcp);
    for (size_t i = 0; i < listen_count && err == D1_OK; i++) {
        listen[i].pair->tcp = -1;
    }
    return err;
}

/* Everything but the sockets. */
static int prepare(struct d1_worker *worker, const struct d1_worker_options *options) {
    struct d1_serving *serving = &worker->serving;
    serving->epoch = options->epoch;
    serving->reader = options->index;
    serving->current = options->current;
    serving->options = options->answering;
    serving->clock = options->clock;
    serving->cells = options->cells;
    serving->control = options->control;
    serving->asked_wake = &worker->asked_wake;
    worker->owner = options->owner;
    worker->asked_wake.run = options->asked;
    worker->ended.run = options->ended;
    worker->begin.run = on_begin;
    int err = d1_metrics_block(options->metrics, &serving->block);
    if (err == D1_OK) {
        err = d1_rate_create(&serving->rate);
    }
    if (err == D1_OK && options->wants_asked) {
        err = d1_asked_ring_create(&worker->ring);
        serving->asked = worker->ring;
    }
    if (err == D1_OK) {
        char name[16];
        snprintf(name, sizeof(name), "dns-%u", options->index);
        err = d1_loop_create(name, &worker->loop);
    }
    if (err == D1_OK) {
        const struct d1_updates_options updates = {
            .loop = worker->loop, .control = options->control, .clock = options->clock};
        err = d1_updates_create(&updates, &worker->updates);
        serving->updates = worker->updates;
    }
    return err;
}

int d1_worker_create(const struct d1_worker_options *options, const struct d1_worker_listen *listen,
                     size_t listen_count, struct d1_worker **ret_worker) {
    assert(listen_count <= D1_LISTENERS_MAX);
    struct d1_worker *worker = d1_aligned(D1_CACHE_LINE, sizeof(*worker));
    if (worker == NULL) {
        return -ENOMEM;
    }
    int err = prepare(worker, options);
    if (err == D1_OK) {
        err = watch_udp(worker, listen, listen_count);
    }
    if (err == D1_OK) {
        err = watch_tcp(worker, options, listen, listen_count);
    }
    if (err != D1_OK) {
        d1_worker_destroy(worker);
        return err;
    }
    *ret_worker = worker;
    return D1_OK;
}

int d1_worker_start(struct d1_worker *worker) {
    return d1_loop_start(worker->loop);
}

void d1_worker_begin(struct d1_worker *worker) {
    d1_loop_post(worker->loop, &worker->begin);
}

void d1_worker_stop(struct d1_worker *worker, uint64_t grace_ms) {
    worker->grace_ms = grace_ms;
    worker->stop.run = on_stop;
    d1_loop_post(worker->loop, &worker->stop);
}

void d1_worker_abort(struct d1_worker *worker) {
    worker->stop.run = on_abort;
    d1_loop_post(worker->loop, &worker->stop);
}

void d1_worker_join(struct d1_worker *worker) {
    d1_loop_join(worker->loop);
}

void d1_worker_destroy(struct d1_worker *worker) {
    if (worker == NULL) {
        return;
    }
    if (worker->udp != NULL) {
        d1_udp_close(worker->udp);
    }
    if (worker->tcp != NULL) {
        d1_tcp_close(worker->tcp);
    }
    if (worker->updates != NULL) {
        d1_updates_close(worker->updates);
    }
    d1_loop_destroy(worker->loop); /* Runs what closing left to do. */
    d1_udp_destroy(worker->udp);
    d1_tcp_destroy(worker->tcp);
    d1_updates_destroy(worker->updates);
    d1_asked_ring_destroy(worker->ring);
    d1_rate_destroy(worker->serving.rate);
    d1_free(worker);
}
