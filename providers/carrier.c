/*
 * Each exchange has a flight: the one object that holds whatever carries it out. Happy path: the
 * flight is made and started; what carries it out calls back; the reply is filled in; `done` is
 * called; the host releases the flight. A canceled flight is freed at once, but where a last callback
 * follows (HTTP, the resolver), which frees it.
 */
#include "providers/carrier.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "dns/ask.h"
#include "dns/authority.h"
#include "http/client.h"
#include "providers/look.h"
#include "providers/spawn.h"

#define ZONE_MS 10000

struct d1_carrier {
    struct d1_transport transport;
    struct d1_loop *loop;
    struct d1_resolver *resolver;
    struct d1_http_client *http;
    void (*closed)(void *arg);
    void *closed_arg;
};

enum kind { HTTP, DNS, RUN, ZONE, LOOK };

struct flight {
    enum kind kind;
    struct d1_carrier *carrier;
    struct d1_exchange *exchange; /* NULL: canceled. */
    const struct d1_transport_rules *rules;
    bool writes;
    union {
        struct d1_http_call call;
        struct d1_ask ask;
        struct d1_spawn spawn;
        struct d1_zone_cut cut;
        struct d1_look look;
    } by;
    struct d1_http_trust trust;
    struct d1_http_header *headers; /* Of the request. */
    struct d1_pair pairs[D1_PROVIDER_HEADERS_MAX * 2];
    char *names[D1_PROVIDER_HEADERS_MAX * 2]; /* Of the reply's fields, in lower case; owned. */
    char *values[D1_PROVIDER_HEADERS_MAX * 2];
    size_t pair_count;
    char *body; /* A copy with a NUL. */
    char text[D1_NAME_TEXT_MAX];
};

static struct flight *make_flight(struct d1_transport *transport, enum kind kind,
                                  struct d1_exchange *exchange) {
    struct flight *flight = d1_calloc(1, sizeof(*flight));
    if (flight != NULL) {
        flight->kind = kind;
        flight->carrier = D1_CONTAINER_OF(transport, struct d1_carrier, transport);
        flight->exchange = exchange;
        exchange->state = flight;
    }
    return flight;
}

static void free_flight(struct flight *flight) {
    for (size_t i = 0; i < flight->pair_count; i++) {
        d1_free(flight->names[i]);
        d1_free(flight->values[i]);
    }
    if (flight->body != NULL) {
        d1_wipe(flight->body, strlen(flight->body));
        d1_free(flight->body);
    }
    d1_free(flight->headers);
    d1_free(flight);
}

static void finish(struct flight *flight, uint32_t kind, int32_t status, const char *error) {
    struct d1_reply *reply = &flight->exchange->reply;
    reply->kind = kind;
    reply->status = status;
    reply->error = status < 0 ? error : NULL;
    reply->uncertain = status < 0 && flight->writes;
    reply->headers = flight->pairs;
    reply->header_count = flight->pair_count;
    flight->exchange->done(flight->exchange);
}

/* Copy what came, with a NUL behind it. Returns 0 or -ENOMEM. */
static int set_body(struct flight *flight, const void *bytes, size_t length) {
    flight->body = d1_malloc(length + 1);
    if (flight->body == NULL) {
        return -ENOMEM;
    }
    if (length > 0) {
        memcpy(flight->body, bytes, length);
    }
    flight->body[length] = '\0';
    flight->exchange->reply.body = (const uint8_t *)flight->body;
    flight->exchange->reply.length = length;
    return D1_OK;
}

/* ---- HTTP ---- */

static bool is_plain(const char *url) {
    return strncasecmp(url, "http:", 5) == 0;
}

static bool may_reach(const struct d1_transport_rules *rules,
                      const struct sockaddr_storage *address, bool plain) {
    struct d1_ip ip;
    d1_ip_from_socket(address, &ip);
    return d1_cidr_any_contains(rules->networks, rules->network_count, &ip) ||
           (!plain && d1_ip_is_public(&ip));
}

static bool on_allow(const struct d1_http_call *call, const struct sockaddr_storage *address) {
    const struct flight *flight = call->arg;
    return flight->rules->proxy != NULL || may_reach(flight->rules, address, is_plain(call->url));
}

static int copy_headers(struct flight *flight, const struct d1_http_call *call) {
    void *cursor = NULL;
    struct d1_http_header header;
    while (flight->pair_count < D1_PROVIDER_HEADERS_MAX * 2 &&
           d1_http_call_next_header(call, &cursor, &header)) {
        size_t at = flight->pair_count;
        flight->names[at] = d1_strdup(header.name);
        flight->values[at] = d1_strdup(header.value);
        flight->pair_count++;
        if (flight->names[at] == NULL || flight->values[at] == NULL) {
            return -ENOMEM;
        }
        for (char *octet = flight->names[at]; *octet != '\0'; octet++) {
            *octet = (char)tolower((unsigned char)*octet);
        }
        flight->pairs[at] = (struct d1_pair){flight->names[at], flight->values[at]};
    }
    return D1_OK;
}

static void on_call(struct d1_http_call *call, int err) {
    struct flight *flight = call->arg;
    if (flight->exchange == NULL) {
        free_flight(flight);
        return;
    }
    int copied = err;
    if (err == D1_OK) {
        copied = copy_headers(flight, call);
        copied = copied != D1_OK ? copied : set_body(flight, call->reply.data, call->reply.length);
    }
    const char *error = err != D1_OK ? call->error.text : d1_err_text(copied);
    flight->exchange->forbidden = err == D1_EFORBIDDEN;
    finish(flight, D1_REPLY_HTTP, copied == D1_OK ? call->status : -1, error);
}

static int make_call(struct flight *flight, const struct d1_transport_rules *rules,
                     const struct d1_action_http *request) {
    struct d1_http_call *call = &flight->by.call;
    flight->rules = rules;
    flight->writes = request->writes != 0;
    if (request->header_count > 0) {
        flight->headers = d1_calloc(request->header_count, sizeof(*flight->headers));
        if (flight->headers == NULL) {
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < request->header_count; i++) {
        flight->headers[i].name = request->headers[i].name;
        flight->headers[i].value = request->headers[i].value;
    }
    flight->trust.ca_file = rules->ca_file;
    flight->trust.ca = rules->ca_pem;
    flight->trust.ca_length = rules->ca_pem != NULL ? strlen(rules->ca_pem) : 0;
    call->method = request->method;
    call->url = request->url;
    call->headers = flight->headers;
    call->headers_count = request->header_count;
    call->body = request->body;
    call->body_length = request->length;
    call->trust = rules->ca_file != NULL || rules->ca_pem != NULL ? &flight->trust : NULL;
    call->proxy = rules->proxy;
    call->flags = is_plain(request->url) && rules->network_count > 0 ? D1_HTTP_CALL_PLAIN : 0;
    call->total_ms = rules->limit_ms;
    call->reply_max = D1_PROVIDER_REPLY_MAX;
    call->allow = on_allow;
    call->done = on_call;
    call->arg = flight;
    return D1_OK;
}

static int start_http(struct d1_transport *transport, const struct d1_transport_rules *rules,
                      const struct d1_action_http *request, struct d1_exchange *exchange) {
    struct flight *flight = make_flight(transport, HTTP, exchange);
    if (flight == NULL) {
        return -ENOMEM;
    }
    int err = make_call(flight, rules, request);
    err = err != 0 ? err : d1_http_client_start(flight->carrier->http, &flight->by.call);
    if (err != 0) {
        free_flight(flight);
    }
    return err;
}

/* ---- DNS ---- */

static void on_asked(struct d1_ask *ask, int err) {
    struct flight *flight = D1_CONTAINER_OF(ask, struct flight, by.ask);
    err = err != 0 ? err : set_body(flight, ask->reply, ask->reply_length);
    finish(flight, D1_REPLY_DNS, err == 0 ? 0 : -1,
           err == -ETIMEDOUT ? "the server does not answer" : d1_err_text(err));
}

/* An address and a port; names are not looked up here. */
static int read_server(const char *text, struct sockaddr_storage *ret_address) {
    char with_port[D1_ADDRESS_TEXT_BYTES];
    if (d1_address_parse(text, ret_address) == 0) {
        return D1_OK;
    }
    bool bare_ipv6 = strchr(text, ':') != NULL && text[0] != '[';
    int length = snprintf(with_port, sizeof(with_port), bare_ipv6 ? "[%s]:53" : "%s:53", text);
    if (length < 0 || (size_t)length >= sizeof(with_port)) {
        return D1_EPARSE;
    }
    return d1_address_parse(with_port, ret_address);
}

static int start_dns(struct d1_transport *transport, const struct d1_transport_rules *rules,
                     const struct d1_action_dns *request, struct d1_exchange *exchange) {
    struct sockaddr_storage server;
    int err = read_server(request->server, &server);
    if (err != 0) {
        return err;
    }
    if (!may_reach(rules, &server, false)) {
        return -EACCES;
    }
    struct flight *flight = make_flight(transport, DNS, exchange);
    if (flight == NULL) {
        return -ENOMEM;
    }
    flight->writes = request->writes != 0;
    flight->by.ask = (struct d1_ask){
        .server = server,
        .message = request->message,
        .length = request->length,
        .tcp = request->tcp != 0,
        .limit_ms = rules->limit_ms,
        .done = on_asked,
    };
    err = d1_ask_start(flight->carrier->loop, &flight->by.ask);
    if (err != 0) {
        free_flight(flight);
    }
    return err;
}

/* ---- Programs ---- */

static void on_run(struct d1_spawn *spawn) {
    struct flight *flight = D1_CONTAINER_OF(spawn, struct flight, by.spawn);
    int err = set_body(flight, spawn->output, spawn->length);
    if (err != 0 || spawn->status < 0) {
        finish(flight, D1_REPLY_RUN, -1,
               err != 0 ? d1_err_text(err) : "the program took too long and was ended");
    } else {
        finish(flight, D1_REPLY_RUN, spawn->status, NULL);
    }
}

static int start_run(struct d1_transport *transport, const struct d1_action_run *request,
                     struct d1_exchange *exchange) {
    struct flight *flight = make_flight(transport, RUN, exchange);
    if (flight == NULL) {
        return -ENOMEM;
    }
    flight->by.spawn.done = on_run;
    int err = d1_spawn_start(&flight->by.spawn, flight->carrier->loop, request);
    if (err != 0) {
        free_flight(flight);
    }
    return err;
}

/* ---- Zones ---- */

static void on_cut(struct d1_zone_cut *cut) {
    struct flight *flight = D1_CONTAINER_OF(cut, struct flight, by.cut);
    if (flight->exchange == NULL) {
        free_flight(flight);
        return;
    }
    if (cut->outcome == D1_RESOLVE_DATA) {
        size_t length = d1_name_to_text(&cut->zone, flight->text);
        flight->exchange->reply.body = (const uint8_t *)flight->text;
        flight->exchange->reply.length = length;
        finish(flight, D1_REPLY_ZONE, 0, NULL);
    } else {
        finish(flight, D1_REPLY_ZONE, -1, "the zone of the name cannot be found in DNS");
    }
}

static int start_zone(struct d1_transport *transport, const char *text,
                      struct d1_exchange *exchange) {
    struct d1_name name;
    int err = d1_name_from_text(text, &name);
    if (err != 0) {
        return err;
    }
    struct flight *flight = make_flight(transport, ZONE, exchange);
    if (flight == NULL) {
        return -ENOMEM;
    }
    flight->by.cut.done = on_cut;
    err = d1_zone_cut_start(&flight->by.cut, flight->carrier->resolver, &name, ZONE_MS);
    if (err != 0) {
        free_flight(flight);
    }
    return err;
}

static void on_looked(struct d1_look *look) {
    struct flight *flight = D1_CONTAINER_OF(look, struct flight, by.look);
    if (flight->exchange == NULL) {
        free_flight(flight);
        return;
    }
    finish(flight, D1_REPLY_DNS, look->err == 0 ? 0 : -1, look->text);
}

static int start_look(struct d1_transport *transport, const struct d1_transport_rules *rules,
                      const struct d1_provider_job *job, uint32_t limit_ms,
                      struct d1_exchange *exchange) {
    struct flight *flight = make_flight(transport, LOOK, exchange);
    if (flight == NULL) {
        return -ENOMEM;
    }
    struct d1_look *look = &flight->by.look;
    look->fqdn = job->fqdn;
    look->value = job->value;
    look->networks = rules->networks;
    look->network_count = rules->network_count;
    look->limit_ms = limit_ms;
    look->done = on_looked;
    int err = d1_look_start(look, flight->carrier->loop, flight->carrier->resolver);
    if (err != 0) {
        free_flight(flight);
    }
    return err;
}

/* ---- The whole ---- */

static void cancel(struct d1_transport *transport, struct d1_exchange *exchange) {
    struct flight *flight = exchange->state;
    (void)transport;
    flight->exchange = NULL;
    switch (flight->kind) {
    case HTTP:
        d1_http_client_cancel(flight->carrier->http, &flight->by.call);
        return; /* on_call() frees it. */
    case DNS:
        d1_ask_cancel(&flight->by.ask);
        break;
    case RUN:
        d1_spawn_cancel(&flight->by.spawn);
        break;
    case ZONE:
        d1_zone_cut_cancel(&flight->by.cut);
        return; /* on_cut() frees it. */
    case LOOK:
        d1_look_cancel(&flight->by.look);
        return; /* on_looked() frees it. */
    }
    free_flight(flight);
}

static void release(struct d1_transport *transport, struct d1_exchange *exchange) {
    (void)transport;
    free_flight(exchange->state);
}

int d1_carrier_create(struct d1_loop *loop, struct d1_resolver *resolver,
                      struct d1_carrier **ret_carrier) {
    struct d1_carrier *carrier = d1_calloc(1, sizeof(*carrier));
    if (carrier == NULL) {
        return -ENOMEM;
    }
    int err = d1_http_client_create(loop, &carrier->http);
    if (err != 0) {
        d1_free(carrier);
        return err;
    }
    carrier->loop = loop;
    carrier->resolver = resolver;
    carrier->transport = (struct d1_transport){
        .http = start_http,
        .dns = start_dns,
        .run = start_run,
        .zone = start_zone,
        .look = start_look,
        .cancel = cancel,
        .release = release,
    };
    *ret_carrier = carrier;
    return D1_OK;
}

struct d1_transport *d1_carrier_transport(struct d1_carrier *carrier) {
    return &carrier->transport;
}

static void on_closed(void *arg) {
    struct d1_carrier *carrier = arg;
    void (*closed)(void *closed_arg) = carrier->closed;
    void *closed_arg = carrier->closed_arg;
    d1_free(carrier);
    if (closed != NULL) {
        closed(closed_arg);
    }
}

void d1_carrier_close(struct d1_carrier *carrier, void (*closed)(void *arg), void *arg) {
    carrier->closed = closed;
    carrier->closed_arg = arg;
    d1_http_client_close(carrier->http, on_closed, carrier);
}
