/* libunbound itself, with a server of the test's own on loopback that answers what it is told. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "dns/resolve.h"
#include "dns/wire.h"

#define ALIAS "_acme-challenge.host.example.test"

/* A server on the test's own loop. */
struct server {
    uv_udp_t udp;
    uv_poll_t poll;
    int fd;
    char address[D1_ADDRESS_TEXT_BYTES];
    unsigned questions;
    bool silent;
    unsigned rcode;
    const char *rdata; /* Of one record of the asked type; NULL: no data, but an SOA. */
    size_t rdata_length;
};

struct world {
    struct d1_loop *loop;
    struct server server;
    struct server other;
    struct d1_resolver *resolver;
};

struct asked {
    struct d1_resolve_query query;
    struct d1_resolve_reply reply;
    uint8_t rdata[64];
    int done;
    struct d1_resolver *again; /* Ask once more from `done`. */
};

static void answer(struct server *server, struct d1_writer *out, const uint8_t *message,
                   const struct d1_query *query) {
    bool data = server->rdata != NULL && server->rcode == 0;
    bool negative = !data && (server->rcode == 0 || server->rcode == D1_RCODE_NXDOMAIN);
    d1_write_bytes(out, message, 2);
    d1_write_u16(out, (uint16_t)(D1_FLAG_QR | D1_FLAG_RD | D1_FLAG_RA | server->rcode));
    d1_write_u16(out, 1);
    d1_write_u16(out, data ? 1 : 0);
    d1_write_u16(out, negative ? 1 : 0);
    d1_write_u16(out, 0);
    d1_write_bytes(out, message + D1_DNS_HEADER_BYTES, query->question_length);
    if (data) {
        d1_write_u16(out, 0xc000 | D1_DNS_HEADER_BYTES);
        d1_write_u16(out, query->type);
        d1_write_u16(out, D1_CLASS_IN);
        d1_write_u32(out, 3600); /* TTL */
        d1_write_u16(out, (uint16_t)server->rdata_length);
        d1_write_bytes(out, server->rdata, server->rdata_length);
    }
    if (negative) {
        static const char soa[] = "\0\0\0\0\0\1\0\0\16\20\0\0\16\20\0\0\16\20\0\0\16\20";
        d1_write_bytes(out, "\4test", 6);
        d1_write_u16(out, D1_TYPE_SOA);
        d1_write_u16(out, D1_CLASS_IN);
        d1_write_u32(out, 3600);
        d1_write_u16(out, 22); /* Two roots and five numbers. */
        d1_write_bytes(out, soa, 22);
    }
}

static void on_datagram(uv_poll_t *poll, int status, int events) {
    struct server *server = poll->data;
    (void)status;
    (void)events;
    uint8_t message[2048];
    uint8_t reply[2048];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof(from);
    ssize_t length = recvfrom(server->fd, message, sizeof(message), MSG_DONTWAIT,
                              (struct sockaddr *)&from, &from_length);
    struct d1_query query;
    if (length < 0 || d1_query_parse(message, (size_t)length, &query) != D1_QUERY_OK) {
        return;
    }
    server->questions++;
    if (server->silent) {
        return;
    }
    struct d1_writer out = d1_writer_over(reply, sizeof(reply));
    answer(server, &out, message, &query);
    sendto(server->fd, reply, d1_writer_length(&out), 0, (struct sockaddr *)&from, from_length);
}

static void server_open(struct world *world, struct server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&bound, &length), 0);
    d1_address_format(&bound, server->address);
    assert_int_equal(uv_poll_init(d1_loop_uv(world->loop), &server->poll, server->fd), 0);
    server->poll.data = server;
    uv_poll_start(&server->poll, UV_READABLE, on_datagram);
    server->rdata = "\2x7\4auth\7example\4test";
    server->rdata_length = 22;
}

static int make_resolver(struct world *world, const struct server *server, const char *anchors,
                         struct d1_resolver **ret_resolver, struct d1_error *error) {
    const char *servers[] = {server->address};
    struct d1_resolver_settings settings = {servers, 1, anchors};
    return d1_resolver_create(world->loop, d1_clock_system(), &settings, ret_resolver, error);
}

static void world_open(struct world *world) {
    struct d1_error error = {0};
    memset(world, 0, sizeof(*world));
    assert_int_equal(d1_loop_create("test", &world->loop), 0);
    server_open(world, &world->server);
    server_open(world, &world->other);
    assert_int_equal(make_resolver(world, &world->server, "", &world->resolver, &error), 0);
}

static void world_close(struct world *world) {
    d1_resolver_destroy(world->resolver);
    uv_close((uv_handle_t *)&world->server.poll, NULL);
    uv_close((uv_handle_t *)&world->other.poll, NULL);
    uv_run(d1_loop_uv(world->loop), UV_RUN_NOWAIT);
    uv_run(d1_loop_uv(world->loop), UV_RUN_NOWAIT);
    close(world->server.fd);
    close(world->other.fd);
    d1_loop_destroy(world->loop);
}

static void on_done(struct d1_resolve_query *query, const struct d1_resolve_reply *reply) {
    struct asked *asked = D1_CONTAINER_OF(query, struct asked, query);
    asked->reply = *reply;
    if (reply->count > 0 && reply->records[0].length <= sizeof(asked->rdata)) {
        memcpy(asked->rdata, reply->records[0].rdata, reply->records[0].length);
    }
    asked->done++;
    if (asked->again != NULL) {
        struct d1_resolver *again = asked->again;
        asked->again = NULL;
        assert_int_equal(again->ask(again, query), 0);
    }
}

static void ask(struct world *world, struct asked *asked, const char *name, uint16_t type) {
    memset(asked, 0, sizeof(*asked));
    assert_int_equal(d1_name_from_text(name, &asked->query.name), 0);
    asked->query.type = type;
    asked->query.timeout_ms = 20000;
    asked->query.done = on_done;
    assert_int_equal(world->resolver->ask(world->resolver, &asked->query), 0);
    assert_int_equal(asked->done, 0);
}

static void wait_for(struct world *world, const struct asked *asked, int times) {
    while (asked->done < times) {
        uv_run(d1_loop_uv(world->loop), UV_RUN_ONCE);
    }
}

static void records_come_back(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    world_open(&world);
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_DATA);
    assert_int_equal(asked.reply.count, 1);
    assert_false(asked.reply.aliased);
    assert_false(asked.reply.secure);
    assert_int_equal(asked.reply.records[0].length, 22);
    assert_memory_equal(asked.rdata, "\2x7\4auth\7example\4test", 22);
    world_close(&world);
}

static void refusals_are_told_apart(void **state) {
    (void)state;
    static const struct {
        unsigned rcode;
        enum d1_resolve_outcome outcome;
        uint8_t told;
    } rows[] = {{0, D1_RESOLVE_NODATA, 0},
                {3, D1_RESOLVE_NXDOMAIN, 3},
                {2, D1_RESOLVE_FAILED, 2},
                {5, D1_RESOLVE_FAILED, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world world;
        struct asked asked;
        world_open(&world);
        world.server.rdata = NULL;
        world.server.rcode = rows[i].rcode;
        ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
        wait_for(&world, &asked, 1);
        assert_int_equal(asked.reply.outcome, rows[i].outcome);
        assert_int_equal(asked.reply.rcode, rows[i].told);
        world_close(&world);
    }
}

static void what_was_not_there_is_asked_for_again(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    world_open(&world);
    world.server.rdata = NULL;
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_NODATA);
    world.server.rdata = "\1y\0";
    world.server.rdata_length = 3;
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_DATA);
    assert_memory_equal(asked.rdata, "\1y\0", 3);
    world_close(&world);
}

static void a_query_may_be_asked_again_from_done(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    world_open(&world);
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    asked.again = world.resolver;
    wait_for(&world, &asked, 2);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_DATA);
    world_close(&world);
}

static void nothing_in_time_is_a_timeout(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    world_open(&world);
    world.server.silent = true;
    memset(&asked, 0, sizeof(asked));
    assert_int_equal(d1_name_from_text(ALIAS, &asked.query.name), 0);
    asked.query.type = D1_TYPE_CNAME;
    asked.query.timeout_ms = 20;
    asked.query.done = on_done;
    assert_int_equal(world.resolver->ask(world.resolver, &asked.query), 0);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_TIMEOUT);
    world_close(&world);
}

static void a_canceled_query_is_told_once(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    struct asked other;
    world_open(&world);
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    ask(&world, &other, "b.example.test", D1_TYPE_CNAME);
    world.resolver->cancel(world.resolver, &asked.query);
    world.resolver->cancel(world.resolver, &asked.query);
    assert_int_equal(asked.done, 0);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_CANCELED);
    wait_for(&world, &other, 1);
    assert_int_equal(other.reply.outcome, D1_RESOLVE_DATA);
    assert_int_equal(asked.done, 1);
    world_close(&world);
}

static void what_is_under_way_ends_with_the_resolver(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    struct asked canceled;
    world_open(&world);
    world.server.silent = true;
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    ask(&world, &canceled, ALIAS, D1_TYPE_CNAME);
    world.resolver->cancel(world.resolver, &canceled.query);
    world_close(&world);
    assert_int_equal(asked.done, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_CANCELED);
    assert_int_equal(canceled.done, 1);
}

static void queries_are_bounded(void **state) {
    (void)state;
    static struct asked asked[D1_RESOLVE_QUERIES_MAX];
    struct world world;
    struct asked last = {0};
    world_open(&world);
    world.server.silent = true;
    for (size_t i = 0; i < D1_RESOLVE_QUERIES_MAX; i++) {
        ask(&world, &asked[i], ALIAS, D1_TYPE_CNAME);
    }
    assert_int_equal(d1_name_from_text(ALIAS, &last.query.name), 0);
    last.query.type = D1_TYPE_CNAME;
    last.query.done = on_done;
    assert_int_equal(world.resolver->ask(world.resolver, &last.query), D1_ELIMIT);
    world.resolver->cancel(world.resolver, &asked[7].query);
    assert_int_equal(world.resolver->ask(world.resolver, &last.query), 0);
    world_close(&world);
    assert_int_equal(last.done, 1);
    for (size_t i = 0; i < D1_RESOLVE_QUERIES_MAX; i++) {
        assert_int_equal(asked[i].done, 1);
    }
}

static void other_servers_are_taken_while_questions_are_under_way(void **state) {
    (void)state;
    struct world world;
    struct asked before;
    struct asked after;
    struct d1_error error = {0};
    world_open(&world);
    const char *servers[] = {world.other.address};
    struct d1_resolver_settings settings = {servers, 1, ""};
    world.server.rdata = "\6before\0";
    world.server.rdata_length = 8;
    world.other.rdata = "\5after\0";
    world.other.rdata_length = 7;
    ask(&world, &before, ALIAS, D1_TYPE_CNAME);
    assert_int_equal(d1_resolver_configure(world.resolver, &settings, &error), 0);
    ask(&world, &after, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &before, 1);
    wait_for(&world, &after, 1);
    assert_memory_equal(before.rdata, "\6before\0", 8);
    assert_memory_equal(after.rdata, "\5after\0", 7);
    assert_int_equal(world.other.questions, 1);
    world_close(&world);
}

static void bad_settings_keep_the_old_ones(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    struct d1_error error = {0};
    world_open(&world);
    const char *servers[] = {world.other.address};
    struct d1_resolver_settings settings = {servers, 1, "/nonexistent/anchors"};
    assert_int_equal(d1_resolver_configure(world.resolver, &settings, &error), D1_ECONFIG);
    assert_non_null(strstr(error.text, "/nonexistent/anchors"));
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_DATA);
    assert_int_equal(world.other.questions, 0);
    world_close(&world);
}

static void unsigned_answers_below_an_anchor_are_bogus(void **state) {
    (void)state;
    struct world world;
    struct asked asked;
    struct d1_error error = {0};
    char path[] = "/tmp/d1-anchor-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char anchor[] =
        "example.test. IN DS 12345 13 2 "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    assert_int_equal(write(fd, anchor, sizeof(anchor) - 1), sizeof(anchor) - 1);
    close(fd);
    world_open(&world);
    d1_resolver_destroy(world.resolver);
    world.resolver = NULL;
    assert_int_equal(make_resolver(&world, &world.server, path, &world.resolver, &error), 0);
    unlink(path);
    ask(&world, &asked, ALIAS, D1_TYPE_CNAME);
    wait_for(&world, &asked, 1);
    assert_int_equal(asked.reply.outcome, D1_RESOLVE_BOGUS);
    world_close(&world);
}

static void addresses_of_servers_have_four_forms(void **state) {
    (void)state;
    static const char *const good[] = {"192.0.2.53", "192.0.2.53:5353", "2001:db8::53",
                                       "[::1]:5353", "[2001:db8::53]",  "::1"};
    static const char *const bad[] = {
        "",        "dns.example.test", "192.0.2",   "192.0.2.53:",   "[::1",      "192.0.2.53:0",
        "::1]:53", "192.0.2.53:65536", "[::1]:abc", "192.0.2.53@53", "[1.2.3.4]", "[]"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(d1_resolver_check_server(good[i]), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(d1_resolver_check_server(bad[i]), 0);
    }
}

static void each_form_is_taken_by_libunbound(void **state) {
    (void)state;
    struct world world;
    struct d1_error error = {0};
    world_open(&world);
    static const char *const servers[] = {"192.0.2.53", "192.0.2.53:5353", "2001:db8::53",
                                          "[::1]:5353"};
    struct d1_resolver_settings settings = {servers, 4, NULL};
    assert_int_equal(d1_resolver_configure(world.resolver, &settings, &error), 0);
    static const char *const wrong[] = {"dns.example.test"};
    settings = (struct d1_resolver_settings){wrong, 1, NULL};
    assert_int_equal(d1_resolver_configure(world.resolver, &settings, &error), D1_ECONFIG);
    settings = (struct d1_resolver_settings){servers, D1_RESOLVE_SERVERS_MAX + 1, NULL};
    assert_int_equal(d1_resolver_configure(world.resolver, &settings, &error), D1_ECONFIG);
    world_close(&world);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct world world;
    struct d1_error error = {0};
    struct d1_resolver *resolver = NULL;
    world_open(&world);
    const char *servers[] = {world.server.address};
    struct d1_resolver_settings settings = {servers, 1, ""};
    for (uint64_t skip = 0; skip < 3; skip++) {
        d1_mem_fault_arm(skip, 0);
        int err = make_resolver(&world, &world.server, "", &resolver, &error);
        bool failed = d1_mem_fault_disarm() > 0;
        assert_int_equal(err, failed ? -ENOMEM : 0);
        if (err == 0) {
            d1_resolver_destroy(resolver);
        }
    }
    d1_mem_fault_arm(0, 0);
    int err = d1_resolver_configure(world.resolver, &settings, &error);
    assert_int_equal(err, d1_mem_fault_disarm() > 0 ? -ENOMEM : 0);
    assert_int_equal(d1_resolver_check(&settings, &error), 0);
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(what_was_not_there_is_asked_for_again),
        cmocka_unit_test(a_query_may_be_asked_again_from_done),
        cmocka_unit_test(nothing_in_time_is_a_timeout),
        cmocka_unit_test(a_canceled_query_is_told_once),
        cmocka_unit_test(what_is_under_way_ends_with_the_resolver),
        cmocka_unit_test(queries_are_bounded),
        cmocka_unit_test(other_servers_are_taken_while_questions_are_under_way),
        cmocka_unit_test(bad_settings_keep_the_old_ones),
        cmocka_unit_test(unsigned_answers_below_an_anchor_are_bogus),
        cmocka_unit_test(addresses_of_servers_have_four_forms),
        cmocka_unit_test(each_form_is_taken_by_libunbound),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
