#include "solver/timeline.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

#define EVENTS_MAX 200

struct seen {
    struct d1_event event[EVENTS_MAX];
    size_t count;
};

static int open_timeline(void **state) {
    struct d1_timeline *timeline = NULL;
    assert_int_equal(d1_timeline_create(&timeline), 0);
    *state = timeline;
    return 0;
}

static int close_timeline(void **state) {
    d1_timeline_destroy(*state);
    return 0;
}

static struct d1_name named(const char *text) {
    struct d1_name name = {.length = 0};
    assert_int_equal(d1_name_from_text(text, &name), 0);
    return name;
}

static void add(struct d1_timeline *timeline, const char *text, enum d1_event_kind kind,
                int64_t time_ms) {
    struct d1_name name = named(text);
    struct d1_event event = {.kind = kind, .time_ms = time_ms};
    d1_timeline_add(timeline, &name, &event);
}

static void see(const struct d1_event *event, void *arg) {
    struct seen *seen = arg;
    assert_true(seen->count < EVENTS_MAX);
    seen->event[seen->count++] = *event;
}

static uint64_t look(const struct d1_timeline *timeline, const char *text, struct seen *seen) {
    struct d1_name name = named(text);
    seen->count = 0;
    return d1_timeline_each(timeline, &name, see, seen);
}

static void test_event_comes_back_whole(void **state) {
    static struct seen seen;
    struct d1_name name = named("a.test");
    struct d1_event event = {.kind = D1_EVENT_COMMITTED, .time_ms = 77, .revision = 9};
    event.value.length = 255;
    memset(event.value.octets, 0xfe, 255);
    memset(event.owner, 'o', D1_OWNER_TEXT_MAX);
    snprintf(event.door, sizeof(event.door), "acme-dns");
    d1_timeline_add(*state, &name, &event);
    assert_int_equal(look(*state, "a.test", &seen), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.event[0].kind, D1_EVENT_COMMITTED);
    assert_int_equal(seen.event[0].time_ms, 77);
    assert_int_equal(seen.event[0].revision, 9);
    assert_true(d1_txt_value_equal(&seen.event[0].value, &event.value));
    assert_string_equal(seen.event[0].owner, event.owner);
    assert_string_equal(seen.event[0].door, "acme-dns");
}

static void test_asked_comes_back_whole(void **state) {
    static struct seen seen;
    struct d1_name name = named("a.test");
    struct d1_event four = {.kind = D1_EVENT_ASKED, .time_ms = 1};
    struct d1_event six = {.kind = D1_EVENT_ASKED, .time_ms = 2};
    struct sockaddr_in from4 = {.sin_family = AF_INET, .sin_port = htons(4242)};
    struct sockaddr_in6 from6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    inet_pton(AF_INET, "192.0.2.7", &from4.sin_addr);
    inet_pton(AF_INET6, "2001:db8::7", &from6.sin6_addr);
    memcpy(&four.from, &from4, sizeof(from4));
    memcpy(&six.from, &from6, sizeof(from6));
    four.type = 16;
    four.rcode = 3;
    four.answers = 2;
    four.tcp = true;
    six.truncated = true;
    d1_timeline_add(*state, &name, &four);
    d1_timeline_add(*state, &name, &six);
    look(*state, "a.test", &seen);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(&seen.event[0].from, &from4, sizeof(from4));
    assert_memory_equal(&seen.event[1].from, &from6, sizeof(from6));
    assert_int_equal(seen.event[0].type, 16);
    assert_int_equal(seen.event[0].rcode, 3);
    assert_int_equal(seen.event[0].answers, 2);
    assert_true(seen.event[0].tcp);
    assert_false(seen.event[0].truncated);
    assert_true(seen.event[1].truncated);
}

static void test_names_are_apart(void **state) {
    static struct seen seen;
    add(*state, "a.test", D1_EVENT_LIVE, 1);
    add(*state, "b.test", D1_EVENT_LIVE, 2);
    look(*state, "b.test", &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.event[0].time_ms, 2);
    look(*state, "c.test", &seen);
    assert_int_equal(seen.count, 0);
}

/* The workers' rings are read a little later than the questions came. */
static void test_late_questions_go_where_their_time_says(void **state) {
    static struct seen seen;
    static const int64_t times[] = {1, 2, 3, 4, 5};
    add(*state, "a.test", D1_EVENT_PRESENTED, 1);
    add(*state, "a.test", D1_EVENT_ASKED, 3);
    add(*state, "a.test", D1_EVENT_REMOVED, 4);
    add(*state, "a.test", D1_EVENT_ASKED, 2);
    add(*state, "a.test", D1_EVENT_ASKED, 5);
    look(*state, "a.test", &seen);
    assert_int_equal(seen.count, 5);
    for (size_t i = 0; i < seen.count; i++) {
        assert_int_equal(seen.event[i].time_ms, times[i]);
    }
}

static void test_a_flood_of_questions_is_counted_only(void **state) {
    static struct seen seen;
    add(*state, "a.test", D1_EVENT_PRESENTED, 1);
    for (int i = 0; i < 1000; i++) {
        add(*state, "a.test", D1_EVENT_ASKED, 2 + i);
    }
    add(*state, "a.test", D1_EVENT_REMOVED, 5000);
    uint64_t unkept = look(*state, "a.test", &seen);
    assert_true(seen.count <= D1_TIMELINE_EVENTS_MAX);
    assert_int_equal(seen.event[0].kind, D1_EVENT_PRESENTED);
    assert_int_equal(seen.event[1].time_ms, 2);
    assert_int_equal(seen.event[seen.count - 1].kind, D1_EVENT_REMOVED);
    assert_int_equal(unkept + seen.count - 2, 1000);
}

static void test_earlier_challenges_give_way_to_questions(void **state) {
    static struct seen seen;
    add(*state, "a.test", D1_EVENT_PRESENTED, 1);
    for (int i = 0; i < 100; i++) {
        add(*state, "a.test", D1_EVENT_ASKED, 2);
    }
    add(*state, "a.test", D1_EVENT_PRESENTED, 1000);
    add(*state, "a.test", D1_EVENT_ASKED, 1001);
    add(*state, "a.test", D1_EVENT_ASKED, 1002);
    uint64_t unkept = look(*state, "a.test", &seen);
    assert_int_equal(seen.event[seen.count - 1].time_ms, 1002);
    assert_int_equal(seen.event[seen.count - 3].time_ms, 1000);
    size_t asked = 0;
    for (size_t i = 0; i < seen.count; i++) {
        asked += seen.event[i].kind == D1_EVENT_ASKED;
    }
    assert_int_equal(unkept + asked, 102);
}

static void test_events_of_a_name_are_bounded(void **state) {
    static struct seen seen;
    for (int i = 0; i < 500; i++) {
        add(*state, "a.test", D1_EVENT_PRESENTED, i);
    }
    look(*state, "a.test", &seen);
    assert_int_equal(seen.count, D1_TIMELINE_EVENTS_MAX);
    assert_int_equal(seen.event[D1_TIMELINE_EVENTS_MAX - 1].time_ms, 499);
    assert_int_equal(seen.event[0].time_ms, 500 - D1_TIMELINE_EVENTS_MAX);
}

static void test_the_least_recently_touched_name_gives_way(void **state) {
    static struct seen seen;
    char text[40];
    for (int i = 0; i < D1_TIMELINE_NAMES_MAX; i++) {
        snprintf(text, sizeof(text), "n%d.test", i);
        add(*state, text, D1_EVENT_LIVE, i);
    }
    add(*state, "n0.test", D1_EVENT_ASKED, 1);
    add(*state, "one-more.test", D1_EVENT_LIVE, 1);
    look(*state, "n0.test", &seen);
    assert_int_equal(seen.count, 2);
    look(*state, "n1.test", &seen);
    assert_int_equal(seen.count, 0);
    look(*state, "one-more.test", &seen);
    assert_int_equal(seen.count, 1);
}

static void test_without_memory_an_event_is_lost(void **state) {
    static struct seen seen;
    for (unsigned skip_count = 0; skip_count < 2; skip_count++) {
        d1_mem_fault_arm(skip_count, 0);
        add(*state, "a.test", D1_EVENT_LIVE, 1);
        if (d1_mem_fault_disarm() == 0) {
            skip();
        }
        look(*state, "a.test", &seen);
        assert_int_equal(seen.count, 0);
    }
    add(*state, "a.test", D1_EVENT_LIVE, 1);
    look(*state, "a.test", &seen);
    assert_int_equal(seen.count, 1);
}

static void test_event_names(void **state) {
    (void)state;
    assert_string_equal(d1_event_name(D1_EVENT_PRESENTED), "presented");
    assert_string_equal(d1_event_name(D1_EVENT_COMMITTED), "committed");
    assert_string_equal(d1_event_name(D1_EVENT_LIVE), "live");
    assert_string_equal(d1_event_name(D1_EVENT_ASKED), "asked");
    assert_string_equal(d1_event_name(D1_EVENT_REMOVED), "removed");
    assert_string_equal(d1_event_name(D1_EVENT_EXPIRED), "expired");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, open_timeline, close_timeline)
    const struct CMUnitTest tests[] = {
        T(test_event_comes_back_whole),
        T(test_asked_comes_back_whole),
        T(test_names_are_apart),
        T(test_late_questions_go_where_their_time_says),
        T(test_a_flood_of_questions_is_counted_only),
        T(test_earlier_challenges_give_way_to_questions),
        T(test_events_of_a_name_are_bounded),
        T(test_the_least_recently_touched_name_gives_way),
        T(test_without_memory_an_event_is_lost),
        T(test_event_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
