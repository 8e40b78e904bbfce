/*
 * Happy path: IDLE waits for a request; its first octet leads to HEAD, the end of the headers to
 * BODY, a whole request to ASKED, where the callee has the word; its answer leads
 * to WRITING, and when the kernel has all of it back to IDLE. Small requests skip HEAD and BODY,
 * small answers leave WRITING within d1_http_respond(). Pipelined requests wait in `pending`
 * meanwhile: reading stops when there is any, so that at most one read is held. (Stopping sooner
 * would cost two system calls for each request, and hide that the client has gone.)
 *
 * Failure modes: what the parser refuses, and a head or body that takes too long, is answered and
 * the connection closed: WRITING, then LINGER, which says we are done and reads on for a while, so
 * that the answer is not lost to a reset caused by octets nobody read (RFC 9112, 9.6). Idle too
 * long, an answer not read in time, the peer gone: CLOSED. A connection that is CLOSED while its
 * request is under way lives on until that is answered, to nobody.
 *
 * drive() is the only place that feeds the parser, and it loops: an answer given within the request
 * callback changes the state and returns, so that pipelined requests never nest.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/step.h"
#include "http/internal.h"
#include "http/parser.h"

enum state { IDLE, HEAD, BODY, ASKED, WRITING, LINGER, CLOSED };

static const struct d1_step_state states[] = {
    [IDLE] = {"idle", D1_STEP_TO(HEAD) | D1_STEP_TO(BODY) | D1_STEP_TO(ASKED) |
                          D1_STEP_TO(WRITING) | D1_STEP_TO(CLOSED)},
    [HEAD] = {"head",
              D1_STEP_TO(BODY) | D1_STEP_TO(ASKED) | D1_STEP_TO(WRITING) | D1_STEP_TO(CLOSED)},
    [BODY] = {"body", D1_STEP_TO(ASKED) | D1_STEP_TO(WRITING) | D1_STEP_TO(CLOSED)},
    [ASKED] = {"asked", D1_STEP_TO(WRITING) | D1_STEP_TO(CLOSED)},
    [WRITING] = {"writing", D1_STEP_TO(IDLE) | D1_STEP_TO(LINGER) | D1_STEP_TO(CLOSED)},
    [LINGER] = {"linger", D1_STEP_TO(CLOSED)},
    [CLOSED] = {"closed", 0},
};

struct d1_http_exchange {
    bool open;
};

struct d1_http_connection {
    struct d1_http_connection *next;
    struct d1_http_connection *previous;
    struct d1_http_server *server;
    struct d1_http_listener *listener;
    struct d1_step step;
    unsigned references; /* Transport, timer, open exchange. */
    struct d1_http_transport transport;
    uv_timer_t timer; /* One for all states: each has at most one reason to end by time. */
    struct d1_http_parser *parser;
    struct d1_bytes pending; /* Read behind the request under way. */
    struct d1_http_exchange exchange;
    struct d1_http_peer peer;
    bool driving;
    bool closes;  /* After the answer being written, or that comes next. */
    bool refused; /* There may be octets that nobody reads. */
    bool ended;   /* The peer sends no more; it may still read. */
    size_t lingered;
    bool counted; /* Among its address' connections. */
};

static bool is_reading(const struct d1_http_connection *connection) {
    return connection->step.now <= BODY;
}

static void drop_reference(struct d1_http_connection *connection) {
    assert(connection->references > 0);
    if (--connection->references > 0) {
        return;
    }
    struct d1_http_server *server = connection->server;
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    d1_http_parser_destroy(connection->parser);
    d1_wipe(connection->pending.data, connection->pending.length);
    d1_bytes_close(&connection->pending);
    d1_free(connection);
    d1_http_server_check_stopped(server);
}

static void on_timer_closed(uv_handle_t *handle) {
    drop_reference(handle->data);
}

static void close_connection(struct d1_http_connection *connection) {
    if (connection->step.now == CLOSED) {
        return;
    }
    d1_step_move(&connection->step, CLOSED);
    d1_http_transport_close(&connection->transport);
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

static void on_timeout(uv_timer_t *timer);

static void end_after(struct d1_http_connection *connection, uint64_t ms) {
    uv_timer_start(&connection->timer, on_timeout, ms, 0);
}

/* Read while a request is wanted or a client is drained; not while something is held back. */
static void settle_reading(struct d1_http_connection *connection) {
    if (connection->step.now == CLOSED) {
        return;
    }
    if (is_reading(connection) || connection->step.now == LINGER) {
        if (connection->ended || d1_http_transport_read_start(&connection->transport) != 0) {
            close_connection(connection);
        }
    } else if (connection->pending.length > 0 || connection->closes) {
        d1_http_transport_read_stop(&connection->transport);
    }
}

/* The answer has gone out. */
static void end_answer(struct d1_http_connection *connection) {
    const struct d1_http_server *server = connection->server;
    d1_http_parser_reset(connection->parser);
    if (!connection->closes && !server->stopping) {
        d1_step_move(&connection->step, IDLE);
        end_after(connection, server->limits.idle_ms);
        return;
    }
    if (server->stopping && !connection->refused) {
        close_connection(connection);
        return;
    }
    d1_step_move(&connection->step, LINGER);
    d1_http_transport_shutdown(&connection->transport);
    end_after(connection, server->limits.linger_ms);
}

static void write_answer(struct d1_http_connection *connection,
                         const struct d1_http_response *response) {
    struct d1_http_server *server = connection->server;
    const struct d1_http_parser *parser = connection->parser;
    connection->closes = connection->closes || response->close || server->stopping ||
                         !d1_http_parser_keeps_alive(parser);
    enum d1_http_connection_field field = connection->closes ? D1_HTTP_CONNECTION_CLOSE
                                          : d1_http_parser_is_http10(parser)
                                              ? D1_HTTP_CONNECTION_KEEP
                                              : D1_HTTP_CONNECTION_DEFAULT;
    size_t length = 0;
    struct d1_http_response failure;
    if (d1_http_response_head(response, d1_http_server_date(server), field, server->head,
                              sizeof(server->head), &length) != D1_OK) {
        failure = d1_http_refusal(500);
        response = &failure;
        connection->closes = true;
        int err =
            d1_http_response_head(response, d1_http_server_date(server), D1_HTTP_CONNECTION_CLOSE,
                                  server->head, sizeof(server->head), &length);
        assert(err == D1_OK);
        (void)err;
    }
    bool bodyless = response->body_length == 0 || d1_http_parser_is_head(parser) ||
                    d1_http_status_is_bodyless(response->status);
    uv_buf_t pieces[2] = {{.base = server->head, .len = length}};
    if (!bodyless) {
        /* Not written to; uv_buf_t has no const. */
        pieces[1].base = (char *)(uintptr_t)response->body;
        pieces[1].len = response->body_length;
    }
    d1_step_move(&connection->step, WRITING);
    int more = d1_http_transport_write(&connection->transport, pieces, bodyless ? 1 : 2, true);
    if (more < 0) {
        close_connection(connection);
    } else if (more > 0) {
        end_after(connection, server->limits.write_ms);
    } else {
        end_answer(connection);
    }
}

static void refuse(struct d1_http_connection *connection, int status) {
    struct d1_http_response response = connection->server->refusal(status);
    connection->refused = true;
    write_answer(connection, &response);
}

static void ask(struct d1_http_connection *connection) {
    struct d1_http_server *server = connection->server;
    struct d1_http_request request = {
        .peer = connection->peer,
        .secure = connection->listener->tls != NULL,
        .loopback = connection->listener->loopback,
        .tag = connection->listener->tag,
    };
    request.peer.tls = connection->transport.tls;
    d1_http_parser_request(connection->parser, &request);
    uv_timer_stop(&connection->timer);
    d1_step_move(&connection->step, ASKED);
    connection->references++;
    connection->exchange.open = true;
    server->on_request(&connection->exchange, &request, server->arg);
}

/* More of a request has come, but not all. */
static void follow_parser(struct d1_http_connection *connection) {
    enum d1_http_stage stage = d1_http_parser_stage(connection->parser);
    const struct d1_http_limits *limits = &connection->server->limits;
    if (stage == D1_HTTP_STAGE_HEAD && connection->step.now == IDLE) {
        d1_step_move(&connection->step, HEAD);
        end_after(connection, limits->header_ms);
    } else if (stage == D1_HTTP_STAGE_BODY && connection->step.now != BODY) {
        d1_step_move(&connection->step, BODY);
        end_after(connection, limits->body_ms);
        if (d1_http_parser_take_expectation(connection->parser)) {
            char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
            uv_buf_t piece = {.base = text, .len = sizeof(text) - 1};
            if (d1_http_transport_write(&connection->transport, &piece, 1, false) < 0) {
                close_connection(connection);
            }
        }
    }
}

/* Feed the parser while requests are wanted. Returns how many octets it took. */
static size_t drive(struct d1_http_connection *connection, const uint8_t *data, size_t length) {
    size_t at = 0;
    connection->driving = true;
    while (is_reading(connection) && at < length) {
        size_t used = 0;
        switch (d1_http_parser_feed(connection->parser, data + at, length - at, &used)) {
        case D1_HTTP_MORE:
            follow_parser(connection);
            break;
        case D1_HTTP_COMPLETE:
            ask(connection);
            break;
        case D1_HTTP_REFUSED:
            refuse(connection, d1_http_parser_status(connection->parser));
            break;
        }
        at += used;
    }
    connection->driving = false;
    return at;
}

/* After an answer that was not given within drive(): what was pipelined, then the socket. */
static void resume(struct d1_http_connection *connection) {
    if (is_reading(connection) && connection->pending.length > 0) {
        struct d1_bytes *pending = &connection->pending;
        size_t used = drive(connection, pending->data, pending->length);
        d1_bytes_drop(pending, used);
        d1_wipe(pending->data + pending->length, used);
        if (pending->length == 0) {
            d1_bytes_close(pending); /* Few clients pipeline, and those who do not often. */
        }
    }
    settle_reading(connection);
}

static struct d1_http_connection *of_transport(struct d1_http_transport *transport) {
    return D1_CONTAINER_OF(transport, struct d1_http_connection, transport);
}

static void on_read(struct d1_http_transport *transport, const uint8_t *data, size_t length) {
    struct d1_http_connection *connection = of_transport(transport);
    if (connection->step.now == LINGER) {
        connection->lingered += length;
        if (connection->lingered > D1_HTTP_LINGER_BYTES_MAX) {
            close_connection(connection);
        }
        return;
    }
    assert(connection->pending.length == 0);
    size_t used = drive(connection, data, length);
    bool goes_on = connection->step.now == ASKED || connection->step.now == WRITING;
    if (used < length && goes_on && !connection->closes &&
        d1_bytes_add(&connection->pending, data + used, length - used) != D1_OK) {
        connection->closes = true; /* What came behind cannot be kept: this answer is the last. */
    }
    settle_reading(connection);
}

static void on_end(struct d1_http_transport *transport, int err) {
    struct d1_http_connection *connection = of_transport(transport);
    connection->ended = true;
    if (err == 0 && (connection->step.now == ASKED || connection->step.now == WRITING)) {
        return; /* It may wait for its answer. */
    }
    close_connection(connection); /* Half a request is no request, and an idle peer may leave. */
}

static void on_written(struct d1_http_transport *transport, int err) {
    struct d1_http_connection *connection = of_transport(transport);
    if (connection->step.now != WRITING) {
        return;
    }
    if (err != 0) {
        close_connection(connection);
        return;
    }
    end_answer(connection);
    resume(connection);
}

static void on_transport_closed(struct d1_http_transport *transport) {
    struct d1_http_connection *connection = of_transport(transport);
    connection->listener->connections--;
    if (connection->counted) {
        d1_http_peers_remove(connection->server->peers, &connection->peer.address);
    }
    drop_reference(connection);
}

static const struct d1_http_transport_calls calls = {
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
    .on_closed = on_transport_closed,
};

static void on_timeout(uv_timer_t *timer) {
    struct d1_http_connection *connection = timer->data;
    switch (connection->step.now) {
    case HEAD:
    case BODY:
        refuse(connection, 408);
        settle_reading(connection);
        break;
    default:
        close_connection(connection);
        break;
    }
}

/* Who it is, whether there are too many of them, and TLS. */
static int admit(struct d1_http_connection *connection) {
    struct d1_http_server *server = connection->server;
    int err = d1_http_transport_peer(&connection->transport, &connection->peer.address,
                                     &connection->peer.uid);
    if (err != D1_OK) {
        return err;
    }
    unsigned max = atomic_load_explicit(&server->per_address_max, memory_order_relaxed);
    err = d1_http_peers_add(server->peers, &connection->peer.address, max);
    connection->counted = err == D1_OK;
    if (err == D1_OK && connection->listener->tls != NULL) {
        uv_buf_t plain = {.base = server->plain, .len = sizeof(server->plain)};
        err = d1_http_transport_secure(&connection->transport, connection->listener->tls, plain);
    }
    return err;
}

int d1_http_connection_accept(struct d1_http_listener *listener) {
    struct d1_http_server *server = listener->server;
    struct d1_http_connection *connection = d1_calloc(1, sizeof(*connection));
    if (connection == NULL || d1_http_parser_create(&connection->parser) != D1_OK) {
        d1_free(connection);
        return -ENOMEM;
    }
    connection->server = server;
    connection->listener = listener;
    d1_step_init(&connection->step, states, D1_ARRAY_LENGTH(states));
    d1_bytes_init(&connection->pending, D1_HTTP_READ_BYTES);
    connection->timer.data = connection;
    uv_timer_init(d1_loop_uv(server->loop), &connection->timer);
    uv_buf_t buffer = {.base = server->read, .len = sizeof(server->read)};
    int err =
        d1_http_transport_accept(&connection->transport, &listener->uv.stream, &calls, buffer);
    connection->references = 2;
    connection->next = server->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    server->connections = connection;
    listener->connections++;
    err = err != 0 ? err : admit(connection);
    if (err != 0) {
        close_connection(connection);
        return D1_OK;
    }
    end_after(connection, server->limits.header_ms);
    settle_reading(connection);
    return D1_OK;
}

void d1_http_connection_drain(struct d1_http_connection *connection) {
    if (connection->step.now == IDLE || connection->step.now == LINGER) {
        close_connection(connection);
    }
}

void d1_http_connection_abort(struct d1_http_connection *connection) {
    close_connection(connection);
}

struct d1_http_connection *d1_http_connection_next(struct d1_http_connection *connection) {
    return connection->next;
}

void d1_http_respond(struct d1_http_exchange *exchange, const struct d1_http_response *response) {
    struct d1_http_connection *connection =
        D1_CONTAINER_OF(exchange, struct d1_http_connection, exchange);
    d1_loop_assert(connection->server->loop);
    assert(exchange->open);
    exchange->open = false;
    if (connection->step.now == ASKED) {
        write_answer(connection, response);
        if (!connection->driving) {
            resume(connection);
        }
    }
    drop_reference(connection);
}
