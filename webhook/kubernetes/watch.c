/*
 * A watch of one object.
 *
 * Happy path: the collection is listed (with a selector that leaves one object), which gives the
 * object and a version; the watch goes on from there, one line of JSON per change; bookmarks move the
 * version on. The API ends a watch after WATCH_S; the next one resumes at the last version.
 * Failure modes: a version that the API has forgotten (410, as status or as an event) is given up,
 * and the collection listed again; 401 makes our identity be read again; what else goes wrong is told
 * and tried again after a pause that doubles up to PAUSE_MAX_MS. The object stays as it was
 * meanwhile.
 *
 * Lines are read within the HTTP client's callback, so that on_object may not call it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "webhook/json.h"
#include "webhook/kubernetes/access.h"
#include "webhook/kubernetes/apiinternal.h"

#define WATCH_S       240
#define LIST_MS       10000
#define PAUSE_MIN_MS  250
#define PAUSE_MAX_MS  30000
#define SHORT_US      INT64_C(1000000) /* A watch that ends sooner did not go well. */
#define VERSION_BYTES 128
#define URL_BYTES_MAX 8192

struct d1_kube_watching {
    struct d1_kube_watching *next;
    struct d1_kube_api *api;
    struct d1_kube_watch *watch;
    struct d1_kube_identity *identity;
    struct d1_http_call http;
    struct d1_http_header headers[2];
    struct d1_bytes url;
    struct d1_bytes line; /* Of an event that has not come whole yet. */
    uv_timer_t timer;
    char version[VERSION_BYTES]; /* "": list first. */
    int64_t begun_us;
    uint64_t pause_ms;
    bool calling;
    bool closing;
};

static void on_begin(uv_timer_t *timer);
static void on_closed(uv_handle_t *handle);

static void begin_after(struct d1_kube_watching *watching, uint64_t ms) {
    if (!watching->closing) {
        uv_timer_start(&watching->timer, on_begin, ms, 0);
    }
}

static void pause_longer(struct d1_kube_watching *watching) {
    uint64_t ms = watching->pause_ms * 2;
    ms = ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
    watching->pause_ms = ms;
    begin_after(watching, ms);
}

static void take_version(struct d1_kube_watching *watching, const json_t *object) {
    const json_t *metadata = json_object_get(object, "metadata");
    const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));
    if (version != NULL && strlen(version) < VERSION_BYTES &&
        strspn(version, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._") ==
            strlen(version)) {
        snprintf(watching->version, sizeof(watching->version), "%s", version);
    }
}

/* ---- Events ---- */

static int take_event(struct d1_kube_watching *watching, const json_t *event) {
    const char *type = json_string_value(json_object_get(event, "type"));
    const json_t *object = json_object_get(event, "object");
    if (type == NULL || !json_is_object(object)) {
        return D1_EPARSE;
    }
    if (strcmp(type, "ERROR") == 0) {
        watching->version[0] = '\0'; /* Most often 410; listing again is right for all. */
        return D1_ECLOSED;
    }
    if (strcmp(type, "BOOKMARK") != 0) {
        watching->watch->on_object(watching->watch, strcmp(type, "DELETED") != 0 ? object : NULL);
    }
    take_version(watching, object);
    return D1_OK;
}

static int take_line(struct d1_kube_watching *watching, const void *text, size_t length) {
    json_t *event = NULL;
    int err = d1_json_read(text, length, &event, NULL);
    err = err != D1_OK ? err : take_event(watching, event);
    json_decref(event);
    return err;
}

static int on_data(struct d1_http_call *http, const void *data, size_t length) {
    struct d1_kube_watching *watching = http->arg;
    struct d1_bytes *line = &watching->line;
    int err = d1_bytes_add(line, data, length);
    uint8_t *end;
    while (err == D1_OK && line->length > 0 &&
           (end = memchr(line->data, '\n', line->length)) != NULL) {
        size_t used = (size_t)(end - line->data);
        err = used > 0 ? take_line(watching, line->data, used) : D1_OK;
        d1_bytes_drop(line, used + 1);
    }
    watching->pause_ms = 0;
    return err;
}

/* ---- Requests ---- */

static void tell_trouble(struct d1_kube_watching *watching, int err) {
    const struct d1_http_call *http = &watching->http;
    char story[128];
    if (watching->closing || watching->watch->on_trouble == NULL) {
        return;
    }
    snprintf(story, sizeof(story), "HTTP status %d", http->status);
    watching->watch->on_trouble(watching->watch, err != D1_OK ? http->error.text : story);
}

static void take_list(struct d1_kube_watching *watching, const json_t *list) {
    const json_t *items = json_object_get(list, "items");
    watching->watch->on_object(watching->watch, json_array_get(items, 0));
    take_version(watching, list);
}

static void on_listed(struct d1_kube_watching *watching, int err) {
    const struct d1_http_call *http = &watching->http;
    json_t *list = NULL;
    if (err == D1_OK && http->status == 200 &&
        d1_json_read(http->reply.data, http->reply.length, &list, NULL) == D1_OK) {
        take_list(watching, list);
    } else {
        tell_trouble(watching, err);
    }
    json_decref(list);
    if (watching->version[0] != '\0') {
        begin_after(watching, 0);
    } else {
        pause_longer(watching);
    }
}

static void on_watched(struct d1_kube_watching *watching, int err) {
    int64_t took_us = d1_clock_mono_us(watching->api->clock) - watching->begun_us;
    int status = watching->http.status;
    if (status == 410) {
        watching->version[0] = '\0';
    }
    bool forgotten = watching->version[0] == '\0';
    bool ended = status == 200 && (err == D1_OK || took_us > SHORT_US);
    if (!ended && !forgotten) {
        tell_trouble(watching, err);
    }
    if (ended && took_us > SHORT_US) {
        watching->pause_ms = 0;
        begin_after(watching, 0);
    } else {
        pause_longer(watching);
    }
}

static void on_done(struct d1_http_call *http, int err) {
    struct d1_kube_watching *watching = http->arg;
    watching->calling = false;
    d1_kube_identity_drop(watching->identity);
    watching->identity = NULL;
    if (http->status == 401) {
        d1_kube_identity_forget(watching->api);
    }
    if (watching->closing) {
        uv_close((uv_handle_t *)&watching->timer, on_closed);
        return;
    }
    if (http->on_data == NULL) {
        on_listed(watching, err);
    } else {
        on_watched(watching, err);
    }
}

static int make_url(struct d1_kube_watching *watching) {
    const struct d1_kube_watch *watch = watching->watch;
    d1_bytes_clear(&watching->url);
    d1_bytes_printf(&watching->url, "%s%s?fieldSelector=%s", watching->api->access->server,
                    watch->path, watch->selector);
    if (watching->version[0] != '\0') {
        d1_bytes_printf(&watching->url,
                        "&watch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%d",
                        watching->version, WATCH_S);
    }
    return watching->url.failed || d1_bytes_text(&watching->url) == NULL ? -ENOMEM : D1_OK;
}

static int begin(struct d1_kube_watching *watching) {
    struct d1_error *error = &watching->http.error;
    bool lists = watching->version[0] == '\0';
    *error = (struct d1_error){.code = D1_OK};
    d1_bytes_clear(&watching->line);
    watching->begun_us = d1_clock_mono_us(watching->api->clock);
    int err = make_url(watching);
    err = err != D1_OK ? err : d1_kube_identity_hold(watching->api, &watching->identity, error);
    if (err != D1_OK) {
        return err;
    }
    size_t count = 0;
    watching->headers[count++] = (struct d1_http_header){"accept", "application/json"};
    if (watching->identity->authorization != NULL) {
        watching->headers[count++] =
            (struct d1_http_header){"authorization", watching->identity->authorization};
    }
    watching->http = (struct d1_http_call){
        .method = "GET",
        .url = d1_bytes_text(&watching->url),
        .headers = watching->headers,
        .headers_count = count,
        .trust = &watching->identity->trust,
        .proxy = watching->api->access->proxy,
        .total_ms = lists ? LIST_MS : (WATCH_S + 20) * 1000,
        .reply_max = D1_KUBE_REPLY_BYTES_MAX,
        .on_data = lists ? NULL : on_data,
        .done = on_done,
        .arg = watching,
    };
    err = d1_http_client_start(watching->api->client, &watching->http);
    watching->calling = err == D1_OK;
    return err;
}

static void on_begin(uv_timer_t *timer) {
    struct d1_kube_watching *watching = timer->data;
    int err = begin(watching);
    if (err != D1_OK) {
        d1_kube_identity_drop(watching->identity);
        watching->identity = NULL;
        if (watching->http.error.text[0] == '\0') {
            d1_error_set(&watching->http.error, err, "%s", d1_err_text(err));
        }
        tell_trouble(watching, err);
        pause_longer(watching);
    }
}

int d1_kube_api_watch(struct d1_kube_api *api, struct d1_kube_watch *watch) {
    struct d1_kube_watching *watching = d1_calloc(1, sizeof(*watching));
    if (watching == NULL) {
        return -ENOMEM;
    }
    watching->api = api;
    watching->watch = watch;
    watch->state = watching;
    d1_bytes_init(&watching->url, URL_BYTES_MAX);
    d1_bytes_init(&watching->line, D1_KUBE_REPLY_BYTES_MAX);
    watching->timer.data = watching;
    uv_timer_init(d1_loop_uv(api->loop), &watching->timer);
    api->handles_open++;
    watching->next = api->watches;
    api->watches = watching;
    begin_after(watching, 0);
    return D1_OK;
}

/* ---- The end ---- */

static void on_closed(uv_handle_t *handle) {
    struct d1_kube_watching *watching = handle->data;
    struct d1_kube_api *api = watching->api;
    d1_kube_identity_drop(watching->identity);
    d1_bytes_close(&watching->url);
    d1_bytes_close(&watching->line);
    d1_free(watching);
    d1_kube_api_drop(api);
}

void d1_kube_watching_close(struct d1_kube_watching *watching) {
    watching->closing = true;
    if (watching->calling) {
        d1_http_client_cancel(watching->api->client, &watching->http);
        return; /* on_done closes. */
    }
    uv_close((uv_handle_t *)&watching->timer, on_closed);
}

struct d1_kube_watching *d1_kube_watching_next(const struct d1_kube_watching *watching) {
    return watching->next;
}
