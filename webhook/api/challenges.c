/*
 * The native API's challenges: list, present, clean up, and the timeline of a name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "dns/wire.h"
#include "http/server.h"
#include "solver/timeline.h"
#include "webhook/json.h"
#include "webhook/routes.h"

#define KINDS (D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL))

static enum d1_door door_of(const struct d1_job *job) {
    return job->kind == D1_FRONTEND_CONTROL ? D1_DOOR_SOCKET : D1_DOOR_API;
}

/* ---- GET /v1/challenges ---- */

struct listing {
    struct d1_bytes *body;
    size_t count;
    bool cut;
};

static void add_name(struct d1_bytes *body, const struct d1_name *name) {
    char text[D1_NAME_TEXT_MAX];
    size_t length = d1_name_to_text(name, text);
    d1_json_add(body, text, length);
}

static void add_challenge(const struct d1_challenge_view *view, void *arg) {
    struct listing *listing = arg;
    const struct d1_challenge *challenge = view->challenge;
    if (!view->live) {
        return;
    }
    if (listing->count == D1_LIST_ENTRIES_MAX) {
        listing->cut = true;
        return;
    }
    struct d1_bytes *body = listing->body;
    d1_bytes_add_text(body, listing->count > 0 ? ",{\"name\":" : "{\"name\":");
    add_name(body, &challenge->name);
    d1_bytes_add_text(body, ",\"value\":");
    d1_json_add(body, challenge->value.octets, challenge->value.length);
    d1_bytes_add_text(body, ",\"owner\":");
    d1_json_add_text(body, challenge->owner);
    d1_bytes_add_text(body, ",\"created\":");
    d1_json_add_time(body, challenge->created_ms);
    d1_bytes_add_text(body, ",\"expires\":");
    d1_json_add_time(body, challenge->expires_ms);
    if (challenge->asked.length > 0) {
        d1_bytes_add_text(body, ",\"asked\":");
        add_name(body, &challenge->asked);
    }
    d1_bytes_add_text(body, "}");
    listing->count++;
}

static void list_run(struct d1_job *job, const struct d1_credential *credential) {
    struct listing listing = {.body = &job->body};
    d1_bytes_add_text(&job->body, "{\"challenges\":[");
    d1_solver_each(job->doors->options.solver, credential->rights, add_challenge, &listing);
    d1_bytes_add_text(&job->body, "]");
    if (listing.cut) {
        d1_bytes_add_text(&job->body, ",\"truncated\":true");
    }
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

/* ---- POST /v1/challenges ---- */

static int take_name(struct d1_job *job, const char *text, size_t length) {
    int err = d1_name_parse(text, length, &job->request.name);
    return err == D1_OK ? D1_OK : d1_error_set(&job->story, err, "name: %s", d1_err_text(err));
}

static int take_value(struct d1_job *job, const char *text, size_t length) {
    int err = d1_txt_value_set(&job->request.value, text, length);
    return err == D1_OK ? D1_OK : d1_error_set(&job->story, err, "value: %s", d1_err_text(err));
}

static int take_lease(struct d1_job *job, const json_t *lease) {
    if (lease == NULL || json_is_null(lease)) {
        job->request.lease_ms = D1_LEASE_DEFAULT;
        return D1_OK;
    }
    int64_t ms = 0;
    const char *text = json_is_string(lease) ? json_string_value(lease) : "";
    if (strcmp(text, "none") == 0) {
        ms = D1_LEASE_NONE;
    } else if (d1_duration_parse(text, &ms) != D1_OK || ms <= 0) {
        return d1_error_set(&job->story, D1_ELEASE,
                            "lease: must be a duration such as \"10m\", or \"none\"");
    }
    job->request.lease_ms = ms;
    return D1_OK;
}

static int take_challenge(struct d1_job *job, const json_t *object) {
    static const char *const keys[] = {"name", "value", "lease", NULL};
    int err = d1_json_only(object, keys, &job->story);
    if (err != D1_OK) {
        return err;
    }
    const json_t *name = json_object_get(object, "name");
    const json_t *value = json_object_get(object, "value");
    if (!json_is_string(name) || !json_is_string(value)) {
        return d1_error_set(&job->story, D1_EPARSE, "name and value must be given as strings");
    }
    err = take_name(job, json_string_value(name), json_string_length(name));
    if (err == D1_OK) {
        err = take_value(job, json_string_value(value), json_string_length(value));
    }
    return err == D1_OK ? take_lease(job, json_object_get(object, "lease")) : err;
}

static bool present_read(struct d1_job *job, const struct d1_http_request *request) {
    job->request = (struct d1_solver_request){.verb = D1_SOLVER_PRESENT};
    json_t *object = NULL;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = take_challenge(job, object);
        json_decref(object);
    }
    return true;
}

static void on_presented(struct d1_solver_request *request, int err) {
    struct d1_job *job = D1_CONTAINER_OF(request, struct d1_job, request);
    if (err != D1_OK) {
        d1_job_fail_request(job, err);
        d1_job_finish(job);
        return;
    }
    d1_bytes_add_text(&job->body, "{\"name\":");
    add_name(&job->body, &request->name);
    d1_bytes_add_text(&job->body, ",\"value\":");
    d1_json_add(&job->body, request->value.octets, request->value.length);
    d1_bytes_add_text(&job->body, ",\"owner\":");
    d1_json_add_text(&job->body, job->owner);
    d1_bytes_add_text(&job->body, ",\"expires\":");
    d1_json_add_time(&job->body, request->expires_ms);
    if (request->was_followed) {
        d1_bytes_add_text(&job->body, ",\"followed_to\":");
        add_name(&job->body, &request->followed.name);
    }
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, request->repeated ? 200 : 201);
    d1_job_finish(job);
}

static void submit(struct d1_job *job, const struct d1_credential *credential) {
    snprintf(job->owner, sizeof(job->owner), "%s", credential->owner);
    job->request.door = door_of(job);
    job->request.caller = *credential;
    job->request.caller.owner = job->owner;
    int err = d1_solver_submit(job->doors->options.solver, &job->request);
    if (err != D1_OK) {
        d1_job_fail_request(job, err);
        d1_job_finish(job);
    }
}

static void present_run(struct d1_job *job, const struct d1_credential *credential) {
    job->request.done = on_presented;
    submit(job, credential);
}

/* ---- DELETE /v1/challenges?name=N&value=V ---- */

static int take_query(struct d1_job *job, const char *query) {
    char name[D1_NAME_TEXT_MAX];
    char value[D1_TXT_STRING_MAX + 1];
    if (d1_http_query_find(query, "name", name, sizeof(name)) != D1_OK) {
        return d1_error_set(&job->story, D1_EPARSE, "query parameter name must be given once");
    }
    if (d1_http_query_find(query, "value", value, sizeof(value)) != D1_OK) {
        return d1_error_set(&job->story, D1_EPARSE,
                            "query parameter value must be given once, with at most %d octets",
                            D1_TXT_STRING_MAX);
    }
    int err = take_name(job, name, strlen(name));
    return err == D1_OK ? take_value(job, value, strlen(value)) : err;
}

static bool cleanup_read(struct d1_job *job, const struct d1_http_request *request) {
    job->request = (struct d1_solver_request){.verb = D1_SOLVER_CLEANUP};
    job->fault = take_query(job, request->query);
    return true;
}

static void on_cleaned(struct d1_solver_request *request, int err) {
    struct d1_job *job = D1_CONTAINER_OF(request, struct d1_job, request);
    if (err == D1_OK) {
        d1_bytes_add_text(&job->body, "{\"name\":");
        add_name(&job->body, &request->name);
        d1_bytes_add_text(&job->body, ",\"value\":");
        d1_json_add(&job->body, request->value.octets, request->value.length);
        d1_bytes_add_text(&job->body, "}");
        d1_job_answer(job, 200);
    } else {
        d1_job_fail_request(job, err);
    }
    d1_job_finish(job);
}

static void cleanup_run(struct d1_job *job, const struct d1_credential *credential) {
    job->request.done = on_cleaned;
    submit(job, credential);
}

/* ---- GET /v1/challenges/{name}/timeline ---- */

static bool timeline_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    char text[D1_NAME_TEXT_MAX];
    if (d1_http_unescape(job->segment, job->segment_length, text, sizeof(text)) != D1_OK ||
        d1_name_from_text(text, &job->name) != D1_OK) {
        return d1_job_fault(job, D1_ENAME, NULL);
    }
    return true;
}

static void add_type(struct d1_bytes *body, uint16_t type) {
    static const struct {
        uint16_t type;
        const char *text;
    } names[] = {
        {D1_TYPE_A, "A"},     {D1_TYPE_NS, "NS"},       {D1_TYPE_CNAME, "CNAME"},
        {D1_TYPE_SOA, "SOA"}, {D1_TYPE_TXT, "TXT"},     {D1_TYPE_AAAA, "AAAA"},
        {D1_TYPE_DS, "DS"},   {D1_TYPE_RRSIG, "RRSIG"}, {D1_TYPE_NSEC, "NSEC"},
        {D1_TYPE_ANY, "ANY"}, {D1_TYPE_CAA, "CAA"},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        if (names[i].type == type) {
            d1_json_add_text(body, names[i].text);
            return;
        }
    }
    d1_bytes_printf(body, "\"TYPE%u\"", type); /* RFC 3597, 5. */
}

static void add_rcode(struct d1_bytes *body, uint8_t rcode) {
    static const char *const names[] = {
        [D1_RCODE_NOERROR] = "NOERROR",   [D1_RCODE_FORMERR] = "FORMERR",
        [D1_RCODE_SERVFAIL] = "SERVFAIL", [D1_RCODE_NXDOMAIN] = "NXDOMAIN",
        [D1_RCODE_NOTIMP] = "NOTIMP",     [D1_RCODE_REFUSED] = "REFUSED",
    };
    if (rcode < D1_ARRAY_LENGTH(names) && names[rcode] != NULL) {
        d1_json_add_text(body, names[rcode]);
    } else {
        d1_bytes_printf(body, "\"RCODE%u\"", rcode);
    }
}

static void add_asked(struct d1_bytes *body, const struct d1_event *event) {
    struct d1_ip address;
    char from[D1_IP_TEXT_BYTES];
    d1_ip_from_socket(&event->from, &address);
    d1_ip_format(&address, from);
    d1_bytes_add_text(body, ",\"from\":");
    d1_json_add_text(body, from);
    d1_bytes_printf(body, ",\"transport\":\"%s\",\"type\":", event->tcp ? "tcp" : "udp");
    add_type(body, event->type);
    d1_bytes_add_text(body, ",\"answer\":");
    add_rcode(body, event->rcode);
    d1_bytes_printf(body, ",\"records\":%u,\"truncated\":%s", event->answers,
                    event->truncated ? "true" : "false");
}

/* A step at a provider. */
static void add_step(struct d1_bytes *body, const struct d1_event *event) {
    char step[D1_TXT_STRING_MAX + 1];
    memcpy(step, event->value.octets, event->value.length);
    step[event->value.length] = '\0';
    d1_bytes_add_text(body, ",\"account\":");
    d1_json_add_text(body, event->owner);
    d1_bytes_add_text(body, ",\"step\":");
    d1_json_add_text(body, step);
}

static void add_stored(struct d1_bytes *body, const struct d1_event *event) {
    d1_bytes_add_text(body, ",\"value\":");
    d1_json_add(body, event->value.octets, event->value.length);
    d1_bytes_add_text(body, ",\"owner\":");
    d1_json_add_text(body, event->owner);
    if (event->door[0] != '\0') {
        d1_bytes_add_text(body, ",\"door\":");
        d1_json_add_text(body, event->door);
    }
    if (event->kind == D1_EVENT_FOLLOWED) {
        d1_bytes_add_text(body, ",\"asked\":");
        add_name(body, &event->asked);
        d1_bytes_add_text(body, ",\"followed_to\":");
        add_name(body, &event->target);
    }
    if (event->kind == D1_EVENT_COMMITTED) {
        d1_bytes_printf(body, ",\"revision\":%llu", (unsigned long long)event->revision);
    }
}

static void add_event(const struct d1_event *event, void *arg) {
    struct listing *listing = arg;
    struct d1_bytes *body = listing->body;
    d1_bytes_add_text(body, listing->count > 0 ? ",{\"time\":" : "{\"time\":");
    d1_json_add_time(body, event->time_ms);
    d1_bytes_add_text(body, ",\"event\":");
    d1_json_add_text(body, d1_event_name(event->kind));
    if (event->kind == D1_EVENT_ASKED) {
        add_asked(body, event);
    } else if (event->kind == D1_EVENT_PROVIDER) {
        add_step(body, event);
    } else {
        add_stored(body, event);
    }
    d1_bytes_add_text(body, "}");
    listing->count++;
}

static void timeline_run(struct d1_job *job, const struct d1_credential *credential) {
    if (!d1_rights_verb(credential->rights, D1_VERB_ADMIN) &&
        !d1_rights_allow(credential->rights, D1_VERB_READ, &job->name)) {
        d1_job_fail_name(job, D1_EFORBIDDEN, &job->name);
        d1_job_finish(job);
        return;
    }
    struct listing listing = {.body = &job->body};
    d1_bytes_add_text(&job->body, "{\"name\":");
    add_name(&job->body, &job->name);
    d1_bytes_add_text(&job->body, ",\"events\":[");
    uint64_t more = d1_timeline_each(job->doors->options.timeline, &job->name, add_event, &listing);
    d1_bytes_printf(&job->body, "],\"asked_not_listed\":%llu}", (unsigned long long)more);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

const struct d1_route d1_api_challenge_routes[] = {
    {
        .method = "GET",
        .path = "/v1/challenges",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_READ,
        .run = list_run,
    },
    {
        .method = "POST",
        .path = "/v1/challenges",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_PRESENT,
        .read = present_read,
        .run = present_run,
    },
    {
        .method = "DELETE",
        .path = "/v1/challenges",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_CLEANUP,
        .read = cleanup_read,
        .run = cleanup_run,
    },
    {
        .method = "GET",
        .path = "/v1/challenges/{}/timeline",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_READ,
        .read = timeline_read,
        .run = timeline_run,
    },
    {.path = NULL},
};
