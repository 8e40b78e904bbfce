#include "http/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"

/* A write that did not go out at once, with its own copy of what is left. */
struct queued {
    uv_write_t write;
    struct d1_http_transport *transport;
    bool notify;
    uint8_t data[];
};

static struct d1_http_transport *of_handle(uv_handle_t *handle) {
    return D1_CONTAINER_OF(handle, struct d1_http_transport, uv);
}

int d1_http_transport_accept(struct d1_http_transport *transport, uv_stream_t *listener,
                             const struct d1_http_transport_calls *calls, uv_buf_t read_buffer) {
    transport->calls = calls;
    transport->read_buffer = read_buffer;
    transport->reading = false;
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

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer) {
    (void)suggested;
    *ret_buffer = of_handle(handle)->read_buffer;
}

static void on_uv_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    struct d1_http_transport *transport = of_handle((uv_handle_t *)stream);
    if (length > 0) {
        transport->calls->on_read(transport, (const uint8_t *)buffer->base, (size_t)length);
        d1_wipe(buffer->base, (size_t)length); /* Credentials; the buffer outlives the client. */
    } else if (length < 0) {
        d1_http_transport_read_stop(transport);
        transport->calls->on_end(transport, length == UV_EOF ? 0 : (int)length);
    }
}

int d1_http_transport_read_start(struct d1_http_transport *transport) {
    if (transport->reading) {
        return 0;
    }
    int err = uv_read_start(&transport->uv.stream, on_alloc, on_uv_read);
    transport->reading = err == 0;
    return err;
}

void d1_http_transport_read_stop(struct d1_http_transport *transport) {
    if (transport->reading) {
        uv_read_stop(&transport->uv.stream);
        transport->reading = false;
    }
}

static void on_uv_write(uv_write_t *write, int status) {
    struct queued *queued = D1_CONTAINER_OF(write, struct queued, write);
    struct d1_http_transport *transport = queued->transport;
    bool notify = queued->notify;
    d1_free(queued);
    if (notify) {
        transport->calls->on_written(transport, status);
    }
}

int d1_http_transport_write(struct d1_http_transport *transport, const uv_buf_t *pieces,
                            unsigned count, bool notify) {
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
    queued->notify = notify;
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
    return 1;
}

static void on_uv_shutdown(uv_shutdown_t *shutdown, int status) {
    (void)shutdown;
    (void)status;
}

void d1_http_transport_shutdown(struct d1_http_transport *transport) {
    uv_shutdown(&transport->shutdown, &transport->uv.stream, on_uv_shutdown);
}

static void on_uv_close(uv_handle_t *handle) {
    struct d1_http_transport *transport = of_handle(handle);
    transport->calls->on_closed(transport);
}

void d1_http_transport_close(struct d1_http_transport *transport) {
    transport->reading = false;
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
