/*
 * Happy path: bind, listen, and hand each connection to d1_http_connection_accept().
 *
 * Failure modes: over the limit, or without memory, a connection is accepted and closed at once.
 * `turned_away` stands ready for that, so it needs no memory; one at a time, the next is taken when
 * its close has come through. Without a free descriptor libuv drops what waits by means of the
 * descriptor it keeps in reserve. Neither spins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "http/internal.h"

static void take_connection(struct d1_http_listener *listener);

static void on_turned_away(struct d1_http_transport *transport) {
    struct d1_http_listener *listener =
        D1_CONTAINER_OF(transport, struct d1_http_listener, turned_away);
    listener->turning_away = false;
    listener->handles_open--;
    if (listener->waiting && !listener->closing) {
        listener->waiting = false;
        take_connection(listener);
    }
    d1_http_server_check_stopped(listener->server);
}

static const struct d1_http_transport_calls turned_away_calls = {.on_closed = on_turned_away};

static void turn_away(struct d1_http_listener *listener) {
    if (listener->turning_away) {
        listener->waiting = true; /* libuv accepts nothing more meanwhile. */
        return;
    }
    listener->turning_away = true;
    listener->handles_open++;
    d1_http_transport_accept(&listener->turned_away, &listener->uv.stream, &turned_away_calls,
                             (uv_buf_t){0});
    d1_http_transport_close(&listener->turned_away);
}

static void take_connection(struct d1_http_listener *listener) {
    if (listener->connections >= listener->server->limits.connections_max ||
        d1_http_connection_accept(listener) != D1_OK) {
        turn_away(listener);
    }
}

static void on_connection(uv_stream_t *stream, int status) {
    struct d1_http_listener *listener = stream->data;
    if (status == 0 && !listener->closing) {
        take_connection(listener);
    }
}

static uint16_t bound_port(const uv_tcp_t *tcp) {
    struct sockaddr_storage address = {0};
    int length = sizeof(address);
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &length) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

int d1_http_listener_tcp(struct d1_http_listener *listener, const char *address, uint16_t *ret_port,
                         struct d1_error *error) {
    struct sockaddr_storage storage;
    if (d1_address_parse(address, &storage) != D1_OK) {
        return d1_error_set(error, D1_EPARSE,
                            "%s: not an address and port (127.0.0.1:8053, [::1]:8053)", address);
    }
    uv_tcp_t *tcp = &listener->uv.tcp;
    tcp->data = listener;
    int err = uv_tcp_init(d1_loop_uv(listener->server->loop), tcp);
    if (err != 0) {
        return d1_error_set(error, err, "%s: %s", address, d1_err_text(err));
    }
    listener->handles_open = 1;
    listener->loopback = d1_address_is_loopback(&storage);
    unsigned flags = storage.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    err = uv_tcp_bind(tcp, (const struct sockaddr *)&storage, flags);
    if (err == 0) {
        err = uv_listen(&listener->uv.stream, D1_HTTP_BACKLOG, on_connection);
    }
    if (err != 0) {
        return d1_error_set(error, err, "cannot listen on %s: %s", address, d1_err_text(err));
    }
    if (ret_port != NULL) {
        *ret_port = bound_port(tcp);
    }
    return D1_OK;
}

/* Remove a socket that nobody listens on. Returns 0 also when there is none. */
static int remove_stale(const struct sockaddr_un *address, struct d1_error *error) {
    struct stat found;
    if (lstat(address->sun_path, &found) != 0) {
        int err = -errno;
        return err == -ENOENT
                   ? D1_OK
                   : d1_error_set(error, err, "%s: %s", address->sun_path, d1_err_text(err));
    }
    if (!S_ISSOCK(found.st_mode)) {
        return d1_error_set(error, -EEXIST, "%s exists and is not a socket", address->sun_path);
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return d1_error_set(error, -errno, "socket: %s", d1_err_text(-errno));
    }
    int err = connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
    close(probe);
    if (err == 0 || err == -EAGAIN) { /* EAGAIN: it listens, and its backlog is full. */
        return d1_error_set(error, -EADDRINUSE, "another process listens on %s", address->sun_path);
    }
    if (err != -ECONNREFUSED) {
        return d1_error_set(error, err, "%s: %s", address->sun_path, d1_err_text(err));
    }
    if (unlink(address->sun_path) != 0 && errno != ENOENT) {
        return d1_error_set(error, -errno, "cannot remove the stale socket %s: %s",
                            address->sun_path, d1_err_text(-errno));
    }
    return D1_OK;
}

/* A bound socket with its mode set. Nobody can connect to it before it listens. */
static int bind_unix(const struct sockaddr_un *address, unsigned mode, int *ret_fd,
                     struct d1_error *error) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return d1_error_set(error, -errno, "socket: %s", d1_err_text(-errno));
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        int err = -errno;
        close(fd);
        return d1_error_set(error, err, "cannot make the socket %s: %s", address->sun_path,
                            d1_err_text(err));
    }
    if (chmod(address->sun_path, (mode_t)mode) != 0) {
        int err = -errno;
        close(fd);
        unlink(address->sun_path);
        return d1_error_set(error, err, "cannot set the mode of %s: %s", address->sun_path,
                            d1_err_text(err));
    }
    *ret_fd = fd;
    return D1_OK;
}

/* Remember what we made, so that stopping does not remove what another process put there. */
static int remember_path(struct d1_http_listener *listener, const char *path) {
    struct stat made;
    if (lstat(path, &made) != 0) {
        return -errno;
    }
    listener->path = d1_strdup(path);
    listener->path_device = made.st_dev;
    listener->path_inode = made.st_ino;
    return listener->path != NULL ? D1_OK : -ENOMEM;
}

int d1_http_listener_unix(struct d1_http_listener *listener, const char *path, unsigned mode,
                          struct d1_error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return d1_error_set(error, -ENAMETOOLONG, "%s: a socket's path has at most %zu octets",
                            path, sizeof(address.sun_path) - 1);
    }
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = -1;
    int err = remove_stale(&address, error);
    if (err == D1_OK) {
        err = bind_unix(&address, mode, &fd, error);
    }
    if (err != D1_OK) {
        return err;
    }
    uv_pipe_t *pipe = &listener->uv.pipe;
    pipe->data = listener;
    err = remember_path(listener, path);
    if (err == D1_OK) {
        err = uv_pipe_init(d1_loop_uv(listener->server->loop), pipe, 0);
    }
    if (err == D1_OK) {
        listener->handles_open = 1;
        err = uv_pipe_open(pipe, fd);
    }
    if (err != D1_OK) {
        close(fd);
        unlink(path);
        return d1_error_set(error, err, "%s: %s", path, d1_err_text(err));
    }
    err = uv_listen(&listener->uv.stream, D1_HTTP_BACKLOG, on_connection);
    if (err != D1_OK) {
        unlink(path);
        return d1_error_set(error, err, "cannot listen on %s: %s", path, d1_err_text(err));
    }
    return D1_OK;
}

static void on_closed(uv_handle_t *handle) {
    struct d1_http_listener *listener = handle->data;
    listener->handles_open--;
    d1_http_server_check_stopped(listener->server);
}

void d1_http_listener_close(struct d1_http_listener *listener) {
    struct stat found;
    if (listener->path != NULL && lstat(listener->path, &found) == 0 &&
        found.st_dev == listener->path_device && found.st_ino == listener->path_inode) {
        unlink(listener->path);
    }
    listener->closing = true;
    uv_close(&listener->uv.handle, on_closed);
}
