/*
 * Happy path: a timer has the pool read both files; when their digest is another than before, a
 * context was made of them there, and the loop puts it in place.
 * Failure modes: files that cannot be read or do not fit together (they are replaced one after the
 * other) change nothing and are told of once; the next look may find them whole.
 */
#include "http/certwatch.h"

#include <errno.h>
#include <string.h>

#include <uv.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/text.h"
#include "http/certificate.h"
#include "http/tls.h"

#define DOMAIN "dns01d certificate files"

struct d1_certwatch {
    struct d1_certwatch_options options;
    char *certificate;
    char *key;
    uint8_t digest[2][D1_SHA256_BYTES]; /* Of the files as last looked at. */
    bool known;                         /* `digest` is set. */
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
    /* Made in the pool. */
    char *reading[2]; /* Copies of the paths. */
    uint8_t fresh[2][D1_SHA256_BYTES];
    struct d1_tls_context *context;
    int err;
    struct d1_certificate_fault fault;
};

static int digest_file(const char *path, uint8_t digest[D1_SHA256_BYTES], struct d1_error *error) {
    char *text = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_TLS_PEM_BYTES_MAX, &text, &length, error);
    if (err == D1_OK) {
        err = d1_sha256(DOMAIN, text, length, digest);
        d1_wipe(text, length);
    }
    d1_free(text);
    return err;
}

/* In the pool. The first look only learns what is there. */
static void look(uv_work_t *work) {
    struct d1_certwatch *watch = D1_CONTAINER_OF(work, struct d1_certwatch, work);
    watch->fault = (struct d1_certificate_fault){.key = false};
    watch->err = D1_OK;
    memset(watch->fresh, 0, sizeof(watch->fresh)); /* What cannot be read is told of once, too. */
    for (int i = 0; watch->err == D1_OK && i < 2; i++) {
        watch->err = digest_file(watch->reading[i], watch->fresh[i], &watch->fault.error);
    }
    bool changed = memcmp(watch->fresh, watch->digest, sizeof(watch->digest)) != 0;
    if (watch->err == D1_OK && watch->known && changed) {
        watch->err = d1_certificate_read(watch->reading[0], watch->reading[1], &watch->context,
                                         &watch->fault);
    }
}

static void free_reading(struct d1_certwatch *watch) {
    d1_free(watch->reading[0]);
    d1_free(watch->reading[1]);
    watch->reading[0] = NULL;
    watch->reading[1] = NULL;
}

static void on_closed(uv_handle_t *handle) {
    struct d1_certwatch *watch = handle->data;
    void (*closed)(void *arg) = watch->closed;
    void *arg = watch->closed_arg;
    d1_tls_context_destroy(watch->context);
    free_reading(watch);
    d1_free(watch->certificate);
    d1_free(watch->key);
    d1_free(watch);
    closed(arg);
}

static void end_if_closing(struct d1_certwatch *watch) {
    if (watch->closing && !watch->working) {
        uv_close((uv_handle_t *)&watch->timer, on_closed);
    }
}

static void take(struct d1_certwatch *watch) {
    bool changed = memcmp(watch->fresh, watch->digest, sizeof(watch->digest)) != 0;
    bool tell = watch->known && changed;
    memcpy(watch->digest, watch->fresh, sizeof(watch->digest));
    watch->known = true;
    if (watch->context != NULL) {
        if (watch->options.asks_client) {
            d1_tls_context_ask_client(watch->context);
        }
        d1_tls_replace(watch->options.tls, watch->context);
        watch->context = NULL;
    }
    if (tell) {
        const char *fault = watch->fault.error.text;
        watch->options.on_change(watch->options.arg, watch->err == D1_OK ? NULL
                                                     : fault[0] != '\0'  ? fault
                                                                         : d1_err_text(watch->err));
    }
}

static void on_looked(uv_work_t *work, int status) {
    struct d1_certwatch *watch = D1_CONTAINER_OF(work, struct d1_certwatch, work);
    watch->working = false;
    bool same = watch->certificate != NULL && strcmp(watch->reading[0], watch->certificate) == 0 &&
                strcmp(watch->reading[1], watch->key) == 0;
    free_reading(watch);
    if (status == 0 && same && !watch->closing) {
        take(watch);
    }
    d1_tls_context_destroy(watch->context); /* Of files that are not ours any more. */
    watch->context = NULL;
    end_if_closing(watch);
}

static void on_time(uv_timer_t *timer) {
    struct d1_certwatch *watch = timer->data;
    if (watch->working) {
        return;
    }
    watch->reading[0] = d1_strdup(watch->certificate);
    watch->reading[1] = d1_strdup(watch->key);
    bool fine = watch->reading[0] != NULL && watch->reading[1] != NULL;
    watch->working = fine && uv_queue_work(timer->loop, &watch->work, look, on_looked) == 0;
    if (!watch->working) {
        free_reading(watch); /* The next look has perhaps more memory. */
    }
}

int d1_certwatch_set(struct d1_certwatch *watch, const char *certificate, const char *key) {
    char *first = d1_strdup(certificate);
    char *second = d1_strdup(key);
    if (first == NULL || second == NULL) {
        d1_free(first);
        d1_free(second);
        return -ENOMEM;
    }
    d1_free(watch->certificate);
    d1_free(watch->key);
    watch->certificate = first;
    watch->key = second;
    watch->known = false;
    return D1_OK;
}

int d1_certwatch_create(const struct d1_certwatch_options *options,
                        struct d1_certwatch **ret_watch) {
    struct d1_certwatch *watch = d1_calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return -ENOMEM;
    }
    watch->options = *options;
    if (d1_certwatch_set(watch, options->certificate, options->key) != D1_OK) {
        d1_free(watch);
        return -ENOMEM;
    }
    watch->timer.data = watch;
    uv_timer_init(d1_loop_uv(options->loop), &watch->timer);
    uv_timer_start(&watch->timer, on_time, 0, options->period_ms);
    *ret_watch = watch;
    return D1_OK;
}

void d1_certwatch_close(struct d1_certwatch *watch, void (*closed)(void *arg), void *arg) {
    watch->closing = true;
    watch->closed = closed;
    watch->closed_arg = arg;
    uv_timer_stop(&watch->timer);
    end_if_closing(watch);
}
