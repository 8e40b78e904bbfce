/*
 * One TLS connection, server side, without its socket: ciphertext is fed in, plaintext read out;
 * what is to be sent goes to a function.
 *
 * Threads: one.
 * Memory: what was fed is borrowed until d1_tls_stream_hold(), which copies what is left of it.
 * Limits: D1_HTTP_READ_BYTES are held.
 */
#ifndef D1_HTTP_TLSSTREAM_H
#define D1_HTTP_TLSSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct d1_tls;
struct d1_tls_stream;

/* Sends or queues all of the ciphertext. Returns 0 or a negative error, which ends the stream. */
typedef int (*d1_tls_send_fn)(void *arg, const void *data, size_t length);

/* A stream that waits for a ClientHello. Returns 0 or -ENOMEM. */
int d1_tls_stream_create(struct d1_tls *tls, d1_tls_send_fn send, void *arg,
                         struct d1_tls_stream **ret_stream);

/* NULL is allowed. */
void d1_tls_stream_destroy(struct d1_tls_stream *stream);

/* Read from these octets from now on. Only when nothing is held. */
void d1_tls_stream_feed(struct d1_tls_stream *stream, const void *data, size_t length);

/* Read from what is held from now on. */
void d1_tls_stream_resume(struct d1_tls_stream *stream);

/* Keep a copy of what was not read. Returns 0 or -ENOMEM. */
int d1_tls_stream_hold(struct d1_tls_stream *stream);

/* Whether there is something to read without a feed. */
bool d1_tls_stream_holds(const struct d1_tls_stream *stream);

/*
 * Plaintext of one record, `size` (at least D1_TLS_RECORD_BYTES) octets at most. Shakes hands
 * first. Returns 0, -EAGAIN (all that was fed is used up), D1_ECLOSED (the peer closed in order),
 * -EPROTOTYPE (it speaks plain HTTP), or -EPROTO (broken: nothing more can be read or written; the
 * alert was sent).
 */
int d1_tls_stream_read(struct d1_tls_stream *stream, void *ret_data, size_t size,
                       size_t *ret_length);

/* Encrypt and send all. Returns 0, or -EPIPE when the stream is not open or sending failed. */
int d1_tls_stream_write(struct d1_tls_stream *stream, const uv_buf_t *pieces, unsigned count);

/* Send close_notify, once, if the stream is open. Best effort. */
void d1_tls_stream_end(struct d1_tls_stream *stream);

#endif /* D1_HTTP_TLSSTREAM_H */
