/* Answers over the limit. Every reply is decoded strictly by the fixture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "core/limits.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "dnsd/options.h"
#include "tests/unit/dnsd/fixture.h"

#define ZONE "auth.example.test"
#define RATE 4

struct trial {
    struct d1_fixture fixture;
    struct d1_options options;
};

struct outcome {
    unsigned whole;
    unsigned truncated;
    unsigned dropped;
};

static int set_up(void **state) {
    struct trial *trial = d1_calloc(1, sizeof(*trial));
    assert_non_null(trial);
    d1_fixture_init(&trial->fixture);
    trial->options.rate = d1_rate_limit_of(RATE);
    trial->options.cookies.count = 1;
    assert_int_equal(d1_rate_create(&trial->fixture.context.rate), 0);
    trial->fixture.context.options = &trial->options;
    trial->fixture.context.now_s = 1700000000;
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_rate_destroy(trial->fixture.context.rate);
    d1_fixture_close(&trial->fixture);
    d1_free(trial);
    return 0;
}

/* Ask the same thing again and again, at one time. */
static struct outcome flood(struct trial *trial, const struct d1_ask *ask, unsigned count) {
    struct outcome outcome = {.whole = 0};
    for (unsigned i = 0; i < count; i++) {
        struct d1_reply *reply = d1_fixture_ask(&trial->fixture, ask);
        if (reply->slot.reply_length == 0) {
            outcome.dropped++;
        } else if ((reply->decoded.flags & D1_FLAG_TC) != 0) {
            assert_true((reply->slot.notes & D1_NOTE_TRUNCATED) != 0);
            assert_in_range(reply->slot.reply_length, 1, reply->slot.length);
            outcome.truncated++;
        } else {
            outcome.whole++;
        }
        d1_free(reply);
    }
    return outcome;
}

static void expect(struct outcome outcome, unsigned whole, unsigned truncated, unsigned dropped) {
    assert_int_equal(outcome.whole, whole);
    assert_int_equal(outcome.truncated, truncated);
    assert_int_equal(outcome.dropped, dropped);
}

static void over_the_limit_half_is_truncated_half_dropped(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "ns1." ZONE, .type = D1_TYPE_A};
    expect(flood(trial, &ask, RATE + 10), RATE, 5, 5);
    assert_int_equal(trial->fixture.context.rate->truncated, 5);
    assert_int_equal(trial->fixture.context.rate->dropped, 5);
    trial->fixture.context.now_us += 1000000;
    expect(flood(trial, &ask, RATE), RATE, 0, 0);
}

static void every_kind_of_answer_counts(void **state) {
    static const struct d1_ask asks[] = {
        {.name = "missing." ZONE},
        {.name = "elsewhere.test"},
        {.name = "known." ZONE},
        {.name = ZONE, .type = D1_TYPE_ANY},
        {.name = "ns1." ZONE, .flags = 0x2000},
        {.name = "ns1." ZONE, .edns = true, .version = 1},
        {.name = "missing." ZONE, .edns = true, .udp_size = 4096, .dnssec_ok = true},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(asks); i++) {
        struct trial *trial = *state;
        trial->fixture.context.now_us += 10000000;
        struct outcome outcome = flood(trial, &asks[i], RATE + 4);
        assert_int_equal(outcome.whole, RATE);
        assert_int_equal(outcome.truncated, 2);
        assert_int_equal(outcome.dropped, 2);
    }
}

static void scraps_with_formerr_count(void **state) {
    struct trial *trial = *state;
    static const uint8_t scrap[12] = {0xbe, 0xef};
    unsigned answered = 0;
    for (unsigned i = 0; i < RATE + 4; i++) {
        struct d1_reply *reply = d1_fixture_send(&trial->fixture, scrap, sizeof(scrap), false);
        assert_true(reply->slot.reply_length <= sizeof(scrap));
        answered += reply->slot.reply_length > 0;
        d1_free(reply);
    }
    assert_int_equal(answered, RATE + 2);
}

static void a_live_challenge_is_never_dropped(void **state) {
    struct trial *trial = *state;
    static const struct d1_ask asks[] = {
        {.name = "one." ZONE},
        {.name = "one." ZONE, .type = D1_TYPE_CAA},
        {.name = "many." ZONE, .edns = true, .udp_size = 1232},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(asks); i++) {
        trial->fixture.context.now_us += 10000000;
        expect(flood(trial, &asks[i], RATE + 50), RATE, 50, 0);
    }
}

static void tcp_and_no_limit_are_whole(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "ns1." ZONE, .type = D1_TYPE_A};
    struct d1_rate *rate = trial->fixture.context.rate;
    trial->fixture.context.rate = NULL;
    expect(flood(trial, &ask, 100), 100, 0, 0);
    trial->fixture.context.rate = rate;
}

static void a_valid_cookie_is_not_limited(void **state) {
    struct trial *trial = *state;
    char options[4 + D1_COOKIE_BYTES] = "\0\12\0\30";
    const uint8_t *address;
    struct d1_cookie_client client;
    client.address_length = d1_peer_octets(&trial->fixture.client, &address);
    client.address = address;
    d1_cookie_answer(&trial->options.cookies, (const uint8_t *)"clientck", 8, &client,
                     trial->fixture.context.now_s, (uint8_t *)options + 4);
    struct d1_ask ask = {
        .name = "ns1." ZONE,
        .type = D1_TYPE_A,
        .edns = true,
        .udp_size = 1232,
        .options = options,
        .options_length = sizeof(options),
    };
    expect(flood(trial, &ask, 100), 100, 0, 0);
    options[sizeof(options) - 1] = (char)(options[sizeof(options) - 1] ^ 1);
    struct outcome wrong = flood(trial, &ask, RATE + 4);
    expect(wrong, RATE, 2, 2);
    trial->fixture.client.in.sin_addr.s_addr = htonl(0xc6336465); /* The neighbour's cookie. */
    options[sizeof(options) - 1] = (char)(options[sizeof(options) - 1] ^ 1);
    assert_int_equal(flood(trial, &ask, 4).whole, 0);
}

static void exempt_clients_are_whole(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "ns1." ZONE, .type = D1_TYPE_A};
    struct d1_cidr exempt[2];
    assert_int_equal(d1_cidr_parse("2001:db8::/32", 13, &exempt[0]), 0);
    assert_int_equal(d1_cidr_parse("198.51.100.96/29", 16, &exempt[1]), 0);
    trial->options.exempt = exempt;
    trial->options.exempt_count = 2;
    expect(flood(trial, &ask, 100), 100, 0, 0);
    trial->fixture.client.in.sin_addr.s_addr = htonl(0xc6336400 + 104);
    assert_int_equal(flood(trial, &ask, 10).whole, 0);
}

/* In one batch, a neighbour's flood takes nothing from others. */
static void a_batch_is_limited_slot_by_slot(void **state) {
    struct trial *trial = *state;
    static struct d1_answer_slot slots[D1_UDP_BATCH];
    static uint8_t replies[D1_UDP_BATCH][D1_DNS_UDP_MAX];
    const struct d1_ask ask = {.name = "ns1." ZONE, .type = D1_TYPE_A};
    uint8_t message[D1_ASK_BYTES_MAX];
    size_t length = d1_ask_build(&ask, message);
    union d1_peer other = trial->fixture.client;
    other.in.sin_addr.s_addr = htonl(0xc0000201);
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        slots[i] = (struct d1_answer_slot){
            .message = message,
            .length = i == 1 ? 0 : length,
            .reply = replies[i],
            .reply_max = D1_DNS_UDP_MAX,
            .client = i % 20 == 10 ? &other : &trial->fixture.client,
        };
    }
    struct d1_answer_context context = trial->fixture.context;
    context.served = trial->fixture.served;
    d1_answer_batch(&context, slots, D1_UDP_BATCH);
    unsigned whole = 0;
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        bool answered = slots[i].reply_length > 0 && slots[i].answers == 1;
        assert_true(i % 20 != 10 || answered);
        whole += answered;
    }
    assert_int_equal(whole, RATE + 3);
    assert_int_equal(slots[1].reply_length, 0);
}

/* Answers given elsewhere (signed queries, UPDATE): errors count, and are not sent over the limit. */
static void errors_given_aside_count(void **state) {
    struct trial *trial = *state;
    const struct d1_answer_context *context = &trial->fixture.context;
    struct d1_answer_slot slot = {.rcode = D1_RCODE_NOTAUTH, .client = &trial->fixture.client};
    slot.rate_hash = d1_rate_hash(context->rate, slot.client);
    unsigned sent = 0;
    for (unsigned i = 0; i < RATE + 10; i++) {
        slot.reply_length = 12;
        d1_answer_limit_aside(context, &slot);
        sent += slot.reply_length > 0;
    }
    assert_int_equal(sent, RATE);
    assert_int_equal(context->rate->dropped, 10);
    slot.rcode = D1_RCODE_NOERROR;
    slot.reply_length = 12;
    d1_answer_limit_aside(context, &slot);
    assert_int_equal(slot.reply_length, 12);
    struct d1_answer_context unlimited = *context;
    unlimited.rate = NULL;
    slot.rcode = D1_RCODE_NOTAUTH;
    d1_answer_limit_aside(&unlimited, &slot);
    assert_int_equal(slot.reply_length, 12);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(over_the_limit_half_is_truncated_half_dropped),
        TEST(every_kind_of_answer_counts),
        TEST(scraps_with_formerr_count),
        TEST(a_live_challenge_is_never_dropped),
        TEST(tcp_and_no_limit_are_whole),
        TEST(a_valid_cookie_is_not_limited),
        TEST(exempt_clients_are_whole),
        TEST(a_batch_is_limited_slot_by_slot),
        TEST(errors_given_aside_count),
    };
    return cmocka_run_group_tests_name("answer_rate", tests, NULL, NULL);
}
