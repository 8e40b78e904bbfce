/*
 * Health and metrics: /livez, /readyz, /healthz?verbose, /metrics. Plain text, as probes expect.
 *
 * The health paths are answered by the front loop, so that they tell of a control loop that stands
 * still; /metrics is written on the control loop, which owns what its gauges read.
 */
#include <string.h>

#include "core/err.h"
#include "core/metrics.h"
#include "http/server.h"
#include "webhook/routes.h"

#define DETAIL_BYTES 1024
#define ALL_KINDS                                                      \
    (D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_METRICS) | \
     D1_KIND_BIT(D1_FRONTEND_CONTROL))

static void answer_text(struct d1_job *job, int status) {
    job->status = status;
    job->content_type = "text/plain; charset=utf-8";
}

static bool live_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    d1_bytes_add_text(&job->body, "ok\n");
    answer_text(job, 200);
    return false;
}

/* Each role's line when they are asked for or something is wrong; else just "ok". */
static bool ready_read(struct d1_job *job, const struct d1_http_request *request) {
    const struct d1_frontend_options *options = &job->doors->options;
    char detail[DETAIL_BYTES] = "";
    bool ready = options->ready(options->arg, detail, sizeof(detail));
    char value[8];
    bool verbose =
        d1_http_query_find(request->query, "verbose", value, sizeof(value)) != D1_ENOTFOUND;
    if (verbose || !ready) {
        d1_bytes_add_text(&job->body, detail);
        size_t length = strlen(detail);
        if (length > 0 && detail[length - 1] != '\n') {
            d1_bytes_add_text(&job->body, "\n");
        }
    }
    d1_bytes_add_text(&job->body, ready ? "ok\n" : "not ready\n");
    answer_text(job, ready ? 200 : 503);
    return false;
}

static void metrics_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    int err = d1_metrics_write(job->doors->options.metrics, &job->body);
    if (err == D1_OK) {
        job->status = 200;
        job->content_type = "text/plain; version=0.0.4; charset=utf-8";
    } else {
        d1_job_fail(job, err, NULL);
    }
    d1_job_finish(job);
}

const struct d1_route d1_health_routes[] = {
    {.method = "GET", .path = "/livez", .kinds = ALL_KINDS, .read = live_read},
    {.method = "GET", .path = "/readyz", .kinds = ALL_KINDS, .read = ready_read},
    {.method = "GET", .path = "/healthz", .kinds = ALL_KINDS, .read = ready_read},
    {
        .method = "GET",
        .path = "/metrics",
        .kinds = D1_KIND_BIT(D1_FRONTEND_METRICS),
        .run = metrics_run,
    },
    {.path = NULL},
};
