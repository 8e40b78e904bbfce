#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/net.h"
#include "dnsd/worker.h"
#include "tests/lib/fake_answer.h"
#include "tests/unit/dnsd_server/fixture.h"

static int set_up(void **state) {
    static struct fixture fixture;
    fixture_init(&fixture, d1_fake_served());
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    fixture_close(*state);
    return 0;
}

static void ask(int fd, uint16_t id, const char *orders, bool tcp) {
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, id, orders, tcp));
    if (tcp) {
        receive_frame(fd, octets, sizeof(octets));
    } else {
        receive_datagram(fd, octets, sizeof(octets));
    }
    assert_int_equal(d1_load_u16(octets), id);
}

static void starts_and_stops_without_a_client(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
}

static void is_destroyed_before_it_starts(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    d1_dnsd_destroy(fixture->dnsd);
    fixture->dnsd = NULL;
    d1_dnsd_destroy(NULL);
}

static void listens_at_several_addresses(void **state) {
    struct fixture *fixture = *state;
    fixture->listen[1] = "127.3.2.1:0";
    fixture->listen[2] = "127.3.2.2:0";
    fixture->options.listen_count = 3;
    fixture_start(fixture);
    for (size_t i = 0; i < 3; i++) {
        struct sockaddr_storage address;
        d1_dnsd_address(fixture->dnsd, i, &address);
        int udp = client_udp(&address);
        int tcp = client_tcp(&address);
        ask(udp, 1, "", false);
        ask(tcp, 2, "", true);
        close(udp);
        close(tcp);
    }
}

static void listens_nowhere_when_turned_off(void **state) {
    struct fixture *fixture = *state;
    fixture->options.listen_count = 0;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    assert_int_equal(d1_dnsd_start(fixture->dnsd), 0);
    assert_int_equal(d1_loop_start(fixture->control), 0);
}

static void a_bad_address_is_named(void **state) {
    struct fixture *fixture = *state;
    fixture->listen[1] = "localhost:53";
    fixture->options.listen_count = 2;
    struct d1_error error = {0};
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, &error), D1_EPARSE);
    assert_non_null(strstr(error.text, "localhost:53: not an address and port"));
    assert_null(fixture->dnsd);
}

static void a_port_in_use_is_named(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    char text[32];
    const struct sockaddr_in *bound = (const struct sockaddr_in *)&fixture->address;
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(bound->sin_port));
    const char *listen[] = {text};
    struct d1_dnsd_options options = fixture->options;
    options.listen = listen;
    struct d1_dnsd *second = NULL;
    struct d1_error error = {0};
    assert_int_equal(d1_dnsd_create(&options, &second, &error), -EADDRINUSE);
    assert_null(second);
    assert_int_equal(strncmp(error.text, text, strlen(text)), 0);
    assert_non_null(strstr(error.text, "another program listens there"));
}

static void no_workers_or_too_many(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 0;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), D1_ELIMIT);
    fixture->options.workers = D1_WORKERS_MAX + 1;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), D1_ELIMIT);
}

/* Each allocation of creation fails once: an error, and nothing is left. */
static void creation_survives_every_failing_allocation(void **state) {
    struct fixture *fixture = *state;
    uint64_t failed = 1;
    uint64_t skipped = 0;
    while (failed > 0) {
        struct d1_metrics *metrics;
        assert_int_equal(d1_metrics_create(&metrics), 0);
        fixture->options.metrics = metrics;
        int64_t live = d1_mem_live();
        struct d1_error error = {0};
        struct d1_dnsd *dnsd = NULL;
        d1_mem_fault_arm(skipped, 0);
        int err = d1_dnsd_create(&fixture->options, &dnsd, &error);
        failed = d1_mem_fault_disarm();
        assert_int_equal(err, failed > 0 ? -ENOMEM : 0);
        assert_int_equal(failed > 0, error.text[0] != '\0');
        assert_int_equal(failed > 0, dnsd == NULL);
        d1_dnsd_destroy(dnsd);
        /* What is left belongs to the metrics. */
        assert_true(d1_mem_live() >= live);
        d1_metrics_destroy(metrics);
        skipped++;
    }
    assert_true(skipped > 20);
}

static void *no_op(void *arg) {
    return arg;
}

/* Without room for a thread's stack, start fails; those that had started are gone. */
static void start_without_a_thread_fails_whole(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(d1_dnsd_create(&fixture->options, &fixture->dnsd, NULL), 0);
    pthread_attr_t before;
    pthread_attr_t huge;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    pthread_attr_init(&huge);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 46), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    int err = d1_dnsd_start(fixture->dnsd);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
    assert_int_equal(err, -EAGAIN);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, no_op, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    d1_dnsd_destroy(fixture->dnsd);
    fixture->dnsd = NULL;
}

static void fail_on_message(struct d1_message *message) {
    fail_msg("message %p of an aborted worker", (void *)message);
}

/* What start does to those that had started. */
static void an_aborted_worker_ends_without_a_word(void **state) {
    struct fixture *fixture = *state;
    struct d1_serving_cells cells;
    assert_int_equal(d1_serving_families(fixture->metrics, &cells), 0);
    struct d1_worker_options options = {
        .epoch = fixture->epoch,
        .current = &fixture->current,
        .answering = &fixture->answering,
        .clock = &fixture->clock.clock,
        .metrics = fixture->metrics,
        .cells = cells,
        .control = fixture->control,
        .connections_max = 1,
        .idle_ms = 1000,
        .wants_asked = true,
        .asked = fail_on_message,
        .ended = fail_on_message,
    };
    struct sockaddr_storage address;
    struct d1_listen_pair pair;
    assert_int_equal(d1_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    int fd = client_udp(&address);
    uint8_t octets[64];
    send_octets(fd, octets, make_query(octets, 1, "c", false));
    struct d1_worker_listen listen = {.pair = &pair};
    struct d1_worker *worker = NULL;
    assert_int_equal(d1_worker_create(&options, &listen, 1, &worker), 0);
    assert_int_equal(pair.udp, -1);
    assert_int_equal(pair.tcp, -1);
    assert_int_equal(d1_worker_start(worker), 0);
    d1_worker_abort(worker);
    d1_worker_join(worker);
    d1_worker_destroy(worker);
    d1_loop_stop(fixture->control);
    d1_loop_run(fixture->control); /* A message would be run here. */
    /* Its socket was closed with the query in it. */
    assert_int_equal(recv(fd, octets, sizeof(octets), MSG_DONTWAIT), -1);
    close(fd);
}

static void who_asked_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    ask(fd, 1, "c", false);
    fixture_wait(&fixture->asked);
    struct sockaddr_in own;
    socklen_t length = sizeof(own);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &length), 0);
    assert_memory_equal(&fixture->last_asked.from, &own, sizeof(own));
    assert_int_equal(fixture->last_asked.time_ms, 1700000000123);
    assert_int_equal(fixture->last_asked.name.length, 1);
    assert_int_equal(fixture->last_asked.type, D1_TYPE_TXT);
    assert_int_equal(fixture->last_asked.rcode, 0);
    assert_int_equal(fixture->last_asked.answers, 1);
    assert_false(fixture->last_asked.tcp);
    assert_false(fixture->last_asked.truncated);
    close(fd);
    fd = client_tcp(&fixture->address);
    ask(fd, 2, "cr\x03", true);
    fixture_wait(&fixture->asked);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &length), 0);
    assert_memory_equal(&fixture->last_asked.from, &own, sizeof(own));
    assert_true(fixture->last_asked.tcp);
    assert_int_equal(fixture->last_asked.rcode, 3);
    close(fd);
    assert_int_equal(fixture->asked_count, 2);
}

static void other_queries_are_not_told(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    ask(fd, 1, "", false);
    ask(fd, 2, "u", false);
    ask(fd, 3, "c", false);
    fixture_wait(&fixture->asked);
    close(fd);
    assert_int_equal(fixture->asked_count, 1);
}

static void nobody_wants_to_be_told(void **state) {
    struct fixture *fixture = *state;
    fixture->options.on_asked = NULL;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    ask(fd, 1, "cu", false);
    close(fd);
    fixture_await_metric(fixture, "dns01d_unexpected_queries_total", 1);
    assert_int_equal(fixture_metric(fixture, "dns01d_timeline_dropped_total"), 0);
}

/* While the control thread is held, the ring fills up: what is over is counted, answers go on. */
static void a_flood_of_events_is_dropped_and_counted(void **state) {
    struct fixture *fixture = *state;
    fixture->options.workers = 1;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    atomic_store(&fixture->hold_control, true);
    ask(fd, 0, "c", false);
    fixture_wait(&fixture->holding); /* In on_asked of the first, which has its place still. */
    enum { MORE = 100 };
    for (uint16_t i = 1; i < D1_ASKED_RING_LENGTH + MORE; i++) {
        ask(fd, i, "c", false);
    }
    fixture_await_metric(fixture, "dns01d_timeline_dropped_total", MORE);
    sem_post(&fixture->let_go);
    for (unsigned i = 0; i < D1_ASKED_RING_LENGTH; i++) {
        fixture_wait(&fixture->asked);
    }
    ask(fd, 9, "c", false);
    fixture_wait(&fixture->asked);
    close(fd);
    assert_int_equal(fixture->asked_count, D1_ASKED_RING_LENGTH + 1);
}

static void a_steady_stream_of_events_all_arrives(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fds[4];
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = client_udp(&fixture->address);
    }
    enum { ROUNDS = 5, EVENTS = 400 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint16_t i = 0; i < EVENTS; i++) {
            ask(fds[i % 4], i, "c", false);
        }
        for (unsigned i = 0; i < EVENTS; i++) {
            fixture_wait(&fixture->asked);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        close(fds[i]);
    }
    assert_int_equal(fixture->asked_count, ROUNDS * EVENTS);
    assert_int_equal(fixture_metric(fixture, "dns01d_timeline_dropped_total"), 0);
}

static void a_stop_tells_the_last_events(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[64];
    size_t length = make_query(octets, 1, "c", false);
    for (unsigned i = 0; i < 50; i++) {
        send_octets(fd, octets, length);
    }
    fixture_request_stop(fixture, 1000);
    fixture_wait_stopped(fixture);
    close(fd);
    assert_int_equal(fixture->asked_count, 50);
}

static void a_stop_answers_what_the_socket_holds(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    int fd = client_udp(&fixture->address);
    uint8_t octets[64];
    for (uint16_t i = 0; i < 100; i++) {
        send_octets(fd, octets, make_query(octets, i, "", false));
    }
    fixture_request_stop(fixture, 1000);
    for (uint16_t i = 0; i < 100; i++) {
        receive_datagram(fd, octets, sizeof(octets));
    }
    fixture_wait_stopped(fixture);
    close(fd);
}

/* What a writer retires is freed while workers answer, and when they sleep. */
struct garbage {
    struct d1_epoch_item item;
    struct d1_message message;
    struct fixture *fixture;
    sem_t freed;
    unsigned left;
};

static void on_reclaim(struct d1_message *message) {
    struct garbage *garbage = D1_CONTAINER_OF(message, struct garbage, message);
    if (d1_epoch_reclaim(garbage->fixture->epoch) > 0) {
        d1_loop_post(garbage->fixture->control, message);
    }
}

static void release(struct d1_epoch_item *item) {
    struct garbage *garbage = D1_CONTAINER_OF(item, struct garbage, item);
    sem_post(&garbage->freed);
}

static void on_retire(struct d1_message *message) {
    struct garbage *garbage = D1_CONTAINER_OF(message, struct garbage, message);
    d1_epoch_retire(garbage->fixture->epoch, &garbage->item, release);
    message->run = on_reclaim;
    d1_loop_post(garbage->fixture->control, message);
}

static void workers_let_go_of_what_is_retired(void **state) {
    struct fixture *fixture = *state;
    fixture_start(fixture);
    struct garbage garbage = {.fixture = fixture};
    sem_init(&garbage.freed, 0, 0);
    int udp = client_udp(&fixture->address);
    int tcp = client_tcp(&fixture->address);
    for (uint16_t i = 0; i < 100; i++) {
        garbage.message.run = on_retire;
        d1_loop_post(fixture->control, &garbage.message);
        ask(udp, i, "", false);
        ask(tcp, i, "", true);
        fixture_wait(&garbage.freed);
    }
    close(udp);
    close(tcp);
    sem_destroy(&garbage.freed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_and_stops_without_a_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_destroyed_before_it_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listens_at_several_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listens_nowhere_when_turned_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_address_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_workers_or_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(creation_survives_every_failing_allocation, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(start_without_a_thread_fails_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_aborted_worker_ends_without_a_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asked_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_queries_are_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_wants_to_be_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_events_is_dropped_and_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_steady_stream_of_events_all_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_tells_the_last_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_answers_what_the_socket_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_let_go_of_what_is_retired, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("dnsd_server", tests, NULL, NULL);
}
