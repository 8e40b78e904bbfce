/*
 * An authority of our own, in a Secret that all replicas share.
 *
 * Happy path: the Secret is read (tls.crt and tls.key: the authority; ca.crt: it and the one before);
 * each APIService whose caBundle is not ca.crt is patched; then a serving certificate is made, and
 * everything is looked at again after LOOK_MS. Two thirds through the authority's life the next one
 * takes its place: ca.crt holds both then, so that kube-apiserver believes every replica at any
 * moment.
 * Failure modes: there is no Secret: it is made. Another replica was quicker (409): it is read again.
 * There is no APIService yet: asked again.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "webhook/kubernetes/issuer.h"
#include "webhook/kubernetes/servinginternal.h"

#define DAY_MS       INT64_C(86400000)
#define AUTHORITY_MS (3650 * DAY_MS)
#define SERVER_MS    (90 * DAY_MS)
#define SKEW_MS      INT64_C(300000) /* Clocks of others may be late. */
#define LOOK_MS      300000
#define MERGE        "application/merge-patch+json"

static void set_secret_path(struct d1_kube_serving *serving, bool with_name) {
    snprintf(serving->path, sizeof(serving->path), "/api/v1/namespaces/%s/secrets%s%s",
             serving->options.name_space, with_name ? "/" : "",
             with_name ? serving->options.secret : "");
}

/* ---- The serving certificate ---- */

static void serve(struct d1_kube_serving *serving) {
    int64_t now_ms = d1_serving_now_ms(serving);
    bool same =
        serving->issuer != NULL && strcmp(serving->issuer, serving->authority.certificate) == 0;
    if (same && now_ms < d1_serving_renew_ms(serving->pair.certificate)) {
        d1_serving_wait(serving, LOOK_MS, d1_serving_begin_self);
        return;
    }
    struct d1_tls_pair pair = {.key = NULL};
    struct d1_error error = {.text = "cannot be made"};
    int err = d1_tls_make_server(&serving->authority, serving->dns_name, now_ms - SKEW_MS,
                                 now_ms + SERVER_MS, &pair);
    err = err != D1_OK ? err : d1_serving_take(serving, &pair, &error);
    if (err != D1_OK) {
        d1_serving_trouble(serving, "the serving certificate", error.text, D1_SERVING_RETRY_MS);
        return;
    }
    d1_free(serving->issuer);
    serving->issuer = d1_strdup(serving->authority.certificate);
    d1_serving_wait(serving, LOOK_MS, d1_serving_begin_self);
}

/* ---- The APIServices ---- */

static void look_at_group(struct d1_kube_serving *serving);

static void next_group(struct d1_kube_serving *serving) {
    serving->group++;
    look_at_group(serving);
}

static void on_patched(struct d1_kube_serving *serving, int err) {
    if (err != D1_OK) {
        d1_serving_trouble(serving, "cannot patch the APIService's caBundle",
                           serving->call.error.text, D1_SERVING_RETRY_MS);
        return;
    }
    d1_log(serving->options.log, INFO, "ca_bundle_changed",
           D1_LOG_S("group", serving->options.groups[serving->group]));
    next_group(serving);
}

static void on_apiservice(struct d1_kube_serving *serving, int err) {
    if (err != D1_OK) {
        d1_serving_trouble(serving, "cannot read the APIService", serving->call.error.text,
                           D1_SERVING_RETRY_MS);
        return;
    }
    const json_t *spec = json_object_get(serving->call.reply, "spec");
    char *bundle = d1_serving_decode(json_object_get(spec, "caBundle"));
    bool same = bundle != NULL && strcmp(bundle, serving->bundle) == 0;
    d1_free(bundle);
    if (same) {
        next_group(serving);
        return;
    }
    json_t *body = json_pack("{s:{s:o}}", "spec", "caBundle", d1_serving_encode(serving->bundle));
    if (body == NULL) {
        d1_serving_trouble(serving, "the APIService", "out of memory", D1_SERVING_RETRY_MS);
        return;
    }
    d1_serving_ask(serving, "PATCH", body, MERGE, on_patched);
}

static void look_at_group(struct d1_kube_serving *serving) {
    const char *group = serving->options.groups[serving->group];
    if (group == NULL) {
        serve(serving);
        return;
    }
    snprintf(serving->path, sizeof(serving->path),
             "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.%s", group);
    d1_serving_ask(serving, "GET", NULL, NULL, on_apiservice);
}

/* ---- The Secret ---- */

static void take_authority(struct d1_kube_serving *serving, struct d1_tls_pair *pair,
                           char *bundle) {
    d1_tls_pair_close(&serving->authority);
    serving->authority = *pair;
    d1_free(serving->bundle);
    serving->bundle = bundle;
    serving->group = 0;
    look_at_group(serving);
}

static void on_written(struct d1_kube_serving *serving, int err) {
    if (err != D1_OK && err != D1_EEXIST) {
        d1_serving_trouble(serving, "cannot write the Secret of the webhook's authority",
                           serving->call.error.text, D1_SERVING_RETRY_MS);
        return;
    }
    d1_serving_wait(serving, 0, d1_serving_begin_self); /* What stands there now is what counts. */
}

/* A new authority; `old` is the certificate of the one before, or NULL. */
static void write_authority(struct d1_kube_serving *serving, const char *old, const char *version) {
    int64_t now_ms = d1_serving_now_ms(serving);
    struct d1_tls_pair pair = {.key = NULL};
    struct d1_bytes bundle;
    d1_bytes_init(&bundle, D1_TLS_PEM_BYTES_MAX);
    int err = d1_tls_make_authority("dns01d webhook authority", now_ms - SKEW_MS,
                                    now_ms + AUTHORITY_MS, &pair);
    err = err != D1_OK ? err
                       : d1_bytes_printf(&bundle, "%s%s", pair.certificate, old != NULL ? old : "");
    json_t *body = NULL;
    if (err == D1_OK) {
        body = json_pack(
            "{s:s, s:s, s:s, s:{s:s, s:s, s:s*}, s:{s:o, s:o, s:o}}", "apiVersion", "v1", "kind",
            "Secret", "type", "kubernetes.io/tls", "metadata", "name", serving->options.secret,
            "namespace", serving->options.name_space, "resourceVersion", version, "data", "tls.crt",
            d1_serving_encode(pair.certificate), "tls.key", d1_serving_encode(pair.key), "ca.crt",
            d1_serving_encode(d1_bytes_text(&bundle)));
    }
    d1_tls_pair_close(&pair);
    d1_bytes_close(&bundle);
    if (body == NULL) {
        d1_serving_trouble(serving, "a new authority", "it cannot be made", D1_SERVING_RETRY_MS);
        return;
    }
    d1_log(serving->options.log, INFO, "authority_made",
           D1_LOG_S("secret", serving->options.secret),
           D1_LOG_S("because", old != NULL ? "the one before grows old" : "there was none"));
    set_secret_path(serving, old != NULL);
    d1_serving_ask(serving, old != NULL ? "PUT" : "POST", body, NULL, on_written);
}

static void on_secret(struct d1_kube_serving *serving, int err) {
    json_t *data = json_object_get(serving->call.reply, "data");
    const json_t *metadata = json_object_get(serving->call.reply, "metadata");
    const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));
    if (err == D1_ENOTFOUND) {
        write_authority(serving, NULL, NULL);
        return;
    }
    if (err != D1_OK) {
        d1_serving_trouble(serving, "cannot read the Secret of the webhook's authority",
                           serving->call.error.text, D1_SERVING_RETRY_MS);
        return;
    }
    struct d1_tls_pair pair = {
        .certificate = d1_serving_decode(json_object_get(data, "tls.crt")),
        .key = d1_serving_decode(json_object_get(data, "tls.key")),
    };
    char *bundle = d1_serving_decode(json_object_get(data, "ca.crt"));
    d1_issuer_wipe(json_incref(data));
    int64_t renew_ms = d1_serving_renew_ms(pair.certificate);
    if (renew_ms != 0 && pair.key != NULL && d1_serving_now_ms(serving) >= renew_ms) {
        write_authority(serving, pair.certificate, version);
    } else if (renew_ms != 0 && pair.key != NULL && bundle != NULL) {
        take_authority(serving, &pair, bundle);
        return;
    } else {
        d1_serving_trouble(serving, "the Secret of the webhook's authority",
                           "tls.crt, tls.key or ca.crt is missing or no PEM; delete the Secret, "
                           "and dns01d makes another",
                           D1_SERVING_RETRY_MS);
    }
    d1_tls_pair_close(&pair);
    d1_free(bundle);
}

void d1_serving_begin_self(struct d1_kube_serving *serving) {
    set_secret_path(serving, true);
    d1_serving_ask(serving, "GET", NULL, NULL, on_secret);
}
