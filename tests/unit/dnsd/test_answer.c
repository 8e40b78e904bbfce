#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "tests/unit/dnsd/fixture.h"

#define ZONE  "auth.example.test"
#define FIRST 'F' /* zone of the SOA that is expected: auth.example.test */
#define ORG   'O' /* example.org */
#define LOW   'L' /* low.mid.auth.example.test */

/* One query and what must come back. */
struct expected {
    const char *why;
    struct d1_ask ask;
    unsigned rcode;
    unsigned answers;
    char soa;      /* FIRST, ORG, LOW; 0: none. */
    bool refused;  /* AA clear. */
    uint16_t type; /* Of the answer. */
    uint32_t ttl;  /* Of the answer or the SOA. */
};

static const struct expected table[] = {
    {"a challenge", {.name = "one." ZONE}, 0, 1, 0, false, D1_TYPE_TXT, 0},
    {"a challenge in any case",
     {.name = "one." ZONE, .mixed_case = true},
     0,
     1,
     0,
     false,
     D1_TYPE_TXT,
     0},
    {"A at a TXT owner", {.name = "one." ZONE, .type = D1_TYPE_A}, 0, 0, FIRST, false, 0, 0},
    {"a static TXT", {.name = "deep.er.static." ZONE}, 0, 1, 0, false, D1_TYPE_TXT, 77},
    {"a static A with the default TTL",
     {.name = "ns1." ZONE, .type = D1_TYPE_A},
     0,
     1,
     0,
     false,
     D1_TYPE_A,
     3600},
    {"two static A", {.name = "mixed." ZONE, .type = D1_TYPE_A}, 0, 2, 0, false, D1_TYPE_A, 60},
    {"TXT where only A is", {.name = "mixed." ZONE}, 0, 0, FIRST, false, 0, 0},
    {"an empty non-terminal", {.name = "er.static." ZONE}, 0, 0, FIRST, false, 0, 0},
    {"a higher empty non-terminal", {.name = "static." ZONE}, 0, 0, FIRST, false, 0, 0},
    {"a known name", {.name = "known." ZONE}, 0, 0, FIRST, false, 0, 0},
    {"an unknown name", {.name = "unknown." ZONE}, 3, 0, FIRST, false, 0, 0},
    {"a name below a challenge", {.name = "x.one." ZONE}, 3, 0, FIRST, false, 0, 0},
    {"the apex", {.name = ZONE}, 0, 0, FIRST, false, 0, 0},
    {"SOA", {.name = ZONE, .type = D1_TYPE_SOA}, 0, 1, 0, false, D1_TYPE_SOA, 0},
    {"NS", {.name = ZONE, .type = D1_TYPE_NS}, 0, 1, 0, false, D1_TYPE_NS, 3600},
    {"DS at the apex", {.name = ZONE, .type = D1_TYPE_DS}, 0, 0, FIRST, false, 0, 0},
    {"a CNAME for TXT", {.name = "alias." ZONE}, 0, 1, 0, false, D1_TYPE_CNAME, 3600},
    {"a CNAME for A",
     {.name = "alias." ZONE, .type = D1_TYPE_A},
     0,
     1,
     0,
     false,
     D1_TYPE_CNAME,
     3600},
    {"a CNAME itself",
     {.name = "alias." ZONE, .type = D1_TYPE_CNAME},
     0,
     1,
     0,
     false,
     D1_TYPE_CNAME,
     3600},
    {"a name below a CNAME", {.name = "x.alias." ZONE}, 3, 0, FIRST, false, 0, 0},
    {"ANY is one RRset",
     {.name = "ns1." ZONE, .type = D1_TYPE_ANY},
     0,
     1,
     0,
     false,
     D1_TYPE_A,
     3600},
    {"ANY at an empty non-terminal",
     {.name = "static." ZONE, .type = D1_TYPE_ANY},
     0,
     0,
     FIRST,
     false,
     0,
     0},
    {"ANY at an unknown name",
     {.name = "unknown." ZONE, .type = D1_TYPE_ANY},
     3,
     0,
     FIRST,
     false,
     0,
     0},
    {"an unknown type", {.name = "one." ZONE, .type = 65280}, 0, 0, FIRST, false, 0, 0},
    {"outside", {.name = "example.net"}, 5, 0, 0, true, 0, 0},
    {"above a zone", {.name = "example.test"}, 5, 0, 0, true, 0, 0},
    {"the root", {.name = "."}, 5, 0, 0, true, 0, 0},
    {"beside a zone", {.name = "xauth.example.test"}, 5, 0, 0, true, 0, 0},
    {"the second zone's NS",
     {.name = "example.org", .type = D1_TYPE_NS},
     0,
     2,
     0,
     false,
     D1_TYPE_NS,
     3600},
    {"NXDOMAIN in the second zone", {.name = "a.b.example.org"}, 3, 0, ORG, false, 0, 300},
    {"NODATA in the second zone", {.name = "example.org"}, 0, 0, ORG, false, 0, 300},
    {"between two of our zones", {.name = "mid." ZONE}, 0, 0, FIRST, false, 0, 0},
    {"the lower zone", {.name = "low.mid." ZONE}, 0, 0, LOW, false, 0, 0},
    {"NXDOMAIN in the lower zone", {.name = "x.low.mid." ZONE}, 3, 0, LOW, false, 0, 0},
    {"NXDOMAIN beside the lower zone", {.name = "x.mid." ZONE}, 3, 0, FIRST, false, 0, 0},
    {"class CH", {.name = "one." ZONE, .class = 3}, 5, 0, 0, true, 0, 0},
    {"class ANY", {.name = "one." ZONE, .class = 255}, 5, 0, 0, true, 0, 0},
    {"AXFR", {.name = ZONE, .type = D1_TYPE_AXFR}, 5, 0, 0, true, 0, 0},
    {"AXFR over TCP", {.name = ZONE, .type = D1_TYPE_AXFR, .tcp = true}, 5, 0, 0, true, 0, 0},
    {"IXFR", {.name = ZONE, .type = D1_TYPE_IXFR}, 5, 0, 0, true, 0, 0},
    {"with EDNS",
     {.name = "one." ZONE, .edns = true, .udp_size = 4096},
     0,
     1,
     0,
     false,
     D1_TYPE_TXT,
     0},
    {"NXDOMAIN with EDNS and DO",
     {.name = "unknown." ZONE, .edns = true, .udp_size = 1232, .dnssec_ok = true},
     3,
     0,
     FIRST,
     false,
     0,
     0},
    {"REFUSED with EDNS", {.name = "example.net", .edns = true}, 5, 0, 0, true, 0, 0},
    {"BADVERS",
     {.name = "one." ZONE, .edns = true, .udp_size = 1232, .version = 1},
     16,
     0,
     0,
     true,
     0,
     0},
    {"ten values over TCP", {.name = "many." ZONE, .tcp = true}, 0, 10, 0, false, D1_TYPE_TXT, 0},
    {"600 values over TCP", {.name = "huge." ZONE, .tcp = true}, 0, 600, 0, false, D1_TYPE_TXT, 0},
    {"ten values with room",
     {.name = "many." ZONE, .edns = true, .udp_size = 1232},
     0,
     10,
     0,
     false,
     D1_TYPE_TXT,
     0},
};

static void set_up(struct d1_fixture *fixture) {
    d1_fixture_init(fixture);
}

static const char *apex_text(char soa) {
    return soa == FIRST ? ZONE : soa == ORG ? "example.org" : "low.mid." ZONE;
}

static void assert_soa(const struct expected *row, const struct d1_reply *reply) {
    const struct d1_decoded_rr *rr = &reply->decoded.rrs[0];
    struct d1_name owner;
    struct d1_name mname;
    struct d1_name rname;
    struct d1_name apex = d1_fixture_name(apex_text(row->soa));
    struct d1_name wanted_mname =
        d1_fixture_name(row->soa == ORG ? "example.org" : "ns1.auth.example.test");
    struct d1_name wanted_rname =
        d1_fixture_name(row->soa == ORG ? "host.master.example.org" : "hostmaster.example.test");
    size_t length = reply->slot.reply_length;
    assert_int_equal(rr->section, D1_SECTION_AUTHORITY);
    assert_int_not_equal(d1_decode_name(reply->wire, length, rr->owner_at, &owner), 0);
    size_t numbers = d1_decode_soa(reply->wire, length, rr, &mname, &rname);
    assert_true(d1_name_equal(&owner, &apex));
    assert_true(d1_name_equal(&mname, &wanted_mname));
    assert_true(d1_name_equal(&rname, &wanted_rname));
    assert_int_equal(rr->ttl, row->ttl);
    assert_int_equal(d1_load_u32(reply->wire + numbers + 4), 3600);      /* Refresh. */
    assert_int_equal(d1_load_u32(reply->wire + numbers + 16), row->ttl); /* Minimum. */
}

static void assert_answers(const struct expected *row, const struct d1_reply *reply) {
    struct d1_name wanted = d1_fixture_name(row->ask.name);
    for (size_t i = 0; i < row->answers; i++) {
        const struct d1_decoded_rr *rr = &reply->decoded.rrs[i];
        struct d1_name owner;
        assert_int_equal(rr->section, D1_SECTION_ANSWER);
        assert_int_equal(rr->type, row->type);
        assert_int_equal(rr->ttl, row->ttl);
        assert_int_equal(
            d1_decode_name(reply->wire, reply->slot.reply_length, rr->owner_at, &owner), 2);
        assert_true(d1_name_equal(&owner, &wanted));
    }
}

/* One cmocka test per row; its name says which. */
static void row_is_answered(void **state) {
    const struct expected *row = *state;
    struct d1_fixture fixture;
    set_up(&fixture);
    struct d1_reply *reply = d1_fixture_ask(&fixture, &row->ask);
    const struct d1_decoded *decoded = &reply->decoded;
    assert_true(reply->slot.reply_length > 0);
    assert_int_equal(decoded->rcode, row->rcode);
    assert_int_equal(reply->slot.rcode, row->rcode);
    assert_int_equal((decoded->flags & D1_FLAG_AA) == 0, row->refused);
    assert_int_equal(decoded->flags & D1_FLAG_TC, 0);
    assert_int_equal(decoded->count[0], 1);
    assert_int_equal(decoded->count[1], row->answers);
    assert_int_equal(decoded->count[2], row->soa != 0);
    bool glue = row->type == D1_TYPE_NS && strcmp(row->ask.name, ZONE) == 0; /* ns1's A, AAAA. */
    assert_int_equal(decoded->count[3], (glue ? 2 : 0) + row->ask.edns);
    assert_int_equal(reply->slot.answers, row->answers < 255 ? row->answers : 255);
    assert_int_equal(decoded->edns, row->ask.edns);
    assert_int_equal(decoded->dnssec_ok, row->ask.dnssec_ok);
    if (row->ask.edns) {
        assert_int_equal(decoded->udp_size, 1232);
    }
    assert_answers(row, reply);
    if (row->soa != 0) {
        assert_soa(row, reply);
    }
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void flags_are_copied_or_clear(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    for (unsigned flags = 0; flags < 0x800; flags += 0x10) { /* Opcode 0, any other bits. */
        struct d1_ask ask = {.name = "one." ZONE, .flags = (uint16_t)flags};
        struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
        unsigned wanted = 0x8400U | (flags & D1_FLAG_RD); /* CD: RFC 4035, 3.1.6. */
        assert_int_equal(reply->decoded.flags, wanted);
        d1_free(reply);
    }
    d1_fixture_close(&fixture);
}

static void case_of_the_question_is_kept(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    const struct d1_ask ask = {.name = "one." ZONE, .mixed_case = true};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_memory_equal(reply->wire + 12, "\3oNe\4aUtH", 9);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void values_keep_their_order(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    const struct d1_ask ask = {.name = "many." ZONE, .tcp = true};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.count[1], 10);
    for (size_t i = 0; i < 10; i++) {
        const struct d1_decoded_rr *rr = &reply->decoded.rrs[i];
        assert_int_equal(rr->rdata_length, 44);
        assert_int_equal(reply->wire[rr->rdata_at], 43);
        assert_int_equal(reply->wire[rr->rdata_at + 1], 'A' + i);
        assert_int_equal(reply->wire[rr->rdata_at + 43], 'A' + i);
    }
    d1_free(reply);
    d1_fixture_close(&fixture);
}

/* Ask for ten values (582 octets with the question, 593 with OPT) with this much room. */
static void assert_truncated(bool edns, uint16_t udp_size, bool truncated) {
    struct d1_fixture fixture;
    set_up(&fixture);
    const struct d1_ask ask = {.name = "many." ZONE, .edns = edns, .udp_size = udp_size};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    size_t whole = 12 + 28 + 10 * (12 + 44) + (edns ? 11 : 0);
    size_t question = 12 + 28 + (edns ? 11 : 0);
    assert_int_equal((reply->decoded.flags & D1_FLAG_TC) != 0, truncated);
    assert_int_equal((reply->slot.notes & D1_NOTE_TRUNCATED) != 0, truncated);
    assert_int_equal(reply->slot.reply_length, truncated ? question : whole);
    assert_int_equal(reply->slot.answers, truncated ? 0 : 10);
    assert_true((reply->decoded.flags & D1_FLAG_AA) != 0);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void plain_udp_has_512_octets(void **state) {
    (void)state;
    assert_truncated(false, 0, true);
}

static void edns_size_is_heeded(void **state) {
    (void)state;
    assert_truncated(true, 610, true);
    assert_truncated(true, 611, false);
}

static void more_than_1232_octets_are_truncated(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    const struct d1_ask ask = {.name = "huge." ZONE, .edns = true, .udp_size = 65535};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_true((reply->decoded.flags & D1_FLAG_TC) != 0);
    assert_true(reply->decoded.edns);
    assert_int_equal(reply->decoded.count[1], 0);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void long_names_are_answered(void **state) {
    (void)state;
    struct d1_fixture fixture;
    char text[256] = "";
    for (size_t i = 0; i < 59; i++) {
        memcpy(text + 4 * i, "abc.", 4);
    }
    memcpy(text + 4 * 59, "auth.example.test", 18); /* 254 octets in wire form. */
    set_up(&fixture);
    const struct d1_ask ask = {.name = text};
    struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_NXDOMAIN);
    assert_int_equal(reply->decoded.count[2], 1);
    d1_free(reply);
    assert_int_equal(d1_fixture_publish(&fixture, text, 1, 255), D1_OK);
    reply = d1_fixture_ask(&fixture, &ask);
    assert_int_equal(reply->decoded.count[1] == 1 || (reply->decoded.flags & D1_FLAG_TC) != 0, 1);
    d1_free(reply);
    const struct d1_ask between = {.name = text + 40};
    reply = d1_fixture_ask(&fixture, &between);
    assert_int_equal(reply->decoded.rcode, D1_RCODE_NOERROR);
    assert_int_equal(reply->decoded.count[2], 1);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void replies_and_scraps_are_dropped(void **state) {
    (void)state;
    struct d1_fixture fixture;
    uint8_t message[D1_ASK_BYTES_MAX];
    const struct d1_ask ask = {.name = "one." ZONE, .flags = D1_FLAG_QR};
    set_up(&fixture);
    size_t length = d1_ask_build(&ask, message);
    struct d1_reply *reply = d1_fixture_send(&fixture, message, length, false);
    assert_int_equal(reply->slot.reply_length, 0);
    d1_free(reply);
    reply = d1_fixture_send(&fixture, message, 11, false);
    assert_int_equal(reply->slot.reply_length, 0);
    d1_free(reply);
    d1_fixture_close(&fixture);
}

static void other_opcodes_get_a_header(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        if (opcode == D1_OPCODE_UPDATE) {
            continue; /* Left to the caller. */
        }
        struct d1_ask ask = {.name = ZONE, .flags = (uint16_t)(opcode << D1_OPCODE_SHIFT)};
        struct d1_reply *reply = d1_fixture_ask(&fixture, &ask);
        assert_int_equal(reply->slot.reply_length, 12);
        assert_int_equal(reply->decoded.rcode, D1_RCODE_NOTIMP);
        assert_int_equal(reply->decoded.flags >> D1_OPCODE_SHIFT & 0xf, opcode);
        d1_free(reply);
    }
    d1_fixture_close(&fixture);
}

static void malformed_queries_get_formerr(void **state) {
    (void)state;
    struct d1_fixture fixture;
    uint8_t message[D1_ASK_BYTES_MAX];
    const struct d1_ask ask = {.name = "one." ZONE, .edns = true, .udp_size = 1232};
    set_up(&fixture);
    size_t length = d1_ask_build(&ask, message);
    size_t question_end = length - D1_EDNS_BYTES;
    for (size_t cut = 12; cut < length; cut++) {
        struct d1_reply *reply = d1_fixture_send(&fixture, message, cut, false);
        assert_int_equal(reply->decoded.rcode, D1_RCODE_FORMERR);
        assert_int_equal(reply->decoded.count[0], cut >= question_end);
        assert_false(reply->decoded.edns);
        d1_free(reply);
    }
    d1_fixture_close(&fixture);
}

static void without_data_all_is_servfail(void **state) {
    (void)state;
    static const char *const names[] = {"one." ZONE, "unknown." ZONE, "example.net"};
    struct d1_fixture fixture;
    struct d1_fixture empty = {.served = NULL};
    set_up(&fixture);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        struct d1_ask ask = {.name = names[i], .edns = true, .udp_size = 1232};
        struct d1_reply *reply = d1_fixture_ask(&empty, &ask);
        assert_int_equal(reply->decoded.rcode, D1_RCODE_SERVFAIL);
        assert_int_equal(reply->decoded.count[0], 1);
        d1_free(reply);
    }
    d1_fixture_close(&fixture);
}

static uint8_t notes_of(struct d1_fixture *fixture, const char *name, uint16_t type) {
    const struct d1_ask ask = {.name = name, .type = type};
    struct d1_reply *reply = d1_fixture_ask(fixture, &ask);
    uint8_t notes = reply->slot.notes;
    d1_free(reply);
    return notes;
}

static void notes_tell_what_the_timeline_wants(void **state) {
    (void)state;
    struct d1_fixture fixture;
    set_up(&fixture);
    assert_int_equal(notes_of(&fixture, "one." ZONE, D1_TYPE_TXT), D1_NOTE_CHALLENGE);
    assert_int_equal(notes_of(&fixture, "one." ZONE, D1_TYPE_A), D1_NOTE_CHALLENGE);
    assert_int_equal(notes_of(&fixture, "known." ZONE, D1_TYPE_TXT), D1_NOTE_UNEXPECTED);
    assert_int_equal(notes_of(&fixture, "known." ZONE, D1_TYPE_A), 0);
    assert_int_equal(notes_of(&fixture, "unknown." ZONE, D1_TYPE_TXT), 0);
    assert_int_equal(notes_of(&fixture, "static." ZONE, D1_TYPE_TXT), 0);
    d1_fixture_close(&fixture);
}

static void a_batch_is_answered_slot_by_slot(void **state) {
    (void)state;
    static struct d1_answer_slot slots[D1_UDP_BATCH];
    static uint8_t messages[D1_UDP_BATCH][D1_ASK_BYTES_MAX];
    static uint8_t replies[D1_UDP_BATCH][D1_DNS_UDP_MAX];
    struct d1_fixture fixture;
    set_up(&fixture);
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        const struct expected *row = &table[i % D1_ARRAY_LENGTH(table)];
        slots[i] = (struct d1_answer_slot){
            .message = messages[i],
            .length = d1_ask_build(&row->ask, messages[i]),
            .reply = replies[i],
            .reply_max = D1_DNS_UDP_MAX,
        };
        if (i % 7 == 0) {
            slots[i].length = 5;
        }
    }
    const struct d1_answer_context context = {.served = fixture.served};
    d1_answer_batch(&context, slots, D1_UDP_BATCH);
    for (size_t i = 0; i < D1_UDP_BATCH; i++) {
        if (i % 7 == 0) {
            assert_int_equal(slots[i].reply_length, 0);
            continue;
        }
        assert_null(
            d1_reply_fault(messages[i], slots[i].length, replies[i], slots[i].reply_length, false));
        assert_int_equal(slots[i].rcode, table[i % D1_ARRAY_LENGTH(table)].rcode);
    }
    d1_fixture_close(&fixture);
}

int main(void) {
    struct CMUnitTest rows[D1_ARRAY_LENGTH(table)];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(table); i++) {
        rows[i] = (struct CMUnitTest){
            .name = table[i].why,
            .test_func = row_is_answered,
            .initial_state = (void *)(uintptr_t)&table[i],
        };
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_copied_or_clear),
        cmocka_unit_test(case_of_the_question_is_kept),
        cmocka_unit_test(values_keep_their_order),
        cmocka_unit_test(plain_udp_has_512_octets),
        cmocka_unit_test(edns_size_is_heeded),
        cmocka_unit_test(more_than_1232_octets_are_truncated),
        cmocka_unit_test(long_names_are_answered),
        cmocka_unit_test(replies_and_scraps_are_dropped),
        cmocka_unit_test(other_opcodes_get_a_header),
        cmocka_unit_test(malformed_queries_get_formerr),
        cmocka_unit_test(without_data_all_is_servfail),
        cmocka_unit_test(notes_tell_what_the_timeline_wants),
        cmocka_unit_test(a_batch_is_answered_slot_by_slot),
    };
    struct CMUnitTest all[D1_ARRAY_LENGTH(rows) + D1_ARRAY_LENGTH(tests)];
    memcpy(all, rows, sizeof(rows));
    memcpy(all + D1_ARRAY_LENGTH(rows), tests, sizeof(tests));
    return cmocka_run_group_tests_name("answer", all, NULL, NULL);
}
