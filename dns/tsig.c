/*
 * What is signed (RFC 8945, 4.3): the request's MAC with its length, when an answer is signed; the
 * message without its TSIG record, with its original id and one additional record fewer; and the
 * fields of the record that are not the MAC itself. Names go in uncompressed and folded, which is
 * how struct d1_name keeps them.
 */
#include "dns/tsig.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/mem.h"
#include "dns/rr.h"
#include "dns/wire.h"

#define MAC_LEAST         10 /* RFC 8945, 5.2.2.1. */
#define OTHER_TIME_BYTES  6
#define TIME_MAX          ((UINT64_C(1) << 48) - 1)
#define RECORD_HEAD_BYTES 10 /* Type, class, TTL, RDLENGTH. */
#define FIXED_BYTES       16 /* Time, fudge, MAC size, original id, error, other length. */
#define ARCOUNT_AT        10

struct algorithm {
    const char *digest; /* As OpenSSL knows it. */
    uint8_t mac_length;
    uint8_t name_length;
    const char *name; /* Wire form. */
};

#define NAMED(wire) .name_length = sizeof(wire), .name = (wire)

static const struct algorithm algorithms[D1_TSIG_ALGORITHMS] = {
    [D1_TSIG_HMAC_MD5] = {"MD5", 16, NAMED("\10hmac-md5\7sig-alg\3reg\3int")},
    [D1_TSIG_HMAC_SHA1] = {"SHA1", 20, NAMED("\11hmac-sha1")},
    [D1_TSIG_HMAC_SHA224] = {"SHA224", 28, NAMED("\13hmac-sha224")},
    [D1_TSIG_HMAC_SHA256] = {"SHA256", 32, NAMED("\13hmac-sha256")},
    [D1_TSIG_HMAC_SHA384] = {"SHA384", 48, NAMED("\13hmac-sha384")},
    [D1_TSIG_HMAC_SHA512] = {"SHA512", 64, NAMED("\13hmac-sha512")},
};

const char *const d1_tsig_algorithm_names[] = {
    [D1_TSIG_HMAC_MD5] = "hmac-md5",       [D1_TSIG_HMAC_SHA1] = "hmac-sha1",
    [D1_TSIG_HMAC_SHA224] = "hmac-sha224", [D1_TSIG_HMAC_SHA256] = "hmac-sha256",
    [D1_TSIG_HMAC_SHA384] = "hmac-sha384", [D1_TSIG_HMAC_SHA512] = "hmac-sha512",
    [D1_TSIG_ALGORITHMS] = NULL,
};

struct d1_tsig_key {
    _Atomic uint32_t references;
    const struct algorithm *algorithm;
    EVP_MAC_CTX *keyed; /* Holds the secret, nothing hashed yet; copied for each MAC. */
    struct d1_name name;
};

static EVP_MAC_CTX *make_keyed(const struct algorithm *algorithm, const void *secret,
                               size_t length) {
    char digest[16];
    memcpy(digest, algorithm->digest, strlen(algorithm->digest) + 1);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *keyed = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* The context has a reference of its own. */
    if (keyed != NULL && EVP_MAC_init(keyed, secret, length, params) != 1) {
        EVP_MAC_CTX_free(keyed);
        return NULL;
    }
    return keyed;
}

int d1_tsig_key_create(const struct d1_name *name, enum d1_tsig_algorithm algorithm,
                       const void *secret, size_t length, struct d1_tsig_key **ret_key) {
    if (name->length <= 1) {
        return D1_ENAME;
    }
    struct d1_tsig_key *key = d1_calloc(1, sizeof(*key));
    if (key == NULL) {
        return -ENOMEM;
    }
    atomic_init(&key->references, 1);
    key->algorithm = &algorithms[algorithm];
    d1_name_copy(&key->name, name);
    key->keyed = make_keyed(key->algorithm, secret, length);
    if (key->keyed == NULL) {
        d1_free(key);
        return D1_EINTERNAL;
    }
    *ret_key = key;
    return D1_OK;
}

struct d1_tsig_key *d1_tsig_key_hold(struct d1_tsig_key *key) {
    atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void d1_tsig_key_drop(struct d1_tsig_key *key) {
    if (key == NULL || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    EVP_MAC_CTX_free(key->keyed); /* Wipes the secret. */
    d1_free(key);
}

const struct d1_name *d1_tsig_key_name(const struct d1_tsig_key *key) {
    return &key->name;
}

bool d1_tsig_key_is_for(const struct d1_tsig_key *key, const struct d1_name *algorithm) {
    return key->algorithm->name_length == algorithm->length &&
           memcmp(key->algorithm->name, algorithm->octets, algorithm->length) == 0;
}

/* Finding. */

static uint64_t read_time(struct d1_reader *reader) {
    uint64_t high = d1_read_u16(reader);
    return high << 32 | d1_read_u32(reader);
}

/* The record's rdata; its algorithm is never compressed (RFC 8945, 4.2). */
static int read_fields(const struct d1_rr *rr, struct d1_tsig *tsig) {
    struct d1_reader reader = d1_reader_over(rr->rdata, rr->rdata_length);
    if (d1_name_read(&reader, &tsig->algorithm) != D1_OK) {
        return D1_EPARSE;
    }
    tsig->time_s = read_time(&reader);
    tsig->fudge_s = d1_read_u16(&reader);
    tsig->mac_length = d1_read_u16(&reader);
    const uint8_t *mac = d1_read_bytes(&reader, tsig->mac_length);
    tsig->original_id = d1_read_u16(&reader);
    tsig->error = d1_read_u16(&reader);
    tsig->other_length = d1_read_u16(&reader);
    tsig->other = d1_read_bytes(&reader, tsig->other_length);
    if (reader.failed || d1_reader_left(&reader) > 0 || tsig->mac_length > D1_TSIG_MAC_MAX) {
        return D1_EPARSE;
    }
    memcpy(tsig->mac, mac, tsig->mac_length);
    return D1_OK;
}

static int skip_questions(struct d1_reader *reader, unsigned count) {
    struct d1_name name;
    for (unsigned i = 0; i < count; i++) {
        if (d1_rr_read_name(reader, &name) != D1_OK || d1_read_bytes(reader, 4) == NULL) {
            return D1_EPARSE;
        }
    }
    return D1_OK;
}

int d1_tsig_find(const uint8_t *message, size_t length, struct d1_tsig *ret_tsig) {
    struct d1_reader reader = d1_reader_over(message, length);
    const uint8_t *header = d1_read_bytes(&reader, D1_DNS_HEADER_BYTES);
    if (header == NULL || skip_questions(&reader, d1_load_u16(header + 4)) != D1_OK) {
        return D1_EPARSE;
    }
    unsigned additional = d1_load_u16(header + ARCOUNT_AT);
    unsigned records = (unsigned)d1_load_u16(header + 6) + d1_load_u16(header + 8) + additional;
    struct d1_rr rr = {.type = 0};
    for (unsigned i = 0; i < records; i++) {
        if (rr.type == D1_TYPE_TSIG || d1_rr_read(&reader, &rr) != D1_OK) {
            return D1_EPARSE; /* Malformed, or a record behind it. */
        }
    }
    if (d1_reader_left(&reader) > 0) {
        return D1_EPARSE;
    }
    if (rr.type != D1_TYPE_TSIG) {
        return D1_ENOTFOUND;
    }
    if (additional == 0 || rr.class != D1_CLASS_ANY || rr.ttl != 0) {
        return D1_EPARSE;
    }
    ret_tsig->at = rr.at;
    d1_name_copy(&ret_tsig->key, &rr.name);
    return read_fields(&rr, ret_tsig);
}

/* Signing. */

static void write_time(struct d1_writer *writer, uint64_t time_s) {
    d1_write_u16(writer, (uint16_t)(time_s >> 32));
    d1_write_u32(writer, (uint32_t)time_s);
}

/* The record's fields that are signed (RFC 8945, 4.3.3). */
static size_t encode_variables(const struct d1_tsig *tsig, uint8_t *ret_octets, size_t size) {
    struct d1_writer writer = d1_writer_over(ret_octets, size);
    d1_write_bytes(&writer, tsig->key.octets, tsig->key.length);
    d1_write_u16(&writer, D1_CLASS_ANY);
    d1_write_u32(&writer, 0);
    d1_write_bytes(&writer, tsig->algorithm.octets, tsig->algorithm.length);
    write_time(&writer, tsig->time_s);
    d1_write_u16(&writer, tsig->fudge_s);
    d1_write_u16(&writer, tsig->error);
    d1_write_u16(&writer, tsig->other_length);
    assert(!writer.failed);
    return d1_writer_length(&writer);
}

/* A message without its TSIG record. */
struct plain {
    const uint8_t *octets;
    size_t length;
    unsigned additional; /* What its header is to count. */
};

static int compute_mac(const struct d1_tsig_key *key, const struct plain *message,
                       const struct d1_tsig *tsig, const struct d1_tsig *request,
                       uint8_t ret_mac[D1_TSIG_MAC_MAX]) {
    uint8_t prior[2];
    uint8_t header[D1_DNS_HEADER_BYTES];
    uint8_t variables[2 * D1_NAME_OCTETS_MAX + FIXED_BYTES];
    size_t variables_length = encode_variables(tsig, variables, sizeof(variables));
    memcpy(header, message->octets, sizeof(header));
    d1_store_u16(header, tsig->original_id);
    d1_store_u16(header + ARCOUNT_AT, (uint16_t)message->additional);
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(key->keyed);
    bool done = context != NULL;
    if (request != NULL) {
        d1_store_u16(prior, request->mac_length);
        done = done && EVP_MAC_update(context, prior, sizeof(prior)) == 1 &&
               EVP_MAC_update(context, request->mac, request->mac_length) == 1;
    }
    size_t mac_length = 0;
    done = done && EVP_MAC_update(context, header, sizeof(header)) == 1 &&
           EVP_MAC_update(context, message->octets + sizeof(header),
                          message->length - sizeof(header)) == 1 &&
           EVP_MAC_update(context, variables, variables_length) == 1 &&
           EVP_MAC_update(context, tsig->other, tsig->other_length) == 1 &&
           EVP_MAC_final(context, ret_mac, &mac_length, D1_TSIG_MAC_MAX) == 1 &&
           mac_length == key->algorithm->mac_length;
    EVP_MAC_CTX_free(context);
    return done ? D1_OK : D1_EINTERNAL;
}

int d1_tsig_verify(const struct d1_tsig_key *key, const uint8_t *message,
                   const struct d1_tsig *tsig, const struct d1_tsig *request, int64_t now_s) {
    uint8_t mac[D1_TSIG_MAC_MAX];
    size_t whole = key->algorithm->mac_length;
    if (tsig->mac_length > whole || tsig->mac_length < MAC_LEAST || tsig->mac_length < whole / 2) {
        return D1_EPARSE;
    }
    unsigned additional = d1_load_u16(message + ARCOUNT_AT);
    assert(additional > 0); /* d1_tsig_find() found a record there. */
    const struct plain plain = {message, tsig->at, additional - 1};
    int err = compute_mac(key, &plain, tsig, request, mac);
    if (err != D1_OK) {
        return err;
    }
    bool equal = d1_equal_secret(mac, tsig->mac, tsig->mac_length);
    d1_wipe(mac, sizeof(mac));
    if (!equal) {
        return D1_TSIG_BADSIG;
    }
    uint64_t now = now_s > 0 ? (uint64_t)now_s : 0;
    uint64_t apart = now > tsig->time_s ? now - tsig->time_s : tsig->time_s - now;
    if (apart > tsig->fudge_s) {
        return D1_TSIG_BADTIME;
    }
    return tsig->mac_length < whole ? D1_TSIG_BADTRUNC : D1_OK;
}

static void write_record(struct d1_writer *writer, const struct d1_tsig *tsig) {
    d1_write_bytes(writer, tsig->key.octets, tsig->key.length);
    d1_write_u16(writer, D1_TYPE_TSIG);
    d1_write_u16(writer, D1_CLASS_ANY);
    d1_write_u32(writer, 0);
    d1_write_u16(writer, (uint16_t)(tsig->algorithm.length + FIXED_BYTES + tsig->mac_length +
                                    tsig->other_length));
    d1_write_bytes(writer, tsig->algorithm.octets, tsig->algorithm.length);
    write_time(writer, tsig->time_s);
    d1_write_u16(writer, tsig->fudge_s);
    d1_write_u16(writer, tsig->mac_length);
    d1_write_bytes(writer, tsig->mac, tsig->mac_length);
    d1_write_u16(writer, tsig->original_id);
    d1_write_u16(writer, tsig->error);
    d1_write_u16(writer, tsig->other_length);
    d1_write_bytes(writer, tsig->other, tsig->other_length);
}

int d1_tsig_sign(const struct d1_tsig_key *key, const struct d1_tsig *request, unsigned error,
                 int64_t now_s, struct d1_writer *writer) {
    assert(key != NULL || request != NULL);
    assert(d1_writer_length(writer) >= D1_DNS_HEADER_BYTES);
    uint8_t ours[OTHER_TIME_BYTES];
    uint64_t now = now_s > 0 ? (uint64_t)now_s & TIME_MAX : 0;
    bool unsigned_error = error == D1_TSIG_BADKEY || error == D1_TSIG_BADSIG;
    bool same_time = unsigned_error || error == D1_TSIG_BADTIME;
    struct d1_tsig tsig = {
        .time_s = same_time && request != NULL ? request->time_s : now,
        .fudge_s = same_time && request != NULL ? request->fudge_s : D1_TSIG_FUDGE_S,
        .original_id = d1_load_u16(writer->start),
        .error = (uint16_t)error,
        .other = ours,
    };
    if (request != NULL) {
        d1_name_copy(&tsig.key, &request->key);
        d1_name_copy(&tsig.algorithm, &request->algorithm);
    } else {
        d1_name_copy(&tsig.key, &key->name);
        tsig.algorithm.length = key->algorithm->name_length;
        memcpy(tsig.algorithm.octets, key->algorithm->name, key->algorithm->name_length);
    }
    if (error == D1_TSIG_BADTIME) {
        struct d1_writer other = d1_writer_over(ours, sizeof(ours));
        write_time(&other, now);
        tsig.other_length = OTHER_TIME_BYTES;
    }
    unsigned additional = d1_load_u16(writer->start + ARCOUNT_AT);
    if (!unsigned_error) {
        const struct plain plain = {writer->start, d1_writer_length(writer), additional};
        int err = compute_mac(key, &plain, &tsig, request, tsig.mac);
        if (err != D1_OK) {
            return err;
        }
        tsig.mac_length = key->algorithm->mac_length;
    }
    uint8_t *before = writer->at;
    write_record(writer, &tsig);
    if (writer->failed) {
        writer->at = before;
        writer->failed = false;
        return D1_ETOOLARGE;
    }
    d1_store_u16(writer->start + ARCOUNT_AT, (uint16_t)(additional + 1));
    return D1_OK;
}

size_t d1_tsig_bytes(const struct d1_tsig_key *key, const struct d1_tsig *request) {
    return (size_t)request->key.length + RECORD_HEAD_BYTES + request->algorithm.length +
           FIXED_BYTES + (key != NULL ? key->algorithm->mac_length : 0) + OTHER_TIME_BYTES;
}
