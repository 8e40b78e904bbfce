/*
 * Signed UPDATE (RFC 2136, RFC 8945) over UDP: the RRset of a name is deleted and one TXT record
 * added, as `nsupdate` and lego do. The answer's own signature is verified.
 */
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "dns/wire.h"
#include "tests/bench/door.h"

#define TTL_S 1 /* Served TTLs differ by server; 0 is not taken by all. */

static int64_t now_s(void) {
    return d1_clock_wall_ms(d1_clock_system()) / 1000;
}

static void write_name(struct d1_writer *writer, const struct d1_name *name) {
    d1_write_bytes(writer, name->octets, name->length);
}

static void write_head(struct d1_writer *writer, uint16_t id, uint16_t flags, uint16_t changes) {
    const uint16_t words[] = {id, flags, 1, 0, changes, 0};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        d1_write_u16(writer, words[i]);
    }
}

static void write_record(struct d1_writer *writer, const struct d1_name *name, uint16_t class,
                         uint32_t ttl_s, const char *value) {
    size_t length = value != NULL ? strlen(value) : 0;
    write_name(writer, name);
    d1_write_u16(writer, D1_TYPE_TXT);
    d1_write_u16(writer, class);
    d1_write_u32(writer, ttl_s);
    d1_write_u16(writer, (uint16_t)(value != NULL ? length + 1 : 0));
    if (value != NULL) {
        d1_write_u8(writer, (uint8_t)length);
        d1_write_bytes(writer, value, length);
    }
}

static int make(const struct d1_bench_door_settings *settings, struct d1_bench_exchange *exchange) {
    struct d1_writer writer = d1_writer_over(exchange->request, sizeof(exchange->request));
    write_head(&writer, exchange->id, D1_OPCODE_UPDATE << D1_OPCODE_SHIFT, 2);
    write_name(&writer, &settings->zone);
    d1_write_u16(&writer, D1_TYPE_SOA);
    d1_write_u16(&writer, D1_CLASS_IN);
    write_record(&writer, &exchange->account->name, D1_CLASS_ANY, 0, NULL);
    write_record(&writer, &exchange->account->name, D1_CLASS_IN, TTL_S, exchange->value);
    int err = writer.failed ? D1_ETOOLARGE : d1_tsig_sign(settings->key, NULL, 0, now_s(), &writer);
    exchange->request_length = d1_writer_length(&writer);
    return err == D1_OK
               ? d1_tsig_find(exchange->request, exchange->request_length, &exchange->signature)
               : err;
}

/* A late answer to an earlier request is no answer to this one. */
static int judge(const struct d1_bench_door_settings *settings,
                 struct d1_bench_exchange *exchange) {
    const uint8_t *answer = exchange->answer;
    size_t length = exchange->answer_length;
    struct d1_tsig signature;
    if (length < D1_DNS_HEADER_BYTES || d1_load_u16(answer) != exchange->id) {
        return 0;
    }
    unsigned flags = d1_load_u16(answer + 2);
    if ((flags & D1_FLAG_QR) == 0 || (flags & 0xf) != D1_RCODE_NOERROR ||
        d1_tsig_find(answer, length, &signature) != D1_OK ||
        d1_tsig_verify(settings->key, answer, &signature, &exchange->signature, now_s()) != 0) {
        return -1;
    }
    return 1;
}

const struct d1_bench_door d1_bench_update_door = {
    .name = "update-tsig", .datagrams = true, .writes = true, .make = make, .judge = judge};

size_t d1_bench_ask_txt(const struct d1_name *name, uint16_t id, uint8_t *octets, size_t room) {
    struct d1_writer writer = d1_writer_over(octets, room);
    write_head(&writer, id, 0, 0);
    write_name(&writer, name);
    d1_write_u16(&writer, D1_TYPE_TXT);
    d1_write_u16(&writer, D1_CLASS_IN);
    return writer.failed ? 0 : d1_writer_length(&writer);
}

bool d1_bench_shows(const uint8_t *answer, size_t length, uint16_t id, const char *value) {
    if (length < D1_DNS_HEADER_BYTES || d1_load_u16(answer) != id) {
        return false;
    }
    unsigned flags = d1_load_u16(answer + 2);
    bool right =
        (flags & D1_FLAG_QR) != 0 && (flags & D1_FLAG_AA) != 0 && (flags & 0xf) == D1_RCODE_NOERROR;
    return right && memmem(answer, length, value, strlen(value)) != NULL;
}
