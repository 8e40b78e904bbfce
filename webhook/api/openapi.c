/*
 * GET /openapi.json: the description of all paths (openapi.json, compiled in), with the prefix
 * below which they stand as the first member.
 */
#include "webhook/openapi.h"

#include "core/err.h"
#include "webhook/json.h"
#include "webhook/routes.h"

static bool openapi_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    d1_bytes_add_text(&job->body, "{\"servers\":[{\"url\":");
    d1_json_add_text(&job->body, job->base_path[0] != '\0' ? job->base_path : "/");
    d1_bytes_add_text(&job->body, "}],");
    d1_bytes_add(&job->body, d1_openapi_text + 1, d1_openapi_length - 1);
    d1_job_answer(job, 200);
    return false;
}

const struct d1_route d1_api_openapi_routes[] = {
    {
        .method = "GET",
        .path = "/openapi.json",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL),
        .auth = D1_AUTH_NONE,
        .read = openapi_read,
    },
    {.path = NULL},
};
