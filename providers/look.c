/*
 * Happy path: zone cut -> servers -> a round of questions -> all confirmed -> done. Between rounds
 * the timer waits.
 * Failures: no zone or no server is found, asked again like a round until the limit; a server that
 * answers something else; all that is left when the limit is reached is told.
 */
#include "providers/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "dns/rr.h"
#include "dns/wire.h"

#define POLL_MAX_MS 10000
#define FIND_MS     10000

enum stage { FINDING_ZONE, FINDING_SERVERS, ASKING, WAITING, ENDED };

static void find_zone(struct d1_look *look);
static void ask_all(struct d1_look *look);

static uint64_t now_ms(const struct d1_look *look) {
    return uv_now(d1_loop_uv(look->loop));
}

static void free_timer(uv_handle_t *handle) {
    d1_free(handle);
}

static void stop(struct d1_look *look) {
    for (size_t i = 0; i < look->count; i++) {
        d1_ask_cancel(&look->server[i].ask);
    }
    d1_free(look->server);
    look->server = NULL;
    look->count = 0;
    look->stage = ENDED;
    if (look->timer != NULL) {
        uv_close((uv_handle_t *)look->timer, free_timer);
        look->timer = NULL;
    }
}

static void end(struct d1_look *look, int err) {
    stop(look);
    look->err = err;
    look->done(look);
}

static void on_timer(uv_timer_t *timer) {
    struct d1_look *look = timer->data;
    if (look->canceled) {
        end(look, D1_ECANCELED);
    } else if (look->count == 0) {
        find_zone(look);
    } else {
        ask_all(look);
    }
}

/* Nothing more to do in this round: wait, or give up with the text that stands. */
static void wait_round(struct d1_look *look) {
    uint64_t now = now_ms(look);
    if (now >= look->until_ms) {
        end(look, D1_ENOTYET);
        return;
    }
    look->stage = WAITING;
    uint64_t left_ms = look->until_ms - now;
    uv_timer_start(look->timer, on_timer, left_ms < look->wait_ms ? left_ms : look->wait_ms, 0);
    look->wait_ms = look->wait_ms * 3 / 2 < POLL_MAX_MS ? look->wait_ms * 3 / 2 : POLL_MAX_MS;
}

/* ---- Answers ---- */

static bool is_value(const struct d1_rr *rr, const char *value) {
    struct d1_reader reader = d1_reader_over(rr->rdata, rr->rdata_length);
    size_t left = strlen(value);
    const char *at = value;
    while (d1_reader_left(&reader) > 0) {
        size_t length = d1_read_u8(&reader);
        const uint8_t *text = d1_read_bytes(&reader, length);
        if (text == NULL || length > left || memcmp(text, at, length) != 0) {
            return false;
        }
        at += length;
        left -= length;
    }
    return left == 0;
}

bool d1_look_holds(const uint8_t *message, size_t length, const struct d1_name *name,
                   const char *value) {
    struct d1_reader reader = d1_reader_over(message, length);
    (void)d1_read_bytes(&reader, D1_DNS_HEADER_BYTES);
    if (reader.failed || (d1_load_u16(message + 2) & 0xf) != D1_RCODE_NOERROR) {
        return false;
    }
    unsigned questions = d1_load_u16(message + 4);
    for (unsigned i = 0; i < questions; i++) {
        struct d1_name asked;
        if (d1_rr_read_name(&reader, &asked) != 0 || d1_read_bytes(&reader, 4) == NULL) {
            return false;
        }
    }
    unsigned answers = d1_load_u16(message + 6);
    for (unsigned i = 0; i < answers; i++) {
        struct d1_rr rr;
        if (d1_rr_read(&reader, &rr) != 0) {
            return false;
        }
        if (rr.type == D1_TYPE_TXT && rr.class == D1_CLASS_IN && d1_name_equal(&rr.name, name) &&
            is_value(&rr, value)) {
            return true;
        }
    }
    return false;
}

/* ---- A round ---- */

static void describe(struct d1_look *look, const struct d1_look_server *server) {
    char address[D1_ADDRESS_TEXT_BYTES];
    d1_address_format(&server->ask.server, address);
    snprintf(look->text, sizeof(look->text), "the zone's server %.60s %s", address,
             server->answered ? "does not answer the value yet" : "does not answer");
}

static void end_round(struct d1_look *look) {
    size_t confirmed = 0;
    size_t open = 0;
    for (size_t i = 0; i < look->count; i++) {
        const struct d1_look_server *server = &look->server[i];
        confirmed += server->confirmed;
        if (!server->confirmed && (server->answered || server->silent < D1_LOOK_SILENT)) {
            open++;
            describe(look, server);
        }
    }
    if (open == 0 && confirmed > 0) {
        end(look, D1_OK);
        return;
    }
    if (open == 0) {
        describe(look, &look->server[0]);
    }
    wait_round(look);
}

static void on_answer(struct d1_ask *ask, int err) {
    struct d1_look_server *server = D1_CONTAINER_OF(ask, struct d1_look_server, ask);
    struct d1_look *look = server->look;
    if (err == 0) {
        server->answered = true;
        server->confirmed = d1_look_holds(ask->reply, ask->reply_length, &look->name, look->value);
    } else {
        server->silent++;
        ask->tcp = !server->answered && !ask->tcp; /* The other one, next time. */
    }
    look->asking--;
    if (look->asking == 0) {
        end_round(look);
    }
}

static size_t write_question(const struct d1_look *look, struct d1_look_server *server) {
    uint8_t *at = server->message;
    memset(at, 0, D1_DNS_HEADER_BYTES);
    at[5] = 1;
    memcpy(at + D1_DNS_HEADER_BYTES, look->name.octets, look->name.length);
    size_t length = D1_DNS_HEADER_BYTES + look->name.length;
    const uint8_t tail[4] = {0, D1_TYPE_TXT, 0, D1_CLASS_IN};
    memcpy(at + length, tail, sizeof(tail));
    return length + sizeof(tail);
}

static void ask_all(struct d1_look *look) {
    look->stage = ASKING;
    look->asking = 1; /* Ours, so that no answer ends the round before all are asked. */
    for (size_t i = 0; i < look->count; i++) {
        struct d1_look_server *server = &look->server[i];
        if (server->confirmed) {
            continue;
        }
        server->ask.message = server->message;
        server->ask.length = write_question(look, server);
        server->ask.limit_ms = D1_LOOK_ASK_MS;
        server->ask.done = on_answer;
        int err = d1_random(server->message, 2);
        err = err != 0 ? err : d1_ask_start(look->loop, &server->ask);
        look->asking += err == 0;
        server->silent += err != 0;
    }
    look->asking--;
    if (look->asking == 0) {
        end_round(look);
    }
}

/* ---- Whom to ask ---- */

static bool is_allowed(const struct d1_look *look, const struct sockaddr_storage *address) {
    struct d1_ip ip;
    d1_ip_from_socket(address, &ip);
    return d1_ip_is_public(&ip) || d1_cidr_any_contains(look->networks, look->network_count, &ip);
}

static void on_servers(struct d1_zone_servers *zone) {
    struct d1_look *look = D1_CONTAINER_OF(zone, struct d1_look, zone);
    look->stage = WAITING;
    if (look->canceled) {
        end(look, D1_ECANCELED);
        return;
    }
    if (zone->outcome != D1_RESOLVE_DATA) {
        snprintf(look->text, sizeof(look->text), "the servers of the zone cannot be found");
        wait_round(look);
        return;
    }
    look->server = d1_calloc(zone->count, sizeof(*look->server));
    if (look->server == NULL) {
        snprintf(look->text, sizeof(look->text), "no memory");
        wait_round(look);
        return;
    }
    for (size_t i = 0; i < zone->count; i++) {
        if (is_allowed(look, &zone->addresses[i])) {
            look->server[look->count].look = look;
            look->server[look->count++].ask.server = zone->addresses[i];
        }
    }
    if (look->count == 0) {
        d1_free(look->server);
        look->server = NULL;
        snprintf(look->text, sizeof(look->text),
                 "the zone's servers have private addresses only; name them in allow-networks");
        end(look, D1_ENOTYET);
        return;
    }
    ask_all(look);
}

static void on_cut(struct d1_zone_cut *cut) {
    struct d1_look *look = D1_CONTAINER_OF(cut, struct d1_look, cut);
    look->stage = WAITING;
    if (look->canceled) {
        end(look, D1_ECANCELED);
        return;
    }
    int err = D1_EINTERNAL;
    if (cut->outcome == D1_RESOLVE_DATA) {
        look->zone.done = on_servers;
        err = d1_zone_servers_start(&look->zone, look->resolver, &cut->zone, FIND_MS);
    }
    if (err == 0) {
        look->stage = FINDING_SERVERS;
        return;
    }
    snprintf(look->text, sizeof(look->text), "the zone of the name cannot be found in DNS");
    wait_round(look);
}

static void find_zone(struct d1_look *look) {
    look->cut.done = on_cut;
    int err = d1_zone_cut_start(&look->cut, look->resolver, &look->name, FIND_MS);
    if (err == 0) {
        look->stage = FINDING_ZONE;
        return;
    }
    snprintf(look->text, sizeof(look->text), "the resolver takes no question: %s",
             d1_err_text(err));
    wait_round(look);
}

int d1_look_start(struct d1_look *look, struct d1_loop *loop, struct d1_resolver *resolver) {
    int err = d1_name_from_text(look->fqdn, &look->name);
    if (err != 0) {
        return err;
    }
    look->loop = loop;
    look->resolver = resolver;
    look->timer = d1_calloc(1, sizeof(*look->timer));
    if (look->timer == NULL) {
        return -ENOMEM;
    }
    look->server = NULL;
    look->count = 0;
    look->wait_ms = D1_LOOK_POLL_MS;
    look->until_ms = now_ms(look) + look->limit_ms;
    look->text[0] = '\0';
    look->canceled = false;
    uv_timer_init(d1_loop_uv(loop), look->timer);
    look->timer->data = look;
    look->stage = WAITING;
    uv_timer_start(look->timer, on_timer, 0, 0);
    return D1_OK;
}

/* The resolver's callbacks come even so: it is over when they have. */
void d1_look_cancel(struct d1_look *look) {
    look->canceled = true;
    if (look->stage == FINDING_ZONE) {
        d1_zone_cut_cancel(&look->cut);
    } else if (look->stage == FINDING_SERVERS) {
        d1_zone_servers_cancel(&look->zone);
    } else {
        for (size_t i = 0; i < look->count; i++) {
            d1_ask_cancel(&look->server[i].ask);
        }
        look->stage = WAITING;
        uv_timer_start(look->timer, on_timer, 0, 0);
    }
}
