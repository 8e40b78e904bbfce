#include "providers/channel.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"

#define PREFIX_BYTES 4
#define BUFFER_BYTES (PREFIX_BYTES + D1_CHANNEL_MESSAGE_MAX)

struct sending {
    uv_write_t write;
    struct d1_channel *channel;
    size_t length;
    uint8_t octets[];
};

static void on_closed(uv_handle_t *handle) {
    struct d1_channel *channel = handle->data;
    if (channel->buffer != NULL) {
        d1_wipe(channel->buffer, BUFFER_BYTES);
        d1_free(channel->buffer);
        channel->buffer = NULL;
    }
    channel->closed(channel);
}

void d1_channel_close(struct d1_channel *channel) {
    if (!uv_is_closing((uv_handle_t *)&channel->pipe)) {
        uv_close((uv_handle_t *)&channel->pipe, on_closed);
    }
}

void d1_channel_init(struct d1_channel *channel, uv_loop_t *loop) {
    uv_pipe_init(loop, &channel->pipe, 0);
    channel->pipe.data = channel;
    channel->buffer = NULL;
    channel->received_length = 0;
    channel->unsent = 0;
}

int d1_channel_open(struct d1_channel *channel, int fd) {
    return uv_pipe_open(&channel->pipe, fd);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct d1_channel *channel = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)channel->buffer + channel->received_length,
                          (unsigned)(BUFFER_BYTES - channel->received_length));
}

/* Returns false when it is no message. */
static bool take_message(struct d1_channel *channel, const uint8_t *octets, size_t length) {
    json_t *message = json_loadb((const char *)octets, length, JSON_REJECT_DUPLICATES, NULL);
    if (message == NULL) {
        return false;
    }
    channel->received(channel, message);
    json_decref(message);
    return true;
}

static void take_messages(struct d1_channel *channel) {
    size_t at = 0;
    while (!uv_is_closing((uv_handle_t *)&channel->pipe) &&
           channel->received_length - at >= PREFIX_BYTES) {
        size_t length = d1_load_u32(channel->buffer + at);
        if (length > D1_CHANNEL_MESSAGE_MAX) {
            d1_channel_close(channel);
            return;
        }
        if (channel->received_length - at - PREFIX_BYTES < length) {
            break;
        }
        if (!take_message(channel, channel->buffer + at + PREFIX_BYTES, length)) {
            d1_channel_close(channel);
            return;
        }
        at += PREFIX_BYTES + length;
    }
    channel->received_length -= at;
    memmove(channel->buffer, channel->buffer + at, channel->received_length);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct d1_channel *channel = stream->data;
    (void)buffer;
    if (count < 0) {
        d1_channel_close(channel);
    } else {
        channel->received_length += (size_t)count;
        take_messages(channel);
    }
}

int d1_channel_start(struct d1_channel *channel) {
    channel->buffer = d1_malloc(BUFFER_BYTES);
    if (channel->buffer == NULL) {
        return -ENOMEM;
    }
    return uv_read_start((uv_stream_t *)&channel->pipe, on_alloc, on_read);
}

static void on_sent(uv_write_t *write, int err) {
    struct sending *sending = D1_CONTAINER_OF(write, struct sending, write);
    struct d1_channel *channel = sending->channel;
    channel->unsent -= sending->length;
    d1_wipe(sending->octets, sending->length);
    d1_free(sending);
    if (err != 0) {
        d1_channel_close(channel);
    }
}

static int make_sending(const json_t *message, struct sending **ret_sending) {
    size_t length = json_dumpb(message, NULL, 0, JSON_COMPACT);
    if (length == 0 || length > D1_CHANNEL_MESSAGE_MAX) {
        return length == 0 ? -ENOMEM : D1_ETOOLARGE;
    }
    struct sending *sending = d1_malloc(sizeof(*sending) + PREFIX_BYTES + length);
    if (sending == NULL) {
        return -ENOMEM;
    }
    sending->length = PREFIX_BYTES + length;
    const uint8_t prefix[PREFIX_BYTES] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
                                          (uint8_t)(length >> 8), (uint8_t)length};
    memcpy(sending->octets, prefix, PREFIX_BYTES);
    if (json_dumpb(message, (char *)sending->octets + PREFIX_BYTES, length, JSON_COMPACT) !=
        length) {
        d1_free(sending);
        return -ENOMEM;
    }
    *ret_sending = sending;
    return D1_OK;
}

int d1_channel_send(struct d1_channel *channel, json_t *message) {
    struct sending *sending = NULL;
    if (message == NULL || uv_is_closing((uv_handle_t *)&channel->pipe)) {
        json_decref(message);
        return message == NULL ? -ENOMEM : -EPIPE;
    }
    int err = channel->unsent > D1_CHANNEL_UNSENT_MAX ? D1_ELIMIT : make_sending(message, &sending);
    json_decref(message);
    if (err != D1_OK || sending == NULL) {
        return err;
    }
    sending->channel = channel;
    uv_buf_t part = uv_buf_init((char *)sending->octets, (unsigned)sending->length);
    err = uv_write(&sending->write, (uv_stream_t *)&channel->pipe, &part, 1, on_sent);
    if (err != 0) {
        d1_free(sending);
        return err;
    }
    channel->unsent += sending->length;
    return D1_OK;
}
