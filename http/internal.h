/*
 * What the server, its listeners and its connections know of one another. Nobody else includes it.
 *
 * Threads: the loop's thread.
 * Memory: listeners are freed with their server. A connection frees itself when its handles are
 *   closed and its request is answered; the server is not gone before that.
 */
#ifndef D1_HTTP_INTERNAL_H
#define D1_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/limits.h"
#include "http/peers.h"
#include "http/response.h"
#include "http/server.h"
#include "http/transport.h"

struct d1_http_connection;

struct d1_http_listener {
    struct d1_http_listener *next;
    struct d1_http_server *server;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const void *tag;
    struct d1_tls *tls;                   /* Borrowed; NULL: plain HTTP. */
    bool loopback;                        /* Bound to a loopback address. */
    unsigned connections;                 /* With an open socket. */
    struct d1_http_transport turned_away; /* The one connection too many that is closing. */
    bool turning_away;                    /* turned_away is in use ... */
    bool waiting;                         /* ... and the next one waits for it. */
    bool closing;
    unsigned handles_open;
    char *path; /* Unix socket: owned; removed when we stop if it is still the same. */
    uint64_t path_device;
    uint64_t path_inode;
};

struct d1_http_server {
    struct d1_loop *loop; /* Borrowed. */
    d1_http_request_fn on_request;
    void *arg;
    struct d1_http_limits limits;
    struct d1_http_response (*refusal)(int status);
    struct d1_http_peers *peers;
    _Atomic unsigned per_address_max; /* 0: no limit. */
    struct d1_http_listener *listeners;
    struct d1_http_connection *connections; /* Those without a socket included. */
    bool stopping;
    bool ending;      /* Nothing but the timer is left. */
    uv_timer_t grace; /* Open from stop on. */
    void (*closed)(void *arg);
    void *closed_arg;
    int64_t date_s; /* What `date` says. */
    char date[D1_HTTP_DATE_BYTES];
    char head[D1_HTTP_RESPONSE_HEAD_BYTES_MAX]; /* Of the answer being written; not kept. */
    char read[D1_HTTP_READ_BYTES];              /* Shared by all reads, one at a time. */
    char plain[D1_TLS_RECORD_BYTES];            /* As read, what TLS made of it. */
};

/* Bind and listen (listener.c). The handle must be closed, even after an error, if handles_open. */
int d1_http_listener_tcp(struct d1_http_listener *listener, const char *address, uint16_t *ret_port,
                         struct d1_error *error);
int d1_http_listener_unix(struct d1_http_listener *listener, const char *path, unsigned mode,
                          struct d1_error *error);

/* Stop accepting; the handle's close is under way. */
void d1_http_listener_close(struct d1_http_listener *listener);

/* Accept what waits on the listener. Returns 0, or -ENOMEM when nothing was accepted. */
int d1_http_connection_accept(struct d1_http_listener *listener);

/* The server stops: close unless a request is under way. */
void d1_http_connection_drain(struct d1_http_connection *connection);

/* Close now; what was asked may still be answered, to nobody. */
void d1_http_connection_abort(struct d1_http_connection *connection);

struct d1_http_connection *d1_http_connection_next(struct d1_http_connection *connection);

/* A connection or a listener's handle is gone: the last one ends the stop. */
void d1_http_server_check_stopped(struct d1_http_server *server);

/* The current Date. Borrowed until the next call. */
const char *d1_http_server_date(struct d1_http_server *server);

#endif /* D1_HTTP_INTERNAL_H */
