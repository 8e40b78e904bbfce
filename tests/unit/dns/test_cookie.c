/* The vectors are those of RFC 9018, appendix A. */
#include "dns/cookie.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/text.h"

#define SECRET     "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define SECRET_OLD "dd3bdf9344b678b185a6f5cb60fca715"
#define SECRET_NEW "445536bcd2513298075a5d379663c962"
#define CLIENT     "2464c4abcf10c957"
#define FIRST      CLIENT "010000005cf79f111f8130c3eee29480" /* At FIRST_S, for FIRST_IP. */
#define FIRST_S    1559731985
#define FIRST_IP   "198.51.100.100"

struct row {
    const char *why;
    const char *secrets[2];
    const char *address;
    const char *cookie;
    uint32_t now_s;
    bool valid;
    const char *answer; /* NULL: fresh, whatever it is. */
};

static const struct row table[] = {
    {"A.1 a client without a server cookie", {SECRET}, FIRST_IP, CLIENT, FIRST_S, false, FIRST},
    {"A.2 renewed after 40 minutes",
     {SECRET},
     FIRST_IP,
     FIRST,
     1559734385,
     true,
     CLIENT "010000005cf7a871d4a564a1442aca77"},
    /* The RFC's is almost two hours old by its clock; here an hour and no more. */
    {"A.3 reserved octets are hashed as they come",
     {SECRET},
     "203.0.113.203",
     "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
     1559727985 + 3600,
     true,
     NULL},
    {"A.3 renewed",
     {SECRET},
     "203.0.113.203",
     "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
     1559734700,
     false,
     "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
    {"A.4 of the former secret, over IPv6",
     {SECRET_NEW, SECRET_OLD},
     "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
     1559741961,
     true,
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
    {"of a secret that is gone",
     {SECRET_NEW},
     "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
     1559741961,
     false,
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
    {"young: sent back", {SECRET}, FIRST_IP, FIRST, FIRST_S + 1800, true, FIRST},
    {"half an hour: renewed", {SECRET}, FIRST_IP, FIRST, FIRST_S + 1801, true, NULL},
    {"an hour: still good", {SECRET}, FIRST_IP, FIRST, FIRST_S + 3600, true, NULL},
    {"more than an hour", {SECRET}, FIRST_IP, FIRST, FIRST_S + 3601, false, NULL},
    {"five minutes ahead", {SECRET}, FIRST_IP, FIRST, FIRST_S - 300, true, FIRST},
    {"more than five minutes ahead", {SECRET}, FIRST_IP, FIRST, FIRST_S - 301, false, NULL},
    {"half the clock's range away", {SECRET}, FIRST_IP, FIRST, FIRST_S + 0x80000000U, false, NULL},
    {"another address", {SECRET}, "198.51.100.101", FIRST, FIRST_S, false, NULL},
    {"another client cookie",
     {SECRET},
     FIRST_IP,
     "2464c4abcf10c958010000005cf79f111f8130c3eee29480",
     FIRST_S,
     false,
     NULL},
    {"another version",
     {SECRET},
     FIRST_IP,
     CLIENT "020000005cf79f111f8130c3eee29480",
     FIRST_S,
     false,
     FIRST},
    {"another hash",
     {SECRET},
     FIRST_IP,
     CLIENT "010000005cf79f111f8130c3eee29481",
     FIRST_S,
     false,
     FIRST},
    {"another server's, of 8 octets",
     {SECRET},
     FIRST_IP,
     CLIENT "010000005cf79f11",
     FIRST_S,
     false,
     FIRST},
    {"another server's, of 32 octets",
     {SECRET},
     FIRST_IP,
     FIRST "00112233445566778899aabbccddeeff",
     FIRST_S,
     false,
     FIRST},
};

static size_t octets_of(const char *text, uint8_t *ret_octets) {
    assert_int_equal(d1_hex_decode(text, strlen(text), ret_octets), 0);
    return strlen(text) / 2;
}

static void row_is_answered(void **state) {
    const struct row *row = *state;
    struct d1_cookie_secrets secrets = {.count = 0};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(row->secrets) && row->secrets[i] != NULL; i++) {
        octets_of(row->secrets[i], secrets.secret[secrets.count++]);
    }
    uint8_t address[16];
    bool six = strchr(row->address, ':') != NULL;
    assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, row->address, address), 1);
    const struct d1_cookie_client client = {address, six ? 16 : 4};
    uint8_t cookie[D1_COOKIE_BYTES_MAX];
    uint8_t answer[D1_COOKIE_BYTES];
    size_t length = octets_of(row->cookie, cookie);
    assert_true(d1_cookie_length_ok(length));
    bool valid = d1_cookie_answer(&secrets, cookie, length, &client, row->now_s, answer);
    assert_int_equal(valid, row->valid);
    if (row->answer != NULL) {
        uint8_t expected[D1_COOKIE_BYTES];
        assert_int_equal(octets_of(row->answer, expected), D1_COOKIE_BYTES);
        assert_memory_equal(answer, expected, D1_COOKIE_BYTES);
    } else {
        assert_memory_not_equal(answer, cookie, D1_COOKIE_BYTES);
    }
    /* What we give is good, and given back as it is. */
    uint8_t again[D1_COOKIE_BYTES];
    assert_true(d1_cookie_answer(&secrets, answer, D1_COOKIE_BYTES, &client, row->now_s, again));
    assert_memory_equal(answer, again, D1_COOKIE_BYTES);
}

static void the_clock_may_wrap(void **state) {
    (void)state;
    struct d1_cookie_secrets secrets = {.count = 1};
    const uint8_t address[4] = {192, 0, 2, 1};
    const struct d1_cookie_client client = {address, sizeof(address)};
    const uint8_t cookie[D1_COOKIE_CLIENT_BYTES] = {1};
    uint8_t given[D1_COOKIE_BYTES];
    uint8_t again[D1_COOKIE_BYTES];
    assert_false(d1_cookie_answer(&secrets, cookie, sizeof(cookie), &client, 0xfffffff0U, given));
    assert_true(d1_cookie_answer(&secrets, given, sizeof(given), &client, 16, again));
    assert_memory_equal(given, again, sizeof(given));
}

static void lengths_are_8_or_16_to_40(void **state) {
    (void)state;
    for (size_t length = 0; length < 100; length++) {
        assert_int_equal(d1_cookie_length_ok(length),
                         length == 8 || (length >= 16 && length <= 40));
    }
}

int main(void) {
    struct CMUnitTest tests[D1_ARRAY_LENGTH(table) + 2] = {
        cmocka_unit_test(the_clock_may_wrap),
        cmocka_unit_test(lengths_are_8_or_16_to_40),
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        tests[2 + i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_is_answered,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
