/*
 * Happy path: create, listen, requests, stop: the listeners close, idle connections close, the
 * others after their answer; when the last one is gone the timer closes, and `closed` is called.
 * Failure mode: the timer fires first, and takes the sockets of those that are left. Requests that
 * nobody has answered yet keep the server alive even then.
 */
#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/mem.h"
#include "http/internal.h"

int d1_http_server_create(struct d1_loop *loop, d1_http_request_fn on_request, void *arg,
                          struct d1_http_server **ret_server) {
    struct d1_http_server *server = d1_calloc(1, sizeof(*server));
    if (server == NULL) {
        return -ENOMEM;
    }
    server->loop = loop;
    server->on_request = on_request;
    server->arg = arg;
    server->date_s = -1;
    server->refusal = d1_http_refusal;
    server->limits = (struct d1_http_limits){
        .header_ms = D1_HTTP_HEADER_MS,
        .body_ms = D1_HTTP_BODY_MS,
        .idle_ms = D1_HTTP_IDLE_MS,
        .write_ms = D1_HTTP_WRITE_MS,
        .linger_ms = D1_HTTP_LINGER_MS,
        .connections_max = D1_HTTP_CONNECTIONS_MAX,
    };
    atomic_init(&server->per_address_max, D1_HTTP_PER_ADDRESS_MAX);
    int err = d1_http_peers_create(&server->peers);
    if (err != D1_OK) {
        d1_free(server);
        return err;
    }
    *ret_server = server;
    return D1_OK;
}

void d1_http_server_limits(const struct d1_http_server *server, struct d1_http_limits *ret_limits) {
    *ret_limits = server->limits;
}

void d1_http_server_set_limits(struct d1_http_server *server, const struct d1_http_limits *limits) {
    d1_loop_assert(server->loop);
    server->limits = *limits;
}

void d1_http_server_set_refusal(struct d1_http_server *server,
                                struct d1_http_response (*refusal)(int status)) {
    server->refusal = refusal;
}

void d1_http_server_set_per_address(struct d1_http_server *server, unsigned max) {
    atomic_store_explicit(&server->per_address_max, max, memory_order_relaxed);
}

const char *d1_http_server_date(struct d1_http_server *server) {
    int64_t now_s = d1_clock_wall_ms(d1_clock_system()) / 1000;
    if (now_s != server->date_s) {
        d1_http_date_format(now_s, server->date);
        server->date_s = now_s;
    }
    return server->date;
}

static int create_listener(struct d1_http_server *server, const void *tag,
                           struct d1_http_listener **ret_listener) {
    struct d1_http_listener *listener = d1_calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return -ENOMEM;
    }
    listener->server = server;
    listener->tag = tag;
    *ret_listener = listener;
    return D1_OK;
}

/* A listener whose handle is open stays with the server even if it failed: its close takes time. */
static int keep_listener(struct d1_http_server *server, struct d1_http_listener *listener,
                         int err) {
    if (listener->handles_open == 0) {
        d1_free(listener->path);
        d1_free(listener);
        return err;
    }
    listener->next = server->listeners;
    server->listeners = listener;
    if (err != D1_OK) {
        d1_http_listener_close(listener);
    }
    return err;
}

int d1_http_server_listen(struct d1_http_server *server, const char *address, const void *tag,
                          uint16_t *ret_port, struct d1_error *error) {
    return d1_http_server_listen_tls(server, address, NULL, tag, ret_port, error);
}

int d1_http_server_listen_tls(struct d1_http_server *server, const char *address,
                              struct d1_tls *tls, const void *tag, uint16_t *ret_port,
                              struct d1_error *error) {
    d1_loop_assert(server->loop);
    struct d1_http_listener *listener;
    int err = create_listener(server, tag, &listener);
    if (err != D1_OK) {
        return d1_error_set(error, err, "%s: %s", address, d1_err_text(err));
    }
    listener->tls = tls;
    return keep_listener(server, listener,
                         d1_http_listener_tcp(listener, address, ret_port, error));
}

int d1_http_server_listen_unix(struct d1_http_server *server, const char *path, unsigned mode,
                               const void *tag, struct d1_error *error) {
    d1_loop_assert(server->loop);
    struct d1_http_listener *listener;
    int err = create_listener(server, tag, &listener);
    if (err != D1_OK) {
        return d1_error_set(error, err, "%s: %s", path, d1_err_text(err));
    }
    return keep_listener(server, listener, d1_http_listener_unix(listener, path, mode, error));
}

static void on_grace_closed(uv_handle_t *handle) {
    struct d1_http_server *server = handle->data;
    server->closed(server->closed_arg); /* May destroy the server. */
}

void d1_http_server_check_stopped(struct d1_http_server *server) {
    if (!server->stopping || server->ending || server->connections != NULL) {
        return;
    }
    for (struct d1_http_listener *at = server->listeners; at != NULL; at = at->next) {
        if (at->handles_open > 0) {
            return;
        }
    }
    server->ending = true;
    uv_close((uv_handle_t *)&server->grace, on_grace_closed);
}

static void on_grace_over(uv_timer_t *timer) {
    struct d1_http_server *server = timer->data;
    for (struct d1_http_connection *at = server->connections; at != NULL;
         at = d1_http_connection_next(at)) {
        d1_http_connection_abort(at);
    }
}

void d1_http_server_stop(struct d1_http_server *server, uint64_t grace_ms,
                         void (*closed)(void *arg), void *arg) {
    d1_loop_assert(server->loop);
    assert(!server->stopping);
    server->stopping = true;
    server->closed = closed;
    server->closed_arg = arg;
    server->grace.data = server;
    uv_timer_init(d1_loop_uv(server->loop), &server->grace);
    uv_timer_start(&server->grace, on_grace_over, grace_ms, 0);
    for (struct d1_http_listener *at = server->listeners; at != NULL; at = at->next) {
        if (!at->closing) {
            d1_http_listener_close(at);
        }
    }
    for (struct d1_http_connection *at = server->connections; at != NULL;
         at = d1_http_connection_next(at)) {
        d1_http_connection_drain(at);
    }
    d1_http_server_check_stopped(server);
}

void d1_http_server_destroy(struct d1_http_server *server) {
    if (server == NULL) {
        return;
    }
    assert(server->listeners == NULL || server->ending);
    while (server->listeners != NULL) {
        struct d1_http_listener *listener = server->listeners;
        server->listeners = listener->next;
        d1_free(listener->path);
        d1_free(listener);
    }
    d1_http_peers_destroy(server->peers);
    d1_free(server);
}
