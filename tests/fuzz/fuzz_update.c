/*
 * Any octets -> what d1_answer_batch leaves aside: UPDATE and signed messages, over a populated data
 * set. The first octet says whether the rest is signed with a key of ours before it is sent (so that
 * what lies behind the signature is reached), made an UPDATE, and sent over TCP. An answer decodes,
 * repeats id and opcode, and is signed where the message was; a job holds changes of the zone only,
 * and its prerequisites have a verdict.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "dnsd/apply.h"
#include "dnsd/signed.h"
#include "dnsd/update.h"
#include "tests/lib/decode.h"
#include "tests/unit/dnsd/fixture.h"

#define NOW_S     1700000000
#define SIGNED    1
#define AS_UPDATE 2
#define OVER_TCP  4
#define TSIG_ROOM 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    struct d1_fixture fixture;
    struct d1_loop *loop;
    struct d1_fake_clock clock;
    struct d1_tsig_key *key;
    struct d1_keys_current keys;
    struct d1_applier *applier;
    struct d1_updates *updates;
};

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_update: %s\n", what);
        abort();
    }
}

static void target_init(struct target *target) {
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    struct d1_name name = d1_fixture_name("key.example");
    struct d1_keys *keys = NULL;
    d1_fixture_init(&target->fixture);
    d1_fake_clock_init(&target->clock, NOW_S * INT64_C(1000));
    require(d1_loop_create("test", &target->loop) == D1_OK, "loop");
    require(d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, secret, sizeof(secret) - 1,
                               &target->key) == D1_OK,
            "key");
    require(d1_keys_create(&keys) == D1_OK && d1_keys_add(keys, target->key) == D1_OK, "keys");
    atomic_init(&target->keys.keys, keys);
    require(d1_applier_create(NULL, &target->fixture.current, &target->applier) == D1_OK,
            "applier");
    const struct d1_updates_options options = {
        .loop = target->loop, .control = target->loop, .clock = &target->clock.clock};
    require(d1_updates_create(&options, &target->updates) == D1_OK, "updates");
    d1_updates_set(target->updates, &target->keys, target->applier);
}

static void check_job(const struct target *target, const struct d1_update_job *job) {
    const struct d1_apply *apply = job->apply;
    require(apply->changes_count <= apply->update.changes, "more changes than records");
    for (size_t i = 0; i < apply->changes_count; i++) {
        const struct d1_solver_change *change = &apply->changes[i];
        require(d1_name_is_under(&change->name, &apply->update.zone), "a change elsewhere");
        require(change->kind == D1_SOLVER_CLEAR || change->value.length > 0, "an empty value");
    }
    switch (d1_prerequisites_check(target->fixture.served, &apply->update)) {
    case D1_RCODE_NOERROR:
    case D1_RCODE_NXDOMAIN:
    case D1_RCODE_YXDOMAIN:
    case D1_RCODE_NXRRSET:
    case D1_RCODE_YXRRSET:
        break;
    default:
        require(false, "another verdict on prerequisites");
    }
}

/* The decoder knows no TSIG: it gets the reply without it. */
static void check_decodes(uint8_t *reply, size_t length, bool has_tsig) {
    struct d1_decoded *decoded = d1_malloc(sizeof(*decoded));
    uint16_t additional = d1_load_u16(reply + 10);
    require(decoded != NULL, "memory");
    d1_store_u16(reply + 10, (uint16_t)(additional - has_tsig));
    const char *fault = d1_decode_message(reply, length, decoded);
    require(fault == NULL, fault);
    d1_store_u16(reply + 10, additional);
    d1_free(decoded);
}

static void check_reply(const struct d1_answer_slot *slot, const struct d1_tsig_key *key) {
    struct d1_tsig request;
    struct d1_tsig tsig;
    require(slot->reply_length <= slot->reply_max, "a reply beyond its room");
    require(memcmp(slot->reply, slot->message, 2) == 0, "another id");
    require((slot->reply[2] & 0xf8) == ((slot->message[2] & 0xf8) | 0x80), "another opcode");
    int err = d1_tsig_find(slot->reply, slot->reply_length, &tsig);
    require(err != D1_EPARSE, "a malformed signature");
    bool has_tsig = err == D1_OK;
    check_decodes(slot->reply, has_tsig ? tsig.at : slot->reply_length, has_tsig);
    if (has_tsig && tsig.mac_length > 0) {
        require(d1_tsig_find(slot->message, slot->length, &request) == D1_OK &&
                    d1_tsig_verify(key, slot->reply, &tsig, &request, (int64_t)tsig.time_s) ==
                        D1_OK,
                "a wrong signature");
    }
}

static void put(struct target *target, const uint8_t *message, size_t length, bool tcp) {
    size_t reply_max = tcp ? D1_DNS_MESSAGE_MAX : D1_DNS_UDP_MAX;
    uint8_t *exact = d1_memdup(message, length);
    uint8_t *reply = d1_malloc(reply_max);
    require(exact != NULL && reply != NULL, "memory");
    struct d1_answer_context context = target->fixture.context;
    struct d1_answer_slot slot = {
        .message = exact,
        .length = length,
        .reply = reply,
        .reply_max = reply_max,
        .client = &target->fixture.client,
        .tcp = tcp,
    };
    context.served = target->fixture.served;
    if (d1_answer_batch(&context, &slot, 1) > 0) {
        if (slot.verdict == D1_QUERY_UPDATE) {
            d1_update_answer(target->updates, &context, &slot);
            require((slot.reply_length > 0) != (slot.job != NULL), "no answer, or two");
        } else {
            d1_signed_answer(&context, d1_updates_keys(target->updates), NOW_S, &slot);
        }
        if (slot.job != NULL) {
            check_job(target, slot.job);
            d1_update_job_free(slot.job);
        } else if (slot.reply_length > 0) {
            check_reply(&slot, target->key);
        }
    }
    d1_free(exact);
    d1_free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct target target; /* Made once: a target has no end at which to free it. */
    if (target.updates == NULL) {
        target_init(&target);
    }
    if (size < 1 + D1_DNS_HEADER_BYTES || size - 1 > D1_DNS_MESSAGE_MAX - TSIG_ROOM) {
        return 0;
    }
    uint8_t how = data[0];
    size_t length = size - 1;
    uint8_t *message = d1_malloc(length + TSIG_ROOM);
    require(message != NULL, "memory");
    memcpy(message, data + 1, length);
    if ((how & AS_UPDATE) != 0) {
        message[2] = D1_OPCODE_UPDATE << 3;
    }
    if ((how & SIGNED) != 0) {
        struct d1_writer writer = d1_writer_over(message, length + TSIG_ROOM);
        writer.at += length;
        require(d1_tsig_sign(target.key, NULL, 0, NOW_S, &writer) == D1_OK, "sign");
        length = d1_writer_length(&writer);
    }
    put(&target, message, length, (how & OVER_TCP) != 0);
    d1_free(message);
    return 0;
}
