/*
 * engine-dry-run TYPE|FILE.json [NAME=VALUE ...]: drives the descriptor engine from outside, a line
 * of JSON at a time, so that a test in any language can play the vendor. tests/lib/dry_run.py does.
 *
 * It opens one account and says so (or what is wrong, and exits 1):
 *     {"account": "cloudflare", "hosts": [...], "requests": 4, "per_ms": 1000, ...}
 * Then each line in is one of
 *     {"begin": 1, "verb": "present", "fqdn": "...", "value": "...", "zone": null, "ttl": 0}
 *     {"job": 1, "reply": "http", "status": 200, "headers": [["name", "value"]], "body": "..."}
 *     {"job": 1, "reply": "waited" | "locked" | "again"}
 *     {"job": 1, "reply": "zone", "body": "example.org"}
 *     {"end": 1}                      (ends a job that is not done yet)
 * with "error", "uncertain", "now_ms" and "random" (64 hex digits) where wanted, and brings one line:
 *     {"job": 1, "action": "http", "step": "list", "method": "GET", "url": "...", "writes": false,
 *      "headers": [["name", "value"]], "body": "..."}
 *     {"job": 1, "action": "wait", "ms": 1000}         {"job": 1, "action": "lock", "key": "..."}
 *     {"job": 1, "action": "retry", "after_ms": 0, "text": "..."}
 *     {"job": 1, "action": "zone", "name": "..."}      {"job": 1, "action": "done"}
 *     {"job": 1, "action": "fail", "kind": "credentials", "text": "..."}
 * Jobs run side by side; those that are done or have failed are ended. Without "now_ms" time stands
 * at 2026-01-02T03:04:05Z and moves on by one second a step.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/builtin.h"
#include "providers/descriptor.h"

#define JOBS_MAX     1024
#define SETTINGS_MAX 64
#define HEADERS_MAX  64
#define LINE_MAX     16777216

struct job {
    void *job; /* NULL: free. */
    struct d1_provider_job asked;
    json_t *line; /* Holds the texts of `asked`. */
};

struct run {
    const struct d1_provider *provider;
    void *account;
    struct job jobs[JOBS_MAX];
    int64_t now_ms;
    unsigned char count;
};

static const char *text_of(const json_t *json, const char *key, const char *fallback) {
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : fallback;
}

static void print(json_t *json) {
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(json);
}

static int complain(const char *text) {
    print(json_pack("{s:s}", "error", text));
    return 1;
}

static json_t *pairs(const struct d1_pair *headers, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_pack("[s, s]", headers[i].name, headers[i].value));
    }
    return list;
}

static void print_action(json_int_t id, const struct d1_action *action) {
    static const char *const kinds[] = {"none", "http",  "dns",  "run",  "wait",
                                        "lock", "retry", "zone", "done", "fail"};
    static const char *const fails[] = {"other",    "credentials", "no_zone", "ambiguous",
                                        "refused",  "reply",       "busy",    "unreachable",
                                        "settings", "absent"};
    json_t *line = json_pack("{s:I, s:s, s:s}", "job", id, "action", kinds[action->kind], "step",
                             action->step != NULL ? action->step : "");
    switch (action->kind) {
    case D1_ACTION_HTTP:
        json_object_set_new(line, "method", json_string(action->as.http.method));
        json_object_set_new(line, "url", json_string(action->as.http.url));
        json_object_set_new(line, "headers",
                            pairs(action->as.http.headers, action->as.http.header_count));
        json_object_set_new(line, "writes", json_boolean(action->as.http.writes));
        json_object_set_new(line, "body",
                            action->as.http.body == NULL
                                ? json_null()
                                : json_stringn(action->as.http.body, action->as.http.length));
        break;
    case D1_ACTION_WAIT:
        json_object_set_new(line, "ms", json_integer(action->as.wait.ms));
        break;
    case D1_ACTION_LOCK:
        json_object_set_new(line, "key", json_string(action->as.lock.key));
        break;
    case D1_ACTION_RETRY:
        json_object_set_new(line, "after_ms", json_integer(action->as.retry.after_ms));
        json_object_set_new(line, "text", json_string(action->as.retry.text));
        break;
    case D1_ACTION_ZONE:
        json_object_set_new(line, "name", json_string(action->as.zone.name));
        break;
    case D1_ACTION_FAIL:
        json_object_set_new(line, "kind", json_string(fails[action->as.fail.kind]));
        json_object_set_new(line, "text", json_string(action->as.fail.text));
        break;
    default:
        break;
    }
    print(line);
}

static void end(struct run *run, struct job *job) {
    run->provider->job_end(job->job);
    json_decref(job->line);
    *job = (struct job){.job = NULL};
}

/* One step of a job, and its action. */
static void step(struct run *run, json_int_t id, const json_t *line, struct d1_reply *reply) {
    struct job *job = &run->jobs[id];
    const char *random = text_of(line, "random", "");
    json_t *now = json_object_get(line, "now_ms");
    run->now_ms = now != NULL ? json_integer_value(now) : run->now_ms + 1000;
    reply->size = sizeof(*reply);
    reply->now_ms = run->now_ms;
    memset(reply->random, ++run->count, sizeof(reply->random));
    if (strlen(random) == 2 * sizeof(reply->random) &&
        d1_hex_decode(random, strlen(random), reply->random) != 0) {
        complain("\"random\": expected 64 hex digits");
        return;
    }
    struct d1_action action = {.size = sizeof(action)};
    run->provider->step(job->job, reply, &action);
    print_action(id, &action);
    if (action.kind == D1_ACTION_DONE || action.kind == D1_ACTION_FAIL) {
        end(run, job);
    }
}

static int begin(struct run *run, json_int_t id, json_t *line) {
    static const char *const verbs[] = {"present", "cleanup", "look"};
    struct job *job = &run->jobs[id];
    if (job->job != NULL) {
        return complain("this job is under way");
    }
    job->line = json_incref(line);
    job->asked = (struct d1_provider_job){
        .size = sizeof(job->asked),
        .fqdn = text_of(line, "fqdn", ""),
        .value = text_of(line, "value", ""),
        .zone = text_of(line, "zone", NULL),
        .ttl = (uint32_t)json_integer_value(json_object_get(line, "ttl")),
    };
    for (uint32_t i = 0; i < D1_ARRAY_LENGTH(verbs); i++) {
        if (strcmp(verbs[i], text_of(line, "verb", "")) == 0) {
            job->asked.verb = i + 1;
        }
    }
    if (job->asked.verb == 0 || job->asked.fqdn[0] == '\0' || job->asked.value[0] == '\0' ||
        run->provider->job_begin(run->account, &job->asked, &job->job) != 0) {
        json_decref(job->line);
        *job = (struct job){.job = NULL};
        return complain("expected verb, fqdn and value");
    }
    struct d1_reply reply = {.kind = D1_REPLY_START};
    step(run, id, line, &reply);
    return 0;
}

static int take_reply(struct run *run, json_int_t id, const json_t *line) {
    static const char *const kinds[] = {"start",  "http",   "dns",   "run",
                                        "waited", "locked", "again", "zone"};
    struct d1_pair headers[HEADERS_MAX];
    struct d1_reply reply = {.headers = headers};
    const json_t *list = json_object_get(line, "headers");
    const json_t *body = json_object_get(line, "body");
    for (uint32_t i = 0; i < D1_ARRAY_LENGTH(kinds); i++) {
        if (strcmp(kinds[i], text_of(line, "reply", "")) == 0) {
            reply.kind = i + 1;
        }
    }
    if (reply.kind <= D1_REPLY_START || run->jobs[id].job == NULL) {
        return complain("expected a job that is under way and a kind of reply");
    }
    size_t index;
    json_t *pair;
    json_array_foreach(list, index, pair) {
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (index < HEADERS_MAX && name != NULL && value != NULL) {
            headers[reply.header_count++] = (struct d1_pair){name, value};
        }
    }
    reply.status = (int32_t)json_integer_value(json_object_get(line, "status"));
    reply.uncertain = json_is_true(json_object_get(line, "uncertain"));
    reply.error = text_of(line, "error", NULL);
    reply.body = (const uint8_t *)json_string_value(body);
    reply.length = json_string_length(body);
    step(run, id, line, &reply);
    return 0;
}

static int take_line(struct run *run, const char *text, size_t length) {
    json_error_t fault;
    json_t *line = json_loadb(text, length, JSON_ALLOW_NUL, &fault);
    if (line == NULL) {
        return complain(fault.text);
    }
    json_t *beginning = json_object_get(line, "begin");
    json_t *ending = json_object_get(line, "end");
    json_t *which = beginning != NULL ? beginning
                    : ending != NULL  ? ending
                                      : json_object_get(line, "job");
    json_int_t id = json_integer_value(which);
    if (!json_is_integer(which) || id < 0 || id >= JOBS_MAX) {
        complain("expected the number of a job");
    } else if (beginning != NULL) {
        begin(run, id, line);
    } else if (ending != NULL) {
        if (run->jobs[id].job != NULL) {
            end(run, &run->jobs[id]);
        }
        print(json_pack("{s:I, s:s}", "job", id, "action", "ended"));
    } else {
        take_reply(run, id, line);
    }
    json_decref(line);
    return 0;
}

static void take_lines(struct run *run) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        take_line(run, line, (size_t)length);
    }
    (free)(line);
}

static void print_account(const struct run *run) {
    struct d1_provider_traits traits = {.size = sizeof(traits)};
    run->provider->traits(run->account, &traits);
    json_t *hosts = json_array();
    for (size_t i = 0; traits.hosts != NULL && traits.hosts[i] != NULL; i++) {
        json_array_append_new(hosts, json_string(traits.hosts[i]));
    }
    print(json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "account", run->provider->type,
                    "title", run->provider->title, "hosts", hosts, "requests",
                    (json_int_t)traits.requests, "per_ms", (json_int_t)traits.per_ms, "together",
                    (json_int_t)traits.together, "propagation_s", (json_int_t)traits.propagation_s,
                    "ttl_min", (json_int_t)traits.ttl_min));
}

/* A fault in a folder of descriptors. */
static void tell(void *arg, const char *file, unsigned line, const char *text) {
    (void)arg;
    fprintf(stderr, "%s:%u: %s\n", file, line, text);
}

/* A type by name; or a file, whose whole folder is read so that it may extend its neighbours. */
static int find_provider(struct d1_builtin *builtin, const char *which, struct run *run) {
    struct d1_error error = {.text = ""};
    char name[4096];
    const char *slash = strrchr(which, '/');
    size_t length = strlen(which);
    if (length < 5 || strcmp(which + length - 5, ".json") != 0) {
        return d1_builtin_find(builtin, which, &run->provider, &error) == 0 ? 0
                                                                            : complain(error.text);
    }
    snprintf(name, sizeof(name), "%.*s", slash != NULL ? (int)(slash - which) : 1,
             slash != NULL ? which : ".");
    int status = d1_builtin_load(builtin, name, tell, NULL);
    if (status != 0 && status != D1_ECONFIG) {
        return complain("the folder of the descriptor cannot be read");
    }
    snprintf(name, sizeof(name), "%s", slash != NULL ? slash + 1 : which);
    name[strlen(name) - 5] = '\0';
    return d1_builtin_find(builtin, name, &run->provider, &error) == 0 ? 0 : complain(error.text);
}

static int open_account(struct run *run, char **settings, int count) {
    struct d1_pair pairs_given[SETTINGS_MAX];
    struct d1_provider_error fault = {.text = ""};
    for (int i = 0; i < count; i++) {
        char *equals = strchr(settings[i], '=');
        if (equals == NULL || i == SETTINGS_MAX) {
            return complain("expected settings as NAME=VALUE");
        }
        *equals = '\0';
        pairs_given[i] = (struct d1_pair){settings[i], equals + 1};
    }
    return run->provider->account_open(run->provider, pairs_given, (size_t)count, &run->account,
                                       &fault) == 0
               ? 0
               : complain(fault.text);
}

int main(int argc, char **argv) {
    struct d1_builtin *builtin = NULL;
    struct run *run = d1_calloc(1, sizeof(*run));
    if (argc < 2 || run == NULL || d1_builtin_create(&builtin) != 0) {
        fprintf(stderr, "usage: %s TYPE|FILE.json [NAME=VALUE ...]\n", argv[0]);
        d1_free(run);
        return 2;
    }
    run->now_ms = 1767323045000;
    int status = find_provider(builtin, argv[1], run);
    status = status == 0 ? open_account(run, argv + 2, argc - 2) : status;
    if (status == 0) {
        print_account(run);
        take_lines(run);
        for (size_t i = 0; i < JOBS_MAX; i++) {
            if (run->jobs[i].job != NULL) {
                end(run, &run->jobs[i]);
            }
        }
        run->provider->account_close(run->account);
    }
    d1_builtin_destroy(builtin);
    d1_free(run);
    return status;
}
