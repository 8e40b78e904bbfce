/*
 * Transport: one accepted stream as octets in, octets out, with or without TLS beneath. The only
 * part of the server that knows.
 *
 * Threads: the loop's thread.
 * Memory: embedded in its owner, which must live until on_closed was called. Reads go to a buffer
 *   that all transports of a server share, borrowed for the length of on_read.
 * Limits: with TLS, one read (D1_HTTP_READ_BYTES) of ciphertext is held while nobody reads.
 */
#ifndef D1_HTTP_TRANSPORT_H
#define D1_HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct d1_http_transport;
struct d1_tls;
struct d1_tls_stream;

struct d1_http_transport_calls {
    /* Octets have come. May stop reading and close. */
    void (*on_read)(struct d1_http_transport *transport, const uint8_t *data, size_t length);
    /* The peer will send no more (0), or reading failed (-errno). Reading has stopped. */
    void (*on_end)(struct d1_http_transport *transport, int err);
    /* What was written with `notify` and did not go out at once has gone out, or failed. */
    void (*on_written)(struct d1_http_transport *transport, int err);
    /* The last call. */
    void (*on_closed)(struct d1_http_transport *transport);
};

struct d1_http_transport {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_shutdown_t shutdown;
    uv_idle_t held; /* TLS: goes on with what is held, from the loop. */
    const struct d1_http_transport_calls *calls; /* Static. */
    uv_buf_t read_buffer;                        /* Borrowed, shared. */
    uv_buf_t plain_buffer;                       /* TLS: as read_buffer, for plaintext. */
    struct d1_tls_stream *tls;                   /* Owned; NULL: plain. */
    unsigned unsent;                             /* Writes under way. */
    unsigned handles_open;
    bool wanted;  /* The owner reads. */
    bool reading; /* The socket is read. */
    bool notify;  /* on_written is due when nothing is unsent any more. */
    bool ended;   /* on_end was called. */
    bool closing;
};

/*
 * Accept a stream that waits on the listener. The handle is initialised, and must be closed, even
 * after an error. Returns 0 or -errno.
 */
int d1_http_transport_accept(struct d1_http_transport *transport, uv_stream_t *listener,
                             const struct d1_http_transport_calls *calls, uv_buf_t read_buffer);

/*
 * Speak TLS from now on; once, before the first read. `plain_buffer` holds D1_TLS_RECORD_BYTES.
 * Returns 0 or -ENOMEM.
 */
int d1_http_transport_secure(struct d1_http_transport *transport, struct d1_tls *tls,
                             uv_buf_t plain_buffer);

/* Start or stop on_read calls. Start returns 0 or -errno; both may be repeated. */
int d1_http_transport_read_start(struct d1_http_transport *transport);
void d1_http_transport_read_stop(struct d1_http_transport *transport);

/*
 * Write all pieces, as much as possible at once (plain: with one system call); the rest is copied.
 * Returns 0 when all has gone out, 1 when the rest follows (then on_written is called once if
 * `notify`), or -errno.
 */
int d1_http_transport_write(struct d1_http_transport *transport, const uv_buf_t *pieces,
                            unsigned count, bool notify);

/* Tell the peer that nothing more will be written (TLS: close_notify too). Best effort. */
void d1_http_transport_shutdown(struct d1_http_transport *transport);

/* Close; on_closed follows from the loop. Not twice. */
void d1_http_transport_close(struct d1_http_transport *transport);

/* The peer's address, and its user (UINT32_MAX when it is not a Unix socket). Returns 0 or -errno. */
int d1_http_transport_peer(struct d1_http_transport *transport,
                           struct sockaddr_storage *ret_address, uint32_t *ret_uid);

#endif /* D1_HTTP_TRANSPORT_H */
