/*
 * Happy path of a call: URL, fields and body are put together, an attempt is made with the identity
 * of now, its answer is read as JSON, `done` is called.
 * Failure modes: 401 makes the identity be read again, and one more attempt; 429 and 5xx with
 * Retry-After wait that long, if there is time left; what fails on the way is `done` with its error.
 * The call's memory goes when its timer has closed.
 */
#include "webhook/kubernetes/api.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "webhook/json.h"
#include "webhook/kubernetes/access.h"
#include "webhook/kubernetes/apiinternal.h"

#define URL_BYTES_MAX 8192
#define SOON_MS       1 /* Less is left of the call's time: it is over. */

struct d1_kube_request {
    struct d1_kube_request *next;
    struct d1_kube_request *previous;
    struct d1_kube_api *api;
    struct d1_kube_call *call; /* NULL once it was told. */
    struct d1_kube_identity *identity;
    struct d1_http_call http;
    struct d1_http_header headers[3];
    char *url;
    char *body;
    uv_timer_t timer;
    int64_t deadline_us;
    bool unbelieved; /* Had a 401 already. */
    bool waiting;    /* For the timer. */
};

void d1_kube_api_drop(struct d1_kube_api *api) {
    if (--api->handles_open > 0) {
        return;
    }
    void (*closed)(void *arg) = api->closed;
    void *arg = api->closed_arg;
    d1_kube_identity_drop(api->identity);
    d1_free(api);
    closed(arg);
}

static void on_request_closed(uv_handle_t *handle) {
    struct d1_kube_request *request = handle->data;
    struct d1_kube_api *api = request->api;
    if (request->body != NULL) {
        d1_wipe(request->body, strlen(request->body));
    }
    d1_free(request->body);
    d1_free(request->url);
    d1_free(request);
    d1_kube_api_drop(api);
}

static void end_request(struct d1_kube_request *request) {
    if (request->next != NULL) {
        request->next->previous = request->previous;
    }
    if (request->previous != NULL) {
        request->previous->next = request->next;
    } else {
        request->api->requests = request->next;
    }
    d1_kube_identity_drop(request->identity);
    request->identity = NULL;
    uv_close((uv_handle_t *)&request->timer, on_request_closed);
}

static void tell(struct d1_kube_request *request, int err) {
    struct d1_kube_call *call = request->call;
    json_t *reply = call->reply;
    end_request(request);
    call->done(call, err); /* The call may be gone. */
    json_decref(reply);
}

static void on_http_done(struct d1_http_call *http, int err);

/* What is left of the call's time. */
static int64_t left_ms(const struct d1_kube_request *request) {
    return (request->deadline_us - d1_clock_mono_us(request->api->clock)) / 1000;
}

static int attempt(struct d1_kube_request *request) {
    struct d1_kube_api *api = request->api;
    struct d1_kube_call *call = request->call;
    d1_kube_identity_drop(request->identity);
    request->identity = NULL;
    int64_t ms = left_ms(request);
    if (ms < SOON_MS) {
        return d1_error_set(&call->error, -ETIMEDOUT, "no answer in time");
    }
    int err = d1_kube_identity_hold(api, &request->identity, &call->error);
    if (err != D1_OK) {
        return err;
    }
    size_t count = 0;
    request->headers[count++] = (struct d1_http_header){"accept", "application/json"};
    if (request->body != NULL) {
        const char *type = call->type != NULL ? call->type : "application/json";
        request->headers[count++] = (struct d1_http_header){"content-type", type};
    }
    if (request->identity->authorization != NULL) {
        request->headers[count++] =
            (struct d1_http_header){"authorization", request->identity->authorization};
    }
    request->http = (struct d1_http_call){
        .method = call->method,
        .url = request->url,
        .headers = request->headers,
        .headers_count = count,
        .body = request->body,
        .body_length = request->body != NULL ? strlen(request->body) : 0,
        .trust = &request->identity->trust,
        .proxy = api->access->proxy,
        .total_ms = (uint32_t)ms,
        .reply_max = D1_KUBE_REPLY_BYTES_MAX,
        .done = on_http_done,
        .arg = request,
    };
    err = d1_http_client_start(api->client, &request->http);
    if (err != D1_OK) {
        call->error = request->http.error;
    }
    return err;
}

static void attempt_again(struct d1_kube_request *request) {
    int err = attempt(request);
    if (err != D1_OK) {
        tell(request, err);
    }
}

static void on_wait_over(uv_timer_t *timer) {
    struct d1_kube_request *request = timer->data;
    request->waiting = false;
    attempt_again(request);
}

static void on_http_done(struct d1_http_call *http, int err) {
    struct d1_kube_request *request = http->arg;
    struct d1_kube_call *call = request->call;
    unsigned wait_s = err == D1_OK ? d1_http_call_retry_after_s(http) : 0;
    bool busy = http->status == 429 || http->status >= 500;
    if (err == D1_OK && http->status == 401 && !request->unbelieved && !request->api->closing) {
        request->unbelieved = true;
        d1_kube_identity_forget(request->api);
        attempt_again(request);
        return;
    }
    if (busy && wait_s > 0 && (int64_t)wait_s * 1000 < left_ms(request) && !request->api->closing) {
        request->waiting = true;
        uv_timer_start(&request->timer, on_wait_over, (uint64_t)wait_s * 1000, 0);
        return;
    }
    call->status = http->status;
    if (err == D1_OK && http->reply.length > 0 &&
        d1_json_read(http->reply.data, http->reply.length, &call->reply, NULL) != D1_OK) {
        call->reply = NULL;
    }
    if (err != D1_OK) {
        call->error = http->error;
    }
    tell(request, err);
}

static int make_texts(struct d1_kube_request *request) {
    struct d1_kube_call *call = request->call;
    struct d1_bytes url;
    d1_bytes_init(&url, URL_BYTES_MAX);
    int err = d1_bytes_printf(&url, "%s%s", request->api->access->server, call->path);
    request->url = (char *)url.data;
    if (err == D1_OK && call->body != NULL) {
        request->body = json_dumps(call->body, JSON_COMPACT);
        err = request->body == NULL ? -ENOMEM : D1_OK;
    }
    return err;
}

int d1_kube_api_call(struct d1_kube_api *api, struct d1_kube_call *call) {
    d1_loop_assert(api->loop);
    call->status = 0;
    call->reply = NULL;
    call->error = (struct d1_error){.code = D1_OK};
    if (api->closing) {
        return D1_ESTOPPING;
    }
    struct d1_kube_request *request = d1_calloc(1, sizeof(*request));
    if (request == NULL) {
        return -ENOMEM;
    }
    request->api = api;
    request->call = call;
    uint32_t total_ms = call->total_ms > 0 ? call->total_ms : D1_KUBE_CALL_MS;
    request->deadline_us = d1_clock_mono_us(api->clock) + (int64_t)total_ms * 1000;
    request->timer.data = request;
    uv_timer_init(d1_loop_uv(api->loop), &request->timer);
    api->handles_open++;
    request->next = api->requests;
    if (request->next != NULL) {
        request->next->previous = request;
    }
    api->requests = request;
    int err = make_texts(request);
    err = err != D1_OK ? err : attempt(request);
    if (err != D1_OK) {
        end_request(request);
    }
    return err;
}

int d1_kube_call_check(struct d1_kube_call *call) {
    if (call->status >= 200 && call->status < 300) {
        return D1_OK;
    }
    int err = call->status == 401 || call->status == 403 ? D1_EFORBIDDEN
              : call->status == 404                      ? D1_ENOTFOUND
              : call->status == 409                      ? D1_EEXIST
                                                         : D1_EINTERNAL;
    const char *message = json_string_value(json_object_get(call->reply, "message"));
    if (message != NULL) {
        return d1_error_set(&call->error, err, "%s", message);
    }
    return d1_error_set(&call->error, err, "HTTP status %d", call->status);
}

/* ---- The API ---- */

int d1_kube_api_create(struct d1_loop *loop, const struct d1_clock *clock,
                       const struct d1_kube_access *access, struct d1_kube_api **ret_api) {
    struct d1_kube_api *api = d1_calloc(1, sizeof(*api));
    if (api == NULL) {
        return -ENOMEM;
    }
    int err = d1_http_client_create(loop, &api->client);
    if (err != D1_OK) {
        d1_free(api);
        return err;
    }
    api->loop = loop;
    api->clock = clock;
    api->access = access;
    api->handles_open = 1; /* The client. */
    *ret_api = api;
    return D1_OK;
}

static void on_client_closed(void *arg) {
    d1_kube_api_drop(arg);
}

void d1_kube_api_close(struct d1_kube_api *api, void (*closed)(void *arg), void *arg) {
    d1_loop_assert(api->loop);
    assert(!api->closing);
    api->closing = true;
    api->closed = closed;
    api->closed_arg = arg;
    struct d1_kube_request *request = api->requests;
    while (request != NULL) {
        struct d1_kube_request *next = request->next;
        if (request->waiting) {
            d1_error_set(&request->call->error, D1_ECANCELED, "the request was cancelled");
            tell(request, D1_ECANCELED);
        }
        request = next;
    }
    struct d1_kube_watching *watching = api->watches;
    while (watching != NULL) {
        struct d1_kube_watching *next = d1_kube_watching_next(watching);
        d1_kube_watching_close(watching);
        watching = next;
    }
    d1_http_client_close(api->client, on_client_closed, api);
}
