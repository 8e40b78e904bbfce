/*
 * The native API's administration: reload. Providers and backup come later.
 */
#include "core/err.h"
#include "webhook/routes.h"

static void on_reloaded(struct d1_reload *reload, int err, const char *reason) {
    struct d1_job *job = D1_CONTAINER_OF(reload, struct d1_job, reload);
    if (err == D1_OK) {
        d1_bytes_add_text(&job->body, "{\"reloaded\":true}");
        d1_job_answer(job, 200);
    } else {
        d1_job_fail(job, err, reason);
    }
    d1_job_finish(job);
}

static void reload_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    const struct d1_frontend_options *options = &job->doors->options;
    job->reload = (struct d1_reload){.done = on_reloaded};
    options->reload(options->arg, &job->reload);
}

const struct d1_route d1_api_admin_routes[] = {
    {
        .method = "POST",
        .path = "/v1/reload",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .run = reload_run,
    },
    {.path = NULL},
};
