/* Options of answers. Every reply is held against the query's options by the fixture's decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "dnsd/options.h"
#include "tests/unit/dnsd/fixture.h"

#define NSID      "\0\3\0\0"
#define COOKIE    "\0\12\0\10\x24\x64\xc4\xab\xcf\x10\xc9\x57"
#define COOKIE_9  "\0\12\0\11abcdefghi"
#define KEEPALIVE "\0\13\0\0"
#define ZONE      "auth.example.test"
#define NOW_S     1559731985
#define OPTIONS(text) \
    .edns = true, .udp_size = 1232, .options = (text), .options_length = sizeof(text) - 1

/* RFC 9018, A.1: the fixture's client is the one of that example. */
static const uint8_t secret[] = "\xe5\xe9\x73\xe5\xa6\xb2\xa4\x3f\x48\xe7\xdc\x84\x9e\x37\xbf\xcf";
static const uint8_t full_cookie[] = "\x24\x64\xc4\xab\xcf\x10\xc9\x57\x01\0\0\0\x5c\xf7\x9f\x11"
                                     "\x1f\x81\x30\xc3\xee\xe2\x94\x80";

struct trial {
    struct d1_fixture fixture;
    struct d1_options options;
};

static int set_up(void **state) {
    struct trial *trial = d1_calloc(1, sizeof(*trial));
    assert_non_null(trial);
    d1_fixture_init(&trial->fixture);
    trial->options.cookies.count = 1;
    memcpy(trial->options.cookies.secret[0], secret, D1_SIPHASH_KEY_BYTES);
    trial->options.nsid_length = 4;
    memcpy(trial->options.nsid, "ns-1", 4);
    trial->fixture.context.options = &trial->options;
    trial->fixture.context.now_s = NOW_S;
    trial->fixture.context.keepalive = 100;
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_fixture_close(&trial->fixture);
    d1_free(trial);
    return 0;
}

/* The option of the reply must be there, and be these octets. */
static void expect_option(const struct d1_reply *reply, unsigned code, const void *octets,
                          size_t length) {
    size_t found = 0;
    const uint8_t *at = d1_decoded_option(reply->wire, &reply->decoded, code, &found);
    assert_non_null(at);
    assert_int_equal(found, length);
    assert_memory_equal(at, octets, length);
}

static void expect_no_option(const struct d1_reply *reply, unsigned code) {
    size_t found;
    assert_null(d1_decoded_option(reply->wire, &reply->decoded, code, &found));
}

static void without_a_secret_cookies_are_unknown(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(COOKIE)};
    trial->options.cookies.count = 0;
    for (unsigned turn = 0; turn < 2; turn++) {
        struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
        assert_int_equal(reply->decoded.count[1], 1);
        expect_no_option(reply, D1_OPTION_COOKIE);
        d1_free(reply);
        trial->fixture.context.options = NULL;
    }
}

static void a_client_cookie_is_answered_with_ours(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(COOKIE)};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.count[1], 1);
    expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
    assert_false(reply->slot.cookie_valid);
    d1_free(reply);
}

/* A query with the RFC's whole cookie; `flip` is xored into its last octet. */
static struct d1_reply *ask_with_full(struct trial *trial, uint8_t flip) {
    char options[4 + D1_COOKIE_BYTES] = "\0\12\0\30";
    memcpy(options + 4, full_cookie, D1_COOKIE_BYTES);
    options[sizeof(options) - 1] = (char)(options[sizeof(options) - 1] ^ flip);
    const struct d1_ask ask = {
        .name = "one." ZONE,
        .edns = true,
        .udp_size = 1232,
        .options = options,
        .options_length = sizeof(options),
    };
    return d1_fixture_ask(&trial->fixture, &ask);
}

static void a_valid_cookie_is_seen(void **state) {
    struct d1_reply *reply = ask_with_full(*state, 0);
    assert_true(reply->slot.cookie_valid);
    expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
    d1_free(reply);
}

static void a_wrong_cookie_is_answered_and_replaced(void **state) {
    struct d1_reply *reply = ask_with_full(*state, 1);
    assert_false(reply->slot.cookie_valid);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_NOERROR);
    assert_int_equal(reply->decoded.count[1], 1);
    expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
    d1_free(reply);
}

static void a_cookie_of_wrong_length_is_formerr(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(COOKIE_9)};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_FORMERR);
    assert_int_equal(reply->decoded.count[0], 1);
    assert_true(reply->decoded.edns);
    expect_no_option(reply, D1_OPTION_COOKIE);
    d1_free(reply);
}

static void without_secrets_cookies_are_ignored(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(COOKIE)};
    trial->options.cookies.count = 0;
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.count[1], 1);
    assert_int_equal(reply->decoded.options_length, 0);
    d1_free(reply);
}

static void a_cookie_may_come_without_a_question(void **state) {
    struct trial *trial = *state;
    static const uint8_t query[] = "\xbe\xef\0\0\0\0\0\0\0\0\0\1\0\0\51\4\320\0\0\0\0\0\14" COOKIE;
    struct d1_reply *reply = d1_fixture_send(&trial->fixture, query, sizeof(query) - 1, false);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_NOERROR);
    assert_int_equal(reply->decoded.count[0], 0);
    expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
    d1_free(reply);
    trial->options.cookies.count = 0;
    reply = d1_fixture_send(&trial->fixture, query, sizeof(query) - 1, false);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_FORMERR);
    d1_free(reply);
}

static void no_question_and_no_cookie_is_formerr(void **state) {
    struct trial *trial = *state;
    static const uint8_t query[] = "\xbe\xef\0\0\0\0\0\0\0\0\0\1\0\0\51\4\320\0\0\0\0\0\4" NSID;
    struct d1_reply *reply = d1_fixture_send(&trial->fixture, query, sizeof(query) - 1, false);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_FORMERR);
    d1_free(reply);
}

static void nsid_is_told_to_who_asks(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(NSID)};
    const struct d1_ask silent = {.name = "one." ZONE, OPTIONS("")};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    expect_option(reply, D1_OPTION_NSID, "ns-1", 4);
    d1_free(reply);
    reply = d1_fixture_ask(&trial->fixture, &silent);
    assert_true(reply->decoded.edns);
    assert_int_equal(reply->decoded.options_length, 0);
    d1_free(reply);
    trial->options.nsid_length = 0;
    reply = d1_fixture_ask(&trial->fixture, &ask);
    expect_no_option(reply, D1_OPTION_NSID);
    d1_free(reply);
}

static void without_options_nsid_is_not_answered(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, OPTIONS(NSID)};
    trial->fixture.context.options = NULL;
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.count[1], 1);
    assert_true(reply->decoded.edns);
    assert_int_equal(reply->decoded.options_length, 0);
    d1_free(reply);
}

/* Two OPT records: nothing of the first one is answered (RFC 6891, 6.1.1). */
static void options_of_a_refused_opt_are_not_answered(void **state) {
    struct trial *trial = *state;
    static const uint8_t query[] =
        "\xbe\xef\0\0\0\1\0\0\0\0\0\2\3one\4auth\7example\4test\0\0\20\0\1"
        "\0\0\51\4\320\0\0\0\0\0\20" NSID COOKIE "\0\0\51\4\320\0\0\0\0\0\0";
    struct d1_reply *reply = d1_fixture_send(&trial->fixture, query, sizeof(query) - 1, false);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_FORMERR);
    assert_int_equal(reply->decoded.count[0], 1);
    assert_false(reply->decoded.edns);
    assert_false(reply->slot.cookie_present);
    d1_free(reply);
}

static void keepalive_is_for_tcp(void **state) {
    struct trial *trial = *state;
    struct d1_ask ask = {.name = "one." ZONE, .tcp = true, OPTIONS(KEEPALIVE)};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    expect_option(reply, D1_OPTION_KEEPALIVE, "\0\144", 2);
    d1_free(reply);
    ask.tcp = false;
    reply = d1_fixture_ask(&trial->fixture, &ask);
    expect_no_option(reply, D1_OPTION_KEEPALIVE);
    d1_free(reply);
}

static void errors_are_explained(void **state) {
    struct trial *trial = *state;
    static const struct {
        struct d1_ask ask;
        bool loaded;
        const char *code;
    } table[] = {
        {{.name = "elsewhere.test", OPTIONS("")}, true, "\0\24"},
        {{.name = ZONE, .type = D1_TYPE_AXFR, .tcp = true, OPTIONS("")}, true, "\0\22"},
        {{.name = ZONE, OPTIONS("")}, false, "\0\16"},
        {{.name = "missing." ZONE, OPTIONS("")}, true, NULL},
        {{.name = "one." ZONE, .version = 1, OPTIONS("")}, true, NULL},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        struct d1_fixture fixture = trial->fixture;
        fixture.served = table[i].loaded ? fixture.served : NULL;
        struct d1_reply *reply = d1_fixture_ask(&fixture, &table[i].ask);
        if (table[i].code != NULL) {
            expect_option(reply, D1_OPTION_EDE, table[i].code, 2);
        } else {
            expect_no_option(reply, D1_OPTION_EDE);
        }
        d1_free(reply);
    }
}

static void errors_without_edns_stay_bare(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "elsewhere.test"};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_REFUSED);
    assert_false(reply->decoded.edns);
    assert_int_equal(reply->slot.reply_length, reply->slot.length);
    d1_free(reply);
}

static void badvers_has_its_cookie_too(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "one." ZONE, .version = 1, OPTIONS(COOKIE NSID)};
    struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_BADVERS);
    expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
    d1_free(reply);
}

/*
 * Whatever the size: the cookie is always there, the answer is whole or cut, and NSID gives way
 * before the answer is cut for it.
 */
static void answers_come_before_nsid(void **state) {
    struct trial *trial = *state;
    unsigned whole_with = 0;
    unsigned whole_without = 0;
    unsigned cut = 0;
    trial->options.nsid_length = D1_NSID_OCTETS_MAX;
    memset(trial->options.nsid, 'n', D1_NSID_OCTETS_MAX);
    for (uint16_t size = 512; size <= 800; size++) {
        struct d1_ask ask = {.name = "many." ZONE, OPTIONS(COOKIE NSID)};
        ask.udp_size = size;
        struct d1_reply *reply = d1_fixture_ask(&trial->fixture, &ask);
        size_t length;
        bool truncated = (reply->decoded.flags & D1_FLAG_TC) != 0;
        bool nsid = d1_decoded_option(reply->wire, &reply->decoded, D1_OPTION_NSID, &length);
        assert_in_range(reply->slot.reply_length, 1, size);
        expect_option(reply, D1_OPTION_COOKIE, full_cookie, D1_COOKIE_BYTES);
        cut += truncated;
        whole_with += !truncated && nsid;
        whole_without += !truncated && !nsid;
        assert_true(!truncated || nsid);
        d1_free(reply);
    }
    assert_in_range(cut, 1, 288);
    assert_in_range(whole_with, 1, 288);
    assert_int_equal(whole_without, 4 + D1_NSID_OCTETS_MAX);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_secret_cookies_are_unknown),
        TEST(a_client_cookie_is_answered_with_ours),
        TEST(a_valid_cookie_is_seen),
        TEST(a_wrong_cookie_is_answered_and_replaced),
        TEST(a_cookie_of_wrong_length_is_formerr),
        TEST(without_secrets_cookies_are_ignored),
        TEST(a_cookie_may_come_without_a_question),
        TEST(no_question_and_no_cookie_is_formerr),
        TEST(nsid_is_told_to_who_asks),
        TEST(without_options_nsid_is_not_answered),
        TEST(options_of_a_refused_opt_are_not_answered),
        TEST(keepalive_is_for_tcp),
        TEST(errors_are_explained),
        TEST(errors_without_edns_stay_bare),
        TEST(badvers_has_its_cookie_too),
        TEST(answers_come_before_nsid),
    };
    return cmocka_run_group_tests_name("answer_options", tests, NULL, NULL);
}
