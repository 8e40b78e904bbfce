/*
 * Any octets -> d1_look_holds(): an answer that somebody's name server gave. What it finds is there:
 * in one piece, or in strings of one record. And messages between the processes: any octets that come
 * over the channel are received or close it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "providers/channel.h"
#include "providers/look.h"

#define VALUE       "v"
#define WRITTEN_MAX 65536 /* What a socket takes without a reader. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const uint8_t *data, size_t size) {
    struct d1_name name;
    if (d1_name_from_text("_acme-challenge.example.test", &name) != 0) {
        abort();
    }
    if (d1_look_holds(data, size, &name, VALUE) && memmem(data, size, VALUE, 1) == NULL) {
        abort();
    }
    /* A copy of that length: what is read beyond it is seen. */
    uint8_t *copy = size > 0 ? d1_memdup(data, size) : NULL;
    if (copy != NULL &&
        d1_look_holds(copy, size, &name, VALUE) != d1_look_holds(data, size, &name, VALUE)) {
        abort();
    }
    d1_free(copy);
}

static void on_received(struct d1_channel *channel, const json_t *message) {
    (void)channel;
    if (message == NULL) {
        abort();
    }
}

static void on_closed(struct d1_channel *channel) {
    (void)channel;
}

static void receive(const uint8_t *data, size_t size) {
    uv_loop_t loop;
    int pair[2];
    struct d1_channel channel = {.received = on_received, .closed = on_closed};
    if (uv_loop_init(&loop) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        abort();
    }
    d1_channel_init(&channel, &loop);
    if (d1_channel_open(&channel, pair[0]) != 0 || d1_channel_start(&channel) != 0) {
        abort();
    }
    if (write(pair[1], data, size < WRITTEN_MAX ? size : WRITTEN_MAX) < 0) {
        abort();
    }
    close(pair[1]); /* Its end follows all of it. */
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    look(data, size);
    receive(data, size);
    return 0;
}
