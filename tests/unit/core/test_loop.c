#include "core/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"

struct note {
    struct d1_message message;
    struct d1_loop *loop;
    int *log;
    int *count;
    int value;
};

static void on_note(struct d1_message *message) {
    struct note *note = D1_CONTAINER_OF(message, struct note, message);
    note->log[(*note->count)++] = note->value;
}

static void messages_run_in_order_of_posting(void **state) {
    (void)state;
    struct d1_loop *loop = NULL;
    int log[8] = {0};
    int count = 0;
    struct note notes[8];
    assert_int_equal(d1_loop_create("test", &loop), D1_OK);
    for (int i = 0; i < 8; i++) {
        notes[i] = (struct note){{NULL, on_note}, loop, log, &count, i};
        d1_loop_post(loop, &notes[i].message);
    }
    d1_loop_stop(loop);
    d1_loop_run(loop);
    assert_int_equal(count, 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(log[i], i);
    }
    d1_loop_destroy(loop);
}

static void on_repost(struct d1_message *message) {
    struct note *note = D1_CONTAINER_OF(message, struct note, message);
    if (++*note->count < 5) {
        d1_loop_post(note->loop, message);
    } else {
        d1_loop_stop(note->loop);
    }
}

static void a_message_may_post_itself_again(void **state) {
    (void)state;
    struct d1_loop *loop = NULL;
    int count = 0;
    assert_int_equal(d1_loop_create("test", &loop), D1_OK);
    struct note note = {{NULL, on_repost}, loop, NULL, &count, 0};
    d1_loop_post(loop, &note.message);
    d1_loop_run(loop);
    assert_int_equal(count, 5);
    d1_loop_destroy(loop);
}

#define POSTERS  4
#define MESSAGES 5000

struct poster {
    struct d1_loop *loop;
    struct note notes[MESSAGES];
    int last;
    bool ordered;
    int *total;
};

static void on_count(struct d1_message *message) {
    struct note *note = D1_CONTAINER_OF(message, struct note, message);
    struct poster *poster = (struct poster *)(void *)note->log;
    d1_loop_assert(poster->loop);
    poster->ordered = poster->ordered && note->value == poster->last + 1;
    poster->last = note->value;
    if (++*poster->total == POSTERS * MESSAGES) {
        d1_loop_stop(poster->loop);
    }
}

static void *post_many(void *arg) {
    struct poster *poster = arg;
    for (int i = 0; i < MESSAGES; i++) {
        poster->notes[i].message.run = on_count;
        poster->notes[i].log = (int *)(void *)poster;
        poster->notes[i].value = i + 1;
        d1_loop_post(poster->loop, &poster->notes[i].message);
    }
    return NULL;
}

static void nothing_is_lost_or_reordered_between_threads(void **state) {
    (void)state;
    struct d1_loop *loop = NULL;
    pthread_t threads[POSTERS];
    static struct poster posters[POSTERS];
    int total = 0;
    assert_int_equal(d1_loop_create("test", &loop), D1_OK);
    assert_int_equal(d1_loop_start(loop), 0);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].total = &total;
        posters[i].ordered = true;
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    d1_loop_join(loop);
    assert_int_equal(total, POSTERS * MESSAGES);
    for (int i = 0; i < POSTERS; i++) {
        assert_true(posters[i].ordered);
    }
    d1_loop_destroy(loop);
}

static void a_thread_carries_its_loops_name(void **state) {
    (void)state;
    struct d1_loop *loop = NULL;
    assert_int_equal(d1_loop_create("a-rather-long-name", &loop), D1_OK);
    assert_int_equal(d1_loop_start(loop), 0);
    d1_loop_stop(loop);
    d1_loop_join(loop);
    d1_loop_join(loop);
    d1_loop_destroy(loop);
    d1_loop_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_run_in_order_of_posting),
        cmocka_unit_test(a_message_may_post_itself_again),
        cmocka_unit_test(nothing_is_lost_or_reordered_between_threads),
        cmocka_unit_test(a_thread_carries_its_loops_name),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
