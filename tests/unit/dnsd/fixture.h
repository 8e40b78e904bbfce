/*
 * A served data set for tests and fuzz targets, and queries to ask it.
 *
 * Zones: auth.example.test (challenge TTL 0, negative TTL 0), example.org (TTL 30, negative TTL 300,
 * nameserver at the apex), low.mid.auth.example.test, which stands below the first, and odd.test with
 * wildcards, cuts and CNAMEs of all kinds; and a delegation, deleg.test.
 */
#ifndef D1_TESTS_UNIT_DNSD_FIXTURE_H
#define D1_TESTS_UNIT_DNSD_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnsd/answer.h"
#include "dnsd/served.h"
#include "tests/lib/decode.h"

struct d1_fixture {
    struct d1_epoch *epoch; /* One reader, online. */
    struct d1_served *served;
    struct d1_served_current current;
    struct d1_served_publisher *publisher;
    struct d1_answer_context context; /* For d1_fixture_send, but for `served`. */
    union d1_peer client;             /* 198.51.100.100, port 5353. */
};

/* Make it, with challenges: one., many. (10 of 43 octets), huge. (600 of 2 octets), known., and
 * _acme-challenge.live.deleg.test. */
void d1_fixture_init(struct d1_fixture *fixture);
void d1_fixture_close(struct d1_fixture *fixture);

struct d1_name d1_fixture_name(const char *text);

/* Publish `count` values of `length` octets at a name: the first is filled with 'A', then 'B' ... */
int d1_fixture_publish(struct d1_fixture *fixture, const char *name, size_t count, size_t length);
int d1_fixture_know(struct d1_fixture *fixture, const char *name, bool known);
int d1_fixture_serves(struct d1_fixture *fixture, const char *name);

/* What to ask. 0 for type and class mean TXT and IN; flags are the header's second word. */
struct d1_ask {
    const char *name;
    uint16_t type;
    uint16_t class;
    uint16_t flags;
    bool edns;
    uint16_t udp_size;
    uint8_t version;
    bool dnssec_ok;
    bool tcp;
    bool mixed_case;     /* Every other octet of the name in upper case. */
    const char *options; /* With `edns`: rdata of the OPT record. */
    size_t options_length;
};

#define D1_ASK_BYTES_MAX 300

/* Build the query; returns its length. */
size_t d1_ask_build(const struct d1_ask *ask, uint8_t ret_message[D1_ASK_BYTES_MAX]);

/* The answer to one message, checked with d1_reply_fault and decoded. */
struct d1_reply {
    struct d1_answer_slot slot;
    struct d1_decoded decoded;
    uint8_t query[D1_ASK_BYTES_MAX];
    uint8_t wire[65535];
};

/* Ask; the reply is freed with d1_free(). */
struct d1_reply *d1_fixture_ask(const struct d1_fixture *fixture, const struct d1_ask *ask);
struct d1_reply *d1_fixture_send(const struct d1_fixture *fixture, const uint8_t *message,
                                 size_t length, bool tcp);

#endif /* D1_TESTS_UNIT_DNSD_FIXTURE_H */
