/* Signed queries: what is wrong with a signature, and libcrypto that refuses (--wrap). */
#include "dnsd/signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/rr.h"
#include "tests/unit/dnsd/fixture.h"

#define NOW_S       1700000000
#define KEY         "key.example"
#define MESSAGE_MAX 4096

struct trial {
    struct d1_fixture fixture;
    struct d1_keys *keys;
    struct d1_tsig_key *key;
    struct d1_tsig_key *strange; /* Not among the keys. */
    struct d1_answer_slot slot;
    struct d1_tsig tsig; /* Of the query. */
    size_t length;
    uint8_t message[MESSAGE_MAX];
    uint8_t reply[D1_DNS_MESSAGE_MAX];
};

/* Whether libcrypto refuses. */
static bool *refuses(void) {
    static bool both[2];
    return both;
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
    return refuses()[0] ? D1_EINTERNAL : __real_d1_tsig_verify(key, message, tsig, request, now_s);
}

int __wrap_d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request,
                        unsigned error, int64_t now_s, struct d1_writer *writer) {
    return refuses()[1] ? D1_EINTERNAL : __real_d1_tsig_sign(key, request, error, now_s, writer);
}

static struct d1_tsig_key *make_key(const char *name_text) {
    struct d1_name name = d1_fixture_name(name_text);
    struct d1_tsig_key *key = NULL;
    assert_int_equal(d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, "0123456789abcdef", 16, &key),
                     0);
    return key;
}

static int set_up(void **state) {
    struct trial *trial = d1_calloc(1, sizeof(*trial));
    assert_non_null(trial);
    d1_fixture_init(&trial->fixture);
    trial->key = make_key(KEY);
    trial->strange = make_key("strange.example");
    assert_int_equal(d1_keys_create(&trial->keys), 0);
    assert_int_equal(d1_keys_add(trial->keys, trial->key), 0);
    memset(refuses(), 0, 2 * sizeof(bool));
    *state = trial;
    return 0;
}

static int tear_down(void **state) {
    struct trial *trial = *state;
    d1_keys_destroy(trial->keys);
    d1_tsig_key_drop(trial->key);
    d1_tsig_key_drop(trial->strange);
    d1_fixture_close(&trial->fixture);
    d1_free(trial);
    return 0;
}

static void make_query(struct trial *trial, const struct d1_ask *ask,
                       const struct d1_tsig_key *key) {
    struct d1_writer writer = d1_writer_over(trial->message, sizeof(trial->message));
    writer.at += d1_ask_build(ask, trial->message);
    assert_int_equal(d1_tsig_sign(key, NULL, 0, NOW_S, &writer), 0);
    trial->length = d1_writer_length(&writer);
    assert_int_equal(d1_tsig_find(trial->message, trial->length, &trial->tsig), 0);
}

/* Have what is in `message` answered, as a worker does. */
static void answer(struct trial *trial, bool tcp) {
    struct d1_answer_context context = trial->fixture.context;
    context.served = trial->fixture.served;
    trial->slot = (struct d1_answer_slot){
        .message = trial->message,
        .length = trial->length,
        .reply = trial->reply,
        .reply_max = tcp ? D1_DNS_MESSAGE_MAX : D1_DNS_UDP_MAX,
        .client = &trial->fixture.client,
        .tcp = tcp,
    };
    assert_int_equal(d1_answer_batch(&context, &trial->slot, 1), 1);
    assert_int_equal(trial->slot.verdict, D1_QUERY_SIGNED);
    d1_signed_answer(&context, trial->keys, NOW_S, &trial->slot);
}

/* The reply's records of the additional section: OPT or not, then TSIG or not. */
static void expect(const struct trial *trial, unsigned rcode, bool edns, bool tsig) {
    assert_true(trial->slot.reply_length > D1_DNS_HEADER_BYTES);
    assert_memory_equal(trial->reply, trial->message, 2);
    assert_int_equal(trial->reply[2] & 0x80, 0x80);
    assert_int_equal(trial->reply[3] & 15, rcode);
    assert_int_equal(trial->slot.rcode, rcode);
    assert_int_equal(d1_load_u16(trial->reply + 10), edns + tsig);
    struct d1_tsig found;
    assert_int_equal(d1_tsig_find(trial->reply, trial->slot.reply_length, &found),
                     tsig ? D1_OK : D1_ENOTFOUND);
}

#define ONE .name = "one.auth.example.test"
static const struct d1_ask plain = {ONE};
static const struct d1_ask with_edns = {ONE, .edns = true, .udp_size = 1232};

static void a_signed_query_has_a_signed_answer(void **state) {
    struct trial *trial = *state;
    make_query(trial, &with_edns, trial->key);
    answer(trial, false);
    expect(trial, D1_RCODE_NOERROR, true, true);
    struct d1_tsig found;
    assert_int_equal(d1_tsig_find(trial->reply, trial->slot.reply_length, &found), 0);
    assert_int_equal(d1_tsig_verify(trial->key, trial->reply, &found, &trial->tsig, NOW_S), 0);
    assert_int_equal(trial->slot.answers, 1);
}

static void an_unknown_key_is_told_with_edns_and_without(void **state) {
    struct trial *trial = *state;
    make_query(trial, &with_edns, trial->strange);
    answer(trial, false);
    expect(trial, D1_RCODE_NOTAUTH, true, true);
    make_query(trial, &plain, trial->strange);
    answer(trial, false);
    expect(trial, D1_RCODE_NOTAUTH, false, true);
}

/* Its class is not ANY: no signature that could be answered. */
static void a_malformed_tsig_record_is_formerr(void **state) {
    struct trial *trial = *state;
    make_query(trial, &with_edns, trial->key);
    size_t class_at = trial->tsig.at + trial->tsig.key.length + 2;
    d1_store_u16(trial->message + class_at, D1_CLASS_IN);
    answer(trial, false);
    expect(trial, D1_RCODE_FORMERR, true, false);
}

/* Nine octets of a MAC (RFC 8945, 5.2.2.1). */
static void too_short_a_mac_is_formerr(void **state) {
    struct trial *trial = *state;
    struct d1_tsig tsig;
    make_query(trial, &plain, trial->key);
    /* Behind type, class, TTL, length; algorithm, time, fudge, its own size. */
    size_t mac_at =
        trial->tsig.at + trial->tsig.key.length + 10 + trial->tsig.algorithm.length + 10;
    size_t behind = mac_at + trial->tsig.mac_length;
    size_t cut = trial->tsig.mac_length - 9U;
    size_t length_at = trial->tsig.at + trial->tsig.key.length + 8;
    memmove(trial->message + mac_at + 9, trial->message + behind, trial->length - behind);
    trial->length -= cut;
    d1_store_u16(trial->message + mac_at - 2, 9);
    d1_store_u16(trial->message + length_at,
                 (uint16_t)(d1_load_u16(trial->message + length_at) - cut));
    assert_int_equal(d1_tsig_find(trial->message, trial->length, &tsig), 0);
    answer(trial, false);
    expect(trial, D1_RCODE_FORMERR, false, false);
}

/* OPT with an option as long as that. */
static void a_query_of_many_octets_is_not_looked_at(void **state) {
    struct trial *trial = *state;
    static const char padding[D1_SIGNED_QUERY_MAX];
    make_query(trial, &with_edns, trial->key);
    struct d1_tsig tsig = trial->tsig;
    uint8_t end[512];
    size_t end_length = trial->length - tsig.at;
    memcpy(end, trial->message + tsig.at, end_length);
    struct d1_writer writer = d1_writer_over(trial->message, sizeof(trial->message));
    writer.at += tsig.at;
    d1_store_u16(trial->message + tsig.at - 2, sizeof(padding) + 4);
    d1_write_u16(&writer, 12); /* Padding (RFC 7830). */
    d1_write_u16(&writer, sizeof(padding));
    d1_write_bytes(&writer, padding, sizeof(padding));
    d1_write_bytes(&writer, end, end_length);
    assert_false(writer.failed);
    trial->length = d1_writer_length(&writer);
    answer(trial, true);
    expect(trial, D1_RCODE_FORMERR, true, false);
}

static void without_libcrypto_it_is_servfail_or_silence(void **state) {
    struct trial *trial = *state;
    make_query(trial, &with_edns, trial->key);
    refuses()[0] = true;
    answer(trial, false);
    expect(trial, D1_RCODE_SERVFAIL, true, false);
    refuses()[0] = false;
    refuses()[1] = true;
    answer(trial, false);
    assert_int_equal(trial->slot.reply_length, 0);
}

/* It would fit without the signature. */
static void an_answer_is_cut_for_its_signature(void **state) {
    struct trial *trial = *state;
    const struct d1_ask ask = {.name = "many.auth.example.test", .edns = true, .udp_size = 1232};
    const struct d1_ask small = {.name = "many.auth.example.test", .edns = true, .udp_size = 680};
    make_query(trial, &ask, trial->key);
    answer(trial, false);
    assert_int_equal(trial->slot.answers, 10);
    size_t whole = trial->slot.reply_length;
    assert_true(whole > 680 && whole - 100 < 680);
    make_query(trial, &small, trial->key);
    answer(trial, false);
    assert_int_equal(trial->slot.answers, 0);
    assert_true((trial->slot.notes & D1_NOTE_TRUNCATED) != 0);
    assert_int_equal(trial->reply[2] & 2, 2);
    expect(trial, D1_RCODE_NOERROR, true, true);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_signed_query_has_a_signed_answer),
        TEST(an_unknown_key_is_told_with_edns_and_without),
        TEST(a_malformed_tsig_record_is_formerr),
        TEST(too_short_a_mac_is_formerr),
        TEST(a_query_of_many_octets_is_not_looked_at),
        TEST(without_libcrypto_it_is_servfail_or_silence),
        TEST(an_answer_is_cut_for_its_signature),
    };
    return cmocka_run_group_tests_name("signed", tests, NULL, NULL);
}
