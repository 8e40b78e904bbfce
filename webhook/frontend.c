/*
 * Stop: the control loop posts to the front loop, which stops its server; when that has closed and
 * no job is on its way any more, the front loop posts back, and `stopped` is called. Jobs that are
 * with the solver end with their `done`, whatever becomes of their connection.
 */
#include "webhook/frontend.h"

#include <assert.h>
#include <errno.h>

#include "core/attr.h"
#include "core/loop.h"
#include "core/mem.h"
#include "http/server.h"
#include "webhook/route.h"

#define CONTROL_SOCKET_MODE 0600

struct d1_frontend {
    struct d1_frontend_options options;
    struct d1_router *router;
    struct d1_http_server *server;
    enum d1_frontend_kind kinds[D1_FRONTEND_CONTROL + 1]; /* What listeners' tags point at. */

    struct d1_message stop_message;
    uint64_t grace_ms;
    bool server_closed;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

static void on_request(struct d1_http_exchange *exchange, const struct d1_http_request *request,
                       void *arg) {
    struct d1_frontend *frontend = arg;
    const enum d1_frontend_kind *kind = request->tag;
    d1_router_take(frontend->router, *kind, request, exchange);
}

static void on_stopped(struct d1_message *message) {
    struct d1_frontend *frontend = D1_CONTAINER_OF(message, struct d1_frontend, stop_message);
    frontend->stopped(frontend->stopped_arg);
}

static void end_if_done(struct d1_frontend *frontend) {
    if (frontend->server_closed && d1_router_pending(frontend->router) == 0) {
        frontend->server_closed = false;
        frontend->stop_message.run = on_stopped;
        d1_loop_post(frontend->options.loop, &frontend->stop_message);
    }
}

static void respond(struct d1_http_exchange *exchange, const struct d1_http_response *response,
                    void *arg) {
    struct d1_frontend *frontend = arg;
    d1_http_respond(exchange, response);
    end_if_done(frontend);
}

static void on_closed(void *arg) {
    struct d1_frontend *frontend = arg;
    frontend->server_closed = true;
    end_if_done(frontend);
}

static void on_stop(struct d1_message *message) {
    struct d1_frontend *frontend = D1_CONTAINER_OF(message, struct d1_frontend, stop_message);
    d1_http_server_stop(frontend->server, frontend->grace_ms, on_closed, frontend);
}

int d1_frontend_create(const struct d1_frontend_options *options,
                       struct d1_frontend **ret_frontend) {
    struct d1_frontend *frontend = d1_calloc(1, sizeof(*frontend));
    if (frontend == NULL) {
        return -ENOMEM;
    }
    frontend->options = *options;
    for (unsigned i = 0; i < D1_ARRAY_LENGTH(frontend->kinds); i++) {
        frontend->kinds[i] = (enum d1_frontend_kind)i;
    }
    int err = d1_router_create(options, respond, frontend, &frontend->router);
    if (err == D1_OK) {
        err = d1_http_server_create(options->front, on_request, frontend, &frontend->server);
    }
    if (err != D1_OK) {
        d1_frontend_destroy(frontend);
        return err;
    }
    *ret_frontend = frontend;
    return D1_OK;
}

int d1_frontend_configure(struct d1_frontend *frontend,
                          const struct d1_frontend_settings *settings) {
    int err = d1_router_configure(frontend->router, settings);
    if (err == D1_OK) {
        d1_http_server_set_per_address(frontend->server, settings->connections_per_address);
    }
    return err;
}

int d1_frontend_listen(struct d1_frontend *frontend, enum d1_frontend_kind kind,
                       const char *address, uint16_t *ret_port, struct d1_error *error) {
    const void *tag = &frontend->kinds[kind];
    if (kind == D1_FRONTEND_CONTROL) {
        return d1_http_server_listen_unix(frontend->server, address, CONTROL_SOCKET_MODE, tag,
                                          error);
    }
    struct d1_tls *tls = kind == D1_FRONTEND_API ? frontend->options.api_tls : NULL;
    return d1_http_server_listen_tls(frontend->server, address, tls, tag, ret_port, error);
}

void d1_frontend_stop(struct d1_frontend *frontend, uint64_t grace_ms, void (*stopped)(void *arg),
                      void *arg) {
    assert(frontend->stopped == NULL);
    frontend->grace_ms = grace_ms;
    frontend->stopped = stopped;
    frontend->stopped_arg = arg;
    frontend->stop_message.run = on_stop;
    d1_loop_post(frontend->options.front, &frontend->stop_message);
}

void d1_frontend_destroy(struct d1_frontend *frontend) {
    if (frontend == NULL) {
        return;
    }
    d1_http_server_destroy(frontend->server);
    d1_router_destroy(frontend->router);
    d1_free(frontend);
}
