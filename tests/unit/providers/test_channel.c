/* Messages over a socket pair: in pieces, several at once, too long, no JSON. */
#include "providers/channel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>

#include "core/err.h"
#include "core/mem.h"

struct world {
    uv_loop_t loop;
    struct d1_channel channel;
    int other; /* The other end; -1: closed. */
    unsigned received;
    unsigned closed;
    char last[64]; /* Member "op" of the last message. */
    bool close_at_first;
};

static struct world *current;

static void on_received(struct d1_channel *channel, const json_t *message) {
    const char *op = json_string_value(json_object_get(message, "op"));
    current->received++;
    snprintf(current->last, sizeof(current->last), "%s", op != NULL ? op : "");
    if (current->close_at_first) {
        d1_channel_close(channel);
    }
}

static void on_closed(struct d1_channel *channel) {
    (void)channel;
    current->closed++;
}

static int open_world(void **state) {
    static struct world world;
    int pair[2];
    world = (struct world){.channel = {.received = on_received, .closed = on_closed}};
    current = &world;
    assert_int_equal(uv_loop_init(&world.loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    world.other = pair[1];
    d1_channel_init(&world.channel, &world.loop);
    assert_int_equal(d1_channel_open(&world.channel, pair[0]), 0);
    assert_int_equal(d1_channel_start(&world.channel), 0);
    *state = &world;
    return 0;
}

static void hang_up(struct world *w) {
    if (w->other >= 0) {
        assert_int_equal(close(w->other), 0);
        w->other = -1;
    }
}

static int close_world(void **state) {
    struct world *w = *state;
    hang_up(w);
    d1_channel_close(&w->channel);
    d1_channel_close(&w->channel);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->closed, 1); /* Once, whatever happened. */
    assert_int_equal(uv_loop_close(&w->loop), 0);
    return 0;
}

static void turn(struct world *w) {
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* Send octets as they are. */
static void send_octets(const struct world *w, const void *octets, size_t length) {
    assert_int_equal(write(w->other, octets, length), length);
}

static size_t frame(uint8_t *octets, const char *text) {
    size_t length = strlen(text);
    const uint8_t prefix[4] = {0, 0, (uint8_t)(length >> 8), (uint8_t)length};
    memcpy(octets, prefix, sizeof(prefix));
    memcpy(octets + sizeof(prefix), text, length);
    return sizeof(prefix) + length;
}

static void a_message_in_single_octets(void **state) {
    struct world *w = *state;
    uint8_t octets[64];
    size_t length = frame(octets, "{\"op\":\"end\"}");
    for (size_t i = 0; i < length; i++) {
        assert_int_equal(w->received, 0);
        send_octets(w, octets + i, 1);
        turn(w);
    }
    assert_int_equal(w->received, 1);
    assert_string_equal(w->last, "end");
}

static void several_messages_and_a_piece_at_once(void **state) {
    struct world *w = *state;
    uint8_t octets[128];
    size_t length = frame(octets, "{\"op\":\"one\"}");
    length += frame(octets + length, "{\"op\":\"two\"}");
    size_t whole = length + frame(octets + length, "{\"op\":\"three\"}");
    send_octets(w, octets, length + 6);
    turn(w);
    assert_int_equal(w->received, 2);
    assert_string_equal(w->last, "two");
    send_octets(w, octets + length + 6, whole - length - 6);
    turn(w);
    assert_int_equal(w->received, 3);
    assert_string_equal(w->last, "three");
}

static void a_length_that_is_too_great_closes(void **state) {
    struct world *w = *state;
    static const uint8_t octets[] = {0x00, 0x10, 0x00, 0x01}; /* One more than a megabyte. */
    send_octets(w, octets, sizeof(octets));
    turn(w);
    turn(w);
    assert_int_equal(w->closed, 1);
    assert_int_equal(w->received, 0);
}

static void what_is_no_json_closes(void **state) {
    struct world *w = *state;
    static const char *const texts[] = {"{\"op\":", "", "{\"a\":1,\"a\":2}", "{} x"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        uint8_t octets[64];
        if (i > 0) {
            close_world(state);
            open_world(state);
        }
        send_octets(w, octets, frame(octets, texts[i]));
        turn(w);
        turn(w);
        assert_int_equal(w->closed, 1);
        assert_int_equal(w->received, 0);
    }
}

static void nothing_is_received_after_close(void **state) {
    struct world *w = *state;
    uint8_t octets[64];
    size_t length = frame(octets, "{\"op\":\"one\"}");
    length += frame(octets + length, "{\"op\":\"two\"}");
    w->close_at_first = true;
    send_octets(w, octets, length);
    turn(w);
    turn(w);
    assert_int_equal(w->received, 1);
}

static void the_other_side_is_gone(void **state) {
    struct world *w = *state;
    hang_up(w);
    turn(w);
    turn(w);
    assert_int_equal(w->closed, 1);
    assert_int_equal(d1_channel_send(&w->channel, json_object()), -EPIPE);
}

static void what_is_sent_has_its_length_before_it(void **state) {
    struct world *w = *state;
    uint8_t octets[64];
    assert_int_equal(d1_channel_send(&w->channel, json_pack("{s:s}", "op", "job")), 0);
    turn(w);
    assert_int_equal(read(w->other, octets, sizeof(octets)), 16);
    assert_memory_equal(octets, "\0\0\0\x0c{\"op\":\"job\"}", 16);
}

static void a_message_that_is_too_long_is_not_sent(void **state) {
    struct world *w = *state;
    char *text = d1_malloc(D1_CHANNEL_MESSAGE_MAX + 1);
    assert_non_null(text);
    memset(text, 'a', D1_CHANNEL_MESSAGE_MAX);
    text[D1_CHANNEL_MESSAGE_MAX] = '\0';
    assert_int_equal(d1_channel_send(&w->channel, json_pack("{s:s}", "op", text)), D1_ETOOLARGE);
    d1_free(text);
    assert_int_equal(d1_channel_send(&w->channel, NULL), -ENOMEM);
    assert_int_equal(d1_channel_send(&w->channel, json_pack("{s:s}", "op", "job")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(a_message_in_single_octets),
        TEST(several_messages_and_a_piece_at_once),
        TEST(a_length_that_is_too_great_closes),
        TEST(what_is_no_json_closes),
        TEST(nothing_is_received_after_close),
        TEST(the_other_side_is_gone),
        TEST(what_is_sent_has_its_length_before_it),
        TEST(a_message_that_is_too_long_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
