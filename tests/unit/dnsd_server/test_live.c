/* The server with real answers, while the control thread changes what is served. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "dns/wire.h"
#include "tests/unit/dnsd_server/fixture.h"

#define ZONE "auth.example.test"
#define NAME "_acme-challenge." ZONE

struct change {
    struct d1_message message;
    struct live *live;
    size_t count; /* Of values, "0" "1" ...; CHANGE_SWAP: all zones anew. */
    sem_t done;
};

#define CHANGE_SWAP 99

/* A set of zones that is freed when the workers have let go of it. */
struct retired {
    struct d1_epoch_item item;
    struct d1_served *served;
};

struct live {
    struct fixture fixture;
    struct d1_served_publisher *publisher;
    struct d1_name name;
    struct change change;
    struct retired retired;
    sem_t freed;
};

static struct d1_served *load(struct d1_epoch *epoch) {
    static const char *const records[] = {"ns1 A 192.0.2.1"};
    struct d1_name nameserver;
    struct d1_zone_config config = {
        .nameservers_count = 1, .records_count = 1, .records = records, .serial = 1};
    assert_int_equal(d1_name_from_text(ZONE, &config.name), 0);
    assert_int_equal(d1_name_from_text("ns1." ZONE, &nameserver), 0);
    assert_int_equal(d1_name_from_text("hostmaster." ZONE, &config.hostmaster), 0);
    config.nameservers = &nameserver;
    struct d1_served *served = NULL;
    struct d1_error error = {0};
    if (d1_served_create(epoch, &config, 1, &served, &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
    return served;
}

static void publish(struct live *live, size_t count) {
    struct d1_txt_value values[8];
    const struct d1_txt_value *pointers[8];
    for (size_t i = 0; i < count; i++) {
        const char digit = (char)('0' + i);
        assert_int_equal(d1_txt_value_set(&values[i], &digit, 1), 0);
        pointers[i] = &values[i];
    }
    struct d1_publisher *base = d1_served_publisher_base(live->publisher);
    assert_int_equal(base->publish(base, &live->name, "", pointers, count, NULL), 0);
}

static void release_served(struct d1_epoch_item *item) {
    struct retired *retired = D1_CONTAINER_OF(item, struct retired, item);
    struct live *live = D1_CONTAINER_OF(retired, struct live, retired);
    d1_served_destroy(retired->served);
    sem_post(&live->freed);
}

static void swap(struct live *live) {
    struct d1_served *next = load(live->fixture.epoch);
    d1_served_publisher_target(live->publisher, next);
    publish(live, 1);
    live->retired.served = atomic_exchange(&live->fixture.current.served, next);
    d1_served_publisher_target(live->publisher, NULL);
    d1_epoch_retire(live->fixture.epoch, &live->retired.item, release_served);
}

static void on_change(struct d1_message *message) {
    struct change *change = D1_CONTAINER_OF(message, struct change, message);
    if (change->count == CHANGE_SWAP) {
        swap(change->live);
    } else {
        publish(change->live, change->count);
    }
    d1_epoch_reclaim(change->live->fixture.epoch);
    sem_post(&change->done);
}

/* Have the control thread do it, and wait until it has. */
static void make_change(struct live *live, size_t count) {
    live->change.count = count;
    live->change.message.run = on_change;
    d1_loop_post(live->fixture.control, &live->change.message);
    fixture_wait(&live->change.done);
}

static int set_up(void **state) {
    static struct live live;
    memset(&live, 0, sizeof(live));
    fixture_init(&live.fixture, NULL);
    atomic_store(&live.fixture.current.served, load(live.fixture.epoch));
    assert_int_equal(d1_served_publisher_create(&live.fixture.current, &live.publisher), 0);
    assert_int_equal(d1_name_from_text(NAME, &live.name), 0);
    live.change.live = &live;
    sem_init(&live.change.done, 0, 0);
    sem_init(&live.freed, 0, 0);
    fixture_start(&live.fixture);
    *state = &live;
    return 0;
}

static int tear_down(void **state) {
    struct live *live = *state;
    if (live->fixture.stop_message.run == NULL) {
        fixture_request_stop(&live->fixture, PATIENCE_MS);
    }
    fixture_wait_stopped(&live->fixture);
    d1_served_publisher_destroy(live->publisher);
    d1_served_destroy(atomic_load(&live->fixture.current.served));
    d1_epoch_reclaim(live->fixture.epoch);
    fixture_close(&live->fixture);
    sem_destroy(&live->change.done);
    sem_destroy(&live->freed);
    return 0;
}

static size_t make_txt_query(const struct live *live, uint8_t *ret_octets, uint16_t id, bool tcp) {
    struct d1_writer writer = d1_writer_over(ret_octets, 512);
    size_t length = D1_DNS_HEADER_BYTES + (size_t)live->name.length + 4;
    if (tcp) {
        d1_write_u16(&writer, (uint16_t)length);
    }
    const uint8_t rest[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    const uint8_t question_end[] = {0, D1_TYPE_TXT, 0, D1_CLASS_IN};
    d1_write_u16(&writer, id);
    d1_write_bytes(&writer, rest, sizeof(rest));
    d1_write_bytes(&writer, live->name.octets, live->name.length);
    d1_write_bytes(&writer, question_end, sizeof(question_end));
    assert_false(writer.failed);
    return d1_writer_length(&writer);
}

/* Ask for the challenge: how many values the answer has. */
static unsigned ask(const struct live *live, int fd, uint16_t id, bool tcp) {
    uint8_t octets[2048];
    send_octets(fd, octets, make_txt_query(live, octets, id, tcp));
    size_t length = tcp ? receive_frame(fd, octets, sizeof(octets))
                        : receive_datagram(fd, octets, sizeof(octets));
    assert_true(length >= D1_DNS_HEADER_BYTES);
    assert_int_equal(d1_load_u16(octets), id);
    assert_int_equal(octets[2] & 0x84, 0x84); /* QR, AA. */
    unsigned count = d1_load_u16(octets + 6);
    assert_true((octets[3] & 15) == 0 || count == 0);
    return count;
}

/* The promise of the whole program: when publish has returned, every answer shows it. */
static void what_was_published_is_answered_at_once(void **state) {
    struct live *live = *state;
    enum { CLIENTS = 8 };
    int udp[CLIENTS];
    int tcp[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        udp[i] = client_udp(&live->fixture.address);
        tcp[i] = client_tcp(&live->fixture.address);
    }
    for (uint16_t turn = 0; turn < 200; turn++) {
        size_t count = turn * 5 % 8;
        make_change(live, count);
        for (unsigned i = 0; i < CLIENTS; i++) {
            assert_int_equal(ask(live, udp[i], turn, false), count);
            assert_int_equal(ask(live, tcp[i], turn, true), count);
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        close(udp[i]);
        close(tcp[i]);
    }
}

struct asker {
    pthread_t thread;
    struct live *live;
    _Atomic bool *stop;
    bool tcp;
    bool failed;
    uint64_t asked;
};

/* Without assertions: cmocka's leave the thread they are made in. */
static void *ask_on(void *arg) {
    struct asker *asker = arg;
    int fd = asker->tcp ? client_tcp(&asker->live->fixture.address)
                        : client_udp(&asker->live->fixture.address);
    while (!atomic_load(asker->stop)) {
        uint8_t octets[2048];
        size_t length = make_txt_query(asker->live, octets, 1, asker->tcp);
        size_t header = asker->tcp ? 2 : 0;
        ssize_t sent = send(fd, octets, length, MSG_NOSIGNAL);
        ssize_t received = recv(fd, octets, sizeof(octets), 0);
        if (sent != (ssize_t)length || received < (ssize_t)(header + D1_DNS_HEADER_BYTES) ||
            d1_load_u16(octets + header + 6) > 7) {
            asker->failed = true;
            break;
        }
        asker->asked++;
    }
    close(fd);
    return NULL;
}

/* Answers go on, and stay whole, while records change and all zones are swapped under them. */
static void changes_under_load(void **state) {
    struct live *live = *state;
    enum { ASKERS = 4 };
    struct asker askers[ASKERS];
    _Atomic bool stop = false;
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.live = live, .stop = &stop, .tcp = i % 2 == 1};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_on, &askers[i]), 0);
    }
    for (unsigned turn = 0; turn < 300; turn++) {
        if (turn % 30 != 29) {
            make_change(live, turn % 8);
            continue;
        }
        make_change(live, CHANGE_SWAP);
        while (sem_trywait(&live->freed) != 0) {
            make_change(live, 1); /* Reclaims too. */
        }
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_false(askers[i].failed);
        assert_true(askers[i].asked > 0);
    }
}

static void a_challenge_that_is_asked_is_told(void **state) {
    struct live *live = *state;
    make_change(live, 3);
    int fd = client_udp(&live->fixture.address);
    assert_int_equal(ask(live, fd, 1, false), 3);
    fixture_wait(&live->fixture.asked);
    close(fd);
    assert_true(d1_name_equal(&live->fixture.last_asked.name, &live->name));
    assert_int_equal(live->fixture.last_asked.type, D1_TYPE_TXT);
    assert_int_equal(live->fixture.last_asked.answers, 3);
    assert_int_equal(live->fixture.last_asked.rcode, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_published_is_answered_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_under_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_challenge_that_is_asked_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("dnsd_live", tests, NULL, NULL);
}
