/*
 * One thing at a time: a timer's step asks the API, the answer's `then` decides what comes next, and
 * in the end a step waits until there is something to renew. What goes wrong is told once and tried
 * again; what is served stays meanwhile.
 */
#include "webhook/kubernetes/serving.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/tls.h"
#include "webhook/kubernetes/issuer.h"
#include "webhook/kubernetes/servinginternal.h"

int64_t d1_serving_now_ms(const struct d1_kube_serving *serving) {
    return d1_clock_wall_ms(serving->options.clock);
}

int64_t d1_serving_renew_ms(const char *certificate) {
    int64_t from_ms = 0;
    int64_t until_ms = 0;
    if (certificate == NULL || d1_tls_pem_times(certificate, &from_ms, &until_ms) != D1_OK) {
        return 0;
    }
    return from_ms + (until_ms - from_ms) / 3 * 2;
}

static void begin(struct d1_kube_serving *serving) {
    if (serving->options.mode == D1_KUBE_SERVING_CSR) {
        d1_serving_begin_csr(serving);
    } else {
        d1_serving_begin_self(serving);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct d1_kube_serving *serving = timer->data;
    serving->step(serving);
}

void d1_serving_wait(struct d1_kube_serving *serving, uint64_t ms, d1_serving_step_fn step) {
    serving->step = step;
    if (!serving->closing) {
        uv_timer_start(&serving->timer, on_timer, ms, 0);
    }
}

void d1_serving_trouble(struct d1_kube_serving *serving, const char *what, const char *story,
                        uint64_t wait_ms) {
    char told[sizeof(serving->story)];
    snprintf(told, sizeof(told), "%s: %s", what, story);
    if (strcmp(told, serving->story) != 0 && !serving->closing) {
        memcpy(serving->story, told, sizeof(told));
        d1_log(serving->options.log, ERROR, "certificate_refused", D1_LOG_S("reason", told));
    }
    d1_serving_wait(serving, wait_ms, begin);
}

/* ---- The API ---- */

static void on_closed(uv_handle_t *handle) {
    struct d1_kube_serving *serving = handle->data;
    void (*closed)(void *arg) = serving->closed;
    void *arg = serving->closed_arg;
    d1_tls_pair_close(&serving->pair);
    d1_tls_pair_close(&serving->request);
    d1_tls_pair_close(&serving->authority);
    d1_free(serving->bundle);
    d1_free(serving->issuer);
    d1_free(serving);
    closed(arg);
}

static void on_answer(struct d1_kube_call *call, int err) {
    struct d1_kube_serving *serving = D1_CONTAINER_OF(call, struct d1_kube_serving, call);
    serving->calling = false;
    if (serving->closing) {
        uv_close((uv_handle_t *)&serving->timer, on_closed);
        return;
    }
    serving->then(serving, err != D1_OK ? err : d1_kube_call_check(call));
}

/* `then` must not be called before ask has returned. */
static void tell_failure(struct d1_kube_serving *serving) {
    int err = serving->call.error.code;
    serving->then(serving, err != D1_OK ? err : D1_EINTERNAL);
}

void d1_serving_ask(struct d1_kube_serving *serving, const char *method, json_t *body,
                    const char *type, void (*then)(struct d1_kube_serving *serving, int err)) {
    serving->then = then;
    serving->call = (struct d1_kube_call){
        .method = method, .path = serving->path, .body = body, .type = type, .done = on_answer};
    int err = d1_kube_api_call(serving->options.api, &serving->call);
    d1_issuer_wipe(json_incref(json_object_get(body, "data"))); /* Of a Secret. */
    json_decref(body);
    serving->calling = err == D1_OK;
    if (err != D1_OK) {
        if (serving->call.error.text[0] == '\0') {
            d1_error_set(&serving->call.error, err, "%s", d1_err_text(err));
        }
        d1_serving_wait(serving, 0, tell_failure);
    }
}

json_t *d1_serving_encode(const char *text) {
    size_t length = strlen(text);
    char *encoded = d1_malloc(D1_BASE64_BYTES(length));
    if (encoded == NULL) {
        return NULL;
    }
    d1_base64_encode(text, length, encoded, D1_BASE64_BYTES(length));
    json_t *value = json_string(encoded);
    d1_wipe(encoded, strlen(encoded));
    d1_free(encoded);
    return value;
}

char *d1_serving_decode(const json_t *value) {
    size_t length = json_string_length(value);
    char *text = json_is_string(value) ? d1_calloc(length + 1, 1) : NULL;
    size_t used = 0;
    if (text != NULL &&
        (d1_base64_decode(json_string_value(value), length, text, length, &used) != D1_OK ||
         strlen(text) != used)) {
        d1_free(text);
        return NULL;
    }
    return text;
}

/* ---- What is served ---- */

int d1_serving_take(struct d1_kube_serving *serving, struct d1_tls_pair *pair,
                    struct d1_error *error) {
    struct d1_tls_context *context = NULL;
    int err = d1_tls_context_create(pair->certificate, strlen(pair->certificate), &context, error);
    err = err != D1_OK ? err : d1_tls_context_set_key(context, pair->key, strlen(pair->key), error);
    err =
        err != D1_OK ? err : d1_tls_context_check_time(context, d1_serving_now_ms(serving), error);
    if (err != D1_OK) {
        d1_tls_context_destroy(context);
        d1_tls_pair_close(pair);
        return err == -ENOMEM ? d1_error_set(error, D1_ECONFIG, "out of memory") : err;
    }
    d1_tls_context_ask_client(context);
    d1_tls_replace(serving->options.tls, context);
    d1_tls_pair_close(&serving->pair);
    serving->pair = *pair;
    *pair = (struct d1_tls_pair){.key = NULL};
    serving->story[0] = '\0';
    d1_log(serving->options.log, INFO, "certificate_changed", D1_LOG_S("name", serving->dns_name));
    serving->options.on_served(serving->options.arg);
    return D1_OK;
}

int d1_kube_serving_create(const struct d1_kube_serving_options *options,
                           struct d1_kube_serving **ret_serving) {
    struct d1_kube_serving *serving = d1_calloc(1, sizeof(*serving));
    if (serving == NULL) {
        return -ENOMEM;
    }
    serving->options = *options;
    snprintf(serving->dns_name, sizeof(serving->dns_name), "%s.%s.svc", options->service,
             options->name_space);
    serving->timer.data = serving;
    uv_timer_init(d1_loop_uv(options->loop), &serving->timer);
    d1_serving_wait(serving, 0, begin);
    *ret_serving = serving;
    return D1_OK;
}

void d1_kube_serving_close(struct d1_kube_serving *serving, void (*closed)(void *arg), void *arg) {
    serving->closing = true;
    serving->closed = closed;
    serving->closed_arg = arg;
    uv_timer_stop(&serving->timer);
    if (!serving->calling) {
        uv_close((uv_handle_t *)&serving->timer, on_closed);
    }
}
