#include "tests/unit/dnsd/fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "solver/publisher.h"

#define VALUES_MAX 1232

/* Used by fuzz targets too, so it stops the program by itself. */
static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fixture: %s\n", what);
        abort();
    }
}

static void require_memory(const void *pointer) {
    require(pointer != NULL, "memory");
}

struct d1_name d1_fixture_name(const char *text) {
    struct d1_name name;
    require(d1_name_from_text(text, &name) == D1_OK, text);
    return name;
}

static const char *const first_lines[] = {
    "ns1 A 192.0.2.1",
    "ns1 AAAA 2001:db8::1",
    "deep.er.static 77 TXT \"x y\" z",
    "alias CNAME target.example.net.",
    "mixed 60 A 192.0.2.7",
    "mixed 60 A 192.0.2.8",
};
static const char *const odd_lines[] = {
    "ns A 192.0.2.1",
    "*.w A 192.0.2.2",
    "a.*.e TXT ent",
    "*.c CNAME x.w",
    "*.l CNAME x.l",
    "a CNAME b",
    "b CNAME c",
    "c CNAME a",
    "d CNAME no.such",
    "o CNAME one.auth.example.test.",
    "u CNAME www.example.net.",
    "v CNAME _acme-challenge.live.deleg.test.",
    "r CNAME x.cut",
    "cut NS ns.cut",
    "cut NS ns",
    "cut DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001",
    "ns.cut A 192.0.2.3",
    "ns.cut AAAA 2001:db8::3",
    "deep.er.cut TXT occluded",
    "ptr PTR host.example.net.",
};

/* Load all zones. */
static void load(struct d1_fixture *fixture) {
    const struct d1_name odd_ns = d1_fixture_name("ns.odd.test");
    const struct d1_name first_ns = d1_fixture_name("ns1.auth.example.test");
    const struct d1_name second_ns[] = {d1_fixture_name("example.org"),
                                        d1_fixture_name("ns.example.net")};
    const struct d1_zone_config configs[] = {
        {
            .name = d1_fixture_name("auth.example.test"),
            .nameservers_count = 1,
            .nameservers = &first_ns,
            .hostmaster = d1_fixture_name("hostmaster.example.test"),
            .records_count = D1_ARRAY_LENGTH(first_lines),
            .records = first_lines,
            .serial = 2026112201,
        },
        {
            .name = d1_fixture_name("example.org"),
            .nameservers_count = 2,
            .nameservers = second_ns,
            .hostmaster = d1_fixture_name("host.master.example.org"),
            .ttl = 30,
            .negative_ttl = 300,
            .serial = 7,
        },
        {
            .name = d1_fixture_name("low.mid.auth.example.test"),
            .nameservers_count = 1,
            .nameservers = &first_ns,
            .hostmaster = d1_fixture_name("hostmaster.example.test"),
            .serial = 3,
        },
        {
            .name = d1_fixture_name("odd.test"),
            .nameservers_count = 1,
            .nameservers = &odd_ns,
            .hostmaster = odd_ns,
            .records_count = D1_ARRAY_LENGTH(odd_lines),
            .records = odd_lines,
        },
        {
            .delegation = true,
            .name = d1_fixture_name("deleg.test"),
            .nameservers_count = 1,
            .nameservers = &first_ns,
            .hostmaster = first_ns,
        },
    };
    struct d1_error error = {.text = ""};
    int err = d1_served_create(fixture->epoch, configs, D1_ARRAY_LENGTH(configs), &fixture->served,
                               &error);
    require(err == D1_OK, error.text);
}

void d1_fixture_init(struct d1_fixture *fixture) {
    memset(fixture, 0, sizeof(*fixture));
    require(d1_epoch_create(1, &fixture->epoch) == D1_OK, "d1_epoch_create");
    load(fixture);
    atomic_init(&fixture->current.served, fixture->served);
    fixture->client.in.sin_family = AF_INET;
    fixture->client.in.sin_port = htons(5353);
    fixture->client.in.sin_addr.s_addr = htonl(0xc6336464);
    require(d1_served_publisher_create(&fixture->current, &fixture->publisher) == D1_OK,
            "d1_served_publisher_create");
    require(d1_fixture_publish(fixture, "one.auth.example.test", 1, 43) == D1_OK,
            "d1_fixture_publish");
    require(d1_fixture_publish(fixture, "many.auth.example.test", 10, 43) == D1_OK,
            "d1_fixture_publish");
    require(d1_fixture_publish(fixture, "huge.auth.example.test", 600, 2) == D1_OK,
            "d1_fixture_publish");
    require(d1_fixture_know(fixture, "known.auth.example.test", true) == D1_OK, "d1_fixture_know");
    require(d1_fixture_publish(fixture, "_acme-challenge.live.deleg.test", 1, 43) == D1_OK,
            "d1_fixture_publish");
    d1_epoch_online(fixture->epoch, 0);
}

void d1_fixture_close(struct d1_fixture *fixture) {
    d1_epoch_offline(fixture->epoch, 0);
    d1_served_publisher_destroy(fixture->publisher);
    d1_served_destroy(fixture->served);
    d1_epoch_destroy(fixture->epoch);
}

int d1_fixture_publish(struct d1_fixture *fixture, const char *name, size_t count, size_t length) {
    struct d1_txt_value *values = d1_calloc(count + 1, sizeof(*values));
    const struct d1_txt_value **pointers = d1_calloc(count + 1, sizeof(struct d1_txt_value *));
    struct d1_name owner = d1_fixture_name(name);
    struct d1_publisher *publisher = d1_served_publisher_base(fixture->publisher);
    require_memory(values);
    require_memory(pointers);
    for (size_t i = 0; i < count; i++) {
        values[i].length = (uint8_t)length;
        memset(values[i].octets, (int)('A' + i % 26), length);
        pointers[i] = &values[i];
    }
    int err = publisher->publish(publisher, &owner, "", pointers, count, NULL);
    d1_free(pointers);
    d1_free(values);
    return err;
}

int d1_fixture_know(struct d1_fixture *fixture, const char *name, bool known) {
    struct d1_publisher *publisher = d1_served_publisher_base(fixture->publisher);
    struct d1_name owner = d1_fixture_name(name);
    return publisher->know(publisher, &owner, known);
}

int d1_fixture_serves(struct d1_fixture *fixture, const char *name) {
    struct d1_publisher *publisher = d1_served_publisher_base(fixture->publisher);
    struct d1_name owner = d1_fixture_name(name);
    return publisher->serves(publisher, &owner, "");
}

size_t d1_ask_build(const struct d1_ask *ask, uint8_t ret_message[D1_ASK_BYTES_MAX]) {
    struct d1_name name = d1_fixture_name(ask->name);
    for (size_t i = 0; ask->mixed_case && i < name.length; i += 2) {
        uint8_t octet = name.octets[i];
        name.octets[i] = octet >= 'a' && octet <= 'z' ? (uint8_t)(octet - 32) : octet;
    }
    struct d1_writer writer = d1_writer_over(ret_message, D1_ASK_BYTES_MAX);
    d1_write_u16(&writer, 0xbeef);
    d1_write_u16(&writer, ask->flags);
    d1_write_u16(&writer, 1);
    d1_write_u32(&writer, 0);
    d1_write_u16(&writer, ask->edns);
    d1_write_bytes(&writer, name.octets, name.length);
    d1_write_u16(&writer, ask->type != 0 ? ask->type : D1_TYPE_TXT);
    d1_write_u16(&writer, ask->class != 0 ? ask->class : D1_CLASS_IN);
    if (ask->edns) {
        d1_write_u8(&writer, 0);
        d1_write_u16(&writer, D1_TYPE_OPT);
        d1_write_u16(&writer, ask->udp_size);
        d1_write_u16(&writer, ask->version);
        d1_write_u16(&writer, ask->dnssec_ok ? 0x8000 : 0);
        d1_write_u16(&writer, (uint16_t)ask->options_length);
        d1_write_bytes(&writer, ask->options, ask->options_length);
    }
    require(!writer.failed, "a query that fits");
    return d1_writer_length(&writer);
}

struct d1_reply *d1_fixture_send(const struct d1_fixture *fixture, const uint8_t *message,
                                 size_t length, bool tcp) {
    struct d1_reply *reply = d1_calloc(1, sizeof(*reply));
    size_t reply_max = tcp ? D1_DNS_MESSAGE_MAX : D1_DNS_UDP_MAX;
    uint8_t *exact_message = d1_memdup(message, length);
    uint8_t *exact_reply = d1_malloc(reply_max);
    require_memory(reply);
    require_memory(exact_message);
    require_memory(exact_reply);
    reply->slot = (struct d1_answer_slot){
        .message = exact_message,
        .length = length,
        .reply = exact_reply,
        .reply_max = reply_max,
        .client = &fixture->client,
        .tcp = tcp,
    };
    struct d1_answer_context context = fixture->context;
    context.served = fixture->served;
    d1_answer_batch(&context, &reply->slot, 1);
    if (reply->slot.reply_length > 0) {
        const char *fault =
            d1_reply_fault(message, length, exact_reply, reply->slot.reply_length, tcp);
        require(fault == NULL, fault);
        memcpy(reply->wire, exact_reply, reply->slot.reply_length);
        require(d1_decode_message(reply->wire, reply->slot.reply_length, &reply->decoded) == NULL,
                "decode");
    }
    d1_free(exact_reply);
    d1_free(exact_message);
    return reply;
}

struct d1_reply *d1_fixture_ask(const struct d1_fixture *fixture, const struct d1_ask *ask) {
    uint8_t message[D1_ASK_BYTES_MAX];
    size_t length = d1_ask_build(ask, message);
    struct d1_reply *reply = d1_fixture_send(fixture, message, length, ask->tcp);
    memcpy(reply->query, message, length);
    return reply;
}
