#include "webhook/kubernetes/review.h"

#include <errno.h>
#include <string.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/mem.h"

#define PATH    "/apis/authorization.k8s.io/v1/subjectaccessreviews"
#define MASTERS "system:masters" /* kube-apiserver lets this group do everything, unasked. */
#define DOMAIN  "dns01d subject access review"

struct decision {
    uint8_t digest[D1_SHA256_BYTES];
    int64_t until_us; /* 0: empty. */
    bool allowed;
};

struct d1_kube_reviews {
    const struct d1_clock *clock;
    unsigned next; /* The place that is used next. */
    struct decision decisions[D1_KUBE_REVIEWS_MAX];
};

int d1_kube_reviews_create(const struct d1_clock *clock, struct d1_kube_reviews **ret_reviews) {
    struct d1_kube_reviews *reviews = d1_calloc(1, sizeof(*reviews));
    if (reviews == NULL) {
        return -ENOMEM;
    }
    reviews->clock = clock;
    *ret_reviews = reviews;
    return D1_OK;
}

void d1_kube_reviews_destroy(struct d1_kube_reviews *reviews) {
    d1_free(reviews);
}

static struct decision *find(struct d1_kube_reviews *reviews, const uint8_t *digest) {
    int64_t now_us = d1_clock_mono_us(reviews->clock);
    for (unsigned i = 0; i < D1_KUBE_REVIEWS_MAX; i++) {
        struct decision *decision = &reviews->decisions[i];
        if (decision->until_us > now_us && memcmp(decision->digest, digest, D1_SHA256_BYTES) == 0) {
            return decision;
        }
    }
    return NULL;
}

static void remember(struct d1_kube_reviews *reviews, const uint8_t *digest, bool allowed) {
    struct decision *decision = find(reviews, digest);
    if (decision == NULL) {
        decision = &reviews->decisions[reviews->next];
        reviews->next = (reviews->next + 1) % D1_KUBE_REVIEWS_MAX;
    }
    memcpy(decision->digest, digest, D1_SHA256_BYTES);
    decision->until_us = d1_clock_mono_us(reviews->clock) + D1_KUBE_REVIEW_MS * INT64_C(1000);
    decision->allowed = allowed;
}

static bool is_master(const json_t *user) {
    const json_t *groups = json_object_get(user, "groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *group = json_string_value(json_array_get(groups, i));
        if (group != NULL && strcmp(group, MASTERS) == 0) {
            return true;
        }
    }
    return false;
}

static void on_answer(struct d1_kube_call *call, int err) {
    struct d1_kube_review *review = D1_CONTAINER_OF(call, struct d1_kube_review, call);
    err = err != D1_OK ? err : d1_kube_call_check(call);
    const json_t *status = json_object_get(call->reply, "status");
    const json_t *allowed = json_object_get(status, "allowed");
    if (err == D1_OK && !json_is_boolean(allowed)) {
        err = D1_EPARSE;
    }
    if (err != D1_OK) {
        /* No decision: not D1_EFORBIDDEN, which would be one. */
        review->done(review, err == D1_EFORBIDDEN ? D1_EUNAUTHORIZED : err);
        return;
    }
    bool yes = json_is_true(allowed) && !json_is_true(json_object_get(status, "denied"));
    remember(review->reviews, review->digest, yes);
    review->done(review, yes ? D1_OK : D1_EFORBIDDEN);
}

static json_t *make_body(const struct d1_kube_review *review) {
    json_t *spec = json_copy((json_t *)(uintptr_t)review->user);
    json_t *attributes = json_pack("{s:s, s:s, s:s, s:s}", "group", review->group, "version",
                                   "v1alpha1", "resource", review->solver, "verb", "create");
    if (spec == NULL || json_object_set_new(spec, "resourceAttributes", attributes) != 0) {
        json_decref(spec);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o}", "apiVersion", "authorization.k8s.io/v1", "kind",
                     "SubjectAccessReview", "spec", spec);
}

static int make_digest(const json_t *body, uint8_t digest[D1_SHA256_BYTES]) {
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    int err = text != NULL ? d1_sha256(DOMAIN, text, strlen(text), digest) : -ENOMEM;
    d1_free(text);
    return err;
}

int d1_kube_review_start(struct d1_kube_reviews *reviews, struct d1_kube_api *api,
                         struct d1_kube_review *review, bool *ret_asked) {
    *ret_asked = false;
    if (is_master(review->user)) {
        return D1_OK;
    }
    json_t *body = make_body(review);
    int err = body != NULL ? make_digest(body, review->digest) : -ENOMEM;
    const struct decision *known = err == D1_OK ? find(reviews, review->digest) : NULL;
    if (known != NULL) {
        err = known->allowed ? D1_OK : D1_EFORBIDDEN;
    } else if (err == D1_OK) {
        review->reviews = reviews;
        review->call =
            (struct d1_kube_call){.method = "POST", .path = PATH, .body = body, .done = on_answer};
        err = api != NULL ? d1_kube_api_call(api, &review->call) : D1_ESTOPPING;
        *ret_asked = err == D1_OK;
    }
    json_decref(body);
    return err;
}
