/* UPDATE through the server with a real solver, over a store that commits when it is told to. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "dns/tsig.h"
#include "dns/wire.h"
#include "solver/solver.h"
#include "tests/lib/fake_store.h"
#include "tests/unit/dnsd_server/fixture.h"

#define ZONE_WIRE   "\4auth\7example\4test\0"
#define ZONE        "auth.example.test"
#define KEY         "key.example"
#define NOW_S       1700000000
#define UPDATE_MAX  512
#define NAMES_COUNT 300

struct order {
    struct d1_message message;
    struct trial *trial;
    void (*obey)(struct trial *trial);
    sem_t done;
};

struct trial {
    struct fixture fixture;
    struct d1_store *store;
    struct d1_solver *solver;
    struct d1_served_publisher *publisher;
    struct d1_tsig_key *key;
    struct d1_keys_current keys;
    struct d1_timeline *timeline;
    struct order order;
    size_t waiting; /* Writes in the store, at the last look. */
    bool stopped;
};

/* One message and what its answer must go with. */
struct update {
    size_t length;
    struct d1_tsig tsig;
    uint8_t octets[UPDATE_MAX];
};

/* Whether the server's libcrypto refuses. The test's own thread signs before it says so. */
static _Atomic bool *refuses_to_sign(void) {
    static _Atomic bool one;
    return &one;
}

static _Atomic bool *refuses_to_verify(void) {
    static _Atomic bool one;
    return &one;
}

int __real_d1_tsig_verify(const struct d1_tsig_key *key, const uint8_t *message,
                          const struct d1_tsig *tsig, const struct d1_tsig *request, int64_t now_s);
int __wrap_d1_tsig_verify(const struct d1_tsig_key *key, const uint8_t *message,
                          const struct d1_tsig *tsig, const struct d1_tsig *request, int64_t now_s);
int __real_d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request,
                        unsigned error, int64_t now_s, struct d1_writer *writer);
int __wrap_d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request,
                        unsigned error, int64_t now_s, struct d1_writer *writer);

int __wrap_d1_tsig_verify(const struct d1_tsig_key *key, const uint8_t *message,
                          const struct d1_tsig *tsig, const struct d1_tsig *request,
                          int64_t now_s) {
    return atomic_load(refuses_to_verify())
               ? D1_EINTERNAL
               : __real_d1_tsig_verify(key, message, tsig, request, now_s);
}

int __wrap_d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request,
                        unsigned error, int64_t now_s, struct d1_writer *writer) {
    return atomic_load(refuses_to_sign()) ? D1_EINTERNAL
                                          : __real_d1_tsig_sign(key, request, error, now_s, writer);
}

static struct d1_name name_of(const char *text) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(text, &name), 0);
    return name;
}

static struct d1_served *load(struct d1_epoch *epoch) {
    const struct d1_name nameserver = name_of("ns1." ZONE);
    const struct d1_zone_config config = {
        .name = name_of(ZONE),
        .nameservers_count = 1,
        .nameservers = &nameserver,
        .hostmaster = nameserver,
    };
    struct d1_served *served = NULL;
    struct d1_error error = {0};
    if (d1_served_create(epoch, &config, 1, &served, &error) != D1_OK) {
        fail_msg("%s", error.text);
    }
    return served;
}

static struct d1_credentials *make_credentials(void) {
    static const char *const any[] = {"**." ZONE};
    struct d1_credentials *credentials = NULL;
    struct d1_rights *rights = NULL;
    assert_int_equal(d1_credentials_create(&credentials), 0);
    assert_int_equal(d1_rights_create(NULL, 0, any, 1, D1_VERBS_DEFAULT, &rights, NULL), 0);
    assert_int_equal(d1_credentials_add_key(credentials, KEY, "hmac-sha256", rights), 0);
    return credentials;
}

static void make_solver(struct trial *trial) {
    const struct d1_solver_options options = {.loop = trial->fixture.control,
                                              .clock = &trial->fixture.clock.clock,
                                              .store = trial->store};
    const struct d1_solver_settings settings = {
        .lease_default_ms = 3600000, .lease_maximum_ms = 3600000, .present_limit_ms = 25000};
    assert_int_equal(d1_served_publisher_create(&trial->fixture.current, &trial->publisher), 0);
    assert_int_equal(d1_solver_create(&options, &trial->solver), 0);
    d1_solver_add_publisher(trial->solver, d1_served_publisher_base(trial->publisher));
    d1_solver_configure(trial->solver, &settings, make_credentials());
    assert_int_equal(d1_solver_load(trial->solver, NULL), 0);
}

static void make_keys(struct trial *trial) {
    const struct d1_name name = name_of(KEY);
    struct d1_keys *keys = NULL;
    assert_int_equal(
        d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, "0123456789abcdef", 16, &trial->key), 0);
    assert_int_equal(d1_keys_create(&keys), 0);
    assert_int_equal(d1_keys_add(keys, trial->key), 0);
    atomic_store(&trial->keys.keys, keys);
}

static void on_created(struct fixture *fixture) {
    struct trial *trial = D1_CONTAINER_OF(fixture, struct trial, fixture);
    assert_int_equal(d1_dnsd_take_updates(fixture->dnsd, &trial->keys, trial->solver), 0);
}

static void start(struct trial *trial) {
    fixture_start(&trial->fixture);
}

static int set_up(void **state) {
    static struct trial trial;
    memset(&trial, 0, sizeof(trial));
    fixture_init(&trial.fixture, NULL);
    trial.fixture.created = on_created;
    trial.fixture.options.on_asked = NULL;
    trial.fixture.options.workers = 1;
    atomic_store(&trial.fixture.current.served, load(trial.fixture.epoch));
    trial.store = fake_store_create();
    make_solver(&trial);
    make_keys(&trial);
    trial.order.trial = &trial;
    sem_init(&trial.order.done, 0, 0);
    *state = &trial;
    return 0;
}

/* Have the control thread do it, and wait until it has. */
static void on_order(struct d1_message *message) {
    struct order *order = D1_CONTAINER_OF(message, struct order, message);
    order->obey(order->trial);
    sem_post(&order->done);
}

static void have(struct trial *trial, void (*obey)(struct trial *trial)) {
    trial->order.message.run = on_order;
    trial->order.obey = obey;
    d1_loop_post(trial->fixture.control, &trial->order.message);
    fixture_wait(&trial->order.done);
}

static void look(struct trial *trial) {
    trial->waiting = fake_store_waiting(trial->store);
}

static void commit(struct trial *trial) {
    fake_store_commit_all(trial->store);
}

static void await_writes(struct trial *trial, size_t count) {
    do {
        sched_yield();
        have(trial, look);
    } while (trial->waiting < count);
}

/* What is left when the workers have ended. */
static void end(struct trial *trial) {
    fixture_wait(&trial->fixture.stopped);
    d1_loop_stop(trial->fixture.control);
    d1_loop_join(trial->fixture.control);
    fake_store_commit_all(trial->store);
    d1_solver_destroy(trial->solver);
    d1_dnsd_destroy(trial->fixture.dnsd);
    trial->fixture.dnsd = NULL;
    trial->stopped = true;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    if (!trial->stopped) {
        fixture_request_stop(&trial->fixture, PATIENCE_MS);
        end(trial);
    }
    d1_served_publisher_destroy(trial->publisher);
    d1_served_destroy(atomic_load(&trial->fixture.current.served));
    d1_keys_destroy(atomic_load(&trial->keys.keys));
    d1_tsig_key_drop(trial->key);
    fake_store_destroy(trial->store);
    sem_destroy(&trial->order.done);
    fixture_close(&trial->fixture);
    return 0;
}

static void sign(const struct trial *trial, struct d1_writer *writer, struct update *update) {
    assert_int_equal(d1_tsig_sign(trial->key, NULL, 0, NOW_S, writer), 0);
    update->length = d1_writer_length(writer);
    assert_int_equal(d1_tsig_find(update->octets, update->length, &update->tsig), 0);
}

/* One record in that section (1: prerequisites, 2: changes), behind the zone's name. */
static void make_update_of(const struct trial *trial, size_t section, const char *record,
                           size_t length, struct update *update) {
    struct d1_writer writer = d1_writer_over(update->octets, sizeof(update->octets));
    d1_write_bytes(&writer, "\7\7\x28\0\0\1\0\0\0\0\0\0", D1_DNS_HEADER_BYTES);
    d1_store_u16(update->octets + 4 + 2 * section, 1);
    d1_write_bytes(&writer, ZONE_WIRE "\0\6\0\1", 23);
    d1_write_bytes(&writer, "\3one\xc0\x0c", 6);
    d1_write_bytes(&writer, record, length);
    sign(trial, &writer, update);
}

/* Add "v" at nID.ZONE, signed. */
static void make_update(const struct trial *trial, uint16_t id, struct update *update) {
    struct d1_writer writer = d1_writer_over(update->octets, sizeof(update->octets));
    const uint8_t label[] = {5,
                             'n',
                             (uint8_t)('0' + id / 1000),
                             (uint8_t)('0' + id / 100 % 10),
                             (uint8_t)('0' + id / 10 % 10),
                             (uint8_t)('0' + id % 10)};
    d1_write_u16(&writer, id);
    d1_write_bytes(&writer, "\x28\0\0\1\0\0\0\1\0\0", 10);
    d1_write_bytes(&writer, ZONE_WIRE "\0\6\0\1", 23);
    d1_write_bytes(&writer, label, sizeof(label));
    d1_write_bytes(&writer, "\xc0\x0c\0\20\0\1\0\0\0\74\0\2\1v", 14);
    sign(trial, &writer, update);
}

static void send_update(const struct update *update, int fd, bool tcp) {
    uint8_t octets[2 + UPDATE_MAX];
    d1_store_u16(octets, (uint16_t)update->length);
    memcpy(octets + 2, update->octets, update->length);
    send_octets(fd, octets + (tcp ? 0 : 2), update->length + (tcp ? 2 : 0));
}

/* Ask for the TXT records that make_update adds. */
static size_t make_txt_query(uint16_t id, const struct update *update, uint8_t *ret_frame) {
    struct d1_writer writer = d1_writer_over(ret_frame, UPDATE_MAX);
    d1_write_u16(&writer, 12 + 6 + 19 + 4);
    d1_write_u16(&writer, id);
    d1_write_bytes(&writer, "\0\0\0\1\0\0\0\0\0\0", 10);
    d1_write_bytes(&writer, update->octets + 12 + 23, 6);
    d1_write_bytes(&writer, ZONE_WIRE "\0\20\0\1", 23);
    assert_false(writer.failed);
    return d1_writer_length(&writer);
}

/* An answer to the update with this code, signed for it. */
static void check_answer(const struct trial *trial, const struct update *update,
                         const uint8_t *answer, size_t length, unsigned rcode) {
    struct d1_tsig tsig;
    assert_true(length > D1_DNS_HEADER_BYTES);
    assert_memory_equal(answer, update->octets, 2);
    assert_int_equal(answer[2], 0xa8); /* QR, UPDATE. */
    assert_int_equal(answer[3], rcode);
    assert_int_equal(d1_tsig_find(answer, length, &tsig), 0);
    assert_int_equal(d1_tsig_verify(trial->key, answer, &tsig, &update->tsig, NOW_S), 0);
}

static void expect_answer(const struct trial *trial, const struct update *update, int fd, bool tcp,
                          unsigned rcode) {
    uint8_t answer[2048];
    size_t length = tcp ? receive_frame(fd, answer, sizeof(answer))
                        : receive_datagram(fd, answer, sizeof(answer));
    check_answer(trial, update, answer, length, rcode);
}

static void expect_nothing_yet(int fd) {
    uint8_t octets[16];
    assert_int_equal(recv(fd, octets, sizeof(octets), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void a_datagram_is_answered_when_it_is_durable(void **state) {
    struct trial *trial = *state;
    struct update update;
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, false);
    await_writes(trial, 1);
    expect_nothing_yet(fd);
    have(trial, commit);
    expect_answer(trial, &update, fd, false, D1_RCODE_NOERROR);
    assert_non_null(fake_store_find(trial->store, "n0001." ZONE, "v", "tsig:" KEY));
    fixture_await_metric(&trial->fixture,
                         "dns01d_dns_responses_total{transport=\"udp\",rcode=\"NOERROR\"}", 1);
    close(fd);
}

static void answers_leave_a_wildcard_from_where_they_were_asked(void **state) {
    struct trial *trial = *state;
    struct update update;
    trial->fixture.listen[0] = "0.0.0.0:0";
    start(trial);
    struct sockaddr_storage address = trial->fixture.address;
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(0x7f000009); /* 127.0.0.9 */
    int fd = client_udp(&address); /* Connected: it takes nothing from elsewhere. */
    make_update(trial, 1, &update);
    send_update(&update, fd, false);
    await_writes(trial, 1);
    have(trial, commit);
    expect_answer(trial, &update, fd, false, D1_RCODE_NOERROR);
    close(fd);
}

static void a_stream_keeps_its_order(void **state) {
    struct trial *trial = *state;
    struct update update;
    uint8_t octets[4 * UPDATE_MAX];
    uint8_t answer[2048];
    start(trial);
    int fd = client_tcp(&trial->fixture.address);
    make_update(trial, 2, &update);
    size_t length = make_txt_query(1, &update, octets);
    d1_store_u16(octets + length, (uint16_t)update.length);
    memcpy(octets + length + 2, update.octets, update.length);
    length += 2 + update.length;
    length += make_txt_query(3, &update, octets + length);
    send_octets(fd, octets, length);
    receive_frame(fd, answer, sizeof(answer));
    assert_int_equal(d1_load_u16(answer), 1);
    assert_int_equal(d1_load_u16(answer + 6), 0);
    await_writes(trial, 1);
    expect_nothing_yet(fd);
    have(trial, commit);
    expect_answer(trial, &update, fd, true, D1_RCODE_NOERROR);
    receive_frame(fd, answer, sizeof(answer));
    assert_int_equal(d1_load_u16(answer), 3);
    assert_int_equal(d1_load_u16(answer + 6), 1);
    close(fd);
}

static void a_stream_that_waits_for_us_is_not_idle(void **state) {
    struct trial *trial = *state;
    struct update update;
    trial->fixture.options.tcp_idle_ms = 30;
    start(trial);
    int fd = client_tcp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, true);
    await_writes(trial, 1);
    for (unsigned i = 0; i < 3; i++) {
        int idle = client_tcp(&trial->fixture.address);
        expect_closed(idle);
        close(idle);
    }
    expect_nothing_yet(fd);
    have(trial, commit);
    expect_answer(trial, &update, fd, true, D1_RCODE_NOERROR);
    close(fd);
}

static void a_client_that_left_is_not_missed(void **state) {
    struct trial *trial = *state;
    struct update update;
    struct linger now = {.l_onoff = 1};
    start(trial);
    int fd = client_tcp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, true);
    await_writes(trial, 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(fd);
    fixture_await_metric(&trial->fixture, "dns01d_tcp_connections", 0);
    have(trial, commit);
    fixture_await_metric(&trial->fixture,
                         "dns01d_dns_dropped_total{transport=\"tcp\",reason=\"send\"}", 1);
    assert_non_null(fake_store_find(trial->store, "n0001." ZONE, "v", "tsig:" KEY));
}

static void more_than_the_limit_are_servfail(void **state) {
    struct trial *trial = *state;
    static struct update updates[NAMES_COUNT];
    unsigned codes[16] = {0};
    uint8_t answer[2048];
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    int octets = 1048576;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets)), 0);
    for (uint16_t i = 0; i < NAMES_COUNT; i++) {
        make_update(trial, i, &updates[i]);
        send_update(&updates[i], fd, false);
        if (i % 32 == 31) { /* So that the server's socket has room for all. */
            await_writes(trial, i + 1U < D1_UPDATE_JOBS_MAX ? i + 1U : D1_UPDATE_JOBS_MAX);
        }
    }
    for (unsigned i = 0; i < NAMES_COUNT; i++) {
        if (i == NAMES_COUNT - D1_UPDATE_JOBS_MAX) {
            expect_nothing_yet(fd);
            have(trial, commit);
        }
        size_t length = receive_datagram(fd, answer, sizeof(answer));
        assert_true(length > D1_DNS_HEADER_BYTES && d1_load_u16(answer) < NAMES_COUNT);
        check_answer(trial, &updates[d1_load_u16(answer)], answer, length, answer[3]);
        codes[answer[3] & 15]++;
    }
    assert_int_equal(codes[D1_RCODE_NOERROR], D1_UPDATE_JOBS_MAX);
    assert_int_equal(codes[D1_RCODE_SERVFAIL], NAMES_COUNT - D1_UPDATE_JOBS_MAX);
    close(fd);
}

static void a_stop_waits_for_what_is_under_way(void **state) {
    struct trial *trial = *state;
    struct update updates[2];
    start(trial);
    int udp = client_udp(&trial->fixture.address);
    int tcp = client_tcp(&trial->fixture.address);
    make_update(trial, 1, &updates[0]);
    make_update(trial, 2, &updates[1]);
    send_update(&updates[0], udp, false);
    send_update(&updates[1], tcp, true);
    await_writes(trial, 2);
    fixture_request_stop(&trial->fixture, PATIENCE_MS);
    expect_nothing_yet(udp);
    have(trial, commit);
    expect_answer(trial, &updates[0], udp, false, D1_RCODE_NOERROR);
    expect_answer(trial, &updates[1], tcp, true, D1_RCODE_NOERROR);
    end(trial);
    close(udp);
    close(tcp);
}

static void a_stop_does_not_wait_for_ever(void **state) {
    struct trial *trial = *state;
    struct update updates[2];
    start(trial);
    int udp = client_udp(&trial->fixture.address);
    int tcp = client_tcp(&trial->fixture.address);
    make_update(trial, 1, &updates[0]);
    make_update(trial, 2, &updates[1]);
    send_update(&updates[0], udp, false);
    send_update(&updates[1], tcp, true);
    await_writes(trial, 2);
    fixture_request_stop(&trial->fixture, 20);
    expect_answer(trial, &updates[0], udp, false, D1_RCODE_SERVFAIL);
    expect_closed(tcp);
    end(trial); /* What was begun is committed all the same. */
    assert_non_null(fake_store_find(trial->store, "n0001." ZONE, "v", "tsig:" KEY));
    assert_non_null(fake_store_find(trial->store, "n0002." ZONE, "v", "tsig:" KEY));
    close(udp);
    close(tcp);
}

static void drop_keys(struct trial *trial) {
    d1_keys_swap(&trial->keys, NULL, trial->fixture.epoch);
    d1_epoch_reclaim(trial->fixture.epoch);
}

static void answers_are_signed_also_when_the_key_has_gone(void **state) {
    struct trial *trial = *state;
    struct update update;
    struct update late;
    uint8_t answer[2048];
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, false);
    await_writes(trial, 1);
    have(trial, drop_keys);
    have(trial, commit);
    expect_answer(trial, &update, fd, false, D1_RCODE_NOERROR);
    make_update(trial, 2, &late);
    send_update(&late, fd, false);
    size_t length = receive_datagram(fd, answer, sizeof(answer));
    assert_int_equal(answer[3] & 15, D1_RCODE_NOTAUTH);
    assert_true(length > D1_DNS_HEADER_BYTES);
    close(fd);
}

static void forget_rights(struct trial *trial) {
    const struct d1_solver_settings settings = {.lease_default_ms = 1, .lease_maximum_ms = 1};
    struct d1_credentials *none = NULL;
    assert_int_equal(d1_credentials_create(&none), 0);
    d1_solver_configure(trial->solver, &settings, none);
}

static void a_key_without_rights_is_refused(void **state) {
    struct trial *trial = *state;
    struct update update;
    start(trial);
    have(trial, forget_rights);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, false);
    expect_answer(trial, &update, fd, false, D1_RCODE_REFUSED);
    close(fd);
}

/* Type, class, TTL, length and rdata. */
#define RECORD(text) (text), sizeof(text) - 1

/* What is wrong with a record is told at once, signed. */
static void what_cannot_be_is_refused(void **state) {
    struct trial *trial = *state;
    static const struct {
        size_t section;
        const char *record;
        size_t length;
        unsigned rcode;
    } table[] = {
        {1, RECORD("\0\20\0\1\0\0\0\1\0\2\1v"), D1_RCODE_FORMERR},      /* A TTL. */
        {2, RECORD("\0\20\0\1\0\0\0\1\0\2\3v"), D1_RCODE_FORMERR},      /* A string cut off. */
        {2, RECORD("\0\20\0\1\0\0\0\1\0\4\1v\1w"), D1_RCODE_REFUSED},   /* Two strings. */
        {2, RECORD("\0\1\0\1\0\0\0\1\0\4\1\2\3\4"), D1_RCODE_REFUSED},  /* An address. */
        {2, RECORD("\0\20\0\xfe\0\0\0\0\0\4\1v\1w"), D1_RCODE_NOERROR}, /* Never there. */
        {2, RECORD("\0\1\0\xfe\0\0\0\0\0\4\1\2\3\4"), D1_RCODE_NOERROR},
        {1, RECORD("\0\1\0\xff\0\0\0\0\0\0"), D1_RCODE_NXRRSET},
    };
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct update update;
        make_update_of(trial, table[i].section, table[i].record, table[i].length, &update);
        send_update(&update, fd, false);
        expect_answer(trial, &update, fd, false, table[i].rcode);
    }
    have(trial, look);
    assert_int_equal(trial->waiting, 0);
    close(fd);
}

/* The class of its TSIG record is not ANY: there is no signature to answer with one. */
static void a_malformed_tsig_record_is_formerr(void **state) {
    struct trial *trial = *state;
    struct update update;
    struct d1_tsig tsig;
    uint8_t answer[2048];
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    d1_store_u16(update.octets + update.tsig.at + update.tsig.key.length + 2, D1_CLASS_IN);
    send_update(&update, fd, false);
    size_t length = receive_datagram(fd, answer, sizeof(answer));
    assert_int_equal(answer[3] & 15, D1_RCODE_FORMERR);
    assert_int_equal(d1_tsig_find(answer, length, &tsig), D1_ENOTFOUND);
    close(fd);
}

/* What needs no commit is answered while another waits for its own. */
static void updates_overtake_one_another(void **state) {
    struct trial *trial = *state;
    struct update slow;
    struct update quick;
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &slow);
    send_update(&slow, fd, false);
    await_writes(trial, 1);
    make_update_of(trial, 1, RECORD("\0\1\0\xfe\0\0\0\0\0\0"), &quick);
    send_update(&quick, fd, false);
    expect_answer(trial, &quick, fd, false, D1_RCODE_NOERROR);
    make_update(trial, 2, &quick);
    send_update(&quick, fd, false);
    await_writes(trial, 2);
    have(trial, commit);
    expect_answer(trial, &slow, fd, false, D1_RCODE_NOERROR);
    expect_answer(trial, &quick, fd, false, D1_RCODE_NOERROR);
    close(fd);
}

/* Each allocation of a job. */
static void without_memory_it_is_servfail(void **state) {
    struct trial *trial = *state;
    struct update update;
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    for (uint64_t skip = 0; skip < 4; skip++) {
        make_update(trial, (uint16_t)skip, &update);
        d1_mem_fault_arm(skip, 0);
        send_update(&update, fd, false);
        expect_answer(trial, &update, fd, false, D1_RCODE_SERVFAIL);
        assert_int_equal(d1_mem_fault_disarm(), 1);
    }
    make_update(trial, 9, &update);
    send_update(&update, fd, false);
    await_writes(trial, 1);
    have(trial, commit);
    expect_answer(trial, &update, fd, false, D1_RCODE_NOERROR);
    close(fd);
}

static void on_created_without_memory(struct fixture *fixture) {
    struct trial *trial = D1_CONTAINER_OF(fixture, struct trial, fixture);
    d1_mem_fault_arm(0, 0);
    int err = d1_dnsd_take_updates(fixture->dnsd, &trial->keys, trial->solver);
    assert_int_equal(d1_mem_fault_disarm(), 1);
    assert_int_equal(err, -ENOMEM);
}

/* As where no door for UPDATE is wanted: no key is known. */
static void without_keys_nothing_is_taken(void **state) {
    struct trial *trial = *state;
    struct update update;
    uint8_t answer[2048];
    struct d1_tsig tsig;
    trial->fixture.created = on_created_without_memory;
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    send_update(&update, fd, false);
    size_t length = receive_datagram(fd, answer, sizeof(answer));
    assert_int_equal(answer[3] & 15, D1_RCODE_NOTAUTH);
    assert_int_equal(d1_tsig_find(answer, length, &tsig), 0);
    assert_int_equal(tsig.error, D1_TSIG_BADKEY);
    close(fd);
}

static void without_libcrypto_it_is_servfail_or_silence(void **state) {
    struct trial *trial = *state;
    struct update update;
    uint8_t answer[2048];
    struct d1_tsig tsig;
    start(trial);
    int fd = client_udp(&trial->fixture.address);
    make_update(trial, 1, &update);
    atomic_store(refuses_to_verify(), true);
    send_update(&update, fd, false);
    size_t length = receive_datagram(fd, answer, sizeof(answer));
    atomic_store(refuses_to_verify(), false);
    assert_int_equal(answer[3] & 15, D1_RCODE_SERVFAIL);
    assert_int_equal(d1_tsig_find(answer, length, &tsig), D1_ENOTFOUND);
    send_update(&update, fd, false);
    await_writes(trial, 1);
    atomic_store(refuses_to_sign(), true);
    have(trial, commit);
    fixture_await_metric(&trial->fixture,
                         "dns01d_dns_dropped_total{transport=\"udp\",reason=\"send\"}", 1);
    atomic_store(refuses_to_sign(), false);
    assert_non_null(fake_store_find(trial->store, "n0001." ZONE, "v", "tsig:" KEY));
    close(fd);
}

/* Each worker lets its own go, and none twice. */
static void every_worker_stops_by_itself(void **state) {
    struct trial *trial = *state;
    enum { CLIENTS = 24 };
    static struct update updates[CLIENTS];
    int fds[CLIENTS];
    trial->fixture.options.workers = 2;
    start(trial);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        fds[i] = client_udp(&trial->fixture.address); /* That all have one worker is not chance. */
        make_update(trial, i, &updates[i]);
        send_update(&updates[i], fds[i], false);
    }
    await_writes(trial, CLIENTS);
    fixture_request_stop(&trial->fixture, 20);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        expect_answer(trial, &updates[i], fds[i], false, D1_RCODE_SERVFAIL);
        close(fds[i]);
    }
    end(trial);
}

int main(void) {
#define IN_TRIAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_TRIAL(a_datagram_is_answered_when_it_is_durable),
        IN_TRIAL(answers_leave_a_wildcard_from_where_they_were_asked),
        IN_TRIAL(a_stream_keeps_its_order),
        IN_TRIAL(a_stream_that_waits_for_us_is_not_idle),
        IN_TRIAL(a_client_that_left_is_not_missed),
        IN_TRIAL(more_than_the_limit_are_servfail),
        IN_TRIAL(a_stop_waits_for_what_is_under_way),
        IN_TRIAL(a_stop_does_not_wait_for_ever),
        IN_TRIAL(answers_are_signed_also_when_the_key_has_gone),
        IN_TRIAL(a_key_without_rights_is_refused),
        IN_TRIAL(what_cannot_be_is_refused),
        IN_TRIAL(a_malformed_tsig_record_is_formerr),
        IN_TRIAL(updates_overtake_one_another),
        IN_TRIAL(without_memory_it_is_servfail),
        IN_TRIAL(without_keys_nothing_is_taken),
        IN_TRIAL(without_libcrypto_it_is_servfail_or_silence),
        IN_TRIAL(every_worker_stops_by_itself),
    };
    return cmocka_run_group_tests_name("dnsd_updates", tests, NULL, NULL);
}
