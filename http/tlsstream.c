/*
 * Happy path: create; each feed is read until -EAGAIN, which shakes hands on the way; writes go out
 * as records of D1_TLS_RECORD_BYTES at most; end says close_notify.
 *
 * Failure modes: a broken record, a refused handshake, or a send that failed make the stream
 * `failed`: each call after that returns its error at once, so that nobody spins on it. When the
 * reader stops in the middle of what was fed, hold copies the rest, and resume goes on with it.
 */
#include "http/tlsstream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/tlsinternal.h"

struct d1_tls_stream {
    SSL *ssl;
    d1_tls_send_fn send;
    void *arg;
    const uint8_t *input; /* What the BIO reads: what was fed, or what is held. */
    size_t input_length;
    struct d1_bytes held;
    bool resumed; /* `input` is the end of `held`. */
    bool failed;
    struct d1_tls_proof proof;
};

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_length) {
    struct d1_tls_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (stream->input_length == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t length = size < stream->input_length ? size : stream->input_length;
    memcpy(data, stream->input, length);
    stream->input += length;
    stream->input_length -= length;
    *ret_length = length;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t length, size_t *ret_length) {
    struct d1_tls_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (stream->failed || stream->send(stream->arg, data, length) != D1_OK) {
        stream->failed = true;
        return 0;
    }
    *ret_length = length;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *d1_tls_stream_methods(void) {
    BIO_METHOD *methods = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "dns01d");
    if (methods != NULL) {
        BIO_meth_set_read_ex(methods, bio_read);
        BIO_meth_set_write_ex(methods, bio_write);
        BIO_meth_set_ctrl(methods, bio_control);
    }
    return methods;
}

int d1_tls_stream_create(struct d1_tls *tls, d1_tls_send_fn send, void *arg,
                         struct d1_tls_stream **ret_stream) {
    struct d1_tls_stream *stream = d1_calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return -ENOMEM;
    }
    stream->send = send;
    stream->arg = arg;
    d1_bytes_init(&stream->held, D1_HTTP_READ_BYTES);
    stream->ssl = d1_tls_connect(tls, stream);
    if (stream->ssl == NULL) {
        d1_free(stream);
        return -ENOMEM;
    }
    *ret_stream = stream;
    return D1_OK;
}

void d1_tls_stream_destroy(struct d1_tls_stream *stream) {
    if (stream != NULL) {
        SSL_free(stream->ssl);
        d1_bytes_close(&stream->held);
        d1_free(stream);
    }
}

struct d1_tls_proof *d1_tls_stream_proof(struct d1_tls_stream *stream) {
    return &stream->proof;
}

SSL *d1_tls_stream_ssl(struct d1_tls_stream *stream) {
    return stream->ssl;
}

void d1_tls_stream_feed(struct d1_tls_stream *stream, const void *data, size_t length) {
    assert(stream->held.length == 0);
    stream->input = data;
    stream->input_length = length;
    stream->resumed = false;
}

void d1_tls_stream_resume(struct d1_tls_stream *stream) {
    stream->input = stream->held.data;
    stream->input_length = stream->held.length;
    stream->resumed = true;
}

int d1_tls_stream_hold(struct d1_tls_stream *stream) {
    int err = D1_OK;
    if (stream->resumed) {
        d1_bytes_drop(&stream->held, stream->held.length - stream->input_length);
    } else if (stream->input_length > 0) {
        err = d1_bytes_add(&stream->held, stream->input, stream->input_length);
    }
    if (stream->held.length == 0) {
        d1_bytes_close(&stream->held);
    }
    stream->input = NULL;
    stream->input_length = 0;
    return err;
}

bool d1_tls_stream_holds(const struct d1_tls_stream *stream) {
    return stream->held.length > 0 || SSL_pending(stream->ssl) > 0;
}

int d1_tls_stream_read(struct d1_tls_stream *stream, void *ret_data, size_t size,
                       size_t *ret_length) {
    assert(size >= D1_TLS_RECORD_BYTES);
    if (stream->failed) {
        return -EPROTO;
    }
    ERR_clear_error();
    size_t length = 0;
    int done = SSL_read_ex(stream->ssl, ret_data, size, &length);
    if (done == 1 && !stream->failed) {
        *ret_length = length;
        return D1_OK;
    }
    int reason = SSL_get_error(stream->ssl, done);
    if (!stream->failed && reason == SSL_ERROR_WANT_READ) {
        return -EAGAIN;
    }
    if (!stream->failed && reason == SSL_ERROR_ZERO_RETURN) {
        return D1_ECLOSED;
    }
    stream->failed = true;
    bool plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
    ERR_clear_error();
    return plain ? -EPROTOTYPE : -EPROTO;
}

static int write_record(struct d1_tls_stream *stream, const uint8_t *data, size_t length) {
    size_t written = 0;
    if (length == 0) {
        return D1_OK;
    }
    ERR_clear_error();
    if (SSL_write_ex(stream->ssl, data, length, &written) != 1 || stream->failed) {
        ERR_clear_error();
        stream->failed = true;
        return -EPIPE;
    }
    assert(written == length);
    return D1_OK;
}

int d1_tls_stream_write(struct d1_tls_stream *stream, const uv_buf_t *pieces, unsigned count) {
    if (stream->failed || !SSL_is_init_finished(stream->ssl)) {
        return -EPIPE;
    }
    /* Pieces share records: head and body of a small answer are one. */
    uint8_t record[D1_TLS_RECORD_BYTES];
    size_t used = 0;
    size_t highest = 0;
    int err = D1_OK;
    for (unsigned i = 0; i < count && err == D1_OK; i++) {
        size_t at = 0;
        while (at < pieces[i].len && err == D1_OK) {
            size_t room = sizeof(record) - used;
            size_t part = pieces[i].len - at < room ? pieces[i].len - at : room;
            memcpy(record + used, pieces[i].base + at, part);
            used += part;
            at += part;
            highest = used > highest ? used : highest;
            if (used == sizeof(record)) {
                err = write_record(stream, record, used);
                used = 0;
            }
        }
    }
    err = err != D1_OK ? err : write_record(stream, record, used);
    d1_wipe(record, highest);
    return err;
}

void d1_tls_stream_end(struct d1_tls_stream *stream) {
    bool said = (SSL_get_shutdown(stream->ssl) & SSL_SENT_SHUTDOWN) != 0;
    if (!stream->failed && !said && SSL_is_init_finished(stream->ssl)) {
        ERR_clear_error();
        SSL_shutdown(stream->ssl);
        ERR_clear_error();
    }
}
