/* Answers at their limits: sizes, pointers, numbers of records; zones that lack what others have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/epoch.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "tests/unit/dnsd/reply_text.h"

#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10
#define X60  X50 X10
#define X250 X50 X50 X50 X50 X50

#define ASK(n, t) \
    { .name = n, .type = t, .edns = true, .udp_size = 1232 }

/* A zone with one cut of `servers` name servers below it. */
static void load_servers(struct d1_fixture *fixture, size_t servers) {
    static struct d1_name ns;
    char(*text)[80] = test_calloc(3 * servers, sizeof(*text));
    const char **lines = test_calloc(3 * servers, sizeof(*lines));
    for (size_t i = 0; i < servers; i++) {
        snprintf(text[3 * i], sizeof(*text), "cut NS server%05zu.of.cut", i);
        snprintf(text[3 * i + 1], sizeof(*text), "server%05zu.of.cut A 192.0.2.1", i);
        snprintf(text[3 * i + 2], sizeof(*text), "server%05zu.of.cut AAAA 2001:db8::1", i);
    }
    for (size_t i = 0; i < 3 * servers; i++) {
        lines[i] = text[i];
    }
    ns = d1_fixture_name("ns.example.net");
    const struct d1_zone_config config = {
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = ns,
        .records_count = 3 * servers,
        .records = lines,
    };
    d1_fixture_load(fixture, &config, 1);
    test_free(lines);
    test_free(text);
}

/* A referral whose glue does not fit is cut off whole (RFC 9471, 3.1). */
static void glue_that_does_not_fit_is_truncated(void **state) {
    (void)state;
    struct d1_fixture fixture;
    struct d1_ask ask = {.name = "x.cut.a.test", .type = D1_TYPE_A};
    load_servers(&fixture, 8);
    d1_assert_reply(&fixture, &ask, "NOERROR tc | | |");
    ask.tcp = true;
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.flags & (D1_FLAG_TC | D1_FLAG_AA), 0);
    assert_int_equal(reply->decoded.count[2], 8);
    assert_int_equal(reply->decoded.count[3], 16);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

/* What does not fit is left out whole, wherever in the answer that was noticed. */
static void long_answers_are_truncated(void **state) {
    (void)state;
    struct d1_fixture fixture;
    const struct d1_ask referral = {.name = "x.cut.a.test", .type = D1_TYPE_A};
    load_servers(&fixture, 40);
    d1_assert_reply(&fixture, &referral, "NOERROR tc | | |"); /* The NS records alone. */
    d1_fixture_close(&fixture);

    static const char *const lines[] = {"wide TXT \"" X250 "\" \"" X250 "\"", "narrow CNAME wide",
                                        X60 "." X60 "." X60 ".c1 CNAME " X60 "." X60 "." X60 ".c2",
                                        X60 "." X60 "." X60 ".c2 CNAME " X60 "." X60 "." X60 ".c3",
                                        X60 "." X60 "." X60 ".c3 CNAME no"};
    static const char *const names[] = {"narrow.a.test", X60 "." X60 "." X60 ".c1.a.test"};
    const struct d1_name ns = d1_fixture_name("ns.example.net");
    const struct d1_zone_config config = {
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = ns,
        .records_count = D1_ARRAY_LENGTH(lines),
        .records = lines,
    };
    d1_fixture_load(&fixture, &config, 1);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        struct d1_ask ask = {.name = names[i]};
        d1_assert_reply(&fixture, &ask, i == 0 ? "NOERROR aa tc | | |" : "NXDOMAIN aa tc | | |");
        ask.tcp = true;
        struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
        assert_int_equal(reply->decoded.flags & D1_FLAG_TC, 0);
        d1_free(reply);
    }
    d1_fixture_close(&fixture);
}

/* Name servers in the zone need not have addresses. */
static void name_servers_without_addresses(void **state) {
    (void)state;
    struct d1_fixture fixture;
    static const char *const lines[] = {"ns2 TXT \"no address\"", "cut NS ns.cut", "cut NS ns3"};
    const struct d1_name servers[] = {d1_fixture_name("ns1.a.test"), d1_fixture_name("ns2.a.test")};
    const struct d1_zone_config config = {
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 2,
        .nameservers = servers,
        .hostmaster = servers[0],
        .records_count = D1_ARRAY_LENGTH(lines),
        .records = lines,
    };
    const struct d1_ask apex = ASK("a.test", D1_TYPE_NS);
    const struct d1_ask cut = ASK("cut.a.test", D1_TYPE_NS);
    d1_fixture_load(&fixture, &config, 1);
    d1_assert_reply(&fixture, &apex, "NOERROR aa | a.test NS ns1.a.test; a.test NS ns2.a.test | |");
    d1_assert_reply(&fixture, &cut,
                    "NOERROR | | cut.a.test NS ns.cut.a.test; cut.a.test NS ns3.a.test |");
    d1_fixture_close(&fixture);
}

/* A zone of ours below a cut of another: the cut is what the upper zone knows. */
static void a_zone_below_a_cut(void **state) {
    (void)state;
    struct d1_fixture fixture;
    static const char *const lines[] = {"cut NS ns.example.net.", "y.cut TXT occluded"};
    const struct d1_name ns = d1_fixture_name("ns.example.net");
    struct d1_zone_config configs[2] = {{
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = ns,
        .records_count = D1_ARRAY_LENGTH(lines),
        .records = lines,
    }};
    configs[1] = configs[0];
    configs[1].name = d1_fixture_name("z.x.cut.a.test");
    configs[1].records_count = 0;
    const struct d1_ask between = ASK("x.cut.a.test", D1_TYPE_A);
    const struct d1_ask soa = ASK("z.x.cut.a.test", D1_TYPE_SOA);
    const struct d1_ask ds = ASK("z.x.cut.a.test", D1_TYPE_DS);
    d1_fixture_load(&fixture, configs, 2);
    d1_assert_reply(&fixture, &between, "NOERROR | | cut.a.test NS ns.example.net |");
    d1_assert_reply(&fixture, &soa, "NOERROR aa | z.x.cut.a.test SOA 0 | |");
    d1_assert_reply(&fixture, &ds, "NOERROR aa | | z.x.cut.a.test SOA 0 |");
    d1_fixture_close(&fixture);
}

/* What stands in another zone of ours is answered by that one, and added by none. */
static void name_servers_in_another_zone_of_ours(void **state) {
    (void)state;
    struct d1_fixture fixture;
    static const char *const lines[] = {"ns A 192.0.2.1"};
    const struct d1_name ns = d1_fixture_name("ns.below.a.test");
    struct d1_zone_config configs[2] = {{
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = ns,
    }};
    configs[1] = configs[0];
    configs[1].name = d1_fixture_name("below.a.test");
    configs[1].records_count = 1;
    configs[1].records = lines;
    const struct d1_ask upper = ASK("a.test", D1_TYPE_NS);
    const struct d1_ask lower = ASK("below.a.test", D1_TYPE_NS);
    d1_fixture_load(&fixture, configs, 2);
    d1_assert_reply(&fixture, &upper, "NOERROR aa | a.test NS ns.below.a.test | |");
    d1_assert_reply(&fixture, &lower,
                    "NOERROR aa | below.a.test NS ns.below.a.test | | ns.below.a.test A 192.0.2.1");
    d1_fixture_close(&fixture);
}

/* Nothing is above the root, not even for DS. */
static void a_root_of_ours_answers_for_its_own_ds(void **state) {
    (void)state;
    struct d1_fixture fixture;
    const struct d1_name ns = d1_fixture_name("ns.test");
    const struct d1_zone_config config = {
        .name = d1_fixture_name("."),
        .nameservers_count = 1,
        .nameservers = &ns,
        .hostmaster = ns,
    };
    const struct d1_ask ds = ASK(".", D1_TYPE_DS);
    d1_fixture_load(&fixture, &config, 1);
    d1_assert_reply(&fixture, &ds, "NOERROR aa | | . SOA 0 |");
    d1_fixture_close(&fixture);
}

/* So many that the names of the last servers are beyond what a pointer reaches. */
static void glue_beyond_pointers_is_written_in_full(void **state) {
    (void)state;
    struct d1_fixture fixture;
    const struct d1_ask ask = {.name = "x.cut.a.test", .type = D1_TYPE_A, .tcp = true};
    load_servers(&fixture, 500);
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.flags & (D1_FLAG_TC | D1_FLAG_AA), 0);
    assert_int_equal(reply->decoded.count[2], 500);
    assert_int_equal(reply->decoded.count[3], 1000);
    const struct d1_decoded_rr *last = &reply->decoded.rrs[1499];
    struct d1_name owner;
    struct d1_name wanted = d1_fixture_name("server00499.of.cut.a.test");
    assert_int_equal(d1_decode_name(reply->wire, reply->slot.reply_length, last->owner_at, &owner),
                     wanted.length);
    assert_true(d1_name_equal(&owner, &wanted));
    d1_free(reply);
    d1_fixture_close(&fixture);
}

/* Addresses that only help are left out one RRset at a time. */
static void optional_addresses_give_way(void **state) {
    (void)state;
    struct d1_fixture fixture;
    struct d1_ask ask = {.name = "a.test", .type = D1_TYPE_NS, .edns = true, .udp_size = 512};
    struct d1_name servers[30];
    char text[30][40];
    const char *lines[30];
    for (size_t i = 0; i < 30; i++) {
        snprintf(text[i], sizeof(text[i]), "s%02zu AAAA 2001:db8::1", i);
        char name[40];
        snprintf(name, sizeof(name), "s%02zu.a.test", i);
        lines[i] = text[i];
        servers[i] = d1_fixture_name(name);
    }
    const struct d1_zone_config config = {
        .name = d1_fixture_name("a.test"),
        .nameservers_count = 14,
        .nameservers = servers,
        .hostmaster = servers[0],
        .records_count = 30,
        .records = lines,
    };
    d1_fixture_load(&fixture, &config, 1);
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.flags & D1_FLAG_TC, 0);
    assert_int_equal(reply->decoded.count[1], 14);
    /* Header 12, question 12, OPT 11, NS 14 * 18; an address takes 28 of the 225 that are left. */
    assert_int_equal(reply->decoded.count[3], 1 + 8);
    d1_free(reply);
    ask.udp_size = 1232;
    reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.count[3], 1 + 14);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

/* Those of the zone itself: they are the answer, so it is cut, and no address is added. */
static void name_servers_that_do_not_fit_are_truncated(void **state) {
    (void)state;
    struct d1_fixture fixture;
    struct d1_name servers[8];
    const char *lines[] = {"s0." X60 ".a A 192.0.2.1"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(servers); i++) {
        char name[] = "s0." X60 ".a.test";
        name[1] = (char)('0' + i);
        servers[i] = d1_fixture_name(name);
    }
    const struct d1_zone_config config = {
        .name = d1_fixture_name("test"),
        .nameservers_count = D1_ARRAY_LENGTH(servers),
        .nameservers = servers,
        .hostmaster = servers[0],
        .records_count = D1_ARRAY_LENGTH(lines),
        .records = lines,
    };
    struct d1_ask ask = {.name = "test", .type = D1_TYPE_NS};
    d1_fixture_load(&fixture, &config, 1);
    d1_assert_reply(&fixture, &ask, "NOERROR aa tc | | |");
    ask.tcp = true;
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.count[1], D1_ARRAY_LENGTH(servers));
    assert_int_equal(reply->decoded.count[3], 1);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

/* A delegation as long as names get: its zones are one label longer. */
static void a_long_delegation_is_served(void **state) {
    (void)state;
    struct d1_fixture fixture;
    struct d1_name servers[D1_DELEGATION_NAMESERVERS_MAX];
    char text[256] = "_acme-challenge.";
    for (size_t i = 0; i < 59; i++) {
        snprintf(text + 16 + 4 * i, sizeof(text) - 16 - 4 * i, i == 58 ? "abc" : "abc.");
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(servers); i++) {
        text[16] = (char)('a' + i);
        servers[i] = d1_fixture_name(text);
    }
    const struct d1_zone_config config = {
        .delegation = true,
        .name = d1_fixture_name(text + 16),
        .nameservers_count = D1_ARRAY_LENGTH(servers),
        .nameservers = servers,
        .hostmaster = servers[0],
    };
    d1_fixture_load(&fixture, &config, 1);
    const struct d1_ask ask = {.name = text, .type = D1_TYPE_NS, .tcp = true};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.count[1], D1_ARRAY_LENGTH(servers));
    d1_free(reply);
    const struct d1_ask udp = {.name = text};
    reply = d1_fixture_ask(&fixture, &udp);
    assert_int_equal(reply->decoded.flags & D1_FLAG_TC, D1_FLAG_TC); /* Its SOA is too long. */
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void malformed_delegations_are_refused(void **state) {
    (void)state;
    struct d1_served *served = NULL;
    struct d1_error error;
    struct d1_name servers[D1_DELEGATION_NAMESERVERS_MAX + 1];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(servers); i++) {
        servers[i] = d1_fixture_name("ns.test");
    }
    struct d1_zone_config configs[2] = {
        {.delegation = true, .name = d1_fixture_name("d.test"), .nameservers = servers}};
    assert_int_equal(d1_served_create(NULL, configs, 1, &served, &error), D1_ECONFIG);
    assert_string_equal(error.text, "delegation d.test: it has no nameservers");
    configs[0].nameservers_count = D1_ARRAY_LENGTH(servers);
    assert_int_equal(d1_served_create(NULL, configs, 1, &served, &error), D1_ELIMIT);
    assert_string_equal(error.text, "delegation d.test: it has more than 16 nameservers");
    configs[0].nameservers_count = 1;
    configs[1] = configs[0];
    assert_int_equal(d1_served_create(NULL, configs, 2, &served, &error), D1_ECONFIG);
    assert_string_equal(error.text, "zone d.test: it is configured twice, here as a delegation");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glue_that_does_not_fit_is_truncated),
        cmocka_unit_test(glue_beyond_pointers_is_written_in_full),
        cmocka_unit_test(long_answers_are_truncated),
        cmocka_unit_test(name_servers_without_addresses),
        cmocka_unit_test(a_zone_below_a_cut),
        cmocka_unit_test(name_servers_in_another_zone_of_ours),
        cmocka_unit_test(a_root_of_ours_answers_for_its_own_ds),
        cmocka_unit_test(optional_addresses_give_way),
        cmocka_unit_test(name_servers_that_do_not_fit_are_truncated),
        cmocka_unit_test(a_long_delegation_is_served),
        cmocka_unit_test(malformed_delegations_are_refused),
    };
    return cmocka_run_group_tests_name("chase", tests, NULL, NULL);
}
