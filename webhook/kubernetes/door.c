/*
 * The webhook's HTTP side and its life.
 *
 * Happy path: a request is for discovery, health or a solver. Discovery and health are answered at
 * once, to anybody. A POST to a solver must come from the front proxy; then challenge.c has it.
 *
 * Stop: the control loop posts to the front loop, where the server drains, and the API's calls are
 * cancelled, so that jobs that wait for it end. When server, API and timer are closed and no job is
 * left, the front loop posts back, and `stopped` is called.
 */
#include "webhook/kubernetes/webhook.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "http/response.h"
#include "webhook/json.h"
#include "webhook/kubernetes/discovery.h"
#include "webhook/kubernetes/internal.h"

#define JSON          "application/json"
#define ANSWER_BYTES  1048576 /* Discovery of all names that may be served. */
#define ONLY_CREATED  "challenges are only created: POST a ChallengePayload"
#define NOT_FOUND     "the server could not find the requested resource"
#define LOOK_MS       500 /* How often jobs are looked at that wait too long. */
#define WATCH_PATH    "/api/v1/namespaces/kube-system/configmaps"
#define WATCH_CHOOSES "metadata.name%3Dextension-apiserver-authentication"

static const char *const outcome_labels[D1_KUBE_OUTCOMES] = {
    [D1_KUBE_DONE] = "result=\"done\"",
    [D1_KUBE_FAILED] = "result=\"failed\"",
    [D1_KUBE_UNAUTHORIZED] = "result=\"unauthorized\"",
    [D1_KUBE_FORBIDDEN] = "result=\"forbidden\"",
    [D1_KUBE_MALFORMED] = "result=\"malformed\"",
    [D1_KUBE_UNAVAILABLE] = "result=\"unavailable\"",
    [D1_KUBE_DISCOVERY] = "result=\"discovery\"",
};

static const struct d1_metric_family outcomes_family = {
    .name = "dns01d_webhook_requests_total",
    .help = "Requests to the cert-manager webhook, by how they ended.",
    .type = D1_METRIC_COUNTER,
    .series = D1_KUBE_OUTCOMES,
    .labels = outcome_labels,
};

/* ---- Answers ---- */

static void count(struct d1_kube *kube, enum d1_kube_outcome outcome) {
    d1_count(kube->counters, kube->outcomes + (uint32_t)outcome, 1);
}

static void respond(struct d1_http_exchange *exchange, int status, const char *type,
                    const char *allow, const struct d1_bytes *body) {
    const struct d1_http_header header = {"allow", allow};
    struct d1_http_response response = {
        .status = body->failed ? 503 : status,
        .content_type = type,
        .body = body->data,
        .body_length = body->failed ? 0 : body->length,
        .headers = &header,
        .headers_count = allow != NULL ? 1 : 0,
    };
    d1_http_respond(exchange, &response);
}

static void add_status(struct d1_bytes *body, int status, const char *message) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {400, "BadRequest"},         {401, "Unauthorized"},     {403, "Forbidden"},
        {404, "NotFound"},           {405, "MethodNotAllowed"}, {413, "RequestEntityTooLarge"},
        {503, "ServiceUnavailable"},
    };
    const char *reason = "";
    for (size_t i = 0; i < D1_ARRAY_LENGTH(reasons); i++) {
        reason = reasons[i].status == status ? reasons[i].reason : reason;
    }
    d1_bytes_add_text(body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                            "\"status\":\"Failure\",\"message\":");
    d1_json_add_text(body, message);
    d1_bytes_printf(body, ",\"reason\":\"%s\",\"code\":%d}", reason, status);
}

static void answer_error(struct d1_kube *kube, struct d1_http_exchange *exchange, int status,
                         const char *message, const char *allow) {
    struct d1_bytes body;
    d1_bytes_init(&body, ANSWER_BYTES);
    add_status(&body, status, message);
    count(kube, status == 401   ? D1_KUBE_UNAUTHORIZED
                : status == 403 ? D1_KUBE_FORBIDDEN
                : status == 503 ? D1_KUBE_UNAVAILABLE
                                : D1_KUBE_MALFORMED);
    respond(exchange, status, JSON, allow, &body);
    d1_bytes_close(&body);
}

void d1_kube_answer_status(struct d1_kube *kube, struct d1_http_exchange *exchange, int status,
                           const char *message) {
    answer_error(kube, exchange, status, message, NULL);
}

void d1_kube_answer(struct d1_kube *kube, struct d1_http_exchange *exchange, const char *uid,
                    const char *message) {
    struct d1_bytes body;
    d1_bytes_init(&body, ANSWER_BYTES);
    d1_bytes_add_text(&body, "{\"kind\":\"ChallengePayload\",\"apiVersion\":"
                             "\"webhook.acme.cert-manager.io/v1alpha1\",\"response\":{\"uid\":");
    d1_json_add_text(&body, uid);
    if (message == NULL) {
        d1_bytes_add_text(&body, ",\"success\":true}}");
    } else {
        d1_bytes_add_text(&body, ",\"success\":false,\"status\":{\"metadata\":{},\"status\":"
                                 "\"Failure\",\"message\":");
        d1_json_add_text(&body, message);
        d1_bytes_add_text(&body, "}}}");
    }
    count(kube, message == NULL ? D1_KUBE_DONE : D1_KUBE_FAILED);
    respond(exchange, 201, JSON, NULL, &body);
    d1_bytes_close(&body);
}

/* What the server refuses by itself, in a form that kube-apiserver hands on. */
static struct d1_http_response refusal(int status) {
    static const char too_large[] =
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"the ChallengePayload is larger than 64 KiB: shorten the Issuer's webhook "
        "config\",\"reason\":\"RequestEntityTooLarge\",\"code\":413}";
    static const char malformed[] =
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"the request is not what dns01d takes as HTTP/1.1\","
        "\"reason\":\"BadRequest\",\"code\":400}";
    struct d1_http_response response = d1_http_refusal(status);
    response.body = status == 413 ? too_large : malformed;
    response.body_length = strlen(response.body);
    return response;
}

/* ---- Requests ---- */

static void take_settings(struct d1_kube *kube) {
    struct d1_kube_settings *next =
        atomic_exchange_explicit(&kube->next, NULL, memory_order_acq_rel);
    if (next != NULL) {
        d1_kube_settings_drop(kube->settings);
        kube->settings = next;
    }
}

/* Probes of kubelet come without an identity. */
static bool answer_health(struct d1_kube *kube, const char *path,
                          struct d1_http_exchange *exchange) {
    bool live = strcmp(path, "/livez") == 0 || strcmp(path, "/healthz") == 0;
    bool ready = strcmp(path, "/readyz") == 0;
    if (!live && !ready) {
        return false;
    }
    char detail[128] = "ok";
    int status = live || d1_kube_ready(kube, detail, sizeof(detail)) ? 200 : 503;
    struct d1_bytes body;
    d1_bytes_init(&body, ANSWER_BYTES);
    d1_bytes_add_text(&body, detail);
    count(kube, D1_KUBE_DISCOVERY);
    respond(exchange, status, "text/plain; charset=utf-8", NULL, &body);
    d1_bytes_close(&body);
    return true;
}

static void answer_read(struct d1_kube *kube, const struct d1_http_request *request,
                        struct d1_http_exchange *exchange) {
    if (answer_health(kube, request->path, exchange)) {
        return;
    }
    if (d1_kube_find(kube->settings, request->path) != NULL) {
        answer_error(kube, exchange, 405, ONLY_CREATED, "POST");
        return;
    }
    struct d1_bytes body;
    d1_bytes_init(&body, ANSWER_BYTES);
    const char *accept = d1_http_header_find(request, "accept");
    const char *type = d1_kube_discovery(kube->settings, request->path, accept, &body);
    if (type != NULL) {
        count(kube, D1_KUBE_DISCOVERY);
        respond(exchange, 200, type, NULL, &body);
    } else {
        answer_error(kube, exchange, 404, NOT_FOUND, NULL);
    }
    d1_bytes_close(&body);
}

static void answer_post(struct d1_kube *kube, const struct d1_kube_name *name,
                        const struct d1_http_request *request, struct d1_http_exchange *exchange) {
    json_t *user = NULL;
    int err = D1_EUNAUTHORIZED;
    if (kube->proxy != NULL) {
        err = d1_kube_proxy_identify(kube->proxy, request, d1_clock_wall_ms(kube->options.clock),
                                     &user);
    }
    if (err == D1_OK) {
        d1_kube_challenge(kube, name, user, request, exchange);
    } else if (err == -ENOMEM) {
        d1_kube_answer_status(kube, exchange, 503, "out of memory");
    } else {
        d1_kube_answer_status(kube, exchange, 401,
                              "only kube-apiserver may ask: no client certificate of the "
                              "cluster's front proxy was shown");
    }
}

static void on_request(struct d1_http_exchange *exchange, const struct d1_http_request *request,
                       void *arg) {
    struct d1_kube *kube = arg;
    take_settings(kube);
    const struct d1_kube_name *name = d1_kube_find(kube->settings, request->path);
    bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (name != NULL && strcmp(request->method, "POST") == 0) {
        answer_post(kube, name, request, exchange);
    } else if (reads) {
        answer_read(kube, request, exchange);
    } else if (name != NULL) {
        answer_error(kube, exchange, 405, ONLY_CREATED, "POST");
    } else {
        struct d1_bytes body;
        d1_bytes_init(&body, ANSWER_BYTES);
        bool known = d1_kube_discovery(kube->settings, request->path, NULL, &body) != NULL;
        d1_bytes_close(&body);
        if (known) {
            answer_error(kube, exchange, 405, "this path takes only GET", "GET, HEAD");
        } else {
            answer_error(kube, exchange, 404, NOT_FOUND, NULL);
        }
    }
}

/* ---- The front proxy's authority ---- */

static void on_object(struct d1_kube_watch *watch, const json_t *object) {
    struct d1_kube *kube = watch->arg;
    struct d1_kube_proxy *proxy = NULL;
    struct d1_error error = {0};
    int err = object != NULL
                  ? d1_kube_proxy_read(json_object_get(object, "data"), &proxy, &error)
                  : d1_error_set(&error, D1_ENOTFOUND,
                                 "the ConfigMap kube-system/extension-apiserver-authentication "
                                 "does not exist");
    bool was_known = kube->proxy != NULL;
    d1_kube_proxy_destroy(kube->proxy);
    kube->proxy = proxy;
    kube->troubled = false;
    atomic_store_explicit(&kube->proxy_known, proxy != NULL, memory_order_relaxed);
    if (err != D1_OK) {
        const char *reason = error.text[0] != '\0' ? error.text : d1_err_text(err);
        d1_log(kube->options.log, ERROR, "front_proxy_refused", D1_LOG_S("reason", reason));
    } else if (was_known) {
        d1_log(kube->options.log, INFO, "front_proxy_changed",
               D1_LOG_S("from", "kube-system/extension-apiserver-authentication"));
    } else {
        d1_log(kube->options.log, INFO, "front_proxy_known",
               D1_LOG_S("from", "kube-system/extension-apiserver-authentication"));
    }
}

static void on_trouble(struct d1_kube_watch *watch, const char *story) {
    struct d1_kube *kube = watch->arg;
    if (!kube->troubled) {
        kube->troubled = true;
        d1_log(kube->options.log, WARN, "kubernetes_unreachable", D1_LOG_S("reason", story),
               D1_LOG_S("asked_for", "kube-system/extension-apiserver-authentication"));
    }
}

bool d1_kube_ready(const struct d1_kube *kube, char *detail, size_t size) {
    bool known = atomic_load_explicit(&kube->proxy_known, memory_order_relaxed);
    bool certificate = atomic_load_explicit(&kube->certificate_known, memory_order_relaxed);
    snprintf(detail, size, "%s",
             !certificate ? "webhook: there is no serving certificate yet\n"
             : known      ? "webhook ok\n"
                          : "webhook: the front proxy's authority is not known yet\n");
    return known && certificate;
}

/* ---- Life ---- */

static void on_look(uv_timer_t *timer) {
    struct d1_kube *kube = timer->data;
    d1_kube_challenge_look(kube);
}

int d1_kube_create(const struct d1_kube_options *options, struct d1_kube **ret_kube) {
    struct d1_kube *kube = d1_calloc(1, sizeof(*kube));
    if (kube == NULL) {
        return -ENOMEM;
    }
    kube->options = *options;
    atomic_init(&kube->next, NULL);
    atomic_init(&kube->certificate_known, options->serving.mode == D1_KUBE_SERVING_FILES);
    int err = d1_kube_reviews_create(options->clock, &kube->reviews);
    err =
        err != D1_OK ? err : d1_metrics_family(options->metrics, &outcomes_family, &kube->outcomes);
    err = err != D1_OK ? err : d1_metrics_block(options->metrics, &kube->counters);
    err =
        err != D1_OK ? err : d1_http_server_create(options->front, on_request, kube, &kube->server);
    err = err != D1_OK
              ? err
              : d1_kube_api_create(options->front, options->clock, options->access, &kube->api);
    if (err != D1_OK) {
        d1_kube_destroy(kube);
        return err;
    }
    d1_http_server_set_refusal(kube->server, refusal);
    kube->deadlines.data = kube;
    uv_timer_init(d1_loop_uv(options->front), &kube->deadlines);
    uv_timer_start(&kube->deadlines, on_look, LOOK_MS, LOOK_MS);
    kube->open = 3;
    *ret_kube = kube;
    return D1_OK;
}

void d1_kube_configure(struct d1_kube *kube, struct d1_kube_settings *settings) {
    d1_kube_settings_drop(atomic_exchange_explicit(&kube->next, settings, memory_order_acq_rel));
}

int d1_kube_listen(struct d1_kube *kube, const char *address, uint16_t *ret_port,
                   struct d1_error *error) {
    assert(kube->options.tls != NULL);
    return d1_http_server_listen_tls(kube->server, address, kube->options.tls, NULL, ret_port,
                                     error);
}

static void on_served(void *arg) {
    struct d1_kube *kube = arg;
    atomic_store_explicit(&kube->certificate_known, true, memory_order_relaxed);
}

/* The groups of the first settings, which kube holds as long as it lives. */
static int make_groups(struct d1_kube *kube) {
    const struct d1_kube_settings *settings = atomic_load(&kube->next);
    size_t count = d1_kube_settings_names(settings);
    kube->groups = d1_calloc(count + 1, sizeof(*kube->groups));
    if (kube->groups == NULL) {
        return -ENOMEM;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const char *group = d1_kube_settings_name(settings, i)->group;
        size_t at = 0;
        while (at < used && strcmp(kube->groups[at], group) != 0) {
            at++;
        }
        if (at == used) {
            kube->groups[used] = d1_strdup(group);
            if (kube->groups[used++] == NULL) {
                return -ENOMEM;
            }
        }
    }
    return D1_OK;
}

static int start_serving(struct d1_kube *kube) {
    struct d1_kube_serving_options options = kube->options.serving;
    int err = make_groups(kube);
    if (err != D1_OK || options.mode == D1_KUBE_SERVING_FILES) {
        return err;
    }
    options.groups = kube->groups;
    options.loop = kube->options.front;
    options.clock = kube->options.clock;
    options.log = kube->options.log;
    options.api = kube->api;
    options.tls = kube->options.tls;
    options.on_served = on_served;
    options.arg = kube;
    err = d1_kube_serving_create(&options, &kube->serving);
    kube->open += err == D1_OK ? 1 : 0;
    return err;
}

int d1_kube_start(struct d1_kube *kube) {
    int err = start_serving(kube);
    if (err != D1_OK) {
        return err;
    }
    kube->watch = (struct d1_kube_watch){
        .path = WATCH_PATH,
        .selector = WATCH_CHOOSES,
        .on_object = on_object,
        .on_trouble = on_trouble,
        .arg = kube,
    };
    return d1_kube_api_watch(kube->api, &kube->watch);
}

static void on_stopped(struct d1_message *message) {
    struct d1_kube *kube = D1_CONTAINER_OF(message, struct d1_kube, stop_message);
    kube->stopped(kube->stopped_arg);
}

void d1_kube_check_stopped(struct d1_kube *kube) {
    if (kube->stopping && kube->open == 0 && kube->pending == 0) {
        kube->stopping = false;
        kube->stop_message.run = on_stopped;
        d1_loop_post(kube->options.loop, &kube->stop_message);
    }
}

static void close_one(struct d1_kube *kube) {
    kube->open--;
    d1_kube_check_stopped(kube);
}

static void on_server_closed(void *arg) {
    close_one(arg);
}

static void on_api_closed(void *arg) {
    struct d1_kube *kube = arg;
    kube->api = NULL;
    close_one(kube);
}

static void on_serving_closed(void *arg) {
    close_one(arg);
}

static void on_timer_closed(uv_handle_t *handle) {
    close_one(handle->data);
}

static void on_stop(struct d1_message *message) {
    struct d1_kube *kube = D1_CONTAINER_OF(message, struct d1_kube, stop_message);
    kube->stopping = true;
    uv_close((uv_handle_t *)&kube->deadlines, on_timer_closed);
    d1_http_server_stop(kube->server, kube->grace_ms, on_server_closed, kube);
    if (kube->serving != NULL) {
        d1_kube_serving_close(kube->serving, on_serving_closed, kube);
    }
    d1_kube_api_close(kube->api, on_api_closed, kube);
}

void d1_kube_stop(struct d1_kube *kube, uint64_t grace_ms, void (*stopped)(void *arg), void *arg) {
    kube->grace_ms = grace_ms;
    kube->stopped = stopped;
    kube->stopped_arg = arg;
    kube->stop_message.run = on_stop;
    d1_loop_post(kube->options.front, &kube->stop_message);
}

void d1_kube_destroy(struct d1_kube *kube) {
    if (kube == NULL) {
        return;
    }
    d1_http_server_destroy(kube->server);
    d1_kube_reviews_destroy(kube->reviews);
    d1_kube_proxy_destroy(kube->proxy);
    d1_kube_settings_drop(kube->settings);
    d1_kube_settings_drop(atomic_load(&kube->next));
    for (size_t i = 0; kube->groups != NULL && kube->groups[i] != NULL; i++) {
        d1_free((void *)(uintptr_t)kube->groups[i]);
    }
    d1_free(kube->groups);
    d1_free(kube);
}
