#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/tsig.h"
#include "dns/wire.h"
#include "tests/unit/dns/tsig_vectors.h"

#define SECRET_BYTES (sizeof(VECTOR_SECRET) - 1)

static struct d1_tsig_key *make_key(const char *text, enum d1_tsig_algorithm algorithm,
                                    const char *secret) {
    struct d1_name name;
    struct d1_tsig_key *key = NULL;
    assert_int_equal(d1_name_from_text(text, &name), D1_OK);
    assert_int_equal(d1_tsig_key_create(&name, algorithm, secret, strlen(secret), &key), D1_OK);
    return key;
}

static const struct vector *sha256_vector(void) {
    return &vectors[3];
}

/* Find and verify in a copy of exactly the size. */
static int check(const struct d1_tsig_key *key, const uint8_t *message, size_t length,
                 int64_t now_s) {
    struct d1_tsig tsig;
    uint8_t *exact = d1_memdup(message, length);
    assert_non_null(exact);
    int err = d1_tsig_find(exact, length, &tsig);
    if (err == D1_OK) {
        err = d1_tsig_verify(key, exact, &tsig, NULL, now_s);
    }
    d1_free(exact);
    return err;
}

static const uint8_t *octets_of(const struct vector *vector) {
    return (const uint8_t *)vector->octets;
}

static void messages_of_other_programs_are_verified(void **state) {
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        const struct vector *vector = &vectors[i];
        struct d1_tsig_key *key = make_key("KEY.example", vector->algorithm, VECTOR_SECRET);
        assert_int_equal(check(key, octets_of(vector), vector->length, vector->time_s), D1_OK);
        d1_tsig_key_drop(key);
    }
}

static void name_and_algorithm_of_the_key_are_found(void **state) {
    (void)state;
    struct d1_tsig tsig;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig_key *other = make_key("key.example", D1_TSIG_HMAC_SHA1, VECTOR_SECRET);
    assert_int_equal(d1_tsig_find(octets_of(vector), vector->length, &tsig), D1_OK);
    assert_true(d1_name_equal(&tsig.key, d1_tsig_key_name(key)));
    assert_true(d1_tsig_key_is_for(key, &tsig.algorithm));
    assert_false(d1_tsig_key_is_for(other, &tsig.algorithm));
    assert_int_equal(tsig.time_s, vector->time_s);
    assert_int_equal(tsig.fudge_s, 300);
    assert_int_equal(tsig.mac_length, 32);
    assert_int_equal(tsig.original_id, 0xb158); /* The id was set later. */
    d1_tsig_key_drop(key);
    d1_tsig_key_drop(other);
}

static void another_secret_is_badsig(void **state) {
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        const struct vector *vector = &vectors[i];
        struct d1_tsig_key *key =
            make_key("key.example", vector->algorithm, "0123456789abcdef0123456789abcdeF");
        assert_int_equal(check(key, octets_of(vector), vector->length, vector->time_s),
                         D1_TSIG_BADSIG);
        d1_tsig_key_drop(key);
    }
}

static void time_is_checked_on_both_sides(void **state) {
    (void)state;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    static const struct {
        int64_t off_s;
        int wanted;
    } rows[] = {{300, D1_OK},
                {-300, D1_OK},
                {301, D1_TSIG_BADTIME},
                {-301, D1_TSIG_BADTIME},
                {INT64_C(1) << 40, D1_TSIG_BADTIME},
                {-INT64_C(2000000000), D1_TSIG_BADTIME}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(
            check(key, octets_of(vector), vector->length, vector->time_s + rows[i].off_s),
            rows[i].wanted);
    }
    d1_tsig_key_drop(key);
}

static void a_wrong_mac_is_badsig_whatever_the_time(void **state) {
    (void)state;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, "another secret!!");
    assert_int_equal(check(key, octets_of(vector), vector->length, 0), D1_TSIG_BADSIG);
    d1_tsig_key_drop(key);
}

/* Whatever octet is changed, the message is not taken for signed. */
static void every_changed_octet_is_noticed(void **state) {
    (void)state;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    uint8_t message[512];
    struct d1_tsig plain;
    memcpy(message, vector->octets, vector->length);
    assert_int_equal(d1_tsig_find(message, vector->length, &plain), D1_OK);
    for (size_t at = 2; at < vector->length; at++) { /* The id may change: the original counts. */
        struct d1_tsig tsig;
        message[at] ^= 1;
        int err = d1_tsig_find(message, vector->length, &tsig);
        if (err == D1_OK && d1_name_equal(&tsig.key, &plain.key) &&
            d1_tsig_key_is_for(key, &tsig.algorithm)) {
            err = d1_tsig_verify(key, message, &tsig, NULL, vector->time_s);
            assert_int_not_equal(err, D1_OK);
        }
        message[at] ^= 1;
    }
    d1_tsig_key_drop(key);
}

static void the_message_id_may_have_been_changed_on_the_way(void **state) {
    (void)state;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    uint8_t message[512];
    memcpy(message, vector->octets, vector->length);
    message[0] ^= 0x55;
    assert_int_equal(check(key, message, vector->length, vector->time_s), D1_OK);
    d1_tsig_key_drop(key);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        for (size_t length = 0; length < vectors[i].length; length++) {
            assert_int_equal(check(key, octets_of(&vectors[i]), length, vectors[i].time_s),
                             D1_EPARSE);
        }
    }
    d1_tsig_key_drop(key);
}

/* A signed query with the fields of its TSIG record as wanted. */
struct odd {
    uint16_t class;
    uint32_t ttl;
    uint16_t mac_length;
    uint16_t other_length;
    uint8_t after; /* 1: a further record behind it, 2: a second TSIG record. */
    int said_more; /* Added to the length that is said of the other octets. */
};

static size_t odd_message(const struct odd *odd, uint8_t *message, size_t size) {
    static const uint8_t zeros[70];
    struct d1_writer writer = d1_writer_over(message, size);
    d1_write_bytes(&writer, "\x12\x34\0\0\0\1\0\0\0\0\0", 11);
    d1_write_u8(&writer, odd->after > 0 ? 2 : 1);
    d1_write_bytes(&writer, "\4test\0\0\6\0\1", 10);
    unsigned tsigs = odd->after == 2 ? 2 : 1;
    for (unsigned i = 0; i < tsigs; i++) {
        d1_write_bytes(&writer, "\3key\7example\0\0\372", 15);
        d1_write_u16(&writer, odd->class);
        d1_write_u32(&writer, odd->ttl);
        d1_write_u16(&writer, (uint16_t)(13 + 16 + odd->mac_length + odd->other_length));
        d1_write_bytes(&writer, "\13hmac-sha256\0\0\0\145\123\361\0\1\54", 21);
        d1_write_u16(&writer, odd->mac_length);
        d1_write_bytes(&writer, zeros, odd->mac_length);
        d1_write_bytes(&writer, "\x12\x34\0\0", 4);
        d1_write_u16(&writer, (uint16_t)(odd->other_length + odd->said_more));
        d1_write_bytes(&writer, zeros, odd->other_length);
    }
    if (odd->after == 1) {
        d1_write_bytes(&writer, "\0\0\51\4\320\0\0\0\0\0\0", 11);
    }
    assert_false(writer.failed);
    return d1_writer_length(&writer);
}

static void odd_records_are_refused(void **state) {
    (void)state;
    static const struct {
        struct odd odd;
        int wanted;
    } rows[] = {
        {{255, 0, 32, 0, 0, 0}, D1_TSIG_BADSIG}, /* As it should be, but for its MAC. */
        {{255, 0, 32, 6, 0, 0}, D1_TSIG_BADSIG},
        {{1, 0, 32, 0, 0, 0}, D1_EPARSE},
        {{254, 0, 32, 0, 0, 0}, D1_EPARSE},
        {{255, 1, 32, 0, 0, 0}, D1_EPARSE},
        {{255, 0, 65, 0, 0, 0}, D1_EPARSE},
        {{255, 0, 64, 0, 0, 0}, D1_EPARSE}, /* Longer than the algorithm's. */
        {{255, 0, 33, 0, 0, 0}, D1_EPARSE},
        {{255, 0, 0, 0, 0, 0}, D1_EPARSE},
        {{255, 0, 9, 0, 0, 0}, D1_EPARSE},
        {{255, 0, 15, 0, 0, 0}, D1_EPARSE}, /* Under half of it. */
        {{255, 0, 16, 0, 0, 0}, D1_TSIG_BADSIG},
        {{255, 0, 32, 0, 1, 0}, D1_EPARSE},
        {{255, 0, 32, 0, 2, 0}, D1_EPARSE},
        {{255, 0, 32, 6, 0, -1}, D1_EPARSE}, /* An octet left over. */
        {{255, 0, 32, 6, 0, 1}, D1_EPARSE},  /* An octet missing. */
    };
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        uint8_t message[512];
        size_t length = odd_message(&rows[i].odd, message, sizeof(message));
        assert_int_equal(check(key, message, length, 1700000000), rows[i].wanted);
    }
    d1_tsig_key_drop(key);
}

static void a_message_without_one_is_told_apart(void **state) {
    (void)state;
    struct d1_tsig tsig;
    static const uint8_t query[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1";
    static const uint8_t edns[] =
        "\x12\x34\0\0\0\1\0\0\0\0\0\1\4test\0\0\6\0\1\0\0\51\4\320\0\0\0\0\0\0";
    assert_int_equal(d1_tsig_find(query, sizeof(query) - 1, &tsig), D1_ENOTFOUND);
    assert_int_equal(d1_tsig_find(edns, sizeof(edns) - 1, &tsig), D1_ENOTFOUND);
}

/* In the answer section it is not where it may stand. */
static void only_the_additional_section_holds_it(void **state) {
    (void)state;
    struct d1_tsig tsig;
    uint8_t message[512];
    const struct odd odd = {255, 0, 32, 0, 0, 0};
    size_t length = odd_message(&odd, message, sizeof(message));
    message[7] = 1; /* ANCOUNT */
    message[11] = 0;
    assert_int_equal(d1_tsig_find(message, length, &tsig), D1_EPARSE);
}

/* Truncated MACs verify, and are refused as truncated (RFC 8945, 5.2.4). */
static void right_truncated_macs_are_badtrunc(void **state) {
    (void)state;
    const struct vector *vector = sha256_vector();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig tsig;
    assert_int_equal(d1_tsig_find(octets_of(vector), vector->length, &tsig), D1_OK);
    for (uint16_t length = 16; length < 32; length++) {
        tsig.mac_length = length;
        assert_int_equal(d1_tsig_verify(key, octets_of(vector), &tsig, NULL, vector->time_s),
                         D1_TSIG_BADTRUNC);
    }
    d1_tsig_key_drop(key);
}

/* An answer to `request`: its header and question, signed. */
static size_t answer(const struct d1_tsig_key *key, const struct d1_tsig *request, unsigned error,
                     int64_t now_s, uint8_t *message, size_t size) {
    struct d1_writer writer = d1_writer_over(message, size);
    d1_write_bytes(&writer, "\x12\x34\xa8\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1", 22);
    assert_int_equal(d1_tsig_sign(key, request, error, now_s, &writer), D1_OK);
    return d1_writer_length(&writer);
}

static void answers_verify_with_their_request_only(void **state) {
    (void)state;
    for (unsigned algorithm = 0; algorithm < D1_TSIG_ALGORITHMS; algorithm++) {
        struct d1_tsig_key *key =
            make_key("key.example", (enum d1_tsig_algorithm)algorithm, VECTOR_SECRET);
        struct d1_tsig request;
        struct d1_tsig tsig;
        uint8_t message[512];
        assert_int_equal(
            d1_tsig_find(octets_of(&vectors[algorithm]), vectors[algorithm].length, &request),
            D1_OK);
        size_t length = answer(key, &request, 0, 1700000100, message, sizeof(message));
        assert_true(length <= 22 + d1_tsig_bytes(key, &request));
        assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
        assert_int_equal(tsig.time_s, 1700000100);
        assert_int_equal(tsig.error, 0);
        assert_int_equal(d1_tsig_verify(key, message, &tsig, &request, 1700000100), D1_OK);
        assert_int_equal(d1_tsig_verify(key, message, &tsig, NULL, 1700000100), D1_TSIG_BADSIG);
        request.mac[0] ^= 1;
        assert_int_equal(d1_tsig_verify(key, message, &tsig, &request, 1700000100), D1_TSIG_BADSIG);
        d1_tsig_key_drop(key);
    }
}

static void badtime_is_signed_and_tells_our_time(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig request;
    struct d1_tsig tsig;
    uint8_t message[512];
    const struct vector *vector = sha256_vector();
    int64_t now_s = 1700001000;
    assert_int_equal(d1_tsig_find(octets_of(vector), vector->length, &request), D1_OK);
    request.fudge_s = 17;
    size_t length = answer(key, &request, D1_TSIG_BADTIME, now_s, message, sizeof(message));
    assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
    assert_int_equal(tsig.error, D1_TSIG_BADTIME);
    assert_int_equal(tsig.time_s, vector->time_s);
    assert_int_equal(tsig.fudge_s, 17);
    assert_int_equal(tsig.other_length, 6);
    assert_memory_equal(tsig.other, "\0\0\145\123\364\350", 6);
    assert_int_equal(d1_tsig_verify(key, message, &tsig, &request, vector->time_s), D1_OK);
    d1_tsig_key_drop(key);
}

static void an_error_without_a_request_has_our_time(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig tsig;
    uint8_t message[512];
    size_t length = answer(key, NULL, D1_TSIG_BADTIME, 1700000000, message, sizeof(message));
    assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
    assert_int_equal(tsig.error, D1_TSIG_BADTIME);
    assert_int_equal(tsig.time_s, 1700000000);
    assert_int_equal(tsig.fudge_s, 300);
    assert_int_equal(check(key, message, length, 1700000000), D1_OK);
    d1_tsig_key_drop(key);
}

static void errors_of_key_and_mac_are_not_signed(void **state) {
    (void)state;
    struct d1_tsig request;
    struct d1_tsig tsig;
    uint8_t message[512];
    const struct vector *vector = sha256_vector();
    static const unsigned errors[] = {D1_TSIG_BADKEY, D1_TSIG_BADSIG};
    assert_int_equal(d1_tsig_find(octets_of(vector), vector->length, &request), D1_OK);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(errors); i++) {
        size_t length = answer(NULL, &request, errors[i], 1700001000, message, sizeof(message));
        assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
        assert_int_equal(tsig.error, errors[i]);
        assert_int_equal(tsig.mac_length, 0);
        assert_int_equal(tsig.time_s, vector->time_s);
        assert_true(d1_name_equal(&tsig.key, &request.key));
        assert_true(d1_name_equal(&tsig.algorithm, &request.algorithm));
    }
}

static void requests_are_signed_too(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA512, VECTOR_SECRET);
    uint8_t message[512];
    size_t length = answer(key, NULL, 0, 1700000000, message, sizeof(message));
    assert_int_equal(check(key, message, length, 1700000000), D1_OK);
    d1_tsig_key_drop(key);
}

static void what_does_not_fit_changes_nothing(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    uint8_t message[512];
    size_t whole = answer(key, NULL, 0, 1700000000, message, sizeof(message));
    for (size_t size = 22; size < whole; size++) {
        uint8_t *exact = d1_malloc(size);
        assert_non_null(exact);
        struct d1_writer writer = d1_writer_over(exact, size);
        d1_write_bytes(&writer, "\x12\x34\xa8\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1", 22);
        assert_int_equal(d1_tsig_sign(key, NULL, 0, 1700000000, &writer), D1_ETOOLARGE);
        assert_int_equal(d1_writer_length(&writer), 22);
        assert_int_equal(exact[11], 0);
        d1_free(exact);
    }
    d1_tsig_key_drop(key);
}

static void the_last_reference_frees_a_key(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    assert_ptr_equal(d1_tsig_key_hold(key), key);
    d1_tsig_key_drop(key);
    uint8_t message[512];
    size_t length = answer(key, NULL, 0, 1700000000, message, sizeof(message));
    assert_int_equal(check(key, message, length, 1700000000), D1_OK);
    d1_tsig_key_drop(key);
    assert_int_equal(d1_mem_live(), before);
    d1_tsig_key_drop(NULL);
}

static void without_memory_there_is_no_key(void **state) {
    (void)state;
    struct d1_name name;
    struct d1_tsig_key *key = NULL;
    int64_t before = d1_mem_live();
    assert_int_equal(d1_name_from_text("key.example", &name), D1_OK);
    d1_mem_fault_arm(0, 0);
    int err = d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, VECTOR_SECRET, SECRET_BYTES, &key);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(key);
    assert_int_equal(d1_mem_live(), before);
}

/* A clock before 1970 is as wrong as one at 1970: it is written, not wrapped round. */
static void a_time_before_1970_is_written_as_1970(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig tsig;
    uint8_t message[512];
    size_t length = answer(key, NULL, 0, -5, message, sizeof(message));
    assert_int_equal(d1_tsig_find(message, length, &tsig), D1_OK);
    assert_int_equal(tsig.time_s, 0);
    assert_int_equal(tsig.fudge_s, 300);
    assert_int_equal(check(key, message, length, 0), D1_OK);
    d1_tsig_key_drop(key);
}

static void room_without_a_key_is_that_of_an_unsigned_error(void **state) {
    (void)state;
    struct d1_tsig_key *key = make_key("key.example", D1_TSIG_HMAC_SHA256, VECTOR_SECRET);
    struct d1_tsig request;
    uint8_t message[512];
    const struct vector *vector = sha256_vector();
    assert_int_equal(d1_tsig_find(octets_of(vector), vector->length, &request), D1_OK);
    size_t length = answer(NULL, &request, D1_TSIG_BADKEY, 1700001000, message, sizeof(message));
    assert_true(length <= 22 + d1_tsig_bytes(NULL, &request));
    assert_int_equal(d1_tsig_bytes(key, &request), d1_tsig_bytes(NULL, &request) + 32);
    d1_tsig_key_drop(key);
}

static void a_key_needs_a_name(void **state) {
    (void)state;
    struct d1_name root;
    struct d1_tsig_key *key = NULL;
    assert_int_equal(d1_name_from_text(".", &root), D1_OK);
    assert_int_equal(
        d1_tsig_key_create(&root, D1_TSIG_HMAC_SHA256, VECTOR_SECRET, SECRET_BYTES, &key),
        D1_ENAME);
    assert_null(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_other_programs_are_verified),
        cmocka_unit_test(name_and_algorithm_of_the_key_are_found),
        cmocka_unit_test(another_secret_is_badsig),
        cmocka_unit_test(time_is_checked_on_both_sides),
        cmocka_unit_test(a_wrong_mac_is_badsig_whatever_the_time),
        cmocka_unit_test(every_changed_octet_is_noticed),
        cmocka_unit_test(the_message_id_may_have_been_changed_on_the_way),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(odd_records_are_refused),
        cmocka_unit_test(a_message_without_one_is_told_apart),
        cmocka_unit_test(only_the_additional_section_holds_it),
        cmocka_unit_test(right_truncated_macs_are_badtrunc),
        cmocka_unit_test(answers_verify_with_their_request_only),
        cmocka_unit_test(badtime_is_signed_and_tells_our_time),
        cmocka_unit_test(an_error_without_a_request_has_our_time),
        cmocka_unit_test(errors_of_key_and_mac_are_not_signed),
        cmocka_unit_test(requests_are_signed_too),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(the_last_reference_frees_a_key),
        cmocka_unit_test(without_memory_there_is_no_key),
        cmocka_unit_test(a_time_before_1970_is_written_as_1970),
        cmocka_unit_test(room_without_a_key_is_that_of_an_unsigned_error),
        cmocka_unit_test(a_key_needs_a_name),
    };
    return cmocka_run_group_tests_name("tsig", tests, NULL, NULL);
}
