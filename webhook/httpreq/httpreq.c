/*
 * lego's httpreq, keys in any case: POST /present and POST /cleanup with {"fqdn", "value"} (default
 * mode, which acme.sh's acmeproxy speaks too) or {"domain", "token", "keyAuth"} (RAW mode: owner
 * name and value are computed here, RFC 8555, 8.4). The reply says fqdn and value: acme.sh looks for
 * "VALUE" in it.
 */
#include <assert.h>
#include <string.h>

#include "core/err.h"
#include "http/server.h"
#include "webhook/json.h"
#include "webhook/routes.h"

static const char what_is_asked[] =
    "the body must be a JSON object with strings fqdn and value, or "
    "domain and keyAuth";

static void add_reply(struct d1_job *job, const char *fqdn, size_t fqdn_length, const char *value,
                      size_t value_length) {
    d1_bytes_add_text(&job->body, "{\"fqdn\":");
    d1_json_add(&job->body, fqdn, fqdn_length);
    d1_bytes_add_text(&job->body, ",\"value\":");
    d1_json_add(&job->body, value, value_length);
    d1_bytes_add_text(&job->body, "}");
}

/* Takes name and value, and puts the reply together that will be sent on success. */
static int take_pair(struct d1_job *job, const json_t *fqdn, const json_t *value) {
    if (!json_is_string(fqdn) || !json_is_string(value)) {
        return d1_error_set(&job->story, D1_EPARSE, "%s", what_is_asked);
    }
    int err = d1_name_parse(json_string_value(fqdn), json_string_length(fqdn), &job->request.name);
    if (err != D1_OK) {
        return d1_error_set(&job->story, err, "fqdn: %s", d1_err_text(err));
    }
    err =
        d1_txt_value_set(&job->request.value, json_string_value(value), json_string_length(value));
    if (err != D1_OK) {
        return d1_error_set(&job->story, err, "value: %s", d1_err_text(err));
    }
    add_reply(job, json_string_value(fqdn), json_string_length(fqdn), json_string_value(value),
              json_string_length(value));
    return D1_OK;
}

/* The owner name of a domain to be validated; a wildcard's is that of its parent. */
static int owner_of_domain(const json_t *domain, struct d1_name *ret_name) {
    static const char label[] = "_acme-challenge";
    const char *text = json_string_value(domain);
    size_t length = json_string_length(domain);
    size_t skip = length >= 2 && memcmp(text, "*.", 2) == 0 ? 2 : 0;
    struct d1_name name;
    int err = d1_name_parse(text + skip, length - skip, &name);
    return err != D1_OK ? err : d1_name_prepend(label, sizeof(label) - 1, &name, ret_name);
}

/* As take_pair, from what RAW mode sends. */
static int take_raw(struct d1_job *job, const json_t *domain, const json_t *key_authorization) {
    if (!json_is_string(domain) || !json_is_string(key_authorization)) {
        return d1_error_set(&job->story, D1_EPARSE, "%s", what_is_asked);
    }
    int err = owner_of_domain(domain, &job->request.name);
    if (err != D1_OK) {
        return d1_error_set(&job->story, err, "domain: %s", d1_err_text(err));
    }
    if (json_string_length(key_authorization) == 0) {
        return d1_error_set(&job->story, D1_EPARSE, "keyAuth: is empty");
    }
    char value[D1_BASE64_BYTES(D1_SHA256_BYTES)];
    err = d1_sha256_base64url(json_string_value(key_authorization),
                              json_string_length(key_authorization), value);
    if (err != D1_OK) {
        return d1_error_set(&job->story, err, "%s", d1_err_text(err));
    }
    size_t length = strlen(value);
    err = d1_txt_value_set(&job->request.value, value, length);
    assert(err == D1_OK);
    char fqdn[D1_NAME_TEXT_MAX];
    d1_name_to_text(&job->request.name, fqdn);
    add_reply(job, fqdn, strlen(fqdn), value, length);
    return D1_OK;
}

/* Default mode, unless there is nothing of it and something of RAW mode. */
static int take_object(struct d1_job *job, const json_t *object) {
    const json_t *fqdn = d1_json_find(object, "fqdn");
    const json_t *value = d1_json_find(object, "value");
    const json_t *key_authorization = d1_json_find(object, "keyauth");
    if (fqdn == NULL && value == NULL && key_authorization != NULL) {
        return take_raw(job, d1_json_find(object, "domain"), key_authorization);
    }
    return take_pair(job, fqdn, value);
}

static bool body_read(struct d1_job *job, const struct d1_http_request *request) {
    job->request = (struct d1_solver_request){.lease_ms = D1_LEASE_DEFAULT};
    json_t *object = NULL;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = take_object(job, object);
        json_decref(object);
    }
    return true;
}

static void on_done(struct d1_solver_request *request, int err) {
    struct d1_job *job = D1_CONTAINER_OF(request, struct d1_job, request);
    if (err == D1_OK) {
        d1_job_answer(job, 200);
    } else {
        d1_job_fail_request(job, err);
    }
    d1_job_finish(job);
}

static void submit(struct d1_job *job, const struct d1_credential *credential,
                   enum d1_solver_verb verb) {
    job->request.verb = verb;
    job->request.door = D1_DOOR_HTTPREQ;
    job->request.caller = *credential;
    job->request.done = on_done;
    int err = d1_solver_submit(job->doors->options.solver, &job->request);
    if (err != D1_OK) {
        d1_job_fail_request(job, err);
        d1_job_finish(job);
    }
}

static void present_run(struct d1_job *job, const struct d1_credential *credential) {
    submit(job, credential, D1_SOLVER_PRESENT);
}

static void cleanup_run(struct d1_job *job, const struct d1_credential *credential) {
    submit(job, credential, D1_SOLVER_CLEANUP);
}

const struct d1_route d1_httpreq_routes[] = {
    {
        .method = "POST",
        .path = "/present",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_PRESENT,
        .read = body_read,
        .run = present_run,
    },
    {
        .method = "POST",
        .path = "/cleanup",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_CLEANUP,
        .read = body_read,
        .run = cleanup_run,
    },
    {.path = NULL},
};
