/* What the files of serving share. Nobody else includes it. */
#ifndef D1_WEBHOOK_KUBERNETES_SERVINGINTERNAL_H
#define D1_WEBHOOK_KUBERNETES_SERVINGINTERNAL_H

#include <stdint.h>

#include <jansson.h>
#include <uv.h>

#include "core/limits.h"
#include "http/makecert.h"
#include "webhook/kubernetes/api.h"
#include "webhook/kubernetes/serving.h"

#define D1_SERVING_RETRY_MS 10000 /* After trouble. */

typedef void (*d1_serving_step_fn)(struct d1_kube_serving *serving);

struct d1_kube_serving {
    struct d1_kube_serving_options options;
    char dns_name[2 * D1_KUBE_LABEL_MAX + sizeof("..svc")];
    uv_timer_t timer;
    d1_serving_step_fn step; /* What the timer does. */
    struct d1_kube_call call;
    char path[D1_PATH_MAX];
    void (*then)(struct d1_kube_serving *serving, int err); /* What the answer is for. */
    bool calling;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    char story[512];         /* The last trouble that was told. */
    struct d1_tls_pair pair; /* What is served; NULL members: nothing yet. */

    struct d1_tls_pair request; /* CSR: under way. */
    char request_name[D1_KUBE_NAME_MAX + 1];

    struct d1_tls_pair authority; /* SELF: as in the Secret. */
    char *bundle;                 /* Its ca.crt. */
    char *issuer;                 /* The authority that `pair` is from. */
    size_t group;                 /* The APIService that is looked at. */
};

/* Wall clock. */
int64_t d1_serving_now_ms(const struct d1_kube_serving *serving);

/* When a certificate is to be replaced: two thirds through its life. 0: it cannot be read. */
int64_t d1_serving_renew_ms(const char *certificate);

void d1_serving_wait(struct d1_kube_serving *serving, uint64_t ms, d1_serving_step_fn step);

/* Ask the API; `then` gets the outcome, with the answer in serving->call. */
void d1_serving_ask(struct d1_kube_serving *serving, const char *method, json_t *body,
                    const char *type, void (*then)(struct d1_kube_serving *serving, int err));

/* Say what is wrong, once, and begin again after a while. */
void d1_serving_trouble(struct d1_kube_serving *serving, const char *what, const char *story,
                        uint64_t wait_ms);

/* Serve this pair, which is taken over. Returns 0 or D1_ECONFIG with the story. */
int d1_serving_take(struct d1_kube_serving *serving, struct d1_tls_pair *pair,
                    struct d1_error *error);

/* Base64 of a text as a JSON text, and back (the caller's). NULL without memory, or of no text. */
json_t *d1_serving_encode(const char *text);
char *d1_serving_decode(const json_t *value);

void d1_serving_begin_csr(struct d1_kube_serving *serving);
void d1_serving_begin_self(struct d1_kube_serving *serving);

#endif /* D1_WEBHOOK_KUBERNETES_SERVINGINTERNAL_H */
