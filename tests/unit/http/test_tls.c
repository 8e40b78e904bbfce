/* TLS contexts and streams, with OpenSSL's client at the other end and no socket between. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/tls.h"
#include "http/tlsstream.h"

#define PEM_MAX 4096
#define NOW_MS  INT64_C(1795312921456) /* 2026-11-22T02:02:01.456Z */
#define DAY_S   86400L

struct pem {
    char text[PEM_MAX];
    size_t length;
};

static void take_pem(BIO *bio, struct pem *ret_pem) {
    int length = BIO_read(bio, ret_pem->text, PEM_MAX);
    assert_in_range(length, 1, PEM_MAX - 1);
    ret_pem->length = (size_t)length;
    BIO_free(bio);
}

/* A self-signed certificate, valid around that Unix time, and its key. */
static void make_pair_at(struct pem *ret_certificate, struct pem *ret_key, time_t now) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_time_adj_ex(X509_getm_notBefore(certificate), -1, 0, &now);
    X509_time_adj_ex(X509_getm_notAfter(certificate), 1, 0, &now);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    take_pem(bio, ret_certificate);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    take_pem(bio, ret_key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void make_pair(struct pem *ret_certificate, struct pem *ret_key) {
    make_pair_at(ret_certificate, ret_key, NOW_MS / 1000);
}

struct ends {
    struct d1_tls *tls;
    struct d1_tls_stream *server;
    SSL_CTX *context;
    SSL *client;
    int send_err; /* What send returns. */
    size_t sent;  /* Octets that the server has sent. */
    int64_t live;
    char plain[D1_TLS_RECORD_BYTES];
};

static int on_send(void *arg, const void *data, size_t length) {
    struct ends *ends = arg;
    ends->sent += length;
    if (ends->send_err == 0) {
        BIO_write(SSL_get_rbio(ends->client), data, (int)length);
    }
    return ends->send_err;
}

static struct d1_tls_context *make_context(void) {
    struct pem certificate;
    struct pem key;
    struct d1_tls_context *context = NULL;
    make_pair(&certificate, &key);
    assert_int_equal(d1_tls_context_create(certificate.text, certificate.length, &context, NULL),
                     0);
    assert_int_equal(d1_tls_context_set_key(context, key.text, key.length, NULL), 0);
    return context;
}

static int set_up(void **state) {
    struct ends *ends = test_calloc(1, sizeof(*ends));
    ends->live = d1_mem_live();
    assert_int_equal(d1_tls_create(make_context(), &ends->tls), 0);
    assert_int_equal(d1_tls_stream_create(ends->tls, on_send, ends, &ends->server), 0);
    ends->context = SSL_CTX_new(TLS_client_method());
    ends->client = SSL_new(ends->context);
    SSL_set_bio(ends->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ends->client);
    *state = ends;
    return 0;
}

static int tear_down(void **state) {
    struct ends *ends = *state;
    SSL_free(ends->client);
    SSL_CTX_free(ends->context);
    d1_tls_stream_destroy(ends->server);
    d1_tls_destroy(ends->tls);
    assert_int_equal(d1_mem_live(), ends->live);
    test_free(ends);
    return 0;
}

/* What the client has to send. */
static size_t from_client(struct ends *ends, uint8_t *octets, size_t size) {
    int length = BIO_read(SSL_get_wbio(ends->client), octets, (int)size);
    return length > 0 ? (size_t)length : 0;
}

/* All of it to the server; the last outcome of read, with its plaintext in ends->plain. */
static int to_server(struct ends *ends, size_t *ret_length) {
    uint8_t octets[65536];
    size_t length = from_client(ends, octets, sizeof(octets));
    d1_tls_stream_feed(ends->server, octets, length);
    int err = d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), ret_length);
    assert_int_equal(d1_tls_stream_hold(ends->server), 0);
    return err;
}

static void shake_hands(struct ends *ends) {
    size_t length = 0;
    for (int i = 0; i < 4 && !SSL_is_init_finished(ends->client); i++) {
        SSL_do_handshake(ends->client);
        assert_int_equal(to_server(ends, &length), -EAGAIN);
    }
    assert_true(SSL_is_init_finished(ends->client));
}

static void say(struct ends *ends, const char *text) {
    assert_int_equal(SSL_write(ends->client, text, (int)strlen(text)), strlen(text));
}

static void handshake_and_talk(void **state) {
    struct ends *ends = *state;
    shake_hands(ends);
    size_t length = 0;
    say(ends, "question");
    assert_int_equal(to_server(ends, &length), 0);
    assert_int_equal(length, 8);
    assert_memory_equal(ends->plain, "question", 8);
    char head[] = "answer, ";
    char body[] = "in two pieces";
    const uv_buf_t pieces[] = {{.base = head, .len = 8}, {.base = body, .len = 13}};
    size_t before = ends->sent;
    assert_int_equal(d1_tls_stream_write(ends->server, pieces, 2), 0);
    assert_true(ends->sent - before < 8 + 13 + 40); /* One record. */
    assert_int_equal(SSL_read(ends->client, ends->plain, sizeof(ends->plain)), 21);
    assert_memory_equal(ends->plain, "answer, in two pieces", 21);
}

static void large_writes_are_several_records(void **state) {
    struct ends *ends = *state;
    shake_hands(ends);
    static char big[5 * D1_TLS_RECORD_BYTES + 7];
    memset(big, 'b', sizeof(big));
    const uv_buf_t pieces[] = {{.base = big, .len = 100}, {.base = big, .len = sizeof(big)}};
    assert_int_equal(d1_tls_stream_write(ends->server, pieces, 2), 0);
    size_t total = 0;
    int got;
    while ((got = SSL_read(ends->client, ends->plain, sizeof(ends->plain))) > 0) {
        total += (size_t)got;
    }
    assert_int_equal(total, sizeof(big) + 100);
}

static void what_is_not_read_is_held(void **state) {
    struct ends *ends = *state;
    uint8_t octets[4096];
    size_t length = 0;
    shake_hands(ends);
    assert_false(d1_tls_stream_holds(ends->server));
    say(ends, "one");
    say(ends, "two");
    say(ends, "three");
    size_t count = from_client(ends, octets, sizeof(octets));
    d1_tls_stream_feed(ends->server, octets, count);
    assert_int_equal(d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length),
                     0);
    assert_memory_equal(ends->plain, "one", length);
    assert_int_equal(d1_tls_stream_hold(ends->server), 0);
    memset(octets, 0, sizeof(octets)); /* Borrowed no more. */
    static const char *const rest[] = {"two", "three"};
    for (int i = 0; i < 2; i++) {
        assert_true(d1_tls_stream_holds(ends->server));
        d1_tls_stream_resume(ends->server);
        assert_int_equal(
            d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length), 0);
        assert_int_equal(length, strlen(rest[i]));
        assert_memory_equal(ends->plain, rest[i], length);
        assert_int_equal(d1_tls_stream_hold(ends->server), 0);
    }
    assert_false(d1_tls_stream_holds(ends->server));
}

static void octet_by_octet(void **state) {
    struct ends *ends = *state;
    uint8_t octets[4096];
    size_t length = 0;
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(ends->client);
        size_t count = from_client(ends, octets, sizeof(octets));
        for (size_t at = 0; at < count; at++) {
            d1_tls_stream_feed(ends->server, octets + at, 1);
            assert_int_equal(
                d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length),
                -EAGAIN);
            assert_int_equal(d1_tls_stream_hold(ends->server), 0);
        }
    }
    assert_true(SSL_is_init_finished(ends->client));
}

static void close_notify_both_ways(void **state) {
    struct ends *ends = *state;
    size_t length = 0;
    shake_hands(ends);
    assert_int_equal(SSL_shutdown(ends->client), 0);
    assert_int_equal(to_server(ends, &length), D1_ECLOSED);
    char text[] = "still";
    const uv_buf_t piece = {.base = text, .len = 5};
    assert_int_equal(d1_tls_stream_write(ends->server, &piece, 1), 0);
    d1_tls_stream_end(ends->server);
    size_t sent = ends->sent;
    d1_tls_stream_end(ends->server); /* Once. */
    assert_int_equal(ends->sent, sent);
    assert_int_equal(SSL_read(ends->client, ends->plain, sizeof(ends->plain)), 5);
    assert_int_equal(SSL_read(ends->client, ends->plain, sizeof(ends->plain)), 0);
    assert_int_equal(SSL_get_error(ends->client, 0), SSL_ERROR_ZERO_RETURN);
}

static void damage_ends_the_stream(void **state) {
    struct ends *ends = *state;
    uint8_t octets[4096];
    size_t length = 0;
    shake_hands(ends);
    say(ends, "question");
    size_t count = from_client(ends, octets, sizeof(octets));
    octets[count - 1] ^= 1;
    d1_tls_stream_feed(ends->server, octets, count);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length), -EPROTO);
    }
    char text[] = "x";
    const uv_buf_t piece = {.base = text, .len = 1};
    assert_int_equal(d1_tls_stream_write(ends->server, &piece, 1), -EPIPE);
    size_t sent = ends->sent;
    d1_tls_stream_end(ends->server);
    assert_int_equal(ends->sent, sent);
}

static void nothing_is_written_before_the_handshake(void **state) {
    struct ends *ends = *state;
    char text[] = "x";
    const uv_buf_t piece = {.base = text, .len = 1};
    assert_int_equal(d1_tls_stream_write(ends->server, &piece, 1), -EPIPE);
    d1_tls_stream_end(ends->server);
    assert_int_equal(ends->sent, 0);
}

static void plain_http_is_recognised(void **state) {
    struct ends *ends = *state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t length = 0;
    d1_tls_stream_feed(ends->server, request, sizeof(request) - 1);
    assert_int_equal(d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length),
                     -EPROTOTYPE);
    assert_int_equal(ends->sent, 0);
}

static void failing_send_ends_the_stream(void **state) {
    struct ends *ends = *state;
    size_t length = 0;
    ends->send_err = -ECONNRESET;
    SSL_do_handshake(ends->client);
    assert_int_equal(to_server(ends, &length), -EPROTO);
    assert_int_equal(d1_tls_stream_read(ends->server, ends->plain, sizeof(ends->plain), &length),
                     -EPROTO);
}

static void alpn(void **state) {
    static const struct {
        const char *offered;
        unsigned length;
        bool taken;
    } cases[] = {
        {"\x02h2\x08http/1.1", 12, true},
        {"\x08http/1.1", 9, true},
        {"\x02h2", 3, false},
        {"\x08http/1.0\x02h3", 12, false},
    };
    struct ends *ends = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned char *name = NULL;
        unsigned name_length = 0;
        size_t length = 0;
        d1_tls_stream_destroy(ends->server);
        assert_int_equal(d1_tls_stream_create(ends->tls, on_send, ends, &ends->server), 0);
        SSL_free(ends->client);
        ends->client = SSL_new(ends->context);
        SSL_set_bio(ends->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ends->client);
        SSL_set_alpn_protos(ends->client, (const unsigned char *)cases[i].offered, cases[i].length);
        if (cases[i].taken) {
            shake_hands(ends);
            SSL_get0_alpn_selected(ends->client, &name, &name_length);
            assert_int_equal(name_length, 8);
            assert_memory_equal(name, "http/1.1", 8);
        } else {
            SSL_do_handshake(ends->client);
            assert_int_equal(to_server(ends, &length), -EPROTO);
        }
    }
}

static void open_streams_keep_their_context(void **state) {
    struct ends *ends = *state;
    shake_hands(ends);
    d1_tls_replace(ends->tls, make_context());
    size_t length = 0;
    say(ends, "still there");
    assert_int_equal(to_server(ends, &length), 0);
    assert_int_equal(length, 11);
}

static void what_is_wrong_with_files(void **state) {
    (void)state;
    struct pem certificate;
    struct pem key;
    struct pem other;
    struct d1_tls_context *context = NULL;
    struct d1_error error;
    make_pair(&other, &key);
    make_pair(&certificate, &other);
    assert_int_equal(d1_tls_context_create("", 0, &context, &error), D1_ECONFIG);
    assert_int_equal(strncmp(error.text, "holds no certificate", 20), 0);
    assert_int_equal(d1_tls_context_create(key.text, key.length, &context, &error), D1_ECONFIG);
    char damaged[PEM_MAX];
    memcpy(damaged, certificate.text, certificate.length);
    damaged[100] = '!';
    assert_int_equal(d1_tls_context_create(damaged, certificate.length, &context, &error),
                     D1_ECONFIG);
    assert_non_null(strstr(error.text, "cannot be read"));
    assert_null(context);
    assert_int_equal(d1_tls_context_create(certificate.text, certificate.length, &context, &error),
                     0);
    assert_int_equal(d1_tls_context_set_key(context, "", 0, &error), D1_ECONFIG);
    assert_int_equal(d1_tls_context_set_key(context, key.text, key.length, &error), D1_ECONFIG);
    assert_int_equal(strncmp(error.text, "holds another key", 17), 0);
    assert_int_equal(d1_tls_context_set_key(context, other.text, other.length, &error), 0);
    d1_tls_context_destroy(context);
}

static void long_chains_are_refused(void **state) {
    (void)state;
    struct pem certificate;
    struct pem key;
    struct d1_tls_context *context = NULL;
    struct d1_error error;
    make_pair(&certificate, &key);
    struct d1_bytes chain;
    d1_bytes_init(&chain, 1000000);
    for (int i = 0; i < D1_TLS_CHAIN_MAX; i++) {
        d1_bytes_add(&chain, certificate.text, certificate.length);
    }
    assert_int_equal(d1_tls_context_create(chain.data, chain.length, &context, &error), 0);
    d1_tls_context_destroy(context);
    d1_bytes_add(&chain, certificate.text, certificate.length);
    assert_int_equal(d1_tls_context_create(chain.data, chain.length, &context, &error), D1_ECONFIG);
    assert_non_null(strstr(error.text, "too long"));
    d1_bytes_close(&chain);
}

static void authorities_of_clients(void **state) {
    (void)state;
    struct pem certificate;
    struct pem key;
    struct d1_error error;
    struct d1_bytes many;
    struct d1_tls_context *context = make_context();
    make_pair(&certificate, &key);
    assert_int_equal(d1_tls_context_set_clients(context, "", 0, true, &error), D1_ECONFIG);
    assert_non_null(strstr(error.text, "holds no certificate"));
    assert_int_equal(d1_tls_context_set_clients(context, key.text, key.length, true, &error),
                     D1_ECONFIG);
    char damaged[PEM_MAX];
    memcpy(damaged, certificate.text, certificate.length);
    damaged[100] = '!';
    assert_int_equal(d1_tls_context_set_clients(context, damaged, certificate.length, true, &error),
                     D1_ECONFIG);
    assert_non_null(strstr(error.text, "cannot be read"));
    d1_bytes_init(&many, 1000000);
    for (int i = 0; i < D1_TLS_AUTHORITIES_MAX; i++) {
        d1_bytes_add(&many, certificate.text, certificate.length);
    }
    assert_int_equal(d1_tls_context_set_clients(context, many.data, many.length, true, &error), 0);
    d1_bytes_add(&many, certificate.text, certificate.length);
    assert_int_equal(d1_tls_context_set_clients(context, many.data, many.length, true, &error),
                     D1_ECONFIG);
    assert_non_null(strstr(error.text, "more than 64"));
    d1_bytes_close(&many);
    d1_tls_context_destroy(context);
}

/* What the server makes of a client that shows that certificate (NULL: none). */
static int show(struct ends *ends, const struct pem *authority, bool required,
                const struct pem *certificate, const struct pem *key) {
    struct d1_tls_context *context = make_context();
    size_t length = 0;
    assert_int_equal(
        d1_tls_context_set_clients(context, authority->text, authority->length, required, NULL), 0);
    d1_tls_replace(ends->tls, context);
    d1_tls_stream_destroy(ends->server);
    SSL_free(ends->client);
    assert_int_equal(d1_tls_stream_create(ends->tls, on_send, ends, &ends->server), 0);
    ends->client = SSL_new(ends->context);
    SSL_set_bio(ends->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ends->client);
    if (certificate != NULL) {
        BIO *bio = BIO_new_mem_buf(certificate->text, (int)certificate->length);
        X509 *shown = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        bio = BIO_new_mem_buf(key->text, (int)key->length);
        EVP_PKEY *pair = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        BIO_free(bio);
        assert_int_equal(SSL_use_certificate(ends->client, shown), 1);
        assert_int_equal(SSL_use_PrivateKey(ends->client, pair), 1);
        X509_free(shown);
        EVP_PKEY_free(pair);
    }
    int err = -EAGAIN;
    for (int i = 0; i < 4 && err == -EAGAIN; i++) {
        SSL_do_handshake(ends->client);
        err = to_server(ends, &length);
    }
    return err;
}

/* Valid today, as the server judges by its own clock; it is its own authority. */
static void make_client(struct pem *ret_certificate, struct pem *ret_key) {
    make_pair_at(ret_certificate, ret_key, d1_clock_wall_ms(d1_clock_system()) / 1000);
}

static void certificates_of_clients(void **state) {
    struct ends *ends = *state;
    struct pem good;
    struct pem good_key;
    struct pem bad;
    struct pem bad_key;
    make_client(&good, &good_key);
    make_client(&bad, &bad_key);
    assert_int_equal(show(ends, &good, true, &good, &good_key), -EAGAIN);
    assert_int_equal(show(ends, &good, true, NULL, NULL), -EPROTO);
    assert_int_equal(show(ends, &good, true, &bad, &bad_key), -EPROTO);
    assert_int_equal(show(ends, &good, false, NULL, NULL), -EAGAIN);
    assert_int_equal(show(ends, &good, false, &good, &good_key), -EAGAIN);
    assert_int_equal(show(ends, &good, false, &bad, &bad_key), -EPROTO);
}

static void time_of_a_certificate(void **state) {
    (void)state;
    struct d1_tls_context *context = make_context();
    struct d1_error error;
    assert_int_equal(d1_tls_context_check_time(context, NOW_MS, &error), 0);
    assert_int_equal(d1_tls_context_check_time(context, NOW_MS + 2 * DAY_S * 1000, &error),
                     D1_ECONFIG);
    assert_string_equal(error.text, "has expired at 2026-11-23T02:02:01.000Z");
    assert_int_equal(d1_tls_context_check_time(context, NOW_MS - 2 * DAY_S * 1000, &error),
                     D1_ECONFIG);
    assert_string_equal(error.text, "is not valid before 2026-11-21T02:02:01.000Z");
    d1_tls_context_destroy(context);
}

static void without_memory(void **state) {
    struct ends *ends = *state;
    struct d1_tls_stream *stream = NULL;
    d1_mem_fault_arm(0, 0);
    int err = d1_tls_stream_create(ends->tls, on_send, ends, &stream);
    if (d1_mem_fault_disarm() == 0) {
        d1_tls_stream_destroy(stream);
        skip(); /* Built without fault points. */
    }
    assert_int_equal(err, -ENOMEM);
    struct d1_tls *tls = NULL;
    struct d1_tls_context *context = make_context();
    d1_mem_fault_arm(0, 0);
    err = d1_tls_create(context, &tls);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    shake_hands(ends);
    say(ends, "one");
    uint8_t octets[4096];
    d1_tls_stream_feed(ends->server, octets, from_client(ends, octets, sizeof(octets)));
    d1_mem_fault_arm(0, 0);
    err = d1_tls_stream_hold(ends->server);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(handshake_and_talk),
        T(large_writes_are_several_records),
        T(what_is_not_read_is_held),
        T(octet_by_octet),
        T(close_notify_both_ways),
        T(damage_ends_the_stream),
        T(nothing_is_written_before_the_handshake),
        T(plain_http_is_recognised),
        T(failing_send_ends_the_stream),
        T(alpn),
        T(open_streams_keep_their_context),
        cmocka_unit_test(what_is_wrong_with_files),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(authorities_of_clients),
        T(certificates_of_clients),
        cmocka_unit_test(time_of_a_certificate),
        T(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
