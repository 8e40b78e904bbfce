/*
 * The native API's provider accounts, for administrators: what state they are in, and to try one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "http/server.h"
#include "webhook/json.h"
#include "webhook/providers.h"
#include "webhook/routes.h"

#define KINDS (D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL))

static void list_run(struct d1_job *job, const struct d1_credential *credential) {
    const struct d1_provider_view *view = job->doors->options.providers;
    (void)credential;
    d1_bytes_add_text(&job->body, "{\"providers\":");
    if (view != NULL) {
        view->list(view->arg, &job->body);
    } else {
        d1_bytes_add_text(&job->body, "[]");
    }
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static bool account_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    if (d1_http_unescape(job->segment, job->segment_length, job->owner, sizeof(job->owner)) !=
        D1_OK) {
        return d1_job_fault(job, D1_ENOTFOUND, "there is no provider account of that name");
    }
    return true;
}

static bool test_read(struct d1_job *job, const struct d1_http_request *request) {
    static const char *const keys[] = {"domain", NULL};
    json_t *object = NULL;
    account_read(job, request);
    int err = job->fault;
    err = err != D1_OK
              ? err
              : d1_json_read_object(request->body, request->body_length, &object, &job->story);
    err = err != D1_OK ? err : d1_json_only(object, keys, &job->story);
    if (err == D1_OK) {
        const json_t *domain = json_object_get(object, "domain");
        if (!json_is_string(domain) ||
            d1_name_parse(json_string_value(domain), json_string_length(domain), &job->name) !=
                D1_OK) {
            err = d1_error_set(&job->story, D1_EPARSE, "domain must be a domain name");
        }
    }
    json_decref(object);
    job->fault = err;
    return true;
}

static void answer_test(struct d1_job *job, int err, int status) {
    const struct d1_provider_view *view = job->doors->options.providers;
    if (err == D1_OK) {
        err = view->show_test(view->arg, job->owner, &job->body);
    }
    if (err == D1_OK) {
        d1_job_answer(job, status);
    } else if (err == D1_ENOTFOUND) {
        d1_job_fail(job, err, "there is no provider account, or no test of it, of that name");
    } else if (err == D1_EEXIST) {
        d1_job_fail(job, err, "a test of this account is under way");
    } else {
        d1_job_fail(job, err, NULL);
    }
    d1_job_finish(job);
}

static void test_run(struct d1_job *job, const struct d1_credential *credential) {
    const struct d1_provider_view *view = job->doors->options.providers;
    (void)credential;
    answer_test(job, view != NULL ? view->test(view->arg, job->owner, &job->name) : D1_ENOTFOUND,
                202);
}

static void show_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    answer_test(job, job->doors->options.providers != NULL ? D1_OK : D1_ENOTFOUND, 200);
}

const struct d1_route d1_api_provider_routes[] = {
    {
        .method = "GET",
        .path = "/v1/providers",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .run = list_run,
    },
    {
        .method = "POST",
        .path = "/v1/providers/{}/test",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .read = test_read,
        .run = test_run,
    },
    {
        .method = "GET",
        .path = "/v1/providers/{}/test",
        .kinds = KINDS,
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .read = account_read,
        .run = show_run,
    },
    {.path = NULL},
};
