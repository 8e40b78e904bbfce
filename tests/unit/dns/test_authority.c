#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/net.h"
#include "dns/authority.h"
#include "dns/wire.h"
#include "tests/lib/fake_resolver.h"

struct world {
    struct d1_fake_clock clock;
    struct fake_resolver resolver;
    struct d1_zone_cut cut;
    struct d1_zone_servers servers;
    int done;
};

static void on_cut(struct d1_zone_cut *cut) {
    D1_CONTAINER_OF(cut, struct world, cut)->done++;
}

static void on_servers(struct d1_zone_servers *servers) {
    D1_CONTAINER_OF(servers, struct world, servers)->done++;
}

static void world_init(struct world *world) {
    memset(world, 0, sizeof(*world));
    d1_fake_clock_init(&world->clock, 1);
    fake_resolver_init(&world->resolver, &world->clock.clock);
    world->cut.done = on_cut;
    world->servers.done = on_servers;
}

static void add_soa(struct world *world, const char *zone) {
    fake_resolver_add_octets(&world->resolver, zone, D1_TYPE_SOA, "soa", 3);
}

static void start_cut(struct world *world, const char *text) {
    struct d1_name name;
    assert_int_equal(d1_name_from_text(text, &name), 0);
    assert_int_equal(d1_zone_cut_start(&world->cut, &world->resolver.base, &name, 5000), 0);
}

static void check_cut(struct world *world, const char *name, enum d1_resolve_outcome outcome,
                      const char *zone) {
    char text[D1_NAME_TEXT_MAX];
    start_cut(world, name);
    assert_int_equal(world->done, 0);
    fake_resolver_run(&world->resolver);
    assert_int_equal(world->done, 1);
    assert_int_equal(world->cut.outcome, outcome);
    d1_name_to_text(&world->cut.zone, text);
    assert_string_equal(text, zone);
}

static void the_zone_is_the_nearest_soa(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_soa(&world, "example.test");
    add_soa(&world, "test");
    check_cut(&world, "_acme-challenge.a.b.example.test", D1_RESOLVE_DATA, "example.test");
    assert_int_equal(world.resolver.asked, 4);
}

static void a_name_may_be_its_zone(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_soa(&world, "example.test");
    check_cut(&world, "example.test", D1_RESOLVE_DATA, "example.test");
}

static void an_soa_behind_a_cname_is_another_zones(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_soa(&world, "_acme-challenge.example.test");
    fake_resolver_alias(&world.resolver, "_acme-challenge.example.test", D1_TYPE_SOA);
    add_soa(&world, "example.test");
    check_cut(&world, "_acme-challenge.example.test", D1_RESOLVE_DATA, "example.test");
}

static void resolvers_that_fail_end_it_there(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    fake_resolver_set(&world.resolver, "example.test", D1_TYPE_SOA, D1_RESOLVE_FAILED, 2);
    add_soa(&world, "test");
    check_cut(&world, "a.example.test", D1_RESOLVE_FAILED, "example.test");
    assert_int_equal(world.cut.rcode, 2);
    world_init(&world);
    fake_resolver_set(&world.resolver, "example.test", D1_TYPE_SOA, D1_RESOLVE_BOGUS, 2);
    check_cut(&world, "a.example.test", D1_RESOLVE_BOGUS, "example.test");
}

static void without_any_soa_it_ends_at_the_root(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    check_cut(&world, "a.test", D1_RESOLVE_NODATA, ".");
}

static void a_cut_has_a_limit(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    start_cut(&world, "a.b.test");
    d1_fake_clock_advance_ms(&world.clock, 5000);
    fake_resolver_run(&world.resolver);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.cut.outcome, D1_RESOLVE_TIMEOUT);
}

static void a_cut_can_be_canceled(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    start_cut(&world, "a.b.test");
    d1_zone_cut_cancel(&world.cut);
    fake_resolver_run(&world.resolver);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.cut.outcome, D1_RESOLVE_CANCELED);
}

static void a_cut_whose_next_question_is_refused_failed(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    start_cut(&world, "a.b.test");
    world.resolver.ask_err = D1_ELIMIT;
    fake_resolver_run(&world.resolver);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.cut.outcome, D1_RESOLVE_FAILED);
}

static void start_servers(struct world *world) {
    struct d1_name zone;
    assert_int_equal(d1_name_from_text("example.test", &zone), 0);
    assert_int_equal(d1_zone_servers_start(&world->servers, &world->resolver.base, &zone, 5000), 0);
}

static void run_servers(struct world *world, enum d1_resolve_outcome outcome) {
    start_servers(world);
    fake_resolver_run(&world->resolver);
    assert_int_equal(world->done, 1);
    assert_int_equal(world->servers.outcome, outcome);
}

static void add_ns(struct world *world, const char *server) {
    fake_resolver_add(&world->resolver, "example.test", D1_TYPE_NS, server);
}

static void check_address(const struct world *world, size_t index, const char *wanted) {
    char text[D1_ADDRESS_TEXT_BYTES];
    assert_true(index < world->servers.count);
    d1_address_format(&world->servers.addresses[index], text);
    assert_string_equal(text, wanted);
}

static void all_addresses_are_listed(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    add_ns(&world, "ns2.example.test");
    add_ns(&world, "gone.example.test");
    fake_resolver_add(&world.resolver, "ns1.example.test", D1_TYPE_A, "192.0.2.1");
    fake_resolver_add(&world.resolver, "ns1.example.test", D1_TYPE_AAAA, "2001:db8::1");
    fake_resolver_add(&world.resolver, "ns2.example.test", D1_TYPE_A, "192.0.2.2");
    fake_resolver_set(&world.resolver, "ns2.example.test", D1_TYPE_AAAA, D1_RESOLVE_FAILED, 2);
    run_servers(&world, D1_RESOLVE_DATA);
    assert_int_equal(world.servers.names_count, 3);
    assert_int_equal(world.servers.count, 3);
    check_address(&world, 0, "192.0.2.1:53");
    check_address(&world, 1, "[2001:db8::1]:53");
    check_address(&world, 2, "192.0.2.2:53");
}

static void a_zone_without_addresses_has_none(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    run_servers(&world, D1_RESOLVE_NODATA);
    assert_int_equal(world.servers.count, 0);
}

static void a_name_that_is_no_zone_has_no_servers(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    run_servers(&world, D1_RESOLVE_NXDOMAIN);
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    fake_resolver_alias(&world.resolver, "example.test", D1_TYPE_NS);
    run_servers(&world, D1_RESOLVE_NODATA);
}

static void records_of_other_lengths_are_passed_over(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    fake_resolver_add_octets(&world.resolver, "example.test", D1_TYPE_NS, "\3ns", 3);
    fake_resolver_add_octets(&world.resolver, "ns1.example.test", D1_TYPE_A, "abc", 3);
    fake_resolver_add_octets(&world.resolver, "ns1.example.test", D1_TYPE_AAAA, "abcd", 4);
    run_servers(&world, D1_RESOLVE_NODATA);
    assert_int_equal(world.servers.names_count, 1);
}

static void names_and_addresses_are_bounded(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    for (unsigned i = 0; i < D1_AUTHORITY_NAMES_MAX + 4; i++) {
        char name[64];
        snprintf(name, sizeof(name), "ns%u.example.test", i);
        add_ns(&world, name);
        for (unsigned j = 0; j < 3 && i < D1_AUTHORITY_NAMES_MAX; j++) {
            char address[32];
            snprintf(address, sizeof(address), "192.0.2.%u", 3 * i + j);
            fake_resolver_add(&world.resolver, name, D1_TYPE_A, address);
        }
    }
    run_servers(&world, D1_RESOLVE_DATA);
    assert_int_equal(world.servers.names_count, D1_AUTHORITY_NAMES_MAX);
    assert_int_equal(world.servers.count, D1_AUTHORITY_ADDRESSES_MAX);
}

static void what_was_found_in_time_counts(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    fake_resolver_add(&world.resolver, "ns1.example.test", D1_TYPE_A, "192.0.2.1");
    start_servers(&world);
    assert_true(fake_resolver_step(&world.resolver)); /* NS */
    d1_fake_clock_advance_ms(&world.clock, 5000);
    assert_true(fake_resolver_step(&world.resolver)); /* A */
    assert_int_equal(world.done, 1);
    assert_int_equal(world.servers.outcome, D1_RESOLVE_DATA);

    world_init(&world);
    add_ns(&world, "ns1.example.test");
    start_servers(&world);
    d1_fake_clock_advance_ms(&world.clock, 5000);
    fake_resolver_run(&world.resolver);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.servers.outcome, D1_RESOLVE_TIMEOUT);
}

static void servers_can_be_canceled(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    add_ns(&world, "ns1.example.test");
    start_servers(&world);
    assert_true(fake_resolver_step(&world.resolver));
    d1_zone_servers_cancel(&world.servers);
    fake_resolver_run(&world.resolver);
    assert_int_equal(world.done, 1);
    assert_int_equal(world.servers.outcome, D1_RESOLVE_CANCELED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zone_is_the_nearest_soa),
        cmocka_unit_test(a_name_may_be_its_zone),
        cmocka_unit_test(an_soa_behind_a_cname_is_another_zones),
        cmocka_unit_test(resolvers_that_fail_end_it_there),
        cmocka_unit_test(without_any_soa_it_ends_at_the_root),
        cmocka_unit_test(a_cut_has_a_limit),
        cmocka_unit_test(a_cut_can_be_canceled),
        cmocka_unit_test(a_cut_whose_next_question_is_refused_failed),
        cmocka_unit_test(all_addresses_are_listed),
        cmocka_unit_test(a_zone_without_addresses_has_none),
        cmocka_unit_test(a_name_that_is_no_zone_has_no_servers),
        cmocka_unit_test(records_of_other_lengths_are_passed_over),
        cmocka_unit_test(names_and_addresses_are_bounded),
        cmocka_unit_test(what_was_found_in_time_counts),
        cmocka_unit_test(servers_can_be_canceled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
