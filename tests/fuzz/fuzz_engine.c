/*
 * Hostile replies to the descriptor engine: the first octet picks a descriptor, the second the verb,
 * then each reply is its status (an octet), a header (an octet), two octets of length and a body.
 *
 * Whatever comes: the job asks only the declared host, sends no control characters in headers, ends
 * with bounded words in one line, and holds no memory afterwards.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/descriptor.h"

#define STEPS_MAX 400
#define BASE      "https://api.test/v1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD                                                                                \
    "{\"schema\": 1, \"type\": \"t\", \"title\": \"T\", \"base\": \"" BASE "\", \"error\":" \
    " [\"/message\", \"/errors/0\", \"\"], \"limits\": {\"slot_s\": 60}"
#define PROBE                                                                        \
    ", \"zone\": {\"mode\": \"probe\", \"request\": {\"method\": \"GET\", \"path\":" \
    " \"/z/{candidate}\"}, \"id\": \"/id\", \"name\": \"/name\", \"more\": {\"m\": \"/m\"}}"
#define ZONES(kind)                                                                          \
    ", \"zone\": {\"mode\": \"list\", \"request\": {\"method\": \"GET\", \"path\": \"/z\"}," \
    " \"items\": \"/z\", \"name\": \"/name\", \"id\": \"/id\", \"next\": {" kind "}}"
#define RECORD(more, next)                                                                       \
    ", \"mode\": \"record\", \"list\": {\"method\": \"GET\", \"path\": \"/r/{zone.id}\","        \
    " \"items\": \"/r\", \"value\": \"/v\", \"id\": \"/id\"" more next "},"                      \
    " \"create\": {\"method\": \"POST\", \"path\": \"/r\", \"json\": {\"v\": \"{value}\"},"      \
    " \"extract\": {\"job?\": \"/job\"}, \"exists\": [409], \"then\": [\"wait\", \"publish\"]}," \
    " \"delete\": {\"method\": \"DELETE\", \"path\": \"/r/{record_id}\"},"                       \
    " \"publish\": {\"method\": \"POST\", \"path\": \"/p\", \"headers\": {\"X-M\":"              \
    " \"{zone.id|or:none}\"}}, \"wait\": {\"method\": \"GET\", \"path\": \"/j/{job|or:0}\","     \
    " \"until\": {\"/s\": \"done\"}, \"fail\": {\"/s\": \"bad\"}}"

static const char *const descriptors[] = {
    HEAD PROBE RECORD("", "") "}",
    HEAD PROBE RECORD(
        ", \"keyed\": true, \"where\": {\"/n\": \"{name}\"}",
        ", \"next\": {\"kind\": \"page\", \"param\": \"p\", \"pages\": \"/pages\"}") "}",
    HEAD ZONES("\"kind\": \"link\"") RECORD("", ", \"next\": {\"kind\": \"link\", \"pointer\":"
                                                " \"/next\"}") "}",
    HEAD ZONES("\"kind\": \"cursor\", \"param\": \"c\", \"pointer\": \"/c\"")
        RECORD("", ", \"next\": {\"kind\": \"offset\", \"param\": \"o\", \"size\": 2, \"total\":"
                   " \"/t\"}") "}",
    HEAD PROBE ", \"mode\": \"rrset\", \"get\": {\"method\": \"GET\", \"path\": \"/s\", \"rrsets\":"
               " \"/s\", \"where\": {\"/n\": \"{name}\"}, \"items\": \"/v\", \"value\": \"\","
               " \"ttl\": \"/ttl\", \"id\": \"/id\", \"more\": {\"x\": \"/x\"}}, \"put\":"
               " {\"method\": \"PUT\", \"path\": \"/s/{record_id|or:new}\", \"json\":"
               " {\"$merge\": \"rrset\", \"v\": {\"$each\": \"values\", \"keep\": true, \"item\":"
               " \"{it.qvalue}\"}}}, \"delete\": {\"method\": \"DELETE\", \"path\": \"/s\"}}",
    HEAD PROBE ", \"mode\": \"zone\", \"get\": {\"method\": \"GET\", \"path\": \"/d\", \"items\":"
               " \"/a/r\", \"value\": \"/v\", \"where\": {\"/t\": \"TXT\"}}, \"document\": \"/d\","
               " \"item\": {\"v\": \"{value}\"}, \"put\": {\"method\": \"PUT\", \"path\": \"/d\","
               " \"json\": {\"$merge\": \"doc\", \"i\": \"{items#json}\"}}}",
    HEAD ", \"zone\": {\"mode\": \"none\"}, \"mode\": \"slot\", \"create\": {\"method\": \"GET\","
         " \"path\": \"/c\", \"reply\": \"text\", \"ok\": {\"text\": \"^OK\"}}, \"delete\":"
         " {\"method\": \"GET\", \"path\": \"/d\"}}",
    HEAD
    ", \"zone\": {\"mode\": \"none\"}, \"mode\": \"value\", \"list\": {\"method\": \"GET\","
    " \"path\": \"/l\", \"reply\": \"xml\", \"items\": \"/a/*/b\", \"value\": \"/v\"},"
    " \"create\": {\"method\": \"POST\", \"path\": \"/c\", \"xml\": \"<v>{value}</v>\"},"
    " \"delete\": {\"method\": \"POST\", \"path\": \"/d\"}, \"login\": {\"steps\":"
    " [{\"method\": \"POST\", \"path\": \"/login\", \"extract\": {\"token\": \"/token\"},"
    " \"extract_header\": {\"h?\": \"X-H\"}, \"extract_cookie\": {\"k?\": \"sid\"}},"
    " {\"method\": \"POST\", \"path\": \"/unlock\", \"headers\": {\"T\":"
    " \"{login.token}\"}}], \"expires_in\": \"/e\"}, \"auth\": {\"headers\": {\"Authorization\":"
    " \"Bearer {login.token}\", \"Cookie\": \"{login.cookie|or:none}\"}}, \"clock\":"
    " {\"method\": \"GET\", \"path\": \"/t\", \"unix\": \"\"}, \"logout\": {\"method\":"
    " \"POST\", \"path\": \"/out\"}}",
    HEAD PROBE
    ", \"mode\": \"record\", \"list\": {\"method\": \"GET\", \"path\": \"/l\", \"items\":"
    " \"\", \"id\": \"\"}, \"detail\": {\"method\": \"GET\", \"path\":"
    " \"/l/{record_id|path}\", \"value\": \"/v\"}, \"create\": {\"method\": \"POST\","
    " \"path\": \"/c\"}, \"delete\": {\"method\": \"DELETE\", \"path\":"
    " \"/l/{record_id}\"}, \"setup\": {\"method\": \"GET\", \"path\": \"/w\", \"extract\":"
    " {\"account\": \"/a/[b=c]/d\"}, \"cache_s\": 0}, \"prepare\": [{\"method\": \"GET\","
    " \"path\": \"/p/{account}\", \"if\": \"zone.id\"}]}",
};

static const int32_t statuses[] = {200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 503, -1};
static const char *const values[] = {"7",
                                     "Fri, 02 Jan 2026 03:04:25 GMT",
                                     "<https://api.test/v1/z?p=2>; rel=\"next\"",
                                     "<https://evil.test/z>; rel=next",
                                     "</v1/x>; rel=\"next\"",
                                     "sid=a; Path=/",
                                     "a\tb",
                                     ""};
static const char *const names[] = {"retry-after", "link", "set-cookie", "x-h", "content-type"};

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t take(struct input *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

/* The next reply; its body is a copy of exactly its size. */
static uint8_t *make_reply(struct input *input, struct d1_pair *header, struct d1_reply *reply) {
    uint8_t which = take(input);
    reply->status = statuses[take(input) % D1_ARRAY_LENGTH(statuses)];
    reply->error = reply->status < 0 ? "lost" : NULL;
    *header = (struct d1_pair){names[which % D1_ARRAY_LENGTH(names)],
                               values[which / 8 % D1_ARRAY_LENGTH(values)]};
    reply->headers = header;
    reply->header_count = 1;
    size_t length = (size_t)take(input) << 8 | take(input);
    length = length < input->left ? length : input->left;
    uint8_t *body = d1_malloc(length + 1);
    if (length > 0) {
        memcpy(body, input->at, length);
    }
    body[length] = '\0';
    input->at += length;
    input->left -= length;
    reply->body = body;
    reply->length = length;
    return body;
}

static void check_http(const struct d1_action_http *http) {
    if (strncmp(http->url, "https://api.test", 16) != 0 ||
        (http->url[16] != '/' && http->url[16] != '?')) {
        __builtin_trap();
    }
    for (size_t i = 0; i < http->header_count; i++) {
        if (strpbrk(http->headers[i].value, "\r\n") != NULL) {
            __builtin_trap();
        }
    }
}

static void check_words(const char *text) {
    if (text == NULL || strlen(text) >= D1_PROVIDER_TEXT_MAX || strpbrk(text, "\r\n") != NULL) {
        __builtin_trap();
    }
}

/* Check an action and set the kind of the reply. False: the job has ended. */
static bool answer(const struct d1_action *action, struct d1_reply *reply) {
    switch (action->kind) {
    case D1_ACTION_HTTP:
        check_http(&action->as.http);
        reply->kind = D1_REPLY_HTTP;
        return true;
    case D1_ACTION_WAIT:
        reply->kind = D1_REPLY_WAITED;
        reply->now_ms += action->as.wait.ms;
        return true;
    case D1_ACTION_LOCK:
        reply->kind = D1_REPLY_LOCKED;
        return true;
    case D1_ACTION_RETRY:
        check_words(action->as.retry.text);
        reply->kind = D1_REPLY_AGAIN;
        reply->now_ms += 1000;
        return true;
    case D1_ACTION_FAIL:
        check_words(action->as.fail.text);
        return false;
    case D1_ACTION_DONE:
        return false;
    default:
        __builtin_trap();
    }
}

static void run(const struct d1_provider *provider, void *account, struct input *input) {
    struct d1_provider_job asked = {.size = sizeof(asked),
                                    .verb = 1 + take(input) % 3,
                                    .fqdn = "_acme-challenge.www.example.org",
                                    .value = "value"};
    struct d1_reply reply = {
        .size = sizeof(reply), .kind = D1_REPLY_START, .now_ms = 1767323045000};
    struct d1_pair header;
    void *job = NULL;
    if (provider->job_begin(account, &asked, &job) != 0) {
        return;
    }
    uint8_t *body = NULL;
    for (int i = 0; i < STEPS_MAX && (input->left > 0 || i < 20); i++) {
        struct d1_action action = {.size = sizeof(action)};
        int64_t now_ms = reply.now_ms + 100;
        provider->step(job, &reply, &action);
        d1_free(body);
        reply = (struct d1_reply){.size = sizeof(reply), .now_ms = now_ms};
        body = make_reply(input, &header, &reply);
        if (!answer(&action, &reply)) {
            break;
        }
    }
    d1_free(body);
    provider->job_end(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    const char *text = descriptors[take(&input) % D1_ARRAY_LENGTH(descriptors)];
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    struct d1_provider_error fault;
    void *account = NULL;
    if (d1_descriptor_create(text, strlen(text), NULL, &descriptor, &error) != 0 ||
        descriptor->provider.account_open(&descriptor->provider, NULL, 0, &account, &fault) != 0) {
        __builtin_trap();
    }
    run(&descriptor->provider, account, &input);
    run(&descriptor->provider, account, &input);
    descriptor->provider.account_close(account);
    d1_descriptor_destroy(descriptor);
    return 0;
}
