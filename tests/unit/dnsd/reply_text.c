#include "tests/unit/dnsd/reply_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "dns/wire.h"

#define TEXT_MAX 16384

static size_t add(char *text, size_t at, const char *more) {
    int length = snprintf(text + at, TEXT_MAX - at, "%s", more);
    assert_true(length >= 0 && at + (size_t)length < TEXT_MAX);
    return at + (size_t)length;
}

static size_t add_name(char *text, size_t at, const struct d1_reply *reply, size_t offset) {
    struct d1_name name;
    char name_text[D1_NAME_TEXT_MAX];
    assert_int_not_equal(d1_decode_name(reply->wire, reply->slot.reply_length, offset, &name), 0);
    d1_name_to_text(&name, name_text);
    return add(text, at, name_text);
}

static size_t add_octets(char *text, size_t at, const uint8_t *octets, size_t count) {
    char hex[3];
    for (size_t i = 0; i < count; i++) {
        snprintf(hex, sizeof(hex), "%02x", octets[i]);
        at = add(text, at, hex);
    }
    return at;
}

static size_t add_rdata(char *text, size_t at, const struct d1_reply *reply,
                        const struct d1_decoded_rr *rr) {
    const uint8_t *rdata = reply->wire + rr->rdata_at;
    char address[64];
    if (rr->type == D1_TYPE_A) {
        snprintf(address, sizeof(address), "%u.%u.%u.%u", rdata[0], rdata[1], rdata[2], rdata[3]);
        return add(text, at, address);
    }
    if (rr->type == D1_TYPE_AAAA) {
        snprintf(address, sizeof(address), "%x:%x::%x", d1_load_u16(rdata), d1_load_u16(rdata + 2),
                 d1_load_u16(rdata + 14));
        return add(text, at, address);
    }
    if (rr->type == D1_TYPE_NS || rr->type == D1_TYPE_CNAME) {
        return add_name(text, at, reply, rr->rdata_at);
    }
    if (rr->type == D1_TYPE_TXT) {
        snprintf(address, sizeof(address), "%.*s", rdata[0], (const char *)rdata + 1);
        return add(text, at, address);
    }
    return add_octets(text, at, rdata + rr->rdata_length - 2, 2);
}

static size_t add_record(char *text, size_t at, const struct d1_reply *reply,
                         const struct d1_decoded_rr *rr) {
    char word[32];
    char type[16];
    at = add_name(text, at, reply, rr->owner_at);
    if (rr->type == D1_TYPE_SOA) {
        snprintf(word, sizeof(word), " SOA %u", (unsigned)rr->ttl);
        return add(text, at, word);
    }
    if (rr->ttl != 3600) {
        snprintf(word, sizeof(word), " %u", (unsigned)rr->ttl);
        at = add(text, at, word);
    }
    snprintf(word, sizeof(word), " %s ", d1_type_text(rr->type, type));
    at = add(text, at, word);
    return add_rdata(text, at, reply, rr);
}

static char *text_of(const struct d1_reply *reply) {
    const struct d1_decoded *decoded = &reply->decoded;
    char *text = test_malloc(TEXT_MAX);
    char rcode[16];
    size_t at = add(text, 0, d1_rcode_text(decoded->rcode, rcode));
    at = add(text, at, (decoded->flags & D1_FLAG_AA) != 0 ? " aa" : "");
    at = add(text, at, (decoded->flags & D1_FLAG_TC) != 0 ? " tc" : "");
    for (unsigned section = 0; section < 3; section++) {
        const char *before = " ";
        at = add(text, at, " |");
        for (size_t i = 0; i < decoded->rrs_count; i++) {
            const struct d1_decoded_rr *rr = &decoded->rrs[i];
            if ((unsigned)rr->section == section && rr->type != D1_TYPE_OPT) {
                at = add(text, at, before);
                at = add_record(text, at, reply, rr);
                before = "; ";
            }
        }
    }
    return text;
}

void d1_assert_reply(const struct d1_fixture *fixture, const struct d1_ask *ask,
                     const char *answer) {
    struct d1_reply *reply = d1_fixture_ask(fixture, ask);
    char *text = text_of(reply);
    assert_string_equal(text, answer);
    test_free(text);
    d1_free(reply);
}

/* Load these zones into an empty fixture; challenges come later. */
void d1_fixture_load(struct d1_fixture *fixture, const struct d1_zone_config *configs,
                     size_t count) {
    struct d1_error error = {.text = ""};
    memset(fixture, 0, sizeof(*fixture));
    assert_int_equal(d1_epoch_create(1, &fixture->epoch), D1_OK);
    int err = d1_served_create(fixture->epoch, configs, count, &fixture->served, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(err, D1_OK);
    atomic_init(&fixture->current.served, fixture->served);
    assert_int_equal(d1_served_publisher_create(&fixture->current, &fixture->publisher), D1_OK);
    d1_epoch_online(fixture->epoch, 0);
}
