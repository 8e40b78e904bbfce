/*
 * Happy path with TLS: ciphertext comes into the shared buffer, is fed to the stream, and each
 * record goes to on_read; what the stream sends goes out at once.
 *
 * Failure modes with TLS: the owner stops in the middle of what was fed: the rest is held, the
 * socket not read, and when the owner reads again an idle handle goes on from the loop, so that
 * requests never nest. The peer does not take what we send: the socket is not read until it has
 * (this bounds what key updates and the like make us send). A broken record or handshake is on_end
 * with an error; then the owner closes. The end of the socket without close_notify is an end like
 * any other: HTTP says itself where a request ends.
 */
#include "http/transport.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "http/tlsstream.h"

/* A write that did not go out at once, with its own copy of what is left. */
struct queued {
    uv_write_t write;
    struct d1_http_transport *transport;
    uint8_t data[];
};

static const char plain_to_tls[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 73\r\n"
    "Connection: close\r\n\r\n"
    "{\"error\":\"malformed\",\"detail\":\"this port speaks HTTPS, not plain HTTP\"}\r\n";

static struct d1_http_transport *of_handle(uv_handle_t *handle) {
    return D1_CONTAINER_OF(handle, struct d1_http_transport, uv);
}

int d1_http_transport_accept(struct d1_http_transport *transport, uv_stream_t *listener,
                             const struct d1_http_transport_calls *calls, uv_buf_t read_buffer) {
    transport->calls = calls;
    transport->read_buffer = read_buffer;
    transport->tls = NULL;
    transport->unsent = 0;
    transport->handles_open = 1;
    transport->wanted = false;
    transport->reading = false;
    transport->notify = false;
    transport->ended = false;
    transport->closing = false;
    int err;
    if (listener->type == UV_TCP) {
        err = uv_tcp_init(listener->loop, &transport->uv.tcp);
    } else {
        err = uv_pipe_init(listener->loop, &transport->uv.pipe, 0);
    }
    if (err == 0) {
        err = uv_accept(listener, &transport->uv.stream);
    }
    if (err == 0 && listener->type == UV_TCP) {
        uv_tcp_nodelay(&transport->uv.tcp, 1);
    }
    return err;
}

/* ---- Writing ---- */

static int settle_reading(struct d1_http_transport *transport);

static void on_uv_write(uv_write_t *write, int status) {
    struct queued *queued = D1_CONTAINER_OF(write, struct queued, write);
    struct d1_http_transport *transport = queued->transport;
    d1_free(queued);
    if (--transport->unsent > 0) {
        return;
    }
    if (transport->notify) {
        transport->notify = false;
        transport->calls->on_written(transport, status);
    }
    int err = settle_reading(transport);
    if (err != D1_OK) {
        transport->calls->on_end(transport, err);
    }
}

/* Returns 0 when all has gone out, 1 when the rest follows, or -errno. */
static int write_raw(struct d1_http_transport *transport, const uv_buf_t *pieces, unsigned count) {
    size_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        total += pieces[i].len;
    }
    int written = uv_try_write(&transport->uv.stream, pieces, count);
    if (written == UV_EAGAIN) {
        written = 0;
    }
    if (written < 0 || (size_t)written == total) {
        return written < 0 ? written : 0;
    }
    size_t skip = (size_t)written;
    size_t left = total - skip;
    struct queued *queued = d1_malloc(sizeof(*queued) + left);
    if (queued == NULL) {
        return -ENOMEM;
    }
    queued->transport = transport;
    uint8_t *to = queued->data;
    for (unsigned i = 0; i < count; i++) {
        size_t drop = skip < pieces[i].len ? skip : pieces[i].len;
        skip -= drop;
        if (pieces[i].len > drop) {
            memcpy(to, pieces[i].base + drop, pieces[i].len - drop);
            to += pieces[i].len - drop;
        }
    }
    uv_buf_t rest = {.base = (char *)queued->data, .len = left};
    int err = uv_write(&queued->write, &transport->uv.stream, &rest, 1, on_uv_write);
    if (err != 0) {
        d1_free(queued);
        return err;
    }
    transport->unsent++;
    return 1;
}

static int send_ciphertext(void *arg, const void *data, size_t length) {
    /* Not written to; uv_buf_t has no const. */
    uv_buf_t piece = {.base = (char *)(uintptr_t)data, .len = length};
    int err = write_raw(arg, &piece, 1);
    return err < 0 ? err : D1_OK;
}

int d1_http_transport_write(struct d1_http_transport *transport, const uv_buf_t *pieces,
                            unsigned count, bool notify) {
    int more;
    if (transport->tls == NULL) {
        more = write_raw(transport, pieces, count);
    } else {
        more = d1_tls_stream_write(transport->tls, pieces, count);
        if (more == D1_OK && transport->unsent > 0) {
            settle_reading(transport); /* Only stops it, which cannot fail. */
            more = 1;
        }
    }
    if (more > 0) {
        transport->notify = transport->notify || notify;
    }
    return more;
}

static void on_uv_shutdown(uv_shutdown_t *shutdown, int status) {
    (void)shutdown;
    (void)status;
}

void d1_http_transport_shutdown(struct d1_http_transport *transport) {
    if (transport->tls != NULL) {
        d1_tls_stream_end(transport->tls);
    }
    uv_shutdown(&transport->shutdown, &transport->uv.stream, on_uv_shutdown);
}

/* ---- Reading ---- */

/* Nothing more will be read. */
static void end_reading(struct d1_http_transport *transport, int err) {
    d1_http_transport_read_stop(transport);
    transport->ended = true;
    if (err == -EPROTOTYPE) {
        send_ciphertext(transport, plain_to_tls, sizeof(plain_to_tls) - 1);
    }
    transport->calls->on_end(transport, err == D1_ECLOSED ? 0 : err);
}

/* Records to the owner, while it wants them. */
static void deliver(struct d1_http_transport *transport) {
    while (transport->wanted && !transport->ended && !transport->closing) {
        char *plain = transport->plain_buffer.base;
        size_t length = 0;
        int err = d1_tls_stream_read(transport->tls, plain, transport->plain_buffer.len, &length);
        if (err == -EAGAIN) {
            return;
        }
        if (err != D1_OK) {
            end_reading(transport, err);
            return;
        }
        transport->calls->on_read(transport, (const uint8_t *)plain, length);
        d1_wipe(plain, length); /* Credentials; the buffer outlives the client. */
    }
}

/* After deliver: keep what was left. */
static void hold_rest(struct d1_http_transport *transport) {
    if (transport->ended || transport->closing) {
        return;
    }
    int err = d1_tls_stream_hold(transport->tls);
    if (err == D1_OK) {
        err = settle_reading(transport);
    }
    if (err != D1_OK) {
        end_reading(transport, err);
    }
}

static void on_held(uv_idle_t *idle) {
    struct d1_http_transport *transport = D1_CONTAINER_OF(idle, struct d1_http_transport, held);
    uv_idle_stop(idle);
    d1_tls_stream_resume(transport->tls);
    deliver(transport);
    hold_rest(transport);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer) {
    (void)suggested;
    *ret_buffer = of_handle(handle)->read_buffer;
}

static void on_uv_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    struct d1_http_transport *transport = of_handle((uv_handle_t *)stream);
    if (length > 0 && transport->tls != NULL) {
        d1_tls_stream_feed(transport->tls, buffer->base, (size_t)length);
        deliver(transport);
        hold_rest(transport);
    } else if (length > 0) {
        transport->calls->on_read(transport, (const uint8_t *)buffer->base, (size_t)length);
        d1_wipe(buffer->base, (size_t)length); /* As above. */
    } else if (length < 0) {
        end_reading(transport, length == UV_EOF ? D1_ECLOSED : (int)length);
    }
}

/* Read the socket, or go on with what is held, or neither: as the state says. */
static int settle_reading(struct d1_http_transport *transport) {
    if (transport->closing) {
        return D1_OK;
    }
    bool reads = transport->wanted && !transport->ended;
    if (transport->tls != NULL) {
        reads = reads && transport->unsent == 0;
        if (reads && d1_tls_stream_holds(transport->tls)) {
            uv_idle_start(&transport->held, on_held);
            reads = false;
        } else {
            uv_idle_stop(&transport->held);
        }
    }
    int err = D1_OK;
    if (reads && !transport->reading) {
        err = uv_read_start(&transport->uv.stream, on_alloc, on_uv_read);
        reads = err == 0;
    } else if (!reads && transport->reading) {
        uv_read_stop(&transport->uv.stream);
    }
    transport->reading = reads;
    return err;
}

int d1_http_transport_secure(struct d1_http_transport *transport, struct d1_tls *tls,
                             uv_buf_t plain_buffer) {
    assert(transport->tls == NULL && !transport->wanted);
    int err = d1_tls_stream_create(tls, send_ciphertext, transport, &transport->tls);
    if (err == D1_OK) {
        uv_idle_init(transport->uv.handle.loop, &transport->held);
        transport->handles_open++;
        transport->plain_buffer = plain_buffer;
    }
    return err;
}

int d1_http_transport_read_start(struct d1_http_transport *transport) {
    transport->wanted = true;
    return settle_reading(transport);
}

void d1_http_transport_read_stop(struct d1_http_transport *transport) {
    transport->wanted = false;
    settle_reading(transport); /* Only stops it, which cannot fail. */
}

/* ---- The end, and the peer ---- */

static void drop_handle(struct d1_http_transport *transport) {
    if (--transport->handles_open == 0) {
        d1_tls_stream_destroy(transport->tls);
        transport->tls = NULL;
        transport->calls->on_closed(transport);
    }
}

static void on_uv_close(uv_handle_t *handle) {
    drop_handle(of_handle(handle));
}

static void on_held_close(uv_handle_t *handle) {
    drop_handle(D1_CONTAINER_OF(handle, struct d1_http_transport, held));
}

void d1_http_transport_close(struct d1_http_transport *transport) {
    assert(!transport->closing);
    transport->wanted = false;
    transport->reading = false;
    if (transport->tls != NULL) {
        d1_tls_stream_end(transport->tls);
        uv_close((uv_handle_t *)&transport->held, on_held_close);
    }
    transport->closing = true;
    uv_close(&transport->uv.handle, on_uv_close);
}

int d1_http_transport_peer(struct d1_http_transport *transport,
                           struct sockaddr_storage *ret_address, uint32_t *ret_uid) {
    struct sockaddr_storage address = {0};
    if (transport->uv.handle.type == UV_TCP) {
        int length = sizeof(address);
        int err = uv_tcp_getpeername(&transport->uv.tcp, (struct sockaddr *)&address, &length);
        if (err != 0) {
            return err;
        }
        *ret_address = address;
        *ret_uid = UINT32_MAX;
        return D1_OK;
    }
    uv_os_fd_t fd;
    int err = uv_fileno(&transport->uv.handle, &fd);
    if (err != 0) {
        return err;
    }
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        return -errno;
    }
    address.ss_family = AF_UNIX;
    *ret_address = address;
    *ret_uid = peer.uid;
    return D1_OK;
}
