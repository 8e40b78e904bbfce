#include "tests/bench/check.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"

#define TYPE_SOA       6  /* RFC 1035, 3.2.2. */
#define TYPE_TXT       16 /* RFC 1035, 3.2.2. */
#define CLASS_IN       1
#define RCODE_NXDOMAIN 3
#define FLAG_AA        0x0400 /* RFC 1035, 4.1.1. */
#define FLAGS_RD       0x0100
#define FLAGS_RCODE    0x000F
/* QR, Opcode, TC and RD: a response to a QUERY, whole, RD as asked. */
#define FLAGS_FORM 0xFB00
#define FLAGS_QR   0x8000

struct record {
    size_t owner; /* Offset of the owner's name. */
    uint16_t type;
    uint16_t class;
    struct d1_reader rdata;
};

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool labels_equal(const uint8_t *a, const uint8_t *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

/* Step over a name, compressed or not. */
static void skip_name(struct d1_reader *reader) {
    for (;;) {
        uint8_t length = d1_read_u8(reader);
        if (reader->failed || length == 0) {
            return;
        }
        if (length >= 0xC0) {
            d1_read_u8(reader);
            return;
        }
        if (length > D1_LABEL_OCTETS_MAX) {
            reader->failed = true;
            return;
        }
        d1_read_bytes(reader, length);
    }
}

/*
 * Whether the name at an offset of the message, compressed or not, is `name` (wire form, not
 * compressed). Ends: every pointer goes backwards, and every label uses up some of `name`.
 */
static bool name_is(const uint8_t *message, size_t length, size_t at, const uint8_t *name) {
    for (;;) {
        if (at >= length) {
            return false;
        }
        uint8_t label = message[at];
        if (label >= 0xC0) {
            if (at + 1 >= length) {
                return false;
            }
            size_t target = (size_t)(label & 0x3F) << 8 | message[at + 1];
            if (target >= at) {
                return false;
            }
            at = target;
            continue;
        }
        if (label != name[0] || at + 1 + label > length) {
            return false;
        }
        if (label == 0) {
            return true;
        }
        if (!labels_equal(message + at + 1, name + 1, label)) {
            return false;
        }
        at += 1u + label;
        name += 1u + label;
    }
}

static struct record read_record(struct d1_reader *reader) {
    struct record record = {.owner = d1_reader_offset(reader)};
    skip_name(reader);
    record.type = d1_read_u16(reader);
    record.class = d1_read_u16(reader);
    d1_read_u32(reader); /* TTL. */
    uint16_t length = d1_read_u16(reader);
    const uint8_t *rdata = d1_read_bytes(reader, length);
    record.rdata = d1_reader_over(rdata, rdata != NULL ? length : 0);
    return record;
}

static enum d1_bench_fault check_txt(const struct d1_bench_query *query,
                                     const struct d1_reader *reader, struct record *record) {
    const uint8_t *message = reader->start;
    size_t length = (size_t)(reader->end - message);
    if (!name_is(message, length, record->owner, query->message + D1_DNS_HEADER_BYTES)) {
        return D1_BENCH_OWNER;
    }
    if (record->type != TYPE_TXT || record->class != CLASS_IN) {
        return D1_BENCH_TYPE;
    }
    uint8_t value_length = d1_read_u8(&record->rdata);
    const uint8_t *value = d1_read_bytes(&record->rdata, value_length);
    if (value == NULL || d1_reader_left(&record->rdata) != 0 ||
        value_length != query->value_length || memcmp(value, query->value, value_length) != 0) {
        return D1_BENCH_VALUE;
    }
    return D1_BENCH_RIGHT;
}

static bool is_soa_of_zone(const struct d1_bench_query *query, const struct d1_reader *reader,
                           const struct record *record) {
    const uint8_t *message = reader->start;
    size_t length = (size_t)(reader->end - message);
    if (record->type != TYPE_SOA || record->class != CLASS_IN ||
        !name_is(message, length, record->owner, query->message + query->zone_offset)) {
        return false;
    }
    struct d1_reader rdata = record->rdata;
    skip_name(&rdata);
    skip_name(&rdata);
    return d1_read_bytes(&rdata, 20) != NULL && d1_reader_left(&rdata) == 0;
}

/* The records after the question. */
static enum d1_bench_fault check_sections(const struct d1_bench_query *query,
                                          struct d1_reader *reader) {
    const uint8_t *header = reader->start;
    unsigned ancount = d1_load_u16(header + 6);
    unsigned nscount = d1_load_u16(header + 8);
    unsigned arcount = d1_load_u16(header + 10);
    bool soa = false;
    if (ancount != (query->value != NULL ? 1u : 0u)) {
        return D1_BENCH_ANCOUNT;
    }
    for (unsigned i = 0; i < ancount; i++) {
        struct record record = read_record(reader);
        if (reader->failed) {
            return D1_BENCH_FORM;
        }
        enum d1_bench_fault fault = check_txt(query, reader, &record);
        if (fault != D1_BENCH_RIGHT) {
            return fault;
        }
    }
    for (unsigned i = 0; i < nscount + arcount && !reader->failed; i++) {
        struct record record = read_record(reader);
        soa = soa || (i < nscount && !reader->failed && is_soa_of_zone(query, reader, &record));
    }
    if (reader->failed || d1_reader_left(reader) != 0) {
        return D1_BENCH_FORM;
    }
    return query->value == NULL && !soa ? D1_BENCH_SOA : D1_BENCH_RIGHT;
}

enum d1_bench_fault d1_bench_check(const struct d1_bench_query *query, uint16_t id,
                                   const uint8_t *answer, size_t length) {
    if (length < query->message_length) {
        return D1_BENCH_SHORT;
    }
    if (d1_load_u16(answer) != id) {
        return D1_BENCH_ID;
    }
    unsigned flags = d1_load_u16(answer + 2);
    unsigned asked = d1_load_u16(query->message + 2);
    if ((flags & FLAGS_FORM) != (FLAGS_QR | (asked & FLAGS_RD))) {
        return D1_BENCH_FLAGS;
    }
    if ((flags & FLAG_AA) == 0) {
        return D1_BENCH_AA;
    }
    size_t question_length = query->message_length - (size_t)D1_DNS_HEADER_BYTES;
    if (d1_load_u16(answer + 4) != 1 ||
        memcmp(answer + D1_DNS_HEADER_BYTES, query->message + D1_DNS_HEADER_BYTES,
               question_length) != 0) {
        return D1_BENCH_QUESTION;
    }
    if ((flags & FLAGS_RCODE) != (query->value != NULL ? 0u : RCODE_NXDOMAIN)) {
        return D1_BENCH_RCODE;
    }
    struct d1_reader reader = d1_reader_over(answer, length);
    d1_read_bytes(&reader, query->message_length);
    return check_sections(query, &reader);
}

const char *d1_bench_fault_text(enum d1_bench_fault fault) {
    static const char *const texts[] = {
#define X(name, text) [name] = (text),
        D1_BENCH_FAULT_TABLE(X)
#undef X
    };
    assert(fault < D1_BENCH_FAULTS);
    return texts[fault];
}
