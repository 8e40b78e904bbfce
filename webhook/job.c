#include "webhook/job.h"

#include <errno.h>
#include <stdio.h>

#include "core/err.h"
#include "webhook/json.h"

#define RETRY_AFTER_S 5 /* Of answers that say "not now". */

void d1_job_answer(struct d1_job *job, int status) {
    job->status = status;
    job->content_type = "application/json";
}

void d1_job_fail(struct d1_job *job, int err, const char *detail) {
    d1_bytes_clear(&job->body);
    d1_bytes_add_text(&job->body, "{\"error\": ");
    d1_json_add_text(&job->body, d1_err_code(err));
    d1_bytes_add_text(&job->body, ", \"detail\": ");
    d1_json_add_text(&job->body, detail != NULL ? detail : d1_err_text(err));
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, d1_err_http(err));
    if (err == D1_EUNAUTHORIZED) {
        job->challenge = "Bearer realm=\"dns01d\"";
        job->unauthorized = true;
    }
    if (job->retry_after_s == 0 && (job->status == 429 || job->status == 503)) {
        job->retry_after_s = RETRY_AFTER_S;
    }
}

void d1_job_fail_plain(struct d1_job *job, int status, const char *code) {
    d1_bytes_clear(&job->body);
    d1_bytes_add_text(&job->body, "{\"error\": ");
    d1_json_add_text(&job->body, code);
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, status);
    job->unauthorized = status == 401;
    if (status == 503) {
        job->retry_after_s = RETRY_AFTER_S;
    }
}

void d1_job_fail_name(struct d1_job *job, int err, const struct d1_name *name) {
    char name_text[D1_NAME_TEXT_MAX];
    d1_name_to_text(name, name_text);
    char detail[D1_NAME_TEXT_MAX + 128];
    snprintf(detail, sizeof(detail), "%s: %s", name_text, d1_err_text(err));
    d1_job_fail(job, err, detail);
}

void d1_job_fail_request(struct d1_job *job, int err) {
    char detail[D1_FOLLOW_TEXT_BYTES];
    d1_solver_explain(&job->request, err, detail);
    d1_job_fail(job, err, detail);
}

bool d1_job_fault(struct d1_job *job, int err, const char *detail) {
    job->fault = d1_error_set(&job->story, err, "%s", detail != NULL ? detail : d1_err_text(err));
    return true;
}

void d1_job_finish(struct d1_job *job) {
    d1_loop_post(job->doors->options.front, &job->message);
}
