/*
 * SubjectAccessReviews: whether a user may create challenges of a solver, as the cluster's own
 * authorisation says. Decisions are remembered for D1_KUBE_REVIEW_MS, failures are not.
 *
 * Threads: the API's loop.
 * Memory: a review is the caller's until its `done`.
 * Limits: D1_KUBE_REVIEWS_MAX decisions are remembered; the oldest gives way.
 */
#ifndef D1_WEBHOOK_KUBERNETES_REVIEW_H
#define D1_WEBHOOK_KUBERNETES_REVIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "core/text.h"
#include "webhook/kubernetes/api.h"

struct d1_clock;
struct d1_kube_reviews;

int d1_kube_reviews_create(const struct d1_clock *clock, struct d1_kube_reviews **ret_reviews);

/* After the API was closed. NULL is allowed. */
void d1_kube_reviews_destroy(struct d1_kube_reviews *reviews);

struct d1_kube_review {
    const json_t *user; /* As d1_kube_proxy_identify() gives it. */
    const char *group;
    const char *solver;

    /* 0: allowed; D1_EFORBIDDEN: not; any other: no decision, which is a refusal too. */
    void (*done)(struct d1_kube_review *review, int err);

    struct d1_kube_reviews *reviews; /* Our own, from here on. */
    struct d1_kube_call call;
    uint8_t digest[D1_SHA256_BYTES];
};

/*
 * Decide. Returns 0 (allowed) or D1_EFORBIDDEN at once, without `done`, when that is known; with
 * *ret_asked the API was asked and `done` follows; or an error, without `done`.
 */
int d1_kube_review_start(struct d1_kube_reviews *reviews, struct d1_kube_api *api,
                         struct d1_kube_review *review, bool *ret_asked);

#endif /* D1_WEBHOOK_KUBERNETES_REVIEW_H */
