/* Sealed accounts: kept by token and domain, durable, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "solver/sealed.h"
#include "tests/unit/solver/fixture.h"

struct sealing {
    struct d1_sealed_write write;
    int done;
    int err;
};

static int open_world(void **state) {
    static struct world world;
    world_open(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    world_close(*state);
    return 0;
}

static void on_written(struct d1_sealed_write *write, int err) {
    struct sealing *s = D1_CONTAINER_OF(write, struct sealing, write);
    s->done++;
    s->err = err;
}

static int put(struct world *w, const char *token, const char *domain, const char *box) {
    struct sealing s = {.write = {.account = {.token = token,
                                              .domain = domain,
                                              .box = (const uint8_t *)box,
                                              .length = strlen(box)},
                                  .done = on_written}};
    int err = d1_sealed_submit(w->solver, &s.write);
    if (err != 0) {
        return err;
    }
    world_settle(w);
    assert_int_equal(s.done, 1);
    return s.err;
}

static int drop(struct world *w, const char *token, const char *domain) {
    struct sealing s = {.write = {.account = {.token = token, .domain = domain},
                                  .removes = true,
                                  .done = on_written}};
    assert_int_equal(d1_sealed_submit(w->solver, &s.write), 0);
    world_settle(w);
    assert_int_equal(s.done, 1);
    return s.err;
}

static void assert_box(struct world *w, const char *token, const char *domain, const char *box) {
    struct d1_sealed_account found;
    assert_int_equal(d1_sealed_find(w->solver, token, domain, &found), 0);
    assert_string_equal(found.token, token);
    assert_string_equal(found.domain, domain);
    assert_int_equal(found.length, strlen(box));
    assert_memory_equal(found.box, box, found.length);
}

static void test_one_is_found_by_token_and_domain(void **state) {
    struct world *w = *state;
    struct d1_sealed_account found;
    assert_int_equal(put(w, "lego", "a.test", "one"), 0);
    assert_int_equal(put(w, "other", "a.test", "two"), 0);
    assert_box(w, "lego", "a.test", "one");
    assert_box(w, "other", "a.test", "two");
    assert_int_equal(d1_sealed_find(w->solver, "lego", "b.test", &found), D1_ENOTFOUND);
    assert_int_equal(d1_sealed_find(w->solver, "leg", "a.test", &found), D1_ENOTFOUND);
}

static void test_a_second_one_replaces_and_a_restart_keeps(void **state) {
    struct world *w = *state;
    assert_int_equal(put(w, "lego", "a.test", "one"), 0);
    assert_int_equal(put(w, "lego", "a.test", "three"), 0);
    world_restart(w);
    assert_box(w, "lego", "a.test", "three");
    assert_int_equal(fake_store_sealed(w->store), 1);
}

static void test_one_is_removed_once_and_again(void **state) {
    struct world *w = *state;
    struct d1_sealed_account found;
    assert_int_equal(put(w, "lego", "a.test", "one"), 0);
    assert_int_equal(drop(w, "lego", "a.test"), 0);
    assert_int_equal(drop(w, "lego", "a.test"), 0);
    assert_int_equal(d1_sealed_find(w->solver, "lego", "a.test", &found), D1_ENOTFOUND);
    assert_int_equal(fake_store_sealed(w->store), 0);
}

static void count(const struct d1_sealed_account *sealed, void *arg) {
    assert_string_equal(sealed->token, "lego");
    *(size_t *)arg += 1;
}

static void test_a_token_keeps_so_many(void **state) {
    struct world *w = *state;
    char domain[32];
    for (size_t i = 0; i < D1_SEALED_PER_TOKEN; i++) {
        snprintf(domain, sizeof(domain), "host%zu.test", i);
        assert_int_equal(put(w, "lego", domain, "box"), 0);
    }
    assert_int_equal(put(w, "lego", "one-more.test", "box"), D1_ELIMIT);
    assert_int_equal(put(w, "lego", "host7.test", "new"), 0);
    assert_int_equal(put(w, "other", "a.test", "box"), 0);
    size_t counted = 0;
    d1_sealed_each(w->solver, "lego", count, &counted);
    assert_int_equal(counted, D1_SEALED_PER_TOKEN);
}

static void test_a_failed_write_keeps_what_was(void **state) {
    struct world *w = *state;
    assert_int_equal(put(w, "lego", "a.test", "one"), 0);
    struct sealing s = {.write = {.account = {.token = "lego",
                                              .domain = "a.test",
                                              .box = (const uint8_t *)"two",
                                              .length = 3},
                                  .done = on_written}};
    assert_int_equal(d1_sealed_submit(w->solver, &s.write), 0);
    fake_store_fail(w->store, D1_ESTORE);
    assert_int_equal(s.err, D1_ESTORE);
    assert_box(w, "lego", "a.test", "one");
    fake_store_refuse(w->store, D1_ELIMIT);
    assert_int_equal(put(w, "lego", "b.test", "two"), D1_ELIMIT);
    fake_store_refuse(w->store, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_one_is_found_by_token_and_domain),
        TEST(test_a_second_one_replaces_and_a_restart_keeps),
        TEST(test_one_is_removed_once_and_again),
        TEST(test_a_token_keeps_so_many),
        TEST(test_a_failed_write_keeps_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
