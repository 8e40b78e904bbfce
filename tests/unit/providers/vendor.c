#include "tests/unit/providers/vendor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

#define BASE        "https://api.test/v1"
#define STEPS_MAX   400
#define RETRIES_MAX 6

/* One request being answered. */
struct exchange {
    const struct d1_action_http *http;
    char path[1024]; /* Behind the base, with the query. */
    json_t *body;
    int status;
    json_t *answer;
    bool wrote;
};

void vendor_init(struct vendor *vendor) {
    *vendor = (struct vendor){.records = json_array(), .next_id = 100};
}

void vendor_close(struct vendor *vendor) {
    json_decref(vendor->records);
    vendor->records = NULL;
}

void vendor_add(struct vendor *vendor, const char *name, const char *type, const char *value) {
    json_array_append_new(vendor->records,
                          json_pack("{s:i, s:s, s:s, s:s, s:s}", "id", (int)vendor->next_id++,
                                    "name", name, "type", type, "value", value, "note", "kept"));
}

static bool is(const json_t *record, const char *key, const char *text) {
    const char *own = json_string_value(json_object_get(record, key));
    return own != NULL && strcmp(own, text) == 0;
}

unsigned vendor_count(const struct vendor *vendor, const char *name, const char *type,
                      const char *value) {
    unsigned count = 0;
    size_t index;
    json_t *record;
    json_array_foreach(vendor->records, index, record) {
        count += is(record, "name", name) && is(record, "type", type) && is(record, "value", value);
    }
    return count;
}

static const char *header(const struct d1_action_http *http, const char *name) {
    for (size_t i = 0; i < http->header_count; i++) {
        if (strcmp(http->headers[i].name, name) == 0) {
            return http->headers[i].value;
        }
    }
    return "";
}

static bool asks(const struct exchange *exchange, const char *method, const char *start) {
    return strcmp(exchange->http->method, method) == 0 &&
           strncmp(exchange->path, start, strlen(start)) == 0;
}

static void answer_zone(struct vendor *vendor, struct exchange *exchange) {
    bool there = strcmp(exchange->path, "/zones/example.org") == 0 && !vendor->zone_gone;
    vendor->zone_gone = false;
    exchange->status = there ? 200 : 404;
    exchange->answer = there ? json_pack("{s:{s:i, s:s, s:s}}", "zone", "id", 7, "name",
                                         "example.org.", "serial", "2026")
                             : json_pack("{s:s}", "message", "no such zone");
}

/* Two pages of zones. */
static void answer_zones(struct vendor *vendor, struct exchange *exchange) {
    bool second = strstr(exchange->path, "page=2") != NULL;
    exchange->status = 200;
    exchange->answer =
        second ? json_pack("{s:[{s:i, s:s}], s:i}", "zones", "id", 7, "name", "EXAMPLE.org",
                           "pages", 2)
               : json_pack("{s:[{s:i, s:s}, {s:i, s:s}], s:i}", "zones", "id", 5, "name", "org",
                           "id", vendor->two_zones ? 8 : 6, "name",
                           vendor->two_zones ? "example.org" : "example.net", "pages", 2);
}

/* Records of a name, a page of them. */
static void answer_list(struct vendor *vendor, struct exchange *exchange) {
    const char *page = strstr(exchange->path, "page=");
    size_t number = page != NULL ? strtoul(page + 5, NULL, 10) : 1;
    size_t size = vendor->page_size > 0 ? vendor->page_size : 1000;
    json_t *list = json_array();
    for (size_t i = (number - 1) * size; i < number * size; i++) {
        json_t *record = json_array_get(vendor->records, i);
        if (record != NULL) {
            json_array_append(list, record);
        }
    }
    size_t pages = (json_array_size(vendor->records) + size - 1) / size;
    exchange->status = 200;
    exchange->answer = json_pack("{s:o, s:i}", "records", list, "pages", (int)pages);
}

static void answer_create(struct vendor *vendor, struct exchange *exchange) {
    const char *name = json_string_value(json_object_get(exchange->body, "name"));
    const char *value = json_string_value(json_object_get(exchange->body, "value"));
    assert_non_null(name);
    assert_non_null(value);
    exchange->wrote = true;
    if (vendor->refuse_same && vendor_count(vendor, name, "TXT", value) > 0) {
        exchange->status = 409;
        exchange->answer = json_pack("{s:s}", "message", "identical record");
        return;
    }
    vendor_add(vendor, name, "TXT", value);
    exchange->status = 201;
    exchange->answer = json_pack("{s:i, s:i}", "id", (int)vendor->next_id - 1, "job", 55);
}

static void answer_delete(struct vendor *vendor, struct exchange *exchange) {
    int id = (int)strtol(strrchr(exchange->path, '/') + 1, NULL, 10);
    exchange->wrote = true;
    exchange->status = 404;
    for (size_t i = json_array_size(vendor->records); i > 0; i--) {
        json_t *record = json_array_get(vendor->records, i - 1);
        if (json_integer_value(json_object_get(record, "id")) == id) {
            json_array_remove(vendor->records, i - 1);
            exchange->status = 200;
        }
    }
    exchange->answer = json_pack("{s:i}", "job", 55);
}

/* Remove all values of a name, or only those given. */
static void remove_values(struct vendor *vendor, const char *name, const char *value) {
    for (size_t i = json_array_size(vendor->records); i > 0; i--) {
        json_t *record = json_array_get(vendor->records, i - 1);
        if (is(record, "name", name) && is(record, "type", "TXT") &&
            (value == NULL || is(record, "value", value))) {
            json_array_remove(vendor->records, i - 1);
        }
    }
}

static void answer_rrset(struct vendor *vendor, struct exchange *exchange) {
    const char *name = exchange->path + strlen("/rrsets/");
    size_t index;
    json_t *record;
    if (strcmp(exchange->http->method, "GET") == 0) {
        json_t *values = json_array();
        json_array_foreach(vendor->records, index, record) {
            if (is(record, "name", name) && is(record, "type", "TXT")) {
                json_array_append_new(values, json_pack("{s:O, s:O}", "value",
                                                        json_object_get(record, "value"), "note",
                                                        json_object_get(record, "note")));
            }
        }
        exchange->status = json_array_size(values) > 0 ? 200 : 404;
        exchange->answer = json_pack("{s:o, s:i}", "values", values, "ttl", 333);
        return;
    }
    exchange->wrote = true;
    remove_values(vendor, name, NULL);
    json_array_foreach(json_object_get(exchange->body, "values"), index, record) {
        json_t *note = json_object_get(record, "note");
        vendor_add(vendor, name, "TXT", json_string_value(json_object_get(record, "value")));
        json_t *last = json_array_get(vendor->records, json_array_size(vendor->records) - 1);
        json_object_set_new(last, "note", note != NULL ? json_incref(note) : json_null());
    }
    exchange->status = 200;
    exchange->answer = json_object();
}

static void answer_document(struct vendor *vendor, struct exchange *exchange) {
    if (strcmp(exchange->http->method, "GET") == 0) {
        exchange->answer =
            json_pack("{s:{s:s, s:O}}", "zone", "comment", "ours", "records", vendor->records);
    } else {
        exchange->wrote = true;
        json_t *zone = json_object_get(exchange->body, "zone");
        assert_true(is(zone, "comment", "ours"));
        json_t *records = json_deep_copy(json_object_get(zone, "records"));
        assert_true(json_is_array(records));
        json_decref(vendor->records);
        vendor->records = records;
    }
    exchange->status = 200;
}

/* One value per name; an empty one clears it. */
static void answer_slot(struct vendor *vendor, struct exchange *exchange) {
    const char *value = json_string_value(json_object_get(exchange->body, "value"));
    remove_values(vendor, VENDOR_OWNER, NULL);
    if (value[0] != '\0') {
        vendor_add(vendor, VENDOR_OWNER, "TXT", value);
    }
    exchange->wrote = true;
    exchange->status = 200;
}

static void answer_session(struct vendor *vendor, struct exchange *exchange) {
    exchange->status = 200;
    if (asks(exchange, "POST", "/login")) {
        char token[32];
        snprintf(token, sizeof(token), "t%u", ++vendor->logins);
        exchange->answer = json_pack("{s:s, s:i}", "token", token, "expires_in", 600);
    } else if (asks(exchange, "GET", "/time")) {
        exchange->answer = json_integer(2000000000);
    } else if (asks(exchange, "GET", "/whoami")) {
        exchange->answer = json_pack("{s:i}", "account", 42);
    } else if (asks(exchange, "POST", "/publish")) {
        vendor->published++;
        exchange->wrote = true;
    } else if (asks(exchange, "GET", "/jobs/55")) {
        bool done = vendor->pending == 0;
        vendor->pending -= !done;
        exchange->answer = json_pack("{s:s}", "status", done ? "done" : "pending");
    } else {
        exchange->status = 400;
        exchange->answer = json_pack("{s:s}", "message", "no such route");
    }
}

static void route(struct vendor *vendor, struct exchange *exchange) {
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "Bearer t%u", vendor->logins);
    bool open = asks(exchange, "POST", "/login") || asks(exchange, "GET", "/time");
    if (vendor->need_login && !open && strcmp(vendor->authorization, wanted) != 0) {
        exchange->status = 401;
        exchange->answer = json_pack("{s:s}", "message", "log in");
    } else if (asks(exchange, "GET", "/zones/")) {
        answer_zone(vendor, exchange);
    } else if (asks(exchange, "GET", "/zones")) {
        answer_zones(vendor, exchange);
    } else if (asks(exchange, "GET", "/records")) {
        answer_list(vendor, exchange);
    } else if (asks(exchange, "POST", "/records")) {
        answer_create(vendor, exchange);
    } else if (asks(exchange, "DELETE", "/records/")) {
        answer_delete(vendor, exchange);
    } else if (strncmp(exchange->path, "/rrsets/", 8) == 0) {
        answer_rrset(vendor, exchange);
    } else if (strncmp(exchange->path, "/document", 9) == 0) {
        answer_document(vendor, exchange);
    } else if (asks(exchange, "POST", "/slot")) {
        answer_slot(vendor, exchange);
    } else if (asks(exchange, "POST", "/values/remove")) {
        remove_values(vendor, VENDOR_OWNER,
                      json_string_value(json_object_get(exchange->body, "value")));
        exchange->wrote = true;
        exchange->status = 200;
    } else {
        answer_session(vendor, exchange);
    }
}

/* What the vendor is told to do wrong. True: that is the answer. */
static bool misbehave(struct vendor *vendor, struct exchange *exchange, bool writes) {
    if (vendor->fail_status != 0) {
        exchange->status = vendor->fail_status;
        exchange->answer =
            vendor->fail_body != NULL ? json_loads(vendor->fail_body, JSON_DECODE_ANY, NULL) : NULL;
        vendor->fail_status = 0;
        return true;
    }
    if (vendor->body_error != NULL && writes) {
        exchange->status = 200;
        exchange->answer = json_loads(vendor->body_error, 0, NULL);
        vendor->body_error = NULL;
        return true;
    }
    return false;
}

static void note(struct vendor *vendor, const char *step) {
    size_t length = strlen(vendor->log);
    snprintf(vendor->log + length, sizeof(vendor->log) - length, "%s ", step);
    vendor->requests++;
}

/* The vendor's reply to a request; its text is the caller's to free with d1_free(). */
static char *serve(struct vendor *vendor, const struct d1_action *action, struct d1_reply *reply) {
    struct exchange exchange = {.http = &action->as.http};
    const struct d1_action_http *http = &action->as.http;
    assert_int_equal(strncmp(http->url, BASE, strlen(BASE)), 0);
    snprintf(exchange.path, sizeof(exchange.path), "%s", http->url + strlen(BASE));
    snprintf(vendor->authorization, sizeof(vendor->authorization), "%s",
             header(http, "Authorization"));
    exchange.body = http->body != NULL ? json_loadb(http->body, http->length, 0, NULL) : NULL;
    note(vendor, action->step);
    if (!misbehave(vendor, &exchange, http->writes != 0)) {
        route(vendor, &exchange);
    }
    vendor->writes += exchange.wrote;
    reply->kind = D1_REPLY_HTTP;
    reply->status = exchange.status;
    if (exchange.wrote && vendor->lose_write) {
        vendor->lose_write = false;
        reply->status = -1;
        reply->error = "no answer in time";
        reply->uncertain = 1;
    }
    char *text = exchange.answer != NULL ? json_dumps(exchange.answer, JSON_ENCODE_ANY) : NULL;
    reply->body = (const uint8_t *)text;
    reply->length = text != NULL ? strlen(text) : 0;
    json_decref(exchange.answer);
    json_decref(exchange.body);
    return text;
}

char *vendor_descriptor(const char *mode, const char *more) {
    static const char format[] =
        "{\"schema\": 1, \"type\": \"test\", \"title\": \"Test\", \"base\": \"" BASE "\","
        "\"config\": {\"token\": {\"secret\": true, \"optional\": true},"
        " \"tokens\": {\"map\": true, \"optional\": true}},"
        "\"error\": \"/message\", \"mode\": \"%s\"%s}";
    char *text = NULL;
    int length = snprintf(NULL, 0, format, mode, more);
    text = malloc((size_t)length + 1);
    assert_non_null(text);
    snprintf(text, (size_t)length + 1, format, mode, more);
    return text;
}

void customer_open(struct customer *customer, const char *descriptor, const char *setting,
                   const char *value) {
    struct d1_error error = {.text = ""};
    struct d1_provider_error fault = {.text = ""};
    *customer = (struct customer){.now_ms = 1767323045000};
    int status =
        d1_descriptor_create(descriptor, strlen(descriptor), NULL, &customer->descriptor, &error);
    if (status != 0) {
        fail_msg("%s", error.text);
    }
    struct d1_pair pairs[] = {{"token", "secret"}, {setting, value}};
    const struct d1_provider *provider = &customer->descriptor->provider;
    status = provider->account_open(provider, pairs, setting != NULL ? 2 : 1, &customer->account,
                                    &fault);
    if (status != 0) {
        fail_msg("%s", fault.text);
    }
}

void customer_close(struct customer *customer) {
    if (customer->descriptor != NULL) {
        customer->descriptor->provider.account_close(customer->account);
        d1_descriptor_destroy(customer->descriptor);
    }
}

/* One step, with the fault that is set for it. */
static void step(struct customer *customer, void *job, unsigned number,
                 const struct d1_reply *reply, struct d1_action *action) {
    bool fault = customer->fault_armed && number == customer->fault_step;
    if (fault) {
        d1_mem_fault_arm(customer->fault_skip, 0);
    }
    customer->descriptor->provider.step(job, reply, action);
    if (fault) {
        customer->faults += d1_mem_fault_disarm();
    }
}

/* Do what an action asks for. True: the job has ended. */
static bool carry_out(struct customer *customer, struct vendor *vendor,
                      const struct d1_action *action, struct d1_reply *reply,
                      struct outcome *outcome) {
    snprintf(outcome->step, sizeof(outcome->step), "%s", action->step);
    switch (action->kind) {
    case D1_ACTION_WAIT:
        reply->kind = D1_REPLY_WAITED;
        outcome->waited_ms += action->as.wait.ms;
        customer->now_ms += action->as.wait.ms;
        return false;
    case D1_ACTION_LOCK:
        reply->kind = D1_REPLY_LOCKED;
        snprintf(outcome->lock, sizeof(outcome->lock), "%s", action->as.lock.key);
        return false;
    case D1_ACTION_ZONE:
        reply->kind = D1_REPLY_ZONE;
        reply->body = (const uint8_t *)"Example.ORG.";
        reply->length = 12;
        return false;
    case D1_ACTION_RETRY:
        reply->kind = D1_REPLY_AGAIN;
        outcome->after_ms = action->as.retry.after_ms;
        snprintf(outcome->text, sizeof(outcome->text), "%s", action->as.retry.text);
        outcome->kind = D1_FAIL_BUSY;
        customer->now_ms += action->as.retry.after_ms;
        return outcome->retries++ == RETRIES_MAX;
    case D1_ACTION_FAIL:
        outcome->kind = action->as.fail.kind;
        snprintf(outcome->text, sizeof(outcome->text), "%s", action->as.fail.text);
        return true;
    default:
        (void)vendor;
        outcome->done = action->kind == D1_ACTION_DONE;
        return true;
    }
}

struct outcome customer_ask(struct customer *customer, struct vendor *vendor,
                            const struct d1_provider_job *asked) {
    const struct d1_provider *provider = &customer->descriptor->provider;
    struct outcome outcome = {.done = false};
    struct d1_reply reply = {.size = sizeof(reply), .kind = D1_REPLY_START};
    struct d1_pair later = {"retry-after", NULL};
    void *job = NULL;
    if (provider->job_begin(customer->account, asked, &job) != 0) {
        return outcome;
    }
    char *text = NULL;
    bool ended = false;
    for (unsigned i = 0; i < STEPS_MAX && !ended; i++) {
        struct d1_action action = {.size = sizeof(action)};
        customer->now_ms += 10;
        reply.now_ms = customer->now_ms;
        memset(reply.random, (int)i, sizeof(reply.random));
        step(customer, job, i, &reply, &action);
        d1_free(text);
        text = NULL;
        reply = (struct d1_reply){.size = sizeof(reply)};
        if (action.kind == D1_ACTION_HTTP) {
            later.value = vendor->fail_status != 0 ? vendor->fail_header : NULL;
            text = serve(vendor, &action, &reply);
            reply.headers = &later;
            reply.header_count = later.value != NULL;
        } else {
            ended = carry_out(customer, vendor, &action, &reply, &outcome);
        }
    }
    d1_free(text);
    provider->job_end(job);
    assert_true(ended);
    return outcome;
}

struct outcome customer_run(struct customer *customer, struct vendor *vendor, uint32_t verb,
                            const char *value) {
    struct d1_provider_job asked = {
        .size = sizeof(asked), .verb = verb, .fqdn = VENDOR_OWNER, .value = value};
    return customer_ask(customer, vendor, &asked);
}
