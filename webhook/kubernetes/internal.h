/* What the files of the webhook share. Nobody else includes it. */
#ifndef D1_WEBHOOK_KUBERNETES_INTERNAL_H
#define D1_WEBHOOK_KUBERNETES_INTERNAL_H

#include <jansson.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/limits.h"
#include "core/loop.h"
#include "http/server.h"
#include "solver/solver.h"
#include "webhook/kubernetes/api.h"
#include "webhook/kubernetes/issuer.h"
#include "webhook/kubernetes/proxy.h"
#include "webhook/kubernetes/review.h"
#include "webhook/kubernetes/settings.h"
#include "webhook/kubernetes/webhook.h"

struct d1_metrics_block;

/* How requests ended; labels of dns01d_webhook_requests_total. */
enum d1_kube_outcome {
    D1_KUBE_DONE,         /* success: true */
    D1_KUBE_FAILED,       /* success: false */
    D1_KUBE_UNAUTHORIZED, /* 401 */
    D1_KUBE_FORBIDDEN,    /* 403 */
    D1_KUBE_MALFORMED,    /* 400 and what the server refuses */
    D1_KUBE_UNAVAILABLE,  /* 503 */
    D1_KUBE_DISCOVERY,    /* Everything that is no challenge. */
    D1_KUBE_OUTCOMES,
};

struct d1_kube {
    struct d1_kube_options options;
    struct d1_http_server *server;
    struct d1_kube_api *api; /* NULL once it is closed. */
    struct d1_kube_reviews *reviews;
    struct d1_kube_proxy *proxy; /* NULL: not known, so that nobody can be believed. */
    struct d1_kube_watch watch;
    bool troubled; /* The last watch had no answer, and that was logged. */
    _Atomic bool proxy_known;
    struct d1_kube_serving *serving; /* NULL: the certificate is in files. */
    const char **groups;             /* Each group that is served, once; NULL ends it. */
    _Atomic bool certificate_known;

    struct d1_kube_settings *settings; /* The front loop's; NULL before the first request. */
    _Atomic(struct d1_kube_settings *) next;

    struct d1_metrics_block *counters; /* The front loop's; owned by the metrics. */
    uint32_t outcomes;                 /* First cell. */

    struct d1_kube_job *jobs; /* Under way, the newest first. */
    size_t pending;
    uv_timer_t deadlines; /* Runs while there are jobs. */

    struct d1_message stop_message;
    uint64_t grace_ms;
    unsigned open; /* Server, API, timer and serving: what stop waits for. */
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* One challenge on its way. */
struct d1_kube_job {
    struct d1_message message;
    struct d1_kube_job *next;
    struct d1_kube_job *previous;
    struct d1_kube *kube;
    struct d1_kube_settings *settings; /* Held. */
    const struct d1_kube_name *name;
    struct d1_http_exchange *exchange; /* NULL once it was answered. */
    int64_t until_us;                  /* Then it is answered, whatever becomes of it. */

    json_t *translated;  /* The config in our schema, where theirs is another; or NULL. */
    json_t *body;        /* The ChallengePayload. */
    const json_t *asked; /* Its request. */
    json_t *user;        /* Who asks. */
    struct d1_kube_review review;

    const char *uid;
    const char *name_space;
    struct d1_issuer_config issuer;
    char path[sizeof("/api/v1/namespaces//secrets/") + D1_KUBE_LABEL_MAX + D1_KUBE_NAME_MAX];
    struct d1_kube_call secret;
    json_t *secrets;               /* What the Secret gave; wiped with the job. */
    char via[D1_VIA_TEXT_MAX + 1]; /* The account that was brought along. */

    char owner[D1_OWNER_TEXT_MAX + 1];
    struct d1_solver_request request;
    int err;                        /* The solver's. */
    char why[D1_FOLLOW_TEXT_BYTES]; /* The solver's words for it. */
};

/* ---- door.c: HTTP ---- */

/* Answer an HTTP error as a Status. */
void d1_kube_answer_status(struct d1_kube *kube, struct d1_http_exchange *exchange, int status,
                           const char *message);

/* Answer the challenge: 201, with a response. `message` NULL: success. */
void d1_kube_answer(struct d1_kube *kube, struct d1_http_exchange *exchange, const char *uid,
                    const char *message);

/* The last job, or the server, or the API has ended: perhaps that ends the stop. */
void d1_kube_check_stopped(struct d1_kube *kube);

/* ---- challenge.c: one challenge ---- */

/* A POST to a solver, from whom the front proxy says it is (`user`, which is taken over). */
void d1_kube_challenge(struct d1_kube *kube, const struct d1_kube_name *name, json_t *user,
                       const struct d1_http_request *request, struct d1_http_exchange *exchange);

/* Answer what has waited too long; called now and then. */
void d1_kube_challenge_look(struct d1_kube *kube);

#endif /* D1_WEBHOOK_KUBERNETES_INTERNAL_H */
