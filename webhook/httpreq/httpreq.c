/*
 * lego's httpreq in its default mode, which acme.sh's acmeproxy speaks too: POST /present and POST
 * /cleanup with {"fqdn", "value"}, keys in any case. The reply repeats both: acme.sh looks for
 * "VALUE" in it.
 */
#include <string.h>

#include "core/err.h"
#include "http/server.h"
#include "webhook/json.h"
#include "webhook/routes.h"

static const char what_is_asked[] = "the body must be a JSON object with strings fqdn and value";

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
    d1_bytes_add_text(&job->body, "{\"fqdn\":");
    d1_json_add(&job->body, json_string_value(fqdn), json_string_length(fqdn));
    d1_bytes_add_text(&job->body, ",\"value\":");
    d1_json_add(&job->body, json_string_value(value), json_string_length(value));
    d1_bytes_add_text(&job->body, "}");
    return D1_OK;
}

static bool pair_read(struct d1_job *job, const struct d1_http_request *request) {
    job->request = (struct d1_solver_request){.lease_ms = D1_LEASE_DEFAULT};
    json_t *object = NULL;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = take_pair(job, d1_json_find(object, "fqdn"), d1_json_find(object, "value"));
        json_decref(object);
    }
    return true;
}

static void on_done(struct d1_solver_request *request, int err) {
    struct d1_job *job = D1_CONTAINER_OF(request, struct d1_job, request);
    if (err == D1_OK) {
        d1_job_answer(job, 200);
    } else {
        d1_job_fail_name(job, err, &request->name);
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
        d1_job_fail_name(job, err, &job->request.name);
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
        .read = pair_read,
        .run = present_run,
    },
    {
        .method = "POST",
        .path = "/cleanup",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_CLEANUP,
        .read = pair_read,
        .run = cleanup_run,
    },
    {.path = NULL},
};
