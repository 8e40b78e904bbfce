/*
 * Looking: what counts as the value in an answer, and how a search ends. Servers stand on port 53, so
 * that whole searches with answers are in tests/integration/test_providers.py.
 */
#include "providers/look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/loop.h"
#include "tests/lib/fake_resolver.h"

#define NAME "_acme-challenge.www.example.test"

/* ---- Answers ---- */

struct message {
    uint8_t octets[512];
    size_t length;
};

static void add(struct message *message, const void *octets, size_t length) {
    assert_true(message->length + length <= sizeof(message->octets));
    memcpy(message->octets + message->length, octets, length);
    message->length += length;
}

static struct message begin(uint8_t rcode, uint8_t answers) {
    const uint8_t header[12] = {1, 2, 0x84, rcode, 0, 1, 0, answers, 0, 0, 0, 0};
    struct message message = {.length = 0};
    struct d1_name name;
    assert_int_equal(d1_name_from_text(NAME, &name), 0);
    add(&message, header, sizeof(header));
    add(&message, name.octets, name.length);
    add(&message, "\0\x10\0\x01", 4);
    return message;
}

/* A record of the question's name, or of another one. */
static void add_record(struct message *message, const char *owner, uint8_t type, const char *rdata,
                       uint8_t length) {
    if (owner == NULL) {
        add(message, "\xc0\x0c", 2);
    } else {
        struct d1_name name;
        assert_int_equal(d1_name_from_text(owner, &name), 0);
        add(message, name.octets, name.length);
    }
    const uint8_t fixed[10] = {0, type, 0, 1, 0, 0, 0, 60, 0, length};
    add(message, fixed, sizeof(fixed));
    add(message, rdata, length);
}

static bool holds(const struct message *message, const char *value) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(NAME, &name), 0);
    return d1_look_holds(message->octets, message->length, &name, value);
}

static void the_value_among_others(void **state) {
    (void)state;
    struct message message = begin(0, 2);
    add_record(&message, NULL, 16, "\x05other", 6);
    add_record(&message, NULL, 16, "\x05value", 6);
    assert_true(holds(&message, "value"));
    assert_true(holds(&message, "other"));
    assert_false(holds(&message, "valu"));
    assert_false(holds(&message, "values"));
    assert_false(holds(&message, ""));
}

static void strings_of_one_record_are_joined(void **state) {
    (void)state;
    struct message message = begin(0, 1);
    add_record(&message, NULL, 16, "\x02va\x00\x03lue", 8);
    assert_true(holds(&message, "value"));
    assert_false(holds(&message, "va"));
}

static void other_names_types_and_codes_do_not_count(void **state) {
    (void)state;
    struct message message = begin(0, 1);
    add_record(&message, "www.example.test", 16, "\x05value", 6);
    assert_false(holds(&message, "value"));
    message = begin(0, 1);
    add_record(&message, NULL, 99, "\x05value", 6);
    assert_false(holds(&message, "value"));
    message = begin(3, 1);
    add_record(&message, NULL, 16, "\x05value", 6);
    assert_false(holds(&message, "value"));
}

static void a_name_in_other_case_is_the_same(void **state) {
    (void)state;
    struct message message = begin(0, 1);
    add_record(&message, "_ACME-challenge.WWW.example.TEST", 16, "\x05value", 6);
    assert_true(holds(&message, "value"));
}

static void no_part_of_a_message_is_one(void **state) {
    (void)state;
    struct message message = begin(0, 1);
    add_record(&message, NULL, 16, "\x05value", 6);
    struct message part = message;
    for (part.length = 0; part.length < message.length; part.length++) {
        assert_false(holds(&part, "value"));
    }
    message = begin(0, 1);
    add_record(&message, NULL, 16, "\x09value", 6); /* The string is longer than its record. */
    assert_false(holds(&message, "value"));
}

/* ---- Searches ---- */

struct world {
    struct d1_loop *loop;
    struct d1_fake_clock clock;
    struct fake_resolver resolver;
    struct d1_look look;
    unsigned done;
};

static struct world *current;

static void on_done(struct d1_look *look) {
    (void)look;
    current->done++;
}

static int open_world(void **state) {
    static struct world world;
    world = (struct world){.done = 0};
    current = &world;
    d1_fake_clock_init(&world.clock, 1000);
    assert_int_equal(d1_loop_create("test", &world.loop), 0);
    fake_resolver_init(&world.resolver, &world.clock.clock);
    world.look = (struct d1_look){.fqdn = NAME, .value = "v", .limit_ms = 0, .done = on_done};
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *w = *state;
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT); /* Handles that are closing. */
    d1_loop_destroy(w->loop);
    return 0;
}

static void run(struct world *w) {
    assert_int_equal(d1_look_start(&w->look, w->loop, &w->resolver.base), 0);
    assert_int_equal(w->done, 0);
    while (w->done == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
        fake_resolver_run(&w->resolver);
    }
    assert_int_equal(w->done, 1);
}

static void a_resolver_that_takes_nothing_is_told(void **state) {
    struct world *w = *state;
    w->resolver.ask_err = D1_ELIMIT;
    run(w);
    assert_int_equal(w->look.err, D1_ENOTYET);
    assert_non_null(strstr(w->look.text, "the resolver takes no question"));
}

static void a_name_without_a_zone_is_told(void **state) {
    struct world *w = *state;
    run(w);
    assert_int_equal(w->look.err, D1_ENOTYET);
    assert_string_equal(w->look.text, "the zone of the name cannot be found in DNS");
}

static void a_name_that_is_none_is_refused(void **state) {
    struct world *w = *state;
    w->look.fqdn = "a..b";
    assert_int_not_equal(d1_look_start(&w->look, w->loop, &w->resolver.base), 0);
    assert_int_equal(w->done, 0);
}

static void a_canceled_search_ends_soon(void **state) {
    struct world *w = *state;
    w->look.limit_ms = 10000;
    assert_int_equal(d1_look_start(&w->look, w->loop, &w->resolver.base), 0);
    uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    d1_look_cancel(&w->look);
    assert_int_equal(w->done, 0);
    fake_resolver_run(&w->resolver);
    assert_int_equal(w->done, 1);
    assert_int_equal(w->look.err, D1_ECANCELED);
}

static void a_search_that_waits_is_canceled(void **state) {
    struct world *w = *state;
    w->look.limit_ms = 10000;
    assert_int_equal(d1_look_start(&w->look, w->loop, &w->resolver.base), 0);
    d1_look_cancel(&w->look);
    assert_int_equal(w->done, 0);
    while (w->done == 0) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(w->look.err, D1_ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_among_others),
        cmocka_unit_test(strings_of_one_record_are_joined),
        cmocka_unit_test(other_names_types_and_codes_do_not_count),
        cmocka_unit_test(a_name_in_other_case_is_the_same),
        cmocka_unit_test(no_part_of_a_message_is_one),
        TEST(a_resolver_that_takes_nothing_is_told),
        TEST(a_name_without_a_zone_is_told),
        TEST(a_name_that_is_none_is_refused),
        TEST(a_canceled_search_ends_soon),
        TEST(a_search_that_waits_is_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
