#include "dnsd/proxy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x01\x14\xe9\x00\x35" /* 192.0.2.1 port 5353 */
#define MAPPED    "\0\0\0\0\0\0\0\0\0\0\xff\xff"
#define ADDRESSES_6                            \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x14\xe9\x00\x35"

static const struct row {
    const char *why;
    const char *octets;
    size_t length;
    int result;
    const char *client; /* NULL: local. */
} table[] = {
#define ROW(why, octets, result, client) \
    { why, octets, sizeof(octets) - 1, result, client }
    ROW("IPv4 stream", SIGNATURE "\x21\x11\0\14" ADDRESSES, 0, "192.0.2.1"),
    ROW("IPv4 datagram", SIGNATURE "\x21\x12\0\14" ADDRESSES, 0, "192.0.2.1"),
    ROW("IPv6 stream", SIGNATURE "\x21\x21\0\44" ADDRESSES_6, 0, "2001:db8::1"),
    ROW("IPv6 datagram", SIGNATURE "\x21\x22\0\44" ADDRESSES_6, 0, "2001:db8::1"),
    ROW("IPv4-mapped is IPv4",
        SIGNATURE "\x21\x21\0\44" MAPPED "\xc0\x00\x02\x01" MAPPED
                  "\xc6\x33\x64\x01\x14\xe9\x00\x35",
        0, "192.0.2.1"),
    ROW("extensions are passed over", SIGNATURE "\x21\x11\0\27" ADDRESSES "\x04\0\0\xee\0\5hello",
        0, "192.0.2.1"),
    ROW("local", SIGNATURE "\x20\0\0\0", 0, NULL),
    ROW("local with addresses", SIGNATURE "\x20\x11\0\14" ADDRESSES, 0, NULL),
    ROW("local with whatever", SIGNATURE "\x20\x11\0\3abc", 0, NULL),
    ROW("unspecified", SIGNATURE "\x21\0\0\0", 0, NULL),
    ROW("unspecified with octets", SIGNATURE "\x21\0\0\3abc", 0, NULL),
    ROW("a query stands behind it", SIGNATURE "\x21\x11\0\14" ADDRESSES "query", 0, "192.0.2.1"),
    ROW("version 1", "PROXY TCP4 192.0.2.1 198.51.100.1 5353 53\r\n", D1_EPARSE, NULL),
    ROW("version 3", SIGNATURE "\x31\x11\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("another command", SIGNATURE "\x22\x11\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("a Unix socket", SIGNATURE "\x21\x31\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("another family", SIGNATURE "\x21\x41\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("another transport", SIGNATURE "\x21\x13\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("IPv4 without room", SIGNATURE "\x21\x11\0\13" ADDRESSES, D1_EPARSE, NULL),
    ROW("IPv6 without room", SIGNATURE "\x21\x21\0\43" ADDRESSES_6, D1_EPARSE, NULL),
    ROW("IPv6 with IPv4's room", SIGNATURE "\x21\x21\0\14" ADDRESSES, D1_EPARSE, NULL),
    ROW("an extension cut short", SIGNATURE "\x21\x11\0\20" ADDRESSES "\x04\0\2x", D1_EPARSE, NULL),
    ROW("half an extension", SIGNATURE "\x21\x11\0\15" ADDRESSES "\x04", D1_EPARSE, NULL),
    ROW("longer than allowed", SIGNATURE "\x21\x11\2\11", D1_EPARSE, NULL),
    ROW("as long as allowed, not all here", SIGNATURE "\x21\x11\2\10", -EAGAIN, NULL),
    ROW("far longer than allowed", SIGNATURE "\x20\0\xff\xff", D1_EPARSE, NULL),
    ROW("a DNS query", "\xbe\xef\1\0\0\1\0\0\0\0\0\0\3www\0\0\1\0\1", D1_EPARSE, NULL),
    ROW("nothing", "", -EAGAIN, NULL),
};

/* Parse an allocation of exactly that size. */
static int parse(const char *octets, size_t length, struct d1_proxy_header *header) {
    uint8_t *exact = d1_malloc(length > 0 ? length : 1);
    assert_non_null(exact);
    memcpy(exact, octets, length);
    int err = d1_proxy_parse(exact, length, header);
    d1_free(exact);
    return err;
}

static void row_is_read(void **state) {
    const struct row *row = *state;
    struct d1_proxy_header header = {.length = 12345};
    assert_int_equal(parse(row->octets, row->length, &header), row->result);
    if (row->result != D1_OK) {
        assert_int_equal(header.length, 12345);
        return;
    }
    size_t length = 16 + (size_t)(uint8_t)row->octets[15];
    assert_int_equal(header.length, length);
    assert_int_equal(header.local, row->client == NULL);
    if (row->client != NULL) {
        char text[INET6_ADDRSTRLEN];
        const uint8_t *octets;
        size_t octets_length = d1_peer_octets(&header.client, &octets);
        inet_ntop(octets_length == 4 ? AF_INET : AF_INET6, octets, text, sizeof(text));
        assert_string_equal(text, row->client);
        assert_int_equal(ntohs(header.client.in.sin_port), 5353);
    }
    /* Every beginning of it waits for more. */
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(parse(row->octets, cut, &header), -EAGAIN);
    }
}

/* A wrong octet of the signature is seen as soon as it is there. */
static void a_wrong_signature_is_seen_early(void **state) {
    (void)state;
    struct d1_proxy_header header;
    for (size_t at = 0; at < 12; at++) {
        char octets[] = SIGNATURE;
        octets[at] = (char)(octets[at] ^ 1);
        assert_int_equal(parse(octets, at, &header), -EAGAIN);
        assert_int_equal(parse(octets, at + 1, &header), D1_EPARSE);
    }
}

static void the_probes_header_is_local(void **state) {
    (void)state;
    struct d1_proxy_header header;
    assert_int_equal(sizeof(D1_PROXY_LOCAL) - 1, D1_PROXY_LOCAL_BYTES);
    assert_int_equal(parse(D1_PROXY_LOCAL, D1_PROXY_LOCAL_BYTES, &header), 0);
    assert_true(header.local);
    assert_int_equal(header.length, D1_PROXY_LOCAL_BYTES);
}

int main(void) {
    struct CMUnitTest tests[D1_ARRAY_LENGTH(table) + 2] = {
        cmocka_unit_test(a_wrong_signature_is_seen_early),
        cmocka_unit_test(the_probes_header_is_local),
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        tests[2 + i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_is_read,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
