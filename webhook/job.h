/*
 * Job: one request on its way from the front loop to the control loop and back.
 *
 * Happy path: d1_router_take() fills it from the request (front); its route's `read` takes what it
 * needs from the body; it is posted to the control loop, where the credential is found and the
 * route's `run` calls the solver; when the outcome is known, an answer is put in and
 * d1_job_finish() posts it back; the front loop writes the answer and frees the job.
 * Failures: `read` may answer at once; a fault of the body that must not be told to strangers is
 * kept in `fault` and answered after the credential was found good. Without memory for the answer
 * it becomes a 503.
 *
 * Threads: one thread at a time; posting hands it over.
 * Memory: a job owns its body, `allowfrom`, `lists`, `rights`, `batch` and `kept`. Secrets in it are wiped
 *   when it ends.
 * Limits: D1_HTTP_ANSWER_BYTES_MAX octets of answer.
 */
#ifndef D1_WEBHOOK_JOB_H
#define D1_WEBHOOK_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/loop.h"
#include "solver/login.h"
#include "solver/tokens.h"
#include "webhook/auth.h"
#include "webhook/cidr.h"
#include "webhook/frontend.h"

struct d1_account_store;
struct d1_http_exchange;
struct d1_http_request;
struct d1_import_batch;
struct d1_job;
struct d1_router;

/* What the routes work with. */
struct d1_doors {
    struct d1_frontend_options options;
    struct d1_rights *admin; /* Of the control socket. */
};

enum d1_route_auth {
    D1_AUTH_NONE,    /* Anybody. */
    D1_AUTH_TOKEN,   /* A token, or the control socket; found before `run`. */
    D1_AUTH_ACCOUNT, /* X-Api-User and X-Api-Key; the route looks it up itself. */
    D1_AUTH_OWN,     /* As TOKEN, but the route decides whether it is needed. */
};

#define D1_KIND_BIT(kind) (1U << (kind))

struct d1_route {
    const char *method;
    const char *path; /* One segment may be "{}": see d1_job.segment. */
    unsigned kinds;   /* D1_KIND_BIT of each listener kind that has it. */
    enum d1_route_auth auth;
    unsigned verbs; /* D1_AUTH_TOKEN: verbs that must be held. */
    bool registers; /* Counts against limits.registrations. */

    /*
     * Front loop, optional: take what is needed from the request. Returns true when the job must go
     * to the control loop, false when it was answered.
     */
    bool (*read)(struct d1_job *job, const struct d1_http_request *request);

    /*
     * Control loop: answer now or later, then call d1_job_finish(), exactly once. The credential is
     * NULL unless auth is D1_AUTH_TOKEN, and borrowed for the length of the call.
     */
    void (*run)(struct d1_job *job, const struct d1_credential *credential);
};

struct d1_job {
    struct d1_message message;
    struct d1_router *router;
    const struct d1_doors *doors;
    const struct d1_route *route; /* NULL: no route took it. */
    struct d1_http_exchange *exchange;

    /* Who asks, from the front loop. */
    enum d1_frontend_kind kind;
    enum d1_registration registration; /* The mode in force when it arrived. */
    bool account_store;                /* The same. */
    struct d1_ip client;
    struct d1_offer offer;
    int fault; /* What is wrong with the request; told after the credential was found good. */
    struct d1_error story;

    /* What is asked. */
    const char *segment; /* `read` only: what stands for "{}", as sent. */
    size_t segment_length;
    const char *base_path; /* `read` only: below which the listener's paths stand, or "". */
    bool verbose;
    bool has_subdomain;
    struct d1_name name;
    char subdomain[D1_LABEL_OCTETS_MAX + 1];
    char username[D1_UUID_TEXT_BYTES]; /* Of an account; "": none was given. */
    char *allowfrom;
    char *lists[3];           /* Of a new token: names, owners, verbs. */
    struct d1_rights *rights; /* Of an account. */
    char owner[D1_OWNER_TEXT_MAX + 1];
    struct d1_import_batch *batch;
    struct d1_account_store *kept;
    struct d1_solver_login login;
    union {
        struct d1_solver_request request;
        struct d1_solver_register registering;
        struct d1_solver_account_change account_change;
        struct d1_solver_token_change token_change;
        struct d1_reload reload;
    };

    /* The answer. */
    int status;
    const char *content_type;
    struct d1_bytes body;
    const char *challenge; /* WWW-Authenticate, or NULL. */
    char allow[32];        /* Allow, or "". */
    unsigned retry_after_s;
    bool unauthorized; /* Counts against limits.auth-failures. */
    bool counted;      /* A registration was counted, and is given back unless it is made. */
};

/* The body is in job->body: JSON, on one line. */
void d1_job_answer(struct d1_job *job, int status);

/* {"error": "code", "detail": "..."} of an error; the detail is the error's text unless given. */
void d1_job_fail(struct d1_job *job, int err, const char *detail);

/* {"error": "code"}, acme-dns' form. */
void d1_job_fail_plain(struct d1_job *job, int status, const char *code);

/* The outcome of a request to the solver, as d1_job_fail with the owner name in the detail. */
void d1_job_fail_name(struct d1_job *job, int err, const struct d1_name *name);

/* The outcome of job->request, with all that the solver has to say about it. */
void d1_job_fail_request(struct d1_job *job, int err);

/* Keep an error for after the credential was checked. Returns true, for `read`. */
bool d1_job_fault(struct d1_job *job, int err, const char *detail);

/* Control loop: send the job back with its answer. It must not be touched afterwards. */
void d1_job_finish(struct d1_job *job);

#endif /* D1_WEBHOOK_JOB_H */
